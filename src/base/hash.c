// SPDX-License-Identifier: MIT
#include "base/hash.h"

#include <stdbool.h>

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t
rotl(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

/* Compilers make one load of it. */
static inline uint64_t
load64(const uint8_t *p)
{
    uint64_t x = 0;
    for (unsigned i = 0; i < 8; i++)
        x |= (uint64_t)p[i] << (8 * i);
    return x;
}

static inline uint64_t
load32(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
}

/* Up to 7 bytes, without a loop: two halves that may overlap, or three bytes that may. */
static inline uint64_t
load_rest(const uint8_t *p, size_t len)
{
    if (len >= 4)
        return load32(p) | load32(p + len - 4) << (8 * (len - 4));
    if (len == 0)
        return 0;
    return (uint64_t)p[0] | (uint64_t)p[len / 2] << (8 * (len / 2)) |
           (uint64_t)p[len - 1] << (8 * (len - 1));
}

static void
store64(uint8_t *p, uint64_t x)
{
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(x >> (8 * i));
}

static inline void
rounds(struct sip *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        s->v0 += s->v1;
        s->v1 = rotl(s->v1, 13) ^ s->v0;
        s->v0 = rotl(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotl(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotl(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotl(s->v1, 17) ^ s->v2;
        s->v2 = rotl(s->v2, 32);
    }
}

static inline struct sip
absorb(const cl_hash_key *key, cl_str bytes, unsigned c_rounds, bool wide)
{
    uint64_t k0 = load64(key->bytes);
    uint64_t k1 = load64(key->bytes + 8);
    struct sip s = {
        .v0 = k0 ^ 0x736f6d6570736575ULL,
        .v1 = k1 ^ 0x646f72616e646f6dULL ^ (wide ? 0xee : 0),
        .v2 = k0 ^ 0x6c7967656e657261ULL,
        .v3 = k1 ^ 0x7465646279746573ULL,
    };
    const uint8_t *p = (const uint8_t *)bytes.ptr;
    size_t left = bytes.len;
    for (; left >= 8; p += 8, left -= 8) {
        uint64_t m = load64(p);
        s.v3 ^= m;
        rounds(&s, c_rounds);
        s.v0 ^= m;
    }
    uint64_t last = (uint64_t)bytes.len << 56 | load_rest(p, left);
    s.v3 ^= last;
    rounds(&s, c_rounds);
    s.v0 ^= last;
    return s;
}

uint64_t
cl_hash_short(const cl_hash_key *key, cl_str bytes)
{
    struct sip s = absorb(key, bytes, 1, false);
    s.v2 ^= 0xff;
    rounds(&s, 3);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

cl_hash128
cl_hash_long(const cl_hash_key *key, cl_str bytes)
{
    cl_hash128 hash;
    struct sip s = absorb(key, bytes, 2, true);
    s.v2 ^= 0xee;
    rounds(&s, 4);
    store64(hash.bytes, s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
    s.v1 ^= 0xdd;
    rounds(&s, 4);
    store64(hash.bytes + 8, s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
    return hash;
}
