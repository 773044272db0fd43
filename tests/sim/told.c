// SPDX-License-Identifier: MIT
#include "sim/told.h"

#include <string.h>

#include "core/named.h"
#include "sim/mail.h"
#include "sim/report.h"

static bool
is_same_body(const struct cl_body *a, const struct cl_body *b)
{
    return cl_str_eq(cl_body_str(a), cl_body_str(b));
}

/* No message lives longer, whatever its sender says. */
static cl_time
life_of(const struct world *world, cl_time expires)
{
    cl_time most = cl_time_add(cl_core_time(world->core), CL_MESSAGE_LIFE_MS);
    return expires.ms < most.ms ? expires : most;
}

/* Of the same name as the one that the message should have. */
static struct cl_named *
named(cl_str blob)
{
    static struct cl_named all[SIM_BLOBS];
    uint8_t number = model_blob(blob);
    if (number == 0)
        return NULL;
    memcpy(all[number - 1].digest.bytes, blob.ptr, blob.len);
    return &all[number - 1];
}

/* The message that a command makes. */
static struct cl_msg
msg_of(const struct world *world, const struct cl_command *command, uint64_t version)
{
    const struct cl_command_send *send = &command->send;
    const struct cl_command_publish *publish = &command->publish;
    const struct cl_command_file_put *put = &command->file_put;
    switch ((int)command->kind) {
    case CL_COMMAND_SEND:
        return (struct cl_msg){.id = send->id,
                               .re = send->re,
                               .stream = send->stream,
                               .seq = send->seq,
                               .from = send->from,
                               .to = send->to,
                               .kind = send->kind,
                               .priority = send->priority,
                               .media = send->media,
                               .thread = send->thread,
                               .flags = send->flags,
                               .attempts_max = send->attempts_max,
                               .trust = send->trust,
                               .expires = life_of(world, send->expires),
                               .body = send->body,
                               .blob = named(send->blob)};
    case CL_COMMAND_PUBLISH:
        return (struct cl_msg){.id = publish->id,
                               .re = publish->re,
                               .stream = publish->stream,
                               .seq = publish->seq,
                               .from = publish->from,
                               .subject = publish->topic,
                               .kind = publish->kind,
                               .priority = publish->priority,
                               .media = publish->media,
                               .thread = publish->thread,
                               .flags = publish->flags,
                               .trust = publish->trust,
                               .expires = life_of(world, publish->expires),
                               .body = publish->body,
                               .blob = named(publish->blob)};
    default:
        return (struct cl_msg){.id = put->id,
                               .from = put->editor,
                               .subject = put->key,
                               .version = version,
                               .kind = CL_MSG_FILE,
                               .priority = CL_PRIORITY_NORMAL,
                               .expires = life_of(world, CL_TIME_NEVER)};
    }
}

static void
check_same(const struct world *world, const struct cl_msg *msg, const struct cl_msg *wanted)
{
    SIM_CHECK(cl_id_eq(msg->id, wanted->id) && cl_id_eq(msg->re, wanted->re) &&
                  msg->stream == wanted->stream && msg->seq == wanted->seq &&
                  cl_str_eq(msg->from, wanted->from) && cl_str_eq(msg->to, wanted->to) &&
                  cl_str_eq(msg->subject, wanted->subject) && msg->version == wanted->version &&
                  msg->kind == wanted->kind && msg->priority == wanted->priority &&
                  msg->media == wanted->media && msg->expires.ms == wanted->expires.ms &&
                  is_same_body(msg->body, wanted->body) &&
                  cl_str_eq(cl_named_str(msg->blob), cl_named_str(wanted->blob)),
              "a message is what its sender sent");
    SIM_CHECK(cl_str_eq(msg->thread, wanted->thread) && msg->flags == wanted->flags &&
                  msg->attempts_max == wanted->attempts_max && msg->trust == wanted->trust,
              "a message is what its sender sent");
    SIM_CHECK(cl_id_eq(msg->root, wanted->root) && msg->hops == wanted->hops,
              "a message follows from what its sender took, as it declared or as it is known");
    SIM_CHECK(msg->created.ms == cl_core_time(world->core).ms, "a message is made when applied");
}

/* The same name, for as long as the model lives. */
static cl_str
name_of(const struct model *model, cl_str id)
{
    return id.len == 0 ? CL_STR("") : cl_str_z(model->agents[model_agent(model, id)].id);
}

/* The message in the agent's inbox, behind all others of its priority: the model gets it too.
 * False: it is not there. */
static bool
put(struct world *world, uint32_t a, const struct cl_msg *wanted)
{
    struct model_lane *lane = &world->model->agents[a].lanes[wanted->priority];
    const struct cl_agent *agent = cl_core_agent(world->core, cl_str_z(world->model->agents[a].id));
    uint64_t seq = 0;
    const struct cl_msg *msg =
        cl_core_inbox_next(world->core, agent, wanted->priority, lane->last + 1, &seq);
    if (msg == NULL)
        return false;
    SIM_CHECK(cl_id_eq(msg->id, wanted->id), "a new message stands behind all older ones");
    check_same(world, msg, wanted);
    SIM_CHECK(rules_share_is_fair(rules_share(world->core, agent->id, wanted->from)),
              "no sender has more than half of an inbox, but one message");
    world->model->agents[a].is_known = true;
    model_put(world->model, a, wanted->priority,
              (struct model_msg){.uid = rules_uid(msg->id),
                                 .seq = seq,
                                 .expires = msg->expires,
                                 .bytes = (uint32_t)cl_body_str(msg->body).len,
                                 .cost = cl_msg_cost(msg),
                                 .from = name_of(world->model, wanted->from),
                                 .root = rules_uid(cl_msg_root(wanted)),
                                 .hops = wanted->hops,
                                 .is_answer = cl_msg_is_answer(wanted),
                                 .is_for_one = wanted->to.len > 0,
                                 .attempts_max = wanted->attempts_max,
                                 .blob = model_blob(cl_named_str(wanted->blob))});
    sim_counts.accepted++;
    return true;
}

/* A message to everyone registered but one: it is in each inbox that must take it. */
static void
everyone(struct world *world, const struct cl_msg *msg)
{
    const struct cl_effect *reply = &world->core_effects.items[0];
    uint64_t in = 0, passed = 0, out = 0;
    uint64_t cost = cl_msg_cost_of(msg->from, msg->to, msg->subject, msg->body);
    for (size_t i = 0; i < world->core_effects.len; i++) {
        const struct cl_effect *effect = &world->core_effects.items[i];
        passed += effect->kind == CL_EFFECT_NOTE && effect->note.id == CL_NOTE_INBOX_PASSED;
    }
    for (uint32_t a = 0; a < MODEL_AGENTS; a++) {
        const struct model_agent *agent = &world->model->agents[a];
        if (!agent->is_registered || cl_str_eq(cl_str_z(agent->id), msg->from))
            continue; // in its inbox it would be one too many
        if (put(world, a, msg)) {
            in++;
            continue;
        }
        out++;
        SIM_CHECK(rules_inbox(world->core, cl_str_z(agent->id), msg->from, cost) != CL_OK,
                  "everyone registered but the sender is a recipient, only an inbox that is full, "
                  "or half full of the sender's, is passed over");
    }
    SIM_CHECK(in == reply->reply.recipients, "the sender is told how many recipients there are");
    SIM_CHECK(passed == out, "a note tells of each inbox that was passed over");
}

/* What the sender, as its recipient, says of the message that it answers. */
static void
claim(struct post *post, const struct post_ask *ask, const struct cl_command_send *send)
{
    const struct post_receipt *receipt = post_receipt_of(post, ask->re);
    if (receipt == NULL || receipt->to != ask->from)
        return;
    post_reach(post, ask->re, ask->from, send->re_rung);
    if (send->re_outcome != CL_OUTCOME_NONE)
        (void)post_end(post, ask->re, send->re_outcome);
}

static void
send(struct world *world, const struct cl_msg *msg, const struct post_ask *ask,
     const struct cl_command_send *fields)
{
    uint32_t a = model_agent(world->model, msg->to);
    if (!world->model->agents[a].is_known)
        world->model->agents[a].orphan_since = cl_core_time(world->core);
    SIM_CHECK(put(world, a, msg), "nothing is lost: an accepted message is in its inbox");
    if ((ask->flags & CL_MSG_TRACKED) != 0) {
        struct model_lane *lane = &world->model->agents[a].lanes[msg->priority];
        lane->msgs[lane->len - 1].receipt =
            post_receipt_make(world->model, world->core, ask, a, msg->expires);
    }
    claim(&world->model->post, ask, fields);
}

/* A SEND or PUBLISH: new, or one that came before. */
static void
message(struct world *world, const struct cl_command *command, struct cl_msg *msg)
{
    struct post *post = &world->model->post;
    struct post_ask ask = post_ask_of(world->model, command);
    cl_time now = cl_core_time(world->core);
    struct post_took place;
    bool is_duplicate = false;
    if ((ask.flags & CL_MSG_TRACKED) != 0)
        SIM_CHECK(post_tracked(post, &ask, &is_duplicate) == CL_OK, "what was refused is refused");
    SIM_CHECK(world->core_effects.items[0].reply.duplicate == is_duplicate,
              "nothing twice: a message that is sent again is queued once, and its sender told");
    sim_counts.faults[SIM_DUPLICATE] += is_duplicate;
    if (is_duplicate)
        return;
    SIM_CHECK(post_place(post, now, &ask, &place) == CL_OK, "a chain stops at its limits");
    post_accept(post, now, &ask, &place);
    msg->root = post_id(place.root);
    msg->hops = place.hops;
    if (command->kind == CL_COMMAND_SEND) {
        send(world, msg, &ask, &command->send);
        return;
    }
    everyone(world, msg);
    if (msg->blob == NULL)
        check_same(world, cl_core_broadcast(world->core, 0), msg);
}

static void
file_put(struct world *world, const struct cl_command_file_put *fields, uint64_t version)
{
    const struct cl_file *file = cl_core_file(world->core, fields->key);
    uint64_t *last = &world->versions[fields->key.ptr[0] - '0'];
    SIM_CHECK(version == ++*last, "versions of a file rise by one");
    SIM_CHECK(file != NULL && cl_file_latest(file)->version == version &&
                  cl_str_eq(cl_file_latest(file)->editor, fields->editor) &&
                  is_same_body(cl_file_latest(file)->type, fields->type) &&
                  is_same_body(cl_file_latest(file)->content, fields->content),
              "the latest version of a file is what was put");
}

static const cl_hash_key record_key = {{3}};

static void
registered(struct world *world, const struct cl_command_registration *registration)
{
    struct model_agent *agent =
        &world->model->agents[model_agent(world->model, registration->agent)];
    const struct cl_agent *known = cl_core_agent(world->core, registration->agent);
    cl_str record = cl_body_str(registration->record);
    if (!agent->is_registered || registration->keeps == 0)
        agent->record = cl_hash_short(&record_key, record);
    agent->is_known = agent->is_registered = true;
    agent->seen = cl_core_time(world->core);
    SIM_CHECK(known != NULL &&
                  agent->record == cl_hash_short(&record_key, cl_body_str(known->record)),
              "an agent's record is what it said");
}

void
told_applied(struct world *world, const struct cl_command *command)
{
    struct model *model = world->model;
    uint64_t version = world->core_effects.items[0].reply.version;
    struct cl_msg msg = msg_of(world, command, version);
    cl_time now = cl_core_time(world->core);
    struct model_agent *agent;
    switch ((int)command->kind) {
    case CL_COMMAND_RELAY_UP:
        model_relay_up(model, command->relay_up.relay, command->origin, now);
        return;
    case CL_COMMAND_REGISTER:
        registered(world, &command->registration);
        return;
    case CL_COMMAND_ATTACH:
        agent = &model->agents[model_agent(model, command->attach.agent)];
        agent->is_known = true;
        agent->seen = now;
        agent->attached[model_relay(model, command->origin)]++;
        return;
    case CL_COMMAND_DETACH:
        model_detach(model, model_agent(model, command->detach.agent),
                     model_relay(model, command->origin), now);
        return;
    case CL_COMMAND_SEND:
    case CL_COMMAND_PUBLISH:
        message(world, command, &msg);
        return;
    case CL_COMMAND_FILE_PUT:
        file_put(world, &command->file_put, version);
        everyone(world, &msg);
        return;
    case CL_COMMAND_ACK:
        mail_ack(world, &command->ack);
        return;
    case CL_COMMAND_REPORT:
        mail_report(world, &command->report);
        return;
    case CL_COMMAND_REFUSE:
        mail_refuse(world, &command->refuse);
        return;
    case CL_COMMAND_RELEASED:
        mail_released(world, &command->released);
        return;
    case CL_COMMAND_DEAD_RETRY:
        mail_retry(world, &command->dead_retry);
        return;
    case CL_COMMAND_DEAD_DROP:
        post_dead_remove(&model->post, rules_uid(command->dead_drop.id));
        return;
    case CL_COMMAND_ONCE:
        model->onces[model_once(command->once.digest)] = command->once.until;
        return;
    case CL_COMMAND_TICK:
        model_onces_expire(model, command->tick.due);
        mail_tick(world, command->tick.due);
        return;
    default:
        return;
    }
}

/* -- the session's commands -------------------------------------------------------------------- */

static uint32_t
tell_close(struct model *model, struct model_holder *holder)
{
    if (model_is_socket(holder)) {
        sim_counts.faults[SIM_SOCKET_BROKE_HOLDING] += model_held(holder) > 0;
        bool was_newest = holder == model_socket(model, holder->agent);
        holder->is_open = false;
        sim_counts.faults[SIM_OLDER_SOCKET_TOOK_OVER] +=
            was_newest && model_socket(model, holder->agent) != NULL;
    }
    uint32_t released = model_release(model, holder);
    holder->is_open = false;
    return released;
}

/* A newer RANGED holder is there: what an older one has goes back. */
static uint32_t
tell_newer(struct model *model, const struct model_holder *newer)
{
    uint32_t released = 0;
    for (struct model_holder *h = model->holders; h != NULL; h = h->older)
        if (h != newer && h->is_open && h->agent == newer->agent && h->kind == CL_HOLDER_RANGED &&
            model_held(h) > 0) {
            sim_counts.faults[SIM_NEWER_SOCKET_TOOK_OVER]++;
            released += model_release(model, h);
        }
    return released;
}

struct told_wanted
told_volatile(struct world *world, const struct cl_command *draft)
{
    struct model *model = world->model;
    struct model_holder *holder;
    struct told_wanted wanted = {.ack = false};
    switch ((int)draft->kind) {
    case CL_COMMAND_OPEN:
        holder = model_open(model, draft->open.holder, model_agent(model, draft->open.agent),
                            (enum cl_holder_kind)draft->open.kind);
        if (draft->open.messages_max > 0)
            holder->messages_max = draft->open.messages_max;
        if (holder->kind == CL_HOLDER_RANGED)
            wanted.released = tell_newer(model, holder);
        world->is_ready[model_agent(model, draft->open.agent)] = true; // the shell looks itself
        break;
    case CL_COMMAND_CLOSE:
        wanted.released = tell_close(model, model_holder(model, draft->close.holder));
        break;
    case CL_COMMAND_RENEW:
        holder = model_holder(model, draft->renew.holder);
        if (model_held(holder) > 0)
            holder->until = draft->renew.until;
        break;
    case CL_COMMAND_SETTLE:
        holder = model_holder(model, draft->settle.holder);
        wanted.ack = model_settle(holder, draft->settle.batch);
        (void)passing_settle(model, holder, &draft->settle);
        break;
    case CL_COMMAND_SETTLE_RANGES:
        holder = model_holder(model, draft->settle_ranges.holder);
        wanted.ack = model_settle_ranges(holder, draft->settle_ranges.ranges);
        (void)passing_settle_ranges(model, holder, &draft->settle_ranges);
        sim_counts.faults[draft->settle_ranges.refuses ? SIM_RANGE_REFUSED : SIM_RANGE_PROVEN] +=
            wanted.ack;
        break;
    case CL_COMMAND_RELEASE:
        wanted.released = model_release_ranges(model, model_holder(model, draft->release.holder),
                                               draft->release.ranges);
        sim_counts.faults[SIM_RANGE_RELEASED] += wanted.released > 0;
        break;
    case CL_COMMAND_SETTLED:
    case CL_COMMAND_UNSETTLED:
        holder = model_holder(model, draft->settled.holder);
        if (holder != NULL) // else forgotten meanwhile
            model_end_settling(model, holder, draft->settled.batch,
                               draft->kind == CL_COMMAND_SETTLED);
        break;
    case CL_COMMAND_PASS:
        passing_put(model, draft);
        break;
    case CL_COMMAND_LAPSE:
        passing_expire(model, draft->lapse.due);
        for (const struct model_holder *h = model->holders; h != NULL; h = h->older)
            sim_counts.faults[SIM_POLL_LAPSED_HOLDING] +=
                h->is_open && model_held(h) > 0 && h->until.ms <= draft->lapse.due.ms;
        wanted.released = model_lapse(model, draft->lapse.due);
        break;
    case CL_COMMAND_FORGOTTEN:
        model_forget(model, model_agent(model, draft->forgotten.agent));
        break;
    default:
        break;
    }
    return wanted;
}
