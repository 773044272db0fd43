// SPDX-License-Identifier: MIT
/*
 * main/agent_link.h - the relay's options about Agent Link, and the files that they name.
 */
#ifndef CL_MAIN_AGENT_LINK_H
#define CL_MAIN_AGENT_LINK_H

#include "base/buf.h"
#include "cli/opts.h"
#include "relay/relay.h"

/* What the config borrows, and where it is read again. Zeroed at first. */
struct cl_main_agent_link {
    const char *file; // NULL: none, as the next
    const char *secret_file;
    struct cl_secret secret;
    struct cl_buf text; // of the file
};

/* --agent-link, --agent-link-port and --agent-link-secret-file, into the config, whose log is open.
 * CL_ERR_USAGE, _IO, _NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_main_agent_link_read(struct cl_main_agent_link *kept,
                                                  const struct cl_opts *opts,
                                                  struct cl_relay_config *config,
                                                  struct cl_why *why);
/* Wipes them. */
void cl_main_agent_link_done(struct cl_main_agent_link *kept);

#endif
