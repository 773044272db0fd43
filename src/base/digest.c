// SPDX-License-Identifier: MIT
#include "base/digest.h"

#include <openssl/evp.h>

#include "base/assert.h"

static EVP_MD_CTX *
ctx_of(struct cl_digester *digester)
{
    return (EVP_MD_CTX *)(void *)digester;
}

struct cl_digester *
cl_digester_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1)
        return (struct cl_digester *)(void *)ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

void
cl_digester_free(struct cl_digester *digester)
{
    EVP_MD_CTX_free(ctx_of(digester));
}

void
cl_digester_add(struct cl_digester *digester, cl_str bytes)
{
    int status = EVP_DigestUpdate(ctx_of(digester), bytes.ptr, bytes.len);
    CL_ASSERT(status == 1); // arithmetic
}

cl_digest
cl_digester_end(struct cl_digester *digester)
{
    cl_digest digest;
    int status = EVP_DigestFinal_ex(ctx_of(digester), digest.bytes, NULL);
    CL_ASSERT(status == 1);
    return digest;
}

/* -- as text ----------------------------------------------------------------------------------- */

void
cl_digest_text(const cl_digest *digest, char ret_text[static CL_DIGEST_TEXT_LEN])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof *digest; i++) {
        ret_text[2 * i] = digits[digest->bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
}

bool
cl_digest_read(cl_str text, cl_digest *ret_digest)
{
    cl_digest digest;
    if (text.len != CL_DIGEST_TEXT_LEN)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = cl_str_hex_digit(text.ptr[i]);
        if (digit < 0 || (text.ptr[i] >= 'A' && text.ptr[i] <= 'F'))
            return false;
        digest.bytes[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : digest.bytes[i / 2] | digit);
    }
    *ret_digest = digest;
    return true;
}

enum cl_err
cl_digest_of(cl_str bytes, cl_digest *ret_digest)
{
    struct cl_digester *digester = cl_digester_new();
    if (digester == NULL)
        return CL_ERR_NO_MEMORY;
    cl_digester_add(digester, bytes);
    *ret_digest = cl_digester_end(digester);
    cl_digester_free(digester);
    return CL_OK;
}
