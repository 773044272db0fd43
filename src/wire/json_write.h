// SPDX-License-Identifier: MIT
/*
 * wire/json_write.h - writing JSON (RFC 8259), compact, into a buffer.
 *
 *     cl_json_writer_init(&json, &buf);
 *     cl_json_object_begin(&json);
 *     cl_json_put_name(&json, CL_STR("status"));
 *     cl_json_put_string(&json, CL_STR("ok"));
 *     cl_json_object_end(&json);
 *     err = cl_json_writer_end(&json);
 *
 * The first error stays and makes the rest do nothing, so that it is asked for once. Commas
 * and colons come by themselves; begin and end in pairs, and a name before each value of an
 * object, are the caller's.
 */
#ifndef CL_WIRE_JSON_WRITE_H
#define CL_WIRE_JSON_WRITE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct cl_json_writer {
    struct cl_buf *buf;
    size_t start; // the length of the buffer before the first byte
    enum cl_err err;
    bool wants_comma; // a value ended here
};

/* What is written is appended to buf. */
void cl_json_writer_init(struct cl_json_writer *json, struct cl_buf *buf);
/* The first error of all calls. After one the buffer is as it was before. */
CL_MUST_CHECK enum cl_err cl_json_writer_end(struct cl_json_writer *json);

void cl_json_object_begin(struct cl_json_writer *json);
void cl_json_object_end(struct cl_json_writer *json);
void cl_json_array_begin(struct cl_json_writer *json);
void cl_json_array_end(struct cl_json_writer *json);
void cl_json_put_name(struct cl_json_writer *json, cl_str name);
/* A name that is known beforehand, as it stands in the text: with its quotes and the colon. */
void cl_json_put_raw_name(struct cl_json_writer *json, cl_str name);

/* Escapes what RFC 8259 section 7 wants escaped, nothing else. Text that is not UTF-8 is
 * CL_ERR_MALFORMED. */
void cl_json_put_string(struct cl_json_writer *json, cl_str text);
/* A value as cl_json_scan or a cursor gave it, byte for byte. */
void cl_json_put_raw(struct cl_json_writer *json, cl_str value);
void cl_json_put_u64(struct cl_json_writer *json, uint64_t value);
void cl_json_put_i64(struct cl_json_writer *json, int64_t value);
/* value / 10^decimals, exactly, with so many decimals (1 to 18): 1500 with 3 is 1.500. */
void cl_json_put_fixed(struct cl_json_writer *json, int64_t value, unsigned decimals);
void cl_json_put_bool(struct cl_json_writer *json, bool value);
void cl_json_put_null(struct cl_json_writer *json);
/* A name with its value. */
void cl_json_put_member(struct cl_json_writer *json, cl_str name, cl_str text);
void cl_json_put_member_u64(struct cl_json_writer *json, cl_str name, uint64_t value);

#endif
