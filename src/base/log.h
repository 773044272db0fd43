// SPDX-License-Identifier: MIT
/*
 * base/log.h - events with fields, one line each, on standard error or in a file.
 *
 *     cl_log_info(log, "agent.joined", CL_F("agent", agent->id), CL_F("socket", holder));
 *     time=2026-04-04T09:00:00.123000+00:00 level=info event=agent.joined agent=mira socket=41
 *
 * logfmt for people, JSON lines with CL_LOG_JSON. Text from outside is escaped, so a line
 * stays a line. There is no field type for a struct cl_secret, and bodies are never logged.
 * base, core, wire, proto and client do not log; they return errors.
 */
#ifndef CL_BASE_LOG_H
#define CL_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum cl_log_level { CL_LOG_DEBUG, CL_LOG_INFO, CL_LOG_WARN, CL_LOG_ERROR };
enum cl_log_format { CL_LOG_LOGFMT, CL_LOG_JSON };

/* What could not be written, because a disk is full or nobody reads any more. Zeroed at first. */
struct cl_log_losses {
    uint64_t lines;  // in all
    uint64_t untold; // since the log could last say how many
    bool is_torn;    // what was written last is no whole line
};

/* When lines can be written again, one says how many could not: event=log.lines_lost. Of a line
 * that was cut short the rest is not written, and no other line follows in its place: it is ended
 * first. */
struct cl_log {
    int fd; // -1: silent
    enum cl_log_level level;
    enum cl_log_format format;
    struct cl_log_losses *losses; // NULL: nobody counts
};

struct cl_log_field {
    const char *name;
    enum { CL_LOG_TEXT, CL_LOG_SIGNED, CL_LOG_UNSIGNED } kind;
    cl_str text;
    int64_t number;
    uint64_t unsigned_number;
};

static inline struct cl_log_field
cl_log_field_str(const char *name, cl_str text)
{
    return (struct cl_log_field){.name = name, .kind = CL_LOG_TEXT, .text = text};
}

static inline struct cl_log_field
cl_log_field_z(const char *name, const char *text)
{
    return cl_log_field_str(name, cl_str_z(text));
}

static inline struct cl_log_field
cl_log_field_i64(const char *name, int64_t number)
{
    return (struct cl_log_field){.name = name, .kind = CL_LOG_SIGNED, .number = number};
}

static inline struct cl_log_field
cl_log_field_u64(const char *name, uint64_t number)
{
    return (struct cl_log_field){.name = name, .kind = CL_LOG_UNSIGNED, .unsigned_number = number};
}

// clang-format off
#define CL_F(name, value)                       \
    _Generic((value),                           \
        cl_str: cl_log_field_str,               \
        char *: cl_log_field_z,                 \
        const char *: cl_log_field_z,           \
        int: cl_log_field_i64,                  \
        long: cl_log_field_i64,                 \
        long long: cl_log_field_i64,            \
        unsigned: cl_log_field_u64,             \
        unsigned long: cl_log_field_u64,        \
        unsigned long long: cl_log_field_u64)(name, value)
// clang-format on

void cl_log_write(const struct cl_log *log, enum cl_log_level level, const char *event,
                  const struct cl_log_field *fields, size_t fields_len);

#define CL_LOG_AT(log, level, event, ...)                                 \
    cl_log_write(log, level, event, (struct cl_log_field[]){__VA_ARGS__}, \
                 sizeof((struct cl_log_field[]){__VA_ARGS__}) / sizeof(struct cl_log_field))
#define cl_log_debug(log, event, ...) CL_LOG_AT(log, CL_LOG_DEBUG, event, __VA_ARGS__)
#define cl_log_info(log, event, ...)  CL_LOG_AT(log, CL_LOG_INFO, event, __VA_ARGS__)
#define cl_log_warn(log, event, ...)  CL_LOG_AT(log, CL_LOG_WARN, event, __VA_ARGS__)
#define cl_log_error(log, event, ...) CL_LOG_AT(log, CL_LOG_ERROR, event, __VA_ARGS__)

#endif
