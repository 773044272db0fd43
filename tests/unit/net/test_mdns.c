// SPDX-License-Identifier: MIT
/*
 * Where a relay is made known, and what happens without memory. What goes over real sockets is
 * tested by tools/discovery; here no loop turns, so nothing is sent.
 */
#include "net/mdns.h"

#include <string.h>

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

static bool
is_public(cl_address first, cl_address second)
{
    struct cl_mdns_link links[2] = {
        {.index = 2, .addresses_len = 1, .addresses = {{v4(172, 17, 0, 1), 112, false}}},
        {.index = 3, .addresses_len = 2, .addresses = {{first, 120, false}, {second, 64, false}}},
    };
    return cl_mdns_is_machine_public(links, 2);
}

// SECURITY.md: not on a machine of the Internet
TEST(a_machine_of_the_internet_is_told_from_one_at_home)
{
    CHECK(is_public(v4(8, 8, 8, 8), local6));
    CHECK(is_public(v4(192, 168, 0, 5), v4(8, 8, 8, 8)));
    CHECK(is_public(global, local6)); // a server with IPv6 alone
    CHECK(is_public(v4(169, 254, 1, 1), global));
    CHECK(!is_public(v4(192, 168, 0, 5), global)); // a home network with both
    CHECK(!is_public(v4(10, 0, 0, 5), local6));
    CHECK(!is_public(unique, local6));
    CHECK(!cl_mdns_is_machine_public(NULL, 0));
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
