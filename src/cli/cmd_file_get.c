// SPDX-License-Identifier: MIT
#include "cli/run.h"

#include <string.h>

#include "cli/file.h"
#include "wire/json.h"
#include "wire/uri.h"

enum { KEY, OUTPUT };

static const struct cl_opt options[] = {
    [KEY] = {"key", "KEY", "the file's name, as file-list shows it", CL_OPT_REQUIRED},
    [OUTPUT] = {"output", "FILE", "where to write it; default -, which is standard output",
                CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

/* To a file or a pipe every byte as it is; to a terminal nothing that could drive it. */
static void
draw_content(struct cl_page *page, cl_str answer)
{
    struct cl_arena arena;
    cl_str text;
    cl_str content = cl_doc_find(answer, CL_STR("content"));
    if (page->is_terminal || cl_json_type_of(content) != CL_JSON_STRING) {
        cl_page_block(page, content, "");
        return;
    }
    cl_arena_init(&arena, CL_HTTP_ANSWER_BYTES_MAX);
    enum cl_err err = cl_json_string(content, &arena, &text);
    if (err == CL_OK)
        cl_page_raw(page, text);
    else
        page->err = err;
    cl_arena_done(&arena);
}

static void
draw_saved(struct cl_page *page, cl_str answer)
{
    cl_page_value(page, cl_doc_find(answer, CL_STR("file_key")));
    cl_page_print(page, " version ");
    cl_page_value(page, cl_doc_find(answer, CL_STR("version")));
    cl_page_print(page, " saved\n");
}

static enum cl_err
save(struct cl_run *run, const char *output, struct cl_why *why)
{
    struct cl_page page;
    cl_page_init(&page, SIZE_MAX, false);
    draw_content(&page, run->answer);
    enum cl_err err = page.err;
    if (err == CL_OK)
        err = cl_file_write(output, cl_file_mode(output), cl_buf_str(&page.buf), why);
    else
        err = cl_fail(err, why, "The file could not be read (%s).", cl_err_wire(err));
    cl_page_done(&page);
    return err == CL_OK ? cl_run_show(run, draw_saved, why) : err;
}

static enum cl_err
fetch(struct cl_run *run, struct cl_why *why)
{
    const struct cl_client_sign sign = {"file_key", CL_JSON_STRING};
    struct cl_buf path;
    cl_buf_init(&path, CL_HTTP_TARGET_BYTES_MAX);
    enum cl_err err = cl_buf_append(&path, CL_STR("/files/"));
    if (err == CL_OK)
        err = cl_uri_encode(&path, cl_run_option(run, KEY));
    if (err != CL_OK)
        err = cl_fail(err, why, "The key does not fit into a request: it has %zu bytes.",
                      cl_run_option(run, KEY).len);
    else
        err = cl_run_get(run, cl_buf_str(&path), sign, why);
    cl_buf_done(&path);
    if (err == CL_ERR_NO_FILE || (err == CL_ERR_NOT_FOUND && cl_client_status(run->client) == 404))
        return cl_fail(
            err, why,
            "No such file: nothing is shared as \"%.200s\" at %.*s. `clawlink file-list` "
            "shows the keys.",
            run->opts.values[KEY], CL_STR_ARG(cl_client_url_shown(run->client)));
    return err;
}

static enum cl_err
run_file_get(struct cl_run *run, struct cl_why *why)
{
    const char *output = run->opts.values[OUTPUT];
    enum cl_err err = fetch(run, why);
    if (err != CL_OK)
        return err;
    return output == NULL || strcmp(output, "-") == 0 ? cl_run_show(run, draw_content, why)
                                                      : save(run, output, why);
}

const struct cl_cmd cl_cmd_file_get = {
    .name = "file-get",
    .summary = "Fetch a shared file",
    .options = options,
    .notes = "Every byte is kept; a terminal is shown control characters as \\u{1b}. --output\n"
             "replaces a file as a whole or not at all. --json prints the record with its\n"
             "content.",
    .examples = "clawlink file-get --key report.md --output report.md\n"
                "clawlink file-get --key notes/today | less",
    .run = run_file_get,
};
