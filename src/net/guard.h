// SPDX-License-Identifier: MIT
/*
 * net/guard.h - who may ask from where: the rules that keep web pages out (SECURITY.md, What stands
 * against what). Pure; decided on the head, before a body is read.
 */
#ifndef CL_NET_GUARD_H
#define CL_NET_GUARD_H

#include "base/err.h"
#include "base/str.h"
#include "wire/http1.h"

struct cl_guard {
    cl_str machine; // this machine's name; empty: none
    const cl_str *hosts;
    size_t hosts_len;
    const cl_str *origins;
    size_t origins_len;
};

/* The authority of a request, "name", "name:port", "1.2.3.4:80", "[::1]:80". The name must be an
 * IP literal, a loopback name (localhost, *.localhost), the machine's name, with or without
 * its domain, a *.local name, or in hosts. Case and one dot at the end do not count, nor does
 * the port, which must be a number. Else CL_ERR_MISDIRECTED. An empty one is refused too, except
 * by cl_guard_check for HTTP/1.0 without Host, which no browser sends. */
CL_MUST_CHECK enum cl_err cl_guard_host(const struct cl_guard *guard, cl_str authority,
                                        struct cl_why *why);
/* The value of Origin: refused unless it is listed, "null" always; CL_ERR_FORBIDDEN. */
CL_MUST_CHECK enum cl_err cl_guard_origin(const struct cl_guard *guard, cl_str origin,
                                          struct cl_why *why);
/* The value of Content-Type: what a page can send without being asked (form-urlencoded,
 * multipart, text/plain) is CL_ERR_MEDIA_TYPE. */
CL_MUST_CHECK enum cl_err cl_guard_media_type(cl_str media_type, struct cl_why *why);

/* Who asks: Host, Origin and Sec-Fetch-Site of a request. Sec-Fetch-Site is not asked when a
 * listed Origin is shown: that page was let in by name. */
CL_MUST_CHECK enum cl_err cl_guard_check(const struct cl_guard *guard,
                                         const struct cl_http_head *head, struct cl_why *why);
/* What is sent: CL_ERR_MEDIA_TYPE for any Content-Encoding but identity. */
CL_MUST_CHECK enum cl_err cl_guard_coding(const struct cl_http_head *head, struct cl_why *why);
/* As the one above, and the media type. */
CL_MUST_CHECK enum cl_err cl_guard_body(const struct cl_http_head *head, struct cl_why *why);

#endif
