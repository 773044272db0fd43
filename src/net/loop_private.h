// SPDX-License-Identifier: MIT
/*
 * net/loop_private.h - the inside of a loop, for net/ alone.
 */
#ifndef CL_NET_LOOP_PRIVATE_H
#define CL_NET_LOOP_PRIVATE_H

#include <uv.h>

#include "base/limits.h"
#include "base/list.h"
#include "net/loop.h"

struct cl_loop_signal {
    uv_signal_t handle;
    cl_loop_signal_fn *fn;
    void *ctx;
};

struct cl_loop {
    uv_loop_t uv;
    uv_timer_t alarm; // ends the wait when the earliest timer is due
    uv_async_t wake;  // ends the wait for another thread
    struct cl_loop_signal signals[CL_NET_SIGNALS_MAX];
    size_t signals_len;
    struct cl_timers timers;
    struct cl_list streams;   // all that are open
    struct cl_list to_flush;  // those whose user wants to write
    struct cl_link flush_end; // marks in to_flush where this turn's writers end
    cl_loop_clock_fn *clock;  // NULL: libuv's, which is the monotonic one
    void *clock_ctx;
    cl_loop_fn *turn_end;
    void *turn_end_ctx;
    struct cl_counts counts;
    uint64_t turns; // begun so far; what is limited per turn is counted by it
    bool is_stopped;
    bool is_again;
    char read_buffer[CL_NET_READ_BYTES]; // shared by all streams, good during one on_data
};

#endif
