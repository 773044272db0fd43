// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <unistd.h>

#include "cli/link_file.h"
#include "cli/run.h"

enum { OPTION_FILE };

static const struct cl_opt options[] = {
    [OPTION_FILE] = {"file", "FILE",
                     "default agent-link-config.json in the folder that you\n"
                     "are in, or else relay-config.json",
                     CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const char *
path_of(const struct cl_run *run)
{
    const char *named = run->opts.values[OPTION_FILE];
    if (named != NULL)
        return named;
    return access(CL_LINK_CLIENT_FILE, F_OK) != 0 && access(CL_LINK_RELAY_FILE, F_OK) == 0
               ? CL_LINK_RELAY_FILE
               : CL_LINK_CLIENT_FILE;
}

/* How long it is, not what it is. */
static void
tell_secret(struct cl_json_writer *json, const struct cl_secret *secret)
{
    cl_json_put_member_u64(json, CL_STR("secret_bytes"), secret->len);
}

static void
tell_client(struct cl_json_writer *json, const struct cl_agent_link_client_config *config)
{
    cl_json_put_member(json, CL_STR("relay_url"), config->relay_url);
    cl_json_put_member(json, CL_STR("instance_id"), config->instance_id);
    cl_json_put_member(json, CL_STR("agent_id"), config->agent_id);
    tell_secret(json, &config->secret);
}

static void
tell_relay(struct cl_json_writer *json, const struct cl_agent_link_relay_config *config)
{
    cl_json_put_member_u64(json, CL_STR("port"), config->port);
    tell_secret(json, &config->secret);
    if (!config->lists_instances) {
        cl_json_put_member(json, CL_STR("instances"), CL_STR("any"));
        return;
    }
    cl_json_put_name(json, CL_STR("instances"));
    cl_json_array_begin(json);
    for (uint32_t i = 0; i < config->instances_len; i++) {
        const struct cl_agent_link_instance *instance = &config->instances[i];
        cl_json_object_begin(json);
        cl_json_put_member(json, CL_STR("instance_id"), instance->id);
        cl_json_put_member(json, CL_STR("name"), instance->name);
        cl_json_put_member(json, CL_STR("secret"),
                           instance->secret.len > 0 ? CL_STR("own") : CL_STR("shared"));
        cl_json_put_name(json, CL_STR("agents"));
        if (instance->lists_agents) {
            cl_json_array_begin(json);
            for (size_t j = 0; j < instance->agents.len; j++)
                cl_json_put_string(json, instance->agents.ptr[j]);
            cl_json_array_end(json);
        } else {
            cl_json_put_string(json, CL_STR("any"));
        }
        cl_json_object_end(json);
    }
    cl_json_array_end(json);
}

static void
draw(struct cl_page *page, cl_str answer)
{
    static const char *const lines[] = {"path",        "port",     "relay_url",
                                        "instance_id", "agent_id", "secret_bytes"};
    static const struct cl_column columns[] = {
        {"INSTANCE", "instance_id"}, {"NAME", "name"}, {"SECRET", "secret"}, {"AGENTS", "agents"}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        cl_str value = cl_doc_find(answer, cl_str_z(lines[i]));
        if (value.len == 0)
            continue;
        cl_page_print(page, "%-12s  ", lines[i]);
        cl_page_value(page, value);
        cl_page_print(page, "\n");
    }
    cl_str instances = cl_doc_find(answer, CL_STR("instances"));
    if (cl_str_starts(instances, CL_STR("\""))) {
        cl_page_print(page, "instances     any that has the secret\n");
    } else if (instances.len > 2) { // not []
        cl_page_print(page, "\n");
        cl_page_table(page, instances, columns, 4);
    }
}

static enum cl_err
read_file(struct cl_run *run, struct cl_link_file *file, struct cl_why *why)
{
    struct cl_json_writer json;
    struct cl_link_config config;
    cl_run_body(run, &json);
    cl_json_put_member(&json, CL_STR("path"), cl_str_z(file->path));
    enum cl_err err = cl_link_file_read(file, &config, why);
    if (err != CL_OK)
        return err;
    if (config.is_relay)
        tell_relay(&json, &config.relay);
    else
        tell_client(&json, &config.client);
    cl_link_config_done(&config);
    cl_json_object_end(&json);
    err = cl_json_writer_end(&json);
    return err == CL_OK ? CL_OK
                        : cl_fail(err, why, "What \"%.200s\" says cannot be told: %s.", file->path,
                                  cl_err_wire(err));
}

static enum cl_err
run_agent_link(struct cl_run *run, struct cl_why *why)
{
    struct cl_link_file file;
    enum cl_err err = cl_link_file_open(&file, path_of(run), why);
    if (err == CL_OK && !file.exists)
        err = cl_fail(CL_ERR_NO_FILE, why,
                      "There is no \"%.200s\": `clawlink agent-link setup` writes one, and --file "
                      "names another.",
                      file.path);
    if (err == CL_OK)
        err = read_file(run, &file, why);
    if (err == CL_OK)
        err = cl_view_result(&run->view, cl_buf_str(&run->body), draw, why);
    if (err == CL_OK && file.is_readable)
        cl_view_note(&run->view, "Others can read the secrets in it: chmod 600 %.200s", file.path);
    cl_link_file_done(&file);
    return err;
}

const struct cl_cmd cl_cmd_agent_link = {
    .name = "agent-link",
    .summary = "Show what a configuration file of Agent Link says",
    .is_local = true,
    .options = options,
    .notes = "It is read as the relay and its clients read it. No secret is shown.",
    .examples = "clawlink agent-link\n"
                "clawlink agent-link --file relay-config.json",
    .run = run_agent_link,
};
