# SPDX-License-Identifier: MIT
"""One load each, in a process of its own: workers.py ROLE HOST PORT SECONDS OUT [ARGUMENT...].

Each ends by itself after its seconds and leaves what it found as JSON in OUT.
"""
import base64
import json
import os
import random
import socket
import struct
import sys
import time

TOKEN = "t"
RESET = struct.pack("ii", 1, 0)


def pause(seconds):
    time.sleep(max(0, seconds))  # no-sleep-ok: a load has a pace, and that is real time


def connect(host, port, timeout=5, receive_buffer=None):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    if receive_buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    made.settimeout(timeout)
    made.connect((host, port))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def request(verb, path, body=b""):
    more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return (f"{verb} {path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {TOKEN}\r\n{more}\r\n").encode() + body


def answer(stream, rest=b""):
    """(status, body, what came behind it)"""
    while b"\r\n\r\n" not in rest:
        piece = stream.recv(65536)
        if not piece:
            raise ConnectionError("closed")
        rest += piece
    head, rest = rest.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(rest) < length:
        piece = stream.recv(65536)
        if not piece:
            raise ConnectionError("closed")
        rest += piece
    return int(head[9:12]), rest[:length], rest[length:]


def delegate(sender, target, task):
    return json.dumps({"from_agent": sender, "to_agent": target, "task": task}).encode()


class Ws:
    """Just enough of RFC 6455."""

    def __init__(self, host, port, agent, **options):
        self.stream = connect(host, port, **options)
        key = base64.b64encode(os.urandom(16)).decode()
        self.stream.sendall((f"GET /ws/{agent} HTTP/1.1\r\nHost: localhost\r\n"
                             f"Authorization: Bearer {TOKEN}\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                             f"Sec-WebSocket-Key: {key}\r\n\r\n").encode())
        self.rest = b""
        while b"\r\n\r\n" not in self.rest:
            piece = self.stream.recv(65536)
            if not piece:
                raise ConnectionError("closed")
            self.rest += piece
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.decode())

    def write(self, opcode, payload):
        head = bytes([0x80 | opcode])
        head += bytes([0x80 | len(payload)]) if len(payload) < 126 else \
            struct.pack(">BH", 0x80 | 126, len(payload))
        self.stream.sendall(head + b"\0\0\0\0" + payload)

    def take(self, count):
        while len(self.rest) < count:
            piece = self.stream.recv(65536)
            if not piece:
                raise ConnectionError("closed")
            self.rest += piece
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def message(self):
        """The next text message; pings are answered on the way."""
        while True:
            first, length = self.take(2)
            if length == 126:
                length = struct.unpack(">H", self.take(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.take(8))[0]
            payload = self.take(length)
            if first & 15 == 9:
                self.write(10, payload)
            elif first & 15 == 1:
                return json.loads(payload)
            elif first & 15 == 8:
                raise ConnectionError("close frame")


# -- measuring ---------------------------------------------------------------------------------


def probe(host, port, seconds, out):
    """GET /healthz every 100 ms, each on a connection of its own: milliseconds, failures."""
    took, failures = [], []
    end = time.monotonic() + seconds
    due = time.monotonic()
    while due < end:
        begin = time.monotonic()
        try:
            with connect(host, port, timeout=3) as stream:
                stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                status = answer(stream)[0]
            if status != 200:
                failures.append(f"status {status}")
        except OSError as error:
            failures.append(repr(error))
        took.append((time.monotonic() - begin) * 1000)
        due = max(due + 0.1, time.monotonic())
        pause(due - time.monotonic())
    write(out, {"ms": took, "failures": failures})


def quiet(host, port, seconds, out):
    """A pair over WebSockets, 10 messages a second: milliseconds of each, and what was lost."""
    receiver, sender = Ws(host, port, "quiet-b"), Ws(host, port, "quiet-a")
    took, lost = [], []
    end = time.monotonic() + seconds
    due, number = time.monotonic(), 0
    while due < end:
        begin = time.monotonic()
        sender.write(1, json.dumps({"type": "delegate", "to_agent": "quiet-b",
                                    "task": str(number)}).encode())
        try:
            found = receiver.message()["task"]
            if found != str(number):
                lost.append(f"{number}: came {found}")
        except (OSError, TimeoutError) as error:
            lost.append(f"{number}: {error!r}")
            break
        took.append((time.monotonic() - begin) * 1000)
        number += 1
        due = max(due + 0.1, time.monotonic())
        pause(due - time.monotonic())
    write(out, {"ms": took, "failures": lost})


# -- attacking ---------------------------------------------------------------------------------


def flood(host, port, seconds, out):
    """One sender, one inbox that nobody empties, as fast as it goes."""
    statuses = {}
    end = time.monotonic() + seconds
    body = request("POST", "/delegate", delegate("flooder", "sink", "x" * 1000))
    with connect(host, port, timeout=10) as stream:
        rest = b""
        while time.monotonic() < end:
            stream.sendall(body * 32)
            for _ in range(32):
                status, _, rest = answer(stream, rest)
                statuses[status] = statuses.get(status, 0) + 1
    write(out, {"statuses": statuses})


def garbage(host, port, seconds, out):
    """Connections of random bytes, or of good beginnings with random ends."""
    chance = random.Random(7)
    begins = [b"", b"GET / HTTP/1.1\r\n", b"POST /register HTTP/1.1\r\nHost: localhost\r\n",
              request("POST", "/delegate", b"{"), b"\x16\x03\x01\x02\x00"]
    sent = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with connect(host, port, timeout=2) as stream:
                stream.sendall(chance.choice(begins) + chance.randbytes(chance.randrange(1, 3000)))
                if chance.random() < 0.5:
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        except OSError:
            pass
        sent += 1
    write(out, {"connections": sent})


def churn(host, port, seconds, out, count):
    """That many connections, each cut with a reset: at once, in mid-request, in mid-poll and in
    mid-WebSocket."""
    upgrade = (b"GET /ws/churn HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
               b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
               b"Authorization: Bearer t\r\n\r\n")
    end = time.monotonic() + seconds
    done = 0
    while done < int(count) and time.monotonic() < end:
        with connect(host, port) as stream:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            kind = done % 4
            if kind == 1:
                stream.sendall(b"POST /files HTTP/1.1\r\nHost: localhost\r\nContent-Le")
            elif kind == 2:
                stream.sendall(request("GET", "/poll/churn?wait=60"))
            elif kind == 3:
                stream.sendall(upgrade)
                if done % 8 == 3:
                    stream.recv(200)
                    stream.sendall(b"\x81\xfe")  # half a frame's head
        done += 1
    write(out, {"connections": done})


def mixed(host, port, seconds, out, name):
    """What a busy mesh does, in a state that does not grow: sockets that come and go, polls, files,
    broadcasts, refusals, cut connections."""
    chance = random.Random(name)
    end = time.monotonic() + seconds
    done = 0
    while time.monotonic() < end:
        me = f"{name}-{done % 20}"
        with connect(host, port) as stream:
            rest = b""
            for verb, path, body in (
                    ("POST", "/register", json.dumps({"agent_id": me, "name": me}).encode()),
                    ("POST", "/delegate", delegate(me, me, "x" * chance.randrange(1, 20000))),
                    ("POST", "/broadcast", json.dumps({"from_agent": me, "topic": "t",
                                                       "content": "c" * 100}).encode()),
                    ("POST", "/files", json.dumps({"file_key": f"f{done % 10}", "agent_id": me,
                                                   "content": "y" * 2000}).encode()),
                    ("GET", "/discover", b""), ("GET", "/nowhere", b"")):
                stream.sendall(request(verb, path, body))
                _, _, rest = answer(stream, rest)
        # What waits for the twenty is taken, by a socket and by polls.
        listener = Ws(host, port, me)
        listener.message()
        listener.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        listener.stream.close()
        with connect(host, port) as stream:
            rest = b""
            for other in range(20):
                count = 1
                while count > 0:
                    stream.sendall(request("GET", f"/poll/{name}-{other}"))
                    _, body, rest = answer(stream, rest)
                    count = json.loads(body)["count"]
        done += 1
    write(out, {"rounds": done})


def write(out, found):
    with open(out, "w", encoding="ascii") as file:
        json.dump(found, file)


if __name__ == "__main__":
    ROLES = {r.__name__: r for r in (probe, quiet, flood, garbage, churn, mixed)}
    ROLES[sys.argv[1]](sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5],
                       *sys.argv[6:])
