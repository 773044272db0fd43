// SPDX-License-Identifier: MIT
/*
 * A message that an Agent Link client sent, on its way to anybody: to the session it is a passing
 * message in the words of v1, which every receiver's path knows. Its sender hears how it ended.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "proto/v1_decode.h"
#include "relay/agent_link.h"
#include "relay/state.h"
#include "wire/json_write.h"

/* What a frame of v1 has besides the body. */
#define FRAME_ADDS_MAX (8 * CL_ID_BYTES_MAX + 1024)

/* -- whom it is from --------------------------------------------------------------------------- */

static enum cl_err
check_sender(struct cl_relay *relay, const struct cl_al_letter *letter, struct cl_why *why)
{
    const struct cl_agent_link_call *call = letter->call;
    struct cl_hmac *hmac =
        letter->instance->hmac != NULL ? letter->instance->hmac : relay->agent_link->hmac;
    const struct cl_agent_link_signed text = {
        .from = call->from, .to = call->to, .message = call->message};
    enum cl_err err = cl_agent_link_verify_send(hmac, &text, &call->signature);
    if (err != CL_OK)
        return cl_fail(err, why, "the signature is not that of this message");
    if (letter->is_once)
        err = cl_al_door_was_sent(relay, letter->instance, &call->signature);
    if (err == CL_ERR_STALE)
        return cl_fail(err, why, "this was sent before: the same again needs the relay's token");
    if (err != CL_OK)
        return cl_fail(err, why,
                       "too much was sent today to tell whether this was: show the relay's token");
    if (!cl_str_eq(call->from_address.instance, cl_al_instance_id(letter->instance)))
        return cl_fail(CL_ERR_FORBIDDEN, why, "this is %.*s: it cannot send as %.*s",
                       CL_STR_ARG(cl_al_instance_id(letter->instance)), CL_STR_ARG(call->from));
    if (letter->conn != NULL && letter->conn->passes_len >= CL_AL_PASSES_MAX)
        return cl_fail(CL_ERR_TOO_MANY, why, "%d messages of this connection are on their way",
                       CL_AL_PASSES_MAX);
    uint32_t wait_ms = cl_rate_take(&relay->rate, call->from, cl_loop_now(relay->loop));
    if (wait_ms > 0)
        return cl_fail(CL_ERR_RATE, why, "this agent sends too fast: wait %u s",
                       (wait_ms + 999) / 1000);
    err = cl_al_learn(relay, letter->instance, call->from, letter->conn);
    if (err == CL_ERR_FORBIDDEN)
        return cl_fail(err, why, "%.*s is not among the agents of its instance",
                       CL_STR_ARG(call->from));
    return err == CL_OK
               ? CL_OK
               : cl_fail(err, why, "this instance has too many agents: %s", cl_err_wire(err));
}

/* -- what it is -------------------------------------------------------------------------------- */

/* Does it fit into a frame of whoever it may be for? */
static enum cl_err
check_size(struct cl_relay *relay, const struct cl_agent_link_call *call, size_t adds,
           struct cl_why *why)
{
    struct cl_buf *frame = &relay->agent_link->frame;
    const struct cl_agent_link_note note = {.type = CL_AGENT_LINK_MESSAGE,
                                            .from = call->from,
                                            .to = call->target,
                                            .message = call->message};
    cl_buf_clear(frame);
    enum cl_err err = cl_agent_link_put_note(&note, frame);
    if (err == CL_OK && frame->len + adds > CL_AL_FRAME_BYTES_MAX)
        err = CL_ERR_TOO_LARGE;
    return err == CL_OK ? CL_OK
                        : cl_fail(err, why, "the message does not fit into a frame of %d bytes",
                                  (int)CL_AL_FRAME_BYTES_MAX);
}

/* {"task":<text>,"context":{}}: what proto/v2_bridge.h shows as plain text. */
static enum cl_err
make_body(struct cl_relay *relay, cl_str message, struct cl_body **ret_body)
{
    struct cl_json_writer json;
    cl_buf_clear(&relay->text);
    cl_json_writer_init(&json, &relay->text);
    cl_json_object_begin(&json);
    cl_json_put_member(&json, CL_STR("task"), message);
    cl_json_put_name(&json, CL_STR("context"));
    cl_json_object_begin(&json);
    cl_json_object_end(&json);
    cl_json_object_end(&json);
    enum cl_err err = cl_json_writer_end(&json);
    *ret_body = err == CL_OK ? cl_body_new(cl_buf_str(&relay->text)) : NULL;
    return err == CL_OK && *ret_body == NULL ? CL_ERR_NO_MEMORY : err;
}

/* -- on its way -------------------------------------------------------------------------------- */

static struct cl_al_pass *
pass_new(struct cl_relay *relay, const struct cl_al_letter *letter, uint64_t bytes)
{
    cl_str to = letter->call->to;
    struct cl_al_pass *pass = cl_alloc(sizeof *pass + to.len);
    if (pass == NULL)
        return NULL;
    pass->relay = relay;
    pass->instance = letter->instance;
    pass->bytes = bytes;
    pass->conn = letter->conn;
    pass->exchange = letter->exchange == NULL ? 0 : letter->exchange->peer.handle;
    pass->to_len = (uint32_t)to.len;
    memcpy(pass->to, to.ptr, to.len);
    cl_link_init(&pass->of_conn);
    if (cl_peer_begin(relay, &pass->peer, CL_PEER_PASS, &relay->agent_link->passes) != CL_OK) {
        cl_free(pass);
        return NULL;
    }
    pass->instance->passing_bytes += bytes;
    if (pass->conn != NULL) {
        cl_list_append(&pass->conn->passes, &pass->of_conn);
        pass->conn->passes_len++;
    }
    return pass;
}

void
cl_al_pass_leave(struct cl_al_pass *pass)
{
    if (pass->conn != NULL)
        pass->conn->passes_len--;
    pass->conn = NULL;
    cl_list_remove(&pass->of_conn);
}

void
cl_al_pass_give_up(struct cl_al_pass *pass)
{
    struct cl_exchange *exchange = cl_handles_get(&pass->relay->handles, pass->exchange);
    pass->exchange = 0;
    if (exchange != NULL)
        cl_exchange_refuse(exchange, CL_ERR_UNAVAILABLE, CL_STR("the relay is stopping"));
}

void
cl_al_pass_end(struct cl_al_pass *pass)
{
    cl_al_pass_leave(pass);
    pass->instance->passing_bytes -= pass->bytes;
    cl_peer_end(pass->relay, &pass->peer);
    cl_free(pass);
}

/* Why the session did not take it. */
static enum cl_err
explain(struct cl_relay *relay, cl_str id, cl_str to, enum cl_err err, struct cl_why *why)
{
    struct cl_address address;
    bool is_agent = cl_address_read(id, &address) && address.kind == CL_ADDRESS_AGENT;
    bool is_known = cl_core_agent(relay->core, id) != NULL ||
                    (is_agent && cl_al_find_instance(relay->agent_link, address.instance) != NULL);
    if (err == CL_ERR_NO_AGENT && !is_known)
        return cl_fail(err, why, "there is no agent %.*s", CL_STR_ARG(to));
    if (err == CL_ERR_NO_AGENT)
        return cl_fail(CL_ERR_UNAVAILABLE, why, "%.*s is offline", CL_STR_ARG(to));
    if (err == CL_ERR_INBOX_FULL || err == CL_ERR_FULL)
        return cl_fail(err, why, "too much waits for %.*s: try again later", CL_STR_ARG(to));
    if (err == CL_ERR_FAIR_SHARE)
        return cl_fail(err, why, "too much of this instance waits for %.*s: try again later",
                       CL_STR_ARG(to));
    if (err == CL_ERR_TOO_MANY)
        return cl_fail(err, why, "too many messages of this instance are on their way");
    return cl_fail(err, why, "%s", cl_err_wire(err));
}

static enum cl_err
submit(struct cl_relay *relay, const struct cl_al_letter *letter, cl_str to, struct cl_body *body)
{
    bool is_own = letter->instance->hmac != NULL;
    uint64_t bytes = cl_msg_cost_of(letter->call->from, to, CL_STR(""), body);
    if (letter->instance->passing_bytes + bytes > CL_AL_PASS_BYTES_MAX)
        return CL_ERR_TOO_MANY;
    struct cl_al_pass *pass = pass_new(relay, letter, bytes);
    if (pass == NULL)
        return CL_ERR_NO_MEMORY;
    struct cl_command draft = {
        .kind = CL_COMMAND_PASS,
        .ticket = pass->peer.handle,
        .pass = {.to = to,
                 .from = letter->call->from,
                 .kind = CL_MSG_TASK,
                 .media = CL_V1_MEDIA_MEMBERS,
                 .trust = is_own ? CL_TRUST_RELAY : CL_TRUST_GROUP,
                 .expires = cl_time_add(cl_relay_time(relay), CL_PASS_LIFE_MS),
                 .body = body}};
    cl_random_bytes(draft.pass.id.bytes, sizeof draft.pass.id.bytes);
    enum cl_err err = cl_relay_session(relay, &draft);
    if (err != CL_OK)
        cl_al_pass_end(pass);
    return err;
}

enum cl_err
cl_al_pass(struct cl_relay *relay, const struct cl_al_letter *letter, struct cl_why *why)
{
    const struct cl_agent_link_call *call = letter->call;
    struct cl_body *body = NULL;
    cl_str id = cl_address_id(&call->to_address, call->target);
    enum cl_err err = check_sender(relay, letter, why);
    relay->agent_link->has_content = true;
    bool is_ours = err == CL_OK && cl_al_reach(relay, id) != NULL;
    if (err == CL_OK)
        err = check_size(relay, call, is_ours ? 0 : FRAME_ADDS_MAX, why);
    if (err != CL_OK)
        return err;
    err = make_body(relay, call->message, &body);
    if (err == CL_OK) {
        if (is_ours)
            cl_al_seat(relay, id);
        err = cl_al_is_gone(relay, id) ? CL_ERR_NO_AGENT : submit(relay, letter, id, body);
    }
    cl_body_unref(body);
    if (err != CL_OK)
        return explain(relay, id, call->to, err, why);
    cl_al_door_sent(relay, letter->instance, &call->signature);
    return CL_OK;
}

/* -- its end ----------------------------------------------------------------------------------- */

static void
tell_sender(struct cl_al_conn *conn, const struct cl_effect *passed, cl_str to)
{
    const struct cl_relay *relay = conn->relay;
    struct cl_why why;
    struct cl_agent_link_note note = {.type = CL_AGENT_LINK_DELIVERED, .to = to};
    if (passed->passed.outcome != CL_OUTCOME_NONE) {
        cl_str reason = relay->asking.reason;
        if (passed->passed.outcome == CL_OUTCOME_EXPIRED)
            reason = CL_STR("no proof came in time");
        else if (reason.len == 0)
            reason = CL_STR("it was refused");
        cl_err_ignore(cl_fail(CL_ERR_UNAVAILABLE, &why, "%.*s has not taken the message: %.*s",
                              CL_STR_ARG(to), CL_STR_ARG(reason)));
        note.type = CL_AGENT_LINK_ERROR;
        note.message = cl_str_z(why.text);
    }
    cl_al_conn_tell(conn, &note);
}

void
cl_al_passed(struct cl_relay *relay, const struct cl_effect *effect)
{
    struct cl_peer *peer = cl_handles_get(&relay->handles, effect->passed.ticket);
    relay->agent_link->has_content = true; // whoever took it had it written
    bool is_delivered = effect->passed.outcome == CL_OUTCOME_NONE;
    relay->agent_link->counts[is_delivered ? CL_AL_COUNT_DELIVERED : CL_AL_COUNT_FAILED]++;
    if (peer == NULL || peer->kind != CL_PEER_PASS)
        return; // its sender has gone
    struct cl_al_pass *pass = (struct cl_al_pass *)(void *)peer;
    struct cl_exchange *exchange = cl_handles_get(&relay->handles, pass->exchange);
    cl_str to = cl_str_of(pass->to, pass->to_len);
    if (pass->conn != NULL)
        tell_sender(pass->conn, effect, to);
    else if (exchange != NULL)
        cl_al_answer_sent(exchange, effect, to);
    cl_al_pass_end(pass);
}
