// SPDX-License-Identifier: MIT
#include "cli/seek.h"

#include <stdio.h>

/* A name in a sentence; the rest of a longer one says nothing more. */
#define NAME_SHOWN 64
/* A verb, --as and its name in front of the words of cl_seek_words. */
#define HOW_CAP (CL_SEEK_WORDS_CAP + 128)

void
cl_seek_words(const struct cl_seen *seen, char ret_words[static CL_SEEK_WORDS_CAP])
{
    bool has_pin = seen->is_tls && seen->pin.len > 0;
    (void)snprintf(ret_words, CL_SEEK_WORDS_CAP, "--relay %.*s%s%.*s", CL_STR_ARG(seen->url),
                   has_pin ? " --pin " : "", CL_STR_ARG(has_pin ? seen->pin : CL_STR("")));
}

/* Without the token: it is for relays that the user has named. */
static bool
is_anybody_here(void)
{
    struct cl_client *client;
    struct cl_why why;
    cl_str answer;
    const struct cl_client_call call = {.method = "GET", .path = CL_STR("/healthz")};
    // When it cannot be asked, the verb itself will say why.
    if (cl_client_new(CL_STR(CL_RELAY_DEFAULT), NULL, &client, &why) != CL_OK)
        return true;
    enum cl_err err = cl_client_call(client, &call, &answer, &why);
    cl_client_free(client);
    return err != CL_ERR_NO_RELAY;
}

/* The command that names it: for a verb of an agent the one that is remembered. */
static void
say_how(const struct cl_run *run, const struct cl_seen *seen, char ret_how[static HOW_CAP])
{
    char words[CL_SEEK_WORDS_CAP];
    const struct cl_cmd *cmd = run->opts.cmd;
    const char *as = run->opts.globals[CL_GLOBAL_AS];
    cl_seek_words(seen, words);
    (void)snprintf(ret_how, HOW_CAP, "clawlink %s%s%s %s",
                   cmd->needs_agent ? cl_cmd_register.name : cmd->name, as == NULL ? "" : " --as ",
                   as == NULL ? "" : as, words);
}

static enum cl_err
take_one(struct cl_run *run, const struct cl_seen *seen, bool has_token, struct cl_seek *seek,
         struct cl_why *why)
{
    char how[HOW_CAP];
    cl_str name = cl_str_part(seen->name, 0, NAME_SHOWN);
    say_how(run, seen, how);
    if (seen->url.len == 0)
        return cl_fail(CL_ERR_NO_RELAY, why,
                       "\"%.*s\" answers on the local network with addresses that no URL can name "
                       "(`clawlink scan` shows them). Name a relay with --relay URL.",
                       CL_STR_ARG(name));
    if (has_token || seen->is_tls || seen->is_contradictory)
        return cl_fail(CL_ERR_NO_RELAY, why,
                       "Nothing listens at " CL_RELAY_DEFAULT ". \"%.*s\" answers on the local "
                       "network, unverified, and %s. If it is yours: %s",
                       CL_STR_ARG(name),
                       has_token      ? "a token is never sent to a relay that you have not named"
                       : seen->is_tls ? "its key has to be named"
                                      : "contradicts itself",
                       how);
    cl_view_note(&run->view,
                 "Using \"%.*s\" at %.*s, found on the local network, not verified and not "
                 "encrypted: others may read what is sent, and answer it. To name it: %s",
                 CL_STR_ARG(name), CL_STR_ARG(seen->url), how);
    (void)cl_str_copy(seek->url, sizeof seek->url, seen->url); // it was made to fit
    seek->is_found = true;
    return CL_OK;
}

static enum cl_err
choose(struct cl_run *run, const struct cl_seen_list *list, bool has_token, struct cl_seek *seek,
       struct cl_why *why)
{
    if (list->len == 0)
        return cl_fail(CL_ERR_NO_RELAY, why,
                       "Connection refused: no relay listens at " CL_RELAY_DEFAULT
                       ", and none answers on the local network. Start one with `clawlink relay`, "
                       "or name another with --relay URL.");
    if (list->len == 1 && !list->is_overflow)
        return take_one(run, &list->relays[0], has_token, seek, why);
    return cl_fail(CL_ERR_AMBIGUOUS, why,
                   "Nothing listens at " CL_RELAY_DEFAULT ", and %zu relays%s answer on the "
                   "local network: %.*s, %.*s%s. Nobody has verified them. Name yours: clawlink %s "
                   "--relay URL; `clawlink scan` shows them.",
                   list->len, list->is_overflow ? " or more" : "", CL_STR_ARG(list->relays[0].url),
                   CL_STR_ARG(list->len > 1 ? list->relays[1].url : CL_STR("...")),
                   list->len > 2 ? ", ..." : "", run->opts.cmd->name);
}

enum cl_err
cl_seek(struct cl_run *run, bool has_token, struct cl_seek *ret_seek, struct cl_why *why)
{
    struct cl_seen_list list;
    *ret_seek = (struct cl_seek){.url = CL_RELAY_DEFAULT};
    if (is_anybody_here())
        return CL_OK;
    // A machine whose network cannot be searched has found nobody.
    struct cl_why reason;
    if (cl_scan(CL_MDNS_LOOK_ABOUT_MS, &list, &reason) != CL_OK)
        list.len = 0;
    enum cl_err err = choose(run, &list, has_token, ret_seek, why);
    cl_seen_done(&list);
    return err;
}
