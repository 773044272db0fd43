// SPDX-License-Identifier: MIT
#include "cli/progress.h"

#include <string.h>

#include "support/test.h"

TEST(a_bar_says_how_far_it_is)
{
    char line[CL_PROGRESS_CAP];
    cl_progress_line("sending", 0, 100, line);
    CHECK_STR(cl_str_z(line),
              CL_STR("sending [                              ]   0 %  0 B of 100 B"));
    cl_progress_line("sending", 50, 100, line);
    CHECK_STR(cl_str_z(line),
              CL_STR("sending [###############               ]  50 %  50 B of 100 B"));
    cl_progress_line("fetching", 67108864, 67108864, line);
    CHECK_STR(cl_str_z(line),
              CL_STR("fetching [##############################] 100 %  64.0 MiB of 64.0 MiB"));
    cl_progress_line("sending", 0, 0, line);
    CHECK(strstr(line, " 100 % ") != NULL);
}

TEST(no_transfer_makes_the_line_longer_than_its_room)
{
    char line[CL_PROGRESS_CAP];
    cl_progress_line("a word that is longer than any", UINT64_MAX / 100, UINT64_MAX / 100, line);
    CHECK(strlen(line) < CL_PROGRESS_CAP - 1);
}

/* Standard error of a test is a file or a pipe at most. */
TEST(without_a_terminal_nothing_is_drawn)
{
    char text[64] = "";
    FILE *file = fmemopen(text, sizeof text, "w");
    struct cl_view view = {.kind = &cl_view_json, .results = stdout, .talk = file};
    struct cl_progress progress;
    CHECK(file != NULL);
    cl_progress_init(&progress, &view, "sending");
    cl_progress_show(&progress, 1, 2);
    cl_progress_done(&progress);
    CHECK(fclose(file) == 0);
    CHECK_STR(cl_str_z(text), CL_STR(""));
}
