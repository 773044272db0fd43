// SPDX-License-Identifier: MIT
#include "base/pool.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/guest.h"
#include "base/limits.h"

/* Sizes are rounded up to multiples of this. */
#define STEP    64
#define CLASSES (CL_POOL_BLOCK_BYTES_MAX / STEP)

struct spare {
    struct spare *next;
};

static _Thread_local struct spare *spares[CLASSES];
static _Thread_local size_t kept; // bytes in all of them
static _Thread_local size_t top;  // no class above it has a spare

static size_t
class_of(size_t size)
{
    return (size - 1) / STEP;
}

static bool
is_pooled(size_t size)
{
    return CL_POOL_KEEPS && size > 0 && size <= CL_POOL_BLOCK_BYTES_MAX && cl_guest_now == NULL;
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
    struct spare **list = &spares[class_of(size)];
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

/* Larger spares give way. False: there are none, and all that may be kept is. */
static bool
make_room(size_t size)
{
    while (kept + rounded(size) > CL_POOL_KEPT_BYTES && top > class_of(size)) {
        struct spare *spare = spares[top];
        if (spare == NULL) {
            top--;
            continue;
        }
        spares[top] = spare->next;
        kept -= (top + 1) * STEP;
        cl_free(spare);
    }
    return kept + rounded(size) <= CL_POOL_KEPT_BYTES;
}

void
cl_pool_put(void *block, size_t size)
{
    if (block == NULL)
        return;
    bool is_kept = is_pooled(size);
    if (is_kept && kept + rounded(size) > CL_POOL_KEPT_BYTES)
        is_kept = make_room(size);
    if (!is_kept) {
        cl_free(block);
        return;
    }
    if (cl_alloc_is_wiping())
        memset(block, 0, rounded(size));
    struct spare **list = &spares[class_of(size)];
    struct spare *spare = block;
    spare->next = *list;
    *list = spare;
    kept += rounded(size);
    if (top < class_of(size))
        top = class_of(size);
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
    top = 0;
}
