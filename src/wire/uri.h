// SPDX-License-Identifier: MIT
/*
 * wire/uri.h - the parts of a request target and of a URL (RFC 3986), strictly.
 *
 * No I/O, no allocation but through a caller's buffer. Narrower than RFC 3986 on purpose: a
 * host is an IP literal or a name of letters, digits and "-._~"; there is no user
 * information; a port, where there is a colon, is 1 to 65535.
 */
#ifndef CL_WIRE_URI_H
#define CL_WIRE_URI_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Splits at the first '?'. Without one the query is empty. Nothing is decoded. */
void cl_uri_split(cl_str target, cl_str *ret_path, cl_str *ret_query);

/* Percent-decodes into dst, which may be the memory of raw itself. Every '%' needs two hex
 * digits: else CL_ERR_MALFORMED. '+' stays '+'. Decoded bytes may be anything, NUL included.
 * CL_ERR_TOO_LARGE when they do not fit. dst is spoilt on failure, *ret_decoded untouched. */
CL_MUST_CHECK enum cl_err cl_uri_decode(cl_str raw, char *dst, size_t dst_cap, cl_str *ret_decoded);
/* As cl_uri_decode for a name or value of a query, where '+' is a space (the rule of
 * application/x-www-form-urlencoded, which all URL libraries follow there). */
CL_MUST_CHECK enum cl_err cl_uri_decode_query(cl_str raw, char *dst, size_t dst_cap,
                                              cl_str *ret_decoded);

/* Walks "a=b&c=d": takes the next parameter off *query, both parts still encoded. Empty
 * parameters are skipped; without '=' the value is empty. False at the end. */
bool cl_uri_query_next(cl_str *query, cl_str *ret_name, cl_str *ret_value);
/* The still encoded value of the first parameter whose name, as sent, is name; a name that
 * was sent with percent codes is not found. */
bool cl_uri_query_find(cl_str query, cl_str name, cl_str *ret_value);

/* Appends bytes so that they can stand in one path segment or query value: all but letters,
 * digits and "-._~" become %XX. */
CL_MUST_CHECK enum cl_err cl_uri_encode(struct cl_buf *out, cl_str bytes);

/* "host", "host:port", "[v6]", "[v6]:port". */
struct cl_authority {
    cl_str host;   // without brackets
    bool is_ipv6;  // it was in brackets
    uint16_t port; // 0: none was given
};

/* The value of a Host field, or an authority in a URL. CL_ERR_MALFORMED for anything else than
 * the four forms above, an empty host included. */
CL_MUST_CHECK enum cl_err cl_authority_parse(cl_str text, struct cl_authority *ret_authority);

/* Where a client connects. Slices point into the parsed text. */
struct cl_url {
    bool is_tls;       // https, wss
    bool is_websocket; // ws, wss
    cl_str host;       // for connecting: without brackets
    bool is_ipv6;
    uint16_t port;    // as given, else 80 or 443
    cl_str authority; // as written: for the Host field
    cl_str path;      // as written, without trailing slashes; may be empty
};

/* "http://host:port/base" with http, https, ws or wss in any case. A query, a fragment, user
 * information, a space, a control character or non-ASCII is CL_ERR_MALFORMED, with the reason
 * in why (may be NULL). */
CL_MUST_CHECK enum cl_err cl_url_parse(cl_str text, struct cl_url *ret_url, struct cl_why *why);

#endif
