// SPDX-License-Identifier: MIT
#include "cli/run.h"

#include "wire/json.h"

enum { STALE };

static const struct cl_opt options[] = {
    [STALE] = {"stale", NULL, "also those that have been silent for 120 seconds or more",
               CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_column columns[] = {
    {"ID", "agent_id"},     {"NAME", "name"},
    {"STATUS", "status"},   {"CAPABILITIES", "capabilities"},
    {"MACHINE", "machine"}, {"DESCRIPTION", "description"},
};

static void
draw(struct cl_page *page, cl_str answer)
{
    cl_page_table(page, cl_doc_find(answer, CL_STR("agents")), columns,
                  sizeof columns / sizeof *columns);
}

static enum cl_err
run_discover(struct cl_run *run, struct cl_why *why)
{
    const struct cl_client_sign sign = {"agents", CL_JSON_ARRAY};
    bool stale = run->opts.values[STALE] != NULL;
    enum cl_err err =
        cl_run_get(run, stale ? CL_STR("/discover?stale=1") : CL_STR("/discover"), sign, why);
    if (err != CL_OK)
        return err;
    if (cl_json_is_empty_value(cl_doc_find(run->answer, CL_STR("agents"))))
        cl_view_note(&run->view, stale
                                     ? "No agent is registered."
                                     : "No agent is online. --stale lists those that are silent.");
    return cl_run_show(run, draw, why);
}

const struct cl_cmd cl_cmd_discover = {
    .name = "discover",
    .summary = "List the agents that are online",
    .options = options,
    .notes = "Registering, polling, heartbeats and an open WebSocket keep an agent online.",
    .examples = "clawlink discover\n"
                "clawlink discover --stale --json",
    .run = run_discover,
};
