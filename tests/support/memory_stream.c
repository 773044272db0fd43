// SPDX-License-Identifier: MIT
#include "support/memory_stream.h"

#include <string.h>

#include "base/assert.h"

static cl_instant clock_now;

static cl_instant
read_clock(void *ctx)
{
    (void)ctx;
    return clock_now;
}

void
memory_loop_clock(struct cl_loop *loop)
{
    clock_now = (cl_instant){1000000};
    cl_loop_set_clock(loop, read_clock, NULL);
}

void
memory_loop_advance(struct cl_loop *loop, int64_t ms)
{
    clock_now = cl_instant_add(clock_now, ms);
    cl_loop_turn(loop, false);
}

static struct memory_stream *
memory_of(struct cl_stream *stream)
{
    return CL_LIST_ENTRY(stream, struct memory_stream, stream);
}

static enum cl_err
memory_write(struct cl_stream *stream, const cl_str *slices, size_t count, size_t *ret_taken)
{
    struct memory_stream *memory = memory_of(stream);
    size_t taken = 0;
    if (memory->is_torn) {
        stream->is_broken = true;
        return CL_ERR_CLOSED;
    }
    for (size_t at = 0; at < count; at++) {
        size_t len = slices[at].len < memory->room ? slices[at].len : memory->room;
        CL_ASSERT(len <= MEMORY_STREAM_CAP - memory->out_len);
        if (len > 0)
            memcpy(memory->out + memory->out_len, slices[at].ptr, len);
        memory->out_len += len;
        memory->room -= len;
        taken += len;
    }
    memory->writes += taken > 0 ? 1 : 0;
    *ret_taken = taken;
    return CL_OK;
}

static void
memory_shut(struct cl_stream *stream)
{
    memory_of(stream)->is_shut = true;
}

static void
memory_close(struct cl_stream *stream)
{
    CL_ASSERT(!memory_of(stream)->is_closed);
    memory_of(stream)->is_closed = true;
}

static void
memory_set_reading(struct cl_stream *stream, bool is_on)
{
    memory_of(stream)->is_reading = is_on;
}

static bool
memory_is_acked(struct cl_stream *stream)
{
    return memory_of(stream)->is_acked;
}

static void
memory_peer(struct cl_stream *stream, cl_address *ret_peer)
{
    *ret_peer = memory_of(stream)->peer;
}

static const struct cl_stream_ops memory_ops = {
    .write = memory_write,
    .shut = memory_shut,
    .close = memory_close,
    .set_reading = memory_set_reading,
    .is_acked = memory_is_acked,
    .peer = memory_peer,
};

void
memory_stream_init(struct memory_stream *stream, struct cl_loop *loop)
{
    *stream = (struct memory_stream){.is_acked = true, .room = MEMORY_STREAM_CAP};
    stream->peer = (cl_address){{[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 7}, 4711};
    cl_stream_init(&stream->stream, loop, &memory_ops);
}

static bool
deliver(struct memory_stream *stream)
{
    static char buffer[MEMORY_STREAM_CAP];
    size_t len = stream->in_len;
    if (stream->is_closed || !stream->is_reading || stream->stream.is_broken)
        return false;
    if (len > 0) {
        memcpy(buffer, stream->in, len);
        stream->in_len = 0;
        stream->stream.events->on_data(stream->stream.ctx, buffer, len);
        memset(buffer, 0xdd, len); // whoever keeps a pointer into it shall see it
        return true;
    }
    if (stream->is_eof_put) {
        stream->is_eof_put = false;
        stream->stream.events->on_eof(stream->stream.ctx);
        return true;
    }
    return false;
}

void
memory_stream_put(struct memory_stream *stream, cl_str bytes)
{
    CL_ASSERT(bytes.len <= MEMORY_STREAM_CAP - stream->in_len);
    memcpy(stream->in + stream->in_len, bytes.ptr, bytes.len);
    stream->in_len += bytes.len;
    (void)deliver(stream);
}

void
memory_stream_put_eof(struct memory_stream *stream)
{
    stream->is_eof_put = true;
    (void)deliver(stream);
}

void
memory_stream_reset(struct memory_stream *stream)
{
    if (!stream->is_closed)
        cl_stream_break(&stream->stream, CL_ERR_CLOSED);
}

void
memory_stream_give_room(struct memory_stream *stream, size_t room)
{
    stream->room += room;
    if (!stream->is_closed)
        cl_stream_want_write(&stream->stream);
}

void
memory_stream_run(struct memory_stream *stream)
{
    struct cl_loop *loop = stream->stream.loop;
    bool has_moved = true;
    for (int turns = 0; has_moved || turns < 3; turns++) {
        CL_ASSERT(turns < 1000);
        size_t out_len = stream->out_len;
        has_moved = deliver(stream);
        cl_loop_turn(loop, false);
        has_moved = has_moved || stream->out_len != out_len;
    }
}

cl_str
memory_stream_written(const struct memory_stream *stream)
{
    return cl_str_of(stream->out, stream->out_len);
}

void
memory_stream_clear(struct memory_stream *stream)
{
    stream->out_len = 0;
}
