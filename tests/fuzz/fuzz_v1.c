// SPDX-License-Identifier: MIT
/*
 * Bodies and frames of ClawLink v1 from strangers. The first byte chooses the call, or a frame,
 * and whether "@@" in the rest, the text, stands for as much as makes it the largest there may be.
 *
 * What is refused is refused for a reason. What is accepted is a command that an empty core takes,
 * and the agent, file or message that it makes is shown as one JSON object, within a frame's size,
 * with the ids of the command; a frame says who sent it, whatever it said itself, and decodes to
 * itself. Each message can be shown to an agent of v2 as an envelope.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "proto/v1_decode.h"
#include "proto/v1_encode.h"
#include "proto/v2_bridge.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EPOCH 7
static const cl_hash_key hash_key = {{1}};

/* A text that was read, and the memory that this took. */
struct reading {
    struct cl_arena arena;
    struct cl_json_scan scan;
};

static void
read_object(struct reading *reading, cl_str text)
{
    struct cl_why why = {""};
    cl_arena_init(&reading->arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    cl_json_scan_init(&reading->scan, &reading->arena, &hash_key);
    CL_ASSERT(cl_json_scan_feed(&reading->scan, text, true, &why) == CL_OK);
}

/* An empty id is shown as null. */
static void
check_id(const struct reading *reading, cl_str name, cl_str id)
{
    const struct cl_json_member *member = cl_json_scan_member(&reading->scan, name);
    CL_ASSERT(member != NULL);
    CL_ASSERT(id.len == 0 ? member->type == CL_JSON_NULL : cl_json_string_is(member->value, id));
}

static void
check_message(const struct cl_msg *msg, bool is_queued)
{
    struct reading reading;
    struct cl_buf text;
    cl_str rest;
    cl_buf_init(&text, 2 * CL_MIB);
    CL_ASSERT(cl_v1_encode_message(msg, is_queued, &text, &rest) == CL_OK);
    CL_ASSERT(cl_buf_append(&text, rest) == CL_OK);
    CL_ASSERT(text.len <= CL_WS_MESSAGE_BYTES_MAX);
    read_object(&reading, cl_buf_str(&text));
    check_id(&reading, CL_STR("from_agent"), msg->from);
    if (msg->to.len > 0)
        check_id(&reading, CL_STR("to_agent"), msg->to);
    CL_ASSERT(!is_queued || cl_json_scan_member(&reading.scan, CL_STR("queued_at")) != NULL);
    cl_arena_done(&reading.arena);
    cl_buf_done(&text);
}

/* A body of any size is one here; a large one would be a blob's. */
static void
check_envelope(const struct cl_msg *msg)
{
    struct cl_arena arena;
    struct cl_envelope_reader reader = {.arena = &arena, .hash_key = &hash_key};
    struct cl_v1_shown shown = {.msg = msg, .receiver = CL_STR("a/b")};
    struct cl_envelope envelope;
    struct cl_envelope_header header;
    struct cl_buf space, text;
    struct cl_why why = {""};
    cl_str body;
    cl_arena_init(&arena, 32 * CL_MIB);
    cl_buf_init(&space, 2 * CL_MIB);
    cl_buf_init(&text, 4 * CL_MIB);
    CL_ASSERT(cl_v1_content(&reader, msg, &space, &shown.content) == CL_OK);
    CL_ASSERT(cl_v1_to_v2(&reader, &shown, &text, &why) == CL_OK);
    CL_ASSERT(cl_envelope_decode(&reader, cl_buf_str(&text), &envelope, &header, &why) == CL_OK);
    CL_ASSERT(cl_envelope_body(&envelope, &arena, &body) == CL_OK);
    CL_ASSERT(cl_str_eq(body, shown.content.body));
    cl_buf_done(&text);
    cl_buf_done(&space);
    cl_arena_done(&arena);
}

/* What was spliced once has all that it needs. */
static void
check_again(const struct cl_v1_context *context, const struct cl_body *frame)
{
    struct cl_v1_draft draft = {0};
    struct cl_why why;
    CL_ASSERT(cl_v1_decode_frame(context, cl_body_str(frame), &draft, &why) == CL_OK);
    CL_ASSERT(cl_str_eq(cl_body_str(draft.bodies[0]), cl_body_str(frame)));
    cl_v1_draft_done(&draft);
}

static void
check_shown(struct cl_json_writer *json, struct cl_buf *text, cl_str name, cl_str id)
{
    struct reading reading;
    CL_ASSERT(cl_json_writer_end(json) == CL_OK);
    read_object(&reading, cl_buf_str(text));
    check_id(&reading, name, id);
    cl_arena_done(&reading.arena);
    cl_buf_done(text);
}

static void
check_made(const struct cl_core *core, const struct cl_v1_context *context,
           const struct cl_command *command)
{
    struct cl_buf text;
    struct cl_json_writer json;
    const struct cl_msg *msg = cl_core_broadcast(core, 0);
    uint64_t seq;
    cl_buf_init(&text, 8 * CL_MIB);
    cl_json_writer_init(&json, &text);
    switch ((int)command->kind) {
    case CL_COMMAND_REGISTER:
        cl_v1_put_agent(&json, cl_core_agent(core, command->registration.agent),
                        (struct cl_v1_presence){.is_online = true});
        check_shown(&json, &text, CL_STR("agent_id"), command->registration.agent);
        return;
    case CL_COMMAND_FILE_PUT:
        cl_v1_put_file(&json, cl_core_file(core, command->file_put.key), true);
        check_shown(&json, &text, CL_STR("file_key"), command->file_put.key);
        return;
    case CL_COMMAND_SEND:
        msg = cl_core_inbox_next(core, cl_core_agent(core, command->send.to),
                                 command->send.priority, 1, &seq);
        break;
    default:
        break;
    }
    CL_ASSERT(msg != NULL);
    check_message(msg, false);
    check_message(msg, true);
    check_envelope(msg);
    if (msg->kind == CL_MSG_FRAME) {
        CL_ASSERT(cl_str_eq(msg->from, context->peer));
        check_again(context, msg->body);
    }
}

static void
apply(struct cl_core *core, const struct cl_command *command)
{
    struct cl_effects effects;
    cl_effects_init(&effects);
    cl_core_apply(core, command, &effects);
    CL_ASSERT(effects.items[0].reply.err == CL_OK);
    cl_core_check(core);
    cl_effects_done(&effects);
}

static void
check_accepted(const struct cl_v1_context *context, struct cl_v1_draft *draft)
{
    struct cl_command *command = &draft->command;
    struct cl_command up = {.kind = CL_COMMAND_RELAY_UP,
                            .time = context->now,
                            .origin = EPOCH,
                            .relay_up = {.relay = CL_STR("relay"),
                                         .inbox_messages_max = CL_INBOX_MESSAGES_MAX,
                                         .inbox_bytes_max = CL_INBOX_BYTES_MAX,
                                         .inboxes_bytes_max = CL_INBOXES_BYTES_MAX}};
    command->time = context->now;
    command->origin = EPOCH;
    CL_ASSERT(cl_command_check(command) == CL_OK);
    if (!cl_command_is_durable(command->kind))
        return;
    struct cl_core *core = cl_core_new(&hash_key);
    CL_ASSERT(core != NULL);
    apply(core, &up);
    CL_ASSERT(cl_core_admit(core, command) == CL_OK);
    apply(core, command);
    check_made(core, context, command);
    cl_core_free(core);
}

/* A copy of the text, its first "@@" grown to the size of the largest body where that is wanted:
 * seldom, for it takes long. The caller frees it. */
static cl_str
copy_of(cl_str text, bool wants_large)
{
    size_t at = wants_large ? 0 : text.len;
    size_t more = 0;
    while (at < text.len && !cl_str_starts(cl_str_part(text, at, text.len), CL_STR("@@")))
        at++;
    if (at < text.len && text.len < CL_HTTP_BODY_BYTES_MAX)
        more = CL_HTTP_BODY_BYTES_MAX - text.len;
    char *copy = cl_alloc_or_die(text.len + more);
    if (text.len > 0)
        memcpy(copy, text.ptr, at);
    memset(copy + at, 'x', more);
    if (text.len > at)
        memcpy(copy + at + more, text.ptr + at, text.len - at);
    return cl_str_of(copy, text.len + more);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum cl_v1_call calls[] = {CL_V1_REGISTER,  CL_V1_HEARTBEAT, CL_V1_DELEGATE,
                                            CL_V1_BROADCAST, CL_V1_RESPOND,   CL_V1_FILE_PUT};
    static const size_t calls_len = sizeof calls / sizeof calls[0];
    struct cl_v1_draft draft = {0};
    struct cl_why why = {""};
    struct cl_arena arena;
    if (size == 0)
        return 0;
    // '1' to '6' are the calls, '7' is a frame; 'q' to 'w' are the same with a large text.
    size_t which = (data[0] % 8u + calls_len) % (calls_len + 1);
    cl_str text = copy_of(cl_str_of(data + 1, size - 1), (data[0] & 0x40) != 0);
    cl_arena_init(&arena, 8 * CL_MIB);
    struct cl_v1_context context = {.arena = &arena,
                                    .hash_key = &hash_key,
                                    .peer = CL_STR("mi\"ra\\ \xc3\xa9"),
                                    .peer_quoted = CL_STR("\"mi\\\"ra\\\\ \xc3\xa9\""),
                                    .now = {1775304000000},
                                    .id = {{0xab, 0xcd}}};
    enum cl_err err = which < calls_len
                          ? cl_v1_decode_call(&context, calls[which], text, &draft, &why)
                          : cl_v1_decode_frame(&context, text, &draft, &why);
    if (err == CL_OK)
        check_accepted(&context, &draft);
    else
        CL_ASSERT(why.text[0] != '\0' &&
                  (err == CL_ERR_MALFORMED || err == CL_ERR_MISSING || err == CL_ERR_TOO_LARGE));
    cl_v1_draft_done(&draft);
    cl_arena_done(&arena);
    char *copy = (char *)(uintptr_t)text.ptr;
    cl_free(copy);
    return 0;
}
