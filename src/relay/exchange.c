// SPDX-License-Identifier: MIT
#include "base/alloc.h"
#include "relay/state.h"

/* -- answers ----------------------------------------------------------------------------------- */

static void
answer_json(struct cl_http_conn *conn, unsigned status, const struct cl_buf *text,
            const struct cl_http_field *field)
{
    struct cl_part body = cl_part_of(cl_buf_str(text));
    struct cl_http_answer answer = {.status = status,
                                    .fields = field,
                                    .fields_len = field == NULL ? 0 : 1,
                                    .parts = &body,
                                    .parts_len = 1};
    cl_http_answer(conn, &answer);
}

/* A refusal that the RFC wants a field with: Allow for 405, WWW-Authenticate for 401. */
static void
refuse_with(struct cl_relay *relay, struct cl_http_conn *conn, enum cl_err err, cl_str sentence,
            struct cl_http_field field)
{
    struct cl_json_writer json;
    cl_buf_clear(&relay->text);
    cl_json_writer_init(&json, &relay->text);
    cl_json_object_begin(&json);
    cl_json_put_name(&json, CL_STR("error"));
    cl_json_put_string(&json, sentence);
    cl_json_put_name(&json, CL_STR("code"));
    cl_json_put_string(&json, cl_str_z(cl_err_wire(err)));
    cl_json_object_end(&json);
    if (cl_json_writer_end(&json) != CL_OK)
        cl_http_refuse(conn, err, sentence);
    else
        answer_json(conn, (unsigned)cl_err_http(err), &relay->text, &field);
}

void
cl_exchange_answer_text(struct cl_exchange *exchange)
{
    answer_json(exchange->conn, 200, &exchange->relay->text, NULL);
    cl_exchange_free(exchange);
}

void
cl_exchange_refuse(struct cl_exchange *exchange, enum cl_err err, const struct cl_why *why)
{
    const char *sentence = why->text[0] != '\0' ? why->text : cl_err_wire(err);
    cl_log_debug(&exchange->relay->config.log, "request.refused", CL_F("code", cl_err_wire(err)),
                 CL_F("why", sentence));
    cl_http_refuse(exchange->conn, err, cl_str_z(sentence));
    cl_exchange_free(exchange);
}

/* -- life -------------------------------------------------------------------------------------- */

static struct cl_exchange *
exchange_new(struct cl_relay *relay, struct cl_http_conn *conn)
{
    struct cl_exchange *exchange = cl_alloc(sizeof *exchange);
    if (exchange == NULL)
        return NULL;
    exchange->peer.kind = CL_PEER_EXCHANGE;
    if (cl_handles_add(&relay->handles, exchange, &exchange->peer.handle) != CL_OK) {
        cl_free(exchange);
        return NULL;
    }
    cl_link_init(&exchange->peer.ready);
    cl_list_append(&relay->exchanges, &exchange->peer.link);
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
    if (exchange->is_waiting)
        cl_loop_timer_stop(relay->loop, &exchange->wait);
    cl_handles_remove(&relay->handles, exchange->peer.handle);
    cl_list_remove(&exchange->peer.ready);
    cl_list_remove(&exchange->peer.link);
    cl_http_conn_set_user(exchange->conn, NULL);
    cl_free(exchange);
}

/* -- the handler ------------------------------------------------------------------------------- */

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
    if (!is_health && !cl_auth_passes(relay, head)) {
        refuse_with(relay, conn, CL_ERR_UNAUTHORIZED,
                    CL_STR("Unauthorized. Provide Authorization: Bearer <token>"),
                    (struct cl_http_field){CL_STR("WWW-Authenticate"), CL_STR("Bearer")});
        return;
    }
    if (!is_health)
        cl_http_conn_is_known(conn);
    err = cl_guard_body(head, &why);
    if (err != CL_OK) {
        cl_http_refuse(conn, err, cl_str_z(why.text));
        return;
    }

    struct cl_exchange *exchange = exchange_new(relay, conn);
    if (exchange == NULL) {
        cl_http_refuse(conn, CL_ERR_NO_MEMORY, CL_STR("out of memory"));
        return;
    }
    err = cl_v1_route_find(head->method, head->path, exchange->space, &exchange->route, &why);
    if (err == CL_ERR_METHOD) {
        refuse_with(relay, conn, err, cl_str_z(why.text),
                    (struct cl_http_field){CL_STR("Allow"), cl_v1_route_allow(head->path)});
        cl_exchange_free(exchange);
    } else if (err != CL_OK) {
        cl_exchange_refuse(exchange, err, &why);
    }
}

static void
on_request(void *ctx, struct cl_http_conn *conn, const struct cl_http_head *head, cl_str body)
{
    (void)ctx;
    cl_call_run(cl_http_conn_user(conn), head->query, body);
}

static void
on_eof(void *ctx, struct cl_http_conn *conn)
{
    struct cl_exchange *exchange = cl_http_conn_user(conn);
    (void)ctx;
    if (exchange != NULL && exchange->is_waiting)
        cl_poll_give_up(exchange);
}

/* The lease of a poll ends by itself from now on (core/session.h, RENEW). */
static void
on_answer_written(void *ctx, struct cl_http_conn *conn)
{
    struct cl_relay *relay = ctx;
    struct cl_exchange *exchange = cl_http_conn_user(conn);
    if (exchange == NULL || !exchange->is_poller)
        return;
    struct cl_command draft = {
        .kind = CL_COMMAND_RENEW,
        .renew = {.holder = exchange->peer.handle,
                  .until = cl_time_add(cl_relay_time(relay), CL_POLL_LEASE_MS)}};
    cl_err_ignore(
        cl_relay_session(relay, &draft)); // net tracks the same time and tells of the loss
}

static void
on_answer_taken(void *ctx, struct cl_http_conn *conn, enum cl_http_proof proof)
{
    struct cl_exchange *exchange = cl_http_conn_user(conn);
    (void)proof;
    cl_relay_settle(ctx, exchange->peer.handle, 1);
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
    .on_request = on_request,
    .on_eof = on_eof,
    .on_answer_written = on_answer_written,
    .on_answer_taken = on_answer_taken,
    .on_answer_lost = on_answer_lost,
    .on_closed = on_closed,
};
