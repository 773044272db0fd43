# SPDX-License-Identifier: MIT
"""What the conformance suites share: one of the echo programs, and connections to it that take
bodies of 16 MiB quickly."""
import atexit
import os
import re
import signal
import subprocess

import support
from support import WAIT, Failure, beside, equal, short


class Echo:
    """ws-echo or http-echo on a port of its own choice; one serves a whole suite."""
    host, token = "127.0.0.1", None

    def __init__(self, name, variable):
        self.opened = set()
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [os.environ.get(variable) or beside(name), "0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE)
        atexit.register(self.process.kill)
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(r"listening on (\d+)\n", line)
        if not found:
            raise Failure(f"{name} did not start: {line!r}")
        self.port = int(found[1])

    def ends_well(self):
        """It lived through everything, and ends with status 0 (so a sanitizer found nothing)."""
        equal(self.process.poll(), None, "the program ended by itself; status")
        for connection in list(self.opened):
            connection.drop()
        self.process.send_signal(signal.SIGTERM)
        equal(self.process.wait(WAIT), 0, "exit status")


class Bulk:
    """Joins the pieces of what it waits for once, instead of once for each."""

    def _upto(self, count, end):
        pieces, have = [self.buffer], len(self.buffer)
        while have < count:
            self.buffer = b""
            more = self._more(end)
            pieces.append(self.buffer)
            have += len(self.buffer)
            if not more:
                raise Failure(f"closed in mid-answer after {short(b''.join(pieces))}")
        whole = b"".join(pieces)
        taken, self.buffer = whole[:count], whole[count:]
        return taken


class Http(Bulk, support.Http):
    """As in support.py."""


class WebSocket(Bulk, support.WebSocket):
    """As in support.py."""
