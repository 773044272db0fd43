// SPDX-License-Identifier: MIT
#include "journal/sqlite.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "journal/disklog.h"
#include "support/crash_vfs.h"
#include "support/fault.h"
#include "support/rng.h"
#include "support/test.h"

static const cl_hash_key key = {{5}};
static const struct cl_disklog_kind kind = {.purpose = CL_JOURNAL_SQLITE_PURPOSE,
                                            .version = CL_JOURNAL_SQLITE_VERSION};

static char folder[64];
static char path[96];
static int wakes[2]; // a pipe: a byte for each call
static struct cl_journal *journal;
static struct cl_core *core; // what came out so far, applied
static uint64_t submitted;   // the ticket of the last
static uint64_t refused;

static void
wake(void *ctx)
{
    (void)ctx;
    if (write(wakes[1], "!", 1) != 1)
        abort();
}

static void
open_it(void)
{
    struct cl_why why = {""};
    enum cl_err err = cl_journal_sqlite_open(folder, &journal, &why);
    if (err != CL_OK)
        test_fail(__FILE__, __LINE__, "%s", why.text);
    CHECK(cl_journal_watch(journal, wake, NULL));
}

static void
begin(uint64_t seed)
{
    crash_vfs_install();
    crash_vfs_reset(seed);
    (void)snprintf(folder, sizeof folder, "%s/clawlink-sqlite-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"); // thousands of syncs
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/journal.db", folder);
    CHECK_INT(pipe(wakes), 0);
    core = cl_core_new(&key);
    submitted = refused = 0;
    open_it();
}

static void
remove_files(const char *file)
{
    char name[sizeof path + 16];
    static const char *const names[] = {"",      "-wal",      "-journal",
                                        ".disk", "-wal.disk", "-journal.disk"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(name, sizeof name, "%s%s", file, names[i]);
        (void)unlink(name);
    }
}

static void
end(void)
{
    cl_journal_close(journal);
    cl_core_free(core);
    (void)close(wakes[0]);
    (void)close(wakes[1]);
    remove_files(path);
    CHECK_INT(rmdir(folder), 0);
}

/* Agents that register: each has a name of its own, so that a state tells who is in it. */
static enum cl_err
submit(void)
{
    uint64_t ticket = submitted + 1;
    struct cl_command draft = {.kind = CL_COMMAND_REGISTER,
                               .time = {(int64_t)ticket},
                               .ticket = ticket,
                               .registration = {.agent = cl_str_of(&ticket, sizeof ticket)}};
    struct cl_command *command = cl_command_new(&draft);
    CHECK(command != NULL);
    enum cl_err err = cl_journal_submit(journal, command);
    if (err == CL_OK)
        submitted++;
    else
        cl_command_free(command);
    return err;
}

/* One turn; how many came out either way. */
static unsigned
take_turn(void)
{
    struct cl_command *command;
    struct cl_effects effects;
    unsigned out = 0;
    cl_effects_init(&effects);
    cl_journal_turn(journal);
    for (; (command = cl_journal_next(journal)) != NULL; out++) {
        cl_effects_clear(&effects);
        cl_core_apply(core, command, &effects);
        cl_command_free(command);
    }
    for (; (command = cl_journal_refused(journal)) != NULL; out++) {
        refused++;
        cl_command_free(command);
    }
    cl_effects_done(&effects);
    cl_journal_note(journal, core);
    return out;
}

/* Turns, each when it is woken, until so many came out or the journal has failed. */
static void
take(unsigned len)
{
    char byte;
    while ((len -= take_turn()) > 0 && cl_journal_state(journal) == CL_JOURNAL_OPEN)
        CHECK_INT(read(wakes[0], &byte, 1), 1);
}

static void
put(unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        CHECK_OK(submit());
    take(len);
}

/* The state that a replay gives. */
static struct cl_core *
replayed(void)
{
    static const cl_hash_key other = {{6}};
    struct cl_core *found = cl_core_new(&other);
    CHECK_OK(cl_journal_replay(journal, &other, &found));
    return found;
}

static void
check_replay(void)
{
    struct cl_core *found = replayed();
    cl_hash128 one, two;
    CHECK_INT(cl_core_applied(found), cl_core_applied(core));
    CHECK_OK(cl_core_hash(found, &one));
    CHECK_OK(cl_core_hash(core, &two));
    CHECK(memcmp(&one, &two, sizeof one) == 0);
    cl_core_free(found);
}

static void
reopen(void)
{
    cl_journal_close(journal);
    open_it();
}

TEST(what_comes_out_is_there_after_a_restart)
{
    begin(1);
    put(1);
    put(500);
    CHECK_INT(cl_core_applied(core), 501);
    reopen();
    check_replay();
    put(3);
    reopen();
    check_replay();
    CHECK_INT(refused, 0);
    end();
}

TEST(nothing_comes_out_before_its_turn)
{
    begin(1);
    CHECK_OK(submit());
    CHECK(cl_journal_next(journal) == NULL);
    CHECK(cl_journal_refused(journal) == NULL);
    take(1);
    CHECK_INT(cl_core_applied(core), 1);
    CHECK_INT(take_turn(), 0);
    end();
}

TEST(what_was_handed_over_is_committed_at_the_end)
{
    begin(1);
    put(1);
    for (unsigned i = 0; i < 100; i++)
        CHECK_OK(submit());
    cl_journal_turn(journal);
    for (unsigned i = 0; i < 10; i++)
        CHECK_OK(submit()); // these had no turn
    reopen();
    struct cl_core *found = replayed();
    CHECK_INT(cl_core_applied(found), 101);
    cl_core_free(found);
    end();
}

TEST(nobody_is_woken_who_does_not_watch)
{
    char byte;
    begin(1);
    CHECK(cl_journal_watch(journal, NULL, NULL));
    CHECK_OK(submit());
    cl_journal_turn(journal);
    reopen(); // so it is done
    (void)close(wakes[1]);
    wakes[1] = -1;
    CHECK_INT(read(wakes[0], &byte, 1), 0);
    end();
}

TEST(more_than_may_wait_is_refused_at_once)
{
    begin(1);
    for (unsigned i = 0; i < CL_JOURNAL_WAITING_MAX; i++)
        CHECK_OK(submit());
    CHECK_INT(submit(), CL_ERR_FULL);
    take(CL_JOURNAL_WAITING_MAX);
    put(1);
    end();
}

TEST(full_disk_refuses_and_later_takes_again)
{
    begin(1);
    put(10);
    crash_vfs_plan(CRASH_VFS_FULL, 0);
    put(5);
    CHECK_INT(refused, 5);
    CHECK_INT(cl_core_applied(core), 10);
    CHECK_INT(cl_journal_state(journal), CL_JOURNAL_OPEN);
    crash_vfs_plan(CRASH_VFS_NONE, 0);
    put(5);
    CHECK_INT(refused, 5);
    CHECK_INT(cl_core_applied(core), 15);
    reopen();
    check_replay();
    end();
}

static void
fail(enum crash_vfs_fault fault)
{
    begin(1);
    put(10);
    crash_vfs_plan(fault, 0);
    put(5);
    CHECK_INT(cl_journal_state(journal), CL_JOURNAL_READ_ONLY);
    CHECK_INT(cl_core_applied(core), 10);
    CHECK_INT(refused, 0);
    CHECK_INT(submit(), CL_ERR_READ_ONLY);
    CHECK_INT(take_turn(), 0);
    reopen();
    CHECK_INT(cl_journal_state(journal), CL_JOURNAL_OPEN);
    struct cl_core *found = replayed();
    uint64_t applied = cl_core_applied(found);
    CHECK(applied == 10 || applied == 15); // nobody knew, and now it is so for good
    cl_core_free(core);
    core = found;
    put(1);
    reopen();
    check_replay();
    end();
}

TEST(failed_write_makes_it_read_only)
{
    fail(CRASH_VFS_WRITE_ERROR);
}

TEST(failed_sync_makes_it_read_only)
{
    fail(CRASH_VFS_SYNC_ERROR);
}

/* At any moment: what came out is there, and what is there is the beginning of what went in. */
TEST(power_failures_lose_nothing_that_came_out)
{
    struct rng rng = {.state = 1};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        test_note("seed %llu", (unsigned long long)seed);
        begin(seed);
        crash_vfs_plan(CRASH_VFS_POWER, (uint32_t)rng_below(&rng, 200));
        while (cl_journal_state(journal) == CL_JOURNAL_OPEN)
            put(1 + (unsigned)rng_below(&rng, 40));
        cl_journal_close(journal);
        crash_vfs_restart();
        open_it();
        struct cl_core *found = replayed();
        uint64_t applied = cl_core_applied(found);
        CHECK(applied >= cl_core_applied(core) && applied <= submitted);
        const struct cl_agent *agent = NULL;
        for (uint64_t i = 1; i <= applied; i++) {
            agent = cl_core_agent_next(found, agent);
            CHECK_STR(agent->id, cl_str_of(&i, sizeof i));
        }
        cl_core_free(found);
        end();
    }
}

/* -- snapshots --------------------------------------------------------------------------------- */

/* Waits, woken, until there is news. */
static struct cl_journal_news
news(void)
{
    struct cl_journal_news found;
    char byte;
    while (!cl_journal_news(journal, &found))
        CHECK_INT(read(wakes[0], &byte, 1), 1);
    return found;
}

static struct cl_disklog_holds
holds(void)
{
    struct cl_disklog *log;
    cl_journal_close(journal);
    CHECK_OK(cl_disklog_open(path, kind, &log, NULL));
    struct cl_disklog_holds found = cl_disklog_holds(log);
    cl_disklog_close(log);
    open_it();
    return found;
}

TEST(long_log_becomes_a_snapshot_and_is_tidied_away)
{
    struct cl_journal_news got;
    uint64_t before = 0;
    begin(1);
    cl_journal_sqlite_set_snapshot_bytes(journal, 2000);
    for (unsigned i = 0; i < 5;) {
        put(7);
        if (!cl_journal_news(journal, &got))
            continue;
        CHECK_INT(got.kind, CL_JOURNAL_SNAPSHOT);
        CHECK_OK(got.err);
        CHECK(got.bytes > 1000 && got.commands > before);
        before = got.commands;
        i++;
    }
    struct cl_disklog_holds found = holds();
    CHECK_INT(found.snapshot, before);
    CHECK(found.first > 100);
    struct cl_journal_about about = cl_journal_about(journal);
    CHECK_INT(about.snapshot, found.snapshot);
    CHECK_INT(about.snapshot + about.commands, cl_core_applied(core));
    check_replay();
    put(1);
    reopen();
    check_replay();
    end();
}

TEST(snapshot_that_differs_from_the_live_state_is_told_and_not_kept)
{
    begin(1);
    put(5);
    cl_journal_sqlite_set_snapshot_bytes(journal, 1);
    journal->ops->note(journal, 5, cl_core_trail(core) + 1); // as one that went wrong would say
    CHECK_INT(news().err, CL_ERR_INTERNAL);
    CHECK_INT(holds().snapshot, 0);
    cl_journal_sqlite_set_snapshot_bytes(journal, 1);
    put(1);
    CHECK_OK(news().err);
    CHECK_INT(holds().snapshot, 6);
    end();
}

/* Begins a copy as soon as there is none under way; the one before it has been told then. */
static void
copy_to(const char *name)
{
    char file[96];
    int len = snprintf(file, sizeof file, "%s/%s", folder, name);
    enum cl_err err;
    while ((err = cl_journal_copy(journal, cl_str_of(file, (size_t)len))) == CL_ERR_UNAVAILABLE)
        (void)sched_yield();
    CHECK_OK(err);
}

TEST(snapshot_and_copy_are_both_told)
{
    static const char *const names[] = {"a", "b", "c"};
    struct cl_journal_news found;
    char file[96];
    begin(1);
    cl_journal_sqlite_set_snapshot_bytes(journal, 1);
    copy_to("a");
    put(1);
    copy_to("b");
    copy_to("c"); // the snapshot came before b, and b was told
    CHECK(cl_journal_news(journal, &found));
    CHECK_INT(found.kind, CL_JOURNAL_SNAPSHOT);
    CHECK_OK(found.err);
    CHECK(cl_journal_news(journal, &found));
    CHECK_INT(found.kind, CL_JOURNAL_COPY);
    if (found.err != CL_OK)
        test_fail(__FILE__, __LINE__, "%s", found.why.text);
    cl_journal_close(journal);
    journal = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(file, sizeof file, "%s/%s", folder, names[i]);
        remove_files(file);
    }
    end();
}

TEST(snapshot_at_the_end_makes_the_next_start_quick)
{
    struct cl_journal_news found;
    begin(1);
    put(200);
    CHECK(cl_journal_rest(journal, core, &found));
    CHECK_OK(found.err);
    CHECK_INT(found.commands, 200);
    CHECK_INT(submit(), CL_ERR_READ_ONLY);
    CHECK(!cl_journal_rest(journal, core, &found)); // it is there
    reopen();
    CHECK_INT(cl_journal_about(journal).snapshot, 200);
    CHECK_INT(cl_journal_about(journal).commands, 0);
    check_replay();
    put(3);
    reopen();
    check_replay();
    CHECK(!cl_journal_rest(journal, core, &found)); // three commands are read as soon
    reopen();
    check_replay();
    put(1); // and what the snapshot stands for goes
    CHECK(holds().first > 200);
    end();
}

TEST(state_that_is_not_that_of_the_log_is_not_kept_at_the_end)
{
    struct cl_journal_news found;
    begin(1);
    put(5);
    CHECK_OK(submit());
    cl_journal_turn(journal); // committed, and not applied here
    CHECK(!cl_journal_rest(journal, core, &found));
    reopen();
    struct cl_core *six = replayed();
    CHECK_INT(cl_core_applied(six), 6);
    cl_core_free(six);
    end();
}

TEST(power_failures_while_snapshots_are_made_lose_nothing)
{
    struct rng rng = {.state = 7};
    unsigned snapshots = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct cl_journal_news found;
        test_note("seed %llu", (unsigned long long)seed);
        begin(seed);
        cl_journal_sqlite_set_snapshot_bytes(journal, 1500);
        crash_vfs_plan(CRASH_VFS_POWER, (uint32_t)rng_below(&rng, 400));
        while (cl_journal_state(journal) == CL_JOURNAL_OPEN) {
            put(1 + (unsigned)rng_below(&rng, 20));
            snapshots += cl_journal_news(journal, &found) && found.err == CL_OK;
        }
        cl_journal_close(journal);
        crash_vfs_restart();
        open_it();
        struct cl_core *back = replayed();
        CHECK(cl_core_applied(back) >= cl_core_applied(core) && cl_core_applied(back) <= submitted);
        if (cl_core_applied(back) == cl_core_applied(core))
            CHECK_INT(cl_core_trail(back), cl_core_trail(core));
        cl_core_free(back);
        end();
    }
    CHECK(snapshots > 20);
}

/* -- what is refused --------------------------------------------------------------------------- */

TEST(second_relay_is_refused)
{
    struct cl_journal *second = NULL;
    struct cl_why why = {""};
    begin(1);
    CHECK_INT(cl_journal_sqlite_open(folder, &second, &why), CL_ERR_UNAVAILABLE);
    CHECK(strstr(why.text, path) != NULL);
    put(1);
    end();
}

TEST(records_that_are_no_commands_are_no_state)
{
    struct cl_disklog *log;
    begin(1);
    put(2);
    cl_journal_close(journal);
    CHECK_OK(cl_disklog_open(path, kind, &log, NULL));
    CHECK_OK(cl_disklog_append(log, CL_STR("not a command")));
    CHECK_OK(cl_disklog_commit(log));
    cl_disklog_close(log);
    open_it();
    struct cl_core *found = cl_core_new(&key);
    CHECK_INT(cl_journal_replay(journal, &key, &found), CL_ERR_MALFORMED);
    cl_core_free(found);
    end();
}

TEST(without_memory_it_does_not_open_or_replay_and_nothing_leaks)
{
    begin(1);
    put(3);
    cl_journal_close(journal);
    FOR_EACH_FAULT
    {
        journal = NULL;
        struct cl_core *found = cl_core_new(&key);
        enum cl_err err =
            found == NULL ? CL_ERR_NO_MEMORY : cl_journal_sqlite_open(folder, &journal, NULL);
        CHECK(err == CL_OK || (fault_happened() && (err == CL_ERR_NO_MEMORY || err == CL_ERR_IO)));
        cl_journal_close(journal);
        cl_core_free(found);
    }
    open_it();
    check_replay();
    end();
}
