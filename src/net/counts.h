// SPDX-License-Identifier: MIT
/*
 * net/counts.h - every connection refused or cut, and every datagram dropped, by its reason.
 *
 * The table is the truth for the counting places, for `GET /metrics`, for `clawlink relay status`
 * and for docs/operations.md, which a test compares with it. Counting is one addition; the
 * numbers live as long as their loop and only grow.
 */
#ifndef CL_NET_COUNTS_H
#define CL_NET_COUNTS_H

#include <stdint.h>

#include "base/err.h"

/* REFUSED: a connection that was not let in, or only on the reserve. CUT: one that was in.
 * DROPPED: a datagram of multicast DNS that was not acted upon. */
enum cl_count_kind { CL_COUNT_REFUSED, CL_COUNT_CUT, CL_COUNT_DROPPED };

// clang-format off
/*   reason        kind      label                  what is counted */
#define CL_COUNT_MAP(X)                                                                           \
    X(ALL_FULL,    REFUSED,  "all_connections",     "over the cap of all connections")            \
    X(STRANGERS,   REFUSED,  "strangers",           "over the cap of strangers")                  \
    X(PER_ADDRESS, REFUSED,  "strangers_per_address", "over the cap of strangers of one address") \
    X(TURNED_AWAY, REFUSED,  "turned_away",         "over a cap, and the reserve was taken too")  \
    X(PENALTY,     REFUSED,  "auth_penalty",        "unread, for the wrong tokens before")        \
    X(DRAINING,    REFUSED,  "stopping",            "while the relay stops")                      \
    X(NO_MEMORY,   REFUSED,  "no_memory",           "without memory for it")                      \
    X(DESCRIPTORS, REFUSED,  "no_descriptor",       "pauses in accepting, without a descriptor")  \
    X(FOREIGN,     REFUSED,  "foreign_user",        "at the admin door, of another user")         \
    X(DISPLACED,   CUT,      "displaced",           "their place in the reserve went to another") \
    X(SILENT,      CUT,      "silent",              "not a byte came in time")                    \
    X(SLOW_HEAD,   CUT,      "slow_head",           "the head was not whole in time")             \
    X(SLOW_BODY,   CUT,      "slow_body",           "the body came too slowly")                   \
    X(IDLE,        CUT,      "idle",                "no request came for too long")               \
    X(STALL,       CUT,      "write_stall",         "the peer took no output for too long")       \
    X(DEAD,        CUT,      "dead",                "a WebSocket that answered no ping")          \
    X(BROKEN,      CUT,      "broken_frames",       "a WebSocket that broke RFC 6455")            \
    X(HANDSHAKE,   CUT,      "tls_handshake",       "no TLS, or a handshake that failed")         \
    X(RECORD,      CUT,      "tls_record",          "a TLS record that cannot be opened")         \
    X(MDNS_BROKEN, DROPPED,  "mdns_broken",         "no message of multicast DNS")                \
    X(MDNS_CROWDED, DROPPED, "mdns_crowded",        "a message of too many records")              \
    X(MDNS_LARGE,  DROPPED,  "mdns_large",          "a datagram of too many bytes")               \
    X(MDNS_FAR,    DROPPED,  "mdns_far",            "from another network")                       \
    X(MDNS_REST,   DROPPED,  "mdns_rest",           "pauses in reading, after a flood")
// clang-format on

enum cl_count {
#define X(name, kind, label, help) CL_COUNT_##name,
    CL_COUNT_MAP(X)
#undef X
        CL_COUNT_LEN
};

struct cl_counts {
    uint64_t of[CL_COUNT_LEN];
    uint64_t accepted;              // connections, whatever became of them
    uint64_t requests;              // heads of HTTP requests that were understood
    uint64_t broken[CL_ERR_COUNT];  // HTTP that was refused by its reader: no request, too slow
    uint64_t refused[CL_ERR_COUNT]; // requests that the handler refused
};

enum cl_count_kind cl_count_kind(enum cl_count count);
/* "strangers_per_address": stable, lower case and underscores. */
const char *cl_count_label(enum cl_count count);

#endif
