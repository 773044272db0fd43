// SPDX-License-Identifier: MIT
#include "relay/relay.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "relay/agent_link.h"
#include "relay/blob.h"
#include "relay/state.h"
#include "relay/v2.h"

/* How often agents that may be forgotten are looked for. */
#define SWEEP_MS (3600 * 1000)
/* An answer may list every agent there can be, if their records are short. */
#define ANSWER_BYTES_MAX (64 * CL_MIB)

/* -- what ends by itself ----------------------------------------------------------------------- */

static void
on_deadline(struct cl_timer *timer)
{
    (void)timer; // a turn is all it takes: cl_relay_turn_end looks
}

/* clawlink-v1.md: agents that were silent for 7 days with an empty inbox are forgotten. Being
 * silent is the session's knowledge; the core refuses what it knows better. */
static void
on_sweep(struct cl_timer *timer)
{
    struct cl_relay *relay = CL_LIST_ENTRY(timer, struct cl_relay, sweep);
    cl_time now = cl_relay_time(relay);
    for (const struct cl_agent *agent = NULL;
         (agent = cl_core_agent_next(relay->core, agent)) != NULL;) {
        cl_time seen = cl_session_last_seen(relay->session, relay->core, agent->id);
        struct cl_command draft = {.kind = CL_COMMAND_FORGET, .forget = {.agent = agent->id}};
        if (now.ms - seen.ms >= CL_AGENT_SILENT_MS)
            cl_err_ignore(cl_relay_submit(relay, &draft, 0)); // the next sweep tries again
    }
    cl_loop_timer_start(relay->loop, timer, cl_instant_add(cl_loop_now(relay->loop), SWEEP_MS));
}

static void
on_blob_sweep(struct cl_timer *timer)
{
    struct cl_relay *relay = CL_LIST_ENTRY(timer, struct cl_relay, blob_sweep);
    cl_blob_sweep(relay, cl_relay_time(relay));
    cl_loop_timer_start(relay->loop, timer,
                        cl_instant_add(cl_loop_now(relay->loop), CL_BLOB_SWEEP_MS));
}

/* -- the journal's own work -------------------------------------------------------------------- */

void
cl_relay_log_news(struct cl_relay *relay, const struct cl_journal_news *news)
{
    const struct cl_log *log = &relay->config.log;
    if (news->kind == CL_JOURNAL_COPY)
        cl_backup_journal(relay, news);
    else if (news->err == CL_OK)
        cl_log_info(log, "journal.snapshot", CL_F("commands", news->commands),
                    CL_F("bytes", news->bytes), CL_F("ms", news->ms));
    else if (news->err == CL_ERR_INTERNAL)
        cl_log_error(log, "journal.snapshot_differs", CL_F("commands", news->commands),
                     CL_F("next", "keep the folder, restart the relay, report it"));
    else
        cl_log_warn(log, "journal.no_snapshot", CL_F("commands", news->commands),
                    CL_F("why", cl_err_wire(news->err)));
}

/* What is on its way is not in the state, so only when nothing is. */
static void
rest(struct cl_relay *relay)
{
    struct cl_journal_news news;
    if (relay->uncommitted == 0 && !relay->is_read_only &&
        cl_journal_rest(relay->config.journal, relay->core, &news))
        cl_relay_log_news(relay, &news);
}

/* -- the end ----------------------------------------------------------------------------------- */

static void
stop_if_drained(struct cl_relay *relay)
{
    if (cl_http_server_count(relay->http) == 0 && cl_admin_count(&relay->admin) == 0 &&
        cl_list_is_empty(&relay->sockets) && cl_list_is_empty(&relay->v2_conns) &&
        cl_al_is_idle(relay) && relay->uncommitted == 0)
        cl_loop_stop(relay->loop);
}

static void
on_turn_end(void *ctx)
{
    struct cl_relay *relay = ctx;
    cl_relay_turn_end(relay);
    if (relay->is_draining)
        stop_if_drained(relay);
}

static void
on_drained(struct cl_timer *timer)
{
    struct cl_relay *relay = CL_LIST_ENTRY(timer, struct cl_relay, drain);
    cl_log_warn(&relay->config.log, "relay.drain_cut",
                CL_F("connections", cl_http_server_count(relay->http)));
    cl_loop_stop(relay->loop);
}

static void
begin_drain(struct cl_relay *relay)
{
    relay->is_draining = true;
    cl_discovery_end(relay);
    cl_listener_close(relay->listener);
    relay->listener = NULL;
    CL_LIST_EACH(&relay->exchanges, at)
    {
        struct cl_exchange *exchange = CL_LIST_ENTRY(at, struct cl_exchange, peer.link);
        if (cl_timer_is_running(&exchange->wait))
            cl_poll_answer_empty(exchange);
    }
    cl_http_server_drain(relay->http);
    cl_al_drain(relay);
    cl_admin_drain(&relay->admin);
    CL_LIST_EACH(&relay->sockets, at)
    {
        struct cl_socket *socket = CL_LIST_ENTRY(at, struct cl_socket, peer.link);
        cl_ws_close(socket->ws, CL_WS_CLOSE_RESTART, CL_STR("the relay is stopping"));
    }
    cl_v2_drain(relay);
    cl_timer_init(&relay->drain, on_drained);
    cl_loop_timer_start(relay->loop, &relay->drain,
                        cl_instant_add(cl_loop_now(relay->loop), CL_NET_DRAIN_MS));
}

static void
on_signal(void *ctx, int signal)
{
    struct cl_relay *relay = ctx;
    // A terminal that was closed takes along what was started in it.
    if (signal == SIGHUP && relay->has_terminal == (isatty(STDERR_FILENO) == 1)) {
        cl_relay_reload(relay);
        return;
    }
    cl_log_info(&relay->config.log, "relay.stopping", CL_F("signal", signal));
    if (relay->is_draining)
        cl_loop_stop(relay->loop);
    else
        begin_drain(relay);
}

/* -- the beginning ----------------------------------------------------------------------------- */

static enum cl_err
split_names(cl_str list, cl_str names[static CL_RELAY_NAMES_MAX], size_t *ret_len,
            struct cl_why *why)
{
    size_t len = 0;
    while (list.len > 0) {
        cl_str name;
        (void)cl_str_split(list, ',', &name, &list);
        name = cl_str_trim(name);
        if (name.len == 0)
            continue;
        if (len == CL_RELAY_NAMES_MAX)
            return cl_fail(CL_ERR_USAGE, why, "at most %d allowed hosts or origins",
                           CL_RELAY_NAMES_MAX);
        names[len++] = name;
    }
    *ret_len = len;
    return CL_OK;
}

static enum cl_err
open_guard(struct cl_relay *relay, struct cl_why *why)
{
    struct cl_guard *guard = &relay->guard;
    guard->hosts = relay->hosts;
    guard->origins = relay->origins;
    if (gethostname(relay->machine, sizeof relay->machine - 1) == 0)
        guard->machine = cl_str_z(relay->machine);
    enum cl_err err = split_names(relay->config.allow_hosts, relay->hosts, &guard->hosts_len, why);
    if (err == CL_OK)
        err = split_names(relay->config.allow_origins, relay->origins, &guard->origins_len, why);
    return err;
}

/* On the journal's thread. */
static void
wake(void *ctx)
{
    cl_loop_wake(ctx);
}

/* Brings back what earlier runs committed, and says what that was. */
static enum cl_err
recover(struct cl_relay *relay, struct cl_why *why)
{
    struct cl_journal *journal = relay->config.journal;
    struct cl_journal_about about = cl_journal_about(journal);
    cl_instant begun = relay->steady();
    enum cl_err err = cl_journal_replay(journal, &relay->hash_key, &relay->core);
    if (err != CL_OK)
        return cl_fail(err, why, "the journal cannot be read: %s", cl_err_wire(err));
    struct cl_core_stats stats = cl_core_stats(relay->core);
    if (!cl_str_eq(cl_str_z(about.durability), CL_STR("memory")))
        cl_log_info(&relay->config.log, "journal.read", CL_F("snapshot", about.snapshot),
                    CL_F("commands", about.commands), CL_F("agents", stats.agents),
                    CL_F("waiting", stats.waiting), CL_F("ms", relay->steady().ms - begun.ms));
    return CL_OK;
}

static enum cl_err
open_state(struct cl_relay *relay, struct cl_why *why)
{
    const struct cl_relay_config *config = &relay->config;
    relay->core = cl_core_new(&relay->hash_key);
    relay->session = cl_session_new(&relay->hash_key);
    enum cl_err err =
        cl_rate_init(&relay->rate, config->rate_per_second, config->rate_burst, &relay->hash_key);
    if (relay->core == NULL || relay->session == NULL || err != CL_OK)
        return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory");
    err = recover(relay, why);
    if (err != CL_OK)
        return err;

    relay->has_waker = cl_journal_watch(relay->config.journal, wake, relay->loop);
    if (config->blobs != NULL)
        cl_blobs_watch(config->blobs, wake, relay->loop);

    for (const struct cl_agent *agent = NULL;
         (agent = cl_core_agent_next(relay->core, agent)) != NULL;)
        cl_relay_list(relay, agent);
    cl_blob_reconcile(relay);
    cl_core_resume(relay->core, &relay->core_effects);
    cl_relay_perform_effects(relay);
    struct cl_command up = {.kind = CL_COMMAND_RELAY_UP, .relay_up = cl_core_limits()};
    up.relay_up.relay = CL_STR("relay");
    up.relay_up.inbox_messages_max = relay->config.inbox_messages_max;
    up.relay_up.inbox_bytes_max = relay->config.inbox_bytes_max;
    up.relay_up.inboxes_bytes_max = relay->config.inboxes_bytes_max;
    up.relay_up.hops_max = relay->config.chain_hops_max;
    up.relay_up.chain_messages_max = relay->config.chain_messages_max;
    up.relay_up.thread_minute_max = relay->config.thread_minute_max;
    up.relay_up.inherited_hops_max = relay->config.inherited_hops_max;
    up.relay_up.inherited_messages_max = relay->config.inherited_messages_max;
    err = cl_relay_submit(relay, &up, 0);
    return err == CL_OK ? CL_OK
                        : cl_fail(err, why, "the journal takes nothing: %s", cl_err_wire(err));
}

/* The address it listens on, as text. True: beyond loopback. */
static bool
write_address(const struct cl_relay *relay, char ret_text[static CL_ADDRESS_TEXT_CAP])
{
    cl_address address;
    cl_listener_address(relay->listener, &address);
    cl_address_text(&address, ret_text);
    return !cl_address_is_loopback(&address);
}

/* Beyond loopback it takes a token and TLS, or that somebody said that it does not. All that is
 * missing is named at once. */
static enum cl_err
check_exposure(const struct cl_relay *relay, struct cl_why *why)
{
    static const char token_options[] =
        "give --token-file, or --no-auth if everybody may use this relay";
    static const char tls_options[] = "give --tls-self-signed, or --tls-cert and --tls-key, or "
                                      "--allow-plain if the network keeps strangers out";
    const struct cl_relay_config *config = &relay->config;
    char text[CL_ADDRESS_TEXT_CAP];
    if (!write_address(relay, text))
        return CL_OK;
    bool wants_token = config->token == NULL && !config->no_auth;
    bool wants_tls = relay->tls == NULL && !config->allow_plain;
    if (wants_token && wants_tls)
        return cl_fail(CL_ERR_USAGE, why,
                       "%s can be reached from other machines: no token is set, and without TLS "
                       "everybody on the way reads the messages; %s; and %s",
                       text, token_options, tls_options);
    if (wants_token)
        return cl_fail(CL_ERR_USAGE, why,
                       "%s can be reached from other machines and no token is set; %s", text,
                       token_options);
    if (wants_tls)
        return cl_fail(CL_ERR_USAGE, why,
                       "%s can be reached from other machines, and without TLS everybody on the "
                       "way reads the token and the messages; %s",
                       text, tls_options);
    if (config->token == NULL)
        cl_log_warn(&config->log, "relay.open_to_all", CL_F("address", (const char *)text));
    if (relay->tls == NULL)
        cl_log_warn(&config->log, "relay.plain_text", CL_F("address", (const char *)text));
    return CL_OK;
}

static enum cl_err
open_net(struct cl_relay *relay, struct cl_why *why)
{
    const struct cl_relay_config *config = &relay->config;
    (void)cl_gate_raise_descriptors();
    cl_gate_init(&relay->gate, config->connections_max);
    relay->gate.counts = cl_loop_counts(relay->loop);
    cl_penalties_init(&relay->penalties, &relay->hash_key);
    struct cl_http_server_options options = {
        .handler = &cl_exchange_handler, .ctx = relay, .gate = &relay->gate};
    if (config->token != NULL && !config->no_penalties)
        options.penalties = &relay->penalties;
    enum cl_err err = cl_http_server_new(relay->loop, &options, &relay->http);
    if (err == CL_OK)
        err = cl_loop_on_signal(relay->loop, SIGTERM, on_signal, relay);
    if (err == CL_OK)
        err = cl_loop_on_signal(relay->loop, SIGINT, on_signal, relay);
    if (err == CL_OK)
        err = cl_loop_on_signal(relay->loop, SIGHUP, on_signal, relay);
    if (err != CL_OK)
        return cl_fail(err, why, "the event loop cannot start: %s", cl_err_wire(err));
    err = cl_relay_tls_open(relay, why);
    if (err == CL_OK)
        err = cl_tcp_listen(relay->loop, config->host, config->port, &relay->listener, why);
    if (err == CL_OK)
        err = check_exposure(relay, why);
    if (err == CL_OK)
        err = cl_al_open(relay, why);
    if (err != CL_OK)
        return err;
    cl_loop_on_turn_end(relay->loop, on_turn_end, relay);
    cl_loop_again(relay->loop); // the first turn commits RELAY_UP
    cl_discovery_begin(relay);
    return CL_OK;
}

enum cl_err
cl_relay_open(const struct cl_relay_config *config, struct cl_relay **ret_relay, struct cl_why *why)
{
    struct cl_relay *relay = cl_alloc(sizeof *relay);
    if (relay == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory");
    relay->config = *config;
    cl_random_bytes(&relay->hash_key, sizeof relay->hash_key);
    cl_random_bytes(&relay->epoch, sizeof relay->epoch);
    relay->has_terminal = isatty(STDERR_FILENO) == 1;
    relay->wall = cl_clock_wall;
    relay->steady = cl_clock_monotonic;
    relay->started = relay->wall();
    cl_stamp_init(&relay->stamp, relay->wall(), relay->steady());
    cl_handles_init(&relay->handles);
    cl_list_init(&relay->exchanges);
    cl_list_init(&relay->unasked);
    cl_timer_init(&relay->proofs, cl_socket_ask_proofs);
    cl_list_init(&relay->sockets);
    cl_list_init(&relay->acks);
    cl_list_init(&relay->detaches);
    cl_list_init(&relay->recounts);
    cl_list_init(&relay->ready);
    cl_list_init(&relay->v2_conns);
    cl_list_init(&relay->leases);
    cl_list_init(&relay->blobs.calls);
    cl_list_init(&relay->blobs.views);
    cl_list_init(&relay->telling);
    cl_map_init(&relay->seats, &relay->hash_key);
    cl_directory_init(&relay->directory, &relay->hash_key);
    cl_buf_init(&relay->content, CL_BODY_BYTES_MAX);
    cl_buf_init(&relay->envelope, 2 * CL_BODY_BYTES_MAX);
    cl_effects_init(&relay->core_effects);
    cl_effects_init(&relay->session_effects);
    cl_buf_init(&relay->text, ANSWER_BYTES_MAX);
    cl_shared_init(&relay->shared);
    cl_arena_init(&relay->arena, CL_RELAY_ARENA_BYTES);
    cl_timer_init(&relay->deadline, on_deadline);
    cl_timer_init(&relay->sweep, on_sweep);
    cl_timer_init(&relay->blob_sweep, on_blob_sweep);

    enum cl_err err = cl_loop_new(&relay->loop);
    if (err != CL_OK)
        err = cl_fail(err, why, "the event loop cannot start: %s", cl_err_wire(err));
    if (err == CL_OK)
        err = open_guard(relay, why);
    if (err == CL_OK)
        err = open_state(relay, why);
    if (err == CL_OK)
        err = open_net(relay, why);
    if (err != CL_OK) {
        cl_relay_free(relay);
        return err;
    }
    *ret_relay = relay;
    return CL_OK;
}

void
cl_relay_url(const struct cl_relay *relay, char ret_url[static CL_RELAY_URL_CAP])
{
    char text[CL_ADDRESS_TEXT_CAP];
    (void)write_address(relay, text);
    (void)snprintf(ret_url, CL_RELAY_URL_CAP, "%s://%.*s", relay->tls == NULL ? "http" : "https",
                   CL_ADDRESS_TEXT_CAP - 1, text);
}

void
cl_relay_run(struct cl_relay *relay)
{
    cl_loop_timer_start(relay->loop, &relay->sweep,
                        cl_instant_add(cl_loop_now(relay->loop), SWEEP_MS));
    cl_loop_timer_start(relay->loop, &relay->blob_sweep,
                        cl_instant_add(cl_loop_now(relay->loop), CL_BLOB_SWEEP_MS));
    cl_loop_run(relay->loop);
    rest(relay);
    struct cl_core_stats stats = cl_core_stats(relay->core);
    cl_log_info(&relay->config.log, "relay.stopped", CL_F("waiting", stats.waiting),
                CL_F("agents", stats.agents));
}

void
cl_relay_free(struct cl_relay *relay)
{
    if (relay == NULL)
        return;
    cl_discovery_end(relay);
    cl_listener_close(relay->listener);
    cl_http_server_free(relay->http);
    cl_al_close(relay);
    cl_admin_close(&relay->admin);
    (void)cl_journal_watch(relay->config.journal, NULL, NULL);
    if (relay->config.blobs != NULL)
        cl_blobs_watch(relay->config.blobs, NULL, NULL);

    CL_LIST_EACH(&relay->leases, at)
    {
        cl_lease_free(CL_LIST_ENTRY(at, struct cl_lease, peer.link));
    }
    cl_loop_free(relay->loop); // sockets hear on_closed here
    cl_al_free(relay);
    cl_relay_tls_done(relay);
    cl_recount_end_all(relay);
    CL_LIST_EACH(&relay->acks, at)
    {
        struct cl_ack *ack = CL_LIST_ENTRY(at, struct cl_ack, peer.link);
        cl_command_free(ack->command);
        cl_free(ack);
    }
    CL_LIST_EACH(&relay->detaches, at)
    {
        cl_free(CL_LIST_ENTRY(at, struct cl_detach, link));
    }
    cl_blob_views_done(relay);
    cl_backup_done(relay);
    cl_command_free(relay->up);
    cl_session_free(relay->session);
    cl_core_free(relay->core);
    cl_rate_done(&relay->rate);
    cl_effects_done(&relay->core_effects);
    cl_effects_done(&relay->session_effects);
    cl_handles_done(&relay->handles);
    cl_buf_done(&relay->text);
    cl_shared_done(&relay->shared);
    cl_map_done(&relay->seats);
    cl_directory_done(&relay->directory);
    cl_buf_done(&relay->content);
    cl_buf_done(&relay->envelope);
    cl_arena_done(&relay->arena);
    cl_free(relay);
}
