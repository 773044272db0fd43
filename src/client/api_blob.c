// SPDX-License-Identifier: MIT
#include "base/clock.h"
#include "base/random.h"
#include "base/utf8.h"
#include "client/api_private.h"
#include "client/backoff.h"
#include "client/blob.h"
#include "wire/json.h"
#include "wire/uri.h"

/*
 * Calls that block have a connection and a loop of their own, and touch nothing of the client's but
 * what it was made with. The lock is not held.
 */

/* -- outages ----------------------------------------------------------------------------------- */

static cl_instant
deadline_of(int32_t timeout_ms)
{
    return timeout_ms < 0 ? CL_INSTANT_NEVER : cl_instant_add(cl_clock_monotonic(), timeout_ms);
}

static int64_t
left_ms_of(cl_instant deadline)
{
    return deadline.ms == CL_INSTANT_NEVER.ms ? INT64_MAX : deadline.ms - cl_clock_monotonic().ms;
}

/* Is it an outage, and is there time? Then that much of it is spent. One that has no end in time is
 * a timeout. */
static bool
may_try_again(struct cl_client *relay, struct cl_backoff *backoff, cl_instant deadline,
              enum cl_err *err)
{
    uint64_t random;
    int64_t left_ms = left_ms_of(deadline);
    if (*err != CL_ERR_CLOSED && *err != CL_ERR_NO_RELAY && *err != CL_ERR_UNAVAILABLE &&
        *err != CL_ERR_TIMEOUT)
        return false;
    if (left_ms <= 0) {
        *err = CL_ERR_TIMEOUT;
        return false;
    }
    cl_random_bytes(&random, sizeof random);
    cl_client_pause(relay, cl_backoff_within(backoff, random, left_ms));
    return true;
}

/* -- blobs ------------------------------------------------------------------------------------- */

struct put_args {
    cl_str bytes;
    int32_t timeout_ms;
    cl_digest digest; // what comes of it
};

static enum cl_err
put_blob(claw_client *client, void *args, struct cl_why *why)
{
    struct put_args *put = args;
    struct cl_client *relay;
    struct cl_backoff backoff = {0};
    if (put->bytes.len == 0 || put->bytes.ptr == NULL)
        return cl_fail(CL_ERR_USAGE, why, "A blob has one byte at least.");
    enum cl_err err = cl_digest_of(put->bytes, &put->digest);
    if (err == CL_OK)
        err = cl_client_new_like(client->relay, &relay, why);
    if (err != CL_OK)
        return err;
    const struct cl_blob_upload upload = {
        .bytes = put->bytes, .digest = put->digest, .deadline = deadline_of(put->timeout_ms)};
    do
        err = cl_client_put_blob(relay, &upload, why);
    while (err != CL_OK && may_try_again(relay, &backoff, upload.deadline, &err));
    cl_client_free(relay);
    return err;
}

claw_err
claw_put_blob(claw_client *client, const void *bytes, size_t len, int32_t timeout_ms,
              char *ret_sha256)
{
    struct put_args args = {.bytes = cl_str_of(bytes, len), .timeout_ms = timeout_ms};
    claw_err err = cl_api_do_apart(client, put_blob, &args);
    if (err != CLAW_OK)
        return err;
    cl_digest_text(&args.digest, ret_sha256);
    ret_sha256[CL_DIGEST_TEXT_LEN] = '\0';
    return CLAW_OK;
}

struct get_args {
    const char *sha256;
    char *bytes;
    size_t size;
    int32_t timeout_ms;
};

static enum cl_err
fetch_all(struct cl_client *relay, const struct cl_blob_fetch *fetch, char *bytes,
          struct cl_why *why)
{
    struct cl_backoff backoff = {0};
    uint64_t have = 0;
    cl_str piece;
    enum cl_err err = CL_OK;
    while (have < fetch->size) {
        err = cl_client_get_piece(relay, fetch, have, &piece, why);
        if (err == CL_OK) {
            memcpy(bytes + have, piece.ptr, piece.len); // no more than there are
            have += piece.len;
        } else if (!may_try_again(relay, &backoff, fetch->deadline, &err)) {
            return err;
        }
    }
    return CL_OK;
}

static enum cl_err
get_blob(claw_client *client, void *args, struct cl_why *why)
{
    const struct get_args *get = args;
    struct cl_blob_fetch fetch = {.size = get->size, .deadline = deadline_of(get->timeout_ms)};
    struct cl_client *relay;
    cl_digest digest;
    if (!cl_digest_read(cl_api_str(get->sha256), &fetch.digest) || get->size == 0)
        return cl_fail(
            CL_ERR_USAGE, why,
            "A blob has one byte at least, and is known by 64 small hexadecimal digits.");
    enum cl_err err = cl_client_new_like(client->relay, &relay, why);
    if (err != CL_OK)
        return err;
    err = fetch_all(relay, &fetch, get->bytes, why);
    cl_client_free(relay);
    if (err == CL_OK)
        err = cl_digest_of(cl_str_of(get->bytes, get->size), &digest);
    if (err == CL_OK && !cl_digest_eq(&digest, &fetch.digest))
        return cl_fail(CL_ERR_IO, why, "What came for the blob %.16s... has another hash.",
                       get->sha256);
    return err;
}

claw_err
claw_get_blob(claw_client *client, const char *sha256, void *ret_bytes, size_t size,
              int32_t timeout_ms)
{
    struct get_args args = {sha256, ret_bytes, size, timeout_ms};
    return cl_api_do_apart(client, get_blob, &args);
}

claw_err
claw_send_large(claw_client *client, const struct claw_letter *given, int32_t timeout_ms,
                char *ret_id) // NOLINT(readability-non-const-parameter): the send writes it
{
    struct claw_letter letter = {.size = 0};
    struct cl_why ignored = {""};
    struct cl_api_send send = {.letter = given};
    // What is wrong with the struct is said by the send.
    if (cl_api_struct(given, &letter, sizeof letter, &ignored) != CL_OK ||
        letter.body_len <= CL_ENVELOPE_BODY_BYTES_MAX || letter.body == NULL)
        return cl_api_send_as(client, &send, ret_id);
    struct put_args args = {.bytes = cl_str_of(letter.body, letter.body_len),
                            .timeout_ms = timeout_ms};
    claw_err err = cl_api_do_apart(client, put_blob, &args);
    if (err != CLAW_OK)
        return err;
    struct cl_blob blob = {
        .digest = args.digest, .size = letter.body_len, .cty = cl_api_str(letter.content_type)};
    if (blob.cty.len == 0 && !cl_utf8_is_valid(args.bytes))
        blob.cty = CL_STR("application/octet-stream"); // as of a small one
    send.blob = &blob;
    return cl_api_send_as(client, &send, ret_id);
}

/* -- files ------------------------------------------------------------------------------------- */

/* Was nothing done? An answer that did not come leaves that open. */
static bool
is_undone(enum cl_err err)
{
    return err == CL_ERR_NO_RELAY || err == CL_ERR_UNAVAILABLE;
}

/* Makes the call, and again after an outage: any if it only looks. */
static enum cl_err
call_within(struct cl_client *relay, struct cl_client_call *call, int32_t timeout_ms,
            cl_str *ret_answer, struct cl_why *why)
{
    struct cl_backoff backoff = {0};
    cl_instant deadline = deadline_of(timeout_ms);
    bool is_look = call->body.len == 0;
    enum cl_err err;
    do {
        int64_t left_ms = left_ms_of(deadline);
        call->within_ms = left_ms > UINT32_MAX ? 0 : (uint32_t)(left_ms < 1 ? 1 : left_ms);
        err = cl_client_call(relay, call, ret_answer, why);
    } while ((is_undone(err) || (is_look && err != CL_OK)) &&
             may_try_again(relay, &backoff, deadline, &err));
    return err;
}

struct put_file_args {
    const struct claw_file *file;
    int32_t timeout_ms;
    uint64_t version; // what comes of it
};

/* A member of an answer that is known to be an object; empty: it has none. */
static cl_str
member_of(const claw_client *client, struct cl_arena *arena, cl_str answer, const char *name)
{
    struct cl_json_scan scan;
    cl_json_scan_init(&scan, arena, &client->hash_key);
    if (cl_json_scan_feed(&scan, answer, true, NULL) != CL_OK)
        return CL_STR("");
    const struct cl_json_member *member = cl_json_scan_member(&scan, cl_str_z(name));
    return member == NULL ? CL_STR("") : member->value;
}

static enum cl_err
write_file(const struct claw_file *file, const char *agent, struct cl_buf *body)
{
    struct cl_json_writer json;
    cl_json_writer_init(&json, body);
    cl_json_object_begin(&json);
    cl_json_put_member(&json, CL_STR("agent_id"), cl_str_z(agent));
    cl_json_put_member(&json, CL_STR("file_key"), cl_api_str(file->key));
    if (cl_api_str(file->type).len > 0)
        cl_json_put_member(&json, CL_STR("file_type"), cl_api_str(file->type));
    cl_json_put_member(&json, CL_STR("content"), cl_str_of(file->text, file->text_len));
    cl_json_object_end(&json);
    return cl_json_writer_end(&json);
}

static enum cl_err
put_file(claw_client *client, void *args, struct cl_why *why)
{
    struct put_file_args *put = args;
    struct claw_file file;
    char agent[CL_API_ADDRESS_CAP];
    struct cl_client *relay;
    struct cl_buf body;
    struct cl_arena arena;
    cl_str answer;
    enum cl_err err = cl_api_struct(put->file, &file, sizeof file, why);
    if (err == CL_OK)
        err = cl_api_address(client, file.agent, agent, why);
    if (err == CL_OK && file.text == NULL && file.text_len > 0)
        err = cl_fail(CL_ERR_USAGE, why, "The text has a length, and is not there.");
    if (err == CL_OK)
        err = cl_client_new_like(client->relay, &relay, why);
    if (err != CL_OK)
        return err;
    cl_buf_init(&body, CL_HTTP_ANSWER_BYTES_MAX); // the relay knows what it takes
    cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    err = write_file(&file, agent, &body);
    if (err == CL_ERR_MALFORMED)
        err = cl_fail(CL_ERR_USAGE, why, "A file, its key and its type are text in UTF-8.");
    struct cl_client_call call = {.method = "POST",
                                  .path = CL_STR("/files"),
                                  .body = cl_buf_str(&body),
                                  .sign = {"version", CL_JSON_NUMBER}};
    if (err == CL_OK)
        err = call_within(relay, &call, put->timeout_ms, &answer, why);
    if (err == CL_OK &&
        !cl_str_to_u64(member_of(client, &arena, answer, "version"), UINT64_MAX, &put->version))
        err = cl_fail(CL_ERR_IO, why, "The relay did not say which version the file has.");
    cl_arena_done(&arena);
    cl_buf_done(&body);
    cl_client_free(relay);
    return err;
}

claw_err
claw_put_file(claw_client *client, const struct claw_file *file, int32_t timeout_ms,
              uint64_t *ret_version)
{
    struct put_file_args args = {.file = file, .timeout_ms = timeout_ms};
    claw_err err = cl_api_do_apart(client, put_file, &args);
    if (err == CLAW_OK && ret_version != NULL)
        *ret_version = args.version;
    return err;
}

struct get_file_args {
    const char *key;
    int32_t timeout_ms;
    struct cl_api_event *event; // what comes of it
};

static enum cl_err
event_of(const claw_client *client, cl_str answer, struct cl_api_event **ret_event)
{
    struct cl_arena arena;
    cl_str text = CL_STR("");
    cl_arena_init(&arena, CL_HTTP_ANSWER_BYTES_MAX + CL_JSON_SCAN_ARENA_BYTES_MAX);
    cl_str content = member_of(client, &arena, answer, "content");
    if (content.len > 0 && cl_json_type_of(content) == CL_JSON_STRING &&
        cl_json_string(content, &arena, &text) != CL_OK) {
        cl_arena_done(&arena);
        return CL_ERR_NO_MEMORY;
    }
    struct cl_api_event *event = cl_api_event_new(CLAW_EVENT_FILE, answer.len + text.len + 2);
    if (event != NULL) {
        event->shown.json = cl_api_event_put(event, answer);
        event->shown.json_len = answer.len;
        event->shown.body = cl_api_event_put(event, text);
        event->shown.body_len = text.len;
    }
    cl_arena_done(&arena);
    *ret_event = event;
    return event == NULL ? CL_ERR_NO_MEMORY : CL_OK;
}

static enum cl_err
get_file(claw_client *client, void *args, struct cl_why *why)
{
    struct get_file_args *get = args;
    struct cl_client *relay;
    struct cl_buf path;
    cl_str answer;
    enum cl_err err = cl_client_new_like(client->relay, &relay, why);
    if (err != CL_OK)
        return err;
    cl_buf_init(&path, CL_HTTP_TARGET_BYTES_MAX);
    bool is_list = cl_api_str(get->key).len == 0;
    err = cl_buf_append(&path, is_list ? CL_STR("/files") : CL_STR("/files/"));
    if (err == CL_OK)
        err = cl_uri_encode(&path, cl_api_str(get->key));
    struct cl_client_call call = {
        .method = "GET", .path = cl_buf_str(&path), .sign = {"file_key", CL_JSON_STRING}};
    if (is_list)
        call.sign = (struct cl_client_sign){"files", CL_JSON_ARRAY};
    if (err == CL_OK)
        err = call_within(relay, &call, get->timeout_ms, &answer, why);
    if (err == CL_OK)
        err = event_of(client, answer, &get->event);
    cl_buf_done(&path);
    cl_client_free(relay);
    return err;
}

claw_err
claw_get_file(claw_client *client, const char *key, int32_t timeout_ms,
              const struct claw_event **ret_file)
{
    struct get_file_args args = {.key = key, .timeout_ms = timeout_ms};
    claw_err err = cl_api_do_apart(client, get_file, &args);
    *ret_file = err == CLAW_OK ? &args.event->shown : NULL;
    return err;
}
