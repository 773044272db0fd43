// SPDX-License-Identifier: MIT
#include "sim/passing.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/model.h"
#include "sim/report.h"
#include "sim/rules.h"

static const char mark[] = "PASSING.";

static uint64_t
cost_of(const struct cl_command_pass *pass)
{
    return CL_MESSAGE_COST_BYTES + pass->to.len + pass->from.len + cl_body_str(pass->body).len;
}

static void
drop(struct passing_msg *msg)
{
    cl_command_free(msg->pass);
    msg->pass = NULL;
}

/* Closes the gaps that drop leaves. */
static void
close_up(struct passing *passing)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < passing->len; i++)
        if (passing->msgs[i].pass != NULL)
            passing->msgs[kept++] = passing->msgs[i];
    passing->len = kept;
}

void
passing_done(struct model *model)
{
    for (uint32_t i = 0; i < model->passing.len; i++)
        drop(&model->passing.msgs[i]);
    cl_free(model->passing.msgs);
    model->passing = (struct passing){.len = 0};
}

void
passing_mark(struct cl_body *body)
{
    for (uint32_t i = 0; i < body->len; i++)
        body->bytes[i] = mark[i % (sizeof mark - 1)];
}

/* -- coming ------------------------------------------------------------------------------------ */

static bool
is_connected(const struct model *model, uint32_t agent)
{
    for (const struct model_holder *h = model->holders; h != NULL; h = h->older)
        if (h->is_open && h->agent == agent)
            return true;
    return false;
}

/* As far as a slash. */
static bool
is_of_one_sender(cl_str a, cl_str b)
{
    cl_str of_a, of_b, rest;
    (void)cl_str_split(a, '/', &of_a, &rest);
    (void)cl_str_split(b, '/', &of_b, &rest);
    return cl_str_eq(of_a, of_b);
}

/* Has the sender half of what may wait there? */
static bool
has_half(const struct model *model, uint32_t agent, cl_str from)
{
    uint64_t bytes = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < model->passing.len && from.len > 0; i++) {
        const struct passing_msg *msg = &model->passing.msgs[i];
        if (msg->agent != agent || !is_of_one_sender(msg->pass->pass.from, from))
            continue;
        count++;
        bytes += cost_of(&msg->pass->pass);
    }
    return count >= CL_PASS_MESSAGES_MAX / 2 || bytes >= CL_PASS_BYTES_MAX / 2;
}

enum cl_err
passing_rules(const struct model *model, const struct cl_core *core,
              const struct cl_session *session, const struct cl_command *command)
{
    const struct cl_command_pass *pass = &command->pass;
    uint32_t agent = model_agent(model, pass->to);
    int64_t silent = command->time.ms - cl_session_last_seen(session, core, pass->to).ms;
    uint64_t bytes = cost_of(pass), all_bytes = bytes;
    uint32_t count = 1;
    for (uint32_t i = 0; i < model->passing.len; i++) {
        const struct passing_msg *msg = &model->passing.msgs[i];
        all_bytes += cost_of(&msg->pass->pass);
        bytes += msg->agent == agent ? cost_of(&msg->pass->pass) : 0;
        count += msg->agent == agent;
    }
    if (rules_uid(pass->id) == 0)
        return CL_ERR_MALFORMED;
    if (pass->expires.ms <= command->time.ms)
        return CL_ERR_EXPIRED;
    if (!is_connected(model, agent) &&
        (!model->agents[agent].is_registered || silent >= CL_PASS_ABSENT_MS))
        return CL_ERR_NO_AGENT;
    if (count > CL_PASS_MESSAGES_MAX || bytes > CL_PASS_BYTES_MAX)
        return CL_ERR_INBOX_FULL;
    if (has_half(model, agent, pass->from))
        return CL_ERR_FAIR_SHARE;
    return all_bytes > CL_PASS_ALL_BYTES_MAX ? CL_ERR_FULL : CL_OK;
}

void
passing_put(struct model *model, const struct cl_command *command)
{
    struct passing *passing = &model->passing;
    cl_time latest = cl_time_add(command->time, CL_PASS_LIFE_MS);
    if (passing->len == passing->cap) {
        passing->cap = passing->cap == 0 ? 64 : passing->cap * 2;
        passing->msgs = cl_realloc_or_die(passing->msgs, passing->cap * sizeof *passing->msgs);
    }
    struct passing_msg *msg = &passing->msgs[passing->len++];
    *msg = (struct passing_msg){
        .pass = cl_command_new(command),
        .agent = model_agent(model, command->pass.to),
        .expires = command->pass.expires.ms < latest.ms ? command->pass.expires : latest};
    CL_ASSERT(msg->pass != NULL);
    sim_counts.accepted++;
}

/* -- with connections -------------------------------------------------------------------------- */

struct passing_msg *
passing_offered(struct model *model, uint32_t agent)
{
    for (uint32_t i = 0; i < model->passing.len; i++) {
        struct passing_msg *msg = &model->passing.msgs[i];
        if (msg->agent == agent && msg->holder == NULL && !msg->is_over)
            return msg;
    }
    return NULL;
}

void
passing_take(struct passing_msg *msg, struct model_holder *holder)
{
    msg->holder = holder;
    msg->batch = holder->batches + 1;
    holder->passing++;
    holder->passing_bytes += cl_body_str(msg->pass->pass.body).len;
    sim_counts.faults[SIM_PASS_OFFERED_AGAIN] += msg->was_taken;
    msg->was_taken = true;
}

static void
unhold(struct passing_msg *msg)
{
    if (msg->holder == NULL)
        return;
    msg->holder->passing--;
    msg->holder->passing_bytes -= cl_body_str(msg->pass->pass.body).len;
    msg->holder = NULL;
}

static void
over(struct passing_msg *msg, enum cl_outcome outcome)
{
    unhold(msg);
    msg->is_over = true;
    msg->outcome = outcome;
}

bool
passing_release(struct model *model, struct model_holder *holder, const cl_ranges *ranges)
{
    bool any = false;
    for (uint32_t i = 0; i < model->passing.len; i++) {
        struct passing_msg *msg = &model->passing.msgs[i];
        if (msg->holder != holder ||
            (ranges != NULL && !model_is_in(*ranges, CL_LANE_PASSING, msg->number)))
            continue;
        unhold(msg);
        any = true;
    }
    return any;
}

bool
passing_settle(struct model *model, struct model_holder *holder,
               const struct cl_command_settle *fields)
{
    bool any = false;
    for (uint32_t i = 0; i < model->passing.len; i++) {
        struct passing_msg *msg = &model->passing.msgs[i];
        if (msg->holder != holder || msg->batch > fields->batch)
            continue;
        over(msg, CL_OUTCOME_NONE);
        msg->rung = fields->rung;
        msg->proof = fields->proof;
        any = true;
    }
    holder->is_limited = holder->is_limited && !any;
    return any;
}

bool
passing_settle_ranges(struct model *model, struct model_holder *holder,
                      const struct cl_command_settle_ranges *fields)
{
    bool any = false;
    for (uint32_t i = 0; i < model->passing.len; i++) {
        struct passing_msg *msg = &model->passing.msgs[i];
        if (msg->holder != holder || !model_is_in(fields->ranges, CL_LANE_PASSING, msg->number))
            continue;
        over(msg, fields->refuses != 0 ? CL_OUTCOME_REJECTED : CL_OUTCOME_NONE);
        msg->rung = fields->refuses != 0 ? 0 : fields->rung;
        msg->proof = fields->refuses != 0 ? 0 : fields->proof;
        any = true;
    }
    holder->is_limited = holder->is_limited && !any;
    return any;
}

void
passing_expire(struct model *model, cl_time due)
{
    for (uint32_t i = 0; i < model->passing.len; i++) {
        struct passing_msg *msg = &model->passing.msgs[i];
        if (msg->expires.ms > due.ms)
            continue;
        sim_counts.faults[SIM_PASS_EXPIRED_OUT] += msg->holder != NULL;
        if (msg->holder != NULL)
            msg->holder->is_limited = false;
        over(msg, CL_OUTCOME_EXPIRED);
    }
}

void
passing_forget(struct model *model, uint32_t agent)
{
    if (is_connected(model, agent))
        return;
    for (uint32_t i = 0; i < model->passing.len; i++)
        if (model->passing.msgs[i].agent == agent)
            over(&model->passing.msgs[i], CL_OUTCOME_DEAD);
}

/* -- checks ------------------------------------------------------------------------------------ */

static bool
is_as_passed(const struct cl_msg *msg, const struct cl_command *command)
{
    const struct cl_command_pass *pass = &command->pass;
    return cl_str_eq(msg->to, pass->to) && cl_str_eq(msg->from, pass->from) &&
           cl_id_eq(msg->id, pass->id) && cl_id_eq(msg->re, pass->re) && msg->kind == pass->kind &&
           msg->media == pass->media && msg->trust == pass->trust && msg->body == pass->body &&
           msg->created.ms == command->time.ms;
}

/* Later ones have greater numbers, for all time that it has the number. */
static void
check_place(const struct model *model, const struct passing_msg *msg)
{
    bool is_later = false;
    for (uint32_t i = 0; i < model->passing.len; i++) {
        const struct passing_msg *other = &model->passing.msgs[i];
        if (other == msg)
            is_later = true;
        else if (other->agent == msg->agent && other->number != 0)
            SIM_CHECK(is_later ? other->number > msg->number : other->number < msg->number,
                      "what passes has its place by the order in which it came");
    }
}

void
passing_check_taken(struct model *model, const struct model_holder *holder,
                    const struct cl_batch *batch)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < model->passing.len; i++) {
        struct passing_msg *msg = &model->passing.msgs[i];
        if (msg->holder != holder || msg->batch != holder->batches || batch->len == 0)
            continue;
        const struct cl_range at = cl_batch_at(batch, found);
        SIM_CHECK(is_as_passed(batch->msgs[found++], msg->pass),
                  "a message that passes is what its sender sent");
        SIM_CHECK(at.priority == CL_LANE_PASSING && (msg->number == 0 || msg->number == at.first),
                  "what passes keeps its place");
        msg->number = at.first;
        check_place(model, msg);
    }
    SIM_CHECK(found == batch->passing, "a batch says how many of it pass");
}

static struct passing_msg *
find(const struct model *model, cl_id id)
{
    for (uint32_t i = 0; i < model->passing.len; i++)
        if (model->passing.msgs[i].pass != NULL &&
            cl_id_eq(model->passing.msgs[i].pass->pass.id, id))
            return &model->passing.msgs[i];
    return NULL;
}

static void
check_end(struct model *model, const struct cl_effect *effect)
{
    static const enum sim_fault faults[CL_OUTCOME_COUNT] = {
        [CL_OUTCOME_NONE] = SIM_PASS_DELIVERED,
        [CL_OUTCOME_REJECTED] = SIM_PASS_REFUSED,
        [CL_OUTCOME_EXPIRED] = SIM_PASS_EXPIRED,
        [CL_OUTCOME_DEAD] = SIM_PASS_FORGOTTEN,
    };
    struct passing_msg *msg = find(model, effect->passed.id);
    SIM_CHECK(msg != NULL && msg->is_over, "what passes ends once, and not before its end");
    SIM_CHECK(effect->passed.ticket == msg->pass->ticket &&
                  cl_str_eq(effect->agent, msg->pass->pass.to) &&
                  effect->passed.outcome == msg->outcome && effect->passed.rung == msg->rung &&
                  effect->passed.proof == msg->proof,
              "who passed a message is told how it ended");
    SIM_CHECK(msg->pass->pass.body->refs == 1, "the body of what passed goes when it ends");
    sim_counts.faults[faults[msg->outcome]]++;
    report_event("passed to %.*s: outcome %u", CL_STR_ARG(effect->agent), (unsigned)msg->outcome);
    drop(msg);
}

void
passing_check_told(struct model *model, const struct cl_effects *effects)
{
    for (size_t i = 0; i < effects->len; i++)
        if (effects->items[i].kind == CL_EFFECT_PASSED)
            check_end(model, &effects->items[i]);
    close_up(&model->passing);
    for (uint32_t i = 0; i < model->passing.len; i++)
        SIM_CHECK(!model->passing.msgs[i].is_over, "each end of what passes is told");
}

void
passing_check(const struct model *model, const struct cl_session *session)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < model->passing.len; i++) {
        bytes += cost_of(&model->passing.msgs[i].pass->pass);
        SIM_CHECK(cl_session_deadline(session).ms <= model->passing.msgs[i].expires.ms,
                  "a lapse is wanted when the time of what passes is over");
    }
    SIM_CHECK(cl_session_passing(session) == model->passing.len &&
                  cl_session_passing_bytes(session) == bytes,
              "the session counts what passes");
    SIM_CHECK(bytes <= CL_PASS_ALL_BYTES_MAX, "what passes is bounded");
}

void
passing_check_dump(cl_str bytes)
{
    const char *at = bytes.ptr;
    const char *end = bytes.ptr + bytes.len;
    while ((size_t)(end - at) >= sizeof mark &&
           (at = memchr(at, mark[0], (size_t)(end - at) - sizeof mark + 1)) != NULL) {
        SIM_CHECK(memcmp(at, mark, sizeof mark - 1) != 0, "nothing that passes is in the core");
        at++;
    }
}
