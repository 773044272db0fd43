// SPDX-License-Identifier: MIT
/*
 * main/start_relay.h - from `clawlink relay --host ...` to a running relay.
 */
#ifndef CL_MAIN_START_RELAY_H
#define CL_MAIN_START_RELAY_H

#include "cli/opts.h"
#include "journal/journal.h"

/* Reads the options, opens the relay on that journal, prints the line with its URL, serves until
 * a signal ends it, closes the journal (NULL: there was no memory for one). */
CL_MUST_CHECK enum cl_err cl_start_relay(struct cl_opts *opts, struct cl_journal *journal,
                                         struct cl_why *why);

#endif
