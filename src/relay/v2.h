// SPDX-License-Identifier: MIT
/*
 * relay/v2.h - protocol v2 (docs/protocol/v2.md) in the relay, for relay/v2_*.c and those files of
 * the room that lead there.
 *
 *     v2_conn.c   WebSockets: hello, attach, detach; what comes in, what answers go out
 *     v2_calls.c  what each other call does
 *     v2_lease.c  receive
 *     v2_look.c   those that only look
 *     v2_find.c   whom an address means
 *     v2_push.c   messages and receipts on their way out
 *     v2_recount.c  attempts of messages that came back
 *
 * A connection belongs to one instance, and has a seat for each agent that is attached to it. A
 * seat is a holder in the session (CL_HOLDER_RANGED), so credit and acknowledgements are each
 * agent's own. A call whose command is with the journal waits for it; others may overtake it.
 */
#ifndef CL_RELAY_V2_H
#define CL_RELAY_V2_H

#include "core/core.h"
#include "net/http_server.h"
#include "proto/v2_decode.h"
#include "proto/v2_encode.h"
#include "relay/peers.h"

struct cl_al_hope; // relay/agent_link.h

struct cl_v2_conn {
    struct cl_relay *relay;
    struct cl_ws_conn *ws;
    struct cl_link link; // in relay->v2_conns
    struct cl_list seats;
    struct cl_list waits;
    struct cl_list leases;        // those that wait for a first message
    struct cl_exchange *exchange; // of one call over HTTP, else NULL
    struct cl_al_hope *hope;      // its token is still to be looked at; else NULL
    cl_str bound;                 // whose token it showed, which alone it may be; or empty
    uint8_t secret;               // that its token came of: of enum cl_v2_secret
    uint32_t instance_len;        // 0: before its hello
    char instance[CL_NAME_BYTES_MAX];
};

struct cl_seat {
    struct cl_peer peer; // its handle is the holder; in conn->seats
    struct cl_v2_conn *conn;
    struct cl_link twin;    // among all seats of this agent
    struct cl_link telling; // in relay->telling: receipts may have changed
    uint64_t told;          // receipts up to that version were told, or are none of its business
    bool is_attached;       // the core has applied that
    bool is_quiet;          // it takes no messages
    bool is_guest;          // it was not registered for this
    bool is_held;           // it takes none before what waits for the connection has gone out
    bool is_behind;         // more receipts are told once it has read the last
    uint32_t id_len;
    char id[];
};

/* A call whose answer waits for a commit. */
struct cl_wait {
    struct cl_peer peer; // in conn->waits
    struct cl_v2_conn *conn;
    enum cl_v2_method method;
    cl_id msg;         // of SEND and DEAD_RETRY
    uint64_t expires;  // of DEAD_RETRY
    bool is_new;       // of ATTACH: the agent was not known before
    uint64_t seat;     // of ATTACH: its handle
    uint32_t call_len; // the call's id
    uint32_t to_len;   // behind it: the address that it became, or the agent
    char text[];
};

/* A batch of `receive`, or a call that waits for one. */
struct cl_lease {
    struct cl_peer peer; // its handle is the holder; in relay->leases
    struct cl_relay *relay;
    struct cl_v2_conn *conn; // NULL: it was answered
    struct cl_link waiting;  // in conn->leases
    struct cl_timer timer;   // the end of the wait, then that of the lease
    uint32_t call_len;       // the call's id
    uint32_t agent_len;      // behind it
    char text[];
};

static inline cl_str
cl_lease_call(const struct cl_lease *lease)
{
    return cl_str_of(lease->text, lease->call_len);
}

static inline cl_str
cl_lease_agent(const struct cl_lease *lease)
{
    return cl_str_of(lease->text + lease->call_len, lease->agent_len);
}

static inline cl_str
cl_seat_agent(const struct cl_seat *seat)
{
    return cl_str_of(seat->id, seat->id_len);
}

static inline cl_str
cl_wait_call(const struct cl_wait *wait)
{
    return cl_str_of(wait->text, wait->call_len);
}

static inline cl_str
cl_wait_to(const struct cl_wait *wait)
{
    return cl_str_of(wait->text + wait->call_len, wait->to_len);
}

/* What reading an envelope needs. */
struct cl_envelope_reader cl_v2_reader(struct cl_relay *relay);

/* -- v2_conn.c ------------------------------------------------------------------------------ */

/* A request to /v2: a WebSocket, or one call. */
void cl_v2_request(struct cl_exchange *exchange, const struct cl_http_head *head, cl_str body);
/* The relay is stopping: connections are closed, and who waits for messages gets none. */
void cl_v2_drain(struct cl_relay *relay);
/* Of what the relay accepts: of enum cl_v2_durability. */
uint8_t cl_v2_durability_of(const struct cl_relay *relay);
/* Frees it, with all that waits. */
void cl_v2_end(struct cl_v2_conn *conn);
/* May that agent speak here, as far as the token says? */
bool cl_v2_may_be(const struct cl_v2_conn *conn, cl_str agent);
/* The seat of that agent on this connection, or NULL. */
struct cl_seat *cl_v2_seat(const struct cl_v2_conn *conn, cl_str agent);
/* Answers a call; one without an id gets none. A connection that cannot take the answer is cut. */
void cl_v2_answer(struct cl_v2_conn *conn, enum cl_v2_method method, cl_str call,
                  const void *result);
void cl_v2_fail(struct cl_v2_conn *conn, cl_str call, const struct cl_v2_error *error);
void cl_v2_refuse(struct cl_v2_conn *conn, cl_str call, enum cl_err err, cl_str sentence);
/* Sends the answer in relay->text, or says why there is none. */
void cl_v2_send(struct cl_v2_conn *conn, cl_str call, enum cl_err written);
/* The answer waits for a commit. NULL without memory. */
struct cl_wait *cl_wait_new(struct cl_v2_conn *conn, const struct cl_v2_call *call, cl_str to);
void cl_wait_free(struct cl_wait *wait);
/* Its command was applied or refused. */
void cl_wait_reply(struct cl_wait *wait, const struct cl_effect *effect);
/* It will never be. */
void cl_wait_refuse(struct cl_wait *wait, enum cl_err err, cl_str sentence);
/* The same for all that wait. */
void cl_v2_refuse_waits(struct cl_relay *relay, enum cl_err err, cl_str sentence);
/* Its ATTACH was applied, or refused by the core or the journal. */
void cl_seat_reply(struct cl_seat *seat, enum cl_err err);

/* -- v2_calls.c ----------------------------------------------------------------------------- */

void cl_v2_run(struct cl_v2_conn *conn, const struct cl_v2_call *call);
/* The result of a call that waited for this. */
void cl_v2_result(struct cl_wait *wait, const struct cl_effect *effect);

/* -- v2_find.c ------------------------------------------------------------------------------ */

/* Whom an address means. */
struct cl_found {
    bool is_topic;
    cl_str id;          // of the agent, good until the core's next apply; or the topic
    cl_str address;     // in the arena, or the text that was given
    cl_strs candidates; // of CL_ERR_AMBIGUOUS, in the arena
};
/* CL_ERR_NO_AGENT, AMBIGUOUS, NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_v2_find(struct cl_relay *relay, cl_str to, struct cl_found *ret_found);

/* From now on it is found by what it says of itself. The arena is cleared. */
void cl_relay_list(struct cl_relay *relay, const struct cl_agent *agent);

/* -- v2_lease.c ----------------------------------------------------------------------------- */

void cl_v2_receive(struct cl_v2_conn *conn, const struct cl_v2_call *call);
/* Answers those that wait with nothing. */
void cl_lease_drain(struct cl_relay *relay);
/* Messages may have come. True: it took some, and may be gone. */
bool cl_lease_pump(struct cl_lease *lease);
/* The answered one of that agent with that name, or NULL. */
struct cl_lease *cl_lease_find(struct cl_relay *relay, cl_str agent, cl_str name);
/* What it still holds is offered again. */
void cl_lease_free(struct cl_lease *lease);

/* -- v2_recount.c --------------------------------------------------------------------------- */

/* What came back is counted by a command, which answers the call that is asking. Without memory or
 * room it is not counted. */
void cl_recount_begin(struct cl_relay *relay, const struct cl_effect *released);
/* Nothing may be taken for that agent: something is still to be counted. O(counts on their way). */
bool cl_recount_is_open(const struct cl_relay *relay, cl_str agent);
/* That command was applied, or never will be. */
void cl_recount_end(struct cl_relay *relay, struct cl_peer *peer);
void cl_recount_end_all(struct cl_relay *relay);

/* -- v2_look.c ------------------------------------------------------------------------------ */

/* AGENTS, INBOX, TRACE, DEAD_LIST, DEAD_SHOW: the answer is in relay->text. Who asks may.
 * CL_ERR_NOT_FOUND, NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_v2_look(struct cl_relay *relay, const struct cl_v2_call *call);
/* The note agent.joined, to every connection but the agent's own. */
void cl_v2_tell_joined(struct cl_relay *relay, const struct cl_agent *agent);

/* -- v2_push.c ------------------------------------------------------------------------------ */

/* What the relay adds to a message; chain is the space for one. */
struct cl_v2_added cl_v2_added_of(struct cl_relay *relay, const struct cl_msg *msg,
                                  struct cl_v2_chain *chain);
/* The text of a message's envelope: its own, or one that is made for that receiver, good until the
 * next one is. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_v2_envelope(struct cl_relay *relay, cl_str receiver,
                                         const struct cl_msg *msg, cl_str *ret_text);
/* An envelope as v1 knows messages; its body is the caller's to give back. Refusals of
 * cl_v2_to_v1. */
CL_MUST_CHECK enum cl_err cl_v2_as_v1(struct cl_relay *relay, const struct cl_msg *msg,
                                      struct cl_msg *ret_msg);
/* A message as it is shown, with the space for its parts. */
struct cl_v2_view {
    struct cl_v2_letter letter;
    struct cl_v2_added added;
    struct cl_v2_chain chain;
};
/* Good until the next envelope is made. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_v2_show(struct cl_relay *relay, cl_str receiver,
                                     const struct cl_msg *msg, struct cl_range at,
                                     struct cl_v2_view *ret_view);
/* A receipt as it is told, good until the core's next apply; addresses lie in the arena. Only
 * CL_ERR_NO_MEMORY can happen. */
CL_MUST_CHECK enum cl_err cl_v2_describe(struct cl_relay *relay, const struct cl_receipt *receipt,
                                         struct cl_v2_step steps[static CL_RUNG_COUNT],
                                         struct cl_v2_ending *ending,
                                         struct cl_v2_receipt *ret_receipt);
/* Messages may have come. True: it took some. */
bool cl_seat_pump(struct cl_seat *seat);
/* Receipts of what that agent sent have changed. */
void cl_v2_mark_telling(struct cl_relay *relay, cl_str agent);
/* It has read what it was sent: it is told what had to wait for that. */
void cl_v2_go_on(struct cl_v2_conn *conn);
/* Tells them all, at the end of a turn. */
void cl_v2_tell(struct cl_relay *relay);

#endif
