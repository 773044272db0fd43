// SPDX-License-Identifier: MIT
#include "cli/run.h"

#include "base/random.h"
#include "wire/json.h"

enum { TO, TASK, CONTEXT, PRIORITY, QUEUE };

static const struct cl_opt options[] = {
    [TO] = {"to", "AGENT", "the agent's id, or its name if only one has it", CL_OPT_REQUIRED},
    [TASK] = {"task", "TEXT", "what is to be done", CL_OPT_REQUIRED},
    [CONTEXT] = {"context", "JSON", "what the task needs to know, a JSON object", CL_OPT_OPTIONAL},
    [PRIORITY] = {"priority", "LEVEL", "low, normal (the default), high or urgent",
                  CL_OPT_OPTIONAL},
    [QUEUE] = {"queue", NULL, "also to an agent that is stale, or to an id that nobody has yet",
               CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static void
draw(struct cl_page *page, cl_str answer)
{
    cl_page_value(page, cl_doc_find(answer, CL_STR("message_id")));
    cl_page_print(page, " delegated, delivery: ");
    cl_page_value(page, cl_doc_find(answer, CL_STR("delivery")));
    cl_page_print(page, "\n");
}

static enum cl_err
check_context(cl_str context, struct cl_why *why)
{
    struct cl_arena arena;
    struct cl_json_scan scan;
    struct cl_why reason = {""};
    cl_hash_key key;
    cl_random_bytes(&key, sizeof key);
    cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    cl_json_scan_init(&scan, &arena, &key);
    enum cl_err err = cl_json_scan_feed(&scan, context, true, &reason);
    cl_arena_done(&arena);
    if (err == CL_OK)
        return CL_OK;
    return cl_fail(CL_ERR_USAGE, why,
                   "--context \"%.*s\" is not a JSON object (%.160s). Write it as "
                   "'{\"name\": \"value\"}'.",
                   CL_STR_ARG(cl_str_part(context, 0, 80)), reason.text);
}

/* By the words of clawlink-v1.md, POST /delegate. */
static enum cl_err
check_priority(cl_str priority, struct cl_why *why)
{
    static const char *const levels[] = {"low", "normal", "high", "urgent"};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (cl_str_eq(priority, cl_str_z(levels[i])))
            return CL_OK;
    return cl_fail(CL_ERR_USAGE, why,
                   "--priority \"%.*s\" is none of low, normal, high and urgent.",
                   CL_STR_ARG(cl_str_part(priority, 0, 80)));
}

static enum cl_err
check_delegate(const struct cl_opts *opts, struct cl_why *why)
{
    enum cl_err err = CL_OK;
    if (opts->values[CONTEXT] != NULL)
        err = check_context(cl_str_z(opts->values[CONTEXT]), why);
    if (err == CL_OK && opts->values[PRIORITY] != NULL)
        err = check_priority(cl_str_z(opts->values[PRIORITY]), why);
    return err;
}

static enum cl_err
send_task(struct cl_run *run, const struct cl_agent_found *to, struct cl_why *why)
{
    struct cl_json_writer json;
    const struct cl_client_sign sign = {"message_id", CL_JSON_STRING};
    cl_run_body(run, &json);
    cl_json_put_member(&json, CL_STR("from_agent"), run->state.agent_id);
    cl_json_put_member(&json, CL_STR("to_agent"), cl_str_z(to->id));
    cl_run_put_option(run, &json, "task", TASK);
    if (run->opts.values[CONTEXT] != NULL) {
        cl_json_put_name(&json, CL_STR("context"));
        cl_json_put_raw(&json, cl_str_strip(cl_run_option(run, CONTEXT)));
    }
    cl_run_put_option(run, &json, "priority", PRIORITY);
    enum cl_err err = cl_run_post(run, &json, "/delegate", sign, why);
    return err == CL_OK ? cl_run_show(run, draw, why) : err;
}

static enum cl_err
run_delegate(struct cl_run *run, struct cl_why *why)
{
    struct cl_agent_found to;
    bool may_queue = run->opts.values[QUEUE] != NULL;
    enum cl_err err = cl_run_find(run, cl_run_option(run, TO), may_queue, &to, why);
    if (err != CL_OK)
        return err;
    if (to.is_stale && !may_queue)
        return cl_fail(
            CL_ERR_STALE, why,
            "\"%.100s\" is stale: agent %.100s is registered, but has been silent for %d "
            "s or more. --queue keeps the task until it comes back.",
            run->opts.values[TO], to.id, CL_AGENT_FRESH_MS / 1000);
    return send_task(run, &to, why);
}

const struct cl_cmd cl_cmd_delegate = {
    .name = "delegate",
    .summary = "Hand a task to another agent",
    .needs_agent = true,
    .options = options,
    .notes = "Prints the message's id first; the response will carry it.",
    .examples = "clawlink delegate --to analyst --task \"Check the numbers in report.md\"\n"
                "clawlink delegate --to 1a2b3c4d --task \"Deploy\" --priority urgent\n"
                "clawlink delegate --to night-shift --queue --task \"Tidy up\" \\\n"
                "    --context '{\"folder\": \"/srv\"}'",
    .check = check_delegate,
    .run = run_delegate,
};
