// SPDX-License-Identifier: MIT
#include "proto/envelope.h"

#include <string.h>

#include "base/assert.h"
#include "wire/base64url.h"
#include "wire/json.h"

#define OPENS   "{\"protected\":\""
#define BETWEEN "\",\"payload\":\""
#define SIGNED  "\",\"signature\":\""
#define CLOSES  "\"}"
/* A signature with what stands before it. */
#define SIGNED_LEN (sizeof SIGNED - 1 + CL_ENVELOPE_SIGNATURE_LEN)

const cl_str cl_envelope_types[CL_ENVELOPE_TYPE_COUNT] = {
    [CL_ENVELOPE_MSG] = CL_STR_INIT("clawlink-msg+jws"),
};

const cl_str cl_envelope_algs[CL_ENVELOPE_ALG_COUNT] = {
    [CL_ENVELOPE_UNSIGNED] = CL_STR_INIT(""),
    [CL_ENVELOPE_HS256] = CL_STR_INIT("HS256"),
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
    bool is_signed = header->alg != CL_ENVELOPE_UNSIGNED;
    if (is_signed != (header->kid.len > 0))
        return cl_fail(CL_ERR_MALFORMED, why, "alg and kid stand together or not at all");
    if (is_signed && !cl_str_eq(header->kid, CL_STR(CL_ENVELOPE_KID_GROUP)))
        return cl_fail(CL_ERR_MALFORMED, why, "kid of HS256 must be \"group\"");
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

/* A signature without a word of how it was made is none, and that word without one is a lie. */
static enum cl_err
check_signed(const struct cl_envelope *envelope, const struct cl_envelope_header *header,
             struct cl_why *why)
{
    bool is_signed = header->alg != CL_ENVELOPE_UNSIGNED;
    if (is_signed != (envelope->signature.len > 0))
        return cl_fail(CL_ERR_MALFORMED, why,
                       "signature, alg and kid stand together or not at all");
    if (is_signed && envelope->signature.len != CL_ENVELOPE_SIGNATURE_LEN)
        return cl_fail(CL_ERR_MALFORMED, why, "signature must be 32 bytes in base64url");
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
        err = check_signed(envelope, &header, why);
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
                       "an envelope is the strings protected and payload, and signature if it is "
                       "signed, in base64url");
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
    rest = cl_str_part(rest, 0, rest.len - (sizeof CLOSES - 1));
    envelope.payload = rest;
    envelope.signature = (cl_str){NULL, 0};
    if (rest.len >= SIGNED_LEN &&
        cl_str_starts(cl_str_part(rest, rest.len - SIGNED_LEN, rest.len), CL_STR(SIGNED))) {
        envelope.payload = cl_str_part(rest, 0, rest.len - SIGNED_LEN);
        envelope.signature =
            cl_str_part(rest, rest.len - CL_ENVELOPE_SIGNATURE_LEN, CL_ENVELOPE_SIGNATURE_LEN);
    }
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
cl_envelope_check_received(const struct cl_envelope_header *header, cl_str me, cl_time now,
                           struct cl_why *why)
{
    struct cl_address to;
    int64_t now_s = now.ms / 1000;
    if (!cl_address_read(header->to, &to))
        return cl_fail(CL_ERR_MALFORMED, why, "to is no address");
    if ((to.kind & (CL_ADDRESS_AGENT | CL_ADDRESS_V1)) != 0 && !cl_str_eq(header->to, me))
        return cl_fail(CL_ERR_FORBIDDEN, why, "it is for another agent");
    if ((int64_t)header->iat > now_s + CL_ENVELOPE_AHEAD_S_MAX)
        return cl_fail(CL_ERR_MALFORMED, why, "iat is ahead of the clock here");
    if ((int64_t)header->exp < now_s)
        return cl_fail(CL_ERR_EXPIRED, why, "its time has passed");
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
cl_envelope_add_signature(struct cl_buf *buf, cl_str signature)
{
    char *end;
    CL_ASSERT(cl_str_ends(cl_buf_str(buf), CL_STR(CLOSES)));
    enum cl_err err = cl_buf_reserve(buf, sizeof SIGNED - 1 + signature.len, &end);
    if (err != CL_OK)
        return err;
    char *at = end - (sizeof CLOSES - 1);
    memcpy(at, SIGNED, sizeof SIGNED - 1);
    at += sizeof SIGNED - 1;
    if (signature.len > 0)
        memcpy(at, signature.ptr, signature.len);
    memcpy(at + signature.len, CLOSES, sizeof CLOSES - 1);
    cl_buf_commit(buf, sizeof SIGNED - 1 + signature.len);
    return CL_OK;
}

enum cl_err
cl_envelope_put(const struct cl_envelope *envelope, struct cl_buf *buf)
{
    char *at;
    bool is_signed = envelope->signature.len > 0;
    cl_str parts[] = {CL_STR(OPENS),  envelope->protected, CL_STR(BETWEEN), envelope->payload,
                      CL_STR(SIGNED), envelope->signature, CL_STR(CLOSES)};
    size_t len = 0;
    if (!is_signed)
        parts[4].len = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        len += parts[i].len;
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
