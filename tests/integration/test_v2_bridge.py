# SPDX-License-Identifier: MIT
"""v1 and v2 in one mesh, as docs/protocol/v2.md has it under Together with v1: what each sees of the
other, to the byte where the document gives bytes.
"""
import json
import re
import time

from support import WebSocket, equal, holds, main, test
from v2_support import Agent, Caller, Socket, compact, of_v1, row, rungs_of, until

STAMP = r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"'


def polled(relay, agent):
    """The texts of the messages of a poll, with @ for each time of the relay's clock."""
    text = relay.get("/poll/" + agent).text
    count = json.loads(text)["count"]
    found = re.fullmatch(r'\{"messages":\[(.*)\],"count":\d+\}', text, re.S)
    holds(found, f"a poll's answer: {text}")
    inside = re.sub(r'("(?:timestamp|queued_at)":)' + STAMP, r"\1@", found[1])
    decoder, messages, at = json.JSONDecoder(), [], 0
    raw = inside.replace(":@", ':"@"')
    while at < len(raw):
        _, end = decoder.raw_decode(raw, at)
        messages.append(raw[at:end].replace(':"@"', ":@"))
        at = end + 1
    equal(len(messages), count, "count")
    return messages


def task_of(message_id, content, priority="normal", context="{}", sender="mini/otto", to="old"):
    return ('{"type":"task_delegation","message_id":"' + of_v1(message_id) + '","from_agent":"'
            + sender + '","to_agent":"' + to + '","priority":"' + priority + '","timestamp":@,'
            '"queued_at":@,"task":' + content + ',"context":' + context + "}")


def mesh(relay):
    """An agent of v2, and one of v1."""
    otto = Agent(Socket(relay, "mini"), "mini/otto")
    relay.register("old")
    return otto


# -- what v1 sees ------------------------------------------------------------------------------


@test()
def a_task_for_v1_has_what_the_envelope_says(relay):
    """What a v1 agent sees: task, priority, and in context those that there are; to the byte."""
    otto = mesh(relay)
    dl = int(time.time()) + 60
    when = time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime(dl))
    cases = [({}, "Review ✓ \"it\"\n", '"Review ✓ \\"it\\"\\n"', "{}"), ({}, "", '""', "{}"),
             ({"pri": 0}, "u", '"u"', "{}"), ({"pri": 1}, "h", '"h"', "{}"),
             ({"pri": 3}, "l", '"l"', "{}"),
             ({"cty": "text/markdown", "thr": "parser", "dl": dl, "reply_to": "cap:review"}, "m",
              '"m"', '{"content_type":"text/markdown","thread":"parser","deadline":"' + when
              + '","reply_to":"cap:review"}'),
             ({"cty": "application/json"}, ' {"a": [1.50, null]}\n', '{"a": [1.50, null]}',
              '{"content_type":"application/json"}'),
             ({"cty": "application/vnd.x+JSON; v=1"}, '{"a":1}', '{"a":1}',
              '{"content_type":"application/vnd.x+JSON; v=1"}'),
             ({"cty": "application/json"}, "[1]", '"[1]"', '{"content_type":"application/json"}'),
             ({"cty": "application/json"}, '{"a":', '"{\\"a\\":"',
              '{"content_type":"application/json"}'),
             ({"cty": "text/plain"}, '{"a":1}', '"{\\"a\\":1}"', '{"content_type":"text/plain"}'),
             ({"cty": "image/png"}, b"\x89PNG\r\n\x1a\n\xff",
              '{"encoding":"base64url","content_type":"image/png","data":"iVBORw0KGgr_"}',
              '{"content_type":"image/png"}'),
             ({}, b"\xff\xfe", '{"encoding":"base64url","data":"__4"}', "{}")]
    for more, body, content, context in cases:
        with row(f"{more} {body!r}"):
            message_id = otto.send("v1/old", body, **more)["id"]
            priority = ("urgent", "high", "normal", "low")[more.get("pri", 2)]
            equal(polled(relay, "old"), [task_of(message_id, content, priority, context)], "polled")


@test()
def a_broadcast_and_an_answer_have_their_own_types(relay):
    """What a v1 agent sees: knowledge_broadcast, task_response; pushed as polled."""
    otto = mesh(relay)
    with WebSocket(relay, "old") as socket:
        news = otto.send("topic:release", "soon")["id"]
        message = json.loads(socket.text())
        message.pop("timestamp")
        equal(compact(message), '{"type":"knowledge_broadcast","message_id":"' + of_v1(news)
              + '","from_agent":"mini/otto","content":"soon","topic":"release","tags":[]}', "pushed")
        task = relay.delegate("old", "mini/otto", "Review it")["message_id"]
        question = otto.take()
        answer = otto.send(question.sender, "Fine", re=question.id)["id"]
        message = json.loads(socket.text())
        message.pop("timestamp")
        equal(compact(message), '{"type":"task_response","response_id":"' + of_v1(answer)
              + '","from_agent":"mini/otto","to_agent":"old","message_id":"' + task
              + '","result":"Fine","status":"completed"}', "pushed")
        socket.settled()
    news = otto.send("topic:x y", b"\xff", cty="a/b")["id"]
    equal(polled(relay, "old"),
          ['{"type":"knowledge_broadcast","message_id":"' + of_v1(news)
           + '","from_agent":"mini/otto","timestamp":@,"queued_at":@,"content":{"encoding":'
           '"base64url","content_type":"a/b","data":"_w"},"topic":"x y","tags":[]}'], "polled")


@test()
def the_status_of_an_answer_is_what_its_sender_has_reported(relay):
    """What a v1 agent sees: completed, unless it was reported otherwise."""
    relay.register("old")
    mira, otto = Agent(Socket(relay, "mini"), "mini/mira"), Agent(Socket(relay, "mini"), "mini/otto")
    for report, status in (({}, "completed"), ({"rung": "seen"}, "completed"),
                           ({"rung": "in_progress"}, "in_progress"),
                           ({"rung": "in_progress", "outcome": "completed"}, "completed"),
                           ({"outcome": "failed"}, "failed"), ({"outcome": "canceled"}, "failed")):
        with row(str(report)):
            mira.send("mini/otto", "q", reply_to="v1/old")
            question = otto.take()
            if report:
                otto.call("report", id=question.id, **report)
            otto.send(question.header["reply_to"], "a", re=question.id)
            answer = relay.poll("old")[0]
            equal((answer["status"], answer["message_id"]), (status, of_v1(question.id)), "answer")


@test()
def an_answer_says_itself_how_a_task_of_v1_ended(relay):
    """send, rung and outcome: what is said with an answer, and only with one."""
    otto = mesh(relay)
    for said, status in (({}, "completed"), ({"outcome": "completed"}, "completed"),
                         ({"outcome": "failed"}, "failed"), ({"outcome": "rejected"}, "failed"),
                         ({"rung": "in_progress"}, "in_progress")):
        with row(str(said)):
            task = relay.delegate("old", "mini/otto", "Review it")["message_id"]
            question = otto.take()
            otto.post(otto.pack(question.sender, "a", re=question.id), **said)
            answer = relay.poll("old")[0]
            equal((answer["status"], answer["message_id"]), (status, task), "answer")
    mira = Agent(otto.conn, "mini/mira")
    asked = mira.send("mini/otto", "q")["id"]
    otto.take()
    otto.post(otto.pack("mini/mira", "a", re=asked), rung="seen", outcome="failed")
    equal(mira.ended(asked)["outcome"], "failed", "of a message of v2")
    otto.fails("malformed", "send", -32602, envelope=otto.pack("mini/mira", "a"),
               outcome="failed")
    otto.fails("malformed", "send", -32602, envelope=otto.pack("mini/mira", "a", re=asked),
               outcome="expired")


@test()
def what_v1_takes_is_delivered_and_no_more(relay):
    """respond is a report: polled or pushed, `delivered` at most, with the proof tcp or pong."""
    otto = mesh(relay)
    message_id = otto.send("v1/old", "polled")["id"]
    equal(len(relay.poll("old")), 1, "messages polled")
    step = otto.receipt(message_id, lambda r: "delivered" in rungs_of(r))["rungs"][-1]
    equal((step["rung"], step["by"], step["proof"]), ("delivered", "v1/old", "tcp"), "polled")
    with WebSocket(relay, "old", pong=False) as socket:
        message_id = otto.send("v1/old", "pushed")["id"]
        equal(socket.message()["task"], "pushed", "task")
        equal(rungs_of(otto.trace(message_id)), ["accepted"], "rungs before the pong")
        socket.settled()
        step = otto.receipt(message_id, lambda r: "delivered" in rungs_of(r))["rungs"][-1]
        equal((step["rung"], step["by"], step["proof"]), ("delivered", "v1/old", "pong"), "pushed")


# -- what v2 sees ------------------------------------------------------------------------------


@test()
def a_plain_text_of_v1_is_the_body_of_an_envelope(relay):
    """What a v2 agent sees: trust relay, the message's id, its times; nothing of v1's dress."""
    otto = mesh(relay)
    for priority, pri in (("urgent", 0), ("high", 1), ("normal", None), ("low", 3)):
        told = relay.delegate("old", "mini/otto", "Ümlaut \"x\"", priority=priority)
        message = otto.take()
        header = message.header
        equal(message.text, 'Ümlaut "x"', "body")
        equal((header["typ"], header["from"], header["to"], header.get("pri")),
              ("clawlink-msg+jws", "v1/old", "mini/otto", pri), "header")
        equal(of_v1(header["id"]), told["message_id"], "id")
        equal(header["iat"], message.relay["accepted"] // 1000, "iat")
        holds(604799 <= header["exp"] - header["iat"] <= 604800, "exp")
        equal(set(header) - {"pri"}, {"typ", "from", "to", "id", "iat", "exp"}, "members")
        equal(message.relay["trust"], "relay", "trust")
    relay.good("/broadcast", {"from_agent": "old", "content": "soon", "topic": "release"})
    message = otto.take()
    equal((message.text, message.header["to"], message.header.get("cty")),
          ("soon", "topic:release", None), "a broadcast")


@test()
def what_is_more_than_a_text_is_the_message_as_v1_has_it(relay):
    """What a v2 agent sees: a context, tags, a status, no string, a frame."""
    otto = mesh(relay)

    def got(path, members, wanted):
        relay.good(path, {"from_agent": "old", **members})
        message = otto.take()
        equal(message.header["cty"], "application/clawlink-v1+json", f"type of {members}")
        said = json.loads(message.payload)
        holds(said.pop("timestamp"), "timestamp")
        for name in ("message_id", "response_id"):
            if said.get(name) == of_v1(message.id):
                said.pop(name)
        equal(said, wanted, f"body of {members}")
        return message

    task = {"type": "task_delegation", "from_agent": "old", "to_agent": "mini/otto",
            "priority": "normal", "context": {}}
    for more in ({"task": "x", "context": {"pr": 7}}, {"task": {"do": [1]}}, {"task": None},
                 {"task": 7}):
        if more["task"] is not None:
            got("/delegate", {"to_agent": "mini/otto", **more}, {**task, **more})
    news = {"type": "knowledge_broadcast", "from_agent": "old", "topic": "general", "tags": []}
    for more, to in (({"content": "x", "tags": ["a"]}, "topic:general"),
                     ({"content": {"a": 1}}, "topic:general"),
                     ({"content": "x", "topic": ""}, "mini/otto"),
                     ({"content": "x", "topic": "a\nb"}, "mini/otto")):
        message = got("/broadcast", more, {**news, **more})
        equal(message.header["to"], to, f"to of {more}")
    said = {"type": "task_response", "from_agent": "old", "to_agent": "mini/otto",
            "message_id": None, "status": "completed"}
    for more in ({"result": "x", "status": "failed"}, {"result": {"a": 1}, "message_id": "any"},
                 {"result": "x", "message_id": "any"}):
        got("/respond", {"to_agent": "mini/otto", **more}, {**said, **more})
    relay.good("/files", {"file_key": "k", "content": "text", "agent_id": "old"})
    said = json.loads(otto.take().payload)
    equal((said["type"], said["file_key"]), ("file_updated", "k"), "a file")
    with WebSocket(relay, "old") as socket:
        socket.say('{"type":"delegate","to_agent":"mini/otto","own":[1.50],"task":"x"}')
        message = otto.take()
        equal(json.loads(message.payload), {"type": "delegate", "to_agent": "mini/otto",
                                            "own": [1.5], "task": "x", "from_agent": "old"}, "frame")
        holds(b"1.50" in message.payload, "numbers of a frame are kept as they were written")


@test()
def a_sender_without_a_name_is_nobody(relay):
    """Addresses: relay/nobody; cannot be written to."""
    otto = mesh(relay)
    relay.good("/respond", {"to_agent": "mini/otto", "result": "x"})
    equal(otto.take().sender, "relay/nobody", "sender")


# -- respond -----------------------------------------------------------------------------------


@test()
def a_respond_of_v1_is_a_report(relay):
    """respond is a report: each status has its rung and outcome; the answer says `re`."""
    otto = mesh(relay)
    for status, rung, outcome in (("completed", "seen", "completed"), ("failed", "seen", "failed"),
                                  ("in_progress", "in_progress", None), ("working", "seen", None),
                                  (None, "seen", "completed")):
        with row(f"status {status}"):
            message_id = otto.send("v1/old", "Review")["id"]
            seen = relay.poll("old")[0]
            otto.rungs(message_id, "delivered")
            more = {} if status is None else {"status": status}
            relay.good("/respond", {"from_agent": "old", "to_agent": "mini/otto",
                                    "message_id": seen["message_id"], "result": "Done", **more})
            answer = otto.take()
            equal(answer.header["re"], message_id, "re of the answer")
            receipt = otto.receipt(message_id, lambda r, rung=rung: rung in rungs_of(r))
            equal(rungs_of(receipt), ["accepted", "delivered", rung], "rungs")
            step = receipt["rungs"][-1]
            equal((step["by"], step["proof"]), ("v1/old", "ack"), "by and proof")
            ended = receipt.get("ended", {})
            equal(ended.get("outcome"), outcome, "outcome")
            equal(ended.get("by"), outcome and "v1/old", "by")
            if status in (None, "completed"):
                equal((answer.text, "cty" in answer.header), ("Done", False), "answer")


@test()
def a_respond_says_nothing_of_what_is_not_its_agents(relay):
    """respond is a report of a message which the agent got."""
    otto = mesh(relay)
    relay.register("other")
    message_id = otto.send("v1/old", "Review")["id"]
    shown = relay.poll("old")[0]["message_id"]
    otto.rungs(message_id, "delivered")
    for sender, target, about in (("other", "mini/otto", shown), ("old", "mini/otto", 12 * "0"),
                                  ("old", "mini/otto", shown.upper() + "x"), ("old", "other", shown),
                                  ("old", "mini/otto", 7)):
        relay.good("/respond", {"from_agent": sender, "to_agent": target, "message_id": about,
                                "result": "x", "status": "failed"})
        if target == "mini/otto":
            holds("re" not in otto.take().header, f"an answer to {about} of {sender}")
    trace = otto.trace(message_id)
    equal((rungs_of(trace), trace.get("ended")), (["accepted", "delivered"], None), "the receipt")


# -- who there is ------------------------------------------------------------------------------


@test()
def each_sees_the_agents_of_the_other(relay):
    """A v1 agent is v1/<id> here; to v1 an agent of v2 is one whose id is its address."""
    with WebSocket(relay, "watcher") as watcher:
        relay.good("/register", {"agent_id": "watcher"})
        socket = Socket(relay, "mini")
        otto = Agent(socket, "mini/otto", name="Otto", description="Reviews C",
                     capabilities=["review"])
        joined = watcher.message()
        equal((joined["type"], joined["agent"]["agent_id"]), ("agent_joined", "mini/otto"), "push")
        shown = relay.agent("mini/otto")
        equal((shown["name"], shown["status"]), ("Otto", "online"), "in v1's list")
        relay.good("/register", {"agent_id": "old", "name": "Old", "description": "Knows v1",
                                 "capabilities": ["review", "two words"]})
        note = socket.note("agent.joined")
        while note["agent"] != "v1/old":
            note = socket.note("agent.joined")
        equal((note["name"], note["status"]), ("Old", "online"), "note")
        old = socket.agent("v1/old")
        equal((old["name"], old["description"]), ("Old", "Knows v1"),
              "in v2's list")
        equal((old["connected"], socket.agent("v1/watcher")["connected"]), (False, True),
              "connected")
        equal([a["agent"] for a in socket.call("agents", capability="review")["agents"]],
              ["mini/otto", "v1/old"], "who offers review")
        otto.send("v1/old")
        equal(otto.send("cap:review")["to"], "mini/otto", "the least loaded of both")
        relay.tasks("old")
        until(lambda: socket.agent("v1/old")["waiting"] == 0, "old has taken it")
        equal(otto.send("cap:review")["to"], "v1/old", "the least loaded of both")


@test()
def v1_polls_the_inbox_of_an_agent_of_v2(relay):
    """An agent's inbox is the same however it is asked for; each message goes out once."""
    otto = mesh(relay)
    otto.call("detach")
    relay.delegate("old", "mini/otto", "one")
    mira = Agent(Socket(relay, "other"), "other/mira")
    message_id = mira.send("mini/otto", "two")["id"]
    equal(relay.tasks("mini%2Fotto".replace("%2F", "/")), ["one", "two"], "what v1's poll gives")
    mira.rungs(message_id, "delivered")
    equal(Agent(Caller(relay), "mini/otto", attach=False).texts(), [], "inbox")


@test()
def expired_messages_of_v1_are_dead_letters_too(relay):
    """Dead letters: those of v1 are shown to the agent of v2 as an envelope."""
    otto = mesh(relay)
    relay.delegate("old", "mini/otto", "Review")
    message = otto.message()
    otto.call("refuse", at=message.at, reason="no")
    letter = otto.dead()[0]
    equal((letter["from"], letter["to"], letter["outcome"], letter["reason"]),
          ("v1/old", "mini/otto", "rejected", "no"), "letter")
    shown = otto.call("dead.show", id=letter["id"])
    equal(shown["envelope"], message.envelope, "envelope")
    otto.call("dead.retry", id=letter["id"])
    equal(otto.take().envelope["payload"], message.envelope["payload"], "what comes again")


main()
