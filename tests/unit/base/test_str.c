// SPDX-License-Identifier: MIT
#include "base/str.h"

#include <string.h>

#include "support/test.h"

TEST(a_missing_c_string_is_the_empty_view)
{
    CHECK_INT(cl_str_z(NULL).len, 0);
    CHECK_STR(cl_str_z("abc"), CL_STR("abc"));
    CHECK_STR(cl_str_z(NULL), CL_STR(""));
}

TEST(equality_is_of_bytes_and_length)
{
    CHECK(cl_str_eq(CL_STR("a\0b"), cl_str_of("a\0b", 3)));
    CHECK(!cl_str_eq(CL_STR("a\0b"), CL_STR("a\0c")));
    CHECK(!cl_str_eq(CL_STR("ab"), CL_STR("abc")));
    CHECK(cl_str_eq(cl_str_of(NULL, 0), CL_STR("")));
}

TEST(only_ascii_letters_compare_without_case)
{
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            char x = (char)a, y = (char)b;
            bool letters = (a | 32) >= 'a' && (a | 32) <= 'z' && (a | 32) == (b | 32);
            CHECK(cl_str_eq_nocase(cl_str_of(&x, 1), cl_str_of(&y, 1)) == (a == b || letters));
        }
    CHECK(cl_str_eq_nocase(CL_STR("Content-Length"), CL_STR("content-LENGTH")));
    CHECK(!cl_str_eq_nocase(CL_STR("abc"), CL_STR("ab")));
    CHECK(!cl_str_eq_nocase(CL_STR("\xc3\x84"), CL_STR("\xc3\xa4")));
}

TEST(order_is_of_unsigned_bytes_and_the_shorter_comes_first)
{
    static const char *const sorted[] = {"", "a", "aa", "ab", "b", "\x7f", "\x80", "\xff"};
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++) {
            int order = cl_str_compare(cl_str_z(sorted[i]), cl_str_z(sorted[j]));
            CHECK_INT((order > 0) - (order < 0), (i > j) - (i < j));
        }
}

TEST(prefixes_and_suffixes)
{
    CHECK(cl_str_starts(CL_STR("abc"), CL_STR("")));
    CHECK(cl_str_starts(CL_STR("abc"), CL_STR("abc")));
    CHECK(!cl_str_starts(CL_STR("abc"), CL_STR("abcd")));
    CHECK(!cl_str_starts(CL_STR("abc"), CL_STR("b")));
    CHECK(cl_str_starts(cl_str_of(NULL, 0), cl_str_of(NULL, 0)));
    CHECK(cl_str_ends(CL_STR("abc"), CL_STR("")));
    CHECK(cl_str_ends(CL_STR("abc"), CL_STR("bc")));
    CHECK(!cl_str_ends(CL_STR("abc"), CL_STR("zabc")));
    CHECK(!cl_str_ends(CL_STR("abc"), CL_STR("b")));
}

TEST(a_byte_is_found_at_its_first_place_or_at_the_end)
{
    CHECK_INT(cl_str_find(CL_STR("abcb"), 'b'), 1);
    CHECK_INT(cl_str_find(CL_STR("abcb"), 'x'), 4);
    CHECK_INT(cl_str_find(CL_STR("a\0b"), '\0'), 1);
    CHECK_INT(cl_str_find(cl_str_of(NULL, 0), 'x'), 0);
}

TEST(a_part_is_clamped)
{
    CHECK_STR(cl_str_part(CL_STR("abcdef"), 1, 3), CL_STR("bcd"));
    CHECK_STR(cl_str_part(CL_STR("abcdef"), 4, 30), CL_STR("ef"));
    CHECK_STR(cl_str_part(CL_STR("abcdef"), 4, SIZE_MAX), CL_STR("ef"));
    CHECK_STR(cl_str_part(CL_STR("abcdef"), 6, 1), CL_STR(""));
    CHECK_STR(cl_str_part(CL_STR("abcdef"), SIZE_MAX, SIZE_MAX), CL_STR(""));
    CHECK_STR(cl_str_part(cl_str_of(NULL, 0), 0, 1), CL_STR(""));
}

TEST(a_split_is_at_the_first_byte_of_its_kind)
{
    cl_str head, rest;
    CHECK(cl_str_split(CL_STR("a,b,c"), ',', &head, &rest));
    CHECK_STR(head, CL_STR("a"));
    CHECK_STR(rest, CL_STR("b,c"));
    CHECK(cl_str_split(CL_STR(","), ',', &head, &rest));
    CHECK_STR(head, CL_STR(""));
    CHECK_STR(rest, CL_STR(""));
    CHECK(!cl_str_split(CL_STR("abc"), ',', &head, &rest));
    CHECK_STR(head, CL_STR("abc"));
    CHECK_STR(rest, CL_STR(""));
}

TEST(a_split_may_write_over_its_input)
{
    cl_str s = CL_STR("a,b,c"), head;
    CHECK(cl_str_split(s, ',', &head, &s));
    CHECK(cl_str_split(s, ',', &head, &s));
    CHECK_STR(head, CL_STR("b"));
    CHECK_STR(s, CL_STR("c"));
    s = CL_STR("a,b");
    CHECK(cl_str_split(s, ',', &s, &head));
    CHECK_STR(s, CL_STR("a"));
    CHECK_STR(head, CL_STR("b"));
}

TEST(trimming_takes_spaces_and_tabs_at_both_ends_only)
{
    CHECK_STR(cl_str_trim(CL_STR(" \t a b\t ")), CL_STR("a b"));
    CHECK_STR(cl_str_trim(CL_STR("\na\r")), CL_STR("\na\r"));
    CHECK_STR(cl_str_trim(CL_STR(" \t")), CL_STR(""));
    CHECK_STR(cl_str_trim(cl_str_of(NULL, 0)), CL_STR(""));
}

TEST(stripping_takes_line_ends_too)
{
    CHECK_STR(cl_str_strip(CL_STR(" \t\r\n a\nb\r\n ")), CL_STR("a\nb"));
    CHECK_STR(cl_str_strip(CL_STR("\n \r")), CL_STR(""));
    CHECK_STR(cl_str_strip(CL_STR("\v\f")), CL_STR("\v\f"));
}

TEST(a_copy_is_whole_or_not_at_all)
{
    char dst[4] = "xyz";
    CHECK(!cl_str_copy(dst, sizeof dst, CL_STR("abcd")));
    CHECK(strcmp(dst, "xyz") == 0);
    CHECK(cl_str_copy(dst, sizeof dst, CL_STR("abc")));
    CHECK(strcmp(dst, "abc") == 0);
    CHECK(cl_str_copy(dst, 1, cl_str_of(NULL, 0)));
    CHECK(strcmp(dst, "") == 0);
    CHECK(!cl_str_copy(dst, 0, CL_STR("")));
}

TEST(decimal_numbers_are_read_up_to_their_maximum)
{
    uint64_t value = 1;
    CHECK(cl_str_to_u64(CL_STR("0"), 0, &value) && value == 0);
    CHECK(cl_str_to_u64(CL_STR("0042"), 42, &value) && value == 42);
    CHECK(cl_str_to_u64(CL_STR("18446744073709551615"), UINT64_MAX, &value));
    CHECK(value == UINT64_MAX);
}

TEST(what_is_no_decimal_number_in_range_is_refused)
{
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "1.0",
                                      "1e3",
                                      "a",
                                      "43",
                                      "18446744073709551616",
                                      "99999999999999999999",
                                      "184467440737095516150"};
    uint64_t value = 7;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        test_note("%s", bad[i]);
        CHECK(!cl_str_to_u64(cl_str_z(bad[i]), 42, &value));
    }
    CHECK(!cl_str_to_u64(CL_STR("18446744073709551616"), UINT64_MAX, &value));
    CHECK(!cl_str_to_u64(CL_STR("184467440737095516150"), UINT64_MAX, &value));
    CHECK(!cl_str_to_u64(CL_STR("1\0"), UINT64_MAX, &value));
    CHECK_INT(value, 7);
}
