// SPDX-License-Identifier: MIT
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/guest.h"

void
cl_assert_failed(const char *file, int line, const char *condition)
{
    cl_guest_fail(file, line, condition);
    (void)fprintf(stderr, "bug at %s:%d: %s\n", file, line, condition);
    abort();
}
