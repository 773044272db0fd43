// SPDX-License-Identifier: MIT
#include "net/out.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/pool.h"

size_t
cl_parts_len(const struct cl_part *parts, size_t parts_len)
{
    size_t len = 0;
    for (size_t at = 0; at < parts_len; at++)
        len += parts[at].bytes.len;
    return len;
}

/* Either a body's part, or a chunk of copied bytes with room behind them. */
struct cl_out_segment {
    struct cl_out_segment *next;
    struct cl_body *body; // NULL: a chunk
    const char *ptr;      // what is still to be written
    size_t len;
    size_t room;     // of a chunk: bytes free behind ptr + len
    uint32_t pooled; // bytes of its memory
    char bytes[];
};

void
cl_out_init(struct cl_out *out)
{
    *out = (struct cl_out){0};
}

static void
free_segments(struct cl_out_segment *segment)
{
    while (segment != NULL) {
        struct cl_out_segment *next = segment->next;
        cl_body_unref(segment->body);
        cl_pool_put(segment, segment->pooled);
        segment = next;
    }
}

void
cl_out_done(struct cl_out *out)
{
    free_segments(out->first);
    cl_out_init(out);
}

static struct cl_out_segment *
add_segment(struct cl_out *out, size_t room)
{
    struct cl_out_segment *segment = cl_pool_get(sizeof *segment + room);
    if (segment == NULL)
        return NULL;
    *segment = (struct cl_out_segment){
        .ptr = segment->bytes, .room = room, .pooled = (uint32_t)(sizeof *segment + room)};
    if (out->last == NULL)
        out->first = segment;
    else
        out->last->next = segment;
    out->last = segment;
    return segment;
}

static enum cl_err
add_body(struct cl_out *out, const struct cl_part *part)
{
    struct cl_out_segment *segment = add_segment(out, 0);
    if (segment == NULL)
        return CL_ERR_NO_MEMORY;
    segment->body = cl_body_ref(part->body);
    segment->ptr = part->bytes.ptr;
    segment->len = part->bytes.len;
    out->waiting += part->bytes.len;
    return CL_OK;
}

/* Fills the room of the last chunk first. One piece needs little, but where a second one comes many
 * are to be expected. */
static enum cl_err
add_copy(struct cl_out *out, cl_str bytes)
{
    struct cl_out_segment *last = out->last;
    size_t fits = last == NULL ? 0 : last->room;
    if (fits > bytes.len)
        fits = bytes.len;
    size_t left = bytes.len - fits;
    struct cl_out_segment *fresh = NULL;
    if (left > 0) {
        size_t room = out->waiting == 0 ? CL_NET_OUT_CHUNK_BYTES_MIN : CL_NET_OUT_CHUNK_BYTES_MAX;
        room -= sizeof *fresh;
        fresh = add_segment(out, left > room ? left : room);
        if (fresh == NULL)
            return CL_ERR_NO_MEMORY;
        memcpy(fresh->bytes, bytes.ptr + fits, left);
        fresh->len = left;
        fresh->room -= left;
    }
    if (fits > 0) {
        char *end = last->bytes + (last->ptr - last->bytes) + last->len;
        memcpy(end, bytes.ptr, fits);
        last->len += fits;
        last->room -= fits;
    }
    out->waiting += bytes.len;
    return CL_OK;
}

static enum cl_err
add_part(struct cl_out *out, const struct cl_part *part)
{
    if (part->body != NULL && part->bytes.len >= CL_NET_BODY_REF_BYTES_MIN)
        return add_body(out, part);
    return add_copy(out, part->bytes);
}

/* The common case: all of it is copied into the room of the last chunk. False: it is not. */
static bool
add_small(struct cl_out *out, cl_str head, const struct cl_part *parts, size_t parts_len)
{
    struct cl_out_segment *last = out->last;
    size_t len = head.len + cl_parts_len(parts, parts_len);
    if (last == NULL || len > last->room)
        return false;
    for (size_t at = 0; at < parts_len; at++)
        if (parts[at].body != NULL && parts[at].bytes.len >= CL_NET_BODY_REF_BYTES_MIN)
            return false;
    char *end = last->bytes + (last->ptr - last->bytes) + last->len;
    memcpy(end, head.ptr, head.len);
    end += head.len;
    for (size_t at = 0; at < parts_len; at++) {
        if (parts[at].bytes.len > 0)
            memcpy(end, parts[at].bytes.ptr, parts[at].bytes.len);
        end += parts[at].bytes.len;
    }
    last->len += len;
    last->room -= len;
    out->waiting += len;
    return true;
}

enum cl_err
cl_out_add(struct cl_out *out, cl_str head, const struct cl_part *parts, size_t parts_len)
{
    if (add_small(out, head, parts, parts_len))
        return CL_OK;
    struct cl_out before = *out;
    size_t last_len = out->last == NULL ? 0 : out->last->len;

    enum cl_err err = add_copy(out, head);
    for (size_t at = 0; err == CL_OK && at < parts_len; at++)
        err = add_part(out, &parts[at]);
    if (err == CL_OK)
        return CL_OK;

    free_segments(before.last == NULL ? out->first : before.last->next);
    *out = before;
    if (out->last != NULL) {
        out->last->next = NULL;
        out->last->room += out->last->len - last_len;
        out->last->len = last_len;
    }
    return err;
}

/* Frees what was taken. */
static void
consume(struct cl_out *out, size_t taken)
{
    CL_ASSERT(taken <= out->waiting);
    out->waiting -= taken;
    while (out->first != NULL && taken >= out->first->len) {
        struct cl_out_segment *done = out->first;
        taken -= done->len;
        out->first = done->next;
        done->next = NULL;
        free_segments(done);
    }
    if (out->first == NULL) {
        out->last = NULL;
    } else {
        out->first->ptr += taken;
        out->first->len -= taken;
    }
}

/* Offers the first segments to the stream. */
static enum cl_err
offer(const struct cl_out *out, struct cl_stream *stream, size_t *ret_offered, size_t *ret_taken)
{
    cl_str slices[CL_NET_OUT_SLICES_MAX];
    size_t count = 0;
    size_t offered = 0;
    const struct cl_out_segment *at = out->first;
    for (; at != NULL && count < CL_NET_OUT_SLICES_MAX; at = at->next) {
        slices[count++] = cl_str_of(at->ptr, at->len);
        offered += at->len;
    }
    *ret_offered = offered;
    return cl_stream_write(stream, slices, count, ret_taken);
}

static enum cl_err
offer_one(const struct cl_out *out, struct cl_stream *stream, size_t *ret_offered,
          size_t *ret_taken)
{
    cl_str slice = cl_str_of(out->first->ptr, out->first->len);
    *ret_offered = slice.len;
    return cl_stream_write(stream, &slice, 1, ret_taken);
}

enum cl_err
cl_out_write(struct cl_out *out, struct cl_stream *stream, size_t *ret_taken)
{
    size_t total = 0;
    size_t offered = 0;
    size_t taken = 0;
    while (out->waiting > 0 && taken == offered) {
        taken = 0;
        enum cl_err err = out->first->next == NULL ? offer_one(out, stream, &offered, &taken)
                                                   : offer(out, stream, &offered, &taken);
        if (err != CL_OK)
            return err;
        consume(out, taken);
        total += taken;
    }
    *ret_taken = total;
    return CL_OK;
}
