// SPDX-License-Identifier: MIT
/*
 * net/mdns_udp.h - the sockets of multicast DNS: one for each family, for all interfaces.
 *
 * Port 5353 is shared (SO_REUSEADDR, SO_REUSEPORT), so avahi-daemon or mDNSResponder may run on the
 * same machine. Interfaces that are up and can multicast are joined, loopback and point-to-point
 * ones are not; they are looked at again every CL_MDNS_RESCAN_MS. Each has a slot, a number below
 * CL_MDNS_LINKS_MAX that stays the same as long as it is there.
 *
 * What comes in is bounded (net/mdns_budget.h). What goes out is asked for: after each event, and
 * when it is due.
 */
#ifndef CL_NET_MDNS_UDP_H
#define CL_NET_MDNS_UDP_H

#include "base/err.h"
#include "net/loop.h"
#include "net/mdns_link.h"

struct cl_mdns_udp;

struct cl_mdns_udp_events {
    /* The interfaces were looked at; what has changed is told next. is_public:
     * cl_mdns_is_machine_public. May be NULL. */
    void (*on_look)(void *ctx, bool is_public);
    /* The interface is there, or has other addresses than before; NULL: it has gone. */
    void (*on_link)(void *ctx, size_t slot, const struct cl_mdns_link *link);
    /* A datagram; its bytes are good during the call. What another interface of this machine sent
     * does not come here. */
    void (*on_packet)(void *ctx, size_t slot, const struct cl_mdns_packet *packet);
    /* The next datagram that is due there; false: none. */
    bool (*send)(void *ctx, size_t slot, cl_instant now, struct cl_mdns_datagram *ret_datagram);
    /* When something is due there at the latest. */
    cl_instant (*deadline)(void *ctx, size_t slot);
};

/* The first interfaces come in a later turn. CL_ERR_IO when neither family has a socket, or the
 * interfaces cannot be listed: the sentence is in why. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_mdns_udp_open(struct cl_loop *loop,
                                           const struct cl_mdns_udp_events *events, void *ctx,
                                           struct cl_mdns_udp **ret_udp, struct cl_why *why);
/* No event comes any more. Accepts NULL. */
void cl_mdns_udp_close(struct cl_mdns_udp *udp);

/* Sends at once. What the network does not take is lost, as datagrams are. */
void cl_mdns_udp_send(struct cl_mdns_udp *udp, size_t slot,
                      const struct cl_mdns_datagram *datagram);
/* NULL: there is no interface in that slot. */
const struct cl_mdns_link *cl_mdns_udp_link(const struct cl_mdns_udp *udp, size_t slot);

#endif
