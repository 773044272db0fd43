// SPDX-License-Identifier: MIT
/*
 * journal/blobs_private.h - where blobs lie, for journal/blobs*.c alone.
 */
#ifndef CL_JOURNAL_BLOBS_PRIVATE_H
#define CL_JOURNAL_BLOBS_PRIVATE_H

#include <stdatomic.h>

#include "base/list.h"
#include "base/map.h"
#include "journal/blobs.h"

struct cl_blob {
    cl_digest digest;
    enum cl_blob_state state;
    uint64_t size;
    uint64_t have;
    uint64_t claimed; // have, and what is being written behind it
    uint32_t writes;  // that were not asked for
    uint64_t charge;
    struct cl_link partial; // while it is PARTIAL: in blobs->partials
    cl_time touched;
    uint64_t mark;
    uint32_t claims;
    uint64_t filled;              // in memory: bytes that lie there
    struct cl_digester *digester; // in memory: of these
    struct cl_body *chunks[];     // in memory: of CL_BLOB_CHUNK_BYTES, the last one shorter
};

/* A copy of all whole ones. */
struct cl_blobs_copy {
    struct cl_blobs_copied copied;
    const atomic_bool *is_closing; // it is to end early
    size_t len;
    cl_digest *digests; // they and the path lie behind
    char *path;
};

/* One thing to be done, and how it came out. */
struct cl_blob_job {
    struct cl_link link;
    enum cl_blob_work work;
    bool is_removal; // of a file; the outcome is nobody's business
    cl_digest digest;
    uint64_t size; // of the blob; of a removal 0: it is whole
    uint64_t offset;
    uint64_t ticket;
    struct cl_body *bytes; // to be written, or read into
    uint64_t put;          // bytes of them that were written
    struct cl_blobs_copy *copy;
    enum cl_err err;
};

/* What differs. The bounds were looked at before. */
struct cl_blobs_place {
    /* Does the job, or begins to: it gets to blobs->ended. CL_ERR_NO_MEMORY: it was not begun. */
    enum cl_err (*run)(struct cl_blobs *blobs, struct cl_blob *blob, struct cl_blob_job *job);
    /* The bytes of a whole one, into a body of its size. */
    enum cl_err (*fetch)(struct cl_blobs *blobs, const struct cl_blob *blob, struct cl_body *bytes);
    /* What lies anywhere of one that leaves the index. */
    void (*remove)(struct cl_blobs *blobs, struct cl_blob *blob);
    /* What came out meanwhile: to blobs->ended. */
    void (*collect)(struct cl_blobs *blobs);
    void (*watch)(struct cl_blobs *blobs, void fn(void *ctx), void *ctx);
    /* Begins it: it gets to blobs->ended. NULL: it cannot. CL_ERR_NO_MEMORY. */
    enum cl_err (*copy)(struct cl_blobs *blobs, struct cl_blob_job *job);
    /* Waits for what was begun. */
    void (*close)(struct cl_blobs *blobs);
};

struct cl_blobs {
    const struct cl_blobs_place *place;
    struct cl_blobs_config config;
    struct cl_map by_digest;
    struct cl_list ended;   // jobs whose outcome was not asked for
    uint64_t bytes;         // charged for all
    uint64_t partial_bytes; // for the partial ones
    uint64_t partial_count;
    struct cl_list partials;        // the longest untouched first
    struct cl_blobs_folder *folder; // NULL: in memory
};

/* A partial blob of that size in the index, with so many pointers. NULL without memory. */
struct cl_blob *cl_blobs_add(struct cl_blobs *blobs, const cl_digest *digest, uint64_t size,
                             size_t chunks);
/* What it is charged, and whether it is partial, is what it has and is by now. */
void cl_blobs_recharge(struct cl_blobs *blobs, struct cl_blob *blob);
/* Off the index, and freed. */
void cl_blobs_drop(struct cl_blobs *blobs, struct cl_blob *blob);

/* blobs_copy.c. Does it, from that folder, where each blob has its digest for a name. */
CL_MUST_CHECK enum cl_err cl_blobs_copy_run(struct cl_blobs_copy *copy, int from);

CL_MUST_CHECK enum cl_err cl_blobs_folder_open(struct cl_blobs *blobs, struct cl_why *why);

#endif
