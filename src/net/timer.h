// SPDX-License-Identifier: MIT
/*
 * net/timer.h - thousands of deadlines without an allocation.
 *
 * A timer lies inside the object that waits; CL_LIST_ENTRY (base/list.h) leads back from the
 * timer to that object. All timers of a loop hang in one pairing heap, so the loop needs a
 * single one of the operating system's. Starting is O(1), stopping and running O(log n).
 * Pure: the time is an argument.
 */
#ifndef CL_NET_TIMER_H
#define CL_NET_TIMER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

struct cl_timer;

typedef void cl_timer_fn(struct cl_timer *timer);

struct cl_timer {
    cl_instant at; // good while it runs
    cl_timer_fn *fn;
    struct cl_timer *child;   // the first of the timers below it, none of them earlier
    struct cl_timer *sibling; // the next one below the same timer
    struct cl_timer *prev;    // the sibling before it, or its parent; itself for the root
};

struct cl_timers {
    struct cl_timer *root; // the earliest
};

void cl_timer_init(struct cl_timer *timer, cl_timer_fn *fn);
static inline bool
cl_timer_is_running(const struct cl_timer *timer)
{
    return timer->prev != NULL;
}

/* Starts it, or moves it when it already runs. */
void cl_timers_start(struct cl_timers *timers, struct cl_timer *timer, cl_instant at);
/* Harmless when it does not run. */
void cl_timers_stop(struct cl_timers *timers, struct cl_timer *timer);
/* CL_INSTANT_NEVER when none runs. */
cl_instant cl_timers_next(const struct cl_timers *timers);
/* Stops each timer that was due at now, then calls it; earliest first. A function may start and
 * stop any timer, and free its own. One that starts a timer at or before now has it called too. */
void cl_timers_run(struct cl_timers *timers, cl_instant now);

#endif
