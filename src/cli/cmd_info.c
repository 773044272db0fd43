// SPDX-License-Identifier: MIT
#include "cli/run.h"

#include "wire/json.h"

static const struct cl_opt options[] = {
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

static void
draw_member(struct cl_page *page, const struct cl_json_member *member, const char *indent)
{
    cl_page_print(page, "%s", indent);
    cl_page_value(page, member->name);
    cl_page_print(page, ": ");
    cl_page_value(page, member->value);
    cl_page_print(page, "\n");
}

/* An object's members stand below its name. */
static void
draw_object(struct cl_page *page, const struct cl_json_member *object)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    cl_page_value(page, object->name);
    cl_page_print(page, ":\n");
    cl_json_cursor_init(&cursor, object->value);
    while (cl_json_cursor_next(&cursor, &member))
        draw_member(page, &member, "  ");
}

/* "name: value" for each member, whatever the relay has to tell. */
static void
draw(struct cl_page *page, cl_str answer)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    cl_json_cursor_init(&cursor, answer);
    while (cl_json_cursor_next(&cursor, &member)) {
        if (member.type == CL_JSON_OBJECT)
            draw_object(page, &member);
        else
            draw_member(page, &member, "");
    }
}

static enum cl_err
run_info(struct cl_run *run, struct cl_why *why)
{
    const struct cl_client_sign sign = {"service", CL_JSON_STRING};
    enum cl_err err = cl_run_get(run, CL_STR("/"), sign, why);
    return err == CL_OK ? cl_run_show(run, draw, why) : err;
}

const struct cl_cmd cl_cmd_info = {
    .name = "info",
    .summary = "Show what the relay says of itself",
    .options = options,
    .notes = NULL,
    .examples = "clawlink info\n"
                "clawlink info --relay https://vps.example:9077 --json",
    .run = run_info,
};
