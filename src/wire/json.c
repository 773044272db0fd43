// SPDX-License-Identifier: MIT
#include "wire/json.h"

#include <float.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "wire/json_text.h"

/* Longer spellings of a double are not read. */
#define DOUBLE_BYTES_MAX 100

/* White space, and what stands between values: all that a valid text has between two tokens. */
static bool
is_gap(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ':';
}

static size_t
skip_gap(cl_str text, size_t at)
{
    while (at < text.len && is_gap(text.ptr[at]))
        at++;
    return at;
}

/* Behind the closing quote of the string that opens at index at. */
static size_t
string_end(cl_str text, size_t at)
{
    for (at++; at < text.len; at += 2) { // an escape lies between two turns
        at += cl_bytes_json(text.ptr + at, text.len - at, true);
        if (at < text.len && text.ptr[at] == '"')
            return at + 1;
    }
    return text.len;
}

static size_t
container_end(cl_str text, size_t at)
{
    size_t depth = 0;
    while (at < text.len) {
        char c = text.ptr[at];
        if (c == '"') {
            at = string_end(text, at);
            continue;
        }
        at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            break;
    }
    return at;
}

static size_t
value_end(cl_str text, size_t at)
{
    char c = text.ptr[at];
    if (c == '"')
        return string_end(text, at);
    if (c == '{' || c == '[')
        return container_end(text, at);
    while (at < text.len && !is_gap(text.ptr[at]) && text.ptr[at] != ']' && text.ptr[at] != '}')
        at++;
    return at;
}

/* What stands between the quotes of a string. */
static cl_str
unquoted(cl_str value)
{
    return cl_str_part(value, 1, value.len - 2);
}

void
cl_json_cursor_init(struct cl_json_cursor *cursor, cl_str value)
{
    enum cl_json_type type = cl_json_type_of(value);
    bool is_walkable = type == CL_JSON_OBJECT || type == CL_JSON_ARRAY;
    // The brackets are not walked.
    *cursor = (struct cl_json_cursor){.text = is_walkable ? unquoted(value) : CL_STR(""),
                                      .is_object = type == CL_JSON_OBJECT};
}

bool
cl_json_cursor_next(struct cl_json_cursor *cursor, struct cl_json_member *ret_member)
{
    struct cl_json_member member = {0};
    cl_str text = cursor->text;
    size_t at = skip_gap(text, cursor->at);
    if (at == text.len)
        return false;
    if (cursor->is_object) {
        size_t end = string_end(text, at);
        member.name = unquoted(cl_str_part(text, at, end - at));
        at = skip_gap(text, end);
    }
    size_t end = value_end(text, at);
    member.value = cl_str_part(text, at, end - at);
    member.type = cl_json_type_of(member.value);
    cursor->at = end;
    *ret_member = member;
    return true;
}

enum cl_json_type
cl_json_type_of(cl_str value)
{
    switch (value.len == 0 ? 'n' : value.ptr[0]) {
    case '{':
        return CL_JSON_OBJECT;
    case '[':
        return CL_JSON_ARRAY;
    case '"':
        return CL_JSON_STRING;
    case 't':
    case 'f':
        return CL_JSON_BOOL;
    case 'n':
        return CL_JSON_NULL;
    default:
        return CL_JSON_NUMBER;
    }
}

static bool
is_zero(cl_str number)
{
    size_t at = 0;
    while (at < number.len &&
           (number.ptr[at] == '-' || number.ptr[at] == '0' || number.ptr[at] == '.'))
        at++;
    return at == number.len || number.ptr[at] == 'e' || number.ptr[at] == 'E';
}

bool
cl_json_is_empty_value(cl_str value)
{
    struct cl_json_cursor cursor;
    struct cl_json_member first;
    switch (cl_json_type_of(value)) {
    case CL_JSON_NULL:
        return true;
    case CL_JSON_BOOL:
        return value.ptr[0] == 'f';
    case CL_JSON_NUMBER:
        return is_zero(value);
    case CL_JSON_STRING:
        return value.len == 2;
    case CL_JSON_ARRAY:
    case CL_JSON_OBJECT:
        break;
    }
    cl_json_cursor_init(&cursor, value);
    return !cl_json_cursor_next(&cursor, &first);
}

bool
cl_json_string_is(cl_str value, cl_str text)
{
    return cl_json_type_of(value) == CL_JSON_STRING && cl_json_text_is(unquoted(value), text);
}

static enum cl_err
decode(cl_str raw, struct cl_arena *arena, cl_str *ret_text)
{
    if (!cl_json_text_is_escaped(raw)) {
        *ret_text = raw;
        return CL_OK;
    }
    char *text = cl_arena_alloc(arena, raw.len);
    if (text == NULL)
        return CL_ERR_NO_MEMORY;
    *ret_text = cl_str_of(text, cl_json_text_decode(raw, text));
    return CL_OK;
}

enum cl_err
cl_json_string(cl_str value, struct cl_arena *arena, cl_str *ret_text)
{
    if (cl_json_type_of(value) != CL_JSON_STRING)
        return CL_ERR_MALFORMED;
    return decode(unquoted(value), arena, ret_text);
}

enum cl_err
cl_json_name(const struct cl_json_member *member, struct cl_arena *arena, cl_str *ret_name)
{
    return decode(member->name, arena, ret_name);
}

bool
cl_json_to_bool(cl_str value, bool *ret_value)
{
    if (cl_json_type_of(value) != CL_JSON_BOOL)
        return false;
    *ret_value = value.ptr[0] == 't';
    return true;
}

bool
cl_json_to_u64(cl_str value, uint64_t *ret_value)
{
    return cl_str_to_u64(value, UINT64_MAX, ret_value);
}

bool
cl_json_to_i64(cl_str value, int64_t *ret_value)
{
    uint64_t size;
    bool negative = cl_str_starts(value, CL_STR("-"));
    if (!cl_str_to_u64(cl_str_part(value, negative, value.len),
                       negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &size))
        return false;
    // Not -(int64_t)size: the smallest number has no positive twin.
    *ret_value = negative && size > 0 ? -(int64_t)(size - 1) - 1 : (int64_t)size;
    return true;
}

bool
cl_json_to_double(cl_str value, double *ret_value)
{
    char text[DOUBLE_BYTES_MAX + 1];
    if (cl_json_type_of(value) != CL_JSON_NUMBER || !cl_str_copy(text, sizeof text, value))
        return false;
    double number = strtod(text, NULL);
    if (number > DBL_MAX || number < -DBL_MAX)
        return false;
    *ret_value = number;
    return true;
}
