// SPDX-License-Identifier: MIT
/*
 * What must be done before anything is read: tokens are hidden, streams and signals put in order.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/secret.h"
#include "cli/cli.h"
#include "main/data.h"
#include "main/start_relay.h"

#define TOKEN "--token"

/* Standard streams that are closed must not become the numbers of sockets. Nothing can be written
 * to what takes their place, so that lost results are noticed. */
static void
open_standard_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd); // one more than was wanted
}

/* Moves one argument into memory of ours and wipes its value where the process table shows it. */
static void
hide(char **argument, size_t value_at)
{
    size_t len = strlen(*argument);
    char *copy = cl_alloc_or_die(len + 1);
    memcpy(copy, *argument, len);
    cl_secret_wipe(*argument + value_at, len - value_at);
    *argument = copy;
}

/* Who reads the value afterwards wipes the copy. */
static void
hide_tokens(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], TOKEN) == 0 && i + 1 < argc)
            hide(&argv[++i], 0);
        else if (strncmp(argv[i], TOKEN "=", sizeof TOKEN) == 0)
            hide(&argv[i], sizeof TOKEN);
    }
}

static enum cl_err
run_relay(struct cl_opts *opts, struct cl_why *why)
{
    struct cl_data data;
    enum cl_err err = cl_data_open(opts, &data, why);
    return err == CL_OK ? cl_start_relay(opts, &data, why) : err;
}

int
main(int argc, char **argv)
{
    hide_tokens(argc, argv);
    open_standard_streams();
    // Neither can fail. What they stand for is an error of the write, which is told.
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    return cl_cli_main(argc, argv, run_relay);
}
