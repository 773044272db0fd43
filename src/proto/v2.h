// SPDX-License-Identifier: MIT
/*
 * proto/v2.h - the methods and notes of protocol v2 (docs/protocol/v2.md).
 *
 * JSON-RPC 2.0 between a client and the relay. A method has params and a result, a note, which the
 * relay sends unasked, has params; all of them are shapes of proto/v2_shapes.h. Reading and
 * writing whole texts: proto/v2_decode.h and proto/v2_encode.h.
 */
#ifndef CL_PROTO_V2_H
#define CL_PROTO_V2_H

#include "proto/v2_shapes.h"

#define CL_V2_VERSION "2.0"

// clang-format off
/*   METHOD       params      result       name */
#define CL_V2_METHOD_MAP(X)                                        \
    X(HELLO,      hello,      welcome,     "hello")                \
    X(ATTACH,     attach,     attached,    "attach")               \
    X(DETACH,     detach,     nothing,     "detach")               \
    X(SEND,       send,       sent,        "send")                 \
    X(ACK,        ack,        nothing,     "ack")                  \
    X(REFUSE,     refuse,     nothing,     "refuse")               \
    X(RELEASE,    release,    nothing,     "release")              \
    X(REPORT,     report,     nothing,     "report")               \
    X(AGENTS,     agents,     agent_list,  "agents")               \
    X(INBOX,      inbox,      inbox_view,  "inbox")                \
    X(TRACE,      trace,      traced,      "trace")                \
    X(DEAD_LIST,  dead_list,  dead_page,   "dead.list")            \
    X(DEAD_SHOW,  dead_show,  dead_letter, "dead.show")            \
    X(DEAD_RETRY, dead_retry, retried,     "dead.retry")           \
    X(DEAD_DROP,  dead_drop,  nothing,     "dead.drop")            \
    X(RECEIVE,    receive,    batch,       "receive")

/*   NOTE         params      name: what the relay says unasked */
#define CL_V2_NOTE_MAP(X)                                          \
    X(MESSAGE,    message,    "message")                           \
    X(RECEIPT,    receipts,   "receipt")                           \
    X(JOINED,     agent,      "agent.joined")
// clang-format on

enum cl_v2_method {
#define X(METHOD, params, result, name) CL_V2_##METHOD,
    CL_V2_METHOD_MAP(X)
#undef X
        CL_V2_METHOD_COUNT
};

enum cl_v2_note {
#define X(NOTE, params, name) CL_V2_NOTE_##NOTE,
    CL_V2_NOTE_MAP(X)
#undef X
        CL_V2_NOTE_COUNT
};

/* The params of one method. */
union cl_v2_params {
#define X(METHOD, params, result, name) struct cl_v2_##params params;
    CL_V2_METHOD_MAP(X)
#undef X
};

/* The params of one note. */
union cl_v2_note_params {
#define X(NOTE, params, name) struct cl_v2_##params params;
    CL_V2_NOTE_MAP(X)
#undef X
};

/* "dead.list". */
cl_str cl_v2_method_name(enum cl_v2_method method);
const struct cl_shape *cl_v2_params_shape(enum cl_v2_method method);
const struct cl_shape *cl_v2_result_shape(enum cl_v2_method method);
cl_str cl_v2_note_name(enum cl_v2_note note);
const struct cl_shape *cl_v2_note_shape(enum cl_v2_note note);

/* JSON-RPC 2.0 section 5.1. */
enum cl_v2_code {
    CL_V2_CODE_PARSE = -32700,   // it is no JSON object
    CL_V2_CODE_REQUEST = -32600, // it is no request
    CL_V2_CODE_METHOD = -32601,  // no such method
    CL_V2_CODE_PARAMS = -32602,  // malformed or missing params
};

/* What an answer that is an error says. Strings are borrowed. */
struct cl_v2_error {
    enum cl_err err;
    int code; // of enum cl_v2_code, else cl_err_http(err)
    cl_str sentence;
    uint64_t retry_after_s; // 0: not known
    cl_strs versions;       // that the relay speaks, when a hello had none of them
    cl_strs candidates;     // addresses that an ambiguous name fits
};

#endif
