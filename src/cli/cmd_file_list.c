// SPDX-License-Identifier: MIT
#include "cli/run.h"

#include "wire/json.h"

static const struct cl_opt options[] = {
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_column columns[] = {
    {"KEY", "file_key"},       {"TYPE", "file_type"},
    {"VERSION", "version"},    {"LAST EDITOR", "last_editor"},
    {"UPDATED", "updated_at"},
};

static void
draw(struct cl_page *page, cl_str answer)
{
    cl_page_table(page, cl_doc_find(answer, CL_STR("files")), columns,
                  sizeof columns / sizeof *columns);
}

static enum cl_err
run_file_list(struct cl_run *run, struct cl_why *why)
{
    const struct cl_client_sign sign = {"files", CL_JSON_ARRAY};
    enum cl_err err = cl_run_get(run, CL_STR("/files"), sign, why);
    if (err != CL_OK)
        return err;
    if (cl_json_is_empty_value(cl_doc_find(run->answer, CL_STR("files"))))
        cl_view_note(&run->view, "No file is shared.");
    return cl_run_show(run, draw, why);
}

const struct cl_cmd cl_cmd_file_list = {
    .name = "file-list",
    .summary = "List the shared files",
    .options = options,
    .notes = NULL,
    .examples = "clawlink file-list\n"
                "clawlink file-list --json",
    .run = run_file_list,
};
