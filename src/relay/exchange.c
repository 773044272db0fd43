// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/pool.h"
#include "relay/blob.h"
#include "relay/metrics.h"
#include "relay/state.h"
#include "relay/v2.h"
#include "wire/uri.h"

/* -- answers ----------------------------------------------------------------------------------- */

void
cl_exchange_answer_text(struct cl_exchange *exchange, enum cl_err err)
{
    if (err != CL_OK) {
        cl_exchange_refuse(exchange, err, CL_STR(""));
        return;
    }
    struct cl_part body = cl_part_of(cl_buf_str(&exchange->relay->text));
    struct cl_http_answer answer = {.status = 200, .parts = &body, .parts_len = 1};
    cl_http_answer(exchange->conn, &answer);
    cl_exchange_free(exchange);
}

void
cl_exchange_refuse(struct cl_exchange *exchange, enum cl_err err, cl_str sentence)
{
    if (sentence.len == 0)
        sentence = cl_call_sentence(err);
    cl_log_debug(&exchange->relay->config.log, "request.refused", CL_F("code", cl_err_wire(err)),
                 CL_F("why", sentence));
    if (exchange->wait_s > 0)
        cl_http_refuse_after(exchange->conn, err, sentence, exchange->wait_s);
    else
        cl_http_refuse(exchange->conn, err, sentence);
    cl_exchange_free(exchange);
}

/* -- life -------------------------------------------------------------------------------------- */

struct cl_exchange *
cl_exchange_new(struct cl_relay *relay, struct cl_http_conn *conn)
{
    struct cl_exchange *exchange = cl_pool_get(sizeof *exchange);
    if (exchange == NULL)
        return NULL;
    memset(exchange, 0, sizeof *exchange);
    if (cl_peer_begin(relay, &exchange->peer, CL_PEER_EXCHANGE, &relay->exchanges) != CL_OK) {
        cl_pool_put(exchange, sizeof *exchange);
        return NULL;
    }
    exchange->relay = relay;
    exchange->conn = conn;
    cl_http_conn_set_user(conn, exchange);
    return exchange;
}

void
cl_exchange_free(struct cl_exchange *exchange)
{
    struct cl_relay *relay = exchange->relay;
    if (exchange->is_poller)
        cl_relay_close_holder(relay, exchange->peer.handle);
    if (exchange->v2 != NULL)
        cl_v2_end(exchange->v2);
    if (exchange->blob != NULL)
        cl_blob_call_free(exchange->blob);
    cl_loop_timer_stop(relay->loop, &exchange->wait);
    cl_peer_end(relay, &exchange->peer);
    cl_http_conn_set_user(exchange->conn, NULL);
    cl_pool_put(exchange, sizeof *exchange);
}

void
cl_exchange_admin(struct cl_relay *relay, struct cl_http_conn *conn,
                  const struct cl_http_head *head, cl_str body)
{
    struct cl_exchange *exchange = cl_exchange_new(relay, conn);
    if (exchange == NULL) {
        cl_http_refuse(conn, CL_ERR_NO_MEMORY, CL_STR("out of memory"));
        return;
    }
    exchange->is_v2 = true;
    exchange->is_admin = true;
    cl_v2_request(exchange, head, body);
}

/* -- the handler ------------------------------------------------------------------------------- */

/* URLs end up in logs: v2 never had them carry a token. */
static bool
refuse_query_token(struct cl_exchange *exchange, const struct cl_http_head *head)
{
    cl_str value;
    if (!cl_uri_query_find(head->query, CL_STR("token"), &value))
        return false;
    cl_exchange_refuse(exchange, CL_ERR_MALFORMED,
                       CL_STR("here the token goes into Authorization: Bearer"));
    return true;
}

void
cl_exchange_begin(struct cl_relay *relay, struct cl_http_conn *conn,
                  const struct cl_http_head *head, cl_str bound)
{
    struct cl_why why = {""};
    bool is_blob = cl_blob_is_path(head->path);
    enum cl_err err = is_blob ? cl_guard_coding(head, &why) : cl_guard_body(head, &why);
    if (err != CL_OK) {
        cl_http_refuse(conn, err, cl_str_z(why.text));
        return;
    }
    if (cl_str_eq(head->path, CL_STR("/metrics"))) {
        cl_metrics_answer(relay, conn, head);
        return;
    }
    struct cl_exchange *exchange = cl_exchange_new(relay, conn);
    if (exchange == NULL) {
        cl_http_refuse(conn, CL_ERR_NO_MEMORY, CL_STR("out of memory"));
        return;
    }
    bool is_v2 = cl_str_eq(head->path, CL_STR("/v2"));
    exchange->is_v2 = is_v2;
    exchange->bound = bound;
    if ((is_v2 || is_blob) && refuse_query_token(exchange, head))
        return;
    if (is_blob)
        cl_blob_head(exchange, head); // it may have gone with that
    if (is_v2 || is_blob)
        return;
    err = cl_v1_route_find(head->method, head->path, exchange->space, &exchange->route, &why);
    if (err == CL_ERR_METHOD) {
        cl_http_refuse_with(conn, err, cl_str_z(why.text),
                            (struct cl_http_field){CL_STR("Allow"), cl_v1_route_allow(head->path)});
        cl_exchange_free(exchange);
    } else if (err != CL_OK) {
        cl_exchange_refuse(exchange, err, cl_str_z(why.text));
    }
}

/* Host and Origin, then the token, then all else: the order of clawlink-v1.md. */
static void
on_head(void *ctx, struct cl_http_conn *conn, const struct cl_http_head *head)
{
    struct cl_relay *relay = ctx;
    struct cl_why why = {""};
    bool is_health = cl_str_eq(head->path, CL_STR("/healthz"));

    if (cl_http_conn_is_reserve(conn) && !is_health) {
        cl_http_refuse(conn, CL_ERR_UNAVAILABLE, CL_STR("too many connections"));
        return;
    }
    enum cl_err err = cl_guard_check(&relay->guard, head, &why);
    if (err != CL_OK) {
        cl_http_refuse(conn, err, cl_str_z(why.text));
        return;
    }
    enum cl_auth auth = is_health ? CL_AUTH_PASSES : cl_auth_look(relay, head);
    if (auth != CL_AUTH_PASSES) {
        cl_auth_refuse(relay, conn, auth);
        return;
    }
    if (!is_health)
        cl_http_conn_is_known(conn);
    cl_exchange_begin(relay, conn, head, CL_STR(""));
}

static void
on_piece(void *ctx, struct cl_http_conn *conn, cl_str piece)
{
    (void)ctx;
    cl_blob_piece(cl_http_conn_user(conn), piece);
}

static void
on_answer_more(void *ctx, struct cl_http_conn *conn)
{
    (void)ctx;
    cl_blob_more(cl_http_conn_user(conn));
}

static void
on_request(void *ctx, struct cl_http_conn *conn, const struct cl_http_head *head, cl_str body)
{
    struct cl_exchange *exchange = cl_http_conn_user(conn);
    (void)ctx;
    if (exchange->blob != NULL)
        cl_blob_request(exchange, head, body);
    else if (exchange->is_v2)
        cl_v2_request(exchange, head, body);
    else
        cl_call_run(exchange, head->query, body);
}

static void
on_eof(void *ctx, struct cl_http_conn *conn)
{
    struct cl_exchange *exchange = cl_http_conn_user(conn);
    (void)ctx;
    if (exchange != NULL && cl_timer_is_running(&exchange->wait))
        cl_poll_answer_empty(exchange);
}

/* The lease of a poll ends by itself from now on (core/session.h, RENEW). */
static void
begin_lease(struct cl_relay *relay, const struct cl_exchange *exchange)
{
    struct cl_command draft = {
        .kind = CL_COMMAND_RENEW,
        .renew = {.holder = exchange->peer.handle,
                  .until = cl_time_add(cl_relay_time(relay), CL_POLL_LEASE_MS)}};
    cl_err_ignore(
        cl_relay_session(relay, &draft)); // net tracks the same time and tells of the loss
}

/* Only what is still owed something has an exchange: a poll, or who reads a blob. */
static void
on_answer_written(void *ctx, struct cl_http_conn *conn)
{
    struct cl_relay *relay = ctx;
    struct cl_exchange *exchange = cl_http_conn_user(conn);
    if (exchange != NULL && exchange->blob != NULL)
        cl_exchange_free(exchange);
    else if (exchange != NULL && exchange->is_poller)
        begin_lease(relay, exchange);
}

static void
on_answer_taken(void *ctx, struct cl_http_conn *conn, enum cl_http_proof proof)
{
    struct cl_exchange *exchange = cl_http_conn_user(conn);
    (void)proof;
    cl_relay_settle(ctx, exchange->peer.handle, 1, CL_PROOF_TCP);
    cl_exchange_free(exchange);
}

static void
on_answer_lost(void *ctx, struct cl_http_conn *conn)
{
    struct cl_relay *relay = ctx;
    struct cl_exchange *exchange = cl_http_conn_user(conn);
    cl_log_info(&relay->config.log, "poll.lost", CL_F("agent", exchange->agent));
    cl_exchange_free(exchange); // the messages are offered again
}

static void
on_closed(void *ctx, struct cl_http_conn *conn)
{
    struct cl_exchange *exchange = cl_http_conn_user(conn);
    (void)ctx;
    if (exchange != NULL)
        cl_exchange_free(exchange);
}

const struct cl_http_handler cl_exchange_handler = {
    .on_head = on_head,
    .on_piece = on_piece,
    .on_request = on_request,
    .on_eof = on_eof,
    .on_answer_more = on_answer_more,
    .on_answer_written = on_answer_written,
    .on_answer_taken = on_answer_taken,
    .on_answer_lost = on_answer_lost,
    .on_closed = on_closed,
};
