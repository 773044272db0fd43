// SPDX-License-Identifier: MIT
/*
 * A disklog on a disk that loses, tears and reorders what is not synced, fails, and fills up. The
 * test keeps account of what it was told, and after each fault compares.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "journal/disklog.h"
#include "support/crash_vfs.h"
#include "support/rng.h"
#include "support/test.h"

#define RECORDS_MAX 2000
#define RECORD_CAP  9000
#define STEPS       50

static const struct cl_disklog_kind kind = {.purpose = 0x74657374u, .version = 7};

static char folder[64];
static char path[96];
static struct rng rng;
static struct cl_disklog *disklog; // NULL: closed

/* What the disklog was told and said. salts[n]: what record n is made of. */
static uint64_t salts[RECORDS_MAX + 1];
static uint64_t last;           // said to be there
static uint64_t maybe;          // records behind them whose commit failed, nobody knows how
static uint64_t snapshot;       // said to be the snapshot
static uint64_t snapshot_maybe; // may be it instead; 0: none
static bool stays_full;         // a full disk may be met when it is opened, too
static unsigned seen[8];        // how often what could happen did

enum { SAW_OK, SAW_FULL, SAW_IO, SAW_READ_ONLY, SAW_MAYBE_THERE, SAW_MAYBE_GONE, SAW_SNAPSHOT };

/* -- bytes ------------------------------------------------------------------------------------- */

static cl_str
record_of(uint64_t salt)
{
    static char bytes[RECORD_CAP];
    struct rng own = {.state = salt};
    size_t len = rng_below(&own, 4) == 0 ? rng_below(&own, RECORD_CAP - 8) : rng_below(&own, 200);
    memset(bytes, (int)(salt & 0xff), len + 8);
    memcpy(bytes, &salt, 8);
    return cl_str_of(bytes, len + 8);
}

static cl_str
piece_of(uint64_t upto, unsigned index)
{
    return record_of(upto * 16 + index);
}

/* -- looking ----------------------------------------------------------------------------------- */

static void
check_records(uint64_t from, uint64_t to)
{
    struct cl_disklog_batch batch;
    cl_str record;
    uint64_t at = from;
    enum cl_err err;
    cl_disklog_batch_init(&batch);
    while ((err = cl_disklog_read(disklog, at, &batch)) == CL_OK)
        for (; cl_disklog_batch_next(&batch, &record); at++)
            CHECK(cl_str_eq(record, record_of(salts[at])));
    cl_disklog_batch_done(&batch);
    CHECK_INT(err, CL_ERR_NOT_FOUND);
    CHECK_INT(at, to + 1);
}

static void
check_snapshot(uint64_t upto)
{
    struct cl_buf buf;
    cl_buf_init(&buf, CL_MIB);
    for (unsigned i = 0; i < 3; i++) {
        cl_buf_clear(&buf);
        CHECK_INT(cl_disklog_read_snapshot(disklog, i, &buf), upto == 0 ? CL_ERR_NOT_FOUND : CL_OK);
        if (upto != 0)
            CHECK(cl_str_eq(cl_buf_str(&buf), piece_of(upto, i)));
    }
    CHECK_INT(cl_disklog_read_snapshot(disklog, 3, &buf), CL_ERR_NOT_FOUND);
    cl_buf_done(&buf);
}

/* While it is open all is as it was said. */
static void
check_all(void)
{
    struct cl_disklog_holds holds = cl_disklog_holds(disklog);
    CHECK_INT(holds.last, last);
    CHECK_INT(holds.snapshot, snapshot);
    CHECK(holds.first <= snapshot + 1);
    check_records(holds.first, last);
    check_snapshot(snapshot);
}

/* After a fault each doubt is resolved one way or the other, for good. */
static void
resolve(void)
{
    struct cl_disklog_holds holds = cl_disklog_holds(disklog);
    if (maybe > 0)
        seen[holds.last == last ? SAW_MAYBE_GONE : SAW_MAYBE_THERE]++;
    if (holds.last == last + maybe)
        last += maybe;
    if (snapshot_maybe != 0 && holds.snapshot == snapshot_maybe)
        snapshot = snapshot_maybe;
    maybe = 0;
    snapshot_maybe = 0;
    check_all();
}

static void
open_it(void)
{
    struct cl_why why = {""};
    enum cl_err err = cl_disklog_open(path, kind, &disklog, &why);
    if (err != CL_OK)
        test_fail(__FILE__, __LINE__, "%s", why.text);
    resolve();
}

/* -- doing ------------------------------------------------------------------------------------- */

static void
commit(void)
{
    uint64_t made_of[8];
    uint64_t len = 1 + rng_below(&rng, 8);
    if (last + len > RECORDS_MAX)
        return;
    for (uint64_t i = 0; i < len; i++) {
        made_of[i] = rng_next(&rng);
        CHECK_OK(cl_disklog_append(disklog, record_of(made_of[i])));
    }
    enum cl_err err = cl_disklog_commit(disklog);
    if (err == CL_OK || err == CL_ERR_IO) // it is there, or may be
        memcpy(&salts[last + 1], made_of, len * sizeof *made_of);
    if (err == CL_OK)
        last += len;
    else if (err == CL_ERR_IO)
        maybe = len;
    else
        CHECK(err == CL_ERR_FULL || err == CL_ERR_READ_ONLY);
    seen[err == CL_OK         ? SAW_OK
         : err == CL_ERR_FULL ? SAW_FULL
         : err == CL_ERR_IO   ? SAW_IO
                              : SAW_READ_ONLY]++;
}

static void
make_snapshot(void)
{
    enum cl_err err = CL_OK;
    uint64_t upto = snapshot + rng_below(&rng, last - snapshot + 1);
    if (upto == snapshot)
        return;
    cl_disklog_snapshot_begin(disklog, upto);
    for (unsigned i = 0; i < 3 && err == CL_OK; i++)
        err = cl_disklog_snapshot_put(disklog, piece_of(upto, i));
    if (err != CL_OK)
        return;
    err = cl_disklog_snapshot_end(disklog);
    if (err == CL_OK)
        snapshot = upto;
    else if (err == CL_ERR_IO)
        snapshot_maybe = upto;
    seen[SAW_SNAPSHOT] += err == CL_OK;
}

static void
tidy(void)
{
    bool is_clean = false;
    while (!is_clean && cl_disklog_tidy(disklog, &is_clean) == CL_OK) {
    }
}

static void
close_it(void)
{
    cl_disklog_close(disklog);
    disklog = NULL;
}

static void
restart(void)
{
    close_it();
    crash_vfs_restart();
    open_it();
}

static void
do_something(void)
{
    switch (rng_below(&rng, 12)) {
    case 0:
        make_snapshot();
        break;
    case 1:
        tidy();
        break;
    case 2: // a program that ends well, or that goes on where one failed
        if (!stays_full || rng_below(&rng, 2) == 0)
            crash_vfs_plan(CRASH_VFS_NONE, 0);
        close_it();
        open_it();
        break;
    case 3:
        restart();
        break;
    default:
        commit();
    }
}

static void
begin(uint64_t seed)
{
    test_note("seed %llu", (unsigned long long)seed);
    crash_vfs_install();
    crash_vfs_reset(seed);
    rng.state = seed;
    last = maybe = snapshot = snapshot_maybe = 0;
    // In memory where that is so easy: what is real about this disk is made here.
    (void)snprintf(folder, sizeof folder, "%s/clawlink-crash-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/log", folder);
    open_it();
}

static void
end(void)
{
    static const char *const names[] = {"log",      "log-wal",          "log-journal",
                                        "log.disk", "log-journal.disk", "log-wal.disk"};
    close_it();
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s/%s", folder, names[i]);
        (void)unlink(name);
    }
    CHECK_INT(rmdir(folder), 0);
}

/* Faults of that kind now and again, and the power going behind each, or not. */
static void
run(enum crash_vfs_fault fault, uint64_t seeds)
{
    memset(seen, 0, sizeof seen);
    stays_full = fault == CRASH_VFS_FULL;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        begin(seed);
        for (unsigned step = 0; step < STEPS; step++) {
            if (rng_below(&rng, 4) == 0)
                crash_vfs_plan(fault, (uint32_t)rng_below(&rng, 30));
            do_something();
            if (crash_vfs_happened() && fault != CRASH_VFS_POWER)
                check_all(); // reading goes on whatever failed
            if (crash_vfs_happened() && (fault == CRASH_VFS_POWER || rng_below(&rng, 2) == 0))
                restart();
        }
        restart();
        end();
    }
    CHECK(seen[SAW_OK] > seeds && seen[SAW_SNAPSHOT] > seeds / 4);
}

TEST(power_failures_lose_nothing_that_was_committed)
{
    run(CRASH_VFS_POWER, 60);
    struct crash_vfs_counts counts = crash_vfs_counts();
    CHECK(counts.lost > 100 && counts.torn > 100 && counts.restarts > 100);
    CHECK(seen[SAW_MAYBE_THERE] > 1 && seen[SAW_MAYBE_GONE] > 100);
}

TEST(failed_writes_lose_nothing_that_was_committed)
{
    run(CRASH_VFS_WRITE_ERROR, 30);
    CHECK(seen[SAW_IO] > 30 && seen[SAW_READ_ONLY] > 30);
}

TEST(failed_syncs_lose_nothing_that_was_committed)
{
    run(CRASH_VFS_SYNC_ERROR, 30);
    CHECK(seen[SAW_IO] > 30 && seen[SAW_READ_ONLY] > 30);
}

/* The system's memory has a commit that the disk has not. A program that finds it there may believe
 * in it, and so must the disk from then on. */
TEST(commit_that_a_restart_finds_stays)
{
    memset(seen, 0, sizeof seen);
    for (uint64_t seed = 1; seed <= 150; seed++) {
        begin(seed);
        commit();
        commit();
        crash_vfs_plan(CRASH_VFS_SYNC_ERROR, 0);
        commit();
        close_it();
        open_it();
        restart();
        end();
    }
    CHECK_INT(seen[SAW_IO], 150);
    CHECK(seen[SAW_MAYBE_THERE] > 100); // it is gone where the sync was that of a new WAL's head
}

TEST(full_disk_loses_nothing_and_refuses_for_good_what_it_refuses)
{
    run(CRASH_VFS_FULL, 30);
    CHECK(seen[SAW_FULL] > 30 && seen[SAW_IO] == 0 && seen[SAW_READ_ONLY] == 0);
}
