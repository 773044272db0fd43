// SPDX-License-Identifier: MIT
/*
 * net/mdns_private.h - what the files about multicast DNS share, for net/ alone.
 */
#ifndef CL_NET_MDNS_PRIVATE_H
#define CL_NET_MDNS_PRIVATE_H

#include "net/mdns_responder.h"

/* The type of service that relays are (docs/protocol/clawlink-v1.md, On the local network). */
#define CL_MDNS_SERVICE "_clawlink._tcp.local"

#define CL_MDNS_BIT(index) ((cl_mdns_set)1 << (index))
/* RFC 6762 6: the group hears a record at most once a second. */
#define CL_MDNS_AGAIN_MS 1000
/* RFC 6762 6.7: "SHOULD NOT be greater than ten seconds". */
#define CL_MDNS_LEGACY_TTL_S 10
/* Of what has never been. */
#define CL_MDNS_LONG_AGO ((cl_instant){INT64_MIN / 2})

/* -- mdns_responder.c: what mdns_answer.c finds out -------------------------------------------- */

/* Somebody else has the host's or the instance's name. */
void cl_mdns_conflict(struct cl_mdns_responder *responder, bool is_host, cl_instant now);
/* Somebody else probes for a name of ours at the same time, and comes first. */
void cl_mdns_lose_probe(struct cl_mdns_responder *responder, cl_instant now);

/* -- mdns_answer.c ----------------------------------------------------------------------------- */

struct cl_mdns_when {
    cl_instant at;
    int64_t gap_ms; // since the group heard the record last
};

/* These records go to the group, at that time or as soon as it may. */
void cl_mdns_schedule(struct cl_mdns_responder *responder, enum cl_mdns_family family,
                      cl_mdns_set set, struct cl_mdns_when when);

/* -- mdns_links.c ------------------------------------------------------------------------------ */

/* One look at the interfaces. */
struct cl_mdns_look {
    size_t len;
    struct cl_mdns_link links[CL_MDNS_LINKS_MAX]; // all that can be used; nothing is_offered
    bool is_public;                               // cl_mdns_is_machine_public of all there are
};

/* False with errno: the system does not tell, as in a sandbox without AF_NETLINK. */
bool cl_mdns_look(struct cl_mdns_look *ret_look);

#endif
