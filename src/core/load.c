// SPDX-License-Identifier: MIT
/* Reads what core/dump.c wrote, and believes none of it. */
#include "base/alloc.h"
#include "core/core.h"
#include "core/pack.h"
#include "core/state.h"

/* No record is shorter, so a count that promises more records than bytes can hold is a lie. */
#define MSG_BYTES_MIN 100

struct load {
    struct cl_unpack in;
    struct cl_core *core;
    struct cl_msg **msgs; // a reference to each, numbers rising
    uint32_t msgs_len;
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
    draft.version = cl_unpack_u64(in);
    draft.kind = cl_unpack_u8(in, CL_MSG_KIND_COUNT - 1);
    draft.priority = cl_unpack_u8(in, CL_PRIORITY_COUNT - 1);
    draft.media = cl_unpack_u8(in, UINT8_MAX);
    draft.created = cl_unpack_time(in);
    draft.expires = cl_unpack_time(in);
    draft.body = cl_unpack_body(in, CL_BODY_BYTES_MAX);
    draft.rung = cl_unpack_u8(in, CL_RUNG_COUNT - 1);
    draft.rung_at = cl_unpack_time(in);
    draft.outcome = cl_unpack_u8(in, CL_OUTCOME_COUNT - 1);

    struct cl_msg *msg = in->err == CL_OK ? cl_msg_new(&draft) : NULL;
    cl_body_unref(draft.body);
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
    if (!demand(load, cl_core_agent(load->core, draft.id) == NULL) ||
        !try(load, cl_state_agent_add(load->core, &draft, &agent)))
        return;

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
load_all(struct load *load)
{
    struct cl_unpack *in = &load->in;
    struct cl_core *core = load->core;
    demand(load, cl_unpack_u8(in, UINT8_MAX) == CL_STATE_LAYOUT);
    core->time = cl_unpack_time(in);
    core->applied = cl_unpack_u64(in);
    core->births = cl_unpack_u64(in);
    core->inbox_messages_max = cl_unpack_u32(in);
    core->inbox_bytes_max = cl_unpack_u64(in);
    core->inboxes_bytes_max = cl_unpack_u64(in);
    load_relays(load);
    load_msgs(load);
    load_agents(load);
    load_topic(load);
    load_files(load);
    cl_unpack_end(in);
    for (uint32_t i = 0; i < load->msgs_len; i++) {
        demand(load, load->msgs[i]->refs > 1); // no record without a place
        cl_msg_unref(load->msgs[i]);
    }
    cl_free(load->msgs);
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
