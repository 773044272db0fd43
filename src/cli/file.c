// SPDX-License-Identifier: MIT
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/secret.h"

static enum cl_err
fail(const char *what, const char *path, struct cl_why *why)
{
    int error = errno;
    return cl_fail(CL_ERR_IO, why, "Cannot %s \"%.200s\": %s. Check the path and its permissions.",
                   what, path, strerror(error));
}

static enum cl_err
read_all(int fd, const char *path, struct cl_buf *out, struct cl_why *why)
{
    char chunk[64 * CL_KIB];
    enum cl_err err = CL_OK;
    ssize_t len = 1;
    while (err == CL_OK && len != 0) {
        len = read(fd, chunk, sizeof chunk);
        if (len < 0 && errno != EINTR)
            err = fail("read", path, why);
        if (len > 0)
            err = cl_buf_append(out, cl_str_of(chunk, (size_t)len));
        if (len > 0 && err != CL_OK)
            err = cl_fail(err, why, "\"%.200s\" is too large: at most %zu bytes are taken.", path,
                          out->max);
    }
    cl_secret_wipe(chunk, sizeof chunk); // it may have been a token
    return err;
}

enum cl_err
cl_file_read(const char *path, struct cl_buf *out, struct cl_why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail("open", path, why);
    enum cl_err err = read_all(fd, path, out, why);
    (void)close(fd); // only read from
    return err;
}

enum cl_err
cl_file_read_stdin(struct cl_buf *out, struct cl_why *why)
{
    return read_all(STDIN_FILENO, "standard input", out, why);
}

/* False with errno. */
static bool
write_all(int fd, cl_str bytes)
{
    while (bytes.len > 0) {
        ssize_t len = write(fd, bytes.ptr, bytes.len);
        if (len < 0 && errno != EINTR)
            return false;
        if (len > 0)
            bytes = cl_str_part(bytes, (size_t)len, bytes.len);
    }
    return true;
}

static enum cl_err
write_in_place(const char *path, cl_str bytes, struct cl_why *why)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return fail("open", path, why);
    bool written = write_all(fd, bytes);
    int error = errno;
    if (close(fd) == 0 && written)
        return CL_OK;
    errno = written ? errno : error;
    return fail("write", path, why);
}

/* The rename itself lasts once the folder is on disk; some file systems cannot say so. */
static void
sync_folder(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        slash[slash == path] = '\0';
    int fd = open(slash == NULL ? "." : path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd); // see above
    (void)close(fd);
}

static enum cl_err
replace(char *path, mode_t mode, cl_str bytes, struct cl_why *why)
{
    char temporary[CL_CLI_PATH_CAP + 8];
    (void)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path); // path fits its own cap
    int fd = mkstemp(temporary);
    if (fd < 0)
        return fail("create a file beside", path, why);
    bool done = fchmod(fd, mode) == 0 && write_all(fd, bytes) && fsync(fd) == 0;
    int error = errno;
    if (close(fd) != 0 && done) {
        done = false;
        error = errno;
    }
    if (done && rename(temporary, path) == 0) {
        sync_folder(path);
        return CL_OK;
    }
    errno = done ? errno : error;
    enum cl_err err = fail("write", path, why);
    (void)unlink(temporary); // the failure is told already
    return err;
}

#define REAL_CAP (PATH_MAX > CL_CLI_PATH_CAP ? PATH_MAX : CL_CLI_PATH_CAP)

/* Through a symbolic link it is the file that is replaced, not the link. */
static enum cl_err
find_real(const char *path, bool exists, char ret_real[static REAL_CAP], struct cl_why *why)
{
    if ((!exists || realpath(path, ret_real) == NULL) &&
        !cl_str_copy(ret_real, CL_CLI_PATH_CAP, cl_str_z(path)))
        return cl_fail(CL_ERR_USAGE, why, "The path \"%.100s...\" is too long.", path);
    return CL_OK;
}

enum cl_err
cl_file_write(const char *path, mode_t mode, cl_str bytes, struct cl_why *why)
{
    char real[REAL_CAP];
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (exists && !S_ISREG(info.st_mode))
        return write_in_place(path, bytes, why);
    enum cl_err err = find_real(path, exists, real, why);
    return err == CL_OK ? replace(real, mode, bytes, why) : err;
}

mode_t
cl_file_mode(const char *path)
{
    struct stat info;
    mode_t mask = umask(0);
    (void)umask(mask); // the only way to read it
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) ? info.st_mode & 0777 : 0666 & ~mask;
}

/* -- a file that comes in pieces --------------------------------------------------------------- */

enum cl_err
cl_file_part_open(const char *path, const char *tag, struct cl_file_part *part, struct cl_why *why)
{
    char real[REAL_CAP];
    struct stat info;
    bool exists = stat(path, &info) == 0;
    if (exists && !S_ISREG(info.st_mode))
        return cl_fail(CL_ERR_USAGE, why,
                       "\"%.200s\" is no regular file, and what comes in pieces needs one.", path);
    enum cl_err err = find_real(path, exists, real, why);
    if (err != CL_OK)
        return err;
    int len = snprintf(part->temporary, sizeof part->temporary, "%s.%s.part", real, tag);
    if (!cl_str_copy(part->path, sizeof part->path, cl_str_z(real)) || len < 0 ||
        (size_t)len >= sizeof part->temporary)
        return cl_fail(CL_ERR_USAGE, why, "The path \"%.100s...\" is too long.", path);
    part->fd = open(part->temporary, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (part->fd < 0)
        return fail("write", part->temporary, why);
    // In a folder of many somebody else may have put it there, to write to what is kept later.
    if (fstat(part->fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != geteuid() ||
        info.st_nlink != 1) {
        cl_file_part_close(part);
        return cl_fail(CL_ERR_USAGE, why,
                       "\"%.200s\" is in the way: it is no regular file of yours, or has other "
                       "names as well.",
                       part->temporary);
    }
    part->len = (uint64_t)info.st_size;
    return CL_OK;
}

void
cl_file_part_close(struct cl_file_part *part)
{
    (void)close(part->fd); // what was not written will be missed by who reads it again
}

enum cl_err
cl_file_part_read(const struct cl_file_part *part, uint64_t at,
                  char ret_bytes[static CL_FILE_PIECE_BYTES], size_t *ret_len, struct cl_why *why)
{
    ssize_t got;
    do
        got = pread(part->fd, ret_bytes, CL_FILE_PIECE_BYTES, (off_t)at);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fail("read", part->temporary, why);
    *ret_len = (size_t)got;
    return CL_OK;
}

enum cl_err
cl_file_part_append(struct cl_file_part *part, cl_str bytes, struct cl_why *why)
{
    if (lseek(part->fd, (off_t)part->len, SEEK_SET) < 0 || !write_all(part->fd, bytes))
        return fail("write", part->temporary, why);
    part->len += bytes.len;
    return CL_OK;
}

enum cl_err
cl_file_part_restart(struct cl_file_part *part, struct cl_why *why)
{
    if (ftruncate(part->fd, 0) != 0)
        return fail("write", part->temporary, why);
    part->len = 0;
    return CL_OK;
}

enum cl_err
cl_file_part_keep(struct cl_file_part *part, struct cl_why *why)
{
    if (fchmod(part->fd, cl_file_mode(part->path)) != 0 || fsync(part->fd) != 0 ||
        rename(part->temporary, part->path) != 0)
        return fail("write", part->path, why);
    sync_folder(part->path);
    return CL_OK;
}
