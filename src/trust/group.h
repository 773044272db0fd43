// SPDX-License-Identifier: MIT
/*
 * trust/group.h - envelopes signed with a secret that a group shares: JWS with HS256 (v2.md, Signed
 * envelopes).
 *
 * The signature is of the characters of `protected`, a dot and those of `payload`. The key is
 * HKDF-SHA256(secret, info "clawlink hs256 v1"), so that no code that the secret itself made, such
 * as Agent Link's, is one of an envelope, nor the other way round.
 *
 * A good signature says: whoever wrote this knows the secret. Who of them it was it does not say.
 */
#ifndef CL_TRUST_GROUP_H
#define CL_TRUST_GROUP_H

#include "base/secret.h"
#include "trust/hmac.h"

/* Characters of a signature: 32 bytes in base64url. */
#define CL_GROUP_SIGNATURE_LEN 43

/* The group's key for envelopes, for cl_hmac_free. NULL without memory. */
struct cl_hmac *cl_group_key(const struct cl_secret *secret);
/* Without a NUL. Only CL_ERR_NO_MEMORY can happen. */
CL_MUST_CHECK enum cl_err cl_group_sign(struct cl_hmac *key, cl_str protected, cl_str payload,
                                        char ret_signature[static CL_GROUP_SIGNATURE_LEN]);
/* CL_ERR_UNAUTHORIZED: it was not made with this key, or not of these. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_group_verify(struct cl_hmac *key, cl_str protected, cl_str payload,
                                          cl_str signature);

#endif
