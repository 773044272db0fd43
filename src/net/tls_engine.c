// SPDX-License-Identifier: MIT
#include "net/tls_engine.h"

#include <openssl/err.h>
#include <string.h>

/* -- OpenSSL's way to our bytes -------------------------------------------------------------- */

static int
bio_read(BIO *bio, char *bytes, int cap)
{
    struct cl_tls_engine *engine = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (engine->input.len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t len = engine->input.len < (size_t)cap ? engine->input.len : (size_t)cap;
    memcpy(bytes, engine->input.ptr, len);
    engine->input = cl_str_part(engine->input, len, engine->input.len);
    return (int)len;
}

/* Without room or memory the connection is over: OpenSSL hears an error for good. */
static int
bio_write(BIO *bio, const char *bytes, int len)
{
    struct cl_tls_engine *engine = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    return cl_buf_append(engine->sink, cl_str_of(bytes, (size_t)len)) == CL_OK ? len : -1;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *
cl_tls_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");
    if (method == NULL || BIO_meth_set_read(method, bio_read) != 1 ||
        BIO_meth_set_write(method, bio_write) != 1 || BIO_meth_set_ctrl(method, bio_ctrl) != 1) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

/* -- the handshake --------------------------------------------------------------------------- */

/* Without memory the connection stays with OpenSSL; so does one whose handshake is over, for which
 * OpenSSL tells of each new key. */
void
cl_tls_on_secret(const SSL *ssl, const char *line)
{
    struct cl_tls_engine *engine = BIO_get_data(SSL_get_rbio(ssl));
    if (engine->is_shaken)
        return;
    if (engine->keys == NULL)
        engine->keys = cl_tls_keys_new();
    if (engine->keys != NULL)
        cl_tls_keys_hear(engine->keys, cl_str_z(line));
}

bool
cl_tls_engine_begin(struct cl_tls_engine *engine)
{
    const struct cl_tls *tls = engine->tls;
    engine->ssl = tls->ctx == NULL ? NULL : SSL_new(tls->ctx);
    BIO *bio = engine->ssl == NULL ? NULL : BIO_new(tls->method);
    if (bio == NULL)
        return false;
    BIO_set_data(bio, engine);
    BIO_set_init(bio, 1);
    SSL_set_bio(engine->ssl, bio, bio);
    if (tls->is_client)
        SSL_set_connect_state(engine->ssl);
    else
        SSL_set_accept_state(engine->ssl);
    return true;
}

void
cl_tls_engine_free(struct cl_tls_engine *engine)
{
    SSL_free(engine->ssl);
    cl_tls_keys_free(engine->keys);
    engine->ssl = NULL;
    engine->keys = NULL;
}

/* Our records are numbered from 0, so OpenSSL must have sealed and opened none with these secrets:
 * no ticket was sent, and nothing was read behind the client's Finished (read-ahead is off). */
static bool
can_take_over(const struct cl_tls_engine *engine)
{
    const SSL *ssl = engine->ssl;
    return engine->keys != NULL && SSL_version(ssl) == TLS1_3_VERSION &&
           SSL_get_num_tickets(ssl) == 0 && SSL_has_pending(ssl) == 0 &&
           cl_tls_keys_begin(engine->keys, SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)));
}

/* The handshake is over. Where the keys are ours to use, OpenSSL's part is too. */
static void
take_over(struct cl_tls_engine *engine)
{
    if (can_take_over(engine)) {
        SSL_free(engine->ssl);
        engine->ssl = NULL;
    } else {
        cl_tls_keys_free(engine->keys);
        engine->keys = NULL;
        SSL_set_read_ahead(engine->ssl, 1);
    }
    ERR_clear_error();
}

enum cl_tls_word
cl_tls_engine_shake(struct cl_tls_engine *engine, struct cl_buf *out)
{
    engine->sink = out;
    int status = SSL_do_handshake(engine->ssl);
    if (status != 1)
        return SSL_get_error(engine->ssl, status) == SSL_ERROR_WANT_READ ? CL_TLS_WORD_NONE
                                                                         : CL_TLS_WORD_BROKEN;
    engine->is_shaken = true;
    take_over(engine);
    return CL_TLS_WORD_DATA;
}

/* -- behind it ------------------------------------------------------------------------------- */

bool
cl_tls_engine_has_pending(const struct cl_tls_engine *engine)
{
    return engine->ssl != NULL && SSL_has_pending(engine->ssl) == 1;
}

/* Who asks OpenSSL once too often pays half a read for it. */
static enum cl_tls_word
open_by_openssl(struct cl_tls_engine *engine, char *opened, size_t *ret_len)
{
    *ret_len = 0;
    int status = SSL_read_ex(engine->ssl, opened, CL_TLS_RECORD_WIRE_BYTES_MAX, ret_len);
    int reason = status == 1 ? SSL_ERROR_NONE : SSL_get_error(engine->ssl, status);
    if (reason == SSL_ERROR_ZERO_RETURN)
        return CL_TLS_WORD_END;
    if (reason != SSL_ERROR_NONE)
        return reason == SSL_ERROR_WANT_READ ? CL_TLS_WORD_NONE : CL_TLS_WORD_BROKEN;
    bool has_more = engine->input.len > 0 || cl_tls_engine_has_pending(engine);
    return has_more ? CL_TLS_WORD_DATA : CL_TLS_WORD_NONE;
}

/* The content of a record that begins with the input can take the place of its ciphertext, which is
 * in the cache already. */
static char *
place_of_content(const struct cl_tls_engine *engine)
{
    bool is_split = engine->keys->partial.len > 0;
    if (is_split || engine->input.len <= CL_TLS_RECORD_HEAD_BYTES)
        return engine->tls->opened;
    return (char *)(uintptr_t)engine->input.ptr + CL_TLS_RECORD_HEAD_BYTES;
}

enum cl_tls_word
cl_tls_engine_open(struct cl_tls_engine *engine, char **ret_opened, size_t *ret_len,
                   struct cl_buf *out)
{
    engine->sink = out;
    *ret_opened = engine->ssl != NULL ? engine->tls->opened : place_of_content(engine);
    if (engine->ssl != NULL)
        return open_by_openssl(engine, *ret_opened, ret_len);
    return cl_tls_keys_open(engine->keys, &engine->input, *ret_opened, ret_len, out);
}

/* OpenSSL wants the record in one piece. */
static bool
seal_by_openssl(struct cl_tls_engine *engine, const cl_str *slices, size_t count)
{
    size_t len = 0, put;
    char *record = engine->tls->record;
    if (count == 1)
        return SSL_write_ex(engine->ssl, slices[0].ptr, slices[0].len, &put) == 1;
    for (size_t at = 0; at < count; len += slices[at++].len)
        if (slices[at].len > 0)
            memcpy(record + len, slices[at].ptr, slices[at].len);
    return SSL_write_ex(engine->ssl, record, len, &put) == 1;
}

bool
cl_tls_engine_seal(struct cl_tls_engine *engine, const cl_str *slices, size_t count,
                   struct cl_buf *out)
{
    engine->sink = out;
    return engine->ssl != NULL ? seal_by_openssl(engine, slices, count)
                               : cl_tls_keys_seal(engine->keys, slices, count, out);
}

void
cl_tls_engine_end(struct cl_tls_engine *engine, struct cl_buf *out)
{
    engine->sink = out;
    if (engine->ssl == NULL)
        cl_tls_keys_end(engine->keys, out);
    else
        (void)SSL_shutdown(engine->ssl); // what it has to say of the peer's side is no matter here
}
