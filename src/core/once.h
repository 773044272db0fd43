// SPDX-License-Identifier: MIT
/*
 * core/once.h - what must not come a second time, such as a signature that was accepted.
 *
 * Each is known by a digest, and for how long: until then it is refused. Readable by nobody but the
 * core, which forgets what is over with a TICK.
 */
#ifndef CL_CORE_ONCE_H
#define CL_CORE_ONCE_H

#include "base/digest.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/time.h"

struct cl_core;
struct cl_command_once;

struct cl_once {
    cl_digest digest;
    struct cl_heap_node end; // its time
    struct cl_link link;     // of all, in the order in which they came
};

struct cl_onces {
    struct cl_map by_digest;
    struct cl_list all;
    struct cl_heap ends;
    uint64_t ever; // so many came: ties of the heap. Not part of the state
};

/* As cl_core_admit of a ONCE. */
CL_MUST_CHECK enum cl_err cl_once_admit(const struct cl_core *core, cl_time now,
                                        const struct cl_command_once *fields);
/* In the place of one that is over, if there is that. Only CL_ERR_NO_MEMORY can happen, and then
 * nothing has changed but that. */
CL_MUST_CHECK enum cl_err cl_once_add(struct cl_core *core, const cl_digest *digest, cl_time until);
/* Those whose time is over at `due` are forgotten. */
void cl_onces_expire(struct cl_core *core, cl_time due);
/* In whole seconds, so that there is no TICK for each. */
cl_time cl_onces_deadline(const struct cl_core *core);

void cl_onces_init(struct cl_onces *onces, const cl_hash_key *hash_key);
void cl_onces_done(struct cl_onces *onces);
/* The first broken invariant, or NULL. */
const char *cl_onces_fault(const struct cl_core *core);

static inline struct cl_once *
cl_once_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct cl_once, link);
}

#endif
