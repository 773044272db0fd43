// SPDX-License-Identifier: MIT
#include "sim/post.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/model.h"
#include "sim/report.h"
#include "sim/rules.h"

/* Room for one more element. */
static void *
grow(void *items, uint32_t len, uint32_t *cap, size_t size)
{
    if (len < *cap)
        return items;
    *cap = *cap == 0 ? 16 : *cap * 2;
    return cl_realloc_or_die(items, *cap * size);
}

void
post_done(struct post *post)
{
    for (uint32_t i = 0; i < post->streams_len; i++)
        cl_free(post->streams[i].seqs);
    cl_free(post->streams);
    cl_free(post->receipts);
    cl_free(post->deads);
    cl_free(post->chains);
    cl_free(post->threads);
}

cl_id
post_id(uint64_t uid)
{
    cl_id id = {{0}};
    for (unsigned i = 0; i < 8; i++)
        id.bytes[i] = (uint8_t)(uid >> (8 * i));
    return id;
}

static uint32_t
agent_or_none(const struct model *model, cl_str id)
{
    return id.len == 0 ? MODEL_AGENTS : model_agent(model, id);
}

struct post_ask
post_ask_of(const struct model *model, const struct cl_command *command)
{
    const struct cl_command_send *send = &command->send;
    const struct cl_command_publish *publish = &command->publish;
    bool is_send = command->kind == CL_COMMAND_SEND;
    return (struct post_ask){
        .from = agent_or_none(model, is_send ? send->from : publish->from),
        .uid = rules_uid(is_send ? send->id : publish->id),
        .re = rules_uid(is_send ? send->re : publish->re),
        .root = rules_uid(is_send ? send->root : publish->root),
        .hops = is_send ? send->hops : publish->hops,
        .flags = is_send ? send->flags : publish->flags,
        .is_answer = (is_send ? send->kind : publish->kind) == CL_MSG_RESPONSE ||
                     rules_uid(is_send ? send->re : publish->re) != 0,
        .thread = is_send ? send->thread : publish->thread,
        .stream = is_send ? send->stream : publish->stream,
        .seq = is_send ? send->seq : publish->seq,
    };
}

/* -- what came before -------------------------------------------------------------------------- */

static struct post_stream *
stream_of(const struct post *post, uint32_t from, uint64_t stream)
{
    for (uint32_t i = 0; i < post->streams_len; i++)
        if (post->streams[i].from == from && post->streams[i].stream == stream)
            return &post->streams[i];
    return NULL;
}

static bool
has_come(const struct post_stream *stream, uint64_t seq)
{
    if (stream->last >= CL_WINDOW_NUMBERS && seq <= stream->last - CL_WINDOW_NUMBERS)
        return true;
    for (uint32_t i = 0; i < stream->seqs_len; i++)
        if (stream->seqs[i] == seq)
            return true;
    return false;
}

enum cl_err
post_tracked(const struct post *post, const struct post_ask *ask, bool *ret_duplicate)
{
    const struct post_receipt *receipt = post_receipt_of(post, ask->uid);
    const struct post_stream *stream = stream_of(post, ask->from, ask->stream);
    *ret_duplicate = false;
    if (ask->from == MODEL_AGENTS || (receipt != NULL && receipt->from != ask->from))
        return CL_ERR_MALFORMED;
    if (receipt == NULL && stream != NULL && stream->used == 0)
        return CL_ERR_STALE;
    *ret_duplicate = receipt != NULL || (stream != NULL && has_come(stream, ask->seq));
    return CL_OK;
}

/* The stream of that sender used longest ago ends when it has too many. */
static void
end_streams(struct post *post, uint32_t from)
{
    struct post_stream *oldest = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < post->streams_len; i++) {
        struct post_stream *stream = &post->streams[i];
        if (stream->from != from || stream->used == 0)
            continue;
        count++;
        if (oldest == NULL || stream->used < oldest->used)
            oldest = stream;
    }
    if (count <= CL_STREAMS_MAX)
        return;
    oldest->used = 0;
    sim_counts.faults[SIM_STREAM_ENDED]++;
}

static void
come(struct post *post, const struct post_ask *ask)
{
    struct post_stream *stream = stream_of(post, ask->from, ask->stream);
    if (stream == NULL) {
        post->streams =
            grow(post->streams, post->streams_len, &post->streams_cap, sizeof *post->streams);
        stream = &post->streams[post->streams_len++];
        *stream = (struct post_stream){.from = ask->from, .stream = ask->stream};
    }
    stream->used = ++post->uses;
    if (ask->seq > stream->last)
        stream->last = ask->seq;
    stream->seqs = grow(stream->seqs, stream->seqs_len, &stream->seqs_cap, sizeof *stream->seqs);
    stream->seqs[stream->seqs_len++] = ask->seq;
    end_streams(post, ask->from);
}

static uint32_t
receipts_from(const struct post *post, uint32_t from)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < post->receipts_len; i++)
        count += post->receipts[i].from == from;
    return count;
}

/* -- chains ------------------------------------------------------------------------------------ */

static struct post_chain *
chain_of(const struct post *post, uint64_t root)
{
    for (uint32_t i = 0; i < post->chains_len; i++)
        if (post->chains[i].root == root)
            return &post->chains[i];
    return NULL;
}

static enum cl_err
has_room(const struct post *post, uint64_t root, uint64_t most)
{
    const struct post_chain *chain = chain_of(post, root);
    return (chain == NULL ? 1 : chain->messages) + 1 > most ? CL_ERR_LOOP : CL_OK;
}

/* Its index, or threads_len. */
static uint32_t
thread_of(const struct post *post, const struct post_ask *ask)
{
    uint32_t index = 0;
    uint64_t root = ask->root == ask->uid ? 0 : ask->root;
    for (; index < post->threads_len; index++) {
        const struct post_thread *thread = &post->threads[index];
        if (thread->root == root && (root != 0 || thread->from == ask->from) &&
            cl_str_eq(cl_str_z(thread->name), ask->thread))
            break;
    }
    return index;
}

static bool
has_token(const struct post *post, cl_time now, const struct post_ask *ask)
{
    uint32_t at = thread_of(post, ask);
    int64_t full = at == post->threads_len ? 0 : post->threads[at].full.ms;
    int64_t wait = full < now.ms ? 0 : full - now.ms;
    return ask->thread.len == 0 || wait + 60000 / SIM_THREAD_MINUTE <= 60000;
}

static enum cl_err
declared(const struct post *post, const struct post_took *took, const struct post_ask *ask,
         struct post_took *ret_place)
{
    const struct post_receipt *question = post_receipt_of(post, ask->re);
    uint8_t least = 1;
    if (ask->root == 0 || ask->root == ask->uid)
        return ask->hops > 0 ? CL_ERR_MALFORMED : CL_OK;
    if (took != NULL && took->root == ask->root)
        least = (uint8_t)(took->hops + !took->is_answer);
    ret_place->root = ask->root;
    ret_place->hops = ask->hops < least ? least : ask->hops;
    if (question != NULL && question->root == ask->root && question->to == ask->from)
        ret_place->hops = question->hops;
    else if (ret_place->hops > SIM_HOPS)
        return CL_ERR_LOOP;
    return has_room(post, ask->root, SIM_CHAIN_MESSAGES);
}

enum cl_err
post_place(const struct post *post, cl_time now, const struct post_ask *ask,
           struct post_took *ret_place)
{
    const struct post_took *took = ask->from == MODEL_AGENTS ? NULL : &post->tooks[ask->from];
    *ret_place = (struct post_took){.root = 0};
    if (took != NULL && (took->root == 0 || now.ms - took->at.ms >= CL_CHAIN_MEMORY_MS))
        took = NULL;
    if ((ask->flags & CL_MSG_DECLARED) != 0)
        return has_token(post, now, ask) ? declared(post, took, ask, ret_place) : CL_ERR_LOOP;
    if (took == NULL)
        return CL_OK;
    ret_place->root = took->root;
    ret_place->hops = (uint8_t)(took->hops + !(ask->is_answer || took->is_answer));
    if (ret_place->hops > SIM_INHERITED_HOPS)
        return CL_ERR_LOOP;
    return has_room(post, took->root, SIM_INHERITED_MESSAGES);
}

static void
spend(struct post *post, cl_time now, const struct post_ask *ask)
{
    if (ask->thread.len == 0)
        return;
    uint32_t at = thread_of(post, ask);
    post->threads =
        grow(post->threads, post->threads_len, &post->threads_cap, sizeof *post->threads);
    struct post_thread *thread = &post->threads[at];
    if (at == post->threads_len) {
        post->threads_len++;
        *thread =
            (struct post_thread){.from = ask->from, .root = ask->root == ask->uid ? 0 : ask->root};
        (void)snprintf(thread->name, sizeof thread->name, "%.*s", CL_STR_ARG(ask->thread));
    }
    if (thread->full.ms < now.ms)
        thread->full = now;
    thread->full.ms += 60000 / SIM_THREAD_MINUTE;
}

void
post_accept(struct post *post, cl_time now, const struct post_ask *ask,
            const struct post_took *place)
{
    struct post_chain *chain = chain_of(post, place->root);
    if ((ask->flags & CL_MSG_TRACKED) != 0) {
        come(post, ask);
        if (receipts_from(post, ask->from) == 0)
            post->idle_since[ask->from] = now;
    }
    if ((ask->flags & CL_MSG_DECLARED) != 0)
        spend(post, now, ask);
    if (place->root == 0)
        return;
    if (chain == NULL) {
        post->chains =
            grow(post->chains, post->chains_len, &post->chains_cap, sizeof *post->chains);
        chain = &post->chains[post->chains_len++];
        *chain = (struct post_chain){place->root, 1};
    }
    chain->messages++;
}

void
post_took(struct post *post, uint32_t agent, struct post_took took)
{
    post->tooks[agent] = took;
}

/* -- receipts ---------------------------------------------------------------------------------- */

struct post_receipt *
post_receipt_of(const struct post *post, uint64_t uid)
{
    for (uint32_t i = 0; uid != 0 && i < post->receipts_len; i++)
        if (post->receipts[i].uid == uid)
            return &post->receipts[i];
    return NULL;
}

struct post_receipt *
post_receipt_own(const struct post *post, uint64_t uid, uint64_t serial)
{
    struct post_receipt *receipt = post_receipt_of(post, uid);
    return receipt != NULL && receipt->serial == serial ? receipt : NULL;
}

static void
receipt_remove(struct post *post, struct post_receipt *receipt, cl_time now)
{
    uint32_t from = receipt->from;
    *receipt = post->receipts[--post->receipts_len];
    if (receipts_from(post, from) == 0)
        post->idle_since[from] = now;
}

static bool
has_news(const struct post_receipt *receipt)
{
    return receipt->rung != CL_RUNG_ACCEPTED || receipt->outcome != CL_OUTCOME_NONE;
}

/* Those with news beyond "accepted" go first, then the others, each by its last change.
 * MODEL_AGENTS: of all. */
static struct post_receipt *
first_to_go(const struct post *post, uint32_t from)
{
    struct post_receipt *first = NULL;
    for (uint32_t i = 0; i < post->receipts_len; i++) {
        struct post_receipt *receipt = &post->receipts[i];
        if (from != MODEL_AGENTS && receipt->from != from)
            continue;
        bool has = has_news(receipt), first_has = first != NULL && has_news(first);
        if (first == NULL || (has && !first_has) ||
            (has == first_has && receipt->version < first->version))
            first = receipt;
    }
    return first;
}

uint64_t
post_receipt_make(struct model *model, const struct cl_core *core, const struct post_ask *ask,
                  uint32_t to, cl_time expires)
{
    struct post *post = &model->post;
    const struct cl_receipt *receipt = cl_core_receipt(core, post_id(ask->uid));
    SIM_CHECK(receipt != NULL, "a tracked message has a receipt from the start");
    SIM_CHECK(receipt->version > post->version, "each change has a version of its own");
    post->version = receipt->version;
    if (receipts_from(post, ask->from) >= SIM_RECEIPTS) {
        sim_counts.faults[SIM_RECEIPT_MADE_ROOM]++;
        receipt_remove(post, first_to_go(post, ask->from), cl_core_time(core));
    }
    if (post->receipts_len >= SIM_RECEIPTS_ALL)
        receipt_remove(post, first_to_go(post, MODEL_AGENTS), cl_core_time(core));
    post->receipts =
        grow(post->receipts, post->receipts_len, &post->receipts_cap, sizeof *post->receipts);
    post->receipts[post->receipts_len++] =
        (struct post_receipt){.uid = ask->uid,
                              .serial = ++post->serials,
                              .from = ask->from,
                              .to = to,
                              .until = cl_time_add(expires, CL_RECEIPT_KEPT_MS),
                              .version = receipt->version,
                              .root = rules_uid(cl_receipt_root(receipt)),
                              .hops = receipt->hops,
                              .is_answer = ask->is_answer};
    return post->serials;
}

void
post_reach(struct post *post, uint64_t uid, uint32_t by, enum cl_rung rung)
{
    struct post_receipt *receipt = post_receipt_of(post, uid);
    if (receipt == NULL || receipt->to != by || rung <= receipt->rung)
        return;
    receipt->rung = rung;
    post->touched[receipt->from] = true;
}

bool
post_end(struct post *post, uint64_t uid, enum cl_outcome outcome)
{
    struct post_receipt *receipt = post_receipt_of(post, uid);
    if (receipt == NULL)
        return true;
    if (receipt->outcome != CL_OUTCOME_NONE)
        return false;
    receipt->outcome = outcome;
    post->touched[receipt->from] = true;
    return true;
}

/* -- dead letters ------------------------------------------------------------------------------ */

struct post_dead *
post_dead_of(const struct post *post, uint64_t uid)
{
    for (uint32_t i = 0; i < post->deads_len; i++)
        if (post->deads[i].uid == uid)
            return &post->deads[i];
    return NULL;
}

void
post_dead_remove(struct post *post, uint64_t uid)
{
    struct post_dead *dead = post_dead_of(post, uid);
    if (dead != NULL)
        *dead = post->deads[--post->deads_len];
}

void
post_dead_add(struct post *post, struct post_dead dead)
{
    struct post_receipt *receipt = post_receipt_own(post, dead.uid, dead.receipt);
    sim_counts.faults[SIM_DEAD_LETTER]++;
    if (dead.cost > SIM_DEAD_BYTES) {
        sim_counts.faults[SIM_DEAD_MADE_ROOM]++;
        return;
    }
    post_dead_remove(post, dead.uid);
    post->deads = grow(post->deads, post->deads_len, &post->deads_cap, sizeof *post->deads);
    post->deads[post->deads_len++] = dead;
    cl_time until = cl_time_add(dead.at, CL_DEAD_LIFE_MS);
    if (receipt != NULL && receipt->until.ms < until.ms)
        receipt->until = until;
}

void
post_expire(struct post *post, cl_time now, cl_time due)
{
    for (uint32_t i = post->deads_len; i > 0; i--)
        if (cl_time_add(post->deads[i - 1].at, CL_DEAD_LIFE_MS).ms <= due.ms)
            post->deads[i - 1] = post->deads[--post->deads_len];
    for (uint32_t i = post->receipts_len; i > 0; i--) // forgotten at whole seconds
        if ((post->receipts[i - 1].until.ms + 999) / 1000 * 1000 <= due.ms)
            receipt_remove(post, &post->receipts[i - 1], now);
    for (uint32_t a = 0; a < MODEL_AGENTS; a++) {
        if (receipts_from(post, a) > 0 ||
            cl_time_add(post->idle_since[a], CL_SENDER_LIFE_MS).ms > due.ms)
            continue;
        for (uint32_t i = post->streams_len; i > 0; i--) {
            if (post->streams[i - 1].from != a)
                continue;
            cl_free(post->streams[i - 1].seqs);
            post->streams[i - 1] = post->streams[--post->streams_len];
            sim_counts.faults[SIM_SENDER_FORGOTTEN]++;
        }
    }
}

/* -- refusals ---------------------------------------------------------------------------------- */

static enum cl_err
dead_rules(const struct model *model, const struct cl_core *core, cl_str agent, cl_id id)
{
    const struct post_dead *dead = post_dead_of(&model->post, rules_uid(id));
    if (dead == NULL || cl_core_dead(core, id) == NULL) // dropped for want of room, perhaps now
        return CL_ERR_NOT_FOUND;
    bool is_theirs = agent.len == 0 || cl_str_eq(agent, dead->from) ||
                     cl_str_eq(agent, cl_str_z(model->agents[dead->to].id));
    return is_theirs ? CL_OK : CL_ERR_FORBIDDEN;
}

static enum cl_err
retry_rules(const struct model *model, const struct cl_core *core,
            const struct cl_command_dead_retry *retry, cl_time now)
{
    enum cl_err err = dead_rules(model, core, retry->agent, retry->id);
    if (err != CL_OK)
        return err;
    if (retry->expires.ms <= now.ms)
        return CL_ERR_EXPIRED;
    const struct post_dead *dead = post_dead_of(&model->post, rules_uid(retry->id));
    err = rules_inbox(core, cl_str_z(model->agents[dead->to].id), dead->from, dead->cost);
    if (err != CL_OK)
        return err;
    uint64_t all = cl_core_stats(core).inbox_bytes + dead->cost + CL_ENTRY_COST_BYTES;
    return all > SIM_INBOXES_BYTES ? CL_ERR_FULL : CL_OK;
}

static enum cl_err
refuse_rules(const struct model *model, const struct cl_command_refuse *refuse)
{
    const struct model_agent *agent = &model->agents[model_agent(model, refuse->agent)];
    const struct cl_range *range = &refuse->ranges.ptr[0];
    const struct model_lane *lane = &agent->lanes[range->priority];
    if (range->first != range->last)
        return CL_ERR_MALFORMED;
    if (!agent->is_known)
        return CL_ERR_NO_AGENT;
    for (uint32_t i = 0; i < lane->len; i++)
        if (lane->msgs[i].seq == range->first && !lane->msgs[i].is_out)
            return CL_OK;
    return CL_ERR_NOT_FOUND;
}

enum cl_err
post_rules(const struct model *model, const struct cl_core *core, const struct cl_command *command,
           cl_time now)
{
    const struct cl_command_report *report = &command->report;
    const struct post_receipt *receipt;
    switch ((int)command->kind) {
    case CL_COMMAND_REPORT:
        if (report->rung == CL_RUNG_ACCEPTED && report->outcome == CL_OUTCOME_NONE)
            return CL_ERR_MALFORMED;
        receipt = post_receipt_of(&model->post, rules_uid(report->id));
        if (receipt == NULL)
            return CL_ERR_NOT_FOUND;
        return receipt->to == model_agent(model, report->agent) ? CL_OK : CL_ERR_FORBIDDEN;
    case CL_COMMAND_REFUSE:
        return refuse_rules(model, &command->refuse);
    case CL_COMMAND_RELEASED:
        return model->agents[model_agent(model, command->released.agent)].is_known
                   ? CL_OK
                   : CL_ERR_NO_AGENT;
    case CL_COMMAND_DEAD_RETRY:
        return retry_rules(model, core, &command->dead_retry, now);
    case CL_COMMAND_DEAD_DROP:
        return dead_rules(model, core, command->dead_drop.agent, command->dead_drop.id);
    default:
        return CL_OK;
    }
}

/* -- checks ------------------------------------------------------------------------------------ */

static void
check_receipt(struct post *post, const struct cl_core *core, struct post_receipt *wanted)
{
    const struct cl_receipt *receipt = cl_core_receipt(core, post_id(wanted->uid));
    SIM_CHECK(receipt != NULL, "a receipt is kept to its message's end, and a day");
    SIM_CHECK(receipt->rung == wanted->rung && receipt->outcome == wanted->outcome,
              "a receipt says how far the message got and how it ended, as its recipient and the "
              "relay have proven it");
    SIM_CHECK(receipt->version >= wanted->version, "versions rise");
    if (receipt->version > post->version)
        post->version = receipt->version;
    wanted->version = receipt->version;
}

void
post_check_told(struct model *model, const struct cl_core *core, const struct cl_effects *effects)
{
    struct post *post = &model->post;
    for (uint32_t a = 0; a < MODEL_AGENTS; a++) {
        unsigned told = 0;
        for (size_t i = 0; i < effects->len; i++)
            told += effects->items[i].kind == CL_EFFECT_RECEIPT &&
                    cl_str_eq(effects->items[i].agent, cl_str_z(model->agents[a].id));
        SIM_CHECK(told == (post->touched[a] ? 1u : 0u),
                  "a sender is told once of all that a command changed, and of nothing else");
    }
    for (uint32_t i = 0; i < post->receipts_len; i++)
        check_receipt(post, core, &post->receipts[i]);
}

static void
check_listed(const struct model *model, const struct cl_core *core, uint32_t a)
{
    uint64_t last = 0;
    uint32_t count = 0;
    for (const struct cl_receipt *receipt =
             cl_core_receipts(core, cl_str_z(model->agents[a].id), 0);
         receipt != NULL; receipt = cl_core_receipts_next(receipt), count++) {
        SIM_CHECK(receipt->version > last, "a sender's receipts come by their versions");
        last = receipt->version;
    }
    SIM_CHECK(count == receipts_from(&model->post, a), "a sender has receipts of what it sent");
}

/* Letters that went for want of room: the oldest, and there is none left. */
static void
let_go(struct post *post, const struct cl_core *core)
{
    uint64_t kept = cl_core_stats(core).dead_bytes;
    const struct cl_dead *oldest = cl_core_dead_next(core, NULL);
    SIM_CHECK(kept <= SIM_DEAD_BYTES, "dead letters are bounded");
    for (uint32_t i = post->deads_len; i > 0; i--) {
        struct post_dead *dead = &post->deads[i - 1];
        if (cl_core_dead(core, post_id(dead->uid)) != NULL)
            continue;
        bool is_oldest = oldest == NULL || dead->at.ms <= oldest->at.ms;
        SIM_CHECK(is_oldest,
                  "nothing is lost: a dead letter is kept, the oldest go for want of room");
        sim_counts.faults[SIM_DEAD_MADE_ROOM]++;
        *dead = post->deads[--post->deads_len];
    }
}

void
post_check(struct model *model, const struct cl_core *core)
{
    struct post *post = &model->post;
    const struct cl_dead *dead = NULL;
    uint32_t count = 0;
    for (uint32_t a = 0; a < MODEL_AGENTS; a++)
        check_listed(model, core, a);
    let_go(post, core);
    while ((dead = cl_core_dead_next(core, dead)) != NULL) {
        const struct post_dead *wanted = post_dead_of(post, rules_uid(dead->msg->id));
        SIM_CHECK(wanted != NULL && wanted->cause == dead->cause && wanted->at.ms == dead->at.ms &&
                      wanted->cost == cl_msg_cost(dead->msg),
                  "a dead letter is a message that ended, with its reason");
        count++;
    }
    SIM_CHECK(count == post->deads_len, "a dead letter is kept once");
    for (uint32_t i = 0; i < post->chains_len; i++)
        SIM_CHECK(cl_core_chain_messages(core, post_id(post->chains[i].root)) ==
                      post->chains[i].messages,
                  "a chain counts its messages");
}
