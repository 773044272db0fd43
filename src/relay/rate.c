// SPDX-License-Identifier: MIT
#include "relay/rate.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"

/* Credits that one message costs. A millisecond earns per_second of them, so no rate is rounded. */
#define MESSAGE_CREDITS 1000

enum cl_err
cl_rate_init(struct cl_rate *rate, uint32_t per_second, uint32_t burst, const cl_hash_key *hash_key)
{
    *rate = (struct cl_rate){0};
    if (per_second == 0)
        return CL_OK;
    CL_ASSERT(per_second <= CL_RATE_MAX && burst > 0 && burst <= CL_RATE_MAX);
    struct cl_until_entry *entries = cl_alloc(CL_RATE_SENDERS_MAX * sizeof *entries);
    if (entries == NULL)
        return CL_ERR_NO_MEMORY;
    cl_until_init(&rate->until, entries, CL_RATE_SENDERS_MAX, hash_key);
    rate->per_second = per_second;
    rate->slack = (int64_t)MESSAGE_CREDITS * (burst - 1);
    // The clock moves by whole milliseconds. A message that would be due within one is taken at its
    // beginning; a bucket of one message would else lose the rest of it, each time.
    if (rate->slack < per_second - 1)
        rate->slack = per_second - 1;
    return CL_OK;
}

void
cl_rate_done(struct cl_rate *rate)
{
    cl_free(rate->until.entries);
    *rate = (struct cl_rate){0};
}

uint32_t
cl_rate_take(struct cl_rate *rate, cl_str sender, cl_instant now)
{
    if (rate->per_second == 0)
        return 0;
    int64_t now_credits = now.ms * rate->per_second;
    int64_t full_at = cl_until_get(&rate->until, sender, now_credits);
    int64_t missing = full_at - now_credits - rate->slack;
    if (missing > 0)
        return (uint32_t)((missing + rate->per_second - 1) / rate->per_second);
    cl_until_set(&rate->until, sender, full_at + MESSAGE_CREDITS, now_credits);
    return 0;
}
