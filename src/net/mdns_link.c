// SPDX-License-Identifier: MIT
#include "net/mdns_link.h"

#include <string.h>

static bool
shares_prefix(const uint8_t a[static 16], const uint8_t b[static 16], unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

/* Networks by their beginning; those of IPv4 in the form of cl_address. */
struct network {
    uint8_t ip[16];
    unsigned bits;
};

#define V4(a, b, bits)                                                  \
    {                                                                   \
        {[10] = 0xff, [11] = 0xff, [12] = (a), [13] = (b)}, 96 + (bits) \
    }

static bool
is_in_one(const cl_address *address, const struct network *networks, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (shares_prefix(address->ip, networks[i].ip, networks[i].bits))
            return true;
    return false;
}

bool
cl_mdns_is_link_local(const cl_address *address)
{
    static const struct network networks[] = {V4(169, 254, 16), {{0xfe, 0x80}, 10}};
    return is_in_one(address, networks, sizeof networks / sizeof networks[0]);
}

bool
cl_mdns_is_public(const cl_address *address)
{
    static const struct network here[] = {
        V4(0, 0, 8),   V4(10, 0, 8),    V4(100, 64, 10),
        V4(127, 0, 8), V4(172, 16, 12), V4(192, 168, 16),
    };
    static const struct network everywhere = {{0x20}, 3}; // RFC 4291 2.4: global unicast so far
    if (cl_address_is_v4(address))
        return !cl_mdns_is_link_local(address) &&
               !is_in_one(address, here, sizeof here / sizeof here[0]);
    return is_in_one(address, &everywhere, 1);
}

bool
cl_mdns_link_has(const struct cl_mdns_link *link, const cl_address *address)
{
    for (size_t i = 0; i < link->addresses_len; i++)
        if (memcmp(link->addresses[i].address.ip, address->ip, sizeof address->ip) == 0)
            return true;
    return false;
}

bool
cl_mdns_link_is_near(const struct cl_mdns_link *link, const cl_address *address)
{
    if (cl_mdns_is_link_local(address))
        return true;
    for (size_t i = 0; i < link->addresses_len; i++) {
        const struct cl_mdns_address *own = &link->addresses[i];
        if (shares_prefix(own->address.ip, address->ip, own->prefix))
            return true;
    }
    return false;
}

bool
cl_mdns_link_eq(const struct cl_mdns_link *a, const struct cl_mdns_link *b)
{
    if (a->index != b->index || a->addresses_len != b->addresses_len ||
        strcmp(a->name, b->name) != 0)
        return false;
    for (size_t i = 0; i < a->addresses_len; i++) {
        const struct cl_mdns_address *one = &a->addresses[i], *two = &b->addresses[i];
        if (memcmp(one->address.ip, two->address.ip, sizeof one->address.ip) != 0 ||
            one->prefix != two->prefix || one->is_offered != two->is_offered)
            return false;
    }
    return true;
}

int64_t
cl_mdns_roll(struct cl_mdns_dice *dice, int64_t least, int64_t most)
{
    // splitmix64: any seed will do, 0 included.
    uint64_t mixed = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    mixed ^= mixed >> 31;
    return least + (int64_t)(mixed % (uint64_t)(most - least + 1));
}
