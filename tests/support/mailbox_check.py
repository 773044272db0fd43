#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks what senders and receivers saw against the promise of a mailbox (docs/protocol/v2.md):

    A message that was accepted is handed to its agent at least once, taken into the agent's inbox
    at most once, in the order its sender sent it within one priority, until it expires or is
    refused; the sender is told which.

The history is a list of objects, or a file with one in each line, in the order of one clock:

    {"p": sender, "op": "send", "id": "m1", "to": receiver, "seq": 1, "pri": 2, "body": 123}
                       the sender begins; "told": true when it asks for receipts; body: a checksum
    {"op": "accepted", "id": "m1"}     the relay has said so
    {"op": "refused", "id": "m1"}      a definite no: said of a message that was sent only once
    {"op": "told", "id": "m1", "rung": "delivered", "outcome": "expired"}  a receipt; either absent
    {"p": receiver, "op": "deliver", "id": "m1", "body": 123, "at": [2, 17], "on": 5}
                       handed to the agent, from that place of its inbox, on that connection
    {"p": receiver, "op": "ack", "id": "m1"}       the relay has confirmed the acknowledgement
    {"p": receiver, "op": "released", "id": "m1"}  given back: it may come again on that connection

What can be violated:

    LOST    accepted, never handed out, and its sender was not told that it expired, was refused or
            is dead
    DUP     taken more than once: handed out after its acknowledgement was confirmed, or from two
            places of the inbox (a second accepted copy), or twice on one connection. That it comes
            again, from its place, before its acknowledgement was confirmed, is no violation: a
            crash may do that, and its id tells.
    ORDER   handed out for the first time after one that the same sender sent later, to the same
            agent, with the same priority
    GHOST   handed out and never sent, or before it was sent, or after a definite no, or with
            another body, or to another agent
    UNTOLD  accepted of a sender that asks for receipts, who at the end knows neither that it was
            delivered nor how it ended

mailbox_check.py FILE checks a file; the exit code is 1 when something is violated.
"""
import collections
import json
import sys

ENDED = {"expired", "dead", "rejected", "failed", "canceled", "completed"}


class Message:
    """What is known of one message."""

    def __init__(self, send):
        self.send = send
        self.is_accepted = self.is_refused = self.is_acked = self.is_delivered = False
        self.is_ended = self.is_told = False
        self.places, self.connections = set(), set()


class Check:
    """Reads rows; violations has the first ones of each kind in words, counts has how many."""
    SHOWN = 5

    def __init__(self):
        self.messages, self.last = {}, {}
        self.counts, self.violations = collections.Counter(), []
        self.redelivered = 0

    def violated(self, kind, words):
        self.counts[kind] += 1
        if self.counts[kind] <= self.SHOWN:
            self.violations.append(f"{kind}: {words}")

    def row(self, row):
        op, name = row["op"], row.get("id")
        message = self.messages.get(name)
        if op == "send":
            self.messages.setdefault(name, Message(row))
        elif op == "deliver":
            self.delivered(row, message)
        elif message is None:
            if op in ("accepted", "refused", "told"):
                self.violated("GHOST", f"{name} was {op}, and never sent")
        elif op == "accepted":
            message.is_accepted = True
        elif op == "refused":
            message.is_refused = True
        elif op == "ack":
            message.is_acked = True
        elif op == "released":
            message.connections.clear()
        elif op == "told":
            message.is_ended |= row.get("outcome") in ENDED
            message.is_told |= row.get("rung") not in (None, "accepted") or message.is_ended

    def delivered(self, row, message):
        name = row["id"]
        if message is None:
            self.violated("GHOST", f"{name} was handed to {row['p']}, and never sent")
            return
        send = message.send
        if row.get("body") != send.get("body") or row["p"] != send["to"]:
            self.violated("GHOST", f"{name} came to {row['p']} with body {row.get('body')}, "
                          f"and was sent to {send['to']} with {send.get('body')}")
        self.judge_again(row, message)
        if message.is_delivered:
            self.redelivered += 1
            return
        message.is_delivered = True
        way = (send["p"], send["to"], send.get("pri"))
        if send["seq"] < self.last.get(way, 0):
            self.violated("ORDER", f"{name}, number {send['seq']} on its way {way}, came after "
                          f"number {self.last[way]}")
        self.last[way] = max(self.last.get(way, 0), send["seq"])

    def judge_again(self, row, message):
        """Is it once more, and may it be?"""
        name, at, connection = row["id"], row.get("at"), row.get("on")
        if message.is_acked:
            self.violated("DUP", f"{name} came after its acknowledgement was confirmed")
        if at is not None:
            message.places.add(tuple(at))
            if len(message.places) > 1:
                self.violated("DUP", f"{name} came from places {sorted(message.places)}")
        if connection is not None:
            if connection in message.connections:
                self.violated("DUP", f"{name} came twice on connection {connection}")
            message.connections.add(connection)

    def end(self):
        """All has been drained. Gives the figures."""
        for name, message in self.messages.items():
            if message.is_refused and message.is_accepted:
                self.violated("GHOST", f"{name} was refused, and accepted")
            if message.is_refused and message.is_delivered:
                self.violated("GHOST", f"{name} was refused, and handed out")
            if message.is_accepted and not message.is_delivered and not message.is_ended:
                self.violated("LOST", f"{name} to {message.send['to']}")
            if message.is_accepted and message.send.get("told") and not message.is_told:
                self.violated("UNTOLD", f"{name} to {message.send['to']}")
        all_of = self.messages.values()
        return {"sent": len(all_of),
                "accepted": sum(m.is_accepted for m in all_of),
                "refused": sum(m.is_refused for m in all_of),
                "unknown": sum(not (m.is_accepted or m.is_refused) for m in all_of),
                "delivered": sum(m.is_delivered for m in all_of),
                "ended otherwise": sum(m.is_ended and not m.is_delivered for m in all_of),
                "redelivered": self.redelivered}


def check(rows):
    """(figures, {kind: count}, sentences) of a history."""
    found = Check()
    for row in rows:
        found.row(row)
    figures = found.end()
    return figures, dict(found.counts), found.violations


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        figures, counts, sentences = check(json.loads(line) for line in file if line.strip())
    print(figures)
    print("\n".join(sentences) or "no violation")
    sys.exit(1 if counts else 0)


if __name__ == "__main__":
    main()
