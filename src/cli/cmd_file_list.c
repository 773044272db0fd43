// SPDX-License-Identifier: MIT
#include "cli/run.h"

#include "wire/json.h"

static const struct cl_opt options[] = {
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const char *const heads[] = {"KEY", "TYPE", "VERSION", "LAST EDITOR", "UPDATED"};
static const char *const members[] = {"file_key", "file_type", "version", "last_editor",
                                      "updated_at"};
#define COLUMNS (sizeof heads / sizeof *heads)

static void
draw(struct cl_page *page, cl_str answer)
{
    struct cl_grid grid;
    struct cl_json_cursor cursor;
    struct cl_json_member file;
    cl_json_cursor_init(&cursor, cl_doc_find(answer, CL_STR("files")));
    cl_grid_begin(&grid, page, heads, COLUMNS);
    while (cl_json_cursor_next(&cursor, &file))
        for (size_t i = 0; file.type == CL_JSON_OBJECT && i < COLUMNS; i++)
            cl_grid_value(&grid, cl_doc_find(file.value, cl_str_z(members[i])));
    cl_grid_end(&grid);
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
