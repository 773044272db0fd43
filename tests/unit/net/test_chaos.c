// SPDX-License-Identifier: MIT
/*
 * One connection, a peer and a handler that do anything at any time: the handler also cuts,
 * answers and upgrades from within each of its calls. Whatever happens in whatever order, the
 * promises of http_server.h and ws_conn.h hold, and a connection that its peer leaves alone ends.
 */
#include <string.h>

#include "net/http_server.h"
#include "support/memory_stream.h"
#include "support/rng.h"
#include "support/test.h"

#define SEEDS     3000
#define STEPS_MAX 60
/* Longer than all deadlines in a row that one connection can have. */
#define END_MS (2 * (CL_NET_IDLE_TIMEOUT_MS + CL_NET_DEAD_MS))

static struct cl_loop *loop;
static struct cl_http_server *server;
static struct cl_gate gate;
static struct memory_stream stream;
static struct cl_http_conn *conn; // NULL: ended or upgraded
static struct cl_ws_conn *ws;     // NULL: not upgraded, or ended
static bool is_owed;              // an answer
static bool is_awaited;           // a verdict about a tracked one
static bool has_opened;           // on_head came at least once
static int ends;                  // on_closed, of either kind
static struct rng random_state;

static uint32_t
dice(uint32_t sides)
{
    return (uint32_t)rng_below(&random_state, sides);
}

/* -- the handler ----------------------------------------------------------------------------- */

static void
use_ws(void)
{
    static char large[100000];
    struct cl_part part = cl_part_of(cl_str_of(large, dice(4) == 0 ? sizeof large : dice(9)));
    enum cl_err err = CL_OK;
    switch (ws == NULL ? 0 : dice(12)) {
    case 1:
        if (dice(4) == 0)
            cl_ws_cut(ws);
        break;
    case 2:
        cl_ws_close(ws, CL_WS_CLOSE_NORMAL, CL_STR("enough"));
        break;
    case 3:
        err = cl_ws_ping(ws, CL_STR("?"));
        break;
    case 4:
    case 5:
        err = cl_ws_send_text(ws, &part, 1);
        break;
    default:
        break;
    }
    CHECK(err == CL_OK || err == CL_ERR_CLOSED || err == CL_ERR_FULL);
}

static void
on_message(void *ctx, struct cl_ws_conn *from, bool is_text, cl_str message)
{
    (void)ctx;
    (void)is_text;
    (void)message;
    CHECK(from == ws);
    use_ws();
}

static void
on_pong(void *ctx, struct cl_ws_conn *from, cl_str payload)
{
    (void)ctx;
    (void)payload;
    CHECK(from == ws);
    use_ws();
}

static void
on_ws_closed(void *ctx, struct cl_ws_conn *from, uint16_t code)
{
    (void)ctx;
    (void)code;
    CHECK(from == ws);
    ws = NULL;
    ends++;
}

static const struct cl_ws_handler ws_handler = {.on_message = on_message,
                                                .on_pong = on_pong,
                                                .on_closed = on_ws_closed,
                                                .out_bytes_max = 150000};

static void
give_answer(void)
{
    static char large[20000];
    struct cl_part part = cl_part_of(cl_str_of(large, dice(3) == 0 ? sizeof large : dice(9)));
    struct cl_http_answer answer = {.status = dice(5) == 0 ? 204 : 200,
                                    .parts = &part,
                                    .parts_len = dice(2),
                                    .track_ms = dice(2) * 5000,
                                    .close = dice(5) == 0};
    CHECK(!is_awaited);
    is_owed = false;
    is_awaited = answer.track_ms > 0;
    cl_http_answer(conn, &answer);
}

static void
upgrade(void)
{
    if (cl_http_upgrade(conn, &ws_handler, NULL, &ws) == CL_OK)
        conn = NULL;
    is_owed = false;
}

/* Sometimes answers what is owed, sometimes cuts. */
static void
use_http(void)
{
    switch (conn == NULL ? 0 : dice(10)) {
    case 1:
        if (dice(4) == 0)
            cl_http_conn_cut(conn);
        break;
    case 2:
        if (is_owed)
            cl_http_refuse(conn, CL_ERR_FULL, CL_STR("no"));
        is_owed = false;
        break;
    case 3:
        if (is_owed)
            upgrade();
        break;
    case 4:
    case 5:
    case 6:
        if (is_owed)
            give_answer();
        break;
    default:
        break;
    }
}

static void
on_head(void *ctx, struct cl_http_conn *from, const struct cl_http_head *head)
{
    (void)ctx;
    (void)head;
    CHECK(!has_opened || from == conn);
    CHECK(!is_awaited);
    has_opened = true;
    conn = from;
    is_owed = true;
    if (dice(2) == 0)
        use_http();
    is_owed = false;
}

static void
on_request(void *ctx, struct cl_http_conn *from, const struct cl_http_head *head, cl_str body)
{
    (void)ctx;
    (void)body;
    CHECK(from == conn);
    is_owed = true;
    if (head->upgrade && dice(4) > 0)
        upgrade();
    else
        use_http();
}

static void
on_event(void *ctx, struct cl_http_conn *from)
{
    (void)ctx;
    CHECK(from == conn);
    use_http();
}

static void
on_answer_taken(void *ctx, struct cl_http_conn *from, enum cl_http_proof proof)
{
    (void)proof;
    CHECK(is_awaited);
    is_awaited = false;
    on_event(ctx, from);
}

static void
on_answer_lost(void *ctx, struct cl_http_conn *from)
{
    CHECK(is_awaited);
    is_awaited = false;
    on_event(ctx, from);
}

static void
on_closed(void *ctx, struct cl_http_conn *from)
{
    (void)ctx;
    CHECK(!has_opened || from == conn);
    CHECK(!is_awaited);
    conn = NULL;
    is_owed = false;
    ends++;
}

static const struct cl_http_handler handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_eof = on_event,
    .on_answer_written = on_event,
    .on_answer_taken = on_answer_taken,
    .on_answer_lost = on_answer_lost,
    .on_closed = on_closed,
};

/* -- the peer -------------------------------------------------------------------------------- */

#define HEAD(line) line " HTTP/1.1\r\nHost: localhost\r\n"

/* What it may send, whole or the beginning of it: requests, then frames. */
#define PIECES   12
#define REQUESTS 7
static const cl_str pieces[PIECES] = {
    CL_STR_INIT(HEAD("GET /") "\r\n"),
    CL_STR_INIT(HEAD("GET /") "\r\n" HEAD("GET /") "\r\n" HEAD("GET /") "\r\n"),
    CL_STR_INIT(HEAD("HEAD /") "Connection: close\r\n\r\n"),
    CL_STR_INIT(HEAD("POST /") "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"),
    CL_STR_INIT("hello"),
    CL_STR_INIT(HEAD("POST /") "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    CL_STR_INIT(HEAD("GET /") "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Version: 13\r\n\r\n\x81\x81\0\0\0\0x"),
    CL_STR_INIT("\x81\x81\0\0\0\0x\x89\x81\0\0\0\0p"),      // a text and a ping
    CL_STR_INIT("\x01\x81\0\0\0\0x\x80\x80\0\0\0\0"),       // a text in two fragments
    CL_STR_INIT("\x8a\x80\0\0\0\0\x88\x82\0\0\0\0\x3\xe8"), // a pong and a close
    CL_STR_INIT("\x8a\x80\0\0\0\0"),                        // a pong
    CL_STR_INIT("\x83\x80\0\0\0\0"),                        // nothing in either protocol
};

static void
advance(void)
{
    static const int64_t steps_ms[] = {0, 1, 3, 100, 1000, 2000, 5000, 10000, 20000, 25000, 75000};
    memory_loop_advance(loop, steps_ms[dice(sizeof steps_ms / sizeof *steps_ms)]);
}

static void
send_piece(void)
{
    uint32_t at = dice(20) == 0 ? dice(PIECES) : dice(REQUESTS);
    if (ws != NULL)
        at = REQUESTS + dice(PIECES - REQUESTS);
    memory_stream_put(&stream, cl_str_part(pieces[at], 0, dice(9) == 0 ? dice(30) : 1000));
}

static void
step(void)
{
    switch (dice(16)) {
    case 0:
        advance();
        break;
    case 1:
        stream.is_acked = dice(2) == 0;
        break;
    case 2:
        stream.room = dice(3) * dice(300);
        break;
    case 3:
        memory_stream_give_room(&stream, dice(100000));
        break;
    case 4:
        if (dice(6) == 0)
            memory_stream_put_eof(&stream);
        break;
    case 5:
        if (dice(10) == 0)
            memory_stream_reset(&stream);
        break;
    case 6:
        stream.is_torn = dice(20) == 0;
        break;
    case 7:
        if (dice(20) == 0)
            cl_http_server_drain(server);
        break;
    case 8:
        use_http();
        use_ws();
        break;
    case 9:
    case 10:
        memory_stream_run(&stream);
        break;
    default:
        if (!stream.is_closed && stream.in_len < 1000)
            send_piece();
        break;
    }
    memory_stream_clear(&stream);
}

/* The peer is still now, and the handler owes nothing for long. */
static void
let_it_end(void)
{
    for (int64_t waited = 0; !stream.is_closed && waited < END_MS; waited += 1000) {
        if (is_owed && conn != NULL)
            use_http();
        memory_stream_run(&stream);
        memory_stream_clear(&stream);
        memory_loop_advance(loop, 1000);
    }
}

TEST(whatever_happens_in_whatever_order_a_connection_ends_once_with_every_promise_kept)
{
    struct cl_http_server_options options = {.handler = &handler, .gate = &gate};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        test_note("seed %llu", (unsigned long long)seed);
        random_state.state = seed;
        conn = NULL;
        ws = NULL;
        is_owed = is_awaited = has_opened = false;
        ends = 0;
        cl_gate_init(&gate, 1);
        gate.connections = dice(2); // 1: the next one gets into the reserve
        CHECK_OK(cl_loop_new(&loop));
        memory_loop_clock(loop);
        CHECK_OK(cl_http_server_new(loop, &options, &server));
        memory_stream_init(&stream, loop);
        cl_http_server_take(server, &stream.stream);
        for (uint32_t left = dice(STEPS_MAX); left > 0 && !stream.is_closed; left--)
            step();
        if (dice(4) > 0) {
            let_it_end();
            CHECK(stream.is_closed);
        }
        cl_http_server_free(server);
        cl_loop_free(loop);
        CHECK(stream.is_closed);
        CHECK_INT(ends, 1);
        CHECK(gate.connections <= 1);
    }
}
