# SPDX-License-Identifier: MIT
"""What the tests of the documents share: where things are, and what a reader is told to type."""
import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLAWLINK = os.path.abspath(os.environ.get("CLAWLINK_BIN") or ROOT / "build/clawlink")


def commands(text):
    """The typed lines of all console blocks; a backslash at the end joins two."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield line[2:]
