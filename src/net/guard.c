// SPDX-License-Identifier: MIT
#include "net/guard.h"

#include <arpa/inet.h>

/* "[::1]:80", "1.2.3.4:80", "name": the part without port and brackets. False when the rest is
 * no port. */
static bool
split_authority(cl_str authority, cl_str *ret_name, bool *ret_is_bracketed)
{
    cl_str name = authority;
    cl_str port = {0};
    bool has_port;
    bool is_bracketed = cl_str_starts(authority, CL_STR("["));
    if (is_bracketed) {
        cl_str rest;
        if (!cl_str_split(cl_str_part(authority, 1, authority.len), ']', &name, &rest))
            return false;
        has_port = rest.len > 0;
        if (has_port && rest.ptr[0] != ':')
            return false;
        port = cl_str_part(rest, 1, rest.len);
    } else {
        has_port = cl_str_split(authority, ':', &name, &port);
    }
    uint64_t number;
    if (has_port && port.len > 0 && !cl_str_to_u64(port, UINT16_MAX, &number))
        return false; // an empty port is allowed (RFC 3986 section 3.2.3)
    *ret_name = name;
    *ret_is_bracketed = is_bracketed;
    return name.len > 0;
}

static bool
is_literal(cl_str name, int family)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[sizeof(struct in6_addr)];
    return cl_str_copy(text, sizeof text, name) && inet_pton(family, text, bytes) == 1;
}

static bool
is_listed(const cl_str *list, size_t len, cl_str value)
{
    for (size_t at = 0; at < len; at++)
        if (cl_str_eq_nocase(list[at], value))
            return true;
    return false;
}

static bool
ends_nocase(cl_str s, cl_str suffix)
{
    return s.len > suffix.len &&
           cl_str_eq_nocase(cl_str_part(s, s.len - suffix.len, suffix.len), suffix);
}

/* "box" and "box.example.org" are one machine, however its own name is written. */
static bool
is_machine(const struct cl_guard *guard, cl_str name)
{
    if (guard->machine.len == 0)
        return false;
    cl_str label = cl_str_part(guard->machine, 0, cl_str_find(guard->machine, '.'));
    return cl_str_eq_nocase(name, guard->machine) || cl_str_eq_nocase(name, label);
}

enum cl_err
cl_guard_host(const struct cl_guard *guard, cl_str authority, struct cl_why *why)
{
    cl_str name = {0};
    bool is_bracketed = false;
    if (!split_authority(authority, &name, &is_bracketed))
        return cl_fail(CL_ERR_MISDIRECTED, why, "the Host header is no name of this relay");
    if (is_bracketed ? is_literal(name, AF_INET6) : is_literal(name, AF_INET))
        return CL_OK;
    if (cl_str_ends(name, CL_STR(".")))
        name.len--;
    if (!is_bracketed &&
        (cl_str_eq_nocase(name, CL_STR("localhost")) || ends_nocase(name, CL_STR(".localhost")) ||
         ends_nocase(name, CL_STR(".local")) || is_machine(guard, name) ||
         is_listed(guard->hosts, guard->hosts_len, name)))
        return CL_OK;
    return cl_fail(CL_ERR_MISDIRECTED, why,
                   "the Host header is no name of this relay; allow it with --allow-host");
}

enum cl_err
cl_guard_origin(const struct cl_guard *guard, cl_str origin, struct cl_why *why)
{
    if (!cl_str_eq_nocase(origin, CL_STR("null")) &&
        is_listed(guard->origins, guard->origins_len, origin))
        return CL_OK;
    return cl_fail(CL_ERR_FORBIDDEN, why,
                   "web pages may not use this relay; allow one with --allow-origin");
}

/* The value of Sec-Fetch-Site. */
static enum cl_err
check_fetch_site(cl_str site, struct cl_why *why)
{
    if (cl_str_eq(site, CL_STR("none")) || cl_str_eq(site, CL_STR("same-origin")))
        return CL_OK;
    return cl_fail(CL_ERR_FORBIDDEN, why, "pages of other sites may not use this relay");
}

enum cl_err
cl_guard_media_type(cl_str media_type, struct cl_why *why)
{
    cl_str type;
    cl_str parameters;
    (void)cl_str_split(media_type, ';', &type, &parameters); // without parameters it is all type
    type = cl_str_trim(type);
    bool is_simple = cl_str_eq_nocase(type, CL_STR("application/x-www-form-urlencoded")) ||
                     cl_str_eq_nocase(type, CL_STR("text/plain")) ||
                     cl_str_eq_nocase(cl_str_part(type, 0, 10), CL_STR("multipart/"));
    if (!is_simple)
        return CL_OK;
    return cl_fail(CL_ERR_MEDIA_TYPE, why,
                   "a body must be JSON; say so with Content-Type: application/json");
}

enum cl_err
cl_guard_check(const struct cl_guard *guard, const struct cl_http_head *head, struct cl_why *why)
{
    cl_str value;
    enum cl_err err = CL_OK;
    if (head->authority.len > 0 || head->minor > 0 || cl_http_field(head, CL_STR("Host"), &value))
        err = cl_guard_host(guard, head->authority, why);
    if (err != CL_OK)
        return err;

    if (cl_http_field(head, CL_STR("Origin"), &value))
        err = cl_guard_origin(guard, value, why);
    else if (cl_http_field(head, CL_STR("Sec-Fetch-Site"), &value))
        err = check_fetch_site(value, why);
    return err;
}

enum cl_err
cl_guard_coding(const struct cl_http_head *head, struct cl_why *why)
{
    cl_str value, rest = head->fields;
    for (cl_str name; cl_http_field_next(&rest, &name, &value);)
        if (cl_str_eq_nocase(name, CL_STR("Content-Encoding")) && value.len > 0 &&
            !cl_str_eq_nocase(value, CL_STR("identity")))
            return cl_fail(CL_ERR_MEDIA_TYPE, why, "a body must not be compressed");
    return CL_OK;
}

enum cl_err
cl_guard_body(const struct cl_http_head *head, struct cl_why *why)
{
    cl_str value;
    enum cl_err err = cl_guard_coding(head, why);
    if (err == CL_OK && cl_http_field(head, CL_STR("Content-Type"), &value))
        err = cl_guard_media_type(value, why);
    return err;
}
