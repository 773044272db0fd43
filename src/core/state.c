// SPDX-License-Identifier: MIT
#include "core/state.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

/* -- agents -------------------------------------------------------------------------------- */

enum cl_err
cl_state_agent_add(struct cl_core *core, const struct cl_agent *draft, struct cl_agent **ret_agent)
{
    struct cl_agent *agent = cl_alloc(sizeof *agent + draft->id.len);
    if (agent == NULL)
        return CL_ERR_NO_MEMORY;
    agent->id = cl_str_of(agent + 1, draft->id.len);
    memcpy(agent + 1, draft->id.ptr, draft->id.len);
    enum cl_err err = cl_map_put(&core->agents_by_id, agent->id, agent);
    if (err != CL_OK) {
        cl_free(agent);
        return err;
    }
    agent->state = draft->state;
    agent->since = draft->since;
    agent->updated = draft->updated;
    agent->seen = draft->seen;
    agent->proven = draft->proven;
    agent->took = draft->took;
    agent->number = draft->number;
    agent->expiry.tie = draft->number;
    // Births rise faster than any lane, so these numbers are new for this id.
    cl_inbox_init(&agent->inbox, draft->number);
    cl_list_append(&core->agents[agent->state], &agent->link);
    core->agents_count[agent->state]++;
    *ret_agent = agent;
    return CL_OK;
}

void
cl_state_agent_move(struct cl_core *core, struct cl_agent *agent, enum cl_agent_state state)
{
    core->agents_count[agent->state]--;
    core->agents_count[state]++;
    cl_list_remove(&agent->link);
    cl_list_append(&core->agents[state], &agent->link);
    agent->state = state;
    agent->since = core->time;
}

void
cl_state_record_set(struct cl_core *core, struct cl_agent *agent, struct cl_body *record)
{
    core->record_bytes += cl_body_str(record).len;
    core->record_bytes -= cl_body_str(agent->record).len;
    (void)cl_body_ref(record);
    cl_body_unref(agent->record);
    agent->record = record;
}

void
cl_state_agent_drop(struct cl_core *core, struct cl_agent *agent)
{
    struct cl_end unclaimed = {.outcome = CL_OUTCOME_DEAD, .cause = CL_CAUSE_UNCLAIMED};
    uint64_t seq;
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        while (cl_inbox_next(&agent->inbox, i, 0, &seq) != NULL)
            cl_dead_end(core, agent, (struct cl_range){i, seq, seq}, unclaimed);
    cl_inbox_done(&agent->inbox);
    cl_state_record_set(core, agent, NULL);
    cl_free(agent->attachments);
    cl_map_remove(&core->agents_by_id, agent->id);
    core->agents_count[agent->state]--;
    cl_list_remove(&agent->link);
    cl_list_append(&core->dropped, &agent->link);
}

void
cl_state_bury(struct cl_core *core)
{
    CL_LIST_EACH(&core->dropped, at)
    {
        cl_list_remove(at);
        cl_free(cl_state_agent_at(at));
    }
    cl_names_bury(&core->names);
}

/* -- relays and attachments ---------------------------------------------------------------- */

uint32_t
cl_state_relay_of(const struct cl_core *core, uint64_t epoch)
{
    uint32_t index = 0;
    while (index < core->relays_len && core->relays[index]->epoch != epoch)
        index++;
    return index;
}

uint32_t
cl_state_relay_named(const struct cl_core *core, cl_str name)
{
    uint32_t index = 0;
    while (index < core->relays_len && !cl_str_eq(core->relays[index]->name, name))
        index++;
    return index;
}

enum cl_err
cl_state_relay_add(struct cl_core *core, cl_str name, uint64_t epoch)
{
    CL_ASSERT(core->relays_len < CL_RELAYS_MAX);
    struct cl_relay *relay = cl_alloc(sizeof *relay + name.len);
    if (relay == NULL)
        return CL_ERR_NO_MEMORY;
    relay->epoch = epoch;
    relay->name = cl_str_of(relay + 1, name.len);
    memcpy(relay + 1, name.ptr, name.len);
    core->relays[core->relays_len++] = relay;
    return CL_OK;
}

struct cl_attachment *
cl_state_attachment(const struct cl_agent *agent, uint32_t relay)
{
    for (uint32_t i = 0; i < agent->attachments_len; i++)
        if (agent->attachments[i].relay == relay)
            return &agent->attachments[i];
    return NULL;
}

enum cl_err
cl_state_attach(struct cl_agent *agent, uint32_t relay, uint64_t count)
{
    struct cl_attachment *attachment = cl_state_attachment(agent, relay);
    if (attachment != NULL) {
        attachment->count += count;
        return CL_OK;
    }
    struct cl_attachment *grown =
        cl_realloc(agent->attachments, (agent->attachments_len + 1) * sizeof *grown);
    if (grown == NULL)
        return CL_ERR_NO_MEMORY;
    grown[agent->attachments_len++] = (struct cl_attachment){relay, count};
    agent->attachments = grown;
    return CL_OK;
}

bool
cl_state_detach_all(struct cl_agent *agent, uint32_t relay)
{
    struct cl_attachment *gone = cl_state_attachment(agent, relay);
    if (gone == NULL)
        return false;
    struct cl_attachment *end = agent->attachments + agent->attachments_len--;
    memmove(gone, gone + 1, (size_t)(end - (gone + 1)) * sizeof *gone);
    return true;
}

/* -- inboxes ------------------------------------------------------------------------------- */

int64_t
cl_state_expiry_key(const struct cl_inbox *inbox)
{
    int64_t ms = inbox->earliest.ms;
    return ms > INT64_MAX - 999 ? INT64_MAX : (ms + 999) / 1000 * 1000;
}

enum cl_err
cl_state_expiry_update(struct cl_core *core, struct cl_agent *agent)
{
    int64_t key = cl_state_expiry_key(&agent->inbox);
    if (agent->inbox.count == 0)
        cl_heap_remove(&core->expiries, &agent->expiry);
    else if (agent->expiry.place == 0 || agent->expiry.key != key)
        return cl_heap_set(&core->expiries, &agent->expiry, key);
    return CL_OK;
}

static struct cl_share
share_of(const struct cl_core *core, const struct cl_inbox *inbox, cl_str from)
{
    if (!cl_inbox_keeps_shares(inbox))
        return cl_inbox_count_share(inbox, from);
    return cl_shares_of(&inbox->shares, cl_hash_long(&core->agents_by_id.hash_key, from));
}

enum cl_err
cl_state_share_takes(const struct cl_core *core, const struct cl_inbox *inbox, cl_str from,
                     uint64_t cost)
{
    uint32_t half_of_messages = core->limits.inbox_messages_max / 2;
    struct cl_share share = share_of(core, inbox, from);
    if (share.count > 0 &&
        (share.count >= half_of_messages || share.bytes + cost > core->limits.inbox_bytes_max / 2))
        return CL_ERR_FAIR_SHARE;
    return CL_OK;
}

enum cl_err
cl_state_shares_update(const struct cl_core *core, struct cl_inbox *inbox,
                       enum cl_priority priority)
{
    if (cl_inbox_span(inbox, priority) < CL_SHARES_COUNTED_MAX || cl_inbox_keeps_shares(inbox))
        return CL_OK;
    return cl_inbox_keep_shares(inbox, &core->agents_by_id.hash_key);
}

/* Before it comes into an inbox that is long, or was since it was empty. */
static __attribute__((noinline)) enum cl_err
name_for_share(struct cl_core *core, struct cl_inbox *inbox, struct cl_msg *msg)
{
    enum cl_err err = cl_state_shares_update(core, inbox, msg->priority);
    if (cl_inbox_keeps_shares(inbox))
        cl_msg_name_sender(msg, cl_inbox_last(inbox, msg->priority), &core->agents_by_id.hash_key);
    return err;
}

enum cl_err
cl_state_enqueue(struct cl_core *core, struct cl_agent *agent, struct cl_msg *msg)
{
    struct cl_inbox *inbox = &agent->inbox;
    bool expires_first = msg->expires.ms < inbox->earliest.ms;
    bool is_long = cl_inbox_span(inbox, msg->priority) >= CL_SHARES_COUNTED_MAX;
    enum cl_err err = CL_OK;
    if (is_long || cl_inbox_keeps_shares(inbox))
        err = name_for_share(core, inbox, msg);
    if (err == CL_OK)
        err = cl_inbox_put(inbox, msg);
    if (err != CL_OK)
        return err;
    if (msg->waiting++ == 0)
        core->inbox_bytes += cl_msg_cost(msg);
    core->inbox_bytes += CL_ENTRY_COST_BYTES;
    core->waiting++;
    (void)cl_msg_ref(msg);
    return expires_first ? cl_state_expiry_update(core, agent) : CL_OK;
}

struct cl_msg *
cl_state_dequeue(struct cl_core *core, struct cl_agent *agent, enum cl_priority priority,
                 uint64_t seq)
{
    struct cl_msg *msg = cl_inbox_remove(&agent->inbox, priority, seq);
    CL_ASSERT(msg != NULL);
    if (--msg->waiting == 0)
        core->inbox_bytes -= cl_msg_cost(msg);
    core->inbox_bytes -= CL_ENTRY_COST_BYTES;
    core->waiting--;
    if (agent->inbox.count == 0)
        cl_heap_remove(&core->expiries, &agent->expiry);
    return msg;
}

/* -- files --------------------------------------------------------------------------------- */

struct cl_file *
cl_state_file_add(struct cl_core *core, cl_str key)
{
    struct cl_file *file = cl_file_new(key);
    if (file == NULL)
        return NULL;
    if (cl_map_put(&core->files, file->key, file) != CL_OK) {
        cl_file_free(file);
        return NULL;
    }
    return file;
}

void
cl_state_file_push(struct cl_core *core, struct cl_file *file, struct cl_file_version *version)
{
    core->file_bytes += cl_file_version_cost(version);
    core->file_bytes -= cl_file_push(file, version);
}
