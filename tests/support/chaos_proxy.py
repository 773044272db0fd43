#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A network that does what networks do: chaos_proxy.py LISTEN UPSTREAM SEED, on loopback.

Each connection has one fate, which follows from the seed and its number:

    clean       nothing happens
    slow        pieces of 1 to 400 bytes, each up to 2 ms later
    reset       after some bytes both sides are reset
    half-open   after some bytes nothing goes either way any more, and nobody is told, for 3 seconds
    half-close  after some bytes to one side that side hears an end, and the other goes on for a second
    late        all that comes to the relay is half a second late, so that it comes after what its
                sender, who has given up meanwhile, has sent again on another connection

With seed 0 all are clean. SIGUSR1: the network is gone; nothing goes either way on any connection, new
ones reach nobody, and nobody is told. It comes back with SIGUSR2, as TCP has it: what both ends have
kept goes on with nothing missing; or with SIGHUP, as after a router that has forgotten all
connections: they are reset.

SIGTERM ends it; then it prints how many of each there were, as JSON. Corrupted bytes are not among
them: those TCP and TLS keep away.
"""
import asyncio
import collections
import json
import random
import signal
import socket
import struct
import sys

FATES = ("clean", "slow", "slow", "reset", "reset", "half-open", "half-close", "late")
HALF_OPEN_S, HALF_CLOSE_S, LATE_S = 3, 1, 0.5


class Side(asyncio.Protocol):
    """One half of a connection; what it hears goes to the other half."""

    def __init__(self, pair):
        self.pair, self.transport, self.other, self.early = pair, None, None, []

    def connection_made(self, transport):
        self.transport = transport
        if self.pair.proxy.is_gone:
            transport.pause_reading()
        for data in self.early:
            transport.write(data)

    def data_received(self, data):
        self.pair.came(self, data)

    def eof_received(self):
        self.pair.ended(self)
        return True  # the other direction goes on

    def connection_lost(self, _error):
        self.pair.lost(self)

    def listen(self, listens):
        """A transport that is not read from does not notice an end either."""
        if self.transport is None or self.transport.is_closing():
            return
        if listens and not self.transport.is_reading():
            self.transport.resume_reading()
        elif not listens and self.transport.is_reading():
            self.transport.pause_reading()

    def write(self, data):
        if self.transport is None:
            self.early.append(data)
        elif not self.transport.is_closing():
            self.transport.write(data)

    def reset(self):
        if self.transport is None:
            return
        made = self.transport.get_extra_info("socket")
        if made is not None and made.fileno() >= 0:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Pair:
    """A connection and its fate."""

    def __init__(self, proxy, number):
        self.proxy, self.dice = proxy, random.Random(proxy.seed * 1000003 + number)
        self.fate = self.dice.choice(FATES) if proxy.seed else "clean"
        proxy.counts[self.fate] += 1
        self.left = self.dice.randrange(500, 60000)  # bytes until it happens
        self.near, self.far = Side(self), Side(self)
        self.near.other, self.far.other = self.far, self.near
        self.is_silent = False
        self.queues = {}

    def after(self, seconds, call, *arguments):
        asyncio.get_running_loop().call_later(seconds, call, *arguments)

    def came(self, side, data):
        if self.is_silent:
            return
        self.left -= len(data)
        if self.left < 0 and self.fate == "reset":
            self.reset()
        elif self.left < 0 and self.fate == "half-open":
            self.is_silent = True
            self.after(HALF_OPEN_S, self.reset)
        elif self.left < 0 and self.fate == "half-close":
            if side.other.transport:
                side.other.transport.write_eof()
            self.is_silent = True
            self.after(HALF_CLOSE_S, self.reset)
        elif self.fate == "slow":
            self.queue(side, data)
        elif self.fate == "late" and side is self.near:
            self.after(LATE_S, side.other.write, data)
        else:
            side.other.write(data)

    def queue(self, side, data):
        """In small pieces, one after the other."""
        pieces = self.queues.setdefault(side, collections.deque())
        at, is_idle = 0, not pieces
        while at < len(data):
            size = self.dice.randrange(1, 400)
            pieces.append(data[at:at + size])
            at += size
        if is_idle:
            self.after(self.dice.uniform(0, 0.002), self.next_piece, side)

    def next_piece(self, side):
        pieces = self.queues[side]
        side.other.write(pieces.popleft())
        if pieces:
            self.after(self.dice.uniform(0, 0.002), self.next_piece, side)

    def reset(self):
        self.near.reset()
        self.far.reset()

    def ended(self, side):
        if not self.is_silent:
            self.after(LATE_S if self.fate == "late" else 0.01, self.close, side.other)

    @staticmethod
    def close(side):
        if side.transport:
            side.transport.close()

    def lost(self, side):
        self.proxy.pairs.discard(self)
        if self.is_silent:
            return  # nobody is told
        self.after(LATE_S if self.fate == "late" else 0.01, self.close, side.other)


class Proxy:
    """All connections."""

    def __init__(self, upstream, seed):
        self.upstream, self.seed = upstream, seed
        self.counts, self.number = collections.Counter(), 0
        self.pairs, self.is_gone, self.back = set(), False, asyncio.Event()
        self.back.set()

    def leave(self):
        self.is_gone = True
        self.back.clear()
        for pair in self.pairs:
            pair.near.listen(False)
            pair.far.listen(False)

    def come_back(self, knows_connections):
        self.is_gone = False
        self.back.set()
        for pair in list(self.pairs):
            if knows_connections:
                pair.near.listen(True)
                pair.far.listen(True)
            else:
                pair.reset()

    def accept(self):
        self.number += 1
        pair = Pair(self, self.number)
        self.pairs.add(pair)
        asyncio.ensure_future(self.connect(pair))
        return pair.near

    async def connect(self, pair):
        await self.back.wait()
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: pair.far, "127.0.0.1", self.upstream)
        except OSError:
            pair.near.reset()


async def main():
    listen, upstream, seed = (int(word) for word in sys.argv[1:4])
    proxy, over = Proxy(upstream, seed), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.add_signal_handler(signal.SIGUSR1, proxy.leave)
    loop.add_signal_handler(signal.SIGUSR2, proxy.come_back, True)
    loop.add_signal_handler(signal.SIGHUP, proxy.come_back, False)
    await loop.create_server(proxy.accept, "127.0.0.1", listen)
    print("ready", flush=True)
    await over.wait()
    print(json.dumps(proxy.counts), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
