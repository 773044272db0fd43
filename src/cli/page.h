// SPDX-License-Identifier: MIT
/*
 * cli/page.h - results as a person reads them.
 *
 * A page collects text; the first error (out of memory, too much) stays and makes the rest do
 * nothing, so that it is asked for once, by who prints the page. What comes from a relay is
 * shown through cl_text_show (cli/text.h), always.
 */
#ifndef CL_CLI_PAGE_H
#define CL_CLI_PAGE_H

#include <stdint.h>

#include "base/buf.h"

struct cl_page {
    struct cl_buf buf;
    enum cl_err err;
    size_t columns;   // of the terminal; SIZE_MAX: none, nothing is cut
    bool is_terminal; // the page goes to eyes, not to a file
};

void cl_page_init(struct cl_page *page, size_t columns, bool is_terminal);
void cl_page_done(struct cl_page *page);

/* Text of ours. */
void cl_page_print(struct cl_page *page, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Bytes as they are, to a file or a pipe. */
void cl_page_raw(struct cl_page *page, cl_str bytes);
/* A JSON value on one line: a string's text, "a, b" for an array of strings, anything else as
 * JSON; nothing for none. */
void cl_page_value(struct cl_page *page, cl_str value);
/* The same as a paragraph, each further line behind indent. */
void cl_page_block(struct cl_page *page, cl_str value, const char *indent);

/* What a column shows: that member of each row. */
struct cl_column {
    const char *head;
    const char *member;
};

#define CL_PAGE_COLUMNS_MAX 8

/*
 * A table of an array of objects; what is no object is no row. Columns are as wide as their widest
 * cell; when the terminal is narrower the widest ones give way first, the first column last, and a
 * cut cell ends in an ellipsis. In a file nothing is cut (CL_CLI_COLUMN_MAX).
 */
void cl_page_table(struct cl_page *page, cl_str rows, const struct cl_column *columns,
                   size_t columns_len);

/* -- reading an answer --------------------------------------------------------------------- */

/* The value of that member of a JSON object, empty when there is none. */
cl_str cl_doc_find(cl_str object, cl_str name);
/* That member as a whole number; 0 when it is none. */
uint64_t cl_doc_number(cl_str object, const char *name);

#endif
