// SPDX-License-Identifier: MIT
#include "support/test_journal.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "support/rng.h"

/* One encoded command; in the order of submission. */
struct record {
    struct cl_link link;
    uint64_t due; // turn at which it commits
    size_t len;
    char bytes[];
};

struct test_journal {
    struct cl_journal journal;
    struct test_journal_options options;
    struct test_journal_counts counts;
    enum cl_journal_state state;
    struct rng random;
    uint64_t turns;
    struct cl_list waiting;
    struct cl_list refused;   // should have been committed
    struct cl_list committed; // of this run and those before
    struct cl_link *handed;   // the last committed one that came out of `next`
};

static struct test_journal *
test_of(struct cl_journal *journal)
{
    return CL_LIST_ENTRY(journal, struct test_journal, journal);
}

static struct record *
record_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct record, link);
}

static bool
chance(struct test_journal *test, uint32_t per_million)
{
    return rng_below(&test->random, 1000000) < per_million;
}

static void
lose_waiting(struct test_journal *test)
{
    CL_LIST_EACH(&test->waiting, at)
    {
        cl_list_remove(at);
        cl_free(record_at(at));
        test->counts.lost++;
    }
}

static void
forget_all(struct cl_list *list)
{
    CL_LIST_EACH(list, at)
    {
        cl_list_remove(at);
        cl_free(record_at(at));
    }
}

void
test_journal_fail(struct cl_journal *journal)
{
    struct test_journal *test = test_of(journal);
    test->state = CL_JOURNAL_READ_ONLY;
    lose_waiting(test);
}

void
test_journal_refuse(struct cl_journal *journal, uint32_t per_million)
{
    test_of(journal)->options.refused_per_million = per_million;
}

void
test_journal_restart(struct cl_journal *journal)
{
    struct test_journal *test = test_of(journal);
    test->state = CL_JOURNAL_OPEN;
    test->handed = test->committed.head.prev;
    test->counts.restarts++;
    lose_waiting(test);
    forget_all(&test->refused);
}

uint64_t
test_journal_waiting(const struct cl_journal *journal)
{
    const struct test_journal_counts counts = test_journal_counts(journal);
    return counts.submitted - counts.committed - counts.lost - counts.late;
}

struct test_journal_counts
test_journal_counts(const struct cl_journal *journal)
{
    return ((const struct test_journal *)(const void *)journal)->counts;
}

/* -- the interface ------------------------------------------------------------------------- */

static enum cl_err
submit(struct cl_journal *journal, struct cl_command *command)
{
    struct test_journal *test = test_of(journal);
    if (test->state == CL_JOURNAL_READ_ONLY)
        return CL_ERR_READ_ONLY;
    if (test_journal_waiting(journal) >= CL_JOURNAL_WAITING_MAX ||
        chance(test, test->options.full_per_million)) {
        test->counts.refused++;
        return CL_ERR_FULL;
    }
    struct cl_buf buf;
    cl_buf_init(&buf, SIZE_MAX);
    enum cl_err err = cl_command_encode(command, &buf);
    struct record *record = err == CL_OK ? cl_alloc(sizeof *record + buf.len) : NULL;
    if (record != NULL) {
        record->due = test->turns + 1 + rng_below(&test->random, test->options.delay_max + 1);
        record->len = buf.len;
        memcpy(record->bytes, buf.ptr, buf.len);
        cl_list_append(&test->waiting, &record->link);
        test->counts.submitted++;
        cl_command_free(command);
    }
    cl_buf_done(&buf);
    return record != NULL ? CL_OK : CL_ERR_FULL; // without memory: later perhaps
}

static void
turn(struct cl_journal *journal)
{
    struct test_journal *test = test_of(journal);
    test->turns++;
    if (test->state == CL_JOURNAL_READ_ONLY)
        return;
    if (chance(test, test->options.read_only_per_million)) {
        test_journal_fail(journal);
        return;
    }
    CL_LIST_EACH(&test->waiting, at)
    {
        if (record_at(at)->due > test->turns)
            break; // order is kept: the ones behind wait too
        bool is_refused = chance(test, test->options.refused_per_million);
        cl_list_remove(at);
        cl_list_append(is_refused ? &test->refused : &test->committed, at);
        test->counts.late += is_refused;
        test->counts.committed += !is_refused;
    }
}

/* The command of a committed record. What was encoded here must decode. */
static enum cl_err
decode(struct cl_link *link, struct cl_command **ret_command)
{
    struct record *record = record_at(link);
    enum cl_err err = cl_command_decode(cl_str_of(record->bytes, record->len), ret_command);
    CL_ASSERT(err == CL_OK || err == CL_ERR_NO_MEMORY);
    return err;
}

static struct cl_command *
next(struct cl_journal *journal)
{
    struct test_journal *test = test_of(journal);
    struct cl_link *link = test->handed->next;
    struct cl_command *command;
    if (link == &test->committed.head || decode(link, &command) != CL_OK)
        return NULL;
    test->handed = link;
    return command;
}

static struct cl_command *
refused(struct cl_journal *journal)
{
    struct cl_link *link = cl_list_first(&test_of(journal)->refused);
    struct cl_command *command;
    if (link == NULL || decode(link, &command) != CL_OK)
        return NULL;
    cl_list_remove(link);
    cl_free(record_at(link));
    return command;
}

static enum cl_journal_state
state(const struct cl_journal *journal)
{
    return ((const struct test_journal *)(const void *)journal)->state;
}

static enum cl_err
replay(struct cl_journal *journal, const cl_hash_key *hash_key, struct cl_core **core)
{
    struct test_journal *test = test_of(journal);
    struct cl_effects effects;
    enum cl_err err = CL_OK;
    (void)hash_key; // the core stays the same
    cl_effects_init(&effects);
    CL_LIST_EACH(&test->committed, at)
    {
        struct cl_command *command;
        err = decode(at, &command);
        if (err != CL_OK)
            break;
        cl_effects_clear(&effects);
        cl_core_apply(*core, command, &effects);
        cl_command_free(command);
    }
    cl_effects_done(&effects);
    return err;
}

static void
close_test(struct cl_journal *journal)
{
    struct test_journal *test = test_of(journal);
    lose_waiting(test);
    forget_all(&test->refused);
    forget_all(&test->committed);
    cl_free(test);
}

struct cl_journal *
test_journal_open(const struct test_journal_options *options)
{
    static const struct cl_journal_ops ops = {.submit = submit,
                                              .turn = turn,
                                              .next = next,
                                              .refused = refused,
                                              .state = state,
                                              .replay = replay,
                                              .close = close_test};
    CL_ASSERT(options->delay_max <= TEST_JOURNAL_DELAY_MAX);
    struct test_journal *test = cl_alloc(sizeof *test);
    if (test == NULL)
        return NULL;
    test->journal.ops = &ops;
    test->options = *options;
    test->random.state = options->seed;
    cl_list_init(&test->waiting);
    cl_list_init(&test->refused);
    cl_list_init(&test->committed);
    test->handed = &test->committed.head;
    return &test->journal;
}
