# SPDX-License-Identifier: MIT
"""Delivery in clawlink-v1.md: WebSockets, what v1 lost and the relay keeps, order, credit, limits.

A docstring names the row or sentence. A WebSocket of support.py acknowledges by a pong only when
told to, so these tests can stand where a client dies.
"""
import json
import threading
import time

from support import (BINARY, Failure, Http, Library, PING, PONG, TEXT, WebSocket, equal, exact,
                     heard, holds, main, refused, short, test, until)

BIG = "b" * 100000


def tasks_to(target, count, sender="a", **more):
    return [{"from_agent": sender, "to_agent": target, "task": str(number), **more}
            for number in range(1, count + 1)]


def numbers(first, last):
    return [str(number) for number in range(first, last + 1)]


# -- WebSocket /ws/<agent_id> ------------------------------------------------------------------


@test()
def heartbeat_frame_counts(relay):
    """Client sends `{"type":"heartbeat"}`; opening a WebSocket counts as a heartbeat."""
    relay.register("a")
    first = heard(relay, "a")
    listener = WebSocket(relay, "a")
    second = heard(relay, "a")
    holds(second > first, "opening a WebSocket is no heartbeat")
    listener.say({"type": "heartbeat"})
    until(lambda: relay.agent("a")["last_heartbeat"] > second, "the frame is no heartbeat")


@test()
def answered_ping_is_a_heartbeat(relay):
    """Decided: any answered ping of an open WebSocket is a heartbeat."""
    relay.register("a")
    listener = WebSocket(relay, "a", pong=False)
    relay.delegate("b", "a", "t")
    listener.message()
    before = heard(relay, "a")
    listener.settled()
    until(lambda: relay.agent("a")["last_heartbeat"] > before, "a pong is no heartbeat")


@test()
def delegate_frame_is_forwarded_with_its_type_and_members(relay):
    """Forwarded with the same `type` and the `from_agent` set to the connection's id; unknown
    members as they are."""
    sender, listener = WebSocket(relay, "a"), WebSocket(relay, "b")
    sent = {"type": "delegate", "to_agent": "b", "task": "t", "from_agent": "liar",
            "deadline": "soon", "context": {"k": [None, True]}, "message_id": "mine"}
    sender.say(sent)
    found = listener.message()
    equal({k: found.get(k) for k in sent}, {**sent, "from_agent": "a"}, "message")
    holds(set(found) - set(sent) <= {"timestamp"}, f"members added: {set(found) - set(sent)}")
    sender.say({"type": "delegate", "to_agent": "poller", "anything": 1})
    polled, = relay.poll("poller", "?wait=30")
    equal((polled["type"], polled["from_agent"], polled["anything"]), ("delegate", "a", 1),
          "polled")
    holds("queued_at" in polled, "no queued_at")


@test()
def broadcast_frame_is_forwarded_to_all_others(relay):
    """`{"type":"broadcast",...}`: same `type`, `from_agent` set; it gains `timestamp`."""
    relay.register("a", "b", "c")
    sender, listener = WebSocket(relay, "a"), WebSocket(relay, "b")
    sent = {"type": "broadcast", "content": "c", "mood": {"x": 1}, "from_agent": "liar"}
    sender.say(sent)
    found = listener.message()
    holds(isinstance(found.pop("timestamp", None), str), f"no timestamp in {short(found)}")
    equal(found, {**sent, "from_agent": "a"}, "message")
    polled, = relay.poll("c", "?wait=30")
    equal({k: polled.get(k) for k in found}, found, "polled")
    equal(set(polled) - set(found), {"timestamp", "queued_at"}, "members added")
    relay.delegate("b", "a", "marker")
    equal(sender.message().get("task"), "marker", "what the sender's own socket got first")


@test()
def numbers_and_text_in_frames_are_forwarded_exactly(relay):
    """Numbers are forwarded exactly as written."""
    sender, listener = WebSocket(relay, "a"), WebSocket(relay, "b")
    value = '[1.10,1e400,12345678901234567890,-0,1E5,{"\\u00e9":"\\ud83e\\udd80"}]'
    sender.say('{"type":"delegate","to_agent":"b","task":' + value + ',"more":' + value + "}")
    found = exact(listener.text())
    equal((found["task"], found["more"]), (exact(value), exact(value)), "values")


@test()
def frame_that_is_no_json_object_gets_an_error_frame(relay):
    """A WebSocket frame that is not a JSON object gets `{"type":"error","error":...}`; the
    connection stays open."""
    sender, listener = WebSocket(relay, "a"), WebSocket(relay, "b")
    for bad in ("", "hello", "[]", "7", "null", '"x"', "{", '{"a":1,"a":1}', '{"a":NaN}',
                '{"a":"\\ud800"}', '{"a":01}', "\ufeff{}", '{"a":' * 200 + "1" + "}" * 200,
                '{"type":"delegate","to_agent":"b"} {}'):
        sender.say(bad)
        answer = sender.message()
        equal(answer.get("type"), "error", f"type of the answer to {short(bad)}")
        holds(isinstance(answer.get("error"), str) and answer["error"], "no error text")
    sender.say({"type": "delegate", "to_agent": "b", "task": "still open"})
    equal(listener.message()["task"], "still open", "task")


@test()
def odd_frames_leave_the_connection_open(relay):
    """Unknown types and missing members never end a connection."""
    sender, listener = WebSocket(relay, "a"), WebSocket(relay, "b")
    for odd in ({}, {"type": "dance"}, {"type": 5}, {"type": "delegate"},
                {"type": "delegate", "to_agent": 5}, {"type": "delegate", "to_agent": "x" * 257},
                {"type": "broadcast"}):
        sender.say(odd)
    sender.say({"type": "delegate", "to_agent": "b", "task": "marker"})
    until(lambda: listener.message().get("task") == "marker", "the marker")


@test()
def frames_sent_with_the_upgrade_request_are_read(relay):
    """RFC 6455: a client that sends at once, in the segment of its request, loses nothing."""
    listener = WebSocket(relay, "b")
    frame = WebSocket.frame(TEXT, b'{"type":"delegate","to_agent":"b","task":"early"}')
    sender = WebSocket(relay, "a", more=frame)
    equal(sender.opening.status, 101, "status")
    equal(listener.message()["task"], "early", "task")


@test()
def fragmented_messages_and_control_frames_between_are_read(relay):
    """RFC 6455 5.4: fragments, with a ping between them, also inside a character."""
    sender, listener = WebSocket(relay, "a"), WebSocket(relay, "b")
    text = '{"type":"delegate","to_agent":"b","task":"日本 \U0001f980"}'.encode()
    pieces = [text[i:i + 1] for i in range(len(text))]
    sender.write(TEXT, pieces[0], fin=False)
    sender.write(PING, b"between")
    for piece in pieces[1:]:
        sender.write(0, piece, fin=False)
    sender.write(0, b"")
    equal(sender.read(), (PONG, b"between"), "pong")
    equal(listener.message()["task"], "日本 \U0001f980", "task")


@test()
def websockets_library_takes_part(relay):
    """Debian's python3-websockets, defaults and all (it offers compression and pings)."""
    relay.register("a", "b")
    relay.delegate("x", "b", "queued before")
    sender, listener = Library(relay, "a"), Library(relay, "b")
    equal(listener.connection.extensions, [], "extensions accepted")
    equal(listener.message()["task"], "queued before", "first message")
    sender.say({"type": "heartbeat"})
    sender.say({"type": "delegate", "to_agent": "b", "task": "日"})
    equal(listener.message()["task"], "日", "second message")
    sender.say([])
    equal(sender.message()["type"], "error", "answer to an array")
    sender.say({"type": "broadcast", "content": "c" * 500000})
    equal(len(listener.message()["content"]), 500000, "length")
    Library.run(listener.connection.ping())
    sender.drop()
    equal(sender.closed(), 1000, "close code")


@test()
def websocket_of_an_unregistered_id_receives(relay):
    """v1 pushes to whoever holds the WebSocket, registered or not."""
    listener = WebSocket(relay, "ghost")
    equal(relay.delegate("a", "ghost", "t")["delivery"], "websocket", "delivery")
    equal(listener.message()["task"], "t", "task")
    equal(relay.agent("ghost"), None, "a WebSocket registered somebody; agent")


@test()
def websocket_ids_are_percent_decoded(relay):
    """`/ws/<agent_id>`: any id (`/` only percent-encoded)."""
    for agent_id in ("a b", "a/b", "日本", "x%y", "a?b#c", "+"):
        listener = WebSocket(relay, agent_id)
        relay.delegate("s", agent_id, "t")
        equal(listener.message()["to_agent"], agent_id, "to_agent")


# -- once, and not lost ------------------------------------------------------------------------


@test()
def broadcast_reaches_a_websocket_once(relay):
    """Row: a broadcast reaches a WebSocket client twice -> once."""
    relay.register("a", "b")
    listener = WebSocket(relay, "b", pong=False)
    relay.good("/broadcast", {"from_agent": "a", "content": "once"})
    equal(listener.message()["content"], "once", "content")
    listener.settled()
    relay.delegate("a", "b", "marker")
    equal(listener.message().get("task"), "marker", "the next message")
    listener.settled()
    listener.leave()
    equal(relay.poll("b"), [], "polled afterwards")


@test()
def poll_answer_lost_to_a_reset_is_handed_out_again(relay):
    """Row: `poll` clears the queue before the answer has reached the client -> a message stays
    until the answer was written out whole; lost answers are handed out again."""
    for number in numbers(1, 10):
        relay.delegate("a", "b", number + BIG)
    victim = Http(relay, receive_buffer=4096)
    victim.send(victim.request("GET", "/poll/b"))
    holds(victim.readable(), "no answer began")
    victim.reset()
    found = relay.tasks("b", "?wait=10")
    while len(found) < 10 and (more := relay.tasks("b", "?wait=10")):
        found += more
    equal([task[:2].strip("b") for task in found], numbers(1, 10), "tasks")


@test()
def poll_answer_lost_before_its_first_byte_is_handed_out_again(relay):
    """The same when the peer is gone before anything was written."""
    for number in numbers(1, 3):
        relay.delegate("a", "b", number)
    for _ in range(20):
        victim = Http(relay)
        victim.send(victim.request("GET", "/poll/nobody?wait=30"))
        victim.send(victim.request("GET", "/poll/b"))
        victim.reset()
    equal(relay.tasks("b", "?wait=10"), numbers(1, 3), "tasks")


@test()
def waiting_poll_that_went_away_takes_nothing(relay):
    """A message for a long poll whose client has gone is not lost with it."""
    victim = Http(relay)
    victim.send(victim.request("GET", "/poll/b?wait=60"))
    relay.get("/healthz")
    victim.reset()
    relay.delegate("a", "b", "t")
    equal(relay.tasks("b", "?wait=10"), ["t"], "tasks")


@test(seconds=30)
def unread_poll_answer_is_released_after_5_seconds(relay):
    """Decided: otherwise the messages are released after 5 s; a second poll meanwhile sees them
    neither lost nor twice."""
    for number in numbers(1, 8):
        relay.delegate("a", "b", number + BIG)
    lazy = Http(relay, receive_buffer=4096)
    start = time.monotonic()
    lazy.send(lazy.request("GET", "/poll/b"))
    holds(lazy.readable(), "no answer began")
    equal(relay.poll("b"), [], "a poll meanwhile")
    relay.delegate("a", "b", "new")
    equal(relay.tasks("b"), ["new"], "a new message meanwhile")
    found = relay.tasks("b", "?wait=15")
    took = time.monotonic() - start
    holds(took > 4, f"released after {took:.1f} s")
    equal([task[0] for task in found], numbers(1, 8), "tasks after the release")


@test()
def poll_answer_read_whole_is_taken(relay):
    """Decided: taken with the next request on that connection, an orderly close after the whole
    answer, or when the peer's TCP has acknowledged all of it."""
    for ending in ("next request", "orderly close", "Connection: close", "tcp"):
        relay.delegate("a", "b", ending + BIG)
        client, fields = Http(relay), [ending] if "Connection" in ending else []
        equal(client.ask("GET", "/poll/b", fields=fields).json()["count"], 1, "count")
        if ending == "next request":
            client.ask("GET", "/healthz")
        elif ending == "orderly close":
            client.half_close()
            client.rest()
        elif ending == "Connection: close":
            client.rest()
            client.drop()
        equal(relay.poll("b", "?wait=7" if ending == "tcp" else ""), [], f"after {ending}")
        client.drop()


@test()
def head_poll_changes_nothing(relay):
    """Row: `HEAD /poll/<id>` empties the queue -> HEAD changes nothing."""
    relay.delegate("a", "b", "t")
    for query in ("", "?wait=1"):
        with Http(relay) as connection:
            answer = connection.ask("HEAD", "/poll/b" + query)
            equal(answer.status, 200, "status")
            equal(connection.ask("GET", "/healthz").status, 200, "the next answer's status")
    equal(relay.tasks("b"), ["t"], "tasks")


@test()
def half_dead_websocket_gives_its_messages_back(relay):
    """Row: pushing on a half-dead WebSocket loses the message -> undelivered pushes go back to
    the head of the queue."""
    for leave in ("reset", "drop", "close"):
        listener = WebSocket(relay, "b", pong=False)
        for number in "12":
            relay.delegate("a", "b", number)
            listener.message()
        equal(relay.poll("b"), [], "a poll while the socket holds them")
        if leave == "reset":
            listener.reset()
        elif leave == "drop":
            listener.drop()
        else:
            listener.leave()
        found = relay.tasks("b", "?wait=10")
        equal(found, ["1", "2"], f"tasks after {leave}")


@test()
def given_back_messages_stand_before_newer_ones(relay):
    """Undelivered pushes go back to the head of the queue: before what waited behind them."""
    relay.pipelined("/delegate", tasks_to("b", 70))
    listener = WebSocket(relay, "b", pong=False)
    equal([listener.message()["task"] for _ in range(64)], numbers(1, 64), "pushed")
    listener.leave()
    equal(relay.tasks("b", "?wait=30"), numbers(1, 70), "tasks")


@test()
def acknowledged_messages_stay_away_when_the_socket_dies(relay):
    """Only what no pong covered goes back."""
    listener = WebSocket(relay, "b", pong=False)
    for number in "123":
        relay.delegate("a", "b", number)
        listener.message()
    listener.settled()
    for number in "4567":
        relay.delegate("a", "b", number)
        listener.message()
    listener.reset()
    second = WebSocket(relay, "b")
    equal([second.message()["task"] for _ in "4567"], list("4567"), "tasks")


@test()
def pong_acknowledges(relay):
    """Decided: a WebSocket ping follows each batch; its pong acknowledges it."""
    listener = WebSocket(relay, "b", pong=False)
    relay.delegate("a", "b", "taken")
    equal(listener.message()["task"], "taken", "task")
    listener.settled()
    listener.leave()
    equal(relay.poll("b"), [], "polled after a pong")


@test()
def only_the_right_pong_acknowledges(relay):
    """RFC 6455 5.5.3: an unsolicited pong is no answer; ours carries the ping's payload."""
    listener = WebSocket(relay, "b", pong=False)
    relay.delegate("a", "b", "kept")
    listener.message()
    opcode, payload = listener.read()
    equal(opcode, PING, "opcode")
    for wrong in (b"", b"x", payload + b"x", bytes(b ^ 255 for b in payload)):
        listener.write(PONG, wrong)
    listener.leave()
    equal(relay.tasks("b", "?wait=30"), ["kept"], "tasks")


@test()
def pong_of_the_latest_ping_acknowledges_the_earlier(relay):
    """RFC 6455 5.5.3: a client may answer only the most recent of several pings."""
    listener = WebSocket(relay, "b", pong=False)
    for number in numbers(1, 3):
        relay.delegate("a", "b", number)
        listener.message()
    opcode, payload = listener.read()
    equal(opcode, PING, "opcode")
    listener.write(PONG, payload)
    listener.leave()
    equal(relay.poll("b"), [], "polled")


@test()
def queued_messages_are_pushed_on_open_in_order(relay):
    """Decided: a WebSocket opens: what is queued is pushed, in order."""
    for body in tasks_to("b", 50):
        relay.good("/delegate", body)
    listener = WebSocket(relay, "b")
    found = [listener.message() for _ in range(50)]
    equal([m["task"] for m in found], numbers(1, 50), "tasks")
    holds(all("queued_at" in m for m in found), "no queued_at")
    relay.delegate("a", "b", "51")
    equal(listener.message()["task"], "51", "the next")


@test()
def newest_of_two_websockets_receives(relay):
    """Decided: two WebSockets with one id: the newest receives; the older stays open, silent,
    and takes over when the newer one closes."""
    older = WebSocket(relay, "b")
    relay.delegate("a", "b", "1")
    equal(older.message()["task"], "1", "before the second socket")
    older.settled()
    newer = WebSocket(relay, "b", pong=False)
    relay.delegate("a", "b", "2")
    equal(newer.message()["task"], "2", "on the newer")
    newer.settled()
    older.silent()
    older.say({"type": "delegate", "to_agent": "c", "task": "open both ways"})
    equal(relay.tasks("c", "?wait=30"), ["open both ways"], "from the older")
    newer.leave()
    equal(relay.delegate("a", "b", "3")["delivery"], "websocket", "delivery")
    equal(older.message()["task"], "3", "the older after the newer closed")


@test()
def older_websocket_takes_what_the_newer_left_unacknowledged(relay):
    """The older takes over; undelivered pushes go back to the head of the queue."""
    older, newer = WebSocket(relay, "b"), WebSocket(relay, "b", pong=False)
    for number in "12":
        relay.delegate("a", "b", number)
        newer.message()
    newer.reset()
    equal([older.message()["task"] for _ in "12"], ["1", "2"], "tasks")


@test()
def poll_beside_an_open_websocket_takes_nothing_from_it(relay):
    """A message given to a socket is not handed out again until it is released."""
    listener = WebSocket(relay, "b", pong=False)
    relay.delegate("a", "b", "t")
    listener.message()
    for _ in range(3):
        equal(relay.poll("b"), [], "polled")
    listener.settled()


# -- order -------------------------------------------------------------------------------------


@test()
def order_is_urgent_high_normal_low_then_as_sent(relay):
    """Decided: order: urgent, high, normal, low; within one, per sender as sent."""
    sent = []
    for round_number in "123":
        for priority in ("low", "normal", "urgent", "high"):
            for sender in "xy":
                task = f"{priority} {sender}{round_number}"
                relay.delegate(sender, "b", task, priority=priority)
                relay.delegate(sender, "c", task, priority=priority)
                sent.append(task)
    listener = WebSocket(relay, "c")
    for found in (relay.tasks("b"), [listener.message()["task"] for _ in sent]):
        equal([t.split()[0] for t in found],
              ["urgent"] * 6 + ["high"] * 6 + ["normal"] * 6 + ["low"] * 6, "priorities")
        for priority in ("urgent", "high", "normal", "low"):
            for sender in "xy":
                mine = [t for t in found if t.startswith(f"{priority} {sender}")]
                equal(mine, sorted(mine), "per sender")


@test()
def pipelined_sends_keep_their_order(relay):
    """Per sender as sent, over one connection with many requests in flight."""
    equal(set(relay.pipelined("/delegate", tasks_to("b", 600))), {200}, "statuses")
    equal(relay.tasks("b"), numbers(1, 600), "tasks")


# -- batches, credit, limits -------------------------------------------------------------------


@test()
def poll_answer_holds_at_most_1000_messages(relay):
    """Decided: a poll's answer holds at most 1000 messages; the next poll brings more."""
    equal(set(relay.pipelined("/delegate", tasks_to("b", 1500))), {200}, "statuses")
    equal(relay.tasks("b"), numbers(1, 1000), "first poll")
    equal(relay.tasks("b"), numbers(1001, 1500), "second poll")
    equal(relay.tasks("b"), [], "third poll")


@test()
def poll_answer_holds_at_most_1_mib_but_one_message(relay):
    """Decided: at most 1 MiB (at least one)."""
    for number in numbers(1, 9):
        relay.delegate("a", "b", number + "m" * 300000)
    relay.delegate("a", "b", "0" + "m" * 1047000)
    found = []
    while len(found) < 10:
        text = relay.get("/poll/b").text
        messages = json.loads(text)["messages"]
        holds(messages, f"nothing after {len(found)} messages")
        holds(len(messages) == 1 or len(text) <= 1048576 + 1000, f"answer of {len(text)} bytes")
        found += [message["task"][0] for message in messages]
    equal(found, list("1234567890"), "tasks")


@test()
def websocket_holds_at_most_64_unacknowledged_messages(relay):
    """clawlink-v1.md, The WebSocket: at most 64 messages or 1 MiB are unacknowledged."""
    relay.pipelined("/delegate", tasks_to("b", 200))
    listener = WebSocket(relay, "b", pong=False)
    equal([listener.message()["task"] for _ in range(64)], numbers(1, 64), "first batch")
    listener.silent()
    listener.pong = True
    listener.answer_pings()
    equal([listener.message()["task"] for _ in range(136)], numbers(65, 200), "the rest")


@test()
def delivery_says_websocket_only_while_there_is_credit(relay):
    """`"delivery":"websocket"` is the truth: it went out. The 65th without a pong did not."""
    listener = WebSocket(relay, "b", pong=False)
    answers = [relay.good("/delegate", body)["delivery"] for body in tasks_to("b", 70)]
    equal(answers, ["websocket"] * 64 + ["queued"] * 6, "delivery")
    equal([listener.message()["task"] for _ in range(64)], numbers(1, 64), "pushed")


@test()
def websocket_holds_at_most_1_mib_unacknowledged(relay):
    """Credit of 1 MiB, but one message always."""
    for number in numbers(1, 8):
        relay.delegate("a", "b", number + "m" * 300000)
    listener = WebSocket(relay, "b", pong=False)
    listener.write(PING, b"m")  # the answer comes behind what is pushed
    held = 0
    while (frame := listener.read()) != (PONG, b"m"):
        if frame[0] == PING:
            listener.pings.append(frame[1])
        held += frame[0] == TEXT
    holds(1 <= held <= 4, f"{held} messages of 300 000 bytes without a pong")
    listener.pong = True
    listener.answer_pings()
    equal([listener.message()["task"][0] for _ in range(8 - held)], numbers(held + 1, 8), "rest")


@test("--inbox-messages", "10")
def full_inbox_refuses_with_429_and_drops_nothing(relay):
    """Row: queues grow without bound -> bounded, with a clear error, and nothing already accepted
    is dropped silently."""
    accepted = []
    for sender in "xyz":
        for number in range(1, 12):
            answer = relay.post("/delegate", {"from_agent": sender, "to_agent": "b",
                                              "task": f"{sender}{number}"})
            if answer.status_code != 200:
                # Five are half: the first sender meets its share, the others what is full.
                refused(answer, 429, code="fair_share" if sender == "x" else "inbox_full")
                equal(answer.headers.get("Retry-After"), "1", "Retry-After")
                break
            accepted.append(f"{sender}{number}")
    equal(len(accepted), 10, "accepted")
    equal(relay.tasks("b"), accepted, "tasks")
    again = {"from_agent": "x", "to_agent": "b", "task": "room again"}
    until(lambda: relay.post("/delegate", again).status_code == 200, "room again")
    equal(relay.tasks("b"), ["room again"], "after the poll")


@test("--inbox-messages", "4")
def full_inbox_is_told_to_a_sender_on_a_websocket(relay):
    """The same row: a clear error, and the connection stays open."""
    for number in numbers(1, 2):
        relay.delegate("x", "b", "x" + number)
    sender = WebSocket(relay, "a")
    for number in numbers(1, 6):
        sender.say({"type": "delegate", "to_agent": "b", "task": number})
    sender.say({"type": "delegate", "to_agent": "c", "task": "marker"})
    equal(relay.tasks("c", "?wait=30"), ["marker"], "the marker behind them")
    found = relay.tasks("b")
    equal(found, ["x1", "x2", "1", "2"], "tasks")
    for _ in range(4):
        answer = sender.message()
        equal((answer["type"], answer.get("code")), ("error", "inbox_full"), "answer")
    sender.say({"type": "delegate", "to_agent": "c", "task": "still open"})
    equal(relay.tasks("c", "?wait=30"), ["still open"], "tasks")


@test("--inbox-messages", "4")
def full_inbox_does_not_fail_a_broadcast(relay):
    """Decided: a full inbox does not fail a broadcast: that agent is not counted."""
    relay.register("a", "b", "c")
    for sender in "wxyz":
        relay.delegate(sender, "b", "t")
    answer = relay.good("/broadcast", {"from_agent": "a", "content": "c"})
    equal(answer["recipients"], 1, "recipients")
    equal(len(relay.poll("b")), 4, "the full inbox")
    equal(len(relay.poll("c")), 1, "the other inbox")


@test("--inbox-bytes", "20000")
def inbox_is_bounded_by_bytes(relay):
    """Mailbox of N messages or bytes, each an option."""
    accepted = 0
    for sender in range(40):
        answer = relay.post("/delegate", {"from_agent": f"s{sender}", "to_agent": "b",
                                          "task": "x" * 1000})
        if answer.status_code == 200:
            accepted += 1
        else:
            refused(answer, 429, code="inbox_full")
    holds(8 <= accepted <= 20, f"{accepted} messages of 1000 bytes in 20 000")
    equal(len(relay.poll("b")), accepted, "polled")


@test("--all-inboxes-bytes", "20000")
def all_inboxes_together_are_bounded(relay):
    """All mailboxes together: a clear error (429/413/507)."""
    accepted = []
    for number in range(40):
        answer = relay.post("/delegate", {"from_agent": f"s{number}", "to_agent": f"b{number}",
                                          "task": "x" * 1000})
        if answer.status_code == 200:
            accepted.append(number)
        else:
            refused(answer, (429, 507))
            equal(answer.headers.get("Retry-After"), "1", "Retry-After")
    holds(8 <= len(accepted) <= 20, f"{len(accepted)} messages of 1000 bytes in 20 000")
    for number in accepted:
        equal(len(relay.poll(f"b{number}")), 1, "polled")
    again = {"from_agent": "a", "to_agent": "b", "task": "room again"}
    until(lambda: relay.post("/delegate", again).status_code == 200, "room again")


@test()
def unknown_to_agent_queues_up_to_1000_inboxes(relay):
    """Decided: unknown `to_agent`: HTTP queues (an agent may come later): at most 1000 such
    inboxes."""
    body = {"from_agent": "a", "task": "t"}
    statuses = relay.pipelined("/delegate",
                               ({**body, "to_agent": f"later{n}"} for n in range(1000)))
    equal(set(statuses), {200}, "statuses")
    answer = relay.post("/delegate", {**body, "to_agent": "one-too-many"})
    refused(answer, (429, 507))
    relay.delegate("a", "later5", "an inbox that is there takes more")
    relay.register("known")
    relay.delegate("a", "known", "a registered agent is not counted")
    relay.register("later7")
    equal(relay.tasks("later7"), ["t"], "tasks of an agent that came later")
    until(lambda: relay.post("/delegate", {**body, "to_agent": "one-too-many"}).ok, "room again")
    equal(len(relay.poll("later5")), 2, "messages")


@test()
def files_are_bounded(relay):
    """Row: files grow without bound -> bounded, with a clear error, and nothing already accepted
    is dropped silently."""
    statuses = relay.pipelined("/files", ({"file_key": f"k{n}", "content": "c", "agent_id": "a"}
                                          for n in range(10500)))
    accepted = statuses.count(200)
    holds(set(statuses[accepted:]) <= {413, 429, 507} and accepted < 10500,
          f"{accepted} accepted, then {set(statuses[accepted:])}")
    equal(relay.good("/files")["count"], accepted, "count")
    again = {"file_key": "k0", "content": "new", "agent_id": "a"}
    equal(relay.good("/files", again)["version"], 2, "a known file still takes a new version")


# -- long poll ---------------------------------------------------------------------------------


@test()
def long_poll_answers_when_something_comes(relay):
    """`?wait=SECONDS`: at once when something is queued, else when something comes."""
    waiting = Http(relay)
    waiting.send(waiting.request("GET", "/poll/b?wait=30"))
    holds(not waiting.readable(0.2), "answered with nothing to say")
    start = time.monotonic()
    relay.delegate("a", "b", "t")
    equal([m["task"] for m in waiting.answer().json()["messages"]], ["t"], "tasks")
    holds(time.monotonic() - start < 9, "late")
    relay.delegate("a", "b", "queued")
    start = time.monotonic()
    equal(relay.tasks("b", "?wait=30"), ["queued"], "tasks")
    holds(time.monotonic() - start < 9, "a queued message waited")
    waiting.drop()


@test()
def long_poll_ends_with_an_empty_list(relay):
    """... or with an empty list at the end."""
    start = time.monotonic()
    equal(relay.poll("b", "?wait=1"), [], "polled")
    took = time.monotonic() - start
    holds(0.9 < took < 9, f"took {took:.1f} s")
    with Http(relay) as other:
        other.send(other.request("GET", "/poll/c?wait=1"))
        equal(relay.poll("b", "?wait=0"), [], "polled")
        holds(not other.readable(0), "wait=0 waited")
        other.drop()


@test()
def wait_must_be_a_number_of_0_to_60_seconds(relay):
    """`?wait=SECONDS` (0..60)."""
    relay.delegate("a", "b", "t")
    for bad in ("61", "-1", "x", "1x", "99999999999999999999", "0x10"):
        refused(relay.get("/poll/b?wait=" + bad), 400)
    equal(relay.tasks("b"), ["t"], "tasks after refused polls")


@test()
def many_long_polls_share_one_message(relay):
    """Of several polls that wait for one agent, one gets the message, none gets it twice."""
    waiting = [Http(relay) for _ in range(5)]
    for connection in waiting:
        connection.send(connection.request("GET", "/poll/b?wait=9"))
    relay.get("/healthz")
    relay.delegate("a", "b", "t")
    found = [m["task"] for c in waiting for m in c.answer().json()["messages"]]
    equal(found, ["t"], "tasks of all")


# -- clients of all kinds at once --------------------------------------------------------------


@test()
def slow_writer_is_served(relay):
    """A request that comes byte by byte is a request."""
    with Http(relay) as connection:
        for byte in connection.request("POST", "/register", b'{"agent_id":"slow"}'):
            connection.send(bytes([byte]))
        equal(connection.answer().status, 200, "status")


@test()
def slow_readers_do_not_hold_up_others(relay):
    """Answers are written as the socket takes them; others are served meanwhile."""
    relay.good("/files", {"file_key": "k", "content": "x" * 1000000, "agent_id": "a"})
    lazy = [Http(relay, receive_buffer=4096) for _ in range(30)]
    for connection in lazy:
        connection.send(connection.request("GET", "/files/k"))
    for connection in lazy:
        holds(connection.readable(), "no answer began")
    start = time.monotonic()
    for number in range(50):
        relay.delegate("a", "b", str(number))
    equal(len(relay.poll("b")), 50, "polled")
    # Who does not read is cut after ten seconds, and would hold them up until then.
    holds(time.monotonic() - start < 9, f"{time.monotonic() - start:.1f} s for 51 calls")
    equal(len(lazy[0].answer().json()["content"]), 1000000, "a slow reader's whole answer")


@test()
def slow_websocket_reader_gets_everything(relay):
    """clawlink-v1.md, The WebSocket: a slow reader gets the rest later, nothing is dropped."""
    relay.register("b")
    listener = WebSocket(relay, "b", receive_buffer=4096)
    for number in numbers(1, 60):
        relay.delegate("a", "b", number + BIG)
    found = [listener.message()["task"].strip("b") for _ in range(60)]
    equal(found, numbers(1, 60), "tasks")


@test()
def hundred_clients_at_once_lose_nothing(relay):
    """Ten threads send to ten pollers and ten sockets; all arrives once, in order."""
    sockets = [WebSocket(relay, f"ws{n}") for n in range(10)]
    errors = []

    def work(sender):
        bodies = [body for n in range(10) for target in (f"ws{n}", f"poll{n}")
                  for body in tasks_to(target, 10, sender=f"s{sender}")]
        if set(relay.pipelined("/delegate", bodies)) != {200}:
            errors.append(sender)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    found = {f"ws{n}": [sockets[n].message() for _ in range(100)] for n in range(10)}
    for thread in threads:
        thread.join()
    equal(errors, [], "senders with a refusal")
    for number in range(10):
        found[f"poll{number}"] = relay.poll(f"poll{number}")
    for target, messages in found.items():
        for sender in range(10):
            mine = [m["task"] for m in messages if m["from_agent"] == f"s{sender}"]
            equal(mine, numbers(1, 10), f"tasks of s{sender} to {target}")


@test()
def binary_frame_does_no_harm(relay):
    """Text frames are the protocol; a binary one is refused or ignored, the relay lives."""
    sender = WebSocket(relay, "a")
    sender.write(BINARY, b'{"type":"heartbeat"}')
    relay.alive()


if __name__ == "__main__":
    main()
