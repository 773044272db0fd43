// SPDX-License-Identifier: MIT
#include "wire/json_write.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/utf8.h"

void
cl_json_writer_init(struct cl_json_writer *json, struct cl_buf *buf)
{
    *json = (struct cl_json_writer){.buf = buf, .start = buf->len};
}

enum cl_err
cl_json_writer_end(struct cl_json_writer *json)
{
    if (json->err != CL_OK)
        cl_buf_truncate(json->buf, json->start);
    return json->err;
}

static void
put(struct cl_json_writer *json, cl_str bytes)
{
    struct cl_buf *buf = json->buf;
    if (json->err != CL_OK)
        return;
    if (bytes.len == 0 || bytes.len > buf->cap - buf->len || bytes.len > buf->max - buf->len) {
        json->err = cl_buf_append(buf, bytes);
        return;
    }
    memcpy(buf->ptr + buf->len, bytes.ptr, bytes.len);
    buf->len += bytes.len;
}

/* The comma that the value before left to be written. */
static void
separate(struct cl_json_writer *json)
{
    if (json->wants_comma)
        put(json, CL_STR(","));
    json->wants_comma = false;
}

static void
open_container(struct cl_json_writer *json, cl_str bracket)
{
    separate(json);
    put(json, bracket);
}

static void
close_container(struct cl_json_writer *json, cl_str bracket)
{
    put(json, bracket);
    json->wants_comma = true;
}

void
cl_json_object_begin(struct cl_json_writer *json)
{
    open_container(json, CL_STR("{"));
}

void
cl_json_object_end(struct cl_json_writer *json)
{
    close_container(json, CL_STR("}"));
}

void
cl_json_array_begin(struct cl_json_writer *json)
{
    open_container(json, CL_STR("["));
}

void
cl_json_array_end(struct cl_json_writer *json)
{
    close_container(json, CL_STR("]"));
}

static void
put_escaped(struct cl_json_writer *json, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char short_forms[] = "\0\0\0\0\0\0\0\0btn\0fr";
    char letter = c < sizeof short_forms ? short_forms[c] : '\0';
    if (c >= ' ')
        letter = (char)c; // a quote or backslash
    const char text[6] = {'\\',           letter == '\0' ? 'u' : letter, '0', '0', digits[c >> 4],
                          digits[c & 0xf]};
    put(json, cl_str_of(text, letter == '\0' ? 6 : 2));
}

static void
put_with_escapes(struct cl_json_writer *json, cl_str text)
{
    if (json->err == CL_OK && !cl_utf8_is_valid(text))
        json->err = CL_ERR_MALFORMED;
    separate(json);
    put(json, CL_STR("\""));
    while (text.len > 0) {
        size_t plain = cl_bytes_json(text.ptr, text.len, true);
        put(json, cl_str_part(text, 0, plain));
        if (plain < text.len)
            put_escaped(json, (unsigned char)text.ptr[plain++]);
        text = cl_str_part(text, plain, text.len);
    }
    put(json, CL_STR("\""));
}

/* The common road: room once for the comma, the quotes, the text and what follows it. False: it
 * is another text, or less room would do. */
static bool
put_plain(struct cl_json_writer *json, cl_str text, char behind)
{
    char *space;
    if (json->err != CL_OK || cl_bytes_json(text.ptr, text.len, false) < text.len)
        return false;
    enum cl_err err = cl_buf_reserve(json->buf, text.len + 4, &space);
    if (err == CL_ERR_NO_MEMORY)
        json->err = err;
    if (err != CL_OK)
        return json->err != CL_OK;
    char *at = space;
    if (json->wants_comma)
        *at++ = ',';
    *at++ = '"';
    if (text.len > 0)
        memcpy(at, text.ptr, text.len);
    at += text.len;
    *at++ = '"';
    if (behind != '\0')
        *at++ = behind;
    cl_buf_commit(json->buf, (size_t)(at - space));
    return true;
}

void
cl_json_put_name(struct cl_json_writer *json, cl_str name)
{
    if (!put_plain(json, name, ':')) {
        put_with_escapes(json, name);
        put(json, CL_STR(":"));
    }
    json->wants_comma = false;
}

void
cl_json_put_raw_name(struct cl_json_writer *json, cl_str name)
{
    separate(json);
    put(json, name);
}

void
cl_json_put_string(struct cl_json_writer *json, cl_str text)
{
    if (!put_plain(json, text, '\0'))
        put_with_escapes(json, text);
    json->wants_comma = true;
}

void
cl_json_put_raw(struct cl_json_writer *json, cl_str value)
{
    separate(json);
    put(json, value);
    json->wants_comma = true;
}

/* Decimal digits, with a point before the last decimals when there are any. */
static void
put_number(struct cl_json_writer *json, bool negative, uint64_t size, unsigned decimals)
{
    char text[24];
    size_t at = sizeof text;
    for (unsigned digits = 0; size > 0 || digits <= decimals; digits++) {
        if (digits == decimals && decimals > 0)
            text[--at] = '.';
        text[--at] = (char)('0' + size % 10);
        size /= 10;
    }
    if (negative)
        text[--at] = '-';
    cl_json_put_raw(json, cl_str_of(text + at, sizeof text - at));
}

static uint64_t
size_of(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

void
cl_json_put_u64(struct cl_json_writer *json, uint64_t value)
{
    put_number(json, false, value, 0);
}

void
cl_json_put_i64(struct cl_json_writer *json, int64_t value)
{
    put_number(json, value < 0, size_of(value), 0);
}

void
cl_json_put_fixed(struct cl_json_writer *json, int64_t value, unsigned decimals)
{
    CL_ASSERT(decimals >= 1 && decimals <= 18);
    put_number(json, value < 0, size_of(value), decimals);
}

void
cl_json_put_bool(struct cl_json_writer *json, bool value)
{
    cl_json_put_raw(json, value ? CL_STR("true") : CL_STR("false"));
}

void
cl_json_put_null(struct cl_json_writer *json)
{
    cl_json_put_raw(json, CL_STR("null"));
}

void
cl_json_put_member(struct cl_json_writer *json, cl_str name, cl_str text)
{
    cl_json_put_name(json, name);
    cl_json_put_string(json, text);
}

void
cl_json_put_member_u64(struct cl_json_writer *json, cl_str name, uint64_t value)
{
    cl_json_put_name(json, name);
    cl_json_put_u64(json, value);
}
