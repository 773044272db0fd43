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
    size_t at = (size_t)(blob->filled / CL_BLOB_CHUNK_BYTES);
    uint64_t left = blob->size - (uint64_t)at * CL_BLOB_CHUNK_BYTES;
    if (blob->chunks[at] == NULL)
        blob->chunks[at] =
            cl_body_new_blank(left < CL_BLOB_CHUNK_BYTES ? (size_t)left : CL_BLOB_CHUNK_BYTES);
    return blob->chunks[at];
}

/* Puts the bytes behind the others, and says how many of them. */
static enum cl_err
memory_write(struct cl_blob *blob, struct cl_blob_job *job)
{
    if (job->offset != blob->filled)
        return CL_ERR_STALE;
    if (blob->digester == NULL)
        blob->digester = cl_digester_new();
    if (blob->digester == NULL)
        return CL_ERR_NO_MEMORY;
    while (job->put < job->bytes->len) {
        struct cl_body *chunk = chunk_at_end(blob);
        if (chunk == NULL)
            return CL_ERR_NO_MEMORY;
        size_t into = (size_t)(blob->filled % CL_BLOB_CHUNK_BYTES);
        cl_str piece = cl_str_part(cl_body_str(job->bytes), (size_t)job->put, chunk->len - into);
        cl_digester_add(blob->digester, piece); // so that no seal of a large one takes long
        memcpy(chunk->bytes + into, piece.ptr, piece.len);
        blob->filled += piece.len;
        job->put += piece.len;
    }
    return CL_OK;
}

static enum cl_err
memory_seal(const struct cl_blob *blob)
{
    cl_digest digest = cl_digester_end(blob->digester);
    return cl_digest_eq(&digest, &blob->digest) ? CL_OK : CL_ERR_MALFORMED;
}

static enum cl_err
memory_read(const struct cl_blob *blob, struct cl_blob_job *job)
{
    struct cl_body *chunk = blob->chunks[job->offset / CL_BLOB_CHUNK_BYTES];
    size_t into = (size_t)(job->offset % CL_BLOB_CHUNK_BYTES);
    job->bytes = into == 0 ? cl_body_ref(chunk)
                           : cl_body_new(cl_str_part(cl_body_str(chunk), into, chunk->len));
    return job->bytes == NULL ? CL_ERR_NO_MEMORY : CL_OK;
}

static enum cl_err
memory_run(struct cl_blobs *blobs, struct cl_blob *blob, struct cl_blob_job *job)
{
    if (job->work == CL_BLOB_READ) {
        enum cl_err err = memory_read(blob, job);
        if (err != CL_OK)
            return err;
    } else {
        job->err = job->work == CL_BLOB_WRITE ? memory_write(blob, job) : memory_seal(blob);
    }
    cl_list_append(&blobs->ended, &job->link);
    return CL_OK;
}

static enum cl_err
memory_fetch(struct cl_blobs *blobs, const struct cl_blob *blob, struct cl_body *bytes)
{
    (void)blobs;
    for (size_t at = 0; at < chunks_of(blob->size); at++) {
        const struct cl_body *chunk = blob->chunks[at];
        memcpy(bytes->bytes + at * CL_BLOB_CHUNK_BYTES, chunk->bytes, chunk->len);
    }
    return CL_OK;
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

static void
nothing_to_watch(struct cl_blobs *blobs, void fn(void *ctx), void *ctx)
{
    (void)blobs;
    (void)fn;
    (void)ctx;
}

static const struct cl_blobs_place in_memory = {.run = memory_run,
                                                .fetch = memory_fetch,
                                                .remove = memory_remove,
                                                .collect = nothing_to_do,
                                                .watch = nothing_to_watch,
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
    cl_link_init(&blob->partial);
    if (cl_map_put(&blobs->by_digest, key_of(&blob->digest), blob) != CL_OK) {
        cl_free(blob);
        return NULL;
    }
    cl_blobs_recharge(blobs, blob);
    return blob;
}

/* What it takes with so many of its bytes. */
static uint64_t
charge_of(const struct cl_blobs *blobs, uint64_t size, uint64_t have)
{
    uint64_t bytes = blobs->folder == NULL ? (uint64_t)chunks_of(have) * CL_BLOB_CHUNK_BYTES : have;
    bytes = bytes < size ? bytes : size;
    return bytes > CL_BLOB_CHARGE_MIN ? bytes : CL_BLOB_CHARGE_MIN;
}

static void
uncharge(struct cl_blobs *blobs, struct cl_blob *blob)
{
    blobs->bytes -= blob->charge;
    if (!cl_link_is_linked(&blob->partial))
        return;
    blobs->partial_bytes -= blob->charge;
    blobs->partial_count--;
    cl_list_remove(&blob->partial);
}

void
cl_blobs_recharge(struct cl_blobs *blobs, struct cl_blob *blob)
{
    uncharge(blobs, blob);
    blob->charge =
        charge_of(blobs, blob->size, blob->state == CL_BLOB_PARTIAL ? blob->claimed : blob->size);
    blobs->bytes += blob->charge;
    if (blob->state != CL_BLOB_PARTIAL)
        return;
    blobs->partial_bytes += blob->charge;
    blobs->partial_count++;
    cl_list_append(&blobs->partials, &blob->partial);
}

void
cl_blobs_drop(struct cl_blobs *blobs, struct cl_blob *blob)
{
    uncharge(blobs, blob);
    (void)cl_map_remove(&blobs->by_digest, key_of(&blob->digest));
    cl_free(blob);
}

static void
job_free(struct cl_blob_job *job)
{
    cl_body_unref(job->bytes);
    cl_free(job->copy);
    cl_free(job);
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
    cl_list_init(&blobs->ended);
    cl_list_init(&blobs->partials);
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
    CL_LIST_EACH(&blobs->ended, at)
    {
        job_free(CL_LIST_ENTRY(at, struct cl_blob_job, link));
    }
    struct cl_blob *blob;
    for (uint32_t at = 0; (blob = cl_map_next(&blobs->by_digest, &at)) != NULL;) {
        if (blobs->place == &in_memory)
            memory_remove(blobs, blob);
        cl_blobs_drop(blobs, blob);
    }
    cl_map_done(&blobs->by_digest);
    cl_free(blobs);
}

void
cl_blobs_watch(struct cl_blobs *blobs, void fn(void *ctx), void *ctx)
{
    blobs->place->watch(blobs, fn, ctx);
}

static struct cl_blob_info
info_of(const struct cl_blob *blob)
{
    return (struct cl_blob_info){.state = blob->state,
                                 .size = blob->size,
                                 .have = blob->have,
                                 .touched = blob->touched,
                                 .mark = blob->mark,
                                 .claims = blob->claims};
}

struct cl_blob_info
cl_blobs_look(const struct cl_blobs *blobs, const cl_digest *digest)
{
    const struct cl_blob *blob = find(blobs, digest);
    return blob == NULL ? (struct cl_blob_info){.state = CL_BLOB_ABSENT} : info_of(blob);
}

struct cl_blobs_stats
cl_blobs_stats(const struct cl_blobs *blobs)
{
    return (struct cl_blobs_stats){.count = blobs->by_digest.count,
                                   .partial = blobs->partial_count,
                                   .bytes = blobs->bytes,
                                   .bytes_max = blobs->config.all_bytes_max};
}

uint64_t
cl_blobs_bytes_max(const struct cl_blobs *blobs)
{
    return blobs->config.blob_bytes_max;
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

void
cl_blobs_note(struct cl_blobs *blobs, const cl_digest *digest, const struct cl_blob_info *info)
{
    struct cl_blob *blob = find(blobs, digest);
    if (blob == NULL)
        return;
    blob->touched = info->touched;
    blob->mark = info->mark;
    blob->claims = info->claims;
}

enum cl_err
cl_blobs_check(const struct cl_blobs *blobs, const cl_digest *digest, uint64_t size)
{
    const struct cl_blobs_config *config = &blobs->config;
    const struct cl_blob *blob = find(blobs, digest);
    uint64_t stays = blobs->bytes - blobs->partial_bytes; // the others may give way
    if (blob != NULL)
        return blob->size == size ? CL_OK : CL_ERR_STALE;
    if (size == 0 || size > config->blob_bytes_max)
        return CL_ERR_TOO_LARGE;
    return stays >= config->all_bytes_max || size > config->all_bytes_max - stays ? CL_ERR_FULL
                                                                                  : CL_OK;
}

/* So many more bytes for that blob, or for a new one: those that were left alone give way. */
static enum cl_err
make_room(struct cl_blobs *blobs, const struct cl_blob *blob, uint64_t bytes, cl_time now)
{
    uint64_t max = blobs->config.all_bytes_max;
    CL_LIST_EACH(&blobs->partials, at)
    {
        struct cl_blob *other = CL_LIST_ENTRY(at, struct cl_blob, partial);
        if ((blobs->bytes <= max && bytes <= max - blobs->bytes) ||
            now.ms - other->touched.ms < CL_BLOB_UPLOAD_IDLE_MS)
            break;
        if (other != blob)
            (void)cl_blobs_remove(blobs, &other->digest); // unless it is being written to
    }
    return blobs->bytes <= max && bytes <= max - blobs->bytes ? CL_OK : CL_ERR_FULL;
}

/* Hands a copy of the draft to the place. Takes a reference on its bytes. */
static enum cl_err
run(struct cl_blobs *blobs, struct cl_blob *blob, const struct cl_blob_job *draft)
{
    struct cl_blob_job *job = cl_alloc(sizeof *job);
    if (job == NULL)
        return CL_ERR_NO_MEMORY;
    *job = *draft;
    job->digest = blob->digest;
    job->size = blob->size;
    (void)cl_body_ref(job->bytes);
    cl_link_init(&job->link);
    enum cl_err err = blobs->place->run(blobs, blob, job);
    if (err != CL_OK)
        job_free(job);
    return err;
}

/* The one that a piece belongs to; a new one for its first. */
static enum cl_err
find_for(struct cl_blobs *blobs, const struct cl_blob_piece *piece, struct cl_blob **ret_blob)
{
    struct cl_blob *blob = find(blobs, &piece->digest);
    if (blob != NULL) {
        *ret_blob = blob;
        return blob->state == CL_BLOB_PARTIAL && blob->size == piece->size ? CL_OK : CL_ERR_STALE;
    }
    enum cl_err err = cl_blobs_check(blobs, &piece->digest, piece->size);
    if (err != CL_OK)
        return err;
    *ret_blob = cl_blobs_add(blobs, &piece->digest, piece->size,
                             blobs->folder == NULL ? chunks_of(piece->size) : 0);
    return *ret_blob == NULL ? CL_ERR_NO_MEMORY : CL_OK;
}

/* Without a byte there is none. */
static void
drop_empty(struct cl_blobs *blobs, struct cl_blob *blob)
{
    if (blob->state != CL_BLOB_PARTIAL || blob->claimed > 0 || blob->writes > 0)
        return;
    blobs->place->remove(blobs, blob);
    cl_blobs_drop(blobs, blob);
}

static enum cl_err
append(struct cl_blobs *blobs, struct cl_blob *blob, const struct cl_blob_piece *piece, cl_time now)
{
    if (blob->claimed != piece->offset)
        return CL_ERR_STALE;
    if (piece->bytes->len > blob->size - piece->offset)
        return CL_ERR_TOO_LARGE;
    uint64_t charge = charge_of(blobs, blob->size, piece->offset + piece->bytes->len);
    enum cl_err err = make_room(blobs, blob, charge - blob->charge, now);
    if (err != CL_OK)
        return err;
    struct cl_blob_job draft = {.work = CL_BLOB_WRITE,
                                .offset = piece->offset,
                                .ticket = piece->ticket,
                                .bytes = piece->bytes};
    err = run(blobs, blob, &draft);
    if (err != CL_OK)
        return err;
    blob->touched = now;
    blob->claimed += piece->bytes->len;
    blob->writes++;
    cl_blobs_recharge(blobs, blob);
    return CL_OK;
}

enum cl_err
cl_blobs_write(struct cl_blobs *blobs, const struct cl_blob_piece *piece, cl_time now)
{
    struct cl_blob *blob;
    if (piece->offset > 0 && find(blobs, &piece->digest) == NULL)
        return CL_ERR_STALE;
    enum cl_err err = find_for(blobs, piece, &blob);
    if (err != CL_OK)
        return err;
    err = append(blobs, blob, piece, now);
    drop_empty(blobs, blob);
    return err;
}

enum cl_err
cl_blobs_seal(struct cl_blobs *blobs, const cl_digest *digest)
{
    struct cl_blob *blob = find(blobs, digest);
    if (blob == NULL || blob->state != CL_BLOB_PARTIAL || blob->have != blob->size)
        return CL_ERR_STALE;
    enum cl_err err = run(blobs, blob, &(struct cl_blob_job){.work = CL_BLOB_SEAL});
    if (err != CL_OK)
        return err;
    blob->state = CL_BLOB_SEALING;
    cl_blobs_recharge(blobs, blob);
    return CL_OK;
}

enum cl_err
cl_blobs_read(struct cl_blobs *blobs, const cl_digest *digest, uint64_t offset, uint64_t ticket)
{
    struct cl_blob *blob = find(blobs, digest);
    if (blob == NULL || blob->state != CL_BLOB_WHOLE || offset >= blob->size)
        return CL_ERR_NOT_FOUND;
    struct cl_blob_job draft = {.work = CL_BLOB_READ, .offset = offset, .ticket = ticket};
    return run(blobs, blob, &draft);
}

enum cl_err
cl_blobs_fetch(struct cl_blobs *blobs, const cl_digest *digest, struct cl_body **ret_bytes)
{
    const struct cl_blob *blob = find(blobs, digest);
    if (blob == NULL || blob->state != CL_BLOB_WHOLE)
        return CL_ERR_NOT_FOUND;
    struct cl_body *bytes = cl_body_new_blank((size_t)blob->size);
    if (bytes == NULL)
        return CL_ERR_NO_MEMORY;
    enum cl_err err = blobs->place->fetch(blobs, blob, bytes);
    if (err == CL_OK)
        *ret_bytes = bytes;
    else
        cl_body_unref(bytes);
    return err;
}

/* A list of all whole ones, and a place for the path. NULL without memory. */
static struct cl_blobs_copy *
copy_new(const struct cl_blobs *blobs, size_t len, cl_str path)
{
    struct cl_blobs_copy *copy =
        cl_alloc(sizeof *copy + len * sizeof *copy->digests + path.len + 1);
    const struct cl_blob *blob;
    if (copy == NULL)
        return NULL;
    copy->digests = (cl_digest *)(void *)(copy + 1);
    copy->path = (char *)(copy->digests + len);
    memcpy(copy->path, path.ptr, path.len);
    for (uint32_t at = 0; (blob = cl_map_next(&blobs->by_digest, &at)) != NULL;)
        if (blob->state == CL_BLOB_WHOLE)
            copy->digests[copy->len++] = blob->digest;
    CL_ASSERT(copy->len == len);
    return copy;
}

enum cl_err
cl_blobs_copy(struct cl_blobs *blobs, cl_str path)
{
    size_t len = 0;
    const struct cl_blob *blob;
    for (uint32_t at = 0; (blob = cl_map_next(&blobs->by_digest, &at)) != NULL;)
        len += blob->state == CL_BLOB_WHOLE;
    if (len == 0)
        return CL_ERR_NOT_FOUND;
    if (blobs->place->copy == NULL)
        return CL_ERR_NOT_IMPLEMENTED;
    struct cl_blob_job *job = cl_alloc(sizeof *job);
    if (job == NULL)
        return CL_ERR_NO_MEMORY;
    *job = (struct cl_blob_job){.work = CL_BLOB_COPY, .copy = copy_new(blobs, len, path)};
    cl_link_init(&job->link);
    enum cl_err err = job->copy == NULL ? CL_ERR_NO_MEMORY : blobs->place->copy(blobs, job);
    if (err != CL_OK)
        job_free(job);
    return err;
}

/* It ends where its bytes do. */
static void
shorten(struct cl_blobs *blobs, struct cl_blob *blob)
{
    blob->claimed = blob->have;
    cl_blobs_recharge(blobs, blob);
    drop_empty(blobs, blob);
}

/* The index follows what came out. */
static void
settle(struct cl_blobs *blobs, const struct cl_blob_job *job)
{
    struct cl_blob *blob = find(blobs, &job->digest);
    if (job->work == CL_BLOB_READ || job->work == CL_BLOB_COPY)
        return;
    CL_ASSERT(blob != NULL); // until now it could not be removed
    if (job->work == CL_BLOB_WRITE) {
        blob->writes--;
        blob->have += job->put;
        if (job->err != CL_OK || blob->claimed < blob->have)
            shorten(blobs, blob); // what was begun behind it comes out as STALE
    } else if (job->err == CL_OK) {
        blob->state = CL_BLOB_WHOLE;
    } else {
        blobs->place->remove(blobs, blob);
        cl_blobs_drop(blobs, blob);
    }
}

bool
cl_blobs_done(struct cl_blobs *blobs, struct cl_blob_done *ret_done)
{
    blobs->place->collect(blobs);
    struct cl_link *link = cl_list_first(&blobs->ended);
    if (link == NULL)
        return false;
    struct cl_blob_job *job = CL_LIST_ENTRY(link, struct cl_blob_job, link);
    cl_list_remove(link);
    settle(blobs, job);
    bool has_chunk = job->work == CL_BLOB_READ && job->err == CL_OK;
    *ret_done = (struct cl_blob_done){.work = job->work,
                                      .digest = job->digest,
                                      .ticket = job->ticket,
                                      .err = job->err,
                                      .chunk = has_chunk ? cl_body_ref(job->bytes) : NULL};
    if (job->copy != NULL)
        ret_done->copied = job->copy->copied;
    job_free(job);
    return true;
}

bool
cl_blobs_remove(struct cl_blobs *blobs, const cl_digest *digest)
{
    struct cl_blob *blob = find(blobs, digest);
    if (blob == NULL)
        return true;
    if (blob->state == CL_BLOB_SEALING || blob->writes > 0)
        return false;
    blobs->place->remove(blobs, blob);
    cl_blobs_drop(blobs, blob);
    return true;
}
