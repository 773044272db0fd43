// SPDX-License-Identifier: MIT
/*
 * trust/agent_link_sign.h - what Agent Link signs with its secret, and what is derived from it.
 *
 *     register:<instance>:<YYYY-MM-DDTHH:MM:SS>     the signer's local time
 *     send:<from>:<to>:<message>
 *
 * Of the UTF-8 of these texts the code is taken, with the secret as the key. Neither instance nor
 * addresses have a colon (proto/agent_link.h sees to that), so that a text can be split in one way
 * only.
 */
#ifndef CL_TRUST_AGENT_LINK_SIGN_H
#define CL_TRUST_AGENT_LINK_SIGN_H

#include "base/secret.h"
#include "base/time.h"
#include "trust/hmac.h"

/* Characters of the time. */
#define CL_AGENT_LINK_TIME_LEN 19

/* A register at the local time that a clock in UTC shows as `local`. Only CL_ERR_NO_MEMORY can
 * happen, here and below. */
CL_MUST_CHECK enum cl_err cl_agent_link_sign_register(struct cl_hmac *hmac, cl_str instance,
                                                      cl_time local, cl_digest *ret_signature);

struct cl_agent_link_signed {
    cl_str from; // both as they stand in the frame
    cl_str to;
    cl_str message;
};
CL_MUST_CHECK enum cl_err cl_agent_link_sign_send(struct cl_hmac *hmac,
                                                  const struct cl_agent_link_signed *text,
                                                  cl_digest *ret_signature);
/* CL_ERR_UNAUTHORIZED: it is another one's, or of another text. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_agent_link_verify_send(struct cl_hmac *hmac,
                                                    const struct cl_agent_link_signed *text,
                                                    const cl_digest *signature);

/* Characters of the token that lets an instance in at /v2, which its secret gives:
 * base64url(HKDF-SHA256(secret, info "clawlink agent-link connect v1 " instance)). */
#define CL_AGENT_LINK_TOKEN_LEN 43
/* Without a NUL. */
CL_MUST_CHECK enum cl_err cl_agent_link_token(const struct cl_secret *secret, cl_str instance,
                                              char ret_token[static CL_AGENT_LINK_TOKEN_LEN]);

#endif
