// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "wire/http1_parts.h"

#define VERSION CL_STR("HTTP/1.1")
#define CRLF    CL_STR("\r\n")

/* Appends all parts or nothing. */
static enum cl_err
append(struct cl_buf *out, const cl_str *parts, size_t parts_len)
{
    size_t len = 0;
    char *at;
    for (size_t i = 0; i < parts_len; i++) // each of them is in memory, and they are few
        len += parts[i].len;
    enum cl_err err = cl_buf_reserve(out, len, &at);
    if (err != CL_OK)
        return err;
    for (size_t i = 0; i < parts_len; i++) {
        if (parts[i].len > 0)
            memcpy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    cl_buf_commit(out, len);
    return CL_OK;
}

#define APPEND(out, ...)                       \
    append(out, (const cl_str[]){__VA_ARGS__}, \
           sizeof((const cl_str[]){__VA_ARGS__}) / sizeof(cl_str))

#define NUMBER_CAP 20 // digits of UINT64_MAX

/* Writes to the end of digits. */
static cl_str
number(char digits[static NUMBER_CAP], uint64_t value, unsigned base)
{
    size_t at = NUMBER_CAP;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    return cl_str_of(digits + at, NUMBER_CAP - at);
}

enum cl_err
cl_http_write_request(struct cl_buf *out, cl_str method, cl_str target)
{
    struct cl_http_head head = {0};
    size_t before = out->len;

    enum cl_err err = APPEND(out, method, CL_STR(" "), target, CL_STR(" "), VERSION, CRLF);
    if (err != CL_OK)
        return err;
    // What is sent is what the other side would read: a space too much in either part, for one,
    // ends up in the version.
    cl_str line = cl_str_part(cl_buf_str(out), before, out->len - before - CRLF.len);
    err = cl_http_read_request_line(&head, line, NULL);
    if (err == CL_OK && head.authority.len > 0)
        err = CL_ERR_MALFORMED;
    if (err != CL_OK)
        cl_buf_truncate(out, before);
    return err;
}

enum cl_err
cl_http_write_status(struct cl_buf *out, unsigned status)
{
    char digits[NUMBER_CAP];

    CL_ASSERT(status >= 100 && status <= 599);
    return APPEND(out, VERSION, CL_STR(" "), number(digits, status, 10), CL_STR(" "),
                  cl_http_reason(status), CRLF);
}

enum cl_err
cl_http_write_field(struct cl_buf *out, cl_str name, cl_str value)
{
    if (!cl_http_is_token(name) || !cl_http_is_value(value) || cl_str_trim(value).len != value.len)
        return CL_ERR_MALFORMED;
    return APPEND(out, name, CL_STR(": "), value, CRLF);
}

enum cl_err
cl_http_write_field_u64(struct cl_buf *out, cl_str name, uint64_t value)
{
    char digits[NUMBER_CAP];

    return cl_http_write_field(out, name, number(digits, value, 10));
}

enum cl_err
cl_http_write_end(struct cl_buf *out)
{
    return cl_buf_append(out, CRLF);
}

enum cl_err
cl_http_write_chunk(struct cl_buf *out, size_t len)
{
    char digits[NUMBER_CAP];

    CL_ASSERT(len > 0); // a chunk of 0 would end the body
    return APPEND(out, number(digits, len, 16), CRLF);
}

cl_str
cl_http_reason(unsigned status)
{
    // clang-format off
    static const struct {
        unsigned status;
        cl_str reason;
    } reasons[] = {
        {100, CL_STR_INIT("Continue")},
        {101, CL_STR_INIT("Switching Protocols")},
        {200, CL_STR_INIT("OK")},
        {201, CL_STR_INIT("Created")},
        {202, CL_STR_INIT("Accepted")},
        {203, CL_STR_INIT("Non-Authoritative Information")},
        {204, CL_STR_INIT("No Content")},
        {205, CL_STR_INIT("Reset Content")},
        {206, CL_STR_INIT("Partial Content")},
        {300, CL_STR_INIT("Multiple Choices")},
        {301, CL_STR_INIT("Moved Permanently")},
        {302, CL_STR_INIT("Found")},
        {303, CL_STR_INIT("See Other")},
        {304, CL_STR_INIT("Not Modified")},
        {307, CL_STR_INIT("Temporary Redirect")},
        {308, CL_STR_INIT("Permanent Redirect")},
        {400, CL_STR_INIT("Bad Request")},
        {401, CL_STR_INIT("Unauthorized")},
        {403, CL_STR_INIT("Forbidden")},
        {404, CL_STR_INIT("Not Found")},
        {405, CL_STR_INIT("Method Not Allowed")},
        {406, CL_STR_INIT("Not Acceptable")},
        {408, CL_STR_INIT("Request Timeout")},
        {409, CL_STR_INIT("Conflict")},
        {410, CL_STR_INIT("Gone")},
        {411, CL_STR_INIT("Length Required")},
        {412, CL_STR_INIT("Precondition Failed")},
        {413, CL_STR_INIT("Content Too Large")},
        {414, CL_STR_INIT("URI Too Long")},
        {415, CL_STR_INIT("Unsupported Media Type")},
        {416, CL_STR_INIT("Range Not Satisfiable")},
        {417, CL_STR_INIT("Expectation Failed")},
        {421, CL_STR_INIT("Misdirected Request")},
        {422, CL_STR_INIT("Unprocessable Content")},
        {426, CL_STR_INIT("Upgrade Required")},
        {428, CL_STR_INIT("Precondition Required")},
        {429, CL_STR_INIT("Too Many Requests")},
        {431, CL_STR_INIT("Request Header Fields Too Large")},
        {500, CL_STR_INIT("Internal Server Error")},
        {501, CL_STR_INIT("Not Implemented")},
        {502, CL_STR_INIT("Bad Gateway")},
        {503, CL_STR_INIT("Service Unavailable")},
        {504, CL_STR_INIT("Gateway Timeout")},
        {505, CL_STR_INIT("HTTP Version Not Supported")},
        {507, CL_STR_INIT("Insufficient Storage")},
        {511, CL_STR_INIT("Network Authentication Required")},
    };
    // clang-format on
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return CL_STR("");
}
