// SPDX-License-Identifier: MIT
/*
 * main/relay_tls.h - the relay's options about TLS, and where it keeps a certificate of its own.
 */
#ifndef CL_MAIN_RELAY_TLS_H
#define CL_MAIN_RELAY_TLS_H

#include "base/limits.h"
#include "relay/relay.h"

/* The values of --tls-cert, --tls-key, --tls-self-signed and --tls-dir; NULL: not given. */
struct cl_relay_tls {
    const char *certificate;
    const char *key;
    const char *self_signed;
    const char *folder;
    char paths[2][CL_CLI_PATH_CAP]; // of the key and the certificate of its own
};

/* Puts the files into the config, which borrows them from tls; with --tls-self-signed it makes
 * those that are missing (relay/certificate.h), in --tls-dir or ~/.clawlink/tls. CL_ERR_USAGE:
 * options that contradict each other; CL_ERR_IO. */
CL_MUST_CHECK enum cl_err cl_relay_tls_prepare(struct cl_relay_tls *tls,
                                               struct cl_relay_config *config, struct cl_why *why);

#endif
