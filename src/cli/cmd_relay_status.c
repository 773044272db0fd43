// SPDX-License-Identifier: MIT
/*
 * `clawlink relay status`: asks a relay of this machine over its admin door.
 */
#include "cli/run.h"
#include "cli/seek_door.h"
#include "wire/json.h"

enum { OPTION_SOCKET, OPTION_PORT };

static const struct cl_opt options[] = {
    {"admin-socket", "FILE", "the relay's admin socket; default the one that is found",
     CL_OPT_OPTIONAL},
    {"port", "N", "of several relays the one that listens there; default any", CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static const struct cl_number numbers[] = {{"port", 1, UINT16_MAX}, {NULL, 0, 0}};

/* -- drawing ----------------------------------------------------------------------------------- */

/* "messages" is "message" where there is one; "_" is a blank. */
static void
draw_name(struct cl_page *page, cl_str name, bool is_one)
{
    if (is_one && cl_str_ends(name, CL_STR("s")) && !cl_str_ends(name, CL_STR("ss")))
        name = cl_str_part(name, 0, name.len - 1);
    for (cl_str word, rest = name; rest.len > 0;) {
        (void)cl_str_split(rest, '_', &word, &rest); // one word or more
        cl_page_print(page, " ");
        cl_page_value(page, word);
    }
}

/* "1 name, 2 names": the numbers of an object, with that word for 0. */
static void
draw_numbers(struct cl_page *page, const char *head, cl_str object, const char *zero)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    const char *comma = "";
    cl_page_print(page, "%-14s", head);
    cl_json_cursor_init(&cursor, object);
    while (cl_json_cursor_next(&cursor, &member)) {
        if (member.type != CL_JSON_NUMBER)
            continue;
        bool is_zero = cl_str_eq(member.value, CL_STR("0"));
        cl_page_print(page, "%s%s", comma, is_zero ? zero : "");
        if (!is_zero)
            cl_page_value(page, member.value);
        draw_name(page, member.name, cl_str_eq(member.value, CL_STR("1")));
        comma = ", ";
    }
    cl_page_print(page, "\n");
}

static void
draw_line(struct cl_page *page, const char *head, cl_str answer, const char *name)
{
    cl_page_print(page, "%-14s", head);
    cl_page_value(page, cl_doc_find(answer, cl_str_z(name)));
    cl_page_print(page, "\n");
}

/* "[]" has no row. */
static bool
has_rows(cl_str rows)
{
    return rows.len > 2;
}

static void
draw(struct cl_page *page, cl_str answer)
{
    static const struct cl_column inbox_columns[] = {
        {"FULLEST INBOXES", "agent_id"}, {"MESSAGES", "messages"}, {"BYTES", "bytes"}};
    static const struct cl_column instance_columns[] = {{"AGENT LINK", "instance_id"},
                                                        {"CONNECTIONS", "connections"},
                                                        {"SINCE", "since"},
                                                        {"AGENTS", "agents"}};
    static const struct cl_column refusal_columns[] = {
        {"REFUSED, CUT, DROPPED", "what"}, {"REASON", "reason"}, {"COUNT", "count"}};
    cl_str queues = cl_doc_find(answer, CL_STR("queues"));
    cl_str fullest = cl_doc_find(queues, CL_STR("fullest"));
    cl_str blobs = cl_doc_find(answer, CL_STR("blobs"));
    cl_str link = cl_doc_find(answer, CL_STR("agent_link"));
    cl_str refusals = cl_doc_find(answer, CL_STR("refusals"));

    draw_line(page, "url", answer, "url");
    draw_line(page, "version", answer, "version");
    draw_line(page, "since", answer, "since");
    if (cl_str_eq(cl_doc_find(answer, CL_STR("stopping")), CL_STR("true")))
        cl_page_print(page, "%-14s%s\n", "state", "stopping");
    if (cl_str_eq(cl_doc_find(answer, CL_STR("read_only")), CL_STR("true")))
        cl_page_print(page, "%-14s%s\n", "state", "read only: its journal failed, restart it");
    cl_str lost = cl_doc_find(answer, CL_STR("log_lines_lost"));
    if (lost.len > 0 && !cl_str_eq(lost, CL_STR("0"))) {
        cl_page_print(page, "%-14s", "log");
        cl_page_value(page, lost);
        draw_name(page, CL_STR("lines"), cl_str_eq(lost, CL_STR("1")));
        cl_page_print(page, " lost: it could not be written\n");
    }
    draw_numbers(page, "agents", cl_doc_find(answer, CL_STR("agents")), "0");
    draw_numbers(page, "connections", cl_doc_find(answer, CL_STR("connections")), "0");
    draw_numbers(page, "queues", queues, "0");
    if (blobs.len > 0)
        draw_numbers(page, "blobs", blobs, "0");
    if (link.len > 0) {
        draw_line(page, "agent link", link, "url");
        draw_numbers(page, "", link, "0");
    }
    draw_numbers(page, "limits", cl_doc_find(answer, CL_STR("limits")), "no"); // such as --rate
    if (has_rows(fullest)) {
        cl_page_print(page, "\n");
        cl_page_table(page, fullest, inbox_columns, 3);
    }
    if (has_rows(cl_doc_find(link, CL_STR("instances")))) {
        cl_page_print(page, "\n");
        cl_page_table(page, cl_doc_find(link, CL_STR("instances")), instance_columns, 4);
    }
    cl_page_print(page, "\n");
    if (has_rows(refusals))
        cl_page_table(page, refusals, refusal_columns, 3);
    else
        cl_page_print(page, "Nothing was refused, cut or dropped so far.\n");
}

/* -- asking ------------------------------------------------------------------------------------ */

static enum cl_err
run_status(struct cl_run *run, struct cl_why *why)
{
    enum cl_err err = cl_seek_door(run, run->opts.values[OPTION_SOCKET],
                                   cl_opts_number(&run->opts, OPTION_PORT, 0), why);
    return err == CL_OK ? cl_run_show(run, draw, why) : err;
}

const struct cl_cmd cl_cmd_relay_status = {
    .name = "relay status",
    .summary = "Show how a relay on this machine is doing",
    .is_local = true,
    .options = options,
    .numbers = numbers,
    .notes = "It asks over a socket that only the relay's own user and root can open.\n"
             "docs/operations.md explains what is shown.",
    .examples = "clawlink relay status\n"
                "clawlink relay status --port 9077 --json",
    .run = run_status,
};
