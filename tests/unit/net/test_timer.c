// SPDX-License-Identifier: MIT
#include "net/timer.h"

#include <stdlib.h>

#include "base/list.h"
#include "support/test.h"

#define COUNT 500

struct item {
    struct cl_timer timer;
    int calls;
    struct item *stops; // what it stops when it is called
};

static struct cl_timers timers;
static int64_t last_at;
static int calls;
static bool is_in_order;

static void
on_item(struct cl_timer *timer)
{
    struct item *item = CL_LIST_ENTRY(timer, struct item, timer);
    is_in_order = is_in_order && timer->at.ms >= last_at && !cl_timer_is_running(timer);
    last_at = timer->at.ms;
    item->calls++;
    calls++;
    if (item->stops != NULL)
        cl_timers_stop(&timers, &item->stops->timer);
}

static void
begin(struct item *items, size_t len)
{
    timers = (struct cl_timers){0};
    last_at = INT64_MIN;
    calls = 0;
    is_in_order = true;
    for (size_t at = 0; at < len; at++) {
        items[at] = (struct item){0};
        cl_timer_init(&items[at].timer, on_item);
    }
}

/* A small generator of its own, so that every machine runs the same test. */
static uint32_t
next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

TEST(timers_are_called_in_the_order_of_their_time)
{
    static struct item items[COUNT];
    uint32_t state = 1;
    begin(items, COUNT);
    for (size_t at = 0; at < COUNT; at++)
        cl_timers_start(&timers, &items[at].timer, (cl_instant){next_random(&state) % 1000});
    cl_timers_run(&timers, (cl_instant){1000});
    CHECK(is_in_order);
    CHECK_INT(calls, COUNT);
    CHECK_INT(cl_timers_next(&timers).ms, INT64_MAX);
}

TEST(a_timer_is_not_called_before_its_time_and_is_called_once)
{
    struct item item;
    begin(&item, 1);
    cl_timers_start(&timers, &item.timer, (cl_instant){10});
    CHECK_INT(cl_timers_next(&timers).ms, 10);
    cl_timers_run(&timers, (cl_instant){9});
    CHECK_INT(item.calls, 0);
    cl_timers_run(&timers, (cl_instant){10});
    cl_timers_run(&timers, (cl_instant){99});
    CHECK_INT(item.calls, 1);
}

TEST(starting_a_running_timer_moves_it)
{
    struct item item;
    begin(&item, 1);
    cl_timers_start(&timers, &item.timer, (cl_instant){10});
    cl_timers_start(&timers, &item.timer, (cl_instant){20});
    cl_timers_run(&timers, (cl_instant){10});
    CHECK_INT(item.calls, 0);
    cl_timers_start(&timers, &item.timer, (cl_instant){5});
    cl_timers_run(&timers, (cl_instant){10});
    CHECK_INT(item.calls, 1);
}

TEST(a_timer_may_stop_another_that_is_due_too)
{
    struct item items[2];
    begin(items, 2);
    items[0].stops = &items[1];
    cl_timers_start(&timers, &items[0].timer, (cl_instant){1});
    cl_timers_start(&timers, &items[1].timer, (cl_instant){2});
    cl_timers_run(&timers, (cl_instant){3});
    CHECK_INT(items[0].calls, 1);
    CHECK_INT(items[1].calls, 0);
}

TEST(stopping_twice_is_harmless)
{
    struct item item;
    begin(&item, 1);
    cl_timers_stop(&timers, &item.timer);
    cl_timers_start(&timers, &item.timer, (cl_instant){1});
    cl_timers_stop(&timers, &item.timer);
    cl_timers_stop(&timers, &item.timer);
    cl_timers_run(&timers, (cl_instant){9});
    CHECK_INT(item.calls, 0);
}

/* What the timers are compared with: counts those that are due and stops them. */
static int
take_due(int64_t want_at[static COUNT], int64_t now)
{
    int due = 0;
    for (size_t at = 0; at < COUNT; at++) {
        bool is_due = want_at[at] >= 0 && want_at[at] <= now;
        due += is_due ? 1 : 0;
        want_at[at] = is_due ? -1 : want_at[at];
    }
    return due;
}

TEST(random_starts_stops_and_runs_agree_with_a_plain_list)
{
    static struct item items[COUNT];
    static int64_t want_at[COUNT]; // -1: stopped
    uint32_t state = 7;
    int64_t now = 0;
    begin(items, COUNT);
    for (size_t at = 0; at < COUNT; at++)
        want_at[at] = -1;
    for (int step = 0; step < 20000; step++) {
        size_t at = next_random(&state) % COUNT;
        uint32_t what = next_random(&state) % 8;
        if (what < 5) {
            want_at[at] = now + next_random(&state) % 50;
            cl_timers_start(&timers, &items[at].timer, (cl_instant){want_at[at]});
        } else if (what < 7) {
            want_at[at] = -1;
            cl_timers_stop(&timers, &items[at].timer);
        } else {
            now += next_random(&state) % 20;
            last_at = INT64_MIN;
            int want = take_due(want_at, now);
            calls = 0;
            cl_timers_run(&timers, (cl_instant){now});
            CHECK_INT(calls, want);
            CHECK(is_in_order);
        }
    }
    for (size_t at = 0; at < COUNT; at++)
        CHECK_INT(cl_timer_is_running(&items[at].timer), want_at[at] >= 0);
}
