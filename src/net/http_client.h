// SPDX-License-Identifier: MIT
/*
 * net/http_client.h - the client's side of HTTP/1.1: one server, one request at a time.
 *
 * The call blocks: it turns the loop until the answer is there, and other streams of that loop
 * go on meanwhile. The connection is kept for the next call when the server allows it.
 */
#ifndef CL_NET_HTTP_CLIENT_H
#define CL_NET_HTTP_CLIENT_H

#include "base/err.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "net/tcp.h"
#include "wire/http1.h"

struct cl_http_client;
struct cl_tls;

/* Why there is no answer; what each says to a person is the caller's. */
enum cl_http_fault {
    CL_HTTP_FAULT_NONE,
    CL_HTTP_FAULT_UNRESOLVED,      // no such name               CL_ERR_NO_RELAY
    CL_HTTP_FAULT_REFUSED,         // nobody listens             CL_ERR_NO_RELAY
    CL_HTTP_FAULT_UNREACHABLE,     // no way to that address, or
                                   // another user's socket      CL_ERR_NO_RELAY
    CL_HTTP_FAULT_CONNECT_TIMEOUT, //                            CL_ERR_NO_RELAY
    CL_HTTP_FAULT_CONNECT,         // anything else before that  CL_ERR_IO
    CL_HTTP_FAULT_TIMEOUT,         // no whole answer in time    CL_ERR_TIMEOUT
    CL_HTTP_FAULT_RESET,           // closed before the end      CL_ERR_CLOSED
    CL_HTTP_FAULT_NOT_HTTP,        // not an HTTP/1 answer       CL_ERR_IO
    CL_HTTP_FAULT_TOO_LARGE,       // the answer is              CL_ERR_TOO_LARGE
    CL_HTTP_FAULT_NO_MEMORY,       //                            CL_ERR_NO_MEMORY
    CL_HTTP_FAULT_TLS,             // as cl_tls_verdict says     CL_ERR_UNTRUSTED
};

/* The error in the list above. */
enum cl_err cl_http_fault_err(enum cl_http_fault fault);
/* The one for a connection that could not be made. */
enum cl_http_fault cl_http_fault_of_connect(enum cl_connect_fault fault);

struct cl_http_call {
    cl_str method;
    cl_str target;                      // "/path?query", already encoded
    const struct cl_http_field *fields; // besides Host, Content-Length and Connection
    size_t fields_len;
    cl_str body; // sent with Content-Length, unless it is empty and the method is GET or HEAD
    uint32_t timeout_ms; // from connect to the whole answer; 0: CL_CLIENT_TIMEOUT_MS
};

struct cl_http_reply {
    const struct cl_http_head *head; // both good until the next call or the client's end
    cl_str body;
};

/* Nothing is connected before the first call. The host is a literal without brackets or a
 * name, and is copied. */
CL_MUST_CHECK enum cl_err cl_http_client_new(struct cl_loop *loop, cl_str host, uint16_t port,
                                             struct cl_http_client **ret_client);
/* The same over the Unix socket at that path. */
CL_MUST_CHECK enum cl_err cl_http_client_new_unix(struct cl_loop *loop, cl_str path,
                                                  struct cl_http_client **ret_client);
/* Connections are made with TLS from now on. It is borrowed until the client's end. */
void cl_http_client_use_tls(struct cl_http_client *client, struct cl_tls *tls);
/* Accepts NULL. */
void cl_http_client_free(struct cl_http_client *client);

/* The final answer, whatever its status; interim ones are skipped. A request is sent once and
 * never repeated by this layer. */
CL_MUST_CHECK enum cl_err cl_http_client_call(struct cl_http_client *client,
                                              const struct cl_http_call *call,
                                              struct cl_http_reply *ret_reply, struct cl_why *why);
/* Of the last call. */
enum cl_http_fault cl_http_client_fault(const struct cl_http_client *client);

#endif
