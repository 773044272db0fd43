// SPDX-License-Identifier: MIT
/*
 * base/until.h - how long something still counts, for strangers without number in fixed memory.
 *
 * A table from keys to times that forgets by itself: a time that has passed is as good as no
 * entry. A key may lie in any of CL_UNTIL_WAYS places, so both calls are O(1) and nothing is ever
 * allocated. When all its places are taken by times to come, the earliest of them is forgotten:
 * the table never refuses, what it guards is a little more open while it is full.
 *
 * Keys are kept as 64 bits of a keyed hash (SipHash): nobody can choose keys that meet. The unit
 * of the times is the caller's. Pure: the time is an argument.
 */
#ifndef CL_BASE_UNTIL_H
#define CL_BASE_UNTIL_H

#include "base/hash.h"

#define CL_UNTIL_WAYS 8

struct cl_until_entry {
    uint64_t hash;
    int64_t at; // 0: free
};

struct cl_until {
    struct cl_until_entry *entries;
    uint32_t len;
    cl_hash_key hash_key;
};

/* The entries are the caller's, zeroed, and outlive the table; len is a multiple of CL_UNTIL_WAYS
 * and not 0. */
void cl_until_init(struct cl_until *table, struct cl_until_entry *entries, uint32_t len,
                   const cl_hash_key *hash_key);
/* Until when it counts; now, when it does not (any more). now is not negative. */
int64_t cl_until_get(const struct cl_until *table, cl_str key, int64_t now);
/* From now on it counts until then, which is past now. */
void cl_until_set(struct cl_until *table, cl_str key, int64_t until, int64_t now);
/* Keys that count. O(len). */
uint32_t cl_until_count(const struct cl_until *table, int64_t now);

#endif
