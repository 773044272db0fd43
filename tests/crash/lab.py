# SPDX-License-Identifier: MIT
"""A relay that is started and ended again and again, on one port and one folder."""
import asyncio
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from post import pause

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.path.abspath(os.environ.get("CLAWLINK_BIN") or os.path.join(ROOT, "build", "clawlink"))
POWER = os.path.join(os.path.dirname(BIN), "tests", "relay-power")
START_S = 60
passed = failed = 0


def log(text):
    print(text, flush=True)


def check(holds, what):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
    log(f"{'ok  ' if holds else 'FAIL'} {what}")
    return holds


def skip(what, why):
    """Aloud, and never in CI."""
    if os.environ.get("CI"):
        check(False, f"{what} must run in CI, but {why}")
    else:
        log(f"SKIP {what}: {why}")


def closing():
    print(f"{passed} passed, {failed} failed")
    sys.exit(0 if passed and not failed else 1)


def free_port():
    """Below those that the system gives to clients, so that nobody takes it while no relay is there,
    and no client connects to itself."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Died(Exception):
    """The relay did not start."""


class Relay:
    """One place for relays, of which one at a time lives."""

    def __init__(self, *options, command=None, env=None, folder=None):
        self.folder = folder or tempfile.mkdtemp(prefix="clawlink-crash-")
        self.is_own = folder is None
        self.data = os.path.join(self.folder, "data")
        self.log_path = os.path.join(self.folder, "log")
        self.port, self.options = free_port(), options
        self.command, self.env = command or [BIN], env or {}
        self.process, self.pid, self.starting_s = None, None, 0

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process and self.process.poll() is None:
            self.kill()
        if kind is None and failed == 0 and self.is_own:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif self.is_own:
            log(f"     left as it is: {self.folder}")

    def command_of(self, command):
        return command or self.command

    def launch(self, env=None, command=None):
        """Starts it and does not wait."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("CLAWLINK_")}
        with open(self.log_path, "ab") as out:
            self.process = subprocess.Popen(
                [*self.command_of(command), "relay", "--port", str(self.port), "--data", self.data,
                 "--no-mdns", "--admin-socket", "none", *self.options],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=out, text=True,
                env={**clean, **self.env, **(env or {})})
        self.pid = self.process.pid

    async def start(self, env=None, command=None):
        """Until it listens. Gives the seconds."""
        begin = time.monotonic()
        self.launch(env, command)
        loop = asyncio.get_running_loop()
        line = await asyncio.wait_for(loop.run_in_executor(None, self.process.stdout.readline),
                                      START_S)
        self.process.stdout.close()
        if "listening on" not in line:
            raise Died(f"exit {self.process.wait()}: {self.log().splitlines()[-1:]}")
        if self.command_of(command)[0] == "strace":  # which ends with what it looks at
            with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as children:
                self.pid = int(children.read().split()[0])
        took = time.monotonic() - begin
        self.starting_s += took
        return took

    def signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        """As the power does it. Gives the exit status."""
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
        return self.process.wait()

    async def ended(self, within=10):
        """Waits for an end that is due. Gives the exit status."""
        end = time.monotonic() + within
        while self.process.poll() is None and time.monotonic() < end:
            await pause(0.002)
        return self.process.poll()

    async def stop(self):
        self.signal(signal.SIGTERM)
        return await self.ended()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def errors(self):
        return [line for line in self.log().splitlines() if "level=error" in line]

    def snapshots(self):
        return len(re.findall(r"event=journal\.snapshot ", self.log()))


async def until(condition, seconds, step=0.01):
    """True: it holds; False: not within those seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        await pause(step)
    return True
