// SPDX-License-Identifier: MIT
#include "main/start_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/door.h"
#include "cli/token.h"
#include "main/agent_link.h"
#include "main/notify.h"
#include "main/privileges.h"
#include "main/relay_tls.h"
#include "relay/relay.h"

#define PORT_DEFAULT 9077
/* All names of --allow-host, or of --allow-origin, together. */
#define LIST_BYTES_MAX (16 * CL_KIB)

/* -- options ----------------------------------------------------------------------------------- */

/* The value that was given for an option of the relay's table (cli/cmd_relay.c), or NULL. */
static const char *
option(const struct cl_opts *opts, const char *name)
{
    return opts->values[cl_opts_index(opts->cmd, name)];
}

/* All values of an option that may be given again, "a,b", in memory of joined. */
static enum cl_err
list(const struct cl_opts *opts, const char *name, struct cl_buf *joined, cl_str *ret_list,
     struct cl_why *why)
{
    enum cl_err err = cl_opts_join(opts, cl_opts_index(opts->cmd, name), joined);
    if (err != CL_OK)
        return cl_fail(err, why, "--%s: more than %zu bytes in all", name, joined->max);
    *ret_list = cl_buf_str(joined);
    return CL_OK;
}

static uint64_t
number(const struct cl_opts *opts, const char *name, uint64_t absent)
{
    return cl_opts_number(opts, cl_opts_index(opts->cmd, name), absent);
}

static void
read_numbers(const struct cl_opts *opts, struct cl_relay_config *config)
{
    config->port = (uint16_t)number(opts, "port", PORT_DEFAULT);
    config->connections_max = (uint32_t)number(opts, "max-connections", 0);
    config->inbox_messages_max = (uint32_t)number(opts, "inbox-messages", CL_INBOX_MESSAGES_MAX);
    config->inbox_bytes_max = number(opts, "inbox-bytes", CL_INBOX_BYTES_MAX);
    config->inboxes_bytes_max = number(opts, "all-inboxes-bytes", CL_INBOXES_BYTES_MAX);
    config->chain_hops_max = (uint32_t)number(opts, "chain-hops", CL_CHAIN_HOPS_MAX);
    config->chain_messages_max = (uint32_t)number(opts, "chain-messages", CL_CHAIN_MESSAGES_MAX);
    config->thread_minute_max = (uint32_t)number(opts, "thread-rate", CL_CHAIN_THREAD_MINUTE_MAX);
    config->inherited_hops_max =
        (uint32_t)number(opts, "inherited-hops", CL_CHAIN_INHERITED_HOPS_MAX);
    config->inherited_messages_max =
        (uint32_t)number(opts, "inherited-messages", CL_CHAIN_INHERITED_MESSAGES_MAX);
}

/* N, N/s, N,BURST or N/s,BURST. */
static enum cl_err
read_rate(const struct cl_opts *opts, struct cl_relay_config *config, struct cl_why *why)
{
    cl_str text = cl_str_z(option(opts, "rate"));
    cl_str rate, burst;
    uint64_t per_second, at_once = 0;
    if (option(opts, "rate") == NULL)
        return CL_OK;
    bool has_burst = cl_str_split(text, ',', &rate, &burst);
    if (cl_str_ends(rate, CL_STR("/s")))
        rate = cl_str_part(rate, 0, rate.len - 2);
    if (!cl_str_to_u64(rate, CL_RATE_MAX, &per_second) || per_second == 0 ||
        (has_burst && (!cl_str_to_u64(burst, CL_RATE_MAX, &at_once) || at_once == 0)))
        return cl_fail(CL_ERR_USAGE, why,
                       "--rate \"%.100s\" is not N or N,BURST, both from 1 to %d: --rate 10,50.",
                       option(opts, "rate"), CL_RATE_MAX);
    config->rate_per_second = (uint32_t)per_second;
    config->rate_burst = (uint32_t)(has_burst ? at_once : per_second);
    return CL_OK;
}

/* The index of the option's value among the words, "a b c", in *index; as it is when the option was
 * not given. */
static enum cl_err
choice(const struct cl_opts *opts, const char *name, const char *words, int *index,
       struct cl_why *why)
{
    const char *text = option(opts, name);
    cl_str word, rest = cl_str_z(words);
    for (int i = 0; text != NULL && rest.len > 0; i++) {
        (void)cl_str_split(rest, ' ', &word, &rest); // one word or more
        if (cl_str_eq(word, cl_str_z(text))) {
            *index = i;
            return CL_OK;
        }
    }
    if (text == NULL)
        return CL_OK;
    return cl_fail(CL_ERR_USAGE, why, "--%s \"%.100s\" is none of: %s.", name, text, words);
}

/* A relay that ended while its disk was full may have left half a line. The file is regular. */
static bool
ends_within_a_line(const char *path)
{
    char last = '\n';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false; // it may be for writing only
    bool is_read = lseek(fd, -1, SEEK_END) >= 0 && read(fd, &last, 1) == 1;
    (void)close(fd); // only read
    return is_read && last != '\n';
}

static enum cl_err
open_log(const struct cl_opts *opts, struct cl_log *log, struct cl_why *why)
{
    const char *file = option(opts, "log-file");
    int format = CL_LOG_LOGFMT, level = CL_LOG_INFO;

    enum cl_err err = choice(opts, "log", "logfmt json", &format, why);
    if (err == CL_OK)
        err = choice(opts, "log-level", "debug info warn error", &level, why);
    if (err != CL_OK)
        return err;
    log->level = (enum cl_log_level)level;
    log->format = (enum cl_log_format)format;
    log->fd =
        file == NULL ? STDERR_FILENO : open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (log->fd < 0)
        return cl_fail(CL_ERR_IO, why, "--log-file \"%.200s\" cannot be opened: %s.", file,
                       strerror(errno));
    struct stat status;
    bool is_file = file != NULL && fstat(log->fd, &status) == 0 && S_ISREG(status.st_mode);
    log->losses->is_torn = is_file && ends_within_a_line(file);
    return CL_OK;
}

/* -- running ----------------------------------------------------------------------------------- */

/* A file that every user of the machine can read keeps no secret. Its group is the owner's choice;
 * a credential of systemd shows group rights where it has a list of users. */
static void
warn_about_token_file(const char *path, const struct cl_log *log)
{
    struct stat info;
    if (path != NULL && stat(path, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 07) != 0)
        cl_log_warn(log, "token.others_can_read", CL_F("file", path));
}

static enum cl_err
read_discovery(const struct cl_opts *opts, struct cl_relay_config *config, struct cl_why *why)
{
    const char *name = option(opts, "name");
    int discovery = CL_RELAY_DISCOVERY_AUTO;
    enum cl_err err = choice(opts, "discovery", "auto on off", &discovery, why);
    config->discovery = option(opts, "no-mdns") != NULL ? CL_RELAY_DISCOVERY_OFF
                                                        : (enum cl_relay_discovery)discovery;
    config->name = cl_str_z(name);
    if (err == CL_OK && name != NULL && name[0] == '\0')
        err = cl_fail(CL_ERR_USAGE, why, "--name is empty: give the name that others see.");
    return err;
}

static enum cl_err
read_config(struct cl_opts *opts, struct cl_secret *token, struct cl_relay_config *config,
            struct cl_why *why)
{
    const char *host = option(opts, "host");
    config->host = host == NULL ? CL_STR("127.0.0.1") : cl_str_z(host);
    config->no_auth = option(opts, "no-auth") != NULL;
    config->allow_plain = option(opts, "allow-plain") != NULL;
    config->log_file = option(opts, "log-file");
    config->no_query_token = option(opts, "no-query-token") != NULL;
    config->no_penalties = option(opts, "no-penalties") != NULL;
    read_numbers(opts, config);
    enum cl_err err = read_rate(opts, config, why);
    if (err == CL_OK)
        err = read_discovery(opts, config, why);
    if (err == CL_OK)
        err = cl_token_take(opts, token, why);
    if (err == CL_OK)
        err = open_log(opts, &config->log, why);
    if (err == CL_OK)
        warn_about_token_file(opts->globals[CL_GLOBAL_TOKEN_FILE], &config->log);
    if (err == CL_OK && token->len == 0 && getenv("CLAWLINK_TOKEN") != NULL)
        err =
            cl_fail(CL_ERR_USAGE, why, "CLAWLINK_TOKEN is empty: put a token there, or unset it.");
    config->token = token->len > 0 ? token : NULL;
    return err;
}

/* Whoever waits for the relay to start (cl_notify_ready) is told; that it cannot be is no reason to
 * end. */
static void
tell_manager(const struct cl_relay_config *config, const char *url)
{
    struct cl_why why;
    if (cl_notify_ready(url, &why) != CL_OK)
        cl_log_warn(&config->log, "notify.failed", CL_F("reason", (const char *)why.text));
}

/* Becomes the user of --user before it opens the door, so that the socket is that user's to open,
 * and to remove at the end. */
static enum cl_err
settle(const struct cl_opts *opts, struct cl_relay *relay, const struct cl_log *log,
       struct cl_why *why)
{
    const char *user = option(opts, "user");
    cl_str path = cl_str_z(option(opts, "admin-socket"));
    char folder[CL_CLI_PATH_CAP];
    if (user != NULL && path.len == 0)
        cl_door_give_folder(user);
    enum cl_err err = cl_privileges_settle(user, log, why);
    if (err != CL_OK || cl_str_eq(path, CL_STR("none")))
        return err;
    bool has_folder = path.len == 0 && cl_door_folder(folder);
    return cl_relay_open_door(relay, path, has_folder ? cl_str_z(folder) : CL_STR(""), why);
}

/* Its URL, and the pin and Agent Link's where it has them. */
static void
print_start(const struct cl_relay *relay, bool as_json)
{
    char url[CL_RELAY_URL_CAP], agent_link[CL_RELAY_URL_CAP], pin[CL_RELAY_PIN_CAP];
    cl_relay_url(relay, url);
    (void)printf(as_json ? "{\"url\":\"%s\"" : "clawlink relay listening on %s\n", url);
    if (cl_relay_pin(relay, pin))
        (void)printf(as_json ? ",\"pin\":\"%s\"" : "clawlink relay pin %s\n", pin);
    if (cl_relay_agent_link_url(relay, agent_link))
        (void)printf(as_json ? ",\"agent_link\":\"%s\"" : "clawlink relay agent link %s\n",
                     agent_link);
    if (as_json)
        (void)printf("}\n");
}

static enum cl_err
serve(const struct cl_opts *opts, const struct cl_relay_config *config, struct cl_why *why)
{
    struct cl_relay *relay;
    char url[CL_RELAY_URL_CAP];
    bool as_json = opts->globals[CL_GLOBAL_JSON] != NULL;
    enum cl_err err = cl_relay_open(config, &relay, why);
    if (err != CL_OK)
        return err;
    err = settle(opts, relay, &config->log, why);
    if (err != CL_OK) {
        cl_relay_free(relay);
        return err;
    }
    if (option(opts, "allow-debugger") == NULL)
        cl_privileges_guard(); // another user may undo it
    cl_relay_url(relay, url);
    print_start(relay, as_json);
    if (ferror(stdout) != 0 || fflush(stdout) != 0)
        cl_log_warn(&config->log, "stdout.failed", CL_F("url", (const char *)url));
    cl_log_info(&config->log, "relay.listening", CL_F("url", (const char *)url));
    tell_manager(config, url);
    cl_relay_run(relay);
    cl_relay_free(relay);
    return CL_OK;
}

enum cl_err
cl_start_relay(struct cl_opts *opts, struct cl_data *data, struct cl_why *why)
{
    struct cl_secret token = {0};
    struct cl_log_losses losses = {0};
    struct cl_relay_config config = {
        .journal = data->journal, .blobs = data->blobs, .log = {.fd = -1, .losses = &losses}};
    struct cl_relay_tls tls = {.certificate = option(opts, "tls-cert"),
                               .key = option(opts, "tls-key"),
                               .self_signed = option(opts, "tls-self-signed"),
                               .folder = option(opts, "tls-dir")};
    struct cl_main_agent_link agent_link = {.secret = {0}};
    struct cl_buf hosts, origins;
    cl_buf_init(&hosts, LIST_BYTES_MAX);
    cl_buf_init(&origins, LIST_BYTES_MAX);
    if (option(opts, "allow-debugger") == NULL)
        cl_privileges_guard(); // before the token is read

    enum cl_err err = read_config(opts, &token, &config, why);
    if (err == CL_OK)
        err = cl_main_agent_link_read(&agent_link, opts, &config, why);
    if (err == CL_OK)
        err = list(opts, "allow-host", &hosts, &config.allow_hosts, why);
    if (err == CL_OK)
        err = list(opts, "allow-origin", &origins, &config.allow_origins, why);
    if (err == CL_OK)
        err = cl_relay_tls_prepare(&tls, &config, why);
    if (err == CL_OK)
        err = serve(opts, &config, why);
    cl_buf_done(&hosts);
    cl_buf_done(&origins);
    cl_secret_done(&token);
    cl_main_agent_link_done(&agent_link);
    cl_data_close(data);
    return err;
}
