// SPDX-License-Identifier: MIT
#include "cli/post.h"
#include "wire/json.h"

enum { WAIT = CL_LETTER_COUNT, TIMEOUT, REPLY_TO };

static const struct cl_opt options[] = {
    CL_LETTER_OPTIONS,
    [WAIT] = {"wait", "RUNG",
              "until it is proven: accepted, delivered, injected, seen,\n"
              "in_progress; or how it ended: completed, failed, rejected,\n"
              "canceled, expired, dead",
              CL_OPT_OPTIONAL},
    [TIMEOUT] = {"timeout", "SECONDS", "no longer than that; default 60", CL_OPT_OPTIONAL},
    [REPLY_TO] = {"reply-to", "AGENT", "where an answer should go, if not to me", CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_number numbers[] = {
    CL_LETTER_NUMBERS, {"timeout", 1, CL_ENVELOPE_LIFE_S_MAX}, {NULL, 0, 0}};

/* A rung or an outcome by its word. */
static enum cl_err
read_wish(cl_str word, struct cl_post_want *want, struct cl_why *why)
{
    want->wish = CL_POST_RUNG;
    want->which = cl_v2_word_find(cl_v2_rungs, 0, CL_RUNG_COUNT, word);
    if (want->which < CL_RUNG_COUNT)
        return CL_OK;
    want->wish = CL_POST_OUTCOME;
    want->which =
        cl_v2_word_find(cl_v2_outcomes, CL_V2_OUTCOME_COMPLETED, CL_V2_OUTCOME_COUNT, word);
    if (want->which < CL_V2_OUTCOME_COUNT)
        return CL_OK;
    return cl_fail(
        CL_ERR_USAGE, why,
        "--wait \"%.*s\" is no rung (accepted, delivered, injected, seen, in_progress) and "
        "no outcome (completed, failed, rejected, canceled, expired, dead).",
        CL_STR_ARG(cl_str_part(word, 0, 80)));
}

/* What is for a topic has no receipt: beyond its acceptance nothing is ever proven of it. */
static enum cl_err
check_topic(const struct cl_opts *opts, const struct cl_post_want *want, struct cl_why *why)
{
    struct cl_address to;
    bool is_topic =
        cl_address_read(cl_str_z(opts->values[CL_LETTER_TO]), &to) && to.kind == CL_ADDRESS_TOPIC;
    if (!is_topic || (want->wish == CL_POST_RUNG && want->which == CL_RUNG_ACCEPTED))
        return CL_OK;
    return cl_fail(
        CL_ERR_USAGE, why,
        "A message for a topic has no receipt, so --wait %.20s would wait in vain: leave "
        "it out, or send to each agent by itself.",
        opts->values[WAIT]);
}

static enum cl_err
check_send(const struct cl_opts *opts, struct cl_why *why)
{
    struct cl_post_want want;
    struct cl_address address;
    cl_str reply_to = cl_str_z(opts->values[REPLY_TO]);
    if (opts->values[WAIT] != NULL &&
        (read_wish(cl_str_z(opts->values[WAIT]), &want, why) != CL_OK ||
         check_topic(opts, &want, why) != CL_OK))
        return CL_ERR_USAGE;
    if (reply_to.ptr != NULL &&
        !(cl_address_read(reply_to, &address) && (address.kind & CL_ADDRESS_RECEIVERS) != 0))
        return cl_fail(CL_ERR_USAGE, why, "--reply-to \"%.*s\" is no address to answer to.",
                       CL_STR_ARG(cl_str_part(reply_to, 0, 100)));
    return cl_letter_check(opts, why);
}

/* "ID accepted for mini/otto (in memory: lost if the relay stops)" */
static void
draw(struct cl_page *page, cl_str answer)
{
    cl_str ended = cl_doc_find(answer, CL_STR("ended"));
    cl_str status = cl_doc_find(answer, CL_STR("status"));
    cl_str durability = cl_doc_find(answer, CL_STR("durability"));
    cl_page_value(page, cl_doc_find(answer, CL_STR("id")));
    cl_page_print(page, " ");
    cl_page_value(page, status);
    cl_page_print(page, " for ");
    cl_page_value(page, cl_doc_find(answer, CL_STR("to")));
    if (cl_doc_find(answer, CL_STR("recipients")).len > 0) {
        cl_page_print(page, ", recipients: ");
        cl_page_value(page, cl_doc_find(answer, CL_STR("recipients")));
    }
    if (ended.len > 0) {
        cl_page_print(page, ", ");
        cl_page_value(page, cl_doc_find(ended, CL_STR("outcome")));
    }
    if (cl_json_string_is(status, CL_STR("accepted")) &&
        cl_json_string_is(durability, CL_STR("memory")))
        cl_page_print(page, " (in memory: lost if the relay stops)");
    cl_page_print(page, "\n");
}

static enum cl_err
run_send(struct cl_run *run, struct cl_why *why)
{
    cl_str result;
    struct cl_why late;
    struct cl_post_want want = {
        .wish = CL_POST_SENT,
        .reply_to = run->opts.values[REPLY_TO],
        .timeout_s = (uint32_t)cl_opts_number(&run->opts, TIMEOUT, CL_CLI_SEND_TIMEOUT_S)};
    if (run->opts.values[WAIT] != NULL) {
        enum cl_err err = read_wish(cl_run_option(run, WAIT), &want, why);
        if (err != CL_OK)
            return err;
    }
    enum cl_err err = cl_post(run, &want, &result, why);
    if (result.len > 0 && cl_view_result(&run->view, result, draw, &late) != CL_OK && err == CL_OK)
        return cl_fail(CL_ERR_IO, why, "%s", late.text);
    return err;
}

const struct cl_cmd cl_cmd_send = {
    .name = "send",
    .summary = "Send a message to an agent",
    .needs_me = true,
    .options = options,
    .numbers = numbers,
    .notes =
        "Prints the message's id first, then how far it got as far as that is proven: accepted\n"
        "means that the relay has it, and says so if it would be lost with the relay. A broken\n"
        "connection is taken up again and the same message sent once more, which does no harm,\n"
        "unless the relay lost its memory in between: then it may arrive twice, with the same\n"
        "id. What stays unknown is called so. With --wait the exit status is 0 only when just\n"
        "that was proven, 8 when the time is over, 9 when the message has ended otherwise.",
    .examples = "clawlink send mini/otto \"Review the parser\"\n"
                "clawlink send cap:review --thread parser --file src/parser.c --wait seen\n"
                "git diff | clawlink send otto --type text/x-diff --priority high\n"
                "clawlink send mini/otto \"Run the tests\" --wait completed --timeout 600",
    .check = check_send,
    .run = run_send,
};
