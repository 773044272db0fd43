// SPDX-License-Identifier: MIT
/*
 * client/api_cli.h - libclawlink for our own command line, whose options say more than those of
 * claw_new: keys that were saved, and a person at a shell who reads the sentences.
 *
 * A client that is made here is one like any other from then on. It is no part of the library's
 * face (include/clawlink/client.h).
 */
#ifndef CL_CLIENT_API_CLI_H
#define CL_CLIENT_API_CLI_H

#include "clawlink/client.h"
#include "client/client.h"

/* As claw_new, but for the relay of that one, by its token and its keys, with its sentences: which
 * relay that is and what it is shown is not looked for in the options, and no secret. */
CL_MUST_CHECK enum cl_err cl_api_new_like(const struct claw_options *options,
                                          const struct cl_client *like, claw_client **ret_client,
                                          struct cl_why *why);

/* The error of the table that has this number; CL_ERR_INTERNAL: none has. */
enum cl_err cl_api_err_of(claw_err err);

#endif
