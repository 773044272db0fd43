// SPDX-License-Identifier: MIT
/*
 * tests/support/memory_stream.h - a stream whose peer is the test, on a loop whose clock is the
 * test's too. Nothing is allocated, so that injected faults hit the code under test alone.
 */
#ifndef TESTS_SUPPORT_MEMORY_STREAM_H
#define TESTS_SUPPORT_MEMORY_STREAM_H

#include "net/stream.h"

#define MEMORY_STREAM_CAP (512 * 1024)

struct memory_stream {
    struct cl_stream stream;
    cl_address peer;
    bool is_reading;
    bool is_shut;   // by the code under test
    bool is_closed; // by the code under test
    bool is_acked;  // what the code under test hears; true at first
    bool is_eof_put;
    bool is_torn;  // the next write fails; false at first
    size_t room;   // bytes that are still taken; plenty at first
    size_t writes; // calls that took something
    size_t in_len; // put, and not read yet
    size_t out_len;
    char in[MEMORY_STREAM_CAP];
    char out[MEMORY_STREAM_CAP];
};

/* The loop that memory streams live on, with a clock that stands still. */
void memory_loop_clock(struct cl_loop *loop);
/* Lets time pass, then a turn. */
void memory_loop_advance(struct cl_loop *loop, int64_t ms);

/* The stream is given to the code under test next. */
void memory_stream_init(struct memory_stream *stream, struct cl_loop *loop);

/* The peer sends; the code under test reads as soon as it wants to, at once or in a later turn. */
void memory_stream_put(struct memory_stream *stream, cl_str bytes);
void memory_stream_put_eof(struct memory_stream *stream);
void memory_stream_reset(struct memory_stream *stream);
/* Lets so many more bytes be written, and says so. */
void memory_stream_give_room(struct memory_stream *stream, size_t room);
/* Delivers what may be read, then a turn of the loop; until nothing moves. */
void memory_stream_run(struct memory_stream *stream);

/* What was written and not yet taken. */
cl_str memory_stream_written(const struct memory_stream *stream);
void memory_stream_clear(struct memory_stream *stream);

#endif
