# SPDX-License-Identifier: MIT
"""The rows of the table: which work, on which servers, and what is asked of the relay."""
import dataclasses

HIGHER, LOWER = "at least", "at most"


@dataclasses.dataclass
class Ask:
    """The relay's figure over the peer's (or its figure alone) against `must` and `aim`."""
    peer: str  # empty: the figure stands for itself
    must: float = None
    aim: float = None
    figure: str = "per_server_cpu_s"
    what: str = ""  # of the figure, where the row has several
    direction: str = HIGHER
    scale: float = 1.0
    unit: str = ""


@dataclasses.dataclass
class Row:
    name: str
    title: str
    unit: str
    job: list  # words of the generator
    asks: list
    ours: str = "relay"
    rounds: int = None  # other than the option says
    protocol: str = None  # of the generator, other than the server's
    on_disk: bool = False  # the servers' folders must be on one
    show: list = dataclasses.field(default_factory=list)  # further figures in each line
    beside: list = dataclasses.field(default_factory=list)  # measured, nothing asked

    def servers(self):
        """In the order of the table, the relay first."""
        names = [self.ours, *(ask.peer for ask in self.asks if ask.peer), *self.beside]
        return list(dict.fromkeys(names))


ROUTED = [Ask("nats", 1.0, 1.5), Ask("redis", 0.7, 1.0), Ask("node ws", 4, None),
          Ask("aiohttp", 10, None), Ask("raw epoll", None, 0.75), Ask("aiohttp+uvloop"),
          Ask("mosquitto")]
ROWS = [
    Row("routed", "routed 256-byte JSON, 50 pairs, 16 in flight", "messages per server CPU second",
        ["routed"], ROUTED),
    Row("fanout", "fan-out 1 to 500, 256 bytes, 16 in flight", "deliveries per server CPU second",
        ["fanout"],
        [Ask("nats", 2.0, 3.0), Ask("redis", 1.0, 1.2), Ask("mosquitto"), Ask("node ws"),
         Ask("aiohttp"), Ask("aiohttp+uvloop"), Ask("raw epoll")], rounds=9),
    Row("fanout-1", "fan-out 1 to 500, 256 bytes, 1 in flight instead of 16",
        "deliveries per server CPU second", ["fanout", "--in-flight", "1"],
        [Ask("nats"), Ask("redis"), Ask("raw epoll")]),
    Row("16k", "routed 16 KiB, 50 pairs, 16 in flight", "messages per server CPU second",
        ["routed", "--bytes", "16384"],
        [Ask("nats", 0.8, 1.0), Ask("redis", None, 1.0), Ask("raw epoll")]),
    Row("v2", "routed 256 bytes by protocol v2, 50 pairs, 16 in flight",
        "messages per server CPU second", ["routed"],
        [Ask("relay", what="by v1"), Ask("nats"), Ask("redis")], ours="relay v2"),
    Row("durable", "on disk before anybody is told: 256 bytes, 50 senders, 16 in flight",
        "messages per server CPU second", ["routed"],
        [Ask("redis streams", 0.7, 1.2, what="with appendfsync always"),
         Ask("jetstream", what="which acknowledges before fsync")], ours="relay --data",
        on_disk=True),
    Row("durable-v2", "the same by v2's send, answered when it is on disk, and kept",
        "messages per server CPU second", ["store"],
        [Ask("redis streams", what="with appendfsync always"), Ask("relay --data", what="by v1")],
        ours="relay --data v2", on_disk=True),
    Row("client", "through the C library: 256 bytes from a sender to a receiver, 256 in flight",
        "messages per client CPU second", ["pair"],
        [Ask("cnats", figure="per_client_cpu_s", what="which acknowledges nothing"),
         Ask("cnats jetstream", figure="per_client_cpu_s", what="acknowledged at both ends")],
        ours="libclawlink"),
    Row("http", "HTTP delegate and poll, 7 to 1, 32 connections", "requests per server CPU second",
        ["http"],
        [Ask("aiohttp", 10, 20), Ask("node ws", 4, None), Ask("aiohttp+uvloop"),
         Ask("raw epoll")], protocol="http"),
    Row("trip", "request and reply, 1 in flight, 256 bytes", "us",
        ["trip"],
        [Ask("nats", 1.1, 1.0, "p50_us", "p50", LOWER),
         Ask("nats", None, None, "p99_us", "p99", LOWER),
         Ask("redis", None, None, "p50_us", "p50", LOWER)], rounds=9, show=["p50_us", "p99_us"]),
    Row("tls", "TLS 1.3: routed 256 bytes, encrypted over plain", "messages per server CPU second",
        ["routed"], [Ask("relay", 0.8, 0.9, what="without TLS")], ours="relay-tls", rounds=15),
    Row("idle", "10 000 idle WebSocket agents, registered", "", ["idle"],
        [Ask("", 4, 2, "bytes_each", "memory each", LOWER, 1 / 1024, "KiB"),
         Ask("", 5, None, "connect_s", "all connected in", LOWER, 1, "s"),
         Ask("", 2, None, "server_busy", "of a core, then", LOWER, 100, "%")],
        rounds=1, beside=["nats"]),
    Row("idle-tls", "10 000 idle WebSocket agents, TLS", "", ["idle"],
        [Ask("", 24, 16, "bytes_each", "memory each", LOWER, 1 / 1024, "KiB"),
         Ask("", None, None, "connect_s", "all connected in", LOWER, 1, "s"),
         Ask("", None, None, "server_busy", "of a core, then", LOWER, 100, "%")],
        rounds=1, ours="relay-tls"),
    Row("start", "start and size", "", [],
        [Ask("", 50, 20, "start_ms", "start to listening, median of 20", LOWER, 1, "ms"),
         Ask("", 3, 1.5, "stripped_bytes", "stripped binary", LOWER, 1e-6, "MB")],
        rounds=1),
]
# Rows of the design that nothing exists for yet.
ABSENT = ["daemon at rest: there is no daemon yet"]
