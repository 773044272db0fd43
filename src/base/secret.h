// SPDX-License-Identifier: MIT
/*
 * base/secret.h - bytes that no log line, error or core dump text may show.
 *
 * There is no formatter for this type, and it is wiped on done. Comparing takes the same time
 * whatever the bytes are; only the lengths may be guessed from it.
 */
#ifndef CL_BASE_SECRET_H
#define CL_BASE_SECRET_H

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

struct cl_secret {
    uint16_t len;
    unsigned char bytes[CL_SECRET_BYTES_MAX];
};

/* CL_ERR_TOO_LARGE past CL_SECRET_BYTES_MAX, with *ret_secret untouched. */
CL_MUST_CHECK enum cl_err cl_secret_init(struct cl_secret *ret_secret, cl_str bytes);
void cl_secret_done(struct cl_secret *secret);
bool cl_secret_equals(const struct cl_secret *secret, cl_str guess);
/* Overwrites memory that held a secret, such as an argument of main. */
void cl_secret_wipe(void *memory, size_t len);

#endif
