// SPDX-License-Identifier: MIT
/*
 * base/clock.h - where time comes into the program. The core may not include this.
 */
#ifndef CL_BASE_CLOCK_H
#define CL_BASE_CLOCK_H

#include "base/time.h"

cl_time cl_clock_wall(void);
cl_instant cl_clock_monotonic(void);

#endif
