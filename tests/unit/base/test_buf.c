// SPDX-License-Identifier: MIT
#include "base/buf.h"

#include <string.h>

#include "support/fault.h"
#include "support/test.h"

TEST(bytes_are_appended_in_order)
{
    struct cl_buf buf;
    cl_buf_init(&buf, 1000);
    CHECK_OK(cl_buf_append(&buf, CL_STR("ab\0c")));
    CHECK_OK(cl_buf_append_byte(&buf, '-'));
    CHECK_OK(cl_buf_append(&buf, cl_str_of(NULL, 0)));
    CHECK_OK(cl_buf_printf(&buf, "%d %s", 42, "x"));
    CHECK_STR(cl_buf_str(&buf), CL_STR("ab\0c-42 x"));
    cl_buf_done(&buf);
}

TEST(nothing_is_allocated_before_the_first_byte)
{
    struct cl_buf buf;
    cl_buf_init(&buf, 1000);
    CHECK_OK(cl_buf_append(&buf, CL_STR("")));
    CHECK(buf.ptr == NULL);
    cl_buf_done(&buf);
}

TEST(the_maximum_is_reached_exactly_and_never_passed)
{
    for (size_t max = 0; max < 300; max++) {
        struct cl_buf buf;
        size_t len = 0;
        cl_buf_init(&buf, max);
        while (len < max) {
            CHECK_OK(cl_buf_append_byte(&buf, (char)('a' + len % 26)));
            len++;
        }
        CHECK_INT(cl_buf_append_byte(&buf, 'x'), CL_ERR_TOO_LARGE);
        CHECK_INT(cl_buf_printf(&buf, "%s", "y"), CL_ERR_TOO_LARGE);
        CHECK_INT(buf.len, max);
        CHECK(buf.cap <= max || max == 0);
        for (size_t i = 0; i < max; i++)
            CHECK_INT(buf.ptr[i], 'a' + (int)(i % 26));
        cl_buf_done(&buf);
    }
}

TEST(what_does_not_fit_is_not_begun)
{
    struct cl_buf buf;
    char *space = NULL;
    cl_buf_init(&buf, 5);
    CHECK_OK(cl_buf_append(&buf, CL_STR("abc")));
    CHECK_INT(cl_buf_append(&buf, CL_STR("def")), CL_ERR_TOO_LARGE);
    CHECK_INT(cl_buf_reserve(&buf, 3, &space), CL_ERR_TOO_LARGE);
    CHECK_INT(cl_buf_reserve(&buf, SIZE_MAX, &space), CL_ERR_TOO_LARGE);
    CHECK(space == NULL);
    CHECK_STR(cl_buf_str(&buf), CL_STR("abc"));
    CHECK_OK(cl_buf_append(&buf, CL_STR("de")));
    cl_buf_done(&buf);
}

TEST(growing_costs_few_allocations)
{
    struct cl_buf buf;
    unsigned moves = 0;
    const char *before = NULL;
    size_t cap = 0;
    cl_buf_init(&buf, 1u << 20);
    for (unsigned i = 0; i < 1u << 20; i++) {
        CHECK_OK(cl_buf_append_byte(&buf, 'x'));
        moves += buf.cap != cap;
        cap = buf.cap;
        before = buf.ptr;
    }
    CHECK(before != NULL);
    CHECK(moves <= 15);
    cl_buf_done(&buf);
}

TEST(reserved_space_counts_once_committed)
{
    struct cl_buf buf;
    char *space;
    cl_buf_init(&buf, 1000);
    CHECK_OK(cl_buf_append(&buf, CL_STR("ab")));
    CHECK_OK(cl_buf_reserve(&buf, 500, &space));
    CHECK(space == buf.ptr + 2);
    memset(space, 'z', 500);
    CHECK_INT(buf.len, 2);
    cl_buf_commit(&buf, 3);
    CHECK_STR(cl_buf_str(&buf), CL_STR("abzzz"));
    cl_buf_done(&buf);
}

TEST(consuming_moves_the_rest_to_the_front)
{
    struct cl_buf buf;
    cl_buf_init(&buf, 1000);
    CHECK_OK(cl_buf_append(&buf, CL_STR("abcdef")));
    cl_buf_consume(&buf, 0);
    cl_buf_consume(&buf, 2);
    CHECK_STR(cl_buf_str(&buf), CL_STR("cdef"));
    cl_buf_consume(&buf, 4);
    CHECK_STR(cl_buf_str(&buf), CL_STR(""));
    cl_buf_done(&buf);
}

TEST(clear_and_truncate_keep_the_memory_and_done_gives_it_back)
{
    struct cl_buf buf;
    cl_buf_init(&buf, 1000);
    CHECK_OK(cl_buf_append(&buf, CL_STR("abcdef")));
    const char *ptr = buf.ptr;
    cl_buf_truncate(&buf, 2);
    CHECK_STR(cl_buf_str(&buf), CL_STR("ab"));
    cl_buf_clear(&buf);
    CHECK_INT(buf.len, 0);
    CHECK_OK(cl_buf_append(&buf, CL_STR("x")));
    CHECK(buf.ptr == ptr);
    cl_buf_done(&buf);
    CHECK(buf.ptr == NULL && buf.len == 0 && buf.cap == 0 && buf.max == 1000);
    CHECK_OK(cl_buf_append(&buf, CL_STR("again")));
    cl_buf_done(&buf);
}

TEST(each_allocation_may_fail)
{
    FOR_EACH_FAULT
    {
        struct cl_buf buf;
        cl_buf_init(&buf, 1000);
        enum cl_err err = cl_buf_append(&buf, CL_STR("abc"));
        size_t before = buf.len;
        if (err == CL_OK)
            err = cl_buf_printf(&buf, "%0200d", 7);
        if (err == CL_OK)
            before = buf.len;
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        CHECK_INT(buf.len, before);
        CHECK(buf.len == 0 || memcmp(buf.ptr, "abc", 3) == 0);
        cl_buf_done(&buf);
    }
}
