// SPDX-License-Identifier: MIT
/*
 * The token of v1 (clawlink-v1.md, The token): `Authorization: Bearer T`, where "Bearer " is
 * case-sensitive and wins over ?token= even when it is wrong; without it, or with another
 * scheme, the first ?token= counts, percent-decoded.
 */
#include "relay/state.h"
#include "wire/uri.h"

static bool
query_token_passes(const struct cl_secret *token, cl_str raw)
{
    char space[CL_SECRET_BYTES_MAX];
    cl_str guess;
    if (cl_uri_decode_query(raw, space, sizeof space, &guess) != CL_OK)
        return false;
    bool passes = cl_secret_equals(token, guess);
    cl_secret_wipe(space, sizeof space);
    return passes;
}

enum cl_auth
cl_auth_look(const struct cl_relay *relay, const struct cl_http_head *head)
{
    const struct cl_secret *token = relay->config.token;
    cl_str value;
    bool passes;
    if (token == NULL)
        return CL_AUTH_PASSES;
    if (cl_http_field(head, CL_STR("authorization"), &value) &&
        cl_str_starts(value, CL_STR("Bearer ")))
        passes = cl_secret_equals(token, cl_str_part(value, 7, value.len));
    else if (!relay->config.no_query_token &&
             cl_uri_query_find(head->query, CL_STR("token"), &value))
        passes = query_token_passes(token, value);
    else
        return CL_AUTH_MISSING;
    return passes ? CL_AUTH_PASSES : CL_AUTH_WRONG;
}

/* Once a second at most: guesses must not fill the disk. */
static void
log_wrong_token(struct cl_relay *relay, struct cl_http_conn *conn)
{
    cl_address peer;
    char ip[CL_ADDRESS_TEXT_CAP];
    cl_instant now = cl_loop_now(relay->loop);
    if (now.ms < relay->auth_log_due.ms)
        return;
    relay->auth_log_due = cl_instant_add(now, 1000);
    cl_http_conn_peer(conn, &peer);
    cl_address_ip_text(&peer, ip);
    cl_log_warn(&relay->config.log, "auth.wrong_token", CL_F("peer", (const char *)ip),
                CL_F("so_far", relay->auth_failures[1]));
}

void
cl_auth_refuse(struct cl_relay *relay, struct cl_http_conn *conn, enum cl_auth auth)
{
    relay->auth_failures[auth == CL_AUTH_WRONG]++;
    if (auth == CL_AUTH_WRONG) { // without one nothing was guessed
        log_wrong_token(relay, conn);
        cl_http_conn_penalise(conn);
    }
    cl_http_refuse_with(conn, CL_ERR_UNAUTHORIZED,
                        CL_STR("Unauthorized. Provide Authorization: Bearer <token>"),
                        (struct cl_http_field){CL_STR("WWW-Authenticate"), CL_STR("Bearer")});
}

enum cl_err
cl_auth_rate(struct cl_relay *relay, const struct cl_command *draft, uint32_t *ret_wait_s,
             struct cl_why *why)
{
    if (relay->rate.per_second == 0)
        return CL_OK;
    cl_str sender = draft->kind == CL_COMMAND_SEND       ? draft->send.from
                    : draft->kind == CL_COMMAND_PUBLISH  ? draft->publish.from
                    : draft->kind == CL_COMMAND_REGISTER ? draft->registration.agent
                                                         : CL_STR("");
    if (sender.len == 0)
        return CL_OK;
    uint32_t wait_ms = cl_rate_take(&relay->rate, sender, cl_loop_now(relay->loop));
    if (wait_ms == 0)
        return CL_OK;
    *ret_wait_s = (wait_ms + 999) / 1000;
    return cl_fail(CL_ERR_RATE, why, "this agent sends too fast: wait %u s", *ret_wait_s);
}
