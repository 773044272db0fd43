// SPDX-License-Identifier: MIT
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/loop_private.h"
#include "net/tcp.h"
#include "net/tcp_private.h"

/*
 *     looking up ──> trying address 1 ──> trying address 2 ──> ... ──> over
 *     (a literal: nothing to look up)
 */
struct cl_connect {
    struct cl_loop *loop;
    const struct cl_connect_events *events;
    void *ctx;
    uv_getaddrinfo_t lookup;
    bool is_looking; // lookup is on the way; libuv needs its memory until it is back
    bool is_cancelled;
    struct addrinfo *infos;
    struct addrinfo *next; // of infos: the one to be tried next
    struct cl_tcp *tcp;    // the attempt that is on
    struct cl_timer timer; // when the attempt, or the lookup, has taken too long
    cl_instant deadline;   // of all attempts together
    bool has_failed;
    enum cl_connect_fault fault; // of the first attempt that failed
};

static void
drop_attempt(struct cl_connect *connect)
{
    if (connect->tcp != NULL)
        cl_stream_close(&connect->tcp->stream);
    connect->tcp = NULL;
}

void
cl_connect_cancel(struct cl_connect *connect)
{
    drop_attempt(connect);
    cl_loop_timer_stop(connect->loop, &connect->timer);
    connect->is_cancelled = true;
    if (connect->is_looking) {
        // Either way on_looked_up comes, and comes back here.
        (void)uv_cancel((uv_req_t *)&connect->lookup);
        return;
    }
    if (connect->infos != NULL)
        uv_freeaddrinfo(connect->infos);
    cl_free(connect);
}

static void
note_fault(struct cl_connect *connect, enum cl_connect_fault fault)
{
    if (!connect->has_failed)
        connect->fault = fault;
    connect->has_failed = true;
}

static enum cl_connect_fault
fault_of(int reason)
{
    switch (reason) {
    case ECONNREFUSED:
        return CL_CONNECT_REFUSED;
    case ETIMEDOUT:
        return CL_CONNECT_TIMEOUT;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return CL_CONNECT_UNREACHABLE;
    default:
        return CL_CONNECT_FAILED;
    }
}

static void
end_failed(struct cl_connect *connect)
{
    const struct cl_connect_events *events = connect->events;
    void *ctx = connect->ctx;
    enum cl_connect_fault fault = connect->fault;
    cl_connect_cancel(connect);
    events->on_failed(ctx, fault);
}

static void
end_connected(struct cl_connect *connect)
{
    const struct cl_connect_events *events = connect->events;
    void *ctx = connect->ctx;
    struct cl_tcp *tcp = connect->tcp;
    connect->tcp = NULL;
    cl_tcp_connected(tcp);
    cl_connect_cancel(connect);
    events->on_connected(ctx, &tcp->stream);
}

/* How much of the time one attempt may take: its share, so that a silent address does not use up
 * the time of those behind it. */
static cl_instant
attempt_deadline(const struct cl_connect *connect)
{
    int64_t left_ms = connect->deadline.ms - cl_loop_now(connect->loop).ms;
    int64_t addresses = 1;
    for (const struct addrinfo *at = connect->next; at != NULL; at = at->ai_next)
        addresses++;
    return cl_instant_add(cl_loop_now(connect->loop), left_ms > 0 ? left_ms / addresses : 0);
}

/* False when it failed at once. */
static bool
begin_attempt(struct cl_connect *attempt, const struct addrinfo *info)
{
    int fd = cl_tcp_socket(info->ai_family);
    if (fd < 0) {
        note_fault(attempt, fault_of(errno));
        return false;
    }
    if (connect(fd, info->ai_addr, info->ai_addrlen) != 0 && errno != EINPROGRESS) {
        note_fault(attempt, fault_of(errno));
        (void)close(fd);
        return false;
    }
    enum cl_err err = cl_tcp_new(attempt->loop, fd, &attempt->tcp);
    if (err != CL_OK) {
        note_fault(attempt, err == CL_ERR_NO_MEMORY ? CL_CONNECT_NO_MEMORY : CL_CONNECT_FAILED);
        return false;
    }
    cl_tcp_connecting(attempt->tcp, attempt);
    cl_loop_timer_start(attempt->loop, &attempt->timer, attempt_deadline(attempt));
    return true;
}

static void
try_next(struct cl_connect *connect)
{
    drop_attempt(connect);
    while (connect->next != NULL) {
        const struct addrinfo *info = connect->next;
        connect->next = info->ai_next;
        if (begin_attempt(connect, info))
            return;
    }
    end_failed(connect);
}

void
cl_connect_ready(struct cl_connect *connect)
{
    int reason = 0;
    socklen_t len = sizeof reason;
    if (getsockopt(connect->tcp->fd, SOL_SOCKET, SO_ERROR, &reason, &len) != 0)
        reason = errno;
    if (reason == 0) {
        end_connected(connect);
        return;
    }
    note_fault(connect, fault_of(reason));
    try_next(connect);
}

static void
on_timer(struct cl_timer *timer)
{
    struct cl_connect *connect = CL_LIST_ENTRY(timer, struct cl_connect, timer);
    if (connect->tcp != NULL || connect->infos == NULL)
        note_fault(connect, CL_CONNECT_TIMEOUT);
    if (connect->infos == NULL)
        end_failed(connect); // still looking up
    else
        try_next(connect);
}

static void
on_looked_up(uv_getaddrinfo_t *lookup, int status, struct addrinfo *infos)
{
    struct cl_connect *connect = lookup->data;
    connect->is_looking = false;
    connect->infos = infos;
    connect->next = infos;
    if (connect->is_cancelled) {
        cl_connect_cancel(connect);
        return;
    }
    if (status != 0) {
        note_fault(connect, CL_CONNECT_UNRESOLVED);
        end_failed(connect);
        return;
    }
    try_next(connect);
}

/* A literal needs no thread that asks a name server, and no wait for one. */
static enum cl_err
look_up(struct cl_connect *connect, const char *host, uint16_t port)
{
    char service[8];
    (void)snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    if (getaddrinfo(host, service, &hints, &connect->infos) == 0) {
        connect->next = connect->infos;
        cl_loop_timer_start(connect->loop, &connect->timer, cl_loop_now(connect->loop));
        return CL_OK;
    }
    hints.ai_flags = AI_NUMERICSERV;
    connect->lookup.data = connect;
    if (uv_getaddrinfo(&connect->loop->uv, &connect->lookup, on_looked_up, host, service, &hints) !=
        0)
        return CL_ERR_NO_MEMORY;
    connect->is_looking = true;
    cl_loop_timer_start(connect->loop, &connect->timer, connect->deadline);
    return CL_OK;
}

enum cl_err
cl_tcp_connect(struct cl_loop *loop, const struct cl_connect_to *to,
               const struct cl_connect_events *events, void *ctx, struct cl_connect **ret_connect)
{
    char host[NI_MAXHOST];
    if (!cl_str_copy(host, sizeof host, to->host))
        return CL_ERR_NOT_FOUND;
    struct cl_connect *connect = cl_alloc(sizeof *connect);
    if (connect == NULL)
        return CL_ERR_NO_MEMORY;
    connect->loop = loop;
    connect->events = events;
    connect->ctx = ctx;
    connect->deadline = cl_instant_add(cl_loop_now(loop), to->timeout_ms);
    cl_timer_init(&connect->timer, on_timer);
    enum cl_err err = look_up(connect, host, to->port);
    if (err != CL_OK) {
        cl_free(connect);
        return err;
    }
    *ret_connect = connect;
    return CL_OK;
}
