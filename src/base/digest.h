// SPDX-License-Identifier: MIT
/*
 * base/digest.h - SHA-256 (FIPS 180-4), by which bodies are known.
 */
#ifndef CL_BASE_DIGEST_H
#define CL_BASE_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

typedef struct {
    uint8_t bytes[32];
} cl_digest;

static inline bool
cl_digest_eq(const cl_digest *a, const cl_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* As text: 64 small hexadecimal digits, without a NUL. */
#define CL_DIGEST_TEXT_LEN (2 * sizeof(cl_digest))
void cl_digest_text(const cl_digest *digest, char ret_text[static CL_DIGEST_TEXT_LEN]);
/* The digest that is written so, and in no other way; else false, *ret_digest untouched. */
bool cl_digest_read(cl_str text, cl_digest *ret_digest);

/* For bytes that come in pieces. It is OpenSSL's EVP_MD_CTX. */
struct cl_digester;

/* NULL without memory. */
struct cl_digester *cl_digester_new(void);
/* Accepts NULL. */
void cl_digester_free(struct cl_digester *digester);
void cl_digester_add(struct cl_digester *digester, cl_str bytes);
/* Of all that was added; nothing can be added behind that. */
cl_digest cl_digester_end(struct cl_digester *digester);
/* Of bytes that are all there. Only CL_ERR_NO_MEMORY can happen. */
CL_MUST_CHECK enum cl_err cl_digest_of(cl_str bytes, cl_digest *ret_digest);

#endif
