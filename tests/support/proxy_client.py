#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An agent behind the TLS proxy of docs/vps.md, for tools/deb-test: proxy_client.py TOKEN.

Registers over HTTPS, waits in a long poll, gets a task over a WebSocket, and finds closed what has
to be closed. The certificate is the test's own, so nobody vouches for it. Ends with a line of its
own and exit status 0 when all of it went well.
"""
import asyncio
import http.client
import json
import ssl
import sys

import websockets

NAME, TOKEN = "relay.example", sys.argv[1]
BEARER = {"Authorization": "Bearer " + TOKEN}
UNVERIFIED = ssl.create_default_context()
UNVERIFIED.check_hostname = False
UNVERIFIED.verify_mode = ssl.CERT_NONE


def ask(method, path, body=None, host=NAME, headers=None):
    """(status, body) of one request through the proxy."""
    connection = http.client.HTTPSConnection("127.0.0.1", 443, context=UNVERIFIED, timeout=20)
    fields = {"Host": host, "Content-Type": "application/json", **(BEARER if headers is None else headers)}
    connection.request(method, path, body=body, headers=fields)
    answer = connection.getresponse()
    told = answer.status, answer.read()
    connection.close()
    return told


def expect(wanted, got, what):
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


async def over_a_websocket():
    """The task is handed over while the receiver listens."""
    url = f"wss://{NAME}/ws/otto"
    async with websockets.connect(url, host="127.0.0.1", port=443, ssl=UNVERIFIED,
                                  extra_headers=BEARER) as connection:
        task = json.dumps({"from_agent": "mira", "to_agent": "otto", "task": "look at it"})
        status = (await asyncio.to_thread(ask, "POST", "/delegate", task))[0]
        expect(200, status, "status of the delegation")
        while True:
            message = json.loads(await asyncio.wait_for(connection.recv(), 20))
            if "look at it" in json.dumps(message):
                return


def main():
    for agent in ("mira", "otto"):
        body = json.dumps({"agent_id": agent, "name": agent})
        expect(200, ask("POST", "/register", body)[0], "status of a registration")
    expect(401, ask("GET", "/discover", headers={})[0], "status without the token")
    expect(421, ask("GET", "/discover", host="other.example")[0], "status under another name")
    expect(200, ask("GET", "/poll/mira?wait=1")[0], "status of a long poll")
    expect(413, ask("POST", "/register", b" " * 1100000)[0], "status of a body that is too large")
    expect((200, b'{"status":"ok"}'), ask("GET", "/healthz", headers={}), "health")
    asyncio.run(over_a_websocket())
    print("all of it through the proxy")


main()
