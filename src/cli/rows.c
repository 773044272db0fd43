// SPDX-License-Identifier: MIT
#include "cli/rows.h"

#include "base/assert.h"
#include "base/limits.h"
#include "cli/when.h"
#include "wire/json.h"

/* Has the column a cell in any of the rows? */
static bool
is_used(cl_str text, const struct cl_column *column)
{
    struct cl_json_cursor cursor;
    struct cl_json_member row;
    bool is_used = false;
    cl_json_cursor_init(&cursor, text);
    while (!is_used && cl_json_cursor_next(&cursor, &row))
        is_used = cl_doc_find(row.value, cl_str_z(column->member)).len > 0;
    return is_used;
}

static void
draw_table(struct cl_page *page, cl_str text, const struct cl_rows *rows)
{
    struct cl_column used[CL_PAGE_COLUMNS_MAX];
    size_t len = 0;
    CL_ASSERT(rows->columns_len <= CL_PAGE_COLUMNS_MAX);
    for (size_t i = 0; i < rows->columns_len; i++)
        if (!page->is_terminal || is_used(text, &rows->columns[i]))
            used[len++] = rows->columns[i];
    if (len > 0)
        cl_page_table(page, text, used, len);
}

void
cl_rows_draw(struct cl_page *page, cl_str answer, const struct cl_rows *rows)
{
    struct cl_buf text;
    struct cl_json_writer json;
    struct cl_json_cursor cursor;
    struct cl_json_member element;
    uint64_t now = cl_doc_number(answer, "time");
    cl_buf_init(&text, CL_CLI_PAGE_BYTES_MAX);
    cl_json_writer_init(&json, &text);
    cl_json_array_begin(&json);
    cl_json_cursor_init(&cursor, cl_doc_find(answer, cl_str_z(rows->list)));
    while (cl_json_cursor_next(&cursor, &element)) {
        cl_json_object_begin(&json);
        rows->fn(&json, element.value, now);
        cl_json_object_end(&json);
    }
    cl_json_array_end(&json);
    enum cl_err err = cl_json_writer_end(&json);
    if (err == CL_OK)
        draw_table(page, cl_buf_str(&text), rows);
    else if (page->err == CL_OK)
        page->err = err;
    cl_buf_done(&text);
}

void
cl_row_copy(struct cl_json_writer *row, cl_str element, const char *name)
{
    cl_str value = cl_doc_find(element, cl_str_z(name));
    if (value.len == 0)
        return;
    cl_json_put_name(row, cl_str_z(name));
    cl_json_put_raw(row, value);
}

void
cl_row_age(struct cl_json_writer *row, cl_str element, const char *name, uint64_t now)
{
    char text[CL_SPAN_CAP];
    uint64_t at = cl_doc_number(element, name);
    if (at == 0)
        return;
    cl_span_text(now > at ? now - at : 0, text);
    cl_json_put_member(row, cl_str_z(name), cl_str_z(text));
}

void
cl_row_size(struct cl_json_writer *row, cl_str element, const char *name)
{
    char text[CL_SPAN_CAP];
    cl_size_text(cl_doc_number(element, name), text);
    cl_json_put_member(row, cl_str_z(name), cl_str_z(text));
}

void
cl_row_count(struct cl_json_writer *row, cl_str element, const char *name)
{
    if (cl_doc_number(element, name) > 0)
        cl_row_copy(row, element, name);
}
