// SPDX-License-Identifier: MIT
/*
 * GET /metrics: Prometheus' text format 0.0.4. Names are those of its documentation on naming:
 * base units, counters end in _total, one family for all values of a label. Every value of a
 * label is written from the start, zeros too, so that the first increase can be seen.
 */
#include "relay/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/tls.h"
#include "relay/agent_link.h"

/* One family while it is being written; the first error stays. */
struct family {
    struct cl_buf *out;
    const char *name;
    enum cl_err err;
};

static void
note(struct family *family, enum cl_err err)
{
    if (family->err == CL_OK)
        family->err = err;
}

static void
begin(struct family *family, const char *name, const char *type, const char *help)
{
    family->name = name;
    note(family,
         cl_buf_printf(family->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type));
}

static void
sample(struct family *family, uint64_t value)
{
    note(family, cl_buf_printf(family->out, "%s %" PRIu64 "\n", family->name, value));
}

/* The format wants backslashes, quotes and line ends escaped. */
static void
label_value(struct family *family, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            note(family, cl_buf_append(family->out, CL_STR("\\n")));
        else if (*text == '\\' || *text == '"')
            note(family, cl_buf_printf(family->out, "\\%c", *text));
        else
            note(family, cl_buf_append_byte(family->out, *text));
    }
}

static void
labelled(struct family *family, const char *label, const char *text, uint64_t value)
{
    note(family, cl_buf_printf(family->out, "%s{%s=\"", family->name, label));
    label_value(family, text);
    note(family, cl_buf_printf(family->out, "\"} %" PRIu64 "\n", value));
}

static void
gauge(struct family *family, const char *name, uint64_t value, const char *help)
{
    begin(family, name, "gauge", help);
    sample(family, value);
}

static void
counter(struct family *family, const char *name, uint64_t value, const char *help)
{
    begin(family, name, "counter", help);
    sample(family, value);
}

/* Thousandths, as seconds are counted here. */
static void
seconds(struct family *family, int64_t ms)
{
    note(family, cl_buf_printf(family->out, "%s %" PRId64 ".%03d\n", family->name, ms / 1000,
                               (int)(ms % 1000)));
}

/* -- the process ------------------------------------------------------------------------------- */

/* 0 where the system does not tell it this way. */
static uint64_t
resident_bytes(void)
{
    char line[128];
    cl_str resident, rest;
    uint64_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fgets(line, sizeof line, file) != NULL) { // "size resident shared ..."
        (void)cl_str_split(cl_str_z(line), ' ', &resident, &rest);
        (void)cl_str_split(rest, ' ', &resident, &rest); // no number: pages stays 0
        (void)cl_str_to_u64(resident, UINT32_MAX, &pages);
    }
    (void)fclose(file); // only read
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void
write_process(struct cl_relay *relay, struct family *family)
{
    struct rusage usage = {0};
    uint64_t resident = resident_bytes();
    begin(family, "clawlink_build_info", "gauge", "1, with the version as its label.");
    labelled(family, "version", CLAWLINK_VERSION, 1);
    begin(family, "process_start_time_seconds", "gauge", "When the relay started, since 1970.");
    seconds(family, relay->started.ms);
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        begin(family, "process_cpu_seconds_total", "counter", "User and system time.");
        seconds(family, (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                            (int64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000);
    }
    if (relay->config.log.losses != NULL)
        counter(family, "clawlink_log_lines_lost_total", relay->config.log.losses->lines,
                "Lines of the log that could not be written.");
    if (resident > 0)
        gauge(family, "process_resident_memory_bytes", resident, "Memory in use.");
}

/* -- the mesh ---------------------------------------------------------------------------------- */

struct cl_metrics_agents
cl_metrics_agents(struct cl_relay *relay)
{
    struct cl_metrics_agents agents = {0};
    for (const struct cl_agent *agent = NULL;
         (agent = cl_core_agent_next(relay->core, agent)) != NULL;) {
        if (cl_relay_presence(relay, agent->id).is_online)
            agents.online++;
        else
            agents.stale++;
    }
    return agents;
}

static void
write_blobs(const struct cl_relay *relay, struct family *family)
{
    if (relay->config.blobs == NULL)
        return;
    struct cl_blobs_stats stats = cl_blobs_stats(relay->config.blobs);
    begin(family, "clawlink_blobs", "gauge", "Blobs; partial ones are uploads that go on.");
    labelled(family, "state", "whole", stats.count - stats.partial);
    labelled(family, "state", "partial", stats.partial);
    gauge(family, "clawlink_blob_bytes", stats.bytes, "What they take of the limit.");
    gauge(family, "clawlink_blob_bytes_max", stats.bytes_max, "The most that they may take.");
}

static void
write_mesh(struct cl_relay *relay, struct family *family)
{
    struct cl_core_stats stats = cl_core_stats(relay->core);
    struct cl_metrics_agents agents = cl_metrics_agents(relay);
    begin(family, "clawlink_agents", "gauge", "Agents; orphans are ids that messages wait for.");
    labelled(family, "state", "online", agents.online);
    labelled(family, "state", "stale", agents.stale);
    labelled(family, "state", "guest", stats.guests);
    labelled(family, "state", "orphan", stats.orphans);
    gauge(family, "clawlink_queued_messages", stats.waiting,
          "Messages that wait, counted in each inbox.");
    gauge(family, "clawlink_queued_bytes", stats.inbox_bytes, "What they take of the limit.");
    gauge(family, "clawlink_record_bytes", stats.record_bytes, "What agents say of themselves.");
    gauge(family, "clawlink_files", stats.files, "Shared files.");
    gauge(family, "clawlink_file_bytes", stats.file_bytes, "All kept versions of shared files.");
    write_blobs(relay, family);
    counter(family, "clawlink_broadcasts_total", stats.broadcasts, "Broadcasts.");
    counter(family, "clawlink_commands_applied_total", cl_core_applied(relay->core),
            "Commands that were committed and applied.");
    gauge(family, "clawlink_journal_waiting", relay->uncommitted,
          "Commands that wait for their commit.");
    gauge(family, "clawlink_read_only", relay->is_read_only, "1 when the journal has failed.");
}

/* -- connections ------------------------------------------------------------------------------- */

uint32_t
cl_metrics_known(const struct cl_relay *relay)
{
    const struct cl_gate *gate = &relay->gate;
    return gate->connections - gate->strangers - gate->locals - gate->reserve;
}

static void
write_connections(struct cl_relay *relay, struct family *family)
{
    const struct cl_gate *gate = &relay->gate;
    const struct cl_counts *counts = cl_loop_counts(relay->loop);
    begin(family, "clawlink_connections", "gauge",
          "Open connections; known ones have shown the token.");
    labelled(family, "kind", "known", cl_metrics_known(relay));
    labelled(family, "kind", "stranger", gate->strangers);
    labelled(family, "kind", "local", gate->locals);
    labelled(family, "kind", "reserve", gate->reserve);
    gauge(family, "clawlink_connections_max", gate->connections_max, "The most there may be.");
    gauge(family, "clawlink_websockets", relay->sockets_len, "Open WebSockets.");
    gauge(family, "clawlink_penalised_networks",
          cl_penalties_count(&relay->penalties, cl_loop_now(relay->loop)),
          "Addresses that wait for their wrong tokens.");
    counter(family, "clawlink_connections_accepted_total", counts->accepted,
            "Connections, whatever became of them.");
    counter(family, "clawlink_http_requests_total", counts->requests, "Requests understood.");
    if (relay->tls == NULL)
        return;
    counter(family, "clawlink_tls_handshakes_total", cl_tls_counts(relay->tls)->handshakes,
            "TLS handshakes completed.");
    counter(family, "clawlink_tls_waits_total", cl_tls_counts(relay->tls)->waits,
            "Steps of handshakes that had to wait for a later turn.");
}

static void
write_by_reason(struct family *family, const char *name, const struct cl_counts *counts,
                enum cl_count_kind kind, const char *help)
{
    begin(family, name, "counter", help);
    for (unsigned i = 0; i < CL_COUNT_LEN; i++)
        if (cl_count_kind((enum cl_count)i) == kind)
            labelled(family, "reason", cl_count_label((enum cl_count)i), counts->of[i]);
}

static void
write_ends(struct cl_relay *relay, struct family *family)
{
    const struct cl_counts *counts = cl_loop_counts(relay->loop);
    write_by_reason(family, "clawlink_connections_refused_total", counts, CL_COUNT_REFUSED,
                    "Connections not let in, or only on the reserve.");
    write_by_reason(family, "clawlink_connections_cut_total", counts, CL_COUNT_CUT,
                    "Connections ended by the relay.");
    labelled(family, "reason", "slow_reader", relay->readers_cut);
    write_by_reason(family, "clawlink_discovery_dropped_total", counts, CL_COUNT_DROPPED,
                    "Datagrams of multicast DNS that were not acted upon.");
}

static void
write_by_code(struct family *family, const char *name, const uint64_t *counts, const char *help)
{
    begin(family, name, "counter", help);
    for (unsigned i = CL_OK + 1; i < CL_ERR_COUNT; i++)
        labelled(family, "code", cl_err_wire((enum cl_err)i), counts[i]);
}

static void
write_refusals(struct cl_relay *relay, struct family *family)
{
    const struct cl_counts *counts = cl_loop_counts(relay->loop);
    write_by_code(family, "clawlink_http_broken_total", counts->broken,
                  "HTTP refused before its call was looked at: broken, slow, penalised.");
    write_by_code(family, "clawlink_http_refused_total", counts->refused, "Calls refused.");
    write_by_code(family, "clawlink_frames_refused_total", relay->refused_frames,
                  "Frames of WebSockets answered with an error.");
    begin(family, "clawlink_auth_failures_total", "counter", "Requests without the right token.");
    labelled(family, "token", "missing", relay->auth_failures[0]);
    labelled(family, "token", "wrong", relay->auth_failures[1]);
}

static void
write_agent_link(const struct cl_relay *relay, struct family *family)
{
    const struct cl_agent_link *al = relay->agent_link;
    if (al == NULL)
        return;
    gauge(family, "clawlink_agent_link_connections", al->conns_len, "WebSockets of Agent Link.");
    begin(family, "clawlink_agent_link_registers_total", "counter",
          "Registers; replayed ones were good once, busy ones were not looked at.");
    for (unsigned i = 0; i < CL_AL_COUNT_DELIVERED; i++)
        labelled(family, "result", cl_al_count_names[i], al->counts[i]);
    begin(family, "clawlink_agent_link_messages_total", "counter",
          "Messages that Agent Link clients sent.");
    for (unsigned i = CL_AL_COUNT_DELIVERED; i < CL_AL_COUNT_LEN; i++)
        labelled(family, "result", cl_al_count_names[i], al->counts[i]);
}

/* -- the answer -------------------------------------------------------------------------------- */

enum cl_err
cl_metrics_write(struct cl_relay *relay, struct cl_buf *out)
{
    struct family family = {.out = out};
    write_process(relay, &family);
    write_mesh(relay, &family);
    write_connections(relay, &family);
    write_ends(relay, &family);
    write_refusals(relay, &family);
    write_agent_link(relay, &family);
    return family.err;
}

void
cl_metrics_answer(struct cl_relay *relay, struct cl_http_conn *conn,
                  const struct cl_http_head *head)
{
    if (!cl_str_eq(head->method, CL_STR("GET")) && !cl_str_eq(head->method, CL_STR("HEAD"))) {
        cl_http_refuse_with(conn, CL_ERR_METHOD, CL_STR("this path takes GET, HEAD"),
                            (struct cl_http_field){CL_STR("Allow"), CL_STR("GET, HEAD")});
        return;
    }
    cl_buf_clear(&relay->text);
    enum cl_err err = cl_metrics_write(relay, &relay->text);
    if (err != CL_OK) {
        cl_http_refuse(conn, err, CL_STR("out of memory"));
        return;
    }
    struct cl_part body = cl_part_of(cl_buf_str(&relay->text));
    struct cl_http_answer answer = {.status = 200,
                                    .media_type = CL_STR("text/plain; version=0.0.4"),
                                    .parts = &body,
                                    .parts_len = 1};
    cl_http_answer(conn, &answer);
}
