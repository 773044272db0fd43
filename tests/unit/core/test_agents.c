// SPDX-License-Identifier: MIT
#include <string.h>

#include "support/test.h"
#include "unit/core/mesh.h"

static const struct cl_agent *
agent_of(const struct mesh *m, const char *id)
{
    return cl_core_agent(m->core, cl_str_z(id));
}

static enum cl_err
attach(struct mesh *m, const char *id)
{
    return DO(m, ATTACH, attach, .agent = cl_str_z(id));
}

static enum cl_err
detach(struct mesh *m, const char *id)
{
    return DO(m, DETACH, detach, .agent = cl_str_z(id));
}

static enum cl_err
relay_up(struct mesh *m, const char *relay, uint64_t epoch)
{
    m->origin = epoch;
    return DO(m, RELAY_UP, relay_up, .relay = cl_str_z(relay), .inbox_messages_max = 1000,
              .inbox_bytes_max = CL_MIB, .inboxes_bytes_max = CL_MIB);
}

TEST(a_registered_agent_is_found_and_told_of)
{
    struct mesh m;
    mesh_init(&m);
    struct cl_body *record = cl_body_new(CL_STR("{\"name\":\"Mira\"}"));
    CHECK(agent_of(&m, "mira") == NULL);
    CHECK_OK(DO(&m, REGISTER, registration, .agent = CL_STR("mira"), .record = record));
    const struct cl_agent *agent = agent_of(&m, "mira");
    CHECK_STR(agent->id, CL_STR("mira"));
    CHECK_INT(agent->state, CL_AGENT_REGISTERED);
    CHECK_INT(agent->since.ms, m.now.ms);
    CHECK_INT(agent->updated.ms, m.now.ms);
    CHECK_INT(agent->seen.ms, m.now.ms);
    CHECK_STR(cl_body_str(agent->record), cl_body_str(record));
    CHECK_INT(mesh_note(&m, CL_NOTE_AGENT_JOINED)->note.number, 0);
    CHECK_STR(mesh_note(&m, CL_NOTE_AGENT_JOINED)->agent, CL_STR("mira"));
    CHECK_INT(cl_core_stats(m.core).agents, 1);
    CHECK_INT(cl_core_stats(m.core).record_bytes, record->len);
    cl_body_unref(record);
    mesh_done(&m);
}

TEST(registering_again_replaces_the_record_and_keeps_queue_and_place)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "a");
    mesh_register(&m, "b");
    CHECK_OK(mesh_send(&m, "b", "a", "one"));
    int64_t since = agent_of(&m, "a")->since.ms;
    struct cl_body *record = cl_body_new(CL_STR("new"));
    m.now.ms += 5;
    CHECK_OK(DO(&m, REGISTER, registration, .agent = CL_STR("a"), .record = record));
    CHECK_INT(mesh_note(&m, CL_NOTE_AGENT_JOINED)->note.number, 1);
    CHECK_STR(cl_body_str(agent_of(&m, "a")->record), CL_STR("new"));
    CHECK_INT(agent_of(&m, "a")->since.ms, since);
    CHECK_INT(agent_of(&m, "a")->updated.ms, m.now.ms);
    CHECK_STR(mesh_queue(&m, "a"), CL_STR("one"));
    const struct cl_agent *first = cl_core_agent_next(m.core, NULL);
    CHECK_STR(first->id, CL_STR("a"));
    CHECK_STR(cl_core_agent_next(m.core, first)->id, CL_STR("b"));
    CHECK(cl_core_agent_next(m.core, cl_core_agent_next(m.core, first)) == NULL);
    CHECK_OK(DO(&m, REGISTER, registration, .agent = CL_STR("a")));
    CHECK_INT(cl_core_stats(m.core).record_bytes, 0);
    CHECK_INT(record->refs, 1);
    cl_body_unref(record);
    mesh_done(&m);
}

TEST(who_says_nothing_new_keeps_what_it_said_and_is_no_news)
{
    struct mesh m;
    mesh_init(&m);
    struct cl_body *record = cl_body_new(CL_STR("said")), *other = cl_body_new(CL_STR("default"));
    CHECK_OK(DO(&m, REGISTER, registration, .agent = CL_STR("a"), .record = record, .keeps = 1));
    CHECK_INT(mesh_note(&m, CL_NOTE_AGENT_JOINED)->note.number, 0);
    CHECK_STR(cl_body_str(agent_of(&m, "a")->record), CL_STR("said")); // it had none
    m.now.ms += 5;
    CHECK_OK(DO(&m, REGISTER, registration, .agent = CL_STR("a"), .record = other, .keeps = 1));
    CHECK_INT(mesh_note(&m, CL_NOTE_AGENT_JOINED)->note.number, 2);
    CHECK_STR(cl_body_str(agent_of(&m, "a")->record), CL_STR("said"));
    CHECK_INT(agent_of(&m, "a")->seen.ms, m.now.ms);
    CHECK_OK(DO(&m, REGISTER, registration, .agent = CL_STR("a"), .record = record));
    CHECK_INT(mesh_note(&m, CL_NOTE_AGENT_JOINED)->note.number, 2);
    CHECK_OK(DO(&m, REGISTER, registration, .agent = CL_STR("a"), .record = other));
    CHECK_INT(mesh_note(&m, CL_NOTE_AGENT_JOINED)->note.number, 1);
    CHECK_STR(cl_body_str(agent_of(&m, "a")->record), CL_STR("default"));
    cl_body_unref(record);
    cl_body_unref(other);
    mesh_done(&m);
}

TEST(an_inbox_that_waited_is_adopted_by_its_agent)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_send(&m, "b", "a", "early"));
    CHECK_INT(agent_of(&m, "a")->state, CL_AGENT_ORPHAN);
    CHECK_INT(cl_core_stats(m.core).orphans, 1);
    CHECK(cl_core_agent_next(m.core, NULL) == NULL);
    mesh_register(&m, "a");
    CHECK_INT(cl_core_stats(m.core).orphans, 0);
    CHECK_INT(mesh_note(&m, CL_NOTE_AGENT_JOINED)->note.number, 0);
    CHECK_STR(mesh_queue(&m, "a"), CL_STR("early"));
    CHECK_INT(cl_core_deadline(m.core).ms % 1000, 0); // no orphan to drop, a message to expire
    mesh_done(&m);
}

TEST(an_attached_id_is_a_guest_until_its_last_connection_goes)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(attach(&m, "a"));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, NULL), 0);
    CHECK_OK(attach(&m, "a"));
    CHECK_INT(cl_core_stats(m.core).guests, 1);
    CHECK_INT(agent_of(&m, "a")->seen.ms, m.now.ms);
    CHECK_OK(detach(&m, "a"));
    CHECK(agent_of(&m, "a") != NULL);
    CHECK_OK(detach(&m, "a"));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_FORGET, "a"), 1);
    CHECK(agent_of(&m, "a") == NULL);
    CHECK_INT(detach(&m, "a"), CL_ERR_STALE);
    mesh_done(&m);
}

TEST(a_guest_with_messages_is_left_as_an_orphan)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(attach(&m, "a"));
    CHECK_OK(mesh_send(&m, "b", "a", "one"));
    CHECK_INT(cl_core_stats(m.core).orphans, 0);
    m.now.ms += 100;
    CHECK_OK(detach(&m, "a"));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_FORGET, NULL), 0);
    CHECK_INT(agent_of(&m, "a")->state, CL_AGENT_ORPHAN);
    CHECK_INT(agent_of(&m, "a")->since.ms, m.now.ms);
    CHECK_OK(attach(&m, "a"));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "a"), 1);
    CHECK_INT(agent_of(&m, "a")->state, CL_AGENT_GUEST);
    CHECK_OK(mesh_ack(&m, "a", 1, 1));
    CHECK_INT(agent_of(&m, "a")->state, CL_AGENT_GUEST);
    mesh_register(&m, "a");
    CHECK_OK(detach(&m, "a"));
    CHECK_INT(agent_of(&m, "a")->state, CL_AGENT_REGISTERED);
    mesh_done(&m);
}

TEST(an_emptied_orphan_is_gone_at_once)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(mesh_send(&m, "b", "a", "one"));
    CHECK_OK(mesh_send(&m, "b", "a", "two"));
    CHECK_OK(mesh_ack(&m, "a", 1, 1));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_FORGET, NULL), 0);
    CHECK_OK(mesh_ack(&m, "a", 2, 2));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_FORGET, "a"), 1);
    CHECK_INT(cl_core_stats(m.core).orphans, 0);
    CHECK_INT(cl_core_deadline(m.core).ms, INT64_MAX);
    mesh_done(&m);
}

TEST(attaching_needs_the_epoch_of_a_relay_that_is_up)
{
    struct mesh m;
    mesh_init(&m);
    m.origin = EPOCH + 1;
    CHECK_INT(attach(&m, "a"), CL_ERR_STALE);
    CHECK_INT(detach(&m, "a"), CL_ERR_STALE);
    m.origin = EPOCH;
    CHECK_OK(attach(&m, "a"));
    m.origin = EPOCH + 1;
    CHECK_INT(detach(&m, "a"), CL_ERR_STALE);
    mesh_register(&m, "b");
    CHECK_OK(relay_up(&m, "second", EPOCH + 1));
    CHECK_INT(detach(&m, "a"), CL_ERR_STALE); // attached elsewhere
    CHECK_INT(detach(&m, "b"), CL_ERR_STALE);
    mesh_done(&m);
}

TEST(a_starting_relay_voids_its_earlier_attachments_and_no_others)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(relay_up(&m, "second", 8));
    mesh_register(&m, "both");
    CHECK_OK(attach(&m, "both"));
    CHECK_OK(attach(&m, "queued"));
    CHECK_OK(attach(&m, "idle"));
    m.origin = EPOCH;
    CHECK_OK(attach(&m, "both"));
    CHECK_OK(attach(&m, "first"));
    CHECK_OK(mesh_send(&m, "x", "queued", "one"));

    CHECK_OK(relay_up(&m, "second", 9));
    CHECK_INT(mesh_note(&m, CL_NOTE_RELAY_UP)->note.number, 3);
    CHECK_STR(mesh_note(&m, CL_NOTE_RELAY_UP)->agent, CL_STR("second"));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_FORGET, "idle"), 1);
    CHECK_INT(agent_of(&m, "queued")->state, CL_AGENT_ORPHAN);
    CHECK_INT(agent_of(&m, "first")->state, CL_AGENT_GUEST);
    CHECK_INT(agent_of(&m, "both")->attachments_len, 1);
    m.origin = 8;
    CHECK_INT(attach(&m, "both"), CL_ERR_STALE); // a late command of the earlier run
    mesh_done(&m);
}

TEST(an_epoch_belongs_to_one_relay)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_INT(relay_up(&m, "other", EPOCH), CL_ERR_STALE);
    CHECK_OK(relay_up(&m, "r", EPOCH));
    mesh_done(&m);
}

TEST(relays_are_bounded)
{
    struct mesh m;
    char name[] = "r00";
    mesh_init(&m);
    for (uint64_t i = 1; i < CL_RELAYS_MAX; i++) {
        name[1] = (char)('0' + i / 10);
        name[2] = (char)('0' + i % 10);
        CHECK_OK(relay_up(&m, name, 100 + i));
    }
    CHECK_INT(relay_up(&m, "one more", 1000), CL_ERR_TOO_MANY);
    CHECK_OK(relay_up(&m, "r", 1001));
    mesh_done(&m);
}

TEST(resume_says_which_attached_agents_have_messages)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "full");
    mesh_register(&m, "away");
    mesh_register(&m, "empty");
    CHECK_OK(attach(&m, "full"));
    CHECK_OK(attach(&m, "empty"));
    CHECK_OK(attach(&m, "guest"));
    CHECK_OK(mesh_send(&m, "x", "full", "1"));
    CHECK_OK(mesh_send(&m, "x", "away", "1"));
    CHECK_OK(mesh_send(&m, "x", "guest", "1"));
    cl_effects_clear(&m.effects);
    cl_core_resume(m.core, &m.effects);
    CHECK_INT(m.effects.len, 2);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "full"), 1);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY, "guest"), 1);
    mesh_done(&m);
}

TEST(only_a_silent_idle_agent_is_forgotten)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "a");
    struct cl_body *record = cl_body_new(CL_STR("{}"));
    CHECK_OK(DO(&m, REGISTER, registration, .agent = CL_STR("a"), .record = record));
    cl_body_unref(record);
    CHECK_INT(DO(&m, FORGET, forget, .agent = CL_STR("nobody")), CL_ERR_NO_AGENT);
    CHECK_OK(attach(&m, "guest"));
    CHECK_INT(DO(&m, FORGET, forget, .agent = CL_STR("guest")), CL_ERR_NO_AGENT);
    m.now.ms += CL_AGENT_SILENT_MS - 1;
    CHECK_INT(DO(&m, FORGET, forget, .agent = CL_STR("a")), CL_ERR_STALE);
    m.now.ms += 1;
    CHECK_OK(attach(&m, "a"));
    m.now.ms += CL_AGENT_SILENT_MS;
    CHECK_INT(DO(&m, FORGET, forget, .agent = CL_STR("a")), CL_ERR_STALE); // attached
    CHECK_OK(detach(&m, "a"));
    CHECK_OK(mesh_send(&m, "x", "a", "1"));
    CHECK_INT(DO(&m, FORGET, forget, .agent = CL_STR("a")), CL_ERR_STALE); // has a message
    CHECK_OK(mesh_ack(&m, "a", 1, 1));
    CHECK_INT(DO(&m, FORGET, forget, .agent = CL_STR("a")), CL_ERR_STALE); // the ack was heard
    m.now.ms += CL_AGENT_SILENT_MS;
    CHECK_OK(DO(&m, FORGET, forget, .agent = CL_STR("a")));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_FORGET, "a"), 1);
    CHECK_INT(mesh_notes(&m, CL_NOTE_AGENT_FORGOTTEN, "a"), 1);
    CHECK(agent_of(&m, "a") == NULL);
    CHECK_INT(cl_core_stats(m.core).agents, 0);
    CHECK_INT(cl_core_stats(m.core).record_bytes, 0);
    mesh_done(&m);
}

TEST(agents_are_bounded)
{
    struct cl_core *core = cl_core_new(&test_key);
    struct cl_effects effects;
    uint32_t id = 1;
    struct cl_command draft = {.kind = CL_COMMAND_REGISTER,
                               .registration = {.agent = cl_str_of(&id, sizeof id)}};
    cl_effects_init(&effects);
    for (; id <= CL_AGENTS_MAX; id++) {
        cl_effects_clear(&effects);
        cl_core_apply(core, &draft, &effects);
    }
    CHECK_INT(cl_core_stats(core).agents, CL_AGENTS_MAX);
    CHECK_INT(cl_core_admit(core, &draft), CL_ERR_TOO_MANY);
    struct cl_command send = {
        .kind = CL_COMMAND_SEND,
        .send = {.to = CL_STR("late"), .from = CL_STR("x"), .expires = CL_TIME_NEVER}};
    cl_core_apply(core, &send, &effects);
    draft.registration.agent = CL_STR("late");
    CHECK_INT(cl_core_admit(core, &draft), CL_ERR_TOO_MANY); // an orphan is not registered
    id = 7;
    draft.registration.agent = cl_str_of(&id, sizeof id);
    CHECK_OK(cl_core_admit(core, &draft)); // a known one may register again
    cl_effects_done(&effects);
    cl_core_free(core);
}

TEST(records_are_bounded_together)
{
    struct mesh m;
    mesh_init(&m);
    struct cl_body *record = cl_body_new_blank(CL_BODY_BYTES_MAX);
    memset(record->bytes, 'r', CL_BODY_BYTES_MAX);
    uint32_t id = 0;
    for (; id < CL_RECORDS_BYTES_MAX / CL_BODY_BYTES_MAX; id++)
        CHECK_OK(
            DO(&m, REGISTER, registration, .agent = cl_str_of(&id, sizeof id), .record = record));
    CHECK_INT(DO(&m, REGISTER, registration, .agent = CL_STR("more"), .record = record),
              CL_ERR_FULL);
    CHECK_OK(DO(&m, REGISTER, registration, .agent = CL_STR("more")));
    id = 0;
    CHECK_OK(DO(&m, REGISTER, registration, .agent = cl_str_of(&id, sizeof id), .record = record));
    cl_body_unref(record);
    mesh_done(&m);
}

TEST(commands_of_the_session_are_not_for_the_core)
{
    struct mesh m;
    mesh_init(&m);
    for (enum cl_command_kind kind = CL_COMMAND_HEARTBEAT; kind <= CL_COMMAND_COUNT; kind++) {
        struct cl_range range = {CL_PRIORITY_LOW, 1, 1};
        struct cl_command draft = {.kind = kind, .open = {.agent = CL_STR("a"), .holder = 1}};
        if (kind == CL_COMMAND_SETTLE_RANGES)
            draft.settle_ranges = (struct cl_command_settle_ranges){.ranges = {&range, 1}};
        if (kind == CL_COMMAND_RELEASE)
            draft.release = (struct cl_command_release){.ranges = {&range, 1}};
        CHECK_INT(cl_core_admit(m.core, &draft), CL_ERR_MALFORMED);
    }
    struct cl_command lapse = {.kind = CL_COMMAND_LAPSE};
    CHECK_INT(cl_core_admit(m.core, &lapse), CL_ERR_MALFORMED);
    mesh_done(&m);
}

TEST(journal_time_never_goes_back_and_every_command_counts)
{
    struct mesh m;
    mesh_init(&m);
    int64_t before = m.now.ms;
    CHECK_INT(cl_core_time(m.core).ms, before);
    CHECK_INT(cl_core_applied(m.core), 1);
    m.now.ms -= 500;
    mesh_register(&m, "a");
    CHECK_INT(cl_core_time(m.core).ms, before);
    CHECK_INT(agent_of(&m, "a")->since.ms, before);
    m.now.ms += 600;
    CHECK_INT(detach(&m, "a"), CL_ERR_STALE); // a refused one is applied too
    CHECK_INT(cl_core_time(m.core).ms, before + 100);
    CHECK_INT(cl_core_applied(m.core), 3);
    mesh_done(&m);
}

TEST(notes_have_their_names_in_the_log)
{
    CHECK_STR(cl_str_z(cl_note_event(CL_NOTE_AGENT_JOINED)), CL_STR("agent.joined"));
    CHECK_STR(cl_str_z(cl_note_event(CL_NOTE_FILE_UPDATED)), CL_STR("file.updated"));
}
