// SPDX-License-Identifier: MIT
#include "sim/rules.h"

#include <string.h>

#include "sim/report.h"

uint64_t
rules_uid(cl_id id)
{
    uint64_t uid = 0;
    for (unsigned i = 8; i > 0; i--)
        uid = uid << 8 | id.bytes[i - 1];
    return uid;
}

/* -- refusals ---------------------------------------------------------------------------------- */

static uint64_t
cost_of(cl_str from, cl_str to, cl_str subject, const struct cl_body *body)
{
    return CL_MESSAGE_COST_BYTES + from.len + to.len + subject.len + cl_body_str(body).len;
}

static enum cl_err
to_all(const struct model *model, const struct cl_core *core, uint64_t cost)
{
    uint64_t registered = 0;
    for (uint32_t a = 0; a < MODEL_AGENTS; a++)
        registered += model->agents[a].is_registered;
    uint64_t wanted = cost + registered * CL_ENTRY_COST_BYTES;
    return cl_core_stats(core).inbox_bytes + wanted > SIM_INBOXES_BYTES ? CL_ERR_FULL : CL_OK;
}

struct rules_share
rules_share(const struct cl_core *core, cl_str to, cl_str from)
{
    const struct cl_agent *agent = cl_core_agent(core, to);
    const struct cl_msg *msg;
    struct rules_share share = {0};
    for (enum cl_priority p = 0; agent != NULL && p < CL_PRIORITY_COUNT; p++)
        for (uint64_t seq = 0; (msg = cl_inbox_next(&agent->inbox, p, seq, &seq)) != NULL; seq++)
            if (cl_str_eq(msg->from, from)) {
                share.messages++;
                share.bytes += cost_of(msg->from, msg->to, msg->subject, msg->body);
            }
    return share;
}

bool
rules_share_is_fair(struct rules_share share)
{
    bool is_half = share.messages * 2 <= SIM_INBOX_MESSAGES && share.bytes * 2 <= SIM_INBOX_BYTES;
    return is_half || share.messages == 1;
}

/* Full and half count what expired and has not been swept out yet. */
enum cl_err
rules_inbox(const struct cl_core *core, cl_str to, cl_str from, uint64_t cost)
{
    const struct cl_agent *agent = cl_core_agent(core, to);
    struct rules_share share = rules_share(core, to, from);
    uint64_t count = agent == NULL ? 0 : agent->inbox.count;
    uint64_t bytes = agent == NULL ? 0 : agent->inbox.bytes;
    if (count >= SIM_INBOX_MESSAGES || bytes + cost > SIM_INBOX_BYTES)
        return CL_ERR_INBOX_FULL;
    share.messages++;
    share.bytes += cost;
    return rules_share_is_fair(share) ? CL_OK : CL_ERR_FAIR_SHARE;
}

static enum cl_err
send(const struct cl_core *core, const struct cl_command_send *send)
{
    uint64_t cost = cost_of(send->from, send->to, CL_STR(""), send->body);
    enum cl_err err = rules_inbox(core, send->to, send->from, cost);
    if (err != CL_OK)
        return err;
    uint64_t all = cl_core_stats(core).inbox_bytes + cost + CL_ENTRY_COST_BYTES;
    return all > SIM_INBOXES_BYTES ? CL_ERR_FULL : CL_OK;
}

static enum cl_err
forget(const struct model *model, const struct cl_core *core, cl_str id, cl_time now)
{
    const struct model_agent *agent = &model->agents[model_agent(model, id)];
    const struct cl_agent *known = cl_core_agent(core, id);
    if (!agent->is_registered)
        return CL_ERR_NO_AGENT;
    if (model_is_attached(agent) || known == NULL || known->inbox.count > 0)
        return CL_ERR_STALE;
    return now.ms - agent->seen.ms >= CL_AGENT_SILENT_MS ? CL_OK : CL_ERR_STALE;
}

static enum cl_err
relay_up(const struct model *model, const struct cl_command *command)
{
    uint32_t relay = model_relay(model, command->origin);
    if (relay == MODEL_RELAYS)
        return CL_OK;
    bool is_own = cl_str_eq(command->relay_up.relay, cl_str_z(model_relays[relay]));
    return is_own ? CL_OK : CL_ERR_STALE;
}

/* What comes before time and room: has it come before, and may its chain go on? */
static enum cl_err
message(const struct model *model, const struct cl_command *command, cl_time now,
        bool *ret_is_through)
{
    struct post_ask ask = post_ask_of(model, command);
    cl_time expires =
        command->kind == CL_COMMAND_SEND ? command->send.expires : command->publish.expires;
    struct post_took place;
    enum cl_err err = CL_OK;
    bool is_duplicate = false;
    cl_str blob = command->kind == CL_COMMAND_SEND ? command->send.blob : command->publish.blob;
    *ret_is_through = true;
    if (blob.len > 0 && blob.len != sizeof(cl_digest))
        return CL_ERR_MALFORMED;
    if ((ask.flags & CL_MSG_TRACKED) != 0)
        err = post_tracked(&model->post, &ask, &is_duplicate);
    if (err != CL_OK || is_duplicate)
        return err;
    if (expires.ms <= now.ms)
        return CL_ERR_EXPIRED;
    err = post_place(&model->post, now, &ask, &place);
    *ret_is_through = err != CL_OK;
    return err;
}

/* How many of the first so many ranges have that number. */
static uint32_t
having(cl_ranges ranges, uint32_t len, enum cl_priority priority, uint64_t number)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < len; i++) {
        const struct cl_range *range = &ranges.ptr[i];
        count += range->priority == priority && range->first <= number && number <= range->last;
    }
    return count;
}

/* No number is in two ranges; random ones are short. */
static bool
are_apart(cl_ranges ranges)
{
    for (uint32_t i = 0; i < ranges.len; i++) {
        const struct cl_range *range = &ranges.ptr[i];
        for (uint64_t number = range->first; number <= range->last; number++)
            if (having(ranges, i, range->priority, number) > 0)
                return false;
    }
    return true;
}

/* CL_ONCE_MAX is for the crowd. */
static enum cl_err
once(const struct model *model, const struct cl_command_once *fields, cl_time now)
{
    uint32_t which = model_once(fields->digest);
    if (which == MODEL_ONCES || fields->until.ms - now.ms > CL_ONCE_LIFE_MS)
        return CL_ERR_MALFORMED;
    if (fields->until.ms <= now.ms)
        return CL_ERR_EXPIRED;
    return model->onces[which].ms > now.ms ? CL_ERR_STALE : CL_OK;
}

enum cl_err
rules_durable(const struct model *model, const struct cl_core *core,
              const struct cl_command *command)
{
    const struct model_agent *agents = model->agents;
    uint32_t relay = model_relay(model, command->origin);
    cl_time now = cl_core_time(core);
    enum cl_err err;
    bool is_through;
    if (command->time.ms > now.ms)
        now = command->time;
    switch ((int)command->kind) {
    case CL_COMMAND_RELAY_UP:
        return relay_up(model, command);
    case CL_COMMAND_ATTACH:
        return relay < MODEL_RELAYS ? CL_OK : CL_ERR_STALE;
    case CL_COMMAND_DETACH:
        if (relay == MODEL_RELAYS)
            return CL_ERR_STALE;
        return agents[model_agent(model, command->detach.agent)].attached[relay] > 0 ? CL_OK
                                                                                     : CL_ERR_STALE;
    case CL_COMMAND_SEND:
    case CL_COMMAND_PUBLISH:
        err = message(model, command, now, &is_through);
        if (is_through)
            return err;
        if (command->kind == CL_COMMAND_SEND)
            return send(core, &command->send);
        return to_all(model, core,
                      cost_of(command->publish.from, CL_STR(""), command->publish.topic,
                              command->publish.body));
    case CL_COMMAND_ACK:
        if (command->ack.rung < CL_RUNG_DELIVERED || !are_apart(command->ack.ranges))
            return CL_ERR_MALFORMED;
        return agents[model_agent(model, command->ack.agent)].is_known ? CL_OK : CL_ERR_NO_AGENT;
    case CL_COMMAND_FILE_PUT:
        return to_all(model, core,
                      cost_of(command->file_put.editor, CL_STR(""), command->file_put.key, NULL));
    case CL_COMMAND_FORGET:
        return forget(model, core, command->forget.agent, now);
    case CL_COMMAND_TICK:
        if (command->tick.due.ms > command->time.ms)
            return CL_ERR_MALFORMED;
        return cl_core_deadline(core).ms <= command->tick.due.ms ? CL_OK : CL_ERR_STALE;
    case CL_COMMAND_ONCE:
        return once(model, &command->once, now);
    default:
        return post_rules(model, core, command, now);
    }
}

/* The holder, while it is open; else NULL. */
static const struct model_holder *
open_holder(const struct model *model, uint64_t number)
{
    const struct model_holder *holder = model_holder(model, number);
    return holder != NULL && holder->is_open ? holder : NULL;
}

static enum cl_err
settle_ranges(const struct model_holder *holder, const struct cl_command_settle_ranges *fields)
{
    bool is_one =
        fields->ranges.len == 1 && fields->ranges.ptr[0].first == fields->ranges.ptr[0].last;
    bool is_well = fields->refuses != 0 ? is_one : fields->rung >= CL_RUNG_DELIVERED;
    if (holder == NULL)
        return CL_ERR_NOT_FOUND;
    return is_well && holder->kind == CL_HOLDER_RANGED ? CL_OK : CL_ERR_MALFORMED;
}

enum cl_err
rules_volatile(const struct model *model, const struct cl_command *command)
{
    const struct model_holder *holder;
    switch ((int)command->kind) {
    case CL_COMMAND_HEARTBEAT:
        return model->agents[model_agent(model, command->heartbeat.agent)].is_registered
                   ? CL_OK
                   : CL_ERR_NO_AGENT;
    case CL_COMMAND_OPEN:
        return open_holder(model, command->open.holder) != NULL ? CL_ERR_STALE : CL_OK;
    case CL_COMMAND_CLOSE:
        return open_holder(model, command->close.holder) != NULL ? CL_OK : CL_ERR_NOT_FOUND;
    case CL_COMMAND_RENEW:
        holder = open_holder(model, command->renew.holder);
        return holder != NULL && holder->kind == CL_HOLDER_POLL ? CL_OK : CL_ERR_NOT_FOUND;
    case CL_COMMAND_SETTLE:
        holder = open_holder(model, command->settle.holder);
        if (holder == NULL)
            return CL_ERR_NOT_FOUND;
        return command->settle.batch > holder->batches || holder->kind == CL_HOLDER_RANGED ||
                       command->settle.rung < CL_RUNG_DELIVERED
                   ? CL_ERR_MALFORMED
                   : CL_OK;
    case CL_COMMAND_SETTLE_RANGES:
        return settle_ranges(open_holder(model, command->settle_ranges.holder),
                             &command->settle_ranges);
    case CL_COMMAND_RELEASE:
        holder = open_holder(model, command->release.holder);
        if (holder == NULL)
            return CL_ERR_NOT_FOUND;
        return holder->kind == CL_HOLDER_RANGED ? CL_OK : CL_ERR_MALFORMED;
    default:
        return CL_OK;
    }
}

/* -- checks ------------------------------------------------------------------------------------ */

static bool
is_orphan(const struct model_agent *agent)
{
    return agent->is_known && !agent->is_registered && !model_is_attached(agent);
}

void
rules_check_forget(const struct model *model, uint32_t a, const struct cl_command *command)
{
    const struct model_agent *agent = &model->agents[a];
    cl_time end = cl_time_add(agent->orphan_since, CL_ORPHAN_LIFE_MS);
    bool is_due = command->kind == CL_COMMAND_TICK && end.ms <= command->tick.due.ms;
    bool was_asked =
        command->kind == CL_COMMAND_FORGET && cl_str_eq(command->forget.agent, cl_str_z(agent->id));
    SIM_CHECK(was_asked || is_orphan(agent),
              "only orphans, and agents that are to be forgotten, lose their inbox");
    SIM_CHECK(is_due || model_waiting(model, a) == 0,
              "nothing is lost: an inbox is dropped empty, or as an orphan's in its time");
}

void
rules_check_tick(const struct model *model, const struct cl_core *core, cl_time due)
{
    for (uint32_t a = 0; a < MODEL_AGENTS; a++) {
        const struct model_agent *agent = &model->agents[a];
        const struct cl_agent *known = cl_core_agent(core, cl_str_z(agent->id));
        cl_time end = cl_time_add(agent->orphan_since, CL_ORPHAN_LIFE_MS);
        SIM_CHECK(!is_orphan(agent) || end.ms > due.ms, "an orphan is dropped in its time");
        for (enum cl_priority p = 0; known != NULL && p < CL_PRIORITY_COUNT; p++) {
            const struct cl_msg *msg;
            for (uint64_t seq = 0; (msg = cl_inbox_next(&known->inbox, p, seq, &seq)) != NULL;
                 seq++)
                SIM_CHECK(msg->expires.ms > due.ms - 1000, "what expired leaves the inbox");
        }
    }
}

bool
rules_is_waiting(const struct cl_core *core, cl_str id, enum cl_priority priority, uint64_t seq)
{
    const struct cl_agent *agent = cl_core_agent(core, id);
    uint64_t found = 0;
    return agent != NULL && cl_inbox_next(&agent->inbox, priority, seq, &found) != NULL &&
           found == seq;
}

static const char nothing_twice[] =
    "nothing twice: what was refused, acknowledged or expired does not wait";

/* Returns when the first of its messages expires. */
static cl_time
check_lane(const struct cl_core *core, const struct cl_agent *agent, enum cl_priority priority,
           const struct model_lane *lane)
{
    cl_time earliest = CL_TIME_NEVER;
    uint64_t seq = 0;
    for (uint32_t i = 0; i < lane->len; i++) {
        const struct model_msg *wanted = &lane->msgs[i];
        if (wanted->is_gone)
            continue;
        const struct cl_msg *msg = cl_core_inbox_next(core, agent, priority, seq + 1, &seq);
        SIM_CHECK(msg == NULL || seq >= wanted->seq, nothing_twice);
        SIM_CHECK(msg != NULL && seq == wanted->seq && rules_uid(msg->id) == wanted->uid,
                  "nothing is lost: what was accepted waits until it is acknowledged or expires, "
                  "in the order accepted");
        if (wanted->expires.ms < earliest.ms)
            earliest = wanted->expires;
    }
    SIM_CHECK(cl_core_inbox_next(core, agent, priority, seq + 1, &seq) == NULL, nothing_twice);
    return earliest;
}

static void
check_agent(const struct model *model, const struct cl_core *core, const struct cl_session *session,
            uint32_t a)
{
    const struct model_agent *agent = &model->agents[a];
    cl_str id = cl_str_z(agent->id);
    const struct cl_agent *known = cl_core_agent(core, id);
    SIM_CHECK((known != NULL) == agent->is_known, "an agent is known while there is a reason");
    SIM_CHECK(known == NULL || ((known->state == CL_AGENT_REGISTERED) == agent->is_registered &&
                                cl_agent_is_attached(known) == model_is_attached(agent)),
              "an agent is registered and attached as it was told");
    SIM_CHECK(cl_session_is_online(session, id) == (model_socket(model, a) != NULL),
              "an agent is online while a socket of it is open");
    sim_counts.faults[SIM_SHARES_KEPT] += known != NULL && cl_inbox_keeps_shares(&known->inbox);
    cl_time deadline = cl_core_deadline(core);
    for (enum cl_priority p = 0; p < CL_PRIORITY_COUNT; p++) {
        cl_time earliest = check_lane(core, known, p, &agent->lanes[p]);
        SIM_CHECK(earliest.ms == CL_TIME_NEVER.ms || deadline.ms < earliest.ms + 1000,
                  "a tick is wanted within a second of each expiry");
    }
    SIM_CHECK(!is_orphan(agent) ||
                  deadline.ms <= cl_time_add(agent->orphan_since, CL_ORPHAN_LIFE_MS).ms,
              "a tick is wanted when an orphan's time is over");
}

static void
check_onces(const struct model *model, const struct cl_core *core)
{
    uint32_t known = 0;
    for (uint32_t i = 0; i < MODEL_ONCES; i++) {
        cl_time until = model->onces[i];
        cl_digest digest;
        memcpy(digest.bytes, model_once_name(i).ptr, sizeof digest.bytes);
        SIM_CHECK(cl_core_knows_once(core, &digest) == (until.ms > cl_core_time(core).ms),
                  "what came once is known until its time is over");
        SIM_CHECK(until.ms == 0 || cl_core_deadline(core).ms < until.ms + 1000,
                  "a tick is wanted within a second of the end of what came once");
        known += until.ms != 0;
    }
    SIM_CHECK(cl_core_stats(core).onces == known, "what came once is forgotten with a tick");
}

void
rules_check(struct model *model, const struct cl_core *core, const struct cl_session *session)
{
    SIM_CHECK(cl_core_stats(core).inbox_bytes <= SIM_INBOXES_BYTES, "inboxes are bounded");
    for (uint32_t a = 0; a < MODEL_AGENTS; a++)
        check_agent(model, core, session, a);
    post_check(model, core);
    for (uint8_t blob = 1; blob <= SIM_BLOBS; blob++) {
        cl_digest digest;
        memcpy(digest.bytes, model_blob_name(blob).ptr, sizeof digest.bytes);
        SIM_CHECK(cl_core_names_blob(core, &digest) == model_names(model, blob),
                  "a blob is named while a message that names it waits or is a dead letter");
    }
    check_onces(model, core);
    SIM_CHECK(cl_session_leased(session) == model_leased(model),
              "the session counts what is out with connections");
}

void
rules_check_resume(const struct model *model, const struct cl_core *core)
{
    struct cl_effects effects;
    uint32_t wanted = 0;
    cl_effects_init(&effects);
    cl_core_resume(core, &effects);
    for (uint32_t a = 0; a < MODEL_AGENTS; a++) {
        const struct cl_agent *agent = cl_core_agent(core, cl_str_z(model->agents[a].id));
        if (agent == NULL || agent->inbox.count == 0 || !model_is_attached(&model->agents[a]))
            continue;
        uint32_t found = 0;
        wanted++;
        for (size_t i = 0; i < effects.len; i++)
            found += effects.items[i].kind == CL_EFFECT_READY &&
                     cl_str_eq(effects.items[i].agent, agent->id);
        SIM_CHECK(found == 1, "a resumed core says who has messages");
    }
    SIM_CHECK(effects.len == wanted, "a resumed core says nothing else");
    cl_effects_done(&effects);
}
