// SPDX-License-Identifier: MIT
/*
 * Texts and bytes from strangers. What decodes encodes to itself, what is refused has no bytes, and
 * all bytes come back.
 */
#include "wire/base64url.h"

#include "base/alloc.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A text: it is the only one of its bytes. Its memory is as long as it, so that a reader beyond
 * it is seen. */
static void
check_text(cl_str text)
{
    size_t len = cl_base64url_bytes(text);
    char *bytes = cl_alloc_or_die(len + 1);
    char *again = cl_alloc_or_die(text.len + 1);
    cl_str got = {0};
    enum cl_err err = cl_base64url_decode(text, bytes, len, &got);
    CL_ASSERT(err == CL_OK || err == CL_ERR_MALFORMED);
    CL_ASSERT((err == CL_OK) == cl_base64url_is_valid(text));
    if (err == CL_OK) {
        CL_ASSERT(got.len == len && CL_BASE64URL_LEN(len) == text.len);
        cl_base64url_encode(got, again);
        CL_ASSERT(cl_str_eq(cl_str_of(again, text.len), text));
    }
    cl_free(bytes);
    cl_free(again);
}

/* Bytes: they come back from their text. */
static void
check_bytes(cl_str bytes)
{
    size_t len = CL_BASE64URL_LEN(bytes.len);
    char *text = cl_alloc_or_die(len + 1);
    cl_str got;
    cl_base64url_encode(bytes, text);
    CL_ASSERT(cl_base64url_is_valid(cl_str_of(text, len)));
    CL_ASSERT(cl_base64url_decode(cl_str_of(text, len), text, len, &got) == CL_OK);
    CL_ASSERT(cl_str_eq(got, bytes));
    cl_free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cl_str input = cl_str_of(data, size);
    check_text(input);
    check_bytes(input);
    return 0;
}
