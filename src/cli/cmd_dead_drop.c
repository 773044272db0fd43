// SPDX-License-Identifier: MIT
#include "cli/dead.h"

enum { ID };

static const struct cl_opt options[] = {
    [ID] = {"ID", NULL, "the dead letters; the beginning of an id will do", CL_OPT_WORDS},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static void
draw(struct cl_page *page, cl_str answer)
{
    cl_page_value(page, cl_doc_find(answer, CL_STR("id")));
    cl_page_print(page, " dropped\n");
}

static enum cl_err
drop(struct cl_run *run, cl_id id, struct cl_why *why)
{
    char text[CL_ID_TEXT_CAP], answer[CL_ID_TEXT_CAP + 32];
    struct cl_arena arena;
    struct cl_v2_nothing nothing;
    const struct cl_v2_dead_drop params = {.agent = cl_me_address(&run->me), .id = id};
    const struct cl_call_v2 call = {.method = CL_V2_DEAD_DROP, .params = &params, .arena = &arena};
    cl_arena_init(&arena, CL_CLI_ANSWER_ARENA_BYTES_MAX);
    enum cl_err err = cl_run_call_v2(run, &call, &nothing, why);
    cl_arena_done(&arena);
    if (err == CL_ERR_NOT_FOUND)
        return cl_dead_unknown(run, id, why);
    if (err != CL_OK)
        return err;
    cl_id_text(id, text);
    (void)snprintf(answer, sizeof answer, "{\"id\":\"%s\",\"dropped\":true}", text); // it fits
    return cl_view_result(&run->view, cl_str_z(answer), draw, why);
}

/* All of them are found before the first is dropped. */
static enum cl_err
run_dead_drop(struct cl_run *run, struct cl_why *why)
{
    cl_id ids[CL_OPTS_MORE_MAX + 1];
    const char *word;
    size_t len = 0;
    enum cl_err err = CL_OK;
    for (; err == CL_OK && (word = cl_opts_nth(&run->opts, ID, len)) != NULL; len++)
        err = cl_dead_find(run, cl_str_z(word), &ids[len], why);
    for (size_t i = 0; err == CL_OK && i < len; i++)
        err = drop(run, ids[i], why);
    return err;
}

static enum cl_err
check(const struct cl_opts *opts, struct cl_why *why)
{
    const char *word;
    struct cl_wanted ignored;
    enum cl_err err = CL_OK;
    for (size_t i = 0; err == CL_OK && (word = cl_opts_nth(opts, ID, i)) != NULL; i++)
        err = cl_wanted_read(cl_str_z(word), &ignored, why);
    return err;
}

const struct cl_cmd cl_cmd_dead_drop = {
    .name = "dead drop",
    .summary = "Forget dead letters",
    .needs_me = true,
    .options = options,
    .notes = NULL,
    .examples = "clawlink dead drop AAECAwQFBgcICQoLDA0ODw",
    .check = check,
    .run = run_dead_drop,
};
