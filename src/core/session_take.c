// SPDX-License-Identifier: MIT
/* What the next connection is handed. */
#include "base/pool.h"
#include "core/session_state.h"

struct taking {
    const struct cl_core *core;
    const struct cl_agent *agent;
    struct cl_session_holder *holder;
    struct cl_batch *batch;
    struct cl_session_lease *lease; // that the next message may lengthen
    uint32_t leases;
    bool is_out_of_memory;
};

/* Is there credit for one more? */
static bool
has_room(const struct taking *taking, uint64_t bytes)
{
    const struct cl_session_holder *holder = taking->holder;
    bool is_socket = holder->kind != CL_HOLDER_POLL;
    uint64_t bytes_max = is_socket ? CL_CREDIT_BYTES : CL_POLL_BYTES_MAX;
    if (holder->messages == 0)
        return true;
    return holder->messages < holder->messages_max && holder->bytes + bytes <= bytes_max;
}

/* One more in the batch, and with the holder. */
static inline void
count(struct taking *taking, const struct cl_msg *msg, uint64_t number, uint64_t bytes)
{
    struct cl_session_holder *holder = taking->holder;
    struct cl_batch *batch = taking->batch;
    holder->messages++;
    holder->bytes += bytes;
    uint32_t len = batch->len++;
    batch->numbers[len] = number;
    batch->msgs[len] = msg;
    batch->bytes += bytes;
}

/* Hands this message to the holder, in a lease. False: it must wait. */
static bool
hand(struct taking *taking, struct cl_range at, const struct cl_msg *msg)
{
    struct cl_session_holder *holder = taking->holder;
    struct cl_session_lease *lease = taking->lease;
    uint64_t bytes = cl_body_str(msg->body).len;
    bool is_counted = cl_msg_is_counted(msg);
    bool lengthens = lease != NULL && lease->range.priority == at.priority &&
                     lease->range.last + 1 == at.first && lease->is_counted == is_counted &&
                     holder->kind != CL_HOLDER_RANGED;
    if (!has_room(taking, bytes) || (!lengthens && taking->leases == CL_ACK_RANGES_MAX)) {
        holder->is_limited = true;
        return false;
    }
    if (!lengthens) {
        lease = cl_pool_get(sizeof *lease);
        if (lease == NULL) {
            taking->is_out_of_memory = true;
            return false;
        }
        *lease = (struct cl_session_lease){.range = at,
                                           .holder = holder->number,
                                           .batch = holder->batches + 1,
                                           .is_counted = is_counted};
        cl_list_append(&holder->held, &lease->link);
        taking->lease = lease;
        taking->leases++;
    }
    lease->range.last = at.first;
    lease->bytes += bytes;
    count(taking, msg, at.first, bytes);
    return true;
}

/* Those that pass, which need no lease. False: one must wait. */
static bool
take_passing(struct taking *taking)
{
    struct cl_session_holder *holder = taking->holder;
    CL_LIST_EACH(&holder->peer->passing, at)
    {
        struct cl_session_pass *pass = cl_session_pass_at(at);
        uint64_t bytes = cl_body_str(pass->msg->body).len;
        if (!has_room(taking, bytes)) {
            holder->is_limited = true;
            return false;
        }
        pass->holder = holder;
        pass->batch = holder->batches + 1;
        cl_list_remove(at);
        cl_list_append(&holder->passing, at);
        count(taking, pass->msg, pass->number, bytes);
        taking->batch->passing++;
    }
    return true;
}

/* From the range what still waits; the range shrinks from its front. False: stopped inside. */
static bool
take_range(struct taking *taking, struct cl_range *range)
{
    const struct cl_msg *msg;
    uint64_t seq;
    while ((msg = cl_core_inbox_next(taking->core, taking->agent, range->priority, range->first,
                                     &seq)) != NULL &&
           seq <= range->last) {
        range->first = seq;
        if (!hand(taking, (struct cl_range){range->priority, seq, seq}, msg))
            return false;
        range->first = seq + 1;
    }
    return true;
}

static bool
take_lane(struct taking *taking, enum cl_priority priority)
{
    struct cl_session_lane *lane = &taking->holder->peer->lanes[priority];
    CL_LIST_EACH(&lane->released, at)
    {
        if (!take_range(taking, &cl_session_lease_at(at)->range))
            return false;
        cl_list_remove(at);
        cl_session_lease_free(cl_session_lease_at(at));
    }
    struct cl_range fresh = {priority, lane->fresh, UINT64_MAX};
    bool is_through = take_range(taking, &fresh);
    lane->fresh = fresh.first;
    return is_through;
}

enum cl_err
cl_session_take(struct cl_session *session, const struct cl_core *core, uint64_t number,
                struct cl_batch *ret_batch)
{
    struct cl_session_holder *holder = cl_session_holder_of(session, number);
    ret_batch->number = 0;
    ret_batch->bytes = 0;
    ret_batch->passing = 0;
    ret_batch->len = 0;
    ret_batch->is_all = false;
    if (holder == NULL)
        return CL_OK;
    if (holder->kind != CL_HOLDER_POLL ? holder != cl_session_newest_socket(holder->peer)
                                       : holder->batches > 0)
        return CL_OK;

    struct taking taking = {.core = core,
                            .agent = cl_core_agent(core, holder->peer->id),
                            .holder = holder,
                            .batch = ret_batch};
    enum cl_priority lane = 0;
    bool is_through = take_passing(&taking);
    while (is_through && lane < CL_PRIORITY_COUNT && take_lane(&taking, lane))
        lane++;
    ret_batch->is_all = lane == CL_PRIORITY_COUNT;
    if (ret_batch->len == 0)
        return taking.is_out_of_memory ? CL_ERR_NO_MEMORY : CL_OK;
    ret_batch->number = ++holder->batches;
    session->leased += ret_batch->len;
    if (holder->kind != CL_HOLDER_POLL && holder->messages == CL_CREDIT_MESSAGES)
        holder->is_limited = true; // known now, not with the next take
    return CL_OK;
}
