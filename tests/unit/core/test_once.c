// SPDX-License-Identifier: MIT
#include <string.h>

#include "core/state.h"
#include "support/fault.h"
#include "support/test.h"
#include "unit/core/mesh.h"

static cl_digest
digest_of(uint32_t number)
{
    cl_digest digest = {{0}};
    memcpy(digest.bytes, &number, sizeof number);
    digest.bytes[31] = 7;
    return digest;
}

/* That one, for so long from now. */
static enum cl_err
once(struct mesh *m, uint32_t number, int64_t ms)
{
    cl_digest digest = digest_of(number);
    return DO(m, ONCE, once, .digest = cl_str_of(&digest, sizeof digest),
              .until = {m->now.ms + ms});
}

static bool
is_known(const struct mesh *m, uint32_t number)
{
    cl_digest digest = digest_of(number);
    return cl_core_knows_once(m->core, &digest);
}

static enum cl_err
tick(struct mesh *m)
{
    return DO(m, TICK, tick, .due = m->now);
}

TEST(what_comes_a_second_time_is_refused_until_its_time_is_over)
{
    struct mesh m;
    mesh_init(&m);
    CHECK(!is_known(&m, 1));
    CHECK_OK(once(&m, 1, 5000));
    CHECK(is_known(&m, 1));
    CHECK_INT(once(&m, 1, 9000), CL_ERR_STALE);
    CHECK_INT(m.effects.len, 1); // the reply
    CHECK_OK(once(&m, 2, 5000));
    m.now.ms += 4999;
    CHECK_INT(once(&m, 1, 5000), CL_ERR_STALE);
    CHECK(is_known(&m, 1));
    m.now.ms++;
    CHECK_OK(once(&m, 1, 5000)); // it is another time
    CHECK(is_known(&m, 1) && !is_known(&m, 2));
    CHECK_INT(cl_core_stats(m.core).onces, 2);
    CHECK_INT(once(&m, 1, 5000), CL_ERR_STALE);
    mesh_done(&m);
}

TEST(what_is_over_is_forgotten_with_a_tick_in_whole_seconds)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_INT(cl_core_deadline(m.core).ms, INT64_MAX);
    CHECK_OK(once(&m, 1, 5001));
    CHECK_OK(once(&m, 2, 5999));
    CHECK_OK(once(&m, 3, 7000));
    CHECK_INT(cl_core_deadline(m.core).ms, m.now.ms + 6000);
    m.now.ms += 5999;
    CHECK_INT(tick(&m), CL_ERR_STALE);
    m.now.ms++;
    CHECK_OK(tick(&m));
    CHECK_INT(cl_core_stats(m.core).onces, 1);
    CHECK_INT(cl_core_deadline(m.core).ms, m.now.ms + 1000);
    CHECK_OK(once(&m, 1, 60000));
    m.now.ms += 1000;
    CHECK_OK(tick(&m));
    CHECK(is_known(&m, 1) && !is_known(&m, 3));
    CHECK_INT(cl_core_stats(m.core).onces, 1);
    mesh_done(&m);
}

TEST(what_is_no_digest_or_no_time_is_refused)
{
    struct mesh m;
    char bytes[33] = "";
    mesh_init(&m);
    for (size_t len = 0; len <= sizeof bytes; len++)
        CHECK_INT(DO(&m, ONCE, once, .digest = cl_str_of(bytes, len), .until = {m.now.ms + 1}),
                  len == 32 ? CL_OK : CL_ERR_MALFORMED);
    CHECK_INT(once(&m, 1, 0), CL_ERR_EXPIRED);
    CHECK_INT(once(&m, 1, CL_ONCE_LIFE_MS + 1), CL_ERR_MALFORMED);
    CHECK_OK(once(&m, 1, CL_ONCE_LIFE_MS));
    mesh_done(&m);
}

TEST(what_came_once_is_bounded)
{
    struct mesh m;
    struct cl_effects effects = {0};
    mesh_init(&m);
    for (uint32_t i = 0; i < CL_ONCE_MAX; i++) { // without a check of all after each
        cl_digest digest = digest_of(i);
        struct cl_command draft = {.kind = CL_COMMAND_ONCE,
                                   .time = m.now,
                                   .once = {.digest = cl_str_of(&digest, sizeof digest),
                                            .until = {m.now.ms + 1000 + (i == 5)}}};
        cl_effects_clear(&effects);
        cl_core_apply(m.core, &draft, &effects);
        CHECK_OK(effects.items[0].reply.err);
    }
    cl_effects_done(&effects);
    CHECK_INT(once(&m, CL_ONCE_MAX, 1000), CL_ERR_TOO_MANY);
    CHECK_INT(once(&m, 3, 1000), CL_ERR_STALE);
    m.now.ms += 1000;
    CHECK_INT(once(&m, CL_ONCE_MAX, 1000), CL_ERR_TOO_MANY); // they are still there
    CHECK_OK(once(&m, 3, 1000));
    CHECK_OK(tick(&m));
    CHECK_INT(cl_core_stats(m.core).onces, 2);
    CHECK_OK(once(&m, CL_ONCE_MAX, 1000));
    mesh_done(&m);
}

TEST(what_came_once_is_dumped_and_loaded_in_its_order)
{
    struct mesh m;
    struct cl_core *copy;
    struct cl_buf bytes, again;
    mesh_init(&m);
    cl_buf_init(&bytes, CL_MIB);
    cl_buf_init(&again, CL_MIB);
    for (uint32_t i = 0; i < 20; i++)
        CHECK_OK(once(&m, i * 7919, 1000 * (1 + i % 7)));
    m.now.ms += 1000;
    CHECK_OK(once(&m, 0, 9000)); // now it is the last
    CHECK_OK(cl_core_dump(m.core, &bytes));
    const cl_hash_key other = {{9}};
    CHECK_OK(cl_core_load(cl_buf_str(&bytes), &other, &copy));
    CHECK_OK(cl_core_dump(copy, &again));
    CHECK_STR(cl_buf_str(&again), cl_buf_str(&bytes));
    cl_digest digest = digest_of(7919);
    CHECK(cl_core_knows_once(copy, &digest));
    CHECK_INT(cl_core_deadline(copy).ms, cl_core_deadline(m.core).ms);
    cl_core_free(copy);
    bytes.ptr[bytes.len - 8 - 32 - 4 - 8 - 32]++; // the one before the last is another
    CHECK_OK(cl_core_load(cl_buf_str(&bytes), &other, &copy));
    cl_core_free(copy);
    char *last = bytes.ptr + bytes.len - 8 - 32;
    memcpy(last - 8 - 4 - 32, last, 32); // and now it is there twice
    CHECK_INT(cl_core_load(cl_buf_str(&bytes), &other, &copy), CL_ERR_MALFORMED);
    cl_buf_done(&bytes);
    cl_buf_done(&again);
    mesh_done(&m);
}

TEST(without_memory_what_came_once_is_not_loaded)
{
    struct mesh m;
    struct cl_buf bytes;
    mesh_init(&m);
    cl_buf_init(&bytes, CL_MIB);
    CHECK_OK(once(&m, 1, 1000));
    CHECK_OK(cl_core_dump(m.core, &bytes));
    FOR_EACH_FAULT
    {
        struct cl_core *copy = NULL;
        enum cl_err err = cl_core_load(cl_buf_str(&bytes), &test_key, &copy);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        if (err == CL_OK)
            cl_core_free(copy);
    }
    cl_buf_done(&bytes);
    mesh_done(&m);
}

TEST(every_broken_invariant_of_what_came_once_is_seen)
{
    struct mesh m;
    mesh_init(&m);
    CHECK_OK(once(&m, 1, 1000));
    struct cl_once *first = cl_once_at(cl_list_first(&m.core->onces.all));
    first->end.place = 0;
    CHECK(cl_state_fault(m.core) != NULL);
    first->end.place = 1;
    first->end.key += CL_ONCE_LIFE_MS;
    CHECK(cl_state_fault(m.core) != NULL);
    first->end.key -= CL_ONCE_LIFE_MS;
    m.core->onces.by_digest.count++;
    CHECK(cl_state_fault(m.core) != NULL);
    m.core->onces.by_digest.count--;
    CHECK(cl_state_fault(m.core) == NULL);
    mesh_done(&m);
}
