// SPDX-License-Identifier: MIT
/*
 * journal/blobs_private.h - where blobs lie, for journal/blobs*.c alone.
 */
#ifndef CL_JOURNAL_BLOBS_PRIVATE_H
#define CL_JOURNAL_BLOBS_PRIVATE_H

#include "base/list.h"
#include "base/map.h"
#include "journal/blobs.h"

struct cl_blob {
    cl_digest digest;
    enum cl_blob_state state;
    uint64_t size;
    uint64_t have;
    cl_time touched;
    struct cl_link link;          // while the outcome of its seal was not asked for
    enum cl_err outcome;          // of the seal
    struct cl_digester *digester; // in memory: of what is there
    struct cl_body *chunks[];     // in memory: of CL_BLOB_CHUNK_BYTES, the last one shorter
};

/* What differs. The bounds were looked at before. */
struct cl_blobs_place {
    /* Moves blob->have on, by what is there of it also on failure. */
    enum cl_err (*write)(struct cl_blobs *blobs, struct cl_blob *blob, cl_str bytes);
    enum cl_err (*read)(struct cl_blobs *blobs, const struct cl_blob *blob, uint64_t offset,
                        struct cl_body **ret_chunk);
    /* The outcome is told by cl_blobs_tell, at once or later. */
    enum cl_err (*seal)(struct cl_blobs *blobs, struct cl_blob *blob);
    void (*remove)(struct cl_blobs *blobs, struct cl_blob *blob);
    /* Outcomes of seals that are under way, if any has come: cl_blobs_tell for each. */
    void (*collect)(struct cl_blobs *blobs);
    void (*close)(struct cl_blobs *blobs);
};

struct cl_blobs {
    const struct cl_blobs_place *place;
    struct cl_blobs_config config;
    struct cl_map by_digest;
    struct cl_list sealed; // whose outcome was not asked for
    uint64_t bytes;
    struct cl_blobs_folder *folder; // NULL: in memory
};

/* A partial blob of that size in the index, with so many pointers. NULL without memory. */
struct cl_blob *cl_blobs_add(struct cl_blobs *blobs, const cl_digest *digest, uint64_t size,
                             size_t chunks);
/* Off the index, and freed. */
void cl_blobs_drop(struct cl_blobs *blobs, struct cl_blob *blob);
/* Its seal has come to that end. */
void cl_blobs_tell(struct cl_blobs *blobs, struct cl_blob *blob, enum cl_err outcome);

extern const struct cl_blobs_place cl_blobs_in_folder;
CL_MUST_CHECK enum cl_err cl_blobs_folder_open(struct cl_blobs *blobs, struct cl_why *why);

#endif
