// SPDX-License-Identifier: MIT
#include "wire/base64url.h"

#include "base/bytes.h"

// RFC 4648 table 2
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// clang-format off
static const uint8_t values[256] = {
    ['A'] = 0, ['B'] = 1, ['C'] = 2, ['D'] = 3, ['E'] = 4, ['F'] = 5,
    ['G'] = 6, ['H'] = 7, ['I'] = 8, ['J'] = 9, ['K'] = 10, ['L'] = 11,
    ['M'] = 12, ['N'] = 13, ['O'] = 14, ['P'] = 15, ['Q'] = 16, ['R'] = 17,
    ['S'] = 18, ['T'] = 19, ['U'] = 20, ['V'] = 21, ['W'] = 22, ['X'] = 23,
    ['Y'] = 24, ['Z'] = 25, ['a'] = 26, ['b'] = 27, ['c'] = 28, ['d'] = 29,
    ['e'] = 30, ['f'] = 31, ['g'] = 32, ['h'] = 33, ['i'] = 34, ['j'] = 35,
    ['k'] = 36, ['l'] = 37, ['m'] = 38, ['n'] = 39, ['o'] = 40, ['p'] = 41,
    ['q'] = 42, ['r'] = 43, ['s'] = 44, ['t'] = 45, ['u'] = 46, ['v'] = 47,
    ['w'] = 48, ['x'] = 49, ['y'] = 50, ['z'] = 51, ['0'] = 52, ['1'] = 53,
    ['2'] = 54, ['3'] = 55, ['4'] = 56, ['5'] = 57, ['6'] = 58, ['7'] = 59,
    ['8'] = 60, ['9'] = 61, ['-'] = 62, ['_'] = 63,
};
// clang-format on

static uint32_t
value_of(char c)
{
    return values[(uint8_t)c];
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
    return cl_bytes_base64url(text.ptr, text.len) == text.len && ends_well(text);
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
