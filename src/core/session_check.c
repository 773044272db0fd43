// SPDX-License-Identifier: MIT
/* What is always true of a session. */
#include "base/assert.h"
#include "core/session_state.h"

static uint64_t
count_in(const struct cl_list *leases, enum cl_priority priority, uint64_t seq)
{
    uint64_t count = 0;
    CL_LIST_EACH(leases, at)
    {
        const struct cl_range *range = &cl_session_lease_at(at)->range;
        count += range->priority == priority && range->first <= seq && seq <= range->last;
    }
    return count;
}

/* In how many leases and released ranges is this message? */
static uint64_t
count_places(const struct cl_session_peer *peer, enum cl_priority priority, uint64_t seq)
{
    uint64_t count = count_in(&peer->settling, priority, seq) +
                     count_in(&peer->lanes[priority].released, priority, seq);
    CL_LIST_EACH(&peer->sockets, at)
    {
        count += count_in(&cl_session_holder_at(at)->held, priority, seq);
    }
    CL_LIST_EACH(&peer->polls, at)
    {
        count += count_in(&cl_session_holder_at(at)->held, priority, seq);
    }
    return count;
}

static void
check_pass(const struct cl_session_peer *peer, const struct cl_session_pass *pass,
           const struct cl_session_holder *holder)
{
    CL_ASSERT(pass->peer == peer && pass->holder == holder && pass->life.place != 0);
    CL_ASSERT(pass->number >= 1 && pass->number <= peer->passing_last);
    CL_ASSERT(pass->msg->expires.ms == pass->life.key && pass->msg->refs == 1);
}

/* What its agent has waiting, and what its connections hold. */
static void
check_passing(const struct cl_session_peer *peer)
{
    const struct cl_list *holders[] = {&peer->sockets, &peer->polls};
    uint64_t last = 0, len = 0, bytes = 0;
    CL_LIST_EACH(&peer->passing, at)
    {
        const struct cl_session_pass *pass = cl_session_pass_at(at);
        check_pass(peer, pass, NULL);
        CL_ASSERT(pass->number > last);
        last = pass->number;
        len++;
        bytes += cl_msg_cost(pass->msg);
    }
    for (unsigned i = 0; i < 2; i++)
        CL_LIST_EACH(holders[i], at)
        {
            CL_LIST_EACH(&cl_session_holder_at(at)->passing, held)
            {
                check_pass(peer, cl_session_pass_at(held), cl_session_holder_at(at));
                len++;
                bytes += cl_msg_cost(cl_session_pass_at(held)->msg);
            }
        }
    CL_ASSERT(len == peer->passing_len && bytes == peer->passing_bytes);
    CL_ASSERT(len <= CL_PASS_MESSAGES_MAX && bytes <= CL_PASS_BYTES_MAX);
}

static uint64_t
check_peer(const struct cl_session_peer *peer, const struct cl_core *core)
{
    uint64_t settling = 0;
    uint64_t seq;
    const struct cl_agent *agent = cl_core_agent(core, peer->id);
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++) {
        const struct cl_session_lane *lane = &peer->lanes[i];
        uint64_t last = 0;
        CL_LIST_EACH(&lane->released, at)
        {
            const struct cl_range *range = &cl_session_lease_at(at)->range;
            CL_ASSERT(range->priority == i && range->first <= range->last);
            CL_ASSERT(range->first > last && range->last < lane->fresh);
            last = range->last;
        }
        for (uint64_t from = 0; cl_core_inbox_next(core, agent, i, from, &seq); from = seq + 1)
            CL_ASSERT(count_places(peer, i, seq) == (seq < lane->fresh));
    }
    check_passing(peer);
    CL_LIST_EACH(&peer->settling, at)
    {
        settling += cl_session_lease_len(cl_session_lease_at(at));
    }
    return settling;
}

static void
check_holder(const struct cl_session *session, const struct cl_session_holder *holder)
{
    uint64_t messages = 0;
    uint64_t bytes = 0;
    uint64_t batch = 1;
    CL_LIST_EACH(&holder->held, at)
    {
        const struct cl_session_lease *lease = cl_session_lease_at(at);
        CL_ASSERT(lease->holder == holder->number);
        CL_ASSERT(lease->batch >= batch && lease->batch <= holder->batches);
        CL_ASSERT(holder->kind != CL_HOLDER_RANGED || cl_session_lease_len(lease) == 1);
        CL_ASSERT(lease->range.last < holder->peer->lanes[lease->range.priority].fresh);
        batch = lease->batch;
        messages += cl_session_lease_len(lease);
        bytes += lease->bytes;
    }
    batch = 1;
    CL_LIST_EACH(&holder->passing, at)
    {
        const struct cl_session_pass *pass = cl_session_pass_at(at);
        CL_ASSERT(pass->batch >= batch && pass->batch <= holder->batches);
        batch = pass->batch;
        messages++;
        bytes += cl_body_str(pass->msg->body).len;
    }
    CL_ASSERT(messages == holder->messages && bytes == holder->bytes);
    CL_ASSERT(messages > 0 || (!holder->is_limited && holder->lapse.place == 0));
    CL_ASSERT(cl_session_peer_of(session, holder->peer->id) == holder->peer);
}

void
cl_session_check(const struct cl_session *session, const struct cl_core *core)
{
    const struct cl_session_holder *holder;
    const struct cl_session_peer *peer;
    uint64_t leased = 0, passing = 0, passing_bytes = 0;
    for (uint32_t at = 0; (holder = cl_map_next(&session->holders, &at)) != NULL;) {
        check_holder(session, holder);
        leased += holder->messages;
    }
    for (uint32_t at = 0; (peer = cl_map_next(&session->peers, &at)) != NULL;) {
        leased += check_peer(peer, core);
        passing += peer->passing_len;
        passing_bytes += peer->passing_bytes;
    }
    CL_ASSERT(leased == session->leased);
    CL_ASSERT(passing == session->lives.len && passing_bytes == session->passing_bytes);
    CL_ASSERT(passing_bytes <= CL_PASS_ALL_BYTES_MAX);
}
