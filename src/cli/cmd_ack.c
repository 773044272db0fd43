// SPDX-License-Identifier: MIT
#include "cli/inbox.h"
#include "wire/json.h"

enum { ID, RUNG, OUTCOME, REASON };

static const struct cl_opt options[] = {
    [ID] = {"ID", NULL,
            "the messages; of those in my inbox the beginning will do,\n"
            "or the 12 digits that v1 shows",
            CL_OPT_WORDS},
    [RUNG] = {"rung", "RUNG", "delivered, injected, seen (the default) or in_progress",
              CL_OPT_OPTIONAL},
    [OUTCOME] = {"outcome", "STATUS", "how it ended: completed, failed, rejected or canceled",
                 CL_OPT_OPTIONAL},
    [REASON] = {"reason", "TEXT", "why it ended so", CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

/* What is said of each message. */
struct claim {
    uint8_t rung;
    uint8_t outcome;
    cl_str reason;
};

/* What is new to the relay is that the message was seen, unless something else is said: an outcome
 * alone of a message that was taken earlier says no more than it says. */
static struct claim
claim_of(const struct cl_opts *opts)
{
    const char *rung = opts->values[RUNG], *outcome = opts->values[OUTCOME];
    struct claim claim = {.rung = CL_RUNG_SEEN, .reason = cl_str_z(opts->values[REASON])};
    if (rung != NULL)
        claim.rung = cl_v2_word_find(cl_v2_rungs, CL_RUNG_DELIVERED, CL_RUNG_COUNT, cl_str_z(rung));
    if (outcome != NULL)
        claim.outcome = cl_v2_word_find(cl_v2_outcomes, CL_V2_OUTCOME_COMPLETED,
                                        CL_V2_OUTCOME_EXPIRED, cl_str_z(outcome));
    return claim;
}

static enum cl_err
check_claim(const struct cl_opts *opts, struct cl_why *why)
{
    const struct claim claim = claim_of(opts);
    if (claim.rung == CL_RUNG_COUNT)
        return cl_fail(CL_ERR_USAGE, why,
                       "--rung \"%.80s\" is none of delivered, injected, seen and in_progress.",
                       opts->values[RUNG]);
    if (claim.outcome == CL_V2_OUTCOME_EXPIRED)
        return cl_fail(CL_ERR_USAGE, why,
                       "--outcome \"%.80s\" is none of completed, failed, rejected and canceled.",
                       opts->values[OUTCOME]);
    if (opts->values[REASON] != NULL && claim.outcome == CL_V2_OUTCOME_NONE)
        return cl_fail(CL_ERR_USAGE, why, "--reason is that of an --outcome: give both.");
    if (opts->values[REASON] != NULL &&
        (claim.reason.len == 0 || claim.reason.len > CL_REASON_BYTES_MAX))
        return cl_fail(CL_ERR_USAGE, why, "--reason takes 1 to %d bytes, and these are %zu.",
                       CL_REASON_BYTES_MAX, claim.reason.len);
    if (claim.outcome == CL_V2_OUTCOME_REJECTED && claim.reason.len == 0)
        return cl_fail(CL_ERR_USAGE, why,
                       "Who sent it will want to know why it is rejected: add --reason TEXT.");
    return CL_OK;
}

static enum cl_err
check(const struct cl_opts *opts, struct cl_why *why)
{
    const char *word;
    struct cl_wanted ignored;
    enum cl_err err = check_claim(opts, why);
    for (size_t i = 0; err == CL_OK && (word = cl_opts_nth(opts, ID, i)) != NULL; i++)
        err = cl_wanted_read(cl_str_z(word), &ignored, why);
    return err;
}

/* -- drawing ----------------------------------------------------------------------------------- */

/* "ID seen, completed (proof: ack)"; the last step is the highest rung. */
static void
draw(struct cl_page *page, cl_str trace)
{
    struct cl_json_cursor cursor;
    struct cl_json_member step = {.value = CL_STR("")};
    cl_str end = cl_doc_find(trace, CL_STR("ended"));
    cl_page_value(page, cl_doc_find(trace, CL_STR("id")));
    cl_json_cursor_init(&cursor, cl_doc_find(trace, CL_STR("rungs")));
    while (cl_json_cursor_next(&cursor, &step))
        continue;
    cl_page_print(page, " ");
    cl_page_value(page, cl_doc_find(step.value, CL_STR("rung")));
    cl_page_print(page, " (proof: ");
    cl_page_value(page, cl_doc_find(step.value, CL_STR("proof")));
    cl_page_print(page, ")");
    if (end.len > 0) {
        cl_page_print(page, ", ");
        cl_page_value(page, cl_doc_find(end, CL_STR("outcome")));
    }
    cl_page_print(page, "\n");
}

/* Of a message that has no receipt. */
static void
draw_untold(struct cl_page *page, cl_str answer)
{
    cl_page_value(page, cl_doc_find(answer, CL_STR("id")));
    cl_page_print(page, " acknowledged\n");
}

static enum cl_err
show_untold(struct cl_run *run, cl_id id, struct cl_why *why)
{
    char text[CL_ID_TEXT_CAP], answer[CL_ID_TEXT_CAP + 32];
    cl_id_text(id, text);
    (void)snprintf(answer, sizeof answer, "{\"id\":\"%s\",\"acknowledged\":true}", text); // it fits
    return cl_view_result(&run->view, cl_str_z(answer), draw_untold, why);
}

/* -- saying it --------------------------------------------------------------------------------- */

struct saying {
    struct cl_run *run;
    struct cl_arena *arena;
    struct claim claim;
};

static enum cl_err
call(const struct saying *saying, enum cl_v2_method method, const void *params, void *ret_result,
     struct cl_why *why)
{
    const struct cl_call_v2 made = {.method = method, .params = params, .arena = saying->arena};
    return cl_run_call_v2(saying->run, &made, ret_result, why);
}

/* It leaves the inbox: acknowledged, or as a dead letter. */
static enum cl_err
take_out(const struct saying *saying, const struct cl_wanted *wanted, struct cl_why *why)
{
    struct cl_v2_nothing nothing;
    cl_str me = cl_me_address(&saying->run->me);
    if (saying->claim.outcome == CL_V2_OUTCOME_REJECTED) {
        const struct cl_v2_refuse refusal = {
            .agent = me, .at = wanted->at, .reason = saying->claim.reason};
        return call(saying, CL_V2_REFUSE, &refusal, &nothing, why);
    }
    const struct cl_v2_ack ack = {
        .agent = me, .ranges = {&wanted->at, 1}, .rung = saying->claim.rung};
    return call(saying, CL_V2_ACK, &ack, &nothing, why);
}

/* What an acknowledgement cannot say: the outcome, and all of what was taken earlier. */
static enum cl_err
report(const struct saying *saying, const struct cl_wanted *wanted, struct cl_why *why)
{
    struct cl_v2_nothing nothing;
    struct cl_v2_report params = {.agent = cl_me_address(&saying->run->me),
                                  .id = wanted->id,
                                  .outcome = saying->claim.outcome,
                                  .reason = saying->claim.reason};
    if (wanted->at.first == 0)
        params.rung = saying->claim.rung;
    return call(saying, CL_V2_REPORT, &params, &nothing, why);
}

static enum cl_err
explain(const struct saying *saying, const struct cl_wanted *wanted, enum cl_err err,
        struct cl_why *why)
{
    char id[CL_ID_TEXT_CAP];
    cl_id_text(wanted->id, id);
    if (err == CL_ERR_NOT_FOUND && wanted->at.first > 0)
        return cl_fail(err, why,
                       "Message %s is acknowledged, but how it ended cannot be said: v1 sent it, "
                       "and wants no receipts. `clawlink respond` answers it.",
                       id);
    if (err == CL_ERR_NOT_FOUND)
        return cl_fail(err, why,
                       "Message %s does not wait for %.*s, and the relay has no receipt of it: it "
                       "is not for you, v1 sent it, or it is forgotten, a day after its end.",
                       id, CL_STR_ARG(cl_me_address(&saying->run->me)));
    if (err == CL_ERR_FORBIDDEN)
        return cl_fail(err, why, "Message %s was for somebody else than %.*s (--agent).", id,
                       CL_STR_ARG(cl_me_address(&saying->run->me)));
    return err;
}

/* Does the relay hold what was said of the end? The first who says it is believed. */
static enum cl_err
check_end(const struct saying *saying, const struct cl_v2_traced *traced, struct cl_why *why)
{
    char id[CL_ID_TEXT_CAP];
    const struct cl_v2_ending *ended = traced->ended;
    uint8_t outcome = saying->claim.outcome;
    if (outcome == CL_V2_OUTCOME_NONE || (ended != NULL && ended->outcome == outcome))
        return CL_OK;
    cl_id_text(traced->id, id);
    if (ended == NULL)
        return cl_fail(CL_ERR_IO, why, "The relay at %.*s has not noted that message %s is %.*s.",
                       CL_STR_ARG(cl_client_url_shown(saying->run->client)), id,
                       CL_STR_ARG(cl_v2_outcomes[outcome]));
    return cl_fail(CL_ERR_ENDED, why,
                   "Message %s had ended before: %.*s, as %.*s said. That it is %.*s came too late "
                   "and changes nothing.",
                   id, CL_STR_ARG(cl_v2_outcomes[ended->outcome]),
                   CL_STR_ARG(cl_str_eq(ended->by, CL_STR(CL_ADDRESS_NOBODY)) ? CL_STR("the relay")
                                                                              : ended->by),
                   CL_STR_ARG(cl_v2_outcomes[outcome]));
}

/* Says it, then shows what the relay now holds for proven. */
static enum cl_err
settle(const struct saying *saying, const struct cl_wanted *wanted, struct cl_why *why)
{
    struct cl_v2_traced traced;
    const struct cl_v2_trace params = {.id = wanted->id, .agent = cl_me_address(&saying->run->me)};
    bool waits = wanted->at.first > 0;
    bool is_refused = waits && saying->claim.outcome == CL_V2_OUTCOME_REJECTED;
    enum cl_err err = waits ? take_out(saying, wanted, why) : CL_OK;
    if (err == CL_OK && !is_refused && (!waits || saying->claim.outcome != CL_V2_OUTCOME_NONE))
        err = explain(saying, wanted, report(saying, wanted, why), why);
    if (err != CL_OK)
        return err;
    err = call(saying, CL_V2_TRACE, &params, &traced, why);
    if (err == CL_ERR_NOT_FOUND)
        return show_untold(saying->run, wanted->id, why);
    if (err == CL_OK)
        err = cl_run_show(saying->run, draw, why);
    return err == CL_OK ? check_end(saying, &traced, why) : err;
}

/* All of them are found before the first is settled: a mistake in one word changes nothing. */
static enum cl_err
find_all(struct cl_run *run, struct cl_wanted *wanted, size_t *ret_len, struct cl_why *why)
{
    const char *word;
    size_t len = 0;
    enum cl_err err = CL_OK;
    for (; err == CL_OK && (word = cl_opts_nth(&run->opts, ID, len)) != NULL; len++)
        err = cl_wanted_read(cl_str_z(word), &wanted[len], why);
    if (err == CL_OK)
        err = cl_inbox_meet(run, wanted, len, why);
    for (size_t i = 0; err == CL_OK && i < len; i++)
        err = cl_wanted_check(&wanted[i], "that waits for you", why);
    *ret_len = len;
    return err;
}

static enum cl_err
run_ack(struct cl_run *run, struct cl_why *why)
{
    struct cl_wanted wanted[CL_OPTS_MORE_MAX + 1];
    struct cl_arena arena;
    struct saying saying = {.run = run, .arena = &arena, .claim = claim_of(&run->opts)};
    size_t len = 0;
    enum cl_err err = find_all(run, wanted, &len, why);
    enum cl_err ended = CL_OK; // one that has ended otherwise does not stand in the others' way
    for (size_t i = 0; err == CL_OK && i < len; i++) {
        struct cl_why reason = {""};
        cl_arena_init(&arena, CL_CLI_ANSWER_ARENA_BYTES_MAX);
        err = settle(&saying, &wanted[i], &reason);
        cl_arena_done(&arena);
        if (err != CL_OK)
            *why = reason;
        if (err == CL_ERR_ENDED) {
            ended = err;
            err = CL_OK;
        }
    }
    return err == CL_OK ? ended : err;
}

const struct cl_cmd cl_cmd_ack = {
    .name = "ack",
    .summary = "Say of messages that they were seen, or how they ended",
    .needs_me = true,
    .options = options,
    .notes =
        "A message that waits leaves the inbox by this; one that was taken rises to the rung. Its\n"
        "sender is told. What is waiting and rejected becomes a dead letter. Printed is what the\n"
        "relay holds for proven afterwards; a message of v1 has no receipt that could tell. Exit\n"
        "status 9: it had ended before, and otherwise; what was said first stays.",
    .examples = "clawlink ack AAECAwQFBgcICQoLDA0ODw\n"
                "clawlink ack AAECAwQF --rung in_progress\n"
                "clawlink ack AAECAwQF --outcome failed --reason \"The build is red\"",
    .check = check,
    .run = run_ack,
};
