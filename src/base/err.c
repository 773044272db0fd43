// SPDX-License-Identifier: MIT
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"

struct row {
    const char *wire;
    int http;
    int exit;
    bool retry;
};

static const struct row rows[] = {
#define X(name, wire, http, exit, retry) {wire, http, exit, retry},
    CL_ERR_MAP(X)
#undef X
};

static const struct row *
row_of(enum cl_err err)
{
    CL_ASSERT((unsigned)err < CL_ERR_COUNT);
    return &rows[err];
}

const char *
cl_err_wire(enum cl_err err)
{
    return row_of(err)->wire;
}

int
cl_err_http(enum cl_err err)
{
    return row_of(err)->http;
}

int
cl_err_exit(enum cl_err err)
{
    return row_of(err)->exit;
}

bool
cl_err_retry_helps(enum cl_err err)
{
    return row_of(err)->retry;
}

enum cl_err
cl_err_from_http(unsigned status)
{
    for (unsigned i = 1; i < CL_ERR_COUNT; i++)
        if (rows[i].http == (int)status)
            return (enum cl_err)i;
    return status >= 500 ? CL_ERR_INTERNAL : status >= 400 ? CL_ERR_MALFORMED : CL_ERR_IO;
}

enum cl_err
cl_err_from_wire(cl_str wire)
{
    enum cl_err err = CL_ERR_INTERNAL;
    for (unsigned i = 0; i < CL_ERR_COUNT; i++)
        if (cl_str_eq(wire, cl_str_z(rows[i].wire)))
            err = (enum cl_err)i;
    bool is_ours = err == CL_OK || err == CL_ERR_NO_RELAY || err == CL_ERR_CLOSED ||
                   err == CL_ERR_UNTRUSTED || err == CL_ERR_UNPROVEN || err == CL_ERR_ENDED;
    return is_ours ? CL_ERR_INTERNAL : err;
}

enum cl_err
cl_fail(enum cl_err err, struct cl_why *why, const char *format, ...)
{
    if (why != NULL) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(why->text, sizeof why->text, format, args); // cutting is the contract
        va_end(args);
    }
    return err;
}
