// SPDX-License-Identifier: MIT
#include "base/heap.h"

#include "base/alloc.h"
#include "base/assert.h"

#define FIRST_CAP 16

static bool
is_before(const struct cl_heap_node *a, const struct cl_heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static void
put_at(struct cl_heap *heap, uint32_t index, struct cl_heap_node *node)
{
    heap->nodes[index] = node;
    node->place = index + 1;
}

/* Moves the node at index to where it belongs. */
static void
sift(struct cl_heap *heap, uint32_t index)
{
    struct cl_heap_node *node = heap->nodes[index];
    while (index > 0 && is_before(node, heap->nodes[(index - 1) / 2])) {
        put_at(heap, index, heap->nodes[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * index + 1;
        if (child + 1 < heap->len && is_before(heap->nodes[child + 1], heap->nodes[child]))
            child++;
        if (child >= heap->len || !is_before(heap->nodes[child], node))
            break;
        put_at(heap, index, heap->nodes[child]);
        index = child;
    }
    put_at(heap, index, node);
}

void
cl_heap_done(struct cl_heap *heap)
{
    cl_free(heap->nodes);
    *heap = (struct cl_heap){0};
}

struct cl_heap_node *
cl_heap_first(const struct cl_heap *heap)
{
    return heap->len == 0 ? NULL : heap->nodes[0];
}

enum cl_err
cl_heap_set(struct cl_heap *heap, struct cl_heap_node *node, int64_t key)
{
    if (node->place == 0) {
        if (heap->len == heap->cap) {
            CL_ASSERT(heap->cap <= UINT32_MAX / 4);
            uint32_t cap = heap->cap == 0 ? FIRST_CAP : heap->cap * 2;
            struct cl_heap_node **nodes = cl_realloc(heap->nodes, cap * sizeof *nodes);
            if (nodes == NULL)
                return CL_ERR_NO_MEMORY;
            heap->nodes = nodes;
            heap->cap = cap;
        }
        put_at(heap, heap->len++, node);
    }
    node->key = key;
    sift(heap, node->place - 1);
    return CL_OK;
}

void
cl_heap_remove(struct cl_heap *heap, struct cl_heap_node *node)
{
    if (node->place == 0)
        return;
    uint32_t index = node->place - 1;
    CL_ASSERT(heap->nodes[index] == node);
    struct cl_heap_node *last = heap->nodes[--heap->len];
    node->place = 0;
    if (last != node) {
        put_at(heap, index, last);
        sift(heap, index);
    }
}
