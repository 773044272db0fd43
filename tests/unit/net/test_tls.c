// SPDX-License-Identifier: MIT
#include "net/tls.h"

#include <string.h>

#include "support/fault.h"
#include "support/test.h"
#include "support/tls_pair.h"

static struct tls_pair pair;
static char text[200000];

/* What no encoding leaves as it is by chance. */
static cl_str
long_text(size_t len)
{
    uint32_t state = 1;
    for (size_t at = 0; at < len; at++) {
        state = state * 1664525u + 1013904223u;
        text[at] = (char)(state >> 24);
    }
    return cl_str_of(text, len);
}

static void
open_pair(void)
{
    CHECK_OK(tls_pair_open(&pair));
}

/* A pair whose handshake is over. */
static void
shake_hands(void)
{
    open_pair();
    tls_pair_run(&pair, SIZE_MAX);
    CHECK_INT(cl_tls_counts(pair.server_side)->handshakes, 1);
    memory_stream_clear(&pair.server.wire);
    memory_stream_clear(&pair.client.wire);
}

static cl_str
heard(const struct tls_end *end)
{
    return cl_str_of(end->heard, end->heard_len);
}

TEST(a_conversation_survives_every_way_to_cut_it)
{
    static const size_t pieces[] = {1, 2, 3, 5, 17, 100, 1448, 16405, 65536};
    for (size_t at = 0; at < sizeof pieces / sizeof *pieces; at++) {
        size_t len = pieces[at] < 5 ? 3000 : 100000;
        test_note("pieces of %zu", pieces[at]);
        open_pair();
        tls_end_say(&pair.client, long_text(len));
        tls_end_say(&pair.server, long_text(len));
        tls_pair_run(&pair, pieces[at]);
        CHECK(cl_str_eq(heard(&pair.server), long_text(len)));
        CHECK(cl_str_eq(heard(&pair.client), long_text(len)));
        CHECK_INT(pair.client.said, len);
        CHECK_INT(pair.server.said, len);
        CHECK_INT(cl_tls_counts(pair.server_side)->failures, 0);
        tls_pair_close(&pair);
    }
    test_note("%s", "");
}

TEST(nothing_is_said_before_the_handshake_is_over)
{
    open_pair();
    tls_end_say(&pair.client, CL_STR("secret"));
    CHECK(tls_carry(&pair.client, &pair.server, SIZE_MAX) || pair.client.wire.out_len > 0);
    CHECK_INT(pair.client.said, 0);
    CHECK(!cl_str_starts(memory_stream_written(&pair.client.wire), CL_STR("secret")));
    tls_pair_run(&pair, SIZE_MAX);
    CHECK_STR(heard(&pair.server), CL_STR("secret"));
    tls_pair_close(&pair);
}

TEST(many_slices_leave_as_one_record_in_one_write)
{
    shake_hands();
    size_t writes = pair.server.wire.writes;
    pair.server.slices = 60;
    tls_end_say(&pair.server, long_text(6000));
    cl_loop_turn(pair.loop, false);
    CHECK_INT(pair.server.wire.writes, writes + 1);
    CHECK_INT(pair.server.wire.out_len, 6000 + 22); // head, type and tag of TLS 1.3
    tls_pair_run(&pair, SIZE_MAX);
    CHECK(cl_str_eq(heard(&pair.client), long_text(6000)));
    tls_pair_close(&pair);
}

TEST(slices_around_the_size_of_a_record_arrive_whole)
{
    static const size_t lens[] = {16383, 16384, 16385, 32767, 32768, 32769, 60000};
    for (size_t at = 0; at < sizeof lens / sizeof *lens; at++)
        for (size_t slices = 1; slices <= 5; slices++) {
            test_note("%zu bytes in %zu slices", lens[at], slices);
            shake_hands();
            pair.server.slices = slices;
            tls_end_say(&pair.server, long_text(lens[at]));
            tls_pair_run(&pair, SIZE_MAX);
            CHECK(cl_str_eq(heard(&pair.client), long_text(lens[at])));
            tls_pair_close(&pair);
        }
    test_note("%s", "");
}

TEST(what_below_does_not_take_is_not_reported_as_taken)
{
    shake_hands();
    size_t given = 0;
    pair.server.wire.room = 0;
    tls_end_say(&pair.server, long_text(150000));
    cl_loop_turn(pair.loop, false);
    CHECK_INT(pair.server.said, 0);
    CHECK(!cl_stream_is_acked(pair.server.stream));
    for (size_t step = 1; pair.server.says.len > 0; step = step * 3 % 7001 + 1) {
        given += step;
        memory_stream_give_room(&pair.server.wire, step);
        cl_loop_turn(pair.loop, false);
        cl_loop_turn(pair.loop, false);
        CHECK(pair.server.said <= given);
        CHECK(pair.server.said + CL_TLS_CHUNK_BYTES + 200 >= given);
        (void)tls_carry(&pair.server, &pair.client, SIZE_MAX);
    }
    memory_stream_give_room(&pair.server.wire, MEMORY_STREAM_CAP / 2);
    tls_pair_run(&pair, SIZE_MAX);
    CHECK(cl_str_eq(heard(&pair.client), long_text(150000)));
    CHECK(cl_stream_is_acked(pair.server.stream));
    tls_pair_close(&pair);
}

/* Else the user would take it for written, and close. */
TEST(the_last_byte_is_taken_when_the_whole_record_is)
{
    shake_hands();
    pair.server.wire.room = 0;
    tls_end_say(&pair.server, long_text(1000));
    cl_loop_turn(pair.loop, false);
    memory_stream_give_room(&pair.server.wire, 1010);
    cl_loop_turn(pair.loop, false);
    cl_loop_turn(pair.loop, false);
    CHECK_INT(pair.server.said, 999);
    memory_stream_give_room(&pair.server.wire, 11);
    cl_loop_turn(pair.loop, false);
    cl_loop_turn(pair.loop, false);
    CHECK_INT(pair.server.said, 999);
    memory_stream_give_room(&pair.server.wire, 1);
    cl_loop_turn(pair.loop, false);
    cl_loop_turn(pair.loop, false);
    CHECK_INT(pair.server.said, 1000);
    tls_pair_close(&pair);
}

TEST(a_paused_reader_hears_nothing_and_then_all)
{
    shake_hands();
    pair.server.stops_at_data = true;
    tls_end_say(&pair.client, long_text(180000));
    tls_pair_run(&pair, 50000);
    size_t first = pair.server.heard_len;
    CHECK(first > 0 && first < 180000);
    CHECK(!pair.server.wire.is_reading);
    tls_pair_run(&pair, 50000);
    CHECK_INT(pair.server.heard_len, first);

    int rounds = 0;
    for (; pair.server.heard_len < 180000 && rounds < 50; rounds++) {
        size_t before = pair.server.heard_len;
        cl_stream_set_reading(pair.server.stream, true);
        CHECK_INT(pair.server.heard_len, before); // not from within the operation
        tls_pair_run(&pair, 50000);
        CHECK(pair.server.heard_len > before);
    }
    CHECK(rounds > 1);
    CHECK(cl_str_eq(heard(&pair.server), long_text(180000)));
    tls_pair_close(&pair);
}

/* One read may hold several records, handed over one by one; behind a pause the rest waits in the
 * stream. */
TEST(a_pause_in_the_middle_of_a_read_loses_nothing)
{
    shake_hands();
    tls_end_say(&pair.client, long_text(120000));
    cl_loop_turn(pair.loop, false);
    pair.server.stops_at_data = true;
    memory_stream_put(&pair.server.wire, memory_stream_written(&pair.client.wire));
    CHECK_INT(pair.server.heard_len, CL_TLS_RECORD_BYTES);
    pair.server.stops_at_data = false;
    cl_stream_set_reading(pair.server.stream, true);
    cl_loop_turn(pair.loop, false);
    CHECK(cl_str_eq(heard(&pair.server), long_text(120000)));
    tls_pair_close(&pair);
}

TEST(close_notify_is_an_end_and_leaves_the_other_way_open)
{
    shake_hands();
    cl_stream_shut(pair.client.stream);
    tls_pair_run(&pair, SIZE_MAX);
    CHECK(pair.server.is_over);
    CHECK(pair.client.wire.is_shut);
    CHECK(!pair.server.is_broken);
    tls_end_say(&pair.server, CL_STR("still here"));
    tls_pair_run(&pair, SIZE_MAX);
    CHECK_STR(heard(&pair.client), CL_STR("still here"));
    cl_stream_shut(pair.server.stream);
    tls_pair_run(&pair, SIZE_MAX);
    CHECK(pair.client.is_over);
    CHECK(pair.server.wire.is_shut);
    tls_pair_close(&pair);
}

TEST(close_notify_waits_for_room_and_the_end_below_for_it)
{
    shake_hands();
    pair.server.wire.room = 0;
    cl_stream_shut(pair.server.stream);
    CHECK(!pair.server.wire.is_shut);
    memory_stream_give_room(&pair.server.wire, 1000);
    cl_loop_turn(pair.loop, false);
    CHECK(pair.server.wire.is_shut);
    tls_pair_run(&pair, SIZE_MAX);
    CHECK(pair.client.is_over);
    tls_pair_close(&pair);
}

TEST(an_end_is_told_once_and_only_to_a_reader)
{
    shake_hands();
    cl_stream_set_reading(pair.server.stream, false);
    cl_stream_shut(pair.client.stream);
    tls_pair_run(&pair, SIZE_MAX);
    CHECK(!pair.server.is_over);
    cl_stream_set_reading(pair.server.stream, true);
    tls_pair_run(&pair, SIZE_MAX);
    CHECK(pair.server.is_over);
    memory_stream_put_eof(&pair.server.wire); // on_eof would assert
    tls_pair_run(&pair, SIZE_MAX);
    CHECK(!pair.server.is_broken);
    tls_pair_close(&pair);
}

TEST(an_end_without_close_notify_breaks_a_client_and_ends_a_server)
{
    shake_hands();
    memory_stream_put_eof(&pair.server.wire);
    CHECK(pair.server.is_over);
    memory_stream_put_eof(&pair.client.wire);
    CHECK(!pair.client.is_over);
    CHECK(pair.client.is_broken);
    CHECK_INT(pair.client.reason, CL_ERR_CLOSED);
    tls_pair_close(&pair);
}

TEST(a_reset_below_is_told)
{
    shake_hands();
    memory_stream_reset(&pair.server.wire);
    CHECK(pair.server.is_broken);
    CHECK_INT(pair.server.reason, CL_ERR_CLOSED);
    tls_pair_close(&pair);
}

TEST(a_write_that_fails_below_fails_above)
{
    shake_hands();
    pair.server.wire.is_torn = true;
    tls_end_say(&pair.server, CL_STR("lost"));
    cl_loop_turn(pair.loop, false);
    CHECK(pair.server.is_broken);
    CHECK_INT(pair.server.reason, CL_ERR_CLOSED);
    tls_pair_close(&pair);
}

TEST(plain_http_is_answered_in_plain_http_and_closed)
{
    open_pair();
    memory_stream_put(&pair.server.wire, CL_STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    memory_stream_run(&pair.server.wire);
    cl_str said = memory_stream_written(&pair.server.wire);
    CHECK(cl_str_starts(said, CL_STR("HTTP/1.1 400 ")));
    CHECK(cl_str_ends(said, CL_STR("\r\n\r\nThis port speaks https.\n")));
    CHECK(pair.server.wire.is_shut);
    CHECK(!pair.server.is_broken);
    memory_stream_put(&pair.server.wire, CL_STR("more of it")); // is dropped
    memory_stream_put_eof(&pair.server.wire);
    CHECK(pair.server.is_broken);
    CHECK_INT(pair.server.heard_len, 0);
    CHECK_INT(cl_tls_counts(pair.server_side)->plain, 1);
    CHECK_INT(cl_tls_counts(pair.server_side)->failures, 1);
    tls_pair_close(&pair);
}

TEST(garbage_in_a_handshake_gets_an_alert_and_the_end)
{
    open_pair();
    memory_stream_put(&pair.server.wire, CL_STR("\x16\x03\x01\x00\x05garbage, and more of it"));
    memory_stream_run(&pair.server.wire);
    CHECK(cl_str_starts(memory_stream_written(&pair.server.wire), CL_STR("\x15\x03")));
    CHECK(pair.server.wire.is_shut);
    CHECK_INT(cl_tls_counts(pair.server_side)->failures, 1);
    memory_stream_put_eof(&pair.server.wire);
    CHECK(pair.server.is_broken);
    tls_pair_close(&pair);
}

TEST(a_changed_byte_breaks_the_stream)
{
    shake_hands();
    tls_end_say(&pair.client, CL_STR("pay 10"));
    cl_loop_turn(pair.loop, false);
    pair.client.wire.out[7] ^= 1;
    tls_pair_run(&pair, SIZE_MAX);
    CHECK(pair.server.is_broken);
    CHECK_INT(pair.server.reason, CL_ERR_IO);
    CHECK_INT(pair.server.heard_len, 0);
    CHECK_INT(cl_tls_counts(pair.server_side)->broken, 1);
    tls_pair_close(&pair);
}

TEST(a_stream_closed_before_its_first_byte_costs_nothing)
{
    cl_str answer = CL_STR("HTTP/1.1 503 ...");
    struct cl_stream *stream;
    size_t taken = 1;
    open_pair();
    tls_end_close(&pair.server);
    memory_stream_init(&pair.server.wire, pair.loop);
    CHECK_OK(cl_tls_wrap(pair.server_side, &pair.server.wire.stream, CL_STR(""), &stream));
    CHECK_OK(cl_stream_write(stream, &answer, 1, &taken)); // as http_server turns one away
    CHECK_INT(taken, 0);
    cl_stream_shut(stream);
    cl_stream_close(stream);
    CHECK(pair.server.wire.is_closed);
    CHECK_INT(pair.server.wire.out_len, 0);
    tls_pair_close(&pair);
}

TEST(a_conversation_without_memory_ends_and_leaks_nothing)
{
    (void)tls_test_key(); // made outside the count
    FOR_EACH_FAULT
    {
        enum cl_err err = tls_pair_open(&pair);
        if (err == CL_OK) {
            tls_end_say(&pair.client, long_text(70000));
            tls_end_say(&pair.server, long_text(70000));
            pair.server.wire.room = 9000;
            tls_pair_run(&pair, 1000);
            if (!pair.server.wire.is_closed)
                memory_stream_give_room(&pair.server.wire, 200000);
            tls_pair_run(&pair, 40000);
            bool is_whole = pair.server.heard_len == 70000 && pair.client.heard_len == 70000;
            CHECK(is_whole || fault_happened());
            CHECK(cl_str_eq(heard(&pair.server), long_text(pair.server.heard_len)));
            CHECK(cl_str_eq(heard(&pair.client), long_text(pair.client.heard_len)));
        } else {
            CHECK(fault_happened());
        }
        tls_pair_close(&pair);
    }
}
