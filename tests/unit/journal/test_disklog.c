// SPDX-License-Identifier: MIT
#include "journal/disklog.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "support/fault.h"
#include "support/test.h"

static const struct cl_disklog_kind kind = {.purpose = 0x74657374u, .version = 7};

static char folder[64];
static char path[96];
static struct cl_why why;

/* A folder of its own for each test. */
static void
begin(void)
{
    (void)snprintf(folder, sizeof folder, "%s/clawlink-disklog-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"); // thousands of syncs
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/log", folder);
    why = (struct cl_why){""};
}

static void
remove_file(const char *suffix)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%s/%s", folder, suffix);
    (void)unlink(name);
}

static void
end(void)
{
    remove_file("log");
    remove_file("log-wal");
    remove_file("copy");
    CHECK_INT(rmdir(folder), 0); // so nothing else was left there
}

static struct cl_disklog *
opened(void)
{
    struct cl_disklog *log = NULL;
    enum cl_err err = cl_disklog_open(path, kind, &log, &why);
    if (err != CL_OK)
        test_note("%s", why.text);
    CHECK_OK(err);
    return log;
}

static void
put(struct cl_disklog *log, const char *record)
{
    CHECK_OK(cl_disklog_append(log, cl_str_z(record)));
}

static void
commit_one(struct cl_disklog *log, const char *record)
{
    put(log, record);
    CHECK_OK(cl_disklog_commit(log));
}

/* All records from number `first` on, one behind the other with a blank in between; each commit
 * ends with a '|'. */
static cl_str
told(struct cl_disklog *log, uint64_t first)
{
    static char text[1024];
    struct cl_disklog_batch batch;
    cl_str record;
    size_t len = 0;
    cl_disklog_batch_init(&batch);
    batch.first = first;
    enum cl_err err;
    while ((err = cl_disklog_read(log, batch.first, &batch)) == CL_OK) {
        while (cl_disklog_batch_next(&batch, &record))
            len += (size_t)snprintf(text + len, sizeof text - len, "%.*s ", CL_STR_ARG(record));
        len += (size_t)snprintf(text + len, sizeof text - len, "|");
    }
    cl_disklog_batch_done(&batch);
    CHECK_INT(err, CL_ERR_NOT_FOUND);
    return cl_str_of(text, len);
}

static void
check_holds(struct cl_disklog *log, uint64_t snapshot, uint64_t first, uint64_t last)
{
    struct cl_disklog_holds holds = cl_disklog_holds(log);
    CHECK_INT(holds.snapshot, snapshot);
    CHECK_INT(holds.first, first);
    CHECK_INT(holds.last, last);
}

/* -- records ----------------------------------------------------------------------------------- */

TEST(new_file_holds_nothing_and_is_its_owners_alone)
{
    struct stat status;
    begin();
    mode_t mask = umask(0);
    struct cl_disklog *log = opened();
    (void)umask(mask);
    check_holds(log, 0, 1, 0);
    CHECK_STR(told(log, 1), CL_STR(""));
    CHECK_INT(stat(path, &status), 0);
    CHECK_INT(status.st_mode & 0777, 0600);
    cl_disklog_close(log);
    end();
}

TEST(records_come_back_in_order_commit_by_commit)
{
    begin();
    struct cl_disklog *log = opened();
    put(log, "a");
    put(log, "b");
    CHECK_OK(cl_disklog_commit(log));
    CHECK_OK(cl_disklog_commit(log)); // of nothing
    commit_one(log, "c");
    CHECK_STR(told(log, 1), CL_STR("a b |c |"));
    CHECK_STR(told(log, 3), CL_STR("c |"));
    check_holds(log, 0, 1, 3);
    cl_disklog_close(log);
    end();
}

TEST(records_of_a_commit_outlive_the_program_and_no_others_do)
{
    begin();
    pid_t child = fork();
    if (child == 0) {
        struct cl_disklog *log = opened();
        put(log, "kept");
        CHECK_OK(cl_disklog_commit(log));
        put(log, "not committed");
        (void)raise(SIGKILL); // nothing is closed
    }
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); // it came so far
    struct cl_disklog *log = opened();
    CHECK_STR(told(log, 1), CL_STR("kept |"));
    commit_one(log, "next");
    cl_disklog_close(log);
    log = opened();
    CHECK_STR(told(log, 1), CL_STR("kept |next |"));
    check_holds(log, 0, 1, 2);
    cl_disklog_close(log);
    end();
}

/* Commits, and says each number when its commit has ended, until it is killed. */
static void
commit_and_tell(int out)
{
    struct cl_disklog *log = opened();
    for (uint64_t number = cl_disklog_holds(log).last + 1;; number++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
        commit_one(log, text);
        if (write(out, &number, sizeof number) != sizeof number)
            _exit(1);
    }
}

TEST(every_commit_that_was_told_outlives_a_kill)
{
    uint64_t number = 0, told_last = 0;
    begin();
    for (unsigned round = 0; round < 25; round++) {
        int pipes[2];
        CHECK_INT(pipe(pipes), 0);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
            commit_and_tell(pipes[1]);
        (void)close(pipes[1]);
        for (unsigned i = 0; i <= round * 7; i++) // at least one
            CHECK_INT(read(pipes[0], &number, sizeof number), sizeof number);
        told_last = number;
        CHECK_INT(kill(child, SIGKILL), 0);
        CHECK_INT(waitpid(child, NULL, 0), child);
        while (read(pipes[0], &number, sizeof number) == sizeof number)
            told_last = number;
        (void)close(pipes[0]);
        struct cl_disklog *log = opened();
        struct cl_disklog_holds holds = cl_disklog_holds(log);
        CHECK(holds.last == told_last || holds.last == told_last + 1);
        struct cl_disklog_batch batch;
        cl_str record;
        cl_disklog_batch_init(&batch);
        for (uint64_t i = 1; i <= holds.last; i++) {
            char text[32];
            (void)snprintf(text, sizeof text, "%llu", (unsigned long long)i);
            CHECK_OK(cl_disklog_read(log, i, &batch));
            CHECK(cl_disklog_batch_next(&batch, &record));
            CHECK_STR(record, cl_str_z(text));
        }
        cl_disklog_batch_done(&batch);
        cl_disklog_close(log);
    }
    end();
}

TEST(reading_may_begin_inside_a_commit)
{
    begin();
    struct cl_disklog *log = opened();
    put(log, "a");
    put(log, "b");
    commit_one(log, "c");
    commit_one(log, "d");
    CHECK_STR(told(log, 2), CL_STR("b c |d |"));
    CHECK_STR(told(log, 3), CL_STR("c |d |"));
    CHECK_STR(told(log, 5), CL_STR(""));
    cl_disklog_close(log);
    end();
}

TEST(record_has_a_byte_and_not_too_many)
{
    begin();
    struct cl_disklog *log = opened();
    char *large = calloc(1, CL_DISKLOG_RECORD_BYTES_MAX + 1);
    CHECK(large != NULL);
    CHECK_INT(cl_disklog_append(log, CL_STR("")), CL_ERR_TOO_LARGE);
    CHECK_INT(cl_disklog_append(log, cl_str_of(large, CL_DISKLOG_RECORD_BYTES_MAX + 1)),
              CL_ERR_TOO_LARGE);
    unsigned fit = 0;
    while (cl_disklog_append(log, cl_str_of(large, CL_DISKLOG_RECORD_BYTES_MAX)) == CL_OK)
        fit++;
    CHECK_INT(fit, CL_DISKLOG_BATCH_BYTES_MAX / CL_DISKLOG_RECORD_BYTES_MAX - 1);
    CHECK_INT(cl_disklog_append(log, cl_str_of(large, CL_DISKLOG_RECORD_BYTES_MAX)), CL_ERR_FULL);
    put(log, "small");
    CHECK_OK(cl_disklog_commit(log));
    check_holds(log, 0, 1, fit + 1);
    free(large);
    cl_disklog_close(log);
    end();
}

/* -- who may open what ------------------------------------------------------------------------- */

static enum cl_err
open_again(const char *name, struct cl_disklog_kind other)
{
    struct cl_disklog *log = NULL;
    enum cl_err err = cl_disklog_open(name, other, &log, &why);
    cl_disklog_close(log);
    return err;
}

/* A program that began before anybody opened the file: it knows nothing of the others' locks but
 * what the system says. Told by a byte, it tries, and ends with what it got. */
static pid_t
begin_other(int *ret_go)
{
    int pipes[2];
    char byte;
    CHECK_INT(pipe(pipes), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        (void)close(pipes[1]);
        _exit(read(pipes[0], &byte, 1) == 1 ? (int)open_again(path, kind) : 255);
    }
    (void)close(pipes[0]);
    *ret_go = pipes[1];
    return child;
}

static int
end_other(pid_t child, int go)
{
    int status;
    CHECK_INT(write(go, "!", 1), 1);
    (void)close(go);
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

TEST(second_program_is_refused)
{
    int early, late;
    begin();
    pid_t first = begin_other(&early);
    pid_t second = begin_other(&late);
    struct cl_disklog *log = opened();
    CHECK_INT(end_other(first, early), CL_ERR_UNAVAILABLE);
    commit_one(log, "mine");
    CHECK_INT(open_again(path, kind), CL_ERR_UNAVAILABLE); // in this one
    CHECK(strstr(why.text, "another program has it open") != NULL);
    CHECK_INT(end_other(second, late), CL_ERR_UNAVAILABLE); // that did not lift the lock
    commit_one(log, "still mine");
    cl_disklog_close(log);
    CHECK_OK(open_again(path, kind));
    end();
}

TEST(other_files_are_refused_and_left_alone)
{
    struct cl_disklog_kind other = kind;
    begin();
    struct cl_disklog *log = opened();
    commit_one(log, "a");
    cl_disklog_close(log);
    other.purpose++;
    CHECK_INT(open_again(path, other), CL_ERR_MALFORMED);
    CHECK(strstr(why.text, "another kind") != NULL);
    other = kind;
    other.version++;
    CHECK_INT(open_again(path, other), CL_ERR_MALFORMED);
    CHECK(strstr(why.text, "in format 1.7; this one knows 1.8") != NULL);
    log = opened();
    CHECK_STR(told(log, 1), CL_STR("a |"));
    cl_disklog_close(log);

    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs("a text that somebody keeps here", file) >= 0);
    CHECK_INT(fclose(file), 0);
    CHECK_INT(open_again(path, kind), CL_ERR_MALFORMED);
    CHECK(strstr(why.text, path) != NULL);
    struct stat status;
    CHECK_INT(stat(path, &status), 0);
    CHECK_INT(status.st_size, 31);
    end();
}

TEST(folder_that_is_not_there_is_an_error_that_says_so)
{
    begin();
    CHECK_INT(open_again("/nowhere/at/all/log", kind), CL_ERR_IO);
    CHECK(strstr(why.text, "/nowhere/at/all/log") != NULL);
    end();
}

/* -- damage ------------------------------------------------------------------------------------ */

#define DAMAGED "a record with some text in it that somebody once wrote"

/* True: all records and the snapshot are there, byte for byte; false: the reader was told. */
static bool
is_all_there(unsigned records)
{
    struct cl_disklog *log = NULL;
    struct cl_disklog_batch batch;
    struct cl_buf buf;
    cl_str record;
    unsigned read = 0;
    enum cl_err err = cl_disklog_open(path, kind, &log, NULL);
    if (err != CL_OK)
        return false;
    CHECK_INT(cl_disklog_holds(log).snapshot, 1);
    cl_disklog_batch_init(&batch);
    cl_buf_init(&buf, CL_MIB);
    batch.first = cl_disklog_holds(log).first;
    while ((err = cl_disklog_read(log, batch.first, &batch)) == CL_OK)
        for (; cl_disklog_batch_next(&batch, &record); read++)
            CHECK_STR(record, CL_STR(DAMAGED));
    if (err == CL_ERR_NOT_FOUND)
        CHECK_INT(read, records);
    enum cl_err snapshot_err = cl_disklog_read_snapshot(log, 0, &buf);
    if (snapshot_err == CL_OK)
        CHECK_STR(cl_buf_str(&buf), CL_STR("state"));
    cl_disklog_batch_done(&batch);
    cl_buf_done(&buf);
    cl_disklog_close(log);
    return err == CL_ERR_NOT_FOUND && snapshot_err == CL_OK;
}

TEST(damaged_bytes_are_never_taken_for_records)
{
    begin();
    struct cl_disklog *log = opened();
    for (int i = 0; i < 40; i++)
        commit_one(log, DAMAGED);
    cl_disklog_snapshot_begin(log, 1);
    CHECK_OK(cl_disklog_snapshot_put(log, CL_STR("state")));
    CHECK_OK(cl_disklog_snapshot_end(log));
    cl_disklog_close(log);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    static char good[256 * 1024], bad[256 * 1024];
    ssize_t size = read(fd, good, sizeof good);
    CHECK(size > 4096 && size < (ssize_t)sizeof good);
    (void)close(fd);
    unsigned refused = 0;
    for (ssize_t at = 0; at < size; at += at < 200 ? 1 : 31) {
        test_note("byte %zd", at);
        memcpy(bad, good, (size_t)size);
        bad[at] = (char)(bad[at] ^ 1 << at % 8);
        fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC); // nobody has it open
        CHECK(fd >= 0 && write(fd, bad, (size_t)size) == size);
        (void)close(fd);
        refused += !is_all_there(40);
    }
    CHECK(refused > 100);
    end();
}

/* -- snapshots --------------------------------------------------------------------------------- */

static void
tidy(struct cl_disklog *log)
{
    for (bool is_clean = false; !is_clean;)
        CHECK_OK(cl_disklog_tidy(log, &is_clean));
}

static cl_str
snapshot_of(struct cl_disklog *log)
{
    static struct cl_buf buf;
    static char text[256];
    cl_buf_init(&buf, sizeof text);
    enum cl_err err = CL_OK;
    for (uint64_t i = 0; err == CL_OK; i++)
        err = cl_disklog_read_snapshot(log, i, &buf);
    CHECK_INT(err, CL_ERR_NOT_FOUND);
    size_t len = buf.len;
    if (len > 0)
        memcpy(text, buf.ptr, len);
    cl_buf_done(&buf);
    return cl_str_of(text, len);
}

static void
snapshot(struct cl_disklog *log, uint64_t upto, const char *one, const char *two)
{
    cl_disklog_snapshot_begin(log, upto);
    CHECK_OK(cl_disklog_snapshot_put(log, cl_str_z(one)));
    CHECK_OK(cl_disklog_snapshot_put(log, cl_str_z(two)));
    CHECK_OK(cl_disklog_snapshot_end(log));
}

TEST(snapshot_stands_for_the_records_before_it)
{
    begin();
    struct cl_disklog *log = opened();
    commit_one(log, "a");
    commit_one(log, "b");
    commit_one(log, "c");
    snapshot(log, 2, "state ", "of two");
    check_holds(log, 2, 1, 3);
    tidy(log);
    check_holds(log, 2, 3, 3);
    CHECK_STR(told(log, 3), CL_STR("c |"));
    cl_disklog_close(log);
    log = opened();
    check_holds(log, 2, 3, 3);
    CHECK_STR(snapshot_of(log), CL_STR("state of two"));
    cl_disklog_close(log);
    end();
}

TEST(snapshot_of_everything_leaves_no_record_and_numbers_go_on)
{
    begin();
    struct cl_disklog *log = opened();
    commit_one(log, "a");
    commit_one(log, "b");
    snapshot(log, 2, "x", "y");
    tidy(log);
    check_holds(log, 2, 3, 2);
    cl_disklog_close(log);
    log = opened();
    check_holds(log, 2, 3, 2);
    commit_one(log, "c");
    CHECK_STR(told(log, 3), CL_STR("c |"));
    cl_disklog_close(log);
    end();
}

TEST(snapshot_counts_when_it_is_whole)
{
    begin();
    struct cl_disklog *log = opened();
    commit_one(log, "a");
    snapshot(log, 1, "the ", "first");
    commit_one(log, "b");
    cl_disklog_snapshot_begin(log, 2);
    CHECK_OK(cl_disklog_snapshot_put(log, CL_STR("half")));
    tidy(log); // must not take the piece that is being written
    commit_one(log, "c");
    CHECK_STR(snapshot_of(log), CL_STR("the first"));
    cl_disklog_close(log);
    log = opened();
    check_holds(log, 1, 2, 3);
    CHECK_STR(snapshot_of(log), CL_STR("the first"));
    CHECK_STR(told(log, 2), CL_STR("b |c |"));
    snapshot(log, 3, "the ", "second");
    tidy(log);
    CHECK_STR(snapshot_of(log), CL_STR("the second"));
    cl_disklog_close(log);
    end();
}

TEST(pieces_that_nobody_needs_go_in_steps)
{
    begin();
    struct cl_disklog *log = opened();
    unsigned steps = 0;
    for (int i = 0; i < CL_DISKLOG_TIDY_COMMITS + 10; i++)
        commit_one(log, "a");
    cl_disklog_snapshot_begin(log, cl_disklog_holds(log).last);
    for (int i = 0; i < CL_DISKLOG_TIDY_PIECES + 1; i++)
        CHECK_OK(cl_disklog_snapshot_put(log, CL_STR("p")));
    CHECK_OK(cl_disklog_snapshot_end(log));
    snapshot(log, cl_disklog_holds(log).last, "q", "r");
    for (bool is_clean = false; !is_clean; steps++)
        CHECK_OK(cl_disklog_tidy(log, &is_clean));
    CHECK_INT(steps, 2);
    check_holds(log, CL_DISKLOG_TIDY_COMMITS + 10, CL_DISKLOG_TIDY_COMMITS + 11,
                CL_DISKLOG_TIDY_COMMITS + 10);
    CHECK_STR(snapshot_of(log), CL_STR("qr"));
    cl_disklog_close(log);
    end();
}

/* -- a full disk, a broken one ----------------------------------------------------------------- */

static void
limit_file_size(rlim_t size)
{
    struct rlimit limit;
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

TEST(failed_write_takes_back_the_commit_and_reading_goes_on)
{
    begin();
    struct cl_disklog *log = opened();
    commit_one(log, "kept");
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    limit_file_size(4096);
    put(log, "lost");
    CHECK_INT(cl_disklog_commit(log), CL_ERR_IO); // a limit is no full disk
    limit_file_size(RLIM_INFINITY);
    (void)signal(SIGXFSZ, before);
    put(log, "refused");
    CHECK_INT(cl_disklog_commit(log), CL_ERR_READ_ONLY);
    CHECK_STR(told(log, 1), CL_STR("kept |"));
    cl_disklog_close(log);
    log = opened();
    CHECK_STR(told(log, 1), CL_STR("kept |"));
    commit_one(log, "again");
    CHECK_STR(told(log, 1), CL_STR("kept |again |"));
    cl_disklog_close(log);
    end();
}

/* -- a copy ------------------------------------------------------------------------------------ */

TEST(copy_has_what_was_committed_also_meanwhile)
{
    char copy[128];
    struct cl_disklog_backup *backup;
    bool is_done = false;
    begin();
    struct cl_disklog *log = opened();
    char *large = calloc(1, CL_MIB);
    CHECK(large != NULL);
    for (int i = 0; i < 4; i++) {
        CHECK_OK(cl_disklog_append(log, cl_str_of(large, CL_MIB)));
        CHECK_OK(cl_disklog_commit(log));
    }
    free(large);
    (void)snprintf(copy, sizeof copy, "%s/copy", folder);
    CHECK_OK(cl_disklog_backup_begin(log, copy, &backup, &why));
    CHECK_OK(cl_disklog_backup_step(backup, &is_done, &why));
    CHECK(!is_done);
    commit_one(log, "meanwhile");
    while (!is_done)
        CHECK_OK(cl_disklog_backup_step(backup, &is_done, &why));
    cl_disklog_backup_end(backup);
    commit_one(log, "later");
    CHECK_INT(cl_disklog_backup_begin(log, copy, &backup, &why), CL_ERR_IO); // it is there
    cl_disklog_close(log);
    (void)snprintf(path, sizeof path, "%s/copy", folder);
    log = opened();
    check_holds(log, 0, 1, 5);
    CHECK_STR(told(log, 5), CL_STR("meanwhile |"));
    cl_disklog_close(log);
    end();
}

TEST(copy_that_is_given_up_leaves_nothing)
{
    char copy[128];
    struct cl_disklog_backup *backup;
    begin();
    struct cl_disklog *log = opened();
    commit_one(log, "a");
    (void)snprintf(copy, sizeof copy, "%s/copy", folder);
    CHECK_OK(cl_disklog_backup_begin(log, copy, &backup, &why));
    cl_disklog_backup_end(backup);
    CHECK(access(copy, F_OK) != 0);
    cl_disklog_close(log);
    end();
}

/* -- memory ------------------------------------------------------------------------------------ */

TEST(without_memory_nothing_leaks_and_nothing_is_half_there)
{
    begin();
    FOR_EACH_FAULT
    {
        struct cl_disklog *log = NULL;
        enum cl_err err = cl_disklog_open(path, kind, &log, &why);
        if (err == CL_OK)
            err = cl_disklog_append(log, CL_STR("a"));
        if (err == CL_OK)
            err = cl_disklog_commit(log);
        CHECK(err == CL_OK || (fault_happened() && err == CL_ERR_NO_MEMORY));
        cl_disklog_close(log);
    }
    struct cl_disklog *log = opened();
    CHECK_STR(told(log, 1), CL_STR("a |"));
    cl_disklog_close(log);
    end();
}
