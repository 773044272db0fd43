// SPDX-License-Identifier: MIT
/*
 * wire/mdns_parts.h - what the files of the mDNS codec share; nobody else includes it.
 */
#ifndef CL_WIRE_MDNS_PARTS_H
#define CL_WIRE_MDNS_PARTS_H

#include "wire/mdns.h"

#define CL_MDNS_HEADER_BYTES 12
/* Priority and weight, which mean nothing to us, and the port. */
#define CL_MDNS_SRV_HEAD_BYTES 6

static inline uint16_t
cl_mdns_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void
cl_mdns_put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Reads a name at *at, which is moved behind it, of the bytes before end. False: it is broken. */
bool cl_mdns_read_name(cl_str message, size_t *at, size_t end, cl_mdns_name *ret_name);

#endif
