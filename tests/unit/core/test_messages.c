// SPDX-License-Identifier: MIT
#include "core/state.h"
#include "support/test.h"
#include "unit/core/mesh.h"

static const struct cl_msg *
first_of(const struct mesh *m, const char *id)
{
    uint64_t seq;
    return cl_core_inbox_next(m->core, cl_core_agent(m->core, cl_str_z(id)), CL_PRIORITY_NORMAL, 0,
                              &seq);
}

static void
limit(struct mesh *m, uint32_t messages, uint64_t inbox_bytes, uint64_t all_bytes)
{
    CHECK_OK(DO(m, RELAY_UP, relay_up, .relay = CL_STR("r"), .inbox_messages_max = messages,
                .inbox_bytes_max = inbox_bytes, .inboxes_bytes_max = all_bytes));
}

/* What a message from "a" to "b" with one byte costs. */
#define COST (CL_MESSAGE_COST_BYTES + 3)

TEST(a_message_keeps_every_field_that_was_sent)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    struct cl_body *body = cl_body_new(CL_STR("{}"));
    cl_id id = {{1}};
    cl_id re = {{2}};
    CHECK_OK(DO(&m, SEND, send, .to = CL_STR("b"), .from = CL_STR("a"), .id = id, .re = re,
                .stream = 3, .seq = 4, .kind = CL_MSG_RESPONSE, .media = 5,
                .priority = CL_PRIORITY_NORMAL, .expires = {m.now.ms + 10}, .body = body));
    CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.recipients, 1);
    CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.command_kind, CL_COMMAND_SEND);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1);
    const struct cl_msg *msg = first_of(&m, "b");
    CHECK(cl_id_eq(msg->id, id) && cl_id_eq(msg->re, re));
    CHECK_INT(msg->stream, 3);
    CHECK_INT(msg->seq, 4);
    CHECK_STR(msg->from, CL_STR("a"));
    CHECK_STR(msg->to, CL_STR("b"));
    CHECK_STR(msg->subject, CL_STR(""));
    CHECK_INT(msg->kind, CL_MSG_RESPONSE);
    CHECK_INT(msg->media, 5);
    CHECK_INT(msg->created.ms, m.now.ms);
    CHECK_INT(msg->expires.ms, m.now.ms + 10);
    CHECK(msg->receipt == NULL); // nobody asked for one
    CHECK(cl_core_receipt(m.core, id) == NULL);
    CHECK(msg->body == body); // the bytes are not copied
    CHECK_INT(body->refs, 2);
    mesh_done(&m);
    CHECK_INT(body->refs, 1);
    cl_body_unref(body);
}

TEST(messages_wait_by_priority_then_as_sent)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(mesh_send_at(&m, CL_PRIORITY_LOW, "b", "low"));
    CHECK_OK(mesh_send_at(&m, CL_PRIORITY_NORMAL, "b", "n1"));
    CHECK_OK(mesh_send_at(&m, CL_PRIORITY_URGENT, "b", "urgent"));
    CHECK_OK(mesh_send_at(&m, CL_PRIORITY_NORMAL, "b", "n2"));
    CHECK_OK(mesh_send_at(&m, CL_PRIORITY_HIGH, "b", "high"));
    CHECK_STR(mesh_queue(&m, "b"), CL_STR("urgent high n1 n2 low"));
    CHECK_INT(cl_core_stats(m.core).waiting, 5);
    mesh_done(&m);
}

TEST(an_acknowledged_message_leaves_and_the_rest_keeps_its_order)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    for (char text[] = "1"; text[0] <= '6'; text[0]++)
        CHECK_OK(mesh_send(&m, "a", "b", text));
    struct cl_range ranges[] = {
        {CL_PRIORITY_NORMAL, 2, 3}, {CL_PRIORITY_LOW, 1, 9}, {CL_PRIORITY_NORMAL, 6, UINT64_MAX}};
    CHECK_OK(DO(&m, ACK, ack, .agent = CL_STR("b"), .rung = CL_RUNG_SEEN, .ranges = {ranges, 3}));
    CHECK_STR(mesh_queue(&m, "b"), CL_STR("1 4 5"));
    CHECK_OK(mesh_ack(&m, "b", 1, 4));
    CHECK_OK(mesh_ack(&m, "b", 1, 4)); // again changes nothing
    CHECK_STR(mesh_queue(&m, "b"), CL_STR("5"));
    CHECK_OK(mesh_send(&m, "a", "b", "7"));
    CHECK_STR(mesh_queue(&m, "b"), CL_STR("5 7"));
    mesh_done(&m);
}

TEST(an_ack_names_a_known_agent_and_a_proven_rung)
{
    struct mesh m;
    struct cl_range range = {CL_PRIORITY_NORMAL, 1, 1};
    mesh_init(&m);
    CHECK_INT(mesh_ack(&m, "nobody", 1, 1), CL_ERR_NO_AGENT);
    mesh_register(&m, "b");
    CHECK_INT(
        DO(&m, ACK, ack, .agent = CL_STR("b"), .rung = CL_RUNG_ACCEPTED, .ranges = {&range, 1}),
        CL_ERR_MALFORMED);
    m.now.ms += 10;
    CHECK_OK(mesh_ack(&m, "b", 1, 1));
    CHECK_INT(cl_core_agent(m.core, CL_STR("b"))->seen.ms, m.now.ms);
    mesh_done(&m);
}

TEST(an_ack_names_no_number_twice)
{
    struct cl_range rows[][2] = {
        {{CL_PRIORITY_NORMAL, 1, 9}, {CL_PRIORITY_NORMAL, 9, UINT64_MAX}},
        {{CL_PRIORITY_NORMAL, 5, 6}, {CL_PRIORITY_NORMAL, 1, UINT64_MAX}},
        {{CL_PRIORITY_NORMAL, 1, 9}, {CL_PRIORITY_NORMAL, 2, 3}},
    };
    struct cl_range apart[] = {
        {CL_PRIORITY_NORMAL, 10, UINT64_MAX}, {CL_PRIORITY_HIGH, 1, 9}, {CL_PRIORITY_NORMAL, 1, 9}};
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK_INT(
            DO(&m, ACK, ack, .agent = CL_STR("b"), .rung = CL_RUNG_SEEN, .ranges = {rows[i], 2}),
            CL_ERR_MALFORMED);
    CHECK_OK(DO(&m, ACK, ack, .agent = CL_STR("b"), .rung = CL_RUNG_SEEN, .ranges = {apart, 3}));
    mesh_done(&m);
}

TEST(an_expired_message_is_refused_and_a_long_life_is_cut)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_INT(DO(&m, SEND, send, .to = CL_STR("b"), .from = CL_STR("a"), .expires = m.now),
              CL_ERR_EXPIRED);
    CHECK_INT(DO(&m, PUBLISH, publish, .from = CL_STR("a"), .expires = m.now), CL_ERR_EXPIRED);
    CHECK_OK(mesh_send(&m, "a", "b", "x"));
    CHECK_INT(first_of(&m, "b")->expires.ms, m.now.ms + CL_MESSAGE_LIFE_MS);
    m.now.ms -= 1000; // journal time counts, not the command's
    CHECK_INT(
        DO(&m, SEND, send, .to = CL_STR("b"), .from = CL_STR("a"), .expires = {m.now.ms + 500}),
        CL_ERR_EXPIRED);
    mesh_done(&m);
}

TEST(a_full_inbox_refuses_by_count_and_by_bytes)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    mesh_register(&m, "c");
    limit(&m, 2, 10 * COST, CL_MIB);
    CHECK_OK(mesh_send(&m, "a", "b", "1"));
    CHECK_OK(mesh_send(&m, "d", "b", "2"));
    CHECK_INT(mesh_send(&m, "a", "b", "3"), CL_ERR_INBOX_FULL);
    CHECK_OK(mesh_send(&m, "a", "c", "3")); // another inbox has room
    CHECK_OK(mesh_ack(&m, "b", 1, 1));
    CHECK_OK(mesh_send(&m, "a", "b", "3"));
    CHECK_STR(mesh_queue(&m, "b"), CL_STR("2 3"));

    limit(&m, 100, 3 * COST, CL_MIB);
    CHECK_INT(mesh_send(&m, "e", "b", "two"), CL_ERR_INBOX_FULL);
    CHECK_OK(mesh_send(&m, "e", "b", "4"));
    CHECK_INT(mesh_send(&m, "a", "b", "5"), CL_ERR_INBOX_FULL);
    limit(&m, 100, 2 * COST, CL_MIB); // lowered below what waits
    CHECK_INT(mesh_send(&m, "a", "b", "5"), CL_ERR_INBOX_FULL);
    CHECK_INT(mesh_send(&m, "a", "nobody", "5"), CL_OK);
    limit(&m, 0, 2 * COST, CL_MIB);
    CHECK_INT(mesh_send(&m, "a", "noone", "5"), CL_ERR_INBOX_FULL);
    CHECK(cl_core_agent(m.core, CL_STR("noone")) == NULL);
    mesh_done(&m);
}

TEST(all_inboxes_together_are_bounded)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    mesh_register(&m, "c");
    limit(&m, 100, CL_MIB, 2 * COST + 2 * CL_ENTRY_COST_BYTES);
    CHECK_OK(mesh_send(&m, "a", "b", "1"));
    CHECK_OK(mesh_send(&m, "a", "c", "2"));
    CHECK_INT(cl_core_stats(m.core).inbox_bytes, 2 * COST + 2 * CL_ENTRY_COST_BYTES);
    CHECK_INT(mesh_send(&m, "a", "b", "3"), CL_ERR_FULL);
    CHECK_INT(mesh_publish(&m, "a", ""), CL_ERR_FULL);
    CHECK_INT(mesh_put_file(&m, "key", "a", "text"), CL_ERR_FULL);
    limit(&m, 100, CL_MIB, COST);
    CHECK_INT(mesh_send(&m, "a", "b", "3"), CL_ERR_FULL);
    CHECK_OK(mesh_ack(&m, "b", 1, 1));
    CHECK_OK(mesh_ack(&m, "c", 2, 2)); // the second agent, its numbers begin with 2
    CHECK_INT(cl_core_stats(m.core).inbox_bytes, 0);
    mesh_done(&m);
}

TEST(a_lane_whose_front_stays_too_long_is_full)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(mesh_send(&m, "a", "b", "1"));
    struct cl_agent *agent = cl_map_get(&m.core->agents_by_id, CL_STR("b"));
    CHECK_OK(cl_inbox_skip(&agent->inbox, CL_PRIORITY_NORMAL, 1 + CL_LANE_SPAN_MAX));
    CHECK_OK(cl_state_shares_update(m.core, &agent->inbox, CL_PRIORITY_NORMAL));
    CHECK_INT(mesh_send(&m, "a", "b", "2"), CL_ERR_INBOX_FULL);
    CHECK_OK(mesh_send_at(&m, CL_PRIORITY_HIGH, "b", "3"));
    CHECK_OK(mesh_publish(&m, "a", "4"));
    CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.recipients, 0);
    mesh_done(&m);
}

TEST(messages_to_unknown_ids_are_bounded)
{
    struct mesh m;
    mesh_init(&m);
    uint32_t id = 1;
    for (; id <= CL_ORPHANS_MAX; id++)
        CHECK_OK(DO(&m, SEND, send, .to = cl_str_of(&id, sizeof id), .from = CL_STR("a"),
                    .expires = CL_TIME_NEVER));
    CHECK_INT(mesh_send(&m, "a", "new", "x"), CL_ERR_TOO_MANY);
    CHECK_OK(DO(&m, ATTACH, attach, .agent = CL_STR("new")));
    CHECK_OK(mesh_send(&m, "a", "new", "x")); // attached, so no orphan
    CHECK_INT(mesh_send(&m, "a", "newer", "x"), CL_ERR_TOO_MANY);
    id = 1;
    CHECK_OK(DO(&m, SEND, send, .to = cl_str_of(&id, sizeof id), .from = CL_STR("a"),
                .expires = CL_TIME_NEVER)); // known already
    CHECK_OK(DO(&m, REGISTER, registration, .agent = cl_str_of(&id, sizeof id)));
    CHECK_OK(mesh_send(&m, "a", "newer", "x"));
    mesh_done(&m);
}

TEST(a_broadcast_reaches_everyone_registered_but_the_sender_once)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "a");
    mesh_register(&m, "b");
    mesh_register(&m, "c");
    CHECK_OK(DO(&m, ATTACH, attach, .agent = CL_STR("guest")));
    CHECK_OK(mesh_send(&m, "a", "orphan", "x"));
    CHECK_OK(mesh_publish(&m, "a", "news"));
    CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.recipients, 2);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY_ALL, NULL), 1);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, NULL), 0);
    CHECK_STR(mesh_queue(&m, "a"), CL_STR(""));
    CHECK_STR(mesh_queue(&m, "b"), CL_STR("news"));
    CHECK_STR(mesh_queue(&m, "c"), CL_STR("news"));
    CHECK_STR(mesh_queue(&m, "guest"), CL_STR(""));
    CHECK_STR(mesh_queue(&m, "orphan"), CL_STR("x"));
    CHECK_INT(cl_core_stats(m.core).broadcasts, 1);
    CHECK_OK(mesh_publish(&m, "stranger", "more"));
    CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.recipients, 3);
    mesh_done(&m);
}

TEST(a_broadcast_is_one_record_in_many_inboxes)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    mesh_register(&m, "c");
    CHECK_OK(mesh_publish(&m, "a", "news"));
    const struct cl_msg *msg = first_of(&m, "b");
    CHECK(first_of(&m, "c") == msg);
    CHECK_STR(msg->subject, CL_STR("general"));
    CHECK_STR(msg->to, CL_STR(""));
    CHECK_INT(cl_core_stats(m.core).inbox_bytes, cl_msg_cost(msg) + 2 * CL_ENTRY_COST_BYTES);
    CHECK_OK(mesh_ack(&m, "b", 1, 1));
    CHECK_INT(cl_core_stats(m.core).inbox_bytes, cl_msg_cost(msg) + CL_ENTRY_COST_BYTES);
    CHECK_OK(mesh_ack(&m, "c", 2, 2)); // the second agent, its numbers begin with 2
    CHECK_INT(cl_core_stats(m.core).inbox_bytes, 0);
    CHECK(cl_core_broadcast(m.core, 0) == msg); // kept as the newest broadcast
    mesh_done(&m);
}

TEST(a_full_inbox_is_passed_over_by_a_broadcast)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    mesh_register(&m, "c");
    limit(&m, 1, CL_MIB, CL_MIB);
    CHECK_OK(mesh_send(&m, "a", "b", "1"));
    CHECK_OK(mesh_publish(&m, "a", "news"));
    CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.recipients, 1);
    CHECK_INT(mesh_notes(&m, CL_NOTE_INBOX_PASSED, "b"), 1);
    CHECK_STR(mesh_queue(&m, "b"), CL_STR("1"));
    CHECK_STR(mesh_queue(&m, "c"), CL_STR("news"));
    mesh_done(&m);
}

TEST(the_newest_broadcasts_are_kept)
{
    struct mesh m;
    char text[] = "000";
    mesh_init(&m);
    CHECK(cl_core_broadcast(m.core, 0) == NULL);
    for (unsigned i = 0; i < CL_BROADCASTS_KEPT + 5; i++) {
        text[0] = (char)('0' + i / 100);
        text[1] = (char)('0' + i / 10 % 10);
        text[2] = (char)('0' + i % 10);
        CHECK_OK(mesh_publish(&m, "a", text));
    }
    CHECK_INT(cl_core_stats(m.core).broadcasts, CL_BROADCASTS_KEPT + 5);
    CHECK_STR(cl_body_str(cl_core_broadcast(m.core, 0)->body), CL_STR("204"));
    CHECK_STR(cl_body_str(cl_core_broadcast(m.core, CL_BROADCASTS_KEPT - 1)->body), CL_STR("005"));
    CHECK(cl_core_broadcast(m.core, CL_BROADCASTS_KEPT) == NULL);
    mesh_done(&m);
}

TEST(large_broadcasts_are_kept_as_far_as_their_bytes_allow)
{
    struct mesh m;
    mesh_init(&m);
    struct cl_body *body = cl_body_new_blank(CL_MIB);
    for (unsigned i = 0; i < CL_BROADCASTS_BYTES_MAX / CL_MIB + 2; i++)
        CHECK_OK(
            DO(&m, PUBLISH, publish, .from = CL_STR("a"), .expires = CL_TIME_NEVER, .body = body));
    uint32_t kept = CL_BROADCASTS_BYTES_MAX / CL_MIB - 1;
    CHECK(cl_core_broadcast(m.core, kept - 1) != NULL);
    CHECK(cl_core_broadcast(m.core, kept) == NULL);
    CHECK_INT(body->refs, kept + 1);
    mesh_done(&m);
    cl_body_unref(body);
}
