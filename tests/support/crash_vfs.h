// SPDX-License-Identifier: MIT
/*
 * tests/support/crash_vfs.h - a disk under SQLite that loses what was not synced.
 *
 * A shim around SQLite's own file system. Reads and writes go to the real files, which stand for
 * the system's cache. Beside each, in a file named .disk, stands what is on the disk: a sync brings
 * it there. When the power goes, of what was written since some arrives and some does not, in any
 * order, torn between sectors of 512 bytes; and the real files become what is on the disk.
 *
 * All of it follows from the seed. Threads take turns in using files, as with a lock; the calls
 * below that plan and ask are safe from any.
 */
#ifndef TESTS_SUPPORT_CRASH_VFS_H
#define TESTS_SUPPORT_CRASH_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum crash_vfs_fault {
    CRASH_VFS_NONE,
    CRASH_VFS_POWER,       // goes before that write or sync; what is open is of no more use
    CRASH_VFS_WRITE_ERROR, // that write, or the next one, fails half done
    CRASH_VFS_SYNC_ERROR,  // that sync, or the next one, fails, and nobody tries again
    CRASH_VFS_FULL,        // from then on until another plan: each write fails half done
    CRASH_VFS_LIE,         // likewise: each sync says that it is done, and does nothing
};

/* From now on SQLite uses it, in this process. Harmless a second time. */
void crash_vfs_install(void);
/* Forgets all files, which must be closed; their .disk files stay. */
void crash_vfs_reset(uint64_t seed);
/* What happens after so many more writes and syncs. */
void crash_vfs_plan(enum crash_vfs_fault fault, uint32_t after);
/* Has the planned fault happened? */
bool crash_vfs_happened(void);
/* The power goes now, if it has not gone. All files must be closed by now. */
void crash_vfs_restart(void);

/* For a process that is itself the one that dies: what SIGKILL finds unsynced is lost, and
 * CRASH_VFS_POWER ends the process. Before SQLite opens anything this makes the files of that
 * folder what their .disk files have been left as; a folder that is not there has none. */
void crash_vfs_boot(const char *folder);

struct crash_vfs_counts {
    uint64_t writes;
    uint64_t syncs;
    uint64_t lost;     // writes that did not arrive at all
    uint64_t torn;     // that arrived in part
    uint64_t restarts; // power failures
};

struct crash_vfs_counts crash_vfs_counts(void);

#endif
