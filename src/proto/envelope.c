// SPDX-License-Identifier: MIT
#include "proto/envelope.h"

#include <string.h>

#include "base/assert.h"
#include "wire/base64url.h"
#include "wire/json.h"

#define OPENS   "{\"protected\":\""
#define BETWEEN "\",\"payload\":\""
#define CLOSES  "\"}"

const cl_str cl_envelope_types[CL_ENVELOPE_TYPE_COUNT] = {
    [CL_ENVELOPE_MSG] = CL_STR_INIT("clawlink-msg+jws"),
};

CL_SHAPE_DEFINE(envelope_header)

/* -- the rules --------------------------------------------------------------------------------- */

// RFC 9110 section 5.6.2
static bool
is_token_byte(char c)
{
    return c > ' ' && c < 0x7f && cl_str_find(CL_STR("\"(),/:;<=>?@[\\]{}"), c) == 17;
}

/* type "/" subtype, and parameters that are not looked into (RFC 9110 section 8.3.1). */
static bool
is_media_type(cl_str cty)
{
    cl_str type, subtype, parameters;
    if (!cl_str_split(cty, '/', &type, &subtype))
        return false;
    (void)cl_str_split(subtype, ';', &subtype, &parameters);
    subtype = cl_str_trim(subtype);
    for (size_t i = 0; i < type.len; i++)
        if (!is_token_byte(type.ptr[i]))
            return false;
    for (size_t i = 0; i < subtype.len; i++)
        if (!is_token_byte(subtype.ptr[i]))
            return false;
    for (size_t i = 0; i < cty.len; i++)
        if ((uint8_t)cty.ptr[i] >= 0x7f)
            return false;
    return type.len > 0 && subtype.len > 0;
}

/* v2.md, Loops: a message that is its own root is 0 hops behind it, one that follows from another
 * is behind that; only an answer stands where the question stood. */
static bool
is_place(const struct cl_envelope_header *header)
{
    bool is_own_root = cl_id_eq(header->root, header->id);
    bool is_answer = !cl_id_is_none(header->re);
    return is_own_root ? header->hops.value == 0 : header->hops.value > 0 || is_answer;
}

/* What no single member shows. */
static enum cl_err
check_members(const struct cl_envelope_header *header, struct cl_why *why)
{
    bool has_root = !cl_id_is_none(header->root);
    if (header->exp <= header->iat)
        return cl_fail(CL_ERR_MALFORMED, why, "exp must be later than iat");
    if (header->exp - header->iat > CL_ENVELOPE_LIFE_S_MAX)
        return cl_fail(CL_ERR_MALFORMED, why, "exp may be %d seconds after iat at most",
                       CL_ENVELOPE_LIFE_S_MAX);
    if (header->dl != 0 && header->dl < header->iat)
        return cl_fail(CL_ERR_MALFORMED, why, "dl must not be earlier than iat");
    if (header->str.is_set != (header->seq != 0))
        return cl_fail(CL_ERR_MALFORMED, why,
                       "str and seq stand together or not at all, and seq is at least 1");
    if (has_root != header->hops.is_set)
        return cl_fail(CL_ERR_MALFORMED, why, "root and hops stand together or not at all");
    if (has_root && !is_place(header))
        return cl_fail(CL_ERR_MALFORMED, why,
                       "hops is 0 in a message that is its own root, and else only in an answer");
    if (header->cty.len > 0 && !is_media_type(header->cty))
        return cl_fail(CL_ERR_MALFORMED, why, "cty must be a media type such as \"text/plain\"");
    return CL_OK;
}

/* -- reading ----------------------------------------------------------------------------------- */

/* A text that is one object of this shape, and nothing else. */
static enum cl_err
read_text(const struct cl_envelope_reader *reader, const struct cl_shape *shape, cl_str text,
          void *ret_value, struct cl_why *why)
{
    struct cl_json_scan scan;
    struct cl_shape_reader shape_reader = {.arena = reader->arena};
    cl_json_scan_init(&scan, reader->arena, reader->hash_key);
    enum cl_err err = cl_json_scan_feed(&scan, text, true, why);
    if (err != CL_OK)
        return err;
    return cl_shape_read(&shape_reader, shape, cl_str_strip(text), ret_value, why);
}

enum cl_err
cl_envelope_read(const struct cl_envelope_reader *reader, const struct cl_envelope *envelope,
                 struct cl_envelope_header *ret_header, struct cl_why *why)
{
    struct cl_envelope_header header;
    cl_str text;
    size_t len = cl_base64url_bytes(envelope->protected);
    if (len > CL_ENVELOPE_HEADER_BYTES_MAX)
        return cl_fail(CL_ERR_MALFORMED, why, "a header may have %u bytes, this has %zu",
                       CL_ENVELOPE_HEADER_BYTES_MAX, len);
    char *space = cl_arena_alloc(reader->arena, len);
    if (space == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "no memory for a header");
    enum cl_err err = cl_base64url_decode(envelope->protected, space, len, &text);
    if (err != CL_OK)
        return cl_fail(err, why, "protected must be base64url");
    err = read_text(reader, &cl_envelope_header_shape, text, &header, why);
    if (err == CL_OK)
        err = check_members(&header, why);
    if (err == CL_OK)
        *ret_header = header;
    return err;
}

enum cl_err
cl_envelope_decode(const struct cl_envelope_reader *reader, cl_str text,
                   struct cl_envelope *ret_envelope, struct cl_envelope_header *ret_header,
                   struct cl_why *why)
{
    struct cl_json_scan scan;
    struct cl_envelope envelope;
    cl_json_scan_init(&scan, reader->arena, reader->hash_key);
    enum cl_err err = cl_json_scan_feed(&scan, text, true, why);
    if (err != CL_OK)
        return err;
    if (!cl_shape_envelope(cl_str_strip(text), &envelope))
        return cl_fail(CL_ERR_MALFORMED, why,
                       "an envelope is the two strings protected and payload, in base64url");
    err = cl_envelope_read(reader, &envelope, ret_header, why);
    if (err == CL_OK)
        *ret_envelope = envelope;
    return err;
}

struct cl_envelope
cl_envelope_split(cl_str text)
{
    struct cl_envelope envelope;
    CL_ASSERT(cl_str_starts(text, CL_STR(OPENS)) && cl_str_ends(text, CL_STR(CLOSES)));
    cl_str rest = cl_str_part(text, sizeof OPENS - 1, text.len);
    (void)cl_str_split(rest, '"', &envelope.protected, &rest);
    // The quote is already gone.
    CL_ASSERT(cl_str_starts(rest, cl_str_part(CL_STR(BETWEEN), 1, sizeof BETWEEN)));
    rest = cl_str_part(rest, sizeof BETWEEN - 2, rest.len);
    envelope.payload = cl_str_part(rest, 0, rest.len - (sizeof CLOSES - 1));
    return envelope;
}

enum cl_err
cl_envelope_check_sent(const struct cl_envelope *envelope, const struct cl_envelope_header *header,
                       cl_time now, struct cl_why *why)
{
    struct cl_address from;
    int64_t now_s = now.ms / 1000;
    size_t len = cl_base64url_bytes(envelope->payload);
    if (!cl_address_read(header->from, &from) || from.kind != CL_ADDRESS_AGENT)
        return cl_fail(CL_ERR_MALFORMED, why, "from must be an agent such as \"mini/otto\"");
    if (!header->str.is_set)
        return cl_fail(CL_ERR_MISSING, why,
                       "str and seq are required: without them a resend would be a new message");
    if ((int64_t)header->iat > now_s + CL_ENVELOPE_AHEAD_S_MAX)
        return cl_fail(CL_ERR_MALFORMED, why, "iat is ahead of the relay's clock: here it is %lld",
                       (long long)now_s);
    if (len > CL_ENVELOPE_BODY_BYTES_MAX)
        return cl_fail(CL_ERR_TOO_LARGE, why,
                       "a body may have %u bytes, this has %zu: a larger one is sent as a blob",
                       CL_ENVELOPE_BODY_BYTES_MAX, len);
    return CL_OK;
}

enum cl_err
cl_envelope_body(const struct cl_envelope *envelope, struct cl_arena *arena, cl_str *ret_body)
{
    size_t len = cl_base64url_bytes(envelope->payload);
    char *space = cl_arena_alloc(arena, len);
    if (space == NULL)
        return CL_ERR_NO_MEMORY;
    return cl_base64url_decode(envelope->payload, space, len, ret_body);
}

/* -- writing ----------------------------------------------------------------------------------- */

/* Does it keep the rules? It was written here, and is read as any other's. */
static enum cl_err
check_written(const struct cl_envelope_reader *reader, cl_str text, struct cl_why *why)
{
    struct cl_envelope_header header;
    if (text.len > CL_ENVELOPE_HEADER_BYTES_MAX)
        return cl_fail(CL_ERR_MALFORMED, why, "a header may have %u bytes, this has %zu",
                       CL_ENVELOPE_HEADER_BYTES_MAX, text.len);
    enum cl_err err = read_text(reader, &cl_envelope_header_shape, text, &header, why);
    return err == CL_OK ? check_members(&header, why) : err;
}

static enum cl_err
append_all(struct cl_buf *buf, cl_str header, cl_str body)
{
    enum cl_err err = cl_buf_append(buf, CL_STR(OPENS));
    if (err == CL_OK)
        err = cl_base64url_append(buf, header);
    if (err == CL_OK)
        err = cl_buf_append(buf, CL_STR(BETWEEN));
    if (err == CL_OK)
        err = cl_base64url_append(buf, body);
    return err == CL_OK ? cl_buf_append(buf, CL_STR(CLOSES)) : err;
}

enum cl_err
cl_envelope_encode(const struct cl_envelope_reader *reader, const struct cl_envelope_header *header,
                   cl_str body, struct cl_buf *buf, struct cl_why *why)
{
    struct cl_buf text;
    struct cl_json_writer json;
    size_t start = buf->len;
    CL_ASSERT(header->typ < CL_ENVELOPE_TYPE_COUNT);
    // What does not fit here has strings of any length, and is refused as it would be below.
    cl_buf_init(&text, 4 * CL_ENVELOPE_HEADER_BYTES_MAX);
    cl_json_writer_init(&json, &text);
    cl_shape_put(&json, &cl_envelope_header_shape, header);
    enum cl_err err = cl_json_writer_end(&json);
    if (err == CL_ERR_TOO_LARGE || err == CL_ERR_MALFORMED)
        err = cl_fail(CL_ERR_MALFORMED, why, "a header has at most %u bytes of UTF-8",
                      CL_ENVELOPE_HEADER_BYTES_MAX);
    if (err == CL_OK)
        err = check_written(reader, cl_buf_str(&text), why);
    if (err == CL_OK)
        err = append_all(buf, cl_buf_str(&text), body);
    if (err != CL_OK)
        cl_buf_truncate(buf, start);
    cl_buf_done(&text);
    return err;
}

enum cl_err
cl_envelope_put(const struct cl_envelope *envelope, struct cl_buf *buf)
{
    char *at;
    cl_str parts[] = {CL_STR(OPENS), envelope->protected, CL_STR(BETWEEN), envelope->payload,
                      CL_STR(CLOSES)};
    size_t len = envelope->protected.len + envelope->payload.len +
                 (sizeof OPENS + sizeof BETWEEN + sizeof CLOSES - 3);
    enum cl_err err = cl_buf_reserve(buf, len, &at);
    if (err != CL_OK)
        return err;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].len > 0)
            memcpy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    cl_buf_commit(buf, len);
    return CL_OK;
}

/* -- blobs ------------------------------------------------------------------------------------- */

#define CL_FIELDS_blob_body(F, S)                         \
    F(S, NAME, REQUIRED, sha256, CL_NAME_BYTES_MAX, NULL) \
    F(S, NUMBER, REQUIRED, size, CL_V2_NUMBER_MAX, NULL)  \
    F(S, LINE, OPTIONAL, cty, CL_CTY_BYTES_MAX, NULL)
CL_SHAPE_STRUCT(blob_body)
CL_SHAPE_DEFINE(blob_body)

enum cl_err
cl_blob_put(const struct cl_blob *blob, struct cl_buf *buf)
{
    char hex[CL_DIGEST_TEXT_LEN];
    struct cl_json_writer json;
    cl_digest_text(&blob->digest, hex);
    struct cl_blob_body body = {
        .sha256 = cl_str_of(hex, sizeof hex), .size = blob->size, .cty = blob->cty};
    cl_json_writer_init(&json, buf);
    cl_shape_put(&json, &cl_blob_body_shape, &body);
    return cl_json_writer_end(&json);
}

enum cl_err
cl_blob_read(const struct cl_envelope_reader *reader, cl_str body, struct cl_blob *ret_blob,
             struct cl_why *why)
{
    struct cl_blob_body read;
    struct cl_blob blob = {0};
    enum cl_err err = read_text(reader, &cl_blob_body_shape, body, &read, why);
    if (err != CL_OK)
        return err;
    if (!cl_digest_read(read.sha256, &blob.digest))
        return cl_fail(CL_ERR_MALFORMED, why, "sha256 must be 64 hexadecimal digits, small ones");
    blob.size = read.size;
    blob.cty = read.cty;
    *ret_blob = blob;
    return CL_OK;
}
