// SPDX-License-Identifier: MIT
/*
 * What the calls of clawlink-v1.md do, and what they answer.
 */
#include <string.h>

#include "proto/v2_bridge.h"
#include "relay/state.h"
#include "wire/uri.h"

/* -- answers that only read -------------------------------------------------------------------- */

static struct cl_json_writer
begin_answer(struct cl_exchange *exchange)
{
    struct cl_json_writer json;
    cl_buf_clear(&exchange->relay->text);
    cl_json_writer_init(&json, &exchange->relay->text);
    cl_json_object_begin(&json);
    return json;
}

static void
end_answer(struct cl_exchange *exchange, struct cl_json_writer *json)
{
    cl_json_object_end(json);
    cl_exchange_answer_text(exchange, cl_json_writer_end(json));
}

static void
answer_status(struct cl_exchange *exchange, cl_str status)
{
    struct cl_json_writer json = begin_answer(exchange);
    cl_json_put_member(&json, CL_STR("status"), status);
    end_answer(exchange, &json);
}

static void
answer_info(struct cl_exchange *exchange)
{
    struct cl_relay *relay = exchange->relay;
    struct cl_core_stats stats = cl_core_stats(relay->core);
    uint64_t online = 0;
    for (const struct cl_agent *agent = NULL;
         (agent = cl_core_agent_next(relay->core, agent)) != NULL;)
        online += cl_relay_presence(relay, agent->id).is_online;

    struct cl_json_writer json = begin_answer(exchange);
    cl_json_put_member(&json, CL_STR("service"), CL_STR("ClawLink Relay"));
    cl_json_put_member(&json, CL_STR("version"), CL_STR(CLAWLINK_VERSION));
    cl_json_put_name(&json, CL_STR("auth_required"));
    cl_json_put_bool(&json, relay->config.token != NULL);
    cl_json_put_member_u64(&json, CL_STR("agents_online"), online);
    // v1 counts those it keeps.
    cl_json_put_member_u64(&json, CL_STR("total_broadcasts"),
                           stats.broadcasts < CL_BROADCASTS_KEPT ? stats.broadcasts
                                                                 : CL_BROADCASTS_KEPT);
    cl_json_put_member_u64(&json, CL_STR("shared_files"), stats.files);
    cl_json_put_member(&json, CL_STR("note"),
                       relay->config.token != NULL
                           ? CL_STR("Every request needs Authorization: Bearer <token>.")
                           : CL_STR("No token is set: whoever reaches this port may use it."));
    cl_v1_put_endpoints(&json);
    cl_v1_put_time(&json, CL_STR("server_time"), cl_relay_time(relay));
    end_answer(exchange, &json);
}

/* With ?stale=1 agents that were silent for long are listed as well. */
static void
answer_discover(struct cl_exchange *exchange, cl_str query)
{
    struct cl_relay *relay = exchange->relay;
    cl_str value;
    bool with_stale =
        cl_uri_query_find(query, CL_STR("stale"), &value) && cl_str_eq(value, CL_STR("1"));
    uint64_t count = 0;

    struct cl_json_writer json = begin_answer(exchange);
    cl_json_put_name(&json, CL_STR("agents"));
    cl_json_array_begin(&json);
    for (const struct cl_agent *agent = NULL;
         (agent = cl_core_agent_next(relay->core, agent)) != NULL;) {
        struct cl_v1_presence presence = cl_relay_presence(relay, agent->id);
        if (!presence.is_online && !with_stale)
            continue;
        cl_v1_put_agent(&json, agent, presence);
        count++;
    }
    cl_json_array_end(&json);
    cl_json_put_member_u64(&json, CL_STR("count"), count);
    cl_v1_put_time(&json, CL_STR("server_time"), cl_relay_time(relay));
    end_answer(exchange, &json);
}

static void
answer_files(struct cl_exchange *exchange)
{
    struct cl_relay *relay = exchange->relay;
    const struct cl_file *file;
    struct cl_json_writer json = begin_answer(exchange);
    cl_json_put_name(&json, CL_STR("files"));
    cl_json_array_begin(&json);
    for (uint32_t at = 0; (file = cl_core_file_next(relay->core, &at)) != NULL;)
        cl_v1_put_file(&json, file, false);
    cl_json_array_end(&json);
    cl_json_put_member_u64(&json, CL_STR("count"), cl_core_stats(relay->core).files);
    end_answer(exchange, &json);
}

static void
answer_file(struct cl_exchange *exchange)
{
    struct cl_relay *relay = exchange->relay;
    const struct cl_file *file = cl_core_file(relay->core, exchange->route.arg);
    if (file == NULL) {
        cl_exchange_refuse(exchange, CL_ERR_NO_FILE, CL_STR("file not found"));
        return;
    }
    struct cl_json_writer json;
    cl_buf_clear(&relay->text);
    cl_json_writer_init(&json, &relay->text);
    cl_v1_put_file(&json, file, true);
    cl_exchange_answer_text(exchange, cl_json_writer_end(&json));
}

/* -- calls that change something --------------------------------------------------------------- */

/* Whom the answer will speak of; the command itself is gone by then. */
static void
remember(struct cl_exchange *exchange, const struct cl_command *command, cl_id id)
{
    cl_str agent = command->kind == CL_COMMAND_REGISTER ? command->registration.agent
                   : command->kind == CL_COMMAND_SEND   ? command->send.to
                                                        : cl_str_of(NULL, 0);
    memcpy(exchange->space, agent.ptr == NULL ? "" : agent.ptr, agent.len);
    exchange->agent = cl_str_of(exchange->space, agent.len);
    exchange->id = id;
}

static void
write_peer(const struct cl_exchange *exchange, char ret_ip[static CL_ADDRESS_TEXT_CAP])
{
    cl_address peer;
    cl_http_conn_peer(exchange->conn, &peer);
    cl_address_ip_text(&peer, ret_ip);
}

/* A `respond` to a message of v2 says how far that got (docs/protocol/v2.md, Together with v1). */
static void
claim(const struct cl_relay *relay, struct cl_v1_draft *draft)
{
    struct cl_command_send *send = &draft->command.send;
    const struct cl_receipt *receipt = cl_core_receipt_by_short(relay->core, draft->answered);
    if (receipt == NULL || !cl_str_eq(receipt->from, send->to) ||
        !cl_str_eq(receipt->to, send->from))
        return;
    struct cl_v2_claim claimed = cl_v2_claim_of_status(draft->status);
    send->re = receipt->id;
    send->re_rung = (uint8_t)claimed.rung;
    send->re_outcome = (uint8_t)claimed.outcome;
}

static enum cl_err
submit(struct cl_exchange *exchange, cl_str body, struct cl_why *why)
{
    struct cl_relay *relay = exchange->relay;
    struct cl_v1_draft draft;
    char ip[CL_ADDRESS_TEXT_CAP] = "";
    if (exchange->route.call == CL_V1_REGISTER) // nobody else asks, and it costs a system call
        write_peer(exchange, ip);
    struct cl_v1_context context = cl_relay_context(relay, cl_str_z(ip));
    enum cl_err err = cl_v1_decode_call(&context, exchange->route.call, body, &draft, why);
    if (err != CL_OK)
        return err;

    if (draft.command.kind == CL_COMMAND_HEARTBEAT) {
        err = cl_relay_session(relay, &draft.command);
    } else {
        remember(exchange, &draft.command, context.id);
        if (exchange->route.call == CL_V1_RESPOND && !cl_id_is_none(draft.answered))
            claim(relay, &draft);
        err = cl_auth_rate(relay, &draft.command, &exchange->wait_s, why);
        if (err == CL_OK)
            err = cl_relay_submit(relay, &draft.command, exchange->peer.handle);
        exchange->is_submitted = err == CL_OK;
    }
    cl_v1_draft_done(&draft);
    return err;
}

cl_str
cl_call_sentence(enum cl_err err)
{
    if (err == CL_ERR_INBOX_FULL)
        return CL_STR("the inbox of that agent is full: it must poll first");
    if (err == CL_ERR_FAIR_SHARE)
        return CL_STR(
            "your messages fill half of that agent's inbox: it must poll first; the other "
            "half is for other senders");
    if (err == CL_ERR_FULL)
        return CL_STR("the relay is full: agents must poll, or files be fewer");
    if (err == CL_ERR_TOO_MANY)
        return CL_STR("no room for another agent, or for another inbox that waits for its agent");
    if (err == CL_ERR_LOOP)
        return CL_STR(
            "this follows from a chain of messages that is too long: agents seem to answer "
            "each other without end");
    if (err == CL_ERR_EXPIRED)
        return CL_STR("the message was to wait until a time that has passed by the relay's clock");
    if (err == CL_ERR_READ_ONLY)
        return CL_STR("the relay's journal failed: it only answers what it knows until it is "
                      "restarted");
    return cl_str_z(cl_err_wire(err));
}

static void
run_change(struct cl_exchange *exchange, cl_str body)
{
    struct cl_why why = {""};
    enum cl_err err = submit(exchange, body, &why);
    cl_arena_clear(&exchange->relay->arena);
    bool is_heartbeat = exchange->route.call == CL_V1_HEARTBEAT;
    if (is_heartbeat && err == CL_ERR_NO_AGENT)
        answer_status(exchange, CL_STR("unknown_agent")); // a 200 (clawlink-v1.md)
    else if (err != CL_OK)
        cl_exchange_refuse(exchange, err, cl_str_z(why.text));
    else if (is_heartbeat)
        answer_status(exchange, CL_STR("ok"));
}

void
cl_call_run(struct cl_exchange *exchange, cl_str query, cl_str body)
{
    switch (exchange->route.call) {
    case CL_V1_INFO:
        answer_info(exchange);
        return;
    case CL_V1_HEALTHZ:
        answer_status(exchange, CL_STR("ok"));
        return;
    case CL_V1_DISCOVER:
        answer_discover(exchange, query);
        return;
    case CL_V1_POLL:
        cl_poll_begin(exchange, query);
        return;
    case CL_V1_FILE_LIST:
        answer_files(exchange);
        return;
    case CL_V1_FILE_GET:
        answer_file(exchange);
        return;
    case CL_V1_SOCKET:
        cl_socket_begin(exchange);
        return;
    case CL_V1_REGISTER:
    case CL_V1_HEARTBEAT:
    case CL_V1_DELEGATE:
    case CL_V1_BROADCAST:
    case CL_V1_RESPOND:
    case CL_V1_FILE_PUT:
    case CL_V1_CALL_COUNT:
        break;
    }
    run_change(exchange, body);
}

/* -- after the commit -------------------------------------------------------------------------- */

/* "websocket" only if it goes out at once: the agent listens and has credit. */
static cl_str
delivery_of(const struct cl_exchange *exchange)
{
    struct cl_relay *relay = exchange->relay;
    const struct cl_peer *receiver =
        cl_handles_get(&relay->handles, cl_session_receiver(relay->session, exchange->agent));
    return receiver != NULL && receiver->kind == CL_PEER_SOCKET ? CL_STR("websocket")
                                                                : CL_STR("queued");
}

static void
put_id(struct cl_json_writer *json, cl_id id)
{
    char text[CL_V1_ID_TEXT_CAP];
    cl_v1_id_text(id, text);
    cl_json_put_member(json, CL_STR("message_id"), cl_str_z(text));
}

static void
put_registered(struct cl_json_writer *json, const struct cl_exchange *exchange)
{
    struct cl_relay *relay = exchange->relay;
    const struct cl_agent *agent = cl_core_agent(relay->core, exchange->agent);
    cl_json_put_member(json, CL_STR("status"), CL_STR("registered"));
    cl_json_put_name(json, CL_STR("agent"));
    cl_v1_put_agent(json, agent, cl_relay_presence(relay, agent->id));
    cl_v1_put_time(json, CL_STR("server_time"), cl_relay_time(relay));
}

void
cl_call_reply(struct cl_exchange *exchange, const struct cl_effect *effect)
{
    exchange->is_submitted = false;
    if (effect->reply.err != CL_OK) {
        cl_exchange_refuse(exchange, effect->reply.err, CL_STR(""));
        return;
    }
    struct cl_json_writer json = begin_answer(exchange);
    switch ((int)exchange->route.call) {
    case CL_V1_REGISTER:
        put_registered(&json, exchange);
        break;
    case CL_V1_DELEGATE:
        cl_json_put_member(&json, CL_STR("status"), CL_STR("delegated"));
        cl_json_put_member(&json, CL_STR("delivery"), delivery_of(exchange));
        put_id(&json, exchange->id);
        break;
    case CL_V1_BROADCAST:
        cl_json_put_member(&json, CL_STR("status"), CL_STR("broadcast_sent"));
        put_id(&json, exchange->id);
        cl_json_put_member_u64(&json, CL_STR("recipients"), effect->reply.recipients);
        break;
    case CL_V1_RESPOND:
        cl_json_put_member(&json, CL_STR("status"), CL_STR("response_sent"));
        cl_json_put_member(&json, CL_STR("delivery"), delivery_of(exchange));
        break;
    case CL_V1_FILE_PUT:
        cl_json_put_member(&json, CL_STR("status"), CL_STR("saved"));
        cl_json_put_member_u64(&json, CL_STR("version"), effect->reply.version);
        break;
    default:
        break;
    }
    end_answer(exchange, &json);
}
