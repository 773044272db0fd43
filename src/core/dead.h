// SPDX-License-Identifier: MIT
/*
 * core/dead.h - messages that nobody will read unless somebody asks for them again.
 *
 * A message to one id that expires, is refused, is given back too often, or whose inbox nobody came
 * for, becomes a dead letter with its body: listed, and found by its id, until it is queued again
 * or dropped, or CL_DEAD_LIFE_MS have passed, or newer ones need its room. One whose recipient said
 * before how it ended does not, nor does a broadcast. Of two with one id the older goes.
 *
 * Readable by everyone, until the next apply; written by the core.
 */
#ifndef CL_CORE_DEAD_H
#define CL_CORE_DEAD_H

#include "core/agent.h"
#include "core/receipt.h"

struct cl_dead {
    struct cl_msg *msg;
    cl_time at;
    enum cl_cause cause;
    struct cl_body *reason; // the recipient's words, or NULL
    struct cl_link link;    // of all, oldest first
};

struct cl_deads {
    struct cl_map by_id;
    struct cl_list all;
    uint64_t bytes; // sum of cl_msg_cost
};

/* In the recipient's words, or the core's. */
cl_str cl_dead_reason(const struct cl_dead *dead);

/* The message with that number leaves the inbox, ended in that way: its receipt is told, and it
 * becomes a dead letter if it may. Dies without memory. */
void cl_dead_end(struct cl_core *core, struct cl_agent *agent, struct cl_range at,
                 struct cl_end end);
/* Takes over a reference on the message. Only CL_ERR_NO_MEMORY can happen, and then the reference
 * is given back too. What there is no room for is dropped. */
CL_MUST_CHECK enum cl_err cl_dead_add(struct cl_core *core, const struct cl_dead *draft);
/* The letter is gone; the caller owns its reference on the message. */
struct cl_msg *cl_dead_take(struct cl_core *core, struct cl_dead *dead);
void cl_dead_free(struct cl_core *core, struct cl_dead *dead);
/* The same letter, to be changed. */
struct cl_dead *cl_dead_of(const struct cl_core *core, cl_id id);
/* The oldest are dropped until the others have room. */
void cl_deads_trim(struct cl_core *core);
/* Those whose time is over at `due` are dropped. */
void cl_deads_expire(struct cl_core *core, cl_time due);
cl_time cl_deads_deadline(const struct cl_core *core);

void cl_deads_init(struct cl_deads *deads, const cl_hash_key *hash_key);
/* Frees all. */
void cl_deads_done(struct cl_core *core);
/* The first broken invariant, or NULL. */
const char *cl_deads_fault(const struct cl_core *core);

static inline struct cl_dead *
cl_dead_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct cl_dead, link);
}

#endif
