// SPDX-License-Identifier: MIT
#include "base/guest.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

CL_THREAD_WORD struct cl_guest *cl_guest_now;

/* Where cl_guest_fail goes. */
static _Thread_local jmp_buf *way_out;

void *
cl_guest_process_memory(void *ctx, void *block, size_t size)
{
    (void)ctx;
    if (size > 0)
        return realloc(block, size);
    free(block);
    return NULL;
}

bool
cl_guest_run(struct cl_guest *guest, void (*fn)(void *ctx), void *ctx)
{
    struct cl_guest *outer_guest = cl_guest_now;
    jmp_buf *outer_way = way_out;
    jmp_buf way;
    bool is_well = setjmp(way) == 0; // NOLINT(cert-err52-cpp): this is C
    if (is_well) {
        cl_guest_now = guest;
        way_out = &way;
        fn(ctx);
    }
    cl_guest_now = outer_guest;
    way_out = outer_way;
    return is_well;
}

void
cl_guest_fail(const char *file, int line, const char *condition)
{
    struct cl_guest *guest = cl_guest_now;
    if (guest == NULL)
        return;
    (void)snprintf(guest->bug, sizeof guest->bug, "%s:%d: %s", file, line, condition); // cut
    longjmp(*way_out, 1); // NOLINT(cert-err52-cpp): this is C
}
