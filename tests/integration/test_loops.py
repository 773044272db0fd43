# SPDX-License-Identifier: MIT
"""Agents that answer whatever they get, for ever, if nobody stopped them (docs/protocol/v2.md,
Loops): where exactly they are stopped, and how that is told.
"""
import contextlib
import json

from support import UPGRADE, Failure, Http, Relay, WebSocket, equal, holds, main, refused, test
from v2_support import Agent, Caller, Refused, Socket, compact, new_id, row, rungs_of, unb64

HOPS, MESSAGES, MINUTE = 8, 200, 30            # of a declared chain
INHERITED_HOPS, INHERITED_MESSAGES = 64, 10000  # of one that nobody declares
RINGS = range(2, 21)


# -- agents that echo --------------------------------------------------------------------------


class V1Poll:
    """An agent of v1 that polls; what it took is acknowledged by its next request."""
    declares = False

    def __init__(self, relay, name):
        self.address, self.id = "v1/" + name, name
        self.http = Http(relay)
        self.ask("POST", "/register", {"agent_id": name})

    def ask(self, verb, path, body=b""):
        return self.http.ask(verb, path, body)

    def start(self, target):
        return self.go_on(target)

    def take(self):
        answer = self.ask("GET", "/poll/" + self.id + "?wait=10").json()
        equal(answer["count"], 1, "messages polled")

    def go_on(self, target):
        """Sends on; the refusal or None."""
        answer = self.ask("POST", "/delegate", {"from_agent": self.id, "task": "and you?",
                                                "to_agent": target.removeprefix("v1/")})
        if answer.status == 200:
            return None
        refused(answer, 429, code="loop_limit")
        holds(int(answer.headers["retry-after"]) >= 1, "Retry-After")
        return "loop_limit"


class V1Socket(V1Poll):
    """An agent of v1 on a WebSocket; a pong acknowledges."""

    def __init__(self, relay, name):
        super().__init__(relay, name)
        self.socket = WebSocket(relay, name, pong=False)

    def take(self):
        while self.socket.message()["type"] == "agent_joined":
            pass
        self.socket.settled()

    def go_on(self, target):
        self.socket.say({"type": "delegate", "to_agent": target.removeprefix("v1/"), "task": "?"})
        refusal = self.heard_until(b"taken")
        # What is committed behind it says that it was committed too, or refused.
        self.ask("POST", "/delegate", {"from_agent": "barrier", "to_agent": "sink", "task": "x"})
        return refusal or self.heard_until(b"committed")

    def heard_until(self, marker):
        """Is there a refusal before the pong to a ping with that payload?"""
        refusal = None
        self.socket.write(9, marker)
        while True:
            opcode, payload = self.socket.read()
            if (opcode, payload) == (10, marker):
                return refusal
            if opcode == 9:
                self.socket.write(10, payload)
            elif json.loads(payload)["type"] == "error":
                equal(json.loads(payload)["code"], "loop_limit", "code of the refusal")
                refusal = "loop_limit"


class V2:
    """An agent of v2, on a WebSocket or over HTTP. One that declares says the chain; else it says
    nothing of it."""
    declares = False

    def __init__(self, relay, name, way=Socket):
        self.agent = Agent(way(relay, "ring") if way is Socket else way(relay), "ring/" + name)
        self.address, self.last = self.agent.address, None

    def take(self):
        if self.agent.conn.is_http:
            lease, messages = self.agent.receive(wait=10)
            self.last = messages[0]
            self.agent.call("ack", lease=lease)
        else:
            self.last = self.agent.take()

    def chain(self):
        return {}

    def start(self, target):
        self.agent.send(target, "hello")

    def go_on(self, target):
        try:
            self.agent.send(target, "and you?", **self.chain())
        except Refused as error:
            equal((error.name, error.error["code"], error.error["data"]["retry"]),
                  ("loop_limit", 429, False), "refusal")
            return error.name
        return None


class V2Http(V2):
    def __init__(self, relay, name):
        super().__init__(relay, name, Caller)


class V2Declaring(V2):
    declares = True

    def chain(self):
        return self.last.follow()


class V2Lying(V2):
    """Says that it is always the first step."""
    declares = True

    def chain(self):
        return {**self.last.follow(), "hops": 1}


def run_ring(relay, kinds, prefix):
    """Gives how many messages were accepted before one was refused."""
    agents = [kind(relay, f"{prefix}-{at}") for at, kind in enumerate(kinds)]
    holds(not agents[0].start(agents[1].address), "the first message was refused")
    accepted = 1
    while accepted < 100:
        sender = agents[accepted % len(agents)]
        sender.take()
        if sender.go_on(agents[(accepted + 1) % len(agents)].address):
            shown = Caller(relay).call("agents")["agents"]
            waiting = sum(agent["waiting"] for agent in shown)
            equal(waiting, 0, "messages that are still under way")
            return accepted
        accepted += 1
    raise Failure("nothing stops it")


def expected(kinds):
    """Of a ring: message n is n hops from the first, and its sender may have a limit of its own."""
    at = 1
    while at <= (HOPS if kinds[at % len(kinds)].declares else INHERITED_HOPS):
        at += 1
    return at


def rings(kinds_of):
    """Rings of all sizes on one relay."""
    with Relay() as relay:
        for size in RINGS:
            kinds = kinds_of(size)
            with row(f"{size} agents"):
                equal(run_ring(relay, kinds, str(size)), expected(kinds), "accepted messages")
            relay.hang_up()


@test(relay=False)
def rings_of_v1_stop_after_64_hops():
    """Inherited: 64 hops behind the first message; polled, pushed, and both."""
    equal(expected([V1Poll]), 65, "messages")
    rings(lambda size: [(V1Poll, V1Socket)[at % 2] for at in range(size)])


@test(relay=False)
def rings_of_v2_that_declare_nothing_stop_after_64_hops():
    """Inherited: a message without root belongs to the chain of what its sender acknowledged."""
    rings(lambda size: [(V2, V2Http)[at % 2] for at in range(size)])


@test(relay=False)
def rings_of_v2_that_declare_stop_after_8_hops():
    """Declared: 8 hops; who says fewer than there were is put where it belongs."""
    equal(expected([V2Declaring]), 9, "messages")
    rings(lambda size: [V2Declaring] * size)
    rings(lambda size: [V2Lying if size % 2 else (V2Lying, V2Declaring)[at % 2]
                        for at in range(size)])


@test(relay=False)
def mixed_rings_stop_where_the_next_that_declares_stands():
    """v1 inherits what v2 has declared, and the reverse."""
    kinds = (V1Poll, V2Declaring, V1Socket, V2, V2Http)
    rings(lambda size: [kinds[at % len(kinds)] for at in range(size)])
    rings(lambda size: [V2Declaring] + [V1Poll] * (size - 1))


# -- two that answer each other ----------------------------------------------------------------


def swift(relay, *names):
    """Connections that are quick enough for ten thousand steps; names of an instance `a`."""
    raw = WebSocket.__new__(WebSocket)
    Http.__init__(raw, relay)
    raw.pong, raw.pings = True, []
    raw.send(raw.request("GET", "/v2", fields=UPGRADE))
    equal(raw.answer(head_only=True).status, 101, "status")
    raw.say({"jsonrpc": "2.0", "id": 0, "method": "hello",
             "params": {"versions": ["2.0"], "instance": "a"}})
    equal(raw.message()["id"], 0, "id")
    for name in names:
        raw.say({"jsonrpc": "2.0", "id": 0, "method": "attach", "params": {"agent": name}})
        equal(raw.message()["id"], 0, "id")
    return raw


def count_answers(relay, chain_of, limit, thread=None, names=("a/left", "a/right")):
    """Two agents that answer each other by `re` on one connection; gives how many messages were
    accepted, and the refusal's name. chain_of(message) is what the answer says of its chain."""
    raw, agents = swift(relay, *names), {}
    for name in names:
        agents[name] = Agent(None, name, attach=False)

    def send(number, sender, target, **more):
        envelope = agents[sender].pack(target, "x", thr=thread, **more)
        raw.say({"jsonrpc": "2.0", "id": number, "method": "send", "params": {"envelope": envelope}})

    send(1, *names)
    accepted = 0
    while accepted <= limit:
        heard = raw.message()
        if "error" in heard:
            return accepted, heard["error"]["data"]["error"]
        if "result" in heard:
            accepted += 1
        elif heard["method"] == "message":
            params = heard["params"]
            header = json.loads(unb64(params["envelope"]["protected"]))
            raw.say({"jsonrpc": "2.0", "method": "ack", "params": {
                "agent": params["agent"], "ranges": [params["at"] + params["at"][1:]]}})
            send(accepted + 2, params["agent"], header["from"], re=header["id"],
                 **chain_of(params, header))
    raise Failure("nothing stops them")


def answering(params, header):
    """An answer's chain, as Loops wants it declared."""
    chain = params["relay"].get("chain") or {"root": header["id"], "hops": 0}
    return {"root": chain["root"], "hops": chain["hops"]}


@test(seconds=120)
def answers_end_at_200_messages_and_30_a_minute(relay):
    """Declared: an answer counts as a message of the chain, and as no hop."""
    equal(count_answers(relay, answering, 1000), (MESSAGES, "loop_limit"), "without a thread")
    # The first one declares nothing, so that it is none of the thirty.
    equal(count_answers(relay, answering, 1000, "t", ("a/up", "a/down")),
          (1 + MINUTE, "loop_limit"), "in one thread")


@test("--inherited-messages", "500", seconds=120)
def answers_that_declare_nothing_end_at_the_limit_of_inherited_chains(relay):
    """Inherited: counted messages, no hops; --inherited-messages."""
    equal(count_answers(relay, lambda *_: {}, 10000), (500, "loop_limit"), "messages")


@test(seconds=120)
def answers_that_declare_nothing_end_at_10_000_messages(relay):
    """Inherited: 10 000 messages."""
    equal(count_answers(relay, lambda *_: {}, 20000), (INHERITED_MESSAGES, "loop_limit"), "messages")


@test("--inherited-messages", "300", seconds=60)
def responses_of_v1_end_there_too(relay):
    """Two agents of v1 that respond to each other."""
    agents = [V1Poll(relay, "left"), V1Poll(relay, "right")]
    agents[0].start("right")
    for count in range(1, 1000):
        one, other = agents[count % 2], agents[(count + 1) % 2]
        one.take()
        answer = one.ask("POST", "/respond", {"from_agent": one.id, "to_agent": other.id,
                                              "result": "x", "status": "in_progress"})
        if answer.status != 200:
            refused(answer, 429, code="loop_limit")
            equal(count, 300, "accepted messages")
            return
    raise Failure("nothing stops them")


# -- the limits one by one ---------------------------------------------------------------------


@test()
def a_chain_has_200_messages_however_wide_it_is(relay):
    """Declared: 200 messages in one chain; others go on."""
    socket = Socket(relay, "a")
    hub, leaf = Agent(socket, "a/hub"), Agent(socket, "a/leaf", quiet=True)
    root = hub.send("a/leaf", "root")["id"]
    for number in range(2, MESSAGES + 1):
        hub.send("a/leaf", str(number), root=root, hops=1 + number % HOPS)
    for _ in range(2):
        with contextlib.suppress(Refused):
            hub.send("a/leaf", "more", root=root, hops=1)
            raise Failure("a 201st message was taken")
    socket.fails("loop_limit", "send", envelope=hub.pack("a/leaf", root=root, hops=1))
    last = leaf.receive()[1][-1]
    equal((last.text, last.chain["count"], last.chain["root"]), ("200", 200, root), "the last")
    equal(hub.send("a/leaf", "new", root=new_id(), hops=1)["status"], "accepted", "another chain")
    own = new_id()
    equal(hub.send("a/leaf", "own", id=own, root=own, hops=0)["status"], "accepted", "a new one")


@test("--chain-hops", "2", "--chain-messages", "5", "--thread-rate", "3")
def the_limits_of_declared_chains_are_options(relay):
    """Declared: hops, messages, and messages a minute in one thread, whoever's they are."""
    socket = Socket(relay, "a")
    hub, other = Agent(socket, "a/hub"), Agent(socket, "a/other")
    leaf = Agent(socket, "a/leaf", quiet=True)

    def follows(agent, root, hops, **more):
        try:
            return agent.send("a/leaf", root=root, hops=hops, **more)["id"]
        except Refused as error:
            equal((error.name, error.error["data"]["retry"]), ("loop_limit", False), "refusal")
            return None

    root = new_id()
    equal([bool(follows(hub, root, hops)) for hops in (1, 2, 3, 2, 2, 2, 2)],
          [True, True, False, True, True, False, False], "hops, then messages")
    root = new_id()
    equal([bool(follows(agent, root, 1, thr="t")) for agent in (hub, other, hub, other, hub)],
          [True] * 3 + [False] * 2, "messages in one thread")
    holds(follows(other, new_id(), 1, thr="t"), "a stranger in a thread of that name was refused")
    holds(follows(hub, new_id(), 1, thr="another"), "another thread was refused")
    holds(hub.send("a/leaf", thr="t")["id"], "one that declares nothing was refused")
    equal(len(leaf.receive()[1]), 10, "messages that came")


@test()
def the_chain_stands_beside_a_message(relay):
    """message, chain: root, hops, count; an answer has the hops of what it answers."""
    left, right = Agent(Socket(relay, "a"), "a/left"), Agent(Socket(relay, "a"), "a/right")
    root = left.send("a/right", "root")["id"]
    message = right.take()
    equal(message.chain, None, "chain of the first message")
    step = right.send("a/left", "step", **message.follow())["id"]
    message = left.take()
    equal(message.chain, {"root": root, "hops": 1, "count": 2}, "chain of one that follows")
    left.send("a/right", "answer", re=step, root=root, hops=1)
    message = right.take()
    equal(message.chain, {"root": root, "hops": 1, "count": 3}, "chain of its answer")
    left.send("a/right", "forged", re=new_id(), root=root, hops=1)
    equal(right.take().chain, {"root": root, "hops": 2, "count": 4},
          "chain of an answer to nothing, put where it belongs")
    equal(right.trace(step)["chain"], {"root": root, "hops": 1, "count": 4}, "chain in a trace")


@test()
def what_a_sender_never_took_is_not_its_chain(relay):
    """Inherited: of the message that its sender has last acknowledged."""
    left, right = Agent(Socket(relay, "a"), "a/left"), Agent(Socket(relay, "a"), "a/right")
    first = left.send("a/right", "one")["id"]
    message = right.message()
    right.send("a/left", "before")
    equal(left.take().chain, None, "chain before the acknowledgement")
    right.ack(message)
    right.send("a/left", "after")
    equal(left.message().chain, {"root": first, "hops": 1, "count": 2}, "chain after it")
    equal(rungs_of(left.trace(first)), ["accepted", "delivered"], "rungs")


main()
