// SPDX-License-Identifier: MIT
/*
 * main/data.h - where the relay keeps what it has accepted: --data.
 */
#ifndef CL_MAIN_DATA_H
#define CL_MAIN_DATA_H

#include "cli/opts.h"
#include "journal/blobs.h"
#include "journal/journal.h"

struct cl_data {
    struct cl_journal *journal;
    struct cl_blobs *blobs; // NULL: --blob-bytes 0
};

/* Journal and blobs in the folder of --data, which is made (0700) if it is not there; for root with
 * --user it is that user's. Without --data those in memory.
 * CL_ERR_UNAVAILABLE: another relay is running on it. CL_ERR_USAGE, MALFORMED, IO, FULL,
 * NO_MEMORY; why says what to do. */
CL_MUST_CHECK enum cl_err cl_data_open(const struct cl_opts *opts, struct cl_data *ret_data,
                                       struct cl_why *why);
/* The blobs alone, in that folder or, if it is NULL, in memory. CL_ERR_IO, NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_data_open_blobs(const struct cl_opts *opts, const char *folder,
                                             struct cl_blobs **ret_blobs, struct cl_why *why);
void cl_data_close(struct cl_data *data);

#endif
