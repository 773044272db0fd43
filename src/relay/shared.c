// SPDX-License-Identifier: MIT
#include "relay/shared.h"

#include <string.h>

#include "net/ws_conn.h"
#include "proto/envelope.h"
#include "proto/v1_encode.h"

void
cl_shared_init(struct cl_shared *shared)
{
    shared->frames = NULL;
    cl_buf_init(&shared->head, SIZE_MAX);
    cl_buf_init(&shared->text, SIZE_MAX);
}

void
cl_shared_forget(struct cl_shared *shared)
{
    cl_body_unref(shared->frames);
    shared->frames = NULL;
}

void
cl_shared_done(struct cl_shared *shared)
{
    cl_shared_forget(shared);
    cl_buf_done(&shared->head);
    cl_buf_done(&shared->text);
}

/* The same messages in the same order? */
static bool
is_same(const struct cl_shared *shared, const struct cl_batch *batch)
{
    return shared->frames != NULL && shared->len == batch->len &&
           memcmp(shared->msgs, batch->msgs, batch->len * sizeof batch->msgs[0]) == 0;
}

static bool
is_for_many(const struct cl_batch *batch)
{
    if (batch->len > CL_CREDIT_MESSAGES || batch->bytes > CL_SHARED_BYTES_MAX)
        return false;
    for (uint32_t at = 0; at < batch->len; at++)
        if (!cl_msg_is_for_many(batch->msgs[at]) || batch->msgs[at]->media == CL_MEDIA_ENVELOPE)
            return false;
    return true;
}

static uint64_t
oldest_of(const struct cl_batch *batch)
{
    uint64_t oldest = UINT64_MAX;
    for (uint32_t at = 0; at < batch->len; at++)
        if (batch->msgs[at]->number < oldest)
            oldest = batch->msgs[at]->number;
    return oldest;
}

/* Into the scratch text. */
static enum cl_err
put_frames(struct cl_shared *shared, const struct cl_batch *batch)
{
    enum cl_err err = CL_OK;
    cl_buf_clear(&shared->text);
    for (uint32_t at = 0; err == CL_OK && at < batch->len; at++) {
        const struct cl_msg *msg = batch->msgs[at];
        cl_str rest;
        cl_buf_clear(&shared->head);
        err = cl_v1_encode_message(msg, false, &shared->head, &rest);
        if (err != CL_OK)
            break;
        struct cl_part parts[] = {cl_part_of(cl_buf_str(&shared->head)), cl_part_of(rest)};
        err = cl_ws_put_text(&shared->text, parts, 2);
    }
    return err;
}

struct cl_body *
cl_shared_frames(struct cl_shared *shared, const struct cl_batch *batch, uint64_t births)
{
    if (!is_same(shared, batch)) {
        cl_shared_forget(shared);
        if (!is_for_many(batch) || put_frames(shared, batch) != CL_OK)
            return NULL;
        shared->frames = cl_body_new(cl_buf_str(&shared->text));
        shared->oldest = oldest_of(batch);
        shared->len = batch->len;
        memcpy(shared->msgs, batch->msgs, batch->len * sizeof batch->msgs[0]);
    }
    return births < shared->oldest ? shared->frames : NULL;
}
