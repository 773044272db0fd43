// SPDX-License-Identifier: MIT
#include "base/until.h"

#include <stdio.h>

#include "support/test.h"

static struct cl_until table;
static struct cl_until_entry entries[4 * CL_UNTIL_WAYS];

static void
begin(uint32_t len)
{
    static const cl_hash_key key = {{1, 2, 3}};
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        entries[i] = (struct cl_until_entry){0};
    cl_until_init(&table, entries, len, &key);
}

/* The key is good until the next call. */
static cl_str
key_of(unsigned number)
{
    static char text[16];
    (void)snprintf(text, sizeof text, "key %u", number);
    return cl_str_z(text);
}

TEST(what_was_set_counts_until_then_and_no_longer)
{
    begin(CL_UNTIL_WAYS);
    CHECK_INT(cl_until_get(&table, CL_STR("a"), 100), 100);
    cl_until_set(&table, CL_STR("a"), 150, 100);
    CHECK_INT(cl_until_get(&table, CL_STR("a"), 100), 150);
    CHECK_INT(cl_until_get(&table, CL_STR("a"), 149), 150);
    CHECK_INT(cl_until_get(&table, CL_STR("a"), 150), 150);
    CHECK_INT(cl_until_get(&table, CL_STR("a"), 151), 151);
    CHECK_INT(cl_until_get(&table, CL_STR("b"), 100), 100);
}

TEST(a_key_has_one_place)
{
    begin(CL_UNTIL_WAYS);
    for (int64_t until = 101; until < 200; until++)
        cl_until_set(&table, CL_STR("a"), until, 100);
    CHECK_INT(cl_until_count(&table, 100), 1);
    CHECK_INT(cl_until_get(&table, CL_STR("a"), 100), 199);
}

TEST(what_has_passed_makes_room)
{
    begin(CL_UNTIL_WAYS);
    for (unsigned i = 0; i < CL_UNTIL_WAYS; i++)
        cl_until_set(&table, key_of(i), 200, 100);
    CHECK_INT(cl_until_count(&table, 100), CL_UNTIL_WAYS);
    for (unsigned i = 0; i < CL_UNTIL_WAYS; i++)
        cl_until_set(&table, key_of(100 + i), 400, 300);
    for (unsigned i = 0; i < CL_UNTIL_WAYS; i++)
        CHECK_INT(cl_until_get(&table, key_of(100 + i), 300), 400);
}

TEST(when_it_is_full_the_earliest_is_forgotten)
{
    begin(CL_UNTIL_WAYS);
    for (unsigned i = 0; i < CL_UNTIL_WAYS; i++)
        cl_until_set(&table, key_of(i), 200 + (i == 3 ? -50 : (int)i), 100);
    cl_until_set(&table, CL_STR("late"), 120, 100);
    CHECK_INT(cl_until_get(&table, CL_STR("late"), 100), 120);
    CHECK_INT(cl_until_get(&table, key_of(3), 100), 100);
    CHECK_INT(cl_until_get(&table, key_of(4), 100), 204);
}

TEST(keys_spread_over_all_places)
{
    uint32_t len = sizeof entries / sizeof *entries;
    begin(len);
    for (unsigned i = 0; i < 1000; i++)
        cl_until_set(&table, key_of(i), 200, 100);
    CHECK_INT(cl_until_count(&table, 100), len);
}
