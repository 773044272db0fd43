// SPDX-License-Identifier: MIT
#include "base/pool.h"

#include <stdbool.h>

#include "base/alloc.h"
#include "base/limits.h"

/* Sizes are rounded up to multiples of this. */
#define STEP    64
#define CLASSES (CL_POOL_BLOCK_BYTES_MAX / STEP)

struct spare {
    struct spare *next;
};

static _Thread_local struct spare *spares[CLASSES];
static _Thread_local size_t kept; // bytes in all of them

static struct spare **
spares_for(size_t size)
{
    return &spares[(size - 1) / STEP];
}

static bool
is_pooled(size_t size)
{
    return CL_POOL_KEEPS && size > 0 && size <= CL_POOL_BLOCK_BYTES_MAX;
}

static size_t
rounded(size_t size)
{
    return (size + STEP - 1) / STEP * STEP;
}

void *
cl_pool_get(size_t size)
{
    if (!is_pooled(size))
        return cl_alloc_raw(size);
    struct spare **list = spares_for(size);
    struct spare *spare = *list;
    if (spare == NULL)
        return cl_alloc_raw(rounded(size));
    if (!cl_alloc_is_allowed())
        return NULL;
    *list = spare->next;
    __builtin_prefetch(spare->next, 1); // its first line is wanted next, and was left long ago
    kept -= rounded(size);
    return spare;
}

void
cl_pool_put(void *block, size_t size)
{
    if (block == NULL)
        return;
    if (!is_pooled(size) || kept + rounded(size) > CL_POOL_KEPT_BYTES) {
        cl_free(block);
        return;
    }
    struct spare **list = spares_for(size);
    struct spare *spare = block;
    spare->next = *list;
    *list = spare;
    kept += rounded(size);
}

void
cl_pool_clear(void)
{
    for (size_t i = 0; i < CLASSES; i++) {
        struct spare *next;
        for (struct spare *spare = spares[i]; spare != NULL; spare = next) {
            next = spare->next;
            cl_free(spare);
        }
        spares[i] = NULL;
    }
    kept = 0;
}
