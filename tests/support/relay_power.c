// SPDX-License-Identifier: MIT
/*
 * The relay on a disk that loses what was not synced: `relay-power relay --data DIR ...`. SIGKILL
 * is a power failure for it.
 *
 * RELAY_POWER="DIR SEED SNAPSHOT FAULT AFTER" in the environment says the folder once more, the
 * dice, of how many bytes of log it makes a snapshot, and what happens after so many writes and
 * syncs (tests/support/crash_vfs.h): "none"; "opening", the power goes, counted from the first one;
 * "power", it goes, counted from when the journal is open; "lie"; "plain": it is an ordinary disk.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "journal/sqlite.h"
#include "main/data.h"
#include "main/start_relay.h"
#include "support/crash_vfs.h"

static unsigned long long seed, snapshot;
static char folder[300], fault[16];
static unsigned after;

static enum cl_err
run_relay(struct cl_opts *opts, struct cl_why *why)
{
    struct cl_data data;
    enum cl_err err = cl_data_open(opts, &data, why);
    if (err != CL_OK)
        return err;
    cl_journal_sqlite_set_snapshot_bytes(data.journal, snapshot);
    if (strcmp(fault, "power") == 0)
        crash_vfs_plan(CRASH_VFS_POWER, after);
    return cl_start_relay(opts, &data, why);
}

int
main(int argc, char **argv)
{
    const char *text = getenv("RELAY_POWER");
    if (text == NULL ||
        sscanf(text, "%299s %llu %llu %15s %u", folder, &seed, &snapshot, fault, &after) != 5) {
        (void)fprintf(stderr, "RELAY_POWER: DIR SEED SNAPSHOT FAULT AFTER are wanted\n");
        return 2;
    }
    if (strcmp(fault, "plain") != 0) {
        crash_vfs_install();
        crash_vfs_reset(seed);
        crash_vfs_boot(folder);
    }
    if (strcmp(fault, "opening") == 0)
        crash_vfs_plan(CRASH_VFS_POWER, after);
    else if (strcmp(fault, "lie") == 0)
        crash_vfs_plan(CRASH_VFS_LIE, after);
    (void)signal(SIGPIPE, SIG_IGN); // cannot fail for this signal
    return cl_cli_main(argc, argv, run_relay);
}
