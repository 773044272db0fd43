// SPDX-License-Identifier: MIT
/*
 * tests/support/test_journal.h - a journal that is as awkward as a journal may be.
 *
 * Every command passes through encoder and decoder, and the committed bytes are kept. A commit
 * comes up to 100 turns late, in order. At any time it may refuse (full), at once or when it should
 * commit, fail for good (read-only), or be restarted: what was not committed is lost, the rest can
 * be replayed. All of it follows from the seed.
 */
#ifndef TESTS_SUPPORT_TEST_JOURNAL_H
#define TESTS_SUPPORT_TEST_JOURNAL_H

#include "journal/journal.h"

#define TEST_JOURNAL_DELAY_MAX 100

struct test_journal_options {
    uint64_t seed;
    uint32_t delay_max;        // turns; at most TEST_JOURNAL_DELAY_MAX. 0 commits at the next turn
    uint32_t full_per_million; // chance that a submit is refused with CL_ERR_FULL
    uint32_t read_only_per_million; // chance that a turn fails for good
    uint32_t refused_per_million;   // chance that a command is taken, and refused at its turn
};

struct test_journal_counts {
    uint64_t submitted;
    uint64_t committed;
    uint64_t refused; // full
    uint64_t lost;    // submitted, never committed, and nobody is told
    uint64_t late;    // refused when they should have been committed
    uint64_t restarts;
};

/* NULL without memory. cl_journal_close ends it. */
struct cl_journal *test_journal_open(const struct test_journal_options *options);

/* From now on read-only; what is not committed is lost. */
void test_journal_fail(struct cl_journal *journal);
/* From now on that is the chance that a command is taken, and refused at its turn. */
void test_journal_refuse(struct cl_journal *journal, uint32_t per_million);
/* As after a crash of the relay: open again; what was not committed is lost, and what was
 * committed but has not come out of `next` will not: cl_journal_replay brings all of it. */
void test_journal_restart(struct cl_journal *journal);
/* How many commands wait for their commit. */
uint64_t test_journal_waiting(const struct cl_journal *journal);
struct test_journal_counts test_journal_counts(const struct cl_journal *journal);

#endif
