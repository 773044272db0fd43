// SPDX-License-Identifier: MIT
#include "net/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "support/fault.h"
#include "support/memory_stream.h"
#include "support/test.h"

static struct cl_loop *loop;
static struct memory_stream stream;
static char notes[200];
static int turns;

static void
note(const char *word)
{
    size_t len = strlen(notes);
    (void)snprintf(notes + len, sizeof notes - len, "%s ", word);
}

static void
on_data(void *ctx, char *bytes, size_t len)
{
    (void)ctx;
    (void)bytes;
    (void)len;
    note("data");
    cl_stream_want_write(&stream.stream);
    cl_stream_want_write(&stream.stream);
}

static void
on_write(void *ctx)
{
    (void)ctx;
    note("write");
}

static void
on_eof(void *ctx)
{
    (void)ctx;
}

static void
on_closed(void *ctx, enum cl_err reason)
{
    (void)ctx;
    note(cl_err_wire(reason));
    cl_stream_close(&stream.stream);
}

static const struct cl_stream_events events = {on_data, on_eof, on_write, on_closed};

static void
on_timer(struct cl_timer *timer)
{
    (void)timer;
    note("timer");
}

static void
on_turn_end(void *ctx)
{
    (void)ctx;
    note("end");
}

static void
begin(void)
{
    notes[0] = '\0';
    CHECK_OK(cl_loop_new(&loop));
}

TEST(a_turn_reads_then_runs_timers_then_ends_then_writes)
{
    struct cl_timer timer;
    begin();
    memory_loop_clock(loop);
    cl_loop_on_turn_end(loop, on_turn_end, NULL);
    memory_stream_init(&stream, loop);
    cl_stream_use(&stream.stream, &events, NULL);
    cl_timer_init(&timer, on_timer);
    cl_loop_timer_start(loop, &timer, cl_instant_add(cl_loop_now(loop), 5));
    memory_stream_put(&stream, CL_STR("x"));
    memory_loop_advance(loop, 5);
    CHECK_STR(cl_str_z(notes), CL_STR("data timer end write "));
    memory_loop_advance(loop, 5);
    CHECK_STR(cl_str_z(notes), CL_STR("data timer end write end "));
    cl_loop_on_turn_end(loop, NULL, NULL);
    cl_loop_free(loop);
    CHECK_STR(cl_str_z(notes), CL_STR("data timer end write end closed "));
    CHECK(stream.is_closed);
}

static void
count_turn(void *ctx)
{
    (void)ctx;
    if (++turns < 5)
        cl_loop_again(loop);
    else
        cl_loop_stop(loop);
}

static atomic_bool is_waiting;

/* Wakes the loop when it is about to wait, and once more, which changes nothing. */
static void *
wake_from_elsewhere(void *ctx)
{
    while (!atomic_load(&is_waiting)) {
    }
    cl_loop_wake(ctx);
    cl_loop_wake(ctx);
    return NULL;
}

static void
stop_at_the_second(void *ctx)
{
    (void)ctx;
    atomic_store(&is_waiting, true);
    if (++turns == 2)
        cl_loop_stop(loop);
}

TEST(another_thread_ends_the_wait)
{
    pthread_t thread;
    begin();
    turns = 0;
    cl_loop_on_turn_end(loop, stop_at_the_second, NULL);
    cl_loop_again(loop);
    CHECK_INT(pthread_create(&thread, NULL, wake_from_elsewhere, loop), 0);
    cl_loop_run(loop); // would wait an hour otherwise
    CHECK_INT(pthread_join(thread, NULL), 0);
    CHECK_INT(turns, 2);
    cl_loop_free(loop);
}

TEST(a_loop_that_is_asked_for_another_turn_does_not_wait)
{
    begin();
    turns = 0;
    cl_loop_on_turn_end(loop, count_turn, NULL);
    cl_loop_again(loop);
    cl_loop_run(loop); // would wait an hour otherwise
    CHECK_INT(turns, 5);
    cl_loop_free(loop);
}

static void
stop_loop(struct cl_timer *timer)
{
    (void)timer;
    cl_loop_stop(loop);
}

TEST(the_loop_waits_for_a_timer_and_not_longer)
{
    struct cl_timer timer;
    begin();
    cl_timer_init(&timer, stop_loop);
    cl_instant start = cl_loop_now(loop);
    cl_loop_timer_start(loop, &timer, cl_instant_add(start, 20));
    cl_loop_run(loop);
    CHECK(cl_loop_now(loop).ms >= start.ms + 20);
    CHECK(cl_loop_now(loop).ms < start.ms + 2000);
    CHECK(cl_clock_monotonic().ms >= start.ms + 20);
    cl_loop_free(loop);
}

static void
on_signal(void *ctx, int number)
{
    *(int *)ctx = number;
    cl_loop_stop(loop);
}

TEST(a_signal_is_heard_inside_a_turn)
{
    int heard = 0;
    begin();
    CHECK_OK(cl_loop_on_signal(loop, SIGTERM, on_signal, &heard));
    CHECK_OK(cl_loop_on_signal(loop, SIGUSR1, on_signal, &heard));
    CHECK_INT(raise(SIGTERM), 0);
    CHECK_INT(heard, 0);
    cl_loop_run(loop);
    CHECK_INT(heard, SIGTERM);
    CHECK_INT(raise(SIGUSR1), 0);
    cl_loop_run(loop);
    CHECK_INT(heard, SIGUSR1);
    cl_loop_free(loop);
}

TEST(a_loop_that_cannot_be_made_leaks_nothing)
{
    FOR_EACH_FAULT
    {
        struct cl_loop *made;
        enum cl_err err = cl_loop_new(&made);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        if (err == CL_OK)
            cl_loop_free(made);
    }
}

/* -- a layer ---------------------------------------------------------------------------------- */

static struct cl_stream layer; // over `stream`

static void
layer_close(struct cl_stream *closed)
{
    CHECK(closed == &layer);
    note("layer-closed");
    cl_stream_close(&stream.stream);
}

static void
layer_set_reading(struct cl_stream *read, bool is_on)
{
    (void)read;
    (void)is_on;
}

static void
user_on_closed(void *ctx, enum cl_err reason)
{
    (void)ctx;
    note(cl_err_wire(reason));
    cl_stream_close(&layer);
}

static void
layer_on_closed(void *ctx, enum cl_err reason)
{
    (void)ctx;
    cl_stream_break(&layer, reason);
}

TEST(a_loop_that_ends_closes_each_layer_once_also_when_a_write_below_has_failed)
{
    static const struct cl_stream_ops ops = {.close = layer_close,
                                             .set_reading = layer_set_reading};
    static const struct cl_stream_events of_user = {on_data, on_eof, on_write, user_on_closed};
    static const struct cl_stream_events of_layer = {on_data, on_eof, on_write, layer_on_closed};
    for (int has_failed = 0; has_failed < 2; has_failed++) {
        size_t taken;
        cl_str bytes = CL_STR("x");
        begin();
        memory_stream_init(&stream, loop);
        cl_stream_init(&layer, loop, &ops);
        cl_stream_use(&stream.stream, &of_layer, NULL);
        cl_stream_use(&layer, &of_user, NULL);
        stream.is_torn = has_failed == 1;
        CHECK((cl_stream_write(&stream.stream, &bytes, 1, &taken) == CL_OK) == !has_failed);
        cl_loop_free(loop);
        CHECK_STR(cl_str_z(notes), CL_STR("closed layer-closed "));
        CHECK(stream.is_closed);
    }
}
