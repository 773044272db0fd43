# SPDX-License-Identifier: MIT
"""Protocol v2 as docs/protocol/v2.md has it: texts, hello, who is there and how they are found,
what may be sent. How messages are taken is test_v2_delivery.py's.

What both transports can do is tried over both.
"""
import json
import os
import time

import requests

from support import TEXT, UPGRADE, Failure, Http, WebSocket, equal, holds, main, short, test
from v2_support import (Agent, Caller, Refused, Socket, b64, both, compact, new_id, packed, row,
                        signed, until)

METHODS = ["hello", "attach", "detach", "send", "ack", "refuse", "release", "report", "agents",
           "inbox", "trace", "dead.list", "dead.show", "dead.retry", "dead.drop", "receive"]


def answered(way, text):
    """What is answered to any text at all."""
    if way.is_http:
        status, body = way.raw(text)
        return status, json.loads(body) if body else None
    way.raw(text)
    return None, way.read()


# -- texts -------------------------------------------------------------------------------------


NO_JSON = ["", "{", "nonsense", '{"a":1,"a":2}', '{"jsonrpc":"2.0","id":1,"method":"agents"} x',
           '{"id":NaN}', '"\\ud800"', '\ufeff{}', "{'id':1}", '{"jsonrpc":"2.0","id":01}',
           "7", "null", '"text"', "true"]
NO_REQUEST = ["[]", '[{"jsonrpc":"2.0","id":1,"method":"agents"}]', "{}", '{"jsonrpc":"2.0"}',
              '{"jsonrpc":"1.0","method":"agents"}', '{"jsonrpc":2.0,"method":"agents"}',
              '{"method":"agents"}', '{"jsonrpc":"2.0","method":7}',
              '{"jsonrpc":"2.0","id":{},"method":"agents"}',
              '{"jsonrpc":"2.0","id":[1],"method":"agents"}',
              '{"jsonrpc":"2.0","id":true,"method":"agents"}',
              '{"jsonrpc":"2.0","id":"' + 127 * "x" + '","method":"agents"}']
NO_REQUEST_WITH_ID = ['{"jsonrpc":"1.0","id":7,"method":"agents"}', '{"id":7,"method":"agents"}',
                      '{"jsonrpc":"2.0","id":7}', '{"jsonrpc":"2.0","id":7,"method":null}',
                      '{"jsonrpc":"2.0","id":7,"method":"agents","params":{},"more":1}',
                      '{"jsonrpc":"2.0","id":7,"result":{}}',
                      '{"jsonrpc":"2.0","id":7,"method":"agents","params":{"after":'
                      + 29 * "[" + 29 * "]" + "}}"]


@test()
def texts_that_are_no_request_are_told_so_and_cost_nothing(relay):
    """Texts; Errors: -32700 and -32600, with the id where there is one."""
    for name, way in both(relay):
        for code, call_id, texts in ((-32700, None, NO_JSON), (-32600, None, NO_REQUEST),
                                     (-32600, 7, NO_REQUEST_WITH_ID)):
            for text in texts:
                with row(f"{name}: {short(text)}"):
                    status, answer = answered(way, text)
                    equal(answer["error"]["code"], code, "code")
                    equal(answer["error"]["data"], {"error": "malformed", "retry": False}, "data")
                    equal(answer["id"], call_id, "id")
                    holds(status in (None, 400), f"status {status}")
        holds(way.call("agents")["time"] > 0, f"{name} goes on")


@test()
def an_id_comes_back_as_it_was_written(relay):
    """Texts: a string or a number, at most 128 bytes, as it was written; null works."""
    for _, way in both(relay):
        for written in ('1', '-7', '1.50', '1e3', '"a"', '"\\u0041"', "null", '"' + 126 * "x" + '"',
                        "90071992547409930000"):
            text = '{"jsonrpc":"2.0","id":' + written + ',"method":"agents"}'
            if way.is_http:
                said = way.raw(text)[1]
                holds(f'"id":{written},' in said, f"{written} came back in {short(said)}")
            else:
                equal(answered(way, text)[1]["id"], json.loads(written), "id")


@test()
def notifications_are_done_and_never_answered(relay):
    """Texts: a call without id tells neither result nor error."""
    for name, way in both(relay, "a/otto"):
        agent = Agent(way, "a/otto")
        for method in METHODS + ["no.such"]:
            way.tell(method, **{"unknown": 1})
            way.tell(method)
        for method in ("attach", "receive", "inbox", "dead.list"):
            with row(f"{name}: {method}"):
                agent.tell(method)
        way.tell("agents")
        way.tell("send", envelope=agent.pack("a/otto", name))
        equal(way.call("agents")["agents"][0]["agent"], "a/otto", "the first answer is to this")
        until(lambda agent=agent: name in agent.texts(), "the notified send is done")
    holds(not way.is_http or Socket(relay, "b"), "the relay goes on")


@test()
def unknown_methods_and_params_are_refused(relay):
    """A call has no member that this page does not name."""
    for _, way in both(relay, "a/otto"):
        for method in ("", "Agents", "agents ", "rpc.discover", "no.such", "dead", "é"):
            way.fails("not_found", method, -32601)
        for method in METHODS:
            with row(method):
                if way.is_http or method != "hello":
                    way.fails("malformed", method, -32602, unknown=1)
        for params in ("[]", "1", "null", '"x"'):
            text = '{"jsonrpc":"2.0","id":7,"method":"agents","params":' + params + "}"
            equal(answered(way, text)[1]["error"]["code"], -32602, f"params {params}")


ID, RANGE = "AAECAwQFBgcICQoLDA0ODw", [[2, 1, 1]]
REQUIRED = {"attach": {"agent": "a/otto"}, "detach": {"agent": "a/otto"}, "send": {"envelope": {}},
            "ack": {"agent": "a/otto", "ranges": RANGE}, "inbox": {"agent": "a/otto"},
            "refuse": {"agent": "a/otto", "at": [2, 1], "reason": "r"},
            "release": {"agent": "a/otto", "ranges": RANGE},
            "report": {"agent": "a/otto", "id": ID, "rung": "seen"}, "receive": {"agent": "a/otto"},
            "trace": {"agent": "a/otto", "id": ID}, "dead.show": {"agent": "a/otto", "id": ID},
            "dead.retry": {"agent": "a/otto", "id": ID}, "dead.drop": {"agent": "a/otto", "id": ID}}
NO_AGENT_NEEDED = {"trace", "dead.show", "dead.retry", "dead.drop"}


@test()
def each_required_param_is_asked_for(relay):
    """Methods: what is required is `missing_field` where it is missing."""
    for _, way in both(relay, "a/otto"):
        for method, params in REQUIRED.items():
            for name in params:
                if name == "agent" and method in NO_AGENT_NEEDED:
                    continue  # who is the administrator says
                rest = {other: value for other, value in params.items() if other != name}
                with row(f"{method} without {name}"):
                    way.fails("missing_field", method, -32602, **rest)


RULES = {
    "attach": [{"agent": "otto"}, {"agent": "v1/otto"}, {"agent": "relay/x"}, {"agent": "cap:x"},
               {"agent": "a/b/c"}, {"agent": "a/" + 65 * "x"}, {"agent": "a/é"}, {"agent": ""},
               {"agent": 7}, {"name": ""}, {"name": 129 * "x"}, {"name": "a\nb"},
               {"description": ""}, {"description": 1025 * "x"}, {"capabilities": ["a b"]},
               {"capabilities": [""]}, {"capabilities": 65 * ["x"]}, {"capabilities": "x"},
               {"capabilities": [65 * "x"]}, {"metadata": []}, {"metadata": {"x": 4096 * "x"}},
               {"receipts_after": -1}, {"receipts_after": 1.5}, {"receipts_after": 2**53},
               {"receipts_after": "1"}, {"quiet": 1}],
    "ack": [{"ranges": []}, {"ranges": [[2, 1]]}, {"ranges": [[5, 1, 1]]}, {"ranges": [[2, 2, 1]]},
            {"ranges": [[2, 1, 1]] * 257}, {"ranges": [[-1, 1, 1]]}, {"ranges": [[2, 0.5, 1]]},
            {"ranges": [2, 1, 1]}, {"rung": "accepted"}, {"rung": "read"}, {"proof": "commit "},
            {"rung": 1}, {"lease": "x"}, {"lease": 65 * "x"}],
    "refuse": [{"at": [2]}, {"at": [5, 1]}, {"at": [2, 1, 1]}, {"reason": ""}, {"reason": 257 * "x"}],
    "release": [{"ranges": [[2, 1, 1]] * 257}, {"lease": "x"}, {"ranges": [[2, 3, 2]]}],
    "report": [{"id": ID[:-1]}, {"id": ID + "A"}, {"id": ID[:-1] + "B"}, {"id": ID[:-1] + "="},
               {"rung": "accepted"}, {"outcome": "expired"}, {"outcome": "dead"}, {"reason": "r"},
               {"outcome": "failed", "reason": 257 * "x"}, {"proof": "hearsay"}],
    "agents": [{"capability": "a b"}, {"limit": 1001}, {"limit": -1}, {"after": "cap:x"}],
    "inbox": [{"after": 7}, {"after": [2]}, {"limit": 1001}],
    "receive": [{"wait": 61}, {"wait": -1}, {"wait": 0.5}, {"max": 1001}],
    "trace": [{"id": ""}, {"id": 7}], "dead.list": [{"after": "x"}, {"limit": 1001}],
    "dead.retry": [{"expires": "soon"}],
    "hello": [{"versions": []}, {"versions": "2.0"}, {"versions": 17 * ["2.0"]}, {"instance": ""},
              {"instance": "v1"}, {"instance": "relay"}, {"instance": "a/b"}, {"versions": [2.0]},
              {"instance": 65 * "x"}, {"client": 129 * "x"}, {"client": "a\nb"}]}


@test()
def what_breaks_a_rule_is_malformed(relay):
    """Methods, Limits: each param has its form."""
    socket, caller = Socket(relay), Caller(relay)
    for params in RULES["hello"]:
        for way in (socket, caller):
            with row(f"hello {params}"):
                way.fails("malformed", "hello", -32602,
                          **{"versions": ["2.0"], "instance": "a", **params})
    equal(socket.call("hello", versions=["2.0"], instance="a")["version"], "2.0", "version")
    agent = Agent(socket, "a/otto")
    for method, rules in RULES.items():
        for params in rules if method != "hello" else []:
            for way in (socket, caller):
                with row(f"{method} {short(params)}"):
                    known = {**REQUIRED.get(method, {}), **params}
                    is_either = params.get("lease") == "x"  # and ranges besides
                    name = "missing_field" if is_either else "malformed"
                    way.fails(name, method, -32602, **known)
    equal(agent.call("inbox")["waiting"], 0, "waiting")


@test(token="secret")
def the_door_is_that_of_v1(relay):
    """Transports: the token, never in the URL, Host, methods, types of bodies."""
    envelope = {"jsonrpc": "2.0", "id": 1, "method": "agents"}
    for header in ({}, {"Authorization": "Bearer wrong"}):
        answer = requests.post(relay.url + "/v2", json=envelope, headers=header, timeout=10)
        equal(answer.status_code, 401, f"status with {header}")
        equal(answer.json()["code"], "unauthorized", "code")
    for path in ("/v2?token=secret", "/v2?a=b&token=wrong"):
        equal(relay.post(path, envelope).status_code, 400, "status with a token in the URL")
        with Http(relay) as connection:
            equal(connection.ask("GET", path, fields=UPGRADE).status, 400, "status of an upgrade")
    with Http(relay) as connection:
        equal(connection.ask("GET", "/v2", fields=UPGRADE).status, 101, "status with the token")
    for verb in ("PUT", "DELETE", "PATCH"):
        answer = relay.http.request(verb, relay.url + "/v2", timeout=10)
        equal((answer.status_code, answer.headers["Allow"]), (405, "GET, POST"), verb)
    equal(relay.get("/v2").status_code, 426, "status of a GET that is no upgrade")
    equal(relay.post("/v2", envelope, headers={"Content-Type": "text/plain"}).status_code, 415,
          "status of another type")
    equal(relay.post("/v2", envelope, headers={"Host": "evil.example"}).status_code, 421,
          "status of another host")
    equal(relay.post("/v2", envelope).json()["result"]["agents"], [], "agents")
    equal(relay.post("/v2", b"[" + 1048576 * b" ").status_code, 413, "status of a body too large")


@test()
def frames_too_long_or_broken_close_a_websocket(relay):
    """WebSocket: one text up to 1 048 575 bytes; a binary frame is no request."""
    def opened():
        raw = Http(relay)
        raw.send(raw.request("GET", "/v2", fields=UPGRADE))
        equal(raw.answer(head_only=True).status, 101, "status")
        raw.__class__ = type("Raw", (WebSocket,), {})
        raw.pong, raw.pings = True, []
        return raw
    raw = opened()
    raw.say(b'{"jsonrpc":"2.0","id":1,"method":"agents","params":{}' + 1048521 * b" " + b"}")
    equal(raw.message()["error"]["data"]["error"], "usage", "what a text of the limit's size is")
    raw.write(2, b'{"jsonrpc":"2.0","id":1,"method":"agents"}')
    equal(raw.message()["error"]["code"], -32600, "code of a binary frame")
    for payload, code, how in ((1048576 * b" ", 1009, {}), (b"\xff", 1007, {}), (b"", 1002, {"rsv": 4})):
        raw = opened()
        raw.write(TEXT, payload, **how)
        equal(raw.close_code(), code, "close code")
    relay.alive()


# -- hello -------------------------------------------------------------------------------------


@test()
def hello_comes_first_once_and_agrees_on_a_version(relay):
    """hello: what the first of the client's versions is that the relay has; another try."""
    socket, caller = Socket(relay), Caller(relay)
    for method in METHODS[1:]:
        socket.fails("usage", method, **REQUIRED.get(method, {})) if method != "send" else \
            socket.fails("usage", "send", envelope=Agent(socket, "a/b", attach=False).pack("x/y"))
    for versions in (["3.0"], ["1.9"], ["3.0", "3.1", "9"], ["2"], ["2.00"], ["02.0"]):
        for way in (socket, caller):
            try:
                way.call("hello", versions=versions, instance="a")
                raise Failure(f"{versions} was agreed on")
            except Refused as refused:
                equal(refused.name, "upgrade_required", "error")
                equal(refused.error["data"]["versions"], ["2.0"], "the relay's versions")
                for version in versions:
                    holds(version in refused.error["message"],
                          f"{version} is not named in {refused.error['message']!r}")
    welcomes = [socket.call("hello", versions=["3.1", "2.0"], instance="a", client="test/1"),
                caller.call("hello", versions=["2.0", "1.0"], instance="a")]
    for welcome in welcomes:
        equal((welcome["version"], welcome["versions"]), ("2.0", ["2.0"]), "version")
        equal(set(welcome), {"version", "versions", "relay", "epoch", "durability", "time",
                             "limits"}, "members")
        holds(welcome["durability"] in ("memory", "disk"), "durability")
        holds(abs(welcome["time"] - time.time() * 1000) < 5000, "the relay's clock")
        limits = dict(welcome["limits"])
        limits.pop("blob_bytes")
        equal(limits, {"message_bytes": 1048575, "body_bytes": 32768, "credit_messages": 64,
                       "credit_bytes": 1048576}, "limits")
    equal(welcomes[0]["epoch"], welcomes[1]["epoch"], "epoch")
    socket.fails("usage", "hello", versions=["2.0"], instance="a")
    caller.call("hello", versions=["2.0"], instance="a")


# -- attach, detach ----------------------------------------------------------------------------


@test()
def agents_attach_and_detach_within_their_instance(relay):
    """attach, detach: forbidden for another's agent, and for one that is not here."""
    socket, other = Socket(relay, "mini"), Socket(relay, "laptop")
    socket.fails("forbidden", "attach", agent="laptop/otto")
    equal(socket.call("attach", agent="mini/otto"),
          {"agent": "mini/otto", "waiting": 0, "receipts": 0, "new": True}, "result")
    equal(socket.call("attach", agent="mini/otto"),
          {"agent": "mini/otto", "waiting": 0, "receipts": 0}, "result, once more")
    otto = Agent(socket, "mini/otto", attach=False)
    for method, params in REQUIRED.items():
        with row(method):
            if method == "send":
                other.fails("forbidden", "send", envelope=otto.pack("mini/otto"))
                socket.fails("forbidden", "send",
                             envelope=otto.pack("mini/otto", **{"from": "mini/mira"}))
            elif method != "attach":
                other.fails("forbidden", method, **{**params, "agent": "mini/otto"})
                socket.fails("forbidden", method, **{**params, "agent": "mini/mira"})
    equal(otto.call("detach"), {}, "result of detach")
    otto.fails("forbidden", "detach")
    otto.fails("forbidden", "inbox")
    equal(Caller(relay).call("detach", agent="mini/otto"), {}, "result of detach over HTTP")
    Caller(relay).fails("forbidden", "dead.list")  # of all agents: the administrator's
    for method in ("trace", "dead.show", "dead.retry", "dead.drop"):
        Caller(relay).fails("forbidden", method, id="AAECAwQFBgcICQoLDA0ODw")


@test()
def what_an_agent_says_of_itself_is_shown_and_replaced(relay):
    """attach, agents: name, description, capabilities, metadata; the same over both transports."""
    socket, caller = Socket(relay, "mini"), Caller(relay)
    said = {"name": "Ottö", "description": "Reviews C\nand more", "capabilities": ["review", "c.99"],
            "metadata": {"model": "any", "n": [1.50, None, {"x": "\u0001"}]}}
    for way, address in ((socket, "mini/otto"), (caller, "mini/mira")):
        way.call("attach", agent=address, **said)
        shown = caller.agent(address)
        for name, value in said.items():
            equal(shown[name], value, name)
        equal((shown["status"], shown["waiting"]), ("online", 0), "status and waiting")
        way.call("attach", agent=address)
        equal({name: caller.agent(address)[name] for name in said}, said, "when nothing is said")
        way.call("attach", agent=address, description="Rests")
        shown = caller.agent(address)
        equal(shown["name"], address.split("/")[1], "name when another thing is said")
        holds("metadata" not in shown, f"what was said before: {shown}")
        equal(shown.get("capabilities", []), [], "capabilities")
    most = {"name": 128 * "x", "description": 1024 * "x", "metadata": {"x": 4088 * "x"},
            "capabilities": [f"{i:064}" for i in range(64)]}
    socket.call("attach", agent="mini/otto", **most)
    shown = caller.agent("mini/otto")
    for name, value in most.items():
        equal(shown[name], value, name)


@test()
def of_two_connections_the_newer_is_pushed_and_the_older_takes_over(relay):
    """attach: two connections with one agent; twice on one is a new beginning."""
    older, newer = Socket(relay, "mini"), Socket(relay, "mini")
    first, second = Agent(older, "mini/otto"), Agent(newer, "mini/otto")
    first.send("mini/otto", "one")
    message = second.message()
    equal(message.text, "one", "what the newer is pushed")
    holds(not older.has_note("message"), "the older was pushed it too")
    newer.cut()
    again = first.message()
    equal((again.id, again.attempts), (message.id, 1), "what the older is pushed then")
    Agent(older, "mini/otto")
    again = first.message()
    equal((again.id, again.attempts), (message.id, 2), "what it is pushed when it attaches anew")
    first.ack(again)
    equal(first.texts(), [], "inbox")


@test()
def a_newer_connection_begins_with_what_the_older_did_not_acknowledge(relay):
    """attach: the older one may have broken without a word, and order holds."""
    mira, older = Agent(Caller(relay), "laptop/mira"), Agent(Socket(relay, "mini"), "mini/otto")
    for text in ("one", "two", "three"):
        mira.send("mini/otto", text)
    first, second, third = older.messages(3)
    older.ack(second)
    newer = Agent(Socket(relay, "mini"), "mini/otto")
    mira.send("mini/otto", "four")
    found = newer.messages(3)
    equal([(message.text, message.attempts) for message in found],
          [("one", 1), ("three", 1), ("four", 0)], "what the newer is pushed")
    older.ack(first, third)  # too late: it is passed over
    equal(newer.conn.call("inbox", agent="mini/otto")["waiting"], 3, "waiting")
    newer.ack(*found)
    until(lambda: newer.conn.call("inbox", agent="mini/otto")["waiting"] == 0, "all of it taken")


@test()
def a_quiet_agent_is_pushed_nothing_but_receipts(relay):
    """attach, quiet: it sends, hears receipts, may receive; an agent that is here."""
    socket = Socket(relay, "mini")
    otto, mira = Agent(socket, "mini/otto", quiet=True), Agent(socket, "mini/mira")
    mira.send("mini/otto", "one")
    sent = otto.send("mini/mira", "two")
    mira.take(rung="seen")
    equal(otto.rungs(sent["id"], "seen"), ["accepted", "seen"], "rungs")
    holds(not socket.has_note("message", "mini/otto"), "a quiet agent was pushed a message")
    equal(socket.agent("mini/otto")["connected"], True, "connected")
    lease, messages = otto.receive()
    equal([m.text for m in messages], ["one"], "what it receives")
    equal(otto.call("ack", lease=lease), {}, "result of ack")
    equal(otto.texts(), [], "inbox")
    Agent(socket, "mini/otto")
    mira.send("mini/otto", "three")
    equal(otto.take().text, "three", "what it is pushed once it is loud")


@test()
def detached_or_gone_its_inbox_stays(relay):
    """detach: what it did not acknowledge goes back, with one more attempt."""
    socket, other = Socket(relay, "mini"), Socket(relay, "laptop")
    otto, mira = Agent(socket, "mini/otto"), Agent(other, "laptop/mira")
    mira.send("mini/otto", "one")
    equal(otto.message().attempts, 0, "attempts")
    otto.call("detach")
    mira.send("mini/otto", "two")
    equal(Agent(socket, "mini/otto").attached["waiting"], 2, "waiting")
    equal([(m.text, m.attempts) for m in otto.messages(2)], [("one", 1), ("two", 0)], "messages")
    shown = other.agent("mini/otto")
    equal((shown["connected"], shown["waiting"]), (True, 2), "connected and waiting")
    socket.drop()
    until(lambda: other.agent("mini/otto")["connected"] is False, "it is not connected")
    equal(other.agent("mini/otto")["status"], "online", "status: it was heard of just now")


# -- presence ----------------------------------------------------------------------------------


@test()
def presence_says_what_is_known_and_no_more(relay):
    """agents: connected, heard, polled, proven, each only once it is so."""
    caller = Caller(relay)
    relay.register("nele")
    socket = Socket(relay, "mini")
    otto = Agent(socket, "mini/otto")
    Agent(caller, "http/hugo")
    for address, connected in (("mini/otto", True), ("http/hugo", False), ("v1/nele", False)):
        shown = caller.agent(address)
        equal((shown["status"], shown["connected"]), ("online", connected), address)
        holds(abs(shown["heard"] - caller.call("agents")["time"]) < 5000, "heard")
        holds("polled" not in shown and "proven" not in shown, f"known too early: {shown}")
    before = caller.call("agents")["time"]
    caller.call("receive", agent="http/hugo")
    holds(caller.agent("http/hugo")["polled"] >= before, "polled")
    otto.send("mini/otto", "x")
    otto.send("v1/nele", "x")
    otto.take()
    holds(caller.agent("mini/otto")["proven"] >= before, "proven")
    holds("polled" not in caller.agent("mini/otto"), "an agent that is pushed was said to poll")
    equal(len(relay.poll("nele")), 1, "what nele polls")
    until(lambda: "proven" in caller.agent("v1/nele"), "nele's connection took it")
    holds(caller.agent("v1/nele")["polled"] >= before, "polled of v1")
    heard = caller.agent("http/hugo")["heard"]
    until(lambda: caller.call("agents")["time"] > heard + 3, "the clock moves")
    equal(caller.agent("http/hugo")["heard"], heard, "heard of one that is silent")
    caller.call("inbox", agent="http/hugo")
    holds(caller.agent("http/hugo")["heard"] > heard, "heard after a call")


@test()
def the_list_goes_on_page_by_page(relay):
    """agents: after, limit, capability, next."""
    socket, caller = Socket(relay, "m"), Caller(relay)
    for number in range(7):
        socket.call("attach", agent=f"m/{number}", capabilities=["even"] if number % 2 == 0 else [])
    relay.register("old")
    for way in (socket, caller):
        for params, wanted in (({}, [f"m/{n}" for n in range(7)] + ["v1/old"]),
                               ({"capability": "even"}, [f"m/{n}" for n in range(0, 7, 2)]),
                               ({"capability": "none"}, [])):
            for limit in (1, 2, 3, 4, 8, 1000):
                found, after, pages = [], {}, 0
                while pages < 20:
                    page = way.call("agents", limit=limit, **params, **after)
                    found += [agent["agent"] for agent in page["agents"]]
                    holds(len(page["agents"]) <= limit, "a page longer than its limit")
                    pages += 1
                    if "next" not in page:
                        break
                    after = {"after": page["next"]}
                equal(found, wanted, f"agents in pages of {limit} ({params})")


# -- send: addresses ---------------------------------------------------------------------------


@test()
def addresses_mean_whom_the_document_says(relay):
    """Addresses: an agent, v1/…, a bare name, cap:, topic:; nobody at once."""
    socket, caller = Socket(relay, "mini"), Caller(relay)
    mira, otto = Agent(socket, "mini/mira"), Agent(socket, "mini/otto", name="Otto the first")
    relay.register("nele", "pair/ed")
    for name, way in (("WebSocket", mira), ("HTTP", Agent(caller, "http/hugo"))):
        for to, became in (("mini/otto", "mini/otto"), ("v1/nele", "v1/nele"),
                           ("pair/ed", "pair/ed"), ("nele", "v1/nele")):
            with row(f"{name} to {to}"):
                equal(way.send(to, to)["to"], became, "to")
        for to in ("mini/nobody", "v1/nobody", "nobody", "cap:none", "v1/mini/otto2", "relay/x"):
            with row(f"{name} to {to}"):
                try:
                    way.send(to)
                    raise Failure("it was accepted")
                except Refused as refused:
                    wanted = ("malformed",) if to.startswith("relay/") else ("no_such_agent",)
                    holds(refused.name in wanted, f"refused as {refused.name}")
    equal([m.text for m in otto.messages(2)], ["mini/otto"] * 2, "what otto got")
    equal([m["task"] for m in relay.poll("nele")], ["v1/nele", "nele"] * 2, "what nele got")
    equal(relay.tasks("pair/ed"), ["pair/ed"] * 2, "what pair/ed got")


@test()
def a_bare_name_is_one_agent_or_ambiguous(relay):
    """Addresses: the one agent whose name, or id of v1, that is."""
    mini, laptop, caller = Socket(relay, "mini"), Socket(relay, "laptop"), Caller(relay)
    mira = Agent(laptop, "laptop/mira")
    Agent(mini, "mini/otto")
    equal(mira.send("otto")["to"], "mini/otto", "whom the name in its address means")
    Agent(laptop, "laptop/otto")
    for way in (laptop, caller):
        data = way.fails("ambiguous_name", "send", envelope=mira.pack("otto"))
        equal(sorted(data["candidates"]), ["laptop/otto", "mini/otto"], "candidates")
    relay.register("otto")
    data = laptop.fails("ambiguous_name", "send", envelope=mira.pack("otto"))
    equal(sorted(data["candidates"]), ["laptop/otto", "mini/otto", "v1/otto"], "candidates")
    Agent(mini, "mini/zed", name="Zed.1")
    equal(mira.send("Zed.1")["to"], "mini/zed", "whom the name that it says means")


@test()
def a_capability_means_the_least_loaded_that_is_online(relay):
    """Addresses, cap:."""
    socket, caller = Socket(relay, "m"), Caller(relay)
    mira = Agent(socket, "m/mira")
    quiet = [Agent(socket, f"m/{n}", capabilities=["review"], quiet=True) for n in range(3)]
    for count, agent in zip((2, 1, 3), quiet):
        for _ in range(count):
            mira.send(agent.address)
    equal([mira.send("cap:review")["to"] for _ in range(4)][0], "m/1", "the least loaded")
    loads = sorted(caller.agent(agent.address)["waiting"] for agent in quiet)
    equal(loads, [3, 3, 4], "loads after four more")
    quiet[0].call("attach", capabilities=["other"], quiet=True)
    for _ in range(4):
        holds(mira.send("cap:review")["to"] in ("m/1", "m/2"), "one that offers it no more")
    holds(mira.send("cap:other")["to"] == "m/0", "one that offers it now")
    mira.conn.fails("no_such_agent", "send", envelope=mira.pack("cap:Review"))


@test()
def a_topic_reaches_all_but_its_sender(relay):
    """Addresses, topic:; `recipients`, and no receipt; sent again."""
    socket = Socket(relay, "m")
    agents = [Agent(socket, f"m/{n}") for n in range(4)]
    result = agents[0].send("topic:release", "soon", thr="t")
    equal((result["to"], result["recipients"]), ("topic:release", 3), "to and recipients")
    for agent in agents[1:]:
        message = agent.message()
        equal((message.text, message.header["to"]), ("soon", "topic:release"), "message")
        agent.ack(message, rung="seen")
    agents[0].fails("not_found", "trace", id=result["id"])
    holds(not socket.has_note("receipt"), "a message for a topic had a receipt")
    equal(agents[0].texts(), [], "the sender's inbox")
    again = agents[0].post(agents[0].pack("topic:release", id=result["id"], seq=1))
    equal((again["duplicate"], again["to"]), (True, "topic:release"), "sent again")


# -- send: envelopes ---------------------------------------------------------------------------


def broken_headers(agent):
    """Headers that must be refused, and why (The envelope)."""
    good = agent.header("a/otto", seq=1)
    now = good["iat"]
    for name in ("typ", "from", "to", "id", "iat", "exp", "str", "seq"):
        yield f"without {name}", {key: value for key, value in good.items() if key != name}
    changes = {"typ": ["JWT", 7], "from": ["otto", "v1/otto", "relay/nobody", "cap:x", 7],
               "to": ["", "relay/x", "a/b/c", "cap:", "topic:", 7],
               "id": [22 * "A", new_id()[:-1], new_id() + "A", new_id()[:-1] + "B", 7, ""],
               "iat": [now + 300, -1, 1.5, "1", 2**53], "exp": [now, now - 1, now + 604801, 1.0e3],
               "re": ["x", 22 * "A"], "cty": ["", 7, "a\nb"], "str": ["AAAA", 12 * "A", 7],
               "seq": [0, -1, 1.5, 2**53], "thr": ["", 129 * "x", 7], "pri": [4, -1, "0", 1.5],
               "dl": [now - 1, "x"], "root": [22 * "A"], "hops": [1, 256, -1],
               "reply_to": ["", "relay/x"], "crit": [["x"]], "alg": ["none"],
               "kid": ["x"], "unknown": [1], "TYP": ["x"]}
    for name, values in changes.items():
        for value in values:
            yield f"{name} {value!r}", {**good, name: value}
    yield "root without hops", {**good, "root": new_id()}
    text = compact(good)
    yield "a member twice", (text[:-1] + ',"seq":1}').encode()
    yield "a fraction", text.replace('"seq":1', '"seq":1.0').encode()
    yield "an exponent", text.replace('"seq":1', '"seq":1e0').encode()
    yield "no object", b"[]"
    yield "no JSON", b"{"
    yield "not UTF-8", text.encode()[:-2] + b'\xff"}'
    yield "2049 bytes", (text[:-1] + (2049 - len(text)) * " " + "}").encode()


@test()
def headers_that_break_a_rule_are_refused(relay):
    """The envelope: anything else in it is refused."""
    for name, way in both(relay):
        agent = Agent(way, "any/" + name)
        for why, header in broken_headers(agent):
            with row(why):
                try:
                    result = agent.post(packed(header, b"x"))
                    raise Failure(f"it was accepted: {result}")
                except Refused as refused:
                    holds(refused.name in ("malformed", "missing_field"), f"as {refused.name}")
                    equal(refused.error["code"], -32602, "code")
        good = agent.pack(agent.address)
        group = agent.pack(agent.address, alg="HS256", kid="group")
        for why, envelope in (("a signature that the header does not know", signed(good, "s")),
                              ("a third member", {**good, "sig": "x"}),
                              ("no signature", group),
                              ("half a signature", {**group, "signature": "AAAA"}),
                              ("alg alone", signed(agent.pack(agent.address, alg="HS256"), "s")),
                              ("alg none", signed(agent.pack(agent.address, alg="none",
                                                             kid="group"), "s")),
                              ("no payload", {"protected": good["protected"]}),
                              ("padding", {**good, "payload": "eA=="}),
                              ("not canonical", {**good, "payload": "eB"}),
                              ("a number", {**good, "payload": 7}), ("a list", [])):
            with row(why):
                try:
                    result = agent.post(envelope)
                    raise Failure(f"it was accepted: {result}")
                except Refused as refused:
                    holds(refused.name in ("malformed", "missing_field"), f"as {refused.name}")
        equal(agent.texts(), [], "inbox")
        text = compact(agent.header(agent.address))
        agent.post(packed((text[:-1] + (2048 - len(text)) * " " + "}").encode(), b"2048"))
        equal(agent.texts(), ["2048"], "inbox: a header of 2048 bytes")
        lease, _ = agent.receive() if way.is_http else (None, None)
        agent.call("ack", lease=lease) if way.is_http else agent.take()


@test()
def an_envelope_arrives_as_it_was_sent(relay):
    """The envelope: the relay passes both strings on as they came; bodies up to 32 768 bytes."""
    for name, way in both(relay):
        agent = Agent(way, "any/" + name)
        for body in (b"", b"\0\xff", os.urandom(32768), "Ümlaut".encode()):
            now = int(time.time())
            header = {"cty": "application/x-any", "thr": "t" * 128, "pri": 1, "dl": now + 60,
                      "re": new_id(), "reply_to": "topic:any", "exp": now + 604800, "iat": now,
                      "typ": "clawlink-msg+jws", "seq": next(agent.seq), "str": agent.stream,
                      "id": new_id(), "to": agent.address, "from": agent.address}
            envelope = packed(json.dumps(header).encode(), body)
            result = agent.post(envelope)
            equal((result["id"], result["to"], result["status"], result["duplicate"]),
                  (header["id"], agent.address, "accepted", False), "result")
            lease, messages = agent.receive() if way.is_http else (None, [agent.message()])
            equal(messages[0].envelope, envelope, f"{name}: envelope")
            equal(messages[0].relay["trust"], "relay", "trust")
            holds(abs(messages[0].relay["accepted"] - time.time() * 1000) < 5000, "accepted")
            agent.call("ack", lease=lease) if lease else agent.ack(messages[0])
        way.fails("too_large", "send", envelope=agent.pack(agent.address, 32769 * b"x"))


@test()
def a_signed_envelope_arrives_as_it_was_sent(relay):
    """Signed envelopes: the relay passes on what it cannot judge, right or wrong."""
    for name, way in both(relay):
        agent = Agent(way, "any/" + name)
        envelope = signed(agent.pack(agent.address, "Ümlaut", alg="HS256", kid="group"), "secret")
        forged = {**agent.pack(agent.address, "forged", alg="HS256", kid="group"),
                  "signature": envelope["signature"]}
        for sent in (envelope, forged):
            agent.post(sent)
            equal([message.envelope for message in agent.inbox()], [sent], f"{name}: inbox")
            _, (message,) = agent.receive() if way.is_http else (None, [agent.message()])
            equal(message.envelope, sent, f"{name}: envelope")
            equal(message.relay["trust"], "relay", "trust")
            agent.call("refuse", at=message.at, reason="no")
            equal(agent.call("dead.show", id=message.id)["envelope"], sent, f"{name}: dead.show")
        agent.call("dead.retry", id=message.id)
        equal([message.envelope for message in agent.inbox()], [forged], f"{name}: sent again")
        lease, _ = agent.receive() if way.is_http else (None, None)
        agent.call("ack", lease=lease) if lease else agent.take()


# -- send: again -------------------------------------------------------------------------------


@test()
def sent_again_is_a_duplicate_however_it_comes(relay):
    """Sending again: by from, str and seq, over another connection, after it was taken, too."""
    socket, caller = Socket(relay, "mini"), Caller(relay)
    mira, otto = Agent(socket, "mini/mira"), Agent(socket, "mini/otto")
    first = mira.pack("mini/otto", "once")
    result = mira.post(first)
    for post in (mira.post, lambda envelope: caller.call("send", envelope=envelope)):
        equal(post(first), {**result, "duplicate": True}, "the answer to the same again")
    message = otto.message()
    socket.cut()
    socket = Socket(relay, "mini")
    mira.conn = otto.conn = socket
    for agent in (mira, otto):
        agent.call("attach")
    equal(mira.post(first)["duplicate"], True, "sent again over another connection")
    equal(otto.take(rung="seen").id, message.id, "what is handed out again")
    again = mira.post(first)
    equal((again["duplicate"], again["status"]), (True, "seen"), "sent again after it was taken")
    equal(otto.texts(), [], "inbox: nothing was queued")
    other = mira.post(mira.pack("mini/otto", "other", seq=1))
    equal(other["duplicate"], True, "another message with a number that was used")


@test()
def a_duplicate_is_answered_as_the_first_was(relay):
    """Sending again: `to` is who it became then, and nobody else has to be there any more."""
    socket, caller = Socket(relay, "mini"), Caller(relay)
    mira = Agent(socket, "mini/mira")
    Agent(socket, "mini/otto", capabilities=["review"], quiet=True)
    first = mira.pack("cap:review", "once")
    equal(mira.post(first)["to"], "mini/otto", "to")
    named = mira.pack("otto", "twice")
    equal(mira.post(named)["to"], "mini/otto", "to")
    other = Socket(relay, "other")
    Agent(other, "other/otto", capabilities=["review"], quiet=True)
    for envelope in (first, named):
        for post in (mira.post, lambda envelope: caller.call("send", envelope=envelope)):
            again = post(envelope)
            equal((again["to"], again["duplicate"]), ("mini/otto", True), "when others would do")
    socket.call("attach", agent="mini/otto")
    other.call("attach", agent="other/otto")
    again = mira.post(first)
    equal((again["to"], again["duplicate"]), ("mini/otto", True), "when nobody would do")


@test()
def numbers_and_streams_end_where_the_document_says(relay):
    """Sending again: the last 8192 numbers of a stream, the 4 streams used last."""
    socket = Socket(relay, "mini")
    mira = Agent(socket, "mini/mira")
    Agent(socket, "mini/otto", quiet=True)
    streams = [b64(os.urandom(8)) for _ in range(5)]

    def send(stream, seq):
        return mira.post(mira.pack("mini/otto", str=streams[stream], seq=seq))["duplicate"]

    for seq, is_known in ((1, False), (9000, False), (8999, False), (809, False), (808, True),
                          (1, True), (9000, True), (809, True), (2**53 - 1, False), (9000, True)):
        with row(f"number {seq}"):
            equal(send(0, seq), is_known, "duplicate")
    for stream in (1, 2, 3):
        equal(send(stream, 1), False, "a new stream")
    equal(send(0, 2**53 - 1), True, "the first of four streams")
    equal(send(0, 2**53 - 3), False, "a number that it had not used")
    equal(send(4, 1), False, "a fifth stream")
    for _ in range(2):
        socket.fails("stale", "send", envelope=mira.pack("mini/otto", str=streams[1], seq=2))
    Caller(relay).fails("stale", "send", envelope=mira.pack("mini/otto", str=streams[1], seq=1))
    equal(send(0, 2**53 - 2), False, "the stream that was used after it")


# -- limits ------------------------------------------------------------------------------------


@test("--inbox-messages", "10")
def a_full_inbox_and_an_unfair_share_are_refused(relay):
    """Limits: half of an inbox for one sender, then `fair_share`; full, then `inbox_full`."""
    socket, caller = Socket(relay, "m"), Caller(relay)
    Agent(socket, "m/otto", quiet=True)
    for name in ("m/a", "m/b"):
        sender = Agent(socket, name)
        for number in range(5):
            sender.send("m/otto", str(number))
        wanted = "fair_share" if name == "m/a" else "inbox_full"
        envelope = sender.pack("m/otto", "more")
        for way in (socket, caller):
            way.fails(wanted, "send", envelope=envelope)
        if name == "m/a":
            first, refused = sender, envelope
    lease, messages = Agent(caller, "m/otto", attach=False).receive(max=1)
    caller.call("ack", agent="m/otto", lease=lease)
    equal([m.sender for m in messages], ["m/a"], "senders of messages taken")
    socket.fails("fair_share", "send", envelope=envelope)
    equal(first.post(refused)["duplicate"], False, "what was refused may be sent again")


@test("--all-inboxes-bytes", "200000")
def full_inboxes_are_refused_together(relay):
    """Limits: all inboxes, then `storage_full`, for one agent and for a topic."""
    socket, caller = Socket(relay, "m"), Caller(relay)
    otto = Agent(socket, "m/otto", quiet=True)
    senders = [Agent(socket, "m/a"), Agent(socket, "m/b")]
    try:
        for number in range(100):
            senders[number % 2].send("m/otto", 10000 * b"x")
        raise Failure("a hundred were taken")
    except Refused as refused:
        equal((refused.name, refused.error["data"]["retry"]), ("storage_full", True), "refusal")
    for to in ("m/otto", "topic:any"):
        envelope = senders[0].pack(to, 10000 * b"x")
        for way in (socket, caller):
            way.fails("storage_full", "send", envelope=envelope)
    lease, messages = otto.receive(max=4)
    otto.call("ack", lease=lease)
    equal((len(messages), senders[0].post(envelope)["duplicate"]), (4, False), "once there is room")


@test("--rate", "2")
def a_sender_that_is_too_fast_is_told_when_to_come_back(relay):
    """Errors: rate_limited, with retry_after and, over HTTP, Retry-After."""
    for name, way in both(relay, "m/otto"):
        sender, refusals = Agent(way, f"m/otto"), []
        for _ in range(40):
            try:
                sender.send("m/otto")
            except Refused as refused:
                equal(refused.name, "rate_limited", f"{name}: error")
                refusals.append(refused.error["data"]["retry_after"])
                break
        holds(refusals and 1 <= refusals[0] <= 60, f"retry_after {refusals}")
    text = compact({"jsonrpc": "2.0", "id": 1, "method": "send",
                    "params": {"envelope": sender.pack("m/otto")}})
    answers = []
    until(lambda: answers.append(relay.post("/v2", text.encode())) or
          answers[-1].status_code == 429, "it is refused")
    holds(int(answers[-1].headers["Retry-After"]) >= 1, "Retry-After")


@test()
def of_many_new_agents_only_so_many_are_told(relay):
    """agent.joined: of more than 100 within a second nobody is told of the rest."""
    watcher, crowd = Socket(relay, "watcher"), Socket(relay, "crowd")
    began = time.monotonic()
    calls = [crowd.begin("attach", agent=f"crowd/a{i}") for i in range(300)]
    for call in calls:
        crowd.end(call)
    seconds = time.monotonic() - began
    watcher.has_note("agent.joined")  # all that were sent are here now
    told = sum(note["method"] == "agent.joined" for note in watcher.notes)
    holds(100 <= told <= 100 * (int(seconds) + 2), f"{told} were told in {seconds:.1f} s")
    equal(len(watcher.call("agents")["agents"]), 300, "agents listed")


main()
