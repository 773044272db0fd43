// SPDX-License-Identifier: MIT
#include "cli/run.h"

#include <string.h>

#include "base/utf8.h"
#include "cli/file.h"

enum { KEY, FILE_OPTION, TYPE };

static const struct cl_opt options[] = {
    [KEY] = {"key", "KEY", "the name that others fetch it by", CL_OPT_REQUIRED},
    [FILE_OPTION] = {"file", "FILE", "what to share; - reads standard input", CL_OPT_REQUIRED},
    [TYPE] = {"type", "TYPE", "what kind of text it is; default text", CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static void
draw(struct cl_page *page, cl_str answer)
{
    cl_page_value(page, cl_doc_find(answer, CL_STR("status")));
    cl_page_print(page, " as version ");
    cl_page_value(page, cl_doc_find(answer, CL_STR("version")));
    cl_page_print(page, "\n");
}

static enum cl_err
put(struct cl_run *run, cl_str content, struct cl_why *why)
{
    struct cl_json_writer json;
    const struct cl_client_sign sign = {"version", CL_JSON_NUMBER};
    if (!cl_utf8_is_valid(content))
        return cl_fail(CL_ERR_USAGE, why,
                       "\"%.200s\" is not UTF-8 text, and a relay shares text only. Encode it "
                       "first, for instance with base64.",
                       run->opts.values[FILE_OPTION]);
    cl_run_body(run, &json);
    cl_json_put_member(&json, CL_STR("agent_id"), run->state.agent_id);
    cl_run_put_option(run, &json, "file_key", KEY);
    cl_run_put_option(run, &json, "file_type", TYPE);
    cl_json_put_member(&json, CL_STR("content"), content);
    enum cl_err err = cl_run_post(run, &json, "/files", sign, why);
    return err == CL_OK ? cl_run_show(run, draw, why) : err;
}

static enum cl_err
run_file_put(struct cl_run *run, struct cl_why *why)
{
    struct cl_buf content;
    cl_buf_init(&content, CL_HTTP_BODY_BYTES_MAX);
    const char *path = run->opts.values[FILE_OPTION];
    enum cl_err err = strcmp(path, "-") == 0 ? cl_file_read_stdin(&content, why)
                                             : cl_file_read(path, &content, why);
    if (err == CL_OK)
        err = put(run, cl_buf_str(&content), why);
    cl_buf_done(&content);
    return err;
}

const struct cl_cmd cl_cmd_file_put = {
    .name = "file-put",
    .summary = "Share a text file with all agents",
    .needs_agent = true,
    .options = options,
    .notes = "Every byte is kept. The file must be UTF-8 and, with its call, smaller than 1 MiB.\n"
             "Whoever puts last wins; the version counts up.",
    .examples = "clawlink file-put --key report.md --file ./report.md --type markdown\n"
                "date | clawlink file-put --key last-run --file -",
    .run = run_file_put,
};
