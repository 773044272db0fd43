// SPDX-License-Identifier: MIT
/*
 * Many clients lose one relay together: when do they come back? The relay is away for five seconds;
 * a try before that fails, the first one behind it succeeds. Time is arithmetic.
 */
#include <stdio.h>
#include <stdlib.h>

#include "client/backoff.h"
#include "support/rng.h"
#include "support/test.h"

#define OUTAGE_MS   5000
#define CLIENTS_MAX 10000
#define SECONDS_MAX 120

struct storm {
    uint32_t median_ms;          // behind the outage
    uint32_t last_ms;            // from the break on
    unsigned most;               // in any one second behind the outage
    unsigned tries[SECONDS_MAX]; // in each second from the break on
};

/* Behind the outage, sorted. */
static uint32_t back_ms[CLIENTS_MAX];

static int
compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

/* When one client is back, from the break on. */
static uint32_t
come_back(struct storm *storm, struct rng *rng)
{
    struct cl_backoff backoff = {0};
    uint32_t at = 0;
    do {
        at += cl_backoff_next(&backoff, rng_next(rng));
        CHECK(at / 1000 < SECONDS_MAX);
        storm->tries[at / 1000]++;
    } while (at < OUTAGE_MS);
    return at;
}

/* Any second, not only one that the clock begins. */
static unsigned
most_in_a_second(unsigned clients)
{
    unsigned most = 0;
    for (unsigned first = 0, i = 0; i < clients; i++) {
        while (back_ms[i] - back_ms[first] >= 1000)
            first++;
        if (i - first + 1 > most)
            most = i - first + 1;
    }
    return most;
}

static struct storm
storm_of(unsigned clients, uint64_t seed)
{
    struct storm storm = {0};
    struct rng rng = {.state = seed * 7919 + 1};
    for (unsigned i = 0; i < clients; i++) {
        uint32_t at = come_back(&storm, &rng);
        storm.last_ms = at > storm.last_ms ? at : storm.last_ms;
        back_ms[i] = at - OUTAGE_MS;
    }
    qsort(back_ms, clients, sizeof *back_ms, compare);
    storm.median_ms = back_ms[clients / 2];
    storm.most = most_in_a_second(clients);
    return storm;
}

TEST(two_hundred_are_back_soon_and_not_all_at_once)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        test_note("seed %llu", (unsigned long long)seed);
        struct storm storm = storm_of(200, seed);
        CHECK(storm.median_ms < 5000);
        CHECK(storm.most < 100);
    }
}

TEST(ten_thousand_are_back_within_a_minute)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        test_note("seed %llu", (unsigned long long)seed);
        struct storm storm = storm_of(CLIENTS_MAX, seed);
        CHECK(storm.last_ms < 60000);
        CHECK(storm.median_ms < 5000);
    }
}

/* What a relay that is away is asked in the meantime: the first second has most of it. */
TEST(the_longer_it_is_away_the_less_they_ask)
{
    struct storm storm = storm_of(CLIENTS_MAX, 1);
    CHECK(storm.tries[0] > storm.tries[1] && storm.tries[1] > storm.tries[2]);
    CHECK(storm.tries[4] < storm.tries[0] / 2);
}
