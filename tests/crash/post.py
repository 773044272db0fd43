# SPDX-License-Identifier: MIT
"""Senders and receivers that outlive the relay: they come back, send again what was not answered,
and note all they see for tests/support/mailbox_check.py.

Everything runs in one thread on one loop, so the notes of all of them are in the order of time.
Two kinds of line to the relay, a WebSocket of v2 or v1 and a kept HTTP connection, carry five kinds
of agent: v2 pushed, v2 over HTTP, v1 polling, v1 pushed, v1 that delegates.
"""
import asyncio
import base64
import collections
import itertools
import json
import os
import random
import struct
import time
import zlib

BACK_S = (0.002, 0.02)  # until the next attempt to come back: there are a hundred crashes
REFUSED_S = 0.2             # until the next attempt after a refusal
PRIORITIES = (2, 2, 2, 2, 1, 3, 0)
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
UPGRADE = ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def opened(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def checksum(text):
    return zlib.crc32(text.encode())


async def pause(seconds):
    await asyncio.sleep(seconds)  # no-sleep-ok: who comes back does so after a pause


# -- lines ---------------------------------------------------------------------------------------


class Line(asyncio.Protocol):
    """A TCP connection of somebody, who hears `came`, `text` or `answer`, and `lost`. Whatever is
    readable when the relay dies is heard before `lost`."""
    numbers = itertools.count(1)

    def __init__(self, owner):
        self.owner, self.transport, self.rest = owner, None, b""
        self.number, self.asked = next(Line.numbers), {}
        self.last = time.monotonic()

    def connection_made(self, transport):
        self.transport = transport
        self.owner.post.lines.add(self)

    def connection_lost(self, _error):
        self.owner.lost(self)

    def data_received(self, data):
        self.rest += data
        self.last = time.monotonic()
        while self.transport and not self.transport.is_closing() and self.take():
            pass

    def write(self, data):
        if not self.transport.is_closing():
            self.transport.write(data)

    def drop(self):
        self.transport.abort()

    def is_written(self):
        """Has the system taken all that was written?"""
        return self.transport is not None and self.transport.get_write_buffer_size() == 0


class Socket(Line):
    """A WebSocket. Its frames are masked with zeros: nobody is in between."""

    def __init__(self, owner, path):
        super().__init__(owner)
        self.path, self.is_open = path, False

    def connection_made(self, transport):
        super().connection_made(transport)
        transport.write(f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n".encode())

    def take(self):
        if not self.is_open:
            return self.take_opening()
        rest = self.rest
        if len(rest) < 2:
            return False
        head, length = 2, rest[1]
        if length == 126:
            head, length = 4, int.from_bytes(rest[2:4], "big")
        elif length == 127:
            head, length = 10, int.from_bytes(rest[2:10], "big")
        if len(rest) < head + length:
            return False
        payload, self.rest = rest[head:head + length], rest[head + length:]
        opcode = rest[0] & 15
        if opcode == TEXT:
            self.owner.text(self, payload)
        elif opcode == PING:
            self.frame(PONG, payload)
        elif opcode == CLOSE:
            self.frame(CLOSE, payload)
            self.transport.close()
        return True

    def take_opening(self):
        if b"\r\n\r\n" not in self.rest:
            return False
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            self.drop()
            return False
        self.is_open = True
        self.owner.came(self)
        return True

    def frame(self, opcode, payload):
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else \
            struct.pack(">BH", 0xFE, length) if length < 65536 else struct.pack(">BQ", 0xFF, length)
        self.write(bytes([0x80 | opcode]) + size + b"\0\0\0\0" + payload)


class Http(Line):
    """A kept HTTP connection; answers come in the order of the requests."""

    def __init__(self, owner):
        super().__init__(owner)
        self.due = collections.deque()

    def connection_made(self, transport):
        super().connection_made(transport)
        self.owner.came(self)

    def ask(self, verb, path, body, what):
        more = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        self.due.append(what)
        self.write(f"{verb} {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode() + body)

    def take(self):
        end = self.rest.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self.rest[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15:].split(b"\r\n")[0]) if at >= 0 else 0
        if len(self.rest) < end + 4 + length:
            return False
        body, self.rest = self.rest[end + 4:end + 4 + length], self.rest[end + 4 + length:]
        self.owner.answer(self, self.due.popleft(), int(head[9:12]), json.loads(body or b"{}"))
        return True


# -- the whole -------------------------------------------------------------------------------------


class Post:
    """All agents of one load against whatever relay listens at the port."""

    def __init__(self, port, seed, patience=None):
        self.port, self.patience = port, patience
        self.random = random.Random(seed)
        self.begun, self.is_enough = 0, False  # messages sent, and none is to be sent any more
        self.rows, self.agents, self.tasks = [], [], []
        self.is_over = False
        self.lines, self.cut = set(), []  # and what was unanswered when a line broke
        self.accepted = self.duplicates = 0
        self.errors = collections.Counter()
        self.undelivered, self.untold, self.taken = set(), set(), set()
        self.on_accepted = None

    def note(self, row):
        self.rows.append(row)

    def was_accepted(self, message, is_duplicate=False):
        self.rows.append({"op": "accepted", "id": message.name})
        self.accepted += 1
        self.duplicates += is_duplicate
        if message.name not in self.taken:
            self.undelivered.add(message.name)
        if self.on_accepted:
            self.on_accepted()

    def was_delivered(self, agent, name, body, at, line):
        self.taken.add(name)
        self.undelivered.discard(name)
        self.rows.append({"p": agent, "op": "deliver", "id": name, "body": body, "at": at,
                          "on": line.number})

    def is_drained(self):
        """Nothing is on its way, and all senders know how it went."""
        return self.is_enough and not self.undelivered and not self.untold and \
            not any(agent.is_busy() for agent in self.agents)

    async def start(self):
        """Receivers first: nobody can be written to who was never there."""
        self.begin([agent for agent in self.agents if isinstance(agent, Taker)])
        if self.patience:
            self.tasks.append(asyncio.ensure_future(self.lose_patience()))
        while not all(agent.was_there for agent in self.agents if isinstance(agent, Taker)):
            await pause(0.01)
        self.begin([agent for agent in self.agents if not isinstance(agent, Taker)])

    def begin(self, agents):
        self.tasks += [asyncio.ensure_future(agent.live()) for agent in agents]

    async def lose_patience(self):
        """Lines on which nothing comes although something is due are given up."""
        while not self.is_over:
            await pause(self.patience / 4)
            for line in list(self.lines):
                if time.monotonic() - line.last > self.patience and line.transport and \
                        line.owner.is_waiting(line):
                    line.drop()

    async def stop(self):
        self.is_over = True
        for line in list(self.lines):
            if line.transport:
                line.transport.abort()
        await asyncio.wait(self.tasks, timeout=10)

    def state(self):
        """For whoever wonders why it does not go on."""
        busy = {agent.address: (len(agent.line.asked) if agent.line else None)
                for agent in self.agents}
        return (f"sent {self.begun}, to deliver {len(self.undelivered)}, to tell "
                f"{len(self.untold)}, errors {dict(self.errors)}, asked {busy}")

    def in_flight(self):
        """Messages that the system has taken from us, and that nobody answered so far."""
        return [(line, key) for line in self.lines if line.is_written()
                for key, what in line.asked.items() if isinstance(what, Message)]


class Message:
    """One message of a sender. The text begins with its name, by which receivers know it."""

    def __init__(self, sender, number, target, how):
        post = sender.post
        self.name = f"{sender.address}#{number}"
        self.number, self.target, self.how, self.times = number, target, how, 0
        self.priority = post.random.choice(PRIORITIES)
        self.text = f"{self.name} {how} " + "x" * post.random.choice(sender.sizes)

    def sent(self, sender, told):
        self.times += 1
        if self.times == 1:
            sender.post.note({"p": sender.address, "op": "send", "id": self.name, "told": told,
                              "to": self.target.address, "seq": self.number, "pri": self.priority,
                              "body": checksum(self.text)})


class Agent:
    """Who comes back until the load is over."""
    sizes = (10, 100, 300, 1000, 3000)

    def __init__(self, post, address):
        self.post, self.address, self.line = post, address, None
        self.gone = asyncio.Event()
        post.agents.append(self)

    def is_busy(self):
        return False

    def is_waiting(self, line):
        return bool(line.asked)

    async def live(self):
        while not self.post.is_over:
            await self.visit()

    async def visit(self):
        """One connection, from its beginning to its end, and a pause."""
        loop = asyncio.get_running_loop()
        self.gone.clear()
        try:
            await loop.create_connection(self.new_line, "127.0.0.1", self.post.port)
            await self.gone.wait()
        except OSError:
            pass
        await pause(self.post.random.uniform(*BACK_S))

    def lost(self, line):
        self.post.lines.discard(line)
        self.post.cut += [(line, key) for key, what in line.asked.items()
                          if isinstance(what, Message)]
        self.line = None
        self.gone.set()


# -- senders ---------------------------------------------------------------------------------------


class Sender(Agent):
    """v2 over a WebSocket; sends again, in order, what was not answered."""
    told, window, clients = True, 24, 0

    def __init__(self, post, address, targets, sleeper=None):
        super().__init__(post, address)
        self.targets, self.sleeper = targets, sleeper
        self.stream, self.numbers = os.urandom(8), itertools.count(1)
        self.calls = itertools.count(1)
        self.unanswered, self.cursor, self.names = {}, 0, {}
        self.is_ready = False

    def new_line(self):
        return Socket(self, "/v2")

    def is_busy(self):
        return bool(self.unanswered)

    def came(self, line):
        self.line, self.is_ready = line, False
        instance = self.address.split("/", 1)[0]
        self.call("hello", {"versions": ["2.0"], "instance": instance, "client": "crash"}, None)
        self.call("attach", {"agent": self.address, "receipts_after": self.cursor}, "attach")

    def call(self, method, params, what):
        key = next(self.calls)
        self.line.asked[key] = what
        self.line.frame(TEXT, json.dumps({"jsonrpc": "2.0", "id": key, "method": method,
                                          "params": params}).encode())

    def ready(self):
        self.is_ready = True
        for _, message in sorted(self.unanswered.items()):
            self.send(message)
        self.pump()

    def pump(self):
        post = self.post
        while self.is_ready and not post.is_enough and len(self.unanswered) < self.window:
            post.begun += 1
            self.send(self.compose())

    def compose(self):
        post, number = self.post, next(self.numbers)
        lot = post.random.random()
        how = "refuse" if lot < 0.01 else "release" if lot < 0.02 else \
            "expire" if lot < 0.03 and self.sleeper else "keep"
        target = self.sleeper if how == "expire" else post.random.choice(self.targets)
        if not self.told or not target.is_v2:  # who is not told could not know how it ended
            how = "keep"
        message = Message(self, number, target, how)
        message.envelope = self.envelope(message)
        message.more = {"attempts": 1} if how == "release" else {}
        self.unanswered[number] = message
        if self.told:
            post.untold.add(message.name)
        return message

    def envelope(self, message):
        name, now = os.urandom(16), int(time.time())
        life = 2 if message.how == "expire" else 3600
        header = {"typ": "clawlink-msg+jws", "from": self.address, "to": message.target.known_as,
                  "id": b64(name), "iat": now, "exp": now + life, "str": b64(self.stream),
                  "seq": message.number, "pri": message.priority}
        self.names[header["id"]] = message.name
        return {"protected": b64(json.dumps(header).encode()),
                "payload": b64(message.text.encode())}

    def send(self, message):
        message.sent(self, self.told)
        self.call("send", {"envelope": message.envelope, **message.more}, message)

    def text(self, line, payload):
        said = json.loads(payload)
        if "method" in said:
            if said["method"] == "receipt":
                self.receipts(said["params"]["receipts"])
            return
        what = line.asked.pop(said["id"], None)
        if isinstance(what, Message):
            self.answered(what, said)
            self.pump()
        elif "error" in said:
            self.post.errors[said["error"]["data"]["error"]] += 1
            line.drop()
        elif what == "attach":
            self.ready()

    def answered(self, message, said):
        post = self.post
        if "result" in said:
            self.unanswered.pop(message.number, None)
            post.was_accepted(message, said["result"]["duplicate"])
            return
        error = said["error"]["data"]["error"]
        post.errors[error] += 1
        self.is_ready = False
        if error == "read_only":  # it may be there after a restart, and is sent again then
            return
        self.unanswered.pop(message.number, None)
        post.untold.discard(message.name)  # unless it was accepted before, and then it may be told
        if message.times == 1:
            post.note({"op": "refused", "id": message.name})
        asyncio.get_running_loop().call_later(REFUSED_S, self.go_on, self.line)

    def go_on(self, line):
        """After a refusal, and a pause."""
        if self.line is line and line is not None and not line.transport.is_closing():
            self.is_ready = True
            self.pump()

    def receipts(self, receipts):
        post = self.post
        for receipt in receipts:
            name = self.names[receipt["id"]]
            rung = receipt["rungs"][-1]["rung"] if receipt["rungs"] else None
            outcome = receipt.get("ended", {}).get("outcome")
            self.cursor = max(self.cursor, receipt["version"])
            post.note({"op": "told", "id": name, "rung": rung, "outcome": outcome})
            if outcome or rung not in (None, "accepted"):
                post.untold.discard(name)
            if outcome in ("expired", "dead", "rejected"):
                post.taken.add(name)
                post.undelivered.discard(name)


class HttpSender(Sender):
    """v2 over POST /v2. Nobody tells it what became of its messages."""
    told, window = False, 8

    def new_line(self):
        return Http(self)

    def came(self, line):
        self.line = line
        self.call("attach", {"agent": self.address}, "attach")

    def call(self, method, params, what):
        key = next(self.calls)
        self.line.asked[key] = what
        body = json.dumps({"jsonrpc": "2.0", "id": key, "method": method, "params": params})
        self.line.ask("POST", "/v2", body.encode(), key)

    def answer(self, line, key, _status, said):
        if said.get("id") != key:  # what failed before it was a call
            self.post.errors[said.get("error")] += 1
            line.drop()
            return
        self.text(line, json.dumps(said))


class V1Sender(Agent):
    """POST /delegate. v1 has no numbers, so it sends nothing again: it would be another message."""

    def __init__(self, post, address, targets):
        super().__init__(post, address)
        self.targets, self.numbers = targets, itertools.count(1)
        self.message = None

    def new_line(self):
        return Http(self)

    def is_busy(self):
        return self.message is not None

    def came(self, line):
        self.line = line
        self.pump()

    def pump(self):
        post = self.post
        if post.is_enough or self.line is None:
            return
        post.begun += 1
        message = self.message = Message(self, next(self.numbers),
                                         post.random.choice(self.targets), "keep")
        message.priority = 2
        message.sent(self, False)
        self.line.asked[message.number] = message
        self.line.ask("POST", "/delegate", json.dumps(
            {"from_agent": self.address, "to_agent": message.target.address,
             "task": message.text}).encode(), message)

    def answer(self, line, message, status, said):
        line.asked.pop(message.number, None)
        self.message = None
        if status == 200:
            self.post.was_accepted(message)
            self.pump()
            return
        self.post.errors[said.get("code")] += 1
        if said.get("code") != "read_only":  # else it may be there after a restart
            self.post.note({"op": "refused", "id": message.name})
        asyncio.get_running_loop().call_later(REFUSED_S, self.go_on, line)

    def go_on(self, line):
        if self.line is line and not line.transport.is_closing():
            self.pump()

    def lost(self, line):
        self.message = None
        super().lost(line)


# -- receivers -------------------------------------------------------------------------------------


class Taker(Agent):
    """Whoever takes messages."""
    is_v2, was_there = True, False


class Receiver(Taker):
    """v2, pushed. Acknowledges what it was handed in batches, gives back or refuses what says so."""

    def __init__(self, post, address):
        super().__init__(post, address)
        self.known_as = address
        self.calls, self.batch = itertools.count(1), []

    def new_line(self):
        return Socket(self, "/v2")

    def is_busy(self):
        return bool(self.batch) or bool(self.line and self.line.asked)

    def came(self, line):
        self.line, self.batch = line, []
        instance = self.address.split("/", 1)[0]
        self.call("hello", {"versions": ["2.0"], "instance": instance, "client": "crash"}, None)
        self.call("attach", {"agent": self.address}, "attach")

    def call(self, method, params, what):
        key = next(self.calls)
        self.line.asked[key] = what
        self.line.frame(TEXT, json.dumps({"jsonrpc": "2.0", "id": key, "method": method,
                                          "params": params}).encode())

    def text(self, line, payload):
        said = json.loads(payload)
        if said.get("method") == "message":
            self.take(line, said["params"])
        elif "id" in said:
            self.done(line, line.asked.pop(said["id"], None), said)

    def take(self, line, letter):
        text = opened(letter["envelope"]["payload"]).decode()
        name, how, _ = text.split(" ", 2)
        at = letter["at"]
        self.post.was_delivered(self.address, name, checksum(text), at, line)
        if how == "refuse":
            self.call("refuse", {"agent": self.address, "at": at, "reason": "as it says"},
                      ("refused", [name]))
        elif how == "release":
            self.post.note({"op": "released", "id": name})
            self.call("release", {"agent": self.address, "ranges": [[at[0], at[1], at[1]]]}, None)
        else:
            self.batch.append((at, name))
            if len(self.batch) == 1:
                asyncio.get_running_loop().call_soon(self.acknowledge, line)

    def acknowledge(self, line):
        if self.line is not line or line.transport.is_closing():
            return
        batch, self.batch = self.batch[:200], self.batch[200:]
        ranges = []
        for (priority, number), _ in sorted(batch):
            if ranges and ranges[-1][0] == priority and ranges[-1][2] == number - 1:
                ranges[-1][2] = number
            else:
                ranges.append([priority, number, number])
        self.call("ack", {"agent": self.address, "ranges": ranges},
                  ("ack", [name for _, name in batch]))
        if self.batch:
            asyncio.get_running_loop().call_soon(self.acknowledge, line)

    def done(self, line, what, said):
        if "error" in said:
            self.post.errors["receiver: " + said["error"]["data"]["error"]] += 1
            # What it holds goes back, and it comes again.
            asyncio.get_running_loop().call_later(REFUSED_S, line.drop)
        elif what == "attach":
            self.was_there = True
        elif what:
            for name in what[1]:
                self.post.note({"op": "ack", "id": name})


class HttpReceiver(Receiver):
    """v2 by `receive` and leases over POST /v2."""

    def new_line(self):
        return Http(self)

    def is_busy(self):
        return False

    def came(self, line):
        self.line = line
        self.call("attach", {"agent": self.address}, "attach")

    def call(self, method, params, what):
        key = next(self.calls)
        self.line.asked[key] = what
        body = json.dumps({"jsonrpc": "2.0", "id": key, "method": method, "params": params})
        self.line.ask("POST", "/v2", body.encode(), key)

    def ask_more(self):
        self.call("receive", {"agent": self.address, "wait": 1, "max": 50}, "receive")

    def answer(self, line, key, _status, said):
        what = line.asked.pop(key, None)
        if "result" not in said:
            self.done(line, what, said)
        elif what == "receive" and said["result"]["messages"]:
            names = [self.look(line, letter) for letter in said["result"]["messages"]]
            self.call("ack", {"agent": self.address, "lease": said["result"]["lease"]},
                      ("ack", names))
        else:
            if what != "receive":
                self.done(line, what, said)
            self.ask_more()

    def look(self, line, letter):
        text = opened(letter["envelope"]["payload"]).decode()
        name = text.split(" ", 1)[0]
        self.post.was_delivered(self.address, name, checksum(text), letter["at"], line)
        return name


class Sleeper(Receiver):
    """Was there once, and has an inbox: what it is sent expires."""

    async def live(self):
        while not self.was_there:
            await self.visit()

    def done(self, line, what, said):
        super().done(line, what, said)
        if what == "attach":
            line.drop()


class Poller(Taker):
    """v1, polling."""
    is_v2 = False

    def __init__(self, post, address):
        super().__init__(post, address)
        self.known_as = "v1/" + address

    def new_line(self):
        return Http(self)

    def came(self, line):
        self.line = line
        line.ask("POST", "/register", json.dumps({"agent_id": self.address,
                                                  "name": self.address}).encode(), None)

    def answer(self, line, _what, status, said):
        if status != 200:
            self.post.errors["poller: " + str(said.get("code"))] += 1
        self.was_there |= status == 200
        for message in said.get("messages", []):
            self.take(line, message)
        line.asked["poll"] = None
        line.ask("GET", f"/poll/{self.address}?wait=1", b"", None)

    def take(self, line, message):
        text = message["task"]
        self.post.was_delivered(self.address, text.split(" ", 1)[0], checksum(text), None, line)


class Listener(Poller):
    """v1, pushed. Registers first: who only listens is forgotten with the relay."""

    def new_line(self):
        return Socket(self, "/ws/" + self.address) if self.was_there else Http(self)

    def came(self, line):
        if self.was_there:
            self.line = line
        else:
            super().came(line)

    def answer(self, line, _what, status, _said):
        self.was_there = status == 200
        line.drop()

    def is_waiting(self, line):
        return False

    def text(self, line, payload):
        message = json.loads(payload)
        if message.get("type") == "task_delegation":
            self.take(line, message)


def usual_crowd(post, without=()):
    """Five senders and five receivers of all kinds, and one who sleeps; without those kinds."""
    kinds = ((Receiver, "r/one"), (Receiver, "r/two"), (HttpReceiver, "r/http"), (Poller, "poll"),
             (Listener, "listen"))
    targets = [kind(post, address) for kind, address in kinds if kind not in without]
    sleeper = None if Sleeper in without else Sleeper(post, "r/asleep")
    for number in range(3):
        Sender(post, f"s/{number}", targets, sleeper)
    HttpSender(post, "h/0", targets)
    V1Sender(post, "v1s", targets)
