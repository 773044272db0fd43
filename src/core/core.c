// SPDX-License-Identifier: MIT
#include "core/core.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "core/state.h"

struct cl_command_relay_up
cl_core_limits(void)
{
    return (struct cl_command_relay_up){
        .inbox_messages_max = CL_INBOX_MESSAGES_MAX,
        .inbox_bytes_max = CL_INBOX_BYTES_MAX,
        .inboxes_bytes_max = CL_INBOXES_BYTES_MAX,
        .hops_max = CL_CHAIN_HOPS_MAX,
        .chain_messages_max = CL_CHAIN_MESSAGES_MAX,
        .thread_minute_max = CL_CHAIN_THREAD_MINUTE_MAX,
        .inherited_hops_max = CL_CHAIN_INHERITED_HOPS_MAX,
        .inherited_messages_max = CL_CHAIN_INHERITED_MESSAGES_MAX,
        .receipts_max = CL_RECEIPTS_MAX,
        .receipts_all_max = CL_RECEIPTS_ALL_MAX,
        .dead_bytes_max = CL_DEAD_BYTES_MAX,
    };
}

struct cl_core *
cl_core_new(const cl_hash_key *hash_key)
{
    struct cl_core *core = cl_alloc(sizeof *core);
    if (core == NULL)
        return NULL;
    core->limits = cl_core_limits();
    cl_map_init(&core->agents_by_id, hash_key);
    cl_map_init(&core->files, hash_key);
    for (size_t i = 0; i < CL_AGENT_STATE_COUNT; i++)
        cl_list_init(&core->agents[i]);
    cl_list_init(&core->dropped);
    cl_list_init(&core->msgs);
    cl_chains_init(&core->chains, hash_key);
    cl_senders_init(&core->senders, hash_key);
    cl_receipts_init(&core->receipts, hash_key);
    cl_deads_init(&core->deads, hash_key);
    cl_names_init(&core->names, hash_key);
    cl_onces_init(&core->onces, hash_key);
    return core;
}

void
cl_core_free(struct cl_core *core)
{
    struct cl_file *file;
    if (core == NULL)
        return;
    core->limits.dead_bytes_max = 0; // what still waits makes no dead letters
    for (size_t i = 0; i < CL_AGENT_STATE_COUNT; i++)
        CL_LIST_EACH(&core->agents[i], at)
        {
            cl_state_agent_drop(core, cl_state_agent_at(at));
        }
    cl_state_bury(core);
    cl_deads_done(core);
    cl_receipts_done(core);
    cl_senders_done(core);
    cl_chains_done(&core->chains);
    cl_topic_done(&core->topic);
    cl_names_done(&core->names);
    cl_onces_done(&core->onces);
    for (uint32_t at = 0; (file = cl_map_next(&core->files, &at)) != NULL;)
        cl_file_free(file);
    for (uint32_t i = 0; i < core->relays_len; i++)
        cl_free(core->relays[i]);
    cl_map_done(&core->agents_by_id);
    cl_map_done(&core->files);
    cl_heap_done(&core->expiries);
    cl_free(core);
}

/* -- what is outstanding ------------------------------------------------------------------- */

void
cl_core_resume(const struct cl_core *core, struct cl_effects *effects)
{
    for (size_t state = 0; state < CL_AGENT_STATE_COUNT; state++) {
        CL_LIST_EACH(&core->agents[state], at)
        {
            const struct cl_agent *agent = cl_state_agent_at(at);
            if (cl_agent_is_attached(agent) && agent->inbox.count > 0)
                cl_effects_add(effects,
                               (struct cl_effect){.kind = CL_EFFECT_READY, .agent = agent->id});
        }
    }
}

static cl_time
earlier(cl_time a, cl_time b)
{
    return a.ms < b.ms ? a : b;
}

cl_time
cl_core_deadline(const struct cl_core *core)
{
    const struct cl_heap_node *expiry = cl_heap_first(&core->expiries);
    cl_time deadline = expiry == NULL ? CL_TIME_NEVER : (cl_time){expiry->key};
    struct cl_link *oldest = cl_list_first(&core->agents[CL_AGENT_ORPHAN]);
    if (oldest != NULL)
        deadline =
            earlier(deadline, cl_time_add(cl_state_agent_at(oldest)->since, CL_ORPHAN_LIFE_MS));
    deadline = earlier(deadline, cl_receipts_deadline(core));
    deadline = earlier(deadline, cl_deads_deadline(core));
    deadline = earlier(deadline, cl_onces_deadline(core));
    return earlier(deadline, cl_senders_deadline(core));
}

/* -- reads --------------------------------------------------------------------------------- */

cl_time
cl_core_time(const struct cl_core *core)
{
    return core->time;
}

uint64_t
cl_core_applied(const struct cl_core *core)
{
    return core->applied;
}

uint64_t
cl_core_trail(const struct cl_core *core)
{
    return core->trail;
}

struct cl_core_stats
cl_core_stats(const struct cl_core *core)
{
    return (struct cl_core_stats){
        .agents = core->agents_count[CL_AGENT_REGISTERED],
        .guests = core->agents_count[CL_AGENT_GUEST],
        .orphans = core->agents_count[CL_AGENT_ORPHAN],
        .files = core->files.count,
        .broadcasts = core->topic.ever,
        .births = core->births,
        .waiting = core->waiting,
        .inbox_bytes = core->inbox_bytes,
        .record_bytes = core->record_bytes,
        .file_bytes = core->file_bytes,
        .senders = core->senders.by_id.count,
        .receipts = core->receipts.by_id.count,
        .chains = core->chains.by_root.count,
        .dead = core->deads.by_id.count,
        .dead_bytes = core->deads.bytes,
        .onces = core->onces.ends.len,
    };
}

const struct cl_agent *
cl_core_agent(const struct cl_core *core, cl_str id)
{
    return cl_map_get(&core->agents_by_id, id);
}

const struct cl_agent *
cl_core_agent_next(const struct cl_core *core, const struct cl_agent *previous)
{
    const struct cl_link *end = &core->agents[CL_AGENT_REGISTERED].head;
    struct cl_link *next = previous == NULL ? end->next : previous->link.next;
    return next == end ? NULL : cl_state_agent_at(next);
}

const struct cl_file *
cl_core_file(const struct cl_core *core, cl_str key)
{
    return cl_map_get(&core->files, key);
}

const struct cl_file *
cl_core_file_next(const struct cl_core *core, uint32_t *at)
{
    return cl_map_next(&core->files, at);
}

const struct cl_msg *
cl_core_broadcast(const struct cl_core *core, uint32_t index)
{
    return cl_topic_at(&core->topic, index);
}

const struct cl_msg *
cl_core_inbox_next(const struct cl_core *core, const struct cl_agent *agent,
                   enum cl_priority priority, uint64_t from, uint64_t *ret_seq)
{
    uint64_t seq = from;
    const struct cl_msg *msg;
    if (agent == NULL)
        return NULL;
    while ((msg = cl_inbox_next(&agent->inbox, priority, seq, &seq)) != NULL) {
        if (msg->expires.ms > core->time.ms) {
            *ret_seq = seq;
            return msg;
        }
        seq++;
    }
    return NULL;
}

uint64_t
cl_core_receipts_version(const struct cl_core *core)
{
    return core->receipts.versions;
}

void
cl_core_check(const struct cl_core *core)
{
    const char *should_be_true = cl_state_fault(core);
    if (should_be_true != NULL)
        cl_assert_failed(__FILE__, __LINE__, should_be_true);
}
