// SPDX-License-Identifier: MIT
#include "wire/http1.h"

#include "base/assert.h"
#include "base/limits.h"
#include "wire/http1_parts.h"

static cl_str
take(cl_str *input, size_t len)
{
    cl_str taken = cl_str_part(*input, 0, len);
    if (len > 0) // the pointer may be NULL
        *input = cl_str_of(input->ptr + len, input->len - len);
    return taken;
}

static size_t
shorter(size_t len, uint64_t bound)
{
    return bound < len ? (size_t)bound : len;
}

/* -- lines ----------------------------------------------------------------------------------- */

/* Moves input up to and with the next LF behind what buf holds, which never passes max bytes.
 * *ret_whole: buf ends with a LF now. CL_ERR_TOO_LARGE: max bytes and no LF. */
static enum cl_err
take_line(struct cl_buf *buf, size_t max, cl_str *input, bool *ret_whole)
{
    size_t at = cl_str_find(*input, '\n');
    size_t len = shorter(at < input->len ? at + 1 : at, max - buf->len);

    enum cl_err err = cl_buf_append(buf, cl_str_part(*input, 0, len));
    if (err != CL_OK)
        return err;
    (void)take(input, len);
    *ret_whole = len == at + 1;
    return !*ret_whole && buf->len == max ? CL_ERR_TOO_LARGE : CL_OK;
}

/* RFC 9112 2.2: a line ends with CRLF, and a LF alone ends nothing. CR elsewhere is refused as
 * the control character it is. */
static enum cl_err
cut_crlf(cl_str *line, struct cl_why *why)
{
    if (!cl_str_ends(*line, CL_STR("\r\n")))
        return cl_fail(CL_ERR_MALFORMED, why, "a line ends with LF instead of CRLF");
    line->len -= 2;
    return CL_OK;
}

/* -- the head -------------------------------------------------------------------------------- */

static void
begin_message(struct cl_http_parser *parser)
{
    parser->head = (struct cl_http_head){0};
    parser->fields_count = 0;
    parser->line_start = 0;
    parser->side_bytes = 0;
    parser->body_bytes = 0;
    cl_buf_clear(&parser->head_bytes);
    parser->state = CL_HTTP_AT_FIRST_LINE;
}

static enum cl_err
take_head_line(struct cl_http_parser *parser, cl_str *input, cl_str *ret_line, struct cl_why *why)
{
    struct cl_buf *buf = &parser->head_bytes;
    bool whole = false;
    char *space;

    enum cl_err err = CL_OK;
    if (buf->len == 0)
        err = cl_buf_reserve(buf, CL_HTTP_HEAD_BYTES_USUAL, &space);
    if (err == CL_OK)
        err = take_line(buf, CL_HTTP_HEAD_BYTES_MAX, input, &whole);
    if (err == CL_ERR_TOO_LARGE) {
        bool in_target = parser->state == CL_HTTP_AT_FIRST_LINE && parser->role == CL_HTTP_REQUESTS;
        return cl_fail(in_target ? CL_ERR_URI_TOO_LONG : CL_ERR_HEAD_TOO_LARGE, why,
                       "a head of more than %u bytes", CL_HTTP_HEAD_BYTES_MAX);
    }
    if (err != CL_OK)
        return cl_fail(err, why, "no memory for a head");
    *ret_line = cl_str_of(NULL, 0);
    if (!whole)
        return CL_OK;
    cl_str line = cl_str_part(cl_buf_str(buf), parser->line_start, buf->len);
    err = cut_crlf(&line, why);
    if (err != CL_OK)
        return err;
    parser->line_start = buf->len;
    *ret_line = line;
    return CL_OK;
}

static enum cl_err
read_first_line(enum cl_http_role role, struct cl_http_head *head, cl_str line, struct cl_why *why)
{
    return role == CL_HTTP_REQUESTS ? cl_http_read_request_line(head, line, why)
                                    : cl_http_read_status_line(head, line, why);
}

static enum cl_err
step_first_line(struct cl_http_parser *parser, cl_str *input, struct cl_why *why)
{
    struct cl_http_head checked = {0}; // not parser->head: the buffer may still move
    cl_str line;

    enum cl_err err = take_head_line(parser, input, &line, why);
    if (err != CL_OK || line.ptr == NULL)
        return err;
    // RFC 9112 2.2: some old clients send a CRLF too much after a body.
    if (line.len == 0 && parser->role == CL_HTTP_REQUESTS && !parser->blank_taken) {
        parser->blank_taken = true;
        parser->line_start = 0;
        cl_buf_clear(&parser->head_bytes);
        return CL_OK;
    }
    parser->fields_start = parser->line_start;
    parser->state = CL_HTTP_AT_FIELDS;
    return read_first_line(parser->role, &checked, line, why);
}

static void
choose_body(struct cl_http_parser *parser)
{
    switch (parser->head.framing) {
    case CL_HTTP_NO_BODY:
        parser->state = CL_HTTP_AT_DONE;
        break;
    case CL_HTTP_LENGTH:
        parser->body_left = parser->head.content_length;
        parser->state = CL_HTTP_AT_LENGTH;
        break;
    case CL_HTTP_CHUNKED:
        parser->state = CL_HTTP_AT_CHUNK_LINE;
        break;
    case CL_HTTP_UNTIL_CLOSE:
        parser->state = CL_HTTP_AT_UNTIL_CLOSE;
        break;
    }
}

static enum cl_err
finish_head(struct cl_http_parser *parser, struct cl_http_event *event, struct cl_why *why)
{
    struct cl_http_head *head = &parser->head;
    cl_str bytes = cl_buf_str(&parser->head_bytes);

    cl_str first = cl_str_part(bytes, 0, parser->fields_start - 2);
    enum cl_err err = read_first_line(parser->role, head, first, why);
    CL_ASSERT(err == CL_OK); // it was checked when it came
    head->fields = cl_str_part(bytes, parser->fields_start, bytes.len - parser->fields_start - 2);
    err = parser->role == CL_HTTP_REQUESTS
              ? cl_http_read_request_fields(head, why)
              : cl_http_read_response_fields(head, parser->asked_head, why);
    if (err != CL_OK)
        return err;

    // RFC 9110 15.2: interim answers come before the final one; 101 is final.
    if (head->status >= 100 && head->status < 200 && head->status != 101) {
        event->kind = CL_HTTP_INTERIM;
        parser->state = CL_HTTP_AT_START;
        return CL_OK;
    }
    event->kind = CL_HTTP_HEAD;
    parser->asked_head = false;
    choose_body(parser);
    return CL_OK;
}

static enum cl_err
count_field(struct cl_http_parser *parser, struct cl_why *why)
{
    if (++parser->fields_count > CL_HTTP_FIELDS_MAX)
        return cl_fail(CL_ERR_HEAD_TOO_LARGE, why, "more than %d fields", CL_HTTP_FIELDS_MAX);
    return CL_OK;
}

static enum cl_err
step_fields(struct cl_http_parser *parser, cl_str *input, struct cl_http_event *event,
            struct cl_why *why)
{
    cl_str line;
    enum cl_err err = take_head_line(parser, input, &line, why);
    if (err != CL_OK || line.ptr == NULL)
        return err;
    if (line.len == 0)
        return finish_head(parser, event, why);
    err = count_field(parser, why);
    return err != CL_OK ? err : cl_http_check_field(line, why);
}

/* -- the body -------------------------------------------------------------------------------- */

static enum cl_err
too_large(const struct cl_http_parser *parser, struct cl_why *why)
{
    return cl_fail(CL_ERR_TOO_LARGE, why, "a body of more than %llu bytes",
                   (unsigned long long)parser->body_bytes_max);
}

/* Gives up to body_left bytes out; false when there was nothing to give. */
static bool
give_body(struct cl_http_parser *parser, cl_str *input, struct cl_http_event *event)
{
    cl_str body = take(input, shorter(input->len, parser->body_left));
    if (body.len == 0)
        return false;
    parser->body_left -= body.len;
    *event = (struct cl_http_event){.kind = CL_HTTP_BODY, .body = body};
    return true;
}

static enum cl_err
step_length(struct cl_http_parser *parser, cl_str *input, struct cl_http_event *event,
            struct cl_why *why)
{
    if (parser->head.content_length > parser->body_bytes_max)
        return too_large(parser, why);
    if (!give_body(parser, input, event) && parser->body_left == 0)
        parser->state = CL_HTTP_AT_DONE;
    return CL_OK;
}

static enum cl_err
step_until_close(struct cl_http_parser *parser, cl_str *input, struct cl_http_event *event,
                 struct cl_why *why)
{
    parser->body_left = parser->body_bytes_max - parser->body_bytes;
    if (give_body(parser, input, event))
        parser->body_bytes += event->body.len;
    else if (input->len > 0)
        return too_large(parser, why);
    return CL_OK;
}

/* The next line of a chunked body in *ret_line, without CRLF; ptr is NULL while it is not whole.
 * Of max bytes, CRLF included. The caller clears parser->line when it has read it. */
static enum cl_err
take_side_line(struct cl_http_parser *parser, size_t max, cl_str *input, cl_str *ret_line,
               struct cl_why *why)
{
    bool whole = false;
    enum cl_err err = take_line(&parser->line, max, input, &whole);
    if (err == CL_ERR_NO_MEMORY)
        return cl_fail(err, why, "no memory for a chunk line");
    if (err != CL_OK)
        return err;
    cl_str line = cl_buf_str(&parser->line);
    *ret_line = cl_str_of(NULL, 0);
    if (!whole)
        return CL_OK;
    *ret_line = line;
    return cut_crlf(ret_line, why);
}

/* The length of the quoted-string (RFC 9110 5.6.4) that text begins with; 0 when there is none. */
static size_t
quoted_len(cl_str text)
{
    for (size_t i = 1; i < text.len && text.ptr[0] == '"'; i++) {
        if (text.ptr[i] == '"')
            return i + 1;
        if (text.ptr[i] == '\\')
            i++;
    }
    return 0;
}

/* RFC 9112 7.1.1: *( ";" token [ "=" ( token / quoted-string ) ] ). The whitespace that it lets
 * pass around ";" and "=" is refused: nobody sends it, and readers differ about it. */
static bool
are_extensions(cl_str text)
{
    if (!cl_http_is_value(text))
        return false;
    while (text.len > 0) {
        if (take(&text, 1).ptr[0] != ';')
            return false;
        size_t len = 0;
        while (len < text.len && text.ptr[len] != ';' && text.ptr[len] != '=')
            len++;
        if (!cl_http_is_token(take(&text, len)))
            return false;
        if (text.len == 0 || text.ptr[0] == ';')
            continue;
        (void)take(&text, 1);
        len = quoted_len(text);
        if (len == 0 && !cl_http_is_token(cl_str_part(text, 0, len = cl_str_find(text, ';'))))
            return false;
        (void)take(&text, len);
    }
    return true;
}

/* RFC 9112 7.1: chunk-size = 1*HEXDIG. *ret_extensions is what follows it. */
static enum cl_err
read_chunk_size(cl_str line, uint64_t *ret_size, cl_str *ret_extensions, struct cl_why *why)
{
    uint64_t size = 0;
    size_t i = 0;

    for (; i < line.len && cl_str_hex_digit(line.ptr[i]) >= 0; i++) {
        if (size > INT64_MAX >> 4)
            return cl_fail(CL_ERR_MALFORMED, why, "a chunk size that no number holds");
        size = size << 4 | (uint64_t)cl_str_hex_digit(line.ptr[i]);
    }
    if (i == 0)
        return cl_fail(CL_ERR_MALFORMED, why, "a chunk without a size");
    *ret_extensions = cl_str_part(line, i, line.len);
    if (!are_extensions(*ret_extensions))
        return cl_fail(CL_ERR_MALFORMED, why, "a chunk size is followed by no extension");
    *ret_size = size;
    return CL_OK;
}

static enum cl_err
step_chunk_line(struct cl_http_parser *parser, cl_str *input, struct cl_why *why)
{
    cl_str line, extensions;
    uint64_t size = 0;

    enum cl_err err = take_side_line(parser, CL_HTTP_CHUNK_LINE_BYTES_MAX, input, &line, why);
    if (err == CL_ERR_TOO_LARGE)
        return cl_fail(CL_ERR_MALFORMED, why, "a chunk line of more than %d bytes",
                       CL_HTTP_CHUNK_LINE_BYTES_MAX);
    if (err != CL_OK || line.ptr == NULL)
        return err;
    err = read_chunk_size(line, &size, &extensions, why);
    if (err != CL_OK)
        return err;
    // RFC 9112 7.1.1: also the total of all extensions is bounded.
    parser->side_bytes += extensions.len;
    if (parser->side_bytes > CL_HTTP_HEAD_BYTES_MAX)
        return cl_fail(CL_ERR_HEAD_TOO_LARGE, why, "too many chunk extensions");
    if (size > parser->body_bytes_max || parser->body_bytes > parser->body_bytes_max - size)
        return too_large(parser, why);

    cl_buf_clear(&parser->line);
    parser->body_bytes += size;
    parser->body_left = size;
    parser->fields_count = 0;
    parser->state = size == 0 ? CL_HTTP_AT_TRAILER : CL_HTTP_AT_CHUNK_DATA;
    return CL_OK;
}

static enum cl_err
step_chunk_crlf(struct cl_http_parser *parser, cl_str *input, struct cl_why *why)
{
    cl_str line;
    enum cl_err err = take_side_line(parser, 2, input, &line, why);
    if (err == CL_ERR_TOO_LARGE)
        return cl_fail(CL_ERR_MALFORMED, why, "a chunk is longer than its size says");
    if (err != CL_OK || line.ptr == NULL)
        return err;
    cl_buf_clear(&parser->line);
    parser->state = CL_HTTP_AT_CHUNK_LINE;
    return CL_OK;
}

static enum cl_err
step_trailer(struct cl_http_parser *parser, cl_str *input, struct cl_why *why)
{
    cl_str line;
    size_t room = CL_HTTP_HEAD_BYTES_MAX - parser->side_bytes;

    enum cl_err err = take_side_line(parser, room, input, &line, why);
    if (err == CL_ERR_TOO_LARGE)
        return cl_fail(CL_ERR_HEAD_TOO_LARGE, why, "the trailer is too long");
    if (err != CL_OK || line.ptr == NULL)
        return err;
    if (line.len == 0) {
        parser->state = CL_HTTP_AT_DONE;
        return CL_OK;
    }
    err = count_field(parser, why);
    if (err == CL_OK)
        err = cl_http_check_trailer(line, why);
    parser->side_bytes += parser->line.len;
    cl_buf_clear(&parser->line);
    return err;
}

/* -- the machine ----------------------------------------------------------------------------- */

static void
end_message(struct cl_http_parser *parser, struct cl_http_event *event)
{
    event->kind = CL_HTTP_END;
    parser->blank_taken = false;
    cl_buf_done(&parser->line);
    parser->state = parser->head.keep_alive ? CL_HTTP_AT_START : CL_HTTP_AT_OVER;
}

/* Takes some of the input, or moves to another state, or tells an event; nothing of that only
 * without input. */
static enum cl_err
step(struct cl_http_parser *parser, cl_str *input, struct cl_http_event *event, struct cl_why *why)
{
    switch (parser->state) {
    case CL_HTTP_AT_START:
        if (input->len > 0)
            begin_message(parser);
        return CL_OK;
    case CL_HTTP_AT_FIRST_LINE:
        return step_first_line(parser, input, why);
    case CL_HTTP_AT_FIELDS:
        return step_fields(parser, input, event, why);
    case CL_HTTP_AT_LENGTH:
        return step_length(parser, input, event, why);
    case CL_HTTP_AT_CHUNK_LINE:
        return step_chunk_line(parser, input, why);
    case CL_HTTP_AT_CHUNK_DATA:
        if (!give_body(parser, input, event) && parser->body_left == 0)
            parser->state = CL_HTTP_AT_CHUNK_CRLF;
        return CL_OK;
    case CL_HTTP_AT_CHUNK_CRLF:
        return step_chunk_crlf(parser, input, why);
    case CL_HTTP_AT_TRAILER:
        return step_trailer(parser, input, why);
    case CL_HTTP_AT_UNTIL_CLOSE:
        return step_until_close(parser, input, event, why);
    case CL_HTTP_AT_DONE:
        end_message(parser, event);
        return CL_OK;
    case CL_HTTP_AT_OVER:
        return input->len == 0 ? CL_OK
                               : cl_fail(CL_ERR_CLOSED, why, "bytes after the last message");
    }
    return CL_ERR_INTERNAL;
}

/* -- public ---------------------------------------------------------------------------------- */

void
cl_http_parser_init(struct cl_http_parser *parser, enum cl_http_role role, uint64_t body_bytes_max)
{
    *parser = (struct cl_http_parser){.role = role, .body_bytes_max = body_bytes_max};
    cl_buf_init(&parser->head_bytes, CL_HTTP_HEAD_BYTES_MAX);
    cl_buf_init(&parser->line, CL_HTTP_HEAD_BYTES_MAX);
}

void
cl_http_parser_done(struct cl_http_parser *parser)
{
    cl_buf_done(&parser->head_bytes);
    cl_buf_done(&parser->line);
    parser->head = (struct cl_http_head){0};
}

void
cl_http_parser_forget(struct cl_http_parser *parser)
{
    if (cl_http_parser_is_idle(parser))
        cl_http_parser_done(parser);
}

bool
cl_http_parser_is_idle(const struct cl_http_parser *parser)
{
    bool only_blank = parser->state == CL_HTTP_AT_FIRST_LINE && parser->head_bytes.len == 0;
    return parser->state == CL_HTTP_AT_START || parser->state == CL_HTTP_AT_OVER || only_blank;
}

void
cl_http_parser_asked_head(struct cl_http_parser *parser)
{
    parser->asked_head = true;
}

enum cl_err
cl_http_feed(struct cl_http_parser *parser, cl_str *input, struct cl_http_event *ret_event,
             struct cl_why *why)
{
    if (parser->failed != CL_OK)
        return cl_fail(parser->failed, why, "the connection was refused before");

    struct cl_http_event event = {.kind = CL_HTTP_MORE};
    enum cl_http_state before;
    enum cl_err err;
    do {
        before = parser->state;
        err = step(parser, input, &event, why);
    } while (err == CL_OK && event.kind == CL_HTTP_MORE &&
             (input->len > 0 || parser->state != before));

    if (err == CL_OK)
        *ret_event = event;
    else if (err != CL_ERR_CLOSED)
        parser->failed = err;
    return err;
}

enum cl_err
cl_http_eof(struct cl_http_parser *parser, struct cl_http_event *ret_event, struct cl_why *why)
{
    struct cl_http_event event = {.kind = CL_HTTP_MORE};

    if (parser->failed != CL_OK)
        return cl_fail(parser->failed, why, "the connection was refused before");
    if (parser->state == CL_HTTP_AT_UNTIL_CLOSE || parser->state == CL_HTTP_AT_DONE)
        end_message(parser, &event);
    else if (!cl_http_parser_is_idle(parser))
        return cl_fail(CL_ERR_CLOSED, why, "the peer closed inside a message");
    *ret_event = event;
    return CL_OK;
}
