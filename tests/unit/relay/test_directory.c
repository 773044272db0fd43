// SPDX-License-Identifier: MIT
#include "relay/directory.h"

#include <string.h>

#include "base/limits.h"
#include "support/fault.h"
#include "support/test.h"

static const cl_hash_key key = {{1}};
static struct cl_directory directory;

static void
put(const char *id, const char *name, const char *one, const char *two)
{
    const cl_str words[] = {cl_str_z(one), cl_str_z(two)};
    CHECK_OK(cl_directory_put(&directory, cl_str_z(id), cl_str_z(name), (cl_strs){words, 2}));
}

/* All that have it, with blanks between. */
static cl_str
found(enum cl_word kind, const char *text)
{
    static char all[200];
    struct cl_directory_walk walk;
    size_t len = 0;
    for (cl_str id = cl_directory_first(&directory, kind, cl_str_z(text), &walk); id.len > 0;
         id = cl_directory_next(&walk)) {
        if (len > 0)
            all[len++] = ' ';
        memcpy(all + len, id.ptr, id.len);
        len += id.len;
    }
    return cl_str_of(all, len);
}

TEST(agents_are_found_by_name_and_by_capability)
{
    cl_directory_init(&directory, &key);
    put("mini/otto", "Otto", "review", "c");
    put("laptop/otto", "Otto", "c", "");
    put("mira", "Mira", "review", "review");
    CHECK_STR(found(CL_WORD_NAME, "Otto"), CL_STR("mini/otto laptop/otto"));
    CHECK_STR(found(CL_WORD_NAME, "Mira"), CL_STR("mira"));
    CHECK_STR(found(CL_WORD_NAME, "otto"), CL_STR(""));
    CHECK_STR(found(CL_WORD_NAME, "review"), CL_STR(""));
    CHECK_STR(found(CL_WORD_CAPABILITY, "review"), CL_STR("mini/otto mira"));
    CHECK_STR(found(CL_WORD_CAPABILITY, "c"), CL_STR("mini/otto laptop/otto"));
    CHECK_STR(found(CL_WORD_CAPABILITY, ""), CL_STR(""));
    cl_directory_done(&directory);
}

TEST(what_an_agent_says_anew_replaces_what_it_said)
{
    cl_directory_init(&directory, &key);
    put("a", "Anna", "x", "y");
    put("b", "Anna", "x", "z");
    put("a", "Bea", "z", "");
    CHECK_STR(found(CL_WORD_NAME, "Anna"), CL_STR("b"));
    CHECK_STR(found(CL_WORD_NAME, "Bea"), CL_STR("a"));
    CHECK_STR(found(CL_WORD_CAPABILITY, "x"), CL_STR("b"));
    CHECK_STR(found(CL_WORD_CAPABILITY, "y"), CL_STR(""));
    CHECK_STR(found(CL_WORD_CAPABILITY, "z"), CL_STR("b a"));
    cl_directory_drop(&directory, CL_STR("b"));
    cl_directory_drop(&directory, CL_STR("b"));
    CHECK_STR(found(CL_WORD_CAPABILITY, "z"), CL_STR("a"));
    CHECK_STR(found(CL_WORD_NAME, "Anna"), CL_STR(""));
    CHECK_INT(directory.words.count, 2); // Bea and z
    cl_directory_done(&directory);
}

TEST(a_display_name_may_have_blanks_and_a_capability_may_not)
{
    char longest[CL_V2_DISPLAY_BYTES_MAX + 1] = "";
    const char *const names[] = {"Otto the Great", "\xc3\x96tto", longest};
    memset(longest, 'a', sizeof longest - 1);
    cl_directory_init(&directory, &key);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put("a", names[i], names[i], "");
        CHECK_STR(found(CL_WORD_NAME, names[i]), CL_STR("a"));
        CHECK_STR(found(CL_WORD_CAPABILITY, names[i]), CL_STR(""));
    }
    cl_directory_done(&directory);
}

TEST(what_no_address_can_hold_is_not_found)
{
    char longest[CL_V2_DISPLAY_BYTES_MAX + 2] = "";
    const char *const names[] = {"a/b", "cap:a", "a:b", "a\nb", "\xff", longest};
    memset(longest, 'a', sizeof longest - 1);
    cl_directory_init(&directory, &key);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put("a", names[i], names[i], "ok");
        CHECK_STR(found(CL_WORD_NAME, names[i]), CL_STR(""));
        CHECK_STR(found(CL_WORD_CAPABILITY, names[i]), CL_STR(""));
        CHECK_STR(found(CL_WORD_CAPABILITY, "ok"), CL_STR("a"));
    }
    cl_directory_done(&directory);
}

TEST(without_memory_an_agent_is_not_found_at_all)
{
    FOR_EACH_FAULT
    {
        const cl_str words[] = {CL_STR("x"), CL_STR("y")};
        cl_directory_init(&directory, &key);
        enum cl_err err =
            cl_directory_put(&directory, CL_STR("a"), CL_STR("Anna"), (cl_strs){words, 2});
        bool is_there = found(CL_WORD_NAME, "Anna").len > 0;
        CHECK(is_there == (err == CL_OK));
        CHECK(found(CL_WORD_CAPABILITY, "y").len == found(CL_WORD_NAME, "Anna").len);
        CHECK_INT(directory.words.count, err == CL_OK ? 3 : 0);
        CHECK(err == CL_OK || (err == CL_ERR_NO_MEMORY && fault_happened()));
        cl_directory_done(&directory);
    }
}
