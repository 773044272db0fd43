// SPDX-License-Identifier: MIT
#include "base/map.h"

#include "base/alloc.h"
#include "base/assert.h"

#define FIRST_ENTRIES 8

void
cl_map_init(struct cl_map *map, const cl_hash_key *hash_key)
{
    *map = (struct cl_map){.hash_key = *hash_key};
}

void
cl_map_done(struct cl_map *map)
{
    cl_hash_key key = map->hash_key;
    cl_free(map->entries);
    cl_free(map->slots);
    cl_map_init(map, &key);
}

/* The slot that names the key, or the free slot where its chain ends. Removed entries keep
 * their slot until the next rebuild, so that chains stay whole. */
static uint32_t
slot_of(const struct cl_map *map, cl_str key, uint64_t hash, bool *ret_found)
{
    uint32_t mask = map->slots_cap - 1;
    uint32_t slot = (uint32_t)hash & mask;
    while (map->slots[slot] != 0) {
        const struct cl_map_entry *entry = &map->entries[map->slots[slot] - 1];
        if (entry->value != NULL && entry->hash == hash && cl_str_eq(entry->key, key)) {
            *ret_found = true;
            return slot;
        }
        slot = (slot + 1) & mask;
    }
    *ret_found = false;
    return slot;
}

/* The same key is often asked for several times in a row: then it needs no hash. */
static uint32_t *
found_last(const struct cl_map *map)
{
    return &map->slots[map->slots_cap];
}

void *
cl_map_get(const struct cl_map *map, cl_str key)
{
    bool found;
    if (map->count == 0)
        return NULL;
    uint32_t last = *found_last(map);
    if (last != 0) {
        const struct cl_map_entry *entry = &map->entries[last - 1];
        if (entry->value != NULL && cl_str_eq(entry->key, key))
            return entry->value;
    }
    uint32_t slot = slot_of(map, key, cl_hash_short(&map->hash_key, key), &found);
    if (!found)
        return NULL;
    *found_last(map) = map->slots[slot];
    return map->entries[map->slots[slot] - 1].value;
}

static void
fill_slots(struct cl_map *map)
{
    uint32_t mask = map->slots_cap - 1;
    for (uint32_t i = 0; i < map->entries_len; i++) {
        uint32_t slot = (uint32_t)map->entries[i].hash & mask;
        while (map->slots[slot] != 0)
            slot = (slot + 1) & mask;
        map->slots[slot] = i + 1;
    }
}

/* New tables without holes, with room for as many entries again. */
static enum cl_err
rebuild(struct cl_map *map)
{
    uint32_t entries_cap = map->count < FIRST_ENTRIES / 2 ? FIRST_ENTRIES : map->count * 2;
    uint32_t slots_cap = FIRST_ENTRIES * 2;
    CL_ASSERT(map->count < UINT32_MAX / 8);
    while (slots_cap < entries_cap * 2)
        slots_cap *= 2;

    struct cl_map_entry *entries = cl_alloc((size_t)entries_cap * sizeof *entries);
    uint32_t *slots = cl_alloc(((size_t)slots_cap + 1) * sizeof *slots);
    if (entries == NULL || slots == NULL) {
        cl_free(entries);
        cl_free(slots);
        return CL_ERR_NO_MEMORY;
    }
    uint32_t len = 0;
    for (uint32_t i = 0; i < map->entries_len; i++)
        if (map->entries[i].value != NULL)
            entries[len++] = map->entries[i];
    cl_free(map->entries);
    cl_free(map->slots);
    map->entries = entries;
    map->slots = slots;
    map->entries_len = len;
    map->entries_cap = entries_cap;
    map->slots_cap = slots_cap;
    fill_slots(map);
    return CL_OK;
}

enum cl_err
cl_map_put(struct cl_map *map, cl_str key, void *value)
{
    bool found;
    CL_ASSERT(value != NULL);
    if (map->entries_len == map->entries_cap) {
        enum cl_err err = rebuild(map);
        if (err != CL_OK)
            return err;
    }
    uint64_t hash = cl_hash_short(&map->hash_key, key);
    uint32_t slot = slot_of(map, key, hash, &found);
    CL_ASSERT(!found);
    map->entries[map->entries_len] = (struct cl_map_entry){key, value, hash};
    map->slots[slot] = ++map->entries_len;
    map->count++;
    return CL_OK;
}

void
cl_map_replace(struct cl_map *map, cl_str key, void *value)
{
    bool found = false;
    CL_ASSERT(value != NULL && map->count > 0);
    uint32_t slot = slot_of(map, key, cl_hash_short(&map->hash_key, key), &found);
    CL_ASSERT(found);
    struct cl_map_entry *entry = &map->entries[map->slots[slot] - 1];
    entry->key = key;
    entry->value = value;
}

void *
cl_map_remove(struct cl_map *map, cl_str key)
{
    bool found;
    if (map->count == 0)
        return NULL;
    uint32_t slot = slot_of(map, key, cl_hash_short(&map->hash_key, key), &found);
    if (!found)
        return NULL;
    struct cl_map_entry *entry = &map->entries[map->slots[slot] - 1];
    void *value = entry->value;
    entry->value = NULL;
    map->count--;
    return value;
}

void *
cl_map_next(const struct cl_map *map, uint32_t *at)
{
    while (*at < map->entries_len) {
        void *value = map->entries[(*at)++].value;
        if (value != NULL)
            return value;
    }
    return NULL;
}
