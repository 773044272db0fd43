// SPDX-License-Identifier: MIT
/*
 * base/err.h - every way a call can be refused, in one table.
 *
 * The table is the truth for C, for HTTP, for every wire protocol, for the exit
 * status of the command line and for the documentation. A refusal is expected and
 * tested; a bug is CL_ASSERT (base/assert.h); the two are never mixed.
 */
#ifndef CL_BASE_ERR_H
#define CL_BASE_ERR_H

#include <stdbool.h>

#include "base/str.h"

// clang-format off
/*   name              on the wire               http  exit  retry helps */
#define CL_ERR_MAP(X)                                                     \
    X(OK,              "ok",                     200,  0,    false)       \
    X(MALFORMED,       "malformed",              400,  2,    false)       \
    X(MISSING,         "missing_field",          400,  2,    false)       \
    X(USAGE,           "usage",                  400,  2,    false)       \
    X(UNAUTHORIZED,    "unauthorized",           401,  3,    false)       \
    X(FORBIDDEN,       "forbidden",              403,  3,    false)       \
    X(NOT_FOUND,       "not_found",              404,  4,    false)       \
    X(NO_AGENT,        "no_such_agent",          404,  4,    false)       \
    X(NO_FILE,         "no_such_file",           404,  4,    false)       \
    X(METHOD,          "method_not_allowed",     405,  2,    false)       \
    X(TIMEOUT,         "timeout",                408,  5,    true)        \
    X(AMBIGUOUS,       "ambiguous_name",         409,  4,    false)       \
    X(TOO_LARGE,       "too_large",              413,  2,    false)       \
    X(URI_TOO_LONG,    "uri_too_long",           414,  2,    false)       \
    X(MEDIA_TYPE,      "unsupported_media_type", 415,  2,    false)       \
    X(EXPECTATION,     "expectation_failed",     417,  2,    false)       \
    X(MISDIRECTED,     "misdirected_request",    421,  3,    false)       \
    X(UPGRADE,         "upgrade_required",       426,  2,    false)       \
    X(INBOX_FULL,      "inbox_full",             429,  6,    true)        \
    X(FAIR_SHARE,      "fair_share",             429,  6,    true)        \
    X(TOO_MANY,        "too_many",               429,  6,    true)        \
    X(RATE,            "rate_limited",           429,  6,    true)        \
    X(PENALTY,         "auth_penalty",           429,  6,    true)        \
    X(HEAD_TOO_LARGE,  "head_too_large",         431,  2,    false)       \
    X(INTERNAL,        "internal",               500,  1,    false)       \
    X(NOT_IMPLEMENTED, "not_implemented",        501,  2,    false)       \
    X(UNAVAILABLE,     "unavailable",            503,  7,    true)        \
    X(READ_ONLY,       "read_only",              503,  7,    false)       \
    X(NO_MEMORY,       "out_of_memory",          503,  7,    true)        \
    X(HTTP_VERSION,    "http_version",           505,  2,    false)       \
    X(FULL,            "storage_full",           507,  6,    true)        \
    X(NO_RELAY,        "no_relay",               503,  7,    true)        \
    X(STALE,           "stale",                  409,  5,    true)        \
    X(ADDRESS_IN_USE,  "address_in_use",         503,  7,    false)       \
    X(IO,              "io_error",               500,  1,    true)        \
    X(CLOSED,          "closed",                 503,  7,    true)        \
    X(UNTRUSTED,       "untrusted_relay",        503,  3,    false)       \
    X(LOOP,            "loop_limit",             429,  6,    false)       \
    X(UNPROVEN,        "not_proven",             408,  8,    false)       \
    X(ENDED,           "ended_otherwise",        409,  9,    false)       \
    X(EXPIRED,         "expired",                410,  5,    false)
// clang-format on

/* On clang the attribute on the type covers every function that returns it; gcc 12 wants
 * CL_MUST_CHECK on each function. */
#if defined(__clang__)
#define CL_ERR_TYPE __attribute__((warn_unused_result))
#else
#define CL_ERR_TYPE
#endif
#define CL_MUST_CHECK __attribute__((warn_unused_result))

enum CL_ERR_TYPE cl_err {
#define X(name, wire, http, exit, retry) CL_ERR_##name,
    CL_ERR_MAP(X)
#undef X
        CL_ERR_COUNT
};
#define CL_OK CL_ERR_OK

/* For a wanted drop, with the reason beside it: gcc heeds no cast to void. */
static inline void
cl_err_ignore(enum cl_err err)
{
    (void)err;
}

/* The stable name that goes over every wire, such as "inbox_full". */
const char *cl_err_wire(enum cl_err err);
int cl_err_http(enum cl_err err);
/* The exit status of a command that ended with err. */
int cl_err_exit(enum cl_err err);
/* Could the same call succeed later without a change by the caller? */
bool cl_err_retry_helps(enum cl_err err);
/* The first error of the table with that HTTP status; for one that is not in it CL_ERR_INTERNAL
 * from 500 on, CL_ERR_MALFORMED from 400 on, else CL_ERR_IO. */
enum cl_err cl_err_from_http(unsigned status);
/* The error that a peer names; CL_ERR_INTERNAL for a name that is not in the table, for "ok", and
 * for those that this machine alone can say of a peer: NO_RELAY, CLOSED, UNTRUSTED, UNPROVEN,
 * ENDED. */
enum cl_err cl_err_from_wire(cl_str wire);

/* Room for one sentence to a person: what failed, with which value, what to do next. */
#define CL_WHY_CAP 480

struct cl_why {
    char text[CL_WHY_CAP]; // NUL-terminated, cut where it does not fit
};

/* Writes the sentence (why may be NULL) and returns err, so that a caller can say
 * `return cl_fail(CL_ERR_TOO_LARGE, why, "body of %zu bytes", len);`. */
CL_MUST_CHECK enum cl_err cl_fail(enum cl_err err, struct cl_why *why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
