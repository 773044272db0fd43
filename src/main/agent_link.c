// SPDX-License-Identifier: MIT
#include "main/agent_link.h"

#include <sys/stat.h>

#include "cli/file.h"

static const char *
option(const struct cl_opts *opts, const char *name)
{
    return opts->values[cl_opts_index(opts->cmd, name)];
}

/* As of the token's file: every user of the machine could speak as anybody. */
static void
warn_about(const char *path, const struct cl_log *log)
{
    struct stat info;
    if (path != NULL && stat(path, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 07) != 0)
        cl_log_warn(log, "agent_link.others_can_read", CL_F("file", path));
}

/* Into memory that never moves, so that no copy is left behind. */
static enum cl_err
read_whole(const char *path, struct cl_buf *text, struct cl_why *why)
{
    char *space;
    if (cl_buf_reserve(text, text->max, &space) != CL_OK)
        return cl_fail(CL_ERR_NO_MEMORY, why, "Out of memory.");
    return cl_file_read(path, text, why);
}

/* The first line of the file. */
static enum cl_err
read_secret(const char *path, struct cl_secret *ret_secret, struct cl_why *why)
{
    struct cl_buf text;
    cl_str line, rest;
    cl_buf_init(&text, CL_AL_CONFIG_BYTES_MAX);
    enum cl_err err = read_whole(path, &text, why);
    if (err == CL_OK) {
        (void)cl_str_split(cl_buf_str(&text), '\n', &line, &rest); // one line or more
        line = cl_str_ends(line, CL_STR("\r")) ? cl_str_part(line, 0, line.len - 1) : line;
        if (line.len == 0)
            err =
                cl_fail(CL_ERR_USAGE, why, "The first line of --agent-link-secret-file is empty.");
        else if (cl_secret_init(ret_secret, line) != CL_OK)
            err = cl_fail(CL_ERR_USAGE, why,
                          "The secret in --agent-link-secret-file is longer than %d bytes.",
                          CL_SECRET_BYTES_MAX);
    }
    if (text.ptr != NULL)
        cl_secret_wipe(text.ptr, text.cap);
    cl_buf_done(&text);
    return err;
}

static enum cl_err
read_config(const char *path, struct cl_main_agent_link *kept, struct cl_why *why)
{
    cl_buf_init(&kept->text, CL_AL_CONFIG_BYTES_MAX);
    enum cl_err err = read_whole(path, &kept->text, why);
    if (err == CL_OK && kept->text.len == 0)
        err = cl_fail(CL_ERR_USAGE, why, "The file of --agent-link is empty.");
    return err;
}

/* Both files, as far as there are any. */
static enum cl_err
read_both(struct cl_main_agent_link *kept, struct cl_why *why)
{
    enum cl_err err = kept->file == NULL ? CL_OK : read_config(kept->file, kept, why);
    if (err == CL_OK && kept->secret_file != NULL)
        err = read_secret(kept->secret_file, &kept->secret, why);
    return err;
}

/* They lie where they lay. */
static enum cl_err
reread(void *ctx, struct cl_relay_agent_link *config, struct cl_why *why)
{
    struct cl_main_agent_link *kept = ctx;
    struct cl_main_agent_link fresh = {.file = kept->file, .secret_file = kept->secret_file};
    enum cl_err err = read_both(&fresh, why);
    if (err != CL_OK) {
        cl_main_agent_link_done(&fresh);
        return err;
    }
    cl_main_agent_link_done(kept);
    *kept = fresh;
    cl_secret_wipe(&fresh, sizeof fresh);
    config->text = cl_buf_str(&kept->text);
    return CL_OK;
}

enum cl_err
cl_main_agent_link_read(struct cl_main_agent_link *kept, const struct cl_opts *opts,
                        struct cl_relay_config *config, struct cl_why *why)
{
    struct cl_relay_agent_link *al = &config->agent_link;
    kept->file = option(opts, "agent-link");
    kept->secret_file = option(opts, "agent-link-secret-file");
    al->has_port = option(opts, "agent-link-port") != NULL;
    al->port =
        (uint16_t)cl_opts_number(opts, cl_opts_index(opts->cmd, "agent-link-port"), CL_AL_PORT);
    al->is_on = kept->file != NULL || kept->secret_file != NULL || al->has_port;
    if (al->is_on && kept->file == NULL && kept->secret_file == NULL)
        return cl_fail(CL_ERR_USAGE, why,
                       "--agent-link-port wants a secret: give --agent-link FILE or "
                       "--agent-link-secret-file FILE.");
    enum cl_err err = read_both(kept, why);
    if (err != CL_OK)
        return err;
    warn_about(kept->file, &config->log);
    warn_about(kept->secret_file, &config->log);
    al->file = kept->file;
    al->text = cl_buf_str(&kept->text);
    al->secret = kept->secret_file == NULL ? NULL : &kept->secret;
    al->reread = reread;
    al->reread_ctx = kept;
    return CL_OK;
}

void
cl_main_agent_link_done(struct cl_main_agent_link *kept)
{
    cl_secret_done(&kept->secret);
    if (kept->text.ptr != NULL)
        cl_secret_wipe(kept->text.ptr, kept->text.cap);
    cl_buf_done(&kept->text);
}
