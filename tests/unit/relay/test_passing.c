// SPDX-License-Identifier: MIT
/* Messages that only pass, in a whole relay on memory streams: over each way in which v1 and v2
 * take messages, with a journal that hears nothing of them. */
#include <stdio.h>
#include <string.h>

#include "proto/v1_decode.h"
#include "relay/relay.h"
#include "relay/state.h"
#include "relay/v2.h"
#include "support/memory_stream.h"
#include "support/test.h"
#include "support/test_journal.h"
#include "wire/websocket.h"

#define HOST "Host: localhost\r\n"
#define UPGRADE                                          \
    HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n" \
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static struct cl_journal *journal;
static struct cl_relay *relay;
static struct memory_stream streams[3];
static uint64_t applied; // commands, once all are there
static uint8_t ids;

static void
begin(void)
{
    struct test_journal_options options = {.seed = 1};
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
    ids = 0;
}

/* All has ended, without a word to the journal. */
static void
end(void)
{
    cl_session_check(relay->session, relay->core);
    CHECK_INT(cl_session_passing(relay->session), 0);
    CHECK_INT(cl_session_leased(relay->session), 0);
    CHECK_INT(cl_core_applied(relay->core), applied);
    cl_relay_free(relay);
    cl_journal_close(journal);
}

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

/* Where that stands in what was written, or NULL. */
static const char *
find(const struct memory_stream *stream, const char *text)
{
    cl_str written = memory_stream_written(stream);
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= written.len; i++)
        if (memcmp(written.ptr + i, text, len) == 0)
            return written.ptr + i;
    test_note("no %s in: %.*s", text, CL_STR_ARG(written));
    return NULL;
}

static bool
has(const struct memory_stream *stream, const char *text)
{
    return find(stream, text) != NULL;
}

static void
say(struct memory_stream *stream, enum cl_ws_opcode opcode, cl_str text)
{
    char bytes[1024];
    const uint8_t mask[CL_WS_MASK_BYTES] = {0};
    size_t head = cl_ws_frame_head(opcode, true, text.len, mask, (uint8_t *)bytes);
    CHECK(head + text.len <= sizeof bytes);
    memcpy(bytes + head, text.ptr, text.len);
    memory_stream_clear(stream);
    memory_stream_put(stream, cl_str_of(bytes, head + text.len));
    memory_stream_run(stream);
}

static void
call(struct memory_stream *stream, const char *method, const char *params)
{
    char text[768];
    int len =
        snprintf(text, sizeof text,
                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
    say(stream, CL_WS_TEXT, cl_str_of(text, (size_t)len));
}

/* m/otto, attached with that. */
static struct memory_stream *
attach(const char *params)
{
    struct memory_stream *otto = open_stream(0, "GET /v2 HTTP/1.1\r\n" UPGRADE);
    call(otto, "hello", "{\"versions\":[\"2.0\"],\"instance\":\"m\"}");
    call(otto, "attach", params);
    CHECK(has(otto, "\"result\""));
    memory_stream_clear(otto);
    return otto;
}

/* A task with that text, from lab/anna. */
static enum cl_err
pass(const char *to, const char *text)
{
    char members[256];
    int len = snprintf(members, sizeof members, "{\"task\":\"%s\"}", text);
    struct cl_body *body = cl_body_new(cl_str_of(members, (size_t)len));
    struct cl_command draft = {.kind = CL_COMMAND_PASS,
                               .pass = {.to = cl_str_z(to),
                                        .from = CL_STR("lab/anna"),
                                        .id = {{++ids}},
                                        .kind = CL_MSG_TASK,
                                        .media = CL_V1_MEDIA_MEMBERS,
                                        .trust = CL_TRUST_GROUP,
                                        .expires = CL_TIME_NEVER,
                                        .body = body}};
    CHECK(body != NULL);
    applied = cl_core_applied(relay->core);
    enum cl_err err = cl_relay_session(relay, &draft);
    cl_body_unref(body);
    cl_loop_turn(relay->loop, false);
    return err;
}

/* The payload of the last ping in there. */
static cl_str
ping_in(const struct memory_stream *stream)
{
    cl_str written = memory_stream_written(stream);
    CHECK(written.len > 10);
    CHECK_INT((uint8_t)written.ptr[written.len - 10], 0x89);
    CHECK_INT(written.ptr[written.len - 9], 8);
    return cl_str_part(written, written.len - 8, written.len);
}

TEST(a_listener_of_v1_is_pushed_what_passes_and_proves_it_with_its_pong)
{
    begin();
    struct memory_stream *b = open_stream(0, "GET /ws/b HTTP/1.1\r\n" UPGRADE);
    CHECK(has(b, "HTTP/1.1 101"));
    memory_stream_clear(b);
    CHECK_OK(pass("b", "hello"));
    CHECK(has(b, "\"from_agent\":\"lab/anna\",\"to_agent\":\"b\""));
    CHECK(has(b, "\"task\":\"hello\""));
    CHECK(has(b, "\"priority\":\"normal\""));
    CHECK_INT(cl_session_leased(relay->session), 1);
    char proof[8];
    memcpy(proof, ping_in(b).ptr, sizeof proof);
    say(b, CL_WS_PONG, cl_str_of(proof, sizeof proof));
    end();
}

TEST(a_poll_of_v1_takes_what_passes)
{
    begin();
    (void)open_stream(0, "POST /register HTTP/1.1\r\n" HOST
                         "Content-Length: 16\r\n\r\n{\"agent_id\":\"b\"}");
    CHECK_OK(pass("b", "hello"));
    CHECK_INT(cl_session_passing(relay->session), 1);
    struct memory_stream *poll = open_stream(1, "GET /poll/b HTTP/1.1\r\n" HOST "\r\n");
    CHECK(has(poll, "\"task\":\"hello\""));
    CHECK(has(poll, "\"count\":1"));
    end(); // the answer was taken
}

TEST(an_agent_of_v2_acknowledges_refuses_and_releases_by_the_place)
{
    begin();
    struct memory_stream *otto = attach("{\"agent\":\"m/otto\"}");
    CHECK_OK(pass("m/otto", "hello"));
    CHECK(has(otto, "\"at\":[4,1]"));
    CHECK(has(otto, "\"trust\":\"group\",\"attempts\":0"));
    CHECK_OK(pass("m/otto", "again"));
    CHECK_OK(pass("m/otto", "last"));
    call(otto, "ack", "{\"agent\":\"m/otto\",\"ranges\":[[4,1,1]]}");
    CHECK(has(otto, "\"result\":{}"));
    CHECK_INT(cl_session_passing(relay->session), 2);
    call(otto, "refuse", "{\"agent\":\"m/otto\",\"at\":[4,2],\"reason\":\"no\"}");
    CHECK(has(otto, "\"result\":{}"));
    CHECK_INT(cl_session_passing(relay->session), 1);
    call(otto, "release", "{\"agent\":\"m/otto\",\"ranges\":[[4,1,9]]}");
    CHECK(has(otto, "\"result\":{}"));
    CHECK(has(otto, "\"at\":[4,3]")); // and here it is again
    call(otto, "ack", "{\"agent\":\"m/otto\",\"ranges\":[[4,3,3]]}");
    end();
}

TEST(a_call_of_receive_takes_what_passes_and_proves_it_by_its_lease)
{
    begin();
    struct memory_stream *otto = attach("{\"agent\":\"m/otto\",\"quiet\":true}");
    CHECK_OK(pass("m/otto", "hello"));
    call(otto, "receive", "{\"agent\":\"m/otto\"}");
    CHECK(has(otto, "\"at\":[4,1]"));
    char text[128];
    const char *lease = find(otto, "\"lease\":\"");
    CHECK(lease != NULL);
    const char *stop = strchr(lease + 9, '"');
    CHECK(stop != NULL);
    (void)snprintf(text, sizeof text, "{\"agent\":\"m/otto\",%.*s\"}", (int)(stop - lease), lease);
    call(otto, "ack", "{\"agent\":\"m/otto\",\"ranges\":[[4,1,1]]}");
    CHECK(has(otto, "malformed")); // of a range it is not
    CHECK_INT(cl_session_passing(relay->session), 1);
    call(otto, "ack", text);
    CHECK(has(otto, "\"result\":{}"));
    end();
}

static unsigned
views(void)
{
    unsigned len = 0;
    CL_LIST_EACH(&relay->blobs.views, at)
    {
        (void)at;
        len++;
    }
    return len;
}

TEST(a_long_text_is_shown_to_v2_as_a_blob_of_its_own)
{
    static char text[CL_ENVELOPE_BODY_BYTES_MAX + 128];
    begin();
    struct memory_stream *otto = attach("{\"agent\":\"m/otto\"}");
    for (char letter = 'a'; letter <= 'b'; letter++) {
        int len = snprintf(text, sizeof text, "{\"task\":\"");
        memset(text + len, letter, sizeof text - 64);
        memcpy(text + len + sizeof text - 64, "\"}", 3);
        struct cl_body *body = cl_body_new(cl_str_z(text));
        struct cl_command draft = {.kind = CL_COMMAND_PASS,
                                   .pass = {.to = CL_STR("m/otto"),
                                            .from = CL_STR("lab/anna"),
                                            .id = {{(uint8_t)letter}},
                                            .kind = CL_MSG_TASK,
                                            .media = CL_V1_MEDIA_MEMBERS,
                                            .expires = CL_TIME_NEVER,
                                            .body = body}};
        CHECK(body != NULL);
        CHECK_OK(cl_relay_session(relay, &draft));
        cl_body_unref(body);
    }
    cl_loop_turn(relay->loop, false);
    CHECK(has(otto, "\"at\":[4,2]"));
    CHECK_INT(views(), 2);
    call(otto, "ack", "{\"agent\":\"m/otto\",\"ranges\":[[4,1,1]]}");
    CHECK_INT(views(), 1); // what has ended is nowhere
    call(otto, "refuse", "{\"agent\":\"m/otto\",\"at\":[4,2],\"reason\":\"no\"}");
    CHECK_INT(views(), 0);
    applied = cl_core_applied(relay->core);
    end();
}

TEST(what_nobody_takes_ends_by_itself)
{
    begin();
    (void)open_stream(0, "POST /register HTTP/1.1\r\n" HOST
                         "Content-Length: 16\r\n\r\n{\"agent_id\":\"b\"}");
    CHECK_INT(pass("nobody", "hello"), CL_ERR_NO_AGENT);
    CHECK_OK(pass("b", "hello"));
    CHECK_INT(cl_session_passing(relay->session), 1);
    CHECK(cl_timer_is_running(&relay->deadline));
    struct cl_command lapse = {
        .kind = CL_COMMAND_LAPSE,
        .lapse = {.due = cl_time_add(cl_relay_time(relay), CL_PASS_LIFE_MS)}};
    CHECK_OK(cl_relay_session(relay, &lapse));
    end();
}
