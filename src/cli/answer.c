// SPDX-License-Identifier: MIT
#include "cli/answer.h"

#include "base/clock.h"
#include "base/random.h"

void
cl_answer_init(struct cl_answer *answer, claw_client *client, cl_str agent, cl_id re)
{
    *answer =
        (struct cl_answer){.client = client, .agent = agent, .re = re, .look_at = CL_INSTANT_NEVER};
    cl_arena_init(&answer->arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
}

void
cl_answer_done(struct cl_answer *answer)
{
    cl_arena_done(&answer->arena);
}

/* Is it the answer? Then it is kept. */
static enum cl_err
keep_if_answer(struct cl_answer *answer, const struct cl_mail *mail,
               const struct cl_v2_added *added)
{
    if (answer->is_here || !cl_id_eq(mail->header.re, answer->re))
        return CL_OK;
    answer->mail = *mail;
    if (!cl_mail_keep(&answer->mail, &answer->arena))
        return CL_ERR_NO_MEMORY;
    answer->is_here = true;
    answer->added = *added;
    if (added->chain != NULL) {
        answer->chain = *(const struct cl_v2_chain *)added->chain;
        answer->added.chain = &answer->chain;
    }
    return CL_OK;
}

enum cl_err
cl_answer_on_message(struct cl_answer *answer, const struct claw_event *event)
{
    struct cl_mail mail;
    struct cl_v2_added added;
    struct cl_v2_chain chain;
    cl_mail_of_event(event, &mail, &added, &chain);
    return keep_if_answer(answer, &mail, &added);
}

static enum cl_err
look_behind(struct cl_answer *answer, unsigned lane, uint32_t limit)
{
    uint64_t place = answer->places[lane];
    struct cl_v2_inbox params = {.agent = answer->agent, .limit = limit};
    if (place > 0)
        params.after = (struct cl_range){.priority = (uint8_t)lane, .first = place, .last = place};
    answer->is_looking = true;
    answer->lane = lane;
    return cl_claw_call(answer->client, CL_V2_INBOX, &params);
}

/* What lies behind what was looked at in that lane, and then in the lanes after it, where some may
 * have been looked at as well. */
static enum cl_err
look_through(struct cl_answer *answer, const struct cl_envelope_reader *reader,
             const struct cl_v2_inbox_view *view)
{
    const struct cl_v2_letter *letters = view->messages.ptr;
    enum cl_err err = CL_OK;
    bool is_new = false;
    for (uint32_t i = 0; i < view->messages.len && err == CL_OK && !answer->is_here; i++) {
        struct cl_mail mail;
        uint64_t *place = &answer->places[letters[i].at.priority];
        if (letters[i].at.first <= *place)
            continue;
        is_new = true;
        *place = letters[i].at.first;
        if (cl_mail_open(reader, &letters[i].envelope, &mail, NULL) == CL_OK)
            err = keep_if_answer(answer, &mail, letters[i].relay);
        answer->is_in_inbox = answer->is_here;
        answer->at = letters[i].at;
    }
    if (err != CL_OK || answer->is_here || view->messages.len == 0 || view->next.first == 0)
        return err;
    unsigned last = letters[view->messages.len - 1].at.priority;
    return is_new || last > answer->lane ? look_behind(answer, last, is_new ? CL_CLI_WATCH_PAGE : 1)
                                         : CL_OK;
}

enum cl_err
cl_answer_on_inbox(struct cl_answer *answer, const struct claw_event *event)
{
    struct cl_v2_inbox_view view;
    struct cl_arena arena;
    cl_hash_key key;
    cl_random_bytes(&key, sizeof key);
    cl_arena_init(&arena, CL_CLI_ANSWER_ARENA_BYTES_MAX);
    const struct cl_envelope_reader reader = {.arena = &arena, .hash_key = &key};
    answer->is_looking = false;
    // What failed is asked again with the next look, which comes soon.
    enum cl_err err =
        cl_claw_read(&reader, event, &view) == CL_OK ? look_through(answer, &reader, &view) : CL_OK;
    cl_arena_done(&arena);
    return err;
}

enum cl_err
cl_answer_look(struct cl_answer *answer)
{
    answer->look_at = cl_instant_add(cl_clock_monotonic(), CL_CLI_LOOK_MS);
    return answer->is_looking || answer->is_here ? CL_OK : look_behind(answer, 0, 1);
}

void
cl_answer_forget_places(struct cl_answer *answer)
{
    memset(answer->places, 0, sizeof answer->places);
}
