// SPDX-License-Identifier: MIT
/*
 * tests/unit/wire/http1_trace.h - what the HTTP parser makes of bytes, as one line of text.
 *
 *     POST /a(hello) GET /b() !malformed      requests: method, path, body
 *     100 200(hello)                          answers: an interim one, the final one
 *     GET /().                                a point: no further message on this connection
 *     GET /(hel~                              the input ended inside
 *
 * A body over 200 bytes shows as its length: (#65536).
 */
#ifndef TESTS_UNIT_WIRE_HTTP1_TRACE_H
#define TESTS_UNIT_WIRE_HTTP1_TRACE_H

#include "base/str.h"
#include "wire/http1.h"

struct http1_trace {
    struct cl_http_parser parser;
    bool is_over; // refused, or the input went on behind the last message
    size_t body_len;
    char body[200];
    size_t len;
    char text[4096];
};

void http1_trace_init(struct http1_trace *trace, enum cl_http_role role);
void http1_trace_done(struct http1_trace *trace);
/* Feeds bytes as one read of their own, in a block of exactly their size. */
void http1_trace_feed(struct http1_trace *trace, cl_str bytes);
void http1_trace_eof(struct http1_trace *trace);
cl_str http1_trace_str(const struct http1_trace *trace);

/* Feeds input whole, byte by byte and at every cut in two, and checks that the trace is the
 * wanted one each time. With is_closed the peer closes at the end. */
void http1_trace_check(enum cl_http_role role, cl_str input, bool is_closed, cl_str want);

#endif
