// SPDX-License-Identifier: MIT
/*
 * What all streams of one side share: versions and ciphers, certificate and key, buffers.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/secret.h"
#include "net/tls_private.h"

/* What one record has besides its plaintext: head, nonce, tag, type and padding of TLS 1.2 or 1.3,
 * and a key update in front of it, with room to spare. */
#define RECORD_EXTRA 256

/* -- beginning ------------------------------------------------------------------------------- */

const char *
cl_tls_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason == NULL ? "no reason given" : reason;
}

SSL_CTX *
cl_tls_ctx_new(bool is_client)
{
    char groups[] = "X25519:P-256:P-384"; // the macro takes its const away
    SSL_CTX *ctx = SSL_CTX_new(is_client ? TLS_client_method() : TLS_server_method());
    if (ctx == NULL)
        return NULL;
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                       SSL_OP_PRIORITIZE_CHACHA);
    // A connection at rest keeps no buffers; what comes is opened a read at a time.
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // A server reads no further than the handshake: the records behind it may be ours to open.
    SSL_CTX_set_read_ahead(ctx, is_client ? 1 : 0);
    if (!is_client)
        SSL_CTX_set_keylog_callback(ctx, cl_tls_on_secret);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_security_level(ctx, 2);
    // Both lists have AES-128 first: it is the faster one, and 128 bits are out of everybody's
    // reach. The big groups are left out since a stranger could make us compute on them.
    bool is_set = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
                  SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
                  SSL_CTX_set_cipher_list(ctx, "ECDHE+AES128+AESGCM:ECDHE+AESGCM:ECDHE+CHACHA20:"
                                               "!aNULL") == 1 &&
                  SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                                "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
                  SSL_CTX_set1_groups_list(ctx, groups) == 1;
    if (is_set)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static enum cl_err
new_side(struct cl_loop *loop, bool is_client, struct cl_tls **ret_tls)
{
    struct cl_tls *tls = cl_alloc(sizeof *tls);
    char *space;
    if (tls == NULL)
        return CL_ERR_NO_MEMORY;
    tls->loop = loop;
    tls->is_client = is_client;
    cl_list_init(&tls->waiting);
    cl_buf_init(&tls->sealed, CL_TLS_CHUNK_BYTES + RECORD_EXTRA * CL_TLS_CHUNK_RECORDS);
    tls->method = cl_tls_bio_method();
    // Reserved here, sealing cannot run out of memory halfway through a record.
    enum cl_err err = cl_buf_reserve(&tls->sealed, tls->sealed.max, &space);
    if (err != CL_OK || tls->method == NULL) {
        cl_tls_free(tls);
        return CL_ERR_NO_MEMORY;
    }
    *ret_tls = tls;
    return CL_OK;
}

enum cl_err
cl_tls_server_new(struct cl_loop *loop, struct cl_tls **ret_tls)
{
    return new_side(loop, false, ret_tls);
}

enum cl_err
cl_tls_client_new(struct cl_loop *loop, const struct cl_tls_pins *pins, struct cl_tls **ret_tls)
{
    struct cl_tls *tls;
    enum cl_err err = new_side(loop, true, &tls);
    if (err != CL_OK)
        return err;
    tls->pins = *pins;
    tls->ctx = cl_tls_ctx_new(true);
    if (tls->ctx == NULL) {
        cl_tls_free(tls);
        return CL_ERR_NO_MEMORY;
    }
    cl_tls_trust(tls);
    *ret_tls = tls;
    return CL_OK;
}

void
cl_tls_free(struct cl_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    BIO_meth_free(tls->method);
    cl_buf_done(&tls->sealed);
    cl_free(tls);
}

const cl_tls_pin *
cl_tls_own_pin(const struct cl_tls *tls)
{
    return &tls->own_pin;
}

int64_t
cl_tls_expires_at(const struct cl_tls *tls)
{
    return tls->expires_at;
}

const struct cl_tls_counts *
cl_tls_counts(const struct cl_tls *tls)
{
    return &tls->counts;
}

const struct cl_tls_verdict *
cl_tls_verdict(const struct cl_tls *tls)
{
    return &tls->verdict;
}

/* -- certificate and key --------------------------------------------------------------------- */

/* Instead of asking at the terminal. */
static int
no_password(char *text, int cap, int is_writing, void *ctx)
{
    (void)is_writing;
    (void)ctx;
    if (cap > 0)
        text[0] = '\0';
    return -1;
}

static enum cl_err
use_chain(SSL_CTX *ctx, BIO *from, struct cl_why *why)
{
    X509 *certificate = PEM_read_bio_X509(from, NULL, no_password, NULL);
    if (certificate == NULL)
        return cl_fail(CL_ERR_USAGE, why, "it holds no certificate in PEM (%s)", cl_tls_reason());
    bool is_used = SSL_CTX_use_certificate(ctx, certificate) == 1;
    X509_free(certificate);
    for (int more = 0; is_used && more <= CL_TLS_CHAIN_MAX; more++) {
        X509 *issuer = PEM_read_bio_X509(from, NULL, no_password, NULL);
        if (issuer == NULL)
            break; // the end, or a key behind it
        is_used = more < CL_TLS_CHAIN_MAX && SSL_CTX_add1_chain_cert(ctx, issuer) == 1;
        X509_free(issuer);
    }
    return is_used
               ? CL_OK
               : cl_fail(CL_ERR_USAGE, why, "its certificate cannot be used (%s)", cl_tls_reason());
}

static enum cl_err
use_key(SSL_CTX *ctx, BIO *from, struct cl_why *why)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(from, NULL, no_password, NULL);
    if (key == NULL)
        return cl_fail(CL_ERR_USAGE, why,
                       "it holds no key in PEM, or one that wants a password (%s)",
                       cl_tls_reason());
    enum cl_err err = CL_OK;
    if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        err = cl_fail(CL_ERR_USAGE, why, "its key does not belong to the certificate (%s)",
                      cl_tls_reason());
    EVP_PKEY_free(key);
    return err;
}

/* Which of the two files a sentence is about. */
enum part { PART_CERTIFICATE, PART_KEY };

static enum cl_err
load_parts(SSL_CTX *ctx, const cl_str parts[2], enum part *ret_at, struct cl_why *why)
{
    enum cl_err err = CL_OK;
    for (enum part at = PART_CERTIFICATE; err == CL_OK && at <= PART_KEY; at++) {
        BIO *from = BIO_new_mem_buf(parts[at].ptr, (int)parts[at].len);
        if (from == NULL)
            return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory");
        *ret_at = at;
        err = at == PART_KEY ? use_key(ctx, from, why) : use_chain(ctx, from, why);
        BIO_free(from);
    }
    return err;
}

/* The new context takes the place of the old one, which lasts as long as its connections. */
static enum cl_err
take_ctx(struct cl_tls *tls, SSL_CTX *ctx)
{
    const X509 *certificate = SSL_CTX_get0_certificate(ctx);
    struct tm ends;
    cl_tls_pin pin;
    if (!cl_tls_pin_of(certificate, &pin))
        return CL_ERR_NO_MEMORY;
    tls->expires_at =
        ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &ends) == 1 ? (int64_t)timegm(&ends) : 0;
    SSL_CTX_free(tls->ctx);
    tls->ctx = ctx;
    tls->own_pin = pin;
    return CL_OK;
}

static enum cl_err
load(struct cl_tls *tls, const cl_str parts[2], enum part *ret_at, struct cl_why *why)
{
    SSL_CTX *ctx = cl_tls_ctx_new(false);
    ERR_clear_error();
    if (ctx == NULL)
        return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory");
    enum cl_err err = load_parts(ctx, parts, ret_at, why);
    if (err == CL_OK)
        err = take_ctx(tls, ctx);
    if (err != CL_OK)
        SSL_CTX_free(ctx);
    ERR_clear_error(); // the end of a chain leaves a reason
    return err;
}

enum cl_err
cl_tls_load(struct cl_tls *tls, cl_str certificates, cl_str key, struct cl_why *why)
{
    const cl_str parts[2] = {certificates, key};
    enum part at;
    return load(tls, parts, &at, why);
}

/* -- files ----------------------------------------------------------------------------------- */

/* A key that others may read is nobody's alone. Root may let a group: that is how a service that
 * does not run as root is given one (Debian's group ssl-cert, systemd's credentials). */
static enum cl_err
check_key_file(int fd, struct cl_why *why)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return cl_fail(CL_ERR_IO, why, "%s", strerror(errno));
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return cl_fail(CL_ERR_USAGE, why, "it belongs to somebody else: it must be ours or root's");
    mode_t others = info.st_uid == geteuid() ? 077 : 037;
    if ((info.st_mode & others) != 0)
        return cl_fail(CL_ERR_USAGE, why, "others may read or change it (mode %04o): make it 0600",
                       (unsigned)(info.st_mode & 07777));
    return CL_OK;
}

static enum cl_err
read_file(int fd, struct cl_buf *out, struct cl_why *why)
{
    char *space;
    if (cl_buf_reserve(out, CL_TLS_FILE_BYTES_MAX, &space) != CL_OK)
        return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory");
    for (;;) {
        size_t room = CL_TLS_FILE_BYTES_MAX - out->len;
        if (room == 0)
            return cl_fail(CL_ERR_USAGE, why, "it is larger than %u KiB",
                           CL_TLS_FILE_BYTES_MAX / CL_KIB);
        ssize_t got = read(fd, out->ptr + out->len, room);
        if (got == 0)
            return CL_OK;
        if (got < 0 && errno != EINTR)
            return cl_fail(CL_ERR_IO, why, "%s", strerror(errno));
        if (got > 0)
            cl_buf_commit(out, (size_t)got);
    }
}

static enum cl_err
read_part(const char *path, enum part part, struct cl_buf *out, struct cl_why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe must not stop us
    if (fd < 0)
        return cl_fail(CL_ERR_IO, why, "%s", strerror(errno));
    enum cl_err err = part == PART_KEY ? check_key_file(fd, why) : CL_OK;
    if (err == CL_OK)
        err = read_file(fd, out, why);
    (void)close(fd); // only read from
    return err;
}

enum cl_err
cl_tls_load_files(struct cl_tls *tls, const char *certificates, const char *key, struct cl_why *why)
{
    const char *const paths[2] = {certificates, key};
    struct cl_buf texts[2];
    struct cl_why reason = {""};
    enum part at = PART_CERTIFICATE;
    cl_buf_init(&texts[PART_CERTIFICATE], CL_TLS_FILE_BYTES_MAX);
    cl_buf_init(&texts[PART_KEY], CL_TLS_FILE_BYTES_MAX);

    enum cl_err err = read_part(paths[at], at, &texts[at], &reason);
    if (err == CL_OK) {
        at = PART_KEY;
        err = read_part(paths[at], at, &texts[at], &reason);
    }
    if (err == CL_OK) {
        const cl_str parts[2] = {cl_buf_str(&texts[PART_CERTIFICATE]),
                                 cl_buf_str(&texts[PART_KEY])};
        err = load(tls, parts, &at, &reason);
    }
    if (texts[PART_KEY].ptr != NULL)
        cl_secret_wipe(texts[PART_KEY].ptr, texts[PART_KEY].cap);
    cl_buf_done(&texts[PART_CERTIFICATE]);
    cl_buf_done(&texts[PART_KEY]);
    if (err == CL_OK)
        return CL_OK;
    return cl_fail(err, why, "The %s file \"%.200s\" cannot be used: %.200s.",
                   at == PART_KEY ? "key" : "certificate", paths[at], reason.text);
}
