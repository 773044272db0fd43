// SPDX-License-Identifier: MIT
/*
 * net/mdns_responder.h - one service, made known on one interface (RFC 6762, RFC 6763).
 *
 *                     conflict: another name
 *                    ┌───────────────────────┐
 *                    v                       │
 *     down ─up─> probing ─3 x 250 ms─> announcing ─1 s─> up
 *                    ^                       │           │
 *                    └───────────────────────┴───────────┘
 *                      somebody else uses the name: probe for it again
 *
 * Pure: time is an argument, randomness a seed, datagrams come and go as bytes. The owner hands in
 * what was received, sends what cl_mdns_responder_send gives until it gives nothing, and comes back
 * at cl_mdns_responder_deadline. Whatever strangers send, memory and work per datagram are bounded.
 *
 * Probes and queries of ours never ask for unicast answers, because other responders of the machine
 * share port 5353 (RFC 6762 section 15.1).
 */
#ifndef CL_NET_MDNS_RESPONDER_H
#define CL_NET_MDNS_RESPONDER_H

#include "net/mdns_link.h"
#include "wire/mdns.h"

/* Everything borrowed is copied. */
struct cl_mdns_service {
    cl_str instance; // what people read; cut to a label where it is too long
    cl_str host;     // label of the host name: one of ours alone, so that it need not agree with
                     // what the machine's own responder says about its name
    uint16_t port;
    const struct cl_mdns_record *txt; // set by cl_mdns_set_txt and cl_mdns_add_txt
};

enum cl_mdns_state { CL_MDNS_DOWN, CL_MDNS_PROBING, CL_MDNS_ANNOUNCING, CL_MDNS_UP };

/* The records by their index. */
enum cl_mdns_entry_index {
    CL_MDNS_E_TYPES, // _services._dns-sd._udp.local PTR (RFC 6763 section 9)
    CL_MDNS_E_PTR,
    CL_MDNS_E_SRV,
    CL_MDNS_E_TXT,
    CL_MDNS_E_NSEC_INSTANCE,
    CL_MDNS_E_NSEC_HOST,
    CL_MDNS_E_ADDRESSES, // A and AAAA from here on
    CL_MDNS_ENTRIES_MAX = CL_MDNS_E_ADDRESSES + CL_MDNS_ADDRESSES_MAX
};

/* Bits by index. */
typedef uint32_t cl_mdns_set;

struct cl_mdns_entry {
    struct cl_mdns_record record;
    cl_instant due[CL_MDNS_FAMILIES];  // to the group; CL_INSTANT_NEVER: it does not wait
    cl_instant sent[CL_MDNS_FAMILIES]; // to the group, the last time
};

/* An answer to one host; or one to the group that waits for more known answers of that host. */
struct cl_mdns_job {
    bool is_used;
    bool is_for_group;
    bool is_legacy; // RFC 6762 section 6.7
    enum cl_mdns_family family;
    cl_address from;
    cl_instant due;
    cl_mdns_set answers;
    uint16_t id;
    struct cl_mdns_question question;
};

/* Conflicts in a row before probing slows down (RFC 6762 section 8.1). */
#define CL_MDNS_CONFLICTS_MAX 15

struct cl_mdns_responder {
    struct cl_mdns_link link;
    struct cl_mdns_dice dice;
    char instance_label[CL_MDNS_LABEL_BYTES_MAX + 1];
    char host_label[CL_MDNS_LABEL_BYTES_MAX + 1];
    unsigned instance_number; // 1: the label itself; 2: "label (2)"
    unsigned host_number;     // 2: "label-2"
    uint16_t port;
    struct cl_mdns_record txt;
    cl_mdns_name service;
    cl_mdns_name instance;
    cl_mdns_name host;
    enum cl_mdns_state state;
    unsigned step;                               // probes, or announcements, that were sent
    cl_instant next;                             // of those
    cl_instant conflicts[CL_MDNS_CONFLICTS_MAX]; // when the last ones were, in a ring
    unsigned conflicts_len;                      // in all
    bool is_slow; // there were too many: until it is up, each probe waits
    size_t entries_len;
    struct cl_mdns_entry entries[CL_MDNS_ENTRIES_MAX];
    struct cl_mdns_job jobs[CL_MDNS_JOBS_MAX];
};

/* CL_ERR_USAGE: the instance or host has no byte. It is down until cl_mdns_responder_up. */
CL_MUST_CHECK enum cl_err cl_mdns_responder_init(struct cl_mdns_responder *responder,
                                                 const struct cl_mdns_service *service,
                                                 uint64_t seed);
/* The interface is there, or has other addresses: begins with probing. Without an address that is
 * offered it is down afterwards. Whoever was up says goodbye first. */
void cl_mdns_responder_up(struct cl_mdns_responder *responder, const struct cl_mdns_link *link,
                          cl_instant now);
/* Takes everything back (RFC 6762 section 10.1) and is down afterwards. True: *ret_datagram is to
 * be sent at once; false: nobody has heard of it yet. */
bool cl_mdns_responder_goodbye(struct cl_mdns_responder *responder,
                               struct cl_mdns_datagram *ret_datagram);
/* What came over this interface. An error changes nothing: those of cl_mdns_open, and
 * CL_ERR_FORBIDDEN where the sender is not near (RFC 6762 section 11). */
CL_MUST_CHECK enum cl_err cl_mdns_responder_receive(struct cl_mdns_responder *responder,
                                                    const struct cl_mdns_packet *packet,
                                                    cl_instant now);
/* The next datagram that is due; false: none. */
bool cl_mdns_responder_send(struct cl_mdns_responder *responder, cl_instant now,
                            struct cl_mdns_datagram *ret_datagram);
/* When something is due at the latest. */
cl_instant cl_mdns_responder_deadline(const struct cl_mdns_responder *responder);

#endif
