// SPDX-License-Identifier: MIT
/*
 * cli/agents.h - from what a person calls an agent to its id.
 */
#ifndef CL_CLI_AGENTS_H
#define CL_CLI_AGENTS_H

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

struct cl_agent_found {
    char id[CL_ID_BYTES_MAX + 1];
    bool is_stale; // registered, but the relay has not heard of it lately
};

/* Looks for an agent in the answer of GET /discover?stale=1. An id comes before a name, and a
 * name must belong to one agent only, silent ones included: a namesake must not get its tasks.
 * CL_ERR_NO_AGENT, without a sentence; CL_ERR_AMBIGUOUS, with the candidates' ids. */
CL_MUST_CHECK enum cl_err cl_agents_find(cl_str answer, cl_str wanted,
                                         struct cl_agent_found *ret_found, struct cl_why *why);

#endif
