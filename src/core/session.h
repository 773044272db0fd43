// SPDX-License-Identifier: MIT
/*
 * core/session.h - which connection holds which message: the relay's volatile half.
 *
 * A second pure state machine. It starts empty with the relay and is void after a crash, on
 * purpose: leases end, messages are offered again. Time comes in commands; nothing is hashed.
 *
 * A message waits in the core's inbox until it is acknowledged. Here it is in addition
 *
 *              take                 settle (the proof came)        settled (ack applied)
 *   offered ──────────> HELD ──────────────────> SETTLING ───────────────────────> gone
 *      ^                 │                          │
 *      └─────────────────┴──────────────────────────┘
 *        close, lapse, forgotten     unsettled (ack refused by the journal)
 *
 * so that it is with one connection at a time. (A RANGED holder may release any that it holds, and
 * settle may mean that it refuses one.) What is released is offered again in its old place, before
 * newer messages of its priority. The session speaks of what it offers; should a message end
 * meanwhile (it expired), its lease covers nothing, and its ack finds nothing.
 *
 * HOLDERS are connections: sockets, which may be RANGED, and polls, named by a number that the
 * shell never reuses. Of an agent's sockets the newest receives; an older one stays, takes
 * nothing, and takes over when the newer closes. A poll takes once, beside any socket. Each take is
 * a batch, numbered from 1 per holder; a proof for batch n proves all up to n. A socket has credit:
 * it holds at most CL_CREDIT_MESSAGES and CL_CREDIT_BYTES unproven, but one message always.
 *
 * A PASSING message is the session's alone: it lives in memory, its content in no journal, and ends
 * with the relay. It waits for one agent, is taken in the same batches as what the inbox has, but
 * before all that, in the order it came, and counts in the same credit. Its number stands in
 * CL_LANE_PASSING, from 1 for each agent while the session knows it. Whoever holds it proves,
 * refuses or releases it as any other. It ends once, and its body goes at once: with a proof,
 * refused, when its time is over, taken or not, or with an agent that is forgotten and has no
 * connection. Each end is told by one PASSED.
 *
 * The volatile commands (core/command.h):
 *
 *   HEARTBEAT agent            was heard of now. NO_AGENT unless registered.
 *   OPEN      holder, agent, messages_max   as said; counts as a heartbeat. Any id. A poll takes
 *                              so many at most, 0: CL_POLL_MESSAGES_MAX. STALE: number in use.
 *                              What an older RANGED holder has goes back when a RANGED one opens.
 *   CLOSE     holder           what it holds is released; what settles goes on. NOT_FOUND.
 *   RENEW     holder, until    a poll's answer was written: released at `until` if no proof
 *                              comes (LAPSE). NOT_FOUND, also for sockets.
 *   SETTLE    holder, batch, rung, proof   the proof: all batches <= batch are taken, and reached
 *                              that rung. Counts as a heartbeat. One ACK effect, unless nothing is
 *                              held any more. NOT_FOUND; MALFORMED: no such batch was taken, a
 *                              rung below delivered, or a RANGED holder.
 *   SETTLE_RANGES holder, rung, proof, refuses, ranges   the same of those that a RANGED holder
 *                              holds, and no others; with `refuses`, of one message, which it does
 *                              not want. The ACK effect names the batch for SETTLED. NOT_FOUND;
 *                              MALFORMED: another holder, a rung below delivered, more to refuse.
 *   RELEASE   holder, ranges   these that a RANGED holder holds are released. Counts as a
 *                              heartbeat. NOT_FOUND; MALFORMED: another holder.
 *   SETTLED   agent, holder, batch   the ack of that SETTLE was applied: leases end.
 *   UNSETTLED agent, holder, batch   it was refused, or never will be: offered again.
 *   FORGOTTEN agent            the core said FORGET: its leases end, its connections stay.
 *   LAPSE     due              polls whose `until` is at or before due are released, up to the
 *                              first that gives RELEASED: ask cl_session_deadline again. Passing
 *                              messages whose time is over at or before due end.
 *   PASS      to, from, id, ...   a passing message, until `expires`, at most CL_PASS_LIFE_MS from
 *                              now; the header's ticket comes back with PASSED. MALFORMED: it has
 *                              no id; EXPIRED already;
 *                              NO_AGENT: nobody is there (cl_session_is_there); INBOX_FULL: the
 *                              agent has CL_PASS_MESSAGES_MAX or CL_PASS_BYTES_MAX of them;
 *                              FAIR_SHARE: half as many from this sender, or from others that are
 *                              called alike up to a slash; FULL: all agents have
 *                              CL_PASS_ALL_BYTES_MAX.
 *
 * Whatever makes messages takeable again gives READY. What is released by CLOSE, RELEASE or LAPSE
 * and counts its attempts (cl_msg_is_counted) gives RELEASED besides, one effect for all of it.
 * Passing messages count none.
 */
#ifndef CL_CORE_SESSION_H
#define CL_CORE_SESSION_H

#include "core/core.h"

struct cl_session;

/* Messages handed to one holder at once. */
struct cl_batch {
    uint64_t number; // 0: nothing to hand out, or no credit
    uint64_t bytes;  // of bodies
    uint32_t len;
    bool is_all;      // nothing else waits that anybody could take now
    uint32_t passing; // the first of them
    /* Valid until the next apply, of the core or the session. */
    const struct cl_msg *msgs[CL_POLL_MESSAGES_MAX];
    uint64_t numbers[CL_POLL_MESSAGES_MAX]; // of each, in its lane
};

/* The place of a message in it, as a proof names it. */
static inline struct cl_range
cl_batch_at(const struct cl_batch *batch, uint32_t index)
{
    enum cl_priority lane = index < batch->passing ? CL_LANE_PASSING : batch->msgs[index]->priority;
    return (struct cl_range){lane, batch->numbers[index], batch->numbers[index]};
}

/* NULL without memory. */
struct cl_session *cl_session_new(const cl_hash_key *hash_key);
/* Accepts NULL. */
void cl_session_free(struct cl_session *session);

/* Applies one volatile command, a draft as a rule. Refusals change nothing: those above,
 * CL_ERR_NO_MEMORY, MALFORMED for a field out of bounds or a durable command. */
CL_MUST_CHECK enum cl_err cl_session_apply(struct cl_session *session, const struct cl_core *core,
                                           const struct cl_command *command,
                                           struct cl_effects *effects);

/* Hands the next messages to the holder: passing ones, then by priority and as queued, none that is
 * held or settling, at most its credit (sockets) or messages_max and CL_POLL_BYTES_MAX (polls), but
 * one however large. An unknown holder, an older socket and a poll that has taken get
 * nothing. O(messages handed out + ranges released before). CL_ERR_NO_MEMORY only, and then
 * nothing was handed out. */
CL_MUST_CHECK enum cl_err cl_session_take(struct cl_session *session, const struct cl_core *core,
                                          uint64_t holder, struct cl_batch *ret_batch);

/* Whom a READY of this agent means: its newest socket while that has credit, else the oldest
 * poll that has taken nothing, else 0. After a take ask again, until 0, an empty
 * batch or one that is all. */
uint64_t cl_session_receiver(const struct cl_session *session, cl_str agent);
/* When a LAPSE is wanted; NEVER if nothing can lapse or end. */
cl_time cl_session_deadline(const struct cl_session *session);

/* May something be passed to that agent? It has a connection, or is registered and was heard of
 * less than CL_PASS_ABSENT_MS ago. */
bool cl_session_is_there(const struct cl_session *session, const struct cl_core *core, cl_str agent,
                         cl_time now);
/* Has it an open socket? */
bool cl_session_is_online(const struct cl_session *session, cl_str agent);
/* When it was last heard of: here, or by the core (its last register, attach or ack). 0 for
 * an unknown id. */
cl_time cl_session_last_seen(const struct cl_session *session, const struct cl_core *core,
                             cl_str id);
/* When it last opened a poll; 0 for never, or an id that is unknown here. */
cl_time cl_session_polled(const struct cl_session *session, cl_str agent);
/* Messages out with connections, held or settling. For tests and metrics. */
uint64_t cl_session_leased(const struct cl_session *session);
/* Passing messages that have not ended, and what they take. The same. */
uint64_t cl_session_passing(const struct cl_session *session);
uint64_t cl_session_passing_bytes(const struct cl_session *session);
/* Asserts every invariant. O(state). */
void cl_session_check(const struct cl_session *session, const struct cl_core *core);

#endif
