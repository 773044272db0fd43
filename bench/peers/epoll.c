// SPDX-License-Identifier: MIT
/*
 * bench/peers/epoll.c - the ceiling: a raw epoll server that does the relay's parse and nothing
 * else. Own framing, one thread, output collected and written once per turn.
 *
 *     peer-epoll        prints "listening on http://127.0.0.1:PORT"; ends on a signal
 *
 * WebSocket: the JSON of each message is checked with the relay's scanner, the receiver looked
 * up, and the message forwarded as it came: no sender spliced in, no journal, no inbox, no
 * acknowledgement, no limit, no check of the handshake or of UTF-8 outside the scanner. HTTP: the
 * body of a POST is checked likewise; the answers are fixed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "wire/json.h"
#include "wire/websocket.h"

#define READ_BYTES    (256 * CL_KIB)
#define OUT_BYTES_MAX (256 * CL_MIB)
#define NAMES         (1u << 16) // places in the table of names
#define FDS_MAX       65536

struct conn {
    int fd; // 0: there is none
    bool is_ws;
    bool is_dirty;   // has output, is in dirty[]
    bool is_waiting; // for room in the socket
    char name[64];
    struct cl_buf in, out;
};

static struct conn *conns;    // by descriptor
static int open_fds[FDS_MAX]; // of WebSockets, for broadcasts
static size_t open_len;
static struct conn *names[NAMES]; // open addressing; who leaves stays here, nameless
static struct conn *dirty[FDS_MAX];
static size_t dirty_len;
static int epoll;
static const cl_hash_key hash_key = {{1, 2, 3}};

_Noreturn static void
die(const char *what)
{
    (void)fprintf(stderr, "peer-epoll: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void
must(enum cl_err err)
{
    if (err != CL_OK)
        die(cl_err_wire(err));
}

/* -- names --------------------------------------------------------------------------------- */

static struct conn **
place_of(cl_str name)
{
    uint32_t hash = 2166136261u; // FNV-1a
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (uint8_t)name.ptr[i]) * 16777619u;
    struct conn **place = &names[hash % NAMES];
    while (*place != NULL && !cl_str_eq(cl_str_z((*place)->name), name))
        place = place + 1 == names + NAMES ? names : place + 1;
    return place;
}

/* -- output -------------------------------------------------------------------------------- */

static void
put(struct conn *conn, cl_str bytes)
{
    must(cl_buf_append(&conn->out, bytes));
    if (conn->is_dirty)
        return;
    conn->is_dirty = true;
    dirty[dirty_len++] = conn;
}

static void
watch(struct conn *conn, int operation)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = conn}};
    if (conn->is_waiting)
        event.events |= EPOLLOUT;
    if (epoll_ctl(epoll, operation, conn->fd, &event) != 0)
        die("epoll_ctl");
}

static void
hang_up(struct conn *conn)
{
    struct conn **place = place_of(cl_str_z(conn->name));
    if (conn->is_ws && *place == conn)
        conn->name[0] = '\0';
    for (size_t i = 0; conn->is_ws && i < open_len; i++)
        if (open_fds[i] == conn->fd)
            open_fds[i] = open_fds[--open_len];
    (void)close(conn->fd);
    conn->fd = 0;
    cl_buf_done(&conn->in);
    cl_buf_done(&conn->out);
}

static void
flush(struct conn *conn)
{
    if (conn->fd == 0)
        return;
    ssize_t sent = send(conn->fd, conn->out.ptr, conn->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        hang_up(conn);
        return;
    }
    if (sent > 0)
        cl_buf_consume(&conn->out, (size_t)sent);
    if (conn->is_waiting != (conn->out.len > 0)) {
        conn->is_waiting = conn->out.len > 0;
        watch(conn, EPOLL_CTL_MOD);
    }
}

static void
flush_dirty(void)
{
    for (size_t i = 0; i < dirty_len; i++) {
        dirty[i]->is_dirty = false;
        if (!dirty[i]->is_waiting)
            flush(dirty[i]);
    }
    dirty_len = 0;
}

/* -- the work ------------------------------------------------------------------------------ */

static struct cl_json_scan scan;
static struct cl_arena arena;

/* What the relay does first with each message and body. */
static void
parse(cl_str text)
{
    cl_arena_clear(&arena);
    cl_json_scan_init(&scan, &arena, &hash_key);
    must(cl_json_scan_feed(&scan, text, true, NULL));
}

static cl_str
member(cl_str name)
{
    const struct cl_json_member *found = cl_json_scan_member(&scan, name);
    cl_str text = CL_STR("");
    if (found != NULL)
        must(cl_json_string(found->value, &arena, &text));
    return text;
}

static void
route(const struct conn *sender, cl_str message)
{
    uint8_t head[CL_WS_HEAD_BYTES_MAX];
    parse(message);
    cl_str type = member(CL_STR("type"));
    cl_str head_text = cl_str_of(head, cl_ws_frame_head(CL_WS_TEXT, true, message.len, NULL, head));
    if (cl_str_eq(type, CL_STR("delegate"))) {
        struct conn *receiver = *place_of(member(CL_STR("to_agent")));
        if (receiver == NULL)
            return;
        put(receiver, head_text);
        put(receiver, message);
        return;
    }
    for (size_t i = 0; i < open_len; i++) {
        struct conn *receiver = &conns[open_fds[i]];
        if (receiver == sender)
            continue;
        put(receiver, head_text);
        put(receiver, message);
    }
}

/* One frame, masked, with a 7- or 16-bit length. Returns its length, 0 when it is not whole. */
static size_t
take_frame(struct conn *conn, char *bytes, size_t len)
{
    size_t head = 6, payload;
    if (len < 2)
        return 0;
    payload = (uint8_t)bytes[1] & 0x7f;
    if (payload == 126) {
        head = 8;
        if (len < 4)
            return 0;
        payload = (size_t)(uint8_t)bytes[2] << 8 | (uint8_t)bytes[3];
    }
    if (payload == 127)
        die("a frame of 64 KiB");
    if (len < head + payload)
        return 0;
    uint8_t mask[8];
    memcpy(mask, bytes + head - 4, 4);
    memcpy(mask + 4, mask, 4);
    char *at = bytes + head;
    size_t i = 0;
    for (uint64_t word, mask_word; i + 8 <= payload; i += 8) {
        memcpy(&mask_word, mask, 8);
        memcpy(&word, at + i, 8);
        word ^= mask_word;
        memcpy(at + i, &word, 8);
    }
    for (; i < payload; i++)
        at[i] = (char)((uint8_t)at[i] ^ mask[i % 4]);
    if (((uint8_t)bytes[0] & 0xf) == CL_WS_TEXT)
        route(conn, cl_str_of(at, payload));
    return head + payload;
}

static void
upgrade(struct conn *conn, cl_str path)
{
    // The generator sends the key of RFC 6455 section 1.3 and gets its answer.
    put(conn, CL_STR("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"));
    if (!cl_str_copy(conn->name, sizeof conn->name, cl_str_part(path, 4, path.len)))
        die("a long name");
    conn->is_ws = true;
    *place_of(cl_str_z(conn->name)) = conn;
    open_fds[open_len++] = conn->fd;
}

#define ANSWER(length) \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " length "\r\n\r\n"

/* One request. Returns its length, 0 when it is not whole. */
static size_t
take_request(struct conn *conn, char *bytes, size_t len)
{
    static const char field[] = "\r\nContent-Length: ";
    cl_str input = cl_str_of(bytes, len), method, path, rest;
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    size_t head = (size_t)(end - bytes) + 4;
    const char *length = memmem(bytes, head, field, sizeof field - 1);
    size_t body = length == NULL ? 0 : strtoul(length + sizeof field - 1, NULL, 10);
    if (len < head + body)
        return 0;
    (void)cl_str_split(input, ' ', &method, &rest);
    (void)cl_str_split(rest, ' ', &path, &rest);
    if (body > 0)
        parse(cl_str_part(input, head, body));
    if (cl_str_starts(path, CL_STR("/ws/")))
        upgrade(conn, path);
    else if (cl_str_eq(path, CL_STR("/register")))
        put(conn, CL_STR(ANSWER("39") "{\"status\":\"registered\",\"server_time\":0}"));
    else if (body > 0)
        put(conn, CL_STR(ANSWER("70") "{\"status\":\"delegated\",\"delivery\":\"queued\","
                                      "\"message_id\":\"3f9c0a7be214\"}"));
    else
        put(conn, CL_STR(ANSWER("25") "{\"messages\":[],\"count\":7}"));
    return head + body;
}

static void
take(struct conn *conn, char *bytes, size_t len)
{
    size_t at = 0, used;
    bool is_kept = conn->in.len > 0;
    if (is_kept) {
        must(cl_buf_append(&conn->in, cl_str_of(bytes, len)));
        bytes = conn->in.ptr;
        len = conn->in.len;
    }
    while (at < len && (used = conn->is_ws ? take_frame(conn, bytes + at, len - at)
                                           : take_request(conn, bytes + at, len - at)) > 0)
        at += used;
    if (is_kept)
        cl_buf_consume(&conn->in, at);
    else
        must(cl_buf_append(&conn->in, cl_str_of(bytes + at, len - at)));
}

static void
serve(struct conn *conn, uint32_t events)
{
    static char input[READ_BYTES];
    if (conn->fd == 0)
        return;
    if ((events & EPOLLOUT) != 0)
        flush(conn);
    if ((events & ~(uint32_t)EPOLLOUT) == 0)
        return;
    ssize_t len = recv(conn->fd, input, sizeof input, MSG_DONTWAIT);
    if (len > 0)
        take(conn, input, (size_t)len);
    else if (len == 0 || errno != EAGAIN)
        hang_up(conn);
}

static void
accept_one(int listener)
{
    int yes = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 || fd >= FDS_MAX)
        die("accept");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    conns[fd] = (struct conn){.fd = fd};
    cl_buf_init(&conns[fd].in, OUT_BYTES_MAX);
    cl_buf_init(&conns[fd].out, OUT_BYTES_MAX);
    watch(&conns[fd], EPOLL_CTL_ADD);
}

static int
listen_here(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t at_len = sizeof at;
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = NULL}};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(listener, CL_NET_BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &at_len) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
        die("listen");
    (void)printf("listening on http://127.0.0.1:%u\n", ntohs(at.sin_port));
    (void)fflush(stdout);
    return listener;
}

int
main(void)
{
    struct epoll_event events[256];
    epoll = epoll_create1(EPOLL_CLOEXEC);
    conns = calloc(FDS_MAX, sizeof *conns);
    if (conns == NULL)
        die("calloc");
    cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    int listener = listen_here();
    for (;;) {
        int len = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < len; i++) {
            if (events[i].data.ptr == NULL)
                accept_one(listener);
            else
                serve(events[i].data.ptr, events[i].events);
        }
        flush_dirty();
    }
}
