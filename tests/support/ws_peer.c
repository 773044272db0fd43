// SPDX-License-Identifier: MIT
#include "support/ws_peer.h"

#include <stdio.h>
#include <string.h>

#include "net/http_private.h"
#include "support/test.h"

static struct ws_peer *used;

void
ws_peer_use(struct ws_peer *peer)
{
    memset(peer, 0, sizeof *peer);
    peer->stream.is_closed = true; // nothing is there yet
    used = peer;
}

void
ws_peer_done(struct ws_peer *peer)
{
    cl_ws_decoder_done(&peer->decoder);
    memset(&peer->decoder, 0, sizeof peer->decoder);
}

enum cl_err
ws_peer_dial(const struct cl_ws_dial_to *to, const struct cl_ws_dial_events *events,
             struct cl_ws_dial **ret_dial)
{
    used->dials++;
    if (used->is_refusing)
        return CL_ERR_NO_MEMORY;
    CHECK(used->stream.is_closed);
    ws_peer_done(used);
    memory_stream_init(&used->stream, to->loop);
    cl_ws_decoder_init(&used->decoder, CL_WS_SERVER, CL_WS_MESSAGE_BYTES_MAX);
    used->is_open = false;
    used->heard[0] = '\0';
    return cl_ws_dial_on(&used->stream.stream, to, events, ret_dial);
}

static void
note(struct ws_peer *peer, const char *kind, unsigned code)
{
    size_t len = strlen(peer->events);
    (void)snprintf(peer->events + len, sizeof peer->events - len, code == 0 ? "%s " : "%s:%u ",
                   kind, code);
}

/* One event of the decoder. */
static void
take(struct ws_peer *peer, const struct cl_ws_event *event)
{
    size_t len = strlen(peer->heard);
    CHECK(event->kind != CL_WS_EVENT_FAILED); // a server takes masked frames only
    if (event->kind == CL_WS_EVENT_PING)
        note(peer, "ping", 0);
    if (event->kind == CL_WS_EVENT_PONG)
        note(peer, "pong", 0);
    if (event->kind == CL_WS_EVENT_CLOSE)
        note(peer, "close", event->code);
    if (event->kind == CL_WS_EVENT_MESSAGE)
        (void)snprintf(peer->heard + len, sizeof peer->heard - len, "%.*s\n",
                       CL_STR_ARG(event->bytes));
}

static void
decode(struct ws_peer *peer)
{
    static char bytes[MEMORY_STREAM_CAP];
    cl_str written = memory_stream_written(&peer->stream);
    size_t len = written.len;
    char *at = bytes;
    struct cl_ws_event event;
    memcpy(bytes, written.ptr, len);
    memory_stream_clear(&peer->stream);
    do {
        event = cl_ws_decode(&peer->decoder, at, len);
        at += event.used;
        len -= event.used;
        take(peer, &event);
    } while (event.kind != CL_WS_EVENT_MORE);
}

cl_str
ws_peer_heard(struct ws_peer *peer)
{
    static char copy[sizeof peer->heard];
    memory_stream_run(&peer->stream);
    if (peer->is_open)
        decode(peer);
    memcpy(copy, peer->heard, sizeof copy);
    peer->heard[0] = '\0';
    return cl_str_z(copy);
}

bool
ws_peer_accept(struct ws_peer *peer, cl_str behind)
{
    static const char name[] = "\r\nSec-WebSocket-Key: ";
    char answer[8192], accept[CL_WS_ACCEPT_CAP];
    if (peer->stream.is_closed)
        return false;
    memory_stream_run(&peer->stream);
    cl_str written = memory_stream_written(&peer->stream);
    if (written.len == 0)
        return false;
    CHECK(cl_str_copy(peer->request, sizeof peer->request, written));
    peer->request_len = written.len;
    const char *key = strstr(peer->request, name);
    CHECK(key != NULL);
    memory_stream_clear(&peer->stream);
    cl_ws_accept_of(cl_str_of(key + sizeof name - 1, 24), accept);
    int len = snprintf(answer, sizeof answer,
                       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n%.*s",
                       accept, CL_STR_ARG(behind));
    CHECK(len > 0 && (size_t)len < sizeof answer);
    peer->is_open = true;
    ws_peer_put(peer, cl_str_of(answer, (size_t)len));
    return true;
}

void
ws_peer_put(struct ws_peer *peer, cl_str bytes)
{
    if (!peer->stream.is_closed)
        memory_stream_put(&peer->stream, bytes);
    memory_stream_run(&peer->stream);
}

void
ws_peer_say(struct ws_peer *peer, enum cl_ws_opcode opcode, cl_str payload)
{
    static char frame[8192];
    size_t head = cl_ws_frame_head(opcode, true, payload.len, NULL, (uint8_t *)frame);
    CHECK(head + payload.len <= sizeof frame);
    if (payload.len > 0)
        memcpy(frame + head, payload.ptr, payload.len);
    ws_peer_put(peer, cl_str_of(frame, head + payload.len));
}
