// SPDX-License-Identifier: MIT
#include "net/unix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "net/loop_private.h"
#include "net/tcp_private.h"

_Static_assert(CL_UNIX_PATH_CAP <= sizeof((struct sockaddr_un *)0)->sun_path,
               "a path fits into its address");

#define LOCK_SUFFIX ".lock"

/* What was bound: a path, the socket that was then there, and the lock beside it, which is held for
 * as long as the path is ours. */
struct cl_unix_place {
    char path[CL_UNIX_PATH_CAP];
    dev_t device;
    ino_t inode; // 0: nothing was bound yet
    char lock_path[CL_UNIX_PATH_CAP + sizeof LOCK_SUFFIX];
    int lock; // -1: not held
};

/* False: the path is too long, or none. */
static bool
name_of(cl_str path, struct sockaddr_un *ret_name)
{
    *ret_name = (struct sockaddr_un){.sun_family = AF_UNIX};
    return path.len > 0 && cl_str_copy(ret_name->sun_path, CL_UNIX_PATH_CAP, path);
}

/* -- listening --------------------------------------------------------------------------------- */

/* Nobody else can open it, not for a moment either. 0 or errno. */
static int
bind_private(int fd, const struct sockaddr_un *name)
{
    mode_t before = umask(0177); // nothing else makes files now: one thread
    int status = bind(fd, (const struct sockaddr *)name, sizeof *name);
    int reason = errno;
    (void)umask(before);
    return status == 0 ? 0 : reason;
}

/* Was it left behind? Then nobody listens on it. */
static bool
is_stale(const struct sockaddr_un *name)
{
    struct stat status;
    if (lstat(name->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode) ||
        status.st_uid != geteuid())
        return false;
    int fd = cl_tcp_socket(AF_UNIX);
    if (fd < 0)
        return false;
    bool is_refused =
        connect(fd, (const struct sockaddr *)name, sizeof *name) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return is_refused;
}

/* Is what the path names that file, and no other that has come in its place? */
static bool
is_there(const char *path, dev_t device, ino_t inode)
{
    struct stat status;
    return lstat(path, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

/* Whether a socket was left behind, and taking its place, is one question: two that ask at the same
 * moment must not both hear yes. 0 or errno; EADDRINUSE: another has the path. */
static int
lock(struct cl_unix_place *place)
{
    struct stat opened;
    for (;;) {
        int fd = open(place->lock_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
            return errno;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int reason = errno == EWOULDBLOCK ? EADDRINUSE : errno;
            (void)close(fd);
            return reason;
        }
        if (fstat(fd, &opened) == 0 && is_there(place->lock_path, opened.st_dev, opened.st_ino)) {
            place->lock = fd;
            return 0;
        }
        (void)close(fd); // who had it has removed it meanwhile: this one keeps nobody out
    }
}

static void
unlock(struct cl_unix_place *place)
{
    struct stat held;
    if (place->lock < 0)
        return;
    if (fstat(place->lock, &held) == 0 && is_there(place->lock_path, held.st_dev, held.st_ino))
        (void)unlink(place->lock_path); // what stays is locked again by the next
    (void)close(place->lock);
    place->lock = -1;
}

/* 0 or errno. */
static int
bind_and_listen(int fd, const struct sockaddr_un *name, struct cl_unix_place *place)
{
    struct stat status;
    int reason = lock(place);
    if (reason != 0)
        return reason;
    reason = bind_private(fd, name);
    if (reason == EADDRINUSE && is_stale(name) && unlink(name->sun_path) == 0)
        reason = bind_private(fd, name);
    if (reason != 0)
        return reason;
    if (lstat(place->path, &status) == 0) {
        place->device = status.st_dev;
        place->inode = status.st_ino;
    }
    return listen(fd, CL_NET_BACKLOG) == 0 ? 0 : errno;
}

static enum cl_err
explain(int reason, const char *path, struct cl_why *why)
{
    if (reason == EADDRINUSE)
        return cl_fail(CL_ERR_ADDRESS_IN_USE, why,
                       "%s is there already and is not a relay's that ended: remove it, or choose "
                       "another path",
                       path);
    if (reason == EACCES || reason == EROFS || reason == EPERM)
        return cl_fail(CL_ERR_FORBIDDEN, why, "%s cannot be made by this user: %s", path,
                       strerror(reason));
    return cl_fail(CL_ERR_IO, why, "cannot listen on %s: %s", path, strerror(reason));
}

/* NULL without memory. */
static struct cl_unix_place *
place_of(const struct sockaddr_un *name)
{
    struct cl_unix_place *place = cl_alloc(sizeof *place);
    if (place == NULL)
        return NULL;
    (void)cl_str_copy(place->path, sizeof place->path, cl_str_z(name->sun_path)); // name_of fitted
    (void)snprintf(place->lock_path, sizeof place->lock_path, "%s" LOCK_SUFFIX, place->path);
    place->lock = -1;
    return place;
}

void
cl_unix_leave(struct cl_unix_place *place)
{
    if (place == NULL)
        return;
    if (is_there(place->path, place->device, place->inode))
        (void)unlink(place->path); // what stays is replaced by the next
    unlock(place);
    cl_free(place);
}

bool
cl_unix_may_enter(int fd)
{
    uid_t peer;
    return cl_tcp_os_peer_user(fd, &peer) && (peer == geteuid() || peer == 0);
}

enum cl_err
cl_unix_listen(struct cl_loop *loop, cl_str path, struct cl_listener **ret_listener,
               struct cl_why *why)
{
    struct sockaddr_un name;
    if (!name_of(path, &name))
        return cl_fail(CL_ERR_USAGE, why, "the path of a socket has 1 to %d bytes, %.*s has %zu",
                       CL_UNIX_PATH_CAP - 1, CL_STR_ARG(path), path.len);
    struct cl_unix_place *place = place_of(&name);
    if (place == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory");
    int fd = cl_tcp_socket(AF_UNIX);
    int reason = fd < 0 ? errno : bind_and_listen(fd, &name, place);
    if (reason == 0)
        return cl_listener_new(loop, fd, place, ret_listener, why);
    if (fd >= 0)
        (void)close(fd);
    cl_unix_leave(place);
    return explain(reason, name.sun_path, why);
}

/* -- connecting -------------------------------------------------------------------------------- */

static enum cl_err
error_of(int reason)
{
    switch (reason) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
        return CL_ERR_NO_RELAY;
    case EACCES:
    case EPERM:
        return CL_ERR_FORBIDDEN;
    case EAGAIN:
        return CL_ERR_UNAVAILABLE; // the backlog is full
    default:
        return CL_ERR_IO;
    }
}

enum cl_err
cl_unix_connect(struct cl_loop *loop, cl_str path, struct cl_stream **ret_stream)
{
    struct sockaddr_un name;
    struct cl_tcp *tcp;
    if (!name_of(path, &name))
        return CL_ERR_USAGE;
    int fd = cl_tcp_socket(AF_UNIX);
    if (fd < 0)
        return CL_ERR_IO;
    if (connect(fd, (const struct sockaddr *)&name, sizeof name) != 0) {
        enum cl_err err = error_of(errno);
        (void)close(fd);
        return err;
    }
    enum cl_err err = cl_tcp_new(loop, fd, &tcp);
    if (err == CL_OK)
        *ret_stream = &tcp->stream;
    return err;
}
