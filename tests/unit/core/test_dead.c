// SPDX-License-Identifier: MIT
#include "core/state.h"
#include "support/test.h"
#include "unit/core/mesh.h"

static const struct cl_dead *
dead_of(const struct mesh *m, uint64_t number)
{
    const struct cl_dead *dead = cl_core_dead(m->core, mesh_id(number));
    CHECK(dead != NULL);
    return dead;
}

static enum cl_err
refuse(struct mesh *m, const char *agent, uint64_t seq, const char *reason)
{
    struct cl_range range = {CL_PRIORITY_NORMAL, seq, seq};
    return DO(m, REFUSE, refuse, .agent = cl_str_z(agent), .reason = cl_str_z(reason),
              .ranges = {&range, 1});
}

static enum cl_err
released(struct mesh *m, const char *agent, uint64_t first, uint64_t last)
{
    struct cl_range range = {CL_PRIORITY_NORMAL, first, last};
    return DO(m, RELEASED, released, .agent = cl_str_z(agent), .ranges = {&range, 1});
}

static enum cl_err
retry(struct mesh *m, const char *agent, uint64_t number)
{
    return DO(m, DEAD_RETRY, dead_retry, .agent = cl_str_z(agent), .id = mesh_id(number),
              .expires = CL_TIME_NEVER);
}

static void
expire_all(struct mesh *m)
{
    m->now.ms += CL_MESSAGE_LIFE_MS;
    CHECK_OK(DO(m, TICK, tick, .due = m->now));
}

TEST(a_refused_message_is_a_dead_letter_and_its_sender_is_told)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(mesh_track(&m, "a", "b", 1));
    m.now.ms += 3;
    CHECK_OK(refuse(&m, "b", mesh_first(&m, "b"), "not my job"));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RECEIPT, "a"), 1);
    CHECK_INT(mesh_receipt(&m, 1)->outcome, CL_OUTCOME_REJECTED);
    CHECK_STR(cl_receipt_reason(mesh_receipt(&m, 1)), CL_STR("not my job"));
    CHECK_STR(cl_receipt_judge(mesh_receipt(&m, 1)), CL_STR("b"));
    CHECK_INT(dead_of(&m, 1)->cause, CL_CAUSE_REFUSED);
    CHECK_STR(cl_dead_reason(dead_of(&m, 1)), CL_STR("not my job"));
    CHECK_INT(dead_of(&m, 1)->at.ms, m.now.ms);
    CHECK_INT(cl_core_stats(m.core).waiting, 0);
    CHECK_INT(cl_core_stats(m.core).inbox_bytes, 0);
    CHECK_INT(cl_core_stats(m.core).dead_bytes, cl_msg_cost(dead_of(&m, 1)->msg));
    CHECK_INT(cl_core_agent(m.core, CL_STR("b"))->proven.ms, m.now.ms);
    mesh_done(&m);
}

TEST(only_one_message_that_waits_can_be_refused)
{
    struct mesh m;
    struct cl_range two = {CL_PRIORITY_NORMAL, 1, 2};
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(mesh_send(&m, "a", "b", "x"));
    uint64_t seq = mesh_first(&m, "b");
    CHECK_INT(refuse(&m, "nobody", seq, ""), CL_ERR_NO_AGENT);
    CHECK_INT(refuse(&m, "b", seq + 1, ""), CL_ERR_NOT_FOUND);
    CHECK_INT(DO(&m, REFUSE, refuse, .agent = CL_STR("b"), .ranges = {&two, 1}), CL_ERR_MALFORMED);
    CHECK_OK(refuse(&m, "b", seq, ""));
    CHECK_INT(refuse(&m, "b", seq, ""), CL_ERR_NOT_FOUND);
    mesh_done(&m);
}

TEST(a_message_without_an_id_of_its_own_is_no_dead_letter)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_send(&m, "a", "b", "x"));
    CHECK_OK(refuse(&m, "b", mesh_first(&m, "b"), ""));
    CHECK_INT(cl_core_stats(m.core).dead, 0);
    mesh_done(&m);
}

TEST(expired_messages_are_dead_letters_of_whatever_protocol)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    struct cl_body *body = cl_body_new(CL_STR("do it"));
    CHECK_OK(mesh_send_fields(
        &m, (struct cl_command_send){
                .from = CL_STR("a"), .to = CL_STR("b"), .id = mesh_id(1), .body = body}));
    cl_body_unref(body);
    m.now.ms += 5;
    CHECK_OK(mesh_publish(&m, "a", "news"));
    expire_all(&m);
    CHECK_INT(cl_core_stats(m.core).dead, 1);
    CHECK_STR(cl_dead_reason(dead_of(&m, 1)), CL_STR("expired"));
    CHECK_STR(cl_body_str(dead_of(&m, 1)->msg->body), CL_STR("do it"));
    CHECK(cl_core_dead_next(m.core, NULL) == dead_of(&m, 1));
    CHECK(cl_core_dead_next(m.core, dead_of(&m, 1)) == NULL);
    CHECK(cl_core_dead_before(m.core, NULL) == dead_of(&m, 1));
    CHECK(cl_core_dead_before(m.core, dead_of(&m, 1)) == NULL);
    mesh_done(&m);
}

TEST(what_an_orphan_leaves_are_dead_letters)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_track(&m, "a", "nobody", 1));
    m.now.ms += CL_ORPHAN_LIFE_MS;
    CHECK_OK(DO(&m, TICK, tick, .due = m.now));
    CHECK_STR(cl_dead_reason(dead_of(&m, 1)), CL_STR("unclaimed"));
    CHECK_INT(mesh_receipt(&m, 1)->outcome, CL_OUTCOME_DEAD);
    CHECK_OK(retry(&m, "a", 1)); // an orphan again
    CHECK_INT(cl_core_stats(m.core).orphans, 1);
    mesh_done(&m);
}

TEST(a_message_given_back_too_often_is_dead)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(mesh_send_fields(&m, (struct cl_command_send){.from = CL_STR("a"),
                                                           .to = CL_STR("b"),
                                                           .id = mesh_id(1),
                                                           .stream = 1,
                                                           .flags = CL_MSG_TRACKED,
                                                           .attempts_max = 2}));
    CHECK_OK(mesh_track(&m, "a", "b", 2)); // any number of attempts
    CHECK_OK(mesh_send(&m, "a", "b", "v1"));
    uint64_t seq = mesh_first(&m, "b");
    CHECK_OK(released(&m, "b", seq, seq + 9));
    CHECK_INT(
        cl_inbox_at(&cl_core_agent(m.core, CL_STR("b"))->inbox, CL_PRIORITY_NORMAL, seq)->attempts,
        1);
    CHECK_INT(mesh_notes(&m, CL_NOTE_MESSAGES_DEAD, NULL), 0);
    CHECK_OK(released(&m, "b", seq, seq + 9));
    CHECK_INT(mesh_note(&m, CL_NOTE_MESSAGES_DEAD)->note.number, 1);
    CHECK_INT(mesh_receipt(&m, 1)->outcome, CL_OUTCOME_DEAD);
    CHECK_STR(cl_receipt_reason(mesh_receipt(&m, 1)), CL_STR("attempts"));
    CHECK_STR(cl_dead_reason(dead_of(&m, 1)), CL_STR("attempts"));
    CHECK_INT(cl_core_agent(m.core, CL_STR("b"))->inbox.count, 2);
    CHECK_INT(cl_inbox_at(&cl_core_agent(m.core, CL_STR("b"))->inbox, CL_PRIORITY_NORMAL, seq + 2)
                  ->attempts,
              0); // nobody asked to count
    CHECK_INT(released(&m, "nobody", 1, 1), CL_ERR_NO_AGENT);
    mesh_done(&m);
}

TEST(a_dead_letter_that_is_tried_again_is_new_in_the_queue)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(mesh_send_fields(&m, (struct cl_command_send){.from = CL_STR("a"),
                                                           .to = CL_STR("b"),
                                                           .id = mesh_id(1),
                                                           .stream = 1,
                                                           .flags = CL_MSG_TRACKED,
                                                           .attempts_max = 1}));
    uint64_t seq = mesh_first(&m, "b");
    CHECK_OK(released(&m, "b", seq, seq));
    CHECK_INT(retry(&m, "c", 1), CL_ERR_FORBIDDEN);
    CHECK_INT(retry(&m, "a", 2), CL_ERR_NOT_FOUND);
    CHECK_INT(DO(&m, DEAD_RETRY, dead_retry, .id = mesh_id(1), .expires = m.now), CL_ERR_EXPIRED);
    m.now.ms += 5;
    CHECK_OK(retry(&m, "b", 1));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RECEIPT, "a"), 1);
    CHECK_INT(mesh_first(&m, "b"), seq + 1);
    CHECK(cl_core_dead(m.core, mesh_id(1)) == NULL);
    CHECK_INT(mesh_receipt(&m, 1)->outcome, CL_OUTCOME_NONE);
    CHECK_STR(cl_receipt_reason(mesh_receipt(&m, 1)), CL_STR(""));
    const struct cl_msg *msg = mesh_receipt(&m, 1)->msg;
    CHECK_INT(msg->attempts, 0);
    CHECK_INT(msg->created.ms, m.now.ms);
    CHECK_INT(msg->expires.ms, m.now.ms + CL_MESSAGE_LIFE_MS);
    CHECK_OK(mesh_ack(&m, "b", seq + 1, seq + 1));
    CHECK_INT(mesh_receipt(&m, 1)->rung, CL_RUNG_DELIVERED);
    mesh_done(&m);
}

TEST(a_dead_letter_may_be_dropped_by_those_whom_it_concerns)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    for (uint64_t i = 1; i <= 3; i++) {
        CHECK_OK(mesh_track(&m, "a", "b", i));
        CHECK_OK(refuse(&m, "b", mesh_first(&m, "b"), ""));
    }
    CHECK_INT(DO(&m, DEAD_DROP, dead_drop, .agent = CL_STR("c"), .id = mesh_id(1)),
              CL_ERR_FORBIDDEN);
    CHECK_OK(DO(&m, DEAD_DROP, dead_drop, .agent = CL_STR("a"), .id = mesh_id(1)));
    CHECK_OK(DO(&m, DEAD_DROP, dead_drop, .agent = CL_STR("b"), .id = mesh_id(2)));
    CHECK_OK(DO(&m, DEAD_DROP, dead_drop, .id = mesh_id(3))); // the administrator
    CHECK_INT(DO(&m, DEAD_DROP, dead_drop, .id = mesh_id(3)), CL_ERR_NOT_FOUND);
    CHECK_INT(cl_core_stats(m.core).dead, 0);
    CHECK_INT(cl_core_stats(m.core).dead_bytes, 0);
    CHECK_INT(mesh_receipt(&m, 3)->outcome, CL_OUTCOME_REJECTED);
    mesh_done(&m);
}

TEST(a_retry_needs_room_as_a_send_does)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(mesh_track(&m, "a", "b", 1));
    CHECK_OK(refuse(&m, "b", mesh_first(&m, "b"), ""));
    struct cl_command_relay_up limits = m.core->limits;
    limits.inbox_messages_max = 0;
    mesh_limit(&m, limits);
    CHECK_INT(retry(&m, "a", 1), CL_ERR_INBOX_FULL);
    limits.inbox_messages_max = 1;
    limits.inboxes_bytes_max = 1;
    mesh_limit(&m, limits);
    CHECK_INT(retry(&m, "a", 1), CL_ERR_FULL);
    CHECK_INT(cl_core_stats(m.core).dead, 1);
    mesh_done(&m);
}

TEST(one_whose_recipient_said_how_it_ended_is_no_dead_letter)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(mesh_track(&m, "a", "b", 1));
    CHECK_OK(DO(&m, REPORT, report, .agent = CL_STR("b"), .id = mesh_id(1),
                .outcome = CL_OUTCOME_COMPLETED));
    expire_all(&m);
    CHECK_INT(mesh_receipt(&m, 1)->outcome, CL_OUTCOME_COMPLETED);
    CHECK_INT(cl_core_stats(m.core).dead, 0);
    mesh_done(&m);
}

TEST(past_their_bytes_the_oldest_dead_letters_go)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    uint64_t cost = cl_msg_cost_of(CL_STR("a"), CL_STR("b"), CL_STR(""), NULL);
    struct cl_command_relay_up limits = m.core->limits;
    limits.dead_bytes_max = 2 * cost;
    mesh_limit(&m, limits);
    for (uint64_t i = 1; i <= 3; i++) {
        CHECK_OK(mesh_track(&m, "a", "b", i));
        CHECK_OK(refuse(&m, "b", mesh_first(&m, "b"), ""));
    }
    CHECK(cl_core_dead(m.core, mesh_id(1)) == NULL);
    CHECK_INT(cl_core_stats(m.core).dead_bytes, 2 * cost);
    limits.dead_bytes_max = cost - 1;
    mesh_limit(&m, limits);
    CHECK_INT(cl_core_stats(m.core).dead, 0); // a lower limit holds at once
    CHECK_OK(mesh_track(&m, "a", "b", 4));
    CHECK_OK(refuse(&m, "b", mesh_first(&m, "b"), "")); // no room for it at all
    CHECK(cl_core_dead(m.core, mesh_id(4)) == NULL);
    CHECK_INT(mesh_receipt(&m, 4)->outcome, CL_OUTCOME_REJECTED);
    mesh_done(&m);
}

TEST(a_dead_letter_is_kept_for_seven_days_and_so_is_its_receipt)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(mesh_track(&m, "a", "b", 1));
    expire_all(&m);
    m.now.ms += CL_DEAD_LIFE_MS - 1;
    if (cl_core_deadline(m.core).ms <= m.now.ms)
        CHECK_OK(DO(&m, TICK, tick, .due = m.now));
    CHECK(dead_of(&m, 1)->msg->receipt == mesh_receipt(&m, 1));
    m.now.ms += 1000;
    CHECK_OK(DO(&m, TICK, tick, .due = m.now));
    CHECK_INT(cl_core_stats(m.core).dead, 0);
    CHECK_INT(cl_core_stats(m.core).receipts, 0);
    mesh_done(&m);
}

TEST(of_two_dead_letters_with_one_id_the_newer_is_kept)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(mesh_send_fields(&m, (struct cl_command_send){.from = CL_STR("a"),
                                                               .to = CL_STR("b"),
                                                               .id = mesh_id(1),
                                                               .media = (uint8_t)i}));
        CHECK_OK(refuse(&m, "b", mesh_first(&m, "b"), ""));
    }
    CHECK_INT(cl_core_stats(m.core).dead, 1);
    CHECK_INT(dead_of(&m, 1)->msg->media, 1);
    mesh_done(&m);
}

TEST(every_broken_invariant_of_dead_letters_is_seen)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(mesh_track(&m, "a", "b", 1));
    CHECK_OK(refuse(&m, "b", mesh_first(&m, "b"), ""));
    struct cl_dead *dead = cl_dead_of(m.core, mesh_id(1));
    dead->at.ms += 1;
    CHECK(cl_state_fault(m.core) != NULL);
    dead->at.ms -= 1;
    dead->cause = CL_CAUSE_NONE;
    CHECK(cl_state_fault(m.core) != NULL);
    dead->cause = CL_CAUSE_REFUSED;
    m.core->deads.bytes++;
    CHECK(cl_state_fault(m.core) != NULL);
    m.core->deads.bytes--;
    dead->msg->refs++;
    CHECK(cl_state_fault(m.core) != NULL);
    dead->msg->refs--;
    CHECK(cl_state_fault(m.core) == NULL);
    mesh_done(&m);
}
