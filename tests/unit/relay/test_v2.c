// SPDX-License-Identifier: MIT
/*
 * Protocol v2 in a whole relay on memory streams: what no client outside can bring about, such as a
 * minute that passes at once, or memory that runs out at a certain place. All else is
 * tests/integration/test_v2*.py's.
 */
#include "relay/v2.h"

#include <stdio.h>
#include <string.h>

#include "relay/relay.h"
#include "relay/state.h"
#include "support/fault.h"
#include "support/memory_stream.h"
#include "support/test.h"
#include "support/test_journal.h"
#include "wire/base64url.h"

#define HOST "Host: localhost\r\n"
#define OPEN                                                                    \
    "GET /v2 HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static struct cl_journal *journal;
static struct cl_relay *relay;
static struct memory_stream streams[4];
static int64_t passed_ms;
static uint64_t seq;

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

/* A relay that lives by passed_ms, which is past whatever the machine's clock says. */
static void
begin_on(const struct test_journal_options *options)
{
    uint32_t commit_delay = options->delay_max;
    struct cl_why why = {""};
    journal = test_journal_open(options);
    CHECK(journal != NULL);
    struct cl_relay_config config = {.host = CL_STR("127.0.0.1"),
                                     .inbox_messages_max = CL_INBOX_MESSAGES_MAX,
                                     .inbox_bytes_max = CL_INBOX_BYTES_MAX,
                                     .inboxes_bytes_max = CL_INBOXES_BYTES_MAX,
                                     .log = {.fd = -1},
                                     .journal = journal};
    CHECK_OK(cl_relay_open(&config, &relay, &why));
    memory_loop_clock(relay->loop);
    passed_ms = 10 * INT64_C(31536000000);
    relay->wall = wall;
    relay->steady = steady;
    cl_stamp_init(&relay->stamp, wall(), steady());
    relay->now.ms = 0;                                  // read anew
    for (uint32_t i = 0; i < 2 * commit_delay + 1; i++) // until its first command is committed
        cl_loop_turn(relay->loop, false);
    seq = 0;
}

static void
begin(uint32_t commit_delay)
{
    begin_on(&(struct test_journal_options){.seed = 1, .delay_max = commit_delay});
}

static void
end(void)
{
    cl_session_check(relay->session, relay->core);
    cl_core_check(relay->core);
    cl_relay_free(relay);
    cl_journal_close(journal);
}

static void
pass(int64_t ms)
{
    passed_ms += ms;
    memory_loop_advance(relay->loop, ms);
}

/* -- connections ------------------------------------------------------------------------------- */

static struct memory_stream *
open_stream(size_t at, const char *bytes)
{
    struct memory_stream *stream = &streams[at];
    memory_stream_init(stream, relay->loop);
    cl_http_server_take(relay->http, &stream->stream);
    memory_stream_put(stream, cl_str_z(bytes));
    memory_stream_run(stream);
    return stream;
}

static void
hang_up(struct memory_stream *stream)
{
    memory_stream_reset(stream);
    cl_loop_turn(relay->loop, false);
    cl_loop_turn(relay->loop, false);
}

static unsigned
count(const struct memory_stream *stream, const char *text)
{
    cl_str written = memory_stream_written(stream);
    size_t len = strlen(text);
    unsigned found = 0;
    for (size_t i = 0; i + len <= written.len; i++)
        found += memcmp(written.ptr + i, text, len) == 0;
    return found;
}

static bool
has(const struct memory_stream *stream, const char *text)
{
    return count(stream, text) > 0;
}

/* The request of one call. */
static const char *
post(const char *method, const char *params)
{
    static char text[4096], body[3072];
    (void)snprintf(body, sizeof body,
                   "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method,
                   params);
    (void)snprintf(text, sizeof text, "POST /v2 HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n%s",
                   strlen(body), body);
    return text;
}

/* A frame on a WebSocket, its mask zero. */
static void
say(struct memory_stream *stream, const char *method, const char *params)
{
    char text[3072], bytes[4096];
    const uint8_t mask[CL_WS_MASK_BYTES] = {0};
    int len =
        snprintf(text, sizeof text,
                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
    size_t head = cl_ws_frame_head(CL_WS_TEXT, true, (size_t)len, mask, (uint8_t *)bytes);
    memcpy(bytes + head, text, (size_t)len);
    memory_stream_put(stream, cl_str_of(bytes, head + (size_t)len));
    memory_stream_run(stream);
}

static struct memory_stream *
attach(size_t at, const char *params)
{
    struct memory_stream *stream = open_stream(at, OPEN);
    say(stream, "hello", "{\"versions\":[\"2.0\"],\"instance\":\"m\"}");
    say(stream, "attach", params);
    return stream;
}

/* params of a send from m/mira, with that number in her stream. */
static const char *
envelope(const char *to, uint64_t number, bool is_sent_once)
{
    static char params[3072];
    char header[1024], name[32], protected[2048];
    long long now = (long long)(wall().ms / 1000);
    int id_len = snprintf(name, sizeof name, "number %09llu", (unsigned long long)number);
    char id[CL_BASE64URL_LEN(16) + 1] = "";
    CHECK_INT(id_len, 16);
    cl_base64url_encode(cl_str_of(name, 16), id);
    int len = snprintf(header, sizeof header,
                       "{\"typ\":\"clawlink-msg+jws\",\"from\":\"m/mira\",\"to\":\"%s\",\"id\":"
                       "\"%s\",\"iat\":%lld,\"exp\":%lld,\"str\":\"oKGio6Slpqc\",\"seq\":%llu}",
                       to, id, now, now + 604800, (unsigned long long)number);
    cl_base64url_encode(cl_str_of(header, (size_t)len), protected);
    protected[CL_BASE64URL_LEN((size_t)len)] = '\0';
    (void)snprintf(params, sizeof params,
                   "{\"envelope\":{\"protected\":\"%s\",\"payload\":\"eA\"}%s}", protected,
                   is_sent_once ? ",\"attempts\":1" : "");
    return params;
}

/* One call over HTTP, whose answer must have that in it. */
static void
check_call(const char *method, const char *params, const char *text)
{
    struct memory_stream *stream = open_stream(3, post(method, params));
    if (!has(stream, text))
        test_note("%s: %.*s", method, CL_STR_ARG(memory_stream_written(stream)));
    CHECK(has(stream, text));
    hang_up(stream);
}

static uint64_t
waiting(void)
{
    return cl_core_stats(relay->core).waiting;
}

/* -- time -------------------------------------------------------------------------------------- */

TEST(a_lease_that_nobody_acknowledges_ends_after_a_minute)
{
    begin(0);
    check_call("attach", "{\"agent\":\"m/otto\"}", "\"waiting\":0");
    check_call("send", envelope("m/otto", 1, false), "\"accepted\"");
    check_call("receive", "{\"agent\":\"m/otto\"}", "\"attempts\":0");
    CHECK_INT(cl_session_leased(relay->session), 1);
    pass(CL_V2_LEASE_MS - 1);
    check_call("receive", "{\"agent\":\"m/otto\"}", "\"messages\":[]");
    pass(1);
    CHECK_INT(cl_session_leased(relay->session), 0);
    check_call("receive", "{\"agent\":\"m/otto\"}", "\"attempts\":1");
    CHECK_INT(cl_session_leased(relay->session), 1);
    end();
}

TEST(a_wait_ends_with_nothing_when_its_seconds_are_over)
{
    begin(0);
    struct memory_stream *stream =
        open_stream(0, post("receive", "{\"agent\":\"m/otto\",\"wait\":7}"));
    pass(6999);
    CHECK_INT(memory_stream_written(stream).len, 0);
    pass(1);
    CHECK(has(stream, "\"result\":{\"messages\":[]}"));
    CHECK(cl_list_is_empty(&relay->leases));
    end();
}

TEST(an_agent_that_is_silent_for_two_minutes_is_stale_and_offers_nothing)
{
    begin(0);
    check_call("attach", "{\"agent\":\"m/otto\",\"capabilities\":[\"review\"]}", "\"waiting\"");
    pass(CL_AGENT_FRESH_MS - 1);
    check_call("agents", "{}", "\"status\":\"online\"");
    check_call("send", envelope("cap:review", 1, false), "\"to\":\"m/otto\"");
    pass(CL_AGENT_FRESH_MS);
    check_call("agents", "{}", "\"status\":\"stale\"");
    check_call("send", envelope("cap:review", 2, false), "no_such_agent");
    check_call("send", envelope("m/otto", 3, false), "\"accepted\"");
    check_call("receive", "{\"agent\":\"m/otto\"}", "\"lease\"");
    check_call("agents", "{}", "\"status\":\"online\"");
    check_call("send", envelope("cap:review", 4, false), "\"to\":\"m/otto\"");
    end();
}

TEST(a_guest_is_there_while_it_is_attached_and_listed_nowhere)
{
    begin(0);
    struct memory_stream *stream = attach(0, "{\"agent\":\"m/asks\",\"guest\":true}");
    CHECK(has(stream, "{\"agent\":\"m/asks\",\"waiting\":0,\"receipts\":0}"));
    check_call("agents", "{}", "\"agents\":[]");
    check_call("send", envelope("topic:news", 1, false), "\"recipients\":0");
    check_call("send", envelope("m/asks", 2, false), "\"accepted\"");
    CHECK(has(stream, "\"method\":\"message\",\"params\":{\"agent\":\"m/asks\",\"at\":[2,1]"));
    say(stream, "ack", "{\"agent\":\"m/asks\",\"ranges\":[[2,1,1]]}");
    CHECK_INT(cl_core_stats(relay->core).guests, 1);
    say(stream, "attach", "{\"agent\":\"m/asks\",\"guest\":true}"); // once more is no second one
    say(stream, "detach", "{\"agent\":\"m/asks\"}");
    pass(1);
    check_call("send", envelope("m/asks", 3, false), "no_such_agent");
    CHECK_INT(cl_core_stats(relay->core).guests, 0);
    say(stream, "attach", "{\"agent\":\"m/asks\",\"guest\":true}");
    CHECK_INT(cl_core_stats(relay->core).guests, 1);
    hang_up(stream);
    pass(1);
    CHECK_INT(cl_core_stats(relay->core).guests, 0);
    CHECK(cl_core_agent(relay->core, CL_STR("m/asks")) == NULL);
    end();
}

TEST(a_guest_says_nothing_of_itself_and_needs_a_connection)
{
    char params[64];
    begin(0);
    check_call("attach", "{\"agent\":\"m/asks\",\"guest\":true}", "\"error\":\"usage\"");
    struct memory_stream *stream =
        attach(0, "{\"agent\":\"m/asks\",\"guest\":true,\"name\":\"Ask\"}");
    CHECK(has(stream, "\"error\":\"usage\""));
    for (unsigned i = 0; i < CL_V2_GUESTS_MAX; i++) {
        (void)snprintf(params, sizeof params, "{\"agent\":\"m/asks-%u\",\"guest\":true}", i);
        say(stream, "attach", params);
    }
    CHECK(!has(stream, "\"error\":\"too_many\""));
    say(stream, "attach", "{\"agent\":\"m/asks-0\",\"guest\":true}");
    CHECK(!has(stream, "\"error\":\"too_many\""));
    say(stream, "attach", "{\"agent\":\"m/asks\",\"guest\":true}");
    CHECK(has(stream, "\"error\":\"too_many\""));
    end();
}

TEST(who_attaches_is_told_whether_it_was_known)
{
    begin(0);
    check_call("attach", "{\"agent\":\"m/otto\"}", "\"receipts\":0,\"new\":true}");
    check_call("attach", "{\"agent\":\"m/otto\"}", "\"receipts\":0}");
    end();
}

TEST(an_agent_that_is_attached_and_has_nothing_to_say_stays_online)
{
    begin(0);
    static const char *const params[] = {
        "{\"agent\":\"m/otto\",\"capabilities\":[\"review\"]}",
        "{\"agent\":\"m/otto\",\"capabilities\":[\"review\"],\"quiet\":true}"};
    for (size_t i = 0; i < 2; i++) {
        struct memory_stream *stream = attach(0, params[i]);
        for (int seconds = 0; seconds < 180; seconds += 20) {
            const uint8_t mask[CL_WS_MASK_BYTES] = {0};
            uint8_t pong[CL_WS_HEAD_BYTES_MAX];
            size_t len = cl_ws_frame_head(CL_WS_PONG, true, 0, mask, pong);
            pass(20000);
            memory_stream_put(stream, cl_str_of(pong, len));
            memory_stream_run(stream);
        }
        test_note("row %zu", i);
        check_call("agents", "{}", "\"status\":\"online\",\"connected\":true");
        check_call("send", envelope("cap:review", ++seq, false), "\"to\":\"m/otto\"");
        hang_up(stream);
    }
    end();
}

/* -- a commit that takes its time -------------------------------------------------------------- */

TEST(nothing_is_handed_out_before_what_came_back_is_counted)
{
    begin(TEST_JOURNAL_DELAY_MAX);
    for (unsigned round = 0; round < 20; round++) {
        uint64_t number = ++seq;
        struct memory_stream *otto = attach(0, "{\"agent\":\"m/otto\"}");
        for (int i = 0; i < 400 && cl_core_agent(relay->core, CL_STR("m/otto")) == NULL; i++)
            cl_loop_turn(relay->loop, false);
        struct memory_stream *mira = open_stream(1, post("send", envelope("m/otto", number, true)));
        for (int i = 0; i < 400 && !has(otto, "\"method\":\"message\""); i++)
            cl_loop_turn(relay->loop, false);
        CHECK(has(otto, "\"attempts\":0"));
        hang_up(otto);
        hang_up(mira);
        otto = attach(0, "{\"agent\":\"m/otto\"}");
        for (int i = 0; i < 400; i++)
            cl_loop_turn(relay->loop, false);
        CHECK(!has(otto, "\"method\":\"message\"")); // it was a dead letter by then
        CHECK_INT(waiting(), 0);
        hang_up(otto);
    }
    end();
}

TEST(a_journal_that_fails_answers_who_waits_and_hands_out_what_came_back)
{
    begin(0);
    struct memory_stream *otto = attach(0, "{\"agent\":\"m/otto\"}");
    check_call("send", envelope("m/otto", 1, false), "\"accepted\"");
    cl_loop_turn(relay->loop, false);
    CHECK(has(otto, "\"method\":\"message\""));
    memory_stream_clear(otto);
    test_journal_fail(journal);
    say(otto, "release", "{\"agent\":\"m/otto\",\"ranges\":[[2,1,1]]}");
    CHECK(has(otto, "\"method\":\"message\""));
    check_call("send", envelope("m/otto", 2, false), "\"read_only\"");
    check_call("inbox", "{\"agent\":\"m/otto\"}", "\"waiting\":1");
    CHECK(cl_list_is_empty(&relay->recounts));
    end();
}

/* Otto has taken a message when the journal fails; what he says of it then is refused. */
static void
check_refused(const char *params, const char *method, const char *said)
{
    char text[128];
    begin(0);
    struct memory_stream *otto = attach(0, params);
    check_call("send", envelope("m/otto", 1, false), "\"accepted\"");
    cl_loop_turn(relay->loop, false);
    if (said == NULL) {
        say(otto, "receive", "{\"agent\":\"m/otto\"}");
        struct cl_link *lease = cl_list_first(&relay->leases);
        CHECK(lease != NULL);
        (void)snprintf(
            text, sizeof text, "{\"agent\":\"m/otto\",\"lease\":\"%016llx\"}",
            (unsigned long long)CL_LIST_ENTRY(lease, struct cl_lease, peer.link)->peer.handle);
    }
    CHECK_INT(cl_session_leased(relay->session), 1);
    test_journal_fail(journal);
    cl_loop_turn(relay->loop, false);
    memory_stream_clear(otto);
    say(otto, method, said == NULL ? text : said);
    test_note("%s: %.*s", method, CL_STR_ARG(memory_stream_written(otto)));
    CHECK_INT(count(otto, "\"read_only\""), 1);
    CHECK_INT(count(otto, "{\"jsonrpc\":\"2.0\",\"id\":"), 1);
    CHECK_INT(waiting(), 1);
    end();
}

TEST(what_is_said_of_messages_after_the_journal_failed_is_refused_at_once)
{
    check_refused("{\"agent\":\"m/otto\"}", "ack", "{\"agent\":\"m/otto\",\"ranges\":[[2,1,1]]}");
    check_refused("{\"agent\":\"m/otto\"}", "refuse",
                  "{\"agent\":\"m/otto\",\"at\":[2,1],\"reason\":\"no\"}");
    check_refused("{\"agent\":\"m/otto\",\"quiet\":true}", "ack", NULL); // of its lease
}

TEST(who_says_nothing_of_itself_keeps_what_it_says_at_the_same_time)
{
    begin(TEST_JOURNAL_DELAY_MAX);
    struct memory_stream *first = attach(0, "{\"agent\":\"m/otto\",\"capabilities\":[\"review\"]}");
    CHECK(cl_core_agent(relay->core, CL_STR("m/otto")) == NULL); // it is on its way
    struct memory_stream *second = attach(1, "{\"agent\":\"m/otto\",\"quiet\":true}");
    for (int i = 0; i < 400 && !has(second, "\"waiting\""); i++)
        cl_loop_turn(relay->loop, false);
    CHECK(has(first, "\"waiting\""));
    check_call("agents", "{}", "\"capabilities\":[\"review\"]");
    end();
}

TEST(nothing_is_pushed_to_an_agent_before_its_attach_is_committed)
{
    begin(TEST_JOURNAL_DELAY_MAX);
    struct memory_stream *http = open_stream(0, post("attach", "{\"agent\":\"m/otto\"}"));
    for (int i = 0; i < 400 && !has(http, "\"waiting\""); i++)
        cl_loop_turn(relay->loop, false);
    http = open_stream(1, post("send", envelope("m/otto", 1, false)));
    for (int i = 0; i < 400 && !has(http, "\"accepted\""); i++)
        cl_loop_turn(relay->loop, false);
    hang_up(http);
    struct memory_stream *otto = attach(2, "{\"agent\":\"m/otto\"}");
    while (!has(otto, "\"waiting\"") && relay->uncommitted > 0) {
        CHECK(!has(otto, "\"method\":\"message\""));
        cl_loop_turn(relay->loop, false);
    }
    for (int i = 0; i < 400 && !has(otto, "\"method\":\"message\""); i++)
        cl_loop_turn(relay->loop, false);
    CHECK_INT(count(otto, "\"method\":\"message\""), 1);
    end();
}

/* As often as the core believes, and not less for those that closed before they were attached. */
static void
check_attached(void)
{
    uint64_t attached = 0;
    CL_LIST_EACH(&relay->v2_conns, conn)
    {
        CL_LIST_EACH(&CL_LIST_ENTRY(conn, struct cl_v2_conn, link)->seats, at)
        {
            attached += CL_LIST_ENTRY(at, struct cl_seat, peer.link)->is_attached;
        }
    }
    const struct cl_agent *agent = cl_core_agent(relay->core, CL_STR("m/otto"));
    uint64_t known = agent == NULL || agent->attachments_len == 0 ? 0 : agent->attachments[0].count;
    CHECK_INT(known, attached);
}

TEST(who_closes_while_its_attach_is_refused_detaches_nobody_else)
{
    begin_on(&(struct test_journal_options){.seed = 1, .delay_max = 9});
    test_journal_refuse(journal, 300000);
    struct memory_stream *stays = NULL;
    for (unsigned round = 0; round < 200; round++) {
        test_note("round %u", round);
        if (stays == NULL)
            stays = attach(0, "{\"agent\":\"m/otto\"}");
        const char *how =
            round % 2 == 0 ? "{\"agent\":\"m/otto\"}" : "{\"agent\":\"m/otto\",\"guest\":true}";
        struct memory_stream *leaves = attach(1, how);
        if (round % 3 == 0)
            say(leaves, "attach", how);
        if (round % 5 != 0)
            hang_up(leaves);
        for (int i = 0; i < 300; i++)
            cl_loop_turn(relay->loop, false);
        pass(2000); // what was refused is tried again
        for (int i = 0; i < 300; i++)
            cl_loop_turn(relay->loop, false);
        if (cl_list_is_empty(&relay->detaches) && relay->uncommitted == 0)
            check_attached();
        if (round % 5 == 0)
            hang_up(leaves);
        if (stays->is_closed) {
            hang_up(stays);
            stays = NULL;
        }
    }
    end();
}

/* -- receipts ---------------------------------------------------------------------------------- */

TEST(a_cursor_of_a_relay_that_lost_its_memory_is_one_before_all)
{
    begin(0);
    check_call("attach", "{\"agent\":\"m/otto\"}", "\"waiting\":0");
    check_call("send", envelope("m/otto", 1, false), "\"accepted\"");
    check_call("report",
               "{\"agent\":\"m/otto\",\"id\":\"bnVtYmVyIDAwMDAwMDAwMQ\",\"rung\":\"seen\"}",
               "\"result\":{}");
    struct memory_stream *mira = attach(0, "{\"agent\":\"m/mira\",\"receipts_after\":2}");
    CHECK(!has(mira, "\"method\":\"receipt\""));
    hang_up(mira);
    mira = attach(0, "{\"agent\":\"m/mira\",\"receipts_after\":3}");
    CHECK_INT(count(mira, "\"method\":\"receipt\""), 1);
    CHECK(has(mira, "\"seen\""));
    end();
}

TEST(a_sender_is_told_when_its_dead_letter_waits_again)
{
    static const char letter[] = "{\"agent\":\"m/mira\",\"id\":\"bnVtYmVyIDAwMDAwMDAwMQ\"}";
    begin(0);
    check_call("attach", "{\"agent\":\"m/otto\"}", "\"waiting\":0");
    check_call("send", envelope("m/otto", 1, false), "\"accepted\"");
    check_call("refuse", "{\"agent\":\"m/otto\",\"at\":[2,1],\"reason\":\"no\"}", "\"result\":{}");
    struct memory_stream *mira = attach(0, "{\"agent\":\"m/mira\"}");
    memory_stream_clear(mira);
    check_call("dead.retry", letter, "\"to\":\"m/otto\"");
    CHECK_INT(count(mira, "\"method\":\"receipt\""), 1);
    CHECK(!has(mira, "\"ended\""));
    check_call("send", envelope("m/otto", 2, false), "\"accepted\""); // its answer says as much
    CHECK_INT(count(mira, "\"method\":\"receipt\""), 1);
    end();
}

TEST(a_message_for_a_topic_that_is_sent_again_says_nothing_of_recipients)
{
    begin(0);
    check_call("attach", "{\"agent\":\"m/otto\"}", "\"waiting\":0");
    check_call("send", envelope("topic:news", 1, false), "\"duplicate\":false,\"recipients\":1}");
    check_call("send", envelope("topic:news", 1, false), "\"duplicate\":true}");
    end();
}

TEST(what_came_before_is_a_duplicate_after_its_time_and_what_did_not_has_expired)
{
    char sent[3072], other[3072];
    begin(0);
    check_call("attach", "{\"agent\":\"m/otto\"}", "\"waiting\":0");
    (void)snprintf(sent, sizeof sent, "%s", envelope("m/otto", 1, false));
    (void)snprintf(other, sizeof other, "%s", envelope("m/otto", 2, false));
    check_call("send", sent, "\"duplicate\":false");
    pass(CL_MESSAGE_LIFE_MS + 1000);
    check_call("send", sent, "\"duplicate\":true");
    check_call("send", other, "{\"code\":410,");
    end();
}

/* -- who is there ------------------------------------------------------------------------------ */

TEST(others_are_told_of_an_agent_that_is_new_or_says_something_else)
{
    begin(0);
    struct memory_stream *mira = attach(0, "{\"agent\":\"m/mira\"}");
    static const struct {
        const char *params;
        unsigned told;
    } rows[] = {
        {"{\"agent\":\"m/otto\",\"capabilities\":[\"review\"]}", 1},
        {"{\"agent\":\"m/otto\",\"capabilities\":[\"review\"]}", 1},
        {"{\"agent\":\"m/otto\"}", 1},
        {"{\"agent\":\"m/otto\",\"capabilities\":[\"c\"]}", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct memory_stream *otto = attach(1, rows[i].params);
        CHECK(has(otto, "\"waiting\""));
        hang_up(otto);
        test_note("row %zu", i);
        CHECK_INT(count(mira, "\"method\":\"agent.joined\""), rows[i].told);
    }
    end();
}

/* -- memory ------------------------------------------------------------------------------------ */

struct call {
    const char *method;
    const char *params;
};

/* None of them changes anything for good, but for what `settle` takes away again. */
static const struct call calls[] = {
    {"hello", "{\"versions\":[\"2.0\"],\"instance\":\"m\"}"},
    {"hello", "{\"versions\":[\"3.0\",\"3.1\"],\"instance\":\"m\"}"},
    {"attach", "{\"agent\":\"m/otto\",\"capabilities\":[\"review\"],\"metadata\":{\"a\":1}}"},
    {"detach", "{\"agent\":\"m/otto\"}"},
    {"report", "{\"agent\":\"m/otto\",\"id\":\"bnVtYmVyIDAwMDAwMDAwMQ\",\"rung\":\"seen\"}"},
    {"agents", "{}"},
    {"inbox", "{\"agent\":\"m/otto\"}"},
    {"trace", "{\"agent\":\"m/otto\",\"id\":\"bnVtYmVyIDAwMDAwMDAwMQ\"}"},
    {"dead.list", "{\"agent\":\"m/otto\"}"},
    {"dead.show", "{\"agent\":\"m/otto\",\"id\":\"bnVtYmVyIDAwMDAwMDAwMQ\"}"},
    {"receive", "{\"agent\":\"m/otto\"}"},
    {"receive", "{\"agent\":\"m/nobody\",\"wait\":9}"},
    {"release", "{\"agent\":\"m/otto\",\"lease\":\"0000000000000000\"}"},
    {"no.such", "{}"},
};

static void
check_rest(void)
{
    pass(CL_V2_LEASE_MS); // of those whose answer got lost
    for (int i = 0; i < 5; i++)
        cl_loop_turn(relay->loop, false);
    cl_session_check(relay->session, relay->core);
    CHECK_INT(cl_session_leased(relay->session), 0);
    CHECK_INT(waiting(), 1);
    CHECK(cl_list_is_empty(&relay->exchanges));
    CHECK(cl_list_is_empty(&relay->leases));
    CHECK(cl_list_is_empty(&relay->ready));
    CHECK(cl_list_is_empty(&relay->recounts));
}

TEST(without_memory_each_call_over_http_is_refused_or_cut_and_nothing_is_lost)
{
    begin(0);
    check_call("attach", "{\"agent\":\"m/otto\"}", "\"waiting\":0");
    check_call("send", envelope("m/otto", 1, false), "\"accepted\"");
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        test_note("%s %s", calls[i].method, calls[i].params);
        FOR_EACH_FAULT
        {
            struct memory_stream *stream = open_stream(0, post(calls[i].method, calls[i].params));
            bool is_waiting = !cl_list_is_empty(&relay->leases);
            CHECK(fault_happened() || is_waiting || has(stream, "HTTP/1.1 "));
            hang_up(stream);
            check_rest();
        }
    }
    end();
}

/* Without memory for an agent's first attachment the core dies, as it must. */
static void
attach_for_ever(void)
{
    struct cl_effects effects;
    cl_effects_init(&effects);
    cl_core_apply(relay->core,
                  &(struct cl_command){.kind = CL_COMMAND_ATTACH,
                                       .origin = relay->epoch,
                                       .attach = {.agent = CL_STR("m/otto")}},
                  &effects);
    CHECK_OK(effects.items[0].reply.err);
    cl_effects_done(&effects);
}

TEST(without_memory_a_connection_is_cut_or_goes_on_and_nothing_is_lost)
{
    begin(0);
    check_call("attach", "{\"agent\":\"m/otto\"}", "\"waiting\":0");
    attach_for_ever();
    check_call("send", envelope("m/otto", 1, false), "\"accepted\"");
    FOR_EACH_FAULT
    {
        struct memory_stream *stream = attach(0, "{\"agent\":\"m/otto\",\"receipts_after\":0}");
        if (has(stream, " 101 ") && !stream->is_closed)
            CHECK_INT(count(stream, "{\"jsonrpc\":\"2.0\",\"id\":"), 2); // an answer each
        if (!stream->is_closed)
            say(stream, "release", "{\"agent\":\"m/otto\",\"ranges\":[[2,1,9]]}");
        if (!stream->is_closed)
            say(stream, "receive", "{\"agent\":\"m/otto\",\"wait\":60}");
        if (!stream->is_closed)
            say(stream, "agents", "{}");
        CHECK(fault_happened() || has(stream, "\"method\":\"message\""));
        hang_up(stream);
        check_rest();
        CHECK(cl_list_is_empty(&relay->v2_conns));
        CHECK_INT(relay->seats.count, 0);
    }
    end();
}

/* What it says is true: the message has left, or the asker was told that it has not. */
TEST(without_memory_no_acknowledgement_is_answered_that_was_not_taken)
{
    begin(0);
    check_call("attach", "{\"agent\":\"m/otto\"}", "\"waiting\":0");
    FOR_EACH_FAULT
    {
        fault_pause();
        check_call("send", envelope("m/otto", ++seq, false), "\"accepted\"");
        struct memory_stream *otto = attach(0, "{\"agent\":\"m/otto\"}");
        CHECK_INT(cl_session_leased(relay->session), 1);
        memory_stream_clear(otto);
        fault_go_on();
        say(otto, "ack", "{\"agent\":\"m/otto\",\"ranges\":[[2,1,999999]]}");
        if (has(otto, "\"result\":{}"))
            CHECK_INT(waiting(), 0);
        else
            CHECK(fault_happened());
        fault_pause();
        hang_up(otto);
        if (waiting() > 0)
            check_call("ack", "{\"agent\":\"m/otto\",\"ranges\":[[2,1,999999]]}", "\"result\":{}");
        CHECK_INT(waiting(), 0);
        fault_go_on();
    }
    end();
}
