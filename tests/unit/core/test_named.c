// SPDX-License-Identifier: MIT
/* Blobs that messages name: counted by records, told when the last one goes. */
#include "core/state.h"
#include "support/fault.h"
#include "support/test.h"
#include "unit/core/mesh.h"

static const cl_digest one = {{1, 2, 3}}, two = {{1, 2, 4}};

static cl_str
name(const cl_digest *digest)
{
    return cl_str_of(digest->bytes, sizeof digest->bytes);
}

static enum cl_err
send(struct mesh *m, const char *to, uint64_t number, const cl_digest *blob)
{
    return mesh_send_fields(m, (struct cl_command_send){.from = CL_STR("a"),
                                                        .to = cl_str_z(to),
                                                        .id = mesh_id(number),
                                                        .stream = 1,
                                                        .seq = number,
                                                        .flags = CL_MSG_TRACKED,
                                                        .blob = name(blob)});
}

/* The last command's effects say that this blob went, and no other. */
static void
check_unnamed(const struct mesh *m, const cl_digest *digest)
{
    CHECK_INT(mesh_effects(m, CL_EFFECT_UNNAMED, NULL), 1);
    CHECK(cl_digest_eq(mesh_effect(m, CL_EFFECT_UNNAMED)->unnamed.digest, digest));
    CHECK(!cl_core_names_blob(m->core, digest));
}

static void
check_named(const struct mesh *m, const cl_digest *digest)
{
    CHECK_INT(mesh_effects(m, CL_EFFECT_UNNAMED, NULL), 0);
    CHECK(cl_core_names_blob(m->core, digest));
}

TEST(blob_is_named_until_its_message_is_acknowledged)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK(!cl_core_names_blob(m.core, &one));
    CHECK_OK(send(&m, "b", 1, &one));
    check_named(&m, &one);
    CHECK(!cl_core_names_blob(m.core, &two));
    uint32_t at = 0;
    CHECK(cl_digest_eq(cl_core_blob_next(m.core, &at), &one));
    CHECK(cl_core_blob_next(m.core, &at) == NULL);
    CHECK_OK(mesh_ack(&m, "b", mesh_first(&m, "b"), mesh_first(&m, "b")));
    check_unnamed(&m, &one);
    at = 0;
    CHECK(cl_core_blob_next(m.core, &at) == NULL); // its receipt is kept, and names nothing
    CHECK(cl_core_receipt(m.core, mesh_id(1)) != NULL);
    mesh_done(&m);
}

TEST(the_last_of_several_messages_counts)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    mesh_register(&m, "c");
    CHECK_OK(send(&m, "b", 1, &one));
    CHECK_OK(send(&m, "c", 2, &one));
    CHECK_OK(send(&m, "b", 3, &two));
    CHECK_OK(mesh_ack(&m, "b", mesh_first(&m, "b"), mesh_first(&m, "b")));
    check_named(&m, &one);
    CHECK_OK(mesh_ack(&m, "b", mesh_first(&m, "b"), mesh_first(&m, "b")));
    check_unnamed(&m, &two);
    CHECK_OK(mesh_ack(&m, "c", mesh_first(&m, "c"), mesh_first(&m, "c")));
    check_unnamed(&m, &one);
    mesh_done(&m);
}

TEST(duplicates_and_refused_messages_name_nothing)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(send(&m, "b", 1, &one));
    CHECK_OK(mesh_ack(&m, "b", mesh_first(&m, "b"), mesh_first(&m, "b")));
    struct cl_command again = {
        .kind = CL_COMMAND_SEND,
        .send = {.from = CL_STR("a"), .id = mesh_id(1), .stream = 1, .seq = 1}};
    CHECK(cl_core_has_come(m.core, &again));
    again.send.seq = 2;
    again.send.id = mesh_id(2);
    CHECK(!cl_core_has_come(m.core, &again));
    CHECK_OK(send(&m, "b", 1, &two));
    CHECK(!cl_core_names_blob(m.core, &two));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_UNNAMED, NULL), 0);
    struct cl_command_send odd = {
        .from = CL_STR("a"), .to = CL_STR("b"), .blob = cl_str_of(one.bytes, 31)};
    CHECK_INT(mesh_send_fields(&m, odd), CL_ERR_MALFORMED);
    CHECK_INT(DO(&m, PUBLISH, publish, .from = CL_STR("a"), .expires = CL_TIME_NEVER,
                 .blob = cl_str_of(one.bytes, 1)),
              CL_ERR_MALFORMED);
    mesh_done(&m);
}

TEST(dead_letter_keeps_its_blob)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(send(&m, "b", 1, &one));
    struct cl_range range = {CL_PRIORITY_NORMAL, mesh_first(&m, "b"), mesh_first(&m, "b")};
    CHECK_OK(DO(&m, REFUSE, refuse, .agent = CL_STR("b"), .ranges = {&range, 1}));
    check_named(&m, &one);
    CHECK_OK(DO(&m, DEAD_RETRY, dead_retry, .id = mesh_id(1), .expires = CL_TIME_NEVER));
    check_named(&m, &one);
    range.first = range.last = mesh_first(&m, "b");
    CHECK_OK(DO(&m, REFUSE, refuse, .agent = CL_STR("b"), .ranges = {&range, 1}));
    CHECK_OK(DO(&m, DEAD_DROP, dead_drop, .id = mesh_id(1)));
    check_unnamed(&m, &one);
    mesh_done(&m);
}

TEST(what_a_tick_takes_is_told_of_each_blob)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(send(&m, "stray", 1, &one));
    CHECK_OK(send(&m, "stray", 2, &two));
    m.now.ms += CL_MESSAGE_LIFE_MS;
    CHECK_OK(DO(&m, TICK, tick, .due = m.now));
    check_named(&m, &one); // as a dead letter
    m.now.ms += CL_DEAD_LIFE_MS;
    CHECK_OK(DO(&m, TICK, tick, .due = m.now));
    CHECK_INT(mesh_effects(&m, CL_EFFECT_UNNAMED, NULL), 2);
    CHECK(!cl_core_names_blob(m.core, &one));
    CHECK(!cl_core_names_blob(m.core, &two));
    mesh_done(&m);
}

static enum cl_err
publish(struct mesh *m, const cl_digest *blob)
{
    return DO(m, PUBLISH, publish, .from = CL_STR("a"), .topic = CL_STR("t"),
              .priority = CL_PRIORITY_NORMAL, .expires = CL_TIME_NEVER, .blob = name(blob));
}

TEST(broadcast_names_its_blob_while_somebody_has_not_taken_it)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(publish(&m, &one)); // to nobody
    check_unnamed(&m, &one);
    mesh_register(&m, "b");
    mesh_register(&m, "c");
    CHECK_OK(publish(&m, &one));
    check_named(&m, &one);
    CHECK(cl_core_broadcast(m.core, 0) == NULL); // what is kept has no end
    CHECK_INT(cl_core_stats(m.core).broadcasts, 2);
    CHECK_OK(mesh_ack(&m, "b", mesh_first(&m, "b"), mesh_first(&m, "b")));
    check_named(&m, &one);
    CHECK_OK(mesh_ack(&m, "c", mesh_first(&m, "c"), mesh_first(&m, "c")));
    check_unnamed(&m, &one);
    mesh_done(&m);
}

TEST(names_outlive_a_dump)
{
    struct mesh m;
    struct cl_buf dump;
    struct cl_core *loaded;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(send(&m, "b", 1, &one));
    CHECK_OK(send(&m, "b", 2, &one));
    cl_buf_init(&dump, CL_MIB);
    CHECK_OK(cl_core_dump(m.core, &dump));
    CHECK_OK(cl_core_load(cl_buf_str(&dump), &test_key, &loaded));
    CHECK(mesh_hash_eq(mesh_hash(m.core), mesh_hash(loaded)));
    cl_core_free(m.core);
    m.core = loaded;
    CHECK_OK(mesh_ack(&m, "b", mesh_first(&m, "b"), mesh_first(&m, "b")));
    check_named(&m, &one);
    CHECK_OK(mesh_ack(&m, "b", mesh_first(&m, "b"), mesh_first(&m, "b")));
    check_unnamed(&m, &one);
    FOR_EACH_FAULT
    {
        enum cl_err err = cl_core_load(cl_buf_str(&dump), &test_key, &loaded);
        CHECK(err == CL_OK || (fault_happened() && err == CL_ERR_NO_MEMORY));
        if (err == CL_OK)
            cl_core_free(loaded);
    }
    cl_buf_done(&dump);
    mesh_done(&m);
}

TEST(blob_that_is_named_again_at_once_stays)
{
    struct mesh m;
    mesh_init(&m);
    struct cl_names *names = &m.core->names;
    cl_named_give(cl_named_take(names, &one));
    struct cl_named *named = cl_named_take(names, &one);
    cl_names_bury(names);
    CHECK(cl_core_names_blob(m.core, &one));
    cl_named_give(named);
    CHECK(!cl_core_names_blob(m.core, &one));
    cl_names_bury(names);
    CHECK_INT(names->by_digest.count, 0);
    mesh_done(&m);
}

TEST(broken_counts_are_seen)
{
    struct mesh m;
    mesh_init(&m);
    mesh_register(&m, "b");
    CHECK_OK(send(&m, "b", 1, &one));
    struct cl_named *named = cl_named_take(&m.core->names, &one);
    CHECK(cl_state_fault(m.core) != NULL); // one too many
    cl_named_give(named);
    CHECK(cl_state_fault(m.core) == NULL);
    named->msgs = 0;
    CHECK(cl_state_fault(m.core) != NULL);
    named->msgs = 1;
    struct cl_named stranger = *named;
    struct cl_msg *msg = cl_state_msg_at(cl_list_first(&m.core->msgs));
    msg->blob = &stranger;
    CHECK(cl_state_fault(m.core) != NULL);
    msg->blob = named;
    mesh_done(&m);
}
