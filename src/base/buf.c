// SPDX-License-Identifier: MIT
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define FIRST_CAP 64

void
cl_buf_init(struct cl_buf *buf, size_t max)
{
    *buf = (struct cl_buf){.max = max};
}

void
cl_buf_done(struct cl_buf *buf)
{
    cl_free(buf->ptr);
    *buf = (struct cl_buf){.max = buf->max};
}

void
cl_buf_clear(struct cl_buf *buf)
{
    buf->len = 0;
}

static enum cl_err
grow(struct cl_buf *buf, size_t len)
{
    if (len > buf->max - buf->len)
        return CL_ERR_TOO_LARGE;
    size_t wanted = buf->len + len;
    size_t cap = buf->cap < FIRST_CAP ? FIRST_CAP : buf->cap;
    while (cap < wanted)
        cap = cap > SIZE_MAX / 2 ? wanted : cap * 2;
    if (cap > buf->max && buf->max >= wanted)
        cap = buf->max == 0 ? 1 : buf->max;
    char *grown = cl_realloc(buf->ptr, cap);
    if (grown == NULL)
        return CL_ERR_NO_MEMORY;
    buf->ptr = grown;
    buf->cap = cap;
    return CL_OK;
}

enum cl_err
cl_buf_reserve(struct cl_buf *buf, size_t len, char **ret_space)
{
    // There is never more room than buf->max allows, but for an empty buffer of 0.
    if (len > buf->cap - buf->len || buf->ptr == NULL || len > buf->max - buf->len) {
        enum cl_err err = grow(buf, len);
        if (err != CL_OK)
            return err;
    }
    *ret_space = buf->ptr + buf->len;
    return CL_OK;
}

void
cl_buf_commit(struct cl_buf *buf, size_t len)
{
    CL_ASSERT(len <= buf->cap - buf->len);
    buf->len += len;
}

enum cl_err
cl_buf_append(struct cl_buf *buf, cl_str bytes)
{
    char *space;
    if (bytes.len == 0)
        return CL_OK;
    enum cl_err err = cl_buf_reserve(buf, bytes.len, &space);
    if (err != CL_OK)
        return err;
    memcpy(space, bytes.ptr, bytes.len);
    buf->len += bytes.len;
    return CL_OK;
}

enum cl_err
cl_buf_append_byte(struct cl_buf *buf, char byte)
{
    return cl_buf_append(buf, cl_str_of(&byte, 1));
}

enum cl_err
cl_buf_printf(struct cl_buf *buf, const char *format, ...)
{
    va_list args;
    char *space;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CL_ASSERT(len >= 0);
    enum cl_err err = cl_buf_reserve(buf, (size_t)len, &space);
    if (err != CL_OK)
        return err;

    // vsnprintf wants a byte more for its NUL than the buffer may be allowed to hold.
    char *text = cl_alloc((size_t)len + 1);
    if (text == NULL)
        return CL_ERR_NO_MEMORY;
    va_start(args, format);
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    memcpy(space, text, (size_t)len);
    buf->len += (size_t)len;
    cl_free(text);
    return CL_OK;
}

void
cl_buf_consume(struct cl_buf *buf, size_t len)
{
    CL_ASSERT(len <= buf->len);
    buf->len -= len;
    if (buf->len > 0)
        memmove(buf->ptr, buf->ptr + len, buf->len);
}

void
cl_buf_truncate(struct cl_buf *buf, size_t len)
{
    CL_ASSERT(len <= buf->len);
    buf->len = len;
}
