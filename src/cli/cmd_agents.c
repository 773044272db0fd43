// SPDX-License-Identifier: MIT
#include "cli/rows.h"
#include "cli/walk.h"
#include "proto/address.h"
#include "wire/json.h"

enum { CAPABILITY };

static const struct cl_opt options[] = {
    [CAPABILITY] = {"capability", "NAME", "only those that offer it", CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_column columns[] = {
    {"ADDRESS", "agent"},   {"NAME", "name"},
    {"STATUS", "status"},   {"HEARD", "heard"},
    {"POLLED", "polled"},   {"ACKED", "proven"},
    {"WAITING", "waiting"}, {"CAPABILITIES", "capabilities"},
};

/* -- drawing ----------------------------------------------------------------------------------- */

/* "online" without a connection is somebody who asks now and then. */
static const char *
status_of(cl_str agent)
{
    bool is_connected = cl_str_eq(cl_doc_find(agent, CL_STR("connected")), CL_STR("true"));
    bool is_stale = cl_json_string_is(cl_doc_find(agent, CL_STR("status")), CL_STR("stale"));
    if (is_stale)
        return is_connected ? "stale, connected" : "stale";
    return is_connected ? "connected" : "online";
}

static void
put_row(struct cl_json_writer *row, cl_str agent, uint64_t now)
{
    cl_row_copy(row, agent, "agent");
    cl_row_copy(row, agent, "name");
    cl_json_put_member(row, CL_STR("status"), cl_str_z(status_of(agent)));
    cl_row_age(row, agent, "heard", now);
    cl_row_age(row, agent, "polled", now);
    cl_row_age(row, agent, "proven", now);
    cl_row_copy(row, agent, "waiting");
    cl_row_copy(row, agent, "capabilities");
}

static void
draw(struct cl_page *page, cl_str answer)
{
    static const struct cl_rows rows = {"agents", put_row, columns,
                                        sizeof columns / sizeof *columns};
    cl_rows_draw(page, answer, &rows);
}

/* -- asking ------------------------------------------------------------------------------------ */

/* All answers as one. */
struct list {
    struct cl_run *run;
    struct cl_json_writer json;
    struct cl_v2_agents params;
    uint32_t len;
    bool has_time;
    char next[CL_ID_BYTES_MAX + 1]; // go on behind it
};

static enum cl_err
add_page(void *ctx, const struct cl_envelope_reader *reader, const void *result,
         struct cl_buf *ret_place, struct cl_why *why)
{
    struct list *list = ctx;
    struct cl_json_cursor cursor;
    struct cl_json_member agent;
    const struct cl_v2_agent_list *page = result;
    (void)reader;
    if (!list->has_time) {
        cl_json_put_member_u64(&list->json, CL_STR("time"), page->time);
        cl_json_put_name(&list->json, CL_STR("agents"));
        cl_json_array_begin(&list->json);
        list->has_time = true;
    }
    cl_json_cursor_init(&cursor, cl_doc_find(list->run->answer, CL_STR("agents")));
    while (cl_json_cursor_next(&cursor, &agent))
        cl_json_put_raw(&list->json, agent.value);
    list->len += page->agents.len;
    if (page->agents.len == 0 || page->next.len == 0 || list->json.err != CL_OK)
        return CL_OK;
    if (!cl_str_copy(list->next, sizeof list->next, page->next))
        return cl_fail(CL_ERR_IO, why, "The relay names an agent by more than %d bytes.",
                       CL_ID_BYTES_MAX);
    list->params.after = cl_str_z(list->next);
    return cl_buf_append(ret_place, list->params.after);
}

static enum cl_err
list_all(struct list *list, struct cl_why *why)
{
    const struct cl_walk walk = {
        .method = CL_V2_AGENTS, .params = &list->params, .fn = add_page, .ctx = list};
    cl_json_object_begin(&list->json);
    enum cl_err err = cl_walk(list->run, &walk, why);
    if (err != CL_OK)
        return err;
    cl_json_array_end(&list->json);
    cl_json_object_end(&list->json);
    err = cl_json_writer_end(&list->json);
    return err == CL_OK ? CL_OK
                        : cl_fail(err, why, "The list could not be kept (%s).", cl_err_wire(err));
}

static enum cl_err
run_agents(struct cl_run *run, struct cl_why *why)
{
    struct cl_buf text;
    struct list list = {.run = run, .params = {.capability = cl_run_option(run, CAPABILITY)}};
    cl_buf_init(&text, CL_CLI_PAGE_BYTES_MAX);
    cl_json_writer_init(&list.json, &text);
    enum cl_err err = list_all(&list, why);
    if (err == CL_OK && list.len == 0)
        cl_view_note(&run->view, run->opts.values[CAPABILITY] == NULL
                                     ? "No agent is known."
                                     : "No agent that is known offers that.");
    run->answer = cl_buf_str(&text);
    if (err == CL_OK)
        err = cl_run_show(run, draw, why);
    run->answer = CL_STR("");
    cl_buf_done(&text);
    return err;
}

static enum cl_err
check(const struct cl_opts *opts, struct cl_why *why)
{
    const char *capability = opts->values[CAPABILITY];
    if (capability == NULL || cl_name_is_valid(cl_str_z(capability)))
        return CL_OK;
    return cl_fail(CL_ERR_USAGE, why,
                   "--capability \"%.80s\" is no name: it takes 1 to %d letters, digits, '.', '_' "
                   "and '-'.",
                   capability, CL_NAME_BYTES_MAX);
}

const struct cl_cmd cl_cmd_agents = {
    .name = "agents",
    .summary = "List the agents that can be sent to, and how alive they are",
    .options = options,
    .notes =
        "STATUS is connected, online (heard of less than 120 seconds ago) or stale. HEARD is when\n"
        "the relay heard of it at all, POLLED when it last asked for messages, ACKED when it last\n"
        "acknowledged one: empty means never. Agents of v1 are v1/ID.",
    .examples = "clawlink agents\n"
                "clawlink agents --capability review --json",
    .check = check,
    .run = run_agents,
};
