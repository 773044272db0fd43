// SPDX-License-Identifier: MIT
#include "proto/v2_blob.h"

#include <stdio.h>

#include "base/limits.h"
#include "support/test.h"

#define ETAG "\"etag\""

/* The head of a request with these field lines. */
static const struct cl_http_head *
head_of(const char *fields)
{
    static struct cl_http_parser parser;
    static char text[1000];
    struct cl_http_event event;
    (void)snprintf(text, sizeof text, "PUT / HTTP/1.1\r\nHost: x\r\n%s\r\n", fields);
    cl_str input = cl_str_z(text);
    cl_http_parser_done(&parser);
    cl_http_parser_init(&parser, CL_HTTP_REQUESTS, 1000);
    CHECK_OK(cl_http_feed(&parser, &input, &event, NULL));
    CHECK_INT(event.kind, CL_HTTP_HEAD);
    return &parser.head;
}

TEST(uploads_say_where_and_how_much)
{
    struct cl_v2_upload upload = {0};
    CHECK_OK(cl_v2_upload_read(head_of("Upload-Length: 7\r\n"), &upload, NULL));
    CHECK_INT(upload.offset, 0);
    CHECK_INT(upload.length, 7);
    CHECK_OK(
        cl_v2_upload_read(head_of("upload-offset: 7\r\nUPLOAD-LENGTH:  7 \r\n"), &upload, NULL));
    CHECK_INT(upload.offset, 7);
    CHECK_OK(cl_v2_upload_read(head_of("Upload-Length: 9007199254740991\r\n"), &upload, NULL));
    CHECK_INT(upload.length, CL_V2_NUMBER_MAX);
}

TEST(uploads_that_say_it_wrongly_are_refused)
{
    static const struct {
        const char *fields;
        enum cl_err err;
    } rows[] = {
        {"", CL_ERR_MISSING},
        {"Upload-Offset: 1\r\n", CL_ERR_MISSING},
        {"Upload-Length: 0\r\n", CL_ERR_MALFORMED},
        {"Upload-Length: -1\r\n", CL_ERR_MALFORMED},
        {"Upload-Length: 1.5\r\n", CL_ERR_MALFORMED},
        {"Upload-Length:\r\n", CL_ERR_MALFORMED},
        {"Upload-Length: 9007199254740992\r\n", CL_ERR_MALFORMED},
        {"Upload-Length: 5\r\nUpload-Length: 5\r\n", CL_ERR_MALFORMED},
        {"Upload-Length: 5\r\nUpload-Offset: x\r\n", CL_ERR_MALFORMED},
        {"Upload-Length: 5\r\nUpload-Offset: 6\r\n", CL_ERR_MALFORMED},
        {"Upload-Length: 5\r\nUpload-Offset: 1\r\nUpload-Offset: 1\r\n", CL_ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cl_v2_upload upload = {11, 22};
        struct cl_why why = {""};
        test_note("%s", rows[i].fields);
        CHECK_INT(cl_v2_upload_read(head_of(rows[i].fields), &upload, &why), rows[i].err);
        CHECK(why.text[0] != '\0');
        CHECK_INT(upload.offset, 11);
        CHECK_INT(upload.length, 22);
    }
}

TEST(ranges_are_those_of_the_standard)
{
    static const struct {
        const char *fields;
        enum cl_v2_range_kind kind;
        uint64_t first;
        uint64_t end;
    } rows[] = {
        {"", CL_V2_RANGE_ALL, 0, 0},
        {"Range: bytes=0-\r\n", CL_V2_RANGE_PART, 0, 100},
        {"Range: bytes=40-\r\n", CL_V2_RANGE_PART, 40, 100},
        {"Range: BYTES=40-41\r\n", CL_V2_RANGE_PART, 40, 42},
        {"Range: bytes=99-99\r\n", CL_V2_RANGE_PART, 99, 100},
        {"Range: bytes=40-1000\r\n", CL_V2_RANGE_PART, 40, 100},
        {"Range: bytes=0-18446744073709551615\r\n", CL_V2_RANGE_PART, 0, 100},
        {"Range: bytes=-1\r\n", CL_V2_RANGE_PART, 99, 100},
        {"Range: bytes=-100\r\n", CL_V2_RANGE_PART, 0, 100},
        {"Range: bytes=-101\r\n", CL_V2_RANGE_PART, 0, 100},
        {"Range: bytes=-0\r\n", CL_V2_RANGE_NONE, 0, 0},
        {"Range: bytes=100-\r\n", CL_V2_RANGE_NONE, 0, 0},
        {"Range: bytes=18446744073709551615-\r\n", CL_V2_RANGE_NONE, 0, 0},
        {"Range: bytes=18446744073709551616-\r\n", CL_V2_RANGE_ALL, 0, 0},
        {"Range: bytes=3-2\r\n", CL_V2_RANGE_ALL, 0, 0},
        {"Range: bytes=1-2,4-5\r\n", CL_V2_RANGE_ALL, 0, 0},
        {"Range: bytes=-\r\n", CL_V2_RANGE_ALL, 0, 0},
        {"Range: bytes=5\r\n", CL_V2_RANGE_ALL, 0, 0},
        {"Range: bytes\r\n", CL_V2_RANGE_ALL, 0, 0},
        {"Range: lines=5-\r\n", CL_V2_RANGE_ALL, 0, 0},
        {"Range: bytes=5-\r\nRange: bytes=6-\r\n", CL_V2_RANGE_ALL, 0, 0},
        {"Range: bytes=5-\r\nIf-Range: " ETAG "\r\n", CL_V2_RANGE_PART, 5, 100},
        {"Range: bytes=5-\r\nIf-Range: \"other\"\r\n", CL_V2_RANGE_ALL, 0, 0},
        {"Range: bytes=5-\r\nIf-Range: W/" ETAG "\r\n", CL_V2_RANGE_ALL, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        test_note("%s", rows[i].fields);
        struct cl_v2_range range = cl_v2_range_read(head_of(rows[i].fields), 100, CL_STR(ETAG));
        CHECK_INT(range.kind, rows[i].kind);
        CHECK_INT(range.first, rows[i].first);
        CHECK_INT(range.end, rows[i].end);
    }
}
