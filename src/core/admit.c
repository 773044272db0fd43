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
    return core->inbox_bytes <= core->inboxes_bytes_max &&
           wanted <= core->inboxes_bytes_max - core->inbox_bytes;
}

static enum cl_err
admit_send(const struct cl_core *core, cl_time now, const struct cl_command_send *fields)
{
    static const struct cl_inbox none = {.count = 0};
    const struct cl_agent *agent = cl_core_agent(core, fields->to);
    uint64_t cost = cl_msg_cost_of(fields->from, fields->to, cl_str_of(NULL, 0), fields->body);
    if (fields->expires.ms <= now.ms)
        return CL_ERR_STALE;
    if (agent == NULL && core->agents_count[CL_AGENT_ORPHAN] >= CL_ORPHANS_MAX)
        return CL_ERR_TOO_MANY;
    enum cl_err err = cl_state_inbox_takes(core, agent == NULL ? &none : &agent->inbox,
                                           fields->from, fields->priority, cost);
    if (err != CL_OK)
        return err;
    return is_room_for(core, cost, 1) ? CL_OK : CL_ERR_FULL;
}

/* To everyone registered: as if all of them had room. */
static enum cl_err
admit_to_all(const struct cl_core *core, cl_str from, cl_str subject, const struct cl_body *body)
{
    uint64_t cost = cl_msg_cost_of(from, cl_str_of(NULL, 0), subject, body);
    return is_room_for(core, cost, core->agents_count[CL_AGENT_REGISTERED]) ? CL_OK : CL_ERR_FULL;
}

static enum cl_err
admit_publish(const struct cl_core *core, cl_time now, const struct cl_command_publish *fields)
{
    if (fields->expires.ms <= now.ms)
        return CL_ERR_STALE;
    return admit_to_all(core, fields->from, fields->topic, fields->body);
}

static enum cl_err
admit_ack(const struct cl_core *core, const struct cl_command_ack *fields)
{
    if (fields->rung < CL_RUNG_DELIVERED)
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

enum cl_err
cl_core_admit(const struct cl_core *core, const struct cl_command *command)
{
    cl_time now = time_of(core, command);
    enum cl_err err = cl_command_check(command);
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
        return admit_send(core, now, &command->send);
    case CL_COMMAND_PUBLISH:
        return admit_publish(core, now, &command->publish);
    case CL_COMMAND_ACK:
        return admit_ack(core, &command->ack);
    case CL_COMMAND_FILE_PUT:
        return admit_file_put(core, &command->file_put);
    case CL_COMMAND_FORGET:
        return admit_forget(core, now, command->forget.agent);
    case CL_COMMAND_TICK:
        return admit_tick(core, command);
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
        break;
    }
    return CL_ERR_MALFORMED; // the session's business, not the core's
}
