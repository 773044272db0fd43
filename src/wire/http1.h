// SPDX-License-Identifier: MIT
/*
 * wire/http1.h - HTTP/1.1 messages, bytes to events and back (RFC 9112, RFC 9110).
 *
 * No I/O, no clock. The parser is strict: what two readers could understand differently is
 * refused, never repaired, because that difference is what request smuggling lives on. The
 * connection ends after a refusal; there is no way back into the stream.
 *
 * Events depend on the bytes alone, never on how they were cut (body slices merge). Work is
 * linear in the bytes, also when they come one by one. Memory: the head's bytes (at most
 * CL_HTTP_HEAD_BYTES_MAX, grown with what arrives), and one line while a chunked body is
 * read. An idle parser that was told to forget holds none. One thread.
 *
 * Choices where the RFCs leave one, or where this is narrower than they are:
 *   - HTTP/1.0 and HTTP/1.1 exactly; HTTP/1.2 and other majors are CL_ERR_HTTP_VERSION.
 *   - One empty line before a request line is skipped (RFC 9112 2.2), none before a status line.
 *   - Chunk extensions are checked, bounded and dropped; whitespace in a chunk line is refused.
 *   - A target holds any visible ASCII but '#'; its percent codes are checked by wire/uri.h.
 *   - Repeated Host, Content-Length, Transfer-Encoding, Content-Type, Authorization, Origin,
 *     Sec-Fetch-Site, Sec-WebSocket-Key, -Version (in requests) and -Accept are refused, equal or
 *     not. Transfer-Encoding is one "chunked" and nothing else.
 *     List fields such as Content-Encoding, Upgrade or Connection may repeat: their lines are
 *     one list (RFC 9110 5.3); read them with cl_http_has_token.
 *   - CONNECT is CL_ERR_NOT_IMPLEMENTED.
 */
#ifndef CL_WIRE_HTTP1_H
#define CL_WIRE_HTTP1_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* How the end of a body is known (RFC 9112 6.3). */
enum cl_http_framing {
    CL_HTTP_NO_BODY,
    CL_HTTP_LENGTH,      // content_length bytes, 0 included
    CL_HTTP_CHUNKED,     // until the last chunk
    CL_HTTP_UNTIL_CLOSE, // responses only: until the peer closes
};

/* Slices point into the parser's head bytes; see cl_http_feed for how long they live. */
struct cl_http_head {
    cl_str method;    // requests: as sent; methods are case-sensitive
    cl_str target;    // requests: as sent
    cl_str path;      // of the target, still percent-encoded; "/..." or "*", never empty
    cl_str query;     // of the target, without '?', still percent-encoded; empty without one
    cl_str authority; // of an absolute-form target, else Host (RFC 9112 3.2.2); empty: 1.0 without
    unsigned status;  // responses: 100 to 599
    cl_str reason;    // responses: may be empty
    unsigned minor;   // HTTP/1.minor: 0 or 1
    enum cl_http_framing framing;
    uint64_t content_length; // with CL_HTTP_LENGTH, else 0; at most INT64_MAX
    bool keep_alive;         // another message may follow; an answer to HTTP/1.0 must say so too
    bool expect_continue;    // the client waits for 100 before it sends the body (only with one)
    bool upgrade;            // an Upgrade field and the token in Connection, HTTP/1.1
    cl_str fields;           // checked field lines, each with its CRLF; read with cl_http_field
};

enum cl_http_event_kind {
    CL_HTTP_MORE,    // all input is consumed; nothing to tell
    CL_HTTP_INTERIM, // a 1xx answer other than 101 is in parser->head; the final one follows
    CL_HTTP_HEAD,    // parser->head is filled
    CL_HTTP_BODY,    // body holds the next bytes, at least one
    CL_HTTP_END,     // the message is whole; trailers were checked and dropped
};

struct cl_http_event {
    enum cl_http_event_kind kind;
    cl_str body; // CL_HTTP_BODY: a slice of the input
};

enum cl_http_role { CL_HTTP_REQUESTS, CL_HTTP_RESPONSES };

/*
 * START -> FIRST_LINE -> FIELDS -+-> LENGTH --------------------------+-> DONE -> START
 *                                +-> CHUNK_LINE -+-> TRAILER ---------+        or OVER
 *                                |     ^         v                    |
 *                                |   CHUNK_CRLF <- CHUNK_DATA         |
 *                                +-> UNTIL_CLOSE -- the peer closes --+
 *                                `-> (no body) -----------------------'
 */
enum cl_http_state {
    CL_HTTP_AT_START,
    CL_HTTP_AT_FIRST_LINE,
    CL_HTTP_AT_FIELDS,
    CL_HTTP_AT_LENGTH,
    CL_HTTP_AT_CHUNK_LINE,
    CL_HTTP_AT_CHUNK_DATA,
    CL_HTTP_AT_CHUNK_CRLF,
    CL_HTTP_AT_TRAILER,
    CL_HTTP_AT_UNTIL_CLOSE,
    CL_HTTP_AT_DONE,
    CL_HTTP_AT_OVER,
};

/* Read head and body_bytes_max; the rest belongs to the parser. */
struct cl_http_parser {
    struct cl_http_head head;
    uint64_t body_bytes_max; // may be changed between HEAD and the feed after it
    enum cl_http_role role;
    enum cl_http_state state;
    enum cl_err failed;       // what every further feed answers; CL_OK while all is well
    bool blank_taken;         // the one empty line before a request line
    bool asked_head;          // the next final answer has no body
    unsigned fields_count;    // lines of this head, then of this trailer
    size_t line_start;        // in head_bytes: where the unfinished line begins
    size_t fields_start;      // in head_bytes: behind the first line
    size_t side_bytes;        // chunk extensions and trailer so far
    uint64_t body_left;       // of the body, or of this chunk
    uint64_t body_bytes;      // of all chunks announced so far
    struct cl_buf head_bytes; // what head's slices point into
    struct cl_buf line;       // an unfinished line of a chunked body
};

void cl_http_parser_init(struct cl_http_parser *parser, enum cl_http_role role,
                         uint64_t body_bytes_max);
/* Frees what it holds. */
void cl_http_parser_done(struct cl_http_parser *parser);
/* Frees the head's bytes and empties head: for a connection that goes idle. Inside a message it
 * does nothing. */
void cl_http_parser_forget(struct cl_http_parser *parser);
/* Nothing of a message has been taken since the beginning, the last END or INTERIM. */
bool cl_http_parser_is_idle(const struct cl_http_parser *parser);
/* Responses: the next final answer is one to HEAD and has no body (RFC 9112 6.3). */
void cl_http_parser_asked_head(struct cl_http_parser *parser);

/*
 * Takes bytes from the front of *input, which shrinks accordingly, up to the next event. Call
 * until it says MORE or END, also when the input is used up: HEAD and END need no further byte.
 * After END the rest is still the caller's: the next pipelined request, or what follows an
 * Upgrade.
 *
 *     do {
 *         err = cl_http_feed(&parser, &input, &event, &why);
 *         ...
 *     } while (err == CL_OK && event.kind != CL_HTTP_MORE && event.kind != CL_HTTP_END);
 *
 * The events of a message: INTERIM*, HEAD, BODY*, END. parser->head is valid from HEAD until
 * forget, done or the first byte fed after END; before HEAD, and after a refusal there, it is
 * empty or partly filled, and safe to read. HEAD always comes before a refused length: an
 * announced length is in head.content_length, and past body_bytes_max the next feed, also one
 * without input, is CL_ERR_TOO_LARGE; a chunk that would pass it is refused before its data.
 *
 * Refusals: CL_ERR_MALFORMED, _URI_TOO_LONG, _HEAD_TOO_LARGE, _HTTP_VERSION, _NOT_IMPLEMENTED,
 * _EXPECTATION, _TOO_LARGE, _NO_MEMORY. A refusal stays: every later feed answers the same.
 * CL_ERR_CLOSED: bytes after a message without keep_alive, or after a 101; they are not taken.
 */
CL_MUST_CHECK enum cl_err cl_http_feed(struct cl_http_parser *parser, cl_str *input,
                                       struct cl_http_event *ret_event, struct cl_why *why);
/* The peer has closed, all input was fed. END for a body that ends so, MORE between messages,
 * CL_ERR_CLOSED inside a message: it is incomplete (RFC 9112 8). */
CL_MUST_CHECK enum cl_err cl_http_eof(struct cl_http_parser *parser,
                                      struct cl_http_event *ret_event, struct cl_why *why);

/* -- fields of a head; names compare without case ------------------------------------------- */

/* The first field of that name, without the whitespace around its value. *ret_value may be
 * empty; untouched when there is none. */
bool cl_http_field(const struct cl_http_head *head, cl_str name, cl_str *ret_value);
size_t cl_http_field_count(const struct cl_http_head *head, cl_str name);
/* Is the token (any case) an element of that list field, over all its lines? */
bool cl_http_has_token(const struct cl_http_head *head, cl_str name, cl_str token);
/* Walks all fields: begin with rest = head->fields; false at the end. */
bool cl_http_field_next(cl_str *rest, cl_str *ret_name, cl_str *ret_value);

/* -- writing ---------------------------------------------------------------------------------
 * A head is a first line, fields, an end. Each call appends whole or changes nothing. What the
 * parser would refuse or read differently (CR, LF, NUL, a name that is no token, whitespace at
 * the ends of a value) is CL_ERR_MALFORMED; a full buffer is CL_ERR_TOO_LARGE. */

/* "GET /path HTTP/1.1". The target is in origin-form and already encoded, or "*". */
CL_MUST_CHECK enum cl_err cl_http_write_request(struct cl_buf *out, cl_str method, cl_str target);
/* "HTTP/1.1 200 OK", with the reason that cl_http_reason knows. status is 100 to 599. */
CL_MUST_CHECK enum cl_err cl_http_write_status(struct cl_buf *out, unsigned status);
CL_MUST_CHECK enum cl_err cl_http_write_field(struct cl_buf *out, cl_str name, cl_str value);
CL_MUST_CHECK enum cl_err cl_http_write_field_u64(struct cl_buf *out, cl_str name, uint64_t value);
/* The empty line. */
CL_MUST_CHECK enum cl_err cl_http_write_end(struct cl_buf *out);
/* "1f\r\n", before len bytes of a chunked body and a CRLF; len is not 0. */
CL_MUST_CHECK enum cl_err cl_http_write_chunk(struct cl_buf *out, size_t len);
#define CL_HTTP_CHUNK_END  CL_STR("\r\n")
#define CL_HTTP_CHUNK_LAST CL_STR("0\r\n\r\n")

/* "Not Found" for 404; "" for a status without a name in RFC 9110 or 6585. */
cl_str cl_http_reason(unsigned status);

#endif
