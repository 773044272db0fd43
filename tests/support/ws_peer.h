// SPDX-License-Identifier: MIT
/*
 * tests/support/ws_peer.h - the server's end of a WebSocket on a memory stream, played by the test.
 */
#ifndef TESTS_SUPPORT_WS_PEER_H
#define TESTS_SUPPORT_WS_PEER_H

#include "net/ws_dial.h"
#include "support/memory_stream.h"

struct ws_peer {
    struct memory_stream stream;
    struct cl_ws_decoder decoder;
    bool is_open;     // the handshake was answered
    unsigned dials;   // so many connections were begun
    bool is_refusing; // further ones are refused
    size_t request_len;
    char request[4096]; // of the last handshake
    char heard[8192];   // the texts that came since ws_peer_heard, each with a line end
    char events[256];   // "ping pong close:1000 " and the like, since the beginning
};

/* As cl_ws_dial: connects to the peer that ws_peer_use named. */
enum cl_err ws_peer_dial(const struct cl_ws_dial_to *to, const struct cl_ws_dial_events *events,
                         struct cl_ws_dial **ret_dial);
void ws_peer_use(struct ws_peer *peer);
void ws_peer_done(struct ws_peer *peer);

/* Answers the handshake, with `behind` right behind the answer. False: none came. */
bool ws_peer_accept(struct ws_peer *peer, cl_str behind);
/* Sends bytes as they are. */
void ws_peer_put(struct ws_peer *peer, cl_str bytes);
void ws_peer_say(struct ws_peer *peer, enum cl_ws_opcode opcode, cl_str payload);
static inline void
ws_peer_text(struct ws_peer *peer, const char *text)
{
    ws_peer_say(peer, CL_WS_TEXT, cl_str_z(text));
}
/* What came since the last call. Each frame was masked, or the test has failed. */
cl_str ws_peer_heard(struct ws_peer *peer);

#endif
