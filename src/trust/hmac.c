// SPDX-License-Identifier: MIT
#include "trust/hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/assert.h"
#include "base/secret.h"

static EVP_MAC_CTX *
ctx_of(struct cl_hmac *hmac)
{
    return (EVP_MAC_CTX *)(void *)hmac;
}

static const unsigned char *
bytes_of(cl_str bytes)
{
    // NULL as a key would mean the key before.
    return (const unsigned char *)(bytes.len > 0 ? bytes.ptr : "");
}

struct cl_hmac *
cl_hmac_new(cl_str key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof digest - 1),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac); // the context has a reference of its own
    if (ctx != NULL && EVP_MAC_init(ctx, bytes_of(key), key.len, params) == 1)
        return (struct cl_hmac *)(void *)ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

void
cl_hmac_free(struct cl_hmac *hmac)
{
    EVP_MAC_CTX_free(ctx_of(hmac));
}

enum cl_err
cl_hmac_of(struct cl_hmac *hmac, const cl_str *parts, size_t parts_len, cl_digest *ret_mac)
{
    EVP_MAC_CTX *ctx = ctx_of(hmac);
    cl_digest mac;
    size_t len = 0;
    // Without a key: from the beginning with the same one. OpenSSL copies states for that.
    if (EVP_MAC_init(ctx, NULL, 0, NULL) != 1)
        return CL_ERR_NO_MEMORY;
    for (size_t i = 0; i < parts_len; i++)
        if (EVP_MAC_update(ctx, bytes_of(parts[i]), parts[i].len) != 1)
            return CL_ERR_NO_MEMORY;
    if (EVP_MAC_final(ctx, mac.bytes, &len, sizeof mac.bytes) != 1)
        return CL_ERR_NO_MEMORY;
    CL_ASSERT(len == sizeof mac.bytes);
    *ret_mac = mac;
    return CL_OK;
}

bool
cl_hmac_equals(const cl_digest *a, const cl_digest *b)
{
    // Out of line in a library: no compiler can cut it short.
    return CRYPTO_memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* -- HKDF (RFC 5869) --------------------------------------------------------------------------- */

/* Section 2.3: T(n) = HMAC(PRK, T(n-1) | info | n), of which as many bytes as are wanted. */
static enum cl_err
expand(struct cl_hmac *prk, cl_str info, unsigned char *at, size_t len)
{
    cl_digest block = {{0}};
    enum cl_err err = CL_OK;
    for (unsigned char n = 1; len > 0 && err == CL_OK; n++) {
        cl_str parts[] = {cl_str_of(block.bytes, n == 1 ? 0 : sizeof block.bytes), info,
                          cl_str_of(&n, 1)};
        size_t part = len < sizeof block.bytes ? len : sizeof block.bytes;
        err = cl_hmac_of(prk, parts, 3, &block);
        if (err == CL_OK)
            memcpy(at, block.bytes, part);
        at += part;
        len -= part;
    }
    cl_secret_wipe(&block, sizeof block);
    return err;
}

/* Section 2.2: PRK = HMAC(salt, secret). */
static struct cl_hmac *
extract(const struct cl_hkdf *from)
{
    cl_digest prk;
    struct cl_hmac *key = NULL;
    struct cl_hmac *salt = cl_hmac_new(from->salt);
    if (salt == NULL)
        return NULL;
    if (cl_hmac_of(salt, &from->secret, 1, &prk) == CL_OK)
        key = cl_hmac_new(cl_str_of(prk.bytes, sizeof prk.bytes));
    cl_secret_wipe(&prk, sizeof prk);
    cl_hmac_free(salt);
    return key;
}

enum cl_err
cl_hkdf(const struct cl_hkdf *from, void *ret_bytes, size_t len)
{
    CL_ASSERT(len <= CL_HKDF_BYTES_MAX);
    struct cl_hmac *prk = extract(from);
    enum cl_err err = prk == NULL ? CL_ERR_NO_MEMORY : expand(prk, from->info, ret_bytes, len);
    if (err != CL_OK)
        cl_secret_wipe(ret_bytes, len);
    cl_hmac_free(prk);
    return err;
}
