// SPDX-License-Identifier: MIT
#include "support/fault.h"

#include "base/alloc.h"
#include "support/test.h"

static unsigned fail_at; // the allocation that fails in this round, from 1
static unsigned seen;

static bool
may_allocate(void)
{
    return ++seen != fail_at;
}

void
fault_begin(void)
{
    fail_at = 0;
}

bool
fault_happened(void)
{
    return seen >= fail_at;
}

bool
fault_next(void)
{
    cl_alloc_set_hook(NULL);
    if (fail_at > 0 && !fault_happened()) {
        CHECK(fail_at > 1); // otherwise the block allocates nothing and proves nothing
        return false;
    }
    seen = 0;
    fail_at++;
    cl_alloc_set_hook(may_allocate);
    return true;
}

void
fault_pause(void)
{
    cl_alloc_set_hook(NULL);
}

void
fault_go_on(void)
{
    cl_alloc_set_hook(may_allocate);
}
