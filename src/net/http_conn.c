// SPDX-License-Identifier: MIT
/*
 * What one connection goes through: bytes to requests, answers to bytes, and every deadline.
 *
 * The loop enters by five functions: on_data, on_eof, on_write, on_closed and on_timer. Each ends
 * in settle, the only place where a connection is freed or its timer set. So the functions below
 * them, and handlers, only ever change the state.
 */
#include "base/alloc.h"
#include "net/http_private.h"

static bool
is_gone(const struct cl_http_conn *conn)
{
    return conn->state == CL_HTTP_OVER || conn->state == CL_HTTP_UPGRADED;
}

static void
enter(struct cl_http_conn *conn, enum cl_http_conn_state state)
{
    conn->state = state;
    conn->since = cl_loop_now(conn->server->loop);
}

/* -- tracking whether an answer was taken --------------------------------------------------- */

static void
say_taken(struct cl_http_conn *conn, enum cl_http_proof proof)
{
    const struct cl_http_server_options *options = &conn->server->options;
    conn->is_tracked = false;
    if (options->handler->on_answer_taken != NULL)
        options->handler->on_answer_taken(options->ctx, conn, proof);
}

static void
say_lost(struct cl_http_conn *conn)
{
    const struct cl_http_server_options *options = &conn->server->options;
    conn->is_tracked = false;
    if (options->handler->on_answer_lost != NULL)
        options->handler->on_answer_lost(options->ctx, conn);
}

/* Looks whether the peer's TCP has it all: at once, then 1, 2, 4, ... ms later, to the end. */
static void
look_for_proof(struct cl_http_conn *conn)
{
    cl_instant now = cl_loop_now(conn->server->loop);
    if (cl_stream_is_acked(conn->stream)) {
        say_taken(conn, CL_HTTP_PROOF_ACKED);
        return;
    }
    if (now.ms >= conn->track_until.ms) {
        say_lost(conn);
        return;
    }
    conn->track_step_ms = conn->track_step_ms == 0 ? 1 : conn->track_step_ms * 2;
    conn->track_next = cl_instant_add(now, conn->track_step_ms);
    if (conn->track_next.ms > conn->track_until.ms)
        conn->track_next = conn->track_until;
}

/* -- the end -------------------------------------------------------------------------------- */

void
cl_http_conn_free(struct cl_http_conn *conn)
{
    struct cl_http_server *server = conn->server;
    const struct cl_http_server_options *options = &server->options;
    bool is_upgraded = conn->state == CL_HTTP_UPGRADED;
    conn->state = CL_HTTP_OVER;
    if (conn->is_tracked)
        say_lost(conn);
    if (!is_upgraded) {
        if (options->handler->on_closed != NULL)
            options->handler->on_closed(options->ctx, conn);
        cl_stream_close(conn->stream);
        cl_loop_again(server->loop); // in the flush the turn end of this turn is past
    }
    cl_loop_timer_stop(server->loop, &conn->timer);
    cl_gate_leave(&conn->pass);
    cl_http_parser_done(&conn->parser);
    cl_buf_done(&conn->body);
    cl_buf_done(&conn->input);
    cl_out_done(&conn->out);
    cl_list_remove(&conn->in_server);
    cl_list_remove(&conn->in_reserve);
    server->conns_len--;
    cl_free(conn);
}

void
cl_http_conn_look_again(struct cl_http_conn *conn)
{
    cl_loop_timer_start(conn->server->loop, &conn->timer, cl_loop_now(conn->server->loop));
}

void
cl_http_conn_cut(struct cl_http_conn *conn)
{
    if (is_gone(conn))
        return;
    conn->state = CL_HTTP_OVER;
    cl_http_conn_look_again(conn);
}

void
cl_http_conn_queue(struct cl_http_conn *conn, cl_str head, const struct cl_part *parts,
                   size_t parts_len)
{
    if (cl_out_waiting(&conn->out) == 0)
        conn->progress = cl_loop_now(conn->server->loop);
    if (cl_out_add(&conn->out, head, parts, parts_len) == CL_OK)
        cl_stream_want_write(conn->stream);
    else
        cl_http_conn_cut(conn);
}

static void
begin_linger(struct cl_http_conn *conn)
{
    cl_stream_shut(conn->stream);
    conn->is_dropping = true;
    cl_buf_done(&conn->input);
    cl_stream_set_reading(conn->stream, true);
    enter(conn, CL_HTTP_LINGER);
}

/* -- deadlines ------------------------------------------------------------------------------ */

/* When the state the connection is in has lasted too long. */
static cl_instant
state_deadline(const struct cl_http_conn *conn)
{
    int64_t body_ms;
    switch (conn->state) {
    case CL_HTTP_FRESH:
    case CL_HTTP_IN_HEAD:
        return cl_instant_add(conn->since,
                              conn->is_reserve ? CL_NET_RESERVE_HEAD_MS : CL_NET_HEAD_TIMEOUT_MS);
    case CL_HTTP_IDLE:
        return cl_instant_add(conn->since, CL_NET_IDLE_TIMEOUT_MS);
    case CL_HTTP_IN_BODY:
        body_ms = (int64_t)(conn->body_passed + conn->body.len) * 1000 / CL_NET_BODY_RATE_MIN;
        if (body_ms < CL_NET_BODY_GRACE_MS)
            body_ms = CL_NET_BODY_GRACE_MS;
        return cl_instant_add(conn->since, body_ms);
    case CL_HTTP_LINGER:
        return conn->is_tracked ? CL_INSTANT_NEVER : cl_instant_add(conn->since, CL_NET_LINGER_MS);
    case CL_HTTP_ASKED:
    case CL_HTTP_ANSWERED:
    case CL_HTTP_UPGRADED:
    case CL_HTTP_OVER:
        break;
    }
    return CL_INSTANT_NEVER;
}

static bool
is_looking_for_proof(const struct cl_http_conn *conn)
{
    return conn->is_tracked && conn->state != CL_HTTP_ANSWERED;
}

/* What was pipelined is handled in a turn of its own. It proves nothing about the answer before
 * it, having been sent too early, so it waits for another proof. */
static bool
may_resume(const struct cl_http_conn *conn)
{
    return conn->state == CL_HTTP_IDLE && conn->input.len > 0 && !conn->is_tracked;
}

static cl_instant
deadline(const struct cl_http_conn *conn)
{
    if (may_resume(conn))
        return cl_loop_now(conn->server->loop);
    cl_instant at = state_deadline(conn);
    if (cl_out_waiting(&conn->out) > 0)
        at = cl_instant_earlier(at, cl_instant_add(conn->progress, CL_NET_WRITE_STALL_MS));
    if (is_looking_for_proof(conn))
        at = cl_instant_earlier(at, conn->track_next);
    return at;
}

static bool
is_being_answered(const struct cl_http_conn *conn)
{
    return conn->state == CL_HTTP_ASKED || conn->state == CL_HTTP_ANSWERED;
}

/* Nothing is left to be done for it, now or once the server drains. */
static bool
is_done(const struct cl_http_conn *conn)
{
    if (is_gone(conn) || (conn->is_displaced && !is_being_answered(conn)))
        return true;
    if (conn->is_tracked || conn->input.len > 0)
        return false;
    bool is_at_rest = conn->state == CL_HTTP_FRESH || conn->state == CL_HTTP_IDLE;
    return (is_at_rest && conn->server->is_draining) ||
           (conn->state == CL_HTTP_LINGER && conn->has_eof);
}

static void
settle(struct cl_http_conn *conn)
{
    if (is_done(conn)) {
        cl_http_conn_free(conn);
        return;
    }
    cl_instant at = deadline(conn);
    if (at.ms == CL_INSTANT_NEVER.ms)
        cl_loop_timer_stop(conn->server->loop, &conn->timer);
    else if (!cl_timer_is_running(&conn->timer) || conn->timer.at.ms != at.ms)
        cl_loop_timer_start(conn->server->loop, &conn->timer, at);
}

/* This turn's reads come first: whose head is among them is still answered. */
bool
cl_http_conn_displace(struct cl_http_server *server, struct cl_gate_pass *ret_pass)
{
    CL_LIST_EACH(&server->reserve, link)
    {
        struct cl_http_conn *conn = CL_LIST_ENTRY(link, struct cl_http_conn, in_reserve);
        if (is_gone(conn) || is_being_answered(conn))
            continue;
        *ret_pass = conn->pass;
        conn->pass = (struct cl_gate_pass){0};
        conn->is_displaced = true;
        cl_http_count(server, CL_COUNT_DISPLACED);
        cl_list_remove(&conn->in_reserve);
        cl_http_conn_look_again(conn);
        return true;
    }
    return false;
}

/* -- requests ------------------------------------------------------------------------------- */

bool
cl_http_announces_body(const struct cl_http_head *head)
{
    return head->framing == CL_HTTP_CHUNKED ||
           (head->framing == CL_HTTP_LENGTH && head->content_length > 0);
}

/* Milliseconds of penalty that concern this connection. */
static int64_t
penalty_of(const struct cl_http_conn *conn)
{
    const struct cl_penalties *penalties = conn->server->options.penalties;
    cl_address peer;
    if (penalties == NULL || conn->is_known)
        return 0;
    cl_stream_peer(conn->stream, &peer);
    return cl_penalties_left(penalties, &peer, cl_loop_now(conn->server->loop));
}

static void
take_head(struct cl_http_conn *conn)
{
    const struct cl_http_server_options *options = &conn->server->options;
    const struct cl_http_head *head = &conn->parser.head;
    if (conn->is_tracked)
        say_taken(conn, CL_HTTP_PROOF_REQUEST);
    if (is_gone(conn))
        return;
    conn->wants_close = !head->keep_alive;
    conn->is_head = cl_str_eq(head->method, CL_STR("HEAD"));
    cl_loop_counts(conn->server->loop)->requests++;
    enter(conn, CL_HTTP_IN_BODY);
    int64_t penalty_ms = penalty_of(conn);
    if (penalty_ms > 0) {
        cl_http_conn_fail_after(conn, CL_ERR_PENALTY,
                                CL_STR("wrong tokens came from this address; wait"),
                                (uint32_t)((penalty_ms + 999) / 1000));
        return;
    }
    conn->is_answer_owed = true;
    if (options->handler->on_head != NULL)
        options->handler->on_head(options->ctx, conn, head);
    if (conn->state != CL_HTTP_IN_BODY)
        return; // answered, upgraded or cut
    conn->is_answer_owed = false;

    if (head->framing == CL_HTTP_LENGTH && head->content_length > options->body_bytes_max) {
        cl_http_conn_fail(conn, CL_ERR_TOO_LARGE, CL_STR("the body is too large"));
        return;
    }
    if (head->expect_continue)
        cl_http_conn_queue(conn, CL_STR("HTTP/1.1 100 Continue\r\n\r\n"), NULL, 0);
}

static void
take_end(struct cl_http_conn *conn)
{
    const struct cl_http_server_options *options = &conn->server->options;
    if (conn->state != CL_HTTP_IN_BODY)
        return; // answered in on_head
    conn->is_answer_owed = true;
    enter(conn, CL_HTTP_ASKED);
    options->handler->on_request(options->ctx, conn, &conn->parser.head, cl_buf_str(&conn->body));
}

/* Hands over what is a whole piece now. */
static void
pass_piece(struct cl_http_conn *conn)
{
    const struct cl_http_server_options *options = &conn->server->options;
    if (conn->piece_len == 0 || conn->body.len < conn->piece_len)
        return;
    options->handler->on_piece(options->ctx, conn, cl_buf_str(&conn->body));
    conn->body_passed += conn->body.len;
    cl_buf_clear(&conn->body);
}

static void
take_body(struct cl_http_conn *conn, cl_str bytes)
{
    enum cl_err err = CL_OK;
    while (err == CL_OK && bytes.len > 0 && !is_gone(conn)) {
        size_t len = conn->piece_len == 0 ? bytes.len : conn->piece_len - conn->body.len;
        cl_str head = cl_str_part(bytes, 0, len);
        bytes = cl_str_part(bytes, len, bytes.len);
        err = cl_buf_append(&conn->body, head);
        if (err == CL_OK)
            pass_piece(conn);
    }
    if (err != CL_OK)
        cl_http_conn_fail(conn, err,
                          err == CL_ERR_TOO_LARGE ? CL_STR("the body is too large")
                                                  : CL_STR("out of memory; try again"));
}

/* The first head is timed from the accept, every other one from its first byte. */
static void
note_begin(struct cl_http_conn *conn)
{
    if (cl_http_parser_is_idle(&conn->parser))
        return;
    if (conn->state == CL_HTTP_FRESH)
        conn->state = CL_HTTP_IN_HEAD;
    else if (conn->state == CL_HTTP_IDLE)
        enter(conn, CL_HTTP_IN_HEAD);
}

/* One request at most; false when there is nothing more to be done with the input now. */
static bool
take_event(struct cl_http_conn *conn, cl_str *input)
{
    struct cl_http_event event;
    struct cl_why why = {0};
    enum cl_err err = cl_http_feed(&conn->parser, input, &event, &why);
    if (err == CL_ERR_CLOSED) {
        input->len = 0; // behind a request that was the last
        return false;
    }
    if (err != CL_OK) {
        cl_http_conn_fail(conn, err, cl_str_z(why.text));
        return false;
    }
    switch (event.kind) {
    case CL_HTTP_MORE:
        note_begin(conn);
        return false;
    case CL_HTTP_HEAD:
        take_head(conn);
        return !is_gone(conn) && !conn->is_dropping;
    case CL_HTTP_BODY:
        take_body(conn, event.body);
        return !conn->is_dropping && !is_gone(conn);
    case CL_HTTP_END:
        take_end(conn);
        return false;
    case CL_HTTP_INTERIM:
        break; // answers only
    }
    return false;
}

/* Takes input as far as the current request goes and keeps the rest. */
static void
take_input(struct cl_http_conn *conn, cl_str input)
{
    if (conn->state < CL_HTTP_ASKED)
        while (take_event(conn, &input)) {
        }
    if (input.len == 0 || conn->is_dropping || conn->state == CL_HTTP_OVER)
        return;
    if (conn->state == CL_HTTP_UPGRADED) {
        cl_ws_conn_add_input(conn->ws, input);
        return;
    }
    if (cl_buf_append(&conn->input, input) != CL_OK) {
        conn->state = CL_HTTP_OVER;
        return;
    }
    cl_stream_set_reading(conn->stream, false);
}

/* -- what the loop calls -------------------------------------------------------------------- */

static void
on_data(void *ctx, char *bytes, size_t len)
{
    struct cl_http_conn *conn = ctx;
    if (!conn->is_dropping)
        take_input(conn, cl_str_of(bytes, len));
    settle(conn);
}

static void
on_eof(void *ctx)
{
    struct cl_http_conn *conn = ctx;
    const struct cl_http_server_options *options = &conn->server->options;
    conn->has_eof = true;
    switch (conn->state) {
    case CL_HTTP_FRESH:
    case CL_HTTP_IDLE:
    case CL_HTTP_IN_HEAD:
    case CL_HTTP_IN_BODY: // half a request has no answer
    case CL_HTTP_LINGER:
        if (conn->is_tracked)
            say_taken(conn, CL_HTTP_PROOF_EOF);
        conn->state = CL_HTTP_OVER;
        break;
    case CL_HTTP_ASKED:
        if (options->handler->on_eof != NULL)
            options->handler->on_eof(options->ctx, conn);
        break;
    case CL_HTTP_ANSWERED:
    case CL_HTTP_UPGRADED:
    case CL_HTTP_OVER:
        break;
    }
    settle(conn);
}

/* The next request may come, or was there already. */
static void
begin_next(struct cl_http_conn *conn)
{
    cl_http_parser_forget(&conn->parser);
    cl_buf_done(&conn->body);
    conn->is_head = false;
    conn->piece_len = 0;
    conn->body_passed = 0;
    enter(conn, CL_HTTP_IDLE);
    if (conn->input.len == 0)
        cl_stream_set_reading(conn->stream, true);
}

/* As below: this is the flush. */
static void
ask_for_more(struct cl_http_conn *conn)
{
    const struct cl_http_server_options *options = &conn->server->options;
    if (conn->is_more_asked)
        return;
    conn->is_more_asked = true;
    options->handler->on_answer_more(options->ctx, conn);
    cl_loop_again(conn->server->loop);
}

/* This is the flush: what a handler makes of it has its turn end in another turn. */
static void
answer_was_written(struct cl_http_conn *conn)
{
    const struct cl_http_server_options *options = &conn->server->options;
    if (conn->is_handlers && options->handler->on_answer_written != NULL) {
        options->handler->on_answer_written(options->ctx, conn);
        cl_loop_again(conn->server->loop);
    }
    if (is_gone(conn))
        return;
    if (conn->wants_close || conn->has_eof)
        begin_linger(conn);
    else
        begin_next(conn);
    if (conn->is_tracked) {
        conn->track_until = cl_instant_add(conn->since, conn->track_ms);
        conn->track_step_ms = 0;
        look_for_proof(conn);
        cl_loop_again(conn->server->loop);
    }
}

static void
on_write(void *ctx)
{
    struct cl_http_conn *conn = ctx;
    size_t taken = 0;
    if (is_gone(conn)) {
        settle(conn);
        return;
    }
    if (cl_out_write(&conn->out, conn->stream, &taken) != CL_OK)
        conn->state = CL_HTTP_OVER;
    else if (taken > 0)
        conn->progress = cl_loop_now(conn->server->loop);
    if (conn->state == CL_HTTP_ANSWERED && cl_out_waiting(&conn->out) == 0) {
        if (conn->owed > 0)
            ask_for_more(conn);
        else
            answer_was_written(conn);
    }
    settle(conn);
}

static void
on_closed(void *ctx, enum cl_err reason)
{
    struct cl_http_conn *conn = ctx;
    (void)reason; // however it broke, it is over
    if (conn->state != CL_HTTP_UPGRADED)
        conn->state = CL_HTTP_OVER;
    settle(conn);
}

static const struct cl_stream_events events = {on_data, on_eof, on_write, on_closed};

/* Pipelined input moves out of the connection first, for what is left of it comes back there. */
static void
resume(struct cl_http_conn *conn)
{
    struct cl_buf input = conn->input;
    cl_buf_init(&conn->input, CL_NET_READ_BYTES);
    take_input(conn, cl_buf_str(&input));
    cl_buf_done(&input);
    if (!is_gone(conn) && conn->input.len == 0)
        cl_stream_set_reading(conn->stream, true);
}

static void
state_lasts_too_long(struct cl_http_conn *conn)
{
    const struct cl_http_server *server = conn->server;
    if (conn->state == CL_HTTP_IN_HEAD) {
        cl_http_count(server, CL_COUNT_SLOW_HEAD);
        cl_http_conn_fail(conn, CL_ERR_TIMEOUT, CL_STR("the request's head came too slowly"));
        return;
    }
    if (conn->state == CL_HTTP_IN_BODY) {
        cl_http_count(server, CL_COUNT_SLOW_BODY);
        cl_http_conn_fail(conn, CL_ERR_TIMEOUT, CL_STR("the request's body came too slowly"));
        return;
    }
    if (conn->state == CL_HTTP_FRESH)
        cl_http_count(server, CL_COUNT_SILENT);
    else if (conn->state == CL_HTTP_IDLE)
        cl_http_count(server, CL_COUNT_IDLE);
    if (!cl_stream_is_acked(conn->stream)) // all this time: it reads as slowly as it can
        cl_stream_drop_output(conn->stream);
    conn->state = CL_HTTP_OVER;
}

static void
on_timer(struct cl_timer *timer)
{
    struct cl_http_conn *conn = CL_LIST_ENTRY(timer, struct cl_http_conn, timer);
    cl_instant now = cl_loop_now(conn->server->loop);
    if (is_gone(conn)) {
        settle(conn);
        return;
    }
    if (may_resume(conn))
        resume(conn);
    if (!is_gone(conn) && is_looking_for_proof(conn) && conn->track_next.ms <= now.ms)
        look_for_proof(conn);
    if (!is_gone(conn) && cl_out_waiting(&conn->out) > 0 &&
        cl_instant_add(conn->progress, CL_NET_WRITE_STALL_MS).ms <= now.ms) {
        cl_http_count(conn->server, CL_COUNT_STALL);
        cl_stream_drop_output(conn->stream);
        conn->state = CL_HTTP_OVER;
    }
    if (!is_gone(conn) && state_deadline(conn).ms <= now.ms)
        state_lasts_too_long(conn);
    settle(conn);
}

enum cl_err
cl_http_conn_open(struct cl_http_server *server, struct cl_stream *stream,
                  const struct cl_gate_pass *pass)
{
    struct cl_http_conn *conn = cl_alloc(sizeof *conn);
    if (conn == NULL)
        return CL_ERR_NO_MEMORY;
    conn->server = server;
    conn->stream = stream;
    conn->pass = *pass;
    conn->progress = cl_loop_now(server->loop);
    cl_timer_init(&conn->timer, on_timer);
    cl_http_parser_init(&conn->parser, CL_HTTP_REQUESTS, server->options.body_bytes_max);
    cl_buf_init(&conn->body, (size_t)server->options.body_bytes_max);
    cl_buf_init(&conn->input, CL_NET_READ_BYTES);
    cl_out_init(&conn->out);
    conn->is_reserve = pass->is_reserve;
    cl_link_init(&conn->in_reserve);
    if (conn->is_reserve)
        cl_list_append(&server->reserve, &conn->in_reserve);
    cl_list_append(&server->conns, &conn->in_server);
    server->conns_len++;
    enter(conn, CL_HTTP_FRESH);
    cl_stream_use(stream, &events, conn);
    settle(conn);
    return CL_OK;
}
