#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What README.md shows under "From a program", from an installation into an empty folder: what is
installed is there, and the boxes of that section run as they stand, with other ports. Closes with
`N passed, M failed`."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

from docs_support import CLAWLINK, ROOT

BUILD = pathlib.Path(CLAWLINK).parent
WAIT = 20
FILES = ("bin/clawlink", "include/clawlink/client.h", "lib*/libclawlink.so.0", "lib*/libclawlink.so",
         "lib*/libclawlink.a", "lib*/pkgconfig/clawlink.pc", "lib*/agent_link/__init__.py",
         "share/clawlink/agent-link/agent_link.py", "share/clawlink/agent-link/relay_server.py",
         "share/clawlink/agent-link/setup.py", "share/clawlink/agent-link/*.example.json")
results = []


def check(what, good, note=""):
    results.append(bool(good))
    print(f"{'ok' if good else 'FAIL'} {what}" + ("" if good else f": {note}"), flush=True)


def section():
    text = (ROOT / "README.md").read_text()
    return text.split("\n## From a program\n", 1)[1].split("\n## ", 1)[0]


def found(prefix, pattern):
    """lib* is lib, or what lies below it."""
    start, _, rest = pattern.rpartition("lib*/")
    places = prefix.glob(f"lib/**/{rest}") if start == "" and "lib*" in pattern else \
        prefix.glob(pattern)
    return sorted(places)


class Reader:
    """A machine on which README.md is read: ports that nobody has, what is installed, a folder."""

    def __init__(self, folder):
        self.folder, self.prefix = folder / "home", folder / "usr"
        self.folder.mkdir()
        shutil.copytree(ROOT / "examples/c", self.folder / "examples/c",
                        ignore=lambda _, names: [n for n in names if "." not in n
                                                 and n != "Makefile"])
        with socket.socket() as one, socket.socket() as two:
            for end in (one, two):
                end.bind(("127.0.0.1", 0))
            self.ports = {"8765": one.getsockname()[1], "9077": two.getsockname()[1]}

    def install(self):
        done = subprocess.run(["cmake", "--install", BUILD, "--prefix", self.prefix],
                              capture_output=True, text=True, check=False)
        check("make install", done.returncode == 0, done.stdout + done.stderr)
        for pattern in FILES:
            check(f"{pattern} is installed", found(self.prefix, pattern))
        library = found(self.prefix, "lib*/libclawlink.so.0")[0].parent
        package = found(self.prefix, "lib*/agent_link/__init__.py")[0].parents[1]
        self.env = {"HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder),
                    "PATH": f"{self.prefix}/bin:{os.environ['PATH']}", "PYTHONPATH": str(package),
                    "PKG_CONFIG_PATH": f"{library}/pkgconfig", "LD_LIBRARY_PATH": str(library),
                    "PYTHONDONTWRITEBYTECODE": "1"}

    def here(self, text):
        for shown, real in self.ports.items():
            text = text.replace(shown, str(real))
        return text

    def run(self, text):
        return subprocess.run(["bash", "-c", self.here(text)], cwd=self.folder, env=self.env,
                              timeout=WAIT, text=True, check=False, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    @contextlib.contextmanager
    def running(self, line, said):
        """A line that goes on, once it has said that."""
        process = subprocess.Popen(["bash", "-c", "exec " + self.here(line)], cwd=self.folder,
                                   env=self.env, text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            lines = iter(process.stdout.readline, "")
            check(line, any(said in text for text in lines), f"it did not say {said}")
            yield
        finally:
            process.stdin.close()
            process.terminate()
            process.stdout.close()
            process.wait(WAIT)


def main():
    text = section()
    setup, hello, make, ask = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    script, = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(pathlib.Path(folder))
        reader.install()
        write, relay = setup.splitlines()
        done = reader.run(f"{write} --port {reader.ports['8765']}")
        check(write, done.returncode == 0, done.stdout)
        (reader.folder / "hello.py").write_text(script)
        with reader.running(f"{relay} --port 9077", "relay agent link"):
            done = reader.run(hello)
            check("hello.py", done.stdout == "laptop/mira says 'Hello'\nseen\n", done.stdout)
            build, answer = make.splitlines()
            done = reader.run(build)
            check(build, done.returncode == 0, done.stdout)
            with reader.running(answer, "ready"):
                done = reader.run(ask)
                check(ask.strip(), "WHICH TESTS ARE RED?" in done.stdout, done.stdout)
        line, = re.findall(r"`(cc .*?)`", text)
        (reader.folder / "hello.c").write_text("#include <clawlink/client.h>\n#include <stdio.h>\n"
                                               "int main(void) { puts(claw_version()); }\n")
        done = reader.run(line + " && ./a.out")
        version = reader.run("clawlink --version").stdout.split()[1]
        check(line, done.stdout.strip() and version.startswith(done.stdout.strip()), done.stdout)
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
