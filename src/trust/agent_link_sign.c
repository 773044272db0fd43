// SPDX-License-Identifier: MIT
#include "trust/agent_link_sign.h"

#include "wire/base64url.h"

#define TOKEN_IS_FOR "clawlink agent-link connect v1 "

enum cl_err
cl_agent_link_sign_register(struct cl_hmac *hmac, cl_str instance, cl_time local,
                            cl_digest *ret_signature)
{
    char time[CL_TIME_TEXT_CAP];
    cl_time_text(local, time);
    const cl_str parts[] = {CL_STR("register:"), instance, CL_STR(":"),
                            cl_str_of(time, CL_AGENT_LINK_TIME_LEN)};
    return cl_hmac_of(hmac, parts, sizeof parts / sizeof parts[0], ret_signature);
}

enum cl_err
cl_agent_link_sign_send(struct cl_hmac *hmac, const struct cl_agent_link_signed *text,
                        cl_digest *ret_signature)
{
    const cl_str parts[] = {CL_STR("send:"), text->from,  CL_STR(":"),
                            text->to,        CL_STR(":"), text->message};
    return cl_hmac_of(hmac, parts, sizeof parts / sizeof parts[0], ret_signature);
}

enum cl_err
cl_agent_link_verify_send(struct cl_hmac *hmac, const struct cl_agent_link_signed *text,
                          const cl_digest *signature)
{
    cl_digest right;
    enum cl_err err = cl_agent_link_sign_send(hmac, text, &right);
    if (err != CL_OK)
        return err;
    return cl_hmac_equals(&right, signature) ? CL_OK : CL_ERR_UNAUTHORIZED;
}

enum cl_err
cl_agent_link_token(const struct cl_secret *secret, cl_str instance,
                    char ret_token[static CL_AGENT_LINK_TOKEN_LEN])
{
    struct cl_buf info;
    cl_digest key = {{0}};
    cl_buf_init(&info, sizeof TOKEN_IS_FOR + instance.len);
    enum cl_err err = cl_buf_append(&info, CL_STR(TOKEN_IS_FOR));
    if (err == CL_OK)
        err = cl_buf_append(&info, instance);
    if (err == CL_OK) {
        struct cl_hkdf from = {.secret = cl_str_of(secret->bytes, secret->len),
                               .info = cl_buf_str(&info)};
        err = cl_hkdf(&from, key.bytes, sizeof key.bytes);
    }
    if (err == CL_OK)
        cl_base64url_encode(cl_str_of(key.bytes, sizeof key.bytes), ret_token);
    cl_secret_wipe(&key, sizeof key);
    cl_buf_done(&info);
    return err;
}
