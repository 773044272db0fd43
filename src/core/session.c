// SPDX-License-Identifier: MIT
#include "core/session.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/pool.h"
#include "core/session_state.h"

/* -- peers --------------------------------------------------------------------------------- */

static void
free_leases(struct cl_list *list)
{
    CL_LIST_EACH(list, at)
    {
        cl_list_remove(at);
        cl_session_lease_free(cl_session_lease_at(at));
    }
}

static void
peer_free(struct cl_session_peer *peer)
{
    cl_session_pass_free_all(&peer->passing);
    free_leases(&peer->settling);
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        free_leases(&peer->lanes[i].released);
    cl_free(peer);
}

struct cl_session_peer *
cl_session_know(struct cl_session *session, cl_str id)
{
    struct cl_session_peer *peer = cl_session_peer_of(session, id);
    if (peer != NULL)
        return peer;
    peer = cl_alloc(sizeof *peer + id.len);
    if (peer == NULL)
        return NULL;
    peer->id = cl_str_of(peer + 1, id.len);
    memcpy(peer + 1, id.ptr, id.len);
    cl_list_init(&peer->sockets);
    cl_list_init(&peer->polls);
    cl_list_init(&peer->settling);
    cl_list_init(&peer->passing);
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        cl_list_init(&peer->lanes[i].released);
    if (cl_map_put(&session->peers, peer->id, peer) == CL_OK)
        return peer;
    cl_free(peer);
    return NULL;
}

/* With no lease left, starting over from the front of the inbox offers the same messages in the
 * same order. */
void
cl_session_tidy(struct cl_session *session, const struct cl_core *core,
                struct cl_session_peer *peer)
{
    if (!cl_list_is_empty(&peer->sockets) || !cl_list_is_empty(&peer->polls) ||
        !cl_list_is_empty(&peer->settling) || peer->passing_len > 0 ||
        cl_agent_is_registered(cl_core_agent(core, peer->id)))
        return;
    cl_map_remove(&session->peers, peer->id);
    peer_free(peer);
}

/* -- leases -------------------------------------------------------------------------------- */

/* Back to its old place. */
static void
release(struct cl_session *session, struct cl_session_peer *peer, struct cl_session_lease *lease)
{
    struct cl_list *released = &peer->lanes[lease->range.priority].released;
    struct cl_link *after = released->head.prev;
    while (after != &released->head && cl_session_lease_at(after)->range.first > lease->range.first)
        after = after->prev;
    session->leased -= cl_session_lease_len(lease);
    cl_list_remove(&lease->link);
    cl_link_insert(after, &lease->link);
}

static void
holds_nothing(struct cl_session *session, struct cl_session_holder *holder)
{
    holder->messages = 0;
    holder->bytes = 0;
    holder->is_limited = false;
    cl_heap_remove(&session->lapses, &holder->lapse);
}

/* One more range for an effect, which grows where it can. Returns how many there are then. */
static uint32_t
add_range(struct cl_session *session, uint32_t len, struct cl_range range)
{
    struct cl_range *last = len == 0 ? NULL : &session->ranges[len - 1];
    if (last != NULL && last->priority == range.priority && last->last + 1 == range.first) {
        last->last = range.last;
        return len;
    }
    CL_ASSERT(len < CL_ACK_RANGES_MAX);
    session->ranges[len] = range;
    return len + 1;
}

/* Returns how many ranges of session->ranges are now those that count it. */
static uint32_t
release_all(struct cl_session *session, struct cl_session_holder *holder)
{
    uint32_t len = 0;
    CL_LIST_EACH(&holder->held, at)
    {
        struct cl_session_lease *lease = cl_session_lease_at(at);
        if (lease->is_counted)
            len = add_range(session, len, lease->range);
        release(session, holder->peer, lease);
    }
    (void)cl_session_pass_release(session, holder, NULL);
    holds_nothing(session, holder);
    return len;
}

/* There is room for the effect. */
static void
tell_released(struct cl_session *session, const struct cl_session_peer *peer, uint32_t ranges,
              struct cl_effects *effects)
{
    if (ranges == 0)
        return;
    memcpy(session->released_agent, peer->id.ptr, peer->id.len);
    cl_effects_add(effects,
                   (struct cl_effect){.kind = CL_EFFECT_RELEASED,
                                      .agent = cl_str_of(session->released_agent, peer->id.len),
                                      .released = {.ranges = {session->ranges, ranges}}});
}

static void
end_lease(struct cl_session *session, struct cl_session_lease *lease)
{
    session->leased -= cl_session_lease_len(lease);
    cl_list_remove(&lease->link);
    cl_session_lease_free(lease);
}

static uint64_t
receiver_of(const struct cl_session_peer *peer)
{
    const struct cl_session_holder *socket = cl_session_newest_socket(peer);
    if (socket != NULL && !socket->is_limited)
        return socket->number;
    CL_LIST_EACH(&peer->polls, at)
    {
        if (cl_session_holder_at(at)->batches == 0)
            return cl_session_holder_at(at)->number;
    }
    return 0;
}

void
cl_session_tell_ready(const struct cl_session_peer *peer, struct cl_effects *effects)
{
    if (receiver_of(peer) != 0)
        cl_effects_add(effects, (struct cl_effect){.kind = CL_EFFECT_READY, .agent = peer->id});
}

/* -- commands ------------------------------------------------------------------------------ */

/* That one holder may have at a time. */
static uint32_t
messages_max_of(const struct cl_command_open *fields)
{
    if (fields->kind != CL_HOLDER_POLL)
        return CL_CREDIT_MESSAGES;
    return fields->messages_max > 0 ? fields->messages_max : CL_POLL_MESSAGES_MAX;
}

/* One command being applied. */
struct run {
    struct cl_session *session;
    const struct cl_core *core;
    struct cl_effects *effects;
    cl_time now;
};

static enum cl_err
apply_heartbeat(struct run *run, cl_str id)
{
    if (!cl_agent_is_registered(cl_core_agent(run->core, id)))
        return CL_ERR_NO_AGENT;
    struct cl_session_peer *peer = cl_session_know(run->session, id);
    if (peer == NULL)
        return CL_ERR_NO_MEMORY;
    peer->seen = run->now;
    return CL_OK;
}

/* A newer connection begins with what an older one has not acknowledged: it may have broken without
 * a word, and what it holds would come late, after what was sent later. One of them at most holds
 * anything. */
static void
take_over(struct run *run, const struct cl_session_peer *peer)
{
    CL_LIST_EACH(&peer->sockets, at)
    {
        struct cl_session_holder *older = cl_session_holder_at(at);
        if (older->kind != CL_HOLDER_RANGED || older->messages == 0)
            continue;
        tell_released(run->session, peer, release_all(run->session, older), run->effects);
    }
}

static enum cl_err
apply_open(struct run *run, const struct cl_command_open *fields)
{
    struct cl_session *session = run->session;
    if (fields->holder == 0)
        return CL_ERR_MALFORMED;
    if (cl_session_holder_of(session, fields->holder) != NULL)
        return CL_ERR_STALE;
    struct cl_session_peer *peer = cl_session_know(session, fields->agent);
    if (peer == NULL)
        return CL_ERR_NO_MEMORY;
    struct cl_session_holder *holder = cl_alloc(sizeof *holder);
    if (holder != NULL) {
        holder->number = fields->holder;
        cl_str key = cl_str_of(&holder->number, sizeof holder->number);
        if (cl_map_put(&session->holders, key, holder) != CL_OK) {
            cl_free(holder);
            holder = NULL;
        }
    }
    if (holder == NULL) {
        cl_session_tidy(session, run->core, peer);
        return CL_ERR_NO_MEMORY;
    }
    holder->kind = fields->kind;
    holder->messages_max = messages_max_of(fields);
    holder->peer = peer;
    holder->lapse.tie = holder->number;
    cl_list_init(&holder->held);
    cl_list_init(&holder->passing);
    if (holder->kind == CL_HOLDER_RANGED)
        take_over(run, peer);
    cl_list_append(holder->kind != CL_HOLDER_POLL ? &peer->sockets : &peer->polls, &holder->link);
    peer->seen = run->now;
    if (holder->kind == CL_HOLDER_POLL)
        peer->polled = run->now;
    return CL_OK;
}

static enum cl_err
apply_close(struct run *run, uint64_t number)
{
    struct cl_session_holder *holder = cl_session_holder_of(run->session, number);
    if (holder == NULL)
        return CL_ERR_NOT_FOUND;
    struct cl_session_peer *peer = holder->peer;
    uint32_t ranges = release_all(run->session, holder);
    cl_map_remove(&run->session->holders, cl_str_of(&holder->number, sizeof holder->number));
    cl_list_remove(&holder->link);
    cl_free(holder);
    tell_released(run->session, peer, ranges, run->effects);
    cl_session_tell_ready(peer, run->effects);
    cl_session_tidy(run->session, run->core, peer);
    return CL_OK;
}

static enum cl_err
apply_renew(struct run *run, const struct cl_command_renew *fields)
{
    struct cl_session_holder *holder = cl_session_holder_of(run->session, fields->holder);
    if (holder == NULL || holder->kind != CL_HOLDER_POLL)
        return CL_ERR_NOT_FOUND;
    if (holder->messages == 0)
        return CL_OK; // nothing that could lapse
    return cl_heap_set(&run->session->lapses, &holder->lapse, fields->until.ms);
}

/* The holder knows that message no more; its lease moves on. */
static void
unhold(struct cl_session_holder *holder, const struct cl_session_lease *lease)
{
    holder->messages -= (uint32_t)cl_session_lease_len(lease);
    holder->bytes -= lease->bytes;
}

/* It got credit back. There is room for the effect. */
static void
regain(struct run *run, struct cl_session_holder *holder, bool has_released)
{
    bool was_limited = holder->is_limited;
    holder->is_limited = false;
    if (holder->messages == 0)
        cl_heap_remove(&run->session->lapses, &holder->lapse);
    if (was_limited || has_released)
        cl_session_tell_ready(holder->peer, run->effects);
}

static enum cl_err
apply_settle(struct run *run, const struct cl_command_settle *fields)
{
    struct cl_session *session = run->session;
    struct cl_session_holder *holder = cl_session_holder_of(session, fields->holder);
    uint32_t len = 0;
    bool has_passed;
    if (holder == NULL)
        return CL_ERR_NOT_FOUND;
    if (fields->batch > holder->batches || fields->rung < CL_RUNG_DELIVERED ||
        holder->kind == CL_HOLDER_RANGED)
        return CL_ERR_MALFORMED; // a proof of what was never handed out, or of nothing
    enum cl_err err = cl_session_pass_reserve(holder, run->effects);
    if (err != CL_OK)
        return err;
    holder->peer->seen = run->now;
    has_passed = cl_session_pass_settle(session, holder, fields, run->effects);
    CL_LIST_EACH(&holder->held, at)
    {
        struct cl_session_lease *lease = cl_session_lease_at(at);
        if (lease->batch > fields->batch)
            break;
        CL_ASSERT(len < CL_ACK_RANGES_MAX);
        session->ranges[len++] = lease->range;
        unhold(holder, lease);
        lease->batch = fields->batch;
        cl_list_remove(at);
        cl_list_append(&holder->peer->settling, at);
    }
    if (len > 0)
        cl_effects_add(run->effects, (struct cl_effect){.kind = CL_EFFECT_ACK,
                                                        .agent = holder->peer->id,
                                                        .ack = {.holder = fields->holder,
                                                                .batch = fields->batch,
                                                                .ranges = {session->ranges, len},
                                                                .rung = fields->rung,
                                                                .proof = fields->proof}});
    if (len > 0 || has_passed)
        regain(run, holder, false);
    return CL_OK;
}

/* A lease of a RANGED holder is one message. */
static bool
is_in(const struct cl_session_lease *lease, cl_ranges ranges)
{
    return cl_session_is_in(lease->range.priority, lease->range.first, ranges);
}

static bool
is_one(cl_ranges ranges)
{
    return ranges.len == 1 && ranges.ptr[0].first == ranges.ptr[0].last;
}

static enum cl_err
apply_settle_ranges(struct run *run, const struct cl_command_settle_ranges *fields)
{
    struct cl_session *session = run->session;
    struct cl_session_holder *holder = cl_session_holder_of(session, fields->holder);
    bool refuses = fields->refuses != 0;
    uint32_t len = 0;
    bool has_passed;
    if (holder == NULL)
        return CL_ERR_NOT_FOUND;
    if (holder->kind != CL_HOLDER_RANGED ||
        (refuses ? !is_one(fields->ranges) : fields->rung < CL_RUNG_DELIVERED))
        return CL_ERR_MALFORMED;
    enum cl_err err = cl_session_pass_reserve(holder, run->effects);
    if (err != CL_OK)
        return err;
    holder->peer->seen = run->now;
    has_passed = cl_session_pass_settle_ranges(session, holder, fields, run->effects);
    CL_LIST_EACH(&holder->held, at)
    {
        struct cl_session_lease *lease = cl_session_lease_at(at);
        if (!is_in(lease, fields->ranges))
            continue;
        len = add_range(session, len, lease->range);
        unhold(holder, lease);
        lease->batch = holder->settles + 1;
        cl_list_remove(at);
        cl_list_append(&holder->peer->settling, at);
    }
    holder->settles += len > 0;
    if (len > 0)
        cl_effects_add(run->effects, (struct cl_effect){.kind = CL_EFFECT_ACK,
                                                        .agent = holder->peer->id,
                                                        .ack = {.holder = fields->holder,
                                                                .batch = holder->settles,
                                                                .ranges = {session->ranges, len},
                                                                .rung = fields->rung,
                                                                .proof = fields->proof,
                                                                .refuses = refuses}});
    if (len > 0 || has_passed)
        regain(run, holder, false);
    return CL_OK;
}

static enum cl_err
apply_release(struct run *run, const struct cl_command_release *fields)
{
    struct cl_session *session = run->session;
    struct cl_session_holder *holder = cl_session_holder_of(session, fields->holder);
    uint32_t len = 0;
    bool has_released = false;
    if (holder == NULL)
        return CL_ERR_NOT_FOUND;
    if (holder->kind != CL_HOLDER_RANGED)
        return CL_ERR_MALFORMED;
    holder->peer->seen = run->now;
    CL_LIST_EACH(&holder->held, at)
    {
        struct cl_session_lease *lease = cl_session_lease_at(at);
        if (!is_in(lease, fields->ranges))
            continue;
        if (lease->is_counted)
            len = add_range(session, len, lease->range);
        unhold(holder, lease);
        release(session, holder->peer, lease);
        has_released = true;
    }
    has_released |= cl_session_pass_release(session, holder, &fields->ranges);
    if (!has_released)
        return CL_OK;
    tell_released(session, holder->peer, len, run->effects);
    regain(run, holder, true);
    return CL_OK;
}

/* The leases of that SETTLE end, or are offered again. */
static enum cl_err
apply_settled(struct run *run, const struct cl_command_settled *fields, bool is_acked)
{
    struct cl_session *session = run->session;
    struct cl_session_peer *peer = cl_session_peer_of(session, fields->agent);
    if (peer == NULL)
        return CL_OK; // forgotten meanwhile
    CL_LIST_EACH(&peer->settling, at)
    {
        struct cl_session_lease *lease = cl_session_lease_at(at);
        if (lease->holder != fields->holder || lease->batch != fields->batch)
            continue;
        if (is_acked)
            end_lease(session, lease);
        else
            release(session, peer, lease);
    }
    if (!is_acked)
        cl_session_tell_ready(peer, run->effects);
    cl_session_tidy(session, run->core, peer);
    return CL_OK;
}

static void
end_all(struct cl_session *session, struct cl_list *holders)
{
    CL_LIST_EACH(holders, at)
    {
        struct cl_session_holder *holder = cl_session_holder_at(at);
        CL_LIST_EACH(&holder->held, lease)
        {
            unhold(holder, cl_session_lease_at(lease));
            end_lease(session, cl_session_lease_at(lease));
        }
        holder->is_limited = false;
        if (holder->messages == 0)
            holds_nothing(session, holder);
    }
}

/* Whoever waited for credit has it again. */
static void
tell_passing_ready(const struct cl_session_peer *peer, struct cl_effects *effects)
{
    if (!cl_list_is_empty(&peer->passing))
        cl_session_tell_ready(peer, effects);
}

static enum cl_err
apply_forgotten(struct run *run, cl_str id)
{
    struct cl_session *session = run->session;
    struct cl_session_peer *peer = cl_session_peer_of(session, id);
    if (peer == NULL)
        return CL_OK;
    end_all(session, &peer->sockets);
    end_all(session, &peer->polls);
    CL_LIST_EACH(&peer->settling, at)
    {
        end_lease(session, cl_session_lease_at(at));
    }
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++) {
        free_leases(&peer->lanes[i].released);
        peer->lanes[i].fresh = 0;
    }
    if (!cl_list_is_empty(&peer->sockets) || !cl_list_is_empty(&peer->polls))
        tell_passing_ready(peer, run->effects);
    else
        cl_session_pass_forget(session, peer, run->effects);
    cl_session_tidy(session, run->core, peer);
    return CL_OK;
}

/* Those that pass and whose time is over. */
static enum cl_err
expire(struct run *run, cl_time due)
{
    struct cl_heap_node *first;
    while ((first = cl_heap_first(&run->session->lives)) != NULL && first->key <= due.ms) {
        struct cl_session_pass *pass = CL_LIST_ENTRY(first, struct cl_session_pass, life);
        struct cl_session_holder *holder = pass->holder;
        enum cl_err err = cl_effects_reserve(run->effects, 2);
        if (err != CL_OK)
            return err; // the rest ends with the next one
        cl_session_pass_end(run->session, pass, CL_OUTCOME_EXPIRED, run->effects);
        if (holder != NULL)
            regain(run, holder, false);
        cl_session_tidy(run->session, run->core, pass->peer);
    }
    return CL_OK;
}

static enum cl_err
apply_lapse(struct run *run, cl_time due)
{
    struct cl_heap_node *first;
    enum cl_err expired = expire(run, due);
    if (expired != CL_OK)
        return expired;
    while ((first = cl_heap_first(&run->session->lapses)) != NULL && first->key <= due.ms) {
        struct cl_session_holder *holder = CL_LIST_ENTRY(first, struct cl_session_holder, lapse);
        enum cl_err err = cl_effects_reserve(run->effects, 2);
        if (err != CL_OK)
            return err; // the rest lapses with the next one
        uint32_t ranges = release_all(run->session, holder);
        tell_released(run->session, holder->peer, ranges, run->effects);
        cl_session_tell_ready(holder->peer, run->effects);
        if (ranges > 0)
            return CL_OK; // the effect needs them; again the rest lapses with the next one
    }
    return CL_OK;
}

enum cl_err
cl_session_apply(struct cl_session *session, const struct cl_core *core,
                 const struct cl_command *command, struct cl_effects *effects)
{
    struct run run = {session, core, effects, command->time};
    enum cl_err err = cl_command_check(command);
    cl_session_pass_free_all(&session->ended); // what the last effects told of
    if (err == CL_OK)
        err = cl_effects_reserve(effects, 2); // LAPSE, and passing messages, may make more
    if (err != CL_OK)
        return err;
    switch (command->kind) {
    case CL_COMMAND_HEARTBEAT:
        return apply_heartbeat(&run, command->heartbeat.agent);
    case CL_COMMAND_OPEN:
        return apply_open(&run, &command->open);
    case CL_COMMAND_CLOSE:
        return apply_close(&run, command->close.holder);
    case CL_COMMAND_RENEW:
        return apply_renew(&run, &command->renew);
    case CL_COMMAND_SETTLE:
        return apply_settle(&run, &command->settle);
    case CL_COMMAND_SETTLED:
        return apply_settled(&run, &command->settled, true);
    case CL_COMMAND_UNSETTLED:
        return apply_settled(&run, &command->settled, false);
    case CL_COMMAND_FORGOTTEN:
        return apply_forgotten(&run, command->forgotten.agent);
    case CL_COMMAND_LAPSE:
        return apply_lapse(&run, command->lapse.due);
    case CL_COMMAND_SETTLE_RANGES:
        return apply_settle_ranges(&run, &command->settle_ranges);
    case CL_COMMAND_RELEASE:
        return apply_release(&run, &command->release);
    case CL_COMMAND_PASS:
        return cl_session_pass(session, core, command, effects);
    case CL_COMMAND_RELAY_UP:
    case CL_COMMAND_REGISTER:
    case CL_COMMAND_ATTACH:
    case CL_COMMAND_DETACH:
    case CL_COMMAND_SEND:
    case CL_COMMAND_PUBLISH:
    case CL_COMMAND_ACK:
    case CL_COMMAND_FILE_PUT:
    case CL_COMMAND_FORGET:
    case CL_COMMAND_TICK:
    case CL_COMMAND_REPORT:
    case CL_COMMAND_REFUSE:
    case CL_COMMAND_RELEASED:
    case CL_COMMAND_DEAD_RETRY:
    case CL_COMMAND_DEAD_DROP:
    case CL_COMMAND_ONCE:
    case CL_COMMAND_COUNT:
        break;
    }
    return CL_ERR_MALFORMED; // the core's business, not the session's
}

/* -- the session itself -------------------------------------------------------------------- */

struct cl_session *
cl_session_new(const cl_hash_key *hash_key)
{
    struct cl_session *session = cl_alloc(sizeof *session);
    if (session == NULL)
        return NULL;
    cl_map_init(&session->peers, hash_key);
    cl_map_init(&session->holders, hash_key);
    cl_list_init(&session->ended);
    return session;
}

void
cl_session_free(struct cl_session *session)
{
    struct cl_session_holder *holder;
    struct cl_session_peer *peer;
    if (session == NULL)
        return;
    for (uint32_t at = 0; (holder = cl_map_next(&session->holders, &at)) != NULL;) {
        free_leases(&holder->held);
        cl_session_pass_free_all(&holder->passing);
        cl_free(holder);
    }
    for (uint32_t at = 0; (peer = cl_map_next(&session->peers, &at)) != NULL;)
        peer_free(peer);
    cl_map_done(&session->peers);
    cl_map_done(&session->holders);
    cl_session_pass_free_all(&session->ended);
    cl_heap_done(&session->lapses);
    cl_heap_done(&session->lives);
    cl_free(session);
}

uint64_t
cl_session_receiver(const struct cl_session *session, cl_str agent)
{
    const struct cl_session_peer *peer = cl_session_peer_of(session, agent);
    return peer == NULL ? 0 : receiver_of(peer);
}

cl_time
cl_session_deadline(const struct cl_session *session)
{
    const struct cl_heap_node *lapse = cl_heap_first(&session->lapses);
    const struct cl_heap_node *life = cl_heap_first(&session->lives);
    if (lapse == NULL || (life != NULL && life->key < lapse->key))
        lapse = life;
    return lapse == NULL ? CL_TIME_NEVER : (cl_time){lapse->key};
}

bool
cl_session_is_online(const struct cl_session *session, cl_str agent)
{
    const struct cl_session_peer *peer = cl_session_peer_of(session, agent);
    return peer != NULL && cl_session_newest_socket(peer) != NULL;
}

cl_time
cl_session_last_seen(const struct cl_session *session, const struct cl_core *core, cl_str id)
{
    const struct cl_session_peer *peer = cl_session_peer_of(session, id);
    const struct cl_agent *agent = cl_core_agent(core, id);
    cl_time here = peer == NULL ? (cl_time){0} : peer->seen;
    cl_time there = agent == NULL ? (cl_time){0} : agent->seen;
    return here.ms > there.ms ? here : there;
}

cl_time
cl_session_polled(const struct cl_session *session, cl_str agent)
{
    const struct cl_session_peer *peer = cl_session_peer_of(session, agent);
    return peer == NULL ? (cl_time){0} : peer->polled;
}

uint64_t
cl_session_leased(const struct cl_session *session)
{
    return session->leased;
}
