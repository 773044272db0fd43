// SPDX-License-Identifier: MIT
#include "core/once.h"

#include <string.h>

#include "base/alloc.h"
#include "core/state.h"

static cl_str
key_of(const cl_digest *digest)
{
    return cl_str_of(digest->bytes, sizeof digest->bytes);
}

static struct cl_once *
find(const struct cl_core *core, const cl_digest *digest)
{
    return cl_map_get(&core->onces.by_digest, key_of(digest));
}

enum cl_err
cl_once_admit(const struct cl_core *core, cl_time now, const struct cl_command_once *fields)
{
    cl_digest digest;
    if (fields->digest.len != sizeof digest ||
        fields->until.ms > cl_time_add(now, CL_ONCE_LIFE_MS).ms)
        return CL_ERR_MALFORMED;
    if (fields->until.ms <= now.ms)
        return CL_ERR_EXPIRED;
    memcpy(digest.bytes, fields->digest.ptr, sizeof digest);
    const struct cl_once *once = find(core, &digest);
    if (once != NULL)
        return once->end.key > now.ms ? CL_ERR_STALE : CL_OK;
    return core->onces.ends.len >= CL_ONCE_MAX ? CL_ERR_TOO_MANY : CL_OK;
}

static void
drop(struct cl_core *core, struct cl_once *once)
{
    (void)cl_map_remove(&core->onces.by_digest, key_of(&once->digest));
    cl_heap_remove(&core->onces.ends, &once->end);
    cl_list_remove(&once->link);
    cl_free(once);
}

enum cl_err
cl_once_add(struct cl_core *core, const cl_digest *digest, cl_time until)
{
    struct cl_onces *onces = &core->onces;
    struct cl_once *older = find(core, digest);
    struct cl_once *once = cl_alloc(sizeof *once);
    if (older != NULL)
        drop(core, older);
    if (once == NULL)
        return CL_ERR_NO_MEMORY;
    *once = (struct cl_once){.digest = *digest, .end = {.tie = ++onces->ever}};
    if (cl_heap_set(&onces->ends, &once->end, until.ms) == CL_OK) {
        if (cl_map_put(&onces->by_digest, key_of(&once->digest), once) == CL_OK) {
            cl_list_append(&onces->all, &once->link);
            return CL_OK;
        }
        cl_heap_remove(&onces->ends, &once->end);
    }
    cl_free(once);
    return CL_ERR_NO_MEMORY;
}

void
cl_onces_expire(struct cl_core *core, cl_time due)
{
    struct cl_heap_node *first;
    while ((first = cl_heap_first(&core->onces.ends)) != NULL && first->key <= due.ms)
        drop(core, CL_LIST_ENTRY(first, struct cl_once, end));
}

cl_time
cl_onces_deadline(const struct cl_core *core)
{
    const struct cl_heap_node *first = cl_heap_first(&core->onces.ends);
    return first == NULL ? CL_TIME_NEVER : (cl_time){(first->key + 999) / 1000 * 1000};
}

bool
cl_core_knows_once(const struct cl_core *core, const cl_digest *digest)
{
    const struct cl_once *once = find(core, digest);
    return once != NULL && once->end.key > core->time.ms;
}

/* -- all of them --------------------------------------------------------------------------- */

void
cl_onces_init(struct cl_onces *onces, const cl_hash_key *hash_key)
{
    cl_map_init(&onces->by_digest, hash_key);
    cl_list_init(&onces->all);
}

void
cl_onces_done(struct cl_onces *onces)
{
    CL_LIST_EACH(&onces->all, at)
    {
        cl_free(cl_once_at(at));
    }
    cl_map_done(&onces->by_digest);
    cl_heap_done(&onces->ends);
}

const char *
cl_onces_fault(const struct cl_core *core)
{
    cl_time latest = cl_time_add(core->time, CL_ONCE_LIFE_MS);
    uint32_t count = 0;
    CL_LIST_EACH(&core->onces.all, at)
    {
        const struct cl_once *once = cl_once_at(at);
        if (find(core, &once->digest) != once || once->end.place == 0)
            return "what came once is found by its digest";
        if (once->end.key > latest.ms)
            return "what came once is not known for too long";
        count++;
    }
    if (count != core->onces.by_digest.count || count != core->onces.ends.len ||
        count > CL_ONCE_MAX)
        return "what came once is counted, and not too much";
    return NULL;
}
