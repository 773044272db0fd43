// SPDX-License-Identifier: MIT
/*
 * wire/base64url.h - bytes as text that may stand in a URL (RFC 4648 section 5), without padding.
 *
 * Canonical only: each string of bytes has one text, and whatever is not such a text is refused, so
 * that two texts that differ never mean the same. That excludes padding, white space, a single
 * character at the end and set bits behind the last byte (sections 3.2, 3.3 and 3.5).
 */
#ifndef CL_WIRE_BASE64URL_H
#define CL_WIRE_BASE64URL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Characters that so many bytes take. A constant for a constant. */
#define CL_BASE64URL_LEN(bytes) ((bytes) / 3 * 4 + ((bytes) % 3 == 0 ? 0 : (bytes) % 3 + 1))

/* Writes the text of the bytes, CL_BASE64URL_LEN(bytes.len) characters without a NUL. */
void cl_base64url_encode(cl_str bytes, char *ret_text);
/* Appends it; the buffer's refusals. */
CL_MUST_CHECK enum cl_err cl_base64url_append(struct cl_buf *buf, cl_str bytes);

/* Is it the text of some bytes? */
bool cl_base64url_is_valid(cl_str text);
/* How many bytes a valid text means. */
size_t cl_base64url_bytes(cl_str text);
/* Writes what the text means to dst; returns it in *ret_bytes. CL_ERR_MALFORMED: it is no such
 * text. CL_ERR_TOO_LARGE: more than dst_cap bytes. Both are untouched then. dst may lie where the
 * text does. */
CL_MUST_CHECK enum cl_err cl_base64url_decode(cl_str text, char *dst, size_t dst_cap,
                                              cl_str *ret_bytes);

#endif
