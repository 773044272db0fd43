// SPDX-License-Identifier: MIT
/*
 * client/call_v2.h - one call of protocol v2 over HTTP (v2.md, Transports), which blocks until its
 * answer is there.
 *
 * For what is asked once. Who wants to be told of things keeps a connection (client/uplink.h).
 */
#ifndef CL_CLIENT_CALL_V2_H
#define CL_CLIENT_CALL_V2_H

#include "base/arena.h"
#include "client/client.h"
#include "proto/v2.h"

struct cl_call_v2 {
    enum cl_v2_method method;
    const void *params;     // the method's struct, within the bounds of its shape
    uint32_t wait_s;        // of `receive`: as in its params
    uint32_t within_ms;     // as of cl_client_call
    struct cl_arena *arena; // what is read lives there, and in the answer
};

/* *ret_result is the method's struct of the result. *ret_text, unless it is NULL, is the result's
 * JSON. Both are good until the client's next call.
 *
 * An error that the relay named has that name, and what the relay says of it is in why: with the
 * candidates of an ambiguous name, or the seconds after which to try again. Else as
 * cl_client_call, and
 *   CL_ERR_UPGRADE  the relay does not speak v2
 *   CL_ERR_IO       it answers with something that is no answer to this call
 * On failure *ret_text is untouched and *ret_result spoilt. */
CL_MUST_CHECK enum cl_err cl_client_call_v2(struct cl_client *client, const struct cl_call_v2 *call,
                                            void *ret_result, cl_str *ret_text, struct cl_why *why);

/* The sentence about an error that a relay named, for that method, in why; returns error->err. */
CL_MUST_CHECK enum cl_err cl_explain_v2(const struct cl_client *client, enum cl_v2_method method,
                                        const struct cl_v2_error *error, struct cl_why *why);

#endif
