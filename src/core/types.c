// SPDX-License-Identifier: MIT
#include "core/types.h"

#include <string.h>

bool
cl_id_eq(cl_id a, cl_id b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

bool
cl_id_is_none(cl_id id)
{
    return cl_id_eq(id, (cl_id){{0}});
}
