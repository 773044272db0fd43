// SPDX-License-Identifier: MIT
#include "cli/crowd.h"

#include <stdio.h>

#include "support/fault.h"
#include "support/test.h"

static struct cl_crowd crowd;
static char notes[512];

static void
note(void *ctx, enum cl_crowd_change change, cl_str agent)
{
    static const char *const words[] = {"came", "stale", "gone"};
    size_t len = strlen(notes);
    CHECK(ctx == &crowd);
    (void)snprintf(notes + len, sizeof notes - len, "%s:%.*s ", words[change], CL_STR_ARG(agent));
}

static struct cl_v2_agent
agent(const char *address, enum cl_v2_presence status)
{
    return (struct cl_v2_agent){.agent = cl_str_z(address), .status = (uint8_t)status};
}

/* A round of two pages. */
static void
round_of(const struct cl_v2_agent *agents, size_t len)
{
    size_t half = len / 2;
    notes[0] = '\0';
    cl_crowd_begin(&crowd);
    CHECK_OK(cl_crowd_meet(&crowd, agents, half, note, &crowd));
    CHECK_OK(cl_crowd_meet(&crowd, agents + half, len - half, note, &crowd));
    cl_crowd_end(&crowd, note, &crowd);
}

TEST(what_has_changed_since_the_last_round_is_told)
{
    const struct cl_v2_agent first[] = {agent("a/a", CL_V2_PRESENCE_ONLINE),
                                        agent("a/b", CL_V2_PRESENCE_STALE),
                                        agent("a/c", CL_V2_PRESENCE_ONLINE)};
    const struct cl_v2_agent second[] = {
        agent("a/a", CL_V2_PRESENCE_STALE), agent("a/b", CL_V2_PRESENCE_ONLINE),
        agent("a/d", CL_V2_PRESENCE_ONLINE), agent("a/e", CL_V2_PRESENCE_STALE)};
    cl_crowd_init(&crowd);
    round_of(first, 3);
    CHECK_STR(cl_str_z(notes), CL_STR(""));
    round_of(first, 3);
    CHECK_STR(cl_str_z(notes), CL_STR(""));
    round_of(second, 4);
    CHECK_STR(cl_str_z(notes), CL_STR("stale:a/a came:a/b came:a/d gone:a/c "));
    cl_crowd_done(&crowd);
}

TEST(who_waits_for_one_answer_is_nobody)
{
    const struct cl_v2_agent agents[] = {agent("a/a", CL_V2_PRESENCE_ONLINE),
                                         agent("a/a.ask-0123abcd", CL_V2_PRESENCE_ONLINE)};
    cl_crowd_init(&crowd);
    round_of(agents, 1);
    round_of(agents, 2);
    round_of(agents, 1);
    CHECK_STR(cl_str_z(notes), CL_STR(""));
    cl_crowd_done(&crowd);
}

TEST(no_failed_allocation_leaks)
{
    const struct cl_v2_agent one = agent("a/a", CL_V2_PRESENCE_ONLINE);
    FOR_EACH_FAULT
    {
        cl_crowd_init(&crowd);
        cl_crowd_begin(&crowd);
        enum cl_err err = cl_crowd_meet(&crowd, &one, 1, note, &crowd);
        CHECK_INT(err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        cl_crowd_done(&crowd);
    }
}
