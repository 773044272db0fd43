// SPDX-License-Identifier: MIT
/*
 * proto/v1_route.h - which call of ClawLink v1 a request is (clawlink-v1.md, The calls).
 */
#ifndef CL_PROTO_V1_ROUTE_H
#define CL_PROTO_V1_ROUTE_H

#include "base/err.h"
#include "base/limits.h"
#include "base/str.h"

// clang-format off
/*   call            method  path           name in the list of GET / */
#define CL_V1_CALL_MAP(X)                                         \
    X(INFO,          "GET",  "/",            "info")              \
    X(HEALTHZ,       "GET",  "/healthz",     "health")            \
    X(REGISTER,      "POST", "/register",    "register")          \
    X(DISCOVER,      "GET",  "/discover",    "discover")          \
    X(HEARTBEAT,     "POST", "/heartbeat",   "heartbeat")         \
    X(DELEGATE,      "POST", "/delegate",    "delegate")          \
    X(BROADCAST,     "POST", "/broadcast",   "broadcast")         \
    X(RESPOND,       "POST", "/respond",     "respond")           \
    X(POLL,          "GET",  "/poll/",       "poll")              \
    X(FILE_PUT,      "POST", "/files",       "save_file")         \
    X(FILE_LIST,     "GET",  "/files",       "files")             \
    X(FILE_GET,      "GET",  "/files/",      "get_file")          \
    X(SOCKET,        "GET",  "/ws/",         "websocket")
// clang-format on

enum cl_v1_call {
#define X(name, method, path, listed) CL_V1_##name,
    CL_V1_CALL_MAP(X)
#undef X
        CL_V1_CALL_COUNT
};

struct cl_v1_route {
    enum cl_v1_call call;
    bool is_head; // HEAD in place of GET: answers alike, changes nothing
    cl_str arg;   // agent id or file key behind the path's last slash, decoded; else empty
};

/* An agent id or file key of v1 (clawlink-v1.md, Ids and keys): UTF-8 of 1 to CL_ID_BYTES_MAX
 * bytes without control characters. */
bool cl_v1_id_is_valid(cl_str id);

/* Finds the call for a method and a still encoded path. The argument is decoded into arg_space
 * and lives there. CL_ERR_NOT_FOUND: no such path. CL_ERR_METHOD: the path has other methods,
 * see cl_v1_route_allow. CL_ERR_MALFORMED: the id in the path is none; an id holds '/' only
 * percent-encoded, a file key also as it is. */
CL_MUST_CHECK enum cl_err cl_v1_route_find(cl_str method, cl_str path,
                                           char arg_space[static CL_ID_BYTES_MAX],
                                           struct cl_v1_route *ret_route, struct cl_why *why);
/* The methods of a path as the Allow field lists them; empty when there is no such path. */
cl_str cl_v1_route_allow(cl_str path);

/* A call as the list of GET / shows it: "poll" and "GET /poll/{agent_id}". */
#define CL_V1_CALL_TEXT_CAP 40
const char *cl_v1_call_name(enum cl_v1_call call);
void cl_v1_call_text(enum cl_v1_call call, char ret_text[static CL_V1_CALL_TEXT_CAP]);

#endif
