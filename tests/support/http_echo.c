// SPDX-License-Identifier: MIT
/*
 * http-echo PORT: answers POST with the body it got and GET with "ok", for conformance suites.
 */
#include "support/echo.h"

static void
on_request(void *ctx, struct cl_http_conn *conn, const struct cl_http_head *head, cl_str body)
{
    (void)ctx;
    static const struct cl_http_field allow = {.name = {"Allow", sizeof "Allow" - 1},
                                               .value = {"GET, HEAD, POST", 15}};
    struct cl_part part = cl_part_of(CL_STR("ok"));
    struct cl_http_answer answer = {.status = 200,
                                    .media_type = CL_STR("application/octet-stream"),
                                    .parts = &part,
                                    .parts_len = 1};
    if (cl_str_eq(head->method, CL_STR("POST"))) {
        part = cl_part_of(body);
    } else if (!cl_str_eq(head->method, CL_STR("GET")) &&
               !cl_str_eq(head->method, CL_STR("HEAD"))) {
        answer = (struct cl_http_answer){.status = 405, .fields = &allow, .fields_len = 1};
    }
    cl_http_answer(conn, &answer);
}

static const struct cl_http_handler handler = {.on_request = on_request};

int
main(int argc, char **argv)
{
    return echo_main(argc, argv, &handler, 16 * CL_MIB);
}
