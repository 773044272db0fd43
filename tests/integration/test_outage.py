# SPDX-License-Identifier: MIT
"""The network is gone for a while, the relay is killed, clients are killed: those of libclawlink and
of its Python API come back by themselves, nothing that was accepted is lost, and nothing is delivered
twice. Programs send numbers and take them (claw-lab post and take, tests/support/link_mail.py); what
they say is one history for tests/support/mailbox_check.py.

OUTAGE_SECONDS=60 makes the outage long enough to be noticed by silence (make soak); it has 3 seconds.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from support import BIN, ROOT, WAIT, Relay, beside, equal, has_in_program, holds, main, test

sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
from mailbox_check import check as check_mailbox  # noqa: E402 pylint: disable=wrong-import-position

OUTAGE_S = float(os.environ.get("OUTAGE_SECONDS", "3"))
LAB, LIBRARY = beside("claw-lab"), os.path.join(os.path.dirname(BIN), "libclawlink.so.0")
MAIL = os.path.join(ROOT, "tests", "support", "link_mail.py")
ENV = {**os.environ, "PYTHONPATH": os.path.join(ROOT, "bindings", "python"),
       "CLAWLINK_LIBRARY": LIBRARY}
PROXY = os.path.join(ROOT, "tests", "support", "chaos_proxy.py")
PACE_S = 0.005
BACKOFF_FIRST_MS, BACKOFF_LAST_MS = 1000, 30000  # CL_CLIENT_BACKOFF_...
TRY_S = 15  # CL_CLIENT_TIMEOUT_MS: what one try may take
BACK_S = BACKOFF_LAST_MS / 1000 + TRY_S
C, PY = ("laptop/mira", "mini/otto"), ("pylap/mira", "pymini/otto")
# An interpreter that was built without a sanitizer cannot load a library that was built with one.
WAYS = (C,) if has_in_program(LIBRARY, rb"__[at]san_init") else (C, PY)


class History:
    """What all programs have said so far."""

    def __init__(self):
        self.rows, self.news, self.odd = [], threading.Condition(), None

    def add(self, line):
        with self.news:
            try:
                self.rows.append(json.loads(line))
            except ValueError:
                self.odd = line
            self.news.notify_all()

    def count(self, op, who=None):
        return sum(said["op"] == op and who in (None, said.get("p")) for said in self.rows)

    def last(self, member, otherwise):
        return max((said[member] for said in self.rows if member in said), default=otherwise)

    def wait(self, condition, what, timeout=WAIT):
        with self.news:
            holds(self.news.wait_for(lambda: self.odd or condition(), timeout) and not self.odd,
                  f"{what}: {self.odd or 'not in time'}")

    def more(self, op, number, who=None):
        """Waits for so many more of them."""
        goal = self.count(op, who) + number
        self.wait(lambda: self.count(op, who) >= goal, f"{number} more {op}", BACK_S + WAIT)

    def is_drained(self, is_told=True):
        accepted = {said["id"] for said in self.rows if said["op"] == "accepted"}
        taken = {said["id"] for said in self.rows if said["op"] == "deliver"}
        told = {said["id"] for said in self.rows
                if said["op"] == "told" and said["rung"] == "delivered"}
        return accepted <= taken and (accepted <= told or not is_told)

    def judge(self):
        figures, counts, sentences = check_mailbox(sorted(self.rows, key=lambda said: said["t"]))
        print(f"     {figures}", flush=True)
        equal((counts, sentences), ({}, []), f"violations, {figures}")
        return figures


class Party:
    """One program; what it says goes into the history."""

    def __init__(self, history, *command):
        self.history = history
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [*map(str, command)], env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.history.add(line)

    def kill(self):
        """By SIGKILL; what it had said is in the history."""
        self.process.kill()
        self.process.wait()
        self.reader.join(WAIT)
        self.process.stdout.close()


class Parties(dict):
    """By name; at the end none is left."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for party in self.values():
            if not party.process.stdout.closed:
                party.kill()


def attached(history, url, taker, *command):
    """Starts a receiver: until it is there nobody can write to it."""
    before = history.count("attached", taker)
    party = Party(history, *command, "take", url)
    history.wait(lambda: history.count("attached", taker) > before, f"{taker} is there")
    return party


def pauses_are_kept(history, who):
    """After the n-th failure in a row it waits no longer than the back-off says, and tries again."""
    limit, due = BACKOFF_FIRST_MS, None
    for said in history.rows:
        if said.get("p") != who or said["op"] not in ("up", "down"):
            continue
        holds(due is None or said["t"] <= due, f"{who} tried again too late: {said}")
        if said["op"] == "up":
            limit, due = BACKOFF_FIRST_MS, None
            continue
        holds(said["pause_ms"] <= limit, f"a pause of at most {limit} ms: {said}")
        due = said["t"] + (said["pause_ms"] / 1000 + TRY_S + WAIT) * 1e9
        limit = min(2 * limit, BACKOFF_LAST_MS)


# -- killed ------------------------------------------------------------------------------------------


class Killed:
    """A sender, a receiver and a relay on a disk, each of which is killed and started again."""

    def __init__(self, data, is_python):
        self.history, self.data, self.is_python = History(), data, is_python
        self.command = [sys.executable, MAIL] if is_python else [LAB]
        self.taker = (PY if is_python else C)[1]
        self.relay = Relay("--data", data)
        self.url, self.port, self.parties = self.relay.url, str(self.relay.port), Parties()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.parties.__exit__()
        self.relay.kill()
        self.relay.clean()

    def take(self):
        self.parties["take"] = attached(self.history, self.url, self.taker, *self.command)

    def post(self, count=100000):
        """Goes on behind what was sent; libclawlink's sender also hears what it has missed."""
        number = self.history.last("seq", -1) + 1
        cursor = [] if self.is_python else [self.history.last("cursor", 0)]
        self.parties["post"] = Party(self.history, *self.command, "post", self.url, number, count,
                                     *cursor)

    def kill_in_turn(self):
        """The sender while nobody takes what it sends: it hears of that in its next life."""
        self.history.more("deliver", 50)
        self.parties["take"].kill()
        self.history.more("accepted", 20)
        self.parties["post"].kill()
        self.post()
        self.history.more("accepted", 20)
        self.take()
        self.history.more("deliver", 50)
        self.relay.kill()
        self.relay.clean()
        self.relay = Relay("--data", self.data, port=self.port)
        self.history.more("accepted", 20)

    def end(self):
        """The last sender only listens."""
        self.history.more("deliver", 20)
        self.parties["post"].kill()
        if self.is_python:  # whose receipts end with the process
            for said in self.history.rows:
                said.pop("told", None)
        else:
            self.post(0)
        self.history.wait(lambda: self.history.is_drained(not self.is_python), "all is there",
                          BACK_S + WAIT)
        equal(self.relay.stop(), 0, "exit status of the relay")


def killed(is_python):
    with tempfile.TemporaryDirectory() as folder:
        with Killed(os.path.join(folder, "data"), is_python) as lives:
            lives.take()
            lives.post()
            for _ in range(2):
                lives.kill_in_turn()
            lives.end()
            figures = lives.history.judge()
            holds(figures["accepted"] >= 120, f"something happened: {figures}")
            for who in (C if not is_python else ()):
                pauses_are_kept(lives.history, who)


@test(relay=False, seconds=240)
def clients_of_the_library_are_killed_and_so_is_the_relay():
    killed(False)


@test(relay=False, seconds=240)
def clients_in_python_are_killed_and_so_is_the_relay():
    if PY in WAYS:
        killed(True)


# -- the network is gone -----------------------------------------------------------------------------


class Proxy:
    """Between the clients and the relay; nothing but an outage happens there."""

    def __init__(self, relay):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [sys.executable, PROXY, str(port), str(relay.port), "0"], stdout=subprocess.PIPE,
            text=True)
        equal(self.process.stdout.readline(), "ready\n", "first line of the proxy")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def is_gone_for(self, seconds, comes_back):
        """(when, until when) it was gone, on the clock of the rows."""
        self.process.send_signal(signal.SIGUSR1)
        gone = time.monotonic_ns()
        threading.Event().wait(seconds)
        back = time.monotonic_ns()
        self.process.send_signal(comes_back)
        return gone, back


def gone(relay, comes_back):
    history, count = History(), round((OUTAGE_S + 3) / PACE_S)
    with Proxy(relay) as proxy, Parties() as parties:
        for way in WAYS:
            command = [LAB] if way is C else [sys.executable, MAIL]
            parties[way[1]] = attached(history, proxy.url, way[1], *command)
        for way in WAYS:
            command = [LAB] if way is C else [sys.executable, MAIL]
            parties[way[0]] = Party(history, *command, "post", proxy.url, 0, count,
                                    *([0] if way is C else []))
        history.wait(lambda: all(history.count("deliver", way[1]) >= 50 for way in WAYS),
                     "all are at it", BACK_S + WAIT)
        began, back = proxy.is_gone_for(OUTAGE_S, comes_back)
        during = [said for said in history.rows
                  if said["op"] == "deliver" and began + OUTAGE_S * 8e8 < said["t"] < back]
        equal(during, [], "delivered without a network")
        history.wait(lambda: history.count("accepted") == len(WAYS) * count and
                     history.is_drained(), "all is there", BACK_S + 2 * OUTAGE_S + 2 * WAIT)
        equal(history.judge()["delivered"], len(WAYS) * count, "messages")
        for who in C:
            pauses_are_kept(history, who)
            came = [said["t"] for said in history.rows
                    if said["op"] == "up" and said["p"] == who and said["t"] > back]
            holds(not came or came[0] < back + (BACK_S + WAIT) * 1e9, f"{who} is back in time")
            holds(came or comes_back != signal.SIGHUP, f"{who} had to come back")
            print(f"     {who}: {(came[0] - back) / 1e9:.1f} s" if came else
                  f"     {who}: its connection went on", flush=True)


@test(seconds=240)
def the_network_is_gone_and_comes_back(relay):
    """As TCP has it: connections that nobody has given up go on."""
    gone(relay, signal.SIGUSR2)


@test(seconds=240)
def the_network_is_gone_and_forgets_connections(relay):
    gone(relay, signal.SIGHUP)


if __name__ == "__main__":
    main()
