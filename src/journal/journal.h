// SPDX-License-Identifier: MIT
/*
 * journal/journal.h - puts durable commands into one order and says when they are committed.
 *
 * One asynchronous interface, several journals. A relay does, per turn of its loop:
 *
 *     submit ...           each command that was admitted
 *     turn                 once: what was submitted so far may now be committed
 *     next ... NULL        committed commands in order: apply each, perform its effects, free it
 *     refused ... NULL     commands that a full disk did not take: tell who waits, free it
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

/* Something came out. Called on any thread, and not for each thing that did; must not block, nor
 * call the journal. */
typedef void cl_journal_wake_fn(void *ctx);

enum cl_journal_state {
    CL_JOURNAL_OPEN,
    CL_JOURNAL_READ_ONLY // for good: nothing is taken any more; reads may go on
};

/* What a journal is, and what it had when it was opened. */
struct cl_journal_about {
    const char *durability; // of what comes out of `next`: "memory", gone with the process; "disk"
    uint64_t snapshot;      // commands that the snapshot stands for; 0: there is none
    uint64_t commands;      // behind it
};

/* What a journal did beside the commits. */
enum cl_journal_news_kind {
    CL_JOURNAL_SNAPSHOT, // err CL_ERR_INTERNAL: the log does not lead to the state that is live
    CL_JOURNAL_COPY,
    CL_JOURNAL_NEWS_KINDS,
};

struct cl_journal_news {
    enum cl_journal_news_kind kind;
    enum cl_err err;   // CL_OK: it was made
    uint64_t commands; // that the snapshot stands for
    uint64_t bytes;    // of the snapshot
    int64_t ms;        // that it took
    struct cl_why why; // of a copy
};

/* What is NULL does nothing: there are no refused commands, and nobody is woken. */
struct cl_journal_ops {
    /* On CL_OK the journal owns the command. CL_ERR_FULL: later perhaps; CL_ERR_READ_ONLY:
     * never; in both cases the caller still owns it. */
    enum cl_err (*submit)(struct cl_journal *journal, struct cl_command *command);
    void (*turn)(struct cl_journal *journal);
    struct cl_command *(*next)(struct cl_journal *journal);
    struct cl_command *(*refused)(struct cl_journal *journal);
    enum cl_journal_state (*state)(const struct cl_journal *journal);
    bool (*watch)(struct cl_journal *journal, cl_journal_wake_fn *wake, void *ctx);
    struct cl_journal_about (*about)(const struct cl_journal *journal);
    enum cl_err (*replay)(struct cl_journal *journal, const cl_hash_key *hash_key,
                          struct cl_core **core);
    void (*note)(struct cl_journal *journal, uint64_t applied, uint64_t trail);
    bool (*news)(struct cl_journal *journal, struct cl_journal_news *ret_news);
    enum cl_err (*copy)(struct cl_journal *journal, cl_str path);
    bool (*rest)(struct cl_journal *journal, const struct cl_core *core,
                 struct cl_journal_news *ret_news);
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

/* A command that was taken, and that there was no room for when it was to be committed: it is not
 * in the journal and never will be, though later ones may. The caller owns it; NULL: none. Those
 * that `next` has are as good as before. */
static inline struct cl_command *
cl_journal_refused(struct cl_journal *journal)
{
    return journal->ops->refused == NULL ? NULL : journal->ops->refused(journal);
}

static inline enum cl_journal_state
cl_journal_state(const struct cl_journal *journal)
{
    return journal->ops->state(journal);
}

/* From now on wake(ctx) is called when a turn would find something; NULL: no longer, and no call is
 * under way any more. False: this journal calls nobody, and wants turns while something waits. */
static inline bool
cl_journal_watch(struct cl_journal *journal, cl_journal_wake_fn *wake, void *ctx)
{
    return journal->ops->watch != NULL && journal->ops->watch(journal, wake, ctx);
}

/* Before the first submit: brings *core, a new one, to the state of all that earlier runs
 * committed. It may be replaced by another, which has that hash key. Effects are discarded;
 * cl_core_resume says what is outstanding. CL_ERR_IO, CL_ERR_MALFORMED or CL_ERR_NO_MEMORY: the
 * core is then of no use. The caller owns *core as before. */
CL_MUST_CHECK static inline enum cl_err
cl_journal_replay(struct cl_journal *journal, const cl_hash_key *hash_key, struct cl_core **core)
{
    return journal->ops->replay(journal, hash_key, core);
}

static inline struct cl_journal_about
cl_journal_about(const struct cl_journal *journal)
{
    return journal->ops->about == NULL ? (struct cl_journal_about){.durability = "memory"}
                                       : journal->ops->about(journal);
}

/* After a turn in which commands were applied: how many in all, and the core's trail by then. What
 * the journal makes of them by itself is compared with that. */
static inline void
cl_journal_note(struct cl_journal *journal, const struct cl_core *core)
{
    if (journal->ops->note != NULL)
        journal->ops->note(journal, cl_core_applied(core), cl_core_trail(core));
}

/* What it did since it was asked, the latest of each kind; false: nothing more. */
static inline bool
cl_journal_news(struct cl_journal *journal, struct cl_journal_news *ret_news)
{
    return journal->ops->news != NULL && journal->ops->news(journal, ret_news);
}

/* Begins to copy what is committed to a new file of that path, which is absolute; the news say how
 * it ended. CL_ERR_NOT_IMPLEMENTED: there is nothing to copy. CL_ERR_UNAVAILABLE: a copy is under
 * way. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK static inline enum cl_err
cl_journal_copy(struct cl_journal *journal, cl_str path)
{
    return journal->ops->copy == NULL ? CL_ERR_NOT_IMPLEMENTED : journal->ops->copy(journal, path);
}

/* At the end, when all that was submitted has come out and was applied to that core: its state is
 * kept, so that the next start is quick. Nothing is submitted any more. False: there is nothing to
 * keep it in. */
static inline bool
cl_journal_rest(struct cl_journal *journal, const struct cl_core *core,
                struct cl_journal_news *ret_news)
{
    return journal->ops->rest != NULL && journal->ops->rest(journal, core, ret_news);
}

/* Accepts NULL. What was not committed is lost. */
static inline void
cl_journal_close(struct cl_journal *journal)
{
    if (journal != NULL)
        journal->ops->close(journal);
}

#endif
