# SPDX-License-Identifier: MIT
"""HTTP/1.1 conformance (RFC 9112, RFC 9110) of build/tests/http-echo, byte for byte.

It answers POST with the body it got, GET and HEAD with "ok", everything else with 405. Each row
is one connection. A connection that is kept must serve another request; behind a refusal there
must be nothing but the end, whatever was sent along. CLAWLINK_HTTP_ECHO names another program.
"""
import re
import time

from echo_support import Echo, Http
from support import equal, holds, main, row, short, test

ECHO = Echo("http-echo", "CLAWLINK_HTTP_ECHO")
HOST = "Host: localhost\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
BODY_MAX = 16 * 1024 * 1024  # of http-echo
MARK = b"GET /after HTTP/1.1\r\nHost: localhost\r\n\r\n"  # the next request, or a smuggled one
DATE = (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d "
        r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT")


def get(fields="", line="GET / HTTP/1.1", host=HOST):
    return f"{line}\r\n{host}{fields}\r\n".encode("latin-1")


def post(fields, body=b"", line="POST / HTTP/1.1"):
    return get(fields, line) + body


def chunks(body, fields=""):
    return post(CHUNKED + fields, body)


def keeps(request, status, body):
    """One answer, then the next request is served on the same connection."""
    with Http(ECHO) as connection:
        connection.send(request)
        answer = connection.answer()
        equal(answer.status, status, "status")
        holds(answer.body == body, "another body")
        equal(answer.headers.get("connection", "keep-alive"), "keep-alive", "Connection")
        connection.send(MARK)
        equal(connection.answer().body, b"ok", "answer to the next request")
        equal(connection.buffer, b"", "bytes behind it")


def closes(request, status, body=None):
    """One answer that says so, then the end; what stands behind the request is not looked at."""
    with Http(ECHO) as connection:
        connection.try_send(request + MARK)
        answer = connection.answer()
        equal(answer.status, status, "status")
        equal(answer.headers.get("connection"), "close", "Connection")
        if body is not None:
            equal(answer.body, body, "body")
        equal(connection.rest(), b"", "bytes behind the answer")


# -- what is served ----------------------------------------------------------------------------

KEPT = (
    # RFC and section, request, status, body
    ("9112 2.1 a plain request", get(), 200, b"ok"),
    ("9112 2.2 one empty line before the request line", b"\r\n" + get(), 200, b"ok"),
    ("9112 3.2.1 origin-form with a query", get(line="GET /a/b?c=d&e=%20?/ HTTP/1.1"), 200, b"ok"),
    ("9112 3.2.2 absolute-form", get(line="GET http://localhost/a HTTP/1.1"), 200, b"ok"),
    ("9112 3.2.4 asterisk-form", get(line="OPTIONS * HTTP/1.1"), 405, b""),
    ("9112 5.1 no whitespace around a value", get("A:b\r\n", host="Host:localhost\r\n"), 200,
     b"ok"),
    ("9112 5.1 spaces and tabs around a value", get("A: \t b \t \r\n"), 200, b"ok"),
    ("9110 5.1 names in any case", get(host="hOST: localhost\r\n"), 200, b"ok"),
    ("9110 5.5 an empty value", get("A:\r\nB: \r\n"), 200, b"ok"),
    ("9110 5.5 octets above 127 in a value", get("A: \xe9\xff\r\n"), 200, b"ok"),
    ("9110 5.6.2 all characters of a token", get("!#$%&'*+-.^_`|~09azAZ: x\r\n"), 200, b"ok"),
    ("9110 5.3 a field that repeats", get("A: 1\r\nA: 2\r\n"), 200, b"ok"),
    ("9110 7.2 Host with a port", get(host="Host: [::1]:8080\r\n"), 200, b"ok"),
    ("9110 7.6.1 a list with empty elements", get("Connection: , x,,\ty ,\r\n"), 200, b"ok"),
    ("9110 7.8 an upgrade that is not known", get("Upgrade: h2c\r\nConnection: upgrade\r\n"), 200,
     b"ok"),
    ("9110 8.6 a body of a GET is read", get("Content-Length: 5\r\n") + b"GET /", 200, b"ok"),
    ("9110 8.6 length 0", post("Content-Length: 0\r\n"), 200, b""),
    ("9112 6.3 neither length nor coding", post(""), 200, b""),
    ("9112 6.2 a length", post("Content-Length: 11\r\n", b"hello\r\n\0\xff!!"), 200,
     b"hello\r\n\0\xff!!"),
    ("9112 6.2 the body looks like a request", post(f"Content-Length: {len(MARK)}\r\n", MARK), 200,
     MARK),
    ("9112 7.1 chunks", chunks(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), 200, b"hello!"),
    ("9112 7.1 no chunk but the last", chunks(b"0\r\n\r\n"), 200, b""),
    ("9112 7.1 sizes in any case", chunks(b"A\r\n0123456789\r\na\r\n9876543210\r\n0\r\n\r\n"), 200,
     b"01234567899876543210"),
    ("9112 7.1 sizes with zeros in front", chunks(b"0005\r\nhello\r\n000\r\n\r\n"), 200, b"hello"),
    ("9112 7.1 a chunk that looks like the end", chunks(b"5\r\n0\r\n\r\n\r\n0\r\n\r\n"), 200,
     b"0\r\n\r\n"),
    ("9112 7.1.1 extensions are ignored", chunks(b"1;a;b=c;d=\"e;f\"\r\nx\r\n0;last\r\n\r\n"), 200,
     b"x"),
    ("9112 7.1.2 a trailer is ignored", chunks(b"1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n"), 200, b"x"),
    ("9112 7 the coding in any case",
     post("transfer-encoding: Chunked\r\n", b"1\r\nx\r\n0\r\n\r\n"), 200, b"x"),
    ("9112 9.3 HTTP/1.0 that asks to stay",
     get("Connection: Keep-Alive\r\n", "GET / HTTP/1.0", ""), 200, b"ok"),
    ("9110 9.1 methods are compared with case", get(line="get / HTTP/1.1"), 405, b""),
    ("9110 9.1 a method that nobody knows", get(line="BREW /pot HTTP/1.1"), 405, b""),
    ("9110 9.3.5 a method with a body", post("Content-Length: 2\r\n", b"xx", "DELETE / HTTP/1.1"),
     405, b""),
    ("9110 10.1.1 an expectation without a body", get("Expect: 100-continue\r\n"), 200, b"ok"),
)

CLOSED = (
    ("9112 9.3 Connection: close", get("Connection: close\r\n"), 200, b"ok"),
    ("9112 9.3 close among others", get("Connection: x, CLOSE\r\n"), 200, b"ok"),
    ("9112 9.3 close and keep-alive", get("Connection: keep-alive\r\nConnection: close\r\n"), 200,
     b"ok"),
    ("9112 9.3 HTTP/1.0", get(line="GET / HTTP/1.0"), 200, b"ok"),
    ("9112 3.2 HTTP/1.0 without Host", get(line="GET / HTTP/1.0", host=""), 200, b"ok"),
    ("9112 6.2 HTTP/1.0 with a body", post("Content-Length: 2\r\n", b"xy", "POST / HTTP/1.0"), 200,
     b"xy"),
)


@test(relay=False)
def good_requests_are_served_and_the_connection_is_kept():
    for what, request, status, body in KEPT:
        with row(what):
            keeps(request, status, body)


@test(relay=False)
def the_last_request_of_a_connection_is_served_and_no_other():
    for what, request, status, body in CLOSED:
        with row(what):
            closes(request, status, body)


@test(relay=False)
def requests_that_come_octet_by_octet_are_the_same():
    """RFC 9112 2.2: a message is a sequence of octets."""
    for what, request, status, body in KEPT:
        with Http(ECHO) as connection:
            connection.send(*(request[at:at + 1] for at in range(len(request))))
            answer = connection.answer()
            equal((answer.status, answer.body), (status, body), what)


# -- what is refused ---------------------------------------------------------------------------

# RFC and section, first line, status
LINES = (
    ("9112 3 no version (HTTP/0.9)", "GET /", 400),
    ("9112 3 one word", "GET", 400),
    ("9112 3 two spaces", "GET  / HTTP/1.1", 400),
    ("9112 3 a space behind", "GET / HTTP/1.1 ", 400),
    ("9112 3 a space in front", " GET / HTTP/1.1", 400),
    ("9112 3 tabs", "GET\t/\tHTTP/1.1", 400),
    ("9112 3 a space in the target", "GET /a b HTTP/1.1", 400),
    ("9112 3 a bare CR", "GET /\r HTTP/1.1", 400),
    ("9112 2.2 a second empty line", "\r\n\r\nGET / HTTP/1.1", 400),
    ("9112 2.3 the name in lower case", "GET / http/1.1", 400),
    ("9112 2.3 another name", "GET / HTCPCP/1.1", 400),
    ("9112 2.3 two digits", "GET / HTTP/1.10", 400),
    ("9112 2.3 no minor", "GET / HTTP/1", 400),
    ("9110 15.6.6 HTTP/2.0", "GET / HTTP/2.0", 505),
    ("9110 15.6.6 the preface of HTTP/2", "PRI * HTTP/2.0", 505),
    ("9110 15.6.6 HTTP/0.9", "GET / HTTP/0.9", 505),
    ("9110 9.1 a method that is no token", "G(T / HTTP/1.1", 400),
    ("9112 3 a method longer than any", "X" * 100 + " / HTTP/1.1", 501),
    ("9110 9.3.6 CONNECT", "CONNECT localhost:80 HTTP/1.1", 501),
    ("9112 3.2 a relative target", "GET a/b HTTP/1.1", 400),
    ("9112 3.2 a fragment", "GET /a#b HTTP/1.1", 400),
    ("9112 3.2 a control character", "GET /\x01 HTTP/1.1", 400),
    ("9112 3.2 an octet above 127", "GET /\xe9 HTTP/1.1", 400),
    ("9112 3.2.2 an absolute-form without a host", "GET http:///a HTTP/1.1", 400),
    ("9112 3.2.4 an asterisk for GET", "GET * HTTP/1.1", 400),
    ("9112 3 a target that is too long", "GET /" + "a" * 9000 + " HTTP/1.1", 414),
    ("9112 2 another protocol", "\x16\x03\x01\x02\x00\x01\x00", 400),
)
# RFC and section, fields, status
FIELDS = (
    ("9112 3.2 two Hosts", HOST + HOST, 400),
    ("9112 3.2 no Host", "A: b\r\n", 400),
    ("9112 3.2 Host with a path", "Host: localhost/a\r\n", 400),
    ("9112 3.2 Host with a user", "Host: a@localhost\r\n", 400),
    ("9112 3.2 Host with a space", "Host: a b\r\n", 400),
    ("9112 5 no colon", HOST + "A\r\n", 400),
    ("9112 5 no name", HOST + ": b\r\n", 400),
    ("9112 5.1 a space before the colon", HOST + "A : b\r\n", 400),
    ("9112 2.2 a space before the first field", " A: b\r\n" + HOST, 400),
    ("9112 5.2 a folded line", HOST + "A: b\r\n c\r\n", 400),
    ("9112 5.2 folded with a tab", HOST + "A: b\r\n\tc\r\n", 400),
    ("9110 5.1 a name that is no token", HOST + "A(): b\r\n", 400),
    ("9110 5.1 a name with an octet above 127", HOST + "\xe9: b\r\n", 400),
    ("9110 5.5 NUL in a value", HOST + "A: \0b\r\n", 400),
    ("9110 5.5 a bare CR in a value", HOST + "A: b\rc\r\n", 400),
    ("9110 5.5 a control character in a value", HOST + "A: b\x7f\r\n", 400),
    ("9112 2.2 a bare LF between fields", HOST + "A: b\nC: d\r\n", 400),
    ("9112 2.2 a bare LF behind the fields", HOST + "A: b\r\n\nX: y\r\n", 400),
    ("9110 7.6.1 Connection with something else", HOST + "Connection: a b\r\n", 400),
    ("9110 8.6 a length with a plus", HOST + "Content-Length: +5\r\n", 400),
    ("9110 8.6 a length below 0", HOST + "Content-Length: -5\r\n", 400),
    ("9110 8.6 a hexadecimal length", HOST + "Content-Length: 0x5\r\n", 400),
    ("9110 8.6 a length with a space", HOST + "Content-Length: 5 5\r\n", 400),
    ("9110 8.6 an empty length", HOST + "Content-Length:\r\n", 400),
    ("9110 8.6 a length past 64 bits", HOST + "Content-Length: 18446744073709551621\r\n", 400),
    ("9110 8.6 a list of equal lengths", HOST + "Content-Length: 5, 5\r\n", 400),
    ("9112 6.3 two equal lengths", HOST + "Content-Length: 5\r\n" * 2, 400),
    ("9112 6.3 two lengths", HOST + "Content-Length: 5\r\nContent-Length: 6\r\n", 400),
    ("9112 6.1 length and coding", HOST + "Content-Length: 5\r\n" + CHUNKED, 400),
    ("9112 6.1 coding and length", HOST + CHUNKED + "Content-Length: 5\r\n", 400),
    ("9112 6.1 an unknown coding", HOST + "Transfer-Encoding: gzip\r\n", 501),
    ("9112 6.1 another one below chunked", HOST + "Transfer-Encoding: gzip, chunked\r\n", 501),
    ("9112 6.1 a name that resembles", HOST + "Transfer-Encoding: xchunked\r\n", 501),
    ("9112 6.1 chunked not last", HOST + "Transfer-Encoding: chunked, gzip\r\n", 400),
    ("9112 7 chunked twice", HOST + "Transfer-Encoding: chunked, chunked\r\n", 400),
    ("9112 7 chunked in two fields", HOST + CHUNKED + CHUNKED, 400),
    ("9112 6.1 a vertical tab before it", HOST + "Transfer-Encoding: \x0bchunked\r\n", 400),
    ("9112 6.1 an empty coding", HOST + "Transfer-Encoding:\r\n", 400),
    ("9110 10.1.1 an unknown expectation", HOST + "Expect: the-moon\r\n", 417),
    ("9110 15.5.14 a length past the limit", f"{HOST}Content-Length: {BODY_MAX + 1}\r\n", 413),
    ("6585 5 fields that are too large", HOST + "A: " + "b" * 17000 + "\r\n", 431),
    ("6585 5 fields that are too many", HOST + "A: b\r\n" * 101, 431),
)
# RFC and section, chunked body, status
CHUNKS = (
    ("9112 7.1 a size that is no number", b"g\r\nhello\r\n0\r\n\r\n", 400),
    ("9112 7.1 no size", b"\r\nhello\r\n0\r\n\r\n", 400),
    ("9112 7.1 a size with a sign", b"+5\r\nhello\r\n0\r\n\r\n", 400),
    ("9112 7.1 a size below 0", b"-5\r\nhello\r\n0\r\n\r\n", 400),
    ("9112 7.1 a size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n", 400),
    ("9112 7.1 a space before the size", b" 5\r\nhello\r\n0\r\n\r\n", 400),
    ("9112 7.1 a space behind the size", b"5 \r\nhello\r\n0\r\n\r\n", 400),
    ("9112 7.1 a size past 64 bits", b"10000000000000005\r\nhello\r\n0\r\n\r\n", 400),
    ("9112 7.1 a chunk longer than its size", b"5\r\nhello!\r\n0\r\n\r\n", 400),
    ("9112 7.1 no CRLF behind a chunk", b"5\r\nhello0\r\n\r\n", 400),
    ("9112 2.2 LF behind a size", b"5\nhello\r\n0\r\n\r\n", 400),
    ("9112 2.2 LF behind a chunk", b"5\r\nhello\n0\r\n\r\n", 400),
    ("9112 7.1.1 LF in an extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n", 400),
    ("9112 7.1.1 a bare CR in an extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n", 400),
    ("9112 7.1.1 an extension without end", b"5;" + b"a" * 300 + b"\r\nhello\r\n0\r\n\r\n", 400),
    ("9112 7.1.2 a trailer line without a colon", b"0\r\nnonsense\r\n\r\n", 400),
    ("9110 6.5.1 a length in the trailer", b"0\r\nContent-Length: 5\r\n\r\n", 400),
    ("6585 5 trailers that are too many", b"0\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
    ("9110 15.5.14 a chunk past the limit", b"%x\r\n" % (BODY_MAX + 1), 413),
    ("9110 15.5.14 chunks past it together", b"1\r\nx\r\n%x\r\n" % BODY_MAX, 413),
)


@test(relay=False)
def broken_first_lines_are_refused():
    for what, line, status in LINES:
        with row(what):
            closes(get(line=line), status)


@test(relay=False)
def broken_fields_are_refused_and_nothing_behind_them_is_looked_at():
    both = b"0\r\n\r\n"  # a body of 5 octets and a chunked one: whoever took it would answer it
    for what, fields, status in FIELDS:
        body = both if "Transfer" in fields else b""
        with row(what):
            closes(get(fields, "POST / HTTP/1.1", host="") + body, status)


@test(relay=False)
def broken_chunks_are_refused_and_nothing_behind_them_is_looked_at():
    for what, body, status in CHUNKS:
        with row(what):
            closes(chunks(body), status)


@test(relay=False)
def a_coding_in_http_1_0_is_refused():
    """RFC 9112 6.1: "MUST treat the message as if the framing is faulty"."""
    closes(post(CHUNKED, b"0\r\n\r\n", "POST / HTTP/1.0"), 400)


@test(relay=False)
def an_unfinished_request_has_no_answer():
    """RFC 9112 8: an incomplete message is no request."""
    for request in (b"", b"\r\n", b"GET", get()[:-2], post("Content-Length: 5\r\n", b"hell"),
                    chunks(b"5\r\nhell"), chunks(b"5\r\nhello\r\n"),
                    chunks(b"5\r\nhello\r\n0\r\n")):
        with Http(ECHO) as connection:
            connection.send(request)
            connection.half_close()
            equal(connection.rest(), b"", f"answer to {short(request)}")


# -- answers -----------------------------------------------------------------------------------


@test(relay=False)
def an_answer_tells_date_type_and_length():
    """RFC 9110 6.6.1, 8.3 and 8.6."""
    with Http(ECHO) as connection:
        answer = connection.ask("GET", "/")
        holds(re.fullmatch(DATE, answer.headers.get("date", "")), f"Date in {answer.headers}")
        equal(answer.headers.get("content-type"), "application/octet-stream", "Content-Type")
        equal(answer.headers.get("content-length"), "2", "Content-Length")
        allow = connection.ask("BREW", "/").headers.get("allow")
        equal(allow, "GET, HEAD, POST", "Allow of a 405 (RFC 9110 15.5.6)")


@test(relay=False)
def an_answer_to_head_is_that_to_get_without_its_body():
    """RFC 9110 9.3.2."""
    with Http(ECHO) as connection:
        told = connection.ask("HEAD", "/").headers
        equal(told, connection.ask("GET", "/").headers | {"date": told["date"]}, "fields")
        connection.send(get(line="HEAD / HTTP/1.1") + MARK)
        equal(connection.answer(head_only=True).status, 200, "status")
        equal(connection.answer().body, b"ok", "the answer behind")


@test(relay=False)
def a_hundred_requests_in_one_write_are_answered_in_order():
    """RFC 9112 9.3.2."""
    with Http(ECHO) as connection:
        bodies = [b"request %d" % at * (at % 7) for at in range(100)]
        connection.send(b"".join(
            post(f"Content-Length: {len(body)}\r\n", body) if at % 2 else
            chunks(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n")
            for at, body in enumerate(bodies)))
        for at, body in enumerate(bodies):
            answer = connection.answer()
            equal((answer.status, answer.body), (200, body), f"answer {at}")
        connection.send(MARK)
        equal(connection.answer().body, b"ok", "answer behind them")


@test(relay=False)
def pipelined_requests_are_answered_up_to_a_broken_one_and_up_to_the_last():
    for last, statuses in ((get("Connection: close\r\n"), [200] * 6), (get("A : b\r\n"),
                                                                       [200] * 5 + [400])):
        with Http(ECHO) as connection:
            connection.send(get() * 5 + last + MARK * 5)
            connection.half_close()
            found = re.findall(rb"HTTP/1\.1 (\d+) ", connection.rest())
            equal([int(status) for status in found], statuses, "answers")


@test(relay=False)
def large_bodies_come_back():
    """The largest that is taken, by length and in chunks, and one octet more."""
    large = bytes(range(256)) * (BODY_MAX // 256)
    keeps(post(f"Content-Length: {len(large)}\r\n", large), 200, large)
    pieces = b"".join(b"10000\r\n%b\r\n" % large[at:at + 65536]
                      for at in range(0, len(large), 65536))
    keeps(chunks(pieces + b"0\r\n\r\n"), 200, large)
    closes(chunks(pieces + b"1\r\n"), 413)


@test(relay=False)
def who_expects_100_is_told_to_continue():
    """RFC 9110 10.1.1: before the body, not for HTTP/1.0, and a refusal comes instead."""
    for fields, body in (("Content-Length: 2\r\n", b"hi"), (CHUNKED, b"2\r\nhi\r\n0\r\n\r\n")):
        with Http(ECHO) as connection:
            connection.send(post(fields + "Expect: 100-Continue\r\n"))
            equal(connection.answer().status, 100, "status")
            connection.send(body)
            equal(connection.answer().body, b"hi", "body")
            connection.send(MARK)
            equal(connection.answer().body, b"ok", "answer to the next request")
    expects = "Content-Length: 2\r\nExpect: 100-continue\r\n"
    closes(post(expects, b"hi", "POST / HTTP/1.0"), 200, b"hi")
    closes(post(f"Content-Length: {BODY_MAX + 1}\r\nExpect: 100-continue\r\n"), 413)


@test(relay=False)
def a_client_that_finishes_its_side_gets_its_answer():
    """RFC 9112 9.6: half-closed is not gone."""
    for request in (get(), post("Content-Length: 2\r\n", b"ok"), get("Connection: close\r\n")):
        with Http(ECHO) as connection:
            connection.send(request)
            connection.half_close()
            equal(connection.answer().body, b"ok", "body")
            equal(connection.rest(), b"", "bytes behind the answer")


@test(relay=False)
def who_sends_on_behind_a_refusal_can_still_read_it():
    """RFC 9112 9.6: the connection ends in steps, lest a reset destroys the answer."""
    with Http(ECHO) as connection:
        connection.send(post(f"Content-Length: {BODY_MAX * 2}\r\n"))
        connection.send(bytes(4 * 1024 * 1024))  # raises when it is cut off
        equal(connection.answer().status, 413, "status")
        equal(connection.socket.recv(1), b"", "bytes behind the answer")  # nor here


@test(relay=False)
def what_comes_too_slowly_is_408_after_10_s_and_silence_is_closed():
    """RFC 9110 15.5.9; all three wait at the same time."""
    begun = time.monotonic()
    slow = [Http(ECHO) for _ in range(3)]
    slow[0].send("GET / HTTP/1.1\r\nHo")
    slow[1].send(post("Content-Length: 9\r\n", b"half"))
    for connection in slow[:2]:
        answer = connection.answer(timeout=20)
        equal((answer.status, answer.headers.get("connection")), (408, "close"), "answer")
        equal(connection.rest(), b"", "bytes behind the answer")
    equal(slow[2].rest(timeout=20), b"", "bytes for one that says nothing")
    waited = time.monotonic() - begun
    holds(9.5 < waited < 18, f"closed after {waited:.1f} s")


@test(relay=False)
def the_program_ends_well_after_all_this():
    ECHO.ends_well()


if __name__ == "__main__":
    main()
