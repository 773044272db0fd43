// SPDX-License-Identifier: MIT
#include "sim/model.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/rules.h"

const char *const model_relays[MODEL_RELAYS] = {"relay", "other"};

struct model *
model_new(void)
{
    struct model *model = cl_alloc_or_die(sizeof *model);
    for (uint32_t i = 0; i < MODEL_AGENTS; i++)
        (void)snprintf(model->agents[i].id, sizeof model->agents[i].id, "agent-%u", i);
    return model;
}

void
model_free(struct model *model)
{
    model_restart(model);
    for (uint32_t i = 0; i < MODEL_AGENTS; i++)
        for (unsigned p = 0; p < CL_PRIORITY_COUNT; p++)
            cl_free(model->agents[i].lanes[p].msgs);
    passing_done(model);
    post_done(&model->post);
    cl_free(model);
}

uint32_t
model_agent(const struct model *model, cl_str id)
{
    uint32_t agent = 0;
    while (agent < MODEL_AGENTS && !cl_str_eq(cl_str_z(model->agents[agent].id), id))
        agent++;
    CL_ASSERT(agent < MODEL_AGENTS);
    return agent;
}

bool
model_is_attached(const struct model_agent *agent)
{
    uint64_t count = 0;
    for (unsigned r = 0; r < MODEL_RELAYS; r++)
        count += agent->attached[r];
    return count > 0;
}

uint32_t
model_relay(const struct model *model, uint64_t epoch)
{
    uint32_t relay = 0;
    while (relay < MODEL_RELAYS && (model->epochs[relay] == 0 || model->epochs[relay] != epoch))
        relay++;
    return relay;
}

static void
attached_to(struct model_agent *agent, uint32_t relay, uint64_t count, cl_time now)
{
    bool was_attached = model_is_attached(agent);
    agent->attached[relay] = count;
    if (was_attached && !model_is_attached(agent) && !agent->is_registered)
        agent->orphan_since = now;
}

void
model_relay_up(struct model *model, cl_str name, uint64_t epoch, cl_time now)
{
    uint32_t relay = cl_str_eq(name, cl_str_z(model_relays[0])) ? 0 : 1;
    model->epochs[relay] = epoch;
    for (uint32_t a = 0; a < MODEL_AGENTS; a++)
        attached_to(&model->agents[a], relay, 0, now);
}

void
model_detach(struct model *model, uint32_t agent, uint32_t relay, cl_time now)
{
    struct model_agent *who = &model->agents[agent];
    attached_to(who, relay, who->attached[relay] - 1, now);
}

/* -- messages -------------------------------------------------------------------------------- */

void
model_put(struct model *model, uint32_t agent, enum cl_priority priority, struct model_msg msg)
{
    struct model_lane *lane = &model->agents[agent].lanes[priority];
    if (lane->len == lane->cap) {
        lane->cap = lane->cap == 0 ? 16 : lane->cap * 2;
        lane->msgs = cl_realloc_or_die(lane->msgs, lane->cap * sizeof *lane->msgs);
    }
    lane->msgs[lane->len++] = msg;
    lane->last = msg.seq;
}

static struct model_msg *
find(struct model *model, uint32_t agent, enum cl_priority priority, uint64_t seq)
{
    struct model_lane *lane = &model->agents[agent].lanes[priority];
    for (uint32_t i = lane->len; i > 0; i--)
        if (lane->msgs[i - 1].seq == seq)
            return &lane->msgs[i - 1];
    return NULL;
}

void
model_expire(struct model *model, cl_time now)
{
    for (uint32_t a = 0; a < MODEL_AGENTS; a++)
        for (unsigned p = 0; p < CL_PRIORITY_COUNT; p++) {
            struct model_lane *lane = &model->agents[a].lanes[p];
            for (uint32_t i = 0; i < lane->len; i++)
                lane->msgs[i].is_gone |= lane->msgs[i].expires.ms <= now.ms;
        }
}

void
model_forget(struct model *model, uint32_t agent)
{
    model->agents[agent].is_known = false;
    model->agents[agent].is_registered = false;
    model->agents[agent].seen = (cl_time){0};
    model->post.tooks[agent] = (struct post_took){.root = 0};
    for (unsigned p = 0; p < CL_PRIORITY_COUNT; p++) {
        model->agents[agent].lanes[p].len = 0;
        model->agents[agent].lanes[p].last = 0;
    }
    for (struct model_holder *h = model->holders; h != NULL; h = h->older)
        if (h->agent == agent) {
            h->leases_len = 0;
            h->is_limited = false;
        }
    passing_forget(model, agent);
}

uint64_t
model_waiting(const struct model *model, uint32_t agent)
{
    uint64_t count = 0;
    for (unsigned p = 0; p < CL_PRIORITY_COUNT; p++) {
        const struct model_lane *lane = &model->agents[agent].lanes[p];
        for (uint32_t i = 0; i < lane->len; i++)
            count += !lane->msgs[i].is_gone;
    }
    return count;
}

/* -- blobs ----------------------------------------------------------------------------------- */

cl_str
model_blob_name(uint8_t blob)
{
    static const char names[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    CL_ASSERT(blob >= 1 && blob <= SIM_BLOBS);
    return cl_str_of(names + blob, sizeof(cl_digest));
}

uint8_t
model_blob(cl_str name)
{
    for (uint8_t blob = 1; blob <= SIM_BLOBS; blob++)
        if (cl_str_eq(name, model_blob_name(blob)))
            return blob;
    return 0;
}

cl_str
model_once_name(uint32_t once)
{
    static const char names[] = "ZYXWVUTSRQPONMLKJIHGFEDCBA9876543210zyxwvutsrqponmlkjihgfedcba";
    CL_ASSERT(once < MODEL_ONCES);
    return cl_str_of(names + once, sizeof(cl_digest));
}

uint32_t
model_once(cl_str name)
{
    uint32_t once = 0;
    while (once < MODEL_ONCES && !cl_str_eq(name, model_once_name(once)))
        once++;
    return once;
}

void
model_onces_expire(struct model *model, cl_time due)
{
    for (uint32_t i = 0; i < MODEL_ONCES; i++)
        if (model->onces[i].ms <= due.ms)
            model->onces[i].ms = 0;
}

static bool
lane_names(const struct model_lane *lane, uint8_t blob)
{
    for (uint32_t i = 0; i < lane->len; i++)
        if (!lane->msgs[i].is_out && lane->msgs[i].blob == blob)
            return true;
    return false;
}

bool
model_names(const struct model *model, uint8_t blob)
{
    for (uint32_t i = 0; i < model->post.deads_len; i++)
        if (model->post.deads[i].blob == blob)
            return true;
    for (uint32_t a = 0; a < MODEL_AGENTS; a++)
        for (unsigned p = 0; p < CL_PRIORITY_COUNT; p++)
            if (lane_names(&model->agents[a].lanes[p], blob))
                return true;
    return false;
}

static void
tidy_lane(struct model_lane *lane)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < lane->len; i++)
        if (!lane->msgs[i].is_out || lane->msgs[i].is_leased)
            lane->msgs[kept++] = lane->msgs[i];
    lane->len = kept;
}

void
model_tidy(struct model *model)
{
    for (uint32_t a = 0; a < MODEL_AGENTS; a++)
        for (unsigned p = 0; p < CL_PRIORITY_COUNT; p++)
            tidy_lane(&model->agents[a].lanes[p]);
    for (struct model_holder **at = &model->holders; *at != NULL;) {
        struct model_holder *holder = *at;
        if (holder->is_open || holder->leases_len > 0) {
            at = &holder->older;
            continue;
        }
        *at = holder->older;
        cl_free(holder->leases);
        cl_free(holder);
    }
}

/* -- holders --------------------------------------------------------------------------------- */

struct model_holder *
model_open(struct model *model, uint64_t number, uint32_t agent, enum cl_holder_kind kind)
{
    struct model_holder *holder = cl_alloc_or_die(sizeof *holder);
    *holder = (struct model_holder){.number = number,
                                    .agent = agent,
                                    .kind = kind,
                                    .messages_max = CL_POLL_MESSAGES_MAX,
                                    .is_open = true,
                                    .until = CL_TIME_NEVER,
                                    .older = model->holders};
    model->holders = holder;
    return holder;
}

struct model_holder *
model_holder(const struct model *model, uint64_t number)
{
    for (struct model_holder *h = model->holders; h != NULL; h = h->older)
        if (h->number == number)
            return h;
    return NULL;
}

uint32_t
model_held(const struct model_holder *holder)
{
    uint32_t count = holder->passing;
    for (uint32_t i = 0; i < holder->leases_len; i++)
        count += holder->leases[i].settling == 0;
    return count;
}

uint64_t
model_leased(const struct model *model)
{
    uint64_t count = 0;
    for (const struct model_holder *h = model->holders; h != NULL; h = h->older)
        count += h->leases_len + h->passing;
    return count;
}

struct model_holder *
model_socket(const struct model *model, uint32_t agent)
{
    for (struct model_holder *h = model->holders; h != NULL; h = h->older)
        if (h->is_open && h->agent == agent && model_is_socket(h))
            return h;
    return NULL;
}

static void
release(struct model *model, const struct model_holder *holder, const struct model_lease *lease)
{
    struct model_msg *msg = find(model, holder->agent, lease->priority, lease->seq);
    CL_ASSERT(msg != NULL && msg->is_leased);
    msg->is_leased = false;
}

bool
model_is_in(cl_ranges ranges, enum cl_priority priority, uint64_t seq)
{
    for (uint32_t i = 0; i < ranges.len; i++)
        if (ranges.ptr[i].priority == priority && ranges.ptr[i].first <= seq &&
            seq <= ranges.ptr[i].last)
            return true;
    return false;
}

/* All that it holds, or what is in the ranges. */
static uint32_t
give_back(struct model *model, struct model_holder *holder, const cl_ranges *ranges)
{
    uint32_t kept = 0;
    uint32_t counted = 0;
    bool any = passing_release(model, holder, ranges);
    for (uint32_t i = 0; i < holder->leases_len; i++) {
        const struct model_lease *lease = &holder->leases[i];
        if (lease->settling != 0 ||
            (ranges != NULL && !model_is_in(*ranges, lease->priority, lease->seq))) {
            holder->leases[kept++] = *lease;
            continue;
        }
        counted += lease->is_counted;
        any = true;
        release(model, holder, lease);
    }
    holder->leases_len = kept;
    holder->is_limited = holder->is_limited && ranges != NULL && !any;
    return counted;
}

uint32_t
model_release(struct model *model, struct model_holder *holder)
{
    return give_back(model, holder, NULL);
}

uint32_t
model_release_ranges(struct model *model, struct model_holder *holder, cl_ranges ranges)
{
    return give_back(model, holder, &ranges);
}

static struct model_holder *
next_to_lapse(const struct model *model, cl_time due)
{
    struct model_holder *first = NULL;
    for (struct model_holder *h = model->holders; h != NULL; h = h->older)
        if (h->is_open && h->until.ms <= due.ms &&
            (first == NULL || h->until.ms < first->until.ms ||
             (h->until.ms == first->until.ms && h->number < first->number)))
            first = h;
    return first;
}

uint32_t
model_lapse(struct model *model, cl_time due)
{
    struct model_holder *holder;
    uint32_t counted = 0;
    while (counted == 0 && (holder = next_to_lapse(model, due)) != NULL) {
        counted = model_release(model, holder);
        holder->until = CL_TIME_NEVER;
    }
    return counted;
}

bool
model_settle(struct model_holder *holder, uint64_t batch)
{
    bool any = false;
    for (uint32_t i = 0; i < holder->leases_len; i++)
        if (holder->leases[i].batch <= batch && holder->leases[i].settling == 0) {
            holder->leases[i].settling = batch;
            any = true;
        }
    holder->is_limited = holder->is_limited && !any;
    return any;
}

bool
model_settle_ranges(struct model_holder *holder, cl_ranges ranges)
{
    bool any = false;
    for (uint32_t i = 0; i < holder->leases_len; i++) {
        struct model_lease *lease = &holder->leases[i];
        if (lease->settling != 0 || !model_is_in(ranges, lease->priority, lease->seq))
            continue;
        lease->settling = holder->settles + 1;
        any = true;
    }
    holder->settles += any;
    holder->is_limited = holder->is_limited && !any;
    return any;
}

void
model_end_settling(struct model *model, struct model_holder *holder, uint64_t batch, bool is_taken)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < holder->leases_len; i++) {
        struct model_lease *lease = &holder->leases[i];
        if (lease->settling != batch) {
            holder->leases[kept++] = *lease;
            continue;
        }
        struct model_msg *msg = find(model, holder->agent, lease->priority, lease->seq);
        CL_ASSERT(msg != NULL && (!is_taken || msg->is_gone)); // its ack came first
        msg->is_leased = false;
    }
    holder->leases_len = kept;
}

void
model_restart(struct model *model)
{
    passing_done(model);
    while (model->holders != NULL) {
        struct model_holder *older = model->holders->older;
        cl_free(model->holders->leases);
        cl_free(model->holders);
        model->holders = older;
    }
    for (uint32_t a = 0; a < MODEL_AGENTS; a++)
        for (unsigned p = 0; p < CL_PRIORITY_COUNT; p++)
            for (uint32_t i = 0; i < model->agents[a].lanes[p].len; i++)
                model->agents[a].lanes[p].msgs[i].is_leased = false;
}

/* -- taking ---------------------------------------------------------------------------------- */

/* Of an agent's open sockets only the newest receives; a poll takes once. */
static bool
may_take(const struct model *model, const struct model_holder *holder)
{
    if (holder->kind == CL_HOLDER_POLL)
        return holder->is_open && holder->batches == 0;
    return holder == model_socket(model, holder->agent);
}

struct credit {
    uint32_t messages;
    uint64_t bytes;
    uint32_t ranges; // of this batch: an ack holds CL_ACK_RANGES_MAX
};

static bool
has_credit(const struct model_holder *holder, const struct credit *used, uint32_t bytes,
           bool new_range)
{
    bool is_socket = model_is_socket(holder);
    if (new_range && used->ranges == CL_ACK_RANGES_MAX)
        return false;
    if (used->messages == 0)
        return true;
    return used->messages < (is_socket ? CL_CREDIT_MESSAGES : holder->messages_max) &&
           used->bytes + bytes <= (is_socket ? CL_CREDIT_BYTES : CL_POLL_BYTES_MAX);
}

static bool
is_counted(const struct model *model, const struct model_msg *msg)
{
    return msg->attempts_max > 0 ||
           (msg->is_for_one && post_receipt_own(&model->post, msg->uid, msg->receipt) != NULL);
}

static void
lease(struct model_holder *holder, enum cl_priority priority, struct model_msg *msg,
      bool is_counted)
{
    if (holder->leases_len == holder->leases_cap) {
        holder->leases_cap = holder->leases_cap == 0 ? 64 : holder->leases_cap * 2;
        holder->leases =
            cl_realloc_or_die(holder->leases, holder->leases_cap * sizeof *holder->leases);
    }
    msg->is_leased = true;
    holder->leases[holder->leases_len++] = (struct model_lease){.priority = priority,
                                                                .seq = msg->seq,
                                                                .bytes = msg->bytes,
                                                                .batch = holder->batches + 1,
                                                                .is_counted = is_counted};
}

uint32_t
model_take(struct model *model, struct model_holder *holder,
           uint64_t ret_uids[static CL_POLL_MESSAGES_MAX])
{
    struct credit used = {.messages = holder->passing, .bytes = holder->passing_bytes};
    struct passing_msg *passing;
    uint32_t len = 0;
    if (!may_take(model, holder))
        return 0;
    for (uint32_t i = 0; i < holder->leases_len; i++) {
        used.messages += holder->leases[i].settling == 0;
        used.bytes += holder->leases[i].settling != 0 ? 0 : holder->leases[i].bytes;
    }
    while ((passing = passing_offered(model, holder->agent)) != NULL) {
        uint32_t bytes = (uint32_t)cl_body_str(passing->pass->pass.body).len;
        if (!has_credit(holder, &used, bytes, false)) {
            holder->is_limited = true;
            goto full;
        }
        passing_take(passing, holder);
        ret_uids[len++] = rules_uid(passing->pass->pass.id);
        used.messages++;
        used.bytes += bytes;
    }
    for (unsigned p = 0; p < CL_PRIORITY_COUNT; p++) {
        struct model_lane *lane = &model->agents[holder->agent].lanes[p];
        uint64_t last = 0;
        bool was_counted = false;
        for (uint32_t i = 0; i < lane->len; i++) {
            struct model_msg *msg = &lane->msgs[i];
            if (msg->is_gone || msg->is_leased)
                continue;
            bool counts = is_counted(model, msg);
            bool new_range = last == 0 || msg->seq != last + 1 || counts != was_counted ||
                             holder->kind == CL_HOLDER_RANGED;
            if (!has_credit(holder, &used, msg->bytes, new_range)) {
                holder->is_limited = true;
                goto full;
            }
            lease(holder, (enum cl_priority)p, msg, counts);
            model->retaken += msg->was_taken;
            msg->was_taken = true;
            ret_uids[len++] = msg->uid;
            used.messages++;
            used.bytes += msg->bytes;
            used.ranges += new_range;
            last = msg->seq;
            was_counted = counts;
        }
    }
full:
    holder->batches += len > 0;
    return len;
}
