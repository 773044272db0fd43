# SPDX-License-Identifier: MIT
"""What the suites share: a relay to talk to, raw connections, a WebSocket that can misbehave,
and a runner whose closing line is `N passed, M failed`.

Nothing here knows how the relay is built; it is started as a user starts it and spoken to as
clawlink-v1.md says. Debian's python3, python3-requests and python3-websockets are enough.
"""
import asyncio
import base64
import contextlib
import ctypes
import functools
import hashlib
import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import traceback
import urllib.parse

import requests
import websockets

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("CLAWLINK_BIN") or os.path.join(ROOT, "build", "clawlink"))
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
UPGRADE = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]  # the key of RFC 6455 section 1.3
WAIT = 10  # seconds: long for a slow machine, short for a person


class Failure(Exception):
    """A test did not find what the document says."""


def holds(condition, what):
    if not condition:
        raise Failure(what)


def short(value):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 300 else text[:200] + " ... " + text[-60:]


def equal(found, wanted, what="value"):
    holds(found == wanted, f"{what}: found {short(found)}, wanted {short(wanted)}")


@contextlib.contextmanager
def row(what):
    """A failure inside tells which row of a table it was."""
    try:
        yield
    except Failure as failure:
        raise Failure(f"{what}: {failure}") from None


def until(condition, what, timeout=WAIT):
    """Asks until the answer is true, and between two questions leaves the processor to whoever is
    waited for. what: a text, or a function that makes it when it failed."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{what() if callable(what) else what}: not within {timeout} s")
        threading.Event().wait(0.002)


def heard(relay, agent):
    """When the agent was last heard of, once the clock has moved on: what comes now is later."""
    seen = relay.agent(agent)["last_heartbeat"]
    until(lambda: time.time() > seen + 0.003, "the clock stands still")  # it counts in ms
    return seen


def exact(text):
    """JSON with every number as the text it was written in."""
    def number(written):
        return "number " + written
    return json.loads(text, parse_int=number, parse_float=number)


def as_json(body):
    """The bytes of a body, which is an object or the bytes themselves."""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


# -- the programs ------------------------------------------------------------------------------


def beside(name):
    """A program of the tests, which is built beside the one under test."""
    return os.path.join(os.path.dirname(BIN), "tests", name)


def relay_command(folder=""):
    """The command and its first options; what it leaves behind goes into the folder."""
    command = shlex.split(os.environ.get("CLAWLINK_RELAY_CMD", "")) or [BIN, "relay"]
    return [part.replace("{folder}", folder) for part in command]


def not_in_process_table(pid, secret):
    with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
        told = cmdline.read()
    holds(secret.encode() not in told, f"the token is in the process table: {told!r}")


# -- /run ----------------------------------------------------------------------------------------


LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000


def in_place_of_run(folder, user=None):
    """What a process does so that /run is that folder for it and its children alone, and it is that
    user."""
    def before_exec():
        for failed in (LIBC.unshare(CLONE_NEWNS),
                       LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None),
                       LIBC.mount(os.fsencode(folder), b"/run", None, MS_BIND, None)):
            if failed:
                raise OSError(ctypes.get_errno(), "/run cannot be another folder")
        if user:
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
    return before_exec


def owns_run():
    """Can that be done? In a chroot "/" is no mount, and what is put over its /run would be seen
    outside."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False,
                                                stderr=subprocess.DEVNULL).returncode == 0


# -- the relay ---------------------------------------------------------------------------------


@functools.lru_cache(None)
def has_in_program(path, pattern):
    with open(path, "rb") as program:
        return bool(re.search(pattern, program.read()))


def environment(more=None):
    env = {name: value for name, value in os.environ.items() if not name.startswith("CLAWLINK_")}
    env.update(more or {})
    return env


def start_fails(*options, port="0", env=None):
    """Starts a relay that must end by itself; gives (status, stdout, stderr)."""
    with tempfile.TemporaryDirectory(prefix="clawlink-") as folder:
        command = relay_command(folder) + ["--port", port, *options]
        done = subprocess.run(command, env=environment(env), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=WAIT, check=False)
    return done.returncode, done.stdout, done.stderr


class Relay:
    """One relay process on a port of its own choice. Whoever starts one does so by `with`."""

    def __init__(self, *options, token=None, env=None, before_exec=None, port="0"):
        self.folder = tempfile.mkdtemp(prefix="clawlink-")
        self.stderr_path = os.path.join(self.folder, "stderr")
        self.token, self.opened, self.status = token, set(), None
        env = {"XDG_RUNTIME_DIR": self.folder, **(env or {})}  # where its admin door is
        command = relay_command(self.folder) + (["--port", port] if port else []) + [*options]
        if os.geteuid() != 0:  # whose tests could not count the relay's descriptors otherwise
            command.append("--allow-debugger")
        self._begin(command, environment(env), before_exec)
        end = time.monotonic() + WAIT
        while not self.line and "in use" in self.stderr() and time.monotonic() < end:
            self.kill()  # a suite beside this one has the port for a moment
            self._begin(command, environment(env), before_exec)
        # ThreadSanitizer runs the handler of a signal that comes right before the loop waits when
        # the wait is over, which may be never.
        self.keeps_signals = os.path.exists(BIN) and has_in_program(BIN, rb"__tsan_init")
        found = re.fullmatch(r"clawlink relay listening on (https?://(\[[^]]+\]|[^:/]+):(\d+))",
                             self.line)
        if not found:
            self.kill()
            said = short(self.stderr())
            self.clean()
            raise Failure(f"no listening line but {self.line!r}; {said}")
        self.url, self.host, self.port = found[1], found[2].strip("[]"), int(found[3])
        self.pin = self.agent_link = None
        if self.url.startswith("https"):
            self.pin = self._first_line().removeprefix("clawlink relay pin ")
        if any(option.startswith("--agent-link") for option in options):
            self.agent_link = self._first_line().removeprefix("clawlink relay agent link ")
        self.http = requests.Session()
        self.http.trust_env = False
        if token:
            self.http.headers["Authorization"] = "Bearer " + token

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        """After a good end the relay must end well too, unless the test has seen to that."""
        try:
            if kind is None and self.status is None:
                equal(self.stop(), 0, f"exit status of the relay ({short(self.stderr())})")
        finally:
            try:
                self.hang_up()
            finally:
                self.kill()
                self.clean()

    def _begin(self, command, env, before_exec):
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=stderr, preexec_fn=before_exec)
        self.pid = self.process.pid
        self.line = self._first_line()

    def _first_line(self):
        line, end = b"", time.monotonic() + WAIT
        while not line.endswith(b"\n"):
            ready = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]
            piece = os.read(self.process.stdout.fileno(), 1) if ready else b""
            if not piece:
                break
            line += piece
        return line.decode().rstrip("\n")

    def get(self, path, **options):
        return self.http.get(self.url + path, timeout=2 * WAIT, **options)

    def post(self, path, body, **options):
        """body: an object, or the bytes themselves."""
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return self.http.post(self.url + path, data=as_json(body), headers=headers,
                              timeout=2 * WAIT, **options)

    def pipelined(self, path, bodies, at_once=50):
        """Posts on one connection, so many in flight; gives the statuses."""
        statuses, bodies = [], list(bodies)
        with Http(self) as connection:
            for start in range(0, len(bodies), at_once):
                batch = bodies[start:start + at_once]
                connection.send(b"".join(connection.request("POST", path, body)
                                         for body in batch))
                statuses += [connection.answer().status for _ in batch]
        return statuses

    def good(self, path, body=None):
        """The object of an answer that must be 200."""
        answer = self.get(path) if body is None else self.post(path, body)
        equal(answer.status_code, 200, f"status of {path} ({short(answer.text)})")
        holds(answer.headers["Content-Type"].startswith("application/json"),
              f"{path} is {answer.headers['Content-Type']}")
        return answer.json()

    def register(self, *ids):
        for agent_id in ids:
            self.good("/register", {"agent_id": agent_id, "name": agent_id.upper()})

    def delegate(self, sender, target, task, **more):
        return self.good("/delegate", {"from_agent": sender, "to_agent": target, "task": task,
                                       **more})

    def poll(self, agent_id, query=""):
        path = "/poll/" + urllib.parse.quote(agent_id, safe="") + query
        answer = self.good(path)
        equal(set(answer), {"messages", "count"}, "members of a poll's answer")
        equal(answer["count"], len(answer["messages"]), "count")
        return answer["messages"]

    def tasks(self, agent_id, query=""):
        return [message.get("task") for message in self.poll(agent_id, query)]

    def agent(self, agent_id):
        """The agent's record in /discover, or None."""
        found = [a for a in self.good("/discover")["agents"] if a["agent_id"] == agent_id]
        return found[0] if found else None

    def stderr(self):
        with open(self.stderr_path, "rb") as log:
            return log.read().decode(errors="replace")

    def alive(self):
        equal(self.process.poll(), None, f"the relay ended ({short(self.stderr())}); status")
        with Http(self) as fresh:
            equal(fresh.ask("GET", "/healthz").json(), {"status": "ok"}, "/healthz")

    def memory_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])

    def grew_less(self, before, kib):
        """It holds less than that more memory than the KiB before."""
        grown = self.memory_kib() - before
        holds(grown < kib or self.instrumented(), f"grew by {grown} KiB")

    def instrumented(self):
        """A sanitizer or valgrind: correct behaviour, but memory figures mean nothing."""
        with open(f"/proc/{self.pid}/maps", encoding="utf-8", errors="replace") as maps:
            found = re.search(r"lib[at]san|valgrind|vgpreload", maps.read())
        return bool(found) or has_in_program(os.readlink(f"/proc/{self.pid}/exe"),
                                             rb"__[at]san_init")

    def wake_until_ended(self, within):
        end = time.monotonic() + within
        while self.process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError):  # it listens no longer
                socket.create_connection((self.host, self.port), 0.1).close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.2)

    def stop(self, number=signal.SIGTERM, within=12):
        """Ends the relay, gives its exit status. Its connections are closed first."""
        if self.status is None:
            self.hang_up()
            self.signal(number)
            self.wait(within)
        return self.status

    def signal(self, number):
        if self.process.poll() is None:
            os.kill(self.pid, number)

    @contextlib.contextmanager
    def asleep(self):
        """It answers nobody meanwhile."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def wait(self, within=12):
        try:
            if self.keeps_signals:
                self.wake_until_ended(within - 1)
            self.status = self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"the relay did not end within {within} s") from None
        more = self.process.stdout.read()
        self.process.stdout.close()
        equal(more, b"", "more than one line on standard output")
        return self.status

    def hang_up(self):
        for connection in list(self.opened):
            connection.drop()
        self.http.close()

    def kill(self):
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        self.status = self.process.wait(WAIT)

    def clean(self):
        shutil.rmtree(self.folder, ignore_errors=True)


# -- one connection, byte for byte -------------------------------------------------------------


class Answer:
    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        found = re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", lines[0])
        holds(found, f"status line {lines[0]!r}")
        self.status = int(found[1])
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.body = body

    def json(self):
        return json.loads(self.body)


class Http:
    """A TCP connection to the relay that sends what the test says."""

    def __init__(self, relay, receive_buffer=None):
        family = socket.AF_INET6 if ":" in relay.host else socket.AF_INET
        self.relay, self.buffer = relay, b""
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(WAIT)
        self.socket.connect((relay.host, relay.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        relay.opened.add(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()

    def send(self, *parts):
        for part in parts:
            self.socket.sendall(part.encode() if isinstance(part, str) else part)

    def try_send(self, *parts):
        """For input that the relay may answer, and cut, before its end."""
        try:
            self.send(*parts)
        except OSError:
            pass

    def request(self, verb, path, body=b"", fields=()):
        """The bytes of a plain request; body: an object, or the bytes themselves."""
        body = as_json(body)
        host = f"[{self.relay.host}]" if ":" in self.relay.host else self.relay.host
        lines = [f"{verb} {path} HTTP/1.1", f"Host: {host}:{self.relay.port}", *fields]
        if self.relay.token:
            lines.append("Authorization: Bearer " + self.relay.token)
        if body or verb == "POST":
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def ask(self, verb, path, body=b"", fields=()):
        self.send(self.request(verb, path, body, fields))
        return self.answer(head_only=verb == "HEAD")

    def _more(self, end):
        """Reads on; False at the end of the stream, Failure at the deadline."""
        self.socket.settimeout(max(0.001, end - time.monotonic()))
        try:
            piece = self.socket.recv(262144)
        except socket.timeout:
            raise Failure(f"nothing more to read, so far {short(self.buffer)}") from None
        except ConnectionError:
            return False
        self.buffer += piece
        return piece != b""

    def _upto(self, count, end):
        while len(self.buffer) < count:
            holds(self._more(end), f"closed in mid-answer after {short(self.buffer)}")
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _line(self, end):
        while b"\r\n" not in self.buffer:
            holds(self._more(end), f"closed in mid-line after {short(self.buffer)}")
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def answer(self, timeout=WAIT, head_only=False):
        end = time.monotonic() + timeout
        while b"\r\n\r\n" not in self.buffer:
            holds(self._more(end), f"closed without an answer, got {short(self.buffer)}")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        answer = Answer(head, b"")
        if head_only or answer.status < 200 or answer.status in (204, 304):
            return answer
        if "transfer-encoding" in answer.headers:
            while (size := int(self._line(end), 16)) > 0:
                answer.body += self._upto(size, end)
                equal(self._upto(2, end), b"\r\n", "end of a chunk")
            while self._line(end):
                pass
        else:
            answer.body = self._upto(int(answer.headers["content-length"]), end)
        return answer

    def rest(self, timeout=WAIT):
        """Everything up to the relay's close, which must come."""
        end = time.monotonic() + timeout
        while self._more(end):
            pass
        taken, self.buffer = self.buffer, b""
        return taken

    def readable(self, timeout=WAIT):
        return bool(self.buffer) or bool(select.select([self.socket], [], [], timeout)[0])

    def half_close(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def reset(self):
        """Away without a word: the peer sees a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.drop()

    def drop(self):
        self.socket.close()
        self.relay.opened.discard(self)


def refused(answer, status, text=None, code=None):
    """A refusal in the relay's manner: JSON with `error` (the exact text, if fixed)."""
    found = getattr(answer, "status_code", None) or answer.status
    wanted = status if isinstance(status, tuple) else (status,)
    body = getattr(answer, "text", None) or answer.body
    holds(found in wanted, f"status {found} ({short(body)}), wanted {status}")
    kind = {k.lower(): v for k, v in answer.headers.items()}.get("content-type", "none")
    holds(kind.startswith("application/json"), f"a refusal of type {kind}")
    said = answer.json()
    holds(isinstance(said.get("error"), str) and said["error"], f"no error in {short(said)}")
    holds(set(said) <= {"error", "code"}, f"members of a refusal: {short(said)}")
    if text is not None:
        equal(said["error"], text, "error")
    if code is not None:
        equal(said.get("code"), code, "code")


# -- a WebSocket that can withhold, break and lie ----------------------------------------------


class WebSocket(Http):
    """RFC 6455 by hand. With pong=False pings are kept in .pings and not answered."""

    def __init__(self, relay, agent_id, pong=True, fields=(), query="", more=b"", **options):
        super().__init__(relay, **options)
        self.pong, self.pings, self.key = pong, [], base64.b64encode(os.urandom(16)).decode()
        path = "/ws/" + urllib.parse.quote(agent_id, safe="") + query
        self.send(self.request("GET", path, fields=[
            *UPGRADE[:3], "Sec-WebSocket-Key: " + self.key, *fields]) + more)
        self.opening = self.answer(head_only=True)
        if self.opening.status != 101:
            self.opening.body = self._upto(int(self.opening.headers["content-length"]),
                                           time.monotonic() + WAIT)
            return
        accept = hashlib.sha1((self.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode())
        equal(self.opening.headers.get("sec-websocket-accept"),
              base64.b64encode(accept.digest()).decode(), "Sec-WebSocket-Accept")

    @staticmethod
    def frame(opcode, payload=b"", fin=True, rsv=0, mask=True, announce=None):
        """The bytes of a frame; announce lies about the length."""
        length = len(payload) if announce is None else announce
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        bit = 0x80 if mask else 0
        if length < 126:
            head += bytes([bit | length])
        elif length < 65536:
            head += struct.pack(">BH", bit | 126, length)
        else:
            head += struct.pack(">BQ", bit | 127, length)
        if not mask:
            return head + payload
        key = os.urandom(4)
        repeated = key * (len(payload) // 4 + 1)
        masked = int.from_bytes(payload, "big") ^ int.from_bytes(repeated[:len(payload)], "big")
        return head + key + masked.to_bytes(len(payload), "big")

    def write(self, opcode, payload=b"", **how):
        self.send(self.frame(opcode, payload, **how))

    def say(self, message):
        """Sends an object, or text as it is."""
        text = message if isinstance(message, (str, bytes)) else json.dumps(message)
        self.write(TEXT, text.encode() if isinstance(text, str) else text)

    def read(self, timeout=WAIT):
        """The next frame as (opcode, payload); (None, b"") when the stream ended."""
        end = time.monotonic() + timeout
        try:
            first, second = self._upto(2, end)
            length = second & 127
            if length == 126:
                length = struct.unpack(">H", self._upto(2, end))[0]
            elif length == 127:
                length = struct.unpack(">Q", self._upto(8, end))[0]
            equal(second & 128, 0, "mask bit of a server frame")
            equal(first & 0x70, 0, "reserved bits of a server frame")
            holds(first & 128, "the relay fragments")
            return first & 15, self._upto(length, end)
        except Failure as failure:
            if "closed in mid-answer after b''" in str(failure):
                return None, b""
            raise

    def text(self, timeout=WAIT):
        """The next message; pings on the way are answered, or kept."""
        end = time.monotonic() + timeout
        while True:
            opcode, payload = self.read(max(0.001, end - time.monotonic()))
            if opcode == PING:
                self.pings.append(payload)
                if self.pong:
                    self.answer_pings()
            elif opcode == TEXT:
                return payload.decode()
            else:
                holds(opcode == PONG, f"opcode {opcode} {short(payload)} where a message was due")

    def message(self, timeout=WAIT):
        return json.loads(self.text(timeout))

    def settled(self):
        """Reads up to the next ping and answers it: what was pushed is acknowledged."""
        opcode, payload = self.read()
        equal(opcode, PING, f"frame after a push ({short(payload)}); opcode")
        self.write(PONG, payload)

    def answer_pings(self):
        for payload in self.pings:
            self.write(PONG, payload)
        self.pings.clear()

    def silent(self, seconds=0.3):
        """No message is there and none comes soon. Pings are read on the way."""
        try:
            found = self.text(seconds)
        except Failure as failure:
            holds("nothing more to read" in str(failure), str(failure))
            return
        raise Failure(f"a message where none was due: {short(found)}")

    def close_code(self, timeout=WAIT):
        """Reads on to the close frame: its code, 1005 without one, 1006 for a bare end."""
        end = time.monotonic() + timeout
        while True:
            opcode, payload = self.read(max(0.001, end - time.monotonic()))
            if opcode is None:
                return 1006
            if opcode == CLOSE:
                return struct.unpack(">H", payload[:2])[0] if payload else 1005

    def leave(self, code=1000):
        """An orderly close, up to the end of the stream."""
        self.write(CLOSE, struct.pack(">H", code))
        equal(self.close_code(), code, "echoed close code")
        self.rest()
        self.drop()


# -- the websockets package, from ordinary code ------------------------------------------------


class Library:
    """A client of Debian's python3-websockets, kept alive by a loop in a thread."""
    loop = None

    def __init__(self, relay, agent_id, query="", **options):
        Library.start()
        url = relay.url.replace("http", "ws", 1) + "/ws/" + agent_id + query
        self.relay, self.connection = relay, self.run(self._connect(url, options))
        relay.opened.add(self)

    @staticmethod
    def start():
        if Library.loop is None:
            Library.loop = asyncio.new_event_loop()
            threading.Thread(target=Library.loop.run_forever, daemon=True).start()

    @staticmethod
    def begin(work):
        """Gives a future of what it will come to."""
        Library.start()
        return asyncio.run_coroutine_threadsafe(work, Library.loop)

    @staticmethod
    def run(work, timeout=WAIT):
        return asyncio.run_coroutine_threadsafe(work, Library.loop).result(timeout)

    @staticmethod
    async def _connect(url, options):
        return await websockets.connect(url, **options)

    def say(self, message):
        self.run(self.connection.send(json.dumps(message)))

    def message(self, timeout=WAIT):
        return json.loads(self.run(self.connection.recv(), timeout))

    def drop(self):
        self.relay.opened.discard(self)
        self.run(self.connection.close())

    def closed(self, timeout=WAIT):
        """Waits for the end and gives its code."""
        self.run(self.connection.wait_closed(), timeout)
        return self.connection.close_code


# -- the runner --------------------------------------------------------------------------------

TESTS = []


def test(*options, relay=True, token=None, seconds=60):
    """A test: gets a fresh relay, started with the options, which must end well afterwards."""
    def add(function):
        TESTS.append((function, options, relay, token, seconds))
        return function
    return add


def _overdue(*_):
    raise Failure("the test did not come to its end in time")


def _where(error):
    own = [f for f in traceback.extract_tb(error.__traceback__)
           if not f.filename.endswith("support.py") and ROOT in os.path.abspath(f.filename)]
    return f"{os.path.basename(own[-1].filename)}:{own[-1].lineno}" if own else "?"


def _run_one(function, options, wants_relay, token, seconds):
    signal.signal(signal.SIGALRM, _overdue)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        if not wants_relay:
            function()
            return
        if token:
            options = (*options, "--token", token)
        with Relay(*options, token=token) as relay:
            function(relay)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main():
    """Runs the tests whose names contain one of the arguments, all without arguments, and ends the
    program. No test at all is a failure."""
    wanted = sys.argv[1:]
    passed = failed = 0
    for entry in TESTS:
        name = entry[0].__name__
        if wanted and not any(part in name for part in wanted):
            continue
        try:
            _run_one(*entry)
            passed += 1
            print(f"ok {name}", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            kind = "" if isinstance(error, Failure) else type(error).__name__ + " "
            what = " ".join(str(error).split())
            print(f"FAIL {name}: {_where(error)}: {kind}{what}", flush=True)
            if kind:
                print(textwrap.indent(traceback.format_exc(), "    "), flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(0 if passed and not failed else 1)
