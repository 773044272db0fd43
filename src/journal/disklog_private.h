// SPDX-License-Identifier: MIT
/*
 * journal/disklog_private.h - what the two files of the disklog share; nobody else includes it.
 *
 *     disklog.c         records and snapshots
 *     disklog_backup.c  a copy while it is in use
 */
#ifndef CL_JOURNAL_DISKLOG_PRIVATE_H
#define CL_JOURNAL_DISKLOG_PRIVATE_H

#include <sqlite3.h>

#include "journal/disklog.h"

sqlite3 *cl_disklog_db(struct cl_disklog *log);
/* What a status of SQLite other than success means where nothing of ours was to be written. */
enum cl_err cl_disklog_read_error(int status);
/* Makes the name of a new file last. CL_ERR_IO, CL_ERR_NO_MEMORY: it may not. */
CL_MUST_CHECK enum cl_err cl_disklog_sync_folder(const char *path);

#endif
