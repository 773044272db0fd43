// SPDX-License-Identifier: MIT
/*
 * net/http_private.h - the inside of a server's connections, for net/http_*.c alone.
 */
#ifndef CL_NET_HTTP_PRIVATE_H
#define CL_NET_HTTP_PRIVATE_H

#include "net/http_server.h"

/* "Sun, 06 Nov 1994 08:49:37 GMT" and its NUL (RFC 9110 section 5.6.7). */
#define CL_HTTP_DATE_CAP 30

struct cl_http_server {
    struct cl_loop *loop;
    struct cl_http_server_options options;
    struct cl_list conns;
    size_t conns_len;
    struct cl_list reserve; // those in the gate's reserve, the oldest first
    bool is_draining;
    int64_t date_s; // the second that date stands for
    char date[CL_HTTP_DATE_CAP];
};

/*
 *   FRESH ──> HEAD ──> BODY ──> ASKED ──> ANSWERED ──> IDLE ──> HEAD ...
 *                │       │                    │
 *                └───────┴── refused ─────────┴──> LINGER ──> OVER
 *
 * UPGRADED and OVER are freed as soon as no function of the connection is on the stack, which is
 * in settle. Handlers are called in the other states only.
 */
enum cl_http_conn_state { // up to IN_BODY input is parsed, from ASKED on it is kept or dropped
    CL_HTTP_FRESH,        // accepted, not a byte came
    CL_HTTP_IDLE,         // between requests
    CL_HTTP_IN_HEAD,      // a head has begun
    CL_HTTP_IN_BODY,      // the head is accepted, the body is being read
    CL_HTTP_ASKED,        // the handler has the request and owes the answer
    CL_HTTP_ANSWERED,     // the answer is being written
    CL_HTTP_LINGER,       // our side is shut, the peer's is read and dropped
    CL_HTTP_UPGRADED,     // the stream is a WebSocket's now
    CL_HTTP_OVER,
};

struct cl_http_conn {
    struct cl_link in_server;
    struct cl_link in_reserve;
    struct cl_http_server *server;
    struct cl_stream *stream;
    struct cl_timer timer;    // the earliest of all deadlines below
    struct cl_gate_pass pass; // none: no gate, or displaced
    void *user;
    enum cl_http_conn_state state;
    bool is_answer_owed; // the handler may, and must, answer
    bool is_handlers;    // the answer came from the handler, which hears what becomes of it
    bool is_dropping;    // what comes in is not looked at any more
    bool wants_close;    // behind the answer
    bool is_head;        // the current request is HEAD
    bool has_eof;        // the peer has finished its side; all it sent was taken before
    bool is_tracked;     // neither taken nor lost was said yet
    bool is_reserve;     // it got in on the reserve
    bool is_displaced;   // and a newer one has its place
    bool is_known;       // the peer has shown the token
    bool is_more_asked;  // the handler was asked for more of the answer
    cl_instant since;    // the state began
    cl_instant progress; // the peer took output, or there was none
    uint32_t track_ms;
    uint32_t track_step_ms; // from one look at the acknowledgements to the next
    cl_instant track_next;
    cl_instant track_until;
    struct cl_http_parser parser;
    struct cl_buf body;
    size_t piece_len;     // 0: the body is handed over whole
    uint64_t body_passed; // bytes of it that were handed over in pieces
    uint64_t owed;        // bytes of the answer's body that the handler is still to give
    struct cl_buf input;  // pipelined behind the current request
    struct cl_out out;
    struct cl_ws_conn *ws; // UPGRADED: good while the input that led to it is on the stack
};

static inline void
cl_http_count(const struct cl_http_server *server, enum cl_count reason)
{
    cl_loop_counts(server->loop)->of[reason]++;
}

/* http_conn.c */
/* Takes ownership of the stream and the pass, unless it fails. */
CL_MUST_CHECK enum cl_err cl_http_conn_open(struct cl_http_server *server, struct cl_stream *stream,
                                            const struct cl_gate_pass *pass);
bool cl_http_announces_body(const struct cl_http_head *head);
/* Has its deadlines looked at in the next timers phase. */
void cl_http_conn_look_again(struct cl_http_conn *conn);
/* Queues output; without memory the connection ends. */
void cl_http_conn_queue(struct cl_http_conn *conn, cl_str head, const struct cl_part *parts,
                        size_t parts_len);
/* Takes the place of the oldest connection in the reserve that can go; false: there is none. */
bool cl_http_conn_displace(struct cl_http_server *server, struct cl_gate_pass *ret_pass);
/* Ends it here and now: on_closed is called. */
void cl_http_conn_free(struct cl_http_conn *conn);

/* http_answer.c */
/* The current second as Date wants it. */
cl_str cl_http_server_date(struct cl_http_server *server);
/* As cl_http_refuse, for this layer: no answer need be owed. It closes the connection. */
void cl_http_conn_fail(struct cl_http_conn *conn, enum cl_err err, cl_str sentence);
void cl_http_conn_fail_after(struct cl_http_conn *conn, enum cl_err err, cl_str sentence,
                             uint32_t seconds);

/* http_upgrade.c: Sec-WebSocket-Accept for a valid key (RFC 6455 section 4.2.2), with its NUL. */
#define CL_WS_ACCEPT_CAP 29 // 20 bytes in base64: 6 groups of 3, 2 bytes more, one '='
void cl_ws_accept_of(cl_str key, char ret_accept[static CL_WS_ACCEPT_CAP]);

/* ws_conn.c: input that came in the same read behind the handshake. */
void cl_ws_conn_add_input(struct cl_ws_conn *ws, cl_str bytes);

#endif
