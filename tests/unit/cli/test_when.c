// SPDX-License-Identifier: MIT
#include "cli/when.h"

#include "support/test.h"

TEST(a_time_is_that_of_the_clock_in_utc)
{
    char text[CL_WHEN_CAP];
    cl_when_text(1775304000123, text);
    CHECK_STR(cl_str_z(text), CL_STR("2026-04-04 12:00:00.123"));
    cl_when_text(0, text);
    CHECK_STR(cl_str_z(text), CL_STR("1970-01-01 00:00:00.000"));
    cl_when_text(UINT64_MAX, text);
    CHECK_STR(cl_str_z(text), CL_STR("9999-12-31 23:59:59.999"));
}

TEST(a_span_has_the_unit_that_says_most)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } rows[] = {
        {0, "0 ms"},          {999, "999 ms"},
        {1000, "1.0 s"},      {2999, "2.9 s"},
        {9999, "9.9 s"},      {10000, "10 s"},
        {119999, "119 s"},    {120000, "2 min"},
        {7199999, "119 min"}, {7200000, "2 h"},
        {172799999, "47 h"},  {172800000, "2 d"},
        {604800000, "7 d"},   {UINT64_MAX, "213503982334 d"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[CL_SPAN_CAP];
        cl_span_text(rows[i].ms, text);
        CHECK_STR(cl_str_z(text), cl_str_z(rows[i].text));
    }
}

TEST(a_size_has_the_unit_that_says_most)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0 B"},           {1023, "1023 B"},        {1024, "1.0 KiB"},
        {1535, "1.4 KiB"},    {1048575, "1023.9 KiB"}, {1048576, "1.0 MiB"},
        {1153434, "1.1 MiB"}, {67108864, "64.0 MiB"},  {UINT64_MAX, "17592186044415.9 MiB"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[CL_SPAN_CAP];
        cl_size_text(rows[i].bytes, text);
        CHECK_STR(cl_str_z(text), cl_str_z(rows[i].text));
    }
}
