// SPDX-License-Identifier: MIT
/*
 * cli/state.h - what the command line remembers of an agent between two runs.
 *
 * A JSON object in ~/.clawlink/agent_state.json, as in v1, readable by its owner alone; with
 * --as NAME in ~/.clawlink/agents/NAME.json, without it where CLAWLINK_STATE says. It is written
 * whole or not at all. A file that cannot be understood is an error and stays as it is. Members
 * of it that are not ours survive. A token is never in it.
 */
#ifndef CL_CLI_STATE_H
#define CL_CLI_STATE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

struct cl_state {
    char path[CL_CLI_PATH_CAP]; // empty: it has no place
    size_t home_len;            // of path, up to where folders of ours begin; 0: none are ours
    struct cl_arena arena;      // of all that is below
    cl_str text;                // the file as it was read; empty: there was none
    cl_str relay_url;
    cl_str relay_pin; // the keys that the relay at relay_url is known by; empty: none
    cl_str agent_id;  // empty: never registered
    cl_str agent_name;
    cl_str capabilities; // JSON; empty: none
    cl_str description;  // JSON; empty: none
};

/* Finds the file's place and reads it, if it is there. as: the value of --as, or NULL.
 * CL_ERR_USAGE: a name that --as does not take, or a path that is too long; CL_ERR_IO: it cannot
 * be read or understood. cl_state_done is due in any case. */
CL_MUST_CHECK enum cl_err cl_state_load(const char *as, struct cl_state *state, struct cl_why *why);
void cl_state_done(struct cl_state *state);
/* CL_ERR_USAGE when neither HOME nor CLAWLINK_STATE gives the file a place: then nothing was read,
 * and nothing can be saved. */
CL_MUST_CHECK enum cl_err cl_state_place(const struct cl_state *state, struct cl_why *why);
/* Puts the fields into the file. Folders of ours (0700) are made on the way. */
CL_MUST_CHECK enum cl_err cl_state_save(struct cl_state *state, struct cl_why *why);

/* "mira, otto": the names behind --as whose files are there, the first CL_CLI_CANDIDATES_MAX in
 * their order, then "..."; empty: there is none. */
#define CL_STATE_NAMES_CAP 288
void cl_state_names(char ret_names[static CL_STATE_NAMES_CAP]);

/* A copy for a field. */
CL_MUST_CHECK enum cl_err cl_state_keep(struct cl_state *state, cl_str text, cl_str *ret_kept);

#endif
