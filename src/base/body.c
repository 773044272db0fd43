// SPDX-License-Identifier: MIT
#include "base/body.h"

#include <string.h>

#include "base/assert.h"
#include "base/pool.h"

struct cl_body *
cl_body_new_blank(size_t len)
{
    if (len > UINT32_MAX)
        return NULL;
    struct cl_body *body = cl_pool_get(sizeof *body + len);
    if (body == NULL)
        return NULL;
    body->refs = 1;
    body->len = (uint32_t)len;
    return body;
}

struct cl_body *
cl_body_new(cl_str bytes)
{
    struct cl_body *body = cl_body_new_blank(bytes.len);
    if (body != NULL && bytes.len > 0)
        memcpy(body->bytes, bytes.ptr, bytes.len);
    return body;
}

struct cl_body *
cl_body_ref(struct cl_body *body)
{
    if (body == NULL)
        return NULL;
    CL_ASSERT(body->refs > 0 && body->refs < UINT32_MAX);
    body->refs++;
    return body;
}

void
cl_body_unref(struct cl_body *body)
{
    if (body == NULL)
        return;
    CL_ASSERT(body->refs > 0);
    if (--body->refs == 0)
        cl_pool_put(body, sizeof *body + body->len);
}
