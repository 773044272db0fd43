// SPDX-License-Identifier: MIT
/*
 * Three tables: a row for each commit, a row for each piece of a snapshot, and one row that says
 * which snapshot counts. Each change is one statement, so each is a transaction by itself.
 *
 * A row carries a hash of what it holds: SQLite knows torn writes, not bytes that rotted.
 *
 * What SQLite would do unasked, moving commits from the log beside the file into its tables, is
 * done here: SQLite keeps a failure of it to itself, and would try a failed sync again, which
 * proves nothing on a system that forgets what it could not write.
 */
#include "journal/disklog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/limits.h"
#include "core/pack.h"
#include "journal/disklog_private.h"

#define LAYOUT              1
#define TEXT_OF(number)     #number
#define NUMBER_TEXT(number) TEXT_OF(number)
#define SET_PAGE_SIZE       "PRAGMA page_size = " NUMBER_TEXT(CL_DISKLOG_PAGE_BYTES) ";"

enum statement {
    PUT_COMMIT,
    GET_COMMIT,
    FIRST_COMMIT,
    LAST_COMMIT,
    DROP_COMMITS,
    PUT_PIECE,
    GET_PIECE,
    DROP_PIECES,
    NEWEST_PIECE,
    SET_SNAPSHOT,
    GET_SNAPSHOT,
    STATEMENTS
};

static const char *const statement_text[STATEMENTS] = {
    [PUT_COMMIT] = "INSERT INTO commits (first, count, hash, records) VALUES (?1, ?2, ?3, ?4)",
    [GET_COMMIT] = "SELECT first, count, hash, records FROM commits WHERE first <= ?1"
                   " ORDER BY first DESC LIMIT 1",
    [FIRST_COMMIT] = "SELECT first FROM commits ORDER BY first LIMIT 1",
    [LAST_COMMIT] = "SELECT first + count - 1 FROM commits ORDER BY first DESC LIMIT 1",
    [DROP_COMMITS] = "DELETE FROM commits WHERE first IN (SELECT first FROM commits"
                     " WHERE first + count - 1 <= ?1 ORDER BY first LIMIT ?2)",
    [PUT_PIECE] = "INSERT INTO pieces (place, hash, bytes) VALUES (?1, ?2, ?3)",
    [GET_PIECE] = "SELECT hash, bytes FROM pieces WHERE place = ?1",
    [DROP_PIECES] = "DELETE FROM pieces WHERE place IN (SELECT place FROM pieces"
                    " WHERE place >> 32 NOT IN (?1, ?2) LIMIT ?3)",
    [NEWEST_PIECE] = "SELECT max(place) FROM pieces",
    [SET_SNAPSHOT] = "UPDATE snapshot SET generation = ?1, upto = ?2, pieces = ?3, hash = ?4",
    [GET_SNAPSHOT] = "SELECT generation, upto, pieces, hash FROM snapshot",
};

/* Before anything is read, and without touching a file that is not ours. */
static const char settings[] =
    SET_PAGE_SIZE "PRAGMA locking_mode = EXCLUSIVE;"
                  "PRAGMA synchronous = FULL;"
                  "PRAGMA fullfsync = ON;" // on macOS a sync alone is a wish
                  "PRAGMA checkpoint_fullfsync = ON;"
                  "PRAGMA temp_store = MEMORY;"
                  "PRAGMA mmap_size = 0;" // an error is a status, not a signal
                  "PRAGMA cell_size_check = ON;"
                  "PRAGMA trusted_schema = OFF;";

/* place: the generation of a snapshot, and in the low 32 bits the number of the piece. */
#define COMMITS_TABLE                                                    \
    "CREATE TABLE commits (first INTEGER PRIMARY KEY, count INTEGER NOT" \
    " NULL, hash INTEGER NOT NULL, records BLOB NOT NULL)"
#define PIECES_TABLE                                                         \
    "CREATE TABLE pieces (place INTEGER PRIMARY KEY, hash INTEGER NOT NULL," \
    " bytes BLOB NOT NULL)"
#define SNAPSHOT_TABLE                                                     \
    "CREATE TABLE snapshot (generation INTEGER NOT NULL, upto INTEGER NOT" \
    " NULL, pieces INTEGER NOT NULL, hash INTEGER NOT NULL)"

static const char tables[] =
    "BEGIN IMMEDIATE;" COMMITS_TABLE ";" PIECES_TABLE ";" SNAPSHOT_TABLE ";"
    "INSERT INTO snapshot VALUES (0, 0, 0, %lld);"
    "PRAGMA application_id = %u;"
    "PRAGMA user_version = %d;"
    "COMMIT;";

/* What SQLite then keeps of it: where each table begins, and its text. No hash guards that. */
static const char tables_question[] =
    "SELECT group_concat(type || name || tbl_name || rootpage || sql, ';') FROM sqlite_schema";
static const char tables_answer[] = "tablecommitscommits2" COMMITS_TABLE ";"
                                    "tablepiecespieces3" PIECES_TABLE ";"
                                    "tablesnapshotsnapshot4" SNAPSHOT_TABLE;

struct snapshot {
    uint32_t generation; // 0: there is none
    uint32_t pieces;
    uint64_t upto;
};

struct cl_disklog {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    bool is_broken; // nobody knows what the disk has
    bool is_unsure; // make_sure found the disk full
    int wal_pages;  // of commits that are not in the tables yet
    int wal_pages_max;
    uint64_t first; // last + 1 when there is no commit
    uint64_t last;
    struct snapshot snapshot;
    struct snapshot draft; // generation 0: none is being written
    uint32_t newest;       // generation ever begun
    struct cl_buf pending; // records of the next commit, each behind its length
    uint32_t pending_len;
};

/* -- words with SQLite ------------------------------------------------------------------------- */

/* A hash that goes into a column, of a row's numbers and bytes. For finding damage, not for keeping
 * anybody out. */
static int64_t
hash_of(uint64_t one, uint64_t two, cl_str bytes)
{
    cl_hash_key key;
    for (unsigned i = 0; i < 8; i++) {
        key.bytes[i] = (uint8_t)(one >> (8 * i));
        key.bytes[8 + i] = (uint8_t)(two >> (8 * i));
    }
    return (int64_t)cl_hash_short(&key, bytes);
}

static int64_t
snapshot_hash(const struct snapshot *snapshot)
{
    return hash_of((uint64_t)snapshot->generation << 32 | snapshot->pieces, snapshot->upto,
                   CL_STR("snapshot"));
}

enum cl_err
cl_disklog_read_error(int status)
{
    switch (status & 0xff) {
    case SQLITE_NOMEM:
        return CL_ERR_NO_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return CL_ERR_MALFORMED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return CL_ERR_UNAVAILABLE;
    default:
        return CL_ERR_IO;
    }
}

/* The first column of the only row: a number, or whether it is this text. */
static enum cl_err
ask(struct cl_disklog *log, const char *question, const char *text, int64_t *ret_number)
{
    sqlite3_stmt *statement;
    int status = sqlite3_prepare_v2(log->db, question, -1, &statement, NULL);
    if (status == SQLITE_OK)
        status = sqlite3_step(statement);
    if (status == SQLITE_ROW && text != NULL) {
        const char *found = (const char *)sqlite3_column_text(statement, 0);
        *ret_number = found != NULL && strcmp(found, text) == 0;
    } else if (status == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement); // accepts NULL; says how its step ended
    return status == SQLITE_ROW ? CL_OK : cl_disklog_read_error(status);
}

/* From now on nothing is written, at the end neither. */
static enum cl_err
break_off(struct cl_disklog *log)
{
    log->is_broken = true;
    (void)sqlite3_db_config(log->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); // cannot fail
    return CL_ERR_IO;
}

/* Beside small tables there is little, so that it does not take the room on a small disk that they
 * need to grow. */
static void
decide_when_to_move(struct cl_disklog *log)
{
    int64_t pages = 0;
    log->wal_pages_max = CL_DISKLOG_WAL_PAGES;
    if (ask(log, "PRAGMA page_count", NULL, &pages) != CL_OK || pages / 4 >= CL_DISKLOG_WAL_PAGES)
        return;
    log->wal_pages_max =
        pages / 4 > CL_DISKLOG_WAL_PAGES_MIN ? (int)pages / 4 : CL_DISKLOG_WAL_PAGES_MIN;
}

/* Moves what is committed into the tables, so that the log beside them begins anew. It is committed
 * whether or not this works. */
static void
move_into_tables(struct cl_disklog *log)
{
    int status = sqlite3_wal_checkpoint_v2(log->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    log->wal_pages = 0; // where the disk was full: after as many more it is tried again
    if (status != SQLITE_OK && (status & 0xff) != SQLITE_FULL)
        (void)break_off(log);
    else
        decide_when_to_move(log);
}

/* Where the disk is full, once more when what lay beside the tables can be written over. */
static int
step(struct cl_disklog *log, sqlite3_stmt *statement)
{
    int status = sqlite3_step(statement);
    if ((status & 0xff) != SQLITE_FULL)
        return status;
    (void)sqlite3_reset(statement); // says the same again
    move_into_tables(log);
    return log->is_broken ? status : sqlite3_step(statement);
}

static int
on_committed(void *ctx, sqlite3 *db, const char *name, int pages)
{
    struct cl_disklog *log = ctx;
    (void)db;
    (void)name;
    log->wal_pages = pages;
    return SQLITE_OK;
}

/* The statement, ready for its numbers, which are bound from 1 on. */
static sqlite3_stmt *
prepare(struct cl_disklog *log, enum statement which, const uint64_t *numbers, int len)
{
    sqlite3_stmt *statement = log->statements[which];
    for (int i = 0; i < len; i++) {
        int status = sqlite3_bind_int64(statement, i + 1, (sqlite3_int64)numbers[i]);
        CL_ASSERT(status == SQLITE_OK); // it was reset, and has such a place
    }
    return statement;
}

static enum cl_err
run(struct cl_disklog *log, const char *text)
{
    int status = sqlite3_exec(log->db, text, NULL, NULL, NULL);
    if (status == SQLITE_OK)
        return CL_OK;
    if (!sqlite3_get_autocommit(log->db))
        (void)sqlite3_exec(log->db, "ROLLBACK", NULL, NULL, NULL); // nothing more can be done
    return (status & 0xff) == SQLITE_FULL ? CL_ERR_FULL : cl_disklog_read_error(status);
}

/* If an earlier run ended because a sync failed, what it committed may be in the system's memory
 * and not on the disk. So it goes into the tables, which are synced. And the log beside them is
 * begun anew by a commit that changes nothing: else after a power failure the older log that is on
 * the disk would be laid over the newer tables.
 * On a full disk this waits: reading may go on, and a commit is refused until it has been done. */
static enum cl_err
make_sure(struct cl_disklog *log)
{
    char text[64];
    int64_t version;
    enum cl_err err = run(log, "PRAGMA wal_checkpoint(FULL)");
    if (err == CL_OK)
        err = ask(log, "PRAGMA user_version", NULL, &version);
    if (err != CL_OK)
        return err;
    (void)snprintf(text, sizeof text, "PRAGMA user_version = %lld", (long long)version);
    err = run(log, text);
    log->is_unsure = err != CL_OK;
    return err;
}

/* Runs a statement that changes something. */
static enum cl_err
change(struct cl_disklog *log, sqlite3_stmt *statement)
{
    enum cl_err err = log->is_unsure ? make_sure(log) : CL_OK;
    int status = err == CL_OK ? step(log, statement) : SQLITE_FULL;
    (void)sqlite3_reset(statement); // says the same again
    (void)sqlite3_clear_bindings(statement);
    if (err != CL_OK && err != CL_ERR_FULL)
        return break_off(log);
    // A full disk was rolled back; behind anything else there is no telling, short memory included:
    // it may have been short behind the sync.
    if (status != SQLITE_DONE)
        return (status & 0xff) == SQLITE_FULL ? CL_ERR_FULL : break_off(log);
    if (log->wal_pages >= log->wal_pages_max)
        move_into_tables(log);
    return CL_OK;
}

/* With a blob as the last of its values; it is not copied. */
static enum cl_err
change_with(struct cl_disklog *log, sqlite3_stmt *statement, cl_str bytes)
{
    int last = sqlite3_bind_parameter_count(statement);
    int status = sqlite3_bind_blob64(statement, last, bytes.ptr, bytes.len, SQLITE_STATIC);
    CL_ASSERT(status == SQLITE_OK);
    return change(log, statement);
}

/* The first column of the first row; *ret_number stays where there is none, or NULL. */
static enum cl_err
read_number(struct cl_disklog *log, enum statement which, uint64_t *ret_number)
{
    sqlite3_stmt *statement = log->statements[which];
    int status = sqlite3_step(statement);
    if (status == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        *ret_number = (uint64_t)sqlite3_column_int64(statement, 0);
    (void)sqlite3_reset(statement);
    return status == SQLITE_ROW || status == SQLITE_DONE ? CL_OK : cl_disklog_read_error(status);
}

/* Appends the blob of the row that the statement stands at, if its hash is good. */
static enum cl_err
take_blob(sqlite3_stmt *statement, uint64_t place, uint64_t count, struct cl_buf *buf)
{
    int column = sqlite3_column_count(statement) - 1; // the hash is the one before
    const void *ptr = sqlite3_column_blob(statement, column);
    cl_str bytes = cl_str_of(ptr, (size_t)sqlite3_column_bytes(statement, column));
    if (bytes.len == 0 || ptr == NULL)
        return CL_ERR_MALFORMED;
    if (sqlite3_column_int64(statement, column - 1) != hash_of(place, count, bytes))
        return CL_ERR_MALFORMED;
    return cl_buf_append(buf, bytes);
}

/* -- opening ----------------------------------------------------------------------------------- */

static enum cl_err
create(struct cl_disklog *log, struct cl_disklog_kind kind)
{
    char *text = sqlite3_mprintf(tables, (long long)snapshot_hash(&log->snapshot), kind.purpose,
                                 LAYOUT << 16 | kind.version);
    enum cl_err err = text == NULL ? CL_ERR_NO_MEMORY : run(log, text);
    sqlite3_free(text);
    return err;
}

/* The first touch of a file, which may be anybody's. *ret_is_new: it is empty. */
static enum cl_err
look(struct cl_disklog *log, struct cl_disklog_kind kind, bool *ret_is_new, struct cl_why *why)
{
    int64_t purpose, version, objects;
    enum cl_err err = run(log, settings);
    if (err == CL_OK)
        err = ask(log, "PRAGMA application_id", NULL, &purpose);
    if (err == CL_OK)
        err = ask(log, "PRAGMA user_version", NULL, &version);
    if (err == CL_OK)
        err = ask(log, "SELECT count(*) FROM sqlite_schema", NULL, &objects);
    if (err != CL_OK)
        return err;
    *ret_is_new = purpose == 0 && version == 0 && objects == 0;
    if (*ret_is_new)
        return CL_OK;
    if ((uint32_t)purpose != kind.purpose)
        return cl_fail(CL_ERR_MALFORMED, why, "it is a file of another kind");
    if (version != (LAYOUT << 16 | kind.version))
        return cl_fail(CL_ERR_MALFORMED, why,
                       "it was written by another version of this program, in format %lld.%lld; "
                       "this one knows %d.%d",
                       (long long)(version >> 16), (long long)(version & 0xffff), LAYOUT,
                       kind.version);
    return CL_OK;
}

/* Puts the file into the mode that all of this depends on. */
static enum cl_err
enter(struct cl_disklog *log, struct cl_disklog_kind kind, struct cl_why *why)
{
    bool is_new;
    int64_t is_so;
    enum cl_err err = look(log, kind, &is_new, why);
    if (err == CL_OK)
        err = ask(log, "PRAGMA journal_mode = WAL", "wal", &is_so);
    if (err == CL_OK && !is_so)
        return CL_ERR_IO;
    if (err == CL_OK && is_new)
        return create(log, kind);
    if (err == CL_OK)
        err = make_sure(log);
    log->is_unsure = err == CL_ERR_FULL;
    if (err == CL_OK || log->is_unsure)
        err = ask(log, tables_question, tables_answer, &is_so);
    if (err == CL_OK && is_so)
        err = ask(log, "PRAGMA quick_check(1)", "ok", &is_so);
    return err == CL_OK && !is_so ? CL_ERR_MALFORMED : err;
}

static enum cl_err
prepare_all(struct cl_disklog *log)
{
    int status = SQLITE_OK;
    for (unsigned i = 0; i < STATEMENTS && status == SQLITE_OK; i++)
        status = sqlite3_prepare_v3(log->db, statement_text[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &log->statements[i], NULL);
    if (status == SQLITE_ERROR)
        return CL_ERR_MALFORMED; // a table is not what it should be
    return status == SQLITE_OK ? CL_OK : cl_disklog_read_error(status);
}

static enum cl_err
read_snapshot_row(struct cl_disklog *log)
{
    sqlite3_stmt *statement = log->statements[GET_SNAPSHOT];
    int status = sqlite3_step(statement);
    if (status == SQLITE_ROW) {
        log->snapshot.generation = (uint32_t)sqlite3_column_int64(statement, 0);
        log->snapshot.upto = (uint64_t)sqlite3_column_int64(statement, 1);
        log->snapshot.pieces = (uint32_t)sqlite3_column_int64(statement, 2);
    }
    int64_t hash = sqlite3_column_int64(statement, 3); // 0 where there is no row
    (void)sqlite3_reset(statement);
    if (status != SQLITE_ROW && status != SQLITE_DONE)
        return cl_disklog_read_error(status);
    return hash == snapshot_hash(&log->snapshot) ? CL_OK : CL_ERR_MALFORMED;
}

static enum cl_err
find_first(struct cl_disklog *log)
{
    log->first = log->last + 1;
    return read_number(log, FIRST_COMMIT, &log->first);
}

static enum cl_err
look_around(struct cl_disklog *log)
{
    uint64_t newest = 0;
    enum cl_err err = read_snapshot_row(log);
    log->last = log->snapshot.upto;
    if (err == CL_OK)
        err = read_number(log, LAST_COMMIT, &log->last);
    if (err == CL_OK)
        err = read_number(log, NEWEST_PIECE, &newest);
    if (log->last < log->snapshot.upto)
        log->last = log->snapshot.upto; // what stands behind it was tidied away
    log->newest = (uint32_t)(newest >> 32);
    if (log->newest < log->snapshot.generation)
        log->newest = log->snapshot.generation;
    return err == CL_OK ? find_first(log) : err;
}

enum cl_err
cl_disklog_sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 1 : (size_t)(slash - path) + 1;
    char *folder = cl_alloc(len + 1);
    if (folder == NULL)
        return CL_ERR_NO_MEMORY;
    memcpy(folder, slash == NULL ? "." : path, len);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd); // only read
    cl_free(folder);
    return is_synced ? CL_OK : CL_ERR_IO;
}

/* SQLite would make it readable for everybody. The files beside it get the rights of this one.
 * A file that is there is not touched: closing it would lift its locks. */
static enum cl_err
create_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? CL_OK : errno == ENOSPC ? CL_ERR_FULL : CL_ERR_IO;
    (void)close(fd);
    return cl_disklog_sync_folder(path);
}

static enum cl_err
say_where(const char *path, const struct cl_why *reason, enum cl_err err, struct cl_why *why)
{
    const char *text = reason->text[0] != '\0' ? reason->text : NULL;
    if (err == CL_ERR_NO_MEMORY)
        text = "out of memory";
    else if (err == CL_ERR_UNAVAILABLE)
        text = "another program has it open";
    else if (err == CL_ERR_MALFORMED && text == NULL)
        text = "it is damaged, or not one of ours";
    else if (err == CL_ERR_FULL)
        text = "the disk is full";
    else if (text == NULL)
        text = "it cannot be opened for reading and writing";
    return cl_fail(err, why, "\"%s\": %s", path, text);
}

enum cl_err
cl_disklog_open(const char *path, struct cl_disklog_kind kind, struct cl_disklog **ret_log,
                struct cl_why *why)
{
    struct cl_why reason = {""};
    CL_ASSERT(kind.purpose != 0);
    struct cl_disklog *log = cl_alloc(sizeof *log);
    if (log == NULL)
        return say_where(path, &reason, CL_ERR_NO_MEMORY, why);
    cl_buf_init(&log->pending, CL_DISKLOG_BATCH_BYTES_MAX);
    enum cl_err err = create_private(path);
    if (err == CL_OK) {
        int status =
            sqlite3_open_v2(path, &log->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        err = status == SQLITE_OK ? CL_OK : cl_disklog_read_error(status);
    }
    if (err == CL_OK)
        err = enter(log, kind, &reason);
    if (err == CL_OK)
        err = prepare_all(log);
    if (err == CL_OK)
        err = look_around(log);
    if (err != CL_OK) {
        cl_disklog_close(log);
        return say_where(path, &reason, err, why);
    }
    (void)sqlite3_wal_hook(log->db, on_committed, log); // and no longer SQLite's own
    decide_when_to_move(log);
    *ret_log = log;
    return CL_OK;
}

void
cl_disklog_close(struct cl_disklog *log)
{
    if (log == NULL)
        return;
    for (unsigned i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(log->statements[i]); // says how its last step ended
    int status = sqlite3_close(log->db);
    CL_ASSERT(status == SQLITE_OK); // else a statement or a backup is left
    cl_buf_done(&log->pending);
    cl_free(log);
}

sqlite3 *
cl_disklog_db(struct cl_disklog *log)
{
    return log->db;
}

struct cl_disklog_holds
cl_disklog_holds(const struct cl_disklog *log)
{
    return (struct cl_disklog_holds){
        .snapshot = log->snapshot.upto, .first = log->first, .last = log->last};
}

/* -- records ----------------------------------------------------------------------------------- */

enum cl_err
cl_disklog_append(struct cl_disklog *log, cl_str record)
{
    struct cl_pack pack = {.buf = &log->pending};
    size_t before = log->pending.len;
    if (record.len == 0 || record.len > CL_DISKLOG_RECORD_BYTES_MAX)
        return CL_ERR_TOO_LARGE;
    cl_pack_str(&pack, record);
    if (pack.err == CL_OK) {
        log->pending_len++;
        return CL_OK;
    }
    cl_buf_truncate(&log->pending, before);
    return pack.err == CL_ERR_TOO_LARGE ? CL_ERR_FULL : pack.err;
}

static enum cl_err
put_commit(struct cl_disklog *log)
{
    cl_str records = cl_buf_str(&log->pending);
    uint64_t first = log->last + 1;
    const uint64_t numbers[] = {first, log->pending_len,
                                (uint64_t)hash_of(first, log->pending_len, records)};
    return change_with(log, prepare(log, PUT_COMMIT, numbers, 3), records);
}

enum cl_err
cl_disklog_commit(struct cl_disklog *log)
{
    enum cl_err err = CL_OK;
    if (log->pending_len == 0)
        return CL_OK;
    err = log->is_broken ? CL_ERR_READ_ONLY : put_commit(log);
    if (err == CL_OK)
        log->last += log->pending_len;
    log->pending_len = 0;
    if (log->pending.cap > CL_MIB)
        cl_buf_done(&log->pending); // one large commit, not a habit
    else
        cl_buf_clear(&log->pending);
    return err;
}

void
cl_disklog_batch_init(struct cl_disklog_batch *batch)
{
    *batch = (struct cl_disklog_batch){.first = 0};
    cl_buf_init(&batch->space, CL_DISKLOG_BATCH_BYTES_MAX);
}

void
cl_disklog_batch_done(struct cl_disklog_batch *batch)
{
    cl_buf_done(&batch->space);
}

/* All lengths must add up, so that cl_disklog_batch_next has nothing to refuse. */
static bool
is_whole(cl_str records, uint32_t len)
{
    struct cl_unpack unpack = {.rest = records};
    for (uint32_t i = 0; i < len && unpack.err == CL_OK; i++)
        (void)cl_unpack_str(&unpack, CL_DISKLOG_RECORD_BYTES_MAX);
    cl_unpack_end(&unpack);
    return unpack.err == CL_OK;
}

static enum cl_err
take_commit(sqlite3_stmt *statement, struct cl_disklog_batch *batch)
{
    uint64_t first = (uint64_t)sqlite3_column_int64(statement, 0);
    int64_t len = sqlite3_column_int64(statement, 1);
    if (len < 1 || len > UINT32_MAX)
        return CL_ERR_MALFORMED;
    enum cl_err err = take_blob(statement, first, (uint64_t)len, &batch->space);
    if (err != CL_OK)
        return err == CL_ERR_TOO_LARGE ? CL_ERR_MALFORMED : err;
    batch->rest = cl_buf_str(&batch->space);
    batch->first = first;
    batch->len = (uint32_t)len;
    return is_whole(batch->rest, batch->len) ? CL_OK : CL_ERR_MALFORMED;
}

static enum cl_err
find_commit(struct cl_disklog *log, uint64_t number, struct cl_disklog_batch *batch)
{
    sqlite3_stmt *statement = prepare(log, GET_COMMIT, &number, 1);
    int status = sqlite3_step(statement);
    enum cl_err err = CL_ERR_MALFORMED; // there is nothing before it
    if (status == SQLITE_ROW)
        err = take_commit(statement, batch);
    else if (status != SQLITE_DONE)
        err = cl_disklog_read_error(status);
    (void)sqlite3_reset(statement); // says the same again
    return err;
}

enum cl_err
cl_disklog_read(struct cl_disklog *log, uint64_t first, struct cl_disklog_batch *batch)
{
    cl_str earlier;
    cl_buf_clear(&batch->space);
    batch->len = 0;
    enum cl_err err = first > log->last ? CL_ERR_NOT_FOUND : find_commit(log, first, batch);
    while (err == CL_OK && batch->first < first)
        if (!cl_disklog_batch_next(batch, &earlier))
            err = CL_ERR_MALFORMED; // a gap
    batch->first = first;
    if (err == CL_OK && batch->len == 0)
        err = CL_ERR_MALFORMED; // the gap begins right behind that commit
    if (err != CL_OK)
        batch->len = 0;
    return err;
}

bool
cl_disklog_batch_next(struct cl_disklog_batch *batch, cl_str *ret_record)
{
    struct cl_unpack unpack = {.rest = batch->rest};
    if (batch->len == 0)
        return false;
    *ret_record = cl_unpack_str(&unpack, CL_DISKLOG_RECORD_BYTES_MAX);
    CL_ASSERT(unpack.err == CL_OK); // it was looked through
    batch->rest = unpack.rest;
    batch->first++;
    batch->len--;
    return true;
}

/* -- snapshots --------------------------------------------------------------------------------- */

static uint64_t
place_of(const struct snapshot *snapshot, uint64_t piece)
{
    return (uint64_t)snapshot->generation << 32 | piece;
}

void
cl_disklog_snapshot_begin(struct cl_disklog *log, uint64_t upto)
{
    CL_ASSERT(upto <= log->last && log->newest < INT32_MAX);
    log->draft = (struct snapshot){.generation = ++log->newest, .upto = upto};
}

enum cl_err
cl_disklog_snapshot_put(struct cl_disklog *log, cl_str piece)
{
    struct snapshot *draft = &log->draft;
    CL_ASSERT(draft->generation != 0);
    if (piece.len == 0 || piece.len > CL_DISKLOG_PIECE_BYTES_MAX || draft->pieces == UINT32_MAX)
        return CL_ERR_TOO_LARGE;
    if (log->is_broken)
        return CL_ERR_READ_ONLY;
    uint64_t place = place_of(draft, draft->pieces);
    const uint64_t numbers[] = {place, (uint64_t)hash_of(place, 0, piece)};
    enum cl_err err = change_with(log, prepare(log, PUT_PIECE, numbers, 2), piece);
    if (err == CL_OK)
        draft->pieces++;
    else
        draft->generation = 0;
    return err;
}

enum cl_err
cl_disklog_snapshot_end(struct cl_disklog *log)
{
    struct snapshot draft = log->draft;
    CL_ASSERT(draft.generation != 0);
    log->draft.generation = 0;
    if (log->is_broken)
        return CL_ERR_READ_ONLY;
    const uint64_t numbers[] = {draft.generation, draft.upto, draft.pieces,
                                (uint64_t)snapshot_hash(&draft)};
    enum cl_err err = change(log, prepare(log, SET_SNAPSHOT, numbers, 4));
    if (err == CL_OK)
        log->snapshot = draft;
    return err;
}

enum cl_err
cl_disklog_read_snapshot(struct cl_disklog *log, uint64_t index, struct cl_buf *buf)
{
    if (index >= log->snapshot.pieces)
        return CL_ERR_NOT_FOUND;
    uint64_t place = place_of(&log->snapshot, index);
    sqlite3_stmt *statement = prepare(log, GET_PIECE, &place, 1);
    int status = sqlite3_step(statement);
    enum cl_err err = CL_ERR_MALFORMED; // a piece is missing
    if (status == SQLITE_ROW)
        err = take_blob(statement, place, 0, buf);
    else if (status != SQLITE_DONE)
        err = cl_disklog_read_error(status);
    (void)sqlite3_reset(statement);
    return err;
}

static enum cl_err
drop(struct cl_disklog *log, sqlite3_stmt *statement, int limit, bool *is_clean)
{
    enum cl_err err = change(log, statement);
    if (err == CL_OK && sqlite3_changes(log->db) == limit)
        *is_clean = false; // there may be more
    return err;
}

enum cl_err
cl_disklog_tidy(struct cl_disklog *log, bool *ret_is_clean)
{
    const uint64_t commits[] = {log->snapshot.upto, CL_DISKLOG_TIDY_COMMITS};
    const uint64_t pieces[] = {log->snapshot.generation, log->draft.generation,
                               CL_DISKLOG_TIDY_PIECES};
    *ret_is_clean = true;
    if (log->is_broken)
        return CL_ERR_READ_ONLY;
    enum cl_err err =
        drop(log, prepare(log, DROP_COMMITS, commits, 2), CL_DISKLOG_TIDY_COMMITS, ret_is_clean);
    if (err == CL_OK)
        err = find_first(log);
    if (err == CL_OK)
        err = drop(log, prepare(log, DROP_PIECES, pieces, 3), CL_DISKLOG_TIDY_PIECES, ret_is_clean);
    return err;
}
