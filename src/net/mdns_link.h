// SPDX-License-Identifier: MIT
/*
 * net/mdns_link.h - one interface as multicast DNS sees it, and what comes and goes there.
 *
 * Values only; no socket, no clock. Who speaks there is in net/mdns_responder.h and
 * net/mdns_browser.h, the sockets in net/mdns_udp.h.
 */
#ifndef CL_NET_MDNS_LINK_H
#define CL_NET_MDNS_LINK_H

#include <stddef.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/time.h"
#include "net/address.h"

#define CL_MDNS_PORT 5353

/* 224.0.0.251 and ff02::fb are two worlds (RFC 6762 section 20); indices of arrays. */
enum cl_mdns_family { CL_MDNS_V4, CL_MDNS_V6, CL_MDNS_FAMILIES };

struct cl_mdns_address {
    cl_address address; // its port is 0
    uint8_t prefix;     // bits that the hosts of its network share, of the 128
    bool is_offered;    // what is advertised can be reached there
};

/* A system's name of an interface and its NUL. */
#define CL_MDNS_LINK_NAME_CAP 16

struct cl_mdns_link {
    unsigned index; // the system's number of the interface
    char name[CL_MDNS_LINK_NAME_CAP];
    struct cl_mdns_address addresses[CL_MDNS_ADDRESSES_MAX];
    size_t addresses_len;
};

/* Is that one of the link's own addresses? Ports do not count. */
bool cl_mdns_link_has(const struct cl_mdns_link *link, const cl_address *address);
/* Does it belong to a network of the link, or is it link-local? Whatever comes from elsewhere is
 * ignored (RFC 6762 section 11). */
bool cl_mdns_link_is_near(const struct cl_mdns_link *link, const cl_address *address);
bool cl_mdns_link_eq(const struct cl_mdns_link *a, const struct cl_mdns_link *b);

/* 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291 section 2.5.6). */
bool cl_mdns_is_link_local(const cl_address *address);
/* Can the whole Internet reach it, unless something is in the way? Not so for private (RFC 1918),
 * shared (RFC 6598), unique local (RFC 4193), link-local and loopback addresses. */
bool cl_mdns_is_public(const cl_address *address);

/* What came in. */
struct cl_mdns_packet {
    cl_str bytes;
    cl_address from;
    enum cl_mdns_family family;
};

/* What goes out. */
struct cl_mdns_datagram {
    bool families[CL_MDNS_FAMILIES]; // to the group, in these
    cl_address to;                   // its port is not 0: to this host alone instead
    size_t len;
    uint8_t bytes[CL_MDNS_SEND_BYTES_MAX];
};

/* Numbers that others cannot foresee, from a seed: delays (RFC 6762 section 6). */
struct cl_mdns_dice {
    uint64_t state;
};

/* From least to most, both included. */
int64_t cl_mdns_roll(struct cl_mdns_dice *dice, int64_t least, int64_t most);

#endif
