// SPDX-License-Identifier: MIT
#include "journal/keeper.h"

#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/pool.h"

/* -- the thread -------------------------------------------------------------------------------- */

static void
tell(struct cl_keeper *keeper, const struct cl_journal_news *news)
{
    cl_lock_hold(&keeper->lock);
    keeper->news[news->kind] = *news; // what nobody asked for meanwhile is old
    keeper->has_news[news->kind] = true;
    if (news->kind == CL_JOURNAL_SNAPSHOT)
        keeper->is_due = false;
    else
        keeper->copy = NULL;
    if (news->kind == CL_JOURNAL_SNAPSHOT && news->err == CL_OK)
        keeper->kept_bytes = news->bytes;
    if (keeper->wake != NULL)
        keeper->wake(keeper->wake_ctx);
    cl_lock_leave(&keeper->lock);
}

/* CL_ERR_INTERNAL: the log does not lead to the state that the live core has. */
static enum cl_err
build_and_keep(struct cl_keeper *keeper, uint64_t applied, uint64_t trail, uint64_t *ret_bytes)
{
    struct cl_snapshot_sizes sizes;
    struct cl_core *core = cl_core_new(&keeper->hash_key);
    if (core == NULL)
        return CL_ERR_NO_MEMORY;
    enum cl_err err = cl_snapshot_restore(keeper->disk, applied, &keeper->hash_key, &core, &sizes);
    if (err == CL_OK && (cl_core_applied(core) != applied || cl_core_trail(core) != trail))
        err = CL_ERR_INTERNAL;
    if (err == CL_OK)
        err = cl_snapshot_keep(keeper->disk, core, ret_bytes);
    cl_core_free(core);
    return err;
}

static void
make_snapshot(struct cl_keeper *keeper, uint64_t applied, uint64_t trail)
{
    struct cl_journal_news news = {.kind = CL_JOURNAL_SNAPSHOT, .commands = applied};
    cl_instant begun = cl_clock_monotonic();
    news.err = build_and_keep(keeper, applied, trail, &news.bytes);
    if (news.err == CL_ERR_CLOSED)
        return; // the end has come first
    news.ms = cl_clock_monotonic().ms - begun.ms;
    tell(keeper, &news);
    cl_err_ignore(cl_snapshot_tidy(keeper->disk)); // what fails here fails the next commit
}

static enum cl_err
copy_all(struct cl_keeper *keeper, const char *path, struct cl_why *why)
{
    struct cl_disklog_backup *backup = NULL;
    bool is_done = false;
    enum cl_err err = cl_disklog_backup_begin(cl_disk_take(keeper->disk), path, &backup, why);
    cl_disk_give(keeper->disk);
    while (err == CL_OK && !is_done) {
        bool is_closing = cl_disk_is_closing(keeper->disk);
        (void)cl_disk_take(keeper->disk);
        err = is_closing ? cl_fail(CL_ERR_CLOSED, why, "the relay is stopping")
                         : cl_disklog_backup_step(backup, &is_done, why);
        cl_disk_give(keeper->disk);
    }
    (void)cl_disk_take(keeper->disk);
    cl_disklog_backup_end(backup);
    cl_disk_give(keeper->disk);
    return err;
}

static void
make_copy(struct cl_keeper *keeper, char *path)
{
    struct cl_journal_news news = {.kind = CL_JOURNAL_COPY};
    cl_instant begun = cl_clock_monotonic();
    news.err = copy_all(keeper, path, &news.why);
    news.ms = cl_clock_monotonic().ms - begun.ms;
    tell(keeper, &news);
    cl_free(path);
}

static void *
work(void *ctx)
{
    struct cl_keeper *keeper = ctx;
    cl_err_ignore(cl_snapshot_tidy(keeper->disk)); // what an earlier run left behind
    cl_lock_hold(&keeper->lock);
    while (!keeper->is_ending) {
        uint64_t applied = keeper->applied, trail = keeper->trail;
        char *path = keeper->copy;
        bool is_due = keeper->is_due;
        if (!is_due && path == NULL) {
            cl_lock_wait(&keeper->changed, &keeper->lock);
            continue;
        }
        cl_lock_leave(&keeper->lock);
        if (is_due)
            make_snapshot(keeper, applied, trail);
        else
            make_copy(keeper, path);
        cl_lock_hold(&keeper->lock);
    }
    cl_lock_leave(&keeper->lock);
    cl_pool_clear(); // of the commands that it read
    return NULL;
}

/* -- the relay's side -------------------------------------------------------------------------- */

void
cl_keeper_init(struct cl_keeper *keeper, struct cl_disk *disk)
{
    *keeper = (struct cl_keeper){.disk = disk};
    int status = pthread_mutex_init(&keeper->lock, NULL); // the usual kind takes nothing
    CL_ASSERT(status == 0);
    status = pthread_cond_init(&keeper->changed, NULL);
    CL_ASSERT(status == 0);
}

void
cl_keeper_end(struct cl_keeper *keeper)
{
    if (!keeper->has_thread)
        return;
    cl_disk_set_closing(keeper->disk, true);
    cl_lock_hold(&keeper->lock);
    keeper->is_ending = true;
    cl_lock_tell(&keeper->changed);
    cl_lock_leave(&keeper->lock);
    int status = pthread_join(keeper->thread, NULL);
    CL_ASSERT(status == 0);
    keeper->has_thread = false;
    cl_disk_set_closing(keeper->disk, false);
}

void
cl_keeper_done(struct cl_keeper *keeper)
{
    cl_keeper_end(keeper);
    cl_free(keeper->copy);
    (void)pthread_cond_destroy(&keeper->changed); // nobody waits for it
    (void)pthread_mutex_destroy(&keeper->lock);
}

void
cl_keeper_watch(struct cl_keeper *keeper, cl_journal_wake_fn *wake, void *ctx)
{
    cl_lock_hold(&keeper->lock);
    keeper->wake = wake;
    keeper->wake_ctx = ctx;
    cl_lock_leave(&keeper->lock);
}

/* Without a thread there are no snapshots so far: the log just gets longer. */
static bool
has_begun(struct cl_keeper *keeper)
{
    if (!keeper->has_thread && !keeper->is_ending)
        keeper->has_thread = cl_thread_begin(&keeper->thread, work, keeper);
    return keeper->has_thread;
}

void
cl_keeper_note(struct cl_keeper *keeper, uint64_t applied, uint64_t trail, bool is_due)
{
    if (!has_begun(keeper) || !is_due)
        return;
    cl_lock_hold(&keeper->lock);
    if (!keeper->is_due) {
        keeper->applied = applied;
        keeper->trail = trail;
        keeper->is_due = true;
        cl_lock_tell(&keeper->changed);
    }
    cl_lock_leave(&keeper->lock);
}

enum cl_err
cl_keeper_copy(struct cl_keeper *keeper, cl_str path)
{
    char *copy = cl_alloc(path.len + 1);
    enum cl_err err = CL_OK;
    if (copy == NULL)
        return CL_ERR_NO_MEMORY;
    memcpy(copy, path.ptr, path.len);
    if (!has_begun(keeper))
        err = CL_ERR_UNAVAILABLE;
    cl_lock_hold(&keeper->lock);
    if (err == CL_OK && keeper->copy == NULL) {
        keeper->copy = copy;
        cl_lock_tell(&keeper->changed);
    } else {
        err = CL_ERR_UNAVAILABLE;
    }
    cl_lock_leave(&keeper->lock);
    if (err != CL_OK)
        cl_free(copy);
    return err;
}

bool
cl_keeper_news(struct cl_keeper *keeper, struct cl_journal_news *ret_news)
{
    cl_lock_hold(&keeper->lock);
    unsigned kind = 0;
    while (kind < CL_JOURNAL_NEWS_KINDS && !keeper->has_news[kind])
        kind++;
    bool has_news = kind < CL_JOURNAL_NEWS_KINDS;
    if (has_news) {
        *ret_news = keeper->news[kind];
        keeper->has_news[kind] = false;
    }
    cl_lock_leave(&keeper->lock);
    return has_news;
}

uint64_t
cl_keeper_kept_bytes(struct cl_keeper *keeper)
{
    cl_lock_hold(&keeper->lock);
    uint64_t bytes = keeper->kept_bytes;
    cl_lock_leave(&keeper->lock);
    return bytes;
}
