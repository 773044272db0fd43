# SPDX-License-Identifier: MIT
"""Agent Link from outside: the published client's wire (tests/support/legacy_wire.py) against the
relay's second port, alone and together with agents of v1 and v2.
"""
import asyncio
import base64
import contextlib
import datetime
import hashlib
import hmac
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time

import requests
import websockets

from support import (BINARY, BIN, PING, PONG, ROOT, TEXT, UPGRADE, WAIT, Failure, Http, Library,
                     Relay, WebSocket, environment, equal, holds, main, row, short, start_fails, test, until)
from v2_support import Agent, Caller, Socket, b64

sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import legacy_wire  # noqa: E402  pylint: disable=wrong-import-position

SECRET = "your-strong-secret-key"
ONE, TWO, THREE = "instance-001", "instance-002", "instance-003"
FOLDER = tempfile.mkdtemp(prefix="clawlink-al-")
TOKEN = "canary-token-4711"


def config(name, **more):
    """A relay-config.json; gives its path."""
    path = os.path.join(FOLDER, name + ".json")
    said = {"port": 0, "secret": SECRET,
            "registered_instances": [{"instance_id": instance, "name": instance.upper(),
                                      "public_key": "key of " + instance}
                                     for instance in (ONE, TWO)], **more}
    said = {name: value for name, value in said.items() if value is not None}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(said, file)
    os.chmod(path, 0o600)
    return path


def secret_file():
    path = os.path.join(FOLDER, "secret")
    with open(path, "w", encoding="ascii") as file:
        file.write(SECRET + "\n")
    os.chmod(path, 0o600)
    return path


def instances(**secrets):
    """Entries with a secret of their own."""
    return [{"instance_id": name.replace("_", "-"), "name": name, "public_key": "",
             "secret": secret} for name, secret in secrets.items()]


SHARED = config("shared")
OWN = config("own", secret=None, registered_instances=instances(
    instance_001="secret of one", instance_002="secret of two"))
OWN_SECRETS = {ONE: "secret of one", TWO: "secret of two"}
on_shared = ("--agent-link", SHARED)
on_secret = ("--agent-link-secret-file", secret_file(), "--agent-link-port", "0")


class Door:
    """The relay's second port, for clients that look for host, port and URL there."""

    def __init__(self, relay, token=None):
        self.host, self.port = split(relay.agent_link)
        self.url = relay.agent_link.replace("ws", "http", 1)
        self.relay, self.token, self.opened = relay, token, relay.opened

    def post(self, path, body, token=None, **options):
        headers = {"Authorization": "Bearer " + token} if token else {}
        return requests.post(self.url + path, json=body, headers=headers, timeout=2 * WAIT, **options)


def split(url):
    host, port = url.split("//")[1].rsplit(":", 1)
    return host, int(port)


class Link:
    """An Agent Link client on Debian's python3-websockets: it answers pings by itself."""

    def __init__(self, relay, instance=None, secret=SECRET, frame=None, **options):
        Library.start()
        self.relay, self.instance, self.secret = relay, instance, secret
        self.library = Library.run(self._connect(relay.agent_link, options))
        relay.opened.add(self)
        self.first = None
        if instance or frame is not None:
            self.frame = frame if frame is not None else legacy_wire.register(secret, instance)
            self.say(self.frame)
            self.first = self.read()

    @staticmethod
    async def _connect(url, options):
        return await websockets.connect(url, **options)

    def say(self, text):
        Library.run(self.library.send(text))

    def send(self, agent, to, message, **more):
        self.say(legacy_wire.send(self.secret, f"{self.instance}/{agent}", to, message, **more))

    def read(self, timeout=WAIT):
        """The next frame; {"closed": code} at the end."""
        try:
            return json.loads(Library.run(asyncio.wait_for(self.library.recv(), timeout),
                                          timeout + WAIT))
        except asyncio.TimeoutError:
            raise Failure(f"nothing came within {timeout} s") from None
        except websockets.ConnectionClosed as closed:
            return {"closed": closed.rcvd.code if closed.rcvd else 1006}

    def hears(self, sender, to, message):
        equal(self.read(), {"type": "message", "from": sender, "to": to, "message": message},
              "what comes")

    def is_told(self, to):
        equal(self.read(), {"type": "delivered", "to": to}, "receipt")

    def error(self):
        said = self.read()
        equal(said.get("type"), "error", f"type of {short(said)}")
        return said["message"]

    def silent(self):
        """Nothing else has come: what comes next is the answer to a ping of the protocol."""
        self.say('{"type": "ping"}')
        equal(self.read(), {"type": "pong"}, "what comes next")

    def drop(self):
        self.relay.opened.discard(self)
        Library.run(self.library.close())

    def cut(self):
        self.relay.opened.discard(self)
        Library.loop.call_soon_threadsafe(self.library.transport.abort)
        Library.run(self.library.wait_closed())


class Slow(WebSocket):
    """A client by hand, which answers pings when the test says so."""

    def __init__(self, relay, instance, secret=SECRET):
        Http.__init__(self, Door(relay))
        self.pong, self.pings = False, []
        self.send(self.request("GET", "/", fields=UPGRADE))
        equal(self.answer(head_only=True).status, 101, "status")
        self.say(legacy_wire.register(secret, instance))
        equal(self.message()["type"], "registered", "first frame")


def joined(relay, instance, secret=SECRET, **options):
    link = Link(relay, instance, secret, **options)
    equal(link.first, {"type": "registered", "instance_id": instance}, "first frame")
    return link


def status(relay):
    """What `relay status` says of Agent Link."""
    done = subprocess.run([BIN, "relay", "status", "--port", str(relay.port), "--json"],
                          env=environment({"XDG_RUNTIME_DIR": relay.folder}), capture_output=True,
                          timeout=WAIT, check=True)
    return json.loads(done.stdout)["agent_link"]


def later_second():
    """Time goes on to another second: what is signed now differs from what was."""
    now = int(time.time())
    until(lambda: int(time.time()) > now, "the clock stands still")


# -- the published client ----------------------------------------------------------------------


class Terminator:
    """Somebody else's TLS before a relay without."""

    def __init__(self, relay):
        self.host, self.port = split(relay.agent_link)
        key, cert = os.path.join(FOLDER, "t.key"), os.path.join(FOLDER, "t.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days",
                        "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True,
                       capture_output=True)
        self.certificate = cert
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        Library.start()
        self.server = Library.run(self._serve(context))
        self.url = f"wss://localhost:{self.server.sockets[0].getsockname()[1]}"

    async def _serve(self, context):
        return await asyncio.start_server(self._pair, "127.0.0.1", 0, ssl=context)

    async def _pair(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    @staticmethod
    async def _pump(reader, writer):
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError, RuntimeError):
            writer.close()

    def close(self):
        Library.loop.call_soon_threadsafe(self.server.close)


def trusting(certificate):
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    return context


@test(relay=False, seconds=120)
def the_checks_of_the_published_client_hold():
    """19 of 19: one secret, one for each, the relay's own TLS, another's, after a restart."""
    one_each = {ONE: SECRET, TWO: SECRET}
    data, tls = os.path.join(FOLDER, "data"), os.path.join(FOLDER, "tls")
    with contextlib.ExitStack() as stack:
        start = stack.enter_context
        shared, own = start(Relay(*on_shared)), start(Relay("--agent-link", OWN))
        secure = start(Relay(*on_shared, "--tls-self-signed", "--tls-dir", tls))
        with Relay(*on_shared, "--data", data) as before:
            joined(before, ONE).drop()
            joined(before, TWO).drop()
        again = start(Relay(*on_shared, "--data", data))
        no_file = start(Relay(*on_secret))
        terminator = Terminator(shared)
        stack.callback(terminator.close)
        later_second()
        runs = {"shared": (shared.agent_link, one_each, {}),
                "own": (own.agent_link, OWN_SECRETS, {}),
                "wss": (secure.agent_link, one_each,
                        {"ssl": trusting(os.path.join(tls, "cert.pem"))}),
                "restarted": (again.agent_link, one_each, {}),
                "no file": (no_file.agent_link, one_each, {})}
        said = check_all(runs)
        later_second()
        said.update(check_all({"terminated": (terminator.url, one_each,
                                              {"ssl": trusting(terminator.certificate)})}))
        for name, (passed, lines) in said.items():
            equal(passed, 19, f"{name}: checks that held ({[l for l in lines if 'FAIL' in l]})")


def check_all(runs):
    """All at once; gives (passed, lines) of each."""
    Library.start()
    made = {}
    for name, (url, secrets, options) in runs.items():
        lines = []
        made[name] = legacy_wire.Checks(url, secrets, lines.append, **options), lines

    async def work():
        await asyncio.gather(*(checks.run() for checks, _ in made.values()))
    Library.run(work(), 60)
    return {name: (checks.passed, lines) for name, (checks, lines) in made.items()}


# -- registering -------------------------------------------------------------------------------


@test(relay=False)
def a_register_is_good_once():
    """Also as a call over HTTP, and with --data after a restart."""
    data = os.path.join(FOLDER, "replay")
    with Relay(*on_shared, "--data", data) as relay:
        first = joined(relay, ONE)
        later_second()
        joined(relay, ONE).drop()
        replay_fails(relay, first.frame)
        first.send("otto", TWO + "/x", "hi")
        first.error()
        equal(status(relay)["replayed"], 2, "replayed")
    with Relay(*on_shared, "--data", data) as relay:
        replay_fails(relay, first.frame)
        later_second()
        joined(relay, ONE).drop()


def replay_fails(relay, frame):
    """The frame of a register that was good once; and a send behind it is nobody's."""
    link = Link(relay, frame=frame)
    equal(link.first, {"closed": 1013}, "a frame that was recorded")
    body = {**json.loads(frame), "public_key": "", "name": "x"}
    del body["type"]
    equal(Door(relay).post("/api/v1/register", body).status_code, 409, "the same over HTTP")


@test(*on_shared)
def agents_that_start_in_one_second_come_in_one_after_the_other(relay):
    """They sign the same. An error frame would stop the second for good; a close does not."""
    first = joined(relay, ONE)
    equal(Link(relay, frame=first.frame).first, {"closed": 1013}, "the same second")
    later_second()
    joined(relay, ONE)


@test(*on_shared)
def what_is_wrong_for_good_is_told_once(relay):
    """Wrong secrets, unknown instances, no register at all: one error frame, then the end."""
    frames = [legacy_wire.register("wrong", ONE), legacy_wire.register(SECRET, THREE),
              legacy_wire.send(SECRET, ONE + "/a", TWO + "/b", "hi"), "{}", "[]", "no json", "",
              '{"type": "register"}', '{"type": "ping"}',
              json.dumps({"type": "register", "instance_id": ONE, "signature": "00"}),
              json.dumps({"type": "register", "instance_id": "a:b", "signature": "0" * 64}),
              json.dumps({"type": "register", "instance_id": 7, "signature": "0" * 64})]
    sentences = set()
    for frame in frames:
        with row(short(frame)):
            link = Link(relay, frame=frame)
            equal(link.first["type"], "error", "type")
            sentences.add(link.first["message"].replace(THREE, ONE))
            equal(link.read(), {"closed": 1008}, "then")
    equal(len([s for s in sentences if "secret is another" in s]), 1,
          f"sentences for a wrong secret and an unknown instance: {sentences}")
    holds(SECRET not in relay.stderr(), "the secret is in the log")


@test(*on_shared)
def before_it_has_registered_a_client_may_say_little(relay):
    link = Link(relay)
    link.say('{"type": "register", "more": "' + 10000 * "x" + '"}')
    equal(link.read(), {"closed": 1009}, "a large first frame")
    link = joined(relay, ONE)
    link.say('{"type": "send", "more": "' + 10000 * "x" + '"}')
    link.error()
    link.silent()


@test(*on_shared, seconds=90)
def a_flood_of_registers_costs_a_share_and_disturbs_nobody(relay):
    """Counted, not timed: so many are looked at, the others are closed with 1013."""
    a, b = joined(relay, ONE), joined(relay, TWO)
    started = time.monotonic()
    codes = Library.begin(flood(relay.agent_link, 600))
    for number in range(20):
        a.send("otto", TWO + "/mira", f"message {number}")
        b.hears(ONE + "/otto", TWO + "/mira", f"message {number}")
        a.is_told(TWO + "/mira")
    said = codes.result(60)
    spent = time.monotonic() - started
    counts = status(relay)
    # 50 full searches a second, and those of two seconds at once: all 600 on a very slow machine.
    searches_max = 50 * (spent + 2) + 2
    holds(counts["refused"] <= searches_max, f"{counts} in {spent} s")
    equal(set(said) | ({1013} if searches_max >= 600 else set()), {"error", 1013}, "answers")
    holds(counts["busy"] > 0 or searches_max >= 600, f"nobody was turned away: {counts}")
    later_second()
    joined(relay, TWO)  # its clock is known: it comes in whatever others do


async def flood(url, count):
    """So many wrong registers; gives what came first in answer to each."""
    async def one(number):
        async with websockets.connect(url) as connection:
            await connection.send(legacy_wire.register(f"wrong {number}", ONE))
            try:
                return json.loads(await connection.recv())["type"]
            except websockets.ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 1006
    found = []
    for start in range(0, count, 20):
        found += await asyncio.gather(*(one(start + i) for i in range(20)))
    return found


# -- speaking for others -----------------------------------------------------------------------


@test("--agent-link", OWN)
def an_instance_cannot_speak_for_another(relay):
    """With a secret of its own each: not by registering, not by sending."""
    equal(Link(relay, ONE, OWN_SECRETS[TWO]).first["type"], "error", "another's name")
    one, two = joined(relay, ONE, OWN_SECRETS[ONE]), joined(relay, TWO, OWN_SECRETS[TWO])
    for secret in OWN_SECRETS.values():
        one.say(legacy_wire.send(secret, TWO + "/mira", ONE + "/otto", "spoof"))
        one.error()
    one.say(legacy_wire.send(OWN_SECRETS[TWO], ONE + "/otto", TWO + "/mira", "spoof"))
    one.error()
    one.silent()
    two.silent()
    one.send("otto", TWO + "/mira", "true")
    two.hears(ONE + "/otto", TWO + "/mira", "true")


@test("--agent-link", config("listed", registered_instances=[
    {"instance_id": ONE, "agents": ["otto", "mira"]}, {"instance_id": TWO}]))
def agents_that_are_listed_are_all_there_are(relay):
    one, two = joined(relay, ONE), joined(relay, TWO)
    one.send("nobody", TWO + "/x", "hi")
    holds("nobody" in one.error(), "who is refused")
    two.send("x", ONE + "/nobody", "hi")
    holds("no" in two.error(), "who is not there")
    two.send("x", ONE + "/mira", "hi")
    one.hears(TWO + "/x", ONE + "/mira", "hi")
    until(lambda: {"instance-001/otto", "instance-001/mira"} <=
          {agent["agent_id"] for agent in relay.good("/discover")["agents"]}, "both are listed")


# -- messages ----------------------------------------------------------------------------------


@test(*on_shared)
def texts_arrive_as_they_were(relay):
    """And a bare agent is one of the sender's own instance."""
    one, two = joined(relay, ONE), joined(relay, TWO)
    for text in ("", "a", "q\"\\/\b\f\n\r\t\x00\x7f", "\u4f60\u597d \U0001f4e8", "x" * 100000,
                 '{"a": [1]}', "a:b:c", "\u2028"):
        with row(short(text)):
            one.send("otto", TWO + "/mira", text)
            two.hears(ONE + "/otto", TWO + "/mira", text)
            one.is_told(TWO + "/mira")
    one.send("otto", "otto", "to myself")
    heard = [one.read(), one.read()]
    holds({"type": "message", "from": ONE + "/otto", "to": ONE + "/otto",
           "message": "to myself"} in heard and
          {"type": "delivered", "to": "otto"} in heard, f"a bare name: {heard}")


@test(*on_shared)
def whom_it_is_for_is_pushed_to(relay):
    """Connections that the agent has spoken on, and those on which nobody has."""
    otto, mira, other = joined(relay, ONE), None, joined(relay, TWO)
    later_second()
    mira = joined(relay, ONE)
    otto.send("otto", TWO + "/x", "I am otto")
    other.read(), otto.read()  # pylint: disable=expression-not-assigned
    other.send("x", ONE + "/otto", "to otto, or whoever the other may be")
    otto.read(), mira.read(), other.read()  # pylint: disable=expression-not-assigned
    mira.send("mira", TWO + "/x", "I am mira")
    other.read(), mira.read()  # pylint: disable=expression-not-assigned
    other.send("x", ONE + "/otto", "to otto alone")
    otto.hears(TWO + "/x", ONE + "/otto", "to otto alone")
    other.is_told(ONE + "/otto")
    mira.silent()
    other.send("x", ONE + "/third", "to somebody who has not spoken")
    for link in (otto, mira):
        link.hears(TWO + "/x", ONE + "/third", "to somebody who has not spoken")
    other.is_told(ONE + "/third")


@test(*on_shared)
def who_is_not_there_is_told_at_once(relay):
    one = joined(relay, ONE)
    relay.register("old")
    for to, word in ((TWO + "/mira", "offline"), ("instance-404/x", "no agent"),
                     ("v1/nobody", "no agent"), ("v1/" + "x" * 300, ""), ("", ""), ("a/b/c", ""),
                     ("cap:review", ""), ("topic:general", "")):
        with row(to):
            one.send("otto", to, "hi")
            said = one.error()
            holds(word in said, f"{said}")
    one.silent()


@test(*on_shared)
def frames_in_pieces_are_frames(relay):
    """Byte by byte, and in fragments with a ping between them."""
    slow, two = Slow(relay, ONE), joined(relay, TWO)
    text = legacy_wire.send(SECRET, ONE + "/otto", TWO + "/mira", "in pieces")
    for byte in WebSocket.frame(TEXT, text.encode()):
        slow.send(bytes([byte]))
    two.hears(ONE + "/otto", TWO + "/mira", "in pieces")
    equal(slow.message()["type"], "delivered", "receipt")
    text = text.encode()
    slow.send(WebSocket.frame(TEXT, text[:10], fin=False), WebSocket.frame(PING, b"x"),
              WebSocket.frame(0, text[10:50], fin=False), WebSocket.frame(0, text[50:]))
    equal(slow.read(), (PONG, b"x"), "answer to a ping")
    two.hears(ONE + "/otto", TWO + "/mira", "in pieces")
    slow.message()
    slow.write(BINARY, text)
    equal(slow.message()["type"], "error", "a binary frame")


@test(*on_shared)
def what_is_too_large_reaches_nobody_and_is_told(relay):
    """The largest that fits, and one byte more; text that is short but long when escaped."""
    one, two = joined(relay, ONE), joined(relay, TWO, max_size=1 << 20)
    frame = len(json.dumps({"type": "message", "from": ONE + "/otto", "to": TWO + "/mira",
                            "message": ""}, separators=(",", ":")))
    fits = (1 << 20) - frame
    for text in ("x" * fits, "\u4f60" * (fits // 3), '"' * (fits // 2)):
        one.send("otto", TWO + "/mira", text)
        two.hears(ONE + "/otto", TWO + "/mira", text)
        one.is_told(TWO + "/mira")
    for text in ("x" * (fits + 1), '"' * (fits // 2 + 1)):
        one.send("otto", TWO + "/mira", text)
        holds("fit" in one.error(), "a sentence about the size")
    two.silent()
    relay.register("old")
    one.send("otto", "v1/old", "x" * (fits - 1))
    holds("fit" in one.error(), "for v1 as well")


@test(*on_shared)
def a_pong_is_the_proof(relay):
    """Until it comes nothing is delivered; a receiver that goes before it has not taken it, and
    whoever comes next of its instance gets it."""
    one, slow = joined(relay, ONE), Slow(relay, TWO)
    one.send("otto", TWO + "/mira", "unproven")
    equal(slow.message()["message"], "unproven", "what is pushed")
    slow.read()  # the ping
    one.silent()
    slow.reset()
    later_second()
    two = joined(relay, TWO)
    two.hears(ONE + "/otto", TWO + "/mira", "unproven")
    one.is_told(TWO + "/mira")
    one.silent()


@test(*on_shared)
def who_does_not_read_is_cut(relay):
    """A client that takes nothing holds a bounded lot, and its sender hears of it or waits."""
    one, slow = joined(relay, ONE), Slow(relay, TWO)
    before = relay.memory_kib()
    text = "x" * 500000
    for _ in range(40):
        one.send("otto", TWO + "/mira", text)
    said = [one.read()["type"] for _ in range(20)]
    holds(set(said) == {"error"}, f"what the sender hears: {said}")
    relay.grew_less(before, 32 * 1024)
    slow.reset()
    relay.alive()


# -- with agents of v1 and v2 ------------------------------------------------------------------


@test(*on_shared)
def a_mesh_of_three(relay):
    """Agents of v1, v2 and Agent Link, each to each, each in its own words."""
    link = joined(relay, ONE)
    relay.register("old")
    mini = Agent(Socket(relay, "mini"), "mini/otto")
    full = ONE + "/healthguard"
    link.send("healthguard", "v1/old", "to v1 \u4f60")
    polled = relay.poll("old", "?wait=10")
    equal([(m["type"], m["from_agent"], m["to_agent"], m["task"]) for m in polled],
          [("task_delegation", full, "old", "to v1 \u4f60")], "what v1 polls")
    relay.poll("old")  # which proves the last answer
    link.is_told("v1/old")
    link.send("healthguard", "mini/otto", "to v2 \u4f60")
    message = mini.take()
    equal((message.sender, message.header["to"], message.text, message.relay["trust"]),
          (full, "mini/otto", "to v2 \u4f60", "group"), "what v2 is pushed")
    link.is_told("mini/otto")
    relay.delegate("old", full, "from v1")
    link.hears("v1/old", full, "from v1")
    sent = mini.send(full, "from v2")
    link.hears("mini/otto", full, "from v2")
    mini.rungs(sent["id"], "delivered")
    relay.delegate("old", full, {"a": 1})
    said = link.read()
    equal(json.loads(said["message"])["task"], {"a": 1}, "a task that is no text")
    mini.send(full, '{"b": 2}', cty="application/json")
    link.hears("mini/otto", full, '{"b": 2}')
    mini.send(full, b"\xff\xfe", cty="image/png")
    equal(json.loads(link.read()["message"]),
          {"encoding": "base64url", "content_type": "image/png", "data": "__4"}, "bytes")
    holds(relay.agent(full)["status"] == "online", "v1's list")
    holds(mini.conn.agent(full)["connected"], "v2's list")


@test("--agent-link", OWN)
def a_secret_of_its_own_is_the_relays_word(relay):
    """The trust that v2 is shown: relay."""
    link = joined(relay, ONE, OWN_SECRETS[ONE])
    mini = Agent(Socket(relay, "mini"), "mini/otto")
    link.send("x", "mini/otto", "hi")
    equal(mini.take().relay["trust"], "relay", "trust")


@test(*on_shared)
def who_has_not_spoken_can_be_written_to(relay):
    """An instance that is connected: its agents are found before they send, from v1 and v2, and
    over a WebSocket of v1 too."""
    link = joined(relay, ONE)
    mini = Agent(Socket(relay, "mini"), "mini/otto")
    sent = mini.send(ONE + "/quiet", "hello")
    link.hears("mini/otto", ONE + "/quiet", "hello")
    mini.rungs(sent["id"], "delivered")
    old = WebSocket(relay, "old")
    old.say({"type": "task", "to_agent": ONE + "/second", "task": "hi"})
    relay.delegate("old", ONE + "/third", "hi")
    link.hears("v1/old", ONE + "/third", "hi")
    link.drop()
    mini.conn.fails("no_such_agent", "send", envelope=mini.pack(ONE + "/nobody"))


@test(*on_shared)
def what_waits_is_pushed_when_its_agent_comes(relay):
    """Messages of v1 and v2 are kept, as for any agent; too large ones end as refused."""
    link = joined(relay, ONE)
    link.send("otto", "v1/nobody", "I exist")
    link.error()
    until(lambda: relay.agent(ONE + "/otto"), "it is known")
    link.drop()
    mini = Agent(Socket(relay, "mini"), "mini/otto")
    until(lambda: not mini.conn.agent(ONE + "/otto")["connected"], "it has gone")
    relay.delegate("old", ONE + "/otto", "waited")
    relay.delegate("old", ONE + "/otto", {"a": [""] * 220000})  # its quotes are escaped
    later_second()
    link = joined(relay, ONE)
    link.hears("v1/old", ONE + "/otto", "waited")
    link.silent()
    until(lambda: relay.poll(ONE + "/otto") == [], "what does not fit has gone")


@test(*on_shared)
def a_client_of_v2_of_the_same_instance_goes_first(relay):
    """An agent that is attached has said who it is: what is for it goes there alone."""
    link, two = joined(relay, ONE), joined(relay, TWO)
    new = Agent(Socket(relay, ONE), ONE + "/main")
    two.send("x", ONE + "/main", "for main")
    equal(new.take().text, "for main", "what v2 is pushed")
    two.is_told(ONE + "/main")
    link.silent()
    new.conn.drop()
    until(lambda: not Caller(relay).agent(ONE + "/main")["connected"], "it has gone")
    mini = Agent(Socket(relay, "mini"), "mini/otto")
    mini.send(ONE + "/main", "kept for main")
    link.silent()
    new = Agent(Socket(relay, ONE), ONE + "/main")
    equal(new.take().text, "kept for main", "what waited")


# -- content -----------------------------------------------------------------------------------


@test(relay=False, seconds=120)
def content_is_nowhere_afterwards(relay=None):
    """Not in the folder, not in the log, and not in the memory of the process either."""
    canary = b64(os.urandom(24))
    data = os.path.join(FOLDER, "canary")
    bind_now = {"LD_BIND_NOW": "1"}  # the linker would save registers, and what is in them
    with Relay(*on_shared, "--data", data, "--log-level", "debug", "--allow-debugger",
               env=bind_now) as relay:
        one, two = joined(relay, ONE), joined(relay, TWO)
        for text in (canary, canary + 100000 * "x", '"' + canary):
            one.send("otto", TWO + "/mira", text)
            two.hears(ONE + "/otto", TWO + "/mira", text)
            one.is_told(TWO + "/mira")
        one.send("otto", TWO + "/gone" + "x" * 70, canary)
        one.error()
        one.send("otto", "instance-404/x", canary)
        one.error()
        holds(canary not in relay.stderr(), "in the log")
        if not relay.instrumented():  # whose own memory is too large to read
            dump = memory_of(relay)
            holds(ONE.encode() in dump, "the memory was not read")
            equal(dump.count(canary.encode()), 0, "in memory")
    for folder, _, names in os.walk(data):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                holds(canary.encode() not in file.read(), f"in {name}")


def memory_of(relay):
    """What a core dump would have."""
    found = []
    with open(f"/proc/{relay.pid}/maps", encoding="ascii", errors="replace") as maps, \
            open(f"/proc/{relay.pid}/mem", "rb") as memory:
        for line in maps:
            span, rights, *_ = line.split()
            start, end = (int(part, 16) for part in span.split("-"))
            if not rights.startswith("rw") or "[v" in line:
                continue
            with contextlib.suppress(OSError, ValueError):
                memory.seek(start)
                found.append(memory.read(end - start))
    return b"\n".join(found)


# -- HTTP --------------------------------------------------------------------------------------


def register_body(instance, secret=SECRET, key="", **more):
    return {"instance_id": instance, "public_key": key, "name": instance,
            **({"signature": json.loads(legacy_wire.register(secret, instance))["signature"]}
               if secret else {}), **more}


def send_body(sender, to, message, secret=SECRET):
    body = json.loads(legacy_wire.send(secret, sender, to, message))
    del body["type"]
    return body


@test(*on_shared, token=TOKEN)
def register_over_http_wants_a_proof(relay):
    """A signature or the token; the first key is the instance's for good."""
    door = Door(relay)
    good = "key of " + ONE
    by_signature = register_body(ONE, key=good)  # which passes once
    cases = [(register_body(ONE, None, good), None, 401), (register_body(ONE, "x", good), None, 401),
             (register_body(ONE, None, good), "wrong", 401),
             (register_body(THREE, None), TOKEN, 403), (register_body(THREE), None, 403),
             (register_body(ONE, None, good), TOKEN, 200), (by_signature, None, 200),
             (by_signature, None, 409), (register_body(TWO, key="other"), None, 409),
             (register_body(ONE, None, "other"), TOKEN, 409), ({}, TOKEN, 400), (b"x", TOKEN, 400)]
    for body, token, wanted in cases:
        with row(f"{short(body)} {token}"):
            answer = door.post("/api/v1/register", body if isinstance(body, dict) else [], token)
            equal(answer.status_code, wanted, f"status ({answer.text})")
    equal(door.post("/api/v1/send", send_body(TWO + "/x", ONE + "/y", "hi")).status_code, 401,
          "who has shown another key has not registered")
    for verb, path, wanted in (("GET", "/api/v1/register", 405), ("GET", "/api/v1/send", 405),
                               ("POST", "/", 405), ("GET", "/", 426), ("GET", "/discover", 404),
                               ("GET", "/metrics", 404), ("GET", "/healthz", 200),
                               ("POST", "/delegate", 404)):
        with row(f"{verb} {path}"):
            answer = requests.request(verb, door.url + path, timeout=WAIT)
            equal(answer.status_code, wanted, "status")


@test(*on_shared, token=TOKEN)
def send_over_http_is_answered_when_its_end_is_known(relay):
    door = Door(relay)
    two = joined(relay, TWO)
    body = send_body(ONE + "/otto", TWO + "/mira", "hi")
    equal(door.post("/api/v1/send", body).status_code, 401, "before it has registered from here")
    equal(door.post("/api/v1/register", register_body(ONE)).status_code, 200, "register")
    answer = door.post("/api/v1/send", body)
    equal((answer.status_code, answer.json()), (200, {"status": "delivered", "to": TWO + "/mira"}),
          "answer")
    two.hears(ONE + "/otto", TWO + "/mira", "hi")
    equal(door.post("/api/v1/send", body).status_code, 409, "the same again")
    equal(door.post("/api/v1/send", body, TOKEN).status_code, 200, "the same with the token")
    two.hears(ONE + "/otto", TWO + "/mira", "hi")
    forged = {**body, "message": "other"}
    for said, token, wanted in ((forged, None, 401), (forged, TOKEN, 401),
                                ({**body, "signature": None}, TOKEN, 400),
                                (send_body(ONE + "/o", "instance-404/x", "a"), None, 404),
                                (send_body(THREE + "/o", TWO + "/x", "b"), TOKEN, 403),
                                (send_body(ONE + "/o", ONE + "/gone", "c"), None, 503),
                                (send_body(ONE + "/o", TWO + "/x", "d" * (1 << 20)), None, 413)):
        with row(f"{short(said)} {token}"):
            answer = door.post("/api/v1/send", said, token)
            equal(answer.status_code, wanted, f"status ({short(answer.text)})")
    del body["signature"]
    equal(door.post("/api/v1/send", body, TOKEN).status_code, 401, "unsigned")
    two.silent()


@test(*on_shared, token=TOKEN)
def what_was_sent_over_a_websocket_is_not_good_over_http(relay):
    one, two = joined(relay, ONE), joined(relay, TWO)
    one.send("otto", TWO + "/mira", "recorded")
    two.read()
    one.is_told(TWO + "/mira")
    answer = Door(relay).post("/api/v1/send", send_body(ONE + "/otto", TWO + "/mira", "recorded"))
    equal(answer.status_code, 409, "status")
    two.silent()


# -- /v2 on this port --------------------------------------------------------------------------


def instance_token(instance, secret=SECRET):
    """base64url(HKDF-SHA256(secret, info)), as RFC 5869 has it."""
    key = hmac.new(32 * b"\0", secret.encode(), hashlib.sha256).digest()
    info = b"clawlink agent-link connect v1 " + instance.encode()
    return b64(hmac.new(key, info + b"\x01", hashlib.sha256).digest())


@test(*on_shared, token=TOKEN)
def v2_here_takes_a_token_of_the_instance(relay):
    """Which binds the connection, and each call over HTTP, to that instance."""
    door = Door(relay, instance_token(ONE))
    main_agent = Agent(Socket(door, ONE), ONE + "/main")
    two = joined(relay, TWO)
    two.send("x", ONE + "/main", "to a client of v2")
    message = main_agent.take()
    equal((message.sender, message.text), (TWO + "/x", "to a client of v2"), "message")
    two.is_told(ONE + "/main")
    main_agent.send(TWO + "/x", "back")
    two.hears(ONE + "/main", TWO + "/x", "back")
    other = Socket(door)
    other.fails("forbidden", "hello", versions=["2.0"], instance=TWO)
    for token, status_code in ((None, 401), ("wrong", 401), (instance_token(THREE), 401),
                               (instance_token(ONE, "other"), 401), (TOKEN, 200),
                               (instance_token(ONE), 200)):
        with row(str(token)):
            call = {"jsonrpc": "2.0", "id": 1, "method": "inbox", "params": {"agent": ONE + "/main"}}
            equal(door.post("/v2", call, token).status_code, status_code, "status")
    for method in ("inbox", "receive", "attach", "dead.list"):
        with row(method):
            call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"agent": TWO + "/x"}}
            equal(door.post("/v2", call, instance_token(ONE)).status_code, 403, "status")
            equal(relay.post("/v2", call, headers={"Authorization": "Bearer " + instance_token(ONE)})
                  .status_code, 401, "on the relay's own port")


@test(*on_secret, token=TOKEN, seconds=90)
def where_every_instance_may_come_hello_says_whose_token_it_is(relay):
    """A wrong one, no hello, and a call before it end the connection."""
    door = Door(relay, instance_token("any"))
    other = Socket(door)
    other.fails("usage", "agents")
    other.fails("unauthorized", "hello", versions=["2.0"], instance=TWO)
    equal(other.closed(), 1008, "another's")
    equal(Socket(door).closed(), 1008, "no hello")
    call = {"jsonrpc": "2.0", "id": 1, "method": "agents", "params": {}}
    equal(door.post("/v2", call, door.token).status_code, 401, "over HTTP, nobody knows it yet")
    mine = Agent(Socket(door, "any"), "any/main")
    two = joined(relay, TWO)
    mine.send(TWO + "/x", "hi")
    two.hears("any/main", TWO + "/x", "hi")
    equal(door.post("/v2", call, door.token).status_code, 200, "over HTTP, once it is known")


@test(relay=False)
def hello_says_whose_secret_it_was():
    """Over both transports; nothing where another token, or none, was shown."""
    own = config("mixed", registered_instances=[
        {"instance_id": ONE, "name": "one", "public_key": ""}, *instances(instance_002="of two")])
    token = ("--token", TOKEN)
    with Relay("--agent-link", own, *token, token=TOKEN) as relay, \
            Relay(*on_secret, *token, token=TOKEN) as everyone:
        for place, token, instance, whose in (
                (relay, instance_token(ONE), ONE, "group"),
                (relay, instance_token(TWO, "of two"), TWO, "instance"),
                (relay, TOKEN, ONE, None), (relay, TOKEN, TWO, None),
                (everyone, instance_token("any"), "any", "group")):
            with row(f"{instance} {whose}"):
                door = Door(place, token)
                equal(Socket(door, instance).welcome.get("secret"), whose, "over a WebSocket")
                call = {"jsonrpc": "2.0", "id": 1, "method": "hello",
                        "params": {"versions": ["2.0"], "instance": instance}}
                equal(door.post("/v2", call, token).json()["result"].get("secret"), whose,
                      "over HTTP")
        equal(Socket(relay, ONE).welcome.get("secret"), None, "on the relay's own port")


# -- the process -------------------------------------------------------------------------------


@test(relay=False)
def options_that_cannot_be_are_told():
    broken = os.path.join(FOLDER, "broken")
    files = {"": "empty", "{": "", "[]": "", '{"port": "x"}': "port",
             '{"registered_instances": [{"instance_id": "a b"}], "secret": "x"}': "instance_id",
             '{"registered_instances": [{"instance_id": "a"}]}': "secret"}
    for text, word in files.items():
        with row(text):
            with open(broken, "w", encoding="ascii") as file:
                file.write(text)
            code, _, said = start_fails("--agent-link", broken, "--agent-link-port", "0")
            equal(code, 2, f"exit status ({said})")
            holds("--agent-link" in said and word in said, f"{said}")
    for options, word in ((("--agent-link-port", "0"), "secret"),
                          (("--agent-link", broken + "x"), broken + "x"),
                          (("--agent-link-secret-file", os.devnull), "empty")):
        with row(str(options)):
            code, _, said = start_fails(*options)
            holds(code != 0 and word in said, f"{code}: {said}")


@test(relay=False)
def a_file_that_others_can_read_is_a_warning():
    path = config("readable")
    os.chmod(path, 0o644)
    with Relay("--agent-link", path) as relay:
        until(lambda: "agent_link.others_can_read" in relay.stderr(), "the warning")
        holds(SECRET not in relay.stderr(), "the secret is in the log")


@test(*on_shared)
def at_a_stop_connections_are_closed_with_1012(relay):
    link = joined(relay, ONE)
    relay.signal(15)
    equal(link.read(), {"closed": 1012}, "how it ends")
    relay.opened.discard(link)
    relay.wait()


@test("--agent-link", config("again"))
def at_sighup_the_file_is_read_again(relay):
    """Who is new may come, and who is no more goes; a file that does not hold changes nothing."""
    one, two = joined(relay, ONE), joined(relay, TWO)
    with open(os.path.join(FOLDER, "again.json"), "w", encoding="ascii") as file:
        file.write("{")
    relay.signal(signal.SIGHUP)
    until(lambda: "agent_link.not_reloaded" in relay.stderr(), "it is logged")
    one.send("otto", TWO + "/mira", "still there")
    two.hears(ONE + "/otto", TWO + "/mira", "still there")
    one.is_told(TWO + "/mira")
    config("again", registered_instances=[{"instance_id": TWO}, {"instance_id": THREE}])
    relay.signal(signal.SIGHUP)
    equal(one.read(), {"closed": 1008}, "who is no more")
    relay.opened.discard(one)
    three = joined(relay, THREE)
    three.send("x", TWO + "/mira", "hi")
    two.hears(THREE + "/x", TWO + "/mira", "hi")
    Link(relay, ONE).first["message"]  # pylint: disable=expression-not-assigned


@test(*on_shared)
def status_and_metrics_tell_of_it(relay):
    one, two = joined(relay, ONE), joined(relay, TWO)
    one.send("otto", TWO + "/mira", "hi")
    two.read()
    one.is_told(TWO + "/mira")
    said = status(relay)
    equal(said["url"], relay.agent_link, "url")
    equal({name: said[name] for name in ("connections", "registered", "refused", "replayed", "busy",
                                         "delivered", "failed")},
          {"connections": 2, "registered": 2, "refused": 0, "replayed": 0, "busy": 0,
           "delivered": 1, "failed": 0}, "numbers")
    first = said["instances"][0]
    equal((first["instance_id"], first["connections"], first["agents"]),
          (ONE, 1, [ONE + "/otto"]), "an instance")
    text = relay.get("/metrics").text
    for line in ("clawlink_agent_link_connections 2",
                 'clawlink_agent_link_registers_total{result="registered"} 2',
                 'clawlink_agent_link_messages_total{result="delivered"} 1'):
        holds(line in text, line)
    two.cut()
    until(lambda: status(relay)["connections"] == 1, "it has gone")


if __name__ == "__main__":
    main()
