// SPDX-License-Identifier: MIT
#include "core/share.h"

#include "support/fault.h"
#include "support/rng.h"
#include "support/test.h"

#define SENDERS 300

/* A sender whose chain begins anywhere. */
static cl_hash128
sender_of(uint32_t number)
{
    static const cl_hash_key key = {{9}};
    return cl_hash_long(&key, cl_str_of(&number, sizeof number));
}

/* Senders that all have one slot as their first. */
static cl_hash128
crowded_of(uint32_t number)
{
    cl_hash128 sender = {{0xff, 0xff}};
    sender.bytes[12] = (uint8_t)number;
    return sender;
}

/* The sums, told a second time. */
struct sums {
    struct cl_shares shares;
    uint32_t count[SENDERS];
    uint64_t bytes[SENDERS];
    uint32_t senders;
};

static void
add(struct sums *sums, uint32_t i, cl_hash128 sender, uint64_t cost)
{
    CHECK_OK(cl_shares_add(&sums->shares, sender, cost));
    sums->senders += sums->count[i]++ == 0;
    sums->bytes[i] += cost;
}

static void
take(struct sums *sums, uint32_t i, cl_hash128 sender, uint64_t cost)
{
    cl_shares_remove(&sums->shares, sender, cost);
    sums->senders -= --sums->count[i] == 0;
    sums->bytes[i] -= cost;
}

static void
check(const struct sums *sums, cl_hash128 (*of)(uint32_t), uint32_t senders)
{
    const struct cl_shares *shares = &sums->shares;
    CHECK_INT(shares->len, sums->senders);
    CHECK(shares->len * 5 <= shares->cap * 4);
    CHECK(shares->cap <= 8 || shares->len * 3 >= shares->cap);
    for (uint32_t i = 0; i < senders; i++) {
        struct cl_share share = cl_shares_of(shares, of(i));
        CHECK_INT(share.count, sums->count[i]);
        CHECK_INT(share.bytes, sums->bytes[i]);
    }
}

/* Up to so many senders come, send a few and go, in any order. */
static void
walk(cl_hash128 (*of)(uint32_t), uint32_t senders)
{
    struct sums sums = {.senders = 0};
    struct rng random = {senders};
    for (unsigned step = 0; step < 4000; step++) {
        uint32_t i = (uint32_t)rng_below(&random, senders);
        // It fills, then empties.
        bool is_coming = rng_below(&random, 100) < (step < 2000 ? 70u : 20u);
        if (is_coming)
            add(&sums, i, of(i), 10 + i);
        else if (sums.count[i] > 0)
            take(&sums, i, of(i), 10 + i);
        if (step % 50 == 0)
            check(&sums, of, senders);
    }
    for (uint32_t i = 0; i < senders; i++)
        while (sums.count[i] > 0)
            take(&sums, i, of(i), 10 + i);
    check(&sums, of, senders);
    CHECK_INT(sums.shares.cap, 8);
    cl_shares_done(&sums.shares);
    CHECK(sums.shares.slots == NULL && sums.shares.cap == 0);
    cl_shares_done(&sums.shares); // may be done again
}

TEST(each_sender_has_its_own_sums_whoever_comes_and_goes)
{
    walk(sender_of, SENDERS);
    walk(sender_of, 7);
}

TEST(senders_in_one_chain_are_not_confused)
{
    walk(crowded_of, 100);
    walk(crowded_of, 6);
}

TEST(nothing_is_allocated_before_the_first_sender)
{
    struct cl_shares shares = {.len = 0};
    CHECK_INT(cl_shares_of(&shares, sender_of(1)).count, 0);
    CHECK_INT(cl_shares_print(&shares), 0);
    CHECK(shares.slots == NULL);
    cl_shares_done(&shares);
}

TEST(a_sender_costs_what_its_entry_is_charged_for)
{
    CHECK_INT(sizeof(struct cl_share), 32); // CL_ENTRY_COST_BYTES is made of it
}

TEST(sums_have_one_print_in_any_order_and_in_parts)
{
    struct cl_shares one = {.len = 0};
    struct cl_shares other = {.len = 0};
    struct cl_share part = {sender_of(2), 7, 1};
    for (uint32_t i = 0; i < 20; i++) {
        CHECK_OK(cl_shares_add(&one, sender_of(i), i));
        CHECK_OK(cl_shares_add(&other, sender_of(19 - i), 19 - i));
    }
    CHECK(cl_shares_print(&one) == cl_shares_print(&other));
    CHECK_OK(cl_shares_add(&one, sender_of(2), 7));
    CHECK(cl_shares_print(&one) != cl_shares_print(&other));
    CHECK(cl_shares_print(&one) == cl_shares_print(&other) + cl_share_print(&part));
    CHECK_OK(cl_shares_add(&other, sender_of(3), 7));
    CHECK(cl_shares_print(&one) != cl_shares_print(&other));
    cl_shares_remove(&other, sender_of(3), 7);
    CHECK_OK(cl_shares_add(&other, sender_of(2), 6));
    CHECK(cl_shares_print(&one) != cl_shares_print(&other));
    cl_shares_done(&one);
    cl_shares_done(&other);
}

TEST(without_memory_nothing_is_added_and_a_large_table_stays)
{
    FOR_EACH_FAULT
    {
        struct sums sums = {.senders = 0};
        enum cl_err err = CL_OK;
        for (uint32_t i = 0; i < 40 && err == CL_OK; i++) {
            err = cl_shares_add(&sums.shares, sender_of(i), 10);
            sums.count[i] += err == CL_OK;
            sums.bytes[i] += err == CL_OK ? 10 : 0;
            sums.senders += err == CL_OK;
        }
        CHECK(err == CL_OK || fault_happened());
        for (uint32_t i = 0; i < 40; i++) {
            CHECK_INT(cl_shares_of(&sums.shares, sender_of(i)).count, sums.count[i]);
            if (sums.count[i] > 0)
                take(&sums, i, sender_of(i), 10);
        }
        CHECK_INT(sums.shares.len, 0);
        cl_shares_done(&sums.shares);
    }
}
