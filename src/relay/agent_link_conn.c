// SPDX-License-Identifier: MIT
/*
 * The WebSocket of Agent Link. Before it has registered, temporary trouble closes the connection
 * (1013), since an error frame makes the published client stop for good; afterwards each error is a
 * frame, and the connection stays, since that client does not come back by itself.
 */
#include <string.h>

#include "base/alloc.h"
#include "relay/agent_link.h"
#include "relay/state.h"
#include "relay/v2.h"

/* Past that a reader is cut: pushes pause long before (agent_link_push.c). */
#define OUT_BYTES_MAX (4 * CL_MIB)
#define PROOF_BYTES   8

/* -- what goes out ----------------------------------------------------------------------------- */

void
cl_al_conn_tell(struct cl_al_conn *conn, const struct cl_agent_link_note *note)
{
    struct cl_relay *relay = conn->relay;
    struct cl_buf text;
    cl_buf_init(&text, CL_AL_FRAME_BYTES_MAX);
    enum cl_err err = cl_agent_link_put_note(note, &text);
    struct cl_part part = cl_part_of(cl_buf_str(&text));
    if (err == CL_OK)
        err = cl_ws_send_text(conn->ws, &part, 1);
    cl_buf_done(&text);
    if (err == CL_OK || err == CL_ERR_CLOSED)
        return;
    relay->readers_cut++;
    cl_ws_cut(conn->ws);
}

static void
tell_error(struct cl_al_conn *conn, enum cl_err err, cl_str sentence)
{
    conn->relay->refused_frames[err]++;
    cl_al_conn_tell(conn, &(struct cl_agent_link_note){
                              .type = CL_AGENT_LINK_ERROR,
                              .message = sentence.len > 0 ? sentence : cl_call_sentence(err)});
}

/* -- registering ------------------------------------------------------------------------------- */

/* For good: one error frame, and the end. */
static void
refuse_for_good(struct cl_al_conn *conn, enum cl_err err, cl_str sentence)
{
    tell_error(conn, err, sentence);
    cl_ws_close(conn->ws, CL_WS_CLOSE_POLICY, cl_str_z(cl_err_wire(err)));
}

static void
joined(struct cl_al_conn *conn, struct cl_al_instance *instance)
{
    struct cl_relay *relay = conn->relay;
    conn->instance = instance;
    cl_loop_timer_stop(relay->loop, &conn->timer);
    cl_ws_limit(conn->ws, CL_AL_INCOMING_BYTES_MAX);
    cl_ws_is_known(conn->ws);
    cl_log_info(&relay->config.log, "agent_link.registered",
                CL_F("instance", cl_al_instance_id(instance)),
                CL_F("offset_minutes", 15 * instance->offset));
    // It must be the first that the client hears.
    cl_al_conn_tell(conn, &(struct cl_agent_link_note){.type = CL_AGENT_LINK_REGISTERED,
                                                       .instance = cl_al_instance_id(instance)});
    cl_al_instance_joined(instance, conn);
}

void
cl_al_conn_answer(struct cl_al_conn *conn, enum cl_err err, cl_str sentence,
                  struct cl_al_instance *instance)
{
    if (err == CL_OK && instance->conns_len >= CL_AL_CONNS_MAX)
        err = CL_ERR_TOO_MANY;
    if (err == CL_OK)
        joined(conn, instance);
    else if (err == CL_ERR_UNAUTHORIZED || err == CL_ERR_FORBIDDEN)
        refuse_for_good(conn, err, sentence);
    else
        cl_ws_close(conn->ws, CL_WS_CLOSE_TRY_LATER, cl_str_z(cl_err_wire(err)));
}

static void
run_register(struct cl_al_conn *conn, const struct cl_agent_link_call *call)
{
    struct cl_why why = {""};
    const struct cl_al_who who = {
        .call = call, .conn = conn, .network = conn->network, .is_loopback = conn->is_loopback};
    if (conn->instance != NULL || conn->knock != NULL) {
        tell_error(conn, CL_ERR_USAGE, CL_STR("this connection has registered"));
        return;
    }
    enum cl_err err = cl_al_door_register(conn->relay, &who, &why);
    if (err != CL_OK)
        cl_al_conn_answer(conn, err, cl_str_z(why.text), NULL);
}

/* -- what comes in ----------------------------------------------------------------------------- */

static void
run_send(struct cl_al_conn *conn, const struct cl_agent_link_call *call)
{
    struct cl_why why = {""};
    const struct cl_al_letter letter = {.call = call, .instance = conn->instance, .conn = conn};
    enum cl_err err = cl_al_pass(conn->relay, &letter, &why);
    if (err == CL_OK)
        return;
    conn->relay->agent_link->counts[CL_AL_COUNT_FAILED]++;
    tell_error(conn, err, cl_str_z(why.text));
}

static void
run(struct cl_al_conn *conn, const struct cl_agent_link_call *call)
{
    if (call->type == CL_AGENT_LINK_REGISTER)
        run_register(conn, call);
    else if (conn->instance == NULL)
        refuse_for_good(conn, CL_ERR_UNAUTHORIZED, CL_STR("register comes first"));
    else if (call->type == CL_AGENT_LINK_SEND)
        run_send(conn, call);
    else
        cl_al_conn_tell(conn, &(struct cl_agent_link_note){.type = CL_AGENT_LINK_PONG});
}

static void
on_message(void *ctx, struct cl_ws_conn *ws, bool is_text, cl_str message)
{
    struct cl_al_conn *conn = ctx;
    struct cl_relay *relay = conn->relay;
    struct cl_envelope_reader reader = cl_v2_reader(relay);
    struct cl_agent_link_call call;
    struct cl_why why = {""};
    (void)ws;
    enum cl_err err = is_text ? cl_agent_link_read_call(&reader, message, &call, &why)
                              : cl_fail(CL_ERR_MALFORMED, &why, "text frames only");
    if (err == CL_OK)
        run(conn, &call);
    else if (err == CL_ERR_NO_MEMORY && conn->instance == NULL)
        cl_ws_close(conn->ws, CL_WS_CLOSE_TRY_LATER, cl_str_z(cl_err_wire(err)));
    else if (conn->instance == NULL)
        refuse_for_good(conn, err, cl_str_z(why.text));
    else
        tell_error(conn, err, cl_str_z(why.text));
    cl_arena_clear(&relay->arena);
}

static void
on_pong(void *ctx, struct cl_ws_conn *ws, cl_str payload)
{
    struct cl_al_conn *conn = ctx;
    uint64_t proof = 0;
    (void)ws;
    if (payload.len != PROOF_BYTES || conn->instance == NULL)
        return;
    for (unsigned i = 0; i < PROOF_BYTES; i++)
        proof |= (uint64_t)(uint8_t)payload.ptr[i] << (8 * i);
    cl_al_prove(conn, proof);
}

static void
on_drained(void *ctx, struct cl_ws_conn *ws)
{
    (void)ws;
    cl_al_go_on(ctx);
}

/* -- life -------------------------------------------------------------------------------------- */

static void
conn_free(struct cl_al_conn *conn)
{
    struct cl_relay *relay = conn->relay;
    CL_LIST_EACH(&conn->passes, at)
    {
        cl_al_pass_leave(CL_LIST_ENTRY(at, struct cl_al_pass, of_conn));
    }
    if (conn->knock != NULL)
        cl_al_knock_forget(conn->knock);
    if (conn->instance != NULL)
        cl_al_instance_left(conn->instance, conn);
    cl_loop_timer_stop(relay->loop, &conn->timer);
    cl_list_remove(&conn->link);
    cl_free(conn);
}

static void
on_closed(void *ctx, struct cl_ws_conn *ws, uint16_t code)
{
    struct cl_al_conn *conn = ctx;
    struct cl_relay *relay = conn->relay;
    (void)ws;
    if (conn->instance != NULL)
        cl_log_info(&relay->config.log, "agent_link.closed",
                    CL_F("instance", cl_al_instance_id(conn->instance)),
                    CL_F("code", (unsigned)code));
    relay->sockets_len--;
    relay->agent_link->conns_len--;
    conn_free(conn);
}

static const struct cl_ws_handler handler = {.on_message = on_message,
                                             .on_pong = on_pong,
                                             .on_closed = on_closed,
                                             .on_drained = on_drained,
                                             .message_bytes_max = CL_AL_INCOMING_BYTES_MAX,
                                             .out_bytes_max = OUT_BYTES_MAX};

static void
on_timer(struct cl_timer *timer)
{
    struct cl_al_conn *conn = CL_LIST_ENTRY(timer, struct cl_al_conn, timer);
    if (conn->knock != NULL) // it has, and the journal is slow
        cl_ws_close(conn->ws, CL_WS_CLOSE_TRY_LATER, CL_STR("the relay is busy"));
    else
        cl_ws_close(conn->ws, CL_WS_CLOSE_POLICY, CL_STR("it did not register in time"));
}

static struct cl_al_conn *
conn_new(struct cl_relay *relay, struct cl_http_conn *http)
{
    struct cl_al_conn *conn = cl_alloc(sizeof *conn);
    cl_address peer;
    if (conn == NULL)
        return NULL;
    conn->relay = relay;
    cl_http_conn_peer(http, &peer);
    conn->network = cl_address_network(&peer);
    conn->is_loopback = cl_address_is_loopback(&peer);
    cl_link_init(&conn->link);
    cl_link_init(&conn->mate);
    cl_timer_init(&conn->timer, on_timer);
    cl_list_init(&conn->voices);
    cl_list_init(&conn->copies);
    cl_list_init(&conn->passes);
    return conn;
}

void
cl_al_conn_begin(struct cl_relay *relay, struct cl_http_conn *http)
{
    struct cl_agent_link *al = relay->agent_link;
    if (relay->is_draining) { // nobody would close it
        cl_http_refuse(http, CL_ERR_UNAVAILABLE, CL_STR("the relay is stopping"));
        return;
    }
    struct cl_al_conn *conn = conn_new(relay, http);
    if (conn == NULL) {
        cl_http_refuse(http, CL_ERR_NO_MEMORY, CL_STR("out of memory"));
        return;
    }
    if (cl_http_upgrade(http, &handler, conn, &conn->ws) != CL_OK) {
        conn_free(conn);
        return;
    }
    cl_ws_limit(conn->ws, CL_AL_REGISTER_BYTES_MAX);
    cl_list_append(&al->conns, &conn->link);
    al->conns_len++;
    relay->sockets_len++;
    cl_loop_timer_start(relay->loop, &conn->timer,
                        cl_instant_add(cl_loop_now(relay->loop), CL_AL_REGISTER_MS));
}
