// SPDX-License-Identifier: MIT
#include "net/loop.h"

#include <signal.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/guest.h"
#include "net/loop_private.h"
#include "net/stream.h"

/* The longest wait without a timer. Any value would do: waking up finds nothing to do. */
#define IDLE_WAIT_MS (3600 * 1000)

static void
on_wake(uv_async_t *wake)
{
    (void)wake; // that the wait is over is all it does
}

enum cl_err
cl_loop_new(struct cl_loop **ret_loop)
{
    struct cl_loop *loop = cl_alloc(sizeof *loop);
    if (loop == NULL)
        return CL_ERR_NO_MEMORY;
    if (uv_loop_init(&loop->uv) != 0) {
        cl_free(loop);
        return CL_ERR_IO;
    }
    if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0) {
        CL_ASSERT(uv_loop_close(&loop->uv) == 0); // nothing is in it
        cl_free(loop);
        return CL_ERR_IO;
    }

    int status = uv_timer_init(&loop->uv, &loop->alarm);
    CL_ASSERT(status == 0); // it only fills in a struct
    cl_list_init(&loop->streams);
    cl_list_init(&loop->to_flush);
    if (cl_guest_now == NULL)
        (void)signal(SIGPIPE, SIG_IGN); // fails for bad numbers only
    *ret_loop = loop;
    return CL_OK;
}

/* Else somebody kept a listener or an attempt to connect, and the loop would wait for ever. */
static void
check_is_closing(uv_handle_t *handle, void *ctx)
{
    (void)ctx;
    CL_ASSERT(uv_is_closing(handle));
}

void
cl_loop_free(struct cl_loop *loop)
{
    if (loop == NULL)
        return;

    // A layer comes behind the stream below it, and closes that one itself: also one whose write
    // has failed, which nobody above may have noticed yet.
    while (!cl_list_is_empty(&loop->streams)) {
        struct cl_link *link = cl_list_last(&loop->streams);
        struct cl_stream *stream = CL_LIST_ENTRY(link, struct cl_stream, in_loop);
        cl_stream_break(stream, CL_ERR_CLOSED);
        if (cl_list_last(&loop->streams) == link)
            cl_stream_close(stream); // nobody used it yet
    }
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    for (size_t at = 0; at < loop->signals_len; at++)
        uv_close((uv_handle_t *)&loop->signals[at].handle, NULL);
    uv_walk(&loop->uv, check_is_closing, NULL);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0) {
    }
    CL_ASSERT(uv_loop_close(&loop->uv) == 0);
    cl_free(loop);
}

static void
on_alarm(uv_timer_t *alarm)
{
    (void)alarm; // that the wait is over is all it does
}

/* False when a timer is due already, so that there is no time to wait. */
static bool
set_alarm(struct cl_loop *loop)
{
    uv_update_time(&loop->uv);
    int64_t wait_ms = IDLE_WAIT_MS;
    cl_instant next = cl_timers_next(&loop->timers);
    cl_instant now = cl_loop_now(loop);
    if (next.ms <= now.ms)
        return false;
    if (next.ms - now.ms < wait_ms)
        wait_ms = next.ms - now.ms;
    // uv_run looks for due alarms before it waits, and one that rang there must not leave the
    // wait without an end: so it rings again.
    int status = uv_timer_start(&loop->alarm, on_alarm, (uint64_t)wait_ms, 1);
    CL_ASSERT(status == 0);
    return true;
}

/* A stream that asks again while it writes has its turn in the next turn. */
static void
flush(struct cl_loop *loop)
{
    struct cl_link *end = &loop->flush_end;
    cl_list_append(&loop->to_flush, end);
    for (struct cl_link *link; (link = cl_list_first(&loop->to_flush)) != end;) {
        struct cl_stream *stream = CL_LIST_ENTRY(link, struct cl_stream, to_flush);
        cl_list_remove(link);
        stream->events->on_write(stream->ctx);
    }
    cl_list_remove(end);
}

void
cl_loop_turn(struct cl_loop *loop, bool may_wait)
{
    // What was asked for since the last turn, or in its flush, must not wait for something else.
    bool is_due = loop->is_again || !cl_list_is_empty(&loop->to_flush);
    bool waits = may_wait && !is_due && set_alarm(loop);
    loop->is_again = false;
    loop->turns++;
    (void)uv_run(&loop->uv, waits ? UV_RUN_ONCE : UV_RUN_NOWAIT); // says only whether it is alive
    cl_timers_run(&loop->timers, cl_loop_now(loop));
    if (loop->turn_end != NULL)
        loop->turn_end(loop->turn_end_ctx);
    flush(loop);
}

void
cl_loop_run(struct cl_loop *loop)
{
    for (loop->is_stopped = false; !loop->is_stopped;)
        cl_loop_turn(loop, true);
}

void
cl_loop_stop(struct cl_loop *loop)
{
    loop->is_stopped = true;
}

void
cl_loop_again(struct cl_loop *loop)
{
    loop->is_again = true;
}

void
cl_loop_wake(struct cl_loop *loop)
{
    int status = uv_async_send(&loop->wake);
    CL_ASSERT(status == 0); // it is not being closed
}

int
cl_loop_fd(const struct cl_loop *loop)
{
    return uv_backend_fd(&loop->uv);
}

int64_t
cl_loop_wait_ms(struct cl_loop *loop)
{
    cl_loop_update_time(loop);
    // libuv's is 0 too where a descriptor has yet to be watched.
    if (loop->is_again || !cl_list_is_empty(&loop->to_flush) || uv_backend_timeout(&loop->uv) == 0)
        return 0;
    cl_instant next = cl_timers_next(&loop->timers);
    int64_t wait_ms = next.ms - cl_loop_now(loop).ms;
    if (next.ms == CL_INSTANT_NEVER.ms)
        return -1;
    return wait_ms > 0 ? wait_ms : 0;
}

void
cl_loop_update_time(struct cl_loop *loop)
{
    uv_update_time(&loop->uv);
}

cl_instant
cl_loop_now(const struct cl_loop *loop)
{
    if (loop->clock != NULL)
        return loop->clock(loop->clock_ctx);
    return (cl_instant){(int64_t)uv_now(&loop->uv)};
}

struct cl_counts *
cl_loop_counts(struct cl_loop *loop)
{
    return &loop->counts;
}

void
cl_loop_timer_start(struct cl_loop *loop, struct cl_timer *timer, cl_instant at)
{
    cl_timers_start(&loop->timers, timer, at);
}

void
cl_loop_timer_stop(struct cl_loop *loop, struct cl_timer *timer)
{
    cl_timers_stop(&loop->timers, timer);
}

void
cl_loop_on_turn_end(struct cl_loop *loop, cl_loop_fn *fn, void *ctx)
{
    loop->turn_end = fn;
    loop->turn_end_ctx = ctx;
}

static void
on_signal(uv_signal_t *handle, int number)
{
    const struct cl_loop_signal *slot = handle->data;
    slot->fn(slot->ctx, number);
}

enum cl_err
cl_loop_on_signal(struct cl_loop *loop, int signal, cl_loop_signal_fn *fn, void *ctx)
{
    CL_ASSERT(loop->signals_len < CL_NET_SIGNALS_MAX);
    struct cl_loop_signal *slot = &loop->signals[loop->signals_len];
    if (uv_signal_init(&loop->uv, &slot->handle) != 0)
        return CL_ERR_IO;
    loop->signals_len++;
    slot->handle.data = slot;
    slot->fn = fn;
    slot->ctx = ctx;
    return uv_signal_start(&slot->handle, on_signal, signal) == 0 ? CL_OK : CL_ERR_IO;
}

void
cl_loop_set_clock(struct cl_loop *loop, cl_loop_clock_fn *clock, void *ctx)
{
    loop->clock = clock;
    loop->clock_ctx = ctx;
}
