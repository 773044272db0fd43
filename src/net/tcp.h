// SPDX-License-Identifier: MIT
/*
 * net/tcp.h - TCP at the bottom of a stack: listening and connecting, IPv4 and IPv6.
 *
 * Every socket is non-blocking, closed on exec and sends small writes at once (TCP_NODELAY).
 */
#ifndef CL_NET_TCP_H
#define CL_NET_TCP_H

#include "net/stream.h"

struct cl_listener;

/* Takes ownership of the stream, which nobody uses yet. */
typedef void cl_accept_fn(void *ctx, struct cl_stream *stream);

/*
 * Listens on an address literal or a name, of which the first address that can be bound is taken
 * ("" and "*" mean every address). The name is looked up here and now: only at the start. Port 0
 * lets the system choose.
 *
 * CL_ERR_ADDRESS_IN_USE, CL_ERR_FORBIDDEN (a port below 1024 without the right), CL_ERR_USAGE (a
 * name longer than names are), CL_ERR_IO (no such name, or whatever else); the sentence is in why.
 *
 * Without a free descriptor the listener pauses and tries again CL_NET_ACCEPT_PAUSE_MS later.
 */
CL_MUST_CHECK enum cl_err cl_tcp_listen(struct cl_loop *loop, cl_str host, uint16_t port,
                                        struct cl_listener **ret_listener, struct cl_why *why);
/* Connections are handed over from now on. */
void cl_listener_accept(struct cl_listener *listener, cl_accept_fn *fn, void *ctx);
void cl_listener_address(const struct cl_listener *listener, cl_address *ret_address);
/* New connections are refused; those handed over stay. Accepts NULL. */
void cl_listener_close(struct cl_listener *listener);

/* Why a connection could not be made. */
enum cl_connect_fault {
    CL_CONNECT_UNRESOLVED,  // no such name
    CL_CONNECT_REFUSED,     // nobody listens there
    CL_CONNECT_UNREACHABLE, // no way to that address
    CL_CONNECT_TIMEOUT,
    CL_CONNECT_NO_MEMORY,
    CL_CONNECT_FAILED, // anything else, such as no descriptor
};

struct cl_connect;

struct cl_connect_events {
    /* The stream is the caller's. The attempt is over and must not be cancelled any more. */
    void (*on_connected)(void *ctx, struct cl_stream *stream);
    void (*on_failed)(void *ctx, enum cl_connect_fault fault);
};

/*
 * Connects to a literal or a name. All its addresses are tried in the order the system gives
 * them (both families), the whole within timeout_ms; on_failed names the first one's fault.
 * Exactly one of the events comes, in a later turn, unless cl_connect_cancel comes first.
 */
struct cl_connect_to {
    cl_str host;
    uint16_t port;
    uint32_t timeout_ms;
};
CL_MUST_CHECK enum cl_err cl_tcp_connect(struct cl_loop *loop, const struct cl_connect_to *to,
                                         const struct cl_connect_events *events, void *ctx,
                                         struct cl_connect **ret_connect);
void cl_connect_cancel(struct cl_connect *connect);

#endif
