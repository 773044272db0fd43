// SPDX-License-Identifier: MIT
#include "support/crash_vfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/list.h"
#include "support/rng.h"

#define SECTOR 512

/* A write that is not synced, or a new size. */
struct change {
    struct cl_link link;
    bool is_size;
    sqlite3_int64 offset; // or the size
    size_t len;
    char bytes[];
};

/* A file that SQLite ever opened. */
struct node {
    struct cl_link link;
    struct cl_list changes;
    bool is_deleted; // and nobody knows whether the disk has heard of it
    bool is_gone;    // it has
    char disk[256];
    char path[];
};

struct handle {
    sqlite3_file base;
    struct node *node;
    bool is_new; // its first sync is one of the folder too, as in SQLite's own
    sqlite3_file *real;
};

static sqlite3_vfs shim;
static sqlite3_vfs *below;
static struct cl_list nodes;
static struct rng rng;
static struct crash_vfs_counts counts;
static pthread_mutex_t plan_lock = PTHREAD_MUTEX_INITIALIZER; // for these four
static enum crash_vfs_fault planned;
static uint32_t due;
static bool has_happened;
static bool is_off;
static bool dies; // of a power failure

static struct handle *
handle_of(sqlite3_file *file)
{
    return (struct handle *)(void *)file;
}

static sqlite3_file *
real_of(sqlite3_file *file)
{
    return handle_of(file)->real;
}

/* -- what is on the disk ----------------------------------------------------------------------- */

static int
open_disk(const struct node *node, int flags)
{
    int fd = open(node->disk, flags | O_CLOEXEC, 0600);
    CL_ASSERT(fd >= 0);
    return fd;
}

static void
copy(const char *from, const char *to)
{
    static char bytes[65536];
    ssize_t len;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CL_ASSERT(in >= 0 && out >= 0);
    while ((len = read(in, bytes, sizeof bytes)) > 0)
        CL_ASSERT(write(out, bytes, (size_t)len) == len);
    CL_ASSERT(close(in) == 0 && close(out) == 0);
}

static void
bring(int fd, const struct change *change, size_t from, size_t to)
{
    if (change->is_size)
        CL_ASSERT(ftruncate(fd, change->offset) == 0);
    else
        CL_ASSERT(pwrite(fd, change->bytes + from, to - from,
                         change->offset + (sqlite3_int64)from) == (ssize_t)(to - from));
}

/* Some sectors arrive. */
static void
bring_torn(int fd, const struct change *change)
{
    for (size_t from = 0, to; from < change->len; from = to) {
        size_t into = (size_t)(change->offset + (sqlite3_int64)from) % SECTOR;
        to = from + SECTOR - into < change->len ? from + SECTOR - into : change->len;
        if (rng_below(&rng, 2) == 0)
            bring(fd, change, from, to);
    }
    counts.torn++;
}

static void
forget(struct change *change)
{
    cl_list_remove(&change->link);
    free(change);
}

/* `luck` of 4: of so many changes each arrives whole. */
static void
shuffle_in(int fd, struct change *change, uint64_t luck)
{
    uint64_t fate = rng_below(&rng, 2);
    if (rng_below(&rng, 4) < luck)
        bring(fd, change, 0, change->len);
    else if (fate == 0 && !change->is_size)
        bring_torn(fd, change);
    else
        counts.lost++;
    forget(change);
}

/* The power has gone: what was under way arrives or not, the last first or the first first. */
static void
settle(struct node *node)
{
    uint64_t luck = rng_below(&rng, 5);
    int fd = open_disk(node, O_RDWR);
    while (!cl_list_is_empty(&node->changes)) {
        struct cl_link *at =
            rng_below(&rng, 2) == 0 ? cl_list_first(&node->changes) : cl_list_last(&node->changes);
        shuffle_in(fd, CL_LIST_ENTRY(at, struct change, link), luck);
    }
    CL_ASSERT(close(fd) == 0);
    if (!node->is_gone && (!node->is_deleted || rng_below(&rng, 2) == 0))
        copy(node->disk, node->path);
    else
        (void)unlink(node->path); // it may not be there
    node->is_gone = access(node->path, F_OK) != 0;
    node->is_deleted = node->is_gone;
}

static void
note_change(struct node *node, const void *bytes, size_t len, sqlite3_int64 offset, bool is_size)
{
    struct change *change = malloc(sizeof *change + len);
    CL_ASSERT(change != NULL);
    *change = (struct change){.is_size = is_size, .offset = offset, .len = len};
    if (len > 0)
        memcpy(change->bytes, bytes, len);
    cl_list_append(&node->changes, &change->link);
}

static struct node *
node_of(const char *path)
{
    CL_LIST_EACH(&nodes, at)
    {
        struct node *node = CL_LIST_ENTRY(at, struct node, link);
        if (strcmp(node->path, path) == 0)
            return node;
    }
    struct node *node = calloc(1, sizeof *node + strlen(path) + 1);
    CL_ASSERT(node != NULL);
    memcpy(node->path, path, strlen(path));
    (void)snprintf(node->disk, sizeof node->disk, "%s.disk", path);
    cl_list_init(&node->changes);
    cl_list_append(&nodes, &node->link);
    if (dies && access(node->disk, F_OK) == 0)
        return node; // it has outlived another process
    if (access(path, F_OK) == 0)
        copy(path, node->disk);
    else
        (void)close(open_disk(node, O_RDWR | O_CREAT | O_TRUNC));
    return node;
}

/* -- faults ------------------------------------------------------------------------------------ */

static void
sync_folder(void)
{
    CL_LIST_EACH(&nodes, at)
    {
        struct node *node = CL_LIST_ENTRY(at, struct node, link);
        node->is_gone = node->is_deleted;
        if (dies && node->is_gone)
            (void)unlink(node->disk); // it may be gone for long
    }
}

/* What befalls this write or sync; NONE: nothing. */
static enum crash_vfs_fault
look_up(bool is_sync)
{
    if (is_off)
        return CRASH_VFS_POWER;
    if (planned == CRASH_VFS_NONE || due > 0) {
        due -= due > 0;
        return CRASH_VFS_NONE;
    }
    bool is_of_syncs = planned == CRASH_VFS_SYNC_ERROR || planned == CRASH_VFS_LIE;
    if (planned != CRASH_VFS_POWER && is_sync != is_of_syncs)
        return CRASH_VFS_NONE;
    enum crash_vfs_fault fault = planned;
    has_happened = true;
    is_off = fault == CRASH_VFS_POWER;
    if (fault != CRASH_VFS_FULL && fault != CRASH_VFS_LIE)
        planned = CRASH_VFS_NONE;
    return fault;
}

static void
die(void)
{
    CL_LIST_EACH(&nodes, at)
    {
        settle(CL_LIST_ENTRY(at, struct node, link));
    }
    (void)kill(getpid(), SIGKILL); // does not come back
}

static enum crash_vfs_fault
befalls(bool is_sync)
{
    (void)pthread_mutex_lock(&plan_lock); // cannot fail
    enum crash_vfs_fault fault = look_up(is_sync);
    if (fault == CRASH_VFS_POWER && dies)
        die(); // with the lock, so that nobody writes meanwhile
    (void)pthread_mutex_unlock(&plan_lock);
    return fault;
}

/* -- files ------------------------------------------------------------------------------------- */

static int
shim_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int
shim_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
    if (is_off)
        return SQLITE_IOERR_READ;
    return real_of(file)->pMethods->xRead(real_of(file), bytes, len, offset);
}

static int
put(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    int status = real_of(file)->pMethods->xWrite(real_of(file), bytes, len, offset);
    if (status == SQLITE_OK)
        note_change(handle_of(file)->node, bytes, (size_t)len, offset, false);
    return status;
}

static int
shim_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
    counts.writes++;
    enum crash_vfs_fault fault = befalls(false);
    if (fault == CRASH_VFS_NONE)
        return put(file, bytes, len, offset);
    int part = (int)rng_below(&rng, (uint64_t)len);
    if (fault != CRASH_VFS_POWER && part > 0)
        (void)put(file, bytes, part, offset);
    return fault == CRASH_VFS_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int
shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    if (is_off)
        return SQLITE_IOERR_TRUNCATE;
    note_change(handle_of(file)->node, NULL, 0, size, true);
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int
shim_sync(sqlite3_file *file, int flags)
{
    struct node *node = handle_of(file)->node;
    (void)flags;
    counts.syncs++;
    enum crash_vfs_fault fault = befalls(true);
    if (fault == CRASH_VFS_POWER)
        return SQLITE_IOERR_FSYNC;
    if (fault == CRASH_VFS_LIE)
        return SQLITE_OK;
    int fd = open_disk(node, O_RDWR);
    CL_LIST_EACH(&node->changes, at)
    {
        struct change *change = CL_LIST_ENTRY(at, struct change, link);
        if (fault == CRASH_VFS_NONE) {
            bring(fd, change, 0, change->len);
            forget(change);
        } else {
            shuffle_in(fd, change, 1); // the system believes that it has written it
        }
    }
    CL_ASSERT(close(fd) == 0);
    if (fault != CRASH_VFS_NONE)
        return SQLITE_IOERR_FSYNC;
    if (handle_of(file)->is_new)
        sync_folder();
    handle_of(file)->is_new = false;
    return SQLITE_OK;
}

static int
shim_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), ret_size);
}

static int
shim_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int
shim_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int
shim_reserved(sqlite3_file *file, int *ret_is_reserved)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret_is_reserved);
}

static int
shim_control(sqlite3_file *file, int what, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int
shim_sector(sqlite3_file *file)
{
    (void)file;
    return SECTOR;
}

/* As SQLite's own: a write leaves alone what is beside it. */
static int
shim_device(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* Version 1: without shared memory and without mapping. */
static const sqlite3_io_methods methods = {
    1,         shim_close,  shim_read,     shim_write,   shim_truncate, shim_sync,   shim_size,
    shim_lock, shim_unlock, shim_reserved, shim_control, shim_sector,   shim_device, NULL,
    NULL,      NULL,        NULL,          NULL,         NULL,
};

static int
shim_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    struct handle *handle = handle_of(file);
    const int kept = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL;
    (void)vfs;
    CL_ASSERT((flags & kept) != 0); // else it is a temporary file, which should be in memory
    struct node *node = node_of(path);
    if (node->is_deleted && access(path, F_OK) != 0)
        (void)close(open_disk(node, O_RDWR | O_CREAT | O_TRUNC)); // a new file under an old name
    handle->real = (sqlite3_file *)(void *)(handle + 1);
    handle->node = node;
    handle->is_new = (flags & SQLITE_OPEN_MAIN_DB) == 0 && access(path, F_OK) != 0;
    int status = below->xOpen(below, path, handle->real, flags, ret_flags);
    node->is_deleted = access(path, F_OK) != 0;
    node->is_gone = node->is_gone && node->is_deleted;
    handle->base.pMethods = status == SQLITE_OK ? &methods : NULL;
    return status;
}

static int
shim_delete(sqlite3_vfs *vfs, const char *path, int is_synced)
{
    (void)vfs;
    if (is_off)
        return SQLITE_IOERR_DELETE;
    struct node *node = node_of(path);
    int status = below->xDelete(below, path, is_synced);
    if (status != SQLITE_OK)
        return status;
    CL_LIST_EACH(&node->changes, at)
    {
        forget(CL_LIST_ENTRY(at, struct change, link)); // nobody will miss them
    }
    node->is_deleted = true;
    if (is_synced)
        sync_folder();
    return SQLITE_OK;
}

/* -- the tests' side --------------------------------------------------------------------------- */

void
crash_vfs_install(void)
{
    if (below != NULL)
        return;
    below = sqlite3_vfs_find(NULL);
    CL_ASSERT(below != NULL);
    shim = *below;
    shim.zName = "crash";
    shim.szOsFile = (int)sizeof(struct handle) + below->szOsFile;
    shim.xOpen = shim_open;
    shim.xDelete = shim_delete;
    cl_list_init(&nodes);
    CL_ASSERT(sqlite3_vfs_register(&shim, 1) == SQLITE_OK);
}

void
crash_vfs_boot(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char from[512], to[512];
    dies = true;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        size_t len = strlen(entry->d_name);
        if (len < 5 || strcmp(entry->d_name + len - 5, ".disk") != 0)
            continue;
        (void)snprintf(from, sizeof from, "%s/%s", folder, entry->d_name);
        (void)snprintf(to, sizeof to, "%.*s", (int)(strlen(from) - 5), from);
        copy(from, to);
    }
    if (dir != NULL)
        (void)closedir(dir); // only read
}

void
crash_vfs_reset(uint64_t seed)
{
    CL_LIST_EACH(&nodes, at)
    {
        struct node *node = CL_LIST_ENTRY(at, struct node, link);
        CL_LIST_EACH(&node->changes, change)
        {
            forget(CL_LIST_ENTRY(change, struct change, link));
        }
        cl_list_remove(&node->link);
        free(node);
    }
    rng.state = seed;
    crash_vfs_plan(CRASH_VFS_NONE, 0);
    is_off = false;
}

void
crash_vfs_plan(enum crash_vfs_fault fault, uint32_t after)
{
    (void)pthread_mutex_lock(&plan_lock); // cannot fail
    planned = fault;
    due = after;
    has_happened = false;
    (void)pthread_mutex_unlock(&plan_lock);
}

bool
crash_vfs_happened(void)
{
    (void)pthread_mutex_lock(&plan_lock); // cannot fail
    bool answer = has_happened;
    (void)pthread_mutex_unlock(&plan_lock);
    return answer;
}

void
crash_vfs_restart(void)
{
    CL_LIST_EACH(&nodes, at)
    {
        settle(CL_LIST_ENTRY(at, struct node, link));
    }
    is_off = false;
    crash_vfs_plan(CRASH_VFS_NONE, 0);
    counts.restarts++;
}

struct crash_vfs_counts
crash_vfs_counts(void)
{
    return counts;
}
