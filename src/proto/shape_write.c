// SPDX-License-Identifier: MIT
#include "base/assert.h"
#include "proto/shape.h"
#include "wire/base64url.h"

/* One member that is being written. */
struct writing {
    struct cl_json_writer *json;
    const struct cl_shape_field *field;
    const void *value;
};

/* -- absent members ---------------------------------------------------------------------------- */

static bool
is_absent(const struct cl_shape_field *field, const void *value)
{
    switch (field->type) {
    case CL_SHAPE_LINE:
    case CL_SHAPE_TEXT:
    case CL_SHAPE_NAME:
    case CL_SHAPE_ADDRESS:
    case CL_SHAPE_RAW:
        return ((const cl_str *)value)->len == 0;
    case CL_SHAPE_ID:
        return cl_id_is_none(*(const cl_id *)value);
    case CL_SHAPE_NUMBER:
        return *(const uint64_t *)value == 0;
    case CL_SHAPE_STREAM:
    case CL_SHAPE_MAYBE:
        return !((const cl_maybe *)value)->is_set;
    case CL_SHAPE_BOOL:
        return !*(const bool *)value;
    case CL_SHAPE_PRIORITY:
        return *(const uint8_t *)value == CL_PRIORITY_NORMAL;
    case CL_SHAPE_WORD:
        return *(const uint8_t *)value == 0;
    case CL_SHAPE_OBJECT:
        return *(const void *const *)value == NULL;
    case CL_SHAPE_LIST:
        return ((const cl_items *)value)->len == 0;
    case CL_SHAPE_STRINGS:
        return ((const cl_strs *)value)->len == 0;
    case CL_SHAPE_AT:
        return ((const struct cl_range *)value)->first == 0;
    case CL_SHAPE_RANGES:
        return ((const cl_ranges *)value)->len == 0;
    case CL_SHAPE_ENVELOPE:
        return ((const struct cl_envelope *)value)->protected.len == 0;
    case CL_SHAPE_TYPE_COUNT:
        break;
    }
    CL_ASSERT(false);
}

/* -- writing, one function for each type ------------------------------------------------------- */

static void
put_string(const struct writing *writing)
{
    cl_json_put_string(writing->json, *(const cl_str *)writing->value);
}

/* Of base64url nothing needs an escape. */
static void
put_bytes(struct cl_json_writer *json, const uint8_t *bytes, size_t len)
{
    char text[CL_BASE64URL_LEN(sizeof(cl_id))];
    cl_base64url_encode(cl_str_of(bytes, len), text);
    cl_json_put_string(json, cl_str_of(text, CL_BASE64URL_LEN(len)));
}

static void
put_id(const struct writing *writing)
{
    const cl_id *id = writing->value;
    put_bytes(writing->json, id->bytes, sizeof id->bytes);
}

static void
put_stream(const struct writing *writing)
{
    uint64_t stream = ((const cl_maybe *)writing->value)->value;
    uint8_t bytes[CL_STREAM_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(stream >> (8 * (sizeof bytes - 1 - i)));
    put_bytes(writing->json, bytes, sizeof bytes);
}

static void
put_number(const struct writing *writing)
{
    cl_json_put_u64(writing->json, *(const uint64_t *)writing->value);
}

static void
put_maybe(const struct writing *writing)
{
    cl_json_put_u64(writing->json, ((const cl_maybe *)writing->value)->value);
}

static void
put_bool(const struct writing *writing)
{
    cl_json_put_bool(writing->json, *(const bool *)writing->value);
}

static void
put_priority(const struct writing *writing)
{
    cl_json_put_u64(writing->json, *(const uint8_t *)writing->value);
}

static void
put_word(const struct writing *writing)
{
    const cl_str *words = writing->field->extra;
    uint8_t index = *(const uint8_t *)writing->value;
    CL_ASSERT(index < writing->field->max);
    cl_json_put_string(writing->json, words[index]);
}

static void
put_raw(const struct writing *writing)
{
    cl_json_put_raw(writing->json, *(const cl_str *)writing->value);
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as shapes are nested in each other
static void
put_object(const struct writing *writing)
{
    cl_shape_put(writing->json, writing->field->extra, *(const void *const *)writing->value);
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as shapes are nested in each other
static void
put_list(const struct writing *writing)
{
    const cl_items *items = writing->value;
    const struct cl_shape *shape = writing->field->extra;
    const char *at = items->ptr;
    cl_json_array_begin(writing->json);
    for (uint32_t i = 0; i < items->len; i++)
        cl_shape_put(writing->json, shape, at + (size_t)i * shape->size);
    cl_json_array_end(writing->json);
}

static void
put_strings(const struct writing *writing)
{
    const cl_strs *strs = writing->value;
    cl_json_array_begin(writing->json);
    for (uint32_t i = 0; i < strs->len; i++)
        cl_json_put_string(writing->json, strs->ptr[i]);
    cl_json_array_end(writing->json);
}

static void
put_at(const struct writing *writing)
{
    const struct cl_range *at = writing->value;
    cl_json_array_begin(writing->json);
    cl_json_put_u64(writing->json, at->priority);
    cl_json_put_u64(writing->json, at->first);
    cl_json_array_end(writing->json);
}

static void
put_ranges(const struct writing *writing)
{
    const cl_ranges *ranges = writing->value;
    cl_json_array_begin(writing->json);
    for (uint32_t i = 0; i < ranges->len; i++) {
        cl_json_array_begin(writing->json);
        cl_json_put_u64(writing->json, ranges->ptr[i].priority);
        cl_json_put_u64(writing->json, ranges->ptr[i].first);
        cl_json_put_u64(writing->json, ranges->ptr[i].last);
        cl_json_array_end(writing->json);
    }
    cl_json_array_end(writing->json);
}

static void
put_envelope(const struct writing *writing)
{
    const struct cl_envelope *envelope = writing->value;
    cl_json_object_begin(writing->json);
    cl_json_put_member(writing->json, CL_STR("protected"), envelope->protected);
    cl_json_put_member(writing->json, CL_STR("payload"), envelope->payload);
    if (envelope->signature.len > 0)
        cl_json_put_member(writing->json, CL_STR("signature"), envelope->signature);
    cl_json_object_end(writing->json);
}

/* -- objects ----------------------------------------------------------------------------------- */

typedef void put_fn(const struct writing *);

static put_fn *const writers[CL_SHAPE_TYPE_COUNT] = {
    [CL_SHAPE_LINE] = put_string,     [CL_SHAPE_TEXT] = put_string,
    [CL_SHAPE_NAME] = put_string,     [CL_SHAPE_ADDRESS] = put_string,
    [CL_SHAPE_ID] = put_id,           [CL_SHAPE_STREAM] = put_stream,
    [CL_SHAPE_NUMBER] = put_number,   [CL_SHAPE_MAYBE] = put_maybe,
    [CL_SHAPE_BOOL] = put_bool,       [CL_SHAPE_PRIORITY] = put_priority,
    [CL_SHAPE_WORD] = put_word,       [CL_SHAPE_RAW] = put_raw,
    [CL_SHAPE_OBJECT] = put_object,   [CL_SHAPE_LIST] = put_list,
    [CL_SHAPE_STRINGS] = put_strings, [CL_SHAPE_AT] = put_at,
    [CL_SHAPE_RANGES] = put_ranges,   [CL_SHAPE_ENVELOPE] = put_envelope,
};

// NOLINTNEXTLINE(misc-no-recursion): as deep as shapes are nested in each other
void
cl_shape_put_members(struct cl_json_writer *json, const struct cl_shape *shape, const void *value)
{
    for (uint32_t i = 0; i < shape->fields_len; i++) {
        const struct cl_shape_field *field = &shape->fields[i];
        struct writing writing = {json, field, (const char *)value + field->offset};
        if (field->want == CL_SHAPE_OPTIONAL && is_absent(field, writing.value))
            continue;
        cl_json_put_raw_name(json, field->written);
        writers[field->type](&writing);
    }
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as shapes are nested in each other
void
cl_shape_put(struct cl_json_writer *json, const struct cl_shape *shape, const void *value)
{
    cl_json_object_begin(json);
    cl_shape_put_members(json, shape, value);
    cl_json_object_end(json);
}
