// SPDX-License-Identifier: MIT
#include "cli/when.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/time.h"

#define SECOND_MS 1000u
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

void
cl_when_text(uint64_t ms, char ret_text[static CL_WHEN_CAP])
{
    char text[CL_TIME_TEXT_CAP];
    cl_time time = {ms > INT64_MAX ? INT64_MAX : (int64_t)ms};
    cl_time_text(time, text);
    memcpy(ret_text, text, CL_WHEN_CAP - 1);
    ret_text[10] = ' '; // for its T
    ret_text[CL_WHEN_CAP - 1] = '\0';
}

static void
put(char ret_text[static CL_SPAN_CAP], uint64_t count, const char *unit)
{
    (void)snprintf(ret_text, CL_SPAN_CAP, "%llu %s", (unsigned long long)count, unit);
}

/* With one decimal. */
static void
put_tenths(char ret_text[static CL_SPAN_CAP], uint64_t tenths, const char *unit)
{
    (void)snprintf(ret_text, CL_SPAN_CAP, "%llu.%u %s", (unsigned long long)(tenths / 10),
                   (unsigned)(tenths % 10), unit);
}

/* A unit goes on until the next one says as much: two of its own. */
void
cl_span_text(uint64_t ms, char ret_text[static CL_SPAN_CAP])
{
    if (ms < SECOND_MS)
        put(ret_text, ms, "ms");
    else if (ms < 10 * SECOND_MS)
        put_tenths(ret_text, ms / 100, "s");
    else if (ms < 2 * MINUTE_MS)
        put(ret_text, ms / SECOND_MS, "s");
    else if (ms < 2 * HOUR_MS)
        put(ret_text, ms / MINUTE_MS, "min");
    else if (ms < 2 * (uint64_t)DAY_MS)
        put(ret_text, ms / HOUR_MS, "h");
    else
        put(ret_text, ms / DAY_MS, "d");
}

void
cl_size_text(uint64_t bytes, char ret_text[static CL_SPAN_CAP])
{
    if (bytes < CL_KIB)
        put(ret_text, bytes, "B");
    else if (bytes < CL_MIB)
        put_tenths(ret_text, bytes * 10 / CL_KIB, "KiB");
    else
        put_tenths(ret_text, bytes / CL_MIB * 10 + bytes % CL_MIB * 10 / CL_MIB, "MiB");
}
