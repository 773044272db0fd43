// SPDX-License-Identifier: MIT
#include "core/types.h"

bool
cl_id_eq(cl_id a, cl_id b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

const char *
cl_cause_text(enum cl_cause cause)
{
    static const char *const texts[] = {[CL_CAUSE_NONE] = "",
                                        [CL_CAUSE_EXPIRED] = "expired",
                                        [CL_CAUSE_REFUSED] = "refused",
                                        [CL_CAUSE_ATTEMPTS] = "attempts",
                                        [CL_CAUSE_UNCLAIMED] = "unclaimed"};
    return cause < CL_CAUSE_COUNT ? texts[cause] : "";
}

bool
cl_ranges_are_apart(cl_ranges ranges)
{
    for (uint32_t i = 1; i < ranges.len; i++)
        for (uint32_t j = 0; j < i; j++) {
            const struct cl_range *a = &ranges.ptr[i], *b = &ranges.ptr[j];
            if (a->priority == b->priority && a->first <= b->last && b->first <= a->last)
                return false;
        }
    return true;
}
