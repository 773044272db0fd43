// SPDX-License-Identifier: MIT
#include "net/ws_dial.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "support/fault.h"
#include "support/test.h"
#include "support/ws_peer.h"

static struct ws_peer peer;
static struct cl_loop *loop;
static struct cl_ws_conn *ws;
static struct cl_ws_dial *dial;
static char notes[512];

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
    va_list args;
    size_t len = strlen(notes);
    va_start(args, format);
    (void)vsnprintf(notes + len, sizeof notes - len, format, args);
    va_end(args);
}

static void
on_open(void *ctx, struct cl_ws_conn *opened)
{
    CHECK(ctx == notes);
    ws = opened;
    dial = NULL;
    note("open ");
}

static void
on_failed(void *ctx, const struct cl_ws_no *no)
{
    CHECK(ctx == notes);
    dial = NULL;
    if (no->fault != CL_HTTP_FAULT_NONE)
        note("fault:%u ", no->fault);
    else
        note("status:%u:%.*s ", no->status, CL_STR_ARG(no->body));
    if (no->retry_after_s > 0)
        note("later:%u ", no->retry_after_s);
}

static void
on_message(void *ctx, struct cl_ws_conn *from, bool is_text, cl_str message)
{
    CHECK(ctx == notes && is_text);
    (void)from;
    note("text:%.*s ", CL_STR_ARG(message));
}

static void
on_closed(void *ctx, struct cl_ws_conn *closed, uint16_t code)
{
    (void)ctx, (void)closed;
    ws = NULL;
    note("closed:%u ", code);
}

static const struct cl_ws_dial_events events = {on_open, on_failed};
static const struct cl_ws_handler handler = {.on_message = on_message, .on_closed = on_closed};

/* The request is on its way; false without memory. */
static bool
begin(void)
{
    notes[0] = '\0';
    ws = NULL;
    dial = NULL;
    if (cl_loop_new(&loop) != CL_OK)
        return false;
    memory_loop_clock(loop);
    ws_peer_use(&peer);
    const struct cl_ws_dial_to to = {.loop = loop,
                                     .host = CL_STR("::1"),
                                     .port = 9077,
                                     .target = CL_STR("/base/v2"),
                                     .bearer = CL_STR("s3cret"),
                                     .timeout_ms = 15000,
                                     .handler = &handler,
                                     .ctx = notes};
    if (ws_peer_dial(&to, &events, &dial) == CL_OK)
        return true;
    CHECK(peer.stream.is_closed);
    cl_loop_free(loop);
    return false;
}

static void
end(void)
{
    if (dial != NULL)
        cl_ws_dial_cancel(dial);
    cl_loop_free(loop);
    CHECK(peer.stream.is_closed);
    ws_peer_done(&peer);
}

/* What is noted when the server answers so. */
static const char *
answered(const char *answer)
{
    CHECK(begin());
    memory_stream_run(&peer.stream);
    ws_peer_put(&peer, cl_str_z(answer));
    end();
    test_note("%s", notes);
    return notes;
}

TEST(a_client_asks_as_the_rfc_wants_and_hears_what_is_said)
{
    CHECK(begin());
    CHECK(ws_peer_accept(&peer, CL_STR("\x81\x02hi")));
    CHECK(strstr(peer.request, "GET /base/v2 HTTP/1.1\r\nHost: [::1]:9077\r\n"
                               "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ") == peer.request);
    CHECK(strstr(peer.request, "==\r\nAuthorization: Bearer s3cret\r\n\r\n") != NULL);
    CHECK_STR(cl_str_z(notes), CL_STR("open text:hi "));
    struct cl_part parts[] = {cl_part_of(CL_STR("a masked ")), cl_part_of(CL_STR("text"))};
    CHECK_OK(cl_ws_send_text(ws, parts, 2));
    CHECK_STR(ws_peer_heard(&peer), CL_STR("a masked text\n"));
    ws_peer_say(&peer, CL_WS_PING, CL_STR("you"));
    CHECK_STR(ws_peer_heard(&peer), CL_STR(""));
    CHECK_STR(cl_str_z(peer.events), CL_STR("pong "));
    ws_peer_say(&peer, CL_WS_CLOSE, CL_STR("\x03\xf4"));
    CHECK(strstr(notes, "closed:1012 ") != NULL);
    end();
}

TEST(two_keys_differ)
{
    char first[4096];
    CHECK(begin());
    CHECK(ws_peer_accept(&peer, CL_STR("")));
    memcpy(first, peer.request, sizeof first);
    end();
    CHECK(begin());
    CHECK(ws_peer_accept(&peer, CL_STR("")));
    CHECK(strcmp(first, peer.request) != 0);
    end();
}

#define UPGRADED "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

TEST(an_answer_that_is_not_the_handshakes_is_refused)
{
    CHECK(strstr(answered(UPGRADED "\r\n"), "fault:8 ") != NULL); // NOT_HTTP
    CHECK(strstr(answered(UPGRADED "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
                 "fault:8 ") != NULL);
    CHECK(strstr(answered("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "fault:8 ") != NULL);
}

TEST(a_status_is_told_with_what_the_server_says)
{
    CHECK_STR(cl_str_z(answered("HTTP/1.1 401 Unauthorized\r\nContent-Length: 14\r\n\r\n"
                                "{\"error\":\"no\"}")),
              CL_STR("status:401:{\"error\":\"no\"} "));
    CHECK_STR(
        cl_str_z(answered("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")),
        CL_STR("status:503: later:7 "));
    CHECK_STR(cl_str_z(answered("HTTP/1.1 502 Bad\r\nContent-Length: 999999\r\n\r\nlong")),
              CL_STR("status:502: "));
}

TEST(a_stream_that_breaks_is_told)
{
    CHECK(begin());
    memory_stream_put_eof(&peer.stream);
    CHECK_STR(cl_str_z(notes), CL_STR("fault:7 ")); // RESET
    end();
    CHECK(begin());
    memory_stream_reset(&peer.stream);
    CHECK_STR(cl_str_z(notes), CL_STR("fault:7 "));
    end();
}

TEST(a_server_that_says_nothing_is_given_up)
{
    CHECK(begin());
    memory_stream_run(&peer.stream);
    memory_loop_advance(loop, 14999);
    CHECK_STR(cl_str_z(notes), CL_STR(""));
    memory_loop_advance(loop, 1);
    CHECK_STR(cl_str_z(notes), CL_STR("fault:6 ")); // TIMEOUT
    end();
}

TEST(a_token_that_no_request_can_carry_is_refused)
{
    struct cl_ws_dial_to to = {.host = CL_STR("h"),
                               .port = 1,
                               .target = CL_STR("/v2"),
                               .bearer = CL_STR("a\r\nX: y"),
                               .handler = &handler};
    CHECK_OK(cl_loop_new(&loop));
    to.loop = loop;
    CHECK_INT(cl_ws_dial(&to, &events, &dial), CL_ERR_MALFORMED);
    cl_loop_free(loop);
}

TEST(no_failed_allocation_leaks_or_is_taken_for_a_success)
{
    FOR_EACH_FAULT
    {
        if (begin()) {
            if (ws_peer_accept(&peer, CL_STR("\x81\x02hi")) && ws != NULL) {
                struct cl_part part = cl_part_of(CL_STR("x"));
                enum cl_err err = cl_ws_send_text(ws, &part, 1);
                CHECK(err == CL_OK || fault_happened());
                (void)ws_peer_heard(&peer);
            }
            bool is_well = cl_str_eq(cl_str_z(notes), CL_STR("open text:hi "));
            CHECK(is_well || fault_happened());
            end();
        } else {
            CHECK(fault_happened());
        }
    }
}
