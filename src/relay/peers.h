// SPDX-License-Identifier: MIT
/*
 * relay/peers.h - whom the relay owes something: requests, WebSockets, acknowledgements.
 *
 * Each has a handle, by which replies find it, or find that it has gone.
 */
#ifndef CL_RELAY_PEERS_H
#define CL_RELAY_PEERS_H

#include "core/command.h"
#include "core/msg.h"
#include "net/http_server.h"
#include "proto/v1_route.h"

struct cl_effect;
struct cl_relay;
struct cl_v2_conn;
struct cl_blob_call;

/* Which of Agent Link's calls a request is. */
enum cl_al_route { CL_AL_ROUTE_NONE, CL_AL_ROUTE_REGISTER, CL_AL_ROUTE_SEND };

/* What a handle leads to; the first member of each such struct. */
enum cl_peer_kind {
    CL_PEER_EXCHANGE,
    CL_PEER_SOCKET,
    CL_PEER_ACK,
    CL_PEER_SEAT,
    CL_PEER_WAIT,
    CL_PEER_LEASE,
    CL_PEER_RECOUNT,
    CL_PEER_DESK,
    CL_PEER_PASS,
    CL_PEER_KNOCK
};

struct cl_peer {
    enum cl_peer_kind kind;
    uint64_t handle;
    struct cl_link link;  // in the relay's list of its kind
    struct cl_link ready; // in relay->ready: look whether something can be taken
};

/* What relay/blob*.c keep. */
struct cl_blob_desk {
    struct cl_list calls;
    struct cl_list views;
    uint64_t shown;     // bytes of blobs that the agent of v1 at hand was shown
    struct cl_msg news; // the last broadcast that agents of v1 were shown so; its body is a
                        // reference
};

/* One HTTP request, from its head to the proof that its answer was taken. */
struct cl_exchange {
    struct cl_peer peer;
    struct cl_relay *relay;
    struct cl_http_conn *conn;
    struct cl_v1_route route;
    bool is_v2;                // of /v2: the route says nothing
    bool is_admin;             // it came in at the admin door
    bool is_hope;              // whose token it showed its hello will tell
    bool has_token;            // of a call of Agent Link: it showed the relay's
    enum cl_al_route al_route; // the route says nothing but in NONE
    cl_str bound;              // whose token it showed, which alone it may speak for; or empty
    struct cl_v2_conn *v2;     // of POST /v2: its one call; ends with this
    struct cl_blob_call *blob; // of /v2/blobs; ends with this
    bool is_submitted;         // a command is on its way through the journal
    bool is_poller;            // it is a holder in the session
    uint32_t wait_s;           // refused, when it is known until when; else 0
    cl_id id;                  // of the message that it sent
    cl_str agent;              // whom the command is about; lies in space
    struct cl_timer wait;      // runs: a long poll without a message so far
    char space[CL_ID_BYTES_MAX];
};

/* A request from now on has an exchange, as its connection's user. NULL without memory. */
struct cl_exchange *cl_exchange_new(struct cl_relay *relay, struct cl_http_conn *conn);
/* The head of a request that may ask, for cl_exchange_handler's other members. bound: whom alone it
 * may speak for, or empty; it outlives the request. */
void cl_exchange_begin(struct cl_relay *relay, struct cl_http_conn *conn,
                       const struct cl_http_head *head, cl_str bound);

/* One WebSocket of one agent. */
struct cl_socket {
    struct cl_peer peer;
    struct cl_relay *relay;
    struct cl_ws_conn *ws;
    uint64_t births;        // older messages waited in the queue
    uint64_t batch;         // the last that was pushed
    cl_instant asked;       // the last ping for a proof
    struct cl_link unasked; // in relay->unasked, since then: a ping for what is counted here
    cl_instant unasked_since;
    uint32_t unasked_messages; // pushed since the last ping
    uint64_t unasked_bytes;
    bool is_attached;   // the core has applied that
    uint32_t submitted; // commands on their way
    uint32_t id_len;
    uint32_t quoted_len;
    char id[]; // and behind it the same as JSON
};

/* Taken messages whose acknowledgement is not committed yet. */
struct cl_ack {
    struct cl_peer peer;
    struct cl_command *command; // NULL: it is with the journal
    uint64_t holder;
    uint64_t batch;
    uint64_t asker; // the call that it answers; 0: none
    uint32_t agent_len;
    char agent[];
};

/* Whom the acknowledgement answers that a command of the session may lead to. */
struct cl_asking {
    uint64_t handle; // 0: nobody
    cl_str reason;   // of a refusal
    bool is_taken;   // it led to one
    bool has_passed; // a passing message ended
};

/* An agent that has one socket less, which the core must still be told. */
struct cl_detach {
    struct cl_link link;
    uint32_t agent_len;
    char agent[];
};

static inline cl_str
cl_socket_agent(const struct cl_socket *socket)
{
    return cl_str_of(socket->id, socket->id_len);
}

static inline cl_str
cl_socket_agent_quoted(const struct cl_socket *socket)
{
    return cl_str_of(socket->id + socket->id_len, socket->quoted_len);
}

/* -- passing.c ------------------------------------------------------------------------------ */

/* Tells the peer with the ticket of the PASS. It comes in the midst of a session's command and
 * gives the session none: no connection and no holder ends in it. Where that command refuses, the
 * reason is in relay->asking. */
void cl_relay_passed(struct cl_relay *relay, const struct cl_effect *passed);

#endif
