// SPDX-License-Identifier: MIT
/*
 * The invariants of the core, once: cl_core_check asserts them, cl_core_load refuses what
 * breaks them. Each check returns the sentence that should be true, or NULL.
 */
#include <string.h>

#include "core/core.h"
#include "core/state.h"

struct sums {
    uint64_t waiting; // messages in inboxes
    uint64_t refs;    // that records should have
    uint64_t record_bytes;
    uint64_t expiring; // inboxes in the heap
};

static bool
is_sender(const struct cl_core *core, const struct cl_msg *msg)
{
    cl_hash128 sender = cl_hash_long(&core->agents_by_id.hash_key, msg->from);
    return memcmp(sender.bytes, msg->sender.bytes, sizeof sender.bytes) == 0;
}

static const char *
msg_fault(const struct cl_core *core, const struct cl_msg *msg)
{
    if (msg->number < 1 || msg->number > core->births)
        return "a message has a number that was given";
    if (msg->created.ms > core->time.ms || msg->expires.ms <= msg->created.ms ||
        msg->expires.ms > cl_time_add(msg->created, CL_MESSAGE_LIFE_MS).ms)
        return "a message lives from now on, and not too long";
    if (msg->receipt != NULL && msg->receipt->msg != msg)
        return "a message and its receipt know each other";
    if (msg->to.len == 0 && (msg->attempts_max > 0 || msg->attempts > 0))
        return "a broadcast counts no attempts";
    if (cl_id_is_none(msg->root) && msg->hops > 0)
        return "the root of a chain stands in front";
    if (msg->has_sender && !is_sender(core, msg))
        return "a sender is named by the hash of its name";
    if (msg->refs == 0 || msg->refs < msg->waiting)
        return "a record is held by the inboxes it waits in";
    return NULL;
}

static const char *
msgs_fault(const struct cl_core *core, const struct sums *sums)
{
    uint64_t last = 0;
    uint64_t refs = 0;
    uint64_t waiting = 0;
    uint64_t bytes = sums->waiting * CL_ENTRY_COST_BYTES;
    CL_LIST_EACH(&core->msgs, at)
    {
        const struct cl_msg *msg = cl_state_msg_at(at);
        const char *fault = msg_fault(core, msg);
        if (fault != NULL)
            return fault;
        if (msg->number <= last)
            return "records are in order of birth";
        last = msg->number;
        refs += msg->refs;
        waiting += msg->waiting;
        bytes += msg->waiting > 0 ? cl_msg_cost(msg) : 0;
    }
    if (refs != sums->refs || waiting != sums->waiting || core->waiting != waiting)
        return "references are as many as inboxes and topic hold";
    if (bytes != core->inbox_bytes)
        return "all inboxes count what is in them, shared records once";
    return NULL;
}

static const char *
agent_fault(const struct cl_core *core, const struct cl_agent *agent)
{
    if (cl_core_agent(core, agent->id) != agent)
        return "an agent is found by its id";
    if (agent->number < 1 || agent->number > core->births)
        return "an agent has a number that was given";
    if (agent->since.ms > core->time.ms || agent->updated.ms > core->time.ms ||
        agent->seen.ms > core->time.ms || agent->proven.ms > agent->seen.ms)
        return "an agent is not of the future";
    if (agent->took.at.ms > core->time.ms ||
        (cl_id_is_none(agent->took.root) &&
         (agent->took.at.ms != 0 || agent->took.hops != 0 || agent->took.is_answer)))
        return "an agent remembers what it took in the past";
    if (agent->state == CL_AGENT_GUEST && !cl_agent_is_attached(agent))
        return "a guest is attached";
    if (agent->state == CL_AGENT_ORPHAN && (cl_agent_is_attached(agent) || agent->inbox.count == 0))
        return "an orphan is unattached and has messages";
    if (agent->state != CL_AGENT_REGISTERED && agent->record != NULL)
        return "only the registered have a record";
    for (uint32_t i = 0; i < agent->attachments_len; i++)
        if (agent->attachments[i].count == 0 || agent->attachments[i].relay >= core->relays_len)
            return "an attachment counts connections to a relay";
    if (agent->inbox.count > 0
            ? agent->expiry.place == 0 || agent->expiry.key != cl_state_expiry_key(&agent->inbox)
            : agent->expiry.place != 0)
        return "an inbox with messages, and no other, is in the heap";
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        if (!cl_inbox_keeps_shares(&agent->inbox) &&
            cl_inbox_span(&agent->inbox, i) > CL_SHARES_COUNTED_MAX)
            return "a long inbox keeps its shares";
    return cl_inbox_fault(&agent->inbox);
}

static const char *
agents_fault(const struct cl_core *core, struct sums *sums)
{
    uint64_t total = 0;
    for (size_t state = 0; state < CL_AGENT_STATE_COUNT; state++) {
        uint32_t count = 0;
        cl_time last = {0};
        CL_LIST_EACH(&core->agents[state], at)
        {
            const struct cl_agent *agent = cl_state_agent_at(at);
            const char *fault = agent_fault(core, agent);
            if (fault != NULL)
                return fault;
            if (agent->state != state || agent->since.ms < last.ms)
                return "agents are listed by state and by when they got into it";
            last = agent->since;
            count++;
            sums->waiting += agent->inbox.count;
            sums->expiring += agent->inbox.count > 0;
            sums->record_bytes += cl_body_str(agent->record).len;
        }
        if (count != core->agents_count[state])
            return "agents are counted by state";
        total += count;
    }
    if (total != core->agents_by_id.count)
        return "every agent is in one list";
    return NULL;
}

static const char *
topic_fault(const struct cl_core *core, struct sums *sums)
{
    const struct cl_topic *topic = &core->topic;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < topic->len; i++)
        bytes += cl_msg_cost(cl_topic_at(topic, i));
    if (bytes != topic->bytes || topic->ever < topic->len)
        return "the topic counts what it keeps";
    sums->refs += topic->len;
    return NULL;
}

static const char *
files_fault(const struct cl_core *core)
{
    const struct cl_file *file;
    uint64_t bytes = 0;
    for (uint32_t at = 0; (file = cl_map_next(&core->files, &at)) != NULL;) {
        if (file->versions_len < 1 || file->versions_len > CL_FILE_VERSIONS_KEPT)
            return "a file has versions";
        for (uint32_t i = 0; i < file->versions_len; i++) {
            const struct cl_file_version *version = file->versions[i];
            if (version->updated.ms > core->time.ms || version->version < 1 ||
                (i > 0 && version->version + 1 != file->versions[i - 1]->version))
                return "versions rise by one";
            bytes += cl_file_version_cost(version);
        }
    }
    return bytes == core->file_bytes ? NULL : "files count their bytes";
}

const char *
cl_state_fault(const struct cl_core *core)
{
    struct sums sums = {0};
    const char *fault = agents_fault(core, &sums);
    sums.refs = sums.waiting + core->deads.by_id.count;
    if (fault == NULL && core->time.ms > CL_COMMAND_TIME_MS_MAX)
        fault = "journal time comes from commands";
    if (fault == NULL)
        fault = topic_fault(core, &sums);
    if (fault == NULL)
        fault = msgs_fault(core, &sums);
    if (fault == NULL)
        fault = files_fault(core);
    if (fault == NULL)
        fault = cl_chains_fault(core);
    if (fault == NULL)
        fault = cl_senders_fault(core);
    if (fault == NULL)
        fault = cl_receipts_fault(core);
    if (fault == NULL)
        fault = cl_deads_fault(core);
    if (fault == NULL)
        fault = cl_names_fault(core);
    if (fault == NULL)
        fault = cl_onces_fault(core);
    if (fault == NULL && sums.record_bytes != core->record_bytes)
        fault = "records count their bytes";
    if (fault == NULL && sums.expiring != core->expiries.len)
        fault = "the heap holds every inbox with messages";
    return fault;
}
