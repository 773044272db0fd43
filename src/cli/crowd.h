// SPDX-License-Identifier: MIT
/*
 * cli/crowd.h - who is there, compared with who was there the last time.
 */
#ifndef CL_CLI_CROWD_H
#define CL_CLI_CROWD_H

#include "base/map.h"
#include "proto/v2.h"

/* What became of an agent between two rounds. */
enum cl_crowd_change {
    CL_CROWD_CAME,  // it is new, or back: online now
    CL_CROWD_STALE, // it was online and is silent now
    CL_CROWD_GONE,  // the relay does not list it any more
};

/* agent is an address, good during the call. */
typedef void cl_crowd_fn(void *ctx, enum cl_crowd_change change, cl_str agent);

struct cl_crowd {
    struct cl_map members; // by address
    cl_hash_key hash_key;
    uint32_t round; // 0: nobody was met so far, and nothing is told of the first round
};

void cl_crowd_init(struct cl_crowd *crowd);
void cl_crowd_done(struct cl_crowd *crowd);

/* A round: each page of the list, then its end. Agents that others made for one answer alone
 * (".ask-" in the name, cli/post.c) are nobody. Past CL_CLI_WATCH_AGENTS_MAX new ones are not
 * noticed. CL_ERR_NO_MEMORY. */
void cl_crowd_begin(struct cl_crowd *crowd);
CL_MUST_CHECK enum cl_err cl_crowd_meet(struct cl_crowd *crowd, const struct cl_v2_agent *agents,
                                        size_t len, cl_crowd_fn *fn, void *ctx);
void cl_crowd_end(struct cl_crowd *crowd, cl_crowd_fn *fn, void *ctx);

#endif
