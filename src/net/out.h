// SPDX-License-Identifier: MIT
/*
 * net/out.h - what waits to be written on one connection.
 *
 * Small pieces are copied together into chunks; bodies of CL_NET_BODY_REF_BYTES_MIN bytes and
 * more wait by reference. Empty, it owns no memory. It has no maximum of its own: its owner
 * asks cl_out_waiting before it adds.
 */
#ifndef CL_NET_OUT_H
#define CL_NET_OUT_H

#include "base/body.h"
#include "base/err.h"
#include "net/stream.h"

/* A piece of output. With a body, bytes is a part of it and may wait by reference; without one
 * bytes is borrowed and copied before the call returns. */
struct cl_part {
    cl_str bytes;
    struct cl_body *body;
};

static inline struct cl_part
cl_part_of(cl_str bytes)
{
    return (struct cl_part){.bytes = bytes};
}

/* A whole body. The caller's reference stays the caller's. */
static inline struct cl_part
cl_part_of_body(struct cl_body *body)
{
    return (struct cl_part){.bytes = cl_body_str(body), .body = body};
}

/* Bytes of all parts. */
size_t cl_parts_len(const struct cl_part *parts, size_t parts_len);

struct cl_out_segment;

struct cl_out {
    struct cl_out_segment *first;
    struct cl_out_segment *last;
    size_t waiting; // bytes
};

void cl_out_init(struct cl_out *out);
void cl_out_done(struct cl_out *out);
static inline size_t
cl_out_waiting(const struct cl_out *out)
{
    return out->waiting;
}

/* Adds head, which is borrowed and copied, and behind it all parts; on CL_ERR_NO_MEMORY nothing. */
CL_MUST_CHECK enum cl_err cl_out_add(struct cl_out *out, cl_str head, const struct cl_part *parts,
                                     size_t parts_len);
/* Writes as much as the stream takes; what was taken is freed. *ret_taken is its length. */
CL_MUST_CHECK enum cl_err cl_out_write(struct cl_out *out, struct cl_stream *stream,
                                       size_t *ret_taken);

#endif
