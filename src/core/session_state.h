// SPDX-License-Identifier: MIT
/*
 * core/session_state.h - the session from the inside: for the files of core/session.h alone.
 */
#ifndef CL_CORE_SESSION_STATE_H
#define CL_CORE_SESSION_STATE_H

#include "base/heap.h"
#include "base/map.h"
#include "base/pool.h"
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

/* A message that passes. */
struct cl_session_pass {
    struct cl_link link;      // in peer.passing or holder.passing; ended, in session.ended
    struct cl_heap_node life; // until its time is over
    struct cl_msg *msg;
    struct cl_session_peer *peer;
    struct cl_session_holder *holder; // NULL: it is offered
    uint64_t number;
    uint64_t batch; // of the take
    uint64_t ticket;
};

/* What the session knows of one agent. */
struct cl_session_peer {
    cl_str id;
    cl_time seen;
    cl_time polled;         // when a poll of it was opened last
    struct cl_list sockets; // oldest first
    struct cl_list polls;   // oldest first
    struct cl_list settling;
    struct cl_list passing; // those that are offered, by number
    uint64_t passing_last;  // the greatest number so far
    uint32_t passing_len;   // held ones included
    uint64_t passing_bytes;
    struct cl_session_lane lanes[CL_PRIORITY_COUNT];
};

struct cl_session_holder {
    uint64_t number;
    enum cl_holder_kind kind;
    struct cl_session_peer *peer;
    struct cl_link link;    // in the peer's sockets or polls
    struct cl_list held;    // leases, by batch
    struct cl_list passing; // by batch
    uint32_t messages;      // in both
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
    struct cl_heap lives; // of all that pass
    struct cl_list ended; // passing messages that the last effects tell of
    uint64_t births;      // of passing messages, ever
    uint64_t passing_bytes;
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

static inline void
cl_session_lease_free(struct cl_session_lease *lease)
{
    cl_pool_put(lease, sizeof *lease);
}

static inline struct cl_session_pass *
cl_session_pass_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct cl_session_pass, link);
}

static inline struct cl_session_holder *
cl_session_newest_socket(const struct cl_session_peer *peer)
{
    struct cl_link *link = cl_list_last(&peer->sockets);
    return link == NULL ? NULL : cl_session_holder_at(link);
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

/* Is that number in one of them? */
static inline bool
cl_session_is_in(enum cl_priority lane, uint64_t number, cl_ranges ranges)
{
    for (uint32_t i = 0; i < ranges.len; i++)
        if (ranges.ptr[i].priority == lane && ranges.ptr[i].first <= number &&
            number <= ranges.ptr[i].last)
            return true;
    return false;
}

/* -- session.c ----------------------------------------------------------------------------- */

/* The agent's peer, made when there is none; NULL without memory. */
struct cl_session_peer *cl_session_know(struct cl_session *session, cl_str id);
/* Drops a peer that nothing needs any more. */
void cl_session_tidy(struct cl_session *session, const struct cl_core *core,
                     struct cl_session_peer *peer);
/* Messages may be takeable again; somebody who could take them should look. There is room for
 * the effect. */
void cl_session_tell_ready(const struct cl_session_peer *peer, struct cl_effects *effects);

/* -- session_pass.c: what passes ------------------------------------------------------------ */

/* PASS; fields are within bounds, and there is room for an effect. */
CL_MUST_CHECK enum cl_err cl_session_pass(struct cl_session *session, const struct cl_core *core,
                                          const struct cl_command *command,
                                          struct cl_effects *effects);
/* Room for the end of all that the holder has, and two effects more. */
CL_MUST_CHECK enum cl_err cl_session_pass_reserve(const struct cl_session_holder *holder,
                                                  struct cl_effects *effects);
/* The same as of leases, at once and for good. There is room for the effects. False: it has none of
 * those. */
bool cl_session_pass_settle(struct cl_session *session, struct cl_session_holder *holder,
                            const struct cl_command_settle *fields, struct cl_effects *effects);
bool cl_session_pass_settle_ranges(struct cl_session *session, struct cl_session_holder *holder,
                                   const struct cl_command_settle_ranges *fields,
                                   struct cl_effects *effects);
/* Those in the ranges, or without ranges all, are offered again. False: it has none of those. */
bool cl_session_pass_release(struct cl_session *session, struct cl_session_holder *holder,
                             const cl_ranges *ranges);
/* It has ended so, in vain. There is room for the effect; memory stays until the next command. */
void cl_session_pass_end(struct cl_session *session, struct cl_session_pass *pass,
                         enum cl_outcome outcome, struct cl_effects *effects);
/* All of an agent that nobody knows any more; without memory for the effects they live on. */
void cl_session_pass_forget(struct cl_session *session, struct cl_session_peer *peer,
                            struct cl_effects *effects);
void cl_session_pass_free_all(struct cl_list *passes);

#endif
