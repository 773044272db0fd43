// SPDX-License-Identifier: MIT
#include "core/state.h"
#include "support/fault.h"
#include "support/test.h"
#include "unit/core/mesh.h"

/* A tracked message from "a" to "b", with an id of its own. */
static enum cl_err
send(struct mesh *m, uint64_t stream, uint64_t seq)
{
    static uint64_t ids = 1000;
    return mesh_send_fields(m, (struct cl_command_send){.from = CL_STR("a"),
                                                        .to = CL_STR("b"),
                                                        .id = mesh_id(++ids),
                                                        .stream = stream,
                                                        .seq = seq,
                                                        .flags = CL_MSG_TRACKED});
}

static bool
was_duplicate(const struct mesh *m)
{
    return mesh_effect(m, CL_EFFECT_REPLY)->reply.duplicate;
}

static uint32_t
waiting(const struct mesh *m)
{
    return cl_core_agent(m->core, CL_STR("b"))->inbox.count;
}

TEST(a_number_that_came_before_is_a_duplicate)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(send(&m, 1, 5));
    CHECK(!was_duplicate(&m));
    CHECK_OK(send(&m, 1, 5));
    CHECK(was_duplicate(&m));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, NULL), 0);
    CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.recipients, 0);
    CHECK_INT(waiting(&m), 1);
    CHECK_OK(send(&m, 1, 4)); // late, but new
    CHECK(!was_duplicate(&m));
    CHECK_OK(send(&m, 2, 5)); // another stream
    CHECK(!was_duplicate(&m));
    CHECK_INT(waiting(&m), 3);
    mesh_done(&m);
}

TEST(a_number_below_the_window_is_a_duplicate)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(send(&m, 1, 10));
    CHECK_OK(send(&m, 1, 10 + CL_WINDOW_NUMBERS));
    CHECK_OK(send(&m, 1, 10));
    CHECK(was_duplicate(&m)); // below, whether it came or not
    CHECK_OK(send(&m, 1, 9));
    CHECK(was_duplicate(&m));
    CHECK_OK(send(&m, 1, 11)); // the last one within
    CHECK(!was_duplicate(&m));
    CHECK_OK(send(&m, 1, 11));
    CHECK(was_duplicate(&m));
    CHECK_OK(send(&m, 1, UINT64_MAX));
    CHECK_OK(send(&m, 1, UINT64_MAX));
    CHECK(was_duplicate(&m));
    CHECK_OK(send(&m, 1, UINT64_MAX - CL_WINDOW_NUMBERS + 1));
    CHECK(!was_duplicate(&m)); // a leap empties the window
    CHECK_INT(waiting(&m), 5);
    mesh_done(&m);
}

TEST(what_was_refused_may_come_again)
{
    struct mesh m;
    mesh_init(&m);
    struct cl_command_relay_up limits = m.core->limits;
    limits.inbox_messages_max = 1;
    mesh_limit(&m, limits);
    CHECK_OK(send(&m, 1, 1));
    CHECK_INT(send(&m, 1, 2), CL_ERR_INBOX_FULL);
    CHECK_OK(send(&m, 1, 1)); // a duplicate needs no room
    CHECK(was_duplicate(&m));
    uint64_t first = mesh_first(&m, "b");
    CHECK_OK(mesh_ack(&m, "b", first, first));
    CHECK_OK(send(&m, 1, 2));
    CHECK(!was_duplicate(&m));
    mesh_done(&m);
}

TEST(what_came_before_is_a_duplicate_still_when_it_has_expired)
{
    struct mesh m;
    mesh_init(&m);
    struct cl_command_send fields = {.from = CL_STR("a"),
                                     .to = CL_STR("b"),
                                     .id = mesh_id(1),
                                     .stream = 1,
                                     .seq = 1,
                                     .flags = CL_MSG_TRACKED,
                                     .expires = {m.now.ms + 10}};
    CHECK_OK(mesh_send_fields(&m, fields));
    m.now.ms += 10;
    CHECK_OK(mesh_send_fields(&m, fields));
    CHECK(was_duplicate(&m));
    fields.seq = 2;
    fields.id = mesh_id(2);
    CHECK_INT(mesh_send_fields(&m, fields), CL_ERR_EXPIRED);
    mesh_done(&m);
}

TEST(the_stream_used_longest_ago_ends_when_there_is_a_fifth)
{
    struct mesh m;
    mesh_init(&m);
    for (uint64_t stream = 1; stream <= CL_STREAMS_MAX; stream++)
        CHECK_OK(send(&m, stream, 1));
    CHECK_OK(send(&m, 1, 2));
    CHECK_OK(send(&m, 99, 1)); // 2 ends
    CHECK_INT(send(&m, 2, 2), CL_ERR_STALE);
    CHECK_INT(send(&m, 2, 1), CL_ERR_STALE);
    CHECK_OK(send(&m, 1, 2));
    CHECK(was_duplicate(&m));
    CHECK_OK(send(&m, 3, 1));
    CHECK(was_duplicate(&m));
    mesh_done(&m);
}

TEST(ended_streams_are_remembered_up_to_a_number)
{
    struct mesh m;
    mesh_init(&m);
    for (uint64_t stream = 1; stream <= CL_STREAMS_MAX + CL_STREAMS_ENDED_MAX; stream++) {
        CHECK_OK(send(&m, stream, 1));
        uint64_t first = mesh_first(&m, "b");
        CHECK_OK(mesh_ack(&m, "b", first, first));
    }
    CHECK_INT(send(&m, 1, 1), CL_ERR_STALE);
    CHECK_OK(send(&m, UINT64_MAX, 1)); // now the first is forgotten
    CHECK_INT(send(&m, 2, 1), CL_ERR_STALE);
    CHECK_OK(send(&m, 1, 1));
    CHECK(!was_duplicate(&m));
    mesh_done(&m);
}

TEST(an_id_that_is_known_is_a_duplicate_in_any_stream_but_only_of_its_sender)
{
    struct mesh m;
    mesh_init(&m);
    struct cl_command_send fields = {.from = CL_STR("a"),
                                     .to = CL_STR("b"),
                                     .id = mesh_id(1),
                                     .stream = 1,
                                     .seq = 1,
                                     .flags = CL_MSG_TRACKED};
    CHECK_OK(mesh_send_fields(&m, fields));
    fields.stream = 2;
    CHECK_OK(mesh_send_fields(&m, fields));
    CHECK(was_duplicate(&m));
    fields.from = CL_STR("c");
    CHECK_INT(mesh_send_fields(&m, fields), CL_ERR_MALFORMED);
    fields.id = mesh_id(2);
    fields.from = CL_STR("");
    CHECK_INT(mesh_send_fields(&m, fields), CL_ERR_MALFORMED);
    fields.from = CL_STR("c");
    fields.id = mesh_id(0);
    CHECK_INT(mesh_send_fields(&m, fields), CL_ERR_MALFORMED);
    mesh_done(&m);
}

TEST(a_tracked_broadcast_is_deduplicated_and_has_no_receipt)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    struct cl_command_publish news = {.from = CL_STR("a"),
                                      .id = mesh_id(1),
                                      .stream = 1,
                                      .seq = 1,
                                      .flags = CL_MSG_TRACKED,
                                      .attempts_max = 3,
                                      .expires = CL_TIME_NEVER};
    struct cl_command draft = {.kind = CL_COMMAND_PUBLISH, .publish = news};
    CHECK_OK(mesh_do(&m, draft));
    CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.recipients, 1);
    CHECK_OK(mesh_do(&m, draft));
    CHECK(was_duplicate(&m));
    CHECK_INT(waiting(&m), 1);
    CHECK_INT(cl_core_stats(m.core).broadcasts, 1);
    CHECK(cl_core_receipt(m.core, mesh_id(1)) == NULL);
    CHECK_INT(cl_core_broadcast(m.core, 0)->attempts_max, 0);
    mesh_done(&m);
}

TEST(a_sender_is_known_though_nobody_of_that_name_is_attached)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(DO(&m, ATTACH, attach, .agent = CL_STR("a")));
    CHECK_OK(send(&m, 1, 1));
    CHECK_OK(DO(&m, DETACH, detach, .agent = CL_STR("a")));
    CHECK(cl_core_agent(m.core, CL_STR("a")) == NULL);
    CHECK_OK(send(&m, 1, 1));
    CHECK(was_duplicate(&m));
    CHECK_INT(cl_core_stats(m.core).senders, 1);
    mesh_done(&m);
}

TEST(a_sender_is_forgotten_when_nothing_of_it_can_come_again)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(send(&m, 1, 1));
    for (unsigned i = 0; i < 10 && cl_core_deadline(m.core).ms != INT64_MAX; i++) {
        CHECK_INT(cl_core_stats(m.core).senders, 1);
        m.now = cl_core_deadline(m.core);
        CHECK_OK(DO(&m, TICK, tick, .due = m.now));
    }
    CHECK_INT(cl_core_stats(m.core).senders, 0);
    CHECK_INT(cl_core_stats(m.core).receipts, 0);
    CHECK_INT(cl_core_stats(m.core).dead, 0);
    CHECK(m.now.ms >= 1000000 + 2 * CL_MESSAGE_LIFE_MS);
    mesh_done(&m);
}

/* So many names that a new one needs the place of another. */
static void
crowd(struct mesh *m, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++)
        CHECK(cl_sender_know(m->core, cl_str_of(&i, sizeof i)) != NULL);
    CHECK_INT(cl_core_stats(m->core).senders, CL_SENDERS_MAX);
}

TEST(a_new_sender_takes_the_place_of_the_one_idle_for_longest)
{
    struct mesh m;
    mesh_init(&m);
    struct cl_command_relay_up limits = m.core->limits;
    limits.receipts_max = 0; // nobody is busy
    mesh_limit(&m, limits);
    CHECK_OK(mesh_track(&m, "early", "b", 1));
    CHECK_OK(mesh_track(&m, "late", "b", 2));
    crowd(&m, 1000, CL_SENDERS_MAX - 2);
    CHECK_OK(mesh_track(&m, "early", "b", 3)); // heard of again
    CHECK_OK(mesh_track(&m, "new", "b", 4));
    CHECK_INT(cl_core_stats(m.core).senders, CL_SENDERS_MAX);
    CHECK(cl_sender_of(m.core, CL_STR("late")) == NULL);
    CHECK_OK(mesh_track(&m, "early", "b", 1));
    CHECK(was_duplicate(&m));
    mesh_done(&m);
}

TEST(if_none_is_idle_the_one_that_is_silent_for_longest_goes_with_its_receipts)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_track(&m, "early", "b", 1));
    CHECK_OK(mesh_track(&m, "late", "b", 2));
    CHECK_OK(mesh_track(&m, "late", "b", 3));
    CHECK_OK(mesh_track(&m, "early", "b", 4));
    crowd(&m, 1000, CL_SENDERS_MAX - 2);
    struct cl_senders *senders = &m.core->senders;
    CL_LIST_EACH(&senders->idle, at) // as if each of them had receipts
    {
        cl_list_remove(at);
        cl_list_append(&senders->busy, at);
    }
    struct cl_command draft = {.kind = CL_COMMAND_SEND,
                               .time = m.now,
                               .send = {.from = CL_STR("new"),
                                        .to = CL_STR("b"),
                                        .id = mesh_id(5),
                                        .flags = CL_MSG_TRACKED,
                                        .expires = CL_TIME_NEVER}};
    cl_effects_clear(&m.effects);
    cl_core_apply(m.core, &draft, &m.effects);
    CHECK_OK(mesh_effect(&m, CL_EFFECT_REPLY)->reply.err);
    CHECK(cl_sender_of(m.core, CL_STR("late")) == NULL);
    CHECK(cl_sender_of(m.core, CL_STR("early")) != NULL);
    CHECK(cl_core_receipt(m.core, mesh_id(2)) == NULL &&
          cl_core_receipt(m.core, mesh_id(3)) == NULL);
    CHECK(cl_core_receipt(m.core, mesh_id(4)) != NULL);
    CHECK_INT(waiting(&m), 5); // the messages wait still
    CHECK_INT(cl_core_stats(m.core).senders, CL_SENDERS_MAX);
    mesh_done(&m);
}

TEST(a_window_without_memory_stays_as_it_was)
{
    FOR_EACH_FAULT
    {
        struct cl_core *core = cl_core_new(&test_key);
        struct cl_sender *sender = core == NULL ? NULL : cl_sender_know(core, CL_STR("a"));
        for (uint64_t stream = 1; sender != NULL && stream < 20; stream++) {
            CHECK_INT(cl_window_ask(sender, stream, 7), CL_WINDOW_NEW);
            enum cl_err err = cl_window_add(sender, stream, 7);
            CHECK_INT(cl_window_ask(sender, stream, 7),
                      err == CL_OK ? CL_WINDOW_DUPLICATE : CL_WINDOW_NEW);
            CHECK(err == CL_OK || fault_happened());
            CHECK(cl_senders_fault(core) == NULL);
        }
        CHECK(sender != NULL || fault_happened());
        cl_core_free(core);
    }
}
