// SPDX-License-Identifier: MIT
#include "cli/dead.h"
#include "cli/inbox.h"
#include "cli/save.h"
#include "cli/when.h"
#include "wire/json.h"

enum { ID, SAVE };

static const struct cl_opt options[] = {
    [ID] = {"ID", NULL, "the dead letter; the beginning of its id will do", CL_OPT_WORD},
    [SAVE] = {"save", "FILE", "write its body there, fetching it first if it is a blob",
              CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

/* "rejected at 2026-04-04 12:00:03 UTC: no parser here", then the message. */
static void
draw_letter(struct cl_page *page, cl_str answer, const char *verb)
{
    char when[CL_WHEN_CAP];
    cl_str dead = cl_doc_find(answer, CL_STR("dead"));
    cl_str reason = cl_doc_find(dead, CL_STR("reason"));
    cl_when_text(cl_doc_number(dead, "at"), when);
    cl_page_value(page, cl_doc_find(dead, CL_STR("outcome")));
    cl_page_print(page, " at %.19s UTC%s", when, reason.len > 0 ? ": " : "");
    cl_page_value(page, reason);
    cl_page_print(page, "\nfor ");
    cl_page_value(page, cl_doc_find(dead, CL_STR("to")));
    cl_page_print(page, ":\n");
    cl_mail_draw(page, cl_doc_find(answer, CL_STR("message")), verb);
}

static void
draw(struct cl_page *page, cl_str answer)
{
    draw_letter(page, answer, "dead show");
}

static void
draw_saved(struct cl_page *page, cl_str answer)
{
    draw_letter(page, answer, NULL);
}

/* {"dead":{...},"message":{...}} */
static enum cl_err
write_letter(struct cl_buf *text, cl_str dead, const struct cl_mail *mail, struct cl_why *why)
{
    struct cl_json_writer json;
    cl_json_writer_init(&json, text);
    cl_json_object_begin(&json);
    cl_json_put_name(&json, CL_STR("dead"));
    cl_json_put_raw(&json, dead);
    cl_json_put_name(&json, CL_STR("message"));
    cl_mail_put(&json, mail, NULL);
    cl_json_object_end(&json);
    enum cl_err err = cl_json_writer_end(&json);
    return err == CL_OK
               ? CL_OK
               : cl_fail(err, why, "The message could not be kept (%s).", cl_err_wire(err));
}

static enum cl_err
show(struct cl_run *run, cl_id id, const struct cl_envelope_reader *reader, struct cl_buf *text,
     struct cl_why *why)
{
    struct cl_v2_dead_letter letter;
    struct cl_mail mail;
    struct cl_why reason = {""};
    const struct cl_v2_dead_show params = {.id = id, .agent = cl_me_address(&run->me)};
    const struct cl_call_v2 call = {
        .method = CL_V2_DEAD_SHOW, .params = &params, .arena = reader->arena};
    enum cl_err err = cl_run_call_v2(run, &call, &letter, why);
    if (err == CL_ERR_NOT_FOUND)
        return cl_dead_unknown(run, id, why);
    if (err != CL_OK)
        return err;
    if (cl_mail_open(reader, &letter.envelope, &mail, &reason) != CL_OK)
        return cl_fail(CL_ERR_IO, why,
                       "The dead letter does not keep to protocol v2 (%.200s). Is this program as "
                       "new as the relay?",
                       reason.text);
    err = write_letter(text, cl_doc_find(run->answer, CL_STR("dead")), &mail, why);
    if (err == CL_OK && run->opts.values[SAVE] != NULL)
        err = cl_save_body(run, &mail, run->opts.values[SAVE], why);
    cl_draw_fn *draw_it = run->opts.values[SAVE] != NULL ? draw_saved : draw;
    return err == CL_OK ? cl_view_result(&run->view, cl_buf_str(text), draw_it, why) : err;
}

static enum cl_err
run_dead_show(struct cl_run *run, struct cl_why *why)
{
    struct cl_arena arena;
    struct cl_buf text;
    cl_hash_key key;
    cl_id id;
    enum cl_err err = cl_dead_find(run, cl_run_option(run, ID), &id, why);
    if (err != CL_OK)
        return err;
    cl_buf_init(&text, CL_CLI_PAGE_BYTES_MAX);
    cl_arena_init(&arena, CL_CLI_ANSWER_ARENA_BYTES_MAX);
    const struct cl_envelope_reader reader = cl_inbox_reader(&arena, &key);
    err = show(run, id, &reader, &text, why);
    cl_arena_done(&arena);
    cl_buf_done(&text);
    return err;
}

static enum cl_err
check(const struct cl_opts *opts, struct cl_why *why)
{
    struct cl_wanted ignored;
    return cl_wanted_read(cl_str_z(opts->values[ID]), &ignored, why);
}

const struct cl_cmd cl_cmd_dead_show = {
    .name = "dead show",
    .summary = "Show a dead letter, why it is one, and its body",
    .needs_me = true,
    .options = options,
    .notes = NULL,
    .examples = "clawlink dead show AAECAwQFBgcICQoLDA0ODw\n"
                "clawlink dead show AAECAwQF --save report.pdf",
    .check = check,
    .run = run_dead_show,
};
