// SPDX-License-Identifier: MIT
/*
 * tests/support/echo.h - what ws-echo and http-echo share.
 */
#ifndef TESTS_SUPPORT_ECHO_H
#define TESTS_SUPPORT_ECHO_H

#include "net/http_server.h"

/* Serves handler on 127.0.0.1 and the port in argv[1], prints "listening on PORT" and returns 0
 * after SIGTERM. body_bytes_max as in the server's options. */
int echo_main(int argc, char **argv, const struct cl_http_handler *handler,
              uint64_t body_bytes_max);

#endif
