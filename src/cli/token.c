// SPDX-License-Identifier: MIT
#include "cli/token.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/file.h"

/* The whole file; only its first line matters. */
#define FILE_BYTES_MAX (4 * CL_KIB)

/* Puts the text into *ret_secret; name says where it came from. */
static enum cl_err
keep(cl_str text, const char *what, const char *name, struct cl_secret *ret_secret,
     struct cl_why *why)
{
    if (text.len == 0)
        return cl_fail(CL_ERR_USAGE, why, "The %s in %s is empty.", what, name);
    if (cl_secret_init(ret_secret, text) != CL_OK)
        return cl_fail(CL_ERR_USAGE, why, "The %s in %s is longer than %d bytes.", what, name,
                       CL_SECRET_BYTES_MAX);
    return CL_OK;
}

/* The first line of the file. */
static enum cl_err
take_file(const struct cl_token_words *words, struct cl_secret *ret_secret, struct cl_why *why)
{
    struct cl_buf buf;
    cl_str line, rest;
    char *space, name[64];
    cl_buf_init(&buf, FILE_BYTES_MAX);
    enum cl_err err = cl_buf_reserve(&buf, FILE_BYTES_MAX, &space);
    if (err != CL_OK)
        return cl_fail(err, why, "Out of memory.");
    err = cl_file_read(words->file, &buf, why); // nothing grows, and leaves a copy behind
    if (err == CL_OK) {
        (void)cl_str_split(cl_buf_str(&buf), '\n', &line, &rest); // one line or more
        line = cl_str_ends(line, CL_STR("\r")) ? cl_str_part(line, 0, line.len - 1) : line;
        (void)snprintf(name, sizeof name, "the first line of %s", words->file_option);
        err = keep(line, words->what, name, ret_secret, why);
    }
    if (buf.ptr != NULL)
        cl_secret_wipe(buf.ptr, buf.cap);
    cl_buf_done(&buf);
    return err;
}

enum cl_err
cl_token_take_other(const struct cl_token_words *words, struct cl_secret *ret_secret,
                    struct cl_why *why)
{
    char *found = getenv(words->variable);
    enum cl_err err = CL_OK;
    struct cl_secret secret = {0};
    if (words->file != NULL && words->typed != NULL)
        err = cl_fail(CL_ERR_USAGE, why, "%s and %s were given: give one.", words->option,
                      words->file_option);
    else if (words->file != NULL)
        err = take_file(words, &secret, why);
    else if (words->typed != NULL)
        err = keep(cl_str_z(words->typed), words->what, words->option, &secret, why);
    else if (found != NULL && found[0] != '\0')
        err = keep(cl_str_z(found), words->what, words->variable, &secret, why);
    if (words->typed != NULL)
        cl_secret_wipe(words->typed, cl_str_z(words->typed).len);
    if (found != NULL)
        cl_secret_wipe(found, cl_str_z(found).len);
    if (err == CL_OK)
        *ret_secret = secret;
    cl_secret_done(&secret);
    return err;
}

enum cl_err
cl_token_take(struct cl_opts *opts, struct cl_secret *ret_token, struct cl_why *why)
{
    const struct cl_token_words words = {.what = "token",
                                         .option = "--token",
                                         .file_option = "--token-file",
                                         .variable = "CLAWLINK_TOKEN",
                                         .typed = opts->token,
                                         .file = opts->globals[CL_GLOBAL_TOKEN_FILE]};
    return cl_token_take_other(&words, ret_token, why);
}
