// SPDX-License-Identifier: MIT
#include "core/named.h"

#include "base/alloc.h"
#include "core/state.h"

void
cl_names_init(struct cl_names *names, const cl_hash_key *hash_key)
{
    cl_map_init(&names->by_digest, hash_key);
    cl_list_init(&names->unnamed);
}

void
cl_names_done(struct cl_names *names)
{
    struct cl_named *named;
    for (uint32_t at = 0; (named = cl_map_next(&names->by_digest, &at)) != NULL;)
        cl_free(named);
    cl_map_done(&names->by_digest);
}

struct cl_named *
cl_named_take(struct cl_names *names, const cl_digest *digest)
{
    struct cl_named *named =
        cl_map_get(&names->by_digest, cl_str_of(digest->bytes, sizeof digest->bytes));
    if (named != NULL) {
        cl_list_remove(&named->link);
        named->msgs++;
        return named;
    }
    named = cl_alloc(sizeof *named);
    if (named == NULL)
        return NULL;
    *named = (struct cl_named){.digest = *digest, .msgs = 1, .names = names};
    cl_link_init(&named->link);
    if (cl_map_put(&names->by_digest, cl_named_str(named), named) == CL_OK)
        return named;
    cl_free(named);
    return NULL;
}

void
cl_named_give(struct cl_named *named)
{
    if (--named->msgs == 0)
        cl_list_append(&named->names->unnamed, &named->link);
}

void
cl_names_bury(struct cl_names *names)
{
    CL_LIST_EACH(&names->unnamed, at)
    {
        struct cl_named *named = CL_LIST_ENTRY(at, struct cl_named, link);
        cl_list_remove(at);
        (void)cl_map_remove(&names->by_digest, cl_named_str(named));
        cl_free(named);
    }
}

/* -- reading ------------------------------------------------------------------------------- */

bool
cl_core_names_blob(const struct cl_core *core, const cl_digest *digest)
{
    const struct cl_named *named =
        cl_map_get(&core->names.by_digest, cl_str_of(digest->bytes, sizeof digest->bytes));
    return named != NULL && named->msgs > 0;
}

const cl_digest *
cl_core_blob_next(const struct cl_core *core, uint32_t *at)
{
    const struct cl_named *named;
    while ((named = cl_map_next(&core->names.by_digest, at)) != NULL)
        if (named->msgs > 0)
            return &named->digest;
    return NULL;
}

const char *
cl_names_fault(const struct cl_core *core)
{
    const struct cl_named *named;
    uint64_t held = 0;
    uint64_t counted = 0;
    CL_LIST_EACH(&core->msgs, at)
    {
        const struct cl_msg *msg = cl_state_msg_at(at);
        if (msg->blob == NULL)
            continue;
        if (cl_map_get(&core->names.by_digest, cl_named_str(msg->blob)) != msg->blob)
            return "a blob that a message names is found by its digest";
        held++;
    }
    for (uint32_t at = 0; (named = cl_map_next(&core->names.by_digest, &at)) != NULL;) {
        counted += named->msgs;
        if ((named->msgs == 0) != cl_link_is_linked(&named->link))
            return "a blob that no message names is about to be forgotten";
    }
    return held == counted ? NULL : "a blob counts the messages that name it";
}
