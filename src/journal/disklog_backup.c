// SPDX-License-Identifier: MIT
/*
 * SQLite's own online copy. What is committed between two steps goes to both files, since one
 * connection does both.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "journal/disklog_private.h"

struct cl_disklog_backup {
    struct cl_disklog *log;
    sqlite3 *db;
    sqlite3_backup *backup;
    bool is_done;
    char path[];
};

static enum cl_err
begin_copy(struct cl_disklog_backup *backup)
{
    int status = sqlite3_open_v2(backup->path, &backup->db,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (status != SQLITE_OK)
        return cl_disklog_read_error(status);
    backup->backup = sqlite3_backup_init(backup->db, "main", cl_disklog_db(backup->log), "main");
    return backup->backup == NULL ? cl_disklog_read_error(sqlite3_errcode(backup->db)) : CL_OK;
}

enum cl_err
cl_disklog_backup_begin(struct cl_disklog *log, const char *path,
                        struct cl_disklog_backup **ret_backup, struct cl_why *why)
{
    size_t len = strlen(path) + 1;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return cl_fail(CL_ERR_IO, why, "\"%s\": %s", path, strerror(errno));
    (void)close(fd);
    struct cl_disklog_backup *backup = cl_alloc(sizeof *backup + len);
    if (backup == NULL) {
        (void)unlink(path);
        return cl_fail(CL_ERR_NO_MEMORY, why, "\"%s\": out of memory", path);
    }
    backup->log = log;
    memcpy(backup->path, path, len);
    enum cl_err err = begin_copy(backup);
    if (err != CL_OK) {
        cl_disklog_backup_end(backup);
        return cl_fail(err, why, "\"%s\": it cannot be written", path);
    }
    *ret_backup = backup;
    return CL_OK;
}

/* Closes the copy, and proves that it and its name are on the disk. */
static enum cl_err
end_copy(struct cl_disklog_backup *backup)
{
    int status = sqlite3_backup_finish(backup->backup);
    backup->backup = NULL;
    if (status != SQLITE_OK)
        return cl_disklog_read_error(status);
    (void)sqlite3_close(backup->db); // nothing is open in it
    backup->db = NULL;
    int fd = open(backup->path, O_RDONLY | O_CLOEXEC);
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    enum cl_err err = is_synced ? cl_disklog_sync_folder(backup->path) : CL_ERR_IO;
    backup->is_done = err == CL_OK;
    return err;
}

enum cl_err
cl_disklog_backup_step(struct cl_disklog_backup *backup, bool *ret_is_done, struct cl_why *why)
{
    enum cl_err err = CL_OK;
    int status = sqlite3_backup_step(backup->backup, CL_DISKLOG_BACKUP_PAGES);
    if (status == SQLITE_DONE)
        err = end_copy(backup);
    else if (status != SQLITE_OK)
        err = (status & 0xff) == SQLITE_FULL ? CL_ERR_FULL : cl_disklog_read_error(status);
    if (err != CL_OK)
        return cl_fail(err, why, "\"%s\": %s", backup->path,
                       err == CL_ERR_FULL ? "the disk is full" : "it cannot be written");
    *ret_is_done = backup->is_done;
    return CL_OK;
}

void
cl_disklog_backup_end(struct cl_disklog_backup *backup)
{
    if (backup == NULL)
        return;
    (void)sqlite3_backup_finish(backup->backup); // accepts NULL; says what the last step said
    (void)sqlite3_close(backup->db);             // accepts NULL
    if (!backup->is_done)
        (void)unlink(backup->path);
    cl_free(backup);
}
