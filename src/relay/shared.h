// SPDX-License-Identifier: MIT
/*
 * relay/shared.h - the frames of one batch, written once for all sockets that take the same.
 *
 * A broadcast to 500 that keep up is 500 batches of the same messages, one after the other, in the
 * same phase of one turn. They are encoded and framed once; each socket's output refers to them.
 */
#ifndef CL_RELAY_SHARED_H
#define CL_RELAY_SHARED_H

#include "base/body.h"
#include "base/buf.h"
#include "core/session.h"

struct cl_shared {
    struct cl_body *frames; // NULL: there are none
    uint64_t oldest;        // the smallest number among its messages
    uint32_t len;
    const struct cl_msg *msgs[CL_CREDIT_MESSAGES];
    struct cl_buf head, text; // scratch
};

void cl_shared_init(struct cl_shared *shared);
void cl_shared_done(struct cl_shared *shared);

/* The frames of this batch, if others are likely to take the same one: each of its messages waits
 * in several inboxes and is younger than `births`, and all of them are at most CL_SHARED_BYTES_MAX.
 * NULL for any other batch, and without memory: then it is written message by message. The
 * reference stays with *shared. */
struct cl_body *cl_shared_frames(struct cl_shared *shared, const struct cl_batch *batch,
                                 uint64_t births);
/* Before messages may be freed. */
void cl_shared_forget(struct cl_shared *shared);

#endif
