// SPDX-License-Identifier: MIT
/*
 * cli/token.h - the token that a client shows and a relay asks for.
 */
#ifndef CL_CLI_TOKEN_H
#define CL_CLI_TOKEN_H

#include "base/secret.h"
#include "cli/opts.h"

/* What --token says, or the first line of the file in --token-file, or else CLAWLINK_TOKEN; of
 * length 0 when there is none, or an empty one in the environment. The values of --token and of
 * CLAWLINK_TOKEN are wiped where they lay: cl_secret_done is due for *ret_token, and then no copy
 * is left. CL_ERR_USAGE: both options were given, or a token is empty or too long. */
CL_MUST_CHECK enum cl_err cl_token_take(struct cl_opts *opts, struct cl_secret *ret_token,
                                        struct cl_why *why);

#endif
