// SPDX-License-Identifier: MIT
/*
 * The relay over the test journal: `relay-test-journal relay --port 0 ...`. The suites of
 * tests/integration pass against it as well as against the real one.
 *
 * TEST_JOURNAL="SEED DELAY FULL READ_ONLY REFUSED" in the environment sets the journal's options
 * (tests/support/test_journal.h); default "1 100 0 0 0".
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "main/start_relay.h"
#include "support/test_journal.h"

static struct test_journal_options options;

static enum cl_err
run_relay(struct cl_opts *opts, struct cl_why *why)
{
    struct cl_data data = {.journal = test_journal_open(&options)};
    if (data.journal == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "Out of memory.");
    enum cl_err err = cl_data_open_blobs(opts, NULL, &data.blobs, why);
    if (err == CL_OK)
        return cl_start_relay(opts, &data, why);
    cl_journal_close(data.journal);
    return err;
}

int
main(int argc, char **argv)
{
    unsigned long long seed = 1;
    unsigned delay = TEST_JOURNAL_DELAY_MAX, full = 0, read_only = 0, refused = 0;
    const char *text = getenv("TEST_JOURNAL");
    if (text != NULL &&
        sscanf(text, "%llu %u %u %u %u", &seed, &delay, &full, &read_only, &refused) != 5) {
        (void)fprintf(stderr, "TEST_JOURNAL: five numbers are wanted, not \"%s\"\n", text);
        return 2;
    }
    options = (struct test_journal_options){.seed = seed,
                                            .delay_max = delay,
                                            .full_per_million = full,
                                            .read_only_per_million = read_only,
                                            .refused_per_million = refused};
    (void)signal(SIGPIPE, SIG_IGN); // cannot fail for this signal
    return cl_cli_main(argc, argv, run_relay);
}
