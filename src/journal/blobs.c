// SPDX-License-Identifier: MIT
/*
 * The index of all blobs, and those that lie in memory.
 */
#include "journal/blobs.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "journal/blobs_private.h"

/* -- in memory --------------------------------------------------------------------------------- */

static size_t
chunks_of(uint64_t size)
{
    return (size_t)((size + CL_BLOB_CHUNK_BYTES - 1) / CL_BLOB_CHUNK_BYTES);
}

/* The chunk that the next byte belongs to, made when there is none; NULL without memory. */
static struct cl_body *
chunk_at_end(struct cl_blob *blob)
{
    size_t at = (size_t)(blob->have / CL_BLOB_CHUNK_BYTES);
    uint64_t left = blob->size - (uint64_t)at * CL_BLOB_CHUNK_BYTES;
    if (blob->chunks[at] == NULL)
        blob->chunks[at] =
            cl_body_new_blank(left < CL_BLOB_CHUNK_BYTES ? (size_t)left : CL_BLOB_CHUNK_BYTES);
    return blob->chunks[at];
}

static enum cl_err
memory_write(struct cl_blobs *blobs, struct cl_blob *blob, cl_str bytes)
{
    (void)blobs;
    if (blob->digester == NULL)
        blob->digester = cl_digester_new();
    if (blob->digester == NULL)
        return CL_ERR_NO_MEMORY;
    for (size_t put = 0; put < bytes.len;) {
        struct cl_body *chunk = chunk_at_end(blob);
        if (chunk == NULL)
            return CL_ERR_NO_MEMORY;
        size_t into = (size_t)(blob->have % CL_BLOB_CHUNK_BYTES);
        cl_str piece = cl_str_part(bytes, put, chunk->len - into);
        cl_digester_add(blob->digester, piece); // so that no seal of a large one takes long
        memcpy(chunk->bytes + into, piece.ptr, piece.len);
        put += piece.len;
        blob->have += piece.len;
    }
    return CL_OK;
}

static enum cl_err
memory_seal(struct cl_blobs *blobs, struct cl_blob *blob)
{
    cl_digest digest = cl_digester_end(blob->digester);
    bool is_good = cl_digest_eq(&digest, &blob->digest);
    cl_blobs_tell(blobs, blob, is_good ? CL_OK : CL_ERR_MALFORMED);
    return CL_OK;
}

static enum cl_err
memory_read(struct cl_blobs *blobs, const struct cl_blob *blob, uint64_t offset,
            struct cl_body **ret_chunk)
{
    (void)blobs;
    struct cl_body *chunk = blob->chunks[offset / CL_BLOB_CHUNK_BYTES];
    size_t into = (size_t)(offset % CL_BLOB_CHUNK_BYTES);
    if (into == 0) {
        *ret_chunk = cl_body_ref(chunk);
        return CL_OK;
    }
    *ret_chunk = cl_body_new(cl_str_part(cl_body_str(chunk), into, chunk->len));
    return *ret_chunk == NULL ? CL_ERR_NO_MEMORY : CL_OK;
}

static void
memory_remove(struct cl_blobs *blobs, struct cl_blob *blob)
{
    (void)blobs;
    for (size_t at = 0; at < chunks_of(blob->size); at++)
        cl_body_unref(blob->chunks[at]);
    cl_digester_free(blob->digester);
}

static void
nothing_to_do(struct cl_blobs *blobs)
{
    (void)blobs;
}

static const struct cl_blobs_place in_memory = {.write = memory_write,
                                                .read = memory_read,
                                                .seal = memory_seal,
                                                .remove = memory_remove,
                                                .collect = nothing_to_do,
                                                .close = nothing_to_do};

/* -- the index --------------------------------------------------------------------------------- */

static cl_str
key_of(const cl_digest *digest)
{
    return cl_str_of(digest, sizeof *digest);
}

static struct cl_blob *
find(const struct cl_blobs *blobs, const cl_digest *digest)
{
    return cl_map_get(&blobs->by_digest, key_of(digest));
}

struct cl_blob *
cl_blobs_add(struct cl_blobs *blobs, const cl_digest *digest, uint64_t size, size_t chunks)
{
    struct cl_blob *blob = cl_alloc(sizeof *blob + chunks * sizeof *blob->chunks);
    if (blob == NULL)
        return NULL;
    blob->digest = *digest;
    blob->state = CL_BLOB_PARTIAL;
    blob->size = size;
    cl_link_init(&blob->link);
    if (cl_map_put(&blobs->by_digest, key_of(&blob->digest), blob) != CL_OK) {
        cl_free(blob);
        return NULL;
    }
    blobs->bytes += size;
    return blob;
}

void
cl_blobs_drop(struct cl_blobs *blobs, struct cl_blob *blob)
{
    blobs->bytes -= blob->size;
    (void)cl_map_remove(&blobs->by_digest, key_of(&blob->digest));
    cl_list_remove(&blob->link);
    cl_free(blob);
}

void
cl_blobs_tell(struct cl_blobs *blobs, struct cl_blob *blob, enum cl_err outcome)
{
    blob->outcome = outcome;
    if (outcome == CL_OK)
        blob->state = CL_BLOB_WHOLE;
    cl_list_append(&blobs->sealed, &blob->link);
}

/* -- for everybody ----------------------------------------------------------------------------- */

enum cl_err
cl_blobs_open(const struct cl_blobs_config *config, struct cl_blobs **ret_blobs, struct cl_why *why)
{
    struct cl_blobs *blobs = cl_alloc(sizeof *blobs);
    if (blobs == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory");
    blobs->config = *config;
    blobs->place = &in_memory;
    cl_map_init(&blobs->by_digest, &config->hash_key);
    cl_list_init(&blobs->sealed);
    enum cl_err err = config->folder == NULL ? CL_OK : cl_blobs_folder_open(blobs, why);
    if (err != CL_OK)
        cl_blobs_close(blobs);
    else
        *ret_blobs = blobs;
    return err;
}

void
cl_blobs_close(struct cl_blobs *blobs)
{
    if (blobs == NULL)
        return;
    blobs->place->close(blobs);
    struct cl_blob *blob;
    for (uint32_t at = 0; (blob = cl_map_next(&blobs->by_digest, &at)) != NULL;) {
        if (blobs->place == &in_memory)
            memory_remove(blobs, blob);
        cl_blobs_drop(blobs, blob);
    }
    cl_map_done(&blobs->by_digest);
    cl_free(blobs);
}

static struct cl_blob_info
info_of(const struct cl_blob *blob)
{
    return (struct cl_blob_info){
        .state = blob->state, .size = blob->size, .have = blob->have, .touched = blob->touched};
}

struct cl_blob_info
cl_blobs_look(const struct cl_blobs *blobs, const cl_digest *digest)
{
    const struct cl_blob *blob = find(blobs, digest);
    return blob == NULL ? (struct cl_blob_info){.state = CL_BLOB_ABSENT} : info_of(blob);
}

uint64_t
cl_blobs_bytes(const struct cl_blobs *blobs)
{
    return blobs->bytes;
}

bool
cl_blobs_next(const struct cl_blobs *blobs, uint32_t *at, cl_digest *ret_digest,
              struct cl_blob_info *ret_info)
{
    const struct cl_blob *blob = cl_map_next(&blobs->by_digest, at);
    if (blob == NULL)
        return false;
    *ret_digest = blob->digest;
    *ret_info = info_of(blob);
    return true;
}

enum cl_err
cl_blobs_begin(struct cl_blobs *blobs, const cl_digest *digest, uint64_t size, cl_time now)
{
    const struct cl_blobs_config *config = &blobs->config;
    struct cl_blob *blob = find(blobs, digest);
    if (blob != NULL)
        return blob->size == size ? CL_OK : CL_ERR_STALE;
    if (size == 0 || size > config->blob_bytes_max)
        return CL_ERR_TOO_LARGE;
    if (size > config->all_bytes_max - blobs->bytes)
        return CL_ERR_FULL;
    blob = cl_blobs_add(blobs, digest, size, blobs->folder == NULL ? chunks_of(size) : 0);
    if (blob == NULL)
        return CL_ERR_NO_MEMORY;
    blob->touched = now;
    return CL_OK;
}

enum cl_err
cl_blobs_write(struct cl_blobs *blobs, const cl_digest *digest, uint64_t offset, cl_str bytes,
               cl_time now)
{
    struct cl_blob *blob = find(blobs, digest);
    if (blob == NULL || blob->state != CL_BLOB_PARTIAL || blob->have != offset)
        return CL_ERR_STALE;
    if (bytes.len > blob->size - offset)
        return CL_ERR_TOO_LARGE;
    blob->touched = now;
    return bytes.len == 0 ? CL_OK : blobs->place->write(blobs, blob, bytes);
}

enum cl_err
cl_blobs_seal(struct cl_blobs *blobs, const cl_digest *digest)
{
    struct cl_blob *blob = find(blobs, digest);
    if (blob == NULL || blob->state != CL_BLOB_PARTIAL || blob->have != blob->size)
        return CL_ERR_STALE;
    blob->state = CL_BLOB_SEALING;
    enum cl_err err = blobs->place->seal(blobs, blob);
    if (err != CL_OK)
        blob->state = CL_BLOB_PARTIAL;
    return err;
}

bool
cl_blobs_sealed(struct cl_blobs *blobs, cl_digest *ret_digest, enum cl_err *ret_err)
{
    blobs->place->collect(blobs);
    struct cl_link *link = cl_list_first(&blobs->sealed);
    if (link == NULL)
        return false;
    struct cl_blob *blob = CL_LIST_ENTRY(link, struct cl_blob, link);
    cl_list_remove(link);
    *ret_digest = blob->digest;
    *ret_err = blob->outcome;
    if (blob->outcome != CL_OK) {
        blobs->place->remove(blobs, blob);
        cl_blobs_drop(blobs, blob);
    }
    return true;
}

enum cl_err
cl_blobs_read(struct cl_blobs *blobs, const cl_digest *digest, uint64_t offset,
              struct cl_body **ret_chunk)
{
    const struct cl_blob *blob = find(blobs, digest);
    if (blob == NULL || blob->state != CL_BLOB_WHOLE || offset >= blob->size)
        return CL_ERR_NOT_FOUND;
    return blobs->place->read(blobs, blob, offset, ret_chunk);
}

bool
cl_blobs_remove(struct cl_blobs *blobs, const cl_digest *digest)
{
    struct cl_blob *blob = find(blobs, digest);
    if (blob == NULL)
        return true;
    if (blob->state == CL_BLOB_SEALING || cl_link_is_linked(&blob->link))
        return false;
    blobs->place->remove(blobs, blob);
    cl_blobs_drop(blobs, blob);
    return true;
}
