# SPDX-License-Identifier: MIT
"""A client of protocol v2 for the suites, made from docs/protocol/v2.md alone: over WebSockets
with Debian's python3-websockets, over HTTP with python3-requests.

Socket and Caller have the same methods, so that a test can be run with either. An Agent is one
agent on one of them, and numbers what it sends.
"""
import asyncio
import base64
import collections
import contextlib
import hmac
import itertools
import json
import os
import socket
import time

import websockets

from support import (UPGRADE, WAIT, Failure, Http, Library, WebSocket, equal, holds, row, short,
                     until)

STATUSES = {"malformed": 400, "missing_field": 400, "usage": 400, "unauthorized": 401,
            "forbidden": 403, "not_found": 404, "no_such_agent": 404, "ambiguous_name": 409,
            "stale": 409, "expired": 410, "too_large": 413, "upgrade_required": 426, "inbox_full": 429,
            "fair_share": 429, "too_many": 429, "loop_limit": 429, "rate_limited": 429,
            "internal": 500, "unavailable": 503, "read_only": 503, "out_of_memory": 503,
            "storage_full": 507}
RETRIED = {"stale", "inbox_full", "fair_share", "too_many", "rate_limited", "unavailable",
           "out_of_memory", "storage_full"}


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new_id():
    return b64(os.urandom(16))


def of_v1(message_id):
    """The id as v1 shows it."""
    return unb64(message_id)[:6].hex()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def packed(header, body=b""):
    """An envelope; what is given as bytes stands in it as it is."""
    header = header if isinstance(header, bytes) else compact(header).encode()
    return {"protected": b64(header), "payload": b64(body)}


def signed(envelope, secret):
    """The same with a signature; its header says alg HS256 and kid group (Signed envelopes)."""
    prk = hmac.new(bytes(32), secret.encode(), "sha256").digest()
    key = hmac.new(prk, b"clawlink hs256 v1\1", "sha256").digest()
    text = f'{envelope["protected"]}.{envelope["payload"]}'.encode()
    return {**envelope, "signature": b64(hmac.new(key, text, "sha256").digest())}


class Refused(Exception):
    """A call was answered with an error."""

    def __init__(self, error, status=None):
        super().__init__(compact(error))
        self.error, self.status = error, status
        self.name = error["data"]["error"]


def check_error(error):
    """The form of every error (Errors)."""
    holds(set(error) == {"code", "message", "data"}, f"members of an error: {short(error)}")
    data = error["data"]
    holds(isinstance(error["message"], str) and error["message"], f"no sentence in {short(error)}")
    holds({"error", "retry"} <= set(data) <=
          {"error", "retry", "retry_after", "versions", "candidates"},
          f"members of data: {short(error)}")
    name = data["error"]
    holds(name in STATUSES, f"error {name!r} is not in the table")
    holds(error["code"] in (STATUSES[name], -32700, -32600, -32601, -32602),
          f"code of {short(error)}")
    equal(data["retry"], name in RETRIED, f"retry of {name}")


def result_of(answer, call_id, status=None):
    """The result in an answer, or its error raised."""
    equal(answer.get("jsonrpc"), "2.0", "jsonrpc of an answer")
    equal(answer.get("id", "absent"), call_id, f"id of {short(answer)}")
    holds(set(answer) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"}),
          f"members of an answer: {short(answer)}")
    if "error" in answer:
        check_error(answer["error"])
        raise Refused(answer["error"], status)
    return answer["result"]


class Calls:
    """What both transports share."""

    def fails(self, name, method, code=None, /, **params):
        """The call must be refused so; gives the error's data."""
        try:
            result = self.call(method, **params)
        except Refused as refused:
            equal(refused.name, name, f"error of {method} ({short(str(refused))})")
            wanted = STATUSES[name] if code is None else code
            equal(refused.error["code"], wanted, f"code of {name}")
            if refused.status is not None:
                equal(refused.status, STATUSES[name], f"status of {name}")
            return refused.error["data"]
        raise Failure(f"{method} was not refused as {name} but gave {short(result)}")

    def agent(self, address):
        """Its record in the list, or None."""
        found = [agent for agent in self.call("agents")["agents"] if agent["agent"] == address]
        return found[0] if found else None


class Caller(Calls):
    """POST /v2."""
    is_http = True

    def __init__(self, relay):
        self.relay, self.ids = relay, itertools.count(1)

    def raw(self, text):
        """Gives (status, text) of the answer."""
        answer = self.relay.post("/v2", text if isinstance(text, bytes) else text.encode())
        if answer.status_code == 204:
            equal(answer.text, "", "body of a 204")
        else:
            holds(answer.headers["Content-Type"].startswith("application/json"), "type of an answer")
        return answer.status_code, answer.text

    def call(self, method, /, **params):
        number = next(self.ids)
        status, text = self.raw(compact({"jsonrpc": "2.0", "id": number, "method": method,
                                         "params": params}))
        try:
            result = result_of(json.loads(text), number, status)
        except Refused as refused:
            equal(status, STATUSES[refused.name], f"status of {refused.name}")
            raise
        equal(status, 200, "status of a result")
        return result

    def tell(self, method, /, **params):
        status, _ = self.raw(compact({"jsonrpc": "2.0", "method": method, "params": params}))
        equal(status, 204, f"status of the notification {method}")


class Admin(Calls):
    """Calls at the relay's admin door."""

    def __init__(self, relay):
        self.path = os.path.join(relay.folder, "clawlink", f"relay-{relay.port}.sock")

    def call(self, method, /, **params):
        text = compact({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(WAIT)
            door.connect(self.path)
            door.sendall(f"POST /v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                         f"Content-Length: {len(text)}\r\n\r\n{text}".encode())
            answer = b"".join(iter(lambda: door.recv(65536), b""))
        head, body = answer.split(b"\r\n\r\n", 1)
        return result_of(json.loads(body), 1, int(head.split()[1]))


class Socket(Calls):
    """GET /v2. Notes are kept in the order in which they come."""
    is_http = False

    def __init__(self, relay, instance=None, **options):
        Library.start()
        url = relay.url.replace("http", "ws", 1) + "/v2"
        if relay.token:
            options["extra_headers"] = {"Authorization": "Bearer " + relay.token}
        self.relay, self.ids, self.notes = relay, itertools.count(1), collections.deque()
        self.answers = {}
        self.library = Library.run(self._connect(url, options))
        relay.opened.add(self)
        if instance:
            self.welcome = self.call("hello", versions=["2.0"], instance=instance)

    @staticmethod
    async def _connect(url, options):
        return await websockets.connect(url, max_size=None, max_queue=None, **options)

    def raw(self, text):
        try:
            Library.run(self.library.send(text))
        except websockets.ConnectionClosed as closed:
            raise Failure(f"the connection has ended: {closed}") from None

    def read(self, timeout=WAIT):
        """The next text, as an object."""
        try:
            text = Library.run(asyncio.wait_for(self.library.recv(), timeout), timeout + WAIT)
        except asyncio.TimeoutError:
            raise Failure(f"nothing came within {timeout} s") from None
        except websockets.ConnectionClosed as closed:
            raise Failure(f"the connection has ended: {closed}") from None
        return json.loads(text)

    def _read_on(self, end):
        heard = self.read(max(0.001, end - time.monotonic()))
        if "method" in heard:
            equal(set(heard), {"jsonrpc", "method", "params"}, "members of a note")
            self.notes.append(heard)
        else:
            self.answers[heard["id"]] = heard

    def begin(self, method, /, **params):
        """Calls without waiting for the answer; gives the id for `end`."""
        number = next(self.ids)
        self.raw(compact({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        return number

    def end(self, number, timeout=WAIT):
        end = time.monotonic() + timeout
        while number not in self.answers:
            self._read_on(end)
        return result_of(self.answers.pop(number), number)

    def call(self, method, /, **params):
        return self.end(self.begin(method, **params), 2 * WAIT)

    def tell(self, method, /, **params):
        self.raw(compact({"jsonrpc": "2.0", "method": method, "params": params}))

    def note(self, method, agent=None, timeout=WAIT):
        """The params of the next note of that name (for that agent); others stay."""
        end, seen = time.monotonic() + timeout, 0
        while True:
            for at, note in enumerate(itertools.islice(self.notes, seen, None), seen):
                if note["method"] == method and agent in (None, note["params"].get("agent")):
                    del self.notes[at]
                    return note["params"]
            seen = len(self.notes)
            self._read_on(end)

    def has_note(self, method, agent=None):
        """Is there one, among all that the relay has sent so far? Its answer to a call comes behind
        them."""
        self.call("agents", limit=1)
        return any(note["method"] == method and agent in (None, note["params"].get("agent"))
                   for note in self.notes)

    def drop(self):
        """An orderly end, unless the relay has gone already."""
        self.relay.opened.discard(self)
        with contextlib.suppress(websockets.ConnectionClosed):
            Library.run(self.library.close())

    def cut(self):
        """Away without a word: the relay sees a reset."""
        self.relay.opened.discard(self)
        Library.loop.call_soon_threadsafe(self.library.transport.abort)
        Library.run(self.library.wait_closed())

    def closed(self, timeout=WAIT):
        """Waits for the end and gives its code."""
        Library.run(self.library.wait_closed(), timeout)
        return self.library.close_code


class Raw(WebSocket):
    """GET /v2 by hand: it reads when it is told to, and closes when it likes."""

    def __init__(self, relay, *agents, **options):
        Http.__init__(self, relay, **options)
        self.pong, self.pings = True, []
        self.send(self.request("GET", "/v2", fields=UPGRADE))
        equal(self.answer(head_only=True).status, 101, "status")
        self.begin("hello", versions=["2.0"], instance="mini")
        for agent in agents:
            self.begin("attach", agent=agent)
        until(lambda: all((Caller(relay).agent(agent) or {}).get("connected") for agent in agents),
              "attached")

    def begin(self, method, **params):
        self.say(compact({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))


class Message:
    """A message as an agent gets it."""

    def __init__(self, params):
        self.at, self.relay, self.envelope = params["at"], params["relay"], params["envelope"]
        equal(set(self.envelope) - {"signature"}, {"protected", "payload"}, "members of an envelope")
        self.header = json.loads(unb64(self.envelope["protected"]))
        self.payload = unb64(self.envelope["payload"])
        self.id, self.sender = self.header["id"], self.header["from"]
        self.attempts, self.chain = self.relay["attempts"], self.relay.get("chain")

    @property
    def text(self):
        return self.payload.decode()

    @property
    def range(self):
        return [self.at[0], self.at[1], self.at[1]]

    def follow(self):
        """What a header says that follows from this message, as Loops wants it."""
        chain = self.chain or {"root": self.id, "hops": 0}
        return {"root": chain["root"], "hops": chain["hops"] + 1}


class Agent:
    """One agent on a connection; over HTTP that is only its name."""

    def __init__(self, conn, address, attach=True, **params):
        self.conn, self.address = conn, address
        self.stream, self.seq = b64(os.urandom(8)), itertools.count(1)
        self.attached = self.call("attach", **params) if attach else None
        self.receipts = {}

    def call(self, method, /, **params):
        return self.conn.call(method, agent=self.address, **params)

    def tell(self, method, /, **params):
        self.conn.tell(method, agent=self.address, **params)

    def fails(self, name, method, code=None, /, **params):
        return self.conn.fails(name, method, code, agent=self.address, **params)

    def header(self, to, **more):
        """A header that may be sent; a member that is None is left out."""
        now = int(time.time())
        header = {"typ": "clawlink-msg+jws", "from": self.address, "to": to, "id": new_id(),
                  "iat": now, "exp": now + 3600, "str": self.stream, "seq": None, **more}
        if header["seq"] is None and "seq" not in more:
            header["seq"] = next(self.seq)
        return {name: value for name, value in header.items() if value is not None}

    def pack(self, to, body="hi", **more):
        return packed(self.header(to, **more), body if isinstance(body, bytes) else body.encode())

    def post(self, envelope, **params):
        return self.conn.call("send", envelope=envelope, **params)

    def send(self, to, body="hi", attempts=None, **header):
        """Gives the answer, which must be one to a new message."""
        params = {} if attempts is None else {"attempts": attempts}
        result = self.post(self.pack(to, body, **header), **params)
        equal(result["duplicate"], False, "duplicate of a new message")
        return result

    def message(self, timeout=WAIT):
        return Message(self.conn.note("message", self.address, timeout))

    def messages(self, count):
        return [self.message() for _ in range(count)]

    def ack(self, *messages, **how):
        equal(self.call("ack", ranges=[message.range for message in messages], **how), {},
              "result of ack")

    def take(self, **how):
        """The next message, acknowledged."""
        message = self.message()
        self.ack(message, **how)
        return message

    def receive(self, **how):
        """Gives (lease or None, messages)."""
        result = self.call("receive", **how)
        holds(set(result) <= {"lease", "messages"}, f"members of {short(result)}")
        holds(("lease" in result) == bool(result["messages"]), f"lease of {short(result)}")
        return result.get("lease"), [Message(one) for one in result["messages"]]

    def inbox(self, **how):
        result = self.call("inbox", **how)
        return [Message(one) for one in result["messages"]]

    def texts(self):
        return [message.text for message in self.inbox()]

    def receipt(self, message_id, condition=lambda _: True, timeout=WAIT):
        """The newest receipt pushed of that message, as soon as it is so."""
        end = time.monotonic() + timeout
        while True:
            found = self.receipts.get(message_id)
            if found and condition(found):
                return found
            note = self.conn.note("receipt", self.address, max(0.001, end - time.monotonic()))
            for receipt in note["receipts"]:
                self.receipts[receipt["id"]] = receipt

    def rungs(self, message_id, last, **how):
        """The names of the rungs pushed, once that one is among them."""
        receipt = self.receipt(message_id, lambda found: last in rungs_of(found), **how)
        return rungs_of(receipt)

    def ended(self, message_id, **how):
        """Its outcome, once it is pushed."""
        return self.receipt(message_id, lambda found: "ended" in found, **how)["ended"]

    def trace(self, message_id):
        return self.call("trace", id=message_id)

    def dead(self):
        return self.call("dead.list")["dead"]


def rungs_of(receipt):
    return [step["rung"] for step in receipt["rungs"]]


def both(relay, *agents):
    """A Socket and a Caller, to run the same checks with; those agents are attached on the first."""
    instances = {address.split("/")[0] for address in agents}
    holds(len(instances) <= 1, "one connection has one instance")
    socket = Socket(relay, instances.pop() if instances else "any")
    for address in agents:
        Agent(socket, address)
    return [("WebSocket", socket), ("HTTP", Caller(relay))]


__all__ = ["Agent", "Caller", "Message", "Refused", "Socket", "b64", "both", "check_error",
           "compact", "new_id", "of_v1", "packed", "result_of", "row", "rungs_of", "unb64", "until"]
