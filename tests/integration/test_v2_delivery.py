# SPDX-License-Identifier: MIT
"""Protocol v2 as docs/protocol/v2.md has it: how messages are taken, what their senders are told,
and what becomes of those that nobody takes.
"""
import os
import time

from support import Failure, Http, equal, holds, main, test
from v2_support import (Admin, Agent, Caller, Message, Raw, Refused, Socket, new_id, row, rungs_of,
                        until)

PAIR = ("mini/otto", "mini/mira")


def pair(relay, **params):
    """Two agents, each on a connection of its own; the first gets what the second sends."""
    otto = Agent(Socket(relay, "mini"), PAIR[0], **params)
    return otto, Agent(Socket(relay, "mini"), PAIR[1])


def sent(sender, *texts, to="mini/otto", **header):
    return [sender.send(to, text, **header)["id"] for text in texts]


def texts(messages):
    return [message.text for message in messages]


# -- acknowledging -----------------------------------------------------------------------------


@test()
def ranges_acknowledge_what_they_name_and_nothing_else(relay):
    """ack: parts, several at once, out of order, twice, of what never was; a notification too."""
    otto, mira = pair(relay)
    ids = sent(mira, *"0123456789")
    messages = otto.messages(10)
    equal(texts(messages), list("0123456789"), "order")
    equal([m.at for m in messages], [[2, messages[0].at[1] + n] for n in range(10)], "places")
    first = messages[0].at[1]
    otto.call("ack", ranges=[[2, first + 3, first + 5]], rung="seen")
    equal(otto.texts(), list("0126789"), "inbox after a range in the middle")
    otto.call("ack", ranges=[[2, first + 9, first + 9], [2, first, first]])
    equal(otto.texts(), list("12678"), "inbox after two ranges, backwards")
    for ranges in ([[2, first, first + 5]], [[2, first + 3, first + 4]], [[1, 1, 2**53 - 1]],
                   [[2, first + 10, 2**53 - 1]], [[2, 1, first + 1], [1, 1, first + 1]]):
        equal(otto.call("ack", ranges=ranges), {}, "result of ack")
    otto.fails("malformed", "ack", -32602, ranges=[[2, 1, first + 7], [2, first + 7, first + 7]])
    equal(otto.texts(), list("678"), "inbox: what is no more is passed over")
    otto.tell("ack", ranges=[[2, first + 6, first + 7]], rung="in_progress", proof="transcript")
    until(lambda: otto.texts() == ["8"], "a notification acknowledges")
    equal(mira.rungs(ids[4], "seen"), ["accepted", "seen"], "rungs of one that was seen")
    step = mira.receipt(ids[7], lambda r: "in_progress" in rungs_of(r))["rungs"][-1]
    equal((step["by"], step["proof"]), ("mini/otto", "transcript"), "by and proof")
    equal(mira.rungs(ids[9], "delivered"), ["accepted", "delivered"], "rungs without a rung said")
    equal(rungs_of(mira.trace(ids[8])), ["accepted"], "rungs of the one that was not")


@test()
def an_ack_with_256_ranges_is_taken_at_once(relay):
    """Limits: ranges in one ack."""
    otto, mira = pair(relay)
    sent(mira, "a", "b", "c")
    first = otto.messages(3)[0].at[1]
    ranges = [[3, n, n] for n in range(1, 254)] + [[2, first + n, first + n] for n in (2, 0, 1)]
    otto.call("ack", ranges=ranges)
    equal(otto.texts(), [], "inbox")


@test()
def only_what_an_agent_was_handed_is_its_to_acknowledge(relay):
    """ack: of what was handed out; a quiet one acknowledges its leases."""
    otto, mira = pair(relay, quiet=True)
    sent(mira, "one")
    place = otto.inbox()[0].range
    other = Agent(otto.conn, "mini/other")
    other.call("ack", ranges=[place])
    other.call("release", ranges=[place])
    other.fails("not_found", "refuse", at=place[:2], reason="not mine")
    other.fails("not_found", "ack", lease="nothing")
    equal(otto.texts(), ["one"], "inbox")


# -- handed out again --------------------------------------------------------------------------


@test()
def a_cut_connection_gives_back_all_from_the_oldest_on(relay):
    """Handed out again: to its place, with one more attempt each; the id tells."""
    otto, mira = pair(relay)
    sent(mira, *"abcde")
    messages = otto.messages(5)
    otto.ack(messages[1], messages[3])
    otto.conn.cut()
    for attempt in (1, 2, 3):
        otto = Agent(Socket(relay, "mini"), "mini/otto")
        again = otto.messages(3)
        equal([(m.text, m.attempts) for m in again], [(t, attempt) for t in "ace"], "messages")
        equal([m.id for m in again], [messages[n].id for n in (0, 2, 4)], "ids")
        otto.conn.cut() if attempt < 3 else None
    sent(mira, "f", pri=0)
    equal((otto.message().text, otto.texts()), ("f", list("face")), "an urgent one is first")
    otto.conn.drop()
    otto = Agent(Socket(relay, "mini"), "mini/otto")
    equal([(m.text, m.attempts) for m in otto.messages(4)],
          [("f", 1), ("a", 4), ("c", 4), ("e", 4)], "handed out once more")
    equal(mira.trace(messages[0].id)["attempts"], 4, "attempts in a trace")


@test()
def priorities_come_before_the_order_of_sending(relay):
    """Order: within one priority as sent; 0 comes before 1, and so on."""
    mira = Agent(Socket(relay, "mini"), "mini/mira")
    Agent(Caller(relay), "mini/otto")
    for number, pri in enumerate((3, 2, 0, None, 1, 0, 3)):
        sent(mira, str(number), pri=pri)
    otto = Agent(Socket(relay, "mini"), "mini/otto")
    equal(otto.texts(), list("2541306"), "the inbox before")
    equal(texts(otto.messages(7)), list("2541306"), "as they are handed out")


@test()
def released_messages_go_to_their_place(relay):
    """release: with one more attempt, before newer ones of their priority."""
    otto, mira = pair(relay)
    sent(mira, *"abc")
    messages = otto.messages(3)
    equal(otto.call("release", ranges=[messages[1].range, messages[0].range]), {}, "result")
    again = otto.messages(2)
    equal([(m.text, m.attempts, m.at) for m in again],
          [("a", 1, messages[0].at), ("b", 1, messages[1].at)], "what is handed out again")
    otto.ack(*again, messages[2])
    equal(otto.call("release", ranges=[messages[0].range]), {}, "result where nothing is")
    equal(otto.texts(), [], "inbox")


@test()
def after_so_many_attempts_a_message_is_a_dead_letter(relay):
    """send, attempts; Dead letters: back too often, with the reason, and the sender is told."""
    otto, mira = pair(relay)
    result = mira.send("mini/otto", "thrice", attempts=3)
    for attempt in range(3):
        message = otto.message()
        equal(message.attempts, attempt, "attempts")
        otto.call("release", ranges=[message.range])
    ended = mira.ended(result["id"])
    equal((ended["outcome"], ended["by"]), ("dead", "relay/nobody"), "outcome")
    equal(otto.texts(), [], "inbox")
    letter = mira.dead()[0]
    equal((letter["id"], letter["outcome"], letter["attempts"]), (result["id"], "dead", 3), "letter")
    holds(letter["reason"], "a letter without a reason")
    result = mira.send("mini/otto", "once", attempts=1)
    equal(otto.message().text, "once", "message")
    otto.conn.cut()
    equal(mira.ended(result["id"])["outcome"], "dead", "outcome after one cut connection")


# -- credit ------------------------------------------------------------------------------------


@test()
def credit_is_64_messages_or_a_mebibyte_an_agent(relay):
    """Credit: then the relay waits; one always may be; each agent has its own."""
    otto, mira = pair(relay)
    other = Agent(otto.conn, "mini/other")
    sent(mira, *[str(n) for n in range(70)])
    messages = otto.messages(64)
    equal(mira.send("mini/other", "mine")["to"], "mini/other", "to")
    equal(other.message().text, "mine", "another agent of the connection")
    holds(not otto.conn.has_note("message", "mini/otto"), "a 65th message was pushed")
    otto.ack(messages[10])
    equal(otto.message().text, "64", "what comes for one acknowledgement")
    holds(not otto.conn.has_note("message", "mini/otto"), "more than the credit was pushed")
    otto.ack(*messages[:10], *messages[11:])
    rest = otto.messages(5)
    otto.ack(*rest)
    large = os.urandom(32768)
    for _ in range(30):
        mira.send("mini/otto", large)
    envelope = len('{"protected":"","payload":""}') + 43691 + 300
    until(lambda: otto.call("inbox", limit=1)["waiting"] == 31, "all are there")
    got = 0
    while otto.conn.has_note("message", "mini/otto"):
        otto.message()
        got += 1
    holds(1048576 // envelope <= got <= 1048576 // 43691, f"{got} of 30 large ones were pushed")


@test()
def who_acknowledges_slowly_is_not_cut(relay):
    """Credit: a slow reader gets the next ones later, all of them, in order."""
    otto, mira = pair(relay)
    numbers = [mira.conn.begin("send", envelope=mira.pack("mini/otto", str(n))) for n in range(500)]
    for number in numbers:
        mira.conn.end(number)
    found = []
    while len(found) < 500:
        message = otto.message()
        found.append(message.text)
        if len(found) % 50 == 0:
            otto.call("ack", ranges=[[2, 1, message.at[1]]])
    equal(found, [str(n) for n in range(500)], "messages")
    equal(otto.texts(), [], "inbox")


# -- refuse, report ----------------------------------------------------------------------------


@test()
def a_refused_message_is_a_dead_letter_that_its_sender_hears_of(relay):
    """refuse: the outcome rejected, with the reason; not_found where it is not in the inbox."""
    otto, mira = pair(relay)
    ids = sent(mira, "no", "yes")
    first, second = otto.messages(2)
    equal(otto.call("refuse", at=first.at, reason="no parser here"), {}, "result")
    ended = mira.ended(ids[0])
    equal((ended["outcome"], ended["by"], ended["reason"]),
          ("rejected", "mini/otto", "no parser here"), "ended")
    otto.ack(second)
    for place in (first.at, second.at, [2, 99], [0, 1]):
        with row(f"refuse {place}"):
            otto.fails("not_found", "refuse", at=place, reason="no")
    for agent in (otto, mira):
        letters = agent.dead()
        equal([(d["id"], d["from"], d["to"], d["outcome"], d["reason"]) for d in letters],
              [(ids[0], "mini/mira", "mini/otto", "rejected", "no parser here")], "dead letters")


@test()
def over_http_and_quiet_a_message_can_be_refused_and_acknowledged(relay):
    """ack, refuse, release: the same over both transports."""
    _, mira = pair(relay)
    quiet = Agent(Socket(relay, "other"), "other/otto", quiet=True)
    for otto in (Agent(Caller(relay), "http/otto"), quiet):
        with row(otto.address):
            ids = sent(mira, "no", "yes", "later", to=otto.address)
            lease, messages = otto.receive()
            equal(texts(messages), ["no", "yes", "later"], "messages")
            otto.call("refuse", at=messages[0].at, reason="no")
            equal(mira.ended(ids[0])["outcome"], "rejected", "outcome")
            otto.call("ack", ranges=[messages[1].range], rung="seen")
            equal(mira.rungs(ids[1], "seen"), ["accepted", "seen"], "rungs")
            otto.fails("not_found", "release", ranges=[messages[2].range])
            otto.call("release", lease=lease)
            lease, again = otto.receive()
            equal([(m.text, m.attempts) for m in again], [("later", 1)], "what it gave back")
            otto.call("ack", lease=lease)
            for message in messages:
                otto.fails("not_found", "refuse", at=message.at, reason="no")
            equal(otto.texts(), [], "inbox")


@test()
def reports_rise_and_the_first_outcome_stays(relay):
    """report: a rung below the present one and a second outcome change nothing; whose it is."""
    otto, mira = pair(relay)
    caller = Caller(relay)
    ids = sent(mira, "a", "b", "c")
    messages = otto.messages(3)
    otto.ack(*messages)
    otto.call("report", id=ids[0], rung="in_progress", proof="transcript")
    otto.call("report", id=ids[0], rung="seen")
    equal(mira.rungs(ids[0], "in_progress"), ["accepted", "delivered", "in_progress"], "rungs")
    equal(rungs_of(mira.trace(ids[0])), ["accepted", "delivered", "in_progress"], "rungs")
    otto.call("report", id=ids[0], outcome="failed", reason="the build is red")
    otto.call("report", id=ids[0], outcome="completed")
    ended = mira.ended(ids[0])
    equal((ended["outcome"], ended["by"], ended["reason"]),
          ("failed", "mini/otto", "the build is red"), "ended")
    equal(mira.trace(ids[0])["ended"], ended, "ended in the trace")
    caller.call("report", agent="mini/otto", id=ids[1], rung="injected", outcome="completed")
    receipt = mira.receipt(ids[1], lambda r: "ended" in r)
    equal((rungs_of(receipt), receipt["ended"]["outcome"]),
          (["accepted", "delivered", "injected"], "completed"), "rungs and outcome")
    otto.tell("report", id=ids[2], outcome="canceled")
    equal(mira.ended(ids[2])["outcome"], "canceled", "outcome of a notification")
    for way in (otto.conn, caller):
        way.fails("not_found", "report", agent="mini/otto", id=new_id(), rung="seen")
    for way in (mira.conn, caller):
        way.fails("forbidden", "report", agent="mini/mira", id=ids[0], rung="seen")


# -- receipts ----------------------------------------------------------------------------------


@test()
def receipts_say_each_rung_with_time_author_and_proof(relay):
    """Receipts."""
    otto, mira = pair(relay)
    before = otto.conn.call("agents")["time"]
    message_id = sent(mira, "a")[0]
    message = otto.message()
    otto.ack(message, proof="spool")
    otto.call("report", id=message_id, rung="injected", proof="transcript")
    otto.call("report", id=message_id, rung="seen")
    receipt = mira.receipt(message_id, lambda r: "seen" in rungs_of(r))
    equal(set(receipt), {"version", "id", "rungs"}, "members")
    equal([(s["rung"], s["by"], s["proof"]) for s in receipt["rungs"]],
          [("accepted", "relay/nobody", "commit"), ("delivered", "mini/otto", "spool"),
           ("injected", "mini/otto", "transcript"), ("seen", "mini/otto", "ack")], "rungs")
    times = [step["at"] for step in receipt["rungs"]]
    holds(before <= times[0] and times == sorted(times), f"times {times}")
    equal(message.relay["accepted"], times[0], "accepted")
    trace = mira.trace(message_id)
    equal(trace["rungs"], receipt["rungs"], "rungs in the trace")
    equal((trace["from"], trace["to"], trace["accepted"]), ("mini/mira", "mini/otto", times[0]),
          "trace")


@test()
def of_several_changes_only_the_last_is_told(relay):
    """receipt: complete, in the order of versions, each once; to a reader that was away one for
    each message."""
    otto, mira = pair(relay)
    ids = sent(mira, *[str(n) for n in range(60)])
    otto.messages(60)
    otto.tell("ack", ranges=[[2, 1, 1000]])
    for message_id in ids:
        for rung in ("injected", "seen", "in_progress"):
            otto.tell("report", id=message_id, rung=rung)
        otto.tell("report", id=message_id, outcome="completed")
    versions = []
    wanted = ["accepted", "delivered", "injected", "seen", "in_progress"]
    told = {}
    while len([r for r in told.values() if "ended" in r]) < len(ids):
        note = mira.conn.note("receipt", "mini/mira")
        for receipt in note["receipts"]:
            versions.append(receipt["version"])
            told[receipt["id"]] = receipt
    equal(sorted(told), sorted(ids), "messages that were told about")
    equal([rungs_of(r) for r in told.values()], [wanted] * 60, "rungs")
    equal(versions, sorted(set(versions)), "versions")
    holds(not mira.conn.has_note("receipt"), "something was told twice")
    away = Agent(Socket(relay, "mini"), "mini/mira", receipts_after=0)
    again = []
    while len(again) < len(ids): # it is attached, and told, some time after the answer to attach
        again += away.conn.note("receipt", "mini/mira")["receipts"]
    equal(again, [told[message_id] for message_id in ids], "what one that was away is told")


@test()
def nothing_is_missed_behind_a_cursor(relay):
    """attach, receipts_after: what changed after it, once, over a new connection; without it only
    what changes from now on."""
    otto, mira = pair(relay)
    ids = sent(mira, *"abcd")
    messages = otto.messages(4)
    otto.ack(messages[0])
    cursor = mira.receipt(ids[0], lambda r: "delivered" in rungs_of(r))["version"]
    mira.conn.cut()
    otto.ack(messages[1])
    otto.call("report", id=ids[0], outcome="completed")
    mira = Agent(Socket(relay, "mini"), "mini/mira", receipts_after=cursor)
    equal(mira.ended(ids[0])["outcome"], "completed", "what was missed")
    equal(mira.rungs(ids[1], "delivered"), ["accepted", "delivered"], "what was missed")
    newest = max(receipt["version"] for receipt in mira.receipts.values())
    mira = Agent(Socket(relay, "mini"), "mini/mira", receipts_after=newest)
    holds(not mira.conn.has_note("receipt"), "what was told before was told again")
    holds(mira.attached["receipts"] >= newest, "receipts of attach")
    mira = Agent(Socket(relay, "mini"), "mini/mira")
    holds(not mira.conn.has_note("receipt"), "without a cursor the past was told")
    otto.ack(messages[2])
    equal(mira.rungs(ids[2], "delivered"), ["accepted", "delivered"], "what changes from now on")
    mira = Agent(Socket(relay, "mini"), "mini/mira", receipts_after=0)
    equal(mira.rungs(ids[2], "delivered"), ["accepted", "delivered"], "all of the past")
    equal(sorted(mira.receipts), sorted(ids[:3]), "all that has changed since it was accepted")


@test()
def thousands_of_receipts_reach_a_reader_that_was_away(relay):
    """Receipts: of one sender up to 20 000, and none of them is missed. These are 5 MiB, more than
    waits for any reader at once."""
    otto = Agent(Socket(relay, "mini"), "mini/otto", quiet=True)
    mira = Agent(Socket(relay, "mini"), "mini/mira")
    count = 3000
    for start in range(0, count, 500):
        numbers = [mira.conn.begin("send", envelope=mira.pack("mini/otto")) for _ in range(500)]
        for number in numbers:
            mira.conn.end(number)
        taken = 0
        while taken < 500:
            lease, messages = otto.receive()
            taken += len(messages)
            otto.call("ack", lease=lease, rung="seen")
            for message in messages:
                otto.tell("report", id=message.id, outcome="failed", reason=256 * "\1")
    mira.conn.cut()
    mira = Agent(Socket(relay, "mini"), "mini/mira", receipts_after=0)
    told = set()
    while len(told) < count:
        told |= {r["id"] for r in mira.conn.note("receipt", "mini/mira")["receipts"]
                 if "ended" in r}
    holds(relay.instrumented() or relay.memory_kib() < 200000, "memory")


# -- receive -----------------------------------------------------------------------------------


@test()
def receive_takes_a_batch_under_a_lease(relay):
    """receive: max, nothing, several leases, acknowledged and released, no other's."""
    _, mira = pair(relay)
    caller, quiet = Caller(relay), Socket(relay, "other")
    for otto in (Agent(caller, "http/otto"), Agent(quiet, "other/otto", quiet=True)):
        with row(otto.address):
            equal(otto.receive(), (None, []), "nothing")
            sent(mira, *"abcdef", to=otto.address)
            one, first = otto.receive(max=2)
            two, second = otto.receive(max=3)
            equal((texts(first), texts(second)), (list("ab"), list("cde")), "batches")
            holds(one != two, "two leases with one name")
            equal(texts(otto.inbox()), list("abcdef"), "inbox")
            equal(otto.call("release", lease=one), {}, "result of release")
            otto.fails("not_found", "release", lease=one)
            otto.fails("not_found", "ack", lease=one)
            three, again = otto.receive()
            equal([(m.text, m.attempts) for m in again], [("a", 1), ("b", 1), ("f", 0)], "again")
            equal(otto.call("ack", lease=two, rung="injected", proof="spool"), {}, "result of ack")
            otto.fails("not_found", "ack", lease=two)
            equal(mira.rungs(second[0].id, "injected"), ["accepted", "injected"], "rungs")
            Agent(caller, "http/thief").fails("not_found", "ack", lease=three)
            for name in (three[:-1], three + "0", "0" + three, "g" + three[1:], 16 * "0", "-"):
                otto.fails("not_found", "ack", lease=name)
            caller.call("ack", agent=otto.address, lease=three)
            equal(otto.texts(), [], "inbox")


@test()
def receive_waits_for_the_first_message(relay):
    """receive, wait: answered with the first that comes, or with nothing when it is over."""
    _, mira = pair(relay)
    quiet = Agent(Socket(relay, "other"), "other/otto", quiet=True)
    number = quiet.conn.begin("receive", agent="other/otto", wait=60)
    equal(quiet.texts(), [], "calls overtake one that waits")
    sent(mira, "one", to="other/otto")
    answer = quiet.conn.end(number)
    equal(len(answer["messages"]), 1, "messages")
    quiet.call("ack", lease=answer["lease"])
    hanging = [quiet.conn.begin("receive", agent="other/otto", wait=60, max=1) for _ in range(3)]
    sent(mira, "two", "three", to="other/otto")
    for number in hanging[:2]:
        quiet.call("ack", lease=quiet.conn.end(number)["lease"])
    started = time.monotonic()
    equal(quiet.receive(wait=1), (None, []), "what one that came to its end is answered")
    holds(time.monotonic() - started > 0.9, "it did not wait")
    quiet.conn.cut()
    sent(mira, "four", to="other/otto")
    caller = Agent(Caller(relay), "other/otto", attach=False)
    lease, messages = caller.receive(wait=30)
    equal(texts(messages), ["four"], "what a wait that ended with its connection left")
    caller.call("ack", lease=lease)


@test()
def whoever_waits_over_http_is_answered_or_forgotten(relay):
    """receive, wait: woken by a message for its agent, or for a topic; one that has gone takes
    nothing with it."""
    mira = Agent(Socket(relay, "mini"), "mini/mira")
    otto = Agent(Caller(relay), "http/otto")
    for to in ("http/otto", "topic:any", None):
        polled = otto.conn.agent("http/otto").get("polled", 0)
        http = Http(relay)
        http.send(http.request("POST", "/v2", {
            "jsonrpc": "2.0", "id": 1, "method": "receive",
            "params": {"agent": "http/otto", "wait": 60}}))
        until(lambda polled=polled: otto.conn.agent("http/otto").get("polled", 0) > polled,
              "it polls")
        if to:
            mira.send(to, "x")
            result = http.answer().json()["result"]
            equal(len(result["messages"]), 1, f"messages when {to} is sent to")
            otto.call("ack", lease=result["lease"])
        else:
            http.reset()
            relay.alive()
    mira.send("http/otto", "last")
    equal(texts(otto.receive(wait=30)[1]), ["last"], "what it left")


@test()
def a_stopping_relay_answers_who_waits_and_says_goodbye(relay):
    """WebSocket: when it ends it closes with 1012; receive is answered with nothing."""
    otto = Agent(Socket(relay, "mini"), "mini/otto", quiet=True)
    number = otto.conn.begin("receive", agent="mini/otto", wait=60)
    otto.conn.call("agents")
    relay.signal(15)
    equal(otto.conn.end(number), {"messages": []}, "answer")
    equal(otto.conn.closed(), 1012, "close code")
    equal(relay.wait(), 0, "exit status")


# -- looking -----------------------------------------------------------------------------------


@test()
def the_inbox_is_shown_page_by_page_and_untouched(relay):
    """inbox: after, limit, next, waiting; as messages are handed out."""
    otto, mira = pair(relay, quiet=True)
    for number in range(9):
        sent(mira, str(number), pri=number % 4, thr="t")
    for way in (otto.conn, Caller(relay)):
        reader = Agent(way, "mini/otto", attach=False)
        for limit in (1, 2, 3, 9, 10):
            found, after = [], {}
            for _ in range(10):
                page = reader.call("inbox", limit=limit, **after)
                equal(page["waiting"], 9, "waiting")
                holds(len(page["messages"]) <= limit, "a page longer than its limit")
                found += page["messages"]
                if "next" not in page:
                    break
                after = {"after": page["next"]}
            equal([Agent and m["at"] for m in found], [m.at for m in otto.inbox()], "places")
            equal(len(found), 9, f"messages in pages of {limit}")
    _, messages = otto.receive()
    equal(texts(messages), list("048152637"), "as they are handed out")
    equal(otto.call("inbox", limit=1)["waiting"], 9, "waiting, while they are out")
    equal(Agent(Caller(relay), "mini/nobody", attach=False).call("inbox"),
          {"waiting": 0, "messages": []}, "the inbox of nobody")


@test()
def lists_of_what_is_large_come_in_pages_with_all_of_it(relay):
    """inbox: no message is too long for a page of its own; agents: no record either."""
    mira = Agent(Caller(relay), "mini/mira")
    Agent(Caller(relay), "mini/otto")
    for name in "large", "larger":
        relay.good("/register", {"agent_id": name, "description": "x" * 1045000})
    for number in range(30):
        mira.send("mini/otto", os.urandom(32768), thr=str(number))
        if number % 10 == 0:
            relay.delegate("large", "mini/otto", "y" * 900000)
    reader, found, after, pages = Agent(mira.conn, "mini/otto", attach=False), [], {}, 0
    while after is not None:
        page = reader.call("inbox", **after)
        found += page["messages"]
        after = {"after": page["next"]} if "next" in page else None
        pages += 1
    equal(len(found), 33, "messages in all pages")
    equal(pages, 2, "pages")
    for limit, wanted in ((1, 4), (2, 2), (1000, 1)):
        names, after, pages = [], {}, 0
        while after is not None:
            page = mira.conn.call("agents", limit=limit, **after)
            names += [agent["agent"] for agent in page["agents"]]
            after = {"after": page["next"]} if "next" in page else None
            pages += 1
        equal(pages, wanted, "pages")
        equal(sorted(names), ["mini/mira", "mini/otto", "v1/large", "v1/larger"],
              f"agents in pages of {limit}")


@test()
def thousands_of_agents_are_listed(relay):
    """A thousand in a page, with what they say of themselves."""
    with Http(relay) as crowd:
        for first in range(0, 5000, 500):
            crowd.send(*[crowd.request("POST", "/register", {
                "agent_id": f"a{first + n}", "description": "d" * 900}) for n in range(500)])
            for _ in range(500):
                equal(crowd.answer().status, 200, "status")
    names, after = set(), {}
    while after is not None:
        page = Caller(relay).call("agents", **after)
        names |= {agent["agent"] for agent in page["agents"]}
        after = {"after": page["next"]} if "next" in page else None
    equal(len(names), 5000, "agents")
    equal(Caller(relay).call("agents", capability="none")["agents"], [], "who offers nothing such")


@test()
def a_trace_shows_a_message_to_its_two_agents(relay):
    """trace: from the first moment to the end; not_found for others."""
    otto, mira = pair(relay)
    other = Agent(mira.conn, "mini/other")
    question = mira.send("mini/otto", "q", pri=1, thr="parser")["id"]
    message = otto.message()
    answer = otto.send("mini/mira", "a", re=question, thr="parser")["id"]
    traces = [mira.trace(question), otto.trace(question)]
    equal(traces[0], traces[1], "what both are shown")
    trace = traces[0]
    equal((trace["priority"], trace["thread"], trace["attempts"]), (1, "parser", 0), "trace")
    equal(trace["expires"], message.header["exp"] * 1000, "expires")
    holds("re" not in trace and "ended" not in trace, f"too much: {trace}")
    equal(otto.trace(answer)["re"], question, "re")
    otto.ack(message, rung="seen")
    trace = mira.trace(question)
    equal(rungs_of(trace), ["accepted", "seen"], "rungs")
    for agent in (other, Agent(Caller(relay), "mini/stranger")):
        agent.fails("not_found", "trace", id=question)
        agent.fails("not_found", "trace", id=new_id())


# -- what ends by itself -----------------------------------------------------------------------


@test()
def a_message_that_nobody_took_expires(relay):
    """exp, expired; Dead letters: its sender is told; those of v1 are among them."""
    otto, mira = pair(relay, quiet=True)
    relay.register("old")
    kept = mira.send("mini/otto", "kept")["id"]
    now = int(time.time())
    # Receipts count whole seconds of the relay, which is the same machine.
    short = mira.send("mini/otto", "short", exp=now + 3, iat=now - 1)["id"]
    equal(mira.ended(short)["outcome"], "expired", "outcome")
    ended = mira.receipts[short]["ended"]
    holds(ended["at"] >= (now + 3) * 1000, "it expired too early")
    equal(ended["by"], "relay/nobody", "by")
    equal(otto.texts(), ["kept"], "inbox")
    letter = mira.dead()[0]
    equal((letter["id"], letter["outcome"]), (short, "expired"), "dead letter")
    equal(rungs_of(mira.trace(kept)), ["accepted"], "the other")
    holds("ended" not in mira.trace(kept), "the other ended")


@test()
def full_agents_of_one_connection_do_not_break_it(relay):
    """Twelve times a mebibyte for who does not read just now: each agent has a credit of its own,
    their connection has one end."""
    sender, body = Agent(Caller(relay), "http/mira"), os.urandom(32768)
    names = [f"mini/a{number}" for number in range(12)]
    for name in names:
        Agent(Caller(relay), name)
        for number in range(23):
            sender.send(name, body, thr=str(number))
    got = {name: [] for name in names}
    with Raw(relay, *names, receive_buffer=65536) as slow:
        while not all(len(one) == 23 for one in got.values()):
            said = slow.message()
            if said.get("method") == "message":
                message = Message(said["params"])
                got[said["params"]["agent"]].append((message.header["thr"], message.attempts))
    for name in names:
        equal(got[name], [(str(number), 0) for number in range(23)], "in order, once")


@test()
def calls_that_wait_on_one_connection_are_bounded(relay):
    """receive: 64 of them; what one of them gets makes room."""
    mira = Agent(Socket(relay, "mini"), PAIR[1])
    quiet = Socket(relay, "other")
    otto = Agent(quiet, "other/otto", quiet=True)
    calls = [quiet.begin("receive", agent="other/otto", wait=60) for _ in range(64)]
    otto.fails("too_many", "receive", wait=60)
    Agent(Caller(relay), "other/otto", attach=False).receive()  # another connection
    sent(mira, "one", to="other/otto")
    equal(len(quiet.end(calls[0])["messages"]), 1, "what the first gets")
    quiet.begin("receive", agent="other/otto", wait=60)
    otto.fails("too_many", "receive")


@test()
def administrator_traces_any_message_and_sees_to_all_dead_letters(relay):
    """trace and dead.* without `agent`, at the admin door only."""
    otto, mira = pair(relay)
    admin = Admin(relay)
    lost, waits = sent(mira, "lost", "waits")
    otto.call("refuse", at=otto.message().at, reason="not mine")
    equal(admin.call("trace", id=waits), mira.trace(waits), "one that waits")
    equal(admin.call("trace", id=lost)["ended"]["outcome"], "rejected", "one that is dead")
    equal(admin.call("dead.list"), mira.call("dead.list"), "all dead letters")
    equal(admin.call("dead.show", id=lost), mira.call("dead.show", id=lost), "one of them")
    admin.fails("not_found", "dead.show", id=waits)
    admin.fails("malformed", "trace", -32602, id="x")
    equal(admin.call("dead.retry", id=lost)["to"], "mini/otto", "what is queued again")
    equal([otto.message().text for _ in range(2)][-1], "lost", "it comes")
    otto.call("refuse", at=otto.inbox()[-1].at, reason="still not")
    equal(admin.call("dead.drop", id=lost), {}, "it is forgotten")
    equal(admin.call("dead.list"), {"dead": []}, "dead letters")


@test()
def dead_letters_are_listed_shown_retried_and_dropped(relay):
    """dead.*: the newest first, page by page, with the envelope; for those two alone."""
    otto, mira = pair(relay)
    other = Agent(mira.conn, "mini/other")
    envelopes = [mira.pack("mini/otto", f"letter {n}", thr="t") for n in range(5)]
    for number, envelope in enumerate(envelopes):
        mira.post(envelope)
        otto.call("refuse", at=otto.message().at, reason=f"reason {number}")
    other.send("mini/otto", "another's")
    otto.call("refuse", at=otto.message().at, reason="too")
    caller = Agent(Caller(relay), "mini/mira", attach=False)
    for agent, count in ((mira, 5), (caller, 5), (otto, 6)):
        for limit in (1, 2, 5, 6, 1000):
            found, after = [], {}
            for _ in range(10):
                page = agent.call("dead.list", limit=limit, **after)
                found += page["dead"]
                if "next" not in page:
                    break
                after = {"after": page["next"]}
            equal([d["reason"] for d in found][-5:], [f"reason {4 - n}" for n in range(5)],
                  f"letters in pages of {limit}, the newest first")
            equal(len(found), count, "letters")
    letters = mira.dead()
    for agent in (mira, otto, caller):
        shown = agent.call("dead.show", id=letters[0]["id"])
        equal((shown["dead"], shown["envelope"]), (letters[0], envelopes[4]), "what is shown")
    for method in ("dead.show", "dead.retry", "dead.drop"):
        with row(method):
            for agent in (other, mira):
                try:
                    agent.call(method, id=letters[0]["id"] if agent is other else new_id())
                    raise Failure("it was not refused")
                except Refused as refused:
                    holds(refused.name in ("not_found", "forbidden"), f"as {refused.name}")
    retried = mira.call("dead.retry", id=letters[0]["id"])
    equal((retried["id"], retried["to"]), (letters[0]["id"], "mini/otto"), "result of retry")
    left = retried["expires"] - mira.conn.call("agents")["time"]
    holds(3590000 < left <= 3600000, f"it may wait {left} ms again")
    message = otto.message()
    equal((message.envelope, message.attempts), (envelopes[4], 0), "what is handed out again")
    holds("ended" not in mira.trace(message.id), "it has ended still")
    otto.ack(message, rung="seen")
    until(lambda: "seen" in rungs_of(mira.trace(message.id)), "it is seen after all")
    soon = mira.conn.call("agents")["time"] + 3600000
    equal(caller.call("dead.retry", id=letters[1]["id"], expires=soon)["expires"], soon, "expires")
    equal(otto.take().text, "letter 3", "the second that is handed out again")
    mira.fails("malformed", "dead.retry", -32602, id=letters[2]["id"], expires=soon + 8 * 86400000)
    mira.fails("expired", "dead.retry", id=letters[2]["id"], expires=1000)
    equal(otto.call("dead.drop", id=letters[2]["id"]), {}, "result of drop")
    equal(caller.call("dead.drop", id=letters[3]["id"]), {}, "result of drop")
    equal([d["reason"] for d in mira.dead()], ["reason 0"], "letters left")


main()
