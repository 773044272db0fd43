// SPDX-License-Identifier: MIT
#include "cli/me.h"

#include <stdlib.h>
#include <string.h>

#include "support/test.h"

static struct cl_why why;
static struct cl_me me;
static struct cl_opts opts;
static struct cl_state state;

static void
begin(const char *agent, const char *instance)
{
    CHECK(unsetenv("CLAWLINK_AGENT") == 0 && unsetenv("CLAWLINK_INSTANCE") == 0);
    state = (struct cl_state){.agent_id = CL_STR("")};
    opts = (struct cl_opts){.cmd = &cl_cmd_send};
    opts.globals[CL_GLOBAL_AGENT] = agent;
    opts.globals[CL_GLOBAL_INSTANCE] = instance;
}

static bool
am(const char *address)
{
    CHECK_OK(cl_me_find(&opts, &state, &me, &why));
    test_note("%s", me.text);
    return cl_str_eq(cl_me_address(&me), cl_str_z(address));
}

static bool
refused_with(enum cl_err err, const char *part)
{
    CHECK_INT(cl_me_find(&opts, &state, &me, &why), err);
    test_note("%s", why.text);
    return strstr(why.text, part) != NULL;
}

TEST(what_was_typed_comes_before_the_environment_and_before_what_was_saved)
{
    begin("mira", "laptop");
    CHECK(setenv("CLAWLINK_AGENT", "envy", 1) == 0);
    CHECK(setenv("CLAWLINK_INSTANCE", "cloud", 1) == 0);
    state.agent_name = CL_STR("saved");
    CHECK(am("laptop/mira"));
    CHECK_STR(cl_me_instance(&me), CL_STR("laptop"));
    opts.globals[CL_GLOBAL_AGENT] = NULL;
    CHECK(am("laptop/envy"));
    opts.globals[CL_GLOBAL_INSTANCE] = NULL;
    CHECK(am("cloud/envy"));
    opts.globals[CL_GLOBAL_AS] = "typed"; // and so more than the environment
    state.agent_id = CL_STR("mini/saved");
    CHECK(am("mini/saved"));
    opts.globals[CL_GLOBAL_INSTANCE] = "laptop";
    CHECK(am("laptop/saved")); // by its name
    opts.globals[CL_GLOBAL_INSTANCE] = NULL;
    state.agent_id = CL_STR("");
    CHECK(am("cloud/saved"));
}

TEST(a_registered_agent_goes_by_its_name_or_by_its_id)
{
    begin(NULL, "laptop");
    opts.globals[CL_GLOBAL_AS] = "writer";
    CHECK(am("laptop/writer"));
    state.agent_id = CL_STR("1a2b3c4d");
    CHECK(am("laptop/writer"));
    state.agent_name = CL_STR("jane");
    CHECK(am("laptop/jane"));
    opts.globals[CL_GLOBAL_AS] = NULL;
    state.agent_name = CL_STR("Jane Doe");
    CHECK(am("laptop/1a2b3c4d"));
}

TEST(an_id_that_is_an_address_is_the_same_agent)
{
    begin(NULL, NULL);
    state.agent_id = CL_STR("mini/otto");
    state.agent_name = CL_STR("Otto");
    CHECK(am("mini/otto"));
    CHECK_STR(cl_me_instance(&me), CL_STR("mini"));
    opts.globals[CL_GLOBAL_AGENT] = "mira";
    opts.globals[CL_GLOBAL_INSTANCE] = "laptop";
    CHECK(am("laptop/mira"));
}

TEST(somebody_who_is_nobody_is_told_what_to_type)
{
    begin(NULL, "laptop");
    CHECK(refused_with(CL_ERR_NO_AGENT, "--agent NAME"));
    state.agent_id = CL_STR("no name");
    CHECK(refused_with(CL_ERR_NO_AGENT, "CLAWLINK_AGENT"));
}

TEST(who_registered_with_an_id_of_v1_is_nobody_in_v2_until_it_says_who)
{
    begin(NULL, NULL);
    state.agent_id = CL_STR("1a2b3c4d");
    state.agent_name = CL_STR("otto"); // of which there may be another one on this machine
    CHECK(refused_with(CL_ERR_NO_AGENT, "v1/1a2b3c4d"));
    CHECK(strstr(why.text, "register --id") != NULL);
    opts.globals[CL_GLOBAL_AS] = "otto";
    CHECK(refused_with(CL_ERR_NO_AGENT, "v1/1a2b3c4d"));
    CHECK(setenv("CLAWLINK_INSTANCE", "laptop", 1) == 0);
    CHECK(refused_with(CL_ERR_NO_AGENT, "v1/1a2b3c4d"));
    opts.globals[CL_GLOBAL_AGENT] = "otto";
    CHECK(am("laptop/otto"));
    opts.globals[CL_GLOBAL_AGENT] = NULL;
    opts.globals[CL_GLOBAL_INSTANCE] = "mini";
    CHECK(am("mini/otto"));
}

TEST(what_is_told_to_be_typed_says_who_as_it_was_typed)
{
    char words[CL_ME_WORDS_CAP];
    begin(NULL, NULL);
    cl_me_words(&opts, words);
    CHECK_STR(cl_str_z(words), CL_STR(""));
    opts.globals[CL_GLOBAL_AS] = "otto";
    cl_me_words(&opts, words);
    CHECK_STR(cl_str_z(words), CL_STR(" --as otto"));
    opts.globals[CL_GLOBAL_AGENT] = "mira";
    opts.globals[CL_GLOBAL_INSTANCE] = "laptop";
    cl_me_words(&opts, words);
    CHECK_STR(cl_str_z(words), CL_STR(" --instance laptop --agent mira --as otto"));
}

TEST(what_an_agent_is_called_becomes_a_name_in_an_address)
{
    static const struct {
        const char *called;
        const char *name;
    } rows[] = {{"otto", "otto"},       {"Code Reviewer", "Code-Reviewer"},
                {" a  /  b! ", "a-b"},  {"J\xc3\xbcrgen", "J-rgen"},
                {"\xe6\x97\xa5", NULL}, {"", NULL}};
    char name[CL_NAME_BYTES_MAX + 1];
    char longest[CL_NAME_BYTES_MAX + 10];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK_INT(cl_me_name_agent(cl_str_z(rows[i].called), name), rows[i].name != NULL);
        if (rows[i].name != NULL)
            CHECK_STR(cl_str_z(name), cl_str_z(rows[i].name));
    }
    memset(longest, 'a', sizeof longest);
    CHECK(cl_me_name_agent(cl_str_of(longest, sizeof longest), name));
    CHECK_INT(strlen(name), CL_NAME_BYTES_MAX);
}

TEST(a_name_that_is_none_is_refused)
{
    static const char *const agents[] = {"mini/otto", "a b", "\xc3\xa4", "a:b"};
    static const char *const instances[] = {"v1", "relay", "a/b", "a b"};
    for (size_t i = 0; i < sizeof agents / sizeof *agents; i++) {
        begin(agents[i], "laptop");
        CHECK(refused_with(CL_ERR_USAGE, "no name of an agent"));
    }
    for (size_t i = 0; i < sizeof instances / sizeof *instances; i++) {
        begin("mira", instances[i]);
        CHECK(refused_with(CL_ERR_USAGE, "no name of an instance"));
    }
}

TEST(a_hosts_name_becomes_one_of_an_instance)
{
    static const struct {
        const char *host;
        const char *name;
    } rows[] = {{"mini", "mini"},        {"mini.local", "mini"}, {"My Mac", "My-Mac"},
                {"relay", "relay-host"}, {"v1", "v1-host"},      {"", "host"},
                {".local", "host"},      {"\xc3\xa4", "--"},     {"v1.example", "v1-host"}};
    char name[CL_NAME_BYTES_MAX + 1];
    char longest[CL_NAME_BYTES_MAX + 10];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cl_me_name_host(cl_str_z(rows[i].host), name);
        CHECK_STR(cl_str_z(name), cl_str_z(rows[i].name));
    }
    memset(longest, 'h', sizeof longest);
    cl_me_name_host(cl_str_of(longest, sizeof longest), name);
    CHECK_INT(strlen(name), CL_NAME_BYTES_MAX);
}
