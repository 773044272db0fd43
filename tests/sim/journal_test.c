// SPDX-License-Identifier: MIT
#include "sim/journal.h"

static uint64_t
restart(struct cl_journal *journal)
{
    uint64_t lost = test_journal_counts(journal).lost;
    test_journal_restart(journal);
    return test_journal_counts(journal).lost - lost;
}

static uint64_t
found(const struct cl_journal *journal)
{
    (void)journal;
    return 0;
}

static void
keep(struct cl_journal *journal, const struct cl_core *core)
{
    (void)journal;
    (void)core;
}

static unsigned
show(void)
{
    return 0;
}

const struct sim_journal sim_journal = {.open = test_journal_open,
                                        .restart = restart,
                                        .waiting = test_journal_waiting,
                                        .found = found,
                                        .keep = keep,
                                        .show = show};
