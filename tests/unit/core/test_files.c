// SPDX-License-Identifier: MIT
#include "support/test.h"
#include "unit/core/mesh.h"

static const struct cl_file *
file_of(const struct mesh *m, const char *key)
{
    return cl_core_file(m->core, cl_str_z(key));
}

TEST(a_files_versions_start_at_one_and_rise_by_one)
{
    struct mesh m;
    mesh_init(&m);
    CHECK(file_of(&m, "plan") == NULL);
    CHECK_OK(mesh_put_file(&m, "plan", "mira", "first"));
    CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.version, 1);
    m.now.ms += 3;
    CHECK_OK(mesh_put_file(&m, "plan", "otto", "second"));
    CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.version, 2);
    const struct cl_file *file = file_of(&m, "plan");
    CHECK_INT(cl_file_latest(file)->version, 2);
    CHECK_STR(cl_file_latest(file)->editor, CL_STR("otto"));
    CHECK_INT(cl_file_latest(file)->updated.ms, m.now.ms);
    CHECK_STR(cl_body_str(cl_file_latest(file)->content), CL_STR("second"));
    CHECK_INT(file->versions_len, 2);
    CHECK_STR(cl_body_str(file->versions[1]->content), CL_STR("first"));
    CHECK_INT(cl_core_stats(m.core).files, 1);
    CHECK_INT(cl_core_stats(m.core).file_bytes, 4 + 5 + 4 + 6);
    mesh_done(&m);
}

TEST(type_and_content_are_kept_as_they_are)
{
    struct mesh m;
    mesh_init(&m);
    struct cl_body *type = cl_body_new(CL_STR("\"markdown\""));
    CHECK_OK(DO(&m, FILE_PUT, file_put, .key = CL_STR("k"), .editor = CL_STR("a"), .type = type));
    CHECK(cl_file_latest(file_of(&m, "k"))->type == type);
    CHECK(cl_file_latest(file_of(&m, "k"))->content == NULL);
    mesh_done(&m);
    CHECK_INT(type->refs, 1);
    cl_body_unref(type);
}

TEST(everyone_but_the_editor_is_told_of_a_new_version)
{
    struct mesh m;
    uint64_t seq;
    mesh_init(&m);
    mesh_register(&m, "a");
    mesh_register(&m, "b");
    cl_id id = {{9}};
    CHECK_OK(DO(&m, FILE_PUT, file_put, .key = CL_STR("plan"), .editor = CL_STR("a"), .id = id));
    CHECK_INT(mesh_effect(&m, CL_EFFECT_REPLY)->reply.recipients, 1);
    CHECK_INT(mesh_effects(&m, CL_EFFECT_READY_ALL, NULL), 1);
    CHECK_INT(cl_core_agent(m.core, CL_STR("a"))->inbox.count, 0);
    const struct cl_msg *msg =
        cl_core_inbox_next(m.core, cl_core_agent(m.core, CL_STR("b")), CL_PRIORITY_NORMAL, 0, &seq);
    CHECK_INT(msg->kind, CL_MSG_FILE);
    CHECK_STR(msg->subject, CL_STR("plan"));
    CHECK_INT(msg->version, 1);
    CHECK_STR(msg->from, CL_STR("a"));
    CHECK(cl_id_eq(msg->id, id));
    CHECK_INT(msg->expires.ms, m.now.ms + CL_MESSAGE_LIFE_MS);
    CHECK(cl_core_broadcast(m.core, 0) == NULL); // no broadcast of the topic
    const struct cl_effect *note = mesh_note(&m, CL_NOTE_FILE_UPDATED);
    CHECK_STR(note->agent, CL_STR("a"));
    CHECK_STR(note->note.file, CL_STR("plan"));
    CHECK_INT(note->note.number, 1);
    mesh_done(&m);
}

TEST(the_last_versions_are_kept)
{
    struct mesh m;
    mesh_init(&m);
    for (int i = 0; i < CL_FILE_VERSIONS_KEPT + 3; i++)
        CHECK_OK(mesh_put_file(&m, "k", "a", "text"));
    const struct cl_file *file = file_of(&m, "k");
    CHECK_INT(file->versions_len, CL_FILE_VERSIONS_KEPT);
    CHECK_INT(cl_file_latest(file)->version, CL_FILE_VERSIONS_KEPT + 3);
    CHECK_INT(file->versions[CL_FILE_VERSIONS_KEPT - 1]->version, 4);
    CHECK_INT(cl_core_stats(m.core).file_bytes, CL_FILE_VERSIONS_KEPT * 5);
    mesh_done(&m);
}

TEST(files_are_walked_in_the_order_of_their_first_version)
{
    struct mesh m;
    uint32_t at = 0;
    mesh_init(&m);
    CHECK_OK(mesh_put_file(&m, "z", "a", ""));
    CHECK_OK(mesh_put_file(&m, "b", "a", ""));
    CHECK_OK(mesh_put_file(&m, "z", "a", ""));
    CHECK_STR(cl_core_file_next(m.core, &at)->key, CL_STR("z"));
    CHECK_STR(cl_core_file_next(m.core, &at)->key, CL_STR("b"));
    CHECK(cl_core_file_next(m.core, &at) == NULL);
    mesh_done(&m);
}

TEST(files_are_bounded_by_number)
{
    struct mesh m;
    struct cl_effects effects;
    mesh_init(&m);
    cl_effects_init(&effects);
    uint32_t key = 1;
    struct cl_command put = {
        .kind = CL_COMMAND_FILE_PUT,
        .file_put = {.key = cl_str_of(&key, sizeof key), .editor = CL_STR("a")}};
    for (; key <= CL_FILES_MAX; key++) {
        cl_effects_clear(&effects);
        cl_core_apply(m.core, &put, &effects);
    }
    cl_effects_done(&effects);
    CHECK_INT(cl_core_stats(m.core).files, CL_FILES_MAX);
    CHECK_INT(mesh_put_file(&m, "more", "a", ""), CL_ERR_FULL);
    key = 5;
    CHECK_OK(mesh_do(&m, put)); // a version of a known one
    mesh_done(&m);
}

TEST(files_are_bounded_by_bytes_of_all_versions)
{
    struct mesh m;
    mesh_init(&m);
    struct cl_body *body = cl_body_new_blank(CL_MIB);
    uint32_t key = 1;
    unsigned puts = 0;
    enum cl_err err = CL_OK;
    while (err == CL_OK) {
        key = 1 + puts / CL_FILE_VERSIONS_KEPT;
        err = DO(&m, FILE_PUT, file_put, .key = cl_str_of(&key, sizeof key), .editor = CL_STR("a"),
                 .content = body);
        puts += err == CL_OK;
    }
    CHECK_INT(err, CL_ERR_FULL);
    CHECK_INT(puts, CL_FILES_BYTES_MAX / CL_MIB - 1); // editors count as well
    key = 1;                                          // has all its versions: the oldest makes room
    CHECK_OK(DO(&m, FILE_PUT, file_put, .key = cl_str_of(&key, sizeof key), .editor = CL_STR("a"),
                .content = body));
    mesh_done(&m);
    CHECK_INT(body->refs, 1);
    cl_body_unref(body);
}
