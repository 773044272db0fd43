// SPDX-License-Identifier: MIT
#include "cli/run.h"

enum { TO, MSG_ID, RESULT, STATUS, QUEUE };

static const struct cl_opt options[] = {
    [TO] = {"to", "AGENT", "who gave the task: its id, or its name if only one has it",
            CL_OPT_REQUIRED},
    [MSG_ID] = {"msg-id", "ID", "the task's message id, as poll shows it", CL_OPT_REQUIRED},
    [RESULT] = {"result", "TEXT", "what came of it", CL_OPT_REQUIRED},
    [STATUS] = {"status", "STATUS", "completed (the default), in_progress or failed",
                CL_OPT_OPTIONAL},
    [QUEUE] = {"queue", NULL, "also to an id that nobody has at the moment", CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static void
draw(struct cl_page *page, cl_str answer)
{
    cl_page_print(page, "response sent, delivery: ");
    cl_page_value(page, cl_doc_find(answer, CL_STR("delivery")));
    cl_page_print(page, "\n");
}

/* Unlike a task, a response goes to a stale agent as well: the work is done, and who gave it
 * may well poll but once an hour. */
static enum cl_err
run_respond(struct cl_run *run, struct cl_why *why)
{
    struct cl_agent_found to;
    struct cl_json_writer json;
    const struct cl_client_sign sign = {"status", CL_JSON_STRING};
    bool may_queue = run->opts.values[QUEUE] != NULL;
    enum cl_err err = cl_run_find(run, cl_run_option(run, TO), may_queue, &to, why);
    if (err != CL_OK)
        return err;
    if (to.is_stale)
        cl_view_note(&run->view, "Agent %.100s is stale: the response waits until it comes back.",
                     to.id);
    cl_run_body(run, &json);
    cl_json_put_member(&json, CL_STR("from_agent"), run->state.agent_id);
    cl_json_put_member(&json, CL_STR("to_agent"), cl_str_z(to.id));
    cl_run_put_option(run, &json, "message_id", MSG_ID);
    cl_run_put_option(run, &json, "result", RESULT);
    cl_run_put_option(run, &json, "status", STATUS);
    err = cl_run_post(run, &json, "/respond", sign, why);
    return err == CL_OK ? cl_run_show(run, draw, why) : err;
}

const struct cl_cmd cl_cmd_respond = {
    .name = "respond",
    .summary = "Answer a task",
    .needs_agent = true,
    .options = options,
    .notes = NULL,
    .examples = "clawlink respond --to researcher --msg-id 3f2a91c0d4e5 --result \"All correct\"\n"
                "clawlink respond --to 1a2b3c4d --msg-id 3f2a91c0d4e5 --status failed \\\n"
                "    --result \"report.md is empty\"",
    .run = run_respond,
};
