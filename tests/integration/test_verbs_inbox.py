# SPDX-License-Identifier: MIT
"""The verbs that look and settle: inbox, ack, trace, dead, agents. Against `clawlink relay`, against
a v1 relay in small, and against one that answers what a test says, to the byte."""
import base64
import hashlib
import http.server
import itertools
import json
import os
import re
import signal
import threading
import time

from cli_support import Home, OriginalRelay, check, says
from support import Relay, equal, main, test, until

GOLDEN = os.path.join(os.path.dirname(__file__), "..", "golden", "v2")
ID = "AAECAwQFBgcICQoLDA0ODw"
HOSTILE = "\x1b]0;x\x07\x1b[2J\u202eevil\u200b\x9b1m"


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def new_id():
    """Whose beginning needs no -- before it."""
    return next(text for text in iter(lambda: b64(os.urandom(16)), None) if text[0] != "-")


def golden(name):
    with open(os.path.join(GOLDEN, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


class Sender:
    """An agent that speaks v2 over HTTP, for the other side of a test."""

    def __init__(self, relay, address, **about):
        self.relay, self.address = relay, address
        self.stream, self.numbers = b64(os.urandom(8)), itertools.count(1)
        self.call("attach", **about)

    def hello(self):
        return self.call("hello", versions=["2.0"], instance="laptop")

    def call(self, method, **params):
        if method not in ("send", "hello"):
            params = {"agent": self.address, **params}
        answer = self.relay.post("/v2", {"jsonrpc": "2.0", "id": 1, "method": method,
                                         "params": params}).json()
        check("result" in answer, answer)
        return answer["result"]

    def send(self, to, body="hi", attempts=None, **header):
        """Gives the message's id."""
        now = int(time.time())
        header = {"typ": "clawlink-msg+jws", "from": self.address, "to": to,
                  "id": new_id(), "iat": now, "exp": now + 3600, "str": self.stream,
                  "seq": next(self.numbers), **header}
        body = body if isinstance(body, bytes) else body.encode()
        envelope = {"protected": b64(json.dumps(header).encode()), "payload": b64(body)}
        return self.call("send", envelope=envelope,
                         **({"attempts": attempts} if attempts else {}))["id"]

    def trace(self, message):
        return self.call("trace", id=message)

    def rungs(self, message):
        return [step["rung"] for step in self.trace(message)["rungs"]]


class Desk:
    """A home in which clawlink is run as mini/otto, a relay, and laptop/mira who writes to it."""

    def __init__(self, relay):
        self.relay, self.home = relay, Home(relay.url, CLAWLINK_INSTANCE="mini",
                                            CLAWLINK_AGENT="otto")
        if relay.token:
            self.home.env["CLAWLINK_TOKEN"] = relay.token
        self.run, self.ok = self.home.run, self.home.ok

    def __enter__(self):
        self.ok("inbox")  # which makes mini/otto known
        self.mira = Sender(self.relay, "laptop/mira", name="Mira")
        return self

    def __exit__(self, *_):
        self.home.__exit__()

    def json(self, *words):
        return self.ok(*words, "--json").json()

    def waiting(self):
        return [message["body"] for message in self.json("inbox")[0]["messages"]]


# -- inbox ------------------------------------------------------------------------------------


@test()
def looking_into_the_inbox_takes_nothing(relay):
    with Desk(relay) as desk:
        check("Nothing waits for mini/otto" in desk.ok("inbox").err, "empty")
        first = desk.mira.send("mini/otto", "Review the parser\nand the rest", thr="parser", pri=1)
        second = desk.mira.send("mini/otto", b"\xff\x00")
        relay.delegate("ana", "mini/otto", "an old task")
        for _ in range(2):
            shown = desk.ok("inbox").out
            check(re.search(rf"(?m)^{re.escape(first)}  laptop/mira  [\d.]+ m?s +high +parser +"
                            r"30 B +Review the parser$", shown), shown)
            check(re.search(rf"(?m)^{re.escape(second)}  .* 2 B +\(no text, 2 B\)$", shown), shown)
            check("v1/ana" in shown and "an old task" in shown, shown)
        whole = desk.ok("inbox", first[:8]).out
        check(whole.startswith(first) and "    Review the parser\n    and the rest\n" in whole, whole)
        listed, = desk.json("inbox")
        equal(listed["waiting"], 3, "waiting")
        equal([one["id"] for one in listed["messages"]][:2], [first, second], "ids")
        equal(listed["messages"][1]["body_base64url"], b64(b"\xff\x00"), "bytes")
        one, = desk.json("inbox", second)
        equal(one, listed["messages"][1], "the same message")
        equal(desk.mira.rungs(first), ["accepted"], "looking proves nothing")
        says(desk.run("inbox", ID), 4, ID, "does not wait for mini/otto")


@test()
def a_terminal_has_no_room_for_empty_columns(relay):
    with Desk(relay) as desk:
        equal(desk.home.on_terminal(80, "inbox"), "Nothing waits for mini/otto.\n", "empty")
        message = desk.mira.send("mini/otto", "Review the parser")
        heads = "ID FROM AGE PRIORITY THREAD BACK SIZE BODY".split()
        equal(desk.ok("inbox").lines()[0].split(), heads, "in a pipe")
        shown = desk.home.on_terminal(80, "inbox").splitlines()
        equal(shown[0].split(), "ID FROM AGE SIZE BODY".split(), "on a terminal")
        check(shown[1].startswith(message) and shown[1].endswith("  Review the parser"), shown)
        desk.mira.send("mini/otto", "soon", pri=0)
        shown = desk.home.on_terminal(80, "inbox").splitlines()
        equal(shown[0].split(), "ID FROM AGE PRIORITY SIZE BODY".split(), "when one has it")


@test()
def a_long_inbox_is_shown_in_part_and_says_so(relay):
    with Desk(relay) as desk:
        ids = [desk.mira.send("mini/otto", f"{n:05}" + "x" * 30000) for n in range(60)]
        listed = desk.ok("inbox", "--json")
        equal(len(listed.json()[0]["messages"]), 50, "messages at first")
        check("60 messages wait; these are the first 50 (--limit)." in listed.err, listed.err)
        listed, = desk.json("inbox", "--limit", "1000")  # takes the relay two answers
        equal([one["id"] for one in listed["messages"]], ids, "all of them")
        equal(listed["waiting"], 60, "waiting")
        check(desk.ok("inbox", ids[-1][:9]).out.startswith(ids[-1]), "the last one, by a beginning")
        desk.ok("ack", ids[-1][:9])
        equal(desk.mira.rungs(ids[-1]), ["accepted", "seen"], "rungs of the last one")


@test()
def what_is_taken_was_shown_first(relay):
    with Desk(relay) as desk:
        ids = [desk.mira.send("mini/otto", f"task {n}") for n in range(5)]
        with open("/dev/full", "wb") as full:
            result = desk.run("inbox", "--take", "2", stdout=full)
        check(result.code == 1 and "Cannot write to standard output" in result.err, result)
        check("Nothing was taken: it stays in the inbox." in result.err, result)
        equal(len(desk.json("inbox")[0]["messages"]), 5, "still there")
        equal(desk.mira.rungs(ids[0]), ["accepted"], "nothing was claimed")
        taken = desk.json("inbox", "--take", "2")  # at once: they were given back
        equal([one["id"] for one in taken], ids[:2], "taken")
        equal([one["attempts"] for one in taken], [1, 1], "they came back once")
        equal(desk.mira.rungs(ids[0]), ["accepted", "delivered"], "rungs")
        equal(desk.mira.trace(ids[0])["rungs"][1]["proof"], "ack", "proof")
        equal(desk.waiting(), ["task 2", "task 3", "task 4"], "what is left")
        shown = desk.ok("inbox", "--take", "100").out
        check(shown.count(" from laptop/mira, sent ") == 3 and "    task 4\n" in shown, shown)
        check("Nothing waits for mini/otto" in desk.ok("inbox", "--take", "1").err, "empty")


@test()
def what_was_not_to_be_seen_is_not_taken(relay):
    with Desk(relay) as desk:
        blob = desk.ok("send", "--agent", "ana", "mini/otto", stdin=os.urandom(40_000)).out[:22]
        first = desk.mira.send("mini/otto", "one")
        data = desk.mira.send("mini/otto", b"\xff\x00")
        last = desk.mira.send("mini/otto", "two")
        taken = desk.ok("inbox", "--take", "10")
        check("    one\n" in taken.out and "    two\n" in taken.out, taken)
        for left in blob, data:
            check(f"Message {left} goes back to the inbox" in taken.err, taken)
            check(f"`clawlink inbox {left} --save FILE`" in taken.out, taken)
        equal([one["id"] for one in desk.json("inbox")[0]["messages"]], [blob, data], "left")
        equal([desk.mira.rungs(one)[1:] for one in (first, data, last)],
              [["delivered"], [], ["delivered"]], "what is proven")
        result = desk.run("inbox", "--take", "1")
        check(result.code == 2 and f"Message {blob} goes back" in result.err, result)
        check("\nclawlink: Nothing was taken" in result.err, result)
        taken = desk.ok("inbox", "--take", "10", "--json")  # programs are shown other bytes
        equal([one["id"] for one in taken.json()], [blob, data], "shown")
        equal([one["id"] for one in desk.json("inbox")[0]["messages"]], [blob], "left")
        kept = desk.home.file("kept")
        shown = desk.ok("inbox", "--take", "1", "--save", kept)
        check(os.path.getsize(kept) == 40_000 and "--save" not in shown.out, shown)
        check("Nothing waits" in desk.ok("inbox").err, "all was taken")


@test()
def what_was_not_shown_is_not_said_to_wait_where_that_was_its_last_attempt(relay):
    with Desk(relay) as desk:
        data = desk.mira.send("mini/otto", b"\xff\x00", attempts=1)
        taken = desk.run("inbox", "--take", "1")
        check(taken.code == 2 and "allowed no more attempts: `clawlink dead`" in taken.err, taken)
        equal(desk.json("inbox")[0]["messages"], [], "what waits")
        check(data in desk.ok("dead").out, "where it is")


@test()
def taking_waits_for_what_comes(relay):
    with Desk(relay) as desk:
        process = desk.home.start("inbox", "--take", "1", "--wait", "30", "--json")
        until(lambda: [agent for agent in desk.json("agents")[0]["agents"]
                       if agent["agent"] == "mini/otto" and "polled" in agent], "it asks")
        desk.mira.send("mini/otto", "here")
        equal(json.loads(process.line())["body"], "here", "what came")
        equal(process.wait(), 0, "status")
        before = desk.json("agents")[0]["time"]
        process = desk.home.start("inbox", "--take", "1", "--wait", "60")
        until(lambda: [agent for agent in desk.json("agents")[0]["agents"]
                       if agent.get("polled", 0) > before], "it asks again")
        process.signal(signal.SIGINT)
        equal(process.wait(), 130, "status after Ctrl-C")


@test()
def a_body_is_saved_before_it_is_acknowledged(relay):
    with Desk(relay) as desk:
        message = desk.mira.send("mini/otto", b"\x00\x01bytes")
        says(desk.run("inbox", "--take", "1", "--save", "/no/such/folder/x"), 1, "/no/such/folder/x")
        equal(desk.mira.rungs(message), ["accepted"], "not acknowledged")
        kept = desk.home.file("kept", "old")
        said = desk.ok("inbox", "--take", "1", "--save", kept).err
        check(f"7 B written to {kept}." in said, said)
        equal(open(kept, "rb").read(), b"\x00\x01bytes", "content")
        equal(desk.mira.rungs(message), ["accepted", "delivered"], "acknowledged")


@test(relay=False)
def a_body_that_is_saved_late_is_acknowledged_by_its_place():
    with Script() as script, Home(script.url, CLAWLINK_AGENT="otto") as home:
        script.put_blob(BLOB)
        script.errors = {"ack lease": "not_found", "trace": "not_found"}
        home.ok("inbox", "--take", "1", "--save", home.file("kept"))
        equal([call["params"].get("ranges") for call in script.calls if call["method"] == "ack"],
              [None, [[2, 1, 1]]], "ranges")
        script.put_letter(b"hi", "text/plain")
        late = home.run("inbox", "--take", "1")
        check(late.code == 5 and "more than 60 seconds" in late.err, late)
        script.put_blob(BLOB)
        script.errors = {"ack lease": "not_found"}
        trace = golden("trace.result")["result"]
        script.results["trace"] = trace
        home.ok("inbox", "--take", "1", "--save", home.file("kept"))
        script.results["trace"] = {**trace, "ended": {**trace["ended"], "outcome": "dead"}}
        late = home.run("inbox", "--take", "1", "--save", home.file("kept"))
        check(late.code == 9 and "it is dead" in late.err and "dead retry" in late.err, late)


# -- ack --------------------------------------------------------------------------------------


@test()
def acknowledging_by_name_is_having_seen(relay):
    with Desk(relay) as desk:
        one, two, three = (desk.mira.send("mini/otto", text) for text in ("one", "two", "three"))
        equal(desk.ok("ack", three[:6], one).out,
              f"{three} seen (proof: ack)\n{one} seen (proof: ack)\n", "what it says")
        equal(desk.waiting(), ["two"], "what is left")
        desk.ok("inbox", "--take", "1")
        equal(desk.ok("ack", two, "--rung", "in_progress").out,
              f"{two} in_progress (proof: ack)\n", "a taken one rises")
        done, = desk.json("ack", two, "--outcome", "failed", "--reason", "the build is red")
        equal(done["ended"]["reason"], "the build is red", "reason")
        equal(desk.mira.rungs(two), ["accepted", "delivered", "in_progress"], "rungs")
        equal(desk.mira.trace(two)["ended"]["outcome"], "failed", "outcome")
        four = desk.mira.send("mini/otto", "four")
        equal(desk.ok("ack", four, "--outcome", "completed").out,
              f"{four} seen (proof: ack), completed\n", "both at once")


@test()
def an_end_that_was_said_too_late_is_no_success(relay):
    with Desk(relay) as desk:
        one, two, three = (desk.mira.send("mini/otto", text) for text in ("one", "two", "three"))
        desk.ok("ack", one, "--outcome", "completed")
        desk.ok("ack", one, "--outcome", "completed")  # it is so
        late = desk.run("ack", one, two, "--outcome", "failed", "--reason", "too late")
        check(late.code == 9 and "failed came too late" in late.err, late)
        check(f"{one} had ended before: completed, as mini/otto said" in late.err, late)
        equal(late.out.splitlines(), [f"{one} seen (proof: ack), completed",
                                      f"{two} seen (proof: ack), failed"], "the other one is said")
        equal(desk.mira.trace(one)["ended"]["outcome"], "completed", "what stays")
        desk.ok("ack", three, "--outcome", "rejected", "--reason", "not mine")
        late = desk.run("ack", three, "--outcome", "completed")
        check(late.code == 9 and "rejected, as mini/otto said" in late.err, late)


@test()
def what_cannot_be_acknowledged_is_named(relay):
    with Desk(relay) as desk:
        mine = desk.mira.send("mini/otto", "one")
        says(desk.run("ack", mine, "zzzz"), 4, 'called "zzzz"', "22 characters")
        equal(desk.waiting(), ["one"], "a mistake in one word changes nothing")
        says(desk.run("ack", ID), 4, ID, "does not wait for mini/otto", "no receipt")
        other = desk.mira.send("laptop/mira", "to myself")
        says(desk.run("ack", other), 3, other, "somebody else than mini/otto")
        relay.delegate("ana", "mini/otto", "an old task")
        old = [one for one in desk.json("inbox")[0]["messages"] if one["from"] == "v1/ana"][0]["id"]
        says(desk.run("trace", old), 4, "waits in your inbox", "v1 sent it")
        short = base64.urlsafe_b64decode(old + "==")[:6].hex()
        equal(desk.ok("ack", short).out, f"{old} acknowledged\n", "as v1 shows it")
        equal(desk.waiting(), ["one"], "it is gone")


# -- trace ------------------------------------------------------------------------------------


@test(relay=False)
def a_trace_shows_each_rung_and_what_is_unknown():
    with Script() as script, Home(script.url, CLAWLINK_AGENT="mira") as home:
        script.results["trace"] = golden("trace.result")["result"]
        shown = home.ok("trace", ID).out
        check(shown.startswith(f"""\
message   {ID}
from      laptop/mira
to        mini/otto
priority  normal
thread    parser
chain     hop 0 of the chain that began with {ID}, which has 1 message so far
expires   2026-04-11 12:00:00 UTC, """), shown)
        check(shown.endswith("""\

RUNG         WHEN (UTC)               AFTER  SAID BY    PROOF
accepted     2026-04-04 12:00:00.123         the relay  commit
delivered    2026-04-04 12:00:00.164  41 ms  mini/otto  ack
injected     unknown
seen         2026-04-04 12:00:03.023  2.9 s  mini/otto  ack
in_progress  unknown
completed    2026-04-04 12:01:01.123  61 s   mini/otto

It has ended: completed.
"""), shown)
        equal(home.ok("trace", ID, "--json").json(), [script.results["trace"]], "for programs")
        bare = {name: value for name, value in script.results["trace"].items()
                if name not in ("priority", "thread", "chain", "attempts", "ended")}
        script.results["trace"] = bare
        shown = home.ok("trace", ID).out
        check("priority" not in shown and "came back" not in shown, shown)
        check(shown.endswith("\nIt was taken; how it ended nobody has said.\n"), shown)


@test()
def a_trace_tells_of_what_waits_and_of_what_died(relay):
    with Desk(relay) as desk:
        message = desk.mira.send("mini/otto", "hi")
        shown = desk.ok("trace", message[:7]).out
        check(shown.endswith("\nIt waits for mini/otto, who has not proven to have it.\n"), shown)
        desk.ok("ack", message, "--outcome", "rejected", "--reason", "no parser here")
        shown = desk.ok("trace", message[:7]).out
        check(re.search(r"(?m)^rejected +.* mini/otto$", shown), shown)
        check(shown.endswith("\nIt has ended: rejected, because: no parser here\n"), shown)
        says(desk.run("trace", ID), 4, "no receipt of message " + ID)


# -- dead letters -----------------------------------------------------------------------------


@test()
def a_dead_letter_is_listed_shown_tried_again_and_dropped(relay):
    with Desk(relay) as desk:
        check("No dead letters" in desk.ok("dead").err, "none")
        message = desk.mira.send("mini/otto", "Review\nthe parser", thr="parser")
        equal(desk.ok("ack", message, "--outcome", "rejected", "--reason", "not mine").out,
              f"{message} accepted (proof: commit), rejected\n", "what is proven of it")
        shown = desk.ok("dead").out
        check(re.search(rf"(?m)^{re.escape(message)}  laptop/mira  mini/otto  rejected  not mine +"
                        r"\d+ B +[\d.]+ m?s$", shown), shown)
        listed, = desk.json("dead")
        equal(listed["dead"][0]["reason"], "not mine", "reason")
        shown = desk.ok("dead", "show", message[:6]).out
        check(re.match(r"rejected at \S+ \S+ UTC: not mine\nfor mini/otto:\n", shown), shown)
        check(shown.endswith("thread parser\n    Review\n    the parser\n"), shown)
        kept = desk.home.file("kept")
        shown, = desk.json("dead", "show", message, "--save", kept)
        equal(open(kept, encoding="utf-8").read(), "Review\nthe parser", "saved")
        equal((shown["dead"]["id"], shown["message"]["body"]), (message, "Review\nthe parser"),
              "shown")
        said = desk.ok("dead", "retry", message[:6], "--ttl", "600").out
        check(re.fullmatch(rf"{re.escape(message)} waits again for mini/otto, until \S+ \S+ UTC\n",
                           said), said)
        equal(desk.waiting(), ["Review\nthe parser"], "it waits again")
        desk.ok("ack", message, "--outcome", "rejected", "--reason", "still not mine")
        equal(desk.ok("dead", "drop", message[:6]).out, f"{message} dropped\n", "dropped")
        for words in (["show"], ["retry"], ["drop"]):
            says(desk.run("dead", *words, message), 4, f"There is no dead letter {message}")
            says(desk.run("dead", *words, "zzzz"), 4, 'called "zzzz"')


# -- agents -----------------------------------------------------------------------------------


@test(relay=False)
def presence_is_what_is_known():
    with Script() as script, Home(script.url) as home:
        pages = golden("agents.result")["result"]
        first, second = pages["agents"]
        script.answers["agents"] = [{"time": pages["time"], "agents": [first], "next": "mini/otto"},
                                    {"time": pages["time"] + 1, "agents": [second]}]
        shown = home.ok("agents").out
        equal(shown, """\
ADDRESS    NAME  STATUS     HEARD   POLLED  ACKED  WAITING  CAPABILITIES
mini/otto  Otto  connected  1.2 s           61 s   1        review, c
v1/nele    Nele  stale      12 min  12 min         12       review
""", "list")
        equal([call["params"].get("after") for call in script.calls], [None, "mini/otto"], "pages")


@test()
def agents_of_both_versions_are_listed(relay):
    with Desk(relay) as desk:
        Sender(relay, "laptop/rob", name="Rob", capabilities=["review"])
        relay.register("ana")
        listed, = desk.json("agents")
        equal({agent["agent"] for agent in listed["agents"]},
              {"mini/otto", "laptop/mira", "laptop/rob", "v1/ana"}, "agents")
        equal(len(desk.ok("agents", "--capability", "review").lines()), 2, "who reviews")
        check("No agent that is known" in desk.ok("agents", "--capability", "x").err, "nobody")
        desk.ok("inbox")
        rob = [agent for agent in desk.json("agents")[0]["agents"]
               if agent["agent"] == "laptop/rob"][0]
        equal((rob["name"], rob["capabilities"]), ("Rob", ["review"]), "what rob said of itself")
        desk.ok("--instance", "laptop", "--agent", "rob", "inbox")
        equal([agent for agent in desk.json("agents")[0]["agents"]
               if agent["agent"] == "laptop/rob"][0]["capabilities"], ["review"],
              "a look into the inbox changes nothing of it")


# -- blobs ------------------------------------------------------------------------------------


class Script:
    """A relay that answers each method as a test says, and keeps blobs."""

    def __init__(self):
        self.results, self.answers, self.calls = {}, {}, []
        self.errors = {}  # what a method is refused as; "method lease": only with one
        self.blobs, self.ranges = {}, []
        self.cuts = set()  # which of them break off
        self.number = ...  # of each answer; else the call's
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, data, **fields):
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                for name, value in fields.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                if status == 206 and len(outer.ranges) - 1 in outer.cuts:
                    self.wfile.write(data[:len(data) // 2])
                    self.close_connection = True
                else:
                    self.wfile.write(data)

            def do_POST(self):  # pylint: disable=invalid-name
                call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if outer.number is not ...:
                    call["id"] = outer.number
                if call["method"] == "attach":
                    result = golden("attach.result")["result"]
                    self.reply(200, json.dumps({"jsonrpc": "2.0", "id": call["id"],
                                                "result": result}).encode())
                    return
                outer.calls.append(call)
                with_lease = f"{call['method']} lease" if "lease" in call["params"] else ""
                error = outer.errors.get(call["method"]) or outer.errors.get(with_lease)
                if error:
                    self.reply(404, json.dumps(
                        {"jsonrpc": "2.0", "id": call["id"], "error": {
                            "code": 404, "message": "no", "data": {"error": error, "retry": False}}}
                    ).encode())
                    return
                queue = outer.answers.get(call["method"])
                result = queue.pop(0) if queue else outer.results.get(call["method"], {})
                self.reply(200, json.dumps({"jsonrpc": "2.0", "id": call["id"],
                                            "result": result}).encode())

            def do_GET(self):  # pylint: disable=invalid-name
                blob = outer.blobs.get(self.path.rpartition("/")[2])
                if blob is None:
                    self.reply(404, b'{"error":"no such blob","code":"not_found"}')
                    return
                first, last = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups()
                outer.ranges.append(int(first))
                part = blob[int(first):int(last) + 1]
                self.reply(206, part, Content_Range=f"bytes {first}-{last}/{len(blob)}")

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def methods(self):
        return [call["method"] for call in self.calls]

    def put_letter(self, body, cty, sender="laptop/mira"):
        """One message, for `inbox` and for `receive`."""
        header = {"typ": "clawlink-msg+jws", "from": sender, "to": "mini/otto", "id": ID,
                  "iat": 1775304000, "exp": 1775908800, "cty": cty}
        envelope = {"protected": b64(json.dumps(header).encode()), "payload": b64(body)}
        letter = {"at": [2, 1], "envelope": envelope,
                  "relay": {"accepted": 1775304000123, "trust": "relay", "attempts": 0}}
        self.results["inbox"] = {"waiting": 1, "messages": [letter]}
        self.results["receive"] = {"lease": "l1", "messages": [letter]}

    def put_blob(self, content, kept=None):
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content if kept is None else kept
        reference = json.dumps({"sha256": digest, "size": len(content), "cty": "text/plain"},
                               separators=(",", ":"))
        self.put_letter(reference.encode(), "application/clawlink-blob+json")
        return digest


BLOB = bytes(itertools.islice(itertools.cycle(range(251)), 1_200_000))


@test(relay=False)
def a_blob_is_named_and_fetched_when_it_is_wanted():
    with Script() as script, Home(script.url, CLAWLINK_AGENT="otto") as home:
        digest = script.put_blob(BLOB)
        check("(a blob, 1.1 MiB)" in home.ok("inbox").out, "in the list")
        shown = home.ok("inbox", ID).out
        check(f"    a blob of 1.1 MiB, sha256 {digest}; `clawlink inbox {ID} --save FILE` "
              "fetches it\n" in shown, shown)
        check("type text/plain" in shown, shown)
        equal(script.ranges, [], "nothing was fetched")
        kept = home.file("kept", "old")
        home.ok("inbox", ID, "--save", kept)
        check(open(kept, "rb").read() == BLOB, "content")
        equal(script.ranges, [0, 786432], "pieces")
        equal(sorted(os.listdir(home.path)), ["kept"], "nothing else was left")
        shown = home.on_terminal(80, "inbox", ID, "--save", kept)
        check("\rfetching [#" in shown and "100 %  1.1 MiB of 1.1 MiB" in shown, shown)
        check("\r\x1b[K1.1 MiB written to" in shown, shown)
        check("fetching" not in home.ok("inbox", ID, "--save", kept).err, "a bar in a file")


@test(relay=False)
def a_blob_goes_on_where_it_broke_off():
    with Script() as script, Home(script.url, CLAWLINK_AGENT="otto") as home:
        digest = script.put_blob(BLOB)
        kept = home.file("kept")
        with open(f"{kept}.{digest[:16]}.part", "wb") as part:
            part.write(BLOB[:700_000])  # an earlier run
        result = home.ok("inbox", "--take", "1", "--save", kept)
        check("Going on where an earlier run stopped" in result.err, result.err)
        check(open(kept, "rb").read() == BLOB, "content")
        equal(script.ranges, [700_000], "what was fetched")
        equal(script.methods(), ["receive", "ack"], "acknowledged when it was there")
        script.calls.clear()
        script.ranges.clear()
        script.cuts = {0}  # before any has come
        says(home.run("inbox", "--take", "1", "--save", kept), 7, "Connection lost")
        equal(script.methods(), ["receive", "release"], "given back")
        script.ranges.clear()
        script.cuts = {1}  # in the middle: the relay is waited for
        result = home.ok("inbox", ID, "--save", kept)
        check("Waiting for the relay to come back" in result.err and "is back" in result.err, result)
        check(open(kept, "rb").read() == BLOB, "content")
        equal(script.ranges, [0, 786432, 786432], "what was fetched")


@test(relay=False)
def a_blob_that_is_not_what_was_sent_is_no_file():
    with Script() as script, Home(script.url, CLAWLINK_AGENT="otto") as home:
        script.put_blob(BLOB, kept=BLOB[:-1] + b"!")
        kept = home.file("kept", "old")
        says(home.run("inbox", "--take", "1", "--save", kept), 1, "has another hash", kept)
        equal(open(kept, encoding="utf-8").read(), "old", "content")
        equal(script.methods(), ["receive", "release"], "given back")
        digest = script.put_blob(BLOB)  # the next run does not build on what was wrong
        home.ok("inbox", ID, "--save", kept)
        check(open(kept, "rb").read() == BLOB, "content")
        script.blobs[digest] = BLOB + b"more"
        home.ok("inbox", ID, "--save", kept)  # asks for what the message speaks of
        script.blobs[digest] = BLOB[:100]
        says(home.run("inbox", ID, "--save", home.file("other")), 1, "other bytes than the 1200000")
        script.blobs.clear()
        says(home.run("inbox", ID, "--save", home.file("third")), 4, "does not keep the blob")
        says(home.run("inbox", ID, "--save", "/dev/null"), 2, "no regular file")


@test()
def a_large_message_is_fetched_from_the_relay(relay):
    with Desk(relay) as desk:
        body, kept = os.urandom(3_000_000), desk.home.file("kept")
        message = desk.ok("send", "--agent", "ana", "mini/otto", stdin=body).out.split()[0]
        desk.ok("inbox", message, "--save", kept)
        check(open(kept, "rb").read() == body, "looked at")
        desk.ok("ack", message, "--outcome", "rejected", "--reason", "too large for me")
        desk.ok("dead", "show", message, "--save", kept + "2")
        check(open(kept + "2", "rb").read() == body, "dead")
        desk.ok("dead", "retry", message)
        desk.ok("inbox", "--take", "1", "--save", kept + "3")
        check(open(kept + "3", "rb").read() == body, "taken")


# -- what goes wrong --------------------------------------------------------------------------

VERBS = (["agents"], ["inbox"], ["inbox", "--take", "1"], ["ack", ID], ["trace", ID], ["dead"],
         ["dead", "show", ID], ["dead", "retry", ID], ["dead", "drop", ID])


@test(relay=False)
def a_relay_of_v1_is_told_from_one_of_v2():
    with OriginalRelay() as relay, Home(relay.url, CLAWLINK_AGENT="otto") as home:
        for words in VERBS:
            says(home.run(*words), 2, "does not speak protocol v2", relay.url)


@test(token="s3cret")
def each_verb_says_what_is_wrong_with_the_token(relay):
    with Home(relay.url, CLAWLINK_AGENT="otto") as home:
        for words in VERBS:
            says(home.run(*words), 3, "Unauthorized", "wants its token", "--token")
            says(home.run(*words, "--token", "wrong"), 3, "does not accept this token")
        home.env["CLAWLINK_TOKEN"] = "s3cret"
        home.ok("inbox")


@test(relay=False)
def each_verb_says_that_no_relay_is_there():
    with Home("http://127.0.0.1:1", CLAWLINK_AGENT="otto") as home:
        for words in VERBS:
            says(home.run(*words), 7, "Connection refused", "http://127.0.0.1:1")
            failed = home.run(*words, "--json")
            equal(json.loads(failed.err)["code"], "no_relay", "for programs")


@test(relay=False)
def mistakes_are_named_before_anybody_is_asked():
    with Home("http://127.0.0.1:1", CLAWLINK_AGENT="otto") as home:
        says(home.run("inbox", "AA"), 2, '"AA" is no id', "22 characters")
        says(home.run("inbox", ID, "--take", "1"), 2, "not both")
        says(home.run("inbox", "--wait", "3"), 2, "give both")
        says(home.run("inbox", "--take", "0"), 2, "1 to 1000")
        says(home.run("inbox", "--take", "2", "--save", "x"), 2, "--take 1")
        says(home.run("inbox", "--take", "2", "--limit", "3"), 2, "--limit is for the list")
        says(home.run("ack"), 2, "ack needs ID")
        says(home.run("ack", ID, "--rung", "accepted"), 2, '--rung "accepted"', "in_progress")
        says(home.run("ack", ID, "--outcome", "dead"), 2, '--outcome "dead"', "canceled")
        says(home.run("ack", ID, "--outcome", "rejected"), 2, "--reason")
        says(home.run("ack", ID, "--reason", "x"), 2, "give both")
        says(home.run("ack", ID, "--outcome", "failed", "--reason", "x" * 257), 2, "1 to 256 bytes")
        says(home.run("trace"), 2, "trace needs ID")
        says(home.run("trace", "mini/otto"), 2, "no id of a message")
        says(home.run("dead", "bury"), 2, '"bury" behind dead')
        says(home.run("dead", "retry", ID, "--ttl", "604801"), 2, "1 to 604800")
        says(home.run("agents", "--capability", "a b"), 2, "no name")
        home.env.pop("CLAWLINK_AGENT")
        says(home.run("inbox"), 4, "Who are you?")


@test(relay=False)
def an_answer_that_is_none_is_never_a_success():
    with Script() as script, Home(script.url, CLAWLINK_AGENT="otto") as home:
        for words in VERBS[:-1]:  # `dead drop` wants no more than a result
            name = {"inbox --take 1": "receive", "dead": "dead.list"}.get(
                " ".join(words), ".".join(words[:-1] if words[-1] == ID else words))
            name = {"ack": "inbox"}.get(name, name)
            script.results[name] = {"strange": True}
            says(home.run(*words), 1, "does not keep to protocol v2")
            del script.results[name]


@test(relay=False)
def an_error_that_is_none_is_no_success():
    with Script() as script, Home(script.url, CLAWLINK_AGENT="otto") as home:
        for name, verbs in ("ok", VERBS), ("closed", VERBS[:1]), ("untrusted_relay", VERBS[:1]):
            script.errors = {method: name for method in (
                "agents", "inbox", "receive", "trace", "dead.list", "dead.show", "dead.retry",
                "dead.drop")}
            for words in verbs:
                says(home.run(*words), 1, "refused")


@test(relay=False)
def an_answer_to_another_call_is_none():
    with Script() as script, Home(script.url, CLAWLINK_AGENT="otto") as home:
        for number in 2, "1", None:
            script.number = number
            says(home.run("agents"), 1, "does not keep to protocol v2", "another call")


@test(relay=False)
def a_list_that_never_ends_is_left():
    with Script() as script, Home(script.url, CLAWLINK_AGENT="otto") as home:
        script.put_letter(b"hi", "text/plain")
        script.results["inbox"]["next"] = [2, 1]
        pages = golden("agents.result")["result"]
        script.results["agents"] = {**pages, "next": "mini/otto"}
        script.results["dead.list"] = {**golden("dead.list.result")["result"], "next": ID}
        for words in (["agents"], ["inbox", "--limit", "1000"], ["inbox", "zzzz"], ["ack", "zzzz"],
                      ["trace", "zzzz"], ["dead", "--limit", "1000"], ["dead", "show", "zzzz"]):
            script.calls.clear()
            says(home.run(*words), 1, "come to no end")
            check(len(script.calls) < 8, script.methods())


@test(relay=False)
def what_others_wrote_drives_no_terminal():
    with Script() as script, Home(script.url, CLAWLINK_AGENT="otto") as home:
        script.put_letter(f"{HOSTILE}\n{ID} from laptop/mira".encode(), "text/plain")
        script.results["agents"] = {"time": 1, "agents": [
            {"agent": "v1/" + "e", "name": HOSTILE, "status": "stale", "connected": False,
             "waiting": 0}]}
        ended = {"outcome": "failed", "at": 1775304000123, "by": "mini/otto", "reason": HOSTILE}
        script.results["trace"] = {**golden("trace.result")["result"], "ended": ended}
        dead = {**golden("dead.list.result")["result"]["dead"][0], "reason": HOSTILE}
        script.results["dead.list"] = {"dead": [dead]}
        for words in (["inbox"], ["inbox", ID], ["inbox", "--take", "1"], ["agents"], ["trace", ID],
                      ["dead"]):
            for shown in (home.on_terminal(80, *words), home.ok(*words).out,
                          home.ok(*words, "--json").out):
                check(not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e]", shown), shown)
                check("evil" in shown or "…" in shown, shown)
        shown = home.ok("inbox", ID).out
        equal(len(re.findall(rf"(?m)^{ID}", shown)), 1, "lines that could be ours")


if __name__ == "__main__":
    main()
