// SPDX-License-Identifier: MIT
#include "core/state.h"
#include "support/test.h"
#include "unit/core/mesh.h"

static uint64_t ids;

static void
begin(struct mesh *m)
{
    ids = 100;
    mesh_init(m);
    mesh_register(m, "a");
    mesh_register(m, "b");
    mesh_register(m, "c");
}

/* As a v1 agent sends: nothing is declared. */
static enum cl_err
send(struct mesh *m, const char *from, const char *to, enum cl_msg_kind kind)
{
    return mesh_send_fields(m, (struct cl_command_send){.from = cl_str_z(from),
                                                        .to = cl_str_z(to),
                                                        .kind = (uint8_t)kind,
                                                        .id = mesh_id(++ids)});
}

/* In a chain, as its sender says. */
static enum cl_err
declare(struct mesh *m, const char *from, const char *to, uint64_t root, uint8_t hops)
{
    ids++;
    return mesh_send_fields(m, (struct cl_command_send){.from = cl_str_z(from),
                                                        .to = cl_str_z(to),
                                                        .id = mesh_id(ids),
                                                        .stream = 1,
                                                        .seq = ids,
                                                        .root = mesh_id(root),
                                                        .hops = hops,
                                                        .flags = CL_MSG_TRACKED | CL_MSG_DECLARED});
}

static const struct cl_msg *
first(const struct mesh *m, const char *agent)
{
    uint64_t seq;
    const struct cl_msg *msg = cl_core_inbox_next(m->core, cl_core_agent(m->core, cl_str_z(agent)),
                                                  CL_PRIORITY_NORMAL, 0, &seq);
    CHECK(msg != NULL);
    return msg;
}

static void
take(struct mesh *m, const char *agent)
{
    uint64_t seq = mesh_first(m, agent);
    CHECK(seq > 0);
    CHECK_OK(mesh_ack(m, agent, seq, seq));
}

TEST(who_took_nothing_begins_a_chain_of_its_own)
{
    struct mesh m;
    begin(&m);
    CHECK_OK(send(&m, "a", "b", CL_MSG_TASK));
    CHECK(cl_id_is_none(first(&m, "b")->root));
    CHECK_INT(first(&m, "b")->hops, 0);
    CHECK_INT(cl_core_stats(m.core).chains, 0);
    CHECK_INT(cl_core_chain_messages(m.core, mesh_id(101)), 1);
    mesh_done(&m);
}

TEST(who_took_a_message_goes_on_with_its_chain)
{
    struct mesh m;
    begin(&m);
    CHECK_OK(send(&m, "a", "b", CL_MSG_TASK)); // 101
    take(&m, "b");
    CHECK_OK(send(&m, "b", "c", CL_MSG_TASK));
    CHECK(cl_id_eq(first(&m, "c")->root, mesh_id(101)));
    CHECK_INT(first(&m, "c")->hops, 1);
    take(&m, "c");
    CHECK_OK(send(&m, "c", "b", CL_MSG_TASK));
    CHECK_INT(first(&m, "b")->hops, 2);
    CHECK_OK(mesh_publish(&m, "c", "news"));
    CHECK(cl_id_eq(cl_core_broadcast(m.core, 0)->root, mesh_id(101)));
    CHECK_INT(cl_core_chain_messages(m.core, mesh_id(101)), 4);
    mesh_done(&m);
}

TEST(what_was_taken_is_remembered_for_ten_minutes)
{
    struct mesh m;
    begin(&m);
    CHECK_OK(send(&m, "a", "b", CL_MSG_TASK));
    take(&m, "b");
    m.now.ms += CL_CHAIN_MEMORY_MS - 1;
    CHECK_OK(send(&m, "b", "c", CL_MSG_TASK));
    CHECK_INT(first(&m, "c")->hops, 1);
    take(&m, "c");
    m.now.ms += 1;
    CHECK_OK(send(&m, "b", "c", CL_MSG_TASK));
    CHECK(cl_id_is_none(first(&m, "c")->root));
    mesh_done(&m);
}

TEST(an_answer_is_no_hop_and_who_takes_it_stands_where_it_asked)
{
    struct mesh m;
    begin(&m);
    CHECK_OK(send(&m, "a", "b", CL_MSG_TASK)); // 101
    take(&m, "b");
    CHECK_OK(send(&m, "b", "a", CL_MSG_RESPONSE));
    CHECK_INT(first(&m, "a")->hops, 0);
    CHECK(cl_id_eq(first(&m, "a")->root, mesh_id(101)));
    take(&m, "a");
    CHECK_OK(send(&m, "a", "b", CL_MSG_TASK));
    CHECK_INT(first(&m, "b")->hops, 0); // one more task of the same asker
    take(&m, "b");
    CHECK_OK(send(&m, "b", "c", CL_MSG_TASK));
    CHECK_INT(first(&m, "c")->hops, 1);
    CHECK_INT(cl_core_chain_messages(m.core, mesh_id(101)), 4);
    mesh_done(&m);
}

TEST(two_that_hand_on_all_they_get_stop_after_64_hops)
{
    struct mesh m;
    unsigned sent = 0;
    begin(&m);
    CHECK_OK(send(&m, "a", "b", CL_MSG_TASK));
    for (;; sent++) {
        const char *who = sent % 2 == 0 ? "b" : "a";
        take(&m, who);
        enum cl_err err = send(&m, who, sent % 2 == 0 ? "a" : "b", CL_MSG_TASK);
        if (err != CL_OK) {
            CHECK_INT(err, CL_ERR_LOOP);
            break;
        }
    }
    CHECK_INT(sent, CL_CHAIN_INHERITED_HOPS_MAX);
    m.now.ms += CL_CHAIN_MEMORY_MS;
    CHECK_OK(send(&m, "a", "b", CL_MSG_TASK)); // an hour later it is another matter
    mesh_done(&m);
}

TEST(two_that_answer_each_other_stop_by_the_number_of_messages)
{
    struct mesh m;
    enum cl_err err = CL_OK;
    unsigned sent = 1;
    begin(&m);
    CHECK_OK(send(&m, "a", "b", CL_MSG_TASK));
    struct cl_command_relay_up limits = m.core->limits;
    limits.inherited_messages_max = 500;
    mesh_limit(&m, limits);
    while (err == CL_OK) {
        const char *who = sent % 2 == 1 ? "b" : "a";
        take(&m, who);
        err = send(&m, who, sent % 2 == 1 ? "a" : "b", CL_MSG_RESPONSE);
        sent += err == CL_OK;
    }
    CHECK_INT(err, CL_ERR_LOOP);
    CHECK_INT(sent, 500);
    mesh_done(&m);
}

/* Everybody hands what it gets to the next one: every second one declares the chain that it is in,
 * as a good v2 agent does. Returns how often that worked. */
static unsigned
run_ring(struct mesh *m, unsigned size, bool is_mixed)
{
    char names[20][2];
    unsigned sent = 0;
    for (unsigned i = 0; i < size; i++) {
        names[i][0] = (char)('d' + i);
        names[i][1] = '\0';
        mesh_register(m, names[i]);
    }
    CHECK_OK(send(m, "a", names[0], CL_MSG_TASK));
    for (;; sent++) {
        const char *who = names[sent % size];
        const char *next = names[(sent + 1) % size];
        const struct cl_msg *msg = first(m, who);
        ids++;
        struct cl_command_send echo = {.from = cl_str_z(who),
                                       .to = cl_str_z(next),
                                       .id = mesh_id(ids),
                                       .stream = 1,
                                       .seq = ids};
        if (is_mixed && sent % 2 == 1) {
            echo.flags = CL_MSG_TRACKED | CL_MSG_DECLARED;
            echo.root = cl_msg_root(msg);
            echo.hops = (uint8_t)(msg->hops + 1);
        }
        take(m, who);
        enum cl_err err = mesh_send_fields(m, echo);
        if (err == CL_OK)
            continue;
        CHECK_INT(err, CL_ERR_LOOP);
        return sent;
    }
}

TEST(rings_of_two_to_twenty_stop_within_their_budget)
{
    for (unsigned size = 2; size <= 20; size++) {
        struct mesh m;
        begin(&m);
        CHECK_INT(run_ring(&m, size, false), CL_CHAIN_INHERITED_HOPS_MAX);
        mesh_done(&m);
        begin(&m);
        unsigned sent = run_ring(&m, size, true);
        CHECK(sent >= CL_CHAIN_HOPS_MAX && sent <= CL_CHAIN_HOPS_MAX + 1);
        mesh_done(&m);
    }
}

TEST(a_declared_chain_has_eight_hops)
{
    struct mesh m;
    begin(&m);
    CHECK_OK(declare(&m, "a", "b", 1, 8));
    CHECK_INT(declare(&m, "a", "b", 1, 9), CL_ERR_LOOP);
    CHECK_INT(declare(&m, "a", "b", 0, 1), CL_ERR_MALFORMED); // behind nothing
    CHECK_OK(declare(&m, "a", "b", 0, 0));
    CHECK_OK(declare(&m, "a", "b", ids + 1, 0)); // its own root, said aloud
    CHECK_INT(cl_core_stats(m.core).chains, 1);
    mesh_done(&m);
}

TEST(nobody_declares_a_place_in_front_of_what_it_took)
{
    struct mesh m;
    begin(&m);
    CHECK_OK(declare(&m, "a", "b", 1, 7));
    take(&m, "b");
    CHECK_OK(declare(&m, "b", "c", 1, 0));
    CHECK_INT(first(&m, "c")->hops, 8);
    take(&m, "c");
    CHECK_INT(declare(&m, "c", "a", 1, 1), CL_ERR_LOOP);
    CHECK_OK(declare(&m, "c", "a", 2, 0)); // another chain
    CHECK_INT(first(&m, "a")->hops, 1);
    mesh_done(&m);
}

TEST(a_declared_answer_must_answer_a_message_of_the_chain)
{
    struct mesh m;
    begin(&m);
    CHECK_OK(declare(&m, "a", "b", 1, 8)); // 101
    take(&m, "b");
    struct cl_command_send answer = {.from = CL_STR("b"),
                                     .to = CL_STR("a"),
                                     .id = mesh_id(7),
                                     .re = mesh_id(99),
                                     .stream = 1,
                                     .seq = 1,
                                     .root = mesh_id(1),
                                     .hops = 9,
                                     .flags = CL_MSG_TRACKED | CL_MSG_DECLARED};
    CHECK_INT(mesh_send_fields(&m, answer), CL_ERR_LOOP); // nobody knows 99
    answer.re = mesh_id(101);
    answer.from = CL_STR("c");
    CHECK_INT(mesh_send_fields(&m, answer), CL_ERR_LOOP); // it was not for c
    answer.from = CL_STR("b");
    CHECK_OK(mesh_send_fields(&m, answer));
    CHECK_INT(first(&m, "a")->hops, 8);
    CHECK_INT(cl_core_chain_messages(m.core, mesh_id(1)), 3);
    mesh_done(&m);
}

TEST(a_declared_chain_has_200_messages)
{
    struct mesh m;
    begin(&m);
    for (unsigned i = 1; i < CL_CHAIN_MESSAGES_MAX; i++)
        CHECK_OK(declare(&m, "a", i % 2 == 0 ? "b" : "c", 1, 1));
    CHECK_INT(declare(&m, "a", "b", 1, 1), CL_ERR_LOOP);
    CHECK_OK(declare(&m, "a", "b", 2, 1));
    struct cl_command_relay_up limits = m.core->limits;
    limits.chain_messages_max = 0; // no limit
    mesh_limit(&m, limits);
    CHECK_OK(declare(&m, "a", "b", 1, 1));
    mesh_done(&m);
}

TEST(a_thread_has_thirty_messages_a_minute)
{
    struct mesh m;
    begin(&m);
    struct cl_command_send talk = {.from = CL_STR("a"),
                                   .to = CL_STR("b"),
                                   .thread = CL_STR("release 1.2"),
                                   .flags = CL_MSG_DECLARED};
    for (unsigned i = 0; i < CL_CHAIN_THREAD_MINUTE_MAX; i++) {
        talk.id = mesh_id(++ids);
        CHECK_OK(mesh_send_fields(&m, talk));
    }
    CHECK_STR(first(&m, "b")->thread, CL_STR("release 1.2"));
    CHECK_INT(mesh_send_fields(&m, talk), CL_ERR_LOOP);
    talk.thread = CL_STR("another");
    CHECK_OK(mesh_send_fields(&m, talk));
    talk.thread = CL_STR("release 1.2");
    m.now.ms += 60000 / CL_CHAIN_THREAD_MINUTE_MAX - 1;
    CHECK_INT(mesh_send_fields(&m, talk), CL_ERR_LOOP);
    m.now.ms += 1;
    CHECK_OK(mesh_send_fields(&m, talk));
    CHECK_INT(mesh_send_fields(&m, talk), CL_ERR_LOOP);
    talk.flags = 0; // who declares nothing is not held to the thread
    CHECK_OK(mesh_send_fields(&m, talk));
    mesh_done(&m);
}

TEST(a_stranger_in_a_thread_of_the_same_name_takes_no_token_of_it)
{
    struct mesh m;
    begin(&m);
    struct cl_command_send talk = {.to = CL_STR("b"), .flags = CL_MSG_DECLARED};
    for (unsigned i = 0; i < CL_CHAIN_THREAD_MINUTE_MAX; i++) {
        talk.from = CL_STR("a");
        talk.thread = CL_STR("parser");
        CHECK_OK(mesh_send_fields(&m, talk));
        talk.from = CL_STR("ra"); // nor one whose name goes on with the thread's
        talk.thread = CL_STR("parse");
        CHECK_OK(mesh_send_fields(&m, talk));
    }
    CHECK_INT(mesh_send_fields(&m, talk), CL_ERR_LOOP);
    talk.from = CL_STR("c");
    talk.thread = CL_STR("parser");
    CHECK_OK(mesh_send_fields(&m, talk));
    CHECK_INT(m.core->chains.threads_by_key.count, 3);
    for (unsigned i = 0; i < CL_CHAIN_THREAD_MINUTE_MAX; i++) { // but in a chain all count
        talk.from = i % 2 == 0 ? CL_STR("a") : CL_STR("c");
        talk.root = mesh_id(1);
        talk.hops = 1;
        CHECK_OK(mesh_send_fields(&m, talk));
    }
    CHECK_INT(mesh_send_fields(&m, talk), CL_ERR_LOOP);
    talk.root = mesh_id(2);
    CHECK_OK(mesh_send_fields(&m, talk));
    struct cl_thread *thread =
        CL_LIST_ENTRY(cl_list_first(&m.core->chains.threads), struct cl_thread, link);
    struct cl_thread kept = *thread;
    thread->key.len = CL_STR("parser").len; // shorter than the name that it says it has
    CHECK(cl_state_fault(m.core) != NULL);
    *thread = kept;
    mesh_done(&m);
}

TEST(a_report_of_a_rung_counts_as_taking)
{
    struct mesh m;
    begin(&m);
    CHECK_OK(mesh_track(&m, "a", "b", 1));
    CHECK_OK(DO(&m, REPORT, report, .agent = CL_STR("b"), .id = mesh_id(1), .rung = CL_RUNG_SEEN));
    CHECK_OK(send(&m, "b", "c", CL_MSG_TASK));
    CHECK(cl_id_eq(first(&m, "c")->root, mesh_id(1)));
    mesh_done(&m);
}

/* The filter is no part of the state, and an agent that is loaded later may have taken its message
 * earlier: who shares its slot must not be forgotten for that. */
TEST(agents_of_one_slot_of_the_filter_remember_after_a_load_what_they_did_before)
{
    struct mesh m;
    struct cl_buf dump;
    struct cl_core *copy;
    struct cl_effects effects;
    begin(&m);
    mesh_register(&m, "host1/assistant");
    mesh_register(&m, "host2/assistant");
    CHECK_INT(cl_chain_slot(CL_STR("host1/assistant")), cl_chain_slot(CL_STR("host2/assistant")));
    CHECK_OK(send(&m, "a", "host2/assistant", CL_MSG_TASK));
    take(&m, "host2/assistant");
    m.now.ms += CL_CHAIN_MEMORY_MS / 2;
    CHECK_OK(send(&m, "a", "host1/assistant", CL_MSG_TASK)); // 102
    take(&m, "host1/assistant");
    cl_buf_init(&dump, SIZE_MAX);
    CHECK_OK(cl_core_dump(m.core, &dump));
    CHECK_OK(cl_core_load(cl_buf_str(&dump), &test_key, &copy));
    cl_buf_done(&dump);
    m.now.ms += CL_CHAIN_MEMORY_MS - 1; // the other one has forgotten
    struct cl_command next = {.kind = CL_COMMAND_SEND,
                              .time = m.now,
                              .origin = EPOCH,
                              .send = {.from = CL_STR("host1/assistant"),
                                       .to = CL_STR("b"),
                                       .id = mesh_id(7),
                                       .expires = CL_TIME_NEVER,
                                       .priority = CL_PRIORITY_NORMAL}};
    cl_effects_init(&effects);
    cl_core_apply(m.core, &next, &effects);
    cl_core_apply(copy, &next, &effects);
    cl_effects_done(&effects);
    CHECK(cl_id_eq(first(&m, "b")->root, mesh_id(102)));
    CHECK(mesh_hash_eq(mesh_hash(m.core), mesh_hash(copy)));
    cl_core_free(copy);
    mesh_done(&m);
}

TEST(the_chain_used_longest_ago_is_forgotten_first)
{
    struct mesh m;
    begin(&m);
    struct cl_chains *chains = &m.core->chains;
    for (uint64_t i = 1; i <= CL_CHAINS_MAX; i++)
        CHECK_OK(cl_chain_add(chains, mesh_id(i), 2));
    CHECK_OK(declare(&m, "a", "b", 1, 1)); // 1 is used now
    CHECK_OK(declare(&m, "a", "b", UINT32_MAX, 1));
    CHECK_INT(cl_core_stats(m.core).chains, CL_CHAINS_MAX);
    CHECK_INT(cl_core_chain_messages(m.core, mesh_id(1)), 3);
    CHECK_INT(cl_core_chain_messages(m.core, mesh_id(2)), 1);
    CHECK_INT(cl_core_chain_messages(m.core, mesh_id(UINT32_MAX)), 2);
    char name[24];
    for (uint64_t i = 0; i <= CL_THREADS_MAX; i++) {
        cl_id root = mesh_id(i + 1);
        size_t len = 2 + sizeof root.bytes;
        name[0] = 1;
        name[1] = 't';
        memcpy(name + 2, root.bytes, sizeof root.bytes);
        CHECK_OK(cl_chain_add_thread(chains, cl_str_of(name, len), m.now));
    }
    CHECK_INT(chains->threads_by_key.count, CL_THREADS_MAX);
    cl_core_check(m.core);
    mesh_done(&m);
}
