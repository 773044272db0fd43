// SPDX-License-Identifier: MIT
#include "cli/text.h"

#include <stdio.h>
#include <string.h>

#include "support/fault.h"
#include "support/test.h"

static struct cl_buf out;

static cl_str
shown(cl_str text)
{
    cl_buf_done(&out);
    cl_buf_init(&out, 4096);
    CHECK_OK(cl_text_show(&out, text));
    return cl_buf_str(&out);
}

static size_t
put_utf8(uint32_t code, char *bytes)
{
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--, code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(leads[len] | code);
    return len;
}

TEST(plain_text_of_any_script_is_shown_as_it_is)
{
    static const char *const texts[] = {"",           "abc", "Grüße, Привет, 你好, مرحبا, שלום",
                                        "e\xcc\x81",  "😀",   "\xef\xbf\xbd",
                                        "back\\slash"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_STR(shown(cl_str_z(texts[i])), cl_str_z(texts[i]));
}

/* Everything that drives a terminal, turns text around or cannot be seen. */
TEST(no_character_that_acts_comes_out)
{
    static const uint32_t corpus[][2] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},      {0x61c, 0x61c},   {0x180e, 0x180e},
        {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x2064},  {0x2066, 0x206f}, {0x3164, 0x3164},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0001, 0xe007f}};
    for (size_t i = 0; i < sizeof corpus / sizeof *corpus; i++) {
        for (uint32_t code = corpus[i][0]; code <= corpus[i][1]; code++) {
            char bytes[4], want[16];
            size_t len = put_utf8(code, bytes);
            (void)snprintf(want, sizeof want, "\\u{%x}", code);
            CHECK_STR(shown(cl_str_of(bytes, len)), cl_str_z(want));
        }
    }
}

TEST(a_terminal_sequence_loses_its_power)
{
    CHECK_STR(shown(CL_STR("\x1b]0;owned\x07\x1b[2J")), CL_STR("\\u{1b}]0;owned\\u{7}\\u{1b}[2J"));
    CHECK_STR(shown(CL_STR("a\nb\tc\r")), CL_STR("a\\u{a}b\\u{9}c\\u{d}"));
}

TEST(bytes_that_are_no_utf8_are_shown_one_by_one)
{
    CHECK_STR(shown(CL_STR("a\xff")), CL_STR("a\\x{ff}"));
    CHECK_STR(shown(CL_STR("\xc0\x80")), CL_STR("\\x{c0}\\x{80}"));
    CHECK_STR(shown(CL_STR("\xe4\xbd")), CL_STR("\\x{e4}\\x{bd}"));
    CHECK_STR(shown(CL_STR("\xed\xa0\x80z")), CL_STR("\\x{ed}\\x{a0}\\x{80}z"));
}

TEST(a_paragraph_keeps_its_lines_behind_the_indent)
{
    cl_buf_done(&out);
    cl_buf_init(&out, 4096);
    CHECK_OK(cl_text_show_block(&out, CL_STR("one\n\ttwo\x1b[1m\nthree"), "    "));
    CHECK_STR(cl_buf_str(&out), CL_STR("one\n    \ttwo\\u{1b}[1m\n    three"));
}

TEST(json_stays_the_same_json_on_one_line)
{
    cl_buf_done(&out);
    cl_buf_init(&out, 4096);
    CHECK_OK(cl_text_show_json(
        &out, CL_STR("{\"a\":\n\t\"x\xe2\x80\xae y\",\r\n \"b\\\"\": \"\\\\\", \"c\": \"\xc2\x9b"
                     "\xf3\xa0\x81\x81\xc3\xa9\"}")));
    CHECK_STR(cl_buf_str(&out), CL_STR("{\"a\":  \"x\\u202e y\",   \"b\\\"\": \"\\\\\", \"c\": "
                                       "\"\\u009b\\udb40\\udc41\xc3\xa9\"}"));
}

TEST(width_counts_columns)
{
    CHECK_INT(cl_text_width(CL_STR("")), 0);
    CHECK_INT(cl_text_width(CL_STR("abc")), 3);
    CHECK_INT(cl_text_width(cl_str_z("Grüße")), 5);
    CHECK_INT(cl_text_width(cl_str_z("你好")), 4);
    CHECK_INT(cl_text_width(cl_str_z("e\xcc\x81")), 1);
    CHECK_INT(cl_text_width(cl_str_z("한글ｱ😀")), 2 + 2 + 1 + 2);
    CHECK_INT(cl_text_width(CL_STR("\xff")), 1);
}

TEST(a_cut_never_splits_a_character)
{
    CHECK_INT(cl_text_fit(CL_STR("abc"), 2), 2);
    CHECK_INT(cl_text_fit(CL_STR("abc"), 9), 3);
    CHECK_INT(cl_text_fit(cl_str_z("你好"), 3), 3);
    CHECK_INT(cl_text_fit(cl_str_z("e\xcc\x81x"), 1), 3);
    CHECK_INT(cl_text_fit(CL_STR("abc"), 0), 0);
}

TEST(a_full_buffer_and_no_memory_are_told)
{
    cl_buf_done(&out);
    cl_buf_init(&out, 4);
    CHECK_INT(cl_text_show(&out, CL_STR("\x1b")), CL_ERR_TOO_LARGE);
    FOR_EACH_FAULT
    {
        cl_buf_done(&out);
        cl_buf_init(&out, 4096);
        enum cl_err err = cl_text_show(&out, CL_STR("some text\x1b with an escape"));
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
    }
    cl_buf_done(&out);
}
