// SPDX-License-Identifier: MIT
/*
 * proto/v2_decode.h - texts of protocol v2 to structs (docs/protocol/v2.md): calls, as the relay
 * hears them, and what it says to them, as a client hears it.
 *
 * A call is read strictly: no member that is not known, at any level. An answer is read by its own
 * members and those that are known here; what a newer relay adds is passed over. Nothing is copied
 * but strings with escapes and decoded headers; what is read lives as long as the text and the
 * arena.
 */
#ifndef CL_PROTO_V2_DECODE_H
#define CL_PROTO_V2_DECODE_H

#include "proto/v2.h"

struct cl_v2_call {
    enum cl_v2_method method;
    cl_str id; // as it was written, to be repeated; empty: a notification, which has no answer
    union cl_v2_params params;
    struct cl_envelope_header header; // of SEND's envelope
};

/* Why a text is no call. */
struct cl_v2_fault {
    struct cl_v2_error error; // its sentence lies in why
    cl_str id;                // of the answer: the call's, or null
    bool is_silent;           // it was a notification: there is no answer
    struct cl_why why;
};

/* The text of one frame or body. The error is ret_fault->error.err; *ret_call is spoilt then.
 *     no JSON object, an array          CL_ERR_MALFORMED  CL_V2_CODE_PARSE, _REQUEST
 *     no request of JSON-RPC 2.0        CL_ERR_MALFORMED  CL_V2_CODE_REQUEST
 *     a method that is not in the map   CL_ERR_NOT_FOUND  CL_V2_CODE_METHOD
 *     params that break a rule          CL_ERR_MALFORMED, CL_ERR_MISSING  CL_V2_CODE_PARAMS
 *     a body of more than CL_ENVELOPE_BODY_BYTES_MAX      CL_ERR_TOO_LARGE
 * and CL_ERR_NO_MEMORY. The envelope of SEND keeps the rules of a sender as of now. */
CL_MUST_CHECK enum cl_err cl_v2_decode_call(const struct cl_envelope_reader *reader, cl_str text,
                                            cl_time now, struct cl_v2_call *ret_call,
                                            struct cl_v2_fault *ret_fault);

enum cl_v2_heard_kind {
    CL_V2_HEARD_RESULT,
    CL_V2_HEARD_ERROR,
    CL_V2_HEARD_NOTE,
    CL_V2_HEARD_OTHER, // a note that is not known here
};

/* What a client hears. */
struct cl_v2_heard {
    enum cl_v2_heard_kind kind;
    cl_str id;                // of RESULT and ERROR, as it was written
    cl_str result;            // of RESULT: for cl_v2_read_result
    struct cl_v2_error error; // of ERROR; CL_ERR_INTERNAL for a name that is not known here
    enum cl_v2_note note;     // of NOTE
    union cl_v2_note_params note_params;
};

/* CL_ERR_MALFORMED: it is no answer and no note of JSON-RPC 2.0, or what is known of it breaks a
 * rule. CL_ERR_NO_MEMORY. *ret_heard is spoilt then. */
CL_MUST_CHECK enum cl_err cl_v2_decode_heard(const struct cl_envelope_reader *reader, cl_str text,
                                             struct cl_v2_heard *ret_heard, struct cl_why *why);
/* The result of a call of that method, into its struct. CL_ERR_MALFORMED, CL_ERR_MISSING,
 * CL_ERR_NO_MEMORY; *ret_result is spoilt then. */
CL_MUST_CHECK enum cl_err cl_v2_read_result(const struct cl_envelope_reader *reader,
                                            enum cl_v2_method method, cl_str result,
                                            void *ret_result, struct cl_why *why);

#endif
