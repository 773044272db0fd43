// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/alloc.h"
#include "support/fault.h"
#include "support/test.h"
#include "unit/core/mesh.h"

/* From "a" to that agent, with that text, for as long as may be. */
static enum cl_err
pass(struct mesh *m, const char *to, const char *text)
{
    struct cl_body *body = cl_body_new(cl_str_z(text));
    CHECK(body != NULL);
    enum cl_err err = DO(m, PASS, pass, .to = cl_str_z(to), .from = CL_STR("a"),
                         .id = mesh_id(m->ticket + 1), .expires = CL_TIME_NEVER, .body = body);
    cl_body_unref(body);
    cl_session_check(m->session, m->core);
    return err;
}

/* "b", with a connection 1 of that kind and passing messages "1" to "n". */
static void
begin(struct mesh *m, enum cl_holder_kind kind, char n)
{
    char text[] = "1";
    mesh_init(m);
    mesh_register(m, "b");
    mesh_open(m, "b", 1, kind);
    m->ticket = 100;
    for (; text[0] <= n; text[0]++)
        CHECK_OK(pass(m, "b", text));
}

static struct cl_range
passing(uint64_t first, uint64_t last)
{
    return (struct cl_range){CL_LANE_PASSING, first, last};
}

static enum cl_err
settle_ranges(struct mesh *m, struct cl_range range, bool refuses)
{
    enum cl_err err = DO(m, SETTLE_RANGES, settle_ranges, .holder = 1, .rung = CL_RUNG_SEEN,
                         .proof = CL_PROOF_ACK, .refuses = refuses, .ranges = {&range, 1});
    cl_session_check(m->session, m->core);
    return err;
}

static enum cl_err
settle(struct mesh *m, uint64_t holder, uint64_t batch)
{
    enum cl_err err = DO(m, SETTLE, settle, .holder = holder, .batch = batch,
                         .rung = CL_RUNG_DELIVERED, .proof = CL_PROOF_PONG);
    cl_session_check(m->session, m->core);
    return err;
}

static enum cl_err
lapse(struct mesh *m)
{
    enum cl_err err = DO(m, LAPSE, lapse, .due = m->now);
    cl_session_check(m->session, m->core);
    return err;
}

/* The last command told that so many ended, all of them so. */
static void
check_ended(const struct mesh *m, unsigned wanted, enum cl_outcome outcome)
{
    CHECK_INT(mesh_effects(m, CL_EFFECT_PASSED, NULL), wanted);
    for (size_t i = 0; i < m->effects.len; i++)
        if (m->effects.items[i].kind == CL_EFFECT_PASSED)
            CHECK_INT(m->effects.items[i].passed.outcome, outcome);
}

TEST(a_passing_message_is_handed_out_before_the_inbox_and_in_order)
{
    struct mesh m;
    begin(&m, CL_HOLDER_RANGED, '2');
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1);
    CHECK_OK(mesh_send_at(&m, CL_PRIORITY_URGENT, "b", "u"));
    CHECK_OK(pass(&m, "b", "3"));
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2 3 u"));
    CHECK_INT(m.batch.passing, 3);
    CHECK_INT(m.batch.bytes, 4);
    CHECK(m.batch.is_all);
    CHECK_INT(cl_batch_at(&m.batch, 1).priority, CL_LANE_PASSING);
    CHECK_INT(cl_batch_at(&m.batch, 1).first, 2);
    CHECK_INT(cl_batch_at(&m.batch, 1).last, 2);
    CHECK(m.batch.msgs[0]->number > m.batch.msgs[3]->number);
    CHECK(m.batch.msgs[1]->number > m.batch.msgs[0]->number); // the relay tells them apart by it
    CHECK_INT(cl_batch_at(&m.batch, 3).priority, CL_PRIORITY_URGENT);
    CHECK_INT(cl_batch_at(&m.batch, 3).first, 1);
    CHECK_INT(cl_session_leased(m.session), 4);
    CHECK_INT(cl_session_passing(m.session), 3);
    CHECK_STR(mesh_take(&m, 1), CL_STR(""));
    mesh_done(&m);
}

TEST(a_passing_message_is_as_its_sender_sent_it)
{
    struct mesh m;
    begin(&m, CL_HOLDER_SOCKET, '0');
    CHECK_OK(DO(&m, PASS, pass, .to = CL_STR("b"), .from = CL_STR("lab/anna"), .id = mesh_id(7),
                .re = mesh_id(6), .kind = CL_MSG_RESPONSE, .media = 3, .trust = CL_TRUST_GROUP,
                .expires = {m.now.ms + 5}));
    (void)mesh_take(&m, 1);
    const struct cl_msg *msg = m.batch.msgs[0];
    CHECK_STR(msg->to, CL_STR("b"));
    CHECK_STR(msg->from, CL_STR("lab/anna"));
    CHECK(cl_id_eq(msg->id, mesh_id(7)) && cl_id_eq(msg->re, mesh_id(6)));
    CHECK_INT(msg->kind, CL_MSG_RESPONSE);
    CHECK_INT(msg->media, 3);
    CHECK_INT(msg->trust, CL_TRUST_GROUP);
    CHECK_INT(msg->priority, CL_PRIORITY_NORMAL);
    CHECK_INT(msg->created.ms, m.now.ms);
    CHECK_INT(msg->expires.ms, m.now.ms + 5);
    CHECK(!cl_msg_is_counted(msg));
    mesh_done(&m);
}

TEST(a_proof_of_a_batch_ends_those_of_it_and_tells_their_sender)
{
    struct mesh m;
    begin(&m, CL_HOLDER_SOCKET, '2');
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2"));
    CHECK_OK(pass(&m, "b", "3"));
    CHECK_STR(mesh_take(&m, 1), CL_STR("3"));
    CHECK_OK(settle(&m, 1, 1));
    check_ended(&m, 2, CL_OUTCOME_NONE);
    const struct cl_effect *passed = mesh_effect(&m, CL_EFFECT_PASSED);
    CHECK_STR(passed->agent, CL_STR("b"));
    CHECK_INT(passed->passed.ticket, 101);
    CHECK(cl_id_eq(passed->passed.id, mesh_id(101)));
    CHECK_INT(passed->passed.rung, CL_RUNG_DELIVERED);
    CHECK_INT(passed->passed.proof, CL_PROOF_PONG);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_ACK, NULL), 0); // it is nothing to the journal
    CHECK_OK(settle(&m, 1, 1));
    CHECK_INT(m.effects.len, 0);
    CHECK_OK(settle(&m, 1, 2));
    check_ended(&m, 1, CL_OUTCOME_NONE);
    CHECK_INT(cl_session_passing(m.session), 0);
    CHECK_INT(cl_session_passing_bytes(m.session), 0);
    CHECK_INT(cl_session_leased(m.session), 0);
    CHECK_INT(cl_session_deadline(m.session).ms, INT64_MAX);
    mesh_done(&m);
}

TEST(one_proof_can_be_for_both_kinds)
{
    struct mesh m;
    begin(&m, CL_HOLDER_SOCKET, '1');
    CHECK_OK(mesh_send(&m, "a", "b", "2"));
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2"));
    CHECK_OK(settle(&m, 1, 1));
    check_ended(&m, 1, CL_OUTCOME_NONE);
    const struct cl_effect *ack = mesh_effect(&m, CL_EFFECT_ACK);
    CHECK_INT(ack->ack.ranges.len, 1);
    CHECK_INT(ack->ack.ranges.ptr[0].priority, CL_PRIORITY_NORMAL);
    CHECK_INT(cl_session_leased(m.session), 1); // it settles
    mesh_done(&m);
}

TEST(passing_messages_are_proven_and_refused_by_ranges)
{
    struct mesh m;
    begin(&m, CL_HOLDER_RANGED, '4');
    CHECK_OK(mesh_send_at(&m, CL_PRIORITY_URGENT, "b", "u")); // the same numbers, in another lane
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2 3 4 u"));
    CHECK_OK(settle_ranges(&m, passing(2, 3), false));
    check_ended(&m, 2, CL_OUTCOME_NONE);
    CHECK_INT(mesh_effect(&m, CL_EFFECT_PASSED)->passed.ticket, 102);
    CHECK_INT(mesh_effect(&m, CL_EFFECT_PASSED)->passed.rung, CL_RUNG_SEEN);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_ACK, NULL), 0);
    CHECK_OK(settle_ranges(&m, passing(4, 4), true));
    check_ended(&m, 1, CL_OUTCOME_REJECTED);
    CHECK_INT(mesh_effect(&m, CL_EFFECT_PASSED)->passed.ticket, 104);
    CHECK_OK(settle_ranges(&m, passing(4, 4), true)); // once is enough
    CHECK_INT(m.effects.len, 0);
    CHECK_OK(settle_ranges(&m, (struct cl_range){CL_PRIORITY_URGENT, 1, 9}, false));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_PASSED, NULL), 0);
    CHECK_INT(mesh_effect(&m, CL_EFFECT_ACK)->ack.batch, 1);
    CHECK_INT(cl_session_passing(m.session), 1);
    mesh_done(&m);
}

TEST(no_journal_hears_of_that_lane)
{
    struct mesh m;
    begin(&m, CL_HOLDER_RANGED, '1');
    struct cl_range range = passing(1, 1);
    CHECK_INT(
        DO(&m, ACK, ack, .agent = CL_STR("b"), .rung = CL_RUNG_DELIVERED, .ranges = {&range, 1}),
        CL_ERR_MALFORMED);
    CHECK_INT(DO(&m, REFUSE, refuse, .agent = CL_STR("b"), .ranges = {&range, 1}),
              CL_ERR_MALFORMED);
    range.priority++;
    CHECK_INT(settle_ranges(&m, range, false), CL_ERR_MALFORMED);
    mesh_done(&m);
}

TEST(what_a_connection_held_is_offered_again_in_its_old_place)
{
    struct mesh m;
    begin(&m, CL_HOLDER_RANGED, '4');
    struct cl_range some = passing(2, 3);
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2 3 4"));
    CHECK_OK(pass(&m, "b", "5"));
    CHECK_OK(DO(&m, RELEASE, release, .holder = 1, .ranges = {&some, 1}));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RELEASED, NULL), 0); // nobody counts
    CHECK_STR(mesh_take(&m, 1), CL_STR("2 3 5"));
    CHECK_INT(m.batch.numbers[0], 2);
    mesh_open(&m, "b", 2, CL_HOLDER_POLL);
    CHECK_OK(DO(&m, CLOSE, close, .holder = 1)); // it has them out of order
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1);
    cl_session_check(m.session, m.core);
    CHECK_STR(mesh_take(&m, 2), CL_STR("1 2 3 4 5"));
    CHECK_OK(DO(&m, RENEW, renew, .holder = 2, .until = {m.now.ms + 5}));
    m.now.ms += 5;
    CHECK_OK(lapse(&m));
    mesh_open(&m, "b", 3, CL_HOLDER_POLL);
    CHECK_STR(mesh_take(&m, 3), CL_STR("1 2 3 4 5"));
    mesh_done(&m);
}

TEST(a_newer_connection_begins_with_what_the_older_one_has_not_proven)
{
    struct mesh m;
    begin(&m, CL_HOLDER_RANGED, '2');
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2"));
    mesh_open(&m, "b", 2, CL_HOLDER_RANGED);
    CHECK_STR(mesh_take(&m, 1), CL_STR(""));
    CHECK_STR(mesh_take(&m, 2), CL_STR("1 2"));
    CHECK_OK(settle_ranges(&m, passing(1, 2), false)); // of the older one
    CHECK_INT(m.effects.len, 0);
    mesh_done(&m);
}

TEST(passing_messages_count_in_the_credit)
{
    struct mesh m;
    begin(&m, CL_HOLDER_SOCKET, '0');
    for (unsigned i = 0; i < CL_CREDIT_MESSAGES + 1; i++)
        CHECK_OK(pass(&m, "b", "x"));
    CHECK_OK(mesh_send(&m, "a", "b", "y"));
    (void)mesh_take(&m, 1);
    CHECK_INT(m.batch.len, CL_CREDIT_MESSAGES);
    CHECK(!m.batch.is_all);
    CHECK_INT(cl_session_receiver(m.session, CL_STR("b")), 0);
    CHECK_OK(settle(&m, 1, 1));
    check_ended(&m, CL_CREDIT_MESSAGES, CL_OUTCOME_NONE);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1);
    CHECK_STR(mesh_take(&m, 1), CL_STR("x y"));
    CHECK(m.batch.is_all);
    mesh_done(&m);
}

TEST(large_ones_use_up_the_bytes_of_a_credit)
{
    struct mesh m;
    struct cl_body *half = cl_body_new_blank(CL_CREDIT_BYTES / 2);
    begin(&m, CL_HOLDER_SOCKET, '0');
    CHECK(half != NULL);
    memset(half->bytes, 'x', half->len);
    for (unsigned i = 0; i < 3; i++)
        CHECK_OK(DO(&m, PASS, pass, .to = CL_STR("b"), .id = mesh_id(1), .expires = CL_TIME_NEVER,
                    .body = half));
    struct cl_batch batch;
    CHECK_OK(cl_session_take(m.session, m.core, 1, &batch));
    CHECK_INT(batch.len, 2);
    CHECK_INT(cl_session_receiver(m.session, CL_STR("b")), 0);
    cl_body_unref(half);
    mesh_done(&m);
}

TEST(a_passing_message_ends_when_its_time_is_over)
{
    struct mesh m;
    begin(&m, CL_HOLDER_RANGED, '1');
    int64_t end = m.now.ms + CL_PASS_LIFE_MS; // however long its sender wishes
    CHECK_INT(cl_session_deadline(m.session).ms, end);
    CHECK_OK(DO(&m, PASS, pass, .to = CL_STR("b"), .id = mesh_id(1), .expires = {m.now.ms + 9}));
    CHECK_INT(cl_session_deadline(m.session).ms, m.now.ms + 9);
    m.now.ms += 9;
    CHECK_OK(lapse(&m));
    check_ended(&m, 1, CL_OUTCOME_EXPIRED);
    CHECK_INT(mesh_effect(&m, CL_EFFECT_PASSED)->passed.ticket, 102);
    CHECK_STR(mesh_take(&m, 1), CL_STR("1"));
    m.now.ms = end - 1;
    CHECK_OK(lapse(&m));
    CHECK_INT(m.effects.len, 0);
    m.now.ms = end;
    CHECK_OK(lapse(&m)); // though it was taken
    check_ended(&m, 1, CL_OUTCOME_EXPIRED);
    CHECK_STR(mesh_effect(&m, CL_EFFECT_PASSED)->agent, CL_STR("b"));
    CHECK_INT(cl_session_leased(m.session), 0);
    CHECK_OK(settle_ranges(&m, passing(1, 2), false)); // too late
    CHECK_INT(m.effects.len, 0);
    CHECK_INT(DO(&m, PASS, pass, .to = CL_STR("b"), .id = mesh_id(1), .expires = m.now),
              CL_ERR_EXPIRED);
    CHECK_INT(DO(&m, PASS, pass, .to = CL_STR("b"), .expires = CL_TIME_NEVER), CL_ERR_MALFORMED);
    mesh_done(&m);
}

TEST(what_ends_gives_its_credit_back)
{
    struct mesh m;
    begin(&m, CL_HOLDER_SOCKET, '0');
    for (unsigned i = 0; i < CL_CREDIT_MESSAGES; i++)
        CHECK_OK(pass(&m, "b", "x"));
    CHECK_OK(mesh_send(&m, "a", "b", "y"));
    (void)mesh_take(&m, 1);
    CHECK_INT(m.batch.len, CL_CREDIT_MESSAGES);
    m.now.ms += CL_PASS_LIFE_MS;
    CHECK_OK(lapse(&m));
    check_ended(&m, CL_CREDIT_MESSAGES, CL_OUTCOME_EXPIRED);
    CHECK(mesh_effects(&m, CL_EFFECT_READY, "b") > 0);
    CHECK_STR(mesh_take(&m, 1), CL_STR("y"));
    mesh_done(&m);
}

TEST(nothing_passes_to_who_is_not_there)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_INT(pass(&m, "b", "1"), CL_ERR_NO_AGENT); // unknown
    mesh_register(&m, "b");
    CHECK(cl_session_is_there(m.session, m.core, CL_STR("b"), m.now));
    CHECK_OK(pass(&m, "b", "2")); // it will poll
    CHECK_INT(m.effects.len, 0);
    m.now.ms += CL_PASS_ABSENT_MS - 1;
    CHECK_OK(pass(&m, "b", "3"));
    m.now.ms++;
    CHECK(!cl_session_is_there(m.session, m.core, CL_STR("b"), m.now));
    CHECK_INT(pass(&m, "b", "4"), CL_ERR_NO_AGENT);
    CHECK_OK(DO(&m, HEARTBEAT, heartbeat, .agent = CL_STR("b")));
    CHECK_OK(pass(&m, "b", "4"));
    m.now.ms += CL_PASS_ABSENT_MS;
    mesh_open(&m, "b", 1, CL_HOLDER_POLL);
    m.now.ms += CL_PASS_ABSENT_MS;
    CHECK_OK(pass(&m, "b", "5")); // it waits with a long poll
    mesh_open(&m, "guest", 2, CL_HOLDER_SOCKET);
    m.now.ms += CL_PASS_ABSENT_MS;
    CHECK_OK(pass(&m, "guest", "6")); // not registered, but connected
    CHECK_STR(mesh_take(&m, 2), CL_STR("6"));
    CHECK_OK(DO(&m, CLOSE, close, .holder = 2));
    CHECK_INT(pass(&m, "guest", "7"), CL_ERR_NO_AGENT);
    CHECK_INT(cl_session_passing(m.session), 5); // the one for the guest waits for it
    m.now.ms += CL_PASS_LIFE_MS;
    CHECK_OK(lapse(&m));
    check_ended(&m, 5, CL_OUTCOME_EXPIRED);
    mesh_done(&m);
}

TEST(the_messages_of_one_agent_are_bounded)
{
    struct mesh m;
    begin(&m, CL_HOLDER_RANGED, '0');
    mesh_register(&m, "c");
    for (unsigned i = 0; i < CL_PASS_MESSAGES_MAX; i++)
        CHECK_OK(DO(&m, PASS, pass, .to = CL_STR("b"), .id = mesh_id(1), .expires = CL_TIME_NEVER));
    CHECK_INT(pass(&m, "b", "x"), CL_ERR_INBOX_FULL);
    CHECK_OK(pass(&m, "c", "x"));
    (void)mesh_take(&m, 1);
    CHECK_INT(pass(&m, "b", "x"), CL_ERR_INBOX_FULL); // what is out counts
    CHECK_OK(settle_ranges(&m, passing(1, 1), false));
    CHECK_OK(pass(&m, "b", "x"));
    CHECK_INT(pass(&m, "b", "x"), CL_ERR_INBOX_FULL);
    mesh_done(&m);
}

TEST(no_sender_fills_more_than_half)
{
    struct mesh m;
    begin(&m, CL_HOLDER_RANGED, '0');
    unsigned half = CL_PASS_MESSAGES_MAX / 2;
    for (unsigned i = 0; i < half; i++) {
        CHECK_OK(DO(&m, PASS, pass, .to = CL_STR("b"), .id = mesh_id(1), .expires = CL_TIME_NEVER,
                    .from = i % 2 == 0 ? CL_STR("a/x") : CL_STR("a/y")));
        if (i == half / 2)
            (void)mesh_take(&m, 1); // what is out counts
    }
    CHECK_INT(DO(&m, PASS, pass, .to = CL_STR("b"), .id = mesh_id(1), .expires = CL_TIME_NEVER,
                 .from = CL_STR("a/z")),
              CL_ERR_FAIR_SHARE);
    CHECK_OK(DO(&m, PASS, pass, .to = CL_STR("b"), .id = mesh_id(1), .expires = CL_TIME_NEVER,
                .from = CL_STR("ab/z")));
    CHECK_OK(settle_ranges(&m, passing(1, 1), false));
    CHECK_OK(DO(&m, PASS, pass, .to = CL_STR("b"), .id = mesh_id(1), .expires = CL_TIME_NEVER,
                .from = CL_STR("a/z")));
    mesh_done(&m);
}

TEST(the_bytes_of_one_agent_and_of_all_are_bounded)
{
    struct mesh m;
    char id[] = "A";
    struct cl_body *body = cl_body_new_blank(CL_MIB);
    begin(&m, CL_HOLDER_POLL, '0');
    CHECK(body != NULL);
    memset(body->bytes, 'x', body->len);
    /* Three fit: each costs a little more than its body. */
    unsigned agents = CL_PASS_ALL_BYTES_MAX / CL_MIB / 3;
    for (unsigned i = 0; i < agents; i++) {
        id[0] = (char)('A' + i);
        mesh_register(&m, id);
        for (unsigned j = 0; j < 3; j++)
            CHECK_OK(DO(&m, PASS, pass, .to = cl_str_z(id), .id = mesh_id(1),
                        .expires = CL_TIME_NEVER, .body = body));
        CHECK_INT(DO(&m, PASS, pass, .to = cl_str_z(id), .id = mesh_id(1), .expires = CL_TIME_NEVER,
                     .body = body),
                  CL_ERR_INBOX_FULL);
    }
    cl_session_check(m.session, m.core);
    CHECK_INT(DO(&m, PASS, pass, .to = CL_STR("b"), .id = mesh_id(1), .expires = CL_TIME_NEVER,
                 .body = body),
              CL_ERR_FULL);
    CHECK_OK(pass(&m, "b", "a small one"));
    CHECK_INT(cl_session_passing(m.session), 3 * agents + 1);
    m.now.ms += CL_PASS_LIFE_MS;
    CHECK_OK(lapse(&m));
    CHECK_INT(body->refs, 1);
    cl_body_unref(body);
    mesh_done(&m);
}

TEST(a_body_goes_when_its_message_ends)
{
    struct mesh m;
    struct cl_body *body = cl_body_new(CL_STR("secret"));
    begin(&m, CL_HOLDER_RANGED, '0');
    CHECK(body != NULL);
    for (unsigned i = 0; i < 4; i++)
        CHECK_OK(DO(&m, PASS, pass, .to = CL_STR("b"), .id = mesh_id(1), .expires = CL_TIME_NEVER,
                    .body = body));
    CHECK_INT(body->refs, 5);
    (void)mesh_take(&m, 1);
    CHECK_OK(settle_ranges(&m, passing(1, 1), false));
    CHECK_INT(body->refs, 4); // though the effects still name the rest
    CHECK_OK(settle_ranges(&m, passing(2, 2), true));
    CHECK_INT(body->refs, 3);
    m.now.ms += CL_PASS_LIFE_MS;
    CHECK_OK(lapse(&m));
    CHECK_INT(body->refs, 1);
    CHECK_OK(DO(&m, PASS, pass, .to = CL_STR("b"), .id = mesh_id(1), .expires = CL_TIME_NEVER,
                .body = body));
    (void)mesh_take(&m, 1);
    CHECK_OK(DO(&m, PASS, pass, .to = CL_STR("b"), .id = mesh_id(1), .expires = CL_TIME_NEVER,
                .body = body));
    mesh_done(&m); // and with the session
    CHECK_INT(body->refs, 1);
    cl_body_unref(body);
}

TEST(a_forgotten_agent_without_a_connection_gets_nothing_any_more)
{
    struct mesh m;
    begin(&m, CL_HOLDER_RANGED, '2');
    CHECK_STR(mesh_take(&m, 1), CL_STR("1 2"));
    CHECK_OK(pass(&m, "b", "3"));
    CHECK_OK(DO(&m, FORGOTTEN, forgotten, .agent = CL_STR("b"))); // it is here
    CHECK_INT(mesh_effects(&m, CL_EFFECT_PASSED, NULL), 0);
    cl_session_check(m.session, m.core);
    CHECK_OK(settle_ranges(&m, passing(1, 1), false));
    check_ended(&m, 1, CL_OUTCOME_NONE);
    CHECK_OK(DO(&m, CLOSE, close, .holder = 1));
    CHECK_OK(DO(&m, FORGOTTEN, forgotten, .agent = CL_STR("b")));
    check_ended(&m, 2, CL_OUTCOME_DEAD);
    CHECK_STR(mesh_effect(&m, CL_EFFECT_PASSED)->agent, CL_STR("b"));
    CHECK_INT(mesh_effect(&m, CL_EFFECT_PASSED)->passed.ticket, 102);
    CHECK_INT(cl_session_passing(m.session), 0);
    mesh_done(&m);
}

TEST(leases_of_a_forgotten_agent_give_credit_to_what_passes)
{
    struct mesh m;
    begin(&m, CL_HOLDER_SOCKET, '0');
    for (unsigned i = 0; i < CL_CREDIT_MESSAGES - 1; i++)
        CHECK_OK(mesh_send(&m, "a", "b", "x"));
    CHECK_OK(pass(&m, "b", "1"));
    (void)mesh_take(&m, 1);
    CHECK_INT(m.batch.len, CL_CREDIT_MESSAGES);
    CHECK_OK(pass(&m, "b", "2"));
    CHECK_OK(mesh_ack(&m, "b", 1, CL_CREDIT_MESSAGES - 1));
    CHECK_OK(DO(&m, FORGOTTEN, forgotten, .agent = CL_STR("b")));
    cl_session_check(m.session, m.core);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1);
    CHECK_STR(mesh_take(&m, 1), CL_STR("2"));
    CHECK_OK(settle(&m, 1, 2));
    check_ended(&m, 2, CL_OUTCOME_NONE);
    mesh_done(&m);
}

/* Passes 40, takes them, and proves them; the first error. */
static enum cl_err
pass_and_prove(struct mesh *m, struct cl_session *session)
{
    struct cl_effects effects = {0};
    struct cl_range all = passing(1, UINT64_MAX);
    struct cl_command open = {
        .kind = CL_COMMAND_OPEN,
        .open = {.agent = CL_STR("b"), .holder = 1, .kind = CL_HOLDER_RANGED}};
    struct cl_command draft = {
        .kind = CL_COMMAND_PASS,
        .time = m->now,
        .pass = {.to = CL_STR("b"), .id = mesh_id(1), .expires = CL_TIME_NEVER}};
    struct cl_command proof = {
        .kind = CL_COMMAND_SETTLE_RANGES,
        .settle_ranges = {.holder = 1, .rung = CL_RUNG_SEEN, .ranges = {&all, 1}}};
    enum cl_err err = cl_session_apply(session, m->core, &open, &effects);
    uint64_t passed = 0;
    while (passed < 40 && err == CL_OK) {
        err = cl_session_apply(session, m->core, &draft, &effects);
        cl_effects_clear(&effects);
        passed += err == CL_OK;
    }
    cl_session_check(session, m->core);
    CHECK_INT(cl_session_passing(session), passed);
    if (err == CL_OK)
        err = cl_session_take(session, m->core, 1, &m->batch);
    if (err == CL_OK) {
        err = cl_session_apply(session, m->core, &proof, &effects);
        CHECK_INT(cl_session_passing(session), err == CL_OK ? 0 : 40);
    }
    cl_session_check(session, m->core);
    cl_effects_done(&effects);
    return err;
}

TEST(without_memory_nothing_passes_and_nothing_is_lost)
{
    struct mesh m;
    begin(&m, CL_HOLDER_RANGED, '0');
    FOR_EACH_FAULT
    {
        struct cl_session *session = cl_session_new(&test_key);
        enum cl_err err = session == NULL ? CL_ERR_NO_MEMORY : pass_and_prove(&m, session);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        cl_session_free(session);
    }
    mesh_done(&m);
}
