// SPDX-License-Identifier: MIT
#include "core/core.h"
#include "core/state.h"

/* Journal time once the command is applied. */
static cl_time
time_of(const struct cl_core *core, const struct cl_command *command)
{
    return command->time.ms > core->time.ms ? command->time : core->time;
}

static enum cl_err
admit_relay_up(const struct cl_core *core, const struct cl_command *command)
{
    uint32_t named = cl_state_relay_named(core, command->relay_up.relay);
    uint32_t known = cl_state_relay_of(core, command->origin);
    if (known < core->relays_len && known != named)
        return CL_ERR_STALE;
    return named == CL_RELAYS_MAX ? CL_ERR_TOO_MANY : CL_OK;
}

static enum cl_err
admit_registration(const struct cl_core *core, const struct cl_command_registration *fields)
{
    const struct cl_agent *agent = cl_core_agent(core, fields->agent);
    uint64_t bytes = core->record_bytes + cl_body_str(fields->record).len;
    if (cl_agent_is_registered(agent) && fields->keeps != 0)
        return CL_OK;
    if (agent != NULL)
        bytes -= cl_body_str(agent->record).len;
    if (!cl_agent_is_registered(agent) && core->agents_count[CL_AGENT_REGISTERED] >= CL_AGENTS_MAX)
        return CL_ERR_TOO_MANY;
    return bytes > CL_RECORDS_BYTES_MAX ? CL_ERR_FULL : CL_OK;
}

static enum cl_err
admit_attach(const struct cl_core *core, uint64_t origin)
{
    return cl_state_relay_of(core, origin) < core->relays_len ? CL_OK : CL_ERR_STALE;
}

static enum cl_err
admit_detach(const struct cl_core *core, uint64_t origin, cl_str id)
{
    const struct cl_agent *agent = cl_core_agent(core, id);
    uint32_t relay = cl_state_relay_of(core, origin);
    if (agent == NULL || relay == core->relays_len)
        return CL_ERR_STALE;
    return cl_state_attachment(agent, relay) != NULL ? CL_OK : CL_ERR_STALE;
}

/* Have all inboxes together room for one more record, in so many of them? */
static bool
is_room_for(const struct cl_core *core, uint64_t cost, uint64_t recipients)
{
    uint64_t wanted = cost + recipients * CL_ENTRY_COST_BYTES;
    return core->inbox_bytes <= core->limits.inboxes_bytes_max &&
           wanted <= core->limits.inboxes_bytes_max - core->inbox_bytes;
}

/* A message of that sender and cost, to one id. On every message's way, so it is no call. */
static inline __attribute__((always_inline)) enum cl_err
admit_to_one(const struct cl_core *core, cl_str to, cl_str from, enum cl_priority priority,
             uint64_t cost)
{
    static const struct cl_inbox none = {.count = 0};
    const struct cl_agent *agent = cl_core_agent(core, to);
    if (agent == NULL && core->agents_count[CL_AGENT_ORPHAN] >= CL_ORPHANS_MAX)
        return CL_ERR_TOO_MANY;
    enum cl_err err =
        cl_state_inbox_takes(core, agent == NULL ? &none : &agent->inbox, from, priority, cost);
    if (err != CL_OK)
        return err;
    return is_room_for(core, cost, 1) ? CL_OK : CL_ERR_FULL;
}

static enum cl_err
refusal_of(enum cl_window_answer answer)
{
    switch (answer) {
    case CL_WINDOW_NEW:
    case CL_WINDOW_DUPLICATE:
        return CL_OK;
    case CL_WINDOW_ENDED:
        return CL_ERR_STALE;
    case CL_WINDOW_UNFIT:
        return CL_ERR_MALFORMED;
    }
    return CL_ERR_MALFORMED;
}

/* Most messages name none. */
static inline bool
is_blob_name(cl_str blob)
{
    return blob.len == 0 || blob.len == sizeof(cl_digest);
}

static enum cl_err
admit_send(const struct cl_core *core, cl_time now, const struct cl_command_send *fields,
           struct cl_place *ret_place)
{
    uint64_t cost = cl_msg_cost_of(fields->from, fields->to, cl_str_of(NULL, 0), fields->body);
    enum cl_err err = CL_OK;
    if (!is_blob_name(fields->blob))
        return CL_ERR_MALFORMED;
    if ((fields->flags & CL_MSG_TRACKED) != 0) {
        enum cl_window_answer answer = cl_sender_ask(core, &CL_TRACKED_OF(fields));
        if (answer != CL_WINDOW_NEW)
            return refusal_of(answer);
    }
    if (fields->expires.ms <= now.ms)
        return CL_ERR_EXPIRED;
    if (cl_chain_is_asked(&core->chains, now, fields->from, fields->flags))
        err = cl_chain_place(core, now, &CL_ASK_OF(fields), ret_place);
    if (err != CL_OK)
        return err;
    return admit_to_one(core, fields->to, fields->from, fields->priority, cost);
}

/* To everyone registered: as if all of them had room. */
static enum cl_err
admit_to_all(const struct cl_core *core, cl_str from, cl_str subject, const struct cl_body *body)
{
    uint64_t cost = cl_msg_cost_of(from, cl_str_of(NULL, 0), subject, body);
    return is_room_for(core, cost, core->agents_count[CL_AGENT_REGISTERED]) ? CL_OK : CL_ERR_FULL;
}

static enum cl_err
admit_publish(const struct cl_core *core, cl_time now, const struct cl_command_publish *fields,
              struct cl_place *ret_place)
{
    enum cl_err err = CL_OK;
    if (!is_blob_name(fields->blob))
        return CL_ERR_MALFORMED;
    if ((fields->flags & CL_MSG_TRACKED) != 0) {
        enum cl_window_answer answer = cl_sender_ask(core, &CL_TRACKED_OF(fields));
        if (answer != CL_WINDOW_NEW)
            return refusal_of(answer);
    }
    if (fields->expires.ms <= now.ms)
        return CL_ERR_EXPIRED;
    if (cl_chain_is_asked(&core->chains, now, fields->from, fields->flags))
        err = cl_chain_place(core, now, &CL_ASK_OF(fields), ret_place);
    if (err != CL_OK)
        return err;
    return admit_to_all(core, fields->from, fields->topic, fields->body);
}

static enum cl_err
admit_ack(const struct cl_core *core, const struct cl_command_ack *fields)
{
    if (fields->rung < CL_RUNG_DELIVERED || !cl_ranges_are_apart(fields->ranges))
        return CL_ERR_MALFORMED;
    return cl_core_agent(core, fields->agent) != NULL ? CL_OK : CL_ERR_NO_AGENT;
}

static enum cl_err
admit_file_put(const struct cl_core *core, const struct cl_command_file_put *fields)
{
    const struct cl_file *file = cl_core_file(core, fields->key);
    struct cl_file_version version = {
        .editor = fields->editor, .type = fields->type, .content = fields->content};
    uint64_t bytes = core->file_bytes + cl_file_version_cost(&version);
    if (file == NULL && core->files.count >= CL_FILES_MAX)
        return CL_ERR_FULL;
    if (file != NULL)
        bytes -= cl_file_push_frees(file);
    if (bytes > CL_FILES_BYTES_MAX)
        return CL_ERR_FULL;
    return admit_to_all(core, fields->editor, fields->key, NULL);
}

static enum cl_err
admit_forget(const struct cl_core *core, cl_time now, cl_str id)
{
    const struct cl_agent *agent = cl_core_agent(core, id);
    if (!cl_agent_is_registered(agent))
        return CL_ERR_NO_AGENT;
    if (cl_agent_is_attached(agent) || agent->inbox.count > 0)
        return CL_ERR_STALE;
    return now.ms - agent->seen.ms >= CL_AGENT_SILENT_MS ? CL_OK : CL_ERR_STALE;
}

static enum cl_err
admit_tick(const struct cl_core *core, const struct cl_command *command)
{
    if (command->tick.due.ms > command->time.ms)
        return CL_ERR_MALFORMED;
    return cl_core_deadline(core).ms <= command->tick.due.ms ? CL_OK : CL_ERR_STALE;
}

static enum cl_err
admit_report(const struct cl_core *core, const struct cl_command_report *fields)
{
    const struct cl_receipt *receipt = cl_core_receipt(core, fields->id);
    if (fields->rung == CL_RUNG_ACCEPTED && fields->outcome == CL_OUTCOME_NONE)
        return CL_ERR_MALFORMED;
    if (receipt == NULL)
        return CL_ERR_NOT_FOUND;
    return cl_str_eq(receipt->to, fields->agent) ? CL_OK : CL_ERR_FORBIDDEN;
}

static enum cl_err
admit_refuse(const struct cl_core *core, const struct cl_command_refuse *fields)
{
    const struct cl_agent *agent = cl_core_agent(core, fields->agent);
    const struct cl_range *range = &fields->ranges.ptr[0];
    uint64_t seq;
    if (range->first != range->last)
        return CL_ERR_MALFORMED;
    if (agent == NULL)
        return CL_ERR_NO_AGENT;
    return cl_inbox_find(&agent->inbox, *range, &seq) != NULL ? CL_OK : CL_ERR_NOT_FOUND;
}

/* May that agent, or the administrator, ask for that letter? */
static enum cl_err
admit_dead(const struct cl_core *core, cl_str agent, cl_id id)
{
    const struct cl_dead *dead = cl_core_dead(core, id);
    if (dead == NULL)
        return CL_ERR_NOT_FOUND;
    bool is_theirs =
        agent.len == 0 || cl_str_eq(agent, dead->msg->from) || cl_str_eq(agent, dead->msg->to);
    return is_theirs ? CL_OK : CL_ERR_FORBIDDEN;
}

static enum cl_err
admit_dead_retry(const struct cl_core *core, cl_time now,
                 const struct cl_command_dead_retry *fields)
{
    enum cl_err err = admit_dead(core, fields->agent, fields->id);
    if (err != CL_OK)
        return err;
    if (fields->expires.ms <= now.ms)
        return CL_ERR_EXPIRED;
    const struct cl_msg *msg = cl_core_dead(core, fields->id)->msg;
    return admit_to_one(core, msg->to, msg->from, msg->priority, cl_msg_cost(msg));
}

bool
cl_core_has_come(const struct cl_core *core, const struct cl_command *draft)
{
    const struct cl_tracked tracked = draft->kind == CL_COMMAND_SEND
                                          ? CL_TRACKED_OF(&draft->send)
                                          : CL_TRACKED_OF(&draft->publish);
    return cl_sender_ask(core, &tracked) == CL_WINDOW_DUPLICATE;
}

enum cl_err
cl_core_admit(const struct cl_core *core, const struct cl_command *command)
{
    struct cl_place place;
    return cl_state_admit(core, command, &place);
}

enum cl_err
cl_state_admit(const struct cl_core *core, const struct cl_command *command,
               struct cl_place *ret_place)
{
    cl_time now = time_of(core, command);
    enum cl_err err = cl_command_check(command);
    *ret_place = (struct cl_place){.hops = 0};
    if (err != CL_OK)
        return err;
    switch (command->kind) {
    case CL_COMMAND_RELAY_UP:
        return admit_relay_up(core, command);
    case CL_COMMAND_REGISTER:
        return admit_registration(core, &command->registration);
    case CL_COMMAND_ATTACH:
        return admit_attach(core, command->origin);
    case CL_COMMAND_DETACH:
        return admit_detach(core, command->origin, command->detach.agent);
    case CL_COMMAND_SEND:
        return admit_send(core, now, &command->send, ret_place);
    case CL_COMMAND_PUBLISH:
        return admit_publish(core, now, &command->publish, ret_place);
    case CL_COMMAND_ACK:
        return admit_ack(core, &command->ack);
    case CL_COMMAND_FILE_PUT:
        return admit_file_put(core, &command->file_put);
    case CL_COMMAND_FORGET:
        return admit_forget(core, now, command->forget.agent);
    case CL_COMMAND_TICK:
        return admit_tick(core, command);
    case CL_COMMAND_REPORT:
        return admit_report(core, &command->report);
    case CL_COMMAND_REFUSE:
        return admit_refuse(core, &command->refuse);
    case CL_COMMAND_RELEASED:
        return cl_core_agent(core, command->released.agent) != NULL ? CL_OK : CL_ERR_NO_AGENT;
    case CL_COMMAND_DEAD_RETRY:
        return admit_dead_retry(core, now, &command->dead_retry);
    case CL_COMMAND_DEAD_DROP:
        return admit_dead(core, command->dead_drop.agent, command->dead_drop.id);
    case CL_COMMAND_ONCE:
        return cl_once_admit(core, now, &command->once);
    case CL_COMMAND_HEARTBEAT:
    case CL_COMMAND_OPEN:
    case CL_COMMAND_CLOSE:
    case CL_COMMAND_RENEW:
    case CL_COMMAND_SETTLE:
    case CL_COMMAND_SETTLED:
    case CL_COMMAND_UNSETTLED:
    case CL_COMMAND_FORGOTTEN:
    case CL_COMMAND_LAPSE:
    case CL_COMMAND_SETTLE_RANGES:
    case CL_COMMAND_RELEASE:
    case CL_COMMAND_PASS:
    case CL_COMMAND_COUNT:
        break;
    }
    return CL_ERR_MALFORMED; // the session's business, not the core's
}
