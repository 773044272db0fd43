// SPDX-License-Identifier: MIT
#include "net/http_client.h"

#include "base/alloc.h"
#include "net/tcp.h"
#include "net/tls.h"
#include "net/unix.h"

struct cl_http_client {
    struct cl_loop *loop;
    struct cl_tls *tls; // NULL: plain text
    cl_str host;        // or the path
    uint16_t port;
    bool is_unix;
    struct cl_connect *connect; // an attempt is on
    struct cl_stream *stream;   // connected
    struct cl_timer timer;      // of the whole call
    struct cl_http_parser parser;
    struct cl_out out;
    struct cl_buf body;
    bool is_calling;
    bool is_reusable; // the answer was whole and the server keeps the connection
    enum cl_http_fault fault;
    char host_bytes[];
};

static void
disconnect(struct cl_http_client *client)
{
    if (client->connect != NULL)
        cl_connect_cancel(client->connect);
    if (client->stream != NULL)
        cl_stream_close(client->stream);
    client->connect = NULL;
    client->stream = NULL;
    client->is_reusable = false;
    cl_out_done(&client->out);
}

static void
end_call(struct cl_http_client *client, enum cl_http_fault fault)
{
    if (client->is_calling)
        client->fault = fault;
    client->is_calling = false;
    if (fault != CL_HTTP_FAULT_NONE)
        disconnect(client);
}

/* -- what comes ----------------------------------------------------------------------------- */

static void
refuse_answer(struct cl_http_client *client, enum cl_err err)
{
    if (err == CL_ERR_NO_MEMORY)
        end_call(client, CL_HTTP_FAULT_NO_MEMORY);
    else if (err == CL_ERR_TOO_LARGE)
        end_call(client, CL_HTTP_FAULT_TOO_LARGE);
    else
        end_call(client, CL_HTTP_FAULT_NOT_HTTP);
}

/* False when the call is over. */
static bool
take_event(struct cl_http_client *client, const struct cl_http_event *event)
{
    if (event->kind == CL_HTTP_BODY) {
        enum cl_err err = cl_buf_append(&client->body, event->body);
        if (err != CL_OK)
            refuse_answer(client, err);
    } else if (event->kind == CL_HTTP_END) {
        client->is_reusable = client->parser.head.keep_alive && cl_out_waiting(&client->out) == 0;
        end_call(client, CL_HTTP_FAULT_NONE);
    }
    return client->is_calling;
}

static void
on_data(void *ctx, char *bytes, size_t len)
{
    struct cl_http_client *client = ctx;
    cl_str input = cl_str_of(bytes, len);
    struct cl_http_event event = {.kind = CL_HTTP_INTERIM};
    bool goes_on = client->is_calling;
    while (goes_on && event.kind != CL_HTTP_MORE) {
        enum cl_err err = cl_http_feed(&client->parser, &input, &event, NULL);
        if (err != CL_OK) {
            refuse_answer(client, err);
            return;
        }
        goes_on = take_event(client, &event);
    }
    // An answer that nobody asked for: whatever it is, the next call must not take it for its own.
    if (!client->is_calling && input.len > 0)
        disconnect(client);
}

static void
on_eof(void *ctx)
{
    struct cl_http_client *client = ctx;
    struct cl_http_event event;
    if (client->is_calling && cl_http_eof(&client->parser, &event, NULL) == CL_OK &&
        event.kind == CL_HTTP_END)
        end_call(client, CL_HTTP_FAULT_NONE); // a body that ends so
    end_call(client, CL_HTTP_FAULT_RESET);
}

static void
on_write(void *ctx)
{
    struct cl_http_client *client = ctx;
    size_t taken;
    if (cl_out_write(&client->out, client->stream, &taken) != CL_OK)
        end_call(client, CL_HTTP_FAULT_RESET);
}

static void
on_closed(void *ctx, enum cl_err reason)
{
    struct cl_http_client *client = ctx;
    (void)reason; // however it broke
    bool is_untrusted =
        client->tls != NULL && cl_tls_verdict(client->tls)->fault != CL_TLS_FAULT_NONE;
    end_call(client, is_untrusted ? CL_HTTP_FAULT_TLS : CL_HTTP_FAULT_RESET);
}

static const struct cl_stream_events events = {on_data, on_eof, on_write, on_closed};

/* -- connecting ----------------------------------------------------------------------------- */

static void
on_connected(void *ctx, struct cl_stream *stream)
{
    struct cl_http_client *client = ctx;
    client->connect = NULL;
    if (client->tls != NULL && cl_tls_wrap(client->tls, stream, client->host, &stream) != CL_OK) {
        end_call(client, CL_HTTP_FAULT_NO_MEMORY);
        return;
    }
    client->stream = stream;
    cl_stream_use(stream, &events, client);
    cl_stream_want_write(stream);
}

enum cl_http_fault
cl_http_fault_of_connect(enum cl_connect_fault fault)
{
    static const enum cl_http_fault of[] = {
        [CL_CONNECT_UNRESOLVED] = CL_HTTP_FAULT_UNRESOLVED,
        [CL_CONNECT_REFUSED] = CL_HTTP_FAULT_REFUSED,
        [CL_CONNECT_UNREACHABLE] = CL_HTTP_FAULT_UNREACHABLE,
        [CL_CONNECT_TIMEOUT] = CL_HTTP_FAULT_CONNECT_TIMEOUT,
        [CL_CONNECT_NO_MEMORY] = CL_HTTP_FAULT_NO_MEMORY,
        [CL_CONNECT_FAILED] = CL_HTTP_FAULT_CONNECT,
    };
    return of[fault];
}

static void
on_failed(void *ctx, enum cl_connect_fault fault)
{
    struct cl_http_client *client = ctx;
    client->connect = NULL;
    end_call(client, cl_http_fault_of_connect(fault));
}

static const struct cl_connect_events connect_events = {on_connected, on_failed};

static void
connect_unix(struct cl_http_client *client)
{
    struct cl_stream *stream;
    enum cl_err err = cl_unix_connect(client->loop, client->host, &stream);
    if (err == CL_OK)
        on_connected(client, stream);
    else if (err == CL_ERR_NO_RELAY)
        end_call(client, CL_HTTP_FAULT_REFUSED);
    else if (err == CL_ERR_FORBIDDEN)
        end_call(client, CL_HTTP_FAULT_UNREACHABLE);
    else
        end_call(client, CL_HTTP_FAULT_CONNECT);
}

static void
begin_connecting(struct cl_http_client *client)
{
    if (client->is_unix) {
        connect_unix(client);
        return;
    }
    struct cl_connect_to to = {
        .host = client->host, .port = client->port, .timeout_ms = CL_CLIENT_CONNECT_MS};
    enum cl_err err = cl_tcp_connect(client->loop, &to, &connect_events, client, &client->connect);
    if (err == CL_ERR_NO_MEMORY)
        end_call(client, CL_HTTP_FAULT_NO_MEMORY);
    else if (err != CL_OK)
        end_call(client, CL_HTTP_FAULT_UNRESOLVED);
}

/* -- calls ---------------------------------------------------------------------------------- */

static enum cl_err
write_head(const struct cl_http_client *client, const struct cl_http_call *call,
           struct cl_buf *head)
{
    // Behind a Unix socket there is one host, which has no name.
    cl_str name = client->is_unix ? CL_STR("localhost") : client->host;
    bool is_literal6 = cl_str_find(name, ':') < name.len;
    bool has_length = call->body.len > 0 || !(cl_str_eq(call->method, CL_STR("GET")) ||
                                              cl_str_eq(call->method, CL_STR("HEAD")));
    struct cl_buf host;
    cl_buf_init(&host, CL_HTTP_HEAD_BYTES_MAX);
    enum cl_err err = client->is_unix ? cl_buf_append(&host, name)
                                      : cl_buf_printf(&host, is_literal6 ? "[%.*s]:%u" : "%.*s:%u",
                                                      CL_STR_ARG(name), client->port);
    if (err == CL_OK)
        err = cl_http_write_request(head, call->method, call->target);
    if (err == CL_OK)
        err = cl_http_write_field(head, CL_STR("Host"), cl_buf_str(&host));
    cl_buf_done(&host);
    if (err == CL_OK && has_length)
        err = cl_http_write_field_u64(head, CL_STR("Content-Length"), call->body.len);
    for (size_t at = 0; err == CL_OK && at < call->fields_len; at++)
        err = cl_http_write_field(head, call->fields[at].name, call->fields[at].value);
    return err == CL_OK ? cl_http_write_end(head) : err;
}

static enum cl_err
queue_request(struct cl_http_client *client, const struct cl_http_call *call)
{
    struct cl_buf head;
    struct cl_part body = cl_part_of(call->body);
    cl_buf_init(&head, CL_HTTP_HEAD_BYTES_MAX);
    enum cl_err err = write_head(client, call, &head);
    if (err == CL_OK)
        err = cl_out_add(&client->out, cl_buf_str(&head), &body, 1);
    cl_buf_done(&head);
    return err;
}

static void
on_timer(struct cl_timer *timer)
{
    end_call(CL_LIST_ENTRY(timer, struct cl_http_client, timer), CL_HTTP_FAULT_TIMEOUT);
}

static const struct {
    enum cl_err err;
    const char *text;
} faults[] = {
    [CL_HTTP_FAULT_NONE] = {CL_OK, ""},
    [CL_HTTP_FAULT_UNRESOLVED] = {CL_ERR_NO_RELAY, "there is no such host"},
    [CL_HTTP_FAULT_REFUSED] = {CL_ERR_NO_RELAY, "connection refused"},
    [CL_HTTP_FAULT_UNREACHABLE] = {CL_ERR_NO_RELAY, "there is no way to that address"},
    [CL_HTTP_FAULT_CONNECT_TIMEOUT] = {CL_ERR_NO_RELAY, "nobody answered in time"},
    [CL_HTTP_FAULT_CONNECT] = {CL_ERR_IO, "the connection could not be made"},
    [CL_HTTP_FAULT_TIMEOUT] = {CL_ERR_TIMEOUT, "the answer did not come in time"},
    [CL_HTTP_FAULT_RESET] = {CL_ERR_CLOSED, "the connection was closed before the answer"},
    [CL_HTTP_FAULT_NOT_HTTP] = {CL_ERR_IO, "what answered does not speak HTTP"},
    [CL_HTTP_FAULT_TOO_LARGE] = {CL_ERR_TOO_LARGE, "the answer is too large"},
    [CL_HTTP_FAULT_NO_MEMORY] = {CL_ERR_NO_MEMORY, "out of memory"},
    [CL_HTTP_FAULT_TLS] = {CL_ERR_UNTRUSTED, "there is no connection that can be trusted"},
};

enum cl_err
cl_http_fault_err(enum cl_http_fault fault)
{
    return faults[fault].err;
}

static enum cl_err
explain(const struct cl_http_client *client, struct cl_why *why)
{
    if (client->fault == CL_HTTP_FAULT_NONE)
        return CL_OK;
    if (client->is_unix)
        return cl_fail(faults[client->fault].err, why, "%.*s: %s", CL_STR_ARG(client->host),
                       faults[client->fault].text);
    return cl_fail(faults[client->fault].err, why, "%.*s port %u: %s", CL_STR_ARG(client->host),
                   client->port, faults[client->fault].text);
}

static enum cl_err
begin_call(struct cl_http_client *client, const struct cl_http_call *call, struct cl_why *why)
{
    if (!client->is_reusable)
        disconnect(client);
    cl_http_parser_done(&client->parser);
    cl_http_parser_init(&client->parser, CL_HTTP_RESPONSES, CL_HTTP_ANSWER_BYTES_MAX);
    if (cl_str_eq(call->method, CL_STR("HEAD")))
        cl_http_parser_asked_head(&client->parser);
    cl_buf_done(&client->body);
    enum cl_err err = queue_request(client, call);
    if (err != CL_OK) {
        if (err == CL_ERR_NO_MEMORY)
            client->fault = CL_HTTP_FAULT_NO_MEMORY;
        return cl_fail(err, why, "the request cannot be written: bad or too long fields");
    }
    return CL_OK;
}

enum cl_err
cl_http_client_call(struct cl_http_client *client, const struct cl_http_call *call,
                    struct cl_http_reply *ret_reply, struct cl_why *why)
{
    // So that the time is now, and a kept connection that the server has closed is noticed.
    cl_loop_turn(client->loop, false);
    client->fault = CL_HTTP_FAULT_NONE;
    enum cl_err err = begin_call(client, call, why);
    if (err != CL_OK)
        return err;

    client->is_calling = true;
    client->is_reusable = false;
    uint32_t timeout_ms = call->timeout_ms == 0 ? CL_CLIENT_TIMEOUT_MS : call->timeout_ms;
    cl_loop_timer_start(client->loop, &client->timer,
                        cl_instant_add(cl_loop_now(client->loop), timeout_ms));
    if (client->stream != NULL)
        cl_stream_want_write(client->stream);
    else
        begin_connecting(client);
    while (client->is_calling)
        cl_loop_turn(client->loop, true);
    cl_loop_timer_stop(client->loop, &client->timer);

    err = explain(client, why);
    if (err != CL_OK)
        return err;
    *ret_reply = (struct cl_http_reply){&client->parser.head, cl_buf_str(&client->body)};
    return CL_OK;
}

enum cl_http_fault
cl_http_client_fault(const struct cl_http_client *client)
{
    return client->fault;
}

enum cl_err
cl_http_client_new(struct cl_loop *loop, cl_str host, uint16_t port,
                   struct cl_http_client **ret_client)
{
    struct cl_http_client *client = cl_alloc(sizeof *client + host.len + 1);
    if (client == NULL)
        return CL_ERR_NO_MEMORY;
    (void)cl_str_copy(client->host_bytes, host.len + 1, host); // it was made to fit
    client->loop = loop;
    client->host = cl_str_of(client->host_bytes, host.len);
    client->port = port;
    cl_timer_init(&client->timer, on_timer);
    cl_http_parser_init(&client->parser, CL_HTTP_RESPONSES, CL_HTTP_ANSWER_BYTES_MAX);
    cl_out_init(&client->out);
    cl_buf_init(&client->body, CL_HTTP_ANSWER_BYTES_MAX);
    *ret_client = client;
    return CL_OK;
}

enum cl_err
cl_http_client_new_unix(struct cl_loop *loop, cl_str path, struct cl_http_client **ret_client)
{
    enum cl_err err = cl_http_client_new(loop, path, 0, ret_client);
    if (err == CL_OK)
        (*ret_client)->is_unix = true;
    return err;
}

void
cl_http_client_use_tls(struct cl_http_client *client, struct cl_tls *tls)
{
    client->tls = tls;
}

void
cl_http_client_free(struct cl_http_client *client)
{
    if (client == NULL)
        return;
    disconnect(client);
    cl_http_parser_done(&client->parser);
    cl_buf_done(&client->body);
    cl_free(client);
}
