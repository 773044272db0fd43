// SPDX-License-Identifier: MIT
#include "cli/walk.h"

#include <stdio.h>

#include "support/test.h"

/* How many of a relay's places are passed: each behind the one before, and after `circle` of them,
 * unless it is 0, the place `back` comes again. */
static uint32_t
pass(uint32_t back, uint32_t circle)
{
    struct cl_places places = {0};
    for (uint32_t i = 0;; i++) {
        char text[16];
        uint32_t at = circle > 0 && i >= back ? back + (i - back) % circle : i;
        int len = snprintf(text, sizeof text, "%u", at);
        if (!cl_places_pass(&places, cl_str_of(text, (size_t)len)))
            return i;
    }
}

TEST(a_circle_is_noticed_before_it_was_gone_round_three_times)
{
    static const uint32_t sizes[] = {1, 2, 3, 7, 8, 9, 100, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (uint32_t back = 0; back < 40; back++) {
            test_note("%u behind %u", sizes[i], back);
            uint32_t passed = pass(back, sizes[i]);
            CHECK(passed >= back + sizes[i]);
            CHECK(passed <= 3 * (back + sizes[i]));
        }
}

TEST(a_list_that_goes_on_and_on_has_an_end)
{
    CHECK_INT(pass(0, 0), CL_CLI_WALK_ANSWERS_MAX);
}

TEST(a_place_that_is_none_is_not_passed)
{
    static char place[CL_ID_BYTES_MAX + 1];
    struct cl_places places = {0};
    CHECK(!cl_places_pass(&places, cl_str_of(place, sizeof place)));
    CHECK(cl_places_pass(&places, cl_str_of(place, CL_ID_BYTES_MAX)));
}
