// SPDX-License-Identifier: MIT
/*
 * cli/opts.h - what was typed, taken apart.
 *
 * Long options only, as `--x value` or `--x=value`; whatever stands behind `--x` is its value,
 * also when it begins with dashes, so that any text can be handed over. Global options may
 * stand before and behind the verb, the verb's own behind it, and among them the words that it
 * takes; behind `--` all are words. Every mistake is CL_ERR_USAGE with a sentence that names the
 * word and, where one is near, the word that was meant.
 */
#ifndef CL_CLI_OPTS_H
#define CL_CLI_OPTS_H

#include <stdint.h>

#include "base/buf.h"
#include "cli/cmd.h"

/* The order of cl_opts_globals. */
enum cl_global {
    CL_GLOBAL_RELAY,
    CL_GLOBAL_PIN,
    CL_GLOBAL_TOKEN,
    CL_GLOBAL_TOKEN_FILE,
    CL_GLOBAL_AS,
    CL_GLOBAL_AGENT,
    CL_GLOBAL_INSTANCE,
    CL_GLOBAL_JSON,
    CL_GLOBAL_HELP,
    CL_GLOBAL_VERSION,
    CL_GLOBAL_COUNT
};

extern const struct cl_opt cl_opts_globals[];

/* Options of one verb; a longer table is a bug. */
#define CL_OPTS_MAX 40
/* Values that options of the kinds CL_OPT_LIST and CL_OPT_WORDS may have besides their last one,
 * all together. */
#define CL_OPTS_MORE_MAX 32

struct cl_opts_more {
    int index; // of the verb's option
    const char *value;
};

struct cl_opts {
    const struct cl_cmd *cmd;                   // NULL: no verb was given
    bool wants_help;                            // --help, or `help` before the verb
    const char *globals[CL_GLOBAL_COUNT];       // NULL: not given; a switch that was given reads ""
    const char *values[CL_OPTS_MAX];            // the verb's, in the order of its table
    struct cl_opts_more more[CL_OPTS_MORE_MAX]; // what was given before the value above
    size_t more_len;
    char *token;  // globals[CL_GLOBAL_TOKEN] once more, to be overwritten (cli/token.h)
    char *secret; // the same of the verb's option of kind CL_OPT_SECRET
};

/* Does the verb, or NULL for none, take that global option? The relay is no agent and calls none:
 * --relay, --pin and --as mean nothing to it. Nor do they, and the tokens, to a local verb; --agent
 * and --instance do to those of protocol v2 alone. */
bool cl_opts_takes(const struct cl_cmd *cmd, unsigned global);

/* The strings of argv must outlive *ret_opts. Options that are missing are not noticed here:
 * `--help` must work without them. */
CL_MUST_CHECK enum cl_err cl_opts_parse(int argc, char **argv, struct cl_opts *ret_opts,
                                        struct cl_why *why);
/* Is every required option of the verb there, and every number within its bounds? */
CL_MUST_CHECK enum cl_err cl_opts_check(const struct cl_opts *opts, struct cl_why *why);
/* The place of an option in the verb's table, in which it must be. */
unsigned cl_opts_index(const struct cl_cmd *cmd, const char *name);
/* Appends all values of that option of the verb, in their order, with commas between them. */
CL_MUST_CHECK enum cl_err cl_opts_join(const struct cl_opts *opts, unsigned index,
                                       struct cl_buf *out);
/* The values of that option of the verb one by one, in their order, from 0 on; NULL behind the last
 * one. */
const char *cl_opts_nth(const struct cl_opts *opts, unsigned index, size_t nth);
/* Is it one of the words, not an option? */
bool cl_opt_is_word(const struct cl_opt *opt);
/* The value of the verb's option `index`, one of its numbers, which cl_opts_check has looked at;
 * absent when it was not given. */
uint64_t cl_opts_number(const struct cl_opts *opts, unsigned index, uint64_t absent);

#endif
