// SPDX-License-Identifier: MIT
/*
 * cli/text.h - text of strangers on a terminal: seen, never obeyed.
 *
 * Names, tasks and file keys come from other agents. A character that would move the cursor,
 * change the direction of reading or be invisible is written as \u{1b}; a byte that is no UTF-8
 * as \x{ff}. Everything else is shown as it is.
 */
#ifndef CL_CLI_TEXT_H
#define CL_CLI_TEXT_H

#include "base/buf.h"

/* For one line: line ends and tabs are escaped too. */
CL_MUST_CHECK enum cl_err cl_text_show(struct cl_buf *out, cl_str text);
/* For a paragraph: tabs stay, and each further line begins with indent, so that no text can
 * pass for a line of ours. */
CL_MUST_CHECK enum cl_err cl_text_show_block(struct cl_buf *out, cl_str text, const char *indent);
/* A JSON text, which stays the same JSON: what would be escaped is, as \u001b inside strings
 * and as a space between values. One line whatever came. */
CL_MUST_CHECK enum cl_err cl_text_show_json(struct cl_buf *out, cl_str json);

/* Columns of a shown text: 2 for wide characters (East Asian, emoji), 0 for combining marks of
 * the common scripts, 1 for all others. */
size_t cl_text_width(cl_str shown);
/* Bytes of the longest beginning that takes at most so many columns. */
size_t cl_text_fit(cl_str shown, size_t columns);

#endif
