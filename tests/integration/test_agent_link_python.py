# SPDX-License-Identifier: MIT
"""bindings/python/agent_link: its API from threads and under asyncio, against a relay that serves,
dies and comes back. The forms of the published documentation: test_agent_link_documented.py."""
import asyncio
import contextlib
import ctypes
import datetime
import glob
import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading

import websockets

from agent_link_support import (BINDINGS, LIBRARY, Inbox, Log, Script, environ, folder, inside,
                                link, write)
from support import BIN, ROOT, WAIT, Relay, equal, holds, main, row, test
from v2_support import Agent, Caller

import agent_link
from agent_link import (AgentLink, AgentLinkError, ConfigError, LibraryError, Message, Receipt,
                        SendError, _library)

TEXTS = ["你好，小包子！", "emoji \U0001f4e8 \U0001f468‍\U0001f469‍\U0001f467", "", "a\0b", "\n \t\r\n",
         "العربية", "e\u0301\u200b\ufeff", '"quotes" \\ / {"json": 1}', "\U0010ffff"]


def fails(error, name, call, *args, **more):
    """The call must raise that error; gives its sentence."""
    try:
        found = call(*args, **more)
    except error as raised:
        if name is not None:
            equal(raised.name, name, f"name of {raised}")
        return str(raised)
    holds(False, f"nothing was raised, but {found!r} returned")


async def turn():
    """One turn of the loop, in which others go on."""
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, None)
    await future


# -- the library -------------------------------------------------------------------------------


@test(relay=False)
def structs_are_those_of_the_header():
    """Offsets and sizes of their members, as the C compiler sees clawlink/client.h."""
    names = {"sender": "from"}
    structs = {"options": _library.Options, "agent": _library.Agent, "letter": _library.Letter,
               "report": _library.Report, "event": _library.Event}
    lines = ["#include <clawlink/client.h>", "#include <stdio.h>", "int main(void) {"]
    wanted = []
    for name, struct in structs.items():
        lines.append(f'printf("{name} %d\\n", sizeof(struct claw_{name}) >= '
                     f'{ctypes.sizeof(struct)});')  # they may grow at their end
        wanted.append(f"{name} 1")
        for field, *_ in struct._fields_:
            c_name = names.get(field, field)
            lines.append(f'printf("{name}.{field} %zu %zu\\n", '
                         f"offsetof(struct claw_{name}, {c_name}), "
                         f"sizeof(((struct claw_{name} *)0)->{c_name}));")
            place = getattr(struct, field)
            wanted.append(f"{name}.{field} {place.offset} {place.size}")
    with tempfile.TemporaryDirectory() as path:
        write(path, "a.c", "\n".join([*lines, "}"]))
        subprocess.run(["cc", "-I", os.path.join(ROOT, "include"), "-o", path + "/a",
                        path + "/a.c"], check=True)
        found = subprocess.run([path + "/a"], check=True, capture_output=True, text=True).stdout
    equal(found.splitlines(), wanted, "layout")


@test(relay=False)
def a_library_that_is_missing_or_too_old_is_told():
    with tempfile.TemporaryDirectory() as path:
        write(path, "old.c", 'const char *claw_version(void) { return "0.0.9"; }')
        write(path, "odd.c", 'const char *claw_version(void) { return "0.1.0"; }')
        write(path, "none.c", "int nothing;")
        for name in ("old", "odd", "none"):
            subprocess.run(["cc", "-shared", "-fPIC", "-o", f"{path}/{name}.so",
                            f"{path}/{name}.c"], check=True)
        write(path, "text.so", "no library")
        for name, said in (("old.so", "0.0.9, which is too old: this package needs 0.1.0"),
                           ("odd.so", "has no claw_"), ("none.so", "has no claw_version"),
                           ("text.so", "cannot be loaded"),
                           ("absent.so", "there is no libclawlink"),
                           ("", "there is no libclawlink")):
            with environ(CLAWLINK_LIBRARY=os.path.join(path, name)), row(name):
                text = fails(LibraryError, "internal",
                             lambda: _library.Library(_library.find()))
                holds(said in text, text)
        with environ(CLAWLINK_LIBRARY=os.path.dirname(LIBRARY)):
            holds(_library.find().startswith(os.path.dirname(LIBRARY)), "a folder names it too")


@test(relay=False)
def a_copy_finds_the_library_beside_it_and_in_its_prefix():
    """And says so where there is none at all."""
    says = "from agent_link import _library; print(_library.find())"
    with tempfile.TemporaryDirectory() as path:
        for place, at in (("lib/python3/dist-packages", "lib/libclawlink.so.0"),
                          ("lib/python3/dist-packages",
                           "lib/python3/dist-packages/agent_link/libclawlink.so.0"),
                          ("lib/python3/dist-packages", "lib/x86_64-linux-gnu/libclawlink.so.0")):
            prefix = tempfile.mkdtemp(dir=path)
            os.makedirs(os.path.join(prefix, place))
            subprocess.run(["cp", "-r", BINDINGS + "/agent_link", os.path.join(prefix, place)],
                           check=True)
            os.makedirs(os.path.dirname(os.path.join(prefix, at)), exist_ok=True)
            os.symlink(LIBRARY, os.path.join(prefix, at))
            with Script(path, arguments=["-c", says], CLAWLINK_LIBRARY="",
                        PYTHONPATH=os.path.join(prefix, place)) as script:
                equal(script.ends(), 0, f"status {script.lines}")
                equal(script.lines, [os.path.join(prefix, at)], "library")


@test(relay=False)
def it_can_be_installed():
    """Where python3 finds it, by `make install`; and by pip, without a network."""
    def asked(*words):
        return subprocess.run([ROOT + "/tools/python-dir", *words], check=True, text=True,
                              capture_output=True).stdout.strip()
    if os.path.exists("/etc/debian_version"):
        equal(asked("/usr"), "/usr/lib/python3/dist-packages", "Debian's own")
        equal(asked("/nowhere"), "/nowhere/lib/python3/dist-packages", "another prefix")
        found = asked("/usr/local")
        holds(re.fullmatch(r"/usr/local/lib/python3\.\d+/(dist|site)-packages", found),
              f"of the local administrator: {found}")
    with open(BINDINGS + "/pyproject.toml", encoding="utf-8") as file:
        version = re.search(r'^version = "(.*)"', file.read(), re.MULTILINE)[1]
    equal(version, agent_link.__version__, "version")
    says = "import agent_link; print(agent_link.__file__)"
    with tempfile.TemporaryDirectory() as path:
        for name in ("agent_link", "pyproject.toml", "README.md"):
            subprocess.run(["cp", "-r", f"{BINDINGS}/{name}", path], check=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps",
                        "--no-build-isolation", "--target", path + "/pip", "."], cwd=path,
                       check=True, capture_output=True)
        build = os.path.dirname(LIBRARY)
        installs = os.path.exists(build + "/cmake_install.cmake")
        if installs:
            subprocess.run(["cmake", "--install", build, "--component", "python"], check=True,
                           capture_output=True,
                           env={**os.environ, "DESTDIR": path + "/dest", "PYTHON_DIR": "/py"})
            found = {os.path.basename(file) for file in glob.glob(
                path + "/dest/**/share/clawlink/agent-link/*", recursive=True)}
            equal(found, set(os.listdir(BINDINGS + "/agent_link_scripts")) - {"__pycache__"},
                  "scripts")
        for place in ["pip"] + ["dest/py"] * installs:
            with Script(path, arguments=["-P", "-c", says] if sys.version_info >= (3, 11)
                        else ["-c", says], PYTHONPATH=os.path.join(path, place)) as script:
                equal(script.ends(), 0, f"status; {script.lines}")
                equal(script.lines, [f"{path}/{place}/agent_link/__init__.py"], "place")


# -- beginning ---------------------------------------------------------------------------------


def config_of(relay, **more):
    return {"relay_url": relay.url.replace("http", "ws", 1), "secret": "your-secret-key",
            "instance_id": "instance-001", "agent_id": "healthguard", "auto_reconnect": True,
            "reconnect_interval": 5, **more}


@test()
def every_form_of_the_constructor(relay):
    config = config_of(relay)
    with folder() as path, inside(path), link(relay, "main", "instance-001"), \
            environ(HOME=path, OPENCLAW_STATE_DIR=None):
        write(path, "agent-link-config.json", config)
        full = os.path.join(path, "agent-link-config.json")
        for made in (AgentLink(config_path="agent-link-config.json"), AgentLink(config_path=full),
                     AgentLink.from_config("agent-link-config.json"), AgentLink.from_config(),
                     AgentLink.from_config(full), AgentLink(),
                     AgentLink(relay_url=config["relay_url"], secret="your-secret-key",
                               instance_id="instance-001", agent_id="healthguard"),
                     AgentLink(config["relay_url"], "your-secret-key", "instance-001",
                               "healthguard")):
            with row(repr(made)):
                equal(made.address, "instance-001/healthguard", "address")
                holds(made.send("main", "hi"), "sent")
                made.close()
        made = AgentLink(agent_id="xiaodingding")
        equal(made.address, "instance-001/xiaodingding", "address")
        holds(made.send("main", "hi"), "sent")
        made.close()


@test(relay=False)
def the_file_is_found_where_the_documentation_says():
    def content(agent):
        return {"relay_url": "ws://127.0.0.1:1", "secret": "s", "instance_id": "i",
                "agent_id": agent}
    name = "agent-link-config.json"
    with folder() as home, folder() as here, folder() as other, inside(here), \
            environ(HOME=home, OPENCLAW_STATE_DIR=None, AGENT_LINK_CONFIG=None):
        os.makedirs(home + "/.openclaw/workspace")
        text = fails(ConfigError, "usage", AgentLink, agent_id="x")
        for told in (here, home + "/.openclaw/workspace", home + "/.openclaw",
                     "clawlink agent-link setup"):
            holds(told in text, f"{told} in {text}")
        write(home + "/.openclaw", name, content("home"))
        equal(AgentLink().agent_id, "home", "from OpenClaw's folder")
        equal(AgentLink.from_config(name).agent_id, "home", "a bare name, too")
        write(home + "/.openclaw/workspace", name, content("workspace"))
        equal(AgentLink().agent_id, "workspace", "from the workspace")
        write(here, name, content("here"))
        equal(AgentLink().agent_id, "here", "from the current folder")
        fails(ConfigError, "usage", AgentLink, config_path="./none.json")
        write(other, name, content("other"))
        with environ(AGENT_LINK_CONFIG=os.path.join(other, name)):
            equal(AgentLink().agent_id, "other", "from the environment")
            equal(AgentLink.from_config(name).agent_id, "here", "a name goes before that")
        os.unlink(name)
        with environ(OPENCLAW_STATE_DIR=other):
            equal(AgentLink().agent_id, "other", "where the state is")


@test(relay=False)
def what_is_wrong_in_a_configuration_is_named():
    good = {"relay_url": "ws://127.0.0.1:1", "secret": "s", "instance_id": "i", "agent_id": "a",
            "comment": {"unknown": ["members", "are", "passed", "over"]}}
    with folder(f__json=good) as path:
        file = os.path.join(path, "f.json")
        equal(AgentLink(config_path=file).address, "i/a", "address")
        equal(AgentLink(config_path=file, agent_id="b").address, "i/b", "what is given goes first")
        for change, said in (
                ({"relay_url": 8765}, "relay_url must be a string"),
                ({"secret": None}, "secret is missing"), ({"secret": 5}, "secret must be a string"),
                ({"secret": ""}, "secret is missing"), ({"instance_id": "a/b"}, "instance_id is"),
                ({"instance_id": None, "agent_id": None}, "instance_id and agent_id are missing"),
                ({"agent_id": "a:b"}, "agent_id is"), ({"agent_id": "x" * 65}, "agent_id is"),
                ({"auto_reconnect": "yes"}, "auto_reconnect must be true or false"),
                ({"reconnect_interval": "5"}, "reconnect_interval must be a number"),
                ({"reconnect_interval": True}, "reconnect_interval must be a number"),
                ({"relay_url": "a\0b"}, "NUL")):
            write(path, "f.json", {**good, **change})
            text = fails(ConfigError, "usage", AgentLink, config_path=file)
            holds(said in text and file in text, f"{said!r} and the file in {text!r}")
        for content, said in (("[]", "no JSON object"), ("{", "is no JSON"), ("", "is no JSON")):
            write(path, "f.json", content)
            holds(said in fails(ConfigError, "usage", AgentLink.from_config, file), said)
    fails(ConfigError, "usage", AgentLink, relay_url="ws://127.0.0.1:1", agent_id="a")
    bad = AgentLink(relay_url="gopher://x", secret="s", instance_id="i", agent_id="a")
    fails(AgentLinkError, None, bad.send, "b", "x")


def holder(relay, agent, instance, secret="your-secret-key", **more):
    """An agent that has a secret, and no token."""
    return link(relay, agent, instance, secret=secret, relay_token=None, **more)


def member(relay, agent, instance, secret="your-secret-key"):
    """An agent of the group, by its secret alone."""
    return holder(relay, agent, instance, secret, group=True)


@test()
def a_group_verifies_what_it_receives(relay):
    """Signed by the group: taken. Unsigned, or by another secret: refused, and the sender is told.
    What the relay passes on from v1 is taken, but with needs_signature."""
    inbox = Inbox()
    relay.register("nele")
    with member(relay, "otto", "i1") as otto, member(relay, "mira", "i2") as mira, \
            member(relay, "mallory", "i3", secret="another") as mallory, \
            link(relay, "anne", "i4") as anne, Log() as log:
        otto.on_message(inbox)
        for text in TEXTS:
            holds(mira.send("i1/otto", text), repr(text))
        holds(mira.send("i1/otto", "z" * 100_000).wait("seen", WAIT), "a blob")
        inbox.wait(len(TEXTS) + 1)
        equal(inbox.texts(), [*TEXTS, "z" * 100_000], "texts")
        equal({message.verified for message in inbox.messages}, {True}, "verified")
        inbox.messages.clear()
        for stranger in (mallory, anne):
            receipt = stranger.send("i1/otto", "forged")
            equal((receipt.wait("seen", WAIT), receipt.status), (False, "rejected"), "status")
            holds("sign" in receipt.reason, receipt.reason)
            log.has(f"refused a message from {stranger.address}")
        relay.delegate("nele", "i1/otto", "of v1")
        first = inbox.wait()[0]
        equal((first.message, first.verified, first.trust), ("of v1", False, "relay"), "from v1")
        strict = holder(relay, "strict", "i5", needs_signature=True)  # group, and more
        strict.on_message(inbox)
        with strict:
            relay.delegate("nele", "i5/strict", "of v1")
            holds(mira.send("i5/strict", "signed").wait("seen", WAIT), "signed")
        equal(inbox.texts(), ["of v1", "signed"], "texts")


def signed(secret, text):
    """The signature of a frame, as the original client makes it."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


@test(relay=False)
def at_the_agent_link_port_the_secret_is_enough():
    """Links and a client of the original, each with the group's secret alone, and a wrong one."""
    helped = subprocess.run([BIN, "help", "relay"], check=True, capture_output=True, text=True)
    if "--agent-link" not in helped.stdout:
        print("SKIP at_the_agent_link_port_the_secret_is_enough: this relay has no such port")
        return
    secret = "your-secret-key"
    config = {"port": 8765, "secret": secret, "registered_instances": [
        {"instance_id": name, "name": name, "public_key": ""} for name in ("i1", "i2")]}
    inbox = Inbox()

    async def work(url):
        def there(agent, instance, **more):
            return AgentLink(relay_url=url, **{"secret": secret, "instance_id": instance,
                                               "agent_id": agent, "timeout": WAIT, **more})
        async with there("otto", "i1") as otto, there("mira", "i2") as mira:
            otto.on_message(inbox)
            receipt = await mira.send("i1/otto", TEXTS[0])
            holds(await receipt.reached("seen", WAIT), f"{receipt}")
            async with websockets.connect(url) as old:
                now = datetime.datetime.now().isoformat()[:19]
                await old.send(json.dumps({"type": "register", "instance_id": "i2", "signature":
                               signed(secret, f"register:i2:{now}")}))
                equal(json.loads(await old.recv())["type"], "registered", "register")
                await old.send(json.dumps({
                    "type": "send", "from": "i2/old", "to": "i1/otto", "message": TEXTS[1],
                    "signature": signed(secret, f"send:i2/old:i1/otto:{TEXTS[1]}")}))
                equal(json.loads(await asyncio.wait_for(old.recv(), WAIT)),
                      {"type": "delivered", "to": "i1/otto"}, "the original's receipt")
                receipt = otto.send("i2/old", TEXTS[0])
                equal(json.loads(await asyncio.wait_for(old.recv(), WAIT)),
                      {"type": "message", "from": "i1/otto", "to": "i2/old", "message": TEXTS[0]},
                      "what the original is shown")
                holds(await receipt.reached("delivered", WAIT), f"{receipt}")
        try:
            await there("eve", "i1", secret="wrong").connect()
            holds(False, "a wrong secret connects")
        except AgentLinkError as error:
            equal(error.name, "unauthorized", f"{error}")
            holds("does not accept this secret from the instance i1: it has another one there, "
                  "or is not registered" in str(error), f"{error}")
    with folder(relay_config__json=config) as path:
        file = os.path.join(path, os.listdir(path)[0])
        os.chmod(file, 0o600)
        with Relay("--agent-link", file, "--agent-link-port", "0") as relay:
            asyncio.run(work(relay.agent_link))
    equal([(m.from_agent, m.message, m.verified) for m in inbox.messages],
          [("i2/mira", TEXTS[0], True), ("i2/old", TEXTS[1], False)], "messages")


@test(relay=False)
def over_tls_the_relay_is_known_by_its_pin():
    """By the constructor, by the file; one that shows another key is not told the secret."""
    there = {"secret": "your-secret-key", "instance_id": "i1"}
    inbox = Inbox()
    with folder(relay_config__json={"port": 8765, "secret": there["secret"],
                                    "registered_instances": [{"instance_id": "i1"}]}) as path:
        file = os.path.join(path, "relay_config.json")
        with Relay("--tls-self-signed", "--tls-dir", path, "--agent-link", file,
                   "--agent-link-port", "0") as relay:
            there["relay_url"] = relay.agent_link
            holds(relay.agent_link.startswith("wss://"), relay.agent_link)
            write(path, "pinned.json", {**there, "agent_id": "otto", "pins": relay.pin})
            otto = AgentLink(config_path=os.path.join(path, "pinned.json"), timeout=WAIT)
            otto.on_message(inbox)
            with otto, AgentLink(agent_id="mira", pins=relay.pin, timeout=WAIT, **there) as mira:
                holds(mira.send("otto", TEXTS[0]).wait("seen", WAIT), "seen")
            equal(inbox.texts(), [TEXTS[0]], "texts")
            other = "sha256:" + "A" * 43 + "="
            for pins, said in ((other, "Wrong key"), (f"{other},{relay.pin}", ""),
                               (None, "Can't trust"), ("sha256:none", "pin")):
                with row(str(pins)):
                    eve = AgentLink(agent_id="eve", pins=pins, timeout=WAIT, **there)
                    if said == "":
                        eve.start()
                        eve.close()
                        continue
                    text = fails(AgentLinkError, None, eve.start)
                    holds(said in text and (pins != other or "nothing was sent" in text), text)


@test(relay=False)
def instances_with_secrets_of_their_own_and_a_shared_one_talk():
    """Each to each, also what is sent before the first connection. Those that share are verified
    where they sign; one who insists on it takes nothing else."""
    secrets = {"i1": "of one", "i2": "of two", "i3": "shared", "i4": "shared"}
    config = {"port": 8765, "secret": "shared", "registered_instances": [
        {"instance_id": name, "name": name, "public_key": "",
         **({} if secret == "shared" else {"secret": secret})}
        for name, secret in secrets.items()]}
    inbox = Inbox()
    with folder(relay_config__json=config) as path, contextlib.ExitStack() as links:
        file = os.path.join(path, os.listdir(path)[0])
        os.chmod(file, 0o600)
        relay = links.enter_context(Relay("--agent-link", file, "--agent-link-port", "0"))

        def there(agent, instance, **more):
            return AgentLink(relay_url=relay.agent_link, secret=secrets[instance],
                             instance_id=instance, agent_id=agent, timeout=WAIT, **more)
        with Log() as log:
            made = {name: there("main", name) for name in secrets}
            for one in made.values():
                one.on_message(inbox)
                links.enter_context(one)
            for sender in secrets:
                first = links.enter_context(contextlib.closing(there("first", sender)))
                for one in (made[sender], first):  # which has no connection yet
                    receipts = [one.send(f"{to}/main", f"{sender} {to}") for to in secrets]
                    for receipt in receipts:
                        holds(receipt.wait("seen", WAIT), f"{receipt} {receipt.reason}")
            inbox.wait(2 * len(secrets) ** 2)
            shared = {name for name, secret in secrets.items() if secret == "shared"}
            for message in inbox.messages:
                wanted = set(message.message.split()) <= shared
                with row(message.message):
                    equal((message.verified, message.trust),
                          (wanted, "group" if wanted else "relay"), "verified")
            equal(log.lines, [line for line in log.lines if "INFO" in line], "no warning")
        inbox.messages.clear()
        strict = there("strict", "i3", group=True)
        strict.on_message(inbox)
        links.enter_context(strict)
        receipt = made["i1"].send("i3/strict", "not signed")
        equal((receipt.wait("seen", WAIT), receipt.status), (False, "rejected"), "status")
        holds(made["i4"].send("i3/strict", "signed").wait("seen", WAIT), "signed")
        equal([(m.message, m.verified) for m in inbox.messages], [("signed", True)], "messages")
    fails(ConfigError, "usage", AgentLink, relay_url="ws://127.0.0.1:1", relay_token="t",
          instance_id="i", agent_id="a", group=True)


# -- the console -------------------------------------------------------------------------------


def documented(relay, path):
    write(path, "agent-link-config.json", config_of(relay))
    return relay.url.replace("http", "ws", 1)


@test()
def the_console(relay):
    with folder() as path, holder(relay, "xiaobaozi", "instance-002") as peer:
        documented(relay, path)
        inbox = Inbox()
        peer.on_message(inbox)
        with Script(path, arguments=["-m", "agent_link", "--config", "agent-link-config.json",
                                     "--test"]) as script:
            script.says("instance-001/healthguard is connected")
            script.types("send instance-002/xiaobaozi 你好，小包子！")
            script.says(": instance-002/xiaobaozi")
            script.types("instance-002/xiaobaozi  two  blanks")
            equal([m.message for m in inbox.wait(2)], ["你好，小包子！", "two  blanks"], "sent")
            script.types("send main 你好")
            script.says("not sent to instance-001/main: ")
            for line, said in (("send", "send what?"), ("main", "no message for main"),
                               ("help", "ends the console"), ("", "> ")):
                script.types(line)
                script.says(said)
            holds(peer.send("instance-001/healthguard", "收到"), "sent")
            script.says(": 收到")
            script.types("quit")
            equal(script.ends(), 0, "status")
        with Script(path, arguments=["-m", "agent_link", "--test"]) as script:
            script.says("is connected")
            script.process.stdin.close()  # as Ctrl-D
            equal(script.ends(), 0, "status")
        with Script(path, arguments=["-m", "agent_link"]) as script:
            while not peer.send("instance-001/healthguard", "without --test").wait("seen", 1):
                pass
            script.says("without --test")
            script.process.send_signal(signal.SIGINT)
            equal(script.ends(), 0, "status")
        with Script(path, arguments=["-m", "agent_link", "--config", "none.json"]) as script:
            equal(script.ends(), 1, "status")
            script.says("agent_link: there is no none.json")


# -- sending -----------------------------------------------------------------------------------


@test(token="s3cret")
def send_works_in_both_worlds(relay):
    """Blocking; awaited; neither. To a bare name and to an address."""
    inbox = Inbox()
    with link(relay, "otto") as otto, link(relay, "mira") as mira:
        otto.on_message(inbox)
        receipt = mira.send("otto", "blocking")
        equal((bool(receipt), receipt.done, receipt.accepted, receipt.error),
              (True, True, True, None), "a receipt")
        equal(receipt.to, "mini/otto", "a bare name is of the own instance")
        holds(re.fullmatch(r"[A-Za-z0-9_-]{22}", receipt.id), f"id {receipt.id}")
        holds(receipt.check() is receipt, "check gives the receipt")

        async def work():
            with relay.asleep():
                first = mira.send("mini/otto", "pending")
                equal((first.done, bool(first), first.status), (False, False, "pending"), "before")
            holds(await first is first, "await gives the receipt")
            holds(first and await first is first, "and again")
            holds(await mira.send(to_agent="otto", message="awaited"), "awaited")
            many = await asyncio.gather(*(mira.send("otto", f"g{n}") for n in range(20)))
            holds(all(many), "gathered")
            holds(await asyncio.create_task(mira.send("otto", "task")), "a task")
            holds(await asyncio.wait_for(mira.send("otto", "wait_for"), WAIT), "wait_for")
            mira.send("otto", "never awaited")
            last = mira.send("otto", "last")
            holds(await last.reached("seen", WAIT), f"seen {last}")
        asyncio.run(work())
        holds(asyncio.run(mira.send("otto", "run")), "asyncio.run")
        texts = ["blocking", "pending", "awaited", *(f"g{n}" for n in range(20)), "task",
                 "wait_for", "never awaited", "last", "run"]
        inbox.wait(len(texts))
        equal(inbox.texts(), texts, "texts")
        equal({(m.from_agent, m.to_agent, m.trust, m.verified) for m in inbox.messages},
              {("mini/mira", "mini/otto", "relay", False)}, "messages")
        equal(inbox.messages[0].id, receipt.id, "the same id on both sides")


@test()
def what_is_refused_is_false_and_says_why(relay):
    with link(relay, "mira") as mira, Log() as log:
        receipt = mira.send("nobody", "hi")
        equal((bool(receipt), receipt.status, receipt.error), (False, "refused", "no_such_agent"),
              "receipt")
        holds("nobody" in receipt.reason, receipt.reason)
        log.has("WARNING the message to mini/nobody was not accepted")
        holds("nobody" in fails(SendError, "no_such_agent", receipt.check), "check")
        equal(receipt.wait("seen", WAIT), False, "nobody waits for what cannot come")
        equal(asyncio.run(receipt.reached("seen", WAIT)), False, "nor here")
        equal(bool(mira.send("a b/c d", "hi")), False, "an address that is none")
        for to, message, error in ((None, "x", TypeError), ("", "x", TypeError),
                                   ("x", None, TypeError), ("x", b"x", TypeError),
                                   ("x\0y", "x", ValueError)):
            fails(error, None, mira.send, to, message)
        fails(ValueError, None, receipt.wait, "read")


@test()
def text_arrives_as_it_was_sent(relay):
    inbox = Inbox()
    sizes = [1, 32767, 32768, 32769, 100_000, 1_048_576, 5_000_000]
    with link(relay, "otto") as otto, link(relay, "mira") as mira:
        otto.on_message(inbox)
        for text in TEXTS:
            holds(mira.send("otto", text), repr(text))
        inbox.wait(len(TEXTS))
        equal(inbox.texts(), TEXTS, "texts")
        fails(UnicodeEncodeError, None, mira.send, "otto", "\ud800")
        inbox.messages.clear()
        for size in sizes:
            holds(mira.send("otto", "ü" * (size // 2) + "x" * (size % 2)), f"{size} bytes")
        inbox.wait(len(sizes))
        equal([len(text.encode()) for text in inbox.texts()], sizes, "sizes")
        equal(set("".join(inbox.texts())), set("üx"), "letters")

        async def mixed():
            sent = []
            for number in range(12):
                large = "y" * 200_000 if number % 4 == 1 else ""
                sent.append(mira.send("otto", f"{number}{large}"))
            holds(all(await asyncio.gather(*sent)), "sent")
        inbox.messages.clear()
        asyncio.run(mixed())
        inbox.wait(12)
        equal([text.rstrip("y") for text in inbox.texts()], [str(n) for n in range(12)],
              "large and small ones in the order in which they were sent")


@test()
def what_is_no_text_is_shown_as_json(relay):
    """As clients of the original are shown it."""
    inbox = Inbox()
    with link(relay, "otto") as otto:
        otto.on_message(inbox)
        mira = Agent(Caller(relay), "mini/mira")
        mira.post(mira.pack("mini/otto", b"\x89PNG\xff", cty="image/png"))
        relay.register("nele")
        relay.delegate("nele", "mini/otto", "a task of v1")
        first, second = inbox.wait(2)
        equal((first.message, first.content_type),
              ('{"encoding": "base64url", "content_type": "image/png", "data": "iVBORw"}'
               .replace("iVBORw", "iVBOR_8"), "image/png"), "bytes")
        equal((second.from_agent, second.message), ("v1/nele", "a task of v1"), "v1")


class SlowToReturn:
    """The library, whose send_large returns when the message has long arrived."""

    def __init__(self, lib, arrived):
        self.lib, self.arrived = lib, arrived

    def __getattr__(self, name):
        return getattr(self.lib, name)

    def send_large(self, *arguments):
        err = self.lib.send_large(*arguments)
        self.arrived()
        return err


@test()
def a_receipt_may_come_before_the_call_returns(relay):
    inbox = Inbox()
    with link(relay, "otto") as otto, link(relay, "mira") as mira:
        otto.on_message(inbox)
        client = mira._client
        client.lib = SlowToReturn(client.lib, lambda: holds(
            mira.send("otto", "after").wait("seen", WAIT), "the one after it"))
        receipt = mira.send("otto", "z" * 100_000)
        holds(receipt.wait("seen", WAIT), f"{receipt}")
        equal([len(text) for text in inbox.texts()], [100_000, 5], "texts")


@test()
def a_handler_may_close_its_link_from_a_worker(relay):
    """Of the loop that it runs in, which waits for its workers in the end."""
    closed = threading.Event()
    otto = link(relay, "otto")

    async def close(_):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.to_thread(lambda: (otto.close(), closed.set()))

    otto.on_message(close)
    with otto, link(relay, "mira") as mira:
        mira.send("otto", TEXTS[0])
        holds(closed.wait(WAIT), "close() returns")
        otto.close()


class Busy:
    """The library, whose relay has no time for a blob at first."""

    def __init__(self, lib, *answers):
        self.lib, self.answers = lib, list(answers)

    def __getattr__(self, name):
        return getattr(self.lib, name)

    def get_blob(self, *arguments):
        return self.answers.pop(0) if self.answers else self.lib.get_blob(*arguments)


@test()
def content_is_fetched_when_the_relay_has_time_again(relay):
    """And is refused where no time will help."""
    too_many, unauthorized = 20, 4
    inbox = Inbox()
    with link(relay, "otto") as otto, link(relay, "mira") as mira:
        otto.on_message(inbox)
        otto._client.lib = Busy(otto._client.lib, too_many, unauthorized)
        receipt = mira.send("otto", "a" * 100_000)
        equal((receipt.wait("seen", WAIT), receipt.status), (False, "rejected"), "no time helps")
        otto._client.lib = Busy(otto._client.lib, too_many)
        holds(mira.send("otto", "b" * 100_000).wait("seen", WAIT), "it came later")
        equal([text[:1] for text in inbox.texts()], ["b"], "texts")


@test()
def threads_share_a_link(relay):
    """Eight send at a time, each in its order; nothing is lost or doubled."""
    inbox, threads, each = Inbox(), 8, 150
    with link(relay, "otto") as otto, link(relay, "mira") as mira:
        otto.on_message(inbox)

        def work(name):
            for number in range(each):
                mira.send("otto", f"{name} {number}").check()
        running = [threading.Thread(target=work, args=(name,)) for name in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        inbox.wait(threads * each)
        for name in range(threads):
            mine = [text for text in inbox.texts() if text.startswith(f"{name} ")]
            equal(mine, [f"{name} {number}" for number in range(each)], f"texts of {name}")


@test()
def what_was_sent_goes_out_before_the_program_ends(relay):
    """Sent without await, at the end of asyncio.run; and a link that nobody closed."""
    inbox = Inbox()
    text = ("import asyncio\nfrom agent_link import AgentLink\n"
            f'link = AgentLink(relay_url="{relay.url}", relay_token="x", instance_id="mini", '
            'agent_id="mira")\n'
            "async def main():\n    for n in range(500): link.send('otto', str(n))\n"
            "    link.send('otto', 'z' * 5_000_000)\n"
            "asyncio.run(main())\n")
    with folder() as path, link(relay, "otto") as otto:
        otto.on_message(inbox)
        with Script(path, text) as script:
            equal(script.ends(), 0, f"status; {script.lines}")
            equal(script.lines, [], "nothing is printed")
        inbox.wait(501)
        equal(inbox.texts(), [*map(str, range(500)), "z" * 5_000_000], "texts")


@test()
def a_program_that_ends_waits_for_a_relay_that_is_slow(relay):
    """Which has not failed: a second, as without a relay, would not do."""
    inbox = Inbox()
    text = ("import asyncio\nfrom agent_link import AgentLink\n"
            f'link = AgentLink(relay_url="{relay.url}", relay_token="x", instance_id="mini", '
            'agent_id="mira")\n'
            "async def main():\n    link.send('otto', 'in time')\n    print('sent')\n"
            "asyncio.run(main())\n")
    with folder() as path, link(relay, "otto") as otto:
        otto.on_message(inbox)
        with relay.asleep(), Script(path, text) as script:
            script.says("sent")
            try:
                holds(script.process.wait(2) is None, f"it has ended; {script.lines}")
            except subprocess.TimeoutExpired:
                relay.signal(signal.SIGCONT)
            equal(script.ends(), 0, f"status; {script.lines}")
        equal([message.message for message in inbox.wait()], ["in time"], "texts")


@test()
def an_interpreter_that_ends_needs_no_more_threads(relay):
    """Python 3.12 starts none once it runs what was registered by atexit."""
    inbox = Inbox()
    text = ("import asyncio, atexit, threading\nfrom agent_link import AgentLink\n"
            f'link = AgentLink(relay_url="{relay.url}", relay_token="x", instance_id="mini", '
            'agent_id="mira")\n'
            "def no_more(*_):\n    raise RuntimeError('no thread at interpreter shutdown')\n"
            "atexit.register(lambda: setattr(threading, '_start_new_thread', no_more))\n"
            "async def main():\n    for n in range(500): link.send('otto', str(n))\n"
            "asyncio.run(main())\n")
    with folder() as path, link(relay, "otto") as otto:
        otto.on_message(inbox)
        with Script(path, text) as script:
            equal(script.ends(), 0, f"status; {script.lines}")
            equal(script.lines, [], "nothing is printed")
        inbox.wait(500)
        equal(inbox.texts(), [*map(str, range(500))], "texts")


@test()
def a_forked_child_connects_anew(relay):
    inbox = Inbox()
    text = ("import os\nfrom agent_link import AgentLink\n"
            f'link = AgentLink(relay_url="{relay.url}", relay_token="x", instance_id="mini", '
            'agent_id="mira")\n'
            "link.send('otto', 'parent').check()\n"
            "child = os.fork()\n"
            "link.send('otto', 'child' if child == 0 else 'parent').check()\n"
            "if child: print(os.waitpid(child, 0)[1])\n")
    with folder() as path, link(relay, "otto") as otto:
        otto.on_message(inbox)
        with Script(path, text) as script:
            equal(script.ends(), 0, f"status; {script.lines}")
            equal(script.lines, ["0"], "the child's status")
        inbox.wait(3)
        equal(sorted(inbox.texts()), ["child", "parent", "parent"], "texts")


# -- receiving ---------------------------------------------------------------------------------


@test()
def every_form_of_handler(relay):
    seen = []

    class Handlers:
        def method(self, message):
            seen.append(("method", message.message))

        async def pair(self, from_agent, message):
            await turn()
            seen.append(("pair", from_agent, message))

    def with_default(message, more="default"):
        seen.append((more, message.message))

    with link(relay, "otto") as otto, link(relay, "mira") as mira:
        handlers = Handlers()

        @otto.on_message
        def one(msg: Message):
            seen.append(("one", msg.message))

        @otto.on_message
        def two(from_agent, message):
            seen.append(("two", from_agent, message))

        @otto.on_message
        async def later(msg):
            await turn()
            seen.append(("later", msg.message))
        otto.on_message(handlers.method)
        otto.on_message(handlers.pair)
        otto.on_message(with_default)
        otto.on_message(lambda *args: seen.append(("any", len(args))))
        otto.on_message(lambda message: mira.send("mira", "an awaitable"))
        holds(callable(one) and callable(two) and callable(later), "decorators give the function")
        receipt = mira.send("otto", "hi")
        holds(receipt.wait("seen", WAIT), f"{receipt}")
        equal(seen, [("one", "hi"), ("two", "mini/mira", "hi"), ("method", "hi"),
                     ("default", "hi"), ("any", 1), ("later", "hi"), ("pair", "mini/mira", "hi")],
              "calls: the plain ones as they were registered, then what is awaited")

        def none():
            """Takes nothing."""

        def three(_a, _b, _c):
            """Takes too much."""

        def named(_a, *, _b):
            """Takes what nobody gives."""
        for handler in (none, three, named):
            fails(TypeError, None, otto.on_message, handler)


@test()
def a_handler_that_raises_ends_nothing(relay):
    """The others are called, the sender is told, the message does not come again."""
    inbox = Inbox()
    with link(relay, "otto") as otto, link(relay, "mira") as mira, Log() as log:
        @otto.on_message
        def plain(message):
            if message.message == "plain":
                raise ValueError("a secret of the handler's")

        @otto.on_message
        async def later(_from_agent, message):
            await turn()
            if message == "later":
                raise KeyError(message)
        otto.on_message(inbox)
        for text, kind in (("plain", "ValueError"), ("later", "KeyError")):
            receipt = mira.send("otto", text)
            holds(receipt.wait("in_progress", WAIT) is False, "it does not get that far")
            equal((receipt.status, receipt.reason, bool(receipt)),
                  ("failed", f"its handler raised {kind}", False), "receipt")
            fails(SendError, "ended", receipt.check)
        holds(mira.send("otto", "good").wait("seen", WAIT), "the next one")
        equal(inbox.texts(), ["plain", "later", "good"], "each once")
        log.has("ERROR the handler a_handler_that_raises_ends_nothing.<locals>.plain raised for a "
                "message from mini/mira")
        holds(otto.is_connected, "connected")


@test()
def a_handler_that_is_cancelled_holds_up_nobody(relay):
    """Something that it waits for was cancelled, not it; then it has failed as any other."""
    inbox = Inbox()

    async def work():
        async with link(relay, "otto") as otto, link(relay, "mira") as mira:
            @otto.on_message
            async def later(message):
                await turn()
                if message.message == "later":
                    gone = asyncio.get_running_loop().create_future()
                    gone.cancel()
                    await gone

            @otto.on_message
            def plain(message):
                if message.message == "plain":
                    raise asyncio.CancelledError
            otto.on_message(inbox)
            receipts = [mira.send("otto", text) for text in ("later", "plain", "good")]
            holds(await receipts[2].reached("seen", WAIT), f"the last one: {receipts}")
            if sys.version_info >= (3, 11):
                for receipt in receipts[:2]:
                    await receipt.reached("in_progress", WAIT)
                    equal((receipt.status, receipt.reason),
                          ("failed", "its handler raised CancelledError"), "receipt")
        equal(inbox.texts(), ["later", "plain", "good"], "each once")
    with Log():
        asyncio.run(work())


@test()
def messages_of_one_sender_wait_for_each_other(relay):
    """Those of others do not; and what a handler has begun with is not acknowledged before."""
    order = []

    async def work():
        gate, began = asyncio.Event(), asyncio.Event()
        async with link(relay, "otto") as otto, link(relay, "mira") as mira, \
                link(relay, "nele") as nele:
            @otto.on_message
            async def handle(message):
                began.set()
                if message.message == "1":
                    await gate.wait()
                order.append(message.message)
            first = await mira.send("otto", "1")
            second = await mira.send("otto", "2")
            await began.wait()
            other = await nele.send("otto", "other")
            holds(await other.reached("seen", WAIT), f"other {other}")
            equal((order, first.status, second.status), (["other"], "accepted", "accepted"),
                  "before")
            gate.set()
            holds(await second.reached("seen", WAIT), f"second {second}")
            equal((order, first.status), (["other", "1", "2"], "seen"), "after")
    asyncio.run(work())


@test()
def what_was_not_handled_comes_again(relay):
    """To the next link of that agent."""
    async def work():
        began = asyncio.Event()
        otto = link(relay, "otto")

        @otto.on_message
        async def handle(_message):
            began.set()
            await asyncio.Event().wait()
        async with otto, link(relay, "mira") as mira:
            receipt = await mira.send("otto", "hi")
            await began.wait()
            await otto.close()
            equal(receipt.status, "accepted", "status")
            inbox = Inbox()
            async with link(relay, "otto") as again:
                again.on_message(inbox)
                holds(await receipt.reached("seen", WAIT), f"{receipt}")
            equal(inbox.texts(), ["hi"], "texts")
    asyncio.run(work())


@test()
def a_link_without_handlers_takes_no_messages(relay):
    """They stay in the inbox, for a handler that comes later or for another process."""
    inbox = Inbox()
    with link(relay, "otto") as otto, link(relay, "mira") as mira:
        receipt = mira.send("otto", "waits")
        holds(not receipt.wait("delivered", 0.2), "nobody has taken it")
        other = link(relay, "otto")
        holds(other.send("mira", "a script of the same agent"), "sent")
        otto.on_message(inbox)
        holds(receipt.wait("seen", WAIT), f"{receipt}")
        holds(mira.send("otto", "still here").wait("seen", WAIT), "the script has not got it")
        other.close()
        equal(inbox.texts(), ["waits", "still here"], "texts")


@test()
def a_handler_may_block_and_wait_for_a_receipt(relay):
    """Receipts are told while the loop of the handlers stands still."""
    results = []
    with link(relay, "otto") as otto, link(relay, "mira") as mira:
        mira.on_message(lambda message: None)

        @otto.on_message
        def handle(message):
            receipt = otto.send(message.from_agent, "answer")
            results.append(receipt.wait("seen", WAIT))

            def thread():
                results.append(bool(otto.send(message.from_agent, "from a thread")))
            worker = threading.Thread(target=thread)
            worker.start()
            worker.join(WAIT)
        holds(mira.send("otto", "hi").wait("seen", WAIT), "seen")
        equal(results, [True, True], "what the handler saw")


# -- the connection ----------------------------------------------------------------------------


@contextlib.contextmanager
def relay_that_dies(path):
    """Gives a function that kills the relay, and one that starts it again at the same place."""
    relays = []

    def start():
        port = str(relays[-1].port) if relays else "0"
        relays.append(Relay("--data", os.path.join(path, "data"), port=port))
        return relays[-1]

    def kill():
        relays[-1].kill()
    try:
        yield start, kill
    finally:
        for relay in relays:
            relay.hang_up()
            relay.kill()
            relay.clean()


@test(relay=False, seconds=120)
def it_comes_back_after_the_relay_was_killed(relay=None):
    """What was sent meanwhile arrives, each once, in order: by threads and under asyncio."""
    inbox = Inbox()
    with folder() as path, relay_that_dies(path) as (start, kill):
        relay = start()
        with link(relay, "otto", timeout=60) as otto, link(relay, "mira", timeout=60) as mira:
            otto.on_message(inbox)
            holds(mira.send("otto", "0").wait("seen", WAIT), "before")
            for number in range(1, 3):
                kill()

                async def meanwhile():
                    sent = [mira.send("otto", f"{number}.{n}") for n in range(20)]
                    holds(not any(receipt.done for receipt in sent), "there is no relay")
                    start()
                    holds(all(await asyncio.gather(*sent)), "accepted when it is back")
                asyncio.run(meanwhile())
                holds(mira.send("otto", f"{number} after").wait("seen", WAIT), "after")
            equal(inbox.texts(), ["0", *(f"1.{n}" for n in range(20)), "1 after",
                                  *(f"2.{n}" for n in range(20)), "2 after"], "texts")
            kill()
            begun = threading.Event()
            result = []

            def blocked():
                begun.set()
                result.append(mira.send("otto", "blocked"))
            thread = threading.Thread(target=blocked)
            thread.start()
            begun.wait(WAIT)
            start()
            thread.join(60)
            holds(result and result[0].wait("seen", 60), f"{result}")


@test(relay=False, seconds=120)
def without_a_relay_send_ends_in_time():
    """And the message goes out later, if the link lives on."""
    with folder() as path, relay_that_dies(path) as (start, kill):
        relay = start()
        with link(relay, "otto") as otto:
            otto.on_message(Inbox())
            kill()
            mira = link(relay, "mira", timeout=0.1)
            with Log() as log:
                receipt = mira.send("otto", "hi")
                equal((bool(receipt), receipt.status, receipt.done), (False, "pending", False),
                      "late")
                log.has("has not answered within 0.1 s; the message to mini/otto is sent when")

                async def awaited():
                    return await mira.send("otto", "hi")
                equal(asyncio.run(awaited()).status, "pending", "under asyncio")
            fails(SendError, "timeout", receipt.check)
            start()
            holds(receipt.wait("accepted", 60) and bool(receipt), f"{receipt}")
            mira.close()
            kill()
            fails(AgentLinkError, "timeout", mira.start)

            async def entered():
                async with mira:
                    pass
            fails(AgentLinkError, "timeout", asyncio.run, entered())

            async def given_up():
                begun = link(relay, "nele")
                entering = asyncio.ensure_future(begun.__aenter__())
                while begun._client is None:
                    await turn()
                receipt = begun.send("otto", "never")
                for _ in range(2):  # it may be given up, and waited for again
                    waiting = asyncio.create_task(receipt)
                    await turn()
                    waiting.cancel()
                    await asyncio.wait([waiting])
                    holds(waiting.cancelled(), f"{waiting}")
                entering.cancel()
                await asyncio.wait([entering, begun._serving], timeout=WAIT)
                holds(begun._client is None and begun._serving.done(), "nothing goes on")
            with Log():
                asyncio.run(given_up())
            nele = link(relay, "nele", timeout=0.01)
            with Log() as log:
                pending = nele.send("otto", "never")
                nele.close()
                equal((pending.status, pending.error), ("refused", "closed"), "closed")
                log.has("closed before the relay had accepted 1 messages")


@test(relay=False, seconds=120)
def more_than_can_wait_is_refused_at_once_in_a_loop():
    """A thread waits for room instead."""
    with folder() as path, relay_that_dies(path) as (start, kill):
        relay = start()
        mira = link(relay, "mira", timeout=60)
        holds(mira.send("topic:none", "hi"), "sent")
        kill()

        async def flood():
            sent = []
            while not sent or sent[-1].error is None:
                sent.append(mira.send("topic:none", "x"))
            return sent
        with Log() as log:
            sent = asyncio.run(flood())
            log.has("WARNING the message to topic:none was not sent")
        equal((len(sent), sent[-1].error, sent[0].status), (65537, "storage_full", "pending"),
              "full")
        results = []
        thread = threading.Thread(target=lambda: results.append(mira.send("topic:none", "last")))
        thread.start()
        start()
        thread.join(60)
        holds(results and results[0].accepted, f"{results}")
        mira.close()
        holds(all(receipt.accepted for receipt in sent[:-1]), "the others")


@test(relay=False)
def without_auto_reconnect_connect_ends_with_the_connection():
    with folder() as path, relay_that_dies(path) as (start, kill):
        relay = start()

        async def work():
            otto = link(relay, "otto", auto_reconnect=False)
            running = asyncio.ensure_future(otto.connect())
            holds(await otto.send("topic:news", "hi"), "sent")
            kill()
            await asyncio.wait_for(running, WAIT)
            text = ""
            try:
                await asyncio.wait_for(otto.connect(), WAIT)
            except AgentLinkError as error:
                text = error.name
            equal(text, "no_relay", "the first try")
        asyncio.run(work())


@test(token="s3cret")
def a_wrong_secret_ends_it_with_a_sentence(relay):
    wrong = link(relay, "otto", relay_token="wrong")
    holds("token" in fails(AgentLinkError, "unauthorized", wrong.start), "a sentence")
    holds("token" in fails(AgentLinkError, "unauthorized", asyncio.run, wrong.connect()), "connect")

    async def sent():
        return [await wrong2.send("otto", "a"), await wrong2.send("otto", "b")]
    wrong2 = link(relay, "nele", relay_token="wrong")
    for receipt in asyncio.run(sent()):
        equal((bool(receipt), receipt.error), (False, "unauthorized"), "receipt")
    wrong2.close()


@test()
def closing(relay):
    """From everywhere, more than once; and the link can be connected again."""
    async def work():
        otto, mira = link(relay, "otto"), link(relay, "mira")

        @otto.on_message
        def handle(message):
            otto.send(message.from_agent, "goodbye")
            otto.close()
        running = asyncio.ensure_future(otto.connect())
        inbox = Inbox()
        mira.on_message(inbox)
        async with mira:
            while not await mira.send("otto", "leave"):
                pass
            await asyncio.wait_for(running, WAIT)
            holds(not otto.is_connected, "closed")
            fails(AgentLinkError, "closed", otto.send, "mira", "too late")
            await otto.close()
            await otto.disconnect()
            async with otto:
                holds(otto.is_connected and await otto.send("mira", "again"), "connected again")
                try:
                    await otto.connect()
                    holds(False, "connected twice at a time")
                except AgentLinkError as error:
                    equal(error.name, "usage", "a second connect")
                holds(otto.is_connected, "and the first one goes on")
            running = asyncio.ensure_future(otto.connect())
            await turn()  # it begins
            third = await otto.send("mira", "third")
            holds(await third.reached("seen", WAIT), f"sent: {third}")
            running.cancel()
            try:
                await running
            except asyncio.CancelledError:
                pass
            holds(not otto.is_connected, "a cancelled connect closes")
        return inbox
    inbox = asyncio.run(work())
    equal(inbox.texts(), ["goodbye", "again", "third"], "texts")
    plain = link(relay, "nele")
    plain.close()
    with plain:
        fails(AgentLinkError, "usage", plain.start)
        holds(plain.is_connected and plain.send("mira", "still here"), "connected as before")
        loop = plain._thread
    holds(not loop.is_alive(), "its thread has ended")
    plain.close()


@test()
def run_ends_with_ctrl_c_or_close(relay):
    text = ("from agent_link import AgentLink\n"
            f'link = AgentLink(relay_url="{relay.url}", relay_token="x", instance_id="mini", '
            'agent_id="otto")\n'
            "link.on_message(lambda m: print('got', m.message))\n"
            "link.run()\nprint('over')\n")
    with folder() as path, link(relay, "mira") as mira, Log():
        with Script(path, text) as script:
            while not mira.send("otto", "hi"):
                pass
            script.says("got hi")
            script.process.send_signal(signal.SIGINT)
            equal(script.ends(), 0, f"status; {script.lines}")
            script.says("over")
        with Script(path, text.replace("print('got', m.message)", "link.close()")) as script:
            mira.send("otto", "hi").check()
            equal(script.ends(), 0, f"status; {script.lines}")
            equal(script.lines, ["over"], "what it prints")


@test(relay=False)
def objects_print_as_what_they_are():
    message = Message("a/b", "c/d", "hi", timestamp="now", trust="group")
    equal(repr(message), "Message(from_agent='a/b', to_agent='c/d', message='hi', timestamp='now', "
          "trust='group')", "a message")
    equal(repr(Receipt("a/b", None, None)), "<Receipt None to a/b: pending>", "a receipt")
    made = AgentLink(relay_url="ws://h:1", secret="never shown", instance_id="i", agent_id="a")
    equal(repr(made), "<AgentLink i/a at ws://h:1>", "a link")


if __name__ == "__main__":
    main()
