// SPDX-License-Identifier: MIT
/*
 * bench/gen/tls.c - TLS 1.3 as a client. It believes any certificate: what is measured is the
 * server on this machine.
 */
#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "bench/gen/gen.h"

struct gen_tls {
    SSL *ssl;
};

static SSL_CTX *
context(void)
{
    static SSL_CTX *made;
    if (made != NULL)
        return made;
    made = SSL_CTX_new(TLS_client_method());
    if (made == NULL || SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION) != 1)
        die("no TLS 1.3 here");
    SSL_CTX_set_verify(made, SSL_VERIFY_NONE, NULL);
    (void)SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                     SSL_MODE_RELEASE_BUFFERS);
    // One read of the socket for many records.
    SSL_CTX_set_read_ahead(made, 1);
    SSL_CTX_set_default_read_buffer_len(made, GEN_READ_BYTES / 4);
    return made;
}

struct gen_tls *
tls_open(int fd)
{
    struct gen_tls *tls = must_alloc(1, sizeof *tls);
    tls->ssl = SSL_new(context());
    if (tls->ssl == NULL || SSL_set_fd(tls->ssl, fd) != 1 || SSL_connect(tls->ssl) != 1)
        die("no TLS 1.3 handshake");
    return tls;
}

void
tls_close(struct gen_tls *tls)
{
    (void)SSL_shutdown(tls->ssl);
    SSL_free(tls->ssl);
    free(tls);
}

/* What recv and send would say. */
static long
result(struct gen_tls *tls, int returned)
{
    if (returned > 0)
        return returned;
    int error = SSL_get_error(tls->ssl, returned);
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
    return -1;
}

long
tls_recv(struct gen_tls *tls, char *bytes, size_t len)
{
    return result(tls, SSL_read(tls->ssl, bytes, (int)len));
}

long
tls_send(struct gen_tls *tls, const char *bytes, size_t len)
{
    return result(tls, SSL_write(tls->ssl, bytes, (int)len));
}

bool
tls_has_more(const struct gen_tls *tls)
{
    return SSL_has_pending(tls->ssl) == 1;
}
