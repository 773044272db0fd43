// SPDX-License-Identifier: MIT
#include "proto/shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "proto/address.h"
#include "wire/base64url.h"
#include "wire/json.h"

/* One member that is being read. */
struct reading {
    const struct cl_shape_reader *reader;
    const struct cl_shape_field *field;
    cl_str value;
    struct cl_why *why;
};

/* -- refusals -------------------------------------------------------------------------------- */

// clang-format off
/* "<name> must be ...", with the field's max between the two halves where there are two. */
static const struct {
    const char *before;
    const char *after;
} wants[CL_SHAPE_TYPE_COUNT] = {
    [CL_SHAPE_LINE] = {"a string of 1 to ", " bytes without control characters"},
    [CL_SHAPE_TEXT] = {"a string of 1 to ", " bytes"},
    [CL_SHAPE_NAME] = {"a name of 1 to ", " letters, digits and \"._-\""},
    [CL_SHAPE_ADDRESS] = {"an address that can stand here, such as \"mini/otto\"", NULL},
    [CL_SHAPE_ID] = {"16 bytes in base64url, 22 characters", NULL},
    [CL_SHAPE_STREAM] = {"8 bytes in base64url, 11 characters", NULL},
    [CL_SHAPE_NUMBER] = {"a whole number from 0 to ", ""},
    [CL_SHAPE_MAYBE] = {"a whole number from 0 to ", ""},
    [CL_SHAPE_BOOL] = {"true or false", NULL},
    [CL_SHAPE_PRIORITY] = {"a priority from 0, urgent, to 3, low", NULL},
    [CL_SHAPE_WORD] = {"one of", NULL},
    [CL_SHAPE_RAW] = {"an object of up to ", " bytes"},
    [CL_SHAPE_OBJECT] = {"an object", NULL},
    [CL_SHAPE_LIST] = {"an array of up to ", " objects"},
    [CL_SHAPE_STRINGS] = {"an array of up to ", " short strings without control characters"},
    [CL_SHAPE_AT] = {"[priority, number], the number at least 1", NULL},
    [CL_SHAPE_RANGES] = {"1 to ", " ranges [priority, first, last], first at least 1"},
    [CL_SHAPE_ENVELOPE] = {"the strings protected, payload and, if signed, signature, in base64url",
                             NULL},
};
// clang-format on

/* The words themselves, each behind a space: " completed failed". */
static void
list_words(const struct cl_shape_field *field, char *ret_text, size_t cap)
{
    const cl_str *words = field->extra;
    size_t at = 0;
    for (uint64_t i = field->want == CL_SHAPE_REQUIRED ? 0 : 1; i < field->max; i++) {
        if (words[i].len == 0 || at + words[i].len + 2 > cap)
            continue;
        ret_text[at++] = ' ';
        memcpy(ret_text + at, words[i].ptr, words[i].len);
        at += words[i].len;
    }
    ret_text[at] = '\0';
}

static enum cl_err
refuse(const struct reading *reading, enum cl_err err)
{
    char middle[128] = "";
    const struct cl_shape_field *field = reading->field;
    const char *after = wants[field->type].after;
    if (err == CL_ERR_NO_MEMORY)
        return cl_fail(err, reading->why, "no memory for %.*s", CL_STR_ARG(field->name));
    if (field->type == CL_SHAPE_WORD)
        list_words(field, middle, sizeof middle);
    else if (after != NULL)
        (void)snprintf(middle, sizeof middle, "%" PRIu64, field->max);
    return cl_fail(err, reading->why, "%.*s must be %s%s%s", CL_STR_ARG(field->name),
                   wants[field->type].before, middle, after == NULL ? "" : after);
}

/* -- reading, one function for each type ------------------------------------------------------- */

/* The first len elements of an array of just so many. */
static bool
elements(cl_str value, struct cl_json_member *ret_elements, uint32_t len)
{
    struct cl_json_cursor cursor;
    struct cl_json_member more;
    if (cl_json_type_of(value) != CL_JSON_ARRAY)
        return false;
    cl_json_cursor_init(&cursor, value);
    for (uint32_t i = 0; i < len; i++)
        if (!cl_json_cursor_next(&cursor, &ret_elements[i]))
            return false;
    return !cl_json_cursor_next(&cursor, &more);
}

static bool
count(cl_str value, uint64_t max, uint32_t *ret_len)
{
    struct cl_json_cursor cursor;
    struct cl_json_member element;
    uint32_t len = 0;
    if (cl_json_type_of(value) != CL_JSON_ARRAY)
        return false;
    cl_json_cursor_init(&cursor, value);
    while (len <= max && cl_json_cursor_next(&cursor, &element))
        len++;
    *ret_len = len;
    return len <= max;
}

static enum cl_err
read_string(const struct reading *reading, cl_str *ret_text)
{
    return cl_json_string(reading->value, reading->reader->arena, ret_text);
}

static enum cl_err
read_line(const struct reading *reading, void *ret_value)
{
    cl_str text;
    enum cl_err err = read_string(reading, &text);
    if (err != CL_OK)
        return err;
    if (!cl_line_is_valid(text, reading->field->max))
        return CL_ERR_MALFORMED;
    *(cl_str *)ret_value = text;
    return CL_OK;
}

static enum cl_err
read_text(const struct reading *reading, void *ret_value)
{
    cl_str text;
    enum cl_err err = read_string(reading, &text);
    if (err != CL_OK)
        return err;
    if (text.len == 0 || text.len > reading->field->max)
        return CL_ERR_MALFORMED;
    *(cl_str *)ret_value = text;
    return CL_OK;
}

static enum cl_err
read_name(const struct reading *reading, void *ret_value)
{
    cl_str text;
    enum cl_err err = read_string(reading, &text);
    if (err != CL_OK)
        return err;
    if (!cl_name_is_valid(text))
        return CL_ERR_MALFORMED;
    *(cl_str *)ret_value = text;
    return CL_OK;
}

static enum cl_err
read_address(const struct reading *reading, void *ret_value)
{
    cl_str text;
    struct cl_address address;
    enum cl_err err = read_string(reading, &text);
    if (err != CL_OK)
        return err;
    if (!cl_address_read(text, &address) || (address.kind & reading->field->max) == 0)
        return CL_ERR_MALFORMED;
    *(cl_str *)ret_value = text;
    return CL_OK;
}

/* Exactly so many bytes, of a string without escapes: one spelling for each. */
static bool
read_bytes(cl_str value, char *ret_bytes, size_t len)
{
    cl_str bytes;
    if (cl_json_type_of(value) != CL_JSON_STRING)
        return false;
    return cl_base64url_decode(cl_str_part(value, 1, value.len - 2), ret_bytes, len, &bytes) ==
               CL_OK &&
           bytes.len == len;
}

/* All zero is no id (core/types.h). */
static enum cl_err
read_id(const struct reading *reading, void *ret_value)
{
    cl_id id;
    if (!read_bytes(reading->value, (char *)id.bytes, sizeof id.bytes) || cl_id_is_none(id))
        return CL_ERR_MALFORMED;
    *(cl_id *)ret_value = id;
    return CL_OK;
}

static enum cl_err
read_stream(const struct reading *reading, void *ret_value)
{
    uint8_t bytes[CL_STREAM_BYTES];
    cl_maybe stream = {.is_set = true};
    if (!read_bytes(reading->value, (char *)bytes, sizeof bytes))
        return CL_ERR_MALFORMED;
    for (size_t i = 0; i < sizeof bytes; i++)
        stream.value = stream.value << 8 | bytes[i];
    *(cl_maybe *)ret_value = stream;
    return CL_OK;
}

static enum cl_err
read_number(const struct reading *reading, void *ret_value)
{
    return cl_str_to_u64(reading->value, reading->field->max, ret_value) ? CL_OK : CL_ERR_MALFORMED;
}

static enum cl_err
read_maybe(const struct reading *reading, void *ret_value)
{
    cl_maybe maybe = {.is_set = true};
    if (!cl_str_to_u64(reading->value, reading->field->max, &maybe.value))
        return CL_ERR_MALFORMED;
    *(cl_maybe *)ret_value = maybe;
    return CL_OK;
}

static enum cl_err
read_bool(const struct reading *reading, void *ret_value)
{
    return cl_json_to_bool(reading->value, ret_value) ? CL_OK : CL_ERR_MALFORMED;
}

static enum cl_err
read_priority(const struct reading *reading, void *ret_value)
{
    uint64_t number;
    if (!cl_str_to_u64(reading->value, CL_PRIORITY_COUNT - 1, &number))
        return CL_ERR_MALFORMED;
    *(uint8_t *)ret_value = (uint8_t)number;
    return CL_OK;
}

static enum cl_err
read_word(const struct reading *reading, void *ret_value)
{
    const cl_str *words = reading->field->extra;
    uint8_t first = reading->field->want == CL_SHAPE_REQUIRED ? 0 : 1;
    for (uint8_t i = first; i < reading->field->max; i++) {
        if (words[i].len > 0 && cl_json_string_is(reading->value, words[i])) {
            *(uint8_t *)ret_value = i;
            return CL_OK;
        }
    }
    return CL_ERR_MALFORMED;
}

static enum cl_err
read_raw(const struct reading *reading, void *ret_value)
{
    if (cl_json_type_of(reading->value) != CL_JSON_OBJECT ||
        reading->value.len > reading->field->max)
        return CL_ERR_MALFORMED;
    *(cl_str *)ret_value = reading->value;
    return CL_OK;
}

static enum cl_err
read_strings(const struct reading *reading, void *ret_value)
{
    cl_strs strs = {0};
    struct cl_json_cursor cursor;
    struct cl_json_member element;
    if (!count(reading->value, reading->field->max, &strs.len))
        return CL_ERR_MALFORMED;
    cl_str *items = cl_arena_alloc(reading->reader->arena, strs.len * sizeof *items);
    if (items == NULL)
        return CL_ERR_NO_MEMORY;
    cl_json_cursor_init(&cursor, reading->value);
    for (uint32_t i = 0; i < strs.len && cl_json_cursor_next(&cursor, &element); i++) {
        enum cl_err err = cl_json_string(element.value, reading->reader->arena, &items[i]);
        if (err != CL_OK)
            return err;
        if (!cl_line_is_valid(items[i], CL_V2_STRING_BYTES_MAX))
            return CL_ERR_MALFORMED;
    }
    strs.ptr = items;
    *(cl_strs *)ret_value = strs;
    return CL_OK;
}

static bool
to_number(cl_str value, uint64_t *ret_number)
{
    return cl_str_to_u64(value, CL_V2_NUMBER_MAX, ret_number) && *ret_number > 0;
}

/* A priority, or CL_LANE_PASSING. */
static bool
to_lane(cl_str value, enum cl_priority *ret_lane)
{
    uint64_t number;
    if (!cl_str_to_u64(value, CL_LANE_PASSING, &number))
        return false;
    *ret_lane = (enum cl_priority)number;
    return true;
}

static enum cl_err
read_at(const struct reading *reading, void *ret_value)
{
    struct cl_json_member parts[2];
    struct cl_range at;
    if (!elements(reading->value, parts, 2) || !to_lane(parts[0].value, &at.priority) ||
        !to_number(parts[1].value, &at.first))
        return CL_ERR_MALFORMED;
    at.last = at.first;
    *(struct cl_range *)ret_value = at;
    return CL_OK;
}

static enum cl_err
read_ranges(const struct reading *reading, void *ret_value)
{
    cl_ranges ranges = {0};
    struct cl_json_cursor cursor;
    struct cl_json_member element, parts[3];
    if (!count(reading->value, reading->field->max, &ranges.len) || ranges.len == 0)
        return CL_ERR_MALFORMED;
    struct cl_range *items = cl_arena_alloc(reading->reader->arena, ranges.len * sizeof *items);
    if (items == NULL)
        return CL_ERR_NO_MEMORY;
    cl_json_cursor_init(&cursor, reading->value);
    for (struct cl_range *range = items; cl_json_cursor_next(&cursor, &element); range++) {
        if (!elements(element.value, parts, 3) || !to_lane(parts[0].value, &range->priority) ||
            !to_number(parts[1].value, &range->first) || !to_number(parts[2].value, &range->last) ||
            range->last < range->first)
            return CL_ERR_MALFORMED;
    }
    ranges.ptr = items;
    *(cl_ranges *)ret_value = ranges;
    return CL_OK;
}

/* The string as it was sent: base64url needs no escapes. */
static bool
sent_string(const struct cl_json_member *member, cl_str *ret_text)
{
    if (member->type != CL_JSON_STRING)
        return false;
    *ret_text = cl_str_part(member->value, 1, member->value.len - 2);
    return true;
}

bool
cl_shape_envelope(cl_str object, struct cl_envelope *ret_envelope)
{
    struct cl_envelope envelope = {0};
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    bool has_payload = false, has_signature = false;
    cl_json_cursor_init(&cursor, object);
    while (cl_json_cursor_next(&cursor, &member)) {
        bool is_header = cl_str_eq(member.name, CL_STR("protected"));
        bool is_payload = cl_str_eq(member.name, CL_STR("payload"));
        bool is_signature = cl_str_eq(member.name, CL_STR("signature"));
        if (!is_header && !is_payload && !is_signature)
            return false;
        if (!sent_string(&member, is_header    ? &envelope.protected
                                  : is_payload ? &envelope.payload
                                               : &envelope.signature))
            return false;
        has_payload |= is_payload;
        has_signature |= is_signature;
    }
    if (envelope.protected.len == 0 || !has_payload ||
        has_signature != (envelope.signature.len > 0) ||
        !cl_base64url_is_valid(envelope.protected) || !cl_base64url_is_valid(envelope.payload) ||
        !cl_base64url_is_valid(envelope.signature))
        return false;
    *ret_envelope = envelope;
    return true;
}

static enum cl_err
read_envelope(const struct reading *reading, void *ret_value)
{
    return cl_shape_envelope(reading->value, ret_value) ? CL_OK : CL_ERR_MALFORMED;
}

/* -- objects ----------------------------------------------------------------------------------- */

static enum cl_err read_members(const struct cl_shape_reader *reader, const struct cl_shape *shape,
                                cl_str object, void *ret_value, struct cl_why *why);

// NOLINTNEXTLINE(misc-no-recursion): as deep as shapes are nested in each other
static enum cl_err
read_object(const struct reading *reading, void *ret_value)
{
    const struct cl_shape *shape = reading->field->extra;
    if (cl_json_type_of(reading->value) != CL_JSON_OBJECT)
        return CL_ERR_MALFORMED;
    void *object = cl_arena_alloc(reading->reader->arena, shape->size);
    if (object == NULL)
        return CL_ERR_NO_MEMORY;
    *(const void **)ret_value = object;
    return read_members(reading->reader, shape, reading->value, object, reading->why);
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as shapes are nested in each other
static enum cl_err
read_list(const struct reading *reading, void *ret_value)
{
    const struct cl_shape *shape = reading->field->extra;
    struct cl_json_cursor cursor;
    struct cl_json_member element;
    cl_items items = {0};
    if (!count(reading->value, reading->field->max, &items.len))
        return CL_ERR_MALFORMED;
    char *at = cl_arena_alloc(reading->reader->arena, (size_t)items.len * shape->size);
    if (at == NULL)
        return CL_ERR_NO_MEMORY;
    items.ptr = at;
    cl_json_cursor_init(&cursor, reading->value);
    for (; cl_json_cursor_next(&cursor, &element); at += shape->size) {
        if (element.type != CL_JSON_OBJECT)
            return CL_ERR_MALFORMED;
        enum cl_err err = read_members(reading->reader, shape, element.value, at, reading->why);
        if (err != CL_OK)
            return err;
    }
    *(cl_items *)ret_value = items;
    return CL_OK;
}

typedef enum cl_err read_fn(const struct reading *, void *);

static read_fn *const readers[CL_SHAPE_TYPE_COUNT] = {
    [CL_SHAPE_LINE] = read_line,       [CL_SHAPE_TEXT] = read_text,
    [CL_SHAPE_NAME] = read_name,       [CL_SHAPE_ADDRESS] = read_address,
    [CL_SHAPE_ID] = read_id,           [CL_SHAPE_STREAM] = read_stream,
    [CL_SHAPE_NUMBER] = read_number,   [CL_SHAPE_MAYBE] = read_maybe,
    [CL_SHAPE_BOOL] = read_bool,       [CL_SHAPE_PRIORITY] = read_priority,
    [CL_SHAPE_WORD] = read_word,       [CL_SHAPE_RAW] = read_raw,
    [CL_SHAPE_OBJECT] = read_object,   [CL_SHAPE_LIST] = read_list,
    [CL_SHAPE_STRINGS] = read_strings, [CL_SHAPE_AT] = read_at,
    [CL_SHAPE_RANGES] = read_ranges,   [CL_SHAPE_ENVELOPE] = read_envelope,
};

/* The index of the field with the member's name, fields_len without one. Members mostly come in
 * the order of the shape, so it is first looked for at `from`. */
static uint32_t
find_field(const struct cl_shape *shape, cl_str name, uint32_t from)
{
    for (uint32_t i = 0; i < shape->fields_len; i++) {
        uint32_t at = (from + i) % shape->fields_len;
        if (cl_str_eq(shape->fields[at].name, name))
            return at;
    }
    return shape->fields_len;
}

/* A name that is no name is not repeated: it may be long, and cut it may be no text. */
static enum cl_err
refuse_name(cl_str name, struct cl_why *why)
{
    if (!cl_name_is_valid(name))
        return cl_fail(CL_ERR_MALFORMED, why, "there is a member that is not known here");
    return cl_fail(CL_ERR_MALFORMED, why, "%.*s is not known here", CL_STR_ARG(name));
}

/* The nested object has said what is wrong in it. */
static bool
is_said(const struct cl_shape_field *field, const struct cl_why *why)
{
    bool is_nested = field->type == CL_SHAPE_OBJECT || field->type == CL_SHAPE_LIST;
    return is_nested && why != NULL && why->text[0] != '\0';
}

static enum cl_err
check_required(const struct cl_shape *shape, uint32_t seen, struct cl_why *why)
{
    for (uint32_t i = 0; i < shape->fields_len; i++) {
        const struct cl_shape_field *field = &shape->fields[i];
        if (field->want == CL_SHAPE_REQUIRED && (seen >> i & 1) == 0)
            return cl_fail(CL_ERR_MISSING, why, "%.*s is required", CL_STR_ARG(field->name));
    }
    return CL_OK;
}

static void
set_absent(const struct cl_shape *shape, char *ret_value)
{
    memset(ret_value, 0, shape->size);
    for (uint32_t i = 0; i < shape->fields_len; i++)
        if (shape->fields[i].type == CL_SHAPE_PRIORITY)
            *(uint8_t *)(ret_value + shape->fields[i].offset) = CL_PRIORITY_NORMAL;
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as shapes are nested in each other
static enum cl_err
read_members(const struct cl_shape_reader *reader, const struct cl_shape *shape, cl_str object,
             void *ret_value, struct cl_why *why)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    uint32_t seen = 0, from = 0;
    set_absent(shape, ret_value);
    cl_json_cursor_init(&cursor, object);
    while (cl_json_cursor_next(&cursor, &member)) {
        cl_str name;
        enum cl_err err = cl_json_name(&member, reader->arena, &name);
        if (err != CL_OK)
            return cl_fail(err, why, "no memory for a name");
        uint32_t index = find_field(shape, name, from);
        if (index == shape->fields_len && reader->is_lenient)
            continue;
        if (index == shape->fields_len)
            return refuse_name(name, why);
        const struct cl_shape_field *field = &shape->fields[index];
        struct reading reading = {reader, field, member.value, why};
        err = readers[field->type](&reading, (char *)ret_value + field->offset);
        if (err != CL_OK)
            return is_said(field, why) ? err : refuse(&reading, err);
        seen |= UINT32_C(1) << index;
        from = index + 1;
    }
    return check_required(shape, seen, why);
}

enum cl_err
cl_shape_read(const struct cl_shape_reader *reader, const struct cl_shape *shape, cl_str object,
              void *ret_value, struct cl_why *why)
{
    struct cl_why ignored = {""};
    why = why == NULL ? &ignored : why;
    why->text[0] = '\0';
    CL_ASSERT(shape->fields_len <= CL_SHAPE_FIELDS_MAX);
    CL_ASSERT(cl_json_type_of(object) == CL_JSON_OBJECT);
    return read_members(reader, shape, object, ret_value, why);
}
