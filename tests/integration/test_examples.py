# SPDX-License-Identifier: MIT
"""The scripts under examples/ do what they say, alone and on a relay that is shared."""
import os
import shutil
import signal
import subprocess
import tempfile

from cli_support import PATIENCE
from support import BIN, ROOT, Relay, main, test

EXAMPLES = os.path.join(ROOT, "examples")
LAST_LINES = {
    "research-pipeline.sh": "The report went through three hands and is right.",
    "code-review.sh": "Verdict: changes requested.",
    "parallel-research.sh": "Three agents worked at the same time, and the lead has it all.",
}


class Folder:
    """Where a script puts its temporary files; at the end nothing may be left there."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="clawlink-test-")
        self.env = {**os.environ, "CLAWLINK_BIN": BIN, "TMPDIR": self.path}
        self.env.pop("CLAWLINK_RELAY", None)
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            os.rmdir(self.path)
        else:
            shutil.rmtree(self.path)


def run(script, **env):
    with Folder() as folder:
        return subprocess.run(["bash", os.path.join(EXAMPLES, script)], env={**folder.env, **env},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=2 * PATIENCE, check=False)


@test(relay=False)
def each_workflow_reaches_its_end_on_a_relay_of_its_own():
    for script, last in LAST_LINES.items():
        done = run(script)
        assert done.returncode == 0, (script, done)
        assert done.stdout.splitlines()[-1] == last, (script, done)


@test(relay=False)
def each_workflow_runs_twice_on_a_shared_relay():
    with Relay() as relay:
        for script, last in [*LAST_LINES.items(), *LAST_LINES.items()]:
            done = run(script, CLAWLINK_RELAY=relay.url)
            assert done.returncode == 0, (script, done)
            assert done.stdout.splitlines()[-1] == last, (script, done)


@test(relay=False)
def a_workflow_without_its_relay_fails():
    for script in LAST_LINES:
        done = run(script, CLAWLINK_RELAY="http://127.0.0.1:1")
        assert done.returncode == 7 and "Connection refused" in done.stderr, (script, done)


@test(relay=False)
def the_demo_shows_every_step_and_ends_with_0():
    done = run("demo.sh")
    assert done.returncode == 0, done
    for part in ("task_delegation", "task_response", "knowledge_broadcast",
                 "clawlink relay listening on http://", "registered as mira", "registered as theo",
                 "delegated", "response sent", "    42\n", "saved as version 2", "Theo agrees.",
                 "broadcast, recipients: 1", "both agents and the relay leave"):
        assert part in done.stdout, (part, done)


def interrupt(after):
    """Ctrl-C, as a terminal sends it, once that line was shown."""
    with Folder() as folder:
        demo = subprocess.Popen(["bash", os.path.join(EXAMPLES, "demo.sh")], env=folder.env,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, start_new_session=True)
        shown = ""
        for line in demo.stdout:
            shown += line
            if after in line:
                break
        os.killpg(demo.pid, signal.SIGINT)
        shown += demo.stdout.read()  # ends when the last process has gone
        assert demo.wait(timeout=PATIENCE) == 0, (after, shown)
        assert "leaving" in shown or "relay leave" in shown, (after, shown)


@test(relay=False)
def the_demo_leaves_with_0_on_ctrl_c():
    for after in ("A relay, in memory", "listening on", "registered as theo", "delegated",
                  "Mira gets the answer", "saved as version 1", "And both tell everybody"):
        interrupt(after)


if __name__ == "__main__":
    main()
