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

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "journal/disklog.h"

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
    bool is_broken;
    bool is_ending;

    pthread_t worker;
    struct cl_list batch;
    struct cl_buf record;

    pthread_mutex_t disk; // for the log
    struct cl_disklog *log;
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

/* Locks of this kind cannot fail where they are used as they should be. */
static void
hold(pthread_mutex_t *mutex)
{
    int status = pthread_mutex_lock(mutex);
    CL_ASSERT(status == 0);
}

static void
leave(pthread_mutex_t *mutex)
{
    int status = pthread_mutex_unlock(mutex);
    CL_ASSERT(status == 0);
}

/* -- the worker -------------------------------------------------------------------------------- */

static enum cl_err
append(struct sqlite *sqlite, const struct cl_command *command)
{
    cl_buf_clear(&sqlite->record);
    enum cl_err err = cl_command_encode(command, &sqlite->record);
    return err == CL_OK ? cl_disklog_append(sqlite->log, cl_buf_str(&sqlite->record)) : err;
}

/* Commits from the front of the batch as much as one commit takes, and moves it to `out`. On an
 * error nothing was committed, and the batch is as it was. */
static enum cl_err
commit_some(struct sqlite *sqlite, struct cl_list *out)
{
    struct cl_list taken;
    struct cl_link *link;
    enum cl_err err = CL_OK;
    cl_list_init(&taken);
    hold(&sqlite->disk);
    while (err == CL_OK && (link = cl_list_first(&sqlite->batch)) != NULL) {
        err = append(sqlite, CL_LIST_ENTRY(link, struct cl_command, link));
        if (err != CL_OK)
            break; // what was appended before it makes a commit
        cl_list_remove(link);
        cl_list_append(&taken, link);
    }
    if (!cl_list_is_empty(&taken))
        err = cl_disklog_commit(sqlite->log);
    leave(&sqlite->disk);
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
hand_over(struct sqlite *sqlite, struct cl_list *done, enum cl_err err)
{
    bool is_refusal = err == CL_ERR_FULL || err == CL_ERR_NO_MEMORY;
    hold(&sqlite->lock);
    cl_list_splice(&sqlite->done, done);
    if (is_refusal)
        cl_list_splice(&sqlite->refused, &sqlite->batch);
    sqlite->is_broken = err != CL_OK && !is_refusal;
    if (sqlite->wake != NULL)
        sqlite->wake(sqlite->wake_ctx);
    leave(&sqlite->lock);
    return err == CL_OK || is_refusal;
}

/* Waits until there is something to do. False: the end has come, and all is done. */
static bool
take_handed(struct sqlite *sqlite)
{
    hold(&sqlite->lock);
    while (cl_list_is_empty(&sqlite->handed) && !sqlite->is_ending) {
        int status = pthread_cond_wait(&sqlite->work, &sqlite->lock);
        CL_ASSERT(status == 0);
    }
    cl_list_splice(&sqlite->batch, &sqlite->handed);
    leave(&sqlite->lock);
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
            enum cl_err err = commit_some(sqlite, &done);
            can_go_on = hand_over(sqlite, &done, err);
        }
    return NULL;
}

/* Signals are for the relay's thread. Begun with the first commands and not before, for a relay
 * may give up rights in between, which is for all threads in one system and for one in another. */
static bool
begin_worker(struct sqlite *sqlite)
{
    sigset_t all, before;
    (void)sigfillset(&all); // cannot fail
    int status = pthread_sigmask(SIG_SETMASK, &all, &before);
    CL_ASSERT(status == 0);
    sqlite->has_worker = pthread_create(&sqlite->worker, NULL, work, sqlite) == 0;
    status = pthread_sigmask(SIG_SETMASK, &before, NULL);
    CL_ASSERT(status == 0);
    return sqlite->has_worker;
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
    if (!sqlite->has_worker && !begin_worker(sqlite)) {
        sqlite->is_read_only = true;
        return;
    }
    hold(&sqlite->lock);
    cl_list_splice(&sqlite->handed, &sqlite->submitted);
    cl_list_splice(&sqlite->ready, &sqlite->done);
    cl_list_splice(&sqlite->refused_ready, &sqlite->refused);
    sqlite->is_read_only = sqlite->is_broken;
    leave(&sqlite->lock);
    if (has_work) {
        int status = pthread_cond_signal(&sqlite->work);
        CL_ASSERT(status == 0);
    }
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
    hold(&sqlite->lock); // so that no call is under way any more
    sqlite->wake = wake;
    sqlite->wake_ctx = ctx;
    leave(&sqlite->lock);
    return true;
}

/* -- the beginning and the end ----------------------------------------------------------------- */

static enum cl_err
apply_batch(struct cl_disklog_batch *batch, struct cl_core *core, struct cl_effects *effects)
{
    cl_str record;
    while (cl_disklog_batch_next(batch, &record)) {
        struct cl_command *command;
        enum cl_err err = cl_command_decode(record, &command);
        if (err != CL_OK)
            return err == CL_ERR_NO_MEMORY ? err : CL_ERR_MALFORMED;
        cl_effects_clear(effects);
        cl_core_apply(core, command, effects);
        cl_command_free(command);
    }
    return CL_OK;
}

static enum cl_err
replay(struct cl_journal *journal, const cl_hash_key *hash_key, struct cl_core **core)
{
    struct sqlite *sqlite = sqlite_of(journal);
    struct cl_disklog_batch batch;
    struct cl_effects effects;
    (void)hash_key;
    cl_disklog_batch_init(&batch);
    cl_effects_init(&effects);
    batch.first = cl_disklog_holds(sqlite->log).first;
    enum cl_err err;
    do {
        err = cl_disklog_read(sqlite->log, batch.first, &batch);
        if (err == CL_OK)
            err = apply_batch(&batch, *core, &effects);
    } while (err == CL_OK);
    cl_effects_done(&effects);
    cl_disklog_batch_done(&batch);
    return err == CL_ERR_NOT_FOUND ? CL_OK : err;
}

static void
free_commands(struct cl_list *list)
{
    struct cl_command *command;
    while ((command = first_of(list)) != NULL)
        cl_command_free(command);
}

static void
end_worker(struct sqlite *sqlite)
{
    hold(&sqlite->lock);
    sqlite->is_ending = true;
    leave(&sqlite->lock);
    int status = pthread_cond_signal(&sqlite->work);
    CL_ASSERT(status == 0);
    status = pthread_join(sqlite->worker, NULL);
    CL_ASSERT(status == 0);
}

static void
close_sqlite(struct cl_journal *journal)
{
    struct sqlite *sqlite = sqlite_of(journal);
    if (sqlite->has_worker)
        end_worker(sqlite);
    free_commands(&sqlite->submitted);
    free_commands(&sqlite->ready);
    free_commands(&sqlite->refused_ready);
    free_commands(&sqlite->handed);
    free_commands(&sqlite->done);
    free_commands(&sqlite->refused);
    free_commands(&sqlite->batch);
    cl_buf_done(&sqlite->record);
    cl_disklog_close(sqlite->log);
    (void)pthread_cond_destroy(&sqlite->work); // nobody waits for any of them
    (void)pthread_mutex_destroy(&sqlite->lock);
    (void)pthread_mutex_destroy(&sqlite->disk);
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
                                          .close = close_sqlite};

enum cl_err
cl_journal_sqlite_open(const char *folder, struct cl_journal **ret_journal, struct cl_why *why)
{
    const struct cl_disklog_kind kind = {.purpose = CL_JOURNAL_SQLITE_PURPOSE,
                                         .version = CL_JOURNAL_SQLITE_VERSION};
    size_t len = strlen(folder) + sizeof FILE_NAME;
    struct sqlite *sqlite = cl_alloc(sizeof *sqlite);
    char *path = cl_alloc(len);
    enum cl_err err = sqlite == NULL || path == NULL
                          ? cl_fail(CL_ERR_NO_MEMORY, why, "\"%s\": out of memory", folder)
                          : CL_OK;
    if (err == CL_OK) {
        (void)snprintf(path, len, "%s" FILE_NAME, folder);
        err = cl_disklog_open(path, kind, &sqlite->log, why);
    }
    cl_free(path);
    if (err != CL_OK) {
        cl_free(sqlite);
        return err;
    }
    struct cl_disklog_holds holds = cl_disklog_holds(sqlite->log);
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
    status = pthread_mutex_init(&sqlite->disk, NULL);
    CL_ASSERT(status == 0);
    status = pthread_cond_init(&sqlite->work, NULL);
    CL_ASSERT(status == 0);
    *ret_journal = &sqlite->journal;
    return CL_OK;
}
