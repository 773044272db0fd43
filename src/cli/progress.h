// SPDX-License-Identifier: MIT
/*
 * cli/progress.h - how far a transfer is, as a bar on standard error: in a terminal alone, and not
 * where programs read (--json).
 */
#ifndef CL_CLI_PROGRESS_H
#define CL_CLI_PROGRESS_H

#include "base/time.h"
#include "cli/view.h"

struct cl_progress {
    FILE *file; // NULL: nobody looks
    const char *what;
    cl_instant shown_at;
    bool is_shown;
};

/* Says what is on its way, "sending". */
void cl_progress_init(struct cl_progress *progress, const struct cl_view *view, const char *what);
/* Draws it anew, some times a second at most. */
void cl_progress_show(struct cl_progress *progress, uint64_t done, uint64_t size);
/* Takes the bar away. */
void cl_progress_done(struct cl_progress *progress);

/* The line without its end: "sending [#####     ] 50 %  16.0 of 32.0 MiB". */
#define CL_PROGRESS_CAP 128
void cl_progress_line(const char *what, uint64_t done, uint64_t size,
                      char ret_line[static CL_PROGRESS_CAP]);

#endif
