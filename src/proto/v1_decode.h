// SPDX-License-Identifier: MIT
/*
 * proto/v1_decode.h - ClawLink v1 bodies and frames to commands (clawlink-v1.md).
 *
 * Its Rules for every request decide: a required member that is absent or empty is missing; ids
 * must be strings; all other values may be any JSON and are forwarded byte for byte; a default
 * stands in for an absent member only.
 */
#ifndef CL_PROTO_V1_DECODE_H
#define CL_PROTO_V1_DECODE_H

#include "base/arena.h"
#include "base/hash.h"
#include "core/command.h"
#include "proto/v1_route.h"

/* struct cl_msg's `media`: what the body of a message from v1 is; always one JSON object. */
enum cl_v1_media {
    CL_V1_MEDIA_NONE,        // no body: the message's fields say it all
    CL_V1_MEDIA_MEMBERS,     // the members that the kind has besides those in struct cl_msg
    CL_V1_MEDIA_FRAME,       // a whole frame to forward as it is
    CL_V1_MEDIA_FRAME_DATED, // the same, with a queued_at of its own
};

/* What a decoder needs besides the text. */
struct cl_v1_context {
    struct cl_arena *arena; // decoded strings go here; lives as long as the draft
    const cl_hash_key *hash_key;
    cl_str peer;        // of REGISTER: the peer's address; of frames: the id of the connection
    cl_str peer_quoted; // of frames: the same by cl_v1_quote
    cl_time now;
    cl_id id; // random: becomes the message's id, and makes up a missing agent_id
};

/* Writes the text as a JSON string and returns its length, CL_V1_QUOTED_CAP(text.len) at most.
 * Ids, addresses and times have no control characters that would want more than a backslash. */
#define CL_V1_QUOTED_CAP(len) (2 * (len) + 2)
size_t cl_v1_quote(cl_str text, char *ret_value);

/* A command whose strings point into the text and the arena, with the bodies it refers to. The
 * relay still stamps header, stream and seq. */
struct cl_v1_draft {
    struct cl_command command;
    struct cl_body *bodies[2]; // a reference each; NULL where there is none
    cl_id answered;            // of RESPOND: the id in message_id, as much of it as v1 shows, and
                               // then zeros; none: there is no such
    cl_str status;             // of RESPOND, a JSON value
};

/* Gives the bodies back; the command is void then. Zeroed drafts are fine. */
void cl_v1_draft_done(struct cl_v1_draft *draft);

/* The body of a POST to REGISTER, HEARTBEAT, DELEGATE, BROADCAST, RESPOND or FILE_PUT. The
 * words in why are v1's where clawlink-v1.md fixes them. CL_ERR_MALFORMED, _MISSING,
 * _TOO_LARGE (the message would not fit into a frame of CL_WS_MESSAGE_BYTES_MAX, or the record
 * with its defaults is past CL_BODY_BYTES_MAX), _NO_MEMORY; then *ret_draft is untouched. */
CL_MUST_CHECK enum cl_err cl_v1_decode_call(const struct cl_v1_context *context,
                                            enum cl_v1_call call, cl_str body,
                                            struct cl_v1_draft *ret_draft, struct cl_why *why);

/* A frame from the WebSocket of agent context->peer: heartbeat, delegate or broadcast. The last
 * two become messages of CL_MSG_FRAME: the text with `from_agent` set to that agent, and
 * `timestamp` set in a broadcast. */
CL_MUST_CHECK enum cl_err cl_v1_decode_frame(const struct cl_v1_context *context, cl_str text,
                                             struct cl_v1_draft *ret_draft, struct cl_why *why);

#endif
