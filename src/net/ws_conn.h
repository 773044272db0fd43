// SPDX-License-Identifier: MIT
/*
 * net/ws_conn.h - a WebSocket connection (RFC 6455), either side, over any stream.
 *
 * It answers pings and close frames by itself, ends by the codec's close codes, pings the peer
 * after CL_NET_PING_MS of silence and cuts it CL_NET_DEAD_MS after its last byte. Output that
 * the peer does not take for CL_NET_WRITE_STALL_MS cuts it too. While more than half of
 * out_bytes_max waits, reading pauses, so a flood of pings is bounded like everything else.
 *
 * At rest a connection owns no buffers. One thread.
 */
#ifndef CL_NET_WS_CONN_H
#define CL_NET_WS_CONN_H

#include "net/gate.h"
#include "net/out.h"
#include "net/stream.h"
#include "wire/websocket.h"

struct cl_ws_conn;

/* What on_closed reports when no close frame came from the peer (RFC 6455 section 7.1.5). */
#define CL_WS_CLOSE_ABNORMAL 1006

/* What a connection calls. A connection is good until on_closed has returned. */
struct cl_ws_handler {
    /* A whole message; good during the call. */
    void (*on_message)(void *ctx, struct cl_ws_conn *ws, bool is_text, cl_str message);
    /* A pong came. An empty payload: to a ping of this layer, or unasked. May be NULL. */
    void (*on_pong)(void *ctx, struct cl_ws_conn *ws, cl_str payload);
    /* The end, exactly once: the peer's close code (CL_WS_CLOSE_NONE without one), or
     * CL_WS_CLOSE_ABNORMAL. */
    void (*on_closed)(void *ctx, struct cl_ws_conn *ws, uint16_t code);
    /* The system has taken all that was queued: in the flush, behind this turn's end. An open one
     * only. May be NULL. */
    void (*on_drained)(void *ctx, struct cl_ws_conn *ws);

    uint32_t message_bytes_max; // 0: CL_WS_MESSAGE_BYTES_MAX
    size_t out_bytes_max;       // 0: CL_NET_OUT_BYTES_MAX
};

/* Speaks WebSocket on a stream whose handshake is done. Takes ownership of the stream and of
 * the place in the gate; on failure neither. */
struct cl_ws_open {
    struct cl_stream *stream;
    struct cl_gate_pass pass; // zeroed: none
    const struct cl_ws_handler *handler;
    void *ctx;
    struct cl_out out; // what is still to be written before the first frame; moves along
    struct cl_buf in;  // what came behind the handshake; moves along
    bool is_client;    // it masks what it sends (section 5.3); cl_ws_send_frames is not for it
};
CL_MUST_CHECK enum cl_err cl_ws_conn_new(const struct cl_ws_open *open, struct cl_ws_conn **ret_ws);

/* Queues one message made of all parts. CL_ERR_FULL: it would not fit under out_bytes_max beside
 * what waits (but a first one is taken whatever its size); CL_ERR_CLOSED: a close is under way;
 * CL_ERR_NO_MEMORY. On an error nothing was queued. */
CL_MUST_CHECK enum cl_err cl_ws_send_text(struct cl_ws_conn *ws, const struct cl_part *parts,
                                          size_t parts_len);
CL_MUST_CHECK enum cl_err cl_ws_send_binary(struct cl_ws_conn *ws, const struct cl_part *parts,
                                            size_t parts_len);
/* Appends the frame of such a text message to buf; its refusals. For cl_ws_send_frames. */
CL_MUST_CHECK enum cl_err cl_ws_put_text(struct cl_buf *buf, const struct cl_part *parts,
                                         size_t parts_len);
/* Queues whole frames of messages that many connections send; errors as above. */
CL_MUST_CHECK enum cl_err cl_ws_send_frames(struct cl_ws_conn *ws, struct cl_body *frames);
/* The payload has 1 to CL_WS_CONTROL_BYTES_MAX bytes and comes back in on_pong. Errors as above,
 * but never CL_ERR_FULL. */
CL_MUST_CHECK enum cl_err cl_ws_ping(struct cl_ws_conn *ws, cl_str payload);
/* Can it still be sent to: neither side has begun to close it. */
bool cl_ws_is_open(const struct cl_ws_conn *ws);
/* Bytes queued and not yet taken by the system. */
size_t cl_ws_waiting(const struct cl_ws_conn *ws);

/* From now on no message of more bytes may come; at most the handler's message_bytes_max. Between
 * two messages. */
void cl_ws_limit(struct cl_ws_conn *ws, uint32_t message_bytes_max);
/* The peer has shown who it is: it counts as a stranger no longer (net/gate.h). */
void cl_ws_is_known(struct cl_ws_conn *ws);

/* Sends a close frame behind what waits. on_closed follows when the peer has answered, or
 * CL_NET_CLOSE_WAIT_MS after this call, written or not; messages that come meanwhile are
 * dropped. Harmless to repeat. */
void cl_ws_close(struct cl_ws_conn *ws, uint16_t code, cl_str reason);
/* Ends it now, without a frame; on_closed comes soon, but not from within this call. */
void cl_ws_cut(struct cl_ws_conn *ws);

#endif
