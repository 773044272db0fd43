// SPDX-License-Identifier: MIT
#include "cli/run.h"

#include "base/clock.h"
#include "wire/json.h"
#include "wire/uri.h"

enum { WAIT, FOLLOW };

static const struct cl_opt options[] = {
    [WAIT] = {"wait", "SECONDS",
              "when nothing is there, wait so long for it, 0 to 60;\n"
              "default 0, with --follow 60",
              CL_OPT_OPTIONAL},
    [FOLLOW] = {"follow", NULL, "go on for ever, as messages come", CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_number numbers[] = {{"wait", 0, CL_POLL_WAIT_MAX_S}, {NULL, 0, 0}};

/* -- one message ---------------------------------------------------------------------------- */

/* ", label value" unless the message has no such member, or an empty one. */
static void
draw_more(struct cl_page *page, cl_str message, const char *label, const char *name)
{
    cl_str value = cl_doc_find(message, cl_str_z(name));
    if (cl_json_is_empty_value(value))
        return;
    cl_page_print(page, ", %s ", label);
    cl_page_value(page, value);
}

static void
draw_text(struct cl_page *page, cl_str message, const char *label, const char *name)
{
    cl_str value = cl_doc_find(message, cl_str_z(name));
    if (cl_json_is_empty_value(value))
        return;
    cl_page_print(page, "    %s", label);
    cl_page_block(page, value, "    ");
    cl_page_print(page, "\n");
}

/* "kind id from agent, time", the rest of the line by kind; below it, set back, the text. */
static void
draw_message(struct cl_page *page, cl_str message)
{
    cl_page_value(page, cl_doc_find(message, CL_STR("type")));
    cl_page_print(page, " ");
    cl_str id = cl_doc_find(message, CL_STR("message_id"));
    cl_page_value(page, id.len > 0 ? id : cl_doc_find(message, CL_STR("file_key")));
    cl_str from = cl_doc_find(message, CL_STR("from_agent"));
    cl_page_print(page, " from ");
    cl_page_value(page, from.len > 0 ? from : cl_doc_find(message, CL_STR("last_editor")));
    draw_more(page, message, "at", "timestamp");
    draw_more(page, message, "priority", "priority");
    draw_more(page, message, "status", "status");
    draw_more(page, message, "topic", "topic");
    draw_more(page, message, "tags", "tags");
    draw_more(page, message, "version", "version");
    cl_page_print(page, "\n");
    draw_text(page, message, "", "task");
    draw_text(page, message, "context: ", "context");
    draw_text(page, message, "", "result");
    draw_text(page, message, "", "content");
}

/* Everything is written out before the next request goes: that request tells the relay that
 * the messages were taken (clawlink-v1.md, "When is a message gone?"). What is no object
 * is no message. */
static enum cl_err
show_messages(struct cl_run *run, unsigned *ret_count, struct cl_why *why)
{
    struct cl_json_cursor cursor;
    struct cl_json_member message;
    unsigned count = 0;
    cl_json_cursor_init(&cursor, cl_doc_find(run->answer, CL_STR("messages")));
    while (cl_json_cursor_next(&cursor, &message)) {
        if (message.type != CL_JSON_OBJECT)
            continue;
        enum cl_err err = cl_view_result(&run->view, message.value, draw_message, why);
        if (err != CL_OK)
            return err;
        count++;
    }
    *ret_count = count;
    return CL_OK;
}

/* -- asking --------------------------------------------------------------------------------- */

static enum cl_err
ask(struct cl_run *run, uint32_t wait_s, struct cl_why *why)
{
    struct cl_buf path;
    cl_buf_init(&path, CL_HTTP_TARGET_BYTES_MAX);
    enum cl_err err = cl_buf_append(&path, CL_STR("/poll/"));
    if (err == CL_OK)
        err = cl_uri_encode(&path, run->state.agent_id);
    if (err == CL_OK && wait_s > 0)
        err = cl_buf_printf(&path, "?wait=%u", wait_s);
    const struct cl_client_call call = {.method = "GET",
                                        .path = cl_buf_str(&path),
                                        .wait_s = wait_s,
                                        .sign = {"messages", CL_JSON_ARRAY}};
    if (err == CL_OK)
        err = cl_client_call(run->client, &call, &run->answer, why);
    else
        err = cl_fail(err, why, "The agent's id does not fit into a request.");
    cl_buf_done(&path);
    return err;
}

/* Until an answer is empty; only the first one is worth waiting for. */
static enum cl_err
poll_once(struct cl_run *run, uint32_t wait_s, struct cl_why *why)
{
    unsigned count = 1, answers = 0;
    enum cl_err err = cl_client_exit_on_signals(run->client, 130);
    while (err == CL_OK && count > 0 && answers < CL_CLI_POLL_ANSWERS_MAX) {
        err = ask(run, answers == 0 ? wait_s : 0, why);
        if (err == CL_OK)
            err = show_messages(run, &count, why);
        answers++;
    }
    if (err == CL_OK && count > 0)
        cl_view_note(&run->view, "More may be waiting: poll again, or use --follow.");
    else if (err == CL_OK && answers == 1)
        cl_view_note(&run->view, "No messages.");
    return err;
}

/* A relay that does not know `wait` answers at once, and is left alone for a while. */
static void
pace(struct cl_run *run, cl_instant asked_at)
{
    int64_t took_ms = cl_clock_monotonic().ms - asked_at.ms;
    if (took_ms < CL_CLIENT_POLL_PAUSE_MS)
        cl_client_pause(run->client, (uint32_t)(CL_CLIENT_POLL_PAUSE_MS - took_ms));
}

static enum cl_err
follow(struct cl_run *run, uint32_t wait_s, struct cl_why *why)
{
    struct cl_outage outage = {0};
    bool is_known = false; // to the relay, as far as we can tell
    unsigned count;
    enum cl_err err = cl_client_exit_on_signals(run->client, 0);
    while (err == CL_OK) {
        cl_instant asked_at = cl_clock_monotonic();
        // A relay that was away may have been restarted, and remembers nobody then.
        err = is_known ? CL_OK : cl_run_heartbeat(run, why);
        if (err == CL_OK) {
            cl_outage_over(&outage, run);
            err = ask(run, wait_s, why);
        }
        is_known = err == CL_OK;
        if (err != CL_OK) {
            err = cl_outage_wait(&outage, run, err, why) ? CL_OK : err;
            continue;
        }
        err = show_messages(run, &count, why);
        if (err == CL_OK && count == 0)
            pace(run, asked_at);
    }
    return err;
}

static enum cl_err
run_poll(struct cl_run *run, struct cl_why *why)
{
    bool follows = run->opts.values[FOLLOW] != NULL;
    uint32_t wait_s = (uint32_t)cl_opts_number(&run->opts, WAIT, follows ? CL_POLL_WAIT_MAX_S : 0);
    return follows ? follow(run, wait_s, why) : poll_once(run, wait_s, why);
}

const struct cl_cmd cl_cmd_poll = {
    .name = "poll",
    .summary = "Fetch the messages that wait for this agent",
    .needs_agent = true,
    .options = options,
    .numbers = numbers,
    .notes = "Each message is one line with kind, id, sender and time, and its text below, set\n"
             "back; with --json one object per line. What was printed is gone from the relay.\n"
             "With --follow an outage of the relay is waited out, and Ctrl-C ends with status 0;\n"
             "without it Ctrl-C ends with 130.",
    .examples = "clawlink poll\n"
                "clawlink poll --wait 30\n"
                "clawlink poll --follow --json",
    .run = run_poll,
};
