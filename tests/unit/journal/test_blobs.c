// SPDX-License-Identifier: MIT
/*
 * The same conversations with blobs in memory and in a folder.
 */
#include "journal/blobs.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "support/fault.h"
#include "support/test.h"

#define LARGE (CL_BLOB_CHUNK_BYTES * 2 + 100)

static const cl_time noon = {1000}, later = {2000};
static cl_time clock_now = {1000};
static char folder[64];
static bool has_folder;
static struct cl_blobs *blobs;
static char large[LARGE];
static uint64_t all_bytes_max = 2 * LARGE;

static cl_digest
digest_of(cl_str bytes)
{
    cl_digest digest;
    CHECK(EVP_Digest(bytes.ptr, bytes.len, digest.bytes, NULL, EVP_sha256(), NULL) == 1);
    return digest;
}

static enum cl_err
open_blobs(void)
{
    struct cl_blobs_config config = {.blob_bytes_max = LARGE,
                                     .all_bytes_max = all_bytes_max,
                                     .folder = has_folder ? folder : NULL,
                                     .now = noon};
    return cl_blobs_open(&config, &blobs, NULL);
}

static void
begin(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/clawlink-blobs-XXXXXX");
    CHECK(!has_folder || mkdtemp(folder) != NULL);
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)(i * 31 >> 3);
    CHECK_OK(open_blobs());
}

/* Removes all files; how many there were. */
static unsigned
empty_folder(void)
{
    char path[400];
    unsigned files = 0;
    DIR *list = opendir(folder);
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        files += unlink(path) == 0;
    }
    if (list != NULL)
        (void)closedir(list);
    return files;
}

/* What was begun comes to its end. */
static void
reopen(void)
{
    cl_blobs_close(blobs);
    blobs = NULL;
    CHECK_OK(open_blobs());
}

static void
end(void)
{
    cl_blobs_close(blobs);
    blobs = NULL;
    if (!has_folder)
        return;
    (void)empty_folder();
    CHECK_INT(rmdir(folder), 0);
}

#define IN_BOTH(sentence)        \
    static void sentence(void);  \
    TEST(sentence##_in_memory)   \
    {                            \
        has_folder = false;      \
        sentence();              \
    }                            \
    TEST(sentence##_in_a_folder) \
    {                            \
        has_folder = true;       \
        sentence();              \
    }                            \
    static void sentence(void)

/* The next thing that comes out. */
static struct cl_blob_done
come_out(void)
{
    struct cl_blob_done done;
    while (!cl_blobs_done(blobs, &done)) {
    }
    return done;
}

static uint64_t expected; // size of the blob that comes next

static enum cl_err
expect(const cl_digest *digest, uint64_t size)
{
    expected = size;
    return cl_blobs_check(blobs, digest, size);
}

static enum cl_err
begin_write(const cl_digest *digest, uint64_t offset, cl_str bytes)
{
    struct cl_blob_info info = cl_blobs_look(blobs, digest);
    struct cl_blob_piece piece = {.digest = *digest,
                                  .size = info.state == CL_BLOB_ABSENT ? expected : info.size,
                                  .offset = offset,
                                  .bytes = cl_body_new(bytes),
                                  .ticket = offset + 7};
    if (piece.bytes == NULL)
        return CL_ERR_NO_MEMORY;
    enum cl_err err = cl_blobs_write(blobs, &piece, clock_now);
    cl_body_unref(piece.bytes);
    return err;
}

/* Begins a write that is taken, and waits for it. */
static enum cl_err
write_at(const cl_digest *digest, uint64_t offset, cl_str bytes)
{
    enum cl_err err = begin_write(digest, offset, bytes);
    if (err != CL_OK)
        return err;
    struct cl_blob_done done = come_out();
    CHECK_INT(done.work, CL_BLOB_WRITE);
    CHECK_INT(done.ticket, offset + 7);
    CHECK(cl_digest_eq(&done.digest, digest));
    return done.err;
}

static enum cl_err
read_at(const cl_digest *digest, uint64_t offset, struct cl_body **ret_chunk)
{
    enum cl_err err = cl_blobs_read(blobs, digest, offset, offset + 9);
    if (err != CL_OK)
        return err;
    struct cl_blob_done done = come_out();
    CHECK_INT(done.work, CL_BLOB_READ);
    CHECK_INT(done.ticket, offset + 9);
    CHECK((done.chunk != NULL) == (done.err == CL_OK));
    *ret_chunk = done.chunk;
    return done.err;
}

/* The outcome of the one seal that is under way. */
static enum cl_err
sealed(const cl_digest *digest)
{
    struct cl_blob_done done = come_out(), more;
    CHECK_INT(done.work, CL_BLOB_SEAL);
    CHECK(cl_digest_eq(&done.digest, digest));
    CHECK(!cl_blobs_done(blobs, &more));
    return done.err;
}

static cl_digest
put(cl_str bytes)
{
    cl_digest digest = digest_of(bytes);
    CHECK_OK(expect(&digest, bytes.len));
    CHECK_OK(write_at(&digest, 0, bytes));
    CHECK_OK(cl_blobs_seal(blobs, &digest));
    CHECK_OK(sealed(&digest));
    return digest;
}

static void
check_info(const cl_digest *digest, enum cl_blob_state state, uint64_t size, uint64_t have)
{
    struct cl_blob_info info = cl_blobs_look(blobs, digest);
    CHECK_INT(info.state, state);
    CHECK_INT(info.size, size);
    CHECK_INT(info.have, have);
}

/* Read from there to the end, the blob is these bytes. */
static void
check_bytes(const cl_digest *digest, uint64_t offset, cl_str bytes)
{
    struct cl_body *chunk;
    enum cl_err err;
    while ((err = read_at(digest, offset, &chunk)) == CL_OK) {
        CHECK(chunk->len > 0 && chunk->len <= CL_BLOB_CHUNK_BYTES);
        CHECK(cl_str_eq(cl_body_str(chunk), cl_str_part(bytes, (size_t)offset, chunk->len)));
        offset += chunk->len;
        cl_body_unref(chunk);
    }
    CHECK_INT(err, CL_ERR_NOT_FOUND);
    CHECK_INT(offset, bytes.len);
}

IN_BOTH(what_was_sealed_is_read_from_any_place)
{
    begin();
    cl_str all = cl_str_of(large, LARGE);
    cl_digest digest = put(all);
    check_info(&digest, CL_BLOB_WHOLE, LARGE, LARGE);
    static const uint64_t offsets[] = {
        0, 1, CL_BLOB_CHUNK_BYTES - 1, CL_BLOB_CHUNK_BYTES, CL_BLOB_CHUNK_BYTES + 7, LARGE - 1};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        check_bytes(&digest, offsets[i], all);
    struct cl_body *chunk;
    CHECK_OK(cl_blobs_fetch(blobs, &digest, &chunk));
    CHECK_STR(cl_body_str(chunk), all);
    cl_body_unref(chunk);
    cl_digest nothing = digest_of(CL_STR("nothing"));
    CHECK_INT(cl_blobs_fetch(blobs, &nothing, &chunk), CL_ERR_NOT_FOUND);
    CHECK_INT(read_at(&digest, LARGE, &chunk), CL_ERR_NOT_FOUND);
    CHECK_INT(read_at(&digest, UINT64_MAX, &chunk), CL_ERR_NOT_FOUND);
    CHECK_INT(cl_blobs_stats(blobs).bytes, LARGE);
    end();
}

IN_BOTH(upload_goes_on_where_it_ended_and_nowhere_else)
{
    begin();
    cl_str all = cl_str_of(large, LARGE);
    cl_digest digest = digest_of(all);
    struct cl_body *chunk;
    CHECK_OK(expect(&digest, LARGE));
    CHECK_INT(write_at(&digest, 1, CL_STR("x")), CL_ERR_STALE);
    check_info(&digest, CL_BLOB_ABSENT, 0, 0);
    for (size_t at = 0; at < LARGE; at += 99991) {
        CHECK_INT(write_at(&digest, at + 1, CL_STR("x")), CL_ERR_STALE);
        CHECK_INT(cl_blobs_seal(blobs, &digest), CL_ERR_STALE);
        CHECK_INT(read_at(&digest, 0, &chunk), CL_ERR_NOT_FOUND);
        CHECK_OK(expect(&digest, LARGE)); // again: nothing is lost
        CHECK_OK(write_at(&digest, at, cl_str_part(all, at, 99991)));
    }
    CHECK_INT(write_at(&digest, LARGE, CL_STR("x")), CL_ERR_TOO_LARGE);
    CHECK_OK(cl_blobs_seal(blobs, &digest));
    CHECK_OK(sealed(&digest));
    check_bytes(&digest, 0, all);
    CHECK_INT(write_at(&digest, LARGE, CL_STR("x")), CL_ERR_STALE);
    CHECK_INT(cl_blobs_seal(blobs, &digest), CL_ERR_STALE);
    end();
}

IN_BOTH(pieces_may_follow_each_other_without_waiting)
{
    begin();
    cl_str all = cl_str_of(large, LARGE);
    cl_digest digest = digest_of(all);
    CHECK_OK(expect(&digest, LARGE));
    for (size_t at = 0; at < LARGE; at += 99991)
        CHECK_OK(begin_write(&digest, at, cl_str_part(all, at, 99991)));
    CHECK_INT(begin_write(&digest, 0, CL_STR("x")), CL_ERR_STALE); // somebody is writing there
    CHECK_INT(begin_write(&digest, LARGE, CL_STR("x")), CL_ERR_TOO_LARGE);
    CHECK(!cl_blobs_remove(blobs, &digest)); // they have not come out
    CHECK_INT(cl_blobs_seal(blobs, &digest), CL_ERR_STALE);
    for (size_t at = 0; at < LARGE; at += 99991) {
        check_info(&digest, CL_BLOB_PARTIAL, LARGE, at);
        struct cl_blob_done done = come_out();
        CHECK_INT(done.ticket, at + 7);
        CHECK_OK(done.err);
    }
    CHECK_OK(cl_blobs_seal(blobs, &digest));
    CHECK_OK(sealed(&digest));
    check_bytes(&digest, 0, all);
    end();
}

IN_BOTH(what_is_under_way_ends_with_the_store)
{
    begin();
    cl_digest digest = digest_of(CL_STR("small"));
    (void)put(CL_STR("other"));
    cl_digest other = digest_of(CL_STR("other"));
    CHECK_OK(expect(&digest, 5));
    CHECK_OK(begin_write(&digest, 0, CL_STR("sma")));
    CHECK_OK(begin_write(&digest, 3, CL_STR("ll")));
    CHECK_OK(cl_blobs_read(blobs, &other, 0, 1));
    reopen();
    check_info(&digest, has_folder ? CL_BLOB_PARTIAL : CL_BLOB_ABSENT, has_folder ? 5 : 0,
               has_folder ? 5 : 0);
    end();
}

IN_BOTH(notes_stay_with_the_blob)
{
    begin();
    cl_digest digest = put(CL_STR("noted")), nothing = digest_of(CL_STR("nothing"));
    CHECK_INT(cl_blobs_look(blobs, &digest).mark, 0);
    const struct cl_blob_info info = {.touched = later, .mark = 77, .claims = 3};
    cl_blobs_note(blobs, &digest, &info);
    cl_blobs_note(blobs, &nothing, &info);
    CHECK_INT(cl_blobs_look(blobs, &digest).mark, 77);
    CHECK_INT(cl_blobs_look(blobs, &digest).claims, 3);
    check_info(&digest, CL_BLOB_WHOLE, 5, 5);
    CHECK_INT(cl_blobs_look(blobs, &digest).touched.ms, later.ms);
    CHECK_INT(cl_blobs_look(blobs, &nothing).state, CL_BLOB_ABSENT);
    CHECK_INT(cl_blobs_bytes_max(blobs), LARGE);
    end();
}

IN_BOTH(bytes_of_another_hash_are_thrown_away)
{
    begin();
    cl_digest digest = digest_of(CL_STR("good"));
    CHECK_OK(expect(&digest, 4));
    CHECK_OK(write_at(&digest, 0, CL_STR("evil")));
    CHECK_OK(cl_blobs_seal(blobs, &digest));
    CHECK(!cl_blobs_remove(blobs, &digest)); // its outcome was not asked for
    CHECK_INT(sealed(&digest), CL_ERR_MALFORMED);
    check_info(&digest, CL_BLOB_ABSENT, 0, 0);
    CHECK_INT(cl_blobs_stats(blobs).bytes, 0);
    reopen();
    if (has_folder)
        CHECK_INT(empty_folder(), 0);
    cl_digest again = put(CL_STR("good"));
    check_bytes(&again, 0, CL_STR("good"));
    end();
}

IN_BOTH(bounds_hold)
{
    begin();
    cl_digest digest = digest_of(CL_STR("a")), other = digest_of(CL_STR("b"));
    CHECK_INT(expect(&digest, 0), CL_ERR_TOO_LARGE);
    CHECK_INT(expect(&digest, LARGE + 1), CL_ERR_TOO_LARGE);
    CHECK_OK(expect(&digest, 3));
    CHECK_INT(write_at(&digest, 0, CL_STR("four")), CL_ERR_TOO_LARGE);
    CHECK_INT(cl_blobs_stats(blobs).count, 0);
    CHECK_OK(expect(&digest, LARGE));
    CHECK_OK(write_at(&digest, 0, CL_STR("a")));
    CHECK_INT(expect(&digest, LARGE - 1), CL_ERR_STALE);
    (void)put(cl_str_of(large, LARGE - 1));
    CHECK_INT(expect(&other, LARGE + 2), CL_ERR_TOO_LARGE);
    (void)put(cl_str_of(large, LARGE - 2 * CL_BLOB_CHUNK_BYTES));
    CHECK_OK(expect(&other, LARGE - CL_BLOB_CHARGE_MIN)); // if the part goes
    CHECK_INT(expect(&other, LARGE), CL_ERR_FULL);
    CHECK(cl_blobs_remove(blobs, &digest));
    CHECK(cl_blobs_remove(blobs, &digest)); // it is not there
    CHECK_INT(cl_blobs_stats(blobs).bytes, LARGE - 1 + CL_BLOB_CHARGE_MIN);
    end();
}

IN_BOTH(said_size_takes_no_room)
{
    begin();
    for (char name = 'a'; name < 'a' + (char)(2 * LARGE / CL_BLOB_CHUNK_BYTES); name++) {
        cl_digest digest = digest_of(cl_str_of(&name, 1));
        CHECK_OK(expect(&digest, LARGE));
        CHECK_INT(cl_blobs_stats(blobs).count, (uint64_t)(name - 'a')); // without a byte none
        CHECK_OK(write_at(&digest, 0, CL_STR("x")));
    }
    struct cl_blobs_stats stats = cl_blobs_stats(blobs);
    CHECK_INT(stats.count, 4);
    CHECK_INT(stats.partial, 4);
    CHECK_INT(stats.bytes, 4 * (has_folder ? CL_BLOB_CHARGE_MIN : CL_BLOB_CHUNK_BYTES));
    CHECK_INT(stats.bytes_max, 2 * LARGE);
    reopen();
    CHECK_INT(cl_blobs_stats(blobs).partial, has_folder ? 4 : 0);
    CHECK_INT(cl_blobs_stats(blobs).bytes, has_folder ? 4 * CL_BLOB_CHARGE_MIN : 0);
    end();
}

IN_BOTH(uploads_left_alone_give_way_the_longest_untouched_first)
{
    static const char *const names[] = {"first", "second", "third", "fourth"};
    static const int64_t times[] = {0, 1, CL_BLOB_UPLOAD_IDLE_MS, CL_BLOB_UPLOAD_IDLE_MS};
    cl_str chunk = cl_str_of(large, CL_BLOB_CHUNK_BYTES);
    cl_digest digests[4];
    begin();
    (void)put(cl_str_of(large, LARGE));
    for (unsigned i = 0; i < 4; i++) {
        digests[i] = digest_of(cl_str_z(names[i]));
        clock_now = cl_time_add(noon, times[i]);
        CHECK_OK(expect(&digests[i], LARGE));
        CHECK_INT(write_at(&digests[i], 0, chunk), i < 3 ? CL_OK : CL_ERR_FULL);
    }
    check_info(&digests[0], CL_BLOB_ABSENT, 0, 0); // the third took its room
    check_info(&digests[1], CL_BLOB_PARTIAL, LARGE, CL_BLOB_CHUNK_BYTES);
    check_info(&digests[3], CL_BLOB_ABSENT, 0, 0);
    clock_now.ms++;
    CHECK_OK(write_at(&digests[3], 0, chunk));
    check_info(&digests[1], CL_BLOB_ABSENT, 0, 0);
    check_info(&digests[2], CL_BLOB_PARTIAL, LARGE, CL_BLOB_CHUNK_BYTES);
    CHECK_INT(cl_blobs_stats(blobs).count, 3);
    clock_now = noon;
    end();
}

IN_BOTH(all_can_be_walked_and_removed)
{
    begin();
    (void)put(CL_STR("one"));
    (void)put(CL_STR("three"));
    cl_digest digest = digest_of(CL_STR("partial"));
    CHECK_OK(expect(&digest, 7));
    CHECK_OK(write_at(&digest, 0, CL_STR("part")));
    struct cl_blob_info info;
    uint64_t bytes = 0, whole = 0;
    for (uint32_t at = 0; cl_blobs_next(blobs, &at, &digest, &info);) {
        bytes += info.have;
        whole += info.state == CL_BLOB_WHOLE;
        CHECK(cl_blobs_remove(blobs, &digest));
    }
    CHECK_INT(bytes, 12);
    CHECK_INT(whole, 2);
    CHECK_INT(cl_blobs_stats(blobs).bytes, 0);
    reopen();
    if (has_folder)
        CHECK_INT(empty_folder(), 0);
    end();
}

IN_BOTH(without_memory_nothing_leaks)
{
    begin();
    FOR_EACH_FAULT
    {
        cl_blobs_close(blobs);
        blobs = NULL;
        enum cl_err err = open_blobs();
        cl_digest digest = digest_of(CL_STR("small"));
        struct cl_body *chunk = NULL;
        if (err == CL_OK)
            err = expect(&digest, 5);
        if (err == CL_OK && cl_blobs_look(blobs, &digest).have == 0)
            err = write_at(&digest, 0, CL_STR("small"));
        if (err == CL_OK && cl_blobs_look(blobs, &digest).state == CL_BLOB_PARTIAL)
            err = cl_blobs_seal(blobs, &digest);
        if (err == CL_OK && cl_blobs_look(blobs, &digest).state == CL_BLOB_SEALING)
            err = sealed(&digest);
        if (err == CL_OK)
            err = read_at(&digest, 0, &chunk);
        cl_body_unref(chunk);
        chunk = NULL;
        if (err == CL_OK)
            err = cl_blobs_fetch(blobs, &digest, &chunk);
        cl_body_unref(chunk);
        CHECK(err == CL_OK || (fault_happened() && err == CL_ERR_NO_MEMORY));
    }
    end();
}

/* -- a folder ---------------------------------------------------------------------------------- */

TEST(restart_finds_whole_ones_and_parts)
{
    has_folder = true;
    begin();
    cl_str all = cl_str_of(large, LARGE);
    cl_digest whole = put(CL_STR("whole")), part = digest_of(all);
    CHECK_OK(expect(&part, LARGE));
    CHECK_OK(write_at(&part, 0, cl_str_part(all, 0, 1000)));
    reopen();
    check_bytes(&whole, 0, CL_STR("whole"));
    check_info(&part, CL_BLOB_PARTIAL, LARGE, 1000);
    CHECK_INT(cl_blobs_stats(blobs).bytes, 2 * CL_BLOB_CHARGE_MIN);
    CHECK_OK(write_at(&part, 1000, cl_str_part(all, 1000, LARGE)));
    CHECK_OK(cl_blobs_seal(blobs, &part));
    cl_blobs_close(blobs); // waits, though nobody asks for the outcome
    CHECK_OK(open_blobs());
    check_bytes(&part, 0, all);
    end();
}

TEST(folder_that_holds_more_than_the_limit_takes_nothing_new)
{
    has_folder = true;
    begin();
    cl_digest digest = put(cl_str_of(large, LARGE)), other = digest_of(CL_STR("small"));
    all_bytes_max = LARGE / 2;
    reopen();
    CHECK_INT(expect(&other, 5), CL_ERR_FULL);
    CHECK_INT(write_at(&other, 0, CL_STR("small")), CL_ERR_FULL);
    check_bytes(&digest, 0, cl_str_of(large, LARGE));
    CHECK(cl_blobs_remove(blobs, &digest));
    (void)put(CL_STR("small"));
    all_bytes_max = 2 * LARGE;
    end();
}

static void
make_file(const char *name, const char *text)
{
    char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0);
    CHECK_INT(fclose(file), 0);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

TEST(files_that_are_none_of_ours_stay_untouched)
{
    static const char *const strange[] = {"README",        ZEROS "0",        "A" ZEROS,
                                          ZEROS ".part",   ZEROS ".5",       ZEROS ".05.part",
                                          ZEROS ".0.part", ZEROS ".-5.part", ZEROS ".5.part.part"};
    has_folder = true;
    begin();
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        make_file(strange[i], "text");
    make_file(ZEROS ".3.part", "four"); // longer than it should be: no upload can go on with it
    reopen();
    CHECK_INT(cl_blobs_stats(blobs).bytes, 0);
    CHECK_INT(empty_folder(), sizeof strange / sizeof *strange);
    end();
}

TEST(part_of_a_whole_one_is_removed)
{
    has_folder = true;
    begin();
    make_file(ZEROS, "whole");
    make_file(ZEROS ".9.part", "part");
    reopen();
    cl_digest digest = {{0}};
    check_info(&digest, CL_BLOB_WHOLE, 5, 5);
    CHECK_INT(cl_blobs_stats(blobs).bytes, CL_BLOB_CHARGE_MIN);
    CHECK_INT(empty_folder(), 1);
    end();
}

TEST(files_are_their_owners_alone)
{
    char path[300];
    struct stat status;
    has_folder = true;
    begin();
    CHECK_INT(rmdir(folder), 0);
    reopen();
    mode_t mask = umask(0);
    (void)put(CL_STR("secret"));
    (void)umask(mask);
    CHECK_INT(stat(folder, &status), 0);
    CHECK_INT(status.st_mode & 0777, 0700);
    cl_digest digest = digest_of(CL_STR("secret"));
    int len = snprintf(path, sizeof path, "%s/", folder);
    for (size_t i = 0; i < sizeof digest; i++)
        len += snprintf(path + len, sizeof path - (size_t)len, "%02x", digest.bytes[i]);
    CHECK_INT(stat(path, &status), 0);
    CHECK_INT(status.st_mode & 0777, 0600);
    end();
}

static void
limit_file_size(rlim_t size)
{
    struct rlimit limit;
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

TEST(write_that_fails_counts_as_far_as_it_went)
{
    has_folder = true;
    begin();
    cl_str all = cl_str_of(large, LARGE);
    cl_digest digest = digest_of(all);
    CHECK_OK(expect(&digest, LARGE));
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    limit_file_size(5000);
    CHECK_INT(write_at(&digest, 0, all), CL_ERR_IO);
    limit_file_size(RLIM_INFINITY);
    (void)signal(SIGXFSZ, before);
    check_info(&digest, CL_BLOB_PARTIAL, LARGE, 5000);
    CHECK_OK(write_at(&digest, 5000, cl_str_part(all, 5000, LARGE)));
    CHECK_OK(cl_blobs_seal(blobs, &digest));
    CHECK_OK(sealed(&digest));
    check_bytes(&digest, 0, all);
    end();
}

TEST(pieces_behind_one_that_failed_leave_no_hole)
{
    has_folder = true;
    begin();
    cl_str all = cl_str_of(large, LARGE);
    cl_digest digest = digest_of(all);
    CHECK_OK(expect(&digest, LARGE));
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    limit_file_size(5000);
    CHECK_OK(begin_write(&digest, 0, cl_str_part(all, 0, 10000)));
    CHECK_OK(begin_write(&digest, 10000, cl_str_part(all, 10000, 10000)));
    CHECK_INT(come_out().err, CL_ERR_IO);
    limit_file_size(RLIM_INFINITY);
    CHECK_INT(come_out().err, CL_ERR_STALE);
    (void)signal(SIGXFSZ, before);
    check_info(&digest, CL_BLOB_PARTIAL, LARGE, 5000);
    CHECK_OK(write_at(&digest, 5000, cl_str_part(all, 5000, LARGE)));
    CHECK_OK(cl_blobs_seal(blobs, &digest));
    CHECK_OK(sealed(&digest));
    check_bytes(&digest, 0, all);
    end();
}

static void
count_wake(void *ctx)
{
    (*(atomic_int *)ctx)++;
}

TEST(what_comes_out_wakes_who_watches)
{
    atomic_int woken = 0;
    has_folder = true;
    begin();
    cl_blobs_watch(blobs, count_wake, &woken);
    cl_digest digest = put(CL_STR("loud"));
    struct cl_body *chunk;
    CHECK_OK(read_at(&digest, 0, &chunk));
    cl_body_unref(chunk);
    cl_blobs_watch(blobs, NULL, NULL);
    CHECK_INT(atomic_load(&woken), 3);
    (void)put(CL_STR("quiet"));
    CHECK_INT(atomic_load(&woken), 3);
    end();
}

TEST(file_that_somebody_took_away_is_not_read)
{
    struct cl_body *chunk;
    has_folder = true;
    begin();
    cl_digest digest = put(CL_STR("gone"));
    CHECK_INT(empty_folder(), 1);
    CHECK_INT(read_at(&digest, 0, &chunk), CL_ERR_IO);
    CHECK_INT(cl_blobs_fetch(blobs, &digest, &chunk), CL_ERR_IO);
    end();
}

TEST(part_that_somebody_took_away_is_no_blob)
{
    has_folder = true;
    begin();
    cl_digest digest = digest_of(CL_STR("gone"));
    CHECK_OK(expect(&digest, 4));
    CHECK_OK(write_at(&digest, 0, CL_STR("gone")));
    CHECK_INT(empty_folder(), 1);
    CHECK_OK(cl_blobs_seal(blobs, &digest));
    CHECK_INT(sealed(&digest), CL_ERR_IO);
    check_info(&digest, CL_BLOB_ABSENT, 0, 0);
    end();
}

TEST(folder_that_cannot_be_is_an_error)
{
    struct cl_why why = {""};
    struct cl_blobs_config config = {.folder = "/nowhere/at/all", .now = noon};
    CHECK_INT(cl_blobs_open(&config, &blobs, &why), CL_ERR_IO);
    CHECK(strstr(why.text, "/nowhere/at/all") != NULL);
    blobs = NULL;
}

/* -- copies ------------------------------------------------------------------------------------ */

/* Of all, to that folder. */
static struct cl_blob_done
copy_to(const char *path)
{
    CHECK_OK(cl_blobs_copy(blobs, cl_str_z(path)));
    struct cl_blob_done done = come_out();
    CHECK_INT(done.work, CL_BLOB_COPY);
    return done;
}

/* A store in the copy has these two, and the copy goes with it. */
static void
check_copy(const char *path, const cl_digest *digest)
{
    char original[sizeof folder];
    memcpy(original, folder, sizeof folder);
    cl_blobs_close(blobs);
    (void)snprintf(folder, sizeof folder, "%s", path);
    CHECK_OK(open_blobs());
    check_bytes(digest, 0, cl_str_of(large, LARGE));
    cl_digest small = digest_of(CL_STR("small"));
    check_bytes(&small, 0, CL_STR("small"));
    cl_blobs_close(blobs);
    CHECK_INT(empty_folder(), 2);
    CHECK_INT(rmdir(folder), 0);
    memcpy(folder, original, sizeof folder);
    CHECK_OK(open_blobs());
}

TEST(copy_has_all_whole_ones)
{
    static const char *const disks[] = {"/tmp", "/dev/shm"}; // of the store, perhaps another
    has_folder = true;
    for (size_t i = 0; i < sizeof disks / sizeof *disks; i++) {
        char path[sizeof folder];
        struct stat one, other;
        if (stat(disks[0], &one) != 0 || stat(disks[i], &other) != 0)
            continue;
        begin();
        (void)snprintf(path, sizeof path, "%s/clawlink-copy-%d", disks[i], (int)getpid());
        cl_digest digest = put(cl_str_of(large, LARGE)), part = digest_of(CL_STR("partial"));
        (void)put(CL_STR("small"));
        CHECK_OK(expect(&part, 7));
        CHECK_OK(write_at(&part, 0, CL_STR("part")));
        struct cl_blob_done done = copy_to(path);
        CHECK_OK(done.err);
        CHECK_INT(done.copied.count, 2);
        CHECK_INT(done.copied.bytes, LARGE + 5);
        CHECK_INT(done.copied.linked, one.st_dev == other.st_dev ? 2 : 0);
        CHECK_INT(stat(path, &one), 0);
        CHECK_INT(one.st_mode & 0777, 0700);
        check_copy(path, &digest);
        check_bytes(&digest, 0, cl_str_of(large, LARGE)); // the store has its own still
        end();
    }
}

TEST(copy_that_fails_leaves_nothing)
{
    char path[sizeof folder + 8];
    has_folder = true;
    begin();
    (void)put(CL_STR("small"));
    (void)snprintf(path, sizeof path, "%s.copy", folder);
    CHECK_INT(mkdir(path, 0700), 0);
    struct cl_blob_done done = copy_to(path);
    CHECK_INT(done.err, CL_ERR_IO);
    CHECK(strstr(done.copied.why.text, path) != NULL);
    CHECK_INT(rmdir(path), 0); // it is somebody else's
    cl_digest gone = put(CL_STR("zz"));
    char text[CL_DIGEST_TEXT_LEN], file[sizeof folder + CL_DIGEST_TEXT_LEN + 2];
    cl_digest_text(&gone, text);
    (void)snprintf(file, sizeof file, "%s/%.*s", folder, (int)CL_DIGEST_TEXT_LEN, text);
    CHECK_INT(unlink(file), 0); // whose name the copy does not find
    CHECK_INT(copy_to(path).err, CL_ERR_IO);
    CHECK_INT(rmdir(path), -1);
    end();
}

TEST(copy_of_nothing_is_none)
{
    has_folder = true;
    begin();
    CHECK_INT(cl_blobs_copy(blobs, CL_STR("/nowhere")), CL_ERR_NOT_FOUND);
    end();
    has_folder = false;
    begin();
    (void)put(CL_STR("small"));
    CHECK_INT(cl_blobs_copy(blobs, CL_STR("/nowhere")), CL_ERR_NOT_IMPLEMENTED);
    end();
}
