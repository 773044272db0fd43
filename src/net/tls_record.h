// SPDX-License-Identifier: MIT
/*
 * net/tls_record.h - one record of TLS 1.3 with AES-GCM (RFC 8446 section 5), for net/tls_*.c.
 *
 * One direction of a connection behind its handshake: its traffic secret, the keys that are made
 * of it (section 7), and the number of the next record. The cipher is OpenSSL's. Nothing here
 * knows what records say; that is net/tls_keys.h.
 *
 * A nonce is never used twice: the number moves before the cipher runs, a new key comes with a
 * number of 0 or not at all, and after any failure the half is over and refuses for good.
 */
#ifndef CL_NET_TLS_RECORD_H
#define CL_NET_TLS_RECORD_H

#include "base/buf.h"
#include "base/limits.h"

struct evp_cipher_ctx_st; // OpenSSL's EVP_CIPHER_CTX

#define CL_TLS_RECORD_HEAD_BYTES 5
#define CL_TLS_RECORD_TAG_BYTES  16
/* What a record has besides its content: head, type and tag. */
#define CL_TLS_RECORD_EXTRA_BYTES (CL_TLS_RECORD_HEAD_BYTES + 1 + CL_TLS_RECORD_TAG_BYTES)
/* A whole record. Content, type and padding are 2^14 + 1 bytes at most (section 5.4), and AES-GCM
 * adds 16, so the 2^14 + 256 that section 5.2 lets other ciphers have cannot be opened. */
#define CL_TLS_RECORD_WIRE_BYTES_MAX (CL_TLS_RECORD_BYTES + CL_TLS_RECORD_EXTRA_BYTES)
/* SHA-384's. */
#define CL_TLS_SECRET_BYTES_MAX 48

/* ContentType (section 5.1). */
enum cl_tls_record_type {
    CL_TLS_RECORD_NONE = 0, // none was found: padding alone
    CL_TLS_RECORD_ALERT = 21,
    CL_TLS_RECORD_HANDSHAKE = 22,
    CL_TLS_RECORD_DATA = 23,
};

/* AlertDescription (section 6): what is wrong with what came. */
enum cl_tls_alert {
    CL_TLS_ALERT_NONE = 0, // close_notify's number, which is no fault
    CL_TLS_ALERT_UNEXPECTED_MESSAGE = 10,
    CL_TLS_ALERT_BAD_RECORD_MAC = 20,
    CL_TLS_ALERT_RECORD_OVERFLOW = 22,
    CL_TLS_ALERT_ILLEGAL_PARAMETER = 47,
    CL_TLS_ALERT_DECODE_ERROR = 50,
    CL_TLS_ALERT_INTERNAL_ERROR = 80,
    CL_TLS_ALERT_USER_CANCELED = 90,
};

/* CipherSuite (appendix B.4): those that are known here. */
enum { CL_TLS_AES_128_GCM_SHA256 = 0x1301, CL_TLS_AES_256_GCM_SHA384 = 0x1302 };

struct cl_tls_half {
    struct evp_cipher_ctx_st *cipher;
    uint64_t records; // begun with the present key: the number of the next one
    uint8_t iv[12];
    uint8_t secret_len;
    bool is_over;
    uint8_t secret[CL_TLS_SECRET_BYTES_MAX];
};

/* Of a traffic secret, which is copied. False, with nothing to be done: another suite, a length
 * that is not the suite's, or no memory. */
bool cl_tls_half_init(struct cl_tls_half *half, unsigned suite, bool seals, const uint8_t *secret,
                      size_t secret_len);
/* Wipes secret and keys. Harmless for zeros and to repeat. */
void cl_tls_half_done(struct cl_tls_half *half);
/* The next secret and its keys (section 7.2); the one before is wiped. False without memory: the
 * half is over. */
bool cl_tls_half_update(struct cl_tls_half *half);

/* Adds one record with all slices, CL_TLS_RECORD_BYTES at most together. False: there was no room
 * or no memory, or OpenSSL failed. Then out is as before and the half is over. */
bool cl_tls_seal(struct cl_tls_half *half, enum cl_tls_record_type type, const cl_str *slices,
                 size_t count, struct cl_buf *out);
/* Opens a whole record, whose head is good, into `opened`, which has room for as many bytes as the
 * record, or is the record behind its head. *ret_len is without type and padding. False: it is not
 * what the owner of the key has sealed at this place; `opened` holds nonsense and the half is
 * over. */
bool cl_tls_open(struct cl_tls_half *half, cl_str record, char *opened, size_t *ret_len,
                 enum cl_tls_record_type *ret_type);

/* How long the record is that begins there, head included; 0 while the head is not complete. As
 * soon as it cannot be a record of data behind a handshake: the alert that says so. Among these
 * are change_cipher_spec, which may come only during a handshake, and alerts in plain text. */
enum cl_tls_alert cl_tls_record_check(cl_str bytes, size_t *ret_len);

#endif
