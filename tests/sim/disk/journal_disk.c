// SPDX-License-Identifier: MIT
/*
 * The relay's own log (journal/disklog.h) and snapshots under the simulator, on a disk that loses,
 * tears and reorders what was not synced, whose writes and syncs fail, and which fills up
 * (support/crash_vfs.h). The relay's journal has threads; this one does what they do, in turns, so
 * that a seed is a life.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "journal/snapshot.h"
#include "sim/journal.h"
#include "sim/report.h"
#include "support/crash_vfs.h"
#include "support/rng.h"

/* A fault is planned in one of so many turns, and happens within so many writes. */
#define PLAN_TURNS  40
#define PLAN_WRITES 60
/* One turn in so many makes room on a full disk. */
#define ROOM_TURNS 8

/* One encoded command, in the order of submission. */
struct record {
    struct cl_link link;
    uint64_t due; // turn at which it is committed
    size_t len;
    char bytes[];
};

struct disk_journal {
    struct cl_journal journal;
    struct test_journal_options options;
    enum cl_journal_state state;
    struct rng random;
    struct cl_disk disk;
    enum crash_vfs_fault fault; // planned, or under way
    uint64_t turns;
    struct cl_list waiting;
    struct cl_list refused;
    struct cl_list ready; // committed, not yet out
    uint64_t waiting_len;
    uint64_t out;       // commands that came out, ever
    uint64_t in_flight; // of the commit that failed: there or not
    uint64_t found;
    char folder[64];
    char path[96];
};

static struct {
    uint64_t commits;
    uint64_t failed;    // that nobody knows the end of
    uint64_t survived;  // and were there after the restart
    uint64_t full;      // refused for want of room
    uint64_t snapshots; // made
    uint64_t broken;    // that the power or an error ended
    uint64_t restarts;  // with the power gone
} counts;

static struct disk_journal *
disk_of(struct cl_journal *journal)
{
    return CL_LIST_ENTRY(journal, struct disk_journal, journal);
}

static const struct disk_journal *
disk_in(const struct cl_journal *journal)
{
    return (const struct disk_journal *)(const void *)journal;
}

static struct record *
record_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct record, link);
}

static bool
chance(struct disk_journal *disk, uint32_t per_million)
{
    return rng_below(&disk->random, 1000000) < per_million;
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

static struct record *
record_new(cl_str bytes)
{
    struct record *record = cl_alloc_or_die(sizeof *record + bytes.len);
    record->len = bytes.len;
    memcpy(record->bytes, bytes.ptr, bytes.len);
    return record;
}

/* -- the file ---------------------------------------------------------------------------------- */

static void
open_log(struct disk_journal *disk)
{
    const struct cl_disklog_kind kind = {.purpose = 1, .version = 1};
    struct cl_disklog *log;
    struct cl_why why;
    enum cl_err err = cl_disklog_open(disk->path, kind, &log, &why);
    if (err != CL_OK)
        report_violation("what a power failure leaves can be opened", why.text);
    cl_disk_init(&disk->disk, log);
}

/* Everything that is behind what came out. */
static void
read_rest(struct disk_journal *disk)
{
    struct cl_disklog_batch batch;
    uint64_t last = cl_disklog_holds(disk->disk.log).last;
    cl_disklog_batch_init(&batch);
    for (uint64_t number = disk->out + 1; number <= last;) {
        cl_str bytes;
        enum cl_err err = cl_disklog_read(disk->disk.log, number, &batch);
        SIM_CHECK(err == CL_OK, "what a power failure leaves can be read");
        while (cl_disklog_batch_next(&batch, &bytes)) {
            cl_list_append(&disk->ready, &record_new(bytes)->link);
            disk->found++;
            number++;
        }
    }
    cl_disklog_batch_done(&batch);
}

static uint64_t
restart(struct cl_journal *journal)
{
    struct disk_journal *disk = disk_of(journal);
    bool is_sound = disk->fault == CRASH_VFS_NONE || !crash_vfs_happened();
    bool has_power = is_sound && rng_below(&disk->random, 4) == 0;
    CL_ASSERT(cl_list_is_empty(&disk->ready));
    if (has_power)
        crash_vfs_plan(CRASH_VFS_NONE, 0);
    cl_disk_done(&disk->disk);
    if (!has_power)
        crash_vfs_restart();
    counts.restarts += !has_power;
    disk->fault = CRASH_VFS_NONE;
    open_log(disk);
    disk->state = CL_JOURNAL_OPEN;
    disk->found = 0;
    uint64_t last = cl_disklog_holds(disk->disk.log).last;
    SIM_CHECK(last >= disk->out, "nothing is lost: what came out of the journal is on the disk");
    report_event("restart with %llu on the disk, %llu out, %llu under way",
                 (unsigned long long)last, (unsigned long long)disk->out,
                 (unsigned long long)disk->in_flight);
    SIM_CHECK(last == disk->out || last == disk->out + disk->in_flight,
              "a commit that failed is there as a whole, or not at all");
    read_rest(disk);
    counts.survived += disk->found > 0;
    uint64_t lost = disk->waiting_len - disk->found;
    forget_all(&disk->waiting);
    forget_all(&disk->refused);
    disk->waiting_len = 0;
    disk->in_flight = 0;
    return lost;
}

/* -- faults ------------------------------------------------------------------------------------ */

static void
plan(struct disk_journal *disk)
{
    static const enum crash_vfs_fault faults[] = {CRASH_VFS_POWER, CRASH_VFS_POWER,
                                                  CRASH_VFS_WRITE_ERROR, CRASH_VFS_SYNC_ERROR,
                                                  CRASH_VFS_FULL};
    if (disk->fault == CRASH_VFS_FULL && rng_below(&disk->random, ROOM_TURNS) == 0) {
        crash_vfs_plan(CRASH_VFS_NONE, 0);
        disk->fault = CRASH_VFS_NONE;
    }
    if (disk->fault != CRASH_VFS_NONE || rng_below(&disk->random, PLAN_TURNS) != 0)
        return;
    disk->fault = faults[rng_below(&disk->random, sizeof faults / sizeof faults[0])];
    crash_vfs_plan(disk->fault, (uint32_t)rng_below(&disk->random, PLAN_WRITES));
}

/* -- the interface ----------------------------------------------------------------------------- */

static enum cl_err
submit(struct cl_journal *journal, struct cl_command *command)
{
    struct disk_journal *disk = disk_of(journal);
    struct cl_buf buf;
    if (disk->state == CL_JOURNAL_READ_ONLY)
        return CL_ERR_READ_ONLY;
    if (disk->waiting_len >= CL_JOURNAL_WAITING_MAX || chance(disk, disk->options.full_per_million))
        return CL_ERR_FULL;
    cl_buf_init(&buf, SIZE_MAX);
    enum cl_err err = cl_command_encode(command, &buf);
    CL_ASSERT(err == CL_OK);
    struct record *record = record_new(cl_buf_str(&buf));
    record->due = disk->turns + 1 + rng_below(&disk->random, disk->options.delay_max / 10 + 1);
    cl_list_append(&disk->waiting, &record->link);
    disk->waiting_len++;
    cl_buf_done(&buf);
    cl_command_free(command);
    return CL_OK;
}

/* As many of the first that are due as one commit takes. */
static uint64_t
append_due(struct disk_journal *disk, struct cl_list *batch)
{
    struct cl_link *link;
    uint64_t len = 0;
    for (; (link = cl_list_first(&disk->waiting)) != NULL; len++) {
        const struct record *record = record_at(link);
        if (record->due > disk->turns) // order is kept: the ones behind wait too
            break;
        enum cl_err err = cl_disklog_append(disk->disk.log, cl_str_of(record->bytes, record->len));
        if (err == CL_ERR_FULL)
            break;
        CL_ASSERT(err == CL_OK);
        cl_list_remove(link);
        cl_list_append(batch, link);
    }
    return len;
}

/* Those that were under way wait on, and in vain. */
static void
fail(struct disk_journal *disk, struct cl_list *batch, uint64_t len)
{
    cl_list_splice(batch, &disk->waiting);
    cl_list_splice(&disk->waiting, batch);
    counts.failed++;
    disk->in_flight = len;
    disk->state = CL_JOURNAL_READ_ONLY;
}

static void
turn(struct cl_journal *journal)
{
    struct disk_journal *disk = disk_of(journal);
    struct cl_list batch;
    uint64_t len;
    cl_list_init(&batch);
    disk->turns++;
    plan(disk);
    while (disk->state == CL_JOURNAL_OPEN && (len = append_due(disk, &batch)) > 0) {
        enum cl_err err = cl_disklog_commit(disk->disk.log);
        report_event("commit of %llu: %s", (unsigned long long)len, cl_err_wire(err));
        if (err != CL_OK && err != CL_ERR_FULL) {
            fail(disk, &batch, len);
            return;
        }
        counts.commits += err == CL_OK;
        counts.full += err != CL_OK;
        cl_list_splice(err == CL_OK ? &disk->ready : &disk->refused, &batch);
        disk->waiting_len -= len;
    }
}

static struct cl_command *
take_first(struct cl_list *list)
{
    struct cl_link *link = cl_list_first(list);
    struct cl_command *command;
    if (link == NULL)
        return NULL;
    const struct record *record = record_at(link);
    enum cl_err err = cl_command_decode(cl_str_of(record->bytes, record->len), &command);
    SIM_CHECK(err == CL_OK, "the journal commits what it has taken, unchanged");
    cl_list_remove(link);
    cl_free(record_at(link));
    return command;
}

static struct cl_command *
next(struct cl_journal *journal)
{
    struct disk_journal *disk = disk_of(journal);
    struct cl_command *command = take_first(&disk->ready);
    disk->out += command != NULL;
    return command;
}

static struct cl_command *
refused(struct cl_journal *journal)
{
    return take_first(&disk_of(journal)->refused);
}

static enum cl_journal_state
state(const struct cl_journal *journal)
{
    return disk_in(journal)->state;
}

static enum cl_err
replay(struct cl_journal *journal, const cl_hash_key *hash_key, struct cl_core **core)
{
    struct disk_journal *disk = disk_of(journal);
    struct cl_snapshot_sizes sizes;
    return cl_snapshot_restore(&disk->disk, disk->out, hash_key, core, &sizes);
}

static void
close_disk(struct cl_journal *journal)
{
    static const char *const names[] = {"",      "-wal",      "-journal",
                                        ".disk", "-wal.disk", "-journal.disk"};
    struct disk_journal *disk = disk_of(journal);
    forget_all(&disk->waiting);
    forget_all(&disk->refused);
    forget_all(&disk->ready);
    cl_disk_done(&disk->disk);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s%s", disk->path, names[i]);
        (void)unlink(name);
    }
    int status = rmdir(disk->folder);
    CL_ASSERT(status == 0);
    cl_free(disk);
}

/* -- the simulator's part ---------------------------------------------------------------------- */

static struct cl_journal *
open_disk(const struct test_journal_options *options)
{
    static const struct cl_journal_ops ops = {.submit = submit,
                                              .turn = turn,
                                              .next = next,
                                              .refused = refused,
                                              .state = state,
                                              .replay = replay,
                                              .close = close_disk};
    struct disk_journal *disk = cl_alloc_or_die(sizeof *disk);
    disk->journal.ops = &ops;
    disk->options = *options;
    disk->random.state = options->seed;
    cl_list_init(&disk->waiting);
    cl_list_init(&disk->refused);
    cl_list_init(&disk->ready);
    crash_vfs_install();
    crash_vfs_reset(options->seed);
    (void)snprintf(disk->folder, sizeof disk->folder, "%s/clawlink-sim-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"); // thousands of syncs
    const char *made = mkdtemp(disk->folder);
    CL_ASSERT(made != NULL);
    (void)snprintf(disk->path, sizeof disk->path, "%s/journal.db", disk->folder);
    open_log(disk);
    return &disk->journal;
}

static uint64_t
waiting(const struct cl_journal *journal)
{
    return disk_in(journal)->waiting_len;
}

static uint64_t
found(const struct cl_journal *journal)
{
    return disk_in(journal)->found;
}

/* As the relay's keeper: pieces, the end, then what it made superfluous. */
static void
keep(struct cl_journal *journal, const struct cl_core *core)
{
    struct disk_journal *disk = disk_of(journal);
    uint64_t bytes;
    bool is_whole = cl_list_is_empty(&disk->ready) && cl_core_applied(core) == disk->out;
    if (!is_whole || disk->state != CL_JOURNAL_OPEN || disk->out == 0)
        return;
    enum cl_err err = cl_snapshot_keep(&disk->disk, core, &bytes);
    counts.snapshots += err == CL_OK;
    if (err == CL_OK)
        err = cl_snapshot_tidy(&disk->disk);
    counts.broken += err != CL_OK;
    if (err != CL_OK && err != CL_ERR_FULL)
        disk->state = CL_JOURNAL_READ_ONLY;
}

static unsigned
show(void)
{
    const struct crash_vfs_counts vfs = crash_vfs_counts();
    const struct {
        const char *name;
        uint64_t count;
    } rows[] = {{"commits", counts.commits},
                {"commits that failed", counts.failed},
                {"failed, and there after all", counts.survived},
                {"commits without room", counts.full},
                {"snapshots", counts.snapshots},
                {"snapshots that were ended", counts.broken},
                {"power failures", counts.restarts},
                {"writes that were lost", vfs.lost},
                {"writes that were torn", vfs.torn}};
    unsigned zeros = 0;
    printf("disk\n");
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        printf("  %-51s %12llu%s\n", rows[i].name, (unsigned long long)rows[i].count,
               rows[i].count == 0 ? "   never" : "");
        zeros += rows[i].count == 0;
    }
    return zeros;
}

const struct sim_journal sim_journal = {.open = open_disk,
                                        .restart = restart,
                                        .waiting = waiting,
                                        .found = found,
                                        .keep = keep,
                                        .show = show};
