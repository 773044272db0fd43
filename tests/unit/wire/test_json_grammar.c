// SPDX-License-Identifier: MIT
/* Which texts a scan takes, row by row of RFC 8259 and of the limits, however they are cut. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "support/test.h"
#include "wire/json.h"

#define NOT_REFUSED SIZE_MAX

struct row {
    const char *section; // of RFC 8259, or "limit", or "v1" for clawlink-v1.md
    const char *text;
    size_t len;
    size_t refused_at;
    const char *reason;
};

#define YES(section, text)            {section, text, sizeof(text) - 1, NOT_REFUSED, ""},
#define NO(section, at, reason, text) {section, text, sizeof(text) - 1, at, reason},

/* Four, sixteen, 31 times. */
#define X4(x)  x x x x
#define X16(x) X4(X4(x))
#define X31(x) X16(x) X4(x) X4(x) X4(x) x x x

#define EARLY   "the text ends too early"
#define OBJECT  "an object is wanted"
#define NAME    "a name in quotes is wanted"
#define VALUE   "a value is wanted"
#define MORE    "',' or '}' is wanted"
#define MORE_A  "',' or ']' is wanted"
#define NUMBER  "a malformed number"
#define UTF8    "invalid UTF-8"
#define ESCAPE  "an escape that does not exist"
#define HEX     "an escape without four hexadecimal digits"
#define LONE    "an escaped surrogate without its other half"
#define CONTROL "a control character in a string"
#define TWICE   "a name stands twice in one object"
#define BEHIND  "something follows the object"
#define DEEP    "too many levels"

// clang-format off
static const struct row rows[] = {
    /* white space and the outermost value */
    YES("2", "{}")
    YES("2", " \t\r\n{ \t\r\n} \t\r\n")
    YES("2", "{\"a\":1}\n")
    YES("2", "{ \"a\" : 1 , \"b\" : [ 1 , 2 ] }")
    NO("2", 0, EARLY, "")
    NO("2", 4, EARLY, " \t\r\n")
    NO("2", 0, OBJECT, "\f{}")
    NO("2", 0, OBJECT, "\v{}")
    NO("2", 1, NAME, "{\f}")
    NO("2", 1, NAME, "{\xc2\xa0}")
    NO("2", 0, OBJECT, "\0{}")
    NO("2", 2, BEHIND, "{}\0")
    NO("2", 2, BEHIND, "{}{}")
    NO("2", 3, BEHIND, "{} []")
    NO("2", 2, BEHIND, "{},")
    NO("2", 2, BEHIND, "{}}")
    NO("2", 2, BEHIND, "{}#")
    NO("2", 0, OBJECT, "// no comments\n{}")
    NO("2", 1, NAME, "{/* no comments */}")
    NO("2", 12, VALUE, "{\"a\":1, \"b\":/**/2}")
    NO("8.1", 0, OBJECT, "\xef\xbb\xbf{}")
    NO("8.1", 0, OBJECT, "\xff\xfe{\0}\0")
    NO("v1", 0, OBJECT, "[]")
    NO("v1", 0, OBJECT, "[{}]")
    NO("v1", 0, OBJECT, "\"text\"")
    NO("v1", 0, OBJECT, "12")
    NO("v1", 0, OBJECT, "null")
    NO("v1", 0, OBJECT, "true")
    NO("v1", 0, OBJECT, "}")
    NO("v1", 0, OBJECT, "a=1&b=2")
    /* words */
    YES("3", "{\"a\":true}")
    YES("3", "{\"a\":false}")
    YES("3", "{\"a\":null}")
    YES("3", "{\"a\":[true,false,null]}")
    NO("3", 5, VALUE, "{\"a\":True}")
    NO("3", 5, VALUE, "{\"a\":TRUE}")
    NO("3", 5, VALUE, "{\"a\":tru}")
    NO("3", 8, EARLY, "{\"a\":tru")
    NO("3", 9, MORE, "{\"a\":truee}")
    NO("3", 10, MORE, "{\"a\":true false}")
    NO("3", 5, VALUE, "{\"a\":nul}")
    NO("3", 5, VALUE, "{\"a\":none}")
    NO("3", 5, VALUE, "{\"a\":undefined}")
    NO("3", 10, MORE, "{\"a\":false\0}")
    /* objects */
    YES("4", "{\"\":1}")
    YES("4", "{\"a\":{}}")
    YES("4", "{\"a\":{\"a\":{\"a\":1}}}")
    YES("4", "{\"a\":1,\"A\":2,\"a \":3,\"\":4}")
    YES("4", "{\"a\":[{\"a\":1},{\"a\":2}]}")
    NO("4", 1, EARLY, "{")
    NO("4", 4, EARLY, "{\"a\"")
    NO("4", 5, EARLY, "{\"a\":")
    NO("4", 6, EARLY, "{\"a\":1")
    NO("4", 7, EARLY, "{\"a\":1,")
    NO("4", 7, NAME, "{\"a\":1,}")
    NO("4", 1, NAME, "{,}")
    NO("4", 7, NAME, "{\"a\":1,,\"b\":2}")
    NO("4", 7, MORE, "{\"a\":1 \"b\":2}")
    NO("4", 4, "':' is wanted", "{\"a\"}")
    NO("4", 5, "':' is wanted", "{\"a\" 1}")
    NO("4", 4, "':' is wanted", "{\"a\",1}")
    NO("4", 4, "':' is wanted", "{\"a\"=1}")
    NO("4", 5, VALUE, "{\"a\"::1}")
    NO("4", 5, VALUE, "{\"a\":}")
    NO("4", 5, VALUE, "{\"a\":,}")
    NO("4", 1, NAME, "{a:1}")
    NO("4", 1, NAME, "{'a':1}")
    NO("4", 1, NAME, "{1:1}")
    NO("4", 1, NAME, "{null:1}")
    NO("4", 1, NAME, "{[]:1}")
    NO("4", 1, NAME, "{]")
    NO("4", 6, MORE, "{\"a\":1]")
    NO("4", 6, MORE, "{\"a\":1;\"b\":2}")
    NO("4", 6, MORE, "{\"a\":1:2}")
    NO("4", 8, TWICE, "{\"a\":1,\"a\":2}")
    NO("4", 8, TWICE, "{\"a\":1,\"a\":1}")
    NO("4", 7, TWICE, "{\"\":1,\"\":2}")
    NO("4", 8, TWICE, "{\"a\":1,\"\\u0061\":2}")
    NO("4", 13, TWICE, "{\"\\u0061\":1,\"a\":2}")
    NO("4", 8, TWICE, "{\"/\":1,\"\\/\":2}")
    NO("4", 9, TWICE, "{\"\xc3\xa9\":1,\"\\u00E9\":2}")
    NO("4", 19, TWICE, "{\"\\uD83D\\ude00\":1,\"\xf0\x9f\x98\x80\":2}")
    NO("4", 13, TWICE, "{\"a\":{\"b\":1,\"b\":2}}")
    NO("4", 19, TWICE, "{\"a\":[{},{\"b\":\"b\",\"b\":2}]}")
    NO("4", 20, TWICE, "{\"a\":1,\"b\":{\"a\":2},\"a\":3}")
    YES("4", "{\"\\u0061b\":1,\"a\":2,\"\\u0061\\u0062c\":3}")
    YES("4", "{\"e\xcc\x81\":1,\"\xc3\xa9\":2}")
    /* arrays */
    YES("5", "{\"a\":[]}")
    YES("5", "{\"a\":[[],[[]],{}]}")
    YES("5", "{\"a\":[1,\"b\",null,{\"c\":[2]}]}")
    NO("5", 6, EARLY, "{\"a\":[")
    NO("5", 7, EARLY, "{\"a\":[1")
    NO("5", 8, EARLY, "{\"a\":[1,")
    NO("5", 8, VALUE, "{\"a\":[1,]}")
    NO("5", 6, VALUE, "{\"a\":[,]}")
    NO("5", 6, VALUE, "{\"a\":[,1]}")
    NO("5", 8, VALUE, "{\"a\":[1,,2]}")
    NO("5", 8, MORE_A, "{\"a\":[1 2]}")
    NO("5", 7, MORE_A, "{\"a\":[1}")
    NO("5", 6, VALUE, "{\"a\":[}")
    NO("5", 9, MORE_A, "{\"a\":[\"b\":1]}")
    NO("5", 7, MORE, "{\"a\":[]]}")
    NO("5", 7, EARLY, "{\"a\":[]")
    /* numbers */
    YES("6", "{\"a\":0}")
    YES("6", "{\"a\":-0}")
    YES("6", "{\"a\":-1}")
    YES("6", "{\"a\":10}")
    YES("6", "{\"a\":0.0}")
    YES("6", "{\"a\":-12.50}")
    YES("6", "{\"a\":1e5}")
    YES("6", "{\"a\":1E+05}")
    YES("6", "{\"a\":0e-0}")
    YES("6", "{\"a\":1.5e300}")
    YES("6", "{\"a\":1e999999}")
    YES("6", "{\"a\":123456789012345678901234567890.123456789012345678901234567890}")
    YES("6", "{\"a\":[0,1,-2 ,3.5\n,4e1\t]}")
    NO("6", 5, VALUE, "{\"a\":+1}")
    NO("6", 5, VALUE, "{\"a\":.5}")
    NO("6", 6, NUMBER, "{\"a\":-}")
    NO("6", 6, NUMBER, "{\"a\":--1}")
    NO("6", 6, NUMBER, "{\"a\":- 1}")
    NO("6", 6, NUMBER, "{\"a\":-.5}")
    NO("6", 6, NUMBER, "{\"a\":01}")
    NO("6", 6, NUMBER, "{\"a\":00}")
    NO("6", 7, NUMBER, "{\"a\":-01}")
    NO("6", 7, NUMBER, "{\"a\":1.}")
    NO("6", 7, NUMBER, "{\"a\":1.e5}")
    NO("6", 8, NUMBER, "{\"a\":1.5.5}")
    NO("6", 7, NUMBER, "{\"a\":1e}")
    NO("6", 7, NUMBER, "{\"a\":1e,\"b\":2}")
    NO("6", 8, NUMBER, "{\"a\":1e+}")
    NO("6", 8, MORE, "{\"a\":1e5.5}")
    NO("6", 8, MORE, "{\"a\":1e5e5}")
    NO("6", 6, MORE, "{\"a\":0x10}")
    NO("6", 6, MORE, "{\"a\":1_000}")
    NO("6", 6, MORE, "{\"a\":1-2}")
    NO("6", 6, MORE, "{\"a\":1a}")
    NO("6", 5, VALUE, "{\"a\":NaN}")
    NO("6", 5, VALUE, "{\"a\":nan}")
    NO("6", 5, VALUE, "{\"a\":Infinity}")
    NO("6", 6, NUMBER, "{\"a\":-Infinity}")
    NO("6", 5, VALUE, "{\"a\":\xef\xbc\x91}")
    /* strings */
    YES("7", "{\"a\":\"\"}")
    YES("7", "{\"a\":\"\x7f\"}")
    YES("7", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}")
    YES("7", "{\"a\":\"\\u0000\\u001f\\uABcd\\uffff\"}")
    YES("7", "{\"a\":\"\\ud83d\\ude00\\uD800\\uDC00\\udbff\\udfff\"}")
    YES("7", "{\"\\n\\u0000\":\"// { [ , : ] } \"}")
    YES("7", "{\"a\":\"\xe2\x80\xa8\xe2\x80\xa9\"}")
    NO("7", 5, VALUE, "{\"a\":'b'}")
    NO("7", 5, VALUE, "{\"a\":b}")
    NO("7", 6, EARLY, "{\"a\":\"")
    NO("7", 9, EARLY, "{\"a\":\"b\\\"")
    NO("7", 2, EARLY, "{\"")
    NO("7", 6, CONTROL, "{\"a\":\"\n\"}")
    NO("7", 6, CONTROL, "{\"a\":\"\t\"}")
    NO("7", 6, CONTROL, "{\"a\":\"\0\"}")
    NO("7", 7, CONTROL, "{\"a\":\"b\x1f\"}")
    NO("7", 2, CONTROL, "{\"\n\":1}")
    NO("7", 22, CONTROL, "{\"a\":\"0123456789abcdef\x01xyzuvwxyz\"}")
    NO("7", 6, ESCAPE, "{\"a\":\"\\x41\"}")
    NO("7", 6, ESCAPE, "{\"a\":\"\\a\"}")
    NO("7", 6, ESCAPE, "{\"a\":\"\\'\"}")
    NO("7", 6, ESCAPE, "{\"a\":\"\\0\"}")
    NO("7", 6, ESCAPE, "{\"a\":\"\\U0041\"}")
    NO("7", 6, ESCAPE, "{\"a\":\"\\\n\"}")
    NO("7", 6, ESCAPE, "{\"a\":\"\\\0\"}")
    NO("7", 6, HEX, "{\"a\":\"\\u\"}")
    NO("7", 6, HEX, "{\"a\":\"\\u12\"}")
    NO("7", 6, HEX, "{\"a\":\"\\u123g\"}")
    NO("7", 6, HEX, "{\"a\":\"\\u+123\"}")
    NO("7", 6, HEX, "{\"a\":\"\\u 123\"}")
    NO("7", 12, EARLY, "{\"a\":\"\\u1234")
    NO("7", 10, EARLY, "{\"a\":\"\\u12")
    NO("8.2", 6, LONE, "{\"a\":\"\\ud800\"}")
    NO("8.2", 6, LONE, "{\"a\":\"\\udc00\"}")
    NO("8.2", 6, LONE, "{\"a\":\"\\ude00\\ud83d\"}")
    NO("8.2", 6, LONE, "{\"a\":\"\\ud800\\ud800\"}")
    NO("8.2", 6, LONE, "{\"a\":\"\\ud800\\n\"}")
    NO("8.2", 6, LONE, "{\"a\":\"\\ud800\\u12\"}")
    NO("8.2", 6, LONE, "{\"a\":\"\\ud800 \\udc00\"}")
    NO("8.2", 6, LONE, "{\"a\":\"\\ud800\\ue000\"}")
    NO("8.2", 2, LONE, "{\"\\uDFFF\":1}")
    NO("8.2", 14, EARLY, "{\"a\":\"\\ud800\\u")
    /* UTF-8 */
    YES("8.1", "{\"a\":\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\"}")
    YES("8.1", "{\"a\":\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"}")
    YES("8.1", "{\"\xe4\xb8\xad\xe6\x96\x87\":\"\xed\x9f\xbf\xee\x80\x80 \xef\xbb\xbf\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\x80\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\xbf\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\xc0\x80\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\xc1\xbf\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\xe0\x9f\xbf\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\xed\xa0\x80\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\xed\xbf\xbf\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\xf0\x8f\xbf\xbf\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\xf4\x90\x80\x80\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\xf5\x80\x80\x80\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\xff\"}")
    NO("8.1", 8, UTF8, "{\"a\":\"\xc3\xa9\xc3\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\xe4\xb8\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\xe4\xb8\\n\"}")
    NO("8.1", 6, UTF8, "{\"a\":\"\xf0\x9f\x98z\"}")
    NO("8.1", 9, UTF8, "{\"a\":\"bcd\xc3\n\"}")
    NO("8.1", 2, UTF8, "{\"\xff\":1}")
    NO("8.1", 8, EARLY, "{\"a\":\"\xe4\xb8")
    /* limits */
    YES("limit", "{\"a\":" X31("[") X31("]") "}")
    NO("limit", 36, DEEP, "{\"a\":" X31("[") "[" "]" X31("]") "}")
    NO("limit", 36, DEEP, "{\"a\":" X31("[") "{}" X31("]") "}")
    YES("limit", X31("{\"a\":") "{}" X31("}"))
    NO("limit", 160, DEEP, X31("{\"a\":") "{\"b\":{}}" X31("}"))
    YES("limit", "{\"a\":[" X31("[[]],") "1]}")
};
// clang-format on

#define ROWS (sizeof rows / sizeof rows[0])

static const cl_hash_key hash_key = {{1, 2, 3}};

struct verdict {
    enum cl_err err;
    struct cl_why why;
};

/* Feeds pieces of step bytes, the first one of first bytes. Each time the text lies elsewhere,
 * in a block of just its length. */
static struct verdict
scan_in_pieces(cl_str text, size_t first, size_t step)
{
    struct cl_json_scan scan;
    struct cl_arena arena;
    struct verdict verdict = {.err = CL_OK};
    char *before = NULL;
    size_t len = first;

    cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    cl_json_scan_init(&scan, &arena, &hash_key);
    for (;;) {
        char *block = cl_alloc(len);
        CHECK(block != NULL);
        if (len > 0)
            memcpy(block, text.ptr, len);
        verdict.err =
            cl_json_scan_feed(&scan, cl_str_of(block, len), len == text.len, &verdict.why);
        cl_free(before);
        before = block;
        if (len == text.len || verdict.err != CL_OK)
            break;
        len = step < text.len - len ? len + step : text.len;
    }
    cl_free(before);
    cl_arena_done(&arena);
    return verdict;
}

static struct verdict
scan_whole(cl_str text)
{
    return scan_in_pieces(text, text.len, 1);
}

static void
check_same(struct verdict got, struct verdict want)
{
    CHECK_INT(got.err, want.err);
    if (want.err != CL_OK)
        CHECK_STR(cl_str_z(got.why.text), cl_str_z(want.why.text));
}

TEST(table_has_rows_enough)
{
    CHECK(ROWS >= 120);
}

TEST(each_text_of_the_table_is_judged_with_place_and_reason)
{
    for (size_t i = 0; i < ROWS; i++) {
        char want[CL_WHY_CAP];
        const struct row *row = &rows[i];
        test_note("row %zu, section %s: %.150s", i, row->section, row->text);
        struct verdict got = scan_whole(cl_str_of(row->text, row->len));
        if (row->refused_at == NOT_REFUSED) {
            CHECK_STR(got.err == CL_OK ? CL_STR("") : cl_str_z(got.why.text), CL_STR(""));
            continue;
        }
        CHECK_INT(got.err, CL_ERR_MALFORMED);
        (void)snprintf(want, sizeof want, "JSON refused at byte %zu: %s", row->refused_at,
                       row->reason);
        CHECK_STR(cl_str_z(got.why.text), cl_str_z(want));
    }
}

TEST(each_text_is_judged_the_same_byte_by_byte)
{
    for (size_t i = 0; i < ROWS; i++) {
        cl_str text = cl_str_of(rows[i].text, rows[i].len);
        test_note("row %zu: %.150s", i, rows[i].text);
        check_same(scan_in_pieces(text, 0, 1), scan_whole(text));
    }
}

TEST(each_text_is_judged_the_same_in_two_pieces)
{
    for (size_t i = 0; i < ROWS; i++)
        for (size_t cut = 0; cut <= rows[i].len; cut++) {
            cl_str text = cl_str_of(rows[i].text, rows[i].len);
            test_note("row %zu cut at %zu: %.150s", i, cut, rows[i].text);
            check_same(scan_in_pieces(text, cut, text.len), scan_whole(text));
        }
}

TEST(each_beginning_of_a_good_text_could_still_become_good)
{
    for (size_t i = 0; i < ROWS; i++)
        for (size_t len = 0; rows[i].refused_at == NOT_REFUSED && len < rows[i].len; len++) {
            struct cl_json_scan scan;
            struct cl_arena arena;
            cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
            cl_json_scan_init(&scan, &arena, &hash_key);
            test_note("row %zu, %zu bytes: %.150s", i, len, rows[i].text);
            CHECK_OK(cl_json_scan_feed(&scan, cl_str_of(rows[i].text, len), false, NULL));
            cl_arena_done(&arena);
        }
}

TEST(a_refusal_does_not_wait_for_the_rest)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct cl_json_scan scan;
        struct cl_arena arena;
        if (rows[i].refused_at == NOT_REFUSED || strcmp(rows[i].reason, EARLY) == 0)
            continue;
        cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
        cl_json_scan_init(&scan, &arena, &hash_key);
        test_note("row %zu: %.150s", i, rows[i].text);
        cl_str text = cl_str_of(rows[i].text, rows[i].len);
        CHECK_INT(cl_json_scan_feed(&scan, text, false, NULL), CL_ERR_MALFORMED);
        cl_arena_done(&arena);
    }
}

TEST(a_refusal_is_said_again)
{
    struct cl_json_scan scan;
    struct cl_arena arena;
    struct cl_why first = {""}, second = {""};
    cl_arena_init(&arena, 0);
    cl_json_scan_init(&scan, &arena, &hash_key);
    CHECK_INT(cl_json_scan_feed(&scan, CL_STR("{]"), false, &first), CL_ERR_MALFORMED);
    CHECK_INT(cl_json_scan_feed(&scan, CL_STR("{]}"), true, &second), CL_ERR_MALFORMED);
    CHECK_STR(cl_str_z(second.text), cl_str_z(first.text));
}
