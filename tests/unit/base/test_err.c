// SPDX-License-Identifier: MIT
#include "base/err.h"

#include <string.h>

#include "support/test.h"

/* No peer can say these of itself; and an error that is none would pass for a success. */
static bool
is_ours(enum cl_err err)
{
    return err == CL_OK || err == CL_ERR_NO_RELAY || err == CL_ERR_CLOSED ||
           err == CL_ERR_UNTRUSTED || err == CL_ERR_UNPROVEN || err == CL_ERR_ENDED;
}

TEST(each_error_has_a_name_of_its_own_that_leads_back)
{
    for (unsigned i = 0; i < CL_ERR_COUNT; i++) {
        cl_str wire = cl_str_z(cl_err_wire((enum cl_err)i));
        CHECK(wire.len > 0);
        CHECK_INT(cl_err_from_wire(wire), is_ours((enum cl_err)i) ? CL_ERR_INTERNAL : i);
        for (size_t at = 0; at < wire.len; at++)
            CHECK((wire.ptr[at] >= 'a' && wire.ptr[at] <= 'z') || wire.ptr[at] == '_');
    }
}

TEST(an_unknown_name_is_internal)
{
    CHECK_INT(cl_err_from_wire(CL_STR("no such error")), CL_ERR_INTERNAL);
    CHECK_INT(cl_err_from_wire(CL_STR("")), CL_ERR_INTERNAL);
    CHECK_INT(cl_err_from_wire(CL_STR("OK")), CL_ERR_INTERNAL);
}

TEST(only_ok_is_a_success)
{
    CHECK_INT(cl_err_http(CL_OK), 200);
    CHECK_INT(cl_err_exit(CL_OK), 0);
    for (unsigned i = CL_OK + 1; i < CL_ERR_COUNT; i++) {
        CHECK(cl_err_http((enum cl_err)i) >= 400 && cl_err_http((enum cl_err)i) < 600);
        CHECK(cl_err_exit((enum cl_err)i) > 0 && cl_err_exit((enum cl_err)i) < 64);
    }
}

TEST(rows_are_read_by_their_columns)
{
    CHECK_STR(cl_str_z(cl_err_wire(CL_ERR_INBOX_FULL)), CL_STR("inbox_full"));
    CHECK_INT(cl_err_http(CL_ERR_INBOX_FULL), 429);
    CHECK_INT(cl_err_exit(CL_ERR_INBOX_FULL), 6);
    CHECK(cl_err_retry_helps(CL_ERR_INBOX_FULL));
    CHECK(!cl_err_retry_helps(CL_ERR_MALFORMED));
}

TEST(a_reason_is_written_and_the_error_given_back)
{
    struct cl_why why = {"before"};
    CHECK_INT(cl_fail(CL_ERR_TOO_LARGE, &why, "body of %d bytes", 7), CL_ERR_TOO_LARGE);
    CHECK_STR(cl_str_z(why.text), CL_STR("body of 7 bytes"));
    CHECK_INT(cl_fail(CL_ERR_NO_AGENT, NULL, "nobody reads this"), CL_ERR_NO_AGENT);
}

TEST(a_long_reason_is_cut_and_terminated)
{
    struct cl_why why;
    memset(&why, 'x', sizeof why);
    CHECK_INT(cl_fail(CL_ERR_IO, &why, "%0500d", 0), CL_ERR_IO);
    CHECK_INT(strlen(why.text), CL_WHY_CAP - 1);
}
