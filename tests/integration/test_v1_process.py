# SPDX-License-Identifier: MIT
"""The relay as a process: options, the line it prints, secrets, the log, start and end.

clawlink-v1.md, The token; clawlink-v1.md, What changed against the first relay; SECURITY.md, what
stands against what; docs/operations.md.
"""
import datetime
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time

from support import (Http, Library, Relay, WebSocket, environment, equal, holds, main,
                     not_in_process_table, refused, relay_command, short, start_fails, test)

TOKEN = "canary-7f3a-canary"


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


# -- start -------------------------------------------------------------------------------------


@test()
def port_0_picks_a_port_and_one_line_tells_it(relay):
    """Exactly one line on standard output: the URL. Loopback by default."""
    equal((relay.host, relay.url), ("127.0.0.1", f"http://127.0.0.1:{relay.port}"), "address")
    holds(relay.port > 0, "port 0 was told")
    equal(relay.stop(), 0, "exit status")  # which also checks that no second line came


@test(relay=False)
def default_address_is_127_0_0_1_9077():
    """Default address 127.0.0.1:9077."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 9077))
        except OSError:
            print("SKIP default_address_is_127_0_0_1_9077: somebody has that port")
            return
    with Relay(port=None) as relay:
        equal(relay.line, "clawlink relay listening on http://127.0.0.1:9077", "line")


@test(relay=False)
def given_port_is_used_and_can_be_used_again_at_once():
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    with Relay(port=str(free)) as relay:
        equal((relay.host, relay.port), ("127.0.0.1", free), "address")
        relay.alive()
    with Relay(port=str(free)) as again:  # TIME_WAIT is no reason to refuse
        equal(again.stop(), 0, "exit status of a second relay on the port")


@test()
def port_in_use_ends_with_a_message_and_its_own_status(relay):
    """Port in use: exit status 7, the message names the address and says what to do."""
    status, out, err = start_fails(port=str(relay.port))
    equal((status, out), (7, ""), "status and standard output")
    holds(str(relay.port) in err, f"the port is not named: {err!r}")
    holds(re.search(r"in use", err), f"no 'in use': {err!r}")
    relay.alive()


@test(relay=False)
def ipv6_loopback_works():
    """`--host ::1`: IPv6 in brackets."""
    if not has_ipv6():
        print("SKIP ipv6_loopback_works: no ::1 on this machine")
        return
    with Relay("--host", "::1") as relay:
        equal(relay.url, f"http://[::1]:{relay.port}", "URL")
        agent = relay.good("/register", {"agent_id": "a"})["agent"]
        equal(agent["machine"], "::1", "machine")
        listener = WebSocket(relay, "a")
        relay.delegate("b", "a", "t")
        equal(listener.message()["task"], "t", "task")


@test(relay=False)
def listening_beyond_loopback_needs_a_token_or_no_auth():
    """SECURITY.md, a relay open by mistake: without a token, `--no-auth` is needed."""
    for host in ("0.0.0.0", "::"):
        status, out, err = start_fails("--host", host)
        holds(status not in (0, None) and status > 0, f"{host}: status {status}")
        equal(out, "", "standard output")
        for way in ("--token-file", "--no-auth", "--tls-self-signed", "--tls-cert", "--allow-plain"):
            holds(way in err, f"{way} is not told: {err!r}")
        holds("event=relay.plain_text" not in err, f"it is not open at all: {err!r}")
    status, _, err = start_fails("--host", "0.0.0.0", "--allow-plain")
    holds(status > 0 and "--token-file" in err and "tls" not in err, f"only a token: {err!r}")
    holds("event=relay.plain_text" not in err, f"it is not open at all: {err!r}")
    for more, env in ((["--no-auth"], {}), (["--token", TOKEN], {}),
                      ([], {"CLAWLINK_TOKEN": TOKEN})):
        with Relay("--host", "0.0.0.0", "--allow-plain", "--no-mdns", *more, env=env) as relay:
            equal(relay.host, "0.0.0.0", "host")
            wanted = 200 if more == ["--no-auth"] else 401
            equal(relay.get("/discover").status_code, wanted, "status")


@test(relay=False)
def bad_options_are_refused_with_a_sentence():
    for options in (["--nonsense"], ["--port"], ["--inbox-messages", "x"], ["--host", "not a host"],
                    ["--log=xml"], ["extra"], ["--token-file", "/nonexistent/token"],
                    ["--inbox-bytes", "-5"], ["--log-file", "/nonexistent/dir/log"]):
        status, out, err = start_fails(*options)
        holds(0 < status < 64, f"{options}: status {status}")
        equal(out, "", f"{options}: standard output")
        holds(err.strip(), f"{options}: nothing said")
    for port in ("65536", "-1", "x", ""):
        holds(0 < start_fails(port=port)[0] < 64, f"--port {port!r} was taken")


@test(relay=False)
def help_goes_to_standard_output():
    status, out, _ = start_fails("--help")
    equal(status, 0, "status")
    for option in ("--host", "--port", "--token", "--token-file", "--no-auth", "--log-file",
                   "--log", "--log-level", "--allow-host", "--allow-origin", "--no-query-token",
                   "--inbox-messages", "--inbox-bytes", "--all-inboxes-bytes",
                   "--max-connections"):
        holds(option in out, f"--help does not tell {option}")


@test(relay=False)
def json_goes_for_the_listening_line_too():
    process = subprocess.Popen(
        [*relay_command(), "--port", "0", "--json"], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env=environment(), text=True)
    try:
        url = json.loads(process.stdout.readline())["url"]
        holds(url.startswith("http://127.0.0.1:"), url)
    finally:
        process.terminate()
        equal(process.wait(timeout=10), 0, "exit status")


@test("--max-connections", "20")
def connections_are_capped_but_healthz_is_kept(relay):
    """docs/operations.md, Limits: so many connections, plus 16 kept for `/healthz`."""
    held = [Http(relay) for _ in range(40)]
    for connection in held:
        connection.try_send("GET / HTTP/1.1\r\nHost: x.local\r\n")  # half a request
    relay.alive()
    for connection in held:
        connection.drop()
    relay.hang_up()
    relay.good("/discover")


# -- secrets -----------------------------------------------------------------------------------


def nothing_leaks(relay, secret, log):
    not_in_process_table(relay.pid, secret)
    holds(secret not in log, "the token is in the log")


def talk_with_token(relay):
    """Every way a token may come in, right and wrong."""
    relay.register("a")
    relay.get("/?token=" + TOKEN)
    relay.get("/nowhere?token=" + TOKEN)
    for header in ("Bearer " + TOKEN, "Bearer " + TOKEN + "x", "bearer " + TOKEN, TOKEN):
        relay.get("/", headers={"Authorization": header})
    relay.post("/delegate?token=" + TOKEN, b"{broken")
    relay.token = None
    refused(WebSocket(relay, "a", query="?token=" + TOKEN + "x").opening, 401)
    WebSocket(relay, "a", query="?token=" + TOKEN).leave()
    Library(relay, "a", "?token=" + TOKEN).drop()
    with Http(relay) as broken:
        broken.send(f"GET /?token={TOKEN} HTTP/9.9\r\nAuthorization: Bearer {TOKEN}\r\n\r\n")
        broken.rest()
    with Http(relay) as broken:
        broken.send(f"BROKEN /?token={TOKEN}\r\n\r\n")
        broken.rest()


@test("--log-level", "debug", token=TOKEN)
def token_is_in_no_process_list_and_no_log_line(relay):
    """Row: the token is visible in the process table -> it is not; a token never reaches a log
    line."""
    nothing_leaks(relay, TOKEN, relay.stderr())
    talk_with_token(relay)
    nothing_leaks(relay, TOKEN, relay.stderr())
    equal(relay.stop(), 0, "exit status")
    holds(TOKEN not in relay.stderr(), "the token is in the log")
    holds(relay.stderr(), "an empty log proves nothing")


@test("--log-level", "debug", f"--token={TOKEN}")
def token_given_with_an_equals_sign_is_hidden_too(relay):
    refused(relay.get("/"), 401)
    equal(relay.get("/?token=" + TOKEN).status_code, 200, "status")
    nothing_leaks(relay, TOKEN, relay.stderr())


def token_opens(relay):
    refused(relay.get("/"), 401)
    relay.http.headers["Authorization"] = "Bearer " + TOKEN
    relay.good("/")


@test(relay=False)
def token_file_and_environment_work():
    """`--token-file FILE` and CLAWLINK_TOKEN."""
    with tempfile.TemporaryDirectory(prefix="clawlink-") as folder:
        path = os.path.join(folder, "token")
        for content in (TOKEN, TOKEN + "\n", TOKEN + "\r\n"):
            with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w",
                      encoding="utf-8", newline="") as file:
                file.write(content)
            with Relay("--token-file", path) as relay:
                token_opens(relay)
        with open(path, "w", encoding="utf-8"):
            pass
        status, _, err = start_fails("--token-file", path)
        holds(status > 0 and err, f"an empty token file was taken, status {status}")
    with Relay(env={"CLAWLINK_TOKEN": TOKEN}) as relay:
        token_opens(relay)
        nothing_leaks(relay, TOKEN, relay.stderr())


# -- the log -----------------------------------------------------------------------------------


@test(relay=False)
def log_goes_where_it_is_told():
    """Log events go to standard error or the log file; logfmt, or JSON lines with --log=json."""
    with tempfile.TemporaryDirectory(prefix="clawlink-") as folder:
        path = os.path.join(folder, "log")
        with Relay("--log-file", path, "--log=json", "--log-level", "debug") as relay:
            relay.register("a", "line\\nbreak", "\u2028\u202e")
            equal(relay.stop(), 0, "exit status")
            equal(relay.stderr(), "", "standard error")
        with open(path, encoding="utf-8") as log:
            lines = log.read().rstrip("\n").split("\n")
    for line in lines:
        holds(isinstance(json.loads(line), dict), f"no JSON object: {line}")
    with Relay("--log=logfmt", "--log-level", "debug") as relay:
        relay.register("a")
        relay.post("/register", {"agent_id": "x\u009b31m", "name": "\x1b[31m\nforged event=1"})
        refused(relay.get("/\x1b[31mnowhere%0Aforged event=1"), (400, 404))
        equal(relay.stop(), 0, "exit status")
        told = relay.stderr()
    holds(told, "an empty log")
    for line in told.rstrip("\n").split("\n"):
        holds(line.isprintable(), f"unprintable log line {line!r}")
        holds("=" in line or " " not in line, f"no logfmt: {line!r}")


# -- the end -----------------------------------------------------------------------------------


@test()
def sigterm_closes_websockets_with_1012_and_exits_0(relay):
    """Row: SIGTERM with an open WebSocket -> close 1012, gone within 5 s."""
    polite, library = WebSocket(relay, "a"), Library(relay, "b")
    start = time.monotonic()
    relay.signal(signal.SIGTERM)
    equal(polite.close_code(), 1012, "close code")
    equal(library.closed(), 1012, "close code of the library")
    polite.write(8, b"\x03\xf4")
    equal(relay.wait(5), 0, "exit status")
    holds(time.monotonic() - start < 5, "more than 5 s")


def logged_at(relay, event):
    found = re.search(rf"(?m)^time=(\S+) .*event={re.escape(event)} ", relay.stderr())
    return datetime.datetime.fromisoformat(found[1])


@test()
def sigterm_does_not_wait_for_the_rude(relay):
    """Gone within 5 s, whatever the clients do: by the relay's own clock, since a busy machine may
    be late to see it. Their own limits are 10 s and 60 s."""
    deaf = WebSocket(relay, "a", receive_buffer=4096)
    for number in range(10):
        relay.delegate("b", "a", str(number) + "x" * 100000)
    waiting, half, idle = Http(relay), Http(relay), Http(relay)
    waiting.send(waiting.request("GET", "/poll/c?wait=60"))
    half.send("POST /delegate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    relay.signal(signal.SIGTERM)
    equal(relay.wait(9), 0, "exit status")
    took = logged_at(relay, "relay.stopped") - logged_at(relay, "relay.stopping")
    holds(took < datetime.timedelta(seconds=5), f"more than 5 s: {took}")
    for connection in (deaf, waiting, half, idle):
        connection.drop()


@test()
def sigterm_answers_a_waiting_poll(relay):
    """A long poll ends with an answer or a close, not with silence."""
    waiting = Http(relay)
    waiting.send(waiting.request("GET", "/poll/c?wait=60"))
    relay.get("/healthz")
    relay.signal(signal.SIGTERM)
    told = waiting.rest()
    holds(told == b"" or re.match(rb"HTTP/1\.1 (200|503) ", told), f"told {short(told)}")
    equal(relay.wait(5), 0, "exit status")


@test(relay=False)
def sigterm_at_any_moment_of_the_start_is_obeyed():
    """A signal right behind the line, with and without a first request, ends the relay well."""
    for number in range(40):
        with Relay() as relay:
            if number % 4 == 3:
                with Http(relay) as first:
                    first.send(first.request("GET", "/healthz"))
            equal(relay.stop(), 0, f"exit status of start {number} ({short(relay.stderr())})")


@test()
def sigint_ends_like_sigterm(relay):
    listener = WebSocket(relay, "a")
    relay.signal(signal.SIGINT)
    equal(listener.close_code(), 1012, "close code")
    listener.write(8, b"\x03\xf4")
    equal(relay.wait(5), 0, "exit status")


@test()
def sigpipe_does_no_harm(relay):
    """A lost terminal pipe is no reason to die."""
    relay.signal(signal.SIGPIPE)
    relay.alive()


@test()
def port_is_free_again_after_the_end(relay):
    WebSocket(relay, "a")
    port = relay.port
    equal(relay.stop(), 0, "exit status")
    with socket.socket() as probe:
        try:
            probe.connect(("127.0.0.1", port))
        except ConnectionRefusedError:
            return
    holds(False, "somebody still listens")


if __name__ == "__main__":
    main()
