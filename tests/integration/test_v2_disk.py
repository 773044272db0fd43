# SPDX-License-Identifier: MIT
"""Protocol v2 with --data (docs/protocol/v2.md, Sending again, Handed out again, Receipts): what a
relay that was killed, or stopped, still knows when it is back.
"""
import contextlib
import os
import shutil
import signal
import tempfile
import time

from support import Http, Relay, equal, holds, main, test
from v2_support import Agent, Caller, Raw, Socket, b64, compact, new_id, row, rungs_of, until

os.environ.pop("CLAWLINK_RELAY_CMD", None)  # these are about clawlink's own journal


class Place:
    """A folder, and the relays that serve from it one after the other."""

    def __init__(self, folder, options):
        self.data, self.options, self.relay = os.path.join(folder, "data"), options, None
        self.start()

    def start(self):
        self.relay = Relay("--data", self.data, *self.options)

    def again(self, way=signal.SIGKILL):
        """Ends the relay in that way, and starts the next."""
        if way == signal.SIGKILL:
            self.relay.signal(way)
            self.relay.process.wait()
        else:
            equal(self.relay.stop(way), 0, "exit status")
        self.end()
        self.start()

    def end(self):
        self.relay.hang_up()
        self.relay.kill()
        self.relay.clean()

    def agent(self, address, **params):
        return Agent(Socket(self.relay, address.split("/")[0]), address, **params)


@contextlib.contextmanager
def place(*options):
    folder = tempfile.mkdtemp(prefix="clawlink-v2-disk-")
    served = Place(folder, options)
    try:
        yield served
    finally:
        served.end()
        shutil.rmtree(folder, ignore_errors=True)


def back(agent, relay, **params):
    """The same agent, with its stream and numbers, on a new connection."""
    agent.conn = Socket(relay, agent.address.split("/")[0])
    agent.attached = agent.call("attach", **params)
    return agent


ENDS = (signal.SIGKILL, signal.SIGTERM)


@test(relay=False)
def connection_that_is_closing_takes_nothing():
    """What was never sent to it counts no attempt."""
    with place() as served:
        relay, sender = served.relay, Agent(Caller(served.relay), "http/mira")
        late = Http(relay)
        call = {"jsonrpc": "2.0", "id": 1, "method": "send",
                "params": {"envelope": sender.pack("mini/b", "late")}}
        request = late.request("POST", "/v2", compact(call).encode())
        late.send(request[:-1])
        raw = Raw(relay, "mini/b")  # by now it has read that
        relay.signal(signal.SIGTERM)
        equal(raw.close_code(), 1012, "the relay has begun to close")
        late.send(request[-1:])
        equal(late.answer().status, 200, "status of a send on its way")
        raw.write(8)
        raw.rest()
        equal(relay.process.wait(), 0, "exit status")
        served.end()
        served.start()
        _, (message,) = Agent(Caller(served.relay), "mini/b").receive()
        equal((message.text, message.attempts), ("late", 0), "what comes, and how often before")


@test(relay=False)
def what_was_accepted_is_handed_out_once_it_is_back():
    """Handed out again: across a restart too, from the oldest on, what was not acknowledged."""
    for way in ENDS:
        with place() as served, row(str(way)):
            mira, otto = served.agent("mini/mira"), served.agent("mini/otto")
            equal(mira.conn.welcome["durability"], "disk", "durability")
            ids = [mira.send("mini/otto", text)["id"] for text in "abc"]
            ids.append(mira.send("mini/otto", "urgent", pri=0, thr="t", attempts=9)["id"])
            messages = otto.messages(4)
            otto.ack(messages[1], rung="seen")
            envelopes = {message.id: message.envelope for message in messages}
            epoch = otto.conn.welcome["epoch"]
            served.again(way)
            back(otto, served.relay)
            holds(otto.conn.welcome["epoch"] != epoch, "a new start has the old epoch")
            equal(otto.attached["waiting"], 3, "waiting")
            again = otto.messages(3)
            equal([m.text for m in again], ["urgent", "a", "c"], "what is handed out again")
            for message in again:
                equal(message.envelope, envelopes[message.id], "envelope")
            equal(otto.trace(ids[3])["thread"], "t", "thread in a trace")
            equal(rungs_of(otto.trace(ids[1])), ["accepted", "seen"], "rungs of what was taken")


@test(relay=False)
def what_is_sent_again_after_a_restart_is_accepted_once():
    """Sending again: whether the answer was lost or the message, the same envelope again is one
    message; windows, their ends and displaced streams are remembered."""
    with place() as served:
        mira, otto = served.agent("mini/mira"), served.agent("mini/otto", quiet=True)
        streams = [b64(os.urandom(8)) for _ in range(5)]
        for stream in streams:
            mira.post(mira.pack("mini/otto", str=stream, seq=9000))
        envelopes = [mira.pack("mini/otto", str(number)) for number in range(50)]
        for number, envelope in enumerate(envelopes):
            mira.conn.begin("send", envelope=envelope)
            if number == 25:
                mira.conn.call("agents")  # about there it is killed, with answers under way
        served.again()
        back(mira, served.relay)
        otto = back(otto, served.relay, quiet=True)
        answers = [mira.post(envelope) for envelope in envelopes]
        known = [answer["duplicate"] for answer in answers]
        equal(known, sorted(known, reverse=True), "those that came first are those that are known")
        equal([answer["to"] for answer in answers], ["mini/otto"] * 50, "to")
        equal(otto.texts()[5:], [str(number) for number in range(50)], "inbox: each one once")
        served.again(signal.SIGTERM)
        back(mira, served.relay)
        equal([mira.post(envelope)["duplicate"] for envelope in envelopes], [True] * 50, "again")
        for stream, seq, duplicate in ((4, 9000, True), (4, 8999, False), (4, 808, True),
                                       (3, 9001, False)):
            with row(f"stream {stream}, number {seq}"):
                answer = mira.post(mira.pack("mini/otto", str=streams[stream], seq=seq))
                equal(answer["duplicate"], duplicate, "duplicate")
        for stream in (0, 1):
            mira.conn.fails("stale", "send",
                            envelope=mira.pack("mini/otto", str=streams[stream], seq=9001))


@test(relay=False)
def receipts_and_their_cursor_outlive_a_kill():
    """Receipts: nothing is missed while relay and sender were away; versions go on rising."""
    with place() as served:
        mira, otto = served.agent("mini/mira"), served.agent("mini/otto")
        ids = [mira.send("mini/otto", text)["id"] for text in "abcd"]
        messages = otto.messages(4)
        otto.ack(messages[0], rung="seen", proof="transcript")
        cursor = mira.receipt(ids[0], lambda r: "seen" in rungs_of(r))["version"]
        mira.conn.cut()
        otto.ack(messages[1])
        otto.call("refuse", at=messages[2].at, reason="no")
        otto.call("report", id=ids[0], outcome="failed", reason="red")
        before = [otto.trace(message_id) for message_id in ids]
        for way in ENDS:
            served.again(way)
            back(mira, served.relay, receipts_after=cursor)
            equal([mira.trace(message_id) for message_id in ids], before, "traces")
            mira.receipts.clear()
            equal(mira.ended(ids[0])["reason"], "red", "what was missed")
            equal(mira.ended(ids[2])["outcome"], "rejected", "what was missed")
            equal(mira.rungs(ids[1], "delivered"), ["accepted", "delivered"], "what was missed")
        newest = max(receipt["version"] for receipt in mira.receipts.values())
        back(otto, served.relay)
        otto.call("report", id=ids[1], rung="seen")
        receipt = mira.receipt(ids[1], lambda r: "seen" in rungs_of(r))
        holds(receipt["version"] > newest, "a version that was given before")


@test(relay=False)
def dead_letters_are_there_with_body_and_reason():
    """Dead letters: after a restart listed, shown, queued again and dropped."""
    with place() as served:
        mira, otto = served.agent("mini/mira"), served.agent("mini/otto")
        envelopes = [mira.pack("mini/otto", text) for text in "abc"]
        for envelope in envelopes:
            mira.post(envelope)
            otto.call("refuse", at=otto.message().at, reason="no")
        short = mira.send("mini/otto", "short", exp=int(time.time()) + 3, iat=int(time.time()) - 1)
        letters = mira.dead()
        served.again()
        back(mira, served.relay, receipts_after=0)
        equal(mira.ended(short["id"])["outcome"], "expired", "outcome of what nobody took")
        equal(mira.dead()[1:], letters[-3:], "letters")
        shown = mira.call("dead.show", id=letters[-1]["id"])
        equal(shown["envelope"], envelopes[0], "envelope")
        mira.call("dead.retry", id=letters[-1]["id"])
        mira.call("dead.drop", id=letters[-2]["id"])
        served.again()
        back(mira, served.relay)
        equal([d["id"] for d in mira.dead()], [short["id"], letters[-3]["id"]], "letters left")
        equal(back(otto, served.relay).take().envelope, envelopes[0], "what was queued again")


@test(relay=False)
def agents_and_what_they_said_are_there_and_presence_is_honest():
    """agents: after a restart nobody is connected; heard and proven are from before; found by
    name and capability, but a capability only of who is online."""
    with place() as served:
        said = {"name": "Otto", "description": "Reviews C", "capabilities": ["review"],
                "metadata": {"n": 1.50}}
        mira, otto = served.agent("mini/mira"), served.agent("mini/otto", **said)
        mira.send("mini/otto", "x")
        otto.take()
        before = mira.conn.agent("mini/otto")
        served.again()
        caller = Caller(served.relay)
        after = caller.agent("mini/otto")
        for name in (*said, "waiting", "proven"):
            equal(after[name], before[name], name)
        equal((after["connected"], "polled" in after), (False, False), "connected, polled")
        holds(after["heard"] <= before["heard"] + 1000, "heard of it, while it was not there")
        back(mira, served.relay)
        equal(mira.send("Otto", "y")["to"], "mini/otto", "whom a name means")
        back(otto, served.relay, **said)
        equal(mira.send("cap:review", "z")["to"], "mini/otto", "whom a capability means")
        equal([m.text for m in otto.messages(2)], ["y", "z"], "messages")
        equal(caller.agent("mini/otto")["connected"], True, "connected")


@test(relay=False)
def attempts_leases_and_their_limits_survive():
    """attempts: counted over a restart; a lease ends with its relay."""
    with place() as served:
        mira, otto = served.agent("mini/mira"), served.agent("mini/otto")
        result = mira.send("mini/otto", "thrice", attempts=3)
        for attempt in (0, 1):
            message = otto.message()
            equal(message.attempts, attempt, "attempts")
            otto.call("release", ranges=[message.range])
        equal(otto.message().attempts, 2, "attempts")
        served.again()
        back(mira, served.relay)
        until(lambda: mira.trace(result["id"])["attempts"] >= 2, "attempts are known still")
        caller = Agent(Caller(served.relay), "mini/otto", attach=False)
        lease, messages = caller.receive()
        equal((len(messages), messages[0].attempts), (1, 2), "messages and attempts")
        served.again()
        caller = Agent(Caller(served.relay), "mini/otto", attach=False)
        caller.fails("not_found", "ack", lease=lease)
        lease, messages = caller.receive()
        equal(len(messages), 1, "messages, whose lease ended with the relay")
        caller.call("release", lease=lease)
        back(mira, served.relay, receipts_after=0)
        equal(mira.ended(result["id"])["outcome"], "dead", "outcome of the third that came back")
        equal(caller.texts(), [], "inbox")


@test(relay=False)
def chains_are_remembered():
    """Loops: neither a declared nor an inherited chain begins anew with the relay."""
    with place("--chain-messages", "5") as served:
        mira, otto = served.agent("mini/mira"), served.agent("mini/otto", quiet=True)
        first = mira.send("mini/otto", "first")["id"]
        lease, _ = otto.receive()
        otto.call("ack", lease=lease)
        root = new_id()
        for _ in range(4):
            mira.send("mini/otto", root=root, hops=1)
        served.again()
        back(mira, served.relay)
        back(otto, served.relay, quiet=True)
        mira.conn.fails("loop_limit", "send", envelope=mira.pack("mini/otto", root=root, hops=1))
        otto.send("mini/mira", "second")
        equal(mira.message().chain, {"root": first, "hops": 1, "count": 2}, "inherited chain")


main()
