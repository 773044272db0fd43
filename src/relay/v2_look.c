// SPDX-License-Identifier: MIT
/*
 * The calls that only look: who there is, what waits, where a message is, what is dead. Long lists
 * go out piece by piece, so that none of them is built in memory first.
 */
#include <string.h>

#include "proto/v2_bridge.h"
#include "relay/state.h"
#include "relay/v2.h"
#include "wire/base64url.h"

/* An answer is as long as a text may be, less what may still have to stand behind its list. */
#define PAGE_BYTES_MAX (CL_HTTP_BODY_BYTES_MAX - 4 * CL_KIB)
/* What an agent of v2 can say of itself, as JSON in the worst case. */
#define AGENT_BYTES_MAX (32 * CL_KIB)
/* A connection for which so much waits is not told who joins. */
#define ASIDE_BYTES_MAX CL_MIB

/* A result that is a list. */
struct page {
    struct cl_relay *relay;
    struct cl_json_writer json;
    uint64_t left; // of its elements
    bool has_one;
    bool is_full; // there is more
};

static void
page_begin(struct page *page, struct cl_relay *relay, const struct cl_v2_call *call, uint64_t limit)
{
    *page = (struct page){.relay = relay, .left = limit == 0 ? CL_V2_PAGE_MAX : limit};
    cl_buf_clear(&relay->text);
    cl_json_writer_init(&page->json, &relay->text);
    cl_v2_result_begin(&page->json, call->id);
}

/* Is there room for one more of so many bytes? One there always is, or the list would end there. */
static bool
page_takes(struct page *page, size_t bytes)
{
    bool fits = !page->has_one || page->relay->text.len + bytes <= PAGE_BYTES_MAX;
    page->is_full = page->left == 0 || !fits;
    page->left -= !page->is_full;
    page->has_one = page->has_one || !page->is_full;
    return !page->is_full;
}

static enum cl_err
page_end(struct page *page)
{
    cl_v2_result_end(&page->json);
    return cl_json_writer_end(&page->json);
}

/* -- agents ------------------------------------------------------------------------------------ */

/* What is read lies in the arena. */
static enum cl_err
describe_agent(struct cl_relay *relay, const struct cl_agent *agent, struct cl_arena *arena,
               struct cl_v2_agent *ret_agent)
{
    struct cl_envelope_reader reader = {.arena = arena, .hash_key = &relay->hash_key};
    struct cl_v1_presence presence = cl_relay_presence(relay, agent->id);
    *ret_agent = (struct cl_v2_agent){
        .status = presence.is_online ? CL_V2_PRESENCE_ONLINE : CL_V2_PRESENCE_STALE,
        .connected = cl_session_is_online(relay->session, agent->id) ||
                     cl_map_get(&relay->seats, agent->id) != NULL, // a quiet one
        .heard = (uint64_t)presence.seen.ms,
        .polled = (uint64_t)cl_session_polled(relay->session, agent->id).ms,
        .proven = (uint64_t)agent->proven.ms,
        .waiting = agent->inbox.count};
    enum cl_err err = cl_address_of_id(agent->id, arena, &ret_agent->agent);
    return err == CL_OK ? cl_v2_read_record(&reader, cl_body_str(agent->record), ret_agent) : err;
}

static bool
may_tell_joined(struct cl_relay *relay)
{
    cl_instant now = cl_loop_now(relay->loop);
    if (now.ms - relay->directory.joined_from.ms >= 1000) {
        relay->directory.joined_from = now;
        relay->directory.joined = 0;
    }
    return relay->directory.joined++ < CL_V2_JOINED_PER_SECOND;
}

void
cl_v2_tell_joined(struct cl_relay *relay, const struct cl_agent *agent)
{
    struct cl_v2_agent said;
    if (!may_tell_joined(relay))
        return;
    cl_buf_clear(&relay->text);
    enum cl_err err = describe_agent(relay, agent, &relay->arena, &said);
    if (err == CL_OK)
        err = cl_v2_encode_note(CL_V2_NOTE_JOINED, &said, &relay->text);
    cl_arena_clear(&relay->arena);
    if (err != CL_OK || relay->text.len > CL_WS_MESSAGE_BYTES_MAX)
        return; // nobody waits for it: they can list
    struct cl_body *body = cl_body_new(cl_buf_str(&relay->text)); // one for all
    if (body == NULL)
        return;
    struct cl_part part = cl_part_of_body(body);
    CL_LIST_EACH(&relay->v2_conns, at)
    {
        struct cl_v2_conn *conn = CL_LIST_ENTRY(at, struct cl_v2_conn, link);
        if (conn->instance_len > 0 && cl_v2_seat(conn, agent->id) == NULL &&
            cl_ws_waiting(conn->ws) <= ASIDE_BYTES_MAX)
            cl_err_ignore(cl_ws_send_text(conn->ws, &part, 1));
    }
    cl_body_unref(body);
}

static bool
offers(const struct cl_v2_agent *agent, cl_str capability)
{
    bool is_offered = capability.len == 0;
    for (uint32_t i = 0; i < agent->capabilities.len && !is_offered; i++)
        is_offered = cl_str_eq(agent->capabilities.ptr[i], capability);
    return is_offered;
}

/* Where the list goes on: behind that address, or at its beginning. */
static const struct cl_agent *
agent_behind(const struct cl_relay *relay, cl_str after)
{
    struct cl_address address;
    if (after.len == 0 || !cl_address_read(after, &address))
        return cl_core_agent_next(relay->core, NULL);
    const struct cl_agent *agent = cl_core_agent(relay->core, cl_address_id(&address, after));
    return cl_core_agent_next(relay->core, cl_agent_is_registered(agent) ? agent : NULL);
}

/* As much of a record as may be shown: v1 has records without bounds. */
static size_t
shown_bytes(const struct cl_agent *agent)
{
    size_t len = cl_body_str(agent->record).len;
    return CL_KIB + (len < AGENT_BYTES_MAX ? len : AGENT_BYTES_MAX);
}

static enum cl_err
put_agents(struct page *page, const struct cl_v2_agents *params, struct cl_arena *arena)
{
    struct cl_relay *relay = page->relay;
    struct cl_v2_agent said;
    const struct cl_agent *last = NULL;
    cl_str next;
    enum cl_err err = CL_OK;
    cl_json_put_name(&page->json, CL_STR("agents"));
    cl_json_array_begin(&page->json);
    for (const struct cl_agent *agent = agent_behind(relay, params->after);
         agent != NULL && err == CL_OK; agent = cl_core_agent_next(relay->core, agent)) {
        cl_arena_clear(arena);
        err = describe_agent(relay, agent, arena, &said);
        if (err != CL_OK || !offers(&said, params->capability))
            continue;
        if (!page_takes(page, shown_bytes(agent)))
            break;
        cl_shape_put(&page->json, &cl_v2_agent_shape, &said);
        last = agent;
    }
    cl_json_array_end(&page->json);
    if (err == CL_OK && page->is_full && last != NULL) {
        err = cl_address_of_id(last->id, arena, &next);
        if (err == CL_OK)
            cl_json_put_member(&page->json, CL_STR("next"), next);
    }
    return err;
}

static enum cl_err
look_at_agents(struct cl_relay *relay, const struct cl_v2_call *call)
{
    struct page page;
    struct cl_arena arena; // of one agent after the other
    page_begin(&page, relay, call, call->params.agents.limit);
    cl_json_put_member_u64(&page.json, CL_STR("time"), (uint64_t)cl_relay_time(relay).ms);
    cl_arena_init(&arena, CL_RELAY_ARENA_BYTES);
    enum cl_err err = put_agents(&page, &call->params.agents, &arena);
    cl_arena_done(&arena);
    enum cl_err ended = page_end(&page);
    return err == CL_OK ? ended : err;
}

/* -- messages ---------------------------------------------------------------------------------- */

/* As much as its envelope may take: what is long in v1 is shown as a blob. */
static size_t
envelope_bytes(const struct cl_msg *msg)
{
    size_t len = cl_body_str(msg->body).len;
    return 2 * (len < CL_ENVELOPE_BODY_BYTES_MAX ? len : CL_ENVELOPE_BODY_BYTES_MAX) + 4 * CL_KIB;
}

/* From that place on, in the order in which they will be handed out. */
static enum cl_err
put_inbox(struct page *page, const struct cl_agent *agent, struct cl_range after)
{
    struct cl_relay *relay = page->relay;
    struct cl_v2_view view;
    struct cl_range last = {0};
    const struct cl_msg *msg;
    enum cl_err err = CL_OK;
    cl_json_put_name(&page->json, CL_STR("messages"));
    cl_json_array_begin(&page->json);
    for (enum cl_priority lane = after.priority; lane < CL_PRIORITY_COUNT && err == CL_OK; lane++) {
        uint64_t seq = lane == after.priority ? after.first + 1 : 1;
        for (; !page->is_full && err == CL_OK &&
               (msg = cl_core_inbox_next(relay->core, agent, lane, seq, &seq)) != NULL;
             seq++) {
            struct cl_range at = {lane, seq, seq};
            if (!page_takes(page, envelope_bytes(msg)))
                break;
            err = cl_v2_show(relay, agent->id, msg, at, &view);
            if (err == CL_OK)
                cl_shape_put(&page->json, &cl_v2_letter_shape, &view.letter);
            last = at;
        }
    }
    cl_json_array_end(&page->json);
    if (page->is_full && last.first > 0) {
        cl_json_put_name(&page->json, CL_STR("next"));
        cl_json_array_begin(&page->json);
        cl_json_put_u64(&page->json, last.priority);
        cl_json_put_u64(&page->json, last.first);
        cl_json_array_end(&page->json);
    }
    return err;
}

static enum cl_err
look_at_inbox(struct cl_relay *relay, const struct cl_v2_call *call)
{
    const struct cl_v2_inbox *params = &call->params.inbox;
    const struct cl_agent *agent = cl_core_agent(relay->core, params->agent);
    struct page page;
    page_begin(&page, relay, call, params->limit);
    cl_json_put_member_u64(&page.json, CL_STR("waiting"), agent == NULL ? 0 : agent->inbox.count);
    enum cl_err err = put_inbox(&page, agent, params->after);
    enum cl_err ended = page_end(&page);
    return err == CL_OK ? ended : err;
}

static enum cl_err
look_at_trace(struct cl_relay *relay, const struct cl_v2_call *call)
{
    const struct cl_v2_trace *params = &call->params.trace;
    const struct cl_receipt *receipt = cl_core_receipt(relay->core, params->id);
    struct cl_v2_step steps[CL_RUNG_COUNT];
    struct cl_v2_ending ending;
    struct cl_v2_chain chain;
    struct cl_v2_receipt told;
    struct cl_v2_traced result;
    if (receipt == NULL || (params->agent.len > 0 && !cl_str_eq(receipt->from, params->agent) &&
                            !cl_str_eq(receipt->to, params->agent)))
        return CL_ERR_NOT_FOUND;
    const struct cl_msg *msg = receipt->msg;
    result = (struct cl_v2_traced){.id = receipt->id,
                                   .accepted = (uint64_t)receipt->created.ms,
                                   .expires = (uint64_t)receipt->expires.ms,
                                   .re = receipt->re};
    if (msg != NULL) {
        result.priority = (cl_maybe){true, msg->priority};
        result.thread = msg->thread;
        result.attempts = (cl_maybe){true, msg->attempts};
    }
    if (!cl_id_is_none(receipt->root)) {
        chain = (struct cl_v2_chain){.root = receipt->root,
                                     .hops = receipt->hops,
                                     .count = cl_core_chain_messages(relay->core, receipt->root)};
        result.chain = &chain;
    }
    enum cl_err err = cl_v2_describe(relay, receipt, steps, &ending, &told);
    result.rungs = told.rungs;
    result.ended = told.ended;
    if (err == CL_OK)
        err = cl_address_of_id(receipt->from, &relay->arena, &result.from);
    if (err == CL_OK)
        err = cl_address_of_id(receipt->to, &relay->arena, &result.to);
    if (err != CL_OK)
        return err;
    cl_buf_clear(&relay->text);
    return cl_v2_encode_result(call->method, call->id, &result, &relay->text);
}

/* -- dead letters ------------------------------------------------------------------------------ */

/* Empty: the administrator, whose all are. */
static bool
is_of(const struct cl_dead *dead, cl_str agent)
{
    return agent.len == 0 || cl_str_eq(dead->msg->from, agent) || cl_str_eq(dead->msg->to, agent);
}

static enum cl_err
describe_dead(struct cl_relay *relay, const struct cl_dead *dead, struct cl_v2_dead *ret_dead)
{
    const struct cl_msg *msg = dead->msg;
    bool is_refused = dead->cause == CL_CAUSE_REFUSED, is_old = dead->cause == CL_CAUSE_EXPIRED;
    *ret_dead = (struct cl_v2_dead){.id = msg->id,
                                    .outcome = is_refused ? CL_V2_OUTCOME_REJECTED
                                               : is_old   ? CL_V2_OUTCOME_EXPIRED
                                                          : CL_V2_OUTCOME_DEAD,
                                    .at = (uint64_t)dead->at.ms,
                                    .reason = cl_dead_reason(dead),
                                    .attempts = msg->attempts,
                                    .bytes = cl_body_str(msg->body).len};
    enum cl_err err = cl_address_of_id(msg->from, &relay->arena, &ret_dead->from);
    return err == CL_OK ? cl_address_of_id(msg->to, &relay->arena, &ret_dead->to) : err;
}

static enum cl_err
put_dead(struct page *page, const struct cl_v2_dead_list *params)
{
    struct cl_relay *relay = page->relay;
    const struct cl_dead *dead = NULL;
    struct cl_v2_dead shown = {.id = {{0}}};
    enum cl_err err = CL_OK;
    if (!cl_id_is_none(params->after))
        dead = cl_core_dead(relay->core, params->after);
    cl_json_put_name(&page->json, CL_STR("dead"));
    cl_json_array_begin(&page->json);
    while (err == CL_OK && (dead = cl_core_dead_before(relay->core, dead)) != NULL) {
        if (!is_of(dead, params->agent))
            continue;
        if (!page_takes(page, CL_KIB))
            break;
        err = describe_dead(relay, dead, &shown);
        if (err == CL_OK)
            cl_shape_put(&page->json, &cl_v2_dead_shape, &shown);
    }
    cl_json_array_end(&page->json);
    if (page->is_full && !cl_id_is_none(shown.id)) {
        char text[CL_BASE64URL_LEN(sizeof(cl_id))];
        cl_base64url_encode(cl_str_of(shown.id.bytes, sizeof shown.id), text);
        cl_json_put_member(&page->json, CL_STR("next"), cl_str_of(text, sizeof text));
    }
    return err;
}

static enum cl_err
look_at_dead_list(struct cl_relay *relay, const struct cl_v2_call *call)
{
    struct page page;
    page_begin(&page, relay, call, call->params.dead_list.limit);
    enum cl_err err = put_dead(&page, &call->params.dead_list);
    enum cl_err ended = page_end(&page);
    return err == CL_OK ? ended : err;
}

static enum cl_err
look_at_dead(struct cl_relay *relay, const struct cl_v2_call *call)
{
    const struct cl_v2_dead_show *params = &call->params.dead_show;
    const struct cl_dead *dead = cl_core_dead(relay->core, params->id);
    struct cl_v2_dead shown;
    cl_str text;
    if (dead == NULL || !is_of(dead, params->agent))
        return CL_ERR_NOT_FOUND;
    enum cl_err err = describe_dead(relay, dead, &shown);
    if (err == CL_OK)
        err = cl_v2_envelope(relay, dead->msg->to, dead->msg, &text);
    if (err != CL_OK)
        return err;
    const struct cl_v2_dead_letter result = {.dead = &shown, .envelope = cl_envelope_split(text)};
    cl_buf_clear(&relay->text);
    return cl_v2_encode_result(call->method, call->id, &result, &relay->text);
}

enum cl_err
cl_v2_look(struct cl_relay *relay, const struct cl_v2_call *call)
{
    if (call->method == CL_V2_AGENTS)
        return look_at_agents(relay, call);
    if (call->method == CL_V2_INBOX)
        return look_at_inbox(relay, call);
    if (call->method == CL_V2_TRACE)
        return look_at_trace(relay, call);
    return call->method == CL_V2_DEAD_LIST ? look_at_dead_list(relay, call)
                                           : look_at_dead(relay, call);
}
