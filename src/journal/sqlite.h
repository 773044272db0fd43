// SPDX-License-Identifier: MIT
/*
 * journal/sqlite.h - the journal on a disk: what comes out of `next` is there for good.
 *
 * A thread of its own commits all that waits as soon as it is free, so the busier the relay, the
 * more commands share a sync; there is no timer. The file is a disklog (journal/disklog.h), one
 * record for each command.
 *
 * A full disk refuses what was to be committed then, and later commands go again when there is
 * room; so does memory that is short. After any other failure the journal is READ_ONLY.
 *
 * Another thread makes a snapshot whenever the log has become long, and copies of the file
 * (journal/keeper.h).
 */
#ifndef CL_JOURNAL_SQLITE_H
#define CL_JOURNAL_SQLITE_H

#include "journal/journal.h"

/* "CLJN": what stands in its file. */
#define CL_JOURNAL_SQLITE_PURPOSE 0x434c4a4eu
/* Of commands and of the core's state, whatever they mean. A file of another is refused. Counts up
 * with each release that changes what an old command does, or how anything is encoded; the log of
 * each version is in tests/golden/journal. */
#define CL_JOURNAL_SQLITE_VERSION 1

/* Opens or makes journal.db in that folder. Errors of cl_disklog_open, said in why. */
CL_MUST_CHECK enum cl_err
cl_journal_sqlite_open(const char *folder, struct cl_journal **ret_journal, struct cl_why *why);

/* For tests: how long the log becomes before it makes a snapshot, instead of
 * CL_SNAPSHOT_LOG_BYTES. */
void cl_journal_sqlite_set_snapshot_bytes(struct cl_journal *journal, uint64_t bytes);

#endif
