# SPDX-License-Identifier: MIT
"""The small console: python3 -m agent_link --config agent-link-config.json --test"""
import argparse
import logging
import sys

from . import __version__
from ._config import FILE
from ._errors import AgentLinkError
from ._link import AgentLink

HELP = """send TO MESSAGE   TO is an agent of this instance, or instance/agent; without "send" too
help              this
quit              ends the console"""


def show(message):
    sure = "" if message.trust == "relay" else f" ({message.trust})"
    print(f"\n[{message.timestamp:%H:%M:%S}] {message.from_agent}{sure}: {message.message}",
          flush=True)


def told(receipt):
    if receipt:
        return f"{receipt.status}: {receipt.to}"
    return f"not sent to {receipt.to}: {receipt.reason or receipt.status}"


def split(line):
    """(to, message) of a line; (None, what is wrong)."""
    words = line.split(None, 1)
    if words[0] == "send":
        if len(words) == 1:
            return None, "send what? " + HELP.splitlines()[0]
        words = words[1].split(None, 1)
    if len(words) < 2:
        return None, f'no message for {words[0]}: type "{words[0]} MESSAGE", or help'
    return words[0], words[1]


def lines():
    """What is typed, or comes through a pipe; ends with it, and with Ctrl-C."""
    try:
        while True:
            yield input("> ").strip()
    except (EOFError, KeyboardInterrupt):
        print()


def console(link):
    print(f"{link.address} is connected to {link.relay_url}.\n{HELP}", flush=True)
    for line in lines():
        if line in ("quit", "exit", "q"):
            break
        if line in ("help", "?"):
            print(HELP)
        elif line:
            to, message = split(line)
            print(told(link.send(to, message)) if to else message, flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="agent_link", description="Agent Link: shows what an agent is sent.",
        epilog="Without --config the file is looked for in this folder, then in OpenClaw's.")
    parser.add_argument("--config", metavar="FILE", help=f"default {FILE}")
    parser.add_argument("--agent-id", metavar="ID", help="another agent than the file names")
    parser.add_argument("--test", action="store_true", help="a console that sends, too")
    parser.add_argument("--verbose", action="store_true", help="tells of each connection")
    parser.add_argument("--version", action="version", version=f"agent_link {__version__}")
    told_to = parser.parse_args(arguments)
    logging.basicConfig(format="agent_link: %(message)s",
                        level=logging.INFO if told_to.verbose else logging.WARNING)
    try:
        link = AgentLink(config_path=told_to.config, agent_id=told_to.agent_id)
        link.on_message(show)
        if told_to.test:
            with link:
                console(link)
        else:
            link.run()
    except AgentLinkError as error:
        print(f"agent_link: {error}", file=sys.stderr)
        return 1
    return 0
