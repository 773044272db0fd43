// SPDX-License-Identifier: MIT
/*
 * journal/blobs.h - large bodies, by the SHA-256 of their bytes, in memory or in a folder.
 *
 *              begin               all bytes, seal            it is good, and kept
 *     ABSENT ─────────> PARTIAL ──────────────────> SEALING ──────────────────────> WHOLE
 *       ^                  │                           │                              │
 *       └───── remove ─────┴─── another hash, or the disk failed ───── remove ────────┘
 *
 * A partial blob stays until it is removed, also over a restart where there is a folder, so an
 * upload goes on where it ended. Sealing a blob of a folder hashes, syncs and renames it, which a
 * thread of its own does; the outcome is asked for. Who needs which blob is the core's business.
 *
 * One thread calls. Bytes on the way into a folder are in the system's hands when write returns,
 * and on the disk when the blob is WHOLE.
 */
#ifndef CL_JOURNAL_BLOBS_H
#define CL_JOURNAL_BLOBS_H

#include "base/body.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/time.h"

enum cl_blob_state { CL_BLOB_ABSENT, CL_BLOB_PARTIAL, CL_BLOB_SEALING, CL_BLOB_WHOLE };

struct cl_blob_info {
    enum cl_blob_state state;
    uint64_t size;
    uint64_t have;   // bytes from the front
    cl_time touched; // when it was begun, written or found at the start
};

struct cl_blobs_config {
    uint64_t blob_bytes_max;
    uint64_t all_bytes_max; // sizes of all, partial ones too
    const char *folder;     // NULL: in memory
    cl_time now;
    cl_hash_key hash_key;
    /* Called on another thread when a seal has come to an end; may be NULL. */
    void (*wake)(void *ctx);
    void *wake_ctx;
};

struct cl_blobs;

/* Makes the folder, for its owner alone, or finds what is there; files that are none of ours stay
 * untouched. CL_ERR_IO with a sentence; CL_ERR_NO_MEMORY. The folder's path is copied. */
CL_MUST_CHECK enum cl_err cl_blobs_open(const struct cl_blobs_config *config,
                                        struct cl_blobs **ret_blobs, struct cl_why *why);
/* Waits for seals that are under way. Accepts NULL. */
void cl_blobs_close(struct cl_blobs *blobs);

struct cl_blob_info cl_blobs_look(const struct cl_blobs *blobs, const cl_digest *digest);
/* Sizes of all. */
uint64_t cl_blobs_bytes(const struct cl_blobs *blobs);
/* for (uint32_t at = 0; cl_blobs_next(blobs, &at, &digest, &info);) walks all; the body may remove
 * the one it was handed. */
bool cl_blobs_next(const struct cl_blobs *blobs, uint32_t *at, cl_digest *ret_digest,
                   struct cl_blob_info *ret_info);

/* Of 1 byte or more. CL_OK as well where it is there with that size already; CL_ERR_STALE: with
 * another. CL_ERR_TOO_LARGE, FULL, IO, NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_blobs_begin(struct cl_blobs *blobs, const cl_digest *digest,
                                         uint64_t size, cl_time now);
/* Appends to a partial one. CL_ERR_STALE: not at that offset, or not partial; CL_ERR_TOO_LARGE:
 * past its size. CL_ERR_FULL, IO, NO_MEMORY: what was written of it counts, see cl_blobs_look. */
CL_MUST_CHECK enum cl_err cl_blobs_write(struct cl_blobs *blobs, const cl_digest *digest,
                                         uint64_t offset, cl_str bytes, cl_time now);
/* All bytes of the partial one are there. CL_ERR_STALE: they are not. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_blobs_seal(struct cl_blobs *blobs, const cl_digest *digest);
/* The next seal that came to an end; false: none since the last call. CL_OK: it is WHOLE. Else it
 * is ABSENT: CL_ERR_MALFORMED, its bytes have another hash; CL_ERR_FULL, IO, NO_MEMORY, nobody
 * knows what the disk has of it. */
bool cl_blobs_sealed(struct cl_blobs *blobs, cl_digest *ret_digest, enum cl_err *ret_err);

/* Bytes of a whole one from that offset on, CL_BLOB_CHUNK_BYTES at most, whose reference the caller
 * owns. CL_ERR_NOT_FOUND: none there. CL_ERR_IO, NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_blobs_read(struct cl_blobs *blobs, const cl_digest *digest,
                                        uint64_t offset, struct cl_body **ret_chunk);
/* It is ABSENT. False: it stays, for its seal has not come to an end, or that was not asked for. */
bool cl_blobs_remove(struct cl_blobs *blobs, const cl_digest *digest);

#endif
