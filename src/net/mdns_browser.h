// SPDX-License-Identifier: MIT
/*
 * net/mdns_browser.h - who says on one interface that it is a relay (RFC 6762, RFC 6763).
 *
 * Nothing that is found here is verified, and a network may be hostile. So what each address says
 * is kept apart: the records of one never complete, replace or take back those of another, and a
 * name that two of them use is found twice. Who contradicts itself is marked.
 *
 * Pure: time is an argument, randomness a seed, datagrams come and go as bytes. The owner sends
 * what cl_mdns_browser_send gives until it gives nothing, and comes back at
 * cl_mdns_browser_deadline.
 */
#ifndef CL_NET_MDNS_BROWSER_H
#define CL_NET_MDNS_BROWSER_H

#include "net/mdns_link.h"
#include "wire/mdns.h"

struct cl_mdns_found_address {
    cl_address address; // its port is 0
    cl_instant seen;
    cl_instant until;
};

struct cl_mdns_found {
    bool is_used;
    bool is_contradictory; // it has had another TXT record, too
    cl_address from;       // who said all this
    cl_mdns_name instance;
    cl_instant until;  // of the pointer to the instance
    cl_instant asked;  // when that was half a life away: until then it is a known answer
    cl_mdns_name host; // with the root alone as long as no SRV record came
    uint16_t port;
    cl_instant srv_until;
    bool has_txt;
    uint16_t txt_len;
    uint8_t txt[CL_MDNS_TXT_BYTES_MAX];
    size_t addresses_len;
    struct cl_mdns_found_address addresses[CL_MDNS_ADDRESSES_MAX];
};

struct cl_mdns_browser {
    struct cl_mdns_link link;
    struct cl_mdns_dice dice;
    cl_mdns_name service;
    cl_instant next; // of the queries for all; the gap doubles
    int64_t gap_ms;
    cl_instant more;      // a query for what is missing of one that was found
    cl_instant more_last; // when the last such query was
    bool is_overflow;     // there were more than can be kept
    struct cl_mdns_found found[CL_MDNS_FOUND_MAX];
};

/* Begins to ask 20 to 120 ms from now, then 1, 2, 4, ... s later. */
void cl_mdns_browser_init(struct cl_mdns_browser *browser, const struct cl_mdns_link *link,
                          uint64_t seed, cl_instant now);
/* What came over this interface. Broken messages, and those of hosts that are not near, change
 * nothing. */
void cl_mdns_browser_receive(struct cl_mdns_browser *browser, const struct cl_mdns_packet *packet,
                             cl_instant now);
bool cl_mdns_browser_send(struct cl_mdns_browser *browser, cl_instant now,
                          struct cl_mdns_datagram *ret_datagram);
cl_instant cl_mdns_browser_deadline(const struct cl_mdns_browser *browser);
/* Forgets what has ended. */
void cl_mdns_browser_expire(struct cl_mdns_browser *browser, cl_instant now);

/* Host, port and an address are there: it can be connected to. */
bool cl_mdns_found_is_complete(const struct cl_mdns_found *found);

#endif
