// SPDX-License-Identifier: MIT
#include "base/clock.h"

#include <time.h>

#include "base/assert.h"

static int64_t
read_ms(clockid_t clock)
{
    struct timespec now;
    CL_ASSERT(clock_gettime(clock, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

cl_time
cl_clock_wall(void)
{
    return (cl_time){read_ms(CLOCK_REALTIME)};
}

/* The clock must run on while a laptop sleeps, or wall time seems to jump at each waking. On
 * macOS CLOCK_MONOTONIC does that by itself. */
#if defined(CLOCK_BOOTTIME)
#define CLOCK_STEADY CLOCK_BOOTTIME
#else
#define CLOCK_STEADY CLOCK_MONOTONIC
#endif

cl_instant
cl_clock_monotonic(void)
{
    return (cl_instant){read_ms(CLOCK_STEADY)};
}
