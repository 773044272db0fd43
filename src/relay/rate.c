// SPDX-License-Identifier: MIT
#include "relay/rate.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"

#define NS_PER_S  1000000000
#define NS_PER_MS 1000000

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
    rate->interval_ns = NS_PER_S / per_second;
    rate->slack_ns = rate->interval_ns * (burst - 1);
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
    if (rate->interval_ns == 0)
        return 0;
    int64_t now_ns = now.ms * NS_PER_MS;
    int64_t full_at = cl_until_get(&rate->until, sender, now_ns);
    int64_t early_ns = full_at - now_ns - rate->slack_ns;
    if (early_ns > 0)
        return (uint32_t)((early_ns + NS_PER_MS - 1) / NS_PER_MS);
    cl_until_set(&rate->until, sender, full_at + rate->interval_ns, now_ns);
    return 0;
}
