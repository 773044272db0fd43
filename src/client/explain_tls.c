// SPDX-License-Identifier: MIT
#include "client/explain_tls.h"

#include <stdio.h>

#include "wire/uri.h"

/* A longer URL loses its end, so that the advice behind it does not. */
#define SHOWN_MAX 80

/* Somebody shows another key than the one that was to be expected. */
static enum cl_err
explain_pin(const struct cl_trusted *trusted, const char *shown, struct cl_why *why)
{
    char expected[CL_TLS_PIN_TEXT_CAP];
    cl_str url = cl_str_part(trusted->url, 0, SHOWN_MAX);
    const char *more = trusted->pins->len > 1 ? " or another" : "";
    cl_tls_pin_text(&trusted->pins->list[0], expected);
    if (trusted->is_saved)
        return cl_fail(CL_ERR_UNTRUSTED, why,
                       "THE KEY OF THE RELAY HAS CHANGED: %.*s shows %s, saved is %s%s. Somebody "
                       "may be in between; nothing was sent. Ask whoever runs the relay; if the "
                       "new key is theirs: clawlink register --pin %s",
                       CL_STR_ARG(url), shown, expected, more, shown);
    return cl_fail(CL_ERR_UNTRUSTED, why,
                   "Wrong key: %.*s shows %s, %s %s%s. Somebody may be in between; nothing "
                   "was sent. Ask whoever runs the relay for its pin.",
                   CL_STR_ARG(url), shown, trusted->is_programs ? "expected is" : "--pin wants",
                   expected, more);
}

static const char *
fault_text(enum cl_tls_fault fault)
{
    switch (fault) {
    case CL_TLS_FAULT_SELF_SIGNED:
        return "its certificate is self-signed";
    case CL_TLS_FAULT_ISSUER:
        return "no authority that this machine trusts vouches for its certificate";
    case CL_TLS_FAULT_EXPIRED:
        return "its certificate has expired";
    case CL_TLS_FAULT_TOO_EARLY:
        return "its certificate is not valid yet, or the clock here is wrong";
    case CL_TLS_FAULT_NAME:
        return "its certificate is for another name";
    case CL_TLS_FAULT_NONE:
    case CL_TLS_FAULT_NOT_TLS:
    case CL_TLS_FAULT_OLD:
    case CL_TLS_FAULT_PIN:
    case CL_TLS_FAULT_BROKEN:
        break;
    }
    return "its certificate is not good";
}

enum cl_err
cl_explain_tls(const struct cl_trusted *trusted, const struct cl_tls_verdict *verdict,
               struct cl_why *why)
{
    char shown[CL_TLS_PIN_TEXT_CAP];
    cl_str url = cl_str_part(trusted->url, 0, SHOWN_MAX);
    cl_tls_pin_text(&verdict->pin, shown);
    if (verdict->fault == CL_TLS_FAULT_PIN)
        return explain_pin(trusted, shown, why);
    if (verdict->fault == CL_TLS_FAULT_NOT_TLS)
        return cl_fail(CL_ERR_UNTRUSTED, why,
                       "Not https: what listens at %.*s does not speak TLS. Check host and port%s; "
                       "nothing was sent.",
                       CL_STR_ARG(url), trusted->is_programs ? "" : " in --relay");
    if (verdict->fault == CL_TLS_FAULT_OLD)
        return cl_fail(CL_ERR_UNTRUSTED, why,
                       "Too old: %.*s offers no version or cipher of TLS that is safe (%.100s); "
                       "TLS 1.3, or 1.2 with ECDHE and AEAD, is wanted. Nothing was sent.",
                       CL_STR_ARG(url), verdict->detail);
    if (verdict->fault == CL_TLS_FAULT_BROKEN && !verdict->has_pin)
        return cl_fail(CL_ERR_CLOSED, why,
                       "Connection lost: the TLS handshake with %.*s was not completed (%.100s). "
                       "Nothing was sent. Try again.",
                       CL_STR_ARG(url), verdict->detail);
    return cl_fail(CL_ERR_UNTRUSTED, why,
                   "Can't trust %.*s: %s (%.80s). Nothing was sent. If whoever runs the relay "
                   "confirms that its pin is the one it shows, %s %s",
                   CL_STR_ARG(url), fault_text(verdict->fault), verdict->detail,
                   trusted->is_programs ? "that is" : "add --pin", shown);
}

bool
cl_is_tls_port(unsigned status, cl_str body)
{
    return status == 400 && cl_str_eq(cl_str_strip(body), CL_STR(CL_TLS_PLAIN_TEXT));
}

enum cl_err
cl_explain_tls_port(const struct cl_trusted *trusted, bool is_token_shown, struct cl_why *why)
{
    char place[SHOWN_MAX + sizeof "[]:65535"];
    struct cl_url parts = {.host = trusted->url};
    cl_err_ignore(cl_url_parse(trusted->url, &parts, NULL)); // a call was made to it: it is a URL
    cl_str host = cl_str_part(parts.host, 0, SHOWN_MAX);
    (void)snprintf(place, sizeof place, parts.is_ipv6 ? "[%.*s]:%u" : "%.*s:%u", CL_STR_ARG(host),
                   parts.port);
    return cl_fail(CL_ERR_UNTRUSTED, why,
                   "Not http: https is spoken on %s. Use %shttps://%s%.*s, with %s if "
                   "the relay made its certificate itself.%s",
                   place, trusted->is_programs ? "" : "--relay ", place,
                   CL_STR_ARG(cl_str_part(parts.path, 0, SHOWN_MAX)),
                   trusted->is_programs ? "its pin" : "--pin",
                   is_token_shown ? " The token went there unencrypted: somebody on the way may "
                                    "have read it."
                                  : "");
}
