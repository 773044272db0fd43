// SPDX-License-Identifier: MIT
/*
 * The token of v1 (clawlink-v1.md, The token): `Authorization: Bearer T`, where "Bearer " is
 * case-sensitive and wins over ?token= even when it is wrong; without it, or with another
 * scheme, the first ?token= counts, percent-decoded.
 */
#include "relay/state.h"
#include "wire/uri.h"

static bool
query_token_passes(const struct cl_secret *token, cl_str query)
{
    char space[CL_SECRET_BYTES_MAX];
    cl_str raw, guess;
    if (!cl_uri_query_find(query, CL_STR("token"), &raw) ||
        cl_uri_decode_query(raw, space, sizeof space, &guess) != CL_OK)
        return false;
    bool passes = cl_secret_equals(token, guess);
    cl_secret_wipe(space, sizeof space);
    return passes;
}

bool
cl_auth_passes(const struct cl_relay *relay, const struct cl_http_head *head)
{
    const struct cl_secret *token = relay->config.token;
    cl_str value;
    if (token == NULL)
        return true;
    if (cl_http_field(head, CL_STR("authorization"), &value) &&
        cl_str_starts(value, CL_STR("Bearer ")))
        return cl_secret_equals(token, cl_str_part(value, 7, value.len));
    return !relay->config.no_query_token && query_token_passes(token, head->query);
}
