// SPDX-License-Identifier: MIT
/*
 * base/time.h - two kinds of time that cannot be mixed.
 *
 * cl_time is wall time as the journal stamps it; the core knows no other. cl_instant is
 * monotonic, for timeouts, and exists outside the core only. Both are milliseconds.
 */
#ifndef CL_BASE_TIME_H
#define CL_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t ms; // since 1970-01-01T00:00:00Z, leap seconds not counted
} cl_time;

typedef struct {
    int64_t ms; // since some point before the process started
} cl_instant;

#define CL_TIME_NEVER    ((cl_time){INT64_MAX})
#define CL_INSTANT_NEVER ((cl_instant){INT64_MAX})

/* Saturates at NEVER. ms is not negative. */
static inline cl_time
cl_time_add(cl_time time, int64_t ms)
{
    return (cl_time){time.ms > INT64_MAX - ms ? INT64_MAX : time.ms + ms};
}

static inline cl_instant
cl_instant_add(cl_instant instant, int64_t ms)
{
    return (cl_instant){instant.ms > INT64_MAX - ms ? INT64_MAX : instant.ms + ms};
}

static inline cl_instant
cl_instant_earlier(cl_instant a, cl_instant b)
{
    return a.ms < b.ms ? a : b;
}

/* "2026-04-04T09:00:00.123000+00:00", the form of clawlink-v1, with its NUL. */
#define CL_TIME_TEXT_CAP 33

void cl_time_text(cl_time time, char ret_text[static CL_TIME_TEXT_CAP]);

#endif
