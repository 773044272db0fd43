# SPDX-License-Identifier: MIT
"""The verbs that keep a connection of protocol v2: send, ask and watch, against relays that serve,
stop and come back, and against some that are none."""
import asyncio
import base64
import contextlib
import hashlib
import json
import re
import signal
import socket
import subprocess
import threading
import time

import websockets

from cli_support import Home, check, says
from support import BIN, Relay, main, test, until
from v2_support import new_id, packed, signed

ID = r"[A-Za-z0-9_-]{22}"


# -- the other side ----------------------------------------------------------------------------


class Peer:
    """An agent of v2 over HTTP: takes messages, says what becomes of them, answers."""

    def __init__(self, relay, address="mini/otto"):
        self.relay, self.address, self.sent = relay, address, 0
        self.stream = base64.urlsafe_b64encode(address.encode().ljust(8)[:8]).decode().rstrip("=")
        self.call("attach", agent=address)

    def call(self, method, **params):
        answer = self.relay.post("/v2", {"jsonrpc": "2.0", "id": 1, "method": method,
                                         "params": params}).json()
        check("result" in answer, answer)
        return answer["result"]

    def take(self, rung="delivered", wait=20):
        """The next message: its header and body."""
        batch = self.call("receive", agent=self.address, wait=wait, max=1)
        check(batch["messages"], f"nothing came for {self.address}")
        envelope = batch["messages"][0]["envelope"]
        if rung:
            self.call("ack", agent=self.address, lease=batch["lease"], rung=rung)
        else:
            self.call("release", agent=self.address, lease=batch["lease"])
        header, body = (base64.urlsafe_b64decode(envelope[part] + "==")
                        for part in ("protected", "payload"))
        return json.loads(header), body

    def report(self, header, **what):
        self.call("report", agent=self.address, id=header["id"], **what)

    def answer(self, home, header, text, to=None):
        instance, agent = self.address.split("/")
        home.ok("send", "--instance", instance, "--agent", agent, "--re", header["id"],
                to or header.get("reply_to", header["from"]), text)

    def inbox(self):
        return self.call("inbox", agent=self.address)["messages"]


@contextlib.contextmanager
def people(relay):
    """A home in which one is laptop/mira."""
    url = relay if isinstance(relay, str) else relay.url
    with Home(url, CLAWLINK_AGENT="mira", CLAWLINK_INSTANCE="laptop") as home:
        yield home


# -- who one is --------------------------------------------------------------------------------


@test()
def who_found_the_address_taken_speaks_for_nobody_else(relay):
    otto = Peer(relay, "mini/otto")
    with Home(relay.url, CLAWLINK_INSTANCE="mini") as home:
        check("add --id mini/otto" in home.ok("register", "--name", "otto").err, "it is taken")
        for words in (["inbox"], ["watch"], ["send", "mini/otto", "x"], ["ack", "AAECAwQF"]):
            says(home.run(*words), 4, "an id of protocol v1", "--agent NAME")
        check(otto.inbox() == [], "nothing was done in its name")
        home.ok("register", "--id", "mini/otto")
        home.ok("inbox")


@test()
def a_name_with_blanks_has_an_address_without(relay):
    with Home(relay.url, CLAWLINK_INSTANCE="mini") as home:
        out = home.ok("register", "--name", "Code Reviewer").out
        check(out == "mini/Code-Reviewer registered as Code Reviewer\n", out)
        check("Nothing waits for mini/Code-Reviewer" in home.ok("inbox").err, "it is the same")
        check(" for mini/Code-Reviewer " in home.ok("send", "Code Reviewer", "x").out, "its name")


@test()
def an_agent_that_is_new_by_a_slip_of_the_fingers_is_told_so(relay):
    Peer(relay, "laptop/mira")
    with people(relay) as home:
        check("did not know" not in home.ok("inbox").err, "it was known")
        check("did not know laptop/mria so far" in home.ok("inbox", "--agent", "mria").err, "new")
        check("did not know" not in home.ok("inbox", "--agent", "mria").err, "now it is known")


# -- send --------------------------------------------------------------------------------------


@test()
def what_the_relay_has_is_accepted_and_said_to_be_in_memory(relay):
    otto = Peer(relay)
    with people(relay) as home:
        sent = home.ok("send", "mini/otto", "Review the parser")
        check(re.fullmatch(ID + r" accepted for mini/otto \(in memory: lost if the relay stops\)\n",
                           sent.out) and sent.err == "", sent)
        header, body = otto.take()
        check(header["from"] == "laptop/mira" and body == b"Review the parser", header)
        check(header["id"] == sent.out[:22] and "cty" not in header and "reply_to" not in header,
              header)
        shown = home.ok("send", "otto", "--json", stdin=b"\xff\x00").json()[0]
        check(shown["status"] == "accepted" and shown["durability"] == "memory", shown)
        check(shown["to"] == "mini/otto" and shown["duplicate"] is False, shown)
        header, body = otto.take()
        check(header["cty"] == "application/octet-stream" and body == b"\xff\x00", header)


@test()
def all_that_a_message_can_say_is_said(relay):
    otto = Peer(relay)
    with people(relay) as home:
        first = home.ok("send", "otto", "one").out[:22]
        otto.take()
        path = home.file("notes.md", "# Notes")
        home.ok("send", "otto", "--file", path, "--type", "text/markdown", "--thread", "notes",
                "--priority", "high", "--re", first, "--ttl", "60", "--deadline", "30",
                "--attempts", "3", "--root", first, "--hops", "1", "--reply-to", "mini/eva")
        header, body = otto.take()
        check(body == b"# Notes" and header["cty"] == "text/markdown", header)
        check(header["thr"] == "notes" and header["pri"] == 1 and header["re"] == first, header)
        check(header["exp"] == header["iat"] + 60 and header["dl"] == header["iat"] + 30, header)
        check(header["root"] == first and header["hops"] == 1, header)
        check(header["reply_to"] == "mini/eva", header)


@test()
def of_a_message_that_waits_the_beginning_will_do(relay):
    mira, otto = Peer(relay, "laptop/mira"), Peer(relay)
    with people(relay) as home:
        sent = home.ok("send", "--agent", "eva", "laptop/mira", "What is it?").out[:22]
        home.ok("send", "mini/otto", "It is 42", "--re", sent[:6])
        check(otto.take()[0]["re"] == sent, "the whole id")
        mira.take()
        says(home.run("send", "mini/otto", "x", "--re", sent[:6]), 4, "that waits for you", "whole")
        says(home.run("send", "mini/otto", "x", "--re", "A"), 2, "no id of a message")


@test(relay=False)
def what_is_on_a_disk_is_not_called_lost():
    with Home() as folder, Relay("--data", folder.file("data")) as relay, people(relay) as home:
        Peer(relay)
        sent = home.ok("send", "otto", "safe")
        check(re.fullmatch(ID + " accepted for mini/otto\n", sent.out), sent)


@test()
def what_cannot_be_sent_is_refused_with_the_relays_words(relay):
    Peer(relay, "mini/otto"), Peer(relay, "vps/otto")
    with people(relay) as home:
        says(home.run("send", "eva", "x"), 4, "No such agent: eva", "clawlink agents")
        says(home.run("send", "cap:go", "x"), 4, "nobody who is online", "offers go.")
        says(home.run("send", "otto", "x"), 4, "mini/otto, vps/otto")
        says(home.run("send", "mini/otto", "x", "--wait", "read"), 2, '"read" is no rung')
        says(home.run("send", "mini/otto", "x", "--root", "A" * 22, "--hops", "1"), 2, "no id")
        says(home.run("send", "mini/otto", "x", "--file", "y"), 2, "leave one out")
        says(home.run("send", "mini/otto", "--file", home.file("none")), 1, "none")
        check(home.run("send", "eva", "x", "--json").err.endswith('"code":"no_such_agent"}\n'), "")


@test()
def an_empty_message_is_sent_only_if_it_is_meant(relay):
    otto = Peer(relay)
    with people(relay) as home:
        says(home.run("send", "otto"), 2, "nothing came on standard input", "--empty")
        says(home.run("ask", "otto", ""), 2, 'its text is ""')
        says(home.run("send", "otto", "--file", home.file("none.md", "")), 2, "in the file")
        home.ok("send", "otto", "--empty")
        check(otto.take()[1] == b"", "it is empty")


@test()
def what_is_for_a_topic_cannot_be_waited_for(relay):
    Peer(relay)
    with people(relay) as home:
        for wish in ("delivered", "completed"):
            says(home.run("send", "topic:news", "x", "--wait", wish), 2, "has no receipt")
        sent = home.ok("send", "topic:news", "x", "--wait", "accepted")
        check(" accepted for topic:news, recipients: 1" in sent.out, sent)


@test()
def a_path_that_leads_nowhere_is_named(relay):
    with people(relay) as home:
        home.relay = relay.url + "/mesh"
        for words in (["send", "otto", "x"], ["inbox"], ["watch"]):
            says(home.run(*words), 2, 'not below "/mesh"', "Leave the path out")


def waits(home, *words, timeout="20"):
    return home.start("send", "mini/otto", "x", "--timeout", timeout, *words)


@test()
def a_wait_ends_when_just_that_rung_is_proven(relay):
    otto = Peer(relay)
    with people(relay) as home:
        send = waits(home, "--wait", "delivered", "--json")
        otto.take("delivered")
        result = json.loads(send.line())
        check(send.wait() == 0 and result["status"] == "delivered", result)
        check([step["rung"] for step in result["rungs"]] == ["accepted", "delivered"], result)
        check(result["rungs"][1]["by"] == "mini/otto", result)
        send = waits(home, "--wait=in_progress")
        header, _ = otto.take("seen")
        otto.report(header, rung="in_progress")
        check(send.line().endswith(" in_progress for mini/otto\n") and send.wait() == 0, "rung")
        check(home.ok("send", "otto", "x", "--wait", "accepted").out.split()[1] == "accepted", "")


@test()
def a_later_rung_does_not_prove_an_earlier_one(relay):
    otto = Peer(relay)
    with people(relay) as home:
        send = waits(home, "--wait", "injected")
        otto.take("seen")
        check(send.line().endswith(" seen for mini/otto\n"), "the rung so far is printed")
        check("injected itself was never proven" in send.error_line() and send.wait() == 8, "8")


@test()
def a_wait_that_is_over_ends_with_8_and_the_rung_so_far(relay):
    otto = Peer(relay)
    with people(relay) as home:
        send = waits(home, "--wait", "seen", timeout="3")
        header, _ = otto.take("delivered")
        check(send.line() == f"{header['id']} delivered for mini/otto\n", "the rung so far")
        line = send.error_line()
        check(send.wait() == 8 and f"clawlink trace {header['id']}" in line, line)


@test()
def an_outcome_is_no_rung_and_another_outcome_is_9(relay):
    otto = Peer(relay)
    with people(relay) as home:
        send = waits(home, "--wait", "completed")
        header, _ = otto.take()
        otto.report(header, rung="seen", outcome="completed")
        check(send.line().endswith(" seen for mini/otto, completed\n") and send.wait() == 0, "")
        send = waits(home, "--wait", "completed", "--json")
        header, _ = otto.take()
        otto.report(header, outcome="failed", reason="the build is red")
        check(json.loads(send.line())["ended"]["reason"] == "the build is red", "result")
        error = json.loads(send.error_line())
        check(send.wait() == 9 and error["code"] == "ended_otherwise", error)
        check("failed, the build is red" in error["error"], error)
        send = waits(home, "--wait", "seen")
        header, _ = otto.take("delivered")
        otto.report(header, outcome="canceled")
        check(send.wait() == 9 and "canceled" in send.error_line(), "the rung cannot come")


@test()
def an_expired_message_has_ended(relay):
    Peer(relay)
    with people(relay) as home:
        result = home.run("send", "otto", "x", "--ttl", "2", "--wait", "delivered")
        check(result.code == 9 and "accepted for mini/otto, expired" in result.out, result)


@test()
def who_does_not_wait_to_the_end_is_told_how_far_it_is(relay):
    otto = Peer(relay)
    with people(relay) as home:
        send = waits(home, "--wait", "seen")
        header, _ = otto.take("delivered")
        until(lambda: otto.call("trace", agent="mini/otto", id=header["id"])["rungs"][1:], "rung")
        send.signal(signal.SIGINT)
        line = send.error_line()
        check(line.startswith(f"Message {header['id']} is ") and send.wait() == 130, line)


# -- ask ---------------------------------------------------------------------------------------


@test()
def an_answer_is_printed_as_it_is_and_nothing_else_is_taken(relay):
    otto, mira = Peer(relay), Peer(relay, "laptop/mira")
    with people(relay) as home:
        home.ok("send", "--agent", "eva", "laptop/mira", "for the inbox")
        ask = home.start("ask", "mini/otto", "Which tests are red?")
        header, body = otto.take("seen")
        check(body == b"Which tests are red?", body)
        check(re.fullmatch(r"laptop/mira\.ask-[0-9a-f]{8}", header["reply_to"]), header)
        otto.answer(home, header, "none\n")
        check(ask.line() == "none\n" and ask.line() is None and ask.wait() == 0, "the answer")
        waiting = mira.inbox()
        check(len(waiting) == 1 and waiting[0]["relay"]["attempts"] == 0, waiting)


@test()
def an_answer_that_is_signed_is_printed_like_any_other(relay):
    otto = Peer(relay)
    with people(relay) as home:
        ask = home.start("ask", "mini/otto", "Which tests are red?")
        header, _ = otto.take("seen")
        now = int(time.time())
        otto.call("send", envelope=signed(packed({
            "alg": "HS256", "kid": "group", "typ": "clawlink-msg+jws", "from": "mini/otto",
            "to": header["reply_to"], "id": new_id(), "iat": now, "exp": now + 60,
            "re": header["id"], "str": otto.stream, "seq": 1}, b"none"), "secret"))
        check(ask.line() == "none" and ask.wait() == 0, "the answer")


@test()
def an_answer_from_another_than_was_asked_says_so(relay):
    otto = Peer(relay)
    with people(relay) as home:
        ask = home.start("ask", "mini/otto", "Which tests are red?")
        header, _ = otto.take("seen")
        home.ok("send", "--agent", "eva", "--re", header["id"], header["reply_to"], "all of them")
        check(ask.line() == "all of them" and ask.wait() == 0, "the answer")
        line = ask.error_line()
        check(line.rstrip() == "The answer is from laptop/eva, and not from mini/otto.", line)


@test()
def an_answer_of_v1_is_found_in_the_inbox_and_alone_leaves_it(relay):
    mira = Peer(relay, "laptop/mira")
    with people(relay) as home:
        home.ok("--as", "otto", "register", "--name", "otto")
        home.ok("send", "laptop/mira", "before")
        ask = home.start("ask", "otto", "What is it?", "--json")
        task = home.ok("--as", "otto", "poll", "--wait", "20", "--json").json()[0]
        home.ok("--as", "otto", "respond", "--to", "laptop/mira", "--msg-id", task["message_id"],
                "--result", "It is 42")
        result = json.loads(ask.line())
        check(ask.wait() == 0 and result["answer"]["body"] == "It is 42", result)
        check(result["answer"]["re"] == result["id"], result)
        until(lambda: len(mira.inbox()) == 1, "the answer alone is acknowledged")


@test()
def another_reader_of_the_inbox_does_not_get_the_answer(relay):
    otto = Peer(relay)
    with people(relay) as home:
        watch = home.start("watch", "--take")
        check(watch.error_line().startswith("Watching as laptop/mira"), "it watches")
        ask = home.start("ask", "mini/otto", "Yours?")
        header, _ = otto.take()
        otto.answer(home, header, "mine")
        check(ask.line() == "mine" and ask.wait() == 0, "the answer")
        watch.signal(signal.SIGINT)
        check(watch.wait() == 0, "watch")
        while (line := watch.line()) is not None:
            check("mine" not in line, line)


@test()
def a_question_without_an_answer_ends_with_8_and_one_that_failed_with_9(relay):
    otto = Peer(relay)
    with people(relay) as home:
        result = home.run("ask", "otto", "x", "--timeout", "3")
        check(result.code == 8 and result.out == "" and "clawlink trace" in result.err, result)
        check("clawlink inbox" in result.err, result)
        header, _ = otto.take()
        late = home.run("send", "--agent", "otto", "--re", header["id"], header["reply_to"], "late")
        says(late, 4, "does not wait", "Send the answer to laptop/mira,")
        ask = home.start("ask", "mini/otto", "y")
        header, _ = otto.take()
        otto.report(header, outcome="failed", reason="no idea")
        check("failed, no idea" in ask.error_line() and ask.wait() == 9, "failed")
        ask = home.start("ask", "mini/otto", "z")
        header, _ = otto.take()
        otto.report(header, outcome="failed")
        otto.answer(home, header, "but this much is known")
        check(ask.line() == "but this much is known" and ask.wait() == 9, "with an answer")


@test()
def who_asks_is_listed_nowhere_and_gone_when_it_has_asked(relay):
    otto = Peer(relay)
    listed = lambda: [agent["agent"] for agent in otto.call("agents")["agents"]]
    with people(relay) as home:
        for end in (lambda ask: ask.signal(signal.SIGINT), lambda ask: ask.kill()):
            ask = home.start("ask", "mini/otto", "x")
            header, _ = otto.take()
            news = home.ok("send", "topic:news", "x", "--json").json()[0]
            check(news["recipients"] == 1, news)
            check(listed() == ["mini/otto", "laptop/mira"], listed())
            otto.take()
            end(ask)
            ask.wait()
            until(lambda: home.run("send", header["reply_to"], "x").code == 4, "it is gone")


@test()
def an_answer_that_cannot_be_written_out_is_not_acknowledged(relay):
    otto = Peer(relay)
    with people(relay) as home, open("/dev/full", "wb") as full:
        asking = subprocess.Popen([BIN, *home.args(["ask", "mini/otto", "x"])], env=home.env,
                                  stdout=full, stderr=subprocess.PIPE)
        header, _ = otto.take()
        otto.answer(home, header, "precious")
        said = asking.communicate(timeout=30)[1].decode()
        check(asking.returncode == 1 and "No space left" in said, said)
        place = re.search(r"`clawlink (inbox --instance laptop --agent mira\.ask-\S+ --take 1)`", said)
        check("precious" in home.ok(*place[1].split()).out, said)


# -- watch -------------------------------------------------------------------------------------


@test()
def watch_shows_what_waits_and_what_comes_and_leaves_it(relay):
    otto, mira = Peer(relay), Peer(relay, "laptop/mira")
    with people(relay) as home:
        home.ok("send", "--agent", "eva", "laptop/mira", "waits")
        watch = home.start("watch", "--json")
        check("Watching as laptop/mira" in json.loads(watch.error_line())["note"], "note")
        check(json.loads(watch.line())["message"]["body"] == "waits", "what waits")
        home.ok("send", "--agent", "eva", "laptop/mira", "low", "--priority", "low")
        check(json.loads(watch.line())["message"]["body"] == "low", "what comes")
        home.ok("send", "--agent", "eva", "laptop/mira", "urgent", "--priority", "urgent")
        check(json.loads(watch.line())["message"]["body"] == "urgent", "what comes in front")
        sent = home.ok("send", "mini/otto", "x").out[:22]
        otto.take("seen")
        while (event := json.loads(watch.line()))["receipt"]["rungs"][-1]["rung"] != "seen":
            check(event["receipt"]["id"] == sent, event)
        check(event["receipt"]["id"] == sent, event)
        Peer(relay, "mini/nele")
        while (event := json.loads(watch.line())).get("agent") != "mini/nele":
            check("agent" in event, event)
        check(event["now"] == "online", event)
        check(len(mira.inbox()) == 3, "it took something")
        watch.signal(signal.SIGINT)
        check(watch.wait() == 0, "Ctrl-C")


@test()
def watch_takes_when_it_is_told_to(relay):
    mira = Peer(relay, "laptop/mira")
    with people(relay) as home:
        home.ok("send", "--agent", "eva", "laptop/mira", "one")
        watch = home.start("watch", "--take")
        check(re.match(ID + " from laptop/eva, sent ", watch.line()), "its head")
        check(watch.line() == "    one\n", "its body")
        until(lambda: not mira.inbox(), "it is acknowledged")
        sent = home.ok("send", "--agent", "eva", "laptop/mira", "two", "--wait", "delivered")
        check(" delivered for laptop/mira" in sent.out, sent)


@test()
def watch_takes_nothing_that_it_could_not_show(relay):
    mira = Peer(relay, "laptop/mira")
    with people(relay) as home:
        watch = home.start("watch", "--take")
        check(watch.error_line().startswith("Watching as"), "it watches")
        blob = home.ok("send", "--agent", "eva", "laptop/mira", stdin=noise(40_000)).out[:22]
        data = home.ok("send", "--agent", "eva", "laptop/mira", stdin=b"\xff\x00").out[:22]
        home.ok("send", "--agent", "eva", "laptop/mira", "text", "--wait", "delivered")
        shown = "".join(iter(watch.line, "    text\n"))
        check("When 64 of these wait, or fewer large ones, nothing more is taken" in
              watch.error_line(), "why nothing may come")
        check(f"`clawlink inbox {blob} --save FILE` fetches it" in shown, shown)
        check(f"`clawlink inbox {data} --save FILE` writes them to a file" in shown, shown)
        watch.signal(signal.SIGINT)
        check(watch.wait() == 0 and len(mira.inbox()) == 2, "what is left")
        watch = home.start("watch", "--take", "--json")  # programs are shown other bytes
        until(lambda: len(mira.inbox()) == 1, "it takes those")
        home.ok("ack", blob)
        check(not mira.inbox(), "taken out by hand")


def shown(watch, count):
    """The lines about the first messages that it shows."""
    lines = []
    while len(lines) < count:
        line = watch.line()
        lines += [line] if line.startswith('{"message":') else []
    return lines


@test()
def what_is_taken_is_shown_as_what_is_looked_at(relay):
    Peer(relay, "laptop/mira")
    with people(relay) as home:
        first = home.ok("send", "--agent", "eva", "laptop/mira", "one").out[:22]
        home.ok("send", "--agent", "eva", "laptop/mira", "# Notes", "--type", "text/markdown",
                "--thread", "notes", "--priority", "high", "--re", first, "--ttl", "3600",
                "--deadline", "1800", "--root", first, "--hops", "1", "--reply-to", "mini/eva")
        home.ok("send", "--agent", "eva", "laptop/mira", stdin=b"\xff\x00")
        home.ok("send", "--agent", "eva", "laptop/mira", "--type", "image/png",
                stdin=noise(40_000))
        looked_at = shown(home.start("watch", "--json"), 4)
        taken = shown(home.start("watch", "--take", "--json"), 4)
        check(taken == looked_at, (taken, looked_at))
        check('"chain":{"root":"' + first in looked_at[0], looked_at[0])


@test()
def a_receipt_is_shown_as_the_relay_keeps_it(relay):
    otto = Peer(relay)
    with people(relay) as home:
        watch = home.start("watch", "--json")
        check("Watching as" in watch.error_line(), "it watches")
        home.ok("send", "mini/otto", "x")
        header, _ = otto.take("seen")
        otto.report(header, outcome="failed", reason="the build is red")
        while "ended" not in (receipt := json.loads(watch.line()).get("receipt", {})):
            pass
        kept = home.ok("trace", header["id"], "--json").json()[0]
        check(list(receipt) == ["version", "id", "rungs", "ended"], receipt)
        check([receipt[name] for name in ("id", "rungs", "ended")] ==
              [kept[name] for name in ("id", "rungs", "ended")], (receipt, kept))
        check(receipt["ended"]["reason"] == "the build is red", receipt)


class Teller:
    """A relay over a WebSocket that answers each call but hello and attach as a function says: with
    texts, of which a result is one."""

    def __init__(self, answer, version="2.0"):
        self.answer, self.version, self.calls = answer, version, []
        self.loop, ready = asyncio.new_event_loop(), threading.Event()
        threading.Thread(target=self.serve, args=(ready,), daemon=True).start()
        ready.wait(20)

    def serve(self, ready):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(websockets.serve(self.talk, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        self.loop.run_forever()

    async def talk(self, connection):
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in connection:
                call = json.loads(text)
                if "id" in call:
                    for told in self.texts(call):
                        await connection.send(json.dumps({"jsonrpc": "2.0", **told}))

    def texts(self, call):
        limits = {name: 1 << 20 for name in (
            "message_bytes", "body_bytes", "blob_bytes", "credit_messages", "credit_bytes")}
        if call["method"] == "hello":
            return [{"id": call["id"], "result": {
                "version": self.version, "versions": ["2.0"], "relay": "r", "epoch": "e", "time": 1,
                "durability": "memory", "limits": limits}}]
        if call["method"] == "attach":
            return [{"id": call["id"], "result": {
                "agent": call["params"]["agent"], "waiting": 0, "receipts": 0}}]
        if call["method"] == "inbox":
            return [{"id": call["id"], "result": {"waiting": 0, "messages": []}}]
        self.calls.append(call)
        return self.answer(self, call)


def page(call, *names, after=None):
    agents = [{"agent": name, "status": "online", "connected": True, "waiting": 0}
              for name in names]
    return {"id": call["id"], "result": {"time": 1, "agents": agents,
                                         **({"next": after} if after else {})}}


@test(relay=False)
def a_list_of_agents_is_read_to_its_end_before_the_next():
    """Who joins in the middle of one makes nobody go who stands in its last answer."""
    joined = {"method": "agent.joined", "params": {
        "agent": "m/c", "status": "online", "connected": True, "waiting": 0}}

    def answer(teller, call):
        if "after" not in call["params"]:
            return [page(call, "m/a", after="m/a"), joined]
        return [page(call, "m/b", *(["m/c"] if len(teller.calls) > 3 else []))]
    with Home(Teller(answer).url, CLAWLINK_AGENT="mira") as home:
        watch = home.start("watch")
        line = watch.line()
        check(line == "agent m/c: online\n", line)


@test(relay=False)
def watch_believes_not_all_that_a_relay_says():
    circle = Teller(lambda _, call: [page(call, "m/a", after="m/a")])
    with Home(circle.url, CLAWLINK_AGENT="mira") as home:
        watch = home.start("watch")
        check("Watching as" in watch.error_line(), "it watches")
        check("comes to no end" in watch.error_line() and watch.wait() == 1, "a list without an end")
        check(len(circle.calls) < 8, circle.calls)

    def no_error(_, call):
        return [{"id": call["id"], "error": {"code": 200, "message": "no", "data": {
            "error": "ok", "retry": False}}}]
    liar = Teller(no_error)
    with Home(liar.url, CLAWLINK_AGENT="mira") as home:
        watch = home.start("watch")
        until(lambda: liar.calls, "it asks who is there")
        watch.signal(signal.SIGINT)
        check(watch.wait() == 0, "an error that is none")
        says(home.run("send", "m/a", "x"), 1, "refused send: no")


@test(relay=False)
def an_answer_of_something_else_is_no_success():
    def another(_, call):
        return [{"id": call["id"], "result": {
            "id": "A" * 21 + "Q", "to": "m/a", "status": "accepted", "durability": "memory",
            "duplicate": False}}]
    with Home(Teller(another).url, CLAWLINK_AGENT="mira") as home:
        result = home.run("send", "m/a", "x")
        check(result.code == 1 and "answers of another message" in result.err, result)
    with Home(Teller(another, version="3.0").url, CLAWLINK_AGENT="mira") as home:
        says(home.run("send", "m/a", "x"), 1, "a version that it was not offered")


@test()
def who_says_nothing_of_an_agent_takes_nothing_from_it(relay):
    otto = Peer(relay)
    otto.call("attach", agent="mini/otto", name="Otto", description="Reviews C",
              capabilities=["review"])
    with people(relay) as home:
        home.ok("send", "--instance", "mini", "--agent", "otto", "cap:review", "to myself")
    agents = {agent["agent"]: agent for agent in otto.call("agents")["agents"]}
    check(agents["mini/otto"]["name"] == "Otto", agents)
    check(agents["mini/otto"]["description"] == "Reviews C", agents)


# -- relays that go away, and other things that answer -----------------------------------------


def come_back(relay, *options):
    """The relay is killed and another one started at its place."""
    relay.kill()
    relay.status = -signal.SIGKILL
    return Relay(*options, port=str(relay.port))


@test(relay=False)
def a_wait_goes_on_when_the_relay_is_killed_and_comes_back():
    with Home() as folder:
        data = ["--data", folder.file("data")]
        with Relay(*data) as relay, people(relay) as home:
            Peer(relay)
            send = waits(home, "--wait", "seen")
            until(lambda: "message.sent" in relay.stderr() or Peer(relay).inbox(), "accepted")
            with come_back(relay, *data) as again:
                check("Waiting for the relay to come back." in send.error_line(), "it is away")
                check(send.error_line() == "The relay is back.\n", "it is back")
                Peer(again).take("seen")
                check(send.line().endswith(" seen for mini/otto\n") and send.wait() == 0, "seen")


@test(relay=False)
def what_a_relay_without_a_disk_forgot_is_called_unknown():
    with Relay() as relay, people(relay) as home:
        otto = Peer(relay)
        send = waits(home, "--wait", "seen")
        until(otto.inbox, "accepted")
        with come_back(relay):
            check("Waiting for the relay" in send.error_line(), "it is away")
            check(send.error_line() == "The relay is back.\n", "it is back")
            check("kept nothing" in send.error_line() and send.wait() == 8, "unknown")
            check(" accepted for mini/otto" in send.line(), "the rung so far")


@test(relay=False)
def watch_waits_an_outage_out():
    with Relay() as relay, people(relay) as home:
        watch = home.start("watch")
        check(watch.error_line().startswith("Watching as"), "it watches")
        with come_back(relay) as again:
            check("Waiting for the relay to come back." in watch.error_line(), "it is away")
            check(watch.error_line() == "The relay is back, with nothing of what it had.\n", "back")
            home.relay = again.url
            home.ok("send", "--agent", "eva", "laptop/mira", "after")
            while (line := watch.line()) != "    after\n":
                check(line is not None, "the message")
            watch.signal(signal.SIGTERM)
            check(watch.wait() == 0, "SIGTERM")


@test(relay=False)
def watch_ends_where_the_relay_shows_another_key_than_was_saved():
    with Home() as folder, Relay("--tls-self-signed", env={"HOME": folder.path}) as relay:
        with people(relay) as home, Home() as other:
            home.ok("register", "--id", "laptop/mira", "--name", "Mira", "--pin", relay.pin)
            watch = home.start("watch")
            check("Watching as laptop/mira" in watch.error_line(), "it watches")
            relay.kill()
            relay.status = -signal.SIGKILL
            with Relay("--tls-self-signed", env={"HOME": other.path}, port=str(relay.port)):
                check("Waiting for the relay to come back." in watch.error_line(), "it is away")
                line = watch.error_line()
                check("THE KEY OF THE RELAY HAS CHANGED" in line, line)
                check("clawlink register --pin" in line and watch.wait() == 3, line)


class Between:
    """A TCP connection to the relay that passes everything on, but of the first client only what
    the relay says up to its welcome; it is cut when the relay has answered more than that."""

    def __init__(self, relay):
        self.relay, self.count = relay, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self.relay.port))
                self.count += 1
                threading.Thread(target=self.pump, args=(client, server, None), daemon=True).start()
                threading.Thread(target=self.pump, args=(
                    server, client, b'"limits":' if self.count == 1 else None), daemon=True).start()

    @staticmethod
    def pump(source, sink, last):
        is_past = False
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if is_past and b'"status":' in piece:
                    break
                if not is_past:
                    sink.sendall(piece)
                is_past = is_past or (last is not None and last in piece)
        for side in (source, sink):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


@test()
def an_answer_that_got_lost_is_asked_for_again_and_nothing_is_sent_twice(relay):
    otto = Peer(relay)
    between = Between(relay)
    with people(relay) as home:
        home.relay = between.url
        sent = home.ok("send", "mini/otto", "once", "--json")
        check("Connection lost" in sent.err and "The relay is back." in sent.err, sent)
        check(sent.json()[0]["duplicate"] is True and between.count == 2, sent)
        check(len(otto.inbox()) == 1, "one message")
    between.listener.close()


class Scripted:
    """A relay that says what the test wants of it: script(call) returns a result, an error {"error":
    ...}, CUT or HELD; None: as a relay does. Notes are said by say()."""

    def __init__(self, script):
        self.script, self.calls, self.count, self.client = script, [], 0, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def serve(self):
        while True:
            with contextlib.suppress(OSError, EOFError):
                self.client, _ = self.listener.accept()
                self.count += 1
                Impostor.greet(self.client, None)
                while self.answer(json.loads(self.read())):
                    pass
            if self.listener.fileno() < 0:
                return
            self.client.close()

    def exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self.client.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def read(self):
        """The next text; what is no text is passed over."""
        while True:
            first, size = self.exactly(2)
            size &= 0x7F
            if size > 125:
                size = int.from_bytes(self.exactly(2 if size == 126 else 8), "big")
            mask, data = self.exactly(4), self.exactly(size)
            if first == 0x81:
                return bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))

    def say(self, **text):
        data = json.dumps({"jsonrpc": "2.0", **text}).encode()
        size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
        self.client.sendall(b"\x81" + size + data)

    def answer(self, call):
        method, params = call["method"], call["params"]
        self.calls.append((self.count, method, params))
        result = self.script(self.count, method, params)
        if result is CUT:
            return False
        if result is None:
            result = {"hello": welcome, "attach": lambda: attached(params), "inbox": empty,
                      "send": lambda: accepted(params)}.get(method, dict)()
        if result is not HELD:
            self.say(id=call["id"], **(result if "error" in result else {"result": result}))
        return True

    def params(self, method):
        return [call[2] for call in self.calls if call[1] == method]


CUT, HELD = object(), object()


def welcome(epoch="one"):
    return {"version": "2.0", "versions": ["2.0"], "relay": "r", "epoch": epoch,
            "durability": "memory", "time": int(time.time() * 1000),
            "limits": {"message_bytes": 1048575, "body_bytes": 32768, "blob_bytes": 0,
                       "credit_messages": 64, "credit_bytes": 1048576}}


def attached(params):
    return {"agent": params["agent"], "waiting": 0, "receipts": 0}


def empty():
    return {"waiting": 0, "messages": []}


def header_of(params):
    return json.loads(base64.urlsafe_b64decode(params["envelope"]["protected"] + "=="))


def accepted(params):
    header = header_of(params)
    return {"id": header["id"], "to": header["to"], "status": "accepted", "durability": "memory",
            "duplicate": False}


def letter(at, text, **header):
    """A message from mini/otto, as a relay shows it."""
    coded = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in (
        json.dumps({"typ": "clawlink-msg+jws", "from": "mini/otto", "to": "laptop/mira",
                    "id": "A" * 21 + "Q", "iat": 1775304000, "exp": 1775304001, **header}), text)]
    return {"at": at, "relay": {"accepted": 1775304000123, "trust": "relay", "attempts": 0},
            "envelope": {"protected": coded[0], "payload": coded[1]}}


FULL = {"error": {"code": 429, "message": "the inbox is full",
                  "data": {"error": "inbox_full", "retry": True}}}


@test(relay=False)
def what_is_refused_after_a_connection_broke_may_have_arrived_before():
    def script(count, method, _):
        return None if method != "send" else CUT if count == 1 else FULL
    with Scripted(script) as relay, people(relay) as home:
        sent = home.run("send", "mini/otto", "x")
        check(sent.code == 5 and re.fullmatch(ID + " unknown for mini/otto\n", sent.out), sent)
        check("is unknown: the connection broke" in sent.err and "inbox is full" in sent.err, sent)
        check(f"clawlink trace {sent.out[:22]}" in sent.err, sent)
        check(home.run("send", "mini/otto", "x", "--wait", "seen").code == 6, "never in doubt")


@test(relay=False)
def what_goes_to_a_relay_without_its_memory_may_arrive_twice():
    def script(count, method, _):
        if method == "hello":
            return welcome(f"epoch {count}")
        return CUT if method == "send" and count == 1 else None
    with Scripted(script) as relay, people(relay) as home:
        sent = home.ok("send", "mini/otto", "x")
        check(f"{sent.out[:22]} goes out once more and may arrive twice, with the same id" in sent.err,
              sent)
        check("may arrive twice" not in home.ok("send", "mini/otto", "x").err, "it was told once")


@test(relay=False)
def an_answer_whose_acknowledgement_gets_lost_is_an_answer():
    def script(_, method, params):
        if method == "ack":
            return CUT
        if method == "send":
            header = header_of(params)
            relay.say(method="message", params={"agent": header["reply_to"], **letter(
                [2, 1], "mine", to=header["reply_to"], re=header["id"])})
        return None
    with Scripted(script) as relay, people(relay) as home:
        asked = home.ok("ask", "mini/otto", "x")
        check(asked.out == "mine" and "could not be acknowledged" in asked.err, asked)


@test(relay=False)
def a_message_that_cannot_be_read_is_named_and_its_sender_told():
    def script(_, method, params):
        if method == "attach":
            relay.say(method="message", params={"agent": params["agent"], **letter(
                [2, 1], "x", pri=9)})
        return None
    with Scripted(script) as relay, people(relay) as home:
        watch = home.start("watch", "--take")
        check("A message cannot be read: " in watch.error_line() + watch.error_line(), "it is named")
        until(lambda: relay.params("refuse"), "its sender is told")
        check(relay.params("refuse")[0]["at"] == [2, 1], relay.calls)
        watch.signal(signal.SIGINT)
        check(watch.wait() == 0, "Ctrl-C")


@test(relay=False)
def a_question_to_a_topic_outlives_the_relay():
    """What is for a topic has no receipt, so that there is none after a restart says nothing."""
    def script(count, method, params):
        if method == "hello":
            return welcome(f"epoch {count}")
        if method == "send" and count == 1:
            asked.append(header_of(params))
            relay.say(id=3, result=accepted(params))
            return CUT
        if method == "attach" and params.get("guest"):
            relay.say(method="message", params={"agent": params["agent"], **letter(
                [2, 1], "mine", to=params["agent"], re=asked[0]["id"])}) if asked else None
        return None
    asked = []
    with Scripted(script) as relay, people(relay) as home:
        check(home.ok("ask", "topic:news", "x").out == "mine", "the answer")
        check(not relay.params("trace"), relay.calls)


@test(relay=False)
def the_own_inbox_is_read_once_and_not_during_an_outage():
    def script(count, method, params):
        looks = relay.params("inbox")
        if method == "hello" and count == 2:
            until(lambda: time.monotonic() > relay.cut_at + 1.2, "a look would be due")
            relay.back_at = time.monotonic()
        if method != "inbox":
            return None
        if len(looks) == 1:  # an urgent one, and more behind it
            return {"waiting": 3, "messages": [letter([0, 7], "a")], "next": [0, 7]}
        if len(looks) == 2:  # all that was behind it
            return {"waiting": 3, "messages": [letter([2, 4], "b"), letter([2, 5], "c")]}
        if len(looks) == 3:
            relay.cut_at = time.monotonic()
            return CUT
        if len(looks) == 4:  # known already; behind it is what answers
            relay.looked_after = time.monotonic() - relay.back_at
            return {"waiting": 4, "messages": [letter([2, 4], "b")], "next": [2, 4]}
        return {"waiting": 4, "messages": [letter([2, 6], "mine", re=header_of(
            relay.params("send")[0])["id"])]}
    with Scripted(script) as relay, people(relay) as home:
        check(home.ok("ask", "mini/otto", "x").out == "mine", "the answer")
        looks = [(params.get("after"), params.get("limit")) for params in relay.params("inbox")]
        check(relay.looked_after > 0.5, "the look was made during the outage")
        check(looks == [(None, 1), ([0, 7], 32), ([0, 7], 1), ([0, 7], 1), ([2, 5], 1)], looks)


@test(relay=False)
def the_times_of_a_message_are_by_the_clock_of_the_relay():
    """Whose machine has a wrong clock can send all the same."""
    def script(_, method, params):
        return {**welcome(), "time": 1000 * then} if method == "hello" else None
    then = int(time.time()) - 86400
    with Scripted(script) as relay, people(relay) as home:
        home.ok("send", "mini/otto", "x", "--ttl", "60", "--deadline", "30")
        header = header_of(relay.params("send")[0])
        check(then <= header["iat"] < then + 60, header)
        check((header["exp"], header["dl"]) == (header["iat"] + 60, header["iat"] + 30), header)


@test(relay=False)
def whether_a_relay_has_a_message_is_asked_until_it_answers():
    def script(count, method, params):
        if method == "hello":
            return welcome("one" if count == 1 else "two")
        if method == "send":
            relay.say(id=2, result=accepted(params))
        if method == "send" or (method == "trace" and count == 2):
            return CUT
        return {"error": {"code": 404, "message": "no such message", "data": {
            "error": "not_found", "retry": False}}} if method == "trace" else None
    with Scripted(script) as relay, people(relay) as home:
        sent = home.run("send", "mini/otto", "x", "--wait", "seen")
        check(sent.code == 8 and "kept nothing" in sent.err, sent)
        check([count for count, method, _ in relay.calls if method == "trace"] == [2, 3], relay.calls)


# -- blobs -------------------------------------------------------------------------------------


def noise(size):
    return hashlib.shake_128(b"noise").digest(size)


@test()
def what_is_too_large_for_an_envelope_goes_as_a_blob(relay):
    otto, body = Peer(relay), noise(5_000_000)
    with people(relay) as home:
        sent = home.ok("send", "otto", "--type", "image/png", stdin=body)
        check(sent.err == "" and " accepted for mini/otto" in sent.out, sent)
        header, blob = otto.take()
        blob = json.loads(blob)
        check(header["cty"] == "application/clawlink-blob+json", header)
        check(blob["size"] == len(body) and blob["cty"] == "image/png", blob)
        check(blob["sha256"] == hashlib.sha256(body).hexdigest(), blob)
        home.ok("send", "otto", "x" * 32768)
        check("cty" not in otto.take()[0], "what just fits is no blob")


@test("--blob-bytes", "0")
def without_blobs_what_is_too_large_is_refused(relay):
    Peer(relay)
    with people(relay) as home:
        says(home.run("send", "otto", stdin=noise(50_000)), 2, "50000 bytes", "at most 32768")


@test()
def a_large_question_gets_a_large_answer_byte_for_byte(relay):
    otto, question, answer = Peer(relay), noise(1_000_000), noise(700_000)
    with people(relay) as home:
        path, out = home.file("question", question), home.file("answer")
        with open(out, "wb") as file:
            asking = subprocess.Popen(
                [BIN, *home.args(["ask", "mini/otto", "--file", path])], env=home.env, stdout=file)
        header, _ = otto.take()
        home.ok("send", "--instance", "mini", "--agent", "otto", "--re", header["id"],
                header["reply_to"], stdin=answer)
        check(asking.wait(timeout=30) == 0, "ask")
        with open(out, "rb") as file:
            check(file.read() == answer, "the bytes of the answer")


class Cutter:
    """Passes everything on, and cuts the first connection on which so many bytes were sent."""

    def __init__(self, relay, after):
        self.relay, self.after, self.is_cut, self.passed = relay, after, False, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self.relay.port))
                for pair in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source, sink, is_counted):
        sent = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
                if is_counted:
                    self.passed += len(piece)
                    sent += len(piece)
                if is_counted and sent > self.after and not self.is_cut:
                    self.is_cut = True
                    break
        for side in (source, sink):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


@test()
def an_upload_goes_on_where_it_was_cut(relay):
    otto, body = Peer(relay), noise(5_000_000)
    cutter = Cutter(relay, 3_000_000)
    with people(relay) as home:
        home.relay = cutter.url
        sent = home.ok("send", "otto", stdin=body)
        check(" accepted for mini/otto" in sent.out and cutter.is_cut, sent)
        check(json.loads(otto.take()[1])["sha256"] == hashlib.sha256(body).hexdigest(), "hash")
        check(cutter.passed < 6_500_000, f"{cutter.passed} bytes for {len(body)}")
    cutter.listener.close()


class Awake:
    """Passes everything on, but says ping over each WebSocket when an upload has begun, and nothing
    about the upload before that is answered."""

    def __init__(self, relay):
        self.relay, self.is_awake = relay, threading.Event()
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self.relay.port))
                first = client.recv(65536)
                is_upload = b"Upgrade" not in first
                if not is_upload:
                    self.sockets.append(client)
                for target, args in ((self.pump_up, (client, server, first)),
                                     (self.pump_down, (server, client, is_upload))):
                    threading.Thread(target=target, args=args, daemon=True).start()

    def pump_up(self, client, server, piece):
        with contextlib.suppress(OSError):
            while piece:
                if client in self.sockets and piece[:2] == b"\x8a\x81":
                    self.is_awake.set()
                else:
                    server.sendall(piece)
                piece = client.recv(65536)
        server.close()

    def pump_down(self, server, client, is_upload):
        with contextlib.suppress(OSError):
            while piece := server.recv(65536):
                if is_upload and not self.is_awake.is_set():
                    for each in self.sockets:
                        each.sendall(b"\x89\x01!")
                    self.is_awake.wait(60)
                client.sendall(piece)
        client.close()


@test()
def the_connection_is_kept_up_while_a_blob_is_on_its_way(relay):
    otto = Peer(relay)
    awake = Awake(relay)
    with people(relay) as home:
        home.relay = awake.url
        sent = home.ok("send", "mini/otto", stdin=noise(50_000))
        check(sent.err == "" and awake.is_awake.is_set(), sent)
        check(len(otto.inbox()) == 1, "it is sent")
    awake.listener.close()


@test()
def progress_is_shown_in_a_terminal_alone(relay):
    Peer(relay)
    with people(relay) as home:
        path = home.file("large", noise(3_000_000))
        shown = home.on_terminal(100, "send", "otto", "--file", path)
        check("sending [" in shown and "100 %" in shown, shown)
        check(home.ok("send", "otto", "--file", path).err == "", "a pipe sees none")
        shown = home.on_terminal(100, "send", "otto", "--file", path, "--json")
        check("sending" not in shown, shown)


class Impostor:
    """Opens WebSockets, hears what is said and answers each text with the one it was given."""

    def __init__(self, says_what):
        self.says = says_what
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        kept = []
        with contextlib.suppress(OSError):
            while True:
                kept.append(self.listener.accept()[0])
                self.greet(kept[-1], self.says)

    @staticmethod
    def greet(client, says_what):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)
        if key is None:
            raise ConnectionError("no WebSocket is wanted")
        accept = base64.b64encode(hashlib.sha1(
            key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        client.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                       b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        if says_what:
            client.recv(4096)
            client.sendall(bytes([0x81, len(says_what)]) + says_what)


@test(relay=False)
def what_is_no_relay_is_called_so():
    for text in (b"hello", b"{}", b'{"jsonrpc":"2.0","id":0,"result":{}}'):
        with Home(Impostor(text).url, CLAWLINK_AGENT="mira") as home:
            says(home.run("send", "otto", "x"), 1, "does not keep to protocol v2")
    with Home(Impostor(None).url, CLAWLINK_AGENT="mira") as home:
        says(home.run("send", "otto", "x", "--timeout", "1"), 5, "was not there within 1 s",
             "was not sent")


@test(token="s3cret")
def a_token_that_is_not_the_relays_ends_it(relay):
    with people(relay) as home:
        says(home.run("send", "otto", "x"), 3, "wants its token")
        says(home.run("watch", "--token", "wrong"), 3, "does not accept this token")
        says(home.run("send", "otto", "x", "--token", "s3cret"), 4, "No such agent")


@test(relay=False)
def it_all_works_over_tls():
    with Home() as folder, Relay("--tls-self-signed", env={"HOME": folder.path}) as relay:
        with people(relay) as home:
            home.ok("register", "--id", "mini/otto", "--name", "Otto", "--pin", relay.pin)
            sent = home.ok("send", "mini/otto", "x", "--wait", "accepted")
            check(" accepted for mini/otto" in sent.out, sent)
            says(home.run("send", "mini/otto", "x", "--pin", "sha256:" + "A" * 43 + "="), 3)


@test(relay=False)
def an_answer_that_opens_no_connection_is_told_by_what_it_says():
    """Its status alone would be another error."""
    with Home() as folder, Relay("--tls-self-signed", env={"HOME": folder.path}) as relay:
        with people(f"http://127.0.0.1:{relay.port}") as home:
            for words in (["send", "otto", "x"], ["ask", "otto", "x"], ["watch"]):
                says(home.run(*words), 3, "https is spoken on")
    with Relay() as relay, people(relay.url + "/mesh") as home:
        for words in (["send", "otto", "x"], ["ask", "otto", "x"], ["watch"]):
            check(home.run(*words, "--json").err.endswith('"code":"usage"}\n'), words)


@test(relay=False)
def without_a_relay_it_ends_at_once():
    with Home("http://127.0.0.1:1", CLAWLINK_AGENT="mira") as home:
        for words in (["send", "otto", "x"], ["ask", "otto", "x"], ["watch"]):
            says(home.run(*words), 7, "no relay listens")


if __name__ == "__main__":
    main()
