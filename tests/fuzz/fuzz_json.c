// SPDX-License-Identifier: MIT
/*
 * Any bytes are a text. However it is cut, verdict and reason are the same. What is accepted
 * and written again through cursor and writer is accepted again and means the same.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "wire/json.h"
#include "wire/json_write.h"

static const cl_hash_key hash_key = {{5}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* -- cuts ---------------------------------------------------------------------------------- */

/* A scan of a text, and the arena it wants. */
struct reading {
    struct cl_arena arena;
    struct cl_json_scan scan;
    struct cl_why why;
    enum cl_err err;
};

static void
begin_reading(struct reading *reading)
{
    cl_arena_init(&reading->arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    cl_json_scan_init(&reading->scan, &reading->arena, &hash_key);
    reading->err = CL_OK;
}

static void
feed(struct reading *reading, cl_str text, bool final)
{
    if (reading->err == CL_OK)
        reading->err = cl_json_scan_feed(&reading->scan, text, final, &reading->why);
}

/* From a block of just that length, so that a sanitizer sees a step beyond it. */
static void
feed_copy(struct reading *reading, cl_str text)
{
    char *copy = cl_alloc(text.len);
    CL_ASSERT(copy != NULL);
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    feed(reading, cl_str_of(copy, text.len), false);
    cl_free(copy);
}

static void
check_same(struct reading *got, const struct reading *want)
{
    CL_ASSERT(got->err == want->err);
    CL_ASSERT(got->err == CL_OK || strcmp(got->why.text, want->why.text) == 0);
    CL_ASSERT(got->scan.members_len == want->scan.members_len);
    cl_arena_done(&got->arena);
}

static void
check_cuts(cl_str text, const struct reading *whole)
{
    struct reading cut;
    begin_reading(&cut);
    for (size_t len = 0; len < text.len; len++)
        feed(&cut, cl_str_part(text, 0, len), false);
    feed(&cut, text, true);
    check_same(&cut, whole);

    begin_reading(&cut);
    feed_copy(&cut, cl_str_part(text, 0, cl_hash_short(&hash_key, text) % (text.len + 1)));
    feed(&cut, text, true);
    check_same(&cut, whole);
}

/* -- writing again ------------------------------------------------------------------------- */

static cl_str
decoded_name(const struct cl_json_member *member, struct cl_arena *arena)
{
    cl_str name;
    CL_ASSERT(cl_json_name(member, arena, &name) == CL_OK);
    return name;
}

static cl_str
decoded(cl_str value, struct cl_arena *arena)
{
    cl_str text;
    CL_ASSERT(cl_json_string(value, arena, &text) == CL_OK);
    return text;
}

static void
put_again(struct cl_json_writer *json, cl_str value, struct cl_arena *arena)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    enum cl_json_type type = cl_json_type_of(value);
    if (type == CL_JSON_STRING) {
        cl_json_put_string(json, decoded(value, arena));
        return;
    }
    if (type != CL_JSON_OBJECT && type != CL_JSON_ARRAY) {
        cl_json_put_raw(json, value);
        return;
    }
    type == CL_JSON_OBJECT ? cl_json_object_begin(json) : cl_json_array_begin(json);
    cl_json_cursor_init(&cursor, value);
    while (cl_json_cursor_next(&cursor, &member)) {
        if (type == CL_JSON_OBJECT)
            cl_json_put_name(json, decoded_name(&member, arena));
        put_again(json, member.value, arena);
    }
    type == CL_JSON_OBJECT ? cl_json_object_end(json) : cl_json_array_end(json);
}

static void
check_equal(cl_str value, cl_str other, struct cl_arena *arena)
{
    struct cl_json_cursor cursor, other_cursor;
    struct cl_json_member member, other_member;
    enum cl_json_type type = cl_json_type_of(value);
    CL_ASSERT(type == cl_json_type_of(other));
    CL_ASSERT(cl_json_is_empty_value(value) == cl_json_is_empty_value(other));
    if (type == CL_JSON_STRING) {
        cl_str text = decoded(value, arena);
        CL_ASSERT(cl_str_eq(text, decoded(other, arena)));
        CL_ASSERT(cl_json_string_is(value, text) && cl_json_string_is(other, text));
        return;
    }
    if (type != CL_JSON_OBJECT && type != CL_JSON_ARRAY) {
        CL_ASSERT(cl_str_eq(value, other));
        return;
    }
    cl_json_cursor_init(&cursor, value);
    cl_json_cursor_init(&other_cursor, other);
    while (cl_json_cursor_next(&cursor, &member)) {
        CL_ASSERT(cl_json_cursor_next(&other_cursor, &other_member));
        CL_ASSERT(cl_str_eq(decoded_name(&member, arena), decoded_name(&other_member, arena)));
        check_equal(member.value, other_member.value, arena);
    }
    CL_ASSERT(!cl_json_cursor_next(&other_cursor, &other_member));
}

static void
check_lookup(const struct cl_json_scan *scan, struct cl_arena *arena)
{
    double number;
    int64_t whole;
    for (uint32_t i = 0; i < scan->members_len; i++) {
        const struct cl_json_member *member = &scan->members[i];
        CL_ASSERT(cl_json_scan_member(scan, decoded_name(member, arena)) == member);
        CL_ASSERT(!cl_json_to_double(member->value, &number) || member->type == CL_JSON_NUMBER);
        CL_ASSERT(!cl_json_to_i64(member->value, &whole) || member->type == CL_JSON_NUMBER);
    }
}

static void
check_written_again(cl_str text)
{
    struct reading again;
    struct cl_json_writer json;
    struct cl_buf buf;
    struct cl_arena arena;
    cl_str value = cl_str_strip(text);

    cl_arena_init(&arena, 64 * CL_MIB);
    cl_buf_init(&buf, 64 * CL_MIB);
    cl_json_writer_init(&json, &buf);
    put_again(&json, value, &arena);
    CL_ASSERT(cl_json_writer_end(&json) == CL_OK);

    begin_reading(&again);
    feed(&again, cl_buf_str(&buf), true);
    CL_ASSERT(again.err == CL_OK);
    check_equal(value, cl_buf_str(&buf), &arena);
    cl_arena_done(&again.arena);
    cl_buf_done(&buf);
    cl_arena_done(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reading whole;
    struct cl_arena arena;
    cl_str text = cl_str_of(data, size);

    begin_reading(&whole);
    feed(&whole, text, true);
    check_cuts(text, &whole);
    if (whole.err == CL_OK) {
        cl_arena_init(&arena, 64 * CL_MIB);
        check_lookup(&whole.scan, &arena);
        cl_arena_done(&arena);
        check_written_again(text);
    }
    cl_arena_done(&whole.arena);
    return 0;
}
