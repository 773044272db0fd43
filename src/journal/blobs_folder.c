// SPDX-License-Identifier: MIT
/*
 * Blobs in a folder: a file each, named by its digest, or "<digest>.<size>.part" before it is
 * whole.
 *
 * The caller's thread writes and reads, which the system's cache makes quick. A seal is slow, so a
 * thread of its own does it: reads the file back, hashes it, syncs it, renames it, syncs the
 * folder. After a sync that failed a second one may succeed without having written anything, so the
 * part is thrown away.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "journal/blobs_private.h"

#define HEX_LEN  (2 * sizeof(cl_digest))
#define NAME_CAP (HEX_LEN + 32)

struct job {
    struct cl_link link;
    cl_digest digest;
    uint64_t size;
    enum cl_err outcome;
};

struct cl_blobs_folder {
    int fd;
    bool has_worker;
    pthread_t worker;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct cl_list queue;             // with the lock
    struct cl_list done;              // with the lock
    bool is_ending;                   // with the lock
    char buffer[CL_BLOB_CHUNK_BYTES]; // the worker's
};

/* -- names ------------------------------------------------------------------------------------- */

static void
write_hex(const cl_digest *digest, char ret_hex[static HEX_LEN])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t at = 0; at < sizeof *digest; at++) {
        ret_hex[2 * at] = digits[digest->bytes[at] >> 4];
        ret_hex[2 * at + 1] = digits[digest->bytes[at] & 15];
    }
}

static void
name_whole(const cl_digest *digest, char ret_name[static NAME_CAP])
{
    write_hex(digest, ret_name);
    ret_name[HEX_LEN] = '\0';
}

static void
name_part(const cl_digest *digest, uint64_t size, char ret_name[static NAME_CAP])
{
    write_hex(digest, ret_name);
    (void)snprintf(ret_name + HEX_LEN, NAME_CAP - HEX_LEN, ".%llu.part", (unsigned long long)size);
}

/* *ret_size is 0 for a whole one. False: it is no name of ours. */
static bool
read_name(cl_str name, cl_digest *ret_digest, uint64_t *ret_size)
{
    char again[NAME_CAP];
    cl_str rest = cl_str_part(name, HEX_LEN, name.len);
    *ret_size = 0;
    if (name.len < HEX_LEN)
        return false;
    for (size_t at = 0; at < sizeof *ret_digest; at++) {
        int high = cl_str_hex_digit(name.ptr[2 * at]);
        int low = cl_str_hex_digit(name.ptr[2 * at + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_digest->bytes[at] = (uint8_t)(high * 16 + low);
    }
    if (rest.len == 0) {
        name_whole(ret_digest, again);
    } else {
        cl_str digits = cl_str_part(rest, 1, rest.len - 1);
        if (!cl_str_ends(rest, CL_STR(".part")) ||
            !cl_str_to_u64(cl_str_part(digits, 0, digits.len - 5), UINT64_MAX / 2, ret_size) ||
            *ret_size == 0)
            return false;
        name_part(ret_digest, *ret_size, again);
    }
    return cl_str_eq(name, cl_str_z(again)); // there is one way to write it
}

static enum cl_err
error_of(int reason)
{
    return reason == ENOSPC || reason == EDQUOT ? CL_ERR_FULL : CL_ERR_IO;
}

/* -- the worker -------------------------------------------------------------------------------- */

static enum cl_err
hash_file(struct cl_blobs_folder *folder, int fd, const cl_digest *wanted)
{
    struct cl_digester *digester = cl_digester_new();
    if (digester == NULL)
        return CL_ERR_NO_MEMORY;
    ssize_t got;
    while ((got = read(fd, folder->buffer, sizeof folder->buffer)) > 0 ||
           (got < 0 && errno == EINTR))
        cl_digester_add(digester, cl_str_of(folder->buffer, got < 0 ? 0 : (size_t)got));
    cl_digest digest = cl_digester_end(digester);
    cl_digester_free(digester);
    if (got < 0)
        return CL_ERR_IO;
    return cl_digest_eq(&digest, wanted) ? CL_OK : CL_ERR_MALFORMED;
}

static enum cl_err
keep(struct cl_blobs_folder *folder, const struct job *job)
{
    char part[NAME_CAP], whole[NAME_CAP];
    name_part(&job->digest, job->size, part);
    name_whole(&job->digest, whole);
    int fd = openat(folder->fd, part, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_of(errno);
    enum cl_err err = hash_file(folder, fd, &job->digest);
    if (err == CL_OK && fsync(fd) != 0)
        err = error_of(errno);
    if (close(fd) != 0 && err == CL_OK)
        err = error_of(errno);
    if (err == CL_OK &&
        (renameat(folder->fd, part, folder->fd, whole) != 0 || fsync(folder->fd) != 0))
        err = error_of(errno);
    return err;
}

static struct job *
take_job(struct cl_blobs_folder *folder)
{
    int status = pthread_mutex_lock(&folder->lock);
    CL_ASSERT(status == 0);
    while (cl_list_is_empty(&folder->queue) && !folder->is_ending) {
        status = pthread_cond_wait(&folder->work, &folder->lock);
        CL_ASSERT(status == 0);
    }
    struct cl_link *link = cl_list_first(&folder->queue);
    if (link != NULL)
        cl_list_remove(link);
    status = pthread_mutex_unlock(&folder->lock);
    CL_ASSERT(status == 0);
    return link == NULL ? NULL : CL_LIST_ENTRY(link, struct job, link);
}

/* To the end of a list that needs the lock. */
static void
put_job(struct cl_blobs_folder *folder, struct cl_list *list, struct job *job)
{
    int status = pthread_mutex_lock(&folder->lock);
    CL_ASSERT(status == 0);
    cl_list_append(list, &job->link);
    status = pthread_cond_signal(&folder->work);
    CL_ASSERT(status == 0);
    status = pthread_mutex_unlock(&folder->lock);
    CL_ASSERT(status == 0);
}

static void *
work(void *ctx)
{
    const struct cl_blobs *blobs = ctx;
    struct cl_blobs_folder *folder = blobs->folder;
    struct job *job;
    while ((job = take_job(folder)) != NULL) {
        job->outcome = keep(folder, job);
        put_job(folder, &folder->done, job);
        if (blobs->config.wake != NULL)
            blobs->config.wake(blobs->config.wake_ctx);
    }
    return NULL;
}

/* -- what the caller's thread does ------------------------------------------------------------- */

static int
open_part(const struct cl_blobs *blobs, const struct cl_blob *blob)
{
    char name[NAME_CAP];
    name_part(&blob->digest, blob->size, name);
    return openat(blobs->folder->fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static enum cl_err
folder_write(struct cl_blobs *blobs, struct cl_blob *blob, cl_str bytes)
{
    int fd = open_part(blobs, blob);
    enum cl_err err = fd < 0 ? error_of(errno) : CL_OK;
    while (err == CL_OK && bytes.len > 0) {
        ssize_t put = pwrite(fd, bytes.ptr, bytes.len, (off_t)blob->have);
        if (put < 0 && errno != EINTR) {
            err = error_of(errno);
        } else if (put > 0) {
            blob->have += (uint64_t)put;
            bytes = cl_str_part(bytes, (size_t)put, bytes.len);
        }
    }
    if (fd >= 0 && close(fd) != 0 && err == CL_OK)
        err = error_of(errno);
    return err;
}

static enum cl_err
folder_read(struct cl_blobs *blobs, const struct cl_blob *blob, uint64_t offset,
            struct cl_body **ret_chunk)
{
    char name[NAME_CAP];
    uint64_t left = blob->size - offset;
    size_t len = left < CL_BLOB_CHUNK_BYTES ? (size_t)left : CL_BLOB_CHUNK_BYTES, have = 0;
    struct cl_body *chunk = cl_body_new_blank(len);
    if (chunk == NULL)
        return CL_ERR_NO_MEMORY;
    name_whole(&blob->digest, name);
    int fd = openat(blobs->folder->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t got = 1;
    while (fd >= 0 && have < len && (got > 0 || (got < 0 && errno == EINTR))) {
        got = pread(fd, chunk->bytes + have, len - have, (off_t)(offset + have));
        have += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0)
        (void)close(fd); // nothing was written
    if (have == len) {
        *ret_chunk = chunk;
        return CL_OK;
    }
    cl_body_unref(chunk);
    return CL_ERR_IO;
}

static enum cl_err
folder_seal(struct cl_blobs *blobs, struct cl_blob *blob)
{
    struct cl_blobs_folder *folder = blobs->folder;
    if (!folder->has_worker)
        folder->has_worker = pthread_create(&folder->worker, NULL, work, blobs) == 0;
    struct job *job = folder->has_worker ? cl_alloc(sizeof *job) : NULL;
    if (job == NULL)
        return CL_ERR_NO_MEMORY;
    job->digest = blob->digest;
    job->size = blob->size;
    put_job(folder, &folder->queue, job);
    return CL_OK;
}

static void
folder_remove(struct cl_blobs *blobs, struct cl_blob *blob)
{
    char name[NAME_CAP];
    if (blob->state == CL_BLOB_WHOLE)
        name_whole(&blob->digest, name);
    else
        name_part(&blob->digest, blob->size, name);
    (void)unlinkat(blobs->folder->fd, name, 0); // what stays is found at the next start
}

static void
folder_collect(struct cl_blobs *blobs)
{
    struct cl_blobs_folder *folder = blobs->folder;
    struct cl_list done;
    cl_list_init(&done);
    int status = pthread_mutex_lock(&folder->lock);
    CL_ASSERT(status == 0);
    cl_list_splice(&done, &folder->done);
    status = pthread_mutex_unlock(&folder->lock);
    CL_ASSERT(status == 0);
    CL_LIST_EACH(&done, at)
    {
        struct job *job = CL_LIST_ENTRY(at, struct job, link);
        struct cl_blob *blob =
            cl_map_get(&blobs->by_digest, cl_str_of(&job->digest, sizeof job->digest));
        CL_ASSERT(blob != NULL); // one that is SEALING stays
        cl_blobs_tell(blobs, blob, job->outcome);
        cl_free(job);
    }
}

static void
folder_close(struct cl_blobs *blobs)
{
    struct cl_blobs_folder *folder = blobs->folder;
    int status = pthread_mutex_lock(&folder->lock);
    CL_ASSERT(status == 0);
    folder->is_ending = true;
    (void)pthread_cond_signal(&folder->work); // cannot fail
    status = pthread_mutex_unlock(&folder->lock);
    CL_ASSERT(status == 0);
    if (folder->has_worker) {
        status = pthread_join(folder->worker, NULL);
        CL_ASSERT(status == 0);
    }
    folder_collect(blobs);
    (void)pthread_cond_destroy(&folder->work);
    (void)pthread_mutex_destroy(&folder->lock);
    (void)close(folder->fd);
    cl_free(folder);
}

const struct cl_blobs_place cl_blobs_in_folder = {.write = folder_write,
                                                  .read = folder_read,
                                                  .seal = folder_seal,
                                                  .remove = folder_remove,
                                                  .collect = folder_collect,
                                                  .close = folder_close};

/* -- opening ----------------------------------------------------------------------------------- */

/* A file of ours becomes a blob. What cannot be one is removed: a part that is longer than it
 * should be, or of a blob that is whole. */
static enum cl_err
find_file(struct cl_blobs *blobs, const char *name)
{
    cl_digest digest;
    uint64_t size;
    struct stat status;
    int fd = blobs->folder->fd;
    if (!read_name(cl_str_z(name), &digest, &size) ||
        fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
        return CL_OK;
    uint64_t have = (uint64_t)status.st_size;
    struct cl_blob *other = cl_map_get(&blobs->by_digest, cl_str_of(&digest, sizeof digest));
    if (other != NULL && size == 0) { // the whole one counts
        folder_remove(blobs, other);
        cl_blobs_drop(blobs, other);
        other = NULL;
    }
    if (other != NULL || (size > 0 && have > size) || have == 0) {
        (void)unlinkat(fd, name, 0);
        return CL_OK;
    }
    struct cl_blob *blob = cl_blobs_add(blobs, &digest, size > 0 ? size : have, 0);
    if (blob == NULL)
        return CL_ERR_NO_MEMORY;
    blob->state = size > 0 ? CL_BLOB_PARTIAL : CL_BLOB_WHOLE;
    blob->have = have;
    blob->touched = blobs->config.now;
    return CL_OK;
}

static enum cl_err
find_files(struct cl_blobs *blobs)
{
    int fd = openat(blobs->folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    enum cl_err err = folder == NULL ? CL_ERR_IO : CL_OK;
    for (struct dirent *entry; err == CL_OK && (entry = readdir(folder)) != NULL;)
        err = find_file(blobs, entry->d_name);
    if (folder != NULL)
        (void)closedir(folder);
    else if (fd >= 0)
        (void)close(fd);
    return err;
}

enum cl_err
cl_blobs_folder_open(struct cl_blobs *blobs, struct cl_why *why)
{
    const char *path = blobs->config.folder;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return cl_fail(error_of(errno), why, "\"%s\": %s", path, strerror(errno));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cl_fail(CL_ERR_IO, why, "\"%s\": %s", path, strerror(errno));
    struct cl_blobs_folder *folder = cl_alloc(sizeof *folder);
    if (folder == NULL) {
        (void)close(fd);
        return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory");
    }
    int status = pthread_mutex_init(&folder->lock, NULL);
    CL_ASSERT(status == 0);
    status = pthread_cond_init(&folder->work, NULL);
    CL_ASSERT(status == 0);
    folder->fd = fd;
    cl_list_init(&folder->queue);
    cl_list_init(&folder->done);
    blobs->folder = folder;
    blobs->place = &cl_blobs_in_folder;
    enum cl_err err = find_files(blobs);
    return err == CL_OK ? CL_OK : cl_fail(err, why, "\"%s\": cannot be read", path);
}
