#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A minimal ClawLink v1 relay on aiohttp, for comparison: relay_aiohttp.py [--uvloop].

What a frame must have is looked at, a message is forwarded as it came. Inboxes are lists in
memory. No token, no limits, no acknowledgement, no journal.
"""
import asyncio
import datetime
import json
import sys
import uuid

from aiohttp import WSMsgType, web

sockets = {}
inboxes = {}


def server_time():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


async def register(request):
    agent = await request.json()
    inboxes.setdefault(agent["agent_id"], [])
    return web.json_response({"status": "registered", "agent": agent,
                              "server_time": server_time()})


async def delegate(request):
    data = await request.json()
    message = {"type": "task_delegation", "message_id": uuid.uuid4().hex[:12],
               "from_agent": data["from_agent"], "to_agent": data["to_agent"],
               "task": data["task"], "context": data.get("context", {}),
               "priority": data.get("priority", "normal"), "timestamp": server_time()}
    inboxes.setdefault(data["to_agent"], []).append(message)
    return web.json_response({"status": "delegated", "delivery": "queued",
                              "message_id": message["message_id"]})


async def poll(request):
    agent = request.match_info["agent"]
    messages = inboxes.get(agent, [])
    inboxes[agent] = []
    return web.json_response({"messages": messages, "count": len(messages)})


async def talk(request):
    agent = request.match_info["agent"]
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    sockets[agent] = socket
    async for message in socket:
        if message.type != WSMsgType.TEXT:
            continue
        frame = json.loads(message.data)
        if frame["type"] == "delegate":
            receiver = sockets.get(frame["to_agent"])
            if receiver is not None:
                await receiver.send_str(message.data)
        elif frame["type"] == "broadcast":
            for other in list(sockets.values()):
                if other is not socket:
                    await other.send_str(message.data)
    if sockets.get(agent) is socket:
        del sockets[agent]
    return socket


async def main():
    app = web.Application()
    app.add_routes([web.post("/register", register), web.post("/delegate", delegate),
                    web.get("/poll/{agent}", poll), web.get("/ws/{agent}", talk)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if "--uvloop" in sys.argv:
    import uvloop
    uvloop.install()
asyncio.run(main())
