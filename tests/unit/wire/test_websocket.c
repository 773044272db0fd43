// SPDX-License-Identifier: MIT
#include "wire/websocket.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "support/fault.h"
#include "support/test.h"
#include "unit/wire/ws_trace.h"

static const uint8_t example_mask[CL_WS_MASK_BYTES] = {0x37, 0xfa, 0x21, 0x3d};
static const size_t borders[] = {0, 1, 2, 7, 8, 9, 125, 126, 127, 65535, 65536};
#define BORDERS_LEN (sizeof borders / sizeof borders[0])

static unsigned allocations;

static bool
count_allocation(void)
{
    allocations++;
    return true;
}

static void
append_frame(struct cl_buf *out, enum cl_ws_opcode opcode, bool fin, cl_str payload,
             const uint8_t *mask)
{
    uint8_t head[CL_WS_HEAD_BYTES_MAX];
    char *space;
    CHECK_OK(cl_buf_append(
        out, cl_str_of(head, cl_ws_frame_head(opcode, fin, payload.len, mask, head))));
    CHECK_OK(cl_buf_reserve(out, payload.len, &space));
    if (payload.len > 0)
        memcpy(space, payload.ptr, payload.len);
    if (mask != NULL)
        cl_ws_mask(space, payload.len, mask, 0);
    cl_buf_commit(out, payload.len);
}

/* Bytes that say where they stand, all of them ASCII. */
static char *
new_payload(size_t len)
{
    char *payload = malloc(len + 1);
    CHECK(payload != NULL);
    for (size_t i = 0; i < len; i++)
        payload[i] = (char)('!' + i % 89);
    return payload;
}

static void
check_head(enum cl_ws_opcode opcode, bool fin, uint64_t len, const uint8_t *mask, cl_str want)
{
    uint8_t head[CL_WS_HEAD_BYTES_MAX];
    CHECK_STR(cl_str_of(head, cl_ws_frame_head(opcode, fin, len, mask, head)), want);
}

TEST(a_head_has_the_shortest_length)
{
    check_head(CL_WS_TEXT, true, 0, NULL, CL_STR("\x81\0"));
    check_head(CL_WS_TEXT, false, 5, NULL, CL_STR("\1\5"));
    check_head(CL_WS_CONTINUATION, true, 125, NULL, CL_STR("\x80\x7d"));
    check_head(CL_WS_BINARY, true, 126, NULL, CL_STR("\x82\x7e\0\x7e"));
    check_head(CL_WS_BINARY, true, 127, NULL, CL_STR("\x82\x7e\0\x7f"));
    check_head(CL_WS_BINARY, true, 65535, NULL, CL_STR("\x82\x7e\xff\xff"));
    check_head(CL_WS_BINARY, true, 65536, NULL, CL_STR("\x82\x7f\0\0\0\0\0\1\0\0"));
    check_head(CL_WS_BINARY, true, INT64_MAX, NULL,
               CL_STR("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"));
    check_head(CL_WS_PING, true, 5, example_mask, CL_STR("\x89\x85\x37\xfa\x21\x3d"));
    check_head(CL_WS_TEXT, true, 65536, example_mask,
               CL_STR("\x81\xff\0\0\0\0\0\1\0\0\x37\xfa\x21\x3d"));
}

TEST(masking_twice_gives_the_bytes_back_wherever_it_begins)
{
    for (size_t at = 0; at < 9; at++)
        for (size_t len = 0; len < 40; len++) {
            char *payload = new_payload(len);
            char *masked = new_payload(len);
            cl_ws_mask(masked, len, example_mask, at);
            for (size_t i = 0; i < len; i++)
                CHECK_INT((uint8_t)masked[i], (uint8_t)payload[i] ^ example_mask[(at + i) % 4]);
            cl_ws_mask(masked, len, example_mask, at);
            CHECK_STR(cl_str_of(masked, len), cl_str_of(payload, len));
            free(payload);
            free(masked);
        }
}

/* One message of len bytes in frames of at most frame_max, read in pieces of read_max. */
static void
check_round_trip(enum cl_ws_role role, size_t len, size_t frame_max, size_t read_max)
{
    const uint8_t *mask = role == CL_WS_SERVER ? example_mask : NULL;
    struct cl_ws_decoder decoder;
    struct cl_buf frames;
    struct cl_ws_event event;
    char *payload = new_payload(len);
    size_t at = 0, messages = 0;

    test_note("%s, %zu bytes, frames of %zu, reads of %zu", mask ? "server" : "client", len,
              frame_max, read_max);
    cl_buf_init(&frames, CL_MIB);
    do {
        cl_str part = cl_str_part(cl_str_of(payload, len), at, frame_max);
        append_frame(&frames, at == 0 ? CL_WS_TEXT : CL_WS_CONTINUATION, at + part.len == len, part,
                     mask);
        at += part.len;
    } while (at < len);

    cl_ws_decoder_init(&decoder, role, (uint32_t)len);
    for (at = 0; at < frames.len;) {
        size_t left = frames.len - at;
        event = cl_ws_decode(&decoder, frames.ptr + at, left < read_max ? left : read_max);
        at += event.used;
        if (event.kind == CL_WS_EVENT_MORE)
            continue;
        CHECK_INT(event.kind, CL_WS_EVENT_MESSAGE);
        CHECK(event.is_text);
        CHECK(cl_str_eq(event.bytes, cl_str_of(payload, len)));
        messages++;
    }
    CHECK_INT(messages, 1);
    cl_ws_decoder_done(&decoder);
    cl_buf_done(&frames);
    free(payload);
}

TEST(what_is_encoded_is_decoded_in_both_roles_at_every_border_of_the_length)
{
    static const enum cl_ws_role roles[] = {CL_WS_SERVER, CL_WS_CLIENT};
    for (size_t r = 0; r < 2; r++)
        for (size_t i = 0; i < BORDERS_LEN; i++) {
            check_round_trip(roles[r], borders[i], CL_MIB, CL_MIB);
            check_round_trip(roles[r], borders[i], CL_MIB, 1);
            check_round_trip(roles[r], borders[i], CL_MIB, 4093);
            check_round_trip(roles[r], borders[i], 126, 1000);
            check_round_trip(roles[r], borders[i], 3, 7);
        }
}

TEST(a_whole_message_is_handed_out_in_place_without_memory)
{
    char frames[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x8a\x80\0\0\0\0\x81\x80\1\2\3\4";
    struct cl_ws_decoder decoder;
    cl_ws_decoder_init(&decoder, CL_WS_SERVER, 100);
    allocations = 0;
    cl_alloc_set_hook(count_allocation);
    struct cl_ws_event event = cl_ws_decode(&decoder, frames, sizeof frames - 1);
    CHECK_STR(event.bytes, CL_STR("Hello"));
    CHECK(event.bytes.ptr == frames + 6);
    CHECK_INT(event.used, 11);
    event = cl_ws_decode(&decoder, frames + 11, sizeof frames - 1 - 11);
    CHECK_INT(event.kind, CL_WS_EVENT_PONG);
    event = cl_ws_decode(&decoder, frames + 17, sizeof frames - 1 - 17);
    CHECK_INT(event.kind, CL_WS_EVENT_MESSAGE);
    event = cl_ws_decode(&decoder, frames, 0);
    CHECK_INT(event.kind, CL_WS_EVENT_MORE);
    cl_alloc_set_hook(NULL);
    CHECK_INT(allocations, 0);
    cl_ws_decoder_done(&decoder);
}

TEST(a_terabyte_announced_and_endless_empty_fragments_cost_no_memory)
{
    static struct ws_trace trace;
    allocations = 0;
    cl_alloc_set_hook(count_allocation);
    ws_trace_init(&trace, CL_WS_CLIENT, CL_WS_MESSAGE_BYTES_MAX);
    ws_trace_feed(&trace, CL_STR("\1\0"));
    for (unsigned i = 0; i < 100000; i++)
        ws_trace_feed(&trace, CL_STR("\0\0"));
    CHECK(trace.decoder.partial.ptr == NULL);
    ws_trace_feed(&trace, CL_STR("\x80\0\x82\x7f\0\0\1\0\0\0\0\0abc"));
    CHECK_STR(ws_trace_str(&trace), CL_STR("text() fail 1009"));
    ws_trace_done(&trace);
    cl_alloc_set_hook(NULL);
    CHECK_INT(allocations, 0);
}

TEST(memory_grows_with_the_bytes_that_came)
{
    static struct ws_trace trace;
    ws_trace_init(&trace, CL_WS_CLIENT, CL_WS_MESSAGE_BYTES_MAX);
    ws_trace_feed(&trace, CL_STR("\x82\x7f\0\0\0\0\0\x10\0\0")); // 1 MiB announced
    CHECK(trace.decoder.partial.ptr == NULL);
    for (size_t came = 1; came <= 3000; came++) {
        ws_trace_feed(&trace, CL_STR("x"));
        CHECK_INT(trace.decoder.partial.len, came);
        CHECK(trace.decoder.partial.cap <= (came < 64 ? 64 : came * 2));
    }
    CHECK_INT(trace.len, 0);
    ws_trace_done(&trace);
    CHECK(trace.decoder.partial.ptr == NULL);
}

TEST(an_idle_decoder_is_small)
{
    CHECK(sizeof(struct cl_ws_decoder) - sizeof(struct cl_buf) <= 48);
}

TEST(a_ping_cut_in_a_fragmented_message_leaves_the_message_whole)
{
    static struct ws_trace trace;
    ws_trace_init(&trace, CL_WS_CLIENT, 10);
    ws_trace_feed(&trace, CL_STR("\1\5Hello\x89\x08ping"));
    ws_trace_feed(&trace, CL_STR("ping"));
    CHECK_INT(trace.decoder.partial.len, 5);
    ws_trace_feed(&trace, CL_STR("\x8a\4po"));
    ws_trace_feed(&trace, CL_STR("ng\x80\5World"));
    CHECK_STR(ws_trace_str(&trace), CL_STR("ping(pingping) pong(pong) text(HelloWorld)"));
    ws_trace_done(&trace);
}

TEST(a_message_of_nothing_is_all_that_a_maximum_of_nothing_takes)
{
    static struct ws_trace trace;
    ws_trace_init(&trace, CL_WS_CLIENT, 0);
    ws_trace_feed(&trace, CL_STR("\x81\0\x89\1p\x82\1a"));
    CHECK_STR(ws_trace_str(&trace), CL_STR("text() ping(p) fail 1009"));
    ws_trace_done(&trace);
}

/* Decodes all in pieces of three bytes. Returns the code of a failure, or 0. */
static unsigned
decode_in_threes(cl_str bytes, unsigned *ret_messages)
{
    struct cl_ws_decoder decoder;
    struct cl_ws_event event;
    unsigned code = 0, messages = 0;
    char copy[256];
    memcpy(copy, bytes.ptr, bytes.len);
    cl_ws_decoder_init(&decoder, CL_WS_CLIENT, 200);
    for (size_t at = 0; at < bytes.len; at += event.used) {
        event = cl_ws_decode(&decoder, copy + at, bytes.len - at < 3 ? bytes.len - at : 3);
        messages += event.kind == CL_WS_EVENT_MESSAGE;
        code = event.kind == CL_WS_EVENT_FAILED ? event.code : code;
    }
    cl_ws_decoder_done(&decoder);
    *ret_messages = messages;
    return code;
}

TEST(without_memory_the_connection_fails_with_1011)
{
    FOR_EACH_FAULT
    {
        unsigned messages;
        unsigned code =
            decode_in_threes(CL_STR("\1\x28"
                                    "0123456789012345678901234567890123456789\x89\x28"
                                    "0123456789012345678901234567890123456789\x80\x28"
                                    "0123456789012345678901234567890123456789\x82\5abcde"),
                             &messages);
        CHECK_INT(code, fault_happened() ? CL_WS_CLOSE_INTERNAL : 0);
        CHECK(fault_happened() || messages == 2);
    }
}

static void
check_close(uint16_t code, cl_str reason, cl_str want)
{
    char payload[CL_WS_CONTROL_BYTES_MAX];
    size_t len = cl_ws_close_payload(code, reason, payload);
    CHECK_STR(cl_str_of(payload, len), want);
}

#define A20  "aaaaaaaaaaaaaaaaaaaa"
#define A120 A20 A20 A20 A20 A20 A20

TEST(a_close_payload_is_cut_between_characters)
{
    check_close(CL_WS_CLOSE_NONE, CL_STR("never sent"), CL_STR(""));
    check_close(CL_WS_CLOSE_NORMAL, CL_STR(""), CL_STR("\3\xe8"));
    check_close(CL_WS_CLOSE_RESTART, CL_STR("bye"),
                CL_STR("\3\xf4"
                       "bye"));
    check_close(4999, CL_STR(A120 "abc"), CL_STR("\x13\x87" A120 "abc"));
    check_close(1000, CL_STR(A120 "abcd"), CL_STR("\3\xe8" A120 "abc"));
    check_close(1000, CL_STR(A120 "\xe2\x82\xac"), CL_STR("\3\xe8" A120 "\xe2\x82\xac"));
    check_close(1000, CL_STR(A120 "a\xe2\x82\xac"), CL_STR("\3\xe8" A120 "a"));
    check_close(1000, CL_STR(A120 "ab\xe2\x82\xac"), CL_STR("\3\xe8" A120 "ab"));
    check_close(1000, CL_STR(A120 "abc\xe2\x82\xac"), CL_STR("\3\xe8" A120 "abc"));
    char no_text[200];
    memset(no_text, 0x80, sizeof no_text);
    check_close(1000, cl_str_of(no_text, sizeof no_text), CL_STR("\3\xe8"));
}

TEST(the_answer_to_a_failure_is_a_close_that_the_peer_can_read)
{
    char bad[] = "\x83\0";
    char payload[CL_WS_CONTROL_BYTES_MAX];
    struct cl_ws_decoder decoder;
    struct cl_buf frames;
    static struct ws_trace trace;
    cl_ws_decoder_init(&decoder, CL_WS_CLIENT, 100);
    struct cl_ws_event event = cl_ws_decode(&decoder, bad, 2);
    CHECK_INT(event.kind, CL_WS_EVENT_FAILED);
    size_t len = cl_ws_close_payload(event.code, event.bytes, payload);
    cl_buf_init(&frames, 200);
    append_frame(&frames, CL_WS_CLOSE, true, cl_str_of(payload, len), example_mask);
    ws_trace_init(&trace, CL_WS_SERVER, 100);
    ws_trace_feed(&trace, cl_buf_str(&frames));
    CHECK_STR(ws_trace_str(&trace), CL_STR("close 1002(reserved opcode)"));
    ws_trace_done(&trace);
    cl_buf_done(&frames);
    cl_ws_decoder_done(&decoder);
}

TEST(a_key_is_sixteen_bytes_in_base64)
{
    CHECK(cl_ws_key_is_valid(CL_STR("dGhlIHNhbXBsZSBub25jZQ=="))); // section 1.3
    CHECK(cl_ws_key_is_valid(CL_STR("AAAAAAAAAAAAAAAAAAAAAA==")));
    CHECK(cl_ws_key_is_valid(CL_STR("+/09azAZ+/09azAZ+/09aw==")));
    CHECK(!cl_ws_key_is_valid(CL_STR("")));
    CHECK(!cl_ws_key_is_valid(CL_STR("dGhlIHNhbXBsZSBub25jZQ=")));
    CHECK(!cl_ws_key_is_valid(CL_STR("dGhlIHNhbXBsZSBub25jZQ===")));
    CHECK(!cl_ws_key_is_valid(CL_STR("dGhlIHNhbXBsZSBub25jZQAA"))); // 18 bytes
    CHECK(!cl_ws_key_is_valid(CL_STR("dGhlIHNhbXBsZSBub25jZQA="))); // 17 bytes
    CHECK(!cl_ws_key_is_valid(CL_STR("dGhlIHNhbXBsZSBub25jZ==="))); // pads too early
    CHECK(!cl_ws_key_is_valid(CL_STR("dGhlIHNhbXBsZSBub2-jZQ=="))); // base64url
    CHECK(!cl_ws_key_is_valid(CL_STR("dGhlIHNhbXBsZSBub2 jZQ==")));
    CHECK(!cl_ws_key_is_valid(CL_STR("dGhlIHNhbXBsZSBub2\xc3jZQ==")));
    CHECK(!cl_ws_key_is_valid(CL_STR("=GhlIHNhbXBsZSBub25jZQ==")));
    CHECK(!cl_ws_key_is_valid(CL_STR("~GhlIHNhbXBsZSBub25jZQ==")));
    CHECK(!cl_ws_key_is_valid(CL_STR("[GhlIHNhbXBsZSBub25jZQ==")));
}
