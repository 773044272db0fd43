// SPDX-License-Identifier: MIT
#include "relay/stamp.h"

#include "base/limits.h"

void
cl_stamp_init(struct cl_stamp *stamp, cl_time wall, cl_instant steady)
{
    *stamp = (struct cl_stamp){.wall_first = wall, .steady_first = steady};
}

cl_time
cl_stamp_now(struct cl_stamp *stamp, cl_time wall, cl_instant steady, bool *ret_jumped)
{
    cl_time expected = cl_time_add(stamp->wall_first, steady.ms - stamp->steady_first.ms);
    int64_t apart = wall.ms - expected.ms;
    bool jumps = apart > CL_CLOCK_JUMP_MS || apart < -CL_CLOCK_JUMP_MS;

    *ret_jumped = jumps && !stamp->jumped;
    stamp->jumped = stamp->jumped || jumps;
    return stamp->jumped ? expected : wall;
}
