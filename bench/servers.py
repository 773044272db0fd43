# SPDX-License-Identifier: MIT
"""The servers that bench/run measures: how each is found, started, and what version it is."""
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"
START_SECONDS = 10
PYTHON = "/usr/bin/python3"  # Debian's, which sees Debian's packages
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


class NoFigure(Exception):
    """A server did not start, or the generator ended without a result."""


def which(program):
    return shutil.which(program, path=PATH)


def pin(cpu, command):
    """The command on one processor of its own, where the machine has two."""
    cpus = sorted(os.sched_getaffinity(0))
    if which("taskset") and len(cpus) > 1:
        return ["taskset", "-c", str(cpus[cpu]), *command]
    return [*command]


def says(*command):
    """What a command prints, standard error as well; empty when it fails."""
    try:
        answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, timeout=START_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(server, port):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return port
        time.sleep(0.02)
    raise NoFigure("did not start")


def wait_for_line(server):
    """Of servers that print "listening on http://127.0.0.1:PORT"."""
    line = server.stdout.readline()
    match = re.search(r"listening on https?://.*:(\d+)", line)
    if match is None:
        raise NoFigure("did not start: " + line.strip())
    return int(match.group(1))


@dataclasses.dataclass
class Server:
    """A way to start one server. `needs` returns what is missing, or nothing."""
    name: str
    protocol: str  # of the generator
    needs: object
    command: object  # scratch directory, port -> words
    version: object
    wait: object = None  # None: for the line
    tls: bool = False
    job: str = None  # of the generator, other than the row's
    program: str = "loadgen"  # the generator, or another with its words

    def start(self, scratch):
        """(process, port); its output is in scratch."""
        port = free_port()
        with open(scratch / f"{self.name}.log", "w") as log:
            process = subprocess.Popen(
                pin(0, self.command(scratch, port)), stderr=log, text=True,
                stdout=log if self.wait else subprocess.PIPE, cwd=scratch)
        try:
            if self.wait:
                return process, self.wait(process, port, scratch)
            return process, wait_for_line(process)
        except NoFigure:
            stop(process)
            tail = (scratch / f"{self.name}.log").read_text(errors="replace")[-500:]
            raise NoFigure(f"{self.name} did not start: {tail.strip()}") from None


def generator(build, row, server, port, pid, *options):
    """The words that run a row's job on that server."""
    command = [build / "bench" / server.program, server.job or row.job[0],
               row.protocol or server.protocol, str(port), str(pid), *row.job[1:], *options]
    return pin(1, command + (["--tls", "1"] if server.tls else []))


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


# -- each of them -------------------------------------------------------------------------------

def needs_program(program, package):
    return lambda: [] if which(program) else [package]


def needs_python(*modules):
    def missing():
        absent = [name for name in modules if not says(PYTHON, "-c", f"import {name}; print(1)")]
        return [f"python3-{name}" for name in absent]
    return missing


def needs_node_ws():
    return ([] if which("node") else ["nodejs"]) + (
        [] if pathlib.Path("/usr/share/nodejs/ws").exists() else ["node-ws"])


def wait_nats(process, _, scratch):
    ports = scratch / f"nats-server_{process.pid}.ports"
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            return int(json.loads(ports.read_text())["nats"][0].rsplit(":", 1)[1])
        except (OSError, ValueError):
            time.sleep(0.02)
    raise NoFigure("did not start")


def mosquitto_command(scratch, port):
    # As root it would change its user and lose the sight of the scratch directory.
    (scratch / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type error\n"
        "max_queued_messages 0\nset_tcp_nodelay true\nuser root\n")
    return [which("mosquitto"), "-c", scratch / "mosquitto.conf"]


def certificate(scratch):
    """A key and a certificate for the relay, which the generator believes."""
    key, cert = scratch / "key.pem", scratch / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", cert],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    key.chmod(0o600)
    return ["--tls-cert", cert, "--tls-key", key]


def first_line(text):
    return text.splitlines()[0] if text else "?"


def known(build):
    """All servers by name, with the relay and the raw server of that build directory."""
    # Two agents that ask and answer for ever are a loop to the relay; here they may.
    relay = [build / "clawlink", "relay", "--port", "0", "--log-level", "warn",
             "--inherited-hops", "0", "--inherited-messages", "0",
             "--max-connections", "20000"]

    def needs_tls():
        has_tls = "--tls-cert" in says(str(build / "clawlink"), "help", "relay")
        return ([] if has_tls else ["a relay with --tls-cert"]) + (
            [] if which("openssl") else ["openssl"])

    def relay_version():
        return first_line(says(str(build / "clawlink"), "--version"))

    def package(name):
        return lambda: says("dpkg-query", "-W", "-f", "${Version}", name) or "?"

    def aiohttp_version():
        return says(PYTHON, "-c", "import sys, aiohttp; print(aiohttp.__version__, 'on Python',"
                                  " sys.version.split()[0])")

    def node_version():
        return f"ws {package('node-ws')()} on Node {says('node', '--version')}"

    def needs_cnats():
        # The program is built where the library is there.
        has_cnats = (build / "bench" / "client-nats").exists()
        return needs_program("nats-server", "nats-server")() + (
            [] if has_cnats else ["libnats-dev"])

    def cnats_version():
        return f"{package('libnats-dev')()}, {says(which('nats-server'), '--version')}"

    def nats(scratch, *more):
        return [which("nats-server"), "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", scratch,
                "-l", scratch / "server.log", *more]

    def redis(port, *more):
        return [which("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                "--loglevel", "warning", *more]

    aiohttp = [PYTHON, PEERS / "relay_aiohttp.py"]
    servers = [
        Server("relay", "relay", lambda: [], lambda *_: relay, relay_version),
        Server("relay v2", "v2", lambda: [], lambda *_: relay, relay_version),
        Server("relay --data", "relay", lambda: [],
               lambda scratch, _: [*relay, "--data", scratch / "data"], relay_version,
               job="routed"),
        Server("libclawlink", "claw", lambda: [], lambda *_: relay, relay_version,
               program="client-claw"),
        # Nobody takes what this one stores.
        Server("relay --data v2", "v2-store", lambda: [],
               lambda scratch, _: [*relay, "--data", scratch / "data", "--inbox-messages",
                                   str(2**32 - 1), "--inbox-bytes", str(2**40),
                                   "--all-inboxes-bytes", str(2**40)], relay_version),
        Server("relay-tls", "relay", needs_tls,
               lambda scratch, _: [*relay, *certificate(scratch)],
               lambda: relay_version() + ", " + says("openssl", "version"), tls=True),
        Server("raw epoll", "ws", lambda: [], lambda *_: [build / "bench" / "peer-epoll"],
               lambda: "bench/peers/epoll.c"),
        Server("nats", "nats", needs_program("nats-server", "nats-server"),
               lambda scratch, _: nats(scratch),
               lambda: says(which("nats-server"), "--version"), wait_nats),
        Server("jetstream", "jetstream", needs_program("nats-server", "nats-server"),
               lambda scratch, _: nats(scratch, "-js", "-sd", scratch / "data"),
               lambda: says(which("nats-server"), "--version"), wait_nats, job="store"),
        Server("cnats", "nats", needs_cnats, lambda scratch, _: nats(scratch), cnats_version,
               wait_nats, program="client-nats"),
        Server("cnats jetstream", "jetstream", needs_cnats,
               lambda scratch, _: nats(scratch, "-js", "-sd", scratch / "data"), cnats_version,
               wait_nats, program="client-nats"),
        Server("redis", "redis", needs_program("redis-server", "redis-server"),
               lambda _, port: redis(port, "--appendonly", "no"),
               lambda: first_line(says(which("redis-server"), "--version")),
               lambda process, port, _: wait_for_port(process, port)),
        # It would write its log anew in another process, whose time nobody counts.
        Server("redis streams", "redis-stream", needs_program("redis-server", "redis-server"),
               lambda scratch, port: redis(port, "--dir", scratch, "--appendonly", "yes",
                                           "--appendfsync", "always",
                                           "--auto-aof-rewrite-percentage", "0"),
               lambda: first_line(says(which("redis-server"), "--version")),
               lambda process, port, _: wait_for_port(process, port), job="store"),
        Server("mosquitto", "mqtt", needs_program("mosquitto", "mosquitto"), mosquitto_command,
               package("mosquitto"), lambda process, port, _: wait_for_port(process, port)),
        Server("node ws", "ws", needs_node_ws, lambda *_: ["node", PEERS / "relay_ws.mjs"],
               node_version),
        Server("aiohttp", "ws", needs_python("aiohttp"), lambda *_: aiohttp, aiohttp_version),
        Server("aiohttp+uvloop", "ws", needs_python("aiohttp", "uvloop"),
               lambda *_: [*aiohttp, "--uvloop"],
               lambda: "uvloop " + says(PYTHON, "-c", "import uvloop; print(uvloop.__version__)")),
    ]
    return {server.name: server for server in servers}
