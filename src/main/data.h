// SPDX-License-Identifier: MIT
/*
 * main/data.h - where the relay keeps what it has accepted: --data.
 */
#ifndef CL_MAIN_DATA_H
#define CL_MAIN_DATA_H

#include "cli/opts.h"
#include "journal/journal.h"

/* The journal in the folder of --data, which is made (0700) if it is not there; for root with
 * --user it is that user's. Without --data the journal in memory.
 * CL_ERR_UNAVAILABLE: another relay is running on it. CL_ERR_USAGE, MALFORMED, IO, FULL,
 * NO_MEMORY; why says what to do. */
CL_MUST_CHECK enum cl_err cl_data_open(const struct cl_opts *opts, struct cl_journal **ret_journal,
                                       struct cl_why *why);

#endif
