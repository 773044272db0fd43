// SPDX-License-Identifier: MIT
#include "base/map.h"

#include <stdio.h>
#include <string.h>

#include "support/fault.h"
#include "support/rng.h"
#include "support/test.h"

#define THINGS 500

static const cl_hash_key hash_key = {{9, 8, 7}};

/* The key lies in the value, as usual. `born` is 0 while it is not in the map, otherwise its
 * place in the order of insertion: the naive model. */
struct thing {
    char key[16];
    unsigned born;
};

static struct thing things[THINGS];

static void
reset_things(void)
{
    for (unsigned i = 0; i < THINGS; i++) {
        (void)snprintf(things[i].key, sizeof things[i].key, "%u", i);
        things[i].born = 0;
    }
}

static cl_str
key_of(const struct thing *thing)
{
    return cl_str_z(thing->key);
}

/* The map holds just the things that were born, in that order. */
static void
check_map(const struct cl_map *map)
{
    const struct thing *thing;
    unsigned count = 0, last = 0, alive = 0;
    for (uint32_t at = 0; (thing = cl_map_next(map, &at)) != NULL; count++) {
        CHECK(thing->born > last);
        last = thing->born;
    }
    for (unsigned i = 0; i < THINGS; i++) {
        struct thing *want = things[i].born != 0 ? &things[i] : NULL;
        CHECK(cl_map_get(map, key_of(&things[i])) == want);
        alive += want != NULL;
    }
    CHECK_INT(count, alive);
    CHECK_INT(map->count, alive);
}

static void
remove_during_walk(struct cl_map *map, struct rng *random)
{
    struct thing *thing;
    unsigned seen = 0, before = map->count;
    for (uint32_t at = 0; (thing = cl_map_next(map, &at)) != NULL; seen++)
        if (rng_below(random, 3) == 0) {
            CHECK(cl_map_remove(map, key_of(thing)) == thing);
            thing->born = 0;
        }
    CHECK_INT(seen, before);
}

TEST(an_empty_map_has_nothing)
{
    struct cl_map map;
    uint32_t at = 0;
    cl_map_init(&map, &hash_key);
    CHECK(cl_map_get(&map, CL_STR("")) == NULL);
    CHECK(cl_map_remove(&map, CL_STR("a")) == NULL);
    CHECK(cl_map_next(&map, &at) == NULL);
    cl_map_done(&map);
}

TEST(random_work_agrees_with_a_naive_model)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct cl_map map;
        struct rng random = {seed};
        unsigned births = 0;
        reset_things();
        cl_map_init(&map, &hash_key);
        for (unsigned step = 0; step < 20000; step++) {
            test_note("seed %u step %u", (unsigned)seed, step);
            struct thing *thing = &things[rng_below(&random, THINGS)];
            // Long stretches that grow and long ones that shrink.
            bool grows = rng_below(&random, 100) < (step / 4000 % 2 == 0 ? 70 : 30);
            if (grows && thing->born == 0) {
                CHECK_OK(cl_map_put(&map, key_of(thing), thing));
                thing->born = ++births;
            } else if (!grows) {
                CHECK(cl_map_remove(&map, key_of(thing)) == (thing->born ? thing : NULL));
                thing->born = 0;
            }
            if (step % 997 == 0)
                check_map(&map);
            if (step % 4999 == 0)
                remove_during_walk(&map, &random);
        }
        check_map(&map);
        cl_map_done(&map);
        reset_things();
        check_map(&map);
    }
}

TEST(what_is_put_again_goes_to_the_end)
{
    struct cl_map map;
    reset_things();
    cl_map_init(&map, &hash_key);
    for (unsigned i = 0; i < 3; i++)
        CHECK_OK(cl_map_put(&map, key_of(&things[i]), &things[i]));
    CHECK(cl_map_remove(&map, CL_STR("0")) == &things[0]);
    CHECK_OK(cl_map_put(&map, key_of(&things[0]), &things[0]));
    uint32_t at = 0;
    CHECK(cl_map_next(&map, &at) == &things[1]);
    CHECK(cl_map_next(&map, &at) == &things[2]);
    CHECK(cl_map_next(&map, &at) == &things[0]);
    CHECK(cl_map_next(&map, &at) == NULL);
    cl_map_done(&map);
}

TEST(what_is_replaced_keeps_its_place_and_the_new_keys_bytes)
{
    char old[] = "key", new[] = "key";
    int one = 1, two = 2, other = 3;
    uint32_t at = 0;
    struct cl_map map;
    cl_map_init(&map, &(cl_hash_key){{1}});
    CHECK_OK(cl_map_put(&map, cl_str_z(old), &one));
    CHECK_OK(cl_map_put(&map, CL_STR("other"), &other));
    CHECK(cl_map_get(&map, CL_STR("key")) == &one);
    cl_map_replace(&map, cl_str_z(new), &two);
    memset(old, 'x', sizeof old);
    CHECK(cl_map_get(&map, CL_STR("key")) == &two);
    CHECK(cl_map_next(&map, &at) == &two);
    CHECK_INT(map.count, 2);
    cl_map_done(&map);
}

TEST(keys_are_bytes_of_any_kind)
{
    struct cl_map map;
    int values[4];
    cl_map_init(&map, &hash_key);
    CHECK_OK(cl_map_put(&map, CL_STR(""), &values[0]));
    CHECK_OK(cl_map_put(&map, CL_STR("\0"), &values[1]));
    CHECK_OK(cl_map_put(&map, CL_STR("\0\0"), &values[2]));
    CHECK_OK(cl_map_put(&map, CL_STR("\xff"), &values[3]));
    CHECK(cl_map_get(&map, cl_str_of(NULL, 0)) == &values[0]);
    CHECK(cl_map_get(&map, CL_STR("\0")) == &values[1]);
    CHECK(cl_map_get(&map, CL_STR("\0\0")) == &values[2]);
    CHECK(cl_map_get(&map, CL_STR("\xff")) == &values[3]);
    cl_map_done(&map);
}

TEST(the_order_does_not_depend_on_the_hash_key)
{
    reset_things();
    for (uint8_t k = 0; k < 20; k++) {
        struct cl_map map;
        uint32_t at = 0;
        cl_map_init(&map, &(cl_hash_key){{k}});
        for (unsigned i = 0; i < 100; i++)
            CHECK_OK(cl_map_put(&map, key_of(&things[i * 7 % 100]), &things[i * 7 % 100]));
        for (unsigned i = 0; i < 100; i++)
            CHECK(cl_map_next(&map, &at) == &things[i * 7 % 100]);
        cl_map_done(&map);
    }
}

TEST(coming_and_going_does_not_grow_the_table)
{
    struct cl_map map;
    reset_things();
    cl_map_init(&map, &hash_key);
    for (unsigned i = 0; i < 100000; i++) {
        struct thing *thing = &things[i % 5];
        (void)cl_map_remove(&map, key_of(thing));
        CHECK_OK(cl_map_put(&map, key_of(thing), thing));
    }
    CHECK(map.entries_cap <= 16);
    CHECK(map.slots_cap <= 64);
    cl_map_done(&map);
}

TEST(each_allocation_may_fail)
{
    FOR_EACH_FAULT
    {
        struct cl_map map;
        unsigned put = 0;
        reset_things();
        cl_map_init(&map, &hash_key);
        for (unsigned i = 0; i < 100; i++) {
            enum cl_err err = cl_map_put(&map, key_of(&things[i]), &things[i]);
            CHECK(err == CL_OK || (err == CL_ERR_NO_MEMORY && fault_happened()));
            things[i].born = err == CL_OK ? i + 1 : 0;
            put += err == CL_OK;
        }
        CHECK_INT(put, fault_happened() ? 99 : 100);
        check_map(&map);
        cl_map_done(&map);
    }
}
