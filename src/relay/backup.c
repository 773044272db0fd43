// SPDX-License-Identifier: MIT
/*
 * A copy of the journal while the relay serves: asked for at the admin door, made by the journal's
 * own thread, answered when it is on the disk.
 */
#include "relay/state.h"
#include "wire/uri.h"

/* A path as long as systems take. */
#define PATH_BYTES_MAX 4096

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
    if (err == CL_OK && relay->backup != NULL)
        err = CL_ERR_UNAVAILABLE;
    if (err == CL_OK)
        err = cl_journal_copy(relay->config.journal, path);
    if (err != CL_OK) {
        refuse(conn, err);
        return;
    }
    relay->backup = conn;
    cl_log_info(&relay->config.log, "backup.begun", CL_F("file", path));
}

void
cl_backup_forget(struct cl_relay *relay, const struct cl_http_conn *conn)
{
    if (relay->backup == conn)
        relay->backup = NULL; // it is made all the same
}

static void
answer(struct cl_relay *relay, struct cl_http_conn *conn, int64_t ms)
{
    cl_buf_clear(&relay->text);
    if (cl_buf_printf(&relay->text, "{\"status\":\"saved\",\"ms\":%lld}", (long long)ms) != CL_OK) {
        cl_http_refuse(conn, CL_ERR_NO_MEMORY, CL_STR("out of memory"));
        return;
    }
    struct cl_part body = cl_part_of(cl_buf_str(&relay->text));
    struct cl_http_answer good = {.status = 200, .parts = &body, .parts_len = 1};
    cl_http_answer(conn, &good);
}

void
cl_backup_end(struct cl_relay *relay, const struct cl_journal_news *news)
{
    struct cl_http_conn *conn = relay->backup;
    cl_str why = cl_str_z(news->why.text);
    relay->backup = NULL;
    if (news->err == CL_OK)
        cl_log_info(&relay->config.log, "backup.saved", CL_F("ms", news->ms));
    else
        cl_log_warn(&relay->config.log, "backup.failed", CL_F("why", why));
    if (conn == NULL)
        return;
    if (news->err == CL_OK)
        answer(relay, conn, news->ms);
    else
        cl_http_refuse(conn, news->err, why.len > 0 ? why : cl_str_z(cl_err_wire(news->err)));
}
