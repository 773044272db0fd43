# SPDX-License-Identifier: MIT
"""Protocol v2 over a journal that is late, full or broken (tests/support/test_journal.h): each call is
answered once, what was accepted is there, what was refused is not, and may be sent again.

CLAWLINK_TEST_RELAY names another relay-test-journal.
"""
import contextlib
import os

from support import Failure, Relay, beside, equal, holds, main, test
from v2_support import Agent, Caller, Refused, Socket, new_id, row, rungs_of, until

os.environ["CLAWLINK_RELAY_CMD"] = os.environ.get(
    "CLAWLINK_TEST_RELAY", beside("relay-test-journal")) + " relay"

SEED = 29
TURNS = 22  # of the relay's loop: by then each journal here has committed what it was given


def relay_over(*options, delay=0, full=0, read_only=0, late=0):
    """Faults by chances per million, as in test_relay_faults.py."""
    return Relay(*options, env={"TEST_JOURNAL": f"{SEED} {delay} {full} {read_only} {late}"})


def insist(call, *args, refusal="storage_full", **params):
    """Calls until there is room; gives the result, and how often there was none."""
    for refusals in range(200):
        try:
            return call(*args, **params), refusals
        except Refused as refused:
            equal((refused.name, refused.error["data"]["retry"]), (refusal, True), "refusal")
    raise Failure("there is never any room")


def serving(relay):
    """Waits until the relay's own first command has found room: before, nobody can be attached."""
    idle = Agent(Caller(relay), "m/idle", attach=False)

    def attaches():
        with contextlib.suppress(Refused, Failure):
            attached(relay, "m/first").call("detach")
            return True
        idle.receive(wait=2)  # it tries again when nothing was refused for a second
        return False
    until(attaches, "it attaches", 30)


def attached(relay, address, **params):
    """An agent on a connection of its own. One that the journal takes no note of later than it
    said is closed with 1013."""
    while True:
        agent = Agent(Socket(relay, "m"), address, attach=False)
        insist(agent.call, "attach", **params)
        try:
            for _ in range(TURNS):
                agent.call("inbox")
            return agent
        except Failure:
            equal(agent.conn.closed(), 1013, "close code of a connection that is not attached")


FULL, LATE, BOTH = {"full": 300000}, {"late": 300000}, {"delay": 20, "full": 200000, "late": 200000}


@test(relay=False)
def a_refused_send_is_not_there_and_may_be_sent_again():
    """Errors: storage_full; the message was not accepted then. Both transports."""
    for faults in (FULL, BOTH):
        with relay_over(**faults) as relay, row(str(faults)):
            serving(relay)
            otto = attached(relay, "m/otto", quiet=True)
            mira = attached(relay, "m/mira")
            hugo = Agent(Caller(relay), "m/hugo", attach=False)
            refusals = 0
            for number in range(60):
                sender = (mira, hugo)[number % 2]
                result, count = insist(sender.post, sender.pack("m/otto", str(number)))
                equal(result["duplicate"], False, "duplicate of one that was refused before")
                refusals += count
            holds(refusals > 5, f"only {refusals} refusals")
            equal(otto.texts(), [str(number) for number in range(60)], "inbox")


@test(relay=False)
def every_call_that_changes_something_is_answered_once():
    """Each is done or refused, and told so: none hangs, none is answered twice."""
    for faults in (FULL, LATE):
        with relay_over(**faults) as relay, row(str(faults)):
            serving(relay)
            mira = attached(relay, "m/mira")
            quiet = attached(relay, "m/otto", quiet=True)
            for otto in (quiet, Agent(Caller(relay), "m/otto", attach=False)):
                refusals = 0
                for number in range(8):
                    sent = insist(mira.post, mira.pack("m/otto", str(number)))[0]["id"]
                    message = otto.inbox()[0]
                    calls = [("report", {"id": sent, "rung": "seen"}),
                             ("refuse", {"at": message.at, "reason": "no"}),
                             ("dead.retry", {"id": sent})]
                    for method, params in calls:
                        refusals += insist(otto.call, method, **params)[1]
                    at = otto.inbox()[0]
                    refusals += insist(otto.call, "ack", ranges=[at.range])[1]
                    equal(otto.texts(), [], "inbox")
                    equal(rungs_of(mira.trace(sent))[-1], "seen", "rung")
                holds(refusals > 0, f"only {refusals} refusals")
            equal(mira.conn.agent("m/mira")["connected"], True, "connected")


@test(relay=False)
def an_acknowledgement_is_tried_again_until_there_is_room():
    """What was acknowledged on its way is never handed out again, and its call is answered."""
    for faults in ({"full": 200000}, {"late": 100000}):  # each that is refused waits for a second
        with relay_over(**faults) as relay, row(str(faults)):
            serving(relay)
            mira = attached(relay, "m/mira")
            otto = attached(relay, "m/otto")
            seen = []
            for number in range(8):
                insist(mira.post, mira.pack("m/otto", str(number)))
                message = otto.message()
                seen.append(message.text)
                equal(otto.call("ack", ranges=[message.range]), {}, "result of ack")
            equal(seen, [str(number) for number in range(8)], "messages")
            hugo = Agent(Caller(relay), "m/hugo", attach=False)
            insist(hugo.call, "attach")
            for number in range(4):
                insist(mira.post, mira.pack("m/hugo", str(number)))
                lease, messages = hugo.receive(wait=5)
                equal([m.text for m in messages], [str(number)], "messages received")
                equal(hugo.call("ack", lease=lease), {}, "result of ack")
            until(lambda: hugo.texts() == [], "all are taken")
            holds(not otto.conn.has_note("message"), "something came twice")


@test(relay=False)
def a_journal_that_fails_says_so_and_lets_read():
    """Errors: read_only, for calls on their way too; looking goes on."""
    with relay_over(delay=30, read_only=3000) as relay:
        socket, caller = Socket(relay, "m"), Caller(relay)
        try:
            mira = Agent(socket, "m/mira")
            otto = Agent(Socket(relay, "m"), "m/otto", quiet=True)
            sent = []
            while True:
                sent.append(mira.send("m/otto", "x")["id"])
        except Refused as refused:
            equal((refused.name, refused.error["data"]["retry"]), ("read_only", False), "refusal")
        for way in (socket, caller):
            way.fails("read_only", "attach", agent="m/late")
            way.fails("read_only", "send", envelope=mira.pack("m/otto"))
        equal([m.id for m in otto.inbox()], sent, "inbox: what was accepted")
        equal(rungs_of(mira.trace(sent[0])), ["accepted"], "trace")
        lease, messages = otto.receive()
        equal(len(messages), len(sent), "messages that can still be read")
        equal(len(caller.call("agents")["agents"]), 2, "agents")
        mira.fails("not_found", "trace", id=new_id())


main()
