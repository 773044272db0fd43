// SPDX-License-Identifier: MIT
#include "cli/page.h"

#include <string.h>

#include "base/limits.h"
#include "cli/text.h"
#include "support/fault.h"
#include "support/test.h"
#include "wire/json_write.h"

static const struct cl_column columns_of_three[] = {{"ID", "i"}, {"NAME", "n"}, {"TEXT", "t"}};

static void
draw(struct cl_page *page, const char *const *cells, size_t len)
{
    struct cl_buf rows;
    struct cl_json_writer json;
    cl_buf_init(&rows, CL_MIB);
    cl_json_writer_init(&json, &rows);
    cl_json_array_begin(&json);
    for (size_t i = 0; i < len; i++) {
        if (i % 3 == 0)
            cl_json_object_begin(&json);
        cl_json_put_member(&json, cl_str_z(columns_of_three[i % 3].member), cl_str_z(cells[i]));
        if (i % 3 == 2)
            cl_json_object_end(&json);
    }
    cl_json_array_end(&json);
    CHECK_OK(cl_json_writer_end(&json));
    cl_page_table(page, cl_buf_str(&rows), columns_of_three, 3);
    cl_buf_done(&rows);
}

TEST(columns_are_as_wide_as_their_widest_cell)
{
    static const char *const cells[] = {"1", "ana", "reads", "22", "bartholomew", "writes"};
    struct cl_page page;
    cl_page_init(&page, SIZE_MAX, false);
    draw(&page, cells, 6);
    CHECK_STR(cl_buf_str(&page.buf), CL_STR("ID  NAME         TEXT\n"
                                            "1   ana          reads\n"
                                            "22  bartholomew  writes\n"));
    cl_page_done(&page);
}

TEST(wide_characters_and_marks_keep_the_columns_straight)
{
    static const char *const cells[] = {"1", "你好", "x", "2", "e\xcc\x81", "y"};
    struct cl_page page;
    cl_page_init(&page, SIZE_MAX, false);
    draw(&page, cells, 6);
    CHECK_STR(cl_buf_str(&page.buf), cl_str_z("ID  NAME  TEXT\n"
                                              "1   你好  x\n"
                                              "2   e\xcc\x81     y\n"));
    cl_page_done(&page);
}

TEST(empty_cells_leave_no_blanks_at_the_end)
{
    static const char *const cells[] = {"1", "", ""};
    struct cl_page page;
    cl_page_init(&page, SIZE_MAX, false);
    draw(&page, cells, 3);
    CHECK_STR(cl_buf_str(&page.buf), CL_STR("ID  NAME  TEXT\n1\n"));
    cl_page_done(&page);
}

TEST(a_table_fits_every_terminal_that_is_not_absurd)
{
    static const char *const cells[] = {"0123456789abcdef", "a name that goes on and on",
                                        "你好你好你好你好你好你好你好你好你好你好"};
    for (size_t columns = 24; columns < 100; columns++) {
        struct cl_page page;
        cl_str line, rest;
        cl_page_init(&page, columns, true);
        draw(&page, cells, 3);
        CHECK_OK(page.err);
        rest = cl_buf_str(&page.buf);
        while (rest.len > 0) {
            (void)cl_str_split(rest, '\n', &line, &rest); // the last line has its end as well
            test_note("%zu columns: %.*s", columns, CL_STR_ARG(line));
            CHECK(cl_text_width(line) <= columns);
        }
        cl_page_done(&page);
    }
}

TEST(the_widest_column_gives_way_and_says_so)
{
    static const char *const cells[] = {"1", "ana", "a long text that does not fit"};
    struct cl_page page;
    cl_page_init(&page, 24, true);
    draw(&page, cells, 3);
    CHECK_STR(cl_buf_str(&page.buf), cl_str_z("ID  NAME  TEXT\n"
                                              "1   ana   a long text t…\n"));
    cl_page_done(&page);
}

TEST(the_first_column_gives_way_last_and_an_id_never)
{
    static const char *const cells[] = {"1a2b3c4d", "a name that goes on", "and on and on and on"};
    for (size_t columns = 1; columns < 60; columns++) {
        struct cl_page page;
        test_note("%zu columns", columns);
        cl_page_init(&page, columns, true);
        draw(&page, cells, 3);
        CHECK_OK(page.err);
        cl_page_raw(&page, cl_str_of("", 1));
        CHECK(strstr(page.buf.ptr, "\n1a2b3c4d  ") != NULL);
        cl_page_done(&page);
    }
}

TEST(in_a_file_one_long_cell_is_whole_and_widens_no_other_row_without_end)
{
    struct cl_page page;
    char name[1001] = {0};
    const char *const cells[] = {"1", name, "x", "2", "b", "y"};
    memset(name, 'n', sizeof name - 1);
    cl_page_init(&page, SIZE_MAX, false);
    draw(&page, cells, 6);
    cl_page_raw(&page, cl_str_of("", 1));
    CHECK(strstr(page.buf.ptr, name) != NULL);
    CHECK(page.buf.len < sizeof name + 3 * (CL_CLI_COLUMN_MAX + 20));
    cl_page_done(&page);
}

TEST(a_cell_that_tries_to_end_the_line_stays_a_cell)
{
    static const char *const cells[] = {"1", "x\n9  admin", "\x1b[2K"};
    struct cl_page page;
    cl_page_init(&page, SIZE_MAX, false);
    draw(&page, cells, 3);
    CHECK_STR(cl_buf_str(&page.buf), CL_STR("ID  NAME            TEXT\n"
                                            "1   x\\u{a}9  admin  \\u{1b}[2K\n"));
    cl_page_done(&page);
}

TEST(values_are_shown_by_their_type)
{
    struct cl_page page;
    cl_page_init(&page, SIZE_MAX, false);
    cl_page_value(&page, CL_STR("\"a\\u001bb\\n\""));
    cl_page_print(&page, "|");
    cl_page_value(&page, CL_STR("[1,\"x\"]"));
    cl_page_print(&page, "|");
    cl_page_value(&page, CL_STR(""));
    cl_page_print(&page, "|");
    cl_page_value(&page, CL_STR("1.50"));
    cl_page_print(&page, "|");
    cl_page_block(&page, CL_STR("\"a\\nb\""), "  ");
    CHECK_STR(cl_buf_str(&page.buf), CL_STR("a\\u{1b}b\\u{a}|[1,\"x\"]||1.50|a\n  b"));
    cl_page_done(&page);
}

TEST(an_array_of_strings_is_a_list_with_commas)
{
    static const char *const rows[][2] = {
        {"[]", ""},
        {"[\"a\"]", "a"},
        {"[ \"a\\n\" , \"b,c\" ]", "a\\u{a}, b,c"},
        {"[\"a\",1]", "[\"a\",1]"},
        {"[[\"a\"]]", "[[\"a\"]]"},
        {"{\"a\":\"b\"}", "{\"a\":\"b\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cl_page page;
        test_note("%s", rows[i][0]);
        cl_page_init(&page, SIZE_MAX, false);
        cl_page_value(&page, cl_str_z(rows[i][0]));
        CHECK_STR(cl_buf_str(&page.buf), cl_str_z(rows[i][1]));
        cl_page_done(&page);
    }
}

TEST(a_member_is_found_by_its_name)
{
    cl_str object = CL_STR("{\"a\":{\"b\":1},\"b\":\"x\"}");
    CHECK_STR(cl_doc_find(object, CL_STR("b")), CL_STR("\"x\""));
    CHECK_STR(cl_doc_find(cl_doc_find(object, CL_STR("a")), CL_STR("b")), CL_STR("1"));
    CHECK_STR(cl_doc_find(object, CL_STR("c")), CL_STR(""));
    CHECK_STR(cl_doc_find(CL_STR(""), CL_STR("c")), CL_STR(""));
    CHECK_STR(cl_doc_find(CL_STR("[1]"), CL_STR("")), CL_STR("1"));
}

TEST(a_page_without_memory_says_so_at_its_end)
{
    cl_str rows = CL_STR("[{\"i\":\"1\",\"n\":\"ana\",\"t\":\"x\"}]");
    FOR_EACH_FAULT
    {
        struct cl_page page;
        cl_page_init(&page, 40, true);
        cl_page_value(&page, CL_STR("\"with an \\u0041 escape\""));
        cl_page_table(&page, rows, columns_of_three, 3);
        CHECK_INT(page.err, fault_happened() ? CL_ERR_NO_MEMORY : CL_OK);
        cl_page_done(&page);
    }
}
