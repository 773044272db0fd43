// SPDX-License-Identifier: MIT
#include "support/echo.h"

#include <signal.h>
#include <stdio.h>

#include "base/assert.h"
#include "net/tcp.h"

static void
on_signal(void *ctx, int number)
{
    (void)number;
    cl_loop_stop(ctx);
}

int
echo_main(int argc, char **argv, const struct cl_http_handler *handler, uint64_t body_bytes_max)
{
    uint64_t port;
    if (argc != 2 || !cl_str_to_u64(cl_str_z(argv[1]), UINT16_MAX, &port)) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    struct cl_loop *loop;
    struct cl_listener *listener;
    struct cl_http_server *server;
    struct cl_http_server_options options = {.handler = handler, .body_bytes_max = body_bytes_max};
    struct cl_why why = {0};
    cl_address address;
    CL_ASSERT(cl_loop_new(&loop) == CL_OK);
    CL_ASSERT(cl_http_server_new(loop, &options, &server) == CL_OK);
    CL_ASSERT(cl_loop_on_signal(loop, SIGTERM, on_signal, loop) == CL_OK);
    if (cl_tcp_listen(loop, CL_STR("127.0.0.1"), (uint16_t)port, &listener, &why) != CL_OK) {
        fprintf(stderr, "%s\n", why.text);
        cl_http_server_free(server);
        cl_loop_free(loop);
        return 1;
    }
    cl_listener_accept(listener, cl_http_server_take, server);
    cl_listener_address(listener, &address);
    printf("listening on %u\n", address.port);
    fflush(stdout);

    cl_loop_run(loop);
    cl_listener_close(listener);
    cl_http_server_free(server);
    cl_loop_free(loop);
    return 0;
}
