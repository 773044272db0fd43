// SPDX-License-Identifier: MIT
/*
 * tests/unit/proto/v2_golden.h - the files of tests/golden/v2/ (its `make` says what they are), and
 * what the tests of protocol v2 need besides.
 */
#ifndef TESTS_UNIT_PROTO_V2_GOLDEN_H
#define TESTS_UNIT_PROTO_V2_GOLDEN_H

#include "proto/envelope.h"

/* The time in all examples. */
#define GOLDEN_NOW ((cl_time){1775304000123})

/* A reader with an arena of its own. */
struct golden_reader {
    struct cl_arena arena;
    struct cl_envelope_reader reader;
};
void golden_reader_init(struct golden_reader *golden);
void golden_reader_done(struct golden_reader *golden);

/* The file with that name and ending: static memory, until the next call but one. Without it the
 * test fails. */
cl_str golden_read(const char *name, const char *ending);
/* Takes a line off the text, and up to cells_max of its cells, which tabs divide; returns how many
 * cells there were, 0 at the end. The last one has the rest of the line. */
unsigned golden_line(cl_str *text, cl_str *ret_cells, unsigned cells_max);

#endif
