// SPDX-License-Identifier: MIT
/*
 * cli/me.h - who somebody at the command line is to protocol v2: `instance/agent`.
 *
 *     instance   --instance, else CLAWLINK_INSTANCE, else the host's name up to its first dot
 *     agent      --agent, else CLAWLINK_AGENT, else the name that `clawlink register` saved, else
 *                --as, else the id that register saved; the first that an address could have
 *
 * What register saved as its id is the address, if it is one, unless an agent is named, or an
 * instance with --instance. --as counts for more than CLAWLINK_AGENT: it was typed. An id of v1
 * that is no address is another agent, `v1/<id>`, with an inbox of its own: who registered as that
 * and says nothing else is nobody in v2, rather than somebody whom that inbox does not belong to.
 */
#ifndef CL_CLI_ME_H
#define CL_CLI_ME_H

#include "cli/opts.h"
#include "cli/state.h"

/* Instance and agent with a slash between them, and a NUL. */
#define CL_ME_CAP (2 * CL_NAME_BYTES_MAX + 2)

struct cl_me {
    size_t instance_len;
    char text[CL_ME_CAP];
};

/* "mini/otto" and "mini". They live as long as *me. */
static inline cl_str
cl_me_address(const struct cl_me *me)
{
    return cl_str_z(me->text);
}
static inline cl_str
cl_me_instance(const struct cl_me *me)
{
    return cl_str_of(me->text, me->instance_len);
}

/* CL_ERR_USAGE: a name that is none. CL_ERR_NO_AGENT: nothing says who, or only an id of v1. The
 * sentence says what to type. */
CL_MUST_CHECK enum cl_err cl_me_find(const struct cl_opts *opts, const struct cl_state *state,
                                     struct cl_me *ret_me, struct cl_why *why);

/* A machine's name made into one that an instance may have: up to its first dot, "-" for what a
 * name may not have; "host" where nothing is left, and behind "v1" and "relay", which are spoken
 * for. */
void cl_me_name_host(cl_str host, char ret_name[static CL_NAME_BYTES_MAX + 1]);

/* " --as mira", " --agent mira": the words that said who somebody is, for a sentence that tells
 * what to type next. Empty: none were typed. */
#define CL_ME_WORDS_CAP (sizeof " --instance  --agent  --as " + 3 * CL_NAME_BYTES_MAX)
void cl_me_words(const struct cl_opts *opts, char ret_words[static CL_ME_WORDS_CAP]);

/* What an agent is called made into a name that an address may have: one "-" for what stands
 * between its letters and may not, as in "Code-Reviewer". False, and *ret_name spoilt: nothing is
 * left. */
bool cl_me_name_agent(cl_str called, char ret_name[static CL_NAME_BYTES_MAX + 1]);

#endif
