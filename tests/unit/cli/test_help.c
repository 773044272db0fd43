// SPDX-License-Identifier: MIT
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/opts.h"
#include "support/test.h"

static bool
contains(struct cl_page *page, const char *part)
{
    cl_page_raw(page, cl_str_of("", 1)); // the NUL that strstr needs
    bool found = page->err == CL_OK && strstr(page->buf.ptr, part) != NULL;
    cl_buf_truncate(&page->buf, page->buf.len - 1);
    return found;
}

/* Does a text that it contains end before a blank or a line's end? */
static bool
stands_apart(struct cl_page *page, const char *part)
{
    char longer[2][80];
    (void)snprintf(longer[0], sizeof longer[0], "%s ", part);
    (void)snprintf(longer[1], sizeof longer[1], "%s\n", part);
    return contains(page, longer[0]) || contains(page, longer[1]);
}

TEST(the_general_help_lists_every_verb_and_every_global_option)
{
    struct cl_page page;
    char line[96];
    cl_page_init(&page, SIZE_MAX, false);
    cl_help_all(&page, CL_STR(""));
    CHECK_OK(page.err);
    for (size_t i = 0; cl_cmds[i] != NULL; i++) {
        test_note("%s", cl_cmds[i]->name);
        (void)snprintf(line, sizeof line, "\n  %-*s%s\n", CL_HELP_VERB_COLUMNS, cl_cmds[i]->name,
                       cl_cmds[i]->summary);
        CHECK(contains(&page, line));
    }
    for (size_t i = 0; cl_opts_globals[i].name != NULL; i++) {
        test_note("%s", cl_opts_globals[i].name);
        (void)snprintf(line, sizeof line, "\n  --%s ", cl_opts_globals[i].name);
        CHECK(contains(&page, line));
    }
    cl_page_done(&page);
}

TEST(the_general_help_explains_every_exit_status)
{
    struct cl_page page;
    char line[16];
    cl_page_init(&page, SIZE_MAX, false);
    cl_help_all(&page, CL_STR(""));
    for (unsigned i = 0; i < CL_ERR_COUNT; i++) {
        (void)snprintf(line, sizeof line, "  %d  ", cl_err_exit((enum cl_err)i));
        test_note("%s", cl_err_wire((enum cl_err)i));
        CHECK(contains(&page, line));
    }
    cl_page_done(&page);
}

static bool
is_one_of(const char *word, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

TEST(the_relays_options_say_their_defaults_and_call_like_values_alike)
{
    static const char *const values[] = {"ADDRESS", "DIR",     "FILE",      "FORMAT", "LEVEL",
                                         "N",       "NAME",    "N[,BURST]", "ORIGIN", "OPTIONS",
                                         "WHEN",    "SECONDS", NULL};
    static const char *const without[] = {
        "tls-cert", "tls-key", "allow-host", "user", "agent-link", "agent-link-secret-file", NULL};
    static const struct cl_cmd *const cmds[] = {&cl_cmd_relay, &cl_cmd_relay_status,
                                                &cl_cmd_relay_install};
    for (size_t i = 0; i < sizeof cmds / sizeof *cmds; i++)
        for (const struct cl_opt *opt = cmds[i]->options; opt->name != NULL; opt++) {
            test_note("%s --%s", cmds[i]->name, opt->name);
            CHECK(opt->value == NULL || is_one_of(opt->value, values));
            CHECK(opt->value == NULL || is_one_of(opt->name, without) ||
                  strstr(opt->help, "default ") != NULL);
        }
}

static void
check_verb_help(const struct cl_cmd *cmd)
{
    struct cl_page page;
    char word[64];
    cl_page_init(&page, SIZE_MAX, false);
    cl_help_verb(&page, cl_str_z(cmd->name));
    CHECK_OK(page.err);
    (void)snprintf(word, sizeof word, "usage: clawlink %s", cmd->name);
    CHECK(contains(&page, word));
    for (const struct cl_opt *opt = cmd->options; opt->name != NULL; opt++) {
        const char *dashes = cl_opt_is_word(opt) ? "" : "--";
        bool may_lack =
            opt->kind != CL_OPT_REQUIRED && opt->kind != CL_OPT_WORD && opt->kind != CL_OPT_WORDS;
        (void)snprintf(word, sizeof word, "\n  %s%s ", dashes, opt->name);
        CHECK(contains(&page, word));
        (void)snprintf(word, sizeof word, "\n  %s%s%s%s", dashes, opt->name,
                       opt->value == NULL ? "" : " ", opt->value == NULL ? "" : opt->value);
        CHECK(stands_apart(&page, word));
        (void)snprintf(word, sizeof word, " %s%s%s", may_lack ? "[" : "", dashes, opt->name);
        CHECK(contains(&page, word));
    }
    CHECK(contains(&page, "\nexamples:\n  "));
    cl_page_done(&page);
}

TEST(the_help_of_each_verb_shows_every_option_and_an_example)
{
    for (size_t i = 0; cl_cmds[i] != NULL; i++) {
        test_note("%s", cl_cmds[i]->name);
        check_verb_help(cl_cmds[i]);
    }
}

/* Those that may be left out behind those that may not, and nothing behind one without number. */
static void
check_words_come_first(const struct cl_cmd *cmd)
{
    static const int order[] = {
        [CL_OPT_WORD] = 0,     [CL_OPT_MAYBE_WORD] = 1, [CL_OPT_WORDS] = 2, [CL_OPT_OPTIONAL] = 3,
        [CL_OPT_REQUIRED] = 3, [CL_OPT_LIST] = 3,       [CL_OPT_SECRET] = 3};
    int before = 0;
    for (const struct cl_opt *opt = cmd->options; opt->name != NULL; opt++) {
        test_note("%s %s", cmd->name, opt->name);
        CHECK(order[opt->kind] >= before);
        CHECK(before < 2 || order[opt->kind] == 3);
        CHECK(!cl_opt_is_word(opt) || opt->value == NULL);
        before = order[opt->kind];
    }
}

TEST(the_table_keeps_its_own_rules)
{
    for (size_t i = 0; cl_cmds[i] != NULL; i++) {
        const struct cl_cmd *cmd = cl_cmds[i];
        test_note("%s", cmd->name);
        CHECK(cl_cmd_find(cl_str_z(cmd->name)) == cmd);
        CHECK(cmd->summary[strlen(cmd->summary) - 1] != '.');
        CHECK((cmd->run == NULL) == (cmd == &cl_cmd_relay));
        CHECK(!(cmd->is_local && (cmd->needs_agent || cmd->needs_me)));
        CHECK(strlen(cmd->name) < CL_HELP_VERB_COLUMNS);
        size_t len = 0;
        for (const struct cl_opt *opt = cmd->options; opt->name != NULL; opt++, len++)
            for (unsigned g = 0; g < CL_GLOBAL_COUNT && cmd->run != NULL; g++)
                CHECK(!cl_opts_takes(cmd, g) || strcmp(opt->name, cl_opts_globals[g].name) != 0);
        CHECK(len <= CL_OPTS_MAX);
        check_words_come_first(cmd);
        for (const struct cl_number *at = cmd->numbers; at != NULL && at->option != NULL; at++)
            CHECK(cmd->options[cl_opts_index(cmd, at->option)].value != NULL && at->min < at->max);
        cl_str first, second;
        if (cl_str_split(cl_str_z(cmd->name), ' ', &first, &second))
            CHECK(cl_cmd_find_second(cl_cmd_find(first), second) == cmd);
    }
    CHECK(cl_cmd_find(CL_STR("survey")) == NULL);
}

/* What stands for a value is the same word in every verb of an agent. */
TEST(values_are_called_by_the_same_words)
{
    static const char *const words[] = {"SECONDS", "FILE", "NAME",  "AGENT", "ID",     "TEXT",
                                        "A,B",     "JSON", "LEVEL", "KEY",   "TYPE",   "TOPIC",
                                        "STATUS",  "N",    "RUNG",  "URL",   "SECRET", NULL};
    for (size_t i = 0; cl_cmds[i] != NULL; i++) {
        const struct cl_cmd *cmd = cl_cmds[i];
        if (cl_str_starts(cl_str_z(cmd->name), CL_STR("relay")))
            continue;
        for (const struct cl_opt *opt = cmd->options; opt->name != NULL; opt++) {
            test_note("%s --%s %s", cmd->name, opt->name, opt->value == NULL ? "" : opt->value);
            CHECK(opt->value == NULL || is_one_of(opt->value, words));
        }
    }
}

/* The words of a line, as a shell would cut them; enough for our own examples. */
static int
cut_words(char *line, char **words, int words_max)
{
    int count = 0;
    char *out = line;
    for (char *in = line; *in != '\0' && count < words_max;) {
        char quote = '\0';
        words[count++] = out;
        for (; *in != '\0' && (quote != '\0' || *in != ' '); in++) {
            if (quote == '\0' ? *in == '"' || *in == '\'' : *in == quote)
                quote = quote == '\0' ? *in : '\0';
            else
                *out++ = *in;
        }
        while (*in == ' ')
            in++;
        *out++ = '\0';
    }
    return count;
}

/* Each example, its lines joined where they end in a backslash, up to a pipe. */
static bool
next_example(const char **rest, char *ret_line, size_t cap)
{
    size_t len = 0;
    if (**rest == '\0')
        return false;
    while (**rest != '\0' && len + 1 < cap) {
        if (strncmp(*rest, "\\\n", 2) == 0) {
            *rest += 2;
            continue;
        }
        if (*(*rest)++ == '\n')
            break;
        ret_line[len++] = (*rest)[-1];
    }
    ret_line[len] = '\0';
    return true;
}

TEST(every_example_is_understood_by_the_parser)
{
    unsigned count = 0;
    for (size_t i = 0; cl_cmds[i] != NULL; i++) {
        const char *rest = cl_cmds[i]->examples;
        char line[256];
        while (next_example(&rest, line, sizeof line)) {
            char *words[32];
            struct cl_opts opts;
            struct cl_why why = {""};
            char *begin = strstr(line, "clawlink ");
            CHECK(begin != NULL);
            char *pipe_mark = strstr(begin, " | ");
            if (pipe_mark != NULL)
                *pipe_mark = '\0';
            test_note("%s", begin);
            int words_len = cut_words(begin, words, 32);
            CHECK_OK(cl_opts_parse(words_len, words, &opts, &why));
            CHECK(opts.cmd == cl_cmds[i]);
            CHECK_OK(cl_opts_check(&opts, &why));
            count++;
        }
    }
    CHECK(count >= 20);
}

TEST(the_version_is_the_projects)
{
    struct cl_page page;
    cl_page_init(&page, SIZE_MAX, false);
    cl_help_version(&page, CL_STR(""));
    CHECK(cl_str_starts(cl_buf_str(&page.buf), CL_STR("clawlink 0.")));
    cl_page_done(&page);
}
