// SPDX-License-Identifier: MIT
#include "base/limits.h"
#include "support/fault.h"
#include "support/test.h"
#include "wire/http1.h"

static const char golden_request[] = "POST /files?a=b HTTP/1.1\r\n"
                                     "Host: [::1]:9077\r\n"
                                     "X-Empty: \r\n"
                                     "Content-Length: 18446744073709551615\r\n"
                                     "\r\n";

static enum cl_err
write_request(struct cl_buf *out)
{
    enum cl_err err = cl_http_write_request(out, CL_STR("POST"), CL_STR("/files?a=b"));
    if (err == CL_OK)
        err = cl_http_write_field(out, CL_STR("Host"), CL_STR("[::1]:9077"));
    if (err == CL_OK)
        err = cl_http_write_field(out, CL_STR("X-Empty"), CL_STR(""));
    if (err == CL_OK)
        err = cl_http_write_field_u64(out, CL_STR("Content-Length"), UINT64_MAX);
    return err == CL_OK ? cl_http_write_end(out) : err;
}

static const char golden_answer[] = "HTTP/1.1 429 Too Many Requests\r\n"
                                    "Retry-After: 1\r\n"
                                    "Transfer-Encoding: chunked\r\n"
                                    "\r\n"
                                    "1f\r\n"
                                    "0123456789abcdef0123456789abcde\r\n"
                                    "0\r\n\r\n";

static enum cl_err
write_answer(struct cl_buf *out)
{
    enum cl_err err = cl_http_write_status(out, 429);
    if (err == CL_OK)
        err = cl_http_write_field_u64(out, CL_STR("Retry-After"), 1);
    if (err == CL_OK)
        err = cl_http_write_field(out, CL_STR("Transfer-Encoding"), CL_STR("chunked"));
    if (err == CL_OK)
        err = cl_http_write_end(out);
    if (err == CL_OK)
        err = cl_http_write_chunk(out, 31);
    if (err == CL_OK)
        err = cl_buf_append(out, CL_STR("0123456789abcdef0123456789abcde"));
    if (err == CL_OK)
        err = cl_buf_append(out, CL_HTTP_CHUNK_END);
    return err == CL_OK ? cl_buf_append(out, CL_HTTP_CHUNK_LAST) : err;
}

TEST(heads_are_written_byte_for_byte)
{
    struct cl_buf out;

    cl_buf_init(&out, CL_HTTP_HEAD_BYTES_MAX);
    CHECK_OK(write_request(&out));
    CHECK_STR(cl_buf_str(&out), cl_str_z(golden_request));
    cl_buf_clear(&out);
    CHECK_OK(write_answer(&out));
    CHECK_STR(cl_buf_str(&out), cl_str_z(golden_answer));
    cl_buf_done(&out);
}

TEST(what_is_written_is_read_back)
{
    struct cl_http_parser parser;
    struct cl_http_event event;
    struct cl_buf out;
    cl_str value;

    cl_buf_init(&out, CL_HTTP_HEAD_BYTES_MAX);
    CHECK_OK(write_answer(&out));
    cl_http_parser_init(&parser, CL_HTTP_RESPONSES, 31);
    cl_str input = cl_buf_str(&out);
    CHECK_OK(cl_http_feed(&parser, &input, &event, NULL));
    CHECK_INT(event.kind, CL_HTTP_HEAD);
    CHECK_INT(parser.head.status, 429);
    CHECK_STR(parser.head.reason, CL_STR("Too Many Requests"));
    CHECK(cl_http_field(&parser.head, CL_STR("retry-after"), &value));
    CHECK_STR(value, CL_STR("1"));
    CHECK_OK(cl_http_feed(&parser, &input, &event, NULL));
    CHECK_STR(event.body, CL_STR("0123456789abcdef0123456789abcde"));
    CHECK_OK(cl_http_feed(&parser, &input, &event, NULL));
    CHECK_INT(event.kind, CL_HTTP_END);
    CHECK_INT(input.len, 0);
    cl_http_parser_done(&parser);
    cl_buf_done(&out);
}

TEST(what_would_split_a_head_is_not_written)
{
    static const cl_str values[] = {
        CL_STR_INIT("a\r\nX: b"), CL_STR_INIT("a\nb"),   CL_STR_INIT("a\rb"), CL_STR_INIT("\n"),
        CL_STR_INIT("a\000b"),    CL_STR_INIT("a\177b"), CL_STR_INIT(" a"),   CL_STR_INIT("a\t"),
    };
    static const cl_str names[] = {
        CL_STR_INIT(""),      CL_STR_INIT("a b"),   CL_STR_INIT("a:"),
        CL_STR_INIT("a\r\n"), CL_STR_INIT("a\000"), CL_STR_INIT("\xc3\xa9"),
    };
    struct cl_buf out;

    cl_buf_init(&out, CL_HTTP_HEAD_BYTES_MAX);
    CHECK_OK(cl_buf_append(&out, CL_STR("before")));
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        CHECK_INT(cl_http_write_field(&out, CL_STR("A"), values[i]), CL_ERR_MALFORMED);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CHECK_INT(cl_http_write_field(&out, names[i], CL_STR("b")), CL_ERR_MALFORMED);
    CHECK_STR(cl_buf_str(&out), CL_STR("before"));
    CHECK_OK(cl_http_write_field(&out, CL_STR("A"), CL_STR("b\t\xc3\xa9 c")));
    cl_buf_done(&out);
}

TEST(a_request_line_that_reads_otherwise_is_not_written)
{
    static const struct {
        cl_str method;
        cl_str target;
        enum cl_err want;
    } rows[] = {
        {CL_STR_INIT("GET"), CL_STR_INIT("/a b"), CL_ERR_MALFORMED},
        {CL_STR_INIT("GET"), CL_STR_INIT("/a\r\nHost: x"), CL_ERR_MALFORMED},
        {CL_STR_INIT("GET"), CL_STR_INIT("/a HTTP/1.1\r\nX:"), CL_ERR_MALFORMED},
        {CL_STR_INIT("GET"), CL_STR_INIT("/\xc3\xa9"), CL_ERR_MALFORMED},
        {CL_STR_INIT("GET"), CL_STR_INIT("/a#b"), CL_ERR_MALFORMED},
        {CL_STR_INIT("GET"), CL_STR_INIT("a"), CL_ERR_MALFORMED},
        {CL_STR_INIT("GET"), CL_STR_INIT(""), CL_ERR_MALFORMED},
        {CL_STR_INIT("GET"), CL_STR_INIT("http://h/"), CL_ERR_MALFORMED},
        {CL_STR_INIT("GET"), CL_STR_INIT("*"), CL_ERR_MALFORMED},
        {CL_STR_INIT("GET /x"), CL_STR_INIT("/y"), CL_ERR_MALFORMED},
        {CL_STR_INIT(""), CL_STR_INIT("/"), CL_ERR_MALFORMED},
        {CL_STR_INIT("G T"), CL_STR_INIT("/"), CL_ERR_MALFORMED},
        {CL_STR_INIT("CONNECT"), CL_STR_INIT("h:80"), CL_ERR_NOT_IMPLEMENTED},
        {CL_STR_INIT("OPTIONS"), CL_STR_INIT("*"), CL_OK},
    };
    struct cl_buf out;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_note("row %zu", i);
        cl_buf_init(&out, CL_HTTP_HEAD_BYTES_MAX);
        CHECK_INT(cl_http_write_request(&out, rows[i].method, rows[i].target), rows[i].want);
        CHECK((out.len == 0) == (rows[i].want != CL_OK));
        cl_buf_done(&out);
    }
}

TEST(a_full_buffer_stays_as_it_was)
{
    struct cl_buf out;

    // Each call appends whole or not at all, so a short buffer ends with a whole line.
    for (size_t max = 0; max < sizeof(golden_request) - 1; max++) {
        cl_buf_init(&out, max);
        CHECK_INT(write_request(&out), CL_ERR_TOO_LARGE);
        CHECK(out.len == 0 || cl_str_ends(cl_buf_str(&out), CL_STR("\r\n")));
        cl_buf_done(&out);
    }
    cl_buf_init(&out, 3);
    CHECK_OK(cl_http_write_chunk(&out, 15));
    CHECK_INT(cl_http_write_chunk(&out, 1), CL_ERR_TOO_LARGE);
    CHECK_STR(cl_buf_str(&out), CL_STR("f\r\n"));
    cl_buf_done(&out);
}

TEST(every_failing_allocation_is_told)
{
    FOR_EACH_FAULT
    {
        struct cl_buf out;
        cl_buf_init(&out, CL_HTTP_HEAD_BYTES_MAX);
        enum cl_err err = write_answer(&out);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        cl_buf_done(&out);
    }
}

TEST(every_error_has_a_reason)
{
    for (int err = 0; err < CL_ERR_COUNT; err++) {
        unsigned status = (unsigned)cl_err_http((enum cl_err)err);
        test_note("status %u", status);
        CHECK(cl_http_reason(status).len > 0);
    }
    CHECK_STR(cl_http_reason(404), CL_STR("Not Found"));
    CHECK_STR(cl_http_reason(599), CL_STR(""));
}
