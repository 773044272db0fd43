// SPDX-License-Identifier: MIT
#include "core/dead.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "core/state.h"

static cl_str
key_of(const struct cl_msg *msg)
{
    return cl_str_of(msg->id.bytes, sizeof msg->id.bytes);
}

struct cl_dead *
cl_dead_of(const struct cl_core *core, cl_id id)
{
    return cl_map_get(&core->deads.by_id, cl_str_of(id.bytes, sizeof id.bytes));
}

struct cl_msg *
cl_dead_take(struct cl_core *core, struct cl_dead *dead)
{
    struct cl_msg *msg = dead->msg;
    cl_map_remove(&core->deads.by_id, key_of(msg));
    cl_list_remove(&dead->link);
    core->deads.bytes -= cl_msg_cost(msg);
    cl_body_unref(dead->reason);
    cl_free(dead);
    return msg;
}

void
cl_dead_free(struct cl_core *core, struct cl_dead *dead)
{
    cl_msg_unref(cl_dead_take(core, dead));
}

enum cl_err
cl_dead_add(struct cl_core *core, const struct cl_dead *draft)
{
    struct cl_dead *older = cl_dead_of(core, draft->msg->id);
    bool fits = cl_msg_cost(draft->msg) <= core->limits.dead_bytes_max;
    struct cl_dead *dead = fits ? cl_alloc(sizeof *dead) : NULL;
    enum cl_err err = fits ? CL_ERR_NO_MEMORY : CL_OK;
    if (dead != NULL) {
        if (older != NULL)
            cl_dead_free(core, older);
        *dead = *draft;
        err = cl_map_put(&core->deads.by_id, key_of(dead->msg), dead);
    }
    if (err != CL_OK || !fits) {
        cl_free(dead);
        cl_msg_unref(draft->msg);
        return err;
    }
    (void)cl_body_ref(dead->reason);
    cl_list_append(&core->deads.all, &dead->link);
    core->deads.bytes += cl_msg_cost(dead->msg);
    if (dead->msg->receipt != NULL)
        cl_receipt_keep(core, dead->msg->receipt, cl_time_add(dead->at, CL_DEAD_LIFE_MS));
    cl_deads_trim(core);
    return CL_OK;
}

void
cl_deads_trim(struct cl_core *core)
{
    while (core->deads.bytes > core->limits.dead_bytes_max)
        cl_dead_free(core, cl_dead_at(cl_list_first(&core->deads.all)));
}

void
cl_dead_end(struct cl_core *core, struct cl_agent *agent, struct cl_range at, struct cl_end end)
{
    struct cl_msg *msg = cl_state_dequeue(core, agent, at.priority, at.first);
    struct cl_receipt *receipt = msg->receipt;
    struct cl_dead dead = {.msg = msg, .at = core->time, .cause = end.cause, .reason = end.reason};
    bool has_ended = receipt != NULL && !cl_receipt_end(core, receipt, end);
    if (has_ended || msg->to.len == 0 || cl_id_is_none(msg->id)) {
        cl_msg_unref(msg);
        return;
    }
    enum cl_err err = cl_dead_add(core, &dead);
    CL_ASSERT(err == CL_OK);
}

static cl_time
end_of(const struct cl_dead *dead)
{
    return cl_time_add(dead->at, CL_DEAD_LIFE_MS);
}

void
cl_deads_expire(struct cl_core *core, cl_time due)
{
    struct cl_link *first;
    while ((first = cl_list_first(&core->deads.all)) != NULL &&
           end_of(cl_dead_at(first)).ms <= due.ms)
        cl_dead_free(core, cl_dead_at(first));
}

cl_time
cl_deads_deadline(const struct cl_core *core)
{
    struct cl_link *first = cl_list_first(&core->deads.all);
    return first == NULL ? CL_TIME_NEVER : end_of(cl_dead_at(first));
}

/* -- reading ------------------------------------------------------------------------------- */

cl_str
cl_dead_reason(const struct cl_dead *dead)
{
    if (dead->reason != NULL)
        return cl_body_str(dead->reason);
    return cl_str_z(cl_cause_text(dead->cause));
}

const struct cl_dead *
cl_core_dead(const struct cl_core *core, cl_id id)
{
    return cl_dead_of(core, id);
}

const struct cl_dead *
cl_core_dead_next(const struct cl_core *core, const struct cl_dead *previous)
{
    const struct cl_link *end = &core->deads.all.head;
    struct cl_link *next = previous == NULL ? end->next : previous->link.next;
    return next == end ? NULL : cl_dead_at(next);
}

const struct cl_dead *
cl_core_dead_before(const struct cl_core *core, const struct cl_dead *next)
{
    const struct cl_link *end = &core->deads.all.head;
    struct cl_link *before = next == NULL ? end->prev : next->link.prev;
    return before == end ? NULL : cl_dead_at(before);
}

/* -- all of them --------------------------------------------------------------------------- */

void
cl_deads_init(struct cl_deads *deads, const cl_hash_key *hash_key)
{
    cl_map_init(&deads->by_id, hash_key);
    cl_list_init(&deads->all);
}

void
cl_deads_done(struct cl_core *core)
{
    CL_LIST_EACH(&core->deads.all, at)
    {
        cl_dead_free(core, cl_dead_at(at));
    }
    cl_map_done(&core->deads.by_id);
}

const char *
cl_deads_fault(const struct cl_core *core)
{
    uint32_t count = 0;
    uint64_t bytes = 0;
    cl_time last = {0};
    CL_LIST_EACH(&core->deads.all, at)
    {
        const struct cl_dead *dead = cl_dead_at(at);
        if (cl_dead_of(core, dead->msg->id) != dead || dead->msg->to.len == 0)
            return "a dead letter is found by its id and was for one";
        if (dead->at.ms < last.ms || dead->at.ms > core->time.ms)
            return "dead letters are listed by their time";
        if (dead->cause == CL_CAUSE_NONE || dead->msg->waiting > 0 || dead->msg->refs != 1)
            return "a dead letter has a cause and waits nowhere";
        last = dead->at;
        bytes += cl_msg_cost(dead->msg);
        count++;
    }
    if (count != core->deads.by_id.count || bytes != core->deads.bytes ||
        bytes > core->limits.dead_bytes_max)
        return "dead letters are counted, and not too many";
    return NULL;
}
