// SPDX-License-Identifier: MIT
#include "core/inbox.h"

#include "base/limits.h"
#include "support/fault.h"
#include "support/test.h"

static struct cl_msg *
msg_of(enum cl_priority priority, int64_t expires_ms)
{
    struct cl_msg draft = {.from = CL_STR("a"), .priority = priority, .expires = {expires_ms}};
    struct cl_msg *msg = cl_msg_new(&draft);
    CHECK(msg != NULL);
    return msg;
}

static void
put(struct cl_inbox *inbox, enum cl_priority priority, int64_t expires_ms)
{
    CHECK_OK(cl_inbox_put(inbox, msg_of(priority, expires_ms)));
    CHECK(cl_inbox_fault(inbox) == NULL);
}

static bool
take(struct cl_inbox *inbox, enum cl_priority priority, uint64_t seq)
{
    struct cl_msg *msg = cl_inbox_remove(inbox, priority, seq);
    CHECK(cl_inbox_fault(inbox) == NULL);
    if (msg != NULL)
        cl_msg_unref(msg);
    return msg != NULL;
}

static void
empty(struct cl_inbox *inbox)
{
    uint64_t seq;
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        while (cl_inbox_next(inbox, i, 0, &seq) != NULL)
            CHECK(take(inbox, i, seq));
    cl_inbox_done(inbox);
}

TEST(an_unused_inbox_allocates_nothing)
{
    struct cl_inbox inbox;
    uint64_t seq = 99;
    cl_inbox_init(&inbox, 1);
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++) {
        CHECK(inbox.lanes[i].ring == NULL);
        CHECK(cl_inbox_next(&inbox, i, 0, &seq) == NULL);
        CHECK(cl_inbox_remove(&inbox, i, 1) == NULL);
    }
    CHECK_INT(seq, 99);
    CHECK(cl_inbox_fault(&inbox) == NULL);
    cl_inbox_done(&inbox);
}

TEST(numbers_rise_for_ever_within_a_lane)
{
    struct cl_inbox inbox;
    uint64_t seq;
    cl_inbox_init(&inbox, 1);
    for (uint64_t i = 1; i <= 100; i++) {
        put(&inbox, CL_PRIORITY_HIGH, 5);
        CHECK(cl_inbox_next(&inbox, CL_PRIORITY_HIGH, 0, &seq) != NULL);
        CHECK_INT(seq, i);
        CHECK(take(&inbox, CL_PRIORITY_HIGH, i));
        CHECK(!take(&inbox, CL_PRIORITY_HIGH, i));
    }
    CHECK_INT(inbox.count, 0);
    CHECK_INT(inbox.bytes, 0);
    empty(&inbox);
}

TEST(a_hole_is_passed_and_the_front_moves_over_it)
{
    struct cl_inbox inbox;
    uint64_t seq;
    cl_inbox_init(&inbox, 1);
    for (int i = 0; i < 20; i++)
        put(&inbox, CL_PRIORITY_LOW, 5);
    for (uint64_t i = 5; i <= 15; i++)
        CHECK(take(&inbox, CL_PRIORITY_LOW, i));
    CHECK(cl_inbox_next(&inbox, CL_PRIORITY_LOW, 5, &seq) != NULL);
    CHECK_INT(seq, 16);
    CHECK(cl_inbox_find(&inbox, (struct cl_range){CL_PRIORITY_LOW, 5, 15}, &seq) == NULL);
    CHECK(cl_inbox_find(&inbox, (struct cl_range){CL_PRIORITY_LOW, 0, 4}, &seq) != NULL);
    CHECK_INT(seq, 1);
    CHECK(cl_inbox_find(&inbox, (struct cl_range){CL_PRIORITY_LOW, 15, 16}, &seq) != NULL);
    CHECK_INT(seq, 16);
    CHECK(cl_inbox_find(&inbox, (struct cl_range){CL_PRIORITY_LOW, 21, UINT64_MAX}, &seq) == NULL);
    CHECK_INT(inbox.lanes[CL_PRIORITY_LOW].first, 1);
    for (uint64_t i = 1; i <= 4; i++)
        CHECK(take(&inbox, CL_PRIORITY_LOW, i));
    CHECK_INT(inbox.lanes[CL_PRIORITY_LOW].first, 16);
    empty(&inbox);
}

TEST(an_empty_lane_gives_a_large_ring_back_and_keeps_a_small_one)
{
    struct cl_inbox inbox;
    const struct cl_lane *lane = &inbox.lanes[CL_PRIORITY_URGENT];
    cl_inbox_init(&inbox, 1);
    put(&inbox, CL_PRIORITY_URGENT, 5);
    CHECK(take(&inbox, CL_PRIORITY_URGENT, 1));
    CHECK(lane->ring != NULL);
    for (int i = 0; i < 100; i++)
        put(&inbox, CL_PRIORITY_URGENT, 5);
    for (uint64_t i = 101; i >= 2; i--)
        CHECK(take(&inbox, CL_PRIORITY_URGENT, i));
    CHECK(lane->ring == NULL);
    put(&inbox, CL_PRIORITY_URGENT, 5);
    CHECK(take(&inbox, CL_PRIORITY_URGENT, 102));
    empty(&inbox);
}

TEST(the_earliest_expiry_is_a_lower_bound)
{
    struct cl_inbox inbox;
    cl_inbox_init(&inbox, 1);
    CHECK_INT(inbox.earliest.ms, INT64_MAX);
    put(&inbox, CL_PRIORITY_LOW, 50);
    put(&inbox, CL_PRIORITY_HIGH, 20);
    put(&inbox, CL_PRIORITY_HIGH, 70);
    CHECK_INT(inbox.earliest.ms, 20);
    CHECK(take(&inbox, CL_PRIORITY_HIGH, 1));
    CHECK_INT(inbox.earliest.ms, 20);
    cl_inbox_refresh_earliest(&inbox);
    CHECK_INT(inbox.earliest.ms, 50);
    CHECK(take(&inbox, CL_PRIORITY_LOW, 1));
    CHECK(take(&inbox, CL_PRIORITY_HIGH, 2));
    CHECK_INT(inbox.earliest.ms, INT64_MAX);
    empty(&inbox);
}

TEST(numbers_can_be_skipped_within_bounds)
{
    struct cl_inbox inbox;
    enum cl_priority lane = CL_PRIORITY_NORMAL;
    uint64_t seq;
    cl_inbox_init(&inbox, 1);
    CHECK_OK(cl_inbox_skip(&inbox, lane, 1000));
    put(&inbox, lane, 5);
    CHECK_INT(cl_inbox_skip(&inbox, lane, 1000), CL_ERR_MALFORMED);
    CHECK_INT(cl_inbox_skip(&inbox, lane, UINT64_MAX), CL_ERR_MALFORMED);
    CHECK_INT(cl_inbox_skip(&inbox, lane, 1001 + CL_LANE_SPAN_MAX), CL_ERR_MALFORMED);
    CHECK_OK(cl_inbox_skip(&inbox, lane, 1100));
    put(&inbox, lane, 5);
    CHECK(cl_inbox_next(&inbox, lane, 1001, &seq) != NULL);
    CHECK_INT(seq, 1100);
    CHECK(cl_inbox_has_room(&inbox, lane));
    CHECK_OK(cl_inbox_skip(&inbox, lane, 1000 + CL_LANE_SPAN_MAX));
    CHECK(!cl_inbox_has_room(&inbox, lane));
    empty(&inbox);
}

TEST(faults_are_named)
{
    struct cl_inbox inbox;
    struct cl_lane *lane = &inbox.lanes[CL_PRIORITY_NORMAL];
    cl_inbox_init(&inbox, 1);
    put(&inbox, CL_PRIORITY_NORMAL, 5);
    put(&inbox, CL_PRIORITY_NORMAL, 5);
    struct cl_msg *first = lane->ring[1];

    lane->ring[1] = NULL;
    CHECK(cl_inbox_fault(&inbox) != NULL);
    lane->ring[1] = first;
    first->priority = CL_PRIORITY_LOW;
    CHECK(cl_inbox_fault(&inbox) != NULL);
    first->priority = CL_PRIORITY_NORMAL;
    inbox.earliest.ms = 6;
    CHECK(cl_inbox_fault(&inbox) != NULL);
    inbox.earliest.ms = 5;
    inbox.bytes++;
    CHECK(cl_inbox_fault(&inbox) != NULL);
    inbox.bytes--;
    inbox.count++;
    CHECK(cl_inbox_fault(&inbox) != NULL);
    inbox.count--;
    lane->first = 0;
    CHECK(cl_inbox_fault(&inbox) != NULL);
    lane->first = 4;
    CHECK(cl_inbox_fault(&inbox) != NULL);
    lane->first = 1;
    lane->cap = 1;
    CHECK(cl_inbox_fault(&inbox) != NULL);
    lane->cap = 8;
    CHECK(cl_inbox_fault(&inbox) == NULL);
    CHECK(take(&inbox, CL_PRIORITY_NORMAL, 1));
    CHECK(take(&inbox, CL_PRIORITY_NORMAL, 2));
    inbox.earliest.ms = 4;
    CHECK(cl_inbox_fault(&inbox) != NULL);
    empty(&inbox);
}

TEST(without_memory_nothing_is_put)
{
    FOR_EACH_FAULT
    {
        struct cl_inbox inbox;
        struct cl_msg draft = {.from = CL_STR("a"), .expires = {5}};
        cl_inbox_init(&inbox, 1);
        enum cl_err err = CL_OK;
        uint32_t count = 0;
        for (int i = 0; i < 10 && err == CL_OK; i++) {
            struct cl_msg *msg = cl_msg_new(&draft);
            err = msg == NULL ? CL_ERR_NO_MEMORY : cl_inbox_put(&inbox, msg);
            count += err == CL_OK;
            if (err != CL_OK && msg != NULL)
                cl_msg_unref(msg);
        }
        if (err == CL_OK)
            err = cl_inbox_skip(&inbox, CL_PRIORITY_URGENT, 100);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        CHECK_INT(inbox.count, count);
        CHECK(cl_inbox_fault(&inbox) == NULL);
        empty(&inbox);
    }
}
