#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The relay of Agent Link, by the calls that are documented for it:

    python3 relay_server.py --port 8765 --secret SECRET
    python3 relay_server.py --config relay-config.json

It runs `clawlink relay`. Options that are not its own are handed on: --host, --tls-cert, --data,
and whatever else `clawlink relay --help` lists; only its --port is --relay-port here.
"""
import argparse
import os
import shutil
import sys

VARIABLE = "CLAWLINK_AGENT_LINK_SECRET"


def program():
    """CLAWLINK_BIN, or clawlink on PATH. Ends this script where there is none. (It stands in each
    script, since each is copied by itself.)"""
    named = os.environ.get("CLAWLINK_BIN")
    found = shutil.which(named or "clawlink")
    if found is None and named:
        sys.exit(f'CLAWLINK_BIN is "{named}", and that is no program.')
    if found is None:
        sys.exit("clawlink is not on PATH: install it (make install), or say where it is with "
                 "CLAWLINK_BIN=/path/to/clawlink.")
    return found


def secret_file(secret):
    """A path by which the program can read the secret, and no other one."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("agent-link-secret", 0)  # it may be read again
        os.fchmod(file, 0o600)
        os.write(file, os.fsencode(secret) + b"\n")
    else:
        file, end = os.pipe()
        os.write(end, os.fsencode(secret) + b"\n")
        os.close(end)
    os.set_inheritable(file, True)
    return f"/dev/fd/{file}"


def main():
    parser = argparse.ArgumentParser(
        allow_abbrev=False, description="Runs the relay of Agent Link: `clawlink relay`.",
        epilog="All other options are handed on to `clawlink relay`, whose help lists them.")
    parser.add_argument("--port", metavar="N", help="the Agent Link port; default 8765, or "
                        "the file's")
    parser.add_argument("--secret", help=f"the secret that all instances share; {VARIABLE} in the "
                        "environment does the same and leaves no trace in the shell's history")
    parser.add_argument("--config", metavar="FILE", help="a relay-config.json; without "
                        "--secret the one in this folder")
    parser.add_argument("--relay-port", metavar="N", help="the port of ClawLink's own protocols; "
                        "default 9077")
    own, others = parser.parse_known_args()
    secret = own.secret if own.secret is not None else os.environ.pop(VARIABLE, None)
    if own.config and own.secret is not None:
        parser.error("--config has the secret: leave --secret out.")
    if not own.config and not secret:
        if not os.path.exists("relay-config.json"):
            parser.error("it needs --secret SECRET, or --config FILE: `clawlink agent-link setup "
                         "--relay` writes one.")
        own.config = "relay-config.json"
    path = program()
    words = ["relay"] if own.relay_port is None else ["relay", "--port", own.relay_port]
    if own.port is not None:
        words += ["--agent-link-port", own.port]
    elif not own.config:
        words += ["--agent-link-port", "8765"]
    if own.config:
        words += ["--agent-link", own.config]
    else:
        words += ["--agent-link-secret-file", secret_file(secret)]
    if not any(word.split("=")[0] == "--host" for word in others):
        print("This machine only. For others: --host 0.0.0.0 --tls-cert FILE --tls-key FILE "
              "--token-file FILE", file=sys.stderr, flush=True)
    # In place of this script: signals and the exit status are its own, and the secret that stood in
    # the arguments is gone.
    os.execv(path, ["clawlink", *words, *others])


if __name__ == "__main__":
    main()
