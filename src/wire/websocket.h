// SPDX-License-Identifier: MIT
/*
 * wire/websocket.h - WebSocket frames (RFC 6455), both roles, without I/O.
 *
 *      0               1               2 .. 9                        (section 5.2)
 *     +-+-+-+-+-------+-+-------------+-----------------+-----------+----------
 *     |F|R|R|R|opcode |M| 0..125      |                 |           |
 *     |I|S|S|S|       |A| 126: 16 bit | extended length | mask, 4   | payload
 *     |N|V|V|V|       |S| 127: 64 bit | 0, 2 or 8 bytes | or none   |
 *     +-+-+-+-+-------+-+-------------+-----------------+-----------+----------
 *
 * Strict: what the RFC forbids ends the connection with the close code it names. The same
 * bytes give the same events however they are cut. No extension is ever offered or accepted,
 * so every reserved bit is an error and nothing is compressed; a server leaves the field
 * Sec-WebSocket-Extensions out of its answer, whatever was offered. No subprotocol is spoken
 * either: a server leaves Sec-WebSocket-Protocol out, which section 4.2.2 reads as "none of
 * these", and a client offers none and fails the connection when one is named (section 4.1).
 */
#ifndef CL_WIRE_WEBSOCKET_H
#define CL_WIRE_WEBSOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/utf8.h"

/* Joined to the key of the request, hashed with SHA-1 and written in base64 this makes
 * Sec-WebSocket-Accept (section 4.2.2). */
#define CL_WS_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
/* The only version there is: Sec-WebSocket-Version. Another one gets 426 (section 4.2.2). */
#define CL_WS_VERSION "13"
/* Two bytes, a 64-bit length, a mask. */
#define CL_WS_HEAD_BYTES_MAX 14
#define CL_WS_MASK_BYTES     4

/* Whose decoder: a server's takes masked frames only, a client's unmasked ones only. */
enum cl_ws_role { CL_WS_SERVER, CL_WS_CLIENT };

enum cl_ws_opcode {
    CL_WS_CONTINUATION = 0x0,
    CL_WS_TEXT = 0x1,
    CL_WS_BINARY = 0x2,
    CL_WS_CLOSE = 0x8,
    CL_WS_PING = 0x9,
    CL_WS_PONG = 0xa,
};

/* Section 7.4.1 and the registry it founded. A close frame carries one of these or 3000 to 4999,
 * except for CL_WS_CLOSE_NONE, which stands for a close frame without a code. */
enum cl_ws_close_code {
    CL_WS_CLOSE_NORMAL = 1000,
    CL_WS_CLOSE_GOING_AWAY = 1001,
    CL_WS_CLOSE_PROTOCOL = 1002,
    CL_WS_CLOSE_UNSUPPORTED = 1003,
    CL_WS_CLOSE_NONE = 1005,
    CL_WS_CLOSE_BAD_TEXT = 1007,
    CL_WS_CLOSE_POLICY = 1008,
    CL_WS_CLOSE_TOO_BIG = 1009,
    CL_WS_CLOSE_INTERNAL = 1011,
    CL_WS_CLOSE_RESTART = 1012,
    CL_WS_CLOSE_TRY_LATER = 1013,
};

enum cl_ws_event_kind {
    CL_WS_EVENT_MORE,    // all input is used up, the next read is wanted
    CL_WS_EVENT_MESSAGE, // a whole message: is_text, bytes
    CL_WS_EVENT_PING,    // bytes; wants a pong with the same bytes (section 5.5.2)
    CL_WS_EVENT_PONG,    // bytes
    CL_WS_EVENT_CLOSE,   // code (CL_WS_CLOSE_NONE without one), bytes is the reason
    CL_WS_EVENT_FAILED,  // the peer broke a rule: send a close with code and bytes, then end
};

struct cl_ws_event {
    enum cl_ws_event_kind kind;
    bool is_text;
    uint16_t code;
    size_t used;  // so many bytes of the input are done with
    cl_str bytes; // good until the next call, and only while the input's memory is
};

/*
 * Idle it owns no memory. Bytes of an unfinished message collect in `partial`, and behind them
 * those of an unfinished control frame, which may come between two fragments.
 */
struct cl_ws_decoder {
    struct cl_buf partial;
    uint32_t message_max;
    uint32_t message_len; // of partial, what belongs to the message; the rest to a control frame
    uint32_t frame_len;   // payload of the current frame
    uint32_t frame_at;    // bytes of it that were read
    uint8_t head[CL_WS_HEAD_BYTES_MAX]; // of the current frame
    uint8_t head_len;                   // bytes of it that were read
    uint8_t message_opcode;             // CL_WS_TEXT or CL_WS_BINARY inside a message, else 0
    struct cl_utf8 utf8;                // of a text message
    bool is_client;
    bool in_payload; // the head is complete and good
    bool is_over;    // after CLOSE or FAILED
    bool is_shown;   // partial was handed out, the next call drops it
};

/* No message may pass message_max bytes, all fragments together. Allocates nothing. */
void cl_ws_decoder_init(struct cl_ws_decoder *decoder, enum cl_ws_role role, uint32_t message_max);
void cl_ws_decoder_done(struct cl_ws_decoder *decoder);

/*
 * Takes input up to the end of the next event:
 *
 *     do {
 *         event = cl_ws_decode(&decoder, bytes, len);
 *         bytes += event.used;
 *         len -= event.used;
 *         ...
 *     } while (event.kind != CL_WS_EVENT_MORE);
 *
 * Go on until MORE, also when nothing is left (len 0): that call gives back the memory of what
 * was handed out. Payload in the input is unmasked in place. A message that lies in the input
 * unfragmented and whole is handed out as a part of it, without a copy.
 *
 * A length is compared with message_max before anything is allocated, and memory grows with the
 * bytes that came, not with those announced. Text is checked as it comes: a bad byte fails
 * the connection in the middle of a frame (section 8.1). After CLOSE or FAILED all
 * input is swallowed (section 1.4). Without memory: FAILED with CL_WS_CLOSE_INTERNAL.
 */
struct cl_ws_event cl_ws_decode(struct cl_ws_decoder *decoder, char *bytes, size_t len);

/* Writes the head of a frame with len bytes of payload and returns its length. A client passes
 * a mask, fresh and unpredictable for each frame (section 5.3), and masks the payload with it;
 * a server passes NULL. A control frame has fin and at most 125 bytes. */
size_t cl_ws_frame_head(enum cl_ws_opcode opcode, bool fin, uint64_t len, const uint8_t *mask,
                        uint8_t ret_head[static CL_WS_HEAD_BYTES_MAX]);

/* Masks, or unmasks, bytes that begin at index `at` of their frame's payload. */
void cl_ws_mask(char *bytes, size_t len, const uint8_t mask[static CL_WS_MASK_BYTES], size_t at);

/* Writes the payload of a close frame and returns its length; 0 for CL_WS_CLOSE_NONE. A reason
 * that does not fit is cut between two characters. To answer a close: its own code, no reason. */
size_t cl_ws_close_payload(uint16_t code, cl_str reason,
                           char ret_payload[static CL_WS_CONTROL_BYTES_MAX]);

/* May Sec-WebSocket-Key have this value: base64 of 16 bytes (section 4.2.1)? */
bool cl_ws_key_is_valid(cl_str key);

#endif
