// SPDX-License-Identifier: MIT
#include "cli/me.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/address.h"

/* A machine's name; POSIX has no longer ones. */
#define MACHINE_CAP 256

void
cl_me_name_host(cl_str host, char ret_name[static CL_NAME_BYTES_MAX + 1])
{
    static const char spoken_for[] = "-host"; // behind a name that no instance may have
    size_t len = 0;
    for (; len < host.len && len < CL_NAME_BYTES_MAX && host.ptr[len] != '.'; len++)
        ret_name[len] = cl_name_is_valid(cl_str_part(host, len, 1)) ? host.ptr[len] : '-';
    ret_name[len] = '\0';
    if (len == 0)
        memcpy(ret_name, spoken_for + 1, sizeof spoken_for - 1);
    else if (!cl_name_is_instance(cl_str_of(ret_name, len)))
        memcpy(ret_name + len, spoken_for, sizeof spoken_for); // those names are short
}

bool
cl_me_name_agent(cl_str called, char ret_name[static CL_NAME_BYTES_MAX + 1])
{
    size_t len = 0;
    for (size_t i = 0; i < called.len && len < CL_NAME_BYTES_MAX; i++) {
        bool is_good = cl_name_is_valid(cl_str_part(called, i, 1));
        if (is_good || (len > 0 && ret_name[len - 1] != '-'))
            ret_name[len++] = is_good ? called.ptr[i] : '-';
    }
    while (len > 0 && ret_name[len - 1] == '-')
        len--;
    ret_name[len] = '\0';
    return len > 0;
}

void
cl_me_words(const struct cl_opts *opts, char ret_words[static CL_ME_WORDS_CAP])
{
    static const enum cl_global globals[] = {CL_GLOBAL_INSTANCE, CL_GLOBAL_AGENT, CL_GLOBAL_AS};
    static const char *const names[] = {"instance", "agent", "as"};
    size_t len = 0;
    ret_words[0] = '\0';
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        const char *typed = opts->globals[globals[i]];
        if (typed == NULL || !cl_name_is_valid(cl_str_z(typed)))
            continue; // a name is short
        len +=
            (size_t)snprintf(ret_words + len, CL_ME_WORDS_CAP - len, " --%s %s", names[i], typed);
    }
}

/* Empty: neither the option nor the environment says it. */
static cl_str
said_instance(const struct cl_opts *opts)
{
    const char *typed = opts->globals[CL_GLOBAL_INSTANCE];
    return cl_str_z(typed != NULL ? typed : getenv("CLAWLINK_INSTANCE"));
}

/* The same; --as was typed, and so is heard before the environment. */
static cl_str
said_agent(const struct cl_opts *opts)
{
    const char *typed = opts->globals[CL_GLOBAL_AGENT];
    if (typed == NULL && opts->globals[CL_GLOBAL_AS] != NULL)
        return CL_STR("");
    return cl_str_z(typed != NULL ? typed : getenv("CLAWLINK_AGENT"));
}

static enum cl_err
find_instance(cl_str named, char ret_instance[static CL_NAME_BYTES_MAX + 1], struct cl_why *why)
{
    char host[MACHINE_CAP] = "";
    if (named.len == 0) {
        if (gethostname(host, sizeof host) != 0 || memchr(host, '\0', sizeof host) == NULL)
            host[0] = '\0';
        cl_me_name_host(cl_str_z(host), ret_instance);
        return CL_OK;
    }
    if (!cl_name_is_instance(named))
        return cl_fail(
            CL_ERR_USAGE, why,
            "\"%.*s\" is no name of an instance: --instance and CLAWLINK_INSTANCE take 1 "
            "to %d letters, digits, '.', '_' and '-', and neither v1 nor relay.",
            CL_STR_ARG(cl_str_part(named, 0, 80)), CL_NAME_BYTES_MAX);
    (void)cl_str_copy(ret_instance, CL_NAME_BYTES_MAX + 1, named); // a name fits
    return CL_OK;
}

static enum cl_err
find_agent(const struct cl_opts *opts, const struct cl_state *state, cl_str *ret_agent,
           struct cl_why *why)
{
    cl_str named = said_agent(opts);
    if (named.len > 0 && !cl_name_is_valid(named))
        return cl_fail(CL_ERR_USAGE, why,
                       "\"%.*s\" is no name of an agent: --agent and CLAWLINK_AGENT take 1 to %d "
                       "letters, digits, '.', '_' and '-'; the machine is what --instance says.",
                       CL_STR_ARG(cl_str_part(named, 0, 80)), CL_NAME_BYTES_MAX);
    if (named.len == 0 && cl_name_is_valid(state->agent_name))
        named = state->agent_name;
    if (named.len == 0)
        named = cl_str_z(opts->globals[CL_GLOBAL_AS]);
    if (named.len == 0)
        named = state->agent_id;
    if (!cl_name_is_valid(named))
        return cl_fail(CL_ERR_NO_AGENT, why,
                       "Who are you? Say it with --agent NAME, or for this shell with `export "
                       "CLAWLINK_AGENT=NAME`: others then write to INSTANCE/NAME.");
    *ret_agent = named;
    return CL_OK;
}

/* Registered under an id that is an address. */
static bool
is_pair(cl_str id, struct cl_me *me)
{
    struct cl_address address;
    if (!cl_address_read(id, &address) || address.kind != CL_ADDRESS_AGENT)
        return false;
    me->instance_len = address.instance.len;
    return cl_str_copy(me->text, sizeof me->text, id);
}

enum cl_err
cl_me_find(const struct cl_opts *opts, const struct cl_state *state, struct cl_me *ret_me,
           struct cl_why *why)
{
    char name[CL_NAME_BYTES_MAX + 1];
    cl_str agent = said_agent(opts);
    struct cl_me me = {0};
    if (opts->globals[CL_GLOBAL_INSTANCE] == NULL && agent.len == 0 &&
        is_pair(state->agent_id, &me)) {
        *ret_me = me;
        return CL_OK;
    }
    if (opts->globals[CL_GLOBAL_INSTANCE] == NULL && agent.len == 0 && state->agent_id.len > 0)
        return cl_fail(
            CL_ERR_NO_AGENT, why,
            "This agent has an id of protocol v1, %.*s: `clawlink poll` reads what is "
            "sent to v1/%.*s. For the verbs of v2 give it an address, `clawlink register "
            "--id INSTANCE/NAME`, or be somebody else with --agent NAME.",
            CL_STR_ARG(cl_str_part(state->agent_id, 0, 64)),
            CL_STR_ARG(cl_str_part(state->agent_id, 0, 64)));
    enum cl_err err = find_agent(opts, state, &agent, why);
    if (err == CL_OK)
        err = find_instance(said_instance(opts), name, why);
    if (err != CL_OK)
        return err;
    me.instance_len = cl_str_z(name).len;
    (void)snprintf(me.text, sizeof me.text, "%s/%.*s", name, CL_STR_ARG(agent)); // it fits
    *ret_me = me;
    return CL_OK;
}
