// SPDX-License-Identifier: MIT
/* A whole relay on memory streams: what it does without memory, and when it ends at once. */
#include "relay/relay.h"

#include <stdio.h>
#include <string.h>

#include "relay/state.h"
#include "support/fault.h"
#include "support/memory_stream.h"
#include "support/test.h"
#include "support/test_journal.h"

#define HOST "Host: localhost\r\n"
#define UPGRADE                                     \
    "Upgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static struct cl_journal *journal;
static struct cl_relay *relay;
static struct memory_stream streams[6];

static void
begin(uint32_t commit_delay)
{
    struct test_journal_options options = {.seed = 1, .delay_max = commit_delay};
    struct cl_why why = {""};
    journal = test_journal_open(&options);
    CHECK(journal != NULL);
    struct cl_relay_config config = {.host = CL_STR("127.0.0.1"),
                                     .inbox_messages_max = CL_INBOX_MESSAGES_MAX,
                                     .inbox_bytes_max = CL_INBOX_BYTES_MAX,
                                     .inboxes_bytes_max = CL_INBOXES_BYTES_MAX,
                                     .log = {.fd = -1},
                                     .journal = journal};
    CHECK_OK(cl_relay_open(&config, &relay, &why));
    memory_loop_clock(relay->loop);
    cl_loop_turn(relay->loop, false);
}

static void
end(void)
{
    cl_relay_free(relay);
    cl_journal_close(journal);
}

/* A new connection, on which the peer says this. */
static struct memory_stream *
ask(size_t at, const char *bytes)
{
    struct memory_stream *stream = &streams[at];
    memory_stream_init(stream, relay->loop);
    stream->is_acked = false;
    cl_http_server_take(relay->http, &stream->stream);
    memory_stream_put(stream, cl_str_z(bytes));
    memory_stream_run(stream);
    return stream;
}

static bool
says(const struct memory_stream *stream, const char *status)
{
    return cl_str_starts(memory_stream_written(stream), cl_str_z(status));
}

/* The peer has gone; nothing proves that it has read its answer. */
static void
hang_up(struct memory_stream *stream)
{
    memory_stream_reset(stream);
    cl_loop_turn(relay->loop, false);
    cl_loop_turn(relay->loop, false);
}

static const char *
post(const char *path, const char *body)
{
    static char text[512];
    (void)snprintf(text, sizeof text, "POST %s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n%s",
                   path, strlen(body), body);
    return text;
}

/* Agent b is registered and has a message; c has a socket, on streams[3]; there is a file k. */
static void
furnish(void)
{
    ask(0, post("/register", "{\"agent_id\":\"b\"}"));
    ask(1, post("/files", "{\"file_key\":\"k\",\"content\":\"text\",\"agent_id\":\"b\"}"));
    ask(2, post("/delegate", "{\"from_agent\":\"a\",\"to_agent\":\"b\",\"task\":\"t\"}"));
    ask(3, "GET /ws/c HTTP/1.1\r\n" HOST UPGRADE "\r\n");
    for (size_t i = 0; i < 3; i++)
        CHECK(says(&streams[i], "HTTP/1.1 200"));
    CHECK(says(&streams[3], "HTTP/1.1 101"));
    CHECK_INT(cl_core_stats(relay->core).waiting, 1);
}

/* Only the furniture is left. */
static void
check_rest(void)
{
    cl_session_check(relay->session, relay->core);
    CHECK_INT(cl_session_leased(relay->session), 0);
    CHECK_INT(cl_core_stats(relay->core).waiting, 1);
    CHECK(cl_list_is_empty(&relay->exchanges));
    CHECK(cl_list_is_empty(&relay->ready));
    CHECK(cl_list_first(&relay->sockets) == cl_list_last(&relay->sockets));
}

TEST(without_memory_each_request_is_refused_or_cut_and_nothing_is_lost)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\n" HOST "\r\n",
        "GET /discover HTTP/1.1\r\n" HOST "\r\n",
        "GET /files HTTP/1.1\r\n" HOST "\r\n",
        "GET /files/k HTTP/1.1\r\n" HOST "\r\n",
        "GET /nowhere HTTP/1.1\r\n" HOST "\r\n",
        "DELETE /files HTTP/1.1\r\n" HOST "\r\n",
        "GET /poll/b HTTP/1.1\r\n" HOST "\r\n",
        "GET /poll/nobody HTTP/1.1\r\n" HOST "\r\n",
        "GET /poll/nobody?wait=9 HTTP/1.1\r\n" HOST "\r\n",
        "GET /ws/c HTTP/1.1\r\n" HOST UPGRADE "\r\n",
        "GET /ws/c HTTP/1.1\r\n" HOST "\r\n",
        "POST /heartbeat HTTP/1.1\r\n" HOST "Content-Length: 16\r\n\r\n{\"agent_id\":\"b\"}",
        "POST /delegate HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}",
    };
    begin(0);
    furnish();
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        test_note("%.30s", requests[i]);
        FOR_EACH_FAULT
        {
            struct memory_stream *stream = ask(4, requests[i]);
            bool is_waiting = !cl_list_is_empty(&relay->exchanges);
            CHECK(fault_happened() || is_waiting || says(stream, "HTTP/1.1 "));
            hang_up(stream);
            check_rest();
        }
    }
    end();
}

TEST(a_relay_ends_in_the_middle_of_everything)
{
    begin(0);
    furnish();
    ask(4, "GET /poll/b HTTP/1.1\r\n" HOST "\r\n"); // its answer is proven by nothing
    ask(5, "GET /poll/c?wait=9 HTTP/1.1\r\n" HOST "\r\n");
    CHECK_INT(cl_session_leased(relay->session), 1);
    // These commands are with the journal, and the turn that would commit them never comes.
    memory_stream_put(&streams[0], cl_str_z(post("/register", "{\"agent_id\":\"d\"}")));
    memory_stream_reset(&streams[3]);
    CHECK_INT(relay->uncommitted, 1);
    CHECK(!cl_list_is_empty(&relay->detaches));
    end();
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        CHECK(streams[i].is_closed);
}

/* -- time -------------------------------------------------------------------------------------- */

static int64_t passed_ms;

static cl_time
wall(void)
{
    return (cl_time){INT64_C(1775304000000) + passed_ms};
}

static cl_instant
steady(void)
{
    return (cl_instant){1000 + passed_ms};
}

/* A relay that lives by passed_ms; nothing of it was stamped by the machine's clock but its
 * first command, so that one is from before the rest in any case. */
static void
begin_in_test_time(void)
{
    begin(0);
    passed_ms = 10 * INT64_C(31536000000); // past whatever the machine's clock says
    relay->wall = wall;
    relay->steady = steady;
    cl_stamp_init(&relay->stamp, wall(), steady());
    relay->now.ms = 0; // read anew
}

static void
pass(int64_t ms)
{
    passed_ms += ms;
    memory_loop_advance(relay->loop, ms);
}

static bool
answer_has(size_t at, const char *request, const char *text)
{
    struct memory_stream *stream = ask(at, request);
    cl_str answer = memory_stream_written(stream);
    bool has = false;
    for (size_t i = 0; i + strlen(text) <= answer.len; i++)
        has = has || memcmp(answer.ptr + i, text, strlen(text)) == 0;
    hang_up(stream);
    return has;
}

#define DISCOVER "GET /discover HTTP/1.1\r\n" HOST "\r\n"
#define STALE    "GET /discover?stale=1 HTTP/1.1\r\n" HOST "\r\n"

TEST(an_agent_silent_for_120_seconds_is_listed_as_stale_only)
{
    begin_in_test_time();
    ask(0, post("/register", "{\"agent_id\":\"b\"}"));
    pass(CL_AGENT_FRESH_MS - 1);
    CHECK(answer_has(1, DISCOVER, "\"count\":1"));
    CHECK(answer_has(1, STALE, "\"status\":\"online\""));
    pass(1);
    CHECK(answer_has(1, DISCOVER, "\"agents\":[],\"count\":0"));
    CHECK(answer_has(1, STALE, "\"status\":\"stale\""));
    CHECK(answer_has(1, post("/heartbeat", "{\"agent_id\":\"b\"}"), "\"ok\""));
    CHECK(answer_has(1, DISCOVER, "\"count\":1"));
    end();
}

TEST(an_agent_silent_for_7_days_is_forgotten_by_the_sweep)
{
    begin_in_test_time();
    cl_loop_timer_start(relay->loop, &relay->sweep, cl_loop_now(relay->loop));
    ask(0, post("/register", "{\"agent_id\":\"b\"}"));
    ask(1, post("/register", "{\"agent_id\":\"c\"}"));
    pass(CL_AGENT_SILENT_MS - 3600 * 1000);
    CHECK(answer_has(2, post("/heartbeat", "{\"agent_id\":\"c\"}"), "\"ok\""));
    CHECK(answer_has(2, STALE, "\"count\":2"));
    pass(3600 * 1000); // the sweep comes once an hour
    cl_loop_turn(relay->loop, false);
    CHECK(answer_has(2, STALE, "\"count\":1"));
    CHECK(answer_has(2, post("/heartbeat", "{\"agent_id\":\"b\"}"), "unknown_agent"));
    CHECK(answer_has(2, post("/heartbeat", "{\"agent_id\":\"c\"}"), "\"ok\""));
    end();
}

/* -- what is pushed -------------------------------------------------------------------------- */

/* Frames with that opcode that the relay wrote since the last look. All are short. */
static unsigned
frames_of(struct memory_stream *stream, unsigned opcode)
{
    cl_str rest = memory_stream_written(stream);
    unsigned count = 0;
    while (rest.len >= 4) {
        size_t len = (uint8_t)rest.ptr[1];
        size_t head = len < 126 ? 2 : 4;
        if (len == 126)
            len = (size_t)(uint8_t)rest.ptr[2] << 8 | (uint8_t)rest.ptr[3];
        count += ((uint8_t)rest.ptr[0] & 0xf) == opcode;
        rest = cl_str_part(rest, head + len, rest.len);
    }
    CHECK_INT(rest.len, 0);
    memory_stream_clear(stream);
    return count;
}

/* Both in one turn. */
static void
post_two(const char *first_path, const char *first, const char *second_path, const char *second)
{
    ask(4, "GET / HTTP/1.1\r\n" HOST "\r\n");
    ask(5, "GET / HTTP/1.1\r\n" HOST "\r\n");
    memory_stream_put(&streams[4], cl_str_z(post(first_path, first)));
    memory_stream_put(&streams[5], cl_str_z(post(second_path, second)));
    hang_up(&streams[4]);
    hang_up(&streams[5]);
}

static struct memory_stream *
open_socket(size_t at, const char *agent)
{
    char request[512];
    (void)snprintf(request, sizeof request, "GET /ws/%s HTTP/1.1\r\n" HOST UPGRADE "\r\n", agent);
    struct memory_stream *stream = ask(at, request);
    CHECK(says(stream, "HTTP/1.1 101"));
    memory_stream_clear(stream);
    return stream;
}

#define NEWS     "{\"from_agent\":\"a\",\"topic\":\"t\",\"content\":\"news\"}"
#define TASK(to) "{\"from_agent\":\"a\",\"to_agent\":\"" to "\",\"task\":\"t\"}"

TEST(a_broadcast_is_the_same_for_all_but_who_came_later_or_has_more)
{
    begin_in_test_time();
    hang_up(ask(0, post("/register", "{\"agent_id\":\"b\"}")));
    hang_up(ask(0, post("/register", "{\"agent_id\":\"c\"}")));
    hang_up(ask(0, post("/register", "{\"agent_id\":\"d\"}")));
    struct memory_stream *b = open_socket(2, "b"), *c = open_socket(3, "c");
    hang_up(ask(0, post("/broadcast", NEWS)));
    cl_str text = memory_stream_written(b);
    CHECK(text.len > 60 && cl_str_eq(text, memory_stream_written(c)));
    CHECK(relay->shared.frames == NULL);

    struct memory_stream *d = ask(1, "GET /ws/d HTTP/1.1\r\n" HOST UPGRADE "\r\n");
    CHECK(memory_stream_written(d).len > text.len + 60); // the same, and since when it waited
    memory_stream_clear(b);
    memory_stream_clear(c);
    memory_stream_clear(d);
    post_two("/delegate", TASK("c"), "/broadcast", NEWS);
    CHECK_INT(frames_of(b, CL_WS_TEXT), 1);
    CHECK_INT(frames_of(c, CL_WS_TEXT), 2);
    CHECK_INT(frames_of(d, CL_WS_TEXT), 1);

    hang_up(ask(0, post("/broadcast", NEWS))); // in another turn, and nobody came meanwhile
    CHECK_INT(frames_of(b, CL_WS_TEXT), 1);
    CHECK_INT(frames_of(c, CL_WS_TEXT), 1);
    CHECK_INT(frames_of(d, CL_WS_TEXT), 1);
    end();
}

static void
push_to_c(unsigned messages)
{
    for (unsigned i = 0; i < messages; i++)
        hang_up(ask(4, post("/delegate", TASK("c"))));
}

/* As if hundreds of messages for others went out in each turn. */
static void
push_to_c_while_busy(unsigned messages)
{
    for (unsigned i = 0; i < messages; i++) {
        relay->busy_until = cl_instant_add(cl_loop_now(relay->loop), 1);
        push_to_c(1);
    }
}

/* docs/protocol/clawlink-v1.md, The WebSocket. */
TEST(a_ping_follows_at_once_and_stands_for_many_messages_of_a_busy_relay)
{
    begin_in_test_time();
    struct memory_stream *listener = open_socket(3, "c");
    push_to_c(3);
    CHECK_INT(frames_of(listener, CL_WS_PING), 3);
    push_to_c_while_busy(CL_PROOF_MESSAGES - 1);
    CHECK_INT(frames_of(listener, CL_WS_PING), 0);
    push_to_c_while_busy(1);
    CHECK_INT(frames_of(listener, CL_WS_PING), 1); // enough have gathered
    push_to_c_while_busy(2);
    CHECK_INT(frames_of(listener, CL_WS_TEXT), 2);
    memory_loop_advance(relay->loop, CL_PROOF_DELAY_MS);
    CHECK_INT(frames_of(listener, CL_WS_PING), 1); // time is over
    memory_loop_advance(relay->loop, CL_PROOF_DELAY_MS);
    CHECK_INT(frames_of(listener, CL_WS_PING), 0); // and nothing is unproven
    end();
}

TEST(a_busy_relay_asks_each_listener_at_its_own_time_and_at_once_when_more_waits)
{
    begin_in_test_time();
    struct memory_stream *c = open_socket(2, "c"), *d = open_socket(3, "d");
    push_to_c(1);
    push_to_c_while_busy(1);
    memory_loop_advance(relay->loop, CL_PROOF_DELAY_MS / 2);
    relay->busy_until = cl_instant_add(cl_loop_now(relay->loop), 1);
    hang_up(ask(4, post("/delegate", TASK("d")))); // not asked for long: at once
    hang_up(ask(4, post("/delegate", TASK("d"))));
    CHECK_INT(frames_of(c, CL_WS_PING), 1);
    CHECK_INT(frames_of(d, CL_WS_PING), 1);
    memory_loop_advance(relay->loop, CL_PROOF_DELAY_MS / 2);
    CHECK_INT(frames_of(c, CL_WS_PING), 1);
    CHECK_INT(frames_of(d, CL_WS_PING), 0);
    memory_loop_advance(relay->loop, CL_PROOF_DELAY_MS / 2);
    CHECK_INT(frames_of(c, CL_WS_PING), 0);
    CHECK_INT(frames_of(d, CL_WS_PING), 1);

    // No pong came: with these the credit is used up, and what comes then must wait for one.
    push_to_c_while_busy(CL_CREDIT_MESSAGES - 3);
    (void)frames_of(c, CL_WS_PING);
    CHECK(!cl_list_is_empty(&relay->unasked));
    relay->busy_until = CL_INSTANT_NEVER;
    post_two("/delegate", TASK("c"), "/delegate", TASK("c"));
    CHECK_INT(frames_of(c, CL_WS_TEXT), 1);
    CHECK(cl_list_is_empty(&relay->unasked));
    end();
}

TEST(a_relay_that_pushes_hundreds_of_messages_in_a_turn_is_busy_for_a_while)
{
    begin_in_test_time();
    cl_instant now = cl_loop_now(relay->loop);
    relay->pushed = CL_PROOF_BUSY_MESSAGES - 1;
    cl_loop_turn(relay->loop, false);
    CHECK(relay->busy_until.ms <= now.ms);
    relay->pushed = CL_PROOF_BUSY_MESSAGES;
    cl_loop_turn(relay->loop, false);
    CHECK_INT(relay->busy_until.ms - now.ms, CL_PROOF_DELAY_MS);
    CHECK_INT(relay->pushed, 0);
    end();
}

TEST(a_listener_that_goes_before_it_is_asked_is_forgotten)
{
    begin_in_test_time();
    struct memory_stream *listener = open_socket(3, "c");
    push_to_c(1);
    push_to_c_while_busy(1);
    CHECK(!cl_list_is_empty(&relay->unasked));
    hang_up(listener);
    CHECK(cl_list_is_empty(&relay->unasked));
    memory_loop_advance(relay->loop, CL_PROOF_DELAY_MS);
    CHECK_INT(cl_core_stats(relay->core).waiting, 2); // both wait for the next one
    end();
}
