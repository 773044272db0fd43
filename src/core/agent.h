// SPDX-License-Identifier: MIT
/*
 * core/agent.h - one id that the core knows.
 *
 *                    register                     An id is known while it is registered, or
 *      orphan ───────────────────> registered     attached, or while messages wait for it.
 *      ^    │ attach                    │
 *      │    v            register       │ forget  An orphan is dropped, with its messages,
 *   last detach <─ guest ─────────────> │         CL_ORPHAN_LIFE_MS after it became one, and
 *                                       v         at once when it is empty.
 *
 * Readable by everyone, written by the core.
 */
#ifndef CL_CORE_AGENT_H
#define CL_CORE_AGENT_H

#include "base/body.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/time.h"
#include "core/chain.h"
#include "core/inbox.h"

enum cl_agent_state {
    CL_AGENT_REGISTERED,
    CL_AGENT_GUEST,  // attached, not registered
    CL_AGENT_ORPHAN, // only messages wait for it
    CL_AGENT_STATE_COUNT
};

struct cl_attachment {
    uint32_t relay; // index in the core's relays
    uint64_t count; // connections, at least 1
};

struct cl_agent {
    cl_str id;
    enum cl_agent_state state;
    cl_time since;       // when it got into this state; kept when it registers again
    cl_time updated;     // when it registered last
    cl_time seen;        // its last durable command: register, attach, ack
    cl_time proven;      // when it last proved that it reads: ack, report, refuse; 0: never
    struct cl_took took; // the message that it took last
    struct cl_body *record;
    struct cl_inbox inbox;

    /* The core's own. */
    struct cl_link link; // in the list of its state, in the order it got there
    uint64_t number;     // order of birth
    struct cl_heap_node expiry;
    struct cl_attachment *attachments;
    uint32_t attachments_len;
};

static inline bool
cl_agent_is_attached(const struct cl_agent *agent)
{
    return agent->attachments_len > 0;
}

/* NULL, an id that nobody knows, is not. */
static inline bool
cl_agent_is_registered(const struct cl_agent *agent)
{
    return agent != NULL && agent->state == CL_AGENT_REGISTERED;
}

#endif
