#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Types what docs/agent-link.md shows, in an empty folder, and provokes each message of its table
of troubles. Other are only the ports, the folder /etc/clawlink, and the server's name, which is
localhost with a certificate made for it. The Chinese page has the same boxes and messages. Closes
with `N passed, M failed`."""
import ast
import asyncio
import contextlib
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile

import websockets

from docs_support import CLAWLINK, ROOT, commands

PAGE, CHINESE = ROOT / "docs/agent-link.md", ROOT / "docs/agent-link.zh.md"
passed = failed = 0


def check(what, good, note=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'ok' if good else 'FAIL'} {what}" + ("" if good else f": {note}"), flush=True)


def boxes(text):
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def table(text):
    """What is said, of each row of the table of troubles."""
    rows = re.findall(r"^\|(.*)\|(.*)\|(.*)\|$", text.split("\n## ")[-2], re.MULTILINE)
    return [row[1] for row in rows[2:]]


def phrases(cell):
    """What is printed: not the commands, nor an event's name by itself."""
    return [code for code in re.findall(r"`([^`]+)`", cell) if not code.startswith("clawlink ")]


class Server:
    """The page's server: its folder, and ports that nobody has."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "etc").mkdir()
        with socket.socket() as one, socket.socket() as two:
            for end in (one, two):
                end.bind(("127.0.0.1", 0))
            self.port, self.inner = one.getsockname()[1], two.getsockname()[1]
        self.env = {"HOME": folder, "XDG_RUNTIME_DIR": folder, "PATH": os.environ["PATH"]}
        (self.folder / "etc/token").write_text("a token\n")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-keyout", "etc/privkey.pem",
                        "-out", "etc/fullchain.pem"], cwd=folder, check=True,
                       stderr=subprocess.DEVNULL)
        for name in ("token", "privkey.pem"):
            (self.folder / "etc" / name).chmod(0o600)

    def here(self, line):
        """A line of the page as it is typed here."""
        for shown, real in (("/etc/clawlink", "etc"), ("relay.example", "localhost"),
                            ("0.0.0.0", "127.0.0.1"), ("8765", str(self.port)),
                            ("8764", str(self.inner))):
            line = line.replace(shown, real)
        return line

    def shown(self, text):
        """What was printed here, as the page shows it."""
        return text.replace(str(self.port), "8765").replace(str(self.inner), "8764")

    def start(self, line, log):
        words = ["bash", "-c", 'clawlink() { exec "$0" "$@"; }; ' + self.here(line) + " --port 0",
                 CLAWLINK]
        with open(self.folder / log, "wb") as file:
            return subprocess.Popen(words, cwd=self.folder, env=self.env, text=True,
                                    stdout=subprocess.PIPE, stderr=file)

    def run(self, *words, **more):
        return subprocess.run(words, cwd=self.folder, env=self.env, timeout=30, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)

    def type(self, line):
        return self.run("bash", "-c", 'clawlink() { "$0" "$@"; }; ' + self.here(line), CLAWLINK)

    def clawlink(self, *words):
        """What it says, as the page shows it."""
        return self.shown(self.run(CLAWLINK, *words).stdout)

    def config(self, name):
        return json.loads((self.folder / name).read_text())


def stop(relay):
    relay.terminate()
    relay.stdout.close()
    return relay.wait(timeout=10)


# -- the walk ------------------------------------------------------------------------------------


def walk(server, text):
    """Types all lines of the page; the first relay goes on and is given back."""
    first = None
    listening = [box for kind, box in boxes(text) if kind == ""][0].splitlines()
    for line in commands(text):
        if line.startswith("clawlink relay --"):
            relay = server.start(line, "log" if first is None else "log2")
            said = [relay.stdout.readline() for _ in range(3 if "--tls-cert" in line else 2)]
            check(line, said[-1] != "", said)
            if first is not None:
                check("and it ends well", stop(relay) == 0)
                continue
            first = relay
            for shown, real in zip(listening, said):
                if "relay pin" in real:
                    server.pin = real.split()[-1]
                pattern = re.escape(server.here(shown)).replace("…", ".*").replace("9077", r"\d+")
                check(f"it prints {shown}", re.fullmatch(pattern, real.rstrip()), real)
            continue
        if "--secret-file secret" in line:
            entry = server.config("etc/relay-config.json")["registered_instances"][0]
            (server.folder / "secret").write_text(entry["secret"] + "\n")
        if "setup --relay " in line:
            line += f" --port {server.port}"
        if line.startswith("clawlink relay install"):
            line += " --dry-run --manager system --program /usr/bin/clawlink"
        result = server.type(line)
        check(line, result.returncode == 0, result.stdout)
    for name in ("etc/relay-config.json", "etc/agent-link-config.laptop.json",
                 "etc/agent-link-config.mini.json", "agent-link-config.json"):
        path = server.folder / name
        check(f"{name} is there, for its owner alone",
              path.exists() and path.stat().st_mode & 0o777 == 0o600)
    check("both ways to the file of an instance give the same",
          server.config("agent-link-config.json") ==
          server.config("etc/agent-link-config.laptop.json"))
    return first


# -- what relays and commands say ----------------------------------------------------------------


def said_by_starts(server):
    relay, file = ("relay", "--port", "0", "--admin-socket", "none"), "etc/relay-config.json"
    said = server.clawlink(*relay, "--agent-link", file)  # the port is taken by the walk's
    said += server.clawlink(*relay, "--host", "0.0.0.0", "--token", "t", "--agent-link", file,
                            "--agent-link-port", "0")
    (server.folder / "relay-config.json").write_text(
        '{"registered_instances": [{"instance_id": "laptop"}]}')
    (server.folder / "relay-config.json").chmod(0o644)
    return said + server.clawlink(*relay, "--agent-link", "relay-config.json")


def said_by_agents(server):
    """Of an address that drops connections, one where nobody listens, and one without TLS."""
    said = ""
    with socket.socket() as full, socket.socket() as closed, socket.socket() as plain:
        for end, backlog in ((full, 0), (closed, None), (plain, 5)):
            end.bind(("127.0.0.1", 0))
            if backlog is not None:
                end.listen(backlog)
        crowd = [socket.socket() for _ in range(3)]  # they wait, and so does who comes behind
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        for end in (full, closed):
            said += server.clawlink("agents", "--relay",
                                    f"wss://127.0.0.1:{end.getsockname()[1]}")
        for one in crowd:
            one.close()
        answering = subprocess.Popen([sys.executable, "-c", "import socket, sys; "
                                      "end = socket.socket(fileno=int(sys.argv[1])).accept()[0]; "
                                      "end.recv(1); end.sendall(b'HTTP/1.1 400 No\\r\\n\\r\\n')",
                                      str(plain.fileno())], pass_fds=[plain.fileno()])
        said += server.clawlink("agents", "--relay", f"wss://127.0.0.1:{plain.getsockname()[1]}")
        answering.wait(timeout=10)
    return said


def said_by_python(server):
    """With a secret that is another one than the relay's."""
    config = {**server.config("etc/agent-link-config.laptop.json"), "secret": "another one",
              "pins": server.pin}
    (server.folder / "another.json").write_text(json.dumps(config))
    env = {**server.env, "PYTHONPATH": str(ROOT / "bindings/python"), "PYTHONDONTWRITEBYTECODE": "1",
           "CLAWLINK_LIBRARY": os.path.dirname(CLAWLINK)}
    return subprocess.run([sys.executable, "-m", "agent_link", "--config", "another.json"],
                          cwd=server.folder, env=env, timeout=30, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def signed(secret, text):
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def register(config, secret=None):
    """The frame of a published client."""
    name, now = config["instance_id"], datetime.datetime.now().isoformat()[:19]
    return json.dumps({"type": "register", "instance_id": name,
                       "signature": signed(secret or config["secret"], f"register:{name}:{now}")})


def send(config, to, message, sender="laptop/main", signature=None):
    text = f"send:{sender}:{to}:{message}"
    return json.dumps({"type": "send", "from": sender, "to": to, "message": message,
                       "signature": signature or signed(config["secret"], text)})


class Clients:
    """Published clients, and all that they are told that do what the table tells of."""

    def __init__(self, server):
        self.trust = ssl.create_default_context(cafile=server.folder / "etc/fullchain.pem")
        self.laptop, self.mini = (server.config(f"etc/agent-link-config.{name}.json")
                                  for name in ("laptop", "mini"))
        self.said = []

    async def connect(self, config, frame):
        link = await websockets.connect(config["relay_url"], ssl=self.trust)
        await link.send(frame)
        self.said.append(await asyncio.wait_for(link.recv(), 10))
        return link

    async def tell(self, link, frame):
        await link.send(frame)
        self.said.append(await asyncio.wait_for(link.recv(), 10))

    async def stranger(self):
        await self.connect(self.laptop, register(self.laptop, "another secret"))

    async def members(self):
        laptop, mini, frame = self.laptop, self.mini, register(self.laptop)
        link = await self.connect(laptop, frame)
        check("a published client registers", '"registered"' in self.said[-1], self.said[-1])
        with contextlib.suppress(websockets.ConnectionClosed):  # the log says why
            await self.connect(laptop, frame)
        for letter in (send(laptop, "mini/main", "hello"),  # who has not been there yet
                       send(laptop, "mimi/main", "hello"),
                       send(laptop, "laptop/main", "hello", signature="0" * 64),
                       send(laptop, "laptop/main", "hello", sender="mini/main"),
                       send(laptop, "laptop/main", "x" * (1 << 20))):
            await self.tell(link, letter)
        other = await self.connect(mini, register(mini))
        await other.send(send(mini, "laptop/main", "hello", "mini/main"))
        check("a message arrives", json.loads(await link.recv())["message"] == "hello")
        check("and its sender hears of it",
              json.loads(await other.recv()) == {"type": "delivered", "to": "laptop/main"})
        await other.close()
        await link.close()

    def heard(self):
        return "\n".join(json.loads(text).get("message", "") for text in self.said)


# -- the two pages -------------------------------------------------------------------------------


def compare(text, chinese):
    check("both pages have the same boxes", boxes(text) == boxes(chinese))
    check("both pages have the same rows", [phrases(cell) for cell in table(text)] ==
          [phrases(cell) for cell in table(chinese)])
    marks = [re.findall(r"^#+(?= )", page, re.MULTILINE) for page in (text, chinese)]
    check("both pages have the same headings", marks[0] == marks[1], marks)
    for kind, box in boxes(text):
        if kind == "python":
            check("Python is Python", ast.parse(box))


def main():
    text = PAGE.read_text()
    compare(text, CHINESE.read_text())
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        relay = walk(server, text)
        try:
            clients = Clients(server)
            asyncio.run(clients.stranger())
            said = said_by_starts(server) + said_by_agents(server)  # 5 s: the log has one
            said += said_by_python(server)                          # refused register a second
            asyncio.run(clients.members())
            said += clients.heard()
        finally:
            check("the relay ends well", relay is not None and stop(relay) == 0)
        said += server.shown((server.folder / "log").read_text())
    rows = table(text)
    check("there is a table", len(rows) > 10)
    for row in rows:
        wanted = phrases(row)
        check(f"a row says something: {row}", wanted)
        for phrase in wanted:
            check(f"it is said: {phrase}", phrase in said, said)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 30 else 1


if __name__ == "__main__":
    sys.exit(main())
