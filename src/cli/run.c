// SPDX-License-Identifier: MIT
#include "cli/run.h"

#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "base/utf8.h"
#include "cli/seek.h"
#include "cli/token.h"
#include "wire/json.h"

/* A machine's name; POSIX has no longer ones. */
#define MACHINE_CAP 256

/* -- beginning ----------------------------------------------------------------------------- */

/* --pin, or what register saved with this relay's URL. */
static enum cl_err
set_pin(struct cl_run *run, cl_str url, struct cl_why *why)
{
    const char *given = run->opts.globals[CL_GLOBAL_PIN];
    const struct cl_state *state = &run->state;
    bool is_saved =
        given == NULL && state->relay_pin.len > 0 && cl_client_same_relay(url, state->relay_url);
    if (given == NULL && !is_saved)
        return CL_OK;
    run->pin = is_saved ? state->relay_pin : cl_str_z(given);
    return cl_client_pin(run->client, run->pin, is_saved, why);
}

/* The relay that the user has named for this run, or empty. */
static cl_str
named_relay(const struct cl_run *run)
{
    const char *typed = run->opts.globals[CL_GLOBAL_RELAY];
    return cl_str_z(typed != NULL ? typed : getenv("CLAWLINK_RELAY"));
}

static enum cl_err
open_client(struct cl_run *run, struct cl_why *why)
{
    struct cl_secret token = {0};
    struct cl_seek seek = {0};
    cl_str named = named_relay(run);
    cl_str url = named.len > 0 ? named : run->state.relay_url;
    enum cl_err err = cl_token_take(&run->opts, &token, why);
    if (err == CL_OK && url.len == 0) {
        err = cl_seek(run, token.len > 0, &seek, why);
        url = cl_str_z(seek.url);
        run->is_found = seek.is_found;
    }
    if (err == CL_OK)
        err = cl_client_new(url, &token, &run->client, why);
    if (err == CL_OK)
        err = set_pin(run, url, why);
    if (err == CL_OK && !run->is_found && cl_client_is_exposed(run->client))
        cl_view_note(&run->view,
                     "The connection to %.*s is not encrypted: everybody on the way can read the "
                     "messages and the token. A relay with --tls-self-signed is safe to reach as "
                     "https:// with --pin.",
                     CL_STR_ARG(cl_client_url_shown(run->client)));
    cl_secret_done(&token);
    return err;
}

static enum cl_err
require_agent(const struct cl_run *run, struct cl_why *why)
{
    char names[CL_STATE_NAMES_CAP];
    enum cl_err err = cl_state_place(&run->state, why);
    if (err != CL_OK || run->state.agent_id.len > 0)
        return err;
    cl_state_names(names);
    return cl_fail(CL_ERR_NO_AGENT, why,
                   "No agent has registered here (\"%.160s\" has no agent_id). Run `clawlink "
                   "register --name NAME` first%s%s.",
                   run->state.path,
                   names[0] == '\0' ? "" : ", or say who you are with --as: ", names);
}

enum cl_err
cl_run_init(struct cl_run *run, const struct cl_opts *opts, struct cl_why *why)
{
    bool is_json = opts->globals[CL_GLOBAL_JSON] != NULL;
    *run = (struct cl_run){.opts = *opts};
    run->view = (struct cl_view){
        .kind = is_json ? &cl_view_json : &cl_view_text, .results = stdout, .talk = stderr};
    cl_buf_init(&run->body, CL_HTTP_ANSWER_BYTES_MAX); // the client knows what a relay takes
    if (opts->cmd->is_local)
        return CL_OK;

    enum cl_err err = cl_state_load(opts->globals[CL_GLOBAL_AS], &run->state, why);
    if (err == CL_OK && opts->cmd->needs_agent)
        err = require_agent(run, why);
    if (err == CL_OK && opts->cmd->needs_me)
        err = cl_me_find(opts, &run->state, &run->me, why);
    return err == CL_OK ? open_client(run, why) : err;
}

void
cl_run_done(struct cl_run *run)
{
    cl_client_free(run->client);
    cl_state_done(&run->state);
    cl_buf_done(&run->body);
}

/* -- calls --------------------------------------------------------------------------------- */

void
cl_run_body(struct cl_run *run, struct cl_json_writer *json)
{
    cl_buf_clear(&run->body);
    cl_json_writer_init(json, &run->body);
    cl_json_object_begin(json);
}

void
cl_run_put_list(struct cl_json_writer *json, cl_str list)
{
    cl_json_array_begin(json);
    while (list.len > 0) {
        cl_str item;
        (void)cl_str_split(list, ',', &item, &list); // without a comma it is the last one
        item = cl_str_trim(item);
        if (item.len > 0)
            cl_json_put_string(json, item);
    }
    cl_json_array_end(json);
}

void
cl_run_put_option(struct cl_run *run, struct cl_json_writer *json, const char *name, unsigned index)
{
    if (run->opts.values[index] != NULL)
        cl_json_put_member(json, cl_str_z(name), cl_run_option(run, index));
}

/* The writer takes everything but text that is no UTF-8, and there is one place for it. */
static enum cl_err
explain_body(const struct cl_run *run, enum cl_err err, struct cl_why *why)
{
    const struct cl_opt *options = run->opts.cmd->options;
    for (unsigned i = 0; err == CL_ERR_MALFORMED && options[i].name != NULL; i++)
        if (!cl_utf8_is_valid(cl_run_option(run, i)))
            return cl_fail(CL_ERR_USAGE, why,
                           "--%s is not UTF-8, and the relay takes text only: convert or encode "
                           "it first.",
                           options[i].name);
    return cl_fail(err, why, "The call could not be written (%s).", cl_err_wire(err));
}

enum cl_err
cl_run_post(struct cl_run *run, struct cl_json_writer *json, const char *path,
            struct cl_client_sign sign, struct cl_why *why)
{
    cl_json_object_end(json);
    enum cl_err err = cl_json_writer_end(json);
    if (err != CL_OK)
        return explain_body(run, err, why);
    const struct cl_client_call call = {
        .method = "POST", .path = cl_str_z(path), .body = cl_buf_str(&run->body), .sign = sign};
    return cl_client_call(run->client, &call, &run->answer, why);
}

enum cl_err
cl_run_get(struct cl_run *run, cl_str path, struct cl_client_sign sign, struct cl_why *why)
{
    const struct cl_client_call call = {.method = "GET", .path = path, .sign = sign};
    return cl_client_call(run->client, &call, &run->answer, why);
}

enum cl_err
cl_run_call_v2(struct cl_run *run, const struct cl_call_v2 *call, void *ret_result,
               struct cl_why *why)
{
    return cl_client_call_v2(run->client, call, ret_result, &run->answer, why);
}

enum cl_err
cl_run_greet(struct cl_run *run, cl_str instance, uint64_t *ret_time, struct cl_why *why)
{
    static const cl_str versions[] = {CL_STR_INIT(CL_V2_VERSION)};
    struct cl_arena arena;
    struct cl_v2_welcome welcome;
    const struct cl_v2_hello params = {.versions = {versions, 1}, .instance = instance};
    const struct cl_call_v2 call = {.method = CL_V2_HELLO, .params = &params, .arena = &arena};
    cl_arena_init(&arena, CL_CLI_ANSWER_ARENA_BYTES_MAX);
    enum cl_err err = cl_run_call_v2(run, &call, &welcome, why);
    if (err == CL_OK)
        *ret_time = welcome.time;
    cl_arena_done(&arena);
    return err;
}

enum cl_err
cl_run_show(struct cl_run *run, cl_draw_fn *draw, struct cl_why *why)
{
    return cl_view_result(&run->view, run->answer, draw, why);
}

/* -- agents -------------------------------------------------------------------------------- */

static void
write_registration(struct cl_run *run, struct cl_json_writer *json)
{
    const struct cl_state *state = &run->state;
    char machine[MACHINE_CAP];
    cl_run_body(run, json);
    if (state->agent_id.len > 0)
        cl_json_put_member(json, CL_STR("agent_id"), state->agent_id);
    if (state->agent_name.len > 0)
        cl_json_put_member(json, CL_STR("name"), state->agent_name);
    if (state->capabilities.len > 0) {
        cl_json_put_name(json, CL_STR("capabilities"));
        cl_json_put_raw(json, state->capabilities);
    }
    if (state->description.len > 0) {
        cl_json_put_name(json, CL_STR("description"));
        cl_json_put_raw(json, state->description);
    }
    // Without one the relay takes the address that it sees.
    if (gethostname(machine, sizeof machine) == 0 && memchr(machine, '\0', sizeof machine) != NULL)
        cl_json_put_member(json, CL_STR("machine"), cl_str_z(machine));
}

/* When it fails the relay knows the agent nevertheless: its id must not get lost. */
static enum cl_err
save(struct cl_state *state, struct cl_why *why)
{
    struct cl_why reason;
    enum cl_err err = cl_state_save(state, &reason);
    if (err == CL_OK)
        return CL_OK;
    return cl_fail(err, why, "%.300s The relay took the agent: register it again with --id %.*s.",
                   reason.text, CL_STR_ARG(cl_str_part(state->agent_id, 0, 100)));
}

/* The relay may have chosen the id and the name. */
static enum cl_err
keep_registration(struct cl_run *run, struct cl_why *why)
{
    struct cl_state *state = &run->state;
    cl_str agent = cl_doc_find(run->answer, CL_STR("agent"));
    cl_str id = CL_STR(""), name = CL_STR("");
    if (cl_json_string(cl_doc_find(agent, CL_STR("agent_id")), &state->arena, &id) != CL_OK ||
        id.len == 0 || id.len > CL_ID_BYTES_MAX)
        return cl_fail(
            CL_ERR_IO, why,
            "Not a relay: %.*s answered the registration without a usable agent_id. Check "
            "--relay.",
            CL_STR_ARG(cl_client_url_shown(run->client)));
    if (cl_json_string(cl_doc_find(agent, CL_STR("name")), &state->arena, &name) != CL_OK)
        name = state->agent_name;
    // The answer's memory lasts until the next call only.
    enum cl_err err = cl_state_keep(state, id, &state->agent_id);
    if (err == CL_OK)
        err = cl_state_keep(state, name, &state->agent_name);
    // Saved would mean named, and a token may go to a relay that was named.
    if (err == CL_OK && !run->is_found)
        err = cl_state_keep(state, cl_client_url(run->client), &state->relay_url);
    if (err == CL_OK)
        err = cl_state_keep(state, run->pin, &state->relay_pin);
    if (err != CL_OK)
        return cl_fail(err, why, "Out of memory.");
    return save(state, why);
}

static enum cl_err
send_registration(struct cl_run *run, struct cl_why *why)
{
    struct cl_json_writer json;
    const struct cl_client_sign sign = {"agent", CL_JSON_OBJECT};
    write_registration(run, &json);
    return cl_run_post(run, &json, "/register", sign, why);
}

enum cl_err
cl_run_register(struct cl_run *run, struct cl_why *why)
{
    enum cl_err err = send_registration(run, why);
    return err == CL_OK ? keep_registration(run, why) : err;
}

enum cl_err
cl_run_heartbeat(struct cl_run *run, struct cl_why *why)
{
    struct cl_json_writer json;
    const struct cl_client_sign sign = {"status", CL_JSON_STRING};
    cl_run_body(run, &json);
    cl_json_put_member(&json, CL_STR("agent_id"), run->state.agent_id);
    enum cl_err err = cl_run_post(run, &json, "/heartbeat", sign, why);
    if (err != CL_OK ||
        !cl_json_string_is(cl_doc_find(run->answer, CL_STR("status")), CL_STR("unknown_agent")))
        return err;
    cl_view_note(&run->view, "The relay does not know agent %.*s: registering it again.",
                 CL_STR_ARG(cl_str_part(run->state.agent_id, 0, 64)));
    return send_registration(run, why); // which relay is saved is for `register` to say
}

static enum cl_err
no_agent(const struct cl_run *run, cl_str wanted, struct cl_why *why)
{
    return cl_fail(CL_ERR_NO_AGENT, why,
                   "No such agent: \"%.*s\" is neither the id nor the name of an agent at %.*s. "
                   "`clawlink discover` lists them; --queue keeps the message for an id that comes "
                   "later.",
                   CL_STR_ARG(cl_str_part(wanted, 0, 64)),
                   CL_STR_ARG(cl_client_url_shown(run->client)));
}

enum cl_err
cl_run_find(struct cl_run *run, cl_str wanted, bool may_queue, struct cl_agent_found *ret_found,
            struct cl_why *why)
{
    const struct cl_client_sign sign = {"agents", CL_JSON_ARRAY};
    enum cl_err err = cl_run_get(run, CL_STR("/discover?stale=1"), sign, why);
    if (err == CL_OK)
        err = cl_agents_find(run->answer, wanted, ret_found, why);
    if (err != CL_ERR_NO_AGENT)
        return err;
    if (!may_queue)
        return no_agent(run, wanted, why);
    if (!cl_str_copy(ret_found->id, sizeof ret_found->id, wanted))
        return cl_fail(CL_ERR_USAGE, why, "--to has %zu bytes; an agent's id has at most %d.",
                       wanted.len, CL_ID_BYTES_MAX);
    ret_found->is_stale = false;
    return CL_OK;
}

/* -- a relay that goes away for a while ----------------------------------------------------- */

bool
cl_outage_wait(struct cl_outage *outage, struct cl_run *run, enum cl_err err,
               const struct cl_why *why)
{
    uint64_t chance;
    if (!outage->was_well || !cl_err_retry_helps(err))
        return false;
    if (!outage->is_out)
        cl_view_note(&run->view, "%.300s Waiting for the relay to come back.", why->text);
    outage->is_out = true;
    cl_random_bytes(&chance, sizeof chance);
    cl_client_pause(run->client, cl_backoff_next(&outage->backoff, chance));
    return true;
}

void
cl_outage_over(struct cl_outage *outage, struct cl_run *run)
{
    if (outage->is_out)
        cl_view_note(&run->view, "The relay is back.");
    *outage = (struct cl_outage){.was_well = true};
}
