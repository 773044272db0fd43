// SPDX-License-Identifier: MIT
#include "client/backoff.h"

#include "base/limits.h"

uint32_t
cl_backoff_next(struct cl_backoff *backoff, uint64_t random)
{
    uint32_t limit = backoff->limit_ms == 0 ? CL_CLIENT_BACKOFF_FIRST_MS : backoff->limit_ms;
    backoff->limit_ms =
        limit > CL_CLIENT_BACKOFF_LAST_MS / 2 ? CL_CLIENT_BACKOFF_LAST_MS : 2 * limit;
    return (uint32_t)(random % (limit + 1)); // of 2^64 the remainder's bias is nothing
}

uint32_t
cl_backoff_within(struct cl_backoff *backoff, uint64_t random, int64_t left_ms)
{
    uint32_t pause_ms = cl_backoff_next(backoff, random);
    return pause_ms < left_ms ? pause_ms : (uint32_t)left_ms;
}

void
cl_backoff_reset(struct cl_backoff *backoff)
{
    backoff->limit_ms = 0;
}
