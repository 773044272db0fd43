// SPDX-License-Identifier: MIT
#include "wire/json_merge.h"

#include "support/fault.h"
#include "support/test.h"

static struct cl_buf out;

static cl_str
merge(const char *object, const struct cl_json_put *puts, size_t puts_len)
{
    cl_buf_done(&out);
    cl_buf_init(&out, 1024);
    CHECK_OK(cl_json_merge(cl_str_z(object), puts, puts_len, &out));
    return cl_buf_str(&out);
}

static const struct cl_json_put two[] = {{CL_STR_INIT("port"), CL_STR_INIT("8765")},
                                         {CL_STR_INIT("secret"), CL_STR_INIT("\"x\"")}};

TEST(a_new_object_has_its_members_in_their_order)
{
    CHECK_STR(merge("", two, 2), CL_STR("{\n  \"port\": 8765,\n  \"secret\": \"x\"\n}"));
    CHECK_STR(merge("{}", two, 1), CL_STR("{\n  \"port\": 8765\n}"));
    CHECK_STR(merge("", NULL, 0), CL_STR("{\n}"));
    cl_buf_done(&out);
}

TEST(what_is_not_named_stays_as_it_stands)
{
    CHECK_STR(merge("{\"a\\u0062\":[1, {\"port\":2}],\"secret\":{\"y\":1.50e3},\"\":null}", two, 2),
              CL_STR("{\n  \"a\\u0062\": [1, {\"port\":2}],\n  \"secret\": \"x\",\n  \"\": null,\n"
                     "  \"port\": 8765\n}"));
    cl_buf_done(&out);
}

TEST(a_name_with_escapes_is_the_same_name)
{
    CHECK_STR(merge("{\"por\\u0074\":1}", two, 1), CL_STR("{\n  \"por\\u0074\": 8765\n}"));
    cl_buf_done(&out);
}

TEST(the_same_twice_changes_nothing)
{
    char before[256];
    CHECK(cl_str_copy(before, sizeof before, merge("{\"b\":1,\"port\":2}", two, 2)));
    CHECK_STR(merge(before, two, 2), cl_str_z(before));
    cl_buf_done(&out);
}

TEST(without_room_it_is_an_error)
{
    cl_buf_init(&out, 20);
    CHECK_INT(cl_json_merge(CL_STR("{\"a\":1}"), two, 2, &out), CL_ERR_TOO_LARGE);
    cl_buf_done(&out);
    cl_buf_init(&out, 1024);
    FOR_EACH_FAULT
    {
        enum cl_err err = cl_json_merge(CL_STR("{\"a\":1}"), two, 2, &out);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        cl_buf_done(&out);
    }
}
