// SPDX-License-Identifier: MIT
#include "cli/progress.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/when.h"

#define BAR_COLUMNS 30
/* Eyes do not see more. */
#define PAUSE_MS 100

void
cl_progress_init(struct cl_progress *progress, const struct cl_view *view, const char *what)
{
    bool is_seen = view->kind == &cl_view_text && isatty(fileno(view->talk)) == 1;
    *progress = (struct cl_progress){.file = is_seen ? view->talk : NULL, .what = what};
}

void
cl_progress_line(const char *what, uint64_t done, uint64_t size,
                 char ret_line[static CL_PROGRESS_CAP])
{
    static const char full[] = "##############################";
    char now[CL_SPAN_CAP], all[CL_SPAN_CAP];
    unsigned percent = size == 0 ? 100 : (unsigned)(done * 100 / size);
    int columns = (int)(percent * BAR_COLUMNS / 100);
    cl_size_text(done, now);
    cl_size_text(size, all);
    (void)snprintf(ret_line, CL_PROGRESS_CAP, "%.20s [%.*s%*s] %3u %%  %s of %s", what, columns,
                   full, BAR_COLUMNS - columns, "", percent, now, all);
}

void
cl_progress_show(struct cl_progress *progress, uint64_t done, uint64_t size)
{
    char line[CL_PROGRESS_CAP];
    cl_instant now = cl_clock_monotonic();
    if (progress->file == NULL ||
        (progress->is_shown && now.ms < progress->shown_at.ms + PAUSE_MS && done < size))
        return;
    cl_progress_line(progress->what, done, size, line);
    progress->shown_at = now;
    progress->is_shown = true;
    // Talk that nobody hears changes nothing. The line before is written over, and cleared behind.
    (void)fprintf(progress->file, "\r%s\033[K", line);
    (void)fflush(progress->file);
}

void
cl_progress_done(struct cl_progress *progress)
{
    if (progress->is_shown) {
        (void)fputs("\r\033[K", progress->file);
        (void)fflush(progress->file);
    }
    progress->is_shown = false;
}
