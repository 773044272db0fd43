# SPDX-License-Identifier: MIT
"""Standing up to abuse: what is refused or cut is counted and can be seen, others go on.

The long campaigns with slowhttptest, floods and network namespaces are tests/abuse.
"""
import json
import os
import re
import resource
import select
import signal
import socket
import stat
import subprocess
import tempfile
import time

from prometheus_client.parser import text_string_to_metric_families

from support import (BIN, PING, ROOT, Http, Relay, WebSocket, equal, holds, in_place_of_run, main,
                     owns_run, refused, start_fails, test, until)

# -- what is counted ---------------------------------------------------------------------------

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABELS = r"\{[a-z_]+=\"(?:[^\"\\\n]|\\[\\\"n])*\"(?:,[a-z_]+=\"(?:[^\"\\\n]|\\[\\\"n])*\")*\}"
NUMBER = r"-?(?:[0-9]+(?:\.[0-9]+)?|[+-]Inf|NaN)"


def strict(text):
    """The text format 0.0.4 as its page defines it, and the naming rules: every family has HELP,
    then TYPE, then its samples, once; gives {(name, labels): value}."""
    holds(text.endswith("\n"), "the last line has no end")
    samples, kinds, current = {}, {}, None
    for line in text.splitlines():
        if found := re.fullmatch(rf"# HELP ({NAME}) (.+)", line):
            current = found[1]
            holds(current not in kinds, f"a second HELP of {current}")
            kinds[current] = None
        elif found := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge)", line):
            equal(found[1], current, "name behind TYPE")
            kinds[current] = found[2]
        else:
            found = re.fullmatch(rf"({NAME})({LABELS})? ({NUMBER})", line)
            holds(found, f"no sample: {line!r}")
            equal(found[1], current, "a sample's family")
            holds(kinds[current] is not None, f"{current} has no TYPE")
            holds((kinds[current] == "counter") == current.endswith("_total"),
                  f"{current} is a {kinds[current]}")
            key = (found[1], found[2] or "")
            holds(key not in samples, f"twice: {key}")
            samples[key] = float(found[3])
    return samples


def metrics(relay):
    answer = relay.get("/metrics")
    equal(answer.status_code, 200, "status of /metrics")
    equal(answer.headers["Content-Type"], "text/plain; version=0.0.4", "type")
    return strict(answer.text)


def count(relay, name, label="", value=""):
    return metrics(relay)[(name, f'{{{label}="{value}"}}' if label else "")]


@test(token="secret")
def metrics_are_what_prometheus_reads(relay):
    """Our own strict reading, and that of Prometheus' Python client, agree."""
    text = relay.get("/metrics").text
    mine = strict(text)
    theirs = {}
    for family in text_string_to_metric_families(text):
        holds(family.documentation, f"{family.name} has no help")
        for sample in family.samples:
            labels = ",".join(f'{k}="{v}"' for k, v in sample.labels.items())
            theirs[(sample.name, "{" + labels + "}" if labels else "")] = sample.value
    equal(theirs, mine, "samples")
    equal(mine[("clawlink_connections", '{kind="local"}')], 1, "connections of this machine")
    holds(mine[("process_resident_memory_bytes", "")] > 1e6, "memory")
    holds(abs(mine[("process_start_time_seconds", "")] - time.time()) < 60, "start")


@test(token="secret")
def metrics_want_the_token_and_get_or_head(relay):
    """architecture.md, One admin door: /metrics needs a token like any request."""
    with Http(relay) as stranger:
        relay.token = None
        refused(stranger.ask("GET", "/metrics"), 401, code="unauthorized")
        relay.token = "secret"
    equal(relay.http.head(relay.url + "/metrics").status_code, 200, "HEAD")
    wrong = relay.post("/metrics", {})
    refused(wrong, 405, code="method_not_allowed")
    equal(wrong.headers["Allow"], "GET, HEAD", "Allow")


@test(token="secret")
def each_refusal_adds_to_its_counter(relay):
    def rises(what, act):
        before = count(relay, *what)
        act()
        equal(count(relay, *what), before + 1, " ".join(what))

    def ask(request):
        with Http(relay) as connection:
            connection.send(request)
            return connection.rest()

    rises(("clawlink_http_broken_total", "code", "malformed"),
          lambda: ask("GET nowhere HTTP/1.1\r\n\r\n"))
    rises(("clawlink_http_broken_total", "code", "uri_too_long"),
          lambda: ask("GET /" + "x" * 9000 + " HTTP/1.1\r\n\r\n"))
    rises(("clawlink_http_refused_total", "code", "misdirected_request"),
          lambda: ask("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"))
    rises(("clawlink_http_refused_total", "code", "not_found"), lambda: relay.get("/nowhere"))
    rises(("clawlink_auth_failures_total", "token", "missing"),
          lambda: ask("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    rises(("clawlink_auth_failures_total", "token", "wrong"),
          lambda: ask("GET /?token=guess HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    listener = WebSocket(relay, "a")
    rises(("clawlink_frames_refused_total", "code", "malformed"),
          lambda: (listener.say("{"), listener.message()))
    rises(("clawlink_connections_cut_total", "reason", "broken_frames"),
          lambda: (listener.send(listener.frame(PING, b"", mask=False)), listener.close_code()))


@test()
def gauges_follow_what_is_there(relay):
    relay.register("a", "b")
    relay.delegate("a", "b", "t")
    listener = WebSocket(relay, "a")
    found = metrics(relay)
    equal(found[("clawlink_agents", '{state="online"}')], 2, "agents")
    equal(found[("clawlink_queued_messages", "")], 1, "messages")
    equal(found[("clawlink_websockets", "")], 1, "WebSockets")
    listener.leave()
    until(lambda: count(relay, "clawlink_websockets") == 0, "the WebSocket is counted still")


@test()
def documents_name_every_metric_and_every_reason(relay):
    """docs/operations.md lists what can be seen."""
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as page:
        said = page.read()
    for name, labels in metrics(relay):
        holds(name in said, f"{name} is not in operations.md")
        for reason in re.findall(r'(?:reason|state|kind|token)="([a-z_]+)"', labels):
            holds(f"`{reason}`" in said, f"{reason} of {name} is not in operations.md")


# -- the admin door ----------------------------------------------------------------------------


def status(relay, *options, env=None):
    """(exit code, stdout, stderr) of `clawlink relay status`."""
    done = subprocess.run([BIN, "relay", "status", *options], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "HOME": relay.folder,
                               "XDG_RUNTIME_DIR": relay.folder, **(env or {})},
                          timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def door(relay):
    return os.path.join(relay.folder, "clawlink", f"relay-{relay.port}.sock")


@test(token="secret")
def status_shows_the_relay_to_people_and_programs(relay):
    relay.register("busy", "idle")
    relay.delegate("idle", "busy", "one")
    relay.get("/nowhere")
    code, out, err = status(relay, "--json")
    equal((code, err), (0, ""), "status")
    said = json.loads(out)
    equal(said["url"], relay.url, "url")
    equal(said["pid"], relay.pid, "pid")
    equal(said["agents"]["online"], 2, "agents")
    equal(said["queues"]["messages"], 1, "messages")
    equal([i["agent_id"] for i in said["queues"]["fullest"]], ["busy"], "fullest")
    equal(said["refusals"], [{"what": "call refused", "reason": "not_found", "count": 1}],
          "refusals")
    equal(said["connections"]["local"], said["connections"]["open"], "local connections")
    code, out, err = status(relay)
    equal((code, err), (0, ""), "status")
    for part in (relay.url, "2 online", "0 orphans", "1 message,", "busy", "not_found",
                 "256 strangers, 32 strangers per address, 100000 inbox messages",
                 "67108864 inbox bytes", "no rate per second"):
        holds(part in out, f"{part!r} is not in {out}")


@test("--inbox-messages", "1", "--inbox-bytes", "1", "--all-inboxes-bytes", "1", "--rate", "7,1",
      "--max-connections", "1", "--chain-hops", "1", "--chain-messages", "1", "--thread-rate", "0",
      "--inherited-hops", "0", "--inherited-messages", "0")
def status_shows_the_smallest_limits_as_well(relay):
    code, out, err = status(relay)
    equal((code, err), (0, ""), "status")
    holds("1 connection, 256 strangers, 32 strangers per address, 1 inbox message, 1 inbox byte, "
          "1 all inboxes byte, 1 chain hop, 1 chain message, no thread rate, no inherited hops, "
          "no inherited messages, 67108864 blob bytes, 268435456 all blobs bytes, "
          "7 rate per second, 1 rate burst\n" in out, out)


@test(relay=False)
def a_limit_that_lets_nothing_through_is_refused():
    for name, most in (("--max-connections", 2**32 - 1), ("--inbox-messages", 2**32 - 1),
                       ("--inbox-bytes", 2**64 - 1), ("--all-inboxes-bytes", 2**64 - 1)):
        for value in ("0", "-1", "x", str(most + 1)):
            code, out, err = start_fails(name, value)
            equal((code, out), (2, ""), f"exit code for {name} {value}")
            holds(f'{name} "{value}" is not a whole number from 1 to {most}.' in err, err)


@test()
def door_is_its_users_alone_and_gone_at_the_end(relay):
    found = os.lstat(door(relay))
    holds(stat.S_ISSOCK(found.st_mode), "no socket")
    equal(stat.S_IMODE(found.st_mode), 0o600, "mode of the socket")
    equal(stat.S_IMODE(os.lstat(os.path.dirname(door(relay))).st_mode), 0o700, "of its folder")
    relay.stop()
    holds(not os.path.exists(door(relay)), "the socket is still there")
    code, out, err = status(relay)
    equal((code, out), (7, ""), "status of no relay")
    holds("No relay of this user answers" in err, err)


@test()
def another_user_is_refused_at_the_door(relay):
    """Even where the mode of the socket was opened by mistake."""
    if os.geteuid() != 0:
        print("SKIP another_user_is_refused_at_the_door: needs root to become another")
        return
    for path, mode in ((relay.folder, 0o755), (os.path.dirname(door(relay)), 0o755),
                       (door(relay), 0o777)):
        os.chmod(path, mode)
    code = ("import socket,os;os.setuid(65534);s=socket.socket(socket.AF_UNIX);s.connect(%r);"
            "s.sendall(b'GET /status HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n');"
            "print(s.recv(100))" % door(relay))
    done = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True,
                          check=False)
    holds(done.returncode != 0 or done.stdout == "b''\n", done.stdout)
    equal(count(relay, "clawlink_connections_refused_total", "reason", "foreign_user"), 1, "count")


@test(relay=False)
def door_can_be_placed_or_left_out():
    with Relay("--admin-socket", "none") as relay:
        equal(os.listdir(relay.folder), ["stderr"], "files of a relay without a door")
        equal(status(relay)[0], 7, "exit code")
    with Relay() as keeper:
        path = os.path.join(keeper.folder, "mine")
        with Relay("--admin-socket", path) as relay:
            code, out, _ = status(keeper, "--admin-socket", path, "--json")
            equal((code, json.loads(out)["url"]), (0, relay.url), "status")
            code, _, err = start_fails("--admin-socket", path)
            equal(code, 7, f"a second relay at a door that lives ({err})")
        code, _, err = start_fails("--admin-socket", os.path.join(keeper.folder, "no", "folder"))
        equal(code, 1, f"a door that cannot be ({err})")


def leave_room(relay, path, room):
    """The relay's files can grow to so many bytes more than its log now has; None: to any size."""
    soft = resource.RLIM_INFINITY if room is None else os.path.getsize(path) + room
    resource.prlimit(relay.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))


@test(relay=False)
def log_on_a_full_disk_is_missed_and_told():
    """A line that did not fit is counted; the next begins on a line of its own, also of the next
    relay."""
    name = "clawlink_log_lines_lost_total"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "log")
        # A coverage build writes its counters at its end: with no room for them either, they would
        # be cut short for every program behind this one.
        with Relay("--log-file", path, env={"GCOV_PREFIX": folder}) as relay:
            equal(count(relay, name), 0, "lines lost before")
            for lost in (1, 2):
                leave_room(relay, path, 40 if lost == 1 else 0)
                relay.signal(signal.SIGHUP)  # which is a line
                until(lambda: count(relay, name) == lost, f"{lost} lines lost")
            equal(json.loads(status(relay, "--json")[1])["log_lines_lost"], 2, "in the status")
            holds("log           2 lines lost: it could not be written\n" in status(relay)[1],
                  status(relay)[1])
            leave_room(relay, path, None)
            relay.signal(signal.SIGHUP)
            until(lambda: "log.lines_lost" in read(path), "the log tells")
            equal(count(relay, name), 2, "lines lost")
            leave_room(relay, path, 40)
            relay.stop()
        with Relay("--log-file", path):
            pass
        lines = read(path).splitlines()
    for line in lines:
        equal(line.count("time="), 1, f"line {line!r}")
    equal([line for line in lines if "lines_lost" in line],
          [line for line in lines if line.endswith("level=warn event=log.lines_lost lines=2")],
          "lines that tell")
    equal(len([line for line in lines if len(line) == 40]), 2, "half lines")


@test(relay=False)
def several_relays_are_told_apart():
    with Relay() as first:
        with Relay(env={"XDG_RUNTIME_DIR": first.folder}) as second:
            code, out, err = status(first)
            equal((code, out), (4, ""), "status of two")
            holds(door(first) in err and str(second.port) in err, err)
            ports = [int(port) for port in re.findall(r"relay-(\d+)\.sock", err)]
            equal(ports, sorted([first.port, second.port]), "ports in the order of their numbers")
            code, out, _ = status(first, "--port", str(second.port), "--json")
            equal((code, json.loads(out)["url"]), (0, second.url), "status of the second")
            second.signal(9)
            until(lambda: second.process.poll() is not None, "the second relay's end")
            second.status = -9
        code, out, _ = status(first, "--json")
        equal((code, json.loads(out)["url"]), (0, first.url), "status beside a dead one's socket")


@test("--max-connections", "4", relay=True)
def status_answers_when_every_place_is_taken(relay):
    """4 places and the reserve of 16 are held by requests under way."""
    held = [Http(relay) for _ in range(20)]
    for connection in held:
        connection.send(connection.request("GET", "/poll/a?wait=60"))
    code, out, err = status(relay, "--json")
    equal(code, 0, f"status ({err})")
    said = json.loads(out)["refusals"]
    holds(any(r["reason"] == "all_connections" for r in said), f"refusals {said}")


# -- senders -----------------------------------------------------------------------------------


def sent(relay, sender, path="/delegate"):
    return relay.post(path, {"from_agent": sender, "to_agent": "b", "task": "t", "content": "c",
                             "result": "r", "agent_id": sender})


@test("--rate", "1/s,3")
def sender_that_is_too_fast_waits(relay):
    """429 with the true seconds; others, and reading, go on."""
    statuses = [sent(relay, "a").status_code for _ in range(3)]
    equal(statuses, [200] * 3, "the burst")
    answer = sent(relay, "a")
    refused(answer, 429, code="rate_limited")
    equal(answer.headers["Retry-After"], "1", "Retry-After")
    for path in ("/broadcast", "/respond", "/register"):
        refused(sent(relay, "a", path), 429, code="rate_limited")
    equal(sent(relay, "other").status_code, 200, "another sender")
    equal(len(relay.poll("b")), 4, "polled")
    until(lambda: sent(relay, "a").status_code == 200, "no message after the wait")


@test("--rate", "1/s,1")
def sender_on_a_websocket_is_told_that_it_is_too_fast(relay):
    sender = WebSocket(relay, "a")
    for _ in range(2):
        sender.say({"type": "delegate", "to_agent": "b", "task": "t"})
    said = sender.message()
    equal((said["type"], said["code"]), ("error", "rate_limited"), "frame")
    equal(relay.tasks("b"), ["t"], "polled")


@test(relay=False)
def rates_that_are_none_are_refused():
    for rate in ("0", "x", "1/m", "5,0", "5,", ",5", "-1", "10000000", ""):
        code, _, err = start_fails("--rate", rate)
        equal(code, 2, f"exit code for --rate {rate!r} ({err})")


# -- wrong tokens ------------------------------------------------------------------------------


def own_address():
    """An address of this machine that is not loopback; None when it has none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
        return None if address.startswith("127.") else address


@test(relay=False)
def wrong_tokens_keep_an_address_waiting():
    """docs/operations.md, Wrong tokens: 429, the right token too; who is known goes on."""
    address = own_address()
    if address is None:
        holds(not os.environ.get("CI"), "CI must have an address that is not loopback")
        print("SKIP wrong_tokens_keep_an_address_waiting: this machine has only loopback")
        return
    with Relay("--host", address, "--allow-plain", "--no-mdns", token="right", env={"CLAWLINK_TOKEN": "right"}) as relay:
        known = Http(relay)
        equal(known.ask("GET", "/").status, 200, "the right token")
        with Http(relay) as stranger:
            relay.token = None
            refused(stranger.ask("GET", "/"), 401, code="unauthorized")
            refused(stranger.ask("GET", "/"), 401, code="unauthorized")  # no guess, no penalty
            relay.token = "wrong"
            refused(stranger.ask("GET", "/"), 401, code="unauthorized")
            relay.token = "right"
            late = stranger.ask("GET", "/")
            refused(late, 429, code="auth_penalty")
            equal(late.headers["retry-after"], "5", "Retry-After")
        with Http(relay) as stranger:
            refused(stranger.ask("GET", "/"), 429, code="auth_penalty")
        equal(known.ask("GET", "/").status, 200, "over the connection that is known")
        text = known.ask("GET", "/metrics").body.decode()
        equal(strict(text)[("clawlink_penalised_networks", "")], 1, "networks that wait")

        def is_let_in():
            with Http(relay) as stranger:
                return stranger.ask("GET", "/").status == 200
        until(is_let_in, "no way in after the penalty", 10)


@test(token="right")
def wrong_tokens_of_loopback_keep_nobody_waiting(relay):
    """Behind one address of this machine are all its users, or a proxy's clients."""
    for _ in range(20):
        with Http(relay) as guesser:
            relay.token = "wrong"
            refused(guesser.ask("GET", "/"), 401, code="unauthorized")
        relay.token = "right"
    relay.good("/")


# -- slow readers and descriptors --------------------------------------------------------------


@test()
def reader_that_stops_is_cut_and_loses_nothing(relay):
    """It has got messages, acknowledged none, keeps asking and reads nothing: within the write
    stall it is cut, the relay keeps its size, and all messages come again."""
    relay.register("slow")
    slow = WebSocket(relay, "slow", pong=False, receive_buffer=4096)
    for number in range(20):
        relay.delegate("a", "slow", f"{number} " + "x" * 20000)
    before = relay.memory_kib()
    slow.socket.setblocking(False)
    flood = slow.frame(PING, b"p" * 125) * 500
    end = time.monotonic() + 25
    while count(relay, "clawlink_connections_cut_total", "reason", "write_stall") == 0:
        holds(time.monotonic() < end, "not cut")
        try:
            slow.socket.send(flood)
        except BlockingIOError:
            select.select([slow.socket], [slow.socket], [], 0.2)
        except ConnectionError:
            break
    relay.grew_less(before, 8192)
    slow.drop()
    again = WebSocket(relay, "slow")
    equal([int(again.message()["task"].split()[0]) for _ in range(20)], list(range(20)), "tasks")
    equal(count(relay, "clawlink_connections_cut_total", "reason", "write_stall"), 1, "counted")


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


@test(relay=False)
def known_clients_are_served_while_descriptors_are_out():
    """--max-connections says more than there are: accept fails, the relay goes on, recovers."""
    with Relay("--max-connections", "10000", before_exec=few_descriptors) as relay:
        relay.register("a")
        listener, caller = WebSocket(relay, "a"), Http(relay)
        equal(caller.ask("GET", "/healthz").status, 200, "before")
        held = [socket.create_connection((relay.host, relay.port), 5) for _ in range(150)]

        def paused():
            answer = caller.ask("GET", "/metrics").body.decode()
            key = ("clawlink_connections_refused_total", '{reason="no_descriptor"}')
            return strict(answer)[key] > 0
        until(paused, "the descriptors do not run out")
        start = time.monotonic()
        for number in range(50):
            body = {"from_agent": "b", "to_agent": "a", "task": str(number)}
            equal(caller.ask("POST", "/delegate", body).status, 200, "status")
            equal(listener.message()["task"], str(number), "task")
        holds(time.monotonic() - start < 5, "slow without descriptors")
        for connection in held:
            connection.close()
        relay.alive()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as run:
        if owns_run():  # else root finds the doors of this machine's other relays
            in_place_of_run(run)()
        main()
