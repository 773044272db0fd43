// SPDX-License-Identifier: MIT
#include "support/test.h"
#include "unit/core/mesh.h"

static enum cl_err
send_until(struct mesh *m, const char *to, const char *text, int64_t expires_ms)
{
    struct cl_body *body = cl_body_new(cl_str_z(text));
    enum cl_err err = DO(m, SEND, send, .to = cl_str_z(to), .from = CL_STR("a"),
                         .priority = CL_PRIORITY_NORMAL, .expires = {expires_ms}, .body = body);
    cl_body_unref(body);
    return err;
}

static enum cl_err
tick(struct mesh *m)
{
    return DO(m, TICK, tick, .due = m->now);
}

TEST(a_tick_is_wanted_in_the_second_after_the_first_expiry)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_INT(cl_core_deadline(m.core).ms, INT64_MAX);
    CHECK_INT(tick(&m), CL_ERR_STALE);
    CHECK_OK(send_until(&m, "b", "late", m.now.ms + 5500));
    CHECK_INT(cl_core_deadline(m.core).ms, m.now.ms + 6000);
    CHECK_OK(send_until(&m, "b", "soon", m.now.ms + 1001));
    CHECK_INT(cl_core_deadline(m.core).ms, m.now.ms + 2000);
    CHECK_OK(send_until(&m, "b", "whole", m.now.ms + 1000));
    CHECK_INT(cl_core_deadline(m.core).ms, m.now.ms + 1000);
    mesh_done(&m);
}

TEST(what_expired_is_not_offered_and_a_tick_removes_it)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(send_until(&m, "b", "1", m.now.ms + 500));
    CHECK_OK(send_until(&m, "b", "2", m.now.ms + 60000));
    CHECK_OK(send_until(&m, "b", "3", m.now.ms + 500));
    m.now.ms += 499;
    mesh_register(&m, "c");
    CHECK_STR(mesh_queue(&m, "b"), CL_STR("1 2 3"));
    m.now.ms += 1;
    CHECK_INT(tick(&m), CL_ERR_STALE); // not before the whole second
    CHECK_STR(mesh_queue(&m, "b"), CL_STR("2"));
    CHECK_INT(cl_core_stats(m.core).waiting, 3);
    m.now.ms += 500;
    CHECK_OK(tick(&m));
    CHECK_INT(mesh_note(&m, CL_NOTE_MESSAGES_EXPIRED)->note.number, 2);
    CHECK_STR(mesh_note(&m, CL_NOTE_MESSAGES_EXPIRED)->agent, CL_STR("b"));
    CHECK_INT(cl_core_stats(m.core).waiting, 1);
    CHECK_INT(cl_core_deadline(m.core).ms, (m.now.ms / 1000 + 59) * 1000);
    CHECK_INT(tick(&m), CL_ERR_STALE);
    mesh_done(&m);
}

TEST(a_tick_may_find_that_the_expiring_one_was_taken)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(send_until(&m, "b", "1", m.now.ms + 1000));
    CHECK_OK(send_until(&m, "b", "2", m.now.ms + 9000));
    CHECK_OK(mesh_ack(&m, "b", 1, 1));
    CHECK_INT(cl_core_deadline(m.core).ms, m.now.ms + 1000);
    m.now.ms += 1000;
    CHECK_OK(tick(&m));
    CHECK_INT(mesh_notes(&m, CL_NOTE_MESSAGES_EXPIRED, NULL), 0);
    CHECK_INT(cl_core_deadline(m.core).ms, m.now.ms + 8000);
    mesh_done(&m);
}

TEST(an_expired_broadcast_leaves_the_inboxes_and_is_no_dead_letter)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    mesh_register(&m, "c");
    CHECK_OK(mesh_publish(&m, "a", "news"));
    CHECK_OK(mesh_ack(&m, "c", 2, 2)); // the second agent, its numbers begin with 2
    m.now.ms += CL_MESSAGE_LIFE_MS;
    CHECK_OK(tick(&m));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_NOTE, NULL), 1);
    CHECK_INT(mesh_note(&m, CL_NOTE_MESSAGES_EXPIRED)->note.number, 1);
    CHECK(cl_core_broadcast(m.core, 0) != NULL);
    CHECK(cl_core_dead_next(m.core, NULL) == NULL);
    CHECK_INT(cl_core_stats(m.core).inbox_bytes, 0);
    mesh_done(&m);
}

TEST(due_lies_neither_in_the_future_nor_before_the_deadline)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(send_until(&m, "b", "1", m.now.ms + 1000));
    CHECK_INT(DO(&m, TICK, tick, .due = {m.now.ms + 1}), CL_ERR_MALFORMED);
    m.now.ms += 5000;
    CHECK_INT(DO(&m, TICK, tick, .due = {m.now.ms - 4001}), CL_ERR_STALE);
    CHECK_OK(DO(&m, TICK, tick, .due = {m.now.ms - 4000}));
    CHECK_INT(mesh_notes(&m, CL_NOTE_MESSAGES_EXPIRED, "b"), 1);
    mesh_done(&m);
}

TEST(an_orphan_is_dropped_with_its_messages_after_its_life)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_send(&m, "a", "early", "1"));
    m.now.ms += 1;
    CHECK_OK(mesh_send(&m, "a", "early", "2"));
    CHECK_OK(mesh_send(&m, "a", "late", "3"));
    CHECK_INT(cl_core_deadline(m.core).ms, m.now.ms - 1 + CL_ORPHAN_LIFE_MS);
    m.now.ms += CL_ORPHAN_LIFE_MS - 1;
    CHECK_OK(tick(&m));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_FORGET, "early"), 1);
    CHECK_INT(mesh_note(&m, CL_NOTE_ORPHAN_DROPPED)->note.number, 2);
    CHECK_STR(mesh_note(&m, CL_NOTE_ORPHAN_DROPPED)->agent, CL_STR("early"));
    CHECK_INT(cl_core_stats(m.core).orphans, 1);
    CHECK_INT(cl_core_stats(m.core).waiting, 1);
    m.now.ms += 1;
    CHECK_OK(tick(&m));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_FORGET, "late"), 1);
    CHECK_INT(cl_core_stats(m.core).inbox_bytes, 0);
    mesh_done(&m);
}

TEST(an_attached_orphan_lives_on)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_send(&m, "a", "b", "1"));
    CHECK_OK(DO(&m, ATTACH, attach, .agent = CL_STR("b")));
    m.now.ms += CL_ORPHAN_LIFE_MS;
    CHECK_INT(tick(&m), CL_ERR_STALE);
    CHECK_OK(DO(&m, DETACH, detach, .agent = CL_STR("b")));
    CHECK_INT(cl_core_deadline(m.core).ms, m.now.ms + CL_ORPHAN_LIFE_MS);
    mesh_done(&m);
}

TEST(an_orphan_whose_last_message_expires_is_gone)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(send_until(&m, "b", "1", m.now.ms + 1000));
    m.now.ms += 1000;
    CHECK_OK(tick(&m));
    CHECK_INT(mesh_notes(&m, CL_NOTE_MESSAGES_EXPIRED, "b"), 1);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_FORGET, "b"), 1);
    CHECK(cl_core_agent(m.core, CL_STR("b")) == NULL);
    mesh_done(&m);
}

TEST(one_tick_ends_all_that_is_due_in_order_of_time_then_birth)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "x");
    mesh_register(&m, "y");
    mesh_register(&m, "z");
    CHECK_OK(send_until(&m, "z", "1", m.now.ms + 2000));
    CHECK_OK(send_until(&m, "y", "1", m.now.ms + 2000));
    CHECK_OK(send_until(&m, "x", "1", m.now.ms + 3000));
    m.now.ms += 3000;
    CHECK_OK(tick(&m));
    CHECK_INT(m.effects.len, 4);
    CHECK_STR(m.effects.items[1].agent, CL_STR("y"));
    CHECK_STR(m.effects.items[2].agent, CL_STR("z"));
    CHECK_STR(m.effects.items[3].agent, CL_STR("x"));
    mesh_done(&m);
}

TEST(a_late_acknowledgement_misses_the_next_life_of_an_inbox)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_send(&m, "a", "orphan", "old"));
    uint64_t old = cl_core_agent(m.core, CL_STR("orphan"))->inbox.lanes[CL_PRIORITY_NORMAL].first;
    m.now.ms += CL_ORPHAN_LIFE_MS;
    CHECK_OK(tick(&m));
    CHECK(cl_core_agent(m.core, CL_STR("orphan")) == NULL);
    CHECK_OK(mesh_send(&m, "a", "orphan", "new"));
    CHECK_OK(mesh_ack(&m, "orphan", old, old));
    CHECK_STR(mesh_queue(&m, "orphan"), CL_STR("new"));
    mesh_done(&m);
}
