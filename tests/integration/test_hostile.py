# SPDX-License-Identifier: MIT
"""Broken, oversized, half-sent and garbage input at every entry point.

After each attack: a clear 4xx or close code, the relay alive, other clients served, memory
bounded, and never an answer to a request that was smuggled inside another.
"""
import os
import random
import re
import resource
import selectors
import socket
import struct
import time

from support import (BINARY, CLOSE, PING, PONG, TEXT, UPGRADE, Http, Relay, WebSocket, equal,
                     holds, main, row, short, test)

POSTS = ("/register", "/heartbeat", "/delegate", "/broadcast", "/respond", "/files")
GETS = ("/", "/discover", "/poll/a", "/files", "/files/k", "/healthz")
JSON = "Content-Type: application/json\r\n"
HOST = "Host: localhost\r\n"


def answers_in(stream):
    """The status of each answer in a stream of bytes."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", stream)]


def send_and_read(relay, *parts, half_close=False, timeout=5):
    """Sends, gives everything up to the relay's close."""
    with Http(relay) as connection:
        connection.try_send(*parts)
        if half_close:
            connection.half_close()
        return connection.rest(timeout)


def refuses(relay, request, status=(400,), what=None):
    """One refusal and the end of the connection, whatever follows in the stream."""
    with row(what or short(request)):
        stream = send_and_read(relay, request)
        found = answers_in(stream)
        holds(len(found) == 1 and found[0] in status,
              f"answers {found}, wanted one of {status}")
        head, _, body = stream.partition(b"\r\n\r\n")
        holds(b'"error"' in body, f"no error in {short(stream)}")
        holds(re.search(rb"(?i)\r\nconnection: *close", head),
              f"no Connection: close in {head!r}")


# -- requests that are no requests -------------------------------------------------------------


@test()
def broken_request_lines_are_400(relay):
    """RFC 9112 section 3."""
    for line in ("GET", "GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1",
                 "GET\t/\tHTTP/1.1", "GET / http/1.1", "GET / HTTP/1", "GET / HTTP/1.x",
                 "GET / HTTP/11", "GET / HTTPS/1.1", "G(T / HTTP/1.1", "GET /a b HTTP/1.1",
                 "GET /\x01 HTTP/1.1", "GET /\xff HTTP/1.1", "GET nowhere HTTP/1.1",
                 "GET ../x HTTP/1.1", "GET * HTTP/1.1", "/ GET HTTP/1.1", "\x16\x03\x01\x02",
                 "GET /#f HTTP/1.1", "GET / HTTP/1.1\r", "get{} / HTTP/1.1", "SSH-2.0-x"):
        refuses(relay, (line + "\r\n" + HOST + "\r\n").encode("latin-1"), (400, 404, 501), line)
    for line, wanted in (("GET / HTTP/2.0", (505, 400)), ("GET / HTTP/9.9", (505, 400)),
                         ("GET / HTTP/0.9", (505, 400)),
                         ("BREW / HTTP/1.1", (405, 501)), ("CONNECT x:1 HTTP/1.1", (400, 405, 501)),
                         ("PRI * HTTP/2.0", (400, 505))):
        found = answers_in(send_and_read(relay, line + "\r\n" + HOST + "\r\n", half_close=True))
        holds(len(found) == 1 and found[0] in wanted, f"{line}: {found}")
    relay.alive()


@test()
def broken_fields_are_400(relay):
    """RFC 9112 section 5: space before the colon, obs-fold, no name, bare CR, NUL, ..."""
    for field in ("Name : x", " Folded: x", "A: x\r\n folded", "A: x\r\n\tfolded", ": x", "Name",
                  "Na me: x", "A: \x00", "A: x\ry", "A: \x01", "A\x00: x", "Na\xe9: x", "(a): x",
                  "Host: localhost", "Host : other", "A: x\nB: y", "Content-Length: x",
                  "Content-Length: -1", "Content-Length: +1", "Content-Length: 1 1",
                  "Content-Length: 0x1", "Content-Length: ", "Content-Length: 1,2",
                  "Content-Length: 1.0", "Content-Length: 99999999999999999999999",
                  "Transfer-Encoding: x", "Transfer-Encoding: chunked, x",
                  "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: ",
                  "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity",
                  "Transfer-Encoding: \x0bchunked", "Transfer-Encoding: chunked;x",
                  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"):
        request = f"POST /register HTTP/1.1\r\n{HOST}{JSON}{field}\r\n\r\n"
        refuses(relay, request.encode("latin-1"), (400, 413, 415, 501), field)
    for hosts in ("", "Host: a.local\r\nHost: b.local\r\n", "Host: x.local, y.local\r\n",
                  "Host: x.local/\r\n"):
        refuses(relay, f"GET / HTTP/1.1\r\n{hosts}\r\n".encode(), (400, 403, 421), hosts)
    relay.alive()


@test()
def expectations_other_than_100_continue_are_417(relay):
    """RFC 9110 section 10.1.1."""
    found = answers_in(send_and_read(
        relay, f"POST /register HTTP/1.1\r\n{HOST}{JSON}Expect: the-unexpected\r\n"
        "Content-Length: 2\r\n\r\n{}", half_close=True))
    equal(found[:1], [417], "answers")


SECOND = b"POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" \
         b"Content-Length: 23\r\n\r\n{\"agent_id\":\"smuggled\"}"
SMUGGLING = {
    "CL.TE": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE.CL": b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "CL.TE with a space before the colon": b"Content-Length: 5\r\nTransfer-Encoding : chunked"
    b"\r\n\r\n0\r\n\r\n",
    "CL.TE folded": b"Content-Length: 5\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "CL.TE with a vertical tab": b"Content-Length: 5\r\nTransfer-Encoding:\x0bchunked"
    b"\r\n\r\n0\r\n\r\n",
    "CL.TE with a bare CR": b"Content-Length: 5\r\nX: y\rTransfer-Encoding: chunked"
    b"\r\n\r\n0\r\n\r\n",
    "CL.TE with an unknown coding": b"Content-Length: 5\r\nTransfer-Encoding: xchunked"
    b"\r\n\r\n0\r\n\r\n",
    "two different lengths": b"Content-Length: 0\r\nContent-Length: 2\r\n\r\n{}",
    "two equal lengths": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": b"Content-Length: 2, 2\r\n\r\n{}",
    "a negative length": b"Content-Length: -2\r\n\r\n{}",
    "a plus": b"Content-Length: +2\r\n\r\n{}",
    "a length with a wrap": b"Content-Length: 18446744073709551618\r\n\r\n{}",
    "a hexadecimal length": b"Content-Length: 0x2\r\n\r\n{}",
    "two transfer encodings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"
    b"\r\n\r\n0\r\n\r\n",
    "chunked not last": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "bare LF in the head": b"Content-Length: 2\n\r\n{}",
    "bare LF at the end of the head": b"Content-Length: 2\r\n\n{}",
    "bare LFs": b"X: y\nContent-Length: 2\n\n{}",
    "chunk size with a sign": b"Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n",
    "chunk size negative": b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "chunk size with 0x": b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "chunk size with a space": b"Transfer-Encoding: chunked\r\n\r\n 2\r\n{}\r\n0\r\n\r\n",
    "chunk size with an underscore": b"Transfer-Encoding: chunked\r\n\r\n0_2\r\n{}\r\n0\r\n\r\n",
    "chunk size with a wrap": b"Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0"
    b"\r\n\r\n",
    "chunk size empty": b"Transfer-Encoding: chunked\r\n\r\n\r\n{}\r\n0\r\n\r\n",
    "chunk size ended by LF": b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
    "chunk size ended by CR": b"Transfer-Encoding: chunked\r\n\r\n2\r{}\r\n0\r\n\r\n",
    "chunk data ended by LF": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\n0\r\n\r\n",
    "chunk data without an end": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n",
    "chunk data too long": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx\r\n0\r\n\r\n",
    "chunk extension with a bare LF": b"Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\n{}\r\n0"
    b"\r\n\r\n",
    "chunk extension with a bare CR": b"Transfer-Encoding: chunked\r\n\r\n2;a\rb\r\n{}\r\n0"
    b"\r\n\r\n",
    "chunk extension endless": b"Transfer-Encoding: chunked\r\n\r\n2;" + b"a" * 100000 +
    b"\r\n{}\r\n0\r\n\r\n",
    "last chunk ended by LF": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\n\n",
    "trailer with a length": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    b"Content-Length : 99\r\n\r\n",
    "trailer folded": b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA: b\r\n c\r\n\r\n",
    "HTTP/1.0 with chunked": None,
}


@test()
def no_smuggled_request_is_answered(relay):
    """RFC 9112 sections 6 and 7, 11.2: any doubt about a message's length is a 400, and the
    connection ends there."""
    for what, rest in SMUGGLING.items():
        version = b"1.1"
        if rest is None:
            version, rest = b"1.0", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        head = b"POST /heartbeat HTTP/" + version + b"\r\nHost: localhost\r\n" \
            b"Content-Type: application/json\r\n"
        refuses(relay, head + rest + SECOND + SECOND, (400, 413, 501), what)
    equal(relay.good("/discover")["count"], 0, "agents that a smuggled request registered")


@test()
def body_of_a_get_is_no_second_request(relay):
    """RFC 9110 9.3.1: a GET's content has no meaning, but it is content all the same."""
    length = str(len(SECOND)).encode()
    for verb, path in ((b"GET", b"/healthz"), (b"HEAD", b"/healthz"), (b"DELETE", b"/register"),
                       (b"GET", b"/nowhere"), (b"GET", b"/poll/a"), (b"OPTIONS", b"/")):
        stream = send_and_read(relay, verb + b" " + path + b" HTTP/1.1\r\nHost: localhost\r\n"
                               b"Content-Type: application/json\r\nContent-Length: " + length +
                               b"\r\n\r\n" + SECOND, half_close=True)
        equal(len(answers_in(stream)), 1, f"answers to {verb} {path}")
    for status, field in ((415, b"Content-Type: text/plain"), (415, b"Content-Encoding: gzip"),
                          (403, b"Origin: http://evil.example")):
        stream = send_and_read(relay, b"POST /register HTTP/1.1\r\nHost: localhost\r\n" + field +
                               b"\r\nContent-Length: " + length + b"\r\n\r\n" + SECOND,
                               half_close=True)
        equal(answers_in(stream), [status], f"answers after {field}")
    equal(relay.good("/discover")["count"], 0, "agents that a body registered")


@test()
def pipelined_requests_are_answered_in_order(relay):
    """RFC 9112 9.3.2: what is well formed is answered, each once, however it is cut."""
    with Http(relay) as connection:
        posts = [connection.request("POST", "/files", b'{"file_key":"k%d","content":"c",'
                                    b'"agent_id":"a"}' % n) for n in range(50)]
        stream = b"".join(posts) + connection.request("GET", "/files")
        cut = random.Random(1)
        while stream:
            size = cut.randint(1, 200)
            connection.send(stream[:size])
            stream = stream[size:]
        for _ in posts:
            equal(connection.answer().json(), {"status": "saved", "version": 1}, "answer")
        equal(connection.answer().json()["count"], 50, "count")


# -- too large ---------------------------------------------------------------------------------


@test()
def oversized_heads_are_414_or_431(relay):
    """A clear refusal, and bounded memory, for heads without end."""
    before = relay.memory_kib()
    refuses(relay, b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n" + HOST.encode() + b"\r\n",
            (414, 431), "long target")
    refuses(relay, b"GET /" + b"a" * 10000000, (414, 431), "endless target")
    refuses(relay, b"GET / HTTP/1.1\r\n" + HOST.encode() + b"A: " + b"b" * 10000000, (431,),
            "endless field")
    refuses(relay, b"GET / HTTP/1.1\r\n" + HOST.encode() + b"A: b\r\n" * 1000000, (431,),
            "endless fields")
    refuses(relay, b"G" * 10000000, (400, 414, 431, 501), "endless method")
    refuses(relay, b"POST /register HTTP/1.1\r\n" + HOST.encode() + JSON.encode() +
            b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + b"A: b\r\n" * 100000,
            (400, 413, 431), "endless trailer")
    relay.grew_less(before, 2048)
    relay.alive()


@test()
def announced_terabyte_allocates_nothing(relay):
    """SECURITY.md, bodies announced too large: 1 TiB allocates nothing (RSS grows < 64 KiB)."""
    request = f"POST /files HTTP/1.1\r\n{HOST}{JSON}Content-Length: %d\r\n\r\n"
    refuses(relay, (request % 2000000).encode(), (413,))  # the code paths are warm now
    relay.alive()
    before = relay.memory_kib()
    refuses(relay, (request % 1099511627776).encode(), (413,))
    refuses(relay, (request % 1099511627776).encode() + b"{" * 1000, (413,))
    refuses(relay, f"POST /files HTTP/1.1\r\n{HOST}{JSON}Transfer-Encoding: chunked\r\n\r\n"
            "10000000000\r\n{".encode(), (413,))
    relay.grew_less(before, 64)
    relay.alive()


@test()
def announced_terabyte_in_a_websocket_frame_allocates_nothing(relay):
    """SECURITY.md, frames announced too large: nothing is allocated; close 1009."""
    def announce(length, opcode=TEXT):
        attacker = WebSocket(relay, "a")
        attacker.send(WebSocket.frame(opcode, b"", announce=length))
        code = attacker.close_code()
        attacker.drop()
        return code
    equal(announce(2000000), 1009, "close code")
    before = relay.memory_kib()
    equal(announce(1 << 40), 1009, "close code")
    equal(announce(1 << 40, BINARY), 1009, "close code of a binary frame")
    equal(announce((1 << 63) - 1), 1009, "close code of the largest length")
    relay.grew_less(before, 64)
    relay.alive()


@test()
def buffers_grow_with_received_bytes_only(relay):
    """SECURITY.md, announced too large: 100 bodies and 100 frames of 1 MiB that never come."""
    listeners = [WebSocket(relay, f"a{n}") for n in range(100)]
    posts = [Http(relay) for _ in range(100)]
    relay.alive()
    before = relay.memory_kib()
    for listener in listeners:
        listener.send(WebSocket.frame(TEXT, b"{", announce=1000000))
    for post in posts:
        post.send(f"POST /files HTTP/1.1\r\n{HOST}{JSON}Content-Length: 1048575\r\n\r\n{{")
    relay.alive()
    relay.grew_less(before, 4096)


@test()
def message_over_1_mib_closes_with_1009(relay):
    """One message, all fragments together: more than 1 MiB closes with 1009."""
    whole = WebSocket(relay, "a")
    whole.try_send(WebSocket.frame(TEXT, b"x" * 1048577))
    equal(whole.close_code(), 1009, "close code")
    pieces = WebSocket(relay, "a")
    piece = b"x" * 100000
    pieces.try_send(WebSocket.frame(TEXT, piece, fin=False))
    for _ in range(10):
        pieces.try_send(WebSocket.frame(0, piece, fin=False))
    equal(pieces.close_code(), 1009, "close code of fragments")
    empties = WebSocket(relay, "b")
    empties.send(WebSocket.frame(TEXT, b"", fin=False),
                 WebSocket.frame(0, b"", fin=False) * 10000, WebSocket.frame(0, b"{}"))
    relay.delegate("a", "b", "after 10 000 empty fragments")
    while empties.message().get("type") != "task_delegation":
        pass
    largest = WebSocket(relay, "c")
    largest.say('{"type":"nothing","filler":"' + "x" * (1048576 - 30) + '"}')
    largest.say([])
    while largest.message().get("type") != "error":
        pass


# -- half-sent ---------------------------------------------------------------------------------


@test()
def half_requests_then_a_close_do_nothing(relay):
    """A client that goes away in mid-request has asked nothing, at every byte."""
    for path in POSTS:
        whole = f"POST {path} HTTP/1.1\r\n{HOST}{JSON}Content-Length: 75\r\n\r\n".encode()
        whole += b'{"agent_id":"h","from_agent":"h","to_agent":"h","task":1,"file_key":"h",'
        for cut in list(range(1, len(whole), 7)) + [len(whole)]:
            with Http(relay) as connection:
                connection.send(whole[:cut])
                if cut % 2:
                    connection.reset()
    for path in GETS:
        whole = f"GET {path} HTTP/1.1\r\n{HOST}\r\n".encode()
        for cut in range(1, len(whole)):
            with Http(relay) as connection:
                connection.send(whole[:cut])
    relay.alive()
    equal(relay.good("/discover")["count"], 0, "agents")
    equal(relay.good("/files")["count"], 0, "files")
    equal(relay.poll("h"), [], "messages")


@test()
def half_request_and_half_close_ends_the_connection(relay):
    """After FIN nothing more can come: the relay does not wait for the timeout."""
    post = f"POST /register HTTP/1.1\r\n{HOST}{JSON}"
    for part in ("", "G", "GET / HTTP/1.1\r\n", f"GET / HTTP/1.1\r\n{HOST}",
                 post + "Content-Length: 9\r\n\r\n{",
                 post + "Transfer-Encoding: chunked\r\n\r\n5\r\n{"):
        stream = send_and_read(relay, part, half_close=True)
        holds(answers_in(stream) in ([], [400], [408]), f"{part!r}: {short(stream)}")
    stream = send_and_read(relay, f"GET /healthz HTTP/1.1\r\n{HOST}\r\n", half_close=True)
    equal(answers_in(stream), [200], "a whole request before the FIN is answered; answers")


@test()
def truncated_uploads_lose_nothing(relay):
    """What was there before a broken upload is there after it."""
    relay.good("/files", {"file_key": "k", "content": "old", "agent_id": "a"})
    relay.delegate("a", "b", "old")
    for path, body in (("/files", b'{"file_key":"k","agent_id":"x","content":"new"}'),
                       ("/delegate", b'{"from_agent":"x","to_agent":"b","task":"new"}')):
        for cut in (1, len(body) // 2, len(body) - 1):
            with Http(relay) as connection:
                connection.send(connection.request("POST", path, body)[:cut - len(body)])
            with Http(relay) as connection:
                head = f"POST {path} HTTP/1.1\r\n{HOST}{JSON}Transfer-Encoding: chunked\r\n\r\n"
                connection.send(head, b"%x\r\n" % len(body) + body + b"\r\n")  # no last chunk
    relay.alive()
    record = relay.good("/files/k")
    equal((record["content"], record["version"]), ("old", 1), "file")
    equal(relay.tasks("b"), ["old"], "tasks")


@test(seconds=90)
def slow_and_stalled_clients_are_cut(relay):
    """docs/operations.md, Limits: header 10 s, body 1 KiB/s after 10 s, write stall 10 s; others
    meanwhile are served."""
    relay.good("/files", {"file_key": "k", "content": "x" * 1000000, "agent_id": "a"})
    head, body, stalled = Http(relay), Http(relay), Http(relay, receive_buffer=4096)
    head.send(f"GET / HTTP/1.1\r\n{HOST}")
    body.send(f"POST /files HTTP/1.1\r\n{HOST}{JSON}Content-Length: 1000000\r\n\r\n{{")
    many = stalled.request("GET", "/files/k") * 20
    stalled.send(many)
    slow = Http(relay)
    slow.send("GET / HTTP/1.1\r\nX: ")
    start, ended = time.monotonic(), {}
    with selectors.DefaultSelector() as watch:
        for name, connection in (("head", head), ("body", body), ("slow", slow)):
            watch.register(connection.socket, selectors.EVENT_READ, name)
        while time.monotonic() - start < (14 if len(ended) == 3 else 30):
            for key, _ in watch.select(0.5):
                watch.unregister(key.fileobj)
                ended[key.data] = time.monotonic() - start
            if "slow" not in ended:
                slow.try_send("y")  # a byte now and then is no progress
            relay.alive()
    equal(set(ended), {"head", "body", "slow"}, "connections that were cut")
    for name, took in ended.items():
        holds(8 < took < 25, f"{name} was cut after {took:.1f} s")
    for connection in (head, body):
        found = answers_in(connection.rest())
        holds(found in ([], [408]), f"answers {found}")
    taken = 0
    try:
        while True:  # what the kernels held; the relay gave up on the rest
            piece = stalled.socket.recv(1 << 20)
            taken += len(piece)
            if not piece:
                break
    except ConnectionError:
        pass
    holds(taken < 20 * 1000000, "a stalled reader was kept")


# -- WebSocket upgrades and frames -------------------------------------------------------------


@test()
def broken_upgrades_are_refused(relay):
    """RFC 6455 section 4.2.1."""
    def ask(fields, verb="GET", path="/ws/a", version="1.1", body=""):
        lines = [f"{verb} {path} HTTP/{version}", "Host: localhost", *fields, "", ""]
        return answers_in(send_and_read(relay, "\r\n".join(lines) + body, half_close=True))
    equal(ask(UPGRADE)[:1], [101], "a good one")
    equal(ask(["upgrade: WebSocket", "connection: keep-alive, Upgrade"] + UPGRADE[2:])[:1], [101],
          "a good one in other words")
    for missing in UPGRADE:
        found = ask([field for field in UPGRADE if field != missing])
        holds(len(found) == 1 and found[0] in (400, 426), f"without {missing}: {found}")
    for key in ("", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZTE=", "!" * 24,
                "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="):
        equal(ask(UPGRADE[:3] + ["Sec-WebSocket-Key: " + key]), [400], f"key {key!r}")
    equal(ask(UPGRADE + UPGRADE[3:]), [400], "two keys")
    for number in ("8", "14", "x", "13, 8"):
        found = ask(UPGRADE[:2] + ["Sec-WebSocket-Version: " + number] + UPGRADE[3:])
        holds(found in ([400], [426]), f"version {number}: {found}")
    equal(ask(UPGRADE, verb="POST"), [405], "by POST")
    found = ask(UPGRADE, version="1.0")
    holds(found in ([400], [426]), f"by HTTP/1.0: {found}")
    found = ask(UPGRADE + ["Content-Length: 5"], body="hello")
    holds(found in ([400], [413]), f"with a body: {found}")
    for path in ("/ws/", "/ws", "/ws/%00", "/ws/%FF", "/ws/%zz", "/ws/" + "x" * 257, "/ws/a/b",
                 "/discover", "/"):
        found = ask(UPGRADE, path=path)
        holds(found and found[0] != 101 and found[0] < 500, f"upgrade of {path}: {found}")
    relay.alive()


frame = WebSocket.frame
BROKEN_FRAMES = {
    "no mask (5.1)": (frame(TEXT, b"{}", mask=False), 1002),
    "RSV1 without an extension (5.2)": (frame(TEXT, b"{}", rsv=4), 1002),
    "RSV2": (frame(TEXT, b"{}", rsv=2), 1002),
    "RSV3 on a ping": (frame(PING, b"", rsv=1), 1002),
    "opcode 3": (frame(3, b""), 1002), "opcode 7": (frame(7, b"x"), 1002),
    "opcode 11": (frame(11, b""), 1002), "opcode 15": (frame(15, b""), 1002),
    "continuation of nothing (5.4)": (frame(0, b"x"), 1002),
    "text inside a fragmented message": (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
    "continuation after the end": (frame(TEXT, b"{}") + frame(0, b"}"), 1002),
    "fragmented ping (5.5)": (frame(PING, b"", fin=False), 1002),
    "fragmented close": (frame(CLOSE, b"", fin=False), 1002),
    "ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "close of 126 bytes": (frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
    "pong announced as 1 TiB": (frame(PONG, b"", announce=1 << 40), 1002),
    "length in more bytes than needed (16)": (b"\x81\xfe\x00\x02abcd{}", 1002),
    "length in more bytes than needed (64)": (b"\x81\xff" + struct.pack(">Q", 2) + b"abcd{}",
                                              1002),
    "length with its highest bit": (b"\x81\xff" + struct.pack(">Q", 1 << 63), 1002),
    "invalid UTF-8 (8.1)": (frame(TEXT, b"\xff"), 1007),
    "overlong UTF-8": (frame(TEXT, b"\xc0\x80"), 1007),
    "a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "beyond U+10FFFF": (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "UTF-8 cut at the end": (frame(TEXT, b"\xe2\x82"), 1007),
    "UTF-8 broken across fragments": (frame(TEXT, b"\xe2", fin=False) + frame(0, b"x"), 1007),
    "close with half a code (5.5.1)": (frame(CLOSE, b"\x03"), 1002),
    "close reason in invalid UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
}
for _code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535):
    BROKEN_FRAMES[f"close code {_code} (7.4)"] = (frame(CLOSE, struct.pack(">H", _code)), 1002)


@test()
def broken_frames_end_with_the_right_code(relay):
    """RFC 6455: each violation fails its connection, and no other."""
    witness = WebSocket(relay, "witness")
    for what, (stream, wanted) in BROKEN_FRAMES.items():
        attacker = WebSocket(relay, "a")
        attacker.send(stream)
        with row(what):
            while (read := attacker.read())[0] in (TEXT, PING):
                pass
        found = struct.unpack(">H", read[1][:2])[0] if read[0] == CLOSE and read[1] else read
        equal(found, wanted, what)
        attacker.half_close()
        equal(attacker.rest(), b"", f"after the close frame ({what})")
        attacker.drop()
    relay.delegate("a", "witness", "t")
    equal(witness.message()["task"], "t", "task")


@test()
def close_codes_are_echoed(relay):
    """RFC 6455 5.5.1."""
    for code in (1000, 1001, 1003, 1007, 1011, 1012, 3000, 4999):
        WebSocket(relay, "a").leave(code)
    empty = WebSocket(relay, "a")
    empty.write(CLOSE)
    holds(empty.close_code() in (1000, 1005), "answer to an empty close")
    late = WebSocket(relay, "a")
    late.write(CLOSE, b"\x03\xe8")
    late.try_send(frame(TEXT, b'{"type":"delegate","to_agent":"b","task":"after the close"}'))
    late.close_code()
    late.rest()
    equal(relay.poll("b"), [], "data after a close frame is not read; polled")


@test()
def half_frames_then_a_close_do_nothing(relay):
    whole = frame(TEXT, b'{"type":"delegate","to_agent":"b","task":"half"}')
    for cut in range(1, len(whole)):
        attacker = WebSocket(relay, "a")
        attacker.send(whole[:cut])
        if cut % 2:
            attacker.reset()
        else:
            attacker.half_close()
            attacker.rest()
            attacker.drop()
    relay.alive()
    equal(relay.poll("b"), [], "polled")


@test()
def flood_of_pings_is_answered_or_cut(relay):
    """A client that sends pings and reads nothing must not grow the relay."""
    attacker = WebSocket(relay, "a", receive_buffer=4096)
    relay.alive()
    before = relay.memory_kib()
    attacker.socket.settimeout(2)
    attacker.try_send(frame(PING, b"p" * 125) * 200000)
    relay.alive()
    relay.grew_less(before, 8192)


# -- garbage -----------------------------------------------------------------------------------


def garbage(seed):
    """Random bytes, or a good request with random wounds."""
    chance = random.Random(seed)
    kind = chance.randrange(4)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 600))
    if kind == 1:
        words = [b"GET ", b"POST ", b"/", b"/poll/a", b"/files", b" HTTP/1.1", b"\r\n",
                 b"\r\n\r\n", b"Host: localhost", b"Content-Length: ", b"5", b"\n", b": ", b"{}",
                 b"Transfer-Encoding: chunked", b"0\r\n\r\n", b"\x00", b"Upgrade: websocket",
                 b"\xff", b" ", b"a"]
        return b"".join(chance.choice(words) for _ in range(chance.randrange(1, 60)))
    body = b'{"agent_id":"a","from_agent":"a","to_agent":"b","task":"t","content":[1.5,null]}'
    good = bytearray(b"POST " + chance.choice(POSTS).encode() + b" HTTP/1.1\r\nHost: localhost\r\n"
                     b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                     + body)
    if kind == 3:
        good = bytearray("\r\n".join(["GET /ws/a HTTP/1.1", "Host: localhost", *UPGRADE, "", ""])
                         .encode() + chance.randbytes(chance.randrange(1, 200)))
    for _ in range(chance.randrange(0 if kind == 3 else 1, 4)):
        good[chance.randrange(len(good))] = chance.randrange(256)
    return bytes(good)


@test(seconds=120)
def relay_survives_5000_random_streams(relay):
    """Seeded; each stream ends with a FIN, and each connection must end too."""
    relay.alive()
    before = None
    for seed in range(5000):
        with row(f"stream {seed}"):
            send_and_read(relay, garbage(seed), half_close=True)
        if seed % 1000 == 999:
            relay.alive()
            before = before or relay.memory_kib()
    relay.grew_less(before, 2048)


@test()
def no_answer_is_a_server_error(relay):
    """Garbage is the client's fault: never a 5xx but 501 and 505."""
    for seed in range(5000, 5400):
        for status in answers_in(send_and_read(relay, garbage(seed), half_close=True)):
            holds(status < 500 or status in (501, 505), f"stream {seed}: {status}")


# -- many connections, few descriptors ---------------------------------------------------------


@test()
def idle_connections_do_not_stop_healthz(relay):
    """300 idle connections, 100 of them half way into a request."""
    held = [Http(relay) for _ in range(300)]
    for number, connection in enumerate(held):
        if number % 3 == 0:
            connection.send(f"POST /files HTTP/1.1\r\n{HOST}")
    start = time.monotonic()
    for _ in range(20):
        relay.alive()
    holds(time.monotonic() - start < 5, f"20 calls took {time.monotonic() - start:.1f} s")


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))


def cpu_seconds(relay):
    with open(f"/proc/{relay.pid}/stat", encoding="ascii") as stat:
        ticks = stat.read().rsplit(")")[1].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


@test(relay=False)
def running_out_of_descriptors_is_survived():
    """EMFILE: no spin, no death, and service again when the others are gone."""
    with Relay(before_exec=few_descriptors) as relay:
        held = []
        for _ in range(200):
            connection = socket.create_connection((relay.host, relay.port), 5)
            connection.setblocking(False)
            held.append(connection)
        equal(relay.process.poll(), None, "the relay ended; status")
        before = cpu_seconds(relay)
        with selectors.DefaultSelector() as watch:  # a second in which nobody asks for anything
            watch.register(held[0], selectors.EVENT_READ)
            watch.select(1)
        spent = cpu_seconds(relay) - before
        holds(spent < 0.5 or relay.instrumented(), f"{spent:.2f} s of CPU in an idle second")
        for connection in held:
            connection.close()
        relay.alive()
        relay.register("a")
        listener = WebSocket(relay, "a")
        relay.delegate("b", "a", "t")
        equal(listener.message()["task"], "t", "task")


@test()
def descriptors_come_back(relay):
    """Connect and cut 1000 times: the table of open files ends as it began."""
    def count():
        return len(os.listdir(f"/proc/{relay.pid}/fd"))
    relay.alive()
    before = count()
    for number in range(1000):
        connection = Http(relay)
        if number % 3 == 1:
            connection.send(connection.request("GET", "/poll/x?wait=60"))
        elif number % 3 == 2:
            connection.send("POST /files HTTP/1.1\r\n")
        connection.reset()
    end = time.monotonic() + 5
    while count() > before + 1 and time.monotonic() < end:
        relay.alive()
    holds(count() <= before + 1, f"{before} descriptors before, {count()} after")


@test("--log-file", "/dev/full", "--log-level", "debug")
def full_disk_under_the_log_file_stops_nothing(relay):
    """A log that cannot be written is no reason to refuse messages."""
    relay.register("a")
    for number in range(200):
        relay.delegate("b", "a", str(number))
    equal(len(relay.poll("a")), 200, "polled")


if __name__ == "__main__":
    main()
