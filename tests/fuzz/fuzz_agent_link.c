// SPDX-License-Identifier: MIT
/*
 * Agent Link from strangers. The first byte says what the rest is: '1' a frame to the relay, '2' a
 * frame to the client, '3' and '4' bodies of HTTP (register, send), '5' a relay's configuration,
 * '6' a client's.
 *
 * What is refused is refused with a sentence. What is accepted keeps the rules, can be written, and
 * what is written is read as the same and written as the same again. Of what is signed no other
 * split into from, to and message is a frame.
 */
#include <string.h>

#include "base/assert.h"
#include "proto/agent_link.h"
#include "proto/agent_link_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const cl_hash_key hash_key = {{1}};

static bool
is_refusal(enum cl_err err, const struct cl_why *why)
{
    return (err == CL_ERR_MALFORMED || err == CL_ERR_MISSING || err == CL_ERR_NOT_IMPLEMENTED ||
            err == CL_ERR_TOO_LARGE) &&
           why->text[0] != '\0';
}

/* -- frames ------------------------------------------------------------------------------------ */

static size_t
count_of(cl_str text, char byte)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == byte;
    return count;
}

static void
check_call(const struct cl_agent_link_call *call)
{
    if (call->type == CL_AGENT_LINK_REGISTER)
        CL_ASSERT(cl_name_is_instance(call->instance));
    if (call->type != CL_AGENT_LINK_SEND)
        return;
    // So that "send:" from ":" to ":" message can be split in one way only.
    CL_ASSERT(count_of(call->from, ':') + count_of(call->to, ':') == 0);
    CL_ASSERT(count_of(call->from, '/') == 1 && count_of(call->to, '/') <= 1);
    CL_ASSERT(count_of(call->target, '/') == 1);
    CL_ASSERT(call->from_address.kind == CL_ADDRESS_AGENT);
    CL_ASSERT((call->to_address.kind & (CL_ADDRESS_AGENT | CL_ADDRESS_V1)) != 0);
    CL_ASSERT(cl_str_ends(call->target, call->to));
}

static bool
is_same_call(const struct cl_agent_link_call *a, const struct cl_agent_link_call *b)
{
    return a->type == b->type && a->is_signed == b->is_signed &&
           cl_digest_eq(&a->signature, &b->signature) && cl_str_eq(a->instance, b->instance) &&
           cl_str_eq(a->public_key, b->public_key) && cl_str_eq(a->name, b->name) &&
           cl_str_eq(a->from, b->from) && cl_str_eq(a->to, b->to) &&
           cl_str_eq(a->message, b->message) && cl_str_eq(a->target, b->target);
}

/* As a frame, or as a body where the type is said beside it. */
static enum cl_err
read_call(const struct cl_envelope_reader *reader, const enum cl_agent_link_call_type *type,
          cl_str text, struct cl_agent_link_call *ret_call, struct cl_why *why)
{
    if (type == NULL)
        return cl_agent_link_read_call(reader, text, ret_call, why);
    return cl_agent_link_read_body(reader, *type, text, ret_call, why);
}

static void
try_call(const struct cl_envelope_reader *reader, const enum cl_agent_link_call_type *type,
         cl_str text)
{
    struct cl_agent_link_call call, again;
    struct cl_why why = {""};
    struct cl_buf first, second;
    enum cl_err err = read_call(reader, type, text, &call, &why);
    if (err != CL_OK) {
        CL_ASSERT(is_refusal(err, &why));
        return;
    }
    CL_ASSERT(type != NULL || call.is_signed || call.type == CL_AGENT_LINK_PING);
    check_call(&call);
    cl_buf_init(&first, 16 * CL_MIB);
    cl_buf_init(&second, 16 * CL_MIB);
    CL_ASSERT(cl_agent_link_put_call(&call, &first) == CL_OK);
    CL_ASSERT(read_call(reader, type, cl_buf_str(&first), &again, &why) == CL_OK);
    CL_ASSERT(is_same_call(&call, &again));
    CL_ASSERT(cl_agent_link_put_call(&again, &second) == CL_OK);
    CL_ASSERT(cl_str_eq(cl_buf_str(&first), cl_buf_str(&second)));
    cl_buf_done(&first);
    cl_buf_done(&second);
}

static void
try_note(const struct cl_envelope_reader *reader, cl_str text)
{
    struct cl_agent_link_note note, again;
    struct cl_why why = {""};
    struct cl_buf buf;
    enum cl_err err = cl_agent_link_read_note(reader, text, &note, &why);
    if (err != CL_OK) {
        CL_ASSERT(is_refusal(err, &why) && err != CL_ERR_NOT_IMPLEMENTED);
        return;
    }
    if (note.type == CL_AGENT_LINK_UNKNOWN)
        return;
    cl_buf_init(&buf, 16 * CL_MIB);
    CL_ASSERT(cl_agent_link_put_note(&note, &buf) == CL_OK);
    CL_ASSERT(cl_agent_link_read_note(reader, cl_buf_str(&buf), &again, &why) == CL_OK);
    CL_ASSERT(note.type == again.type && cl_str_eq(note.instance, again.instance));
    CL_ASSERT(cl_str_eq(note.from, again.from) && cl_str_eq(note.to, again.to));
    CL_ASSERT(cl_str_eq(note.message, again.message));
    cl_buf_done(&buf);
}

/* -- configurations ---------------------------------------------------------------------------- */

static void
check_relay(const struct cl_agent_link_relay_config *config)
{
    CL_ASSERT(config->instances_len <= CL_AL_INSTANCES_MAX);
    for (uint32_t i = 0; i < config->instances_len; i++) {
        const struct cl_agent_link_instance *instance = &config->instances[i];
        CL_ASSERT(cl_agent_link_find_instance(config, instance->id) == instance);
        CL_ASSERT(cl_agent_link_secret_of(config, instance)->len > 0);
        CL_ASSERT(cl_name_is_instance(instance->id));
        CL_ASSERT(instance->agents.len <= CL_AL_AGENTS_MAX);
        for (uint32_t k = 0; k < instance->agents.len; k++)
            CL_ASSERT(cl_name_is_valid(instance->agents.ptr[k]));
    }
}

static void
try_relay(const struct cl_envelope_reader *reader, cl_str text)
{
    struct cl_agent_link_relay_config config;
    struct cl_why why = {""};
    struct cl_buf first, second;
    enum cl_err err = cl_agent_link_read_relay_config(reader, text, &config, &why);
    if (err != CL_OK) {
        CL_ASSERT(is_refusal(err, &why) && config.instances == NULL);
        return;
    }
    check_relay(&config);
    // Indented, a file of nothing but brackets is many times as long.
    cl_buf_init(&first, 32 * CL_MIB);
    cl_buf_init(&second, 32 * CL_MIB);
    CL_ASSERT(cl_agent_link_put_relay_config(&config, &first) == CL_OK);
    cl_agent_link_relay_config_done(&config);
    if (first.len <= CL_AL_CONFIG_BYTES_MAX) {
        err = cl_agent_link_read_relay_config(reader, cl_buf_str(&first), &config, &why);
        CL_ASSERT(err == CL_OK);
        CL_ASSERT(cl_agent_link_put_relay_config(&config, &second) == CL_OK);
        CL_ASSERT(cl_str_eq(cl_buf_str(&first), cl_buf_str(&second)));
        cl_agent_link_relay_config_done(&config);
    }
    cl_buf_done(&first);
    cl_buf_done(&second);
}

static void
try_client(const struct cl_envelope_reader *reader, cl_str text)
{
    struct cl_agent_link_client_config config;
    struct cl_why why = {""};
    struct cl_buf first, second;
    enum cl_err err = cl_agent_link_read_client_config(reader, text, &config, &why);
    if (err != CL_OK) {
        CL_ASSERT(is_refusal(err, &why) && config.secret.len == 0);
        return;
    }
    CL_ASSERT(cl_name_is_instance(config.instance_id) && cl_name_is_valid(config.agent_id));
    CL_ASSERT(config.secret.len > 0 && config.reconnect_interval_ms <= CL_AL_RECONNECT_MS_MAX);
    cl_buf_init(&first, CL_MIB);
    cl_buf_init(&second, CL_MIB);
    CL_ASSERT(cl_agent_link_put_client_config(&config, &first) == CL_OK);
    cl_agent_link_client_config_done(&config);
    CL_ASSERT(cl_agent_link_read_client_config(reader, cl_buf_str(&first), &config, &why) == CL_OK);
    CL_ASSERT(cl_agent_link_put_client_config(&config, &second) == CL_OK);
    CL_ASSERT(cl_str_eq(cl_buf_str(&first), cl_buf_str(&second)));
    cl_agent_link_client_config_done(&config);
    cl_buf_done(&first);
    cl_buf_done(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum cl_agent_link_call_type types[] = {CL_AGENT_LINK_REGISTER,
                                                         CL_AGENT_LINK_SEND};
    struct cl_arena arena;
    struct cl_envelope_reader reader = {.arena = &arena, .hash_key = &hash_key};
    if (size == 0)
        return 0;
    cl_str text = cl_str_of(data + 1, size - 1);
    cl_arena_init(&arena, 32 * CL_MIB);
    switch (data[0] % 6) {
    case '1' % 6:
        try_call(&reader, NULL, text);
        break;
    case '2' % 6:
        try_note(&reader, text);
        break;
    case '3' % 6:
        try_call(&reader, &types[0], text);
        break;
    case '4' % 6:
        try_call(&reader, &types[1], text);
        break;
    case '5' % 6:
        try_relay(&reader, text);
        break;
    default:
        try_client(&reader, text);
        break;
    }
    cl_arena_done(&arena);
    return 0;
}
