// SPDX-License-Identifier: MIT
/*
 * client/blob.h - a blob on its way to a relay (v2.md, Blobs).
 */
#ifndef CL_CLIENT_BLOB_H
#define CL_CLIENT_BLOB_H

#include "base/buf.h"
#include "base/digest.h"
#include "client/client.h"

/* So many bytes of so many are there. */
typedef void cl_blob_progress_fn(void *ctx, uint64_t done, uint64_t size);

struct cl_blob_upload {
    cl_str bytes; // one at least
    cl_digest digest;
    cl_instant deadline;           // of the monotonic clock; CL_INSTANT_NEVER: none
    cl_blob_progress_fn *progress; // NULL: nobody asks
    void *ctx;
};

/* Blocks until all of it is there, which may be so from the beginning, and stays for a message that
 * will name it. What the relay has already is not sent again: after a failure that may pass, the
 * next call goes on where this one stopped.
 * Errors as of cl_client_call; CL_ERR_TIMEOUT: the deadline has passed; CL_ERR_IO too: the relay
 * does not keep to the protocol, or does not get on. */
CL_MUST_CHECK enum cl_err cl_client_put_blob(struct cl_client *client,
                                             const struct cl_blob_upload *upload,
                                             struct cl_why *why);

struct cl_blob_fetch {
    cl_digest digest;
    uint64_t size; // one at least
    cl_instant deadline;
    cl_blob_progress_fn *progress; // NULL: nobody asks
    void *ctx;
};

/* The next bytes of it behind the first `have`, which are less than all: one at least and no more
 * than there are, good until the client's next call. Nobody looks at their hash. Errors as above;
 * CL_ERR_NOT_FOUND: the relay keeps it no more. */
CL_MUST_CHECK enum cl_err cl_client_get_piece(struct cl_client *client,
                                              const struct cl_blob_fetch *fetch, uint64_t have,
                                              cl_str *ret_bytes, struct cl_why *why);

/* Appends the blob to buf, which may hold the beginning of it, from a call that failed in a way
 * that may pass. Its hash is looked at: CL_ERR_IO, with buf empty, when it is another one. */
CL_MUST_CHECK enum cl_err cl_client_get_blob(struct cl_client *client,
                                             const struct cl_blob_fetch *fetch, struct cl_buf *buf,
                                             struct cl_why *why);

#endif
