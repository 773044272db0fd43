// SPDX-License-Identifier: MIT
/*
 * proto/v2_encode.h - structs to texts of protocol v2 (docs/protocol/v2.md).
 *
 * Each call appends one text to buf, or nothing: then its refusals are the buffer's, and
 * CL_ERR_MALFORMED for a string that is no UTF-8. What is written must be within the bounds of its
 * shape (proto/shape.h); nobody looks at them here.
 */
#ifndef CL_PROTO_V2_ENCODE_H
#define CL_PROTO_V2_ENCODE_H

#include "proto/v2.h"

/* -- what a client says ---------------------------------------------------------------------- */

/* With an id that is JSON; an empty one makes it a notification. params is the method's struct. */
CL_MUST_CHECK enum cl_err cl_v2_encode_call(enum cl_v2_method method, cl_str id, const void *params,
                                            struct cl_buf *buf);

/* -- what the relay says --------------------------------------------------------------------- */

/* The id as the call had it. result is the struct of the method's result. */
CL_MUST_CHECK enum cl_err cl_v2_encode_result(enum cl_v2_method method, cl_str id,
                                              const void *result, struct cl_buf *buf);
CL_MUST_CHECK enum cl_err cl_v2_encode_error(cl_str id, const struct cl_v2_error *error,
                                             struct cl_buf *buf);
CL_MUST_CHECK enum cl_err cl_v2_encode_note(enum cl_v2_note note, const void *params,
                                            struct cl_buf *buf);

/* A result whose list is long, piece by piece:
 *     cl_v2_result_begin(&json, id);
 *     cl_json_put_name(&json, CL_STR("agents")); ... cl_shape_put(&json, &cl_v2_agent_shape, ...)
 *     cl_v2_result_end(&json);
 *     err = cl_json_writer_end(&json); */
void cl_v2_result_begin(struct cl_json_writer *json, cl_str id);
void cl_v2_result_end(struct cl_json_writer *json);

/* The note `message` around an envelope's text that goes out by reference: this head, the text,
 * and CL_V2_MESSAGE_TAIL. The envelope in the struct is not looked at. */
#define CL_V2_MESSAGE_TAIL "}}"
CL_MUST_CHECK enum cl_err cl_v2_encode_message_head(const struct cl_v2_message *message,
                                                    struct cl_buf *buf);

/* The code that an error of the table has by itself, and an error with nothing else to say. */
struct cl_v2_error cl_v2_error_of(enum cl_err err, cl_str sentence);

#endif
