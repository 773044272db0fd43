// SPDX-License-Identifier: MIT
#include "base/body.h"

#include <string.h>

#include "support/fault.h"
#include "support/test.h"

TEST(a_body_is_a_copy_with_one_reference)
{
    char source[] = "a\0b";
    struct cl_body *body = cl_body_new(cl_str_of(source, 3));
    CHECK(body != NULL);
    source[0] = 'x';
    CHECK_INT(body->refs, 1);
    CHECK_STR(cl_body_str(body), CL_STR("a\0b"));
    cl_body_unref(body);
}

TEST(a_body_lives_until_its_last_reference)
{
    struct cl_body *body = cl_body_new(CL_STR("shared"));
    CHECK(body != NULL);
    for (unsigned i = 0; i < 1000; i++)
        CHECK(cl_body_ref(body) == body);
    for (unsigned i = 0; i < 1000; i++)
        cl_body_unref(body);
    CHECK_STR(cl_body_str(body), CL_STR("shared"));
    CHECK_INT(body->refs, 1);
    cl_body_unref(body);
}

TEST(a_blank_body_is_there_to_be_written)
{
    struct cl_body *body = cl_body_new_blank(5);
    CHECK(body != NULL);
    CHECK_INT(body->len, 5);
    memcpy(body->bytes, "hello", 5);
    CHECK_STR(cl_body_str(body), CL_STR("hello"));
    cl_body_unref(body);
}

TEST(no_body_reads_as_empty_and_may_be_given_back)
{
    cl_body_unref(NULL);
    CHECK_INT(cl_body_str(NULL).len, 0);
    struct cl_body *empty = cl_body_new(cl_str_of(NULL, 0));
    CHECK(empty != NULL);
    CHECK_INT(cl_body_str(empty).len, 0);
    cl_body_unref(empty);
}

TEST(a_body_of_4_gib_is_refused)
{
    if (sizeof(size_t) > 4)
        CHECK(cl_body_new_blank((size_t)UINT32_MAX + 1) == NULL);
    CHECK(cl_body_new_blank(SIZE_MAX) == NULL || sizeof(size_t) <= 4);
}

TEST(each_allocation_may_fail)
{
    FOR_EACH_FAULT
    {
        struct cl_body *body = cl_body_new(CL_STR("abc"));
        CHECK((body == NULL) == fault_happened());
        cl_body_unref(body);
    }
}
