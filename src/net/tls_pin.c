// SPDX-License-Identifier: MIT
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "net/tls_private.h"

#define PREFIX "sha256:"

/* Digits of base64 for 32 bytes, the '=' at their end included. */
#define BASE64_LEN 44

void
cl_tls_pin_text(const cl_tls_pin *pin, char ret_text[static CL_TLS_PIN_TEXT_CAP])
{
    memcpy(ret_text, PREFIX, sizeof PREFIX - 1);
    (void)EVP_EncodeBlock((unsigned char *)ret_text + sizeof PREFIX - 1, pin->bytes,
                          sizeof pin->bytes); // it ends with NUL
}

bool
cl_tls_pin_of(const X509 *certificate, cl_tls_pin *ret_pin)
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (len <= 0)
        return false;
    bool done = EVP_Digest(der, (size_t)len, ret_pin->bytes, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return done;
}

bool
cl_tls_pins_have(const struct cl_tls_pins *pins, const cl_tls_pin *pin)
{
    for (size_t at = 0; at < pins->len; at++)
        if (memcmp(pins->list[at].bytes, pin->bytes, sizeof pin->bytes) == 0)
            return true;
    return false;
}

static bool
parse_hex(cl_str text, cl_tls_pin *ret_pin)
{
    for (size_t at = 0; at < sizeof ret_pin->bytes; at++) {
        int high = cl_str_hex_digit(text.ptr[2 * at]);
        int low = cl_str_hex_digit(text.ptr[2 * at + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_pin->bytes[at] = (uint8_t)(high * 16 + low);
    }
    return true;
}

/* OpenSSL takes digits behind the end and blanks before the beginning, so what was understood is
 * written again: there is one way to write a pin. */
static bool
parse_base64(cl_str text, cl_tls_pin *ret_pin)
{
    unsigned char bytes[BASE64_LEN / 4 * 3];
    char again[CL_TLS_PIN_TEXT_CAP];
    if (EVP_DecodeBlock(bytes, (const unsigned char *)text.ptr, BASE64_LEN) != sizeof bytes)
        return false;
    memcpy(ret_pin->bytes, bytes, sizeof ret_pin->bytes);
    cl_tls_pin_text(ret_pin, again);
    return cl_str_eq(text, cl_str_z(again + sizeof PREFIX - 1));
}

static bool
parse_pin(cl_str text, cl_tls_pin *ret_pin)
{
    if (!cl_str_starts(text, CL_STR(PREFIX)))
        return false;
    cl_str digits = cl_str_part(text, sizeof PREFIX - 1, text.len);
    if (digits.len == 2 * sizeof ret_pin->bytes)
        return parse_hex(digits, ret_pin);
    return digits.len == BASE64_LEN && parse_base64(digits, ret_pin);
}

enum cl_err
cl_tls_pins_parse(cl_str text, struct cl_tls_pins *ret_pins, struct cl_why *why)
{
    struct cl_tls_pins pins = {0};
    cl_str rest = text;
    do {
        cl_str word;
        (void)cl_str_split(rest, ',', &word, &rest); // one or more
        word = cl_str_trim(word);
        if (pins.len == CL_TLS_PINS_MAX)
            return cl_fail(CL_ERR_USAGE, why, "more than %d pins", CL_TLS_PINS_MAX);
        if (!parse_pin(word, &pins.list[pins.len]))
            return cl_fail(CL_ERR_USAGE, why,
                           "\"%.*s\" is no pin: it is sha256: and 44 characters of base64, or 64 "
                           "hexadecimal digits",
                           CL_STR_ARG(cl_str_part(word, 0, 80)));
        pins.len++;
    } while (rest.len > 0);
    *ret_pins = pins;
    return CL_OK;
}
