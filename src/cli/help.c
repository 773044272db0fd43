// SPDX-License-Identifier: MIT
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "cli/opts.h"

/* Where the explanations begin. */
#define NAME_COLUMNS 24
/* Usage lines are broken before this column. */
#define USAGE_COLUMNS 90

void
cl_help_version(struct cl_page *page, cl_str subject)
{
    (void)subject;
    cl_page_print(page, "clawlink %s\n", CLAWLINK_VERSION);
}

/* "  --name VALUE    text", the text's further lines below its first; all of them below a name that
 * has no room. */
static void
print_option(struct cl_page *page, const struct cl_opt *opt)
{
    char head[64];
    cl_str line, rest = cl_str_z(opt->help);
    (void)snprintf(head, sizeof head, "%s%s%s%s", cl_opt_is_word(opt) ? "" : "--", opt->name,
                   opt->value == NULL ? "" : " ", opt->value == NULL ? "" : opt->value);
    bool is_long = strlen(head) >= NAME_COLUMNS;
    if (is_long)
        cl_page_print(page, "  %s\n", head);
    for (const char *name = is_long ? "" : head; rest.len > 0; name = "") {
        (void)cl_str_split(rest, '\n', &line, &rest); // one line or more
        cl_page_print(page, "  %-*s%.*s\n", NAME_COLUMNS, name, CL_STR_ARG(line));
    }
}

static void
print_options(struct cl_page *page, const struct cl_opt *options)
{
    for (; options->name != NULL; options++)
        print_option(page, options);
}

/* Those that the verb takes; for no verb all. */
static void
print_globals(struct cl_page *page, const struct cl_cmd *cmd)
{
    for (unsigned i = 0; i < CL_GLOBAL_COUNT; i++)
        if (cl_opts_takes(cmd, i))
            print_option(page, &cl_opts_globals[i]);
}

/* "--to AGENT", "[--queue]", "ID", "[TEXT]", "ID..." */
static size_t
usage_word(const struct cl_opt *opt, char *word, size_t cap)
{
    bool is_word = cl_opt_is_word(opt);
    bool is_needed = opt->kind == CL_OPT_REQUIRED || (is_word && opt->kind != CL_OPT_MAYBE_WORD);
    int len =
        snprintf(word, cap, "%s%s%s%s%s%s%s", is_needed ? "" : "[", is_word ? "" : "--", opt->name,
                 opt->value == NULL ? "" : " ", opt->value == NULL ? "" : opt->value,
                 opt->kind == CL_OPT_WORDS ? "..." : "", is_needed ? "" : "]");
    CL_ASSERT(len > 0 && (size_t)len < cap);
    return (size_t)len;
}

static void
print_usage(struct cl_page *page, const struct cl_cmd *cmd)
{
    char word[96];
    size_t column = strlen("usage: clawlink ") + strlen(cmd->name);
    size_t indent = column;
    cl_page_print(page, "usage: clawlink %s", cmd->name);
    for (const struct cl_opt *opt = cmd->options; opt->name != NULL; opt++) {
        size_t len = usage_word(opt, word, sizeof word);
        if (column + 1 + len > USAGE_COLUMNS) {
            cl_page_print(page, "\n%*s", (int)indent, "");
            column = indent;
        }
        cl_page_print(page, " %s", word);
        column += 1 + len;
    }
    cl_page_print(page, "\n");
}

/* Each line of text behind two spaces. */
static void
print_lines(struct cl_page *page, const char *text)
{
    cl_str line, rest = cl_str_z(text);
    while (rest.len > 0) {
        (void)cl_str_split(rest, '\n', &line, &rest); // one line or more
        cl_page_print(page, "  %.*s\n", CL_STR_ARG(line));
    }
}

void
cl_help_verb(struct cl_page *page, cl_str subject)
{
    const struct cl_cmd *cmd = cl_cmd_find(subject);
    CL_ASSERT(cmd != NULL);

    cl_page_print(page, "%s.\n\n", cmd->summary);
    print_usage(page, cmd);
    if (cmd->options->name != NULL)
        cl_page_print(page,
                      cl_opt_is_word(cmd->options) ? "\narguments and options:\n" : "\noptions:\n");
    print_options(page, cmd->options);
    cl_page_print(page, "\ncommon options:\n");
    print_globals(page, cmd);
    if (cmd->notes != NULL)
        cl_page_print(page, "\nnotes:\n");
    print_lines(page, cmd->notes);
    cl_page_print(page, "\nexamples:\n");
    print_lines(page, cmd->examples);
}

void
cl_help_all(struct cl_page *page, cl_str subject)
{
    (void)subject;
    cl_page_print(page, "ClawLink: AI agents on different machines find each other and hand each "
                        "other work.\n\n"
                        "usage: clawlink [options] VERB [options]\n\nverbs:\n");
    for (size_t i = 0; cl_cmds[i] != NULL; i++)
        cl_page_print(page, "  %-*s%s\n", CL_HELP_VERB_COLUMNS, cl_cmds[i]->name,
                      cl_cmds[i]->summary);
    cl_page_print(page,
                  "\n`clawlink help VERB` explains one, with examples.\n\n"
                  "common options, before or behind the verb (relay takes no --relay, --pin and "
                  "--as;\nrelay backup, relay status, relay install, agent-link and scan no token "
                  "either; --agent\nand --instance are for the verbs of protocol v2):\n");
    print_globals(page, NULL);
    cl_page_print(page, "\nenvironment:\n");
    print_lines(page, "CLAWLINK_RELAY          the relay's URL, without --relay\n"
                      "CLAWLINK_TOKEN          the relay's token\n"
                      "CLAWLINK_AGENT          who I am, without --agent\n"
                      "CLAWLINK_INSTANCE       which machine this is, without --instance\n"
                      "CLAWLINK_STATE          the agent's state file, without --as; else\n"
                      "                        ~/.clawlink/agent_state.json\n"
                      "CLAWLINK_AGENT_LINK_SECRET\n"
                      "                        the secret that `agent-link setup` writes\n"
                      "http_proxy and its like are not used: connections go to the relay itself.");
    cl_page_print(page, "\nexit status:\n");
    print_lines(
        page, "0  done                             4  no such agent or file\n"
              "1  failed on this machine           5  too late: timeout, stale, expired\n"
              "2  wrong use, refused as it is      6  full, or too much: try later; or a loop\n"
              "3  not allowed                      7  no relay there, or it cannot now\n"
              "8  what --wait or ask waits for     9  the message has ended otherwise than --wait\n"
              "   is not proven in time               or ask hoped, or ack --outcome says\n"
              "130  ended by Ctrl-C; 0 from relay, watch, poll --follow and\n"
              "     heartbeat --every, which end so");
    cl_page_print(page, "\nexamples:\n");
    print_lines(page, "clawlink relay\n"
                      "clawlink register --name researcher --caps search,summarise\n"
                      "clawlink delegate --to analyst --task \"Check the numbers in report.md\"\n"
                      "clawlink poll --wait 30\n"
                      "clawlink ask analyst \"Do the numbers add up?\"");
}
