// SPDX-License-Identifier: MIT
/*
 * net/mdns.h - a relay made known on the local network, and relays found there.
 *
 * Both sit on the sockets of net/mdns_udp.h, with one responder or browser for each interface.
 */
#ifndef CL_NET_MDNS_H
#define CL_NET_MDNS_H

#include "net/loop.h"
#include "net/mdns_browser.h"
#include "net/mdns_responder.h"

/* -- being found ------------------------------------------------------------------------------- */

struct cl_mdns_advert;

enum cl_mdns_news {
    CL_MDNS_NEWS_ON,     // known on that interface, by that name
    CL_MDNS_NEWS_OFF,    // not any more: the interface has gone, or its addresses
    CL_MDNS_NEWS_PUBLIC, // this machine has a public address, so nothing is said (once)
};

struct cl_mdns_advert_config {
    struct cl_mdns_service service;
    cl_address listening; // offered are the addresses at which this one is reached
    bool is_forced;       // also on a machine with a public address
    /* interface and name are empty for CL_MDNS_NEWS_PUBLIC. */
    void (*on_news)(void *ctx, enum cl_mdns_news news, cl_str interface, cl_str name);
    void *ctx;
};

/* Errors of cl_mdns_udp_open and cl_mdns_responder_init. */
CL_MUST_CHECK enum cl_err cl_mdns_advert_open(struct cl_loop *loop,
                                              const struct cl_mdns_advert_config *config,
                                              struct cl_mdns_advert **ret_advert,
                                              struct cl_why *why);
/* Says goodbye on all interfaces, now. Accepts NULL. */
void cl_mdns_advert_close(struct cl_mdns_advert *advert);

struct ifaddrs;

/* Is the machine at home in the Internet? It has a public IPv4 address, or an interface with a
 * public IPv6 address and no private IPv4 address: in a home network it would have one. All
 * interfaces that are up count, those over which nothing is advertised as well: PPP, tunnels,
 * loopback. all is the list of getifaddrs(3). */
bool cl_mdns_is_machine_public(const struct ifaddrs *all);
/* Is who listens at that address reached at the interface's? */
bool cl_mdns_is_offered(const cl_address *listening, const cl_address *own);

/* -- finding ----------------------------------------------------------------------------------- */

struct cl_mdns_scan;

/* Asks from now on, as the loop turns. Errors of cl_mdns_udp_open. */
CL_MUST_CHECK enum cl_err cl_mdns_scan_open(struct cl_loop *loop, struct cl_mdns_scan **ret_scan,
                                            struct cl_why *why);
/* Accepts NULL. */
void cl_mdns_scan_close(struct cl_mdns_scan *scan);
/* The found one behind `after` (NULL: the first) that can be connected to, with its interface;
 * NULL: there is none left. Good until the loop turns. */
const struct cl_mdns_found *cl_mdns_scan_next(const struct cl_mdns_scan *scan,
                                              const struct cl_mdns_found *after,
                                              const struct cl_mdns_link **ret_link);
/* There were more than can be kept. */
bool cl_mdns_scan_is_overflow(const struct cl_mdns_scan *scan);

#endif
