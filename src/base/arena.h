// SPDX-License-Identifier: MIT
/*
 * base/arena.h - memory of one request: allocate, never free, drop all at once.
 *
 * An arena has a cap. Past it the answer is NULL, exactly as without memory, so that "over
 * the limit" and "out of memory" are one tested path.
 */
#ifndef CL_BASE_ARENA_H
#define CL_BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

struct cl_arena_block;

struct cl_arena {
    struct cl_arena_block *newest; // blocks, newest first
    size_t used;                   // bytes handed out, with alignment
    size_t max;
};

void cl_arena_init(struct cl_arena *arena, size_t max);
/* Frees all that was allocated. The arena may be used again. */
void cl_arena_done(struct cl_arena *arena);
/* As cl_arena_done, but keeps a small block for the next request: one that asks for little then
 * allocates nothing. */
void cl_arena_clear(struct cl_arena *arena);
/* Zeroed, aligned for any type; NULL past the cap or without memory. */
void *cl_arena_alloc(struct cl_arena *arena, size_t size);
/* A copy of s in *ret_copy. */
bool cl_arena_copy(struct cl_arena *arena, cl_str s, cl_str *ret_copy);

#endif
