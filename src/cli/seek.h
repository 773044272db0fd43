// SPDX-License-Identifier: MIT
/*
 * cli/seek.h - which relay, when the user has named none.
 *
 * One on this machine first, then whatever answers on the local network. That is unverified, so
 * nothing secret goes there: a token is sent only to a relay that the user has named once (--relay,
 * or the saved state), and of several that answer none is taken.
 */
#ifndef CL_CLI_SEEK_H
#define CL_CLI_SEEK_H

#include "cli/run.h"
#include "client/scan.h"

#define CL_RELAY_DEFAULT "http://localhost:9077"
#define CL_SEEK_URL_CAP  128

struct cl_seek {
    char url[CL_SEEK_URL_CAP];
    bool is_found; // on the local network: not to be saved as if the user had named it
};

/* CL_ERR_NO_RELAY: nobody is there, or only one that has to be named first; CL_ERR_AMBIGUOUS:
 * several are. The sentence says how to name one. */
CL_MUST_CHECK enum cl_err cl_seek(struct cl_run *run, bool has_token, struct cl_seek *ret_seek,
                                  struct cl_why *why);

/* The words that name a relay on the command line: "--relay URL", and its pin if it has one. */
#define CL_SEEK_WORDS_CAP 320
void cl_seek_words(const struct cl_seen *seen, char ret_words[static CL_SEEK_WORDS_CAP]);

#endif
