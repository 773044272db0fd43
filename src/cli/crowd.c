// SPDX-License-Identifier: MIT
#include "cli/crowd.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/random.h"

struct member {
    uint32_t round; // in which it was met last
    bool is_online;
    uint32_t len;
    char address[];
};

void
cl_crowd_init(struct cl_crowd *crowd)
{
    *crowd = (struct cl_crowd){0};
    cl_random_bytes(&crowd->hash_key, sizeof crowd->hash_key);
    cl_map_init(&crowd->members, &crowd->hash_key);
}

void
cl_crowd_done(struct cl_crowd *crowd)
{
    struct member *member;
    for (uint32_t at = 0; (member = cl_map_next(&crowd->members, &at)) != NULL;)
        cl_free(member);
    cl_map_done(&crowd->members);
}

void
cl_crowd_begin(struct cl_crowd *crowd)
{
    crowd->round++;
}

static bool
is_for_one_answer(cl_str address)
{
    static const char mark[] = ".ask-";
    for (size_t at = 0; at + sizeof mark - 1 <= address.len; at++)
        if (memcmp(address.ptr + at, mark, sizeof mark - 1) == 0)
            return true;
    return false;
}

static enum cl_err
add(struct cl_crowd *crowd, cl_str address, struct member **ret_member)
{
    struct member *member = cl_alloc(sizeof *member + address.len);
    if (member == NULL)
        return CL_ERR_NO_MEMORY;
    member->len = (uint32_t)address.len;
    memcpy(member->address, address.ptr, address.len);
    enum cl_err err = cl_map_put(&crowd->members, cl_str_of(member->address, member->len), member);
    if (err != CL_OK)
        cl_free(member);
    else
        *ret_member = member;
    return err;
}

enum cl_err
cl_crowd_meet(struct cl_crowd *crowd, const struct cl_v2_agent *agents, size_t len, cl_crowd_fn *fn,
              void *ctx)
{
    for (size_t i = 0; i < len; i++) {
        struct member *member = cl_map_get(&crowd->members, agents[i].agent);
        bool is_online = agents[i].status == CL_V2_PRESENCE_ONLINE;
        if (member == NULL &&
            (is_for_one_answer(agents[i].agent) || crowd->members.count >= CL_CLI_WATCH_AGENTS_MAX))
            continue;
        if (member == NULL) {
            enum cl_err err = add(crowd, agents[i].agent, &member);
            if (err != CL_OK)
                return err;
        }
        if (is_online != member->is_online && crowd->round > 1)
            fn(ctx, is_online ? CL_CROWD_CAME : CL_CROWD_STALE, agents[i].agent);
        member->is_online = is_online;
        member->round = crowd->round;
    }
    return CL_OK;
}

void
cl_crowd_end(struct cl_crowd *crowd, cl_crowd_fn *fn, void *ctx)
{
    struct member *member;
    for (uint32_t at = 0; (member = cl_map_next(&crowd->members, &at)) != NULL;) {
        cl_str address = cl_str_of(member->address, member->len);
        if (member->round == crowd->round)
            continue;
        (void)cl_map_remove(&crowd->members, address);
        fn(ctx, CL_CROWD_GONE, address);
        cl_free(member);
    }
}
