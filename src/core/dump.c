// SPDX-License-Identifier: MIT
/*
 * The state as bytes, in one canonical form that core/load.c reads back:
 *
 *     layout, clock and counters, limits, relays,
 *     messages in order of birth, agents by state with their inboxes, broadcasts, files,
 *     chains, threads, senders with their windows, dead letters, receipts, what came once
 *
 * What holds a message names it by its number. Sums are not written: load counts again.
 */
#include "core/core.h"
#include "core/pack.h"
#include "core/state.h"

static void
dump_limits(struct cl_pack *pack, const struct cl_command_relay_up *limits)
{
    cl_pack_u32(pack, limits->inbox_messages_max);
    cl_pack_u64(pack, limits->inbox_bytes_max);
    cl_pack_u64(pack, limits->inboxes_bytes_max);
    cl_pack_u32(pack, limits->hops_max);
    cl_pack_u32(pack, limits->chain_messages_max);
    cl_pack_u32(pack, limits->thread_minute_max);
    cl_pack_u32(pack, limits->inherited_hops_max);
    cl_pack_u32(pack, limits->inherited_messages_max);
    cl_pack_u32(pack, limits->receipts_max);
    cl_pack_u32(pack, limits->receipts_all_max);
    cl_pack_u64(pack, limits->dead_bytes_max);
}

static void
dump_relays(struct cl_pack *pack, const struct cl_core *core)
{
    cl_pack_u32(pack, core->relays_len);
    for (uint32_t i = 0; i < core->relays_len; i++) {
        cl_pack_str(pack, core->relays[i]->name);
        cl_pack_u64(pack, core->relays[i]->epoch);
    }
}

static void
dump_msg(struct cl_pack *pack, const struct cl_msg *msg)
{
    cl_pack_u64(pack, msg->number);
    cl_pack_id(pack, msg->id);
    cl_pack_id(pack, msg->re);
    cl_pack_u64(pack, msg->stream);
    cl_pack_u64(pack, msg->seq);
    cl_pack_str(pack, msg->from);
    cl_pack_str(pack, msg->to);
    cl_pack_str(pack, msg->subject);
    cl_pack_str(pack, msg->thread);
    cl_pack_id(pack, msg->root);
    cl_pack_u64(pack, msg->version);
    cl_pack_u8(pack, (uint8_t)msg->kind);
    cl_pack_u8(pack, (uint8_t)msg->priority);
    cl_pack_u8(pack, msg->media);
    cl_pack_u8(pack, msg->flags);
    cl_pack_u8(pack, msg->hops);
    cl_pack_u8(pack, msg->attempts_max);
    cl_pack_u8(pack, msg->trust);
    cl_pack_u8(pack, msg->re_rung);
    cl_pack_u8(pack, msg->re_outcome);
    cl_pack_u32(pack, msg->attempts);
    cl_pack_time(pack, msg->created);
    cl_pack_time(pack, msg->expires);
    cl_pack_str(pack, cl_named_str(msg->blob));
    cl_pack_body(pack, msg->body);
}

static void
dump_msgs(struct cl_pack *pack, const struct cl_core *core)
{
    uint32_t count = 0;
    CL_LIST_EACH(&core->msgs, at)
    {
        count++;
    }
    cl_pack_u32(pack, count);
    CL_LIST_EACH(&core->msgs, at)
    {
        dump_msg(pack, cl_state_msg_at(at));
    }
}

static void
dump_inbox(struct cl_pack *pack, const struct cl_inbox *inbox)
{
    const struct cl_msg *msg;
    cl_pack_time(pack, inbox->earliest);
    cl_pack_u32(pack, inbox->count);
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        for (uint64_t seq = 0; (msg = cl_inbox_next(inbox, i, seq, &seq)) != NULL; seq++) {
            cl_pack_u64(pack, msg->number);
            cl_pack_u64(pack, seq);
        }
    for (enum cl_priority i = 0; i < CL_PRIORITY_COUNT; i++)
        cl_pack_u64(pack, inbox->lanes[i].next);
}

static void
dump_agent(struct cl_pack *pack, const struct cl_agent *agent)
{
    cl_pack_u8(pack, (uint8_t)agent->state);
    cl_pack_str(pack, agent->id);
    cl_pack_u64(pack, agent->number);
    cl_pack_time(pack, agent->since);
    cl_pack_time(pack, agent->updated);
    cl_pack_time(pack, agent->seen);
    cl_pack_time(pack, agent->proven);
    cl_pack_id(pack, agent->took.root);
    cl_pack_time(pack, agent->took.at);
    cl_pack_u8(pack, agent->took.hops);
    cl_pack_u8(pack, agent->took.is_answer);
    cl_pack_body(pack, agent->record);
    cl_pack_u32(pack, agent->attachments_len);
    for (uint32_t i = 0; i < agent->attachments_len; i++) {
        cl_pack_u32(pack, agent->attachments[i].relay);
        cl_pack_u64(pack, agent->attachments[i].count);
    }
    dump_inbox(pack, &agent->inbox);
}

static void
dump_agents(struct cl_pack *pack, const struct cl_core *core)
{
    cl_pack_u32(pack, core->agents_by_id.count);
    for (size_t state = 0; state < CL_AGENT_STATE_COUNT; state++) {
        CL_LIST_EACH(&core->agents[state], at)
        {
            dump_agent(pack, cl_state_agent_at(at));
        }
    }
}

static void
dump_topic(struct cl_pack *pack, const struct cl_topic *topic)
{
    cl_pack_u64(pack, topic->ever);
    cl_pack_u32(pack, topic->len);
    for (uint32_t i = topic->len; i > 0; i--)
        cl_pack_u64(pack, cl_topic_at(topic, i - 1)->number);
}

static void
dump_files(struct cl_pack *pack, const struct cl_core *core)
{
    const struct cl_file *file;
    cl_pack_u32(pack, core->files.count);
    for (uint32_t at = 0; (file = cl_map_next(&core->files, &at)) != NULL;) {
        cl_pack_str(pack, file->key);
        cl_pack_u32(pack, file->versions_len);
        for (uint32_t i = file->versions_len; i > 0; i--) {
            const struct cl_file_version *version = file->versions[i - 1];
            cl_pack_u64(pack, version->version);
            cl_pack_time(pack, version->updated);
            cl_pack_str(pack, version->editor);
            cl_pack_body(pack, version->type);
            cl_pack_body(pack, version->content);
        }
    }
}

static void
dump_chains(struct cl_pack *pack, const struct cl_chains *chains)
{
    cl_pack_u32(pack, chains->by_root.count);
    CL_LIST_EACH(&chains->used, at)
    {
        const struct cl_chain *chain = CL_LIST_ENTRY(at, struct cl_chain, link);
        cl_pack_id(pack, chain->root);
        cl_pack_u64(pack, chain->messages);
    }
    cl_pack_u32(pack, chains->threads_by_key.count);
    CL_LIST_EACH(&chains->threads, at)
    {
        const struct cl_thread *thread = CL_LIST_ENTRY(at, struct cl_thread, link);
        cl_pack_str(pack, thread->key);
        cl_pack_time(pack, thread->full);
    }
}

static void
dump_sender(struct cl_pack *pack, const struct cl_sender *sender)
{
    cl_pack_u8(pack, sender->receipts_len > 0);
    cl_pack_str(pack, sender->id);
    cl_pack_time(pack, sender->idle_since);
    cl_pack_u32(pack, sender->windows_len);
    for (uint32_t i = 0; i < sender->windows_len; i++) {
        const struct cl_window *window = sender->windows[i];
        cl_pack_u64(pack, window->stream);
        cl_pack_u64(pack, window->last);
        for (size_t j = 0; j < sizeof window->bits / sizeof window->bits[0]; j++)
            cl_pack_u64(pack, window->bits[j]);
    }
    cl_pack_u32(pack, sender->ended_len);
    for (uint32_t i = 0; i < sender->ended_len; i++)
        cl_pack_u64(pack, sender->ended[i]);
}

static void
dump_senders(struct cl_pack *pack, const struct cl_senders *senders)
{
    cl_pack_u32(pack, senders->by_id.count);
    CL_LIST_EACH(&senders->busy, at)
    {
        dump_sender(pack, cl_sender_at(at));
    }
    CL_LIST_EACH(&senders->idle, at)
    {
        dump_sender(pack, cl_sender_at(at));
    }
}

static void
dump_deads(struct cl_pack *pack, const struct cl_deads *deads)
{
    cl_pack_u32(pack, deads->by_id.count);
    CL_LIST_EACH(&deads->all, at)
    {
        const struct cl_dead *dead = cl_dead_at(at);
        cl_pack_u64(pack, dead->msg->number);
        cl_pack_time(pack, dead->at);
        cl_pack_u8(pack, (uint8_t)dead->cause);
        cl_pack_body(pack, dead->reason);
    }
}

static void
dump_receipt(struct cl_pack *pack, const struct cl_receipt *receipt)
{
    cl_pack_u64(pack, receipt->version);
    cl_pack_u64(pack, receipt->number);
    cl_pack_id(pack, receipt->id);
    cl_pack_id(pack, receipt->re);
    cl_pack_id(pack, receipt->root);
    cl_pack_u64(pack, receipt->stream);
    cl_pack_u64(pack, receipt->seq);
    cl_pack_str(pack, receipt->from);
    cl_pack_str(pack, receipt->to);
    cl_pack_u8(pack, receipt->hops);
    cl_pack_u8(pack, receipt->is_answer);
    cl_pack_time(pack, receipt->created);
    cl_pack_time(pack, receipt->expires);
    cl_pack_time(pack, receipt->until);
    cl_pack_u8(pack, (uint8_t)receipt->rung);
    cl_pack_u8(pack, receipt->reached);
    for (enum cl_rung i = 0; i < CL_RUNG_COUNT; i++) {
        cl_pack_time(pack, receipt->rungs[i].at);
        cl_pack_u8(pack, (uint8_t)receipt->rungs[i].proof);
    }
    cl_pack_u8(pack, (uint8_t)receipt->outcome);
    cl_pack_time(pack, receipt->outcome_at);
    cl_pack_u8(pack, (uint8_t)receipt->cause);
    cl_pack_body(pack, receipt->reason);
    cl_pack_u64(pack, receipt->msg == NULL ? 0 : receipt->msg->number);
}

static void
dump_receipts(struct cl_pack *pack, const struct cl_receipts *receipts)
{
    cl_pack_u64(pack, receipts->versions);
    cl_pack_u32(pack, receipts->by_id.count);
    CL_LIST_EACH(&receipts->all, at)
    {
        dump_receipt(pack, cl_receipt_at(at));
    }
}

static void
dump_onces(struct cl_pack *pack, const struct cl_onces *onces)
{
    cl_pack_u32(pack, onces->ends.len);
    CL_LIST_EACH(&onces->all, at)
    {
        const struct cl_once *once = cl_once_at(at);
        cl_pack_str(pack, cl_str_of(once->digest.bytes, sizeof once->digest.bytes));
        cl_pack_time(pack, (cl_time){once->end.key});
    }
}

enum cl_err
cl_core_dump(const struct cl_core *core, struct cl_buf *buf)
{
    struct cl_pack pack = {.buf = buf};
    size_t before = buf->len;
    cl_pack_u8(&pack, CL_STATE_LAYOUT);
    cl_pack_time(&pack, core->time);
    cl_pack_u64(&pack, core->applied);
    cl_pack_u64(&pack, core->trail);
    cl_pack_u64(&pack, core->births);
    dump_limits(&pack, &core->limits);
    dump_relays(&pack, core);
    dump_msgs(&pack, core);
    dump_agents(&pack, core);
    dump_topic(&pack, &core->topic);
    dump_files(&pack, core);
    dump_chains(&pack, &core->chains);
    dump_senders(&pack, &core->senders);
    dump_deads(&pack, &core->deads);
    dump_receipts(&pack, &core->receipts);
    dump_onces(&pack, &core->onces);
    if (pack.err != CL_OK)
        cl_buf_truncate(buf, before);
    return pack.err;
}

enum cl_err
cl_core_hash(const struct cl_core *core, cl_hash128 *ret_hash)
{
    static const cl_hash_key fixed_key = {{0}}; // a fingerprint, not a defence
    struct cl_buf dump;
    cl_buf_init(&dump, SIZE_MAX);
    enum cl_err err = cl_core_dump(core, &dump);
    if (err == CL_OK)
        *ret_hash = cl_hash_long(&fixed_key, cl_buf_str(&dump));
    cl_buf_done(&dump);
    return err;
}
