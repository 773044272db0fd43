// SPDX-License-Identifier: MIT
#include "sim/keep.h"

#include <string.h>

#include "sim/report.h"

static cl_digest
digest_of(uint8_t blob)
{
    cl_digest digest;
    memcpy(digest.bytes, model_blob_name(blob).ptr, sizeof digest.bytes);
    return digest;
}

static cl_str *
name_in(struct cl_command *command)
{
    if (command->kind == CL_COMMAND_SEND)
        return &command->send.blob;
    return command->kind == CL_COMMAND_PUBLISH ? &command->publish.blob : NULL;
}

static uint64_t
on_their_way(const struct world *world)
{
    uint64_t count = 0;
    CL_LIST_EACH(&world->submitted, at)
    {
        count++;
    }
    return count;
}

void
keep_sent(struct world *world, struct cl_command *draft)
{
    cl_str *name = name_in(draft);
    uint8_t blob = name == NULL ? 0 : model_blob(*name);
    if (blob == 0)
        return;
    if (cl_core_has_come(world->core, draft)) {
        *name = CL_STR("");
        return;
    }
    struct world_blob *stored = &world->blobs[blob - 1];
    sim_counts.faults[SIM_BLOB_STORED] += !stored->is_stored;
    stored->is_stored = true;
    stored->mark = cl_core_applied(world->core) + on_their_way(world) + 1;
}

struct kept
keep_look(const struct world *world)
{
    struct kept kept;
    for (uint8_t blob = 1; blob <= SIM_BLOBS; blob++) {
        cl_digest digest = digest_of(blob);
        kept.is_named[blob - 1] = cl_core_names_blob(world->core, &digest);
    }
    return kept;
}

static void
unnamed(struct world *world, uint8_t blob)
{
    struct world_blob *stored = &world->blobs[blob - 1];
    if (stored->mark > cl_core_applied(world->core)) {
        sim_counts.faults[SIM_BLOB_AWAITED]++;
        return;
    }
    stored->is_stored = false;
    sim_counts.faults[SIM_BLOB_DROPPED]++;
}

void
keep_applied(struct world *world, const struct cl_command *command, const struct kept *before)
{
    const struct cl_effects *effects = &world->core_effects;
    const struct cl_effect *reply = &effects->items[0];
    struct kept after = keep_look(world);
    cl_str name = command->kind == CL_COMMAND_SEND      ? command->send.blob
                  : command->kind == CL_COMMAND_PUBLISH ? command->publish.blob
                                                        : CL_STR("");
    for (uint8_t blob = 1; blob <= SIM_BLOBS; blob++) {
        cl_digest digest = digest_of(blob);
        unsigned told = 0;
        for (size_t i = 0; i < effects->len; i++)
            told += effects->items[i].kind == CL_EFFECT_UNNAMED &&
                    cl_digest_eq(effects->items[i].unnamed.digest, &digest);
        bool came =
            reply->reply.err == CL_OK && !reply->reply.duplicate && model_blob(name) == blob;
        bool went = (before->is_named[blob - 1] || came) && !after.is_named[blob - 1];
        SIM_CHECK(told == (went ? 1u : 0u),
                  "the core says once of a blob that no message names it any more");
        if (went)
            unnamed(world, blob);
    }
}

void
keep_check(const struct world *world)
{
    struct kept kept = keep_look(world);
    for (uint8_t blob = 1; blob <= SIM_BLOBS; blob++)
        SIM_CHECK(!kept.is_named[blob - 1] || world->blobs[blob - 1].is_stored,
                  "nothing is lost: a blob that a message names is there");
}

void
keep_sweep(struct world *world)
{
    struct kept kept = keep_look(world);
    for (uint8_t blob = 1; blob <= SIM_BLOBS; blob++) {
        struct world_blob *stored = &world->blobs[blob - 1];
        if (!stored->is_stored || kept.is_named[blob - 1] ||
            stored->mark > cl_core_applied(world->core))
            continue;
        stored->is_stored = false;
        sim_counts.faults[SIM_BLOB_SWEPT]++;
    }
}
