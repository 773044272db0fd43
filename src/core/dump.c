// SPDX-License-Identifier: MIT
/*
 * The state as bytes, in one canonical form that core/load.c reads back:
 *
 *     layout, clock and counters, limits, relays,
 *     messages in order of birth, agents by state with their inboxes, broadcasts, files
 *
 * Inboxes and broadcasts name messages by their numbers. Sums are not written: load counts again.
 */
#include "core/core.h"
#include "core/pack.h"
#include "core/state.h"

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
    cl_pack_u64(pack, msg->version);
    cl_pack_u8(pack, (uint8_t)msg->kind);
    cl_pack_u8(pack, (uint8_t)msg->priority);
    cl_pack_u8(pack, msg->media);
    cl_pack_time(pack, msg->created);
    cl_pack_time(pack, msg->expires);
    cl_pack_body(pack, msg->body);
    cl_pack_u8(pack, (uint8_t)msg->rung);
    cl_pack_time(pack, msg->rung_at);
    cl_pack_u8(pack, (uint8_t)msg->outcome);
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

enum cl_err
cl_core_dump(const struct cl_core *core, struct cl_buf *buf)
{
    struct cl_pack pack = {.buf = buf};
    size_t before = buf->len;
    cl_pack_u8(&pack, CL_STATE_LAYOUT);
    cl_pack_time(&pack, core->time);
    cl_pack_u64(&pack, core->applied);
    cl_pack_u64(&pack, core->births);
    cl_pack_u32(&pack, core->inbox_messages_max);
    cl_pack_u64(&pack, core->inbox_bytes_max);
    cl_pack_u64(&pack, core->inboxes_bytes_max);
    dump_relays(&pack, core);
    dump_msgs(&pack, core);
    dump_agents(&pack, core);
    dump_topic(&pack, &core->topic);
    dump_files(&pack, core);
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
