// SPDX-License-Identifier: MIT
#include "cli/run.h"

enum { CONTENT, TOPIC, TAGS };

static const struct cl_opt options[] = {
    [CONTENT] = {"content", "TEXT", "what all others should know", CL_OPT_REQUIRED},
    [TOPIC] = {"topic", "TOPIC", "what it is about; default general", CL_OPT_OPTIONAL},
    [TAGS] = {"tags", "A,B", "words to find it by", CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static void
draw(struct cl_page *page, cl_str answer)
{
    cl_page_value(page, cl_doc_find(answer, CL_STR("message_id")));
    cl_page_print(page, " broadcast, recipients: ");
    cl_page_value(page, cl_doc_find(answer, CL_STR("recipients")));
    cl_page_print(page, "\n");
}

static enum cl_err
run_broadcast(struct cl_run *run, struct cl_why *why)
{
    struct cl_json_writer json;
    cl_run_body(run, &json);
    cl_json_put_member(&json, CL_STR("from_agent"), run->state.agent_id);
    cl_run_put_option(run, &json, "content", CONTENT);
    cl_run_put_option(run, &json, "topic", TOPIC);
    if (run->opts.values[TAGS] != NULL) {
        cl_json_put_name(&json, CL_STR("tags"));
        cl_run_put_list(&json, cl_run_option(run, TAGS));
    }
    const struct cl_client_sign sign = {"message_id", CL_JSON_STRING};
    enum cl_err err = cl_run_post(run, &json, "/broadcast", sign, why);
    return err == CL_OK ? cl_run_show(run, draw, why) : err;
}

const struct cl_cmd cl_cmd_broadcast = {
    .name = "broadcast",
    .summary = "Share knowledge with every other agent",
    .needs_agent = true,
    .options = options,
    .notes = "Every agent that is registered gets it, stale ones when they come back.",
    .examples = "clawlink broadcast --content \"The staging database is down until noon\"\n"
                "clawlink broadcast --topic findings --tags paper,2024 --content \"See notes.md\"",
    .run = run_broadcast,
};
