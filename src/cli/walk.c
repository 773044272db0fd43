// SPDX-License-Identifier: MIT
#include "cli/walk.h"

#include <string.h>

#include "base/random.h"

/* Brent's way to find a circle: one place is kept, and replaced after 1, 2, 4, ... steps, so that
 * in the end it lies on the circle and stays longer than that is round. */
bool
cl_places_pass(struct cl_places *places, cl_str place)
{
    cl_str kept = cl_str_of(places->kept, places->kept_len);
    if (places->len > 0 && cl_str_eq(place, kept))
        return false;
    if (places->len == places->next) {
        if (place.len > sizeof places->kept)
            return false;
        memcpy(places->kept, place.ptr, place.len);
        places->kept_len = place.len;
        places->next = 2 * places->len + 1;
    }
    return ++places->len <= CL_CLI_WALK_ANSWERS_MAX;
}

static enum cl_err
step(struct cl_run *run, const struct cl_walk *walk, struct cl_arena *arena,
     struct cl_buf *ret_place, struct cl_why *why)
{
    cl_hash_key key;
    const struct cl_envelope_reader reader = {.arena = arena, .hash_key = &key};
    const struct cl_call_v2 call = {.method = walk->method, .params = walk->params, .arena = arena};
    void *result = cl_arena_alloc(arena, cl_v2_result_shape(walk->method)->size);
    cl_random_bytes(&key, sizeof key);
    if (result == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "Out of memory.");
    enum cl_err err = cl_run_call_v2(run, &call, result, why);
    return err == CL_OK ? walk->fn(walk->ctx, &reader, result, ret_place, why) : err;
}

enum cl_err
cl_walk(struct cl_run *run, const struct cl_walk *walk, struct cl_why *why)
{
    struct cl_places places = {0};
    struct cl_arena arena;
    struct cl_buf place;
    enum cl_err err;
    cl_buf_init(&place, CL_ID_BYTES_MAX);
    do {
        cl_buf_clear(&place);
        cl_arena_init(&arena, CL_CLI_ANSWER_ARENA_BYTES_MAX);
        err = step(run, walk, &arena, &place, why);
        cl_arena_done(&arena);
        if (err == CL_OK && place.len > 0 && !cl_places_pass(&places, cl_buf_str(&place)))
            err = cl_fail(CL_ERR_IO, why,
                          "The relay at %.*s does not keep to protocol v2: its answers to %.*s "
                          "come to no end.",
                          CL_STR_ARG(cl_client_url_shown(run->client)),
                          CL_STR_ARG(cl_v2_method_name(walk->method)));
    } while (err == CL_OK && place.len > 0);
    cl_buf_done(&place);
    return err;
}
