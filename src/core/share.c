// SPDX-License-Identifier: MIT
#include "core/share.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define SLOTS_FIRST 8

/* The hash is keyed: any part of it is as good as random to who chooses names. */
static uint64_t
half_of(cl_hash128 sender, size_t half)
{
    uint64_t number;
    memcpy(&number, sender.bytes + half * sizeof number, sizeof number);
    return number;
}

static uint32_t
home_of(const struct cl_shares *shares, cl_hash128 sender)
{
    return (uint32_t)half_of(sender, 0) & (shares->cap - 1);
}

/* The sender's slot, or the free one where its chain ends. There is a table, and a free slot. */
static struct cl_share *
find(const struct cl_shares *shares, cl_hash128 sender)
{
    uint32_t at = home_of(shares, sender);
    while (shares->slots[at].count > 0 &&
           memcmp(shares->slots[at].sender.bytes, sender.bytes, sizeof sender.bytes) != 0)
        at = (at + 1) & (shares->cap - 1);
    return &shares->slots[at];
}

static enum cl_err
resize(struct cl_shares *shares, uint32_t cap)
{
    struct cl_shares resized = {cl_alloc(cap * sizeof *shares->slots), cap, shares->len};
    if (resized.slots == NULL)
        return CL_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < shares->cap; i++)
        if (shares->slots[i].count > 0)
            *find(&resized, shares->slots[i].sender) = shares->slots[i];
    cl_free(shares->slots);
    *shares = resized;
    return CL_OK;
}

void
cl_shares_done(struct cl_shares *shares)
{
    cl_free(shares->slots);
    *shares = (struct cl_shares){.len = 0};
}

enum cl_err
cl_shares_add(struct cl_shares *shares, cl_hash128 sender, uint64_t cost)
{
    bool is_new = shares->cap == 0 || find(shares, sender)->count == 0;
    if (is_new && (shares->len + 1) * UINT64_C(5) > shares->cap * UINT64_C(4)) {
        enum cl_err err = resize(shares, shares->cap == 0 ? SLOTS_FIRST : shares->cap * 2);
        if (err != CL_OK)
            return err;
    }
    struct cl_share *share = find(shares, sender);
    share->sender = sender;
    share->count++;
    share->bytes += cost;
    shares->len += is_new;
    return CL_OK;
}

/* Frees the slot; those behind it move up, so that no chain has a gap. */
static void
erase(struct cl_shares *shares, uint32_t at)
{
    uint32_t mask = shares->cap - 1;
    for (uint32_t next = (at + 1) & mask; shares->slots[next].count > 0; next = (next + 1) & mask) {
        uint32_t home = home_of(shares, shares->slots[next].sender);
        if (((next - home) & mask) < ((next - at) & mask))
            continue; // its chain begins behind the gap
        shares->slots[at] = shares->slots[next];
        at = next;
    }
    shares->slots[at] = (struct cl_share){.count = 0};
    shares->len--;
}

void
cl_shares_remove(struct cl_shares *shares, cl_hash128 sender, uint64_t cost)
{
    struct cl_share *share = find(shares, sender);
    CL_ASSERT(share->count > 0);
    share->bytes -= cost;
    if (--share->count > 0)
        return;
    erase(shares, (uint32_t)(share - shares->slots));
    if (shares->cap > SLOTS_FIRST && shares->len * UINT64_C(3) < shares->cap)
        cl_err_ignore(resize(shares, shares->cap / 2)); // only larger than it need be
}

struct cl_share
cl_shares_of(const struct cl_shares *shares, cl_hash128 sender)
{
    return shares->cap == 0 ? (struct cl_share){.count = 0} : *find(shares, sender);
}

uint64_t
cl_share_print(const struct cl_share *share)
{
    return half_of(share->sender, 0) * share->count + half_of(share->sender, 1) * share->bytes;
}

uint64_t
cl_shares_print(const struct cl_shares *shares)
{
    uint64_t print = 0;
    for (uint32_t i = 0; i < shares->cap; i++)
        print += cl_share_print(&shares->slots[i]);
    return print;
}
