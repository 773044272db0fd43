// SPDX-License-Identifier: MIT
/* No sender has more than half of an inbox (docs/decisions/0015-fair-share.md). */
#include "core/state.h"
#include "support/fault.h"
#include "support/test.h"
#include "unit/core/mesh.h"

/* What a message from an "a" to a "b" with one byte costs. */
#define COST (CL_MESSAGE_COST_BYTES + 3)
/* Messages with which an inbox is long enough to keep shares, with some to spare. */
#define LONG (CL_SHARES_COUNTED_MAX + 20)

static void
start(struct mesh *m, uint32_t messages, uint64_t bytes)
{
    mesh_init(m);
    CHECK_OK(DO(m, RELAY_UP, relay_up, .relay = CL_STR("r"), .inbox_messages_max = messages,
                .inbox_bytes_max = bytes, .inboxes_bytes_max = 64 * CL_MIB));
    mesh_register(m, "b");
}

static const struct cl_inbox *
inbox_of(const struct mesh *m, const char *id)
{
    return &cl_core_agent(m->core, cl_str_z(id))->inbox;
}

/* So many are taken, and one more is refused like this. */
static void
send_until(struct mesh *m, const char *from, unsigned count, enum cl_err err)
{
    for (unsigned i = 0; i < count; i++)
        CHECK_OK(mesh_send(m, from, "b", "x"));
    CHECK_INT(mesh_send(m, from, "b", "x"), err);
}

static void
fill(struct mesh *m, const char *from, unsigned count)
{
    send_until(m, from, count, CL_ERR_FAIR_SHARE);
}

TEST(a_sender_has_half_of_the_messages_and_others_have_the_rest)
{
    for (uint32_t half = 2; half <= LONG; half += LONG - 2) {
        struct mesh m;
        start(&m, 2 * half, CL_MIB);
        fill(&m, "a", half);
        CHECK_INT(mesh_send_at(&m, CL_PRIORITY_URGENT, "b", "x"), CL_OK); // of "sender"
        send_until(&m, "c", half - 1, CL_ERR_INBOX_FULL);
        CHECK_INT(mesh_send(&m, "a", "b", "x"), CL_ERR_INBOX_FULL);
        CHECK_INT(mesh_send(&m, "d", "b", "x"), CL_ERR_INBOX_FULL);
        CHECK_INT(inbox_of(&m, "b")->count, 2 * half);
        mesh_done(&m);
    }
}

TEST(a_sender_has_half_of_the_bytes_and_others_have_the_rest)
{
    struct mesh m;
    start(&m, 1000, 7 * COST); // half of it is three and a half
    fill(&m, "a", 3);
    fill(&m, "c", 3);
    CHECK_OK(mesh_send(&m, "d", "b", "x"));
    CHECK_INT(mesh_send(&m, "e", "b", "x"), CL_ERR_INBOX_FULL);
    mesh_done(&m);

    start(&m, 1000, 2 * LONG * COST);
    fill(&m, "a", LONG);
    CHECK(cl_inbox_keeps_shares(inbox_of(&m, "b")));
    send_until(&m, "c", LONG, CL_ERR_INBOX_FULL);
    mesh_done(&m);
}

TEST(an_odd_limit_is_halved_downwards)
{
    struct mesh m;
    start(&m, 5, CL_MIB);
    fill(&m, "a", 2);
    fill(&m, "c", 2);
    CHECK_OK(mesh_send(&m, "d", "b", "x"));
    mesh_done(&m);
}

TEST(one_message_is_taken_however_small_the_inbox_and_large_the_message)
{
    struct mesh m;
    start(&m, 1, CL_MIB);
    CHECK_OK(mesh_send(&m, "a", "b", "x"));
    CHECK_INT(mesh_send(&m, "a", "b", "x"), CL_ERR_INBOX_FULL);
    mesh_done(&m);

    start(&m, 3, CL_MIB);
    fill(&m, "a", 1);
    fill(&m, "c", 1);
    CHECK_OK(mesh_send(&m, "d", "b", "x"));
    mesh_done(&m);

    start(&m, 1000, 3 * COST); // one is a third, two are too many
    fill(&m, "a", 1);
    mesh_done(&m);

    start(&m, 1000, COST); // one is all
    CHECK_OK(mesh_send(&m, "a", "b", "x"));
    CHECK_INT(mesh_send(&m, "c", "b", "x"), CL_ERR_INBOX_FULL);
    CHECK_OK(mesh_ack(&m, "b", 1, 1));
    CHECK_OK(mesh_send(&m, "c", "b", "x"));
    mesh_done(&m);
}

TEST(a_sender_is_a_name_and_no_name_is_one_sender)
{
    struct mesh m;
    start(&m, 4, CL_MIB);
    fill(&m, "", 2);
    send_until(&m, "a", 2, CL_ERR_INBOX_FULL);
    mesh_done(&m);
    start(&m, 2 * LONG, CL_MIB);
    fill(&m, "", LONG);
    send_until(&m, "a", LONG, CL_ERR_INBOX_FULL);
    mesh_done(&m);
}

TEST(each_inbox_has_its_own_shares)
{
    struct mesh m;
    start(&m, 4, CL_MIB);
    mesh_register(&m, "c");
    fill(&m, "a", 2);
    CHECK_OK(mesh_send(&m, "a", "c", "x"));
    CHECK_OK(mesh_send(&m, "a", "c", "x"));
    CHECK_INT(mesh_send(&m, "a", "c", "x"), CL_ERR_FAIR_SHARE);
    CHECK_OK(mesh_send(&m, "a", "nobody", "x"));
    CHECK_OK(mesh_send(&m, "a", "nobody", "x"));
    CHECK_INT(mesh_send(&m, "a", "nobody", "x"), CL_ERR_FAIR_SHARE);
    mesh_done(&m);
}

TEST(what_is_acknowledged_gives_its_share_back)
{
    for (uint32_t half = 3; half <= LONG; half += LONG - 3) {
        struct mesh m;
        start(&m, 2 * half, CL_MIB);
        fill(&m, "a", half);
        CHECK_OK(mesh_send(&m, "c", "b", "x"));
        CHECK_OK(mesh_ack(&m, "b", 2, 3));
        fill(&m, "a", 2);
        CHECK_OK(mesh_ack(&m, "b", half + 1, half + 1)); // the one of "c"
        CHECK_INT(mesh_send(&m, "a", "b", "x"), CL_ERR_FAIR_SHARE);
        CHECK_OK(mesh_ack(&m, "b", 1, half + 3));
        CHECK_INT(inbox_of(&m, "b")->count, 0);
        CHECK(!cl_inbox_keeps_shares(inbox_of(&m, "b")));
        fill(&m, "a", half);
        mesh_done(&m);
    }
}

TEST(what_expires_gives_its_share_back_when_it_is_swept_out)
{
    for (uint32_t half = 3; half <= LONG; half += LONG - 3) {
        struct mesh m;
        start(&m, 2 * half, CL_MIB);
        for (uint32_t i = 0; i < half; i++)
            CHECK_OK(DO(&m, SEND, send, .to = CL_STR("b"), .from = CL_STR("a"),
                        .expires = {m.now.ms + (i < 2 ? 500 : 90000)}));
        m.now.ms += 1000;
        CHECK_INT(mesh_send(&m, "a", "b", "x"), CL_ERR_FAIR_SHARE); // it still takes room
        CHECK_OK(DO(&m, TICK, tick, .due = m.now));
        fill(&m, "a", 2);
        mesh_done(&m);
    }
}

TEST(a_dropped_inbox_takes_its_shares_with_it)
{
    struct mesh m;
    start(&m, 2 * LONG, CL_MIB);
    for (unsigned i = 0; i < LONG; i++)
        CHECK_OK(mesh_send(&m, "a", "nobody", "x"));
    CHECK_INT(mesh_send(&m, "a", "nobody", "x"), CL_ERR_FAIR_SHARE);
    m.now.ms += CL_ORPHAN_LIFE_MS;
    CHECK_OK(DO(&m, TICK, tick, .due = m.now));
    CHECK(cl_core_agent(m.core, CL_STR("nobody")) == NULL);
    CHECK_OK(mesh_send(&m, "a", "nobody", "x"));
    mesh_done(&m);
}

TEST(news_pass_over_the_inbox_where_their_sender_has_its_share)
{
    for (uint32_t half = 2; half <= LONG; half += LONG - 2) {
        struct mesh m;
        start(&m, 2 * half, CL_MIB);
        mesh_register(&m, "c");
        fill(&m, "a", half);
        CHECK_OK(mesh_publish(&m, "a", "news"));
        CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.recipients, 1);
        CHECK_INT(mesh_notes(&m, CL_NOTE_INBOX_PASSED, "b"), 1);
        CHECK_INT(mesh_note(&m, CL_NOTE_INBOX_PASSED)->note.number, half);
        CHECK_OK(mesh_put_file(&m, "key", "a", "text"));
        CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.recipients, 1);
        CHECK_OK(mesh_publish(&m, "d", "news")); // of another sender
        CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.recipients, 2);
        mesh_done(&m);
    }
}

TEST(news_and_file_notices_count_as_their_senders)
{
    struct mesh m;
    start(&m, 6, CL_MIB);
    CHECK_OK(mesh_publish(&m, "a", "news"));
    CHECK_OK(mesh_put_file(&m, "key", "a", "text"));
    fill(&m, "a", 1);
    mesh_done(&m);
}

TEST(a_limit_that_is_lowered_refuses_and_drops_nothing)
{
    struct mesh m;
    start(&m, 10, CL_MIB);
    fill(&m, "a", 5);
    CHECK_OK(DO(&m, RELAY_UP, relay_up, .relay = CL_STR("r"), .inbox_messages_max = 8,
                .inbox_bytes_max = CL_MIB, .inboxes_bytes_max = CL_MIB));
    CHECK_INT(inbox_of(&m, "b")->count, 5);
    CHECK_OK(mesh_ack(&m, "b", 1, 1));
    CHECK_INT(mesh_send(&m, "a", "b", "x"), CL_ERR_FAIR_SHARE);
    CHECK_OK(mesh_ack(&m, "b", 2, 2));
    fill(&m, "a", 1);
    mesh_done(&m);
}

TEST(only_a_long_inbox_keeps_shares_and_until_it_is_empty)
{
    struct mesh m;
    start(&m, 1000, CL_MIB);
    for (unsigned i = 1; i <= CL_SHARES_COUNTED_MAX; i++)
        CHECK_OK(mesh_send(&m, i % 2 == 0 ? "a" : "c", "b", "x"));
    CHECK(!cl_inbox_keeps_shares(inbox_of(&m, "b")));
    CHECK_OK(mesh_send(&m, "a", "b", "x"));
    CHECK(cl_inbox_keeps_shares(inbox_of(&m, "b")));
    CHECK_INT(inbox_of(&m, "b")->shares.len, 2);
    CHECK_OK(mesh_ack(&m, "b", 2, CL_SHARES_COUNTED_MAX + 1));
    CHECK_INT(inbox_of(&m, "b")->shares.len, 1);
    CHECK_OK(mesh_ack(&m, "b", 1, 1));
    CHECK(!cl_inbox_keeps_shares(inbox_of(&m, "b")));
    mesh_done(&m);
}

TEST(few_messages_far_apart_are_a_long_inbox)
{
    struct mesh m;
    start(&m, 4, CL_MIB);
    CHECK_OK(mesh_send(&m, "a", "b", "x"));
    for (uint64_t i = 2; i <= CL_SHARES_COUNTED_MAX + 1; i++) { // the first one stays
        CHECK(!cl_inbox_keeps_shares(inbox_of(&m, "b")));
        CHECK_OK(mesh_send(&m, "a", "b", "x"));
        CHECK_OK(mesh_ack(&m, "b", i, i));
    }
    CHECK(cl_inbox_keeps_shares(inbox_of(&m, "b")));
    fill(&m, "a", 1);
    mesh_done(&m);
}

static struct cl_buf
dump(const struct cl_core *core)
{
    struct cl_buf buf;
    cl_buf_init(&buf, SIZE_MAX);
    CHECK_OK(cl_core_dump(core, &buf));
    return buf;
}

TEST(a_loaded_state_has_the_same_shares)
{
    for (uint32_t half = 3; half <= LONG; half += LONG - 3) {
        static const cl_hash_key other_key = {{42}};
        struct mesh m;
        start(&m, 2 * half, CL_MIB);
        fill(&m, "a", half);
        CHECK_OK(mesh_send(&m, "c", "b", "x"));
        CHECK_OK(mesh_ack(&m, "b", 2, 2));
        struct cl_buf bytes = dump(m.core);
        cl_core_free(m.core);
        CHECK_OK(cl_core_load(cl_buf_str(&bytes), &other_key, &m.core));
        struct cl_buf again = dump(m.core);
        CHECK_STR(cl_buf_str(&again), cl_buf_str(&bytes));
        CHECK(cl_inbox_keeps_shares(inbox_of(&m, "b")) == (half > CL_SHARES_COUNTED_MAX));
        fill(&m, "a", 1);
        CHECK_OK(mesh_ack(&m, "b", 1, half + 2));
        CHECK_INT(inbox_of(&m, "b")->count, 0);
        cl_buf_done(&again);
        cl_buf_done(&bytes);
        mesh_done(&m);
    }
}

TEST(a_long_inbox_is_loaded_as_one_though_little_is_left_in_it)
{
    struct mesh m;
    start(&m, 1000, CL_MIB);
    for (unsigned i = 1; i <= LONG; i++)
        CHECK_OK(mesh_send(&m, "a", "b", "x"));
    CHECK_OK(mesh_ack(&m, "b", 2, LONG));
    struct cl_buf bytes = dump(m.core);
    cl_core_free(m.core);
    CHECK_OK(cl_core_load(cl_buf_str(&bytes), &test_key, &m.core));
    CHECK(cl_inbox_keeps_shares(inbox_of(&m, "b")));
    CHECK_OK(mesh_send(&m, "a", "b", "x"));
    cl_buf_done(&bytes);
    mesh_done(&m);
}

TEST(without_memory_a_state_with_shares_is_not_loaded)
{
    struct mesh m;
    start(&m, 1000, CL_MIB);
    char from[] = "a0";
    for (unsigned i = 0; i < LONG; i++) {
        from[1] = (char)('0' + i % 9);
        CHECK_OK(mesh_send(&m, from, "b", ""));
    }
    struct cl_buf bytes = dump(m.core);
    FOR_EACH_FAULT
    {
        struct cl_core *loaded = NULL;
        enum cl_err err = cl_core_load(cl_buf_str(&bytes), &test_key, &loaded);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        cl_core_free(loaded);
    }
    cl_buf_done(&bytes);
    mesh_done(&m);
}

TEST(shares_that_are_wrong_are_found)
{
    struct mesh m;
    start(&m, 1000, CL_MIB);
    for (unsigned i = 0; i < LONG; i++)
        CHECK_OK(mesh_send(&m, i % 2 == 0 ? "a" : "c", "b", "x"));
    struct cl_inbox *inbox =
        &((struct cl_agent *)cl_map_get(&m.core->agents_by_id, CL_STR("b")))->inbox;
    struct cl_share *share = inbox->shares.slots;
    struct cl_msg *msg = inbox->lanes[CL_PRIORITY_NORMAL].ring[inbox->lanes[2].first];
    struct cl_shares kept = inbox->shares;
    while (share->count == 0)
        share++;
    CHECK(cl_state_fault(m.core) == NULL);
    share->count++;
    CHECK_STR(cl_str_z(cl_state_fault(m.core)), CL_STR("a share is what the sender has waiting"));
    share->count--;
    share->bytes--;
    CHECK(cl_state_fault(m.core) != NULL);
    share->bytes++;
    msg->sender.bytes[15] ^= 1;
    CHECK(cl_state_fault(m.core) != NULL);
    msg->sender.bytes[15] ^= 1;
    msg->has_sender = false;
    CHECK(cl_state_fault(m.core) != NULL);
    msg->has_sender = true;
    inbox->shares = (struct cl_shares){.len = 0};
    CHECK_STR(cl_str_z(cl_state_fault(m.core)), CL_STR("a long inbox keeps its shares"));
    inbox->shares = kept;
    CHECK(cl_state_fault(m.core) == NULL);
    mesh_done(&m);
}
