// SPDX-License-Identifier: MIT
#include "cli/agents.h"

#include <string.h>

#include "support/fault.h"
#include "support/test.h"

static const cl_str answer =
    CL_STR_INIT("{\"agents\":["
                "{\"agent_id\":\"z9\",\"name\":\"d4\"},"
                "{\"agent_id\":\"a1\",\"name\":\"ana\",\"status\":\"online\"},"
                "{\"agent_id\":\"b2\",\"name\":\"bob\",\"status\":\"stale\"},"
                "{\"agent_id\":\"c3\",\"name\":\"eve\",\"status\":\"online\"},"
                "{\"agent_id\":\"d4\",\"name\":\"eve\",\"status\":\"stale\"},"
                "{\"agent_id\":\"e5\",\"name\":\"a1\",\"status\":\"online\"},"
                "{\"agent_id\":\"f\\u0036\",\"name\":\"J\\u00f6rg\"},"
                "{\"agent_id\":7,\"name\":\"odd\"},{\"name\":\"no id\"},null,3],\"count\":6}");

static struct cl_agent_found found;
static struct cl_why why;

static enum cl_err
find(const char *wanted)
{
    why.text[0] = '\0';
    return cl_agents_find(answer, cl_str_z(wanted), &found, &why);
}

TEST(an_agent_is_found_by_id_and_by_name)
{
    CHECK_OK(find("b2"));
    CHECK_STR(cl_str_z(found.id), CL_STR("b2"));
    CHECK(found.is_stale);
    CHECK_OK(find("ana"));
    CHECK_STR(cl_str_z(found.id), CL_STR("a1"));
    CHECK(!found.is_stale);
}

TEST(escapes_and_scripts_in_a_record_do_not_matter)
{
    CHECK_OK(find("Jörg"));
    CHECK_STR(cl_str_z(found.id), CL_STR("f6"));
    CHECK_OK(find("f6"));
    CHECK(!found.is_stale); // the original relay lists nobody who is not online
}

TEST(an_id_comes_before_a_name)
{
    CHECK_OK(find("a1"));
    CHECK_STR(cl_str_z(found.id), CL_STR("a1"));
    CHECK_OK(find("d4")); // also when the namesake is listed first
    CHECK_STR(cl_str_z(found.id), CL_STR("d4"));
}

TEST(a_name_of_several_agents_lists_their_ids)
{
    CHECK_INT(find("eve"), CL_ERR_AMBIGUOUS);
    CHECK(strstr(why.text, "\"eve\" is the name of 2 agents") != NULL);
    CHECK(strstr(why.text, "\"c3\", \"d4\"") != NULL);
}

TEST(a_crowd_of_namesakes_is_listed_in_part)
{
    cl_str crowd = CL_STR("{\"agents\":[{\"agent_id\":\"1\",\"name\":\"x\"},"
                          "{\"agent_id\":\"2\",\"name\":\"x\"},{\"agent_id\":\"3\",\"name\":\"x\"},"
                          "{\"agent_id\":\"4\",\"name\":\"x\"},{\"agent_id\":\"5\",\"name\":\"x\"},"
                          "{\"agent_id\":\"6\",\"name\":\"x\"}]}");
    CHECK_INT(cl_agents_find(crowd, CL_STR("x"), &found, &why), CL_ERR_AMBIGUOUS);
    CHECK(strstr(why.text, "of 6 agents: \"1\", \"2\", \"3\", \"4\", ...") != NULL);
}

TEST(who_is_not_listed_is_no_agent)
{
    CHECK_INT(find("mallory"), CL_ERR_NO_AGENT);
    CHECK_INT(find(""), CL_ERR_NO_AGENT);
    CHECK_INT(find("ANA"), CL_ERR_NO_AGENT);
    CHECK_INT(cl_agents_find(CL_STR("{}"), CL_STR("ana"), &found, &why), CL_ERR_NO_AGENT);
    CHECK_INT(cl_agents_find(CL_STR("{\"agents\":7}"), CL_STR("ana"), &found, &why),
              CL_ERR_NO_AGENT);
}

TEST(a_record_without_a_usable_id_is_refused)
{
    CHECK_INT(find("odd"), CL_ERR_IO);
    CHECK_INT(find("no id"), CL_ERR_IO);
    CHECK_INT(cl_agents_find(CL_STR("{\"agents\":[{\"agent_id\":\"a\\u0000b\",\"name\":\"n\"}]}"),
                             CL_STR("n"), &found, &why),
              CL_ERR_IO);
}

TEST(a_search_without_memory_says_so)
{
    FOR_EACH_FAULT
    {
        enum cl_err err = find("f6");
        CHECK(err == CL_OK || fault_happened());
    }
}
