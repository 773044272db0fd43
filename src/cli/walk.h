// SPDX-License-Identifier: MIT
/*
 * cli/walk.h - a list that comes in several answers of the relay, each of which says behind what
 * the next one goes on. It ends, whatever the relay says.
 */
#ifndef CL_CLI_WALK_H
#define CL_CLI_WALK_H

#include "cli/run.h"

/* The places behind which one list went on so far; all zero is a list that begins. */
struct cl_places {
    uint32_t len;  // of them
    uint32_t next; // when there are so many, the next one is kept
    size_t kept_len;
    char kept[CL_ID_BYTES_MAX];
};

/* Goes on behind a place, in whatever bytes. False: the list went on there before, which is noticed
 * before it was gone through three times, or more than CL_CLI_WALK_ANSWERS_MAX times at all. */
bool cl_places_pass(struct cl_places *places, cl_str place);

/* Sees one answer, whose memory lasts until it returns, and sets the params to the next one. Its
 * place goes into ret_place; left empty: that was all, or enough. */
typedef enum cl_err cl_walk_fn(void *ctx, const struct cl_envelope_reader *reader,
                               const void *result, struct cl_buf *ret_place, struct cl_why *why);

struct cl_walk {
    enum cl_v2_method method;
    const void *params; // of the method; ctx has them as well, to be changed
    cl_walk_fn *fn;
    void *ctx;
};

/* Calls until there is no more. The errors of cl_client_call_v2 and of fn; CL_ERR_IO: the relay's
 * list has no end. */
CL_MUST_CHECK enum cl_err cl_walk(struct cl_run *run, const struct cl_walk *walk,
                                  struct cl_why *why);

#endif
