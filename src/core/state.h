// SPDX-License-Identifier: MIT
/*
 * core/state.h - the core from the inside: for the files of core.h, not for others.
 *
 * Every change of the state that apply and load share is a function here. They can fail for
 * lack of memory alone; apply ends the process then, load refuses.
 */
#ifndef CL_CORE_STATE_H
#define CL_CORE_STATE_H

#include "base/heap.h"
#include "base/map.h"
#include "core/core.h"
#include "core/dead.h"
#include "core/named.h"
#include "core/once.h"
#include "core/topic.h"

/* First byte of a dump; another layout gets another number. */
#define CL_STATE_LAYOUT 5

struct cl_relay {
    uint64_t epoch;
    cl_str name;
};

struct cl_core {
    cl_time time;
    uint64_t applied;
    uint64_t trail;  // what came of each of them, mixed
    uint64_t births; // numbers given to agents and messages so far

    struct cl_command_relay_up limits; // as the last RELAY_UP said; its name left out

    struct cl_relay *relays[CL_RELAYS_MAX];
    uint32_t relays_len;

    struct cl_map agents_by_id;
    struct cl_list agents[CL_AGENT_STATE_COUNT]; // in the order they got into the state
    uint32_t agents_count[CL_AGENT_STATE_COUNT];
    struct cl_list dropped;  // agents whose ids effects still name; freed by the next apply
    struct cl_heap expiries; // inboxes by the second in which something may expire

    struct cl_list msgs; // every record, in order of birth
    uint64_t waiting;
    uint64_t inbox_bytes;
    uint64_t record_bytes;
    struct cl_topic topic;

    struct cl_map files;
    uint64_t file_bytes;

    struct cl_chains chains;
    struct cl_senders senders;
    struct cl_receipts receipts;
    struct cl_deads deads;
    struct cl_names names;
    struct cl_onces onces;
};

static inline struct cl_agent *
cl_state_agent_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct cl_agent, link);
}

static inline struct cl_msg *
cl_state_msg_at(struct cl_link *link)
{
    return CL_LIST_ENTRY(link, struct cl_msg, link);
}

/* A new agent at the end of its state's list, numbered and not yet known. */
CL_MUST_CHECK enum cl_err cl_state_agent_add(struct cl_core *core, const struct cl_agent *draft,
                                             struct cl_agent **ret_agent);
/* To the end of another state's list. */
void cl_state_agent_move(struct cl_core *core, struct cl_agent *agent, enum cl_agent_state state);
/* Its messages end as dead; the struct stays until cl_state_bury. */
void cl_state_agent_drop(struct cl_core *core, struct cl_agent *agent);
void cl_state_bury(struct cl_core *core);
/* Takes a reference on the record. */
void cl_state_record_set(struct cl_core *core, struct cl_agent *agent, struct cl_body *record);

/* The relay that started with this epoch, or that has this name: its index, or relays_len. */
uint32_t cl_state_relay_of(const struct cl_core *core, uint64_t epoch);
uint32_t cl_state_relay_named(const struct cl_core *core, cl_str name);
CL_MUST_CHECK enum cl_err cl_state_relay_add(struct cl_core *core, cl_str name, uint64_t epoch);
/* NULL when the agent is not attached there. */
struct cl_attachment *cl_state_attachment(const struct cl_agent *agent, uint32_t relay);
CL_MUST_CHECK enum cl_err cl_state_attach(struct cl_agent *agent, uint32_t relay, uint64_t count);
/* All connections to that relay. False when there were none. */
bool cl_state_detach_all(struct cl_agent *agent, uint32_t relay);

/* As cl_core_admit. Of a SEND or PUBLISH that is admitted the place in its chain as well. */
CL_MUST_CHECK enum cl_err cl_state_admit(const struct cl_core *core,
                                         const struct cl_command *command,
                                         struct cl_place *ret_place);

/* Of an inbox of which more than half would be in use: as the next one. */
CL_MUST_CHECK enum cl_err cl_state_share_takes(const struct cl_core *core,
                                               const struct cl_inbox *inbox, cl_str from,
                                               uint64_t cost);
/* May a message of that cost wait there too? CL_ERR_INBOX_FULL, or CL_ERR_FAIR_SHARE: its sender
 * has something waiting already, and with it would have more than half of what fits. O(1). On
 * every message's way, twice. */
CL_MUST_CHECK static inline enum cl_err
cl_state_inbox_takes(const struct cl_core *core, const struct cl_inbox *inbox, cl_str from,
                     enum cl_priority priority, uint64_t cost)
{
    uint64_t bytes = inbox->bytes + cost;
    if (inbox->count >= core->limits.inbox_messages_max || bytes > core->limits.inbox_bytes_max ||
        !cl_inbox_has_room(inbox, priority))
        return CL_ERR_INBOX_FULL;
    if (inbox->count < core->limits.inbox_messages_max / 2 &&
        bytes <= core->limits.inbox_bytes_max / 2)
        return CL_OK; // all of it together is no more than half
    return cl_state_share_takes(core, inbox, from, cost);
}
/* Before that lane of an inbox gets longer: one that would be long makes it keep its shares. */
CL_MUST_CHECK enum cl_err cl_state_shares_update(const struct cl_core *core, struct cl_inbox *inbox,
                                                 enum cl_priority priority);
/* The record is in the core's list; the inbox takes a reference. */
CL_MUST_CHECK enum cl_err cl_state_enqueue(struct cl_core *core, struct cl_agent *agent,
                                           struct cl_msg *msg);
/* Takes out the message that has that number; the caller owns the inbox's reference. */
struct cl_msg *cl_state_dequeue(struct cl_core *core, struct cl_agent *agent,
                                enum cl_priority priority, uint64_t seq);
/* When the inbox is to be looked through: its earliest expiry, rounded up to whole seconds, so
 * that this happens once a second at most. */
int64_t cl_state_expiry_key(const struct cl_inbox *inbox);
/* Brings the heap of expiries in line with the inbox. */
CL_MUST_CHECK enum cl_err cl_state_expiry_update(struct cl_core *core, struct cl_agent *agent);

/* NULL without memory. */
struct cl_file *cl_state_file_add(struct cl_core *core, cl_str key);
/* Takes ownership of the version. */
void cl_state_file_push(struct cl_core *core, struct cl_file *file,
                        struct cl_file_version *version);

/* The first broken invariant, as the sentence that should be true; NULL: none. */
const char *cl_state_fault(const struct cl_core *core);

#endif
