// SPDX-License-Identifier: MIT
#include "proto/agent_link.h"

#include "base/assert.h"
#include "wire/json.h"

/* One text that is being read. */
struct reading {
    const struct cl_envelope_reader *reader;
    struct cl_json_scan scan;
    struct cl_why *why;
};

static const cl_str call_types[] = {
    [CL_AGENT_LINK_REGISTER] = CL_STR_INIT("register"),
    [CL_AGENT_LINK_SEND] = CL_STR_INIT("send"),
    [CL_AGENT_LINK_PING] = CL_STR_INIT("ping"),
};
#define CALL_TYPES_LEN (sizeof call_types / sizeof call_types[0])

static const cl_str note_types[] = {
    [CL_AGENT_LINK_REGISTERED] = CL_STR_INIT("registered"),
    [CL_AGENT_LINK_ERROR] = CL_STR_INIT("error"),
    [CL_AGENT_LINK_MESSAGE] = CL_STR_INIT("message"),
    [CL_AGENT_LINK_DELIVERED] = CL_STR_INIT("delivered"),
    [CL_AGENT_LINK_PONG] = CL_STR_INIT("pong"),
};
#define NOTE_TYPES_LEN (sizeof note_types / sizeof note_types[0])

/* -- members ----------------------------------------------------------------------------------- */

static enum cl_err
begin(struct reading *reading, const struct cl_envelope_reader *reader, cl_str text,
      struct cl_why *why)
{
    reading->reader = reader;
    reading->why = why;
    cl_json_scan_init(&reading->scan, reader->arena, reader->hash_key);
    return cl_json_scan_feed(&reading->scan, text, true, why);
}

/* A string, of any length; empty where it is absent. */
static enum cl_err
read_maybe(struct reading *reading, cl_str name, cl_str *ret_text)
{
    const struct cl_json_member *member = cl_json_scan_member(&reading->scan, name);
    *ret_text = (cl_str){NULL, 0};
    if (member == NULL)
        return CL_OK;
    if (member->type != CL_JSON_STRING)
        return cl_fail(CL_ERR_MALFORMED, reading->why, "%.*s must be a string", CL_STR_ARG(name));
    enum cl_err err = cl_json_string(member->value, reading->reader->arena, ret_text);
    return err == CL_OK ? CL_OK
                        : cl_fail(err, reading->why, "no memory for %.*s", CL_STR_ARG(name));
}

static enum cl_err
read_string(struct reading *reading, cl_str name, cl_str *ret_text)
{
    if (cl_json_scan_member(&reading->scan, name) == NULL)
        return cl_fail(CL_ERR_MISSING, reading->why, "%.*s is required", CL_STR_ARG(name));
    return read_maybe(reading, name, ret_text);
}

static enum cl_err
read_signature(struct reading *reading, struct cl_agent_link_call *call)
{
    cl_str hex;
    enum cl_err err = read_maybe(reading, CL_STR("signature"), &hex);
    if (err != CL_OK || cl_json_scan_member(&reading->scan, CL_STR("signature")) == NULL)
        return err;
    if (!cl_digest_read(hex, &call->signature))
        return cl_fail(CL_ERR_MALFORMED, reading->why,
                       "signature must be 64 hexadecimal digits, small ones");
    call->is_signed = true;
    return CL_OK;
}

/* -- calls ------------------------------------------------------------------------------------- */

static enum cl_err
read_register(struct reading *reading, struct cl_agent_link_call *call)
{
    enum cl_err err = read_string(reading, CL_STR("instance_id"), &call->instance);
    if (err == CL_OK && !cl_name_is_instance(call->instance))
        err = cl_fail(CL_ERR_MALFORMED, reading->why,
                      "instance_id must be a name of 1 to %d letters, digits and \"._-\"",
                      CL_NAME_BYTES_MAX);
    if (err == CL_OK)
        err = read_maybe(reading, CL_STR("public_key"), &call->public_key);
    if (err == CL_OK && call->public_key.len > CL_AL_KEY_BYTES_MAX)
        err = cl_fail(CL_ERR_MALFORMED, reading->why, "public_key may have %u bytes",
                      CL_AL_KEY_BYTES_MAX);
    if (err == CL_OK)
        err = read_maybe(reading, CL_STR("name"), &call->name);
    if (err == CL_OK && call->name.len > 0 &&
        !cl_line_is_valid(call->name, CL_V2_DISPLAY_BYTES_MAX))
        err = cl_fail(CL_ERR_MALFORMED, reading->why,
                      "name must be a string of up to %d bytes without control characters",
                      CL_V2_DISPLAY_BYTES_MAX);
    return err;
}

/* agent-link-v1.md: a colon or a second slash would make the signed text ambiguous. The id behind
 * "v1/" could have both. */
static bool
read_address(cl_str text, unsigned kinds, struct cl_address *ret_address)
{
    cl_str head, name;
    struct cl_address address;
    (void)cl_str_split(text, '/', &head, &name);
    if (cl_str_find(text, ':') < text.len || cl_str_find(name, '/') < name.len ||
        !cl_address_read(text, &address) || (address.kind & kinds) == 0)
        return false;
    *ret_address = address;
    return true;
}

/* A bare agent is one of the sender's instance. */
static enum cl_err
complete(struct reading *reading, struct cl_agent_link_call *call)
{
    cl_str instance = call->from_address.instance;
    call->target = call->to;
    if (!cl_name_is_valid(call->to)) // it has a slash, or is refused for what it has
        return CL_OK;
    char *text = cl_arena_alloc(reading->reader->arena, instance.len + 1 + call->to.len);
    if (text == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, reading->why, "no memory for to");
    CL_ASSERT(instance.ptr != NULL && call->to.ptr != NULL); // both are names
    memcpy(text, instance.ptr, instance.len);
    text[instance.len] = '/';
    memcpy(text + instance.len + 1, call->to.ptr, call->to.len);
    call->target = cl_str_of(text, instance.len + 1 + call->to.len);
    return CL_OK;
}

static enum cl_err
read_send(struct reading *reading, struct cl_agent_link_call *call)
{
    enum cl_err err = read_string(reading, CL_STR("from"), &call->from);
    if (err == CL_OK && !read_address(call->from, CL_ADDRESS_AGENT, &call->from_address))
        err = cl_fail(CL_ERR_MALFORMED, reading->why,
                      "from must be an address such as \"instance-001/main\"");
    if (err == CL_OK)
        err = read_string(reading, CL_STR("to"), &call->to);
    if (err == CL_OK)
        err = complete(reading, call);
    if (err == CL_OK &&
        !read_address(call->target, CL_ADDRESS_AGENT | CL_ADDRESS_V1, &call->to_address))
        err = cl_fail(CL_ERR_MALFORMED, reading->why,
                      "to must be an address such as \"instance-002/main\"");
    return err == CL_OK ? read_string(reading, CL_STR("message"), &call->message) : err;
}

static enum cl_err
read_call(struct reading *reading, struct cl_agent_link_call *call)
{
    switch (call->type) {
    case CL_AGENT_LINK_REGISTER:
        return read_register(reading, call);
    case CL_AGENT_LINK_SEND:
        return read_send(reading, call);
    case CL_AGENT_LINK_PING:
        break;
    }
    return CL_OK;
}

/* The index of the word, or len. */
static size_t
find_type(const cl_str *types, size_t len, cl_str word)
{
    size_t at = 0;
    while (at < len && !cl_str_eq(types[at], word))
        at++;
    return at;
}

enum cl_err
cl_agent_link_read_call(const struct cl_envelope_reader *reader, cl_str text,
                        struct cl_agent_link_call *ret_call, struct cl_why *why)
{
    struct reading reading;
    struct cl_agent_link_call call = {0};
    cl_str word;
    enum cl_err err = begin(&reading, reader, text, why);
    if (err == CL_OK)
        err = read_string(&reading, CL_STR("type"), &word);
    if (err != CL_OK)
        return err;
    size_t type = find_type(call_types, CALL_TYPES_LEN, word);
    if (type == CALL_TYPES_LEN)
        return cl_fail(CL_ERR_NOT_IMPLEMENTED, why, "type must be register or send");
    call.type = (enum cl_agent_link_call_type)type;
    err = read_call(&reading, &call);
    if (err == CL_OK && call.type != CL_AGENT_LINK_PING)
        err = read_signature(&reading, &call);
    if (err == CL_OK && call.type != CL_AGENT_LINK_PING && !call.is_signed)
        err = cl_fail(CL_ERR_MISSING, why, "signature is required");
    if (err == CL_OK)
        *ret_call = call;
    return err;
}

enum cl_err
cl_agent_link_read_body(const struct cl_envelope_reader *reader, enum cl_agent_link_call_type type,
                        cl_str text, struct cl_agent_link_call *ret_call, struct cl_why *why)
{
    struct reading reading;
    struct cl_agent_link_call call = {.type = type};
    enum cl_err err = begin(&reading, reader, text, why);
    if (err == CL_OK)
        err = read_call(&reading, &call);
    if (err == CL_OK)
        err = read_signature(&reading, &call);
    if (err == CL_OK)
        *ret_call = call;
    return err;
}

/* -- notes ------------------------------------------------------------------------------------- */

enum cl_err
cl_agent_link_read_note(const struct cl_envelope_reader *reader, cl_str text,
                        struct cl_agent_link_note *ret_note, struct cl_why *why)
{
    struct reading reading;
    struct cl_agent_link_note note = {0};
    cl_str word;
    enum cl_err err = begin(&reading, reader, text, why);
    if (err == CL_OK)
        err = read_string(&reading, CL_STR("type"), &word);
    if (err != CL_OK)
        return err;
    note.type = (enum cl_agent_link_note_type)find_type(note_types, NOTE_TYPES_LEN, word);
    if (note.type == CL_AGENT_LINK_REGISTERED)
        err = read_maybe(&reading, CL_STR("instance_id"), &note.instance);
    if (note.type == CL_AGENT_LINK_MESSAGE)
        err = read_string(&reading, CL_STR("from"), &note.from);
    if (err == CL_OK &&
        (note.type == CL_AGENT_LINK_MESSAGE || note.type == CL_AGENT_LINK_DELIVERED))
        err = read_string(&reading, CL_STR("to"), &note.to);
    if (err == CL_OK && (note.type == CL_AGENT_LINK_MESSAGE || note.type == CL_AGENT_LINK_ERROR))
        err = read_string(&reading, CL_STR("message"), &note.message);
    if (err == CL_OK)
        *ret_note = note;
    return err;
}

/* -- writing ----------------------------------------------------------------------------------- */

static void
put_unless_empty(struct cl_json_writer *json, cl_str name, cl_str text)
{
    if (text.len > 0)
        cl_json_put_member(json, name, text);
}

enum cl_err
cl_agent_link_put_call(const struct cl_agent_link_call *call, struct cl_buf *buf)
{
    struct cl_json_writer json;
    char hex[CL_DIGEST_TEXT_LEN];
    cl_digest_text(&call->signature, hex);
    cl_json_writer_init(&json, buf);
    cl_json_object_begin(&json);
    cl_json_put_member(&json, CL_STR("type"), call_types[call->type]);
    if (call->type == CL_AGENT_LINK_REGISTER) {
        cl_json_put_member(&json, CL_STR("instance_id"), call->instance);
        put_unless_empty(&json, CL_STR("public_key"), call->public_key);
        put_unless_empty(&json, CL_STR("name"), call->name);
    }
    if (call->type == CL_AGENT_LINK_SEND) {
        cl_json_put_member(&json, CL_STR("from"), call->from);
        cl_json_put_member(&json, CL_STR("to"), call->to);
        cl_json_put_member(&json, CL_STR("message"), call->message);
    }
    if (call->is_signed)
        cl_json_put_member(&json, CL_STR("signature"), cl_str_of(hex, sizeof hex));
    cl_json_object_end(&json);
    return cl_json_writer_end(&json);
}

enum cl_err
cl_agent_link_put_note(const struct cl_agent_link_note *note, struct cl_buf *buf)
{
    struct cl_json_writer json;
    CL_ASSERT(note->type < CL_AGENT_LINK_UNKNOWN);
    cl_json_writer_init(&json, buf);
    cl_json_object_begin(&json);
    cl_json_put_member(&json, CL_STR("type"), note_types[note->type]);
    if (note->type == CL_AGENT_LINK_REGISTERED)
        put_unless_empty(&json, CL_STR("instance_id"), note->instance);
    if (note->type == CL_AGENT_LINK_MESSAGE)
        cl_json_put_member(&json, CL_STR("from"), note->from);
    if (note->type == CL_AGENT_LINK_MESSAGE || note->type == CL_AGENT_LINK_DELIVERED)
        cl_json_put_member(&json, CL_STR("to"), note->to);
    if (note->type == CL_AGENT_LINK_MESSAGE || note->type == CL_AGENT_LINK_ERROR)
        cl_json_put_member(&json, CL_STR("message"), note->message);
    cl_json_object_end(&json);
    return cl_json_writer_end(&json);
}
