// SPDX-License-Identifier: MIT
#include "cli/opts.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "proto/id_text.h"

const struct cl_opt cl_opts_globals[] = {
    {"relay", "URL",
     "the relay to talk to; else the one that register saved,\n"
     "else http://localhost:9077, else the one that answers\n"
     "on the local network, if no token is at stake",
     CL_OPT_OPTIONAL},
    {"pin", "PIN",
     "the relay's key, as it prints it: sha256:...; for https://\n"
     "without a certificate of an authority; several with commas",
     CL_OPT_OPTIONAL},
    {"token", "TOKEN",
     "the relay's token; CLAWLINK_TOKEN in the environment does\n"
     "the same and leaves no trace in the shell's history",
     CL_OPT_OPTIONAL},
    {"token-file", "FILE", "a file whose first line is the token", CL_OPT_OPTIONAL},
    {"as", "NAME",
     "which of several agents on this machine: its state is in\n"
     "~/.clawlink/agents/NAME.json",
     CL_OPT_OPTIONAL},
    {"agent", "NAME",
     "who I am to protocol v2: NAME on this machine; else\n"
     "CLAWLINK_AGENT, the name that register saved, or --as",
     CL_OPT_OPTIONAL},
    {"instance", "NAME",
     "which machine or installation this is; else\n"
     "CLAWLINK_INSTANCE, or the host's name",
     CL_OPT_OPTIONAL},
    {"json", NULL, "results and errors for programs, one JSON object per line", CL_OPT_OPTIONAL},
    {"help", NULL, "explain the verb", CL_OPT_OPTIONAL},
    {"version", NULL, "print the program's version", CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

/* Words longer than this are not worth a guess. */
#define GUESS_BYTES_MAX 32

struct parser {
    char **at;
    char **end;
    bool has_only_words; // `--` was there
    struct cl_opts opts;
};

bool
cl_opt_is_word(const struct cl_opt *opt)
{
    return opt->kind == CL_OPT_WORD || opt->kind == CL_OPT_MAYBE_WORD || opt->kind == CL_OPT_WORDS;
}

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance: letters to insert, drop or replace. */
static size_t
distance(cl_str a, cl_str b)
{
    size_t row[GUESS_BYTES_MAX + 1];
    if (a.len > GUESS_BYTES_MAX || b.len > GUESS_BYTES_MAX)
        return GUESS_BYTES_MAX;

    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t replaced = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            diagonal = row[j];
            row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.len];
}

/* Keeps the nearer of two guesses; only a third of the word may differ. */
static void
guess(cl_str word, const char *candidate, const char **best, size_t *best_distance)
{
    size_t found = distance(word, cl_str_z(candidate));
    if (found < *best_distance && found <= word.len / 3 + 1) {
        *best = candidate;
        *best_distance = found;
    }
}

static const char *
nearest_option(cl_str word, const struct cl_cmd *cmd)
{
    const char *best = NULL;
    size_t best_distance = GUESS_BYTES_MAX;
    for (const struct cl_opt *opt = cmd == NULL ? NULL : cmd->options; opt && opt->name; opt++)
        if (!cl_opt_is_word(opt))
            guess(word, opt->name, &best, &best_distance);
    for (const struct cl_opt *opt = cl_opts_globals; opt->name != NULL; opt++)
        guess(word, opt->name, &best, &best_distance);
    return best;
}

/* Among those that begin with `first`, what they have behind it; "" for all. */
static const char *
nearest_verb(cl_str first, const char *word)
{
    const char *best = NULL;
    size_t best_distance = GUESS_BYTES_MAX;
    for (size_t i = 0; cl_cmds[i] != NULL; i++)
        if (cl_str_starts(cl_str_z(cl_cmds[i]->name), first))
            guess(cl_str_z(word), cl_cmds[i]->name + first.len, &best, &best_distance);
    return best;
}

/* Words that people try, and what they mean. */
static const char *
advice_for(cl_str word)
{
    static const struct {
        const char *word, *advice;
    } rows[] = {
        {"reply", "`clawlink send TO TEXT --re ID` answers a message, `clawlink respond` a task."},
        {"answer", "`clawlink send TO TEXT --re ID` answers a message, `clawlink respond` a task."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cl_str_eq(word, cl_str_z(rows[i].word)))
            return rows[i].advice;
    return NULL;
}

/* The verb of which that is the second word, or NULL. */
static const char *
verb_with_second(cl_str word)
{
    cl_str first, second;
    for (size_t i = 0; cl_cmds[i] != NULL; i++)
        if (cl_str_split(cl_str_z(cl_cmds[i]->name), ' ', &first, &second) &&
            cl_str_eq(second, word))
            return cl_cmds[i]->name;
    return NULL;
}

/* The index of the option in the table, or -1. */
static int
option_index(const struct cl_opt *options, cl_str name)
{
    for (int i = 0; options != NULL && options[i].name != NULL; i++)
        if (cl_str_eq(name, cl_str_z(options[i].name)))
            return i;
    return -1;
}

static bool
takes_words(const struct cl_cmd *cmd)
{
    return cmd != NULL && cl_opt_is_word(&cmd->options[0]);
}

static enum cl_err
unknown_option(const struct cl_cmd *cmd, cl_str name, struct cl_why *why)
{
    const char *verb = cmd == NULL ? "VERB" : cmd->name;
    bool is_text = cl_str_find(name, ' ') < name.len;
    const char *near = is_text ? NULL : nearest_option(name, cmd);
    if (near != NULL)
        return cl_fail(CL_ERR_USAGE, why,
                       "unknown option \"--%.*s\": did you mean \"--%s\"? "
                       "`clawlink %s --help` lists the options.",
                       CL_STR_ARG(name), near, verb);
    if (takes_words(cmd))
        return cl_fail(CL_ERR_USAGE, why,
                       "unknown option \"--%.*s\": `clawlink %s --help` lists the options. Put -- "
                       "before a text that begins with a dash.",
                       CL_STR_ARG(cl_str_part(name, 0, 100)), verb);
    return cl_fail(CL_ERR_USAGE, why,
                   cmd == NULL
                       ? "unknown option \"--%.*s\" before the verb: the options of a verb "
                         "stand behind it. `clawlink %s --help` lists them."
                       : "unknown option \"--%.*s\": `clawlink %s --help` lists the options.",
                   CL_STR_ARG(name), verb);
}

static enum cl_err
take_value(struct parser *parser, const struct cl_opt *opt, char *inline_value, char **ret_value,
           struct cl_why *why)
{
    static char given[] = "";
    if (opt->value == NULL && inline_value != NULL)
        return cl_fail(CL_ERR_USAGE, why, "--%s takes no value, \"%s\" was given: leave it out.",
                       opt->name, inline_value);
    if (opt->value == NULL) {
        *ret_value = given;
        return CL_OK;
    }
    if (inline_value == NULL && parser->at == parser->end)
        return cl_fail(CL_ERR_USAGE, why, "--%s needs a value: write --%s %s.", opt->name,
                       opt->name, opt->value);
    *ret_value = inline_value != NULL ? inline_value : *parser->at++;
    return CL_OK;
}

/* An option of which before is the value so far was given once more. */
static enum cl_err
again(struct cl_opts *opts, const struct cl_opt *opt, int index, const char *before,
      struct cl_why *why)
{
    if (opt->value == NULL)
        return CL_OK; // a switch is on
    if (opt->kind != CL_OPT_LIST)
        return cl_fail(CL_ERR_USAGE, why, "--%s was given twice: give it once.", opt->name);
    if (opts->more_len == CL_OPTS_MORE_MAX)
        return cl_fail(CL_ERR_USAGE, why, "--%s was given too often: put commas between values.",
                       opt->name);
    opts->more[opts->more_len++] = (struct cl_opts_more){index, before};
    return CL_OK;
}

/* One option; parser->at stands behind it. */
static enum cl_err
parse_option(struct parser *parser, char *word, struct cl_why *why)
{
    struct cl_opts *opts = &parser->opts;
    cl_str name, rest;
    bool has_inline = cl_str_split(cl_str_z(word + 2), '=', &name, &rest);

    const struct cl_opt *table = opts->cmd == NULL ? NULL : opts->cmd->options;
    const char **values = opts->values;
    int index = option_index(table, name);
    if (index < 0 || cl_opt_is_word(&table[index])) {
        table = cl_opts_globals;
        values = opts->globals;
        index = option_index(table, name);
    }
    if (index < 0)
        return unknown_option(opts->cmd, name, why);
    CL_ASSERT(index < CL_OPTS_MAX);

    char *value;
    char *inline_value = has_inline ? word + 2 + name.len + 1 : NULL;
    enum cl_err err = take_value(parser, &table[index], inline_value, &value, why);
    if (err != CL_OK)
        return err;
    if (values[index] != NULL) {
        err = again(opts, &table[index], index, values[index], why);
        if (err != CL_OK)
            return err;
    }
    values[index] = value;
    if (values == opts->globals && index == CL_GLOBAL_TOKEN)
        opts->token = value;
    if (table[index].kind == CL_OPT_SECRET)
        opts->secret = value;
    return CL_OK;
}

static bool
has_values(const struct cl_opts *opts)
{
    for (size_t i = 0; i < CL_OPTS_MAX; i++)
        if (opts->values[i] != NULL)
            return true;
    return false;
}

/* "dead show, dead retry, dead drop"; empty: the verb has no second words. */
static void
list_seconds(const char *prefix, char *text, size_t cap)
{
    int len = 0;
    text[0] = '\0';
    for (size_t i = 0; cl_cmds[i] != NULL && len >= 0 && (size_t)len < cap; i++)
        if (cl_str_starts(cl_str_z(cl_cmds[i]->name), cl_str_z(prefix)))
            len += snprintf(text + len, cap - (size_t)len, "%s%s", len == 0 ? "" : ", ",
                            cl_cmds[i]->name);
}

/* A second word makes another verb with options of its own, so it comes before any of them. */
static enum cl_err
parse_second(struct cl_opts *opts, const char *word, struct cl_why *why)
{
    const char *first = opts->cmd->name;
    char prefix[GUESS_BYTES_MAX], seconds[4 * GUESS_BYTES_MAX];
    const struct cl_cmd *cmd = cl_cmd_find_second(opts->cmd, cl_str_z(word));
    if (cmd != NULL && has_values(opts))
        return cl_fail(CL_ERR_USAGE, why,
                       "\"%s\" stands behind options of %s: write clawlink %s, then its options.",
                       word, first, cmd->name);
    if (cmd != NULL) {
        opts->cmd = cmd;
        return CL_OK;
    }
    (void)snprintf(prefix, sizeof prefix, "%s ", first); // verbs are short
    const char *near = nearest_verb(cl_str_z(prefix), word);
    if (near != NULL)
        return cl_fail(CL_ERR_USAGE, why,
                       "unknown verb \"%s %s\": did you mean \"%s %s\"? `clawlink --help` lists "
                       "the verbs.",
                       first, word, first, near);
    if (opts->cmd == &cl_cmd_relay)
        return cl_fail(
            CL_ERR_USAGE, why,
            "unexpected \"%s\" behind relay: there are `clawlink relay [options]`, which "
            "runs one, `clawlink relay status` and `clawlink relay install`. Ctrl-C ends "
            "a relay, `systemctl stop clawlink-relay` one that is a service.",
            word);
    list_seconds(prefix, seconds, sizeof seconds);
    if (seconds[0] != '\0')
        return cl_fail(CL_ERR_USAGE, why,
                       "unexpected \"%s\" behind %s: besides %s alone there are %s. `clawlink %s "
                       "--help` explains it.",
                       word, first, first, seconds, first);
    return cl_fail(CL_ERR_USAGE, why,
                   "unexpected \"%s\" behind %s: every value follows an option, and one with "
                   "spaces needs quotes. `clawlink %s --help` shows examples.",
                   word, first, first);
}

/* The place of the next word in the verb's table; -1: it takes no more. */
static int
word_index(const struct cl_opts *opts)
{
    const struct cl_opt *options = opts->cmd->options;
    for (int i = 0; options[i].name != NULL && cl_opt_is_word(&options[i]); i++)
        if (opts->values[i] == NULL || options[i].kind == CL_OPT_WORDS)
            return i;
    return -1;
}

static enum cl_err
take_word(struct cl_opts *opts, const char *word, struct cl_why *why)
{
    int index = word_index(opts);
    if (index < 0)
        return cl_fail(CL_ERR_USAGE, why,
                       "unexpected \"%s\" behind %s: a text with spaces needs quotes. `clawlink %s "
                       "--help` shows examples.",
                       word, opts->cmd->name, opts->cmd->name);
    if (opts->values[index] != NULL) {
        if (opts->more_len == CL_OPTS_MORE_MAX)
            return cl_fail(CL_ERR_USAGE, why, "%s takes %d words at a time, and there are more.",
                           opts->cmd->name, CL_OPTS_MORE_MAX + 1);
        opts->more[opts->more_len++] = (struct cl_opts_more){index, opts->values[index]};
    }
    opts->values[index] = word;
    return CL_OK;
}

static enum cl_err
parse_word(struct cl_opts *opts, const char *word, struct cl_why *why)
{
    if (takes_words(opts->cmd) &&
        (has_values(opts) || cl_cmd_find_second(opts->cmd, cl_str_z(word)) == NULL))
        return take_word(opts, word, why);
    if (opts->cmd != NULL)
        return parse_second(opts, word, why);
    if (strcmp(word, "help") == 0) {
        opts->wants_help = true;
        return CL_OK;
    }
    opts->cmd = cl_cmd_find(cl_str_z(word));
    if (opts->cmd != NULL)
        return CL_OK;
    const char *near = verb_with_second(cl_str_z(word)), *advice = advice_for(cl_str_z(word));
    if (advice != NULL)
        return cl_fail(CL_ERR_USAGE, why, "unknown verb \"%s\": %s", word, advice);
    if (near == NULL)
        near = nearest_verb(CL_STR(""), word);
    return cl_fail(CL_ERR_USAGE, why,
                   "unknown verb \"%s\"%s%s%s `clawlink --help` lists the verbs.", word,
                   near == NULL ? ":" : ": did you mean \"", near == NULL ? "" : near,
                   near == NULL ? "" : "\"?");
}

bool
cl_opts_takes(const struct cl_cmd *cmd, unsigned global)
{
    switch (global) {
    case CL_GLOBAL_RELAY:
    case CL_GLOBAL_PIN:
    case CL_GLOBAL_AS:
        return cmd == NULL || (cmd != &cl_cmd_relay && !cmd->is_local);
    case CL_GLOBAL_AGENT:
    case CL_GLOBAL_INSTANCE:
        // Who asks for agents is nobody, but may have said it once and for all, before the verb.
        return cmd == NULL || cmd->needs_me || cmd == &cl_cmd_agents;
    case CL_GLOBAL_TOKEN:
    case CL_GLOBAL_TOKEN_FILE:
        return cmd == NULL || !cmd->is_local;
    default:
        return true;
    }
}

/* Only now is the verb known that options before it are for. */
static enum cl_err
check_globals(const struct cl_opts *opts, struct cl_why *why)
{
    for (unsigned i = 0; i < CL_GLOBAL_COUNT; i++)
        if (opts->globals[i] != NULL && !cl_opts_takes(opts->cmd, i))
            return cl_fail(CL_ERR_USAGE, why,
                           "--%s means nothing to %s: leave it out. `clawlink %s --help` lists the "
                           "options.",
                           cl_opts_globals[i].name, opts->cmd->name, opts->cmd->name);
    return CL_OK;
}

/* One id in 64 begins with a dash; no option looks like one. */
static bool
is_id(const struct cl_cmd *cmd, const char *word)
{
    cl_id ignored;
    return takes_words(cmd) && cl_id_from_text(cl_str_z(word), &ignored);
}

static enum cl_err
parse_next(struct parser *parser, struct cl_why *why)
{
    static char help[] = "--help";
    char *word = *parser->at++;
    if (parser->has_only_words || is_id(parser->opts.cmd, word))
        return take_word(&parser->opts, word, why);
    if (strcmp(word, "--") == 0 && takes_words(parser->opts.cmd)) {
        parser->has_only_words = true;
        return CL_OK;
    }
    if (strcmp(word, "-h") == 0)
        word = help; // what everybody tries first
    if (strncmp(word, "--", 2) == 0)
        return parse_option(parser, word, why);
    if (word[0] == '-' && word[1] != '\0')
        return unknown_option(parser->opts.cmd, cl_str_z(word + 1), why);
    return parse_word(&parser->opts, word, why);
}

enum cl_err
cl_opts_parse(int argc, char **argv, struct cl_opts *ret_opts, struct cl_why *why)
{
    struct parser parser = {.at = argv + (argc > 0), .end = argv + argc};
    while (parser.at < parser.end) {
        enum cl_err err = parse_next(&parser, why);
        if (err != CL_OK)
            return err;
    }
    enum cl_err err = check_globals(&parser.opts, why);
    if (err != CL_OK)
        return err;
    if (parser.opts.globals[CL_GLOBAL_HELP] != NULL)
        parser.opts.wants_help = true;
    *ret_opts = parser.opts;
    return CL_OK;
}

unsigned
cl_opts_index(const struct cl_cmd *cmd, const char *name)
{
    int index = option_index(cmd->options, cl_str_z(name));
    CL_ASSERT(index >= 0);
    return (unsigned)index;
}

static enum cl_err
check_number(const struct cl_opts *opts, const struct cl_number *number, struct cl_why *why)
{
    const char *text = opts->values[cl_opts_index(opts->cmd, number->option)];
    uint64_t value;
    if (text == NULL ||
        (cl_str_to_u64(cl_str_z(text), number->max, &value) && value >= number->min))
        return CL_OK;
    return cl_fail(CL_ERR_USAGE, why, "--%s \"%s\" is not a whole number from %llu to %llu.",
                   number->option, text, (unsigned long long)number->min,
                   (unsigned long long)number->max);
}

enum cl_err
cl_opts_check(const struct cl_opts *opts, struct cl_why *why)
{
    enum cl_err err = CL_OK;
    const struct cl_number *number = opts->cmd->numbers;
    for (size_t i = 0; opts->cmd->options[i].name != NULL; i++) {
        const struct cl_opt *opt = &opts->cmd->options[i];
        bool is_word = opt->kind == CL_OPT_WORD || opt->kind == CL_OPT_WORDS;
        if (is_word && opts->values[i] == NULL)
            return cl_fail(CL_ERR_USAGE, why, "%s needs %s: `clawlink %s --help` shows examples.",
                           opts->cmd->name, opt->name, opts->cmd->name);
        if (opt->kind == CL_OPT_REQUIRED && opts->values[i] == NULL)
            return cl_fail(CL_ERR_USAGE, why,
                           "%s needs --%s %s: `clawlink %s --help` shows examples.",
                           opts->cmd->name, opt->name, opt->value, opts->cmd->name);
    }
    for (; err == CL_OK && number != NULL && number->option != NULL; number++)
        err = check_number(opts, number, why);
    return err;
}

enum cl_err
cl_opts_join(const struct cl_opts *opts, unsigned index, struct cl_buf *out)
{
    enum cl_err err = CL_OK;
    for (size_t i = 0; i < opts->more_len && err == CL_OK; i++)
        if (opts->more[i].index == (int)index)
            err = cl_buf_printf(out, "%s,", opts->more[i].value);
    if (err == CL_OK && opts->values[index] != NULL)
        err = cl_buf_append(out, cl_str_z(opts->values[index]));
    return err;
}

const char *
cl_opts_nth(const struct cl_opts *opts, unsigned index, size_t nth)
{
    for (size_t i = 0; i < opts->more_len; i++)
        if (opts->more[i].index == (int)index && nth-- == 0)
            return opts->more[i].value;
    return nth == 0 ? opts->values[index] : NULL;
}

uint64_t
cl_opts_number(const struct cl_opts *opts, unsigned index, uint64_t absent)
{
    const char *text = opts->values[index];
    uint64_t number = absent;
    bool is_number = text == NULL || cl_str_to_u64(cl_str_z(text), UINT64_MAX, &number);
    CL_ASSERT(is_number);
    return number;
}
