// SPDX-License-Identifier: MIT
#include "relay/rate.h"

#include <stdio.h>

#include "base/limits.h"
#include "support/fault.h"
#include "support/test.h"

static struct cl_rate rate;
static const cl_hash_key hash_key = {{9}};

static uint32_t
take(const char *sender, int64_t now_ms)
{
    return cl_rate_take(&rate, cl_str_z(sender), (cl_instant){now_ms});
}

TEST(without_a_rate_nothing_is_refused)
{
    CHECK_OK(cl_rate_init(&rate, 0, 0, &hash_key));
    for (int i = 0; i < 100000; i++)
        CHECK_INT(take("a", 0), 0);
    cl_rate_done(&rate);
}

TEST(a_full_bucket_holds_the_burst_and_then_one_interval_is_one_message)
{
    CHECK_OK(cl_rate_init(&rate, 10, 5, &hash_key));
    for (int i = 0; i < 5; i++)
        CHECK_INT(take("a", 1000), 0);
    CHECK_INT(take("a", 1000), 100);
    CHECK_INT(take("a", 1050), 50);
    CHECK_INT(take("a", 1100), 0);
    CHECK_INT(take("a", 1100), 100);
    cl_rate_done(&rate);
}

TEST(the_wait_that_is_told_is_enough_and_no_more)
{
    int64_t now = 5000;
    CHECK_OK(cl_rate_init(&rate, 3, 1, &hash_key));
    for (int i = 0; i < 100; i++) {
        uint32_t wait = take("a", now);
        if (wait == 0)
            wait = take("a", now);
        CHECK(wait > 0);
        CHECK(take("a", now + wait - 1) > 0);
        now += wait;
        CHECK_INT(take("a", now), 0);
    }
    CHECK(now - 5000 <= 100 * 334);
    CHECK(now - 5000 >= 99 * 333);
    cl_rate_done(&rate);
}

TEST(over_a_long_time_the_rate_is_kept)
{
    unsigned passed = 0;
    CHECK_OK(cl_rate_init(&rate, 100, 10, &hash_key));
    for (int64_t now = 0; now < 60000; now++)
        passed += take("a", now) == 0;
    CHECK(passed >= 6000 && passed <= 6010);
    cl_rate_done(&rate);
}

/* How many of as many as it likes a sender gets through in ten seconds, tried each millisecond. */
static unsigned
passed_in_ten_seconds(uint32_t per_second, uint32_t burst)
{
    unsigned passed = 0;
    CHECK_OK(cl_rate_init(&rate, per_second, burst, &hash_key));
    for (int64_t now = 77; now < 10077; now++)
        while (take("a", now) == 0)
            passed++;
    cl_rate_done(&rate);
    return passed;
}

TEST(the_rate_is_kept_though_the_clock_counts_milliseconds)
{
    static const uint32_t rates[] = {7, 300, 999, 1000, 1001, 1500, 5000, 7919, 99999};
    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++) {
        uint32_t at_once = rates[i] / 1000 + 2; // what a millisecond earns, and its remainder
        unsigned passed = passed_in_ten_seconds(rates[i], 1);
        CHECK(passed >= 10 * rates[i] - at_once && passed <= 10 * rates[i] + at_once);
        passed = passed_in_ten_seconds(rates[i], 500);
        CHECK(passed >= 10 * rates[i] - at_once && passed <= 10 * rates[i] + at_once + 500);
    }
}

TEST(a_burst_above_what_a_millisecond_earns_is_not_exceeded)
{
    unsigned passed = 0;
    CHECK_OK(cl_rate_init(&rate, 5000, 40, &hash_key));
    while (take("a", 1000) == 0)
        passed++;
    CHECK_INT(passed, 40);
    CHECK_INT(take("a", 1000), 1);
    cl_rate_done(&rate);
}

TEST(the_largest_rate_counts_for_as_long_as_a_machine_runs)
{
    const int64_t century = 100LL * 366 * 24 * 3600 * 1000;
    CHECK_OK(cl_rate_init(&rate, CL_RATE_MAX, CL_RATE_MAX, &hash_key));
    for (unsigned i = 0; i < CL_RATE_MAX; i++)
        CHECK_INT(take("a", century), 0);
    CHECK_INT(take("a", century), 1);
    CHECK_INT(take("a", century + 1), 0);
    cl_rate_done(&rate);
}

TEST(silence_fills_the_bucket_and_not_more)
{
    CHECK_OK(cl_rate_init(&rate, 10, 3, &hash_key));
    for (int i = 0; i < 3; i++)
        CHECK_INT(take("a", 0), 0);
    CHECK(take("a", 0) > 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(take("a", 3600000), 0);
    CHECK(take("a", 3600000) > 0);
    cl_rate_done(&rate);
}

TEST(each_sender_has_a_bucket_of_its_own)
{
    CHECK_OK(cl_rate_init(&rate, 1, 1, &hash_key));
    CHECK_INT(take("a", 0), 0);
    CHECK_INT(take("b", 0), 0);
    CHECK_INT(take("a", 0), 1000);
    CHECK_INT(take("b", 0), 1000);
    cl_rate_done(&rate);
}

TEST(senders_without_number_take_no_more_memory)
{
    char name[16];
    CHECK_OK(cl_rate_init(&rate, 1, 1, &hash_key));
    for (unsigned i = 0; i < 10 * CL_RATE_SENDERS_MAX; i++) {
        (void)snprintf(name, sizeof name, "%u", i);
        CHECK_INT(take(name, 0), 0);
    }
    CHECK(cl_until_count(&rate.until, 0) <= CL_RATE_SENDERS_MAX);
    cl_rate_done(&rate);
}

TEST(without_memory_there_is_no_rate)
{
    FOR_EACH_FAULT
    {
        enum cl_err err = cl_rate_init(&rate, 10, 10, &hash_key);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        if (err == CL_OK)
            cl_rate_done(&rate);
    }
}
