// SPDX-License-Identifier: MIT
#include "net/mdns_udp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/loop_private.h"
#include "net/mdns_budget.h"
#include "net/mdns_private.h"
#include "net/tcp_private.h"

/* RFC 6762 3 and 11. */
#define GROUP_V4 0xe00000fbu
#define HOPS     255

struct socket {
    struct cl_mdns_udp *udp;
    enum cl_mdns_family family;
    int fd; // -1: this machine does not have the family
    uv_poll_t poll;
};

struct cl_mdns_udp {
    struct cl_loop *loop;
    const struct cl_mdns_udp_events *events;
    void *ctx;
    struct socket sockets[CL_MDNS_FAMILIES];
    unsigned open_polls; // that libuv has not let go of
    bool is_closed;
    struct cl_mdns_link links[CL_MDNS_LINKS_MAX]; // index 0: the slot is free
    struct cl_timer rescan;
    struct cl_timer due;  // something goes out
    struct cl_timer rest; // runs: the sockets are not read
    struct cl_mdns_budget budget;
};

static const struct in6_addr group_v6 = {{{0xff, 0x02, [15] = 0xfb}}};

/* -- sockets ----------------------------------------------------------------------------------- */

/* setsockopt for a whole number. */
static bool
set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* Not every system takes a whole number for these two. */
static bool
set_byte(int fd, int option, unsigned char value)
{
    return setsockopt(fd, IPPROTO_IP, option, &value, sizeof value) == 0;
}

static bool
set_up_v4(int fd)
{
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(CL_MDNS_PORT)};
    return set_byte(fd, IP_MULTICAST_TTL, HOPS) && set_byte(fd, IP_MULTICAST_LOOP, 1) &&
           set(fd, IPPROTO_IP, IP_TTL, HOPS) && set(fd, IPPROTO_IP, IP_PKTINFO, 1) &&
           bind(fd, (const struct sockaddr *)&any, sizeof any) == 0;
}

static bool
set_up_v6(int fd)
{
    const struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(CL_MDNS_PORT)};
    return set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
           set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOPS) &&
           set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, HOPS) &&
           set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1) &&
           set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
           bind(fd, (const struct sockaddr *)&any, sizeof any) == 0;
}

/* -1 with errno. */
static int
open_socket(enum cl_mdns_family family)
{
    int fd = socket(family == CL_MDNS_V4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
    if (fd < 0)
        return -1;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
        set(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) &&
        (family == CL_MDNS_V4 ? set_up_v4(fd) : set_up_v6(fd)))
        return fd;
    int reason = errno;
    (void)close(fd);
    errno = reason;
    return -1;
}

/* Joins the group on that interface. Being in it already, or an interface without that family, is
 * not worth a word. */
static void
join(const struct cl_mdns_udp *udp, unsigned index)
{
    const struct ip_mreqn v4 = {.imr_multiaddr.s_addr = htonl(GROUP_V4), .imr_ifindex = (int)index};
    const struct ipv6_mreq v6 = {.ipv6mr_multiaddr = group_v6, .ipv6mr_interface = index};
    (void)setsockopt(udp->sockets[CL_MDNS_V4].fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &v4, sizeof v4);
    (void)setsockopt(udp->sockets[CL_MDNS_V6].fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &v6, sizeof v6);
}

/* -- sending ----------------------------------------------------------------------------------- */

static void
send_v4(const struct cl_mdns_udp *udp, unsigned index, const struct cl_mdns_datagram *datagram)
{
    int fd = udp->sockets[CL_MDNS_V4].fd;
    const struct ip_mreqn over = {.imr_ifindex = (int)index};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(CL_MDNS_PORT)};
    to.sin_addr.s_addr = htonl(GROUP_V4);
    if (datagram->to.port != 0) {
        memcpy(&to.sin_addr, datagram->to.ip + 12, 4);
        to.sin_port = htons(datagram->to.port);
    } else if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &over, sizeof over) != 0) {
        return; // the interface has gone; the next look will find that
    }
    (void)sendto(fd, datagram->bytes, datagram->len, 0, (const struct sockaddr *)&to, sizeof to);
}

static void
send_v6(const struct cl_mdns_udp *udp, unsigned index, const struct cl_mdns_datagram *datagram)
{
    int fd = udp->sockets[CL_MDNS_V6].fd;
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_port = htons(CL_MDNS_PORT),
                              .sin6_addr = group_v6,
                              .sin6_scope_id = index};
    if (datagram->to.port != 0) {
        memcpy(&to.sin6_addr, datagram->to.ip, 16);
        to.sin6_port = htons(datagram->to.port);
        to.sin6_scope_id = cl_mdns_is_link_local(&datagram->to) ? index : 0;
    } else if (!set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)index)) {
        return;
    }
    (void)sendto(fd, datagram->bytes, datagram->len, 0, (const struct sockaddr *)&to, sizeof to);
}

void
cl_mdns_udp_send(struct cl_mdns_udp *udp, size_t slot, const struct cl_mdns_datagram *datagram)
{
    unsigned index = udp->links[slot].index;
    bool is_unicast = datagram->to.port != 0;
    bool is_to_v4 = is_unicast ? cl_address_is_v4(&datagram->to) : datagram->families[CL_MDNS_V4];
    bool is_to_v6 = is_unicast ? !is_to_v4 : datagram->families[CL_MDNS_V6];
    if (index == 0)
        return;
    if (is_to_v4 && udp->sockets[CL_MDNS_V4].fd >= 0)
        send_v4(udp, index, datagram);
    if (is_to_v6 && udp->sockets[CL_MDNS_V6].fd >= 0)
        send_v6(udp, index, datagram);
}

/* All that is due goes out, and the timer is set for what is due next. */
static void
pump(struct cl_mdns_udp *udp)
{
    struct cl_mdns_datagram datagram;
    cl_instant now = cl_loop_now(udp->loop), next = CL_INSTANT_NEVER;
    if (udp->is_closed)
        return;
    for (size_t slot = 0; slot < CL_MDNS_LINKS_MAX; slot++) {
        if (udp->links[slot].index == 0)
            continue;
        while (udp->events->send(udp->ctx, slot, now, &datagram))
            cl_mdns_udp_send(udp, slot, &datagram);
        next = cl_instant_earlier(next, udp->events->deadline(udp->ctx, slot));
    }
    if (next.ms != INT64_MAX)
        cl_loop_timer_start(udp->loop, &udp->due, next);
    else
        cl_loop_timer_stop(udp->loop, &udp->due);
}

static void
on_due(struct cl_timer *timer)
{
    pump(CL_LIST_ENTRY(timer, struct cl_mdns_udp, due));
}

/* -- receiving --------------------------------------------------------------------------------- */

/* RFC 3542 6.1; systems hide it behind switches of their own. */
struct pktinfo6 {
    struct in6_addr to;
    unsigned index;
};

/* The interface over which it came; 0: unknown. */
static unsigned
interface_of(struct msghdr *message)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at != NULL; at = CMSG_NXTHDR(message, at)) {
        if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(at), sizeof info);
            return (unsigned)info.ipi_ifindex;
        }
        if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
            struct pktinfo6 info;
            memcpy(&info, CMSG_DATA(at), sizeof info);
            return info.index;
        }
    }
    return 0;
}

/* Two interfaces of this machine may be on one wire: they would take each other for a rival. */
static bool
is_from_another_link(const struct cl_mdns_udp *udp, size_t slot, const cl_address *from)
{
    if (cl_mdns_link_has(&udp->links[slot], from))
        return false;
    for (size_t i = 0; i < CL_MDNS_LINKS_MAX; i++)
        if (udp->links[i].index != 0 && cl_mdns_link_has(&udp->links[i], from))
            return true;
    return false;
}

static void
take(struct cl_mdns_udp *udp, unsigned index, const struct cl_mdns_packet *packet)
{
    for (size_t slot = 0; slot < CL_MDNS_LINKS_MAX; slot++) {
        if (udp->links[slot].index != index || index == 0)
            continue;
        if (!is_from_another_link(udp, slot, &packet->from))
            udp->events->on_packet(udp->ctx, slot, packet);
        return;
    }
}

/* One datagram; false: there is none. */
static bool
read_one(struct socket *socket)
{
    union {
        struct cmsghdr aligned;
        char bytes[256];
    } control;
    struct sockaddr_storage name = {0};
    struct cl_mdns_udp *udp = socket->udp;
    struct iovec bytes = {udp->loop->read_buffer, CL_MDNS_DATAGRAM_BYTES_MAX};
    struct msghdr message = {.msg_name = &name,
                             .msg_namelen = sizeof name,
                             .msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t got = recvmsg(socket->fd, &message, 0);
    if (got < 0)
        return errno == EINTR;
    if ((message.msg_flags & MSG_TRUNC) != 0)
        udp->loop->counts.of[CL_COUNT_MDNS_LARGE]++;
    if ((message.msg_flags & MSG_TRUNC) != 0 || name.ss_family == AF_UNSPEC)
        return true;
    const struct cl_mdns_packet packet = {
        .bytes = cl_str_of(udp->loop->read_buffer, (size_t)got),
        .from = cl_tcp_address((const struct sockaddr *)&name),
        .family = socket->family,
    };
    take(udp, interface_of(&message), &packet);
    return true;
}

static void on_ready(uv_poll_t *poll, int status, int events);

static void
watch(struct cl_mdns_udp *udp, bool is_on)
{
    for (int f = 0; f < CL_MDNS_FAMILIES; f++) {
        struct socket *socket = &udp->sockets[f];
        if (socket->fd < 0)
            continue;
        // Both only fail for handles that are closing.
        if (is_on)
            (void)uv_poll_start(&socket->poll, UV_READABLE, on_ready);
        else
            (void)uv_poll_stop(&socket->poll);
    }
}

/* The sockets are not read until the next slice. */
static void
take_rest(struct cl_mdns_udp *udp)
{
    udp->loop->counts.of[CL_COUNT_MDNS_REST]++;
    watch(udp, false);
    cl_loop_timer_start(udp->loop, &udp->rest, cl_mdns_budget_next(&udp->budget));
}

static void
on_rested(struct cl_timer *timer)
{
    watch(CL_LIST_ENTRY(timer, struct cl_mdns_udp, rest), true);
}

/* The loop's clock stands still within a turn, and counts no parts of a millisecond. */
static int64_t
clock_ns(void)
{
    return (int64_t)uv_hrtime();
}

/* How long it is since *since, which becomes now. */
static int64_t
lap_ns(int64_t *since)
{
    int64_t before = *since;
    *since = clock_ns();
    return *since - before;
}

static void
on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status; // a broken socket shows when it is read
    (void)events;
    struct socket *socket = poll->data;
    struct cl_mdns_udp *udp = socket->udp;
    int64_t begun = clock_ns();
    bool is_more = true;
    for (int i = 0; i < CL_MDNS_READS_PER_TURN && is_more; i++) {
        if (!cl_mdns_budget_take(&udp->budget, cl_loop_now(udp->loop))) {
            take_rest(udp);
            break;
        }
        is_more = read_one(socket) && !udp->is_closed;
        cl_mdns_budget_spend(&udp->budget, lap_ns(&begun));
    }
    pump(udp);
    cl_mdns_budget_spend(&udp->budget, lap_ns(&begun));
}

/* -- interfaces -------------------------------------------------------------------------------- */

static const struct cl_mdns_link *
find_index(const struct cl_mdns_link *links, size_t len, unsigned index)
{
    for (size_t i = 0; i < len; i++)
        if (links[i].index == index)
            return &links[i];
    return NULL;
}

/* *old is what a slot has, *now what is there; either may be none. */
static void
put_link(struct cl_mdns_udp *udp, size_t slot, const struct cl_mdns_link *link)
{
    struct cl_mdns_link *old = &udp->links[slot];
    if (link == NULL) {
        udp->events->on_link(udp->ctx, slot, NULL);
        old->index = 0;
    } else if (!cl_mdns_link_eq(old, link)) {
        *old = *link;
        join(udp, link->index);
        udp->events->on_link(udp->ctx, slot, link);
    }
}

static void
rescan(struct cl_mdns_udp *udp)
{
    struct cl_mdns_look look;
    if (!cl_mdns_look(&look))
        return; // nothing is known to have changed
    if (udp->events->on_look != NULL)
        udp->events->on_look(udp->ctx, look.is_public);
    for (size_t slot = 0; slot < CL_MDNS_LINKS_MAX; slot++)
        if (udp->links[slot].index != 0)
            put_link(udp, slot, find_index(look.links, look.len, udp->links[slot].index));
    for (size_t i = 0; i < look.len; i++) {
        if (find_index(udp->links, CL_MDNS_LINKS_MAX, look.links[i].index) != NULL)
            continue;
        // There are as many slots as links, and who has gone left its own.
        put_link(udp, (size_t)(find_index(udp->links, CL_MDNS_LINKS_MAX, 0) - udp->links),
                 &look.links[i]);
    }
    pump(udp);
}

static void
on_rescan(struct cl_timer *timer)
{
    struct cl_mdns_udp *udp = CL_LIST_ENTRY(timer, struct cl_mdns_udp, rescan);
    cl_loop_timer_start(udp->loop, timer,
                        cl_instant_add(cl_loop_now(udp->loop), CL_MDNS_RESCAN_MS));
    rescan(udp);
}

const struct cl_mdns_link *
cl_mdns_udp_link(const struct cl_mdns_udp *udp, size_t slot)
{
    return udp->links[slot].index != 0 ? &udp->links[slot] : NULL;
}

/* -- open and close ---------------------------------------------------------------------------- */

static bool
open_family(struct cl_mdns_udp *udp, enum cl_mdns_family family)
{
    struct socket *socket = &udp->sockets[family];
    socket->udp = udp;
    socket->family = family;
    socket->fd = open_socket(family);
    if (socket->fd < 0)
        return false;
    if (uv_poll_init(&udp->loop->uv, &socket->poll, socket->fd) != 0) {
        (void)close(socket->fd);
        socket->fd = -1;
        errno = ENOMEM;
        return false;
    }
    socket->poll.data = socket;
    udp->open_polls++;
    return true;
}

enum cl_err
cl_mdns_udp_open(struct cl_loop *loop, const struct cl_mdns_udp_events *events, void *ctx,
                 struct cl_mdns_udp **ret_udp, struct cl_why *why)
{
    struct cl_mdns_look look; // its links come in the first turn
    if (!cl_mdns_look(&look))
        return cl_fail(CL_ERR_IO, why, "the interfaces cannot be listed: %s", strerror(errno));
    struct cl_mdns_udp *udp = cl_alloc(sizeof *udp);
    if (udp == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory");
    udp->loop = loop;
    udp->events = events;
    udp->ctx = ctx;
    cl_timer_init(&udp->rescan, on_rescan);
    cl_timer_init(&udp->due, on_due);
    cl_timer_init(&udp->rest, on_rested);
    bool has_v4 = open_family(udp, CL_MDNS_V4);
    int reason = errno;
    bool has_v6 = open_family(udp, CL_MDNS_V6);
    if (!has_v4 && !has_v6) {
        cl_free(udp);
        return cl_fail(CL_ERR_IO, why, "UDP port %d cannot be shared: %s", CL_MDNS_PORT,
                       strerror(reason));
    }
    watch(udp, true);
    cl_loop_timer_start(loop, &udp->rescan, cl_loop_now(loop));
    *ret_udp = udp;
    return CL_OK;
}

static void
on_poll_closed(uv_handle_t *handle)
{
    const struct socket *socket = handle->data;
    struct cl_mdns_udp *udp = socket->udp;
    (void)close(socket->fd);
    if (--udp->open_polls == 0)
        cl_free(udp);
}

void
cl_mdns_udp_close(struct cl_mdns_udp *udp)
{
    if (udp == NULL)
        return;
    udp->is_closed = true;
    cl_loop_timer_stop(udp->loop, &udp->rescan);
    cl_loop_timer_stop(udp->loop, &udp->due);
    cl_loop_timer_stop(udp->loop, &udp->rest);
    for (int f = 0; f < CL_MDNS_FAMILIES; f++)
        if (udp->sockets[f].fd >= 0)
            uv_close((uv_handle_t *)&udp->sockets[f].poll, on_poll_closed);
}
