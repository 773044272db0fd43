// SPDX-License-Identifier: MIT
/*
 * main/privileges.h - what the process may do, and who may look into it.
 *
 * A service manager starts the relay without rights to begin with (`clawlink relay install`).
 * Where there is none, root starts it with --user: it binds and reads its secrets as root and is
 * somebody else, for good, before it serves.
 */
#ifndef CL_MAIN_PRIVILEGES_H
#define CL_MAIN_PRIVILEGES_H

#include "base/log.h"

/* No core dump, no debugger of the same user, and on Linux no new rights by exec. Whoever refuses
 * one of these (a system call filter) has its own reasons and means: that is no error. */
void cl_privileges_guard(void);

/* Becomes that user, with its groups and its HOME, and makes sure that there is no way back. A NULL
 * user: root stays root, which is worth a line in the log. CL_ERR_USAGE: not root, or no such
 * user, or one that is root; CL_ERR_IO: the system did not do it, or not wholly: then the process
 * has to end. */
CL_MUST_CHECK enum cl_err cl_privileges_settle(const char *user, const struct cl_log *log,
                                               struct cl_why *why);

#endif
