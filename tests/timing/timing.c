// SPDX-License-Identifier: MIT
/*
 * tests/timing/timing.c - does comparing a secret take the same time wherever it differs?
 *
 * By the method of dudect (Reparaz, Balasch, Verbauwhede: Dude, is my code constant time?, 2017):
 * 200 000 measurements of each of two classes of guesses, in random order, and Welch's t test of
 * the two means. One class differs in the first byte, the other in the last. Beyond |t| = 4.5 they
 * are held to differ.
 *
 * What makes it fit for a busy machine: the classes alternate at random, so that a load hits both;
 * the slowest tenth of all measurements is left out, since interrupts are there; and a function
 * fails only when it is beyond 4.5 in each of ROUNDS_MAX rounds. By chance one round is there less
 * than once in 100 000, and one that leaks is there each time, by far: that the measurement sees
 * such a one is shown by comparing byte by byte, which must be found out.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "base/secret.h"
#include "support/rng.h"
#include "trust/hmac.h"

#define MEASUREMENTS 400000 // of both classes
#define CALLS        16     // in one of them: the clock has steps
#define ROUNDS_MAX   5
#define BORDER       4.5

#define LEN 32

typedef bool compare_fn(const char *right, const char *guess);

struct measurement {
    double ns;
    bool is_late; // differs in the last byte
};

static struct measurement measured[MEASUREMENTS];
static double sorted[MEASUREMENTS];

/* -- what is measured -------------------------------------------------------------------------- */

static bool
by_hmac_equals(const char *right, const char *guess)
{
    return cl_hmac_equals((const cl_digest *)(const void *)right,
                          (const cl_digest *)(const void *)guess);
}

static bool
by_secret_equals(const char *right, const char *guess)
{
    return cl_secret_equals((const struct cl_secret *)(const void *)right, cl_str_of(guess, LEN));
}

/* The control: ends at the first byte that differs. */
static bool
by_each_byte(const char *right, const char *guess)
{
    for (size_t i = 0; i < LEN; i++)
        if (((const volatile char *)right)[i] != guess[i])
            return false;
    return true;
}

/* -- the measurement --------------------------------------------------------------------------- */

static double
now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void
measure(compare_fn *volatile compare, const char *right, const char *bytes, struct rng *rng)
{
    char guess[LEN];
    volatile bool answer;
    for (size_t i = 0; i < MEASUREMENTS; i++) {
        bool is_late = rng_next(rng) >> 63;
        memcpy(guess, bytes, LEN);
        guess[is_late ? LEN - 1 : 0] ^= (char)(1 + rng_below(rng, 255));
        double begin = now_ns();
        for (unsigned call = 0; call < CALLS; call++)
            answer = compare(right, guess);
        measured[i] = (struct measurement){now_ns() - begin, is_late};
        if (answer)
            abort(); // they differ
    }
}

static int
order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of what is no slower than the quickest nine tenths. */
static double
welch_t(void)
{
    double mean[2] = {0}, squares[2] = {0}, len[2] = {0};
    for (size_t i = 0; i < MEASUREMENTS; i++)
        sorted[i] = measured[i].ns;
    qsort(sorted, MEASUREMENTS, sizeof sorted[0], order);
    double most = sorted[MEASUREMENTS / 10 * 9];
    for (size_t i = 0; i < MEASUREMENTS; i++) {
        size_t k = measured[i].is_late;
        if (measured[i].ns > most)
            continue;
        // Welford 1962: mean and sum of squares of what came so far.
        double step = measured[i].ns - mean[k];
        len[k] += 1;
        mean[k] += step / len[k];
        squares[k] += step * (measured[i].ns - mean[k]);
    }
    double variance = squares[0] / (len[0] - 1) / len[0] + squares[1] / (len[1] - 1) / len[1];
    return variance > 0 ? (mean[0] - mean[1]) / sqrt(variance) : 0;
}

/* One line for each round. */
static bool
is_constant(const char *name, compare_fn *compare, const char *right, const char *bytes)
{
    struct rng rng;
    cl_random_bytes(&rng.state, sizeof rng.state);
    for (unsigned round = 1; round <= ROUNDS_MAX; round++) {
        measure(compare, right, bytes, &rng);
        double t = welch_t();
        printf("%s: round %u, t = %.2f\n", name, round, t);
        if (fabs(t) < BORDER)
            return true;
    }
    return false;
}

int
main(void)
{
    cl_digest mac;
    struct cl_secret secret;
    unsigned passed = 0, total = 0;
    cl_random_bytes(&mac, sizeof mac);
    const char *bytes = (const char *)mac.bytes;
    cl_err_ignore(cl_secret_init(&secret, cl_str_of(bytes, LEN))); // it fits
    const struct {
        const char *name;
        compare_fn *compare;
        const void *right;
        bool want;
    } rows[] = {
        {"cl_hmac_equals", by_hmac_equals, &mac, true},
        {"cl_secret_equals", by_secret_equals, &secret, true},
        {"byte by byte, which must be found out", by_each_byte, &mac, false},
    };
    for (; total < sizeof rows / sizeof rows[0]; total++) {
        bool is = is_constant(rows[total].name, rows[total].compare, rows[total].right, bytes);
        passed += is == rows[total].want;
        printf("%s %s\n", is == rows[total].want ? "ok  " : "FAIL", rows[total].name);
    }
    printf("%u passed, %u failed\n", passed, total - passed);
    return passed == total ? 0 : 1;
}
