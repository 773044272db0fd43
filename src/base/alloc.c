// SPDX-License-Identifier: MIT
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* glibc hands out blocks of up to so many bytes from a cache of the thread, but not by calloc. */
#define CACHED_BYTES_MAX 1024

static cl_alloc_hook_fn *alloc_hook;

void
cl_alloc_set_hook(cl_alloc_hook_fn *hook)
{
    alloc_hook = hook;
}

bool
cl_alloc_is_allowed(void)
{
    return alloc_hook == NULL || alloc_hook();
}

void *
cl_alloc(size_t size)
{
    if (!cl_alloc_is_allowed())
        return NULL;
    if (size > CACHED_BYTES_MAX)
        return calloc(1, size);
    void *block = malloc(size == 0 ? 1 : size);
    return block == NULL ? NULL : memset(block, 0, size);
}

void *
cl_alloc_raw(size_t size)
{
    return cl_alloc_is_allowed() ? malloc(size == 0 ? 1 : size) : NULL;
}

void *
cl_realloc(void *block, size_t size)
{
    return cl_alloc_is_allowed() ? realloc(block, size == 0 ? 1 : size) : NULL;
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
