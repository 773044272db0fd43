// SPDX-License-Identifier: MIT
/*
 * What a flood may take of each slice of time.
 */
#include "net/mdns_budget.h"

#include "base/limits.h"
#include "support/test.h"

#define MS INT64_C(1000000) // in nanoseconds

static struct cl_mdns_budget budget;

/* How many datagrams are read at that time when each takes so long. */
static unsigned
reads_at(int64_t ms, int64_t each_ns)
{
    unsigned reads = 0;
    for (; cl_mdns_budget_take(&budget, (cl_instant){ms}); reads++)
        cl_mdns_budget_spend(&budget, each_ns);
    return reads;
}

TEST(a_slice_has_so_many_datagrams)
{
    budget = (struct cl_mdns_budget){0};
    CHECK_INT(reads_at(5000, 1), CL_MDNS_READS_PER_SLICE);
    CHECK_INT(reads_at(5000 + CL_MDNS_SLICE_MS - 1, 1), 0);
    CHECK_INT(cl_mdns_budget_next(&budget).ms, 5000 + CL_MDNS_SLICE_MS);
    CHECK_INT(reads_at(5000 + CL_MDNS_SLICE_MS, 1), CL_MDNS_READS_PER_SLICE);
}

TEST(costly_datagrams_end_it_sooner)
{
    budget = (struct cl_mdns_budget){0};
    const int64_t most = CL_MDNS_SPENT_US_PER_SLICE * INT64_C(1000);
    CHECK_INT(reads_at(5000, MS), most / MS);
    CHECK_INT(reads_at(5000 + CL_MDNS_SLICE_MS - 1, MS), 0);
    CHECK_INT(reads_at(5000 + CL_MDNS_SLICE_MS, most - 1), 2);
    CHECK_INT(reads_at(5000 + 2 * CL_MDNS_SLICE_MS, 1000 * MS), 1); // one is always looked at
}

TEST(what_was_sent_after_the_last_datagram_counts_as_well)
{
    budget = (struct cl_mdns_budget){0};
    CHECK(cl_mdns_budget_take(&budget, (cl_instant){5000}));
    cl_mdns_budget_spend(&budget, 1);
    CHECK(cl_mdns_budget_take(&budget, (cl_instant){5000}));
    cl_mdns_budget_spend(&budget, CL_MDNS_SPENT_US_PER_SLICE * INT64_C(1000));
    CHECK(!cl_mdns_budget_take(&budget, (cl_instant){5000}));
}
