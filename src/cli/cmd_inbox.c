// SPDX-License-Identifier: MIT
#include "base/clock.h"
#include "cli/inbox.h"
#include "cli/rows.h"
#include "cli/save.h"
#include "proto/v2_decode.h"
#include "wire/json.h"

enum { ID, LIMIT, TAKE, WAIT, SAVE };

static const struct cl_opt options[] = {
    [ID] = {"ID", NULL, "the message to show whole; default: a list of all", CL_OPT_MAYBE_WORD},
    [LIMIT] = {"limit", "N", "how many messages the list shows, 1 to 1000; default 50",
               CL_OPT_OPTIONAL},
    [TAKE] = {"take", "N",
              "take so many out of the inbox, at most, and show them\n"
              "whole, 1 to 1000",
              CL_OPT_OPTIONAL},
    [WAIT] = {"wait", "SECONDS",
              "when nothing is there to take, wait so long for it,\n"
              "0 to 60; default 0",
              CL_OPT_OPTIONAL},
    [SAVE] = {"save", "FILE",
              "write the body of one message (ID, or --take 1) there,\n"
              "fetching it first if it is a blob",
              CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_number numbers[] = {{"limit", 1, CL_V2_PAGE_MAX},
                                           {"take", 1, CL_V2_PAGE_MAX},
                                           {"wait", 0, CL_POLL_WAIT_MAX_S},
                                           {NULL, 0, 0}};

/* Messages in a list when nothing else was said. */
#define LIMIT_DEFAULT 50

static enum cl_err
check(const struct cl_opts *opts, struct cl_why *why)
{
    struct cl_wanted ignored;
    const char *const *values = opts->values;
    bool takes_one = values[TAKE] != NULL && cl_opts_number(opts, TAKE, 0) == 1;
    if (values[ID] != NULL && values[TAKE] != NULL)
        return cl_fail(CL_ERR_USAGE, why,
                       "inbox shows the message ID or takes the first N, not both. `clawlink ack "
                       "ID` takes one out.");
    if (values[LIMIT] != NULL && (values[ID] != NULL || values[TAKE] != NULL))
        return cl_fail(CL_ERR_USAGE, why, "--limit is for the list: leave it out.");
    if (values[WAIT] != NULL && values[TAKE] == NULL)
        return cl_fail(CL_ERR_USAGE, why, "--wait waits for something to --take: give both.");
    if (values[SAVE] != NULL && values[ID] == NULL && !takes_one)
        return cl_fail(CL_ERR_USAGE, why,
                       "--save writes the body of one message: give its ID, or --take 1.");
    return values[ID] == NULL ? CL_OK : cl_wanted_read(cl_str_z(values[ID]), &ignored, why);
}

/* A result that could not be written into its buffer. */
static enum cl_err
unwritten(enum cl_err err, struct cl_why *why)
{
    return err == CL_OK
               ? CL_OK
               : cl_fail(err, why, "The messages could not be kept (%s).", cl_err_wire(err));
}

/* -- the list ---------------------------------------------------------------------------------- */

static const struct cl_column columns[] = {
    {"ID", "id"},         {"FROM", "from"},     {"AGE", "accepted"}, {"PRIORITY", "priority"},
    {"THREAD", "thread"}, {"BACK", "attempts"}, {"SIZE", "bytes"},   {"BODY", "body"},
};

static void
put_row(struct cl_json_writer *row, cl_str mail, uint64_t now)
{
    cl_row_copy(row, mail, "id");
    cl_row_copy(row, mail, "from");
    cl_row_age(row, mail, "accepted", now);
    if (!cl_json_string_is(cl_doc_find(mail, CL_STR("priority")), CL_STR("normal")))
        cl_row_copy(row, mail, "priority");
    cl_row_copy(row, mail, "thread");
    cl_row_count(row, mail, "attempts");
    cl_row_size(row, mail, "bytes");
    cl_json_put_name(row, CL_STR("body"));
    cl_mail_put_gist(row, mail);
}

static void
draw_list(struct cl_page *page, cl_str answer)
{
    static const struct cl_rows rows = {"messages", put_row, columns,
                                        sizeof columns / sizeof *columns};
    cl_rows_draw(page, answer, &rows);
}

struct list {
    struct cl_json_writer json;
    uint64_t len;
};

static bool
add_to_list(void *ctx, const struct cl_v2_letter *letter, const struct cl_mail *mail)
{
    struct list *list = ctx;
    cl_mail_put(&list->json, mail, letter->relay);
    list->len++;
    return list->json.err == CL_OK;
}

/* {"agent","time","messages":[...],"waiting"} */
static enum cl_err
write_list(struct cl_run *run, struct cl_buf *text, struct list *list, struct cl_why *why)
{
    uint64_t max = cl_opts_number(&run->opts, LIMIT, LIMIT_DEFAULT);
    struct cl_inbox_walk walk = {.fn = add_to_list, .ctx = list, .max = max};
    cl_json_writer_init(&list->json, text);
    cl_json_object_begin(&list->json);
    cl_json_put_member(&list->json, CL_STR("agent"), cl_me_address(&run->me));
    cl_json_put_member_u64(&list->json, CL_STR("time"), (uint64_t)cl_clock_wall().ms);
    cl_json_put_name(&list->json, CL_STR("messages"));
    cl_json_array_begin(&list->json);
    enum cl_err err = cl_inbox_walk(run, &walk, why);
    if (err != CL_OK)
        return err;
    cl_json_array_end(&list->json);
    cl_json_put_member_u64(&list->json, CL_STR("waiting"), walk.waiting);
    cl_json_object_end(&list->json);
    if (walk.waiting == 0)
        cl_view_note(&run->view, "Nothing waits for %.*s.", CL_STR_ARG(cl_me_address(&run->me)));
    else if (walk.waiting > list->len)
        cl_view_note(&run->view, "%llu messages wait; these are the first %llu (--limit).",
                     (unsigned long long)walk.waiting, (unsigned long long)list->len);
    return unwritten(cl_json_writer_end(&list->json), why);
}

static enum cl_err
show_list(struct cl_run *run, struct cl_why *why)
{
    struct cl_buf text;
    struct list list = {.len = 0};
    cl_buf_init(&text, CL_CLI_PAGE_BYTES_MAX);
    enum cl_err err = write_list(run, &text, &list, why);
    if (err == CL_OK)
        err = cl_view_result(&run->view, cl_buf_str(&text), draw_list, why);
    cl_buf_done(&text);
    return err;
}

/* -- one message ------------------------------------------------------------------------------- */

/* Its body has gone into a file. */
static void
draw_saved(struct cl_page *page, cl_str mail)
{
    cl_mail_draw(page, mail, NULL);
}

static void
draw_mail(struct cl_page *page, cl_str mail)
{
    cl_mail_draw(page, mail, "inbox");
}

/* Shows it, saved first if that is wanted: what is to be acknowledged is safe then. */
static enum cl_err
show_mail(struct cl_run *run, const struct cl_mail *mail, const struct cl_v2_added *added,
          struct cl_why *why)
{
    struct cl_buf text;
    struct cl_json_writer json;
    cl_buf_init(&text, CL_CLI_PAGE_BYTES_MAX);
    cl_json_writer_init(&json, &text);
    cl_mail_put(&json, mail, added);
    enum cl_err err = unwritten(cl_json_writer_end(&json), why);
    if (err == CL_OK && run->opts.values[SAVE] != NULL)
        err = cl_save_body(run, mail, run->opts.values[SAVE], why);
    if (err == CL_OK)
        err = cl_view_result(&run->view, cl_buf_str(&text),
                             run->opts.values[SAVE] != NULL ? draw_saved : draw_mail, why);
    cl_buf_done(&text);
    return err;
}

struct showing {
    struct cl_run *run;
    const struct cl_wanted *wanted;
    bool is_met;
    enum cl_err err;
    struct cl_why *why;
};

static bool
show_if_wanted(void *ctx, const struct cl_v2_letter *letter, const struct cl_mail *mail)
{
    struct showing *showing = ctx;
    if (memcmp(&mail->header.id, &showing->wanted->id, sizeof(cl_id)) != 0)
        return true;
    showing->is_met = true;
    showing->err = show_mail(showing->run, mail, letter->relay, showing->why);
    return false;
}

/* Looks twice: only after the first time it is known that nothing else has that name. */
static enum cl_err
show_one(struct cl_run *run, struct cl_why *why)
{
    struct cl_wanted wanted;
    struct showing showing = {.run = run, .wanted = &wanted, .why = why};
    struct cl_inbox_walk walk = {.fn = show_if_wanted, .ctx = &showing};
    enum cl_err err = cl_wanted_read(cl_run_option(run, ID), &wanted, why);
    if (err == CL_OK && !wanted.is_whole)
        err = cl_inbox_meet(run, &wanted, 1, why);
    if (err == CL_OK)
        err = cl_wanted_check(&wanted, "that waits for you", why);
    if (err == CL_OK)
        err = cl_inbox_walk(run, &walk, why);
    if (err == CL_OK && !showing.is_met)
        return cl_fail(CL_ERR_NOT_FOUND, why,
                       "Message %.*s does not wait for %.*s. `clawlink trace` tells what became of "
                       "it.",
                       CL_STR_ARG(wanted.text), CL_STR_ARG(cl_me_address(&run->me)));
    return err == CL_OK ? showing.err : err;
}

/* -- taking ------------------------------------------------------------------------------------ */

/* A batch that was taken, and who has to say what became of it. */
struct taken {
    struct cl_arena arena;
    struct cl_v2_batch batch;
    struct cl_buf answer; // the text of the batch: other calls come before its end
    char lease[CL_V2_LEASE_BYTES_MAX + 1];
    struct cl_range *whole; // where those wait that were shown whole, or saved
    uint32_t whole_len;
    cl_id last; // of these
};

/* What was not to be seen is not acknowledged: its bytes would be lost. */
static void
settle_one(struct cl_run *run, struct taken *taken, const struct cl_v2_letter *letter,
           const struct cl_mail *mail)
{
    char id[CL_ID_TEXT_CAP];
    if (run->opts.values[SAVE] != NULL || cl_mail_is_shown(mail, run->view.kind == &cl_view_json)) {
        taken->whole[taken->whole_len++] = letter->at;
        taken->last = mail->header.id;
        return;
    }
    cl_id_text(mail->header.id, id);
    cl_view_note(
        &run->view,
        "Message %s goes back to the inbox, since its body was not shown: `clawlink inbox "
        "%s --save FILE` writes it to a file, `clawlink ack %s` takes it out. If it is not "
        "there, its sender allowed no more attempts: `clawlink dead` lists it.",
        id, id, id);
}

/* Everything is written out before the relay is told: only then it is gone there. */
static enum cl_err
show_taken(struct cl_run *run, struct taken *taken, const struct cl_envelope_reader *reader,
           struct cl_why *why)
{
    const struct cl_v2_letter *letters = taken->batch.messages.ptr;
    enum cl_err err = CL_OK;
    taken->whole = cl_arena_alloc(&taken->arena, taken->batch.messages.len * sizeof *taken->whole);
    if (taken->whole == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "Out of memory.");
    for (uint32_t i = 0; i < taken->batch.messages.len && err == CL_OK; i++) {
        struct cl_mail mail;
        struct cl_why reason = {""};
        if (cl_mail_open(reader, &letters[i].envelope, &mail, &reason) != CL_OK)
            err = cl_fail(CL_ERR_IO, why,
                          "A message does not keep to protocol v2 (%.200s). Is this program as new "
                          "as the relay?",
                          reason.text);
        else
            err = show_mail(run, &mail, letters[i].relay, why);
        if (err == CL_OK)
            settle_one(run, taken, &letters[i], &mail);
    }
    return err;
}

/* They were not all shown: they go back to their place. A relay that is not told so gives them out
 * again as well, when the lease is over. */
static void
give_back(struct cl_run *run, const struct taken *taken)
{
    struct cl_arena arena;
    struct cl_v2_nothing nothing;
    const struct cl_v2_release params = {.agent = cl_me_address(&run->me),
                                         .lease = cl_str_z(taken->lease)};
    const struct cl_call_v2 call = {.method = CL_V2_RELEASE, .params = &params, .arena = &arena};
    cl_arena_init(&arena, CL_CLI_ANSWER_ARENA_BYTES_MAX);
    cl_err_ignore(cl_run_call_v2(run, &call, &nothing, NULL)); // see above
    cl_arena_done(&arena);
}

/* By the places that they have in the inbox, whoever has them in hand. */
static enum cl_err
acknowledge_whole(struct cl_run *run, struct taken *taken, struct cl_why *why)
{
    struct cl_v2_nothing nothing;
    enum cl_err err = CL_OK;
    for (uint32_t at = 0; err == CL_OK && at < taken->whole_len; at += CL_ACK_RANGES_MAX) {
        uint32_t left = taken->whole_len - at;
        const struct cl_v2_ack params = {
            .agent = cl_me_address(&run->me),
            .ranges = {taken->whole + at, left < CL_ACK_RANGES_MAX ? left : CL_ACK_RANGES_MAX},
            .rung = CL_RUNG_DELIVERED};
        const struct cl_call_v2 call = {
            .method = CL_V2_ACK, .params = &params, .arena = &taken->arena};
        err = cl_run_call_v2(run, &call, &nothing, why);
    }
    return err;
}

/* The body is in its file, but it took longer than the lease, and the relay may have given the
 * message to somebody else meanwhile, or up. A message of v1 has no receipt that would tell. */
static enum cl_err
acknowledge_late(struct cl_run *run, struct taken *taken, struct cl_why *why)
{
    struct cl_v2_traced traced;
    char id[CL_ID_TEXT_CAP];
    const struct cl_v2_trace params = {.id = taken->last, .agent = cl_me_address(&run->me)};
    const struct cl_call_v2 call = {
        .method = CL_V2_TRACE, .params = &params, .arena = &taken->arena};
    enum cl_err err = acknowledge_whole(run, taken, why);
    if (err == CL_OK)
        err = cl_run_call_v2(run, &call, &traced, why);
    if (err != CL_OK)
        return err == CL_ERR_NOT_FOUND ? CL_OK : err;
    const struct cl_v2_ending *ended = traced.ended;
    cl_id_text(taken->last, id);
    if (ended != NULL && ended->outcome >= CL_V2_OUTCOME_EXPIRED)
        return cl_fail(CL_ERR_ENDED, why,
                       "Message %s was saved, but that took more than %d seconds, and to its "
                       "sender it is %.*s meanwhile. `clawlink dead retry` queues it again.",
                       id, CL_V2_LEASE_MS / 1000, CL_STR_ARG(cl_v2_outcomes[ended->outcome]));
    return CL_OK;
}

static enum cl_err
acknowledge_all(struct cl_run *run, struct taken *taken, struct cl_why *why)
{
    struct cl_v2_nothing nothing;
    const struct cl_v2_ack params = {.agent = cl_me_address(&run->me),
                                     .lease = cl_str_z(taken->lease),
                                     .rung = CL_RUNG_DELIVERED};
    const struct cl_call_v2 call = {.method = CL_V2_ACK, .params = &params, .arena = &taken->arena};
    enum cl_err err = cl_run_call_v2(run, &call, &nothing, why);
    if (err == CL_ERR_NOT_FOUND && run->opts.values[SAVE] != NULL)
        return acknowledge_late(run, taken, why);
    if (err == CL_ERR_NOT_FOUND)
        return cl_fail(CL_ERR_STALE, why,
                       "These messages were shown, but it took more than %d seconds, and the relay "
                       "hands them out again.",
                       CL_V2_LEASE_MS / 1000);
    return err;
}

/* What was shown is taken, and what was not goes back. */
static enum cl_err
settle(struct cl_run *run, struct taken *taken, struct cl_why *why)
{
    if (taken->whole_len == taken->batch.messages.len)
        return acknowledge_all(run, taken, why);
    enum cl_err err = acknowledge_whole(run, taken, why);
    give_back(run, taken);
    if (err == CL_OK && taken->whole_len == 0)
        return cl_fail(CL_ERR_USAGE, why,
                       "Nothing was taken: what is first in the inbox has to be written to a file "
                       "(--save).");
    return err;
}

static enum cl_err
receive(struct cl_run *run, struct taken *taken, const struct cl_envelope_reader *reader,
        struct cl_why *why)
{
    uint32_t wait_s = (uint32_t)cl_opts_number(&run->opts, WAIT, 0);
    const struct cl_v2_receive params = {.agent = cl_me_address(&run->me),
                                         .wait = wait_s,
                                         .max = cl_opts_number(&run->opts, TAKE, 0)};
    const struct cl_call_v2 call = {
        .method = CL_V2_RECEIVE, .params = &params, .wait_s = wait_s, .arena = &taken->arena};
    struct cl_v2_batch batch;
    enum cl_err err = cl_run_call_v2(run, &call, &batch, why);
    if (err != CL_OK || batch.messages.len == 0)
        return err;
    // Read once more, out of a copy that outlives the calls that follow.
    (void)cl_str_copy(taken->lease, sizeof taken->lease, batch.lease); // its shape has that bound
    err = cl_buf_append(&taken->answer, run->answer);
    if (err == CL_OK)
        err = cl_v2_read_result(reader, CL_V2_RECEIVE, cl_buf_str(&taken->answer), &taken->batch,
                                why);
    return err == CL_OK ? CL_OK : cl_fail(err, why, "The messages could not be kept.");
}

static enum cl_err
take(struct cl_run *run, struct cl_why *why)
{
    struct taken taken = {.lease = ""};
    cl_hash_key key;
    cl_arena_init(&taken.arena, 2 * CL_CLI_ANSWER_ARENA_BYTES_MAX);
    cl_buf_init(&taken.answer, CL_HTTP_ANSWER_BYTES_MAX);
    const struct cl_envelope_reader reader = cl_inbox_reader(&taken.arena, &key);
    run->view.unwritten = "Nothing was taken: it stays in the inbox.";
    enum cl_err err = cl_client_exit_on_signals(run->client, 130);
    if (err == CL_OK)
        err = receive(run, &taken, &reader, why);
    if (err == CL_OK)
        err = show_taken(run, &taken, &reader, why);
    if (taken.lease[0] != '\0' && err == CL_OK)
        err = settle(run, &taken, why);
    else if (taken.lease[0] != '\0')
        give_back(run, &taken);
    else if (err == CL_OK)
        cl_view_note(&run->view, "Nothing waits for %.*s.", CL_STR_ARG(cl_me_address(&run->me)));
    cl_buf_done(&taken.answer);
    cl_arena_done(&taken.arena);
    return err;
}

static enum cl_err
run_inbox(struct cl_run *run, struct cl_why *why)
{
    enum cl_err err = cl_inbox_arrive(run, why);
    if (err != CL_OK)
        return err;
    if (run->opts.values[TAKE] != NULL)
        return take(run, why);
    return run->opts.values[ID] != NULL ? show_one(run, why) : show_list(run, why);
}

const struct cl_cmd cl_cmd_inbox = {
    .name = "inbox",
    .summary = "Show the messages that wait for me, and take them",
    .needs_me = true,
    .options = options,
    .numbers = numbers,
    .notes =
        "The list and ID only look: all stays where it is, whoever has it in hand. No PRIORITY is\n"
        "the normal one; BACK is how often a message was handed out and not acknowledged. --take\n"
        "hands out the first ones, and acknowledges them, as delivered, when they are written\n"
        "out: what was not written goes back, a blob without --save and, but with --json, a body\n"
        "that is no text. `clawlink ack ID` says that one was seen. With --json a message has\n"
        "body, or body_base64url where that is no text, or a blob that --save fetches.",
    .examples = "clawlink inbox\n"
                "clawlink inbox AAECAwQF --save report.pdf\n"
                "clawlink inbox --take 10 --wait 30 --json",
    .check = check,
    .run = run_inbox,
};
