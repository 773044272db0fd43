// SPDX-License-Identifier: MIT
/*
 * bench/loadgen.c - a load generator that costs less than the server it measures.
 *
 *     loadgen relay|nats PORT PID [--pairs N] [--in-flight N] [--bytes N]
 *             [--warm-up S] [--seconds S]
 *
 * N pairs: sender i keeps at most `in-flight` messages on the way to receiver i, through the
 * server at 127.0.0.1:PORT. Each message carries its number; a receiver that sees another one
 * than the next ends the program, and so does one that has not got all of them at the end.
 * The processor time of the server PID is read from /proc before and after the measured
 * seconds. Prints one JSON object. One thread, raw epoll, Linux only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "wire/websocket.h"

#define READ_BYTES    (256 * CL_KIB)
#define OUT_BYTES_MAX (16 * CL_MIB)
#define REPLY_SECONDS 10
/* Numbers have ten digits from the first to the last, so that all messages are equally long. */
#define FIRST_NUMBER  UINT64_C(1000000000)
#define NUMBER_DIGITS 10

struct load;

struct conn {
    struct load *load;
    struct pair *pair;
    int fd;
    bool is_waiting; // for room in the socket
    struct cl_buf out;
    struct cl_buf in;        // nats: the beginning of a message
    struct cl_ws_decoder ws; // relay
};

struct pair {
    struct conn sender;
    struct conn receiver;
    uint64_t sent;
    uint64_t got;
    cl_str message; // its last NUMBER_DIGITS + 1 bytes are the number and a brace
};

struct protocol {
    const char *name;
    /* Before any connection, then on each one: blocking. */
    void (*prepare)(struct load *load);
    void (*greet)(struct conn *conn, cl_str name);
    void (*put)(struct conn *sender, cl_str message);
    void (*take)(struct conn *conn, char *bytes, size_t len);
};

struct load {
    const struct protocol *protocol;
    struct pair *pairs;
    char *input;
    uint64_t got;
    unsigned port, pid;
    unsigned pairs_len, in_flight, bytes;
    unsigned warm_up, seconds;
    uint32_t random;
    int epoll;
    bool is_stopping;
};

/* -- odds and ends ------------------------------------------------------------------------- */

_Noreturn __attribute__((format(printf, 1, 2))) static void
die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("loadgen: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void
must(enum cl_err err)
{
    if (err != CL_OK)
        die("%s", cl_err_wire(err));
}

static double
now(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static double
own_cpu(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* User and system time of all threads of the server, in seconds (proc(5), fields 14 and 15). */
static double
server_cpu(unsigned pid)
{
    char path[64], text[1024];
    uint64_t ticks = 0;
    (void)snprintf(path, sizeof path, "/proc/%u/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die("%s: %s", path, strerror(errno));
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);

    // Field 2, the name, may hold anything; the last parenthesis ends it.
    cl_str word, rest = cl_str_z(strrchr(text, ')'));
    for (unsigned field = 2; field <= 15; field++) {
        uint64_t value = 0;
        cl_str_split(rest, ' ', &word, &rest);
        if (field >= 14 && !cl_str_to_u64(word, UINT32_MAX, &value))
            die("cannot read %s", path);
        ticks += value;
    }
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

/* Not for secrets: masks need to cost what masks cost, no more. */
static uint32_t
next_random(struct load *load)
{
    load->random ^= load->random << 13;
    load->random ^= load->random >> 17;
    load->random ^= load->random << 5;
    return load->random;
}

/* -- sockets ------------------------------------------------------------------------------- */

static int
dial(const struct load *load)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load->port)};
    struct timeval patience = {.tv_sec = REPLY_SECONDS};
    int yes = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("cannot connect to port %u: %s", load->port, strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

__attribute__((format(printf, 2, 3))) static void
say(int fd, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof text || write(fd, text, (size_t)len) != len)
        die("cannot write: %s", strerror(errno));
}

/* Reads to the end of that mark and not a byte further. */
static void
hear(int fd, const char *mark, char *text, size_t text_cap)
{
    size_t len = 0, mark_len = strlen(mark);
    do {
        if (len + 1 == text_cap || read(fd, text + len, 1) != 1)
            die("the server did not greet: %.*s", (int)len, text);
        len++;
    } while (len < mark_len || memcmp(text + len - mark_len, mark, mark_len) != 0);
    text[len] = '\0';
}

static void
watch(struct conn *conn, int operation)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = conn}};
    if (conn->is_waiting)
        event.events |= EPOLLOUT;
    if (epoll_ctl(conn->load->epoll, operation, conn->fd, &event) != 0)
        die("epoll: %s", strerror(errno));
}

static void
flush(struct conn *conn)
{
    ssize_t sent = 0;
    if (conn->out.len > 0)
        sent = send(conn->fd, conn->out.ptr, conn->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        die("cannot send: %s", strerror(errno));
    if (sent > 0)
        cl_buf_consume(&conn->out, (size_t)sent);
    if (conn->is_waiting != (conn->out.len > 0)) {
        conn->is_waiting = conn->out.len > 0;
        watch(conn, EPOLL_CTL_MOD);
    }
}

/* -- the job ------------------------------------------------------------------------------- */

/* Sends what the window allows. */
static void
top_up(struct pair *pair)
{
    struct load *load = pair->sender.load;
    while (!load->is_stopping && pair->sent - pair->got < load->in_flight) {
        char number[NUMBER_DIGITS + 1];
        (void)snprintf(number, sizeof number, "%" PRIu64, FIRST_NUMBER + pair->sent);
        char *at = (char *)(uintptr_t)pair->message.ptr + pair->message.len - 1 - NUMBER_DIGITS;
        memcpy(at, number, NUMBER_DIGITS);
        load->protocol->put(&pair->sender, pair->message);
        pair->sent++;
    }
    flush(&pair->sender);
}

/* A message came out of the server. Others than ours, such as agent_joined, have no "n". */
static void
take_message(struct conn *conn, cl_str message)
{
    struct pair *pair = conn->pair;
    const char *member = memmem(message.ptr, message.len, CL_STR("\"n\":").ptr, 4);
    if (member == NULL && memmem(message.ptr, message.len, "\"type\":\"error\"", 14) == NULL)
        return;
    if (member == NULL || conn != &pair->receiver)
        die("the server says: %.*s", CL_STR_ARG(message));
    char number[NUMBER_DIGITS + 1];
    (void)snprintf(number, sizeof number, "%" PRIu64, FIRST_NUMBER + pair->got);
    if (message.len < conn->load->bytes || memcmp(member + 4, number, NUMBER_DIGITS) != 0)
        die("lost, doubled or out of order: wanted %s in %.*s", number, CL_STR_ARG(message));
    pair->got++;
    conn->load->got++;
}

static void
serve(struct conn *conn)
{
    struct load *load = conn->load;
    ssize_t len = recv(conn->fd, load->input, READ_BYTES, MSG_DONTWAIT);
    if (len == 0 || (len < 0 && errno != EAGAIN))
        die("the server hung up");
    if (len > 0)
        load->protocol->take(conn, load->input, (size_t)len);
    flush(conn);
    if (conn == &conn->pair->receiver)
        top_up(conn->pair);
}

static void
run_until(struct load *load, double end)
{
    struct epoll_event events[64];
    while (now() < end) {
        int len = epoll_wait(load->epoll, events, 64, 10);
        for (int i = 0; i < len; i++)
            serve(events[i].data.ptr);
    }
}

/* -- nats-server --------------------------------------------------------------------------- */

static void
nats_prepare(struct load *load)
{
    (void)load;
}

static void
nats_greet(struct conn *conn, cl_str name)
{
    char text[4096];
    hear(conn->fd, "\r\n", text, sizeof text);
    if (strncmp(text, "INFO ", 5) != 0)
        die("not nats: %s", text);
    say(conn->fd, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
    if (conn == &conn->pair->receiver)
        say(conn->fd, "SUB %.*s 1\r\n", CL_STR_ARG(name));
    say(conn->fd, "PING\r\n");
    hear(conn->fd, "PONG\r\n", text, sizeof text);
}

static void
nats_put(struct conn *sender, cl_str message)
{
    unsigned index = (unsigned)(sender->pair - sender->load->pairs);
    must(cl_buf_printf(&sender->out, "PUB r%u %zu\r\n", index, message.len));
    must(cl_buf_append(&sender->out, message));
    must(cl_buf_append(&sender->out, CL_STR("\r\n")));
}

/* One line, and the payload that it announces. Returns the bytes used, 0 when some are missing. */
static size_t
nats_take_one(struct conn *conn, cl_str input)
{
    size_t line = cl_str_find(input, '\n');
    if (line == input.len)
        return 0;
    cl_str words = cl_str_part(input, 0, line - 1);
    line++;
    if (cl_str_eq(words, CL_STR("PING"))) {
        must(cl_buf_append(&conn->out, CL_STR("PONG\r\n")));
        return line;
    }
    if (!cl_str_starts(words, CL_STR("MSG "))) {
        if (cl_str_starts(words, CL_STR("-ERR")))
            die("the server says: %.*s", CL_STR_ARG(words));
        return line; // INFO, PONG
    }
    uint64_t len;
    cl_str word, rest = words;
    while (cl_str_split(rest, ' ', &word, &rest))
        continue;
    if (!cl_str_to_u64(word, OUT_BYTES_MAX, &len))
        die("no length: %.*s", CL_STR_ARG(words));
    if (input.len < line + len + 2)
        return 0;
    take_message(conn, cl_str_part(input, line, len));
    return line + len + 2;
}

static void
nats_take(struct conn *conn, char *bytes, size_t len)
{
    cl_str input = cl_str_of(bytes, len);
    size_t at = 0, used;
    if (conn->in.len > 0) {
        must(cl_buf_append(&conn->in, input));
        input = cl_buf_str(&conn->in);
    }
    while ((used = nats_take_one(conn, cl_str_part(input, at, input.len))) > 0)
        at += used;
    if (conn->in.len > 0)
        cl_buf_consume(&conn->in, at);
    else
        must(cl_buf_append(&conn->in, cl_str_part(input, at, input.len)));
}

/* -- the relay ----------------------------------------------------------------------------- */

/* A registered agent is what the product has at both ends (clawlink-v1.md, POST /register). */
static void
relay_prepare(struct load *load)
{
    char text[4096], body[128];
    for (unsigned i = 0; i < 2 * load->pairs_len; i++) {
        (void)snprintf(body, sizeof body, "{\"agent_id\":\"%c%u\"}", i % 2 == 0 ? 's' : 'r', i / 2);
        int fd = dial(load);
        say(fd,
            "POST /register HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Type: application/json\r\n"
            "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
            load->port, strlen(body), body);
        hear(fd, "\r\n\r\n", text, sizeof text);
        if (strncmp(text, "HTTP/1.1 200 ", 13) != 0)
            die("not registered: %s", text);
        (void)close(fd);
    }
}

static void
relay_greet(struct conn *conn, cl_str name)
{
    char text[4096];
    cl_ws_decoder_init(&conn->ws, CL_WS_CLIENT, CL_WS_MESSAGE_BYTES_MAX);
    say(conn->fd,
        "GET /ws/%.*s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: " CL_WS_VERSION "\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        CL_STR_ARG(name), conn->load->port);
    hear(conn->fd, "\r\n\r\n", text, sizeof text);
    if (strncmp(text, "HTTP/1.1 101 ", 13) != 0)
        die("no WebSocket: %s", text);
}

static void
relay_put_frame(struct conn *conn, enum cl_ws_opcode opcode, cl_str payload)
{
    uint8_t head[CL_WS_HEAD_BYTES_MAX], mask[CL_WS_MASK_BYTES];
    uint32_t random = next_random(conn->load);
    memcpy(mask, &random, sizeof mask);
    size_t len = cl_ws_frame_head(opcode, true, payload.len, mask, head);
    must(cl_buf_append(&conn->out, cl_str_of(head, len)));
    must(cl_buf_append(&conn->out, payload));
    cl_ws_mask(conn->out.ptr + conn->out.len - payload.len, payload.len, mask, 0);
}

static void
relay_put(struct conn *sender, cl_str message)
{
    relay_put_frame(sender, CL_WS_TEXT, message);
}

static void
relay_take(struct conn *conn, char *bytes, size_t len)
{
    struct cl_ws_event event;
    do {
        event = cl_ws_decode(&conn->ws, bytes, len);
        bytes += event.used;
        len -= event.used;
        if (event.kind == CL_WS_EVENT_MESSAGE)
            take_message(conn, event.bytes);
        else if (event.kind == CL_WS_EVENT_PING)
            relay_put_frame(conn, CL_WS_PONG, event.bytes);
        else if (event.kind == CL_WS_EVENT_CLOSE || event.kind == CL_WS_EVENT_FAILED)
            die("the WebSocket ends with %u: %.*s", event.code, CL_STR_ARG(event.bytes));
    } while (event.kind != CL_WS_EVENT_MORE);
}

/* -- from the beginning to the end --------------------------------------------------------- */

static const struct protocol protocols[] = {
    {"relay", relay_prepare, relay_greet, relay_put, relay_take},
    {"nats", nats_prepare, nats_greet, nats_put, nats_take},
};

static void
open_conn(struct load *load, struct pair *pair, struct conn *conn)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%c%u", conn == &pair->sender ? 's' : 'r',
                   (unsigned)(pair - load->pairs));
    *conn = (struct conn){.load = load, .pair = pair, .fd = dial(load)};
    cl_buf_init(&conn->out, OUT_BYTES_MAX);
    cl_buf_init(&conn->in, OUT_BYTES_MAX);
    load->protocol->greet(conn, cl_str_z(name));
    watch(conn, EPOLL_CTL_ADD);
}

static cl_str
new_message(const struct load *load, unsigned index)
{
    char head[128];
    int head_len = snprintf(head, sizeof head,
                            "{\"type\":\"delegate\",\"to_agent\":\"r%u\",\"task\":\"", index);
    size_t tail_len = strlen("\",\"n\":") + NUMBER_DIGITS + 1;
    char *message = malloc(load->bytes + 1);
    if (message == NULL || (size_t)head_len + tail_len > load->bytes)
        die("a message has at least %zu bytes", (size_t)head_len + tail_len);
    memset(message, 'x', load->bytes);
    memcpy(message, head, (size_t)head_len);
    (void)snprintf(message + load->bytes - tail_len, tail_len + 1, "\",\"n\":%" PRIu64 "}",
                   FIRST_NUMBER);
    return cl_str_of(message, load->bytes);
}

static void
open_all(struct load *load)
{
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->pairs = calloc(load->pairs_len, sizeof *load->pairs);
    load->input = malloc(READ_BYTES);
    if (load->epoll < 0 || load->pairs == NULL || load->input == NULL)
        die("%s", strerror(errno));
    load->protocol->prepare(load);
    for (unsigned i = 0; i < load->pairs_len; i++) {
        load->pairs[i].message = new_message(load, i);
        open_conn(load, &load->pairs[i], &load->pairs[i].receiver);
        open_conn(load, &load->pairs[i], &load->pairs[i].sender);
    }
}

/* No more is sent; all that was sent must come. */
static void
drain(struct load *load)
{
    double end = now() + REPLY_SECONDS;
    uint64_t sent = 0;
    load->is_stopping = true;
    for (unsigned i = 0; i < load->pairs_len; i++)
        sent += load->pairs[i].sent;
    while (load->got < sent && now() < end)
        run_until(load, now() + 0.01);
    if (load->got < sent)
        die("lost: %" PRIu64 " of %" PRIu64 " sent", sent - load->got, sent);
}

static void
measure(struct load *load)
{
    for (unsigned i = 0; i < load->pairs_len; i++)
        top_up(&load->pairs[i]);
    run_until(load, now() + load->warm_up);

    double started = now(), own = own_cpu(), server = server_cpu(load->pid);
    uint64_t got = load->got;
    run_until(load, started + load->seconds);
    double wall = now() - started;
    own = own_cpu() - own;
    server = server_cpu(load->pid) - server;
    got = load->got - got;
    drain(load);

    if (server <= 0)
        die("process %u did no work: is it the server?", load->pid);
    printf("{\"server\":\"%s\",\"messages\":%" PRIu64 ",\"wall_s\":%.3f,\"server_cpu_s\":%.2f,"
           "\"per_server_cpu_s\":%.0f,\"per_wall_s\":%.0f,\"server_busy\":%.3f,"
           "\"generator_busy\":%.3f}\n",
           load->protocol->name, got, wall, server, (double)got / server, (double)got / wall,
           server / wall, own / wall);
}

static unsigned
number(const char *text, unsigned max)
{
    uint64_t value;
    if (!cl_str_to_u64(cl_str_z(text), max, &value) || value == 0)
        die("not a number from 1 to %u: %s", max, text);
    return (unsigned)value;
}

static unsigned *
option(struct load *load, const char *name)
{
    const struct {
        const char *name;
        unsigned *value;
    } options[] = {
        {"--pairs", &load->pairs_len}, {"--in-flight", &load->in_flight}, {"--bytes", &load->bytes},
        {"--warm-up", &load->warm_up}, {"--seconds", &load->seconds},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (strcmp(options[i].name, name) == 0)
            return options[i].value;
    die("unknown option: %s", name);
}

int
main(int argc, char **argv)
{
    struct load load = {.pairs_len = 50,
                        .in_flight = 16,
                        .bytes = 256,
                        .warm_up = 1,
                        .seconds = 3,
                        .random = 2463534242u};
    if (argc < 4 || argc % 2 != 0)
        die("usage: loadgen relay|nats PORT PID [--pairs N] [--in-flight N] [--bytes N] "
            "[--warm-up S] [--seconds S]");
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++)
        if (strcmp(argv[1], protocols[i].name) == 0)
            load.protocol = &protocols[i];
    if (load.protocol == NULL)
        die("unknown server: %s", argv[1]);
    load.port = number(argv[2], UINT16_MAX);
    load.pid = number(argv[3], INT32_MAX);
    for (int i = 4; i < argc; i += 2)
        *option(&load, argv[i]) = number(argv[i + 1], CL_MIB);

    open_all(&load);
    measure(&load);
    return 0;
}
