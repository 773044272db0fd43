// SPDX-License-Identifier: MIT
#include "wire/uri.h"

#include <arpa/inet.h>

static bool
is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 3986 2.3 */
static bool
is_unreserved(char c)
{
    return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

void
cl_uri_split(cl_str target, cl_str *ret_path, cl_str *ret_query)
{
    (void)cl_str_split(target, '?', ret_path, ret_query);
}

/* -- percent codes --------------------------------------------------------------------------- */

/* Takes one byte, encoded or not, off raw, which is not empty. */
static enum cl_err
decode_byte(cl_str *raw, char *ret_byte)
{
    size_t len = 1;

    if (raw->ptr[0] != '%') {
        *ret_byte = raw->ptr[0];
    } else {
        if (raw->len < 3)
            return CL_ERR_MALFORMED;
        int high = cl_str_hex_digit(raw->ptr[1]), low = cl_str_hex_digit(raw->ptr[2]);
        if (high < 0 || low < 0)
            return CL_ERR_MALFORMED;
        *ret_byte = (char)(unsigned char)(high << 4 | low);
        len = 3;
    }
    *raw = cl_str_part(*raw, len, raw->len);
    return CL_OK;
}

static enum cl_err
decode(cl_str raw, bool plus_is_space, char *dst, size_t dst_cap, cl_str *ret_decoded)
{
    size_t len = 0;
    char byte;

    while (raw.len > 0) {
        bool is_plus = raw.ptr[0] == '+';
        enum cl_err err = decode_byte(&raw, &byte);
        if (err != CL_OK)
            return err;
        if (len == dst_cap)
            return CL_ERR_TOO_LARGE;
        dst[len++] = is_plus && plus_is_space ? ' ' : byte;
    }
    *ret_decoded = cl_str_of(dst, len);
    return CL_OK;
}

enum cl_err
cl_uri_decode(cl_str raw, char *dst, size_t dst_cap, cl_str *ret_decoded)
{
    return decode(raw, false, dst, dst_cap, ret_decoded);
}

enum cl_err
cl_uri_decode_query(cl_str raw, char *dst, size_t dst_cap, cl_str *ret_decoded)
{
    return decode(raw, true, dst, dst_cap, ret_decoded);
}

enum cl_err
cl_uri_encode(struct cl_buf *out, cl_str bytes)
{
    size_t before = out->len;
    enum cl_err err = CL_OK;

    for (size_t i = 0; i < bytes.len && err == CL_OK; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        char code[3] = {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]};
        err = is_unreserved(bytes.ptr[i]) ? cl_buf_append_byte(out, bytes.ptr[i])
                                          : cl_buf_append(out, cl_str_of(code, sizeof(code)));
    }
    if (err != CL_OK)
        cl_buf_truncate(out, before);
    return err;
}

/* -- queries --------------------------------------------------------------------------------- */

bool
cl_uri_query_next(cl_str *query, cl_str *ret_name, cl_str *ret_value)
{
    cl_str parameter = {0};

    while (query->len > 0 && parameter.len == 0)
        (void)cl_str_split(*query, '&', &parameter, query);
    if (parameter.len == 0)
        return false;
    (void)cl_str_split(parameter, '=', ret_name, ret_value);
    return true;
}

bool
cl_uri_query_find(cl_str query, cl_str name, cl_str *ret_value)
{
    cl_str one, value;

    while (cl_uri_query_next(&query, &one, &value)) {
        if (cl_str_eq(one, name)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* -- authorities and URLs -------------------------------------------------------------------- */

static bool
is_name(cl_str host)
{
    for (size_t i = 0; i < host.len; i++)
        if (!is_unreserved(host.ptr[i]))
            return false;
    return host.len > 0;
}

static bool
is_ipv6(cl_str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    // A NUL inside would let inet_pton see less than there is.
    return cl_str_find(host, '\0') == host.len && cl_str_copy(text, sizeof(text), host) &&
           inet_pton(AF_INET6, text, &address) == 1;
}

/* RFC 3986 3.2.3 and RFC 9110 4.2: at most five digits, 1 to 65535. */
static bool
read_port(cl_str text, uint16_t *ret_port)
{
    uint64_t port = 0;

    if (text.len > 5 || !cl_str_to_u64(text, UINT16_MAX, &port) || port == 0)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

enum cl_err
cl_authority_parse(cl_str text, struct cl_authority *ret_authority)
{
    struct cl_authority authority = {0};
    cl_str rest;

    if (cl_str_starts(text, CL_STR("["))) {
        // RFC 3986 3.2.2; zones (RFC 6874) name an interface of this machine and are no host.
        size_t end = cl_str_find(text, ']');
        authority.host = cl_str_part(text, 1, end - 1);
        authority.is_ipv6 = true;
        if (end == text.len || !is_ipv6(authority.host))
            return CL_ERR_MALFORMED;
        rest = cl_str_part(text, end + 1, text.len);
    } else {
        size_t end = cl_str_find(text, ':');
        authority.host = cl_str_part(text, 0, end);
        if (!is_name(authority.host))
            return CL_ERR_MALFORMED;
        rest = cl_str_part(text, end, text.len);
    }
    if (rest.len > 0 &&
        (rest.ptr[0] != ':' || !read_port(cl_str_part(rest, 1, rest.len), &authority.port)))
        return CL_ERR_MALFORMED;
    *ret_authority = authority;
    return CL_OK;
}

static bool
read_scheme(cl_str scheme, struct cl_url *url)
{
    static const struct {
        cl_str name;
        bool is_tls;
        bool is_websocket;
    } schemes[] = {
        {CL_STR_INIT("http"), false, false},
        {CL_STR_INIT("https"), true, false},
        {CL_STR_INIT("ws"), false, true},
        {CL_STR_INIT("wss"), true, true},
    };
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (cl_str_eq_nocase(scheme, schemes[i].name)) {
            url->is_tls = schemes[i].is_tls;
            url->is_websocket = schemes[i].is_websocket;
            return true;
        }
    }
    return false;
}

/* Visible ASCII without query and fragment. */
static bool
is_path(cl_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || text.ptr[i] == '?' || text.ptr[i] == '#')
            return false;
    return true;
}

enum cl_err
cl_url_parse(cl_str text, struct cl_url *ret_url, struct cl_why *why)
{
    struct cl_url url = {0};
    struct cl_authority authority;
    cl_str scheme, rest;

    if (!cl_str_split(text, ':', &scheme, &rest) || !cl_str_starts(rest, CL_STR("//")) ||
        !read_scheme(scheme, &url))
        return cl_fail(CL_ERR_MALFORMED, why,
                       "a URL begins with http://, https://, ws:// or wss://");
    rest = cl_str_part(rest, 2, rest.len);
    size_t end = cl_str_find(rest, '/');
    url.authority = cl_str_part(rest, 0, end);
    url.path = cl_str_part(rest, end, rest.len);

    if (cl_str_find(url.authority, '@') < url.authority.len)
        return cl_fail(CL_ERR_MALFORMED, why, "a URL with a user name or password in it");
    if (cl_authority_parse(url.authority, &authority) != CL_OK)
        return cl_fail(CL_ERR_MALFORMED, why,
                       "the URL names no host, host:port, [IPv6] or [IPv6]:port");
    if (!is_path(url.path))
        return cl_fail(CL_ERR_MALFORMED, why,
                       "the URL's path has a query, a fragment, or a byte that must be encoded");
    while (cl_str_ends(url.path, CL_STR("/")))
        url.path.len--;
    url.host = authority.host;
    url.is_ipv6 = authority.is_ipv6;
    url.port = authority.port != 0 ? authority.port : url.is_tls ? 443 : 80;
    *ret_url = url;
    return CL_OK;
}
