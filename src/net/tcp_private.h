// SPDX-License-Identifier: MIT
/*
 * net/tcp_private.h - sockets that carry a stream, TCP's and Unix ones, for net/ alone.
 */
#ifndef CL_NET_TCP_PRIVATE_H
#define CL_NET_TCP_PRIVATE_H

#include <sys/socket.h>
#include <sys/types.h>
#include <uv.h>

#include "net/stream.h"
#include "net/tcp.h"

/* A write to a socket that its peer has closed is an error and no signal, also in a process whose
 * signals are not ours (net/loop.h). */
#if defined(MSG_NOSIGNAL)
#define CL_TCP_QUIET MSG_NOSIGNAL
#else
#define CL_TCP_QUIET 0 // SO_NOSIGPIPE says it once
#endif

/* A socket that libuv watches. Reading and writing are plain system calls, so what waits to be
 * written stays with its owner and can be cut at any time; there is no request on the way. */
struct cl_tcp {
    struct cl_stream stream;
    uv_poll_t poll;
    int fd;
    struct cl_connect *connecting; // not NULL: not a stream yet
    bool is_reading;
    bool is_over;     // the peer has finished, there is nothing to be read any more
    bool has_hung_up; // the same, noticed while reading was paused
    bool wants_room;  // a write was not taken whole
    bool is_reset;    // noticed here; the user hears of it as soon as the loop sees it
};

struct cl_unix_place; // where a Unix socket was bound

struct cl_listener {
    struct cl_loop *loop;
    uv_poll_t poll;
    int fd;
    struct cl_unix_place *place; // NULL: TCP
    struct cl_timer pause;       // runs while descriptors are short
    cl_accept_fn *fn;
    void *ctx;
};

/* In listener.c. Takes ownership of the socket, which listens, and of its place; both are gone
 * when this fails. */
CL_MUST_CHECK enum cl_err cl_listener_new(struct cl_loop *loop, int fd, struct cl_unix_place *place,
                                          struct cl_listener **ret_listener, struct cl_why *why);

/* In unix.c. Removes the socket there, if it still is the one that was bound. Accepts NULL. */
void cl_unix_leave(struct cl_unix_place *place);
/* Is the user at the other end this one, or root? */
bool cl_unix_may_enter(int fd);

/* Takes ownership of the socket; it is closed when this fails. */
CL_MUST_CHECK enum cl_err cl_tcp_new(struct cl_loop *loop, int fd, struct cl_tcp **ret_tcp);
/* The socket is not connected yet: cl_connect_ready hears when it is, or failed. */
void cl_tcp_connecting(struct cl_tcp *tcp, struct cl_connect *connect);
/* The socket is connected; the stream may be used. */
void cl_tcp_connected(struct cl_tcp *tcp);
/* What connect.c wants to hear about a socket that is still connecting. */
void cl_connect_ready(struct cl_connect *connect);

cl_address cl_tcp_address(const struct sockaddr *name);

/* As socket and accept, but non-blocking and closed on exec; -1 with errno. */
int cl_tcp_socket(int family);
int cl_tcp_accept(int listener);

/* In tcp_linux.c, tcp_macos.c: has the peer acknowledged every byte that was written? */
bool cl_tcp_os_is_acked(int fd);
/* The user at the other end of a Unix socket. */
bool cl_tcp_os_peer_user(int fd, uid_t *ret_user);

#endif
