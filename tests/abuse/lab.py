# SPDX-License-Identifier: MIT
"""A relay on processor 0, its attackers on processor 1, and a network between them that nobody
else is on: two namespaces joined by a veth pair."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.path.abspath(os.environ.get("CLAWLINK_BIN") or os.path.join(ROOT, "build", "clawlink"))
PYTHON = "/usr/bin/python3"
SERVER, ATTACKER, NEIGHBOUR = "10.231.7.1", "10.231.7.2", "10.231.7.3"


class Network:
    """SERVER in one namespace; ATTACKER in a second, NEIGHBOUR, who is honest, in a third."""

    def __init__(self):
        self.names = {address: f"claw{os.getpid()}{letter}"
                      for address, letter in ((SERVER, "s"), (ATTACKER, "a"), (NEIGHBOUR, "n"))}

    def __enter__(self):
        bridge = self.names[SERVER]
        for name in self.names.values():
            self._ip("netns", "add", name)
            self._ip("-n", name, "link", "set", "lo", "up")
        self._ip("-n", bridge, "link", "add", "br0", "type", "bridge")
        for address in (ATTACKER, NEIGHBOUR):
            other = self.names[address]
            self._ip("link", "add", "eth0", "netns", other, "type", "veth",
                     "peer", "name", "to" + other[-1], "netns", bridge)
            self._ip("-n", bridge, "link", "set", "to" + other[-1], "master", "br0", "up")
            self._ip("-n", other, "addr", "add", address + "/24", "dev", "eth0")
            self._ip("-n", other, "link", "set", "eth0", "up")
        self._ip("-n", bridge, "addr", "add", SERVER + "/24", "dev", "br0")
        self._ip("-n", bridge, "link", "set", "br0", "up")
        return self

    def __exit__(self, *_):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)

    @staticmethod
    def _ip(*words):
        subprocess.run(["ip", *words], check=True)

    def at(self, address):
        """What a command begins with, to run there."""
        return ["ip", "netns", "exec", self.names[address]]


class Loopback:
    """The same without a network: everybody is of this machine."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def at(self, _address):
        return []


def pinned(processor):
    """The relay has processor 0 for itself, where there are two."""
    return ["taskset", "-c", str(processor % os.cpu_count())]


class Lab:
    """A relay in a network, and what is started against it; at the end nothing is left."""

    def __init__(self, network, *options):
        self.network, self.options = network, options
        self.host = SERVER if isinstance(network, Network) else "127.0.0.1"
        self.folder = tempfile.mkdtemp(prefix="clawlink-abuse-")
        self.running, self.made = [], 0

    def __enter__(self):
        # What else the machine does must not be measured.
        ahead = ["nice", "-n", "-5"] if os.geteuid() == 0 else []
        command = [*self.network.at(SERVER), *ahead, *pinned(0), BIN, "relay", "--host", self.host,
                   "--port", "0", "--allow-plain", "--no-mdns", "--log-level", "error",
                   *self.options]
        self.relay = self._start(command, stdout=subprocess.PIPE, text=True,
                                 env={**os.environ, "XDG_RUNTIME_DIR": self.folder})
        line = self.relay.stdout.readline()
        found = re.search(r":(\d+)$", line.strip())
        if not found:
            raise RuntimeError(f"the relay says {line!r}")
        self.port = int(found[1])
        self.url = f"http://{self.host}:{self.port}"
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, command, **how):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **how)
        self.running.append(process)
        return process

    # -- loads ---------------------------------------------------------------------------------

    def worker(self, role, seconds, *arguments, at=NEIGHBOUR, nice=0):
        """Starts it; what it found is had by result()."""
        self.made += 1
        out = os.path.join(self.folder, f"{role}-{self.made}")
        process = self._start(
            [*self.network.at(at), "nice", "-n", str(nice if os.geteuid() == 0 else max(nice, 0)),
             *pinned(1), PYTHON,
             os.path.join(HERE, "workers.py"), role, self.host, str(self.port), str(seconds), out,
             *arguments])
        return process, out

    def python(self, code):
        """A few lines of Python at an honest place, with workers as w, and host and port."""
        return self._start(
            [*self.network.at(NEIGHBOUR), PYTHON, "-c",
             f"import json,sys,time;sys.path.insert(0,{HERE!r});import workers as w;"
             f"host={self.host!r};port={self.port}\n" + code],
            stdout=subprocess.PIPE, text=True)

    def result(self, worker, timeout):
        process, out = worker
        status = process.wait(timeout)
        if status != 0:
            raise RuntimeError(f"{os.path.basename(out)} ended with {status}")
        with open(out, encoding="ascii") as file:
            return json.load(file)

    def slow(self, *options, path="/", seconds=60):
        """slowhttptest with 500 connections; it ends when all of them are closed."""
        out = open(os.path.join(self.folder, f"slow-{len(self.running)}"), "w+", encoding="utf-8")
        process = self._start(
            [*self.network.at(ATTACKER), "nice", "-n", "10", *pinned(1), "slowhttptest", *options,
             "-c", "500", "-r", "500", "-l", str(seconds), "-p", "3", "-u", self.url + path],
            stdout=out, stderr=subprocess.STDOUT)
        return process, out, time.monotonic()

    # -- looking -------------------------------------------------------------------------------

    def status(self):
        done = subprocess.run([BIN, "relay", "status", "--json", "--admin-socket", self.door()],
                              capture_output=True, text=True, check=True, timeout=20)
        return json.loads(done.stdout)

    def door(self):
        return os.path.join(self.folder, "clawlink", f"relay-{self.port}.sock")

    def refusals(self):
        """{reason: count}"""
        return {r["reason"]: r["count"] for r in self.status()["refusals"]}

    def sockets(self):
        """Connections of the relay's port that the system still keeps, whoever holds them."""
        count = 0
        for name in ("tcp", "tcp6"):
            with open(f"/proc/{self.relay.pid}/net/{name}", encoding="ascii") as file:
                for line in file.readlines()[1:]:
                    _, local, _, state = line.split()[:4]
                    is_waiting = state in ("0A", "06")  # for new ones; for stray packets of old
                    count += int(local.split(":")[1], 16) == self.port and not is_waiting
        return count

    def rss_kib(self):
        with open(f"/proc/{self.relay.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.relay.pid}/fd"))


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def log(text):
    print(text, flush=True)
    sys.stdout.flush()
