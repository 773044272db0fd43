// SPDX-License-Identifier: MIT
#include "base/secret.h"

#include <string.h>

#include "support/test.h"

TEST(a_secret_equals_itself_and_nothing_else)
{
    struct cl_secret secret;
    CHECK_OK(cl_secret_init(&secret, CL_STR("correct horse")));
    CHECK(cl_secret_equals(&secret, CL_STR("correct horse")));
    CHECK(!cl_secret_equals(&secret, CL_STR("")));
    CHECK(!cl_secret_equals(&secret, CL_STR("correct hors")));
    CHECK(!cl_secret_equals(&secret, CL_STR("correct horse ")));
    CHECK(!cl_secret_equals(&secret, CL_STR("correct horse\0")));
    CHECK(!cl_secret_equals(&secret, CL_STR("Correct horse")));
    CHECK(!cl_secret_equals(&secret, CL_STR("correct horsf")));
}

TEST(the_longest_secret_is_compared_to_its_last_byte)
{
    struct cl_secret secret;
    char bytes[CL_SECRET_BYTES_MAX + 1];
    memset(bytes, 'a', sizeof bytes);
    CHECK_OK(cl_secret_init(&secret, cl_str_of(bytes, CL_SECRET_BYTES_MAX)));
    CHECK(cl_secret_equals(&secret, cl_str_of(bytes, CL_SECRET_BYTES_MAX)));
    CHECK(!cl_secret_equals(&secret, cl_str_of(bytes, CL_SECRET_BYTES_MAX + 1)));
    CHECK(!cl_secret_equals(&secret, cl_str_of(bytes, CL_SECRET_BYTES_MAX - 1)));
    for (size_t i = 0; i < CL_SECRET_BYTES_MAX; i++) {
        bytes[i] = 'b';
        CHECK(!cl_secret_equals(&secret, cl_str_of(bytes, CL_SECRET_BYTES_MAX)));
        bytes[i] = 'a';
    }
}

TEST(a_guess_longer_by_64_kib_is_not_taken_for_equal)
{
    static char guess[65536 + 3] = "abc";
    struct cl_secret secret;
    CHECK_OK(cl_secret_init(&secret, CL_STR("abc")));
    CHECK(!cl_secret_equals(&secret, cl_str_of(guess, sizeof guess)));
}

TEST(a_secret_that_is_too_long_changes_nothing)
{
    struct cl_secret secret;
    static const char bytes[CL_SECRET_BYTES_MAX + 1];
    CHECK_OK(cl_secret_init(&secret, CL_STR("kept")));
    CHECK_INT(cl_secret_init(&secret, cl_str_of(bytes, sizeof bytes)), CL_ERR_TOO_LARGE);
    CHECK(cl_secret_equals(&secret, CL_STR("kept")));
}

TEST(nothing_is_left_after_done)
{
    struct cl_secret secret;
    static const struct cl_secret blank;
    CHECK_OK(cl_secret_init(&secret, CL_STR("correct horse")));
    cl_secret_done(&secret);
    CHECK(memcmp(&secret, &blank, sizeof secret) == 0);
}

TEST(a_shorter_secret_leaves_nothing_of_the_longer_one_before)
{
    struct cl_secret secret;
    CHECK_OK(cl_secret_init(&secret, CL_STR("correct horse")));
    CHECK_OK(cl_secret_init(&secret, CL_STR("c")));
    CHECK_INT(secret.bytes[1], 0);
    CHECK(cl_secret_equals(&secret, CL_STR("c")));
}

TEST(wiping_overwrites_just_what_it_is_told)
{
    char memory[] = "abcdef";
    cl_secret_wipe(memory + 1, 3);
    CHECK_STR(cl_str_of(memory, 6), CL_STR("a\0\0\0ef"));
}
