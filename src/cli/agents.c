// SPDX-License-Identifier: MIT
#include "cli/agents.h"

#include <string.h>

#include "base/arena.h"
#include "cli/page.h"
#include "wire/json.h"

struct search {
    cl_str wanted;
    cl_str found; // the record
    unsigned count;
    struct cl_buf candidates; // ids, as they are shown
};

static enum cl_err
add_candidate(struct search *search, cl_str id)
{
    if (search->count > CL_CLI_CANDIDATES_MAX)
        return CL_OK;
    if (search->count == CL_CLI_CANDIDATES_MAX)
        return cl_buf_append(&search->candidates, CL_STR(", ..."));
    if (search->count > 0 && cl_buf_append(&search->candidates, CL_STR(", ")) != CL_OK)
        return CL_ERR_NO_MEMORY;
    return cl_buf_append(&search->candidates, cl_str_part(id, 0, 40));
}

/* One record. The search is over when *ret_is_id. */
static enum cl_err
look_at(struct search *search, cl_str record, bool *ret_is_id)
{
    cl_str id = cl_doc_find(record, CL_STR("agent_id"));
    *ret_is_id = id.len > 0 && cl_json_string_is(id, search->wanted);
    cl_str name = cl_doc_find(record, CL_STR("name"));
    if (!*ret_is_id && (name.len == 0 || !cl_json_string_is(name, search->wanted)))
        return CL_OK;
    enum cl_err err = add_candidate(search, id);
    search->found = record;
    search->count = *ret_is_id ? 1 : search->count + 1;
    return err;
}

static enum cl_err
search_all(struct search *search, cl_str answer)
{
    struct cl_json_cursor cursor;
    struct cl_json_member agent;
    bool is_id = false;
    enum cl_err err = CL_OK;
    cl_json_cursor_init(&cursor, cl_doc_find(answer, CL_STR("agents")));
    while (err == CL_OK && !is_id && cl_json_cursor_next(&cursor, &agent))
        if (agent.type == CL_JSON_OBJECT)
            err = look_at(search, agent.value, &is_id);
    return err;
}

static enum cl_err
take(cl_str record, struct cl_agent_found *ret_found)
{
    struct cl_arena arena;
    cl_str id = CL_STR("");
    cl_str status = cl_doc_find(record, CL_STR("status"));
    cl_arena_init(&arena, CL_HTTP_ANSWER_BYTES_MAX);
    enum cl_err err = cl_json_string(cl_doc_find(record, CL_STR("agent_id")), &arena, &id);
    if (err == CL_OK && (memchr(id.len == 0 ? "" : id.ptr, '\0', id.len) != NULL ||
                         !cl_str_copy(ret_found->id, sizeof ret_found->id, id)))
        err = CL_ERR_MALFORMED;
    cl_arena_done(&arena);
    if (err == CL_OK)
        ret_found->is_stale = status.len > 0 && cl_json_string_is(status, CL_STR("stale"));
    return err;
}

enum cl_err
cl_agents_find(cl_str answer, cl_str wanted, struct cl_agent_found *ret_found, struct cl_why *why)
{
    struct search search = {.wanted = wanted};
    cl_buf_init(&search.candidates, CL_WHY_CAP);
    enum cl_err err = search_all(&search, answer);
    if (err != CL_OK)
        err = cl_fail(err, why, "The list of agents could not be read (%s).", cl_err_wire(err));
    else if (search.count == 0)
        err = CL_ERR_NO_AGENT;
    else if (search.count > 1)
        err = cl_fail(CL_ERR_AMBIGUOUS, why,
                      "\"%.*s\" is the name of %u agents: %.*s. Give one of these ids instead; "
                      "`clawlink discover --stale` shows who they are.",
                      CL_STR_ARG(cl_str_part(wanted, 0, 64)), search.count,
                      CL_STR_ARG(cl_buf_str(&search.candidates)));
    else if (take(search.found, ret_found) != CL_OK)
        err = cl_fail(CL_ERR_IO, why, "The relay's record of \"%.*s\" has no usable agent_id.",
                      CL_STR_ARG(cl_str_part(wanted, 0, 64)));
    cl_buf_done(&search.candidates);
    return err;
}
