// SPDX-License-Identifier: MIT
#include "cli/opts.h"

#include <stdio.h>
#include <string.h>

#include "proto/id_text.h"
#include "support/test.h"

#define WORDS_MAX 16

static struct cl_opts opts;
static struct cl_why why;

/* Parses "clawlink" and the words, which end with NULL. The strings stay where they are. */
static enum cl_err
parse(const char *const *words)
{
    static char store[WORDS_MAX][128];
    static char *argv[WORDS_MAX + 1];
    int argc = 0;
    argv[argc++] = store[0];
    for (size_t i = 0; words[i] != NULL && argc < WORDS_MAX; i++) {
        CHECK(cl_str_copy(store[argc], sizeof store[argc], cl_str_z(words[i])));
        argv[argc] = store[argc];
        argc++;
    }
    memset(&why, 0, sizeof why);
    return cl_opts_parse(argc, argv, &opts, &why);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})
#define CHECK_WHY(part)                        \
    do {                                       \
        test_note("%s", why.text);             \
        CHECK(strstr(why.text, part) != NULL); \
    } while (0)

static const char *
value_of(const char *name)
{
    for (size_t i = 0; opts.cmd->options[i].name != NULL; i++)
        if (strcmp(opts.cmd->options[i].name, name) == 0)
            return opts.values[i];
    return NULL;
}

TEST(a_value_stands_behind_its_option_or_behind_an_equals_sign)
{
    CHECK_OK(PARSE("delegate", "--to", "ana", "--task=dig=deep"));
    CHECK(opts.cmd == &cl_cmd_delegate);
    CHECK_STR(cl_str_z(value_of("to")), CL_STR("ana"));
    CHECK_STR(cl_str_z(value_of("task")), CL_STR("dig=deep"));
    CHECK(value_of("context") == NULL);
    CHECK_OK(cl_opts_check(&opts, &why));
}

TEST(a_value_may_be_empty_and_may_begin_with_dashes)
{
    CHECK_OK(PARSE("broadcast", "--content", "--- a/file", "--topic="));
    CHECK_STR(cl_str_z(value_of("content")), CL_STR("--- a/file"));
    CHECK(value_of("topic") != NULL);
    CHECK_STR(cl_str_z(value_of("topic")), CL_STR(""));
}

TEST(global_options_stand_before_and_behind_the_verb)
{
    CHECK_OK(PARSE("--relay", "http://a", "--as=eve", "discover", "--json", "--token", "t"));
    CHECK(opts.cmd == &cl_cmd_discover);
    CHECK_STR(cl_str_z(opts.globals[CL_GLOBAL_RELAY]), CL_STR("http://a"));
    CHECK_STR(cl_str_z(opts.globals[CL_GLOBAL_AS]), CL_STR("eve"));
    CHECK(opts.globals[CL_GLOBAL_JSON] != NULL);
    CHECK_STR(cl_str_z(opts.token), CL_STR("t"));
    CHECK(!opts.wants_help);
    CHECK_OK(PARSE("--agent", "eve", "agents", "--instance", "mini")); // as for its neighbours
    CHECK_INT(PARSE("--agent", "eve", "discover"), CL_ERR_USAGE);
}

TEST(the_value_named_help_is_a_value)
{
    CHECK_OK(PARSE("broadcast", "--content", "--help"));
    CHECK(!opts.wants_help);
    CHECK_OK(PARSE("broadcast", "--content", "help"));
    CHECK(!opts.wants_help);
}

TEST(global_options_reach_relay_but_those_of_a_client)
{
    CHECK_OK(PARSE("--token", "t", "--json", "relay", "--port", "0"));
    CHECK(opts.cmd == &cl_cmd_relay);
    CHECK_STR(cl_str_z(opts.token), CL_STR("t"));
    CHECK_STR(cl_str_z(value_of("port")), CL_STR("0"));
    CHECK_OK(PARSE("relay", "--token=t"));
    CHECK_STR(cl_str_z(opts.token), CL_STR("t"));
    CHECK_INT(PARSE("--token", "t", "relay", "--token", "u"), CL_ERR_USAGE);
    CHECK_WHY("twice");
    CHECK_INT(PARSE("--as", "x", "relay"), CL_ERR_USAGE);
    CHECK_WHY("--as means nothing to relay");
    CHECK_INT(PARSE("relay", "--relay", "http://h"), CL_ERR_USAGE);
    CHECK_WHY("--relay means nothing to relay");
    CHECK_INT(PARSE("relay", "--pin", "sha256:x"), CL_ERR_USAGE);
    CHECK_WHY("--pin means nothing to relay");
}

TEST(a_verb_may_have_two_words)
{
    CHECK_OK(PARSE("relay", "status", "--port", "9077", "--json"));
    CHECK(opts.cmd == &cl_cmd_relay_status);
    CHECK_STR(cl_str_z(value_of("port")), CL_STR("9077"));
    CHECK_OK(PARSE("--json", "relay", "--json", "status"));
    CHECK(opts.cmd == &cl_cmd_relay_status);
    CHECK_OK(PARSE("help", "relay", "status"));
    CHECK(opts.wants_help && opts.cmd == &cl_cmd_relay_status);
    CHECK_INT(PARSE("relay", "statsu"), CL_ERR_USAGE);
    CHECK_WHY("did you mean \"relay status\"");
    CHECK_INT(PARSE("relay", "frobnicate"), CL_ERR_USAGE);
    CHECK_WHY("unexpected \"frobnicate\"");
    CHECK_WHY("`clawlink relay [options]`, which runs one, `clawlink relay status` and "
              "`clawlink relay install`. Ctrl-C ends a relay, `systemctl stop clawlink-relay`");
    CHECK_INT(PARSE("status"), CL_ERR_USAGE);
    CHECK_WHY("did you mean \"relay status\"?");
    CHECK_INT(PARSE("--json", "install", "--dry-run"), CL_ERR_USAGE);
    CHECK_WHY("did you mean \"relay install\"?");
    CHECK_INT(PARSE("dead", "foo"), CL_ERR_USAGE);
    CHECK_WHY("besides dead alone there are dead show, dead retry, dead drop.");
    CHECK_INT(PARSE("reply", "mini/otto", "x"), CL_ERR_USAGE);
    CHECK_WHY("`clawlink send TO TEXT --re ID` answers a message");
    CHECK_INT(PARSE("relay", "status", "now"), CL_ERR_USAGE);
    CHECK_WHY("unexpected \"now\" behind relay status: every value");
    CHECK_INT(PARSE("relay", "status", "status"), CL_ERR_USAGE);
    CHECK_INT(PARSE("relay", "--port", "1", "status"), CL_ERR_USAGE);
    CHECK_WHY("write clawlink relay status");
}

TEST(a_local_verb_takes_neither_relay_nor_token)
{
    CHECK_INT(PARSE("relay", "status", "--relay", "http://h"), CL_ERR_USAGE);
    CHECK_WHY("--relay means nothing to relay status");
    CHECK_INT(PARSE("--token", "t", "relay", "status"), CL_ERR_USAGE);
    CHECK_WHY("--token means nothing to relay status");
}

TEST(help_is_asked_for_in_four_ways)
{
    CHECK_OK(PARSE("help", "poll"));
    CHECK(opts.wants_help && opts.cmd == &cl_cmd_poll);
    CHECK_OK(PARSE("poll", "--help"));
    CHECK(opts.wants_help && opts.cmd == &cl_cmd_poll);
    CHECK_OK(PARSE("poll", "-h"));
    CHECK(opts.wants_help && opts.cmd == &cl_cmd_poll);
    CHECK_OK(PARSE("--help"));
    CHECK(opts.wants_help && opts.cmd == NULL);
}

TEST(an_unknown_option_is_named_with_its_nearest)
{
    CHECK_INT(PARSE("delegate", "--tsak", "x"), CL_ERR_USAGE);
    CHECK_WHY("\"--tsak\"");
    CHECK_WHY("did you mean \"--task\"");
    CHECK_INT(PARSE("poll", "--folow"), CL_ERR_USAGE);
    CHECK_WHY("\"--follow\"");
    CHECK_INT(PARSE("poll", "--jsno"), CL_ERR_USAGE);
    CHECK_WHY("\"--json\"");
}

TEST(an_option_that_is_like_no_other_gets_no_guess)
{
    CHECK_INT(PARSE("poll", "--zebra=1"), CL_ERR_USAGE);
    CHECK_WHY("\"--zebra\"");
    CHECK(strstr(why.text, "did you mean") == NULL);
    CHECK_INT(PARSE("poll", "-w"), CL_ERR_USAGE);
    CHECK_WHY("poll --help");
}

TEST(an_option_of_the_verb_before_the_verb_is_explained)
{
    CHECK_INT(PARSE("--content", "x", "broadcast"), CL_ERR_USAGE);
    CHECK_WHY("stand behind it");
}

TEST(an_unknown_verb_is_named_with_its_nearest)
{
    CHECK_INT(PARSE("delgate"), CL_ERR_USAGE);
    CHECK_WHY("\"delgate\"");
    CHECK_WHY("did you mean \"delegate\"");
    CHECK_INT(PARSE("frobnicate-all"), CL_ERR_USAGE);
    CHECK(strstr(why.text, "did you mean") == NULL);
    CHECK_WHY("clawlink --help");
}

TEST(a_word_without_an_option_is_refused)
{
    CHECK_INT(PARSE("delegate", "ana", "dig"), CL_ERR_USAGE);
    CHECK_WHY("\"ana\"");
    CHECK_INT(PARSE("discover", "help"), CL_ERR_USAGE);
    CHECK_INT(PARSE("discover", ""), CL_ERR_USAGE);
    CHECK_INT(PARSE("discover", "-"), CL_ERR_USAGE);
}

TEST(a_value_is_wanted_where_there_is_none)
{
    CHECK_INT(PARSE("delegate", "--to"), CL_ERR_USAGE);
    CHECK_WHY("--to AGENT");
    CHECK_INT(PARSE("poll", "--follow=yes"), CL_ERR_USAGE);
    CHECK_WHY("takes no value");
}

TEST(the_same_option_twice_is_refused)
{
    CHECK_INT(PARSE("delegate", "--to", "a", "--to", "b"), CL_ERR_USAGE);
    CHECK_WHY("--to was given twice");
    CHECK_OK(PARSE("poll", "--json", "--json"));
}

TEST(an_option_that_may_be_given_again_adds_up)
{
    struct cl_buf joined;
    cl_buf_init(&joined, 256);
    CHECK_OK(PARSE("relay", "--allow-host", "a,b", "--port", "1", "--allow-host=c"));
    CHECK_STR(cl_str_z(value_of("port")), CL_STR("1"));
    for (unsigned i = 0; opts.cmd->options[i].name != NULL; i++)
        if (strcmp(opts.cmd->options[i].name, "allow-host") == 0)
            CHECK_OK(cl_opts_join(&opts, i, &joined));
    CHECK_STR(cl_buf_str(&joined), CL_STR("a,b,c"));
    cl_buf_done(&joined);
}

TEST(a_missing_option_is_named)
{
    CHECK_OK(PARSE("delegate", "--to", "a"));
    CHECK_INT(cl_opts_check(&opts, &why), CL_ERR_USAGE);
    CHECK_WHY("--task TEXT");
}

TEST(a_number_keeps_to_its_range)
{
    static const char *const bad[] = {"0", "3601", "-1", "1.5", "", "x", "18446744073709551616"};
    CHECK_OK(PARSE("heartbeat"));
    CHECK_OK(cl_opts_check(&opts, &why));
    CHECK_INT(cl_opts_number(&opts, 0, 7), 7);
    CHECK_OK(PARSE("heartbeat", "--every", "3600"));
    CHECK_OK(cl_opts_check(&opts, &why));
    CHECK_INT(cl_opts_number(&opts, 0, 7), 3600);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_OK(PARSE("heartbeat", "--every", bad[i]));
        CHECK_INT(cl_opts_check(&opts, &why), CL_ERR_USAGE);
        CHECK_WHY("from 1 to 3600");
    }
    CHECK_OK(PARSE("relay", "--port", "65535", "--inbox-bytes", "18446744073709551615"));
    CHECK_OK(cl_opts_check(&opts, &why));
    CHECK_OK(PARSE("relay", "--port", "1", "--inbox-bytes", "0"));
    CHECK_INT(cl_opts_check(&opts, &why), CL_ERR_USAGE);
    CHECK_WHY("--inbox-bytes");
}

TEST(words_without_end_are_survived)
{
    char word[128];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    CHECK_INT(PARSE(word), CL_ERR_USAGE);
    word[0] = word[1] = '-';
    CHECK_INT(PARSE("poll", word), CL_ERR_USAGE);
    CHECK_INT(PARSE("poll", "--"), CL_ERR_USAGE);
    CHECK_INT(PARSE("poll", "--=x"), CL_ERR_USAGE);
}

TEST(words_stand_by_themselves_each_in_its_place)
{
    CHECK_OK(PARSE("send", "mini/otto", "--thread", "t", "Review it", "--json"));
    CHECK(opts.cmd == &cl_cmd_send);
    CHECK_STR(cl_str_z(value_of("TO")), CL_STR("mini/otto"));
    CHECK_STR(cl_str_z(value_of("TEXT")), CL_STR("Review it"));
    CHECK_STR(cl_str_z(value_of("thread")), CL_STR("t"));
    CHECK_OK(cl_opts_check(&opts, &why));
    CHECK_OK(PARSE("send", "relay", "help"));
    CHECK(opts.cmd == &cl_cmd_send && !opts.wants_help);
    CHECK_STR(cl_str_z(value_of("TEXT")), CL_STR("help"));
    CHECK_OK(PARSE("send", "otto", "-"));
    CHECK_STR(cl_str_z(value_of("TEXT")), CL_STR("-"));
    CHECK_OK(PARSE("send", "otto", ""));
    CHECK_STR(cl_str_z(value_of("TEXT")), CL_STR(""));
    CHECK_OK(PARSE("send", "otto"));
    CHECK(value_of("TEXT") == NULL);
    CHECK_OK(cl_opts_check(&opts, &why));
}

TEST(a_word_that_is_missing_or_too_much_is_named)
{
    CHECK_OK(PARSE("send", "--thread", "t"));
    CHECK_INT(cl_opts_check(&opts, &why), CL_ERR_USAGE);
    CHECK_WHY("send needs TO");
    CHECK_INT(PARSE("send", "otto", "Review", "it"), CL_ERR_USAGE);
    CHECK_WHY("unexpected \"it\" behind send");
    CHECK_WHY("quotes");
    CHECK_INT(PARSE("send", "--TO", "otto"), CL_ERR_USAGE);
    CHECK_WHY("unknown option \"--TO\"");
    CHECK_INT(PARSE("send", "otto", "--as if"), CL_ERR_USAGE);
    CHECK_WHY("Put -- before a text that begins with a dash.");
}

TEST(behind_two_dashes_all_are_words)
{
    CHECK_OK(PARSE("send", "otto", "--", "--thread"));
    CHECK_STR(cl_str_z(value_of("TEXT")), CL_STR("--thread"));
    CHECK(value_of("thread") == NULL);
    CHECK_OK(PARSE("send", "--", "otto", "--"));
    CHECK_STR(cl_str_z(value_of("TEXT")), CL_STR("--"));
    CHECK_INT(PARSE("send", "otto", "- one item"), CL_ERR_USAGE);
    CHECK_WHY("Put -- before a text");
}

TEST(an_id_may_begin_with_dashes)
{
    CHECK_OK(PARSE("ack", "-AECAwQFBgcICQoLDA0ODw", "--ECAwQFBgcICQoLDA0ODw", "--rung", "seen"));
    CHECK_STR(cl_str_z(cl_opts_nth(&opts, 0, 0)), CL_STR("-AECAwQFBgcICQoLDA0ODw"));
    CHECK_STR(cl_str_z(cl_opts_nth(&opts, 0, 1)), CL_STR("--ECAwQFBgcICQoLDA0ODw"));
    CHECK_STR(cl_str_z(value_of("rung")), CL_STR("seen"));
    CHECK_INT(PARSE("ack", "-AECAwQF"), CL_ERR_USAGE); // not even all of an id
    CHECK_INT(PARSE("poll", "--ECAwQFBgcICQoLDA0ODw"), CL_ERR_USAGE);
}

TEST(no_option_looks_like_an_id)
{
    cl_id ignored;
    char word[64];
    for (size_t i = 0; cl_cmds[i] != NULL; i++)
        for (const struct cl_opt *opt = cl_cmds[i]->options; opt->name != NULL; opt++) {
            (void)snprintf(word, sizeof word, "--%s", opt->name);
            test_note("%s %s", cl_cmds[i]->name, word);
            CHECK(!cl_opt_is_word(&cl_cmds[i]->options[0]) ||
                  !cl_id_from_text(cl_str_z(word), &ignored));
        }
}

TEST(words_without_number_add_up)
{
    static const struct cl_opt options[] = {{"ID", NULL, "which", CL_OPT_WORDS},
                                            {NULL, NULL, NULL, CL_OPT_OPTIONAL}};
    static const struct cl_cmd cmd = {.name = "many", .options = options};
    struct cl_opts many = {.cmd = &cmd};
    CHECK_INT(cl_opts_check(&many, &why), CL_ERR_USAGE);
    CHECK_WHY("many needs ID");
    CHECK(cl_opts_nth(&many, 0, 0) == NULL);
    many.more[0] = (struct cl_opts_more){0, "a"};
    many.more[1] = (struct cl_opts_more){0, "b"};
    many.more_len = 2;
    many.values[0] = "c";
    CHECK_OK(cl_opts_check(&many, &why));
    CHECK_STR(cl_str_z(cl_opts_nth(&many, 0, 0)), CL_STR("a"));
    CHECK_STR(cl_str_z(cl_opts_nth(&many, 0, 1)), CL_STR("b"));
    CHECK_STR(cl_str_z(cl_opts_nth(&many, 0, 2)), CL_STR("c"));
    CHECK(cl_opts_nth(&many, 0, 3) == NULL);
}

TEST(who_i_am_is_for_protocol_v2)
{
    CHECK_OK(PARSE("--agent", "mira", "send", "otto", "hi", "--instance", "laptop"));
    CHECK_STR(cl_str_z(opts.globals[CL_GLOBAL_AGENT]), CL_STR("mira"));
    CHECK_STR(cl_str_z(opts.globals[CL_GLOBAL_INSTANCE]), CL_STR("laptop"));
    CHECK_INT(PARSE("poll", "--agent", "mira"), CL_ERR_USAGE);
    CHECK_WHY("--agent means nothing to poll");
}

TEST(a_secret_of_a_verb_is_found_where_argv_has_it)
{
    CHECK_OK(PARSE("agent-link", "setup", "--secret", "geheim", "--relay"));
    CHECK(opts.cmd == &cl_cmd_agent_link_setup);
    CHECK_STR(cl_str_z(opts.secret), CL_STR("geheim"));
    CHECK(opts.secret == value_of("secret"));
    CHECK(value_of("relay") != NULL && opts.globals[CL_GLOBAL_RELAY] == NULL);
    CHECK(opts.token == NULL);
    CHECK_OK(PARSE("agent-link", "setup", "--relay-url=ws://h"));
    CHECK(opts.secret == NULL);
    CHECK_INT(PARSE("--relay", "http://h", "agent-link"), CL_ERR_USAGE);
    CHECK_WHY("--relay means nothing to agent-link");
}
