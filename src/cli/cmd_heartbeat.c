// SPDX-License-Identifier: MIT
#include "cli/run.h"

/* An hour is as long as anybody may want to be taken for alive. */
#define EVERY_MAX_S 3600

enum { EVERY };

static const struct cl_opt options[] = {
    [EVERY] = {"every", "SECONDS",
               "go on, one heartbeat each so many seconds, 1 to 3600;\n"
               "default: one, and no more",
               CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_number numbers[] = {{"every", 1, EVERY_MAX_S}, {NULL, 0, 0}};

static void
draw(struct cl_page *page, cl_str answer)
{
    cl_page_value(page, cl_doc_find(answer, CL_STR("status")));
    cl_page_print(page, "\n");
}

static enum cl_err
beat(struct cl_run *run, struct cl_why *why)
{
    enum cl_err err = cl_run_heartbeat(run, why);
    return err == CL_OK ? cl_run_show(run, draw, why) : err;
}

static enum cl_err
beat_on(struct cl_run *run, uint32_t every_ms, struct cl_why *why)
{
    struct cl_outage outage = {0};
    enum cl_err err = cl_client_exit_on_signals(run->client, 0);
    while (err == CL_OK) {
        err = cl_run_heartbeat(run, why);
        if (err != CL_OK) {
            err = cl_outage_wait(&outage, run, err, why) ? CL_OK : err;
            continue;
        }
        cl_outage_over(&outage, run);
        err = cl_run_show(run, draw, why);
        if (err == CL_OK)
            cl_client_pause(run->client, every_ms);
    }
    return err;
}

static enum cl_err
run_heartbeat(struct cl_run *run, struct cl_why *why)
{
    uint64_t every_s = cl_opts_number(&run->opts, EVERY, 0);
    return every_s == 0 ? beat(run, why) : beat_on(run, (uint32_t)every_s * 1000, why);
}

const struct cl_cmd cl_cmd_heartbeat = {
    .name = "heartbeat",
    .summary = "Tell the relay that this agent is alive",
    .needs_agent = true,
    .options = options,
    .numbers = numbers,
    .notes = "An agent that says nothing for 120 seconds counts as stale. A relay that does not\n"
             "know the agent is told who it is. With --every an outage is waited out, and Ctrl-C\n"
             "ends with status 0.",
    .examples = "clawlink heartbeat\n"
                "clawlink heartbeat --every 60",
    .run = run_heartbeat,
};
