// SPDX-License-Identifier: MIT
/*
 * relay/relay.h - the switchboard: one process, one loop, one core behind a journal.
 *
 *     bytes ─> net ─> proto ─> command ─> admit ─> journal ─> core.apply ─> effects ─> net ─> bytes
 *
 * Nothing is answered before the commit that it depends on.
 */
#ifndef CL_RELAY_RELAY_H
#define CL_RELAY_RELAY_H

#include "base/log.h"
#include "base/secret.h"
#include "journal/blobs.h"
#include "journal/journal.h"

struct cl_relay;

/* Whether the relay makes itself known on the local network, where it listens beyond loopback. */
enum cl_relay_discovery {
    CL_RELAY_DISCOVERY_AUTO, // not on a machine with a public address
    CL_RELAY_DISCOVERY_ON,
    CL_RELAY_DISCOVERY_OFF,
};

/* Agent Link beside it, on a port of its own (relay/agent_link.h). */
struct cl_relay_agent_link {
    bool is_on;
    bool has_port;
    uint16_t port;                  // before the file's
    const char *file;               // its name, for a sentence; NULL: there is none, and
    cl_str text;                    // whoever proves the secret is registered
    const struct cl_secret *secret; // before the file's; NULL: the file's
    /* At SIGHUP, unless it is NULL: both are read again. What they were stays if that fails, and is
     * overwritten if it does not. */
    enum cl_err (*reread)(void *ctx, struct cl_relay_agent_link *config, struct cl_why *why);
    void *reread_ctx;
};

struct cl_relay_config {
    cl_str host; // address literal or name; beyond loopback wants a token or no_auth
    uint16_t port;
    bool no_auth;                  // beyond loopback without a token, said aloud
    bool allow_plain;              // beyond loopback without TLS, said aloud
    bool no_query_token;           // ?token= is not looked at
    bool no_penalties;             // for wrong tokens
    const struct cl_secret *token; // NULL: everybody may ask
    const char *tls_certificate;   // PEM files; NULL: plain text
    const char *tls_key;
    cl_str allow_hosts;       // "a,b": names that Host may have besides the usual ones
    cl_str allow_origins;     // "a,b": origins of web pages that may ask
    uint32_t connections_max; // 0: as many as there are descriptors
    uint32_t rate_per_second; // messages of one sender; 0: no limit
    uint32_t rate_burst;      // how many of them at once
    uint32_t inbox_messages_max;
    uint64_t inbox_bytes_max;
    uint64_t inboxes_bytes_max;
    uint32_t chain_hops_max; // of chains that are declared (core/chain.h); 0: no limit
    uint32_t chain_messages_max;
    uint32_t thread_minute_max;
    uint32_t inherited_hops_max; // of those that are inherited; 0: no limit
    uint32_t inherited_messages_max;
    struct cl_relay_agent_link agent_link;
    cl_str name; // on the local network; empty: "ClawLink Relay (machine)"
    enum cl_relay_discovery discovery;
    struct cl_log log;
    const char *log_file;       // where log.fd leads, to be opened again at SIGHUP; NULL: nowhere
    struct cl_journal *journal; // borrowed; newly opened
    struct cl_blobs *blobs;     // likewise; NULL: it keeps none
};

/* Everything borrowed in the config must outlive the relay. It listens when this returns, and
 * serves as soon as it runs. CL_ERR_ADDRESS_IN_USE, _FORBIDDEN (its port), _USAGE, _IO (no such
 * host among others), _NO_MEMORY with the sentence in why. */
CL_MUST_CHECK enum cl_err cl_relay_open(const struct cl_relay_config *config,
                                        struct cl_relay **ret_relay, struct cl_why *why);
/* Opens the admin door (relay/admin.h) at that path, or, when it is empty, as relay-<port>.sock in
 * that folder; a relay for which this is not called has none. The socket belongs to whom the
 * process now is. Errors as above, for a path only: without a place in a folder the relay serves
 * without a door, and its log says so. */
CL_MUST_CHECK enum cl_err cl_relay_open_door(struct cl_relay *relay, cl_str path, cl_str folder,
                                             struct cl_why *why);
/* "https://127.0.0.1:9077" and its NUL. */
#define CL_RELAY_URL_CAP 64
void cl_relay_url(const struct cl_relay *relay, char ret_url[static CL_RELAY_URL_CAP]);
/* "ws://127.0.0.1:8765": Agent Link's. False: there is none. */
bool cl_relay_agent_link_url(const struct cl_relay *relay, char ret_url[static CL_RELAY_URL_CAP]);
/* "sha256:", 44 letters and NUL: by what clients know the key (--pin). False: it speaks plain text.
 * A reload may change it. */
#define CL_RELAY_PIN_CAP 52
bool cl_relay_pin(const struct cl_relay *relay, char ret_pin[static CL_RELAY_PIN_CAP]);
/* Serves until SIGTERM or SIGINT: then takes no new work, closes WebSockets with 1012, answers
 * what is waiting, and returns within CL_NET_DRAIN_MS. A second signal ends it at once.
 * At SIGHUP it opens its log file again, takes a new certificate and reads Agent Link's files
 * again; connections stay, but for those whose instance or secret is no more. When its terminal is
 * gone SIGHUP ends it, as SIGTERM does. */
void cl_relay_run(struct cl_relay *relay);
/* Accepts NULL. */
void cl_relay_free(struct cl_relay *relay);

#endif
