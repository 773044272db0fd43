// SPDX-License-Identifier: MIT
/*
 * net/mdns_budget.h - how much of a program's one thread multicast DNS may take.
 *
 * Anybody on the local network can send datagrams faster than they are read. So time is cut into
 * slices of CL_MDNS_SLICE_MS, and in each only so many are read, and only until reading them and
 * answering has taken so long; then there is a rest until the next slice, in which the system
 * drops what its buffers cannot hold. Pure: both times are arguments.
 */
#ifndef CL_NET_MDNS_BUDGET_H
#define CL_NET_MDNS_BUDGET_H

#include "base/time.h"

/* All zeros: nothing was spent so far. */
struct cl_mdns_budget {
    cl_instant slice; // when it began
    unsigned reads;   // in it
    int64_t spent_ns; // in it
};

/* May one more datagram be read? If so it is counted. */
bool cl_mdns_budget_take(struct cl_mdns_budget *budget, cl_instant now);
/* What was done since the last time took so long. */
void cl_mdns_budget_spend(struct cl_mdns_budget *budget, int64_t ns);
/* When the next slice begins. */
cl_instant cl_mdns_budget_next(const struct cl_mdns_budget *budget);

#endif
