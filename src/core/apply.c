// SPDX-License-Identifier: MIT
#include "base/assert.h"
#include "core/core.h"
#include "core/state.h"

/* One command being applied. */
struct run {
    struct cl_core *core;
    struct cl_effects *effects;
    size_t reply; // index of its REPLY effect
    uint64_t origin;
};

/* A committed command cannot be refused for lack of memory. */
static void
must(enum cl_err err)
{
    CL_ASSERT(err == CL_OK);
}

static void
tell(struct run *run, enum cl_effect_kind kind, cl_str agent)
{
    cl_effects_add(run->effects, (struct cl_effect){.kind = kind, .agent = agent});
}

static void
note(struct run *run, enum cl_note id, cl_str agent, uint64_t number)
{
    cl_effects_add(run->effects, (struct cl_effect){.kind = CL_EFFECT_NOTE,
                                                    .agent = agent,
                                                    .note = {.id = id, .number = number}});
}

/* The agent with that id; one that is not known yet comes to be in the given state. */
static struct cl_agent *
know(struct run *run, cl_str id, enum cl_agent_state state)
{
    struct cl_core *core = run->core;
    struct cl_agent *agent = cl_map_get(&core->agents_by_id, id);
    struct cl_agent draft = {
        .id = id, .state = state, .since = core->time, .number = core->births + 1};
    if (agent == NULL) {
        must(cl_state_agent_add(core, &draft, &agent));
        core->births++;
    }
    return agent;
}

static void
drop(struct run *run, struct cl_agent *agent)
{
    cl_state_agent_drop(run->core, agent);
    tell(run, CL_EFFECT_FORGET, agent->id);
}

/* An agent that lost an attachment or a message: is there still a reason to know it? */
static void
review(struct run *run, struct cl_agent *agent)
{
    if (agent->state == CL_AGENT_REGISTERED || cl_agent_is_attached(agent))
        return;
    if (agent->inbox.count == 0)
        drop(run, agent);
    else if (agent->state == CL_AGENT_GUEST)
        cl_state_agent_move(run->core, agent, CL_AGENT_ORPHAN);
}

/* -- relays and agents --------------------------------------------------------------------- */

static void
apply_relay_up(struct run *run, const struct cl_command_relay_up *fields)
{
    struct cl_core *core = run->core;
    uint64_t voided = 0;
    uint32_t relay = cl_state_relay_named(core, fields->relay);
    if (relay == core->relays_len)
        must(cl_state_relay_add(core, fields->relay, run->origin));
    core->relays[relay]->epoch = run->origin;
    core->inbox_messages_max = fields->inbox_messages_max;
    core->inbox_bytes_max = fields->inbox_bytes_max;
    core->inboxes_bytes_max = fields->inboxes_bytes_max;

    for (size_t state = CL_AGENT_REGISTERED; state <= CL_AGENT_GUEST; state++) {
        CL_LIST_EACH(&core->agents[state], at)
        {
            struct cl_agent *agent = cl_state_agent_at(at);
            if (cl_state_detach_all(agent, relay)) {
                voided++;
                review(run, agent);
            }
        }
    }
    note(run, CL_NOTE_RELAY_UP, core->relays[relay]->name, voided);
}

static void
apply_registration(struct run *run, const struct cl_command_registration *fields)
{
    struct cl_core *core = run->core;
    const struct cl_agent *before = cl_core_agent(core, fields->agent);
    bool was_registered = cl_agent_is_registered(before);
    struct cl_agent *agent = know(run, fields->agent, CL_AGENT_REGISTERED);
    if (agent->state != CL_AGENT_REGISTERED)
        cl_state_agent_move(core, agent, CL_AGENT_REGISTERED);
    cl_state_record_set(core, agent, fields->record);
    agent->updated = core->time;
    agent->seen = core->time;
    note(run, CL_NOTE_AGENT_JOINED, agent->id, was_registered);
}

static void
apply_attach(struct run *run, cl_str id)
{
    struct cl_core *core = run->core;
    struct cl_agent *agent = know(run, id, CL_AGENT_GUEST);
    if (agent->state == CL_AGENT_ORPHAN)
        cl_state_agent_move(core, agent, CL_AGENT_GUEST);
    must(cl_state_attach(agent, cl_state_relay_of(core, run->origin), 1));
    agent->seen = core->time;
    if (agent->inbox.count > 0)
        tell(run, CL_EFFECT_READY, agent->id);
}

static void
apply_detach(struct run *run, cl_str id)
{
    struct cl_agent *agent = cl_map_get(&run->core->agents_by_id, id);
    uint32_t relay = cl_state_relay_of(run->core, run->origin);
    if (--cl_state_attachment(agent, relay)->count == 0)
        (void)cl_state_detach_all(agent, relay); // there is one
    review(run, agent);
}

static void
apply_forget(struct run *run, cl_str id)
{
    struct cl_agent *agent = cl_map_get(&run->core->agents_by_id, id);
    drop(run, agent);
    note(run, CL_NOTE_AGENT_FORGOTTEN, agent->id, 0);
}

/* -- messages ------------------------------------------------------------------------------ */

/* A record in the core's list, and a reference to it for the caller. */
static struct cl_msg *
bear(struct run *run, struct cl_msg draft)
{
    struct cl_core *core = run->core;
    cl_time last = cl_time_add(core->time, CL_MESSAGE_LIFE_MS);
    draft.created = core->time;
    draft.rung = CL_RUNG_ACCEPTED;
    draft.rung_at = core->time;
    if (draft.expires.ms > last.ms)
        draft.expires = last;
    draft.number = ++core->births;
    struct cl_msg *msg = cl_msg_new(&draft);
    CL_ASSERT(msg != NULL);
    cl_list_append(&core->msgs, &msg->link);
    return msg;
}

/* Into every registered agent's inbox but the sender's; one that does not take it, being full or
 * holding the sender's share already, is passed over. */
static void
deliver_to_all(struct run *run, struct cl_msg *msg)
{
    uint64_t recipients = 0;
    uint64_t cost = cl_msg_cost(msg);
    const struct cl_agent *sender = cl_core_agent(run->core, msg->from);
    CL_LIST_EACH(&run->core->agents[CL_AGENT_REGISTERED], at)
    {
        struct cl_agent *agent = cl_state_agent_at(at);
        if (agent == sender)
            continue;
        enum cl_err err =
            cl_state_inbox_takes(run->core, &agent->inbox, msg->from, msg->priority, cost);
        if (err == CL_OK) {
            must(cl_state_enqueue(run->core, agent, msg));
            recipients++;
        } else {
            note(run, CL_NOTE_INBOX_PASSED, agent->id, agent->inbox.count);
        }
    }
    run->effects->items[run->reply].reply.recipients = recipients;
    if (recipients > 0) // one effect, not one for each
        tell(run, CL_EFFECT_READY_ALL, CL_STR(""));
}

static void
apply_send(struct run *run, const struct cl_command_send *fields)
{
    struct cl_agent *agent = know(run, fields->to, CL_AGENT_ORPHAN);
    struct cl_msg *msg = bear(run, (struct cl_msg){.id = fields->id,
                                                   .re = fields->re,
                                                   .stream = fields->stream,
                                                   .seq = fields->seq,
                                                   .from = fields->from,
                                                   .to = fields->to,
                                                   .kind = fields->kind,
                                                   .priority = fields->priority,
                                                   .media = fields->media,
                                                   .expires = fields->expires,
                                                   .body = fields->body});
    must(cl_state_enqueue(run->core, agent, msg));
    tell(run, CL_EFFECT_READY, agent->id);
    run->effects->items[run->reply].reply.recipients = 1;
    cl_msg_unref(msg);
}

static void
apply_publish(struct run *run, const struct cl_command_publish *fields)
{
    struct cl_msg *msg = bear(run, (struct cl_msg){.id = fields->id,
                                                   .re = fields->re,
                                                   .stream = fields->stream,
                                                   .seq = fields->seq,
                                                   .from = fields->from,
                                                   .subject = fields->topic,
                                                   .kind = fields->kind,
                                                   .priority = fields->priority,
                                                   .media = fields->media,
                                                   .expires = fields->expires,
                                                   .body = fields->body});
    deliver_to_all(run, msg);
    run->core->topic.ever++;
    cl_topic_push(&run->core->topic, msg);
    cl_msg_unref(msg);
}

static void
apply_ack(struct run *run, const struct cl_command_ack *fields)
{
    struct cl_agent *agent = cl_map_get(&run->core->agents_by_id, fields->agent);
    struct cl_taken taken = {.rung = fields->rung};
    for (uint32_t i = 0; i < fields->ranges.len; i++) {
        const struct cl_range *range = &fields->ranges.ptr[i];
        uint64_t seq = range->first;
        while (cl_inbox_next(&agent->inbox, range->priority, seq, &seq) != NULL &&
               seq <= range->last)
            cl_state_dequeue(run->core, agent, range->priority, seq, taken);
    }
    agent->seen = run->core->time;
    review(run, agent);
}

/* -- files --------------------------------------------------------------------------------- */

static void
apply_file_put(struct run *run, const struct cl_command_file_put *fields)
{
    struct cl_core *core = run->core;
    struct cl_file *file = cl_map_get(&core->files, fields->key);
    if (file == NULL)
        file = cl_state_file_add(core, fields->key);
    CL_ASSERT(file != NULL);
    uint64_t number = file->versions_len == 0 ? 1 : cl_file_latest(file)->version + 1;
    struct cl_file_version *version =
        cl_file_version_new(&(struct cl_file_version){.version = number,
                                                      .updated = core->time,
                                                      .editor = fields->editor,
                                                      .type = fields->type,
                                                      .content = fields->content});
    CL_ASSERT(version != NULL);
    cl_state_file_push(core, file, version);
    run->effects->items[run->reply].reply.version = number;

    struct cl_msg *msg = bear(run, (struct cl_msg){.id = fields->id,
                                                   .from = fields->editor,
                                                   .subject = fields->key,
                                                   .version = number,
                                                   .kind = CL_MSG_FILE,
                                                   .priority = CL_PRIORITY_NORMAL,
                                                   .expires = CL_TIME_NEVER});
    deliver_to_all(run, msg);
    cl_msg_unref(msg);
    note(run, CL_NOTE_FILE_UPDATED, version->editor, number);
    run->effects->items[run->effects->len - 1].note.file = file->key;
}

/* -- time ---------------------------------------------------------------------------------- */

/* Messages that expire at or before due leave the inbox. */
static void
expire_messages(struct run *run, struct cl_agent *agent, cl_time due)
{
    struct cl_taken taken = {.outcome = CL_OUTCOME_EXPIRED};
    const struct cl_msg *msg;
    uint64_t expired = 0;
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++) {
        for (uint64_t seq = 0; (msg = cl_inbox_next(&agent->inbox, i, seq, &seq)) != NULL; seq++) {
            if (msg->expires.ms > due.ms)
                continue;
            cl_state_dequeue(run->core, agent, i, seq, taken);
            expired++;
        }
    }
    cl_inbox_refresh_earliest(&agent->inbox);
    must(cl_state_expiry_update(run->core, agent));
    if (expired > 0)
        note(run, CL_NOTE_MESSAGES_EXPIRED, agent->id, expired);
    review(run, agent);
}

static void
apply_tick(struct run *run, cl_time due)
{
    struct cl_core *core = run->core;
    struct cl_heap_node *expiry;
    while ((expiry = cl_heap_first(&core->expiries)) != NULL && expiry->key <= due.ms)
        expire_messages(run, CL_LIST_ENTRY(expiry, struct cl_agent, expiry), due);

    CL_LIST_EACH(&core->agents[CL_AGENT_ORPHAN], at)
    {
        struct cl_agent *agent = cl_state_agent_at(at);
        uint32_t lost = agent->inbox.count;
        if (cl_time_add(agent->since, CL_ORPHAN_LIFE_MS).ms > due.ms)
            break;
        drop(run, agent);
        note(run, CL_NOTE_ORPHAN_DROPPED, agent->id, lost);
    }
}

/* -- all of them --------------------------------------------------------------------------- */

static void
apply_admitted(struct run *run, const struct cl_command *command)
{
    switch (command->kind) {
    case CL_COMMAND_RELAY_UP:
        apply_relay_up(run, &command->relay_up);
        break;
    case CL_COMMAND_REGISTER:
        apply_registration(run, &command->registration);
        break;
    case CL_COMMAND_ATTACH:
        apply_attach(run, command->attach.agent);
        break;
    case CL_COMMAND_DETACH:
        apply_detach(run, command->detach.agent);
        break;
    case CL_COMMAND_SEND:
        apply_send(run, &command->send);
        break;
    case CL_COMMAND_PUBLISH:
        apply_publish(run, &command->publish);
        break;
    case CL_COMMAND_ACK:
        apply_ack(run, &command->ack);
        break;
    case CL_COMMAND_FILE_PUT:
        apply_file_put(run, &command->file_put);
        break;
    case CL_COMMAND_FORGET:
        apply_forget(run, command->forget.agent);
        break;
    case CL_COMMAND_TICK:
        apply_tick(run, command->tick.due);
        break;
    case CL_COMMAND_HEARTBEAT:
    case CL_COMMAND_OPEN:
    case CL_COMMAND_CLOSE:
    case CL_COMMAND_RENEW:
    case CL_COMMAND_SETTLE:
    case CL_COMMAND_SETTLED:
    case CL_COMMAND_UNSETTLED:
    case CL_COMMAND_FORGOTTEN:
    case CL_COMMAND_LAPSE:
    case CL_COMMAND_COUNT:
        break; // never admitted
    }
}

void
cl_core_apply(struct cl_core *core, const struct cl_command *command, struct cl_effects *effects)
{
    struct run run = {core, effects, effects->len, command->origin};
    cl_state_bury(core);
    if (command->time.ms > core->time.ms)
        core->time = command->time;
    core->applied++;

    enum cl_err err = cl_core_admit(core, command);
    cl_effects_add(effects, (struct cl_effect){.kind = CL_EFFECT_REPLY,
                                               .reply = {.command_kind = command->kind,
                                                         .origin = command->origin,
                                                         .ticket = command->ticket,
                                                         .err = err}});
    if (err == CL_OK)
        apply_admitted(&run, command);
}
