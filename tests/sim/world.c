// SPDX-License-Identifier: MIT
#include "sim/world.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/journal.h"
#include "sim/keep.h"
#include "sim/report.h"
#include "sim/told.h"

/* -- chance ------------------------------------------------------------------------------------ */

bool
rng_percent(struct rng *rng, unsigned percent)
{
    return rng_below(rng, 100) < percent;
}

cl_id
world_id(struct world *world)
{
    return post_id(++world->uids);
}

/* -- the session ------------------------------------------------------------------------------- */

static void
begin_ack(struct world *world, const struct cl_effect *effect)
{
    uint32_t agent = model_agent(world->model, effect->agent);
    if (rng_percent(&world->rng, 2)) {
        struct cl_command draft = {.kind = CL_COMMAND_UNSETTLED};
        draft.unsettled =
            (struct cl_command_unsettled){.agent = cl_str_z(world->model->agents[agent].id),
                                          .holder = effect->ack.holder,
                                          .batch = effect->ack.batch};
        sim_counts.faults[SIM_ACK_WITHOUT_MEMORY]++;
        cl_err_ignore(world_session(world, &draft));
        return;
    }
    struct cl_command draft = {.kind = CL_COMMAND_ACK,
                               .ack = {.agent = effect->agent,
                                       .rung = (uint8_t)effect->ack.rung,
                                       .proof = (uint8_t)effect->ack.proof,
                                       .ranges = effect->ack.ranges}};
    if (effect->ack.refuses)
        draft = (struct cl_command){.kind = CL_COMMAND_REFUSE,
                                    .refuse = {.agent = effect->agent,
                                               .reason = CL_STR("not mine"),
                                               .ranges = effect->ack.ranges}};
    struct ack *ack = cl_alloc_or_die(sizeof *ack);
    *ack = (struct ack){.command = cl_command_new(&draft),
                        .holder = effect->ack.holder,
                        .batch = effect->ack.batch,
                        .agent = agent};
    CL_ASSERT(ack->command != NULL);
    cl_list_append(&world->acks, &ack->link);
}

/* Attempts that the journal does not take are not counted. */
static void
begin_released(struct world *world, const struct cl_effect *effect)
{
    struct cl_command draft = {
        .kind = CL_COMMAND_RELEASED,
        .released = {.agent = effect->agent, .ranges = effect->released.ranges}};
    sim_counts.faults[SIM_ATTEMPTS_LOST] += world_submit(world, &draft) != CL_OK;
}

static uint64_t
count_in(cl_ranges ranges)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < ranges.len; i++)
        count += ranges.ptr[i].last - ranges.ptr[i].first + 1;
    return count;
}

/* The session asked for what it must. */
static void
heed(struct world *world, const struct told_wanted *wanted)
{
    const struct cl_effects *effects = &world->session_effects;
    struct cl_effect ack = {0};
    struct cl_effect released = {0};
    unsigned acks = 0;
    for (size_t i = 0; i < effects->len; i++) {
        const struct cl_effect *effect = &effects->items[i];
        if (effect->kind == CL_EFFECT_READY)
            world->is_ready[model_agent(world->model, effect->agent)] = true;
        else if (effect->kind == CL_EFFECT_ACK) {
            ack = *effect;
            acks++;
        } else if (effect->kind == CL_EFFECT_RELEASED)
            released = *effect;
        else
            SIM_CHECK(effect->kind == CL_EFFECT_PASSED,
                      "the session gives READY, ACK, RELEASED and PASSED only");
    }
    passing_check_told(world->model, effects);
    SIM_CHECK(acks == (wanted->ack ? 1u : 0u), "a proof of what is held gives one ACK");
    SIM_CHECK(count_in(released.released.ranges) == wanted->released,
              "what is given back and counts that is told, and nothing else");
    if (wanted->released > 0)
        begin_released(world, &released);
    if (wanted->ack)
        begin_ack(world, &ack);
}

enum cl_err
world_session(struct world *world, struct cl_command *draft)
{
    struct cl_effects *effects = &world->session_effects;
    draft->time = world->now;
    draft->origin = world->epoch;
    draft->ticket = ++world->tickets;
    cl_effects_clear(effects);
    enum cl_err wanted = draft->kind == CL_COMMAND_PASS
                             ? passing_rules(world->model, world->core, world->session, draft)
                             : rules_volatile(world->model, draft);
    enum cl_err err = cl_session_apply(world->session, world->core, draft, effects);
    sim_counts.replies[draft->kind][err]++;
    sim_counts.commands++;
    cl_str agent = draft->kind == CL_COMMAND_OPEN ? draft->open.agent : CL_STR("");
    uint64_t holder = draft->kind == CL_COMMAND_OPEN     ? draft->open.holder
                      : draft->kind == CL_COMMAND_CLOSE  ? draft->close.holder
                      : draft->kind == CL_COMMAND_SETTLE ? draft->settle.holder
                                                         : 0;
    report_event("%s %.*s %llu: %s", cl_command_name(draft->kind), CL_STR_ARG(agent),
                 (unsigned long long)holder, cl_err_wire(err));
    SIM_CHECK(err == wanted, "the session refuses what core/session.h says, and nothing else");
    if (err != CL_OK)
        return err;
    struct told_wanted asked = told_volatile(world, draft);
    heed(world, &asked);
    return CL_OK;
}

/* Takes for a holder: exactly what the model says, in its order. */
static uint32_t
take(struct world *world, struct model_holder *holder)
{
    static uint64_t uids[CL_POLL_MESSAGES_MAX];
    const struct cl_batch *batch = &world->batch;
    uint64_t bytes = 0;
    bool was_limited = holder->is_limited;
    uint32_t len = model_take(world->model, holder, uids);
    enum cl_err err = cl_session_take(world->session, world->core, holder->number, &world->batch);
    CL_ASSERT(err == CL_OK);
    if (batch->len > 0 || len > 0)
        report_event("take %s %llu: %u, model %u", world->model->agents[holder->agent].id,
                     (unsigned long long)holder->number, (unsigned)batch->len, (unsigned)len);
    SIM_CHECK(batch->len <= len, "nothing twice: a connection gets only what no other holds, and "
                                 "only while it is its turn and has credit");
    SIM_CHECK(batch->len >= len, "nothing is lost: what waits is handed out while there is credit");
    for (uint32_t i = 0; i < len; i++) {
        SIM_CHECK(rules_uid(batch->msgs[i]->id) == uids[i],
                  "order: messages are handed out by priority, then as accepted, what was released "
                  "in its old place");
        bytes += cl_body_str(batch->msgs[i]->body).len;
    }
    passing_check_taken(world->model, holder, batch);
    SIM_CHECK(len == 0 ? batch->number == 0
                       : batch->number == holder->batches && batch->bytes == bytes,
              "batches are numbered from 1 and count their bytes");
    sim_counts.delivered += len;
    sim_counts.faults[SIM_CREDIT_USED_UP] += holder->is_limited && !was_limited;
    return len;
}

/* An agent that goes on with what it took: hands it on, or answers it. */
static void
echo(struct world *world, uint32_t agent, const struct cl_msg *msg)
{
    bool is_declared = rng_percent(&world->rng, 50);
    struct cl_command draft = {
        .kind = CL_COMMAND_SEND,
        .send = {.from = cl_str_z(world->model->agents[agent].id),
                 .to = cl_str_z(world->model->agents[rng_below(&world->rng, MODEL_AGENTS)].id),
                 .id = world_id(world),
                 .kind = rng_percent(&world->rng, 70) ? CL_MSG_TASK : CL_MSG_RESPONSE,
                 .priority = CL_PRIORITY_HIGH,
                 .expires = cl_time_add(world->now, 3600000)}};
    if (rng_percent(&world->rng, 30))
        draft.send.re = msg->id;
    if (is_declared) {
        draft.send.flags = CL_MSG_TRACKED | CL_MSG_DECLARED;
        draft.send.stream = 100 + agent;
        draft.send.seq = ++world->seqs;
        draft.send.root = cl_msg_root(msg);
        draft.send.hops = (uint8_t)(msg->hops + rng_below(&world->rng, 2));
    }
    enum cl_err err = world_submit(world, &draft);
    sim_counts.faults[SIM_ECHO] += err == CL_OK;
    sim_counts.faults[SIM_ECHO_STOPPED] += err == CL_ERR_LOOP;
}

static void
pump(struct world *world, uint32_t agent)
{
    uint64_t number;
    world->is_ready[agent] = false;
    cl_str id = cl_str_z(world->model->agents[agent].id);
    while ((number = cl_session_receiver(world->session, id)) != 0) {
        struct model_holder *holder = model_holder(world->model, number);
        SIM_CHECK(holder != NULL && holder->is_open && holder->agent == agent,
                  "the receiver is an open connection of the agent");
        if (take(world, holder) == 0) {
            if (cl_session_receiver(world->session, id) == number)
                return; // nothing is left
            continue;   // it had no credit: the next one may
        }
        for (uint32_t i = 0; i < world->batch.len && !world->is_draining; i++)
            if (rng_percent(&world->rng, 8))
                echo(world, agent, world->batch.msgs[i]);
        struct cl_command renew = {
            .kind = CL_COMMAND_RENEW,
            .renew = {.holder = number, .until = cl_time_add(world->now, CL_POLL_LEASE_MS)}};
        if (holder->kind == CL_HOLDER_POLL)
            cl_err_ignore(world_session(world, &renew));
        if (world->batch.is_all)
            return; // READY is given when that is wrong
    }
}

/* -- the core ---------------------------------------------------------------------------------- */

static void
forget_submitted(struct cl_link *link)
{
    cl_list_remove(link);
    cl_command_free(CL_LIST_ENTRY(link, struct cl_command, link));
}

enum cl_err
world_submit(struct world *world, struct cl_command *draft)
{
    draft->time = world->now;
    if (draft->origin == 0)
        draft->origin = world->epoch;
    draft->ticket = ++world->tickets;
    sim_counts.commands++;
    keep_sent(world, draft);
    enum cl_err err = cl_core_admit(world->core, draft);
    SIM_CHECK(err == rules_durable(world->model, world->core, draft),
              "admit refuses what core/core.h says, and nothing else");
    if (err != CL_OK) {
        sim_counts.replies[draft->kind][err]++;
        report_event("%s: not admitted, %s", cl_command_name(draft->kind), cl_err_wire(err));
        return err;
    }
    struct cl_command *command = cl_command_new(draft);
    struct cl_command *copy = cl_command_new(draft);
    CL_ASSERT(command != NULL && copy != NULL);
    err = cl_journal_submit(world->journal, command);
    if (err == CL_OK) {
        cl_list_append(&world->submitted, &copy->link);
        return CL_OK;
    }
    SIM_CHECK(err == CL_ERR_FULL || err == CL_ERR_READ_ONLY,
              "a journal refuses as full or read-only");
    sim_counts.faults[SIM_JOURNAL_FULL] += err == CL_ERR_FULL;
    cl_command_free(command);
    cl_command_free(copy);
    return err;
}

static void
ack_ended(struct world *world, struct ack *ack, enum cl_err err)
{
    cl_str agent = cl_str_z(world->model->agents[ack->agent].id);
    struct cl_command draft = {.kind = err == CL_OK ? CL_COMMAND_SETTLED : CL_COMMAND_UNSETTLED,
                               .settled = {agent, ack->holder, ack->batch}};
    cl_err_ignore(world_session(world, &draft)); // the agent may be forgotten
    cl_list_remove(&ack->link);
    cl_command_free(ack->command);
    cl_free(ack);
}

static void
perform(struct world *world, const struct cl_command *command, const struct cl_effect *effect)
{
    struct cl_command draft = {.kind = CL_COMMAND_FORGOTTEN, .forgotten = {.agent = effect->agent}};
    if (effect->kind == CL_EFFECT_READY)
        world->is_ready[model_agent(world->model, effect->agent)] = true;
    for (uint32_t a = 0; effect->kind == CL_EFFECT_READY_ALL && a < MODEL_AGENTS; a++)
        world->is_ready[a] = true;
    if (effect->kind == CL_EFFECT_NOTE)
        sim_counts.notes[effect->note.id]++;
    if (effect->kind != CL_EFFECT_FORGET)
        return;
    rules_check_forget(world->model, model_agent(world->model, effect->agent), command);
    cl_err_ignore(world_session(world, &draft)); // tells the model too
}

/* A command comes out of the journal: it is the next one that went in, and unchanged. */
static void
apply(struct world *world, const struct cl_command *committed)
{
    struct cl_link *first = cl_list_first(&world->submitted);
    const struct cl_command *command =
        first == NULL ? NULL : CL_LIST_ENTRY(first, struct cl_command, link);
    const struct cl_effects *effects = &world->core_effects;
    cl_time before = cl_core_time(world->core);
    SIM_CHECK(command != NULL && committed->ticket == command->ticket &&
                  committed->kind == command->kind && committed->origin == command->origin &&
                  committed->time.ms == command->time.ms,
              "the journal commits what it has taken, once and in order");
    enum cl_err wanted = rules_durable(world->model, world->core, command);
    struct kept kept = keep_look(world);
    cl_effects_clear(&world->core_effects);
    memset(world->model->post.touched, 0, sizeof world->model->post.touched);
    cl_core_apply(world->core, committed, &world->core_effects);
    SIM_CHECK(cl_core_time(world->core).ms ==
                  (before.ms > command->time.ms ? before.ms : command->time.ms),
              "journal time is the greatest time of any command");
    model_expire(world->model, cl_core_time(world->core));
    const struct cl_effect *reply = &effects->items[0];
    SIM_CHECK(effects->len > 0 && reply->kind == CL_EFFECT_REPLY &&
                  reply->reply.ticket == command->ticket &&
                  reply->reply.origin == command->origin &&
                  reply->reply.command_kind == command->kind,
              "each command gives one reply, its first effect");
    enum cl_err err = reply->reply.err;
    sim_counts.replies[command->kind][err]++;
    report_event("%s: applied, %s", cl_command_name(command->kind), cl_err_wire(err));
    SIM_CHECK(err == wanted, "apply refuses what core/core.h says, and nothing else");
    if (err == CL_OK)
        told_applied(world, command);
    post_check_told(world->model, world->core, effects);
    keep_applied(world, command, &kept);
    for (size_t i = 0; i < effects->len; i++)
        perform(world, command, &effects->items[i]);
    if (err == CL_OK && command->kind == CL_COMMAND_TICK)
        rules_check_tick(world->model, world->core, command->tick.due);
    world->is_ticking = world->is_ticking && command->kind != CL_COMMAND_TICK;
    CL_LIST_EACH(&world->acks, at)
    {
        struct ack *ack = CL_LIST_ENTRY(at, struct ack, link);
        if (ack->command == NULL && ack->ticket == command->ticket)
            ack_ended(world, ack, err);
    }
    forget_submitted(first);
}

static struct cl_command *
submitted_with(struct world *world, uint64_t ticket)
{
    CL_LIST_EACH(&world->submitted, at)
    {
        struct cl_command *command = CL_LIST_ENTRY(at, struct cl_command, link);
        if (command->ticket == ticket)
            return command;
    }
    return NULL;
}

/* A command that there was no room for: an acknowledgement is tried again, and what it is about is
 * never offered in between; somebody else would ask again. */
static void
take_back(struct world *world, const struct cl_command *refused)
{
    struct cl_command *command = submitted_with(world, refused->ticket);
    SIM_CHECK(command != NULL && command->kind == refused->kind,
              "the journal refuses what it has taken, once");
    cl_list_remove(&command->link);
    sim_counts.faults[SIM_JOURNAL_REFUSED]++;
    report_event("%s: refused, full", cl_command_name(command->kind));
    while (command->kind == CL_COMMAND_RELAY_UP && command->origin == world->epoch &&
           world_submit(world, command) == CL_ERR_FULL) {
    }
    world->is_ticking = world->is_ticking && command->kind != CL_COMMAND_TICK;
    CL_LIST_EACH(&world->acks, at)
    {
        struct ack *ack = CL_LIST_ENTRY(at, struct ack, link);
        if (ack->command != NULL || ack->ticket != command->ticket)
            continue;
        ack->command = command;
        return;
    }
    cl_command_free(command);
}

static void
apply_committed(struct world *world)
{
    struct cl_command *command;
    while ((command = cl_journal_refused(world->journal)) != NULL) {
        take_back(world, command);
        cl_command_free(command);
    }
    while ((command = cl_journal_next(world->journal)) != NULL) {
        apply(world, command);
        cl_command_free(command);
    }
}

/* -- the turn ---------------------------------------------------------------------------------- */

static void
submit_acks(struct world *world)
{
    CL_LIST_EACH(&world->acks, at)
    {
        struct ack *ack = CL_LIST_ENTRY(at, struct ack, link);
        if (ack->command == NULL)
            continue;
        enum cl_err err = world_submit(world, ack->command);
        if (err == CL_ERR_FULL || err == CL_ERR_READ_ONLY) {
            sim_counts.faults[SIM_ACK_RETRIED] += err == CL_ERR_FULL;
            return;
        }
        if (err != CL_OK) {
            ack_ended(world, ack, err);
            continue;
        }
        ack->ticket = world->tickets;
        cl_command_free(ack->command); // world_submit took a copy
        ack->command = NULL;
    }
}

static void
end_what_is_due(struct world *world)
{
    struct cl_command lapse = {.kind = CL_COMMAND_LAPSE, .lapse = {.due = world->now}};
    struct cl_command tick = {.kind = CL_COMMAND_TICK, .tick = {.due = world->now}};
    while (cl_session_deadline(world->session).ms <= world->now.ms)
        cl_err_ignore(world_session(world, &lapse));
    if (!world->is_ticking && cl_core_deadline(world->core).ms <= world->now.ms)
        world->is_ticking = world_submit(world, &tick) == CL_OK; // a full journal takes it later
    for (const struct model_holder *h = world->model->holders; h != NULL; h = h->older)
        SIM_CHECK(!h->is_open || model_held(h) == 0 || h->until.ms > world->now.ms,
                  "nothing is lost: a poll's answer that nobody proved is offered again");
    for (uint32_t i = 0; i < world->model->passing.len; i++)
        SIM_CHECK(world->model->passing.msgs[i].expires.ms > world->now.ms,
                  "what passes ends when its time is over");
}

void
world_turn(struct world *world)
{
    submit_acks(world);
    cl_journal_turn(world->journal);
    apply_committed(world);
    rules_check(world->model, world->core, world->session);
    passing_check(world->model, world->session);
    keep_check(world);
    if (rng_percent(&world->rng, 2))
        keep_sweep(world);
    sim_counts.faults[SIM_DELAYED] += sim_journal.waiting(world->journal) > 0;
    end_what_is_due(world);
    for (uint32_t a = 0; a < MODEL_AGENTS; a++)
        if (world->is_ready[a])
            pump(world, a);
    for (struct model_holder *h = world->model->holders; h != NULL; h = h->older)
        if (h->is_open && !h->is_limited)
            SIM_CHECK(take(world, h) == 0, "READY is given for all that can be taken");
    model_tidy(world->model);
    if (rng_percent(&world->rng, 5)) {
        cl_core_check(world->core);
        cl_session_check(world->session, world->core);
    }
    if (cl_journal_state(world->journal) == CL_JOURNAL_READ_ONLY && rng_percent(&world->rng, 20)) {
        sim_counts.faults[SIM_JOURNAL_READ_ONLY]++;
        world_restart(world);
    }
}

/* -- the relay's life -------------------------------------------------------------------------- */

struct cl_command_relay_up
world_limits(void)
{
    return (struct cl_command_relay_up){.inbox_messages_max = SIM_INBOX_MESSAGES,
                                        .inbox_bytes_max = SIM_INBOX_BYTES,
                                        .inboxes_bytes_max = SIM_INBOXES_BYTES,
                                        .hops_max = SIM_HOPS,
                                        .chain_messages_max = SIM_CHAIN_MESSAGES,
                                        .thread_minute_max = SIM_THREAD_MINUTE,
                                        .inherited_hops_max = SIM_INHERITED_HOPS,
                                        .inherited_messages_max = SIM_INHERITED_MESSAGES,
                                        .receipts_max = SIM_RECEIPTS,
                                        .receipts_all_max = SIM_RECEIPTS_ALL,
                                        .dead_bytes_max = SIM_DEAD_BYTES};
}

static void
relay_up(struct world *world)
{
    struct cl_command up = {.kind = CL_COMMAND_RELAY_UP, .relay_up = world_limits()};
    up.relay_up.relay = CL_STR("relay");
    world->epoch = rng_next(&world->rng) | 1;
    while (world_submit(world, &up) == CL_ERR_FULL)
        ;
}

/* But the first of what was submitted, which the journal has though nobody was told. */
static void
forget_all(struct world *world, uint64_t found)
{
    CL_LIST_EACH(&world->acks, at)
    {
        struct ack *ack = CL_LIST_ENTRY(at, struct ack, link);
        cl_list_remove(at);
        cl_command_free(ack->command);
        cl_free(ack);
    }
    CL_LIST_EACH(&world->submitted, at)
    {
        if (found > 0)
            found--;
        else
            forget_submitted(at);
    }
}

/* The whole state, in bytes. */
static struct cl_buf
dump(const struct world *world)
{
    struct cl_buf buf;
    cl_buf_init(&buf, 64 * CL_MIB);
    enum cl_err err = cl_core_dump(world->core, &buf);
    CL_ASSERT(err == CL_OK);
    passing_check_dump(cl_buf_str(&buf));
    return buf;
}

/* Is it still that state? Gives the bytes back. */
static bool
is_same_state(const struct world *world, struct cl_buf *before)
{
    struct cl_buf now = dump(world);
    bool is_same = cl_str_eq(cl_buf_str(before), cl_buf_str(&now));
    cl_buf_done(before);
    cl_buf_done(&now);
    return is_same;
}

/* Hash tables of another key: their order must not be seen. */
static const cl_hash_key *
next_hash_key(struct world *world)
{
    for (unsigned i = 0; i < sizeof world->hash_key; i++)
        world->hash_key.bytes[i] = (uint8_t)rng_next(&world->rng);
    return &world->hash_key;
}

static void
begin_core(struct world *world)
{
    world->core = cl_core_new(next_hash_key(world));
    world->session = cl_session_new(next_hash_key(world));
    CL_ASSERT(world->core != NULL && world->session != NULL);
}

void
world_restart(struct world *world)
{
    apply_committed(world); // so it counts
    struct cl_buf before = dump(world);
    sim_counts.faults[SIM_JOURNAL_LOST] += sim_journal.restart(world->journal);
    cl_core_free(world->core);
    cl_session_free(world->session);
    begin_core(world);
    SIM_CHECK(cl_journal_replay(world->journal, &world->hash_key, &world->core) == CL_OK,
              "a journal can be replayed");
    SIM_CHECK(is_same_state(world, &before), "replaying the journal gives the state that died");
    rules_check_resume(world->model, world->core);
    forget_all(world, sim_journal.found(world->journal));
    model_restart(world->model);
    sim_counts.faults[SIM_RESTART]++;
    world->restarts++;
    world->is_ticking = false;
    report_event("restart");
    apply_committed(world); // what was committed when it died
    for (uint8_t blob = 1; blob <= SIM_BLOBS; blob++)
        world->blobs[blob - 1].mark = 0;
    keep_check(world);
    keep_sweep(world);
    relay_up(world);
}

void
world_reload(struct world *world)
{
    struct cl_core *loaded = NULL;
    sim_journal.keep(world->journal, world->core);
    struct cl_buf before = dump(world);
    enum cl_err err = cl_core_load(cl_buf_str(&before), next_hash_key(world), &loaded);
    SIM_CHECK(err == CL_OK, "what the core dumps can be loaded");
    cl_core_free(world->core);
    world->core = loaded;
    SIM_CHECK(is_same_state(world, &before), "a state that was dumped and loaded is the same");
    sim_counts.faults[SIM_STATE_RELOADED]++;
}

/* A relay listens when its first RELAY_UP was applied: whatever comes later meets its limits. */
static void
be_up(struct world *world)
{
    while (cl_core_applied(world->core) == 0) {
        cl_journal_turn(world->journal);
        apply_committed(world);
        if (cl_journal_state(world->journal) == CL_JOURNAL_READ_ONLY)
            world_restart(world);
    }
}

void
world_begin(struct world *world, uint64_t seed)
{
    struct test_journal_options options;
    memset(world, 0, sizeof *world);
    world->rng.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    options.seed = rng_next(&world->rng);
    options.delay_max = (uint32_t)rng_below(&world->rng, 4) * 33; // 0, 33, 66 or 99 turns
    options.full_per_million = rng_percent(&world->rng, 50) ? 20000 : 0;
    options.read_only_per_million = rng_percent(&world->rng, 50) ? 1000 : 0;
    options.refused_per_million = rng_percent(&world->rng, 50) ? 20000 : 0;
    world->large_percent = rng_percent(&world->rng, 50) ? 8 : 40;
    world->journal = sim_journal.open(&options);
    world->model = model_new();
    CL_ASSERT(world->journal != NULL);
    begin_core(world);
    world->now = (cl_time){INT64_C(1775304000000)};
    cl_list_init(&world->acks);
    cl_list_init(&world->submitted);
    cl_effects_init(&world->core_effects);
    cl_effects_init(&world->session_effects);
    relay_up(world);
    be_up(world);
}

void
world_end(struct world *world)
{
    sim_counts.faults[SIM_REDELIVERED] += world->model->retaken;
    forget_all(world, 0);
    for (unsigned i = 0; i < SIM_OUTBOX; i++)
        cl_command_free(world->outbox[i]);
    cl_effects_done(&world->core_effects);
    cl_effects_done(&world->session_effects);
    cl_session_free(world->session);
    cl_core_free(world->core);
    cl_journal_close(world->journal);
    model_free(world->model);
}

/* One poll that proves at once what it took. */
static void
poll_once(struct world *world, uint32_t agent)
{
    uint64_t number = ++world->holders;
    struct cl_command open = {.kind = CL_COMMAND_OPEN,
                              .open = {.agent = cl_str_z(world->model->agents[agent].id),
                                       .holder = number,
                                       .kind = CL_HOLDER_POLL}};
    struct cl_command settle = {
        .kind = CL_COMMAND_SETTLE,
        .settle = {.holder = number, .batch = 1, .rung = CL_RUNG_DELIVERED}};
    struct cl_command close = {.kind = CL_COMMAND_CLOSE, .close = {.holder = number}};
    cl_err_ignore(world_session(world, &open));
    if (take(world, model_holder(world->model, number)) > 0)
        cl_err_ignore(world_session(world, &settle));
    cl_err_ignore(world_session(world, &close));
}

void
world_send_again(struct world *world, const struct cl_command *draft)
{
    struct cl_command again = *draft;
    again.origin = 0;
    sim_counts.faults[SIM_SENT_AGAIN]++;
    cl_err_ignore(world_submit(world, &again)); // it may have expired
}

/* Closes every connection, then polls for everybody. */
void
world_drain(struct world *world)
{
    world->is_draining = true;
    for (struct model_holder *h = world->model->holders; h != NULL; h = h->older) {
        struct cl_command close = {.kind = CL_COMMAND_CLOSE, .close = {.holder = h->number}};
        if (h->is_open)
            cl_err_ignore(world_session(world, &close));
    }
    uint64_t left = 1;
    for (unsigned rounds = 0; left > 0; rounds++) {
        SIM_CHECK(rounds < 5000, "after the faults stop everything drains");
        left = 0;
        for (uint32_t a = 0; a < MODEL_AGENTS; a++) {
            left += model_waiting(world->model, a);
            poll_once(world, a);
        }
        world_turn(world);
        left += sim_journal.waiting(world->journal) + world->model->passing.len;
    }
    world->is_draining = false;
}
