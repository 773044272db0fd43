// SPDX-License-Identifier: MIT
#include "base/bytes.h"

#include <string.h>

/* -- plain C: eight bytes at a time --------------------------------------------------------- */

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))
/* The high bit of some byte is set if and only if a byte of word is zero. */
#define HAS_ZERO(word) (((word)-EACH_BYTE(1)) & ~(word)&EACH_BYTE(0x80))

static uint64_t
load(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

size_t
cl_bytes_ascii_scalar(const char *bytes, size_t len)
{
    size_t at = 0;
    while (len - at >= 8 && (load(bytes + at) & EACH_BYTE(0x80)) == 0)
        at += 8;
    while (at < len && (uint8_t)bytes[at] < 0x80)
        at++;
    return at;
}

/* The index of the first byte whose high bit is set; 8: there is none. Behind the first one there
 * may be high bits that mean nothing, so it must be the lowest byte of the word. */
static size_t
first_high(uint64_t word)
{
    word &= EACH_BYTE(0x80);
    if (word == 0)
        return 8;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (size_t)__builtin_ctzll(word) / 8;
#else
    return 0; // or behind it
#endif
}

/* The index of the first of eight bytes that needs a look inside a JSON string, or 8. */
static size_t
first_special(uint64_t word, bool beyond_ascii)
{
    uint64_t special = (word - EACH_BYTE(' ')) & ~word; // below ' '
    special |= HAS_ZERO(word ^ EACH_BYTE('"')) | HAS_ZERO(word ^ EACH_BYTE('\\'));
    return first_high(beyond_ascii ? special : special | word);
}

size_t
cl_bytes_printable(const char *bytes, size_t len)
{
    size_t at = 0, first;
    for (; len - at >= 8; at += 8) {
        uint64_t word = load(bytes + at);
        uint64_t control = ((word - EACH_BYTE(' ')) & ~word) | HAS_ZERO(word ^ EACH_BYTE(0x7f));
        if ((first = first_high(control)) < 8) {
            at += first;
            break;
        }
    }
    while (at < len && (uint8_t)bytes[at] >= ' ' && bytes[at] != 0x7f)
        at++;
    return at;
}

/* The end of the bytes as one word: of less than eight the first four and the last four. */
static uint64_t
load_end(const char *bytes, size_t len)
{
    uint32_t halves[2];
    uint64_t word;
    if (len >= 8)
        return load(bytes + len - 8);
    memcpy(&halves[0], bytes, 4);
    memcpy(&halves[1], bytes + len - 4, 4);
    memcpy(&word, halves, sizeof word);
    return word;
}

size_t
cl_bytes_json_scalar(const char *bytes, size_t len, bool beyond_ascii)
{
    size_t at = 0, first = 8;
    while (len - at >= 8 && (first = first_special(load(bytes + at), beyond_ascii)) == 8)
        at += 8;
    if (first == 8 && len >= 4 && first_special(load_end(bytes, len), beyond_ascii) == 8)
        return len; // some of them were seen already
    at += first % 8;
    for (; at < len; at++) {
        uint8_t byte = (uint8_t)bytes[at];
        if (byte < ' ' || byte == '"' || byte == '\\' || (byte >= 0x80 && !beyond_ascii))
            break;
    }
    return at;
}

size_t
cl_bytes_base64url_scalar(const char *bytes, size_t len)
{
    size_t at = 0;
    for (; at < len; at++) {
        uint8_t byte = (uint8_t)bytes[at];
        uint8_t letter = (uint8_t)((byte | 0x20) - 'a'), digit = (uint8_t)(byte - '0');
        if (letter > 'z' - 'a' && digit > 9 && byte != '-' && byte != '_')
            break;
    }
    return at;
}

void
cl_bytes_xor_scalar(char *bytes, size_t len, const uint8_t mask[static 4])
{
    uint64_t wide = 0;
    size_t at = 0;
    memcpy(&wide, mask, 4);
    memcpy((char *)&wide + 4, mask, 4);
    for (; len - at >= 8; at += 8) {
        uint64_t word = load(bytes + at) ^ wide;
        memcpy(bytes + at, &word, sizeof word);
    }
    for (; at < len; at++)
        bytes[at] = (char)((uint8_t)bytes[at] ^ mask[at % 4]);
}

/* -- sixteen bytes at a time ---------------------------------------------------------------- */

#if defined(__SSE2__)
#include <emmintrin.h>

typedef __m128i vec;

static inline vec
vec_load(const char *bytes)
{
    return _mm_loadu_si128((const vec *)(const void *)bytes);
}

static inline vec
vec_of(uint8_t byte)
{
    return _mm_set1_epi8((char)byte);
}

static inline vec
vec_eq(vec a, vec b)
{
    return _mm_cmpeq_epi8(a, b);
}

static inline vec
vec_or(vec a, vec b)
{
    return _mm_or_si128(a, b);
}

static inline vec
vec_sub(vec a, vec b)
{
    return _mm_sub_epi8(a, b);
}

/* Where a is at most b. */
static inline vec
vec_up_to(vec a, vec b)
{
    return _mm_cmpeq_epi8(_mm_min_epu8(a, b), a);
}

/* The index of the first byte with its high bit set; 16: there is none. */
static inline unsigned
vec_first_high(vec a)
{
    return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(a) | 0x10000u);
}

static inline void
vec_xor_at(char *bytes, vec mask)
{
    _mm_storeu_si128((vec *)(void *)bytes, _mm_xor_si128(vec_load(bytes), mask));
}

#define HAS_VEC 1

#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>

typedef uint8x16_t vec;

static inline vec
vec_load(const char *bytes)
{
    return vld1q_u8((const uint8_t *)bytes);
}

static inline vec
vec_of(uint8_t byte)
{
    return vdupq_n_u8(byte);
}

static inline vec
vec_eq(vec a, vec b)
{
    return vceqq_u8(a, b);
}

static inline vec
vec_or(vec a, vec b)
{
    return vorrq_u8(a, b);
}

static inline vec
vec_sub(vec a, vec b)
{
    return vsubq_u8(a, b);
}

static inline vec
vec_up_to(vec a, vec b)
{
    return vcleq_u8(a, b);
}

static inline unsigned
vec_first_high(vec a)
{
    // Four bits of each byte, in one word.
    uint8x8_t narrow = vshrn_n_u16(vreinterpretq_u16_u8(vcltzq_s8(vreinterpretq_s8_u8(a))), 4);
    uint64_t bits = vget_lane_u64(vreinterpret_u64_u8(narrow), 0);
    return bits == 0 ? 16 : (unsigned)__builtin_ctzll(bits) / 4;
}

static inline void
vec_xor_at(char *bytes, vec mask)
{
    vst1q_u8((uint8_t *)bytes, veorq_u8(vec_load(bytes), mask));
}

#define HAS_VEC 1
#endif

#if defined(HAS_VEC)

size_t
cl_bytes_ascii(const char *bytes, size_t len)
{
    size_t at = 0;
    if (len < 16)
        return cl_bytes_ascii_scalar(bytes, len);
    for (; len - at >= 16; at += 16) {
        unsigned first = vec_first_high(vec_load(bytes + at));
        if (first < 16)
            return at + first;
    }
    return at + cl_bytes_ascii_scalar(bytes + at, len - at);
}

size_t
cl_bytes_json(const char *bytes, size_t len, bool beyond_ascii)
{
    const vec quote = vec_of('"'), backslash = vec_of('\\'), control = vec_of(' ' - 1);
    size_t at = 0;
    if (len < 16)
        return cl_bytes_json_scalar(bytes, len, beyond_ascii);
    for (; len - at >= 16; at += 16) {
        vec here = vec_load(bytes + at);
        vec special = vec_or(vec_eq(here, quote), vec_eq(here, backslash));
        special = vec_or(special, vec_up_to(here, control));
        unsigned first = vec_first_high(beyond_ascii ? special : vec_or(special, here));
        if (first < 16)
            return at + first;
    }
    return at + cl_bytes_json_scalar(bytes + at, len - at, beyond_ascii);
}

static inline unsigned
first_beyond_base64url(const char *bytes)
{
    vec here = vec_load(bytes);
    vec letter = vec_sub(vec_or(here, vec_of(0x20)), vec_of('a'));
    vec good = vec_or(vec_up_to(letter, vec_of('z' - 'a')),
                      vec_up_to(vec_sub(here, vec_of('0')), vec_of(9)));
    good = vec_or(good, vec_or(vec_eq(here, vec_of('-')), vec_eq(here, vec_of('_'))));
    return vec_first_high(vec_eq(good, vec_of(0)));
}

size_t
cl_bytes_base64url(const char *bytes, size_t len)
{
    size_t at = 0;
    if (len < 16)
        return cl_bytes_base64url_scalar(bytes, len);
    for (; len - at >= 16; at += 16) {
        unsigned first = first_beyond_base64url(bytes + at);
        if (first < 16)
            return at + first;
    }
    // The last sixteen, of which some were seen already.
    return len - 16 + first_beyond_base64url(bytes + len - 16);
}

void
cl_bytes_xor(char *bytes, size_t len, const uint8_t mask[static 4])
{
    char four[16];
    size_t at = 0;
    if (len < 16) {
        cl_bytes_xor_scalar(bytes, len, mask);
        return;
    }
    for (size_t i = 0; i < sizeof four; i += 4)
        memcpy(four + i, mask, 4);
    const vec wide = vec_load(four);
    for (; len - at >= 16; at += 16)
        vec_xor_at(bytes + at, wide);
    cl_bytes_xor_scalar(bytes + at, len - at, mask);
}

#else

size_t
cl_bytes_ascii(const char *bytes, size_t len)
{
    return cl_bytes_ascii_scalar(bytes, len);
}

size_t
cl_bytes_json(const char *bytes, size_t len, bool beyond_ascii)
{
    return cl_bytes_json_scalar(bytes, len, beyond_ascii);
}

size_t
cl_bytes_base64url(const char *bytes, size_t len)
{
    return cl_bytes_base64url_scalar(bytes, len);
}

void
cl_bytes_xor(char *bytes, size_t len, const uint8_t mask[static 4])
{
    cl_bytes_xor_scalar(bytes, len, mask);
}

#endif
