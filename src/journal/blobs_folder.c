// SPDX-License-Identifier: MIT
/*
 * Blobs in a folder: a file each, named by its digest, or "<digest>.<size>.part" before it is
 * whole.
 *
 * One thread writes, seals and removes, in the order in which that was asked for; another one
 * reads, so that nobody who fetches waits behind a sync; and one copies, for as long as it takes.
 * A seal reads the file back, hashes it, syncs it, renames it, syncs the folder. After a sync that
 * failed a second one may succeed without having written anything, so the part is thrown away.
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
#include "journal/disk.h"

#define HEX_LEN  CL_DIGEST_TEXT_LEN
#define NAME_CAP (HEX_LEN + 32)

/* One of the threads. Its queue has a lock, which is the folder's. */
struct worker {
    struct cl_blobs_folder *folder;
    bool is_running;
    pthread_t thread;
    pthread_cond_t work;
    struct cl_list queue; // with the lock
};

struct cl_blobs_folder {
    int fd;
    struct worker writer;
    struct worker reader;
    struct worker copier;
    atomic_bool is_closing; // a copy is to end early
    pthread_mutex_t lock;
    struct cl_list done;              // with the lock
    void (*wake)(void *ctx);          // with the lock
    void *wake_ctx;                   // with the lock
    bool is_ending;                   // with the lock
    char buffer[CL_BLOB_CHUNK_BYTES]; // the writer's
};

/* -- names ------------------------------------------------------------------------------------- */

static void
name_whole(const cl_digest *digest, char ret_name[static NAME_CAP])
{
    cl_digest_text(digest, ret_name);
    ret_name[HEX_LEN] = '\0';
}

static void
name_part(const cl_digest *digest, uint64_t size, char ret_name[static NAME_CAP])
{
    cl_digest_text(digest, ret_name);
    (void)snprintf(ret_name + HEX_LEN, NAME_CAP - HEX_LEN, ".%llu.part", (unsigned long long)size);
}

/* *ret_size is 0 for a whole one. False: it is no name of ours. */
static bool
read_name(cl_str name, cl_digest *ret_digest, uint64_t *ret_size)
{
    char again[NAME_CAP];
    cl_str rest = cl_str_part(name, HEX_LEN, name.len);
    *ret_size = 0;
    if (!cl_digest_read(cl_str_part(name, 0, HEX_LEN), ret_digest))
        return false;
    if (rest.len == 0)
        return true;
    cl_str digits = cl_str_part(rest, 1, rest.len - 1);
    if (!cl_str_ends(rest, CL_STR(".part")) ||
        !cl_str_to_u64(cl_str_part(digits, 0, digits.len - 5), UINT64_MAX / 2, ret_size) ||
        *ret_size == 0)
        return false;
    name_part(ret_digest, *ret_size, again);
    return cl_str_eq(name, cl_str_z(again)); // there is one way to write it
}

static enum cl_err
error_of(int reason)
{
    return reason == ENOSPC || reason == EDQUOT ? CL_ERR_FULL : CL_ERR_IO;
}

/* -- what the threads do ----------------------------------------------------------------------- */

static enum cl_err
close_written(int fd, enum cl_err err)
{
    return close(fd) != 0 && err == CL_OK ? error_of(errno) : err;
}

/* Bytes behind others that are not all there would be lost in a hole. */
static enum cl_err
check_end(int fd, uint64_t offset)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_of(errno);
    return (uint64_t)status.st_size == offset ? CL_OK : CL_ERR_STALE;
}

static enum cl_err
write_piece(struct cl_blobs_folder *folder, struct cl_blob_job *job)
{
    char name[NAME_CAP];
    cl_str bytes = cl_body_str(job->bytes);
    name_part(&job->digest, job->size, name);
    int fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_of(errno);
    enum cl_err err = check_end(fd, job->offset);
    while (err == CL_OK && job->put < bytes.len) {
        ssize_t put = pwrite(fd, bytes.ptr + job->put, bytes.len - (size_t)job->put,
                             (off_t)(job->offset + job->put));
        if (put < 0 && errno != EINTR)
            err = error_of(errno);
        job->put += put > 0 ? (uint64_t)put : 0;
    }
    return close_written(fd, err);
}

static enum cl_err
read_piece(struct cl_blobs_folder *folder, struct cl_blob_job *job)
{
    char name[NAME_CAP];
    size_t len = job->bytes->len, have = 0;
    name_whole(&job->digest, name);
    int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t got = 1;
    while (fd >= 0 && have < len && (got > 0 || (got < 0 && errno == EINTR))) {
        got = pread(fd, job->bytes->bytes + have, len - have, (off_t)(job->offset + have));
        have += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0)
        (void)close(fd); // nothing was written
    return have == len ? CL_OK : CL_ERR_IO;
}

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
keep(struct cl_blobs_folder *folder, const struct cl_blob_job *job)
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
    err = close_written(fd, err);
    if (err == CL_OK && renameat(folder->fd, part, folder->fd, whole) != 0)
        err = error_of(errno);
    else if (err == CL_OK && fsync(folder->fd) != 0) {
        err = error_of(errno);
        (void)unlinkat(folder->fd, whole, 0); // the index will know nothing of it
    }
    return err;
}

static void
remove_file(struct cl_blobs_folder *folder, const struct cl_blob_job *job)
{
    char name[NAME_CAP];
    if (job->size == 0)
        name_whole(&job->digest, name);
    else
        name_part(&job->digest, job->size, name);
    (void)unlinkat(folder->fd, name, 0); // what stays is found at the next start
}

static void
run_job(struct cl_blobs_folder *folder, struct cl_blob_job *job)
{
    if (job->is_removal)
        remove_file(folder, job);
    else if (job->work == CL_BLOB_COPY)
        job->err = cl_blobs_copy_run(job->copy, folder->fd);
    else if (job->work == CL_BLOB_WRITE)
        job->err = write_piece(folder, job);
    else
        job->err = job->work == CL_BLOB_READ ? read_piece(folder, job) : keep(folder, job);
}

/* -- between the threads ----------------------------------------------------------------------- */

static void
lock(struct cl_blobs_folder *folder)
{
    int status = pthread_mutex_lock(&folder->lock);
    CL_ASSERT(status == 0);
}

static void
unlock(struct cl_blobs_folder *folder)
{
    int status = pthread_mutex_unlock(&folder->lock);
    CL_ASSERT(status == 0);
}

/* NULL: there is none, and will be none. */
static struct cl_blob_job *
take_job(struct worker *worker)
{
    struct cl_blobs_folder *folder = worker->folder;
    lock(folder);
    while (cl_list_is_empty(&worker->queue) && !folder->is_ending) {
        int status = pthread_cond_wait(&worker->work, &folder->lock);
        CL_ASSERT(status == 0);
    }
    struct cl_link *link = cl_list_first(&worker->queue);
    if (link != NULL)
        cl_list_remove(link);
    unlock(folder);
    return link == NULL ? NULL : CL_LIST_ENTRY(link, struct cl_blob_job, link);
}

static void
put_done(struct cl_blobs_folder *folder, struct cl_blob_job *job)
{
    lock(folder);
    cl_list_append(&folder->done, &job->link);
    if (folder->wake != NULL && !job->is_removal)
        folder->wake(folder->wake_ctx);
    unlock(folder);
}

static void *
work(void *ctx)
{
    struct worker *worker = ctx;
    struct cl_blob_job *job;
    while ((job = take_job(worker)) != NULL) {
        run_job(worker->folder, job);
        put_done(worker->folder, job);
    }
    return NULL;
}

/* -- what the caller's thread does ------------------------------------------------------------- */

/* The thread begins with its first job, after the relay has given up root's rights. */
static enum cl_err
give(struct worker *worker, struct cl_blob_job *job)
{
    if (!worker->is_running)
        worker->is_running = cl_thread_begin(&worker->thread, work, worker);
    if (!worker->is_running)
        return CL_ERR_NO_MEMORY;
    lock(worker->folder);
    cl_list_append(&worker->queue, &job->link);
    int status = pthread_cond_signal(&worker->work);
    CL_ASSERT(status == 0);
    unlock(worker->folder);
    return CL_OK;
}

static enum cl_err
folder_run(struct cl_blobs *blobs, struct cl_blob *blob, struct cl_blob_job *job)
{
    uint64_t left = blob->size - job->offset;
    if (job->work != CL_BLOB_READ)
        return give(&blobs->folder->writer, job);
    job->bytes = cl_body_new_blank(left < CL_BLOB_CHUNK_BYTES ? (size_t)left : CL_BLOB_CHUNK_BYTES);
    return job->bytes == NULL ? CL_ERR_NO_MEMORY : give(&blobs->folder->reader, job);
}

static enum cl_err
folder_copy(struct cl_blobs *blobs, struct cl_blob_job *job)
{
    job->copy->is_closing = &blobs->folder->is_closing;
    return give(&blobs->folder->copier, job);
}

static enum cl_err
folder_fetch(struct cl_blobs *blobs, const struct cl_blob *blob, struct cl_body *bytes)
{
    struct cl_blob_job job = {.digest = blob->digest, .bytes = bytes};
    return read_piece(blobs->folder, &job);
}

/* A large file takes its time to be removed. Without memory it takes the caller's. */
static void
folder_remove(struct cl_blobs *blobs, struct cl_blob *blob)
{
    struct cl_blob_job draft = {.is_removal = true,
                                .digest = blob->digest,
                                .size = blob->state == CL_BLOB_WHOLE ? 0 : blob->size};
    struct cl_blob_job *job = cl_alloc(sizeof *job);
    if (job != NULL) {
        *job = draft;
        cl_link_init(&job->link);
        if (give(&blobs->folder->writer, job) == CL_OK)
            return;
    }
    cl_free(job);
    remove_file(blobs->folder, &draft);
}

static void
folder_collect(struct cl_blobs *blobs)
{
    struct cl_list done;
    cl_list_init(&done);
    lock(blobs->folder);
    cl_list_splice(&done, &blobs->folder->done);
    unlock(blobs->folder);
    CL_LIST_EACH(&done, at)
    {
        struct cl_blob_job *job = CL_LIST_ENTRY(at, struct cl_blob_job, link);
        cl_list_remove(at);
        if (job->is_removal)
            cl_free(job);
        else
            cl_list_append(&blobs->ended, &job->link);
    }
}

static void
folder_watch(struct cl_blobs *blobs, void fn(void *ctx), void *ctx)
{
    lock(blobs->folder);
    blobs->folder->wake = fn;
    blobs->folder->wake_ctx = ctx;
    unlock(blobs->folder);
}

static void
end_worker(struct worker *worker)
{
    if (worker->is_running) {
        int status = pthread_join(worker->thread, NULL);
        CL_ASSERT(status == 0);
    }
    (void)pthread_cond_destroy(&worker->work); // nobody waits
}

static void
folder_close(struct cl_blobs *blobs)
{
    struct cl_blobs_folder *folder = blobs->folder;
    atomic_store(&folder->is_closing, true);
    lock(folder);
    folder->is_ending = true;
    folder->wake = NULL;
    (void)pthread_cond_signal(&folder->writer.work); // cannot fail
    (void)pthread_cond_signal(&folder->reader.work);
    (void)pthread_cond_signal(&folder->copier.work);
    unlock(folder);
    end_worker(&folder->writer);
    end_worker(&folder->reader);
    end_worker(&folder->copier);
    folder_collect(blobs);
    (void)pthread_mutex_destroy(&folder->lock);
    (void)close(folder->fd);
    cl_free(folder);
}

static const struct cl_blobs_place in_folder = {.run = folder_run,
                                                .copy = folder_copy,
                                                .fetch = folder_fetch,
                                                .remove = folder_remove,
                                                .collect = folder_collect,
                                                .watch = folder_watch,
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
        const struct cl_blob_job part = {.digest = digest, .size = other->size};
        remove_file(blobs->folder, &part);
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
    blob->claimed = have;
    blob->touched = blobs->config.now;
    cl_blobs_recharge(blobs, blob);
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

static void
init_worker(struct worker *worker, struct cl_blobs_folder *folder)
{
    worker->folder = folder;
    cl_list_init(&worker->queue);
    int status = pthread_cond_init(&worker->work, NULL);
    CL_ASSERT(status == 0);
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
    folder->fd = fd;
    init_worker(&folder->writer, folder);
    init_worker(&folder->reader, folder);
    init_worker(&folder->copier, folder);
    atomic_init(&folder->is_closing, false);
    cl_list_init(&folder->done);
    blobs->folder = folder;
    blobs->place = &in_folder;
    enum cl_err err = find_files(blobs);
    return err == CL_OK ? CL_OK : cl_fail(err, why, "\"%s\": cannot be read", path);
}
