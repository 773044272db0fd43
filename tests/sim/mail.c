// SPDX-License-Identifier: MIT
#include "sim/mail.h"

#include "sim/report.h"

static cl_time
now_of(const struct world *world)
{
    return cl_core_time(world->core);
}

/* It is no longer in the core's inbox. */
static void
out(struct model_msg *msg)
{
    msg->is_gone = true;
    msg->is_out = true;
}

void
mail_ack(struct world *world, const struct cl_command_ack *fields)
{
    struct model *model = world->model;
    uint32_t a = model_agent(model, fields->agent);
    struct post_took took = {.root = 0};
    model->agents[a].seen = now_of(world);
    for (uint32_t r = 0; r < fields->ranges.len; r++) {
        struct cl_range range = fields->ranges.ptr[r];
        struct model_lane *lane = &model->agents[a].lanes[range.priority];
        for (uint32_t i = 0; i < lane->len; i++) {
            struct model_msg *msg = &lane->msgs[i];
            if (msg->is_out || msg->seq < range.first || msg->seq > range.last)
                continue;
            out(msg);
            if (post_receipt_own(&model->post, msg->uid, msg->receipt) != NULL)
                post_reach(&model->post, msg->uid, a, fields->rung);
            took = (struct post_took){msg->root, now_of(world), msg->hops, msg->is_answer};
        }
    }
    if (took.root != 0)
        post_took(&model->post, a, took);
}

void
mail_report(struct world *world, const struct cl_command_report *fields)
{
    struct post *post = &world->model->post;
    uint32_t a = model_agent(world->model, fields->agent);
    uint64_t uid = rules_uid(fields->id);
    const struct post_receipt *receipt = post_receipt_of(post, uid);
    SIM_CHECK(receipt != NULL && receipt->to == a, "only the recipient reports on a message");
    if (world->model->agents[a].is_known) {
        world->model->agents[a].seen = now_of(world);
        if (fields->rung > CL_RUNG_ACCEPTED)
            post_took(post, a,
                      (struct post_took){receipt->root, now_of(world), receipt->hops,
                                         receipt->is_answer});
    }
    post_reach(post, uid, a, fields->rung);
    if (fields->outcome != CL_OUTCOME_NONE)
        (void)post_end(post, uid, fields->outcome);
}

/* -- dead -------------------------------------------------------------------------------------- */

/* Two messages with one id, of which the first lost its receipt before the second was sent, may die
 * by one command. One letter is left, and the core says whose: is it not this one? */
static bool
is_outlived(const struct world *world, const struct post_dead *letter, const struct post_dead *twin)
{
    const struct cl_dead *left = cl_core_dead(world->core, post_id(letter->uid));
    if (twin == NULL || left == NULL || twin->at.ms != letter->at.ms)
        return false;
    return !cl_str_eq(left->msg->to, cl_str_z(world->model->agents[letter->to].id)) ||
           left->msg->priority != letter->priority || cl_msg_cost(left->msg) != letter->cost;
}

/* It left the inbox for that reason: its receipt is told, and it is a dead letter. */
static void
die(struct world *world, uint32_t a, enum cl_priority priority, struct model_msg *msg,
    enum cl_cause cause)
{
    static const enum cl_outcome outcomes[CL_CAUSE_COUNT] = {
        [CL_CAUSE_EXPIRED] = CL_OUTCOME_EXPIRED,
        [CL_CAUSE_REFUSED] = CL_OUTCOME_REJECTED,
        [CL_CAUSE_ATTEMPTS] = CL_OUTCOME_DEAD,
        [CL_CAUSE_UNCLAIMED] = CL_OUTCOME_DEAD,
    };
    struct post *post = &world->model->post;
    bool has_receipt = post_receipt_own(post, msg->uid, msg->receipt) != NULL;
    out(msg);
    if (!msg->is_for_one || (has_receipt && !post_end(post, msg->uid, outcomes[cause])))
        return;
    const struct post_dead letter = {.uid = msg->uid,
                                     .receipt = msg->receipt,
                                     .from = msg->from,
                                     .to = a,
                                     .priority = priority,
                                     .cost = msg->cost,
                                     .attempts_max = msg->attempts_max,
                                     .blob = msg->blob,
                                     .at = now_of(world),
                                     .cause = cause};
    const struct post_dead *twin = post_dead_of(post, msg->uid);
    const struct post_dead before = twin == NULL ? letter : *twin;
    bool is_left = !is_outlived(world, &letter, twin);
    post_dead_add(post, letter);
    if (!is_left)
        post_dead_add(post, before);
}

void
mail_refuse(struct world *world, const struct cl_command_refuse *fields)
{
    struct model *model = world->model;
    uint32_t a = model_agent(model, fields->agent);
    struct cl_range range = fields->ranges.ptr[0];
    struct model_lane *lane = &model->agents[a].lanes[range.priority];
    model->agents[a].seen = now_of(world);
    for (uint32_t i = 0; i < lane->len; i++)
        if (!lane->msgs[i].is_out && lane->msgs[i].seq == range.first)
            die(world, a, range.priority, &lane->msgs[i], CL_CAUSE_REFUSED);
    SIM_CHECK(!rules_is_waiting(world->core, fields->agent, range.priority, range.first),
              "what is refused leaves the inbox");
}

static void
released_lane(struct world *world, uint32_t a, struct cl_range range)
{
    struct model *model = world->model;
    struct model_lane *lane = &model->agents[a].lanes[range.priority];
    for (uint32_t i = 0; i < lane->len; i++) {
        struct model_msg *msg = &lane->msgs[i];
        bool is_counted =
            msg->is_for_one && (msg->attempts_max > 0 ||
                                post_receipt_own(&model->post, msg->uid, msg->receipt) != NULL);
        if (msg->is_out || msg->seq < range.first || msg->seq > range.last || !is_counted)
            continue;
        sim_counts.faults[SIM_ATTEMPT_COUNTED]++;
        if (++msg->attempts < msg->attempts_max || msg->attempts_max == 0)
            continue;
        sim_counts.faults[SIM_DEAD_BY_ATTEMPTS]++;
        die(world, a, range.priority, msg, CL_CAUSE_ATTEMPTS);
    }
}

void
mail_released(struct world *world, const struct cl_command_released *fields)
{
    for (uint32_t r = 0; r < fields->ranges.len; r++)
        released_lane(world, model_agent(world->model, fields->agent), fields->ranges.ptr[r]);
}

void
mail_retry(struct world *world, const struct cl_command_dead_retry *fields)
{
    struct model *model = world->model;
    struct post_dead dead = *post_dead_of(&model->post, rules_uid(fields->id));
    struct post_receipt *receipt = post_receipt_own(&model->post, dead.uid, dead.receipt);
    struct model_agent *agent = &model->agents[dead.to];
    uint64_t seq = 0;
    const struct cl_msg *msg =
        cl_core_inbox_next(world->core, cl_core_agent(world->core, cl_str_z(agent->id)),
                           dead.priority, agent->lanes[dead.priority].last + 1, &seq);
    SIM_CHECK(msg != NULL && rules_uid(msg->id) == dead.uid && msg->attempts == 0 &&
                  msg->created.ms == now_of(world).ms && cl_str_eq(msg->from, dead.from),
              "a dead letter that is tried again stands behind all others, as new");
    post_dead_remove(&model->post, dead.uid);
    if (!agent->is_known)
        agent->orphan_since = now_of(world);
    agent->is_known = true;
    model_put(model, dead.to, dead.priority,
              (struct model_msg){.uid = dead.uid,
                                 .receipt = dead.receipt,
                                 .seq = seq,
                                 .expires = msg->expires,
                                 .bytes = (uint32_t)cl_body_str(msg->body).len,
                                 .cost = dead.cost,
                                 .from = dead.from,
                                 .root = rules_uid(cl_msg_root(msg)),
                                 .hops = msg->hops,
                                 .is_answer = cl_msg_is_answer(msg),
                                 .is_for_one = true,
                                 .attempts_max = dead.attempts_max,
                                 .blob = dead.blob});
    sim_counts.faults[SIM_DEAD_RETRIED]++;
    if (receipt == NULL)
        return;
    cl_time until = cl_time_add(msg->expires, CL_RECEIPT_KEPT_MS);
    receipt->outcome = CL_OUTCOME_NONE;
    if (until.ms > receipt->until.ms)
        receipt->until = until;
    model->post.touched[receipt->from] = true;
}

/* -- time -------------------------------------------------------------------------------------- */

/* A message that left with a tick: it expired, or nobody came for its inbox. */
static void
leave(struct world *world, uint32_t a, enum cl_priority priority, struct model_msg *msg,
      cl_time due)
{
    const struct cl_dead *dead = cl_core_dead(world->core, post_id(msg->uid));
    const struct cl_receipt *receipt =
        post_receipt_own(&world->model->post, msg->uid, msg->receipt) == NULL
            ? NULL
            : cl_core_receipt(world->core, post_id(msg->uid));
    const struct model_agent *agent = &world->model->agents[a];
    bool is_known = cl_core_agent(world->core, cl_str_z(agent->id)) != NULL;
    cl_time orphan_end = cl_time_add(agent->orphan_since, CL_ORPHAN_LIFE_MS);
    bool may_be_unclaimed =
        !is_known && !agent->is_registered && !model_is_attached(agent) && orphan_end.ms <= due.ms;
    bool has_expired = msg->expires.ms <= due.ms;
    SIM_CHECK(has_expired || may_be_unclaimed,
              "nothing is lost: a tick takes what has expired, and the inboxes of orphans");
    // Of an orphan whose inbox was dropped both may be true.
    bool is_unclaimed = !has_expired ||
                        (may_be_unclaimed && dead != NULL && dead->cause == CL_CAUSE_UNCLAIMED) ||
                        (may_be_unclaimed && dead == NULL && receipt != NULL &&
                         receipt->outcome == CL_OUTCOME_DEAD);
    die(world, a, priority, msg, is_unclaimed ? CL_CAUSE_UNCLAIMED : CL_CAUSE_EXPIRED);
}

static void
leave_lane(struct world *world, uint32_t a, enum cl_priority priority, cl_time due)
{
    const struct model_agent *agent = &world->model->agents[a];
    const struct model_lane *lane = &agent->lanes[priority];
    for (uint32_t i = 0; i < lane->len; i++) {
        struct model_msg *msg = &lane->msgs[i];
        if (!msg->is_out && !rules_is_waiting(world->core, cl_str_z(agent->id), priority, msg->seq))
            leave(world, a, priority, msg, due);
    }
}

void
mail_tick(struct world *world, cl_time due)
{
    for (uint32_t a = 0; a < MODEL_AGENTS; a++)
        for (enum cl_priority p = 0; p < CL_PRIORITY_COUNT; p++)
            leave_lane(world, a, p, due);
    post_expire(&world->model->post, now_of(world), due);
}
