// SPDX-License-Identifier: MIT
/*
 * base/heap.h - who comes first, through nodes inside the elements.
 *
 * Ordered by key, then by tie. With ties that differ, what comes out does not depend on the
 * history of the heap. A heap owns nothing but its table of pointers.
 */
#ifndef CL_BASE_HEAP_H
#define CL_BASE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct cl_heap_node {
    int64_t key;
    uint64_t tie;
    uint32_t place; // index + 1 in the heap; 0: in none
};

struct cl_heap {
    struct cl_heap_node **nodes;
    uint32_t len;
    uint32_t cap;
};

/* A zeroed struct is an empty heap, and a zeroed node is in none. */
void cl_heap_done(struct cl_heap *heap);
/* The least, or NULL. */
struct cl_heap_node *cl_heap_first(const struct cl_heap *heap);
/* Puts the node in, or moves it to its new key; tie stays as the caller set it before. Only
 * CL_ERR_NO_MEMORY can happen, only for a node that is not in, and then nothing changed. */
CL_MUST_CHECK enum cl_err cl_heap_set(struct cl_heap *heap, struct cl_heap_node *node, int64_t key);
/* A node that is in no heap may be removed again. */
void cl_heap_remove(struct cl_heap *heap, struct cl_heap_node *node);

#endif
