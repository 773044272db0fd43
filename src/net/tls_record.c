// SPDX-License-Identifier: MIT
#include "net/tls_record.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"

#define KEY_BYTES_MAX 32

/* -- keys ------------------------------------------------------------------------------------ */

/* HKDF-Expand-Label (RFC 8446 section 7.1) with an empty context. As many bytes as the hash has, or
 * fewer: then HKDF-Expand is one block (RFC 5869 section 2.3). */
static bool
expand(const struct cl_tls_half *half, const char *label, uint8_t *ret_bytes, size_t len)
{
    uint8_t info[32] = {0, (uint8_t)len, 0, 't', 'l', 's', '1', '3', ' '};
    uint8_t block[EVP_MAX_MD_SIZE];
    size_t label_len = strlen(label), info_len = 9 + label_len;
    info[2] = (uint8_t)(6 + label_len);
    memcpy(info + 9, label, label_len);
    info[info_len++] = 0; // the context
    info[info_len++] = 1; // the block's number
    const EVP_MD *hash = half->secret_len == 32 ? EVP_sha256() : EVP_sha384();
    bool is_made = HMAC(hash, half->secret, half->secret_len, info, info_len, block, NULL) != NULL;
    if (is_made)
        memcpy(ret_bytes, block, len);
    cl_secret_wipe(block, sizeof block);
    return is_made;
}

/* Key and IV of the secret (section 7.3). */
static bool
set_keys(struct cl_tls_half *half)
{
    uint8_t key[KEY_BYTES_MAX];
    size_t len = (size_t)EVP_CIPHER_CTX_get_key_length(half->cipher);
    bool is_set = expand(half, "key", key, len) && expand(half, "iv", half->iv, sizeof half->iv) &&
                  EVP_CipherInit_ex(half->cipher, NULL, NULL, key, NULL, -1) == 1;
    cl_secret_wipe(key, sizeof key);
    if (is_set)
        half->records = 0;
    else
        half->is_over = true; // key, IV and number may not belong together
    return is_set;
}

bool
cl_tls_half_init(struct cl_tls_half *half, unsigned suite, bool seals, const uint8_t *secret,
                 size_t secret_len)
{
    bool is_128 = suite == CL_TLS_AES_128_GCM_SHA256;
    *half = (struct cl_tls_half){.cipher = NULL};
    if ((!is_128 && suite != CL_TLS_AES_256_GCM_SHA384) || secret_len != (is_128 ? 32u : 48u))
        return false;
    half->secret_len = (uint8_t)secret_len;
    memcpy(half->secret, secret, secret_len);
    half->cipher = EVP_CIPHER_CTX_new();
    if (half->cipher != NULL &&
        EVP_CipherInit_ex(half->cipher, is_128 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), NULL, NULL,
                          NULL, seals ? 1 : 0) == 1 &&
        set_keys(half))
        return true;
    cl_tls_half_done(half);
    return false;
}

void
cl_tls_half_done(struct cl_tls_half *half)
{
    EVP_CIPHER_CTX_free(half->cipher); // OpenSSL wipes the keys in it
    cl_secret_wipe(half, sizeof *half);
}

bool
cl_tls_half_update(struct cl_tls_half *half)
{
    uint8_t next[CL_TLS_SECRET_BYTES_MAX];
    bool is_made = !half->is_over && expand(half, "traffic upd", next, half->secret_len);
    if (is_made)
        memcpy(half->secret, next, half->secret_len);
    cl_secret_wipe(next, sizeof next);
    if (is_made)
        return set_keys(half);
    half->is_over = true;
    return false;
}

/* -- records --------------------------------------------------------------------------------- */

/* Begins the next record: its nonce is its number over the IV (section 5.3), its head is
 * authenticated with it (section 5.2). The number is spent, whatever happens next. */
static bool
begin_record(struct cl_tls_half *half, const uint8_t *head)
{
    uint8_t nonce[sizeof half->iv];
    int put;
    memcpy(nonce, half->iv, sizeof nonce);
    for (size_t at = 0; at < 8; at++)
        nonce[sizeof nonce - 1 - at] ^= (uint8_t)(half->records >> (8 * at));
    half->records++;
    return EVP_CipherInit_ex(half->cipher, NULL, NULL, NULL, nonce, -1) == 1 &&
           EVP_CipherUpdate(half->cipher, NULL, &put, head, CL_TLS_RECORD_HEAD_BYTES) == 1;
}

static bool
cipher_piece(struct cl_tls_half *half, uint8_t **at, const void *bytes, size_t len)
{
    int put = 0;
    if (len > 0 && EVP_CipherUpdate(half->cipher, *at, &put, bytes, (int)len) != 1)
        return false;
    *at += put;
    return true;
}

/* Seals into the space behind the head. */
static bool
seal_into(struct cl_tls_half *half, enum cl_tls_record_type type, const cl_str *slices,
          size_t count, uint8_t *space)
{
    const uint8_t inner = (uint8_t)type;
    uint8_t *at = space + CL_TLS_RECORD_HEAD_BYTES;
    int put = 0;
    if (!begin_record(half, space))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!cipher_piece(half, &at, slices[i].ptr, slices[i].len))
            return false;
    return cipher_piece(half, &at, &inner, 1) && EVP_CipherFinal_ex(half->cipher, at, &put) == 1 &&
           EVP_CIPHER_CTX_ctrl(half->cipher, EVP_CTRL_AEAD_GET_TAG, CL_TLS_RECORD_TAG_BYTES, at) ==
               1;
}

bool
cl_tls_seal(struct cl_tls_half *half, enum cl_tls_record_type type, const cl_str *slices,
            size_t count, struct cl_buf *out)
{
    char *space;
    size_t len = 1 + CL_TLS_RECORD_TAG_BYTES;
    for (size_t i = 0; i < count; i++)
        len += slices[i].len;
    size_t whole = CL_TLS_RECORD_HEAD_BYTES + len;
    CL_ASSERT(whole <= CL_TLS_RECORD_WIRE_BYTES_MAX);
    if (half->is_over)
        return false;
    half->is_over = true; // unless all goes well
    if (cl_buf_reserve(out, whole, &space) != CL_OK)
        return false;
    const uint8_t head[] = {CL_TLS_RECORD_DATA, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
    memcpy(space, head, sizeof head);
    if (!seal_into(half, type, slices, count, (uint8_t *)space))
        return false;
    half->is_over = false;
    cl_buf_commit(out, whole);
    return true;
}

bool
cl_tls_open(struct cl_tls_half *half, cl_str record, char *opened, size_t *ret_len,
            enum cl_tls_record_type *ret_type)
{
    const uint8_t *bytes = (const uint8_t *)record.ptr;
    uint8_t tag[CL_TLS_RECORD_TAG_BYTES];
    uint8_t *at = (uint8_t *)opened;
    int put = 0;
    CL_ASSERT(record.len >= CL_TLS_RECORD_EXTRA_BYTES);
    if (half->is_over)
        return false;
    half->is_over = true; // unless all goes well
    size_t len = record.len - CL_TLS_RECORD_HEAD_BYTES - sizeof tag;
    memcpy(tag, bytes + record.len - sizeof tag, sizeof tag);
    if (!begin_record(half, bytes) ||
        EVP_CIPHER_CTX_ctrl(half->cipher, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) != 1 ||
        !cipher_piece(half, &at, bytes + CL_TLS_RECORD_HEAD_BYTES, len) ||
        EVP_CipherFinal_ex(half->cipher, at, &put) != 1)
        return false;
    half->is_over = false;
    while (len > 0 && opened[len - 1] == 0)
        len--; // padding (section 5.4)
    *ret_type = CL_TLS_RECORD_NONE;
    if (len > 0)
        *ret_type = (enum cl_tls_record_type)(uint8_t)opened[--len];
    *ret_len = len;
    return true;
}

enum cl_tls_alert
cl_tls_record_check(cl_str bytes, size_t *ret_len)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    *ret_len = 0;
    if (bytes.len > 0 && at[0] != CL_TLS_RECORD_DATA)
        return CL_TLS_ALERT_UNEXPECTED_MESSAGE;
    if (bytes.len < CL_TLS_RECORD_HEAD_BYTES)
        return CL_TLS_ALERT_NONE;
    size_t len = CL_TLS_RECORD_HEAD_BYTES + ((size_t)at[3] << 8 | at[4]);
    if (at[1] != 3 || at[2] != 3)
        return CL_TLS_ALERT_DECODE_ERROR; // legacy_record_version (section 5.2)
    if (len > CL_TLS_RECORD_WIRE_BYTES_MAX)
        return CL_TLS_ALERT_RECORD_OVERFLOW;
    if (len < CL_TLS_RECORD_EXTRA_BYTES)
        return CL_TLS_ALERT_BAD_RECORD_MAC; // there is no tag, or no type before it
    *ret_len = len;
    return CL_TLS_ALERT_NONE;
}
