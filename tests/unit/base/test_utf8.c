// SPDX-License-Identifier: MIT
#include "base/utf8.h"

#include <string.h>

#include "support/test.h"

/* Another way to the same rule (RFC 3629 section 3): take the payload bits by the number of
 * leading ones, then ask whether the code point exists and is written in its shortest form. */
static bool
is_valid_by_decoding(const uint8_t *bytes, size_t len)
{
    static const uint32_t shortest_from[] = {0, 0, 0x80, 0x800, 0x10000};
    for (size_t at = 0; at < len;) {
        unsigned ones = 0;
        while (ones < 8 && (bytes[at] & 0x80 >> ones) != 0)
            ones++;
        unsigned size = ones == 0 ? 1 : ones;
        if (ones == 1 || ones > 4 || size > len - at)
            return false;
        uint32_t code = ones == 0 ? bytes[at] : bytes[at] & (0x7fu >> ones);
        for (unsigned i = 1; i < size; i++) {
            if ((bytes[at + i] & 0xc0) != 0x80)
                return false;
            code = code << 6 | (bytes[at + i] & 0x3fu);
        }
        if (code < shortest_from[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return false;
        at += size;
    }
    return true;
}

static bool
is_same(const uint8_t *bytes, size_t len)
{
    return cl_utf8_is_valid(cl_str_of(bytes, len)) == is_valid_by_decoding(bytes, len);
}

TEST(each_code_point_but_the_surrogates_is_valid)
{
    unsigned valid = 0;
    for (uint32_t code = 0; code <= 0x1fffff; code++) {
        uint8_t bytes[4] = {(uint8_t)code};
        size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        for (size_t i = 1; i < len; i++)
            bytes[i] = (uint8_t)(0x80 | (code >> (6 * (len - 1 - i)) & 0x3f));
        if (len > 1)
            bytes[0] = (uint8_t)(0xf00 >> len | code >> (6 * (len - 1)));
        bool exists = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        if (cl_utf8_is_valid(cl_str_of(bytes, len)) != exists)
            test_note("code point %x", code);
        CHECK(cl_utf8_is_valid(cl_str_of(bytes, len)) == exists);
        valid += exists;
    }
    CHECK_INT(valid, 0x110000 - 0x800);
}

TEST(all_sequences_of_one_and_two_bytes_are_judged_right)
{
    for (uint32_t n = 0; n < 1u << 16; n++) {
        uint8_t bytes[2] = {(uint8_t)(n >> 8), (uint8_t)n};
        if (!is_same(bytes, 2))
            test_note("%04x", n);
        CHECK(is_same(bytes, 1));
        CHECK(is_same(bytes, 2));
    }
}

TEST(all_sequences_of_three_bytes_that_begin_one_are_judged_right)
{
    for (uint32_t n = 0xc00000; n < 1u << 24; n++) {
        uint8_t bytes[3] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
        if (!is_same(bytes, 3))
            test_note("%06x", n);
        CHECK(is_same(bytes, 3));
    }
}

/* The first two bytes are all, the last two stand at the borders of the ranges. */
TEST(sequences_of_four_bytes_are_judged_right)
{
    static const uint8_t borders[] = {0x41, 0x80, 0x9f, 0xa0, 0xbf, 0xc3, 0xe2, 0xff};
    for (uint32_t n = 0; n < 1u << 16; n++)
        for (unsigned i = 0; i < 64; i++) {
            uint8_t bytes[4] = {(uint8_t)(n >> 8), (uint8_t)n, borders[i / 8], borders[i % 8]};
            if (!is_same(bytes, 4))
                test_note("%04x %02x %02x", n, bytes[2], bytes[3]);
            CHECK(is_same(bytes, 4));
        }
}

TEST(a_text_may_be_cut_anywhere)
{
    cl_str text = CL_STR("plain ASCII of some length, \xc3\xa9, \xe2\x82\xac, \xf0\x9f\x98\x80.");
    for (size_t cut = 0; cut <= text.len; cut++) {
        struct cl_utf8 state = CL_UTF8_START;
        CHECK(cl_utf8_feed(&state, cl_str_part(text, 0, cut)));
        CHECK(cl_utf8_is_whole(&state) == cl_utf8_is_valid(cl_str_part(text, 0, cut)));
        CHECK(cl_utf8_feed(&state, cl_str_part(text, cut, text.len)));
        CHECK(cl_utf8_is_whole(&state));
    }
}

TEST(a_bad_byte_is_seen_as_soon_as_it_comes)
{
    static const char *const bad[] = {
        "\x80",     "\xc0", "\xc1", "\xe0\x9f",  "\xed\xa0",        "\xf0\x8f",
        "\xf4\x90", "\xf5", "\xff", "\xe2\x82z", "\xf0\x9f\x98\xc0"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cl_utf8 state = CL_UTF8_START;
        size_t len = strlen(bad[i]);
        test_note("row %u", i);
        CHECK(cl_utf8_feed(&state, cl_str_of(bad[i], len - 1)));
        CHECK(!cl_utf8_feed(&state, cl_str_of(bad[i] + len - 1, 1)));
    }
}

TEST(a_bad_byte_is_found_anywhere_in_long_ascii)
{
    char text[40];
    for (size_t at = 0; at < sizeof text; at++) {
        memset(text, 'a', sizeof text);
        text[at] = '\xff';
        CHECK(!cl_utf8_is_valid(cl_str_of(text, sizeof text)));
        CHECK(cl_utf8_is_valid(cl_str_of(text, at)));
    }
}

TEST(nothing_is_a_valid_text)
{
    CHECK(cl_utf8_is_valid(cl_str_of(NULL, 0)));
}
