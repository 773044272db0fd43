// SPDX-License-Identifier: MIT
#include "proto/v1_decode.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "proto/v1_encode.h"
#include "wire/json.h"

/* A member of an object to be written: the name needs no escapes, the value is JSON. */
struct member {
    cl_str name;
    cl_str value;
};

/* A body near the limit may pass it once it is a frame: then the frame is measured. Ids are the
 * largest part of what a frame adds. */
#define FRAME_ADDS_MAX (8 * CL_ID_BYTES_MAX + 1024)
/* An answer shows what was sent in a list of an object, and a frame gains from_agent, timestamp
 * and queued_at. Who reads it may have the limits that hold here. */
#define DEPTH_MAX         (CL_JSON_DEPTH_MAX - 2)
#define FRAME_MEMBERS_MAX (CL_JSON_MEMBERS_MAX - 3)

/* -- values ---------------------------------------------------------------------------------- */

/* clawlink-v1.md, A required member: an empty value counts as missing. */
static const struct cl_json_member *
present(const struct cl_json_scan *scan, cl_str name)
{
    const struct cl_json_member *member = cl_json_scan_member(scan, name);
    return member == NULL || cl_json_is_empty_value(member->value) ? NULL : member;
}

static cl_str
value_or(const struct cl_json_scan *scan, cl_str name, cl_str absent)
{
    const struct cl_json_member *member = cl_json_scan_member(scan, name);
    return member == NULL ? absent : member->value;
}

/* Left empty when the member is missing. */
static enum cl_err
read_id(const struct cl_v1_context *context, const struct cl_json_scan *scan, cl_str name,
        cl_str *ret_id, struct cl_why *why)
{
    cl_str id;
    const struct cl_json_member *member = present(scan, name);
    if (member == NULL) {
        *ret_id = cl_str_of(NULL, 0);
        return CL_OK;
    }
    if (member->type != CL_JSON_STRING)
        return cl_fail(CL_ERR_MALFORMED, why, "%.*s must be a string", CL_STR_ARG(name));
    enum cl_err err = cl_json_string(member->value, context->arena, &id);
    if (err != CL_OK)
        return cl_fail(err, why, "no memory for %.*s", CL_STR_ARG(name));
    if (!cl_v1_id_is_valid(id))
        return cl_fail(CL_ERR_MALFORMED, why,
                       "%.*s must have 1 to %d bytes and no control characters", CL_STR_ARG(name),
                       CL_ID_BYTES_MAX);
    *ret_id = id;
    return CL_OK;
}

static enum cl_err
read_priority(const struct cl_json_scan *scan, uint8_t *ret_priority, struct cl_why *why)
{
    const struct cl_json_member *member = cl_json_scan_member(scan, CL_STR("priority"));
    if (member == NULL) {
        *ret_priority = CL_PRIORITY_NORMAL;
        return CL_OK;
    }
    for (unsigned i = 0; i < CL_PRIORITY_COUNT; i++) {
        if (cl_json_string_is(member->value, cl_v1_priority_name((enum cl_priority)i))) {
            *ret_priority = (uint8_t)i;
            return CL_OK;
        }
    }
    return cl_fail(CL_ERR_MALFORMED, why, "priority must be low, normal, high or urgent");
}

size_t
cl_v1_quote(cl_str text, char *ret_value)
{
    char *at = ret_value;
    *at++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            *at++ = '\\';
        *at++ = text.ptr[i];
    }
    *at++ = '"';
    return (size_t)(at - ret_value);
}

static enum cl_err
quote(const struct cl_v1_context *context, cl_str text, cl_str *ret_value)
{
    char *value = cl_arena_alloc(context->arena, CL_V1_QUOTED_CAP(text.len));
    if (value == NULL)
        return CL_ERR_NO_MEMORY;
    *ret_value = cl_str_of(value, cl_v1_quote(text, value));
    return CL_OK;
}

/* -- bodies ---------------------------------------------------------------------------------- */

static size_t
emit(char *out, size_t at, cl_str bytes)
{
    if (out != NULL && bytes.len > 0)
        memcpy(out + at, bytes.ptr, bytes.len);
    return at + bytes.len;
}

/* "name":value */
static size_t
emit_member(char *out, size_t at, const struct member *member)
{
    at = emit(out, at, CL_STR("\""));
    at = emit(out, at, member->name);
    at = emit(out, at, CL_STR("\":"));
    return emit(out, at, member->value);
}

/* {"name":value,...}. Returns the length; writes only where out is not NULL. */
static size_t
emit_object(const struct member *members, size_t len, char *out)
{
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        at = emit(out, at, i == 0 ? CL_STR("{") : CL_STR(","));
        at = emit_member(out, at, &members[i]);
    }
    return emit(out, at, CL_STR("}"));
}

static struct cl_body *
object_body(const struct member *members, size_t len)
{
    struct cl_body *body = cl_body_new_blank(emit_object(members, len, NULL));
    if (body != NULL)
        (void)emit_object(members, len, body->bytes);
    return body;
}

void
cl_v1_draft_done(struct cl_v1_draft *draft)
{
    for (size_t i = 0; i < 2; i++)
        cl_body_unref(draft->bodies[i]);
    *draft = (struct cl_v1_draft){0};
}

/* What SEND and PUBLISH share. */
struct letter {
    cl_str from;
    cl_str to; // empty: PUBLISH
    cl_str topic;
    enum cl_msg_kind kind;
    enum cl_v1_media media;
    uint8_t priority;
};

/* Would a socket of v1 take it? What is pushed must not pass CL_WS_MESSAGE_BYTES_MAX
 * (clawlink-v1.md, Beyond v1); a message is measured with all that it may ever carry. */
static enum cl_err
check_fits_frame(const struct cl_v1_context *context, const struct letter *letter,
                 struct cl_body *body, struct cl_why *why)
{
    struct cl_buf head;
    cl_str rest;
    if (body->len + FRAME_ADDS_MAX <= CL_WS_MESSAGE_BYTES_MAX)
        return CL_OK;
    struct cl_msg msg = {.id = context->id,
                         .from = letter->from,
                         .to = letter->to,
                         .kind = letter->kind,
                         .priority = (enum cl_priority)letter->priority,
                         .media = (uint8_t)letter->media,
                         .created = context->now,
                         .body = body};
    cl_buf_init(&head, CL_MIB);
    enum cl_err err = cl_v1_encode_message(&msg, true, &head, &rest);
    if (err == CL_OK && head.len + rest.len > CL_WS_MESSAGE_BYTES_MAX)
        err = cl_fail(CL_ERR_TOO_LARGE, why, "a message may have %u bytes as a frame, this has %zu",
                      CL_WS_MESSAGE_BYTES_MAX, head.len + rest.len);
    cl_buf_done(&head);
    return err;
}

/* Takes the caller's reference on the body in every case. */
static enum cl_err
draft_letter(const struct cl_v1_context *context, const struct letter *letter, struct cl_body *body,
             struct cl_v1_draft *ret_draft, struct cl_why *why)
{
    cl_time expires = cl_time_add(context->now, CL_MESSAGE_LIFE_MS);
    if (body == NULL)
        return CL_ERR_NO_MEMORY;
    enum cl_err err = check_fits_frame(context, letter, body, why);
    if (err != CL_OK) {
        cl_body_unref(body);
        return err;
    }

    // One assignment: this is on every message's way, and all of a draft is to be zeroed.
    if (letter->to.len > 0)
        *ret_draft = (struct cl_v1_draft){.command = {.kind = CL_COMMAND_SEND,
                                                      .send = {.to = letter->to,
                                                               .from = letter->from,
                                                               .id = context->id,
                                                               .kind = (uint8_t)letter->kind,
                                                               .media = (uint8_t)letter->media,
                                                               .priority = letter->priority,
                                                               .expires = expires,
                                                               .body = body}},
                                          .bodies = {body}};
    else
        *ret_draft = (struct cl_v1_draft){.command = {.kind = CL_COMMAND_PUBLISH,
                                                      .publish = {.topic = letter->topic,
                                                                  .from = letter->from,
                                                                  .id = context->id,
                                                                  .kind = (uint8_t)letter->kind,
                                                                  .media = (uint8_t)letter->media,
                                                                  .priority = letter->priority,
                                                                  .expires = expires,
                                                                  .body = body}},
                                          .bodies = {body}};
    return CL_OK;
}

/* -- calls, one function each ------------------------------------------------------------------ */

/* The id to register: the given one, or 8 hex digits (clawlink-v1.md, POST /register). */
static enum cl_err
agent_id_or_new(const struct cl_v1_context *context, const struct cl_json_scan *scan,
                cl_str *ret_agent, struct cl_why *why)
{
    char made[CL_V1_ID_TEXT_CAP];
    cl_str agent = {0};
    enum cl_err err = read_id(context, scan, CL_STR("agent_id"), &agent, why);
    if (err == CL_OK && agent.len == 0) {
        cl_v1_id_text(context->id, made);
        if (!cl_arena_copy(context->arena, cl_str_of(made, 8), &agent))
            err = CL_ERR_NO_MEMORY;
    }
    if (err == CL_OK)
        *ret_agent = agent;
    return err;
}

static enum cl_err
decode_register(const struct cl_v1_context *context, const struct cl_json_scan *scan,
                struct cl_v1_draft *ret_draft, struct cl_why *why)
{
    char made_name[sizeof "agent-" + CL_ID_BYTES_MAX];
    cl_str agent = {0}, name = {0}, machine = {0};
    enum cl_err err = agent_id_or_new(context, scan, &agent, why);
    if (err != CL_OK)
        return err;
    // "agent-" and the first four characters of the id; a character is cut nowhere.
    size_t four = 0;
    for (unsigned count = 0; four < agent.len; four++)
        if (((unsigned char)agent.ptr[four] & 0xc0) != 0x80 && ++count > 4)
            break;
    (void)snprintf(made_name, sizeof made_name, "agent-%.*s", (int)four, agent.ptr);
    err = quote(context, cl_str_z(made_name), &name);
    if (err == CL_OK)
        err = quote(context, context->peer, &machine);
    if (err != CL_OK)
        return err;

    const struct member members[] = {
        {CL_STR("name"), value_or(scan, CL_STR("name"), name)},
        {CL_STR("capabilities"), value_or(scan, CL_STR("capabilities"), CL_STR("[]"))},
        {CL_STR("machine"), value_or(scan, CL_STR("machine"), machine)},
        {CL_STR("description"), value_or(scan, CL_STR("description"), CL_STR("\"\""))},
    };
    struct cl_body *record = object_body(members, 4);
    if (record == NULL)
        return CL_ERR_NO_MEMORY;
    if (record->len > CL_BODY_BYTES_MAX) { // what was left out takes room too
        err = cl_fail(CL_ERR_TOO_LARGE, why, "an agent's record may have %u bytes, this has %u",
                      CL_BODY_BYTES_MAX, record->len);
        cl_body_unref(record);
        return err;
    }
    *ret_draft =
        (struct cl_v1_draft){.command = {.kind = CL_COMMAND_REGISTER,
                                         .registration = {.agent = agent, .record = record}},
                             .bodies = {record}};
    return CL_OK;
}

static enum cl_err
decode_heartbeat(const struct cl_v1_context *context, const struct cl_json_scan *scan,
                 struct cl_v1_draft *ret_draft, struct cl_why *why)
{
    cl_str agent = {0};
    enum cl_err err = read_id(context, scan, CL_STR("agent_id"), &agent, why);
    if (err != CL_OK)
        return err;
    if (agent.len == 0)
        return cl_fail(CL_ERR_MISSING, why, "agent_id required");
    *ret_draft = (struct cl_v1_draft){
        .command = {.kind = CL_COMMAND_HEARTBEAT, .heartbeat = {.agent = agent}}};
    return CL_OK;
}

static enum cl_err
decode_delegate(const struct cl_v1_context *context, const struct cl_json_scan *scan,
                struct cl_v1_draft *ret_draft, struct cl_why *why)
{
    struct letter letter = {.kind = CL_MSG_TASK, .media = CL_V1_MEDIA_MEMBERS};
    const struct cl_json_member *task = present(scan, CL_STR("task"));
    enum cl_err err = read_id(context, scan, CL_STR("from_agent"), &letter.from, why);
    if (err == CL_OK)
        err = read_id(context, scan, CL_STR("to_agent"), &letter.to, why);
    if (err == CL_OK && (letter.from.len == 0 || letter.to.len == 0 || task == NULL))
        err = cl_fail(CL_ERR_MISSING, why, "from_agent, to_agent, and task are required");
    if (err == CL_OK)
        err = read_priority(scan, &letter.priority, why);
    if (err != CL_OK)
        return err;
    const struct member members[] = {
        {CL_STR("task"), task->value},
        {CL_STR("context"), value_or(scan, CL_STR("context"), CL_STR("{}"))},
    };
    return draft_letter(context, &letter, object_body(members, 2), ret_draft, why);
}

static enum cl_err
decode_broadcast(const struct cl_v1_context *context, const struct cl_json_scan *scan,
                 struct cl_v1_draft *ret_draft, struct cl_why *why)
{
    struct letter letter = {
        .kind = CL_MSG_NEWS, .media = CL_V1_MEDIA_MEMBERS, .priority = CL_PRIORITY_NORMAL};
    const struct cl_json_member *content = present(scan, CL_STR("content"));
    enum cl_err err = read_id(context, scan, CL_STR("from_agent"), &letter.from, why);
    if (err == CL_OK && (letter.from.len == 0 || content == NULL))
        err = cl_fail(CL_ERR_MISSING, why, "from_agent and content required");
    if (err != CL_OK)
        return err;
    cl_str topic = value_or(scan, CL_STR("topic"), CL_STR("\"general\""));
    err = cl_json_string(topic, context->arena, &letter.topic);
    if (err == CL_ERR_NO_MEMORY)
        return cl_fail(err, why, "no memory for topic");
    // A topic that is no short string is forwarded, but nothing can be looked up by it.
    if (err != CL_OK || letter.topic.len > CL_TOPIC_BYTES_MAX)
        letter.topic = cl_str_of(NULL, 0);
    const struct member members[] = {
        {CL_STR("content"), content->value},
        {CL_STR("topic"), topic},
        {CL_STR("tags"), value_or(scan, CL_STR("tags"), CL_STR("[]"))},
    };
    return draft_letter(context, &letter, object_body(members, 3), ret_draft, why);
}

static int
hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The other way round than cl_v1_id_text; none of any value that it would not have made. */
static cl_id
read_short_id(cl_str value)
{
    const size_t digits = CL_V1_ID_TEXT_CAP - 1;
    cl_id id = {{0}};
    if (value.len != digits + 2 || value.ptr[0] != '"')
        return id;
    for (size_t i = 0; i < digits; i++) {
        int digit = hex_of(value.ptr[1 + i]);
        if (digit < 0)
            return (cl_id){{0}};
        id.bytes[i / 2] = (uint8_t)(id.bytes[i / 2] << 4 | digit);
    }
    return id;
}

static enum cl_err
decode_respond(const struct cl_v1_context *context, const struct cl_json_scan *scan,
               struct cl_v1_draft *ret_draft, struct cl_why *why)
{
    struct letter letter = {
        .kind = CL_MSG_RESPONSE, .media = CL_V1_MEDIA_MEMBERS, .priority = CL_PRIORITY_NORMAL};
    enum cl_err err = read_id(context, scan, CL_STR("from_agent"), &letter.from, why);
    if (err == CL_OK)
        err = read_id(context, scan, CL_STR("to_agent"), &letter.to, why);
    if (err == CL_OK && letter.to.len == 0)
        err = cl_fail(CL_ERR_MISSING, why, "to_agent required");
    if (err != CL_OK)
        return err;
    const struct member members[] = {
        {CL_STR("message_id"), value_or(scan, CL_STR("message_id"), CL_STR("null"))},
        {CL_STR("result"), value_or(scan, CL_STR("result"), CL_STR("null"))},
        {CL_STR("status"), value_or(scan, CL_STR("status"), CL_STR("\"completed\""))},
    };
    err = draft_letter(context, &letter, object_body(members, 3), ret_draft, why);
    if (err != CL_OK)
        return err;
    ret_draft->answered = read_short_id(members[0].value);
    ret_draft->status = members[2].value;
    return CL_OK;
}

static enum cl_err
decode_file_put(const struct cl_v1_context *context, const struct cl_json_scan *scan,
                struct cl_v1_draft *ret_draft, struct cl_why *why)
{
    cl_str key = {0}, editor = {0};
    const struct cl_json_member *content = cl_json_scan_member(scan, CL_STR("content"));
    // An empty string is content; other empty values are not.
    bool has_content = content != NULL &&
                       (content->type == CL_JSON_STRING || !cl_json_is_empty_value(content->value));
    enum cl_err err = read_id(context, scan, CL_STR("file_key"), &key, why);
    if (err == CL_OK)
        err = read_id(context, scan, CL_STR("agent_id"), &editor, why);
    if (err == CL_OK && (key.len == 0 || editor.len == 0 || !has_content))
        err = cl_fail(CL_ERR_MISSING, why, "file_key, content, and agent_id required");
    if (err != CL_OK)
        return err;

    struct cl_v1_draft draft = {.command = {.kind = CL_COMMAND_FILE_PUT}};
    draft.bodies[0] = cl_body_new(value_or(scan, CL_STR("file_type"), CL_STR("\"text\"")));
    draft.bodies[1] = cl_body_new(content->value);
    if (draft.bodies[0] == NULL || draft.bodies[1] == NULL) {
        cl_v1_draft_done(&draft);
        return CL_ERR_NO_MEMORY;
    }
    draft.command.file_put = (struct cl_command_file_put){.key = key,
                                                          .editor = editor,
                                                          .id = context->id,
                                                          .type = draft.bodies[0],
                                                          .content = draft.bodies[1]};
    *ret_draft = draft;
    return CL_OK;
}

static enum cl_err
scan_object(const struct cl_v1_context *context, cl_str text, struct cl_json_scan *ret_scan,
            struct cl_why *why)
{
    cl_json_scan_init(ret_scan, context->arena, context->hash_key);
    enum cl_err err = cl_json_scan_feed(ret_scan, text, true, why);
    if (err == CL_OK && ret_scan->depth_most > DEPTH_MAX)
        err = cl_fail(CL_ERR_MALFORMED, why, "JSON refused: more than %d levels", DEPTH_MAX);
    return err;
}

enum cl_err
cl_v1_decode_call(const struct cl_v1_context *context, enum cl_v1_call call, cl_str body,
                  struct cl_v1_draft *ret_draft, struct cl_why *why)
{
    typedef enum cl_err decode_fn(const struct cl_v1_context *, const struct cl_json_scan *,
                                  struct cl_v1_draft *, struct cl_why *);
    static decode_fn *const decoders[CL_V1_CALL_COUNT] = {
        [CL_V1_REGISTER] = decode_register, [CL_V1_HEARTBEAT] = decode_heartbeat,
        [CL_V1_DELEGATE] = decode_delegate, [CL_V1_BROADCAST] = decode_broadcast,
        [CL_V1_RESPOND] = decode_respond,   [CL_V1_FILE_PUT] = decode_file_put,
    };
    struct cl_json_scan scan;
    CL_ASSERT(call < CL_V1_CALL_COUNT && decoders[call] != NULL);
    enum cl_err err = scan_object(context, body, &scan, why);
    return err == CL_OK ? decoders[call](context, &scan, ret_draft, why) : err;
}

/* -- frames ------------------------------------------------------------------------------------ */

/* What a frame gets: a member of that name, in the place of the old one if there was one. */
struct edit {
    struct member member;
    const struct cl_json_member *old;
};

static size_t
spliced_len(cl_str text, const struct edit *edits, size_t edits_len)
{
    size_t len = text.len;
    for (size_t i = 0; i < edits_len; i++) {
        const struct edit *edit = &edits[i];
        if (edit->old == NULL)
            len += emit_member(NULL, 0, &edit->member) + 1; // and a comma
        else
            len += edit->member.value.len - edit->old->value.len;
    }
    return len;
}

/* The object `text` with the edits, whose old members are in the order of the text, made. What is
 * new comes in front. */
static void
splice(cl_str text, const struct edit *edits, size_t edits_len, char *out)
{
    size_t at = emit(out, 0, CL_STR("{"));
    const char *from = text.ptr + 1;
    for (size_t i = 0; i < edits_len; i++) {
        if (edits[i].old != NULL)
            continue;
        at = emit_member(out, at, &edits[i].member);
        at = emit(out, at, CL_STR(","));
    }
    for (size_t i = 0; i < edits_len; i++) {
        if (edits[i].old == NULL)
            continue;
        cl_str old = edits[i].old->value;
        at = emit(out, at, cl_str_of(from, (size_t)(old.ptr - from)));
        at = emit(out, at, edits[i].member.value);
        from = old.ptr + old.len;
    }
    (void)emit(out, at, cl_str_of(from, (size_t)(text.ptr + text.len - from)));
}

/* The sender's id, and the time of a broadcast. Returns how many; 0 without memory. */
static size_t
make_edits(const struct cl_v1_context *context, const struct cl_json_scan *scan, bool is_broadcast,
           struct edit edits[static 2])
{
    char now[CL_TIME_TEXT_CAP];
    size_t len = is_broadcast ? 2 : 1;
    edits[0] = (struct edit){.member = {CL_STR("from_agent"), context->peer_quoted}};
    edits[1] = (struct edit){.member.name = CL_STR("timestamp")};
    if (is_broadcast) {
        cl_time_text(context->now, now);
        if (quote(context, cl_str_z(now), &edits[1].member.value) != CL_OK)
            return 0;
    }
    for (size_t i = 0; i < len; i++)
        edits[i].old = cl_json_scan_member(scan, edits[i].member.name);
    bool both = len == 2 && edits[0].old != NULL && edits[1].old != NULL;
    if (both && edits[1].old < edits[0].old) {
        struct edit first = edits[1];
        edits[1] = edits[0];
        edits[0] = first;
    }
    return len;
}

/* The frame to forward; NULL without memory. */
static struct cl_body *
frame_body(const struct cl_v1_context *context, cl_str text, const struct cl_json_scan *scan,
           bool is_broadcast)
{
    struct edit edits[2];
    size_t len = make_edits(context, scan, is_broadcast, edits);
    if (len == 0)
        return NULL;
    text = cl_str_strip(text);
    struct cl_body *body = cl_body_new_blank(spliced_len(text, edits, len));
    if (body != NULL)
        splice(text, edits, len, body->bytes);
    return body;
}

enum cl_err
cl_v1_decode_frame(const struct cl_v1_context *context, cl_str text, struct cl_v1_draft *ret_draft,
                   struct cl_why *why)
{
    struct cl_json_scan scan;
    struct letter letter = {
        .from = context->peer, .kind = CL_MSG_FRAME, .media = CL_V1_MEDIA_FRAME};
    enum cl_err err = scan_object(context, text, &scan, why);
    if (err != CL_OK)
        return err;
    if (scan.members_len > FRAME_MEMBERS_MAX)
        return cl_fail(CL_ERR_MALFORMED, why, "a frame may have %d members", FRAME_MEMBERS_MAX);

    cl_str type = value_or(&scan, CL_STR("type"), CL_STR("null"));
    bool is_delegate = cl_json_string_is(type, CL_STR("delegate"));
    if (!is_delegate && cl_json_string_is(type, CL_STR("heartbeat"))) {
        *ret_draft = (struct cl_v1_draft){
            .command = {.kind = CL_COMMAND_HEARTBEAT, .heartbeat = {.agent = context->peer}}};
        return CL_OK;
    }
    if (!is_delegate && !cl_json_string_is(type, CL_STR("broadcast")))
        return cl_fail(CL_ERR_MALFORMED, why, "type must be heartbeat, delegate or broadcast");
    err = read_priority(&scan, &letter.priority, why);
    if (err == CL_OK && is_delegate)
        err = read_id(context, &scan, CL_STR("to_agent"), &letter.to, why);
    if (err == CL_OK && is_delegate && letter.to.len == 0)
        err = cl_fail(CL_ERR_MISSING, why, "to_agent required");
    if (err != CL_OK)
        return err;
    if (cl_json_scan_member(&scan, CL_STR("queued_at")) != NULL)
        letter.media = CL_V1_MEDIA_FRAME_DATED;
    struct cl_body *body = frame_body(context, text, &scan, !is_delegate);
    return draft_letter(context, &letter, body, ret_draft, why);
}
