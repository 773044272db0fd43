// SPDX-License-Identifier: MIT
#include "cli/dead.h"
#include "cli/when.h"

enum { ID, TTL };

static const struct cl_opt options[] = {
    [ID] = {"ID", NULL, "the dead letter; the beginning of its id will do", CL_OPT_WORD},
    [TTL] = {"ttl", "SECONDS",
             "how long it may wait this time, up to 7 days; default:\n"
             "as long as at first",
             CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_number numbers[] = {{"ttl", 1, CL_ENVELOPE_LIFE_S_MAX}, {NULL, 0, 0}};

static void
draw(struct cl_page *page, cl_str answer)
{
    char when[CL_WHEN_CAP];
    cl_when_text(cl_doc_number(answer, "expires"), when);
    cl_page_value(page, cl_doc_find(answer, CL_STR("id")));
    cl_page_print(page, " waits again for ");
    cl_page_value(page, cl_doc_find(answer, CL_STR("to")));
    cl_page_print(page, ", until %.19s UTC\n", when);
}

static enum cl_err
run_dead_retry(struct cl_run *run, struct cl_why *why)
{
    struct cl_arena arena;
    struct cl_v2_retried retried;
    struct cl_v2_dead_retry params = {.agent = cl_me_address(&run->me)};
    const struct cl_call_v2 call = {.method = CL_V2_DEAD_RETRY, .params = &params, .arena = &arena};
    uint64_t ttl_s = cl_opts_number(&run->opts, TTL, 0);
    enum cl_err err = cl_dead_find(run, cl_run_option(run, ID), &params.id, why);
    if (ttl_s > 0 && err == CL_OK)
        err = cl_run_greet(run, cl_me_instance(&run->me), &params.expires, why);
    if (err != CL_OK)
        return err;
    params.expires += ttl_s * 1000; // 0: as long as at first
    cl_arena_init(&arena, CL_CLI_ANSWER_ARENA_BYTES_MAX);
    err = cl_run_call_v2(run, &call, &retried, why);
    cl_arena_done(&arena);
    if (err == CL_ERR_NOT_FOUND)
        return cl_dead_unknown(run, params.id, why);
    return err == CL_OK ? cl_run_show(run, draw, why) : err;
}

static enum cl_err
check(const struct cl_opts *opts, struct cl_why *why)
{
    struct cl_wanted ignored;
    return cl_wanted_read(cl_str_z(opts->values[ID]), &ignored, why);
}

const struct cl_cmd cl_cmd_dead_retry = {
    .name = "dead retry",
    .summary = "Queue a dead letter again",
    .needs_me = true,
    .options = options,
    .numbers = numbers,
    .notes = "It stands behind all that waits, with its old id, and nobody has tried it yet.",
    .examples = "clawlink dead retry AAECAwQFBgcICQoLDA0ODw\n"
                "clawlink dead retry AAECAwQF --ttl 3600",
    .check = check,
    .run = run_dead_retry,
};
