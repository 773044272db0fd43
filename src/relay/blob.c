// SPDX-License-Identifier: MIT
#include "relay/blob.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "proto/v2_blob.h"
#include "relay/state.h"

/* A number or a digest, in quotes perhaps, and a NUL. */
#define FIELD_CAP 80

static struct cl_blobs *
store_of(const struct cl_blob_call *call)
{
    return call->exchange->relay->config.blobs;
}

static struct cl_blob_info
look(const struct cl_blob_call *call)
{
    struct cl_blobs *store = store_of(call);
    return store == NULL ? (struct cl_blob_info){.state = CL_BLOB_ABSENT}
                         : cl_blobs_look(store, &call->digest);
}

/* What there is to be read; *ret_view: it is a message of v1. */
static struct cl_blob_info
look_to_read(const struct cl_blob_call *call, struct cl_body **ret_view)
{
    struct cl_blob_info info = look(call);
    *ret_view =
        info.state == CL_BLOB_WHOLE ? NULL : cl_blob_view(call->exchange->relay, &call->digest);
    return *ret_view == NULL
               ? info
               : (struct cl_blob_info){.state = CL_BLOB_WHOLE, .size = (*ret_view)->len};
}

/* -- answers ----------------------------------------------------------------------------------- */

/* The texts of the fields lie in space. */
static struct cl_http_field
offset_field(uint64_t offset, char space[static FIELD_CAP])
{
    (void)snprintf(space, FIELD_CAP, "%llu", (unsigned long long)offset);
    return (struct cl_http_field){CL_STR("Upload-Offset"), cl_str_z(space)};
}

static struct cl_http_field
etag_field(const cl_digest *digest, char space[static FIELD_CAP])
{
    space[0] = '"';
    cl_digest_text(digest, space + 1);
    space[1 + CL_DIGEST_TEXT_LEN] = '"';
    return (struct cl_http_field){CL_STR("ETag"), cl_str_of(space, CL_DIGEST_TEXT_LEN + 2)};
}

static const struct cl_http_field complete_field = {CL_STR_INIT("Upload-Complete"),
                                                    CL_STR_INIT("?1")};
static const struct cl_http_field ranges_field = {CL_STR_INIT("Accept-Ranges"),
                                                  CL_STR_INIT("bytes")};

/* Refuses, and says where to go on. */
static void
refuse_at(struct cl_blob_call *call, enum cl_err err, const char *sentence)
{
    char space[FIELD_CAP];
    struct cl_exchange *exchange = call->exchange;
    cl_http_refuse_with(exchange->conn, err, cl_str_z(sentence),
                        offset_field(look(call).have, space));
    cl_exchange_free(exchange);
}

static void
answer_kept(struct cl_blob_call *call)
{
    char quoted[FIELD_CAP], text[2 * FIELD_CAP];
    struct cl_exchange *exchange = call->exchange;
    const struct cl_http_field fields[] = {etag_field(&call->digest, quoted), complete_field};
    (void)snprintf(text, sizeof text, "{\"sha256\":%.*s,\"size\":%llu}",
                   CL_STR_ARG(fields[0].value), (unsigned long long)call->length);
    struct cl_part part = cl_part_of(cl_str_z(text));
    cl_blob_claim(exchange->relay, &call->digest);
    struct cl_http_answer answer = {
        .status = 201, .fields = fields, .fields_len = 2, .parts = &part, .parts_len = 1};
    cl_http_answer(exchange->conn, &answer);
    cl_exchange_free(exchange);
}

static void
answer_so_far(struct cl_blob_call *call, uint64_t have)
{
    char space[FIELD_CAP];
    struct cl_exchange *exchange = call->exchange;
    const struct cl_http_field field = offset_field(have, space);
    struct cl_http_answer answer = {.status = 204, .fields = &field, .fields_len = 1};
    cl_http_answer(exchange->conn, &answer);
    cl_exchange_free(exchange);
}

/* -- PUT --------------------------------------------------------------------------------------- */

static void
note_error(struct cl_blob_call *call, enum cl_err err)
{
    if (call->err == CL_OK)
        call->err = err;
}

/* Does the store take it? Two that say different sizes cannot both be right, and nobody knows which
 * is: what there is goes, unless somebody writes just now. */
static enum cl_err
begin(struct cl_blob_call *call)
{
    struct cl_blobs *store = store_of(call);
    struct cl_blob_info info = look(call);
    call->is_begun = true;
    if (store == NULL || call->length > cl_blobs_bytes_max(store))
        return CL_ERR_TOO_LARGE;
    call->is_whole = info.state == CL_BLOB_WHOLE || info.state == CL_BLOB_SEALING;
    if (call->is_whole)
        return info.size == call->length ? CL_OK : CL_ERR_MALFORMED;
    enum cl_err err = cl_blobs_check(store, &call->digest, call->length);
    if (err == CL_ERR_STALE && cl_blobs_remove(store, &call->digest))
        return CL_ERR_MALFORMED;
    return err;
}

/* What comes behind an error is read, so that the answer is heard, and passed over. */
static void
take_piece(struct cl_blob_call *call, cl_str bytes)
{
    struct cl_relay *relay = call->exchange->relay;
    if (!call->is_begun)
        note_error(call, begin(call));
    if (call->err != CL_OK || call->is_whole || bytes.len == 0)
        return;
    struct cl_blob_piece piece = {.digest = call->digest,
                                  .size = call->length,
                                  .offset = call->offset,
                                  .bytes = cl_body_new(bytes),
                                  .ticket = call->exchange->peer.handle};
    enum cl_err err = piece.bytes == NULL
                          ? CL_ERR_NO_MEMORY
                          : cl_blobs_write(store_of(call), &piece, cl_relay_time(relay));
    cl_body_unref(piece.bytes);
    note_error(call, err == CL_ERR_TOO_LARGE ? CL_ERR_MALFORMED : err);
    if (err != CL_OK)
        return;
    call->offset += bytes.len;
    call->writing++;
}

static void
refuse_put(struct cl_blob_call *call)
{
    struct cl_exchange *exchange = call->exchange;
    switch ((int)call->err) {
    case CL_ERR_STALE:
        refuse_at(call, CL_ERR_STALE, "the blob is another piece long: go on at Upload-Offset");
        return;
    case CL_ERR_MALFORMED:
        cl_exchange_refuse(exchange, CL_ERR_MALFORMED,
                           CL_STR("the bytes have another hash, or another size than was said"));
        return;
    case CL_ERR_TOO_LARGE:
        cl_exchange_refuse(exchange, CL_ERR_TOO_LARGE,
                           CL_STR("larger than the blobs that this relay takes (blob_bytes)"));
        return;
    case CL_ERR_FULL:
        cl_exchange_refuse(exchange, CL_ERR_FULL, CL_STR("there is no room for this blob now"));
        return;
    default:
        cl_exchange_refuse(exchange, call->err, CL_STR(""));
    }
}

/* The bytes went past the size: somebody is wrong, so nothing is kept. */
static void
drop_wrong(struct cl_blob_call *call)
{
    if (call->err == CL_ERR_MALFORMED && look(call).state == CL_BLOB_PARTIAL)
        (void)cl_blobs_remove(store_of(call), &call->digest); // unless somebody writes just now
}

/* The request has come, and so have its writes. */
static void
finish(struct cl_blob_call *call)
{
    struct cl_blob_info info = look(call);
    if (!call->is_asked || call->writing > 0 || call->is_sealing)
        return;
    if (call->err == CL_OK && info.have < call->offset &&
        (info.state == CL_BLOB_PARTIAL || info.state == CL_BLOB_ABSENT))
        call->err = CL_ERR_STALE; // it has no bytes, or there is nothing any more
    if (call->err != CL_OK) {
        drop_wrong(call);
        refuse_put(call);
    } else if (info.state == CL_BLOB_WHOLE) {
        answer_kept(call);
    } else if (info.state == CL_BLOB_ABSENT ||
               (info.state == CL_BLOB_PARTIAL && info.have < info.size)) {
        answer_so_far(call, info.have);
    } else {
        if (info.state == CL_BLOB_PARTIAL)
            call->err = cl_blobs_seal(store_of(call), &call->digest);
        call->is_sealing = call->err == CL_OK;
        if (call->err != CL_OK)
            refuse_put(call);
    }
}

/* -- GET and HEAD ------------------------------------------------------------------------------ */

static void
answer_head(struct cl_blob_call *call)
{
    char quoted[FIELD_CAP];
    struct cl_exchange *exchange = call->exchange;
    struct cl_body *view;
    struct cl_blob_info info = look_to_read(call, &view);
    if (info.state != CL_BLOB_WHOLE) {
        refuse_at(call, CL_ERR_NOT_FOUND, "this blob is not here, or not all of it");
        return;
    }
    const struct cl_http_field fields[] = {etag_field(&call->digest, quoted), complete_field,
                                           ranges_field};
    struct cl_http_answer answer = {.status = 200,
                                    .media_type = CL_STR("application/octet-stream"),
                                    .fields = fields,
                                    .fields_len = 3,
                                    .length = info.size};
    cl_http_answer(exchange->conn, &answer);
    cl_exchange_free(exchange);
}

static void
answer_no_range(struct cl_blob_call *call, uint64_t size)
{
    char text[FIELD_CAP];
    struct cl_exchange *exchange = call->exchange;
    struct cl_part part = cl_part_of(
        CL_STR("{\"error\":\"the range lies behind the end of the blob\",\"code\":\"malformed\"}"));
    (void)snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)size);
    const struct cl_http_field field = {CL_STR("Content-Range"), cl_str_z(text)};
    struct cl_http_answer answer = {
        .status = 416, .fields = &field, .fields_len = 1, .parts = &part, .parts_len = 1};
    cl_http_answer(exchange->conn, &answer);
    cl_exchange_free(exchange);
}

/* Begins the answer; cl_blob_more gives the bytes, all of them. */
static void
answer_get(struct cl_blob_call *call, const struct cl_http_head *head)
{
    char quoted[FIELD_CAP], text[FIELD_CAP];
    struct cl_body *view;
    struct cl_blob_info info = look_to_read(call, &view);
    struct cl_http_field fields[3] = {etag_field(&call->digest, quoted), ranges_field};
    if (info.state != CL_BLOB_WHOLE) {
        cl_exchange_refuse(call->exchange, CL_ERR_NOT_FOUND,
                           CL_STR("this blob is not here, or not all of it"));
        return;
    }
    struct cl_v2_range range = cl_v2_range_read(head, info.size, fields[0].value);
    if (range.kind == CL_V2_RANGE_NONE) {
        answer_no_range(call, info.size);
        return;
    }
    bool is_part = range.kind == CL_V2_RANGE_PART;
    call->offset = is_part ? range.first : 0;
    call->end = is_part ? range.end : info.size;
    call->is_reading = view == NULL;
    call->view = cl_body_ref(view);
    (void)snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)call->offset,
                   (unsigned long long)call->end - 1, (unsigned long long)info.size);
    fields[2] = (struct cl_http_field){CL_STR("Content-Range"), cl_str_z(text)};
    struct cl_http_answer answer = {.status = is_part ? 206 : 200,
                                    .media_type = CL_STR("application/octet-stream"),
                                    .fields = fields,
                                    .fields_len = is_part ? 3 : 2,
                                    .length = call->end - call->offset};
    cl_http_answer(call->exchange->conn, &answer);
}

/* The next bytes, of which the reader's system will take so many at once. */
static void
give(struct cl_blob_call *call, struct cl_part part)
{
    uint64_t left = call->end - call->offset;
    part.bytes = cl_str_part(part.bytes, 0, left < part.bytes.len ? (size_t)left : part.bytes.len);
    call->offset += part.bytes.len;
    cl_http_answer_more(call->exchange->conn, &part);
}

void
cl_blob_more(struct cl_exchange *exchange)
{
    struct cl_blob_call *call = exchange->blob;
    if (call->view != NULL) { // it lies in memory, all of it
        struct cl_part rest = cl_part_of_body(call->view);
        rest.bytes = cl_str_part(rest.bytes, (size_t)call->offset, rest.bytes.len);
        give(call, rest);
        return;
    }
    enum cl_err err =
        cl_blobs_read(store_of(call), &call->digest, call->offset, exchange->peer.handle);
    if (err != CL_OK)
        cl_http_conn_cut(exchange->conn); // the length was promised
}

/* -- requests ---------------------------------------------------------------------------------- */

bool
cl_blob_is_path(cl_str path)
{
    return cl_str_starts(path, CL_STR(CL_V2_BLOBS_PATH));
}

static struct cl_blob_call *
call_new(struct cl_exchange *exchange)
{
    struct cl_blob_call *call = cl_alloc(sizeof *call);
    if (call == NULL)
        return NULL;
    call->exchange = exchange;
    exchange->blob = call;
    cl_list_append(&exchange->relay->blobs.calls, &call->link);
    return call;
}

void
cl_blob_call_free(struct cl_blob_call *call)
{
    cl_list_remove(&call->link);
    if (call->is_reading)
        cl_blob_was_read(call->exchange->relay, &call->digest);
    cl_body_unref(call->view);
    cl_free(call);
}

static enum cl_err
read_put(struct cl_blob_call *call, const struct cl_http_head *head, struct cl_why *why)
{
    struct cl_v2_upload upload;
    enum cl_err err = cl_v2_upload_read(head, &upload, why);
    if (err != CL_OK)
        return err;
    call->is_put = true;
    call->offset = upload.offset;
    call->length = upload.length;
    cl_http_take_pieces(call->exchange->conn, CL_BLOB_CHUNK_BYTES);
    return CL_OK;
}

void
cl_blob_head(struct cl_exchange *exchange, const struct cl_http_head *head)
{
    struct cl_why why = {""};
    bool is_put = cl_str_eq(head->method, CL_STR("PUT"));
    struct cl_blob_call *call = call_new(exchange);
    cl_str name = cl_str_part(head->path, sizeof CL_V2_BLOBS_PATH - 1, head->path.len);
    enum cl_err err = call == NULL ? CL_ERR_NO_MEMORY : CL_OK;
    if (!is_put && !cl_str_eq(head->method, CL_STR("GET")) &&
        !cl_str_eq(head->method, CL_STR("HEAD"))) {
        cl_http_refuse_with(exchange->conn, CL_ERR_METHOD, CL_STR("GET, HEAD or PUT"),
                            (struct cl_http_field){CL_STR("Allow"), CL_STR("GET, HEAD, PUT")});
        cl_exchange_free(exchange);
        return;
    }
    if (err == CL_OK && !cl_digest_read(name, &call->digest))
        err = cl_fail(CL_ERR_NOT_FOUND, &why,
                      "a blob is named by its SHA-256, 64 hexadecimal digits, small ones");
    if (err == CL_OK && is_put)
        err = read_put(call, head, &why);
    if (err != CL_OK)
        cl_exchange_refuse(exchange, err, cl_str_z(why.text));
}

void
cl_blob_piece(struct cl_exchange *exchange, cl_str piece)
{
    take_piece(exchange->blob, piece);
}

void
cl_blob_request(struct cl_exchange *exchange, const struct cl_http_head *head, cl_str body)
{
    struct cl_blob_call *call = exchange->blob;
    if (call->is_put) {
        call->is_asked = true;
        take_piece(call, body);
        finish(call);
    } else if (cl_str_eq(head->method, CL_STR("HEAD"))) {
        answer_head(call);
    } else {
        answer_get(call, head);
    }
}

/* -- what came out ----------------------------------------------------------------------------- */

static void
log_outcome(struct cl_relay *relay, const struct cl_blob_done *done)
{
    char text[CL_DIGEST_TEXT_LEN];
    static const char *const works[] = {
        [CL_BLOB_WRITE] = "write", [CL_BLOB_SEAL] = "seal", [CL_BLOB_READ] = "read"};
    cl_digest_text(&done->digest, text);
    if (done->err == CL_ERR_IO || done->err == CL_ERR_FULL)
        cl_log_error(&relay->config.log, "blob.failed", CL_F("work", works[done->work]),
                     CL_F("code", cl_err_wire(done->err)),
                     CL_F("sha256", cl_str_of(text, sizeof text)));
}

static void
written(struct cl_blob_call *call, enum cl_err err)
{
    call->writing--;
    note_error(call, err);
    finish(call);
}

/* All who wait for it are told alike. */
static void
sealed(struct cl_relay *relay, const struct cl_blob_done *done)
{
    CL_LIST_EACH(&relay->blobs.calls, at)
    {
        struct cl_blob_call *call = CL_LIST_ENTRY(at, struct cl_blob_call, link);
        if (!call->is_sealing || !cl_digest_eq(&call->digest, &done->digest))
            continue;
        call->err = done->err;
        if (call->err == CL_OK)
            answer_kept(call);
        else
            refuse_put(call);
    }
}

static void
was_read(struct cl_blob_call *call, const struct cl_blob_done *done)
{
    if (done->err != CL_OK) {
        cl_http_conn_cut(call->exchange->conn);
        return;
    }
    give(call, cl_part_of_body(done->chunk));
}

void
cl_blob_turn(struct cl_relay *relay)
{
    struct cl_blob_done done;
    if (relay->config.blobs == NULL)
        return;
    while (cl_blobs_done(relay->config.blobs, &done)) {
        if (done.work == CL_BLOB_COPY) {
            cl_backup_blobs(relay, &done);
            continue;
        }
        struct cl_exchange *exchange =
            done.work == CL_BLOB_SEAL ? NULL : cl_handles_get(&relay->handles, done.ticket);
        log_outcome(relay, &done);
        if (done.work == CL_BLOB_SEAL)
            sealed(relay, &done);
        else if (exchange != NULL && done.work == CL_BLOB_WRITE)
            written(exchange->blob, done.err);
        else if (exchange != NULL)
            was_read(exchange->blob, &done);
        cl_body_unref(done.chunk);
    }
}
