#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Types what README.md shows under "Five minutes with two agents", line by line, in an empty home.

Only the relay's port is another one: the system chooses it, and verbs that have no saved relay are
told. The id of a message is the one that the first send printed. Closes with `N passed, M failed`.
"""
import os
import re
import shlex
import subprocess
import sys
import tempfile

from docs_support import CLAWLINK, ROOT, commands

ID = "AAECAwQFBgcICQoLDA0ODw"  # as the page shows it


def typed_lines():
    text = (ROOT / "README.md").read_text()
    return list(commands(text.split("## Five minutes with two agents", 1)[1].split("\n## ", 1)[0]))


def run(line, url, folder):
    words = shlex.split(line)
    if words[0] == "clawlink" and (words[1] == "register" or "--as" not in words):
        line += " --relay " + url
    env = {"HOME": folder, "PATH": os.environ["PATH"]}
    return subprocess.run(["bash", "-c", 'clawlink() { "$0" "$@"; }; ' + line, CLAWLINK],
                          cwd=folder, env=env, timeout=30, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def main():
    passed = failed = 0
    lines = typed_lines()
    assert lines.pop(0) == "clawlink relay", "the walk begins with a relay"
    with tempfile.TemporaryDirectory() as folder:
        relay = subprocess.Popen([CLAWLINK, "relay", "--port", "0"], text=True,
                                 env={**os.environ, "XDG_RUNTIME_DIR": folder},
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            url = relay.stdout.readline().split()[-1]
            said = shown = ""
            for line in lines:
                result = run(line.replace(ID, shown or ID), url, folder)
                sent = re.match(r"(\S{22}) accepted for ", result.stdout)
                shown = shown or (sent[1] if sent else "")
                said += result.stdout
                ok = result.returncode == 0
                passed, failed = passed + ok, failed + (not ok)
                print(f"{'ok' if ok else 'FAIL'} {line}" + ("" if ok else f": {result.stdout}"))
        finally:
            relay.terminate()
            relay.wait(timeout=10)
    for wanted in ("Review the parser", "Two findings, see review.md",  # what the polls showed
                   "Then run the tests", "All green", "seen"):  # the inboxes, and the trace
        ok = wanted in said
        passed, failed = passed + ok, failed + (not ok)
        print(f"{'ok' if ok else 'FAIL'} somebody read \"{wanted}\"")
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 10 else 1


if __name__ == "__main__":
    sys.exit(main())
