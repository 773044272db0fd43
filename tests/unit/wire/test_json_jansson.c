// SPDX-License-Identifier: MIT
/*
 * The same verdict and the same content as jansson, on seeded random texts and on texts broken
 * at random. Where the two differ by intention:
 *   - jansson refuses numbers that no double or 64-bit integer holds; here numbers stay text
 *   - jansson refuses \u0000 in names, and elsewhere without JSON_ALLOW_NUL; here it is a
 *     character like others
 *   - jansson takes 2048 levels and any number of members
 *   - jansson overlooks a NUL byte behind a number
 */
#include <jansson.h>
#include <string.h>

#include "base/buf.h"
#include "support/rng.h"
#include "support/test.h"
#include "wire/json.h"

#define TEXTS       4000
#define BROKEN_EACH 8

static const cl_hash_key hash_key = {{3}};

/* -- random texts -------------------------------------------------------------------------- */

struct maker {
    struct cl_buf buf;
    struct rng random;
};

static unsigned
pick(struct maker *maker, unsigned limit)
{
    return (unsigned)rng_below(&maker->random, limit);
}

static void
add(struct maker *maker, const char *piece)
{
    CHECK_OK(cl_buf_append(&maker->buf, cl_str_z(piece)));
}

#define ADD_ONE_OF(maker, list) \
    add(maker, (list)[pick(maker, (unsigned)(sizeof(list) / sizeof((list)[0])))])

static void
add_space(struct maker *maker)
{
    static const char *const spaces[] = {"", "", "", "", "", " ", "\n", "\t\r\n  "};
    ADD_ONE_OF(maker, spaces);
}

static void
add_string(struct maker *maker)
{
    static const char *const pieces[] = {"a",
                                         "b",
                                         "Hello, ",
                                         "0123456789abcdef",
                                         "\\n",
                                         "\\\"",
                                         "\\\\",
                                         "\\/",
                                         "\\u0061",
                                         "\\u00e9",
                                         "\xc3\xa9",
                                         "\\u20AC",
                                         "\xe2\x82\xac",
                                         "\\ud83d\\ude00",
                                         "\xf0\x9f\x98\x80",
                                         "\x7f",
                                         "{[,:]}//",
                                         "\xef\xbf\xbf\\b ",
                                         "\\u001f\\f",
                                         "\\t\\r"};
    add(maker, "\"");
    for (unsigned i = pick(maker, 5); i > 0; i--)
        ADD_ONE_OF(maker, pieces);
    add(maker, "\"");
}

static void
add_number(struct maker *maker)
{
    static const char *const wholes[] = {"0", "1", "-7", "42", "9007199254740993", "-0"};
    static const char *const fractions[] = {"", "", ".0", ".5", ".125", ".1000000000001"};
    static const char *const exponents[] = {"", "", "e3", "E-3", "e+10", "e0"};
    ADD_ONE_OF(maker, wholes);
    ADD_ONE_OF(maker, fractions);
    ADD_ONE_OF(maker, exponents);
}

static void add_value(struct maker *maker, unsigned depth);

static void
add_container(struct maker *maker, bool is_object, unsigned depth)
{
    unsigned count = pick(maker, 30) == 0 ? 40 : pick(maker, 5);
    add(maker, is_object ? "{" : "[");
    for (unsigned i = 0; i < count; i++) {
        add_space(maker);
        if (is_object) {
            add_string(maker);
            // Most names get a number, so that few texts end with a duplicate.
            if (pick(maker, 40) != 0) {
                cl_buf_truncate(&maker->buf, maker->buf.len - 1);
                CHECK_OK(cl_buf_printf(&maker->buf, "%u\"", i));
            }
            add_space(maker);
            add(maker, ":");
            add_space(maker);
        }
        add_value(maker, depth + 1);
        add_space(maker);
        if (i + 1 < count)
            add(maker, ",");
    }
    add(maker, is_object ? "}" : "]");
}

static void
add_value(struct maker *maker, unsigned depth)
{
    static const char *const words[] = {"true", "false", "null"};
    unsigned kind = pick(maker, depth < 5 ? 5 : 3);
    if (kind == 0)
        add_string(maker);
    else if (kind == 1)
        add_number(maker);
    else if (kind == 2)
        ADD_ONE_OF(maker, words);
    else
        add_container(maker, kind == 3, depth);
}

static void
break_text(struct maker *maker)
{
    static const char bytes[] =
        "\"\\{}[]:,0129-+.eEtfnu aA/\x00\x01\x1f\x7f\x80\xbf\xc3\xe2\xed\xff";
    size_t at = pick(maker, (unsigned)maker->buf.len);
    char byte = bytes[pick(maker, sizeof bytes - 1)];
    char *space;
    switch (pick(maker, 4)) {
    case 0: // another byte
        maker->buf.ptr[at] = byte;
        break;
    case 1: // one less
        memmove(maker->buf.ptr + at, maker->buf.ptr + at + 1, maker->buf.len - at - 1);
        cl_buf_truncate(&maker->buf, maker->buf.len - 1);
        break;
    case 2: // one more
        CHECK_OK(cl_buf_reserve(&maker->buf, 1, &space));
        memmove(maker->buf.ptr + at + 1, maker->buf.ptr + at, maker->buf.len - at);
        maker->buf.ptr[at] = byte;
        cl_buf_commit(&maker->buf, 1);
        break;
    default: // the end is missing
        cl_buf_truncate(&maker->buf, at + 1);
        break;
    }
}

/* -- comparing ----------------------------------------------------------------------------- */

static struct cl_arena arena; // of the text being compared

static void check_value(const struct cl_json_member *ours, const json_t *theirs);

static const json_t *
theirs_of(const struct cl_json_member *ours, const json_t *object)
{
    cl_str name;
    CHECK_OK(cl_json_name(ours, &arena, &name));
    return json_object_getn(object, name.ptr, name.len);
}

static void
check_container(cl_str ours, const json_t *theirs)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    size_t count = 0;
    cl_json_cursor_init(&cursor, ours);
    while (cl_json_cursor_next(&cursor, &member)) {
        check_value(&member, json_is_object(theirs) ? theirs_of(&member, theirs)
                                                    : json_array_get(theirs, count));
        count++;
    }
    CHECK_INT(count, json_is_object(theirs) ? json_object_size(theirs) : json_array_size(theirs));
}

static void
check_value(const struct cl_json_member *ours, const json_t *theirs)
{
    static const enum cl_json_type types[] = {
        [JSON_OBJECT] = CL_JSON_OBJECT, [JSON_ARRAY] = CL_JSON_ARRAY,
        [JSON_STRING] = CL_JSON_STRING, [JSON_INTEGER] = CL_JSON_NUMBER,
        [JSON_REAL] = CL_JSON_NUMBER,   [JSON_TRUE] = CL_JSON_BOOL,
        [JSON_FALSE] = CL_JSON_BOOL,    [JSON_NULL] = CL_JSON_NULL};
    cl_str text;
    int64_t whole;
    double real;
    bool yes;
    CHECK(theirs != NULL);
    CHECK_INT(ours->type, types[json_typeof(theirs)]);
    if (json_is_string(theirs)) {
        cl_str want = cl_str_of(json_string_value(theirs), json_string_length(theirs));
        CHECK_OK(cl_json_string(ours->value, &arena, &text));
        CHECK_STR(text, want);
        CHECK(cl_json_string_is(ours->value, want));
    } else if (json_is_integer(theirs)) {
        CHECK(cl_json_to_i64(ours->value, &whole));
        CHECK_INT(whole, json_integer_value(theirs));
    } else if (json_is_real(theirs)) {
        CHECK(!cl_json_to_i64(ours->value, &whole));
        if (cl_json_to_double(ours->value, &real))
            CHECK(real == json_real_value(theirs));
        else
            CHECK(ours->value.len > 100);
    } else if (json_is_boolean(theirs)) {
        CHECK(cl_json_to_bool(ours->value, &yes));
        CHECK_INT(yes, json_is_true(theirs));
    } else if (!json_is_null(theirs)) {
        check_container(ours->value, theirs);
    }
}

static void
check_accepted(const struct cl_json_scan *scan, const json_t *theirs)
{
    CHECK_INT(scan->members_len, json_object_size(theirs));
    for (uint32_t i = 0; i < scan->members_len; i++) {
        const struct cl_json_member *member = &scan->members[i];
        cl_str name;
        check_value(member, theirs_of(member, theirs));
        CHECK_OK(cl_json_name(member, &arena, &name));
        CHECK(cl_json_scan_member(scan, name) == member);
    }
}

/* How often each outcome came up: none may be missing. */
struct counts {
    unsigned both_take, both_refuse, only_we_take, only_they_take;
};

static void
compare(cl_str text, struct counts *counts)
{
    struct cl_json_scan scan;
    struct cl_why why;
    json_error_t error;
    json_t *theirs = json_loadb(text.ptr, text.len,
                                JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    cl_arena_init(&arena, 4 * CL_MIB);
    cl_json_scan_init(&scan, &arena, &hash_key);
    bool taken = cl_json_scan_feed(&scan, text, true, &why) == CL_OK;
    if (taken && theirs != NULL) {
        counts->both_take++;
        check_accepted(&scan, theirs);
    } else if (taken) {
        enum json_error_code code = json_error_code(&error);
        counts->only_we_take++;
        CHECK(code == json_error_numeric_overflow || code == json_error_null_byte_in_key);
    } else if (theirs != NULL) {
        counts->only_they_take++;
        CHECK(!json_is_object(theirs) || strstr(why.text, "too many") != NULL ||
              text.ptr[scan.at] == '\0');
    } else {
        counts->both_refuse++;
    }
    json_decref(theirs);
    cl_arena_done(&arena);
}

TEST(random_and_broken_texts_mean_the_same_to_jansson)
{
    struct counts counts = {0};
    for (uint64_t seed = 1; seed <= TEXTS; seed++) {
        struct maker maker = {.random = {seed}};
        cl_buf_init(&maker.buf, CL_MIB);
        test_note("seed %llu", (unsigned long long)seed);
        add_space(&maker);
        if (pick(&maker, 50) == 0)
            add_value(&maker, 0);
        else
            add_container(&maker, true, 0);
        add_space(&maker);
        compare(cl_buf_str(&maker.buf), &counts);
        for (unsigned i = 0; i < BROKEN_EACH && maker.buf.len > 1; i++) {
            break_text(&maker);
            compare(cl_buf_str(&maker.buf), &counts);
        }
        cl_buf_done(&maker.buf);
    }
    test_note("taken by both %u, by none %u, by one %u and %u", counts.both_take,
              counts.both_refuse, counts.only_we_take, counts.only_they_take);
    CHECK(counts.both_take > TEXTS / 2);
    CHECK(counts.both_refuse > TEXTS);
    CHECK(counts.only_they_take > 0);
}

TEST(the_two_differ_where_it_is_meant)
{
    static const char *const ours[] = {"{\"a\":1e999}", "{\"a\":9223372036854775808}",
                                       "{\"\\u0000\":1}"};
    const cl_str theirs[] = {CL_STR("[]"), CL_STR("1"), CL_STR("{\"a\":1\0}")};
    struct counts counts = {0};
    for (unsigned i = 0; i < 3; i++) {
        compare(cl_str_z(ours[i]), &counts);
        compare(theirs[i], &counts);
    }
    CHECK_INT(counts.only_we_take, 3);
    CHECK_INT(counts.only_they_take, 3);

    struct maker maker = {.random = {1}};
    cl_buf_init(&maker.buf, CL_MIB);
    add(&maker, "{\"a\":");
    for (unsigned i = 0; i < CL_JSON_DEPTH_MAX; i++)
        add(&maker, "[");
    for (unsigned i = 0; i < CL_JSON_DEPTH_MAX; i++)
        add(&maker, "]");
    add(&maker, "}");
    compare(cl_buf_str(&maker.buf), &counts);
    CHECK_INT(counts.only_they_take, 4);
    cl_buf_done(&maker.buf);
}
