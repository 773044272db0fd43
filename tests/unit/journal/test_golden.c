// SPDX-License-Identifier: MIT
/*
 * The log of each version that a relay can read replays to the state that it meant when it was
 * written: tests/golden/journal/VERSION/journal.db and, beside it, that state's hash.
 *
 * After a change that makes a new CL_JOURNAL_SQLITE_VERSION, or before the first release of one:
 * `GOLDEN_WRITE=1 build/dev/tests/unit/journal_test_golden` writes the log of this version.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/snapshot.h"
#include "journal/sqlite.h"
#include "support/test.h"

#define FOLDER "tests/golden/journal"
#define EPOCH  77

static const cl_hash_key key = {{3}};
static const struct cl_disklog_kind kind = {.purpose = CL_JOURNAL_SQLITE_PURPOSE,
                                            .version = CL_JOURNAL_SQLITE_VERSION};
static char path[96];

/* -- writing ----------------------------------------------------------------------------------- */

static struct cl_disk disk;
static struct cl_core *core;
static struct cl_effects effects;
static int64_t now = INT64_C(1790000000000);

static void
put(struct cl_command draft)
{
    struct cl_buf bytes;
    cl_buf_init(&bytes, CL_MIB);
    draft.time = (cl_time){now += 1000};
    draft.origin = draft.origin == 0 ? EPOCH : draft.origin;
    CHECK_OK(cl_command_encode(&draft, &bytes));
    CHECK_OK(cl_disklog_append(disk.log, cl_buf_str(&bytes)));
    CHECK_OK(cl_disklog_commit(disk.log));
    cl_effects_clear(&effects);
    cl_core_apply(core, &draft, &effects);
    cl_buf_done(&bytes);
}

static void
say(const char *from, const char *to, enum cl_priority priority, const char *text)
{
    struct cl_body *body = cl_body_new(cl_str_z(text));
    put((struct cl_command){.kind = CL_COMMAND_SEND,
                            .send = {.to = cl_str_z(to),
                                     .from = cl_str_z(from),
                                     .id = {{(uint8_t)text[0], (uint8_t)now}},
                                     .stream = 9,
                                     .seq = (uint64_t)now,
                                     .priority = (uint8_t)priority,
                                     .expires = {now + 3600000},
                                     .body = body}});
    cl_body_unref(body);
}

static void
name_a_blob(uint8_t number)
{
    const char digest[32] = {(char)number, 2, 3};
    put((struct cl_command){.kind = CL_COMMAND_SEND,
                            .send = {.to = CL_STR("mira"),
                                     .from = CL_STR("otto"),
                                     .id = {{number, 9}},
                                     .stream = 9,
                                     .seq = (uint64_t)now,
                                     .flags = CL_MSG_TRACKED,
                                     .expires = {now + 3600000 * 3},
                                     .blob = cl_str_of(digest, sizeof digest)}});
}

static void
accept_once(uint8_t number)
{
    const char digest[32] = {(char)number, 4};
    put((struct cl_command){
        .kind = CL_COMMAND_ONCE,
        .once = {.digest = cl_str_of(digest, sizeof digest), .until = {now + 3600000 * 3}}});
}

static void
join(const char *name, uint64_t origin)
{
    struct cl_body *record = cl_body_new(CL_STR("{\"name\":\"golden\"}"));
    cl_str agent = cl_str_z(name);
    put((struct cl_command){.kind = CL_COMMAND_REGISTER,
                            .registration = {.agent = agent, .record = record}});
    put((struct cl_command){.kind = CL_COMMAND_ATTACH, .origin = origin, .attach = {agent}});
    cl_body_unref(record);
}

static void
tell_all(void)
{
    struct cl_body *body = cl_body_new(CL_STR("to everyone"));
    put((struct cl_command){.kind = CL_COMMAND_PUBLISH,
                            .publish = {.topic = CL_STR("news"),
                                        .from = CL_STR("otto"),
                                        .stream = 9,
                                        .seq = 1,
                                        .expires = {now + 7200000},
                                        .body = body}});
    put((struct cl_command){.kind = CL_COMMAND_FILE_PUT,
                            .file_put = {.key = CL_STR("plan"),
                                         .editor = CL_STR("otto"),
                                         .id = {{1, 2, 3}},
                                         .type = body,
                                         .content = body}});
    cl_body_unref(body);
}

static void
live(uint64_t epoch)
{
    const struct cl_range taken = {CL_PRIORITY_NORMAL, 1, 2};
    put((struct cl_command){.kind = CL_COMMAND_RELAY_UP,
                            .origin = epoch,
                            .relay_up = {.relay = CL_STR("relay"),
                                         .inbox_messages_max = 50,
                                         .inbox_bytes_max = 100000,
                                         .inboxes_bytes_max = 1000000}});
    join("otto", epoch);
    join("mira", epoch);
    for (int i = 0; i < 6; i++)
        say("otto", i % 2 == 0 ? "mira" : "nobody", (enum cl_priority)(i % CL_PRIORITY_COUNT),
            "a task");
    tell_all();
    name_a_blob((uint8_t)epoch);
    accept_once((uint8_t)epoch);
    accept_once((uint8_t)epoch); // refused
    put((struct cl_command){
        .kind = CL_COMMAND_ACK,
        .ack = {.agent = CL_STR("mira"), .rung = CL_RUNG_DELIVERED, .ranges = {&taken, 1}}});
    put((struct cl_command){
        .kind = CL_COMMAND_DETACH, .origin = epoch, .detach = {CL_STR("otto")}});
    now += 3600000;
    put((struct cl_command){.kind = CL_COMMAND_TICK, .tick = {.due = {now}}});
    put((struct cl_command){.kind = CL_COMMAND_FORGET, .forget = {CL_STR("mira")}}); // refused
}

static void
write_hash(const char *file, const cl_hash128 *hash)
{
    FILE *out = fopen(file, "w");
    CHECK(out != NULL);
    for (unsigned i = 0; i < sizeof hash->bytes; i++)
        (void)fprintf(out, "%02x", hash->bytes[i]);
    (void)fprintf(out, "\n");
    CHECK_INT(fclose(out), 0);
}

static void
write_golden(void)
{
    struct cl_disklog *log;
    cl_hash128 hash;
    uint64_t bytes;
    (void)mkdir(FOLDER, 0755); // it may be there
    (void)snprintf(path, sizeof path, FOLDER "/%d", CL_JOURNAL_SQLITE_VERSION);
    (void)mkdir(path, 0755);
    (void)snprintf(path, sizeof path, FOLDER "/%d/journal.db", CL_JOURNAL_SQLITE_VERSION);
    (void)unlink(path);
    CHECK_OK(cl_disklog_open(path, kind, &log, NULL));
    cl_disk_init(&disk, log);
    core = cl_core_new(&key);
    cl_effects_init(&effects);
    live(EPOCH);
    CHECK_OK(cl_snapshot_keep(&disk, core, &bytes));
    CHECK_OK(cl_snapshot_tidy(&disk));
    live(EPOCH + 1);
    CHECK_OK(cl_core_hash(core, &hash));
    cl_disk_done(&disk);
    cl_effects_done(&effects);
    cl_core_free(core);
    (void)snprintf(path, sizeof path, FOLDER "/%d/hash", CL_JOURNAL_SQLITE_VERSION);
    write_hash(path, &hash);
}

/* -- reading ----------------------------------------------------------------------------------- */

/* A file's bytes, in space that the next call uses again. */
static cl_str
bytes_of(const char *file)
{
    static char space[256 * 1024];
    FILE *in = fopen(file, "r");
    if (in == NULL)
        test_fail(__FILE__, __LINE__, "no %s", file);
    size_t len = fread(space, 1, sizeof space, in);
    CHECK(len > 0 && len < sizeof space);
    CHECK_INT(fclose(in), 0);
    return cl_str_of(space, len);
}

static void
copy_to(const char *file, cl_str bytes)
{
    FILE *out = fopen(file, "w");
    CHECK(out != NULL && fwrite(bytes.ptr, 1, bytes.len, out) == bytes.len);
    CHECK_INT(fclose(out), 0);
}

TEST(log_of_this_version_replays_to_its_hash)
{
    char folder[] = "/tmp/clawlink-golden-XXXXXX";
    char text[64] = "";
    struct cl_journal *journal;
    struct cl_why why = {""};
    cl_hash128 hash;
    if (getenv("GOLDEN_WRITE") != NULL)
        write_golden();
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/journal.db", folder);
    char golden[96];
    (void)snprintf(golden, sizeof golden, FOLDER "/%d/journal.db", CL_JOURNAL_SQLITE_VERSION);
    copy_to(path, bytes_of(golden));
    enum cl_err err = cl_journal_sqlite_open(folder, &journal, &why);
    test_note("%s", why.text);
    CHECK_OK(err);
    CHECK(cl_journal_about(journal).snapshot > 10 && cl_journal_about(journal).commands > 10);
    struct cl_core *found = cl_core_new(&key);
    CHECK_OK(cl_journal_replay(journal, &key, &found));
    cl_core_check(found);
    CHECK_OK(cl_core_hash(found, &hash));
    for (unsigned i = 0; i < sizeof hash.bytes; i++)
        (void)snprintf(text + (size_t)2 * i, 3, "%02x", hash.bytes[i]);
    (void)snprintf(golden, sizeof golden, FOLDER "/%d/hash", CL_JOURNAL_SQLITE_VERSION);
    test_note("if what a command does, or how anything is encoded, changed: "
              "CL_JOURNAL_SQLITE_VERSION must count up, or see the head of this file");
    CHECK_STR(cl_str_strip(bytes_of(golden)), cl_str_z(text));
    cl_core_free(found);
    cl_journal_close(journal);
    (void)unlink(path);
    CHECK_INT(rmdir(folder), 0);
}
