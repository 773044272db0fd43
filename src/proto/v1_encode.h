// SPDX-License-Identifier: MIT
/*
 * proto/v1_encode.h - records and messages in the words of ClawLink v1 (clawlink-v1.md).
 */
#ifndef CL_PROTO_V1_ENCODE_H
#define CL_PROTO_V1_ENCODE_H

#include "base/buf.h"
#include "core/core.h"
#include "wire/json_write.h"

/* A message id as v1 shows it: the first 6 bytes as 12 hex digits, with a NUL. */
#define CL_V1_ID_TEXT_CAP 13
void cl_v1_id_text(cl_id id, char ret_text[static CL_V1_ID_TEXT_CAP]);

/* A message is `head` followed by *ret_rest, which points into the message's body or is empty.
 * Appends the head to buf; its refusals. is_queued adds `queued_at`. */
CL_MUST_CHECK enum cl_err cl_v1_encode_message(const struct cl_msg *msg, bool is_queued,
                                               struct cl_buf *buf, cl_str *ret_rest);

/* "urgent". */
cl_str cl_v1_priority_name(enum cl_priority priority);

/* What the session knows of an agent. */
struct cl_v1_presence {
    cl_time seen;
    bool is_online; // younger than CL_AGENT_FRESH_MS
};

/* {"agent_id":...,"status":"online"}: a registered agent's record. */
void cl_v1_put_agent(struct cl_json_writer *json, const struct cl_agent *agent,
                     struct cl_v1_presence presence);
/* A file with its content, or without as GET /files lists it. */
void cl_v1_put_file(struct cl_json_writer *json, const struct cl_file *file, bool with_content);
/* The push {"type":"agent_joined","agent":{...},"timestamp":...}. */
void cl_v1_put_joined(struct cl_json_writer *json, const struct cl_agent *agent,
                      struct cl_v1_presence presence, cl_time now);
/* The frame {"type":"error","error":...,"code":...}. */
void cl_v1_put_error(struct cl_json_writer *json, enum cl_err err, cl_str sentence);
/* "name":"2026-04-04T09:00:00.123000+00:00". */
void cl_v1_put_time(struct cl_json_writer *json, cl_str name, cl_time time);
/* "endpoints":{...}: what GET / shows of the table in proto/v1_route.h. */
void cl_v1_put_endpoints(struct cl_json_writer *json);

#endif
