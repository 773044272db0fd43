// SPDX-License-Identifier: MIT
#include "net/tls_record.h"

#include <openssl/hmac.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/secret.h"

/* Alerts (RFC 8446 section 6), key updates (section 4.6.3). */
enum { CLOSE_NOTIFY = 0, UNEXPECTED_MESSAGE = 10, BAD_RECORD_MAC = 20, USER_CANCELED = 90 };
enum { WARNING = 1, FATAL = 2 };
enum { KEY_UPDATE = 24 };
/* Records of one key, of which 2^24.5 are safe (section 5.5). */
#define RECORDS_MAX   (1u << 24)
#define TAG_BYTES     16
#define KEY_BYTES_MAX 32

/* HKDF-Expand-Label (RFC 8446 section 7.1) with an empty context, where one block of the hash is
 * enough (RFC 5869 section 2.3). */
static bool
expand(const struct cl_tls_half *half, const char *label, uint8_t *ret_bytes, size_t len)
{
    uint8_t info[32] = {0, (uint8_t)len, 0, 't', 'l', 's', '1', '3', ' '};
    uint8_t block[EVP_MAX_MD_SIZE];
    unsigned block_len = 0;
    size_t label_len = strlen(label), info_len = 9 + label_len;
    info[2] = (uint8_t)(6 + label_len);
    memcpy(info + 9, label, label_len);
    info[info_len++] = 0; // the context
    info[info_len++] = 1; // the block's number
    const EVP_MD *hash = half->secret_len == 32 ? EVP_sha256() : EVP_sha384();
    if (HMAC(hash, half->secret, half->secret_len, info, info_len, block, &block_len) == NULL)
        return false;
    memcpy(ret_bytes, block, len);
    cl_secret_wipe(block, sizeof block);
    return true;
}

static bool
set_keys(struct cl_tls_half *half)
{
    uint8_t key[KEY_BYTES_MAX];
    size_t len = (size_t)EVP_CIPHER_CTX_get_key_length(half->cipher);
    bool is_set = expand(half, "key", key, len) && expand(half, "iv", half->iv, sizeof half->iv) &&
                  EVP_CipherInit_ex(half->cipher, NULL, NULL, key, NULL, -1) == 1;
    half->records = 0;
    cl_secret_wipe(key, sizeof key);
    return is_set;
}

bool
cl_tls_half_init(struct cl_tls_half *half, const SSL_CIPHER *cipher, bool seals,
                 const uint8_t *secret, size_t secret_len)
{
    const EVP_CIPHER *aes = NULL;
    *half = (struct cl_tls_half){0};
    if (SSL_CIPHER_get_cipher_nid(cipher) == NID_aes_128_gcm)
        aes = EVP_aes_128_gcm();
    else if (SSL_CIPHER_get_cipher_nid(cipher) == NID_aes_256_gcm)
        aes = EVP_aes_256_gcm();
    if (aes == NULL || (secret_len != 32 && secret_len != 48))
        return false;
    half->cipher = EVP_CIPHER_CTX_new();
    half->secret_len = (uint8_t)secret_len;
    memcpy(half->secret, secret, secret_len);
    if (half->cipher != NULL &&
        EVP_CipherInit_ex(half->cipher, aes, NULL, NULL, NULL, seals ? 1 : 0) == 1 &&
        set_keys(half))
        return true;
    cl_tls_half_done(half);
    return false;
}

void
cl_tls_half_done(struct cl_tls_half *half)
{
    EVP_CIPHER_CTX_free(half->cipher);
    cl_secret_wipe(half, sizeof *half);
}

bool
cl_tls_half_update(struct cl_tls_half *half)
{
    uint8_t next[CL_TLS_TRAFFIC_SECRET_BYTES_MAX];
    if (!expand(half, "traffic upd", next, half->secret_len))
        return false;
    memcpy(half->secret, next, half->secret_len);
    cl_secret_wipe(next, sizeof next);
    return set_keys(half);
}

/* Begins the next record: its nonce is the number of the record over the IV (section 5.3), its
 * head is authenticated as well (section 5.2). */
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

bool
cl_tls_seal(struct cl_tls_half *half, enum cl_tls_record_type type, const cl_str *slices,
            size_t count, struct cl_buf *out)
{
    char *space;
    size_t len = 1 + TAG_BYTES;
    uint8_t inner = (uint8_t)type;
    for (size_t i = 0; i < count; i++)
        len += slices[i].len;
    if (cl_buf_reserve(out, CL_TLS_RECORD_HEAD_BYTES + len, &space) != CL_OK)
        return false;
    uint8_t *at = (uint8_t *)space;
    const uint8_t head[] = {CL_TLS_RECORD_DATA, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
    memcpy(at, head, sizeof head);
    at += sizeof head;
    int put = 0;
    bool is_sealed = begin_record(half, head);
    for (size_t i = 0; is_sealed && i < count; i++)
        is_sealed = cipher_piece(half, &at, slices[i].ptr, slices[i].len);
    is_sealed = is_sealed && cipher_piece(half, &at, &inner, 1) &&
                EVP_CipherFinal_ex(half->cipher, at, &put) == 1 &&
                EVP_CIPHER_CTX_ctrl(half->cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, at) == 1;
    if (is_sealed)
        cl_buf_commit(out, sizeof head + len);
    return is_sealed;
}

bool
cl_tls_open(struct cl_tls_half *half, cl_str record, char *opened, size_t *ret_len,
            enum cl_tls_record_type *ret_type)
{
    const uint8_t *bytes = (const uint8_t *)record.ptr;
    uint8_t tag[TAG_BYTES];
    uint8_t *at = (uint8_t *)opened;
    int put = 0;
    size_t len = record.len - CL_TLS_RECORD_HEAD_BYTES - TAG_BYTES;
    memcpy(tag, bytes + record.len - TAG_BYTES, TAG_BYTES);
    if (!begin_record(half, bytes) ||
        EVP_CIPHER_CTX_ctrl(half->cipher, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) != 1 ||
        !cipher_piece(half, &at, bytes + CL_TLS_RECORD_HEAD_BYTES, len) ||
        EVP_CipherFinal_ex(half->cipher, at, &put) != 1)
        return false;
    while (len > 0 && opened[len - 1] == 0)
        len--; // padding
    if (len == 0 || len - 1 > CL_TLS_RECORD_BYTES)
        return false;
    *ret_len = len - 1;
    *ret_type = (enum cl_tls_record_type)(uint8_t)opened[len - 1];
    return true;
}

bool
cl_tls_record_len(cl_str bytes, size_t *ret_len)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    *ret_len = 0;
    if (bytes.len < CL_TLS_RECORD_HEAD_BYTES)
        return bytes.len == 0 || at[0] == CL_TLS_RECORD_DATA;
    size_t len = CL_TLS_RECORD_HEAD_BYTES + ((size_t)at[3] << 8 | at[4]);
    *ret_len = len;
    return at[0] == CL_TLS_RECORD_DATA && at[1] == 3 && len <= CL_TLS_RECORD_WIRE_BYTES_MAX &&
           len > CL_TLS_RECORD_HEAD_BYTES + TAG_BYTES;
}

/* -- both directions ------------------------------------------------------------------------- */

static bool
read_hex(cl_str text, uint8_t *bytes)
{
    for (size_t at = 0; at < text.len; at++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, text.ptr[at]);
        if (digit == NULL || *digit == 0)
            return false;
        bytes[at / 2] = (uint8_t)(bytes[at / 2] << 4 | (digit - digits));
    }
    return true;
}

void
cl_tls_keys_hear(struct cl_tls_keys *keys, cl_str line)
{
    // LABEL, 64 digits of the client's random, the secret
    struct cl_tls_half *half = NULL;
    const cl_str in = CL_STR("CLIENT_TRAFFIC_SECRET_0 "), out = CL_STR("SERVER_TRAFFIC_SECRET_0 ");
    if (cl_str_starts(line, in))
        half = &keys->in;
    else if (cl_str_starts(line, out))
        half = &keys->out;
    cl_str digits = cl_str_part(line, in.len + 65, line.len);
    if (half == NULL || digits.len % 2 != 0 || digits.len > 2 * sizeof half->secret)
        return;
    if (read_hex(digits, half->secret))
        half->secret_len = (uint8_t)(digits.len / 2);
}

static bool
begin_half(struct cl_tls_half *half, const SSL_CIPHER *cipher, bool seals)
{
    struct cl_tls_half heard = *half;
    bool is_begun = cl_tls_half_init(half, cipher, seals, heard.secret, heard.secret_len);
    cl_secret_wipe(&heard, sizeof heard);
    return is_begun;
}

bool
cl_tls_keys_begin(struct cl_tls_keys *keys, const SSL_CIPHER *cipher)
{
    cl_buf_init(&keys->partial, CL_TLS_RECORD_WIRE_BYTES_MAX);
    return begin_half(&keys->in, cipher, false) && begin_half(&keys->out, cipher, true);
}

void
cl_tls_keys_free(struct cl_tls_keys *keys)
{
    if (keys == NULL)
        return;
    cl_tls_half_done(&keys->in);
    cl_tls_half_done(&keys->out);
    cl_buf_done(&keys->partial);
    cl_free(keys);
}

/* Moves from the input what `partial` lacks to be `len` bytes long. True: it is. */
static bool
fill(struct cl_tls_keys *keys, cl_str *input, size_t len, bool *ret_has_memory)
{
    cl_str piece = cl_str_part(*input, 0, len - keys->partial.len);
    *input = cl_str_part(*input, piece.len, input->len);
    *ret_has_memory = cl_buf_append(&keys->partial, piece) == CL_OK;
    return *ret_has_memory && keys->partial.len == len;
}

bool
cl_tls_keys_next(struct cl_tls_keys *keys, cl_str *input, cl_str *ret_record)
{
    size_t len;
    bool has_memory = true;
    *ret_record = CL_STR("");
    if (keys->partial.len > 0 && cl_tls_record_len(cl_buf_str(&keys->partial), &len) &&
        len == keys->partial.len)
        cl_buf_done(&keys->partial); // was opened
    if (keys->partial.len == 0) {
        if (!cl_tls_record_len(*input, &len))
            return false;
        if (len > 0 && len <= input->len) {
            *ret_record = cl_str_part(*input, 0, len);
            *input = cl_str_part(*input, len, input->len);
            return true;
        }
    }
    if (input->len == 0)
        return true;
    if (keys->partial.len < CL_TLS_RECORD_HEAD_BYTES &&
        !fill(keys, input, CL_TLS_RECORD_HEAD_BYTES, &has_memory))
        return has_memory && cl_tls_record_len(cl_buf_str(&keys->partial), &len);
    if (!cl_tls_record_len(cl_buf_str(&keys->partial), &len))
        return false;
    if (fill(keys, input, len, &has_memory))
        *ret_record = cl_buf_str(&keys->partial);
    return has_memory;
}

static bool
say(struct cl_tls_keys *keys, enum cl_tls_record_type type, cl_str bytes, struct cl_buf *out)
{
    return cl_tls_seal(&keys->out, type, &bytes, 1, out);
}

static enum cl_tls_word
fail(struct cl_tls_keys *keys, uint8_t alert, struct cl_buf *out)
{
    const uint8_t bytes[] = {FATAL, alert};
    (void)say(keys, CL_TLS_RECORD_ALERT, cl_str_of(bytes, sizeof bytes), out); // over either way
    return CL_TLS_WORD_BROKEN;
}

/* Our next records have new keys, and the one before says so. */
static bool
update_out(struct cl_tls_keys *keys, struct cl_buf *out)
{
    const uint8_t update[] = {KEY_UPDATE, 0, 0, 1, 0};
    return say(keys, CL_TLS_RECORD_HANDSHAKE, cl_str_of(update, sizeof update), out) &&
           cl_tls_half_update(&keys->out);
}

/* The only message of a handshake that a client may still send. */
static enum cl_tls_word
take_update(struct cl_tls_keys *keys, cl_str message, struct cl_buf *out)
{
    const uint8_t *bytes = (const uint8_t *)message.ptr;
    const uint8_t head[] = {KEY_UPDATE, 0, 0, 1};
    if (message.len != 5 || memcmp(bytes, head, sizeof head) != 0 || bytes[4] > 1)
        return fail(keys, UNEXPECTED_MESSAGE, out);
    bool is_asked = bytes[4] == 1;
    if (!cl_tls_half_update(&keys->in) || (is_asked && !update_out(keys, out)))
        return CL_TLS_WORD_BROKEN;
    return CL_TLS_WORD_DATA;
}

enum cl_tls_word
cl_tls_keys_open(struct cl_tls_keys *keys, cl_str record, char *opened, size_t *ret_len,
                 struct cl_buf *out)
{
    enum cl_tls_record_type type;
    size_t len;
    *ret_len = 0;
    if (!cl_tls_open(&keys->in, record, opened, &len, &type))
        return fail(keys, BAD_RECORD_MAC, out);
    if (type == CL_TLS_RECORD_DATA) {
        *ret_len = len;
        return CL_TLS_WORD_DATA;
    }
    if (type == CL_TLS_RECORD_HANDSHAKE)
        return take_update(keys, cl_str_of(opened, len), out);
    if (type != CL_TLS_RECORD_ALERT || len != 2)
        return fail(keys, UNEXPECTED_MESSAGE, out);
    if (opened[1] == CLOSE_NOTIFY)
        return CL_TLS_WORD_END;
    return opened[1] == USER_CANCELED ? CL_TLS_WORD_DATA : CL_TLS_WORD_BROKEN;
}

bool
cl_tls_keys_seal(struct cl_tls_keys *keys, const cl_str *slices, size_t count, struct cl_buf *out)
{
    if (keys->out.records >= RECORDS_MAX && !update_out(keys, out))
        return false;
    return cl_tls_seal(&keys->out, CL_TLS_RECORD_DATA, slices, count, out);
}

void
cl_tls_keys_end(struct cl_tls_keys *keys, struct cl_buf *out)
{
    const uint8_t notify[] = {WARNING, CLOSE_NOTIFY};
    (void)say(keys, CL_TLS_RECORD_ALERT, cl_str_of(notify, sizeof notify), out);
}
