// SPDX-License-Identifier: MIT
#include "proto/v2_bridge.h"

#include "base/utf8.h"
#include "proto/v1_decode.h"
#include "proto/v1_encode.h"
#include "wire/base64url.h"
#include "wire/json.h"

/* A value in a body of v1 stands so much deeper in what v1 is pushed (v1_decode.c). */
#define DEPTH_MAX (CL_JSON_DEPTH_MAX - 3)

/* What a frame of v1 has besides the body: ids, the largest part of it, and times. */
#define FRAME_ADDS_MAX (8 * CL_ID_BYTES_MAX + 1024)

/* -- claims ------------------------------------------------------------------------------------ */

struct cl_v2_claim
cl_v2_claim_of_status(cl_str status)
{
    if (cl_json_string_is(status, CL_STR("completed")))
        return (struct cl_v2_claim){CL_RUNG_SEEN, CL_V2_OUTCOME_COMPLETED};
    if (cl_json_string_is(status, CL_STR("failed")))
        return (struct cl_v2_claim){CL_RUNG_SEEN, CL_V2_OUTCOME_FAILED};
    if (cl_json_string_is(status, CL_STR("in_progress")))
        return (struct cl_v2_claim){CL_RUNG_IN_PROGRESS, CL_V2_OUTCOME_NONE};
    return (struct cl_v2_claim){CL_RUNG_SEEN, CL_V2_OUTCOME_NONE};
}

cl_str
cl_v2_status_of_claim(struct cl_v2_claim claim)
{
    bool is_open = claim.outcome == CL_V2_OUTCOME_NONE;
    if (is_open && claim.rung == CL_RUNG_IN_PROGRESS)
        return CL_STR("in_progress");
    return is_open || claim.outcome == CL_V2_OUTCOME_COMPLETED ? CL_STR("completed")
                                                               : CL_STR("failed");
}

/* -- v2 to v1 ---------------------------------------------------------------------------------- */

/* How a body stands in a message of v1. */
enum form { FORM_TEXT, FORM_OBJECT, FORM_DATA };

/* A message of v2 that is being shown. */
struct showing {
    const struct cl_msg *msg;
    struct cl_v2_claim claim;
    struct cl_envelope_header header;
    cl_str cty; // of the content
    enum form form;
    cl_str content; // of DATA: in base64url
};

/* application/json, or anything that ends in +json (RFC 6839 section 3.1). */
static bool
is_json_type(cl_str cty)
{
    cl_str type, rest;
    (void)cl_str_split(cty, ';', &type, &rest);
    type = cl_str_trim(type);
    return cl_str_eq_nocase(type, CL_STR("application/json")) ||
           (type.len > 5 && cl_str_eq_nocase(cl_str_part(type, type.len - 5, 5), CL_STR("+json")));
}

/* Can it stand in a message of v1 as it is? */
static bool
is_object(const struct cl_envelope_reader *reader, cl_str body)
{
    struct cl_json_scan scan;
    cl_json_scan_init(&scan, reader->arena, reader->hash_key);
    return cl_json_scan_feed(&scan, body, true, NULL) == CL_OK && scan.depth_most <= DEPTH_MAX;
}

static enum cl_err
set_content(const struct cl_envelope_reader *reader, cl_str body, struct showing *showing)
{
    showing->content = body;
    showing->form = FORM_TEXT;
    if (is_json_type(showing->cty) && is_object(reader, body)) {
        showing->content = cl_str_strip(body);
        showing->form = FORM_OBJECT;
    }
    if (showing->form == FORM_OBJECT || cl_utf8_is_valid(body))
        return CL_OK;
    size_t len = CL_BASE64URL_LEN(body.len);
    char *text = cl_arena_alloc(reader->arena, len);
    if (text == NULL)
        return CL_ERR_NO_MEMORY;
    cl_base64url_encode(body, text);
    showing->content = cl_str_of(text, len);
    showing->form = FORM_DATA;
    return CL_OK;
}

/* Reads the envelope, and takes the blob in the place of its reference. */
static enum cl_err
prepare(const struct cl_envelope_reader *reader, const struct cl_v2_shown *shown,
        struct showing *ret_showing, struct cl_why *why)
{
    struct cl_envelope envelope;
    struct showing showing = {.msg = shown->msg, .claim = shown->claim};
    cl_str body;
    enum cl_err err =
        cl_envelope_decode(reader, cl_body_str(shown->msg->body), &envelope, &showing.header, why);
    if (err == CL_OK)
        err = cl_envelope_body(&envelope, reader->arena, &body);
    if (err != CL_OK)
        return err;
    showing.cty = showing.header.cty;
    if (shown->has_blob) {
        struct cl_blob blob;
        err = cl_blob_read(reader, body, &blob, why);
        if (err != CL_OK)
            return err;
        showing.cty = blob.cty;
        body = shown->blob;
    }
    err = set_content(reader, body, &showing);
    if (err == CL_OK)
        *ret_showing = showing;
    return err;
}

static void
put_content(struct cl_json_writer *json, cl_str name, const struct showing *showing)
{
    cl_json_put_name(json, name);
    switch (showing->form) {
    case FORM_TEXT:
        cl_json_put_string(json, showing->content);
        break;
    case FORM_OBJECT:
        cl_json_put_raw(json, showing->content);
        break;
    case FORM_DATA:
        cl_json_object_begin(json);
        cl_json_put_member(json, CL_STR("encoding"), CL_STR("base64url"));
        if (showing->cty.len > 0)
            cl_json_put_member(json, CL_STR("content_type"), showing->cty);
        cl_json_put_member(json, CL_STR("data"), showing->content);
        cl_json_object_end(json);
        break;
    }
}

static void
put_context(struct cl_json_writer *json, const struct showing *showing)
{
    const struct cl_envelope_header *header = &showing->header;
    cl_json_put_name(json, CL_STR("context"));
    cl_json_object_begin(json);
    if (showing->cty.len > 0)
        cl_json_put_member(json, CL_STR("content_type"), showing->cty);
    if (header->thr.len > 0)
        cl_json_put_member(json, CL_STR("thread"), header->thr);
    if (header->dl > 0)
        cl_v1_put_time(json, CL_STR("deadline"), (cl_time){(int64_t)header->dl * 1000});
    if (header->reply_to.len > 0)
        cl_json_put_member(json, CL_STR("reply_to"), header->reply_to);
    cl_json_object_end(json);
}

/* What the message is to v1, and the members that it then has besides those in its record
 * (clawlink-v1.md, Messages). */
static enum cl_msg_kind
put_members(struct cl_json_writer *json, const struct showing *showing)
{
    struct cl_address to = {0};
    char id[CL_V1_ID_TEXT_CAP];
    (void)cl_address_read(showing->header.to, &to); // the header was read
    if (to.kind == CL_ADDRESS_TOPIC) {
        put_content(json, CL_STR("content"), showing);
        cl_json_put_member(json, CL_STR("topic"), to.name);
        cl_json_put_name(json, CL_STR("tags"));
        cl_json_array_begin(json);
        cl_json_array_end(json);
        return CL_MSG_NEWS;
    }
    if (!cl_id_is_none(showing->header.re)) {
        cl_v1_id_text(showing->header.re, id);
        cl_json_put_member(json, CL_STR("message_id"), cl_str_z(id));
        put_content(json, CL_STR("result"), showing);
        cl_json_put_member(json, CL_STR("status"), cl_v2_status_of_claim(showing->claim));
        return CL_MSG_RESPONSE;
    }
    put_content(json, CL_STR("task"), showing);
    put_context(json, showing);
    return CL_MSG_TASK;
}

enum cl_err
cl_v2_to_v1(const struct cl_envelope_reader *reader, const struct cl_v2_shown *shown,
            struct cl_msg *ret_msg, struct cl_why *why)
{
    struct showing showing;
    struct cl_buf text;
    struct cl_json_writer json;
    enum cl_err err = prepare(reader, shown, &showing, why);
    if (err != CL_OK)
        return err;
    cl_buf_init(&text, CL_WS_MESSAGE_BYTES_MAX - FRAME_ADDS_MAX);
    cl_json_writer_init(&json, &text);
    cl_json_object_begin(&json);
    enum cl_msg_kind kind = put_members(&json, &showing);
    cl_json_object_end(&json);
    err = cl_json_writer_end(&json);
    struct cl_body *body = err == CL_OK ? cl_body_new(cl_buf_str(&text)) : NULL;
    cl_buf_done(&text);
    if (body == NULL)
        return err == CL_OK ? CL_ERR_NO_MEMORY : err;
    *ret_msg = *shown->msg;
    ret_msg->kind = kind;
    ret_msg->media = CL_V1_MEDIA_MEMBERS;
    ret_msg->body = body;
    return CL_OK;
}

/* -- v1 to v2 ---------------------------------------------------------------------------------- */

/* The member that v1 has its text in, and the others with the only values that say nothing. */
struct plain {
    cl_str text;
    cl_str other;
    cl_str other_is;
    cl_str third; // any value: it is elsewhere in the envelope
};

static const struct plain plains[CL_MSG_KIND_COUNT] = {
    [CL_MSG_TASK] = {CL_STR_INIT("task"), CL_STR_INIT("context"), CL_STR_INIT("{}"), {0}},
    [CL_MSG_RESPONSE] = {CL_STR_INIT("result"), CL_STR_INIT("status"), CL_STR_INIT("\"completed\""),
                         CL_STR_INIT("message_id")},
    [CL_MSG_NEWS] = {CL_STR_INIT("content"), CL_STR_INIT("tags"), CL_STR_INIT("[]"),
                     CL_STR_INIT("topic")},
};

/* Is the third member said by the envelope? */
static bool
is_elsewhere(const struct cl_msg *msg)
{
    switch ((int)msg->kind) {
    case CL_MSG_RESPONSE: // `re`
        return !cl_id_is_none(msg->re);
    case CL_MSG_NEWS: // `to`
        return cl_line_is_valid(msg->subject, CL_TOPIC_BYTES_MAX);
    default:
        return true;
    }
}

/* The one string that the body is all about, still quoted; empty without one. */
static cl_str
plain_text(const struct cl_msg *msg)
{
    const struct plain *plain = &plains[msg->kind];
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    cl_str text = {0};
    bool is_plain = msg->media == CL_V1_MEDIA_MEMBERS && plain->text.len > 0 && is_elsewhere(msg);
    if (!is_plain)
        return text;
    // The object that cl_v1_decode_call made: its names need no escapes.
    cl_json_cursor_init(&cursor, cl_body_str(msg->body));
    while (is_plain && cl_json_cursor_next(&cursor, &member)) {
        if (cl_str_eq(member.name, plain->text) && member.type == CL_JSON_STRING)
            text = member.value;
        else if (cl_str_eq(member.name, plain->other))
            is_plain = cl_str_eq(member.value, plain->other_is);
        else
            is_plain = plain->third.len > 0 && cl_str_eq(member.name, plain->third);
    }
    return is_plain ? text : (cl_str){0};
}

enum cl_err
cl_v1_content(const struct cl_envelope_reader *reader, const struct cl_msg *msg, struct cl_buf *buf,
              struct cl_v2_content *ret_content)
{
    cl_str text = plain_text(msg), rest;
    cl_buf_clear(buf);
    if (text.len > 0) {
        struct cl_v2_content content = {0};
        enum cl_err err = cl_json_string(text, reader->arena, &content.body);
        if (err == CL_OK)
            *ret_content = content;
        return err;
    }
    enum cl_err err = cl_v1_encode_message(msg, false, buf, &rest);
    if (err == CL_OK)
        err = cl_buf_append(buf, rest);
    if (err == CL_OK)
        *ret_content = (struct cl_v2_content){.body = cl_buf_str(buf), .cty = CL_STR(CL_CTY_V1)};
    return err;
}

/* News is for its topic; where that has no address, and for all else, it is for who is shown it. */
static enum cl_err
set_receiver(const struct cl_envelope_reader *reader, const struct cl_v1_shown *shown,
             cl_str *ret_to)
{
    enum cl_err err = CL_ERR_MALFORMED;
    if (shown->msg->kind == CL_MSG_NEWS)
        err = cl_address_of_topic(shown->msg->subject, reader->arena, ret_to);
    return err == CL_ERR_MALFORMED ? cl_address_of_id(shown->receiver, reader->arena, ret_to) : err;
}

enum cl_err
cl_v1_to_v2(const struct cl_envelope_reader *reader, const struct cl_v1_shown *shown,
            struct cl_buf *buf, struct cl_why *why)
{
    const struct cl_msg *msg = shown->msg;
    uint64_t iat = (uint64_t)msg->created.ms / 1000;
    uint64_t exp = (uint64_t)msg->expires.ms / 1000;
    struct cl_envelope_header header = {.typ = CL_ENVELOPE_MSG,
                                        .id = msg->id,
                                        .iat = iat,
                                        .re = msg->re,
                                        .cty = shown->content.cty,
                                        .pri = (uint8_t)msg->priority};
    // Whole seconds may have eaten the little life there was, or have made it a second longer.
    header.exp = exp <= iat ? iat + 1 : exp;
    if (header.exp - iat > CL_ENVELOPE_LIFE_S_MAX)
        header.exp = iat + CL_ENVELOPE_LIFE_S_MAX;
    enum cl_err err = cl_address_of_id(msg->from, reader->arena, &header.from);
    if (err == CL_OK)
        err = set_receiver(reader, shown, &header.to);
    return err == CL_OK ? cl_envelope_encode(reader, &header, shown->content.body, buf, why) : err;
}

/* -- agents ------------------------------------------------------------------------------------ */

enum cl_err
cl_v2_put_record(const struct cl_v2_attach *attach, struct cl_buf *buf)
{
    struct cl_json_writer json;
    struct cl_address address = {0};
    (void)cl_address_read(attach->agent, &address); // it was read as one
    cl_json_writer_init(&json, buf);
    cl_json_object_begin(&json);
    cl_json_put_member(&json, CL_STR("name"), attach->name.len > 0 ? attach->name : address.name);
    cl_json_put_name(&json, CL_STR("capabilities"));
    cl_json_array_begin(&json);
    for (uint32_t i = 0; i < attach->capabilities.len; i++)
        cl_json_put_string(&json, attach->capabilities.ptr[i]);
    cl_json_array_end(&json);
    cl_json_put_member(&json, CL_STR("machine"), address.instance);
    cl_json_put_member(&json, CL_STR("description"), attach->description);
    if (attach->metadata.len > 0) {
        cl_json_put_name(&json, CL_STR("metadata"));
        cl_json_put_raw(&json, attach->metadata);
    }
    cl_json_object_end(&json);
    return cl_json_writer_end(&json);
}

static enum cl_err
read_capabilities(const struct cl_envelope_reader *reader, cl_str value, cl_strs *ret_strs)
{
    struct cl_json_cursor cursor;
    struct cl_json_member element;
    cl_str *items = cl_arena_alloc(reader->arena, CL_V2_CAPABILITIES_MAX * sizeof *items);
    uint32_t len = 0;
    if (items == NULL)
        return CL_ERR_NO_MEMORY;
    cl_json_cursor_init(&cursor, cl_json_type_of(value) == CL_JSON_ARRAY ? value : CL_STR("[]"));
    while (len < CL_V2_CAPABILITIES_MAX && cl_json_cursor_next(&cursor, &element)) {
        if (element.type != CL_JSON_STRING)
            continue;
        enum cl_err err = cl_json_string(element.value, reader->arena, &items[len]);
        if (err != CL_OK)
            return err;
        len += cl_line_is_valid(items[len], CL_V2_STRING_BYTES_MAX);
    }
    *ret_strs = (cl_strs){.ptr = items, .len = len};
    return CL_OK;
}

/* A string of up to bytes_max bytes; what else it may be, *ret_text stays as it is. */
static enum cl_err
read_short(const struct cl_envelope_reader *reader, const struct cl_json_member *member,
           size_t bytes_max, cl_str *ret_text)
{
    cl_str text;
    if (member->type != CL_JSON_STRING)
        return CL_OK;
    enum cl_err err = cl_json_string(member->value, reader->arena, &text);
    if (err == CL_OK && text.len <= bytes_max)
        *ret_text = text;
    return err;
}

enum cl_err
cl_v2_read_record(const struct cl_envelope_reader *reader, cl_str record,
                  struct cl_v2_agent *ret_agent)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    enum cl_err err = CL_OK;
    cl_json_cursor_init(&cursor, record);
    while (err == CL_OK && cl_json_cursor_next(&cursor, &member)) {
        if (cl_str_eq(member.name, CL_STR("name")))
            err = read_short(reader, &member, CL_V2_DISPLAY_BYTES_MAX, &ret_agent->name);
        else if (cl_str_eq(member.name, CL_STR("description")))
            err = read_short(reader, &member, CL_V2_DESCRIPTION_BYTES_MAX, &ret_agent->description);
        else if (cl_str_eq(member.name, CL_STR("capabilities")))
            err = read_capabilities(reader, member.value, &ret_agent->capabilities);
        else if (cl_str_eq(member.name, CL_STR("metadata")) && member.type == CL_JSON_OBJECT &&
                 member.value.len <= CL_V2_METADATA_BYTES_MAX)
            ret_agent->metadata = member.value;
    }
    return err;
}
