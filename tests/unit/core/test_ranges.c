// SPDX-License-Identifier: MIT
#include "base/alloc.h"
#include "support/test.h"
#include "unit/core/mesh.h"

/* Five tracked messages with numbers `base` to base + 4 that holder 1 of "b" took. */
static uint64_t
begin(struct mesh *m, enum cl_holder_kind kind)
{
    mesh_init(m);
    mesh_register(m, "b");
    for (uint64_t i = 1; i <= 5; i++)
        CHECK_OK(mesh_track(m, "a", "b", i));
    mesh_open(m, "b", 1, kind);
    (void)mesh_take(m, 1);
    CHECK_INT(m->batch.len, 5);
    return mesh_first(m, "b");
}

static enum cl_err
settle(struct mesh *m, struct cl_range range, bool refuses)
{
    return DO(m, SETTLE_RANGES, settle_ranges, .holder = 1, .rung = CL_RUNG_DELIVERED,
              .proof = CL_PROOF_SPOOL, .refuses = refuses, .ranges = {&range, 1});
}

static struct cl_range
range(uint64_t first, uint64_t last)
{
    return (struct cl_range){CL_PRIORITY_NORMAL, first, last};
}

static void
check_range(cl_ranges ranges, uint32_t at, uint64_t first, uint64_t last)
{
    CHECK(at < ranges.len);
    CHECK_INT(ranges.ptr[at].priority, CL_PRIORITY_NORMAL);
    CHECK_INT(ranges.ptr[at].first, first);
    CHECK_INT(ranges.ptr[at].last, last);
}

TEST(any_of_what_is_held_can_be_proven)
{
    struct mesh m;
    uint64_t base = begin(&m, CL_HOLDER_RANGED);
    CHECK_OK(settle(&m, range(base + 1, base + 2), false));
    const struct cl_effect *ack = mesh_effect(&m, CL_EFFECT_ACK);
    CHECK_INT(ack->ack.ranges.len, 1);
    check_range(ack->ack.ranges, 0, base + 1, base + 2);
    CHECK_INT(ack->ack.rung, CL_RUNG_DELIVERED);
    CHECK_INT(ack->ack.proof, CL_PROOF_SPOOL);
    CHECK(!ack->ack.refuses);
    CHECK_INT(ack->ack.batch, 1);
    cl_session_check(m.session, m.core);
    CHECK_OK(settle(&m, range(1, UINT64_MAX), false)); // all that is left, in two ranges
    ack = mesh_effect(&m, CL_EFFECT_ACK);
    CHECK_INT(ack->ack.ranges.len, 2);
    check_range(ack->ack.ranges, 0, base, base);
    check_range(ack->ack.ranges, 1, base + 3, base + 4);
    CHECK_INT(ack->ack.batch, 2);
    CHECK_OK(settle(&m, range(1, UINT64_MAX), false)); // nothing is held any more
    CHECK_INT(m.effects.len, 0);
    CHECK_OK(DO(&m, UNSETTLED, unsettled, .agent = CL_STR("b"), .holder = 1, .batch = 1));
    (void)mesh_take(&m, 1);
    CHECK_INT(m.batch.len, 2);
    CHECK_INT(m.batch.msgs[0]->seq, 2);
    CHECK_OK(mesh_ack(&m, "b", base, base + 4));
    CHECK_OK(DO(&m, SETTLED, settled, .agent = CL_STR("b"), .holder = 1, .batch = 2));
    cl_session_check(m.session, m.core);
    mesh_done(&m);
}

TEST(what_is_refused_settles_alone)
{
    struct mesh m;
    uint64_t base = begin(&m, CL_HOLDER_RANGED);
    CHECK_INT(settle(&m, range(base, base + 1), true), CL_ERR_MALFORMED);
    CHECK_OK(settle(&m, range(base + 3, base + 3), true));
    CHECK(mesh_effect(&m, CL_EFFECT_ACK)->ack.refuses);
    check_range(mesh_effect(&m, CL_EFFECT_ACK)->ack.ranges, 0, base + 3, base + 3);
    mesh_done(&m);
}

TEST(proofs_by_ranges_are_for_holders_of_that_kind)
{
    struct mesh m;
    struct cl_range all = range(1, UINT64_MAX);
    (void)begin(&m, CL_HOLDER_SOCKET);
    CHECK_INT(settle(&m, all, false), CL_ERR_MALFORMED);
    CHECK_INT(DO(&m, RELEASE, release, .holder = 1, .ranges = {&all, 1}), CL_ERR_MALFORMED);
    CHECK_INT(DO(&m, RELEASE, release, .holder = 9, .ranges = {&all, 1}), CL_ERR_NOT_FOUND);
    CHECK_INT(DO(&m, SETTLE_RANGES, settle_ranges, .holder = 9, .ranges = {&all, 1}),
              CL_ERR_NOT_FOUND);
    mesh_done(&m);
    (void)begin(&m, CL_HOLDER_RANGED);
    CHECK_INT(DO(&m, SETTLE, settle, .holder = 1, .batch = 1, .rung = CL_RUNG_DELIVERED),
              CL_ERR_MALFORMED);
    CHECK_INT(DO(&m, SETTLE_RANGES, settle_ranges, .holder = 1, .ranges = {&all, 1}),
              CL_ERR_MALFORMED); // no rung
    mesh_done(&m);
}

TEST(what_is_given_back_is_offered_again_and_counted)
{
    struct mesh m;
    uint64_t base = begin(&m, CL_HOLDER_RANGED);
    struct cl_range some = range(base + 1, base + 3);
    CHECK_OK(DO(&m, RELEASE, release, .holder = 1, .ranges = {&some, 1}));
    check_range(mesh_effect(&m, CL_EFFECT_RELEASED)->released.ranges, 0, base + 1, base + 3);
    CHECK_STR(mesh_effect(&m, CL_EFFECT_RELEASED)->agent, CL_STR("b"));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1);
    (void)mesh_take(&m, 1);
    CHECK_INT(m.batch.len, 3);
    CHECK_INT(m.batch.msgs[0]->seq, 2);
    CHECK_OK(DO(&m, RELEASE, release, .holder = 1, .ranges = {&some, 1}));
    CHECK_OK(DO(&m, RELEASE, release, .holder = 1, .ranges = {&some, 1})); // it has none of them
    CHECK_INT(m.effects.len, 0);
    mesh_done(&m);
}

TEST(a_connection_that_breaks_gives_back_what_it_held)
{
    struct mesh m;
    uint64_t base = begin(&m, CL_HOLDER_SOCKET);
    CHECK_OK(mesh_send(&m, "a", "b", "v1")); // base + 5, not counted
    CHECK_OK(mesh_track(&m, "a", "b", 6));
    (void)mesh_take(&m, 1);
    CHECK_OK(DO(&m, CLOSE, close, .holder = 1));
    cl_ranges ranges = mesh_effect(&m, CL_EFFECT_RELEASED)->released.ranges;
    CHECK_INT(ranges.len, 2);
    check_range(ranges, 0, base, base + 4);
    check_range(ranges, 1, base + 6, base + 6);
    mesh_done(&m);
}

static bool
nothing_left(void)
{
    return false;
}

TEST(without_memory_for_an_effect_nothing_is_proven_or_given_back)
{
    struct mesh m;
    uint64_t base = begin(&m, CL_HOLDER_RANGED);
    struct cl_range all = range(base, base + 4);
    struct cl_command drafts[] = {
        {.kind = CL_COMMAND_SETTLE_RANGES,
         .settle_ranges = {.holder = 1, .rung = CL_RUNG_DELIVERED, .ranges = {&all, 1}}},
        {.kind = CL_COMMAND_RELEASE, .release = {.holder = 1, .ranges = {&all, 1}}},
        {.kind = CL_COMMAND_CLOSE, .close = {.holder = 1}},
    };
    for (size_t i = 0; i < sizeof drafts / sizeof drafts[0]; i++) {
        struct cl_effects none;
        cl_effects_init(&none);
        cl_alloc_set_hook(nothing_left);
        enum cl_err err = cl_session_apply(m.session, m.core, &drafts[i], &none);
        cl_alloc_set_hook(NULL);
        CHECK_INT(err, CL_ERR_NO_MEMORY);
        CHECK_INT(none.len, 0);
        CHECK_INT(cl_session_leased(m.session), 5);
        cl_session_check(m.session, m.core);
    }
    CHECK_OK(settle(&m, all, false));
    check_range(mesh_effect(&m, CL_EFFECT_ACK)->ack.ranges, 0, base, base + 4);
    mesh_done(&m);
}

TEST(plain_traffic_counts_no_attempts)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(mesh_send(&m, "a", "b", "v1"));
    mesh_open(&m, "b", 1, CL_HOLDER_SOCKET);
    (void)mesh_take(&m, 1);
    CHECK_OK(DO(&m, CLOSE, close, .holder = 1));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RELEASED, NULL), 0);
    mesh_done(&m);
}

TEST(polls_that_lapse_give_back_one_after_the_other)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    mesh_register(&m, "c");
    for (uint64_t i = 1; i <= 2; i++) {
        CHECK_OK(mesh_track(&m, "a", i == 1 ? "b" : "c", i));
        mesh_open(&m, i == 1 ? "b" : "c", i, CL_HOLDER_POLL);
        (void)mesh_take(&m, i);
        CHECK_OK(DO(&m, RENEW, renew, .holder = i, .until = {m.now.ms + 10}));
    }
    CHECK_INT(cl_session_polled(m.session, CL_STR("b")).ms, m.now.ms);
    CHECK_INT(cl_session_polled(m.session, CL_STR("a")).ms, 0);
    m.now.ms += 10;
    CHECK_OK(DO(&m, LAPSE, lapse, .due = m.now));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RELEASED, "b"), 1);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RELEASED, NULL), 1);
    CHECK_INT(cl_session_deadline(m.session).ms, m.now.ms);
    CHECK_OK(DO(&m, LAPSE, lapse, .due = m.now));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RELEASED, "c"), 1);
    CHECK_INT(cl_session_deadline(m.session).ms, INT64_MAX);
    mesh_done(&m);
}

TEST(a_ranged_holder_has_the_credit_of_a_socket)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    for (uint64_t i = 1; i <= CL_CREDIT_MESSAGES + 5; i++)
        CHECK_OK(mesh_track(&m, "a", "b", i));
    mesh_open(&m, "b", 1, CL_HOLDER_RANGED);
    CHECK(cl_session_is_online(m.session, CL_STR("b")));
    (void)mesh_take(&m, 1);
    CHECK_INT(m.batch.len, CL_CREDIT_MESSAGES);
    uint64_t base = mesh_first(&m, "b");
    CHECK_OK(settle(&m, range(base + 10, base + 12), false));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1); // it was out of credit
    (void)mesh_take(&m, 1);
    CHECK_INT(m.batch.len, 3);
    cl_session_check(m.session, m.core);
    mesh_done(&m);
}

TEST(a_newer_connection_begins_with_what_the_older_one_holds)
{
    struct mesh m;
    uint64_t base = begin(&m, CL_HOLDER_RANGED);
    struct cl_range proven = range(base + 1, base + 1);
    CHECK_OK(settle(&m, proven, false));
    mesh_open(&m, "b", 2, CL_HOLDER_RANGED);
    const struct cl_effect *released = mesh_effect(&m, CL_EFFECT_RELEASED);
    CHECK_STR(released->agent, CL_STR("b"));
    CHECK_INT(released->released.ranges.len, 2);
    check_range(released->released.ranges, 0, base, base);
    check_range(released->released.ranges, 1, base + 2, base + 4);
    cl_session_check(m.session, m.core);
    (void)mesh_take(&m, 2);
    CHECK_INT(m.batch.len, 4);
    CHECK_INT(m.batch.msgs[0]->seq, 1);
    CHECK_OK(settle(&m, range(1, UINT64_MAX), false)); // of holder 1, which has nothing
    CHECK_INT(m.effects.len, 0);
    mesh_open(&m, "b", 3, CL_HOLDER_SOCKET); // an agent of v1 under the same name
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RELEASED, "b"), 0);
    mesh_open(&m, "b", 4, CL_HOLDER_RANGED);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RELEASED, "b"), 1);
    (void)mesh_take(&m, 4);
    CHECK_INT(m.batch.len, 4);
    cl_session_check(m.session, m.core);
    mesh_done(&m);
}
