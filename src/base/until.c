// SPDX-License-Identifier: MIT
#include "base/until.h"

#include "base/assert.h"

void
cl_until_init(struct cl_until *table, struct cl_until_entry *entries, uint32_t len,
              const cl_hash_key *hash_key)
{
    CL_ASSERT(len > 0 && len % CL_UNTIL_WAYS == 0);
    *table = (struct cl_until){.entries = entries, .len = len, .hash_key = *hash_key};
}

/* The first of the places where that key may lie. */
static struct cl_until_entry *
places(const struct cl_until *table, uint64_t hash)
{
    return table->entries + hash % (table->len / CL_UNTIL_WAYS) * CL_UNTIL_WAYS;
}

int64_t
cl_until_get(const struct cl_until *table, cl_str key, int64_t now)
{
    uint64_t hash = cl_hash_short(&table->hash_key, key);
    const struct cl_until_entry *at = places(table, hash);
    for (unsigned i = 0; i < CL_UNTIL_WAYS; i++)
        if (at[i].hash == hash && at[i].at > now)
            return at[i].at;
    return now;
}

void
cl_until_set(struct cl_until *table, cl_str key, int64_t until, int64_t now)
{
    CL_ASSERT(until > now);
    uint64_t hash = cl_hash_short(&table->hash_key, key);
    struct cl_until_entry *at = places(table, hash);
    struct cl_until_entry *place = at; // its own, or else the one that ends, or has ended, first
    for (unsigned i = 0; i < CL_UNTIL_WAYS; i++) {
        if (at[i].hash == hash && at[i].at > now) {
            place = &at[i];
            break;
        }
        if (at[i].at < place->at)
            place = &at[i];
    }
    *place = (struct cl_until_entry){.hash = hash, .at = until};
}

uint32_t
cl_until_count(const struct cl_until *table, int64_t now)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < table->len; i++)
        count += table->entries[i].at > now;
    return count;
}
