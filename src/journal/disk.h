// SPDX-License-Identifier: MIT
/*
 * journal/disk.h - a disklog for several threads, first come, first served.
 *
 * A usual lock lets a thread that gives it up have it back at once: whoever writes a snapshot piece
 * by piece would keep commits out.
 */
#ifndef CL_JOURNAL_DISK_H
#define CL_JOURNAL_DISK_H

#include <pthread.h>
#include <signal.h>

#include "base/assert.h"
#include "journal/disklog.h"

struct cl_disk {
    struct cl_disklog *log; // for who has its turn
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t taken;   // numbers given out
    uint64_t serving; // whose turn it is
    bool is_closing;  // what takes long is to end early
};

/* Locks of this kind cannot fail where they are used as they should be. */
static inline void
cl_lock_hold(pthread_mutex_t *lock)
{
    int status = pthread_mutex_lock(lock);
    CL_ASSERT(status == 0);
}

static inline void
cl_lock_leave(pthread_mutex_t *lock)
{
    int status = pthread_mutex_unlock(lock);
    CL_ASSERT(status == 0);
}

static inline void
cl_lock_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    int status = pthread_cond_wait(condition, lock);
    CL_ASSERT(status == 0);
}

static inline void
cl_lock_tell(pthread_cond_t *condition)
{
    int status = pthread_cond_broadcast(condition);
    CL_ASSERT(status == 0);
}

/* Owns the log from now on. */
static inline void
cl_disk_init(struct cl_disk *disk, struct cl_disklog *log)
{
    int status = pthread_mutex_init(&disk->lock, NULL); // the usual kind takes nothing
    CL_ASSERT(status == 0);
    status = pthread_cond_init(&disk->moved, NULL);
    CL_ASSERT(status == 0);
    disk->log = log;
    disk->taken = 0;
    disk->serving = 0;
    disk->is_closing = false;
    disk->is_closing = false;
}

/* Nobody waits for it. */
static inline void
cl_disk_done(struct cl_disk *disk)
{
    cl_disklog_close(disk->log);
    (void)pthread_cond_destroy(&disk->moved); // says only who still waits
    (void)pthread_mutex_destroy(&disk->lock);
}

/* Waits for its turn. */
static inline struct cl_disklog *
cl_disk_take(struct cl_disk *disk)
{
    cl_lock_hold(&disk->lock);
    uint64_t number = disk->taken++;
    while (disk->serving != number)
        cl_lock_wait(&disk->moved, &disk->lock);
    cl_lock_leave(&disk->lock);
    return disk->log;
}

static inline void
cl_disk_give(struct cl_disk *disk)
{
    cl_lock_hold(&disk->lock);
    disk->serving++;
    cl_lock_tell(&disk->moved);
    cl_lock_leave(&disk->lock);
}

static inline bool
cl_disk_is_closing(struct cl_disk *disk)
{
    cl_lock_hold(&disk->lock);
    bool is_closing = disk->is_closing;
    cl_lock_leave(&disk->lock);
    return is_closing;
}

static inline void
cl_disk_set_closing(struct cl_disk *disk, bool is_closing)
{
    cl_lock_hold(&disk->lock);
    disk->is_closing = is_closing;
    cl_lock_leave(&disk->lock);
}

/* A thread that leaves all signals to others. False: there is none. */
static inline bool
cl_thread_begin(pthread_t *thread, void *(*work)(void *ctx), void *ctx)
{
    sigset_t all, before;
    (void)sigfillset(&all); // cannot fail
    int status = pthread_sigmask(SIG_SETMASK, &all, &before);
    CL_ASSERT(status == 0);
    bool has_begun = pthread_create(thread, NULL, work, ctx) == 0;
    status = pthread_sigmask(SIG_SETMASK, &before, NULL);
    CL_ASSERT(status == 0);
    return has_begun;
}

#endif
