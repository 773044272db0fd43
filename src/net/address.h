// SPDX-License-Identifier: MIT
/*
 * net/address.h - an IP address with its port, as a value.
 */
#ifndef CL_NET_ADDRESS_H
#define CL_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* IPv4 is kept in the form ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so comparing is memcmp. */
typedef struct {
    uint8_t ip[16];
    uint16_t port;
} cl_address;

/* "[ffff:...:ffff]:65535" and its NUL. */
#define CL_ADDRESS_TEXT_CAP 56

/* What one host can hold alone: an IPv4 address, or an IPv6 /64 network. Comparing is memcmp. */
typedef struct {
    uint8_t ip[16];
} cl_network;

cl_network cl_address_network(const cl_address *address);

bool cl_address_is_v4(const cl_address *address);
/* 127.0.0.0/8 and ::1. */
bool cl_address_is_loopback(const cl_address *address);
/* "10.0.0.7" or "2001:db8::7", without the port. */
void cl_address_ip_text(const cl_address *address, char ret_text[static CL_ADDRESS_TEXT_CAP]);
/* "10.0.0.7:9077" or "[2001:db8::7]:9077", as in a URL. */
void cl_address_text(const cl_address *address, char ret_text[static CL_ADDRESS_TEXT_CAP]);

#endif
