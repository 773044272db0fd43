// SPDX-License-Identifier: MIT
#include "net/timer.h"

#include "base/assert.h"

void
cl_timer_init(struct cl_timer *timer, cl_timer_fn *fn)
{
    *timer = (struct cl_timer){.fn = fn};
}

/* Makes the later of two roots the first child of the other. */
static struct cl_timer *
join(struct cl_timer *a, struct cl_timer *b)
{
    if (b->at.ms < a->at.ms) {
        struct cl_timer *swap = a;
        a = b;
        b = swap;
    }
    b->prev = a;
    b->sibling = a->child;
    if (a->child != NULL)
        a->child->prev = b;
    a->child = b;
    a->sibling = NULL;
    a->prev = a;
    return a;
}

/* Joins siblings in pairs from the left, then the pairs from the right: that order is what
 * makes a pairing heap logarithmic. NULL for none. */
static struct cl_timer *
join_all(struct cl_timer *first)
{
    struct cl_timer *pairs = NULL; // the newest first, linked by sibling
    while (first != NULL) {
        struct cl_timer *pair = first;
        struct cl_timer *second = first->sibling;
        first = second == NULL ? NULL : second->sibling;
        if (second != NULL)
            pair = join(pair, second);
        pair->sibling = pairs;
        pairs = pair;
    }

    struct cl_timer *root = NULL;
    while (pairs != NULL) {
        struct cl_timer *next = pairs->sibling;
        pairs->sibling = NULL;
        pairs->prev = pairs;
        root = root == NULL ? pairs : join(root, pairs);
        pairs = next;
    }
    return root;
}

void
cl_timers_start(struct cl_timers *timers, struct cl_timer *timer, cl_instant at)
{
    CL_ASSERT(timer->fn != NULL);
    cl_timers_stop(timers, timer);
    timer->at = at;
    timer->child = NULL;
    timer->sibling = NULL;
    timer->prev = timer;
    timers->root = timers->root == NULL ? timer : join(timers->root, timer);
}

void
cl_timers_stop(struct cl_timers *timers, struct cl_timer *timer)
{
    if (!cl_timer_is_running(timer))
        return;

    struct cl_timer *below = join_all(timer->child);
    if (timers->root == timer) {
        timers->root = below;
    } else {
        if (timer->prev->child == timer)
            timer->prev->child = timer->sibling;
        else
            timer->prev->sibling = timer->sibling;
        if (timer->sibling != NULL)
            timer->sibling->prev = timer->prev;
        if (below != NULL)
            timers->root = join(timers->root, below);
    }
    timer->prev = NULL;
}

cl_instant
cl_timers_next(const struct cl_timers *timers)
{
    return timers->root == NULL ? CL_INSTANT_NEVER : timers->root->at;
}

void
cl_timers_run(struct cl_timers *timers, cl_instant now)
{
    while (timers->root != NULL && timers->root->at.ms <= now.ms) {
        struct cl_timer *timer = timers->root;
        cl_timers_stop(timers, timer);
        timer->fn(timer);
    }
}
