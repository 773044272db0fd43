// SPDX-License-Identifier: MIT
#include "base/str.h"

#include <string.h>

cl_str
cl_str_z(const char *text)
{
    return (cl_str){.ptr = text, .len = text == NULL ? 0 : strlen(text)};
}

static unsigned char
lower(char byte)
{
    unsigned char c = (unsigned char)byte;
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

bool
cl_str_eq_nocase(cl_str a, cl_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

int
cl_str_compare(cl_str a, cl_str b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared == 0 ? 0 : memcmp(a.ptr, b.ptr, shared);
    if (order != 0)
        return order;
    return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

bool
cl_str_starts(cl_str s, cl_str prefix)
{
    return s.len >= prefix.len && cl_str_eq(cl_str_part(s, 0, prefix.len), prefix);
}

bool
cl_str_ends(cl_str s, cl_str suffix)
{
    return s.len >= suffix.len && cl_str_eq(cl_str_part(s, s.len - suffix.len, suffix.len), suffix);
}

size_t
cl_str_find(cl_str s, char byte)
{
    const char *at = s.len == 0 ? NULL : memchr(s.ptr, byte, s.len);
    return at == NULL ? s.len : (size_t)(at - s.ptr);
}

cl_str
cl_str_part(cl_str s, size_t start, size_t len)
{
    if (start >= s.len)
        return (cl_str){.ptr = s.ptr, .len = 0};
    if (len > s.len - start)
        len = s.len - start;
    return (cl_str){.ptr = s.ptr + start, .len = len};
}

bool
cl_str_split(cl_str s, char byte, cl_str *ret_head, cl_str *ret_rest)
{
    size_t at = cl_str_find(s, byte);
    *ret_head = cl_str_part(s, 0, at);
    *ret_rest = cl_str_part(s, at + 1, s.len);
    return at < s.len;
}

cl_str
cl_str_trim(cl_str s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = cl_str_part(s, 1, s.len);
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

cl_str
cl_str_strip(cl_str s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = cl_str_part(s, 1, s.len);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

int
cl_str_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool
cl_str_copy(char *dst, size_t dst_cap, cl_str s)
{
    if (s.len >= dst_cap)
        return false;
    if (s.len > 0)
        memcpy(dst, s.ptr, s.len);
    dst[s.len] = '\0';
    return true;
}

bool
cl_str_to_u64(cl_str s, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *ret_value = value;
    return true;
}
