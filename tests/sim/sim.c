// SPDX-License-Identifier: MIT
/*
 * The simulator: random commands, faults and time against core, session and journal, held
 * against the model after every turn.
 *
 *     sim [--seeds N] [--first SEED] [--commands N] [--complete]
 *
 * Without --first the seeds that once failed (seeds.txt) run before. --complete, the last
 * argument: a fault or a branch of the refusal tables that never fired is a failure. Before the
 * closing line stands a hash over the final states of all runs: it is the same from every
 * compiler and machine. README.md says what is simulated and what is checked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/crowd.h"
#include "sim/report.h"
#include "sim/world.h"

/* -- random commands from their description ---------------------------------------------------- */

static struct cl_body *
random_body(struct world *world)
{
    static const size_t sizes[] = {0, 12, 100, 700, 5000, 90000, 400000, 800000};
    size_t which = rng_below(&world->rng, rng_percent(&world->rng, world->large_percent) ? 8 : 4);
    struct cl_body *body = cl_body_new_blank(sizes[which]);
    CL_ASSERT(body != NULL);
    memset(body->bytes, 'a' + (int)rng_below(&world->rng, 26), body->len);
    return body;
}

/* Most messages name none, and hardly any what is no digest. */
static cl_str
random_blob(struct world *world)
{
    cl_str name = model_blob_name((uint8_t)(1 + rng_below(&world->rng, SIM_BLOBS)));
    if (rng_percent(&world->rng, 70))
        return CL_STR("");
    return rng_percent(&world->rng, 1) ? cl_str_part(name, 1, name.len) : name;
}

static cl_str
random_name(struct world *world, const char *field)
{
    static const char *const keys[SIM_FILES] = {"0.md", "1.txt", "2", "3/x", "4"};
    if (strcmp(field, "key") == 0)
        return cl_str_z(keys[rng_below(&world->rng, SIM_FILES)]);
    if (strcmp(field, "relay") == 0)
        return cl_str_z(model_relays[rng_percent(&world->rng, 66) ? 0 : 1]);
    if (strcmp(field, "topic") == 0)
        return CL_STR("general");
    if (strcmp(field, "reason") == 0)
        return CL_STR("no such tool");
    if (strcmp(field, "thread") == 0)
        return rng_percent(&world->rng, 50) ? CL_STR("first") : CL_STR("second");
    if (strcmp(field, "blob") == 0)
        return random_blob(world);
    if (strcmp(field, "digest") == 0)
        return model_once_name((uint32_t)rng_below(&world->rng, MODEL_ONCES));
    if (strcmp(field, "to") == 0 && rng_percent(&world->rng, 50))
        return cl_str_z(world->model->agents[0].id); // one queue is always long
    if (strcmp(field, "from") == 0 && rng_percent(&world->rng, 50))
        return cl_str_z(world->model->agents[1].id); // one sender is always loud
    return cl_str_z(world->model->agents[rng_below(&world->rng, MODEL_AGENTS)].id);
}

static uint64_t
random_number(struct world *world, const char *field)
{
    if (strcmp(field, "holder") == 0 && world->holders > 0)
        return world->holders - rng_below(&world->rng, world->holders < 12 ? world->holders : 12);
    return rng_below(&world->rng, 4);
}

/* A little in the past, mostly in the future, rarely far away. */
static cl_time
random_time(struct world *world)
{
    static const int64_t reach_ms[] = {1000, 60000, 86400000, 8 * INT64_C(86400000)};
    int64_t reach = reach_ms[rng_below(&world->rng, 4)];
    int64_t away = (int64_t)rng_below(&world->rng, (uint64_t)reach * 9 / 8) - reach / 8;
    return (cl_time){world->now.ms + away};
}

/* Every field from its type; the borrowed parts live until the draft is done. */
struct parts {
    struct cl_body *bodies[2];
    size_t bodies_len;
    struct cl_range ranges[3];
};

static void
fill_field(struct world *world, const struct cl_field *field, void *value, struct parts *parts)
{
    cl_ranges ranges = {.ptr = parts->ranges, .len = 1 + (uint32_t)rng_below(&world->rng, 3)};
    switch (field->type) {
    case CL_FIELD_TYPE_U8:
        *(uint8_t *)value = (uint8_t)rng_below(&world->rng, field->max + 1);
        return;
    case CL_FIELD_TYPE_U32:
        *(uint32_t *)value = (uint32_t)random_number(world, field->name);
        return;
    case CL_FIELD_TYPE_U64:
        *(uint64_t *)value = random_number(world, field->name);
        return;
    case CL_FIELD_TYPE_TIME:
        *(cl_time *)value = random_time(world);
        return;
    case CL_FIELD_TYPE_ID:
        *(cl_id *)value = world_id(world);
        return;
    case CL_FIELD_TYPE_STR:
        if (rng_percent(&world->rng, 10))
            return; // empty
        *(cl_str *)value = random_name(world, field->name);
        return;
    case CL_FIELD_TYPE_NAME:
        *(cl_str *)value = random_name(world, field->name);
        return;
    case CL_FIELD_TYPE_BODY:
        parts->bodies[parts->bodies_len] = random_body(world);
        *(struct cl_body **)value = parts->bodies[parts->bodies_len++];
        return;
    case CL_FIELD_TYPE_RANGES:
    case CL_FIELD_TYPE_PLACES:
        for (uint32_t i = 0; i < ranges.len; i++) {
            struct cl_range *range = &parts->ranges[i];
            bool is_place = field->type == CL_FIELD_TYPE_PLACES;
            range->priority = (enum cl_priority)rng_below(
                &world->rng, is_place ? CL_LANE_COUNT : CL_PRIORITY_COUNT);
            range->first = 1 + rng_below(&world->rng, 30);
            range->last = range->first + rng_below(&world->rng, 3);
        }
        *(cl_ranges *)value = ranges;
        return;
    }
}

/* -- aimed at what is there -------------------------------------------------------------------- */

/* A message that is known by its receipt, or one that nobody knows. */
static cl_id
known_id(struct world *world)
{
    const struct post *post = &world->model->post;
    if (post->receipts_len == 0 || rng_percent(&world->rng, 10))
        return world_id(world);
    return post_id(post->receipts[rng_below(&world->rng, post->receipts_len)].uid);
}

static cl_id
dead_id(struct world *world)
{
    const struct post *post = &world->model->post;
    if (post->deads_len == 0 || rng_percent(&world->rng, 10))
        return world_id(world);
    return post_id(post->deads[rng_below(&world->rng, post->deads_len)].uid);
}

/* Some message in an agent's lanes: its number. False: there is none. */
static bool
any_message(struct world *world, cl_str agent, struct cl_range *ret_range)
{
    const struct model_agent *who = &world->model->agents[model_agent(world->model, agent)];
    enum cl_priority priority = (enum cl_priority)rng_below(&world->rng, CL_PRIORITY_COUNT);
    const struct model_lane *lane = &who->lanes[priority];
    if (lane->len == 0)
        return false;
    uint64_t seq = lane->msgs[rng_below(&world->rng, lane->len)].seq;
    *ret_range = (struct cl_range){priority, seq, seq};
    return true;
}

/* The same for what passes. */
static uint64_t
any_passing(struct world *world, struct cl_range *ret_range)
{
    const struct passing *passing = &world->model->passing;
    for (uint32_t i = 0; i < passing->len; i++) {
        const struct passing_msg *msg = &passing->msgs[i];
        if (msg->holder == NULL || msg->holder->kind != CL_HOLDER_RANGED ||
            rng_percent(&world->rng, 30))
            continue;
        *ret_range = (struct cl_range){CL_LANE_PASSING, msg->number,
                                       msg->number + rng_below(&world->rng, 3)};
        return msg->holder->number;
    }
    return 0;
}

/* A range around something that a holder of that kind holds. */
static uint64_t
any_held(struct world *world, struct cl_range *ret_range)
{
    if (rng_percent(&world->rng, 40))
        return any_passing(world, ret_range);
    for (const struct model_holder *h = world->model->holders; h != NULL; h = h->older) {
        if (!h->is_open || h->kind != CL_HOLDER_RANGED || h->leases_len == 0 ||
            rng_percent(&world->rng, 30))
            continue;
        const struct model_lease *lease = &h->leases[rng_below(&world->rng, h->leases_len)];
        *ret_range =
            (struct cl_range){lease->priority, lease->seq, lease->seq + rng_below(&world->rng, 6)};
        return h->number;
    }
    return 0;
}

/* Of the chain of a known message, or a root itself. */
static void
aim_chain(struct world *world, cl_id *root, uint8_t *hops)
{
    const struct post *post = &world->model->post;
    if (post->receipts_len == 0 || rng_percent(&world->rng, 50)) {
        *root = rng_percent(&world->rng, 5) ? world_id(world) : (cl_id){{0}};
        *hops = (uint8_t)(rng_percent(&world->rng, 2) || !cl_id_is_none(*root));
        return;
    }
    uint64_t which = rng_below(&world->rng, post->receipts_len);
    *root = post_id(post->receipts[which].root);
    *hops = (uint8_t)(post->receipts[which].hops + rng_below(&world->rng, 3));
}

/* Three senders of ten know nothing of protocol v2. */
static void
aim_send(struct world *world, struct cl_command_send *send)
{
    uint64_t agent = send->from.len == 0 ? 0 : (uint64_t)model_agent(world->model, send->from);
    aim_chain(world, &send->root, &send->hops);
    send->re = rng_percent(&world->rng, 30) ? known_id(world) : (cl_id){{0}};
    send->attempts_max = (uint8_t)rng_below(&world->rng, 4);
    if (rng_percent(&world->rng, 60))
        send->thread = CL_STR("");
    if (rng_percent(&world->rng, 30)) {
        send->flags = 0;
        send->attempts_max = 0;
    }
    if (rng_percent(&world->rng, 2) && (send->flags & CL_MSG_TRACKED) != 0)
        send->id = known_id(world);
    world->seqs += rng_percent(&world->rng, 1) ? CL_WINDOW_NUMBERS : 1;
    send->seq = world->seqs - (rng_percent(&world->rng, 10) ? rng_below(&world->rng, 20) : 0);
    send->stream = agent * 1000 + rng_below(&world->rng, 2) +
                   (rng_percent(&world->rng, 4) ? rng_below(&world->rng, 12) : 0);
}

static void
aim_publish(struct world *world, struct cl_command_publish *publish)
{
    struct cl_command_send send = {.from = publish->from,
                                   .id = publish->id,
                                   .thread = publish->thread,
                                   .flags = publish->flags};
    aim_send(world, &send);
    publish->root = send.root;
    publish->hops = send.hops;
    publish->re = send.re;
    publish->thread = send.thread;
    publish->flags = send.flags;
    publish->seq = send.seq;
    publish->stream = send.stream;
}

static void
aim_report(struct world *world, struct cl_command_report *report)
{
    const struct post_receipt *receipt;
    report->id = known_id(world);
    receipt = post_receipt_of(&world->model->post, rules_uid(report->id));
    if (receipt != NULL && rng_percent(&world->rng, 80))
        report->agent = cl_str_z(world->model->agents[receipt->to].id);
    if (rng_percent(&world->rng, 70))
        report->outcome = CL_OUTCOME_NONE;
}

/* By one whom the letter concerns, mostly. */
static void
aim_dead(struct world *world, cl_str *agent, cl_id *id)
{
    *id = dead_id(world);
    const struct post_dead *dead = post_dead_of(&world->model->post, rules_uid(*id));
    if (dead != NULL && rng_percent(&world->rng, 60))
        *agent =
            rng_percent(&world->rng, 50) ? dead->from : cl_str_z(world->model->agents[dead->to].id);
}

/* Random fields would hardly ever meet a message, a holder or a letter. */
static void
aim(struct world *world, struct cl_command *draft, struct parts *parts)
{
    cl_ranges one = {.ptr = parts->ranges, .len = 1};
    uint64_t holder;
    switch ((int)draft->kind) {
    case CL_COMMAND_RELAY_UP: {
        cl_str relay = draft->relay_up.relay;
        draft->relay_up = world_limits();
        draft->relay_up.relay = relay;
        return;
    }
    case CL_COMMAND_SEND:
        aim_send(world, &draft->send);
        return;
    case CL_COMMAND_PUBLISH:
        aim_publish(world, &draft->publish);
        return;
    case CL_COMMAND_REPORT:
        aim_report(world, &draft->report);
        return;
    case CL_COMMAND_REFUSE:
        (void)any_message(world, draft->refuse.agent, &parts->ranges[0]);
        draft->refuse.ranges = one;
        return;
    case CL_COMMAND_RELEASED:
        if (any_message(world, draft->released.agent, &parts->ranges[0]))
            parts->ranges[0].last += rng_below(&world->rng, 3);
        return;
    case CL_COMMAND_DEAD_RETRY:
        aim_dead(world, &draft->dead_retry.agent, &draft->dead_retry.id);
        return;
    case CL_COMMAND_DEAD_DROP:
        aim_dead(world, &draft->dead_drop.agent, &draft->dead_drop.id);
        return;
    case CL_COMMAND_SETTLE:
        if (rng_percent(&world->rng, 95) && draft->settle.rung < CL_RUNG_DELIVERED)
            draft->settle.rung = CL_RUNG_DELIVERED;
        return;
    case CL_COMMAND_SETTLE_RANGES:
        holder = any_held(world, &parts->ranges[0]);
        if (holder != 0)
            draft->settle_ranges.holder = holder;
        draft->settle_ranges.refuses = rng_percent(&world->rng, 10);
        if (draft->settle_ranges.refuses && rng_percent(&world->rng, 90)) {
            parts->ranges[0].last = parts->ranges[0].first;
            draft->settle_ranges.ranges = one;
        }
        return;
    case CL_COMMAND_PASS:
        passing_mark(draft->pass.body);
        if (rng_percent(&world->rng, 1))
            draft->pass.id = (cl_id){{0}};
        return;
    case CL_COMMAND_RELEASE:
        holder = any_held(world, &parts->ranges[0]);
        if (holder != 0)
            draft->release.holder = holder;
        return;
    default:
        return;
    }
}

/* To the journal. Of some tracked messages the sender never hears whether they were accepted. */
static void
submit(struct world *world, struct cl_command *draft)
{
    enum cl_err err = world_submit(world, draft);
    uint64_t at = rng_below(&world->rng, SIM_OUTBOX);
    bool is_tracked = draft->kind == CL_COMMAND_SEND && (draft->send.flags & CL_MSG_TRACKED) != 0;
    if (err != CL_OK || !is_tracked || !rng_percent(&world->rng, 20))
        return;
    sim_counts.faults[SIM_ANSWER_LOST]++;
    cl_command_free(world->outbox[at]);
    world->outbox[at] = cl_command_new(draft);
    world->outbox_restarts[at] = world->restarts;
    CL_ASSERT(world->outbox[at] != NULL);
}

static void
send_again(struct world *world)
{
    uint64_t at = rng_below(&world->rng, SIM_OUTBOX);
    struct cl_command *draft = world->outbox[at];
    bool is_duplicate = false;
    if (draft == NULL || !rng_percent(&world->rng, 15))
        return;
    struct post_ask ask = post_ask_of(world->model, draft);
    if (post_tracked(&world->model->post, &ask, &is_duplicate) == CL_OK && is_duplicate)
        sim_counts.faults[SIM_DUPLICATE_AFTER_RESTART] +=
            world->outbox_restarts[at] < world->restarts;
    world_send_again(world, draft);
}

static void
random_command(struct world *world, enum cl_command_kind kind)
{
    struct parts parts = {.bodies_len = 0};
    struct cl_command draft = {.kind = kind};
    struct cl_fields fields = cl_command_fields(kind);
    for (size_t i = 0; i < fields.len; i++)
        fill_field(world, &fields.items[i], cl_command_field(&draft, &fields.items[i]), &parts);
    // Numbers of holders are never used again (core/session.h); one in use is refused.
    const struct model_holder *holder = model_holder(world->model, draft.open.holder);
    if (kind == CL_COMMAND_OPEN &&
        (holder == NULL || !holder->is_open || rng_percent(&world->rng, 90)))
        draft.open.holder = ++world->holders;
    if (kind == CL_COMMAND_TICK || kind == CL_COMMAND_LAPSE) // never later than the header's time
        draft.tick.due = (cl_time){world->now.ms - (int64_t)rng_below(&world->rng, 100)};
    aim(world, &draft, &parts);
    if (kind == CL_COMMAND_RELAY_UP)
        draft.origin = rng_percent(&world->rng, 50) ? world->epoch : rng_next(&world->rng) | 1;
    if (kind == CL_COMMAND_ATTACH && rng_percent(&world->rng, 3))
        draft.origin = rng_next(&world->rng) | 1;
    if (cl_command_is_durable(kind))
        submit(world, &draft);
    else
        cl_err_ignore(world_session(world, &draft));
    for (size_t i = 0; i < parts.bodies_len; i++)
        cl_body_unref(parts.bodies[i]);
}

/* -- a life ------------------------------------------------------------------------------------ */

struct weight {
    enum cl_command_kind kind;
    unsigned weight;
};

static const struct weight weights[] = {
    {CL_COMMAND_SEND, 600},     {CL_COMMAND_PUBLISH, 40},
    {CL_COMMAND_REGISTER, 30},  {CL_COMMAND_FILE_PUT, 35},
    {CL_COMMAND_ATTACH, 12},    {CL_COMMAND_DETACH, 40},
    {CL_COMMAND_ACK, 6},        {CL_COMMAND_FORGET, 60},
    {CL_COMMAND_TICK, 5},       {CL_COMMAND_RELAY_UP, 4},
    {CL_COMMAND_OPEN, 80},      {CL_COMMAND_CLOSE, 50},
    {CL_COMMAND_SETTLE, 170},   {CL_COMMAND_RENEW, 10},
    {CL_COMMAND_HEARTBEAT, 30}, {CL_COMMAND_LAPSE, 5},
    {CL_COMMAND_REPORT, 40},    {CL_COMMAND_REFUSE, 15},
    {CL_COMMAND_RELEASED, 15},  {CL_COMMAND_DEAD_RETRY, 30},
    {CL_COMMAND_DEAD_DROP, 6},  {CL_COMMAND_SETTLE_RANGES, 110},
    {CL_COMMAND_RELEASE, 40},   {CL_COMMAND_PASS, 120},
    {CL_COMMAND_ONCE, 30},
};

static enum cl_command_kind
pick_kind(struct world *world)
{
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++)
        sum += weights[i].weight;
    uint64_t at = rng_below(&world->rng, sum);
    for (size_t i = 0;; i++) {
        if (at < weights[i].weight)
            return weights[i].kind;
        at -= weights[i].weight;
    }
}

static void
pass_time(struct world *world)
{
    uint64_t chance = rng_below(&world->rng, 1000);
    if (chance < 5)
        world->now.ms += (int64_t)rng_below(&world->rng, 9 * UINT64_C(86400000));
    else if (chance < 10)
        world->now.ms += (int64_t)rng_below(&world->rng, 86400000);
    else if (chance < 13) {
        world->now.ms -= (int64_t)rng_below(&world->rng, 100000);
        sim_counts.faults[SIM_CLOCK_BACK]++;
    } else
        world->now.ms += (int64_t)rng_below(&world->rng, 300);
}

/* Nobody says a word for eight days, or for six, sometimes with all inboxes empty, sometimes after
 * a restart that cut every connection. Then the relay asks to forget whom it has not heard of. */
static void
long_silence(struct world *world)
{
    if (rng_percent(&world->rng, 50))
        world_drain(world);
    if (rng_percent(&world->rng, 70))
        world_restart(world);
    world->now.ms += (rng_percent(&world->rng, 70) ? 8 : 6) * INT64_C(86400000);
    if (rng_percent(&world->rng, 50))
        world_reload(world);
    for (unsigned turns = 0; turns < 2 * TEST_JOURNAL_DELAY_MAX; turns++)
        world_turn(world);
    for (uint32_t a = 0; a < MODEL_AGENTS; a++) {
        struct cl_command forget = {.kind = CL_COMMAND_FORGET,
                                    .forget = {.agent = cl_str_z(world->model->agents[a].id)}};
        cl_err_ignore(world_submit(world, &forget)); // it may be attached, or never registered
    }
}

static cl_hash128
live(uint64_t seed, uint64_t commands)
{
    struct world *world = cl_alloc_or_die(sizeof *world);
    cl_hash128 hash = {{0}};
    enum cl_err err;
    world_begin(world, seed);
    uint64_t until = sim_counts.commands + commands;
    while (sim_counts.commands < until) {
        for (uint64_t i = rng_below(&world->rng, 6); i > 0; i--)
            random_command(world, pick_kind(world));
        send_again(world);
        pass_time(world);
        if (rng_below(&world->rng, 1000) < 4)
            world_restart(world);
        if (rng_below(&world->rng, 1000) < 4)
            world_reload(world);
        if (rng_below(&world->rng, 1000) < 5)
            long_silence(world);
        world_turn(world);
    }
    world_drain(world);
    cl_core_check(world->core);
    err = cl_core_hash(world->core, &hash);
    CL_ASSERT(err == CL_OK);
    world_end(world);
    cl_free(world);
    return hash;
}

/* -- the program ------------------------------------------------------------------------------- */

static uint64_t
option(int argc, char **argv, const char *name, uint64_t absent)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0 &&
            !cl_str_to_u64(cl_str_z(argv[i + 1]), UINT64_MAX, &absent)) {
            printf("%s %s: a number is wanted\n", name, argv[i + 1]);
            exit(2);
        }
    return absent;
}

/* A hash over the final states of all runs so far. */
struct chain {
    cl_hash128 so_far;
    cl_hash128 next;
};

static void
run(struct chain *chain, uint64_t seed, uint64_t commands)
{
    static const cl_hash_key key = {{'s', 'i', 'm'}};
    report_begin(seed, commands);
    chain->next = live(seed, commands);
    chain->so_far = cl_hash_long(&key, cl_str_of(chain, sizeof *chain));
    report_passed();
}

/* The seeds that once failed. */
static void
run_old_seeds(struct chain *chain)
{
    char line[512];
    unsigned long long seed, commands;
    FILE *file = fopen(SIM_SEEDS, "r");
    if (file == NULL) {
        printf("cannot read %s\n0 passed, 1 failed\n", SIM_SEEDS);
        exit(1);
    }
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "%llu %llu", &seed, &commands) == 2)
            run(chain, seed, commands);
    (void)fclose(file);
}

int
main(int argc, char **argv)
{
    struct chain chain = {0};
    uint64_t seeds = option(argc, argv, "--seeds", 1);
    uint64_t first = option(argc, argv, "--first", 0);
    uint64_t commands = option(argc, argv, "--commands", 3000);
    bool is_complete = argc > 1 && strcmp(argv[argc - 1], "--complete") == 0;
    report_begin(first, commands);
    if (is_complete)
        crowd_run();
    if (first == 0) {
        run_old_seeds(&chain);
        first = 1;
    }
    for (uint64_t seed = first; seed < first + seeds; seed++)
        run(&chain, seed, commands);
    return report_end(chain.so_far, is_complete);
}
