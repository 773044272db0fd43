// SPDX-License-Identifier: MIT
/*
 * `clawlink relay`: its help. The verb itself is the room relay, which main runs.
 */
#include <stddef.h>

#include "base/limits.h"
#include "cli/cmd.h"

_Static_assert(CL_INBOX_MESSAGES_MAX == 100000 && CL_INBOX_BYTES_MAX == 67108864 &&
                   CL_INBOXES_BYTES_MAX == 1073741824 && CL_NET_FDS_RESERVE == 64 &&
                   CL_CHAIN_HOPS_MAX == 8 && CL_CHAIN_MESSAGES_MAX == 200 &&
                   CL_CHAIN_THREAD_MINUTE_MAX == 30 && CL_CHAIN_INHERITED_MESSAGES_MAX == 10000,
               "the help says so");
_Static_assert(CL_AL_PORT == 8765, "the help says so");
_Static_assert(CL_CHAIN_INHERITED_HOPS_MAX == 64, "and so");
_Static_assert(CL_BLOB_BYTES_MAX == 67108864, "the help says so");
_Static_assert(CL_BLOBS_MEMORY_BYTES_MAX == 268435456, "the help says so");
_Static_assert(CL_BLOBS_FOLDER_BYTES_MAX == 4294967296, "the help says so");

static const struct cl_opt options[] = {
    {"host", "ADDRESS", "the address or name to listen on; default 127.0.0.1", CL_OPT_OPTIONAL},
    {"port", "N", "the port; 0 takes any free one; default 9077", CL_OPT_OPTIONAL},
    {"no-auth", NULL, "listen beyond this machine without a token", CL_OPT_OPTIONAL},
    {"tls-cert", "FILE", "speak TLS: the certificate with its chain, PEM", CL_OPT_OPTIONAL},
    {"tls-key", "FILE", "and its key, readable by its owner alone", CL_OPT_OPTIONAL},
    {"tls-self-signed", NULL,
     "speak TLS with a certificate that the relay makes for\n"
     "itself, once; clients know it by the pin it prints",
     CL_OPT_OPTIONAL},
    {"tls-dir", "DIR", "where that is kept; default ~/.clawlink/tls", CL_OPT_OPTIONAL},
    {"allow-plain", NULL, "listen beyond this machine without TLS", CL_OPT_OPTIONAL},
    {"data", "DIR",
     "keep all that is accepted on the disk, in that folder;\n"
     "default in memory, and gone when it stops",
     CL_OPT_OPTIONAL},
    {"log-file", "FILE", "where events go; default standard error", CL_OPT_OPTIONAL},
    {"log", "FORMAT", "logfmt or json; default logfmt", CL_OPT_OPTIONAL},
    {"log-level", "LEVEL", "debug, info, warn or error; default info", CL_OPT_OPTIONAL},
    {"allow-host", "NAME",
     "a name that may stand in a request's Host, besides IP\n"
     "addresses, localhost, this machine's and .local names;\n"
     "several with commas or by giving it again",
     CL_OPT_LIST},
    {"allow-origin", "ORIGIN",
     "a web page that may call, as https://page.example;\n"
     "several likewise; default none",
     CL_OPT_LIST},
    {"no-query-token", NULL, "refuse ?token= in URLs", CL_OPT_OPTIONAL},
    {"name", "NAME", "on the local network; default \"ClawLink Relay (machine)\"", CL_OPT_OPTIONAL},
    {"discovery", "WHEN",
     "make it known there: auto (beyond loopback, and not on a\n"
     "machine with a public address), on or off; default auto",
     CL_OPT_OPTIONAL},
    {"no-mdns", NULL, "the same as --discovery off", CL_OPT_OPTIONAL},
    {"inbox-messages", "N", "messages that one agent's inbox holds; default 100000",
     CL_OPT_OPTIONAL},
    {"inbox-bytes", "N", "bytes that one agent's inbox holds; default 67108864", CL_OPT_OPTIONAL},
    {"all-inboxes-bytes", "N", "bytes that all inboxes hold together; default 1073741824",
     CL_OPT_OPTIONAL},
    {"chain-hops", "N",
     "messages that may follow from each other, where agents\n"
     "declare that; default 8; 0 here and below: no limit",
     CL_OPT_OPTIONAL},
    {"chain-messages", "N", "messages of such a chain in all; default 200", CL_OPT_OPTIONAL},
    {"thread-rate", "N", "its messages a minute in one thread; default 30", CL_OPT_OPTIONAL},
    {"inherited-hops", "N",
     "messages that follow from each other where nobody declares\n"
     "it: each from who took the one before less than 10 minutes\n"
     "ago, answers not counted; default 64",
     CL_OPT_OPTIONAL},
    {"inherited-messages", "N", "messages of such a chain in all; default 10000", CL_OPT_OPTIONAL},
    {"blob-bytes", "N", "bytes of one blob; 0: it keeps none; default 67108864", CL_OPT_OPTIONAL},
    {"all-blobs-bytes", "N",
     "bytes of all blobs together; default 268435456 in memory,\n"
     "4294967296 with --data",
     CL_OPT_OPTIONAL},
    {"agent-link", "FILE",
     "serve Agent Link clients as well: their relay-config.json,\n"
     "readable by its owner alone for its secret; default none",
     CL_OPT_OPTIONAL},
    {"agent-link-port", "N", "the port for that; default the file's, or 8765", CL_OPT_OPTIONAL},
    {"agent-link-secret-file", "FILE",
     "the secret, in its first line; without --agent-link every\n"
     "instance that knows it may come; default the file's",
     CL_OPT_OPTIONAL},
    {"max-connections", "N",
     "open connections at a time; default 64 less than the\n"
     "files that the relay may open",
     CL_OPT_OPTIONAL},
    {"admin-socket", "FILE",
     "where `clawlink relay status` finds it, or none for no\n"
     "such socket; default relay-<port>.sock in a folder that\n"
     "only the relay's user can write to",
     CL_OPT_OPTIONAL},
    {"rate", "N[,BURST]",
     "messages a second of one sender, and at most BURST at\n"
     "once, default N; default no limit",
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

/* A limit of 0 would let nothing through at all, which nobody means. */
static const struct cl_number numbers[] = {
    {"port", 0, UINT16_MAX},
    {"agent-link-port", 0, UINT16_MAX},
    {"max-connections", 1, UINT32_MAX},
    {"inbox-messages", 1, UINT32_MAX},
    {"inbox-bytes", 1, UINT64_MAX},
    {"all-inboxes-bytes", 1, UINT64_MAX},
    {"chain-hops", 0, UINT32_MAX},
    {"chain-messages", 0, UINT32_MAX},
    {"thread-rate", 0, UINT32_MAX},
    {"inherited-hops", 0, UINT32_MAX},
    {"inherited-messages", 0, UINT32_MAX},
    {"blob-bytes", 0, UINT32_MAX},
    {"all-blobs-bytes", 1, UINT64_MAX},
    {NULL, 0, 0},
};

const struct cl_cmd cl_cmd_relay = {
    .name = "relay",
    .summary = "Run the relay that agents meet at",
    .options = options,
    .numbers = numbers,
    .notes =
        "With a token every request but GET /healthz must show it.\n"
        "When it listens it prints one line with its URL, with TLS a second one with its pin;\n"
        "events go to standard error.\n"
        "Without --data it writes nothing to a disk, and all is gone when it stops.\n"
        "SIGTERM and Ctrl-C end it in order, within 5 seconds; with --data it then writes a\n"
        "snapshot, which takes longer where very much waits. SIGHUP makes it read its\n"
        "certificate and --agent-link's files and open its log file again; connections stay,\n"
        "but for Agent Link's whose instance or secret is gone.",
    .examples = "clawlink relay\n"
                "clawlink relay --host 0.0.0.0 --tls-self-signed --token-file ~/.clawlink/token\n"
                "clawlink relay --data ~/.clawlink/relay\n"
                "clawlink relay --port 0 --log=json --log-file relay.log",
    .run = NULL,
};
