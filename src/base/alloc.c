// SPDX-License-Identifier: MIT
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#ifdef __APPLE__
#include <malloc/malloc.h>
#define malloc_usable_size malloc_size
#else
#include <malloc.h>
#endif

#include "base/assert.h"
#include "base/guest.h"

/* glibc hands out blocks of up to so many bytes from a cache of the thread, but not by calloc. */
#define CACHED_BYTES_MAX 1024

static cl_alloc_hook_fn *alloc_hook;
static atomic_bool wipes;

void
cl_alloc_set_wiping(bool is_wiping)
{
    atomic_store_explicit(&wipes, is_wiping, memory_order_relaxed);
}

bool
cl_alloc_is_wiping(void)
{
    return atomic_load_explicit(&wipes, memory_order_relaxed);
}

static void
wipe(void *block)
{
    if (block == NULL)
        return;
    memset(block, 0, malloc_usable_size(block));
    __asm__ volatile("" : : "r"(block) : "memory"); // else the compiler sees that nobody reads it
}

/* realloc may move, and leave a copy. */
static void *
realloc_wiping(void *block, size_t size)
{
    size_t before = block == NULL ? 0 : malloc_usable_size(block);
    void *fresh = malloc(size);
    if (fresh == NULL || block == NULL)
        return fresh;
    memcpy(fresh, block, before < size ? before : size);
    wipe(block);
    free(block);
    return fresh;
}

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

/* What the guest's function gives or takes. */
static void *
ask_host(void *block, size_t size)
{
    return cl_guest_now->memory(cl_guest_now->memory_ctx, block, size);
}

void *
cl_alloc(size_t size)
{
    if (!cl_alloc_is_allowed())
        return NULL;
    if (cl_guest_now != NULL) {
        void *given = ask_host(NULL, size == 0 ? 1 : size);
        return given == NULL ? NULL : memset(given, 0, size);
    }
    if (size > CACHED_BYTES_MAX)
        return calloc(1, size);
    void *block = malloc(size == 0 ? 1 : size);
    return block == NULL ? NULL : memset(block, 0, size);
}

void *
cl_alloc_raw(size_t size)
{
    if (!cl_alloc_is_allowed())
        return NULL;
    if (cl_guest_now != NULL)
        return ask_host(NULL, size == 0 ? 1 : size);
    return malloc(size == 0 ? 1 : size);
}

void *
cl_realloc(void *block, size_t size)
{
    if (!cl_alloc_is_allowed())
        return NULL;
    if (cl_guest_now != NULL)
        return ask_host(block, size == 0 ? 1 : size);
    if (cl_alloc_is_wiping())
        return realloc_wiping(block, size == 0 ? 1 : size);
    return realloc(block, size == 0 ? 1 : size);
}

void
cl_free(void *block)
{
    if (cl_guest_now != NULL) {
        if (block != NULL)
            (void)ask_host(block, 0);
        return;
    }
    if (cl_alloc_is_wiping())
        wipe(block);
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
