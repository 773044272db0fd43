// SPDX-License-Identifier: MIT
/*
 * base/map.h - from byte keys to pointers, in the order of insertion.
 *
 * The hash is keyed (SipHash), because strangers choose the keys. Walking a map follows
 * insertion, never the hash, so what is seen of a map does not depend on the key. Keys and
 * values are borrowed: the usual key lies inside the value, and both must outlive the entry.
 */
#ifndef CL_BASE_MAP_H
#define CL_BASE_MAP_H

#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"

struct cl_map_entry {
    cl_str key;
    void *value; // NULL: the entry was removed
    uint64_t hash;
};

struct cl_map {
    struct cl_map_entry *entries; // in order of insertion, with holes
    uint32_t *slots;              // open addressing; entry index + 1, 0 is free; one more
                                  // behind the last: what was found last
    uint32_t entries_len;         // with holes
    uint32_t entries_cap;
    uint32_t slots_cap; // 0 or a power of two
    uint32_t count;     // without holes
    cl_hash_key hash_key;
};

void cl_map_init(struct cl_map *map, const cl_hash_key *hash_key);
/* Frees the table, not the values. */
void cl_map_done(struct cl_map *map);
/* The entry of that key, which is in the map, has that value from now on, and lets go of the old
 * key's bytes for these. */
void cl_map_replace(struct cl_map *map, cl_str key, void *value);
/* The value, or NULL. */
void *cl_map_get(const struct cl_map *map, cl_str key);
/* The key is not in the map and value is not NULL. Only CL_ERR_NO_MEMORY can happen, and then
 * nothing has changed. */
CL_MUST_CHECK enum cl_err cl_map_put(struct cl_map *map, cl_str key, void *value);
/* Returns what was removed, or NULL. */
void *cl_map_remove(struct cl_map *map, cl_str key);

/* for (uint32_t at = 0; (value = cl_map_next(map, &at)) != NULL;) walks the values. The body
 * may remove the entry it was handed. */
void *cl_map_next(const struct cl_map *map, uint32_t *at);

#endif
