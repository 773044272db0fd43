// SPDX-License-Identifier: MIT
#include "net/tcp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "net/out.h"
#include "net/tcp_private.h"
#include "support/test.h"

#define TURNS_MAX 200000
#define LARGE     (24 * 1024 * 1024)

/* One end of a connection, and what it saw. */
struct end {
    struct cl_stream *stream;
    struct cl_out out;
    char first[64]; // of what came
    size_t received;
    bool has_eof;
    bool is_broken;
};

static struct cl_loop *loop;
static struct cl_listener *listener;
static struct end server;
static struct end client;
static bool has_failed;
static enum cl_connect_fault fault;

static void
on_data(void *ctx, char *bytes, size_t len)
{
    struct end *end = ctx;
    for (size_t at = 0; at < len; at++)
        if (end->received + at < sizeof end->first)
            end->first[end->received + at] = bytes[at];
    end->received += len;
}

static void
on_eof(void *ctx)
{
    ((struct end *)ctx)->has_eof = true;
}

static void
on_write(void *ctx)
{
    struct end *end = ctx;
    size_t taken;
    if (cl_out_write(&end->out, end->stream, &taken) != CL_OK)
        end->is_broken = true;
}

static void
on_closed(void *ctx, enum cl_err reason)
{
    (void)reason;
    ((struct end *)ctx)->is_broken = true;
}

static const struct cl_stream_events events = {on_data, on_eof, on_write, on_closed};

static void
use(struct end *end, struct cl_stream *stream)
{
    end->stream = stream;
    cl_stream_use(stream, &events, end);
}

static void
on_accept(void *ctx, struct cl_stream *stream)
{
    use(ctx, stream);
}

static void
on_connected(void *ctx, struct cl_stream *stream)
{
    use(ctx, stream);
}

static void
on_failed(void *ctx, enum cl_connect_fault why)
{
    (void)ctx;
    has_failed = true;
    fault = why;
}

static const struct cl_connect_events connect_events = {on_connected, on_failed};

#define TURN_UNTIL(condition)                                           \
    do {                                                                \
        for (int turn_ = 0; !(condition) && turn_ < TURNS_MAX; turn_++) \
            cl_loop_turn(loop, true);                                   \
        CHECK(condition);                                               \
    } while (0)

static void
begin(void)
{
    memset(&server, 0, sizeof server);
    memset(&client, 0, sizeof client);
    has_failed = false;
    listener = NULL;
    CHECK_OK(cl_loop_new(&loop));
}

static uint16_t
listen_on(const char *host)
{
    struct cl_why why = {0};
    cl_address address;
    CHECK_OK(cl_tcp_listen(loop, cl_str_z(host), 0, &listener, &why));
    cl_listener_accept(listener, on_accept, &server);
    cl_listener_address(listener, &address);
    CHECK(address.port != 0);
    return address.port;
}

static struct cl_connect *
connect_to(const char *host, uint16_t port)
{
    struct cl_connect_to to = {.host = cl_str_z(host), .port = port, .timeout_ms = 5000};
    struct cl_connect *attempt = NULL;
    CHECK_OK(cl_tcp_connect(loop, &to, &connect_events, &client, &attempt));
    return attempt;
}

static void
connect_both(const char *host)
{
    begin();
    uint16_t port = listen_on(host);
    (void)connect_to(host, port);
    TURN_UNTIL((client.stream != NULL && server.stream != NULL) || has_failed);
    CHECK(!has_failed);
}

static void
end_one(struct end *end)
{
    if (end->stream != NULL)
        cl_stream_close(end->stream);
    cl_out_done(&end->out);
    end->stream = NULL;
}

static void
finish(void)
{
    end_one(&server);
    end_one(&client);
    cl_listener_close(listener);
    cl_loop_free(loop);
}

static void
write_to(struct end *end, cl_str bytes)
{
    CHECK_OK(cl_out_add(&end->out, bytes, NULL, 0));
    cl_stream_want_write(end->stream);
}

/* Is there IPv6 on this machine? */
static bool
has_ipv6(void)
{
    struct cl_listener *probe;
    begin();
    bool has = cl_tcp_listen(loop, CL_STR("::1"), 0, &probe, NULL) == CL_OK;
    if (has)
        cl_listener_close(probe);
    cl_loop_free(loop);
    return has;
}

TEST(bytes_go_both_ways_and_the_peer_has_an_address)
{
    connect_both("127.0.0.1");
    write_to(&client, CL_STR("ping"));
    TURN_UNTIL(server.received == 4);
    write_to(&server, CL_STR("pong!"));
    TURN_UNTIL(client.received == 5);
    CHECK_STR(cl_str_of(server.first, 4), CL_STR("ping"));
    CHECK_STR(cl_str_of(client.first, 5), CL_STR("pong!"));
    cl_address peer;
    char text[CL_ADDRESS_TEXT_CAP];
    cl_stream_peer(server.stream, &peer);
    cl_address_ip_text(&peer, text);
    CHECK_STR(cl_str_z(text), CL_STR("127.0.0.1"));
    CHECK(cl_address_is_loopback(&peer));
    finish();
}

TEST(output_for_a_peer_that_is_given_up_is_not_kept)
{
    static char large[64 * 1024];
    for (int drops = 0; drops <= 1; drops++) {
        connect_both("127.0.0.1");
        cl_stream_set_reading(client.stream, false);
        cl_loop_turn(loop, false);
        write_to(&server, cl_str_of(large, sizeof large));
        cl_loop_turn(loop, false);
        if (drops)
            cl_stream_drop_output(server.stream);
        end_one(&server);
        cl_stream_set_reading(client.stream, true);
        TURN_UNTIL(client.has_eof || client.is_broken);
        CHECK_INT(client.is_broken, drops);
        if (!drops)
            CHECK_INT(client.received, sizeof large);
        finish();
    }
}

TEST(ipv6_and_names_work_as_well)
{
    if (has_ipv6()) {
        connect_both("::1");
        cl_address peer;
        char text[CL_ADDRESS_TEXT_CAP];
        cl_listener_address(listener, &peer);
        peer.port = 9077;
        cl_address_text(&peer, text);
        CHECK_STR(cl_str_z(text), CL_STR("[::1]:9077"));
        cl_stream_peer(server.stream, &peer);
        CHECK(cl_address_is_loopback(&peer));
        finish();
    }
    connect_both("localhost");
    finish();
}

TEST(who_listens_everywhere_is_reached_by_ipv4)
{
    begin();
    uint16_t port = listen_on("*");
    (void)connect_to("127.0.0.1", port);
    TURN_UNTIL(server.stream != NULL && client.stream != NULL);
    cl_address peer;
    cl_stream_peer(server.stream, &peer);
    CHECK(cl_address_is_loopback(&peer));
    finish();
}

TEST(a_port_in_use_is_told_apart)
{
    begin();
    uint16_t port = listen_on("127.0.0.1");
    struct cl_listener *second = NULL;
    struct cl_why why = {0};
    CHECK_INT(cl_tcp_listen(loop, CL_STR("127.0.0.1"), port, &second, &why), CL_ERR_ADDRESS_IN_USE);
    CHECK(second == NULL);
    CHECK(cl_str_starts(cl_str_z(why.text), CL_STR("port ")));
    finish();
}

TEST(a_host_name_that_does_not_exist_is_told_apart)
{
    begin();
    struct cl_listener *none = NULL;
    struct cl_why why = {0};
    CHECK_INT(cl_tcp_listen(loop, CL_STR("no host!"), 0, &none, &why), CL_ERR_IO);
    CHECK(cl_str_starts(cl_str_z(why.text), CL_STR("no address is known for the host name")));
    (void)connect_to("no host!", 1);
    TURN_UNTIL(has_failed);
    CHECK_INT(fault, CL_CONNECT_UNRESOLVED);
    finish();
}

TEST(a_port_where_nobody_listens_refuses)
{
    begin();
    uint16_t port = listen_on("127.0.0.1");
    cl_listener_close(listener);
    listener = NULL;
    cl_loop_turn(loop, false);
    (void)connect_to("127.0.0.1", port);
    TURN_UNTIL(has_failed);
    CHECK_INT(fault, CL_CONNECT_REFUSED);
    finish();
}

TEST(an_attempt_may_be_cancelled)
{
    begin();
    uint16_t port = listen_on("127.0.0.1");
    cl_connect_cancel(connect_to("127.0.0.1", port));
    struct cl_connect *attempt = connect_to("127.0.0.1", port);
    cl_loop_turn(loop, false);
    if (client.stream == NULL)
        cl_connect_cancel(attempt);
    cl_connect_cancel(connect_to("localhost", port)); // while a thread looks it up
    cl_loop_turn(loop, false);
    CHECK(!has_failed);
    finish();
}

TEST(an_address_that_does_not_answer_times_out)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    int fds[8];
    begin();
    // A listener that never accepts and keeps one: the rest gets no answer at all.
    for (size_t at = 0; at < 8; at++)
        CHECK((fds[at] = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
    CHECK_INT(bind(fds[0], (const struct sockaddr *)&name, len), 0);
    CHECK_INT(listen(fds[0], 0), 0);
    CHECK_INT(getsockname(fds[0], (struct sockaddr *)&name, &len), 0);
    for (size_t at = 1; at < 8; at++) {
        CHECK_INT(fcntl(fds[at], F_SETFL, O_NONBLOCK), 0);
        (void)connect(fds[at], (const struct sockaddr *)&name, len);
    }
    struct cl_connect_to to = {
        .host = CL_STR("127.0.0.1"), .port = ntohs(name.sin_port), .timeout_ms = 30};
    struct cl_connect *attempt;
    CHECK_OK(cl_tcp_connect(loop, &to, &connect_events, &client, &attempt));
    TURN_UNTIL(has_failed);
    CHECK_INT(fault, CL_CONNECT_TIMEOUT);
    for (size_t at = 0; at < 8; at++)
        (void)close(fds[at]);
    finish();
}

TEST(what_the_socket_does_not_take_at_once_arrives_all_the_same)
{
    static char large[LARGE];
    connect_both("127.0.0.1");
    memset(large, 'x', sizeof large);
    write_to(&server, cl_str_of(large, sizeof large));
    TURN_UNTIL(client.received == LARGE);
    TURN_UNTIL(cl_stream_is_acked(server.stream));
    CHECK_INT(cl_out_waiting(&server.out), 0);
    finish();
}

TEST(a_peer_that_does_not_read_has_not_acknowledged)
{
    static char large[LARGE];
    connect_both("127.0.0.1");
    cl_stream_set_reading(client.stream, false);
    write_to(&server, cl_str_of(large, sizeof large));
    for (int turn = 0; turn < 50; turn++)
        cl_loop_turn(loop, false);
    CHECK(cl_out_waiting(&server.out) > 0);
    CHECK(!cl_stream_is_acked(server.stream));
    // It goes away with bytes unread: that is a reset, and never an acknowledgement.
    end_one(&client);
    TURN_UNTIL(server.is_broken);
    CHECK(!cl_stream_is_acked(server.stream));
    finish();
}

/* The peer dies: what it had sent before stays to be read, the rest is a reset. */
static void
reset_client(void)
{
    const struct linger at_once = {.l_onoff = 1};
    struct cl_tcp *tcp = CL_LIST_ENTRY(client.stream, struct cl_tcp, stream);
    CHECK_INT(setsockopt(tcp->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    end_one(&client);
}

TEST(a_reset_that_was_noticed_when_acknowledgements_were_asked_for_is_not_an_orderly_end)
{
    connect_both("127.0.0.1");
    reset_client();
    CHECK(!cl_stream_is_acked(server.stream));
    TURN_UNTIL(server.is_broken || server.has_eof);
    CHECK(server.is_broken);
    CHECK(!server.has_eof);
    finish();
}

TEST(such_a_reset_is_noticed_while_reading_is_paused_too)
{
    connect_both("127.0.0.1");
    cl_stream_set_reading(server.stream, false);
    reset_client();
    CHECK(!cl_stream_is_acked(server.stream));
    for (int turn = 0; turn < 50; turn++)
        cl_loop_turn(loop, false);
    CHECK(server.is_broken);
    finish();
}

TEST(unread_bytes_do_not_hide_a_reset_from_who_asks_for_acknowledgements)
{
    connect_both("127.0.0.1");
    cl_stream_set_reading(server.stream, false);
    write_to(&client, CL_STR("unread"));
    cl_loop_turn(loop, false);
    reset_client();
    CHECK(!cl_stream_is_acked(server.stream));
    finish();
}

TEST(what_came_before_a_reset_is_read)
{
    connect_both("127.0.0.1");
    write_to(&client, CL_STR("last words"));
    cl_loop_turn(loop, false);
    reset_client();
    TURN_UNTIL(server.is_broken);
    CHECK_STR(cl_str_of(server.first, server.received), CL_STR("last words"));
    finish();
}

TEST(writing_where_nothing_can_be_written_is_an_error_and_no_signal)
{
    connect_both("127.0.0.1");
    const struct cl_tcp *tcp = CL_LIST_ENTRY(server.stream, struct cl_tcp, stream);
    // As in a process whose signals are not ours: the loop has them ignored.
    void (*before)(int) = signal(SIGPIPE, SIG_DFL);
    CHECK_INT(shutdown(tcp->fd, SHUT_WR), 0);
    write_to(&server, CL_STR("lost"));
    TURN_UNTIL(server.is_broken);
    CHECK(signal(SIGPIPE, before) == SIG_DFL);
    finish();
}

TEST(a_side_that_is_shut_ends_in_order_and_the_other_goes_on)
{
    connect_both("127.0.0.1");
    write_to(&client, CL_STR("all"));
    cl_loop_turn(loop, false);
    cl_stream_shut(client.stream);
    TURN_UNTIL(server.has_eof);
    CHECK_INT(server.received, 3);
    write_to(&server, CL_STR("still here"));
    TURN_UNTIL(client.received == 10);
    cl_stream_shut(server.stream);
    TURN_UNTIL(client.has_eof);
    CHECK(!server.is_broken);
    CHECK(!client.is_broken);
    finish();
}

TEST(a_paused_stream_hears_nothing_until_it_goes_on)
{
    connect_both("127.0.0.1");
    cl_stream_set_reading(server.stream, false);
    write_to(&client, CL_STR("x"));
    cl_loop_turn(loop, false);
    cl_stream_shut(client.stream);
    for (int turn = 0; turn < 20; turn++)
        cl_loop_turn(loop, false);
    CHECK_INT(server.received, 0);
    CHECK(!server.has_eof);
    cl_stream_set_reading(server.stream, true);
    TURN_UNTIL(server.has_eof);
    CHECK_INT(server.received, 1);
    finish();
}

TEST(a_loop_that_ends_tells_the_streams_that_are_open)
{
    connect_both("127.0.0.1");
    cl_listener_close(listener);
    cl_loop_free(loop); // on_closed here does not close: the loop does
    CHECK(server.is_broken);
    CHECK(client.is_broken);
    cl_out_done(&server.out);
    cl_out_done(&client.out);
}

TEST(without_descriptors_the_listener_pauses_and_goes_on_later)
{
    static int taken[4096];
    size_t count = 0;
    struct rlimit before;
    begin();
    uint16_t port = listen_on("127.0.0.1");
    (void)connect_to("127.0.0.1", port);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit tight = {.rlim_cur = 256, .rlim_max = before.rlim_max};
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &tight), 0);
    int keep = dup(STDERR_FILENO); // for the connecting socket
    for (int fd; count < 4096 && (fd = dup(STDERR_FILENO)) >= 0;)
        taken[count++] = fd;
    (void)close(keep);
    TURN_UNTIL(client.stream != NULL); // the system keeps it for the listener
    int turns = 0;
    for (cl_instant start = cl_loop_now(loop);
         cl_loop_now(loop).ms < start.ms + 3 * CL_NET_ACCEPT_PAUSE_MS; turns++)
        cl_loop_turn(loop, true);
    bool is_early = server.stream != NULL;
    while (count > 0)
        (void)close(taken[--count]);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK(!is_early);
    CHECK(turns < 20); // no busy loop
    TURN_UNTIL(server.stream != NULL);
    finish();
}
