// SPDX-License-Identifier: MIT
/*
 * client/client.h - calls to one relay (clawlink-v1.md, The calls), each of which blocks until
 * its answer is there.
 *
 * The connection stays open between calls. A call is sent once: what a broken connection left
 * undecided is the caller's to judge. Every failure comes as an error and a sentence for a
 * person: what failed, where, what to do next. One thread.
 */
#ifndef CL_CLIENT_CLIENT_H
#define CL_CLIENT_CLIENT_H

#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"
#include "client/uplink.h"
#include "wire/json.h"

struct cl_client;

/* A member by which the answer of a relay is known (clawlink-v1.md, The calls): many things answer
 * 200 with some JSON object. */
struct cl_client_sign {
    const char *name; // NULL: any object is an answer
    enum cl_json_type type;
};

struct cl_client_call {
    const char *method;
    cl_str path;        // encoded, with its query; begins with '/'
    cl_str body;        // JSON; empty: none
    uint32_t wait_s;    // how long the relay was asked to wait before it answers
    uint32_t within_ms; // the answer is wanted by then at the latest; 0: as soon as any other's
    struct cl_client_sign sign;
    /* Of protocol v2: an answer of JSON-RPC is an answer, also one that says no (client/call_v2.h),
     * and a relay that does not know the path is CL_ERR_UPGRADE. */
    bool is_v2;
    /* "bytes=0-1023": any success is an answer, of those bytes and no JSON; a relay that heeds it
     * answers 206 (RFC 9110 section 14). NULL: all of it. */
    const char *range;
    /* Of an upload (v2.md, Blobs; client/blob.h); NULL: it is none. Then 200, 201, 204, 404 and 409
     * are answers, and nothing need be in their bodies. */
    const struct cl_client_upload *upload;
};

struct cl_client_upload {
    uint64_t offset;
    uint64_t size; // of all of it; 0: it is only asked how far it is
};

/* The URL is "https://host:port" or "http://host:port", maybe with a path that goes before every
 * call's; wss and ws mean the same. Both are copied; token may be NULL, an empty one counts as
 * none. Nothing is connected yet. CL_ERR_USAGE: no such URL, or a token that no header could
 * carry. */
CL_MUST_CHECK enum cl_err cl_client_new(cl_str url, const struct cl_secret *token,
                                        struct cl_client **ret_client, struct cl_why *why);
/* Another one for the same relay, known by the same keys, whose sentences are for the same reader:
 * what cl_client_serve_program was given is borrowed from there too. Not of a local one. */
CL_MUST_CHECK enum cl_err cl_client_new_like(const struct cl_client *like,
                                             struct cl_client **ret_client, struct cl_why *why);
/* Is it such a URL? CL_ERR_USAGE: no. */
CL_MUST_CHECK enum cl_err cl_client_check_url(cl_str url, struct cl_why *why);
/* For the admin door of a relay on this machine: the path of its Unix socket, and no token. */
CL_MUST_CHECK enum cl_err cl_client_new_local(cl_str path, struct cl_client **ret_client,
                                              struct cl_why *why);
/* Before the first call: by which keys the relay is known, "sha256:BASE64,..." (net/tls.h), instead
 * of by the system's authorities. is_saved: they were remembered, which the sentence about another
 * key says. CL_ERR_USAGE: no pins, or no https. */
CL_MUST_CHECK enum cl_err cl_client_pin(struct cl_client *client, cl_str pins, bool is_saved,
                                        struct cl_why *why);
/* Its sentences are for a program from now on, which was given no options of a command line, and
 * for who wrote it. secret_of: the instance from whose secret the token follows
 * (trust/agent_link_sign.h), borrowed; empty: it is the relay's own. */
void cl_client_serve_program(struct cl_client *client, cl_str secret_of);
/* Is the relay beyond this machine, and spoken to in plain text? */
bool cl_client_is_exposed(const struct cl_client *client);
/* Do both URLs lead to the same host and port in the same way? */
bool cl_client_same_relay(cl_str a, cl_str b);
/* Closes the connection in order. Accepts NULL. */
void cl_client_free(struct cl_client *client);
/* As it was given, without slashes at the end. */
cl_str cl_client_url(const struct cl_client *client);
/* The same for a sentence: a very long one loses its end, the advice behind it does not. */
cl_str cl_client_url_shown(const struct cl_client *client);

/* Any success; *ret_answer is a valid JSON object with the call's sign, good until the next call.
 * An error that the relay named has that name, otherwise that of its HTTP status:
 *   CL_ERR_NO_RELAY      nobody there: no such host, refused, no route, no answer to connect
 *   CL_ERR_UNAUTHORIZED  the relay wants a token, or another one
 *   CL_ERR_TIMEOUT       no whole answer in time
 *   CL_ERR_CLOSED        the connection broke before the answer was whole
 *   CL_ERR_UNTRUSTED     whoever answered could not be trusted, and nothing was sent; or the relay
 *                        speaks TLS and was called in plain text
 *   CL_ERR_IO            what answered is no relay
 *   CL_ERR_USAGE         a relay answered, but not below the path of the URL */
CL_MUST_CHECK enum cl_err cl_client_call(struct cl_client *client,
                                         const struct cl_client_call *call, cl_str *ret_answer,
                                         struct cl_why *why);
/* The HTTP status of the last call; 0: no answer came. */
unsigned cl_client_status(const struct cl_client *client);
/* The Upload-Offset of its answer; 0 without one. */
uint64_t cl_client_offset(const struct cl_client *client);

/* What a connection that comes back (client/uplink.h) needs to know of the relay; events, instance
 * and what follows are the caller's to fill in. It borrows from the client. */
CL_MUST_CHECK enum cl_err cl_client_uplink(struct cl_client *client,
                                           struct cl_uplink_config *ret_config, struct cl_why *why);
/* The sentence about an uplink that fell, in why; returns fall->err, or what an answer that was no
 * WebSocket says more exactly. */
CL_MUST_CHECK enum cl_err cl_client_explain(struct cl_client *client,
                                            const struct cl_uplink_fall *fall, struct cl_why *why);
/* For who has another loop to turn: waits until that descriptor is readable, at most so long, or
 * until something happens here. */
void cl_client_wait(struct cl_client *client, int fd, uint32_t ms);
/* And while a call or a pause waits, from now on: fn is called every CL_CLIENT_BESIDE_MS. NULL ends
 * that. */
void cl_client_beside(struct cl_client *client, void (*fn)(void *ctx), void *ctx);

/* From now on SIGINT and SIGTERM end the program with exit_status, but only while it waits: for
 * an answer or in a pause. So what was received is always written before the end. */
CL_MUST_CHECK enum cl_err cl_client_exit_on_signals(struct cl_client *client, int exit_status);
/* What is still to be said before such an end. */
void cl_client_last_words(struct cl_client *client, void (*fn)(void *ctx), void *ctx);
/* Lets that much time pass. */
void cl_client_pause(struct cl_client *client, uint32_t ms);

#endif
