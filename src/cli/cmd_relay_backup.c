// SPDX-License-Identifier: MIT
/*
 * `clawlink relay backup`: has a relay of this machine copy its journal and its blobs, over its
 * admin door.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/run.h"
#include "cli/seek_door.h"
#include "wire/uri.h"

/* How long a copy may take. */
#define WAIT_S 3600

enum { OPTION_FILE, OPTION_SOCKET, OPTION_PORT };

static const struct cl_opt options[] = {
    [OPTION_FILE] = {"file", "FILE", "the copy, which must not exist yet", CL_OPT_REQUIRED},
    [OPTION_SOCKET] = {"admin-socket", "FILE",
                       "the relay's admin socket; default the one that is found", CL_OPT_OPTIONAL},
    [OPTION_PORT] = {"port", "N", "of several relays the one that listens there; default any",
                     CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_number numbers[] = {{"port", 1, UINT16_MAX}, {NULL, 0, 0}};

/* The relay has another folder than this program, and needs the whole path. */
static enum cl_err
put_path(struct cl_buf *out, const char *file, struct cl_why *why)
{
    char folder[CL_CLI_PATH_CAP] = "";
    enum cl_err err = cl_buf_append(out, CL_STR("/backup?file="));
    if (file[0] != '/' && getcwd(folder, sizeof folder) == NULL)
        return cl_fail(CL_ERR_IO, why, "The folder that you are in has no path: %s.",
                       strerror(errno));
    if (err == CL_OK && file[0] != '/')
        err = cl_uri_encode(out, cl_str_z(folder));
    if (err == CL_OK && file[0] != '/')
        err = cl_uri_encode(out, CL_STR("/"));
    if (err == CL_OK)
        err = cl_uri_encode(out, cl_str_z(file));
    if (err != CL_OK)
        return cl_fail(err, why, "The path of --file is too long.");
    return CL_OK;
}

static void
draw(struct cl_page *page, cl_str answer)
{
    cl_page_print(page, "saved in ");
    cl_page_value(page, cl_doc_find(answer, CL_STR("ms")));
    cl_page_print(page, " ms\n");
    cl_str blobs = cl_doc_find(answer, CL_STR("blobs"));
    cl_str folder = cl_doc_find(answer, CL_STR("blobs_folder"));
    if (folder.len == 0) // there are none
        return;
    cl_page_value(page, blobs);
    cl_page_print(page, cl_str_eq(blobs, CL_STR("1")) ? " blob of " : " blobs of ");
    cl_page_value(page, cl_doc_find(answer, CL_STR("blob_bytes")));
    cl_page_print(page, " bytes in ");
    cl_page_value(page, folder);
    cl_page_print(page, "\n");
}

static enum cl_err
run_backup(struct cl_run *run, struct cl_why *why)
{
    struct cl_buf path;
    cl_buf_init(&path, CL_HTTP_TARGET_BYTES_MAX);
    enum cl_err err = put_path(&path, run->opts.values[OPTION_FILE], why);
    if (err == CL_OK)
        err = cl_seek_door(run, run->opts.values[OPTION_SOCKET],
                           cl_opts_number(&run->opts, OPTION_PORT, 0), why);
    const struct cl_client_call call = {.method = "POST",
                                        .path = cl_buf_str(&path),
                                        .wait_s = WAIT_S,
                                        .sign = {"ms", CL_JSON_NUMBER}};
    if (err == CL_OK)
        err = cl_client_call(run->client, &call, &run->answer, why);
    cl_buf_done(&path);
    return err == CL_OK ? cl_run_show(run, draw, why) : err;
}

const struct cl_cmd cl_cmd_relay_backup = {
    .name = "relay backup",
    .summary = "Copy what a relay with --data has, while it serves",
    .is_local = true,
    .options = options,
    .numbers = numbers,
    .notes =
        "The relay writes the file, with its own rights and for its owner alone; its blobs, if it\n"
        "has any, go to a folder beside it, FILE.blobs. To go back to it, put the file as\n"
        "journal.db and the folder as blobs into an empty folder for --data.",
    .examples = "clawlink relay backup --file /var/backups/relay.db",
    .run = run_backup,
};
