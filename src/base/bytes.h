// SPDX-License-Identifier: MIT
/*
 * base/bytes.h - the loops over bytes that every message goes through.
 *
 * Each has a twin in plain C, which is the whole of it on machines without SSE2 or NEON, and which
 * the tests compare it with. None reads beyond bytes + len.
 */
#ifndef CL_BASE_BYTES_H
#define CL_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes from the start are ASCII. */
size_t cl_bytes_ascii(const char *bytes, size_t len);
size_t cl_bytes_ascii_scalar(const char *bytes, size_t len);

/* How many bytes from the start need no look inside a JSON string: not below ' ', no quote, no
 * backslash, and nothing beyond ASCII unless it is wanted. */
size_t cl_bytes_json(const char *bytes, size_t len, bool beyond_ascii);
size_t cl_bytes_json_scalar(const char *bytes, size_t len, bool beyond_ascii);

/* How many bytes from the start are no control characters: not below ' ', and not DEL. In plain C
 * alone: it is for short texts. */
size_t cl_bytes_printable(const char *bytes, size_t len);

/* How many bytes from the start are of base64url's alphabet (RFC 4648 table 2). */
size_t cl_bytes_base64url(const char *bytes, size_t len);
size_t cl_bytes_base64url_scalar(const char *bytes, size_t len);

/* Each byte xor the next one of the mask, over and over. */
void cl_bytes_xor(char *bytes, size_t len, const uint8_t mask[static 4]);
void cl_bytes_xor_scalar(char *bytes, size_t len, const uint8_t mask[static 4]);

#endif
