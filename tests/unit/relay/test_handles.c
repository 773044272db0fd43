// SPDX-License-Identifier: MIT
#include "relay/handles.h"

#include "support/fault.h"
#include "support/test.h"

TEST(a_handle_leads_to_its_object)
{
    struct cl_handles handles;
    uint64_t first = 0, second = 0;
    int a, b;
    cl_handles_init(&handles);
    CHECK_OK(cl_handles_add(&handles, &a, &first));
    CHECK_OK(cl_handles_add(&handles, &b, &second));
    CHECK(first != 0 && second != 0 && first != second);
    CHECK(cl_handles_get(&handles, first) == &a);
    CHECK(cl_handles_get(&handles, second) == &b);
    CHECK(first >> CL_HANDLE_BITS == 0);
    cl_handles_done(&handles);
}

TEST(a_removed_handle_is_gone_also_after_its_slot_is_used_again)
{
    struct cl_handles handles;
    uint64_t old = 0, fresh = 0;
    int a, b;
    cl_handles_init(&handles);
    CHECK_OK(cl_handles_add(&handles, &a, &old));
    cl_handles_remove(&handles, old);
    CHECK(cl_handles_get(&handles, old) == NULL);
    CHECK_OK(cl_handles_add(&handles, &b, &fresh));
    CHECK(cl_handles_get(&handles, old) == NULL);
    cl_handles_remove(&handles, old);
    CHECK(cl_handles_get(&handles, fresh) == &b);
    cl_handles_done(&handles);
}

TEST(unknown_numbers_lead_nowhere)
{
    struct cl_handles handles;
    cl_handles_init(&handles);
    CHECK(cl_handles_get(&handles, 0) == NULL);
    CHECK(cl_handles_get(&handles, UINT64_MAX) == NULL);
    cl_handles_remove(&handles, 12345);
    cl_handles_done(&handles);
}

TEST(many_handles_stay_apart)
{
    enum { COUNT = 1000 };
    struct cl_handles handles;
    static uint64_t numbers[COUNT];
    static int objects[COUNT];
    cl_handles_init(&handles);
    for (int i = 0; i < COUNT; i++)
        CHECK_OK(cl_handles_add(&handles, &objects[i], &numbers[i]));
    for (int i = 0; i < COUNT; i += 2)
        cl_handles_remove(&handles, numbers[i]);
    for (int i = 0; i < COUNT; i++)
        CHECK(cl_handles_get(&handles, numbers[i]) == (i % 2 == 0 ? NULL : &objects[i]));
    cl_handles_done(&handles);
}

TEST(without_memory_nothing_is_added)
{
    FOR_EACH_FAULT
    {
        struct cl_handles handles;
        uint64_t handle = 7;
        int object;
        cl_handles_init(&handles);
        enum cl_err err = cl_handles_add(&handles, &object, &handle);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        CHECK((handle == 7) == fault_happened());
        cl_handles_done(&handles);
    }
}
