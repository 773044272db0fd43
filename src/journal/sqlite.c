// SPDX-License-Identifier: MIT
/*
 * Commands go round: submitted, handed, (the worker) batch, done, ready, `next`. The lists in the
 * middle belong to whoever has the lock, those at the ends to the relay's thread:
 *
 *     relay's thread     submitted ─╮              ╭─> ready, refused_ready
 *     lock                          ╰> handed      done, refused
 *     worker                              ╰> batch ─╯
 *
 * The worker only reads commands: they are made and freed by the relay's thread.
 */
#include "journal/sqlite.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "journal/keeper.h"

#define FILE_NAME "/journal.db"

struct sqlite {
    struct cl_journal journal;
    struct cl_journal_about about;
    struct cl_list submitted;
    struct cl_list ready;
    struct cl_list refused_ready;
    uint32_t waiting; // submitted, and not out again
    bool has_worker;
    bool is_read_only;

    pthread_mutex_t lock;
    pthread_cond_t work; // `handed` or `is_ending` changed
    struct cl_list handed;
    struct cl_list done;
    struct cl_list refused;
    cl_journal_wake_fn *wake;
    void *wake_ctx;
    uint64_t committed_bytes; // of records, since the last look
    bool is_broken;
    bool is_ending;

    pthread_t worker;
    struct cl_list batch;
    struct cl_buf record;

    struct cl_disk disk;
    struct cl_keeper keeper;
    uint64_t log_bytes;      // behind the snapshot, about
    uint64_t snapshot_bytes; // of the log that make a snapshot due, at least
};

static struct sqlite *
sqlite_of(struct cl_journal *journal)
{
    return CL_LIST_ENTRY(journal, struct sqlite, journal);
}

static struct cl_command *
first_of(struct cl_list *list)
{
    struct cl_link *link = cl_list_first(list);
    if (link == NULL)
        return NULL;
    cl_list_remove(link);
    return CL_LIST_ENTRY(link, struct cl_command, link);
}

/* -- the worker -------------------------------------------------------------------------------- */

static enum cl_err
append(struct sqlite *sqlite, struct cl_disklog *log, const struct cl_command *command)
{
    cl_buf_clear(&sqlite->record);
    enum cl_err err = cl_command_encode(command, &sqlite->record);
    return err == CL_OK ? cl_disklog_append(log, cl_buf_str(&sqlite->record)) : err;
}

/* Commits from the front of the batch as much as one commit takes, and moves it to `out`. On an
 * error nothing was committed, and the batch is as it was. */
static enum cl_err
commit_some(struct sqlite *sqlite, struct cl_list *out, uint64_t *bytes)
{
    struct cl_list taken;
    struct cl_link *link;
    enum cl_err err = CL_OK;
    cl_list_init(&taken);
    struct cl_disklog *log = cl_disk_take(&sqlite->disk);
    while (err == CL_OK && (link = cl_list_first(&sqlite->batch)) != NULL) {
        err = append(sqlite, log, CL_LIST_ENTRY(link, struct cl_command, link));
        if (err != CL_OK)
            break; // what was appended before it makes a commit
        cl_list_remove(link);
        cl_list_append(&taken, link);
        *bytes += sqlite->record.len;
    }
    if (!cl_list_is_empty(&taken))
        err = cl_disklog_commit(log);
    cl_disk_give(&sqlite->disk);
    if (err == CL_OK) {
        cl_list_splice(out, &taken);
    } else {
        cl_list_splice(&taken, &sqlite->batch);
        cl_list_splice(&sqlite->batch, &taken);
    }
    return err;
}

/* What came of a commit, for the relay. True: the journal can go on. */
static bool
hand_over(struct sqlite *sqlite, struct cl_list *done, uint64_t bytes, enum cl_err err)
{
    bool is_refusal = err == CL_ERR_FULL || err == CL_ERR_NO_MEMORY;
    cl_lock_hold(&sqlite->lock);
    sqlite->committed_bytes += bytes;
    cl_list_splice(&sqlite->done, done);
    if (is_refusal)
        cl_list_splice(&sqlite->refused, &sqlite->batch);
    sqlite->is_broken = err != CL_OK && !is_refusal;
    if (sqlite->wake != NULL)
        sqlite->wake(sqlite->wake_ctx);
    cl_lock_leave(&sqlite->lock);
    return err == CL_OK || is_refusal;
}

/* Waits until there is something to do. False: the end has come, and all is done. */
static bool
take_handed(struct sqlite *sqlite)
{
    cl_lock_hold(&sqlite->lock);
    while (cl_list_is_empty(&sqlite->handed) && !sqlite->is_ending)
        cl_lock_wait(&sqlite->work, &sqlite->lock);
    cl_list_splice(&sqlite->batch, &sqlite->handed);
    cl_lock_leave(&sqlite->lock);
    return !cl_list_is_empty(&sqlite->batch);
}

/* What a journal that breaks has in hand stays there until it is closed: it is not committed, or
 * nobody knows. */
static void *
work(void *ctx)
{
    struct sqlite *sqlite = ctx;
    struct cl_list done;
    bool can_go_on = true;
    cl_list_init(&done);
    while (can_go_on && take_handed(sqlite))
        while (can_go_on && !cl_list_is_empty(&sqlite->batch)) {
            uint64_t bytes = 0;
            enum cl_err err = commit_some(sqlite, &done, &bytes);
            can_go_on = hand_over(sqlite, &done, bytes, err);
        }
    return NULL;
}

/* -- the relay's thread ------------------------------------------------------------------------ */

static enum cl_journal_state
state(const struct cl_journal *journal)
{
    const struct sqlite *sqlite = (const struct sqlite *)(const void *)journal;
    return sqlite->is_read_only ? CL_JOURNAL_READ_ONLY : CL_JOURNAL_OPEN;
}

static struct cl_journal_about
about(const struct cl_journal *journal)
{
    return ((const struct sqlite *)(const void *)journal)->about;
}

static enum cl_err
submit(struct cl_journal *journal, struct cl_command *command)
{
    struct sqlite *sqlite = sqlite_of(journal);
    if (sqlite->is_read_only)
        return CL_ERR_READ_ONLY;
    if (sqlite->waiting >= CL_JOURNAL_WAITING_MAX)
        return CL_ERR_FULL;
    sqlite->waiting++;
    cl_list_append(&sqlite->submitted, &command->link);
    return CL_OK;
}

static void
turn(struct cl_journal *journal)
{
    struct sqlite *sqlite = sqlite_of(journal);
    bool has_work = !cl_list_is_empty(&sqlite->submitted);
    if (sqlite->waiting == 0 || sqlite->is_read_only)
        return;
    // Not before the first command: a relay may give up rights before it, which is for all threads
    // in one system and for one in another.
    if (!sqlite->has_worker)
        sqlite->has_worker = cl_thread_begin(&sqlite->worker, work, sqlite);
    if (!sqlite->has_worker) {
        sqlite->is_read_only = true;
        return;
    }
    cl_lock_hold(&sqlite->lock);
    cl_list_splice(&sqlite->handed, &sqlite->submitted);
    cl_list_splice(&sqlite->ready, &sqlite->done);
    cl_list_splice(&sqlite->refused_ready, &sqlite->refused);
    sqlite->log_bytes += sqlite->committed_bytes;
    sqlite->committed_bytes = 0;
    sqlite->is_read_only = sqlite->is_broken;
    cl_lock_leave(&sqlite->lock);
    if (has_work)
        cl_lock_tell(&sqlite->work);
}

static struct cl_command *
next(struct cl_journal *journal)
{
    struct sqlite *sqlite = sqlite_of(journal);
    struct cl_command *command = first_of(&sqlite->ready);
    sqlite->waiting -= command != NULL;
    return command;
}

static struct cl_command *
refused(struct cl_journal *journal)
{
    struct sqlite *sqlite = sqlite_of(journal);
    struct cl_command *command = first_of(&sqlite->refused_ready);
    sqlite->waiting -= command != NULL;
    return command;
}

static bool
watch(struct cl_journal *journal, cl_journal_wake_fn *wake, void *ctx)
{
    struct sqlite *sqlite = sqlite_of(journal);
    cl_lock_hold(&sqlite->lock); // so that no call is under way any more
    sqlite->wake = wake;
    sqlite->wake_ctx = ctx;
    cl_lock_leave(&sqlite->lock);
    cl_keeper_watch(&sqlite->keeper, wake, ctx);
    return true;
}

/* -- beside the commits ------------------------------------------------------------------------ */

/* Due when the log has become longer than the snapshot: so making them costs, in the long run, no
 * more than the commits did. */
static void
note(struct cl_journal *journal, uint64_t applied, uint64_t trail)
{
    struct sqlite *sqlite = sqlite_of(journal);
    bool is_due = sqlite->log_bytes >= sqlite->snapshot_bytes &&
                  sqlite->log_bytes >= cl_keeper_kept_bytes(&sqlite->keeper);
    cl_keeper_note(&sqlite->keeper, applied, trail, is_due);
    if (is_due)
        sqlite->log_bytes = 0;
}

static bool
news(struct cl_journal *journal, struct cl_journal_news *ret_news)
{
    return cl_keeper_news(&sqlite_of(journal)->keeper, ret_news);
}

static enum cl_err
copy(struct cl_journal *journal, cl_str path)
{
    return cl_keeper_copy(&sqlite_of(journal)->keeper, path);
}

static enum cl_err
replay(struct cl_journal *journal, const cl_hash_key *hash_key, struct cl_core **core)
{
    struct sqlite *sqlite = sqlite_of(journal);
    struct cl_snapshot_sizes sizes = {0};
    enum cl_err err = cl_snapshot_restore(&sqlite->disk, UINT64_MAX, hash_key, core, &sizes);
    sqlite->log_bytes = sizes.log;
    sqlite->keeper.hash_key = *hash_key; // it has no thread yet
    sqlite->keeper.kept_bytes = sizes.snapshot;
    return err;
}

void
cl_journal_sqlite_set_snapshot_bytes(struct cl_journal *journal, uint64_t bytes)
{
    sqlite_of(journal)->snapshot_bytes = bytes;
}

/* -- the beginning and the end ----------------------------------------------------------------- */

static void
free_commands(struct cl_list *list)
{
    struct cl_command *command;
    while ((command = first_of(list)) != NULL)
        cl_command_free(command);
}

static void
end_threads(struct sqlite *sqlite)
{
    cl_keeper_end(&sqlite->keeper);
    if (!sqlite->has_worker)
        return;
    cl_lock_hold(&sqlite->lock);
    sqlite->is_ending = true;
    cl_lock_tell(&sqlite->work);
    cl_lock_leave(&sqlite->lock);
    int status = pthread_join(sqlite->worker, NULL);
    CL_ASSERT(status == 0);
    sqlite->has_worker = false;
}

static bool
rest(struct cl_journal *journal, const struct cl_core *core, struct cl_journal_news *ret_news)
{
    struct sqlite *sqlite = sqlite_of(journal);
    end_threads(sqlite);
    sqlite->is_read_only = true;
    struct cl_disklog_holds holds = cl_disklog_holds(sqlite->disk.log);
    if (sqlite->is_broken || holds.last != cl_core_applied(core) || holds.last == holds.snapshot)
        return false;
    // A short log behind a long snapshot is read sooner than another snapshot is written.
    if (sqlite->log_bytes + sqlite->committed_bytes < cl_keeper_kept_bytes(&sqlite->keeper) / 16)
        return false;
    cl_instant begun = cl_clock_monotonic();
    *ret_news = (struct cl_journal_news){.kind = CL_JOURNAL_SNAPSHOT, .commands = holds.last};
    ret_news->err = cl_snapshot_keep(&sqlite->disk, core, &ret_news->bytes);
    ret_news->ms = cl_clock_monotonic().ms - begun.ms;
    return true;
}

static void
close_sqlite(struct cl_journal *journal)
{
    struct sqlite *sqlite = sqlite_of(journal);
    end_threads(sqlite);
    free_commands(&sqlite->submitted);
    free_commands(&sqlite->ready);
    free_commands(&sqlite->refused_ready);
    free_commands(&sqlite->handed);
    free_commands(&sqlite->done);
    free_commands(&sqlite->refused);
    free_commands(&sqlite->batch);
    cl_buf_done(&sqlite->record);
    cl_keeper_done(&sqlite->keeper);
    cl_disk_done(&sqlite->disk);
    (void)pthread_cond_destroy(&sqlite->work); // nobody waits for them
    (void)pthread_mutex_destroy(&sqlite->lock);
    cl_free(sqlite);
}

static const struct cl_journal_ops ops = {.submit = submit,
                                          .turn = turn,
                                          .next = next,
                                          .refused = refused,
                                          .state = state,
                                          .watch = watch,
                                          .about = about,
                                          .replay = replay,
                                          .note = note,
                                          .news = news,
                                          .copy = copy,
                                          .rest = rest,
                                          .close = close_sqlite};

enum cl_err
cl_journal_sqlite_open(const char *folder, struct cl_journal **ret_journal, struct cl_why *why)
{
    const struct cl_disklog_kind kind = {.purpose = CL_JOURNAL_SQLITE_PURPOSE,
                                         .version = CL_JOURNAL_SQLITE_VERSION};
    size_t len = strlen(folder) + sizeof FILE_NAME;
    struct cl_disklog *log = NULL;
    struct sqlite *sqlite = cl_alloc(sizeof *sqlite);
    char *path = cl_alloc(len);
    enum cl_err err = sqlite == NULL || path == NULL
                          ? cl_fail(CL_ERR_NO_MEMORY, why, "\"%s\": out of memory", folder)
                          : CL_OK;
    if (err == CL_OK) {
        (void)snprintf(path, len, "%s" FILE_NAME, folder);
        err = cl_disklog_open(path, kind, &log, why);
    }
    cl_free(path);
    if (err != CL_OK) {
        cl_free(sqlite);
        return err;
    }
    struct cl_disklog_holds holds = cl_disklog_holds(log);
    sqlite->about = (struct cl_journal_about){
        .durability = "disk", .snapshot = holds.snapshot, .commands = holds.last - holds.snapshot};
    struct cl_list *const lists[] = {&sqlite->submitted, &sqlite->ready, &sqlite->refused_ready,
                                     &sqlite->handed,    &sqlite->done,  &sqlite->refused,
                                     &sqlite->batch};
    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++)
        cl_list_init(lists[i]);
    cl_buf_init(&sqlite->record, CL_DISKLOG_RECORD_BYTES_MAX);
    sqlite->journal.ops = &ops;
    int status = pthread_mutex_init(&sqlite->lock, NULL);
    CL_ASSERT(status == 0); // the usual kind takes nothing
    status = pthread_cond_init(&sqlite->work, NULL);
    CL_ASSERT(status == 0);
    cl_disk_init(&sqlite->disk, log);
    cl_keeper_init(&sqlite->keeper, &sqlite->disk);
    sqlite->snapshot_bytes = CL_SNAPSHOT_LOG_BYTES;
    *ret_journal = &sqlite->journal;
    return CL_OK;
}
