// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

#include "base/alloc.h"

/* A block is at least this large, so that small requests cost one allocation. */
#define BLOCK_MIN 1024

struct cl_arena_block {
    struct cl_arena_block *older;
    size_t used;
    size_t cap;
    alignas(max_align_t) char bytes[];
};

void
cl_arena_init(struct cl_arena *arena, size_t max)
{
    *arena = (struct cl_arena){.max = max};
}

void
cl_arena_done(struct cl_arena *arena)
{
    while (arena->newest != NULL) {
        struct cl_arena_block *older = arena->newest->older;
        cl_free(arena->newest);
        arena->newest = older;
    }
    arena->used = 0;
}

void
cl_arena_clear(struct cl_arena *arena)
{
    struct cl_arena_block *block = arena->newest;
    while (block != NULL && (block->older != NULL || block->cap > BLOCK_MIN)) {
        arena->newest = block->older;
        cl_free(block);
        block = arena->newest;
    }
    if (block != NULL) {
        memset(block->bytes, 0, block->used); // pieces are handed out zeroed
        block->used = 0;
    }
    arena->used = 0;
}

static struct cl_arena_block *
block_with_room(struct cl_arena *arena, size_t size)
{
    struct cl_arena_block *block = arena->newest;
    if (block != NULL && size <= block->cap - block->used)
        return block;
    size_t cap = size < BLOCK_MIN ? BLOCK_MIN : size;
    block = cap > SIZE_MAX - sizeof *block ? NULL : cl_alloc(sizeof *block + cap);
    if (block == NULL)
        return NULL;
    block->cap = cap;
    block->older = arena->newest;
    arena->newest = block;
    return block;
}

void *
cl_arena_alloc(struct cl_arena *arena, size_t size)
{
    size_t align = alignof(max_align_t);
    if (size == 0)
        size = 1;
    size_t left = arena->max - arena->used;
    if (size > left)
        return NULL;
    size_t padding = (align - size % align) % align;
    size = padding < left - size ? size + padding : left; // the last piece may end unaligned
    struct cl_arena_block *block = block_with_room(arena, size);
    if (block == NULL)
        return NULL;
    void *piece = block->bytes + block->used;
    block->used += size;
    arena->used += size;
    return piece;
}

bool
cl_arena_copy(struct cl_arena *arena, cl_str s, cl_str *ret_copy)
{
    char *copy = cl_arena_alloc(arena, s.len);
    if (copy == NULL)
        return false;
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    *ret_copy = cl_str_of(copy, s.len);
    return true;
}
