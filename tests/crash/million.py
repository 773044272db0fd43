# SPDX-License-Identifier: MIT
"""A million messages of 256 bytes wait in one inbox: the last ones cost what the first ones did, and
a relay that starts serves them soon, from the log alone and from a snapshot."""
import asyncio
import base64
import json
import os
import time

from lab import POWER, Relay, check, log
from post import TEXT, Socket, b64

SHARE = float(os.environ.get("CRASH_SHARE", "1"))
MESSAGES, SENDERS, BODY = 1000000, 4, 256
SAMPLE = 10000      # messages, whose cost is compared
WINDOW = 1000       # of one sender, unanswered
# What caches, other programs and, in a virtual machine whose host takes back what is free, memory
# used for the first time may add: 2.5 was seen. A walk over all that waits would add hundreds.
DEARER_MAX = 4
START_S = max(2, 10 * SHARE)
RAISED = ("--inbox-messages", "2000000", "--inbox-bytes", str(8 << 30), "--all-inboxes-bytes",
          str(8 << 30), "--log-level", "warn")


class Flood:
    """A sender whose frames are made of one: they differ in id and number, which begin at a multiple
    of three bytes and have a constant length, so that their base64 can be put in."""

    def __init__(self, port, name):
        self.port, self.name, self.number = port, name, 1000000
        self.line, self.answered, self.refused, self.tail = None, 0, [], b""
        self.post, self.opened = self, asyncio.Event()
        self.lines, self.moved = set(), asyncio.Event()
        now, address = int(time.time()), f"m/{name}"
        rest = json.dumps({"typ": "clawlink-msg+jws", "from": address, "to": "m/all", "iat": now,
                           "exp": now + 86400, "str": b64(os.urandom(8))}).encode()
        front = b'{  "id":"'
        whole = base64.urlsafe_b64encode(front).decode() + "@" + b64(rest[1:])
        call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "send", "params": {"envelope": {
            "protected": whole, "payload": b64(b"m" * BODY)}}}).encode()
        before, after = call.split(b"@")
        length = len(before) + 52 + len(after)
        self.front = bytes([0x81, 0xFE]) + length.to_bytes(2, "big") + b"\0\0\0\0" + before
        self.back = after

    def frame(self):
        self.number += 1
        varying = f'{self.name}{self.number:020d}A","seq":{self.number}, '.encode()
        return self.front + base64.urlsafe_b64encode(varying) + self.back

    async def connect(self):
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: Socket(self, "/v2"), "127.0.0.1", self.port)
        await self.opened.wait()
        for method, params in (("hello", {"versions": ["2.0"], "instance": "m", "client": "crash"}),
                               ("attach", {"agent": f"m/{self.name}", "quiet": True})):
            self.line.frame(TEXT, json.dumps({"jsonrpc": "2.0", "id": 0, "method": method,
                                              "params": params}).encode())

    def came(self, line):
        self.line = line
        self.opened.set()

    def lost(self, _line):
        self.line = None
        self.moved.set()

    def text(self, _line, payload):
        if payload.find(b'"id":1,"result"', 0, 40) >= 0:
            self.answered += 1
            self.moved.set()
        elif b'"id":1,"error"' in payload[:40]:
            self.refused.append(payload)
            self.answered += 1
            self.moved.set()

    async def send(self, count):
        """So many, and their answers."""
        begun, first = 0, self.answered
        while self.answered - first < count:
            if self.line is None:
                raise ConnectionError("the relay has gone")
            room = min(WINDOW - (begun - (self.answered - first)), count - begun)
            if room >= WINDOW // 4 or 0 < room == count - begun:
                self.line.write(b"".join([self.frame() for _ in range(room)]))
                begun += room
            self.moved.clear()
            if self.answered - first < count:
                await self.moved.wait()


def scheduled_s(pid, thread):
    """For how long it had a processor, and for how long it waited for one."""
    with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
        return [int(word) / 1e9 for word in file.read().split()[:2]]


def cpu_s(pid):
    """Of the relay's own thread and of all of them."""
    return (scheduled_s(pid, pid)[0],
            sum(scheduled_s(pid, thread)[0] for thread in os.listdir(f"/proc/{pid}/task")))


async def cost(relay, floods, count):
    """Microseconds of the relay's thread, and of all its threads, for each of so many messages."""
    before = cpu_s(relay.pid)
    await asyncio.gather(*(flood.send(count // SENDERS) for flood in floods))
    return [(after - was) / count * 1e6 for was, after in zip(before, cpu_s(relay.pid))]


class Reader:
    """Takes one message, and hears how many wait."""

    def __init__(self):
        self.post, self.lines = self, set()
        self.waiting, self.number, self.done = None, None, asyncio.Event()

    def came(self, line):
        for key, (method, params) in enumerate((
                ("hello", {"versions": ["2.0"], "instance": "m", "client": "crash"}),
                ("attach", {"agent": "m/all"}))):
            line.frame(TEXT, json.dumps({"jsonrpc": "2.0", "id": key, "method": method,
                                         "params": params}).encode())

    def text(self, line, payload):
        said = json.loads(payload)
        if said.get("id") == 1:
            self.waiting = said["result"]["waiting"]
        elif said.get("method") == "message":
            self.number = self.number or said["params"]["at"][1]
        if self.waiting is not None and (self.number or not self.waiting):
            self.done.set()
            line.drop()

    def lost(self, _line):
        self.done.set()


async def read(port):
    reader, loop = Reader(), asyncio.get_running_loop()
    await loop.create_connection(lambda: Socket(reader, "/v2"), "127.0.0.1", port)
    await asyncio.wait_for(reader.done.wait(), 30)
    return reader.waiting, reader.number


def environment(relay):
    """Without snapshots, but for that of a stop in order."""
    return {"RELAY_POWER": f"{relay.data} 1 {1 << 50} plain 0"}


async def serves(relay, messages, what):
    begin = time.monotonic()
    await relay.start(environment(relay))
    waiting, number = await read(relay.port)
    took = time.monotonic() - begin
    had, waited = scheduled_s(relay.pid, relay.pid)  # other programs may keep the processors busy
    check(took - waited < START_S and (waiting, number) == (messages, 1),
          f"{what}: serves {waiting} waiting messages after {took:.2f} s of {START_S:g}; it had a "
          f"processor for {had:.2f} s, and waited for one for {waited:.2f} s")


async def million():
    messages = max(4 * SAMPLE, round(MESSAGES * SHARE))
    with Relay(*RAISED, command=[POWER]) as relay:
        await relay.start(environment(relay))
        waiting, _ = await read(relay.port)
        check(waiting == 0, "an inbox, empty")
        floods = [Flood(relay.port, str(number)) for number in range(SENDERS)]
        await asyncio.gather(*(flood.connect() for flood in floods))
        begin = time.monotonic()
        first = await cost(relay, floods, SAMPLE)
        await cost(relay, floods, messages - 2 * SAMPLE)
        last = await cost(relay, floods, SAMPLE)
        took = time.monotonic() - begin
        refused = [text for flood in floods for text in flood.refused]
        check(not refused, f"{messages} of {BODY} bytes accepted, {messages / took:.0f} a second, of "
              f"which refused {len(refused)} {refused[:1]}")
        ratio = [now / then for now, then in zip(last, first)]
        check(ratio[0] < DEARER_MAX and ratio[1] < DEARER_MAX,
              f"the last {SAMPLE} cost {ratio[0]:.2f} of what the first did in the relay's thread "
              f"({first[0]:.1f} and {last[0]:.1f} us each), {ratio[1]:.2f} in all threads "
              f"({first[1]:.1f}, {last[1]:.1f})")
        relay.kill()
        log(f"     {os.path.getsize(os.path.join(relay.data, 'journal.db')) >> 20} MiB of journal")
        await serves(relay, messages, "from the log alone")
        begin = time.monotonic()
        relay.signal(15)
        status = await relay.ended(60)
        check(status == 0, f"a stop in order, with a snapshot, in {time.monotonic() - begin:.1f} s; "
              f"{os.path.getsize(os.path.join(relay.data, 'journal.db')) >> 20} MiB of journal")
        await serves(relay, messages, "from a snapshot")
