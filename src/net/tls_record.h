// SPDX-License-Identifier: MIT
/*
 * net/tls_record.h - the records of TLS 1.3 with AES-GCM (RFC 8446 section 5), for net/tls_*.c.
 *
 * OpenSSL shakes hands; then a server's stream seals and opens by itself what it sends and gets,
 * through OpenSSL's AES-GCM. Only what follows a handshake is known here: application data, alerts
 * and key updates.
 */
#ifndef CL_NET_TLS_RECORD_H
#define CL_NET_TLS_RECORD_H

#include <openssl/ssl.h>

#include "base/buf.h"

#define CL_TLS_RECORD_HEAD_BYTES 5
/* Head, type and tag. */
#define CL_TLS_RECORD_EXTRA_BYTES (CL_TLS_RECORD_HEAD_BYTES + 1 + 16)
/* The longest that a peer may send (section 5.2), its head with it. */
#define CL_TLS_RECORD_WIRE_BYTES_MAX (CL_TLS_RECORD_HEAD_BYTES + (1 << 14) + 256)
/* SHA-384's. */
#define CL_TLS_TRAFFIC_SECRET_BYTES_MAX 48

enum cl_tls_record_type {
    CL_TLS_RECORD_ALERT = 21,
    CL_TLS_RECORD_HANDSHAKE = 22,
    CL_TLS_RECORD_DATA = 23,
};

/* One direction: its secret, the keys made of it, and how many records it had. */
struct cl_tls_half {
    EVP_CIPHER_CTX *cipher;
    uint64_t records; // with the present key
    uint8_t iv[12];
    uint8_t secret_len;
    uint8_t secret[CL_TLS_TRAFFIC_SECRET_BYTES_MAX];
};

/* False, with nothing to be done, without memory or for another cipher than AES-GCM. */
bool cl_tls_half_init(struct cl_tls_half *half, const SSL_CIPHER *cipher, bool seals,
                      const uint8_t *secret, size_t secret_len);
/* Wipes the secret. Harmless for zeros and to repeat. */
void cl_tls_half_done(struct cl_tls_half *half);
/* The next secret and its keys (section 7.2). False without memory. */
bool cl_tls_half_update(struct cl_tls_half *half);

/* Adds one record with all slices, 16 KiB at most together. False: OpenSSL failed, out is as before
 * or the room of out was too small. */
bool cl_tls_seal(struct cl_tls_half *half, enum cl_tls_record_type type, const cl_str *slices,
                 size_t count, struct cl_buf *out);
/* Opens a whole record into `opened`, with room for as many bytes as it has. *ret_len is without
 * type and padding. False: it is not what the peer with the key has sent at this place. */
bool cl_tls_open(struct cl_tls_half *half, cl_str record, char *opened, size_t *ret_len,
                 enum cl_tls_record_type *ret_type);
/* Length of the record that begins there, head included; 0 while its head is not complete. False:
 * it cannot be one. */
bool cl_tls_record_len(cl_str bytes, size_t *ret_len);

/* -- both directions ------------------------------------------------------------------------- */

struct cl_tls_keys {
    struct cl_tls_half in, out;
    struct cl_buf partial; // the beginning of a record that came; or a whole one, being opened
};

/* What a record said. */
enum cl_tls_word {
    CL_TLS_WORD_NONE,
    CL_TLS_WORD_DATA,   // bytes, or nothing to be told
    CL_TLS_WORD_END,    // close_notify
    CL_TLS_WORD_BROKEN, // the connection is over; an alert was sealed, unless it came from the peer
};

/* A line of SSL_CTX_set_keylog_callback: a server's two secrets are kept, others are not. */
void cl_tls_keys_hear(struct cl_tls_keys *keys, cl_str line);
/* False: these keys cannot be used, without memory or for another cipher. */
bool cl_tls_keys_begin(struct cl_tls_keys *keys, const SSL_CIPHER *cipher);
void cl_tls_keys_free(struct cl_tls_keys *keys);
/* Takes the next record from the input: *ret_record is good until the next call, and empty when it
 * is not whole yet; then its beginning is kept. False: it is no record, or there is no memory. */
bool cl_tls_keys_next(struct cl_tls_keys *keys, cl_str *input, cl_str *ret_record);
/* Opens a record (cl_tls_open) and answers a key update or a fault into out. */
enum cl_tls_word cl_tls_keys_open(struct cl_tls_keys *keys, cl_str record, char *opened,
                                  size_t *ret_len, struct cl_buf *out);
/* Seals data (cl_tls_seal), with new keys in front of it when it is time. */
bool cl_tls_keys_seal(struct cl_tls_keys *keys, const cl_str *slices, size_t count,
                      struct cl_buf *out);
/* Seals a close_notify; nothing where there is no memory. */
void cl_tls_keys_end(struct cl_tls_keys *keys, struct cl_buf *out);

#endif
