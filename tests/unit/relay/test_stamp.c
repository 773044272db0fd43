// SPDX-License-Identifier: MIT
#include "relay/stamp.h"

#include "base/limits.h"
#include "support/test.h"

static const cl_time noon = {1775304000000};
static const cl_instant boot = {5000};

static cl_time
stamp_after(struct cl_stamp *stamp, int64_t wall_ms, int64_t steady_ms, bool *ret_jumped)
{
    return cl_stamp_now(stamp, (cl_time){noon.ms + wall_ms}, (cl_instant){boot.ms + steady_ms},
                        ret_jumped);
}

TEST(stamps_are_wall_time)
{
    struct cl_stamp stamp;
    bool jumped;
    cl_stamp_init(&stamp, noon, boot);
    CHECK_INT(stamp_after(&stamp, 1000, 990, &jumped).ms, noon.ms + 1000);
    CHECK(!jumped);
}

TEST(a_small_correction_is_followed_in_both_directions)
{
    struct cl_stamp stamp;
    bool jumped;
    cl_stamp_init(&stamp, noon, boot);
    CHECK_INT(stamp_after(&stamp, CL_CLOCK_JUMP_MS, 0, &jumped).ms, noon.ms + CL_CLOCK_JUMP_MS);
    CHECK(!jumped);
    CHECK_INT(stamp_after(&stamp, -CL_CLOCK_JUMP_MS, 0, &jumped).ms, noon.ms - CL_CLOCK_JUMP_MS);
    CHECK(!jumped);
}

TEST(a_jump_is_told_once_and_then_the_steady_clock_rules)
{
    struct cl_stamp stamp;
    bool jumped;
    cl_stamp_init(&stamp, noon, boot);
    CHECK_INT(stamp_after(&stamp, CL_CLOCK_JUMP_MS + 11, 10, &jumped).ms, noon.ms + 10);
    CHECK(jumped);
    CHECK_INT(stamp_after(&stamp, CL_CLOCK_JUMP_MS + 21, 20, &jumped).ms, noon.ms + 20);
    CHECK(!jumped);
    CHECK_INT(stamp_after(&stamp, 30, 30, &jumped).ms, noon.ms + 30);
    CHECK(!jumped);
}

TEST(a_jump_back_is_a_jump)
{
    struct cl_stamp stamp;
    bool jumped;
    cl_stamp_init(&stamp, noon, boot);
    CHECK_INT(stamp_after(&stamp, -3600000, 40, &jumped).ms, noon.ms + 40);
    CHECK(jumped);
}
