// SPDX-License-Identifier: MIT
/*
 * cli/save.h - the body of a message, written to a file.
 */
#ifndef CL_CLI_SAVE_H
#define CL_CLI_SAVE_H

#include "cli/mail.h"
#include "cli/run.h"

/* Writes it there so that a reader sees the old file or the whole new one. A blob is fetched from
 * the relay first, beside the file, and goes on where an earlier run broke off; what is not what
 * the message says, by its hash, is no file. The errors of cl_client_call and of cl_file_write;
 * CL_ERR_NOT_FOUND: the relay keeps that blob no more. */
CL_MUST_CHECK enum cl_err cl_save_body(struct cl_run *run, const struct cl_mail *mail,
                                       const char *path, struct cl_why *why);

#endif
