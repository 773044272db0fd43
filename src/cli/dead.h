// SPDX-License-Identifier: MIT
/*
 * cli/dead.h - the dead letters that an agent has sent or should have got (v2.md, Dead letters).
 */
#ifndef CL_CLI_DEAD_H
#define CL_CLI_DEAD_H

#include "cli/run.h"
#include "cli/wanted.h"

/* One of them, and the JSON that the relay wrote of it; both live until the function returns.
 * False: that is enough. */
typedef bool cl_dead_fn(void *ctx, const struct cl_v2_dead *dead, cl_str json);

struct cl_dead_walk {
    cl_dead_fn *fn;
    void *ctx;
    uint64_t max;  // letters to look at; 0: all
    bool has_more; // is set: there are more than that
};

/* The newest first. */
CL_MUST_CHECK enum cl_err cl_dead_walk(struct cl_run *run, struct cl_dead_walk *walk,
                                       struct cl_why *why);
/* Meets all of them with each of those. */
CL_MUST_CHECK enum cl_err cl_dead_meet(struct cl_run *run, struct cl_wanted *wanted, size_t len,
                                       struct cl_why *why);
/* The id of the one that is called so; a whole id is not looked for. CL_ERR_NOT_FOUND,
 * CL_ERR_AMBIGUOUS. */
CL_MUST_CHECK enum cl_err cl_dead_find(struct cl_run *run, cl_str text, cl_id *ret_id,
                                       struct cl_why *why);
/* The relay says that there is no such letter: CL_ERR_NOT_FOUND, with a sentence. */
CL_MUST_CHECK enum cl_err cl_dead_unknown(const struct cl_run *run, cl_id id, struct cl_why *why);

#endif
