// SPDX-License-Identifier: MIT
#include "relay/status.h"

#include <unistd.h>

#include "relay/agent_link.h"
#include "relay/blob.h"
#include "relay/metrics.h"

static void
put(struct cl_json_writer *json, const char *name, uint64_t value)
{
    cl_json_put_member_u64(json, cl_str_z(name), value);
}

static void
begin_object(struct cl_json_writer *json, const char *name)
{
    cl_json_put_name(json, cl_str_z(name));
    cl_json_object_begin(json);
}

static void
put_agents(struct cl_relay *relay, struct cl_json_writer *json)
{
    struct cl_core_stats stats = cl_core_stats(relay->core);
    struct cl_metrics_agents agents = cl_metrics_agents(relay);
    begin_object(json, "agents");
    put(json, "online", agents.online);
    put(json, "stale", agents.stale);
    put(json, "guests", stats.guests);
    put(json, "orphans", stats.orphans);
    cl_json_object_end(json);
}

static void
put_connections(struct cl_relay *relay, struct cl_json_writer *json)
{
    const struct cl_gate *gate = &relay->gate;
    const struct cl_counts *counts = cl_loop_counts(relay->loop);
    begin_object(json, "connections");
    put(json, "open", gate->connections);
    put(json, "known", cl_metrics_known(relay));
    put(json, "strangers", gate->strangers);
    put(json, "local", gate->locals);
    put(json, "reserve", gate->reserve);
    put(json, "websockets", relay->sockets_len);
    put(json, "accepted", counts->accepted);
    put(json, "requests", counts->requests);
    put(json, "penalised_networks",
        cl_penalties_count(&relay->penalties, cl_loop_now(relay->loop)));
    cl_json_object_end(json);
}

/* -- queues ------------------------------------------------------------------------------------ */

struct fullest {
    const struct cl_agent *agents[CL_STATUS_FULLEST_MAX]; // the fullest first
    size_t len;
};

/* Puts it in its place; the last one falls out. */
static void
consider(struct fullest *fullest, const struct cl_agent *agent)
{
    size_t at = fullest->len;
    while (at > 0 && fullest->agents[at - 1]->inbox.bytes < agent->inbox.bytes)
        at--;
    if (at == CL_STATUS_FULLEST_MAX)
        return;
    if (fullest->len < CL_STATUS_FULLEST_MAX)
        fullest->len++;
    for (size_t i = fullest->len - 1; i > at; i--)
        fullest->agents[i] = fullest->agents[i - 1];
    fullest->agents[at] = agent;
}

static void
put_fullest(struct cl_relay *relay, struct cl_json_writer *json)
{
    struct fullest fullest = {.len = 0};
    for (const struct cl_agent *agent = NULL;
         (agent = cl_core_agent_next(relay->core, agent)) != NULL;)
        if (agent->inbox.count > 0)
            consider(&fullest, agent);
    cl_json_put_name(json, CL_STR("fullest"));
    cl_json_array_begin(json);
    for (size_t i = 0; i < fullest.len; i++) {
        cl_json_object_begin(json);
        cl_json_put_member(json, CL_STR("agent_id"), fullest.agents[i]->id);
        put(json, "messages", fullest.agents[i]->inbox.count);
        put(json, "bytes", fullest.agents[i]->inbox.bytes);
        cl_json_object_end(json);
    }
    cl_json_array_end(json);
}

static void
put_queues(struct cl_relay *relay, struct cl_json_writer *json)
{
    struct cl_core_stats stats = cl_core_stats(relay->core);
    begin_object(json, "queues");
    put(json, "messages", stats.waiting);
    put(json, "bytes", stats.inbox_bytes);
    put(json, "journal_waiting", relay->uncommitted);
    put_fullest(relay, json);
    cl_json_object_end(json);
}

static void
put_blobs(struct cl_relay *relay, struct cl_json_writer *json)
{
    if (relay->config.blobs == NULL)
        return;
    struct cl_blobs_stats stats = cl_blobs_stats(relay->config.blobs);
    begin_object(json, "blobs");
    put(json, "whole", stats.count - stats.partial);
    put(json, "partial_uploads", stats.partial);
    put(json, "bytes", stats.bytes);
    cl_json_object_end(json);
}

/* -- refusals ---------------------------------------------------------------------------------- */

static void
put_refusal(struct cl_json_writer *json, const char *what, const char *reason, uint64_t count)
{
    if (count == 0)
        return;
    cl_json_object_begin(json);
    cl_json_put_member(json, CL_STR("what"), cl_str_z(what));
    cl_json_put_member(json, CL_STR("reason"), cl_str_z(reason));
    put(json, "count", count);
    cl_json_object_end(json);
}

static void
put_by_code(struct cl_json_writer *json, const char *what, const uint64_t *counts)
{
    for (unsigned i = CL_OK + 1; i < CL_ERR_COUNT; i++)
        put_refusal(json, what, cl_err_wire((enum cl_err)i), counts[i]);
}

static void
put_refusals(struct cl_relay *relay, struct cl_json_writer *json)
{
    static const char *const kinds[] = {[CL_COUNT_REFUSED] = "connection refused",
                                        [CL_COUNT_CUT] = "connection cut",
                                        [CL_COUNT_DROPPED] = "datagram dropped"};
    const struct cl_counts *counts = cl_loop_counts(relay->loop);
    cl_json_put_name(json, CL_STR("refusals"));
    cl_json_array_begin(json);
    for (unsigned i = 0; i < CL_COUNT_LEN; i++)
        put_refusal(json, kinds[cl_count_kind((enum cl_count)i)], cl_count_label((enum cl_count)i),
                    counts->of[i]);
    put_refusal(json, "connection cut", "slow_reader", relay->readers_cut);
    put_by_code(json, "http broken", counts->broken);
    put_by_code(json, "call refused", counts->refused);
    put_by_code(json, "frame refused", relay->refused_frames);
    put_refusal(json, "token", "missing", relay->auth_failures[0]);
    put_refusal(json, "token", "wrong", relay->auth_failures[1]);
    cl_json_array_end(json);
}

/* -- Agent Link -------------------------------------------------------------------------------- */

static void
put_instance(struct cl_json_writer *json, const struct cl_al_instance *instance)
{
    cl_json_object_begin(json);
    cl_json_put_member(json, CL_STR("instance_id"), cl_al_instance_id(instance));
    if (instance->name != NULL)
        cl_json_put_member(json, CL_STR("name"), cl_body_str(instance->name));
    put(json, "connections", instance->conns_len);
    if (instance->conns_len > 0)
        cl_v1_put_time(json, CL_STR("since"), instance->since);
    cl_json_put_name(json, CL_STR("agents"));
    cl_json_array_begin(json);
    CL_LIST_EACH(&instance->desks, at)
    {
        struct cl_al_desk *desk = CL_LIST_ENTRY(at, struct cl_al_desk, link);
        if (desk->is_known)
            cl_json_put_string(json, cl_desk_agent(desk));
    }
    cl_json_array_end(json);
    cl_json_object_end(json);
}

static void
put_agent_link(struct cl_relay *relay, struct cl_json_writer *json)
{
    const struct cl_agent_link *al = relay->agent_link;
    const struct cl_al_instance *instance;
    char url[CL_RELAY_URL_CAP] = "";
    if (al == NULL)
        return;
    (void)cl_relay_agent_link_url(relay, url); // one that is stopping has none
    begin_object(json, "agent_link");
    cl_json_put_member(json, CL_STR("url"), cl_str_z(url));
    put(json, "connections", al->conns_len);
    for (unsigned i = 0; i < CL_AL_COUNT_LEN; i++)
        put(json, cl_al_count_names[i], al->counts[i]);
    cl_json_put_name(json, CL_STR("instances"));
    cl_json_array_begin(json);
    for (uint32_t at = 0; (instance = cl_map_next(&al->instances, &at)) != NULL;)
        put_instance(json, instance);
    cl_json_array_end(json);
    cl_json_object_end(json);
}

/* -- all of it --------------------------------------------------------------------------------- */

static void
put_limits(struct cl_relay *relay, struct cl_json_writer *json)
{
    const struct cl_relay_config *config = &relay->config;
    begin_object(json, "limits");
    put(json, "connections", relay->gate.connections_max);
    put(json, "strangers", CL_NET_STRANGERS_MAX);
    put(json, "strangers_per_address", CL_NET_STRANGERS_PER_ADDRESS_MAX);
    put(json, "inbox_messages", config->inbox_messages_max);
    put(json, "inbox_bytes", config->inbox_bytes_max);
    put(json, "all_inboxes_bytes", config->inboxes_bytes_max);
    put(json, "chain_hops", config->chain_hops_max);
    put(json, "chain_messages", config->chain_messages_max);
    put(json, "thread_rate", config->thread_minute_max);
    put(json, "inherited_hops", config->inherited_hops_max);
    put(json, "inherited_messages", config->inherited_messages_max);
    put(json, "blob_bytes", cl_blob_bytes_max(relay));
    if (config->blobs != NULL)
        put(json, "all_blobs_bytes", cl_blobs_stats(config->blobs).bytes_max);
    put(json, "rate_per_second", config->rate_per_second);
    put(json, "rate_burst", config->rate_burst);
    cl_json_object_end(json);
}

enum cl_err
cl_status_write(struct cl_relay *relay, struct cl_buf *out)
{
    struct cl_json_writer json;
    char url[CL_RELAY_URL_CAP] = "";
    if (relay->listener != NULL) // one that is stopping has none
        cl_relay_url(relay, url);
    cl_json_writer_init(&json, out);
    cl_json_object_begin(&json);
    cl_json_put_member(&json, CL_STR("url"), cl_str_z(url));
    cl_json_put_member(&json, CL_STR("version"), CL_STR(CLAWLINK_VERSION));
    put(&json, "pid", (uint64_t)getpid());
    cl_v1_put_time(&json, CL_STR("since"), relay->started);
    cl_v1_put_time(&json, CL_STR("server_time"), cl_relay_time(relay));
    cl_json_put_name(&json, CL_STR("auth_required"));
    cl_json_put_bool(&json, relay->config.token != NULL);
    cl_json_put_name(&json, CL_STR("stopping"));
    cl_json_put_bool(&json, relay->is_draining);
    cl_json_put_name(&json, CL_STR("read_only"));
    cl_json_put_bool(&json, relay->is_read_only);
    if (relay->config.log.losses != NULL)
        put(&json, "log_lines_lost", relay->config.log.losses->lines);
    put_agents(relay, &json);
    put_connections(relay, &json);
    put_queues(relay, &json);
    put(&json, "files", cl_core_stats(relay->core).files);
    put_blobs(relay, &json);
    put_agent_link(relay, &json);
    put_refusals(relay, &json);
    put_limits(relay, &json);
    cl_json_object_end(&json);
    return cl_json_writer_end(&json);
}
