// SPDX-License-Identifier: MIT
/*
 * cli/inbox.h - the own inbox, looked through without taking anything (v2.md, inbox).
 */
#ifndef CL_CLI_INBOX_H
#define CL_CLI_INBOX_H

#include "cli/mail.h"
#include "cli/run.h"
#include "cli/wanted.h"

/* One message that waits; it lives until the function returns. False: that is enough. */
typedef bool cl_inbox_fn(void *ctx, const struct cl_v2_letter *letter, const struct cl_mail *mail);

struct cl_inbox_walk {
    cl_inbox_fn *fn;
    void *ctx;
    uint64_t max;     // messages to look at; 0: all
    uint64_t waiting; // is set: how many there are
};

/* In the order in which they will be handed out. */
CL_MUST_CHECK enum cl_err cl_inbox_walk(struct cl_run *run, struct cl_inbox_walk *walk,
                                        struct cl_why *why);
/* Meets all that waits with each of those, and notes where it waits. */
CL_MUST_CHECK enum cl_err cl_inbox_meet(struct cl_run *run, struct cl_wanted *wanted, size_t len,
                                        struct cl_why *why);

/* The id of the message that is called so: a whole one, which is not looked for, or one that waits.
 * CL_ERR_NOT_FOUND, CL_ERR_AMBIGUOUS. */
CL_MUST_CHECK enum cl_err cl_inbox_resolve(struct cl_run *run, cl_str text, cl_id *ret_id,
                                           struct cl_why *why);

/* An agent that the relay does not know is made known to it, so that others can write to it; of one
 * that it knows nothing is changed. */
CL_MUST_CHECK enum cl_err cl_inbox_arrive(struct cl_run *run, struct cl_why *why);

/* What reading an answer of v2 needs: arena is the verb's, key filled at random. */
struct cl_envelope_reader cl_inbox_reader(struct cl_arena *arena, cl_hash_key *key);

#endif
