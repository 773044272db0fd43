// SPDX-License-Identifier: MIT
/*
 * cli/seek_door.h - which relay of this machine a verb means.
 */
#ifndef CL_CLI_SEEK_DOOR_H
#define CL_CLI_SEEK_DOOR_H

#include "cli/run.h"

/* Asks the relay at that admin socket for its status, or, with NULL, all whose sockets are in the
 * usual folders: one must answer, and no second; of those only the one on that port, if it is not
 * 0. run->client then calls it, and run->answer is its status. CL_ERR_NO_RELAY, AMBIGUOUS, and what
 * cl_client_call refuses. */
CL_MUST_CHECK enum cl_err cl_seek_door(struct cl_run *run, const char *path, uint64_t port,
                                       struct cl_why *why);

#endif
