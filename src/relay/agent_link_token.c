// SPDX-License-Identifier: MIT
/*
 * Tokens that follow from secrets. Those of instances that are known are found by their digest.
 * Where every instance that knows the secret may come, a token alone does not tell whose it is:
 * then the connection waits for its hello, which names the instance.
 */
#include <string.h>

#include "base/alloc.h"
#include "relay/agent_link.h"
#include "relay/state.h"
#include "relay/v2.h"

/* What a request shows, or an empty one. */
static cl_str
bearer_of(const struct cl_http_head *head)
{
    cl_str value;
    bool is_there = cl_http_field(head, CL_STR("authorization"), &value) &&
                    cl_str_starts(value, CL_STR("Bearer "));
    return is_there ? cl_str_part(value, 7, value.len) : CL_STR("");
}

const struct cl_al_instance *
cl_al_token_owner(const struct cl_relay *relay, const struct cl_http_head *head)
{
    cl_str bearer = bearer_of(head);
    cl_digest digest;
    // By its digest: comparing that tells nothing of the token.
    if (bearer.len != CL_AGENT_LINK_TOKEN_LEN || cl_digest_of(bearer, &digest) != CL_OK)
        return NULL;
    return cl_map_get(&relay->agent_link->tokens, cl_str_of((const char *)&digest, sizeof digest));
}

uint8_t
cl_al_secret_of(const struct cl_relay *relay, cl_str instance)
{
    const struct cl_al_instance *found =
        instance.len == 0 ? NULL : cl_al_find_instance(relay->agent_link, instance);
    if (found == NULL)
        return CL_V2_SECRET_NONE;
    return found->hmac == NULL ? CL_V2_SECRET_GROUP : CL_V2_SECRET_INSTANCE;
}

bool
cl_al_token_may_be(const struct cl_relay *relay, const struct cl_http_head *head)
{
    return relay->agent_link->is_open && bearer_of(head).len == CL_AGENT_LINK_TOKEN_LEN &&
           cl_str_eq(head->path, CL_STR("/v2")) && cl_str_eq(head->method, CL_STR("GET"));
}

/* -- until its hello --------------------------------------------------------------------------- */

struct cl_al_hope {
    struct cl_relay *relay;
    struct cl_v2_conn *conn;
    struct cl_timer timer;
    cl_address peer;
    struct cl_secret token;
};

static void
on_timer(struct cl_timer *timer)
{
    struct cl_al_hope *hope = CL_LIST_ENTRY(timer, struct cl_al_hope, timer);
    cl_ws_close(hope->conn->ws, CL_WS_CLOSE_POLICY, CL_STR("hello did not come in time"));
}

struct cl_al_hope *
cl_al_hope_new(struct cl_v2_conn *conn, struct cl_http_conn *http, const struct cl_http_head *head)
{
    struct cl_relay *relay = conn->relay;
    struct cl_al_hope *hope = cl_alloc(sizeof *hope);
    if (hope == NULL)
        return NULL;
    hope->relay = relay;
    hope->conn = conn;
    cl_http_conn_peer(http, &hope->peer);
    cl_timer_init(&hope->timer, on_timer);
    cl_err_ignore(cl_secret_init(&hope->token, bearer_of(head))); // it is a short one
    cl_loop_timer_start(relay->loop, &hope->timer,
                        cl_instant_add(cl_loop_now(relay->loop), CL_AL_REGISTER_MS));
    return hope;
}

void
cl_al_hope_free(struct cl_al_hope *hope)
{
    if (hope == NULL)
        return;
    cl_loop_timer_stop(hope->relay->loop, &hope->timer);
    cl_secret_done(&hope->token);
    cl_free(hope);
}

bool
cl_al_hope_holds(struct cl_al_hope *hope, cl_str instance)
{
    struct cl_agent_link *al = hope->relay->agent_link;
    const struct cl_agent_link_instance from = {.id = instance};
    struct cl_al_instance *made;
    char token[CL_AGENT_LINK_TOKEN_LEN];
    if (cl_agent_link_token(&al->secret, instance, token) != CL_OK)
        return false;
    bool holds = cl_secret_equals(&hope->token, cl_str_of(token, sizeof token));
    cl_secret_wipe(token, sizeof token);
    if (!holds) {
        hope->relay->auth_failures[1]++;
        cl_penalties_add(&hope->relay->penalties, &hope->peer, cl_loop_now(hope->relay->loop));
    }
    if (!holds || cl_al_find_instance(al, instance) != NULL)
        return holds;
    if (cl_al_instance_new(hope->relay, &from, &made) != CL_OK)
        return false;
    cl_al_adopt(hope->relay, made);
    return true;
}
