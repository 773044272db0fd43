// SPDX-License-Identifier: MIT
/*
 * trust/hmac.h - HMAC-SHA256 (RFC 2104, FIPS 198-1) with a key that is kept ready, and keys derived
 * from keys (HKDF, RFC 5869).
 *
 *     struct cl_hmac *hmac = cl_hmac_new(cl_str_of(secret.bytes, secret.len));
 *     err = cl_hmac_of(hmac, parts, 3, &mac);       // as often as wanted
 *     if (err == CL_OK && !cl_hmac_equals(&mac, &claimed)) ...
 *     cl_hmac_free(hmac);
 *
 * Codes are compared with cl_hmac_equals and nothing else: it takes the same time wherever they
 * differ. cl_digest_eq does not.
 */
#ifndef CL_TRUST_HMAC_H
#define CL_TRUST_HMAC_H

#include "base/digest.h"

/* A key, ready for use. It is OpenSSL's EVP_MAC_CTX. */
struct cl_hmac;

/* NULL without memory. Any key, the empty one too; it is copied. */
struct cl_hmac *cl_hmac_new(cl_str key);
/* Wipes the key. Accepts NULL. */
void cl_hmac_free(struct cl_hmac *hmac);
/* The code of all parts, one behind the other. Only CL_ERR_NO_MEMORY can happen; the key is good
 * for the next call either way. */
CL_MUST_CHECK enum cl_err cl_hmac_of(struct cl_hmac *hmac, const cl_str *parts, size_t parts_len,
                                     cl_digest *ret_mac);
bool cl_hmac_equals(const cl_digest *a, const cl_digest *b);

/* Bytes that one derivation can give (RFC 5869 section 2.3). */
#define CL_HKDF_BYTES_MAX (255 * sizeof(cl_digest))

struct cl_hkdf {
    cl_str secret; // the input keying material
    cl_str salt;   // may be empty
    cl_str info;   // what the key is for
};

/* So many bytes, CL_HKDF_BYTES_MAX at the most. Only CL_ERR_NO_MEMORY can happen; then they are
 * zero. */
CL_MUST_CHECK enum cl_err cl_hkdf(const struct cl_hkdf *from, void *ret_bytes, size_t len);

#endif
