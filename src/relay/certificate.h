// SPDX-License-Identifier: MIT
/*
 * relay/certificate.h - the certificate that a relay makes for itself (--tls-self-signed).
 *
 * Where the texts lie is the caller's. Pure, but for time and random numbers.
 */
#ifndef CL_RELAY_CERTIFICATE_H
#define CL_RELAY_CERTIFICATE_H

#include "base/buf.h"

struct cl_relay_certificate {
    struct cl_buf key;         // PEM; at first as it was kept, or empty
    struct cl_buf certificate; // the same
    bool is_key_new;           // what has to be kept now
    bool is_certificate_new;
};

void cl_relay_certificate_init(struct cl_relay_certificate *certificate);
/* Wipes the key. */
void cl_relay_certificate_done(struct cl_relay_certificate *certificate);
/* Makes what is missing: a key, once, and so the pin stays; a certificate where there is none, or
 * one that is not for that key, not for all names or nearly over. It is for this machine, for the
 * host that is listened on and for the allowed hosts, "a,b". CL_ERR_USAGE: the key cannot be
 * read; CL_ERR_NO_MEMORY. */
CL_MUST_CHECK enum cl_err cl_relay_certificate_make(struct cl_relay_certificate *certificate,
                                                    cl_str host, cl_str allow_hosts,
                                                    struct cl_why *why);

#endif
