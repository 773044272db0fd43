// SPDX-License-Identifier: MIT
/*
 * net/tls.h - TLS as one more layer of a stack (net/stream.h), by OpenSSL 3.
 *
 * TLS 1.3, and 1.2 with ECDHE and AEAD ciphers only; no renegotiation, no compression, no early
 * data, no session tickets (docs/decisions/0010-tls-layer.md). A stream is wrapped at once and
 * costs nothing until its first bytes: a stranger that a cap turns away has no SSL object.
 *
 * Handshakes are rationed: CL_TLS_HANDSHAKES_PER_TURN steps in one turn of the loop, the rest in
 * order of arrival in the turns that follow. The user of the stream hears nothing before the
 * handshake is complete, so its own timeout for a first byte covers the handshake.
 *
 * The end of the peer's side without close_notify: to a server it is an end like another, since
 * HTTP and WebSocket say themselves where a request ends; to a client, whose answers may end with
 * the connection, the stream is broken.
 *
 * One thread: all streams of a struct cl_tls live on its loop, and it outlives them.
 */
#ifndef CL_NET_TLS_H
#define CL_NET_TLS_H

#include "base/buf.h"
#include "base/limits.h"
#include "net/stream.h"

/* The body, a line, with which a server answers HTTP that comes without TLS; its status is 400. */
#define CL_TLS_PLAIN_TEXT "This port speaks https."

/* -- pins ------------------------------------------------------------------------------------ */

/* SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469 section 2.4): it stays the same when
 * the certificate is renewed with its key. */
typedef struct {
    uint8_t bytes[32];
} cl_tls_pin;

struct cl_tls_pins {
    size_t len;
    cl_tls_pin list[CL_TLS_PINS_MAX];
};

/* "sha256:", 44 letters of base64 and NUL. */
#define CL_TLS_PIN_TEXT_CAP 52
void cl_tls_pin_text(const cl_tls_pin *pin, char ret_text[static CL_TLS_PIN_TEXT_CAP]);
bool cl_tls_pins_have(const struct cl_tls_pins *pins, const cl_tls_pin *pin);
/* "sha256:BASE64" or "sha256:HEX", several with commas between them. CL_ERR_USAGE with the
 * sentence in why: anything else, none, or more than CL_TLS_PINS_MAX. */
CL_MUST_CHECK enum cl_err cl_tls_pins_parse(cl_str text, struct cl_tls_pins *ret_pins,
                                            struct cl_why *why);

/* -- one side -------------------------------------------------------------------------------- */

/* What all streams of one side share: certificate and key, or whom to trust; and buffers. */
struct cl_tls;

CL_MUST_CHECK enum cl_err cl_tls_server_new(struct cl_loop *loop, struct cl_tls **ret_tls);
/* With pins a server is known by its key, and neither its issuer nor its name nor its dates
 * matter. Without pins (len 0) the system's authorities vouch for it (SSL_CERT_FILE and
 * SSL_CERT_DIR name others). The pins are copied. CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_tls_client_new(struct cl_loop *loop, const struct cl_tls_pins *pins,
                                            struct cl_tls **ret_tls);
/* Its streams are closed before. Accepts NULL. */
void cl_tls_free(struct cl_tls *tls);

/* The server's certificate, with its chain behind it, and the key, both PEM. Connections that are
 * there keep the one they have. On failure the one before stays in use. The key's text is the
 * caller's to wipe. CL_ERR_USAGE with the sentence in why, CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_tls_load(struct cl_tls *tls, cl_str certificates, cl_str key,
                                      struct cl_why *why);
/* The same from two files, which may be one. The key's must be ours or root's, and nobody else may
 * read it; root may let a group that we are in. why names the file. CL_ERR_IO too. */
CL_MUST_CHECK enum cl_err cl_tls_load_files(struct cl_tls *tls, const char *certificates,
                                            const char *key, struct cl_why *why);
/* Of the loaded certificate; zeros before the first. */
const cl_tls_pin *cl_tls_own_pin(const struct cl_tls *tls);
/* When it expires: seconds since 1970. */
int64_t cl_tls_expires_at(const struct cl_tls *tls);

/* Since the beginning. */
struct cl_tls_counts {
    uint64_t handshakes; // completed
    uint64_t failures;   // handshakes that failed, were given up or came as something else
    uint64_t plain;      // of those: what came was no TLS
    uint64_t waits;      // steps of handshakes that had to wait for a later turn
    uint64_t broken;     // streams with a record that cannot be opened, after the handshake
};
const struct cl_tls_counts *cl_tls_counts(const struct cl_tls *tls);

/* -- streams --------------------------------------------------------------------------------- */

/* A stream whose bytes go through below as TLS. Takes ownership of below, which nobody uses yet;
 * it is closed when this fails. A client says the host that the certificate must be for: an IP
 * literal without brackets or a name; a server says "". CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_tls_wrap(struct cl_tls *tls, struct cl_stream *below, cl_str host,
                                      struct cl_stream **ret_stream);

/* Why a client has no connection. */
enum cl_tls_fault {
    CL_TLS_FAULT_NONE,
    CL_TLS_FAULT_NOT_TLS,     // what answered does not speak TLS
    CL_TLS_FAULT_OLD,         // no version or cipher that both take
    CL_TLS_FAULT_SELF_SIGNED, // nobody vouches for the certificate but itself
    CL_TLS_FAULT_ISSUER,      // nobody whom this system trusts vouches for it
    CL_TLS_FAULT_EXPIRED,
    CL_TLS_FAULT_TOO_EARLY, // not valid yet
    CL_TLS_FAULT_NAME,      // it is for another host
    CL_TLS_FAULT_PIN,       // its key is none of the pins
    CL_TLS_FAULT_BROKEN,    // anything else
};

struct cl_tls_verdict {
    enum cl_tls_fault fault;
    bool has_pin; // a certificate was shown; pin is that of its key
    cl_tls_pin pin;
    char detail[120]; // what OpenSSL says of it; may be empty
};

/* Of a client's last connection. */
const struct cl_tls_verdict *cl_tls_verdict(const struct cl_tls *tls);

/* -- a certificate of one's own -------------------------------------------------------------- */

/* Names and IP literals that a certificate is for; none is empty. */
struct cl_tls_names {
    size_t len;
    cl_str list[CL_TLS_NAMES_MAX];
};

/* A new key: P-256, PKCS #8, PEM. The buffer is wiped by its owner. */
CL_MUST_CHECK enum cl_err cl_tls_key_make(struct cl_buf *out, struct cl_why *why);
/* A certificate for that key, signed by itself: good from yesterday for CL_TLS_SELF_SIGNED_DAYS. */
CL_MUST_CHECK enum cl_err cl_tls_self_sign(cl_str key, const struct cl_tls_names *names,
                                           struct cl_buf *out, struct cl_why *why);
/* Is the certificate for that key and all those names, and good for CL_TLS_RENEW_DAYS more? */
bool cl_tls_certificate_fits(cl_str certificate, cl_str key, const struct cl_tls_names *names);

#endif
