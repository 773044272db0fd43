// SPDX-License-Identifier: MIT
#include "proto/v1_route.h"

#include <stdio.h>

#include "base/assert.h"
#include "proto/address.h"
#include "wire/uri.h"

struct row {
    const char *name;
    cl_str method;
    cl_str path;
};

static const struct row rows[] = {
#define X(name, method, path, listed) {listed, CL_STR_INIT(method), CL_STR_INIT(path)},
    CL_V1_CALL_MAP(X)
#undef X
};

/* A path that ends in '/' takes an argument behind it; "/" itself does not. */
static bool
takes_argument(cl_str pattern)
{
    return pattern.len > 1 && cl_str_ends(pattern, CL_STR("/"));
}

const char *
cl_v1_call_name(enum cl_v1_call call)
{
    CL_ASSERT(call < CL_V1_CALL_COUNT);
    return rows[call].name;
}

void
cl_v1_call_text(enum cl_v1_call call, char ret_text[static CL_V1_CALL_TEXT_CAP])
{
    CL_ASSERT(call < CL_V1_CALL_COUNT);
    const char *argument = call == CL_V1_FILE_GET            ? "{file_key}"
                           : takes_argument(rows[call].path) ? "{agent_id}"
                                                             : "";
    (void)snprintf(ret_text, CL_V1_CALL_TEXT_CAP, "%.*s %.*s%s", CL_STR_ARG(rows[call].method),
                   CL_STR_ARG(rows[call].path), argument);
}

bool
cl_v1_id_is_valid(cl_str id)
{
    return cl_line_is_valid(id, CL_ID_BYTES_MAX);
}

static bool
path_matches(enum cl_v1_call call, cl_str path)
{
    cl_str pattern = rows[call].path;
    if (!takes_argument(pattern))
        return cl_str_eq(path, pattern);
    if (!cl_str_starts(path, pattern) || path.len == pattern.len)
        return false;
    cl_str rest = cl_str_part(path, pattern.len, path.len);
    return call == CL_V1_FILE_GET || cl_str_find(rest, '/') == rest.len;
}

cl_str
cl_v1_route_allow(cl_str path)
{
    bool get = false, post = false;
    if (path_matches(CL_V1_SOCKET, path))
        return CL_STR("GET");
    for (unsigned call = 0; call < CL_V1_CALL_COUNT; call++) {
        if (!path_matches((enum cl_v1_call)call, path))
            continue;
        bool is_get = cl_str_eq(rows[call].method, CL_STR("GET"));
        get = get || is_get;
        post = post || !is_get;
    }
    if (get && post)
        return CL_STR("GET, HEAD, POST");
    return get ? CL_STR("GET, HEAD") : post ? CL_STR("POST") : CL_STR("");
}

static enum cl_err
decode_argument(cl_str raw, char *arg_space, cl_str *ret_arg, struct cl_why *why)
{
    cl_str arg;
    enum cl_err err = cl_uri_decode(raw, arg_space, CL_ID_BYTES_MAX, &arg);
    if (err == CL_OK && cl_v1_id_is_valid(arg)) {
        *ret_arg = arg;
        return CL_OK;
    }
    return cl_fail(CL_ERR_MALFORMED, why,
                   "the id or key in the path must be percent-encoded UTF-8 of 1 to %d bytes "
                   "without control characters",
                   CL_ID_BYTES_MAX);
}

enum cl_err
cl_v1_route_find(cl_str method, cl_str path, char arg_space[static CL_ID_BYTES_MAX],
                 struct cl_v1_route *ret_route, struct cl_why *why)
{
    bool is_head = cl_str_eq(method, CL_STR("HEAD"));
    cl_str wanted = is_head ? CL_STR("GET") : method;
    unsigned call = 0;
    while (call < CL_V1_CALL_COUNT &&
           !(cl_str_eq(rows[call].method, wanted) && path_matches((enum cl_v1_call)call, path)))
        call++;
    if (is_head && call == CL_V1_SOCKET) // an upgrade has nothing that HEAD could show
        call = CL_V1_CALL_COUNT;
    if (call == CL_V1_CALL_COUNT) {
        cl_str allow = cl_v1_route_allow(path);
        if (allow.len == 0)
            return cl_fail(CL_ERR_NOT_FOUND, why, "no such path; GET / lists them");
        return cl_fail(CL_ERR_METHOD, why, "this path takes %.*s", CL_STR_ARG(allow));
    }

    struct cl_v1_route found = {.call = (enum cl_v1_call)call, .is_head = is_head};
    if (takes_argument(rows[call].path)) {
        cl_str raw = cl_str_part(path, rows[call].path.len, path.len);
        enum cl_err err = decode_argument(raw, arg_space, &found.arg, why);
        if (err != CL_OK)
            return err;
    }
    *ret_route = found;
    return CL_OK;
}
