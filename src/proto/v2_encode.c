// SPDX-License-Identifier: MIT
#include "proto/v2_encode.h"

#include "base/assert.h"

static void
begin(struct cl_json_writer *json)
{
    cl_json_object_begin(json);
    cl_json_put_member(json, CL_STR("jsonrpc"), CL_STR("2.0"));
}

static void
put_id(struct cl_json_writer *json, cl_str id)
{
    cl_json_put_name(json, CL_STR("id"));
    cl_json_put_raw(json, id);
}

enum cl_err
cl_v2_encode_call(enum cl_v2_method method, cl_str id, const void *params, struct cl_buf *buf)
{
    struct cl_json_writer json;
    cl_json_writer_init(&json, buf);
    begin(&json);
    if (id.len > 0)
        put_id(&json, id);
    cl_json_put_member(&json, CL_STR("method"), cl_v2_method_name(method));
    cl_json_put_name(&json, CL_STR("params"));
    cl_shape_put(&json, cl_v2_params_shape(method), params);
    cl_json_object_end(&json);
    return cl_json_writer_end(&json);
}

void
cl_v2_result_begin(struct cl_json_writer *json, cl_str id)
{
    begin(json);
    put_id(json, id);
    cl_json_put_name(json, CL_STR("result"));
    cl_json_object_begin(json);
}

void
cl_v2_result_end(struct cl_json_writer *json)
{
    cl_json_object_end(json);
    cl_json_object_end(json);
}

enum cl_err
cl_v2_encode_result(enum cl_v2_method method, cl_str id, const void *result, struct cl_buf *buf)
{
    struct cl_json_writer json;
    cl_json_writer_init(&json, buf);
    cl_v2_result_begin(&json, id);
    cl_shape_put_members(&json, cl_v2_result_shape(method), result);
    cl_v2_result_end(&json);
    return cl_json_writer_end(&json);
}

enum cl_err
cl_v2_encode_error(cl_str id, const struct cl_v2_error *error, struct cl_buf *buf)
{
    struct cl_json_writer json;
    struct cl_v2_error_data data = {.error = cl_str_z(cl_err_wire(error->err)),
                                    .retry = cl_err_retry_helps(error->err),
                                    .retry_after = error->retry_after_s,
                                    .versions = error->versions,
                                    .candidates = error->candidates};
    CL_ASSERT(error->err != CL_OK && error->code != 0);
    cl_json_writer_init(&json, buf);
    begin(&json);
    put_id(&json, id);
    cl_json_put_name(&json, CL_STR("error"));
    cl_json_object_begin(&json);
    cl_json_put_name(&json, CL_STR("code"));
    cl_json_put_i64(&json, error->code);
    cl_json_put_member(&json, CL_STR("message"), error->sentence);
    cl_json_put_name(&json, CL_STR("data"));
    cl_shape_put(&json, &cl_v2_error_data_shape, &data);
    cl_json_object_end(&json);
    cl_json_object_end(&json);
    return cl_json_writer_end(&json);
}

/* {"jsonrpc":"2.0","method":...,"params": */
static void
note_begin(struct cl_json_writer *json, enum cl_v2_note note)
{
    begin(json);
    cl_json_put_member(json, CL_STR("method"), cl_v2_note_name(note));
    cl_json_put_name(json, CL_STR("params"));
}

enum cl_err
cl_v2_encode_note(enum cl_v2_note note, const void *params, struct cl_buf *buf)
{
    struct cl_json_writer json;
    cl_json_writer_init(&json, buf);
    note_begin(&json, note);
    cl_shape_put(&json, cl_v2_note_shape(note), params);
    cl_json_object_end(&json);
    return cl_json_writer_end(&json);
}

enum cl_err
cl_v2_encode_message_head(const struct cl_v2_message *message, struct cl_buf *buf)
{
    struct cl_json_writer json;
    // All members of the shape but the last, which the caller's text is the value of.
    struct cl_shape shape = cl_v2_message_shape;
    const struct cl_shape_field *last = &shape.fields[--shape.fields_len];
    cl_json_writer_init(&json, buf);
    note_begin(&json, CL_V2_NOTE_MESSAGE);
    cl_json_object_begin(&json);
    cl_shape_put_members(&json, &shape, message);
    cl_json_put_raw_name(&json, last->written);
    return cl_json_writer_end(&json);
}

struct cl_v2_error
cl_v2_error_of(enum cl_err err, cl_str sentence)
{
    return (struct cl_v2_error){.err = err, .code = cl_err_http(err), .sentence = sentence};
}
