// SPDX-License-Identifier: MIT
/*
 * Whom a client trusts, and what it says when it does not.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "net/tls_private.h"

static enum cl_tls_fault
fault_of(int reason)
{
    switch (reason) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return CL_TLS_FAULT_SELF_SIGNED;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return CL_TLS_FAULT_ISSUER;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return CL_TLS_FAULT_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return CL_TLS_FAULT_TOO_EARLY;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return CL_TLS_FAULT_NAME;
    default:
        return CL_TLS_FAULT_BROKEN;
    }
}

/* In place of OpenSSL's own judgement; 1 lets the handshake go on. */
static int
verify(X509_STORE_CTX *store, void *ctx)
{
    struct cl_tls *tls = ctx;
    struct cl_tls_verdict *verdict = &tls->verdict;
    const X509 *certificate = X509_STORE_CTX_get0_cert(store);
    verdict->has_pin = certificate != NULL && cl_tls_pin_of(certificate, &verdict->pin);
    if (tls->pins.len == 0) {
        if (X509_verify_cert(store) == 1)
            return 1;
        int reason = X509_STORE_CTX_get_error(store);
        verdict->fault = fault_of(reason);
        (void)snprintf(verdict->detail, sizeof verdict->detail, "%s",
                       X509_verify_cert_error_string(reason));
        return 0;
    }
    if (verdict->has_pin && cl_tls_pins_have(&tls->pins, &verdict->pin)) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    verdict->fault = CL_TLS_FAULT_PIN;
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

void
cl_tls_trust(struct cl_tls *tls)
{
    // Without authorities nobody is trusted, which shows in the verdict. With pins there is no need
    // to read all of theirs.
    if (tls->pins.len == 0)
        (void)SSL_CTX_set_default_verify_paths(tls->ctx);
    SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(tls->ctx, verify, tls);
    ERR_clear_error();
}

bool
cl_tls_expect(SSL *ssl, cl_str host)
{
    char name[NI_MAXHOST];
    unsigned char ip[sizeof(struct in6_addr)];
    if (!cl_str_copy(name, sizeof name, host))
        return false;
    if (inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    // RFC 6066 section 3: without the dot that ends a whole name.
    size_t len = host.len;
    if (len > 1 && name[len - 1] == '.')
        name[len - 1] = '\0';
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

void
cl_tls_judge(struct cl_tls *tls)
{
    struct cl_tls_verdict *verdict = &tls->verdict;
    if (!tls->is_client || verdict->fault != CL_TLS_FAULT_NONE)
        return;
    unsigned long error = ERR_peek_last_error();
    const char *text = ERR_reason_error_string(error);
    (void)snprintf(verdict->detail, sizeof verdict->detail, "%s",
                   text == NULL ? "the connection ended" : text);
    switch (ERR_GET_REASON(error)) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_PACKET_LENGTH:
    case SSL_R_UNEXPECTED_RECORD:
        verdict->fault = CL_TLS_FAULT_NOT_TLS;
        break;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_WRONG_CIPHER_RETURNED:
    case SSL_R_UNKNOWN_CIPHER_RETURNED:
        verdict->fault = CL_TLS_FAULT_OLD;
        break;
    default:
        verdict->fault = CL_TLS_FAULT_BROKEN;
        break;
    }
}
