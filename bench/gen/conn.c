// SPDX-License-Identifier: MIT
/*
 * bench/gen/conn.c - connections: blocking while they are greeted, then driven by epoll.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench/gen/gen.h"

void
conns_new(struct gen *gen, unsigned len)
{
    gen->conns = must_alloc(len, sizeof *gen->conns);
    gen->conns_len = len;
    for (unsigned i = 0; i < len; i++) {
        gen->conns[i] = (struct conn){.gen = gen, .index = i, .fd = -1};
        cl_buf_init(&gen->conns[i].out, GEN_OUT_BYTES_MAX);
        cl_buf_init(&gen->conns[i].in, GEN_OUT_BYTES_MAX);
    }
}

void
conns_open(struct gen *gen)
{
    if (gen->protocol->prepare != NULL)
        gen->protocol->prepare(gen);
    conns_connect(gen);
}

void
conns_connect(struct gen *gen)
{
    const struct protocol *protocol = gen->protocol;
    for (unsigned from = 0, to; from < gen->conns_len; from = to) {
        to = from + GEN_DIALS < gen->conns_len ? from + GEN_DIALS : gen->conns_len;
        for (unsigned i = from; i < to; i++) {
            conn_dial(&gen->conns[i]);
            if (protocol->ask != NULL)
                protocol->ask(&gen->conns[i]);
        }
        for (unsigned i = from; i < to; i++) {
            protocol->greet(&gen->conns[i]);
            conn_watch(&gen->conns[i]);
        }
    }
}

void
conn_dial(struct conn *conn)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)conn->gen->port)};
    struct timeval patience = {.tv_sec = GEN_REPLY_SECONDS};
    int yes = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("cannot connect to port %u: %s", conn->gen->port, strerror(errno));
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)setsockopt(conn->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (conn->gen->use_tls != 0)
        conn->tls = tls_open(conn->fd);
}

void
conn_hang_up(struct conn *conn)
{
    if (conn->tls != NULL)
        tls_close(conn->tls);
    conn->tls = NULL;
    (void)close(conn->fd);
    conn->fd = -1;
}

/* As send and recv: -1 and EAGAIN when it is not possible now. */
static ssize_t
conn_send(struct conn *conn, const char *bytes, size_t len)
{
    if (conn->tls != NULL)
        return tls_send(conn->tls, bytes, len);
    return send(conn->fd, bytes, len, MSG_NOSIGNAL);
}

static ssize_t
conn_recv(struct conn *conn, char *bytes, size_t len)
{
    return conn->tls != NULL ? tls_recv(conn->tls, bytes, len) : recv(conn->fd, bytes, len, 0);
}

void
conn_say(struct conn *conn, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof text || conn_send(conn, text, (size_t)len) != len)
        die("cannot write: %s", strerror(errno));
}

static const char *
find(cl_str text, cl_str mark)
{
    return text.len == 0 ? NULL : memmem(text.ptr, text.len, mark.ptr, mark.len);
}

cl_str
conn_hear(struct conn *conn, cl_str mark)
{
    static char heard[64 * CL_KIB];
    const char *found;
    while ((found = find(cl_buf_str(&conn->in), mark)) == NULL) {
        char *space;
        must(cl_buf_reserve(&conn->in, 4 * CL_KIB, &space));
        ssize_t len = conn_recv(conn, space, 4 * CL_KIB);
        if (len <= 0 || conn->in.len > sizeof heard - 4 * CL_KIB)
            die("the server did not greet: %.*s", CL_STR_ARG(cl_buf_str(&conn->in)));
        cl_buf_commit(&conn->in, (size_t)len);
    }
    size_t len = (size_t)(found - conn->in.ptr) + mark.len;
    memcpy(heard, conn->in.ptr, len);
    cl_buf_consume(&conn->in, len);
    return cl_str_of(heard, len);
}

static void
set_events(struct conn *conn, int operation)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = conn}};
    if (conn->is_waiting)
        event.events |= EPOLLOUT;
    if (epoll_ctl(conn->gen->epoll, operation, conn->fd, &event) != 0)
        die("epoll: %s", strerror(errno));
}

void
conn_flush(struct conn *conn)
{
    ssize_t sent = 0;
    if (conn->out.len > 0)
        sent = conn_send(conn, conn->out.ptr, conn->out.len);
    if (sent < 0 && errno != EAGAIN)
        die("cannot send: %s", strerror(errno));
    if (sent > 0)
        cl_buf_consume(&conn->out, (size_t)sent);
    if (conn->is_waiting != (conn->out.len > 0)) {
        conn->is_waiting = conn->out.len > 0;
        set_events(conn, EPOLL_CTL_MOD);
    }
}

static void
serve(struct conn *conn)
{
    struct gen *gen = conn->gen;
    do {
        ssize_t len = conn_recv(conn, gen->input, GEN_READ_BYTES);
        if (len == 0 || (len < 0 && errno != EAGAIN))
            die("the server hung up on %s", conn->name);
        if (len < 0)
            break;
        gen->protocol->take(conn, gen->input, (size_t)len);
    } while (conn->tls != NULL && tls_has_more(conn->tls));
    // A paced job keeps what it has to say for the next batch, unless the socket was full.
    if (!gen->is_paced || conn->is_waiting)
        conn_flush(conn);
    if (!gen->is_paced && !gen->is_stopping)
        gen->job->go_on(conn);
}

void
conn_watch(struct conn *conn)
{
    struct gen *gen = conn->gen;
    if (fcntl(conn->fd, F_SETFL, O_NONBLOCK) != 0)
        die("fcntl: %s", strerror(errno));
    set_events(conn, EPOLL_CTL_ADD);
    size_t len = conn->in.len;
    if (len > 0)
        memcpy(gen->input, conn->in.ptr, len);
    cl_buf_done(&conn->in);
    if (len > 0)
        gen->protocol->take(conn, gen->input, len);
    if (conn->tls != NULL && tls_has_more(conn->tls))
        serve(conn);
}

void
conn_take_each(struct conn *conn, char *bytes, size_t len,
               size_t (*take_one)(struct conn *conn, cl_str input))
{
    cl_str input = cl_str_of(bytes, len);
    size_t at = 0, used;
    if (conn->in.len > 0) {
        must(cl_buf_append(&conn->in, input));
        input = cl_buf_str(&conn->in);
    }
    while (at < input.len && (used = take_one(conn, cl_str_part(input, at, input.len))) > 0)
        at += used;
    if (conn->in.len > 0)
        cl_buf_consume(&conn->in, at);
    else
        must(cl_buf_append(&conn->in, cl_str_part(input, at, input.len)));
}

/* Returns how many connections had something. */
static int
run_once(struct gen *gen, int wait_ms)
{
    struct epoll_event events[64];
    int len = epoll_wait(gen->epoll, events, 64, wait_ms);
    for (int i = 0; i < len; i++)
        serve(events[i].data.ptr);
    return len;
}

void
run_while_ready(struct gen *gen)
{
    while (run_once(gen, 0) > 0)
        continue;
}

void
run_until(struct gen *gen, double end)
{
    while (now() < end)
        (void)run_once(gen, 10);
}

void
run_until_got(struct gen *gen)
{
    // Under valgrind a server needs its time.
    double end = now() + GEN_REPLY_SECONDS * (gen->is_paced ? 6 : 1);
    while (gen->got < gen->sent && now() < end)
        (void)run_once(gen, 10);
    if (gen->got < gen->sent)
        die("lost: %llu of %llu sent", (unsigned long long)(gen->sent - gen->got),
            (unsigned long long)gen->sent);
}
