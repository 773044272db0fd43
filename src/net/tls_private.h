// SPDX-License-Identifier: MIT
/*
 * net/tls_private.h - the inside of TLS, for net/tls_*.c alone.
 */
#ifndef CL_NET_TLS_PRIVATE_H
#define CL_NET_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "net/tls.h"
#include "net/tls_record.h"

struct cl_tls {
    struct cl_loop *loop;
    SSL_CTX *ctx; // a server's: NULL before the first certificate
    BIO_METHOD *method;
    bool is_client;
    struct cl_tls_pins pins;
    struct cl_tls_verdict verdict;
    cl_tls_pin own_pin;
    int64_t expires_at;
    struct cl_tls_counts counts;
    struct cl_list waiting; // streams with input for a step of their handshake, oldest first
    uint64_t turn;          // of the loop, in which `steps` were made
    uint32_t steps;
    struct cl_buf sealed;                      // one chunk on its way down; empty between two calls
    cl_str pieces[CL_TLS_SLICES_MAX];          // of the record that is being sealed
    char record[CL_TLS_RECORD_BYTES];          // slices on their way into one record
    char opened[CL_TLS_RECORD_WIRE_BYTES_MAX]; // what on_data is handed, where it is not in place
};

/* tls_engine.c */
/* How OpenSSL reads from and writes to a stream. NULL without memory. */
BIO_METHOD *cl_tls_bio_method(void);
/* The key log callback of a server's context (SSL_CTX_set_keylog_callback): what the keys are made
 * of comes to the stream's engine, and nowhere else. */
void cl_tls_on_secret(const SSL *ssl, const char *line);

/* tls_context.c */
/* Versions, ciphers, modes: what both sides have in common. NULL without memory. */
SSL_CTX *cl_tls_ctx_new(bool is_client);
/* The newest sentence of OpenSSL's error queue, which is emptied. */
const char *cl_tls_reason(void);

/* tls_pin.c: false without memory. */
bool cl_tls_pin_of(const X509 *certificate, cl_tls_pin *ret_pin);

/* tls_trust.c */
/* Has the server's certificate judged by pins or authorities, into tls->verdict. */
void cl_tls_trust(struct cl_tls *tls);
/* Says whose certificate is wanted. False without memory. */
bool cl_tls_expect(SSL *ssl, cl_str host);
/* Names the fault of a handshake that failed, from OpenSSL's error queue, unless it has a name. */
void cl_tls_judge(struct cl_tls *tls);

#endif
