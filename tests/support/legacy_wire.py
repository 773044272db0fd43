#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The published Agent Link client (1.0.0) as a relay sees it, in our own words: it sends what that
client sends, byte for byte (json.dumps defaults: ", " and ": ", ASCII escapes), with the same library.

    legacy_wire.py vectors                           test vectors
    legacy_wire.py check ws://127.0.0.1:PORT SECRET [SECRET-002]
                                                     19 checks; instance-001 and instance-002 must be
                                                     registered there, with one secret or one each

What follows from it for a relay is in docs/protocol/agent-link-v1.md. Debian's python3-websockets.
"""
import asyncio
import datetime
import hashlib
import hmac
import json
import sys

ONE, TWO = "instance-001", "instance-002"
SENDER, RECEIVER = ONE + "/healthguard", TWO + "/xiaobaozi"


def sign(secret, text):
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def register(secret, instance, when=None):
    """The first frame: signed with the client's local time, which is not in it."""
    when = when or datetime.datetime.now()
    signature = sign(secret, f"register:{instance}:{when.isoformat()[:19]}")
    return json.dumps({"type": "register", "instance_id": instance, "signature": signature})


def send(secret, sender, to, message, signature=None):
    signature = signature or sign(secret, f"send:{sender}:{to}:{message}")
    return json.dumps({"type": "send", "from": sender, "to": to, "message": message,
                       "signature": signature})


def vectors():
    secret = "your-strong-secret-key"
    when = datetime.datetime(2026, 4, 4, 12, 34, 56, 789)
    return [register(secret, ONE, when),
            send(secret, SENDER, RECEIVER, "\u4f60\u597d\uff0c\u5c0f\u5305\u5b50\uff01"),
            send(secret, SENDER, ONE + "/main", "quote \" slash / tab \t emoji \U0001f4e8"),
            send(secret, SENDER, RECEIVER, "")]


def of_type(frame, *types):
    return frame is not None and frame.get("type") in types


class Checks:
    """The checks; options are those of websockets.connect, such as ssl."""

    def __init__(self, url, secrets, tell=print, **options):
        self.url, self.secrets, self.tell, self.options = url, secrets, tell, options
        self.passed = self.failed = 0

    def check(self, name, holds, note=""):
        self.passed += bool(holds)
        self.failed += not holds
        self.tell(("ok   " if holds else "FAIL ") + name +
                  (f"  [{str(note)[:200]}]" if note and not holds else ""))

    async def connect(self, frame=None):
        """A connection and, if it began with a frame, the answer."""
        import websockets  # pylint: disable=import-outside-toplevel
        connection = await websockets.connect(self.url, open_timeout=10, **self.options)
        if frame is None:
            return connection, None
        await connection.send(frame)
        return connection, await self.hear(connection)

    @staticmethod
    async def hear(connection, seconds=10.0):
        """The next frame; None: there is none; {"closed": code}: it has ended."""
        import websockets  # pylint: disable=import-outside-toplevel
        try:
            return json.loads(await asyncio.wait_for(connection.recv(), seconds))
        except asyncio.TimeoutError:
            return None
        except websockets.ConnectionClosed as closed:
            return {"closed": closed.rcvd.code if closed.rcvd else 1006}

    def send(self, sender, to, message, signature=None):
        return send(self.secrets[sender.split("/")[0]], sender, to, message, signature)

    async def registers(self):
        """Clocks and secrets."""
        one, utc = self.secrets[ONE], datetime.datetime.utcnow()
        for hours, name in ((8, "UTC+8"), (-5, "UTC-5"), (5.5, "UTC+5:30")):
            connection, said = await self.connect(
                register(one, ONE, utc + datetime.timedelta(hours=hours)))
            self.check(f"register from a {name} clock", of_type(said, "registered"), said)
            await connection.close()
        connection, said = await self.connect(
            register(one, ONE, utc - datetime.timedelta(hours=1, minutes=7)))
        self.check("register signed 67 minutes ago is refused", not of_type(said, "registered"),
                   said)
        await connection.close()
        connection, said = await self.connect(register("wrong", ONE))
        self.check("wrong secret: one error frame with a message",
                   of_type(said, "error") and isinstance(said.get("message"), str), said)
        await connection.close()

    async def messages(self, a, b):
        text = "\u4f60\u597d \U0001f4e8 \"q\"\n"
        await a.send(self.send(SENDER, RECEIVER, text))
        said = await self.hear(b)
        self.check("delivered across instances, exact text",
                   said == {"type": "message", "from": SENDER, "to": RECEIVER, "message": text},
                   said)
        said = await self.hear(a)
        self.check("sender gets delivered with to",
                   of_type(said, "delivered") and said.get("to") == RECEIVER, said)

    async def forgeries(self, a, b):
        await a.send(self.send(SENDER, RECEIVER, "x", "0" * 64))
        said = await self.hear(a)
        self.check("bad send signature: error, connection stays", of_type(said, "error"), said)
        self.check("bad send signature: nothing delivered", await self.hear(b, 0.5) is None)
        await a.send(send(self.secrets[ONE], RECEIVER, RECEIVER, "spoof"))
        said = await self.hear(a)
        self.check("from of another instance refused although the MAC is right",
                   of_type(said, "error"), said)
        self.check("spoof not delivered", await self.hear(b, 0.5) is None)
        both = sign(self.secrets[ONE], "send:instance-001/h:instance-002/x:a:b")  # fits two splits
        await a.send(self.send(ONE + "/h", TWO + "/x:a", "b", both))
        said = await self.hear(a)
        self.check("colon in an address refused (ambiguous signed text)", of_type(said, "error"),
                   said)
        await a.send(self.send(SENDER, "instance-404/x", "hi"))
        said = await self.hear(a)
        self.check("unknown target: error or queued, never delivered",
                   not of_type(said, "delivered"), said)

    async def fan_out(self, a, b):
        second, _ = await self.connect(register(self.secrets[ONE], ONE))
        await b.send(self.send(RECEIVER, ONE + "/main", "to both"))
        said = [await self.hear(a), await self.hear(second)]
        self.check("two connections of one instance both get it (the client filters by agent)",
                   all(one and one.get("message") == "to both" for one in said), said)
        await self.hear(b)
        await second.close()

    async def large(self, a, b):
        await a.send(self.send(SENDER, RECEIVER, "x" * (1 << 20)))
        said = await self.hear(b, 1)
        self.check("a message whose frame would pass 1 MiB never reaches a legacy client",
                   said is None, said)
        said = await self.hear(a)
        self.check("too large: answered, sender not left in the dark",
                   of_type(said, "error") or "closed" in (said or {}), said)

    async def strangers(self):
        connection, said = await self.connect('{"type":"send"}')
        self.check("send before register refused",
                   of_type(said, "error") or "closed" in (said or {}), said)
        await connection.close()
        connection, _ = await self.connect()
        said = await self.hear(connection, 6)
        self.check("silent connection cut within 10 s or kept without a frame",
                   said is None or "closed" in said, said)
        await connection.close()

    async def run(self):
        """All of them; gives the number of those that failed."""
        a, of_a = await self.connect(register(self.secrets[ONE], ONE))
        b, of_b = await self.connect(register(self.secrets[TWO], TWO))
        self.check("first frame after register is registered",
                   of_type(of_a, "registered") and of_type(of_b, "registered"), of_a)
        await self.registers()
        await self.messages(a, b)
        await self.forgeries(a, b)
        await self.fan_out(a, b)
        await self.large(a, b)
        await a.close()
        await b.close()
        await self.strangers()
        return self.failed


def main():
    if sys.argv[1:2] == ["vectors"]:
        print("\n".join(vectors()))
        return 0
    secrets = {ONE: sys.argv[3], TWO: sys.argv[-1]}
    checks = Checks(sys.argv[2], secrets)
    asyncio.run(checks.run())
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
