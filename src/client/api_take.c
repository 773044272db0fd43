// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "client/api_private.h"
#include "proto/id_text.h"

/*
 * A message that was handed out, by its id.
 *
 *     (new) ──> GIVEN ── the program settles it ──> TO_TELL ──> TOLD ── answered ──> SETTLED
 *                                                      ^          │ the connection    │
 *                                                      │          v breaks            │
 *                                                      └────── SETTLED <──────────────┘
 *                                                   handed out again
 *
 * One that is handed out again is not given again: what is known of it goes on from there. A place
 * in the inbox is good for the connection on which it was named.
 */
enum held_state { GIVEN, TO_TELL, TOLD, SETTLED };

struct held {
    struct cl_link link; // in the agent's list of its state
    cl_id id;
    uint64_t from; // a hash of its sender's address
    enum held_state state;
    bool has_place;
    bool is_unsure; // SETTLED, but the relay may not know it
    struct cl_range at;
    uint8_t rung;
    uint8_t proof;
    uint16_t reason_len;
    char *reason; // NULL: it is acknowledged
};

static cl_str
key_of(const cl_id *id)
{
    return cl_str_of(id->bytes, sizeof id->bytes);
}

void
cl_api_held_init(struct cl_api_agent *agent, const cl_hash_key *key)
{
    cl_map_init(&agent->held, key);
    cl_list_init(&agent->given);
    cl_list_init(&agent->to_tell);
    cl_list_init(&agent->told);
    cl_list_init(&agent->settled);
}

static void
held_free(struct held *held)
{
    cl_list_remove(&held->link);
    cl_free(held->reason);
    cl_free(held);
}

void
cl_api_held_done(struct cl_api_agent *agent)
{
    struct cl_list *lists[] = {&agent->given, &agent->to_tell, &agent->told, &agent->settled};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        CL_LIST_EACH(lists[i], at)
        {
            held_free(CL_LIST_ENTRY(at, struct held, link));
        }
    }
    cl_map_done(&agent->held);
}

static void
forget(struct cl_api_agent *agent, struct held *held)
{
    (void)cl_map_remove(&agent->held, key_of(&held->id));
    held_free(held);
}

static void
move(struct held *held, enum held_state state, struct cl_list *list)
{
    held->state = state;
    cl_list_remove(&held->link);
    cl_list_append(list, &held->link);
}

static void
be_sure(struct cl_api_agent *agent, struct held *held)
{
    agent->unsure_len -= held->is_unsure;
    held->is_unsure = false;
}

/* To those that are done. Whether the relay knows is seen when the agent is attached again: if it
 * does not, the message is still in the inbox. */
static void
settle(struct cl_api_agent *agent, struct held *held, bool is_known)
{
    held->has_place = false;
    held->is_unsure = !is_known;
    agent->unsure_len += !is_known;
    move(held, SETTLED, &agent->settled);
    agent->settled_len++;
    if (agent->settled_len <= CL_API_SETTLED_MAX)
        return;
    struct cl_link *oldest = cl_list_first(&agent->settled);
    agent->settled_len--;
    be_sure(agent, CL_LIST_ENTRY(oldest, struct held, link));
    forget(agent, CL_LIST_ENTRY(oldest, struct held, link));
}

/* -- what is handed out ------------------------------------------------------------------------ */

/* What it takes, and what is read of it on the way. */
struct parcel {
    claw_client *client;
    const struct cl_v2_message *message;
    struct cl_arena arena;
    struct cl_envelope_header header;
    cl_str body;
    bool is_verified; // signed with the group's secret
    bool has_blob;
    struct cl_blob blob;
};

/* In a group: CL_ERR_UNAUTHORIZED, or what the envelope says that it should not say. What an agent
 * of v2 has sent has the number of a stream; what the relay made for one that cannot sign has
 * none. Where it is the relay that speaks of a group, there are also agents that are in none. */
static enum cl_err
verify(struct parcel *parcel, struct cl_why *why)
{
    const claw_client *client = parcel->client;
    const struct cl_envelope *envelope = &parcel->message->envelope;
    const struct cl_envelope_header *header = &parcel->header;
    bool may_be_unsigned = !client->is_strict || (!header->str.is_set && !client->needs_signature);
    if (client->group_key == NULL || !client->is_group)
        return CL_OK;
    if (header->alg == CL_ENVELOPE_UNSIGNED && may_be_unsigned)
        return CL_OK;
    if (header->alg == CL_ENVELOPE_UNSIGNED)
        return cl_fail(CL_ERR_UNAUTHORIZED, why, "not signed with the group's secret");
    enum cl_err err = cl_group_verify(client->group_key, envelope->protected, envelope->payload,
                                      envelope->signature);
    if (err == CL_ERR_UNAUTHORIZED)
        return cl_fail(err, why, "not signed with the group's secret: another one, or changed");
    parcel->is_verified = err == CL_OK;
    return err == CL_OK
               ? cl_envelope_check_received(header, parcel->message->agent, cl_clock_wall(), why)
               : err;
}

static enum cl_err
read_parcel(struct parcel *parcel, struct cl_why *why)
{
    const struct cl_envelope_reader reader = {.arena = &parcel->arena,
                                              .hash_key = &parcel->client->hash_key};
    const struct cl_envelope *envelope = &parcel->message->envelope;
    enum cl_err err = cl_envelope_read(&reader, envelope, &parcel->header, why);
    if (err == CL_OK)
        err = verify(parcel, why);
    if (err == CL_OK)
        err = cl_envelope_body(envelope, &parcel->arena, &parcel->body);
    if (err != CL_OK || !cl_str_eq(parcel->header.cty, CL_STR(CL_CTY_BLOB)))
        return err;
    err = cl_blob_read(&reader, parcel->body, &parcel->blob, NULL);
    parcel->has_blob = err == CL_OK;
    return err == CL_ERR_NO_MEMORY ? err : CL_OK; // what is no name of a blob is a body
}

static const char *
put_id(struct cl_api_event *event, cl_id id)
{
    char text[CL_ID_TEXT_CAP];
    if (cl_id_is_none(id))
        return "";
    cl_id_text(id, text);
    return cl_api_event_put(event, cl_str_z(text));
}

static int64_t
ms_of(uint64_t seconds)
{
    return (int64_t)seconds * 1000;
}

static void
fill_numbers(const struct parcel *parcel, struct claw_event *shown)
{
    const struct cl_envelope_header *header = &parcel->header;
    const struct cl_v2_added *added = parcel->message->relay;
    const struct cl_v2_chain *chain = added->chain;
    shown->body_len = parcel->body.len;
    shown->priority = header->pri;
    shown->attempts = (uint32_t)added->attempts;
    shown->trust = parcel->is_verified ? CLAW_TRUST_GROUP : added->trust;
    shown->is_verified = parcel->is_verified;
    shown->made_ms = ms_of(header->iat);
    shown->expires_ms = ms_of(header->exp);
    shown->deadline_ms = ms_of(header->dl);
    shown->accepted_ms = (int64_t)added->accepted;
    shown->hops = chain == NULL ? 0 : (uint32_t)chain->hops;
    shown->chain_count = chain == NULL ? 0 : chain->count;
    shown->has_blob = parcel->has_blob;
    shown->blob_size = parcel->has_blob ? parcel->blob.size : 0;
}

static struct cl_api_event *
event_of(const struct parcel *parcel, uint32_t type)
{
    const struct cl_envelope_header *header = &parcel->header;
    const struct cl_v2_message *message = parcel->message;
    const struct cl_v2_added *added = message->relay;
    const struct cl_v2_chain *chain = added->chain;
    char digest[CL_DIGEST_TEXT_LEN];
    size_t cap = message->agent.len + header->from.len + header->to.len + header->thr.len +
                 header->cty.len + header->reply_to.len + parcel->body.len + parcel->blob.cty.len +
                 3 * CL_ID_TEXT_CAP + CL_DIGEST_TEXT_LEN + 16;
    struct cl_api_event *event = cl_api_event_new(type, cap);
    if (event == NULL)
        return NULL;
    struct claw_event *shown = &event->shown;
    fill_numbers(parcel, shown);
    shown->agent = cl_api_event_put(event, message->agent);
    shown->id = put_id(event, header->id);
    shown->from = cl_api_event_put(event, header->from);
    shown->to = cl_api_event_put(event, header->to);
    shown->re = put_id(event, header->re);
    shown->thread = cl_api_event_put(event, header->thr);
    shown->content_type = cl_api_event_put(event, header->cty);
    shown->reply_to = cl_api_event_put(event, header->reply_to);
    shown->body = cl_api_event_put(event, parcel->body);
    if (chain != NULL)
        shown->root = put_id(event, chain->root);
    if (parcel->has_blob) {
        cl_digest_text(&parcel->blob.digest, digest);
        shown->blob_sha256 = cl_api_event_put(event, cl_str_of(digest, sizeof digest));
        shown->blob_type = cl_api_event_put(event, parcel->blob.cty);
    }
    return event;
}

/* A message that is new here. Without memory the connection is given up: it comes again. */
static void
give(struct cl_api_agent *agent, struct parcel *parcel)
{
    claw_client *client = parcel->client;
    struct held *held = cl_alloc(sizeof *held);
    struct cl_api_event *event = held == NULL ? NULL : event_of(parcel, CLAW_EVENT_MESSAGE);
    if (event == NULL) {
        cl_free(held);
        cl_uplink_choke(client->uplink);
        return;
    }
    held->id = parcel->header.id;
    held->from = cl_hash_short(&client->hash_key, parcel->header.from);
    held->at = parcel->message->at;
    held->has_place = true;
    held->state = GIVEN;
    cl_link_init(&held->link);
    if (cl_map_put(&agent->held, key_of(&held->id), held) != CL_OK) {
        cl_api_event_free(event);
        cl_free(held);
        cl_uplink_choke(client->uplink);
        return;
    }
    cl_list_append(&agent->given, &held->link);
    if (cl_api_ask_answered(client, parcel->header.re, parcel->message->agent, &event->shown.tag))
        event->shown.type = CLAW_EVENT_ANSWER;
    cl_api_event_add(client, event);
}

/* Ids are random, so two senders of one id are a mistake, or one of them wants the other's message
 * to pass for one that was settled. */
static bool
is_same(const struct parcel *parcel, const struct held *held)
{
    return held->from == cl_hash_short(&parcel->client->hash_key, parcel->header.from);
}

static void
hand_out_again(struct cl_api_agent *agent, struct held *held, const struct cl_range *at)
{
    held->at = *at;
    held->has_place = true;
    if (held->state != SETTLED)
        return;
    agent->settled_len--;
    be_sure(agent, held);
    move(held, TO_TELL, &agent->to_tell);
}

/* Tells the program what was kept from it; where there is no memory for that, it goes untold. */
static void
tell_unverified(claw_client *client, const struct parcel *parcel, enum cl_err err, cl_str reason)
{
    const struct cl_v2_message *message = parcel->message;
    const struct cl_envelope_header *header = &parcel->header;
    struct cl_api_event *event =
        cl_api_event_new(CLAW_EVENT_UNVERIFIED,
                         message->agent.len + header->from.len + reason.len + CL_ID_TEXT_CAP + 3);
    if (event == NULL)
        return;
    event->shown.err = cl_id_is_none(header->id) ? cl_api_err(err) : CLAW_ERR_UNTRUSTED;
    event->shown.agent = cl_api_event_put(event, message->agent);
    event->shown.from = cl_api_event_put(event, header->from);
    event->shown.id = put_id(event, header->id);
    event->shown.text = cl_api_event_put(event, reason);
    cl_api_event_add(client, event);
}

/* One that cannot be read here would wait at the head of the inbox for ever. */
static void
refuse_unread(claw_client *client, const struct cl_v2_message *message, const char *reason)
{
    struct cl_v2_refuse params = {.agent = message->agent,
                                  .at = message->at,
                                  .reason = cl_str_part(cl_str_z(reason), 0, CL_REASON_BYTES_MAX)};
    if (!cl_utf8_is_valid(params.reason)) // cut within a character
        params.reason = CL_STR("cannot be read");
    const struct cl_uplink_call call = {
        .method = CL_V2_REFUSE, .params = &params, .is_bound = true};
    if (cl_uplink_call(client->uplink, &call, NULL) != CL_OK)
        cl_uplink_choke(client->uplink);
}

/* All that was in the inbox has come: what was settled and is not among it, the relay knows of. */
static void
be_sure_of_all(claw_client *client, struct cl_api_agent *agent)
{
    CL_LIST_EACH(&agent->settled, at)
    {
        be_sure(agent, CL_LIST_ENTRY(at, struct held, link));
    }
    (void)pthread_cond_broadcast(&client->news); // claw_drain
}

void
cl_api_take_up(claw_client *client, cl_str address, uint64_t waiting)
{
    struct cl_api_agent *agent = cl_api_agent_find(client, address);
    if (agent == NULL || agent->is_here) // once more: what was handed out waits still
        return;
    agent->is_here = true;
    agent->to_come = waiting;
    if (waiting == 0)
        be_sure_of_all(client, agent);
}

void
cl_api_take_message(claw_client *client, const struct cl_v2_message *message)
{
    struct cl_api_agent *agent = cl_api_agent_find(client, message->agent);
    struct parcel parcel = {.client = client, .message = message};
    struct cl_why why = {""};
    if (agent == NULL)
        return; // it has left meanwhile
    cl_arena_init(&parcel.arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    enum cl_err err = read_parcel(&parcel, &why);
    struct held *held = err == CL_OK ? cl_map_get(&agent->held, key_of(&parcel.header.id)) : NULL;
    const char *reason = why.text[0] == '\0' ? "cannot be read" : why.text;
    if (err != CL_OK && err != CL_ERR_NO_MEMORY)
        tell_unverified(client, &parcel, err, cl_str_z(reason));
    if (err == CL_ERR_NO_MEMORY)
        cl_uplink_choke(client->uplink);
    else if (err != CL_OK)
        refuse_unread(client, message, reason);
    else if (held != NULL && !is_same(&parcel, held))
        refuse_unread(client, message, "another sender's message has this id");
    else if (held != NULL)
        hand_out_again(agent, held, &message->at);
    else
        give(agent, &parcel);
    if (message->at.priority < CL_PRIORITY_COUNT && agent->to_come > 0 && --agent->to_come == 0)
        be_sure_of_all(client, agent);
    cl_arena_done(&parcel.arena);
}

static void
take_back(struct cl_api_agent *agent)
{
    agent->is_here = false;
    agent->to_come = 0;
    CL_LIST_EACH(&agent->given, at)
    {
        CL_LIST_ENTRY(at, struct held, link)->has_place = false;
    }
    CL_LIST_EACH(&agent->to_tell, at)
    {
        settle(agent, CL_LIST_ENTRY(at, struct held, link), false);
    }
}

void
cl_api_take_back(claw_client *client)
{
    CL_LIST_EACH(&client->agents, at)
    {
        take_back(CL_LIST_ENTRY(at, struct cl_api_agent, link));
    }
}

/* -- what becomes of it ------------------------------------------------------------------------ */

uint64_t
cl_api_unsure(const claw_client *client)
{
    uint64_t unsure = 0;
    CL_LIST_EACH(&client->agents, at)
    {
        unsure += CL_LIST_ENTRY(at, struct cl_api_agent, link)->unsure_len;
    }
    return unsure;
}

bool
cl_api_has_to_tell(const claw_client *client)
{
    CL_LIST_EACH(&client->agents, at)
    {
        if (!cl_list_is_empty(&CL_LIST_ENTRY(at, struct cl_api_agent, link)->to_tell))
            return true;
    }
    return false;
}

static int
compare_places(const void *left, const void *right)
{
    const struct cl_range *a = left, *b = right;
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    return a->first == b->first ? 0 : (a->first < b->first ? -1 : 1);
}

/* Ranges of the places, in their order. */
static uint32_t
join(struct cl_range *places, uint32_t len)
{
    uint32_t joined = 0;
    qsort(places, len, sizeof *places, compare_places);
    for (uint32_t i = 0; i < len; i++) {
        struct cl_range *last = joined == 0 ? NULL : &places[joined - 1];
        bool is_next = last != NULL && last->priority == places[i].priority &&
                       places[i].first <= last->last + 1;
        if (is_next)
            last->last = places[i].last > last->last ? places[i].last : last->last;
        else
            places[joined++] = places[i];
    }
    return joined;
}

static void
go_on_later(claw_client *client)
{
    cl_loop_timer_start(client->loop, &client->retry,
                        cl_instant_add(cl_loop_now(client->loop), CL_API_RETRY_MS));
}

/* The first ones that say the same, up to CL_API_SETTLE_MAX of them. False: not now. */
static bool
tell_some(claw_client *client, struct cl_api_agent *agent)
{
    struct cl_range places[CL_API_SETTLE_MAX];
    struct held *chosen[CL_API_SETTLE_MAX];
    const struct held *first = CL_LIST_ENTRY(cl_list_first(&agent->to_tell), struct held, link);
    uint32_t len = 0;
    struct cl_api_op *op;
    CL_LIST_EACH(&agent->to_tell, at)
    {
        struct held *held = CL_LIST_ENTRY(at, struct held, link);
        bool is_like = held == first || (first->reason == NULL && held->reason == NULL &&
                                         held->rung == first->rung && held->proof == first->proof);
        if (!is_like || len == CL_API_SETTLE_MAX || (first->reason != NULL && len > 0))
            continue;
        chosen[len] = held;
        places[len++] = held->at;
    }
    enum cl_v2_method method = first->reason == NULL ? CL_V2_ACK : CL_V2_REFUSE;
    if (cl_api_op_new(client, method, len, &op) != CL_OK)
        return false;
    (void)cl_str_copy(op->agent, sizeof op->agent, cl_str_z(agent->address)); // as long
    for (uint32_t i = 0; i < len; i++)
        op->ids[i] = chosen[i]->id;
    const struct cl_v2_refuse refuse = {.agent = cl_str_z(agent->address),
                                        .at = places[0],
                                        .reason = cl_str_of(first->reason, first->reason_len)};
    const struct cl_v2_ack ack = {.agent = cl_str_z(agent->address),
                                  .ranges = {places, join(places, len)},
                                  .rung = first->rung,
                                  .proof = first->proof};
    const void *params = method == CL_V2_ACK ? (const void *)&ack : (const void *)&refuse;
    if (cl_api_op_start(op, params, CL_API_BOUND, NULL) != CL_OK)
        return false;
    for (uint32_t i = 0; i < len; i++)
        move(chosen[i], TOLD, &agent->told);
    return true;
}

void
cl_api_tell_settled(claw_client *client)
{
    bool is_well = cl_uplink_is_up(client->uplink) && !cl_timer_is_running(&client->retry);
    CL_LIST_EACH(&client->agents, at)
    {
        struct cl_api_agent *agent = CL_LIST_ENTRY(at, struct cl_api_agent, link);
        while (is_well && !cl_list_is_empty(&agent->to_tell)) {
            is_well = tell_some(client, agent);
            if (!is_well)
                go_on_later(client);
        }
    }
}

void
cl_api_told(struct cl_api_op *op, enum cl_err err)
{
    struct cl_api_agent *agent = cl_api_agent_find(op->client, cl_str_z(op->agent));
    bool is_again = err != CL_ERR_CLOSED && cl_err_retry_helps(err);
    for (uint32_t i = 0; agent != NULL && i < op->ids_len; i++) {
        struct held *held = cl_map_get(&agent->held, key_of(&op->ids[i]));
        if (held == NULL || held->state != TOLD)
            continue;
        if (is_again)
            move(held, TO_TELL, &agent->to_tell);
        else
            settle(agent, held, err != CL_ERR_CLOSED);
    }
    if (is_again)
        go_on_later(op->client);
}

/* -- what a program asks of it ----------------------------------------------------------------- */

struct settle_args {
    const char *agent;
    const char *id;
    uint32_t rung;
    uint32_t proof;
    const char *reason;
};

static enum cl_err
find_held(claw_client *client, const struct settle_args *args, struct cl_api_agent **ret_agent,
          struct held **ret_held, struct cl_why *why)
{
    cl_id id;
    enum cl_err err = cl_api_check(client, why);
    if (err == CL_OK)
        err = cl_api_agent_get(client, args->agent, ret_agent, why);
    if (err != CL_OK)
        return err;
    if (!cl_id_from_text(cl_api_str(args->id), &id))
        return cl_fail(CL_ERR_USAGE, why, "\"%.80s\" is no id of a message.",
                       args->id == NULL ? "" : args->id);
    struct held *held = cl_map_get(&(*ret_agent)->held, key_of(&id));
    if (held == NULL || held->state != GIVEN)
        return cl_fail(CL_ERR_NOT_FOUND, why,
                       "%s holds no message %s: it was not given, or was settled before.",
                       (*ret_agent)->address, args->id);
    *ret_held = held;
    return CL_OK;
}

/* The program has said what it had to say. What did not come again the relay has no more. */
static void
is_settled(struct cl_api_agent *agent, struct held *held)
{
    if (held->has_place)
        move(held, TO_TELL, &agent->to_tell);
    else
        settle(agent, held, agent->is_here && agent->to_come == 0);
}

static enum cl_err
ack(claw_client *client, void *args, struct cl_why *why)
{
    const struct settle_args *given = args;
    struct cl_api_agent *agent;
    struct held *held;
    if (given->rung > CLAW_RUNG_IN_PROGRESS || given->rung == CLAW_RUNG_ACCEPTED ||
        (given->proof != CLAW_PROOF_NONE && given->proof != CLAW_PROOF_SPOOL &&
         given->proof != CLAW_PROOF_ACK && given->proof != CLAW_PROOF_TRANSCRIPT))
        return cl_fail(CL_ERR_USAGE, why,
                       "An agent claims a rung from delivered on, by spool, ack or transcript.");
    enum cl_err err = find_held(client, given, &agent, &held, why);
    if (err != CL_OK)
        return err;
    held->rung = (uint8_t)(given->rung == CLAW_RUNG_NONE ? 0 : given->rung - 1);
    held->proof = (uint8_t)given->proof;
    is_settled(agent, held);
    return CL_OK;
}

claw_err
claw_ack(claw_client *client, const char *agent, const char *id, uint32_t rung, uint32_t proof)
{
    struct settle_args args = {.agent = agent, .id = id, .rung = rung, .proof = proof};
    return cl_api_do(client, ack, &args);
}

static enum cl_err
refuse(claw_client *client, void *args, struct cl_why *why)
{
    const struct settle_args *given = args;
    struct cl_api_agent *agent;
    struct held *held;
    cl_str reason = cl_api_str(given->reason);
    if (reason.len == 0 || reason.len > CL_REASON_BYTES_MAX || !cl_utf8_is_valid(reason))
        return cl_fail(CL_ERR_USAGE, why, "A reason has 1 to %u bytes of UTF-8.",
                       CL_REASON_BYTES_MAX);
    enum cl_err err = find_held(client, given, &agent, &held, why);
    if (err != CL_OK)
        return err;
    held->reason = cl_alloc_raw(reason.len);
    if (held->reason == NULL)
        return CL_ERR_NO_MEMORY;
    memcpy(held->reason, reason.ptr, reason.len);
    held->reason_len = (uint16_t)reason.len;
    is_settled(agent, held);
    return CL_OK;
}

claw_err
claw_refuse(claw_client *client, const char *agent, const char *id, const char *reason)
{
    struct settle_args args = {.agent = agent, .id = id, .reason = reason};
    return cl_api_do(client, refuse, &args);
}

static enum cl_err
release(claw_client *client, void *args, struct cl_why *why)
{
    struct cl_api_agent *agent;
    struct cl_api_op *op;
    struct held *held;
    enum cl_err err = find_held(client, args, &agent, &held, why);
    if (err == CL_OK && held->has_place)
        err = cl_api_op_new(client, CL_V2_RELEASE, 0, &op);
    if (err != CL_OK)
        return err;
    if (held->has_place) { // else the relay has it back already
        const struct cl_v2_release params = {.agent = cl_str_z(agent->address),
                                             .ranges = {&held->at, 1}};
        err = cl_api_op_start(op, &params, CL_API_BOUND, why);
    }
    if (err == CL_OK)
        forget(agent, held);
    return err;
}

claw_err
claw_release(claw_client *client, const char *agent, const char *id)
{
    struct settle_args args = {.agent = agent, .id = id};
    return cl_api_do(client, release, &args);
}
