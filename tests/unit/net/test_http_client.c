// SPDX-License-Identifier: MIT
#include "net/http_client.h"

#include <string.h>

#include "net/tcp.h"
#include "support/fault.h"
#include "support/test.h"

/* A peer that says what the row wants, whatever it is asked, and can be silent. */
static struct cl_loop *loop;
static struct cl_listener *listener;
static struct cl_http_client *client;
static struct cl_http_server *server;
static uint16_t port;
static cl_str script;     // what the peer says
static bool ends_after;   // and then closes
static int accepted;      // connections
static char asked[70000]; // what it heard on the last one
static size_t asked_len;

static void
peer_data(void *ctx, char *bytes, size_t len)
{
    CHECK(len < sizeof asked - asked_len);
    memcpy(asked + asked_len, bytes, len);
    asked_len += len;
    cl_stream_want_write(ctx);
}

static void
peer_write(void *ctx)
{
    size_t taken;
    CHECK_OK(cl_stream_write(ctx, &script, 1, &taken));
    CHECK_INT(taken, script.len);
    if (ends_after)
        cl_stream_close(ctx);
}

static void
peer_eof(void *ctx)
{
    cl_stream_close(ctx);
}

static void
peer_closed(void *ctx, enum cl_err reason)
{
    (void)reason;
    cl_stream_close(ctx);
}

static const struct cl_stream_events peer_events = {peer_data, peer_eof, peer_write, peer_closed};

static void
on_accept(void *ctx, struct cl_stream *stream)
{
    (void)ctx;
    accepted++;
    asked_len = 0;
    cl_stream_use(stream, &peer_events, stream);
}

static void
begin_listening(cl_accept_fn *accept, void *ctx)
{
    cl_address address;
    CHECK_OK(cl_tcp_listen(loop, CL_STR("127.0.0.1"), 0, &listener, NULL));
    cl_listener_accept(listener, accept, ctx);
    cl_listener_address(listener, &address);
    port = address.port;
    CHECK_OK(cl_http_client_new(loop, CL_STR("127.0.0.1"), port, &client));
}

static void
begin(const char *answer, bool ends)
{
    server = NULL;
    accepted = 0;
    ends_after = ends;
    script = cl_str_z(answer);
    CHECK_OK(cl_loop_new(&loop));
    begin_listening(on_accept, NULL);
}

static void
end(void)
{
    cl_http_client_free(client);
    cl_listener_close(listener);
    cl_http_server_free(server);
    cl_loop_free(loop);
}

static enum cl_err
get(struct cl_http_reply *ret_reply, uint32_t timeout_ms)
{
    struct cl_http_call call = {
        .method = CL_STR("GET"), .target = CL_STR("/x?y=1"), .timeout_ms = timeout_ms};
    return cl_http_client_call(client, &call, ret_reply, NULL);
}

TEST(a_call_brings_the_answer_whatever_its_status)
{
    struct cl_http_reply reply;
    begin("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nX: y\r\n\r\nhello", false);
    struct cl_http_field field = {CL_STR("Authorization"), CL_STR("Bearer t")};
    struct cl_http_call call = {.method = CL_STR("POST"),
                                .target = CL_STR("/send"),
                                .fields = &field,
                                .fields_len = 1,
                                .body = CL_STR("{}")};
    CHECK_OK(cl_http_client_call(client, &call, &reply, NULL));
    CHECK_INT(reply.head->status, 404);
    CHECK_STR(reply.body, CL_STR("hello"));
    cl_str value;
    CHECK(cl_http_field(reply.head, CL_STR("x"), &value));
    CHECK_STR(value, CL_STR("y"));
    CHECK(cl_str_starts(cl_str_of(asked, asked_len),
                        CL_STR("POST /send HTTP/1.1\r\nHost: 127.0.0.1:")));
    CHECK(cl_str_ends(cl_str_of(asked, asked_len),
                      CL_STR("Content-Length: 2\r\nAuthorization: Bearer t\r\n\r\n{}")));
    end();
}

TEST(the_connection_is_kept_when_the_server_keeps_it)
{
    struct cl_http_reply reply;
    begin("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false);
    for (int at = 0; at < 3; at++)
        CHECK_OK(get(&reply, 0));
    CHECK_INT(accepted, 1);
    end();
}

TEST(a_new_connection_is_made_when_the_server_closed_the_last_one)
{
    struct cl_http_reply reply;
    begin("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true);
    for (int at = 0; at < 3; at++)
        CHECK_OK(get(&reply, 0));
    CHECK_INT(accepted, 3);
    end();
}

TEST(a_connection_whose_answer_says_close_or_is_followed_by_more_is_not_used_again)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
    };
    for (size_t at = 0; at < 2; at++) {
        struct cl_http_reply reply;
        begin(answers[at], false);
        CHECK_OK(get(&reply, 0));
        CHECK_STR(reply.body, CL_STR("ok"));
        CHECK_OK(get(&reply, 0));
        CHECK_INT(accepted, 2);
        end();
    }
}

TEST(interim_answers_are_skipped_and_chunks_joined)
{
    struct cl_http_reply reply;
    begin("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
          "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
          false);
    CHECK_OK(get(&reply, 0));
    CHECK_STR(reply.body, CL_STR("abcde"));
    end();
}

TEST(an_answer_may_end_with_the_connection)
{
    struct cl_http_reply reply;
    begin("HTTP/1.1 200 OK\r\n\r\nall of it", true);
    CHECK_OK(get(&reply, 0));
    CHECK_STR(reply.body, CL_STR("all of it"));
    end();
}

TEST(an_answer_to_head_has_no_body)
{
    struct cl_http_reply reply;
    begin("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", false);
    struct cl_http_call call = {.method = CL_STR("HEAD"), .target = CL_STR("/")};
    CHECK_OK(cl_http_client_call(client, &call, &reply, NULL));
    CHECK_INT(reply.body.len, 0);
    end();
}

struct fault_row {
    const char *answer;
    bool ends;
    enum cl_err want;
    enum cl_http_fault want_fault;
};

static const struct fault_row fault_rows[] = {
    {"", true, CL_ERR_CLOSED, CL_HTTP_FAULT_RESET},
    {"HTTP/1.1 200 OK\r\nContent-Le", true, CL_ERR_CLOSED, CL_HTTP_FAULT_RESET},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", true, CL_ERR_CLOSED, CL_HTTP_FAULT_RESET},
    {"SSH-2.0-OpenSSH_9.2\r\n", false, CL_ERR_IO, CL_HTTP_FAULT_NOT_HTTP},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", false, CL_ERR_TOO_LARGE,
     CL_HTTP_FAULT_TOO_LARGE},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", false, CL_ERR_TIMEOUT,
     CL_HTTP_FAULT_TIMEOUT},
};

TEST(what_went_wrong_is_told_apart)
{
    for (size_t at = 0; at < sizeof fault_rows / sizeof *fault_rows; at++) {
        test_note("row %zu", at);
        struct cl_http_reply reply;
        begin(fault_rows[at].answer, fault_rows[at].ends);
        CHECK_INT(get(&reply, 50), fault_rows[at].want);
        CHECK_INT(cl_http_client_fault(client), fault_rows[at].want_fault);
        end();
    }
}

TEST(nobody_there_is_told_apart)
{
    struct cl_http_reply reply;
    struct cl_http_call call = {.method = CL_STR("GET"), .target = CL_STR("/")};
    struct cl_why why = {0};
    begin("", false);
    cl_listener_close(listener);
    listener = NULL;
    CHECK_INT(cl_http_client_call(client, &call, &reply, &why), CL_ERR_NO_RELAY);
    CHECK_INT(cl_http_client_fault(client), CL_HTTP_FAULT_REFUSED);
    CHECK(cl_str_ends(cl_str_z(why.text), CL_STR(": connection refused")));
    cl_http_client_free(client);
    CHECK_OK(cl_http_client_new(loop, CL_STR("no host!"), 1, &client));
    CHECK_INT(cl_http_client_call(client, &call, &reply, &why), CL_ERR_NO_RELAY);
    CHECK_INT(cl_http_client_fault(client), CL_HTTP_FAULT_UNRESOLVED);
    end();
}

TEST(a_field_that_would_break_the_request_is_refused_before_anything_is_sent)
{
    struct cl_http_reply reply;
    begin("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false);
    struct cl_http_field field = {CL_STR("A"), CL_STR("b\r\nC: d")};
    struct cl_http_call call = {
        .method = CL_STR("GET"), .target = CL_STR("/"), .fields = &field, .fields_len = 1};
    CHECK_INT(cl_http_client_call(client, &call, &reply, NULL), CL_ERR_MALFORMED);
    CHECK_INT(accepted, 0);
    end();
}

static void
echo(void *ctx, struct cl_http_conn *conn, const struct cl_http_head *head, cl_str body)
{
    (void)ctx;
    (void)head;
    struct cl_part part = cl_part_of(body);
    struct cl_http_answer answer = {.status = 200, .parts = &part, .parts_len = 1};
    cl_http_answer(conn, &answer);
}

TEST(it_speaks_with_our_own_server_over_a_real_socket)
{
    static const struct cl_http_handler handler = {.on_request = echo};
    struct cl_http_server_options options = {.handler = &handler};
    struct cl_http_reply reply;
    static char body[900000];
    memset(body, 'x', sizeof body);
    CHECK_OK(cl_loop_new(&loop));
    CHECK_OK(cl_http_server_new(loop, &options, &server));
    begin_listening(cl_http_server_take, server);
    struct cl_http_call call = {
        .method = CL_STR("POST"), .target = CL_STR("/"), .body = cl_str_of(body, sizeof body)};
    for (int at = 0; at < 3; at++) {
        CHECK_OK(cl_http_client_call(client, &call, &reply, NULL));
        CHECK_STR(reply.body, call.body);
    }
    CHECK_INT(cl_http_server_count(server), 1);
    call.body = cl_str_of(body, 10);
    CHECK_OK(cl_http_client_call(client, &call, &reply, NULL));
    CHECK_STR(reply.body, call.body);
    end();
}

/* The whole of a call and its answer over real sockets; returns how the call ended. */
static enum cl_err
call_once(void)
{
    static const struct cl_http_handler handler = {.on_request = echo};
    struct cl_http_server_options options = {.handler = &handler};
    struct cl_http_call call = {.method = CL_STR("POST"),
                                .target = CL_STR("/"),
                                .body = CL_STR("hello"),
                                .timeout_ms = 300};
    struct cl_http_reply reply;
    cl_address address = {0};
    loop = NULL;
    listener = NULL;
    server = NULL;
    client = NULL;
    enum cl_err err = cl_loop_new(&loop);
    if (err == CL_OK)
        err = cl_http_server_new(loop, &options, &server);
    if (err == CL_OK)
        err = cl_tcp_listen(loop, CL_STR("127.0.0.1"), 0, &listener, NULL);
    if (err == CL_OK) {
        cl_listener_accept(listener, cl_http_server_take, server);
        cl_listener_address(listener, &address);
        err = cl_http_client_new(loop, CL_STR("127.0.0.1"), address.port, &client);
    }
    if (err == CL_OK)
        err = cl_http_client_call(client, &call, &reply, NULL);
    if (err == CL_OK && (reply.head->status != 200 || !cl_str_eq(reply.body, call.body)))
        err = CL_ERR_UNAVAILABLE;
    end();
    return err;
}

TEST(without_memory_at_any_point_a_call_fails_and_nothing_leaks)
{
    FOR_EACH_FAULT
    {
        enum cl_err err = call_once();
        CHECK(err == CL_OK || fault_happened());
    }
}
