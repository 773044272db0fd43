// SPDX-License-Identifier: MIT
/*
 * cli/cli.h - the command line.
 */
#ifndef CL_CLI_CLI_H
#define CL_CLI_CLI_H

#include "cli/opts.h"

/* The verb relay, whose room this one may not know. It takes the token (cli/token.h). */
typedef enum cl_err cl_cli_relay_fn(struct cl_opts *opts, struct cl_why *why);

/* Runs what was typed; returns the exit status of the program (base/err.h). Writes over the value
 * of --token in argv. */
int cl_cli_main(int argc, char **argv, cl_cli_relay_fn *relay);

#endif
