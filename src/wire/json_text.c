// SPDX-License-Identifier: MIT
#include "wire/json_text.h"

#include <string.h>

/* Bytes that are hashed at once: longer than almost any name. */
#define HASH_PIECE 64

/* Walks the decoded bytes of a raw string. */
struct walk {
    cl_str rest;
    char piece[4]; // one decoded escape
    uint8_t piece_len;
    uint8_t piece_at;
};

/* RFC 3629 section 3. */
static uint8_t
encode_utf8(uint32_t code, char ret_bytes[static 4])
{
    if (code < 0x80) {
        ret_bytes[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        ret_bytes[0] = (char)(0xc0 | code >> 6);
        ret_bytes[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        ret_bytes[0] = (char)(0xe0 | code >> 12);
        ret_bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
        ret_bytes[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    ret_bytes[0] = (char)(0xf0 | code >> 18);
    ret_bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
    ret_bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
    ret_bytes[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* The four digits of "\uXXXX" at the start of rest, which is cut behind them. */
static uint32_t
take_unit(cl_str *rest)
{
    uint32_t unit = 0;
    for (size_t i = 2; i < 6 && i < rest->len; i++)
        unit = unit << 4 | ((uint32_t)cl_str_hex_digit(rest->ptr[i]) & 0xf);
    *rest = cl_str_part(*rest, 6, rest->len);
    return unit;
}

/* Decodes the escape at the start of rest, which is cut behind it (RFC 8259 section 7). */
static uint8_t
take_escape(cl_str *rest, char ret_bytes[static 4])
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    char letter = rest->len < 2 ? '\\' : rest->ptr[1];

    if (letter == 'u') {
        uint32_t code = take_unit(rest);
        if (code >= 0xd800 && code <= 0xdbff)
            code = 0x10000 + ((code & 0x3ff) << 10) + (take_unit(rest) & 0x3ff);
        return encode_utf8(code, ret_bytes);
    }
    const char *known = memchr(letters, letter, sizeof letters - 1);
    ret_bytes[0] = known == NULL ? letter : meanings[known - letters];
    *rest = cl_str_part(*rest, 2, rest->len);
    return 1;
}

/* The next decoded byte, or -1 at the end. */
static int
next_byte(struct walk *walk)
{
    if (walk->piece_at < walk->piece_len)
        return (unsigned char)walk->piece[walk->piece_at++];
    if (walk->rest.len == 0)
        return -1;
    char c = *walk->rest.ptr;
    if (c != '\\') {
        walk->rest = cl_str_part(walk->rest, 1, walk->rest.len);
        return (unsigned char)c;
    }
    walk->piece_len = take_escape(&walk->rest, walk->piece);
    walk->piece_at = 1;
    return (unsigned char)walk->piece[0];
}

bool
cl_json_text_is_escaped(cl_str raw)
{
    return cl_str_find(raw, '\\') < raw.len;
}

bool
cl_json_text_eq(cl_str raw, cl_str other_raw)
{
    struct walk walk = {.rest = raw}, other = {.rest = other_raw};
    int byte;
    do {
        byte = next_byte(&walk);
        if (byte != next_byte(&other))
            return false;
    } while (byte >= 0);
    return true;
}

bool
cl_json_text_is(cl_str raw, cl_str plain)
{
    struct walk walk = {.rest = raw};
    // An escape is longer than what it means.
    if (raw.len <= plain.len)
        return cl_str_eq(raw, plain) && !cl_json_text_is_escaped(raw);
    if (!cl_json_text_is_escaped(raw))
        return false;
    for (size_t i = 0; i < plain.len; i++)
        if (next_byte(&walk) != (unsigned char)plain.ptr[i])
            return false;
    return next_byte(&walk) < 0;
}

uint64_t
cl_json_text_hash(const cl_hash_key *key, cl_str raw)
{
    struct walk walk = {.rest = raw};
    char piece[HASH_PIECE];
    size_t len = 0;
    for (int byte = next_byte(&walk); byte >= 0; byte = next_byte(&walk)) {
        if (len == HASH_PIECE) {
            // The hash of what came before stands at the head of the next piece.
            uint64_t before = cl_hash_short(key, cl_str_of(piece, len));
            memcpy(piece, &before, sizeof before);
            len = sizeof before;
        }
        piece[len++] = (char)byte;
    }
    return cl_hash_short(key, cl_str_of(piece, len));
}

size_t
cl_json_text_decode(cl_str raw, char *ret_bytes)
{
    size_t len = 0;
    while (raw.len > 0) {
        size_t plain = cl_str_find(raw, '\\');
        memcpy(ret_bytes + len, raw.ptr, plain);
        len += plain;
        raw = cl_str_part(raw, plain, raw.len);
        if (raw.len > 0) {
            char bytes[4];
            uint8_t bytes_len = take_escape(&raw, bytes);
            memcpy(ret_bytes + len, bytes, bytes_len);
            len += bytes_len;
        }
    }
    return len;
}
