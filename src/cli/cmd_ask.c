// SPDX-License-Identifier: MIT
#include "cli/post.h"
#include "wire/base64url.h"
#include "wire/json.h"

enum { TIMEOUT = CL_LETTER_COUNT };

static const struct cl_opt options[] = {
    CL_LETTER_OPTIONS,
    [TIMEOUT] = {"timeout", "SECONDS", "how long to wait for the answer; default 300",
                 CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_number numbers[] = {
    CL_LETTER_NUMBERS, {"timeout", 1, CL_ENVELOPE_LIFE_S_MAX}, {NULL, 0, 0}};

/* Bytes as they are. */
static void
draw_bytes(struct cl_page *page, cl_str answer)
{
    cl_str body = cl_doc_find(answer, CL_STR("body"));
    cl_str base64 = cl_doc_find(answer, CL_STR("body_base64url"));
    struct cl_arena arena;
    cl_str text;
    cl_arena_init(&arena, 2 * CL_CLI_PAGE_BYTES_MAX);
    enum cl_err err = cl_json_string(body.len > 0 ? body : base64, &arena, &text);
    char *space = err == CL_OK ? cl_arena_alloc(&arena, text.len + 1) : NULL;
    if (err == CL_OK && space == NULL)
        err = CL_ERR_NO_MEMORY;
    if (err == CL_OK && body.len == 0)
        err = cl_base64url_decode(text, space, text.len, &text);
    if (err == CL_OK)
        cl_page_raw(page, text);
    else if (page->err == CL_OK)
        page->err = err;
    cl_arena_done(&arena);
}

/* The body of the answer and nothing else: to a file byte for byte, to a terminal so that it can do
 * no harm. */
static void
draw(struct cl_page *page, cl_str result)
{
    cl_str answer = cl_doc_find(result, CL_STR("answer"));
    cl_str body = cl_doc_find(answer, CL_STR("body"));
    if (answer.len == 0)
        return;
    if (!page->is_terminal) {
        draw_bytes(page, answer);
    } else if (body.len > 0) {
        cl_page_block(page, body, "");
        cl_page_print(page, "\n");
    } else {
        cl_page_print(page, "(no text; ask again with \"> FILE\" to have its ");
        cl_page_value(page, cl_doc_find(answer, CL_STR("bytes")));
        cl_page_print(page, " bytes)\n");
    }
}

static enum cl_err
run_ask(struct cl_run *run, struct cl_why *why)
{
    cl_str result;
    struct cl_why late;
    const struct cl_post_want want = {
        .wish = CL_POST_ANSWER,
        .draw = draw,
        .timeout_s = (uint32_t)cl_opts_number(&run->opts, TIMEOUT, CL_CLI_ASK_TIMEOUT_S)};
    enum cl_err err = cl_post(run, &want, &result, why);
    if (result.len == 0)
        return err;
    if (cl_view_result(&run->view, result, draw, &late) != CL_OK && err == CL_OK)
        return cl_fail(CL_ERR_IO, why, "%s", late.text);
    return err;
}

const struct cl_cmd cl_cmd_ask = {
    .name = "ask",
    .summary = "Send a message, wait for the answer and print it",
    .needs_me = true,
    .options = options,
    .numbers = numbers,
    .notes =
        "Prints the text of the answer and nothing else. The answer goes to an address that only\n"
        "this run has, or is found in the own inbox, where nothing but it is acknowledged; so\n"
        "another program may read that inbox at the same time. It is acknowledged when it is\n"
        "written out. Exit status 8: no answer came in time, and who sends one later is told that\n"
        "nobody waits for it, or it is in the inbox; 9: the message has ended without one, or\n"
        "failed.",
    .examples = "clawlink ask mini/otto \"Which tests are red?\"\n"
                "clawlink ask cap:review --file src/parser.c --timeout 600 --json",
    .check = cl_letter_check,
    .run = run_ask,
};
