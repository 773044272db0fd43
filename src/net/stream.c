// SPDX-License-Identifier: MIT
#include "net/stream.h"

#include "base/assert.h"
#include "net/loop_private.h"

void
cl_stream_init(struct cl_stream *stream, struct cl_loop *loop, const struct cl_stream_ops *ops)
{
    *stream = (struct cl_stream){.ops = ops, .loop = loop};
    cl_list_append(&loop->streams, &stream->in_loop);
    cl_link_init(&stream->to_flush);
}

void
cl_stream_break(struct cl_stream *stream, enum cl_err reason)
{
    if (stream->is_broken)
        return;
    stream->is_broken = true;
    cl_list_remove(&stream->to_flush);
    if (stream->events != NULL)
        stream->events->on_closed(stream->ctx, reason);
}

void
cl_stream_use(struct cl_stream *stream, const struct cl_stream_events *events, void *ctx)
{
    bool is_first = stream->events == NULL;
    stream->events = events;
    stream->ctx = ctx;
    if (is_first)
        cl_stream_set_reading(stream, true);
}

void
cl_stream_want_write(struct cl_stream *stream)
{
    CL_ASSERT(stream->events != NULL);
    if (!stream->is_broken && !cl_link_is_linked(&stream->to_flush))
        cl_list_append(&stream->loop->to_flush, &stream->to_flush);
}

enum cl_err
cl_stream_write(struct cl_stream *stream, const cl_str *slices, size_t count, size_t *ret_taken)
{
    return stream->ops->write(stream, slices, count, ret_taken);
}

void
cl_stream_shut(struct cl_stream *stream)
{
    stream->ops->shut(stream);
}

void
cl_stream_close(struct cl_stream *stream)
{
    cl_list_remove(&stream->in_loop);
    cl_list_remove(&stream->to_flush);
    stream->events = NULL;
    stream->ops->close(stream);
}

void
cl_stream_drop_output(struct cl_stream *stream)
{
    stream->drops_output = true;
}

void
cl_stream_set_reading(struct cl_stream *stream, bool is_on)
{
    stream->ops->set_reading(stream, is_on);
}

bool
cl_stream_is_acked(struct cl_stream *stream)
{
    return stream->ops->is_acked(stream);
}

void
cl_stream_peer(struct cl_stream *stream, cl_address *ret_peer)
{
    stream->ops->peer(stream, ret_peer);
}
