// SPDX-License-Identifier: MIT
/*
 * net/loop.h - the one thread that owns everything, and its turns.
 *
 * A turn has five phases, all visible in cl_loop_turn:
 *
 *     wait ─> read ─> timers ─> turn end ─> flush ─> (wait)
 *             streams  due ones  one hook    what the turn wrote leaves
 *
 * The turn end is where the relay commits, applies and performs effects. The flush comes last,
 * so all that one turn wrote to one connection leaves in one system call. What the flush, or a
 * timer, leads to waits for the next turn.
 *
 * One thread (but cl_loop_wake); not to be entered again from a callback.
 */
#ifndef CL_NET_LOOP_H
#define CL_NET_LOOP_H

#include "base/err.h"
#include "base/time.h"
#include "net/counts.h"
#include "net/timer.h"

struct cl_loop;

/* Also makes the process ignore SIGPIPE, unless it is somebody else's (base/guest.h): a write to a
 * closed socket or pipe is an error, not the end. */
CL_MUST_CHECK enum cl_err cl_loop_new(struct cl_loop **ret_loop);
/* Closes the streams that are still open (their users hear on_closed with CL_ERR_CLOSED) and frees
 * all. Listeners, attempts to connect and servers were closed before; timers that still run are
 * forgotten without a call. Accepts NULL. */
void cl_loop_free(struct cl_loop *loop);

/* Turns until cl_loop_stop is called. */
void cl_loop_run(struct cl_loop *loop);
/* The run ends with the current turn. */
void cl_loop_stop(struct cl_loop *loop);
/* One turn. It waits for something to happen only if may_wait. */
void cl_loop_turn(struct cl_loop *loop, bool may_wait);
/* The next turn begins without waiting. */
void cl_loop_again(struct cl_loop *loop);

/* The next turn begins, also where the loop waits already. The one call that any thread may make,
 * until cl_loop_free begins; several may lead to one turn. */
void cl_loop_wake(struct cl_loop *loop);

/* For another loop that this one lies in: a descriptor that is readable when cl_loop_turn(loop,
 * false) has something to do, and in how many milliseconds it has at the latest: 0: now, -1: only
 * then. The second changes with whatever is done with the loop. */
int cl_loop_fd(const struct cl_loop *loop);
int64_t cl_loop_wait_ms(struct cl_loop *loop);
/* Reads the clock: for who does something with a loop between its turns. */
void cl_loop_update_time(struct cl_loop *loop);

/* Read from the clock when the wait is over, and the same for all that the turn then does. */
cl_instant cl_loop_now(const struct cl_loop *loop);

/* What is counted of all its connections. */
struct cl_counts *cl_loop_counts(struct cl_loop *loop);

/* Calls timer->fn in the first turn at or after that instant, once. Moves a running timer. */
void cl_loop_timer_start(struct cl_loop *loop, struct cl_timer *timer, cl_instant at);
void cl_loop_timer_stop(struct cl_loop *loop, struct cl_timer *timer);

typedef void cl_loop_fn(void *ctx);
typedef void cl_loop_signal_fn(void *ctx, int signal);

/* Called once in each turn, after its reads and timers and before its writes. There is one such
 * function; NULL takes it away. */
void cl_loop_on_turn_end(struct cl_loop *loop, cl_loop_fn *fn, void *ctx);
/* SIGTERM, SIGINT and the like: called inside a turn, as often as the signal comes (the operating
 * system may merge several). At most CL_NET_SIGNALS_MAX different ones. */
CL_MUST_CHECK enum cl_err cl_loop_on_signal(struct cl_loop *loop, int signal, cl_loop_signal_fn *fn,
                                            void *ctx);

/* For tests: where the time comes from instead of the monotonic clock. Such a loop is moved by
 * cl_loop_turn(loop, false), because waiting is still done in real time. */
typedef cl_instant cl_loop_clock_fn(void *ctx);
void cl_loop_set_clock(struct cl_loop *loop, cl_loop_clock_fn *clock, void *ctx);

#endif
