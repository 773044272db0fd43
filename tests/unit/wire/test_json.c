// SPDX-License-Identifier: MIT
#include "wire/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "support/fault.h"
#include "support/test.h"

static const cl_hash_key hash_key = {{7}};

/* What a test wants of a text. Begun with begin_text, ended with end_text. */
struct text {
    struct cl_arena arena;
    struct cl_json_scan scan;
    struct cl_buf buf;
    struct cl_why why;
};

static void
begin_text(struct text *text)
{
    text->why.text[0] = '\0';
    cl_arena_init(&text->arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    cl_json_scan_init(&text->scan, &text->arena, &hash_key);
    cl_buf_init(&text->buf, 4 * CL_MIB);
}

static void
end_text(struct text *text)
{
    cl_buf_done(&text->buf);
    cl_arena_done(&text->arena);
}

static void
add(struct text *text, const char *piece)
{
    CHECK_OK(cl_buf_append(&text->buf, cl_str_z(piece)));
}

static enum cl_err
scan(struct text *text)
{
    return cl_json_scan_feed(&text->scan, cl_buf_str(&text->buf), true, &text->why);
}

/* The text is written into text->buf, so that slices of it live on. */
static void
begin_scanned(struct text *text, const char *json)
{
    begin_text(text);
    add(text, json);
    CHECK_OK(scan(text));
}

static cl_str
value_of(const struct text *text, const char *name)
{
    const struct cl_json_member *member = cl_json_scan_member(&text->scan, cl_str_z(name));
    return member == NULL ? CL_STR("") : member->value;
}

static void
add_members(struct text *text, const char *prefix, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        CHECK_OK(cl_buf_printf(&text->buf, "%s\"%s%u\":%u", i == 0 ? "" : ",", prefix, i, i));
}

/* -- members ------------------------------------------------------------------------------- */

TEST(top_level_members_are_found_with_their_text_and_type)
{
    struct text text;
    begin_scanned(&text, "{ \"a\" : \"x\\n\" , \"b\":-1.50,\"c\":[1, 2] ,\"d\":{\"a\":1},"
                         "\"e\":true,\"f\":false,\"g\" :null}");
    CHECK_INT(text.scan.members_len, 7);
    CHECK_STR(value_of(&text, "a"), CL_STR("\"x\\n\""));
    CHECK_STR(value_of(&text, "b"), CL_STR("-1.50"));
    CHECK_STR(value_of(&text, "c"), CL_STR("[1, 2]"));
    CHECK_STR(value_of(&text, "d"), CL_STR("{\"a\":1}"));
    CHECK_STR(value_of(&text, "e"), CL_STR("true"));
    CHECK_STR(value_of(&text, "f"), CL_STR("false"));
    CHECK_STR(value_of(&text, "g"), CL_STR("null"));
    static const enum cl_json_type types[] = {CL_JSON_STRING, CL_JSON_NUMBER, CL_JSON_ARRAY,
                                              CL_JSON_OBJECT, CL_JSON_BOOL,   CL_JSON_BOOL,
                                              CL_JSON_NULL};
    for (unsigned i = 0; i < 7; i++)
        CHECK_INT(text.scan.members[i].type, types[i]);
    CHECK_STR(text.scan.members[2].name, CL_STR("c"));
    end_text(&text);
}

TEST(a_name_that_is_not_there_or_lies_deeper_is_not_found)
{
    struct text text;
    begin_scanned(&text, "{\"a\":{\"b\":1},\"bc\":2}");
    CHECK(cl_json_scan_member(&text.scan, CL_STR("b")) == NULL);
    CHECK(cl_json_scan_member(&text.scan, CL_STR("")) == NULL);
    CHECK(cl_json_scan_member(&text.scan, CL_STR("bcd")) == NULL);
    end_text(&text);
}

TEST(an_escaped_name_is_found_by_what_it_means)
{
    struct text text;
    begin_scanned(&text, "{\"t\\u006f\":1,\"a\\\\n\":2,\"\\ud83d\\ude00\":3,\"\\u0000\":4,"
                         "\"\\u20ac\":5,\"\\u00e9\":6}");
    CHECK_STR(value_of(&text, "to"), CL_STR("1"));
    CHECK_STR(value_of(&text, "a\\n"), CL_STR("2"));
    CHECK_STR(value_of(&text, "a\\\\n"), CL_STR(""));
    CHECK_STR(value_of(&text, "\xf0\x9f\x98\x80"), CL_STR("3"));
    CHECK_STR(value_of(&text, "\xe2\x82\xac"), CL_STR("5"));
    CHECK_STR(value_of(&text, "\xc3\xa9"), CL_STR("6"));
    CHECK_STR(value_of(&text, "t"), CL_STR(""));
    CHECK_STR(value_of(&text, "too"), CL_STR(""));
    const struct cl_json_member *nul = cl_json_scan_member(&text.scan, cl_str_of("", 1));
    CHECK(nul != NULL);
    CHECK_STR(nul->value, CL_STR("4"));
    end_text(&text);
}

TEST(members_point_into_the_text_of_the_last_call)
{
    struct text text;
    static const char first[] = "{\"a\":1,\"b";
    static const char second[] = "{\"a\":1,\"b\":\"c\"} ";
    begin_text(&text);
    CHECK_OK(cl_json_scan_feed(&text.scan, cl_str_z(first), false, NULL));
    CHECK_OK(cl_json_scan_feed(&text.scan, cl_str_z(second), false, NULL));
    CHECK_OK(cl_json_scan_feed(&text.scan, cl_str_z(second), true, NULL));
    CHECK(value_of(&text, "a").ptr == second + 5);
    CHECK(value_of(&text, "b").ptr == second + 11);
    end_text(&text);
}

TEST(a_small_message_needs_no_memory)
{
    struct text text;
    begin_scanned(&text, "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,"
                         "\"j\":{\"a\":1,\"b\":[{\"x\":1},{\"x\":2}]},\"k\":11,\"l\":12,\"m\":13,"
                         "\"n\":\"\\n\",\"o\":15,\"p\":16}");
    CHECK_INT(text.scan.members_len, CL_JSON_MEMBERS_INLINE);
    CHECK_INT(text.arena.used, 0);
    end_text(&text);
}

TEST(any_number_of_members_is_found_again)
{
    for (unsigned count = 0; count < 70; count++) {
        struct text text;
        begin_text(&text);
        add(&text, "{");
        add_members(&text, "n", count);
        add(&text, "}");
        CHECK_OK(scan(&text));
        CHECK_INT(text.scan.members_len, count);
        for (unsigned i = 0; i < count; i++) {
            char name[16], value[16];
            (void)snprintf(name, sizeof name, "n%u", i);
            (void)snprintf(value, sizeof value, "%u", i);
            CHECK_STR(value_of(&text, name), cl_str_z(value));
        }
        end_text(&text);
    }
}

/* -- many names ---------------------------------------------------------------------------- */

TEST(an_object_may_have_so_many_members_and_no_more)
{
    struct text text;
    begin_text(&text);
    add(&text, "{");
    add_members(&text, "n", CL_JSON_MEMBERS_MAX);
    size_t full = text.buf.len;
    add(&text, "}");
    CHECK_OK(scan(&text));
    CHECK_INT(text.scan.members_len, CL_JSON_MEMBERS_MAX);
    CHECK_STR(value_of(&text, "n0"), CL_STR("0"));
    CHECK_STR(value_of(&text, "n999"), CL_STR("999"));

    cl_buf_truncate(&text.buf, full);
    add(&text, ",\"more\":1}");
    cl_json_scan_init(&text.scan, &text.arena, &hash_key);
    CHECK_INT(scan(&text), CL_ERR_MALFORMED);
    CHECK(strstr(text.why.text, "an object has too many members") != NULL);
    end_text(&text);
}

TEST(a_duplicate_is_found_among_any_number_of_names)
{
    for (unsigned count = 1; count < 200; count++)
        for (unsigned i = 0; i < count; i += count / 7 + 1) {
            struct text text;
            begin_text(&text);
            add(&text, "{\"in\":[{");
            add_members(&text, "n", count);
            // "\u006e" is "n"
            CHECK_OK(cl_buf_printf(&text.buf, ",\"%s%u\":0}]}", i % 2 ? "n" : "\\u006e", i));
            test_note("name %u of %u", i, count);
            CHECK_INT(scan(&text), CL_ERR_MALFORMED);
            CHECK(strstr(text.why.text, "a name stands twice") != NULL);
            end_text(&text);
        }
}

TEST(long_names_are_told_apart_and_found_again)
{
    static const char *const tails[] = {"x", "y", "xx", "\\u0078z", "\\ud83d\\ude00"};
    struct text text;
    begin_text(&text);
    add(&text, "{");
    add_members(&text, "n", 20);
    for (unsigned i = 0; i < 5; i++)
        CHECK_OK(cl_buf_printf(&text.buf, ",\"%0300d%s\":%u", 0, tails[i], i));
    size_t good = text.buf.len;
    add(&text, "}");
    CHECK_OK(scan(&text));
    CHECK_INT(text.scan.members_len, 25);

    cl_buf_truncate(&text.buf, good);
    CHECK_OK(cl_buf_printf(&text.buf, ",\"\\u0030%0299d\xf0\x9f\x98\x80\":9}", 0));
    cl_json_scan_init(&text.scan, &text.arena, &hash_key);
    CHECK_INT(scan(&text), CL_ERR_MALFORMED);
    CHECK(strstr(text.why.text, "a name stands twice") != NULL);
    end_text(&text);
}

TEST(large_objects_inside_large_objects_keep_their_names_apart)
{
    struct text text;
    begin_text(&text);
    add(&text, "{");
    add_members(&text, "n", 40);
    add(&text, ",\"in\":{");
    add_members(&text, "n", 60);
    add(&text, ",\"in\":{");
    add_members(&text, "n", 30);
    add(&text, "},\"small\":{\"n1\":1},\"m\":1},\"next\":{");
    add_members(&text, "n", 50);
    size_t good = text.buf.len;
    add(&text, "},\"m\":2}");
    CHECK_OK(scan(&text));
    CHECK_INT(text.scan.members_len, 43);
    CHECK_STR(value_of(&text, "m"), CL_STR("2"));

    // What the inner ones left behind does not hide a duplicate of the outer one.
    for (unsigned i = 0; i < 40; i++) {
        cl_buf_truncate(&text.buf, good);
        CHECK_OK(cl_buf_printf(&text.buf, "},\"n%u\":2}", i));
        cl_arena_done(&text.arena);
        cl_json_scan_init(&text.scan, &text.arena, &hash_key);
        CHECK_INT(scan(&text), CL_ERR_MALFORMED);
    }
    end_text(&text);
}

TEST(the_most_names_a_text_can_have_fit_the_arena)
{
    struct text text;
    begin_text(&text);
    for (unsigned level = 0; level < CL_JSON_DEPTH_MAX; level++) {
        add(&text, "{");
        add_members(&text, "n", CL_JSON_MEMBERS_MAX - 1);
        add(&text, ",\"in\":");
    }
    add(&text, "1");
    for (unsigned level = 0; level < CL_JSON_DEPTH_MAX; level++)
        add(&text, "}");
    CHECK_OK(scan(&text));
    CHECK(text.arena.used > CL_MIB);
    end_text(&text);
}

TEST(past_its_arena_a_scan_is_out_of_memory)
{
    struct text text;
    begin_text(&text);
    add(&text, "{");
    add_members(&text, "n", 17);
    add(&text, "}");
    text.arena.max = 100;
    CHECK_INT(scan(&text), CL_ERR_NO_MEMORY);
    CHECK_INT(scan(&text), CL_ERR_NO_MEMORY);
    end_text(&text);
}

TEST(each_allocation_may_fail)
{
    struct text text;
    begin_text(&text);
    add(&text, "{");
    add_members(&text, "n", 30);
    add(&text, ",\"in\":{");
    add_members(&text, "m", 100);
    add(&text, "},\"text\":\"a\\nb\"}");
    FOR_EACH_FAULT
    {
        cl_str decoded = CL_STR("untouched");
        struct cl_arena arena;
        cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
        cl_json_scan_init(&text.scan, &arena, &hash_key);
        enum cl_err err = scan(&text);
        if (err == CL_OK)
            err = cl_json_string(value_of(&text, "text"), &arena, &decoded);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        CHECK_STR(decoded, fault_happened() ? CL_STR("untouched") : CL_STR("a\nb"));
        cl_arena_done(&arena);
    }
    end_text(&text);
}

/* -- work ---------------------------------------------------------------------------------- */

/* One byte a call through a megabyte of each kind: were anything read again from its start,
 * this would not end. */
TEST(a_megabyte_may_come_byte_by_byte)
{
    static const char *const fills[] = {"x", "\xe4\xb8\xad", "\\u00e9", "\\n", "1", " ", "[],"};
    static const char *const heads[] = {"\"", "\"", "\"", "\"", "", "", "["};
    static const char *const tails[] = {"\"", "\"", "\"", "\"", "", "1", "1]"};
    for (unsigned kind = 0; kind < 7; kind++) {
        struct text text;
        begin_text(&text);
        add(&text, "{\"a\":");
        add(&text, heads[kind]);
        while (text.buf.len < CL_MIB)
            add(&text, fills[kind]);
        add(&text, tails[kind]);
        add(&text, "}");
        test_note("kind %u", kind);
        enum cl_err err = CL_OK;
        for (size_t len = 0; len < text.buf.len && err == CL_OK; len++)
            err = cl_json_scan_feed(&text.scan, cl_str_of(text.buf.ptr, len), false, NULL);
        CHECK_OK(err);
        CHECK_OK(scan(&text));
        end_text(&text);
    }
}

TEST(a_text_of_4_gib_is_too_large_and_not_read)
{
    struct text text;
    begin_text(&text);
    if (sizeof(size_t) > 4) {
        cl_str huge = {.ptr = "{", .len = (size_t)UINT32_MAX + 1};
        CHECK_INT(cl_json_scan_feed(&text.scan, huge, false, &text.why), CL_ERR_TOO_LARGE);
    }
    CHECK_INT(text.scan.depth, 0);
    end_text(&text);
}

/* -- cursors ------------------------------------------------------------------------------- */

TEST(a_cursor_walks_an_object_in_its_order)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    cl_json_cursor_init(
        &cursor, CL_STR("{ \"a\\\"\" :\"}\\\\\" ,\"\": { \"x\":[\"]\"]\n}\t,\"c\":-1.5e3 }"));
    CHECK(cl_json_cursor_next(&cursor, &member));
    CHECK_STR(member.name, CL_STR("a\\\""));
    CHECK_STR(member.value, CL_STR("\"}\\\\\""));
    CHECK_INT(member.type, CL_JSON_STRING);
    CHECK(cl_json_cursor_next(&cursor, &member));
    CHECK_STR(member.name, CL_STR(""));
    CHECK_STR(member.value, CL_STR("{ \"x\":[\"]\"]\n}"));
    CHECK_INT(member.type, CL_JSON_OBJECT);
    CHECK(cl_json_cursor_next(&cursor, &member));
    CHECK_STR(member.name, CL_STR("c"));
    CHECK_STR(member.value, CL_STR("-1.5e3"));
    CHECK(!cl_json_cursor_next(&cursor, &member));
    CHECK(!cl_json_cursor_next(&cursor, &member));
    CHECK_STR(member.name, CL_STR("c"));
}

TEST(a_cursor_walks_an_array_in_its_order)
{
    static const char *const want[] = {"[[],{}]", "true", "\"a,]\\\"\"", "0", "null", "{\"a\":1}"};
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    cl_json_cursor_init(&cursor, CL_STR("[[[],{}],true ,\r\n\"a,]\\\"\",0, null\t,{\"a\":1}]"));
    for (unsigned i = 0; i < 6; i++) {
        CHECK(cl_json_cursor_next(&cursor, &member));
        CHECK_STR(member.name, CL_STR(""));
        CHECK_STR(member.value, cl_str_z(want[i]));
    }
    CHECK(!cl_json_cursor_next(&cursor, &member));
}

TEST(a_cursor_finds_nothing_in_other_values)
{
    static const char *const values[] = {"{}", "[]", "[ \n]", "{ }", "1", "\"[1]\"", "null", ""};
    for (unsigned i = 0; i < 8; i++) {
        struct cl_json_cursor cursor;
        struct cl_json_member member;
        test_note("%s", values[i]);
        cl_json_cursor_init(&cursor, cl_str_z(values[i]));
        CHECK(!cl_json_cursor_next(&cursor, &member));
    }
}

/* -- values -------------------------------------------------------------------------------- */

TEST(absent_null_false_zero_and_empty_are_empty_values)
{
    static const char *const empty[] = {"",     "null",  "false", "0",    "-0",
                                        "0.0",  "-0.00", "0e5",   "0E-7", "0.000e+12",
                                        "\"\"", "[]",    "[ ]",   "{}",   "{\n}"};
    static const char *const full[] = {"true", "1",      "-1",         "0.5",         "0.01e-9",
                                       "10",   "\"0\"",  "\" \"",      "\"\\u0000\"", "[0]",
                                       "[[]]", "[null]", "{\"\":null}"};
    for (unsigned i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        test_note("%s", empty[i]);
        CHECK(cl_json_is_empty_value(cl_str_z(empty[i])));
    }
    for (unsigned i = 0; i < sizeof full / sizeof full[0]; i++) {
        test_note("%s", full[i]);
        CHECK(!cl_json_is_empty_value(cl_str_z(full[i])));
    }
}

TEST(a_string_without_escapes_is_not_copied)
{
    struct cl_arena arena;
    cl_str value = CL_STR("\"\xc3\xa9 plain\""), text;
    cl_arena_init(&arena, 0);
    CHECK_OK(cl_json_string(value, &arena, &text));
    CHECK_STR(text, CL_STR("\xc3\xa9 plain"));
    CHECK(text.ptr == value.ptr + 1);
}

TEST(escapes_are_decoded)
{
    struct cl_arena arena;
    cl_str text;
    cl_arena_init(&arena, 4096);
    CHECK_OK(cl_json_string(CL_STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), &arena, &text));
    CHECK_STR(text, CL_STR("\"\\/\b\f\n\r\t"));
    CHECK_OK(cl_json_string(CL_STR("\"a\\u0000b\\u007fc\\u0080\\u07FF\\u0800\\uffff.\""), &arena,
                            &text));
    CHECK_STR(text, CL_STR("a\0b\x7f"
                           "c\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf."));
    CHECK_OK(cl_json_string(CL_STR("\"\\ud800\\udc00\\uDBFF\\uDFFF\""), &arena, &text));
    CHECK_STR(text, CL_STR("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
    CHECK_OK(cl_json_string(CL_STR("\"\""), &arena, &text));
    CHECK_STR(text, CL_STR(""));
    cl_arena_done(&arena);
}

TEST(what_is_no_string_is_not_decoded)
{
    static const char *const values[] = {"1", "null", "[\"a\"]", "{}", "true", ""};
    for (unsigned i = 0; i < 6; i++) {
        struct cl_arena arena;
        cl_str text = CL_STR("untouched");
        cl_arena_init(&arena, 100);
        CHECK_INT(cl_json_string(cl_str_z(values[i]), &arena, &text), CL_ERR_MALFORMED);
        CHECK_STR(text, CL_STR("untouched"));
        CHECK(!cl_json_string_is(cl_str_z(values[i]), cl_str_z(values[i])));
    }
}

TEST(a_name_is_decoded_like_a_string)
{
    struct cl_arena arena;
    struct cl_json_member member = {.name = CL_STR("a\\tb")};
    cl_str name;
    cl_arena_init(&arena, 100);
    CHECK_OK(cl_json_name(&member, &arena, &name));
    CHECK_STR(name, CL_STR("a\tb"));
    cl_arena_done(&arena);
}

TEST(strings_compare_by_what_they_mean)
{
    CHECK(cl_json_string_is(CL_STR("\"urgent\""), CL_STR("urgent")));
    CHECK(cl_json_string_is(CL_STR("\"\\u0075rgent\""), CL_STR("urgent")));
    CHECK(cl_json_string_is(CL_STR("\"\""), CL_STR("")));
    CHECK(!cl_json_string_is(CL_STR("\"urgent\""), CL_STR("urgen")));
    CHECK(!cl_json_string_is(CL_STR("\"\\u0075rgent\""), CL_STR("urgen")));
    CHECK(!cl_json_string_is(CL_STR("\"\\u0075rgen\""), CL_STR("urgent")));
    CHECK(!cl_json_string_is(CL_STR("\"Urgent\""), CL_STR("urgent")));
}

TEST(bools_are_read)
{
    bool value = false;
    CHECK(cl_json_to_bool(CL_STR("true"), &value) && value);
    CHECK(cl_json_to_bool(CL_STR("false"), &value) && !value);
    CHECK(!cl_json_to_bool(CL_STR("1"), &value));
    CHECK(!cl_json_to_bool(CL_STR("null"), &value));
    CHECK(!cl_json_to_bool(CL_STR("\"true\""), &value));
}

TEST(whole_numbers_are_read_exactly)
{
    uint64_t u = 5;
    int64_t i = 5;
    CHECK(cl_json_to_u64(CL_STR("18446744073709551615"), &u) && u == UINT64_MAX);
    CHECK(cl_json_to_u64(CL_STR("0"), &u) && u == 0);
    CHECK(cl_json_to_i64(CL_STR("9223372036854775807"), &i) && i == INT64_MAX);
    CHECK(cl_json_to_i64(CL_STR("-9223372036854775808"), &i) && i == INT64_MIN);
    CHECK(cl_json_to_i64(CL_STR("-1"), &i) && i == -1);
    CHECK(cl_json_to_i64(CL_STR("-0"), &i) && i == 0);
    CHECK(cl_json_to_i64(CL_STR("7"), &i) && i == 7);
}

TEST(what_is_no_whole_number_in_range_is_not_read)
{
    static const char *const neither[] = {
        "1.0", "1e3", "\"1\"", "null", "18446744073709551616", "-9223372036854775809", "", "[1]"};
    uint64_t u = 5;
    int64_t i = 5;
    for (unsigned n = 0; n < 8; n++) {
        test_note("%s", neither[n]);
        CHECK(!cl_json_to_u64(cl_str_z(neither[n]), &u));
        CHECK(!cl_json_to_i64(cl_str_z(neither[n]), &i));
    }
    CHECK(!cl_json_to_u64(CL_STR("-1"), &u));
    CHECK(!cl_json_to_i64(CL_STR("9223372036854775808"), &i));
    CHECK_INT(u, 5);
    CHECK_INT(i, 5);
}

TEST(doubles_are_read_when_they_can_be)
{
    double d = 5;
    char long_number[102];
    CHECK(cl_json_to_double(CL_STR("-12.5e1"), &d) && d == -125.0);
    CHECK(cl_json_to_double(CL_STR("1e-999"), &d) && d == 0.0);
    CHECK(cl_json_to_double(CL_STR("-0"), &d) && d == 0.0 && signbit(d));
    memset(long_number, '1', sizeof long_number);
    CHECK(cl_json_to_double(cl_str_of(long_number, 100), &d) && d > 1.1e99 && d < 1.2e99);
    d = 5;
    CHECK(!cl_json_to_double(cl_str_of(long_number, 101), &d));
    CHECK(!cl_json_to_double(CL_STR("1e999"), &d));
    CHECK(!cl_json_to_double(CL_STR("-1e999"), &d));
    CHECK(!cl_json_to_double(CL_STR("\"1\""), &d));
    CHECK(!cl_json_to_double(CL_STR("null"), &d));
    CHECK(d == 5.0);
}
