// SPDX-License-Identifier: MIT
/*
 * base/hash.h - SipHash (Aumasson, Bernstein 2012), for map keys that strangers choose, for the
 * fingerprint of the core's state and for what lies on a disk. Not for signatures.
 */
#ifndef CL_BASE_HASH_H
#define CL_BASE_HASH_H

#include <stdint.h>

#include "base/str.h"

typedef struct {
    uint8_t bytes[16];
} cl_hash_key;

typedef struct {
    uint8_t bytes[16];
} cl_hash128;

/* SipHash-1-3, 64 bits: for hash tables, and to find damage. */
uint64_t cl_hash_short(const cl_hash_key *key, cl_str bytes);
/* SipHash-2-4, 128 bits. */
cl_hash128 cl_hash_long(const cl_hash_key *key, cl_str bytes);

#endif
