// SPDX-License-Identifier: MIT
/* Messages that only pass: from their PASS to their one end. */
#include "core/session_state.h"

/* -- coming ------------------------------------------------------------------------------------ */

bool
cl_session_is_there(const struct cl_session *session, const struct cl_core *core, cl_str id,
                    cl_time now)
{
    const struct cl_session_peer *peer = cl_session_peer_of(session, id);
    if (peer != NULL && !(cl_list_is_empty(&peer->sockets) && cl_list_is_empty(&peer->polls)))
        return true;
    return cl_agent_is_registered(cl_core_agent(core, id)) &&
           now.ms - cl_session_last_seen(session, core, id).ms < CL_PASS_ABSENT_MS;
}

static cl_time
end_of(cl_time now, cl_time expires)
{
    cl_time latest = cl_time_add(now, CL_PASS_LIFE_MS);
    return expires.ms < latest.ms ? expires : latest;
}

/* Its number is no other message's, and greater than those of the core: it did not wait for its
 * connection to open. */
static struct cl_msg *
record_of(const struct cl_session *session, const struct cl_command *command)
{
    const struct cl_command_pass *fields = &command->pass;
    const struct cl_msg draft = {.id = fields->id,
                                 .re = fields->re,
                                 .from = fields->from,
                                 .to = fields->to,
                                 .kind = (enum cl_msg_kind)fields->kind,
                                 .priority = CL_PRIORITY_NORMAL,
                                 .media = fields->media,
                                 .trust = fields->trust,
                                 .created = command->time,
                                 .expires = end_of(command->time, fields->expires),
                                 .body = fields->body,
                                 .number = CL_PASS_NUMBER_MIN + session->births};
    return cl_msg_new(&draft);
}

static void
pass_free(struct cl_session_pass *pass)
{
    cl_msg_unref(pass->msg);
    cl_pool_put(pass, sizeof *pass);
}

/* In no list yet. NULL without memory. */
static struct cl_session_pass *
pass_new(struct cl_session *session, const struct cl_command *command)
{
    struct cl_session_pass *pass = cl_pool_get(sizeof *pass);
    if (pass == NULL)
        return NULL;
    *pass = (struct cl_session_pass){.msg = record_of(session, command),
                                     .ticket = command->ticket,
                                     .life = {.tie = session->births}};
    cl_link_init(&pass->link);
    if (pass->msg == NULL) {
        cl_pool_put(pass, sizeof *pass);
        return NULL;
    }
    if (cl_heap_set(&session->lives, &pass->life, pass->msg->expires.ms) == CL_OK)
        return pass;
    pass_free(pass);
    return NULL;
}

/* Whose messages share: all of "instance/" are one's, whatever its agents are called. */
static cl_str
sharer(cl_str from)
{
    return cl_str_part(from, 0, cl_str_find(from, '/'));
}

static void
count_of(struct cl_list *passes, cl_str who, uint32_t *len, uint64_t *bytes)
{
    CL_LIST_EACH(passes, at)
    {
        const struct cl_msg *msg = cl_session_pass_at(at)->msg;
        if (!cl_str_eq(sharer(msg->from), who))
            continue;
        ++*len;
        *bytes += cl_msg_cost(msg);
    }
}

static void
count_held(struct cl_list *holders, cl_str who, uint32_t *len, uint64_t *bytes)
{
    CL_LIST_EACH(holders, at)
    {
        count_of(&cl_session_holder_at(at)->passing, who, len, bytes);
    }
}

/* Is half of what the agent may have waiting that sender's already? Looked at only when it could
 * be. */
static bool
has_its_share(struct cl_session_peer *peer, cl_str from)
{
    cl_str who = sharer(from);
    uint32_t len = 0;
    uint64_t bytes = 0;
    if (from.len == 0 || (peer->passing_len * 2 < CL_PASS_MESSAGES_MAX &&
                          peer->passing_bytes * 2 < CL_PASS_BYTES_MAX))
        return false;
    count_of(&peer->passing, who, &len, &bytes);
    count_held(&peer->sockets, who, &len, &bytes);
    count_held(&peer->polls, who, &len, &bytes);
    return len * 2 >= CL_PASS_MESSAGES_MAX || bytes * 2 >= CL_PASS_BYTES_MAX;
}

/* Refuses what does not fit, first of all. */
static enum cl_err
admit(const struct cl_session *session, const struct cl_core *core,
      const struct cl_command *command)
{
    const struct cl_command_pass *fields = &command->pass;
    struct cl_session_peer *peer = cl_session_peer_of(session, fields->to);
    uint64_t cost = cl_msg_cost_of(fields->from, fields->to, CL_STR(""), fields->body);
    if (cl_id_is_none(fields->id))
        return CL_ERR_MALFORMED;
    if (fields->expires.ms <= command->time.ms)
        return CL_ERR_EXPIRED;
    if (!cl_session_is_there(session, core, fields->to, command->time))
        return CL_ERR_NO_AGENT;
    if (peer != NULL && (peer->passing_len >= CL_PASS_MESSAGES_MAX ||
                         peer->passing_bytes + cost > CL_PASS_BYTES_MAX))
        return CL_ERR_INBOX_FULL;
    if (peer != NULL && has_its_share(peer, fields->from))
        return CL_ERR_FAIR_SHARE;
    return session->passing_bytes + cost > CL_PASS_ALL_BYTES_MAX ? CL_ERR_FULL : CL_OK;
}

enum cl_err
cl_session_pass(struct cl_session *session, const struct cl_core *core,
                const struct cl_command *command, struct cl_effects *effects)
{
    enum cl_err err = admit(session, core, command);
    if (err != CL_OK)
        return err;
    struct cl_session_peer *peer = cl_session_know(session, command->pass.to);
    struct cl_session_pass *pass = peer == NULL ? NULL : pass_new(session, command);
    if (pass == NULL)
        return CL_ERR_NO_MEMORY; // a peer without a connection is that of a registered agent
    pass->peer = peer;
    pass->number = ++peer->passing_last;
    peer->passing_len++;
    peer->passing_bytes += cl_msg_cost(pass->msg);
    session->births++;
    session->passing_bytes += cl_msg_cost(pass->msg);
    cl_list_append(&peer->passing, &pass->link);
    cl_session_tell_ready(peer, effects);
    return CL_OK;
}

/* -- going --------------------------------------------------------------------------------- */

/* The holder knows it no more. */
static void
unhold(struct cl_session *session, struct cl_session_pass *pass)
{
    struct cl_session_holder *holder = pass->holder;
    if (holder == NULL)
        return;
    holder->messages--;
    holder->bytes -= cl_body_str(pass->msg->body).len;
    session->leased--;
    pass->holder = NULL;
}

/* There is room for the effect, which names a text of what has ended: that stays until the next
 * command, without its body. */
static void
end(struct cl_session *session, struct cl_session_pass *pass, struct cl_effect told,
    struct cl_effects *effects)
{
    struct cl_msg *msg = pass->msg;
    unhold(session, pass);
    pass->peer->passing_len--;
    pass->peer->passing_bytes -= cl_msg_cost(msg);
    session->passing_bytes -= cl_msg_cost(msg);
    cl_heap_remove(&session->lives, &pass->life);
    cl_list_remove(&pass->link);
    cl_list_append(&session->ended, &pass->link);
    cl_body_unref(msg->body);
    msg->body = NULL;
    told.kind = CL_EFFECT_PASSED;
    told.agent = msg->to;
    told.passed.id = msg->id;
    told.passed.ticket = pass->ticket;
    cl_effects_add(effects, told);
}

void
cl_session_pass_end(struct cl_session *session, struct cl_session_pass *pass,
                    enum cl_outcome outcome, struct cl_effects *effects)
{
    end(session, pass, (struct cl_effect){.passed = {.outcome = outcome}}, effects);
}

enum cl_err
cl_session_pass_reserve(const struct cl_session_holder *holder, struct cl_effects *effects)
{
    return cl_list_is_empty(&holder->passing) ? CL_OK
                                              : cl_effects_reserve(effects, 2 + holder->messages);
}

bool
cl_session_pass_settle(struct cl_session *session, struct cl_session_holder *holder,
                       const struct cl_command_settle *fields, struct cl_effects *effects)
{
    bool has_ended = false;
    const struct cl_effect told = {
        .passed = {.rung = (enum cl_rung)fields->rung, .proof = (enum cl_proof)fields->proof}};
    CL_LIST_EACH(&holder->passing, at)
    {
        if (cl_session_pass_at(at)->batch > fields->batch)
            break;
        end(session, cl_session_pass_at(at), told, effects);
        has_ended = true;
    }
    return has_ended;
}

bool
cl_session_pass_settle_ranges(struct cl_session *session, struct cl_session_holder *holder,
                              const struct cl_command_settle_ranges *fields,
                              struct cl_effects *effects)
{
    bool has_ended = false;
    struct cl_effect told = {
        .passed = {.rung = (enum cl_rung)fields->rung, .proof = (enum cl_proof)fields->proof}};
    if (fields->refuses != 0)
        told = (struct cl_effect){.passed = {.outcome = CL_OUTCOME_REJECTED}};
    CL_LIST_EACH(&holder->passing, at)
    {
        struct cl_session_pass *pass = cl_session_pass_at(at);
        if (!cl_session_is_in(CL_LANE_PASSING, pass->number, fields->ranges))
            continue;
        end(session, pass, told, effects);
        has_ended = true;
    }
    return has_ended;
}

void
cl_session_pass_forget(struct cl_session *session, struct cl_session_peer *peer,
                       struct cl_effects *effects)
{
    if (cl_effects_reserve(effects, peer->passing_len) != CL_OK)
        return; // their time ends too
    CL_LIST_EACH(&peer->passing, at)
    {
        cl_session_pass_end(session, cl_session_pass_at(at), CL_OUTCOME_DEAD, effects);
    }
}

/* -- back again ---------------------------------------------------------------------------- */

/* What one holder has is mostly in order, and before all that is offered: so each place is looked
 * for behind the last. */
bool
cl_session_pass_release(struct cl_session *session, struct cl_session_holder *holder,
                        const cl_ranges *ranges)
{
    struct cl_link *head = &holder->peer->passing.head, *after = head;
    bool has_released = false;
    CL_LIST_EACH(&holder->passing, at)
    {
        struct cl_session_pass *pass = cl_session_pass_at(at);
        if (ranges != NULL && !cl_session_is_in(CL_LANE_PASSING, pass->number, *ranges))
            continue;
        if (after != head && cl_session_pass_at(after)->number > pass->number)
            after = head;
        while (after->next != head && cl_session_pass_at(after->next)->number < pass->number)
            after = after->next;
        unhold(session, pass);
        cl_list_remove(at);
        cl_link_insert(after, at);
        after = at;
        has_released = true;
    }
    return has_released;
}

void
cl_session_pass_free_all(struct cl_list *passes)
{
    CL_LIST_EACH(passes, at)
    {
        cl_list_remove(at);
        pass_free(cl_session_pass_at(at));
    }
}

uint64_t
cl_session_passing(const struct cl_session *session)
{
    return session->lives.len;
}

uint64_t
cl_session_passing_bytes(const struct cl_session *session)
{
    return session->passing_bytes;
}
