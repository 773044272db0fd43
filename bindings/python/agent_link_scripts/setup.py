#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes agent-link-config.json, by the call that is documented for it:

    python3 setup.py --relay-url ws://HOST:8765 --secret SECRET --instance-id ID --agent-id main

It runs `clawlink agent-link setup`. Options that are not its own are handed on: --out, --force, and
whatever else the help of that lists. This is no setup.py of setuptools.
"""
import argparse
import os
import shutil
import sys

COMMANDS = ("build", "develop", "egg_info", "install", "sdist", "bdist_wheel")


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


def main():
    parser = argparse.ArgumentParser(
        allow_abbrev=False, description="Runs `clawlink agent-link setup`.",
        epilog="All other options are handed on to it; its help lists them.")
    parser.add_argument("--relay-url", metavar="URL", help="ws://HOST:8765, or wss:// with TLS")
    parser.add_argument("--secret", help="the secret; CLAWLINK_AGENT_LINK_SECRET in the "
                        "environment does the same and leaves no trace in the shell's history")
    parser.add_argument("--instance-id", metavar="ID", help="which machine this is; default its "
                        "name")
    parser.add_argument("--agent-id", metavar="ID", help="the agent on it; default main")
    own, others = parser.parse_known_args()
    if others and others[0] in COMMANDS:
        sys.exit("This script writes a configuration and installs nothing.")
    words = ["agent-link", "setup"]
    for name in ("relay_url", "instance_id", "agent_id"):
        value = getattr(own, name)
        if value is not None:
            words.append(f"--{name.replace('_', '-')}={value}")
    env = dict(os.environ)
    if own.secret is not None:
        if not own.secret:
            parser.error("the secret in --secret is empty.")
        env["CLAWLINK_AGENT_LINK_SECRET"] = own.secret
    # In place of this script, so that the secret that stood in its arguments is gone.
    os.execve(program(), ["clawlink", *words, *others], env)


if __name__ == "__main__":
    main()
