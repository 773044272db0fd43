#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that others run on a network, one line of JSON for each thing that happens:

    peer.py browse 4|6|all              python3-zeroconf looks for relays
    peer.py announce NAME PORT [K=V..]  python3-zeroconf announces one
    peer.py spoof NAME PORT [TXT]       answers every question for relays, by hand, with that name
    peer.py crowd COUNT                 answers likewise with so many names that lead nowhere
    peer.py sink PORT                   a TCP listener that tells what it is sent
    peer.py hog                         holds UDP port 5353 alone
    peer.py flood ADDRESS SECONDS       datagrams to port 5353 as fast as they go
    peer.py forge KIND ADDRESS SECONDS  likewise, messages made to be dear to who reads them
    peer.py health ADDRESS SECONDS      how long GET /healthz takes on port 9077, in a row

All but the last three go on until they are told to end.
"""
import http.client
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

SERVICE = "_clawlink._tcp.local."
GROUP = "224.0.0.251"


def tell(**event):
    print(json.dumps({"at": time.time(), **event}), flush=True)


def own_address():
    """The first IPv4 address of this namespace, by a route that the kernel chooses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((sys.argv[0] and "10.99.0.200", 9))
        return probe.getsockname()[0]


def browse(family):
    from zeroconf import IPVersion, ServiceBrowser, Zeroconf
    versions = {"4": IPVersion.V4Only, "6": IPVersion.V6Only, "all": IPVersion.All}
    library = Zeroconf(ip_version=versions[family])

    class Listener:
        def add_service(self, _library, kind, name):
            info = library.get_service_info(kind, name, timeout=5000)
            tell(event="add", name=name.removesuffix("." + SERVICE),
                 addresses=info.parsed_addresses() if info else [],
                 port=info.port if info else 0, server=info.server if info else "",
                 txt={k.decode(): (v or b"").decode() for k, v in info.properties.items()}
                 if info else {})

        def remove_service(self, _library, _kind, name):
            tell(event="remove", name=name.removesuffix("." + SERVICE))

        def update_service(self, *_):
            pass

    ServiceBrowser(library, SERVICE, Listener())
    tell(event="ready")


def announce(name, port, *members):
    from zeroconf import IPVersion, ServiceInfo, Zeroconf
    library = Zeroconf(ip_version=IPVersion.All)
    info = ServiceInfo(SERVICE, f"{name}.{SERVICE}", port=int(port), server="otto.local.",
                       properties=dict(member.split("=", 1) for member in members),
                       addresses=[socket.inet_aton(own_address())])
    library.register_service(info, cooperating_responders=True)
    tell(event="ready")
    signal.sigwait({signal.SIGTERM})
    library.close()
    sys.exit(0)


def group_socket(port=5353):
    box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    box.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    box.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    box.bind(("", port))
    member = socket.inet_aton(GROUP) + socket.inet_aton(own_address())
    box.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    box.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own_address()))
    box.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    return box


def wire_name(*labels):
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def header(flags, *counts):
    return struct.pack(">HHHHHH", 0, flags, *counts)


def record(name, kind, data, klass=0x8001):
    return name + struct.pack(">HHIH", kind, klass, 120, len(data)) + data


def answer_all(message):
    """An attacker does not probe and does not yield."""
    box = group_socket()
    tell(event="ready")
    while True:
        query, sender = box.recvfrom(9000)
        if sender[0] != own_address() and b"_clawlink" in query and query[2] & 0x80 == 0:
            box.sendto(message, (GROUP, 5353))


def crowd(count):
    service = wire_name(b"_clawlink", b"_tcp", b"local")
    records = [record(service, 12, wire_name(b"x%d" % i, b"_clawlink", b"_tcp", b"local"), 1)
               for i in range(int(count))]
    answer_all(header(0x8400, 0, len(records), 0, 0) + b"".join(records))


def spoof(name, port, text="version=6"):
    """It names itself what it likes."""
    service = wire_name(b"_clawlink", b"_tcp", b"local")
    instance = wire_name(os.fsencode(name), b"_clawlink", b"_tcp", b"local")
    host = wire_name(b"evil", b"local")
    message = (header(0x8400, 0, 4, 0, 0) +
               record(service, 12, instance, 1) +
               record(instance, 33, struct.pack(">HHH", 0, 0, int(port)) + host) +
               record(instance, 16, bytes([len(text)]) + text.encode() +
                      b"\x0dhostname=evil\x07auth=no") +
               record(host, 1, socket.inet_aton(own_address())))
    answer_all(message)


def sink(port):
    with socket.create_server(("", int(port))) as server:
        tell(event="ready")
        while True:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(2)
                got = b""
                try:
                    while b"\r\n\r\n" not in got and (piece := connection.recv(4096)):
                        got += piece
                except TimeoutError:
                    pass
                tell(event="got", bytes=got.decode("latin-1"))


def hog():
    boxes = []
    for family in (socket.AF_INET6, socket.AF_INET):
        box = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            box.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        box.bind(("", 5353))
        boxes.append(box)
    tell(event="ready")
    signal.sigwait({signal.SIGTERM})
    sys.exit(0)


def send_on(box, message, address, seconds):
    sent, end = 0, time.monotonic() + float(seconds)
    tell(event="ready")
    while time.monotonic() < end:
        try:
            sent += box.sendto(message, (address, 5353)) > 0
        except OSError:
            pass
    tell(event="sent", count=sent)


def flood(address, seconds):
    box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    box.bind(("", 0))
    question = wire_name(b"_clawlink", b"_tcp", b"local") + struct.pack(">HH", 12, 1)
    send_on(box, header(0, 1, 0, 0, 0) + question, address, seconds)


LONGEST = b"\1x" * 127 + b"\0"  # a name of 255 bytes
HERE = b"\xc0\x0c"  # a pointer to the first name of a message


def chain():
    """A known answer whose data are pointers, each to the one before; names that begin there."""
    start = 12 + len(LONGEST) + 10
    data = HERE + b"".join(struct.pack(">H", 0xc000 | start + 2 * i) for i in range(2000))
    last = struct.pack(">H", 0xc000 | start + len(data) - 2)
    return (header(0, 0, 256, 0, 0) + record(LONGEST, 99, data) +
            record(last, 12, last) * 255)


def claims():
    """A probe that claims a name of the relay, and much else."""
    name = wire_name(b"Mira's relay", b"_clawlink", b"_tcp", b"local")
    return (header(0, 1, 0, 255, 0) + name + struct.pack(">HH", 255, 1) +
            record(LONGEST, 12, HERE) + record(HERE, 16, b"\0") * 254)


def names():
    """Nothing is wrong with it but the work it makes."""
    return header(0x8400, 0, 256, 0, 0) + record(LONGEST, 12, HERE) + record(HERE, 12, HERE) * 255


def forge(kind, address, seconds):
    message = {"chain": chain, "claims": claims, "names": names}[kind]()
    send_on(group_socket(), message, address, seconds)


def health(address, seconds):
    took, end = [], time.monotonic() + float(seconds)
    line = http.client.HTTPConnection(address, 9077, timeout=10)
    line.connect()
    tell(event="ready")
    # A call every 5 ms, as long as the relay does not end the line.
    while time.monotonic() < end and not select.select([line.sock], [], [], 0.005)[0]:
        begun = time.monotonic()
        line.request("GET", "/healthz")
        line.getresponse().read()
        took.append((time.monotonic() - begun) * 1000)
    took.sort()
    tell(event="took", count=len(took), **{f"p{p}": took[len(took) * p // 100] for p in (50, 90, 99)},
         most=took[-1])


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM} if sys.argv[1] in
                       ("announce", "hog", "browse") else set())
{"browse": browse, "announce": announce, "spoof": spoof, "crowd": crowd, "sink": sink, "hog": hog,
 "flood": flood, "forge": forge, "health": health}[sys.argv[1]](*sys.argv[2:])
if sys.argv[1] == "browse":
    signal.sigwait({signal.SIGTERM})
    sys.stdout.flush()
    threading._shutdown = lambda: None
    sys.exit(0)
