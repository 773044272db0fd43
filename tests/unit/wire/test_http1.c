// SPDX-License-Identifier: MIT
#include "wire/http1.h"

#include <string.h>

#include "base/limits.h"
#include "support/fault.h"
#include "support/test.h"
#include "unit/wire/http1_trace.h"
#include "wire/http1_parts.h"

static struct cl_http_parser parser;
static struct cl_http_event event;
static cl_str input;

static void
begin(enum cl_http_role role, cl_str bytes)
{
    cl_http_parser_done(&parser);
    cl_http_parser_init(&parser, role, CL_HTTP_BODY_BYTES_MAX);
    input = bytes;
}

static enum cl_err
feed(void)
{
    return cl_http_feed(&parser, &input, &event, NULL);
}

/* The head of bytes, which hold one. */
static const struct cl_http_head *
head_of(enum cl_http_role role, cl_str bytes)
{
    begin(role, bytes);
    CHECK_OK(feed());
    CHECK_INT(event.kind, CL_HTTP_HEAD);
    return &parser.head;
}

static const struct cl_http_head *
request(const char *text)
{
    return head_of(CL_HTTP_REQUESTS, cl_str_z(text));
}

static const struct cl_http_head *
response(const char *text)
{
    return head_of(CL_HTTP_RESPONSES, cl_str_z(text));
}

TEST(a_request_head_says_what_was_sent)
{
    const struct cl_http_head *head = request("PUT /a%20b?c=d?e HTTP/1.1\r\nHost: h:80\r\n"
                                              "Content-Length: 2\r\n\r\nhi");
    CHECK_STR(head->method, CL_STR("PUT"));
    CHECK_STR(head->target, CL_STR("/a%20b?c=d?e"));
    CHECK_STR(head->path, CL_STR("/a%20b"));
    CHECK_STR(head->query, CL_STR("c=d?e"));
    CHECK_STR(head->authority, CL_STR("h:80"));
    CHECK_INT(head->minor, 1);
    CHECK_INT(head->framing, CL_HTTP_LENGTH);
    CHECK_INT(head->content_length, 2);
    CHECK_STR(head->fields, CL_STR("Host: h:80\r\nContent-Length: 2\r\n"));
    CHECK(head->keep_alive && !head->expect_continue && !head->upgrade);
}

TEST(an_answer_head_says_what_was_sent)
{
    const struct cl_http_head *head = response("HTTP/1.1 404 Not here\r\nA: b\r\n\r\n");
    CHECK_INT(head->status, 404);
    CHECK_STR(head->reason, CL_STR("Not here"));
    CHECK_INT(head->minor, 1);
    CHECK_INT(head->framing, CL_HTTP_UNTIL_CLOSE);
    CHECK(!head->keep_alive);
    CHECK_INT(response("HTTP/1.0 200 OK\r\n\r\n")->minor, 0);
}

// RFC 9112 3.2.2
TEST(the_authority_of_the_target_wins_over_host)
{
    const struct cl_http_head *head = request("GET http://o:8/a?b HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK_STR(head->authority, CL_STR("o:8"));
    CHECK_STR(head->path, CL_STR("/a"));
    CHECK_STR(head->query, CL_STR("b"));
    head = request("GET http://o?b HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK_STR(head->authority, CL_STR("o"));
    CHECK_STR(head->path, CL_STR("/"));
    CHECK_STR(head->query, CL_STR("b"));
    head = request("GET /a HTTP/1.0\r\n\r\n");
    CHECK_STR(head->authority, CL_STR(""));
}

// RFC 9112 6.3
TEST(the_framing_follows_the_fields)
{
    CHECK_INT(request("GET / HTTP/1.0\r\n\r\n")->framing, CL_HTTP_NO_BODY);
    CHECK_INT(request("GET / HTTP/1.0\r\nContent-Length: 0\r\n\r\n")->framing, CL_HTTP_LENGTH);
    const struct cl_http_head *head = request("GET / HTTP/1.1\r\nHost: h\r\n"
                                              "Transfer-Encoding: chunked\r\n\r\n");
    CHECK_INT(head->framing, CL_HTTP_CHUNKED);
    CHECK_INT(head->content_length, 0);
    head = request("GET / HTTP/1.0\r\nContent-Length: 9223372036854775807\r\n\r\n");
    CHECK(head->content_length == INT64_MAX);
    head = response("HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n");
    CHECK_INT(head->framing, CL_HTTP_NO_BODY);
    CHECK_INT(head->content_length, 0);
    CHECK(head->keep_alive);
}

// RFC 9110 10.1.1
TEST(only_a_client_with_a_body_waits_for_100)
{
    CHECK(request("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
              ->expect_continue);
    CHECK(request("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n")
              ->expect_continue);
    CHECK(!request("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n")->expect_continue);
    CHECK(!request("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
               ->expect_continue);
}

// RFC 9110 7.8
TEST(an_upgrade_takes_the_field_the_token_and_the_version)
{
    const char *upgrade = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
                          "Connection: keep-alive, Upgrade\r\n\r\n\x81\x01x";
    CHECK(request(upgrade)->upgrade);
    CHECK(!request("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n")->upgrade);
    CHECK(!request("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n\r\n")->upgrade);
    CHECK(!request("GET / HTTP/1.0\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")->upgrade);

    // What follows belongs to the other protocol, and stays with the caller.
    (void)request(upgrade);
    CHECK_OK(feed());
    CHECK_INT(event.kind, CL_HTTP_END);
    CHECK_STR(input, CL_STR("\x81\x01x"));
}

TEST(what_follows_a_message_stays_with_the_caller)
{
    begin(CL_HTTP_REQUESTS, CL_STR("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                                   "GET /b HTTP/1.0\r\n\r\nrest"));
    CHECK_OK(feed());
    CHECK_OK(feed());
    CHECK_INT(event.kind, CL_HTTP_END);
    CHECK_STR(input, CL_STR("GET /b HTTP/1.0\r\n\r\nrest"));
    CHECK_STR(parser.head.path, CL_STR("/a")); // still there, until more is fed
    CHECK_OK(feed());
    CHECK_STR(parser.head.path, CL_STR("/b"));
    CHECK_OK(feed());
    CHECK_INT(event.kind, CL_HTTP_END);
    CHECK_INT(feed(), CL_ERR_CLOSED);
    CHECK_STR(input, CL_STR("rest"));
    input = CL_STR("");
    CHECK_OK(feed());
    CHECK_INT(event.kind, CL_HTTP_MORE);
    CHECK_OK(cl_http_eof(&parser, &event, NULL));
}

TEST(body_slices_lie_in_the_input)
{
    cl_str bytes = CL_STR("PUT / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi");
    begin(CL_HTTP_REQUESTS, bytes);
    CHECK_OK(feed());
    CHECK_OK(feed());
    CHECK_INT(event.kind, CL_HTTP_BODY);
    CHECK(event.body.ptr == bytes.ptr + bytes.len - 2 && event.body.len == 2);
}

TEST(an_idle_parser_holds_no_memory)
{
    begin(CL_HTTP_REQUESTS, CL_STR("\r\n"));
    CHECK(cl_http_parser_is_idle(&parser));
    CHECK_OK(feed());
    CHECK(cl_http_parser_is_idle(&parser));
    input = CL_STR("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    CHECK_OK(feed());
    CHECK(!cl_http_parser_is_idle(&parser));
    cl_http_parser_forget(&parser); // too early, so nothing happens
    CHECK_STR(parser.head.path, CL_STR("/"));
    CHECK_OK(feed());
    CHECK_INT(event.kind, CL_HTTP_END);
    CHECK(cl_http_parser_is_idle(&parser));
    cl_http_parser_forget(&parser);
    CHECK(parser.head_bytes.ptr == NULL && parser.line.ptr == NULL);
    CHECK_INT(parser.head.path.len, 0);
    CHECK(sizeof(parser) <= 512);

    input = CL_STR("GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK_OK(feed());
    CHECK_STR(parser.head.path, CL_STR("/b"));
}

TEST(a_refusal_stays)
{
    begin(CL_HTTP_REQUESTS, CL_STR("GET / HTTP/3.0\r\n"));
    CHECK_INT(feed(), CL_ERR_HTTP_VERSION);
    input = CL_STR("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    event.kind = CL_HTTP_BODY;
    CHECK_INT(feed(), CL_ERR_HTTP_VERSION);
    CHECK_INT(cl_http_eof(&parser, &event, NULL), CL_ERR_HTTP_VERSION);
    CHECK_INT(event.kind, CL_HTTP_BODY);
    CHECK_INT(input.len, 27);
}

TEST(an_announced_length_is_refused_without_a_byte_of_it)
{
    (void)request("PUT / HTTP/1.0\r\nContent-Length: 1099511627776\r\n\r\n");
    CHECK(parser.head.content_length == 1099511627776u);
    CHECK_INT(feed(), CL_ERR_TOO_LARGE);

    (void)request("PUT / HTTP/1.0\r\nContent-Length: 3\r\n\r\n");
    parser.body_bytes_max = 2; // the caller's own limit for this path
    CHECK_INT(feed(), CL_ERR_TOO_LARGE);

    (void)request("PUT / HTTP/1.0\r\nContent-Length: 3\r\n\r\n");
    parser.body_bytes_max = 3;
    CHECK_OK(feed());
    CHECK_INT(event.kind, CL_HTTP_MORE);
}

TEST(a_body_until_close_is_bounded)
{
    (void)response("HTTP/1.1 200 OK\r\n\r\nhello");
    parser.body_bytes_max = 4;
    CHECK_OK(feed());
    CHECK_STR(event.body, CL_STR("hell"));
    CHECK_INT(feed(), CL_ERR_TOO_LARGE);
}

// RFC 9112 6.3
TEST(the_answer_to_head_has_no_body)
{
    begin(CL_HTTP_RESPONSES, CL_STR("HTTP/1.1 100 x\r\n\r\n"
                                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
                                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    cl_http_parser_asked_head(&parser);
    CHECK_OK(feed());
    CHECK_INT(event.kind, CL_HTTP_INTERIM);
    CHECK_INT(parser.head.status, 100);
    CHECK_OK(feed());
    CHECK_INT(event.kind, CL_HTTP_HEAD);
    CHECK_INT(parser.head.framing, CL_HTTP_NO_BODY);
    CHECK_OK(feed());
    CHECK_INT(event.kind, CL_HTTP_END);
    CHECK_OK(feed());
    CHECK_INT(parser.head.content_length, 2); // only that one answer
}

TEST(the_end_of_the_peer_is_told_apart)
{
    begin(CL_HTTP_RESPONSES, CL_STR(""));
    CHECK_OK(cl_http_eof(&parser, &event, NULL));
    CHECK_INT(event.kind, CL_HTTP_MORE);
    (void)response("HTTP/1.1 200 OK\r\n\r\n");
    CHECK_OK(cl_http_eof(&parser, &event, NULL));
    CHECK_INT(event.kind, CL_HTTP_END);
    (void)response("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n");
    CHECK_INT(cl_http_eof(&parser, &event, NULL), CL_ERR_CLOSED);
}

/* -- fields ---------------------------------------------------------------------------------- */

TEST(fields_are_found_without_case)
{
    const struct cl_http_head *head =
        request("GET / HTTP/1.0\r\nAB: \t c d \t\r\nE:\r\nab:f\r\n\r\n");
    cl_str value = CL_STR("untouched"), name, rest = head->fields;

    CHECK(!cl_http_field(head, CL_STR("a"), &value));
    CHECK_STR(value, CL_STR("untouched"));
    CHECK(cl_http_field(head, CL_STR("aB"), &value));
    CHECK_STR(value, CL_STR("c d"));
    CHECK(cl_http_field(head, CL_STR("e"), &value));
    CHECK_STR(value, CL_STR(""));
    CHECK_INT(cl_http_field_count(head, CL_STR("Ab")), 2);
    CHECK_INT(cl_http_field_count(head, CL_STR("e")), 1);
    CHECK_INT(cl_http_field_count(head, CL_STR("b")), 0);

    CHECK(cl_http_field_next(&rest, &name, &value));
    CHECK(cl_http_field_next(&rest, &name, &value));
    CHECK(cl_http_field_next(&rest, &name, &value));
    CHECK_STR(name, CL_STR("ab"));
    CHECK_STR(value, CL_STR("f"));
    CHECK(!cl_http_field_next(&rest, &name, &value));
}

// RFC 9110 5.3: the lines of a list field are one list.
TEST(a_token_is_found_in_any_line_of_its_list)
{
    const struct cl_http_head *head = request("GET / HTTP/1.0\r\nUpgrade: a, WebSocket\r\n"
                                              "X: d\r\nUpgrade:b ,,c/1\r\n\r\n");
    CHECK(cl_http_has_token(head, CL_STR("upgrade"), CL_STR("websocket")));
    CHECK(cl_http_has_token(head, CL_STR("upgrade"), CL_STR("b")));
    CHECK(cl_http_has_token(head, CL_STR("upgrade"), CL_STR("c/1")));
    CHECK(!cl_http_has_token(head, CL_STR("upgrade"), CL_STR("c")));
    CHECK(!cl_http_has_token(head, CL_STR("upgrade"), CL_STR("web")));
    CHECK(!cl_http_has_token(head, CL_STR("upgrade"), CL_STR("d")));
}

// RFC 9110 5.6.2 and 5.5, for each byte.
TEST(each_byte_is_a_token_or_a_value_or_neither)
{
    const char *marks = "!#$%&'*+-.^_`|~";

    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool is_mark = c != 0 && strchr(marks, c) != NULL;
        test_note("byte %d", c);
        CHECK(cl_http_is_token(cl_str_of(&byte, 1)) == (is_alnum || is_mark));
        CHECK(cl_http_is_value(cl_str_of(&byte, 1)) == (c == 9 || (c >= 32 && c != 127)));
    }
    CHECK(!cl_http_is_token(CL_STR("")));
    CHECK(cl_http_is_value(CL_STR("")));
}

/* -- limits ---------------------------------------------------------------------------------- */

static char text[4 * CL_HTTP_HEAD_BYTES_MAX];
static size_t text_len;

static void
put(const char *part)
{
    size_t len = strlen(part);
    memcpy(text + text_len, part, len);
    text_len += len;
}

static void
put_times(const char *part, size_t times)
{
    while (times-- > 0)
        put(part);
}

/* Fills up with 'a' to that length. */
static void
fill(size_t len)
{
    memset(text + text_len, 'a', len - text_len);
    text_len = len;
}

/* What becomes of text, whole, byte by byte, and cut once in some places. */
static void
check_text(enum cl_http_role role, const char *want)
{
    struct http1_trace trace;
    cl_str bytes = cl_str_of(text, text_len);

    for (size_t step = 1; step <= text_len; step = step * 3 + 1) {
        http1_trace_init(&trace, role);
        for (size_t at = 0; at < text_len; at += step)
            http1_trace_feed(&trace, cl_str_part(bytes, at, step));
        test_note("steps of %zu bytes", step);
        CHECK_STR(http1_trace_str(&trace), cl_str_z(want));
        http1_trace_done(&trace);
    }
    http1_trace_init(&trace, role);
    http1_trace_feed(&trace, bytes);
    CHECK_STR(http1_trace_str(&trace), cl_str_z(want));
    http1_trace_done(&trace);
    text_len = 0;
}

// RFC 9112 3
TEST(a_long_target_is_414)
{
    begin(CL_HTTP_REQUESTS, CL_STR(""));
    put("GET /");
    fill(4 + CL_HTTP_TARGET_BYTES_MAX);
    put(" HTTP/1.0\r\n\r\n");
    input = cl_str_of(text, text_len);
    CHECK_OK(feed());
    CHECK_INT(parser.head.target.len, CL_HTTP_TARGET_BYTES_MAX);
    text_len = 0;

    put("GET /");
    fill(5 + CL_HTTP_TARGET_BYTES_MAX);
    put(" HTTP/1.0\r\n");
    check_text(CL_HTTP_REQUESTS, "!uri_too_long");

    // A line without an end is refused where the head would be full.
    put("GET /");
    fill(CL_HTTP_HEAD_BYTES_MAX);
    check_text(CL_HTTP_REQUESTS, "!uri_too_long");
    put("GET /");
    fill(CL_HTTP_HEAD_BYTES_MAX - 1);
    check_text(CL_HTTP_REQUESTS, "");
    put("HTTP/1.1 200 ");
    fill(CL_HTTP_HEAD_BYTES_MAX);
    check_text(CL_HTTP_RESPONSES, "!head_too_large");
}

// RFC 6585 5
TEST(a_long_head_is_431)
{
    put("GET / HTTP/1.0\r\nA: ");
    fill(CL_HTTP_HEAD_BYTES_MAX - 4);
    put("\r\n\r\n");
    check_text(CL_HTTP_REQUESTS, "GET /().");

    put("GET / HTTP/1.0\r\nA: ");
    fill(CL_HTTP_HEAD_BYTES_MAX - 3);
    put("\r\n\r\n");
    check_text(CL_HTTP_REQUESTS, "!head_too_large");

    put("GET / HTTP/1.0\r\n");
    put_times("A:\r\n", CL_HTTP_FIELDS_MAX);
    put("\r\n");
    check_text(CL_HTTP_REQUESTS, "GET /().");

    put("GET / HTTP/1.0\r\n");
    put_times("A:\r\n", CL_HTTP_FIELDS_MAX + 1);
    check_text(CL_HTTP_REQUESTS, "!head_too_large");
}

#define CHUNKED_HEAD "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

// RFC 9112 7.1.1
TEST(chunk_extensions_are_bounded)
{
    size_t head_len = sizeof(CHUNKED_HEAD) - 1;

    put(CHUNKED_HEAD "0;");
    fill(head_len + CL_HTTP_CHUNK_LINE_BYTES_MAX - 2);
    put("\r\n\r\n");
    check_text(CL_HTTP_REQUESTS, "PUT /()");

    put(CHUNKED_HEAD "0;");
    fill(head_len + CL_HTTP_CHUNK_LINE_BYTES_MAX - 1);
    put("\r\n\r\n");
    check_text(CL_HTTP_REQUESTS, "PUT /(!malformed");

    // 64 bytes each: the 257th is too much.
    put(CHUNKED_HEAD);
    put_times("1;abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0\r\nx\r\n",
              CL_HTTP_HEAD_BYTES_MAX / 64);
    check_text(CL_HTTP_REQUESTS, "PUT /(");
    put(CHUNKED_HEAD);
    put_times("1;abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0\r\nx\r\n",
              CL_HTTP_HEAD_BYTES_MAX / 64 + 1);
    check_text(CL_HTTP_REQUESTS, "PUT /(#256!head_too_large");
}

// RFC 9110 6.5
TEST(trailers_are_bounded)
{
    put(CHUNKED_HEAD "0\r\n");
    put_times("A:\r\n", CL_HTTP_FIELDS_MAX);
    put("\r\n");
    check_text(CL_HTTP_REQUESTS, "PUT /()");

    put(CHUNKED_HEAD "0\r\n");
    put_times("A:\r\n", CL_HTTP_FIELDS_MAX + 1);
    check_text(CL_HTTP_REQUESTS, "PUT /(!head_too_large");

    size_t start = sizeof(CHUNKED_HEAD "0\r\n") - 1;
    put(CHUNKED_HEAD "0\r\nA: ");
    fill(start + CL_HTTP_HEAD_BYTES_MAX - 4);
    put("\r\n\r\n");
    check_text(CL_HTTP_REQUESTS, "PUT /()");

    put(CHUNKED_HEAD "0\r\nA: ");
    fill(start + CL_HTTP_HEAD_BYTES_MAX - 2);
    put("\r\n\r\n");
    check_text(CL_HTTP_REQUESTS, "PUT /(!head_too_large");
}

TEST(limits_count_in_each_message_anew)
{
    for (int i = 0; i < 2; i++) {
        put("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n");
        put_times("A:\r\n", CL_HTTP_FIELDS_MAX - 2);
        put("\r\n1;");
        fill(text_len + 200);
        put("\r\nx\r\n0\r\n");
        put_times("A:\r\n", CL_HTTP_FIELDS_MAX - 1);
        put("A: ");
        fill(text_len + 10000);
        put("\r\n\r\n");
    }
    check_text(CL_HTTP_REQUESTS, "PUT /(x) PUT /(x)");

    struct http1_trace trace;
    http1_trace_init(&trace, CL_HTTP_REQUESTS);
    trace.parser.body_bytes_max = 3;
    http1_trace_feed(&trace,
                     CL_STR(CHUNKED_HEAD "2\r\nab\r\n0\r\n\r\n" CHUNKED_HEAD "3\r\ncde\r\n1\r\n"));
    CHECK_STR(http1_trace_str(&trace), CL_STR("PUT /(ab) PUT /(cde!too_large"));
    http1_trace_done(&trace);
}

TEST(a_large_body_passes_in_any_cut)
{
    put("PUT / HTTP/1.0\r\nContent-Length: 30000\r\n\r\n");
    fill(text_len + 30000);
    check_text(CL_HTTP_REQUESTS, "PUT /(#30000).");
    put(CHUNKED_HEAD "7530\r\n");
    fill(text_len + 30000);
    put("\r\n1\r\nx\r\n0\r\n\r\n");
    check_text(CL_HTTP_REQUESTS, "PUT /(#30001)");
}

TEST(every_failing_allocation_is_told)
{
    FOR_EACH_FAULT
    {
        begin(CL_HTTP_REQUESTS, CL_STR(CHUNKED_HEAD "2;abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq"
                                                    "rstuvwxyzabcdefghijklmnopqrstuvwxyz\r\nhi\r\n"
                                                    "0\r\nA: b\r\n\r\n"));
        enum cl_err err = CL_OK;
        event.kind = CL_HTTP_MORE;
        while (err == CL_OK && event.kind != CL_HTTP_END)
            err = feed();
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        CHECK_INT(cl_http_feed(&parser, &(cl_str){0}, &event, NULL), err);
        cl_http_parser_done(&parser);
    }
}
