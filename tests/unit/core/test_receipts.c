// SPDX-License-Identifier: MIT
#include "core/state.h"
#include "support/test.h"
#include "unit/core/mesh.h"

static enum cl_err
report(struct mesh *m, const char *agent, uint64_t number, enum cl_rung rung,
       enum cl_outcome outcome)
{
    return DO(m, REPORT, report, .agent = cl_str_z(agent), .id = mesh_id(number),
              .rung = (uint8_t)rung, .outcome = (uint8_t)outcome, .proof = CL_PROOF_TRANSCRIPT,
              .reason = outcome == CL_OUTCOME_FAILED ? CL_STR("no disk") : CL_STR(""));
}

static enum cl_err
ack_first(struct mesh *m, const char *agent, enum cl_rung rung, enum cl_proof proof)
{
    struct cl_range range = {CL_PRIORITY_NORMAL, mesh_first(m, agent), mesh_first(m, agent)};
    return DO(m, ACK, ack, .agent = cl_str_z(agent), .rung = (uint8_t)rung, .proof = (uint8_t)proof,
              .ranges = {&range, 1});
}

TEST(a_receipt_tells_each_rung_with_its_time_author_and_proof)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_track(&m, "a", "b", 1));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RECEIPT, NULL), 0); // the reply says as much
    const struct cl_receipt *receipt = mesh_receipt(&m, 1);
    int64_t sent = m.now.ms;
    CHECK_INT(receipt->rung, CL_RUNG_ACCEPTED);
    CHECK_INT(receipt->rungs[CL_RUNG_ACCEPTED].proof, CL_PROOF_COMMIT);
    CHECK_STR(cl_receipt_author(receipt, CL_RUNG_ACCEPTED), CL_STR(""));
    m.now.ms += 5;
    CHECK_OK(ack_first(&m, "b", CL_RUNG_DELIVERED, CL_PROOF_SPOOL));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RECEIPT, "a"), 1);
    m.now.ms += 5;
    CHECK_OK(report(&m, "b", 1, CL_RUNG_SEEN, CL_OUTCOME_NONE));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RECEIPT, "a"), 1);
    receipt = mesh_receipt(&m, 1);
    CHECK_INT(receipt->rung, CL_RUNG_SEEN);
    CHECK_INT(receipt->rungs[CL_RUNG_ACCEPTED].at.ms, sent);
    CHECK_INT(receipt->rungs[CL_RUNG_DELIVERED].at.ms, sent + 5);
    CHECK_INT(receipt->rungs[CL_RUNG_DELIVERED].proof, CL_PROOF_SPOOL);
    CHECK(!cl_receipt_has_reached(receipt, CL_RUNG_INJECTED)); // nobody proved it
    CHECK_INT(receipt->rungs[CL_RUNG_SEEN].at.ms, sent + 10);
    CHECK_STR(cl_receipt_author(receipt, CL_RUNG_SEEN), CL_STR("b"));
    CHECK_OK(report(&m, "b", 1, CL_RUNG_DELIVERED, CL_OUTCOME_NONE)); // known already
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RECEIPT, NULL), 0);
    CHECK_INT(mesh_receipt(&m, 1)->rung, CL_RUNG_SEEN);
    mesh_done(&m);
}

TEST(the_first_outcome_stays_with_its_judge_and_reason)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_track(&m, "a", "b", 1));
    CHECK_OK(report(&m, "b", 1, CL_RUNG_IN_PROGRESS, CL_OUTCOME_FAILED)); // it still has it
    const struct cl_receipt *receipt = mesh_receipt(&m, 1);
    CHECK_INT(receipt->outcome, CL_OUTCOME_FAILED);
    CHECK_STR(cl_receipt_reason(receipt), CL_STR("no disk"));
    CHECK_STR(cl_receipt_judge(receipt), CL_STR("b"));
    CHECK_OK(report(&m, "b", 1, CL_RUNG_ACCEPTED, CL_OUTCOME_COMPLETED));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RECEIPT, NULL), 0);
    CHECK_INT(mesh_receipt(&m, 1)->outcome, CL_OUTCOME_FAILED);
    CHECK_OK(ack_first(&m, "b", CL_RUNG_DELIVERED, CL_PROOF_ACK));
    CHECK_INT(mesh_receipt(&m, 1)->rung, CL_RUNG_IN_PROGRESS);
    mesh_done(&m);
}

TEST(only_the_recipient_may_report)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_track(&m, "a", "b", 1));
    CHECK_OK(mesh_send(&m, "a", "b", "untracked"));
    CHECK_INT(report(&m, "c", 1, CL_RUNG_SEEN, CL_OUTCOME_NONE), CL_ERR_FORBIDDEN);
    CHECK_INT(report(&m, "a", 1, CL_RUNG_SEEN, CL_OUTCOME_NONE), CL_ERR_FORBIDDEN);
    CHECK_INT(report(&m, "b", 2, CL_RUNG_SEEN, CL_OUTCOME_NONE), CL_ERR_NOT_FOUND);
    CHECK_INT(report(&m, "b", 0, CL_RUNG_SEEN, CL_OUTCOME_NONE), CL_ERR_NOT_FOUND);
    CHECK_INT(report(&m, "b", 1, CL_RUNG_ACCEPTED, CL_OUTCOME_NONE), CL_ERR_MALFORMED);
    CHECK_INT(report(&m, "b", 1, CL_RUNG_SEEN, CL_OUTCOME_EXPIRED), CL_ERR_MALFORMED);
    CHECK_INT(mesh_receipt(&m, 1)->rung, CL_RUNG_ACCEPTED);
    mesh_done(&m);
}

TEST(an_answer_says_how_far_its_question_got)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_track(&m, "a", "b", 1));
    CHECK_OK(ack_first(&m, "b", CL_RUNG_DELIVERED, CL_PROOF_ACK));
    struct cl_command_send answer = {.from = CL_STR("c"),
                                     .to = CL_STR("a"),
                                     .re = mesh_id(1),
                                     .re_rung = CL_RUNG_IN_PROGRESS,
                                     .re_outcome = CL_OUTCOME_COMPLETED};
    CHECK_OK(mesh_send_fields(&m, answer)); // it was not for c: its word counts for nothing
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RECEIPT, NULL), 0);
    answer.from = CL_STR("b");
    CHECK_OK(mesh_send_fields(&m, answer));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RECEIPT, "a"), 1);
    CHECK_INT(mesh_receipt(&m, 1)->rung, CL_RUNG_IN_PROGRESS);
    CHECK_INT(mesh_receipt(&m, 1)->outcome, CL_OUTCOME_COMPLETED);
    mesh_done(&m);
}

TEST(one_effect_tells_a_sender_of_all_that_a_command_changed)
{
    struct mesh m;
    mesh_init(&m);
    for (uint64_t i = 1; i <= 5; i++)
        CHECK_OK(mesh_track(&m, i == 3 ? "c" : "a", "b", i));
    uint64_t first = mesh_first(&m, "b");
    CHECK_OK(mesh_ack(&m, "b", first, first + 4));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RECEIPT, "a"), 1);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RECEIPT, "c"), 1);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RECEIPT, NULL), 2);
    mesh_done(&m);
}

TEST(what_changed_since_a_version_comes_in_order)
{
    struct mesh m;
    mesh_init(&m);
    for (uint64_t i = 1; i <= 3; i++)
        CHECK_OK(mesh_track(&m, "a", "b", i));
    uint64_t seen = cl_core_receipts_version(m.core);
    CHECK(cl_core_receipts(m.core, CL_STR("a"), seen) == NULL);
    CHECK(cl_core_receipts(m.core, CL_STR("nobody"), 0) == NULL);
    CHECK_OK(report(&m, "b", 2, CL_RUNG_SEEN, CL_OUTCOME_NONE));
    CHECK_OK(report(&m, "b", 1, CL_RUNG_SEEN, CL_OUTCOME_NONE));
    const struct cl_receipt *receipt = cl_core_receipts(m.core, CL_STR("a"), seen);
    CHECK(receipt == mesh_receipt(&m, 2));
    CHECK(receipt->version > seen);
    receipt = cl_core_receipts_next(receipt);
    CHECK(receipt == mesh_receipt(&m, 1));
    CHECK(cl_core_receipts_next(receipt) == NULL);
    CHECK(cl_core_receipts(m.core, CL_STR("a"), 0) == mesh_receipt(&m, 3)); // unchanged: oldest
    mesh_done(&m);
}

TEST(a_receipt_outlives_its_message_by_a_day)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_track(&m, "a", "b", 1));
    CHECK_OK(ack_first(&m, "b", CL_RUNG_DELIVERED, CL_PROOF_ACK));
    m.now.ms += CL_MESSAGE_LIFE_MS + CL_RECEIPT_KEPT_MS - 1000;
    CHECK_INT(DO(&m, TICK, tick, .due = m.now), CL_ERR_STALE);
    CHECK(cl_core_receipt(m.core, mesh_id(1)) != NULL);
    m.now.ms += 1000;
    CHECK_OK(DO(&m, TICK, tick, .due = m.now));
    CHECK(cl_core_receipt(m.core, mesh_id(1)) == NULL);
    CHECK_INT(cl_core_stats(m.core).receipts, 0);
    mesh_done(&m);
}

TEST(a_receipt_is_found_by_as_much_of_its_id_as_v1_shows)
{
    const uint64_t alike = 5 | 1ull << 48; // in the first six bytes
    struct mesh m;
    mesh_init(&m);
    CHECK(cl_core_receipt_by_short(m.core, mesh_id(5)) == NULL);
    CHECK_OK(mesh_track(&m, "a", "b", 5));
    CHECK(cl_core_receipt_by_short(m.core, mesh_id(alike)) == mesh_receipt(&m, 5));
    CHECK_OK(mesh_track(&m, "a", "b", alike));
    CHECK(cl_core_receipt_by_short(m.core, mesh_id(alike)) == mesh_receipt(&m, 5));
    CHECK(cl_core_receipt_by_short(m.core, mesh_id(6)) == NULL);
    CHECK_OK(ack_first(&m, "b", CL_RUNG_DELIVERED, CL_PROOF_ACK));
    CHECK_OK(ack_first(&m, "b", CL_RUNG_DELIVERED, CL_PROOF_ACK));
    m.now.ms += CL_MESSAGE_LIFE_MS + CL_RECEIPT_KEPT_MS;
    CHECK_OK(DO(&m, TICK, tick, .due = m.now));
    CHECK(cl_core_receipt_by_short(m.core, mesh_id(5)) == NULL);
    mesh_done(&m);
}

TEST(an_expired_message_says_so_in_its_receipt)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_send_fields(&m, (struct cl_command_send){.from = CL_STR("a"),
                                                           .to = CL_STR("b"),
                                                           .id = mesh_id(1),
                                                           .stream = 1,
                                                           .flags = CL_MSG_TRACKED,
                                                           .expires = {m.now.ms + 10}}));
    m.now.ms += 1000;
    CHECK_OK(DO(&m, TICK, tick, .due = m.now));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_RECEIPT, "a"), 1);
    const struct cl_receipt *receipt = mesh_receipt(&m, 1);
    CHECK_INT(receipt->outcome, CL_OUTCOME_EXPIRED);
    CHECK_STR(cl_receipt_reason(receipt), CL_STR("expired"));
    CHECK_STR(cl_receipt_judge(receipt), CL_STR(""));
    CHECK_INT(receipt->rung, CL_RUNG_ACCEPTED);
    mesh_done(&m);
}

TEST(past_the_bounds_the_oldest_news_goes_then_the_oldest)
{
    struct mesh m;
    mesh_init(&m);
    struct cl_command_relay_up limits = m.core->limits;
    limits.receipts_max = 3;
    limits.receipts_all_max = 4;
    mesh_limit(&m, limits);
    for (uint64_t i = 1; i <= 3; i++)
        CHECK_OK(mesh_track(&m, "a", "b", i));
    CHECK_OK(report(&m, "b", 2, CL_RUNG_SEEN, CL_OUTCOME_COMPLETED));
    CHECK_OK(mesh_track(&m, "a", "b", 4));
    CHECK(cl_core_receipt(m.core, mesh_id(2)) == NULL); // the only one with news
    CHECK_OK(mesh_track(&m, "a", "b", 5));
    CHECK(cl_core_receipt(m.core, mesh_id(1)) == NULL); // the oldest of 1, 3, 4
    CHECK_OK(mesh_track(&m, "c", "b", 6));
    CHECK_OK(mesh_track(&m, "c", "b", 7)); // the fifth in all
    CHECK(cl_core_receipt(m.core, mesh_id(3)) == NULL);
    CHECK_INT(cl_core_stats(m.core).receipts, 4);
    CHECK_INT(cl_core_agent(m.core, CL_STR("b"))->inbox.count, 7); // the messages wait still
    CHECK_OK(report(&m, "b", 5, CL_RUNG_SEEN, CL_OUTCOME_COMPLETED));
    CHECK_OK(mesh_track(&m, "e", "b", 9));
    CHECK(cl_core_receipt(m.core, mesh_id(5)) == NULL); // not 4, which is older
    CHECK(cl_core_receipt(m.core, mesh_id(4)) != NULL);
    limits.receipts_max = 0;
    mesh_limit(&m, limits);
    CHECK_OK(mesh_track(&m, "d", "b", 8));
    CHECK(cl_core_receipt(m.core, mesh_id(8)) == NULL);
    CHECK_OK(mesh_track(&m, "d", "b", 8));
    CHECK(mesh_effect(&m, CL_EFFECT_REPLY)->reply.duplicate);
    mesh_done(&m);
}

/* What just ended is what its sender was not told yet, and what it waits for. */
TEST(past_the_bound_what_just_ended_stays_and_what_was_delivered_long_ago_goes)
{
    struct mesh m;
    mesh_init(&m);
    struct cl_command_relay_up limits = m.core->limits;
    limits.receipts_max = 3;
    mesh_limit(&m, limits);
    mesh_register(&m, "b");
    for (uint64_t i = 1; i <= 3; i++) {
        CHECK_OK(mesh_track(&m, "a", "b", i));
        CHECK_OK(ack_first(&m, "b", CL_RUNG_DELIVERED, CL_PROOF_ACK));
    }
    CHECK_OK(report(&m, "b", 2, CL_RUNG_SEEN, CL_OUTCOME_COMPLETED));
    CHECK_OK(mesh_track(&m, "a", "b", 4));
    CHECK(cl_core_receipt(m.core, mesh_id(1)) == NULL);
    CHECK_OK(mesh_track(&m, "a", "b", 5));
    CHECK(cl_core_receipt(m.core, mesh_id(3)) == NULL);
    CHECK_INT(cl_core_receipt(m.core, mesh_id(2))->outcome, CL_OUTCOME_COMPLETED);
    mesh_done(&m);
}

TEST(an_agent_is_proven_to_read_by_what_it_acknowledges)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_INT(cl_core_agent(m.core, CL_STR("b"))->proven.ms, 0);
    CHECK_OK(mesh_track(&m, "a", "b", 1));
    m.now.ms += 7;
    CHECK_OK(ack_first(&m, "b", CL_RUNG_DELIVERED, CL_PROOF_ACK));
    CHECK_INT(cl_core_agent(m.core, CL_STR("b"))->proven.ms, m.now.ms);
    m.now.ms += 7;
    mesh_register(&m, "b");
    CHECK_INT(cl_core_agent(m.core, CL_STR("b"))->proven.ms, m.now.ms - 7);
    CHECK_OK(report(&m, "b", 1, CL_RUNG_SEEN, CL_OUTCOME_NONE));
    CHECK_INT(cl_core_agent(m.core, CL_STR("b"))->proven.ms, m.now.ms);
    mesh_done(&m);
}

#define CHECK_FAULT(place, value)              \
    do {                                       \
        __typeof__(place) kept_ = (place);     \
        (place) = (value);                     \
        CHECK(cl_state_fault(m.core) != NULL); \
        (place) = kept_;                       \
        CHECK(cl_state_fault(m.core) == NULL); \
    } while (0)

TEST(every_broken_invariant_of_receipts_and_senders_is_seen)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_track(&m, "a", "b", 1));
    CHECK_OK(mesh_track(&m, "a", "b", 2));
    CHECK_OK(ack_first(&m, "b", CL_RUNG_DELIVERED, CL_PROOF_ACK));
    CHECK_OK(report(&m, "b", 1, CL_RUNG_SEEN, CL_OUTCOME_FAILED));
    struct cl_receipt *receipt = cl_receipt_at(cl_list_last(&m.core->receipts.all));
    struct cl_receipt *open = cl_receipt_at(cl_list_first(&m.core->receipts.all));
    struct cl_sender *sender = receipt->sender;
    int64_t future = m.now.ms + 1;
    CHECK_FAULT(receipt->version, 1);
    CHECK_FAULT(receipt->version, m.core->receipts.versions + 1);
    CHECK_FAULT(receipt->id.bytes[0], 9);
    CHECK_FAULT(receipt->rung, CL_RUNG_IN_PROGRESS);
    CHECK_FAULT(receipt->reached, 0);
    CHECK_FAULT(receipt->reached, 0xff);
    CHECK_FAULT(receipt->rungs[CL_RUNG_SEEN].at.ms, future);
    CHECK_FAULT(receipt->rungs[CL_RUNG_INJECTED].at.ms, 1);
    CHECK_FAULT(receipt->outcome, CL_OUTCOME_NONE);
    CHECK_FAULT(receipt->outcome_at.ms, future);
    CHECK_FAULT(receipt->until.ms, receipt->until.ms + 2000);
    CHECK_FAULT(receipt->number, 0);
    CHECK_FAULT(receipt->to.len, 0);
    CHECK_FAULT(open->outcome, CL_OUTCOME_FAILED);
    CHECK_FAULT(open->cause, CL_CAUSE_EXPIRED);
    CHECK_FAULT(open->msg, NULL);
    CHECK_FAULT(open->msg->receipt, NULL);
    CHECK_FAULT(sender->receipts_len, 1);
    CHECK_FAULT(sender->idle_since.ms, 1);
    CHECK_FAULT(sender->windows[0]->last, 3);
    CHECK_FAULT(sender->windows_len, CL_STREAMS_MAX + 1);
    CHECK_FAULT(m.core->receipts.by_id.count, 1);
    CHECK_FAULT(m.core->senders.by_id.count, 2);
    mesh_done(&m);
}
