// SPDX-License-Identifier: MIT
#include "net/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "net/loop_private.h"
#include "net/tcp_private.h"

static struct cl_tcp *
tcp_of(struct cl_stream *stream)
{
    return CL_LIST_ENTRY(stream, struct cl_tcp, stream);
}

static void on_ready(uv_poll_t *poll, int status, int events);

/* Tells libuv what to look for now. */
static void
watch(struct cl_tcp *tcp)
{
    int events = 0;
    if (tcp->wants_room || tcp->connecting != NULL)
        events |= UV_WRITABLE;
    if (tcp->is_reading && !tcp->is_over)
        events |= UV_READABLE;
    else if (!tcp->is_over && !tcp->has_hung_up)
        events |= UV_DISCONNECT;
    // Both only fail for handles that are closing.
    if (tcp->stream.is_broken || events == 0)
        (void)uv_poll_stop(&tcp->poll);
    else
        (void)uv_poll_start(&tcp->poll, events, on_ready);
}

static void
break_off(struct cl_tcp *tcp)
{
    tcp->is_reset = true;
    (void)uv_poll_stop(&tcp->poll);
    cl_stream_break(&tcp->stream, CL_ERR_CLOSED);
}

/* Ends when there is nothing left, when the user stops it, or when others must have their turn. */
static void
read_some(struct cl_tcp *tcp)
{
    struct cl_stream *stream = &tcp->stream;
    char *buffer = stream->loop->read_buffer;
    for (int reads = 0; reads < CL_NET_READS_PER_TURN; reads++) {
        if (stream->events == NULL || !tcp->is_reading)
            return;
        ssize_t got = recv(tcp->fd, buffer, CL_NET_READ_BYTES, 0);
        if (got > 0) {
            stream->events->on_data(stream->ctx, buffer, (size_t)got);
            if (cl_alloc_is_wiping())
                memset(buffer, 0, (size_t)got);
            if ((size_t)got < CL_NET_READ_BYTES)
                return;
        } else if (got == 0 && tcp->is_reset) {
            break_off(tcp); // tcp_is_acked has taken the error away
            return;
        } else if (got == 0) {
            tcp->is_over = true;
            watch(tcp);
            stream->events->on_eof(stream->ctx);
            return;
        } else if (errno != EINTR) {
            if (errno != EAGAIN && errno != EWOULDBLOCK)
                break_off(tcp);
            return;
        }
    }
}

static void
on_ready(uv_poll_t *poll, int status, int events)
{
    struct cl_tcp *tcp = poll->data;
    if (tcp->connecting != NULL) {
        cl_connect_ready(tcp->connecting);
        return;
    }
    // libuv stops watching at an error. What came before a reset is still there to be read, and
    // the error comes behind it.
    if (status < 0 && tcp->is_reading && !tcp->is_over) {
        watch(tcp);
        read_some(tcp);
        return;
    }
    if (status < 0 || ((events & UV_DISCONNECT) != 0 && tcp->is_reset)) {
        break_off(tcp);
        return;
    }
    if ((events & UV_WRITABLE) != 0) {
        tcp->wants_room = false;
        cl_stream_want_write(&tcp->stream);
        watch(tcp);
    }
    if ((events & UV_DISCONNECT) != 0) {
        tcp->has_hung_up = true;
        watch(tcp);
    }
    if ((events & UV_READABLE) != 0)
        read_some(tcp);
}

/* As writev, by the call for sockets, which has less to look at. -1 with errno. */
static ssize_t
send_many(int fd, const cl_str *slices, size_t count)
{
    struct iovec pieces[CL_NET_OUT_SLICES_MAX];
    CL_ASSERT(count <= CL_NET_OUT_SLICES_MAX);
    for (size_t at = 0; at < count; at++) {
        // sendmsg reads only, but its struct serves recvmsg as well and so is not const.
        pieces[at].iov_base = (void *)(uintptr_t)slices[at].ptr;
        pieces[at].iov_len = slices[at].len;
    }
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    return sendmsg(fd, &message, CL_TCP_QUIET);
}

static enum cl_err
tcp_write(struct cl_stream *stream, const cl_str *slices, size_t count, size_t *ret_taken)
{
    struct cl_tcp *tcp = tcp_of(stream);
    size_t offered = 0;
    ssize_t put;
    for (size_t at = 0; at < count; at++)
        offered += slices[at].len;
    do
        put = count == 1 ? send(tcp->fd, slices[0].ptr, slices[0].len, CL_TCP_QUIET)
                         : send_many(tcp->fd, slices, count);
    while (put < 0 && errno == EINTR);
    if (put < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        tcp->is_reset = true;
        stream->is_broken = true;
        watch(tcp);
        return CL_ERR_CLOSED;
    }
    size_t taken = put < 0 ? 0 : (size_t)put;
    if (taken < offered && !tcp->wants_room) {
        tcp->wants_room = true;
        watch(tcp);
    }
    *ret_taken = taken;
    return CL_OK;
}

static void
tcp_shut(struct cl_stream *stream)
{
    (void)shutdown(tcp_of(stream)->fd, SHUT_WR); // fails only where the peer is gone already
}

static void
on_handle_closed(uv_handle_t *handle)
{
    cl_free(handle->data);
}

static void
tcp_close(struct cl_stream *stream)
{
    struct cl_tcp *tcp = tcp_of(stream);
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    uv_close((uv_handle_t *)&tcp->poll, on_handle_closed); // stops watching at once
    if (stream->drops_output) // if it fails, the system gives up by itself, later
        (void)setsockopt(tcp->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)close(tcp->fd);
    tcp->fd = -1;
}

static void
tcp_set_reading(struct cl_stream *stream, bool is_on)
{
    struct cl_tcp *tcp = tcp_of(stream);
    if (tcp->is_reading == is_on)
        return;
    tcp->is_reading = is_on;
    watch(tcp);
}

static bool
tcp_is_acked(struct cl_stream *stream)
{
    struct cl_tcp *tcp = tcp_of(stream);
    if (tcp->is_reset || !cl_tcp_os_is_acked(tcp->fd))
        return false;
    // A reset that the loop has not seen yet must not pass for an acknowledgement. To ask for the
    // error takes it away: later reads show an end, and is_reset says that it is none in order.
    int reason = 0;
    socklen_t len = sizeof reason;
    tcp->is_reset = getsockopt(tcp->fd, SOL_SOCKET, SO_ERROR, &reason, &len) != 0 || reason != 0;
    return !tcp->is_reset;
}

/* There are system calls that do it in one, but not on every system. */
static int
prepare(int fd)
{
    if (fd < 0)
        return -1;
#if defined(SO_NOSIGPIPE)
    (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
    if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
        return fd;
    int reason = errno;
    (void)close(fd);
    errno = reason;
    return -1;
}

int
cl_tcp_socket(int family)
{
    return prepare(socket(family, SOCK_STREAM, 0));
}

int
cl_tcp_accept(int listener)
{
    return prepare(accept(listener, NULL, NULL));
}

cl_address
cl_tcp_address(const struct sockaddr *name)
{
    cl_address address = {0};
    if (name->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, name, sizeof in);
        address.ip[10] = 0xff;
        address.ip[11] = 0xff;
        memcpy(address.ip + 12, &in.sin_addr, 4);
        address.port = ntohs(in.sin_port);
    } else if (name->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, name, sizeof in6);
        memcpy(address.ip, &in6.sin6_addr, sizeof address.ip);
        address.port = ntohs(in6.sin6_port);
    } else if (name->sa_family == AF_UNIX) {
        address.ip[15] = 1; // ::1: a program of this machine
    }
    return address;
}

static void
tcp_peer(struct cl_stream *stream, cl_address *ret_peer)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof name;
    if (getpeername(tcp_of(stream)->fd, (struct sockaddr *)&name, &len) != 0)
        name.ss_family = AF_UNSPEC;
    *ret_peer = cl_tcp_address((const struct sockaddr *)&name);
}

static const struct cl_stream_ops tcp_ops = {
    .write = tcp_write,
    .shut = tcp_shut,
    .close = tcp_close,
    .set_reading = tcp_set_reading,
    .is_acked = tcp_is_acked,
    .peer = tcp_peer,
};

enum cl_err
cl_tcp_new(struct cl_loop *loop, int fd, struct cl_tcp **ret_tcp)
{
    struct cl_tcp *tcp = cl_alloc(sizeof *tcp);
    if (tcp == NULL || uv_poll_init(&loop->uv, &tcp->poll, fd) != 0) {
        cl_free(tcp);
        (void)close(fd);
        return CL_ERR_NO_MEMORY;
    }
    const int on = 1;
    // Without it: only slower. A Unix socket has none and needs none.
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    cl_stream_init(&tcp->stream, loop, &tcp_ops);
    tcp->poll.data = tcp;
    tcp->fd = fd;
    *ret_tcp = tcp;
    return CL_OK;
}

void
cl_tcp_connecting(struct cl_tcp *tcp, struct cl_connect *connect)
{
    tcp->connecting = connect;
    watch(tcp);
}

void
cl_tcp_connected(struct cl_tcp *tcp)
{
    tcp->connecting = NULL;
    watch(tcp);
}
