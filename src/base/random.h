// SPDX-License-Identifier: MIT
/*
 * base/random.h - where randomness comes into the program. The core may not include this.
 */
#ifndef CL_BASE_RANDOM_H
#define CL_BASE_RANDOM_H

#include <stddef.h>

/* Unpredictable bytes from the operating system; ends the process when it has none. */
void cl_random_bytes(void *ret_bytes, size_t len);

#endif
