# SPDX-License-Identifier: MIT
"""Fair share (docs/decisions/0015-fair-share.md): who floods an inbox shuts nobody else out.

A docstring names the sentence. Limits are small, so that a flood meets them at once.
"""
import threading

from support import Http, WebSocket, equal, holds, main, refused, test, until

HALF = 1000  # of --inbox-messages
QUIET = 200  # messages of the quiet sender


class Flood(threading.Thread):
    """Sends as fast as the relay answers, until it is told to end."""

    def __init__(self, relay, sender, target):
        super().__init__()
        self.relay, self.sender, self.target = relay, sender, target
        self.accepted, self.refused, self.failure = 0, 0, None
        self.ends = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.ends.set()
        self.join()
        if kind is None and self.failure is not None:
            raise self.failure

    def run(self):
        try:
            with Http(self.relay) as connection:
                while not self.ends.is_set():
                    self.send(connection)
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error  # raised where the flood is ended

    def send(self, connection):
        body = {"from_agent": self.sender, "to_agent": self.target, "task": "flood"}
        connection.send(connection.request("POST", "/delegate", body) * 50)
        for _ in range(50):
            answer = connection.answer()
            if answer.status == 200:
                self.accepted += 1
            else:
                refused(answer, 429, code="fair_share")
                equal(answer.headers.get("retry-after"), "1", "Retry-After")
                self.refused += 1

    def went_on(self, seen):
        """Was it refused more often than that, or did it end? Asks the relay for its health."""
        equal(self.relay.good("/healthz"), {"status": "ok"}, "/healthz")
        return self.refused > seen or self.failure is not None


def all_tasks(relay, agent):
    """Polls until nothing is left."""
    found = []
    while more := relay.poll(agent):
        found += more
    return [(message["from_agent"], message["task"]) for message in found]


@test("--inbox-messages", str(2 * HALF))
def a_flood_leaves_room_for_a_quiet_sender(relay):
    """No sender has more than half: the quiet one is always accepted and loses nothing."""
    relay.register("loud", "quiet", "b")
    with Flood(relay, "loud", "b") as flood:
        for number in range(QUIET):
            before = flood.refused
            until(lambda seen=before: flood.went_on(seen), "the flood goes on")
            relay.delegate("quiet", "b", str(number))
    equal(flood.accepted, HALF, "of the flood, accepted")
    found = all_tasks(relay, "b")
    equal([task for sender, task in found if sender == "quiet"],
          [str(number) for number in range(QUIET)], "of the quiet sender")
    equal(len(found), HALF + QUIET, "messages in all")


@test("--inbox-messages", str(2 * HALF))
def a_share_is_given_back_as_the_inbox_drains(relay):
    """What the receiver takes is room for its sender again, while the flood goes on."""
    relay.register("loud", "b")
    taken = 0
    with Flood(relay, "loud", "b") as flood:
        until(lambda: flood.went_on(0), "the flood meets its share")
        while taken < 3 * HALF and flood.failure is None:
            taken += len(relay.poll("b", "?wait=5"))
    holds(taken >= 3 * HALF, f"three shares taken, not {taken}")
    equal(taken + len(all_tasks(relay, "b")), flood.accepted, "messages in all")


@test("--inbox-messages", "4")
def a_share_is_told_by_name_on_every_way_in(relay):
    """Tasks, responses, broadcasts and file notices count alike."""
    relay.register("a", "b")
    relay.delegate("a", "b", "task")
    relay.good("/respond", {"from_agent": "a", "to_agent": "b", "response": "yes"})
    for path, body in (("/delegate", {"task": "t"}), ("/respond", {"response": "r"})):
        answer = relay.post(path, {"from_agent": "a", "to_agent": "b", **body})
        refused(answer, 429, "your messages fill half of that agent's inbox: it must poll first; "
                "the other half is for other senders", "fair_share")
    news = relay.good("/broadcast", {"from_agent": "a", "content": "c"})
    equal(news["recipients"], 0, "recipients")
    relay.good("/files", {"file_key": "k", "content": "c", "agent_id": "a"})
    sender = WebSocket(relay, "a")
    sender.say({"type": "delegate", "to_agent": "b", "task": "frame"})
    answer = sender.message()
    equal((answer["type"], answer.get("code")), ("error", "fair_share"), "answer")
    equal(len(relay.poll("b")), 2, "what waited")


@test("--inbox-bytes", "3000")
def a_share_is_one_of_bytes_too_but_one_message_always_goes(relay):
    """One sender may have half of the bytes, but one message always."""
    large = {"from_agent": "a", "to_agent": "b", "task": "x" * 1800}
    relay.good("/delegate", large)
    refused(relay.post("/delegate", {**large, "task": "x"}), 429, code="fair_share")
    relay.delegate("c", "b", "x")
    equal(len(relay.poll("b")), 2, "what waited")
    until(lambda: relay.post("/delegate", large).status_code == 200, "room again")


if __name__ == "__main__":
    main()
