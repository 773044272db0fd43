// SPDX-License-Identifier: MIT
/*
 * net/http_server.h - the server's side of HTTP/1.1 connections (RFC 9112) over any stream.
 *
 *     open ──head──> on_head ──body──> on_request ─ ─ cl_http_answer ──> written ──┐
 *       ^              │ answered in on_head: the body is not read                 │
 *       └──────────────┴──────────────── keep-alive ───────────────────────────────┘
 *                                        or: finish, linger, close
 *
 * Requests of a connection are handled strictly one after another; what is pipelined behind the
 * current one waits, bounded, and reading pauses. Each request gets exactly one answer: from
 * the handler, now or in a later turn, or from this layer when it is broken, too large or too
 * slow. Date, Content-Length and Connection are set here; an answer to HEAD keeps its
 * Content-Length and loses its body.
 *
 * What is large passes in pieces: a body that comes in by cl_http_take_pieces, one that goes out by
 * an answer with a length.
 *
 * Timeouts: a head that began, or a fresh connection, CL_NET_HEAD_TIMEOUT_MS (408, or a silent
 * close when not a byte came); a body slower than CL_NET_BODY_RATE_MIN after
 * CL_NET_BODY_GRACE_MS (408); between requests CL_NET_IDLE_TIMEOUT_MS; output of which the peer
 * takes nothing for CL_NET_WRITE_STALL_MS: cut. A handler may take its time without limit.
 *
 * Over the gate's caps a connection gets in on the reserve. There it has CL_NET_RESERVE_HEAD_MS
 * for its head and gets one answer, and when the reserve is full, the newest arrival displaces
 * the oldest whose request is not whole or whose answer is written: at the end of the turn's
 * reads it is closed. So half a request, silence and idling hold no place against a whole one.
 *
 * A connection whose address has a penalty (net/penalty.h) gets 429 before its handler hears of
 * the request, unless it is known.
 *
 * At rest a connection owns no buffers. One thread.
 */
#ifndef CL_NET_HTTP_SERVER_H
#define CL_NET_HTTP_SERVER_H

#include "net/gate.h"
#include "net/out.h"
#include "net/penalty.h"
#include "net/stream.h"
#include "net/ws_conn.h"
#include "wire/http1.h"

struct cl_http_server; // all connections of one handler
struct cl_http_conn;

/* What proved that the peer's program side has a whole answer (clawlink-v1.md, When is a message
 * gone?). */
enum cl_http_proof {
    CL_HTTP_PROOF_REQUEST, // the next request came on the connection
    CL_HTTP_PROOF_EOF,     // an orderly end, after the whole answer was handed to the system
    CL_HTTP_PROOF_ACKED,   // the peer's TCP acknowledged all of it
};

/*
 * What the connections of a server call. Members may be NULL, except on_request. A connection is
 * good until on_closed has returned or until it was upgraded, and no longer.
 *
 *     on_head ─> (on_piece) ─> on_request ─> (on_eof) ─> (on_answer_more) ─> on_answer_written
 *         ─> on_answer_taken or on_answer_lost
 */
struct cl_http_handler {
    /* The head of a request is complete, nothing of its body was read and no 100 (Continue)
     * sent. To refuse early, answer here: then a body is never read, and the connection closes
     * behind the answer unless the request had none. Not answering lets the request go on: a
     * body announced past body_bytes_max is refused with 413, everything else read. When this
     * layer refuses the rest of a request, on_closed is the next that the handler hears. */
    void (*on_head)(void *ctx, struct cl_http_conn *conn, const struct cl_http_head *head);
    /* The next piece of a body for which on_head has called cl_http_take_pieces, good during the
     * call. It is no place to answer. */
    void (*on_piece)(void *ctx, struct cl_http_conn *conn, cl_str piece);
    /* The request is whole. Answer now or later; or upgrade. head and body are good until the
     * answer is given. */
    void (*on_request)(void *ctx, struct cl_http_conn *conn, const struct cl_http_head *head,
                       cl_str body);
    /* The client has finished its side while its answer is outstanding: it may have gone, or may
     * still read. A handler that waits for something answers now with what it has. */
    void (*on_eof)(void *ctx, struct cl_http_conn *conn);
    /* All that was given of an answer's body was handed to the system, and more is owed:
     * cl_http_answer_more, now or later, once. */
    void (*on_answer_more)(void *ctx, struct cl_http_conn *conn);
    /* The last byte of an answer was handed to the system. */
    void (*on_answer_written)(void *ctx, struct cl_http_conn *conn);
    /* For answers with track_ms, exactly one of these two, before the next on_head and before
     * on_closed. Lost: the connection broke, or nothing proved it in time. */
    void (*on_answer_taken)(void *ctx, struct cl_http_conn *conn, enum cl_http_proof proof);
    void (*on_answer_lost)(void *ctx, struct cl_http_conn *conn);
    /* Once for each connection, also for one with an answer outstanding. */
    void (*on_closed)(void *ctx, struct cl_http_conn *conn);
};

struct cl_http_server_options {
    const struct cl_http_handler *handler;
    void *ctx;                      // its first argument
    struct cl_gate *gate;           // NULL: no caps; outlives the loop
    struct cl_penalties *penalties; // NULL: none; outlives the loop
    uint64_t body_bytes_max;        // 0: CL_HTTP_BODY_BYTES_MAX
};

CL_MUST_CHECK enum cl_err cl_http_server_new(struct cl_loop *loop,
                                             const struct cl_http_server_options *options,
                                             struct cl_http_server **ret_server);
/* Takes ownership of the stream and speaks HTTP on it; ctx is the server. Over a cap, and
 * when nothing in the reserve can be displaced, it gets a 503 and is closed; with a long penalty
 * ahead it is closed without a word. Made for
 * cl_listener_accept(listener, cl_http_server_take, server). */
void cl_http_server_take(void *ctx, struct cl_stream *stream);
/* Connections at rest are closed now, the others behind their answer; new ones get a 503. */
void cl_http_server_drain(struct cl_http_server *server);
/* Connections that are still there; upgraded ones are not counted. */
size_t cl_http_server_count(const struct cl_http_server *server);
/* Cuts what is left (each hears on_closed) and frees all. Accepts NULL. Comes before the loop's. */
void cl_http_server_free(struct cl_http_server *server);

/* For the handler's own use; NULL at first. */
void cl_http_conn_set_user(struct cl_http_conn *conn, void *user);
void *cl_http_conn_user(const struct cl_http_conn *conn);
void cl_http_conn_peer(const struct cl_http_conn *conn, cl_address *ret_peer);
/* The peer showed the token: it counts as a stranger no longer (net/gate.h), and no penalty of
 * its address concerns this connection (net/penalty.h). */
void cl_http_conn_is_known(struct cl_http_conn *conn);
/* The peer showed a wrong token. */
void cl_http_conn_penalise(struct cl_http_conn *conn);
/* The caps are reached, and this connection got in on the reserve: answer /healthz only, and
 * everything else with CL_ERR_UNAVAILABLE. */
bool cl_http_conn_is_reserve(const struct cl_http_conn *conn);
/* In on_head: this request's body is handed over as it comes, in pieces of that many bytes; the
 * rest, which is shorter, is on_request's. */
void cl_http_take_pieces(struct cl_http_conn *conn, size_t piece_len);
/* Cuts the connection; on_closed comes soon, but not from within this call. */
void cl_http_conn_cut(struct cl_http_conn *conn);

struct cl_http_field {
    cl_str name;
    cl_str value;
};

struct cl_http_answer {
    unsigned status;   // 200 to 599
    cl_str media_type; // empty: application/json
    const struct cl_http_field *fields;
    size_t fields_len;
    const struct cl_part *parts; // the body; slices are copied, large bodies referenced
    size_t parts_len;
    uint64_t length;   // of the body, if the parts are its beginning only; else 0
    uint32_t track_ms; // 0: no tracking; else how long proof is waited for, from the last byte
    bool close;        // end the connection behind it
};

/* Answers the current request, once. What does not fit into memory cuts the connection, which
 * the handler learns as on_answer_lost (if tracked) and on_closed; so there is no error to see. */
void cl_http_answer(struct cl_http_conn *conn, const struct cl_http_answer *answer);
/* The next part of a body that is owed. As above there is no error to see. */
void cl_http_answer_more(struct cl_http_conn *conn, const struct cl_part *part);
/* Answers {"error":"<sentence>","code":"<wire name>"} with the status of the error table, and
 * Retry-After where the status is 429, 503 or 507. */
void cl_http_refuse(struct cl_http_conn *conn, enum cl_err err, cl_str sentence);
/* With a field that the RFC wants beside the status: Allow for 405, WWW-Authenticate for 401. */
void cl_http_refuse_with(struct cl_http_conn *conn, enum cl_err err, cl_str sentence,
                         struct cl_http_field field);
/* As cl_http_refuse, when it is known after how many seconds the same request may pass. */
void cl_http_refuse_after(struct cl_http_conn *conn, enum cl_err err, cl_str sentence,
                          uint32_t seconds);

/*
 * Answers 101 in on_head or on_request and turns the connection into a WebSocket (RFC 6455
 * section 4.2): GET, HTTP/1.1, Connection and Upgrade tokens, a valid key, version 13. The
 * http connection is gone then, without on_closed, its place in the gate goes along, and bytes
 * that came behind the request go to the WebSocket in the next turn.
 *
 * On failure the request was answered with a refusal (400, or 426 with the version) and the
 * connection is what it was.
 */
CL_MUST_CHECK enum cl_err cl_http_upgrade(struct cl_http_conn *conn,
                                          const struct cl_ws_handler *handler, void *ctx,
                                          struct cl_ws_conn **ret_ws);

#endif
