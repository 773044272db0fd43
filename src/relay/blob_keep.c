// SPDX-License-Identifier: MIT
/*
 * Which blobs stay: an upload that goes on, a blob that a message names or may yet name, and one
 * that is being read.
 */
#include "base/limits.h"
#include "relay/blob.h"
#include "relay/state.h"

uint64_t
cl_blob_bytes_max(const struct cl_relay *relay)
{
    return relay->config.blobs == NULL ? 0 : cl_blobs_bytes_max(relay->config.blobs);
}

bool
cl_blob_is_read(const struct cl_relay *relay, const cl_digest *digest)
{
    CL_LIST_EACH(&relay->blob_calls, at)
    {
        const struct cl_blob_call *call = CL_LIST_ENTRY(at, struct cl_blob_call, link);
        if (call->is_reading && cl_digest_eq(&call->digest, digest))
            return true;
    }
    return false;
}

void
cl_blob_sweep(struct cl_relay *relay, cl_time now)
{
    cl_digest digest;
    struct cl_blob_info info;
    struct cl_blobs *store = relay->config.blobs;
    if (store == NULL)
        return;
    for (uint32_t at = 0; cl_blobs_next(store, &at, &digest, &info);) {
        int64_t life =
            info.state == CL_BLOB_WHOLE ? CL_BLOB_UNNAMED_LIFE_MS : CL_BLOB_UPLOAD_LIFE_MS;
        if (now.ms - info.touched.ms < life || cl_blob_is_read(relay, &digest))
            continue;
        (void)cl_blobs_remove(store, &digest); // one that is written to right now stays
    }
}
