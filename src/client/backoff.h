// SPDX-License-Identifier: MIT
/*
 * client/backoff.h - how long to wait before the next try.
 *
 * Up to a limit that doubles from CL_CLIENT_BACKOFF_FIRST_MS to CL_CLIENT_BACKOFF_LAST_MS, a random
 * part of it ("full jitter"): those who lost a relay together do not come back together. Pure: the
 * randomness is an argument.
 */
#ifndef CL_CLIENT_BACKOFF_H
#define CL_CLIENT_BACKOFF_H

#include <stdint.h>

struct cl_backoff {
    uint32_t limit_ms; // of the next pause; 0: CL_CLIENT_BACKOFF_FIRST_MS
};

/* The next pause in milliseconds, 0 to the limit, by 64 random bits. The limit then doubles. */
uint32_t cl_backoff_next(struct cl_backoff *backoff, uint64_t random);
/* The same, but no longer than what is left until a deadline, which is not over. */
uint32_t cl_backoff_within(struct cl_backoff *backoff, uint64_t random, int64_t left_ms);
/* All is well again. */
void cl_backoff_reset(struct cl_backoff *backoff);

#endif
