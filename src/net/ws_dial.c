// SPDX-License-Identifier: MIT
#include "net/ws_dial.h"

#include "base/alloc.h"
#include "base/random.h"
#include "base/secret.h"
#include "net/http_private.h"
#include "net/tcp.h"
#include "net/tls.h"

/* Base64 of 16 bytes, with its NUL. */
#define KEY_CAP 25
/* Of an answer that is no 101, what says why. */
#define BODY_BYTES_MAX (4 * CL_KIB)

/*
 *     CONNECTING ──> SHAKING ──101──> over, on_open
 *         │             └── anything else ──> over, on_failed
 *         └─────────────────────────────────> over, on_failed
 */
struct cl_ws_dial {
    const struct cl_ws_dial_events *events;
    const struct cl_ws_handler *handler;
    void *ctx;
    struct cl_loop *loop;
    struct cl_tls *tls;
    cl_str host;
    struct cl_connect *connect; // an attempt is on
    struct cl_stream *stream;   // connected
    struct cl_timer timer;
    struct cl_http_parser parser;
    struct cl_out out;  // the request, what of it is still to be written
    struct cl_buf body; // of an answer that is no 101
    bool has_head;      // of the answer
    char key[KEY_CAP];  // Sec-WebSocket-Key
    char host_bytes[];
};

/* -- the end ----------------------------------------------------------------------------------- */

static void
free_dial(struct cl_ws_dial *dial)
{
    if (dial->connect != NULL)
        cl_connect_cancel(dial->connect);
    if (dial->stream != NULL)
        cl_stream_close(dial->stream);
    cl_loop_timer_stop(dial->loop, &dial->timer);
    cl_http_parser_done(&dial->parser);
    cl_out_done(&dial->out);
    cl_buf_done(&dial->body);
    cl_free(dial);
}

void
cl_ws_dial_cancel(struct cl_ws_dial *dial)
{
    free_dial(dial);
}

static void
fail(struct cl_ws_dial *dial, enum cl_http_fault fault)
{
    const struct cl_ws_dial_events *events = dial->events;
    void *ctx = dial->ctx;
    struct cl_ws_no no = {.fault = fault};
    events->on_failed(ctx, &no);
    free_dial(dial);
}

/* The answer is a whole one, and no 101. */
static void
fail_refused(struct cl_ws_dial *dial)
{
    uint64_t seconds = 0;
    cl_str later;
    struct cl_ws_no no = {.status = dial->parser.head.status, .body = cl_buf_str(&dial->body)};
    if (cl_http_field(&dial->parser.head, CL_STR("Retry-After"), &later) &&
        cl_str_to_u64(later, UINT32_MAX, &seconds))
        no.retry_after_s = (uint32_t)seconds;
    dial->events->on_failed(dial->ctx, &no);
    free_dial(dial);
}

static void
on_timer(struct cl_timer *timer)
{
    struct cl_ws_dial *dial = CL_LIST_ENTRY(timer, struct cl_ws_dial, timer);
    fail(dial, dial->stream == NULL ? CL_HTTP_FAULT_CONNECT_TIMEOUT : CL_HTTP_FAULT_TIMEOUT);
}

/* -- the answer -------------------------------------------------------------------------------- */

/* Section 4.1, what a client has to look at. No extension and no subprotocol was offered. */
static bool
is_accepted(const struct cl_ws_dial *dial)
{
    const struct cl_http_head *head = &dial->parser.head;
    char wanted[CL_WS_ACCEPT_CAP];
    cl_str accept;
    cl_ws_accept_of(cl_str_z(dial->key), wanted);
    return head->upgrade && cl_http_has_token(head, CL_STR("Upgrade"), CL_STR("websocket")) &&
           cl_http_field(head, CL_STR("Sec-WebSocket-Accept"), &accept) &&
           cl_str_eq(accept, cl_str_z(wanted)) &&
           cl_http_field_count(head, CL_STR("Sec-WebSocket-Extensions")) == 0 &&
           cl_http_field_count(head, CL_STR("Sec-WebSocket-Protocol")) == 0;
}

/* What came behind the answer belongs to the connection. */
static void
open_ws(struct cl_ws_dial *dial, cl_str rest)
{
    struct cl_ws_conn *ws;
    const struct cl_ws_dial_events *events = dial->events;
    struct cl_ws_open open = {
        .stream = dial->stream, .handler = dial->handler, .ctx = dial->ctx, .is_client = true};
    void *ctx = dial->ctx;
    cl_out_init(&open.out);
    cl_buf_init(&open.in, CL_NET_READ_BYTES);
    if (cl_ws_conn_new(&open, &ws) != CL_OK) {
        fail(dial, CL_HTTP_FAULT_NO_MEMORY);
        return;
    }
    dial->stream = NULL; // it is the connection's
    if (rest.len > 0)
        cl_ws_conn_add_input(ws, rest);
    free_dial(dial);
    events->on_open(ctx, ws);
}

static void
refuse_answer(struct cl_ws_dial *dial, enum cl_err err)
{
    if (dial->has_head && err == CL_ERR_TOO_LARGE)
        fail_refused(dial); // the status says enough
    else
        fail(dial, err == CL_ERR_NO_MEMORY ? CL_HTTP_FAULT_NO_MEMORY : CL_HTTP_FAULT_NOT_HTTP);
}

/* The answer is over: the dial is gone afterwards. */
static void
finish(struct cl_ws_dial *dial, cl_str rest)
{
    if (dial->parser.head.status != 101)
        fail_refused(dial);
    else if (is_accepted(dial))
        open_ws(dial, rest);
    else
        fail(dial, CL_HTTP_FAULT_NOT_HTTP);
}

static void
on_data(void *ctx, char *bytes, size_t len)
{
    struct cl_ws_dial *dial = ctx;
    cl_str input = cl_str_of(bytes, len);
    struct cl_http_event event = {.kind = CL_HTTP_INTERIM};
    while (event.kind != CL_HTTP_MORE) {
        enum cl_err err = cl_http_feed(&dial->parser, &input, &event, NULL);
        if (err == CL_OK && event.kind == CL_HTTP_BODY)
            err = cl_buf_append(&dial->body, event.body);
        if (err != CL_OK) {
            refuse_answer(dial, err);
            return;
        }
        dial->has_head = dial->has_head || event.kind == CL_HTTP_HEAD;
        if (event.kind == CL_HTTP_END) {
            finish(dial, input);
            return;
        }
    }
}

static void
on_eof(void *ctx)
{
    struct cl_ws_dial *dial = ctx;
    struct cl_http_event event;
    if (cl_http_eof(&dial->parser, &event, NULL) == CL_OK && event.kind == CL_HTTP_END)
        fail_refused(dial); // a body that ends so
    else
        fail(dial, CL_HTTP_FAULT_RESET);
}

static void
on_write(void *ctx)
{
    struct cl_ws_dial *dial = ctx;
    size_t taken;
    if (cl_out_write(&dial->out, dial->stream, &taken) != CL_OK)
        fail(dial, CL_HTTP_FAULT_RESET);
}

static void
on_closed(void *ctx, enum cl_err reason)
{
    struct cl_ws_dial *dial = ctx;
    (void)reason; // however it broke
    bool is_untrusted = dial->tls != NULL && cl_tls_verdict(dial->tls)->fault != CL_TLS_FAULT_NONE;
    fail(dial, is_untrusted ? CL_HTTP_FAULT_TLS : CL_HTTP_FAULT_RESET);
}

static const struct cl_stream_events stream_events = {on_data, on_eof, on_write, on_closed};

/* -- the question ------------------------------------------------------------------------------ */

/* Base64 of 16 random bytes: 5 groups of 3 bytes, one byte more, "==". */
static void
make_key(char ret_key[static KEY_CAP])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t bytes[18] = {0};
    cl_random_bytes(bytes, 16);
    for (unsigned at = 0; at < 24; at++) {
        const uint8_t *group = bytes + at / 4 * 3;
        uint32_t bits = (uint32_t)group[0] << 16 | (uint32_t)group[1] << 8 | group[2];
        ret_key[at] = digits[bits >> (18 - 6 * (at % 4)) & 0x3f];
    }
    ret_key[22] = ret_key[23] = '=';
    ret_key[24] = '\0';
}

static enum cl_err
write_bearer(struct cl_buf *head, cl_str bearer)
{
    char value[sizeof "Bearer " + CL_SECRET_BYTES_MAX] = "Bearer ";
    if (bearer.len == 0)
        return CL_OK;
    if (bearer.len > CL_SECRET_BYTES_MAX)
        return CL_ERR_MALFORMED;
    memcpy(value + 7, bearer.ptr, bearer.len);
    enum cl_err err =
        cl_http_write_field(head, CL_STR("Authorization"), cl_str_of(value, 7 + bearer.len));
    cl_secret_wipe(value, sizeof value);
    return err;
}

static enum cl_err
write_host(struct cl_buf *head, const struct cl_ws_dial_to *to)
{
    struct cl_buf host;
    bool is_literal6 = cl_str_find(to->host, ':') < to->host.len;
    cl_buf_init(&host, CL_HTTP_HEAD_BYTES_MAX);
    enum cl_err err =
        cl_buf_printf(&host, is_literal6 ? "[%.*s]:%u" : "%.*s:%u", CL_STR_ARG(to->host), to->port);
    if (err == CL_OK)
        err = cl_http_write_field(head, CL_STR("Host"), cl_buf_str(&host));
    cl_buf_done(&host);
    return err;
}

/* Section 4.1, what a client sends. */
static enum cl_err
queue_request(struct cl_ws_dial *dial, const struct cl_ws_dial_to *to)
{
    struct cl_buf head;
    cl_buf_init(&head, CL_HTTP_HEAD_BYTES_MAX);
    enum cl_err err = cl_http_write_request(&head, CL_STR("GET"), to->target);
    if (err == CL_OK)
        err = write_host(&head, to);
    if (err == CL_OK)
        err = cl_http_write_field(&head, CL_STR("Upgrade"), CL_STR("websocket"));
    if (err == CL_OK)
        err = cl_http_write_field(&head, CL_STR("Connection"), CL_STR("Upgrade"));
    if (err == CL_OK)
        err = cl_http_write_field(&head, CL_STR("Sec-WebSocket-Version"), CL_STR(CL_WS_VERSION));
    if (err == CL_OK)
        err = cl_http_write_field(&head, CL_STR("Sec-WebSocket-Key"), cl_str_z(dial->key));
    if (err == CL_OK)
        err = write_bearer(&head, to->bearer);
    if (err == CL_OK)
        err = cl_http_write_end(&head);
    if (err == CL_OK)
        err = cl_out_add(&dial->out, cl_buf_str(&head), NULL, 0);
    if (head.ptr != NULL)
        cl_secret_wipe(head.ptr, head.cap);
    cl_buf_done(&head);
    return err;
}

static void
shake(struct cl_ws_dial *dial, struct cl_stream *stream)
{
    dial->stream = stream;
    cl_stream_use(stream, &stream_events, dial);
    cl_stream_want_write(stream);
}

/* -- connecting -------------------------------------------------------------------------------- */

static void
on_connected(void *ctx, struct cl_stream *stream)
{
    struct cl_ws_dial *dial = ctx;
    dial->connect = NULL;
    if (dial->tls != NULL && cl_tls_wrap(dial->tls, stream, dial->host, &stream) != CL_OK)
        fail(dial, CL_HTTP_FAULT_NO_MEMORY);
    else
        shake(dial, stream);
}

static void
on_failed(void *ctx, enum cl_connect_fault fault)
{
    struct cl_ws_dial *dial = ctx;
    dial->connect = NULL;
    fail(dial, cl_http_fault_of_connect(fault));
}

static const struct cl_connect_events connect_events = {on_connected, on_failed};

/* One with its request ready to be written. */
static enum cl_err
dial_new(const struct cl_ws_dial_to *to, const struct cl_ws_dial_events *events,
         struct cl_ws_dial **ret_dial)
{
    struct cl_ws_dial *dial = cl_alloc(sizeof *dial + to->host.len + 1);
    if (dial == NULL)
        return CL_ERR_NO_MEMORY;
    dial->events = events;
    dial->handler = to->handler;
    dial->ctx = to->ctx;
    dial->loop = to->loop;
    dial->tls = to->tls;
    (void)cl_str_copy(dial->host_bytes, to->host.len + 1, to->host); // it was made to fit
    dial->host = cl_str_of(dial->host_bytes, to->host.len);
    cl_timer_init(&dial->timer, on_timer);
    cl_http_parser_init(&dial->parser, CL_HTTP_RESPONSES, BODY_BYTES_MAX);
    cl_out_init(&dial->out);
    cl_buf_init(&dial->body, BODY_BYTES_MAX);
    make_key(dial->key);
    enum cl_err err = queue_request(dial, to);
    if (err != CL_OK) {
        free_dial(dial);
        return err == CL_ERR_TOO_LARGE ? CL_ERR_MALFORMED : err;
    }
    *ret_dial = dial;
    return CL_OK;
}

static void
start_timer(struct cl_ws_dial *dial, const struct cl_ws_dial_to *to)
{
    cl_loop_timer_start(to->loop, &dial->timer,
                        cl_instant_add(cl_loop_now(to->loop), to->timeout_ms));
}

enum cl_err
cl_ws_dial(const struct cl_ws_dial_to *to, const struct cl_ws_dial_events *events,
           struct cl_ws_dial **ret_dial)
{
    struct cl_ws_dial *dial;
    enum cl_err err = dial_new(to, events, &dial);
    if (err != CL_OK)
        return err;
    const struct cl_connect_to where = {dial->host, to->port, CL_CLIENT_CONNECT_MS};
    err = cl_tcp_connect(to->loop, &where, &connect_events, dial, &dial->connect);
    if (err != CL_OK) {
        free_dial(dial);
        return err == CL_ERR_NO_MEMORY ? err : CL_ERR_USAGE;
    }
    start_timer(dial, to);
    *ret_dial = dial;
    return CL_OK;
}

enum cl_err
cl_ws_dial_on(struct cl_stream *stream, const struct cl_ws_dial_to *to,
              const struct cl_ws_dial_events *events, struct cl_ws_dial **ret_dial)
{
    struct cl_ws_dial *dial;
    enum cl_err err = dial_new(to, events, &dial);
    if (err != CL_OK) {
        cl_stream_close(stream);
        return err;
    }
    shake(dial, stream);
    start_timer(dial, to);
    *ret_dial = dial;
    return CL_OK;
}
