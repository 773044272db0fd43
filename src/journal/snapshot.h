// SPDX-License-Identifier: MIT
/*
 * journal/snapshot.h - states of the core in a disklog: made of it, and put into it.
 *
 * Record number n of the log is the command that was applied as number n.
 */
#ifndef CL_JOURNAL_SNAPSHOT_H
#define CL_JOURNAL_SNAPSHOT_H

#include "core/core.h"
#include "journal/disk.h"

/* How much was read. */
struct cl_snapshot_sizes {
    uint64_t snapshot; // bytes of the state
    uint64_t log;      // of the commands behind it
};

/* Brings *core, a new one with that hash key, to the state behind command number `upto`; all there
 * are, with UINT64_MAX. The snapshot is not newer than that. Effects are discarded. It may be
 * replaced by another core, which the caller owns as well. The disk is taken for one commit or
 * piece at a time. CL_ERR_MALFORMED, IO, NO_MEMORY, CLOSED (cl_disk_set_closing): the core is of no
 * use. */
CL_MUST_CHECK enum cl_err cl_snapshot_restore(struct cl_disk *disk, uint64_t upto,
                                              const cl_hash_key *hash_key, struct cl_core **core,
                                              struct cl_snapshot_sizes *ret_sizes);
/* Makes the state of that core the snapshot, piece by piece. *ret_bytes: what it takes. Errors of
 * cl_disklog_snapshot_put, CL_ERR_CLOSED; then the snapshot before still counts. */
CL_MUST_CHECK enum cl_err cl_snapshot_keep(struct cl_disk *disk, const struct cl_core *core,
                                           uint64_t *ret_bytes);
/* Removes what the snapshot made superfluous, step by step. Errors of cl_disklog_tidy, CLOSED. */
CL_MUST_CHECK enum cl_err cl_snapshot_tidy(struct cl_disk *disk);

#endif
