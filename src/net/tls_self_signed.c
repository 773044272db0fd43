// SPDX-License-Identifier: MIT
/*
 * A key and a certificate that nobody vouches for: known by its pin (net/tls.h).
 */
#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "net/tls_private.h"

#define DAY_S (24L * 3600)
/* Bits of a serial number: positive, and within the 20 bytes of RFC 5280 section 4.1.2.2. */
#define SERIAL_BITS 127
/* Of a name; DNS has no longer ones. */
#define NAME_CAP 256

static enum cl_err
no_memory(struct cl_why *why)
{
    return cl_fail(CL_ERR_NO_MEMORY, why, "out of memory (%s)", cl_tls_reason());
}

/* The text that was written into memory of OpenSSL's. */
static enum cl_err
take_text(BIO *from, struct cl_buf *out)
{
    char *text;
    long len = BIO_get_mem_data(from, &text);
    enum cl_err err = cl_buf_append(out, cl_str_of(text, (size_t)len));
    cl_secret_wipe(text, (size_t)len);
    return err;
}

enum cl_err
cl_tls_key_make(struct cl_buf *out, struct cl_why *why)
{
    enum cl_err err = CL_ERR_NO_MEMORY;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *text = BIO_new(BIO_s_secmem());
    if (key != NULL && text != NULL &&
        PEM_write_bio_PKCS8PrivateKey(text, key, NULL, NULL, 0, NULL, NULL) == 1)
        err = take_text(text, out);
    BIO_free(text);
    EVP_PKEY_free(key);
    return err == CL_OK ? CL_OK : no_memory(why);
}

static EVP_PKEY *
read_key(cl_str text)
{
    BIO *from = BIO_new_mem_buf(text.ptr, (int)text.len);
    char nothing[] = "";
    EVP_PKEY *key = from == NULL ? NULL : PEM_read_bio_PrivateKey(from, NULL, NULL, nothing);
    BIO_free(from);
    return key;
}

/* -- making ---------------------------------------------------------------------------------- */

static bool
add_name(GENERAL_NAMES *list, cl_str name)
{
    char text[NAME_CAP];
    unsigned char ip[sizeof(struct in6_addr)];
    if (!cl_str_copy(text, sizeof text, name))
        return false;
    int ip_len = inet_pton(AF_INET, text, ip) == 1    ? 4
                 : inet_pton(AF_INET6, text, ip) == 1 ? 16
                                                      : 0;
    GENERAL_NAME *entry = GENERAL_NAME_new();
    ASN1_STRING *value = ip_len > 0 ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    bool is_set = entry != NULL && value != NULL &&
                  ASN1_STRING_set(value, ip_len > 0 ? (const void *)ip : text,
                                  ip_len > 0 ? ip_len : (int)name.len) == 1;
    if (!is_set) {
        ASN1_STRING_free(value);
        GENERAL_NAME_free(entry);
        return false;
    }
    GENERAL_NAME_set0_value(entry, ip_len > 0 ? GEN_IPADD : GEN_DNS, value);
    if (sk_GENERAL_NAME_push(list, entry) > 0)
        return true;
    GENERAL_NAME_free(entry);
    return false;
}

static bool
add_names(X509 *certificate, const struct cl_tls_names *names)
{
    GENERAL_NAMES *list = GENERAL_NAMES_new();
    bool is_added = list != NULL;
    for (size_t at = 0; is_added && at < names->len; at++)
        is_added = add_name(list, names->list[at]);
    is_added = is_added && X509_add1_ext_i2d(certificate, NID_subject_alt_name, list, 0, 0) == 1;
    GENERAL_NAMES_free(list);
    return is_added;
}

static bool
add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool is_added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static bool
set_serial(X509 *certificate)
{
    BIGNUM *number = BN_new();
    bool is_set = number != NULL &&
                  BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
                  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return is_set;
}

/* It vouches for nothing but itself: no authority, to be used by a server. */
static bool
fill_in(X509 *certificate, EVP_PKEY *key, const struct cl_tls_names *names)
{
    static const unsigned char subject[] = "ClawLink relay";
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           // A clock that is a little late shall not refuse it.
           X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), CL_TLS_SELF_SIGNED_DAYS * DAY_S) !=
               NULL &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, subject, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 && add_names(certificate, names) &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
           add_extension(certificate, NID_subject_key_identifier, "hash") &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

enum cl_err
cl_tls_self_sign(cl_str key_text, const struct cl_tls_names *names, struct cl_buf *out,
                 struct cl_why *why)
{
    EVP_PKEY *key = read_key(key_text);
    if (key == NULL)
        return cl_fail(CL_ERR_USAGE, why, "it holds no key in PEM (%s)", cl_tls_reason());
    enum cl_err err = CL_ERR_NO_MEMORY;
    X509 *certificate = X509_new();
    BIO *text = BIO_new(BIO_s_mem());
    if (certificate != NULL && text != NULL && fill_in(certificate, key, names) &&
        PEM_write_bio_X509(text, certificate) == 1)
        err = take_text(text, out);
    BIO_free(text);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return err == CL_OK ? CL_OK : no_memory(why);
}

/* -- looking --------------------------------------------------------------------------------- */

static bool
is_for(X509 *certificate, cl_str name)
{
    char text[NAME_CAP];
    if (!cl_str_copy(text, sizeof text, name))
        return false;
    return X509_check_ip_asc(certificate, text, 0) == 1 ||
           X509_check_host(certificate, text, name.len, 0, NULL) == 1;
}

bool
cl_tls_certificate_fits(cl_str text, cl_str key_text, const struct cl_tls_names *names)
{
    BIO *from = BIO_new_mem_buf(text.ptr, (int)text.len);
    X509 *certificate = from == NULL ? NULL : PEM_read_bio_X509(from, NULL, NULL, NULL);
    EVP_PKEY *key = read_key(key_text);
    time_t renewed = time(NULL) + CL_TLS_RENEW_DAYS * DAY_S;
    bool fits = certificate != NULL && key != NULL &&
                X509_check_private_key(certificate, key) == 1 &&
                X509_cmp_time(X509_get0_notAfter(certificate), &renewed) > 0;
    for (size_t at = 0; fits && at < names->len; at++)
        fits = is_for(certificate, names->list[at]);
    EVP_PKEY_free(key);
    X509_free(certificate);
    BIO_free(from);
    ERR_clear_error();
    return fits;
}
