# SPDX-License-Identifier: MIT
"""`clawlink agent-link setup`: the two files that it writes, what it leaves alone and refuses; and
the two Python scripts that keep the documented calls working.

Every run has a folder of its own. What relay and clients make of the files is shown where those
are tested.
"""
import contextlib
import datetime
import fcntl
import hmac
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from cli_support import PATIENCE, Home, Result, check, says
from support import BIN, ROOT, main, test, until

CLIENT, RELAY = "agent-link-config.json", "relay-config.json"
SECRET = "9f2c4e6a8b0d1f3e5a7c9b2d4f6e8a0c"
URL = "ws://127.0.0.1:8765"
DIGITS = re.compile("[0-9a-f]{64}")
SCRIPTS = os.path.join(ROOT, "bindings/python/agent_link_scripts")


class Place(Home):
    """An empty folder to be in."""

    def setup(self, *words, env=None, **more):
        return self.call([BIN, "agent-link", "setup", *words], env, **more)

    def call(self, words, env=None, **more):
        done = subprocess.run(words, cwd=self.path, env={**self.env, **(env or {})}, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE, **more)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def client(self, *words, **more):
        return self.setup("--relay-url", URL, "--secret", SECRET, *words, **more)

    def on_relay(self, *words, **more):
        return self.setup("--relay", *words, **more)

    def read(self, name=CLIENT):
        with open(os.path.join(self.path, name), encoding="utf-8") as file:
            return file.read()

    def json(self, name=CLIENT):
        return json.loads(self.read(name))

    def mode(self, name=CLIENT):
        return stat.S_IMODE(os.stat(os.path.join(self.path, name)).st_mode)

    def names(self):
        return sorted(os.listdir(self.path))


def well(result, **files):
    """It went well, and did that with the files."""
    check(result.code == 0, result)
    if files:
        done = {os.path.basename(file["path"]): file["done"] for file in result.json()[0]["files"]}
        check(done == {name.replace("__", "-").replace("_json", ".json"): word
                       for name, word in files.items()}, f"{files} {result}")
    return result


# -- an instance's file --------------------------------------------------------------------------


@test(relay=False)
def the_file_has_what_the_published_client_reads():
    with Place() as place:
        shown = well(place.client("--instance-id", "instance-001", "--agent-id", "healthguard"))
        check(place.json() == {
            "relay_url": URL, "secret": SECRET, "instance_id": "instance-001",
            "agent_id": "healthguard", "auto_reconnect": True, "reconnect_interval": 5},
            place.read())
        check(place.mode() == 0o600 and place.names() == [CLIENT], oct(place.mode()))
        check(SECRET not in shown.out + shown.err, "the secret was shown")
        check(place.read().endswith("}\n") and "\n  \"secret\": " in place.read(), place.read())


@test(relay=False)
def the_mode_does_not_hang_on_the_umask():
    with Place() as place:
        well(place.client(preexec_fn=lambda: os.umask(0)))
        check(place.mode() == 0o600, oct(place.mode()))
    with Place() as place:
        well(place.on_relay(preexec_fn=lambda: os.umask(0o777)))
        check(place.mode(RELAY) == 0o600, oct(place.mode(RELAY)))


@test(relay=False)
def names_have_their_defaults():
    with Place() as place:
        well(place.client())
        check(place.json()["agent_id"] == "main", place.read())
        name = place.json()["instance_id"]
        check(re.fullmatch("[A-Za-z0-9._-]{1,64}", name) and name not in ("v1", "relay"), name)
    with Place() as place:
        well(place.client(env={"CLAWLINK_INSTANCE": "mini", "CLAWLINK_AGENT": "otto"}))
        check((place.json()["instance_id"], place.json()["agent_id"]) == ("mini", "otto"),
              place.read())
    with Place() as place:
        says(place.client(env={"CLAWLINK_INSTANCE": "a/b"}), 2, 'CLAWLINK_INSTANCE "a/b"')
        says(place.client(env={"CLAWLINK_AGENT": "a/b"}), 2, 'CLAWLINK_AGENT "a/b"')
        check(place.names() == [], place.names())


@test(relay=False)
def a_secret_comes_from_a_file_or_the_environment_too():
    with Place() as place:
        place.file("secret", f"{SECRET}\r\nmore\n")
        well(place.setup("--relay-url", URL, "--secret-file", "secret"))
        check(place.json()["secret"] == SECRET, place.read())
        well(place.setup("--relay-url", URL, "--out", "other.json",
                         env={"CLAWLINK_AGENT_LINK_SECRET": "from the environment"}))
        check(place.json("other.json")["secret"] == "from the environment", "the environment")
        well(place.client("--out", "third.json", env={"CLAWLINK_AGENT_LINK_SECRET": "x"}))
        check(place.json("third.json")["secret"] == SECRET, "an option counts more")
        says(place.client("--secret-file", "secret"), 2, "--secret and --secret-file were given")
        says(place.setup("--relay-url", URL, "--secret-file", "none"), 1, "Cannot open \"none\"")
        place.file("secret", "\n")
        says(place.setup("--relay-url", URL, "--secret-file", "secret"), 2, "is empty")
        says(place.setup("--relay-url", URL, "--secret", ""), 2, "The secret in --secret is empty.")
        says(place.setup("--relay-url", URL, "--secret", "x" * 513), 2, "longer than 512 bytes")
        for bad in ("a\tb", b"\xff\xfe012345678901234"):
            says(place.setup("--relay-url", URL, "--secret", bad), 2, "must be UTF-8 text")


@test(relay=False)
def a_secret_in_argv_and_environment_is_wiped():
    """While it cannot write its result, since nobody reads: by then the secret was taken."""
    if not os.path.isdir("/proc/self"):
        print("SKIP a_secret_in_argv_and_environment_is_wiped: no /proc")
        return
    with Place() as place:
        reading, writing = os.pipe()
        flags = fcntl.fcntl(writing, fcntl.F_GETFL)
        fcntl.fcntl(writing, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 65536)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x")
        fcntl.fcntl(writing, fcntl.F_SETFL, flags)
        process = subprocess.Popen(
            [BIN, "agent-link", "setup", "--relay-url", URL, "--secret", SECRET], cwd=place.path,
            env={**place.env, "CLAWLINK_AGENT_LINK_SECRET": "the other one"}, stdout=writing,
            stderr=subprocess.DEVNULL)
        os.close(writing)
        try:
            until(lambda: os.path.exists(os.path.join(place.path, CLIENT)), "the file")
            with open(f"/proc/{process.pid}/cmdline", "rb") as file:
                words = file.read()
            with open(f"/proc/{process.pid}/environ", "rb") as file:
                environment = file.read()
            check(b"--relay-url" in words and SECRET.encode() not in words, words)
            check(b"the other one" not in environment, environment)
        finally:
            os.close(reading)
            process.wait(timeout=PATIENCE)


@test(relay=False)
def wrong_words_are_explained_and_nothing_is_written():
    rows = [
        (["--secret", SECRET], "needs --relay-url URL"),
        (["--relay-url", URL], "needs the secret", "--secret-file"),
        (["--relay-url", "http://h:8765"], "Agent Link speaks WebSocket: write ws://h:8765."),
        (["--relay-url", "https://h/x"], "write wss://h."),
        (["--relay-url", "relay.example:8765"], "is no URL of a relay", "ws://HOST:8765"),
        (["--relay-url", "ws://u:p@h"], "is no URL of a relay"),
        (["--relay-url", "ws://h:0"], "is no URL of a relay"),
        (["--relay-url", ""], "is no URL of a relay"),
        (["--instance-id", "a/b"], '--instance-id "a/b" is no name of an instance'),
        (["--instance-id", "relay"], "neither v1 nor relay"),
        (["--instance-id", ""], "is no name of an instance"),
        (["--agent-id", "a:b"], '--agent-id "a:b" is no name of an agent'),
        (["--agent-id", "x" * 65], "1 to 64"),
        (["--port", "1"], "--port is for the relay's side: give --relay as well."),
        (["--add-instance", "a"], "--add-instance is for the relay's side"),
        (["--shared-secret"], "--shared-secret is for the relay's side"),
        (["--relay", "--instance-id", "a"], "with --relay it is --add-instance"),
        (["--relay", "--agent-id", "a"], "leave it out with --relay"),
        (["--relay", "--relay-url", URL], "name them with --add-instance"),
        (["--relay", "--port", "0"], "--port", "from 1 to 65535"),
        (["--relay", "--port", "65536"], "--port"),
        (["--relay", "--add-instance", "a b"], '--add-instance "a b" is no name'),
        (["--relay", "--add-instance", ":x"], '--add-instance "" is no name'),
        (["--relay", "--add-instance", "a:"], "behind the colon"),
        (["--relay", "--add-instance", "a:x\ty"], "behind the colon"),
        (["--relay", "--add-instance", "a:" + "x" * 129], "1 to 128 bytes"),
        (["--relay", "--add-instance", "a", "--add-instance", "a:b"], 'names "a" twice'),
        (["--relay", "http://h"], 'unexpected "http://h" behind agent-link setup'),
        (["--relay", "--out", ""], "is empty"),
        (["--relay-uri", URL], 'did you mean "--relay-url"'),
        (["--token", "t"], "--token means nothing to agent-link setup"),
    ]
    with Place() as place:
        for words, *parts in rows:
            says(place.setup(*words), 2, *parts)
        check(place.names() == [], place.names())


@test(relay=False)
def notes_tell_of_what_is_weak():
    with Place() as place:
        check(well(place.client()).err == "", "a note without a reason")
        plain = well(place.setup("--relay-url", "ws://relay.example:8765", "--secret", SECRET,
                                 "--out", "a"))
        check("is not encrypted" in plain.err and "wss://" in plain.err, plain)
        bare = well(place.setup("--relay-url", "wss://relay.example", "--secret", SECRET,
                                "--out", "b"))
        check("names no port, which means 443" in bare.err and "encrypted" not in bare.err, bare)
        short = well(place.setup("--relay-url", URL, "--secret", "123456789012345", "--out", "c"))
        check("The secret has 15 bytes" in short.err, short)


# -- files that are there ------------------------------------------------------------------------


@test(relay=False)
def the_same_again_changes_nothing():
    with Place() as place:
        well(place.client("--json"), agent__link__config_json="written")
        before = place.read(), os.stat(os.path.join(place.path, CLIENT)).st_ino
        well(place.client("--json"), agent__link__config_json="unchanged")
        well(place.setup("--json"), agent__link__config_json="unchanged")
        check(before == (place.read(), os.stat(os.path.join(place.path, CLIENT)).st_ino), "it was")


@test(relay=False)
def another_one_is_replaced_by_force_only_and_keeps_what_is_not_named():
    found = {"workspace": {"a": [1, 2.50]}, "relay_url": "ws://old:1", "secret": "old",
             "instance_id": "mini", "agent_id": "otto", "reconnect_interval": 9}
    with Place() as place:
        text = json.dumps(found).replace("2.5", "2.50")
        place.file(CLIENT, text)
        for words, member in ((["--relay-url", URL], "relay_url"), (["--secret", "x"], "secret"),
                              (["--instance-id", "x"], "instance_id"),
                              (["--agent-id", "x"], "agent_id")):
            says(place.setup(*words), 2, f"has another {member}: --force", "--out")
        check(place.read() == text, place.read())
        well(place.client("--json", "--force"), agent__link__config_json="changed")
        check(place.json() == {**found, "relay_url": URL, "secret": SECRET, "auto_reconnect": True},
              place.read())
        check('{"a": [1, 2.50]}' in place.read() and place.mode() == 0o600, place.read())
        check(place.names() == [CLIENT], place.names())


@test(relay=False)
def a_file_that_is_none_is_no_victim_even_by_force():
    with Place() as place:
        for text in ("", "not json", "[]", '{"port": 1', '{"instance_id": 7}',
                     '{"reconnect_interval": "x"}', "x" * (1 << 20) + "x"):
            place.file(CLIENT, text)
            says(place.client("--force"), 1, "is no configuration of Agent Link", "not overwritten")
            check(place.read() == text, "it was overwritten")
        place.file(RELAY, '{"registered_instances": [{"instance_id": 7}]}')
        says(place.on_relay("--force", "--add-instance", "a"), 1, "instance_id", "not overwritten")


@test(relay=False)
def a_file_that_others_can_read_is_closed():
    with Place() as place:
        well(place.client())
        os.chmod(os.path.join(place.path, CLIENT), 0o644)
        shown = well(place.call([BIN, "agent-link"]))
        check("Others can read the secrets in it: chmod 600" in shown.err, shown)
        well(place.setup("--json"), agent__link__config_json="closed to others")
        check(place.mode() == 0o600, oct(place.mode()))


@test(relay=False)
def links_lead_to_the_file_and_stay():
    with Place() as place:
        os.mkdir(place.file("real"))
        place.file("real/config", "{}")
        os.symlink("real/config", place.file(CLIENT))
        well(place.client("--json"), agent__link__config_json="changed")
        check(os.readlink(place.file(CLIENT)) == "real/config", "the link is gone")
        check(place.json("real/config")["secret"] == SECRET, place.read("real/config"))
        check(os.listdir(place.file("real")) == ["config"], os.listdir(place.file("real")))
        os.symlink("nowhere", place.file("dangling"))
        says(place.client("--out", "dangling"), 2, "a symbolic link that leads nowhere")
        os.symlink("round", place.file("round"))
        says(place.client("--out", "round"), 1, "cannot be looked at")
        check("nowhere" not in place.names(), place.names())


@test(relay=False)
def what_is_no_file_is_refused():
    with Place() as place:
        os.mkdir(place.file("folder"))
        os.mkfifo(place.file("pipe"))
        place.file("plain", "x")
        says(place.client("--out", "folder"), 2, "but a folder: name a file in it")
        says(place.client("--out", "pipe"), 2, "is no regular file")
        says(place.client("--out", "/dev/full"), 2, "is no regular file")
        says(place.client("--out", "none/x.json"), 1, "No such file or directory")
        says(place.client("--out", "plain/x.json"), 1, "Not a directory")
        says(place.client("--out", "x" * 300), 1, "File name too long")
        check(place.names() == ["folder", "pipe", "plain"], place.names())


@test(relay=False)
def a_folder_without_rights_is_told():
    def nobody():
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

    with Place() as place:
        os.chmod(place.path, 0o755 if os.geteuid() == 0 else 0o555)
        try:
            refused = place.client(preexec_fn=nobody)
        except PermissionError:
            print("SKIP a_folder_without_rights_is_told: nobody may not run it where it lies")
            return
        finally:
            os.chmod(place.path, 0o700)
        # Nobody may not write either where a build for coverage counts, which then says so too.
        lines = [line for line in refused.err.splitlines() if not line.startswith("profiling:")]
        check(refused.code == 1 and len(lines) == 1 and "Permission denied" in lines[0], lines)
        check(place.names() == [], place.names())


@test(relay=False)
def a_full_disk_leaves_the_old_file():
    place = tempfile.mkdtemp(prefix="clawlink-small-")
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "none", place], check=False,
        stderr=subprocess.DEVNULL).returncode == 0
    try:
        if not mounted:
            print("SKIP a_full_disk_leaves_the_old_file: no tmpfs can be mounted")
            return
        with Place() as home:
            file = os.path.join(place, CLIENT)
            well(home.client("--out", file))
            with open(file, encoding="utf-8") as found:
                before = found.read()
            with open(os.path.join(place, "ballast"), "wb", buffering=0) as ballast:
                with contextlib.suppress(OSError):
                    while ballast.write(b"x" * 512):
                        pass
            says(home.client("--out", file, "--force", "--agent-id", "other"), 1,
                 "No space left on device")
            with open(file, encoding="utf-8") as found:
                check(found.read() == before, "the old file is gone")
            check(sorted(os.listdir(place)) == [CLIENT, "ballast"], os.listdir(place))
    finally:
        if mounted:
            subprocess.run(["umount", "-l", place], check=True)
        os.rmdir(place)


# -- the relay's file ----------------------------------------------------------------------------


@test(relay=False)
def the_relay_gets_secrets_that_are_made_and_shown_to_nobody():
    with Place() as place:
        result = well(place.on_relay("--add-instance", "instance-001:Ada's \"top\"",
                                     "--add-instance", "instance-002"))
        made = place.json(RELAY)
        first, second = made["registered_instances"]
        check(made["port"] == 8765 and place.mode(RELAY) == 0o600, made)
        check([first["instance_id"], first["name"]] == ["instance-001", "Ada's \"top\""], first)
        check([second["instance_id"], second["name"]] == ["instance-002"] * 2, second)
        secrets = [made["secret"], first["secret"], second["secret"]]
        check(len(set(secrets)) == 3 and all(DIGITS.fullmatch(secret) for secret in secrets), made)
        check(not DIGITS.search(result.out + result.err), "a secret was shown")
        check("A new secret of 64 random hexadecimal digits is in" in result.err, result)
        check("clawlink relay --agent-link relay-config.json" in result.out, result)


@test(relay=False)
def one_secret_may_be_shared():
    with Place() as place:
        result = well(place.on_relay("--shared-secret", "--secret", SECRET, "--port", "9000",
                                  "--add-instance", "a"))
        check(place.json(RELAY) == {"port": 9000, "secret": SECRET, "registered_instances":
                                    [{"instance_id": "a", "name": "a"}]}, place.read(RELAY))
        check(result.err == "" and SECRET not in result.out, result)


@test(relay=False)
def an_instance_is_added_without_force_and_nothing_else_changes():
    with Place() as place:
        note = well(place.on_relay("--json"), relay__config_json="written").err
        check("No instance is registered" in note, note)
        before = place.json(RELAY)
        added = well(place.on_relay("--json", "--add-instance", "a"), relay__config_json="changed")
        check(added.json()[0]["instances"] == [{"instance_id": "a", "secret": "new"}], added)
        first = place.json(RELAY)["registered_instances"]
        well(place.on_relay("--json", "--add-instance", "b"), relay__config_json="changed")
        after = place.json(RELAY)
        check(after["registered_instances"][:1] == first and after["secret"] == before["secret"],
              after)
        again = well(place.on_relay("--json", "--add-instance", "a"),
                     relay__config_json="unchanged")
        check(again.json()[0]["instances"] == [{"instance_id": "a", "secret": "kept"}], again)
        says(place.on_relay("--port", "9000"), 2, "has another port: --force")
        says(place.on_relay("--secret", SECRET), 2, "has another secret: --force")
        says(place.on_relay("--add-instance", "a:Ada"), 2,
             "has another name of an instance: --force")
        check(place.json(RELAY) == after, "it was changed")
        well(place.on_relay("--force", "--port", "9000", "--secret", SECRET, "--add-instance",
                            "a:Ada"))
        after["port"], after["secret"] = 9000, SECRET
        after["registered_instances"][0]["name"] = "Ada"
        check(place.json(RELAY) == after, place.read(RELAY))


@test(relay=False)
def with_a_url_each_instance_gets_a_file_to_carry_to_it():
    with Place() as place:
        os.mkdir(place.file("conf"))
        words = ("--out", "conf/relay.json", "--relay-url", "wss://relay.example:8765")
        result = well(place.on_relay(*words, "--add-instance", "a", "--add-instance", "b"))
        made = place.json("conf/relay.json")["registered_instances"]
        for instance, name in zip(made, "ab"):
            path = f"conf/agent-link-config.{name}.json"
            check(place.json(path) == {
                "relay_url": "wss://relay.example:8765", "secret": instance["secret"],
                "instance_id": name, "agent_id": "main", "auto_reconnect": True,
                "reconnect_interval": 5}, place.read(path))
            check(place.mode(path) == 0o600, oct(place.mode(path)))
            check(f"copy {path} to {name}, as agent-link-config.json" in result.out, result)
        check(not DIGITS.search(result.out + result.err), "a secret was shown")
        os.unlink(place.file("conf/agent-link-config.a.json"))
        again = well(place.on_relay(*words, "--add-instance", "a", "--json"))
        done = [file["done"] for file in again.json()[0]["files"]]
        check(done == ["unchanged", "written"], again)
        check(place.json("conf/agent-link-config.a.json")["secret"] == made[0]["secret"], "secret")
        well(place.on_relay(*words, "--shared-secret", "--add-instance", "c"))
        check(place.json("conf/agent-link-config.c.json")["secret"] ==
              place.json("conf/relay.json")["secret"], "a shared secret")


@test(relay=False)
def what_stands_in_the_way_of_one_file_stops_all():
    with Place() as place:
        place.file("agent-link-config.b.json", '{"secret": "mine"}')
        says(place.on_relay("--relay-url", URL, "--add-instance", "a", "--add-instance", "b"), 2,
             '"agent-link-config.b.json" is there and has another secret')
        check(place.names() == ["agent-link-config.b.json"], place.names())


@test(relay=False)
def the_file_says_what_it_says_without_its_secrets():
    with Place() as place:
        says(place.call([BIN, "agent-link"]), 4, 'There is no "agent-link-config.json"')
        place.file(RELAY, json.dumps({"port": 1, "secret": SECRET, "registered_instances": [
            {"instance_id": "a", "name": "Ada", "public_key": "k", "secret": "s" * 20,
             "agents": ["x", "y"]}, {"instance_id": "b"}]}))
        os.chmod(place.file(RELAY), 0o600)
        shown = well(place.call([BIN, "agent-link"]))
        check(SECRET not in shown.out and "s" * 20 not in shown.out, shown)
        rows = [line.split() for line in shown.lines()]
        check(["a", "Ada", "own", "x,", "y"] in rows and ["b", "shared", "any"] in rows, rows)
        check(["port", "1"] in rows and shown.err == "", shown)
        told = place.call([BIN, "agent-link", "--json"]).json()[0]
        check(told["instances"][0]["agents"] == ["x", "y"] and told["secret_bytes"] == 32, told)
        place.file(RELAY, '{"registered_instances": [{"instance_id": "a"}]}')
        says(place.call([BIN, "agent-link"]), 1, "is no configuration of Agent Link", "secret")
        well(place.client())
        rows = [line.split() for line in place.call([BIN, "agent-link"]).lines()]
        check(["relay_url", URL] in rows and ["secret_bytes", "32"] in rows, rows)


# -- the scripts ---------------------------------------------------------------------------------


class Scripts(Place):
    """A folder with a stand-in for clawlink that tells how it was called."""

    def __enter__(self):
        self.file("stand-in", f"#!{sys.executable}\nimport os, sys\nprint(sys.argv[1:])\n"
                  "for word in sys.argv:\n    if word.startswith('/dev/fd/'):\n"
                  "        print([open(word).read(), open(word).read()])\n"
                  "print(os.environ.get('CLAWLINK_AGENT_LINK_SECRET'))\n"
                  "print(open('/proc/self/cmdline').read()) if os.path.exists('/proc') else 0\n"
                  "sys.exit(7)\n")
        os.chmod(self.file("stand-in"), 0o755)
        return self

    def script(self, name, *words, program=None, **env):
        return self.call([sys.executable, os.path.join(SCRIPTS, name), *words],
                         {"CLAWLINK_BIN": program or self.file("stand-in"), **env})


@test(relay=False)
def setup_py_writes_the_file_by_its_documented_call():
    with Scripts() as place:
        words = ["--relay-url", URL, "--secret", SECRET, "--instance-id", "instance-001",
                 "--agent-id", "main"]
        well(place.script("setup.py", *words, program=BIN))
        check(place.json()["secret"] == SECRET and place.mode() == 0o600, place.read())
        check(place.json()["instance_id"] == "instance-001", place.read())
        told = place.script("setup.py", *words, "--out", "x", "--force")
        check(told.code == 7 and told.lines()[1] == SECRET, told)
        check(told.lines()[0] == str(["agent-link", "setup", f"--relay-url={URL}",
                                      "--instance-id=instance-001", "--agent-id=main", "--out",
                                      "x", "--force"]), told)
        check(SECRET not in told.lines()[0] + told.lines()[2], told)
        refused = place.script("setup.py", "install")
        check(refused.code == 1 and "installs nothing" in refused.err, refused)
        refused = place.script("setup.py", "--secret", "")
        check(refused.code == 2 and "is empty" in refused.err, refused)


@test(relay=False)
def relay_server_py_runs_the_relay_by_its_documented_calls():
    with Scripts() as place:
        told = place.script("relay_server.py", "--port", "8765", "--secret", SECRET, "--host",
                            "::1")
        words = told.lines()[0]
        check(told.code == 7 and words.startswith("['relay', '--agent-link-port', '8765', "
                                                  "'--agent-link-secret-file', '/dev/fd/"), told)
        check(words.endswith("'--host', '::1']") and SECRET not in words, told)
        check(told.lines()[1].startswith(f"['{SECRET}\\n'") and told.lines()[2] == "None", told)
        check(SECRET not in told.lines()[3], told)
        check("This machine only" not in told.err, told)
        told = place.script("relay_server.py", CLAWLINK_AGENT_LINK_SECRET=SECRET)
        check(told.lines()[1].startswith(f"['{SECRET}\\n'") and told.lines()[2] == "None", told)
        refused = place.script("relay_server.py", "--port", "1")
        check(refused.code == 2 and "it needs --secret SECRET, or --config FILE" in refused.err,
              refused)
        refused = place.script("relay_server.py", "--config", "x", "--secret", SECRET)
        check(refused.code == 2 and "leave --secret out" in refused.err, refused)
        told = place.script("relay_server.py", "--config", "x.json")
        check("This machine only. For others: --host 0.0.0.0" in told.err, told)
        check(told.lines()[0] == "['relay', '--agent-link', 'x.json']", told)
        told = place.script("relay_server.py", "--config", "x.json", "--relay-port", "0")
        check(told.lines()[0] == "['relay', '--port', '0', '--agent-link', 'x.json']", told)
        place.file(RELAY, "{}")
        told = place.script("relay_server.py")
        check(told.lines()[0] == f"['relay', '--agent-link', '{RELAY}']", told)


def register(url, instance, secret):
    """The status of the documented call."""
    now = datetime.datetime.now().isoformat()[:19]
    signature = hmac.new(secret.encode(), f"register:{instance}:{now}".encode(), "sha256")
    call = urllib.request.Request(f"{url}/api/v1/register", json.dumps({
        "instance_id": instance, "public_key": "", "name": "", "signature":
        signature.hexdigest()}).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(call, timeout=PATIENCE) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@test(relay=False)
def what_relay_server_py_runs_knows_the_secret():
    with Place() as place:
        well(place.on_relay("--add-instance", "instance-001", "--out", "conf.json"))
        own = place.json("conf.json")["registered_instances"][0]["secret"]
        for words, secret in ((["--port", "0", "--secret", SECRET], SECRET),
                              (["--port", "0", "--config", "conf.json"], own)):
            with open(place.file("log"), "wb") as log:
                process = subprocess.Popen(
                    [sys.executable, os.path.join(SCRIPTS, "relay_server.py"), *words,
                     "--relay-port", "0", "--admin-socket", "none", "--allow-debugger"],
                    cwd=place.path, env={**place.env, "CLAWLINK_BIN": BIN}, text=True,
                    stdout=subprocess.PIPE, stderr=log)
            try:
                lines = [process.stdout.readline() for _ in range(2)]
                found = re.fullmatch(r"clawlink relay agent link ws(://127.0.0.1:\d+)\n", lines[1])
                check(found, lines)
                check(register("http" + found[1], "instance-001", secret) == 200, "the right one")
                check(register("http" + found[1], "instance-001", "wrong") in (401, 403), "wrong")
                if os.path.exists("/proc"):
                    with open(f"/proc/{process.pid}/cmdline", "rb") as file:
                        check(SECRET.encode() not in file.read(), "the secret is in argv")
            finally:
                process.terminate()
                process.stdout.close()
            check(process.wait(timeout=PATIENCE) == 0, "the end")
            log = place.read("log")
            check("relay.listening" in log and "others_can_read" not in log, log)


@test(relay=False)
def the_scripts_say_where_clawlink_is_missing():
    with Scripts() as place:
        os.mkdir(place.file("empty"))
        for name in ("setup.py", "relay_server.py"):
            lost = place.script(name, "--secret", SECRET, program="/nonexistent/clawlink")
            check(lost.code == 1 and "that is no program" in lost.err, lost)
            lost = place.script(name, "--secret", SECRET, CLAWLINK_BIN="", PATH=place.file("empty"))
            check(lost.code == 1 and "clawlink is not on PATH" in lost.err, lost)
        shutil.copy(BIN, place.file("empty/clawlink"))
        well(place.script("setup.py", "--relay-url", URL, "--secret", SECRET, CLAWLINK_BIN="",
                          PATH=place.file("empty")))


main()
