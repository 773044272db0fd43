// SPDX-License-Identifier: MIT
/*
 * net/penalty.h - who showed wrong tokens waits (docs/decisions/0016).
 *
 * Each wrong token costs its network (IPv4 address, IPv6 /64) CL_NET_PENALTY_MS, up to
 * CL_NET_PENALTY_MS_MAX ahead of now. Until then its requests get 429 without a look at their
 * token, and once more than CL_NET_PENALTY_DEAF_MS are ahead its connections are turned away
 * unread. Only connections that had shown the right token before go on.
 *
 * Loopback is never penalised: behind one address there are many, a proxy's clients or all
 * users of the machine, and one of them must not lock out the rest.
 *
 * Fails open: with more networks than CL_NET_PENALTIES_MAX the shortest penalties are forgotten
 * (base/until.h). Pure: the time is an argument.
 */
#ifndef CL_NET_PENALTY_H
#define CL_NET_PENALTY_H

#include "base/limits.h"
#include "base/time.h"
#include "base/until.h"
#include "net/address.h"

struct cl_penalties {
    struct cl_until until; // in milliseconds of cl_instant
    struct cl_until_entry entries[CL_NET_PENALTIES_MAX];
};

void cl_penalties_init(struct cl_penalties *penalties, const cl_hash_key *hash_key);
/* A wrong token came from there. */
void cl_penalties_add(struct cl_penalties *penalties, const cl_address *peer, cl_instant now);
/* Milliseconds that it still has to wait; 0: none. */
int64_t cl_penalties_left(const struct cl_penalties *penalties, const cl_address *peer,
                          cl_instant now);
/* Networks that wait. */
uint32_t cl_penalties_count(const struct cl_penalties *penalties, cl_instant now);

#endif
