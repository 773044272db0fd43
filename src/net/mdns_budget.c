// SPDX-License-Identifier: MIT
#include "net/mdns_budget.h"

#include "base/limits.h"

bool
cl_mdns_budget_take(struct cl_mdns_budget *budget, cl_instant now)
{
    if (now.ms - budget->slice.ms >= CL_MDNS_SLICE_MS)
        *budget = (struct cl_mdns_budget){.slice = now};
    if (budget->reads >= CL_MDNS_READS_PER_SLICE ||
        budget->spent_ns >= CL_MDNS_SPENT_US_PER_SLICE * INT64_C(1000))
        return false;
    budget->reads++;
    return true;
}

void
cl_mdns_budget_spend(struct cl_mdns_budget *budget, int64_t ns)
{
    budget->spent_ns += ns;
}

cl_instant
cl_mdns_budget_next(const struct cl_mdns_budget *budget)
{
    return cl_instant_add(budget->slice, CL_MDNS_SLICE_MS);
}
