// SPDX-License-Identifier: MIT
/* clawlink-v1.md, When is a message gone? */
#include "net/http_server.h"

#include "base/limits.h"
#include "support/http_room.h"
#include "support/test.h"

#define REQUEST(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

static struct http_room room;

/* An answer that the peer's TCP has not acknowledged is written. */
static void
begin_written(void)
{
    room = (struct http_room){.track_ms = CL_POLL_LEASE_MS};
    CHECK(http_room_begin(&room));
    room.stream.is_acked = false;
    http_room_put(&room, REQUEST("/a"));
    CHECK_STR(http_room_notes(&room), CL_STR("head /a written"));
}

TEST(an_answer_is_taken_when_the_peer_acknowledges_it)
{
    begin_written();
    memory_loop_advance(room.loop, 1);
    CHECK_STR(http_room_notes(&room), CL_STR(""));
    room.stream.is_acked = true;
    memory_loop_advance(room.loop, 2);
    CHECK_STR(http_room_notes(&room), CL_STR("taken:acked"));
    memory_loop_advance(room.loop, CL_POLL_LEASE_MS);
    CHECK_STR(http_room_notes(&room), CL_STR(""));
    http_room_end(&room);
    CHECK_STR(http_room_notes(&room), CL_STR("closed"));
}

TEST(an_answer_that_is_acknowledged_at_once_is_taken_at_once)
{
    room = (struct http_room){.track_ms = CL_POLL_LEASE_MS};
    CHECK(http_room_begin(&room));
    http_room_put(&room, REQUEST("/a"));
    CHECK_STR(http_room_notes(&room), CL_STR("head /a written taken:acked"));
    http_room_end(&room);
}

TEST(an_answer_is_taken_when_the_next_request_comes)
{
    begin_written();
    http_room_put(&room, REQUEST("/b"));
    CHECK_STR(http_room_notes(&room), CL_STR("taken:request head /b written"));
    http_room_end(&room);
    CHECK_STR(http_room_notes(&room), CL_STR("lost closed"));
}

TEST(a_request_that_was_pipelined_before_the_answer_proves_nothing_and_waits)
{
    room = (struct http_room){.track_ms = CL_POLL_LEASE_MS};
    CHECK(http_room_begin(&room));
    room.stream.is_acked = false;
    http_room_put(&room, REQUEST("/a") REQUEST("/b"));
    CHECK_STR(http_room_notes(&room), CL_STR("head /a written"));
    room.stream.is_acked = true;
    memory_loop_advance(room.loop, 10);
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("taken:acked head /b written taken:acked"));
    http_room_end(&room);
}

TEST(an_answer_is_taken_when_the_peer_ends_in_order)
{
    begin_written();
    memory_stream_put_eof(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("taken:eof closed"));
    http_room_end(&room);
}

TEST(an_end_in_the_middle_of_the_next_head_is_one_in_order_too)
{
    begin_written();
    http_room_put(&room, "GET /b HT");
    memory_stream_put_eof(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("taken:eof closed"));
    http_room_end(&room);
}

TEST(the_last_answer_of_a_connection_is_taken_when_the_peer_ends_in_order)
{
    room = (struct http_room){.track_ms = CL_POLL_LEASE_MS};
    CHECK(http_room_begin(&room));
    room.stream.is_acked = false;
    http_room_put(&room, "GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    CHECK_STR(http_room_notes(&room), CL_STR("head /a written"));
    CHECK(room.stream.is_shut);
    // It is waited for longer than a connection lingers.
    memory_loop_advance(room.loop, CL_NET_LINGER_MS + 1);
    CHECK_STR(http_room_notes(&room), CL_STR(""));
    memory_stream_put_eof(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("taken:eof closed"));
    http_room_end(&room);
}

TEST(an_end_before_the_whole_answer_proves_nothing)
{
    room = (struct http_room){.track_ms = CL_POLL_LEASE_MS, .is_late = true};
    CHECK(http_room_begin(&room));
    room.stream.is_acked = false;
    http_room_put(&room, REQUEST("/a"));
    memory_stream_put_eof(&room.stream);
    http_room_answer(&room, CL_STR("ok"));
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("head /a eof written"));
    memory_loop_advance(room.loop, CL_POLL_LEASE_MS);
    CHECK_STR(http_room_notes(&room), CL_STR("lost closed"));
    http_room_end(&room);
}

TEST(an_answer_is_lost_when_the_connection_breaks)
{
    begin_written();
    memory_stream_reset(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("lost closed"));
    http_room_end(&room);
}

TEST(an_answer_is_lost_when_the_connection_breaks_before_it_was_written)
{
    room = (struct http_room){.track_ms = CL_POLL_LEASE_MS};
    CHECK(http_room_begin(&room));
    room.stream.room = 20;
    http_room_put(&room, REQUEST("/a"));
    memory_stream_reset(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("head /a lost closed"));
    http_room_end(&room);
}

TEST(an_answer_to_a_connection_that_was_just_cut_is_lost)
{
    room = (struct http_room){.track_ms = CL_POLL_LEASE_MS, .is_late = true};
    CHECK(http_room_begin(&room));
    http_room_put(&room, REQUEST("/a"));
    cl_http_conn_cut(room.conn);
    http_room_answer(&room, CL_STR("ok"));
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR("head /a lost closed"));
    http_room_end(&room);
}

TEST(an_answer_is_lost_when_nothing_proves_it_in_time_and_the_connection_stays)
{
    begin_written();
    memory_loop_advance(room.loop, CL_POLL_LEASE_MS - 1);
    CHECK_STR(http_room_notes(&room), CL_STR(""));
    memory_loop_advance(room.loop, 1);
    CHECK_STR(http_room_notes(&room), CL_STR("lost"));
    http_room_put(&room, REQUEST("/b"));
    CHECK_STR(http_room_notes(&room), CL_STR("head /b written"));
    http_room_end(&room);
    CHECK_STR(http_room_notes(&room), CL_STR("lost closed"));
}

TEST(an_answer_is_lost_when_the_peer_takes_none_of_it)
{
    room = (struct http_room){.track_ms = CL_POLL_LEASE_MS};
    CHECK(http_room_begin(&room));
    room.stream.room = 20;
    http_room_put(&room, REQUEST("/a"));
    memory_loop_advance(room.loop, CL_NET_WRITE_STALL_MS);
    CHECK_STR(http_room_notes(&room), CL_STR("head /a lost closed"));
    http_room_end(&room);
}

TEST(a_server_that_drains_waits_for_the_proof)
{
    begin_written();
    cl_http_server_drain(room.server);
    memory_stream_run(&room.stream);
    CHECK_STR(http_room_notes(&room), CL_STR(""));
    room.stream.is_acked = true;
    memory_loop_advance(room.loop, 20);
    CHECK_STR(http_room_notes(&room), CL_STR("taken:acked closed"));
    http_room_end(&room);
}
