// SPDX-License-Identifier: MIT
#include "client/backoff.h"

#include "base/limits.h"
#include "support/test.h"

TEST(the_limit_doubles_from_one_second_to_thirty)
{
    static const uint32_t limits[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
    struct cl_backoff backoff = {0};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        CHECK_INT(cl_backoff_next(&backoff, limits[i]),
                  limits[i]); // the remainder of the limit + 1
    cl_backoff_reset(&backoff);
    CHECK_INT(cl_backoff_next(&backoff, 1000), 1000);
}

TEST(the_pause_is_any_part_of_the_limit)
{
    struct cl_backoff backoff = {0};
    CHECK_INT(cl_backoff_next(&backoff, 0), 0);
    CHECK_INT(cl_backoff_next(&backoff, 2001 + 5), 5);
    CHECK(cl_backoff_next(&backoff, UINT64_MAX) <= 4000);
}

TEST(a_pause_ends_with_the_deadline)
{
    struct cl_backoff backoff = {0};
    CHECK_INT(cl_backoff_within(&backoff, 1000, 10), 10);
    CHECK_INT(cl_backoff_within(&backoff, 2000, 2001), 2000);
    CHECK_INT(cl_backoff_within(&backoff, 4000, INT64_MAX), 4000);
    CHECK_INT(cl_backoff_within(&backoff, 8000, 1), 1);
}
