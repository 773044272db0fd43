// SPDX-License-Identifier: MIT
/*
 * core/share.h - what each sender has waiting in one inbox.
 *
 * A sender is known here by the keyed 128-bit hash of its name, so that a slot is 32 bytes
 * however long names are. Without the key nobody finds two names of one hash. Neither key nor
 * hash nor the order of slots can be seen from outside: only sums are read.
 */
#ifndef CL_CORE_SHARE_H
#define CL_CORE_SHARE_H

#include "base/err.h"
#include "base/hash.h"

struct cl_share {
    cl_hash128 sender;
    uint64_t bytes; // sum of cl_msg_cost
    uint32_t count; // messages; 0: a free slot
};

/* Zeroed: nothing, and nothing allocated. A third to four fifths of the slots are used, so a
 * sender costs 96 bytes at the most; a table without memory to get smaller stays as it is. */
struct cl_shares {
    struct cl_share *slots; // open addressing, no removed ones
    uint32_t cap;           // 0 or a power of two
    uint32_t len;           // senders
};

/* Frees the table; it is zeroed then. */
void cl_shares_done(struct cl_shares *shares);
/* One more message of that sender. Only CL_ERR_NO_MEMORY, and then nothing has changed. O(1),
 * spread over the calls. */
CL_MUST_CHECK enum cl_err cl_shares_add(struct cl_shares *shares, cl_hash128 sender, uint64_t cost);
/* One less, which was added before. */
void cl_shares_remove(struct cl_shares *shares, cl_hash128 sender, uint64_t cost);
/* What it has: a count of 0 for a sender that has nothing. */
struct cl_share cl_shares_of(const struct cl_shares *shares, cl_hash128 sender);
/* A number for a set of sums: equal for the same sums in any order, and else only by a chance
 * of 1 in 2^64. Sums may be added in parts: it adds up. */
uint64_t cl_share_print(const struct cl_share *share);
/* The sum over all. */
uint64_t cl_shares_print(const struct cl_shares *shares);

#endif
