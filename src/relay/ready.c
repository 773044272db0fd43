// SPDX-License-Identifier: MIT
/*
 * Who may take something, and takes it at the end of the turn.
 */
#include <string.h>

#include "relay/agent_link.h"
#include "relay/state.h"
#include "relay/v2.h"

/* -- who may ----------------------------------------------------------------------------------- */

void
cl_relay_mark_ready(struct cl_relay *relay, cl_str agent)
{
    struct cl_peer *receiver =
        cl_handles_get(&relay->handles, cl_session_receiver(relay->session, agent));
    if (receiver == NULL)
        cl_al_want(relay, agent);
    else if (!cl_link_is_linked(&receiver->ready))
        cl_list_append(&relay->ready, &receiver->ready);
}

/* Of the broadcasts of one turn only the first has to walk along all of them. */
static void
mark_sockets_ready(struct cl_relay *relay)
{
    if (relay->are_all_ready)
        return;
    CL_LIST_EACH(&relay->sockets, at)
    {
        struct cl_peer *peer = CL_LIST_ENTRY(at, struct cl_peer, link);
        if (!cl_link_is_linked(&peer->ready))
            cl_list_append(&relay->ready, &peer->ready);
    }
    relay->are_all_ready = true;
}

/* One that may not take, being an older socket, hands on to who may. */
void
cl_relay_mark_all_ready(struct cl_relay *relay)
{
    mark_sockets_ready(relay);
    struct cl_seat *seat;
    for (uint32_t at = 0; (seat = cl_map_next(&relay->seats, &at)) != NULL;)
        cl_relay_mark_ready(relay, cl_seat_agent(seat));
    CL_LIST_EACH(&relay->exchanges, at)
    {
        struct cl_exchange *exchange = CL_LIST_ENTRY(at, struct cl_exchange, peer.link);
        if (cl_timer_is_running(&exchange->wait))
            cl_relay_mark_ready(relay, exchange->agent);
    }
    CL_LIST_EACH(&relay->leases, at)
    {
        struct cl_lease *lease = CL_LIST_ENTRY(at, struct cl_lease, peer.link);
        if (lease->conn != NULL) // it waits
            cl_relay_mark_ready(relay, cl_lease_agent(lease));
    }
    cl_al_mark_all(relay);
}

/* -- taking ------------------------------------------------------------------------------------ */

static cl_str
agent_of(struct cl_peer *peer)
{
    if (peer->kind == CL_PEER_SOCKET)
        return cl_socket_agent((struct cl_socket *)(void *)peer);
    if (peer->kind == CL_PEER_LEASE)
        return cl_lease_agent((struct cl_lease *)(void *)peer);
    if (peer->kind == CL_PEER_DESK)
        return cl_desk_agent((struct cl_al_desk *)(void *)peer);
    return peer->kind == CL_PEER_SEAT ? cl_seat_agent((struct cl_seat *)(void *)peer)
                                      : ((struct cl_exchange *)(void *)peer)->agent;
}

static bool
pump_peer(struct cl_peer *peer)
{
    if (peer->kind == CL_PEER_SOCKET)
        return cl_socket_pump((struct cl_socket *)(void *)peer);
    if (peer->kind == CL_PEER_LEASE)
        return cl_lease_pump((struct cl_lease *)(void *)peer);
    if (peer->kind == CL_PEER_DESK)
        return cl_desk_pump((struct cl_al_desk *)(void *)peer);
    return peer->kind == CL_PEER_SEAT ? cl_seat_pump((struct cl_seat *)(void *)peer)
                                      : cl_poll_pump((struct cl_exchange *)(void *)peer);
}

/* Whom this one left something: one out of credit leaves it to a poll, a poll to the next. */
static void
pump_one(struct cl_relay *relay, struct cl_peer *peer)
{
    char space[CL_ID_BYTES_MAX]; // the peer may be gone afterwards
    uint64_t handle = peer->handle;
    cl_str agent = agent_of(peer);
    memcpy(space, agent.ptr, agent.len);
    agent.ptr = space;

    if (cl_recount_is_open(relay, agent))
        return; // it is ready again then
    relay->batch.is_all = false;
    relay->blobs.shown = 0;
    bool took = pump_peer(peer);
    if (relay->batch.is_all)
        return;
    if (took || cl_session_receiver(relay->session, agent) != handle)
        cl_relay_mark_ready(relay, agent);
}

void
cl_relay_pump(struct cl_relay *relay)
{
    struct cl_link *at;
    while ((at = cl_list_first(&relay->ready)) != NULL) {
        relay->are_all_ready = false;
        cl_list_remove(at);
        pump_one(relay, CL_LIST_ENTRY(at, struct cl_peer, ready));
    }
    cl_shared_forget(&relay->shared);
}
