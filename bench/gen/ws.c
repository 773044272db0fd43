// SPDX-License-Identifier: MIT
/*
 * bench/gen/ws.c - WebSockets, and that of ClawLink v1 (clawlink-v1.md, GET /ws/<agent_id>), which
 * the relay and some peers speak. The receiver of a message stands in the message.
 */
#include <stdio.h>
#include <string.h>

#include "bench/gen/gen.h"

void
ws_ask(struct conn *conn, cl_str path)
{
    cl_ws_decoder_init(&conn->ws, CL_WS_CLIENT, CL_WS_MESSAGE_BYTES_MAX);
    conn_say(conn,
             "GET %.*s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: Upgrade\r\n"
             "Upgrade: websocket\r\nSec-WebSocket-Version: " CL_WS_VERSION "\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
             CL_STR_ARG(path), conn->gen->port);
}

void
ws_greet(struct conn *conn)
{
    cl_str head = conn_hear(conn, CL_STR("\r\n\r\n"));
    if (!cl_str_starts(head, CL_STR("HTTP/1.1 101 ")))
        die("no WebSocket: %.*s", CL_STR_ARG(head));
}

static void
put_frame(struct conn *conn, enum cl_ws_opcode opcode, cl_str payload)
{
    uint8_t head[CL_WS_HEAD_BYTES_MAX], mask[CL_WS_MASK_BYTES];
    uint32_t random = next_random(conn->gen);
    memcpy(mask, &random, sizeof mask);
    size_t len = cl_ws_frame_head(opcode, true, payload.len, mask, head);
    must(cl_buf_append(&conn->out, cl_str_of(head, len)));
    must(cl_buf_append(&conn->out, payload));
    cl_ws_mask(conn->out.ptr + conn->out.len - payload.len, payload.len, mask, 0);
}

void
ws_put(struct conn *conn, cl_str text)
{
    put_frame(conn, CL_WS_TEXT, text);
}

void
ws_take(struct conn *conn, char *bytes, size_t len,
        void (*take_text)(struct conn *conn, cl_str text))
{
    struct cl_ws_event event;
    do {
        event = cl_ws_decode(&conn->ws, bytes, len);
        bytes += event.used;
        len -= event.used;
        if (event.kind == CL_WS_EVENT_MESSAGE)
            take_text(conn, event.bytes);
        else if (event.kind == CL_WS_EVENT_PING)
            put_frame(conn, CL_WS_PONG, event.bytes); // which acknowledges, in v1
        else if (event.kind == CL_WS_EVENT_CLOSE || event.kind == CL_WS_EVENT_FAILED)
            die("the WebSocket ends with %u: %.*s", event.code, CL_STR_ARG(event.bytes));
    } while (event.kind != CL_WS_EVENT_MORE);
}

/* -- v1 ------------------------------------------------------------------------------------ */

static void
ask(struct conn *conn)
{
    char path[32];
    (void)snprintf(path, sizeof path, "/ws/%s", conn->name);
    ws_ask(conn, cl_str_z(path));
}

static void
put(struct conn *conn, cl_str subject, cl_str message)
{
    (void)subject;
    ws_put(conn, message);
}

static void
take(struct conn *conn, char *bytes, size_t len)
{
    ws_take(conn, bytes, len, conn->gen->job->take);
}

const struct protocol protocol_relay = {.name = "relay",
                                        .prepare = http_register_all,
                                        .ask = ask,
                                        .greet = ws_greet,
                                        .put = put,
                                        .take = take};
const struct protocol protocol_ws = {
    .name = "ws", .ask = ask, .greet = ws_greet, .put = put, .take = take};
