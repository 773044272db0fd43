// SPDX-License-Identifier: MIT
#include "unit/wire/http1_trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "support/test.h"

__attribute__((format(printf, 2, 3))) static void
add(struct http1_trace *trace, const char *format, ...)
{
    va_list args;
    size_t room = sizeof(trace->text) - trace->len;

    va_start(args, format);
    int len = vsnprintf(trace->text + trace->len, room, format, args);
    va_end(args);
    CL_ASSERT(len >= 0 && (size_t)len < room);
    trace->len += (size_t)len;
}

static void
add_head(struct http1_trace *trace, char open)
{
    const struct cl_http_head *head = &trace->parser.head;
    const char *gap = trace->len == 0 ? "" : " ";

    trace->body_len = 0;
    if (trace->parser.role == CL_HTTP_RESPONSES)
        add(trace, "%s%u", gap, head->status);
    else
        add(trace, "%s%.*s %.*s", gap, CL_STR_ARG(head->method), CL_STR_ARG(head->path));
    if (open != '\0')
        add(trace, "%c", open);
}

static void
add_body(struct http1_trace *trace)
{
    if (trace->body_len > sizeof(trace->body))
        add(trace, "#%zu", trace->body_len);
    else
        add(trace, "%.*s", (int)trace->body_len, trace->body);
}

static void
on_event(struct http1_trace *trace, const struct cl_http_event *event)
{
    switch (event->kind) {
    case CL_HTTP_MORE:
        break;
    case CL_HTTP_INTERIM:
        add_head(trace, '\0');
        break;
    case CL_HTTP_HEAD:
        add_head(trace, '(');
        break;
    case CL_HTTP_BODY:
        CHECK(event->body.len > 0);
        if (trace->body_len + event->body.len <= sizeof(trace->body))
            memcpy(trace->body + trace->body_len, event->body.ptr, event->body.len);
        trace->body_len += event->body.len;
        break;
    case CL_HTTP_END:
        add_body(trace);
        add(trace, ")%s", trace->parser.head.keep_alive ? "" : ".");
        CHECK(trace->parser.line.ptr == NULL);
        break;
    }
}

/* Is a head told and its end not yet? */
static bool
is_in_body(const struct http1_trace *trace)
{
    return trace->parser.state >= CL_HTTP_AT_LENGTH && trace->parser.state <= CL_HTTP_AT_DONE;
}

static void
refuse(struct http1_trace *trace, enum cl_err err)
{
    if (is_in_body(trace))
        add_body(trace);
    add(trace, "%s!%s", trace->len == 0 || is_in_body(trace) ? "" : " ", cl_err_wire(err));
    trace->is_over = true;
}

void
http1_trace_init(struct http1_trace *trace, enum cl_http_role role)
{
    memset(trace, 0, sizeof(*trace));
    cl_http_parser_init(&trace->parser, role, CL_HTTP_BODY_BYTES_MAX);
}

void
http1_trace_done(struct http1_trace *trace)
{
    cl_http_parser_done(&trace->parser);
}

void
http1_trace_feed(struct http1_trace *trace, cl_str bytes)
{
    struct cl_http_event event = {.kind = CL_HTTP_END};
    struct cl_why why = {0};
    char *block = cl_alloc(bytes.len);

    CL_ASSERT(block != NULL);
    if (bytes.len > 0)
        memcpy(block, bytes.ptr, bytes.len);
    cl_str input = cl_str_of(block, bytes.len);
    while (!trace->is_over && (event.kind != CL_HTTP_MORE || input.len > 0)) {
        const char *before = input.ptr;
        enum cl_err err = cl_http_feed(&trace->parser, &input, &event, &why);
        CHECK(input.ptr >= before && input.ptr + input.len == block + bytes.len);
        if (err == CL_OK) {
            on_event(trace, &event);
        } else {
            CHECK(why.text[0] != '\0');
            refuse(trace, err);
        }
    }
    cl_free(block);
}

void
http1_trace_eof(struct http1_trace *trace)
{
    struct cl_http_event event;

    if (trace->is_over)
        return;
    enum cl_err err = cl_http_eof(&trace->parser, &event, NULL);
    if (err == CL_OK)
        on_event(trace, &event);
    else
        refuse(trace, err);
}

cl_str
http1_trace_str(const struct http1_trace *trace)
{
    return cl_str_of(trace->text, trace->len);
}

static void
finish(struct http1_trace *trace, bool is_closed, cl_str want)
{
    if (is_closed) {
        http1_trace_eof(trace);
    } else if (!trace->is_over && !cl_http_parser_is_idle(&trace->parser)) {
        if (is_in_body(trace))
            add_body(trace);
        add(trace, "~");
    }
    CHECK_STR(http1_trace_str(trace), want);
    cl_http_parser_forget(&trace->parser);
    if (!trace->is_over && cl_http_parser_is_idle(&trace->parser))
        CHECK(trace->parser.head_bytes.ptr == NULL);
    http1_trace_done(trace);
}

void
http1_trace_check(enum cl_http_role role, cl_str input, bool is_closed, cl_str want)
{
    struct http1_trace trace;

    for (size_t cut = 0; cut <= input.len; cut++) {
        http1_trace_init(&trace, role);
        http1_trace_feed(&trace, cl_str_part(input, 0, cut));
        http1_trace_feed(&trace, cl_str_part(input, cut, input.len));
        finish(&trace, is_closed, want);
    }
    http1_trace_init(&trace, role);
    for (size_t i = 0; i < input.len; i++)
        http1_trace_feed(&trace, cl_str_part(input, i, 1));
    finish(&trace, is_closed, want);
}
