# SPDX-License-Identifier: MIT
"""libclawlink against a real relay: programs that say and hear all that there is to say
(tests/support/claw_lab.h), relays that die under them, and the examples, built as anybody would
build them from what `make install` installs."""
import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from support import BIN, ROOT, WAIT, Relay, beside, equal, has_in_program, holds, main, short, test

BUILD = os.path.dirname(BIN)
LAB = beside("claw-lab")
SLOW = has_in_program(LAB, rb"__[at]san_init")
PATIENCE = 12 * WAIT
INSTANCE = ("mini/otto", "laptop/mira")


def lab(relay, *command, **env):
    """What a program of the lab has printed; it has found what it wanted."""
    done = subprocess.run([LAB, command[0], relay.url, *command[1:]], env={**os.environ, **env},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    equal(done.returncode, 0, f"status of {command}: {short(done.stdout)} {short(done.stderr)}")
    equal(done.stderr, "", f"what {command} said beside its results")
    return done.stdout


@test(relay=False)
def two_clients_say_all_that_there_is_to_say():
    with tempfile.TemporaryDirectory() as folder:
        for options in ((), ("--data", os.path.join(folder, "data"))):
            with Relay(*options, token="s3cret", env={"CLAWLINK_TOKEN": "s3cret"}) as relay:
                equal(lab(relay, "talk", CLAW_TOKEN="s3cret"), "all was said\n")


@test(relay=False)
def tls_with_the_relay_s_pin():
    with tempfile.TemporaryDirectory() as folder:
        with Relay("--tls-self-signed", "--tls-dir", folder) as relay:
            equal(lab(relay, "talk", CLAW_PINS=relay.pin), "all was said\n")


@test(relay=False)
def a_group_is_among_itself():
    with Relay() as relay:
        equal(lab(relay, "group"), "the group was among itself\n")


@test(relay=False)
def eight_threads_share_a_client_and_have_one_each():
    with Relay() as relay:
        rounds = 50 if SLOW else 300
        equal(lab(relay, "hammer", str(rounds)), f"{16 * rounds} messages by 8 threads\n")


@test(relay=False)
def a_loop_that_sleeps_is_woken_by_a_call():
    """Fifty calls take 10 seconds where each waits for what the loop wakes for anyhow."""
    with Relay() as relay:
        begun = time.monotonic()
        lab(relay, "hammer", "1")
        holds(SLOW or time.monotonic() - begun < 0.9 * WAIT, "the loop slept on")


@test(relay=False)
def each_allocation_may_fail():
    with Relay() as relay:
        said = lab(relay, "faults")
        holds("allocations failed alone" in said, said)


@test(relay=False)
def a_relay_that_dies_loses_nothing_and_nothing_comes_twice():
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "data")
        relay = Relay("--data", data)
        port = str(relay.port)
        step = 3000 if SLOW else 12000
        count, due, deaths = 5 * step, step, 0
        flow = subprocess.Popen([LAB, "flow", relay.url, str(count)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, text=True)
        try:
            for line in flow.stdout:
                answered = re.fullmatch(r"answered (\d+)\n", line)
                if answered and int(answered[1]) >= due and deaths < 3:
                    relay.kill()
                    relay.clean()
                    relay = Relay("--data", data, port=port)
                    due, deaths = int(answered[1]) + step, deaths + 1
            equal(flow.wait(PATIENCE), 0, f"status of flow: {line}")
            found = re.fullmatch(f"{count} sent, {count} received, (\\d+) outages\n", line)
            # The receiver may still pause when the relay dies again.
            holds(found and int(found[1]) >= 1 and deaths == 3, f"{line} {deaths} deaths")
            equal(relay.stop(), 0, "exit status of the relay")
        finally:
            flow.kill()
            flow.wait()
            flow.stdout.close()
            relay.kill()
            relay.clean()


@test(relay=False)
def all_that_may_wait_goes_out_when_the_relay_is_there():
    with Relay() as relay:
        port, url = str(relay.port), relay.url
    backlog = subprocess.Popen([LAB, "backlog", url], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True)
    try:
        equal(backlog.stdout.readline(), "full\n", "before")
        with Relay(port=port):
            equal(backlog.stdout.readline(), "all was told\n", "after")
            equal(backlog.wait(WAIT), 0, "status of backlog")
    finally:
        backlog.kill()
        backlog.wait()
        backlog.stdout.close()


# -- the examples ----------------------------------------------------------------------------------


class Installed:
    """The tree that `make install` makes, and the examples built against it."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="clawlink-")
        self.prefix = os.path.join(self.folder, "usr")
        self.run("cmake", "--install", BUILD, "--prefix", self.prefix)
        found = glob.glob(os.path.join(self.prefix, "lib*", "**", "clawlink.pc"), recursive=True)
        equal(len(found), 1, f"files for pkg-config in {found}")
        self.libraries = os.path.dirname(os.path.dirname(found[0]))
        self.env = {"PKG_CONFIG_PATH": os.path.dirname(found[0])}
        self.examples = os.path.join(self.folder, "c")
        shutil.copytree(os.path.join(ROOT, "examples", "c"), self.examples)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def run(self, *command, **env):
        done = subprocess.run(command, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        equal(done.returncode, 0, f"status of {command}: {short(done.stdout)} {done.stderr[-400:]}")
        return done.stdout

    def build(self, *options):
        self.run("make", "-C", self.examples, "clean", *options)
        self.run("make", "-C", self.examples, "CFLAGS=-std=c99 -Wall -Wextra -Werror", *options,
                 **self.env)

    def use(self, relay, **env):
        """An agent that answers, one that asks, and one that wants to know how far it got."""
        answer = subprocess.Popen(
            [os.path.join(self.examples, "answer"), relay.url, INSTANCE[0]],
            env={**os.environ, **env}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            equal(answer.stdout.readline(), "ready\n", "first line of answer")
            asked = self.run(os.path.join(self.examples, "ask"), relay.url, INSTANCE[1],
                             INSTANCE[0], "shout this", **env)
            equal(asked, "SHOUT THIS\n", "the answer")
            sent = self.run(os.path.join(self.examples, "send"), relay.url, INSTANCE[1],
                            INSTANCE[0], "see this", **env).splitlines()
            holds(sent[0].endswith(f" to {INSTANCE[0]}: accepted"), sent)
            equal(sent[-1], f"  seen by {INSTANCE[0]}", "how far it got")
            answer.stdin.close()
            equal(answer.wait(WAIT), 0, "status of answer")
        finally:
            answer.kill()
            answer.wait()
            answer.stdout.close()
            answer.stdin.close()


@test(relay=False)
def the_examples_are_built_with_what_was_installed_and_run():
    if SLOW or has_in_program(os.path.join(BUILD, "libclawlink.a"), rb"__gcov_"):
        print("SKIP the_examples_are_built_with_what_was_installed_and_run: an instrumented library "
              "wants a program that was built like it")
        return
    with Installed() as installed, Relay() as relay:
        installed.build()
        installed.use(relay, LD_LIBRARY_PATH=installed.libraries)
        installed.build("STATIC=1")
        shown = installed.run("readelf", "-d", os.path.join(installed.examples, "ask"))
        holds("libclawlink" not in shown, "the static program wants the shared library")
        installed.use(relay)


@test(relay=False)
def a_signal_for_a_broken_pipe_never_comes():
    """The lab leaves SIGPIPE as it is, which would end it where the relay closes first."""
    with Relay() as relay:
        flow = subprocess.Popen([LAB, "flow", relay.url, "200000"], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, text=True,
                                preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL))
        try:
            equal(flow.stdout.readline(), "answered 250\n")
            relay.kill()
            equal(flow.poll(), None, "status of flow")
        finally:
            flow.kill()
            flow.wait()
            flow.stdout.close()


if __name__ == "__main__":
    main()
