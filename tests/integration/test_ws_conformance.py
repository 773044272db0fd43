# SPDX-License-Identifier: MIT
"""WebSocket conformance (RFC 6455) of build/tests/ws-echo, ordered like the sections of the
public suite: framing, pings, reserved bits, opcodes, fragments, UTF-8, closing, limits, fragments
of any size, compression.

CLAWLINK_WS_ECHO names another echo program.
"""
import os
import struct

from echo_support import Echo, Http, WebSocket
from support import (BINARY, CLOSE, PING, PONG, TEXT, UPGRADE, equal, holds, main, row, short,
                     test)

ECHO = Echo("ws-echo", "CLAWLINK_WS_ECHO")
CONTINUATION = 0
RESERVED_OPCODES = (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
SIZES = (0, 1, 125, 126, 127, 128, 65535, 65536)
PROTOCOL, BAD_TEXT, TOO_BIG = 1002, 1007, 1009
KIB, MIB = 1024, 1024 * 1024
frame = WebSocket.frame


def connect(**how):
    ws = WebSocket(ECHO, "x", **how)
    equal(ws.opening.status, 101, "status of the handshake")
    return ws


def sent(data, *, by=None):
    """A new connection on which the bytes were sent, in pieces of that many octets."""
    ws = connect()
    step = by or len(data) or 1
    for at in range(0, len(data), step):
        ws.try_send(data[at:at + step])
    return ws


def closing(code=1000, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def reads(ws, *wanted):
    for opcode, payload in wanted:
        found = ws.read()
        equal((found[0], len(found[1])), (opcode, len(payload)), "opcode and length of a frame")
        holds(found[1] == payload, "another payload than was sent")


def ends(ws, code):
    """A close frame with the code (1005: none), behind it nothing, then the end of the stream."""
    opcode, payload = ws.read()
    equal(opcode, CLOSE, "opcode where a close frame was due")
    equal(struct.unpack(">H", payload[:2])[0] if payload else 1005, code, "close code")
    equal(ws.rest(), b"", "bytes behind the close frame")
    ws.drop()


def echoes(data, *wanted, by=None):
    """The frames are answered with those wanted, and the connection is still good."""
    ws = sent(data + closing(), by=by)
    reads(ws, *wanted)
    ends(ws, 1000)


def fails(data, code, *wanted, by=None):
    """The frames are answered with those wanted and then refused."""
    ws = sent(data, by=by)
    with row(short(data)):
        reads(ws, *wanted)
        ends(ws, code)


def letters(size):
    return (b"BAsd7&jh23" * (size // 10 + 1))[:size]


def fragments(opcode, pieces):
    """The frames of a message that is made of them; the last one is final."""
    last = len(pieces) - 1
    return b"".join(frame(CONTINUATION if at else opcode, piece, fin=at == last)
                    for at, piece in enumerate(pieces))


def cut(opcode, payload, size):
    """The frames of a message in fragments of that size; at least one."""
    return fragments(opcode, [payload[at:at + size]
                              for at in range(0, len(payload), size)] or [b""])


# -- 1: framing --------------------------------------------------------------------------------


@test(relay=False)
def texts_and_binaries_of_every_length_form_come_back():
    """Section 5.2: 7, 16 and 64 bits of length."""
    for opcode, payload in ((TEXT, b"*"), (BINARY, b"\xfe")):
        for size in SIZES:
            echoes(frame(opcode, payload * size), (opcode, payload * size))


@test(relay=False)
def frames_that_come_octet_by_octet_are_the_same():
    for opcode, payload in ((TEXT, b"*"), (BINARY, b"\xfe")):
        for size in SIZES:
            by = 1 if size < 65535 else 997
            echoes(frame(opcode, payload * size), (opcode, payload * size), by=by)


@test(relay=False)
def a_length_must_be_written_in_the_shortest_form():
    """Section 5.2: "the minimal number of bytes MUST be used"; the highest bit of 64 is 0."""
    for head in (b"\x82\xfe\x00\x7d", b"\x82\xff" + struct.pack(">Q", 65535),
                 b"\x82\xff" + struct.pack(">Q", 5), b"\x82\xff\x80" + bytes(7)):
        fails(head + bytes(4), PROTOCOL)


@test(relay=False)
def a_frame_without_a_mask_is_refused():
    """Section 5.1."""
    for opcode in (TEXT, BINARY, PING, PONG, CLOSE):
        fails(frame(opcode, b"\x03\xe8", mask=False), PROTOCOL)


@test(relay=False)
def a_handshake_with_a_body_is_refused():
    """Section 4.1: it is a GET whose body nobody defined; also where a 100 comes first."""
    for fields, statuses in (([], [400]), (["Expect: 100-continue"], [100, 400])):
        with Http(ECHO) as connection:
            connection.send(connection.request("GET", "/", fields=[
                *UPGRADE, "Content-Length: 5", *fields]), b"hello")
            equal([connection.answer().status for _ in statuses], statuses, "answers")


# -- 2: pings and pongs ------------------------------------------------------------------------


@test(relay=False)
def a_ping_comes_back_as_a_pong_with_its_payload():
    """Section 5.5.3."""
    for payload in (b"", b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125):
        echoes(frame(PING, payload), (PONG, payload))
        echoes(frame(PING, payload), (PONG, payload), by=1)


@test(relay=False)
def a_ping_of_126_octets_is_refused():
    """Section 5.5: control frames have 125 octets at the most."""
    for size in (126, 127, 65536):
        fails(frame(PING, b"\xfe" * size), PROTOCOL)
        fails(frame(PONG, b"\xfe" * size), PROTOCOL)


@test(relay=False)
def pongs_that_nobody_asked_for_are_ignored():
    for payload in (b"", b"unsolicited pong"):
        echoes(frame(PONG, payload))
        echoes(frame(PONG, payload) + frame(PING, b"ping"), (PONG, b"ping"))


@test(relay=False)
def ten_pings_get_ten_pongs_in_order():
    pings = [b"payload-%d" % at for at in range(10)]
    data = b"".join(frame(PING, ping) for ping in pings)
    echoes(data, *((PONG, ping) for ping in pings))
    echoes(data, *((PONG, ping) for ping in pings), by=1)


# -- 3: reserved bits --------------------------------------------------------------------------


@test(relay=False)
def a_reserved_bit_is_refused_in_every_frame():
    """Section 5.2: without an extension the bits are 0."""
    for rsv in range(1, 8):
        for opcode in (TEXT, BINARY, PING, PONG):
            fails(frame(opcode, b"*", rsv=rsv), PROTOCOL)
        fails(frame(CLOSE, b"\x03\xe8", rsv=rsv), PROTOCOL)
        good = frame(TEXT, b"good")
        bad = frame(TEXT, b"bad", rsv=rsv) + frame(PING)
        fails(good + bad, PROTOCOL, (TEXT, b"good"))
        fails(good + bad, PROTOCOL, (TEXT, b"good"), by=1)
        fails(frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b", rsv=rsv), PROTOCOL)


# -- 4: opcodes --------------------------------------------------------------------------------


@test(relay=False)
def reserved_opcodes_are_refused():
    """Section 5.2: 3 to 7 and 11 to 15."""
    for opcode in RESERVED_OPCODES:
        for payload in (b"", b"reserved opcode payload"):
            bad = frame(opcode, payload)
            fails(bad, PROTOCOL)
            fails(frame(TEXT, b"good") + bad + frame(PING), PROTOCOL, (TEXT, b"good"))
            fails(frame(TEXT, b"good") + bad + frame(PING), PROTOCOL, (TEXT, b"good"), by=1)
            fails(frame(TEXT, b"a", fin=False) + bad + frame(CONTINUATION, b"b"), PROTOCOL)


# -- 5: fragments ------------------------------------------------------------------------------


@test(relay=False)
def a_fragmented_control_frame_is_refused():
    """Section 5.5: "MUST NOT be fragmented"."""
    for opcode in (PING, PONG, CLOSE):
        fails(frame(opcode, b"frag1", fin=False), PROTOCOL)
        fails(frame(opcode, fin=False) + frame(CONTINUATION, b"frag2"), PROTOCOL)


@test(relay=False)
def a_message_in_fragments_comes_back_whole():
    """Section 5.4, also with empty fragments and octet by octet."""
    for opcode in (TEXT, BINARY):
        for parts in ((b"fragment1", b"fragment2"), (b"", b"", b""), (b"", b"middle", b""),
                      tuple(b"%d," % at for at in range(20))):
            for by in (None, 1):
                echoes(fragments(opcode, parts), (opcode, b"".join(parts)), by=by)


@test(relay=False)
def control_frames_between_fragments_are_answered_at_once():
    """Section 5.4: "MAY be injected in the middle of a fragmented message"."""
    for by in (None, 1):
        echoes(frame(TEXT, b"fragment1", fin=False) + frame(PING, b"ping") +
               frame(CONTINUATION, b"fragment2"),
               (PONG, b"ping"), (TEXT, b"fragment1fragment2"), by=by)
        echoes(frame(TEXT, b"1", fin=False) + frame(PONG, b"pong") +
               frame(CONTINUATION, b"2", fin=False) + frame(PING, b"") +
               frame(CONTINUATION, b"3", fin=False) + frame(PING, b"p" * 125) +
               frame(CONTINUATION, b"4"), (PONG, b""), (PONG, b"p" * 125), (TEXT, b"1234"), by=by)
    ws = sent(frame(TEXT, b"fragment1", fin=False) + frame(PING, b"before the rest"))
    reads(ws, (PONG, b"before the rest"))
    ws.send(frame(CONTINUATION, b"fragment2"))
    reads(ws, (TEXT, b"fragment1fragment2"))
    ws.leave()


@test(relay=False)
def a_continuation_of_nothing_is_refused():
    for fin in (True, False):
        for by in (None, 1):
            bad = frame(CONTINUATION, b"non-continuation payload", fin=fin)
            fails(bad + frame(TEXT, b"Hello"), PROTOCOL, by=by)
            whole = cut(TEXT, b"fragment1fragment2", 9)
            fails(whole + bad + frame(TEXT, b"x"), PROTOCOL, (TEXT, b"fragment1fragment2"), by=by)


@test(relay=False)
def a_new_message_inside_a_fragmented_one_is_refused():
    for first in (TEXT, BINARY):
        for second in (TEXT, BINARY):
            for fin in (True, False):
                fails(frame(first, b"fragment1", fin=False) +
                      frame(second, b"fragment2", fin=fin), PROTOCOL)


@test(relay=False)
def what_is_sent_after_a_fragmented_message_is_a_new_one():
    data = cut(TEXT, b"fragment1fragment2", 9) + cut(BINARY, b"\x00\xff\x00", 1)
    echoes(data + frame(TEXT), (TEXT, b"fragment1fragment2"), (BINARY, b"\x00\xff\x00"),
           (TEXT, b""))


# -- 6: UTF-8 ----------------------------------------------------------------------------------

KOSME = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()  # 2, 3, 2, 2, 2 octets
HELLO = "Hello-µ@ßöäüàá-UTF-8!!".encode()


def scalars(*points):
    return [chr(point).encode() for point in points]


VALID = (
    [b"", HELLO, KOSME, b"\x00", b"\x7f", "\U00020000\U0001f99e".encode()]
    + [KOSME[:at] for at in (2, 5, 7, 9)]
    # the first and the last of each length, the borders of the surrogates
    + scalars(0x80, 0x800, 0x10000, 0x7ff, 0xffff, 0xd7ff, 0xe000, 0xfffd, 0x10ffff)
    # noncharacters are characters here (RFC 3629 section 3)
    + scalars(*(plane << 16 | low for plane in range(17) for low in (0xfffe, 0xffff)))
    + scalars(0xfdd0, 0xfdef, 0xfeff)
)
INVALID = (
    # cut inside a character
    [KOSME[:at] for at in range(1, len(KOSME)) if at not in (2, 5, 7, 9)]
    + [b"\xc2", b"\xdf", b"\xe0\xa0", b"\xef\xbf", b"\xf0\x90\x80", b"\xf4\x8f\xbf",
       b"\xe0\xa0\xf0\x90\x80\xef\xbf\xf4\x8f\xbf"]
    # five and six octets, and above 10FFFF
    + [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xf7\xbf\xbf\xbf",
       b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf", b"\xf4\x90\x80\x80",
       b"\xf5\x80\x80\x80", HELLO + b"\xf4\x90\x80\x80" + HELLO]
    # continuations alone, from one to all of them
    + [b"\x80", b"\xbf"] + [b"\x80\xbf" * size for size in range(1, 5)] + [bytes(range(0x80, 0xc0))]
    # beginnings alone, each before a space
    + [bytes([first]) + b" " for first in range(0xc0, 0xfe)]
    + [b" ".join(bytes([first]) for first in firsts)
       for firsts in (range(0xc0, 0xe0), range(0xe0, 0xf0), range(0xf0, 0xf8))]
    # the last octet is missing, then another character
    + [b"\xc2A", b"\xe0\xa0A", b"\xe1\x80A", b"\xf0\x90\x80A", b"\xf1\x80\x80A"]
    # octets that never occur
    + [bytes([octet]) for octet in (0xc0, 0xc1, *range(0xf5, 0x100))] + [b"\xfe\xfe\xff\xff"]
    # overlong: "/", the largest of each, NUL
    + [b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf",
       b"\xfc\x80\x80\x80\x80\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf",
       b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf", b"\xc0\x80", b"\xe0\x80\x80",
       b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80"]
    # surrogates, single and paired
    + [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80",
       b"\xed\xbe\x80", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf",
       KOSME + b"\xed\xa0\x80edited"]
)


def may_go_on(data):
    """Is it the beginning of a text? The largest and smallest continuations would show it."""
    for tail in (b"", *(octet * count for octet in (b"\x80", b"\xbf") for count in (1, 2, 3))):
        try:
            (data + tail).decode()
            return True
        except UnicodeDecodeError:
            pass
    return False


def first_bad(data):
    """The index of the octet that cannot be right, or None where only the end is missing."""
    return next((at for at in range(len(data)) if not may_go_on(data[:at + 1])), None)


@test(relay=False)
def valid_text_comes_back_whole_fragmented_and_octet_by_octet():
    """RFC 3629; fragments end between and inside characters."""
    wanted = [(TEXT, text) for text in VALID]
    echoes(b"".join(frame(TEXT, text) for text in VALID), *wanted)
    for size in (1, 2, 3):
        echoes(b"".join(cut(TEXT, text, size) for text in VALID), *wanted)
    echoes(frame(TEXT, HELLO) + cut(TEXT, HELLO, 1), (TEXT, HELLO), (TEXT, HELLO), by=1)


@test(relay=False)
def invalid_text_is_refused_whole_and_fragmented():
    """Section 8.1: 1007."""
    for text in INVALID:
        fails(frame(TEXT, text), BAD_TEXT)
        fails(cut(TEXT, text, 1), BAD_TEXT)
        fails(frame(TEXT, HELLO) + frame(TEXT, text), BAD_TEXT, (TEXT, HELLO))


@test(relay=False)
def text_fails_at_the_first_octet_that_cannot_be_right():
    """Neither the end of the message nor that of the frame is waited for, and no octet fails
    too early: a ping before it is still answered."""
    for text in INVALID:
        at = first_bad(text)
        if at is None:
            continue
        rest = len(text) - at + 10
        announced = frame(CONTINUATION, text[at:at + 1], announce=rest)
        data = frame(TEXT, text[:at], fin=False) + frame(PING, b"good so far") + announced
        fails(data, BAD_TEXT, (PONG, b"good so far"))


@test(relay=False)
def binary_may_hold_anything():
    data = b"".join(frame(BINARY, text) for text in INVALID)
    echoes(data, *((BINARY, text) for text in INVALID))


# -- 7: closing --------------------------------------------------------------------------------


@test(relay=False)
def a_close_is_answered_with_its_code_and_ends_the_connection():
    """Sections 5.5.1 and 7.1.1."""
    echoes(b"")
    echoes(frame(TEXT, b"Hello World!"), (TEXT, b"Hello World!"))
    fails(frame(CLOSE), 1005)


@test(relay=False)
def nothing_is_answered_behind_a_close():
    """Section 1.4: "discards any further data received"."""
    for more in (closing(), frame(PING), frame(TEXT, b"late"), frame(3), os.urandom(70000),
                 cut(TEXT, letters(256 * KIB), 4096) + closing() + frame(PING)):
        fails(closing() + more, 1000)


@test(relay=False)
def a_close_may_come_inside_a_fragmented_message():
    fails(frame(TEXT, b"fragment1", fin=False) + closing() + frame(CONTINUATION, b"2"), 1000)
    fails(frame(TEXT, letters(256 * KIB)) + closing() + frame(PING), 1000,
          (TEXT, letters(256 * KIB)))


@test(relay=False)
def reasons_of_every_length_are_taken_and_126_octets_are_not():
    """Section 5.5.1; one octet is no code."""
    fails(frame(CLOSE, b"a"), PROTOCOL)
    for size in (0, 1, 12, 122, 123):
        fails(closing(1000, b"*" * size), 1000)
    fails(closing(1000, b"*" * 124), PROTOCOL)
    fails(closing(1000, HELLO), 1000)


@test(relay=False)
def a_reason_that_is_not_utf_8_is_refused():
    for text in INVALID:
        if len(text) <= 123:
            fails(closing(1000, text), BAD_TEXT)


@test(relay=False)
def valid_codes_are_answered_and_invalid_ones_refused():
    """Section 7.4 and the registry: 1012 to 1014 came later."""
    good = {1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999}
    bad = {0, 1, 500, 999, 1004, 1005, 1006, *range(1015, 1020), 1100, 2000, 2999, 5000, 65535}
    for code in sorted(good | bad):
        for reason in (b"", b"why"):
            fails(closing(code, reason), code if code in good else PROTOCOL)


@test(relay=False)
def an_end_without_a_close_is_taken():
    for data in (b"", frame(TEXT, b"half")[:5], frame(TEXT, b"half", fin=False)):
        ws = sent(data)
        ws.half_close()
        equal(ws.rest(), b"", "bytes for one who is gone")
    sent(frame(TEXT, letters(MIB))).reset()
    echoes(frame(TEXT, b"still there"), (TEXT, b"still there"))


# -- 9: limits ---------------------------------------------------------------------------------


@test(relay=False)
def messages_up_to_16_mib_come_back():
    for opcode in (TEXT, BINARY):
        ws = connect()
        for size in (64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB):
            ws.write(opcode, letters(size))
            reads(ws, (opcode, letters(size)))
        ws.leave()


@test(relay=False)
def a_message_of_4_mib_may_have_fragments_of_any_size():
    ws, payload = connect(), letters(4 * MIB)
    for opcode in (TEXT, BINARY):
        for size in (64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB):
            ws.send(cut(opcode, payload, size))
            reads(ws, (opcode, payload))
    ws.leave()


@test(relay=False)
def a_message_of_1_mib_may_come_in_pieces_of_any_size():
    ws = connect()
    for opcode in (TEXT, BINARY):
        for by in (64, 128, 256, 512, 1024, 2048):
            data = frame(opcode, letters(MIB))
            for at in range(0, len(data), by):
                ws.send(data[at:at + by])
            reads(ws, (opcode, letters(MIB)))
    ws.leave()


@test(relay=False)
def a_message_past_the_limit_is_refused_as_soon_as_it_is_announced():
    """1009, whole or as the fragment that passes the limit."""
    fails(frame(BINARY, b"", announce=16 * MIB + 1), TOO_BIG)
    fails(frame(BINARY, b"", announce=2 ** 63 - 1), TOO_BIG)
    fails(frame(TEXT, b"*", fin=False) + frame(CONTINUATION, b"", announce=16 * MIB), TOO_BIG)


@test(relay=False)
def many_small_messages_come_back_in_order():
    for size in (0, 16, 125, 126, 1024):
        wanted = [(TEXT, b"%04d" % at + letters(size)) for at in range(1000)]
        echoes(b"".join(frame(*message) for message in wanted), *wanted)


# -- 10: fragments of any size -----------------------------------------------------------------


@test(relay=False)
def a_message_cut_at_1300_octets_comes_back():
    for size in (1, 1299, 1300, 1301, 65536, 65537):
        echoes(cut(TEXT, letters(size), 1300), (TEXT, letters(size)))


# -- 12 and 13: compression --------------------------------------------------------------------

OFFERS = (
    "permessage-deflate", "permessage-deflate; client_max_window_bits",
    "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; client_max_window_bits, permessage-deflate", "x-webkit-deflate-frame",
)


@test(relay=False)
def no_compression_is_accepted_whatever_is_offered():
    """Section 9.1: what the answer does not name is not in use, so the bit stays reserved."""
    for offer in OFFERS:
        ws = connect(fields=["Sec-WebSocket-Extensions: " + offer])
        equal(ws.opening.headers.get("sec-websocket-extensions"), None, "accepted extension")
        for size in (16, 64, 1024, 8192, 131072):
            ws.write(TEXT, letters(size))
            reads(ws, (TEXT, letters(size)))
        ws.send(frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00", rsv=4))
        ends(ws, PROTOCOL)


@test(relay=False)
def the_program_ends_well_after_all_this():
    ECHO.ends_well()


if __name__ == "__main__":
    main()
