// SPDX-License-Identifier: MIT
#include "client/blob.h"

#include <stdio.h>

/* Answers that move nothing forward, one after the other, before it is given up. */
#define STALLS_MAX 8

#define PATH_START "/v2/blobs/"
#define PATH_CAP   (sizeof PATH_START + CL_DIGEST_TEXT_LEN)

/* One request; *is_whole: the relay has all of it. Else *offset is where to go on. */
static enum cl_err
exchange(struct cl_client *client, const struct cl_client_call *call, uint64_t *offset,
         bool *is_whole, struct cl_why *why)
{
    cl_str ignored;
    enum cl_err err = cl_client_call(client, call, &ignored, why);
    if (err != CL_OK)
        return err;
    *is_whole = cl_client_status(client) == 200 || cl_client_status(client) == 201;
    *offset = cl_client_offset(client);
    return CL_OK;
}

static void
tell(const struct cl_blob_upload *upload, uint64_t done)
{
    if (upload->progress != NULL)
        upload->progress(upload->ctx, done, upload->bytes.len);
}

enum cl_err
cl_client_put_blob(struct cl_client *client, const struct cl_blob_upload *upload,
                   struct cl_why *why)
{
    char path[PATH_CAP] = PATH_START; // and NULs behind the digits
    struct cl_client_upload part = {.size = 0};
    uint64_t before = 0;
    unsigned stalls = 0;
    bool is_whole = false;
    cl_digest_text(&upload->digest, path + sizeof PATH_START - 1);
    struct cl_client_call call = {.method = "HEAD", .path = cl_str_z(path), .upload = &part};
    enum cl_err err = exchange(client, &call, &part.offset, &is_whole, why);
    call.method = "PUT";
    part.size = upload->bytes.len;
    while (err == CL_OK && !is_whole) {
        if (part.offset > upload->bytes.len || stalls > STALLS_MAX)
            return cl_fail(CL_ERR_IO, why,
                           "The relay at %.*s does not get on with the blob: it stands at %llu of "
                           "%zu bytes.",
                           CL_STR_ARG(cl_client_url_shown(client)), (unsigned long long)part.offset,
                           upload->bytes.len);
        tell(upload, part.offset);
        before = part.offset;
        call.body = cl_str_part(upload->bytes, (size_t)part.offset, CL_CLIENT_PIECE_BYTES);
        err = exchange(client, &call, &part.offset, &is_whole, why);
        stalls = part.offset > before ? 0 : stalls + 1;
    }
    if (err == CL_OK)
        tell(upload, upload->bytes.len);
    return err;
}

/* The next piece, or all of it from a relay that heeds no range. */
static enum cl_err
fetch_piece(struct cl_client *client, const struct cl_blob_fetch *fetch, const char *path,
            struct cl_buf *buf, struct cl_why *why)
{
    char range[64];
    cl_str bytes;
    uint64_t left = fetch->size - buf->len;
    uint64_t len = left < CL_CLIENT_PIECE_BYTES ? left : CL_CLIENT_PIECE_BYTES;
    (void)snprintf(range, sizeof range, "bytes=%zu-%llu", buf->len,
                   (unsigned long long)(buf->len + len - 1)); // it fits
    const struct cl_client_call call = {.method = "GET", .path = cl_str_z(path), .range = range};
    enum cl_err err = cl_client_call(client, &call, &bytes, why);
    if (err != CL_OK)
        return err;
    if (cl_client_status(client) != 206)
        cl_buf_clear(buf);
    if (bytes.len == 0 || bytes.len > fetch->size - buf->len)
        return cl_fail(CL_ERR_IO, why, "The relay at %.*s sends other bytes than the blob's.",
                       CL_STR_ARG(cl_client_url_shown(client)));
    err = cl_buf_append(buf, bytes);
    return err == CL_OK ? CL_OK : cl_fail(err, why, "The blob does not fit into memory.");
}

enum cl_err
cl_client_get_blob(struct cl_client *client, const struct cl_blob_fetch *fetch, struct cl_buf *buf,
                   struct cl_why *why)
{
    char path[PATH_CAP] = PATH_START; // and NULs behind the digits
    cl_digest digest;
    enum cl_err err = CL_OK;
    cl_digest_text(&fetch->digest, path + sizeof PATH_START - 1);
    while (err == CL_OK && buf->len < fetch->size) {
        err = fetch_piece(client, fetch, path, buf, why);
        if (err == CL_OK && fetch->progress != NULL)
            fetch->progress(fetch->ctx, buf->len, fetch->size);
    }
    if (err == CL_OK)
        err = cl_digest_of(cl_buf_str(buf), &digest);
    if (err != CL_OK || cl_digest_eq(&digest, &fetch->digest))
        return err;
    cl_buf_clear(buf);
    return cl_fail(CL_ERR_IO, why, "What came for the blob %.16s... has another hash. Try again.",
                   path + sizeof PATH_START - 1);
}
