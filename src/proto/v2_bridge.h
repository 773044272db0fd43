// SPDX-License-Identifier: MIT
/*
 * proto/v2_bridge.h - v1 and v2 agents in one mesh: each sees what the other sends in its own words
 * (docs/protocol/v2.md, Together with v1).
 *
 * Pure: records in, records and texts out. Who has which address is decided elsewhere.
 */
#ifndef CL_PROTO_V2_BRIDGE_H
#define CL_PROTO_V2_BRIDGE_H

#include "core/msg.h"
#include "proto/v2.h"

/* The `cty` of a body that is a message of v1, as a v1 client would be pushed it. */
#define CL_CTY_V1 "application/clawlink-v1+json"

/* What an answer says of the message that it answers; all zero: nothing. */
struct cl_v2_claim {
    enum cl_rung rung;
    enum cl_v2_outcome outcome;
};

/* Of `status` in v1's respond, a JSON value. Whoever answers by name has seen the message, whatever
 * the status says. */
struct cl_v2_claim cl_v2_claim_of_status(cl_str status);
/* The `status` that v1 is shown: "completed" unless something else was claimed. */
cl_str cl_v2_status_of_claim(struct cl_v2_claim claim);

/* -- v2 to v1 -------------------------------------------------------------------------------- */

/* A message whose body is an envelope. */
struct cl_v2_shown {
    const struct cl_msg *msg;
    struct cl_v2_claim claim; // of an answer
    bool has_blob;            // its body is a blob that was fetched:
    cl_str blob;              // this. Otherwise a v1 agent is shown the reference
};

/* The same message with kind, media and body as v1 knows them, for cl_v1_encode_message; its body
 * is a new one, whose reference the caller owns. All else is msg's, borrowed.
 *     to a topic     CL_MSG_NEWS      content, topic
 *     an answer      CL_MSG_RESPONSE  message_id, result, status
 *     anything else  CL_MSG_TASK      task, context with what else the header says
 * The body is a string if it is UTF-8, an object if its cty is JSON and it is one, and else
 * {"encoding":"base64url","content_type":...,"data":...}.
 * CL_ERR_MALFORMED: it is no envelope, or of no blob; CL_ERR_TOO_LARGE: a frame of v1 cannot hold
 * the blob, so the reference has to do; CL_ERR_NO_MEMORY. *ret_msg is untouched then. */
CL_MUST_CHECK enum cl_err cl_v2_to_v1(const struct cl_envelope_reader *reader,
                                      const struct cl_v2_shown *shown, struct cl_msg *ret_msg,
                                      struct cl_why *why);

/* -- v1 to v2 -------------------------------------------------------------------------------- */

/* A body and its type; cty is empty for text. */
struct cl_v2_content {
    cl_str body;
    cl_str cty;
};

/* What a message of v1 carries: its one string, as text, if nothing else in it would be lost; else
 * all of it, as CL_CTY_V1. The body lies in buf, which is cleared first, or in the arena. The
 * buffer's refusals; CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_v1_content(const struct cl_envelope_reader *reader,
                                        const struct cl_msg *msg, struct cl_buf *buf,
                                        struct cl_v2_content *ret_content);

/* A message of v1, the id of the agent that is shown it, and what it carries: the content, or that
 * of a blob with it. */
struct cl_v1_shown {
    const struct cl_msg *msg;
    cl_str receiver;
    struct cl_v2_content content;
};

/* Appends its envelope, which the relay makes. The refusals of cl_envelope_encode; what v1 accepted
 * breaks no rule. */
CL_MUST_CHECK enum cl_err cl_v1_to_v2(const struct cl_envelope_reader *reader,
                                      const struct cl_v1_shown *shown, struct cl_buf *buf,
                                      struct cl_why *why);

/* -- agents ---------------------------------------------------------------------------------- */

/* Appends the record of an agent that attaches, as REGISTER keeps it and v1's list shows it. */
CL_MUST_CHECK enum cl_err cl_v2_put_record(const struct cl_v2_attach *attach, struct cl_buf *buf);
/* What a record of v1 or v2 says of its agent: name, description, capabilities and metadata of
 * ret_agent. v1 has records without bounds: what is no string, of these or among the capabilities,
 * or longer than an agent of v2 could say, is left out. Only CL_ERR_NO_MEMORY can happen. */
CL_MUST_CHECK enum cl_err cl_v2_read_record(const struct cl_envelope_reader *reader, cl_str record,
                                            struct cl_v2_agent *ret_agent);

#endif
