// SPDX-License-Identifier: MIT
/*
 * tests/sim/journal.h - what the world's journal stands on: memory that forgets what was not
 * committed (journal_test.c), or the relay's own log on a disk whose power fails
 * (disk/journal_disk.c). Each program has one of them.
 */
#ifndef TESTS_SIM_JOURNAL_H
#define TESTS_SIM_JOURNAL_H

#include "core/core.h"
#include "support/test_journal.h"

struct sim_journal {
    struct cl_journal *(*open)(const struct test_journal_options *options);
    /* The relay died; all that was committed has come out of `next`. Opens it again, and returns
     * how many commands that were submitted are lost. cl_journal_replay then brings what had come
     * out, and no more. */
    uint64_t (*restart)(struct cl_journal *journal);
    /* Commands that wait for their commit. */
    uint64_t (*waiting)(const struct cl_journal *journal);
    /* Behind a restart: commands that are there though nobody had been told. They are the first
     * of those that were submitted, and `next` has them. */
    uint64_t (*found)(const struct cl_journal *journal);
    /* Keeps that state, of all that came out, if it will. */
    void (*keep)(struct cl_journal *journal, const struct cl_core *core);
    /* Prints counters of its own faults; returns how many are zero. */
    unsigned (*show)(void);
};

extern const struct sim_journal sim_journal;

#endif
