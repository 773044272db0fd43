// SPDX-License-Identifier: MIT
/*
 * main/start_relay.h - from `clawlink relay --host ...` to a running relay.
 */
#ifndef CL_MAIN_START_RELAY_H
#define CL_MAIN_START_RELAY_H

#include "cli/opts.h"
#include "main/data.h"

/* Reads the options, opens the relay on that data, prints the line with its URL, serves until a
 * signal ends it, closes the data. */
CL_MUST_CHECK enum cl_err cl_start_relay(struct cl_opts *opts, struct cl_data *data,
                                         struct cl_why *why);

#endif
