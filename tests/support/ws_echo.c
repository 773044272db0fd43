// SPDX-License-Identifier: MIT
/*
 * ws-echo PORT: sends every WebSocket message back, for conformance suites.
 */
#include "net/http_server.h"
#include "support/echo.h"

#define MESSAGE_BYTES_MAX (16 * CL_MIB)

static void
on_message(void *ctx, struct cl_ws_conn *ws, bool is_text, cl_str message)
{
    (void)ctx;
    struct cl_part part = cl_part_of(message);
    enum cl_err err = is_text ? cl_ws_send_text(ws, &part, 1) : cl_ws_send_binary(ws, &part, 1);
    if (err != CL_OK)
        cl_ws_cut(ws);
}

static void
on_ws_closed(void *ctx, struct cl_ws_conn *ws, uint16_t code)
{
    (void)ctx;
    (void)ws;
    (void)code;
}

// Reading pauses at half of what may wait, and one message more fits into the other half.
static const struct cl_ws_handler echo = {
    .on_message = on_message,
    .on_closed = on_ws_closed,
    .message_bytes_max = MESSAGE_BYTES_MAX,
    .out_bytes_max = 4 * (size_t)MESSAGE_BYTES_MAX,
};

static void
on_request(void *ctx, struct cl_http_conn *conn, const struct cl_http_head *head, cl_str body)
{
    (void)ctx;
    (void)head;
    (void)body;
    struct cl_ws_conn *ws;
    if (cl_http_upgrade(conn, &echo, NULL, &ws) != CL_OK)
        return; // it was answered with the reason
}

static const struct cl_http_handler handler = {.on_request = on_request};

int
main(int argc, char **argv)
{
    return echo_main(argc, argv, &handler, 0);
}
