// SPDX-License-Identifier: MIT
/*
 * Where a relay is made known, and what happens without memory. What goes over real sockets is
 * tested by tools/discovery; here no loop turns, so nothing is sent.
 */
#include "net/mdns.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "support/fault.h"
#include "support/test.h"

static cl_address
v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (cl_address){.ip = {[10] = 0xff, 0xff, a, b, c, d}};
}

static const cl_address global = {.ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
static const cl_address local6 = {.ip = {0xfe, 0x80, [15] = 1}};
static const cl_address unique = {.ip = {0xfd, [15] = 1}};

/* -- which machine ----------------------------------------------------------------------------- */

TEST(public_addresses_are_told_from_those_of_a_home)
{
    static const struct {
        uint8_t ip[4];
        bool is_public;
    } rows[] = {
        {{10, 1, 2, 3}, false},    {{172, 16, 0, 1}, false},  {{172, 31, 9, 9}, false},
        {{172, 32, 0, 1}, true},   {{192, 168, 1, 1}, false}, {{192, 169, 1, 1}, true},
        {{169, 254, 1, 1}, false}, {{100, 64, 0, 1}, false},  {{100, 128, 0, 1}, true},
        {{127, 0, 0, 1}, false},   {{8, 8, 8, 8}, true},      {{0, 0, 0, 0}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint8_t *ip = rows[i].ip;
        const cl_address address = v4(ip[0], ip[1], ip[2], ip[3]);
        test_note("row %zu", i);
        CHECK_INT(cl_mdns_is_public(&address), rows[i].is_public);
    }
    CHECK(cl_mdns_is_public(&(cl_address){.ip = {0x20, 0x01, 0x0d}}));
    CHECK(!cl_mdns_is_public(&(cl_address){.ip = {0xfd}}));
    CHECK(!cl_mdns_is_public(&(cl_address){.ip = {0xfe, 0x80}}));
    CHECK(!cl_mdns_is_public(&(cl_address){.ip = {[15] = 1}}));
}

#define OWNS_MAX 4

struct own {
    char name[8]; // of the interface; empty behind the last
    unsigned flags;
    cl_address address; // a port: not of the Internet at all
};

static struct sockaddr_storage
sockaddr_of(const cl_address *address)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    memcpy(&in.sin_addr, address->ip + 12, 4);
    memcpy(&in6.sin6_addr, address->ip, 16);
    if (address->port == 0 && cl_address_is_v4(address))
        memcpy(&storage, &in, sizeof in);
    else if (address->port == 0)
        memcpy(&storage, &in6, sizeof in6);
    return storage;
}

/* As getifaddrs(3) tells it. */
static bool
is_public(struct own owns[OWNS_MAX])
{
    struct ifaddrs list[OWNS_MAX];
    struct sockaddr_storage addresses[OWNS_MAX];
    size_t len = 0;
    for (; len < OWNS_MAX && owns[len].name[0] != '\0'; len++) {
        addresses[len] = sockaddr_of(&owns[len].address);
        list[len] = (struct ifaddrs){.ifa_name = owns[len].name,
                                     .ifa_flags = owns[len].flags,
                                     .ifa_addr = (struct sockaddr *)&addresses[len]};
        if (len > 0)
            list[len - 1].ifa_next = &list[len];
    }
    return cl_mdns_is_machine_public(len > 0 ? list : NULL);
}

#define ETHERNET (IFF_UP | IFF_BROADCAST | IFF_MULTICAST)

// SECURITY.md: not on a machine of the Internet
TEST(a_machine_of_the_internet_is_told_from_one_at_home)
{
    const cl_address home = v4(192, 168, 0, 5), loop4 = v4(127, 0, 0, 1), www = v4(8, 8, 8, 8);
    struct {
        const char *what;
        struct own owns[OWNS_MAX];
        bool is_public;
    } rows[] = {
        {"nothing", {{"", 0, local6}}, false},
        {"a public IPv4 address", {{"eth0", ETHERNET, local6}, {"eth0", ETHERNET, www}}, true},
        {"beside a private one", {{"eth0", ETHERNET, home}, {"eth0", ETHERNET, www}}, true},
        {"a server with IPv6 alone",
         {{"eth0", ETHERNET, local6}, {"eth0", ETHERNET, global}},
         true},
        {"IPv6 and 169.254",
         {{"eth0", ETHERNET, v4(169, 254, 1, 1)}, {"eth0", ETHERNET, global}},
         true},
        {"a home with both", {{"eth0", ETHERNET, global}, {"eth0", ETHERNET, home}}, false},
        {"a home", {{"eth0", ETHERNET, v4(10, 0, 0, 5)}, {"eth0", ETHERNET, local6}}, false},
        {"unique local", {{"eth0", ETHERNET, unique}, {"eth0", ETHERNET, local6}}, false},
        // Interfaces over which nothing is advertised
        {"PPP", {{"eth0", ETHERNET, home}, {"ppp0", IFF_UP | IFF_POINTOPOINT, www}}, true},
        {"a tunnel, IPv6",
         {{"eth0", ETHERNET, home}, {"wg0", IFF_UP | IFF_POINTOPOINT, global}},
         true},
        {"no multicast", {{"eth0", ETHERNET, home}, {"dummy0", IFF_UP, www}}, true},
        {"loopback, IPv6", {{"lo", IFF_UP | IFF_LOOPBACK, loop4}, {"lo", IFF_UP, global}}, true},
        {"a tunnel that is down", {{"eth0", ETHERNET, home}, {"wg0", IFF_POINTOPOINT, www}}, false},
        {"a private tunnel", {{"eth0", ETHERNET, home}, {"wg0", IFF_UP, v4(100, 64, 0, 1)}}, false},
        {"the private address is another's",
         {{"eth0", ETHERNET, home}, {"eth1", ETHERNET, global}},
         true},
        {"the private address is down", {{"eth0", 0, home}, {"eth0", ETHERNET, global}}, true},
        {"another family", {{"eth0", ETHERNET, {.ip = {0x20, 1}, .port = 1}}}, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        test_note("%s", rows[i].what);
        CHECK_INT(is_public(rows[i].owns), rows[i].is_public);
    }
}

TEST(an_interface_without_an_address_says_nothing)
{
    char name[] = "wg0";
    const struct ifaddrs at = {.ifa_name = name, .ifa_flags = IFF_UP};
    CHECK(!cl_mdns_is_machine_public(&at));
}

TEST(only_addresses_at_which_the_relay_listens_are_offered)
{
    const cl_address home = v4(192, 168, 0, 5), other = v4(192, 168, 0, 6);
    const cl_address every4 = v4(0, 0, 0, 0), every = {.ip = {0}};
    CHECK(cl_mdns_is_offered(&every, &home) && cl_mdns_is_offered(&every, &global));
    CHECK(cl_mdns_is_offered(&every4, &home) && !cl_mdns_is_offered(&every4, &global));
    CHECK(cl_mdns_is_offered(&home, &home) && !cl_mdns_is_offered(&home, &other));
    CHECK(!cl_mdns_is_offered(&global, &home) && cl_mdns_is_offered(&global, &global));
}

TEST(links_are_the_same_only_with_the_same_addresses)
{
    struct cl_mdns_link a = {.index = 3, .name = "eth0", .addresses_len = 1};
    a.addresses[0] = (struct cl_mdns_address){v4(10, 0, 0, 5), 120, false};
    struct cl_mdns_link b = a;
    CHECK(cl_mdns_link_eq(&a, &b));
    b.addresses[0].prefix = 112;
    CHECK(!cl_mdns_link_eq(&a, &b));
    b = a;
    b.index = 4;
    CHECK(!cl_mdns_link_eq(&a, &b));
    b = a;
    b.addresses_len = 0;
    CHECK(!cl_mdns_link_eq(&a, &b));
}

TEST(networks_end_within_a_byte)
{
    struct cl_mdns_link link = {.index = 3, .addresses_len = 1};
    link.addresses[0] = (struct cl_mdns_address){v4(10, 0, 4, 5), 96 + 22, false};
    const cl_address near = v4(10, 0, 7, 255), far = v4(10, 0, 8, 0), below = v4(10, 0, 3, 255);
    CHECK(cl_mdns_link_is_near(&link, &near));
    CHECK(!cl_mdns_link_is_near(&link, &far) && !cl_mdns_link_is_near(&link, &below));
}

static void
ignore_news(void *ctx, enum cl_mdns_news news, cl_str interface, cl_str name)
{
    (void)ctx;
    (void)news;
    (void)interface;
    (void)name;
}

/* A machine may have no room on the port; that is CL_ERR_IO, and as good an end here. */
static void
check_end(enum cl_err err, const struct cl_why *why)
{
    if (err != CL_OK)
        CHECK(why->text[0] != '\0');
    CHECK(err == CL_OK || err == CL_ERR_IO || (err == CL_ERR_NO_MEMORY && fault_happened()));
}

TEST(without_memory_nothing_is_made_known_and_nothing_leaks)
{
    struct cl_mdns_record txt = {0};
    cl_mdns_set_txt(&txt);
    const struct cl_mdns_advert_config config = {
        .service = {CL_STR("Box"), CL_STR("box"), 9077, &txt}, .on_news = ignore_news};
    FOR_EACH_FAULT
    {
        struct cl_loop *loop = NULL;
        struct cl_mdns_advert *advert = NULL;
        struct cl_mdns_scan *scan = NULL;
        struct cl_why why = {""};
        enum cl_err err = cl_loop_new(&loop);
        if (err == CL_OK) {
            check_end(cl_mdns_advert_open(loop, &config, &advert, &why), &why);
            check_end(cl_mdns_scan_open(loop, &scan, &why), &why);
            const struct cl_mdns_link *link;
            CHECK(scan == NULL || cl_mdns_scan_next(scan, NULL, &link) == NULL);
        }
        cl_mdns_advert_close(advert);
        cl_mdns_scan_close(scan);
        cl_loop_free(loop);
    }
    struct cl_loop *loop;
    struct cl_why why = {""};
    struct cl_mdns_advert *advert = NULL;
    CHECK_OK(cl_loop_new(&loop));
    struct cl_mdns_advert_config nameless = config;
    nameless.service.instance = CL_STR("");
    CHECK_INT(cl_mdns_advert_open(loop, &nameless, &advert, &why), CL_ERR_USAGE);
    cl_loop_free(loop);
}
