// SPDX-License-Identifier: MIT
/*
 * All whole blobs once more, in another folder. A whole one never changes, so a further name of its
 * file is as good as a copy, and made at once; on another disk its bytes are copied.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "journal/blobs_private.h"

#define NAME_CAP (CL_DIGEST_TEXT_LEN + 1)

static void
name_of(const cl_digest *digest, char ret_name[static NAME_CAP])
{
    cl_digest_text(digest, ret_name);
    ret_name[CL_DIGEST_TEXT_LEN] = '\0';
}

static bool
put_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, bytes, len);
        if (put < 0 && errno != EINTR)
            return false;
        bytes += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    return true;
}

/* 0, or an errno; ECANCELED: the store is closing. */
static int
copy_bytes(const struct cl_blobs_copy *copy, int in, int out)
{
    char *buffer = cl_alloc(CL_BLOB_CHUNK_BYTES);
    ssize_t got = 1;
    int reason = buffer == NULL ? ENOMEM : 0;
    while (reason == 0 && got != 0) {
        got = read(in, buffer, CL_BLOB_CHUNK_BYTES);
        if (atomic_load(copy->is_closing))
            reason = ECANCELED;
        else if (got < 0 ? errno != EINTR : !put_all(out, buffer, (size_t)got))
            reason = errno;
    }
    cl_free(buffer);
    return reason == 0 && fsync(out) != 0 ? errno : reason;
}

static int
copy_file(const struct cl_blobs_copy *copy, int from, int to, const char *name)
{
    int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0)
        return errno;
    int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int reason = out < 0 ? errno : copy_bytes(copy, in, out);
    (void)close(in); // only read
    if (out >= 0 && close(out) != 0 && reason == 0)
        reason = errno;
    return reason;
}

static int
copy_one(struct cl_blobs_copy *copy, int from, int to, const char *name)
{
    struct stat status;
    int reason = 0;
    bool is_linked = linkat(from, name, to, name, 0) == 0;
    if (!is_linked && errno != EXDEV && errno != EPERM && errno != EMLINK && errno != EOPNOTSUPP)
        reason = errno;
    else if (!is_linked)
        reason = copy_file(copy, from, to, name);
    if (reason == 0 && fstatat(to, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        reason = errno;
    if (reason != 0)
        return reason;
    copy->copied.count++;
    copy->copied.linked += is_linked;
    copy->copied.bytes += (uint64_t)status.st_size;
    return 0;
}

/* The names in the folder, and its own in the one above it. */
static int
sync_names(int to)
{
    int above = openat(to, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int reason = fsync(to) != 0 || above < 0 || fsync(above) != 0 ? errno : 0;
    if (above >= 0)
        (void)close(above); // nothing was written
    return reason;
}

static void
remove_all(const struct cl_blobs_copy *copy, int to)
{
    char name[NAME_CAP];
    for (size_t i = 0; i < copy->len; i++) {
        name_of(&copy->digests[i], name);
        (void)unlinkat(to, name, 0); // the folder was empty, so it is none of anybody else
    }
}

static int
copy_all(struct cl_blobs_copy *copy, int from, int to)
{
    char name[NAME_CAP];
    int reason = 0;
    for (size_t i = 0; i < copy->len && reason == 0; i++) {
        name_of(&copy->digests[i], name);
        reason = atomic_load(copy->is_closing) ? ECANCELED : copy_one(copy, from, to, name);
    }
    return reason == 0 ? sync_names(to) : reason;
}

static enum cl_err
failed(struct cl_blobs_copy *copy, int reason)
{
    struct cl_why *why = &copy->copied.why;
    if (reason == ECANCELED)
        return cl_fail(CL_ERR_CLOSED, why, "the relay is stopping");
    if (reason == ENOSPC || reason == EDQUOT)
        return cl_fail(CL_ERR_FULL, why, "\"%s\": the disk is full", copy->path);
    return cl_fail(CL_ERR_IO, why, "\"%s\": %s", copy->path, strerror(reason));
}

enum cl_err
cl_blobs_copy_run(struct cl_blobs_copy *copy, int from)
{
    if (mkdir(copy->path, 0700) != 0)
        return failed(copy, errno);
    int to = open(copy->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int reason = to < 0 ? errno : copy_all(copy, from, to);
    if (reason != 0 && to >= 0)
        remove_all(copy, to);
    if (to >= 0)
        (void)close(to);
    if (reason == 0)
        return CL_OK;
    (void)rmdir(copy->path);
    return failed(copy, reason);
}
