// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

#include "support/fault.h"
#include "support/test.h"

static bool
is_zero(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

TEST(pieces_are_zeroed_aligned_and_apart)
{
    struct cl_arena arena;
    char *pieces[200];
    cl_arena_init(&arena, 1u << 20);
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = cl_arena_alloc(&arena, i * 7);
        CHECK(pieces[i] != NULL);
        CHECK_INT((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        CHECK(is_zero(pieces[i], i * 7));
        memset(pieces[i], (int)(i + 1), i * 7);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < i * 7; j++)
            CHECK_INT((unsigned char)pieces[i][j], i + 1);
    cl_arena_done(&arena);
}

TEST(the_cap_is_reached_exactly_and_never_passed)
{
    struct cl_arena arena;
    cl_arena_init(&arena, 100);
    CHECK(cl_arena_alloc(&arena, 101) == NULL);
    CHECK(cl_arena_alloc(&arena, 90) != NULL);
    CHECK(cl_arena_alloc(&arena, 5) == NULL || arena.used <= 100);
    cl_arena_done(&arena);

    CHECK(cl_arena_alloc(&arena, 100) != NULL);
    CHECK_INT(arena.used, 100);
    CHECK(cl_arena_alloc(&arena, 0) == NULL);
    CHECK(cl_arena_alloc(&arena, 1) == NULL);
    cl_arena_done(&arena);
}

TEST(sizes_that_would_wrap_around_are_refused)
{
    struct cl_arena arena;
    cl_arena_init(&arena, SIZE_MAX);
    for (size_t i = 0; i < 16; i++)
        CHECK(cl_arena_alloc(&arena, SIZE_MAX - i) == NULL);
    CHECK_INT(arena.used, 0);
    CHECK(cl_arena_alloc(&arena, 1) != NULL);
    cl_arena_done(&arena);
}

TEST(done_gives_all_back_and_the_arena_may_be_used_again)
{
    struct cl_arena arena;
    cl_arena_init(&arena, 4000);
    for (unsigned round = 0; round < 3; round++) {
        CHECK(cl_arena_alloc(&arena, 3000) != NULL);
        CHECK(cl_arena_alloc(&arena, 900) != NULL);
        CHECK(cl_arena_alloc(&arena, 3000) == NULL);
        cl_arena_done(&arena);
        CHECK_INT(arena.used, 0);
    }
}

TEST(a_copy_is_the_callers_own)
{
    struct cl_arena arena;
    char source[] = "abc";
    cl_str copy = CL_STR("untouched");
    cl_arena_init(&arena, 32);
    CHECK(cl_arena_copy(&arena, cl_str_z(source), &copy));
    source[0] = 'x';
    CHECK_STR(copy, CL_STR("abc"));
    CHECK(cl_arena_copy(&arena, cl_str_of(NULL, 0), &copy));
    CHECK_INT(copy.len, 0);
    copy = CL_STR("untouched");
    CHECK(!cl_arena_copy(&arena, CL_STR("too much for what is left"), &copy));
    CHECK_STR(copy, CL_STR("untouched"));
    cl_arena_done(&arena);
}

TEST(each_allocation_may_fail)
{
    FOR_EACH_FAULT
    {
        struct cl_arena arena;
        cl_arena_init(&arena, 1u << 20);
        bool whole = true;
        for (unsigned i = 0; i < 5; i++) {
            size_t used = arena.used;
            bool got = cl_arena_alloc(&arena, 1000) != NULL;
            whole = whole && got;
            CHECK(got || arena.used == used);
        }
        CHECK(whole == !fault_happened());
        cl_arena_done(&arena);
    }
}

TEST(a_cleared_arena_keeps_a_small_block_and_hands_out_zeros)
{
    struct cl_arena arena;
    cl_arena_init(&arena, 1 << 20);
    unsigned char *first = cl_arena_alloc(&arena, 100);
    CHECK(first != NULL);
    memset(first, 0xff, 100);
    CHECK(cl_arena_alloc(&arena, 5000) != NULL); // a block of its own
    cl_arena_clear(&arena);
    CHECK_INT(arena.used, 0);
    unsigned char *again = cl_arena_alloc(&arena, 100);
    CHECK(again == first);
    for (unsigned i = 0; i < 100; i++)
        CHECK_INT(again[i], 0);
    cl_arena_done(&arena);
}

TEST(clearing_drops_what_is_large)
{
    struct cl_arena arena;
    cl_arena_init(&arena, 1 << 20);
    CHECK(cl_arena_alloc(&arena, 5000) != NULL);
    cl_arena_clear(&arena);
    CHECK(arena.newest == NULL);
    cl_arena_clear(&arena); // nothing is fine
    CHECK_INT(arena.used, 0);
    cl_arena_done(&arena);
}
