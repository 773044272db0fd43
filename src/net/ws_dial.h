// SPDX-License-Identifier: MIT
/*
 * net/ws_dial.h - a WebSocket opened by a client: connects, with TLS if wanted, and does the
 * opening handshake (RFC 6455 section 4.1). What comes out of it is a struct cl_ws_conn.
 *
 * Nothing is kept of an attempt that is over. One thread.
 */
#ifndef CL_NET_WS_DIAL_H
#define CL_NET_WS_DIAL_H

#include "net/http_client.h"
#include "net/ws_conn.h"

struct cl_ws_dial;

struct cl_ws_dial_to {
    struct cl_loop *loop;
    cl_str host; // a literal without brackets or a name, copied
    uint16_t port;
    struct cl_tls *tls;                  // NULL: plain text; borrowed until the connection's end
    cl_str target;                       // "/path", already encoded
    cl_str bearer;                       // the token; empty: none. It is wiped once it was written
    uint32_t timeout_ms;                 // of all of it
    const struct cl_ws_handler *handler; // of the connection, and its ctx
    void *ctx;
};

/* Why there is no connection. */
struct cl_ws_no {
    enum cl_http_fault fault; // NONE: the server answered with a status that is no 101
    unsigned status;
    uint32_t retry_after_s; // 0: it did not say
    cl_str body;            // of its answer, the first bytes of it; good during the call
};

struct cl_ws_dial_events {
    /* The handshake is done. The connection's ctx is that of the handler. */
    void (*on_open)(void *ctx, struct cl_ws_conn *ws);
    void (*on_failed)(void *ctx, const struct cl_ws_no *no);
};

/* Exactly one of the events comes, in a later turn, with to->ctx, unless cl_ws_dial_cancel comes
 * before. CL_ERR_NO_MEMORY; CL_ERR_MALFORMED: a target or token that no request could carry;
 * CL_ERR_USAGE: a host's name that is longer than names are. */
CL_MUST_CHECK enum cl_err cl_ws_dial(const struct cl_ws_dial_to *to,
                                     const struct cl_ws_dial_events *events,
                                     struct cl_ws_dial **ret_dial);
/* The same over a stream that is connected already; it becomes the dial's, also on failure. */
CL_MUST_CHECK enum cl_err cl_ws_dial_on(struct cl_stream *stream, const struct cl_ws_dial_to *to,
                                        const struct cl_ws_dial_events *events,
                                        struct cl_ws_dial **ret_dial);
void cl_ws_dial_cancel(struct cl_ws_dial *dial);

#endif
