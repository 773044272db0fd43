// SPDX-License-Identifier: MIT
/*
 * net/stream.h - the stack that connections are made of.
 *
 *     http or ws          the user of a stream
 *     ──────────────────  struct cl_stream_events, upwards
 *     tcp, memory, ...    the stream
 *     ──────────────────  struct cl_stream_ops, downwards
 *
 * A layer in between, such as TLS, is a stream for the one above and the user of the one below.
 * The user never learns what is below it.
 *
 * Rules for both sides:
 * - The user ends a stream with cl_stream_close, exactly once, in every case; also after
 *   on_closed, and then it may do so inside that call. No event comes after it, and the stream
 *   frees itself when nothing of it is on the way any more.
 * - Output is written in on_write only, which a user asks for with cl_stream_want_write: the
 *   loop calls it once at the end of the turn (net/loop.h). A write that was not taken whole is
 *   followed by another on_write by itself, as soon as the peer has made room.
 * - Nothing is called back from within an operation.
 */
#ifndef CL_NET_STREAM_H
#define CL_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "net/address.h"
#include "net/loop.h"

struct cl_stream;

struct cl_stream_events {
    /* Bytes came. They lie in the loop's shared buffer: they are good during the call only, and
     * the user may change them in place. All of them count as taken. */
    void (*on_data)(void *ctx, char *bytes, size_t len);
    /* The peer has finished its side. Writing is still possible. */
    void (*on_eof)(void *ctx);
    /* The time to write has come. */
    void (*on_write)(void *ctx);
    /* The stream is broken: CL_ERR_CLOSED when the peer reset it or the loop ends, CL_ERR_IO else.
     * The user closes it, now or later. */
    void (*on_closed)(void *ctx, enum cl_err reason);
};

struct cl_stream_ops {
    /* As cl_stream_write and so on, below. */
    enum cl_err (*write)(struct cl_stream *stream, const cl_str *slices, size_t count,
                         size_t *ret_taken);
    void (*shut)(struct cl_stream *stream);
    void (*close)(struct cl_stream *stream);
    void (*set_reading)(struct cl_stream *stream, bool is_on);
    bool (*is_acked)(struct cl_stream *stream);
    void (*peer)(struct cl_stream *stream, cl_address *ret_peer);
};

/* The first member of each kind of stream. Only layers touch the fields. */
struct cl_stream {
    const struct cl_stream_ops *ops;
    const struct cl_stream_events *events;
    void *ctx;
    struct cl_loop *loop;
    struct cl_link in_loop;  // in the loop's list of all streams
    struct cl_link to_flush; // in the loop's list of those that want to write
    bool is_broken;          // on_closed was called
    bool drops_output;       // cl_stream_drop_output was called
};

/* For layers: begins a stream and puts it into the loop's care, until cl_stream_close. Nothing is
 * called back before cl_stream_use. */
void cl_stream_init(struct cl_stream *stream, struct cl_loop *loop,
                    const struct cl_stream_ops *ops);
/* For layers: tells the user, once, that the stream is broken. */
void cl_stream_break(struct cl_stream *stream, enum cl_err reason);

/* Sets who hears the events from now on, also in place of an earlier user (http hands its stream
 * to ws so). Reading begins with the first one. */
void cl_stream_use(struct cl_stream *stream, const struct cl_stream_events *events, void *ctx);

/* on_write at the end of this turn; harmless to repeat. */
void cl_stream_want_write(struct cl_stream *stream);
/* Hands over slices, in order, in one system call where there is one. *ret_taken is how many
 * bytes the layer below has taken; the rest stays with the user. An error means that the stream
 * is broken; on_closed does not follow. */
CL_MUST_CHECK enum cl_err cl_stream_write(struct cl_stream *stream, const cl_str *slices,
                                          size_t count, size_t *ret_taken);
/* Ends our side behind all that was taken (TCP: FIN). Reading goes on. */
void cl_stream_shut(struct cl_stream *stream);
void cl_stream_close(struct cl_stream *stream);
/* For a peer that is given up: what was taken and has not reached it is dropped when the stream
 * is closed (TCP: a reset), rather than kept by the system for as long as the peer pleases. */
void cl_stream_drop_output(struct cl_stream *stream);
/* Paused, no on_data and no on_eof come. That the peer reset the connection is still noticed,
 * unless it had finished its side before. */
void cl_stream_set_reading(struct cl_stream *stream, bool is_on);
/* Has the peer's TCP acknowledged every byte that was taken? */
bool cl_stream_is_acked(struct cl_stream *stream);
/* Zeros where there is no such thing. */
void cl_stream_peer(struct cl_stream *stream, cl_address *ret_peer);

#endif
