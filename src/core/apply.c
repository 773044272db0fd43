// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/assert.h"
#include "core/core.h"
#include "core/state.h"

/* One command being applied. */
struct run {
    struct cl_core *core;
    struct cl_effects *effects;
    size_t reply; // index of its REPLY effect
    uint64_t origin;
    struct cl_place place; // of a message in its chain
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

static void
tell_unnamed(struct run *run, const struct cl_named *named)
{
    cl_effects_add(run->effects, (struct cl_effect){.kind = CL_EFFECT_UNNAMED,
                                                    .unnamed = {.digest = &named->digest}});
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
    core->limits = *fields;
    core->limits.relay = cl_str_of(NULL, 0);
    cl_deads_trim(core);

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
    bool is_same = was_registered && (fields->keeps != 0 || cl_str_eq(cl_body_str(before->record),
                                                                      cl_body_str(fields->record)));
    struct cl_agent *agent = know(run, fields->agent, CL_AGENT_REGISTERED);
    if (agent->state != CL_AGENT_REGISTERED)
        cl_state_agent_move(core, agent, CL_AGENT_REGISTERED);
    if (!is_same)
        cl_state_record_set(core, agent, fields->record);
    agent->updated = core->time;
    agent->seen = core->time;
    note(run, CL_NOTE_AGENT_JOINED, agent->id, (uint64_t)was_registered + is_same);
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
    run->effects->items[run->reply].agent = agent->id;
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

/* From now on, until then, but not for too long. */
static void
begin_life(struct cl_core *core, struct cl_msg *msg, cl_time expires)
{
    cl_time last = cl_time_add(core->time, CL_MESSAGE_LIFE_MS);
    msg->created = core->time;
    msg->expires = expires.ms > last.ms ? last : expires;
    msg->number = ++core->births;
}

/* A reference for the record that is made; NULL: it names none. */
static struct cl_named *
name_blob(struct cl_core *core, cl_str blob)
{
    cl_digest digest;
    if (blob.len == 0)
        return NULL;
    memcpy(digest.bytes, blob.ptr, sizeof digest.bytes);
    struct cl_named *named = cl_named_take(&core->names, &digest);
    CL_ASSERT(named != NULL);
    return named;
}

/* A record in the core's list, and a reference to it for the caller. */
static struct cl_msg *
bear(struct run *run, struct cl_msg *draft)
{
    begin_life(run->core, draft, draft->expires);
    struct cl_msg *msg = cl_msg_new(draft);
    CL_ASSERT(msg != NULL);
    cl_list_append(&run->core->msgs, &msg->link);
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

/* A tracked message: from now on it has come. NULL: it had before, and that is the reply. */
static struct cl_sender *
track(struct run *run, const struct cl_tracked *tracked)
{
    struct cl_core *core = run->core;
    if (cl_sender_ask(core, tracked) == CL_WINDOW_DUPLICATE) {
        run->effects->items[run->reply].reply.duplicate = true;
        return NULL;
    }
    struct cl_sender *sender = cl_sender_of(core, tracked->from);
    if (sender == NULL) {
        cl_senders_make_room(core);
        sender = cl_sender_know(core, tracked->from);
    }
    CL_ASSERT(sender != NULL);
    must(cl_window_add(sender, tracked->stream, tracked->seq));
    cl_sender_file(core, sender); // heard of now
    return sender;
}

/* Is there anything to count? Of most messages there is not. */
static bool
is_counted(const struct run *run, uint8_t flags)
{
    return (flags & CL_MSG_DECLARED) != 0 || !cl_id_is_none(run->place.root);
}

/* What a recipient says of a message; of one that was not for it, or that nobody keeps a receipt
 * of, that is nothing. */
static struct cl_receipt *
claim(struct run *run, const struct cl_command_report *fields)
{
    struct cl_core *core = run->core;
    cl_str key = cl_str_of(fields->id.bytes, sizeof fields->id.bytes);
    struct cl_receipt *receipt = cl_map_get(&core->receipts.by_id, key);
    if (receipt == NULL || !cl_str_eq(receipt->to, fields->agent))
        return NULL;
    cl_receipt_reach(core, receipt, fields->rung, fields->proof);
    if (fields->outcome == CL_OUTCOME_NONE || receipt->outcome != CL_OUTCOME_NONE)
        return receipt;
    struct cl_body *reason = fields->reason.len == 0 ? NULL : cl_body_new(fields->reason);
    CL_ASSERT(reason != NULL || fields->reason.len == 0);
    (void)cl_receipt_end(core, receipt, (struct cl_end){fields->outcome, CL_CAUSE_NONE, reason});
    cl_body_unref(reason);
    return receipt;
}

static void
apply_send(struct run *run, const struct cl_command_send *fields)
{
    struct cl_core *core = run->core;
    struct cl_sender *sender = NULL;
    if ((fields->flags & CL_MSG_TRACKED) != 0) {
        sender = track(run, &CL_TRACKED_OF(fields));
        if (sender == NULL)
            return;
    }
    if (is_counted(run, fields->flags))
        cl_chain_join(core, &CL_ASK_OF(fields), &run->place);
    struct cl_agent *agent = know(run, fields->to, CL_AGENT_ORPHAN);
    struct cl_msg draft = {.id = fields->id,
                           .re = fields->re,
                           .stream = fields->stream,
                           .seq = fields->seq,
                           .from = fields->from,
                           .to = fields->to,
                           .thread = fields->thread,
                           .root = run->place.root,
                           .kind = fields->kind,
                           .priority = fields->priority,
                           .media = fields->media,
                           .flags = fields->flags,
                           .hops = run->place.hops,
                           .attempts_max = fields->attempts_max,
                           .trust = fields->trust,
                           .re_rung = fields->re_rung,
                           .re_outcome = fields->re_outcome,
                           .expires = fields->expires,
                           .body = fields->body,
                           .blob = name_blob(core, fields->blob)};
    struct cl_msg *msg = bear(run, &draft);
    must(cl_state_enqueue(core, agent, msg));
    tell(run, CL_EFFECT_READY, agent->id);
    run->effects->items[run->reply].reply.recipients = 1;
    if (sender != NULL)
        must(cl_receipt_make(core, sender, msg));
    cl_msg_unref(msg);
    if ((fields->re_rung | fields->re_outcome) != 0)
        (void)claim(run, &(struct cl_command_report){.agent = fields->from,
                                                     .id = fields->re,
                                                     .rung = fields->re_rung,
                                                     .outcome = fields->re_outcome,
                                                     .proof = CL_PROOF_ACK});
}

static void
apply_publish(struct run *run, const struct cl_command_publish *fields)
{
    struct cl_core *core = run->core;
    if ((fields->flags & CL_MSG_TRACKED) != 0 && track(run, &CL_TRACKED_OF(fields)) == NULL)
        return;
    if (is_counted(run, fields->flags))
        cl_chain_join(core, &CL_ASK_OF(fields), &run->place);
    struct cl_msg draft = {.id = fields->id,
                           .re = fields->re,
                           .stream = fields->stream,
                           .seq = fields->seq,
                           .from = fields->from,
                           .subject = fields->topic,
                           .thread = fields->thread,
                           .root = run->place.root,
                           .kind = fields->kind,
                           .priority = fields->priority,
                           .media = fields->media,
                           .flags = fields->flags,
                           .hops = run->place.hops,
                           .trust = fields->trust,
                           .expires = fields->expires,
                           .body = fields->body,
                           .blob = name_blob(core, fields->blob)};
    struct cl_msg *msg = bear(run, &draft);
    deliver_to_all(run, msg);
    core->topic.ever++;
    if (msg->blob == NULL) // those that are kept have no end, and would keep what they name
        cl_topic_push(&core->topic, msg);
    cl_msg_unref(msg);
}

/* It leaves the inbox because the recipient has it. */
static struct cl_msg *
take_out(struct run *run, struct cl_agent *agent, struct cl_range at,
         const struct cl_command_ack *fields)
{
    struct cl_msg *msg = cl_state_dequeue(run->core, agent, at.priority, at.first);
    if (msg->receipt != NULL)
        cl_receipt_reach(run->core, msg->receipt, fields->rung, fields->proof);
    return msg;
}

static void
apply_ack(struct run *run, const struct cl_command_ack *fields)
{
    struct cl_core *core = run->core;
    struct cl_agent *agent = cl_map_get(&core->agents_by_id, fields->agent);
    struct cl_msg *last = NULL; // to leave
    for (uint32_t i = 0; i < fields->ranges.len; i++) {
        const struct cl_range *range = &fields->ranges.ptr[i];
        uint64_t seq = range->first;
        while (cl_inbox_find(&agent->inbox, (struct cl_range){range->priority, seq, range->last},
                             &seq) != NULL) {
            if (last != NULL)
                cl_msg_unref(last);
            last = take_out(run, agent, (struct cl_range){range->priority, seq, seq}, fields);
        }
    }
    agent->seen = core->time;
    agent->proven = core->time;
    if (last != NULL) {
        cl_chain_took(
            core, agent,
            (struct cl_took){cl_msg_root(last), core->time, last->hops, cl_msg_is_answer(last)});
        cl_msg_unref(last);
    }
    review(run, agent);
}

static void
apply_report(struct run *run, const struct cl_command_report *fields)
{
    struct cl_core *core = run->core;
    struct cl_agent *agent = cl_map_get(&core->agents_by_id, fields->agent);
    const struct cl_receipt *receipt = claim(run, fields);
    if (agent == NULL)
        return; // gone since it took the message
    agent->seen = core->time;
    agent->proven = core->time;
    if (receipt != NULL && fields->rung > CL_RUNG_ACCEPTED)
        cl_chain_took(core, agent,
                      (struct cl_took){cl_receipt_root(receipt), core->time, receipt->hops,
                                       receipt->is_answer});
}

static void
apply_refuse(struct run *run, const struct cl_command_refuse *fields)
{
    struct cl_core *core = run->core;
    struct cl_agent *agent = cl_map_get(&core->agents_by_id, fields->agent);
    struct cl_body *reason = fields->reason.len == 0 ? NULL : cl_body_new(fields->reason);
    CL_ASSERT(reason != NULL || fields->reason.len == 0);
    cl_dead_end(core, agent, fields->ranges.ptr[0],
                (struct cl_end){CL_OUTCOME_REJECTED, CL_CAUSE_REFUSED, reason});
    cl_body_unref(reason);
    agent->seen = core->time;
    agent->proven = core->time;
    review(run, agent);
}

/* -- given back, and dead ------------------------------------------------------------------ */

/* One attempt more. True: it was the last. */
static bool
count_attempt(const struct cl_agent *agent, struct cl_range at)
{
    struct cl_msg *msg = cl_inbox_at(&agent->inbox, at.priority, at.first);
    if (!cl_msg_is_counted(msg))
        return false;
    if (msg->attempts < UINT32_MAX)
        msg->attempts++;
    return msg->attempts_max > 0 && msg->attempts >= msg->attempts_max;
}

static void
apply_released(struct run *run, const struct cl_command_released *fields)
{
    struct cl_agent *agent = cl_map_get(&run->core->agents_by_id, fields->agent);
    struct cl_end end = {.outcome = CL_OUTCOME_DEAD, .cause = CL_CAUSE_ATTEMPTS};
    uint64_t dead = 0;
    for (uint32_t i = 0; i < fields->ranges.len; i++) {
        const struct cl_range *range = &fields->ranges.ptr[i];
        uint64_t seq = range->first;
        for (; cl_inbox_find(&agent->inbox, (struct cl_range){range->priority, seq, range->last},
                             &seq) != NULL;
             seq++) {
            struct cl_range at = {range->priority, seq, seq};
            if (!count_attempt(agent, at))
                continue;
            cl_dead_end(run->core, agent, at, end);
            dead++;
        }
    }
    if (dead > 0)
        note(run, CL_NOTE_MESSAGES_DEAD, agent->id, dead);
    review(run, agent);
}

static void
apply_dead_retry(struct run *run, const struct cl_command_dead_retry *fields)
{
    struct cl_core *core = run->core;
    struct cl_msg *msg = cl_dead_take(core, cl_dead_of(core, fields->id));
    struct cl_agent *agent = know(run, msg->to, CL_AGENT_ORPHAN);
    begin_life(core, msg, fields->expires);
    msg->attempts = 0;
    cl_list_remove(&msg->link);
    cl_list_append(&core->msgs, &msg->link);
    must(cl_state_enqueue(core, agent, msg));
    if (msg->receipt != NULL)
        cl_receipt_reopen(core, msg->receipt, msg->expires);
    cl_msg_unref(msg);
    tell(run, CL_EFFECT_READY, agent->id);
    run->effects->items[run->reply].reply.recipients = 1;
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

    struct cl_msg draft = {.id = fields->id,
                           .from = fields->editor,
                           .subject = fields->key,
                           .version = number,
                           .kind = CL_MSG_FILE,
                           .priority = CL_PRIORITY_NORMAL,
                           .expires = CL_TIME_NEVER};
    struct cl_msg *msg = bear(run, &draft);
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
    struct cl_end end = {.outcome = CL_OUTCOME_EXPIRED, .cause = CL_CAUSE_EXPIRED};
    const struct cl_msg *msg;
    uint64_t expired = 0;
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++) {
        for (uint64_t seq = 0; (msg = cl_inbox_next(&agent->inbox, i, seq, &seq)) != NULL; seq++) {
            if (msg->expires.ms > due.ms)
                continue;
            cl_dead_end(run->core, agent, (struct cl_range){i, seq, seq}, end);
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
    cl_deads_expire(core, due);
    cl_receipts_expire(core, due);
    cl_senders_expire(core, due);
    cl_onces_expire(core, due);
}

static void
apply_once(struct run *run, const struct cl_command_once *fields)
{
    cl_digest digest;
    memcpy(digest.bytes, fields->digest.ptr, sizeof digest);
    must(cl_once_add(run->core, &digest, fields->until));
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
    case CL_COMMAND_REPORT:
        apply_report(run, &command->report);
        break;
    case CL_COMMAND_REFUSE:
        apply_refuse(run, &command->refuse);
        break;
    case CL_COMMAND_RELEASED:
        apply_released(run, &command->released);
        break;
    case CL_COMMAND_DEAD_RETRY:
        apply_dead_retry(run, &command->dead_retry);
        break;
    case CL_COMMAND_DEAD_DROP:
        cl_dead_free(run->core, cl_dead_of(run->core, command->dead_drop.id));
        break;
    case CL_COMMAND_ONCE:
        apply_once(run, &command->once);
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
    case CL_COMMAND_SETTLE_RANGES:
    case CL_COMMAND_RELEASE:
    case CL_COMMAND_PASS:
    case CL_COMMAND_COUNT:
        break; // never admitted
    }
}

/* O(1), so that each command can be compared; a hash of the whole state cannot be had so often. */
static void
leave_trail(struct cl_core *core, enum cl_err err)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t trail = (core->trail ^ core->applied) * odd;
    trail = ((trail ^ trail >> 32) + core->births + ((uint64_t)err << 56)) * odd;
    core->trail = ((trail ^ trail >> 32) + core->waiting) * odd ^ core->inbox_bytes;
}

void
cl_core_apply(struct cl_core *core, const struct cl_command *command, struct cl_effects *effects)
{
    struct run run = {core, effects, effects->len, command->origin, .place = {.hops = 0}};
    cl_state_bury(core);
    if (command->time.ms > core->time.ms)
        core->time = command->time;
    core->applied++;

    enum cl_err err = cl_state_admit(core, command, &run.place);
    cl_effects_add(effects, (struct cl_effect){.kind = CL_EFFECT_REPLY,
                                               .reply = {.command_kind = command->kind,
                                                         .origin = command->origin,
                                                         .ticket = command->ticket,
                                                         .err = err}});
    if (err == CL_OK)
        apply_admitted(&run, command);
    CL_LIST_EACH(&core->receipts.touched, at)
    {
        cl_list_remove(at);
        tell(&run, CL_EFFECT_RECEIPT, CL_LIST_ENTRY(at, struct cl_sender, touched)->id);
    }
    CL_LIST_EACH(&core->names.unnamed, at)
    {
        tell_unnamed(&run, CL_LIST_ENTRY(at, struct cl_named, link));
    }
    leave_trail(core, err);
}
