// SPDX-License-Identifier: MIT
#include "unit/wire/ws_trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/test.h"

void
ws_trace_init(struct ws_trace *trace, enum cl_ws_role role, uint32_t message_max)
{
    cl_ws_decoder_init(&trace->decoder, role, message_max);
    trace->len = 0;
}

void
ws_trace_done(struct ws_trace *trace)
{
    cl_ws_decoder_done(&trace->decoder);
}

__attribute__((format(printf, 2, 3))) static void
say(struct ws_trace *trace, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = sizeof trace->text - trace->len;
    int len = vsnprintf(trace->text + trace->len, room, format, args);
    va_end(args);
    CHECK(len >= 0 && (size_t)len < room);
    trace->len += (size_t)len;
}

static void
say_payload(struct ws_trace *trace, cl_str bytes)
{
    uint32_t sum = 2166136261u; // FNV-1a
    for (size_t i = 0; i < bytes.len; i++)
        sum = (sum ^ (uint8_t)bytes.ptr[i]) * 16777619u;
    if (bytes.len > CL_WS_CONTROL_BYTES_MAX) {
        say(trace, "(#%zu %08x)", bytes.len, (unsigned)sum);
        return;
    }
    CHECK(bytes.len + 2 < sizeof trace->text - trace->len);
    trace->text[trace->len++] = '(';
    if (bytes.len > 0)
        memcpy(trace->text + trace->len, bytes.ptr, bytes.len);
    trace->len += bytes.len;
    trace->text[trace->len++] = ')';
}

static void
say_event(struct ws_trace *trace, const struct cl_ws_event *event)
{
    if (event->kind == CL_WS_EVENT_MORE)
        return;
    if (trace->len > 0)
        say(trace, " ");
    switch (event->kind) {
    case CL_WS_EVENT_MORE:
        break;
    case CL_WS_EVENT_MESSAGE:
        say(trace, event->is_text ? "text" : "binary");
        say_payload(trace, event->bytes);
        break;
    case CL_WS_EVENT_PING:
        say(trace, "ping");
        say_payload(trace, event->bytes);
        break;
    case CL_WS_EVENT_PONG:
        say(trace, "pong");
        say_payload(trace, event->bytes);
        break;
    case CL_WS_EVENT_CLOSE:
        say(trace, "close %d", event->code);
        say_payload(trace, event->bytes);
        break;
    case CL_WS_EVENT_FAILED:
        CHECK(event->bytes.len > 0);
        say(trace, "fail %d", event->code);
        break;
    }
}

void
ws_trace_feed(struct ws_trace *trace, cl_str bytes)
{
    struct cl_ws_decoder *decoder = &trace->decoder;
    struct cl_ws_event event;
    char *block = malloc(bytes.len + (bytes.len == 0));
    CHECK(block != NULL);
    if (bytes.len > 0)
        memcpy(block, bytes.ptr, bytes.len);

    size_t used = 0;
    do {
        event = cl_ws_decode(decoder, block + used, bytes.len - used);
        used += event.used;
        CHECK(used <= bytes.len);
        say_event(trace, &event);
    } while (event.kind != CL_WS_EVENT_MORE);
    CHECK_INT(used, bytes.len);
    free(block);

    bool is_idle = decoder->head_len == 0 && decoder->message_opcode == 0;
    CHECK(decoder->partial.ptr == NULL || !(is_idle || decoder->is_over));
}

cl_str
ws_trace_str(const struct ws_trace *trace)
{
    return cl_str_of(trace->text, trace->len);
}
