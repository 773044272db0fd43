// SPDX-License-Identifier: MIT
/*
 * base/body.h - bytes that many queues and connections share.
 *
 * A body is written once, then only read, and counted: the one place in ClawLink where
 * references are (a broadcast holds one body in a thousand inboxes). One thread.
 */
#ifndef CL_BASE_BODY_H
#define CL_BASE_BODY_H

#include <stdint.h>

#include "base/str.h"

struct cl_body {
    uint32_t refs;
    uint32_t len;
    char bytes[];
};

/* One reference, which the caller owns. NULL without memory or above 4 GiB - 1. */
struct cl_body *cl_body_new(cl_str bytes);
/* As cl_body_new, with len bytes that hold anything and are still to be written by the caller. */
struct cl_body *cl_body_new_blank(size_t len);
/* Another reference to the same body; returns body. Accepts NULL. */
struct cl_body *cl_body_ref(struct cl_body *body);
/* Gives a reference back; accepts NULL. */
void cl_body_unref(struct cl_body *body);

/* A NULL body reads as empty. */
static inline cl_str
cl_body_str(const struct cl_body *body)
{
    return body == NULL ? cl_str_of(NULL, 0) : cl_str_of(body->bytes, body->len);
}

#endif
