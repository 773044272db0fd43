// SPDX-License-Identifier: MIT
#include "journal/memory.h"

#include "base/limits.h"
#include "support/fault.h"
#include "support/test.h"

static struct cl_command *
command_of(uint64_t ticket)
{
    struct cl_command draft = {
        .kind = CL_COMMAND_ATTACH, .ticket = ticket, .attach = {.agent = CL_STR("a")}};
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

TEST(a_turn_commits_what_was_submitted_in_order)
{
    struct cl_journal *journal = cl_journal_memory_open();
    CHECK_OK(cl_journal_submit(journal, command_of(1)));
    CHECK_OK(cl_journal_submit(journal, command_of(2)));
    CHECK_INT(next_ticket(journal), 0);
    cl_journal_turn(journal);
    CHECK_OK(cl_journal_submit(journal, command_of(3)));
    CHECK_INT(next_ticket(journal), 1);
    CHECK_INT(next_ticket(journal), 2);
    CHECK_INT(next_ticket(journal), 0);
    cl_journal_turn(journal);
    CHECK_INT(next_ticket(journal), 3);
    cl_journal_turn(journal);
    CHECK_INT(next_ticket(journal), 0);
    CHECK_INT(cl_journal_state(journal), CL_JOURNAL_OPEN);
    cl_journal_close(journal);
}

TEST(commands_pass_as_pointers)
{
    struct cl_journal *journal = cl_journal_memory_open();
    struct cl_command *command = command_of(1);
    CHECK_OK(cl_journal_submit(journal, command));
    cl_journal_turn(journal);
    CHECK(cl_journal_next(journal) == command);
    cl_command_free(command);
    cl_journal_close(journal);
}

TEST(closing_frees_what_did_not_come_out)
{
    struct cl_journal *journal = cl_journal_memory_open();
    CHECK_OK(cl_journal_submit(journal, command_of(1)));
    cl_journal_turn(journal);
    CHECK_OK(cl_journal_submit(journal, command_of(2)));
    cl_journal_close(journal);
    cl_journal_close(NULL);
}

TEST(too_many_waiting_commands_are_refused)
{
    struct cl_journal *journal = cl_journal_memory_open();
    for (unsigned i = 0; i < CL_JOURNAL_WAITING_MAX; i++)
        CHECK_OK(cl_journal_submit(journal, command_of(1 + i)));
    struct cl_command *late = command_of(9);
    CHECK_INT(cl_journal_submit(journal, late), CL_ERR_FULL);
    cl_journal_turn(journal);
    CHECK_INT(cl_journal_submit(journal, late), CL_ERR_FULL); // committed ones still wait
    CHECK_INT(next_ticket(journal), 1);
    CHECK_OK(cl_journal_submit(journal, late));
    cl_journal_close(journal);
}

TEST(a_replay_brings_nothing)
{
    static const cl_hash_key key = {{0}};
    struct cl_core *core = cl_core_new(&key);
    struct cl_journal *journal = cl_journal_memory_open();
    struct cl_core *same = core;
    CHECK_OK(cl_journal_replay(journal, &key, &same));
    CHECK(same == core);
    CHECK(cl_journal_refused(journal) == NULL);
    CHECK(!cl_journal_watch(journal, NULL, NULL));
    CHECK_INT(cl_core_applied(core), 0);
    cl_journal_close(journal);
    cl_core_free(core);
}

TEST(without_memory_nothing_opens)
{
    FOR_EACH_FAULT
    {
        struct cl_journal *journal = cl_journal_memory_open();
        CHECK((journal == NULL) == fault_happened());
        cl_journal_close(journal);
    }
}
