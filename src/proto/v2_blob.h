// SPDX-License-Identifier: MIT
/*
 * proto/v2_blob.h - what requests to /v2/blobs say (docs/protocol/v2.md, Blobs).
 */
#ifndef CL_PROTO_V2_BLOB_H
#define CL_PROTO_V2_BLOB_H

#include "wire/http1.h"

#define CL_V2_BLOBS_PATH "/v2/blobs/"

/* Where the bytes of a PUT belong, and how many there are in all. */
struct cl_v2_upload {
    uint64_t offset; // of Upload-Offset
    uint64_t length; // of Upload-Length
};

/* CL_ERR_MISSING: no Upload-Length; CL_ERR_MALFORMED: one that stands twice, is no whole number up
 * to CL_V2_NUMBER_MAX, or a length of 0; an offset behind the length. */
CL_MUST_CHECK enum cl_err cl_v2_upload_read(const struct cl_http_head *head,
                                            struct cl_v2_upload *ret_upload, struct cl_why *why);

enum cl_v2_range_kind {
    CL_V2_RANGE_ALL,  // no range, or one that may be passed over (RFC 9110 section 14.2)
    CL_V2_RANGE_PART, // 206
    CL_V2_RANGE_NONE, // 416
};

/* first is within, end is not. */
struct cl_v2_range {
    enum cl_v2_range_kind kind;
    uint64_t first;
    uint64_t end;
};

/* Range and If-Range of a GET of what has that size, 1 or more, and that ETag. Several ranges,
 * other units and what is no range are passed over. */
struct cl_v2_range cl_v2_range_read(const struct cl_http_head *head, uint64_t size, cl_str etag);

#endif
