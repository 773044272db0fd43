// SPDX-License-Identifier: MIT
#include "cli/run.h"

#include "cli/page.h"
#include "proto/v2_words.h"
#include "wire/json.h"

enum { NAME, CAPS, DESCRIPTION, ID };

static const struct cl_opt options[] = {
    [NAME] = {"name", "NAME",
              "what others call the agent; else what it was called before,\n"
              "the name in --as, or one that the relay makes",
              CL_OPT_OPTIONAL},
    [CAPS] = {"caps", "A,B", "what it can do, for others to read", CL_OPT_OPTIONAL},
    [DESCRIPTION] = {"description", "TEXT", "who it is, in a sentence", CL_OPT_OPTIONAL},
    [ID] = {"id", "ID",
            "its id; else the one it had before, or INSTANCE/NAME, or\n"
            "where somebody has that already one that the relay makes",
            CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static void
draw(struct cl_page *page, cl_str answer)
{
    cl_str agent = cl_doc_find(answer, CL_STR("agent"));
    cl_page_value(page, cl_doc_find(agent, CL_STR("agent_id")));
    cl_page_print(page, " registered as ");
    cl_page_value(page, cl_doc_find(agent, CL_STR("name")));
    cl_page_print(page, "\n");
}

/* Writes one JSON value into run->body and keeps it in *field. */
static enum cl_err
keep_json(struct cl_run *run, cl_str text, bool is_list, cl_str *field)
{
    struct cl_json_writer json;
    cl_buf_clear(&run->body);
    cl_json_writer_init(&json, &run->body);
    if (is_list)
        cl_run_put_list(&json, text);
    else
        cl_json_put_string(&json, text);
    enum cl_err err = cl_json_writer_end(&json);
    return err == CL_OK ? cl_state_keep(&run->state, cl_buf_str(&run->body), field) : err;
}

/* It is the same agent, whatever it is called now. */
static void
say_renamed(struct cl_run *run, cl_str before)
{
    if (cl_str_eq(before, run->state.agent_name))
        return;
    cl_view_note(&run->view,
                 "Agent %.*s was \"%.*s\" before and keeps its id and its messages. For a second "
                 "agent on this machine add --as NAME.",
                 CL_STR_ARG(cl_str_part(run->state.agent_id, 0, 64)),
                 CL_STR_ARG(cl_str_part(before, 0, 64)));
}

static enum cl_err
take_options(struct cl_run *run)
{
    struct cl_state *state = &run->state;
    enum cl_err err = CL_OK;
    const char *as = run->opts.globals[CL_GLOBAL_AS];
    if (run->opts.values[NAME] != NULL)
        state->agent_name = cl_run_option(run, NAME);
    else if (state->agent_name.len == 0)
        state->agent_name = cl_str_z(as);
    if (run->opts.values[ID] != NULL)
        state->agent_id = cl_run_option(run, ID);
    if (run->opts.values[CAPS] != NULL)
        err = keep_json(run, cl_run_option(run, CAPS), true, &state->capabilities);
    if (err == CL_OK && run->opts.values[DESCRIPTION] != NULL)
        err = keep_json(run, cl_run_option(run, DESCRIPTION), false, &state->description);
    return err;
}

/* -- an id that protocol v2 knows the agent by as well ----------------------------------------- */

/* Somebody has that id: another agent, or this one before its state was lost. */
static enum cl_err
ask_taken(struct cl_run *run, cl_str id, bool *ret_is_taken, struct cl_why *why)
{
    const struct cl_client_sign sign = {"agents", CL_JSON_ARRAY};
    struct cl_agent_found found;
    struct cl_why reason;
    enum cl_err err = cl_run_get(run, CL_STR("/discover?stale=1"), sign, why);
    if (err != CL_OK)
        return err;
    *ret_is_taken = cl_agents_find(run->answer, id, &found, &reason) == CL_OK;
    return CL_OK;
}

/* Its address in v2 is its id in v1, so that all verbs speak of one agent and one inbox. A relay
 * of v1 makes an id itself, as it always has. */
static enum cl_err
choose_id(struct cl_run *run, struct cl_why *why)
{
    struct cl_state *state = &run->state, named = *state;
    char name[CL_NAME_BYTES_MAX + 1];
    bool is_taken = false;
    uint64_t ignored;
    struct cl_me me;
    if (!cl_name_is_valid(state->agent_name) && run->opts.globals[CL_GLOBAL_AS] == NULL &&
        cl_me_name_agent(state->agent_name, name))
        named.agent_name = cl_str_z(name);
    if (state->agent_id.len > 0 || cl_me_find(&run->opts, &named, &me, why) != CL_OK)
        return CL_OK; // what it is called is no name in v2
    enum cl_err err = cl_run_greet(run, cl_me_instance(&me), &ignored, why);
    if (err == CL_ERR_UPGRADE)
        return CL_OK;
    if (err == CL_OK)
        err = ask_taken(run, cl_me_address(&me), &is_taken, why);
    if (err != CL_OK)
        return err;
    if (!is_taken)
        return cl_state_keep(state, cl_me_address(&me), &state->agent_id);
    cl_view_note(&run->view,
                 "Somebody is %.*s already, so the relay made an id of v1, with which `poll` and "
                 "`delegate` work, but not `send` and `inbox`. If that is this agent of old, take "
                 "it over: add --id %.*s. Else register with another --name or --id.",
                 CL_STR_ARG(cl_me_address(&me)), CL_STR_ARG(cl_me_address(&me)));
    return CL_OK;
}

static enum cl_err
run_register(struct cl_run *run, struct cl_why *why)
{
    cl_str before = run->state.agent_name;
    enum cl_err err = cl_state_place(&run->state, why);
    if (err != CL_OK)
        return err;
    err = take_options(run);
    if (err != CL_OK)
        return cl_fail(err, why, "--caps and --description must be UTF-8 text: convert them.");
    err = choose_id(run, why);
    if (err == CL_OK)
        err = cl_run_register(run, why);
    if (err != CL_OK)
        return err;
    if (run->opts.values[NAME] != NULL && run->opts.values[ID] == NULL && before.len > 0)
        say_renamed(run, before);
    return cl_run_show(run, draw, why);
}

const struct cl_cmd cl_cmd_register = {
    .name = "register",
    .summary = "Make this agent known to a relay",
    .options = options,
    .notes = "The relay's URL and the agent's id are saved, so that the other verbs need neither.\n"
             "Registering again keeps the id, and with it the messages that wait. A --name may\n"
             "have blanks; the id made of it has none: \"Code Reviewer\" is HOST/Code-Reviewer.",
    .examples = "clawlink register --name researcher --caps search,summarise\n"
                "clawlink register --relay https://vps.example:9077 --token-file token --name ana\n"
                "clawlink --as writer register --description \"Turns notes into prose\"",
    .run = run_register,
};
