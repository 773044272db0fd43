// SPDX-License-Identifier: MIT
/*
 * Asked for at the admin door, made by threads of the journal and of the blobs, answered when it is
 * on the disk.
 */
#include "relay/backup.h"

#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "relay/blob.h"
#include "relay/state.h"
#include "wire/uri.h"

/* A path as long as systems take. */
#define PATH_BYTES_MAX 4096
/* Where the blobs go: the name of the journal's copy, and this. */
#define BLOBS_SUFFIX ".blobs"

bool
cl_backup_is_on(const struct cl_relay *relay)
{
    return relay->backup.path != NULL;
}

static void
refuse(struct cl_http_conn *conn, enum cl_err err)
{
    cl_str sentence = cl_str_z(cl_err_wire(err));
    if (err == CL_ERR_NOT_IMPLEMENTED)
        sentence = CL_STR("this relay keeps nothing on a disk: it runs without --data");
    else if (err == CL_ERR_UNAVAILABLE)
        sentence = CL_STR("another backup is under way");
    else if (err == CL_ERR_MALFORMED || err == CL_ERR_TOO_LARGE)
        sentence = CL_STR("?file= must be the absolute path of a new file");
    cl_http_refuse(conn, err, sentence);
}

static enum cl_err
begin(struct cl_relay *relay, cl_str path)
{
    char *kept = cl_alloc(path.len + sizeof BLOBS_SUFFIX);
    if (kept == NULL)
        return CL_ERR_NO_MEMORY;
    memcpy(kept, path.ptr, path.len);
    enum cl_err err = cl_journal_copy(relay->config.journal, path);
    if (err != CL_OK) {
        cl_free(kept);
        return err;
    }
    relay->backup.path = kept;
    relay->backup.begun = cl_loop_now(relay->loop);
    return CL_OK;
}

void
cl_backup_begin(struct cl_relay *relay, struct cl_http_conn *conn, const struct cl_http_head *head)
{
    char space[PATH_BYTES_MAX];
    cl_str raw, path;
    enum cl_err err = CL_ERR_MALFORMED;
    if (cl_uri_query_find(head->query, CL_STR("file"), &raw))
        err = cl_uri_decode_query(raw, space, sizeof space, &path);
    if (err == CL_OK && (path.len == 0 || path.ptr[0] != '/' || cl_str_find(path, '\0') < path.len))
        err = CL_ERR_MALFORMED;
    if (err == CL_OK)
        err = cl_backup_is_on(relay) ? CL_ERR_UNAVAILABLE : begin(relay, path);
    if (err != CL_OK) {
        refuse(conn, err);
        return;
    }
    relay->backup.conn = conn;
    cl_log_info(&relay->config.log, "backup.begun", CL_F("file", path));
}

void
cl_backup_forget(struct cl_relay *relay, const struct cl_http_conn *conn)
{
    if (relay->backup.conn == conn)
        relay->backup.conn = NULL; // it is made all the same
}

void
cl_backup_done(struct cl_relay *relay)
{
    cl_free(relay->backup.path);
    relay->backup = (struct cl_backup){.path = NULL};
}

/* -- the end ----------------------------------------------------------------------------------- */

static enum cl_err
write_answer(struct cl_buf *out, int64_t ms, const struct cl_blobs_copied *copied, cl_str folder)
{
    struct cl_json_writer json;
    cl_buf_clear(out);
    cl_json_writer_init(&json, out);
    cl_json_object_begin(&json);
    cl_json_put_member(&json, CL_STR("status"), CL_STR("saved"));
    cl_json_put_member_u64(&json, CL_STR("ms"), (uint64_t)ms);
    cl_json_put_member_u64(&json, CL_STR("blobs"), copied->count);
    if (copied->count > 0) {
        cl_json_put_member_u64(&json, CL_STR("blob_bytes"), copied->bytes);
        cl_json_put_member_u64(&json, CL_STR("blobs_linked"), copied->linked);
        cl_json_put_member(&json, CL_STR("blobs_folder"), folder);
    }
    cl_json_object_end(&json);
    return cl_json_writer_end(&json);
}

static void
answer(struct cl_relay *relay, struct cl_http_conn *conn, int64_t ms,
       const struct cl_blobs_copied *copied)
{
    if (write_answer(&relay->text, ms, copied, cl_str_z(relay->backup.path)) != CL_OK) {
        cl_http_refuse(conn, CL_ERR_NO_MEMORY, CL_STR("out of memory"));
        return;
    }
    struct cl_part body = cl_part_of(cl_buf_str(&relay->text));
    struct cl_http_answer good = {.status = 200, .parts = &body, .parts_len = 1};
    cl_http_answer(conn, &good);
}

static void
succeed(struct cl_relay *relay, const struct cl_blobs_copied *copied)
{
    struct cl_http_conn *conn = relay->backup.conn;
    int64_t ms = cl_loop_now(relay->loop).ms - relay->backup.begun.ms;
    cl_log_info(&relay->config.log, "backup.saved", CL_F("ms", ms), CL_F("blobs", copied->count),
                CL_F("blob_bytes", copied->bytes), CL_F("blobs_linked", copied->linked));
    if (conn != NULL)
        answer(relay, conn, ms, copied);
    cl_backup_done(relay);
    cl_blob_go_on(relay);
}

static void
fail(struct cl_relay *relay, enum cl_err err, const struct cl_why *why)
{
    struct cl_http_conn *conn = relay->backup.conn;
    cl_str sentence = cl_str_z(why->text[0] != '\0' ? why->text : cl_err_wire(err));
    cl_log_warn(&relay->config.log, "backup.failed", CL_F("why", sentence));
    cl_backup_done(relay);
    cl_blob_go_on(relay);
    if (conn != NULL)
        cl_http_refuse(conn, err, sentence);
}

void
cl_backup_journal(struct cl_relay *relay, const struct cl_journal_news *news)
{
    static const struct cl_why no_memory = {"out of memory"};
    char *path = relay->backup.path; // with room for the suffix
    if (news->err != CL_OK) {
        fail(relay, news->err, &news->why);
        return;
    }
    size_t len = strlen(path);
    memcpy(path + len, BLOBS_SUFFIX, sizeof BLOBS_SUFFIX);
    enum cl_err err = relay->config.blobs == NULL
                          ? CL_ERR_NOT_FOUND
                          : cl_blobs_copy(relay->config.blobs, cl_str_z(path));
    if (err == CL_ERR_NOT_FOUND || err == CL_ERR_NOT_IMPLEMENTED) {
        succeed(relay, &(struct cl_blobs_copied){.count = 0});
    } else if (err != CL_OK) {
        path[len] = '\0';
        (void)unlink(path); // without its blobs it is none
        fail(relay, err, &no_memory);
    }
}

void
cl_backup_blobs(struct cl_relay *relay, const struct cl_blob_done *done)
{
    char *path = relay->backup.path;
    if (done->err == CL_OK) {
        succeed(relay, &done->copied);
        return;
    }
    path[strlen(path) - (sizeof BLOBS_SUFFIX - 1)] = '\0';
    (void)unlink(path); // without its blobs it is none
    fail(relay, done->err, &done->copied.why);
}
