// SPDX-License-Identifier: MIT
/*
 * base/buf.h - growing bytes with a maximum.
 *
 * A buffer cannot be made without a maximum. Past it every append is CL_ERR_TOO_LARGE and
 * changes nothing; without memory it is CL_ERR_NO_MEMORY and changes nothing. Nothing is
 * allocated before the first append.
 */
#ifndef CL_BASE_BUF_H
#define CL_BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

struct cl_buf {
    char *ptr;
    size_t len; // bytes in use
    size_t cap; // bytes allocated
    size_t max; // len never passes it
};

void cl_buf_init(struct cl_buf *buf, size_t max);
/* Frees the memory and leaves an empty buffer with the same maximum. */
void cl_buf_done(struct cl_buf *buf);
/* Empties it and keeps the memory. */
void cl_buf_clear(struct cl_buf *buf);

static inline cl_str
cl_buf_str(const struct cl_buf *buf)
{
    return cl_str_of(buf->ptr, buf->len);
}

CL_MUST_CHECK enum cl_err cl_buf_append(struct cl_buf *buf, cl_str bytes);
CL_MUST_CHECK enum cl_err cl_buf_append_byte(struct cl_buf *buf, char byte);
CL_MUST_CHECK enum cl_err cl_buf_printf(struct cl_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Makes room for len more bytes at ptr + len of the buffer; the caller writes there and then
 * calls cl_buf_commit with what it used. */
CL_MUST_CHECK enum cl_err cl_buf_reserve(struct cl_buf *buf, size_t len, char **ret_space);
void cl_buf_commit(struct cl_buf *buf, size_t len);
/* Drops the first len bytes; the rest moves to the front. */
void cl_buf_consume(struct cl_buf *buf, size_t len);
/* Cuts back to len bytes. */
void cl_buf_truncate(struct cl_buf *buf, size_t len);

#endif
