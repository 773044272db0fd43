# SPDX-License-Identifier: MIT
"""What the relay gives up before it serves, and what it tells a service manager.

docs/operations.md, Rights; SECURITY.md, what stands against what.
"""
import grp
import json
import os
import pwd
import re
import socket
import subprocess
import tempfile

from support import (BIN, WAIT, Failure, Relay, equal, holds, in_place_of_run, main, owns_run,
                     start_fails, test)

TOKEN = "canary-91d0-canary"
IS_ROOT = os.geteuid() == 0


def skip(name, why):
    if os.environ.get("CI") == "true" and why != NEEDS_RUN:
        raise Failure(f"{why}, and CI has to")
    print(f"SKIP {name}: {why}", flush=True)


def status_of(pid):
    """/proc/PID/status as {name: [words]}."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return {name: value.split() for name, _, value in
                (line.partition(":") for line in status)}


NEEDS_RUN = "only root can, where / is a mount"
OWNS_RUN = owns_run()


@test()
def no_core_dump_and_no_new_rights(relay):
    """RLIMIT_CORE is 0, no_new_privs is set, and the process is not dumpable, for which /proc
    shows root as the owner of its files."""
    with open(f"/proc/{relay.pid}/limits", encoding="ascii") as limits:
        core = re.search(r"Max core file size +(\d+) +(\d+)", limits.read())
    if not IS_ROOT:
        return skip("no_core_dump_and_no_new_rights", "the relays of these tests allow debuggers")
    equal(core and core.groups(), ("0", "0"), "limits of a core file")
    equal(status_of(relay.pid)["NoNewPrivs"], ["1"], "NoNewPrivs")


@test(relay=False)
def root_serves_as_somebody_else():
    """Port and token are root's, the rest is nobody's: all four ids, the groups, no capability."""
    if not OWNS_RUN:
        return skip("root_serves_as_somebody_else", NEEDS_RUN)
    nobody = pwd.getpwnam("nobody")
    groups = {str(nobody.pw_gid)} | {str(group.gr_gid) for group in grp.getgrall()
                                     if "nobody" in group.gr_mem}
    with tempfile.TemporaryDirectory() as folder:  # which is 0700: nobody cannot look into it
        file = os.path.join(folder, "token")
        with open(file, "w", encoding="ascii") as token:
            token.write(TOKEN + "\n")
        os.chmod(file, 0o600)
        with Relay("--user", "nobody", "--token-file", file, port=low_port(),
                   before_exec=in_place_of_run(folder)) as relay:
            status = status_of(relay.pid)
            equal(status["Uid"], [str(nobody.pw_uid)] * 4, "user ids")
            equal(status["Gid"], [str(nobody.pw_gid)] * 4, "group ids")
            equal(set(status["Groups"]), groups, "groups")
            for kind in ("CapPrm", "CapEff", "CapAmb", "CapInh"):
                equal(int(status[kind][0], 16), 0, kind)
            equal(status["NoNewPrivs"], ["1"], "NoNewPrivs")
            equal(os.stat(f"/proc/{relay.pid}/mem").st_uid, 0, "who may read its memory")
            equal(relay.get("/discover").status_code, 401, "status without the token")
            bearer = {"Authorization": "Bearer " + TOKEN}
            equal(relay.get("/discover", headers=bearer).status_code, 200, "status with it")
            holds("runs_as_root" not in relay.stderr(), "it says that it is root")


@test(relay=False)
def the_admin_door_is_of_who_the_relay_becomes():
    """It gets /run/clawlink, so it can remove its socket at the end. That user and root may ask."""
    if not OWNS_RUN:
        return skip("the_admin_door_is_of_who_the_relay_becomes", NEEDS_RUN)
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as run:
        os.chmod(run, 0o755)
        folder, port = os.path.join(run, "clawlink"), "0"
        for end in ("crash", "TERM", "TERM"):
            with Relay("--user", "nobody", port=port, before_exec=in_place_of_run(run)) as relay:
                port = str(relay.port)
                door = os.path.join(folder, f"relay-{port}.sock")
                holds("admin.unavailable" not in relay.stderr(), relay.stderr())
                for path, mode in ((folder, 0o40700), (door, 0o140600)):
                    found = os.lstat(path)
                    equal((found.st_uid, found.st_mode), (nobody.pw_uid, mode), path)
                for user in (nobody, None):
                    asked = subprocess.run(
                        [BIN, "relay", "status", "--json"], env={"HOME": "/nonexistent"},
                        preexec_fn=in_place_of_run(run, user), capture_output=True, text=True,
                        check=False, timeout=WAIT)
                    equal(asked.returncode, 0, f"{user} asks for the status: {asked.stderr}")
                    equal(json.loads(asked.stdout)["url"], relay.url, "url")
                if end == "crash":
                    relay.kill()
            equal(os.path.exists(door), end == "crash", "the socket is there")
        equal(os.listdir(folder), [], "what is left")
        with Relay("--user", "daemon", before_exec=in_place_of_run(run)) as relay:
            equal(os.lstat(folder).st_uid, pwd.getpwnam("daemon").pw_uid, "an empty folder's owner")


@test(relay=False)
def a_folder_in_use_is_not_given_away():
    if not OWNS_RUN:
        return skip("a_folder_in_use_is_not_given_away", NEEDS_RUN)
    with tempfile.TemporaryDirectory() as run:
        os.chmod(run, 0o755)
        without = {"XDG_RUNTIME_DIR": ""}
        with Relay(env=without, before_exec=in_place_of_run(run)) as roots:
            holds(f"path=/run/clawlink/relay-{roots.port}.sock" in roots.stderr(), roots.stderr())
            with Relay("--user", "nobody", before_exec=in_place_of_run(run)) as relay:
                equal(os.lstat(os.path.join(run, "clawlink")).st_uid, 0, "owner of the folder")
                holds("event=admin.unavailable" in relay.stderr(), relay.stderr())
        with Relay("--user", "nobody", "--admin-socket", "none",
                   before_exec=in_place_of_run(run)) as relay:
            holds("event=admin" not in relay.stderr(), relay.stderr())
        status, _, err = start_fails("--user", "nobody", "--admin-socket",
                                     os.path.join(run, "mine.sock"))
        equal(status, 3, err)
        holds("cannot be made by this user" in err, err)


@test(relay=False)
def the_memory_is_shown_to_debuggers_when_asked():
    if not IS_ROOT:
        return skip("the_memory_is_shown_to_debuggers_when_asked", "only root can take another id")
    with Relay("--allow-debugger", before_exec=lambda: os.setuid(65534)) as relay:
        equal(os.stat(f"/proc/{relay.pid}/mem").st_uid, 65534, "who may read its memory")
    with Relay(before_exec=lambda: os.setuid(65534)) as relay:
        equal(os.stat(f"/proc/{relay.pid}/mem").st_uid, 0, "who may read its memory")


def low_port():
    """A free one that only root may bind."""
    for port in range(1023, 512, -1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return str(port)
            except OSError:
                continue
    raise Failure("no free port below 1024")


@test(relay=False)
def a_user_that_is_no_use_ends_the_start():
    for user, says in (("no-such-user", "there is no such user"), ("root", "is root")):
        status, out, err = start_fails("--user", user)
        equal((status, out), (2, ""), f"status and output with {user}")
        holds((says if IS_ROOT else "only root") in err, f"{err!r}")


@test(relay=False)
def a_token_that_everybody_can_read_is_warned_about():
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "token")
        with open(file, "w", encoding="ascii") as token:
            token.write(TOKEN + "\n")
        for mode, warns in ((0o604, True), (0o644, True), (0o640, False), (0o600, False)):
            os.chmod(file, mode)
            with Relay("--token-file", file) as relay:
                holds(("event=token.others_can_read" in relay.stderr()) == warns, oct(mode))


@test()
def root_without_user_is_warned_about(relay):
    holds(("event=relay.runs_as_root" in relay.stderr()) == IS_ROOT, "the warning")


@test(relay=False)
def the_service_manager_is_told():
    """sd_notify(3): READY=1 once it listens."""
    with tempfile.TemporaryDirectory() as folder, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = os.path.join(folder, "notify")
        manager.bind(path)
        manager.settimeout(WAIT)
        with Relay(env={"NOTIFY_SOCKET": path}) as relay:
            told = manager.recv(4096).decode().split("\n")
            equal(told, ["READY=1", f"STATUS=listening on {relay.url}"], "what it was told")


@test(relay=False)
def a_manager_that_is_gone_is_no_reason_to_end():
    with Relay(env={"NOTIFY_SOCKET": "/nowhere/notify"}) as relay:
        relay.alive()
        holds("event=notify.failed" in relay.stderr(), "the log does not tell")


if __name__ == "__main__":
    main()
