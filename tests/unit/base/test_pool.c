// SPDX-License-Identifier: MIT
#include "base/pool.h"

#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "support/fault.h"
#include "support/test.h"

TEST(blocks_of_every_size_may_be_written_whole)
{
    for (size_t size = 0; size <= CL_POOL_BLOCK_BYTES_MAX + 100; size++) {
        char *block = cl_pool_get(size);
        char *other = cl_pool_get(size);
        CHECK(block != NULL && other != NULL && block != other);
        memset(block, 1, size);
        memset(other, 2, size);
        if (size > 0)
            CHECK(block[0] == 1 && block[size - 1] == 1);
        cl_pool_put(block, size);
        cl_pool_put(other, size);
    }
    cl_pool_put(NULL, 10);
}

TEST(what_was_given_back_serves_the_next_of_about_that_size)
{
    void *block = cl_pool_get(200);
    cl_pool_put(block, 200);
    void *again = cl_pool_get(220);
    void *larger = cl_pool_get(300);
    CHECK(again == block || !CL_POOL_KEEPS);
    CHECK(larger != again);
    cl_pool_put(again, 220);
    cl_pool_put(larger, 300);
}

TEST(more_than_is_kept_goes_back_to_the_system)
{
    enum { BLOCKS = CL_POOL_KEPT_BYTES / CL_POOL_BLOCK_BYTES_MAX + 10 };
    static void *blocks[BLOCKS];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < BLOCKS; i++) {
            blocks[i] = cl_pool_get(CL_POOL_BLOCK_BYTES_MAX);
            CHECK(blocks[i] != NULL);
            memset(blocks[i], round, CL_POOL_BLOCK_BYTES_MAX);
        }
        for (size_t i = 0; i < BLOCKS; i++)
            cl_pool_put(blocks[i], CL_POOL_BLOCK_BYTES_MAX);
    }
}

TEST(larger_blocks_give_way_to_smaller_ones)
{
    enum { BLOCKS = CL_POOL_KEPT_BYTES / CL_POOL_BLOCK_BYTES_MAX + 1 };
    static void *blocks[BLOCKS];
    void *small[100];
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = cl_pool_get(CL_POOL_BLOCK_BYTES_MAX);
    for (size_t i = 0; i < 100; i++)
        small[i] = cl_pool_get(200);
    for (size_t i = 0; i < BLOCKS; i++)
        cl_pool_put(blocks[i], CL_POOL_BLOCK_BYTES_MAX); // no more is kept
    for (size_t i = 0; i < 100; i++)
        cl_pool_put(small[i], 200);
    for (size_t i = 100; i-- > 0;) {
        void *again = cl_pool_get(200);
        CHECK(again == small[i] || !CL_POOL_KEEPS);
        small[i] = again;
    }
    for (size_t i = 0; i < 100; i++)
        cl_pool_put(small[i], 200);
}

TEST(a_kept_block_counts_as_an_allocation_that_may_fail)
{
    cl_pool_put(cl_pool_get(100), 100);
    FOR_EACH_FAULT
    {
        void *block = cl_pool_get(100);
        CHECK((block == NULL) == fault_happened());
        cl_pool_put(block, 100);
    }
}
