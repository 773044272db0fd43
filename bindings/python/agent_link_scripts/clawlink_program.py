# SPDX-License-Identifier: MIT
"""What the two scripts share: where clawlink is, and how it is started in their place."""
import os
import shutil
import sys


def find():
    """The program: CLAWLINK_BIN, or clawlink on PATH. Ends this one where there is none."""
    named = os.environ.get("CLAWLINK_BIN")
    found = shutil.which(named or "clawlink")
    if found is None and named:
        sys.exit(f'CLAWLINK_BIN is "{named}", and that is no program.')
    if found is None:
        sys.exit("clawlink is not on PATH: install it (make install), or say where it is with "
                 "CLAWLINK_BIN=/path/to/clawlink.")
    return found


def become(program, words, env=None):
    """Runs the program in place of this one, so that signals and its exit status are its own, and
    the secret that stood in this one's arguments is gone."""
    sys.stdout.flush()
    os.execve(program, ["clawlink", *words], os.environ if env is None else env)
