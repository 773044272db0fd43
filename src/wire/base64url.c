// SPDX-License-Identifier: MIT
#include "wire/base64url.h"

// RFC 4648 table 2
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// clang-format off
/* The value of each character of the alphabet, and one more: 0 is for all others. */
static const uint8_t values[256] = {
    ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,
    ['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};
// clang-format on

static uint32_t
value_of(char c)
{
    return values[(uint8_t)c] - 1u;
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

bool
cl_base64url_is_valid(cl_str text)
{
    bool is_valid = text.len % 4 != 1; // 6 bits are no byte
    for (size_t i = 0; i < text.len; i++)
        is_valid &= values[(uint8_t)text.ptr[i]] != 0;
    if (!is_valid || text.len % 4 == 0)
        return is_valid;
    // RFC 4648 section 3.5: bits behind the last byte mean nothing, and are zero.
    uint32_t unused = text.len % 4 == 2 ? 0xf : 0x3;
    return (value_of(text.ptr[text.len - 1]) & unused) == 0;
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

    char *at = dst;
    uint32_t held = 0;
    unsigned held_len = 0;
    for (size_t i = 0; i < text.len; i++) {
        held = held << 6 | value_of(text.ptr[i]);
        held_len += 6;
        if (held_len < 8)
            continue;
        held_len -= 8;
        *at++ = (char)(held >> held_len);
    }
    *ret_bytes = cl_str_of(dst, cl_base64url_bytes(text));
    return CL_OK;
}
