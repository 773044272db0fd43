// SPDX-License-Identifier: MIT
/*
 * The interfaces of this machine, as the system tells them.
 */
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "net/mdns.h"
#include "net/mdns_private.h"
#include "net/tcp_private.h"

/* An address of the Internet's, of an interface that is up. */
static bool
is_address(const struct ifaddrs *at)
{
    return at->ifa_addr != NULL && (at->ifa_flags & IFF_UP) != 0 &&
           (at->ifa_addr->sa_family == AF_INET || at->ifa_addr->sa_family == AF_INET6);
}

/* Multicast to all others on one wire or radio. */
static bool
is_usable(const struct ifaddrs *at)
{
    unsigned flags = at->ifa_flags & (IFF_MULTICAST | IFF_LOOPBACK | IFF_POINTOPOINT);
    return is_address(at) && at->ifa_netmask != NULL && flags == IFF_MULTICAST;
}

static uint8_t
count_bits(const uint8_t *mask, size_t len)
{
    unsigned bits = 0;
    for (size_t i = 0; i < len; i++)
        for (uint8_t byte = mask[i]; byte != 0; byte = (uint8_t)(byte << 1))
            bits++;
    return (uint8_t)bits;
}

static struct cl_mdns_address
address_of(const struct ifaddrs *at)
{
    struct cl_mdns_address own = {.address = cl_tcp_address(at->ifa_addr)};
    own.address.port = 0;
    if (at->ifa_addr->sa_family == AF_INET) {
        struct sockaddr_in mask;
        memcpy(&mask, at->ifa_netmask, sizeof mask);
        own.prefix =
            (uint8_t)(96 + count_bits((const uint8_t *)&mask.sin_addr, sizeof mask.sin_addr));
    } else {
        struct sockaddr_in6 mask;
        memcpy(&mask, at->ifa_netmask, sizeof mask);
        own.prefix = count_bits(mask.sin6_addr.s6_addr, sizeof mask.sin6_addr.s6_addr);
    }
    return own;
}

/* In the order of their bytes, so that a second look finds the same. */
static void
insert(struct cl_mdns_link *link, struct cl_mdns_address own)
{
    size_t at = link->addresses_len;
    if (at == CL_MDNS_ADDRESSES_MAX)
        return;
    for (; at > 0 && memcmp(own.address.ip, link->addresses[at - 1].address.ip, 16) < 0; at--)
        link->addresses[at] = link->addresses[at - 1];
    link->addresses[at] = own;
    link->addresses_len++;
}

static struct cl_mdns_link *
link_of(struct cl_mdns_link *links, size_t *len, const char *name)
{
    unsigned index = if_nametoindex(name);
    for (size_t i = 0; i < *len; i++)
        if (links[i].index == index)
            return &links[i];
    if (index == 0 || *len == CL_MDNS_LINKS_MAX)
        return NULL;
    struct cl_mdns_link *link = &links[(*len)++];
    *link = (struct cl_mdns_link){.index = index};
    // A longer name is none that the system has; without it the link works all the same.
    (void)cl_str_copy(link->name, sizeof link->name, cl_str_z(name));
    return link;
}

static bool
is_private_v4(const struct ifaddrs *at)
{
    cl_address own = cl_tcp_address(at->ifa_addr);
    return cl_address_is_v4(&own) && !cl_mdns_is_public(&own) && !cl_mdns_is_link_local(&own) &&
           !cl_address_is_loopback(&own);
}

static bool
has_private_v4(const struct ifaddrs *all, const char *name)
{
    for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next)
        if (strcmp(at->ifa_name, name) == 0 && is_address(at) && is_private_v4(at))
            return true;
    return false;
}

bool
cl_mdns_is_machine_public(const struct ifaddrs *all)
{
    for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
        if (!is_address(at))
            continue;
        cl_address own = cl_tcp_address(at->ifa_addr);
        if (cl_mdns_is_public(&own) &&
            (cl_address_is_v4(&own) || !has_private_v4(all, at->ifa_name)))
            return true;
    }
    return false;
}

bool
cl_mdns_look(struct cl_mdns_look *ret_look)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return false;
    ret_look->len = 0;
    for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
        struct cl_mdns_link *link =
            is_usable(at) ? link_of(ret_look->links, &ret_look->len, at->ifa_name) : NULL;
        if (link != NULL)
            insert(link, address_of(at));
    }
    ret_look->is_public = cl_mdns_is_machine_public(all);
    freeifaddrs(all);
    return true;
}
