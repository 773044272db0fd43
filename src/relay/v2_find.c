// SPDX-License-Identifier: MIT
#include "relay/v2.h"

#include "proto/v2_bridge.h"
#include "relay/agent_link.h"
#include "relay/state.h"

/* Candidates that an ambiguous name is answered with. */
#define CANDIDATES_MAX 16

/* Somebody who would get a message: not only an inbox that waits for its owner. */
static bool
is_there(const struct cl_agent *agent)
{
    return agent != NULL && agent->state != CL_AGENT_ORPHAN;
}

static bool
is_online(struct cl_relay *relay, const struct cl_agent *agent)
{
    return cl_session_is_online(relay->session, agent->id) ||
           cl_relay_presence(relay, agent->id).is_online;
}

static enum cl_err
take(struct cl_relay *relay, const struct cl_agent *agent, struct cl_found *ret_found)
{
    ret_found->id = agent->id;
    return cl_address_of_id(agent->id, &relay->arena, &ret_found->address);
}

/* Of those online who offer it, whoever has the least waiting. */
static enum cl_err
find_capable(struct cl_relay *relay, cl_str capability, struct cl_found *ret_found)
{
    struct cl_directory_walk walk;
    const struct cl_agent *best = NULL;
    for (cl_str id = cl_directory_first(&relay->directory, CL_WORD_CAPABILITY, capability, &walk);
         id.len > 0; id = cl_directory_next(&walk)) {
        const struct cl_agent *agent = cl_core_agent(relay->core, id);
        if (!cl_agent_is_registered(agent) || !is_online(relay, agent))
            continue;
        if (best == NULL || agent->inbox.count < best->inbox.count)
            best = agent;
    }
    return best == NULL ? CL_ERR_NO_AGENT : take(relay, best, ret_found);
}

static enum cl_err
add_candidate(struct cl_relay *relay, const struct cl_agent *agent, struct cl_found *found,
              cl_str *space)
{
    if (found->candidates.len == CANDIDATES_MAX)
        return CL_OK;
    enum cl_err err = cl_address_of_id(agent->id, &relay->arena, &space[found->candidates.len]);
    found->candidates.len += err == CL_OK;
    return err;
}

/* Whose name that is, or whose id of v1. */
static enum cl_err
find_named(struct cl_relay *relay, cl_str name, struct cl_found *ret_found)
{
    struct cl_directory_walk walk;
    cl_str *space = cl_arena_alloc(&relay->arena, CANDIDATES_MAX * sizeof *space);
    const struct cl_agent *of_v1 = cl_core_agent(relay->core, name), *last = NULL;
    uint32_t count = 0;
    enum cl_err err = space == NULL ? CL_ERR_NO_MEMORY : CL_OK;
    if (space != NULL)
        ret_found->candidates = (cl_strs){space, 0};
    if (err == CL_OK && is_there(of_v1)) {
        last = of_v1;
        count++;
        err = add_candidate(relay, of_v1, ret_found, space);
    }
    for (cl_str id = cl_directory_first(&relay->directory, CL_WORD_NAME, name, &walk);
         id.len > 0 && err == CL_OK; id = cl_directory_next(&walk)) {
        const struct cl_agent *agent = cl_core_agent(relay->core, id);
        if (!cl_agent_is_registered(agent) || agent == of_v1)
            continue;
        last = agent;
        count++;
        err = add_candidate(relay, agent, ret_found, space);
    }
    if (err != CL_OK)
        return err;
    if (count != 1)
        return count == 0 ? CL_ERR_NO_AGENT : CL_ERR_AMBIGUOUS;
    return take(relay, last, ret_found);
}

static enum cl_err
find_known(struct cl_relay *relay, cl_str id, cl_str to, struct cl_found *ret_found)
{
    const struct cl_agent *agent = cl_core_agent(relay->core, id);
    if (!is_there(agent) && cl_al_reach(relay, id) == NULL)
        return CL_ERR_NO_AGENT;
    ret_found->id = is_there(agent) ? agent->id : id;
    ret_found->address = to;
    return CL_OK;
}

enum cl_err
cl_v2_find(struct cl_relay *relay, cl_str to, struct cl_found *ret_found)
{
    struct cl_address address;
    *ret_found = (struct cl_found){.address = to};
    if (!cl_address_read(to, &address))
        return CL_ERR_NO_AGENT;
    switch (address.kind) {
    case CL_ADDRESS_TOPIC:
        ret_found->is_topic = true;
        ret_found->id = address.name;
        return CL_OK;
    case CL_ADDRESS_CAP:
        return find_capable(relay, address.name, ret_found);
    case CL_ADDRESS_NAME:
        return find_named(relay, address.name, ret_found);
    case CL_ADDRESS_AGENT:
    case CL_ADDRESS_V1:
        return find_known(relay, cl_address_id(&address, to), to, ret_found);
    case CL_ADDRESS_RELAY:
        break;
    }
    return CL_ERR_NO_AGENT;
}

void
cl_relay_list(struct cl_relay *relay, const struct cl_agent *agent)
{
    struct cl_envelope_reader reader = cl_v2_reader(relay);
    struct cl_v2_agent said = {.agent = agent->id};
    enum cl_err err = cl_v2_read_record(&reader, cl_body_str(agent->record), &said);
    if (err == CL_OK)
        err = cl_directory_put(&relay->directory, agent->id, said.name, said.capabilities);
    if (err != CL_OK)
        cl_log_warn(&relay->config.log, "agent.not_listed", CL_F("agent", agent->id),
                    CL_F("code", cl_err_wire(err)));
    cl_arena_clear(&relay->arena);
}
