// SPDX-License-Identifier: MIT
/*
 * wire/http1_parts.h - what the files of the HTTP codec share; nobody else includes it.
 *
 * A line comes here whole and without its CRLF, and may hold any byte.
 */
#ifndef CL_WIRE_HTTP1_PARTS_H
#define CL_WIRE_HTTP1_PARTS_H

#include "wire/http1.h"

/* RFC 9110 5.6.2: one or more tchar. */
bool cl_http_is_token(cl_str text);
/* RFC 9110 5.5: visible ASCII, space, tab and obs-text; no other control character. */
bool cl_http_is_value(cl_str text);
/* Takes the next element off a list field (RFC 9110 5.6.1), without the whitespace around it;
 * it may be empty. False at the end. */
bool cl_http_list_next(cl_str *rest, cl_str *ret_element);

/* Checks one field line (RFC 9112 5). */
CL_MUST_CHECK enum cl_err cl_http_check_field(cl_str line, struct cl_why *why);
/* The same, and that the field may stand in a trailer (RFC 9110 6.5.1). */
CL_MUST_CHECK enum cl_err cl_http_check_trailer(cl_str line, struct cl_why *why);
/* Splits a checked line. */
void cl_http_split_field(cl_str line, cl_str *ret_name, cl_str *ret_value);

/* Fills what the first line says (RFC 9112 3 and 4). */
CL_MUST_CHECK enum cl_err cl_http_read_request_line(struct cl_http_head *head, cl_str line,
                                                    struct cl_why *why);
CL_MUST_CHECK enum cl_err cl_http_read_status_line(struct cl_http_head *head, cl_str line,
                                                   struct cl_why *why);
/* The first line is read and fields is set: fills the rest, and refuses what fields together
 * may not say. */
CL_MUST_CHECK enum cl_err cl_http_read_request_fields(struct cl_http_head *head,
                                                      struct cl_why *why);
/* asked_head: no body follows, whatever the fields say. */
CL_MUST_CHECK enum cl_err cl_http_read_response_fields(struct cl_http_head *head, bool asked_head,
                                                       struct cl_why *why);

#endif
