// SPDX-License-Identifier: MIT
/*
 * cli/token.h - the token that a client shows and a relay asks for, and other secrets that come in
 * the same ways.
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

/* How a secret may be given, and what was. */
struct cl_token_words {
    const char *what; // "token"
    const char *option;
    const char *file_option;
    const char *variable; // of the environment
    char *typed;          // the option's value, where argv has it; NULL: not given
    const char *file;     // the other option's; NULL: not given
};

/* The same of another secret than the token. */
CL_MUST_CHECK enum cl_err cl_token_take_other(const struct cl_token_words *words,
                                              struct cl_secret *ret_secret, struct cl_why *why);

#endif
