// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/alloc.h"
#include "support/fault.h"
#include "support/test.h"
#include "unit/core/mesh.h"

/* A registered "b" with messages "1" to "n". */
static void
queue(struct mesh *m, char n)
{
    char text[] = "1";
    mesh_init(m);
    mesh_register(m, "b");
    for (; text[0] <= n; text[0]++)
        CHECK_OK(mesh_send(m, "a", "b", text));
}

static enum cl_err
close_holder(struct mesh *m, uint64_t holder)
{
    enum cl_err err = DO(m, CLOSE, close, .holder = holder);
    cl_session_check(m->session, m->core);
    return err;
}

static enum cl_err
settle(struct mesh *m, uint64_t holder, uint64_t batch)
{
    return DO(m, SETTLE, settle, .holder = holder, .batch = batch, .rung = CL_RUNG_DELIVERED);
}

static enum cl_err
lapse(struct mesh *m)
{
    enum cl_err err = DO(m, LAPSE, lapse, .due = m->now);
    cl_session_check(m->session, m->core);
    return err;
}

TEST(a_message_is_handed_to_one_connection_at_a_time)
{
    struct mesh m;
    queue(&m, '2');
    mesh_open(&m, "b", 1, CL_HOLDER_POLL);
    mesh_open(&m, "b", 2, CL_HOLDER_POLL);
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2"));
    CHECK_INT(m.batch.number, 1);
    CHECK_INT(m.batch.bytes, 2);
    CHECK_INT(cl_session_leased(m.session), 2);
    CHECK_STR(mesh_take(&m, 2), CL_STR(""));
    CHECK_OK(mesh_send(&m, "a", "b", "3"));
    CHECK_STR(mesh_take(&m, 2), CL_STR("3"));
    mesh_settle(&m, 1, 1);
    mesh_settle(&m, 2, 1);
    CHECK_STR(mesh_queue(&m, "b"), CL_STR(""));
    CHECK_INT(cl_session_leased(m.session), 0);
    mesh_done(&m);
}

TEST(what_a_closed_connection_held_is_offered_again_in_its_old_place)
{
    struct mesh m;
    queue(&m, '3');
    mesh_open(&m, "b", 1, CL_HOLDER_POLL);
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2 3"));
    CHECK_OK(mesh_send(&m, "a", "b", "4"));
    CHECK_OK(mesh_send_at(&m, CL_PRIORITY_URGENT, "b", "u"));
    mesh_open(&m, "b", 2, CL_HOLDER_POLL);
    CHECK_OK(close_holder(&m, 1));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1);
    CHECK_STR(mesh_take(&m, 2), CL_STR("u 1 2 3 4"));
    CHECK_INT(close_holder(&m, 1), CL_ERR_NOT_FOUND);
    mesh_done(&m);
}

TEST(a_proof_of_one_batch_proves_all_before_it)
{
    struct mesh m;
    queue(&m, '1');
    mesh_open(&m, "b", 1, CL_HOLDER_SOCKET);
    CHECK_STR(mesh_take(&m, 1), CL_STR("1"));
    CHECK_OK(mesh_send(&m, "a", "b", "2"));
    CHECK_STR(mesh_take(&m, 1), CL_STR("2"));
    CHECK_OK(mesh_send(&m, "a", "b", "3"));
    CHECK_STR(mesh_take(&m, 1), CL_STR("3"));
    CHECK_INT(m.batch.number, 3);
    CHECK_INT(settle(&m, 1, 4), CL_ERR_MALFORMED); // nobody was handed that
    CHECK_OK(settle(&m, 1, 2));
    const struct cl_effect *ack = mesh_effect(&m, CL_EFFECT_ACK);
    CHECK_STR(ack->agent, CL_STR("b"));
    CHECK_INT(ack->ack.holder, 1);
    CHECK_INT(ack->ack.batch, 2);
    CHECK_INT(ack->ack.ranges.len, 2);
    CHECK_INT(ack->ack.ranges.ptr[1].first, 2);
    CHECK_OK(settle(&m, 1, 1)); // an older proof: nothing left of it
    CHECK_INT(m.effects.len, 0);
    CHECK_OK(settle(&m, 1, 0));
    CHECK_INT(m.effects.len, 0);
    CHECK_INT(settle(&m, 9, 1), CL_ERR_NOT_FOUND);
    mesh_done(&m);
}

TEST(settling_messages_outlive_their_connection_until_the_ack_is_decided)
{
    struct mesh m;
    queue(&m, '2');
    mesh_open(&m, "b", 1, CL_HOLDER_SOCKET);
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2"));
    CHECK_OK(settle(&m, 1, 1));
    CHECK_OK(close_holder(&m, 1));
    CHECK_INT(m.effects.len, 0); // nobody is there to be ready
    mesh_open(&m, "b", 2, CL_HOLDER_SOCKET);
    CHECK_STR(mesh_take(&m, 2), CL_STR(""));
    CHECK_OK(mesh_ack(&m, "b", 1, 2));
    CHECK_OK(DO(&m, SETTLED, settled, .agent = CL_STR("b"), .holder = 1, .batch = 1));
    CHECK_INT(cl_session_leased(m.session), 0);
    CHECK_STR(mesh_take(&m, 2), CL_STR(""));
    mesh_done(&m);
}

TEST(a_refused_ack_brings_its_messages_back)
{
    struct mesh m;
    queue(&m, '2');
    mesh_open(&m, "b", 1, CL_HOLDER_SOCKET);
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2"));
    CHECK_OK(mesh_send(&m, "a", "b", "3"));
    CHECK_STR(mesh_take(&m, 1), CL_STR("3"));
    CHECK_OK(settle(&m, 1, 1));
    CHECK_OK(settle(&m, 1, 2));
    CHECK_OK(DO(&m, UNSETTLED, unsettled, .agent = CL_STR("b"), .holder = 1, .batch = 1));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1);
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2"));
    CHECK_INT(m.batch.number, 3);
    CHECK_OK(mesh_ack(&m, "b", 3, 3));
    CHECK_OK(DO(&m, SETTLED, settled, .agent = CL_STR("b"), .holder = 1, .batch = 2));
    mesh_settle(&m, 1, 3);
    CHECK_STR(mesh_queue(&m, "b"), CL_STR(""));
    CHECK_OK(DO(&m, SETTLED, settled, .agent = CL_STR("x"), .holder = 1, .batch = 2));
    mesh_done(&m);
}

TEST(a_written_poll_answer_is_released_when_no_proof_comes)
{
    struct mesh m;
    queue(&m, '1');
    mesh_open(&m, "b", 1, CL_HOLDER_POLL);
    CHECK_OK(DO(&m, RENEW, renew, .holder = 1, .until = m.now)); // nothing to lapse yet
    CHECK_INT(cl_session_deadline(m.session).ms, INT64_MAX);
    CHECK_STR(mesh_take(&m, 1), CL_STR("1"));
    CHECK_INT(cl_session_deadline(m.session).ms, INT64_MAX);
    int64_t until = m.now.ms + CL_POLL_LEASE_MS;
    CHECK_OK(DO(&m, RENEW, renew, .holder = 1, .until = {until}));
    CHECK_INT(cl_session_deadline(m.session).ms, until);
    m.now.ms = until - 1;
    CHECK_OK(lapse(&m));
    CHECK_INT(cl_session_leased(m.session), 1);
    mesh_open(&m, "b", 2, CL_HOLDER_POLL);
    m.now.ms = until;
    CHECK_OK(lapse(&m));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1);
    CHECK_INT(cl_session_deadline(m.session).ms, INT64_MAX);
    CHECK_STR(mesh_take(&m, 2), CL_STR("1"));
    CHECK_OK(settle(&m, 1, 1)); // too late: somebody else has it
    CHECK_INT(m.effects.len, 0);
    CHECK_INT(DO(&m, RENEW, renew, .holder = 9), CL_ERR_NOT_FOUND);
    mesh_open(&m, "b", 3, CL_HOLDER_SOCKET);
    CHECK_INT(DO(&m, RENEW, renew, .holder = 3), CL_ERR_NOT_FOUND);
    mesh_done(&m);
}

TEST(a_proven_poll_does_not_lapse)
{
    struct mesh m;
    queue(&m, '1');
    mesh_open(&m, "b", 1, CL_HOLDER_POLL);
    CHECK_STR(mesh_take(&m, 1), CL_STR("1"));
    CHECK_OK(DO(&m, RENEW, renew, .holder = 1, .until = {m.now.ms + 5}));
    CHECK_OK(settle(&m, 1, 1));
    CHECK_INT(cl_session_deadline(m.session).ms, INT64_MAX);
    mesh_done(&m);
}

TEST(released_ranges_keep_their_order_whoever_gave_them_back)
{
    struct mesh m;
    queue(&m, '1');
    for (uint64_t holder = 1; holder <= 4; holder++) {
        char text[] = "1";
        mesh_open(&m, "b", holder, CL_HOLDER_POLL);
        (void)mesh_take(&m, holder);
        text[0] = (char)('1' + holder);
        CHECK_OK(mesh_send(&m, "a", "b", text));
    }
    CHECK_OK(close_holder(&m, 3));
    CHECK_OK(close_holder(&m, 1));
    CHECK_OK(close_holder(&m, 4));
    mesh_open(&m, "b", 9, CL_HOLDER_POLL);
    CHECK_STR(mesh_take(&m, 9), CL_STR("1 3 4 5"));
    CHECK_OK(close_holder(&m, 2));
    CHECK_OK(close_holder(&m, 9));
    mesh_open(&m, "b", 10, CL_HOLDER_POLL);
    CHECK_STR(mesh_take(&m, 10), CL_STR("1 2 3 4 5"));
    mesh_done(&m);
}

TEST(what_ended_meanwhile_is_not_offered_again)
{
    struct mesh m;
    queue(&m, '4');
    mesh_open(&m, "b", 1, CL_HOLDER_POLL);
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2 3 4"));
    CHECK_OK(mesh_ack(&m, "b", 2, 3)); // acknowledged some other way
    CHECK_OK(close_holder(&m, 1));
    mesh_open(&m, "b", 2, CL_HOLDER_POLL);
    CHECK_STR(mesh_take(&m, 2), CL_STR("1 4"));
    CHECK_OK(settle(&m, 2, 1));
    CHECK_INT(mesh_effect(&m, CL_EFFECT_ACK)->ack.ranges.len, 2);
    mesh_done(&m);
}

TEST(a_forgotten_agents_leases_end_and_its_connections_stay)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_send(&m, "a", "b", "1"));
    CHECK_OK(mesh_send(&m, "a", "b", "2"));
    CHECK_OK(mesh_send_at(&m, CL_PRIORITY_LOW, "b", "3"));
    mesh_open(&m, "b", 1, CL_HOLDER_SOCKET);
    mesh_open(&m, "b", 2, CL_HOLDER_POLL);
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2 3"));
    CHECK_OK(settle(&m, 1, 1));
    CHECK_OK(DO(&m, UNSETTLED, unsettled, .agent = CL_STR("b"), .holder = 1, .batch = 1));
    CHECK_STR(mesh_take(&m, 2), CL_STR("1 2 3"));
    CHECK_OK(DO(&m, RENEW, renew, .holder = 2, .until = {m.now.ms + 5}));
    CHECK_OK(mesh_send(&m, "a", "b", "4"));
    CHECK_STR(mesh_take(&m, 1), CL_STR("4"));
    CHECK_OK(settle(&m, 1, 2));
    m.now.ms += CL_ORPHAN_LIFE_MS;
    CHECK_OK(DO(&m, TICK, tick, .due = m.now));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_FORGET, "b"), 1);
    CHECK_OK(DO(&m, FORGOTTEN, forgotten, .agent = CL_STR("b")));
    CHECK_INT(cl_session_leased(m.session), 0);
    CHECK_INT(cl_session_deadline(m.session).ms, INT64_MAX);
    CHECK(cl_session_is_online(m.session, CL_STR("b")));
    CHECK_OK(DO(&m, SETTLED, settled, .agent = CL_STR("b"), .holder = 1, .batch = 2));
    CHECK_OK(mesh_send(&m, "a", "b", "new")); // numbered from 1 again
    CHECK_STR(mesh_take(&m, 1), CL_STR("new"));
    CHECK_OK(DO(&m, FORGOTTEN, forgotten, .agent = CL_STR("nobody")));
    mesh_done(&m);
}

TEST(released_messages_of_a_forgotten_agent_are_gone)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_send(&m, "a", "b", "1"));
    mesh_open(&m, "b", 1, CL_HOLDER_SOCKET);
    mesh_open(&m, "b", 2, CL_HOLDER_POLL);
    CHECK_STR(mesh_take(&m, 2), CL_STR("1"));
    CHECK_OK(close_holder(&m, 2));
    CHECK_OK(mesh_ack(&m, "b", 1, 1));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_FORGET, "b"), 1);
    CHECK_OK(DO(&m, FORGOTTEN, forgotten, .agent = CL_STR("b")));
    CHECK_OK(mesh_send(&m, "a", "b", "2"));
    CHECK_STR(mesh_take(&m, 1), CL_STR("2"));
    mesh_done(&m);
}

TEST(last_seen_is_the_latest_of_session_and_core)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_INT(cl_session_last_seen(m.session, m.core, CL_STR("b")).ms, 0);
    CHECK_INT(DO(&m, HEARTBEAT, heartbeat, .agent = CL_STR("b")), CL_ERR_NO_AGENT);
    mesh_register(&m, "b");
    CHECK_INT(cl_session_last_seen(m.session, m.core, CL_STR("b")).ms, m.now.ms);
    m.now.ms += 10;
    CHECK_OK(DO(&m, HEARTBEAT, heartbeat, .agent = CL_STR("b")));
    CHECK_INT(cl_session_last_seen(m.session, m.core, CL_STR("b")).ms, m.now.ms);
    m.now.ms += 10;
    mesh_open(&m, "b", 1, CL_HOLDER_SOCKET);
    CHECK_INT(cl_session_last_seen(m.session, m.core, CL_STR("b")).ms, m.now.ms);
    m.now.ms += 10;
    CHECK_OK(settle(&m, 1, 0));
    CHECK_INT(cl_session_last_seen(m.session, m.core, CL_STR("b")).ms, m.now.ms);
    m.now.ms += 10;
    CHECK_OK(mesh_ack(&m, "b", 1, 1));
    CHECK_INT(cl_session_last_seen(m.session, m.core, CL_STR("b")).ms, m.now.ms);
    CHECK_OK(DO(&m, ATTACH, attach, .agent = CL_STR("guest")));
    CHECK_INT(DO(&m, HEARTBEAT, heartbeat, .agent = CL_STR("guest")), CL_ERR_NO_AGENT);
    mesh_done(&m);
}

TEST(a_command_that_is_not_the_sessions_is_refused)
{
    struct mesh m;
    mesh_init(&m);
    for (enum cl_command_kind kind = 0; kind <= CL_COMMAND_COUNT; kind++) {
        struct cl_command draft = {.kind = kind, .attach = {.agent = CL_STR("a")}};
        if (kind == CL_COMMAND_COUNT || cl_command_is_durable(kind))
            CHECK_INT(cl_session_apply(m.session, m.core, &draft, &m.effects), CL_ERR_MALFORMED);
    }
    struct cl_command tick = {.kind = CL_COMMAND_TICK};
    CHECK_INT(cl_session_apply(m.session, m.core, &tick, &m.effects), CL_ERR_MALFORMED);
    mesh_done(&m);
}

TEST(without_memory_commands_and_takes_are_refused_and_change_nothing)
{
    struct mesh m;
    queue(&m, '3');
    CHECK_OK(mesh_ack(&m, "b", 2, 2)); // a hole, so that one take needs two leases
    FOR_EACH_FAULT
    {
        struct cl_effects effects = {0};
        struct cl_batch batch = {0};
        struct cl_session *session = cl_session_new(&test_key);
        const struct cl_command script[] = {
            {.kind = CL_COMMAND_HEARTBEAT, .heartbeat = {.agent = CL_STR("b")}},
            {.kind = CL_COMMAND_OPEN,
             .open = {.agent = CL_STR("x"), .holder = 1, .kind = CL_HOLDER_POLL}},
            {.kind = CL_COMMAND_OPEN,
             .open = {.agent = CL_STR("b"), .holder = 2, .kind = CL_HOLDER_POLL}},
        };
        enum cl_err err = session == NULL ? CL_ERR_NO_MEMORY : CL_OK;
        for (size_t i = 0; i < 3 && err == CL_OK; i++)
            err = cl_session_apply(session, m.core, &script[i], &effects);
        if (err == CL_OK)
            err = cl_session_take(session, m.core, 2, &batch);
        struct cl_command renew = {.kind = CL_COMMAND_RENEW, .renew = {.holder = 2}};
        if (err == CL_OK)
            err = cl_session_apply(session, m.core, &renew, &effects);
        if (session != NULL)
            cl_session_check(session, m.core);
        // Memory that ends inside a take cuts the batch short instead.
        bool was_cut = batch.len == 1;
        CHECK_INT(err, fault_happened() && !was_cut ? CL_ERR_NO_MEMORY : CL_OK);
        cl_session_free(session);
        cl_effects_done(&effects);
    }
    mesh_done(&m);
}

static unsigned allocations;

static bool
second_fails(void)
{
    return ++allocations != 2;
}

TEST(a_lapse_without_memory_goes_on_with_the_next)
{
    struct mesh m;
    struct cl_effects effects = {0};
    char id[] = "A";
    mesh_init(&m);
    for (uint64_t i = 0; i < 20; i++) {
        id[0] = (char)('A' + i);
        mesh_register(&m, id);
        CHECK_OK(mesh_send(&m, "a", id, "x"));
        mesh_open(&m, id, 100 + i, CL_HOLDER_POLL);
        mesh_open(&m, id, 200 + i, CL_HOLDER_POLL);
        CHECK_STR(mesh_take(&m, 100 + i), CL_STR("x"));
        CHECK_OK(DO(&m, RENEW, renew, .holder = 100 + i, .until = m.now));
    }
    struct cl_command draft = {.kind = CL_COMMAND_LAPSE, .time = m.now, .lapse = {.due = m.now}};
    cl_alloc_set_hook(second_fails);
    enum cl_err err = cl_session_apply(m.session, m.core, &draft, &effects);
    cl_alloc_set_hook(NULL);
    CHECK_INT(err, CL_ERR_NO_MEMORY);
    cl_session_check(m.session, m.core);
    CHECK(effects.len > 0); // those that lapsed are told of
    CHECK_INT(cl_session_leased(m.session), 20 - effects.len);
    CHECK_OK(cl_session_apply(m.session, m.core, &draft, &effects));
    CHECK_INT(effects.len, 20);
    CHECK_INT(cl_session_leased(m.session), 0);
    cl_effects_done(&effects);
    mesh_done(&m);
}
