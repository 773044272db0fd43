// SPDX-License-Identifier: MIT
/*
 * relay/blob.h - /v2/blobs/<sha256>: HEAD, PUT and GET (docs/protocol/v2.md, Blobs).
 *
 *     blob.c        requests and their answers
 *     blob_keep.c   which blobs stay
 *     blob_view.c   long messages between v1 and v2
 *
 * A body comes in by pieces of CL_BLOB_CHUNK_BYTES, each of which goes to the store as soon as it
 * is there, and goes out by such pieces, the next one when the last is with the reader's system. So
 * a connection holds a piece or two, and what broke off is there as far as it came.
 */
#ifndef CL_RELAY_BLOB_H
#define CL_RELAY_BLOB_H

#include "journal/blobs.h"
#include "proto/v2_bridge.h"
#include "proto/v2_decode.h"
#include "relay/peers.h"

/* A request for one blob. */
struct cl_blob_call {
    struct cl_body *view; // GET: what it reads is a message of v1; a reference
    struct cl_link link;  // in relay->blobs.calls
    struct cl_exchange *exchange;
    cl_digest digest;
    bool is_put;
    bool is_begun;    // PUT: the store was asked whether it takes it
    bool is_whole;    // PUT: it was there before; the bytes are passed over
    bool is_asked;    // PUT: all of the request has come
    bool is_sealing;  // PUT: waits for the seal
    bool is_reading;  // GET: is being answered
    uint32_t writing; // PUT: pieces that have not come out
    uint64_t length;  // PUT: of the blob, as it says
    uint64_t offset;  // PUT: where the next piece belongs; GET: the next byte
    uint64_t end;     // GET: behind the last byte
    enum cl_err err;  // PUT: what went wrong first
};

/* -- blob.c --------------------------------------------------------------------------------- */

bool cl_blob_is_path(cl_str path);
/* As the handler of net/http_server.h; from cl_blob_head on the exchange is the request's, and ends
 * with it. */
void cl_blob_head(struct cl_exchange *exchange, const struct cl_http_head *head);
void cl_blob_piece(struct cl_exchange *exchange, cl_str piece);
void cl_blob_request(struct cl_exchange *exchange, const struct cl_http_head *head, cl_str body);
void cl_blob_more(struct cl_exchange *exchange);
/* Its exchange ends. */
void cl_blob_call_free(struct cl_blob_call *call);
/* What came out of the store since the last turn. */
void cl_blob_turn(struct cl_relay *relay);

/* -- blob_keep.c ---------------------------------------------------------------------------- */

/* The largest that it takes; 0: none. */
uint64_t cl_blob_bytes_max(const struct cl_relay *relay);
/* Which blob a SEND or PUBLISH of an envelope names: its digest, in the arena, or empty; it stays
 * for as long as the command is on its way. CL_ERR_NOT_FOUND: it is not whole here, or of another
 * size, and the message is new; CL_ERR_MALFORMED, MISSING: the body is none of a blob;
 * CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_blob_of_send(struct cl_relay *relay, const struct cl_v2_call *call,
                                          const struct cl_command *draft, cl_str *ret_blob,
                                          struct cl_why *why);
/* Such a command is with the journal: who was told of that blob has named it. */
void cl_blob_named(struct cl_relay *relay, cl_str blob);
/* Somebody is told that it is whole, and may name it. */
void cl_blob_claim(struct cl_relay *relay, const cl_digest *digest);
/* The last message that named it has gone, and with it the blob, unless another one is on its way
 * or may yet come, or somebody reads. */
void cl_blob_unnamed(struct cl_relay *relay, const cl_digest *digest);
/* Nobody reads it any more, or one less does. */
void cl_blob_was_read(struct cl_relay *relay, const cl_digest *digest);
/* What was kept for a backup may go. */
void cl_blob_go_on(struct cl_relay *relay);
/* Removes what nobody goes on with, and what nobody names, once its time is over. */
void cl_blob_sweep(struct cl_relay *relay, cl_time now);
/* At the start: says so if a blob that a message names is not there. */
void cl_blob_reconcile(struct cl_relay *relay);

/* -- blob_view.c ---------------------------------------------------------------------------- */

/* What a message of v1 carries becomes the name of a blob, if it is too large for an envelope.
 * Good until relay->content is written again. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_blob_show(struct cl_relay *relay, const struct cl_msg *msg,
                                       struct cl_v2_content *content);
/* The bytes of such a blob, good until the next is shown; NULL: there is none. */
struct cl_body *cl_blob_view(const struct cl_relay *relay, const cl_digest *digest);
/* What passed, under that id, has ended: its content is kept no longer. */
void cl_blob_forget_passed(struct cl_relay *relay, cl_id id);
/* Frees what is kept of the last broadcast. */
void cl_blob_forget_news(struct cl_relay *relay);
void cl_blob_views_done(struct cl_relay *relay);
/* As cl_v2_to_v1, of a message that names a blob: with its content, where that fits, else with its
 * name. */
CL_MUST_CHECK enum cl_err cl_blob_as_v1(struct cl_relay *relay, const struct cl_v2_shown *shown,
                                        struct cl_msg *ret_msg);

#endif
