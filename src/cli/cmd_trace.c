// SPDX-License-Identifier: MIT
#include "base/clock.h"
#include "cli/dead.h"
#include "cli/inbox.h"
#include "cli/when.h"
#include "wire/json.h"

enum { ID };

static const struct cl_opt options[] = {
    [ID] = {"ID", NULL,
            "the message, as `clawlink send` and `clawlink inbox`\n"
            "print it; of one in my inbox or among dead letters its\n"
            "beginning will do, or the 12 digits that v1 shows",
            CL_OPT_WORD},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

/* -- drawing ----------------------------------------------------------------------------------- */

#define LABEL_COLUMNS 10

/* "label     value" where there is one. */
static void
draw_line(struct cl_page *page, const char *label, cl_str object, const char *name)
{
    cl_str value = cl_doc_find(object, cl_str_z(name));
    if (value.len == 0)
        return;
    cl_page_print(page, "%-*s", LABEL_COLUMNS, label);
    cl_page_value(page, value);
    cl_page_print(page, "\n");
}

static void
draw_priority(struct cl_page *page, cl_str trace)
{
    uint64_t priority;
    if (cl_json_to_u64(cl_doc_find(trace, CL_STR("priority")), &priority) &&
        priority < CL_PRIORITY_COUNT)
        cl_page_print(page, "%-*s%.*s\n", LABEL_COLUMNS, "priority",
                      CL_STR_ARG(cl_mail_priority((unsigned)priority)));
}

static void
draw_chain(struct cl_page *page, cl_str chain)
{
    if (chain.len == 0)
        return;
    cl_page_print(page, "%-*shop ", LABEL_COLUMNS, "chain");
    cl_page_value(page, cl_doc_find(chain, CL_STR("hops")));
    cl_page_print(page, " of the chain that began with ");
    cl_page_value(page, cl_doc_find(chain, CL_STR("root")));
    cl_page_print(page, ", which has %llu message%s so far\n",
                  (unsigned long long)cl_doc_number(chain, "count"),
                  cl_doc_number(chain, "count") == 1 ? "" : "s");
}

/* "2026-04-11 12:00:00 UTC, in 6 d", or "ago". */
static void
draw_expiry(struct cl_page *page, cl_str trace)
{
    char when[CL_WHEN_CAP], span[CL_SPAN_CAP];
    uint64_t at = cl_doc_number(trace, "expires"), now = (uint64_t)cl_clock_wall().ms;
    bool is_over = at <= now;
    cl_when_text(at, when);
    cl_span_text(is_over ? now - at : at - now, span);
    cl_page_print(page, "%-*s%.19s UTC, %s%s%s\n", LABEL_COLUMNS, "expires", when,
                  is_over ? "" : "in ", span, is_over ? " ago" : "");
}

/* "relay/nobody" is how the protocol calls the relay. */
static void
put_author(struct cl_json_writer *json, cl_str step)
{
    cl_str by = cl_doc_find(step, CL_STR("by"));
    cl_json_put_name(json, CL_STR("by"));
    if (cl_json_string_is(by, CL_STR(CL_ADDRESS_NOBODY)))
        cl_json_put_string(json, CL_STR("the relay"));
    else
        cl_json_put_raw(json, by);
}

/* When, how long after it was accepted, by whom, on what proof. */
static void
put_step(struct cl_json_writer *json, cl_str step, uint64_t accepted)
{
    char text[CL_WHEN_CAP];
    uint64_t at = cl_doc_number(step, "at");
    cl_when_text(at, text);
    cl_json_put_member(json, CL_STR("when"), cl_str_z(text));
    cl_span_text(at > accepted ? at - accepted : 0, text);
    if (at != accepted)
        cl_json_put_member(json, CL_STR("after"), cl_str_z(text));
    put_author(json, step);
}

static cl_str
find_step(cl_str steps, cl_str rung)
{
    struct cl_json_cursor cursor;
    struct cl_json_member step;
    cl_json_cursor_init(&cursor, steps);
    while (cl_json_cursor_next(&cursor, &step))
        if (cl_json_string_is(cl_doc_find(step.value, CL_STR("rung")), rung))
            return step.value;
    return CL_STR("");
}

/* Each rung, reached or not: what is not proven is unknown, and said to be. */
static void
put_rows(struct cl_json_writer *json, cl_str trace)
{
    uint64_t accepted = cl_doc_number(trace, "accepted");
    cl_str steps = cl_doc_find(trace, CL_STR("rungs")), end = cl_doc_find(trace, CL_STR("ended"));
    for (unsigned rung = 0; rung < CL_RUNG_COUNT; rung++) {
        cl_str step = find_step(steps, cl_v2_rungs[rung]);
        cl_json_object_begin(json);
        cl_json_put_member(json, CL_STR("rung"), cl_v2_rungs[rung]);
        if (step.len == 0) {
            cl_json_put_member(json, CL_STR("when"), CL_STR("unknown"));
        } else {
            put_step(json, step, accepted);
            cl_json_put_name(json, CL_STR("proof"));
            cl_json_put_raw(json, cl_doc_find(step, CL_STR("proof")));
        }
        cl_json_object_end(json);
    }
    if (end.len == 0)
        return;
    cl_json_object_begin(json);
    cl_json_put_name(json, CL_STR("rung"));
    cl_json_put_raw(json, cl_doc_find(end, CL_STR("outcome")));
    put_step(json, end, accepted);
    cl_json_object_end(json);
}

static void
draw_rungs(struct cl_page *page, cl_str trace)
{
    static const struct cl_column columns[] = {{"RUNG", "rung"},
                                               {"WHEN (UTC)", "when"},
                                               {"AFTER", "after"},
                                               {"SAID BY", "by"},
                                               {"PROOF", "proof"}};
    struct cl_buf rows;
    struct cl_json_writer json;
    cl_buf_init(&rows, CL_CLI_PAGE_BYTES_MAX);
    cl_json_writer_init(&json, &rows);
    cl_json_array_begin(&json);
    put_rows(&json, trace);
    cl_json_array_end(&json);
    enum cl_err err = cl_json_writer_end(&json);
    if (err == CL_OK)
        cl_page_table(page, cl_buf_str(&rows), columns, sizeof columns / sizeof *columns);
    else if (page->err == CL_OK)
        page->err = err;
    cl_buf_done(&rows);
}

/* The last line: what all that means. */
static void
draw_verdict(struct cl_page *page, cl_str trace)
{
    cl_str end = cl_doc_find(trace, CL_STR("ended"));
    cl_str steps = cl_doc_find(trace, CL_STR("rungs"));
    cl_str reason = cl_doc_find(end, CL_STR("reason"));
    bool was_taken = find_step(steps, cl_v2_rungs[CL_RUNG_DELIVERED]).len > 0 ||
                     find_step(steps, cl_v2_rungs[CL_RUNG_INJECTED]).len > 0 ||
                     find_step(steps, cl_v2_rungs[CL_RUNG_SEEN]).len > 0 ||
                     find_step(steps, cl_v2_rungs[CL_RUNG_IN_PROGRESS]).len > 0;
    cl_page_print(page, "\n");
    if (end.len > 0) {
        cl_page_print(page, "It has ended: ");
        cl_page_value(page, cl_doc_find(end, CL_STR("outcome")));
        cl_page_print(page, reason.len > 0 ? ", because: " : ".");
        cl_page_value(page, reason);
        cl_page_print(page, "\n");
    } else if (was_taken) {
        cl_page_print(page, "It was taken; how it ended nobody has said.\n");
    } else {
        cl_page_print(page, "It waits for ");
        cl_page_value(page, cl_doc_find(trace, CL_STR("to")));
        cl_page_print(page, ", who has not proven to have it.\n");
    }
}

static void
draw(struct cl_page *page, cl_str trace)
{
    draw_line(page, "message", trace, "id");
    draw_line(page, "from", trace, "from");
    draw_line(page, "to", trace, "to");
    draw_priority(page, trace);
    draw_line(page, "thread", trace, "thread");
    draw_line(page, "answers", trace, "re");
    draw_chain(page, cl_doc_find(trace, CL_STR("chain")));
    draw_expiry(page, trace);
    if (cl_doc_number(trace, "attempts") > 0)
        draw_line(page, "came back", trace, "attempts");
    cl_page_print(page, "\n");
    draw_rungs(page, trace);
    draw_verdict(page, trace);
}

/* -- asking ------------------------------------------------------------------------------------ */

/* Makes a whole id of what was typed. */
static enum cl_err
resolve(struct cl_run *run, struct cl_wanted *wanted, struct cl_why *why)
{
    enum cl_err err = cl_wanted_read(cl_run_option(run, ID), wanted, why);
    if (err != CL_OK || wanted->is_whole)
        return err;
    err = cl_inbox_meet(run, wanted, 1, why);
    if (err == CL_OK)
        err = cl_dead_meet(run, wanted, 1, why);
    return err == CL_OK ? cl_wanted_check(wanted, "that waits for you or is a dead letter", why)
                        : err;
}

/* A message of v1 has no receipt, but it may be there. */
static enum cl_err
explain_unknown(struct cl_run *run, struct cl_wanted *wanted, struct cl_why *why)
{
    char id[CL_ID_TEXT_CAP];
    cl_id_text(wanted->id, id);
    enum cl_err err = cl_inbox_meet(run, wanted, 1, why);
    if (err != CL_OK)
        return err;
    if (wanted->at.first > 0)
        return cl_fail(CL_ERR_NOT_FOUND, why,
                       "Message %s waits in your inbox, and that is all the relay knows: v1 sent "
                       "it, and wants no receipts.",
                       id);
    return cl_fail(
        CL_ERR_NOT_FOUND, why,
        "The relay at %.*s has no receipt of message %s for %.*s: it is neither from you "
        "nor for you, v1 sent it, or it is forgotten, a day after its end.",
        CL_STR_ARG(cl_client_url_shown(run->client)), id, CL_STR_ARG(cl_me_address(&run->me)));
}

static enum cl_err
run_trace(struct cl_run *run, struct cl_why *why)
{
    struct cl_arena arena;
    struct cl_wanted wanted;
    struct cl_v2_traced traced;
    enum cl_err err = resolve(run, &wanted, why);
    if (err != CL_OK)
        return err;
    const struct cl_v2_trace params = {.id = wanted.id, .agent = cl_me_address(&run->me)};
    const struct cl_call_v2 call = {.method = CL_V2_TRACE, .params = &params, .arena = &arena};
    cl_arena_init(&arena, CL_CLI_ANSWER_ARENA_BYTES_MAX);
    err = cl_run_call_v2(run, &call, &traced, why);
    cl_arena_done(&arena);
    if (err == CL_ERR_NOT_FOUND)
        return explain_unknown(run, &wanted, why);
    return err == CL_OK ? cl_run_show(run, draw, why) : err;
}

static enum cl_err
check(const struct cl_opts *opts, struct cl_why *why)
{
    struct cl_wanted ignored;
    return cl_wanted_read(cl_str_z(opts->values[ID]), &ignored, why);
}

const struct cl_cmd cl_cmd_trace = {
    .name = "trace",
    .summary = "Show how far a message got, rung by rung",
    .needs_me = true,
    .options = options,
    .notes =
        "Of a message from me or for me. Each rung is claimed only by who reached it: the relay\n"
        "has accepted a message, its receiver has it, put it into a session, has seen it,\n"
        "works on it. PROOF says what that rests on; what is not proven is unknown. How often\n"
        "it came back, its thread and its priority are known while the relay has it.",
    .examples = "clawlink trace AAECAwQFBgcICQoLDA0ODw\n"
                "clawlink trace AAECAwQF --json",
    .check = check,
    .run = run_trace,
};
