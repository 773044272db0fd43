// SPDX-License-Identifier: MIT
#include "wire/websocket.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

#define FINAL         0x80u
#define RESERVED_BITS 0x70u
#define OPCODE        0x0fu
#define CONTROL       0x08u // this bit of the opcode: close, ping, pong
#define MASKED        0x80u
#define LENGTH        0x7fu
#define LENGTH_16     126u
#define LENGTH_64     127u

/* -- decoding ------------------------------------------------------------------------------ */

void
cl_ws_decoder_init(struct cl_ws_decoder *decoder, enum cl_ws_role role, uint32_t message_max)
{
    CL_ASSERT(message_max <= UINT32_MAX - CL_WS_CONTROL_BYTES_MAX);
    *decoder =
        (struct cl_ws_decoder){.message_max = message_max, .is_client = role == CL_WS_CLIENT};
    cl_buf_init(&decoder->partial, (size_t)message_max + CL_WS_CONTROL_BYTES_MAX);
}

void
cl_ws_decoder_done(struct cl_ws_decoder *decoder)
{
    cl_buf_done(&decoder->partial);
}

/* Ends the connection. Returns false, so that a check can say `return fail(...)`. */
static bool
fail(struct cl_ws_decoder *decoder, struct cl_ws_event *event, uint16_t code, cl_str reason)
{
    decoder->is_over = true;
    event->kind = CL_WS_EVENT_FAILED;
    event->code = code;
    event->bytes = reason;
    return false;
}

static enum cl_ws_opcode
opcode_of(const struct cl_ws_decoder *decoder)
{
    return (enum cl_ws_opcode)(decoder->head[0] & OPCODE);
}

static bool
is_final(const struct cl_ws_decoder *decoder)
{
    return (decoder->head[0] & FINAL) != 0;
}

static bool
is_control(const struct cl_ws_decoder *decoder)
{
    return (decoder->head[0] & CONTROL) != 0;
}

static bool
check_first_byte(struct cl_ws_decoder *decoder, struct cl_ws_event *event)
{
    bool in_message = decoder->message_opcode != 0;
    if ((decoder->head[0] & RESERVED_BITS) != 0)
        return fail(decoder, event, CL_WS_CLOSE_PROTOCOL, CL_STR("reserved bit set"));
    switch (opcode_of(decoder)) {
    case CL_WS_CONTINUATION:
        if (!in_message)
            return fail(decoder, event, CL_WS_CLOSE_PROTOCOL, CL_STR("nothing to continue"));
        return true;
    case CL_WS_TEXT:
    case CL_WS_BINARY:
        if (in_message)
            return fail(decoder, event, CL_WS_CLOSE_PROTOCOL,
                        CL_STR("new message inside a fragmented one"));
        return true;
    case CL_WS_CLOSE:
    case CL_WS_PING:
    case CL_WS_PONG:
        if (!is_final(decoder))
            return fail(decoder, event, CL_WS_CLOSE_PROTOCOL, CL_STR("fragmented control frame"));
        return true;
    }
    return fail(decoder, event, CL_WS_CLOSE_PROTOCOL, CL_STR("reserved opcode"));
}

static bool
check_second_byte(struct cl_ws_decoder *decoder, struct cl_ws_event *event)
{
    bool is_masked = (decoder->head[1] & MASKED) != 0;
    if (is_masked && decoder->is_client)
        return fail(decoder, event, CL_WS_CLOSE_PROTOCOL, CL_STR("masked frame from a server"));
    if (!is_masked && !decoder->is_client)
        return fail(decoder, event, CL_WS_CLOSE_PROTOCOL, CL_STR("unmasked frame from a client"));
    if (is_control(decoder) && (decoder->head[1] & LENGTH) > CL_WS_CONTROL_BYTES_MAX)
        return fail(decoder, event, CL_WS_CLOSE_PROTOCOL, CL_STR("control frame too long"));
    return true;
}

/* Where the length ends in the head. */
static size_t
length_end(const struct cl_ws_decoder *decoder)
{
    switch (decoder->head[1] & LENGTH) {
    case LENGTH_16:
        return 4;
    case LENGTH_64:
        return 10;
    default:
        return 2;
    }
}

/* The length is there, the mask not yet: nothing is allocated for a frame that is too big. */
static bool
check_length(struct cl_ws_decoder *decoder, struct cl_ws_event *event)
{
    size_t end = length_end(decoder);
    uint64_t len = decoder->head[1] & LENGTH;
    if (end > 2) {
        len = 0;
        for (size_t i = 2; i < end; i++)
            len = len << 8 | decoder->head[i];
        if (len >> 63 != 0)
            return fail(decoder, event, CL_WS_CLOSE_PROTOCOL, CL_STR("length above 63 bits"));
        if (len <= (end == 4 ? LENGTH_16 - 1 : UINT16_MAX))
            return fail(decoder, event, CL_WS_CLOSE_PROTOCOL, CL_STR("length not minimal"));
    }
    if (!is_control(decoder) && len > decoder->message_max - decoder->message_len)
        return fail(decoder, event, CL_WS_CLOSE_TOO_BIG, CL_STR("message too big"));
    decoder->frame_len = (uint32_t)len;
    return true;
}

/* So many bytes has the head, known from its second one on. */
static size_t
head_end(const struct cl_ws_decoder *decoder)
{
    return length_end(decoder) + (decoder->is_client ? 0 : CL_WS_MASK_BYTES);
}

static void
begin_payload(struct cl_ws_decoder *decoder)
{
    decoder->in_payload = true;
    decoder->frame_at = 0;
    if (!is_control(decoder) && opcode_of(decoder) != CL_WS_CONTINUATION)
        decoder->message_opcode = (uint8_t)opcode_of(decoder);
}

static bool
take_head_byte(struct cl_ws_decoder *decoder, char byte, struct cl_ws_event *event)
{
    decoder->head[decoder->head_len++] = (uint8_t)byte;
    if (decoder->head_len == 1)
        return check_first_byte(decoder, event);
    if (decoder->head_len == 2 && !check_second_byte(decoder, event))
        return false;
    if (decoder->head_len == length_end(decoder) && !check_length(decoder, event))
        return false;
    if (decoder->head_len == head_end(decoder))
        begin_payload(decoder);
    return true;
}

/* The same for a head that lies in the input whole, as almost all do. */
static bool
take_head(struct cl_ws_decoder *decoder, const char *bytes, struct cl_ws_event *event)
{
    memcpy(decoder->head, bytes, CL_WS_HEAD_BYTES_MAX);
    if (!check_first_byte(decoder, event) || !check_second_byte(decoder, event) ||
        !check_length(decoder, event))
        return false;
    decoder->head_len = (uint8_t)head_end(decoder);
    event->used += decoder->head_len;
    begin_payload(decoder);
    return true;
}

/* Section 7.4: what may stand in a close frame. 1004 has no meaning, 1005, 1006 and 1015 are
 * for local use, 1012 to 1014 came with the registry. */
static bool
is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static bool
finish_close(struct cl_ws_decoder *decoder, cl_str payload, struct cl_ws_event *event)
{
    event->code = CL_WS_CLOSE_NONE;
    event->bytes = cl_str_part(payload, 2, payload.len);
    decoder->is_over = true;
    if (payload.len == 0)
        return true;
    if (payload.len == 1)
        return fail(decoder, event, CL_WS_CLOSE_PROTOCOL, CL_STR("half a close code"));
    event->code = (uint16_t)((uint8_t)payload.ptr[0] << 8 | (uint8_t)payload.ptr[1]);
    if (!is_close_code(event->code))
        return fail(decoder, event, CL_WS_CLOSE_PROTOCOL, CL_STR("bad close code"));
    if (!cl_utf8_is_valid(event->bytes))
        return fail(decoder, event, CL_WS_CLOSE_BAD_TEXT, CL_STR("close reason is not UTF-8"));
    return true;
}

static bool
finish_control(struct cl_ws_decoder *decoder, cl_str payload, struct cl_ws_event *event)
{
    event->bytes = payload;
    if (opcode_of(decoder) == CL_WS_CLOSE) {
        event->kind = CL_WS_EVENT_CLOSE;
        return finish_close(decoder, payload, event);
    }
    event->kind = opcode_of(decoder) == CL_WS_PING ? CL_WS_EVENT_PING : CL_WS_EVENT_PONG;
    return true;
}

static bool
finish_message(struct cl_ws_decoder *decoder, cl_str message, struct cl_ws_event *event)
{
    event->is_text = decoder->message_opcode == CL_WS_TEXT;
    if (event->is_text && !cl_utf8_is_whole(&decoder->utf8))
        return fail(decoder, event, CL_WS_CLOSE_BAD_TEXT, CL_STR("text ends inside a character"));
    event->kind = CL_WS_EVENT_MESSAGE;
    event->bytes = message;
    decoder->message_opcode = 0;
    decoder->message_len = 0;
    return true;
}

/* Takes the next part of the frame's payload, which ends at its end or before. Fills in the
 * event when the part completes one. */
static bool
take_payload(struct cl_ws_decoder *decoder, char *bytes, size_t len, struct cl_ws_event *event)
{
    cl_str part = cl_str_of(bytes, len);
    bool control = is_control(decoder);
    // The one case without a copy: nothing came before this part and nothing comes after it.
    bool in_place =
        is_final(decoder) && len == decoder->frame_len && (control || decoder->message_len == 0);

    if (!decoder->is_client)
        cl_ws_mask(bytes, len, decoder->head + decoder->head_len - CL_WS_MASK_BYTES,
                   decoder->frame_at);
    if (!control && decoder->message_opcode == CL_WS_TEXT && !cl_utf8_feed(&decoder->utf8, part))
        return fail(decoder, event, CL_WS_CLOSE_BAD_TEXT, CL_STR("text is not UTF-8"));

    if (!in_place) {
        if (cl_buf_append(&decoder->partial, part) != CL_OK)
            return fail(decoder, event, CL_WS_CLOSE_INTERNAL, CL_STR("out of memory"));
        part = cl_buf_str(&decoder->partial);
        if (control)
            part = cl_str_part(part, decoder->message_len, part.len);
        else
            decoder->message_len += (uint32_t)len;
    }

    decoder->frame_at += (uint32_t)len;
    if (decoder->frame_at < decoder->frame_len)
        return true;
    decoder->head_len = 0;
    decoder->in_payload = false;
    if (!is_final(decoder))
        return true;
    decoder->is_shown = !in_place;
    return control ? finish_control(decoder, part, event) : finish_message(decoder, part, event);
}

/* Drops what the last call handed out; a message that has begun stays. */
static void
release(struct cl_ws_decoder *decoder)
{
    if (decoder->is_over || (decoder->is_shown && decoder->message_len == 0))
        cl_buf_done(&decoder->partial);
    else if (decoder->is_shown)
        cl_buf_truncate(&decoder->partial, decoder->message_len);
    decoder->is_shown = false;
}

struct cl_ws_event
cl_ws_decode(struct cl_ws_decoder *decoder, char *bytes, size_t len)
{
    struct cl_ws_event event = {.kind = CL_WS_EVENT_MORE};

    release(decoder);
    while (!decoder->is_over) {
        bool is_whole = decoder->head_len == 0 && len - event.used >= CL_WS_HEAD_BYTES_MAX;
        if (is_whole && !take_head(decoder, bytes + event.used, &event))
            return event;
        while (!decoder->in_payload && event.used < len)
            if (!take_head_byte(decoder, bytes[event.used++], &event))
                return event;
        size_t left = len - event.used;
        size_t wanted = decoder->frame_len - decoder->frame_at;
        if (!decoder->in_payload || (left == 0 && wanted > 0))
            return event;
        size_t part = left < wanted ? left : wanted;
        char *at = bytes + event.used;
        event.used += part;
        if (!take_payload(decoder, at, part, &event) || event.kind != CL_WS_EVENT_MORE)
            return event;
    }
    event.used = len;
    return event;
}

/* -- encoding ------------------------------------------------------------------------------ */

size_t
cl_ws_frame_head(enum cl_ws_opcode opcode, bool fin, uint64_t len, const uint8_t *mask,
                 uint8_t ret_head[static CL_WS_HEAD_BYTES_MAX])
{
    CL_ASSERT(((unsigned)opcode & CONTROL) == 0 || (fin && len <= CL_WS_CONTROL_BYTES_MAX));
    CL_ASSERT(len >> 63 == 0);

    uint64_t field = len < LENGTH_16 ? len : len <= UINT16_MAX ? LENGTH_16 : LENGTH_64;
    unsigned extended = field == LENGTH_16 ? 2 : field == LENGTH_64 ? 8 : 0;
    size_t head_len = 0;
    ret_head[head_len++] = (uint8_t)((fin ? FINAL : 0u) | (unsigned)opcode);
    ret_head[head_len++] = (uint8_t)((mask != NULL ? MASKED : 0u) | field);
    while (extended > 0)
        ret_head[head_len++] = (uint8_t)(len >> 8 * --extended & 0xff);
    if (mask != NULL) {
        memcpy(ret_head + head_len, mask, CL_WS_MASK_BYTES);
        head_len += CL_WS_MASK_BYTES;
    }
    return head_len;
}

void
cl_ws_mask(char *bytes, size_t len, const uint8_t mask[static CL_WS_MASK_BYTES], size_t at)
{
    uint8_t turned[CL_WS_MASK_BYTES]; // beginning at the byte for `at`
    for (size_t i = 0; i < sizeof turned; i++)
        turned[i] = mask[(at + i) % CL_WS_MASK_BYTES];
    cl_bytes_xor(bytes, len, turned);
}

size_t
cl_ws_close_payload(uint16_t code, cl_str reason, char ret_payload[static CL_WS_CONTROL_BYTES_MAX])
{
    if (code == CL_WS_CLOSE_NONE)
        return 0;
    CL_ASSERT(is_close_code(code));

    size_t len = reason.len;
    if (len > CL_WS_CONTROL_BYTES_MAX - 2) {
        len = CL_WS_CONTROL_BYTES_MAX - 2;
        while (len > 0 && ((uint8_t)reason.ptr[len] & 0xc0) == 0x80)
            len--;
    }
    ret_payload[0] = (char)(code >> 8);
    ret_payload[1] = (char)(code & 0xff);
    if (len > 0)
        memcpy(ret_payload + 2, reason.ptr, len);
    return 2 + len;
}

/* -- handshake ----------------------------------------------------------------------------- */

static bool
is_base64(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || byte == '+' || byte == '/';
}

bool
cl_ws_key_is_valid(cl_str key)
{
    // 16 bytes are 22 digits and two pads. The four bits to spare in the last digit are not
    // looked at (RFC 4648 section 3.5): the key is never decoded.
    if (key.len != 24 || !cl_str_ends(key, CL_STR("==")))
        return false;
    for (size_t i = 0; i < 22; i++)
        if (!is_base64(key.ptr[i]))
            return false;
    return true;
}
