// SPDX-License-Identifier: MIT
#include "cli/post.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "cli/inbox.h"
#include "cli/mail.h"
#include "cli/parcel.h"
#include "proto/id_text.h"

#define CLIENT_NAME "clawlink/" CLAWLINK_VERSION

struct post {
    struct cl_run *run;
    const struct cl_post_want *want;
    struct cl_letter letter;
    struct cl_uplink_config config;
    struct cl_uplink *uplink;
    char id[CL_ID_TEXT_CAP];
    char who[CL_ME_WORDS_CAP]; // " --as mira", for what is told to be typed
    char reply_to[CL_ME_CAP];  // an address of this run's own; empty: none
    cl_instant deadline;

    /* -- of the relay */
    bool is_up;
    bool is_away;    // and that was told
    bool wants_seal; // it is there for the first time: the envelope can be made
    cl_time clock;   // its clock, at `clock_at`
    cl_instant clock_at;
    uint64_t body_bytes;
    uint64_t blob_bytes;
    char epoch[CL_NAME_BYTES_MAX + 1];

    /* -- of the letter */
    bool is_made;          // the call went out, as far as we can tell
    bool is_in_doubt;      // a connection broke before its answer came
    bool is_there;         // the relay said that it has it
    struct cl_buf sent;    // JSON: the result of send
    struct cl_buf receipt; // JSON: the last one

    /* -- of the answer */
    cl_instant look_at;             // when the own inbox is looked through next
    bool is_looking;                // and it is being done
    unsigned lane;                  // behind the place in that one
    uint64_t places[CL_LANE_COUNT]; // what was looked at, in each lane
    bool has_answer;
    bool is_shown;
    bool wants_taking; // it was not looked into and acknowledged yet
    bool is_own_inbox; // where it waits; else at the address of this run's own
    struct cl_range answer_at;
    struct cl_v2_added added;
    struct cl_v2_chain chain;
    struct cl_mail mail;
    struct cl_arena arena; // all of it
    cl_hash_key hash_key;
    struct cl_buf blob;   // its bytes, if it was one
    struct cl_buf answer; // JSON: a message (cli/mail.h)

    /* -- how far it got */
    unsigned rungs;   // a bit for each that is proven
    unsigned outcome; // enum cl_v2_outcome
    char reason[CL_REASON_BYTES_MAX + 1];

    bool is_over;
    enum cl_err err;
    struct cl_why why;
};

static const struct cl_uplink_events events;

static cl_id
id_of(const struct post *post)
{
    return post->letter.header.id;
}

static void
end(struct post *post, enum cl_err err)
{
    if (post->is_over)
        return;
    post->is_over = true;
    post->err = err;
}

#define END(post, error, ...)                                         \
    do {                                                              \
        if (!(post)->is_over)                                         \
            end((post), cl_fail((error), &(post)->why, __VA_ARGS__)); \
    } while (0)

static void
end_without_memory(struct post *post)
{
    END(post, CL_ERR_NO_MEMORY, "Out of memory.");
}

/* -- what is known ----------------------------------------------------------------------------- */

/* The highest rung that is proven; CL_RUNG_COUNT: none is. */
static unsigned
top_of(const struct post *post)
{
    for (unsigned rung = CL_RUNG_COUNT; rung > 0; rung--)
        if ((post->rungs >> (rung - 1) & 1) != 0)
            return rung - 1;
    return CL_RUNG_COUNT;
}

static cl_str
status_of(const struct post *post)
{
    unsigned top = top_of(post);
    return top == CL_RUNG_COUNT ? CL_STR("unknown") : cl_v2_rungs[top];
}

static void
end_with_outcome(struct post *post)
{
    END(post, CL_ERR_ENDED, "Message %s has ended: %.*s%s%s.", post->id,
        CL_STR_ARG(cl_v2_outcomes[post->outcome]), post->reason[0] == '\0' ? "" : ", ",
        post->reason);
}

static void
judge_rung(struct post *post)
{
    unsigned wanted = post->want->which;
    if ((post->rungs >> wanted & 1) != 0)
        end(post, CL_OK);
    else if (post->rungs >> wanted != 0) // a rung below the present one is not claimed any more
        END(post, CL_ERR_UNPROVEN, "Message %s is %.*s, but %.*s itself was never proven.",
            post->id, CL_STR_ARG(status_of(post)), CL_STR_ARG(cl_v2_rungs[wanted]));
    else if (post->outcome != CL_V2_OUTCOME_NONE)
        end_with_outcome(post);
}

/* Something was learnt. */
static void
judge(struct post *post)
{
    switch (post->want->wish) {
    case CL_POST_SENT:
        if (post->is_there)
            end(post, CL_OK);
        return;
    case CL_POST_RUNG:
        judge_rung(post);
        return;
    case CL_POST_OUTCOME:
        if (post->outcome == post->want->which)
            end(post, CL_OK);
        else if (post->outcome != CL_V2_OUTCOME_NONE)
            end_with_outcome(post);
        return;
    case CL_POST_ANSWER:
        if (post->outcome == CL_V2_OUTCOME_NONE || post->outcome == CL_V2_OUTCOME_COMPLETED)
            return;
        // Who failed may say more about it in an answer, which can come a little later.
        cl_instant at = cl_instant_add(cl_clock_monotonic(), CL_CLI_LAST_WORDS_MS);
        post->deadline = cl_instant_earlier(post->deadline, at);
        post->look_at = cl_instant_earlier(post->look_at, cl_clock_monotonic());
        return;
    }
}

/* What a receipt says; as JSON it is kept for the result. */
static void
learn(struct post *post, const struct cl_v2_receipt *receipt)
{
    struct cl_json_writer json;
    const struct cl_v2_step *steps = receipt->rungs.ptr;
    const struct cl_v2_ending *ended = receipt->ended;
    for (uint32_t i = 0; i < receipt->rungs.len; i++)
        post->rungs |= 1U << steps[i].rung;
    if (ended != NULL) {
        post->outcome = ended->outcome;
        if (!cl_str_copy(post->reason, sizeof post->reason, ended->reason))
            post->reason[0] = '\0'; // its shape has that bound
    }
    cl_buf_clear(&post->receipt);
    cl_json_writer_init(&json, &post->receipt);
    cl_shape_put(&json, &cl_v2_receipt_shape, receipt);
    if (cl_json_writer_end(&json) != CL_OK)
        end_without_memory(post);
    judge(post);
}

static void
put_member(struct cl_json_writer *json, const char *name, cl_str value)
{
    if (value.len == 0)
        return;
    cl_json_put_name(json, cl_str_z(name));
    cl_json_put_raw(json, value);
}

static enum cl_err
put_result(struct post *post, cl_str *ret_result)
{
    struct cl_json_writer json;
    cl_str sent = cl_buf_str(&post->sent), receipt = cl_buf_str(&post->receipt);
    if (!post->is_made)
        return CL_OK;
    cl_run_body(post->run, &json);
    cl_json_put_member(&json, CL_STR("id"), cl_str_z(post->id));
    if (sent.len > 0)
        put_member(&json, "to", cl_doc_find(sent, CL_STR("to")));
    else
        cl_json_put_member(&json, CL_STR("to"), post->letter.header.to);
    cl_json_put_member(&json, CL_STR("status"), status_of(post));
    put_member(&json, "durability", cl_doc_find(sent, CL_STR("durability")));
    put_member(&json, "duplicate", cl_doc_find(sent, CL_STR("duplicate")));
    put_member(&json, "recipients", cl_doc_find(sent, CL_STR("recipients")));
    put_member(&json, "rungs", cl_doc_find(receipt, CL_STR("rungs")));
    put_member(&json, "ended", cl_doc_find(receipt, CL_STR("ended")));
    put_member(&json, "answer", cl_buf_str(&post->answer));
    cl_json_object_end(&json);
    enum cl_err err = cl_json_writer_end(&json);
    if (err == CL_OK)
        *ret_result = cl_buf_str(&post->run->body);
    return err;
}

/* -- the answer to it -------------------------------------------------------------------------- */

/* It is here, and will be shown. */
static void
end_with_answer(struct post *post, bool is_acked)
{
    if (!is_acked)
        cl_view_note(&post->run->view, "The answer could not be acknowledged, and may come again.");
    bool is_bad = post->outcome != CL_V2_OUTCOME_NONE && post->outcome != CL_V2_OUTCOME_COMPLETED;
    if (is_bad)
        end_with_outcome(post);
    else
        end(post, CL_OK);
}

static void
on_acked(void *ctx, const struct cl_uplink_answer *answer)
{
    struct post *post = ctx;
    if (!post->is_over)
        end_with_answer(post, answer->err == CL_OK);
}

static void
call(struct post *post, const struct cl_uplink_call *call)
{
    if (cl_uplink_call(post->uplink, call, NULL) != CL_OK)
        end_without_memory(post);
}

/* Is this message the answer? Then it is kept; what becomes of it, take_answer sees to. */
static bool
keep_if_answer(struct post *post, bool is_own_inbox, const struct cl_v2_letter *letter)
{
    struct cl_envelope copy;
    const struct cl_envelope_reader reader = {.arena = &post->arena, .hash_key = &post->hash_key};
    if (post->has_answer)
        return true;
    cl_arena_clear(&post->arena);
    bool is_it = cl_envelope_copy(&letter->envelope, &post->arena, &copy) &&
                 cl_mail_open(&reader, &copy, &post->mail, NULL) == CL_OK &&
                 cl_id_eq(post->mail.header.re, id_of(post));
    if (!is_it)
        return false;
    post->has_answer = post->wants_taking = true;
    post->is_own_inbox = is_own_inbox;
    post->answer_at = letter->at;
    post->added = *(const struct cl_v2_added *)letter->relay;
    if (post->added.chain != NULL) {
        post->chain = *(const struct cl_v2_chain *)post->added.chain;
        post->added.chain = &post->chain;
    }
    return true;
}

static void look_behind(struct post *post, unsigned lane, uint32_t limit);

/* What lies behind what was looked at in that lane, and then in the lanes after it, where some may
 * have been looked at as well. */
static void
on_inbox(void *ctx, const struct cl_uplink_answer *answer)
{
    struct post *post = ctx;
    const struct cl_v2_inbox_view *view = answer->result;
    bool is_new = false;
    post->is_looking = false;
    if (answer->err != CL_OK || view->messages.len == 0)
        return; // the next look comes soon
    const struct cl_v2_letter *letters = view->messages.ptr;
    for (uint32_t i = 0; i < view->messages.len; i++) {
        uint64_t *place = &post->places[letters[i].at.priority];
        if (letters[i].at.first <= *place)
            continue;
        is_new = true;
        *place = letters[i].at.first;
        if (keep_if_answer(post, true, &letters[i]))
            return;
    }
    unsigned last = letters[view->messages.len - 1].at.priority;
    if (view->next.first > 0 && (is_new || last > post->lane))
        look_behind(post, last, is_new ? CL_CLI_WATCH_PAGE : 1);
}

static void
look_behind(struct post *post, unsigned lane, uint32_t limit)
{
    uint64_t place = post->places[lane];
    struct cl_v2_inbox params = {.agent = cl_me_address(&post->run->me), .limit = limit};
    if (place > 0)
        params.after = (struct cl_range){.priority = (uint8_t)lane, .first = place, .last = place};
    post->is_looking = true;
    post->lane = lane;
    call(post, &(struct cl_uplink_call){
                   .method = CL_V2_INBOX, .params = &params, .fn = on_inbox, .ctx = post});
}

/* Through what is new in the own inbox, without taking: who does not heed `reply_to` answers there,
 * as agents of v1 do. What else is there is not ours to touch: another program of this agent may be
 * reading it. */
static void
look(struct post *post)
{
    post->look_at = cl_instant_add(cl_clock_monotonic(), CL_CLI_LOOK_MS);
    if (!post->is_looking)
        look_behind(post, 0, 1);
}

/* -- sending it -------------------------------------------------------------------------------- */

static void
keep_sent(struct post *post, const struct cl_uplink_answer *answer)
{
    post->is_there = true;
    post->rungs |= 1U << CL_RUNG_ACCEPTED;
    cl_buf_clear(&post->sent);
    if (cl_buf_append(&post->sent, answer->text) != CL_OK)
        end_without_memory(post);
    judge(post); // of a later rung in it the receipt is on its way
}

/* "is unknown" has that status. */
static enum cl_err
err_of_doubt(const struct post *post)
{
    return post->want->wish == CL_POST_SENT ? CL_ERR_TIMEOUT : CL_ERR_UNPROVEN;
}

/* What was refused is nowhere, unless it had been sent before and that answer got lost. */
static void
take_refusal(struct post *post, const struct cl_v2_error *error)
{
    struct cl_why why;
    enum cl_err err = cl_letter_explain(&post->letter, post->run->client, error, &why);
    post->is_made = post->is_in_doubt;
    if (post->is_in_doubt)
        END(post, err_of_doubt(post),
            "Whether the relay has message %s is unknown: the connection broke before it answered, "
            "and sent again it was refused. %.240s `clawlink trace%s %s` tells.",
            post->id, why.text, post->who, post->id);
    else
        END(post, err, "%s", why.text);
}

static void
on_sent(void *ctx, const struct cl_uplink_answer *answer)
{
    struct post *post = ctx;
    const struct cl_v2_sent *sent = answer->result;
    if (answer->err == CL_OK && !cl_id_eq(sent->id, id_of(post)))
        END(post, CL_ERR_IO, "The relay answers of another message than %s.", post->id);
    else if (answer->err == CL_OK)
        keep_sent(post, answer);
    else if (answer->error != NULL)
        take_refusal(post, answer->error);
    else
        END(post, answer->err, "The relay's answer about message %s could not be read (%s).",
            post->id, cl_err_wire(answer->err));
}

static cl_time
relay_now(const struct post *post)
{
    return cl_time_add(post->clock, cl_clock_monotonic().ms - post->clock_at.ms);
}

static struct cl_parcel
parcel_of(struct post *post, const cl_digest *digest)
{
    return (struct cl_parcel){post->run, digest, post->deadline, &post->is_over};
}

/* A body that is too large for an envelope goes before it, and the envelope says which it is. */
static enum cl_err
seal_blob(struct post *post, struct cl_why *why)
{
    struct cl_letter *letter = &post->letter;
    struct cl_blob blob = {.size = letter->body.len, .cty = letter->header.cty};
    struct cl_buf body;
    cl_digest digest;
    if (letter->body.len > post->blob_bytes)
        return cl_fail(
            CL_ERR_TOO_LARGE, why, "The message has %zu bytes, and this relay takes at most %llu.",
            letter->body.len,
            (unsigned long long)(post->blob_bytes > 0 ? post->blob_bytes : post->body_bytes));
    enum cl_err err = cl_digest_of(cl_buf_str(&letter->body), &digest);
    if (err != CL_OK)
        return cl_fail(err, why, "Out of memory.");
    const struct cl_parcel parcel = parcel_of(post, &digest);
    struct cl_why reason = {""};
    err = cl_parcel_send(&parcel, cl_buf_str(&letter->body), &reason);
    if (err != CL_OK)
        return cl_fail(err, why, "%.380s Message %s was not sent.", reason.text, post->id);
    blob.digest = digest;
    cl_buf_init(&body, CL_ENVELOPE_BODY_BYTES_MAX);
    err = cl_blob_put(&blob, &body);
    err = err == CL_OK
              ? cl_letter_seal(letter, relay_now(post), cl_buf_str(&body), CL_STR(CL_CTY_BLOB), why)
              : cl_fail(err, why, "Out of memory.");
    cl_buf_done(&body);
    return err;
}

/* Outside of the loop's callbacks, where a blob may be sent before it. */
static enum cl_err
seal_and_send(struct post *post, struct cl_why *why)
{
    struct cl_letter *letter = &post->letter;
    cl_str body = cl_buf_str(&letter->body);
    post->wants_seal = false;
    enum cl_err err = body.len > post->body_bytes
                          ? seal_blob(post, why)
                          : cl_letter_seal(letter, relay_now(post), body, letter->header.cty, why);
    if (err != CL_OK || post->is_over) // the connection may have ended during the upload
        return err;
    const struct cl_v2_send params = {.envelope = cl_letter_envelope(letter),
                                      .attempts = letter->attempts,
                                      .outcome = letter->outcome};
    call(post,
         &(struct cl_uplink_call){
             .method = CL_V2_SEND, .params = &params, .is_kept = true, .fn = on_sent, .ctx = post});
    post->is_made = true;
    return CL_OK;
}

/* -- taking the answer ------------------------------------------------------------------------- */

/* A blob becomes the body that it stands for. */
static enum cl_err
fetch_blob(struct post *post, struct cl_why *why)
{
    struct cl_mail *mail = &post->mail;
    struct cl_parcel parcel = parcel_of(post, &mail->blob.digest);
    // It came in time; its bytes get as long once more.
    parcel.deadline = cl_instant_add(cl_clock_monotonic(), 1000LL * post->want->timeout_s);
    enum cl_err err = cl_parcel_fetch(&parcel, mail->blob.size, &post->blob, why);
    if (err != CL_OK)
        return err;
    mail->is_blob = false;
    mail->header.cty = mail->blob.cty;
    mail->body = cl_buf_str(&post->blob);
    return CL_OK;
}

/* Whoever knows the id of a message can answer it. Who is meant by cap: is the relay's choice. */
static void
tell_of_another(struct post *post)
{
    cl_str to = cl_doc_find(cl_buf_str(&post->sent), CL_STR("to")), from = post->mail.header.from;
    struct cl_address address;
    if (to.len > 2)
        to = cl_str_part(to, 1, to.len - 2); // addresses need no escapes
    if (cl_address_read(to, &address) && address.kind == CL_ADDRESS_AGENT && !cl_str_eq(to, from))
        cl_view_note(&post->run->view, "The answer is from %.*s, and not from %.*s.",
                     CL_STR_ARG(from), CL_STR_ARG(to));
}

/* What could not be written out is not acknowledged, and waits on. */
static enum cl_err
show_answer(struct post *post, struct cl_why *why)
{
    struct cl_view *view = &post->run->view;
    const struct cl_me *me = &post->run->me;
    char where[96 + CL_ME_WORDS_CAP];
    cl_str result = CL_STR("");
    if (post->is_own_inbox)
        (void)snprintf(where, sizeof where, "The answer waits on: `clawlink inbox%s`.", post->who);
    else
        (void)snprintf(where, sizeof where,
                       "The answer waits on: `clawlink inbox --instance %.*s --agent %s --take 1`.",
                       CL_STR_ARG(cl_me_instance(me)), post->reply_to + me->instance_len + 1);
    enum cl_err err = put_result(post, &result);
    if (err != CL_OK)
        return cl_fail(err, why, "Out of memory.");
    post->is_shown = true;
    tell_of_another(post);
    view->unwritten = where;
    err = cl_view_result(view, result, post->want->draw, why);
    view->unwritten = NULL;
    return err;
}

/* Outside of the loop's callbacks. It is acknowledged when it is whole and was shown, and nothing
 * else is. */
static enum cl_err
take_answer(struct post *post, struct cl_why *why)
{
    struct cl_json_writer json;
    post->wants_taking = false;
    enum cl_err err = post->mail.is_blob ? fetch_blob(post, why) : CL_OK;
    if (err != CL_OK)
        return err;
    cl_json_writer_init(&json, &post->answer);
    cl_mail_put(&json, &post->mail, &post->added);
    if (cl_json_writer_end(&json) != CL_OK)
        return cl_fail(CL_ERR_NO_MEMORY, why, "Out of memory.");
    err = show_answer(post, why);
    if (err != CL_OK)
        return err;
    // Nothing but its acknowledgement is waited for, and not for long.
    post->deadline = cl_instant_add(cl_clock_monotonic(), CL_CLI_LAST_WORDS_MS);
    const struct cl_v2_ack params = {.agent = post->is_own_inbox ? cl_me_address(&post->run->me)
                                                                 : cl_str_z(post->reply_to),
                                     .ranges = {&post->answer_at, 1}};
    call(post, &(struct cl_uplink_call){
                   .method = CL_V2_ACK, .params = &params, .fn = on_acked, .ctx = post});
    return CL_OK;
}

/* -- the connection ---------------------------------------------------------------------------- */

static void
on_traced(void *ctx, const struct cl_uplink_answer *answer)
{
    struct post *post = ctx;
    if (answer->err != CL_ERR_NOT_FOUND)
        return; // its receipts come again by themselves
    END(post, CL_ERR_UNPROVEN,
        "The relay was started again and kept nothing: message %s was %.*s, and whether it got any "
        "further is unknown.",
        post->id, CL_STR_ARG(status_of(post)));
}

static bool
is_for_topic(const struct post *post)
{
    struct cl_address to;
    return cl_address_read(post->letter.header.to, &to) && to.kind == CL_ADDRESS_TOPIC;
}

/* What a relay without a disk accepted is gone when it starts again. */
static void
ask_whether_it_is_there(struct post *post)
{
    const struct cl_v2_trace params = {.id = id_of(post), .agent = cl_me_address(&post->run->me)};
    call(post, &(struct cl_uplink_call){.method = CL_V2_TRACE,
                                        .params = &params,
                                        .is_kept = true,
                                        .fn = on_traced,
                                        .ctx = post});
}

static void
on_up(void *ctx, const struct cl_v2_welcome *welcome)
{
    struct post *post = ctx;
    const struct cl_v2_limits *limits = welcome->limits;
    bool is_first = post->epoch[0] == '\0';
    bool is_restart = !is_first && !cl_str_eq(welcome->epoch, cl_str_z(post->epoch));
    bool is_empty = is_restart && welcome->durability == CL_V2_DURABILITY_MEMORY;
    (void)cl_str_copy(post->epoch, sizeof post->epoch, welcome->epoch); // its shape has that bound
    post->clock = (cl_time){(int64_t)welcome->time};
    post->clock_at = cl_clock_monotonic();
    post->body_bytes = limits->body_bytes;
    post->blob_bytes = limits->blob_bytes;
    post->wants_seal = is_first;
    if (post->is_away)
        cl_view_note(&post->run->view, "The relay is back.");
    post->is_away = false;
    post->is_up = true;
    if (post->want->wish == CL_POST_ANSWER)
        post->look_at = cl_instant_add(post->clock_at, CL_CLI_LOOK_MS);
    if (is_empty) // it counts anew
        memset(post->places, 0, sizeof post->places);
    if (is_restart && post->is_there && !is_for_topic(post)) // what is for a topic has no receipt
        ask_whether_it_is_there(post);
    if (is_empty && post->is_in_doubt && !post->is_there)
        cl_view_note(&post->run->view,
                     "It was started again, with nothing of what it had: message %s goes out once "
                     "more and may arrive twice, with the same id.",
                     post->id);
}

static void
on_down(void *ctx, const struct cl_uplink_fall *fall, uint32_t pause_ms)
{
    struct post *post = ctx;
    struct cl_why why;
    (void)pause_ms;
    post->is_in_doubt = post->is_in_doubt || (post->is_up && post->is_made && !post->is_there);
    post->is_up = false;
    post->look_at = CL_INSTANT_NEVER;
    if (post->is_away)
        return;
    post->is_away = true;
    cl_err_ignore(cl_client_explain(post->run->client, fall, &why));
    cl_view_note(&post->run->view, "%.300s Waiting for the relay to come back.", why.text);
}

static void
on_ended(void *ctx, const struct cl_uplink_fall *fall)
{
    struct post *post = ctx;
    struct cl_why why;
    enum cl_err err = cl_client_explain(post->run->client, fall, &why);
    if (post->answer.len > 0)
        end_with_answer(post, false);
    else if (post->is_made && !post->is_there)
        END(post, err, "Whether the relay has message %s is unknown. %.300s", post->id, why.text);
    else
        END(post, err, "%s", why.text);
}

static void
on_note(void *ctx, enum cl_v2_note note, const union cl_v2_note_params *params)
{
    struct post *post = ctx;
    if (note == CL_V2_NOTE_MESSAGE) {
        const struct cl_v2_letter letter = {.at = params->message.at,
                                            .relay = params->message.relay,
                                            .envelope = params->message.envelope};
        (void)keep_if_answer(post, false, &letter); // anything else is left there
    }
    if (note != CL_V2_NOTE_RECEIPT)
        return;
    const struct cl_v2_receipt *list = params->receipts.receipts.ptr;
    for (uint32_t i = 0; i < params->receipts.receipts.len; i++)
        if (cl_id_eq(list[i].id, id_of(post)))
            learn(post, &list[i]);
}

static const struct cl_uplink_events events = {on_up, on_down, on_ended, on_note, NULL};

/* -- all of it --------------------------------------------------------------------------------- */

static enum cl_err
attach(struct post *post)
{
    const struct cl_v2_attach me = {.agent = cl_me_address(&post->run->me), .quiet = true};
    const struct cl_v2_attach answers = {.agent = cl_str_z(post->reply_to), .guest = true};
    enum cl_err err = cl_uplink_attach(post->uplink, &me);
    return err == CL_OK && post->reply_to[0] != '\0' ? cl_uplink_attach(post->uplink, &answers)
                                                     : err;
}

/* Ctrl-C. */
static void
say_how_far_it_is(void *ctx)
{
    struct post *post = ctx;
    if (post->is_made)
        cl_view_note(&post->run->view,
                     "Message %s is %.*s so far. `clawlink trace%s %s` tells how it goes on.",
                     post->id, CL_STR_ARG(status_of(post)), post->who, post->id);
}

static enum cl_err
begin(struct post *post, struct cl_why *why)
{
    struct cl_run *run = post->run;
    enum cl_err err =
        cl_letter_init(&post->letter, &run->opts, &run->me, CL_CLI_BODY_BYTES_MAX, why);
    if (err == CL_OK && run->opts.values[CL_LETTER_RE] != NULL)
        err = cl_inbox_resolve(run, cl_run_option(run, CL_LETTER_RE), &post->letter.header.re, why);
    if (err == CL_OK)
        err = cl_client_uplink(run->client, &post->config, why);
    if (err != CL_OK)
        return err;
    cl_id_text(id_of(post), post->id);
    cl_me_words(&run->opts, post->who);
    post->config.instance = cl_me_instance(&run->me);
    post->config.client = CL_STR(CLIENT_NAME);
    post->config.events = &events;
    post->look_at = CL_INSTANT_NEVER;
    post->letter.header.reply_to = post->want->reply_to;
    if (post->want->wish == CL_POST_ANSWER) {
        // Another program that reads this agent's inbox does not get the answer there, and this one
        // takes nothing of what is for the other.
        cl_letter_name_asker(&run->me, post->reply_to);
        post->letter.header.reply_to = cl_str_z(post->reply_to);
    }
    err = cl_uplink_new(&post->config, post, &post->uplink);
    if (err == CL_OK)
        err = attach(post);
    if (err == CL_OK)
        err = cl_client_exit_on_signals(run->client, 130);
    cl_client_last_words(run->client, say_how_far_it_is, post);
    return err == CL_OK ? CL_OK
                        : cl_fail(err, why, "Cannot prepare the message: %s.", cl_err_wire(err));
}

/* The time is over. */
static void
time_out(struct post *post)
{
    if (post->answer.len > 0)
        end_with_answer(post, false);
    else if (post->outcome != CL_V2_OUTCOME_NONE && post->outcome != CL_V2_OUTCOME_COMPLETED)
        end_with_outcome(post);
    else if (!post->is_made)
        END(post, CL_ERR_TIMEOUT, "The relay was not there within %u s; message %s was not sent.",
            post->want->timeout_s, post->id);
    else if (!post->is_there)
        END(post, err_of_doubt(post),
            "Whether the relay has message %s is unknown: it did not answer within %u s. `clawlink "
            "trace%s %s` asks again.",
            post->id, post->want->timeout_s, post->who, post->id);
    else if (post->want->wish == CL_POST_ANSWER)
        END(post, CL_ERR_UNPROVEN,
            "No answer came within %u s; message %s is %.*s, and `clawlink trace%s %s` tells how "
            "it goes on. One that comes later is in the inbox (`clawlink inbox%s`), or its sender "
            "is told that nobody waits for it here.",
            post->want->timeout_s, post->id, CL_STR_ARG(status_of(post)), post->who, post->id,
            post->who);
    else
        END(post, CL_ERR_UNPROVEN,
            "The %u s are over: message %s is %.*s, and more is not proven. `clawlink trace%s "
            "%s` tells how it goes on.",
            post->want->timeout_s, post->id, CL_STR_ARG(status_of(post)), post->who, post->id);
}

static void
follow(struct post *post)
{
    post->deadline = cl_instant_add(cl_clock_monotonic(), 1000LL * post->want->timeout_s);
    while (!post->is_over) {
        cl_instant now = cl_clock_monotonic();
        if (post->deadline.ms <= now.ms && !post->wants_taking) {
            time_out(post);
            return;
        }
        if (post->wants_seal || post->wants_taking) {
            enum cl_err err =
                post->wants_seal ? seal_and_send(post, &post->why) : take_answer(post, &post->why);
            if (err != CL_OK)
                end(post, err);
            continue;
        }
        if (post->look_at.ms <= now.ms && !post->has_answer)
            look(post);
        cl_instant next = cl_instant_earlier(post->deadline, post->look_at);
        cl_client_turn(post->run->client, next.ms > now.ms ? (uint32_t)(next.ms - now.ms) : 0);
    }
}

enum cl_err
cl_post(struct cl_run *run, const struct cl_post_want *want, cl_str *ret_result, struct cl_why *why)
{
    struct post post = {.run = run, .want = want};
    cl_buf_init(&post.sent, CL_HTTP_ANSWER_BYTES_MAX);
    cl_buf_init(&post.receipt, CL_HTTP_ANSWER_BYTES_MAX);
    cl_buf_init(&post.answer, CL_CLI_PAGE_BYTES_MAX);
    cl_buf_init(&post.blob, CL_CLI_BODY_BYTES_MAX);
    cl_arena_init(&post.arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    cl_random_bytes(&post.hash_key, sizeof post.hash_key);
    *ret_result = CL_STR("");
    enum cl_err err = begin(&post, why);
    if (err == CL_OK) {
        follow(&post);
        err = post.is_shown ? CL_OK : put_result(&post, ret_result);
        if (err != CL_OK)
            cl_err_ignore(cl_fail(err, &post.why, "The result could not be written."));
        err = err == CL_OK ? post.err : err;
        *why = post.why;
    }
    cl_client_last_words(run->client, NULL, NULL);
    cl_uplink_free(post.uplink);
    if (post.uplink != NULL)
        cl_client_turn(run->client, 0); // so that it can say goodbye
    cl_letter_done(&post.letter);
    cl_buf_done(&post.sent);
    cl_buf_done(&post.receipt);
    cl_buf_done(&post.answer);
    cl_buf_done(&post.blob);
    cl_arena_done(&post.arena);
    return err;
}
