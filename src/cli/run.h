// SPDX-License-Identifier: MIT
/*
 * cli/run.h - one run of the command line: what a verb is handed, and the steps that verbs share.
 */
#ifndef CL_CLI_RUN_H
#define CL_CLI_RUN_H

#include "base/buf.h"
#include "cli/agents.h"
#include "cli/me.h"
#include "cli/opts.h"
#include "cli/state.h"
#include "cli/view.h"
#include "client/backoff.h"
#include "client/call_v2.h"
#include "client/client.h"
#include "wire/json_write.h"

struct cl_run {
    struct cl_opts opts;
    struct cl_view view;
    struct cl_state state;
    struct cl_me me; // if the verb needs it
    struct cl_client *client;
    cl_str pin;         // the keys that the relay is known by; empty: the authorities vouch for it
    struct cl_buf body; // of the call being written
    bool is_found;      // the relay was found, not named: it is not saved
    cl_str answer;      // of the last call that succeeded, good until the next
};

/* Meets what the verb needs: reads the state, prepares the client, unless the verb is local.
 * cl_run_done is due in any case. The token's option in argv is overwritten. */
CL_MUST_CHECK enum cl_err cl_run_init(struct cl_run *run, const struct cl_opts *opts,
                                      struct cl_why *why);
void cl_run_done(struct cl_run *run);

/* The value of the verb's option, as text; empty when it was not given. */
static inline cl_str
cl_run_option(const struct cl_run *run, unsigned index)
{
    return cl_str_z(run->opts.values[index]);
}

/* -- calls --------------------------------------------------------------------------------- */

/* Begins a JSON object in run->body and writes one member after the other. */
void cl_run_body(struct cl_run *run, struct cl_json_writer *json);
/* The value ["a","b"] from "a,b"; blanks around the commas do not count. */
void cl_run_put_list(struct cl_json_writer *json, cl_str list);
/* The option's text, if it was given. */
void cl_run_put_option(struct cl_run *run, struct cl_json_writer *json, const char *name,
                       unsigned index);
/* Ends the object and sends it. The answer, which has that sign, is in run->answer. */
CL_MUST_CHECK enum cl_err cl_run_post(struct cl_run *run, struct cl_json_writer *json,
                                      const char *path, struct cl_client_sign sign,
                                      struct cl_why *why);
CL_MUST_CHECK enum cl_err cl_run_get(struct cl_run *run, cl_str path, struct cl_client_sign sign,
                                     struct cl_why *why);
/* Does it speak protocol v2? *ret_time is what its clock says, milliseconds since 1970: this
 * machine's may be wrong. CL_ERR_UPGRADE: it does not. */
CL_MUST_CHECK enum cl_err cl_run_greet(struct cl_run *run, cl_str instance, uint64_t *ret_time,
                                       struct cl_why *why);
/* A call of protocol v2 (client/call_v2.h), whose result, as JSON, is in run->answer. */
CL_MUST_CHECK enum cl_err cl_run_call_v2(struct cl_run *run, const struct cl_call_v2 *call,
                                         void *ret_result, struct cl_why *why);
/* What most verbs end with: run->answer is the result. */
CL_MUST_CHECK enum cl_err cl_run_show(struct cl_run *run, cl_draw_fn *draw, struct cl_why *why);

/* -- agents -------------------------------------------------------------------------------- */

/* Registers what run->state says of this agent, and keeps and saves what the relay answers. */
CL_MUST_CHECK enum cl_err cl_run_register(struct cl_run *run, struct cl_why *why);
/* Tells the relay that this agent lives. A relay that does not know it (any more) is told who
 * it is: then the answer is that of the registration. */
CL_MUST_CHECK enum cl_err cl_run_heartbeat(struct cl_run *run, struct cl_why *why);
/* The agent that --to names, by id or by name. With may_queue an unknown one is taken for the
 * id of an agent that comes later; otherwise CL_ERR_NO_AGENT. */
CL_MUST_CHECK enum cl_err cl_run_find(struct cl_run *run, cl_str wanted, bool may_queue,
                                      struct cl_agent_found *ret_found, struct cl_why *why);

/* -- a relay that goes away for a while ----------------------------------------------------- */

struct cl_outage {
    bool was_well; // a call has succeeded before: what fails now may come back
    bool is_out;   // a call has failed since
    struct cl_backoff backoff;
};

/* A call failed with err. True: the relay may come back, some time was waited, try again. The
 * pause is random up to a limit that doubles, so that agents do not return all at once. */
bool cl_outage_wait(struct cl_outage *outage, struct cl_run *run, enum cl_err err,
                    const struct cl_why *why);
/* A call succeeded. */
void cl_outage_over(struct cl_outage *outage, struct cl_run *run);

#endif
