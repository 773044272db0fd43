// SPDX-License-Identifier: MIT
#include "journal/memory.h"

#include "base/alloc.h"
#include "base/limits.h"

struct memory {
    struct cl_journal journal;
    struct cl_list submitted;
    struct cl_list committed;
    uint32_t waiting; // in both
};

static struct memory *
memory_of(struct cl_journal *journal)
{
    return CL_LIST_ENTRY(journal, struct memory, journal);
}

static enum cl_err
submit(struct cl_journal *journal, struct cl_command *command)
{
    struct memory *memory = memory_of(journal);
    if (memory->waiting >= CL_JOURNAL_WAITING_MAX)
        return CL_ERR_FULL;
    memory->waiting++;
    cl_list_append(&memory->submitted, &command->link);
    return CL_OK;
}

static void
turn(struct cl_journal *journal)
{
    struct memory *memory = memory_of(journal);
    cl_list_splice(&memory->committed, &memory->submitted);
}

static struct cl_command *
next(struct cl_journal *journal)
{
    struct memory *memory = memory_of(journal);
    struct cl_link *link = cl_list_first(&memory->committed);
    if (link == NULL)
        return NULL;
    memory->waiting--;
    cl_list_remove(link);
    return CL_LIST_ENTRY(link, struct cl_command, link);
}

static enum cl_journal_state
state(const struct cl_journal *journal)
{
    (void)journal;
    return CL_JOURNAL_OPEN;
}

static enum cl_err
replay(struct cl_journal *journal, const cl_hash_key *hash_key, struct cl_core **core)
{
    (void)journal; // nothing outlives a run
    (void)hash_key;
    (void)core;
    return CL_OK;
}

static void
close_memory(struct cl_journal *journal)
{
    struct cl_command *command;
    turn(journal);
    while ((command = next(journal)) != NULL)
        cl_command_free(command);
    cl_free(memory_of(journal));
}

struct cl_journal *
cl_journal_memory_open(void)
{
    static const struct cl_journal_ops ops = {.submit = submit,
                                              .turn = turn,
                                              .next = next,
                                              .state = state,
                                              .replay = replay,
                                              .close = close_memory};
    struct memory *memory = cl_alloc(sizeof *memory);
    if (memory == NULL)
        return NULL;
    memory->journal.ops = &ops;
    cl_list_init(&memory->submitted);
    cl_list_init(&memory->committed);
    return &memory->journal;
}
