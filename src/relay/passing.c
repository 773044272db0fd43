// SPDX-License-Identifier: MIT
#include "relay/agent_link.h"
#include "relay/blob.h"
#include "relay/state.h"

void
cl_relay_passed(struct cl_relay *relay, const struct cl_effect *passed)
{
    struct cl_peer *peer = cl_handles_get(&relay->handles, passed->passed.ticket);
    relay->asking.has_passed = true;
    cl_blob_forget_passed(relay, passed->passed.id);
    if (peer == NULL)
        return; // whoever sent it has gone
    switch (peer->kind) {
    case CL_PEER_PASS:
        cl_al_passed(relay, passed);
        return;
    case CL_PEER_EXCHANGE:
    case CL_PEER_SOCKET:
    case CL_PEER_ACK:
    case CL_PEER_SEAT:
    case CL_PEER_WAIT:
    case CL_PEER_LEASE:
    case CL_PEER_RECOUNT:
    case CL_PEER_DESK:
    case CL_PEER_KNOCK:
        return; // pass nothing
    }
}
