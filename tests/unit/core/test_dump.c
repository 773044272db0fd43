// SPDX-License-Identifier: MIT
#include "core/state.h"
#include "support/fault.h"
#include "support/rng.h"
#include "support/test.h"
#include "unit/core/mesh.h"

static struct rng random_state;

static uint64_t
below(uint64_t count)
{
    return rng_below(&random_state, count);
}

static const char *
any_id(void)
{
    static const char *const ids[] = {"a", "b", "c", "d", "e", "stray", "late"};
    return ids[below(sizeof ids / sizeof *ids)];
}

static uint64_t sent; // tracked messages so far

static cl_id
any_sent(void)
{
    return mesh_id(1 + below(sent + 2));
}

static void
random_tracked(struct mesh *m)
{
    sent++;
    uint64_t number = sent - (below(5) == 0 ? below(sent) : 0);
    (void)DO(m, SEND, send, .to = cl_str_z(any_id()), .from = cl_str_z(any_id()),
             .id = mesh_id(number), .re = any_sent(), .stream = below(7), .seq = number,
             .priority = (uint8_t)below(CL_PRIORITY_COUNT),
             .flags = CL_MSG_TRACKED | (uint8_t)(below(2) * CL_MSG_DECLARED),
             .root = below(2) == 0 ? any_sent() : mesh_id(0), .hops = (uint8_t)below(3),
             .thread = below(2) == 0 ? CL_STR("thread") : CL_STR(""),
             .attempts_max = (uint8_t)below(3), .trust = (uint8_t)below(CL_TRUST_COUNT),
             .blob = cl_str_of(&"01234567890123456789012345678901234"[below(3)],
                               below(2) * sizeof(cl_digest)),
             .expires = {m->now.ms + (int64_t)below(50000)});
}

/* One command of any kind, likely or not; refusals are part of a history. */
static void
random_step(struct mesh *m)
{
    m->now.ms += (int64_t)below(3) * (int64_t)below(4000);
    m->origin = EPOCH + below(2);
    struct cl_range range = {(enum cl_priority)below(CL_PRIORITY_COUNT), 1 + below(20), 0};
    range.last = range.first + below(4);
    switch (below(17)) {
    case 0:
        (void)DO(m, REGISTER, registration, .agent = cl_str_z(any_id()));
        break;
    case 1:
        (void)DO(m, ATTACH, attach, .agent = cl_str_z(any_id()));
        break;
    case 2:
        (void)DO(m, DETACH, detach, .agent = cl_str_z(any_id()));
        break;
    case 3:
        (void)mesh_publish(m, any_id(), "news");
        break;
    case 4:
        (void)mesh_put_file(m, any_id(), any_id(), "content");
        break;
    case 5:
        (void)DO(m, TICK, tick, .due = m->now);
        break;
    case 6:
        if (below(10) == 0)
            (void)DO(m, RELAY_UP, relay_up, .relay = CL_STR("second"), .inbox_messages_max = 50,
                     .inbox_bytes_max = CL_MIB, .inboxes_bytes_max = CL_MIB);
        break;
    case 7:
    case 8:
        (void)DO(m, ACK, ack, .agent = cl_str_z(any_id()), .rung = CL_RUNG_DELIVERED,
                 .ranges = {&range, 1});
        break;
    case 9:
    case 10:
        random_tracked(m);
        break;
    case 11:
        (void)DO(m, REPORT, report, .agent = cl_str_z(any_id()), .id = any_sent(),
                 .rung = (uint8_t)below(CL_RUNG_COUNT),
                 .outcome = (uint8_t)below(CL_OUTCOME_CLAIMED_MAX + 1), .reason = CL_STR("why"));
        break;
    case 12:
        range.last = range.first;
        (void)DO(m, REFUSE, refuse, .agent = cl_str_z(any_id()), .reason = CL_STR("no"),
                 .ranges = {&range, 1});
        break;
    case 13:
        (void)DO(m, RELEASED, released, .agent = cl_str_z(any_id()), .ranges = {&range, 1});
        if (below(2) == 0)
            (void)DO(m, DEAD_RETRY, dead_retry, .id = any_sent(), .expires = CL_TIME_NEVER);
        break;
    case 14:
        (void)DO(m, ONCE, once,
                 .digest = cl_str_of(&"0123456789012345678901234567890123456789"[below(8)], 32),
                 .until = {m->now.ms + (int64_t)below(50000)});
        break;
    default:
        (void)DO(m, SEND, send, .to = cl_str_z(any_id()), .from = cl_str_z(any_id()),
                 .priority = (uint8_t)below(CL_PRIORITY_COUNT),
                 .expires = {m->now.ms + (int64_t)below(50000)});
        break;
    }
}

static void
random_history(struct mesh *m, uint64_t with_seed, unsigned steps)
{
    random_state.state = with_seed;
    sent = 0;
    test_note("seed %u", (unsigned)with_seed);
    mesh_init(m);
    struct cl_body *record = cl_body_new(CL_STR("{\"name\":\"A\"}"));
    CHECK_OK(DO(m, REGISTER, registration, .agent = CL_STR("a"), .record = record));
    cl_body_unref(record);
    for (unsigned i = 0; i < steps; i++)
        random_step(m);
}

static struct cl_buf
dump(const struct cl_core *core)
{
    struct cl_buf buf;
    cl_buf_init(&buf, SIZE_MAX);
    CHECK_OK(cl_core_dump(core, &buf));
    return buf;
}

static struct cl_core *
reload(const struct cl_core *core)
{
    static const cl_hash_key other_key = {{42}};
    struct cl_core *copy;
    struct cl_buf bytes = dump(core);
    CHECK_OK(cl_core_load(cl_buf_str(&bytes), &other_key, &copy));
    struct cl_buf again = dump(copy);
    CHECK_STR(cl_buf_str(&again), cl_buf_str(&bytes));
    cl_buf_done(&again);
    cl_buf_done(&bytes);
    return copy;
}

TEST(a_loaded_state_is_the_dumped_one)
{
    for (uint64_t s = 1; s <= 20; s++) {
        struct mesh m;
        random_history(&m, s, 300);
        struct cl_core *copy = reload(m.core);
        cl_core_check(copy);
        CHECK(mesh_hash_eq(mesh_hash(copy), mesh_hash(m.core)));
        CHECK_INT(cl_core_deadline(copy).ms, cl_core_deadline(m.core).ms);
        CHECK_INT(cl_core_stats(copy).inbox_bytes, cl_core_stats(m.core).inbox_bytes);
        cl_core_free(copy);
        mesh_done(&m);
    }
}

static bool
is_same_effect(const struct cl_effect *a, const struct cl_effect *b)
{
    if (a->kind != b->kind || !cl_str_eq(a->agent, b->agent))
        return false;
    if (a->kind == CL_EFFECT_REPLY)
        return a->reply.err == b->reply.err && a->reply.recipients == b->reply.recipients &&
               a->reply.version == b->reply.version;
    if (a->kind == CL_EFFECT_NOTE)
        return a->note.id == b->note.id && a->note.number == b->note.number &&
               cl_str_eq(a->note.file, b->note.file);
    return true;
}

TEST(a_loaded_core_goes_on_exactly_as_the_first_would)
{
    for (uint64_t s = 1; s <= 10; s++) {
        struct mesh m;
        struct mesh twin;
        random_history(&m, s, 200);
        twin = m;
        twin.core = reload(m.core);
        twin.effects = (struct cl_effects){0};
        cl_effects_clear(&m.effects); // a step may be none at all
        for (unsigned i = 0; i < 200; i++) {
            struct rng before = random_state;
            uint64_t sent_before = sent;
            random_step(&m);
            random_state = before;
            sent = sent_before;
            random_step(&twin);
            CHECK_INT(m.effects.len, twin.effects.len);
            for (size_t j = 0; j < m.effects.len; j++)
                CHECK(is_same_effect(&m.effects.items[j], &twin.effects.items[j]));
        }
        CHECK(mesh_hash_eq(mesh_hash(twin.core), mesh_hash(m.core)));
        cl_effects_done(&twin.effects);
        cl_core_free(twin.core);
        mesh_done(&m);
    }
}

TEST(the_hash_shows_any_difference)
{
    struct mesh m;
    mesh_init(&m);
    cl_hash128 before = mesh_hash(m.core);
    CHECK_INT(DO(&m, TICK, tick, .due = m.now), CL_ERR_STALE);
    CHECK(!mesh_hash_eq(before, mesh_hash(m.core))); // one more was applied
    mesh_done(&m);
}

TEST(a_dump_cut_anywhere_is_refused)
{
    struct mesh m;
    struct cl_core *copy = NULL;
    random_history(&m, 3, 60);
    struct cl_buf bytes = dump(m.core);
    for (size_t len = 0; len < bytes.len; len++)
        CHECK_INT(cl_core_load(cl_str_of(bytes.ptr, len), &test_key, &copy), CL_ERR_MALFORMED);
    CHECK_OK(cl_buf_append_byte(&bytes, 0));
    CHECK_INT(cl_core_load(cl_buf_str(&bytes), &test_key, &copy), CL_ERR_MALFORMED);
    CHECK(copy == NULL);
    cl_buf_done(&bytes);
    mesh_done(&m);
}

TEST(a_changed_dump_is_refused_or_is_another_state)
{
    struct mesh m;
    unsigned loaded = 0;
    random_history(&m, 5, 24);
    struct cl_buf bytes = dump(m.core);
    for (size_t i = 0; i < bytes.len * 8; i++) {
        struct cl_core *copy;
        bytes.ptr[i / 8] ^= (char)(1u << (i % 8));
        enum cl_err err = cl_core_load(cl_buf_str(&bytes), &test_key, &copy);
        CHECK(err == CL_OK || err == CL_ERR_MALFORMED || err == CL_ERR_TOO_LARGE);
        if (err == CL_OK) {
            struct cl_buf again = dump(copy);
            CHECK_STR(cl_buf_str(&again), cl_buf_str(&bytes));
            cl_buf_done(&again);
            cl_core_free(copy);
            loaded++;
        }
        bytes.ptr[i / 8] ^= (char)(1u << (i % 8));
    }
    CHECK(loaded > 0 && loaded < bytes.len * 8);
    cl_buf_done(&bytes);
    mesh_done(&m);
}

/* A registered agent, a guest, an orphan, a broadcast, a file of two versions. */
static void
small_history(struct mesh *m)
{
    mesh_init(m);
    struct cl_body *record = cl_body_new(CL_STR("{}"));
    CHECK_OK(DO(m, REGISTER, registration, .agent = CL_STR("a"), .record = record));
    cl_body_unref(record);
    CHECK_OK(DO(m, ATTACH, attach, .agent = CL_STR("a")));
    CHECK_OK(DO(m, ATTACH, attach, .agent = CL_STR("guest")));
    CHECK_OK(mesh_send(m, "b", "orphan", "x"));
    CHECK_OK(mesh_send(m, "b", "a", "x"));
    CHECK_OK(mesh_publish(m, "b", "news"));
    CHECK_OK(mesh_put_file(m, "plan", "b", "1"));
    CHECK_OK(mesh_put_file(m, "plan", "b", "2"));
}

TEST(without_memory_nothing_is_loaded_dumped_or_hashed)
{
    struct mesh m;
    small_history(&m);
    struct cl_buf bytes = dump(m.core);
    FOR_EACH_FAULT
    {
        struct cl_core *copy = NULL;
        enum cl_err err = cl_core_load(cl_buf_str(&bytes), &test_key, &copy);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        CHECK((copy == NULL) == fault_happened());
        cl_core_free(copy);
    }
    FOR_EACH_FAULT
    {
        cl_hash128 hash;
        enum cl_err err = cl_core_hash(m.core, &hash);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
    }
    cl_buf_done(&bytes);
    mesh_done(&m);
}

TEST(a_dump_past_the_buffers_maximum_leaves_it_as_it_was)
{
    struct mesh m;
    struct cl_buf buf;
    mesh_init(&m);
    cl_buf_init(&buf, 20);
    CHECK_OK(cl_buf_append(&buf, CL_STR("before")));
    CHECK_INT(cl_core_dump(m.core, &buf), CL_ERR_TOO_LARGE);
    CHECK_STR(cl_buf_str(&buf), CL_STR("before"));
    cl_buf_done(&buf);
    mesh_done(&m);
}

/* Breaks one value at a time; each must be named, and the dump of it refused. */
#define CHECK_FAULT(place, wrong)             \
    do {                                      \
        __typeof__(place) right = (place);    \
        test_note("%s = %s", #place, #wrong); \
        (place) = (wrong);                    \
        CHECK(cl_state_fault(core) != NULL);  \
        (place) = right;                      \
        CHECK(cl_state_fault(core) == NULL);  \
    } while (0)

/* The same, for what the dump carries. */
#define CHECK_REFUSED(place, wrong)           \
    do {                                      \
        __typeof__(place) right = (place);    \
        test_note("%s = %s", #place, #wrong); \
        (place) = (wrong);                    \
        CHECK(is_refused(core));              \
        (place) = right;                      \
        CHECK(!is_refused(core));             \
    } while (0)

static bool
is_refused(const struct cl_core *core)
{
    struct cl_core *copy;
    struct cl_buf bytes = dump(core);
    enum cl_err err = cl_core_load(cl_buf_str(&bytes), &test_key, &copy);
    cl_buf_done(&bytes);
    if (err == CL_OK)
        cl_core_free(copy);
    return err != CL_OK;
}

static struct cl_agent *
agent_of(const struct cl_core *core, const char *id)
{
    return cl_map_get(&core->agents_by_id, cl_str_z(id));
}

TEST(every_broken_invariant_of_agents_is_seen)
{
    struct mesh m;
    small_history(&m);
    struct cl_core *core = m.core;
    struct cl_agent *a = agent_of(core, "a");
    struct cl_agent *guest = agent_of(core, "guest");
    struct cl_agent *orphan = agent_of(core, "orphan");
    int64_t future = core->time.ms + 1;
    CHECK_FAULT(a->number, 0);
    CHECK_FAULT(a->number, core->births + 1);
    CHECK_FAULT(a->since.ms, future);
    CHECK_FAULT(a->updated.ms, future);
    CHECK_FAULT(a->seen.ms, future);
    CHECK_FAULT(guest->attachments_len, 0);
    CHECK_FAULT(guest->record, a->record);
    CHECK_FAULT(guest->state, CL_AGENT_REGISTERED);
    CHECK_FAULT(guest->attachments[0].count, 0);
    CHECK_FAULT(guest->attachments[0].relay, 1);
    CHECK_FAULT(orphan->inbox.count, 0);
    CHECK_FAULT(orphan->expiry.place, 0);
    CHECK_FAULT(orphan->expiry.key, 0);
    CHECK_FAULT(guest->expiry.place, 1);
    CHECK_FAULT(core->agents_count[CL_AGENT_GUEST], 0);
    CHECK_FAULT(core->agents_by_id.count, 2);
    CHECK_FAULT(core->record_bytes, 0);
    CHECK_FAULT(core->expiries.len, 1);
    CHECK_FAULT(a->id.len, 0);
    CHECK_OK(mesh_send(&m, "b", "late orphan", "x"));
    struct cl_agent *late = agent_of(core, "late orphan");
    CHECK_FAULT(late->since.ms, orphan->since.ms - 1);
    orphan->attachments_len = 1;
    struct cl_attachment attachment = {0, 1};
    orphan->attachments = &attachment;
    CHECK(cl_state_fault(core) != NULL);
    orphan->attachments_len = 0;
    orphan->attachments = NULL;
    mesh_done(&m);
}

TEST(every_broken_invariant_of_messages_and_files_is_seen)
{
    struct mesh m;
    small_history(&m);
    struct cl_core *core = m.core;
    struct cl_msg *msg = cl_topic_at(&core->topic, 0);
    struct cl_file *file = cl_map_get(&core->files, CL_STR("plan"));
    int64_t future = core->time.ms + 1;
    CHECK_FAULT(msg->number, 0);
    CHECK_FAULT(msg->number, core->births + 1);
    CHECK_FAULT(msg->number, 1);
    CHECK_FAULT(msg->created.ms, future);
    CHECK_FAULT(msg->expires.ms, msg->created.ms);
    CHECK_FAULT(msg->expires.ms, msg->expires.ms + 1);
    CHECK_FAULT(msg->hops, 1);
    CHECK_FAULT(msg->attempts, 1);
    CHECK_FAULT(msg->attempts_max, 1);
    CHECK_FAULT(msg->refs, 0);
    CHECK_FAULT(msg->refs, msg->refs + 1);
    CHECK_FAULT(msg->waiting, msg->refs + 1);
    CHECK_FAULT(msg->waiting, 0);
    CHECK_FAULT(core->waiting, 0);
    CHECK_FAULT(core->inbox_bytes, 0);
    CHECK_FAULT(core->topic.bytes, 0);
    CHECK_FAULT(core->topic.ever, 0);
    CHECK_FAULT(core->file_bytes, 0);
    CHECK_FAULT(file->versions_len, 0);
    CHECK_FAULT(file->versions_len, CL_FILE_VERSIONS_KEPT + 1);
    CHECK_FAULT(file->versions[0]->updated.ms, future);
    CHECK_FAULT(file->versions[0]->version, 3);
    CHECK_FAULT(file->versions[1]->version, 0);
    CHECK_OK(mesh_ack(&m, "a", 2, 2)); // now the topic alone holds it
    CHECK_FAULT(msg->expires.ms, msg->created.ms);
    mesh_done(&m);
}

TEST(a_dump_that_could_not_be_is_refused)
{
    struct mesh m;
    small_history(&m);
    struct cl_core *core = m.core;
    struct cl_agent *a = agent_of(core, "a");
    struct cl_agent *orphan = agent_of(core, "orphan");
    struct cl_msg *msg = cl_topic_at(&core->topic, 0);
    struct cl_file *file = cl_map_get(&core->files, CL_STR("plan"));
    CHECK_REFUSED(core->relays[0]->name.len, 0);
    CHECK_REFUSED(core->time.ms, CL_COMMAND_TIME_MS_MAX + 1);
    CHECK_REFUSED(core->topic.ever, 0);
    CHECK_REFUSED(msg->number, UINT64_MAX);
    CHECK_REFUSED(msg->kind, CL_MSG_KIND_COUNT);
    CHECK_REFUSED(msg->flags, CL_MSG_FLAGS + 1);
    CHECK_REFUSED(msg->trust, CL_TRUST_COUNT);
    CHECK_REFUSED(msg->priority, CL_PRIORITY_LOW + 1);
    CHECK_REFUSED(msg->created.ms, -1);
    CHECK_REFUSED(a->state, CL_AGENT_STATE_COUNT);
    CHECK_REFUSED(a->state, CL_AGENT_ORPHAN); // then states do not rise
    CHECK_REFUSED(a->id.len, 0);
    CHECK_REFUSED(a->attachments[0].relay, 5);
    CHECK_REFUSED(a->attachments[0].count, 0);
    CHECK_REFUSED(a->inbox.earliest.ms, INT64_MAX);
    CHECK_REFUSED(a->inbox.lanes[CL_PRIORITY_LOW].next, 0);
    a->inbox.lanes[CL_PRIORITY_LOW].first = UINT64_MAX; // an empty lane
    a->inbox.lanes[CL_PRIORITY_LOW].next = UINT64_MAX;
    CHECK(is_refused(core));
    a->inbox.lanes[CL_PRIORITY_LOW].next = 1;
    a->inbox.lanes[CL_PRIORITY_LOW].first = 1;
    CHECK_REFUSED(orphan->id, a->id);
    CHECK_REFUSED(file->versions[0]->version, 7);
    CHECK_REFUSED(file->key.len, 0);
    mesh_done(&m);
}

TEST(relays_in_a_dump_are_few_and_each_its_own)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(cl_state_relay_add(m.core, CL_STR("second"), EPOCH + 1));
    CHECK(!is_refused(m.core));
    struct cl_core *core = m.core;
    CHECK_REFUSED(core->relays[1]->epoch, EPOCH);
    CHECK_REFUSED(core->relays[1]->name, CL_STR("r"));
    char name[] = "r00";
    for (uint64_t i = 2; i < CL_RELAYS_MAX; i++) {
        name[1] = (char)('0' + i / 10);
        name[2] = (char)('0' + i % 10);
        CHECK_OK(cl_state_relay_add(m.core, cl_str_z(name), 100 + i));
    }
    struct cl_buf bytes = dump(m.core);
    size_t limits = 4 + 8 + 8 + 7 * 4 + 8;
    size_t count_at = 1 + 8 + 8 + 8 + 8 + limits;
    size_t end = count_at + 4;
    for (uint32_t i = 0; i < m.core->relays_len; i++)
        end += 4 + m.core->relays[i]->name.len + 8;
    CHECK_INT(bytes.ptr[count_at], CL_RELAYS_MAX);
    struct cl_buf more; // the same with one relay more
    cl_buf_init(&more, SIZE_MAX);
    CHECK_OK(cl_buf_append(&more, cl_str_of(bytes.ptr, end)));
    CHECK_OK(cl_buf_append(&more, CL_STR("\1\0\0\0zzzzzzzzz")));
    CHECK_OK(cl_buf_append(&more, cl_str_of(bytes.ptr + end, bytes.len - end)));
    more.ptr[count_at]++;
    struct cl_core *copy;
    CHECK_INT(cl_core_load(cl_buf_str(&more), &test_key, &copy), CL_ERR_MALFORMED);
    cl_buf_done(&more);
    cl_buf_done(&bytes);
    mesh_done(&m);
}

TEST(a_lane_in_a_dump_is_not_too_long)
{
    struct mesh m;
    struct cl_core *copy;
    mesh_init(&m);
    mesh_register(&m, "a");
    CHECK_OK(mesh_send(&m, "b", "a", "1"));
    CHECK_OK(mesh_send(&m, "b", "a", "2"));
    struct cl_buf bytes = dump(m.core);
    // The second entry's number stands before the four ends of lanes and the empty rest.
    size_t rest = 8 + 4 + 4 + 4 * 4 + 8 + 4 + 4;
    size_t seq_at = bytes.len - rest - 4 * 8 - 8;
    CHECK_INT(bytes.ptr[seq_at], 2);
    bytes.ptr[seq_at] = 1;
    bytes.ptr[seq_at + 3] = 1; // 1 + CL_LANE_SPAN_MAX: no room for one more
    CHECK_INT(cl_core_load(cl_buf_str(&bytes), &test_key, &copy), CL_ERR_MALFORMED);
    bytes.ptr[seq_at] = 2;
    CHECK_INT(cl_core_load(cl_buf_str(&bytes), &test_key, &copy), CL_ERR_MALFORMED);
    cl_buf_done(&bytes);
    mesh_done(&m);
}
