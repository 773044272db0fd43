// SPDX-License-Identifier: MIT
/*
 * journal/disklog.h - opaque records on a disk, in one order, kept by SQLite.
 *
 * Records are numbered from 1, without gaps. The records of one commit are there together or not
 * at all, and after CL_OK they are on the disk: the file is a SQLite database in WAL mode that
 * syncs each commit, one row for each. Beside the records there may be one snapshot, bytes that
 * stand for all records up to a number; those may then be removed.
 *
 *     append, append, commit           a batch of records
 *     read_snapshot ... read ...       at the start: what there is
 *     snapshot_begin, put ..., end     in pieces, with commits in between
 *     tidy until nothing is left       what a snapshot made superfluous
 *
 * All calls block, and one thread at a time makes them. The file is locked: whoever else opens it,
 * this program a second time included, gets CL_ERR_UNAVAILABLE.
 *
 * A disk that is full refuses a write and changes nothing: CL_ERR_FULL, and later it may go again.
 * After any other failure to write nobody knows what the disk has, so nothing is written any more
 * before the file is opened again: CL_ERR_IO once (not at all where what failed was not asked for
 * by this call), then CL_ERR_READ_ONLY. Reading goes on. The commit that failed so is there as a
 * whole or not at all when the file is opened again.
 *
 * Bytes that are not what was written are CL_ERR_MALFORMED. One thing cannot be told from a crash:
 * damage to the latest commits, those that are still in the -wal beside the file when it is opened
 * after a crash. They end before the damage.
 */
#ifndef CL_JOURNAL_DISKLOG_H
#define CL_JOURNAL_DISKLOG_H

#include "base/buf.h"

struct cl_disklog;

/* What a file is for. Both stand in it; a file of another purpose or version is refused. */
struct cl_disklog_kind {
    uint32_t purpose; // not 0
    uint16_t version; // of what the records and snapshots say
};

/* What a file holds. */
struct cl_disklog_holds {
    uint64_t snapshot; // stands for the records up to this one; 0: there is none
    uint64_t first;    // record; last + 1 when there is none
    uint64_t last;     // ever committed
};

/* Opens the file, which begins empty and readable by its owner only. It is looked through for
 * damage: O(bytes).
 * CL_ERR_UNAVAILABLE: another program has it open. CL_ERR_MALFORMED: damaged, or of another kind.
 * CL_ERR_IO, FULL, NO_MEMORY. why says which file and what is wrong; it may be NULL. */
CL_MUST_CHECK enum cl_err cl_disklog_open(const char *path, struct cl_disklog_kind kind,
                                          struct cl_disklog **ret_log, struct cl_why *why);
/* Accepts NULL. What was not committed is forgotten. No backup is under way. */
void cl_disklog_close(struct cl_disklog *log);

struct cl_disklog_holds cl_disklog_holds(const struct cl_disklog *log);

/* One more record of the next commit: 1 to CL_DISKLOG_RECORD_BYTES_MAX bytes, else
 * CL_ERR_TOO_LARGE. CL_ERR_FULL: commit first. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_disklog_append(struct cl_disklog *log, cl_str record);
/* On any error none of what was appended is there, and it is forgotten. Nothing appended: CL_OK. */
CL_MUST_CHECK enum cl_err cl_disklog_commit(struct cl_disklog *log);

/* The records of one commit, as they were read. */
struct cl_disklog_batch {
    uint64_t first; // number of the next one
    uint32_t len;   // left
    cl_str rest;    // their bytes
    struct cl_buf space;
};

void cl_disklog_batch_init(struct cl_disklog_batch *batch);
void cl_disklog_batch_done(struct cl_disklog_batch *batch);
/* Reads record number `first`, and those behind it in the same commit; the batch before ended with
 * the number to go on from. CL_ERR_NOT_FOUND: it is behind the last. CL_ERR_MALFORMED (it is not
 * in the file any more, too), IO, NO_MEMORY: the batch is empty. */
CL_MUST_CHECK enum cl_err cl_disklog_read(struct cl_disklog *log, uint64_t first,
                                          struct cl_disklog_batch *batch);
/* The next record, good until the batch is read again or done; false behind the last. */
bool cl_disklog_batch_next(struct cl_disklog_batch *batch, cl_str *ret_record);

/* Begins a snapshot that will stand for all records up to `upto`, which are committed. What an
 * earlier attempt left is no part of it. */
void cl_disklog_snapshot_begin(struct cl_disklog *log, uint64_t upto);
/* The next piece, 1 to CL_DISKLOG_PIECE_BYTES_MAX bytes. Errors as for a commit, CL_ERR_TOO_LARGE
 * too; then this snapshot is off. */
CL_MUST_CHECK enum cl_err cl_disklog_snapshot_put(struct cl_disklog *log, cl_str piece);
/* From now on it is the snapshot. Errors as for a commit: then the one before still is. */
CL_MUST_CHECK enum cl_err cl_disklog_snapshot_end(struct cl_disklog *log);
/* Appends piece number `index`, from 0, of the snapshot. CL_ERR_NOT_FOUND behind the last;
 * CL_ERR_MALFORMED, IO, NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_disklog_read_snapshot(struct cl_disklog *log, uint64_t index,
                                                   struct cl_buf *buf);

/* Removes some of what the snapshot made superfluous, in short transactions. *ret_is_clean:
 * nothing is left. Errors as for a commit. */
CL_MUST_CHECK enum cl_err cl_disklog_tidy(struct cl_disklog *log, bool *ret_is_clean);

/* Copies the file as it is committed. Between steps there may be commits: they are copied too. */
struct cl_disklog_backup;
/* `path` must not exist yet. CL_ERR_IO, NO_MEMORY; why may be NULL. */
CL_MUST_CHECK enum cl_err cl_disklog_backup_begin(struct cl_disklog *log, const char *path,
                                                  struct cl_disklog_backup **ret_backup,
                                                  struct cl_why *why);
/* Copies a little more. *ret_is_done: all is there, and on the disk, and no step is left. After an
 * error it can only be ended. */
CL_MUST_CHECK enum cl_err cl_disklog_backup_step(struct cl_disklog_backup *backup,
                                                 bool *ret_is_done, struct cl_why *why);
/* What is not done is removed. Accepts NULL. */
void cl_disklog_backup_end(struct cl_disklog_backup *backup);

#endif
