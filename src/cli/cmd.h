// SPDX-License-Identifier: MIT
/*
 * cli/cmd.h - the one table of verbs.
 *
 * A verb is a file cmd_<name>.c that opens with its options and its entry here. Dispatch, the
 * option parser, `clawlink --help` and `clawlink VERB --help` all read the entry, and a test
 * holds them together. A verb may have a second word, "relay status": its name has a space, its
 * first word is a verb of its own, and its file is cmd_relay_status.c.
 */
#ifndef CL_CLI_CMD_H
#define CL_CLI_CMD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct cl_opts;
struct cl_run;

enum cl_opt_kind {
    CL_OPT_OPTIONAL,
    CL_OPT_REQUIRED,
    CL_OPT_LIST,   // may be given again: its values add up
    CL_OPT_SECRET, // optional; its value is overwritten in argv (cl_opts, secret); one of a verb
    /* Words that stand by themselves, `trace ID`, each in its place: they come first in the table,
     * and those that may be left out behind those that may not. */
    CL_OPT_WORD,
    CL_OPT_MAYBE_WORD,
    CL_OPT_WORDS, // the last of them: one or more
};

struct cl_opt {
    const char *name;  // without the dashes; of a word what stands for it in the help, "ID"
    const char *value; // what stands for its value in the help; NULL: a switch, or a word
    const char *help;
    enum cl_opt_kind kind;
};

/* An option whose value is a whole number, min to max. */
struct cl_number {
    const char *option;
    uint64_t min;
    uint64_t max;
};

struct cl_cmd {
    const char *name; // one word, or two with a space
    const char *summary;
    bool needs_agent;                // only for one that has registered: its id is there
    bool needs_me;                   // only for somebody with an address: run->me (cli/me.h)
    bool is_local;                   // no agent's call to a relay: run has no state and no client
    const struct cl_opt *options;    // ends with a NULL name; their order is the verb's own enum
    const struct cl_number *numbers; // of them; ends with a NULL option; NULL: there are none
    const char *notes;               // what the summary cannot say; NULL, or whole lines
    const char *examples;            // one per line
    /* Are the other values that were given good ones? Asked before anything is read or sent; NULL:
     * there is nothing to check. */
    enum cl_err (*check)(const struct cl_opts *opts, struct cl_why *why);
    /* NULL for relay, which cl_cli_main is handed. What it answers is the exit status. */
    enum cl_err (*run)(struct cl_run *run, struct cl_why *why);
};

extern const struct cl_cmd cl_cmd_relay;
extern const struct cl_cmd cl_cmd_relay_backup;
extern const struct cl_cmd cl_cmd_relay_status;
extern const struct cl_cmd cl_cmd_relay_install;
extern const struct cl_cmd cl_cmd_register;
extern const struct cl_cmd cl_cmd_discover;
extern const struct cl_cmd cl_cmd_heartbeat;
extern const struct cl_cmd cl_cmd_delegate;
extern const struct cl_cmd cl_cmd_broadcast;
extern const struct cl_cmd cl_cmd_poll;
extern const struct cl_cmd cl_cmd_respond;
extern const struct cl_cmd cl_cmd_file_put;
extern const struct cl_cmd cl_cmd_file_get;
extern const struct cl_cmd cl_cmd_file_list;
extern const struct cl_cmd cl_cmd_agents;
extern const struct cl_cmd cl_cmd_send;
extern const struct cl_cmd cl_cmd_ask;
extern const struct cl_cmd cl_cmd_inbox;
extern const struct cl_cmd cl_cmd_ack;
extern const struct cl_cmd cl_cmd_watch;
extern const struct cl_cmd cl_cmd_trace;
extern const struct cl_cmd cl_cmd_dead;
extern const struct cl_cmd cl_cmd_dead_show;
extern const struct cl_cmd cl_cmd_dead_retry;
extern const struct cl_cmd cl_cmd_dead_drop;
extern const struct cl_cmd cl_cmd_agent_link;
extern const struct cl_cmd cl_cmd_agent_link_setup;
extern const struct cl_cmd cl_cmd_scan;
extern const struct cl_cmd cl_cmd_info;

/* Every verb in the order of the help; ends with NULL. */
extern const struct cl_cmd *const cl_cmds[];

/* NULL when there is none of that name. */
const struct cl_cmd *cl_cmd_find(cl_str name);
/* The verb of two words of which `first` is the first; NULL when there is none. */
const struct cl_cmd *cl_cmd_find_second(const struct cl_cmd *first, cl_str second);

#endif
