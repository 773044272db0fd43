# SPDX-License-Identifier: MIT
"""What the suites of bindings/python share: the package, the library below it, scripts in
processes of their own.

The library is the one beside the program under test; CLAWLINK_LIBRARY names another.
"""
import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading

from support import BIN, ROOT, WAIT, Failure, has_in_program, holds

BINDINGS = os.path.join(ROOT, "bindings", "python")
LIBRARY = os.environ.get("CLAWLINK_LIBRARY") or os.path.join(os.path.dirname(BIN),
                                                             "libclawlink.so.0")
os.environ["CLAWLINK_LIBRARY"] = LIBRARY
os.environ["PYTHONPATH"] = BINDINGS
for _name in ("AGENT_LINK_CONFIG", "OPENCLAW_STATE_DIR"):
    os.environ.pop(_name, None)
sys.path.insert(0, BINDINGS)

if not os.path.exists(LIBRARY):
    sys.exit(f"{LIBRARY} is missing: run tools/build")
if has_in_program(LIBRARY, rb"__(asan|tsan)_init"):
    print(f"SKIP {os.path.basename(sys.argv[0])}: an interpreter that was built without a sanitizer "
          "cannot load a library that was built with one; test_claw.py tries it in programs")
    print("0 passed, 0 failed")
    sys.exit(0)

from agent_link import AgentLink  # noqa: E402 pylint: disable=wrong-import-position


def link(relay, agent, instance="mini", **more):
    """An AgentLink at that relay, by the relay's own token."""
    more = {"relay_token": relay.token or "none", "timeout": WAIT, **more}
    return AgentLink(relay_url=relay.url, instance_id=instance, agent_id=agent, **more)


@contextlib.contextmanager
def folder(**files):
    """A folder of its own; each file's content is an object or a text."""
    with tempfile.TemporaryDirectory(prefix="agent-link-") as path:
        for name, content in files.items():
            write(path, name.replace("__", "."), content)
        yield path


def write(path, name, content):
    with open(os.path.join(path, name), "w", encoding="utf-8") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))


@contextlib.contextmanager
def environ(**values):
    """Environment variables for a while; None: without it."""
    before = {name: os.environ.get(name) for name in values}
    try:
        for name, value in values.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def inside(path):
    before = os.getcwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)


class Log(logging.Handler):
    """What the package logs while this is used by `with`."""

    def __init__(self):
        super().__init__()
        self.lines, self.news = [], threading.Condition()

    def emit(self, record):
        with self.news:
            self.lines.append(f"{record.levelname} {record.getMessage()}")
            self.news.notify_all()

    def __enter__(self):
        logging.getLogger("agent_link").addHandler(self)
        return self

    def __exit__(self, *_):
        logging.getLogger("agent_link").removeHandler(self)

    def has(self, text):
        """Waits for it: one thread is told of a thing before another has logged it."""
        with self.news:
            holds(self.news.wait_for(lambda: any(text in line for line in self.lines), WAIT),
                  f"no {text!r} in {self.lines}")


class Inbox:
    """A handler that keeps what comes."""

    def __init__(self):
        self.messages, self.news = [], threading.Condition()

    def __call__(self, message):
        with self.news:
            self.messages.append(message)
            self.news.notify_all()

    def texts(self):
        return [message.message for message in self.messages]

    def wait(self, count=1, timeout=WAIT):
        with self.news:
            holds(self.news.wait_for(lambda: len(self.messages) >= count, timeout),
                  f"{count} messages, so far {len(self.messages)}")
        return self.messages


# Runs a script that may have `await` outside of functions, as documentation has it.
RUNNER = """
import ast, asyncio, inspect, sys
name = sys.argv.pop(1)
with open(name, encoding="utf-8") as file:
    code = compile(file.read(), name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
space = {"__name__": "__main__"}
running = eval(code, space)
if inspect.iscoroutine(running):
    asyncio.run(running)
"""


class Script:
    """Python in a process of its own: a text, or the arguments of python3."""

    def __init__(self, path, text=None, arguments=(), **env):
        if text is not None:
            write(path, "script.py", text)
            arguments = ["-c", RUNNER, "script.py"]
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [sys.executable, "-u", *arguments], cwd=path, env={**os.environ, **env}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8")
        self.lines, self.news = [], threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT)
        self.reader.join(WAIT)
        self.process.stdin.close()
        self.process.stdout.close()

    def says(self, text, timeout=WAIT):
        with self.news:
            holds(self.news.wait_for(lambda: any(text in line for line in self.lines), timeout),
                  f"no {text!r} in what it prints: {self.lines}")

    def types(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ends(self, timeout=WAIT):
        """Its exit status."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"it did not end; {self.lines}") from None
        self.reader.join(WAIT)
        return status
