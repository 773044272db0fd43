// SPDX-License-Identifier: MIT
#include "net/gate.h"

#include <string.h>
#include <sys/resource.h>

#include "base/assert.h"

/* What a process without a limit gets; more connections than memory could hold. */
#define UNLIMITED_DESCRIPTORS (1024u * 1024u)

uint32_t
cl_gate_raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return CL_NET_FDS_RESERVE;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    return limit.rlim_cur < UNLIMITED_DESCRIPTORS ? (uint32_t)limit.rlim_cur
                                                  : UNLIMITED_DESCRIPTORS;
}

void
cl_gate_init(struct cl_gate *gate, uint32_t connections_max)
{
    *gate = (struct cl_gate){.connections_max = connections_max};
    if (connections_max > 0)
        return;
    uint32_t descriptors = cl_gate_raise_descriptors();
    gate->connections_max = descriptors > CL_NET_FDS_RESERVE ? descriptors - CL_NET_FDS_RESERVE : 1;
}

/* The place of that network in by_network, a free one, or NULL. A linear search: there are few,
 * and it is done once per connection. */
static struct cl_gate_stranger *
find_network(struct cl_gate *gate, const cl_network *network)
{
    struct cl_gate_stranger *unused = NULL;
    for (size_t at = 0; at < CL_NET_STRANGERS_MAX; at++) {
        struct cl_gate_stranger *stranger = &gate->by_network[at];
        if (stranger->count == 0)
            unused = stranger;
        else if (memcmp(&stranger->network, network, sizeof *network) == 0)
            return stranger;
    }
    return unused;
}

static void
count(struct cl_gate *gate, enum cl_count reason)
{
    if (gate->counts != NULL)
        gate->counts->of[reason]++;
}

/* The index + 1 of the place that a stranger takes; 0 when there is none. */
static uint16_t
enter_stranger(struct cl_gate *gate, const cl_address *peer)
{
    cl_network network = cl_address_network(peer);
    if (gate->strangers == CL_NET_STRANGERS_MAX) {
        count(gate, CL_COUNT_STRANGERS);
        return 0;
    }
    struct cl_gate_stranger *stranger = find_network(gate, &network);
    CL_ASSERT(stranger != NULL); // each stranger has one at most
    if (stranger->count == CL_NET_STRANGERS_PER_ADDRESS_MAX) {
        count(gate, CL_COUNT_PER_ADDRESS);
        return 0;
    }
    stranger->network = network;
    stranger->count++;
    gate->strangers++;
    return (uint16_t)(stranger - gate->by_network + 1);
}

enum cl_err
cl_gate_enter(struct cl_gate *gate, const cl_address *peer, struct cl_gate_pass *ret_pass)
{
    struct cl_gate_pass pass = {.gate = gate};
    bool is_local = cl_address_is_loopback(peer);
    bool is_full = gate->connections - gate->reserve >= gate->connections_max;
    if (is_full) {
        count(gate, CL_COUNT_ALL_FULL);
    } else if (!is_local) {
        pass.stranger = enter_stranger(gate, peer);
        is_full = pass.stranger == 0;
    }
    if (is_full && gate->reserve == CL_NET_HEALTH_RESERVE)
        return CL_ERR_TOO_MANY;

    pass.is_reserve = is_full;
    pass.is_local = is_local && !is_full;
    gate->reserve += is_full ? 1 : 0;
    gate->locals += pass.is_local ? 1 : 0;
    gate->connections++;
    *ret_pass = pass;
    return CL_OK;
}

void
cl_gate_known(struct cl_gate_pass *pass)
{
    if (pass->stranger == 0)
        return;
    pass->gate->by_network[pass->stranger - 1].count--;
    pass->gate->strangers--;
    pass->stranger = 0;
}

void
cl_gate_leave(struct cl_gate_pass *pass)
{
    if (pass->gate == NULL)
        return;
    cl_gate_known(pass);
    pass->gate->reserve -= pass->is_reserve ? 1 : 0;
    pass->gate->locals -= pass->is_local ? 1 : 0;
    pass->gate->connections--;
    *pass = (struct cl_gate_pass){0};
}
