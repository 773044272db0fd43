// SPDX-License-Identifier: MIT
/*
 * proto/agent_link.h - the frames of Agent Link, both ways, and the bodies of its two HTTP calls
 * (agent-link-v1.md).
 *
 *     call  client to relay: register, send; ping, which nobody sends yet
 *     note  relay to client: registered, error, message, delivered, pong
 *
 * Each is one JSON object with a `type`. Reading is strict in what it knows and passes over members
 * that it does not know, as clients of other versions may have them. What is written is compact
 * JSON without needless escapes; the published client reads any JSON.
 *
 * An address is `instance/agent`, or `v1/<id>` of a receiver; a colon in one is refused, and a
 * second slash: they would make a signed text ambiguous (trust/agent_link_sign.h). Signatures are
 * read here and judged elsewhere.
 */
#ifndef CL_PROTO_AGENT_LINK_H
#define CL_PROTO_AGENT_LINK_H

#include "base/digest.h"
#include "proto/envelope.h"

enum cl_agent_link_call_type {
    CL_AGENT_LINK_REGISTER,
    CL_AGENT_LINK_SEND,
    CL_AGENT_LINK_PING,
};

struct cl_agent_link_call {
    enum cl_agent_link_call_type type;
    bool is_signed; // always in a frame of REGISTER or SEND
    cl_digest signature;
    cl_str instance;   // of a REGISTER: a name that an instance may have
    cl_str public_key; // of a REGISTER over HTTP; may be empty, as the next
    cl_str name;
    cl_str from; // of a SEND, as sent: an agent
    cl_str to;   // as sent: what the signature is of, and what `delivered` names
    cl_str message;
    cl_str target; // the whole address of `to`, which may be a bare agent of the sender's instance
    struct cl_address from_address; // an AGENT
    struct cl_address to_address;   // of target: an AGENT or a V1
};

enum cl_agent_link_note_type {
    CL_AGENT_LINK_REGISTERED,
    CL_AGENT_LINK_ERROR,
    CL_AGENT_LINK_MESSAGE,
    CL_AGENT_LINK_DELIVERED,
    CL_AGENT_LINK_PONG,
    CL_AGENT_LINK_UNKNOWN, // a type that is not known here: a client passes over it
};

struct cl_agent_link_note {
    enum cl_agent_link_note_type type;
    cl_str instance; // of REGISTERED; may be empty
    cl_str from;     // of MESSAGE
    cl_str to;       // of MESSAGE and DELIVERED
    cl_str message;  // of MESSAGE, and of ERROR a sentence
};

/* A frame. CL_ERR_MALFORMED, CL_ERR_MISSING, each with a sentence that names the member;
 * CL_ERR_NOT_IMPLEMENTED: a type that is not known; CL_ERR_NO_MEMORY. What is read are views of the
 * text, or lies in the arena. */
CL_MUST_CHECK enum cl_err cl_agent_link_read_call(const struct cl_envelope_reader *reader,
                                                  cl_str text, struct cl_agent_link_call *ret_call,
                                                  struct cl_why *why);
/* The body of POST /api/v1/register or /api/v1/send: without `type`, and the signature may be
 * absent. */
CL_MUST_CHECK enum cl_err cl_agent_link_read_body(const struct cl_envelope_reader *reader,
                                                  enum cl_agent_link_call_type type, cl_str text,
                                                  struct cl_agent_link_call *ret_call,
                                                  struct cl_why *why);
CL_MUST_CHECK enum cl_err cl_agent_link_read_note(const struct cl_envelope_reader *reader,
                                                  cl_str text, struct cl_agent_link_note *ret_note,
                                                  struct cl_why *why);

/* Appends the frame. A buffer of CL_AL_FRAME_BYTES_MAX refuses what a client would not take:
 * CL_ERR_TOO_LARGE. CL_ERR_MALFORMED: some text is not UTF-8. Then nothing was appended. */
CL_MUST_CHECK enum cl_err cl_agent_link_put_call(const struct cl_agent_link_call *call,
                                                 struct cl_buf *buf);
CL_MUST_CHECK enum cl_err cl_agent_link_put_note(const struct cl_agent_link_note *note,
                                                 struct cl_buf *buf);

#endif
