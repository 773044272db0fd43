// SPDX-License-Identifier: MIT
/*
 * cli/help.h - what `--help` says, drawn from the table of verbs (cli/cmd.h).
 */
#ifndef CL_CLI_HELP_H
#define CL_CLI_HELP_H

#include "cli/page.h"

/* Where the summaries begin; a verb's name is shorter. */
#define CL_HELP_VERB_COLUMNS 18

/* "clawlink" and the version; the subject is not used. (These three are cl_draw_fn.) */
void cl_help_version(struct cl_page *page, cl_str subject);
/* All verbs, the global options, the environment, the exit statuses. */
void cl_help_all(struct cl_page *page, cl_str subject);
/* The verb whose name is the subject. */
void cl_help_verb(struct cl_page *page, cl_str subject);

#endif
