// SPDX-License-Identifier: MIT
/*
 * Agent Link's port: the WebSocket at /, its two calls, and of the relay's own paths /v2 with its
 * blobs and /healthz. At /v2 an instance may show a token that follows from its secret
 * (trust/agent_link_sign.h), and is then bound to its name.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "net/tls.h"
#include "relay/agent_link.h"
#include "relay/blob.h"
#include "relay/state.h"
#include "relay/v2.h"

const char *const cl_al_count_names[CL_AL_COUNT_LEN] = {
    [CL_AL_COUNT_REGISTERED] = "registered", [CL_AL_COUNT_REFUSED] = "refused",
    [CL_AL_COUNT_REPLAYED] = "replayed",     [CL_AL_COUNT_BUSY] = "busy",
    [CL_AL_COUNT_DELIVERED] = "delivered",   [CL_AL_COUNT_FAILED] = "failed"};

/* -- who may ask ------------------------------------------------------------------------------- */

/* Where no token is set, one that is shown must still be somebody's. */
static bool
shows_bearer(const struct cl_http_head *head)
{
    cl_str value;
    return cl_http_field(head, CL_STR("authorization"), &value) &&
           cl_str_starts(value, CL_STR("Bearer "));
}

/* A WebSocket of v2 whose hello will say whose token it showed. */
static void
begin_in_hope(struct cl_relay *relay, struct cl_http_conn *conn)
{
    struct cl_exchange *exchange = cl_exchange_new(relay, conn);
    if (exchange == NULL) {
        cl_http_refuse(conn, CL_ERR_NO_MEMORY, CL_STR("out of memory"));
        return;
    }
    exchange->is_v2 = true;
    exchange->is_hope = true;
}

/* /v2 and what is below it. */
static void
begin_v2(struct cl_relay *relay, struct cl_http_conn *conn, const struct cl_http_head *head)
{
    const struct cl_al_instance *bound = cl_al_token_owner(relay, head);
    enum cl_auth auth = bound != NULL ? CL_AUTH_PASSES : cl_auth_look(relay, head);
    if (bound == NULL && relay->config.token == NULL && shows_bearer(head))
        auth = CL_AUTH_WRONG;
    if (auth == CL_AUTH_WRONG && cl_al_token_may_be(relay, head)) {
        begin_in_hope(relay, conn);
        return;
    }
    if (auth != CL_AUTH_PASSES) {
        cl_auth_refuse(relay, conn, auth);
        return;
    }
    cl_http_conn_is_known(conn);
    cl_exchange_begin(relay, conn, head, bound == NULL ? CL_STR("") : cl_al_instance_id(bound));
}

/* -- its calls --------------------------------------------------------------------------------- */

/* The relay's token is not needed here, but a wrong one is refused. */
static void
begin_call(struct cl_relay *relay, struct cl_http_conn *conn, const struct cl_http_head *head,
           enum cl_al_route route)
{
    struct cl_why why = {""};
    enum cl_auth auth = relay->config.token == NULL ? CL_AUTH_MISSING : cl_auth_look(relay, head);
    enum cl_err err = cl_guard_body(head, &why);
    if (auth == CL_AUTH_WRONG) {
        cl_auth_refuse(relay, conn, auth);
        return;
    }
    if (auth == CL_AUTH_PASSES)
        cl_http_conn_is_known(conn);
    if (!cl_str_eq(head->method, CL_STR("POST"))) {
        cl_http_refuse_with(conn, CL_ERR_METHOD, CL_STR("this path takes POST"),
                            (struct cl_http_field){CL_STR("Allow"), CL_STR("POST")});
        return;
    }
    if (err != CL_OK) {
        cl_http_refuse(conn, err, cl_str_z(why.text));
        return;
    }
    struct cl_exchange *exchange = cl_exchange_new(relay, conn);
    if (exchange == NULL) {
        cl_http_refuse(conn, CL_ERR_NO_MEMORY, CL_STR("out of memory"));
        return;
    }
    exchange->al_route = route;
    exchange->has_token = auth == CL_AUTH_PASSES;
}

/* -- the handler ------------------------------------------------------------------------------- */

static bool
is_get(const struct cl_http_head *head)
{
    return cl_str_eq(head->method, CL_STR("GET"));
}

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
    if (err != CL_OK)
        cl_http_refuse(conn, err, cl_str_z(why.text));
    else if (is_health)
        cl_exchange_begin(relay, conn, head, CL_STR(""));
    else if (cl_str_eq(head->path, CL_STR("/v2")) || cl_blob_is_path(head->path))
        begin_v2(relay, conn, head);
    else if (cl_str_eq(head->path, CL_STR("/api/v1/register")))
        begin_call(relay, conn, head, CL_AL_ROUTE_REGISTER);
    else if (cl_str_eq(head->path, CL_STR("/api/v1/send")))
        begin_call(relay, conn, head, CL_AL_ROUTE_SEND);
    else if (cl_str_eq(head->path, CL_STR("/")) && !is_get(head))
        cl_http_refuse_with(conn, CL_ERR_METHOD, CL_STR("here is a WebSocket"),
                            (struct cl_http_field){CL_STR("Allow"), CL_STR("GET")});
    else if (!cl_str_eq(head->path, CL_STR("/")))
        cl_http_refuse(conn, CL_ERR_NOT_FOUND,
                       CL_STR("this is Agent Link's port: there is no such path"));
}

static void
on_request(void *ctx, struct cl_http_conn *conn, const struct cl_http_head *head, cl_str body)
{
    struct cl_exchange *exchange = cl_http_conn_user(conn);
    if (exchange == NULL)
        cl_al_conn_begin(ctx, conn);
    else if (exchange->al_route != CL_AL_ROUTE_NONE)
        cl_al_call(exchange, body);
    else
        cl_exchange_handler.on_request(ctx, conn, head, body);
}

static void
on_piece(void *ctx, struct cl_http_conn *conn, cl_str piece)
{
    cl_exchange_handler.on_piece(ctx, conn, piece);
}

static void
on_eof(void *ctx, struct cl_http_conn *conn)
{
    cl_exchange_handler.on_eof(ctx, conn);
}

static void
on_answer_more(void *ctx, struct cl_http_conn *conn)
{
    cl_exchange_handler.on_answer_more(ctx, conn);
}

static void
on_answer_written(void *ctx, struct cl_http_conn *conn)
{
    cl_exchange_handler.on_answer_written(ctx, conn);
}

static void
on_closed(void *ctx, struct cl_http_conn *conn)
{
    cl_exchange_handler.on_closed(ctx, conn);
}

/* No answer here is tracked. */
static const struct cl_http_handler handler = {
    .on_head = on_head,
    .on_piece = on_piece,
    .on_request = on_request,
    .on_eof = on_eof,
    .on_answer_more = on_answer_more,
    .on_answer_written = on_answer_written,
    .on_closed = on_closed,
};

static void
on_accept(void *ctx, struct cl_stream *stream)
{
    struct cl_relay *relay = ctx;
    if (relay->tls != NULL && cl_tls_wrap(relay->tls, stream, CL_STR(""), &stream) != CL_OK)
        return; // without memory the stream is closed already, and the client tries again
    cl_http_server_take(relay->agent_link->http, stream);
}

/* -- life -------------------------------------------------------------------------------------- */

static void
on_beat(struct cl_timer *timer)
{
    struct cl_agent_link *al = CL_LIST_ENTRY(timer, struct cl_agent_link, beat);
    struct cl_relay *relay = al->relay;
    CL_LIST_EACH(&al->desks, at)
    {
        struct cl_al_desk *desk = CL_LIST_ENTRY(at, struct cl_al_desk, peer.link);
        if (desk->is_known)
            cl_relay_heartbeat(relay, cl_desk_agent(desk));
    }
    cl_al_cut_silent(al);
    cl_loop_timer_start(relay->loop, timer,
                        cl_instant_add(cl_loop_now(relay->loop), CL_AL_BEAT_MS));
}

static struct cl_agent_link *
al_new(struct cl_relay *relay)
{
    struct cl_agent_link *al = cl_alloc(sizeof *al);
    if (al == NULL)
        return NULL;
    al->relay = relay;
    cl_map_init(&al->instances, &relay->hash_key);
    cl_map_init(&al->tokens, &relay->hash_key);
    cl_map_init(&al->agents, &relay->hash_key);
    cl_list_init(&al->removed);
    cl_list_init(&al->conns);
    cl_list_init(&al->desks);
    cl_list_init(&al->passes);
    cl_list_init(&al->knocks);
    cl_list_init(&al->wanted);
    cl_timer_init(&al->beat, on_beat);
    cl_buf_init(&al->frame, CL_AL_FRAME_BYTES_MAX);
    return al;
}

static enum cl_err
listen_there(struct cl_relay *relay, struct cl_why *why)
{
    struct cl_agent_link *al = relay->agent_link;
    const struct cl_relay_agent_link *config = &relay->config.agent_link;
    struct cl_http_server_options options = {
        .handler = &handler, .ctx = relay, .gate = &relay->gate};
    if (relay->config.token != NULL && !relay->config.no_penalties)
        options.penalties = &relay->penalties;
    enum cl_err err = cl_http_server_new(relay->loop, &options, &al->http);
    if (err != CL_OK)
        return cl_fail(err, why, "out of memory");
    return cl_tcp_listen(relay->loop, relay->config.host,
                         config->has_port ? config->port : al->port, &al->listener, why);
}

enum cl_err
cl_al_open(struct cl_relay *relay, struct cl_why *why)
{
    if (!relay->config.agent_link.is_on)
        return CL_OK;
    cl_alloc_set_wiping(true); // what passes through leaves nothing behind
    relay->agent_link = al_new(relay);
    if (relay->agent_link == NULL || cl_al_door_init(relay, &relay->agent_link->door) != CL_OK)
        return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory");
    enum cl_err err = cl_al_configure(relay, why);
    if (err == CL_OK)
        err = listen_there(relay, why);
    if (err != CL_OK)
        return err;
    cl_al_adopt(relay, NULL);
    cl_loop_timer_start(relay->loop, &relay->agent_link->beat,
                        cl_instant_add(cl_loop_now(relay->loop), CL_AL_BEAT_MS));
    return CL_OK;
}

bool
cl_relay_agent_link_url(const struct cl_relay *relay, char ret_url[static CL_RELAY_URL_CAP])
{
    const struct cl_agent_link *al = relay->agent_link;
    char text[CL_ADDRESS_TEXT_CAP];
    cl_address address;
    if (al == NULL || al->listener == NULL)
        return false;
    cl_listener_address(al->listener, &address);
    cl_address_text(&address, text);
    (void)snprintf(ret_url, CL_RELAY_URL_CAP, "%s://%.*s", relay->tls == NULL ? "ws" : "wss",
                   CL_ADDRESS_TEXT_CAP - 1, text);
    return true;
}

void
cl_al_wipe(struct cl_relay *relay)
{
    struct cl_agent_link *al = relay->agent_link;
    if (al == NULL || !al->has_content)
        return;
    al->has_content = false;
    cl_buf_done(&al->frame);
    cl_buf_done(&relay->text);
    cl_buf_done(&relay->content);
    cl_buf_done(&relay->envelope);
}

void
cl_al_accept(struct cl_relay *relay)
{
    if (relay->agent_link != NULL && relay->agent_link->listener != NULL)
        cl_listener_accept(relay->agent_link->listener, on_accept, relay);
}

void
cl_al_drain(struct cl_relay *relay)
{
    struct cl_agent_link *al = relay->agent_link;
    if (al == NULL)
        return;
    cl_listener_close(al->listener);
    al->listener = NULL;
    cl_http_server_drain(al->http);
    CL_LIST_EACH(&al->conns, at)
    {
        cl_ws_close(CL_LIST_ENTRY(at, struct cl_al_conn, link)->ws, CL_WS_CLOSE_RESTART,
                    CL_STR("the relay is stopping"));
    }
    CL_LIST_EACH(&al->passes, at)
    {
        cl_al_pass_give_up(CL_LIST_ENTRY(at, struct cl_al_pass, peer.link));
    }
}

bool
cl_al_is_idle(const struct cl_relay *relay)
{
    const struct cl_agent_link *al = relay->agent_link;
    return al == NULL || (cl_http_server_count(al->http) == 0 && cl_list_is_empty(&al->conns));
}

void
cl_al_close(struct cl_relay *relay)
{
    struct cl_agent_link *al = relay->agent_link;
    if (al == NULL)
        return;
    cl_listener_close(al->listener);
    al->listener = NULL;
    cl_http_server_free(al->http);
    al->http = NULL;
}

void
cl_al_free(struct cl_relay *relay)
{
    struct cl_agent_link *al = relay->agent_link;
    struct cl_al_instance *instance;
    if (al == NULL)
        return;
    CL_LIST_EACH(&al->passes, at)
    {
        cl_al_pass_end(CL_LIST_ENTRY(at, struct cl_al_pass, peer.link));
    }
    cl_al_forget_knocks(al);
    cl_al_forget_wanted(al);
    for (uint32_t at = 0; (instance = cl_map_next(&al->instances, &at)) != NULL;)
        cl_al_instance_free(instance);
    CL_LIST_EACH(&al->removed, at)
    {
        cl_al_instance_free(CL_LIST_ENTRY(at, struct cl_al_instance, link));
    }
    cl_map_done(&al->instances);
    cl_map_done(&al->tokens);
    cl_map_done(&al->agents);
    cl_al_door_done(&al->door);
    cl_hmac_free(al->hmac);
    cl_secret_done(&al->secret);
    cl_buf_done(&al->frame);
    cl_free(al);
    relay->agent_link = NULL;
}
