# SPDX-License-Identifier: MIT
"""The published documentation of Agent Link, form by form: its call lines, files and imports, both
forms of the handler, all of the constructor and of send, the console, the calls over HTTP.

Each form runs as it stands there, in processes of its own and in folders laid out as documented,
against a relay that relay_server.py has started. Other are only ports; ClawLink's own port is any.
"""
import contextlib
import datetime
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import subprocess

import requests

from agent_link_support import BINDINGS, Inbox, Script, environ, folder, write
from support import BIN, WAIT, equal, holds, main, row, test

from agent_link import AgentLink, AgentLinkError

SCRIPTS = os.path.join(BINDINGS, "agent_link_scripts")
FILES = {"relay-server": ("relay_server.py", "relay-config.example.json"),
         "local-agent": ("agent_link.py", "setup.py", "agent-link-config.example.json")}
SECRET, CLIENT, RELAY = "your-secret-key", "agent-link-config.json", "relay-config.json"
HELLO, FAR_HELLO = "你好，小包子！", "你好，远程小包子！"
# What the tests add to each start: the documentation knows of one port only.
ANYWHERE = ["--relay-port", "0"] + ["--allow-debugger"] * (os.geteuid() != 0)


class Site:
    """The folders of the documentation, with the files that it copies there."""

    def __init__(self, path):
        self.path = path
        self.server, self.agent = (os.path.join(path, name) for name in FILES)
        for name, files in FILES.items():
            os.mkdir(os.path.join(path, name))
            for file in files:
                shutil.copy(os.path.join(SCRIPTS, file), os.path.join(path, name))

    def copy(self, name):
        """cp NAME.example.json NAME.json, and what it says."""
        place = self.server if name == RELAY else self.agent
        shutil.copy(os.path.join(place, name.replace(".json", ".example.json")),
                    os.path.join(place, name))
        return self.read(name)

    def read(self, name):
        with open(os.path.join(self.server if name == RELAY else self.agent, name),
                  encoding="utf-8") as file:
            return json.load(file)

    def edit(self, name, **members):
        write(self.server if name == RELAY else self.agent, name, {**self.read(name), **members})

    @contextlib.contextmanager
    def relay(self, *words, ends_by=signal.SIGTERM, path=None):
        """python3 relay_server.py WORDS; gives (its URL, the script)."""
        with Script(path or self.server, arguments=[*words, *ANYWHERE]) as script:
            script.says("clawlink relay agent link ")
            line, = [line for line in script.lines if "relay agent link" in line]
            yield re.fullmatch(r"clawlink relay agent link (ws://127.0.0.1:\d+)", line)[1], script
            script.process.send_signal(ends_by)
            equal(script.ends(), 0, f"how the relay ends: {script.lines}")

    def link(self, url, agent, instance):
        return AgentLink(relay_url=url, secret=SECRET, instance_id=instance, agent_id=agent,
                         timeout=WAIT)

    def runs(self, text, path=None, prints=()):
        """A script of the documentation, to its end."""
        with Script(path or self.agent, text) as script:
            equal(script.ends(), 0, f"status; {script.lines}")
            equal(script.lines, list(prints), "what it prints")


@contextlib.contextmanager
def site():
    with folder() as path, environ(CLAWLINK_BIN=BIN, XDG_RUNTIME_DIR=path, HOME=path):
        yield Site(path)


def entry(instance, name="晨辉的 MacBook", public_key=""):
    return {"instance_id": instance, "name": name, "public_key": public_key}


@contextlib.contextmanager
def documented():
    """Both sides set up by their pages; gives (site, URL, the relay's script)."""
    with site() as here:
        here.copy(RELAY)
        here.edit(RELAY, port=0, secret=SECRET, registered_instances=[
            entry("instance-001"), entry("instance-002")])
        with here.relay("relay_server.py", "--config", "relay-config.json") as (url, script):
            here.copy(CLIENT)
            here.edit(CLIENT, relay_url=url, secret=SECRET, instance_id="instance-001",
                      agent_id="healthguard")
            yield here, url, script


# -- files and call lines ----------------------------------------------------------------------


@test(relay=False)
def the_example_files_are_complete_and_the_two_fit():
    """Copied and used as they are, on one machine."""
    with site() as here:
        equal(sorted(here.copy(RELAY)), ["port", "registered_instances", "secret"], RELAY)
        equal(sorted(here.copy(CLIENT)), ["agent_id", "auto_reconnect", "instance_id",
                                          "reconnect_interval", "relay_url", "secret"], CLIENT)
        equal(here.read(RELAY)["port"], 8765, "the port")
        equal(here.read(CLIENT)["relay_url"], "ws://127.0.0.1:8765", "and its URL")
        for one in here.read(RELAY)["registered_instances"]:
            equal(sorted(one), ["instance_id", "name", "public_key"], "an instance")
        equal(here.read(CLIENT)["secret"], here.read(RELAY)["secret"], "the secret")
        here.edit(RELAY, port=0)
        with here.relay("relay_server.py", "--config", "relay-config.json") as (url, _):
            here.edit(CLIENT, relay_url=url)
            with Script(here.agent, arguments=["agent_link.py", "--config", CLIENT,
                                               "--test"]) as console:
                console.says("is connected")
                console.types("quit")
                equal(console.ends(), 0, "status")


@test(relay=False)
def the_quick_start_runs():
    """Without files: the relay by its options, the client's file by setup.py."""
    with site() as here, here.relay("relay_server.py", "--port", "0", "--secret",
                                    SECRET) as (url, _):
        with Script(here.agent, arguments=["setup.py", "--relay-url", url, "--secret",
                                           SECRET]) as script:
            equal(script.ends(), 0, f"status; {script.lines}")
        instance = here.read(CLIENT)["instance_id"]
        inbox = Inbox()
        with here.link(url, "xiaobaozi", instance) as peer:
            peer.on_message(inbox)
            here.runs('from agent_link import AgentLink\n\n'
                      'link = AgentLink(agent_id="xiaodingding")\n'
                      f'link.send("xiaobaozi", "{HELLO}")\n')
            message = inbox.wait()[0]
        equal((message.from_agent, message.message), (instance + "/xiaodingding", HELLO), "message")


@test(relay=False)
def the_relay_runs_as_a_service_and_logs_who_comes_and_goes():
    """The documented unit: another folder, the script by its path; Ctrl-C and systemctl stop."""
    with site() as here:
        here.copy(RELAY)
        here.edit(RELAY, port=0)
        work = os.path.join(here.path, "work")
        os.mkdir(work)
        shutil.move(os.path.join(here.server, RELAY), work)
        words = [os.path.join(here.server, "relay_server.py"), "--config", "relay-config.json"]
        with here.relay(*words, ends_by=signal.SIGINT, path=work) as (url, script):
            here.copy(CLIENT)
            here.edit(CLIENT, relay_url=url)
            with Script(here.agent, arguments=["agent_link.py", "--config", CLIENT,
                                               "--test"]) as console:
                console.says("is connected")
                console.types("quit")
                equal(console.ends(), 0, "status")
            script.says("instance=laptop")


def stays_out(link):
    try:
        link.start()
        holds(False, "it connects")
    except AgentLinkError as error:
        equal(error.name, "unauthorized", f"{error}")
        holds("does not accept this secret" in str(error), f"{error}")


@test(relay=False)
def instances_may_be_left_out_of_the_relays_file():
    """As its table has it: then whoever knows the secret is registered, and nobody else. An empty
    list is one of nobody."""
    with site() as here:
        write(here.server, RELAY, {"port": 0, "secret": SECRET})
        shown = subprocess.run([BIN, "agent-link", "--file", os.path.join(here.server, RELAY)],
                               capture_output=True, text=True, check=True, timeout=WAIT).stdout
        holds("any that has the secret" in shown, shown)
        with here.relay("relay_server.py", "--config", RELAY) as (url, _):
            inbox = Inbox()
            with here.link(url, "main", "anybody") as one, here.link(url, "x", "else") as two:
                one.on_message(inbox)
                holds(two.send("anybody/main", HELLO), "sent")
                equal(inbox.wait()[0].from_agent, "else/x", "from")
            stays_out(AgentLink(relay_url=url, secret="another", instance_id="anybody",
                                agent_id="main", timeout=WAIT))
        write(here.server, RELAY, {"port": 0, "secret": SECRET, "registered_instances": []})
        with here.relay("relay_server.py", "--config", RELAY) as (url, _):
            stays_out(here.link(url, "main", "anybody"))


# -- forms of the module -----------------------------------------------------------------------


def senders(url):
    """(text, who it is from, whether it sends to instance-002 too)"""
    start, yes = "from agent_link import AgentLink\n\n", "instance-001/healthguard"
    both = "from agent_link import AgentLink, Message\n\n"
    file = 'link = AgentLink.from_config("agent-link-config.json")\n'
    return (
        (start + f'link = AgentLink(agent_id="xiaodingding")\nlink.send("xiaobaozi", "{HELLO}")\n',
         "instance-001/xiaodingding", False),
        (start + 'link = AgentLink(config_path="agent-link-config.json")\n'
         f'link.send(to_agent="xiaobaozi", message="{HELLO}")\n', yes, False),
        (start + file + f'await link.send("xiaobaozi", "{HELLO}")\n'
         f'await link.send("instance-002/xiaobaozi", "{FAR_HELLO}")\n', yes, True),
        (both + f'link = AgentLink(\n    relay_url="{url}",\n    secret="{SECRET}",\n'
         '    instance_id="instance-001",\n    agent_id="healthguard"\n)\n'
         f'await link.send("xiaobaozi", "{HELLO}")\n', yes, False),
        (both + 'import asyncio\n' + file + 'async def main():\n'
         '    asyncio.create_task(link.connect())\n'
         f'    await link.send("xiaobaozi", "{HELLO}")\n\nasyncio.run(main())\n', yes, False))


@test(relay=False, seconds=120)
def every_form_of_sending():
    """Beside agent_link.py, and in a folder with nothing but the configuration."""
    with documented() as (here, url, _), here.link(url, "xiaobaozi", "instance-001") as own, \
            here.link(url, "xiaobaozi", "instance-002") as peer:
        own_inbox, inbox = Inbox(), Inbox()
        own.on_message(own_inbox)
        peer.on_message(inbox)
        bare = os.path.join(here.path, "workspace")
        os.mkdir(bare)
        shutil.copy(os.path.join(here.agent, CLIENT), bare)
        count = far_count = 0
        for place in (here.agent, bare):
            for text, sender, is_far in senders(url):
                with row(text):
                    here.runs(text, place)
                    count, far_count = count + 1, far_count + is_far
                    last = own_inbox.wait(count)[-1]
                    equal((last.from_agent, last.message), (sender, HELLO), "to the own instance")
                    last = inbox.wait(far_count)[-1] if is_far else None
                    holds(last is None or (last.from_agent, last.message) == (sender, FAR_HELLO),
                          f"to another: {last}")


ONE = '@link.on_message\ndef handle_message(msg: Message):\n' \
      '    print(f"来自 {msg.from_agent} 的消息: {msg.message}")\n' \
      '    print(f"时间: {msg.timestamp}")\n'
TWO = '@link.on_message\ndef handle_message(from_agent, message):\n' \
      '    print(f"来自 {from_agent} 的消息: {message}")\n'


def indented(text):
    return "".join(f"    {line}\n" for line in text.splitlines())


def receivers(url):
    start = "from agent_link import AgentLink, Message\n\n"
    file = 'link = AgentLink.from_config("agent-link-config.json")\n'
    run = "import asyncio\nasyncio.run(link.connect())\n"
    return (
        start + f'link = AgentLink(\n    relay_url="{url}",\n    secret="{SECRET}",\n'
        f'    instance_id="instance-001",\n    agent_id="healthguard"\n)\n{ONE}\n{run}',
        start + file + ONE + run,
        start + 'link = AgentLink(config_path="agent-link-config.json")\n' + TWO + run,
        start + file + ONE.replace("def", "async def") + run,
        "import asyncio\n" + start + "async def main():\n" + indented(file + ONE) +
        '    await link.connect()\n\nif __name__ == "__main__":\n    asyncio.run(main())\n',
        "import asyncio\n" + start + "async def setup_agent_link():\n" + indented(file + ONE) +
        "    asyncio.create_task(link.connect())\n    return link\n\n"
        "async def main():\n    link = await setup_agent_link()\n"
        "    await asyncio.Event().wait()\n\nasyncio.run(main())\n")


@test(relay=False, seconds=120)
def every_form_of_receiving():
    """Both forms of the handler, and each way to wait for messages."""
    with documented() as (here, url, _), here.link(url, "xiaobaozi", "instance-002") as peer:
        here.link(url, "healthguard", "instance-001").start().close()  # the relay knows it now
        for number, text in enumerate(receivers(url)):
            with row(text), Script(here.agent, text) as script:
                receipt = peer.send("instance-001/healthguard", f"第{number}条")
                script.says(f"来自 instance-002/xiaobaozi 的消息: 第{number}条")
                if "时间" in text:
                    script.says(f"时间: {datetime.datetime.now():%Y-}")
                holds(receipt.wait("seen", WAIT), f"seen: {receipt}")
                script.process.send_signal(signal.SIGINT)
                script.ends()


@test(relay=False)
def the_console_of_the_documentation():
    with documented() as (here, url, _), here.link(url, "main", "instance-001") as peer:
        inbox = Inbox()
        peer.on_message(inbox)
        with Script(here.agent, arguments=["agent_link.py", "--config", "agent-link-config.json",
                                           "--test"]) as script:
            script.says("instance-001/healthguard is connected")
            script.types(f"send main {HELLO}")
            equal([m.message for m in inbox.wait()], [HELLO], "sent")
            holds(peer.send("healthguard", "收到"), "the answer")
            script.says("instance-001/main")
            script.says(": 收到")
            script.types("quit")
            equal(script.ends(), 0, "status")


@test(relay=False)
def agent_link_py_stands_for_the_package():
    """It is the package, whoever imports it; and says so where there is none."""
    says = "import agent_link, sys; from agent_link import _library, Message; " \
           "print(agent_link.__file__, agent_link is sys.modules['agent_link'])"
    with site() as here:
        wanted = os.path.join(BINDINGS, "agent_link", "__init__.py") + " True"
        for place in (here.agent, SCRIPTS):  # by PYTHONPATH, and in the sources
            path = BINDINGS if place == here.agent else ""
            with Script(place, arguments=["-B", "-c", says], PYTHONPATH=path) as script:
                equal((script.ends(), script.lines), (0, [wanted]), place)
        for words in (["agent_link.py", "--test"], ["-c", says]):
            with Script(here.agent, arguments=["-S", *words], PYTHONPATH="") as script:
                equal(script.ends(), 1, f"status; {script.lines}")
                holds("make install" in script.lines[-1], f"{script.lines}")


# -- over HTTP ---------------------------------------------------------------------------------


@test(relay=False)
def the_documented_calls_over_http():
    """With the relay's token, since the documented register has no proof in it."""
    with site() as here:
        here.copy(RELAY)
        here.edit(RELAY, port=0, secret=SECRET, registered_instances=[
            entry("instance-001", public_key="..."), entry("instance-002")])
        with here.relay("relay_server.py", "--config", RELAY, "--token", "a token") as (url, _), \
                here.link(url, "xiaobaozi", "instance-002") as peer:
            inbox = Inbox()
            peer.on_message(inbox)

            def post(path, body, token="a token"):
                answer = requests.post(url.replace("ws", "http", 1) + path, json=body, timeout=WAIT,
                                       headers={"Authorization": f"Bearer {token}"} if token else {})
                return answer.status_code, answer.json()
            register = entry("instance-001", public_key="...")
            equal(post("/api/v1/register", register, None)[0], 401, "without any proof")
            equal(post("/api/v1/register", register),
                  (200, {"status": "registered", "instance_id": "instance-001"}), "register")
            sender, to = "instance-001/healthguard", "instance-002/xiaobaozi"
            text = f"send:{sender}:{to}:{HELLO}"
            body = {"from": sender, "to": to, "message": HELLO, "signature": hmac.new(
                SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()}
            equal(post("/api/v1/send", body), (200, {"status": "delivered", "to": to}), "send")
            equal([m.message for m in inbox.wait()], [HELLO], "what came")
            equal(post("/api/v1/send", {**body, "message": "another"})[0], 401, "another text")


if __name__ == "__main__":
    main()
