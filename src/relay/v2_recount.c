// SPDX-License-Identifier: MIT
/*
 * Messages that came back have one attempt more, or are dead letters: that is for the core to say
 * (RELEASED). Until it has, their agent is handed nothing, else a message would go out once more
 * than it may, and say that it had not been out before.
 */
#include <string.h>

#include "base/alloc.h"
#include "relay/state.h"
#include "relay/v2.h"

/* A count on its way through the journal. */
struct recount {
    struct cl_peer peer; // in relay->recounts
    uint64_t asker;      // the call that it answers; 0: none
    uint32_t agent_len;
    char agent[];
};

static struct recount *
at_link(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct recount, peer.link);
}

static cl_str
agent_of(const struct recount *recount)
{
    return cl_str_of(recount->agent, recount->agent_len);
}

static void
recount_free(struct cl_relay *relay, struct recount *recount)
{
    cl_peer_end(relay, &recount->peer);
    cl_free(recount);
}

void
cl_recount_begin(struct cl_relay *relay, const struct cl_effect *released)
{
    struct recount *recount = cl_alloc(sizeof *recount + released->agent.len);
    struct cl_command draft = {
        .kind = CL_COMMAND_RELEASED,
        .released = {.agent = released->agent, .ranges = released->released.ranges}};
    if (recount == NULL)
        return;
    if (cl_peer_begin(relay, &recount->peer, CL_PEER_RECOUNT, &relay->recounts) != CL_OK) {
        cl_free(recount);
        return;
    }
    recount->asker = relay->asking.handle;
    recount->agent_len = (uint32_t)released->agent.len;
    memcpy(recount->agent, released->agent.ptr, released->agent.len);
    if (cl_relay_submit(relay, &draft, recount->peer.handle) != CL_OK)
        recount_free(relay, recount); // a count is not worth a message
    else if (recount->asker != 0)
        relay->asking.is_taken = true;
}

bool
cl_recount_is_open(const struct cl_relay *relay, cl_str agent)
{
    CL_LIST_EACH(&relay->recounts, at)
    {
        if (cl_str_eq(agent_of(at_link(at)), agent))
            return true;
    }
    return false;
}

void
cl_recount_end(struct cl_relay *relay, struct cl_peer *peer)
{
    struct recount *recount = CL_LIST_ENTRY(peer, struct recount, peer);
    char agent[CL_ID_BYTES_MAX];
    memcpy(agent, recount->agent, recount->agent_len);
    cl_str id = cl_str_of(agent, recount->agent_len);
    struct cl_wait *wait = cl_handles_get(&relay->handles, recount->asker);
    recount_free(relay, recount);
    if (wait != NULL)
        cl_wait_reply(wait, &(struct cl_effect){.kind = CL_EFFECT_REPLY});
    cl_relay_mark_ready(relay, id);
}

void
cl_recount_end_all(struct cl_relay *relay)
{
    struct cl_link *at;
    while ((at = cl_list_first(&relay->recounts)) != NULL)
        cl_recount_end(relay, &at_link(at)->peer);
}
