// SPDX-License-Identifier: MIT
/* Reads what core/dump.c wrote, and believes none of it. */
#include <string.h>

#include "base/alloc.h"
#include "core/core.h"
#include "core/pack.h"
#include "core/state.h"

/* No record is shorter, so a count that promises more records than bytes can hold is a lie. */
#define MSG_BYTES_MIN    104
#define SENDER_BYTES_MIN 20

/* A sender as it is to be listed once the receipts are there. */
struct filed {
    struct cl_sender *sender;
    cl_time idle_since;
    bool is_busy;
};

struct load {
    struct cl_unpack in;
    struct cl_core *core;
    struct cl_msg **msgs; // a reference to each, numbers rising
    uint32_t msgs_len;
    struct filed *senders; // in the order of the dump
    uint32_t senders_len;
};

/* The first error stays; true while there is none. */
static bool
try(struct load *load, enum cl_err err)
{
    if (load->in.err == CL_OK)
        load->in.err = err;
    return load->in.err == CL_OK;
}

static bool
demand(struct load *load, bool condition)
{
    return try(load, condition ? CL_OK : CL_ERR_MALFORMED);
}

static cl_str
load_name(struct load *load)
{
    cl_str name = cl_unpack_str(&load->in, CL_ID_BYTES_MAX);
    demand(load, name.len > 0);
    return name;
}

static void
load_limits(struct load *load)
{
    struct cl_unpack *in = &load->in;
    struct cl_command_relay_up *limits = &load->core->limits;
    limits->inbox_messages_max = cl_unpack_u32(in);
    limits->inbox_bytes_max = cl_unpack_u64(in);
    limits->inboxes_bytes_max = cl_unpack_u64(in);
    limits->hops_max = cl_unpack_u32(in);
    limits->chain_messages_max = cl_unpack_u32(in);
    limits->thread_minute_max = cl_unpack_u32(in);
    limits->inherited_hops_max = cl_unpack_u32(in);
    limits->inherited_messages_max = cl_unpack_u32(in);
    limits->receipts_max = cl_unpack_u32(in);
    limits->receipts_all_max = cl_unpack_u32(in);
    limits->dead_bytes_max = cl_unpack_u64(in);
}

static void
load_relays(struct load *load)
{
    uint32_t len = cl_unpack_u32(&load->in);
    for (uint32_t i = 0; i < len && load->in.err == CL_OK; i++) {
        cl_str name = load_name(load);
        uint64_t epoch = cl_unpack_u64(&load->in);
        if (demand(load, i < CL_RELAYS_MAX && cl_state_relay_named(load->core, name) == i &&
                             cl_state_relay_of(load->core, epoch) == i))
            try(load, cl_state_relay_add(load->core, name, epoch));
    }
}

/* -- messages ------------------------------------------------------------------------------ */

static bool
load_digest(struct load *load, cl_digest *ret_digest)
{
    cl_str name = cl_unpack_str(&load->in, sizeof *ret_digest);
    if (name.len == 0 || !demand(load, name.len == sizeof *ret_digest))
        return false;
    memcpy(ret_digest->bytes, name.ptr, sizeof *ret_digest);
    return true;
}

static struct cl_named *
load_blob(struct load *load)
{
    cl_digest digest;
    if (!load_digest(load, &digest))
        return NULL;
    struct cl_named *named = cl_named_take(&load->core->names, &digest);
    if (named == NULL)
        try(load, CL_ERR_NO_MEMORY);
    return named;
}

static void
load_msg(struct load *load)
{
    struct cl_unpack *in = &load->in;
    struct cl_msg draft = {.number = cl_unpack_u64(in)};
    draft.id = cl_unpack_id(in);
    draft.re = cl_unpack_id(in);
    draft.stream = cl_unpack_u64(in);
    draft.seq = cl_unpack_u64(in);
    draft.from = cl_unpack_str(in, CL_ID_BYTES_MAX); // empty: from nobody
    draft.to = cl_unpack_str(in, CL_ID_BYTES_MAX);
    draft.subject = cl_unpack_str(in, CL_ID_BYTES_MAX);
    draft.thread = cl_unpack_str(in, CL_THREAD_BYTES_MAX);
    draft.root = cl_unpack_id(in);
    draft.version = cl_unpack_u64(in);
    draft.kind = cl_unpack_u8(in, CL_MSG_KIND_COUNT - 1);
    draft.priority = cl_unpack_u8(in, CL_PRIORITY_COUNT - 1);
    draft.media = cl_unpack_u8(in, UINT8_MAX);
    draft.flags = cl_unpack_u8(in, CL_MSG_FLAGS);
    draft.hops = cl_unpack_u8(in, UINT8_MAX);
    draft.attempts_max = cl_unpack_u8(in, UINT8_MAX);
    draft.trust = cl_unpack_u8(in, CL_TRUST_COUNT - 1);
    draft.re_rung = cl_unpack_u8(in, CL_RUNG_COUNT - 1);
    draft.re_outcome = cl_unpack_u8(in, CL_OUTCOME_CLAIMED_MAX);
    draft.attempts = cl_unpack_u32(in);
    draft.created = cl_unpack_time(in);
    draft.expires = cl_unpack_time(in);
    draft.blob = load_blob(load);
    draft.body = cl_unpack_body(in, CL_BODY_BYTES_MAX);

    struct cl_msg *msg = in->err == CL_OK ? cl_msg_new(&draft) : NULL;
    cl_body_unref(draft.body);
    if (msg == NULL && draft.blob != NULL)
        cl_named_give(draft.blob);
    if (msg == NULL) {
        try(load, CL_ERR_NO_MEMORY);
        return;
    }
    cl_list_append(&load->core->msgs, &msg->link);
    load->msgs[load->msgs_len++] = msg;
}

static void
load_msgs(struct load *load)
{
    uint32_t len = cl_unpack_u32(&load->in);
    if (!demand(load, len <= load->in.rest.len / MSG_BYTES_MIN))
        return;
    load->msgs = cl_alloc(len * sizeof *load->msgs);
    if (load->msgs == NULL)
        try(load, CL_ERR_NO_MEMORY);
    for (uint32_t i = 0; i < len && load->in.err == CL_OK; i++) {
        load_msg(load);
        if (i > 0 && load->in.err == CL_OK)
            demand(load, load->msgs[i]->number > load->msgs[i - 1]->number);
    }
}

/* The message with the next number in the bytes; NULL, and an error, when there is none. */
static struct cl_msg *
load_msg_ref(struct load *load)
{
    uint64_t number = cl_unpack_u64(&load->in);
    uint32_t low = 0;
    uint32_t high = load->msgs_len;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (load->msgs[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    if (!demand(load, low < load->msgs_len && load->msgs[low]->number == number))
        return NULL;
    return load->msgs[low];
}

/* -- agents -------------------------------------------------------------------------------- */

static void
load_inbox(struct load *load, struct cl_agent *agent)
{
    struct cl_inbox *inbox = &agent->inbox;
    cl_time earliest = cl_unpack_time(&load->in);
    uint32_t count = cl_unpack_u32(&load->in);
    enum cl_priority lane = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct cl_msg *msg = load_msg_ref(load);
        uint64_t seq = cl_unpack_u64(&load->in);
        if (!demand(load, seq > 0) || !demand(load, msg->priority >= lane))
            return;
        lane = msg->priority;
        if (!try(load, cl_inbox_skip(inbox, msg->priority, seq)) ||
            !demand(load, cl_inbox_has_room(inbox, msg->priority)) ||
            !try(load, cl_state_enqueue(load->core, agent, msg)))
            return;
    }
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        if (try(load, cl_inbox_skip(inbox, i, cl_unpack_u64(&load->in))))
            try(load, cl_state_shares_update(load->core, inbox, i));
    if (!demand(load, earliest.ms <= inbox->earliest.ms))
        return;
    inbox->earliest = earliest;
    try(load, cl_state_expiry_update(load->core, agent));
}

static void
load_agent(struct load *load)
{
    struct cl_unpack *in = &load->in;
    struct cl_agent *agent;
    struct cl_agent draft = {.state = cl_unpack_u8(in, CL_AGENT_STATE_COUNT - 1)};
    draft.id = load_name(load);
    draft.number = cl_unpack_u64(in);
    draft.since = cl_unpack_time(in);
    draft.updated = cl_unpack_time(in);
    draft.seen = cl_unpack_time(in);
    draft.proven = cl_unpack_time(in);
    draft.took.root = cl_unpack_id(in);
    draft.took.at = cl_unpack_time(in);
    draft.took.hops = cl_unpack_u8(in, UINT8_MAX);
    draft.took.is_answer = cl_unpack_u8(in, 1) != 0;
    if (!demand(load, cl_core_agent(load->core, draft.id) == NULL) ||
        !try(load, cl_state_agent_add(load->core, &draft, &agent)))
        return;
    cl_chain_took(load->core, agent, draft.took);

    struct cl_body *record = cl_unpack_body(in, CL_BODY_BYTES_MAX);
    cl_state_record_set(load->core, agent, record);
    cl_body_unref(record);
    uint32_t attachments = cl_unpack_u32(in);
    for (uint32_t i = 0; i < attachments && in->err == CL_OK; i++) {
        uint32_t relay = cl_unpack_u32(in);
        uint64_t count = cl_unpack_u64(in);
        if (demand(load, relay < load->core->relays_len && count > 0 &&
                             cl_state_attachment(agent, relay) == NULL))
            try(load, cl_state_attach(agent, relay, count));
    }
    load_inbox(load, agent);
}

static void
load_agents(struct load *load)
{
    size_t state = 0;
    uint32_t len = cl_unpack_u32(&load->in);
    for (uint32_t i = 0; i < len && load->in.err == CL_OK; i++) {
        size_t next = load->in.rest.len == 0 ? 0 : (uint8_t)load->in.rest.ptr[0];
        demand(load, next >= state); // by state, or it is not the canonical form
        state = next;
        load_agent(load);
    }
}

/* -- the rest ------------------------------------------------------------------------------ */

static void
load_topic(struct load *load)
{
    struct cl_topic *topic = &load->core->topic;
    topic->ever = cl_unpack_u64(&load->in);
    uint32_t len = cl_unpack_u32(&load->in);
    demand(load, len <= CL_BROADCASTS_KEPT);
    for (uint32_t i = 0; i < len; i++) {
        struct cl_msg *msg = load_msg_ref(load);
        if (msg == NULL)
            return;
        cl_topic_push(topic, msg);
    }
    demand(load, topic->len == len); // else it was over its bytes
}

static void
load_version(struct load *load, struct cl_file *file)
{
    struct cl_unpack *in = &load->in;
    struct cl_file_version draft = {.version = cl_unpack_u64(in)};
    draft.updated = cl_unpack_time(in);
    draft.editor = load_name(load);
    draft.type = cl_unpack_body(in, CL_BODY_BYTES_MAX);
    draft.content = cl_unpack_body(in, CL_BODY_BYTES_MAX);
    struct cl_file_version *version = in->err == CL_OK ? cl_file_version_new(&draft) : NULL;
    cl_body_unref(draft.type);
    cl_body_unref(draft.content);
    if (version == NULL)
        try(load, CL_ERR_NO_MEMORY);
    else
        cl_state_file_push(load->core, file, version);
}

static void
load_files(struct load *load)
{
    uint32_t len = cl_unpack_u32(&load->in);
    for (uint32_t i = 0; i < len && load->in.err == CL_OK; i++) {
        cl_str key = load_name(load);
        uint32_t versions = cl_unpack_u32(&load->in);
        if (!demand(load, versions >= 1 && versions <= CL_FILE_VERSIONS_KEPT &&
                              cl_core_file(load->core, key) == NULL))
            return;
        struct cl_file *file = cl_state_file_add(load->core, key);
        if (file == NULL)
            try(load, CL_ERR_NO_MEMORY);
        for (uint32_t j = 0; j < versions && load->in.err == CL_OK; j++)
            load_version(load, file);
    }
}

static void
load_chains(struct load *load)
{
    struct cl_unpack *in = &load->in;
    struct cl_chains *chains = &load->core->chains;
    uint32_t len = cl_unpack_u32(in);
    demand(load, len <= CL_CHAINS_MAX);
    for (uint32_t i = 0; i < len && in->err == CL_OK; i++) {
        cl_id root = cl_unpack_id(in);
        uint64_t messages = cl_unpack_u64(in);
        cl_str key = cl_str_of(root.bytes, sizeof root.bytes);
        if (demand(load, cl_map_get(&chains->by_root, key) == NULL))
            try(load, cl_chain_add(chains, root, messages));
    }
    len = cl_unpack_u32(in);
    demand(load, len <= CL_THREADS_MAX);
    for (uint32_t i = 0; i < len && in->err == CL_OK; i++) {
        cl_str thread = cl_unpack_str(in, CL_THREAD_KEY_BYTES_MAX);
        cl_time full = cl_unpack_time(in);
        if (demand(load, thread.len > 0 && cl_map_get(&chains->threads_by_key, thread) == NULL))
            try(load, cl_chain_add_thread(chains, thread, full));
    }
}

/* -- senders and receipts ------------------------------------------------------------------ */

static void
load_window(struct load *load, struct cl_sender *sender)
{
    struct cl_unpack *in = &load->in;
    struct cl_window *window = cl_alloc(sizeof *window);
    if (window == NULL) {
        try(load, CL_ERR_NO_MEMORY);
        return;
    }
    sender->windows[sender->windows_len++] = window;
    window->stream = cl_unpack_u64(in);
    window->last = cl_unpack_u64(in);
    for (size_t i = 0; i < sizeof window->bits / sizeof window->bits[0]; i++)
        window->bits[i] = cl_unpack_u64(in);
}

static void
load_ended(struct load *load, struct cl_sender *sender)
{
    uint32_t len = cl_unpack_u32(&load->in);
    if (!demand(load, len <= CL_STREAMS_ENDED_MAX) || len == 0)
        return;
    sender->ended = cl_alloc(len * sizeof *sender->ended);
    if (sender->ended == NULL) {
        try(load, CL_ERR_NO_MEMORY);
        return;
    }
    sender->ended_cap = len;
    while (sender->ended_len < len)
        sender->ended[sender->ended_len++] = cl_unpack_u64(&load->in);
}

static void
load_sender(struct load *load)
{
    bool is_busy = cl_unpack_u8(&load->in, 1) != 0;
    cl_str id = load_name(load);
    cl_time idle_since = cl_unpack_time(&load->in);
    uint32_t windows = cl_unpack_u32(&load->in);
    if (!demand(load, windows <= CL_STREAMS_MAX && cl_sender_of(load->core, id) == NULL))
        return;
    struct cl_sender *sender = cl_sender_know(load->core, id);
    if (sender == NULL) {
        try(load, CL_ERR_NO_MEMORY);
        return;
    }
    load->senders[load->senders_len++] = (struct filed){sender, idle_since, is_busy};
    for (uint32_t i = 0; i < windows && load->in.err == CL_OK; i++)
        load_window(load, sender);
    load_ended(load, sender);
}

static void
load_senders(struct load *load)
{
    uint32_t len = cl_unpack_u32(&load->in);
    if (!demand(load, len <= CL_SENDERS_MAX && len <= load->in.rest.len / SENDER_BYTES_MIN))
        return;
    load->senders = cl_alloc(len * sizeof *load->senders);
    if (load->senders == NULL)
        try(load, CL_ERR_NO_MEMORY);
    for (uint32_t i = 0; i < len && load->in.err == CL_OK; i++)
        load_sender(load);
}

static void
load_deads(struct load *load)
{
    struct cl_unpack *in = &load->in;
    uint32_t len = cl_unpack_u32(in);
    for (uint32_t i = 0; i < len && in->err == CL_OK; i++) {
        struct cl_msg *msg = load_msg_ref(load);
        struct cl_dead dead = {.at = cl_unpack_time(in)};
        dead.cause = cl_unpack_u8(in, CL_CAUSE_COUNT - 1);
        dead.reason = cl_unpack_body(in, CL_REASON_BYTES_MAX);
        if (in->err == CL_OK && demand(load, cl_dead_of(load->core, msg->id) == NULL)) {
            dead.msg = cl_msg_ref(msg);
            try(load, cl_dead_add(load->core, &dead));
        }
        cl_body_unref(dead.reason);
    }
    demand(load, load->core->deads.by_id.count == len); // else they were over their bytes
}

/* All but sender, message and reason, which may belong to others. */
static struct cl_receipt
load_receipt_fields(struct cl_unpack *in)
{
    struct cl_receipt draft = {.version = cl_unpack_u64(in)};
    draft.number = cl_unpack_u64(in);
    draft.id = cl_unpack_id(in);
    draft.re = cl_unpack_id(in);
    draft.root = cl_unpack_id(in);
    draft.stream = cl_unpack_u64(in);
    draft.seq = cl_unpack_u64(in);
    draft.from = cl_unpack_str(in, CL_ID_BYTES_MAX);
    draft.to = cl_unpack_str(in, CL_ID_BYTES_MAX);
    draft.hops = cl_unpack_u8(in, UINT8_MAX);
    draft.is_answer = cl_unpack_u8(in, 1) != 0;
    draft.created = cl_unpack_time(in);
    draft.expires = cl_unpack_time(in);
    draft.until = cl_unpack_time(in);
    draft.rung = cl_unpack_u8(in, CL_RUNG_COUNT - 1);
    draft.reached = cl_unpack_u8(in, UINT8_MAX);
    for (enum cl_rung i = 0; i < CL_RUNG_COUNT; i++) {
        draft.rungs[i].at = cl_unpack_time(in);
        draft.rungs[i].proof = cl_unpack_u8(in, CL_PROOF_COUNT - 1);
    }
    draft.outcome = cl_unpack_u8(in, CL_OUTCOME_COUNT - 1);
    draft.outcome_at = cl_unpack_time(in);
    draft.cause = cl_unpack_u8(in, CL_CAUSE_COUNT - 1);
    return draft;
}

/* The message with that number, which has no receipt yet; NULL for 0. */
static struct cl_msg *
load_receipt_msg(struct load *load)
{
    struct cl_unpack at = load->in;
    if (cl_unpack_u64(&at) == 0) {
        load->in = at;
        return NULL;
    }
    struct cl_msg *msg = load_msg_ref(load);
    demand(load, msg != NULL && msg->receipt == NULL);
    return msg;
}

static void
load_receipt(struct load *load)
{
    struct cl_core *core = load->core;
    struct cl_receipt *receipt;
    struct cl_receipt draft = load_receipt_fields(&load->in);
    draft.reason = cl_unpack_body(&load->in, CL_REASON_BYTES_MAX);
    draft.msg = load_receipt_msg(load);
    draft.sender = cl_sender_of(core, draft.from);
    if (demand(load, draft.sender != NULL && cl_core_receipt(core, draft.id) == NULL))
        try(load, cl_receipt_add(core, &draft, &receipt));
    cl_body_unref(draft.reason);
}

/* Receipts file their senders anew; the dump has them in the order that counts. */
static void
file_senders(struct load *load)
{
    struct cl_senders *senders = &load->core->senders;
    for (uint32_t i = 0; i < load->senders_len; i++) {
        const struct filed *filed = &load->senders[i];
        struct cl_sender *sender = filed->sender;
        cl_list_remove(&sender->link);
        cl_list_append(filed->is_busy ? &senders->busy : &senders->idle, &sender->link);
        sender->idle_since = filed->idle_since;
        demand(load, !filed->is_busy || i == 0 || load->senders[i - 1].is_busy);
    }
}

static void
load_receipts(struct load *load)
{
    load->core->receipts.versions = cl_unpack_u64(&load->in);
    uint32_t len = cl_unpack_u32(&load->in);
    for (uint32_t i = 0; i < len && load->in.err == CL_OK; i++)
        load_receipt(load);
    if (load->in.err == CL_OK)
        file_senders(load);
}

static void
load_onces(struct load *load)
{
    uint32_t len = cl_unpack_u32(&load->in);
    for (uint32_t i = 0; i < len && load->in.err == CL_OK; i++) {
        cl_digest digest;
        bool is_whole = load_digest(load, &digest);
        cl_time until = cl_unpack_time(&load->in);
        if (demand(load, is_whole && i < CL_ONCE_MAX &&
                             cl_map_get(&load->core->onces.by_digest,
                                        cl_str_of(&digest, sizeof digest)) == NULL))
            try(load, cl_once_add(load->core, &digest, until));
    }
}

static void
load_all(struct load *load)
{
    struct cl_unpack *in = &load->in;
    struct cl_core *core = load->core;
    demand(load, cl_unpack_u8(in, UINT8_MAX) == CL_STATE_LAYOUT);
    core->time = cl_unpack_time(in);
    core->applied = cl_unpack_u64(in);
    core->trail = cl_unpack_u64(in);
    core->births = cl_unpack_u64(in);
    load_limits(load);
    load_relays(load);
    load_msgs(load);
    load_agents(load);
    load_topic(load);
    load_files(load);
    load_chains(load);
    load_senders(load);
    load_deads(load);
    load_receipts(load);
    load_onces(load);
    cl_unpack_end(in);
    for (uint32_t i = 0; i < load->msgs_len; i++) {
        demand(load, load->msgs[i]->refs > 1); // no record without a place
        cl_msg_unref(load->msgs[i]);
    }
    cl_free(load->msgs);
    cl_free(load->senders);
    if (in->err == CL_OK)
        demand(load, cl_state_fault(core) == NULL);
}

enum cl_err
cl_core_load(cl_str bytes, const cl_hash_key *hash_key, struct cl_core **ret_core)
{
    struct load load = {.in = {.rest = bytes}, .core = cl_core_new(hash_key)};
    if (load.core == NULL)
        return CL_ERR_NO_MEMORY;
    load_all(&load);
    if (load.in.err == CL_OK)
        *ret_core = load.core;
    else
        cl_core_free(load.core);
    return load.in.err;
}
