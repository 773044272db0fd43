// SPDX-License-Identifier: MIT
#include "wire/base64url.h"

// RFC 4648 table 2
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Set in the entry of each character of the alphabet, so that those of many can be asked at once:
 * of all others it is 0. */
#define IS_VALID 0x80
#define V(value) (IS_VALID | (value))
// clang-format off
static const uint8_t values[256] = {
    ['A'] = V(0), ['B'] = V(1), ['C'] = V(2), ['D'] = V(3), ['E'] = V(4), ['F'] = V(5),
    ['G'] = V(6), ['H'] = V(7), ['I'] = V(8), ['J'] = V(9), ['K'] = V(10), ['L'] = V(11),
    ['M'] = V(12), ['N'] = V(13), ['O'] = V(14), ['P'] = V(15), ['Q'] = V(16), ['R'] = V(17),
    ['S'] = V(18), ['T'] = V(19), ['U'] = V(20), ['V'] = V(21), ['W'] = V(22), ['X'] = V(23),
    ['Y'] = V(24), ['Z'] = V(25), ['a'] = V(26), ['b'] = V(27), ['c'] = V(28), ['d'] = V(29),
    ['e'] = V(30), ['f'] = V(31), ['g'] = V(32), ['h'] = V(33), ['i'] = V(34), ['j'] = V(35),
    ['k'] = V(36), ['l'] = V(37), ['m'] = V(38), ['n'] = V(39), ['o'] = V(40), ['p'] = V(41),
    ['q'] = V(42), ['r'] = V(43), ['s'] = V(44), ['t'] = V(45), ['u'] = V(46), ['v'] = V(47),
    ['w'] = V(48), ['x'] = V(49), ['y'] = V(50), ['z'] = V(51), ['0'] = V(52), ['1'] = V(53),
    ['2'] = V(54), ['3'] = V(55), ['4'] = V(56), ['5'] = V(57), ['6'] = V(58), ['7'] = V(59),
    ['8'] = V(60), ['9'] = V(61), ['-'] = V(62), ['_'] = V(63),
};
// clang-format on

static uint32_t
value_of(char c)
{
    return values[(uint8_t)c] & 0x3fu;
}

void
cl_base64url_encode(cl_str bytes, char *ret_text)
{
    uint32_t held = 0; // bits that are not written yet, the lowest ones
    unsigned held_len = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        held = held << 8 | (uint8_t)bytes.ptr[i];
        for (held_len += 8; held_len >= 6; held_len -= 6)
            *ret_text++ = alphabet[held >> (held_len - 6) & 0x3f];
    }
    if (held_len > 0)
        *ret_text = alphabet[held << (6 - held_len) & 0x3f];
}

enum cl_err
cl_base64url_append(struct cl_buf *buf, cl_str bytes)
{
    char *space;
    enum cl_err err = cl_buf_reserve(buf, CL_BASE64URL_LEN(bytes.len), &space);
    if (err != CL_OK)
        return err;
    cl_base64url_encode(bytes, space);
    cl_buf_commit(buf, CL_BASE64URL_LEN(bytes.len));
    return CL_OK;
}

/* RFC 4648 section 3.5: bits behind the last byte mean nothing, and are zero. 6 bits are none. */
static bool
ends_well(cl_str text)
{
    if (text.len % 4 == 0)
        return true;
    uint32_t unused = text.len % 4 == 2 ? 0xf : 0x3;
    return text.len % 4 != 1 && (value_of(text.ptr[text.len - 1]) & unused) == 0;
}

bool
cl_base64url_is_valid(cl_str text)
{
    uint32_t all = IS_VALID;
    size_t at = 0;
    for (; at + 4 <= text.len; at += 4) {
        const uint8_t *four = (const uint8_t *)text.ptr + at;
        all &= values[four[0]] & values[four[1]] & values[four[2]] & values[four[3]];
    }
    for (; at < text.len; at++)
        all &= values[(uint8_t)text.ptr[at]];
    return all != 0 && ends_well(text);
}

size_t
cl_base64url_bytes(cl_str text)
{
    return text.len / 4 * 3 + (text.len % 4 == 0 ? 0 : text.len % 4 - 1);
}

enum cl_err
cl_base64url_decode(cl_str text, char *dst, size_t dst_cap, cl_str *ret_bytes)
{
    if (!cl_base64url_is_valid(text))
        return CL_ERR_MALFORMED;
    if (cl_base64url_bytes(text) > dst_cap)
        return CL_ERR_TOO_LARGE;

    char *to = dst;
    size_t at = 0;
    for (; at + 4 <= text.len; at += 4, to += 3) {
        const char *four = text.ptr + at;
        uint32_t bits = value_of(four[0]) << 18 | value_of(four[1]) << 12 | value_of(four[2]) << 6 |
                        value_of(four[3]);
        to[0] = (char)(bits >> 16);
        to[1] = (char)(bits >> 8);
        to[2] = (char)bits;
    }
    if (at < text.len) { // one byte of two characters, or two of three
        uint32_t bits = value_of(text.ptr[at]) << 12 | value_of(text.ptr[at + 1]) << 6;
        if (text.len - at == 3)
            bits |= value_of(text.ptr[at + 2]);
        to[0] = (char)(bits >> 10);
        if (text.len - at == 3)
            to[1] = (char)(bits >> 2);
    }
    *ret_bytes = cl_str_of(dst, cl_base64url_bytes(text));
    return CL_OK;
}
