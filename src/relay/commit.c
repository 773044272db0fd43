// SPDX-License-Identifier: MIT
/*
 * The end of a turn: what was submitted is committed, what is committed is applied, what was
 * applied is performed. No answer leaves before that.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/pool.h"
#include "base/random.h"
#include "relay/agent_link.h"
#include "relay/blob.h"
#include "relay/state.h"
#include "relay/v2.h"

/* What a full journal refused and nobody else will ask for again is tried again so late. */
#define RETRY_MS 1000

/* -- peers ------------------------------------------------------------------------------------- */

enum cl_err
cl_peer_begin(struct cl_relay *relay, struct cl_peer *peer, enum cl_peer_kind kind,
              struct cl_list *list)
{
    peer->kind = kind;
    cl_link_init(&peer->ready);
    relay->are_all_ready &= kind != CL_PEER_SOCKET;
    enum cl_err err = cl_handles_add(&relay->handles, peer, &peer->handle);
    if (err == CL_OK)
        cl_list_append(list, &peer->link);
    return err;
}

void
cl_peer_end(struct cl_relay *relay, struct cl_peer *peer)
{
    cl_handles_remove(&relay->handles, peer->handle);
    cl_list_remove(&peer->ready);
    cl_list_remove(&peer->link);
}

/* -- time and numbers -------------------------------------------------------------------------- */

cl_time
cl_relay_time(struct cl_relay *relay)
{
    cl_instant now = cl_loop_now(relay->loop);
    if (now.ms == relay->stamped_at.ms && relay->now.ms != 0)
        return relay->now;
    bool jumped;
    relay->now = cl_stamp_now(&relay->stamp, relay->wall(), relay->steady(), &jumped);
    relay->stamped_at = now;
    if (jumped)
        cl_log_error(&relay->config.log, "clock.jump",
                     CL_F("next", "set the clock right and restart the relay"));
    return relay->now;
}

struct cl_v1_context
cl_relay_context(struct cl_relay *relay, cl_str peer)
{
    struct cl_v1_context context = {.arena = &relay->arena,
                                    .hash_key = &relay->hash_key,
                                    .peer = peer,
                                    .now = cl_relay_time(relay)};
    cl_random_bytes(context.id.bytes, sizeof context.id.bytes);
    return context;
}

struct cl_v1_presence
cl_relay_presence(struct cl_relay *relay, cl_str agent)
{
    cl_time seen = cl_session_last_seen(relay->session, relay->core, agent);
    return (struct cl_v1_presence){
        .seen = seen, .is_online = cl_relay_time(relay).ms - seen.ms < CL_AGENT_FRESH_MS};
}

/* -- durable commands -------------------------------------------------------------------------- */

static void
stamp(struct cl_relay *relay, struct cl_command *draft, uint64_t handle)
{
    draft->time = cl_relay_time(relay);
    draft->origin = relay->epoch;
    draft->ticket = handle;
}

/* v1 messages have no stream and number of their own; those of v2 are the sender's, and tell what
 * was sent again. */
static void
number(struct cl_relay *relay, struct cl_command *draft)
{
    if (draft->kind == CL_COMMAND_SEND && (draft->send.flags & CL_MSG_TRACKED) == 0) {
        draft->send.stream = relay->epoch;
        draft->send.seq = ++relay->seq;
    } else if (draft->kind == CL_COMMAND_PUBLISH && (draft->publish.flags & CL_MSG_TRACKED) == 0) {
        draft->publish.stream = relay->epoch;
        draft->publish.seq = ++relay->seq;
    }
}

enum cl_err
cl_relay_submit(struct cl_relay *relay, struct cl_command *draft, uint64_t handle)
{
    stamp(relay, draft, handle);
    number(relay, draft);
    enum cl_err err = cl_core_admit(relay->core, draft);
    if (err != CL_OK)
        return err;
    struct cl_command *command = cl_command_new(draft);
    if (command == NULL)
        return CL_ERR_NO_MEMORY;
    err = cl_journal_submit(relay->config.journal, command);
    if (err != CL_OK) {
        cl_command_free(command);
        return err;
    }
    relay->uncommitted++;
    relay->is_handed_over = false;
    return CL_OK;
}

/* What the journal refused after having taken it is not tried again before. */
static bool
may_retry(const struct cl_relay *relay)
{
    return cl_loop_now(relay->loop).ms >= relay->retry_at.ms;
}

void
cl_relay_detach(struct cl_relay *relay, cl_str agent)
{
    // Without memory the core believes in one socket too many until the relay restarts.
    struct cl_detach *detach = cl_alloc(sizeof *detach + agent.len);
    if (detach == NULL)
        return;
    detach->agent_len = (uint32_t)agent.len;
    memcpy(detach->agent, agent.ptr, agent.len);
    cl_list_append(&relay->detaches, &detach->link);
}

static void
submit_detaches(struct cl_relay *relay)
{
    if (!may_retry(relay))
        return;
    CL_LIST_EACH(&relay->detaches, at)
    {
        struct cl_detach *detach = CL_LIST_ENTRY(at, struct cl_detach, link);
        struct cl_command draft = {
            .kind = CL_COMMAND_DETACH,
            .detach = {.agent = cl_str_of(detach->agent, detach->agent_len)}};
        enum cl_err err = cl_relay_submit(relay, &draft, 0);
        if (err == CL_ERR_FULL || err == CL_ERR_NO_MEMORY)
            continue;
        cl_list_remove(&detach->link);
        cl_free(detach);
    }
}

/* -- acknowledgements -------------------------------------------------------------------------- */

static cl_str
ack_agent(const struct cl_ack *ack)
{
    return cl_str_of(ack->agent, ack->agent_len);
}

static size_t
ack_len(cl_str agent)
{
    return sizeof(struct cl_ack) + agent.len;
}

static struct cl_ack *
ack_new(struct cl_relay *relay, const struct cl_effect *effect)
{
    struct cl_ack *ack = cl_pool_get(ack_len(effect->agent));
    struct cl_command draft = {.kind = CL_COMMAND_ACK,
                               .ack = {.agent = effect->agent,
                                       .rung = (uint8_t)effect->ack.rung,
                                       .proof = (uint8_t)effect->ack.proof,
                                       .ranges = effect->ack.ranges}};
    if (effect->ack.refuses) {
        draft.kind = CL_COMMAND_REFUSE;
        draft.refuse = (struct cl_command_refuse){
            .agent = effect->agent, .reason = relay->asking.reason, .ranges = effect->ack.ranges};
    }
    if (ack == NULL)
        return NULL;
    ack->command = cl_command_new(&draft);
    if (ack->command == NULL ||
        cl_peer_begin(relay, &ack->peer, CL_PEER_ACK, &relay->acks) != CL_OK) {
        cl_command_free(ack->command);
        cl_pool_put(ack, ack_len(effect->agent));
        return NULL;
    }
    ack->holder = effect->ack.holder;
    ack->batch = effect->ack.batch;
    ack->asker = relay->asking.handle;
    relay->asking.is_taken = true;
    ack->agent_len = (uint32_t)effect->agent.len;
    memcpy(ack->agent, effect->agent.ptr, effect->agent.len);
    return ack;
}

static void
ack_free(struct cl_relay *relay, struct cl_ack *ack)
{
    cl_peer_end(relay, &ack->peer);
    cl_command_free(ack->command);
    cl_pool_put(ack, ack_len(ack_agent(ack)));
}

static void
ack_ended(struct cl_relay *relay, struct cl_ack *ack, enum cl_err err)
{
    struct cl_command draft = {.kind = err == CL_OK ? CL_COMMAND_SETTLED : CL_COMMAND_UNSETTLED};
    draft.settled = (struct cl_command_settled){
        .agent = ack_agent(ack), .holder = ack->holder, .batch = ack->batch};
    if (err != CL_OK)
        draft.unsettled = (struct cl_command_unsettled){
            .agent = ack_agent(ack), .holder = ack->holder, .batch = ack->batch};
    cl_err_ignore(cl_relay_session(relay, &draft)); // the agent may be forgotten
    struct cl_wait *wait = cl_handles_get(&relay->handles, ack->asker);
    if (wait != NULL)
        cl_wait_reply(wait, &(struct cl_effect){.kind = CL_EFFECT_REPLY, .reply.err = err});
    ack_free(relay, ack);
}

static enum cl_err
submit_ack(struct cl_relay *relay, struct cl_ack *ack)
{
    stamp(relay, ack->command, ack->peer.handle);
    enum cl_err err = cl_core_admit(relay->core, ack->command);
    if (err == CL_OK)
        err = cl_journal_submit(relay->config.journal, ack->command);
    if (err != CL_OK)
        return err;
    ack->command = NULL;
    relay->uncommitted++;
    relay->is_handed_over = false;
    return CL_OK;
}

/* A full journal may take it later; until then the messages are with nobody else. One that has
 * failed never will: they stay taken, and only a restart offers them again. */
static void
submit_acks(struct cl_relay *relay)
{
    if (!may_retry(relay))
        return;
    CL_LIST_EACH(&relay->acks, at)
    {
        struct cl_ack *ack = CL_LIST_ENTRY(at, struct cl_ack, peer.link);
        if (ack->command == NULL)
            continue;
        enum cl_err err = submit_ack(relay, ack);
        if (err == CL_ERR_FULL || err == CL_ERR_READ_ONLY)
            return;
        if (err != CL_OK)
            ack_ended(relay, ack, err);
    }
}

/* -- the session ------------------------------------------------------------------------------- */

/* Applies and performs; an acknowledgement that is due, at most one, is left in *ret_ack. */
static enum cl_err
apply_volatile(struct cl_relay *relay, struct cl_command *draft, struct cl_effect *ret_ack)
{
    struct cl_effects *effects = &relay->session_effects;
    stamp(relay, draft, draft->ticket);
    cl_effects_clear(effects);
    enum cl_err err = cl_session_apply(relay->session, relay->core, draft, effects);
    for (size_t i = 0; err == CL_OK && i < effects->len; i++) {
        if (effects->items[i].kind == CL_EFFECT_ACK)
            *ret_ack = effects->items[i];
        else if (effects->items[i].kind == CL_EFFECT_READY)
            cl_relay_mark_ready(relay, effects->items[i].agent);
        else if (effects->items[i].kind == CL_EFFECT_RELEASED)
            cl_recount_begin(relay, &effects->items[i]);
        else if (effects->items[i].kind == CL_EFFECT_PASSED)
            cl_relay_passed(relay, &effects->items[i]);
    }
    return err;
}

/* Without memory for the acknowledgement the messages are offered again: twice is better than
 * never. */
static void
unsettle(struct cl_relay *relay, const struct cl_effect *ack)
{
    char agent[CL_ID_BYTES_MAX]; // the effect's text ends with the next apply
    struct cl_effect none;
    memcpy(agent, ack->agent.ptr, ack->agent.len);
    struct cl_command draft = {.kind = CL_COMMAND_UNSETTLED,
                               .unsettled = {.agent = cl_str_of(agent, ack->agent.len),
                                             .holder = ack->ack.holder,
                                             .batch = ack->ack.batch}};
    cl_err_ignore(apply_volatile(relay, &draft, &none)); // it knows them, they were its own words
}

/* At once: what its agent sends next follows from what it took. Where the journal is full the
 * turn's end sees to it; with one that has failed nothing will, and who asked is told. */
static enum cl_err
submit_now(struct cl_relay *relay, struct cl_ack *ack)
{
    enum cl_err err = CL_OK;
    if (relay->is_read_only)
        err = CL_ERR_READ_ONLY;
    else if (may_retry(relay))
        err = submit_ack(relay, ack);
    if (err != CL_ERR_READ_ONLY)
        return CL_OK;
    ack->asker = 0;
    relay->asking.is_taken = false;
    return err;
}

enum cl_err
cl_relay_session(struct cl_relay *relay, struct cl_command *draft)
{
    struct cl_effect ack = {.kind = CL_EFFECT_NOTE};
    enum cl_err err = apply_volatile(relay, draft, &ack);
    if (ack.kind != CL_EFFECT_ACK)
        return err;
    struct cl_ack *made = ack_new(relay, &ack);
    if (made != NULL)
        return submit_now(relay, made);
    unsettle(relay, &ack);
    return CL_ERR_NO_MEMORY;
}

void
cl_relay_close_holder(struct cl_relay *relay, uint64_t holder)
{
    struct cl_command draft = {.kind = CL_COMMAND_CLOSE, .close = {.holder = holder}};
    cl_err_ignore(cl_relay_session(relay, &draft)); // it may have lapsed
}

void
cl_relay_settle(struct cl_relay *relay, uint64_t holder, uint64_t batch, enum cl_proof proof)
{
    struct cl_command draft = {
        .kind = CL_COMMAND_SETTLE,
        .settle = {
            .holder = holder, .batch = batch, .rung = CL_RUNG_DELIVERED, .proof = (uint8_t)proof}};
    cl_err_ignore(cl_relay_session(relay, &draft)); // a batch that it never had proves nothing
}

void
cl_relay_heartbeat(struct cl_relay *relay, cl_str agent)
{
    struct cl_command draft = {.kind = CL_COMMAND_HEARTBEAT, .heartbeat = {.agent = agent}};
    cl_err_ignore(cl_relay_session(relay, &draft)); // only registered agents have one
}

/* -- effects of the core ----------------------------------------------------------------------- */

/* One that is stopping already has no listener any more. */
static void
begin_accepting(struct cl_relay *relay)
{
    if (relay->listener != NULL)
        cl_listener_accept(relay->listener, cl_relay_accept, relay);
    cl_al_accept(relay);
}

/* Whoever closes before its ATTACH was applied is not attached, and does not say DETACH: the ATTACH
 * might never be applied, and then that would be said of somebody else. */
static void
undo_attach(struct cl_relay *relay, const struct cl_effect *effect)
{
    if (effect->reply.command_kind != CL_COMMAND_ATTACH || effect->reply.err != CL_OK)
        return;
    cl_relay_detach(relay, effect->agent);
    cl_loop_again(relay->loop);
}

static void
perform_reply(struct cl_relay *relay, const struct cl_effect *effect)
{
    if (effect->reply.origin != relay->epoch)
        return;
    if (effect->reply.command_kind == CL_COMMAND_TICK)
        relay->is_ticking = false;
    if (effect->reply.command_kind == CL_COMMAND_RELAY_UP) // from now on it may attach agents
        begin_accepting(relay);
    struct cl_peer *peer = cl_handles_get(&relay->handles, effect->reply.ticket);
    if (peer == NULL) {
        undo_attach(relay, effect);
        return; // it has gone, or nobody waits
    }
    switch (peer->kind) {
    case CL_PEER_EXCHANGE:
        cl_call_reply((struct cl_exchange *)(void *)peer, effect);
        return;
    case CL_PEER_SOCKET:
        cl_socket_reply((struct cl_socket *)(void *)peer, effect);
        return;
    case CL_PEER_ACK:
        ack_ended(relay, (struct cl_ack *)(void *)peer, effect->reply.err);
        return;
    case CL_PEER_SEAT:
        cl_seat_reply((struct cl_seat *)(void *)peer, effect->reply.err);
        return;
    case CL_PEER_WAIT:
        cl_wait_reply((struct cl_wait *)(void *)peer, effect);
        return;
    case CL_PEER_RECOUNT:
        cl_recount_end(relay, peer);
        return;
    case CL_PEER_DESK:
        cl_desk_reply((struct cl_al_desk *)(void *)peer, effect);
        return;
    case CL_PEER_KNOCK:
        cl_al_knock_reply((struct cl_al_knock *)(void *)peer, effect->reply.err);
        return;
    case CL_PEER_LEASE:
    case CL_PEER_PASS:
        return; // submit nothing
    }
}

static void
perform_note(struct cl_relay *relay, const struct cl_effect *effect)
{
    const char *event = cl_note_event(effect->note.id);
    if (effect->note.id == CL_NOTE_INBOX_PASSED) // one for each full inbox, at each broadcast
        cl_log_debug(&relay->config.log, event, CL_F("agent", effect->agent),
                     CL_F("number", effect->note.number));
    else if (effect->note.file.len > 0)
        cl_log_info(&relay->config.log, event, CL_F("agent", effect->agent),
                    CL_F("file", effect->note.file), CL_F("number", effect->note.number));
    else
        cl_log_info(&relay->config.log, event, CL_F("agent", effect->agent),
                    CL_F("number", effect->note.number));
    if (effect->note.id == CL_NOTE_AGENT_FORGOTTEN)
        cl_directory_drop(&relay->directory, effect->agent);
    const struct cl_agent *agent = cl_core_agent(relay->core, effect->agent);
    if (effect->note.id != CL_NOTE_AGENT_JOINED || agent == NULL)
        return;
    cl_relay_list(relay, agent);
    cl_socket_push_joined(relay, agent);
    if (effect->note.number < 2) // who comes back and says the same is no news
        cl_v2_tell_joined(relay, agent);
}

static void
perform(struct cl_relay *relay, const struct cl_effect *effect)
{
    struct cl_command draft = {.kind = CL_COMMAND_FORGOTTEN, .forgotten = {.agent = effect->agent}};
    switch (effect->kind) {
    case CL_EFFECT_REPLY:
        perform_reply(relay, effect);
        return;
    case CL_EFFECT_READY:
        cl_relay_mark_ready(relay, effect->agent);
        return;
    case CL_EFFECT_READY_ALL:
        cl_relay_mark_all_ready(relay);
        return;
    case CL_EFFECT_FORGET:
        cl_err_ignore(cl_relay_session(relay, &draft)); // it may never have heard of it
        return;
    case CL_EFFECT_NOTE:
        perform_note(relay, effect);
        return;
    case CL_EFFECT_RECEIPT:
        cl_v2_mark_telling(relay, effect->agent);
        return;
    case CL_EFFECT_UNNAMED:
        cl_blob_unnamed(relay, effect->unnamed.digest);
        return;
    case CL_EFFECT_ACK:
    case CL_EFFECT_RELEASED:
    case CL_EFFECT_PASSED:
        return; // only the session's
    }
}

/* -- the phases -------------------------------------------------------------------------------- */

void
cl_relay_perform_effects(struct cl_relay *relay)
{
    for (size_t i = 0; i < relay->core_effects.len; i++)
        perform(relay, &relay->core_effects.items[i]);
}

static void
refuse_peer(struct cl_relay *relay, struct cl_peer *peer, enum cl_command_kind kind)
{
    cl_str sentence =
        CL_STR("the relay's disk is full: it takes nothing new until there is room again");
    switch (peer->kind) {
    case CL_PEER_EXCHANGE:
        ((struct cl_exchange *)(void *)peer)->is_submitted = false;
        cl_exchange_refuse((struct cl_exchange *)(void *)peer, CL_ERR_FULL, sentence);
        return;
    case CL_PEER_SOCKET:
        cl_socket_refused((struct cl_socket *)(void *)peer, kind, sentence);
        return;
    case CL_PEER_WAIT:
        cl_wait_refuse((struct cl_wait *)(void *)peer, CL_ERR_FULL, sentence);
        return;
    case CL_PEER_SEAT:
        cl_seat_reply((struct cl_seat *)(void *)peer, CL_ERR_FULL);
        return;
    case CL_PEER_RECOUNT:
        cl_recount_end(relay, peer);
        return;
    case CL_PEER_KNOCK:
        cl_al_knock_reply((struct cl_al_knock *)(void *)peer, CL_ERR_FULL);
        return;
    case CL_PEER_ACK:  // keeps its command
    case CL_PEER_DESK: // receives without
    case CL_PEER_LEASE:
    case CL_PEER_PASS:
        return; // submit nothing
    }
}

/* There was no room for it: the state is as without it, and who waits for it is told. What nobody
 * would ask for again is tried later; until then an acknowledgement keeps what it is about. */
static void
refuse(struct cl_relay *relay, struct cl_command *command)
{
    struct cl_peer *peer = cl_handles_get(&relay->handles, command->ticket);
    if (peer != NULL && peer->kind == CL_PEER_ACK) {
        ((struct cl_ack *)(void *)peer)->command = command;
        return;
    }
    if (command->kind == CL_COMMAND_RELAY_UP) {
        relay->up = command;
        begin_accepting(relay); // reading goes on
        return;
    }
    if (command->kind == CL_COMMAND_TICK)
        relay->is_ticking = false;
    if (command->kind == CL_COMMAND_DETACH)
        cl_relay_detach(relay, command->detach.agent);
    if (peer != NULL)
        refuse_peer(relay, peer, command->kind);
    cl_command_free(command);
}

static void
take_back_refused(struct cl_relay *relay)
{
    struct cl_command *command;
    while ((command = cl_journal_refused(relay->config.journal)) != NULL) {
        if (!relay->is_full)
            cl_log_error(&relay->config.log, "journal.full", CL_F("next", "make room on the disk"));
        relay->is_full = true;
        if (may_retry(relay)) // not ever later while others are refused too
            relay->retry_at = cl_instant_add(cl_loop_now(relay->loop), RETRY_MS);
        relay->uncommitted--;
        refuse(relay, command);
    }
}

static void
submit_up(struct cl_relay *relay)
{
    if (relay->up == NULL || !may_retry(relay))
        return;
    stamp(relay, relay->up, 0);
    if (cl_journal_submit(relay->config.journal, relay->up) != CL_OK)
        return; // later, or never
    relay->up = NULL;
    relay->uncommitted++;
    relay->is_handed_over = false;
}

static void
log_news(struct cl_relay *relay)
{
    struct cl_journal_news news;
    while (cl_journal_news(relay->config.journal, &news))
        cl_relay_log_news(relay, &news);
}

static void
apply_committed(struct cl_relay *relay)
{
    struct cl_command *command;
    bool has_applied = false;
    cl_journal_turn(relay->config.journal);
    relay->is_handed_over = true;
    while ((command = cl_journal_next(relay->config.journal)) != NULL) {
        relay->uncommitted--;
        cl_effects_clear(&relay->core_effects);
        cl_core_apply(relay->core, command, &relay->core_effects);
        cl_relay_perform_effects(relay);
        cl_command_free(command);
        if (relay->is_full)
            cl_log_info(&relay->config.log, "journal.has_room",
                        CL_F("waiting", relay->uncommitted));
        relay->is_full = false;
        has_applied = true;
    }
    take_back_refused(relay);
    if (has_applied)
        cl_journal_note(relay->config.journal, relay->core);
    log_news(relay);
}

/* What the failed journal still has will never be committed: who waits for it is told. */
static void
notice_read_only(struct cl_relay *relay)
{
    cl_str sentence =
        CL_STR("the relay's journal failed: nothing new is taken until it is restarted");
    if (relay->is_read_only || cl_journal_state(relay->config.journal) == CL_JOURNAL_OPEN)
        return;
    relay->is_read_only = true;
    relay->uncommitted = 0;
    cl_log_error(&relay->config.log, "journal.read_only", CL_F("next", "restart the relay"));
    begin_accepting(relay); // its RELAY_UP may be among what is lost
    CL_LIST_EACH(&relay->exchanges, at)
    {
        struct cl_exchange *exchange = CL_LIST_ENTRY(at, struct cl_exchange, peer.link);
        if (exchange->is_submitted)
            cl_exchange_refuse(exchange, CL_ERR_READ_ONLY, sentence);
    }
    CL_LIST_EACH(&relay->sockets, at)
    {
        struct cl_socket *socket = CL_LIST_ENTRY(at, struct cl_socket, peer.link);
        if (socket->submitted > 0)
            cl_socket_error(socket, CL_ERR_READ_ONLY, sentence);
        socket->submitted = 0;
    }
    cl_v2_refuse_waits(relay, CL_ERR_READ_ONLY, sentence);
    cl_al_refuse_knocks(relay, CL_ERR_READ_ONLY);
    cl_recount_end_all(relay);
}

static void
end_what_is_due(struct cl_relay *relay)
{
    cl_time now = cl_relay_time(relay);
    struct cl_command lapse = {.kind = CL_COMMAND_LAPSE, .lapse = {.due = now}};
    struct cl_command tick = {.kind = CL_COMMAND_TICK, .tick = {.due = now}};
    if (cl_session_deadline(relay->session).ms <= now.ms)
        cl_err_ignore(cl_relay_session(relay, &lapse)); // nothing to lapse is fine
    if (!relay->is_ticking && !relay->is_read_only && cl_core_deadline(relay->core).ms <= now.ms &&
        may_retry(relay))
        relay->is_ticking = cl_relay_submit(relay, &tick, 0) == CL_OK;
}

/* Sets the timer for what ends by itself, and for what must be tried again. */
static void
watch_deadlines(struct cl_relay *relay)
{
    cl_time core =
        relay->is_ticking || relay->is_read_only ? CL_TIME_NEVER : cl_core_deadline(relay->core);
    cl_time session = cl_session_deadline(relay->session);
    cl_time next = core.ms < session.ms ? core : session;
    bool is_waiting =
        relay->up != NULL || !cl_list_is_empty(&relay->acks) || !cl_list_is_empty(&relay->detaches);
    if (is_waiting && relay->uncommitted == 0 && !relay->is_read_only) {
        cl_time retry = cl_time_add(cl_relay_time(relay), RETRY_MS);
        next = next.ms < retry.ms ? next : retry;
    }
    if (next.ms == CL_TIME_NEVER.ms) {
        cl_loop_timer_stop(relay->loop, &relay->deadline);
        return;
    }
    int64_t left = next.ms - cl_relay_time(relay).ms;
    if (left <= 0) // this turn has tried, in vain
        left = RETRY_MS;
    cl_loop_timer_start(relay->loop, &relay->deadline,
                        cl_instant_add(cl_loop_now(relay->loop), left));
}

void
cl_relay_turn_end(struct cl_relay *relay)
{
    cl_blob_turn(relay);
    submit_up(relay);
    submit_acks(relay);
    submit_detaches(relay);
    apply_committed(relay);
    notice_read_only(relay);
    end_what_is_due(relay);
    cl_al_turn(relay);
    cl_relay_pump(relay);
    cl_v2_tell(relay);
    if (relay->pushed >= CL_PROOF_BUSY_MESSAGES)
        relay->busy_until = cl_instant_add(cl_loop_now(relay->loop), CL_PROOF_DELAY_MS);
    relay->pushed = 0;
    if (relay->text.cap > CL_MIB)
        cl_buf_done(&relay->text); // one large answer, not a habit
    cl_al_wipe(relay);
    if (relay->uncommitted > 0 && !(relay->has_waker && relay->is_handed_over))
        cl_loop_again(relay->loop);
    watch_deadlines(relay);
}
