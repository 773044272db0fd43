// SPDX-License-Identifier: MIT
#include "cli/rows.h"
#include "cli/run.h"
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
    {"POLLED", "polled"},   {"READ", "proven"},
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
    struct cl_json_writer json;
    uint32_t len;
    bool has_time;
    char next[CL_ID_BYTES_MAX + 1]; // go on behind it; empty: that was all
};

static enum cl_err
add_page(struct list *list, cl_str answer, const struct cl_v2_agent_list *page, struct cl_why *why)
{
    struct cl_json_cursor cursor;
    struct cl_json_member agent;
    if (!list->has_time) {
        cl_json_put_member_u64(&list->json, CL_STR("time"), page->time);
        cl_json_put_name(&list->json, CL_STR("agents"));
        cl_json_array_begin(&list->json);
        list->has_time = true;
    }
    cl_json_cursor_init(&cursor, cl_doc_find(answer, CL_STR("agents")));
    while (cl_json_cursor_next(&cursor, &agent))
        cl_json_put_raw(&list->json, agent.value);
    list->len += page->agents.len;
    bool goes_on = page->agents.len > 0 && page->next.len > 0;
    if (!cl_str_copy(list->next, sizeof list->next, goes_on ? page->next : CL_STR("")))
        return cl_fail(CL_ERR_IO, why, "The relay names an agent by more than %d bytes.",
                       CL_ID_BYTES_MAX);
    return CL_OK;
}

static enum cl_err
ask(struct cl_run *run, struct list *list, struct cl_why *why)
{
    struct cl_arena arena;
    struct cl_v2_agent_list page;
    const struct cl_v2_agents params = {.capability = cl_run_option(run, CAPABILITY),
                                        .after = cl_str_z(list->next)};
    const struct cl_call_v2 call = {.method = CL_V2_AGENTS, .params = &params, .arena = &arena};
    cl_arena_init(&arena, CL_CLI_ANSWER_ARENA_BYTES_MAX);
    enum cl_err err = cl_run_call_v2(run, &call, &page, why);
    if (err == CL_OK)
        err = add_page(list, run->answer, &page, why);
    cl_arena_done(&arena);
    return err;
}

static enum cl_err
run_agents(struct cl_run *run, struct cl_why *why)
{
    struct cl_buf text;
    struct list list = {.len = 0};
    cl_buf_init(&text, CL_CLI_PAGE_BYTES_MAX);
    cl_json_writer_init(&list.json, &text);
    cl_json_object_begin(&list.json);
    enum cl_err err = ask(run, &list, why);
    while (err == CL_OK && list.next[0] != '\0')
        err = ask(run, &list, why);
    if (err == CL_OK) {
        cl_json_array_end(&list.json);
        cl_json_object_end(&list.json);
        err = cl_json_writer_end(&list.json);
        if (err != CL_OK)
            err = cl_fail(err, why, "The list could not be kept (%s).", cl_err_wire(err));
    }
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
        "the relay heard of it at all, POLLED when it last asked for messages, READ when it last\n"
        "proved that it has read one: empty means never. Agents of v1 are v1/ID.",
    .examples = "clawlink agents\n"
                "clawlink agents --capability review --json",
    .check = check,
    .run = run_agents,
};
