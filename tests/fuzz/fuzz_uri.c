// SPDX-License-Identifier: MIT
/*
 * Percent codes, queries, authorities and URLs. What was decoded is what was encoded, no part
 * of a result lies outside the input, and the parts make up the whole again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "wire/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_inside(cl_str part, cl_str whole)
{
    return part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void
check_codes(cl_str text, char *space)
{
    struct cl_buf out;
    cl_str decoded;

    cl_buf_init(&out, 3 * text.len);
    CL_ASSERT(cl_uri_encode(&out, text) == CL_OK);
    CL_ASSERT(cl_uri_decode(cl_buf_str(&out), space, text.len, &decoded) == CL_OK);
    CL_ASSERT(cl_str_eq(decoded, text));
    CL_ASSERT(cl_uri_decode_query(cl_buf_str(&out), space, text.len, &decoded) == CL_OK);
    CL_ASSERT(cl_str_eq(decoded, text));
    cl_buf_done(&out);

    if (cl_uri_decode(text, space, text.len, &decoded) == CL_OK) {
        size_t percents = 0;
        for (size_t i = 0; i < text.len; i++)
            percents += text.ptr[i] == '%';
        CL_ASSERT(decoded.len + 2 * percents == text.len);
    }
}

static void
check_query(cl_str text)
{
    cl_str path, query, rest, name, value, found;

    cl_uri_split(text, &path, &query);
    CL_ASSERT(is_inside(path, text) && is_inside(query, text));
    rest = query;
    while (cl_uri_query_next(&rest, &name, &value)) {
        CL_ASSERT(is_inside(name, query) && is_inside(value, query) && is_inside(rest, query));
        CL_ASSERT(cl_str_find(name, '&') == name.len && cl_str_find(name, '=') == name.len);
        CL_ASSERT(cl_str_find(value, '&') == value.len);
        CL_ASSERT(cl_uri_query_find(query, name, &found));
    }
}

static void
check_url(cl_str text)
{
    struct cl_authority authority;
    struct cl_url url;

    if (cl_authority_parse(text, &authority) == CL_OK)
        CL_ASSERT(authority.host.len > 0 && is_inside(authority.host, text));
    if (cl_url_parse(text, &url, NULL) != CL_OK)
        return;
    CL_ASSERT(url.port != 0 && is_inside(url.authority, text) && is_inside(url.path, text));
    CL_ASSERT(url.path.len == 0 || url.path.ptr[0] == '/');
    CL_ASSERT(!cl_str_ends(url.path, CL_STR("/")));
    CL_ASSERT(cl_authority_parse(url.authority, &authority) == CL_OK);
    CL_ASSERT(cl_str_eq(authority.host, url.host) && authority.is_ipv6 == url.is_ipv6);
    for (size_t i = 0; i < text.len; i++)
        CL_ASSERT(text.ptr[i] > ' ' && text.ptr[i] <= '~');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // Blocks of exactly that size, so that a byte beyond them is seen.
    char *bytes = malloc(size + 1);
    char *space = malloc(size + 1);

    CL_ASSERT(bytes != NULL && space != NULL);
    if (size > 0)
        memcpy(bytes + 1, data, size);
    cl_str text = cl_str_of(bytes + 1, size);
    check_codes(text, space + 1);
    check_query(text);
    check_url(text);
    free(bytes);
    free(space);
    return 0;
}
