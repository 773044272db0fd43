// SPDX-License-Identifier: MIT
#include "proto/v1_encode.h"

#include "base/assert.h"
#include "proto/v1_decode.h"
#include "proto/v1_route.h"
#include "wire/json.h"

static const cl_str type_names[CL_MSG_KIND_COUNT] = {
    [CL_MSG_TASK] = CL_STR_INIT("task_delegation"),
    [CL_MSG_RESPONSE] = CL_STR_INIT("task_response"),
    [CL_MSG_NEWS] = CL_STR_INIT("knowledge_broadcast"),
    [CL_MSG_FILE] = CL_STR_INIT("file_updated"),
};

static const cl_str priority_names[CL_PRIORITY_COUNT] = {
    [CL_PRIORITY_URGENT] = CL_STR_INIT("urgent"),
    [CL_PRIORITY_HIGH] = CL_STR_INIT("high"),
    [CL_PRIORITY_NORMAL] = CL_STR_INIT("normal"),
    [CL_PRIORITY_LOW] = CL_STR_INIT("low"),
};

cl_str
cl_v1_priority_name(enum cl_priority priority)
{
    CL_ASSERT(priority < CL_PRIORITY_COUNT);
    return priority_names[priority];
}

void
cl_v1_id_text(cl_id id, char ret_text[static CL_V1_ID_TEXT_CAP])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < CL_V1_ID_TEXT_CAP - 1; i++)
        ret_text[i] = digits[id.bytes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0xf];
    ret_text[CL_V1_ID_TEXT_CAP - 1] = '\0';
}

static void
put_member_id(struct cl_json_writer *json, cl_str name, cl_id id)
{
    char text[CL_V1_ID_TEXT_CAP];
    cl_v1_id_text(id, text);
    cl_json_put_member(json, name, cl_str_z(text));
}

/* An absent sender or receiver reads null (clawlink-v1.md, POST /respond). */
static void
put_agent_id(struct cl_json_writer *json, cl_str name, cl_str id)
{
    cl_json_put_name(json, name);
    if (id.len == 0)
        cl_json_put_null(json);
    else
        cl_json_put_string(json, id);
}

void
cl_v1_put_time(struct cl_json_writer *json, cl_str name, cl_time time)
{
    char text[CL_TIME_TEXT_CAP];
    cl_time_text(time, text);
    cl_json_put_member(json, name, cl_str_z(text));
}

/* The members that a kind has besides those in the message's body (clawlink-v1.md, Messages). */
static void
put_fields(struct cl_json_writer *json, const struct cl_msg *msg)
{
    if (type_names[msg->kind].len > 0)
        cl_json_put_member(json, CL_STR("type"), type_names[msg->kind]);
    switch (msg->kind) {
    case CL_MSG_TASK:
        put_member_id(json, CL_STR("message_id"), msg->id);
        put_agent_id(json, CL_STR("from_agent"), msg->from);
        put_agent_id(json, CL_STR("to_agent"), msg->to);
        cl_json_put_member(json, CL_STR("priority"), cl_v1_priority_name(msg->priority));
        break;
    case CL_MSG_RESPONSE: // message_id is the task's, and in the body
        put_member_id(json, CL_STR("response_id"), msg->id);
        put_agent_id(json, CL_STR("from_agent"), msg->from);
        put_agent_id(json, CL_STR("to_agent"), msg->to);
        break;
    case CL_MSG_NEWS:
        put_member_id(json, CL_STR("message_id"), msg->id);
        put_agent_id(json, CL_STR("from_agent"), msg->from);
        break;
    case CL_MSG_FILE:
        cl_json_put_member(json, CL_STR("file_key"), msg->subject);
        cl_json_put_member_u64(json, CL_STR("version"), msg->version);
        put_agent_id(json, CL_STR("last_editor"), msg->from);
        break;
    case CL_MSG_FRAME: // says everything itself
        return;
    case CL_MSG_KIND_COUNT:
        CL_ASSERT(false);
    }
    cl_v1_put_time(json, CL_STR("timestamp"), msg->created);
}

enum cl_err
cl_v1_encode_message(const struct cl_msg *msg, bool is_queued, struct cl_buf *buf, cl_str *ret_rest)
{
    struct cl_json_writer json;
    cl_str body = cl_body_str(msg->body);
    size_t start = buf->len;

    if (msg->kind == CL_MSG_FRAME && (!is_queued || msg->media == CL_V1_MEDIA_FRAME_DATED)) {
        *ret_rest = body; // as it is
        return CL_OK;
    }
    cl_json_writer_init(&json, buf);
    cl_json_object_begin(&json);
    put_fields(&json, msg);
    if (is_queued && msg->media != CL_V1_MEDIA_FRAME_DATED)
        cl_v1_put_time(&json, CL_STR("queued_at"), msg->created);
    cl_json_object_end(&json);
    enum cl_err err = cl_json_writer_end(&json);
    if (err != CL_OK)
        return err;

    *ret_rest = cl_str_of(NULL, 0);
    if (body.len == 0)
        return CL_OK;
    // Both are objects: {"a":1} and {"b":2} become {"a":1, and "b":2}.
    *ret_rest = cl_str_part(body, 1, body.len);
    cl_buf_truncate(buf, buf->len - 1);
    return buf->len - start == 1 ? CL_OK : cl_buf_append_byte(buf, ',');
}

void
cl_v1_put_agent(struct cl_json_writer *json, const struct cl_agent *agent,
                struct cl_v1_presence presence)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;

    cl_json_object_begin(json);
    cl_json_put_member(json, CL_STR("agent_id"), agent->id);
    // The record is the object that cl_v1_decode_call made; its names need no escapes.
    cl_json_cursor_init(&cursor, cl_body_str(agent->record));
    while (cl_json_cursor_next(&cursor, &member)) {
        cl_json_put_name(json, member.name);
        cl_json_put_raw(json, member.value);
    }
    cl_v1_put_time(json, CL_STR("registered_at"), agent->updated);
    cl_json_put_name(json, CL_STR("last_heartbeat"));
    cl_json_put_fixed(json, presence.seen.ms, 3);
    cl_json_put_member(json, CL_STR("status"),
                       presence.is_online ? CL_STR("online") : CL_STR("stale"));
    cl_json_object_end(json);
}

void
cl_v1_put_joined(struct cl_json_writer *json, const struct cl_agent *agent,
                 struct cl_v1_presence presence, cl_time now)
{
    cl_json_object_begin(json);
    cl_json_put_member(json, CL_STR("type"), CL_STR("agent_joined"));
    cl_json_put_name(json, CL_STR("agent"));
    cl_v1_put_agent(json, agent, presence);
    cl_v1_put_time(json, CL_STR("timestamp"), now);
    cl_json_object_end(json);
}

void
cl_v1_put_file(struct cl_json_writer *json, const struct cl_file *file, bool with_content)
{
    const struct cl_file_version *latest = cl_file_latest(file);

    cl_json_object_begin(json);
    cl_json_put_member(json, CL_STR("file_key"), file->key);
    if (with_content) {
        cl_json_put_name(json, CL_STR("content"));
        cl_json_put_raw(json, cl_body_str(latest->content));
    }
    cl_json_put_name(json, CL_STR("file_type"));
    cl_json_put_raw(json, cl_body_str(latest->type));
    cl_json_put_member(json, CL_STR("last_editor"), latest->editor);
    cl_json_put_member_u64(json, CL_STR("version"), latest->version);
    cl_v1_put_time(json, CL_STR("updated_at"), latest->updated);
    cl_json_object_end(json);
}

void
cl_v1_put_error(struct cl_json_writer *json, enum cl_err err, cl_str sentence)
{
    cl_json_object_begin(json);
    cl_json_put_member(json, CL_STR("type"), CL_STR("error"));
    cl_json_put_member(json, CL_STR("error"), sentence);
    cl_json_put_member(json, CL_STR("code"), cl_str_z(cl_err_wire(err)));
    cl_json_object_end(json);
}

void
cl_v1_put_endpoints(struct cl_json_writer *json)
{
    cl_json_put_name(json, CL_STR("endpoints"));
    cl_json_object_begin(json);
    for (unsigned i = 0; i < CL_V1_CALL_COUNT; i++) {
        char text[CL_V1_CALL_TEXT_CAP];
        cl_v1_call_text((enum cl_v1_call)i, text);
        cl_json_put_member(json, cl_str_z(cl_v1_call_name((enum cl_v1_call)i)), cl_str_z(text));
    }
    cl_json_object_end(json);
}
