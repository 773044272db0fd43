// SPDX-License-Identifier: MIT
/*
 * The WebSocket of clawlink-v1.md. What is pushed is followed by a ping with the number of its
 * batch; the pong proves that batch, and all before it. While the relay is busy a ping stands for
 * several batches: each pong costs a system call here and another there.
 */
#include <string.h>

#include "base/alloc.h"
#include "relay/state.h"
#include "relay/v2.h"

/* What is pushed aside from messages is dropped when so much waits already. */
#define ASIDE_BYTES_MAX (CL_WS_MESSAGE_BYTES_MAX + 4 * CL_KIB)
/* All that, the frames of a full credit and what is around them; past it the reader is cut. */
#define OUT_BYTES_MAX (ASIDE_BYTES_MAX + CL_NET_OUT_BYTES_MAX + CL_CREDIT_MESSAGES * 4 * CL_KIB)
#define PROOF_BYTES   8

static void
put_proof(uint64_t batch, char ret_bytes[static PROOF_BYTES])
{
    for (unsigned i = 0; i < PROOF_BYTES; i++)
        ret_bytes[i] = (char)(batch >> (8 * i) & 0xff);
}

static uint64_t
read_proof(cl_str bytes)
{
    uint64_t batch = 0;
    for (unsigned i = 0; i < PROOF_BYTES; i++)
        batch |= (uint64_t)(uint8_t)bytes.ptr[i] << (8 * i);
    return batch;
}

static inline __attribute__((always_inline)) enum cl_err
push_v1(struct cl_socket *socket, const struct cl_msg *msg)
{
    struct cl_buf *head = &socket->relay->text;
    cl_str rest;
    cl_buf_clear(head);
    bool is_queued = msg->number <= socket->births;
    enum cl_err err = cl_v1_encode_message(msg, is_queued, head, &rest);
    if (err != CL_OK)
        return err;
    struct cl_part parts[] = {cl_part_of(cl_buf_str(head)), {.bytes = rest, .body = msg->body}};
    return cl_ws_send_text(socket->ws, parts, 2);
}

static enum cl_err
push_message(struct cl_socket *socket, const struct cl_msg *msg)
{
    struct cl_msg seen;
    if (msg->media != CL_MEDIA_ENVELOPE)
        return push_v1(socket, msg);
    enum cl_err err = cl_v2_as_v1(socket->relay, msg, &seen);
    if (err != CL_OK)
        return err;
    err = push_v1(socket, &seen);
    cl_body_unref(seen.body);
    return err;
}

/* Asks for the proof of all that was pushed. */
static enum cl_err
ask_proof(struct cl_socket *socket)
{
    char proof[PROOF_BYTES];
    put_proof(socket->batch, proof);
    enum cl_err err = cl_ws_ping(socket->ws, cl_str_of(proof, sizeof proof));
    if (err != CL_OK)
        return err;
    cl_list_remove(&socket->unasked);
    socket->unasked_messages = 0;
    socket->unasked_bytes = 0;
    socket->asked = cl_loop_now(socket->relay->loop);
    return CL_OK;
}

/* Of those to be asked the first is due first. */
static void
watch_unasked(struct cl_relay *relay)
{
    struct cl_link *first = cl_list_first(&relay->unasked);
    if (first == NULL || cl_timer_is_running(&relay->proofs))
        return;
    const struct cl_socket *socket = CL_LIST_ENTRY(first, struct cl_socket, unasked);
    cl_loop_timer_start(relay->loop, &relay->proofs,
                        cl_instant_add(socket->unasked_since, CL_PROOF_DELAY_MS));
}

static void
ask_later(struct cl_socket *socket)
{
    struct cl_relay *relay = socket->relay;
    if (cl_link_is_linked(&socket->unasked))
        return;
    socket->unasked_since = cl_loop_now(relay->loop);
    cl_list_append(&relay->unasked, &socket->unasked);
    watch_unasked(relay);
}

/* At once, or by a busy relay when much has gathered, or a little later; but at once as well when
 * there is more to come than the socket has credit for. */
static enum cl_err
ask_proof_when_due(struct cl_socket *socket, bool is_all)
{
    cl_instant now = cl_loop_now(socket->relay->loop);
    bool is_enough = !is_all || socket->unasked_messages >= CL_PROOF_MESSAGES ||
                     socket->unasked_bytes >= CL_PROOF_BYTES ||
                     cl_instant_add(socket->asked, CL_PROOF_DELAY_MS).ms <= now.ms;
    if (is_enough || socket->relay->busy_until.ms <= now.ms)
        return ask_proof(socket);
    ask_later(socket);
    return CL_OK;
}

/* One that cannot be asked for want of memory is asked again. */
void
cl_socket_ask_proofs(struct cl_timer *timer)
{
    struct cl_relay *relay = CL_LIST_ENTRY(timer, struct cl_relay, proofs);
    cl_instant now = cl_loop_now(relay->loop);
    CL_LIST_EACH(&relay->unasked, at)
    {
        struct cl_socket *socket = CL_LIST_ENTRY(at, struct cl_socket, unasked);
        if (cl_instant_add(socket->unasked_since, CL_PROOF_DELAY_MS).ms > now.ms)
            break;
        if (ask_proof(socket) == CL_OK)
            continue;
        cl_list_remove(&socket->unasked);
        ask_later(socket);
    }
    watch_unasked(relay);
}

static enum cl_err
push_messages(struct cl_socket *socket, const struct cl_batch *batch)
{
    enum cl_err err = CL_OK;
    struct cl_body *frames = cl_shared_frames(&socket->relay->shared, batch, socket->births);
    if (frames != NULL)
        return cl_ws_send_frames(socket->ws, frames);
    for (uint32_t i = 0; err == CL_OK && i < batch->len; i++)
        err = push_message(socket, batch->msgs[i]);
    return err;
}

static enum cl_err
push_batch(struct cl_socket *socket, const struct cl_batch *batch)
{
    enum cl_err err = push_messages(socket, batch);
    if (err != CL_OK)
        return err;
    socket->relay->pushed += batch->len;
    socket->batch = batch->number;
    socket->unasked_messages += batch->len;
    socket->unasked_bytes += batch->bytes;
    return ask_proof_when_due(socket, batch->is_all);
}

bool
cl_socket_pump(struct cl_socket *socket)
{
    struct cl_relay *relay = socket->relay;
    enum cl_err err =
        cl_session_take(relay->session, relay->core, socket->peer.handle, &relay->batch);
    bool took = err == CL_OK && relay->batch.number != 0;
    if (took)
        err = push_batch(socket, &relay->batch);
    if (err == CL_OK)
        return took;
    // What it took is offered again when it has gone; until then its close frame is on the way.
    if (err == CL_ERR_CLOSED)
        return false;
    relay->readers_cut++;
    // A reader so slow, or a machine so short of memory: its messages stay in the inbox.
    cl_log_warn(&relay->config.log, "socket.cut", CL_F("agent", cl_socket_agent(socket)),
                CL_F("code", cl_err_wire(err)));
    cl_ws_cut(socket->ws);
    return false;
}

static void
send_aside(struct cl_socket *socket, struct cl_part text)
{
    if (cl_ws_waiting(socket->ws) + text.bytes.len <= ASIDE_BYTES_MAX)
        cl_err_ignore(cl_ws_send_text(socket->ws, &text, 1)); // nobody misses it
}

void
cl_socket_error(struct cl_socket *socket, enum cl_err err, cl_str sentence)
{
    struct cl_json_writer json;
    struct cl_buf *text = &socket->relay->text;
    socket->relay->refused_frames[err]++;
    cl_buf_clear(text);
    cl_json_writer_init(&json, text);
    cl_v1_put_error(&json, err, sentence.len > 0 ? sentence : cl_call_sentence(err));
    if (cl_json_writer_end(&json) == CL_OK)
        send_aside(socket, cl_part_of(cl_buf_str(text)));
}

void
cl_socket_push_joined(struct cl_relay *relay, const struct cl_agent *agent)
{
    struct cl_json_writer json;
    cl_buf_clear(&relay->text);
    cl_json_writer_init(&json, &relay->text);
    cl_v1_put_joined(&json, agent, cl_relay_presence(relay, agent->id), cl_relay_time(relay));
    if (cl_json_writer_end(&json) != CL_OK || relay->text.len > CL_WS_MESSAGE_BYTES_MAX)
        return; // a larger frame would end the connection of many a client
    struct cl_body *body = cl_body_new(cl_buf_str(&relay->text)); // one for all
    if (body == NULL)
        return;
    CL_LIST_EACH(&relay->sockets, at)
    {
        struct cl_socket *socket = CL_LIST_ENTRY(at, struct cl_socket, peer.link);
        if (!cl_str_eq(cl_socket_agent(socket), agent->id))
            send_aside(socket, cl_part_of_body(body));
    }
    cl_body_unref(body);
}

/* -- what comes in ----------------------------------------------------------------------------- */

static enum cl_err
take_frame(struct cl_socket *socket, cl_str text, struct cl_why *why)
{
    struct cl_relay *relay = socket->relay;
    struct cl_v1_context context = cl_relay_context(relay, cl_socket_agent(socket));
    struct cl_v1_draft draft;
    context.peer_quoted = cl_socket_agent_quoted(socket);
    enum cl_err err = cl_v1_decode_frame(&context, text, &draft, why);
    if (err != CL_OK)
        return err;
    if (draft.command.kind == CL_COMMAND_HEARTBEAT) {
        cl_relay_heartbeat(relay, cl_socket_agent(socket));
    } else {
        uint32_t wait_s;
        err = cl_auth_rate(relay, &draft.command, &wait_s, why);
        if (err == CL_OK)
            err = cl_relay_submit(relay, &draft.command, socket->peer.handle);
        socket->submitted += err == CL_OK;
    }
    cl_v1_draft_done(&draft);
    return err;
}

static void
on_message(void *ctx, struct cl_ws_conn *ws, bool is_text, cl_str message)
{
    struct cl_socket *socket = ctx;
    struct cl_why why = {""};
    (void)ws;
    if (!is_text) {
        cl_socket_error(socket, CL_ERR_MALFORMED, CL_STR("text frames only"));
        return;
    }
    enum cl_err err = take_frame(socket, message, &why);
    cl_arena_clear(&socket->relay->arena);
    if (err != CL_OK)
        cl_socket_error(socket, err, cl_str_z(why.text));
}

static void
on_pong(void *ctx, struct cl_ws_conn *ws, cl_str payload)
{
    struct cl_socket *socket = ctx;
    (void)ws;
    if (payload.len == PROOF_BYTES)
        cl_relay_settle(socket->relay, socket->peer.handle, read_proof(payload), CL_PROOF_PONG);
    else
        cl_relay_heartbeat(socket->relay, cl_socket_agent(socket));
}

static void
on_closed(void *ctx, struct cl_ws_conn *ws, uint16_t code)
{
    struct cl_socket *socket = ctx;
    struct cl_relay *relay = socket->relay;
    (void)ws;
    cl_log_info(&relay->config.log, "socket.closed", CL_F("agent", cl_socket_agent(socket)),
                CL_F("socket", socket->peer.handle), CL_F("code", (unsigned)code));
    cl_relay_close_holder(relay, socket->peer.handle);
    cl_list_remove(&socket->unasked);
    if (socket->is_attached)
        cl_relay_detach(relay, cl_socket_agent(socket));
    cl_peer_end(relay, &socket->peer);
    relay->sockets_len--;
    cl_free(socket);
}

static const struct cl_ws_handler handler = {
    .on_message = on_message,
    .on_pong = on_pong,
    .on_closed = on_closed,
    .out_bytes_max = OUT_BYTES_MAX,
};

/* From now on it takes nothing, and what it has taken is offered to others. */
static void
turn_away(struct cl_socket *socket, enum cl_err err)
{
    cl_relay_close_holder(socket->relay, socket->peer.handle);
    cl_ws_close(socket->ws, CL_WS_CLOSE_TRY_LATER, cl_str_z(cl_err_wire(err)));
}

void
cl_socket_reply(struct cl_socket *socket, const struct cl_effect *effect)
{
    bool is_attach = effect->reply.command_kind == CL_COMMAND_ATTACH;
    socket->submitted -= socket->submitted > 0;
    if (effect->reply.err == CL_OK)
        socket->is_attached |= is_attach;
    else if (is_attach)
        turn_away(socket, effect->reply.err);
    else
        cl_socket_error(socket, effect->reply.err, CL_STR(""));
}

void
cl_socket_refused(struct cl_socket *socket, enum cl_command_kind kind, cl_str sentence)
{
    socket->submitted -= socket->submitted > 0;
    if (kind != CL_COMMAND_ATTACH)
        cl_socket_error(socket, CL_ERR_FULL, sentence);
    else
        turn_away(socket, CL_ERR_FULL);
}

/* -- opening ----------------------------------------------------------------------------------- */

static struct cl_socket *
socket_new(struct cl_relay *relay, cl_str agent)
{
    struct cl_socket *socket = cl_alloc(sizeof *socket + agent.len + CL_V1_QUOTED_CAP(agent.len));
    if (socket == NULL)
        return NULL;
    if (cl_peer_begin(relay, &socket->peer, CL_PEER_SOCKET, &relay->sockets) != CL_OK) {
        cl_free(socket);
        return NULL;
    }
    socket->relay = relay;
    cl_link_init(&socket->unasked);
    socket->asked = (cl_instant){cl_loop_now(relay->loop).ms - CL_PROOF_DELAY_MS};
    socket->births = cl_core_stats(relay->core).births;
    socket->id_len = (uint32_t)agent.len;
    memcpy(socket->id, agent.ptr, agent.len);
    socket->quoted_len = (uint32_t)cl_v1_quote(agent, socket->id + agent.len);
    return socket;
}

static enum cl_err
attach(struct cl_socket *socket)
{
    struct cl_relay *relay = socket->relay;
    cl_str agent = cl_socket_agent(socket);
    struct cl_command open = {
        .kind = CL_COMMAND_OPEN,
        .open = {.agent = agent, .holder = socket->peer.handle, .kind = CL_HOLDER_SOCKET}};
    struct cl_command draft = {.kind = CL_COMMAND_ATTACH, .attach = {.agent = agent}};
    enum cl_err err = cl_relay_session(relay, &open);
    if (err == CL_OK)
        err = cl_relay_submit(relay, &draft, socket->peer.handle);
    socket->submitted += err == CL_OK;
    cl_relay_mark_ready(relay, agent); // what is queued is pushed
    return err;
}

void
cl_socket_begin(struct cl_exchange *exchange)
{
    struct cl_relay *relay = exchange->relay;
    struct cl_http_conn *conn = exchange->conn;
    if (relay->is_draining) { // nobody would close it
        cl_exchange_refuse(exchange, CL_ERR_UNAVAILABLE, CL_STR("the relay is stopping"));
        return;
    }
    struct cl_socket *socket = socket_new(relay, exchange->route.arg);
    if (socket == NULL) {
        cl_exchange_refuse(exchange, CL_ERR_NO_MEMORY, CL_STR(""));
        return;
    }
    cl_exchange_free(exchange); // upgraded or refused, the request is answered
    enum cl_err err = cl_http_upgrade(conn, &handler, socket, &socket->ws);
    if (err != CL_OK) {
        cl_peer_end(relay, &socket->peer);
        cl_free(socket);
        return;
    }
    relay->sockets_len++;
    cl_log_info(&relay->config.log, "socket.opened", CL_F("agent", cl_socket_agent(socket)),
                CL_F("socket", socket->peer.handle));
    err = attach(socket);
    if (err != CL_OK)
        turn_away(socket, err);
}
