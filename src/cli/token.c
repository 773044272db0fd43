// SPDX-License-Identifier: MIT
#include "cli/token.h"

#include <stdlib.h>

#include "cli/file.h"

/* The whole file; only its first line matters. */
#define FILE_BYTES_MAX (4 * CL_KIB)

/* Puts the text into *ret_token; name says where it came from. */
static enum cl_err
keep(cl_str text, const char *name, struct cl_secret *ret_token, struct cl_why *why)
{
    if (text.len == 0)
        return cl_fail(CL_ERR_USAGE, why, "The token in %s is empty.", name);
    if (cl_secret_init(ret_token, text) != CL_OK)
        return cl_fail(CL_ERR_USAGE, why, "The token in %s is longer than %d bytes.", name,
                       CL_SECRET_BYTES_MAX);
    return CL_OK;
}

/* The first line of the file. */
static enum cl_err
take_file(const char *path, struct cl_secret *ret_token, struct cl_why *why)
{
    struct cl_buf buf;
    cl_str line, rest;
    char *space;
    cl_buf_init(&buf, FILE_BYTES_MAX);
    enum cl_err err = cl_buf_reserve(&buf, FILE_BYTES_MAX, &space);
    if (err != CL_OK)
        return cl_fail(err, why, "Out of memory.");
    err = cl_file_read(path, &buf, why); // nothing grows, and leaves a copy behind
    if (err == CL_OK) {
        (void)cl_str_split(cl_buf_str(&buf), '\n', &line, &rest); // one line or more
        line = cl_str_ends(line, CL_STR("\r")) ? cl_str_part(line, 0, line.len - 1) : line;
        err = keep(line, "the first line of --token-file", ret_token, why);
    }
    if (buf.ptr != NULL)
        cl_secret_wipe(buf.ptr, buf.cap);
    cl_buf_done(&buf);
    return err;
}

enum cl_err
cl_token_take(struct cl_opts *opts, struct cl_secret *ret_token, struct cl_why *why)
{
    const char *file = opts->globals[CL_GLOBAL_TOKEN_FILE];
    char *found = getenv("CLAWLINK_TOKEN");
    enum cl_err err = CL_OK;
    struct cl_secret token = {0};
    if (file != NULL && opts->token != NULL)
        err = cl_fail(CL_ERR_USAGE, why, "--token and --token-file were given: give one.");
    else if (file != NULL)
        err = take_file(file, &token, why);
    else if (opts->token != NULL)
        err = keep(cl_str_z(opts->token), "--token", &token, why);
    else if (found != NULL && found[0] != '\0')
        err = keep(cl_str_z(found), "CLAWLINK_TOKEN", &token, why);
    if (opts->token != NULL)
        cl_secret_wipe(opts->token, cl_str_z(opts->token).len);
    if (found != NULL)
        cl_secret_wipe(found, cl_str_z(found).len);
    if (err == CL_OK)
        *ret_token = token;
    cl_secret_done(&token);
    return err;
}
