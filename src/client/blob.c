// SPDX-License-Identifier: MIT
#include "client/blob.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

/* Answers that move an upload no further, before it is given up: others may upload the same blob,
 * or spoil it. */
#define STALLS_MAX 8

#define PATH_START "/v2/blobs/"
#define PATH_CAP   (sizeof PATH_START + CL_DIGEST_TEXT_LEN)

/* The time that is left of it all, for one request; 0: there is no end. */
static enum cl_err
left_of(const struct cl_client *client, cl_instant deadline, uint32_t *ret_ms, struct cl_why *why)
{
    int64_t ms = deadline.ms - cl_clock_monotonic().ms;
    if (deadline.ms != CL_INSTANT_NEVER.ms && ms <= 0)
        return cl_fail(CL_ERR_TIMEOUT, why,
                       "Timeout: the blob did not get through to %.*s, or from it, in time.",
                       CL_STR_ARG(cl_client_url_shown(client)));
    *ret_ms = ms < CL_CLIENT_TIMEOUT_MS ? (uint32_t)ms : 0;
    return CL_OK;
}

/* -- there ------------------------------------------------------------------------------------- */

/* One request; *is_whole: the relay has all of it. Else cl_client_offset is where to go on. */
static enum cl_err
exchange(struct cl_client *client, struct cl_client_call *call, cl_instant deadline, bool *is_whole,
         struct cl_why *why)
{
    cl_str ignored;
    enum cl_err err = left_of(client, deadline, &call->within_ms, why);
    if (err == CL_OK)
        err = cl_client_call(client, call, &ignored, why);
    if (err != CL_OK)
        return err;
    *is_whole = cl_client_status(client) == 200 || cl_client_status(client) == 201;
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
    unsigned stalls = 0;
    bool is_whole = false;
    cl_digest_text(&upload->digest, path + sizeof PATH_START - 1);
    struct cl_client_call call = {.method = "HEAD", .path = cl_str_z(path), .upload = &part};
    enum cl_err err = exchange(client, &call, upload->deadline, &is_whole, why);
    // One that is there goes with the last message that names it, unless somebody has put it.
    part.offset = is_whole ? upload->bytes.len : cl_client_offset(client);
    is_whole = false;
    call.method = "PUT";
    part.size = upload->bytes.len;
    while (err == CL_OK && !is_whole) {
        if (part.offset > upload->bytes.len || stalls > STALLS_MAX)
            return cl_fail(CL_ERR_IO, why,
                           "The relay at %.*s does not get on with the blob: it stands at %" PRIu64
                           " of %zu bytes.",
                           CL_STR_ARG(cl_client_url_shown(client)), part.offset, upload->bytes.len);
        tell(upload, part.offset);
        call.body = cl_str_part(upload->bytes, (size_t)part.offset, CL_CLIENT_PIECE_BYTES);
        err = exchange(client, &call, upload->deadline, &is_whole, why);
        stalls += cl_client_offset(client) <= part.offset;
        part.offset = cl_client_offset(client);
    }
    if (err == CL_OK)
        tell(upload, upload->bytes.len);
    return err;
}

/* -- and back ---------------------------------------------------------------------------------- */

/* From a relay that heeds no range it is the whole blob, of which the rest is wanted. */
static bool
cut_piece(const struct cl_client *client, const struct cl_blob_fetch *fetch, uint64_t have,
          cl_str *bytes)
{
    if (cl_client_status(client) == 206)
        return bytes->len > 0 && bytes->len <= fetch->size - have;
    if (bytes->len != fetch->size)
        return false;
    *bytes = cl_str_part(*bytes, (size_t)have, bytes->len);
    return true;
}

enum cl_err
cl_client_get_piece(struct cl_client *client, const struct cl_blob_fetch *fetch, uint64_t have,
                    cl_str *ret_bytes, struct cl_why *why)
{
    char path[PATH_CAP] = PATH_START; // and NULs behind the digits
    char range[64];
    cl_str bytes;
    uint64_t left = fetch->size - have;
    uint64_t len = left < CL_CLIENT_PIECE_BYTES ? left : CL_CLIENT_PIECE_BYTES;
    cl_digest_text(&fetch->digest, path + sizeof PATH_START - 1);
    (void)snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, have, have + len - 1); // fits
    struct cl_client_call call = {.method = "GET", .path = cl_str_z(path), .range = range};
    enum cl_err err = left_of(client, fetch->deadline, &call.within_ms, why);
    if (err == CL_OK)
        err = cl_client_call(client, &call, &bytes, why);
    if (err != CL_OK)
        return err;
    if (!cut_piece(client, fetch, have, &bytes))
        return cl_fail(CL_ERR_IO, why,
                       "The relay at %.*s answers with other bytes than the %" PRIu64
                       " that the message speaks of.",
                       CL_STR_ARG(cl_client_url_shown(client)), fetch->size);
    *ret_bytes = bytes;
    return CL_OK;
}

enum cl_err
cl_client_get_blob(struct cl_client *client, const struct cl_blob_fetch *fetch, struct cl_buf *buf,
                   struct cl_why *why)
{
    char name[CL_DIGEST_TEXT_LEN];
    cl_digest digest;
    cl_str bytes;
    enum cl_err err = CL_OK;
    while (err == CL_OK && buf->len < fetch->size) {
        err = cl_client_get_piece(client, fetch, buf->len, &bytes, why);
        if (err == CL_OK && cl_buf_append(buf, bytes) != CL_OK)
            err = cl_fail(CL_ERR_NO_MEMORY, why, "The blob does not fit into memory.");
        if (err == CL_OK && fetch->progress != NULL)
            fetch->progress(fetch->ctx, buf->len, fetch->size);
    }
    if (err == CL_OK)
        err = cl_digest_of(cl_buf_str(buf), &digest);
    if (err != CL_OK || cl_digest_eq(&digest, &fetch->digest))
        return err;
    cl_buf_clear(buf);
    cl_digest_text(&fetch->digest, name);
    return cl_fail(CL_ERR_IO, why, "What came for the blob %.16s... has another hash. Try again.",
                   name);
}
