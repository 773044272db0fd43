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
 * upload goes on where it ended. Who needs which blob is the core's business.
 *
 * One thread calls. What takes a disk (write, seal, read) is only begun by it, done by threads of
 * the folder's own, and asked for by cl_blobs_done; in memory it is done at once, and asked for in
 * the same way. Of one blob the writes come out in the order in which they were begun. Bytes that
 * were written are in the system's hands; on the disk they are when the blob is WHOLE.
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
    uint64_t have;   // bytes from the front whose write has come out
    cl_time touched; // when it was begun, written, noted or found at the start
    uint64_t mark;   // what was noted last; 0: nothing since the start
    uint32_t claims; // the same
};

struct cl_blobs_config {
    uint64_t blob_bytes_max;
    uint64_t all_bytes_max; // charged for all, partial ones too
    const char *folder;     // NULL: in memory
    cl_time now;
    cl_hash_key hash_key;
};

struct cl_blobs;

/* Makes the folder, for its owner alone, or finds what is there; files that are none of ours stay
 * untouched. CL_ERR_IO with a sentence; CL_ERR_NO_MEMORY. The folder's path is borrowed until this
 * returns. */
CL_MUST_CHECK enum cl_err cl_blobs_open(const struct cl_blobs_config *config,
                                        struct cl_blobs **ret_blobs, struct cl_why *why);
/* Waits for what was begun. Accepts NULL. */
void cl_blobs_close(struct cl_blobs *blobs);
/* Called on another thread when something came out; fn NULL: no more. */
void cl_blobs_watch(struct cl_blobs *blobs, void fn(void *ctx), void *ctx);

struct cl_blob_info cl_blobs_look(const struct cl_blobs *blobs, const cl_digest *digest);
/* What there is. A blob is charged its size, a partial one what is there of it (in memory by whole
 * chunks), each at least CL_BLOB_CHARGE_MIN. */
struct cl_blobs_stats {
    uint64_t count; // partial ones too
    uint64_t partial;
    uint64_t bytes; // charged for all
    uint64_t bytes_max;
};
struct cl_blobs_stats cl_blobs_stats(const struct cl_blobs *blobs);
/* The largest blob that it takes. */
uint64_t cl_blobs_bytes_max(const struct cl_blobs *blobs);
/* for (uint32_t at = 0; cl_blobs_next(blobs, &at, &digest, &info);) walks all; the body may remove
 * the one it was handed. */
bool cl_blobs_next(const struct cl_blobs *blobs, uint32_t *at, cl_digest *ret_digest,
                   struct cl_blob_info *ret_info);
/* Takes over `touched`, `mark` and `claims` of one that is there. */
void cl_blobs_note(struct cl_blobs *blobs, const cl_digest *digest,
                   const struct cl_blob_info *info);

/* Would one of that size be taken, as far as one can know by now? It is of 1 byte or more. CL_OK as
 * well where it is there with that size already; CL_ERR_STALE: with another. CL_ERR_TOO_LARGE,
 * FULL. */
CL_MUST_CHECK enum cl_err cl_blobs_check(const struct cl_blobs *blobs, const cl_digest *digest,
                                         uint64_t size);

/* Bytes for a blob that is partial, or begins with them. */
struct cl_blob_piece {
    cl_digest digest;
    uint64_t size;   // of the whole blob
    uint64_t offset; // behind what was written, and begun to be written, before
    struct cl_body *bytes;
    uint64_t ticket; // the caller's name for it
};

/* Begins to append; takes a reference on the bytes, 1 or more. Where there is no room for them,
 * uploads give way that were left alone for CL_BLOB_UPLOAD_IDLE_MS. CL_ERR_STALE: not at that
 * offset, of another size, or not partial; CL_ERR_TOO_LARGE: past its size, or cl_blobs_check says
 * so; CL_ERR_FULL, NO_MEMORY. It may come out as CL_ERR_FULL, IO,
 * NO_MEMORY; CL_ERR_STALE: a piece before it did not come out well. What was written of it counts,
 * see cl_blobs_look; without a byte there is no blob. */
CL_MUST_CHECK enum cl_err cl_blobs_write(struct cl_blobs *blobs, const struct cl_blob_piece *piece,
                                         cl_time now);
/* All bytes of the partial one are there: begins to hash and to keep it. CL_ERR_STALE: they are
 * not; CL_ERR_NO_MEMORY. Comes out as CL_OK: it is WHOLE. Else it is ABSENT: CL_ERR_MALFORMED, its
 * bytes have another hash; CL_ERR_FULL, IO, NO_MEMORY, nobody knows what the disk has of it. */
CL_MUST_CHECK enum cl_err cl_blobs_seal(struct cl_blobs *blobs, const cl_digest *digest);
/* Begins to read a whole one from that offset on: CL_BLOB_CHUNK_BYTES at most. CL_ERR_NOT_FOUND:
 * none there; CL_ERR_NO_MEMORY. May come out as CL_ERR_IO, also where it was removed meanwhile. */
CL_MUST_CHECK enum cl_err cl_blobs_read(struct cl_blobs *blobs, const cl_digest *digest,
                                        uint64_t offset, uint64_t ticket);

/* All bytes of a whole one, here and now, in the caller's time: for small ones. CL_ERR_NOT_FOUND,
 * IO, NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_blobs_fetch(struct cl_blobs *blobs, const cl_digest *digest,
                                         struct cl_body **ret_bytes);

/* Begins to copy all whole ones to a new folder of that path, which is absolute, for its owner
 * alone: each as a further name of the same file, where that can be, else by its bytes. Until it
 * comes out, with everything on the disk, the caller removes no whole one. Where it fails nothing
 * is left of it. CL_ERR_NOT_FOUND: there is none; CL_ERR_NOT_IMPLEMENTED: they lie in memory;
 * CL_ERR_NO_MEMORY. May come out as CL_ERR_FULL, IO; CL_ERR_CLOSED: the store is. */
CL_MUST_CHECK enum cl_err cl_blobs_copy(struct cl_blobs *blobs, cl_str path);

enum cl_blob_work { CL_BLOB_WRITE, CL_BLOB_SEAL, CL_BLOB_READ, CL_BLOB_COPY };

/* What was copied. */
struct cl_blobs_copied {
    uint64_t count;
    uint64_t bytes;
    uint64_t linked;   // of count: they take no room of their own
    struct cl_why why; // that failed
};

struct cl_blob_done {
    enum cl_blob_work work;
    cl_digest digest; // none of a copy
    uint64_t ticket;  // of a write or read
    enum cl_err err;
    struct cl_body *chunk; // of a read that went well; its reference is the caller's
    struct cl_blobs_copied copied;
};

/* The next thing that came out; false: nothing since the last call. */
bool cl_blobs_done(struct cl_blobs *blobs, struct cl_blob_done *ret_done);

/* It is ABSENT. False: it stays, for a write or seal has not come out, or was not asked for. */
bool cl_blobs_remove(struct cl_blobs *blobs, const cl_digest *digest);

#endif
