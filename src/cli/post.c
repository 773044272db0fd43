// SPDX-License-Identifier: MIT
#include "cli/post.h"

#include <stdio.h>

#include "base/clock.h"
#include "cli/answer.h"
#include "cli/inbox.h"
#include "cli/parcel.h"

struct post {
    struct cl_run *run;
    const struct cl_post_want *want;
    struct cl_letter letter;
    char re[CL_ID_TEXT_CAP]; // of what it answers
    claw_client *client;
    const char *id;            // the letter's
    char who[CL_ME_WORDS_CAP]; // " --as mira", for what is told to be typed
    char reply_to[CL_ME_CAP];  // an address of this run's own; empty: none
    cl_instant deadline;

    /* -- of the relay */
    bool is_up;
    bool is_away;      // and that was told
    bool wants_letter; // it is there for the first time
    uint64_t body_bytes;
    uint64_t blob_bytes;
    char epoch[CL_NAME_BYTES_MAX + 1];

    /* -- of the letter */
    bool is_made;          // the call went out, as far as we can tell
    bool is_in_doubt;      // a connection broke before its answer came
    bool is_there;         // the relay said that it has it
    bool is_trace_due;     // whether it still has it is to be asked again
    struct cl_buf sent;    // JSON: what it said then
    struct cl_buf receipt; // JSON: the last one

    /* -- of the answer */
    struct cl_answer found;
    bool is_taken; // it was looked into
    bool is_shown;
    bool is_acking;       // what was given is being acknowledged
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
        post->found.look_at = cl_instant_earlier(post->found.look_at, cl_clock_monotonic());
        return;
    }
}

/* What a receipt says; as JSON it is kept for the result. */
static void
learn(struct post *post, const struct claw_event *event)
{
    struct cl_json_writer json;
    if (!cl_str_eq(cl_str_z(event->id), cl_str_z(post->id)))
        return; // another message of the same sender
    for (size_t i = 0; i < event->steps_len; i++)
        post->rungs |= 1U << (event->steps[i].rung - 1);
    if (event->outcome != CLAW_OUTCOME_NONE) {
        post->outcome = event->outcome;
        if (!cl_str_copy(post->reason, sizeof post->reason, cl_str_z(event->reason)))
            post->reason[0] = '\0'; // its shape has that bound
    }
    cl_buf_clear(&post->receipt);
    cl_json_writer_init(&json, &post->receipt);
    cl_claw_put_receipt(&json, event);
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
        cl_json_put_member(&json, CL_STR("to"), cl_str_z(post->letter.claw.to));
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

/* -- sending it -------------------------------------------------------------------------------- */

static void
keep_sent(struct post *post, const struct claw_event *event)
{
    struct cl_json_writer json;
    post->is_there = true;
    post->rungs |= 1U << CL_RUNG_ACCEPTED;
    cl_buf_clear(&post->sent);
    cl_json_writer_init(&json, &post->sent);
    cl_json_object_begin(&json);
    cl_json_put_member(&json, CL_STR("to"), cl_str_z(event->to));
    cl_json_put_member(&json, CL_STR("durability"), cl_v2_durabilities[event->durability]);
    cl_json_put_name(&json, CL_STR("duplicate"));
    cl_json_put_bool(&json, event->is_duplicate != 0);
    if (event->has_recipients != 0)
        cl_json_put_member_u64(&json, CL_STR("recipients"), event->recipients);
    cl_json_object_end(&json);
    if (cl_json_writer_end(&json) != CL_OK)
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
take_refusal(struct post *post, const struct claw_event *event)
{
    struct cl_why why;
    enum cl_err err = cl_letter_explain(&post->letter, post->run->client, cl_api_err_of(event->err),
                                        event->text, &why);
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
on_sent(struct post *post, const struct claw_event *event)
{
    if (event->err == CLAW_OK)
        keep_sent(post, event);
    else if (event->err == CLAW_ERR_IO) // it answered something that is no answer
        END(post, CL_ERR_IO, "%s", event->text);
    else
        take_refusal(post, event);
}

/* While a blob is on its way the connection is kept up. */
static void
turn_beside(void *ctx)
{
    struct post *post = ctx;
    (void)claw_turn(post->client, 0); // a broken client is seen afterwards
}

static struct cl_parcel
parcel_of(struct post *post, const cl_digest *digest)
{
    return (struct cl_parcel){post->run, digest, post->deadline, &post->is_over};
}

static enum cl_err
send_body(struct post *post, cl_str body, struct cl_why *why)
{
    struct claw_letter *claw = &post->letter.claw;
    claw->body = body.ptr;
    claw->body_len = body.len;
    claw_err err = claw_send(post->client, claw, NULL);
    post->is_made = err == CLAW_OK;
    // What breaks a rule was said by an option.
    return err == CLAW_OK
               ? CL_OK
               : cl_claw_fail(post->client, err == CLAW_ERR_MALFORMED ? CLAW_ERR_USAGE : err, why);
}

/* A body that is too large for an envelope goes before it, and the envelope says which it is. */
static enum cl_err
send_blob(struct post *post, struct cl_why *why)
{
    struct cl_letter *letter = &post->letter;
    struct cl_blob blob = {.size = letter->body.len, .cty = cl_str_z(letter->claw.content_type)};
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
    cl_client_beside(post->run->client, turn_beside, post);
    err = cl_parcel_send(&parcel, cl_buf_str(&letter->body), &reason);
    cl_client_beside(post->run->client, NULL, NULL);
    if (err != CL_OK)
        return cl_fail(err, why, "%.380s Message %s was not sent.", reason.text, post->id);
    if (post->is_over) // the connection has ended meanwhile
        return CL_OK;
    blob.digest = digest;
    letter->claw.content_type = CL_CTY_BLOB;
    cl_buf_init(&body, CL_ENVELOPE_BODY_BYTES_MAX);
    err = cl_blob_put(&blob, &body);
    err = err == CL_OK ? send_body(post, cl_buf_str(&body), why)
                       : cl_fail(err, why, "Out of memory.");
    cl_buf_done(&body);
    return err;
}

/* Outside of the events' function, since a blob may go before it. */
static enum cl_err
send_letter(struct post *post, struct cl_why *why)
{
    cl_str body = cl_buf_str(&post->letter.body);
    post->wants_letter = false;
    return body.len > post->body_bytes ? send_blob(post, why) : send_body(post, body, why);
}

/* -- taking the answer ------------------------------------------------------------------------- */

/* A blob becomes the body that it stands for. */
static enum cl_err
fetch_blob(struct post *post, struct cl_why *why)
{
    struct cl_mail *mail = &post->found.mail;
    struct cl_parcel parcel = parcel_of(post, &mail->blob.digest);
    // It came in time; its bytes get as long once more.
    parcel.deadline = cl_instant_add(cl_clock_monotonic(), 1000LL * post->want->timeout_s);
    cl_client_beside(post->run->client, turn_beside, post);
    enum cl_err err = cl_parcel_fetch(&parcel, mail->blob.size, &post->blob, why);
    cl_client_beside(post->run->client, NULL, NULL);
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
    cl_str to = cl_doc_find(cl_buf_str(&post->sent), CL_STR("to")),
           from = post->found.mail.header.from;
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
    if (post->found.is_in_inbox)
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

/* What lies in the own inbox was not given to the client: it goes by its place, as `clawlink ack`
 * does it. */
static bool
acknowledge_there(struct post *post)
{
    struct cl_arena arena;
    struct cl_v2_nothing nothing;
    const struct cl_v2_ack params = {.agent = cl_me_address(&post->run->me),
                                     .ranges = {&post->found.at, 1}};
    const struct cl_call_v2 call = {
        .method = CL_V2_ACK, .params = &params, .arena = &arena, .within_ms = CL_CLI_LAST_WORDS_MS};
    cl_arena_init(&arena, CL_CLI_ANSWER_ARENA_BYTES_MAX);
    enum cl_err err = cl_run_call_v2(post->run, &call, &nothing, NULL);
    cl_arena_done(&arena);
    return err == CL_OK;
}

/* Outside of the events' function. It is acknowledged when it is whole and was shown, and nothing
 * else is. */
static enum cl_err
take_answer(struct post *post, struct cl_why *why)
{
    struct cl_json_writer json;
    const struct cl_answer *found = &post->found;
    char id[CL_ID_TEXT_CAP];
    post->is_taken = true;
    enum cl_err err = found->mail.is_blob ? fetch_blob(post, why) : CL_OK;
    if (err != CL_OK)
        return err;
    cl_json_writer_init(&json, &post->answer);
    cl_mail_put(&json, &found->mail, &found->added);
    if (cl_json_writer_end(&json) != CL_OK)
        return cl_fail(CL_ERR_NO_MEMORY, why, "Out of memory.");
    err = show_answer(post, why);
    if (err != CL_OK)
        return err;
    // Nothing but its acknowledgement is waited for, and not for long.
    post->deadline = cl_instant_add(cl_clock_monotonic(), CL_CLI_LAST_WORDS_MS);
    cl_id_text(found->mail.header.id, id);
    post->is_acking = !found->is_in_inbox &&
                      claw_ack(post->client, post->reply_to, id, CLAW_RUNG_DELIVERED, 0) == CLAW_OK;
    if (!post->is_acking)
        end_with_answer(post, found->is_in_inbox && acknowledge_there(post));
    return CL_OK;
}

/* -- the connection ---------------------------------------------------------------------------- */

static void
on_traced(struct post *post, const struct claw_event *event)
{
    post->is_trace_due = event->err == CLAW_ERR_CLOSED;
    if (event->err != CLAW_ERR_NOT_FOUND)
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
    return cl_address_read(cl_str_z(post->letter.claw.to), &to) && to.kind == CL_ADDRESS_TOPIC;
}

/* What a relay without a disk accepted is gone when it starts again. */
static void
ask_whether_it_is_there(struct post *post)
{
    struct cl_v2_trace params = {.agent = cl_me_address(&post->run->me)};
    (void)cl_id_from_text(cl_str_z(post->id), &params.id); // it is one
    if (cl_claw_call(post->client, CL_V2_TRACE, &params) != CL_OK)
        end_without_memory(post);
}

static void
on_up(struct post *post, const struct claw_event *event)
{
    cl_str epoch = cl_str_z(event->epoch);
    bool is_first = post->epoch[0] == '\0';
    bool is_restart = !is_first && !cl_str_eq(epoch, cl_str_z(post->epoch));
    bool is_empty = is_restart && event->durability == CLAW_DURABILITY_MEMORY;
    (void)cl_str_copy(post->epoch, sizeof post->epoch, epoch); // its shape has that bound
    post->body_bytes = event->body_bytes_max;
    post->blob_bytes = event->blob_bytes_max;
    post->wants_letter = is_first;
    if (post->is_away)
        cl_view_note(&post->run->view, "The relay is back.");
    post->is_away = false;
    post->is_up = true;
    if (post->want->wish == CL_POST_ANSWER)
        post->found.look_at = cl_instant_add(cl_clock_monotonic(), CL_CLI_LOOK_MS);
    if (is_empty) // it counts anew
        cl_answer_forget_places(&post->found);
    if ((is_restart || post->is_trace_due) && post->is_there && !is_for_topic(post))
        ask_whether_it_is_there(post); // what is for a topic has no receipt
    if (is_empty && post->is_in_doubt && !post->is_there)
        cl_view_note(&post->run->view,
                     "It was started again, with nothing of what it had: message %s goes out once "
                     "more and may arrive twice, with the same id.",
                     post->id);
}

static void
on_down(struct post *post, const struct claw_event *event)
{
    if (post->is_acking && !post->is_over)
        end_with_answer(post, false);
    post->is_in_doubt = post->is_in_doubt || (post->is_up && post->is_made && !post->is_there);
    post->is_up = false;
    post->found.look_at = CL_INSTANT_NEVER;
    if (post->is_away)
        return;
    post->is_away = true;
    cl_view_note(&post->run->view, "%.300s Waiting for the relay to come back.", event->text);
}

static void
on_ended(struct post *post, const struct claw_event *event)
{
    enum cl_err err = cl_api_err_of(event->err);
    if (post->answer.len > 0)
        end_with_answer(post, false);
    else if (post->is_made && !post->is_there)
        END(post, err, "Whether the relay has message %s is unknown. %.300s", post->id,
            event->text);
    else
        END(post, err, "%s", event->text);
}

static void
on_result(struct post *post, const struct claw_event *event)
{
    if (event->tag == CL_V2_TRACE)
        on_traced(post, event);
    else if (cl_answer_on_inbox(&post->found, event) != CL_OK)
        end_without_memory(post);
}

/* Anything but the answer is left at the address of this run's own. */
static void
on_message(struct post *post, const struct claw_event *event)
{
    if (cl_answer_on_message(&post->found, event) != CL_OK)
        end_without_memory(post);
}

static void
on_event(void *user, claw_client *client, const struct claw_event *event)
{
    (void)client;
    switch (event->type) {
    case CLAW_EVENT_UP:
        on_up(user, event);
        return;
    case CLAW_EVENT_DOWN:
        on_down(user, event);
        return;
    case CLAW_EVENT_ENDED:
        on_ended(user, event);
        return;
    case CLAW_EVENT_SENT:
        on_sent(user, event);
        return;
    case CLAW_EVENT_RECEIPT:
        learn(user, event);
        return;
    case CLAW_EVENT_MESSAGE:
        on_message(user, event);
        return;
    case CLAW_EVENT_RESULT:
        on_result(user, event);
        return;
    default:
        return;
    }
}

/* -- all of it --------------------------------------------------------------------------------- */

static enum cl_err
attach(struct post *post)
{
    struct claw_agent agent;
    claw_agent_init(&agent, sizeof agent);
    agent.agent = post->run->me.text;
    agent.is_quiet = 1;
    claw_err err = claw_attach(post->client, &agent);
    if (err == CLAW_OK && post->reply_to[0] != '\0') {
        claw_agent_init(&agent, sizeof agent);
        agent.agent = post->reply_to;
        agent.is_guest = 1;
        err = claw_attach(post->client, &agent);
    }
    return cl_api_err_of(err);
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
find_re(struct post *post, struct cl_why *why)
{
    cl_id re;
    struct cl_run *run = post->run;
    if (run->opts.values[CL_LETTER_RE] == NULL)
        return CL_OK;
    enum cl_err err = cl_inbox_resolve(run, cl_run_option(run, CL_LETTER_RE), &re, why);
    if (err != CL_OK)
        return err;
    cl_id_text(re, post->re);
    post->letter.claw.re = post->re;
    return CL_OK;
}

static enum cl_err
begin(struct post *post, struct cl_why *why)
{
    struct cl_run *run = post->run;
    cl_id id = {{0}};
    enum cl_err err =
        cl_letter_init(&post->letter, &run->opts, &run->me, CL_CLI_BODY_BYTES_MAX, why);
    if (err == CL_OK)
        err = find_re(post, why);
    if (err != CL_OK)
        return err;
    post->id = post->letter.id;
    cl_me_words(&run->opts, post->who);
    post->letter.claw.reply_to = post->want->reply_to;
    if (post->want->wish == CL_POST_ANSWER) {
        // Another program that reads this agent's inbox does not get the answer there, and this one
        // takes nothing of what is for the other.
        cl_letter_name_asker(&run->me, post->reply_to);
        post->letter.claw.reply_to = post->reply_to;
    }
    err = cl_claw_new(run, on_event, post, &post->client, why);
    (void)cl_id_from_text(cl_str_z(post->id), &id); // it is one
    cl_answer_init(&post->found, post->client, cl_me_address(&run->me), id);
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
        struct cl_why why = {""};
        enum cl_err err;
        bool wants_taking = post->found.is_here && !post->is_taken;
        if (post->deadline.ms <= now.ms && !wants_taking) {
            time_out(post);
            return;
        }
        if (post->wants_letter || wants_taking) {
            err = post->wants_letter ? send_letter(post, &why) : take_answer(post, &why);
            if (err != CL_OK)
                END(post, err, "%s", why.text);
            continue;
        }
        if (post->found.look_at.ms <= now.ms && cl_answer_look(&post->found) != CL_OK)
            end_without_memory(post);
        err = cl_claw_turn(post->run, post->client,
                           cl_instant_earlier(post->deadline, post->found.look_at), &why);
        if (err != CL_OK)
            END(post, err, "%s", why.text);
        if (post->is_acking && !post->is_over && claw_waiting(post->client) == 0)
            end_with_answer(post, true);
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
    (void)claw_free(post.client); // from nowhere within it
    cl_letter_done(&post.letter);
    cl_buf_done(&post.sent);
    cl_buf_done(&post.receipt);
    cl_buf_done(&post.answer);
    cl_buf_done(&post.blob);
    cl_answer_done(&post.found);
    return err;
}
