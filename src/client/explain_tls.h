// SPDX-License-Identifier: MIT
/*
 * client/explain_tls.h - sentences about a relay that could not be trusted, or was not spoken to
 * in its own way.
 */
#ifndef CL_CLIENT_EXPLAIN_TLS_H
#define CL_CLIENT_EXPLAIN_TLS_H

#include "net/tls.h"

/* What a client went by. */
struct cl_trusted {
    cl_str url;
    const struct cl_tls_pins *pins; // len 0: the system's authorities
    bool is_saved;                  // the pins were remembered, not given
    bool is_programs;               // nobody at a shell reads the sentence
};

/* Says what is wrong, what the relay has shown and what to do next, and returns CL_ERR_UNTRUSTED;
 * CL_ERR_CLOSED, which may be tried again, when the handshake only broke off. */
CL_MUST_CHECK enum cl_err cl_explain_tls(const struct cl_trusted *trusted,
                                         const struct cl_tls_verdict *verdict, struct cl_why *why);

/* Is this how a port of ours that speaks TLS (net/tls.h) answers plain HTTP? */
bool cl_is_tls_port(unsigned status, cl_str body);
/* Says so, with the URL to use instead of the one that was tried, which is one of http:// or ws://.
 * is_token_shown: the call carried a token where others could read it. Returns
 * CL_ERR_UNTRUSTED. */
CL_MUST_CHECK enum cl_err cl_explain_tls_port(const struct cl_trusted *trusted, bool is_token_shown,
                                              struct cl_why *why);

#endif
