// SPDX-License-Identifier: MIT
#include <string.h>

#include "support/fault.h"
#include "support/test.h"
#include "support/test_journal.h"

static const cl_hash_key key = {{5}};

static struct cl_command *
command_of(uint64_t ticket)
{
    struct cl_command draft = {.kind = CL_COMMAND_REGISTER,
                               .time = {(int64_t)ticket},
                               .ticket = ticket,
                               .registration = {.agent = cl_str_of(&ticket, sizeof ticket)}};
    struct cl_command *command = cl_command_new(&draft);
    CHECK(command != NULL);
    return command;
}

static uint64_t
next_ticket(struct cl_journal *journal)
{
    struct cl_command *command = cl_journal_next(journal);
    uint64_t ticket = command == NULL ? 0 : command->ticket;
    cl_command_free(command);
    return ticket;
}

/* Applies what comes out; returns how many. */
static unsigned
apply_committed(struct cl_journal *journal, struct cl_core *core)
{
    unsigned count = 0;
    struct cl_command *command;
    struct cl_effects effects;
    cl_effects_init(&effects);
    while ((command = cl_journal_next(journal)) != NULL) {
        cl_core_apply(core, command, &effects);
        cl_command_free(command);
        count++;
    }
    cl_effects_done(&effects);
    return count;
}

TEST(commits_come_late_but_in_order_and_all_of_them)
{
    struct test_journal_options options = {.seed = 4, .delay_max = TEST_JOURNAL_DELAY_MAX};
    struct cl_journal *journal = test_journal_open(&options);
    uint64_t expected = 1;
    unsigned late = 0;
    for (uint64_t i = 1; i <= 500; i++) {
        CHECK_OK(cl_journal_submit(journal, command_of(i)));
        cl_journal_turn(journal);
        for (uint64_t got; (got = next_ticket(journal)) != 0; expected++)
            CHECK_INT(got, expected);
        late += expected <= i;
    }
    CHECK(late > 100);
    for (unsigned i = 0; i <= TEST_JOURNAL_DELAY_MAX; i++)
        cl_journal_turn(journal);
    CHECK_INT(test_journal_waiting(journal), 0);
    for (uint64_t got; (got = next_ticket(journal)) != 0; expected++)
        CHECK_INT(got, expected);
    CHECK_INT(expected, 501);
    cl_journal_close(journal);
}

TEST(without_delay_it_commits_at_the_turn)
{
    struct test_journal_options options = {.seed = 1};
    struct cl_journal *journal = test_journal_open(&options);
    CHECK_OK(cl_journal_submit(journal, command_of(1)));
    CHECK_INT(next_ticket(journal), 0);
    cl_journal_turn(journal);
    CHECK_INT(next_ticket(journal), 1);
    cl_journal_close(journal);
}

TEST(it_refuses_as_often_as_asked)
{
    struct test_journal_options options = {.seed = 2, .full_per_million = 250000};
    struct cl_journal *journal = test_journal_open(&options);
    unsigned refused = 0;
    for (uint64_t i = 1; i <= 1000; i++) {
        struct cl_command *command = command_of(i);
        enum cl_err err = cl_journal_submit(journal, command);
        if (err != CL_OK) {
            CHECK_INT(err, CL_ERR_FULL);
            cl_command_free(command);
            refused++;
        }
    }
    CHECK(refused > 200 && refused < 300);
    CHECK_INT(test_journal_counts(journal).refused, refused);
    cl_journal_close(journal);
}

TEST(it_refuses_commands_that_it_took_as_often_as_asked)
{
    struct test_journal_options options = {.seed = 5, .refused_per_million = 250000};
    struct cl_journal *journal = test_journal_open(&options);
    struct cl_command *command;
    uint64_t expected_sum = 0, sum = 0;
    for (uint64_t i = 1; i <= 1000; i++) {
        CHECK_OK(cl_journal_submit(journal, command_of(i)));
        expected_sum += i;
    }
    cl_journal_turn(journal);
    CHECK_INT(test_journal_waiting(journal), 0);
    for (uint64_t got; (got = next_ticket(journal)) != 0;)
        sum += got;
    unsigned refused = 0;
    for (uint64_t before = 0; (command = cl_journal_refused(journal)) != NULL; refused++) {
        CHECK(command->ticket > before); // in order, too
        before = command->ticket;
        sum += before;
        cl_command_free(command);
    }
    CHECK_INT(sum, expected_sum); // each came out here or there
    CHECK(refused > 200 && refused < 300);
    CHECK_INT(test_journal_counts(journal).late, refused);
    struct cl_core *core = cl_core_new(&key);
    test_journal_restart(journal);
    CHECK_OK(cl_journal_replay(journal, &key, &core));
    CHECK_INT(cl_core_applied(core), 1000 - refused);
    cl_core_free(core);
    cl_journal_close(journal);
}

TEST(read_only_loses_what_was_not_committed_and_keeps_the_rest)
{
    struct test_journal_options options = {.seed = 3};
    struct cl_journal *journal = test_journal_open(&options);
    CHECK_OK(cl_journal_submit(journal, command_of(1)));
    cl_journal_turn(journal);
    CHECK_OK(cl_journal_submit(journal, command_of(2)));
    test_journal_fail(journal);
    CHECK_INT(cl_journal_state(journal), CL_JOURNAL_READ_ONLY);
    struct cl_command *late = command_of(3);
    CHECK_INT(cl_journal_submit(journal, late), CL_ERR_READ_ONLY);
    cl_command_free(late);
    cl_journal_turn(journal);
    CHECK_INT(next_ticket(journal), 1);
    CHECK_INT(next_ticket(journal), 0);
    CHECK_INT(test_journal_counts(journal).lost, 1);
    cl_journal_close(journal);
}

TEST(it_fails_for_good_by_chance)
{
    struct test_journal_options options = {.seed = 6, .read_only_per_million = 100000};
    struct cl_journal *journal = test_journal_open(&options);
    unsigned turns = 0;
    while (cl_journal_state(journal) == CL_JOURNAL_OPEN && turns < 1000) {
        cl_journal_turn(journal);
        turns++;
    }
    CHECK(turns > 1 && turns < 200);
    cl_journal_close(journal);
}

TEST(after_a_restart_a_replay_gives_the_same_state)
{
    struct test_journal_options options = {.seed = 8, .delay_max = 10};
    struct cl_journal *journal = test_journal_open(&options);
    struct cl_core *core = cl_core_new(&key);
    for (uint64_t i = 1; i <= 100; i++) {
        CHECK_OK(cl_journal_submit(journal, command_of(i)));
        cl_journal_turn(journal);
        (void)apply_committed(journal, core);
    }
    CHECK(test_journal_waiting(journal) > 0);
    test_journal_restart(journal);
    CHECK_INT(test_journal_waiting(journal), 0);
    CHECK_INT(next_ticket(journal), 0);

    static const cl_hash_key other_key = {{6}};
    struct cl_core *again = cl_core_new(&other_key);
    cl_hash128 first_hash;
    cl_hash128 hash;
    CHECK_OK(cl_journal_replay(journal, &other_key, &again));
    CHECK_OK(cl_core_hash(core, &first_hash));
    CHECK_OK(cl_core_hash(again, &hash));
    CHECK(memcmp(&first_hash, &hash, sizeof hash) == 0);
    CHECK_OK(cl_journal_submit(journal, command_of(1000)));
    for (unsigned i = 0; i <= 10; i++)
        cl_journal_turn(journal);
    CHECK_INT(next_ticket(journal), 1000);
    CHECK_INT(test_journal_counts(journal).restarts, 1);
    cl_core_free(core);
    cl_core_free(again);
    cl_journal_close(journal);
}

TEST(a_restart_opens_a_failed_journal_again)
{
    struct test_journal_options options = {.seed = 9};
    struct cl_journal *journal = test_journal_open(&options);
    CHECK_OK(cl_journal_submit(journal, command_of(1)));
    cl_journal_turn(journal);
    test_journal_fail(journal);
    test_journal_restart(journal);
    CHECK_INT(cl_journal_state(journal), CL_JOURNAL_OPEN);
    CHECK_INT(next_ticket(journal), 0); // committed, but only a replay brings it now
    struct cl_core *core = cl_core_new(&key);
    CHECK_OK(cl_journal_replay(journal, &key, &core));
    CHECK_INT(cl_core_applied(core), 1);
    cl_core_free(core);
    cl_journal_close(journal);
}

TEST(without_memory_a_submit_is_refused_and_nothing_leaks)
{
    FOR_EACH_FAULT
    {
        struct test_journal_options options = {.seed = 1};
        struct cl_journal *journal = test_journal_open(&options);
        struct cl_command draft = {.kind = CL_COMMAND_ATTACH, .attach = {.agent = CL_STR("a")}};
        struct cl_command *command = journal == NULL ? NULL : cl_command_new(&draft);
        if (command != NULL && cl_journal_submit(journal, command) != CL_OK) {
            CHECK(fault_happened());
            cl_command_free(command);
        }
        if (journal != NULL)
            cl_journal_turn(journal);
        struct cl_command *out = journal == NULL ? NULL : cl_journal_next(journal);
        CHECK((out != NULL) == !fault_happened());
        cl_command_free(out);
        cl_journal_close(journal);
    }
}
