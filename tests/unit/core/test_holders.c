// SPDX-License-Identifier: MIT
/* Which connection receives, and how much at once. */
#include "support/test.h"
#include "unit/core/mesh.h"

static uint64_t
receiver(const struct mesh *m)
{
    return cl_session_receiver(m->session, CL_STR("b"));
}

static void
close_holder(struct mesh *m, uint64_t holder)
{
    CHECK_OK(DO(m, CLOSE, close, .holder = holder));
    cl_session_check(m->session, m->core);
}

static void
start(struct mesh *m)
{
    mesh_init(m);
    mesh_register(m, "b");
}

TEST(of_two_sockets_the_newest_receives_and_the_older_takes_over)
{
    struct mesh m;
    start(&m);
    mesh_open(&m, "b", 1, CL_HOLDER_SOCKET);
    CHECK_INT(receiver(&m), 1);
    CHECK_OK(mesh_send(&m, "a", "b", "1"));
    CHECK_STR(mesh_take(&m, 1), CL_STR("1"));
    mesh_open(&m, "b", 2, CL_HOLDER_SOCKET);
    CHECK_INT(receiver(&m), 2);
    CHECK_OK(mesh_send(&m, "a", "b", "2"));
    CHECK_STR(mesh_take(&m, 1), CL_STR(""));
    CHECK_STR(mesh_take(&m, 2), CL_STR("2"));
    close_holder(&m, 2);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1);
    CHECK_INT(receiver(&m), 1);
    CHECK_STR(mesh_take(&m, 1), CL_STR("2"));
    close_holder(&m, 1);
    CHECK_INT(receiver(&m), 0);
    CHECK(!cl_session_is_online(m.session, CL_STR("b")));
    mesh_done(&m);
}

TEST(closing_the_older_socket_changes_nothing_for_the_newer)
{
    struct mesh m;
    start(&m);
    mesh_open(&m, "b", 1, CL_HOLDER_SOCKET);
    mesh_open(&m, "b", 2, CL_HOLDER_SOCKET);
    CHECK(cl_session_is_online(m.session, CL_STR("b")));
    close_holder(&m, 1);
    CHECK_INT(receiver(&m), 2);
    mesh_done(&m);
}

TEST(a_poll_takes_once_beside_any_socket)
{
    struct mesh m;
    start(&m);
    CHECK_OK(mesh_send(&m, "a", "b", "1"));
    mesh_open(&m, "b", 1, CL_HOLDER_SOCKET);
    mesh_open(&m, "b", 2, CL_HOLDER_POLL);
    CHECK(cl_session_is_online(m.session, CL_STR("b")));
    CHECK_STR(mesh_take(&m, 2), CL_STR("1"));
    CHECK_OK(mesh_send(&m, "a", "b", "2"));
    CHECK_STR(mesh_take(&m, 2), CL_STR(""));
    CHECK_INT(receiver(&m), 1);
    CHECK_STR(mesh_take(&m, 1), CL_STR("2"));
    mesh_done(&m);
}

TEST(the_poll_that_waits_longest_is_served_first)
{
    struct mesh m;
    start(&m);
    mesh_open(&m, "b", 5, CL_HOLDER_POLL);
    mesh_open(&m, "b", 6, CL_HOLDER_POLL);
    CHECK(!cl_session_is_online(m.session, CL_STR("b")));
    CHECK_STR(mesh_take(&m, 5), CL_STR("")); // an empty take leaves it waiting
    CHECK_INT(receiver(&m), 5);
    CHECK_OK(mesh_send(&m, "a", "b", "1"));
    CHECK_STR(mesh_take(&m, 5), CL_STR("1"));
    CHECK_INT(receiver(&m), 6);
    close_holder(&m, 6);
    CHECK_INT(receiver(&m), 0);
    mesh_done(&m);
}

TEST(nobody_receives_for_an_unknown_id_and_an_unknown_holder_takes_nothing)
{
    struct mesh m;
    start(&m);
    CHECK_INT(cl_session_receiver(m.session, CL_STR("x")), 0);
    CHECK(!cl_session_is_online(m.session, CL_STR("x")));
    CHECK_STR(mesh_take(&m, 77), CL_STR(""));
    mesh_open(&m, "x", 1, CL_HOLDER_POLL);
    CHECK_STR(mesh_take(&m, 1), CL_STR(""));
    CHECK_OK(mesh_send(&m, "a", "x", "1"));
    CHECK_STR(mesh_take(&m, 1), CL_STR("1"));
    mesh_done(&m);
}

TEST(holder_numbers_are_not_shared_and_not_zero)
{
    struct mesh m;
    start(&m);
    mesh_open(&m, "b", 1, CL_HOLDER_SOCKET);
    CHECK_INT(DO(&m, OPEN, open, .agent = CL_STR("b"), .holder = 1), CL_ERR_STALE);
    CHECK_INT(DO(&m, OPEN, open, .agent = CL_STR("b"), .holder = 0), CL_ERR_MALFORMED);
    mesh_done(&m);
}

TEST(a_socket_holds_so_many_messages_and_goes_on_when_some_are_proven)
{
    struct mesh m;
    start(&m);
    for (int i = 0; i < CL_CREDIT_MESSAGES + 3; i++)
        CHECK_OK(mesh_send(&m, "a", "b", "x"));
    mesh_open(&m, "b", 1, CL_HOLDER_SOCKET);
    (void)mesh_take(&m, 1);
    CHECK_INT(m.batch.len, CL_CREDIT_MESSAGES);
    CHECK_INT(receiver(&m), 0); // no credit left
    CHECK_STR(mesh_take(&m, 1), CL_STR(""));
    mesh_open(&m, "b", 2, CL_HOLDER_POLL);
    CHECK_INT(receiver(&m), 2);
    CHECK_OK(DO(&m, SETTLE, settle, .holder = 1, .batch = 1, .rung = CL_RUNG_DELIVERED));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_ACK, "b"), 1);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 1);
    CHECK_INT(receiver(&m), 1);
    CHECK_STR(mesh_take(&m, 1), CL_STR("x x x"));
    CHECK_OK(DO(&m, SETTLE, settle, .holder = 1, .batch = 2, .rung = CL_RUNG_DELIVERED));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "b"), 0); // it had not been short of credit
    mesh_done(&m);
}

static void
send_sized(struct mesh *m, size_t len)
{
    struct cl_body *body = cl_body_new_blank(len);
    CHECK_OK(DO(m, SEND, send, .to = CL_STR("b"), .from = CL_STR("a"),
                .priority = CL_PRIORITY_NORMAL, .expires = CL_TIME_NEVER, .body = body));
    cl_body_unref(body);
}

static uint32_t
count_taken(struct mesh *m, uint64_t holder)
{
    CHECK_OK(cl_session_take(m->session, m->core, holder, &m->batch));
    cl_session_check(m->session, m->core);
    return m->batch.len;
}

TEST(a_batch_stays_within_its_bytes_but_one_message_always_goes)
{
    struct mesh m;
    start(&m);
    CHECK_OK(DO(&m, RELAY_UP, relay_up, .relay = CL_STR("r"), .inbox_messages_max = 1000,
                .inbox_bytes_max = 8 * CL_MIB, .inboxes_bytes_max = 8 * CL_MIB));
    send_sized(&m, CL_CREDIT_BYTES / 2);
    send_sized(&m, CL_CREDIT_BYTES / 2);
    send_sized(&m, 1);
    send_sized(&m, CL_BODY_BYTES_MAX);
    send_sized(&m, 1);
    mesh_open(&m, "b", 1, CL_HOLDER_SOCKET);
    CHECK_INT(count_taken(&m, 1), 2);
    CHECK_INT(m.batch.bytes, CL_CREDIT_BYTES);
    mesh_settle(&m, 1, 1);
    CHECK_INT(count_taken(&m, 1), 1);
    mesh_settle(&m, 1, 2);
    CHECK_INT(count_taken(&m, 1), 1);
    CHECK_INT(m.batch.bytes, CL_BODY_BYTES_MAX);
    CHECK_INT(count_taken(&m, 1), 0);
    mesh_settle(&m, 1, 3);
    mesh_open(&m, "b", 2, CL_HOLDER_POLL);
    CHECK_INT(count_taken(&m, 2), 1);
    mesh_done(&m);
}

TEST(a_poll_brings_so_many_messages_at_most)
{
    struct mesh m;
    start(&m);
    CHECK_OK(DO(&m, RELAY_UP, relay_up, .relay = CL_STR("r"), .inbox_messages_max = 4000,
                .inbox_bytes_max = 8 * CL_MIB, .inboxes_bytes_max = 8 * CL_MIB));
    for (int i = 0; i < CL_POLL_MESSAGES_MAX + 1; i++)
        send_sized(&m, 1);
    mesh_open(&m, "b", 1, CL_HOLDER_POLL);
    CHECK_INT(count_taken(&m, 1), CL_POLL_MESSAGES_MAX);
    mesh_settle(&m, 1, 1);
    mesh_open(&m, "b", 2, CL_HOLDER_POLL);
    CHECK_INT(count_taken(&m, 2), 1);
    mesh_done(&m);
}

TEST(a_poll_that_wants_few_is_brought_no_more)
{
    struct mesh m;
    start(&m);
    for (int i = 0; i < 5; i++)
        send_sized(&m, 1);
    CHECK_OK(DO(&m, OPEN, open, .agent = CL_STR("b"), .holder = 1, .kind = CL_HOLDER_POLL,
                .messages_max = 2));
    CHECK_INT(count_taken(&m, 1), 2);
    CHECK_INT(count_taken(&m, 1), 0);
    mesh_settle(&m, 1, 1);
    CHECK_OK(DO(&m, OPEN, open, .agent = CL_STR("b"), .holder = 2, .kind = CL_HOLDER_SOCKET,
                .messages_max = 1));
    CHECK_INT(count_taken(&m, 2), 3); // a socket has its credit
    CHECK_INT(DO(&m, OPEN, open, .agent = CL_STR("b"), .holder = 3, .kind = CL_HOLDER_POLL,
                 .messages_max = CL_POLL_MESSAGES_MAX + 1),
              CL_ERR_MALFORMED);
    mesh_done(&m);
}

TEST(a_batch_has_no_more_ranges_than_one_ack_may_name)
{
    struct mesh m;
    start(&m);
    for (uint64_t i = 1; i <= 2 * CL_ACK_RANGES_MAX + 2; i++)
        CHECK_OK(mesh_send(&m, i % 2 == 0 ? "a" : "c", "b", "x"));
    for (uint64_t i = 2; i <= 2 * CL_ACK_RANGES_MAX + 2; i += 2)
        CHECK_OK(mesh_ack(&m, "b", i, i));
    mesh_open(&m, "b", 1, CL_HOLDER_POLL);
    CHECK_INT(count_taken(&m, 1), CL_ACK_RANGES_MAX);
    mesh_settle(&m, 1, 1);
    mesh_open(&m, "b", 2, CL_HOLDER_POLL);
    CHECK_INT(count_taken(&m, 2), 1);
    mesh_done(&m);
}

TEST(a_stopped_take_leaves_the_rest_of_a_released_range)
{
    struct mesh m;
    start(&m);
    for (int i = 0; i < CL_CREDIT_MESSAGES + 10; i++)
        CHECK_OK(mesh_send(&m, "a", "b", "x"));
    mesh_open(&m, "b", 1, CL_HOLDER_POLL);
    CHECK_INT(count_taken(&m, 1), CL_CREDIT_MESSAGES + 10);
    mesh_open(&m, "b", 2, CL_HOLDER_SOCKET);
    close_holder(&m, 1);
    CHECK_INT(count_taken(&m, 2), CL_CREDIT_MESSAGES);
    mesh_open(&m, "b", 3, CL_HOLDER_POLL);
    CHECK_INT(count_taken(&m, 3), 10);
    mesh_done(&m);
}
