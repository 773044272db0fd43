// SPDX-License-Identifier: MIT
/*
 * core/session_state.h - the session from the inside: for the files of core/session.h alone.
 */
#ifndef CL_CORE_SESSION_STATE_H
#define CL_CORE_SESSION_STATE_H

#include "base/heap.h"
#include "base/map.h"
#include "core/session.h"

/* Consecutive messages of one lane: held, settling, or released again. Moving a lease from one
 * list to the next is all that a change of state takes, so releasing cannot fail. */
struct cl_session_lease {
    struct cl_link link; // in holder.held, peer.settling or lane.released
    struct cl_range range;
    uint64_t bytes; // of bodies
    uint64_t holder;
    uint64_t batch;  // of the take; once settling, the batch that the proof named, or the number
                     // of the proof by ranges
    bool is_counted; // its messages count how often they are given back
};

/* A lane's messages below `fresh` were taken before: each of them that still waits is in a lease
 * or in a released range. */
struct cl_session_lane {
    uint64_t fresh;
    struct cl_list released; // by number
};

/* What the session knows of one agent. */
struct cl_session_peer {
    cl_str id;
    cl_time seen;
    cl_time polled;         // when a poll of it was opened last
    struct cl_list sockets; // oldest first
    struct cl_list polls;   // oldest first
    struct cl_list settling;
    struct cl_session_lane lanes[CL_PRIORITY_COUNT];
};

struct cl_session_holder {
    uint64_t number;
    enum cl_holder_kind kind;
    struct cl_session_peer *peer;
    struct cl_link link; // in the peer's sockets or polls
    struct cl_list held; // leases, by batch
    uint32_t messages;   // in held
    uint32_t messages_max;
    uint64_t bytes;
    uint64_t batches;          // taken so far
    uint64_t settles;          // proofs by ranges so far
    bool is_limited;           // its last take stopped for want of credit
    struct cl_heap_node lapse; // a poll's `until`
};

struct cl_session {
    struct cl_map peers;   // by id
    struct cl_map holders; // by number
    struct cl_heap lapses;
    uint64_t leased;
    struct cl_range ranges[CL_ACK_RANGES_MAX]; // of the last ACK or RELEASED effect
    char released_agent[CL_ID_BYTES_MAX];      // of the last RELEASED effect: its peer may be gone
};

static inline struct cl_session_holder *
cl_session_holder_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct cl_session_holder, link);
}

static inline struct cl_session_lease *
cl_session_lease_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct cl_session_lease, link);
}

static inline uint64_t
cl_session_lease_len(const struct cl_session_lease *lease)
{
    return lease->range.last - lease->range.first + 1;
}

static inline struct cl_session_peer *
cl_session_peer_of(const struct cl_session *session, cl_str id)
{
    return cl_map_get(&session->peers, id);
}

static inline struct cl_session_holder *
cl_session_holder_of(const struct cl_session *session, uint64_t number)
{
    return cl_map_get(&session->holders, cl_str_of(&number, sizeof number));
}

#endif
