// SPDX-License-Identifier: MIT
#include "net/http_server.h"

#include <string.h>

#include "base/limits.h"
#include "support/fault.h"
#include "support/http_room.h"
#include "support/test.h"

#define HOST "Host: localhost\r\n"

static struct http_room room;

static void
begin(void)
{
    CHECK(http_room_begin(&room));
}

static void
fresh(void)
{
    room = (struct http_room){0};
    begin();
}

static bool
wrote(const char *text)
{
    return http_room_has(&room, text);
}

static void
put(const char *bytes)
{
    http_room_put(&room, bytes);
}

TEST(a_request_is_answered_and_the_connection_kept)
{
    fresh();
    put("GET /a HTTP/1.1\r\n" HOST "\r\n");
    CHECK_STR(http_room_notes(&room), CL_STR("head /a written"));
    CHECK(wrote("HTTP/1.1 200 OK\r\nDate: "));
    CHECK(wrote("\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"));
    CHECK(!wrote("Connection:"));
    CHECK_INT(room.stream.writes, 1);
    put("GET /b HTTP/1.1\r\n" HOST "\r\n");
    CHECK_STR(http_room_notes(&room), CL_STR("head /b written"));
    CHECK(!room.stream.is_closed);
    http_room_end(&room);
}

TEST(the_answer_is_the_same_however_the_request_is_cut)
{
    const char *request = "POST /a HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
                          "GET /b HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
    for (size_t step = 1; step <= strlen(request); step++) {
        test_note("step %zu", step);
        fresh();
        for (size_t at = 0; at < strlen(request); at += step) {
            cl_str piece = cl_str_part(cl_str_z(request), at, step);
            memory_stream_put(&room.stream, piece);
            if (step % 2 == 0)
                cl_loop_turn(room.loop, false);
        }
        memory_stream_run(&room.stream);
        CHECK_STR(http_room_notes(&room), CL_STR("head /a written head /b written"));
        CHECK(room.stream.is_shut);
        http_room_end(&room);
    }
}

TEST(a_body_arrives_whole)
{
    fresh();
    put("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    CHECK_STR(http_room_notes(&room), CL_STR("head"));
    put("2\r\nde\r\n0\r\n\r\n");
    CHECK_STR(http_room_notes(&room), CL_STR("/ written"));
    CHECK_STR(cl_str_of(room.body, room.body_len), CL_STR("abcde"));
    http_room_end(&room);
}

TEST(a_body_is_handed_over_in_pieces_however_it_is_cut)
{
    const char *request = "PUT /a HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n0123456789"
                          "PUT /b HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                          "5\r\nabcde\r\n3\r\nfgh\r\n0\r\n\r\n";
    for (size_t step = 1; step <= strlen(request); step++) {
        test_note("step %zu", step);
        fresh();
        room.piece_len = 4;
        for (size_t at = 0; at < strlen(request); at += step) {
            memory_stream_put(&room.stream, cl_str_part(cl_str_z(request), at, step));
            if (step % 2 == 0)
                cl_loop_turn(room.loop, false);
        }
        memory_stream_run(&room.stream);
        CHECK_STR(http_room_notes(&room),
                  CL_STR("head [0123] [4567] /a written head [abcd] [efgh] /b written"));
        CHECK_INT(room.body_len, 0);
        http_room_end(&room);
    }
}

TEST(what_is_shorter_than_a_piece_comes_with_the_request)
{
    fresh();
    room.piece_len = 4;
    put("PUT / HTTP/1.1\r\n" HOST "Content-Length: 7\r\n\r\nabcdefg");
    CHECK_STR(http_room_notes(&room), CL_STR("head [abcd] / written"));
    CHECK_STR(cl_str_of(room.body, room.body_len), CL_STR("efg"));
    room.piece_len = 0; // said for each request
    put("PUT / HTTP/1.1\r\n" HOST "Content-Length: 7\r\n\r\nabcdefg");
    CHECK_STR(http_room_notes(&room), CL_STR("head / written"));
    CHECK_STR(cl_str_of(room.body, room.body_len), CL_STR("abcdefg"));
    http_room_end(&room);
}

TEST(pieces_that_came_count_for_the_pace_of_a_body)
{
    static char text[20 * CL_NET_BODY_RATE_MIN + 1];
    fresh();
    room.piece_len = CL_NET_BODY_RATE_MIN;
    memset(text, 'x', sizeof text - 1);
    put("PUT / HTTP/1.1\r\n" HOST "Content-Length: 900000\r\n\r\n");
    put(text);
    http_room_advance(&room, 19900);
    CHECK(!room.stream.is_shut);
    http_room_advance(&room, 200);
    CHECK(wrote("HTTP/1.1 408 "));
    CHECK(room.stream.is_shut);
    http_room_end(&room);
}

TEST(an_answer_in_parts_asks_for_the_next_when_all_was_taken)
{
    fresh();
    room.is_late = true;
    room.length = 8;
    put("GET / HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n");
    CHECK_STR(http_room_notes(&room), CL_STR("head /"));
    http_room_answer(&room, CL_STR("abc"));
    room.stream.room = 20;
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("")); // the peer does not read
    memory_stream_give_room(&room.stream, 1000);
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("more"));
    CHECK(wrote("\r\nContent-Length: 8\r\n\r\nabc"));
    cl_stream_want_write(&room.stream.stream);
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR(""));   // once is enough
    http_room_advance(&room, CL_NET_WRITE_STALL_MS); // it waits for us, and that is no stall
    CHECK_STR(http_room_notes(&room), CL_STR(""));
    http_room_answer_more(&room, CL_STR("de"));
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("more"));
    room.length = 0;
    room.is_late = false;
    http_room_answer_more(&room, CL_STR("fgh"));
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("written head /2 written"));
    CHECK(wrote("\r\n\r\nabcdefghHTTP/1.1 200"));
    http_room_end(&room);
}

TEST(an_answer_in_parts_whose_reader_stalls_is_cut)
{
    fresh();
    room.is_late = true;
    room.length = 8;
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    http_room_answer(&room, CL_STR("abc"));
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("head / more"));
    http_room_advance(&room, CL_NET_WRITE_STALL_MS);
    room.stream.room = 0;
    http_room_answer_more(&room, CL_STR("de"));
    memory_stream_run(&room.stream);
    http_room_advance(&room, CL_NET_WRITE_STALL_MS - 100);
    CHECK_STR(http_room_notes(&room), CL_STR("")); // the pause before it was ours
    http_room_advance(&room, 200);
    CHECK_STR(http_room_notes(&room), CL_STR("closed"));
    http_room_end(&room);
}

TEST(head_is_told_the_length_and_nothing_more_is_asked)
{
    fresh();
    room.length = UINT64_C(5000000000);
    put("HEAD / HTTP/1.1\r\n" HOST "\r\n");
    CHECK_STR(http_room_notes(&room), CL_STR("head / written"));
    CHECK(wrote("\r\nContent-Length: 5000000000\r\n\r\n"));
    CHECK(!wrote("ok"));
    http_room_end(&room);
}

TEST(an_answer_in_parts_may_be_cut_between_them)
{
    fresh();
    room.length = 8;
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    CHECK_STR(http_room_notes(&room), CL_STR("head / more"));
    cl_http_conn_cut(room.conn);
    http_room_answer_more(&room, CL_STR("abc")); // too late, and harmless
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("closed"));
    http_room_end(&room);
}

TEST(without_memory_bodies_in_pieces_end_and_nothing_leaks)
{
    FOR_EACH_FAULT
    {
        room = (struct http_room){.piece_len = 4, .length = 8};
        if (http_room_begin(&room)) {
            put("PUT / HTTP/1.1\r\n" HOST "Content-Length: 7\r\n\r\nabcdefg");
            if (room.conn != NULL && cl_str_ends(http_room_notes(&room), CL_STR("more")))
                http_room_answer_more(&room, CL_STR("012345"));
            memory_stream_run(&room.stream);
            CHECK(fault_happened() || wrote("\r\n\r\nok012345"));
            http_room_end(&room);
        }
    }
}

TEST(pipelined_requests_are_answered_one_after_another_in_order)
{
    fresh();
    room.is_late = true;
    put("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n"
        "GET /3 HTTP/1.1\r\n" HOST "\r\n");
    CHECK_STR(http_room_notes(&room), CL_STR("head /1"));
    CHECK(!room.stream.is_reading);
    http_room_answer(&room, CL_STR("first"));
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("written head /2"));
    http_room_answer(&room, CL_STR("second"));
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("written head /3"));
    CHECK(room.stream.is_reading);
    http_room_answer(&room, CL_STR("third"));
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("written"));
    CHECK(wrote("\r\n\r\nfirstHTTP/1.1"));
    CHECK(wrote("\r\n\r\nsecondHTTP/1.1"));
    http_room_end(&room);
}

TEST(pipelined_requests_are_answered_although_the_peer_has_finished)
{
    fresh();
    memory_stream_put(&room.stream, CL_STR("GET /1 HTTP/1.1\r\n" HOST "\r\n"
                                           "GET /2 HTTP/1.1\r\n" HOST "\r\n"));
    memory_stream_put_eof(&room.stream);
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("head /1 written head /2 written closed"));
    CHECK(room.stream.is_closed);
    http_room_end(&room);
}

TEST(a_request_that_wants_to_continue_is_told_so)
{
    fresh();
    put("POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    CHECK_STR(memory_stream_written(&room.stream), CL_STR("HTTP/1.1 100 Continue\r\n\r\n"));
    put("ab");
    CHECK_STR(http_room_notes(&room), CL_STR("head / written"));
    CHECK(wrote("\r\n\r\nok"));
    http_room_end(&room);
}

TEST(a_request_refused_at_its_head_is_not_told_to_continue)
{
    fresh();
    room.refuses = CL_ERR_UNAUTHORIZED;
    put("POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    CHECK(!wrote("100 Continue"));
    CHECK(wrote("HTTP/1.1 401 Unauthorized\r\n"));
    CHECK(wrote("\r\nConnection: close\r\n"));
    CHECK(wrote("{\"error\":\"not here\",\"code\":\"unauthorized\"}"));
    CHECK_STR(http_room_notes(&room), CL_STR("head written"));
    CHECK(room.stream.is_shut);
    // It lingers, so that the client reads the answer instead of a reset.
    CHECK(!room.stream.is_closed);
    put("ab");
    memory_stream_put_eof(&room.stream);
    memory_stream_run(&room.stream);
    CHECK(room.stream.is_closed);
    CHECK_STR(http_room_notes(&room), CL_STR("closed"));
    http_room_end(&room);
}

TEST(a_request_without_a_body_that_is_refused_at_its_head_keeps_the_connection)
{
    fresh();
    room.refuses = CL_ERR_UNAUTHORIZED;
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    CHECK(wrote("HTTP/1.1 401 "));
    CHECK(!wrote("Connection: close"));
    room.refuses = CL_OK;
    put("GET /b HTTP/1.1\r\n" HOST "\r\n");
    CHECK_STR(http_room_notes(&room), CL_STR("head written head /b written"));
    http_room_end(&room);
}

TEST(a_body_announced_too_large_is_refused_before_it_is_read)
{
    fresh();
    put("POST / HTTP/1.1\r\n" HOST "Content-Length: 1099511627776\r\n"
        "Expect: 100-continue\r\n\r\n");
    CHECK(!wrote("100 Continue"));
    CHECK(wrote("HTTP/1.1 413 "));
    CHECK(wrote("\"code\":\"too_large\"}"));
    CHECK_STR(http_room_notes(&room), CL_STR("head"));
    CHECK(room.stream.is_shut);
    http_room_end(&room);
}

TEST(a_chunked_body_that_grows_too_large_is_refused)
{
    room = (struct http_room){.options.body_bytes_max = 10};
    begin();
    put("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n8\r\nabcdefgh\r\n");
    CHECK_STR(http_room_notes(&room), CL_STR("head"));
    put("8\r\nabcdefgh\r\n");
    CHECK(wrote("HTTP/1.1 413 "));
    CHECK(room.stream.is_shut);
    http_room_end(&room);
}

TEST(the_largest_body_is_taken_and_one_byte_more_is_not)
{
    room = (struct http_room){.options.body_bytes_max = 5};
    begin();
    put("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcde");
    CHECK_STR(http_room_notes(&room), CL_STR("head / written"));
    put("POST / HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\nabcdef");
    CHECK(wrote("HTTP/1.1 413 "));
    http_room_end(&room);
}

struct broken_row {
    const char *request;
    const char *status;
};

static const struct broken_row broken_rows[] = {
    {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
    {"\x16\x03\x01\r\n\r\n", "HTTP/1.1 400 "},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", "HTTP/1.1 505 "},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     "HTTP/1.1 400 "},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", "HTTP/1.1 501 "},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nExpect: 200-ok\r\n\r\n", "HTTP/1.1 417 "},
};

TEST(a_broken_request_gets_the_status_of_the_error_table_and_the_connection_ends)
{
    for (size_t at = 0; at < sizeof broken_rows / sizeof *broken_rows; at++) {
        test_note("%s", broken_rows[at].request);
        fresh();
        put(broken_rows[at].request);
        CHECK(wrote(broken_rows[at].status));
        CHECK(wrote("\r\nConnection: close\r\n"));
        CHECK(wrote("{\"error\":\""));
        CHECK(room.stream.is_shut);
        // What comes behind it is never taken for a request.
        put("GET /x HTTP/1.1\r\n" HOST "\r\n");
        CHECK_STR(http_room_notes(&room), CL_STR(""));
        http_room_advance(&room, CL_NET_LINGER_MS);
        CHECK(room.stream.is_closed);
        http_room_end(&room);
    }
}

TEST(the_handler_hears_nothing_of_answers_that_are_not_its_own)
{
    fresh();
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    put("BROKEN\r\n\r\n");
    CHECK(wrote("HTTP/1.1 400 "));
    CHECK_STR(http_room_notes(&room), CL_STR("head / written"));
    http_room_end(&room);
}

TEST(a_later_head_is_timed_from_its_first_byte)
{
    fresh();
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    http_room_advance(&room, CL_NET_HEAD_TIMEOUT_MS * 2);
    put("GET / HT");
    http_room_advance(&room, CL_NET_HEAD_TIMEOUT_MS - 1);
    CHECK(!wrote("HTTP/1.1 408 "));
    http_room_advance(&room, 1);
    CHECK(wrote("HTTP/1.1 408 "));
    http_room_end(&room);
}

TEST(a_head_that_is_too_large_gets_431_or_414)
{
    static char request[CL_HTTP_HEAD_BYTES_MAX * 2];
    fresh();
    memset(request, 'a', sizeof request - 1);
    memcpy(request, "GET /", 5);
    put(request);
    CHECK(wrote("HTTP/1.1 414 "));
    http_room_end(&room);
    fresh();
    memcpy(request, "GET / HTTP/1.1\r\nA: ", 19);
    put(request);
    CHECK(wrote("HTTP/1.1 431 "));
    http_room_end(&room);
}

TEST(an_answer_to_head_has_its_length_and_no_body)
{
    fresh();
    put("HEAD / HTTP/1.1\r\n" HOST "\r\n");
    CHECK(wrote("Content-Length: 2\r\n\r\n"));
    CHECK(!wrote("ok"));
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    CHECK(wrote("\r\n\r\nok"));
    http_room_end(&room);
}

TEST(http_1_0_ends_the_connection_unless_it_asks_to_keep_it)
{
    fresh();
    put("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(wrote("\r\nConnection: keep-alive\r\n"));
    CHECK(!room.stream.is_shut);
    put("GET / HTTP/1.0\r\n\r\n");
    CHECK(wrote("\r\nConnection: close\r\n"));
    CHECK(room.stream.is_shut);
    http_room_end(&room);
}

TEST(an_answer_may_come_turns_later_and_a_lost_client_is_noticed_meanwhile)
{
    fresh();
    room.is_late = true;
    put("GET /wait HTTP/1.1\r\n" HOST "\r\n");
    http_room_advance(&room, 60 * 1000);
    CHECK_STR(http_room_notes(&room), CL_STR("head /wait"));
    memory_stream_reset(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("closed"));
    CHECK(room.stream.is_closed);
    http_room_end(&room);
}

TEST(a_client_that_finishes_its_side_while_it_waits_is_told_of_and_still_answered)
{
    fresh();
    room.is_late = true;
    put("GET /wait HTTP/1.1\r\n" HOST "\r\n");
    memory_stream_put_eof(&room.stream);
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("head /wait eof"));
    http_room_answer(&room, CL_STR("late"));
    memory_stream_run(&room.stream);
    CHECK(wrote("\r\n\r\nlate"));
    CHECK_STR(http_room_notes(&room), CL_STR("written closed"));
    http_room_end(&room);
}

TEST(a_connection_on_which_nothing_comes_is_closed_in_silence)
{
    fresh();
    http_room_advance(&room, CL_NET_HEAD_TIMEOUT_MS - 1);
    CHECK(!room.stream.is_closed);
    http_room_advance(&room, 1);
    CHECK(room.stream.is_closed);
    CHECK_STR(memory_stream_written(&room.stream), CL_STR(""));
    http_room_end(&room);
}

TEST(a_head_that_comes_drop_by_drop_is_timed_from_the_accept)
{
    fresh();
    http_room_advance(&room, CL_NET_HEAD_TIMEOUT_MS - 1000);
    put("GET / HT");
    http_room_advance(&room, 999);
    put("TP/1.1\r\n");
    CHECK(!room.stream.is_shut);
    http_room_advance(&room, 1);
    CHECK(wrote("HTTP/1.1 408 "));
    CHECK(room.stream.is_shut);
    http_room_end(&room);
}

TEST(a_body_must_keep_up_a_rate)
{
    static char chunk[4096];
    memset(chunk, 'x', sizeof chunk);
    fresh();
    put("POST / HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\n");
    // Faster than the rate it may take longer than the grace.
    for (int at = 0; at < 8; at++) {
        memory_stream_put(&room.stream, cl_str_of(chunk, sizeof chunk));
        http_room_advance(&room, 2000);
        CHECK(!wrote("HTTP/1.1 408 "));
    }
    // 32 KiB in 16 s are good for 32 s.
    http_room_advance(&room, 15999);
    CHECK(!wrote("HTTP/1.1 408 "));
    http_room_advance(&room, 1);
    CHECK(wrote("HTTP/1.1 408 "));
    http_room_end(&room);
}

TEST(a_connection_at_rest_ends_after_the_idle_time)
{
    fresh();
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    http_room_advance(&room, CL_NET_IDLE_TIMEOUT_MS - 1);
    CHECK(!room.stream.is_closed);
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    http_room_advance(&room, CL_NET_IDLE_TIMEOUT_MS - 1);
    CHECK(!room.stream.is_closed);
    http_room_advance(&room, 1);
    CHECK(room.stream.is_closed);
    http_room_end(&room);
}

TEST(a_peer_that_takes_no_output_is_cut)
{
    fresh();
    room.stream.room = 10;
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    http_room_advance(&room, CL_NET_WRITE_STALL_MS - 1);
    memory_stream_give_room(&room.stream, 10); // slow, but not stalled
    memory_stream_run(&room.stream);
    http_room_advance(&room, CL_NET_WRITE_STALL_MS - 1);
    CHECK(!room.stream.is_closed);
    http_room_advance(&room, 1);
    CHECK(room.stream.is_closed);
    CHECK_STR(http_room_notes(&room), CL_STR("head / closed"));
    http_room_end(&room);
}

TEST(the_stall_is_timed_from_the_answer_not_from_the_request)
{
    fresh();
    room.is_late = true;
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    http_room_advance(&room, CL_NET_WRITE_STALL_MS * 3);
    room.stream.room = 10;
    http_room_answer(&room, CL_STR("late"));
    memory_stream_run(&room.stream);
    CHECK(!room.stream.is_closed);
    http_room_end(&room);
}

TEST(all_that_is_answered_in_a_turn_leaves_in_one_call)
{
    fresh();
    room.is_late = true;
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    struct cl_body *body = cl_body_new_blank(4000);
    memset(body->bytes, 'b', 4000);
    struct cl_part parts[] = {cl_part_of(CL_STR("[")), cl_part_of_body(body),
                              cl_part_of(CL_STR(",")), cl_part_of_body(body),
                              cl_part_of(CL_STR("]"))};
    struct cl_http_answer answer = {.status = 200, .parts = parts, .parts_len = 5};
    cl_http_answer(room.conn, &answer);
    CHECK_INT(body->refs, 3);
    memory_stream_run(&room.stream);
    CHECK_INT(body->refs, 1);
    CHECK_INT(room.stream.writes, 1);
    CHECK(wrote("Content-Type: application/json\r\nContent-Length: 8003\r\n\r\n[bbb"));
    cl_body_unref(body);
    http_room_end(&room);
}

TEST(a_refusal_that_may_pass_says_when_to_retry)
{
    fresh();
    room.refuses = CL_ERR_INBOX_FULL;
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    CHECK(wrote("HTTP/1.1 429 "));
    CHECK(wrote("\r\nRetry-After: 1\r\n"));
    http_room_end(&room);
}

TEST(a_server_that_drains_ends_resting_connections_at_once_and_busy_ones_behind_their_answer)
{
    fresh();
    room.is_late = true;
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    cl_http_server_drain(room.server);
    memory_stream_run(&room.stream);
    CHECK_INT(cl_http_server_count(room.server), 1);
    http_room_answer(&room, CL_STR("last"));
    memory_stream_run(&room.stream);
    CHECK(wrote("\r\nConnection: close\r\n"));
    memory_stream_put_eof(&room.stream);
    memory_stream_run(&room.stream);
    CHECK_INT(cl_http_server_count(room.server), 0);
    http_room_end(&room);
    fresh();
    cl_http_server_drain(room.server);
    memory_stream_run(&room.stream);
    CHECK(room.stream.is_closed);
    http_room_end(&room);
}

static struct cl_gate gate;
static struct memory_stream held[CL_NET_HEALTH_RESERVE]; // the reserve, the oldest first
static struct memory_stream newest;

static void
arrive(struct memory_stream *stream)
{
    memory_stream_init(stream, room.loop);
    cl_http_server_take(room.server, &stream->stream);
}

/* The one place that there is, and the whole reserve, are taken. */
static void
fill_reserve(void)
{
    cl_gate_init(&gate, 1);
    room = (struct http_room){.options.gate = &gate};
    begin();
    for (size_t at = 0; at < CL_NET_HEALTH_RESERVE; at++)
        arrive(&held[at]);
    CHECK_INT(gate.reserve, CL_NET_HEALTH_RESERVE);
}

static void
empty_reserve(void)
{
    http_room_end(&room);
    CHECK_INT(gate.connections, 0);
    CHECK_INT(gate.reserve, 0);
}

TEST(in_the_reserve_a_connection_knows_it_and_gets_one_answer)
{
    fill_reserve();
    memory_stream_put(&held[0], CL_STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    CHECK(cl_http_conn_is_reserve(room.conn));
    memory_stream_run(&held[0]);
    cl_str answer = memory_stream_written(&held[0]);
    CHECK(cl_str_starts(answer, CL_STR("HTTP/1.1 200 ")));
    CHECK(cl_str_ends(answer, CL_STR("\r\nConnection: close\r\n\r\nok")));
    CHECK(held[0].is_shut);
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    CHECK(!cl_http_conn_is_reserve(room.conn));
    CHECK(!room.stream.is_shut);
    empty_reserve();
}

TEST(in_the_reserve_a_head_has_less_time)
{
    fill_reserve();
    memory_stream_put(&held[0], CL_STR("GET / HTTP/1.1\r\n"));
    put("GET / HTTP/1.1\r\n");
    http_room_advance(&room, CL_NET_RESERVE_HEAD_MS - 1);
    CHECK_STR(memory_stream_written(&held[0]), CL_STR(""));
    CHECK(!held[1].is_closed);
    http_room_advance(&room, 1);
    CHECK(cl_str_starts(memory_stream_written(&held[0]), CL_STR("HTTP/1.1 408 ")));
    CHECK(held[1].is_closed); // not a byte came
    CHECK_STR(memory_stream_written(&room.stream), CL_STR(""));
    empty_reserve();
}

TEST(when_the_reserve_is_full_the_newest_displaces_the_oldest_without_a_whole_request)
{
    fill_reserve();
    room.is_late = true;
    memory_stream_put(&held[0], CL_STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    memory_stream_put(&held[1], CL_STR("GET / HTTP/1.1\r\n" HOST));
    arrive(&newest);
    CHECK(!held[1].is_closed); // the turn's reads are not over
    cl_loop_turn(room.loop, false);
    CHECK(!held[0].is_closed); // waits for its answer
    CHECK(held[1].is_closed);
    CHECK(!held[2].is_closed);
    CHECK_INT(gate.reserve, CL_NET_HEALTH_RESERVE);
    room.is_late = false;
    memory_stream_put(&newest, CL_STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    CHECK(cl_http_conn_is_reserve(room.conn));
    memory_stream_run(&newest);
    CHECK(cl_str_starts(memory_stream_written(&newest), CL_STR("HTTP/1.1 200 ")));
    empty_reserve();
}

TEST(half_a_body_and_an_answer_that_was_written_can_be_displaced_too)
{
    fill_reserve();
    memory_stream_put(&held[0], CL_STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nx"));
    memory_stream_put(&held[1], CL_STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    memory_stream_run(&held[1]);
    CHECK(held[1].is_shut && !held[1].is_closed);
    arrive(&newest);
    cl_loop_turn(room.loop, false);
    CHECK(held[0].is_closed);
    arrive(&held[0]);
    cl_loop_turn(room.loop, false);
    CHECK(held[1].is_closed);
    CHECK(!held[2].is_closed);
    empty_reserve();
}

TEST(a_request_that_comes_in_the_turn_in_which_it_is_displaced_is_answered)
{
    fill_reserve();
    arrive(&newest);
    memory_stream_put(&held[0], CL_STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    CHECK(cl_http_conn_is_reserve(room.conn));
    cl_loop_turn(room.loop, false);
    CHECK(cl_str_starts(memory_stream_written(&held[0]), CL_STR("HTTP/1.1 200 ")));
    CHECK(held[0].is_shut && held[0].is_closed); // without a place it does not linger
    CHECK(!held[1].is_closed);
    empty_reserve();
}

TEST(when_nothing_can_be_displaced_a_connection_gets_503_and_is_closed)
{
    fill_reserve();
    room.is_late = true;
    for (size_t at = 0; at < CL_NET_HEALTH_RESERVE; at++)
        memory_stream_put(&held[at], CL_STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    arrive(&newest);
    cl_str answer = memory_stream_written(&newest);
    CHECK(cl_str_starts(answer, CL_STR("HTTP/1.1 503 ")));
    CHECK(cl_str_ends(answer, CL_STR("\"code\":\"unavailable\"}")));
    CHECK(newest.is_closed);
    empty_reserve();
}

TEST(a_connection_that_the_handler_cuts_hears_closed_and_nothing_else)
{
    fresh();
    room.is_late = true;
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    cl_http_conn_cut(room.conn);
    cl_http_conn_cut(room.conn);
    http_room_answer(&room, CL_STR("never"));
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("head / closed"));
    CHECK_STR(memory_stream_written(&room.stream), CL_STR(""));
    http_room_end(&room);
}

/* Handlers hear of it in the flush, behind the turn end: what they do must not wait for a turn
 * that something else begins. */
TEST(an_answer_that_cannot_be_written_is_followed_by_another_turn_end)
{
    fresh();
    room.is_late = true;
    room.track_ms = 100;
    put("GET / HTTP/1.1\r\n" HOST "\r\n");
    http_room_answer(&room, CL_STR("never"));
    room.stream.is_torn = true;
    http_room_count_turns(&room);
    cl_loop_turn(room.loop, true);
    CHECK_STR(http_room_notes(&room), CL_STR("head / lost closed"));
    CHECK(room.stream.is_closed);
    CHECK(http_room_turns_at_once(&room));
    CHECK_INT(room.turns, 2);
    http_room_end(&room);
}

TEST(without_memory_at_any_point_nothing_leaks_and_nothing_lies)
{
    FOR_EACH_FAULT
    {
        room = (struct http_room){.track_ms = 100};
        if (http_room_begin(&room)) {
            put("POST /a HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
                "GET /b HTTP/1.1\r\n" HOST "\r\n");
            bool is_whole = wrote("\r\n\r\nokHTTP/1.1 200 OK");
            CHECK(is_whole || fault_happened());
            memory_stream_put_eof(&room.stream);
            memory_stream_run(&room.stream);
            CHECK(room.stream.is_closed || fault_happened());
            http_room_end(&room);
            CHECK(room.stream.is_closed);
        } else {
            CHECK(fault_happened());
        }
    }
}
