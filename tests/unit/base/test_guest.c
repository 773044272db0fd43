// SPDX-License-Identifier: MIT
#include "base/guest.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/pool.h"
#include "base/random.h"
#include "support/test.h"

/* A memory that counts what is out. */
struct memory {
    long blocks;
    bool is_empty;
};

static void *
memory_fn(void *ctx, void *block, size_t size)
{
    struct memory *memory = ctx;
    if (size > 0 && memory->is_empty)
        return NULL;
    memory->blocks += size == 0 ? -(block != NULL) : block == NULL;
    return cl_guest_process_memory(NULL, block, size);
}

struct work {
    struct memory memory;
    struct cl_guest guest;
    void *kept;
    unsigned steps;
};

static struct work
work_new(void)
{
    struct work work = {.steps = 0};
    work.guest.memory = memory_fn;
    return work;
}

static void
allocate(void *ctx)
{
    struct work *work = ctx;
    char *zeroed = cl_alloc(100), *raw = cl_alloc_raw(0);
    CHECK(zeroed != NULL && raw != NULL && work->memory.blocks == 2);
    CHECK(zeroed[0] == 0 && zeroed[99] == 0);
    zeroed = cl_realloc(zeroed, 5000);
    CHECK(zeroed != NULL && zeroed[99] == 0 && work->memory.blocks == 2);
    work->memory.is_empty = true;
    CHECK(cl_alloc(1) == NULL && cl_alloc_raw(1) == NULL && cl_realloc(zeroed, 6000) == NULL);
    work->memory.is_empty = false;
    cl_free(zeroed);
    cl_free(raw);
    cl_free(NULL);
    CHECK_INT(work->memory.blocks, 0);
}

TEST(a_guest_has_the_memory_that_it_was_given)
{
    struct work work = work_new();
    work.guest.memory_ctx = &work.memory;
    CHECK(cl_guest_run(&work.guest, allocate, &work));
    void *ours = cl_alloc(10);
    CHECK_INT(work.memory.blocks, 0);
    cl_free(ours);
}

static void
pool(void *ctx)
{
    struct work *work = ctx;
    void *block = cl_pool_get(100);
    CHECK_INT(work->memory.blocks, 1);
    cl_pool_put(block, 100);
    CHECK_INT(work->memory.blocks, 0); // it does not wait in the thread for somebody else
}

TEST(nothing_of_a_guest_waits_in_the_threads_pools)
{
    struct work work = work_new();
    work.guest.memory_ctx = &work.memory;
    void *ours = cl_pool_get(100);
    cl_pool_put(ours, 100); // neither does a guest get what waits there
    CHECK(cl_guest_run(&work.guest, pool, &work));
    cl_pool_clear();
}

static void
stumble(void *ctx)
{
    struct work *work = ctx;
    work->steps++;
    CL_ASSERT(work->steps != 1);
    work->steps++;
}

TEST(an_assertion_ends_the_guests_run_alone)
{
    struct work work = work_new();
    CHECK(!cl_guest_run(&work.guest, stumble, &work));
    CHECK_INT(work.steps, 1);
    CHECK(strstr(work.guest.bug, "work->steps != 1") != NULL);
    CHECK(strstr(work.guest.bug, "test_guest.c:") != NULL);
    CHECK(cl_guest_now == NULL);
    CHECK(cl_guest_run(&work.guest, stumble, &work));
    CHECK_INT(work.steps, 3);
}

static void
run_inner(void *ctx)
{
    struct work *outer = ctx, inner = work_new();
    CHECK(!cl_guest_run(&inner.guest, stumble, &inner));
    CHECK(cl_guest_now == &outer->guest);
    outer->steps = 7;
}

TEST(a_run_within_a_run_ends_by_itself)
{
    struct work work = work_new();
    CHECK(cl_guest_run(&work.guest, run_inner, &work));
    CHECK_INT(work.steps, 7);
    CHECK_STR(cl_str_z(work.guest.bug), CL_STR(""));
}

static void
draw(void *ctx)
{
    cl_random_bytes(ctx, 32);
}

TEST(a_guest_has_randomness_too)
{
    static const uint8_t zeros[32];
    struct work work = work_new();
    uint8_t first[32] = {0}, second[32] = {0};
    CHECK(cl_guest_run(&work.guest, draw, first) && cl_guest_run(&work.guest, draw, second));
    CHECK(memcmp(first, second, sizeof first) != 0 && memcmp(first, zeros, sizeof first) != 0);
}
