// SPDX-License-Identifier: MIT
#include "cli/dead.h"

#include "cli/walk.h"
#include "wire/json.h"

/* The elements of the JSON and of the struct stand side by side. */
static bool
show_page(const struct cl_dead_walk *walk, cl_str answer, const struct cl_v2_dead_page *page)
{
    const struct cl_v2_dead *dead = page->dead.ptr;
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    bool goes_on = true;
    cl_json_cursor_init(&cursor, cl_doc_find(answer, CL_STR("dead")));
    for (uint32_t i = 0; i < page->dead.len && goes_on && cl_json_cursor_next(&cursor, &member);
         i++)
        goes_on = walk->fn(walk->ctx, &dead[i], member.value);
    return goes_on;
}

struct looking {
    struct cl_run *run;
    struct cl_dead_walk *walk;
    struct cl_v2_dead_list params;
};

static enum cl_err
look(void *ctx, const struct cl_envelope_reader *reader, const void *result,
     struct cl_buf *ret_place, struct cl_why *why)
{
    struct looking *looking = ctx;
    struct cl_dead_walk *walk = looking->walk;
    struct cl_v2_dead_list *params = &looking->params;
    const struct cl_v2_dead_page *page = result;
    (void)reader;
    (void)why;
    bool goes_on = show_page(walk, looking->run->answer, page);
    walk->has_more = !cl_id_is_none(page->next) && page->dead.len > 0;
    params->after = page->next;
    params->limit -= page->dead.len < params->limit ? page->dead.len : params->limit;
    goes_on = goes_on && walk->has_more && (walk->max == 0 || params->limit > 0);
    return goes_on ? cl_buf_append(ret_place, cl_str_of((const char *)page->next.bytes,
                                                        sizeof page->next.bytes))
                   : CL_OK;
}

enum cl_err
cl_dead_walk(struct cl_run *run, struct cl_dead_walk *walk, struct cl_why *why)
{
    struct looking looking = {
        .run = run, .walk = walk, .params = {.agent = cl_me_address(&run->me), .limit = walk->max}};
    const struct cl_walk calls = {
        .method = CL_V2_DEAD_LIST, .params = &looking.params, .fn = look, .ctx = &looking};
    return cl_walk(run, &calls, why);
}

struct meeting {
    struct cl_wanted *wanted;
    size_t len;
};

static bool
meet(void *ctx, const struct cl_v2_dead *dead, cl_str json)
{
    struct meeting *meeting = ctx;
    (void)json;
    for (size_t i = 0; i < meeting->len; i++)
        (void)cl_wanted_meet(&meeting->wanted[i], dead->id); // it remembers
    return true;
}

enum cl_err
cl_dead_meet(struct cl_run *run, struct cl_wanted *wanted, size_t len, struct cl_why *why)
{
    struct meeting meeting = {wanted, len};
    struct cl_dead_walk walk = {.fn = meet, .ctx = &meeting};
    return cl_dead_walk(run, &walk, why);
}

enum cl_err
cl_dead_find(struct cl_run *run, cl_str text, cl_id *ret_id, struct cl_why *why)
{
    static const struct cl_wanted_list list = {cl_dead_meet, "among the dead letters"};
    return cl_wanted_resolve(run, text, &list, ret_id, why);
}

enum cl_err
cl_dead_unknown(const struct cl_run *run, cl_id id, struct cl_why *why)
{
    char text[CL_ID_TEXT_CAP];
    cl_id_text(id, text);
    return cl_fail(CL_ERR_NOT_FOUND, why,
                   "There is no dead letter %s from %.*s or for it. `clawlink dead` lists them, "
                   "`clawlink trace` tells of other messages.",
                   text, CL_STR_ARG(cl_me_address(&run->me)));
}
