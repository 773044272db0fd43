// SPDX-License-Identifier: MIT
#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

bool
cl_address_is_v4(const cl_address *address)
{
    static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address->ip, v4_mapped, sizeof v4_mapped) == 0;
}

cl_network
cl_address_network(const cl_address *address)
{
    cl_network network = {{0}};
    memcpy(network.ip, address->ip, cl_address_is_v4(address) ? 16 : 8);
    return network;
}

bool
cl_address_is_loopback(const cl_address *address)
{
    static const uint8_t loopback6[16] = {[15] = 1};
    if (cl_address_is_v4(address))
        return address->ip[12] == 127;
    return memcmp(address->ip, loopback6, sizeof loopback6) == 0;
}

void
cl_address_ip_text(const cl_address *address, char ret_text[static CL_ADDRESS_TEXT_CAP])
{
    bool v4 = cl_address_is_v4(address);
    const char *text = inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address->ip + 12 : address->ip,
                                 ret_text, CL_ADDRESS_TEXT_CAP);
    CL_ASSERT(text != NULL); // there is room for every address
}

void
cl_address_text(const cl_address *address, char ret_text[static CL_ADDRESS_TEXT_CAP])
{
    char ip[CL_ADDRESS_TEXT_CAP];
    cl_address_ip_text(address, ip);
    // The longest IP has 45 characters, so nothing is cut.
    (void)snprintf(ret_text, CL_ADDRESS_TEXT_CAP,
                   cl_address_is_v4(address) ? "%.45s:%u" : "[%.45s]:%u", ip, address->port);
}
