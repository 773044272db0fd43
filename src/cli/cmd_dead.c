// SPDX-License-Identifier: MIT
#include "base/clock.h"
#include "cli/dead.h"
#include "cli/rows.h"
#include "wire/json.h"

enum { LIMIT };

static const struct cl_opt options[] = {
    [LIMIT] = {"limit", "N", "how many to show, 1 to 1000, the newest; default 50",
               CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_number numbers[] = {{"limit", 1, CL_V2_PAGE_MAX}, {NULL, 0, 0}};

/* Letters when nothing else was said. */
#define LIMIT_DEFAULT 50

static const struct cl_column columns[] = {
    {"ID", "id"},         {"FROM", "from"},     {"TO", "to"},      {"OUTCOME", "outcome"},
    {"REASON", "reason"}, {"BACK", "attempts"}, {"SIZE", "bytes"}, {"AGE", "at"},
};

static void
put_row(struct cl_json_writer *row, cl_str dead, uint64_t now)
{
    cl_row_copy(row, dead, "id");
    cl_row_copy(row, dead, "from");
    cl_row_copy(row, dead, "to");
    cl_row_copy(row, dead, "outcome");
    cl_row_copy(row, dead, "reason");
    cl_row_count(row, dead, "attempts");
    cl_row_size(row, dead, "bytes");
    cl_row_age(row, dead, "at", now);
}

static void
draw(struct cl_page *page, cl_str answer)
{
    static const struct cl_rows rows = {"dead", put_row, columns, sizeof columns / sizeof *columns};
    cl_rows_draw(page, answer, &rows);
}

struct list {
    struct cl_json_writer json;
    uint64_t len;
};

static bool
add_to_list(void *ctx, const struct cl_v2_dead *dead, cl_str json)
{
    struct list *list = ctx;
    (void)dead;
    cl_json_put_raw(&list->json, json);
    list->len++;
    return list->json.err == CL_OK;
}

/* {"time","dead":[...]} */
static enum cl_err
write_list(struct cl_run *run, struct cl_buf *text, struct cl_why *why)
{
    struct list list = {.len = 0};
    struct cl_dead_walk walk = {
        .fn = add_to_list, .ctx = &list, .max = cl_opts_number(&run->opts, LIMIT, LIMIT_DEFAULT)};
    cl_json_writer_init(&list.json, text);
    cl_json_object_begin(&list.json);
    cl_json_put_member_u64(&list.json, CL_STR("time"), (uint64_t)cl_clock_wall().ms);
    cl_json_put_name(&list.json, CL_STR("dead"));
    cl_json_array_begin(&list.json);
    enum cl_err err = cl_dead_walk(run, &walk, why);
    if (err != CL_OK)
        return err;
    cl_json_array_end(&list.json);
    cl_json_object_end(&list.json);
    if (list.len == 0)
        cl_view_note(&run->view, "No dead letters from %.*s or for it.",
                     CL_STR_ARG(cl_me_address(&run->me)));
    else if (walk.has_more)
        cl_view_note(&run->view, "These are the newest %llu; there are more (--limit).",
                     (unsigned long long)list.len);
    err = cl_json_writer_end(&list.json);
    return err == CL_OK ? CL_OK
                        : cl_fail(err, why, "The list could not be kept (%s).", cl_err_wire(err));
}

static enum cl_err
run_dead(struct cl_run *run, struct cl_why *why)
{
    struct cl_buf text;
    cl_buf_init(&text, CL_CLI_PAGE_BYTES_MAX);
    enum cl_err err = write_list(run, &text, why);
    if (err == CL_OK)
        err = cl_view_result(&run->view, cl_buf_str(&text), draw, why);
    cl_buf_done(&text);
    return err;
}

const struct cl_cmd cl_cmd_dead = {
    .name = "dead",
    .summary = "List the messages from me or for me that nobody took",
    .needs_me = true,
    .options = options,
    .numbers = numbers,
    .notes =
        "A message that expired, was refused, or came back too often is a dead letter, and kept\n"
        "for 7 days. `dead show`, `dead retry` and `dead drop` say what becomes of one. BACK is\n"
        "how often it came back, SIZE what the relay keeps of it, its envelope included.",
    .examples = "clawlink dead\n"
                "clawlink dead --limit 1000 --json",
    .run = run_dead,
};
