// SPDX-License-Identifier: MIT
/*
 * What comes in as NAME.in.json goes out as NAME.out.json, to the byte: tests/golden/clawlink_v1/.
 * The first word of NAME is the call.
 */
#include <stdio.h>
#include <string.h>

#include "proto/v1_decode.h"
#include "proto/v1_encode.h"
#include "support/fault.h"
#include "support/test.h"

#define FOLDER "tests/golden/clawlink_v1/"

static const cl_hash_key key = {{1}};
static const cl_time now = {1775304000123};

static const char *const names[] = {
    "delegate",
    "delegate-defaults",
    "broadcast",
    "broadcast-defaults",
    "respond",
    "respond-bare",
    "frame-delegate",
    "frame-delegate-bare",
    "frame-broadcast",
    "frame-broadcast-bare",
    "frame-delegate-dated",
};

static cl_str
read_golden(const char *name, const char *ending, char *space, size_t cap)
{
    char path[128];
    (void)snprintf(path, sizeof path, FOLDER "%s%s", name, ending);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    size_t len = fread(space, 1, cap, file);
    (void)fclose(file); // only read
    CHECK(len > 0 && len < cap);
    return cl_str_of(space, len);
}

static enum cl_err
decode(struct cl_arena *arena, const char *name, cl_str text, struct cl_v1_draft *ret_draft)
{
    struct cl_why why;
    struct cl_v1_context context = {.arena = arena,
                                    .hash_key = &key,
                                    .peer = CL_STR("mira"),
                                    .peer_quoted = CL_STR("\"mira\""),
                                    .now = now,
                                    .id = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}};
    cl_str word, rest;
    (void)cl_str_split(cl_str_z(name), '-', &word, &rest);
    if (cl_str_eq(word, CL_STR("frame")))
        return cl_v1_decode_frame(&context, text, ret_draft, &why);
    enum cl_v1_call call = cl_str_eq(word, CL_STR("delegate"))    ? CL_V1_DELEGATE
                           : cl_str_eq(word, CL_STR("broadcast")) ? CL_V1_BROADCAST
                                                                  : CL_V1_RESPOND;
    return cl_v1_decode_call(&context, call, text, ret_draft, &why);
}

/* The record that the core would make of the draft. */
static struct cl_msg
message_of(const struct cl_command *command)
{
    if (command->kind == CL_COMMAND_SEND)
        return (struct cl_msg){.id = command->send.id,
                               .from = command->send.from,
                               .to = command->send.to,
                               .kind = (enum cl_msg_kind)command->send.kind,
                               .media = command->send.media,
                               .priority = (enum cl_priority)command->send.priority,
                               .created = now,
                               .body = command->send.body};
    return (struct cl_msg){.id = command->publish.id,
                           .from = command->publish.from,
                           .kind = (enum cl_msg_kind)command->publish.kind,
                           .media = command->publish.media,
                           .priority = (enum cl_priority)command->publish.priority,
                           .created = now,
                           .body = command->publish.body};
}

static enum cl_err
pass_through(const char *name, cl_str text, struct cl_buf *out)
{
    struct cl_arena arena;
    struct cl_v1_draft draft;
    cl_str rest;
    cl_arena_init(&arena, 4 * CL_MIB);
    enum cl_err err = decode(&arena, name, text, &draft);
    if (err == CL_OK) {
        struct cl_msg msg = message_of(&draft.command);
        err = cl_v1_encode_message(&msg, true, out, &rest);
        if (err == CL_OK)
            err = cl_buf_append(out, rest);
        cl_v1_draft_done(&draft);
    }
    cl_arena_done(&arena);
    return err;
}

TEST(each_message_goes_out_as_its_golden_file_says)
{
    static char in[4096], want[4096];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct cl_buf out;
        test_note("%s", names[i]);
        cl_buf_init(&out, CL_MIB);
        CHECK_OK(pass_through(names[i], read_golden(names[i], ".in.json", in, sizeof in), &out));
        CHECK_STR(cl_buf_str(&out), read_golden(names[i], ".out.json", want, sizeof want));
        cl_buf_done(&out);
    }
}

TEST(without_memory_a_message_is_refused_and_nothing_leaks)
{
    static char in[4096];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cl_str text = read_golden(names[i], ".in.json", in, sizeof in);
        FOR_EACH_FAULT
        {
            struct cl_buf out;
            cl_buf_init(&out, CL_MIB);
            enum cl_err err = pass_through(names[i], text, &out);
            CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
            cl_buf_done(&out);
        }
    }
}

TEST(a_file_notice_says_which_version)
{
    struct cl_buf out;
    cl_str rest;
    struct cl_msg msg = {.kind = CL_MSG_FILE,
                         .from = CL_STR("mira"),
                         .subject = CL_STR("notes/\"a\".md"),
                         .version = 3,
                         .created = now};
    cl_buf_init(&out, CL_MIB);
    CHECK_OK(cl_v1_encode_message(&msg, false, &out, &rest));
    CHECK_STR(cl_buf_str(&out),
              CL_STR("{\"type\":\"file_updated\",\"file_key\":\"notes/\\\"a\\\".md\",\"version\":3,"
                     "\"last_editor\":\"mira\",\"timestamp\":"
                     "\"2026-04-04T12:00:00.123000+00:00\"}"));
    CHECK_INT(rest.len, 0);
    cl_buf_done(&out);
}

TEST(a_pushed_frame_is_the_senders_own_text)
{
    static char in[4096];
    struct cl_arena arena;
    struct cl_v1_draft draft;
    struct cl_buf out;
    cl_str rest;
    cl_arena_init(&arena, CL_MIB);
    cl_buf_init(&out, CL_MIB);
    cl_str text = read_golden("frame-delegate", ".in.json", in, sizeof in);
    CHECK_OK(decode(&arena, "frame", text, &draft));
    struct cl_msg msg = message_of(&draft.command);
    CHECK_OK(cl_v1_encode_message(&msg, false, &out, &rest));
    CHECK_OK(cl_buf_append(&out, rest));
    CHECK_STR(cl_buf_str(&out), CL_STR("{\"type\":\"delegate\",\"to_agent\":\"otto\","
                                       "\"from_agent\":\"mira\",\"task\":\"t\",\"n\":1.0}"));
    cl_v1_draft_done(&draft);
    cl_buf_done(&out);
    cl_arena_done(&arena);
}
