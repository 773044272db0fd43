#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The sender and the receiver of `claw-lab post` and `take` (tests/support/claw_lab.h) through the
Python API of Agent Link: link_mail.py post URL FIRST COUNT, link_mail.py take URL. They run until
they are killed, and print the same rows; a message's id is here the number that it carries."""
import asyncio
import json
import os
import sys
import threading
import time

from agent_link import AgentLink

PACE_S, PATIENCE_S = 0.005, 300


def row(**members):
    """One line, whole or not at all."""
    os.write(1, (json.dumps({"t": time.monotonic_ns(), **members}) + "\n").encode())


def link(url, instance, agent):
    return AgentLink(relay_url=url, relay_token="none", instance_id=instance, agent_id=agent,
                     timeout=PATIENCE_S)


async def follow(number, receipt):
    if not (await receipt).accepted:
        print(f"{number} was not accepted: {receipt}", flush=True)
        return
    row(op="accepted", id=f"py{number}")
    if await receipt.reached("delivered", PATIENCE_S):
        row(op="told", id=f"py{number}", rung="delivered")


async def post(url, first, count):
    followed = []
    async with link(url, "pylap", "mira") as mira:
        for number in range(first, first + count):
            row(p="pylap/mira", op="send", id=f"py{number}", to="pymini/otto", seq=number, pri=2,
                body=number, told=True)
            followed.append(asyncio.ensure_future(
                follow(number, mira.send("pymini/otto", str(number)))))
            await asyncio.wait(followed[-1:], timeout=PACE_S)
        await asyncio.Event().wait()


def take(url):
    otto = link(url, "pymini", "otto")

    @otto.on_message
    def handle(message):
        row(p="pymini/otto", op="deliver", id=f"py{message.message}", body=int(message.message),
            on=os.getpid())
    with otto:
        row(p="pymini/otto", op="attached")
        threading.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "post":
        asyncio.run(post(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    take(sys.argv[2])
