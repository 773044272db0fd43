// SPDX-License-Identifier: MIT
/* Every end that this room makes is counted under its reason, and addresses with a penalty wait. */
#include "net/counts.h"

#include <string.h>

#include "base/limits.h"
#include "support/http_room.h"
#include "support/test.h"

#define HOST "Host: localhost\r\n"
#define GET  "GET / HTTP/1.1\r\n" HOST "\r\n"
#define HANDSHAKE                                                               \
    "GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

static struct http_room room;
static struct cl_gate gate;
static struct cl_penalties penalties;
static struct memory_stream streams[CL_NET_STRANGERS_PER_ADDRESS_MAX + CL_NET_HEALTH_RESERVE + 2];

static void
begin(void)
{
    CHECK(http_room_begin(&room));
    gate.counts = cl_loop_counts(room.loop);
}

static uint64_t
count(enum cl_count reason)
{
    return cl_loop_counts(room.loop)->of[reason];
}

/* That reason was counted so often, and no other. */
static void
check_only(enum cl_count reason, uint64_t times)
{
    for (unsigned i = 0; i < CL_COUNT_LEN; i++) {
        test_note("%s", cl_count_label((enum cl_count)i));
        CHECK_INT(count((enum cl_count)i), i == reason ? times : 0);
    }
}

/* A connection from 192.0.2.<host>. */
static struct memory_stream *
arrive(size_t at, uint8_t host)
{
    memory_stream_init(&streams[at], room.loop);
    streams[at].peer =
        (cl_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = host}};
    cl_http_server_take(room.server, &streams[at].stream);
    return &streams[at];
}

static void
ask(struct memory_stream *stream, const char *bytes)
{
    memory_stream_put(stream, cl_str_z(bytes));
    memory_stream_run(stream);
}

TEST(labels_are_what_prometheus_allows_and_no_two_are_alike)
{
    for (unsigned i = 0; i < CL_COUNT_LEN; i++) {
        const char *label = cl_count_label((enum cl_count)i);
        test_note("%s", label);
        CHECK(strspn(label, "abcdefghijklmnopqrstuvwxyz_") == strlen(label) && label[0] != '\0');
        for (unsigned j = 0; j < i; j++)
            CHECK(strcmp(label, cl_count_label((enum cl_count)j)) != 0);
    }
    CHECK_INT(cl_count_kind(CL_COUNT_TURNED_AWAY), CL_COUNT_REFUSED);
    CHECK_INT(cl_count_kind(CL_COUNT_STALL), CL_COUNT_CUT);
    CHECK_INT(cl_count_kind(CL_COUNT_MDNS_REST), CL_COUNT_DROPPED);
}

TEST(a_good_request_is_counted_as_nothing_else)
{
    room = (struct http_room){0};
    begin();
    http_room_put(&room, GET);
    http_room_put(&room, GET);
    check_only(CL_COUNT_LEN, 0);
    CHECK_INT(cl_loop_counts(room.loop)->requests, 2);
    CHECK_INT(cl_loop_counts(room.loop)->accepted, 1);
    http_room_end(&room);
}

TEST(each_slow_part_of_a_request_has_its_reason)
{
    static const struct {
        const char *bytes;
        int64_t ms;
        enum cl_count reason;
    } rows[] = {
        {"", CL_NET_HEAD_TIMEOUT_MS, CL_COUNT_SILENT},
        {"GET / HTTP/1.1\r\n", CL_NET_HEAD_TIMEOUT_MS, CL_COUNT_SLOW_HEAD},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nx", CL_NET_BODY_GRACE_MS,
         CL_COUNT_SLOW_BODY},
        {GET, CL_NET_IDLE_TIMEOUT_MS, CL_COUNT_IDLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        room = (struct http_room){0};
        begin();
        http_room_put(&room, rows[i].bytes);
        http_room_advance(&room, rows[i].ms - 1);
        check_only(rows[i].reason, 0);
        http_room_advance(&room, 1);
        check_only(rows[i].reason, 1);
        http_room_end(&room);
    }
}

TEST(a_reader_that_stalls_is_counted_over_http_and_over_a_websocket)
{
    room = (struct http_room){0};
    begin();
    room.stream.room = 10;
    http_room_put(&room, GET);
    http_room_advance(&room, CL_NET_WRITE_STALL_MS);
    check_only(CL_COUNT_STALL, 1);
    http_room_end(&room);

    room = (struct http_room){.upgrades = true};
    begin();
    http_room_put(&room, HANDSHAKE);
    room.stream.room = 0;
    struct cl_part part = cl_part_of(CL_STR("hello"));
    CHECK_OK(cl_ws_send_text(room.ws, &part, 1));
    memory_stream_run(&room.stream);
    http_room_advance(&room, CL_NET_WRITE_STALL_MS);
    check_only(CL_COUNT_STALL, 1);
    http_room_end(&room);
}

TEST(a_dead_websocket_and_one_that_breaks_the_rules_are_counted)
{
    room = (struct http_room){.upgrades = true};
    begin();
    http_room_put(&room, HANDSHAKE);
    http_room_advance(&room, CL_NET_PING_MS);
    http_room_advance(&room, CL_NET_DEAD_MS - CL_NET_PING_MS);
    check_only(CL_COUNT_DEAD, 1);
    http_room_end(&room);

    room = (struct http_room){.upgrades = true};
    begin();
    http_room_put(&room, HANDSHAKE);
    http_room_put(&room, "\x81\x01x"); // without a mask
    check_only(CL_COUNT_BROKEN, 1);
    http_room_end(&room);
}

TEST(requests_are_counted_by_why_they_were_refused_and_by_whom)
{
    room = (struct http_room){.refuses = CL_ERR_FORBIDDEN};
    begin();
    http_room_put(&room, GET);
    CHECK_INT(cl_loop_counts(room.loop)->refused[CL_ERR_FORBIDDEN], 1);
    CHECK_INT(cl_loop_counts(room.loop)->broken[CL_ERR_FORBIDDEN], 0);
    http_room_put(&room, "GET nowhere HTTP/1.1\r\n\r\n");
    CHECK_INT(cl_loop_counts(room.loop)->broken[CL_ERR_MALFORMED], 1);
    CHECK_INT(cl_loop_counts(room.loop)->refused[CL_ERR_MALFORMED], 0);
    http_room_end(&room);
}

TEST(each_time_over_a_cap_and_what_became_of_it_is_counted)
{
    cl_gate_init(&gate, 1000);
    room = (struct http_room){.options.gate = &gate};
    begin();
    size_t at = 0;
    for (; at < CL_NET_STRANGERS_PER_ADDRESS_MAX; at++)
        arrive(at, 1);
    check_only(CL_COUNT_LEN, 0);
    for (unsigned i = 0; i < CL_NET_HEALTH_RESERVE; i++)
        arrive(at++, 1);
    check_only(CL_COUNT_PER_ADDRESS, CL_NET_HEALTH_RESERVE);
    CHECK_INT(count(CL_COUNT_DISPLACED), 0);
    arrive(at++, 1);
    CHECK_INT(count(CL_COUNT_DISPLACED), 1);
    CHECK_INT(count(CL_COUNT_TURNED_AWAY), 0);
    cl_http_server_drain(room.server);
    arrive(at, 2);
    CHECK_INT(count(CL_COUNT_DRAINING), 1);
    http_room_end(&room);
}

TEST(one_more_than_all_is_counted_and_so_is_being_turned_away)
{
    cl_gate_init(&gate, 1);
    room = (struct http_room){.options.gate = &gate, .is_late = true};
    begin();
    for (size_t at = 0; at < CL_NET_HEALTH_RESERVE; at++)
        memory_stream_put(arrive(at, 1), CL_STR(GET));
    CHECK_INT(count(CL_COUNT_ALL_FULL), CL_NET_HEALTH_RESERVE);
    arrive(CL_NET_HEALTH_RESERVE, 1);
    CHECK_INT(count(CL_COUNT_ALL_FULL), CL_NET_HEALTH_RESERVE + 1);
    CHECK_INT(count(CL_COUNT_TURNED_AWAY), 1);
    CHECK_INT(count(CL_COUNT_DISPLACED), 0);
    http_room_end(&room);
}

/* -- penalties --------------------------------------------------------------------------------- */

static void
begin_with_penalties(void)
{
    static const cl_hash_key hash_key = {{5}};
    cl_penalties_init(&penalties, &hash_key);
    room = (struct http_room){.options.penalties = &penalties};
    begin();
}

static bool
says(const struct memory_stream *stream, const char *status)
{
    return cl_str_starts(memory_stream_written(stream), cl_str_z(status));
}

TEST(an_address_with_a_penalty_gets_429_with_the_seconds_that_are_left)
{
    begin_with_penalties();
    struct memory_stream *guesser = arrive(0, 1);
    ask(guesser, GET);
    CHECK(says(guesser, "HTTP/1.1 200 "));
    cl_http_conn_penalise(room.conn);
    memory_stream_clear(guesser);
    http_room_advance(&room, 1500);
    ask(guesser, GET);
    CHECK(says(guesser, "HTTP/1.1 429 "));
    CHECK(strstr(guesser->out, "\r\nRetry-After: 4\r\n") != NULL);
    CHECK(strstr(guesser->out, "\"code\":\"auth_penalty\"") != NULL);
    CHECK(guesser->is_shut);
    CHECK_INT(cl_loop_counts(room.loop)->broken[CL_ERR_PENALTY], 1);

    ask(arrive(1, 1), GET);
    CHECK(says(&streams[1], "HTTP/1.1 429 "));
    ask(arrive(2, 2), GET);
    CHECK(says(&streams[2], "HTTP/1.1 200 "));
    http_room_advance(&room, CL_NET_PENALTY_MS - 1500);
    ask(arrive(3, 1), GET);
    CHECK(says(&streams[3], "HTTP/1.1 200 "));
    http_room_end(&room);
}

TEST(a_connection_that_has_shown_the_token_does_not_wait_for_others_penalties)
{
    begin_with_penalties();
    struct memory_stream *known = arrive(0, 1);
    ask(known, GET);
    cl_http_conn_is_known(room.conn);
    ask(arrive(1, 1), GET);
    cl_http_conn_penalise(room.conn);
    memory_stream_clear(known);
    ask(known, GET);
    CHECK(says(known, "HTTP/1.1 200 "));
    http_room_end(&room);
}

TEST(who_goes_on_guessing_is_turned_away_unread)
{
    begin_with_penalties();
    ask(arrive(0, 1), GET);
    for (int i = 0; i < CL_NET_PENALTY_DEAF_MS / CL_NET_PENALTY_MS; i++)
        cl_http_conn_penalise(room.conn);
    arrive(1, 1);
    CHECK(!streams[1].is_closed);
    cl_http_conn_penalise(room.conn);
    arrive(2, 1);
    CHECK(streams[2].is_closed);
    CHECK_STR(memory_stream_written(&streams[2]), CL_STR(""));
    check_only(CL_COUNT_PENALTY, 1);
    arrive(3, 2);
    CHECK(!streams[3].is_closed);
    http_room_end(&room);
}
