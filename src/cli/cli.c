// SPDX-License-Identifier: MIT
#include "cli/cli.h"

#include "cli/help.h"
#include "cli/run.h"

static enum cl_err
print(cl_draw_fn *draw, const char *subject, struct cl_why *why)
{
    struct cl_view view = {.kind = &cl_view_text, .results = stdout, .talk = stderr};
    return cl_view_result(&view, cl_str_z(subject), draw, why);
}

/* No verb: a person who does not know yet what there is, or a program that is wrong. */
static enum cl_err
greet(const struct cl_opts *opts, struct cl_why *why)
{
    struct cl_view view = {.kind = &cl_view_text, .results = stderr, .talk = stderr};
    enum cl_err err = opts->globals[CL_GLOBAL_JSON] != NULL
                          ? CL_OK
                          : cl_view_result(&view, CL_STR(""), cl_help_all, why);
    return err != CL_OK ? err
                        : cl_fail(CL_ERR_USAGE, why,
                                  "No verb was given: `clawlink register "
                                  "--name NAME` is how an agent begins.");
}

static enum cl_err
run_verb(const struct cl_opts *opts, struct cl_why *why)
{
    struct cl_run run;
    enum cl_err err = CL_OK;
    if (opts->cmd->check != NULL)
        err = opts->cmd->check(opts, why);
    if (err == CL_OK && opts->globals[CL_GLOBAL_RELAY] != NULL)
        err = cl_client_check_url(cl_str_z(opts->globals[CL_GLOBAL_RELAY]), why);
    if (err != CL_OK)
        return err;
    err = cl_run_init(&run, opts, why);
    if (err == CL_OK)
        err = opts->cmd->run(&run, why);
    cl_run_done(&run);
    return err;
}

static enum cl_err
run_words(struct cl_opts *opts, cl_cli_relay_fn *relay, struct cl_why *why)
{
    if (opts->globals[CL_GLOBAL_VERSION] != NULL)
        return print(cl_help_version, "", why);
    if (opts->wants_help)
        return opts->cmd == NULL ? print(cl_help_all, "", why)
                                 : print(cl_help_verb, opts->cmd->name, why);
    if (opts->cmd == NULL)
        return greet(opts, why);
    enum cl_err err = cl_opts_check(opts, why);
    if (err != CL_OK)
        return err;
    return opts->cmd->run == NULL ? relay(opts, why) : run_verb(opts, why);
}

/* Asked for before the words are understood, so that also their errors have the right form. */
static bool
wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (cl_str_eq(cl_str_z(argv[i]), CL_STR("--json")))
            return true;
    return false;
}

int
cl_cli_main(int argc, char **argv, cl_cli_relay_fn *relay)
{
    struct cl_opts opts;
    struct cl_why why = {""};
    enum cl_err err = cl_opts_parse(argc, argv, &opts, &why);
    if (err == CL_OK)
        err = run_words(&opts, relay, &why);
    if (err != CL_OK) {
        struct cl_view view = {.kind = wants_json(argc, argv) ? &cl_view_json : &cl_view_text,
                               .results = stdout,
                               .talk = stderr};
        cl_view_fail(&view, err, &why);
    }
    return cl_err_exit(err);
}
