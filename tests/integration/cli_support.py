# SPDX-License-Identifier: MIT
"""What the tests of the command line share: a home, and an original v1 relay in small. The relay
itself and the runner are those of support.py.

Every wait is for a line of output, an exit or a request, never for time to pass.
"""
import http.server
import json
import os
import pty
import queue
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse

from support import BIN

PATIENCE = 30  # seconds; reached only when something is broken


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\n  out: {self.out!r}\n  err: {self.err!r}"

    def lines(self):
        return self.out.splitlines()

    def json(self):
        return [json.loads(line) for line in self.out.splitlines()]


def check(condition, what):
    assert condition, what


def says(result, code, *parts):
    """The run failed with that status, nothing on standard output, one line that says all parts."""
    check(result.code == code, result)
    check(result.out == "", result)
    check(result.err.count("\n") == 1 and result.err.startswith("clawlink: "), result)
    for part in parts:
        check(part in result.err, f"{part!r} is not in {result}")


class Process:
    """A running clawlink whose lines can be waited for."""

    def __init__(self, words, env):
        self.process = subprocess.Popen(
            words, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.pid = self.process.pid
        self.out, self.err = queue.Queue(), queue.Queue()
        for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err)):
            threading.Thread(target=self._read, args=(stream, lines), daemon=True).start()

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.put(line.decode())
        stream.close()
        lines.put(None)

    def line(self):
        return self.out.get(timeout=PATIENCE)

    def error_line(self):
        return self.err.get(timeout=PATIENCE)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(timeout=PATIENCE)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Home:
    """A home folder of its own and the runs of clawlink in it."""

    def __init__(self, relay=None, **env):
        self.path = tempfile.mkdtemp(prefix="clawlink-test-")
        self.env = {"HOME": self.path, "XDG_RUNTIME_DIR": self.path, "PATH": os.environ["PATH"],
                    "LC_ALL": "C.UTF-8", **env}
        for name, value in os.environ.items():
            if name.startswith(("ASAN_", "UBSAN_", "TSAN_", "LSAN_")):
                self.env[name] = value
        self.relay = relay
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
        shutil.rmtree(self.path)

    def file(self, name, content=None):
        path = os.path.join(self.path, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def args(self, args):
        return [*(["--relay", self.relay] if self.relay else []), *args]

    def run(self, *args, stdin=b"", stdout=subprocess.PIPE, text=True):
        done = subprocess.run([BIN, *self.args(args)], env=self.env, input=stdin, stdout=stdout,
                              stderr=subprocess.PIPE, timeout=PATIENCE + 30)
        out = done.stdout or b""
        return Result(done.returncode, out.decode() if text else out, done.stderr.decode())

    def ok(self, *args, **more):
        result = self.run(*args, **more)
        assert result.code == 0, f"{args}: {result}"
        return result

    def start(self, *args):
        process = Process([BIN, *self.args(args)], self.env)
        self.processes.append(process)
        return process

    def on_terminal(self, columns, *args):
        """Runs it on a terminal of that width; returns what the terminal got."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(BIN, [BIN, *self.args(args)], {**self.env, "COLUMNS": str(columns)})
        shown = b""
        try:
            while chunk := os.read(terminal, 65536):
                shown += chunk
        except OSError:  # how a terminal says that the other side has gone
            pass
        os.close(terminal)
        assert os.waitpid(pid, 0)[1] == 0, shown
        return shown.decode().replace("\r\n", "\n")

    def register(self, name, *more):
        """Registers agent NAME as --as NAME and returns its id."""
        return self.ok("--as", name, "register", "--name", name, *more).out.split()[0]


class OriginalRelay:
    """The calls of clawlink-v1.md as the original relay answers them: errors without a code, no
    `wait`, nobody stale in discover, JSON with blanks in it."""

    def __init__(self):
        self.agents, self.inboxes, self.files = {}, {}, {}
        self.count = 0
        self.calls = []  # (time, method, path, body) of each call
        self.called = threading.Condition()
        self.answers = {}  # path -> (status, body) in place of the real one
        self.held = set()  # paths that get no answer
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self):
                length = int(self.headers.get("Content-Length", 0))
                text = self.rfile.read(length)
                body = json.loads(text) if text else None
                with outer.called:
                    outer.calls.append((time.monotonic(), self.command, self.path, body))
                    status, reply = outer.reply(self.command, self.path, body)
                    outer.called.notify_all()
                    outer.called.wait_for(lambda: self.path.split("?")[0] not in outer.held)
                data = reply if isinstance(reply, bytes) else json.dumps(reply).encode() + b"\n"
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = answer

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # a client that has gone

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def wait_for(self, count, path):
        """The times of the first `count` calls of that path (without its query)."""
        def times():
            return [call[0] for call in self.calls if call[2].split("?")[0] == path]
        with self.called:
            assert self.called.wait_for(lambda: len(times()) >= count, PATIENCE), self.calls
            return times()[:count]

    def forget(self):
        with self.called:
            self.agents.clear()

    def put(self, agent, message):
        with self.called:
            self.inboxes.setdefault(agent, []).append(message)

    def next_id(self):
        self.count += 1
        return f"{self.count:08x}-{self.count:03x}"

    def reply(self, method, target, body):
        path, _, query = target.partition("?")
        if path in self.answers:
            return self.answers[path]
        name = f"{method.lower()}_{path.split('/')[1]}"
        handler = getattr(self, name, None)
        if handler is None:
            return 404, b"404: Not Found"
        return handler(urllib.parse.unquote(path.partition("/")[2].partition("/")[2]), body)

    def get_(self, _, body):
        return 200, {"service": "ClawLink Relay", "version": "1.0.0", "auth_required": False,
                     "agents_online": len(self.agents), "endpoints": {"discover": "GET /discover"}}

    def post_register(self, _, body):
        agent_id = body.get("agent_id") or self.next_id()[:8]
        agent = {"agent_id": agent_id, "name": body.get("name", f"agent-{agent_id[:4]}"),
                 "capabilities": body.get("capabilities", []), "machine": body.get("machine", "?"),
                 "description": body.get("description", ""), "registered_at": "now",
                 "last_heartbeat": 1.5, "status": "online"}
        self.agents[agent_id] = agent
        return 200, {"status": "registered", "agent": agent, "server_time": "now"}

    def get_discover(self, _, body):
        return 200, {"agents": list(self.agents.values()), "count": len(self.agents)}

    def post_heartbeat(self, _, body):
        known = body["agent_id"] in self.agents
        return 200, {"status": "ok" if known else "unknown_agent"}

    def send(self, to, message):
        self.inboxes.setdefault(to, []).append({**message, "timestamp": "now", "queued_at": "now"})

    def post_delegate(self, _, body):
        if not (body.get("from_agent") and body.get("to_agent") and body.get("task")):
            return 400, {"error": "from_agent, to_agent, and task are required"}
        message_id = self.next_id()
        self.send(body["to_agent"], {"type": "task_delegation", "message_id": message_id,
                                     "context": {}, "priority": "normal", **body})
        return 200, {"status": "delegated", "delivery": "queued", "message_id": message_id}

    def post_respond(self, _, body):
        self.send(body["to_agent"], {"type": "task_response", "response_id": self.next_id(),
                                     "status": "completed", **body})
        return 200, {"status": "response_sent", "delivery": "queued"}

    def post_broadcast(self, _, body):
        message_id = self.next_id()
        others = [agent for agent in self.agents if agent != body["from_agent"]]
        for agent in others:
            self.send(agent, {"type": "knowledge_broadcast", "message_id": message_id,
                              "topic": "general", "tags": [], **body})
        return 200, {"status": "broadcast_sent", "message_id": message_id,
                     "recipients": len(others)}

    def get_poll(self, agent, body):
        messages = self.inboxes.pop(agent, [])
        return 200, {"messages": messages, "count": len(messages)}

    def post_files(self, _, body):
        version = self.files.get(body["file_key"], {"version": 0})["version"] + 1
        self.files[body["file_key"]] = {
            "file_key": body["file_key"], "content": body["content"],
            "file_type": body.get("file_type", "text"), "last_editor": body["agent_id"],
            "version": version, "updated_at": "now"}
        return 200, {"status": "saved", "version": version}

    def get_files(self, key, body):
        if not key:
            files = [{name: value for name, value in file.items() if name != "content"}
                     for file in self.files.values()]
            return 200, {"files": files, "count": len(files)}
        if key not in self.files:
            return 404, {"error": "file not found"}
        return 200, self.files[key]
