// SPDX-License-Identifier: MIT
/*
 * Envelopes from strangers. The first byte says what the rest is: '1' the text of an envelope, '2'
 * the JSON of its header, which is put into one, '4' into a signed one, '3' the body of a blob.
 *
 * What is refused is refused with a sentence. What is accepted can be written, and what is written
 * is read as the same and written as the same again. It can be shown to an agent of v1, as one JSON
 * object of a size that v1 can be pushed.
 */
#include <string.h>

#include "base/assert.h"
#include "proto/v1_encode.h"
#include "proto/v2_bridge.h"
#include "wire/base64url.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const cl_hash_key hash_key = {{1}};

static bool
is_refusal(enum cl_err err, const struct cl_why *why)
{
    return (err == CL_ERR_MALFORMED || err == CL_ERR_MISSING) && why->text[0] != '\0';
}

static void
check_header(const struct cl_envelope_header *header)
{
    struct cl_address from, to;
    CL_ASSERT(cl_address_read(header->from, &from) && cl_address_read(header->to, &to));
    CL_ASSERT((from.kind & CL_ADDRESS_SENDERS) != 0 && (to.kind & CL_ADDRESS_RECEIVERS) != 0);
    CL_ASSERT(header->exp > header->iat && header->exp - header->iat <= CL_ENVELOPE_LIFE_S_MAX);
    CL_ASSERT(!cl_id_is_none(header->id) && header->str.is_set == (header->seq != 0));
    CL_ASSERT(header->hops.is_set == !cl_id_is_none(header->root));
    CL_ASSERT((header->alg == CL_ENVELOPE_UNSIGNED) == (header->kid.len == 0));
}

/* The body is a text of ours; the record around it is what a core would have of it. */
static void
check_shown(const struct cl_envelope_reader *reader, const struct cl_envelope_header *header,
            cl_str text)
{
    struct cl_json_scan scan;
    struct cl_why why = {""};
    struct cl_buf frame;
    struct cl_msg view;
    cl_str rest;
    struct cl_body *body = cl_body_new(text);
    struct cl_msg msg = {.id = header->id,
                         .from = header->from,
                         .to = header->to,
                         .priority = (enum cl_priority)header->pri,
                         .media = CL_MEDIA_ENVELOPE,
                         .created = {(int64_t)header->iat * 1000},
                         .body = body};
    struct cl_v2_shown shown = {.msg = &msg};
    CL_ASSERT(body != NULL);
    CL_ASSERT(cl_v2_to_v1(reader, &shown, &view, &why) == CL_OK);
    cl_buf_init(&frame, 8 * CL_MIB);
    CL_ASSERT(cl_v1_encode_message(&view, true, &frame, &rest) == CL_OK);
    CL_ASSERT(cl_buf_append(&frame, rest) == CL_OK);
    CL_ASSERT(frame.len <= CL_WS_MESSAGE_BYTES_MAX);
    cl_json_scan_init(&scan, reader->arena, reader->hash_key);
    CL_ASSERT(cl_json_scan_feed(&scan, cl_buf_str(&frame), true, &why) == CL_OK);
    CL_ASSERT(scan.depth_most <= CL_JSON_DEPTH_MAX - 2);
    cl_buf_done(&frame);
    cl_body_unref(view.body);
    cl_body_unref(body);
}

/* The envelope with this header, body and signature. */
static void
write_envelope(const struct cl_envelope_reader *reader, const struct cl_envelope_header *header,
               cl_str body, cl_str signature, struct cl_buf *buf)
{
    struct cl_why why = {""};
    CL_ASSERT((header->alg == CL_ENVELOPE_UNSIGNED) == (signature.len == 0));
    CL_ASSERT(cl_envelope_encode(reader, header, body, buf, &why) == CL_OK);
    if (signature.len > 0)
        CL_ASSERT(cl_envelope_add_signature(buf, signature) == CL_OK);
}

static void
check_text(const struct cl_envelope_reader *reader, cl_str text)
{
    struct cl_envelope envelope, again;
    struct cl_envelope_header header, header_again;
    struct cl_why why = {""};
    struct cl_buf first, second;
    cl_str body, body_again;
    enum cl_err err = cl_envelope_decode(reader, text, &envelope, &header, &why);
    if (err != CL_OK) {
        CL_ASSERT(is_refusal(err, &why));
        return;
    }
    check_header(&header);
    cl_buf_init(&first, 8 * CL_MIB);
    cl_buf_init(&second, 8 * CL_MIB);
    CL_ASSERT(cl_envelope_body(&envelope, reader->arena, &body) == CL_OK);
    // Written without white space and escapes, it is no longer than it was.
    write_envelope(reader, &header, body, envelope.signature, &first);
    CL_ASSERT(cl_envelope_decode(reader, cl_buf_str(&first), &again, &header_again, &why) == CL_OK);
    CL_ASSERT(cl_envelope_body(&again, reader->arena, &body_again) == CL_OK);
    CL_ASSERT(cl_str_eq(body, body_again) && cl_str_eq(envelope.payload, again.payload));
    CL_ASSERT(cl_str_eq(envelope.signature, again.signature));
    write_envelope(reader, &header_again, body_again, again.signature, &second);
    CL_ASSERT(cl_str_eq(cl_buf_str(&first), cl_buf_str(&second)));
    if (body.len <= CL_ENVELOPE_BODY_BYTES_MAX)
        check_shown(reader, &header, cl_buf_str(&first));
    // What was sent is passed on as it was sent.
    cl_buf_clear(&second);
    CL_ASSERT(cl_envelope_put(&envelope, &second) == CL_OK);
    again = cl_envelope_split(cl_buf_str(&second));
    CL_ASSERT(cl_str_eq(again.protected, envelope.protected));
    CL_ASSERT(cl_str_eq(again.payload, envelope.payload));
    CL_ASSERT(cl_str_eq(again.signature, envelope.signature));
    cl_buf_done(&first);
    cl_buf_done(&second);
}

static void
check_wrapped(const struct cl_envelope_reader *reader, cl_str json, cl_str signature)
{
    struct cl_buf buf;
    cl_buf_init(&buf, 8 * CL_MIB);
    CL_ASSERT(cl_buf_append(&buf, CL_STR("{\"protected\":\"")) == CL_OK);
    CL_ASSERT(cl_base64url_append(&buf, json) == CL_OK);
    CL_ASSERT(cl_buf_append(&buf, CL_STR("\",\"payload\":\"eA\"}")) == CL_OK);
    if (signature.len > 0)
        CL_ASSERT(cl_envelope_add_signature(&buf, signature) == CL_OK);
    check_text(reader, cl_buf_str(&buf));
    cl_buf_done(&buf);
}

static void
check_blob(const struct cl_envelope_reader *reader, cl_str body)
{
    struct cl_blob blob, again;
    struct cl_why why = {""};
    struct cl_buf buf;
    enum cl_err err = cl_blob_read(reader, body, &blob, &why);
    if (err != CL_OK) {
        CL_ASSERT(is_refusal(err, &why));
        return;
    }
    cl_buf_init(&buf, CL_MIB);
    CL_ASSERT(cl_blob_put(&blob, &buf) == CL_OK);
    CL_ASSERT(cl_blob_read(reader, cl_buf_str(&buf), &again, &why) == CL_OK);
    CL_ASSERT(cl_digest_eq(&blob.digest, &again.digest));
    CL_ASSERT(blob.size == again.size && cl_str_eq(blob.cty, again.cty));
    cl_buf_done(&buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cl_arena arena;
    struct cl_envelope_reader reader = {.arena = &arena, .hash_key = &hash_key};
    if (size == 0)
        return 0;
    cl_str text = cl_str_of(data + 1, size - 1);
    cl_arena_init(&arena, 32 * CL_MIB);
    switch (data[0] % 4) {
    case '1' % 4:
        check_text(&reader, text);
        break;
    case '2' % 4:
        check_wrapped(&reader, text, CL_STR(""));
        break;
    case '4' % 4:
        check_wrapped(&reader, text, CL_STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
        break;
    default:
        check_blob(&reader, text);
        break;
    }
    cl_arena_done(&arena);
    return 0;
}
