// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "base/random.h"
#include "client/api_private.h"

enum cl_err
cl_api_address(const claw_client *client, const char *text,
               char ret_address[static CL_API_ADDRESS_CAP], struct cl_why *why)
{
    struct cl_address address;
    cl_str given = cl_str_z(text);
    if (cl_name_is_valid(given)) {
        // The instance's name was looked at when the client was made.
        (void)snprintf(ret_address, CL_API_ADDRESS_CAP, "%s/%s", client->instance, text);
        return CL_OK;
    }
    if (cl_address_read(given, &address) && address.kind == CL_ADDRESS_AGENT &&
        cl_str_eq(address.instance, cl_str_z(client->instance))) {
        (void)cl_str_copy(ret_address, CL_API_ADDRESS_CAP, given); // it is no longer than that
        return CL_OK;
    }
    return cl_fail(CL_ERR_USAGE, why,
                   "\"%.*s\" is no agent of this client's: write a name, or %s/NAME.",
                   CL_STR_ARG(cl_str_part(given, 0, 100)), client->instance);
}

struct cl_api_agent *
cl_api_agent_find(const claw_client *client, cl_str address)
{
    CL_LIST_EACH(&client->agents, at)
    {
        struct cl_api_agent *agent = CL_LIST_ENTRY(at, struct cl_api_agent, link);
        if (cl_str_eq(cl_str_z(agent->address), address))
            return agent;
    }
    return NULL;
}

enum cl_err
cl_api_agent_get(const claw_client *client, const char *text, struct cl_api_agent **ret_agent,
                 struct cl_why *why)
{
    char address[CL_API_ADDRESS_CAP];
    enum cl_err err = cl_api_address(client, text, address, why);
    if (err != CL_OK)
        return err;
    *ret_agent = cl_api_agent_find(client, cl_str_z(address));
    if (*ret_agent == NULL)
        return cl_fail(CL_ERR_NOT_FOUND, why, "%s is not attached: claw_attach comes first.",
                       address);
    return CL_OK;
}

void
cl_api_agent_free(struct cl_api_agent *agent)
{
    cl_list_remove(&agent->link);
    cl_api_held_done(agent);
    cl_free(agent);
}

/* -- attaching --------------------------------------------------------------------------------- */

/* What the protocol would refuse the whole client for. */
static enum cl_err
check_agent(const struct claw_agent *given, struct cl_why *why)
{
    cl_str name = cl_api_str(given->name), description = cl_api_str(given->description);
    if (name.len > 0 && !cl_line_is_valid(name, CL_V2_DISPLAY_BYTES_MAX))
        return cl_fail(CL_ERR_USAGE, why,
                       "name takes up to %u bytes of UTF-8 without control characters.",
                       CL_V2_DISPLAY_BYTES_MAX);
    if (description.len > CL_V2_DESCRIPTION_BYTES_MAX)
        return cl_fail(CL_ERR_USAGE, why, "description takes up to %u bytes.",
                       CL_V2_DESCRIPTION_BYTES_MAX);
    if (given->capabilities_len > CL_V2_CAPABILITIES_MAX)
        return cl_fail(CL_ERR_USAGE, why, "An agent has up to %u capabilities.",
                       CL_V2_CAPABILITIES_MAX);
    if (given->capabilities == NULL && given->capabilities_len > 0)
        return cl_fail(CL_ERR_USAGE, why, "The capabilities have a length, and are not there.");
    for (size_t i = 0; i < given->capabilities_len; i++)
        if (!cl_name_is_valid(cl_api_str(given->capabilities[i])))
            return cl_fail(CL_ERR_USAGE, why,
                           "Capability %zu is no name: write up to %u letters, digits and \"._-\".",
                           i + 1, CL_NAME_BYTES_MAX);
    return CL_OK;
}

static enum cl_err
check_metadata(const claw_client *client, cl_str metadata, struct cl_why *why)
{
    struct cl_arena arena;
    struct cl_json_scan scan;
    struct cl_why reason = {""};
    if (metadata.len == 0)
        return CL_OK;
    cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    cl_json_scan_init(&scan, &arena, &client->hash_key);
    enum cl_err err = metadata.len > CL_V2_METADATA_BYTES_MAX
                          ? CL_ERR_TOO_LARGE
                          : cl_json_scan_feed(&scan, metadata, true, &reason);
    cl_arena_done(&arena);
    if (err == CL_OK || err == CL_ERR_NO_MEMORY)
        return err;
    return cl_fail(CL_ERR_USAGE, why, "metadata is no JSON object of up to %u bytes. %.200s",
                   CL_V2_METADATA_BYTES_MAX, reason.text);
}

static struct cl_api_agent *
agent_new(claw_client *client, const char *address)
{
    struct cl_api_agent *agent = cl_alloc(sizeof *agent);
    if (agent == NULL)
        return NULL;
    (void)cl_str_copy(agent->address, sizeof agent->address, cl_str_z(address)); // as long
    cl_random_bytes(&agent->stream, sizeof agent->stream);
    cl_api_held_init(agent, &client->hash_key);
    cl_list_append(&client->agents, &agent->link);
    return agent;
}

static enum cl_err
attach(claw_client *client, void *args, struct cl_why *why)
{
    struct claw_agent known;
    const struct claw_agent *given = &known;
    char address[CL_API_ADDRESS_CAP];
    cl_str capabilities[CL_V2_CAPABILITIES_MAX];
    enum cl_err err = cl_api_check(client, why);
    if (err == CL_OK)
        err = cl_api_struct(args, &known, sizeof known, why);
    if (err == CL_OK)
        err = cl_api_address(client, given->agent, address, why);
    if (err == CL_OK)
        err = check_agent(given, why);
    if (err == CL_OK)
        err = check_metadata(client, cl_str_strip(cl_api_str(given->metadata)), why);
    if (err != CL_OK)
        return err;
    for (size_t i = 0; i < given->capabilities_len; i++)
        capabilities[i] = cl_str_z(given->capabilities[i]);
    struct cl_api_agent *before = cl_api_agent_find(client, cl_str_z(address));
    struct cl_api_agent *agent = before == NULL ? agent_new(client, address) : before;
    if (agent == NULL)
        return CL_ERR_NO_MEMORY;
    const struct cl_v2_attach params = {
        .agent = cl_str_z(agent->address),
        .name = cl_api_str(given->name),
        .description = cl_api_str(given->description),
        .capabilities = {capabilities, (uint32_t)given->capabilities_len},
        .metadata = cl_str_strip(cl_api_str(given->metadata)),
        .receipts_after = {given->has_receipts_after != 0, given->receipts_after},
        .quiet = given->is_quiet != 0,
        .guest = given->is_guest != 0};
    err = cl_uplink_attach(client->uplink, &params);
    if (err != CL_OK && before == NULL)
        cl_api_agent_free(agent);
    return err == CL_ERR_MALFORMED ? cl_fail(err, why, "A text is not UTF-8.") : err;
}

claw_err
claw_attach(claw_client *client, const struct claw_agent *agent)
{
    return cl_api_do(client, attach, (void *)(uintptr_t)agent); // which it only reads
}

claw_err
claw_attach_name(claw_client *client, const char *name)
{
    struct claw_agent agent;
    claw_agent_init(&agent, sizeof agent);
    agent.agent = name;
    return cl_api_do(client, attach, &agent);
}

/* -- leaving ----------------------------------------------------------------------------------- */

struct detach_args {
    const char *agent;
    uint64_t tag;
};

/* To a relay that is there; one that is not has lost it already. */
static enum cl_err
tell_leaving(claw_client *client, const struct cl_api_agent *agent, struct cl_api_event *event,
             struct cl_why *why)
{
    struct cl_api_op *op;
    if (!cl_uplink_is_up(client->uplink)) {
        if (event != NULL)
            cl_api_event_add(client, event);
        return CL_OK;
    }
    enum cl_err err = cl_api_op_new(client, CL_V2_DETACH, 0, &op);
    if (err != CL_OK) {
        cl_api_event_free(event);
        return err;
    }
    const struct cl_v2_detach params = {.agent = cl_str_z(agent->address)};
    op->event = event;
    return cl_api_op_start(op, &params, CL_API_BOUND, why);
}

static enum cl_err
detach(claw_client *client, void *args, struct cl_why *why)
{
    const struct detach_args *given = args;
    struct cl_api_agent *agent;
    struct cl_api_event *event = NULL;
    enum cl_err err = cl_api_check(client, why);
    if (err == CL_OK)
        err = cl_api_agent_get(client, given->agent, &agent, why);
    if (err == CL_OK && given->tag != 0) {
        event = cl_api_event_new(CLAW_EVENT_RESULT, 0);
        err = event == NULL ? CL_ERR_NO_MEMORY : CL_OK;
    }
    if (err != CL_OK)
        return err;
    if (event != NULL)
        event->shown.tag = given->tag;
    cl_api_tell_settled(client); // what it settled before
    err = tell_leaving(client, agent, event, why);
    if (err != CL_OK)
        return err;
    cl_uplink_unseat(client->uplink, cl_str_z(agent->address));
    cl_api_agent_free(agent);
    return CL_OK;
}

claw_err
claw_detach(claw_client *client, const char *agent, uint64_t tag)
{
    struct detach_args args = {agent, tag};
    return cl_api_do(client, detach, &args);
}
