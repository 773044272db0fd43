// SPDX-License-Identifier: MIT
#include "net/guard.h"

#include "support/test.h"

// clang-format off
static const cl_str hosts[] = {{"relay.example.org", 17}};
static const cl_str origins[] = {{"https://panel.example.org", 25}};
// clang-format on

static const struct cl_guard guard = {
    .machine = {"Box.lan", 7},
    .hosts = hosts,
    .hosts_len = 1,
    .origins = origins,
    .origins_len = 1,
};

struct row {
    const char *value;
    enum cl_err want;
};

static const struct row host_rows[] = {
    {"127.0.0.1", CL_OK},
    {"127.0.0.1:9077", CL_OK},
    {"192.168.1.20:80", CL_OK},
    {"203.0.113.9", CL_OK},
    {"[::1]", CL_OK},
    {"[::1]:9077", CL_OK},
    {"[2001:db8::7]:9077", CL_OK},
    {"localhost", CL_OK},
    {"LOCALHOST:9077", CL_OK},
    {"localhost.", CL_OK},
    {"app.localhost:9077", CL_OK},
    {"mini.local", CL_OK},
    {"Mini.Local:9077", CL_OK},
    {"box", CL_OK},
    {"BOX:9077", CL_OK},
    {"box.lan", CL_OK},
    {"relay.example.org", CL_OK},
    {"Relay.Example.Org.:443", CL_OK},
    {"localhost:", CL_OK},
    {"", CL_ERR_MISDIRECTED},
    {":9077", CL_ERR_MISDIRECTED},
    {"evil.example", CL_ERR_MISDIRECTED},
    {"evil.example:9077", CL_ERR_MISDIRECTED},
    {"localhost.evil.example", CL_ERR_MISDIRECTED},
    {"127.0.0.1.evil.example", CL_ERR_MISDIRECTED},
    {"relay.example.org.evil.example", CL_ERR_MISDIRECTED},
    {"xrelay.example.org", CL_ERR_MISDIRECTED},
    {"box.evil.example", CL_ERR_MISDIRECTED},
    {"mini.local.evil.example", CL_ERR_MISDIRECTED},
    {".local", CL_ERR_MISDIRECTED},
    {"xlocalhost", CL_ERR_MISDIRECTED},
    {"local", CL_ERR_MISDIRECTED},
    {"127.0.0.1:http", CL_ERR_MISDIRECTED},
    {"127.0.0.1:65536", CL_ERR_MISDIRECTED},
    {"127.0.0.1:80:80", CL_ERR_MISDIRECTED},
    {"2130706433", CL_ERR_MISDIRECTED},
    {"0x7f000001", CL_ERR_MISDIRECTED},
    {"127.1", CL_ERR_MISDIRECTED},
    {"::1", CL_ERR_MISDIRECTED},
    {"[::1", CL_ERR_MISDIRECTED},
    {"[::1]9077", CL_ERR_MISDIRECTED},
    {"[127.0.0.1]", CL_ERR_MISDIRECTED},
    {"[localhost]", CL_ERR_MISDIRECTED},
    {"[]", CL_ERR_MISDIRECTED},
    {"localhost..", CL_ERR_MISDIRECTED},
    {"localhost@evil.example", CL_ERR_MISDIRECTED},
};

TEST(a_host_must_be_a_name_of_this_machine)
{
    for (size_t at = 0; at < sizeof host_rows / sizeof *host_rows; at++) {
        const struct row *row = &host_rows[at];
        test_note("%s", row->value);
        CHECK_INT(cl_guard_host(&guard, cl_str_z(row->value), NULL), row->want);
    }
}

TEST(without_a_name_of_its_own_a_machine_accepts_none)
{
    const struct cl_guard bare = {0};
    CHECK_INT(cl_guard_host(&bare, CL_STR("box"), NULL), CL_ERR_MISDIRECTED);
    CHECK_OK(cl_guard_host(&bare, CL_STR("localhost"), NULL));
}

static const struct row origin_rows[] = {
    {"https://panel.example.org", CL_OK},
    {"http://panel.example.org", CL_ERR_FORBIDDEN},
    {"https://panel.example.org:8443", CL_ERR_FORBIDDEN},
    {"https://panel.example.org.evil.example", CL_ERR_FORBIDDEN},
    {"https://evil.example", CL_ERR_FORBIDDEN},
    {"http://localhost:9077", CL_ERR_FORBIDDEN},
    {"http://127.0.0.1:9077", CL_ERR_FORBIDDEN},
    {"null", CL_ERR_FORBIDDEN},
    {"", CL_ERR_FORBIDDEN},
};

TEST(an_origin_must_be_listed)
{
    for (size_t at = 0; at < sizeof origin_rows / sizeof *origin_rows; at++) {
        const struct row *row = &origin_rows[at];
        test_note("%s", row->value);
        CHECK_INT(cl_guard_origin(&guard, cl_str_z(row->value), NULL), row->want);
    }
}

TEST(a_listed_null_is_refused_all_the_same)
{
    const cl_str null_origin = CL_STR("null");
    const struct cl_guard lax = {.origins = &null_origin, .origins_len = 1};
    CHECK_INT(cl_guard_origin(&lax, CL_STR("null"), NULL), CL_ERR_FORBIDDEN);
}

static const struct row media_rows[] = {
    {"application/json", CL_OK},
    {"application/json; charset=utf-8", CL_OK},
    {"application/octet-stream", CL_OK},
    {"", CL_OK},
    {"text/plain", CL_ERR_MEDIA_TYPE},
    {"TEXT/Plain;charset=UTF-8", CL_ERR_MEDIA_TYPE},
    {"text/plain ; a=b", CL_ERR_MEDIA_TYPE},
    {"application/x-www-form-urlencoded", CL_ERR_MEDIA_TYPE},
    {"multipart/form-data; boundary=x", CL_ERR_MEDIA_TYPE},
    {"Multipart/Mixed", CL_ERR_MEDIA_TYPE},
};

TEST(a_body_must_not_be_what_a_page_can_send_unasked)
{
    for (size_t at = 0; at < sizeof media_rows / sizeof *media_rows; at++) {
        const struct row *row = &media_rows[at];
        test_note("%s", row->value);
        CHECK_INT(cl_guard_media_type(cl_str_z(row->value), NULL), row->want);
    }
}

struct request_row {
    const char *request;
    enum cl_err want;
};

static const struct request_row request_rows[] = {
    {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", CL_OK},
    {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", CL_ERR_MISDIRECTED},
    {"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", CL_ERR_MISDIRECTED},
    {"GET / HTTP/1.0\r\n\r\n", CL_OK},
    {"GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n", CL_ERR_MISDIRECTED},
    {"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\r\n", CL_ERR_FORBIDDEN},
    {"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n", CL_ERR_FORBIDDEN},
    {"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://panel.example.org\r\n"
     "Sec-Fetch-Site: cross-site\r\n\r\n",
     CL_OK},
    {"GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n\r\n", CL_ERR_FORBIDDEN},
    {"GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-site\r\n\r\n", CL_ERR_FORBIDDEN},
    {"GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n\r\n", CL_OK},
    {"GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: none\r\n\r\n", CL_OK},
    {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n", CL_OK},
    {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\n",
     CL_ERR_MEDIA_TYPE},
    {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\n",
     CL_ERR_MEDIA_TYPE},
    {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
     "Content-Encoding: identity\r\nContent-Encoding: br\r\n\r\n",
     CL_ERR_MEDIA_TYPE},
    {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
     "Content-Encoding: identity\r\n\r\n",
     CL_OK},
};

TEST(a_whole_head_is_judged_by_all_rules)
{
    for (size_t at = 0; at < sizeof request_rows / sizeof *request_rows; at++) {
        const struct request_row *row = &request_rows[at];
        test_note("%s", row->request);
        struct cl_http_parser parser;
        struct cl_http_event event;
        cl_str input = cl_str_z(row->request);
        cl_http_parser_init(&parser, CL_HTTP_REQUESTS, 100);
        CHECK_OK(cl_http_feed(&parser, &input, &event, NULL));
        CHECK_INT(event.kind, CL_HTTP_HEAD);
        enum cl_err got = cl_guard_check(&guard, &parser.head, NULL);
        if (got == CL_OK)
            got = cl_guard_body(&parser.head, NULL);
        cl_http_parser_done(&parser);
        CHECK_INT(got, row->want);
    }
}
