# SPDX-License-Identifier: MIT
"""The relay with --data: what it accepted is there after any end, a disk that is full or fails
loses nothing of it, and without --data nothing is written to a disk (docs/operations.md, What is
kept; docs/decisions/0020-the-journal-on-a-disk.md).

Tests that mount a small disk need root, those that make system calls fail need strace.
"""
import contextlib
import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import threading

from support import (BIN, Failure, Http, Relay, WebSocket, environment, equal, holds, main, refused,
                     start_fails, test, until)
from v2_support import Agent, Caller, Socket

os.environ.pop("CLAWLINK_RELAY_CMD", None)  # these are about clawlink's own journals
CI = os.environ.get("CI") == "true"


def task(text, sender="a", target="b"):
    return {"from_agent": sender, "to_agent": target, "task": text}


@contextlib.contextmanager
def folder():
    """A place for --data, which does not exist yet."""
    place = tempfile.mkdtemp(prefix="clawlink-disk-")
    try:
        yield os.path.join(place, "data")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def kill_9(relay):
    relay.signal(signal.SIGKILL)
    relay.status = relay.process.wait()


def journal_read(relay):
    """What the relay said that it had found."""
    found = re.search(r"event=journal\.read snapshot=(\d+) commands=(\d+) agents=(\d+) "
                      r"waiting=(\d+) ms=\d+", relay.stderr())
    holds(found, f"no line about what was found: {relay.stderr()}")
    return tuple(int(number) for number in found.groups())


def skipped(what):
    """Says so aloud, and never in CI."""
    if CI:
        raise Failure(f"{what}, and CI must not skip")
    print(f"SKIP {what}", flush=True)


# -- what is kept ------------------------------------------------------------------------------


@test(relay=False)
def everything_accepted_is_there_after_a_kill():
    """Agents, messages, files and broadcasts, and what was taken is not."""
    with folder() as data:
        with Relay("--data", data) as relay:
            equal(journal_read(relay), (0, 0, 0, 0), "found in a new folder")
            relay.register("a", "b", "c")
            for number in range(20):
                relay.delegate("a", "b", str(number))
            relay.good("/broadcast", {"from_agent": "a", "content": "to all"})
            relay.good("/files", {"file_key": "k", "content": "text", "agent_id": "a"})
            equal(len(relay.poll("c")), 2, "what c takes: the broadcast and the file")
            until(lambda: "clawlink_queued_messages 22\n" in relay.get("/metrics").text,
                  "its acknowledgement")
            kill_9(relay)
        with Relay("--data", data) as relay:
            equal(journal_read(relay)[2:], (3, 22), "agents and messages found")
            equal([m["type"] for m in relay.poll("b")],
                  ["task_delegation"] * 20 + ["knowledge_broadcast", "file_updated"], "b's messages")
            equal(relay.poll("c"), [], "what c had taken")
            equal(relay.good("/files/k")["content"], "text", "content")
            equal(relay.good("/discover")["count"], 3, "agents")


@test(relay=False)
def order_and_number_hold_over_many_kills():
    """Each accepted task comes once, in order; one in flight at a kill may come too."""
    with folder() as data:
        accepted, maybe = [], set()
        for life in range(12):
            with Relay("--data", data) as relay:
                killer = threading.Timer(0.05 + life * 0.01, kill_9, [relay])
                killer.start()
                for number in range(100000):
                    text = f"{life}.{number}"
                    try:
                        with Http(relay) as connection:
                            answer = connection.ask("POST", "/delegate", task(text))
                        equal(answer.status, 200, "status")
                        accepted.append(text)
                    except (OSError, Failure):
                        maybe.add(text)
                        break
                killer.join()
        with Relay("--data", data) as relay:
            found = []
            while True:
                part = relay.tasks("b")
                if not part:
                    break
                found += part
        equal(len(found), len(set(found)), "different tasks")
        equal([text for text in found if text not in maybe], accepted, "accepted tasks")
        holds(set(found) <= set(accepted) | maybe, "a task that nobody sent")


@test(relay=False)
def taken_messages_stay_taken():
    """What a WebSocket has acknowledged is not delivered again by the next relay."""
    with folder() as data:
        with Relay("--data", data) as relay:
            listener = WebSocket(relay, "b")
            for number in range(10):
                relay.delegate("a", "b", str(number))
                equal(listener.message()["task"], str(number), "task")
            listener.settled()
            until(lambda: "clawlink_queued_messages 0\n" in relay.get("/metrics").text,
                  "the acknowledgements")
            kill_9(relay)
        with Relay("--data", data) as relay:
            equal(relay.tasks("b"), [], "tasks")


@test(relay=False)
def stop_in_order_keeps_all_and_the_files_are_the_owners():
    """0700 for folders, 0600 for what lies in them; after a stop the journal is one file."""
    with folder() as data:
        with Relay("--data", data) as relay:
            for _ in range(2):
                relay.register("a")
            relay.delegate("a", "b", "t")
            modes = {name: os.stat(os.path.join(data, name)).st_mode & 0o777
                     for name in os.listdir(data)}
            equal(modes, {"journal.db": 0o600, "journal.db-wal": 0o600, "blobs": 0o700}, "modes")
            equal(os.stat(data).st_mode & 0o777, 0o700, "mode of the folder")
            equal(relay.stop(), 0, "status")
            snapshot = re.search(r"event=journal\.snapshot commands=(\d+)", relay.stderr())
            holds(snapshot, f"no snapshot at the stop: {relay.stderr()}")
        equal(sorted(os.listdir(data)), ["blobs", "journal.db"], "files after a stop")
        with Relay("--data", data) as relay:
            equal(journal_read(relay), (int(snapshot[1]), 0, 1, 1), "found")
            equal(relay.tasks("b"), ["t"], "tasks")


@test(relay=False)
def long_log_becomes_a_snapshot_while_the_relay_serves():
    """What it stands for is removed, and a kill then loses nothing."""
    with folder() as data:
        with Relay("--data", data) as relay:
            for sent in range(75):
                relay.delegate("a", f"b{sent % 10}", f"{sent} " + "t" * 1000000)
            until(lambda: "event=journal.snapshot " in relay.stderr(), "a snapshot", 60)
            relay.delegate("a", "c", "the last")
            waiting = int(re.search(r"clawlink_queued_messages (\d+)", relay.get("/metrics").text)[1])
            kill_9(relay)
        with Relay("--data", data) as relay:
            snapshot, commands, _, found = journal_read(relay)
            holds(snapshot > 60 and commands < 100, f"snapshot of {snapshot} and {commands} more")
            holds(found >= waiting, f"{found} of {waiting} messages")
            equal(relay.tasks("c"), ["the last"], "c's tasks")
            kill_9(relay)  # rather than have it write all of that once more


@test(relay=False)
def second_relay_on_the_folder_is_refused():
    """Exit 7 and a sentence that says what to do; the first goes on."""
    with folder() as data:
        with Relay("--data", data) as relay:
            status, stdout, stderr = start_fails("--data", data)
            equal((status, stdout), (7, ""), "status and standard output")
            holds("another relay is running on it" in stderr and data in stderr, stderr)
            relay.delegate("a", "b", "t")
            equal(relay.tasks("b"), ["t"], "tasks")
            kill_9(relay)
        with Relay("--data", data) as relay:  # a lock that outlives its relay would be no use
            relay.alive()


@test(relay=False)
def folders_that_are_no_good_are_refused():
    """Each with a sentence: not a folder, below a file, writable for others, not our file."""
    with folder() as data:
        with open(data, "w", encoding="ascii"):
            pass
        status, _, stderr = start_fails("--data", data)
        equal(status, 2, "status for a file")
        holds("is no folder" in stderr, stderr)
        status, _, stderr = start_fails("--data", data + "/deeper")
        equal(status, 1, "status below a file")
        holds("Not a directory" in stderr, stderr)
        os.unlink(data)
        os.mkdir(data)
        os.chmod(data, 0o777)
        status, _, stderr = start_fails("--data", data)
        equal(status, 2, "status for a folder of everybody")
        holds("chmod 700" in stderr, stderr)
        os.chmod(data, 0o700)
        with open(os.path.join(data, "journal.db"), "w", encoding="ascii") as other:
            other.write("somebody's own text, which must stay as it is")
        status, _, stderr = start_fails("--data", data)
        equal(status, 2, "status for another's file")
        with open(os.path.join(data, "journal.db"), encoding="ascii") as other:
            holds(other.read().startswith("somebody's own"), "the file was changed")
        status, _, stderr = start_fails("--data", "")
        equal(status, 2, "status for an empty name")


@test(relay=False)
def for_another_user_all_of_it_is_that_users():
    """Root makes the folder, and gives it away before it gives up its rights."""
    if os.geteuid() != 0:
        skipped("for_another_user_all_of_it_is_that_users: only root can become somebody else")
        return
    with folder() as data:
        os.chmod(os.path.dirname(data), 0o755)
        for life in range(2):
            with Relay("--data", data, "--user", "nobody", "--admin-socket", "none") as relay:
                relay.delegate("a", "b", str(life))
                nobody = pwd.getpwnam("nobody").pw_uid
                equal({os.stat(os.path.join(data, name)).st_uid for name in os.listdir(data)},
                      {nobody}, "owners")
                equal(os.stat(data).st_uid, nobody, "owner of the folder")
                if life == 1:
                    equal(relay.tasks("b"), ["0", "1"], "tasks")


@test(relay=False)
def folder_is_made_with_those_that_lead_there():
    with folder() as data:
        with Relay("--data", data + "/a/b/") as relay:
            relay.delegate("a", "b", "kept")
        for part in ("", "/a", "/a/b"):
            equal(os.stat(data + part).st_mode & 0o777, 0o700, part)
        with Relay("--data", data + "/a/b") as relay:
            equal(relay.tasks("b"), ["kept"], "tasks")


# -- backups -----------------------------------------------------------------------------------


def backup(relay, *options, cwd=None):
    """(exit code, stdout, stderr) of `clawlink relay backup`."""
    door = os.path.join(relay.folder, "clawlink", f"relay-{relay.port}.sock")
    done = subprocess.run([BIN, "relay", "backup", "--admin-socket", door, *options], cwd=cwd,
                          env=environment(), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@test(relay=False)
def backup_while_it_serves_has_what_was_accepted_before():
    """A relay on the copy has it all, and what came meanwhile in order."""
    with folder() as data:
        place = os.path.dirname(data)
        copy = os.path.join(place, "copy", "journal.db")
        os.mkdir(os.path.dirname(copy), 0o700)
        sent = []
        with Relay("--data", data) as relay:
            for number in range(20):
                relay.delegate("a", f"b{number % 5}", f"{number} " + "t" * 300000)
            done = threading.Event()

            def go_on():
                with Http(relay) as connection:
                    while not done.is_set():
                        text = str(len(sent))
                        equal(connection.ask("POST", "/delegate", task(text)).status, 200, "status")
                        sent.append(text)

            sender = threading.Thread(target=go_on)
            sender.start()
            until(lambda: len(sent) > 20, "messages")
            before = len(sent)
            status, stdout, stderr = backup(relay, "--file", "copy/journal.db", cwd=place)
            done.set()
            sender.join()
            equal((status, stderr), (0, ""), "status and standard error")
            holds(stdout.startswith("saved in "), stdout)
            equal(os.stat(copy).st_mode & 0o777, 0o600, "mode")
            status, _, stderr = backup(relay, "--file", copy)
            holds(status != 0 and "File exists" in stderr, f"a second copy there: {stderr}")
            equal(os.listdir(os.path.dirname(copy)), ["journal.db"], "what else was left there")
            relay.delegate("a", "c", "later")
            equal(relay.tasks("c"), ["later"], "tasks")
        with Relay("--data", os.path.dirname(copy)) as relay:
            found = []
            while len(found) < before:
                part = relay.tasks("b")
                holds(part, f"{len(found)} tasks in the copy, and {before} were sent before it")
                found += part
            equal(found, sent[:len(found)], "tasks in the copy")
            equal(relay.tasks("c"), [], "what came after it")
            equal(relay.tasks("b0")[0][:2], "0 ", "a large task")


@test(relay=False)
def backup_that_cannot_be_made_says_why():
    """Without --data there is nothing; a disk that is full leaves nothing behind."""
    with Relay() as relay:
        status, _, stderr = backup(relay, "--file", "/tmp/never-made")
        equal(status, 2, "status without --data")
        holds("without --data" in stderr, stderr)
    with folder() as data, small_disk(256) as disk:
        if disk is None:
            skipped("backup_that_cannot_be_made_says_why: no tmpfs can be mounted")
            return
        with Relay("--data", data) as relay:
            for number in range(3):
                relay.delegate("a", "b", f"{number} " + "t" * 300000)
            status, _, stderr = backup(relay, "--file", os.path.join(disk, "copy"))
            holds(status != 0 and "the disk is full" in stderr, f"{status}: {stderr}")
            equal(os.listdir(disk), [], "what was left on the full disk")
            relay.delegate("a", "c", "t")
            holds("event=backup.failed" in relay.stderr(), "the log")


# -- disks that are full or fail ---------------------------------------------------------------


@contextlib.contextmanager
def small_disk(kib):
    """A disk of that size, or None where it cannot be had."""
    place = tempfile.mkdtemp(prefix="clawlink-small-")
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=700", "none", place], check=False,
        stderr=subprocess.DEVNULL).returncode == 0
    try:
        yield place if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", place], check=True)
        os.rmdir(place)


def send(relay, text):
    """True: accepted; False: refused because the disk is full."""
    answer = relay.post("/delegate", task(text))
    if answer.status_code == 200:
        return True
    refused(answer, 507, code="storage_full")
    holds("the relay's disk is full" in answer.text, f"the sentence: {answer.text}")
    return False


@test(relay=False)
def full_disk_refuses_loses_nothing_and_takes_again():
    """A 1 MiB tmpfs: 507 with a clear error, reads go on, and room makes it whole again."""
    with small_disk(1024) as disk:
        if disk is None:
            skipped("full_disk_refuses_loses_nothing_and_takes_again: no tmpfs can be mounted")
            return
        data, ballast = os.path.join(disk, "data"), os.path.join(disk, "ballast")
        with open(ballast, "wb") as file:
            file.write(b"x" * (300 * 1024))
        accepted, refusals = [], 0
        with Relay("--data", data) as relay:
            relay.good("/files", {"file_key": "k", "content": "c", "agent_id": "a"})
            for number in range(200):
                text = f"{number} " + "t" * 4000
                if send(relay, text):
                    accepted.append(text)
                else:
                    refusals += 1
            holds(refusals > 10 and len(accepted) > 20, f"{refusals} refused, {len(accepted)} not")
            equal(relay.good("/files/k")["content"], "c", "content")
            equal(relay.good("/healthz"), {"status": "ok"}, "health")
            holds("event=journal.full" in relay.stderr(), "the log")
            os.unlink(ballast)
            until(lambda: send(relay, "room again"), "room")
            accepted.append("room again")
            kill_9(relay)
        with Relay("--data", data) as relay:
            found = []
            while len(found) < len(accepted):
                part = relay.tasks("b")
                holds(part, f"{len(found)} of {len(accepted)} tasks")
                found += part
            equal(found, accepted, "tasks")


@test(relay=False)
def relay_that_starts_on_a_full_disk_reads_and_goes_on_when_there_is_room():
    """Its own first command is refused as well, and tried again."""
    with small_disk(1024) as disk:
        if disk is None:
            skipped("relay_that_starts_on_a_full_disk...: no tmpfs can be mounted")
            return
        data, ballast = os.path.join(disk, "data"), os.path.join(disk, "ballast")
        with Relay("--data", data) as relay:
            relay.delegate("a", "b", "before")
            relay.good("/files", {"file_key": "k", "content": "c", "agent_id": "a"})
            kill_9(relay)
        with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
            while file.write(b"x" * 1024):
                pass
        with Relay("--data", data) as relay:
            equal(relay.good("/files/k")["content"], "c", "content")
            while send(relay, "t" * 4000):
                pass
            os.unlink(ballast)
            until(lambda: send(relay, "room again"), "room")
            until(lambda: "event=relay.up" in relay.stderr(), "the relay's own first command")
            listener = WebSocket(relay, "c")
            relay.delegate("a", "c", "pushed")
            equal(listener.message()["task"], "pushed", "task")


def strace(*options):
    """A relay command under strace, or None where it cannot trace."""
    command = ["strace", "-f", "-qq", "-e", "signal=none", *options]
    probe = subprocess.run([*command, "-o", os.devnull, "true"], check=False,
                           capture_output=True) if shutil.which("strace") else None
    return command if probe is not None and probe.returncode == 0 else None


class Traced(Relay):
    """A relay whose system calls strace sees, or makes fail."""

    def __init__(self, command, *options):
        # Leaks cannot be looked for where somebody else traces.
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        os.environ["CLAWLINK_RELAY_CMD"] = " ".join(
            [*command, "-E", f"ASAN_OPTIONS={sanitizer}", BIN, "relay"])
        try:
            super().__init__(*options)
        finally:
            del os.environ["CLAWLINK_RELAY_CMD"]
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as children:
            self.pid = int(children.read().split()[0])  # strace ends with it


@test(relay=False)
def blob_whose_folder_cannot_be_synced_is_none():
    """Nobody knows whether its name is on the disk, so it is not there after a restart either."""
    data = b"blob" * 100
    path = "/v2/blobs/" + hashlib.sha256(data).hexdigest()
    with folder() as place:
        blobs = os.path.join(place, "blobs")
        os.makedirs(blobs, 0o700)
        os.chmod(place, 0o700)
        command = strace("-o", os.devnull, "-P", blobs, "-e", "trace=fsync", "-e",
                         "inject=fsync:error=EIO:when=1")
        if command is None:
            skipped("blob_whose_folder_cannot_be_synced_is_none: strace cannot trace here")
            return
        headers = {"Upload-Offset": "0", "Upload-Length": str(len(data))}
        with Traced(command, "--data", place) as relay:
            answer = relay.http.put(relay.url + path, data=data, headers=headers, timeout=20)
            holds(answer.status_code >= 500, f"status {answer.status_code} {answer.text}")
            equal(relay.get(path).status_code, 404, "status of GET")
            equal(os.listdir(blobs), [], "what is left")
            answer = relay.http.put(relay.url + path, data=data, headers=headers, timeout=20)
            equal(answer.status_code, 201, "status of the next one")


def error_is_survived(call, when):
    """From the n-th such call on each fails with EIO."""
    command = strace("-o", os.devnull, "-e", f"trace={call}", "-e",
                     f"inject={call}:error=EIO:when={when}+")
    if command is None:
        skipped(f"{call} that fails: strace cannot trace here")
        return
    with folder() as data:
        accepted = []
        with Traced(command, "--data", data) as relay:
            relay.good("/files", {"file_key": "k", "content": "c", "agent_id": "a"})
            for number in range(1000):
                answer = relay.post("/delegate", task(str(number)))
                if answer.status_code != 200:
                    break
                accepted.append(str(number))
            refused(answer, 503, code="read_only")
            refused(relay.post("/delegate", task("later")), 503, code="read_only")
            equal(relay.good("/files/k")["content"], "c", "content")
            equal(relay.tasks("b"), accepted, "what is read meanwhile")
            holds("event=journal.read_only" in relay.stderr(), "the log")
            kill_9(relay)
        holds(accepted, "nothing was accepted before the fault")
        with Relay("--data", data) as relay:
            found = relay.tasks("b")
            holds(found in (accepted, accepted + [str(len(accepted))]), f"{found}, not {accepted}")


@test(relay=False)
def failed_sync_makes_it_read_only_and_loses_nothing():
    """SECURITY.md: after an fsync error nothing is written until a restart."""
    error_is_survived("fdatasync", 12)


@test(relay=False)
def failed_write_makes_it_read_only_and_loses_nothing():
    """The same for a write."""
    error_is_survived("pwrite64", 60)


# -- without --data ----------------------------------------------------------------------------


def work(relay):
    relay.register("a", "b")
    for number in range(50):
        relay.delegate("a", "b", str(number) + "t" * 1000)
    relay.good("/broadcast", {"from_agent": "a", "content": "c"})
    relay.good("/files", {"file_key": "k", "content": "c", "agent_id": "a"})
    equal(len(relay.poll("b")) > 0, True, "messages")
    work_v2(relay)


def work_v2(relay):
    """Both transports, what is taken, refused, given back and reported, and a dead letter."""
    socket = Socket(relay, "mini")
    otto, mira = Agent(socket, "mini/otto"), Agent(Caller(relay), "laptop/mira")
    for number in range(50):
        mira.send("mini/otto", str(number) + "t" * 1000)
        otto.take()
    mira.send("mini/otto", "refused")
    otto.call("refuse", at=otto.message().at, reason="no")
    mira.send("mini/otto", "dies", attempts=1)
    otto.call("release", ranges=[otto.message().range])
    mira.send("v1/b", "to v1")
    equal([m["task"] for m in relay.poll("b")], ["to v1"], "b's messages")
    otto.send("laptop/mira", "back")
    lease, messages = mira.receive()
    equal(len(messages), 1, "messages for mira")
    mira.call("ack", lease=lease)
    mira.call("report", id=messages[0].id, outcome="completed")
    until(lambda: len(mira.call("dead.list")["dead"]) == 2, "dead letters")
    socket.drop()


def written(trace):
    """Calls that make, open for writing, or change what lies on a disk; not what a sanitizer or a
    coverage build writes for itself."""
    found = []
    for line in trace.splitlines():
        if "/tmp/tsan." in line or ".gcda" in line:
            continue
        if re.search(r"open(at|at2)?\(", line):
            if re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", line) and "/dev/null" not in line:
                found.append(line)
        elif " = -1 " not in line:
            found.append(line)
    return found


@test(relay=False)
def without_data_nothing_is_written_to_a_disk():
    """Every system call that could is watched, from the first to the last."""
    calls = ("open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,rename,renameat,renameat2,link,"
             "linkat,symlink,symlinkat,truncate,ftruncate,fallocate,fsync,fdatasync,"
             "sync_file_range,pwrite64,pwritev,pwritev2,copy_file_range")
    with folder() as place:
        trace = place + ".trace"
        command = strace("-o", trace, "-e", f"trace={calls}")
        if command is None:
            skipped("without_data_nothing_is_written_to_a_disk: strace cannot trace here")
            return
        with Traced(command, "--admin-socket", "none") as relay:
            work(relay)
            equal(relay.stop(), 0, "status")
        with open(trace, encoding="utf-8", errors="replace") as file:
            found = written(file.read())
            equal(found, [], "calls that write")
        # The same look must find what a relay with --data does.
        with Traced(command, "--admin-socket", "none", "--data", place) as relay:
            work(relay)
            equal(relay.stop(), 0, "status with --data")
        with open(trace, encoding="utf-8", errors="replace") as file:
            holds(len(written(file.read())) > 50, "the trace does not see what --data writes")


if __name__ == "__main__":
    main()
