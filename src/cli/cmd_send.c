// SPDX-License-Identifier: MIT
#include "base/clock.h"
#include "cli/letter.h"
#include "cli/run.h"
#include "wire/json.h"

static const struct cl_opt options[] = {
    CL_LETTER_OPTIONS,
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_number numbers[] = {CL_LETTER_NUMBERS, {NULL, 0, 0}};

/* "ID accepted for mini/otto (in memory: lost if the relay stops)" */
static void
draw(struct cl_page *page, cl_str answer)
{
    cl_str durability = cl_doc_find(answer, CL_STR("durability"));
    cl_page_value(page, cl_doc_find(answer, CL_STR("id")));
    cl_page_print(page, " ");
    cl_page_value(page, cl_doc_find(answer, CL_STR("status")));
    cl_page_print(page, " for ");
    cl_page_value(page, cl_doc_find(answer, CL_STR("to")));
    if (cl_json_string_is(durability, CL_STR("memory")))
        cl_page_print(page, " (in memory: lost if the relay stops)");
    cl_page_print(page, "\n");
}

static enum cl_err
run_send(struct cl_run *run, struct cl_why *why)
{
    struct cl_letter letter;
    struct cl_arena arena;
    struct cl_v2_sent sent;
    cl_arena_init(&arena, CL_JSON_SCAN_ARENA_BYTES_MAX);
    enum cl_err err =
        cl_letter_init(&letter, &run->opts, &run->me, CL_ENVELOPE_BODY_BYTES_MAX, why);
    if (err == CL_OK)
        err = cl_letter_seal(&letter, cl_clock_wall(), cl_buf_str(&letter.body), letter.header.cty,
                             why);
    if (err == CL_OK) {
        const struct cl_v2_send params = {.envelope = cl_letter_envelope(&letter),
                                          .attempts = letter.attempts};
        const struct cl_call_v2 call = {.method = CL_V2_SEND, .params = &params, .arena = &arena};
        err = cl_run_call_v2(run, &call, &sent, why);
    }
    if (err == CL_OK)
        err = cl_run_show(run, draw, why);
    cl_arena_done(&arena);
    cl_letter_done(&letter);
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
        "means that the relay has it, and says so if it would be lost with the relay.",
    .examples = "clawlink send mini/otto \"Review the parser\"\n"
                "clawlink send cap:review --thread parser --file src/parser.c\n"
                "git diff | clawlink send otto --type text/x-diff --priority high",
    .check = cl_letter_check,
    .run = run_send,
};
