// SPDX-License-Identifier: MIT
/*
 * Requests to /v2/blobs: the name in the path, Upload-Offset and Upload-Length, ranges. What is
 * taken lies within the blob, and has one spelling.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/digest.h"
#include "base/limits.h"
#include "proto/v2_blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_name(cl_str path)
{
    char text[CL_DIGEST_TEXT_LEN];
    cl_digest digest;
    cl_str name = cl_str_part(path, sizeof CL_V2_BLOBS_PATH - 1, path.len);
    if (!cl_str_starts(path, CL_STR(CL_V2_BLOBS_PATH)) || !cl_digest_read(name, &digest))
        return;
    cl_digest_text(&digest, text);
    CL_ASSERT(cl_str_eq(cl_str_of(text, sizeof text), name));
}

static void
check_upload(const struct cl_http_head *head)
{
    struct cl_why why = {""};
    struct cl_v2_upload upload;
    enum cl_err err = cl_v2_upload_read(head, &upload, &why);
    CL_ASSERT((err == CL_OK) == (why.text[0] == '\0'));
    if (err != CL_OK) {
        CL_ASSERT(err == CL_ERR_MALFORMED || err == CL_ERR_MISSING);
        return;
    }
    CL_ASSERT(upload.length > 0 && upload.length <= CL_V2_NUMBER_MAX);
    CL_ASSERT(upload.offset <= upload.length);
}

static void
check_range(const struct cl_http_head *head)
{
    static const uint64_t sizes[] = {1, 2, 100, UINT64_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct cl_v2_range range = cl_v2_range_read(head, sizes[i], CL_STR("\"etag\""));
        if (range.kind == CL_V2_RANGE_PART)
            CL_ASSERT(range.first < range.end && range.end <= sizes[i]);
        else
            CL_ASSERT(range.first == 0 && range.end == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cl_http_parser parser;
    struct cl_http_event event = {.kind = CL_HTTP_MORE};
    char *bytes = malloc(size + 1); // so that a byte beyond them is seen
    CL_ASSERT(bytes != NULL);
    if (size > 0)
        memcpy(bytes + 1, data, size);
    cl_str input = cl_str_of(bytes + 1, size);
    cl_http_parser_init(&parser, CL_HTTP_REQUESTS, UINT64_MAX / 2);
    if (cl_http_feed(&parser, &input, &event, NULL) == CL_OK && event.kind == CL_HTTP_HEAD) {
        check_name(parser.head.path);
        check_upload(&parser.head);
        check_range(&parser.head);
    }
    cl_http_parser_done(&parser);
    free(bytes);
    return 0;
}
