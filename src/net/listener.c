// SPDX-License-Identifier: MIT
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "net/loop_private.h"
#include "net/tcp.h"
#include "net/tcp_private.h"

static void
on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status; // a broken listener shows in accept
    (void)events;
    struct cl_listener *listener = poll->data;
    for (int accepts = 0; accepts < CL_NET_ACCEPTS_PER_TURN; accepts++) {
        if (listener->fd < 0)
            return; // fn closed it
        int fd = cl_tcp_accept(listener->fd);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (fd < 0) {
            // EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection stays in the backlog, and to ask
            // again at once would only burn the processor.
            listener->loop->counts.of[CL_COUNT_DESCRIPTORS]++;
            (void)uv_poll_stop(poll);
            cl_loop_timer_start(
                listener->loop, &listener->pause,
                cl_instant_add(cl_loop_now(listener->loop), CL_NET_ACCEPT_PAUSE_MS));
            return;
        }
        if (listener->place != NULL && !cl_unix_may_enter(fd)) {
            listener->loop->counts.of[CL_COUNT_FOREIGN]++;
            (void)close(fd);
            continue;
        }
        struct cl_tcp *tcp;
        if (cl_tcp_new(listener->loop, fd, &tcp) == CL_OK)
            listener->fn(listener->ctx, &tcp->stream);
    }
}

static void
on_pause_over(struct cl_timer *timer)
{
    struct cl_listener *listener = CL_LIST_ENTRY(timer, struct cl_listener, pause);
    (void)uv_poll_start(&listener->poll, UV_READABLE, on_ready);
}

/* The address of the wildcard, a literal or a name in that family. */
static int
bind_one(const struct addrinfo *info)
{
    int fd = cl_tcp_socket(info->ai_family);
    if (fd < 0)
        return -1;
    const int on = 1;
    const int off = 0;
    // So that a restart need not wait for old connections to time out.
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (info->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, CL_NET_BACKLOG) == 0)
        return fd;
    int reason = errno;
    (void)close(fd);
    errno = reason;
    return -1;
}

/* Tries the addresses of one family; *ret_error is getaddrinfo's. -1 with errno. */
static int
bind_family(const char *host, uint16_t port, int family, int *ret_error)
{
    char service[8];
    (void)snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *infos = NULL;
    *ret_error = getaddrinfo(host, service, &hints, &infos);
    if (*ret_error != 0)
        return -1;
    int fd = -1;
    for (const struct addrinfo *at = infos; fd < 0 && at != NULL; at = at->ai_next)
        fd = bind_one(at);
    int reason = errno;
    freeaddrinfo(infos);
    errno = reason;
    return fd;
}

static enum cl_err
explain(int reason, const char *host, uint16_t port, struct cl_why *why)
{
    if (reason == EADDRINUSE)
        return cl_fail(CL_ERR_ADDRESS_IN_USE, why,
                       "port %u on %s is in use; stop the program that has it, or choose another "
                       "port",
                       port, host);
    if (reason == EACCES)
        return cl_fail(CL_ERR_FORBIDDEN, why,
                       "port %u on %s may not be opened by this user; choose one above 1023", port,
                       host);
    return cl_fail(CL_ERR_IO, why, "cannot listen on %s port %u: %s", host, port, strerror(reason));
}

/* IPv4 first: a name with both, such as localhost, is then found by programs that know only IPv4
 * too. For "every address" it is IPv6, whose socket takes IPv4 as well. */
static enum cl_err
bind_any(const char *host, uint16_t port, int *ret_fd, struct cl_why *why)
{
    bool is_every = host[0] == '\0' || strcmp(host, "*") == 0;
    const int families[2] = {is_every ? AF_INET6 : AF_INET, is_every ? AF_INET : AF_INET6};
    int reason = 0;
    for (int at = 0; at < 2; at++) {
        int error = 0;
        int fd = bind_family(is_every ? NULL : host, port, families[at], &error);
        if (fd >= 0) {
            *ret_fd = fd;
            return CL_OK;
        }
        if (error == 0 && reason == 0)
            reason = errno;
    }
    if (reason == 0)
        return cl_fail(CL_ERR_IO, why,
                       "no address is known for the host name %s; check it, or take an address",
                       host);
    return explain(reason, is_every ? "every address" : host, port, why);
}

enum cl_err
cl_listener_new(struct cl_loop *loop, int fd, struct cl_unix_place *place,
                struct cl_listener **ret_listener, struct cl_why *why)
{
    struct cl_listener *listener = cl_alloc(sizeof *listener);
    bool is_watched = listener != NULL && uv_poll_init(&loop->uv, &listener->poll, fd) == 0;
    if (!is_watched) {
        enum cl_err err = listener == NULL
                              ? cl_fail(CL_ERR_NO_MEMORY, why, "out of memory")
                              : cl_fail(CL_ERR_IO, why, "cannot watch the listening socket");
        (void)close(fd);
        cl_unix_leave(place);
        cl_free(listener);
        return err;
    }
    listener->loop = loop;
    listener->fd = fd;
    listener->place = place;
    listener->poll.data = listener;
    cl_timer_init(&listener->pause, on_pause_over);
    *ret_listener = listener;
    return CL_OK;
}

enum cl_err
cl_tcp_listen(struct cl_loop *loop, cl_str host, uint16_t port, struct cl_listener **ret_listener,
              struct cl_why *why)
{
    char name[NI_MAXHOST];
    if (!cl_str_copy(name, sizeof name, host))
        return cl_fail(CL_ERR_USAGE, why, "the host name is too long");
    int fd;
    enum cl_err err = bind_any(name, port, &fd, why);
    return err == CL_OK ? cl_listener_new(loop, fd, NULL, ret_listener, why) : err;
}

void
cl_listener_accept(struct cl_listener *listener, cl_accept_fn *fn, void *ctx)
{
    listener->fn = fn;
    listener->ctx = ctx;
    (void)uv_poll_start(&listener->poll, UV_READABLE, on_ready); // fails for closing handles only
}

void
cl_listener_address(const struct cl_listener *listener, cl_address *ret_address)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof name;
    (void)getsockname(listener->fd, (struct sockaddr *)&name, &len); // zeros say it failed
    *ret_address = cl_tcp_address((const struct sockaddr *)&name);
}

static void
on_handle_closed(uv_handle_t *handle)
{
    cl_free(handle->data);
}

void
cl_listener_close(struct cl_listener *listener)
{
    if (listener == NULL)
        return;
    cl_loop_timer_stop(listener->loop, &listener->pause);
    uv_close((uv_handle_t *)&listener->poll, on_handle_closed);
    (void)close(listener->fd);
    listener->fd = -1;
    cl_unix_leave(listener->place);
    listener->place = NULL;
}
