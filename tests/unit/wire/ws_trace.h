// SPDX-License-Identifier: MIT
/*
 * tests/unit/wire/ws_trace.h - what a WebSocket decoder makes of bytes, as one line of text.
 *
 *     text(Hello) ping() pong(x) close 1000(bye) fail 1002
 *
 * Payloads over 125 bytes show as their length and a checksum: binary(#65536 1c0b3a5e).
 */
#ifndef TESTS_UNIT_WIRE_WS_TRACE_H
#define TESTS_UNIT_WIRE_WS_TRACE_H

#include "base/str.h"
#include "wire/websocket.h"

struct ws_trace {
    struct cl_ws_decoder decoder;
    size_t len;
    char text[16384];
};

void ws_trace_init(struct ws_trace *trace, enum cl_ws_role role, uint32_t message_max);
void ws_trace_done(struct ws_trace *trace);
/* Decodes bytes as one read of their own, in a block of exactly their size, and checks that
 * the decoder owns no memory when it is idle or over. */
void ws_trace_feed(struct ws_trace *trace, cl_str bytes);
cl_str ws_trace_str(const struct ws_trace *trace);

#endif
