# SPDX-License-Identifier: MIT
"""The relay over a journal that is late, full or broken (tests/support/test_journal.h): what was
answered with success is there, what was refused is not, and nothing is delivered twice behind a
proven acknowledgement (docs/decisions/0003-memory-journal.md).

CLAWLINK_TEST_RELAY names another relay-test-journal.
"""
import json
import os
import re
import signal
import threading

from support import (CLOSE, TEXT, UPGRADE, Http, Library, Relay, WebSocket, beside, equal, holds,
                     main, refused, short, test, until)

os.environ["CLAWLINK_RELAY_CMD"] = os.environ.get(
    "CLAWLINK_TEST_RELAY", beside("relay-test-journal")) + " relay"

SEED = 29  # a journal that is full up to 99 % of the time takes a starting relay's first command


def relay_over(*options, delay=0, full=0, read_only=0, late=0):
    """A relay whose journal has those faults, by chances per million: full when a command is
    given, read-only at any time, full (late) when a command that it took should be committed."""
    journal = f"{SEED} {delay} {full} {read_only} {late}"
    return Relay(*options, env={"TEST_JOURNAL": journal})


def task(text, sender="a", target="b"):
    return {"from_agent": sender, "to_agent": target, "task": text}


def send(relay, path, body):
    """True when it was taken, False when the journal was full; anything else fails."""
    answer = relay.post(path, body)
    if answer.status_code == 200:
        return True
    refused(answer, 507, code="storage_full")
    equal(answer.headers.get("Retry-After"), "1", "Retry-After")
    return False


def waiting_at_the_end(relay):
    """How many messages the relay still had when it stopped."""
    equal(relay.stop(), 0, "exit status")
    return int(re.search(r"event=relay\.stopped waiting=(\d+)", relay.stderr())[1])


def open_socket(relay, agent_id, **how):
    """A socket that the journal takes note of: one that it does not is closed with 1013."""
    while True:
        found = WebSocket(relay, agent_id, **how)
        relay.good("/heartbeat", {"agent_id": agent_id})  # the refusal, if any, is written by now
        if not found.readable(0):
            return found
        equal(found.close_code(), 1013, "close code of a socket that was not attached")
        found.drop()


# -- full ----------------------------------------------------------------------------------------


@test(relay=False)
def full_journal_refuses_with_507_and_loses_nothing():
    """clawlink-v1.md, Beyond v1: on failure 507, and what was accepted stays."""
    with relay_over(delay=5, full=300000) as relay:
        accepted = [str(n) for n in range(300) if send(relay, "/delegate", task(str(n)))]
        holds(100 < len(accepted) < 290, f"{len(accepted)} of 300 accepted")
        equal(relay.tasks("b"), accepted, "tasks")


@test(relay=False)
def full_journal_refuses_every_change():
    """Every call that changes something durable, in the same words."""
    with relay_over(full=400000) as relay:
        for path, body in (("/register", {"agent_id": "a"}), ("/delegate", task("t")),
                           ("/broadcast", {"from_agent": "a", "content": "c"}),
                           ("/respond", {"to_agent": "b", "result": 1}),
                           ("/files", {"file_key": "k", "content": "c", "agent_id": "a"})):
            found = {send(relay, path, body) for _ in range(40)}
            equal(found, {True, False}, f"accepted and refused on {path}")


@test(relay=False)
def full_journal_refuses_a_frame_with_an_error_frame():
    """A frame has no status: the error comes as a frame."""
    with relay_over(full=400000) as relay:
        sender = open_socket(relay, "a")
        for number in range(60):
            sender.say({"type": "delegate", "to_agent": "b", "n": number})
        sender.say({"type": "dance"})
        codes = []
        while not codes or codes[-1] != "malformed":
            codes.append(sender.message()["code"])
        equal(set(codes[:-1]), {"storage_full"}, "codes")
        equal(len(relay.poll("b")) + len(codes) - 1, 60, "delivered and refused")


@test(relay=False)
def socket_that_a_full_journal_refuses_is_closed_in_order():
    """It gets its close frame although messages wait, and they are for the next one."""
    with relay_over(full=500000) as relay:
        accepted = [str(n) for n in range(20) if send(relay, "/delegate", task(str(n)))]
        refusals = 0
        while refusals < 5:
            found = WebSocket(relay, "b", pong=False)
            opcode, payload = found.read()
            if opcode == TEXT:
                equal(json.loads(payload)["task"], accepted[0], "the first task")
            else:
                equal((opcode, payload[:2]), (CLOSE, b"\x03\xf5"), "a close frame with 1013")
                refusals += 1
            found.reset()
        until(lambda: relay.tasks("b") == accepted, "the messages of sockets that went")


@test(relay=False)
def acknowledgements_are_tried_again_until_the_journal_takes_them():
    """Nothing is delivered twice after a proof, and nothing stays behind."""
    with relay_over(full=600000) as relay:
        accepted, polled = [], []
        for number in range(200):
            if send(relay, "/delegate", task(str(number))):
                accepted.append(str(number))
            polled += relay.tasks("b")
        polled += relay.tasks("b")
        equal(polled, accepted, "tasks")
        # An acknowledged message leaves the inbox when its acknowledgement is committed.
        for _ in range(5):
            equal(relay.tasks("b", "?wait=1"), [], "delivered again")
        until(lambda: "clawlink_queued_messages 0\n" in relay.get("/metrics").text,
              "all is acknowledged")
        equal(waiting_at_the_end(relay), 0, "messages still in the inbox")


@test(relay=False)
def acknowledged_pushes_are_not_pushed_again_when_the_journal_was_full():
    """The same for a socket that goes and comes back."""
    with relay_over(full=400000) as relay:
        accepted, pushed = [], []
        for _ in range(5):
            listener = open_socket(relay, "b")
            for number in range(len(accepted), len(accepted) + 20):
                if send(relay, "/delegate", task(f"{number}")):
                    accepted.append(f"{number}")
                    pushed.append(listener.message()["task"])
                    listener.settled()
            relay.good("/")
            listener.leave()
        equal(pushed, accepted, "tasks")
        equal(relay.tasks("b"), [], "tasks that were acknowledged")


@test(relay=False)
def journal_without_room_for_what_it_took_refuses_in_the_same_words():
    """A disk is found full when a command should be committed: 507, and nothing else is lost."""
    with relay_over(delay=5, late=300000) as relay:
        for path, body in (("/register", {"agent_id": "a"}), ("/delegate", task("t", target="c")),
                           ("/broadcast", {"from_agent": "a", "content": "c"}),
                           ("/respond", {"to_agent": "d", "result": 1}),
                           ("/files", {"file_key": "k", "content": "c", "agent_id": "a"})):
            found = {send(relay, path, body) for _ in range(40)}
            equal(found, {True, False}, f"accepted and refused on {path}")
        accepted = [str(n) for n in range(100) if send(relay, "/delegate", task(str(n)))]
        holds(40 < len(accepted) < 95, f"{len(accepted)} of 100 accepted")
        equal(relay.tasks("b"), accepted, "tasks")
        until(lambda: "the relay's disk is full" in relay.post("/delegate", task("t")).text,
              "the sentence that says which disk")
        holds("event=journal.full" in relay.stderr(), "the log does not say that it is full")
        holds("event=journal.has_room" in relay.stderr(), "the log does not say that there is room")


@test(relay=False)
def frames_and_sockets_without_room_hear_it():
    """An error frame for a frame, a close with 1013 for an attachment."""
    with relay_over(late=400000) as relay:
        sender = open_socket(relay, "a")
        for number in range(60):
            sender.say({"type": "delegate", "to_agent": "b", "n": number})
        sender.say({"type": "dance"})
        codes = [sender.message()["code"] for _ in range(5)]
        holds(set(codes) <= {"storage_full", "malformed"}, f"codes {codes}")
        holds("storage_full" in codes, "no frame was refused")


@test(relay=False)
def acknowledgements_without_room_are_tried_again_and_not_offered():
    """Nothing is delivered twice after a proof, and nothing stays behind."""
    with relay_over(late=300000) as relay:
        accepted, polled = [], []
        for number in range(100):
            if send(relay, "/delegate", task(str(number))):
                accepted.append(str(number))
            polled += relay.tasks("b")
        equal(polled, accepted, "tasks")
        until(lambda: "clawlink_queued_messages 0\n" in relay.get("/metrics").text or
              holds(relay.tasks("b") == [], "delivered again"), "the acknowledgements", 30)
        equal(waiting_at_the_end(relay), 0, "messages still in the inbox")


# -- late ----------------------------------------------------------------------------------------


@test(relay=False)
def delayed_commits_keep_order_and_answers():
    """Each request has its own answer, and order is that of the requests."""
    with relay_over(delay=100) as relay:
        statuses = {}

        def work(sender):
            bodies = [task(f"{sender}{n}", sender) for n in range(100)]
            statuses[sender] = relay.pipelined("/delegate", bodies, at_once=len(bodies))

        threads = [threading.Thread(target=work, args=(sender,)) for sender in "xyz"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = relay.tasks("b")
        for sender in "xyz":
            equal(statuses[sender], [200] * 100, "statuses")
            equal([t for t in found if t[0] == sender], [f"{sender}{n}" for n in range(100)],
                  "order")


@test(relay=False)
def answer_comes_after_the_commit():
    """Accepted means committed: whoever has the answer finds the effect."""
    with relay_over(delay=100) as relay:
        for number in range(1, 30):
            relay.delegate("a", "b", str(number))
            equal(relay.tasks("b"), [str(number)], "tasks")
            equal(relay.good("/files", {"file_key": "k", "content": str(number),
                                        "agent_id": "a"})["version"], number, "version")
            equal(relay.good("/files/k")["content"], str(number), "content")
            relay.register(f"agent{number}")
            holds(relay.agent(f"agent{number}"), "the agent is not listed")


@test(relay=False)
def sockets_come_and_go_while_their_attachments_wait():
    """An agent whose sockets have all closed is not kept, and loses nothing."""
    with relay_over(delay=100) as relay:
        for number in range(20):
            sockets = [WebSocket(relay, "b", pong=False) for _ in range(3)]
            relay.delegate("a", "b", str(number))
            for socket in sockets:
                socket.reset()
        found = []
        until(lambda: found.extend(relay.tasks("b")) or len(found) == 20, "20 tasks")
        equal(found, [str(n) for n in range(20)], "tasks")


@test(relay=False)
def requests_in_flight_are_answered_at_the_end():
    """SIGTERM: what was taken is answered before the relay ends."""
    with relay_over(delay=100) as relay:
        connections = [Http(relay) for _ in range(20)]
        for number, connection in enumerate(connections):
            connection.send(connection.request("POST", "/delegate", task(str(number))))
        for connection in connections[:5]:
            equal(connection.answer().status, 200, "status")
        relay.signal(signal.SIGTERM)
        for connection in connections[5:]:
            rest = connection.rest()
            # One that had not been read yet is closed without an answer, never half answered.
            holds(not rest or (b" 200 " in rest and rest.endswith(b"}")), f"got {short(rest)}")
        equal(relay.wait(), 0, "status")


# -- failed --------------------------------------------------------------------------------------


def until_read_only(relay):
    """Sends until the journal fails; gives what was accepted before."""
    accepted = []
    while True:
        answer = relay.post("/delegate", task(str(len(accepted))))
        if answer.status_code != 200:
            refused(answer, 503, code="read_only")
            return accepted
        accepted.append(str(len(accepted)))


@test(relay=False)
def read_only_journal_refuses_changes_and_goes_on_reading():
    """clawlink-v1.md, Beyond v1: 503, nothing acknowledged; reads go on; the relay ends in
    order."""
    with relay_over(delay=3, read_only=3000) as relay:
        relay.register("a", "b")
        relay.good("/files", {"file_key": "k", "content": "c", "agent_id": "a"})
        listener = WebSocket(relay, "a")
        accepted = until_read_only(relay)
        for path, body in (("/register", {"agent_id": "c"}), ("/delegate", task("t")),
                           ("/broadcast", {"from_agent": "a", "content": "c"}),
                           ("/respond", {"to_agent": "b"}),
                           ("/files", {"file_key": "k", "content": "d", "agent_id": "a"})):
            refused(relay.post(path, body), 503, code="read_only")
        equal(relay.good("/files/k")["content"], "c", "content")
        equal(relay.good("/discover")["count"], 2, "agents")
        equal(relay.good("/heartbeat", {"agent_id": "a"})["status"], "ok", "heartbeat")
        equal([m["task"] for m in relay.poll("b") if m["type"] == "task_delegation"], accepted,
              "tasks")
        equal(relay.poll("b", "?wait=1"), [], "what was handed out once")
        equal(WebSocket(relay, "b").close_code(), 1013, "close code of a new socket")
        relay.alive()
        relay.signal(signal.SIGTERM)
        equal(listener.close_code(), 1012, "close code at the end")
        listener.half_close()
        equal(relay.wait(), 0, "status")
        equal(relay.stderr().count("journal.read_only"), 1, "times that the failure was logged")


@test(relay=False)
def requests_in_flight_when_the_journal_fails_are_refused():
    """Each gets its answer, and only those with success are delivered."""
    with relay_over(delay=50, read_only=5000) as relay:
        connections = [Http(relay) for _ in range(30)]
        accepted, failed = [], False
        while not failed:
            for number, connection in enumerate(connections):
                connection.send(connection.request("POST", "/delegate", task(str(number))))
            for number, connection in enumerate(connections):
                answer = connection.answer()
                if answer.status == 200:
                    accepted.append(str(number))
                else:
                    refused(answer, 503, code="read_only")
                    failed = True
        found = []
        until(lambda: found.extend(relay.tasks("b")) or len(found) >= len(accepted), "the tasks")
        equal(sorted(found), sorted(accepted), "tasks")
        equal(relay.tasks("b"), [], "more tasks")


@test(relay=False)
def relay_whose_journal_fails_at_once_says_so_to_everyone():
    """No client waits for a start that never comes."""
    with relay_over(delay=100, read_only=1000000) as relay:
        equal(relay.good("/healthz"), {"status": "ok"}, "/healthz")
        refused(relay.post("/delegate", task("t")), 503, code="read_only")
        equal(relay.poll("b"), [], "polled")


# -- pushes aside --------------------------------------------------------------------------------


@test(relay=False)
def record_that_fits_no_frame_is_not_pushed():
    """clawlink-v1.md, The WebSocket: no pushed frame exceeds 1 MiB, for clients end there."""
    with relay_over() as relay:
        listener = Library(relay, "b")
        for number in range(3):
            relay.good("/register", {"agent_id": f"a{number}", "description": "d" * 1048500})
        relay.delegate("a", "b", "after")
        equal(listener.message()["task"], "after", "the next message")


@test(relay=False)
def records_do_not_take_the_place_of_messages():
    """A reader is cut for messages that it does not take, not for what others register."""
    with relay_over() as relay:
        listener = WebSocket(relay, "b", receive_buffer=4096)
        for number in range(20):
            relay.good("/register", {"agent_id": f"a{number}", "description": "d" * 400000})
        for number in range(3):
            relay.delegate("a", "b", f"{number}" + "t" * 300000)
        found = []
        while len(found) < 3:
            message = listener.message()
            if message["type"] == "task_delegation":
                found.append(message["task"][0])
        equal(found, ["0", "1", "2"], "tasks")


# -- the end -------------------------------------------------------------------------------------


@test(relay=False)
def relay_that_is_stopped_at_once_ends_in_order():
    """SIGTERM may come before the first turn of the loop."""
    for _ in range(10):
        with relay_over() as relay:
            equal(relay.stop(), 0, f"status ({short(relay.stderr())})")


@test(relay=False)
def socket_gets_its_close_frame_when_messages_come_at_the_end():
    """Close 1012 at SIGTERM, however busy the agent is; its messages are not lost on the way."""
    with relay_over() as relay:
        listener = WebSocket(relay, "b", pong=False)
        senders = [Http(relay) for _ in range(40)]
        halves = [s.request("POST", "/delegate", task("t" * 1000)) for s in senders]
        for sender, half in zip(senders, halves):
            sender.send(half[:-1])
        relay.alive()  # the halves were read
        relay.signal(signal.SIGSTOP)
        for sender, half in zip(senders, halves):
            sender.send(half[-1:])
        relay.signal(signal.SIGTERM)
        relay.signal(signal.SIGCONT)  # the rest and the signal come in one turn
        equal(listener.close_code(), 1012, "close code")
        relay.hang_up()
        equal(relay.wait(), 0, "status")


@test(relay=False)
def no_socket_opens_while_the_relay_stops():
    """An upgrade that comes during the end is refused: nobody would close that socket."""
    with relay_over() as relay:
        late = Http(relay)
        request = late.request("GET", "/ws/b", fields=UPGRADE)
        late.send(request[:-1])
        holder = WebSocket(relay, "a")  # keeps the relay from ending before the second half
        relay.signal(signal.SIGTERM)
        equal(holder.close_code(), 1012, "close code")
        late.send(request[-1:])
        refused(late.answer(), 503, code="unavailable")
        relay.hang_up()
        equal(relay.wait(), 0, "status")


if __name__ == "__main__":
    main()
