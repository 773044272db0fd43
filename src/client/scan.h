// SPDX-License-Identifier: MIT
/*
 * client/scan.h - relays that answer on the local network.
 *
 * What comes from there is what anybody on it cares to say: candidates for a person to choose from,
 * none of them verified. Several of one name are several entries.
 */
#ifndef CL_CLIENT_SCAN_H
#define CL_CLIENT_SCAN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

struct cl_seen {
    cl_str name;    // any bytes, as all texts but the URL and the addresses
    cl_str machine; // what it says its machine is called; may be empty
    cl_str version; // of its program; may be empty
    cl_str auth;    // "yes" or "no", or what it says
    cl_str pin;     // of its key, "sha256:..." in letters that need no quoting; else empty
    bool is_tls;
    bool is_contradictory; // it said different things
    cl_str url;            // empty when none of its addresses can stand in one
    cl_str from;           // the address that said all this
    cl_str interface;      // over which
    uint16_t port;
    cl_str addresses[CL_MDNS_ADDRESSES_MAX]; // link-local ones with their interface, "fe80::1%eth0"
    size_t addresses_len;
};

struct cl_seen_list {
    struct cl_arena arena; // of all texts
    const struct cl_seen *relays;
    size_t len;
    bool is_overflow; // there were more
};

/* Asks and listens for so long. cl_seen_done is due in any case.
 * CL_ERR_IO: this machine's network does not let us; CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_scan(uint32_t ms, struct cl_seen_list *list, struct cl_why *why);
void cl_seen_done(struct cl_seen_list *list);

#endif
