// SPDX-License-Identifier: MIT
#include "base/list.h"

#include "support/test.h"

struct item {
    int before; // so that the link does not lie at the start
    struct cl_link link;
};

static struct cl_list list;
static struct item items[4];

static void
begin(void)
{
    cl_list_init(&list);
    for (int i = 0; i < 4; i++) {
        items[i].before = i;
        cl_link_init(&items[i].link);
    }
}

/* The numbers of the items, forwards, as a decimal number: 1, 2, 3 is 123. */
static int
read_list(void)
{
    int digits = 0;
    CL_LIST_EACH(&list, at)
    digits = digits * 10 + CL_LIST_ENTRY(at, struct item, link)->before;
    return digits;
}

static int
read_backwards(void)
{
    int digits = 0;
    for (struct cl_link *at = list.head.prev; at != &list.head; at = at->prev)
        digits = digits * 10 + CL_LIST_ENTRY(at, struct item, link)->before;
    return digits;
}

TEST(an_empty_list_has_no_ends)
{
    begin();
    CHECK(cl_list_is_empty(&list));
    CHECK(cl_list_first(&list) == NULL);
    CHECK(cl_list_last(&list) == NULL);
    CHECK_INT(read_list(), 0);
}

TEST(appending_and_prepending_keep_their_order)
{
    begin();
    cl_list_append(&list, &items[2].link);
    cl_list_append(&list, &items[3].link);
    cl_list_prepend(&list, &items[1].link);
    CHECK_INT(read_list(), 123);
    CHECK_INT(read_backwards(), 321);
    CHECK(!cl_list_is_empty(&list));
    CHECK(cl_list_first(&list) == &items[1].link);
    CHECK(cl_list_last(&list) == &items[3].link);
}

TEST(removing_works_anywhere_and_twice)
{
    begin();
    for (int i = 1; i < 4; i++)
        cl_list_append(&list, &items[i].link);
    CHECK(cl_link_is_linked(&items[2].link));
    cl_list_remove(&items[2].link);
    CHECK(!cl_link_is_linked(&items[2].link));
    cl_list_remove(&items[2].link);
    CHECK_INT(read_list(), 13);
    CHECK_INT(read_backwards(), 31);
    cl_list_remove(&items[1].link);
    cl_list_remove(&items[3].link);
    CHECK(cl_list_is_empty(&list));
    cl_list_append(&list, &items[2].link);
    CHECK_INT(read_list(), 2);
}

TEST(a_walk_may_remove_what_it_stands_on)
{
    begin();
    for (int i = 0; i < 4; i++)
        cl_list_append(&list, &items[i].link);
    int seen = 0;
    CL_LIST_EACH(&list, at)
    {
        seen++;
        if (CL_LIST_ENTRY(at, struct item, link)->before % 2 == 0)
            cl_list_remove(at);
    }
    CHECK_INT(seen, 4);
    CHECK_INT(read_list(), 13);
}

TEST(a_splice_moves_all_elements_behind_the_others)
{
    struct cl_list other;
    begin();
    cl_list_init(&other);
    cl_list_splice(&list, &other);
    CHECK(cl_list_is_empty(&list));
    cl_list_append(&other, &items[1].link);
    cl_list_append(&other, &items[2].link);
    cl_list_splice(&list, &other);
    CHECK(cl_list_is_empty(&other));
    CHECK_INT(read_list(), 12);
    cl_list_append(&other, &items[3].link);
    cl_list_splice(&list, &other);
    CHECK_INT(read_list(), 123);
    CHECK_INT(read_backwards(), 321);
}

/* Two lists in one struct, walked and emptied in one loop: gcc 12 -O3 walked what was gone. */
struct mover {
    uint64_t turns;
    struct cl_list waiting, done;
    uint64_t waiting_len;
};

struct timed {
    struct cl_link link;
    uint64_t due;
    char bytes[1];
};

static unsigned walked;

__attribute__((noinline)) static int
walk(const char *bytes)
{
    walked++;
    return bytes == NULL;
}

static uint64_t
count_due(struct mover *mover)
{
    uint64_t len = 0;
    CL_LIST_EACH(&mover->waiting, at)
    {
        const struct timed *timed = CL_LIST_ENTRY(at, struct timed, link);
        if (timed->due > mover->turns || walk(timed->bytes) != 0)
            break;
        len++;
    }
    return len;
}

static void
move_first(struct mover *mover, uint64_t len, struct cl_list *to)
{
    for (; len > 0; len--) {
        struct cl_link *first = cl_list_first(&mover->waiting);
        cl_list_remove(first);
        cl_list_append(to, first);
        mover->waiting_len--;
    }
}

__attribute__((noinline)) static void
take_turn(struct cl_link *inside)
{
    struct mover *mover = CL_LIST_ENTRY(inside, struct mover, waiting);
    uint64_t len;
    mover->turns++;
    while ((len = count_due(mover)) > 0)
        move_first(mover, len, &mover->done);
}

TEST(what_was_taken_out_in_a_loop_is_not_walked_again)
{
    struct mover mover = {.waiting_len = 3};
    struct timed timed[3] = {{.due = 1}, {.due = 1}, {.due = 2}};
    cl_list_init(&mover.waiting);
    cl_list_init(&mover.done);
    for (unsigned i = 0; i < 3; i++)
        cl_list_append(&mover.waiting, &timed[i].link);
    take_turn(&mover.waiting.head);
    CHECK_INT(walked, 2);
    CHECK_INT(mover.waiting_len, 1);
}
