// SPDX-License-Identifier: MIT
#include "base/time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "support/test.h"

static void
check_text(int64_t ms, const char *want)
{
    char text[CL_TIME_TEXT_CAP];
    cl_time_text((cl_time){ms}, text);
    CHECK_STR(cl_str_z(text), cl_str_z(want));
}

TEST(known_moments_have_their_text)
{
    check_text(0, "1970-01-01T00:00:00.000000+00:00");
    check_text(1, "1970-01-01T00:00:00.001000+00:00");
    check_text(1775293200123, "2026-04-04T09:00:00.123000+00:00");
    check_text(951782400000, "2000-02-29T00:00:00.000000+00:00");
    check_text(951868799999, "2000-02-29T23:59:59.999000+00:00");
    check_text(951868800000, "2000-03-01T00:00:00.000000+00:00");
    check_text(1709164800000, "2024-02-29T00:00:00.000000+00:00");
    check_text(1677628800000, "2023-03-01T00:00:00.000000+00:00");
    check_text(4107542400000, "2100-03-01T00:00:00.000000+00:00");
    check_text(2147483647000, "2038-01-19T03:14:07.000000+00:00");
    check_text(2147483648000, "2038-01-19T03:14:08.000000+00:00");
}

TEST(moments_before_1970_have_their_text)
{
    check_text(-1, "1969-12-31T23:59:59.999000+00:00");
    check_text(-86400000, "1969-12-31T00:00:00.000000+00:00");
    check_text(-86400001, "1969-12-30T23:59:59.999000+00:00");
    check_text(-2203891200000, "1900-03-01T00:00:00.000000+00:00");
    check_text(-2203977600000, "1900-02-28T00:00:00.000000+00:00");
    check_text(-12219292800000, "1582-10-15T00:00:00.000000+00:00");
}

TEST(years_that_four_digits_do_not_hold_are_clamped)
{
    check_text(-62167219200000, "0000-01-01T00:00:00.000000+00:00");
    check_text(-62167219200001, "0000-01-01T00:00:00.000000+00:00");
    check_text(INT64_MIN, "0000-01-01T00:00:00.000000+00:00");
    check_text(253402300799999, "9999-12-31T23:59:59.999000+00:00");
    check_text(253402300800000, "9999-12-31T23:59:59.999000+00:00");
    check_text(INT64_MAX, "9999-12-31T23:59:59.999000+00:00");
}

/* About one moment per 19 days of ten thousand years. */
TEST(the_c_library_agrees_on_every_year)
{
    for (int64_t s = -62167219200; s <= 253402300799; s += 1654321) {
        char want[64];
        struct tm tm;
        time_t moment = (time_t)s;
        CHECK(gmtime_r(&moment, &tm) != NULL);
        (void)snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02d.007000+00:00",
                       tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                       tm.tm_sec);
        check_text(s * 1000 + 7, want);
    }
}

TEST(adding_saturates_at_never)
{
    CHECK(cl_time_add((cl_time){5}, 7).ms == 12);
    CHECK(cl_time_add((cl_time){-5}, 7).ms == 2);
    CHECK(cl_time_add((cl_time){INT64_MAX - 1}, 1).ms == INT64_MAX);
    CHECK(cl_time_add((cl_time){INT64_MAX - 1}, 2).ms == INT64_MAX);
    CHECK(cl_time_add(CL_TIME_NEVER, INT64_MAX).ms == CL_TIME_NEVER.ms);
    CHECK(cl_time_add((cl_time){INT64_MIN}, INT64_MAX).ms == -1);
    CHECK(cl_instant_add((cl_instant){5}, 7).ms == 12);
    CHECK(cl_instant_add(CL_INSTANT_NEVER, 1).ms == CL_INSTANT_NEVER.ms);
}

TEST(the_clocks_do_not_stand_before_2020_or_run_backwards)
{
    CHECK(cl_clock_wall().ms > 1577836800000);
    int64_t last = cl_clock_monotonic().ms;
    for (int i = 0; i < 1000; i++) {
        int64_t now = cl_clock_monotonic().ms;
        CHECK(now >= last);
        last = now;
    }
}
