// SPDX-License-Identifier: MIT
#include "net/penalty.h"

void
cl_penalties_init(struct cl_penalties *penalties, const cl_hash_key *hash_key)
{
    *penalties = (struct cl_penalties){0};
    cl_until_init(&penalties->until, penalties->entries, CL_NET_PENALTIES_MAX, hash_key);
}

void
cl_penalties_add(struct cl_penalties *penalties, const cl_address *peer, cl_instant now)
{
    cl_network network = cl_address_network(peer);
    cl_str key = cl_str_of((const char *)network.ip, sizeof network.ip);
    if (cl_address_is_loopback(peer))
        return;
    int64_t until = cl_until_get(&penalties->until, key, now.ms) + CL_NET_PENALTY_MS;
    if (until > now.ms + CL_NET_PENALTY_MS_MAX)
        until = now.ms + CL_NET_PENALTY_MS_MAX;
    cl_until_set(&penalties->until, key, until, now.ms);
}

int64_t
cl_penalties_left(const struct cl_penalties *penalties, const cl_address *peer, cl_instant now)
{
    cl_network network = cl_address_network(peer);
    cl_str key = cl_str_of((const char *)network.ip, sizeof network.ip);
    if (cl_address_is_loopback(peer))
        return 0;
    return cl_until_get(&penalties->until, key, now.ms) - now.ms;
}

uint32_t
cl_penalties_count(const struct cl_penalties *penalties, cl_instant now)
{
    return cl_until_count(&penalties->until, now.ms);
}
