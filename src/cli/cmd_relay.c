// SPDX-License-Identifier: MIT
/*
 * `clawlink relay`: its help. The verb itself is the room relay, which main runs.
 */
#include <stddef.h>

#include "cli/cmd.h"

static const struct cl_opt options[] = {
    {"host", "HOST", "where to listen; default 127.0.0.1", CL_OPT_OPTIONAL},
    {"port", "N", "default 9077; 0 takes any free one", CL_OPT_OPTIONAL},
    {"no-auth", NULL, "listen beyond this machine without a token", CL_OPT_OPTIONAL},
    {"tls-cert", "FILE", "speak TLS: the certificate with its chain, PEM", CL_OPT_OPTIONAL},
    {"tls-key", "FILE", "and its key, readable by its owner alone", CL_OPT_OPTIONAL},
    {"tls-self-signed", NULL,
     "speak TLS with a certificate that the relay makes for\n"
     "itself, once; clients know it by the pin it prints",
     CL_OPT_OPTIONAL},
    {"tls-dir", "DIR", "where that is kept; default ~/.clawlink/tls", CL_OPT_OPTIONAL},
    {"allow-plain", NULL, "listen beyond this machine without TLS", CL_OPT_OPTIONAL},
    {"log-file", "FILE", "events go there instead of standard error", CL_OPT_OPTIONAL},
    {"log", "FORMAT", "logfmt (the default) or json", CL_OPT_OPTIONAL},
    {"log-level", "LEVEL", "debug, info (the default), warn or error", CL_OPT_OPTIONAL},
    {"allow-host", "NAME",
     "a name that may stand in a request's Host, besides IP\n"
     "addresses, localhost, this machine's and .local names;\n"
     "several with commas or by giving it again",
     CL_OPT_LIST},
    {"allow-origin", "ORIGIN", "a web page that may call; several likewise", CL_OPT_LIST},
    {"no-query-token", NULL, "refuse ?token= in URLs", CL_OPT_OPTIONAL},
    {"name", "NAME", "on the local network; default \"ClawLink Relay (machine)\"", CL_OPT_OPTIONAL},
    {"discovery", "WHEN",
     "make it known there: auto (the default: beyond loopback,\n"
     "and not on a machine with a public address), on or off",
     CL_OPT_OPTIONAL},
    {"no-mdns", NULL, "the same as --discovery off", CL_OPT_OPTIONAL},
    {"inbox-messages", "N", "messages that one agent's inbox holds", CL_OPT_OPTIONAL},
    {"inbox-bytes", "N", "bytes that one agent's inbox holds", CL_OPT_OPTIONAL},
    {"all-inboxes-bytes", "N", "bytes that all inboxes hold together", CL_OPT_OPTIONAL},
    {"max-connections", "N", "open connections at a time", CL_OPT_OPTIONAL},
    {"admin-socket", "PATH",
     "where `clawlink relay status` finds it; `none` for no\n"
     "such socket; else relay-<port>.sock in a folder that\n"
     "only this user can write to",
     CL_OPT_OPTIONAL},
    {"rate", "N[/s][,BURST]",
     "messages a second of one sender, and at most BURST at\n"
     "once (default N); else no limit",
     CL_OPT_OPTIONAL},
    {"no-penalties", NULL, "wrong tokens keep nobody waiting", CL_OPT_OPTIONAL},
    {"user", "NAME",
     "become that user once the port is bound and secrets are\n"
     "read; for root, where no service manager does it",
     CL_OPT_OPTIONAL},
    {"allow-debugger", NULL,
     "let debuggers and core dumps see the memory, which holds\n"
     "the token and messages",
     CL_OPT_OPTIONAL},
    {NULL, NULL, NULL, CL_OPT_OPTIONAL},
};

const struct cl_cmd cl_cmd_relay = {
    .name = "relay",
    .summary = "Run the relay that agents meet at",
    .options = options,
    .notes =
        "With a token every request but GET /healthz must show it.\n"
        "When it listens it prints one line with its URL, with TLS a second one with its pin;\n"
        "events go to standard error.\n"
        "It keeps everything in memory: what nobody fetched is gone when it stops.\n"
        "SIGTERM and Ctrl-C end it in order, within 5 seconds. SIGHUP makes it read its\n"
        "certificate and open its log file again; connections stay.",
    .examples = "clawlink relay\n"
                "clawlink relay --host 0.0.0.0 --tls-self-signed --token-file ~/.clawlink/token\n"
                "clawlink relay --port 0 --log=json --log-file relay.log",
    .run = NULL,
};
