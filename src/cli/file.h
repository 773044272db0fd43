// SPDX-License-Identifier: MIT
/*
 * cli/file.h - whole files, with errors that name them.
 */
#ifndef CL_CLI_FILE_H
#define CL_CLI_FILE_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/limits.h"

/* Appends all bytes of the file. CL_ERR_TOO_LARGE past the buffer's maximum, CL_ERR_IO. */
CL_MUST_CHECK enum cl_err cl_file_read(const char *path, struct cl_buf *out, struct cl_why *why);
CL_MUST_CHECK enum cl_err cl_file_read_stdin(struct cl_buf *out, struct cl_why *why);

/* Puts the bytes there so that a reader sees the old file or the new one, also after a crash:
 * temporary file, fsync, rename. mode counts for a new file and for one that is replaced. A
 * path that names no regular file (a device, a pipe) is written to as it is. */
CL_MUST_CHECK enum cl_err cl_file_write(const char *path, mode_t mode, cl_str bytes,
                                        struct cl_why *why);

/* The mode that a file keeps when its content is replaced: its own, or that of a new one. */
mode_t cl_file_mode(const char *path);

/* -- a file that comes in pieces ----------------------------------------------------------- */

/* It grows beside its place, over as many runs as it takes. */
struct cl_file_part {
    int fd;
    uint64_t len;                         // bytes that are there
    char path[CL_CLI_PATH_CAP];           // where it belongs
    char temporary[CL_CLI_PATH_CAP + 32]; // where it is
};

/* Opens the one beside path that has that tag, or begins it. CL_ERR_USAGE: path names something
 * that is no regular file, or is too long, or what has the part's name is somebody else's, or has
 * other names as well; CL_ERR_IO. Nothing is open then. */
CL_MUST_CHECK enum cl_err cl_file_part_open(const char *path, const char *tag,
                                            struct cl_file_part *part, struct cl_why *why);
/* Leaves what there is for another run. */
void cl_file_part_close(struct cl_file_part *part);
/* Bytes from that place on, CL_FILE_PIECE_BYTES at most; none: that was all. CL_ERR_IO. */
#define CL_FILE_PIECE_BYTES ((size_t)64 * 1024)
CL_MUST_CHECK enum cl_err cl_file_part_read(const struct cl_file_part *part, uint64_t at,
                                            char ret_bytes[static CL_FILE_PIECE_BYTES],
                                            size_t *ret_len, struct cl_why *why);
CL_MUST_CHECK enum cl_err cl_file_part_append(struct cl_file_part *part, cl_str bytes,
                                              struct cl_why *why);
/* Empties it. CL_ERR_IO. */
CL_MUST_CHECK enum cl_err cl_file_part_restart(struct cl_file_part *part, struct cl_why *why);
/* It is whole: puts it in its place, as cl_file_write does, with the mode of cl_file_mode. */
CL_MUST_CHECK enum cl_err cl_file_part_keep(struct cl_file_part *part, struct cl_why *why);

#endif
