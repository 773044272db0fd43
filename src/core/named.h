// SPDX-License-Identifier: MIT
/*
 * core/named.h - the blobs that messages name, and how many messages each.
 *
 * The core knows a blob by its digest alone: the bytes are the shell's business, who has them whole
 * before a command names them. As long as a record names a blob, in an inbox or as a dead letter,
 * the shell keeps it; when the last such record goes, an effect says so (CL_EFFECT_UNNAMED).
 */
#ifndef CL_CORE_NAMED_H
#define CL_CORE_NAMED_H

#include "base/digest.h"
#include "base/list.h"
#include "base/map.h"

struct cl_core;

struct cl_names;

struct cl_named {
    cl_digest digest;
    uint64_t msgs; // records that name it
    struct cl_names *names;
    struct cl_link link; // in names->unnamed, once no record does
};

struct cl_names {
    struct cl_map by_digest;
    struct cl_list unnamed; // by the last command: effects name them until the next
};

void cl_names_init(struct cl_names *names, const cl_hash_key *hash_key);
/* Frees all. */
void cl_names_done(struct cl_names *names);
/* One record more names that blob: it owns a reference. NULL without memory. */
struct cl_named *cl_named_take(struct cl_names *names, const cl_digest *digest);
/* One less. */
void cl_named_give(struct cl_named *named);
/* Frees what nobody names. */
void cl_names_bury(struct cl_names *names);
/* The first broken invariant, or NULL. */
const char *cl_names_fault(const struct cl_core *core);

/* Of a command's field: 32 bytes, or empty. */
static inline cl_str
cl_named_str(const struct cl_named *named)
{
    return named == NULL ? cl_str_of(NULL, 0)
                         : cl_str_of(named->digest.bytes, sizeof named->digest.bytes);
}

#endif
