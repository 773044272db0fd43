// SPDX-License-Identifier: MIT
/*
 * relay/stamp.h - the time a command gets.
 *
 * Wall time, until the wall clock parts from the monotonic one by more than CL_CLOCK_JUMP_MS:
 * from then on the monotonic clock is followed, until the relay is started again. Somebody
 * must look at such a machine, and its messages must not expire meanwhile.
 */
#ifndef CL_RELAY_STAMP_H
#define CL_RELAY_STAMP_H

#include <stdbool.h>

#include "base/time.h"

struct cl_stamp {
    cl_time wall_first;
    cl_instant steady_first;
    bool jumped;
};

void cl_stamp_init(struct cl_stamp *stamp, cl_time wall, cl_instant steady);
/* *ret_jumped is true once: in the call that noticed. */
cl_time cl_stamp_now(struct cl_stamp *stamp, cl_time wall, cl_instant steady, bool *ret_jumped);

#endif
