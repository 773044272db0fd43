// SPDX-License-Identifier: MIT
#include "cli/inbox.h"

#include "base/random.h"
#include "cli/walk.h"

struct cl_envelope_reader
cl_inbox_reader(struct cl_arena *arena, cl_hash_key *key)
{
    cl_random_bytes(key, sizeof *key);
    return (struct cl_envelope_reader){.arena = arena, .hash_key = key};
}

/* Shows the messages of one answer. *ret_goes_on: fn wants more. */
static enum cl_err
show_page(const struct cl_envelope_reader *reader, const struct cl_inbox_walk *walk,
          const struct cl_v2_inbox_view *view, bool *ret_goes_on, struct cl_why *why)
{
    const struct cl_v2_letter *letters = view->messages.ptr;
    *ret_goes_on = true;
    for (uint32_t i = 0; i < view->messages.len && *ret_goes_on; i++) {
        struct cl_mail mail;
        struct cl_why reason = {""};
        if (cl_mail_open(reader, &letters[i].envelope, &mail, &reason) != CL_OK)
            return cl_fail(CL_ERR_IO, why,
                           "A message in the inbox does not keep to protocol v2 (%.200s). Is this "
                           "program as new as the relay?",
                           reason.text);
        *ret_goes_on = walk->fn(walk->ctx, &letters[i], &mail);
    }
    return CL_OK;
}

struct looking {
    struct cl_inbox_walk *walk;
    struct cl_v2_inbox params;
};

static enum cl_err
look(void *ctx, const struct cl_envelope_reader *reader, const void *result,
     struct cl_buf *ret_place, struct cl_why *why)
{
    struct looking *looking = ctx;
    struct cl_v2_inbox *params = &looking->params;
    const struct cl_v2_inbox_view *view = result;
    bool goes_on;
    enum cl_err err = show_page(reader, looking->walk, view, &goes_on, why);
    if (err != CL_OK)
        return err;
    looking->walk->waiting = view->waiting;
    params->after = view->next;
    params->limit -= view->messages.len < params->limit ? view->messages.len : params->limit;
    goes_on = goes_on && view->next.first > 0 && view->messages.len > 0 &&
              (looking->walk->max == 0 || params->limit > 0);
    return goes_on ? cl_buf_printf(ret_place, "%u %llu", view->next.priority,
                                   (unsigned long long)view->next.first)
                   : CL_OK;
}

enum cl_err
cl_inbox_walk(struct cl_run *run, struct cl_inbox_walk *walk, struct cl_why *why)
{
    struct looking looking = {.walk = walk,
                              .params = {.agent = cl_me_address(&run->me), .limit = walk->max}};
    const struct cl_walk calls = {
        .method = CL_V2_INBOX, .params = &looking.params, .fn = look, .ctx = &looking};
    return cl_walk(run, &calls, why);
}

struct meeting {
    struct cl_wanted *wanted;
    size_t len;
};

static bool
meet(void *ctx, const struct cl_v2_letter *letter, const struct cl_mail *mail)
{
    struct meeting *meeting = ctx;
    bool is_open = false; // somebody may still come
    for (size_t i = 0; i < meeting->len; i++) {
        struct cl_wanted *wanted = &meeting->wanted[i];
        if (cl_wanted_meet(wanted, mail->header.id))
            wanted->at = letter->at;
        is_open = is_open || !wanted->is_whole || !wanted->is_found;
    }
    return is_open;
}

enum cl_err
cl_inbox_meet(struct cl_run *run, struct cl_wanted *wanted, size_t len, struct cl_why *why)
{
    struct meeting meeting = {wanted, len};
    struct cl_inbox_walk walk = {.fn = meet, .ctx = &meeting};
    return cl_inbox_walk(run, &walk, why);
}

enum cl_err
cl_inbox_resolve(struct cl_run *run, cl_str text, cl_id *ret_id, struct cl_why *why)
{
    static const struct cl_wanted_list list = {cl_inbox_meet, "that waits for you"};
    return cl_wanted_resolve(run, text, &list, ret_id, why);
}

enum cl_err
cl_inbox_arrive(struct cl_run *run, struct cl_why *why)
{
    struct cl_arena arena;
    struct cl_v2_attached attached;
    const struct cl_v2_attach params = {.agent = cl_me_address(&run->me)}; // says nothing of it
    const struct cl_call_v2 call = {.method = CL_V2_ATTACH, .params = &params, .arena = &arena};
    cl_arena_init(&arena, CL_CLI_ANSWER_ARENA_BYTES_MAX);
    enum cl_err err = cl_run_call_v2(run, &call, &attached, why);
    if (err == CL_OK && attached.new) // perhaps a slip of the fingers
        cl_view_note(&run->view,
                     "The relay did not know %.*s so far; from now on others can write to it.",
                     CL_STR_ARG(cl_me_address(&run->me)));
    cl_arena_done(&arena);
    return err;
}
