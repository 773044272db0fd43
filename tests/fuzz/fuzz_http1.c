// SPDX-License-Identifier: MIT
/*
 * The HTTP parser. The first byte of the input chooses: bit 0 answers instead of requests, bit 1
 * an answer to HEAD, bit 2 a peer that closes at the end. Whatever the rest is, all ways to cut
 * it give the same events, and a head that is accepted is accepted again, with the same meaning,
 * when it is written anew.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "fuzz/sum.h"
#include "wire/http1.h"

#define BODY_BYTES_MAX 5000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* -- a head, written again ------------------------------------------------------------------- */

static void
check_head(const struct cl_http_head *head)
{
    cl_str rest = head->fields, name, value;

    CL_ASSERT(head->minor <= 1 && head->content_length <= INT64_MAX);
    CL_ASSERT(head->framing == CL_HTTP_LENGTH || head->content_length == 0);
    CL_ASSERT(head->framing != CL_HTTP_UNTIL_CLOSE || !head->keep_alive);
    while (cl_http_field_next(&rest, &name, &value)) {
        CL_ASSERT(name.len > 0 && cl_http_field_count(head, name) > 0);
        CL_ASSERT(cl_str_trim(value).len == value.len);
        CL_ASSERT(cl_str_find(value, '\n') == value.len && cl_str_find(value, '\r') == value.len);
        CL_ASSERT(cl_str_find(value, '\0') == value.len);
    }
    if (head->status != 0) {
        CL_ASSERT(head->status >= 100 && head->status <= 599);
        return;
    }
    CL_ASSERT(head->framing != CL_HTTP_UNTIL_CLOSE);
    CL_ASSERT(head->path.ptr[0] == '/' || cl_str_eq(head->path, CL_STR("*")));
    CL_ASSERT(head->authority.len > 0 || head->minor == 0);
    CL_ASSERT(cl_http_field_count(head, CL_STR("host")) <= 1);
}

/* With our writers where they write such a first line: HTTP/1.1, and a target without authority. */
static void
write_first_line(struct cl_buf *out, const struct cl_http_head *head)
{
    enum cl_err err;

    if (head->minor == 1 && head->status != 0)
        err = cl_http_write_status(out, head->status);
    else if (head->status != 0)
        err = cl_buf_printf(out, "HTTP/1.0 %u \r\n", head->status);
    else if (head->minor == 1 && (head->target.ptr[0] == '/' || head->target.ptr[0] == '*'))
        err = cl_http_write_request(out, head->method, head->target);
    else
        err = cl_buf_printf(out, "%.*s %.*s HTTP/1.%u\r\n", CL_STR_ARG(head->method),
                            CL_STR_ARG(head->target), head->minor);
    CL_ASSERT(err == CL_OK);
}

static void
compare_heads(const struct cl_http_head *a, const struct cl_http_head *b)
{
    cl_str a_rest = a->fields, b_rest = b->fields, a_name, a_value, b_name, b_value;

    CL_ASSERT(cl_str_eq(a->method, b->method) && cl_str_eq(a->target, b->target));
    CL_ASSERT(cl_str_eq(a->path, b->path) && cl_str_eq(a->query, b->query));
    CL_ASSERT(cl_str_eq(a->authority, b->authority));
    CL_ASSERT(a->status == b->status && a->minor == b->minor);
    CL_ASSERT(a->framing == b->framing && a->content_length == b->content_length);
    CL_ASSERT(a->keep_alive == b->keep_alive && a->upgrade == b->upgrade);
    CL_ASSERT(a->expect_continue == b->expect_continue);
    while (cl_http_field_next(&a_rest, &a_name, &a_value)) {
        CL_ASSERT(cl_http_field_next(&b_rest, &b_name, &b_value));
        CL_ASSERT(cl_str_eq(a_name, b_name) && cl_str_eq(a_value, b_value));
    }
    CL_ASSERT(b_rest.len == 0);
}

static void
check_again(const struct cl_http_head *head, enum cl_http_role role, bool asked_head)
{
    struct cl_http_parser parser;
    struct cl_http_event event;
    struct cl_buf out;
    cl_str rest = head->fields, name, value;

    cl_buf_init(&out, (size_t)4 * CL_HTTP_HEAD_BYTES_MAX);
    write_first_line(&out, head);
    while (cl_http_field_next(&rest, &name, &value))
        CL_ASSERT(cl_http_write_field(&out, name, value) == CL_OK);
    CL_ASSERT(cl_http_write_end(&out) == CL_OK);

    // A space behind each colon may have made it too long.
    if (out.len <= CL_HTTP_HEAD_BYTES_MAX) {
        cl_str input = cl_buf_str(&out);
        cl_http_parser_init(&parser, role, 0);
        if (asked_head)
            cl_http_parser_asked_head(&parser);
        CL_ASSERT(cl_http_feed(&parser, &input, &event, NULL) == CL_OK && input.len == 0);
        CL_ASSERT(event.kind == CL_HTTP_HEAD || event.kind == CL_HTTP_INTERIM);
        compare_heads(head, &parser.head);
        cl_http_parser_done(&parser);
    }
    cl_buf_done(&out);
}

/* -- events in any cut ----------------------------------------------------------------------- */

struct run {
    struct cl_http_parser parser;
    bool is_first;   // of all cuts: the one that also writes heads again
    bool asked_head; // the answer that comes is one to HEAD
    bool is_over;
    uint64_t sum; // over all events
};

static void
on_event(struct run *run, const struct cl_http_event *event)
{
    const struct cl_http_head *head = &run->parser.head;

    // Slices of a body merge, so only their bytes count.
    if (event->kind == CL_HTTP_BODY) {
        CL_ASSERT(event->body.len > 0);
        run->sum = sum_bytes(run->sum, event->body);
    } else if (event->kind != CL_HTTP_MORE) {
        run->sum = sum_number(run->sum, event->kind);
    }
    if (event->kind != CL_HTTP_HEAD && event->kind != CL_HTTP_INTERIM)
        return;
    run->sum = sum_bytes(sum_bytes(sum_bytes(run->sum, head->method), head->target), head->fields);
    run->sum = sum_number(sum_number(run->sum, head->status), head->content_length);
    if (run->is_first) {
        check_head(head);
        check_again(head, run->parser.role, run->asked_head);
    }
    if (event->kind == CL_HTTP_HEAD)
        run->asked_head = false;
}

/* One read, in a block of exactly its size. */
static void
feed(struct run *run, cl_str bytes)
{
    struct cl_http_event event = {.kind = CL_HTTP_END};
    char *block = malloc(bytes.len + 1);

    CL_ASSERT(block != NULL);
    memcpy(block + 1, bytes.ptr, bytes.len);
    cl_str input = cl_str_of(block + 1, bytes.len);
    while (!run->is_over && event.kind != CL_HTTP_MORE) {
        size_t before = input.len;
        enum cl_err err = cl_http_feed(&run->parser, &input, &event, NULL);
        CL_ASSERT(input.len <= before && input.ptr + input.len == block + 1 + bytes.len);
        if (err == CL_OK) {
            CL_ASSERT(event.kind != CL_HTTP_MORE || input.len == 0);
            on_event(run, &event);
        } else {
            run->sum = sum_number(run->sum, 100 + (uint64_t)err);
            run->is_over = true;
        }
    }
    free(block);
}

/* Reads of step bytes; 0: all at once. */
static uint64_t
run_cut(uint8_t options, cl_str bytes, size_t step)
{
    struct run run = {.is_first = step == 0, .asked_head = (options & 2) != 0};
    struct cl_http_event event;

    cl_http_parser_init(&run.parser, (options & 1) != 0 ? CL_HTTP_RESPONSES : CL_HTTP_REQUESTS,
                        BODY_BYTES_MAX);
    if (run.asked_head)
        cl_http_parser_asked_head(&run.parser);
    if (step == 0)
        feed(&run, bytes);
    for (size_t at = 0; step != 0 && at < bytes.len; at += step)
        feed(&run, cl_str_part(bytes, at, step));
    if ((options & 4) != 0 && !run.is_over) {
        enum cl_err err = cl_http_eof(&run.parser, &event, NULL);
        if (err == CL_OK)
            on_event(&run, &event);
        run.sum = sum_number(run.sum, 100 + (uint64_t)err);
    }
    cl_http_parser_forget(&run.parser);
    cl_http_parser_done(&run.parser);
    return run.sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    cl_str bytes = cl_str_of(data + 1, size - 1);
    uint64_t whole = run_cut(data[0], bytes, 0);
    CL_ASSERT(run_cut(data[0], bytes, 1) == whole);
    CL_ASSERT(run_cut(data[0], bytes, 2) == whole);
    CL_ASSERT(run_cut(data[0], bytes, 2 + data[1] % 64) == whole);
    return 0;
}
