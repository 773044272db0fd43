// SPDX-License-Identifier: MIT
/*
 * relay/state.h - what the files of this room share; nobody else includes it.
 *
 *     relay.c     opening, running, draining
 *     commit.c    submit, commit, apply, perform: the phases at the end of a turn
 *     ready.c     who may take messages, and takes them
 *     exchange.c  one HTTP request and its answer
 *     passing.c   who is told how a passing message ended
 *     calls.c     what each v1 call does, and what it answers
 *     poll.c      polls, short and long
 *     socket.c    WebSockets
 *     shared.c    what many of them are sent at once
 *     auth.c      who may ask, and how often
 *     admin.c     the door for this machine's verbs
 *     backup.c    a copy of the journal and the blobs, asked for there
 *     status.c    what the relay says of itself there; metrics.c to Prometheus
 *     tls.c       its certificate, and what SIGHUP does
 *     discovery.c making itself known on the local network
 */
#ifndef CL_RELAY_STATE_H
#define CL_RELAY_STATE_H

#include "core/session.h"
#include "net/guard.h"
#include "net/tcp.h"
#include "proto/v1_decode.h"
#include "proto/v1_encode.h"
#include "relay/admin.h"
#include "relay/backup.h"
#include "relay/directory.h"
#include "relay/handles.h"
#include "relay/peers.h"
#include "relay/rate.h"
#include "relay/relay.h"
#include "relay/shared.h"
#include "relay/stamp.h"

/* Names in --allow-host, and in --allow-origin. */
#define CL_RELAY_NAMES_MAX 32
/* Decoded strings of one request, and what its JSON asks of memory. */
#define CL_RELAY_ARENA_BYTES (4 * CL_MIB)

struct cl_relay {
    struct cl_relay_config config;
    struct cl_mdns_advert *advert; // NULL: nothing is made known
    struct cl_guard guard;
    cl_str hosts[CL_RELAY_NAMES_MAX];
    cl_str origins[CL_RELAY_NAMES_MAX];
    char machine[256];
    struct cl_gate gate;
    struct cl_penalties penalties;
    struct cl_rate rate;
    struct cl_loop *loop;
    struct cl_listener *listener;
    struct cl_http_server *http;
    struct cl_agent_link *agent_link; // NULL: it speaks none (relay/agent_link.h)
    struct cl_admin admin;
    struct cl_tls *tls; // NULL: plain text
    bool has_terminal;  // standard error was one at the start
    struct cl_core *core;
    struct cl_session *session;
    cl_hash_key hash_key;
    struct cl_handles handles;

    uint64_t epoch; // of this start
    cl_time started;
    uint64_t seq; // of v1 messages, which have no number of their own
    struct cl_stamp stamp;
    cl_time (*wall)(void); // the clocks; tests set their own
    cl_instant (*steady)(void);
    cl_time now; // as of stamped_at
    cl_instant stamped_at;

    struct cl_list exchanges;
    struct cl_list sockets;
    uint32_t sockets_len;
    uint64_t refused_frames[CL_ERR_COUNT]; // of WebSockets, answered with an error
    uint64_t auth_failures[2];             // requests with no token; with a wrong one
    cl_instant auth_log_due;               // when a wrong token is logged again
    uint64_t readers_cut;                  // too slow for what was pushed
    struct cl_list acks;
    struct cl_list detaches;
    struct cl_list recounts; // v2_recount.c
    struct cl_list ready;
    struct cl_list v2_conns;
    struct cl_list leases;
    struct cl_blob_desk blobs;
    struct cl_map seats;    // by agent: one of its seats, which leads to the others
    struct cl_list telling; // seats whose agents' receipts have changed
    struct cl_asking asking;
    struct cl_directory directory;
    struct cl_buf content;  // scratch of messages that become envelopes
    struct cl_buf envelope; // the same
    struct cl_list unasked; // sockets that are to be asked for a proof
    struct cl_timer proofs; // when
    uint32_t pushed;        // messages, to sockets, in this turn
    cl_instant busy_until;  // in one of the last turns there were many
    uint64_t uncommitted;   // with the journal
    cl_instant retry_at;    // what was refused and nobody asks for again; 0: at once
    struct cl_command *up;  // its RELAY_UP, refused; else NULL
    bool is_read_only;      // the journal failed, and that was told
    bool is_full;           // it has refused what it had taken, and nothing was committed since
    bool has_waker;         // the journal wakes the loop when something came out
    bool is_handed_over;    // all that was submitted has had its turn
    bool is_ticking;        // a tick is on its way
    bool are_all_ready;     // all sockets are in `ready`
    struct cl_effects core_effects;
    struct cl_effects session_effects;
    struct cl_backup backup;

    struct cl_batch batch; // scratch for takes
    struct cl_shared shared;
    struct cl_buf text;    // scratch for answers
    struct cl_arena arena; // scratch of one request or frame
    struct cl_timer deadline;
    struct cl_timer sweep, blob_sweep;
    struct cl_timer drain;
    bool is_draining;
};

/* -- commit.c ------------------------------------------------------------------------------- */

/* Gives it a handle and puts it into the list of its kind. Only CL_ERR_NO_MEMORY can happen. */
CL_MUST_CHECK enum cl_err cl_peer_begin(struct cl_relay *relay, struct cl_peer *peer,
                                        enum cl_peer_kind kind, struct cl_list *list);
/* Takes both back; nothing leads to it any more. */
void cl_peer_end(struct cl_relay *relay, struct cl_peer *peer);
/* Journal time, were a command stamped now. */
cl_time cl_relay_time(struct cl_relay *relay);
/* Stamps a draft and hands a copy to the journal, if the core would take it. The reply comes to
 * the peer with that handle; 0: to nobody. Any error of admit, submit, or CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_relay_submit(struct cl_relay *relay, struct cl_command *draft,
                                          uint64_t handle);
/* Stamps and applies a volatile draft, and performs what follows. The ticket of a PASS is the
 * handle of the peer that is told how it ended (relay/passing.c). */
CL_MUST_CHECK enum cl_err cl_relay_session(struct cl_relay *relay, struct cl_command *draft);
/* The volatile commands that name a holder and nothing else of interest. A holder that has gone
 * is fine. */
void cl_relay_close_holder(struct cl_relay *relay, uint64_t holder);
void cl_relay_settle(struct cl_relay *relay, uint64_t holder, uint64_t batch, enum cl_proof proof);
void cl_relay_heartbeat(struct cl_relay *relay, cl_str agent);
/* Tells the core, now or as soon as the journal takes it. */
void cl_relay_detach(struct cl_relay *relay, cl_str agent);
/* All that lie in relay->core_effects, in order. */
void cl_relay_perform_effects(struct cl_relay *relay);
/* What the journal did by itself. */
void cl_relay_log_news(struct cl_relay *relay, const struct cl_journal_news *news);
/* All of the turn's end. */
void cl_relay_turn_end(struct cl_relay *relay);
/* Fresh draft context for a text that came now. */
struct cl_v1_context cl_relay_context(struct cl_relay *relay, cl_str peer);
struct cl_v1_presence cl_relay_presence(struct cl_relay *relay, cl_str agent);

/* -- ready.c -------------------------------------------------------------------------------- */

/* At the end of this turn whoever receives for that agent looks for messages. */
void cl_relay_mark_ready(struct cl_relay *relay, cl_str agent);
/* So does whoever receives for anybody. */
void cl_relay_mark_all_ready(struct cl_relay *relay);
/* They look, until nobody can take any more. */
void cl_relay_pump(struct cl_relay *relay);

/* -- exchange.c ----------------------------------------------------------------------------- */

extern const struct cl_http_handler cl_exchange_handler;

/* POST /v2 at the admin door: the exchange is that connection's user until it is answered. */
void cl_exchange_admin(struct cl_relay *relay, struct cl_http_conn *conn,
                       const struct cl_http_head *head, cl_str body);

/* Answers relay->text, which is JSON if writing it ended with CL_OK, or refuses; the exchange is
 * gone afterwards. */
void cl_exchange_answer_text(struct cl_exchange *exchange, enum cl_err err);
/* Ends with an error from the table, and the sentence of cl_call_sentence when there is no better
 * one; the exchange is gone afterwards. */
void cl_exchange_refuse(struct cl_exchange *exchange, enum cl_err err, cl_str sentence);
/* Forgets the exchange: it was answered, or its connection has gone. */
void cl_exchange_free(struct cl_exchange *exchange);

/* -- calls.c -------------------------------------------------------------------------------- */

void cl_call_run(struct cl_exchange *exchange, cl_str query, cl_str body);
/* What a person can do about a refusal of the core or the journal; else its wire name. */
cl_str cl_call_sentence(enum cl_err err);
/* The command of this exchange was applied or refused. */
void cl_call_reply(struct cl_exchange *exchange, const struct cl_effect *effect);

/* -- poll.c --------------------------------------------------------------------------------- */

void cl_poll_begin(struct cl_exchange *exchange, cl_str query);
/* Messages may have come. True: it took some, and may be gone. */
bool cl_poll_pump(struct cl_exchange *exchange);
/* Answers with no message; the exchange is gone afterwards. */
void cl_poll_answer_empty(struct cl_exchange *exchange);

/* -- socket.c ------------------------------------------------------------------------------- */

void cl_socket_begin(struct cl_exchange *exchange);
/* Messages may have come. True: it took some. */
bool cl_socket_pump(struct cl_socket *socket);
void cl_socket_reply(struct cl_socket *socket, const struct cl_effect *effect);
/* A command of that kind, of this socket, found no room in the journal. */
void cl_socket_refused(struct cl_socket *socket, enum cl_command_kind kind, cl_str sentence);
/* Of relay->proofs: asks those in relay->unasked whose time has come. */
void cl_socket_ask_proofs(struct cl_timer *timer);
/* {"type":"error",...}, the sentence as for cl_exchange_refuse; dropped when the socket's buffer
 * is full. */
void cl_socket_error(struct cl_socket *socket, enum cl_err err, cl_str sentence);
/* The push of clawlink-v1.md to all sockets but the agent's own. */
void cl_socket_push_joined(struct cl_relay *relay, const struct cl_agent *agent);

/* -- tls.c ---------------------------------------------------------------------------------- */

/* Loads the certificate, if there is to be one. */
CL_MUST_CHECK enum cl_err cl_relay_tls_open(struct cl_relay *relay, struct cl_why *why);
/* After the last connection. */
void cl_relay_tls_done(struct cl_relay *relay);
/* SIGHUP: the log file is opened again, the certificate read again. What cannot be read is logged,
 * and what was there stays in use. */
void cl_relay_reload(struct cl_relay *relay);
/* A connection that was accepted: to the server, through TLS where that is on. */
void cl_relay_accept(void *ctx, struct cl_stream *stream);

/* -- discovery.c ---------------------------------------------------------------------------- */

/* Makes the relay known, if it is to be; failing is a warning in the log. */
void cl_discovery_begin(struct cl_relay *relay);
/* Says goodbye. Harmless when nothing is known. */
void cl_discovery_end(struct cl_relay *relay);

/* -- auth.c --------------------------------------------------------------------------------- */

enum cl_auth {
    CL_AUTH_PASSES, // it shows the token, or there is none
    CL_AUTH_MISSING,
    CL_AUTH_WRONG,
};

enum cl_auth cl_auth_look(const struct cl_relay *relay, const struct cl_http_head *head);
/* Refuses a request that did not pass, counts it, and penalises a wrong token. */
void cl_auth_refuse(struct cl_relay *relay, struct cl_http_conn *conn, enum cl_auth auth);
/* May its sender send one more message (--rate)? CL_ERR_RATE: only in *ret_wait_s seconds, which
 * else is untouched; why says so. */
CL_MUST_CHECK enum cl_err cl_auth_rate(struct cl_relay *relay, const struct cl_command *draft,
                                       uint32_t *ret_wait_s, struct cl_why *why);

#endif
