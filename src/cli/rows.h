// SPDX-License-Identifier: MIT
/*
 * cli/rows.h - a table whose cells are not what the relay sent, but made of it: ages, sizes.
 */
#ifndef CL_CLI_ROWS_H
#define CL_CLI_ROWS_H

#include "cli/page.h"
#include "wire/json_write.h"

/* Writes the members of one row, which the columns name; now is the `time` of the answer. */
typedef void cl_row_fn(struct cl_json_writer *row, cl_str element, uint64_t now);

struct cl_rows {
    const char *list; // the member of the answer with the elements
    cl_row_fn *fn;
    const struct cl_column *columns;
    size_t columns_len;
};

/* On a terminal a column without any cell gives its place to the others. */
void cl_rows_draw(struct cl_page *page, cl_str answer, const struct cl_rows *rows);

/* -- cells ------------------------------------------------------------------------------------- */

/* As the element has it; an empty cell where it has none. */
void cl_row_copy(struct cl_json_writer *row, cl_str element, const char *name);
/* How long before now that number of the element was; an empty cell for 0. Clocks differ: what is
 * ahead is 0 ms ago. */
void cl_row_age(struct cl_json_writer *row, cl_str element, const char *name, uint64_t now);
/* That number of the element as a size. */
void cl_row_size(struct cl_json_writer *row, cl_str element, const char *name);
/* That number of the element; an empty cell for 0. */
void cl_row_count(struct cl_json_writer *row, cl_str element, const char *name);

#endif
