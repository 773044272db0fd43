// SPDX-License-Identifier: MIT
/*
 * cli/file.h - whole files, with errors that name them.
 */
#ifndef CL_CLI_FILE_H
#define CL_CLI_FILE_H

#include <sys/types.h>

#include "base/buf.h"

/* Appends all bytes of the file. CL_ERR_TOO_LARGE past the buffer's maximum, CL_ERR_IO. */
CL_MUST_CHECK enum cl_err cl_file_read(const char *path, struct cl_buf *out, struct cl_why *why);
CL_MUST_CHECK enum cl_err cl_file_read_stdin(struct cl_buf *out, struct cl_why *why);

/* Puts the bytes there so that a reader sees the old file or the new one, also after a crash:
 * temporary file, fsync, rename. mode counts for a new file and for one that is replaced. A
 * path that names no regular file (a device, a pipe) is written to as it is. */
CL_MUST_CHECK enum cl_err cl_file_write(const char *path, mode_t mode, cl_str bytes,
                                        struct cl_why *why);

#endif
