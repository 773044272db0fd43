// SPDX-License-Identifier: MIT
#include "wire/json_write.h"

#include "support/fault.h"
#include "support/test.h"
#include "wire/json.h"

static void
write_much(struct cl_json_writer *json)
{
    cl_json_object_begin(json);
    cl_json_put_name(json, CL_STR("empty"));
    cl_json_object_begin(json);
    cl_json_object_end(json);
    cl_json_put_name(json, CL_STR("list"));
    cl_json_array_begin(json);
    cl_json_put_u64(json, UINT64_MAX);
    cl_json_put_i64(json, INT64_MIN);
    cl_json_put_bool(json, true);
    cl_json_put_bool(json, false);
    cl_json_put_null(json);
    cl_json_array_begin(json);
    cl_json_array_end(json);
    cl_json_put_string(json, CL_STR("a"));
    cl_json_array_end(json);
    cl_json_put_name(json, CL_STR("raw"));
    cl_json_put_raw(json, CL_STR("[1, 2.50]"));
    cl_json_put_raw_name(json, CL_STR("\"at\":"));
    cl_json_put_fixed(json, 1775293200123, 3);
    cl_json_object_end(json);
}

static const char much[] = "{\"empty\":{},\"list\":[18446744073709551615,-9223372036854775808,true,"
                           "false,null,[],\"a\"],\"raw\":[1, 2.50],\"at\":1775293200.123}";

TEST(commas_and_colons_come_by_themselves)
{
    struct cl_buf buf;
    struct cl_json_writer json;
    cl_buf_init(&buf, 4096);
    cl_json_writer_init(&json, &buf);
    write_much(&json);
    CHECK_OK(cl_json_writer_end(&json));
    CHECK_STR(cl_buf_str(&buf), cl_str_z(much));
    cl_buf_done(&buf);
}

static void
check_string(cl_str text, cl_str want)
{
    struct cl_buf buf;
    struct cl_json_writer json;
    cl_buf_init(&buf, 4096);
    cl_json_writer_init(&json, &buf);
    cl_json_put_string(&json, text);
    CHECK_OK(cl_json_writer_end(&json));
    CHECK_STR(cl_buf_str(&buf), want);
    cl_buf_done(&buf);
}

TEST(strings_escape_what_they_must_and_nothing_else)
{
    check_string(CL_STR(""), CL_STR("\"\""));
    check_string(CL_STR("a\"b\\c/d"), CL_STR("\"a\\\"b\\\\c/d\""));
    check_string(CL_STR("\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"),
                 CL_STR("\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007"
                        "\\b\\t\\n\\u000b\\f\\r\\u000e\\u000f\""));
    check_string(CL_STR("\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"),
                 CL_STR("\"\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017"
                        "\\u0018\\u0019\\u001a\\u001b\\u001c\\u001d\\u001e\\u001f\""));
    check_string(CL_STR(" \x7f\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80"),
                 CL_STR("\" \x7f\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\""));
}

static void
check_fixed(int64_t value, unsigned decimals, const char *want)
{
    struct cl_buf buf;
    struct cl_json_writer json;
    cl_buf_init(&buf, 100);
    cl_json_writer_init(&json, &buf);
    cl_json_put_fixed(&json, value, decimals);
    CHECK_OK(cl_json_writer_end(&json));
    CHECK_STR(cl_buf_str(&buf), cl_str_z(want));
    cl_buf_done(&buf);
}

TEST(fixed_decimals_are_exact)
{
    check_fixed(1500, 3, "1.500");
    check_fixed(0, 1, "0.0");
    check_fixed(7, 3, "0.007");
    check_fixed(-7, 3, "-0.007");
    check_fixed(-1500, 2, "-15.00");
    check_fixed(10, 1, "1.0");
    check_fixed(INT64_MIN, 18, "-9.223372036854775808");
    check_fixed(INT64_MAX, 1, "922337203685477580.7");
    check_fixed(1, 18, "0.000000000000000001");
}

TEST(a_container_behind_a_value_begins_without_a_comma)
{
    struct cl_buf buf;
    struct cl_json_writer json;
    cl_buf_init(&buf, 100);
    cl_json_writer_init(&json, &buf);
    cl_json_array_begin(&json);
    for (unsigned i = 0; i < 2; i++) {
        cl_json_array_begin(&json);
        cl_json_put_u64(&json, i);
        cl_json_object_begin(&json);
        cl_json_put_name(&json, CL_STR("a"));
        cl_json_put_null(&json);
        cl_json_object_end(&json);
        cl_json_array_end(&json);
    }
    cl_json_array_end(&json);
    CHECK_OK(cl_json_writer_end(&json));
    CHECK_STR(cl_buf_str(&buf), CL_STR("[[0,{\"a\":null}],[1,{\"a\":null}]]"));
    cl_buf_done(&buf);
}

TEST(small_numbers_have_a_digit)
{
    struct cl_buf buf;
    struct cl_json_writer json;
    cl_buf_init(&buf, 100);
    cl_json_writer_init(&json, &buf);
    cl_json_array_begin(&json);
    cl_json_put_u64(&json, 0);
    cl_json_put_i64(&json, 0);
    cl_json_put_i64(&json, -10);
    cl_json_array_end(&json);
    CHECK_OK(cl_json_writer_end(&json));
    CHECK_STR(cl_buf_str(&buf), CL_STR("[0,0,-10]"));
    cl_buf_done(&buf);
}

TEST(the_first_error_stays_and_leaves_the_buffer_as_it_was)
{
    for (size_t max = 3; max < 3 + sizeof much - 1; max++) {
        struct cl_buf buf;
        struct cl_json_writer json;
        cl_buf_init(&buf, max);
        CHECK_OK(cl_buf_append(&buf, CL_STR("old")));
        cl_json_writer_init(&json, &buf);
        write_much(&json);
        test_note("at most %zu bytes", max);
        CHECK_INT(cl_json_writer_end(&json), CL_ERR_TOO_LARGE);
        CHECK_STR(cl_buf_str(&buf), CL_STR("old"));
        cl_buf_done(&buf);
    }
}

TEST(text_that_is_not_utf8_is_refused)
{
    struct cl_buf buf;
    struct cl_json_writer json;
    cl_buf_init(&buf, 100);
    cl_json_writer_init(&json, &buf);
    cl_json_array_begin(&json);
    cl_json_put_string(&json, CL_STR("\xff"));
    cl_json_put_string(&json, CL_STR("fine"));
    cl_json_array_end(&json);
    CHECK_INT(cl_json_writer_end(&json), CL_ERR_MALFORMED);
    CHECK_INT(buf.len, 0);
    cl_buf_done(&buf);
}

TEST(each_allocation_may_fail)
{
    FOR_EACH_FAULT
    {
        struct cl_buf buf;
        struct cl_json_writer json;
        cl_buf_init(&buf, 4096);
        cl_json_writer_init(&json, &buf);
        write_much(&json);
        CHECK_INT(cl_json_writer_end(&json), fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        CHECK_STR(cl_buf_str(&buf), fault_happened() ? CL_STR("") : cl_str_z(much));
        cl_buf_done(&buf);
    }
}

TEST(what_was_written_is_taken_by_the_scan)
{
    struct cl_buf buf;
    struct cl_json_writer json;
    struct cl_arena arena;
    struct cl_json_scan scan;
    static const cl_hash_key hash_key = {{0}};
    cl_buf_init(&buf, 4096);
    cl_json_writer_init(&json, &buf);
    write_much(&json);
    CHECK_OK(cl_json_writer_end(&json));
    cl_arena_init(&arena, 0);
    cl_json_scan_init(&scan, &arena, &hash_key);
    CHECK_OK(cl_json_scan_feed(&scan, cl_buf_str(&buf), true, NULL));
    CHECK_INT(scan.members_len, 4);
    cl_buf_done(&buf);
}
