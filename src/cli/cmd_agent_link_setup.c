// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/secret.h"
#include "cli/link_relay.h"
#include "cli/run.h"
#include "cli/token.h"
#include "proto/address.h"
#include "wire/uri.h"

enum {
    RELAY_URL,
    SECRET,
    SECRET_FILE,
    INSTANCE_ID,
    AGENT_ID,
    RELAY,
    PORT,
    ADD,
    SHARED,
    OUT,
    FORCE
};

static const struct cl_opt options[] = {
    [RELAY_URL] = {"relay-url", "URL",
                   "the relay's Agent Link port, ws://HOST:8765, or wss://\n"
                   "with TLS; needed for a new file, but with --relay",
                   CL_OPT_OPTIONAL},
    [SECRET] = {"secret", "SECRET",
                "the secret that relay and instance share; from\n"
                "CLAWLINK_AGENT_LINK_SECRET it leaves no trace in the\n"
                "shell's history; with --relay default a new one",
                CL_OPT_SECRET},
    [SECRET_FILE] = {"secret-file", "FILE", "a file whose first line is the secret",
                     CL_OPT_OPTIONAL},
    [INSTANCE_ID] = {"instance-id", "NAME",
                     "which machine this is; default CLAWLINK_INSTANCE, or\n"
                     "the host's name",
                     CL_OPT_OPTIONAL},
    [AGENT_ID] = {"agent-id", "NAME", "the agent on it; default CLAWLINK_AGENT, or main",
                  CL_OPT_OPTIONAL},
    [RELAY] = {"relay", NULL,
               "on the relay's machine: write relay-config.json; with\n"
               "--relay-url a file for each instance that is added too",
               CL_OPT_OPTIONAL},
    [PORT] = {"port", "N", "with --relay: the Agent Link port; default 8765", CL_OPT_OPTIONAL},
    [ADD] = {"add-instance", "ID",
             "with --relay: register that instance, as ID, or with a\n"
             "name for people as ID:NAME; several by giving it again",
             CL_OPT_LIST},
    [SHARED] = {"shared-secret", NULL,
                "with --relay: instances that are added share the relay's\n"
                "secret, and can speak for each other; default one each",
                CL_OPT_OPTIONAL},
    [OUT] = {"out", "FILE",
             "default agent-link-config.json, with --relay\n"
             "relay-config.json, in the folder that you are in",
             CL_OPT_OPTIONAL},
    [FORCE] = {"force", NULL, "replace what differs in a file that is there", CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_number numbers[] = {{"port", 1, UINT16_MAX}, {NULL, 0, 0}};

/* A shorter secret could be guessed by who sees a signature. */
#define SECRET_BYTES_LOW 16
/* A machine's name; POSIX has no longer ones. */
#define MACHINE_CAP 256

struct setup {
    struct cl_run *run;
    struct cl_secret typed; // empty: none was given
    struct cl_json_writer json;
    struct cl_link_relay relay;
    struct cl_link_file client; // an instance's
};

/* What an instance's file says; empty: what it has, or the default. */
struct wanted {
    cl_str relay_url;
    cl_str secret;
    cl_str instance_id;
    cl_str agent_id;
};

static bool
is_given(const struct cl_opts *opts, unsigned option)
{
    return opts->values[option] != NULL;
}

static cl_str
secret_of(const struct cl_secret *secret)
{
    return cl_str_of(secret->bytes, secret->len);
}

/* -- what was typed ---------------------------------------------------------------------------- */

static enum cl_err
check_url(const char *text, struct cl_why *why)
{
    struct cl_url url;
    struct cl_why reason;
    if (cl_url_parse(cl_str_z(text), &url, &reason) != CL_OK)
        return cl_fail(CL_ERR_USAGE, why,
                       "--relay-url \"%.128s\" is no URL of a relay (%.160s): write "
                       "ws://HOST:8765, or wss:// with TLS.",
                       text, reason.text);
    if (!url.is_websocket)
        return cl_fail(CL_ERR_USAGE, why,
                       "--relay-url \"%.128s\": Agent Link speaks WebSocket: write %s://%.*s.",
                       text, url.is_tls ? "wss" : "ws",
                       CL_STR_ARG(cl_str_part(url.authority, 0, 128)));
    return CL_OK;
}

static enum cl_err
check_instance(const char *option, cl_str id, struct cl_why *why)
{
    if (cl_name_is_instance(id))
        return CL_OK;
    return cl_fail(CL_ERR_USAGE, why,
                   "%s \"%.*s\" is no name of an instance: it takes 1 to %d letters, digits, '.', "
                   "'_' and '-', and is neither v1 nor relay.",
                   option, CL_STR_ARG(cl_str_part(id, 0, 80)), CL_NAME_BYTES_MAX);
}

static enum cl_err
check_agent(const char *option, cl_str id, struct cl_why *why)
{
    if (cl_name_is_valid(id))
        return CL_OK;
    return cl_fail(CL_ERR_USAGE, why,
                   "%s \"%.*s\" is no name of an agent: it takes 1 to %d letters, digits, '.', '_' "
                   "and '-', without the instance.",
                   option, CL_STR_ARG(cl_str_part(id, 0, 80)), CL_NAME_BYTES_MAX);
}

static enum cl_err
check_added(const struct cl_opts *opts, struct cl_why *why)
{
    const char *text;
    for (size_t i = 0; (text = cl_opts_nth(opts, ADD, i)) != NULL; i++) {
        cl_str id, name, other;
        cl_link_relay_split(text, &id, &name);
        enum cl_err err = check_instance("--add-instance", id, why);
        if (err != CL_OK)
            return err;
        bool has_name = cl_str_find(cl_str_z(text), ':') < strlen(text);
        if (has_name && !cl_line_is_valid(name, CL_V2_DISPLAY_BYTES_MAX))
            return cl_fail(CL_ERR_USAGE, why,
                           "--add-instance \"%.80s\": behind the colon stands its name for people, "
                           "1 to %d bytes of UTF-8 without control characters.",
                           text, CL_V2_DISPLAY_BYTES_MAX);
        for (size_t j = 0; j < i; j++) {
            cl_link_relay_split(cl_opts_nth(opts, ADD, j), &other, &name);
            if (cl_str_eq(id, other))
                return cl_fail(CL_ERR_USAGE, why, "--add-instance names \"%.*s\" twice.",
                               CL_STR_ARG(id));
        }
    }
    return CL_OK;
}

/* An option of the other side was meant otherwise. */
static enum cl_err
check_side(const struct cl_opts *opts, struct cl_why *why)
{
    static const unsigned of_relay[] = {PORT, ADD, SHARED};
    bool is_relay = is_given(opts, RELAY);
    for (size_t i = 0; i < sizeof of_relay / sizeof *of_relay && !is_relay; i++)
        if (is_given(opts, of_relay[i]))
            return cl_fail(CL_ERR_USAGE, why, "--%s is for the relay's side: give --relay as well.",
                           options[of_relay[i]].name);
    if (is_relay && is_given(opts, INSTANCE_ID))
        return cl_fail(CL_ERR_USAGE, why,
                       "--instance-id is for an instance's side: with --relay it is --add-instance "
                       "ID.");
    if (is_relay && is_given(opts, AGENT_ID))
        return cl_fail(CL_ERR_USAGE, why,
                       "--agent-id is for an instance's side: leave it out with --relay.");
    if (is_relay && is_given(opts, RELAY_URL) && !is_given(opts, ADD))
        return cl_fail(CL_ERR_USAGE, why,
                       "With --relay the --relay-url is for files of instances: name them with "
                       "--add-instance ID, also those that are registered.");
    return CL_OK;
}

static enum cl_err
check(const struct cl_opts *opts, struct cl_why *why)
{
    enum cl_err err = check_side(opts, why);
    if (err == CL_OK && is_given(opts, RELAY_URL))
        err = check_url(opts->values[RELAY_URL], why);
    if (err == CL_OK && is_given(opts, INSTANCE_ID))
        err = check_instance("--instance-id", cl_str_z(opts->values[INSTANCE_ID]), why);
    if (err == CL_OK && is_given(opts, AGENT_ID))
        err = check_agent("--agent-id", cl_str_z(opts->values[AGENT_ID]), why);
    return err == CL_OK ? check_added(opts, why) : err;
}

static enum cl_err
take_secret(struct setup *setup, struct cl_why *why)
{
    struct cl_opts *opts = &setup->run->opts;
    const struct cl_token_words words = {.what = "secret",
                                         .option = "--secret",
                                         .file_option = "--secret-file",
                                         .variable = "CLAWLINK_AGENT_LINK_SECRET",
                                         .typed = opts->secret,
                                         .file = opts->values[SECRET_FILE]};
    enum cl_err err = cl_token_take_other(&words, &setup->typed, why);
    if (err == CL_OK && setup->typed.len > 0 &&
        !cl_line_is_valid(secret_of(&setup->typed), CL_SECRET_BYTES_MAX))
        err = cl_fail(CL_ERR_USAGE, why,
                      "The secret must be UTF-8 text without control characters: what "
                      "`openssl rand -hex 32` prints is a good one.");
    return err;
}

/* -- an instance's file ------------------------------------------------------------------------ */

static enum cl_err
name_instance(struct cl_link_file *file, struct cl_why *why)
{
    char host[MACHINE_CAP] = "", name[CL_NAME_BYTES_MAX + 1];
    cl_str said = cl_str_z(getenv("CLAWLINK_INSTANCE"));
    enum cl_err err = said.len > 0 ? check_instance("CLAWLINK_INSTANCE", said, why) : CL_OK;
    if (err != CL_OK)
        return err;
    if (gethostname(host, sizeof host) != 0 || memchr(host, '\0', sizeof host) == NULL)
        host[0] = '\0';
    cl_me_name_host(cl_str_z(host), name);
    cl_link_file_default(file, "instance_id", said.len > 0 ? said : cl_str_z(name));
    return CL_OK;
}

static enum cl_err
name_agent(struct cl_link_file *file, struct cl_why *why)
{
    cl_str said = cl_str_z(getenv("CLAWLINK_AGENT"));
    enum cl_err err = said.len > 0 ? check_agent("CLAWLINK_AGENT", said, why) : CL_OK;
    if (err == CL_OK)
        cl_link_file_default(file, "agent_id", said.len > 0 ? said : CL_STR("main"));
    return err;
}

/* Nobody said it, so the file must. */
static enum cl_err
require(struct cl_link_file *file, const char *name, const char *words, struct cl_why *why)
{
    cl_str found;
    enum cl_err err = cl_link_file_string(file, name, &found, why);
    if (err == CL_OK && found.len == 0)
        return cl_fail(CL_ERR_USAGE, why, "agent-link setup needs %s", words);
    return err;
}

/* setup->client becomes what that file is to be. */
static enum cl_err
draft_client(struct setup *setup, const char *path, const struct wanted *wanted, struct cl_why *why)
{
    struct cl_link_file *file = &setup->client;
    enum cl_err err = cl_link_file_open(file, path, why);
    if (err == CL_OK && wanted->relay_url.len > 0)
        cl_link_file_want(file, "relay_url", wanted->relay_url);
    else if (err == CL_OK)
        err =
            require(file, "relay_url",
                    "--relay-url URL, the relay's Agent Link port: ws://HOST:8765, or wss:// with "
                    "TLS.",
                    why);
    if (err == CL_OK && wanted->secret.len > 0)
        cl_link_file_want(file, "secret", wanted->secret);
    else if (err == CL_OK)
        err = require(file, "secret",
                      "the secret that relay-config.json has on the relay's machine: --secret-file "
                      "FILE, CLAWLINK_AGENT_LINK_SECRET, or --secret SECRET.",
                      why);
    if (err == CL_OK && wanted->instance_id.len > 0)
        cl_link_file_want(file, "instance_id", wanted->instance_id);
    else if (err == CL_OK)
        err = name_instance(file, why);
    if (err == CL_OK && wanted->agent_id.len > 0)
        cl_link_file_want(file, "agent_id", wanted->agent_id);
    else if (err == CL_OK)
        err = name_agent(file, why);
    if (err != CL_OK)
        return err;
    if (cl_link_file_value(file, "auto_reconnect").len == 0)
        cl_link_file_put(file, "auto_reconnect", CL_STR("true"));
    if (cl_link_file_value(file, "reconnect_interval").len == 0)
        cl_link_file_put(file, "reconnect_interval", CL_STR("5"));
    return cl_link_file_check(file, is_given(&setup->run->opts, FORCE), why);
}

static void
tell_file(struct setup *setup, const struct cl_link_file *file)
{
    cl_json_object_begin(&setup->json);
    cl_json_put_member(&setup->json, CL_STR("path"), cl_str_z(file->path));
    cl_json_put_member(&setup->json, CL_STR("done"), cl_str_z(file->done));
    cl_json_object_end(&setup->json);
}

static bool
is_loopback(cl_str host)
{
    return cl_str_eq_nocase(host, CL_STR("localhost")) || cl_str_eq(host, CL_STR("::1")) ||
           cl_str_starts(host, CL_STR("127."));
}

static void
note_url(struct setup *setup)
{
    struct cl_url url;
    struct cl_authority authority;
    const char *text = setup->run->opts.values[RELAY_URL];
    if (text == NULL || cl_url_parse(cl_str_z(text), &url, NULL) != CL_OK)
        return;
    if (cl_authority_parse(url.authority, &authority) == CL_OK && authority.port == 0)
        cl_view_note(&setup->run->view,
                     "\"%.128s\" names no port, which means %u; a relay's Agent Link port is 8765 "
                     "unless it was given another.",
                     text, url.port);
    if (!url.is_tls && !is_loopback(url.host))
        cl_view_note(&setup->run->view,
                     "The connection to %.128s is not encrypted: everybody on the way can read the "
                     "messages. A relay with a certificate is reached as wss://.",
                     text);
}

static void
note_secret(struct setup *setup)
{
    if (setup->typed.len > 0 && setup->typed.len < SECRET_BYTES_LOW)
        cl_view_note(&setup->run->view,
                     "The secret has %u bytes: who sees one signature can guess a short one. "
                     "`openssl rand -hex 32` makes a good one.",
                     setup->typed.len);
}

/* -- files of the instances that are added ----------------------------------------------------- */

/* "agent-link-config.laptop.json", in the folder of the relay's file. */
static enum cl_err
client_path(const struct setup *setup, cl_str id, char ret_path[static CL_CLI_PATH_CAP],
            struct cl_why *why)
{
    const char *path = setup->relay.file.path, *slash = strrchr(path, '/');
    int folder_len = slash == NULL ? 0 : (int)(slash - path + 1);
    int len = snprintf(ret_path, CL_CLI_PATH_CAP, "%.*sagent-link-config.%.*s.json", folder_len,
                       path, CL_STR_ARG(id));
    if (len < 0 || len >= CL_CLI_PATH_CAP)
        return cl_fail(CL_ERR_USAGE, why, "The path \"%.100s...\" is too long.", path);
    return CL_OK;
}

/* The files of the instances that are added: looks whether they can be written, or writes them. */
static enum cl_err
do_clients(struct setup *setup, bool is_writing, struct cl_why *why)
{
    char path[CL_CLI_PATH_CAP];
    enum cl_err err = CL_OK;
    for (size_t i = 0; i < setup->relay.instances_len && err == CL_OK; i++) {
        const struct cl_link_instance *instance = &setup->relay.instances[i];
        const struct wanted wanted = {.relay_url = cl_run_option(setup->run, RELAY_URL),
                                      .secret = instance->secret,
                                      .instance_id = instance->id};
        err = client_path(setup, instance->id, path, why);
        if (err != CL_OK)
            return err;
        err = draft_client(setup, path, &wanted, why);
        if (err == CL_OK && is_writing)
            err = cl_link_file_save(&setup->client, why);
        if (err == CL_OK && is_writing)
            tell_file(setup, &setup->client);
        cl_link_file_done(&setup->client);
    }
    return err;
}

/* -- telling it -------------------------------------------------------------------------------- */

static void
draw(struct cl_page *page, cl_str answer)
{
    static const struct cl_column files[] = {{"DONE", "done"}, {"FILE", "path"}};
    static const struct cl_column instances[] = {{"INSTANCE", "instance_id"}, {"SECRET", "secret"}};
    struct cl_json_cursor cursor;
    struct cl_json_member line;
    cl_page_table(page, cl_doc_find(answer, CL_STR("files")), files, 2);
    cl_str added = cl_doc_find(answer, CL_STR("instances"));
    if (added.len > 2) { // not []
        cl_page_print(page, "\n");
        cl_page_table(page, added, instances, 2);
    }
    cl_str next = cl_doc_find(answer, CL_STR("next"));
    if (next.len > 0)
        cl_page_print(page, "\nnext:\n");
    cl_json_cursor_init(&cursor, next);
    while (cl_json_cursor_next(&cursor, &line)) {
        cl_page_print(page, "  ");
        cl_page_value(page, line.value);
        cl_page_print(page, "\n");
    }
}

static enum cl_err
show(struct setup *setup, struct cl_why *why)
{
    cl_json_object_end(&setup->json);
    enum cl_err err = cl_json_writer_end(&setup->json);
    if (err != CL_OK)
        return cl_fail(err, why, "What was done cannot be told: %s.", cl_err_wire(err));
    return cl_view_result(&setup->run->view, cl_buf_str(&setup->run->body), draw, why);
}

static void
begin_files(struct setup *setup)
{
    cl_run_body(setup->run, &setup->json);
    cl_json_put_name(&setup->json, CL_STR("files"));
    cl_json_array_begin(&setup->json);
}

static void
tell_instances(struct setup *setup)
{
    struct cl_json_writer *json = &setup->json;
    cl_json_put_name(json, CL_STR("instances"));
    cl_json_array_begin(json);
    for (size_t i = 0; i < setup->relay.instances_len; i++) {
        const struct cl_link_instance *instance = &setup->relay.instances[i];
        cl_json_object_begin(json);
        cl_json_put_member(json, CL_STR("instance_id"), instance->id);
        cl_json_put_member(json, CL_STR("secret"),
                           !instance->is_own    ? CL_STR("shared")
                           : instance->is_known ? CL_STR("kept")
                                                : CL_STR("new"));
        cl_json_object_end(json);
    }
    cl_json_array_end(json);
}

static void
tell_next(struct setup *setup)
{
    char line[CL_CLI_PATH_CAP + 128], path[CL_CLI_PATH_CAP];
    struct cl_json_writer *json = &setup->json;
    struct cl_why ignored;
    cl_json_put_name(json, CL_STR("next"));
    cl_json_array_begin(json);
    (void)snprintf(line, sizeof line, "clawlink relay --agent-link %s", setup->relay.file.path);
    cl_json_put_string(json, cl_str_z(line));
    for (size_t i = 0; is_given(&setup->run->opts, RELAY_URL) && i < setup->relay.instances_len;
         i++) {
        cl_str id = setup->relay.instances[i].id;
        if (client_path(setup, id, path, &ignored) != CL_OK)
            continue;
        (void)snprintf(line, sizeof line, "copy %s to %.*s, as " CL_LINK_CLIENT_FILE, path,
                       CL_STR_ARG(id));
        cl_json_put_string(json, cl_str_z(line));
    }
    cl_json_array_end(json);
}

static void
note_relay(struct setup *setup)
{
    const struct cl_link_relay *relay = &setup->relay;
    if (relay->is_made)
        cl_view_note(&setup->run->view,
                     "A new secret of %d random hexadecimal digits is in \"%.200s\". It was shown "
                     "to nobody.",
                     CL_LINK_SECRET_DIGITS, relay->file.path);
    if (relay->is_empty)
        cl_view_note(&setup->run->view, "No instance is registered, and the relay refuses all "
                                        "others: --add-instance ID adds one.");
}

/* -- the two sides ----------------------------------------------------------------------------- */

static enum cl_err
write_relay(struct setup *setup, struct cl_why *why)
{
    bool has_clients = is_given(&setup->run->opts, RELAY_URL);
    enum cl_err err = has_clients ? do_clients(setup, false, why) : CL_OK;
    if (err == CL_OK)
        err = cl_link_file_save(&setup->relay.file, why);
    if (err != CL_OK)
        return err;
    begin_files(setup);
    tell_file(setup, &setup->relay.file);
    err = has_clients ? do_clients(setup, true, why) : CL_OK;
    if (err != CL_OK)
        return err;
    cl_json_array_end(&setup->json);
    tell_instances(setup);
    tell_next(setup);
    return show(setup, why);
}

static enum cl_err
set_up_relay(struct setup *setup, struct cl_why *why)
{
    const struct cl_opts *opts = &setup->run->opts;
    const char *text;
    const struct cl_link_relay_wanted wanted = {
        .has_port = is_given(opts, PORT),
        .port = (uint16_t)cl_opts_number(opts, PORT, CL_AL_PORT),
        .secret = secret_of(&setup->typed),
        .is_shared = is_given(opts, SHARED),
        .may_replace = is_given(opts, FORCE)};
    cl_link_relay_init(&setup->relay);
    for (size_t i = 0; (text = cl_opts_nth(opts, ADD, i)) != NULL; i++)
        cl_link_relay_add(&setup->relay, text);
    enum cl_err err = cl_link_relay_draft(
        &setup->relay, is_given(opts, OUT) ? opts->values[OUT] : CL_LINK_RELAY_FILE, &wanted, why);
    if (err == CL_OK)
        err = write_relay(setup, why);
    if (err == CL_OK)
        note_relay(setup);
    cl_link_relay_done(&setup->relay);
    return err;
}

static enum cl_err
set_up_client(struct setup *setup, struct cl_why *why)
{
    const struct cl_opts *opts = &setup->run->opts;
    const struct wanted wanted = {.relay_url = cl_run_option(setup->run, RELAY_URL),
                                  .secret = secret_of(&setup->typed),
                                  .instance_id = cl_run_option(setup->run, INSTANCE_ID),
                                  .agent_id = cl_run_option(setup->run, AGENT_ID)};
    enum cl_err err = draft_client(
        setup, is_given(opts, OUT) ? opts->values[OUT] : CL_LINK_CLIENT_FILE, &wanted, why);
    if (err == CL_OK)
        err = cl_link_file_save(&setup->client, why);
    if (err == CL_OK) {
        begin_files(setup);
        tell_file(setup, &setup->client);
        cl_json_array_end(&setup->json);
        err = show(setup, why);
    }
    cl_link_file_done(&setup->client);
    return err;
}

static enum cl_err
run_setup(struct cl_run *run, struct cl_why *why)
{
    struct setup *setup = cl_alloc(sizeof *setup);
    if (setup == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "Out of memory.");
    setup->run = run;
    enum cl_err err = take_secret(setup, why);
    if (err == CL_OK)
        err = is_given(&run->opts, RELAY) ? set_up_relay(setup, why) : set_up_client(setup, why);
    if (err == CL_OK) {
        note_url(setup);
        note_secret(setup);
    }
    cl_secret_wipe(setup, sizeof *setup);
    cl_free(setup);
    return err;
}

const struct cl_cmd cl_cmd_agent_link_setup = {
    .name = "agent-link setup",
    .summary = "Write the configuration files of Agent Link",
    .is_local = true,
    .options = options,
    .numbers = numbers,
    .notes = "A file that is there is changed where something is new; what would be another stays\n"
             "unless --force is given, and what is not named stays in any case. The files are for\n"
             "their owner alone, for they have secrets in them.",
    .examples = "clawlink agent-link setup --relay --add-instance laptop:\"Ada's laptop\"\n"
                "clawlink agent-link setup --relay --add-instance laptop \\\n"
                "    --relay-url wss://relay.example:8765\n"
                "clawlink agent-link setup --relay-url wss://relay.example:8765 \\\n"
                "    --secret-file secret --instance-id laptop --agent-id main",
    .check = check,
    .run = run_setup,
};
