// SPDX-License-Identifier: MIT
/*
 * net/tls_engine.h - the cryptographic half of a TLS stream, for net/tls_*.c: ciphertext in,
 * plaintext out, and back.
 *
 * OpenSSL shakes hands. Behind a handshake of TLS 1.3 with AES-GCM a server's engine takes the
 * traffic secrets, frees OpenSSL's connection and goes on by itself (net/tls_keys.h); a client's,
 * TLS 1.2 and ChaCha20 stay with OpenSSL. Who calls cannot tell which it is.
 *
 * Whatever fails here leaves its reasons in OpenSSL's queue of errors, for cl_tls_judge; the caller
 * empties it.
 */
#ifndef CL_NET_TLS_ENGINE_H
#define CL_NET_TLS_ENGINE_H

#include "net/tls_keys.h"
#include "net/tls_private.h"

struct cl_tls_engine {
    struct cl_tls *tls;
    SSL *ssl;                 // NULL before begin, and once the keys are ours
    struct cl_tls_keys *keys; // heard during the handshake; in use when ssl is NULL
    bool is_shaken;           // the handshake is over
    cl_str input;             // ciphertext that came and was not read; it may be overwritten
    struct cl_buf *sink;      // where OpenSSL writes: during a call alone
};

/* For zeros with `tls`. False without memory or without a certificate. */
bool cl_tls_engine_begin(struct cl_tls_engine *engine);
/* Harmless for zeros. */
void cl_tls_engine_free(struct cl_tls_engine *engine);

/* One step of the handshake with what is in `input`; the answer is added to out. DATA: it is
 * complete, NONE: more must come, BROKEN: it failed. */
enum cl_tls_word cl_tls_engine_shake(struct cl_tls_engine *engine, struct cl_buf *out);
/* Opens a record: *ret_len bytes at *ret_opened, until the next call. They lie where the input had
 * it, or in tls->opened. DATA: there may be more; NONE: there is not, though bytes may have come.
 * Answers are added to out. */
enum cl_tls_word cl_tls_engine_open(struct cl_tls_engine *engine, char **ret_opened,
                                    size_t *ret_len, struct cl_buf *out);
/* Is there plaintext that neither `input` nor the caller has? */
bool cl_tls_engine_has_pending(const struct cl_tls_engine *engine);
/* Seals the slices, CL_TLS_RECORD_BYTES and CL_TLS_SLICES_MAX at most, into one record. False: the
 * connection is over. */
bool cl_tls_engine_seal(struct cl_tls_engine *engine, const cl_str *slices, size_t count,
                        struct cl_buf *out);
/* Says close_notify. */
void cl_tls_engine_end(struct cl_tls_engine *engine, struct cl_buf *out);

#endif
