// SPDX-License-Identifier: MIT
/*
 * Agent Link's two HTTP calls. They exist in the published documents only, and there without a
 * proof: here a register has a signature or comes with the relay's token, and a send, which is
 * signed always, comes with the token too or from where its instance has registered before.
 */
#include "base/alloc.h"
#include "relay/agent_link.h"
#include "relay/state.h"
#include "relay/v2.h"
#include "wire/json_write.h"

/* -- answers ----------------------------------------------------------------------------------- */

/* {"status":<status>,<name>:<value>}. */
static void
answer(struct cl_exchange *exchange, cl_str status, cl_str name, cl_str value)
{
    struct cl_json_writer json;
    cl_buf_clear(&exchange->relay->text);
    cl_json_writer_init(&json, &exchange->relay->text);
    cl_json_object_begin(&json);
    cl_json_put_member(&json, CL_STR("status"), status);
    cl_json_put_member(&json, name, value);
    cl_json_object_end(&json);
    cl_exchange_answer_text(exchange, cl_json_writer_end(&json));
}

/* Statuses that the table has for nothing: a conflict, and a proof that did not come. */
static void
refuse_as(struct cl_exchange *exchange, unsigned status, cl_str code, cl_str sentence)
{
    struct cl_relay *relay = exchange->relay;
    struct cl_json_writer json;
    cl_buf_clear(&relay->text);
    cl_json_writer_init(&json, &relay->text);
    cl_json_object_begin(&json);
    cl_json_put_member(&json, CL_STR("error"), sentence);
    cl_json_put_member(&json, CL_STR("code"), code);
    cl_json_object_end(&json);
    enum cl_err err = cl_json_writer_end(&json);
    if (err != CL_OK) {
        cl_exchange_refuse(exchange, err, CL_STR(""));
        return;
    }
    struct cl_part part = cl_part_of(cl_buf_str(&relay->text));
    struct cl_http_answer answer = {.status = status, .parts = &part, .parts_len = 1};
    cl_http_answer(exchange->conn, &answer);
    cl_exchange_free(exchange);
}

/* -- register ---------------------------------------------------------------------------------- */

static cl_network
network_of(const struct cl_exchange *exchange, bool *ret_is_loopback)
{
    cl_address peer;
    cl_http_conn_peer(exchange->conn, &peer);
    *ret_is_loopback = cl_address_is_loopback(&peer);
    return cl_address_network(&peer);
}

bool
cl_al_has_other_key(const struct cl_al_instance *instance, cl_str key)
{
    return key.len > 0 && instance->key != NULL && !cl_str_eq(cl_body_str(instance->key), key);
}

/* The first key that is shown is the instance's for good. False: it has another one. */
static bool
pin_key(struct cl_al_instance *instance, cl_str key)
{
    if (cl_al_has_other_key(instance, key))
        return false;
    if (key.len > 0 && instance->key == NULL)
        instance->key = cl_body_new(key); // without memory it has none yet
    return true;
}

static void
answer_registered(struct cl_exchange *exchange, struct cl_al_instance *instance, cl_str key)
{
    if (pin_key(instance, key))
        answer(exchange, CL_STR("registered"), CL_STR("instance_id"), cl_al_instance_id(instance));
    else
        refuse_as(exchange, 409, CL_STR("other_key"),
                  CL_STR("this instance has registered another public_key"));
}

void
cl_al_answer_register(struct cl_exchange *exchange, enum cl_err err, cl_str sentence,
                      const struct cl_al_knock *knock)
{
    if (err == CL_OK)
        answer_registered(exchange, knock->instance, cl_al_knock_key(knock));
    else
        cl_exchange_refuse(exchange, err, sentence);
}

/* By the token and a name that is registered. */
static enum cl_err
find_instance(struct cl_exchange *exchange, const struct cl_agent_link_call *call,
              struct cl_al_instance **ret_instance, struct cl_why *why)
{
    struct cl_relay *relay = exchange->relay;
    struct cl_al_instance *instance = cl_al_find_instance(relay->agent_link, call->instance);
    const struct cl_agent_link_instance from = {.id = call->instance, .name = call->name};
    if (!exchange->has_token)
        return cl_fail(CL_ERR_UNAUTHORIZED, why, "sign the register, or show the relay's token");
    if (instance == NULL && !relay->agent_link->is_open)
        return cl_fail(CL_ERR_FORBIDDEN, why, "%.*s is not registered at this relay",
                       CL_STR_ARG(call->instance));
    enum cl_err err = CL_OK;
    if (instance == NULL) {
        err = cl_al_instance_new(relay, &from, &instance);
        if (err == CL_OK)
            cl_al_adopt(relay, instance);
    }
    *ret_instance = instance;
    return err == CL_OK ? CL_OK : cl_fail(err, why, "%s", cl_err_wire(err));
}

static void
run_register(struct cl_exchange *exchange, const struct cl_agent_link_call *call)
{
    struct cl_why why = {""};
    struct cl_al_instance *instance = NULL;
    struct cl_al_who who = {.call = call, .exchange = exchange};
    who.network = network_of(exchange, &who.is_loopback);
    enum cl_err err = call->is_signed ? cl_al_door_register(exchange->relay, &who, &why)
                                      : find_instance(exchange, call, &instance, &why);
    if (err == CL_ERR_RATE) {
        exchange->wait_s = 1;
        err = CL_ERR_UNAVAILABLE;
    }
    if (err != CL_OK) {
        cl_exchange_refuse(exchange, err, cl_str_z(why.text));
    } else if (instance != NULL) {
        if (!cl_al_has_other_key(instance, call->public_key))
            cl_al_door_prove(exchange->relay, &who.network, call->instance);
        answer_registered(exchange, instance, call->public_key);
    }
}

/* -- send -------------------------------------------------------------------------------------- */

void
cl_al_answer_sent(struct cl_exchange *exchange, const struct cl_effect *passed, cl_str to)
{
    if (passed->passed.outcome == CL_OUTCOME_NONE)
        answer(exchange, CL_STR("delivered"), CL_STR("to"), to);
    else if (passed->passed.outcome == CL_OUTCOME_EXPIRED)
        refuse_as(exchange, 504, CL_STR("not_proven"),
                  CL_STR("no proof came in time that the message got there"));
    else
        cl_exchange_refuse(exchange, CL_ERR_UNAVAILABLE, CL_STR("the message was refused"));
}

/* May that be sent from there? The exchange is gone if not. */
static bool
may_send(struct cl_exchange *exchange, const struct cl_agent_link_call *call)
{
    struct cl_relay *relay = exchange->relay;
    bool is_loopback;
    cl_network network = network_of(exchange, &is_loopback);
    if (!call->is_signed) {
        cl_exchange_refuse(exchange, CL_ERR_UNAUTHORIZED, CL_STR("the message is not signed"));
        return false;
    }
    if (exchange->has_token)
        return true;
    if (!cl_al_door_is_proven(relay, &network, call->from_address.instance)) {
        cl_exchange_refuse(exchange, CL_ERR_UNAUTHORIZED,
                           CL_STR("register from here first, or show the relay's token"));
        return false;
    }
    return true;
}

static void
run_send(struct cl_exchange *exchange, const struct cl_agent_link_call *call)
{
    struct cl_relay *relay = exchange->relay;
    struct cl_why why = {""};
    const struct cl_al_letter letter = {
        .call = call,
        .instance = cl_al_find_instance(relay->agent_link, call->from_address.instance),
        .exchange = exchange,
        .is_once = !exchange->has_token};
    if (!may_send(exchange, call))
        return;
    if (letter.instance == NULL) {
        cl_exchange_refuse(exchange, CL_ERR_FORBIDDEN,
                           CL_STR("this instance is not registered at this relay"));
        return;
    }
    enum cl_err err = cl_al_pass(relay, &letter, &why);
    if (err == CL_OK)
        return;
    relay->agent_link->counts[CL_AL_COUNT_FAILED]++;
    cl_exchange_refuse(exchange, err, cl_str_z(why.text));
}

/* -- both -------------------------------------------------------------------------------------- */

void
cl_al_call(struct cl_exchange *exchange, cl_str body)
{
    struct cl_relay *relay = exchange->relay;
    struct cl_envelope_reader reader = cl_v2_reader(relay);
    bool is_register = exchange->al_route == CL_AL_ROUTE_REGISTER;
    struct cl_agent_link_call call;
    struct cl_why why = {""};
    relay->agent_link->has_content = true;
    enum cl_err err = cl_agent_link_read_body(
        &reader, is_register ? CL_AGENT_LINK_REGISTER : CL_AGENT_LINK_SEND, body, &call, &why);
    if (err != CL_OK)
        cl_exchange_refuse(exchange, err, cl_str_z(why.text));
    else if (is_register)
        run_register(exchange, &call);
    else
        run_send(exchange, &call);
    cl_arena_clear(&relay->arena);
}
