# SPDX-License-Identifier: MIT
"""`clawlink relay install`: what it writes, what it leaves alone, what it refuses.

Every run writes below a folder of its own. That the unit works is shown by tools/deb-test, in a
machine with systemd.
"""
import os
import plistlib
import re
import shutil
import stat
import subprocess

from cli_support import Home, check, says
from support import BIN, main, test

UNIT = "etc/systemd/system/clawlink-relay.service"
CONF, TOKEN = "etc/clawlink/relay.conf", "etc/clawlink/token"
PROGRAM = ["--program", "/usr/bin/clawlink"]


class Machine(Home):
    """An empty folder to install below."""

    def install(self, *words):
        return self.run("relay", "install", "--root", self.path, *PROGRAM, *words)

    def read(self, name):
        with open(os.path.join(self.path, name), encoding="utf-8") as file:
            return file.read()


def done(result):
    """{file: what was done} of a run with --json."""
    check(result.code == 0, result)
    return {os.path.basename(file["path"]): file["done"] for file in result.json()[0]["files"]}


@test(relay=False)
def it_writes_unit_options_and_a_token_of_its_own():
    with Machine() as machine:
        result = machine.install("--json", "--options", "--host 0.0.0.0 --port 9100")
        check(set(done(result).values()) == {"written"}, result)
        check(result.json()[0]["next"][0] == "systemctl daemon-reload", result)
        check("ExecStart=/usr/bin/clawlink relay " in machine.read(UNIT), machine.read(UNIT))
        check("\nCLAWLINK_OPTIONS=--host 0.0.0.0 --port 9100\n" in machine.read(CONF), "options")
        check(re.fullmatch("[0-9a-f]{64}\n", machine.read(TOKEN)), "the token")
        modes = [stat.S_IMODE(os.stat(os.path.join(machine.path, name)).st_mode)
                 for name in (UNIT, CONF, TOKEN)]
        check(modes == [0o644, 0o644, 0o600], [oct(mode) for mode in modes])
        check(machine.read(TOKEN).strip() not in result.out + result.err, "the token was shown")
        with Machine() as other:
            other.install()
            check(other.read(TOKEN) != machine.read(TOKEN), "two machines have the same token")


@test(relay=False)
def the_same_again_changes_nothing():
    with Machine() as machine:
        machine.install()
        before = [machine.read(name) for name in (UNIT, CONF, TOKEN)]
        again = done(machine.install("--json"))
        check(again == {"clawlink-relay.service": "unchanged", "relay.conf": "unchanged",
                        "token": "kept"}, again)
        check(before == [machine.read(name) for name in (UNIT, CONF, TOKEN)], "a file changed")


@test(relay=False)
def what_somebody_changed_is_replaced_by_force_only():
    with Machine() as machine:
        machine.install()
        token = machine.read(TOKEN)
        for name in (UNIT, CONF):
            machine.file(name, "mine\n")
        says(machine.install("--options", "--port 1025"), 2, UNIT, "differs", "--force")
        check(machine.read(UNIT) == "mine\n" and machine.read(CONF) == "mine\n", "it was replaced")
        forced = done(machine.install("--json", "--force"))
        check(forced == {"clawlink-relay.service": "replaced", "relay.conf": "kept",
                         "token": "kept"}, forced)
        check(machine.read(CONF) == "mine\n", "nobody named options, and they were replaced")
        says(machine.install("--options", "--port 1025"), 2, CONF, "differs", "--force")
        forced = done(machine.install("--json", "--force", "--options", "--port 1025"))
        check(forced["relay.conf"] == "replaced", forced)
        check("--port 1025" in machine.read(CONF), machine.read(CONF))
        check(machine.read(TOKEN) == token, "the token is another")


@test(relay=False)
def options_that_stay_keep_their_right():
    """What relay.conf names counts where no options are given, so a low port stays possible."""
    right = "AmbientCapabilities=CAP_NET_BIND_SERVICE"
    with Machine() as machine:
        machine.install("--options", "--host 0.0.0.0 --port 443")
        unit = machine.read(UNIT)
        check(right in unit, unit)
        again = done(machine.install("--json"))
        check(again["clawlink-relay.service"] == "unchanged", again)
        machine.file(UNIT, "mine\n")
        machine.install("--force")
        check(machine.read(UNIT) == unit, machine.read(UNIT))
        machine.file(CONF, "#CLAWLINK_OPTIONS=--port 443\nCLAWLINK_OPTIONS='--port 9100'\n")
        check(right not in machine.install("--dry-run").out, "a right that nobody needs")
        says(machine.install(), 2, UNIT, "differs")
        machine.file(CONF, 'CLAWLINK_OPTIONS="--host :: \\\n --port=80"\n')
        check(right in machine.install("--dry-run").out, "the right is not shown")
        check(right not in machine.install("--dry-run", "--options", "--port 8080").out,
              "options that are given count")


@test(relay=False)
def a_dry_run_shows_everything_and_writes_nothing():
    with Machine() as machine:
        shown = machine.install("--dry-run", "--options", "--port 9100")
        check(shown.code == 0 and os.listdir(machine.path) == [], shown)
        told = machine.install("--dry-run", "--json", "--options", "--port 9100").json()[0]["files"]
        machine.install("--options", "--port 9100")
        for file, name in zip(told, (UNIT, CONF)):
            check(file["text"] == machine.read(name), name)
            check(file["text"] in shown.out, shown)
        check(told[2]["mode"] == "0600" and "64 random" in told[2]["text"], told[2])


@test(relay=False)
def removing_leaves_options_and_token():
    with Machine() as machine:
        says(machine.install("--remove"), 4, UNIT)
        says(machine.install("--remove", "--dry-run"), 4, UNIT)
        machine.install()
        wants = os.path.join(machine.path, "etc/systemd/system/multi-user.target.wants")
        os.mkdir(wants)
        os.symlink("../clawlink-relay.service", os.path.join(wants, "clawlink-relay.service"))
        says(machine.install("--remove"), 2, "still enabled", "disable --now")
        shutil.rmtree(wants)
        dry = done(machine.install("--remove", "--dry-run", "--json"))
        check(dry == {"clawlink-relay.service": "to be removed", "relay.conf": "kept",
                      "token": "kept"}, dry)
        check(os.path.exists(os.path.join(machine.path, UNIT)), "a dry run removed it")
        os.chmod(os.path.join(machine.path, CONF), 0)
        removed = done(machine.run("relay", "install", "--root", machine.path, "--remove",
                                   "--program", "/tmp/not a program", "--json"))
        check(removed == {"clawlink-relay.service": "removed", "relay.conf": "kept",
                          "token": "kept"}, removed)
        check(not os.path.exists(os.path.join(machine.path, UNIT)), "the unit is there")
        check(machine.read(TOKEN), "the token is gone")


@test(relay=False)
def options_that_the_relay_would_refuse_are_refused():
    with Machine() as machine:
        for options, *said in (
                ("--hots 0.0.0.0", "--hots", 'did you mean "--host"'),
                ("--port", "--port needs a value"), ("--port 65536", '"65536"', "0 to 65535"),
                ("--token secret", "a file for the token"),
                ("--token-file /x", "a file for the token"),
                ("status", "--options"), ("--help", "clawlink relay"),
                ("--allow-host 'a b'", "plain words"), ("--host $HOST", "plain words"),
                ("--host x\n--port 1", "plain words"), ("--json " * 2000, "longer"),
                ("--json " * 200, "words")):
            says(machine.install("--options", options), 2, *said)
        says(machine.install("--manager", "init"), 2, '"init"', "system, user, launchd")
        check(os.listdir(machine.path) == [], "files were written")


@test(relay=False)
def a_program_that_the_unit_cannot_start_is_refused():
    with Machine() as machine:
        for program, said in (("clawlink", "a path from /"), ("/opt/claw link", "letters"),
                              ("/home/0/clawlink", "does not see"),
                              ("/tmp/clawlink", "does not see")):
            says(machine.run("relay", "install", "--root", machine.path, "--program", program), 2,
                 program, said)
        shown = machine.run("relay", "install", "--root", machine.path, "--dry-run", "--program",
                            "/tmp/clawlink")
        check(shown.code == 0 and "ExecStart=/tmp/clawlink relay " in shown.out, shown)
        check("does not see" in shown.err, shown)
        check(os.listdir(machine.path) == [], "files were written")


@test(relay=False)
def without_root_it_is_a_service_of_the_user():
    with Machine() as machine:
        home = {"HOME": machine.path + "/ada"}
        machine.env.update(home)
        os.mkdir(home["HOME"])
        result = machine.run("relay", "install", "--manager", "user", "--json")
        check(result.code == 0, result)
        unit = machine.read("ada/.config/systemd/user/clawlink-relay.service")
        check(f"ExecStart={BIN} relay " in unit, unit)
        check(re.fullmatch("[0-9a-f]{64}\n", machine.read("ada/.config/clawlink/token")), "token")
        check("systemctl --user daemon-reload" in result.json()[0]["next"], result)
        del machine.env["HOME"]
        says(machine.run("relay", "install", "--manager", "user"), 2, "HOME is not set")
        if os.geteuid() == 0:  # what only root may, an ordinary user is refused
            refused = subprocess.run(
                [BIN, "relay", "install", "--manager", "system", *PROGRAM], env=home, text=True,
                preexec_fn=lambda: os.setuid(65534), capture_output=True, check=False, timeout=30)
            check(refused.returncode == 3 and "use sudo" in refused.stderr, refused)


@test(relay=False)
def launchd_gets_a_property_list():
    with Machine() as machine:
        machine.env["HOME"] = "/srv/ada"
        check(machine.install("--manager", "launchd", "--options", "--port 9100").code == 0, "exit")
        with open(machine.path + "/srv/ada/Library/LaunchAgents/io.clawlink.relay.plist",
                  "rb") as file:
            agent = plistlib.load(file)
        check(agent["ProgramArguments"] == [
            "/usr/bin/clawlink", "relay", "--token-file", "/srv/ada/.config/clawlink/token",
            "--data=/srv/ada/.clawlink/relay", "--port", "9100"], agent)
        check(agent["RunAtLoad"] and agent["Umask"] == 0o077, agent)
        check(not os.path.exists(machine.path + "/srv/ada/.config/clawlink/relay.conf"), "conf")


@test(relay=False)
def a_token_that_others_can_read_is_spoken_of():
    with Machine() as machine:
        machine.install()
        check("chmod 600" not in machine.install().err, "it warns about its own token")
        os.chmod(os.path.join(machine.path, TOKEN), 0o644)
        result = machine.install()
        check(result.code == 0 and "chmod 600 " in result.err, result)


@test(relay=False)
def a_folder_that_cannot_be_written_is_an_error():
    with Machine() as machine:
        machine.file("etc", "a file\n")
        says(machine.install(), 1, UNIT)


if __name__ == "__main__":
    main()
