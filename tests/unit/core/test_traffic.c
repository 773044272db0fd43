// SPDX-License-Identifier: MIT
/*
 * Core and session under random traffic, all invariants checked after each step: above all that
 * every waiting message is either still to be offered or with exactly one connection.
 */
#include <string.h>

#include "support/rng.h"
#include "support/test.h"
#include "unit/core/mesh.h"

#define AGENTS  4u
#define HOLDERS 12u
#define ACKS    8u

/* An ack that was submitted and is not decided. */
struct pending {
    uint64_t holder; // 0: free
    uint64_t batch;
    char agent[2];
    struct cl_range ranges[CL_ACK_RANGES_MAX];
    uint32_t ranges_len;
};

struct traffic {
    struct mesh m;
    struct rng random;
    uint64_t holders[HOLDERS]; // open ones; 0: free
    uint64_t batches[HOLDERS]; // the last each took
    uint64_t next_holder;
    struct pending acks[ACKS];
    uint64_t sent;
    uint64_t ended; // acknowledged, expired or dropped
};

static uint64_t
below(struct traffic *t, uint64_t count)
{
    return rng_below(&t->random, count);
}

static const char *
any_agent(struct traffic *t)
{
    static const char *const ids[AGENTS] = {"a", "b", "c", "d"};
    return ids[below(t, AGENTS)];
}

/* What the session must hear of, and what ended. */
static void
perform(struct traffic *t)
{
    struct cl_effect effects[64];
    size_t len = t->m.effects.len;
    CHECK(len <= sizeof effects / sizeof *effects);
    memcpy(effects, t->m.effects.items, len * sizeof *effects);
    for (size_t i = 0; i < len; i++) {
        if (effects[i].kind == CL_EFFECT_FORGET)
            CHECK_OK(DO(&t->m, FORGOTTEN, forgotten, .agent = effects[i].agent));
        if (effects[i].kind == CL_EFFECT_NOTE && (effects[i].note.id == CL_NOTE_MESSAGES_EXPIRED ||
                                                  effects[i].note.id == CL_NOTE_ORPHAN_DROPPED))
            t->ended += effects[i].note.number;
    }
    cl_session_check(t->m.session, t->m.core);
}

static void
send_some(struct traffic *t)
{
    for (uint64_t count = below(t, 40); count > 0; count--) {
        enum cl_err err =
            DO(&t->m, SEND, send, .to = cl_str_z(any_agent(t)), .from = CL_STR("x"),
               .priority = (uint8_t)below(t, CL_PRIORITY_COUNT),
               .expires = below(t, 2) == 0 ? CL_TIME_NEVER
                                           : (cl_time){t->m.now.ms + 1 + (int64_t)below(t, 9000)});
        t->sent += err == CL_OK;
    }
}

static void
open_one(struct traffic *t)
{
    uint64_t at = below(t, HOLDERS);
    if (t->holders[at] != 0)
        return;
    t->holders[at] = t->next_holder++;
    t->batches[at] = 0;
    mesh_open(&t->m, any_agent(t), t->holders[at],
              below(t, 2) == 0 ? CL_HOLDER_SOCKET : CL_HOLDER_POLL);
}

static void
take_one(struct traffic *t)
{
    uint64_t at = below(t, HOLDERS);
    (void)mesh_take(&t->m, t->holders[at]);
    if (t->m.batch.number > 0)
        t->batches[at] = t->m.batch.number;
    if (t->holders[at] != 0 && below(t, 2) == 0)
        (void)DO(&t->m, RENEW, renew, .holder = t->holders[at],
                 .until = {t->m.now.ms + CL_POLL_LEASE_MS});
}

static void
settle_one(struct traffic *t)
{
    uint64_t at = below(t, HOLDERS);
    struct pending *ack = &t->acks[below(t, ACKS)];
    if (t->holders[at] == 0 || ack->holder != 0)
        return;
    uint64_t batch = below(t, t->batches[at] + 1);
    CHECK_OK(DO(&t->m, SETTLE, settle, .holder = t->holders[at], .batch = batch,
                .rung = CL_RUNG_DELIVERED));
    if (mesh_effects(&t->m, CL_EFFECT_ACK, NULL) == 0)
        return;
    const struct cl_effect *effect = mesh_effect(&t->m, CL_EFFECT_ACK);
    ack->holder = effect->ack.holder;
    ack->batch = effect->ack.batch;
    CHECK(cl_str_copy(ack->agent, sizeof ack->agent, effect->agent));
    ack->ranges_len = effect->ack.ranges.len;
    memcpy(ack->ranges, effect->ack.ranges.ptr, ack->ranges_len * sizeof *ack->ranges);
}

static void
decide_one(struct traffic *t)
{
    struct pending *ack = &t->acks[below(t, ACKS)];
    if (ack->holder == 0)
        return;
    enum cl_err err = CL_ERR_FULL;
    if (below(t, 3) > 0) {
        uint64_t before = cl_core_stats(t->m.core).waiting;
        err = DO(&t->m, ACK, ack, .agent = cl_str_z(ack->agent), .rung = CL_RUNG_DELIVERED,
                 .ranges = {ack->ranges, ack->ranges_len});
        t->ended += before - cl_core_stats(t->m.core).waiting;
        perform(t);
    }
    if (err == CL_OK)
        CHECK_OK(DO(&t->m, SETTLED, settled, .agent = cl_str_z(ack->agent), .holder = ack->holder,
                    .batch = ack->batch));
    else
        CHECK_OK(DO(&t->m, UNSETTLED, unsettled, .agent = cl_str_z(ack->agent),
                    .holder = ack->holder, .batch = ack->batch));
    ack->holder = 0;
}

static void
close_one(struct traffic *t, uint64_t at)
{
    if (t->holders[at] != 0)
        CHECK_OK(DO(&t->m, CLOSE, close, .holder = t->holders[at]));
    t->holders[at] = 0;
}

static void
pass_time(struct traffic *t)
{
    t->m.now.ms += (int64_t)below(t, 3000);
    CHECK_OK(DO(&t->m, LAPSE, lapse, .due = t->m.now));
    if (cl_core_deadline(t->m.core).ms <= t->m.now.ms)
        CHECK_OK(DO(&t->m, TICK, tick, .due = t->m.now));
    perform(t);
}

static void
step(struct traffic *t)
{
    switch (below(t, 16)) {
    case 0:
        send_some(t);
        break;
    case 1:
        (void)DO(&t->m, REGISTER, registration, .agent = cl_str_z(any_agent(t)));
        break;
    case 2:
        close_one(t, below(t, HOLDERS));
        break;
    case 3:
        pass_time(t);
        break;
    case 4:
    case 5:
    case 6:
        open_one(t);
        break;
    case 7:
    case 8:
    case 9:
        settle_one(t);
        break;
    case 10:
    case 11:
    case 12:
        decide_one(t);
        break;
    default:
        take_one(t);
        break;
    }
    cl_session_check(t->m.session, t->m.core);
}

/* Everybody hangs up; then one poll after the other takes what is left. */
static void
drain(struct traffic *t)
{
    static const char *const ids[AGENTS] = {"a", "b", "c", "d"};
    for (uint64_t i = 0; i < HOLDERS; i++)
        close_one(t, i);
    for (unsigned i = 0; i < 1000; i++)
        decide_one(t);
    for (unsigned i = 0; i < AGENTS; i++) {
        uint64_t before;
        do {
            uint64_t holder = t->next_holder++;
            before = cl_core_stats(t->m.core).waiting;
            mesh_open(&t->m, ids[i], holder, CL_HOLDER_POLL);
            (void)mesh_take(&t->m, holder);
            if (t->m.batch.number > 0)
                mesh_settle(&t->m, holder, 1);
            t->ended += before - cl_core_stats(t->m.core).waiting;
            CHECK_OK(DO(&t->m, CLOSE, close, .holder = holder));
        } while (t->m.batch.number > 0);
    }
}

TEST(random_traffic_keeps_every_invariant_and_drains)
{
    static struct traffic t;
    uint64_t ended = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        test_note("seed %u", (unsigned)seed);
        memset(&t, 0, sizeof t);
        t.random.state = seed;
        t.next_holder = 1;
        mesh_init(&t.m);
        for (unsigned i = 0; i < 1000; i++)
            step(&t);
        drain(&t);
        t.m.now.ms += 200000; // what expired is not offered, and goes with a tick
        pass_time(&t);
        CHECK_INT(cl_core_stats(t.m.core).waiting, 0);
        CHECK_INT(cl_session_leased(t.m.session), 0);
        CHECK_INT(t.ended, t.sent);
        ended += t.ended;
        mesh_done(&t.m);
    }
    CHECK(ended > 10000);
}
