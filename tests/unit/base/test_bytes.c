// SPDX-License-Identifier: MIT
#include "base/bytes.h"

#include <string.h>

#include "base/alloc.h"
#include "support/test.h"

/* Two vectors and what is behind them. */
#define LEN_MAX 40

/* Bytes that each loop takes, with one other at a place; from a block that ends with them, so
 * that a sanitizer sees a read beyond it. */
struct text {
    char *bytes;
    size_t len;
};

static struct text
text_of(size_t len, char filler)
{
    struct text text = {cl_alloc_or_die(len), len};
    memset(text.bytes, filler, len);
    return text;
}

/* -- byte by byte: what is right ------------------------------------------------------------ */

static size_t
ascii_bytes(struct text text)
{
    size_t at = 0;
    while (at < text.len && (uint8_t)text.bytes[at] < 0x80)
        at++;
    return at;
}

static size_t
json_bytes(struct text text, bool beyond_ascii)
{
    size_t at = 0;
    for (; at < text.len; at++) {
        uint8_t byte = (uint8_t)text.bytes[at];
        if (byte < 0x20 || byte == '"' || byte == '\\' || (byte >= 0x80 && !beyond_ascii))
            break;
    }
    return at;
}

static size_t
printable_bytes(struct text text)
{
    size_t at = 0;
    while (at < text.len && (uint8_t)text.bytes[at] >= ' ' && (uint8_t)text.bytes[at] != 0x7f)
        at++;
    return at;
}

// RFC 4648 table 2
static size_t
base64url_bytes(struct text text)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t at = 0;
    while (at < text.len && memchr(alphabet, text.bytes[at], sizeof alphabet - 1) != NULL)
        at++;
    return at;
}

static void
check_counts(struct text text)
{
    CHECK_INT(cl_bytes_base64url(text.bytes, text.len), base64url_bytes(text));
    CHECK_INT(cl_bytes_base64url_scalar(text.bytes, text.len), base64url_bytes(text));
    CHECK_INT(cl_bytes_printable(text.bytes, text.len), printable_bytes(text));
    CHECK_INT(cl_bytes_ascii(text.bytes, text.len), ascii_bytes(text));
    CHECK_INT(cl_bytes_ascii_scalar(text.bytes, text.len), ascii_bytes(text));
    for (int beyond = 0; beyond < 2; beyond++) {
        size_t want = json_bytes(text, beyond);
        CHECK_INT(cl_bytes_json(text.bytes, text.len, beyond), want);
        CHECK_INT(cl_bytes_json_scalar(text.bytes, text.len, beyond), want);
    }
}

TEST(every_byte_is_found_at_every_place)
{
    for (size_t len = 0; len <= LEN_MAX; len++) {
        struct text text = text_of(len, 'x');
        check_counts(text);
        for (size_t at = 0; at < len; at++) {
            test_note("at %zu of %zu bytes", at, len);
            for (unsigned byte = 0; byte < 256; byte++) {
                text.bytes[at] = (char)byte;
                check_counts(text);
            }
            text.bytes[at] = 'x';
        }
        cl_free(text.bytes);
    }
}

TEST(the_first_of_several_counts)
{
    struct text text = text_of(LEN_MAX, (char)0x80);
    for (size_t plain = 0; plain <= LEN_MAX; plain++) {
        memset(text.bytes, 'x', plain);
        check_counts(text);
    }
    memset(text.bytes, '"', LEN_MAX);
    for (size_t plain = 0; plain <= LEN_MAX; plain++) {
        memset(text.bytes, ' ', plain);
        check_counts(text);
    }
    cl_free(text.bytes);
}

TEST(no_bytes_may_lie_nowhere)
{
    const uint8_t mask[4] = {1, 2, 3, 4};
    check_counts((struct text){NULL, 0});
    cl_bytes_xor(NULL, 0, mask);
    cl_bytes_xor_scalar(NULL, 0, mask);
}

TEST(a_mask_goes_over_bytes_of_every_length)
{
    const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    for (size_t len = 0; len <= LEN_MAX; len++) {
        struct text wide = text_of(len, 'x'), scalar = text_of(len, 'x');
        test_note("%zu bytes", len);
        cl_bytes_xor(wide.bytes, len, mask);
        cl_bytes_xor_scalar(scalar.bytes, len, mask);
        for (size_t at = 0; at < len; at++) {
            CHECK_INT((uint8_t)wide.bytes[at], 'x' ^ mask[at % 4]);
            CHECK_INT((uint8_t)scalar.bytes[at], 'x' ^ mask[at % 4]);
        }
        cl_free(wide.bytes);
        cl_free(scalar.bytes);
    }
}
