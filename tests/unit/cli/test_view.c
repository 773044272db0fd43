// SPDX-License-Identifier: MIT
#include "cli/view.h"

#include <stdlib.h>
#include <string.h>

#include "support/test.h"

static char *results;
static char *talk;
static size_t results_len;
static size_t talk_len;

static struct cl_view
open_view(const struct cl_view_kind *kind)
{
    results_len = talk_len = 0; // a stream that nothing is written to leaves them alone
    return (struct cl_view){.kind = kind,
                            .results = open_memstream(&results, &results_len),
                            .talk = open_memstream(&talk, &talk_len)};
}

static void
close_view(struct cl_view *view)
{
    (void)fclose(view->results);
    (void)fclose(view->talk);
    free(results);
    free(talk);
}

static void
draw_name(struct cl_page *page, cl_str answer)
{
    cl_page_value(page, cl_doc_find(answer, CL_STR("name")));
    cl_page_print(page, "\n");
}

TEST(people_get_the_drawing_and_programs_the_answer)
{
    cl_str answer = CL_STR("{\"name\":\"a\\u001bb\",\n\"x\":1}");
    struct cl_view view = open_view(&cl_view_text);
    CHECK_OK(cl_view_result(&view, answer, draw_name, NULL));
    CHECK_STR(cl_str_of(results, results_len), CL_STR("a\\u{1b}b\n"));
    close_view(&view);
    view = open_view(&cl_view_json);
    CHECK_OK(cl_view_result(&view, answer, draw_name, NULL));
    CHECK_STR(cl_str_of(results, results_len), CL_STR("{\"name\":\"a\\u001bb\", \"x\":1}\n"));
    CHECK_INT(talk_len, 0);
    close_view(&view);
}

TEST(errors_are_talk_and_carry_their_code_for_programs)
{
    struct cl_why why = {"No such agent: \"x\x1b\xff\""};
    struct cl_view view = open_view(&cl_view_text);
    cl_view_fail(&view, CL_ERR_NO_AGENT, &why);
    CHECK_STR(cl_str_of(talk, talk_len), CL_STR("clawlink: No such agent: \"x\\u{1b}\\x{ff}\"\n"));
    CHECK_INT(results_len, 0);
    close_view(&view);
    view = open_view(&cl_view_json);
    cl_view_fail(&view, CL_ERR_NO_AGENT, &why);
    CHECK_STR(cl_str_of(talk, talk_len),
              CL_STR("{\"error\":\"No such agent: \\\"x\\\\u{1b}\\\\x{ff}\\\"\","
                     "\"code\":\"no_such_agent\"}\n"));
    CHECK_INT(results_len, 0);
    close_view(&view);
}

TEST(an_error_without_a_sentence_shows_its_name)
{
    struct cl_why why = {""};
    struct cl_view view = open_view(&cl_view_text);
    cl_view_fail(&view, CL_ERR_NO_MEMORY, &why);
    CHECK_STR(cl_str_of(talk, talk_len), CL_STR("clawlink: out_of_memory\n"));
    close_view(&view);
}

TEST(a_note_is_talk_in_both_views)
{
    struct cl_view view = open_view(&cl_view_text);
    cl_view_note(&view, "Agent %s is new.", "a\nb");
    CHECK_STR(cl_str_of(talk, talk_len), CL_STR("Agent a\\u{a}b is new.\n"));
    close_view(&view);
    view = open_view(&cl_view_json);
    cl_view_note(&view, "Agent %s is new.", "\"a\"");
    CHECK_STR(cl_str_of(talk, talk_len), CL_STR("{\"note\":\"Agent \\\"a\\\" is new.\"}\n"));
    close_view(&view);
}

TEST(a_full_disk_fails_the_command)
{
    struct cl_why why = {""};
    struct cl_view view = {.kind = &cl_view_text, .results = fopen("/dev/full", "w")};
    if (view.results == NULL) { // only Linux has this device
        CHECK(view.results == NULL);
        return;
    }
    CHECK_INT(cl_view_result(&view, CL_STR("{\"name\":\"x\"}"), draw_name, &why), CL_ERR_IO);
    CHECK(strstr(why.text, "Cannot write to standard output: No space left") != NULL);
    CHECK(strstr(why.text, ". The command itself was carried out.") != NULL);
    view.unwritten = "Nothing was taken.";
    CHECK_INT(cl_view_result(&view, CL_STR("{}"), draw_name, &why), CL_ERR_IO);
    CHECK(strstr(why.text, ". Nothing was taken.") != NULL);
    (void)fclose(view.results);
}
