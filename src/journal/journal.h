// SPDX-License-Identifier: MIT
/*
 * journal/journal.h - puts durable commands into one order and says when they are committed.
 *
 * One asynchronous interface, several journals. A relay does, per turn of its loop:
 *
 *     submit ...           each command that was admitted
 *     turn                 once: what was submitted so far may now be committed
 *     next ... NULL        committed commands in order: apply each, perform its effects, free it
 *     state                READ_ONLY: what was submitted and has not come out of `next` by now
 *                          never will; answer those tickets with CL_ERR_READ_ONLY
 *
 * Nothing may be told to anybody about a command before `next` has returned it.
 */
#ifndef CL_JOURNAL_JOURNAL_H
#define CL_JOURNAL_JOURNAL_H

#include "base/err.h"
#include "core/command.h"
#include "core/core.h"

struct cl_journal;

enum cl_journal_state {
    CL_JOURNAL_OPEN,
    CL_JOURNAL_READ_ONLY // for good: nothing is taken any more; reads may go on
};

struct cl_journal_ops {
    /* On CL_OK the journal owns the command. CL_ERR_FULL: later perhaps; CL_ERR_READ_ONLY:
     * never; in both cases the caller still owns it. */
    enum cl_err (*submit)(struct cl_journal *journal, struct cl_command *command);
    void (*turn)(struct cl_journal *journal);
    struct cl_command *(*next)(struct cl_journal *journal);
    enum cl_journal_state (*state)(const struct cl_journal *journal);
    enum cl_err (*replay)(struct cl_journal *journal, struct cl_core *core);
    void (*close)(struct cl_journal *journal);
};

/* The head of every journal's struct. */
struct cl_journal {
    const struct cl_journal_ops *ops;
};

CL_MUST_CHECK static inline enum cl_err
cl_journal_submit(struct cl_journal *journal, struct cl_command *command)
{
    return journal->ops->submit(journal, command);
}

static inline void
cl_journal_turn(struct cl_journal *journal)
{
    journal->ops->turn(journal);
}

/* The next committed command, which the caller then owns; NULL: none for now. */
static inline struct cl_command *
cl_journal_next(struct cl_journal *journal)
{
    return journal->ops->next(journal);
}

static inline enum cl_journal_state
cl_journal_state(const struct cl_journal *journal)
{
    return journal->ops->state(journal);
}

/* Before the first submit: applies all that earlier runs committed to a new core. Effects are
 * discarded; cl_core_resume says what is outstanding. CL_ERR_IO, CL_ERR_MALFORMED or
 * CL_ERR_NO_MEMORY: the core is then of no use. */
CL_MUST_CHECK static inline enum cl_err
cl_journal_replay(struct cl_journal *journal, struct cl_core *core)
{
    return journal->ops->replay(journal, core);
}

/* Accepts NULL. What was not committed is lost. */
static inline void
cl_journal_close(struct cl_journal *journal)
{
    if (journal != NULL)
        journal->ops->close(journal);
}

#endif
