// SPDX-License-Identifier: MIT
/*
 * net/gate.h - how many connections may be open (docs/operations.md, Limits).
 *
 * Everybody begins as a stranger. Strangers are capped in all and per address (IPv6: per /64
 * network, which one host holds alone); loopback counts against neither. Who shows the token
 * counts against the cap of all connections only. Over a cap there is a small reserve, so that
 * /healthz answers while a flood lasts; its places go from old connections to new ones
 * (http_server.h). Pure counting.
 */
#ifndef CL_NET_GATE_H
#define CL_NET_GATE_H

#include "base/err.h"
#include "base/limits.h"
#include "net/address.h"
#include "net/counts.h"

struct cl_gate_stranger {
    cl_network network;
    uint32_t count; // 0: free
};

struct cl_gate {
    uint32_t connections_max;
    uint32_t connections;
    uint32_t strangers;       // not of loopback
    uint32_t locals;          // of loopback, outside the reserve
    uint32_t reserve;         // connections in the reserve
    struct cl_counts *counts; // where each time over a cap is counted; NULL: nowhere
    struct cl_gate_stranger by_network[CL_NET_STRANGERS_MAX];
};

/* One connection's place. Zeroed, it is no place. */
struct cl_gate_pass {
    struct cl_gate *gate;
    uint16_t stranger; // index in by_network + 1; 0: not counted as a stranger
    bool is_reserve;
    bool is_local; // of loopback
};

/* connections_max 0: as many as the process may have descriptors, less CL_NET_FDS_RESERVE. */
void cl_gate_init(struct cl_gate *gate, uint32_t connections_max);
/* Raises the soft limit of descriptors to the hard one and returns it. */
uint32_t cl_gate_raise_descriptors(void);

/* CL_OK, maybe with a place in the reserve (is_reserve), or CL_ERR_TOO_MANY. */
CL_MUST_CHECK enum cl_err cl_gate_enter(struct cl_gate *gate, const cl_address *peer,
                                        struct cl_gate_pass *ret_pass);
/* No stranger any more. Harmless to repeat. */
void cl_gate_known(struct cl_gate_pass *pass);
/* Gives the place back and zeroes the pass. Harmless without a place. */
void cl_gate_leave(struct cl_gate_pass *pass);

#endif
