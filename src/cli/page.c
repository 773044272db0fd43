// SPDX-License-Identifier: MIT
#include "cli/page.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/limits.h"
#include "cli/text.h"
#include "wire/json.h"

void
cl_page_init(struct cl_page *page, size_t columns, bool is_terminal)
{
    *page = (struct cl_page){.columns = columns, .is_terminal = is_terminal};
    cl_buf_init(&page->buf, CL_CLI_PAGE_BYTES_MAX);
}

void
cl_page_done(struct cl_page *page)
{
    cl_buf_done(&page->buf);
}

void
cl_page_print(struct cl_page *page, const char *format, ...)
{
    char line[512]; // ours are short
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof line)
        cl_page_raw(page, cl_str_of(line, (size_t)len));
    else if (page->err == CL_OK)
        page->err = CL_ERR_TOO_LARGE;
}

void
cl_page_raw(struct cl_page *page, cl_str bytes)
{
    if (page->err == CL_OK)
        page->err = cl_buf_append(&page->buf, bytes);
}

/* Are all elements strings? */
static bool
is_list(cl_str value)
{
    struct cl_json_cursor cursor;
    struct cl_json_member item;
    cl_json_cursor_init(&cursor, value);
    while (cl_json_cursor_next(&cursor, &item))
        if (item.type != CL_JSON_STRING)
            return false;
    return true;
}

static enum cl_err
show_string(struct cl_buf *out, cl_str value, const char *indent)
{
    struct cl_arena arena;
    cl_str text;
    cl_arena_init(&arena, CL_HTTP_ANSWER_BYTES_MAX);
    enum cl_err err = cl_json_string(value, &arena, &text);
    if (err == CL_OK)
        err = indent == NULL ? cl_text_show(out, text) : cl_text_show_block(out, text, indent);
    cl_arena_done(&arena);
    return err;
}

static enum cl_err
show_list(struct cl_buf *out, cl_str value, const char *indent)
{
    struct cl_json_cursor cursor;
    struct cl_json_member item;
    const char *comma = "";
    enum cl_err err = CL_OK;
    cl_json_cursor_init(&cursor, value);
    while (err == CL_OK && cl_json_cursor_next(&cursor, &item)) {
        err = cl_buf_append(out, cl_str_z(comma));
        if (err == CL_OK)
            err = show_string(out, item.value, indent);
        comma = ", ";
    }
    return err;
}

/* indent NULL: on one line. */
static enum cl_err
show_value(struct cl_buf *out, cl_str value, const char *indent)
{
    if (value.len > 0 && cl_json_type_of(value) == CL_JSON_STRING)
        return show_string(out, value, indent);
    if (value.len > 0 && cl_json_type_of(value) == CL_JSON_ARRAY && is_list(value))
        return show_list(out, value, indent);
    return indent == NULL ? cl_text_show(out, value) : cl_text_show_block(out, value, indent);
}

void
cl_page_value(struct cl_page *page, cl_str value)
{
    if (page->err == CL_OK)
        page->err = show_value(&page->buf, value, NULL);
}

void
cl_page_block(struct cl_page *page, cl_str value, const char *indent)
{
    if (page->err == CL_OK)
        page->err = show_value(&page->buf, value, indent);
}

cl_str
cl_doc_find(cl_str object, cl_str name)
{
    struct cl_json_cursor cursor;
    struct cl_json_member member;
    cl_json_cursor_init(&cursor, object);
    while (cl_json_cursor_next(&cursor, &member))
        if (cl_str_eq(member.name, name)) // names of the protocol need no escapes
            return member.value;
    return CL_STR("");
}

uint64_t
cl_doc_number(cl_str object, const char *name)
{
    uint64_t number = 0;
    (void)cl_json_to_u64(cl_doc_find(object, cl_str_z(name)), &number); // else it stays 0
    return number;
}

/* -- tables -------------------------------------------------------------------------------- */

#define GAP          "  "
#define CUT          "\xe2\x80\xa6" // U+2026, one column
#define COLUMN_LEAST 6              // a column that was cut further would say nothing
#define FIRST_LEAST  8              // an id that the relay made is never cut

struct cell {
    size_t at;
    size_t len;
    size_t width;
};

struct grid {
    struct cl_page *page;
    size_t columns;
    struct cl_buf text;  // of all cells, one behind the other
    struct cl_buf cells; // struct cell, row by row
};

static void
end_cell(struct grid *grid, size_t at, enum cl_err err)
{
    if (err == CL_OK) {
        struct cell cell = {.at = at, .len = grid->text.len - at};
        cell.width = cl_text_width(cl_str_part(cl_buf_str(&grid->text), at, cell.len));
        err = cl_buf_append(&grid->cells, cl_str_of(&cell, sizeof cell));
    }
    if (grid->page->err == CL_OK)
        grid->page->err = err;
}

static void
put_value(struct grid *grid, cl_str value)
{
    size_t at = grid->text.len;
    end_cell(grid, at, show_value(&grid->text, value, NULL));
}

static void
put_text(struct grid *grid, cl_str text)
{
    size_t at = grid->text.len;
    end_cell(grid, at, cl_text_show(&grid->text, text));
}

/* The widest column that can still give way; the first one, which names the row, only when no
 * other can. columns when none can. */
static size_t
column_to_cut(const size_t *widths, size_t columns)
{
    size_t widest = columns;
    for (size_t i = 1; i < columns; i++)
        if (widths[i] > COLUMN_LEAST && (widest == columns || widths[i] > widths[widest]))
            widest = i;
    return widest == columns && widths[0] > FIRST_LEAST ? 0 : widest;
}

/* Columns give way until the row fits, or until none can. */
static void
fit_columns(size_t *widths, size_t columns, size_t columns_max)
{
    size_t total = (sizeof GAP - 1) * (columns - 1);
    for (size_t i = 0; i < columns; i++) {
        size_t most = columns_max > FIRST_LEAST ? columns_max : FIRST_LEAST;
        widths[i] = widths[i] > most ? most : widths[i];
        total += widths[i];
    }
    for (; total > columns_max; total--) {
        size_t column = column_to_cut(widths, columns);
        if (column == columns)
            return;
        widths[column]--;
    }
}

static void
write_cell(struct grid *grid, const struct cell *cell, size_t width, bool is_last)
{
    cl_str text = cl_str_part(cl_buf_str(&grid->text), cell->at, cell->len);
    size_t used = cell->width;
    bool is_cut = cell->width > width && grid->page->columns != SIZE_MAX;
    if (is_cut) {
        text.len = cl_text_fit(text, width - 1);
        used = cl_text_width(text) + 1;
    }
    cl_page_raw(grid->page, text);
    if (is_cut)
        cl_page_raw(grid->page, CL_STR(CUT));
    for (; !is_last && used < width; used++)
        cl_page_raw(grid->page, CL_STR(" "));
    cl_page_raw(grid->page, is_last ? CL_STR("") : CL_STR(GAP));
}

/* Without the spaces of columns that are empty at the end of the row. */
static void
end_row(struct cl_page *page)
{
    while (page->buf.len > 0 && page->buf.ptr[page->buf.len - 1] == ' ')
        cl_buf_truncate(&page->buf, page->buf.len - 1);
    cl_page_raw(page, CL_STR("\n"));
}

static void
write_rows(struct grid *grid)
{
    const struct cell *cells = (const struct cell *)(const void *)grid->cells.ptr;
    size_t count = grid->cells.len / sizeof *cells;
    size_t widths[CL_PAGE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < count; i++)
        if (cells[i].width > widths[i % grid->columns])
            widths[i % grid->columns] = cells[i].width;
    for (size_t i = 0; grid->page->columns == SIZE_MAX && i < grid->columns; i++)
        if (widths[i] > CL_CLI_COLUMN_MAX)
            widths[i] = CL_CLI_COLUMN_MAX;
    if (grid->page->columns != SIZE_MAX)
        fit_columns(widths, grid->columns, grid->page->columns);
    for (size_t i = 0; i < count && grid->page->err == CL_OK; i++) {
        size_t column = i % grid->columns;
        write_cell(grid, &cells[i], widths[column], column + 1 == grid->columns);
        if (column + 1 == grid->columns)
            end_row(grid->page);
    }
}

void
cl_page_table(struct cl_page *page, cl_str rows, const struct cl_column *columns,
              size_t columns_len)
{
    struct grid grid = {.page = page, .columns = columns_len};
    struct cl_json_cursor cursor;
    struct cl_json_member row;
    CL_ASSERT(columns_len <= CL_PAGE_COLUMNS_MAX);
    cl_buf_init(&grid.text, CL_CLI_PAGE_BYTES_MAX);
    cl_buf_init(&grid.cells, CL_CLI_PAGE_BYTES_MAX);
    for (size_t i = 0; i < columns_len; i++)
        put_text(&grid, cl_str_z(columns[i].head));
    cl_json_cursor_init(&cursor, rows);
    while (cl_json_cursor_next(&cursor, &row))
        for (size_t i = 0; row.type == CL_JSON_OBJECT && i < columns_len; i++)
            put_value(&grid, cl_doc_find(row.value, cl_str_z(columns[i].member)));
    if (page->err == CL_OK)
        write_rows(&grid);
    cl_buf_done(&grid.cells);
    cl_buf_done(&grid.text);
}
