// SPDX-License-Identifier: MIT
#include "net/ws_conn.h"

#include <string.h>

#include "base/limits.h"
#include "support/fault.h"
#include "support/http_room.h"
#include "support/test.h"

#define REQUEST_LINE "GET /ws HTTP/1.1\r\nHost: localhost\r\n"
#define TOKENS       "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define KEY          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION      "Sec-WebSocket-Version: 13\r\n"
#define HANDSHAKE    REQUEST_LINE TOKENS KEY VERSION "\r\n"

static struct http_room room;

/* One frame as a client sends it. The mask is zero, so that the payload can be read. */
static cl_str
frame(enum cl_ws_opcode opcode, cl_str payload)
{
    static char bytes[70000];
    const uint8_t mask[CL_WS_MASK_BYTES] = {0};
    size_t head = cl_ws_frame_head(opcode, true, payload.len, mask, (uint8_t *)bytes);
    if (payload.len > 0)
        memcpy(bytes + head, payload.ptr, payload.len);
    return cl_str_of(bytes, head + payload.len);
}

static void
put(enum cl_ws_opcode opcode, cl_str payload)
{
    memory_stream_put(&room.stream, frame(opcode, payload));
    memory_stream_run(&room.stream);
}

static enum cl_err
send_text(cl_str text)
{
    struct cl_part part = cl_part_of(text);
    return cl_ws_send_text(room.ws, &part, 1);
}

/* What was written since the last call, as hexadecimal for short frames. */
static cl_str
written(void)
{
    static char copy[MEMORY_STREAM_CAP];
    cl_str all = memory_stream_written(&room.stream);
    memcpy(copy, all.ptr, all.len);
    memory_stream_clear(&room.stream);
    return cl_str_of(copy, all.len);
}

static void
open_ws(void)
{
    room = (struct http_room){.upgrades = true};
    CHECK(http_room_begin(&room));
    http_room_put(&room, HANDSHAKE);
    CHECK(room.ws != NULL);
    CHECK_STR(http_room_notes(&room), CL_STR("head /ws"));
    (void)written();
}

TEST(an_upgrade_is_answered_as_the_rfc_shows)
{
    room = (struct http_room){.upgrades = true};
    CHECK(http_room_begin(&room));
    http_room_put(&room, HANDSHAKE);
    CHECK(http_room_has(&room, "HTTP/1.1 101 Switching Protocols\r\n"));
    CHECK(http_room_has(&room, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"));
    // RFC 6455 section 1.3
    CHECK(http_room_has(&room, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"));
    CHECK_INT(cl_http_server_count(room.server), 0);
    http_room_end(&room);
    CHECK_STR(http_room_notes(&room), CL_STR("head /ws ws-closed:1006"));
    CHECK(room.stream.is_closed);
}

TEST(no_extension_and_no_subprotocol_is_accepted)
{
    room = (struct http_room){.upgrades = true};
    CHECK(http_room_begin(&room));
    http_room_put(&room,
                  REQUEST_LINE TOKENS KEY VERSION "Sec-WebSocket-Extensions: permessage-deflate\r\n"
                                                  "Sec-WebSocket-Protocol: chat\r\n\r\n");
    CHECK(room.ws != NULL);
    CHECK(!http_room_has(&room, "Sec-WebSocket-Extensions"));
    CHECK(!http_room_has(&room, "Sec-WebSocket-Protocol"));
    http_room_end(&room);
}

struct refused_row {
    const char *request;
    const char *status;
};

static const struct refused_row refused_rows[] = {
    {"POST /ws HTTP/1.1\r\nHost: a\r\n" TOKENS KEY VERSION "\r\n", "HTTP/1.1 400 "},
    {"GET /ws HTTP/1.0\r\nHost: a\r\n" TOKENS KEY VERSION "\r\n", "HTTP/1.1 426 "},
    {REQUEST_LINE KEY VERSION "\r\n", "HTTP/1.1 426 "},
    {REQUEST_LINE "Upgrade: websocket\r\n" KEY VERSION "\r\n", "HTTP/1.1 426 "},
    {REQUEST_LINE "Connection: Upgrade\r\n" KEY VERSION "\r\n", "HTTP/1.1 426 "},
    {REQUEST_LINE "Connection: Upgrade\r\nUpgrade: h2c\r\n" KEY VERSION "\r\n", "HTTP/1.1 426 "},
    {REQUEST_LINE TOKENS KEY "\r\n", "\r\nSec-WebSocket-Version: 13\r\n"},
    {REQUEST_LINE TOKENS KEY "Sec-WebSocket-Version: 8\r\n\r\n",
     "\r\nSec-WebSocket-Version: 13\r\n"},
    {REQUEST_LINE TOKENS KEY "Sec-WebSocket-Version: 13, 8\r\n\r\n", "HTTP/1.1 426 "},
    {REQUEST_LINE TOKENS VERSION "\r\n", "HTTP/1.1 400 "},
    {REQUEST_LINE TOKENS VERSION "Sec-WebSocket-Key: c2hvcnQ=\r\n\r\n", "HTTP/1.1 400 "},
    {REQUEST_LINE TOKENS VERSION KEY KEY "\r\n", "HTTP/1.1 400 "},
    {REQUEST_LINE TOKENS VERSION KEY "Content-Length: 1\r\n\r\nx", "HTTP/1.1 400 "},
};

TEST(a_bad_handshake_is_refused)
{
    for (size_t at = 0; at < sizeof refused_rows / sizeof *refused_rows; at++) {
        test_note("%s", refused_rows[at].request);
        room = (struct http_room){.upgrades = true};
        CHECK(http_room_begin(&room));
        http_room_put(&room, refused_rows[at].request);
        CHECK(http_room_has(&room, refused_rows[at].status));
        CHECK(!http_room_has(&room, "101"));
        CHECK(room.ws == NULL);
        http_room_end(&room);
    }
}

TEST(a_handshake_with_a_body_is_refused_also_behind_a_100_that_still_waits)
{
    room = (struct http_room){.upgrades = true};
    CHECK(http_room_begin(&room));
    http_room_put(&room, REQUEST_LINE TOKENS KEY VERSION
                  "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
    CHECK(http_room_has(&room, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 "));
    CHECK(room.ws == NULL);
    http_room_end(&room);
}

TEST(frames_that_come_with_the_handshake_are_not_lost)
{
    room = (struct http_room){.upgrades = true};
    CHECK(http_room_begin(&room));
    memory_stream_put(&room.stream, CL_STR(HANDSHAKE "\x81\x82\0\0\0\0hi\x81\x83\0\0"));
    memory_stream_put(&room.stream, CL_STR("\0\0yes"));
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("head /ws text:hi text:yes"));
    http_room_end(&room);
}

TEST(an_upgrade_in_a_later_turn_takes_what_was_pipelined)
{
    room = (struct http_room){.is_late = true};
    CHECK(http_room_begin(&room));
    memory_stream_put(&room.stream, CL_STR(HANDSHAKE "\x81\x82\0\0\0\0hi"));
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("head /ws"));
    http_room_upgrade(&room);
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("text:hi"));
    CHECK(room.stream.is_reading);
    http_room_end(&room);
}

TEST(messages_go_both_ways)
{
    open_ws();
    put(CL_WS_TEXT, CL_STR("hello"));
    put(CL_WS_BINARY, CL_STR("bytes"));
    CHECK_STR(http_room_notes(&room), CL_STR("text:hello binary:bytes"));
    CHECK_OK(send_text(CL_STR("back")));
    memory_stream_run(&room.stream);
    CHECK_STR(written(), CL_STR("\x81\x04"
                                "back"));
    http_room_end(&room);
}

TEST(all_messages_of_a_turn_leave_in_one_call_with_large_bodies_by_reference)
{
    open_ws();
    size_t writes = room.stream.writes;
    struct cl_body *body = cl_body_new_blank(3000);
    memset(body->bytes, 'b', 3000);
    for (int at = 0; at < 10; at++) {
        struct cl_part parts[] = {cl_part_of(CL_STR("{")), cl_part_of_body(body),
                                  cl_part_of(CL_STR("}"))};
        CHECK_OK(cl_ws_send_text(room.ws, parts, 3));
    }
    CHECK_INT(body->refs, 11);
    CHECK_INT(cl_ws_waiting(room.ws), 10 * 3006);
    memory_stream_run(&room.stream);
    CHECK_INT(room.stream.writes, writes + 1);
    CHECK_INT(body->refs, 1);
    CHECK_INT(cl_ws_waiting(room.ws), 0);
    cl_body_unref(body);
    http_room_end(&room);
}

TEST(a_ping_is_answered_with_its_payload)
{
    open_ws();
    put(CL_WS_PING, CL_STR("abc"));
    CHECK_STR(written(), CL_STR("\x8a\x03"
                                "abc"));
    http_room_end(&room);
}

TEST(the_callers_ping_comes_back_as_a_pong)
{
    open_ws();
    CHECK_OK(cl_ws_ping(room.ws, CL_STR("batch 7")));
    memory_stream_run(&room.stream);
    CHECK_STR(written(), CL_STR("\x89\x07"
                                "batch 7"));
    put(CL_WS_PONG, CL_STR("batch 7"));
    CHECK_STR(http_room_notes(&room), CL_STR("pong:batch 7"));
    http_room_end(&room);
}

TEST(a_silent_peer_is_pinged_and_then_taken_for_dead)
{
    open_ws();
    http_room_advance(&room, CL_NET_PING_MS - 1);
    CHECK_STR(written(), CL_STR(""));
    http_room_advance(&room, 1);
    CHECK_STR(written(), CL_STR("\x89\x00"));
    http_room_advance(&room, CL_NET_PING_MS);
    CHECK_STR(written(), CL_STR("\x89\x00"));
    http_room_advance(&room, CL_NET_DEAD_MS - 2 * CL_NET_PING_MS - 1);
    CHECK_STR(http_room_notes(&room), CL_STR(""));
    http_room_advance(&room, 1);
    CHECK_STR(http_room_notes(&room), CL_STR("ws-closed:1006"));
    CHECK(room.stream.is_closed);
    http_room_end(&room);
}

TEST(a_peer_that_answers_pings_stays)
{
    open_ws();
    for (int at = 0; at < 20; at++) {
        http_room_advance(&room, CL_NET_PING_MS);
        CHECK_STR(written(), CL_STR("\x89\x00"));
        put(CL_WS_PONG, CL_STR(""));
        CHECK_STR(http_room_notes(&room), CL_STR("pong:"));
    }
    http_room_end(&room);
}

TEST(a_close_of_the_peer_is_answered_and_reported)
{
    open_ws();
    put(CL_WS_CLOSE, CL_STR("\x0f\xa1"
                            "bye"));
    CHECK_STR(written(), CL_STR("\x88\x02\x0f\xa1"));
    CHECK_STR(http_room_notes(&room), CL_STR("ws-closed:4001"));
    CHECK(room.stream.is_shut);
    CHECK(!room.stream.is_closed);
    memory_stream_put_eof(&room.stream);
    CHECK(room.stream.is_closed);
    http_room_end(&room);
}

TEST(a_close_without_a_code_is_answered_without_one)
{
    open_ws();
    put(CL_WS_CLOSE, CL_STR(""));
    CHECK_STR(written(), CL_STR("\x88\x00"));
    CHECK_STR(http_room_notes(&room), CL_STR("ws-closed:1005"));
    http_room_advance(&room, CL_NET_LINGER_MS); // a peer that never ends its side
    CHECK(room.stream.is_closed);
    http_room_end(&room);
}

TEST(our_close_waits_for_the_peers)
{
    open_ws();
    CHECK_OK(send_text(CL_STR("x")));
    cl_ws_close(room.ws, CL_WS_CLOSE_RESTART, CL_STR("soon back"));
    cl_ws_close(room.ws, CL_WS_CLOSE_NORMAL, CL_STR("again"));
    CHECK_INT(send_text(CL_STR("y")), CL_ERR_CLOSED);
    CHECK_INT(cl_ws_ping(room.ws, CL_STR("p")), CL_ERR_CLOSED);
    memory_stream_run(&room.stream);
    CHECK_STR(written(), CL_STR("\x81\x01x\x88\x0b\x03\xf4soon back"));
    put(CL_WS_TEXT, CL_STR("too late"));
    CHECK_STR(http_room_notes(&room), CL_STR(""));
    put(CL_WS_CLOSE, CL_STR("\x03\xf4"));
    CHECK_STR(http_room_notes(&room), CL_STR("ws-closed:1012"));
    CHECK_STR(written(), CL_STR(""));
    CHECK(room.stream.is_shut);
    http_room_end(&room);
}

TEST(our_close_does_not_wait_for_ever)
{
    open_ws();
    cl_ws_close(room.ws, CL_WS_CLOSE_RESTART, CL_STR(""));
    http_room_advance(&room, CL_NET_CLOSE_WAIT_MS - 1);
    CHECK_STR(http_room_notes(&room), CL_STR(""));
    http_room_advance(&room, 1);
    CHECK_STR(http_room_notes(&room), CL_STR("ws-closed:1006"));
    CHECK(room.stream.is_closed);
    http_room_end(&room);
}

TEST(a_peer_that_breaks_the_rules_instead_of_answering_our_close_ends_the_connection)
{
    open_ws();
    cl_ws_close(room.ws, CL_WS_CLOSE_NORMAL, CL_STR(""));
    memory_stream_run(&room.stream);
    CHECK_STR(written(), CL_STR("\x88\x02\x03\xe8"));
    memory_stream_put(&room.stream, CL_STR("\x83\x80")); // a reserved opcode
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("ws-closed:1006"));
    CHECK_STR(written(), CL_STR("")); // one close frame was enough
    CHECK(room.stream.is_shut);
    http_room_advance(&room, CL_NET_LINGER_MS);
    CHECK(room.stream.is_closed);
    http_room_end(&room);
}

struct failed_row {
    const char *bytes;
    size_t len;
    const char *close; // its payload's first two bytes
};

#define ROW(bytes, close)              \
    {                                  \
        bytes, sizeof bytes - 1, close \
    }

static const struct failed_row failed_rows[] = {
    ROW("\x81\x02hi", "\x03\xea"),                         // not masked: 1002
    ROW("\xc1\x82\0\0\0\0hi", "\x03\xea"),                 // a reserved bit: 1002
    ROW("\x83\x82\0\0\0\0hi", "\x03\xea"),                 // a reserved opcode: 1002
    ROW("\x80\x82\0\0\0\0hi", "\x03\xea"),                 // a continuation of nothing: 1002
    ROW("\x81\x82\0\0\0\0\xc0\x80", "\x03\xef"),           // not UTF-8: 1007
    ROW("\x82\xff\0\0\x01\0\0\0\0\0\0\0\0\0", "\x03\xf1"), // 1 TiB announced: 1009
    ROW("\x88\x81\0\0\0\0x", "\x03\xea"),                  // half a code: 1002
    ROW("\x88\x82\0\0\0\0\x03\xed", "\x03\xea"),           // 1005 on the wire: 1002
};

TEST(a_peer_that_breaks_the_rules_gets_the_code_for_it_and_the_connection_ends)
{
    for (size_t at = 0; at < sizeof failed_rows / sizeof *failed_rows; at++) {
        test_note("row %zu", at);
        open_ws();
        memory_stream_put(&room.stream, cl_str_of(failed_rows[at].bytes, failed_rows[at].len));
        memory_stream_run(&room.stream);
        cl_str got = written();
        CHECK(got.len >= 4);
        CHECK_STR(cl_str_part(got, 0, 1), CL_STR("\x88"));
        CHECK_STR(cl_str_part(got, 2, 2), cl_str_of(failed_rows[at].close, 2));
        CHECK_STR(http_room_notes(&room), CL_STR("ws-closed:1006"));
        CHECK(room.stream.is_shut);
        put(CL_WS_TEXT, CL_STR("more")); // is not looked at
        CHECK_STR(http_room_notes(&room), CL_STR(""));
        http_room_end(&room);
    }
}

TEST(a_broken_stream_ends_it)
{
    open_ws();
    memory_stream_reset(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("ws-closed:1006"));
    http_room_end(&room);
    open_ws();
    memory_stream_put_eof(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("ws-closed:1006"));
    http_room_end(&room);
}

TEST(a_connection_that_is_cut_hears_closed_once)
{
    open_ws();
    cl_ws_cut(room.ws);
    cl_ws_cut(room.ws);
    put(CL_WS_TEXT, CL_STR("more"));
    CHECK_STR(http_room_notes(&room), CL_STR("ws-closed:1006"));
    http_room_end(&room);
}

TEST(output_over_the_maximum_is_refused_whole)
{
    static char large[CL_NET_OUT_BYTES_MAX / 2];
    open_ws();
    room.stream.room = 0;
    CHECK_OK(send_text(cl_str_of(large, sizeof large)));
    CHECK_OK(send_text(cl_str_of(large, sizeof large - 100)));
    size_t waiting = cl_ws_waiting(room.ws);
    CHECK_INT(send_text(cl_str_of(large, 100)), CL_ERR_FULL);
    CHECK_INT(cl_ws_waiting(room.ws), waiting);
    CHECK_OK(cl_ws_ping(room.ws, CL_STR("p"))); // control frames always fit
    http_room_end(&room);
}

TEST(one_message_is_taken_whatever_its_size)
{
    static char large[CL_NET_OUT_BYTES_MAX + 1000];
    open_ws();
    room.stream.room = 0;
    CHECK_OK(send_text(cl_str_of(large, sizeof large)));
    CHECK_INT(send_text(CL_STR("x")), CL_ERR_FULL);
    http_room_end(&room);
}

TEST(a_flood_of_pings_from_a_peer_that_does_not_read_is_bounded)
{
    open_ws();
    room.stream.room = 0;
    char payload[CL_WS_CONTROL_BYTES_MAX] = {0};
    size_t count = 0;
    while (room.stream.is_reading && count < 100000) {
        memory_stream_put(&room.stream, frame(CL_WS_PING, cl_str_of(payload, sizeof payload)));
        count++;
    }
    CHECK(!room.stream.is_reading);
    CHECK(cl_ws_waiting(room.ws) < CL_NET_OUT_BYTES_MAX);
    http_room_advance(&room, CL_NET_WRITE_STALL_MS - 1);
    CHECK(!room.stream.is_closed);
    http_room_advance(&room, 1);
    CHECK(room.stream.is_closed);
    http_room_end(&room);
}

TEST(reading_goes_on_when_the_peer_takes_output_again)
{
    static char large[CL_NET_OUT_BYTES_MAX * 3 / 4];
    open_ws();
    room.stream.room = 0;
    CHECK_OK(send_text(cl_str_of(large, CL_NET_OUT_BYTES_MAX / 4 * 3 - 100)));
    put(CL_WS_PING, CL_STR("x"));
    CHECK(!room.stream.is_reading);
    room.stream.out_len = 0;
    memory_stream_give_room(&room.stream, 400000);
    memory_stream_run(&room.stream);
    CHECK(room.stream.is_reading);
    http_room_end(&room);
}

TEST(a_peer_that_takes_no_output_is_cut)
{
    open_ws();
    room.stream.room = 3;
    CHECK_OK(send_text(CL_STR("hello")));
    memory_stream_run(&room.stream);
    http_room_advance(&room, CL_NET_WRITE_STALL_MS - 1);
    CHECK(!room.stream.is_closed);
    http_room_advance(&room, 1);
    CHECK_STR(http_room_notes(&room), CL_STR("ws-closed:1006"));
    http_room_end(&room);
}

TEST(the_place_in_the_gate_goes_along)
{
    static struct cl_gate gate;
    cl_gate_init(&gate, 10);
    room = (struct http_room){.upgrades = true, .options.gate = &gate};
    CHECK(http_room_begin(&room));
    http_room_put(&room, HANDSHAKE);
    CHECK_INT(gate.connections, 1);
    cl_ws_cut(room.ws);
    memory_stream_run(&room.stream);
    CHECK_INT(gate.connections, 0);
    http_room_end(&room);
}

/* Handlers hear of it in the flush, behind the turn end: what they do must not wait for a turn
 * that something else begins. */
TEST(a_message_that_cannot_be_written_is_followed_by_another_turn_end)
{
    open_ws();
    CHECK_OK(send_text(CL_STR("never")));
    room.stream.is_torn = true;
    http_room_count_turns(&room);
    cl_loop_turn(room.loop, true);
    CHECK_STR(http_room_notes(&room), CL_STR("ws-closed:1006"));
    CHECK(room.stream.is_closed);
    CHECK(http_room_turns_at_once(&room));
    CHECK_INT(room.turns, 2);
    http_room_end(&room);
}

TEST(without_memory_at_any_point_nothing_leaks_and_nothing_lies)
{
    FOR_EACH_FAULT
    {
        room = (struct http_room){.upgrades = true};
        if (http_room_begin(&room)) {
            memory_stream_put(&room.stream, CL_STR(HANDSHAKE "\x01\x82\0\0\0\0hi"));
            memory_stream_put(&room.stream, CL_STR("\x80\x82\0\0\0\0ho\x89\x80\0\0\0\0"));
            memory_stream_run(&room.stream);
            if (room.ws != NULL) {
                enum cl_err err = send_text(CL_STR("x"));
                CHECK(err == CL_OK || fault_happened());
            }
            put(CL_WS_CLOSE, CL_STR("\x03\xe8"));
            CHECK_INT(
                cl_str_eq(http_room_notes(&room), CL_STR("head /ws text:hiho ws-closed:1000")) ||
                    fault_happened(),
                true);
            http_room_end(&room);
            CHECK(room.stream.is_closed);
            CHECK(room.ws == NULL);
        } else {
            CHECK(fault_happened());
        }
    }
}
