// SPDX-License-Identifier: MIT
#include "base/bytes.h"
#include "wire/http1_parts.h"

static bool
is_tchar(unsigned char c)
{
    // One bit for each of ALPHA DIGIT ! # $ % & ' * + - . ^ _ ` | ~
    static const uint64_t tchars[2] = {0x03ff6cfa00000000u, 0x57ffffffc7fffffeu};
    return c < 128 && (tchars[c >> 6] >> (c & 63) & 1) != 0;
}

bool
cl_http_is_token(cl_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_tchar((unsigned char)text.ptr[i]))
            return false;
    return text.len > 0;
}

bool
cl_http_is_value(cl_str text)
{
    size_t at = 0;
    while ((at += cl_bytes_printable(text.ptr + at, text.len - at)) < text.len)
        if (text.ptr[at++] != '\t')
            return false;
    return true;
}

bool
cl_http_list_next(cl_str *rest, cl_str *ret_element)
{
    if (rest->ptr == NULL)
        return false;
    cl_str element;
    // NULL marks the end, so that "a," still has its empty second element.
    if (!cl_str_split(*rest, ',', &element, rest))
        *rest = cl_str_of(NULL, 0);
    *ret_element = cl_str_trim(element);
    return true;
}

void
cl_http_split_field(cl_str line, cl_str *ret_name, cl_str *ret_value)
{
    (void)cl_str_split(line, ':', ret_name, ret_value); // a checked line has its colon
    *ret_value = cl_str_trim(*ret_value);
}

enum cl_err
cl_http_check_field(cl_str line, struct cl_why *why)
{
    cl_str name, value;

    if (!cl_str_split(line, ':', &name, &value))
        return cl_fail(CL_ERR_MALFORMED, why, "a field line has no colon");
    // Here is also refused what has whitespace before the colon (RFC 9112 5.1), before the first
    // field (2.2), or in front because it continues the line before (5.2).
    if (!cl_http_is_token(name))
        return cl_fail(CL_ERR_MALFORMED, why, "a field name is not a token");
    if (!cl_http_is_value(value))
        return cl_fail(CL_ERR_MALFORMED, why, "a field value has a control character");
    return CL_OK;
}

enum cl_err
cl_http_check_trailer(cl_str line, struct cl_why *why)
{
    // RFC 9110 6.5.1: framing, routing, authentication, request modifiers, content format.
    static const cl_str forbidden[] = {
        CL_STR_INIT("Authorization"),
        CL_STR_INIT("Connection"),
        CL_STR_INIT("Content-Encoding"),
        CL_STR_INIT("Content-Length"),
        CL_STR_INIT("Content-Range"),
        CL_STR_INIT("Content-Type"),
        CL_STR_INIT("Cookie"),
        CL_STR_INIT("Expect"),
        CL_STR_INIT("Host"),
        CL_STR_INIT("Keep-Alive"),
        CL_STR_INIT("Origin"),
        CL_STR_INIT("Proxy-Authorization"),
        CL_STR_INIT("Set-Cookie"),
        CL_STR_INIT("TE"),
        CL_STR_INIT("Trailer"),
        CL_STR_INIT("Transfer-Encoding"),
        CL_STR_INIT("Upgrade"),
    };
    cl_str name, value;

    enum cl_err err = cl_http_check_field(line, why);
    if (err != CL_OK)
        return err;
    cl_http_split_field(line, &name, &value);
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
        if (cl_str_eq_nocase(name, forbidden[i]))
            return cl_fail(CL_ERR_MALFORMED, why, "%.*s stands in a trailer", CL_STR_ARG(name));
    return CL_OK;
}

bool
cl_http_field_next(cl_str *rest, cl_str *ret_name, cl_str *ret_value)
{
    if (rest->len == 0)
        return false;
    cl_str line;
    (void)cl_str_split(*rest, '\n', &line, rest); // each line of a head ends with CRLF
    cl_http_split_field(cl_str_part(line, 0, line.len - 1), ret_name, ret_value);
    return true;
}

bool
cl_http_field(const struct cl_http_head *head, cl_str name, cl_str *ret_value)
{
    cl_str rest = head->fields, one, value;

    while (cl_http_field_next(&rest, &one, &value)) {
        if (cl_str_eq_nocase(one, name)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

size_t
cl_http_field_count(const struct cl_http_head *head, cl_str name)
{
    cl_str rest = head->fields, one, value;
    size_t count = 0;

    while (cl_http_field_next(&rest, &one, &value))
        if (cl_str_eq_nocase(one, name))
            count++;
    return count;
}

bool
cl_http_has_token(const struct cl_http_head *head, cl_str name, cl_str token)
{
    cl_str rest = head->fields, one, list, element;

    while (cl_http_field_next(&rest, &one, &list)) {
        if (!cl_str_eq_nocase(one, name))
            continue;
        while (cl_http_list_next(&list, &element))
            if (cl_str_eq_nocase(element, token))
                return true;
    }
    return false;
}
