// SPDX-License-Identifier: MIT
/*
 * The WebSocket decoder. The first byte of the input chooses the role (bit 0) and the largest
 * message (bits 1 and 2), the second one how the rest is cut. Whatever the bytes are, three
 * ways to cut them give the same events, no event breaks its promises, and what was
 * decoded is decoded again from a frame of our own.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "fuzz/sum.h"
#include "wire/websocket.h"

static const uint32_t maxima[] = {0, 100, 1000, 70000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The same payload in one frame of ours gives the same event back, in place. */
static void
check_again(const struct cl_ws_event *event, uint32_t message_max)
{
    static const uint8_t mask[CL_WS_MASK_BYTES] = {1, 0x80, 0xff, 0x33};
    enum cl_ws_opcode opcode = event->kind == CL_WS_EVENT_PING   ? CL_WS_PING
                               : event->kind == CL_WS_EVENT_PONG ? CL_WS_PONG
                               : event->is_text                  ? CL_WS_TEXT
                                                                 : CL_WS_BINARY;
    uint8_t head[CL_WS_HEAD_BYTES_MAX];
    size_t len = event->bytes.len;
    size_t head_len = cl_ws_frame_head(opcode, true, len, mask, head);
    char *frame = malloc(head_len + len);
    CL_ASSERT(frame != NULL);
    memcpy(frame, head, head_len);
    if (len > 0)
        memcpy(frame + head_len, event->bytes.ptr, len);
    cl_ws_mask(frame + head_len, len, mask, 0);

    struct cl_ws_decoder decoder;
    cl_ws_decoder_init(&decoder, CL_WS_SERVER, message_max);
    struct cl_ws_event again = cl_ws_decode(&decoder, frame, head_len + len);
    CL_ASSERT(again.kind == event->kind && again.is_text == event->is_text);
    CL_ASSERT(cl_str_eq(again.bytes, event->bytes) && again.used == head_len + len);
    CL_ASSERT(decoder.partial.ptr == NULL);
    cl_ws_decoder_done(&decoder);
    free(frame);
}

static void
check_event(const struct cl_ws_event *event, uint32_t message_max)
{
    char payload[CL_WS_CONTROL_BYTES_MAX];
    switch (event->kind) {
    case CL_WS_EVENT_MORE:
        return;
    case CL_WS_EVENT_MESSAGE:
        CL_ASSERT(event->bytes.len <= message_max);
        CL_ASSERT(!event->is_text || cl_utf8_is_valid(event->bytes));
        check_again(event, message_max);
        return;
    case CL_WS_EVENT_PING:
    case CL_WS_EVENT_PONG:
        CL_ASSERT(event->bytes.len <= CL_WS_CONTROL_BYTES_MAX);
        check_again(event, message_max);
        return;
    case CL_WS_EVENT_CLOSE:
    case CL_WS_EVENT_FAILED:
        // Both can be answered: the builder asserts that the code may be sent.
        CL_ASSERT(cl_utf8_is_valid(event->bytes));
        (void)cl_ws_close_payload(event->code, event->bytes, payload);
        return;
    }
}

/* Reads of `step` bytes, each in a block of its own. Returns a sum over all events. */
static uint64_t
decode(const uint8_t *data, size_t size, unsigned choice, size_t step)
{
    uint32_t message_max = maxima[choice >> 1 & 3];
    uint64_t sum = UINT64_C(14695981039346656037);
    struct cl_ws_decoder decoder;
    cl_ws_decoder_init(&decoder, choice & 1 ? CL_WS_CLIENT : CL_WS_SERVER, message_max);
    for (size_t at = 0, part; at < size; at += part) {
        part = size - at < step ? size - at : step;
        char *block = malloc(part);
        CL_ASSERT(block != NULL);
        memcpy(block, data + at, part);
        struct cl_ws_event event;
        size_t used = 0;
        do {
            event = cl_ws_decode(&decoder, block + used, part - used);
            used += event.used;
            check_event(&event, message_max);
            if (event.kind == CL_WS_EVENT_MORE)
                break;
            sum = sum_number(sum, event.kind);
            sum = sum_number(sum, event.code | (uint64_t)event.is_text << 32);
            sum = sum_bytes(sum_number(sum, event.bytes.len), event.bytes);
        } while (true);
        CL_ASSERT(used == part);
        free(block);
        CL_ASSERT(decoder.partial.len <= message_max + CL_WS_CONTROL_BYTES_MAX);
        CL_ASSERT(decoder.partial.len <= at + part);
    }
    cl_ws_decoder_done(&decoder);
    return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    uint64_t sum = decode(data + 2, size - 2, data[0], size);
    CL_ASSERT(decode(data + 2, size - 2, data[0], 1) == sum);
    CL_ASSERT(decode(data + 2, size - 2, data[0], 2 + data[1] % 64u) == sum);
    return 0;
}
