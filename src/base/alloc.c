// SPDX-License-Identifier: MIT
#include "base/alloc.h"

#include <stdlib.h>

#include "base/assert.h"

static cl_alloc_hook_fn *alloc_hook;

void
cl_alloc_set_hook(cl_alloc_hook_fn *hook)
{
    alloc_hook = hook;
}

static bool
may_allocate(void)
{
    return alloc_hook == NULL || alloc_hook();
}

void *
cl_alloc(size_t size)
{
    return may_allocate() ? calloc(1, size == 0 ? 1 : size) : NULL;
}

void *
cl_realloc(void *block, size_t size)
{
    return may_allocate() ? realloc(block, size == 0 ? 1 : size) : NULL;
}

void
cl_free(void *block)
{
    free(block);
}

void *
cl_alloc_or_die(size_t size)
{
    void *block = cl_alloc(size);
    CL_ASSERT(block != NULL);
    return block;
}

void *
cl_realloc_or_die(void *block, size_t size)
{
    void *grown = cl_realloc(block, size);
    CL_ASSERT(grown != NULL);
    return grown;
}
