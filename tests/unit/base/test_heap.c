// SPDX-License-Identifier: MIT
#include "base/heap.h"

#include "support/fault.h"
#include "support/rng.h"
#include "support/test.h"

TEST(an_empty_heap_has_no_first)
{
    struct cl_heap heap = {0};
    struct cl_heap_node node = {0};
    CHECK(cl_heap_first(&heap) == NULL);
    cl_heap_remove(&heap, &node);
    cl_heap_done(&heap);
}

TEST(nodes_come_out_by_key_then_by_tie_whatever_happened_before)
{
    struct cl_heap heap = {0};
    struct cl_heap_node nodes[200] = {0};
    struct rng random = {1};
    for (unsigned i = 0; i < 200; i++)
        nodes[i].tie = i;
    for (unsigned step = 0; step < 5000; step++) {
        struct cl_heap_node *node = &nodes[rng_below(&random, 200)];
        if (rng_below(&random, 4) == 0)
            cl_heap_remove(&heap, node);
        else
            CHECK_OK(cl_heap_set(&heap, node, (int64_t)rng_below(&random, 50)));
    }
    const struct cl_heap_node *last = NULL;
    struct cl_heap_node *first;
    uint32_t left = heap.len;
    CHECK(left > 50);
    while ((first = cl_heap_first(&heap)) != NULL) {
        if (last != NULL)
            CHECK(last->key < first->key || (last->key == first->key && last->tie < first->tie));
        cl_heap_remove(&heap, first);
        CHECK_INT(first->place, 0);
        CHECK_INT(heap.len, --left);
        last = first;
    }
    cl_heap_done(&heap);
}

TEST(a_node_moves_to_its_new_key)
{
    struct cl_heap heap = {0};
    struct cl_heap_node a = {.tie = 1};
    struct cl_heap_node b = {.tie = 2};
    CHECK_OK(cl_heap_set(&heap, &a, 5));
    CHECK_OK(cl_heap_set(&heap, &b, 7));
    CHECK(cl_heap_first(&heap) == &a);
    CHECK_OK(cl_heap_set(&heap, &a, 9));
    CHECK(cl_heap_first(&heap) == &b);
    CHECK_OK(cl_heap_set(&heap, &a, -9));
    CHECK(cl_heap_first(&heap) == &a);
    CHECK_INT(heap.len, 2);
    cl_heap_done(&heap);
}

TEST(without_memory_a_node_stays_out)
{
    FOR_EACH_FAULT
    {
        struct cl_heap heap = {0};
        struct cl_heap_node node = {0};
        enum cl_err err = cl_heap_set(&heap, &node, 1);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        CHECK_INT(heap.len, fault_happened() ? 0 : 1);
        CHECK_INT(node.place, fault_happened() ? 0 : 1);
        cl_heap_done(&heap);
    }
}
