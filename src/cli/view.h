// SPDX-License-Identifier: MIT
/*
 * cli/view.h - how a run of the command line looks: to people, or to programs (--json).
 *
 * Every result is a JSON object together with the function that draws it for people, so that
 * no verb can have the one without the other. Results go to standard output, talk (notes and
 * errors) to standard error. The JSON view writes one object per line on both: the result,
 * {"note":...}, {"error":...,"code":...} with the names of base/err.h.
 */
#ifndef CL_CLI_VIEW_H
#define CL_CLI_VIEW_H

#include <stdio.h>

#include "cli/page.h"

/* Draws an answer: a valid JSON object, of which nothing else is known. */
typedef void cl_draw_fn(struct cl_page *page, cl_str answer);

struct cl_view {
    const struct cl_view_kind *kind;
    FILE *results;
    FILE *talk;
    /* What it means that a result could not be written, in a sentence; NULL: nothing, since the
     * verb has done what it should before. */
    const char *unwritten;
};

struct cl_view_kind {
    void (*result)(struct cl_page *page, cl_str answer, cl_draw_fn *draw);
    void (*note)(struct cl_page *page, cl_str text);
    void (*fail)(struct cl_page *page, enum cl_err err, cl_str why);
};

extern const struct cl_view_kind cl_view_text;
extern const struct cl_view_kind cl_view_json;

/* Has written the whole result and flushed it when it says CL_OK: CL_ERR_IO otherwise. */
CL_MUST_CHECK enum cl_err cl_view_result(struct cl_view *view, cl_str answer, cl_draw_fn *draw,
                                         struct cl_why *why);
/* Something the person should know; never a result. */
void cl_view_note(struct cl_view *view, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What ends the run. */
void cl_view_fail(struct cl_view *view, enum cl_err err, const struct cl_why *why);

#endif
