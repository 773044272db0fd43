// SPDX-License-Identifier: MIT
/*
 * cli/when.h - times, spans and sizes as people read them.
 */
#ifndef CL_CLI_WHEN_H
#define CL_CLI_WHEN_H

#include <stdint.h>

/* "2026-04-04 12:00:00.123", UTC, of milliseconds since 1970; with its NUL. */
#define CL_WHEN_CAP 24
void cl_when_text(uint64_t ms, char ret_text[static CL_WHEN_CAP]);

/* Room for each of the two below. */
#define CL_SPAN_CAP 24
/* "41 ms", "2.9 s", "61 s", "5 min", "47 h", "12 d", rounded down. */
void cl_span_text(uint64_t ms, char ret_text[static CL_SPAN_CAP]);
/* "13 B", "1.4 KiB", "64.0 MiB", rounded down. */
void cl_size_text(uint64_t bytes, char ret_text[static CL_SPAN_CAP]);

#endif
