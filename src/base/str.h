// SPDX-License-Identifier: MIT
/*
 * base/str.h - borrowed bytes.
 *
 * A cl_str points into memory that somebody else owns and is not NUL-terminated. It is
 * used for text and for raw bytes alike. Nothing borrowed is kept after a call returns;
 * to keep is to copy.
 */
#ifndef CL_BASE_STR_H
#define CL_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *ptr; // may be NULL when len is 0
    size_t len;      // bytes
} cl_str;

/* A view of a string literal. */
#define CL_STR(literal) ((cl_str)CL_STR_INIT(literal))
/* The same as an initialiser, for static tables: there a CL_STR is no constant to gcc 12. */
#define CL_STR_INIT(literal)                               \
    {                                                      \
        .ptr = ("" literal ""), .len = sizeof(literal) - 1 \
    }
/* For printf's "%.*s". */
#define CL_STR_ARG(s) (int)(s).len, (s).len == 0 ? "" : (s).ptr

/* A view of a NUL-terminated string; NULL gives the empty view. */
cl_str cl_str_z(const char *text);

static inline cl_str
cl_str_of(const void *ptr, size_t len)
{
    return (cl_str){.ptr = (const char *)ptr, .len = len};
}

static inline bool
cl_str_eq(cl_str a, cl_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII letters compare without case; all other bytes exactly. */
bool cl_str_eq_nocase(cl_str a, cl_str b);
/* Byte order, shorter first on a tie: below, equal or above 0. */
int cl_str_compare(cl_str a, cl_str b);
bool cl_str_starts(cl_str s, cl_str prefix);
bool cl_str_ends(cl_str s, cl_str suffix);

/* The index of the first such byte, or s.len. */
size_t cl_str_find(cl_str s, char byte);
/* From index start (clamped) at most len bytes. */
cl_str cl_str_part(cl_str s, size_t start, size_t len);
/* Splits at the first such byte: *ret_head before it, *ret_rest behind it. Without one the
 * head is all of s, the rest empty, and the answer false. Either may alias s. */
bool cl_str_split(cl_str s, char byte, cl_str *ret_head, cl_str *ret_rest);
/* Without spaces and tabs at both ends. */
cl_str cl_str_trim(cl_str s);
/* Without spaces, tabs, carriage returns and line feeds at both ends: what may surround a JSON
 * text (RFC 8259 section 2). */
cl_str cl_str_strip(cl_str s);

/* The value of a hexadecimal digit, or -1. */
int cl_str_hex_digit(char c);

/* Copies into dst and terminates with NUL. False, with dst untouched, when it does not fit:
 * never cuts. */
bool cl_str_copy(char *dst, size_t dst_cap, cl_str s);
/* Decimal digits only, no sign, no overflow past max. *ret_value untouched on failure. */
bool cl_str_to_u64(cl_str s, uint64_t max, uint64_t *ret_value);

#endif
