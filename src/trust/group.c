// SPDX-License-Identifier: MIT
#include "trust/group.h"

#include "wire/base64url.h"

struct cl_hmac *
cl_group_key(const struct cl_secret *secret)
{
    cl_digest bytes;
    struct cl_hmac *key = NULL;
    struct cl_hkdf from = {.secret = cl_str_of(secret->bytes, secret->len),
                           .info = CL_STR("clawlink hs256 v1")};
    if (cl_hkdf(&from, bytes.bytes, sizeof bytes.bytes) == CL_OK)
        key = cl_hmac_new(cl_str_of(bytes.bytes, sizeof bytes.bytes));
    cl_secret_wipe(&bytes, sizeof bytes);
    return key;
}

/* RFC 7515 section 5.1: the signing input. Neither string has a dot. */
static enum cl_err
code_of(struct cl_hmac *key, cl_str protected, cl_str payload, cl_digest *ret_mac)
{
    const cl_str parts[] = {protected, CL_STR("."), payload};
    return cl_hmac_of(key, parts, sizeof parts / sizeof parts[0], ret_mac);
}

enum cl_err
cl_group_sign(struct cl_hmac *key, cl_str protected, cl_str payload,
              char ret_signature[static CL_GROUP_SIGNATURE_LEN])
{
    cl_digest mac;
    enum cl_err err = code_of(key, protected, payload, &mac);
    if (err == CL_OK)
        cl_base64url_encode(cl_str_of(mac.bytes, sizeof mac.bytes), ret_signature);
    return err;
}

enum cl_err
cl_group_verify(struct cl_hmac *key, cl_str protected, cl_str payload, cl_str signature)
{
    cl_digest right, claimed = {{0}};
    cl_str bytes;
    // It is no secret how long a signature is, nor how it is spelled.
    if (cl_base64url_decode(signature, (char *)claimed.bytes, sizeof claimed.bytes, &bytes) !=
            CL_OK ||
        bytes.len != sizeof claimed.bytes)
        return CL_ERR_UNAUTHORIZED;
    enum cl_err err = code_of(key, protected, payload, &right);
    if (err != CL_OK)
        return err;
    return cl_hmac_equals(&right, &claimed) ? CL_OK : CL_ERR_UNAUTHORIZED;
}
