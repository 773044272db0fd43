// SPDX-License-Identifier: MIT
/*
 * wire/json_merge.h - a JSON object in a file that people edit too: some members are set, all
 * others stay as they are.
 */
#ifndef CL_WIRE_JSON_MERGE_H
#define CL_WIRE_JSON_MERGE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* A member as it is to be. */
struct cl_json_put {
    cl_str name;  // needs no escapes
    cl_str value; // JSON
};

/* Appends the object with those members: in the place of the one that has the name, else at the end
 * in their order. `object` is a value out of a scan (wire/json.h), or empty for {}. Values that
 * stay do so byte for byte; each member begins a line. The errors of cl_buf_append, with some of
 * it appended. */
CL_MUST_CHECK enum cl_err cl_json_merge(cl_str object, const struct cl_json_put *puts,
                                        size_t puts_len, struct cl_buf *out);

#endif
