// SPDX-License-Identifier: MIT
#include "net/http_server.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "net/http_private.h"

enum cl_err
cl_http_server_new(struct cl_loop *loop, const struct cl_http_server_options *options,
                   struct cl_http_server **ret_server)
{
    CL_ASSERT(options->handler->on_request != NULL);
    struct cl_http_server *server = cl_alloc(sizeof *server);
    if (server == NULL)
        return CL_ERR_NO_MEMORY;
    server->loop = loop;
    server->options = *options;
    if (server->options.body_bytes_max == 0)
        server->options.body_bytes_max = CL_HTTP_BODY_BYTES_MAX;
    cl_list_init(&server->conns);
    cl_list_init(&server->reserve);
    *ret_server = server;
    return CL_OK;
}

// clang-format off
#define TURNED_AWAY_BODY \
    "{\"error\":\"no room for another connection; try again\",\"code\":\"unavailable\"}"
#define TURNED_AWAY_BODY_LEN "74"
#define TURNED_AWAY                                                                 \
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"         \
    "Content-Length: " TURNED_AWAY_BODY_LEN "\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" \
    TURNED_AWAY_BODY
// clang-format on
_Static_assert(sizeof TURNED_AWAY_BODY - 1 == 74, "what TURNED_AWAY_BODY_LEN says");

/* One write and the end: a flood must not cost more than that. It is tried at once, since a
 * fresh socket has room; a client that misses it sees a closed connection instead. */
static void
turn_away(struct cl_stream *stream)
{
    cl_str answer = CL_STR(TURNED_AWAY);
    size_t taken;
    if (cl_stream_write(stream, &answer, 1, &taken) == CL_OK)
        cl_stream_shut(stream);
    cl_stream_close(stream);
}

/* Has that address guessed so often that its connections are not worth an answer? */
static bool
is_deaf_to(const struct cl_http_server *server, const cl_address *peer)
{
    const struct cl_penalties *penalties = server->options.penalties;
    return penalties != NULL &&
           cl_penalties_left(penalties, peer, cl_loop_now(server->loop)) > CL_NET_PENALTY_DEAF_MS;
}

/* False: there is no place, and why. */
static bool
let_in(struct cl_http_server *server, const cl_address *peer, struct cl_gate_pass *ret_pass,
       enum cl_count *ret_reason)
{
    if (server->is_draining) {
        *ret_reason = CL_COUNT_DRAINING;
        return false;
    }
    if (server->options.gate == NULL ||
        cl_gate_enter(server->options.gate, peer, ret_pass) == CL_OK ||
        cl_http_conn_displace(server, ret_pass))
        return true;
    *ret_reason = CL_COUNT_TURNED_AWAY;
    return false;
}

void
cl_http_server_take(void *ctx, struct cl_stream *stream)
{
    struct cl_http_server *server = ctx;
    struct cl_gate_pass pass = {0};
    cl_address peer;
    enum cl_count reason;
    cl_stream_peer(stream, &peer);
    cl_loop_counts(server->loop)->accepted++;
    if (is_deaf_to(server, &peer)) {
        cl_http_count(server, CL_COUNT_PENALTY);
        cl_stream_close(stream);
        return;
    }
    if (!let_in(server, &peer, &pass, &reason)) {
        cl_http_count(server, reason);
        turn_away(stream);
        return;
    }
    if (cl_http_conn_open(server, stream, &pass) != CL_OK) {
        cl_http_count(server, CL_COUNT_NO_MEMORY);
        cl_gate_leave(&pass);
        turn_away(stream);
    }
}

void
cl_http_server_drain(struct cl_http_server *server)
{
    server->is_draining = true;
    CL_LIST_EACH(&server->conns, link)
    {
        cl_http_conn_look_again(CL_LIST_ENTRY(link, struct cl_http_conn, in_server));
    }
}

size_t
cl_http_server_count(const struct cl_http_server *server)
{
    return server->conns_len;
}

void
cl_http_server_free(struct cl_http_server *server)
{
    if (server == NULL)
        return;
    server->is_draining = true;
    while (!cl_list_is_empty(&server->conns)) {
        struct cl_link *first = cl_list_first(&server->conns);
        cl_http_conn_free(CL_LIST_ENTRY(first, struct cl_http_conn, in_server));
    }
    cl_free(server);
}

void
cl_http_conn_set_user(struct cl_http_conn *conn, void *user)
{
    conn->user = user;
}

void *
cl_http_conn_user(const struct cl_http_conn *conn)
{
    return conn->user;
}

void
cl_http_conn_peer(const struct cl_http_conn *conn, cl_address *ret_peer)
{
    cl_stream_peer(conn->stream, ret_peer);
}

void
cl_http_conn_is_known(struct cl_http_conn *conn)
{
    conn->is_known = true;
    cl_gate_known(&conn->pass);
}

void
cl_http_conn_penalise(struct cl_http_conn *conn)
{
    struct cl_penalties *penalties = conn->server->options.penalties;
    cl_address peer;
    if (penalties == NULL)
        return;
    cl_stream_peer(conn->stream, &peer);
    cl_penalties_add(penalties, &peer, cl_loop_now(conn->server->loop));
}

void
cl_http_take_pieces(struct cl_http_conn *conn, size_t piece_len)
{
    CL_ASSERT(piece_len > 0 && conn->state == CL_HTTP_IN_BODY);
    conn->piece_len = piece_len;
}

bool
cl_http_conn_is_reserve(const struct cl_http_conn *conn)
{
    return conn->is_reserve;
}
