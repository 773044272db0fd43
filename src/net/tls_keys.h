// SPDX-License-Identifier: MIT
/*
 * net/tls_keys.h - a server's TLS 1.3 connection behind its handshake, without OpenSSL's record
 * layer, for net/tls_*.c.
 *
 * Both directions (net/tls_record.h) and what may be said then: data, alerts (RFC 8446 section 6)
 * and key updates (section 4.6.3). Everything else is refused with an alert. After a fault, or a
 * word about the end, that direction seals or opens nothing any more.
 */
#ifndef CL_NET_TLS_KEYS_H
#define CL_NET_TLS_KEYS_H

#include "net/tls_record.h"

/* KeyUpdate whole: type, length, request_update. */
#define CL_TLS_UPDATE_BYTES 5

struct cl_tls_keys {
    struct cl_tls_half in, out;
    struct cl_buf partial;               // the beginning of a record; no memory when there is none
    uint8_t update[CL_TLS_UPDATE_BYTES]; // the beginning of a key update (section 5.1)
    uint8_t update_len;
    uint8_t idle;     // records in a row that brought no data
    uint16_t updates; // of the peer's key, so far
    bool owes_update; // the peer asked for our new keys: before the next data
    bool has_asked;   // we asked for the peer's, and they have not come
};

/* What came. */
enum cl_tls_word {
    CL_TLS_WORD_NONE,   // no whole record
    CL_TLS_WORD_DATA,   // one record: some bytes, or nothing to be told
    CL_TLS_WORD_END,    // close_notify
    CL_TLS_WORD_BROKEN, // the connection is over
};

/* NULL without memory. */
struct cl_tls_keys *cl_tls_keys_new(void);
/* Wipes all of it. Accepts NULL. */
void cl_tls_keys_free(struct cl_tls_keys *keys);
/* A line in the format of SSLKEYLOGFILE, as OpenSSL's key log callback has it: the two traffic
 * secrets are kept, all others are not. */
void cl_tls_keys_hear(struct cl_tls_keys *keys, cl_str line);
/* Makes the keys of the secrets; from then on both sides count records from 0. False, with the
 * secrets wiped: one is missing, they are for another suite, or there is no memory. */
bool cl_tls_keys_begin(struct cl_tls_keys *keys, unsigned suite);

/* Takes the next record off the input and opens it into `opened`, which has room for
 * CL_TLS_RECORD_WIRE_BYTES_MAX, or, where nothing is kept of a record, is the input behind
 * CL_TLS_RECORD_HEAD_BYTES; *ret_len bytes of data are there then, 0 for all else. The
 * beginning of a record is kept, and the input is empty. BROKEN: an alert was added to out, unless
 * it came from the peer, or there was no room. */
enum cl_tls_word cl_tls_keys_open(struct cl_tls_keys *keys, cl_str *input, char *opened,
                                  size_t *ret_len, struct cl_buf *out);
/* Seals data, CL_TLS_RECORD_BYTES at most, into one record; in front of it is a key update when one
 * is due (CL_TLS_UPDATE_BYTES and CL_TLS_RECORD_EXTRA_BYTES more). False: the connection is over,
 * and what was added to out must not be sent. */
bool cl_tls_keys_seal(struct cl_tls_keys *keys, const cl_str *slices, size_t count,
                      struct cl_buf *out);
/* Seals close_notify (section 6.1), where there is memory. Nothing can be sealed behind it. */
void cl_tls_keys_end(struct cl_tls_keys *keys, struct cl_buf *out);

#endif
