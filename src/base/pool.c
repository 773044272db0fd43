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

struct pool {
    size_t kept; // bytes in all spares
    size_t top;  // no class above it has a spare
    struct spare *spares[CLASSES];
};

static CL_THREAD_WORD struct pool *pool; // NULL until something waits

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
    if (pool == NULL || pool->spares[class_of(size)] == NULL)
        return cl_alloc_raw(rounded(size));
    if (!cl_alloc_is_allowed())
        return NULL;
    struct spare **list = &pool->spares[class_of(size)];
    struct spare *spare = *list;
    *list = spare->next;
    __builtin_prefetch(spare->next, 1); // its first line is wanted next, and was left long ago
    pool->kept -= rounded(size);
    return spare;
}

/* Larger spares give way. False: there are none, and all that may be kept is. */
static bool
make_room(size_t size)
{
    while (pool->kept + rounded(size) > CL_POOL_KEPT_BYTES && pool->top > class_of(size)) {
        struct spare *spare = pool->spares[pool->top];
        if (spare == NULL) {
            pool->top--;
            continue;
        }
        pool->spares[pool->top] = spare->next;
        pool->kept -= (pool->top + 1) * STEP;
        cl_free(spare);
    }
    return pool->kept + rounded(size) <= CL_POOL_KEPT_BYTES;
}

static inline void
keep(void *block, size_t size)
{
    struct spare **list = &pool->spares[class_of(size)];
    struct spare *spare = block;
    spare->next = *list;
    *list = spare;
    pool->kept += rounded(size);
    if (pool->top < class_of(size))
        pool->top = class_of(size);
}

/* Apart: with its calls inside, each block given back would save registers for them. */
static __attribute__((noinline)) void
put_rarely(void *block, size_t size)
{
    if (pool == NULL)
        pool = cl_alloc(sizeof *pool);
    if (pool == NULL || !make_room(size)) {
        cl_free(block);
        return;
    }
    if (cl_alloc_is_wiping())
        memset(block, 0, rounded(size));
    keep(block, size);
}

void
cl_pool_put(void *block, size_t size)
{
    if (block == NULL)
        return;
    if (!is_pooled(size))
        cl_free(block);
    else if (pool == NULL || pool->kept + rounded(size) > CL_POOL_KEPT_BYTES ||
             cl_alloc_is_wiping())
        put_rarely(block, size);
    else
        keep(block, size);
}

void
cl_pool_clear(void)
{
    if (pool == NULL)
        return;
    for (size_t i = 0; i < CLASSES; i++) {
        struct spare *next;
        for (struct spare *spare = pool->spares[i]; spare != NULL; spare = next) {
            next = spare->next;
            cl_free(spare);
        }
    }
    cl_free(pool);
    pool = NULL;
}
