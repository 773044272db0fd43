# SPDX-License-Identifier: MIT
"""The command line, against `clawlink relay` and against an original v1 relay in small."""
import json
import os
import re
import signal
import subprocess
import time
import unicodedata

from cli_support import Home, OriginalRelay, Result, check, says
from support import BIN, Relay, main, not_in_process_table, relay_command, test

VERBS = ["relay", "register", "discover", "heartbeat", "agents", "send", "ask", "inbox", "ack",
         "watch", "trace", "dead", "delegate", "broadcast", "poll", "respond", "file-put", "file-get",
         "file-list", "agent-link", "scan", "info"]


# -- help and mistakes ------------------------------------------------------------------------


@test(relay=False)
def help_lists_every_verb_and_explains_each():
    with Home() as home:
        listed = home.ok("--help")
        check(re.findall(r"(?m)^  ([a-z-]+)  +[A-Z]", listed.out) == VERBS, listed)
        check(home.ok("help").out == listed.out, "help and --help differ")
        for verb in VERBS:
            for words in (["help", verb], [verb, "--help"]):
                shown = home.ok(*words)
                check(f"usage: clawlink {verb}" in shown.out, shown)
                check("\nexamples:\n  " in shown.out, shown)


@test(relay=False)
def version_is_one_line():
    with Home() as home:
        check(re.fullmatch(r"clawlink \d+\.\d+\.\d+\n", home.ok("--version").out), "version")
        check(home.ok("discover", "--version").out == home.ok("--version").out, "behind a verb")


@test(relay=False)
def without_a_verb_the_help_goes_to_standard_error():
    with Home() as home:
        result = home.run()
        check(result.code == 2 and result.out == "" and "verbs:" in result.err, result)


@test(relay=False)
def mistakes_are_named_and_end_with_2():
    with Home() as home:
        says(home.run("delgate"), 2, '"delgate"', 'did you mean "delegate"')
        says(home.run("poll", "--folow"), 2, '"--folow"', 'did you mean "--follow"')
        says(home.run("delegate", "--to", "x"), 2, "delegate needs --task TEXT")
        says(home.run("discover", "extra"), 2, '"extra"')
        says(home.run("--as", "../x", "discover"), 2, '--as "../x"')
        says(home.run("info", "--token", "a", "--token-file", "b"), 2, "give one")
        says(home.run("survey"), 2, '"survey"')
        says(home.run("scan", "--timeout", "0"), 2, '--timeout "0"', "1 to 60")
        says(home.run("scan", "--relay", "http://h"), 2, "--relay means nothing to scan")
        says(home.run("send"), 2, "send needs TO")
        says(home.run("send", "otto", "Review", "it"), 2, '"it" behind send', "quotes")
        says(home.run("send", "otto", "-- x"), 2, "Put -- before")
        says(home.run("send", "relay/nobody", "x"), 2, "is no address to send to")
        says(home.run("send", "otto", "x"), 4, "Who are you?", "--agent NAME")
        says(home.run("send", "--agent", "a/b", "otto", "x"), 2, "no name of an agent")
        says(home.run("poll", "--agent", "a"), 2, "--agent means nothing to poll")


@test(relay=False)
def a_mistake_is_json_with_json():
    with Home() as home:
        result = home.run("--json", "poll", "--nothing-like-it")
        check(result.code == 2 and result.out == "", result)
        check(json.loads(result.err)["code"] == "usage", result)
        result = home.run("--json")
        check(result.code == 2 and set(json.loads(result.err)) == {"error", "code"}, result)


@test(relay=False)
def h_is_help():
    with Home() as home:
        check(home.ok("-h").out == home.ok("--help").out, "-h")
        check(home.ok("poll", "-h").out == home.ok("help", "poll").out, "poll -h")


# -- every verb, on both relays ---------------------------------------------------------------


def use_every_verb(url):
    with Home(url) as home:
        ana, bob = home.register("ana", "--caps", "read, write", "--description", "Analyst"), \
            home.register("bob")
        listed = home.ok("discover").lines()
        check(re.match(r"ID +NAME +STATUS +CAPABILITIES +MACHINE +DESCRIPTION$", listed[0]), listed)
        check(sum(ana in line and "ana" in line for line in listed) == 1, listed)
        check(re.search(ana + r" +ana +online +read, write  ", listed[1] + listed[2]), listed)

        check(home.ok("--as", "ana", "heartbeat").out == "ok\n", "heartbeat")
        task = home.ok("--as", "ana", "delegate", "--to", "bob", "--task", "line one\nline two",
                       "--context", '{"n": 1.50}', "--priority", "high").out
        message_id = re.fullmatch(r"(\S+) delegated, delivery: queued\n", task)[1]
        polled = home.ok("--as", "bob", "poll")
        lines = polled.lines()
        check(lines[0].startswith(f"task_delegation {message_id} from {ana}, at "), polled)
        check(lines[0].endswith("priority high"), polled)
        check(lines[1:3] == ["    line one", "    line two"], polled)
        check(re.fullmatch(r'    context: \{"n": ?1\.50?\}', lines[3]), polled)
        empty = home.ok("--as", "bob", "poll")
        check(empty.out == "" and empty.err == "No messages.\n", empty)

        sent = home.ok("--as", "bob", "respond", "--to", ana, "--msg-id", message_id,
                       "--result", "done: ünï", "--status", "in_progress")
        check(sent.out == "response sent, delivery: queued\n", sent)
        polled = home.ok("--as", "ana", "poll")
        check(polled.lines()[0].startswith(f"task_response {message_id} from {bob}"), polled)
        check("status in_progress" in polled.lines()[0], polled)
        check(polled.lines()[1] == "    done: ünï", polled)

        cast = home.ok("--as", "ana", "broadcast", "--content", "all hear", "--topic", "news",
                       "--tags", "a,b")
        check(re.fullmatch(r"\S+ broadcast, recipients: 1\n", cast.out), cast)
        polled = home.ok("--as", "bob", "poll")
        check("topic news, tags a, b\n    all hear\n" in polled.out, polled)

        path = home.file("notes", "some\r\ntext without an end")
        put = home.ok("--as", "ana", "file-put", "--key", "notes", "--file", path)
        check(put.out == "saved as version 1\n", put)
        check(re.search(r"notes +text +1 +" + ana, home.ok("file-list").out), "file-list")
        check(home.ok("file-get", "--key", "notes").out == "some\r\ntext without an end",
              "file-get")
        check("service: ClawLink Relay\n" in home.ok("info").out, "info")


@test(relay=False)
def every_verb_works_on_the_relay():
    with Relay() as relay:
        use_every_verb(relay.url)


@test(relay=False)
def every_verb_works_on_an_original_relay():
    with OriginalRelay() as relay:
        use_every_verb(relay.url)


def use_json_on_every_verb(url):
    with Home(url) as home:
        ana = home.ok("--as", "ana", "register", "--json").json()[0]["agent"]
        check(ana["name"] == "ana", ana)
        bob = home.register("bob")
        as_ana = ["--json", "--as", "ana"]
        check(home.ok("discover", "--json").json()[0]["count"] == 2, "discover")
        check(home.ok(*as_ana, "heartbeat").json() == [{"status": "ok"}], "heartbeat")
        task = home.ok(*as_ana, "delegate", "--to", bob, "--task", "t").json()[0]
        check(task["status"] == "delegated", task)
        home.ok(*as_ana, "delegate", "--to", bob, "--task", "u\u202e\x1b")
        polled = home.ok("--as", "bob", "poll", "--json")
        check([message["task"] for message in polled.json()] == ["t", "u\u202e\x1b"], polled)
        check("\u202e" not in polled.out and "\x1b" not in polled.out, polled)
        sent = home.ok("--as", "bob", "--json", "respond", "--to", "ana", "--msg-id",
                       task["message_id"], "--result", "r").json()[0]
        check(sent["status"] == "response_sent", sent)
        check(home.ok(*as_ana, "broadcast", "--content", "c").json()[0]["recipients"] == 1, "cast")
        put = home.ok(*as_ana, "file-put", "--key", "k", "--file", "-", stdin=b"x\n").json()
        check(put[0]["version"] == 1, put)
        check(home.ok("file-get", "--key", "k", "--json").json()[0]["content"] == "x\n", "get")
        check(home.ok("file-list", "--json").json()[0]["count"] == 1, "list")
        check(home.ok("info", "--json").json()[0]["service"] == "ClawLink Relay", "info")
        gone = home.run("file-get", "--key", "none", "--json")
        check(gone.code == 4 and set(json.loads(gone.err)) == {"error", "code"}, gone)


@test(relay=False)
def json_on_every_verb():
    for kind in (Relay, OriginalRelay):
        with kind() as relay:
            use_json_on_every_verb(relay.url)


# -- the errors that people meet --------------------------------------------------------------


@test(relay=False)
def connection_refused_says_how_to_start_a_relay():
    with OriginalRelay() as relay:
        url = relay.url
    with Home(url) as home:
        says(home.run("discover"), 7, "Connection refused", url, "`clawlink relay`")
        result = home.run("discover", "--json")
        check(json.loads(result.err)["code"] == "no_relay", result)


@test(relay=False)
def unauthorized_says_what_to_give_and_never_shows_the_token():
    with Relay("--token", "geheim") as relay, Home(relay.url) as home:
        says(home.run("discover"), 3, "Unauthorized", "wants its token", "CLAWLINK_TOKEN")
        wrong = home.run("discover", "--token", "falsch")
        says(wrong, 3, "Unauthorized", "does not accept this token")
        check("falsch" not in wrong.err, wrong)
        home.ok("discover", "--token", "geheim")
        home.ok("--token=geheim", "discover")
        home.ok("discover", "--token-file", home.file("token", "geheim\nmore\n"))
        home.env["CLAWLINK_TOKEN"] = "geheim"
        home.ok("discover")
        says(home.run("discover", "--token", "falsch"), 3, "Unauthorized")
        for folder, _, files in os.walk(home.path):
            for file in files:
                with open(os.path.join(folder, file), encoding="utf-8") as content:
                    check(file == "token" or "geheim" not in content.read(), file)


@test(relay=False)
def an_original_relay_that_refuses_is_understood_without_a_code():
    with OriginalRelay() as relay, Home(relay.url) as home:
        relay.answers["/discover"] = (401, {"error": "Unauthorized. Provide Authorization"})
        says(home.run("discover"), 3, "Unauthorized")
        relay.answers["/discover"] = (500, b"500 Internal Server Error")
        says(home.run("discover"), 1, "Not a relay", "HTTP 500")
        relay.answers["/discover"] = (413, {"error": "body too large"})
        says(home.run("discover"), 2, "body too large", "HTTP 413")


@test(relay=False)
def the_token_is_not_in_the_process_table():
    for words in (["--token", "geheim-123"], ["--token=geheim-123"]):
        with Relay(*words) as relay, Home(relay.url) as home:
            home.ok("--as", "bob", "register", *words)
            follower = home.start("--as", "bob", *words, "poll", "--follow")
            home.ok("--as", "bob", *words, "delegate", "--to", "bob", "--task", "t")
            check(follower.line().startswith("task_delegation"), "the follower is not there")
            ours = relay_command()[0] == BIN  # another relay has a main of its own
            for pid in [follower.pid] + [relay.pid] * ours:
                not_in_process_table(pid, "geheim")


def copies_in_memory(pid, secret):
    """How often the bytes stand in memory that the process can write."""
    count = 0
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, \
            open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            first, last = (int(word, 16) for word in line.split()[0].split("-"))
            if line.split()[1].startswith("rw") and last - first < 1 << 30:
                memory.seek(first)
                count += memory.read(last - first).count(secret)
    return count


def is_plain_program():
    """Sanitizers and valgrind keep copies of the environment of their own, and code that counts
    its lines is not optimised and leaves some on the stack."""
    with open(BIN, "rb") as program:
        content = program.read()
    return content.startswith(b"\x7fELF") and not re.search(rb"__[at]san_init|\.gcda", content)


@test(relay=False)
def the_relay_keeps_one_copy_of_the_token():
    with Home() as home:
        path = home.file("token", "geheim-1234567890\n")
        for before, behind, env in ((["--token", "geheim-1234567890"], [], {}),
                                    ([], ["--token=geheim-1234567890"], {}),
                                    (["--token-file", path], [], {}),
                                    ([], [], {"CLAWLINK_TOKEN": "geheim-1234567890"})):
            with Home(**env) as place:
                relay = place.start(*before, "relay", "--port", "0", *behind)
                url = relay.line().split()[-1]
                count = copies_in_memory(relay.pid, b"geheim-1234567890")
                check(count == 1 or not is_plain_program(), (before, behind, env, count))
                not_in_process_table(relay.pid, "geheim")
                says(home.run("info", "--relay", url), 3, "Unauthorized")
                home.ok("info", "--relay", url, "--token", "geheim-1234567890")


@test(relay=False)
def cannot_find_relay_says_what_is_wrong_with_the_url():
    with Home() as home:
        says(home.run("discover", "--relay", "https://nowhere.invalid:9077"), 7,
             "Can't find relay", "nowhere.invalid")
        for url in ("localhost:9077", "http://", "http://h:0", "http://u@h"):
            says(home.run("discover", "--relay", url), 2, "Can't find relay", "http://HOST:PORT")
        says(home.run("discover", "--relay", "ftp://h"), 2, "ftp://h", "https://")


@test(relay=False)
def what_is_no_relay_is_called_so():
    with OriginalRelay() as relay, Home(relay.url + "/elsewhere") as home:
        says(home.run("discover"), 1, "Not a relay", "/elsewhere")


@test(relay=False)
def a_path_that_leads_past_the_relay_is_a_mistake_in_the_url():
    with Relay() as relay, Home(relay.url + "/elsewhere") as home:
        for words in (["discover"], ["register"], ["file-get", "--key", "k"]):
            says(home.run(*words), 2, "Can't find relay", '"/elsewhere"', "--relay")
    with Relay() as relay, Home(relay.url + "//") as home:
        home.ok("discover")
        says(home.run("file-get", "--key", "k"), 4, "No such file")


@test(relay=False)
def no_such_agent_names_it_and_queue_sends_all_the_same():
    for kind in (Relay, OriginalRelay):
        with kind() as relay, Home(relay.url) as home:
            home.register("ana")
            words = ["--as", "ana", "delegate", "--task", "t", "--to", "mallory"]
            says(home.run(*words), 4, "No such agent", '"mallory"', "--queue")
            home.ok(*words, "--queue")
            says(home.run("--as", "ana", "respond", "--to", "mallory", "--msg-id", "1",
                          "--result", "r"), 4, "No such agent")
            home.ok("--as", "mallory", "register", "--id", "mallory")
            check("    t\n" in home.ok("--as", "mallory", "poll").out, "the queued task")


@test(relay=False)
def a_stale_agent_is_told_from_none():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.register("ana")
        bob = home.register("bob")
        relay.agents[bob]["status"] = "stale"
        words = ["--as", "ana", "delegate", "--to", "bob", "--task", "t"]
        says(home.run(*words), 5, '"bob" is stale', bob, "--queue")
        result = home.run(*words, "--json")
        check(json.loads(result.err)["code"] == "stale", result)
        home.ok(*words, "--queue")
        sent = home.ok("--as", "ana", "respond", "--to", "bob", "--msg-id", "1", "--result", "r")
        check("is stale" in sent.err, sent)
        check(relay.calls[-2][2] == "/discover?stale=1", relay.calls[-2])


@test(relay=False)
def an_ambiguous_name_lists_the_ids():
    for kind in (Relay, OriginalRelay):
        with kind() as relay, Home(relay.url) as home:
            home.register("ana")
            ids = [home.ok("--as", f"b{i}", "register", "--name", "bob").out.split()[0]
                   for i in range(2)]
            result = home.run("--as", "ana", "delegate", "--to", "bob", "--task", "t")
            says(result, 4, '"bob" is the name of 2 agents', *ids)
            home.ok("--as", "ana", "delegate", "--to", ids[1], "--task", "t")


@test(relay=False)
def a_port_in_use_is_named():
    with Relay() as relay, Home() as home:
        result = home.run("relay", "--port", str(relay.port))
        check(result.code == 7 and result.out == "", result)
        check(str(relay.port) in result.err and "in use" in result.err, result)


@test(relay=False)
def a_host_that_the_relay_cannot_listen_on_is_named():
    with Home() as home:
        says(home.run("relay", "--host", "nowhere.invalid", "--allow-plain", "--no-auth"), 1,
             "nowhere.invalid")
        says(home.run("relay", "--host", "n" * 2000, "--allow-plain", "--no-auth"), 2, "too long")


@test(relay=False)
def without_a_registration_the_error_says_so():
    with Home("http://127.0.0.1:1") as home:
        for words in (["poll"], ["heartbeat"], ["broadcast", "--content", "x"]):
            says(home.run(*words), 4, "No agent has registered here", "clawlink register")
    with Relay() as relay, Home(relay.url) as home:
        home.register("otto")
        home.register("mira")
        says(home.run("poll"), 4, "No agent has registered here", "--as: mira, otto.")
        says(home.run("poll", "--as", "mria"), 4, "mria.json", "--as: mira, otto.")


@test(relay=False)
def values_are_looked_at_before_agents_and_relays():
    with Home() as home:  # neither is there
        says(home.run("poll", "--wait", "99"), 2, '--wait "99"', "0 to 60")
        says(home.run("poll", "--follow", "--wait", "x"), 2, '--wait "x"', "0 to 60")
        says(home.run("heartbeat", "--every", "0"), 2, '--every "0"', "1 to 3600")
        task = ["delegate", "--to", "bob", "--task", "t"]
        says(home.run(*task, "--priority", "foo"), 2, '--priority "foo"', "low, normal, high")
        says(home.run(*task, "--priority", ""), 2, '--priority ""', "urgent")
        says(home.run(*task, "--context", "{"), 2, "--context", "JSON object")
        says(home.run("poll", "--relay", "ftp://h"), 2, "ftp://h")
        for level in ("low", "normal", "high", "urgent"):
            says(home.run(*task, "--priority", level), 4, "No agent has registered here")


@test(relay=False)
def what_answers_200_but_is_no_relay_is_never_a_success():
    verbs = {"/discover": ["discover"], "/heartbeat": ["heartbeat"], "/register": ["register"],
             "/broadcast": ["broadcast", "--content", "c"], "/files": ["file-list"], "/": ["info"],
             "/delegate": ["delegate", "--to", "me", "--task", "t"], "/poll/me": ["poll"],
             "/respond": ["respond", "--to", "me", "--msg-id", "m", "--result", "r"],
             "/files/k": ["file-get", "--key", "k"]}
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.ok("register", "--id", "me")
        for path, words in verbs.items():
            for body in ({}, {name: 5.5 for name in (
                    "agents", "messages", "files", "agent", "status", "message_id", "service",
                    "file_key")}):
                relay.answers[path] = (200, body)
                says(home.run(*words), 1, "Not a relay", relay.url)
            relay.answers[path] = (200, {"error": "I cannot"})
            says(home.run(*words), 1, "I cannot", "HTTP 200")
            relay.answers[path] = (301, {"gone": "elsewhere"})
            says(home.run(*words), 1, "HTTP 301")
            del relay.answers[path]
        relay.answers["/files/k"] = (200, {})
        kept = home.file("kept", "old")
        says(home.run("file-get", "--key", "k", "--output", kept), 1, "Not a relay")
        check(open(kept, encoding="utf-8").read() == "old", "it was overwritten")


@test(relay=False)
def what_is_no_object_in_a_list_is_left_out():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.ok("register", "--id", "me")
        strange = [1, "x", None, [], {"agent_id": "a", "file_key": "a"}]
        relay.answers["/discover"] = (200, {"agents": strange})
        relay.answers["/files"] = (200, {"files": strange})
        for verb in ("discover", "file-list"):
            check(len(home.ok(verb).lines()) == 2, verb)
        relay.answers["/poll/me"] = (200, {"messages": strange[:4]})
        for more in ([], ["--json"]):
            polled = home.ok("poll", *more)
            check(polled.out == "" and "No messages." in polled.err, polled)


@test(relay=False, seconds=120)
def a_relay_that_always_has_more_does_not_hold_a_poll_for_ever():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.ok("register", "--id", "me")
        relay.answers["/poll/me"] = (200, {"messages": [{"type": "t"}]})
        polled = home.ok("poll", "--json")
        check(len(polled.lines()) == 256, len(polled.lines()))
        check("poll again" in json.loads(polled.err)["note"], polled)


@test(relay=False)
def one_endless_name_does_not_blow_up_the_table():
    with OriginalRelay() as relay, Home(relay.url) as home:
        agents = [{"agent_id": "x" * 1_000_000}] + [{"agent_id": "a", "name": "b"}] * 2000
        relay.answers["/discover"] = (200, {"agents": agents})
        out = home.ok("discover").out
        check(len(out) < 2_000_000 and "x" * 1_000_000 in out, len(out))
        check("\na" + " " * 201 + "b\n" in out, "the other rows")


@test(relay=False)
def proxies_of_the_environment_are_not_used():
    with OriginalRelay() as proxy, Relay() as relay, Home(relay.url) as home:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            home.env[name] = proxy.url
        check(home.ok("info", "--json").json()[0]["service"] == "ClawLink Relay", "info")
        home.register("ana")
        check(not proxy.calls and not proxy.agents, proxy.calls)


# -- the state file ---------------------------------------------------------------------------


@test(relay=False)
def only_who_needs_the_state_needs_a_home():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.env["HOME"] = ""
        for words in (["discover"], ["info"], ["file-list"]):
            home.ok(*words)
        for words in (["register"], ["poll"], ["heartbeat"]):
            says(home.run(*words), 2, "HOME is not set")
        check(not relay.agents, "it was registered all the same")


@test(relay=False)
def an_agent_that_cannot_be_saved_is_not_lost():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.env["CLAWLINK_STATE"] = home.file("none/state")
        result = home.run("register", "--name", "ana")
        agent = next(iter(relay.agents))
        says(result, 1, home.file("none/state"), f"--id {agent}")
        limited = subprocess.run(["bash", "-c", 'ulimit -f 0; "$0" "$@" 2>&1 | cat', BIN,
                                  *home.args(["--as", "x", "register"])],
                                 env=home.env, capture_output=True, text=True, check=False)
        check("File too large" in limited.stdout, limited)
        check(os.listdir(home.file(".clawlink/agents")) == [], "something was left")


@test(relay=False)
def a_name_that_was_not_changed_is_not_told_as_changed():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.ok("register", "--name", "ana")
        relay.answers["/register"] = (503, {"error": "later"})
        says(home.run("register", "--name", "bob"), 7, "later")


@test(relay=False)
def registering_again_keeps_the_id_and_the_messages():
    for kind in (Relay, OriginalRelay):
        with kind() as relay, Home(relay.url) as home:
            first = home.ok("register", "--name", "ana", "--caps", "x").out.split()[0]
            home.ok("delegate", "--to", "ana", "--task", "kept")
            again = home.ok("register", "--name", "anna")
            check(again.out == f"{first} registered as anna\n", again)
            check("--as NAME" in again.err, again)
            check("kept" in home.ok("poll").out, "the message is gone")
            agent = home.ok("discover", "--json").json()[0]["agents"][0]
            check(agent["capabilities"] == ["x"], agent)


@test(relay=False)
def the_environment_names_the_relay_too():
    """Behind --relay, before what was saved."""
    with Relay() as relay, Relay() as other, Home() as home:
        home.env["CLAWLINK_RELAY"] = relay.url
        home.ok("--as", "otto", "register")
        check("otto" in home.ok("discover").out, "the relay that was named")
        over = home.ok("--relay", other.url, "discover", "--json").json()[0]["agents"]
        check(over == [], over)
        home.env["CLAWLINK_RELAY"] = other.url
        over = home.ok("--as", "otto", "discover", "--json").json()[0]["agents"]
        check(over == [], over)
        home.env["CLAWLINK_RELAY"] = "ftp://x"
        no = home.run("discover")
        check(no.code == 2 and "ftp://x" in no.err, no)


@test(relay=False)
def what_register_makes_is_one_agent_to_both_protocols():
    """INSTANCE/NAME is the id, unless somebody has it, or the relay or the name knows no v2."""
    with Relay() as relay, Home(relay.url) as home:
        home.env["CLAWLINK_INSTANCE"] = "mini"
        check(home.ok("register", "--name", "otto").out == "mini/otto registered as otto\n", "id")
        home.ok("--as", "mira", "register")
        home.ok("--as", "mira", "delegate", "--to", "otto", "--task", "of v1")
        home.ok("--as", "mira", "send", "otto", "of v2")
        waits = [message["id"] for message in home.ok("inbox", "--json").json()[0]["messages"]]
        check(len(waits) == 2, waits)
        polled = home.ok("poll").out
        check("of v1" in polled and "of v2" in polled, polled)
        again = home.ok("--as", "other", "register", "--name", "otto")
        check(re.fullmatch("[0-9a-f]{8} registered as otto\n", again.out), again)
        check("--id mini/otto" in again.err, again)
        over = home.ok("--as", "other", "register", "--id", "mini/otto")
        check(over.out == "mini/otto registered as otto\n", over)
        strange = home.ok("--as", "strange", "register", "--name", "two words").out
        check(re.match("mini/strange|[0-9a-f]{8} ", strange), strange)
    with OriginalRelay() as relay, Home(relay.url) as home:
        made = home.ok("register", "--name", "otto").out
        check("/" not in made.split()[0], made)


@test(relay=False)
def the_state_file_is_private_and_keeps_what_it_does_not_know():
    with OriginalRelay() as relay, Home() as home:
        os.mkdir(home.file(".clawlink"))
        path = home.file(".clawlink/agent_state.json", '{"theirs": [1, 2.50], "agent_id": "me"}\n')
        home.ok("--relay", relay.url, "register", "--name", "ana", "--token", "geheim")
        state = json.load(open(path, encoding="utf-8"))
        check(state["agent_id"] == "me" and state["agent_name"] == "ana", state)
        check(state["relay_url"] == relay.url and state["theirs"] == [1, 2.50], state)
        check("geheim" not in open(path, encoding="utf-8").read(), "the token was saved")
        check(os.stat(path).st_mode & 0o777 == 0o600, "mode of the file")
        check(os.stat(home.file(".clawlink")).st_mode & 0o777 == 0o700, "mode of the folder")
        check(home.ok("heartbeat").out == "ok\n", "the saved relay is used")


@test(relay=False)
def a_broken_state_file_is_an_error_and_stays():
    with OriginalRelay() as relay, Home(relay.url) as home:
        path = home.file("state", "{broken")
        home.env["CLAWLINK_STATE"] = path
        for words in (["register", "--name", "x"], ["poll"], ["discover"]):
            says(home.run(*words), 1, path, "is broken", "clawlink register")
        check(open(path, encoding="utf-8").read() == "{broken", "it was overwritten")


@test(relay=False)
def several_agents_live_on_one_machine():
    with OriginalRelay() as relay, Home(relay.url) as home:
        ids = {home.register("a"), home.register("b"), home.ok("register").out.split()[0]}
        home.env["CLAWLINK_STATE"] = home.file("mine.json")
        ids.add(home.ok("register", "--name", "c").out.split()[0])
        check(len(ids) == 4, ids)
        check(sorted(os.listdir(home.file(".clawlink/agents"))) == ["a.json", "b.json"], "files")


@test(relay=False)
def a_heartbeat_registers_again_with_all_that_was_said():
    with OriginalRelay() as relay, Home(relay.url) as home:
        agent = home.ok("register", "--name", "ana", "--caps", "x,y", "--description", "who").out
        relay.forget()
        result = home.ok("heartbeat")
        check(result.out == "registered\n" and "registering it again" in result.err, result)
        record = relay.agents[agent.split()[0]]
        check((record["name"], record["capabilities"], record["description"]) ==
              ("ana", ["x", "y"], "who"), record)


@test(relay=False)
def only_register_says_which_relay_is_saved():
    with Relay() as relay, OriginalRelay() as other, Home() as home:
        home.ok("register", "--name", "ana", "--relay", relay.url)
        before = open(home.file(".clawlink/agent_state.json"), encoding="utf-8").read()
        result = home.ok("heartbeat", "--relay", other.url)  # which does not know her
        check("registering it again" in result.err, result)
        after = open(home.file(".clawlink/agent_state.json"), encoding="utf-8").read()
        check(before == after, (before, after))


# -- polling ----------------------------------------------------------------------------------


@test(relay=False)
def a_waiting_poll_ends_with_the_message():
    with Relay() as relay, Home(relay.url) as home:
        home.register("ana")
        waiting = home.start("--as", "ana", "poll", "--wait", "60")
        home.ok("--as", "ana", "delegate", "--to", "ana", "--task", "now")
        check(waiting.line().startswith("task_delegation"), "the message")
        check(waiting.line() == "    now\n", "its text")
        check(waiting.wait() == 0, "status")


@test(relay=False)
def poll_asks_until_nothing_is_left():
    with Relay() as relay, Home(relay.url) as home:
        home.register("ana")
        text = "x" * 100_000
        for i in range(24):  # more than one answer holds
            home.ok("--as", "ana", "delegate", "--to", "ana", "--task", f"{i} {text}")
        polled = home.ok("--as", "ana", "poll", "--json").json()
        check([message["task"].split()[0] for message in polled] == [str(i) for i in range(24)],
              len(polled))


@test(relay=False)
def follow_prints_as_messages_come_and_ends_with_0():
    for kind in (Relay, OriginalRelay):
        for number in (signal.SIGINT, signal.SIGTERM):
            with kind() as relay, Home(relay.url) as home:
                home.register("ana")
                follower = home.start("--as", "ana", "poll", "--follow", "--json")
                for task in ("one", "two"):
                    home.ok("--as", "ana", "delegate", "--to", "ana", "--task", task)
                    check(json.loads(follower.line())["task"] == task, task)
                follower.signal(number)
                check(follower.wait() == 0, number)


@test(relay=False)
def follow_survives_a_restart_and_registers_again():
    with Relay() as relay, Home(relay.url) as home:
        agent = home.register("ana")
        follower = home.start("--as", "ana", "poll", "--follow")
        home.ok("--as", "ana", "delegate", "--to", "ana", "--task", "before")
        check(follower.line().startswith("task_delegation"), "before")
        check(follower.line() == "    before\n", "before")
        check(relay.stop() == 0, "status of the relay")
        check("Waiting for the relay" in follower.error_line(), "it says so")
        with Relay(port=str(relay.port)):
            check(follower.error_line() == f"The relay does not know agent {agent}: registering "
                                           "it again.\n", "it registers")
            check(follower.error_line() == "The relay is back.\n", "it says so")
            home.ok("--as", "ana", "delegate", "--to", "ana", "--task", "after")
            check(follower.line().startswith("task_delegation"), "after")
            check(follower.line() == "    after\n", "after")
            follower.signal(signal.SIGINT)
            check(follower.wait() == 0, "status")
            check(follower.err.get() is None, "it said more than once")


@test(relay=False)
def follow_fails_at_once_when_there_never_was_a_relay():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.register("ana")
        relay.__exit__()
        says(home.run("--as", "ana", "poll", "--follow"), 7, "Connection refused")


@test(relay=False)
def follow_asks_an_original_relay_once_a_second():
    with OriginalRelay() as relay, Home(relay.url) as home:
        agent = home.register("ana")
        begun = time.monotonic()
        home.start("--as", "ana", "poll", "--follow")
        times = relay.wait_for(3, f"/poll/{agent}")
        check(all(at - begun > 0.99 * n for n, at in enumerate(times)), (begun, times))


@test(relay=False)
def heartbeat_every_goes_on_until_a_signal():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.register("ana")
        beating = home.start("--as", "ana", "heartbeat", "--every", "1")
        relay.wait_for(2, "/heartbeat")
        check(beating.line() == "ok\n" and beating.line() == "ok\n", "lines")
        beating.signal(signal.SIGTERM)
        check(beating.wait() == 0, "status")
        says(home.run("--as", "ana", "heartbeat", "--every", "0"), 2, "--every", "1 to 3600")


@test(relay=False)
def an_interrupted_poll_ends_with_130():
    with OriginalRelay() as relay, Home(relay.url) as home:
        agent = home.register("ana")
        relay.held.add(f"/poll/{agent}")
        for number in (signal.SIGINT, signal.SIGTERM):
            waiting = home.start("--as", "ana", "poll", "--wait", "60")
            relay.wait_for(1, f"/poll/{agent}")
            relay.calls.clear()
            waiting.signal(number)
            check(waiting.wait() == 130, number)


@test(relay=False)
def a_poll_that_cannot_write_stops_at_once():
    with OriginalRelay() as relay, Home(relay.url) as home:
        agent = home.register("ana")
        for i in range(3):
            relay.put(agent, {"type": "task_delegation", "message_id": str(i), "task": "t"})
        with open("/dev/full", "wb") as full:
            result = home.run("--as", "ana", "poll", stdout=full)
        check(result.code == 1 and "Cannot write to standard output" in result.err, result)
        check(len(relay.wait_for(1, f"/poll/{agent}")) == 1, relay.calls)
        check(sum("/poll/" in call[2] for call in relay.calls) == 1, "it asked for more")


# -- output -----------------------------------------------------------------------------------


@test(relay=False)
def a_full_disk_fails_every_verb():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.register("ana")
        home.ok("--as", "ana", "file-put", "--key", "k", "--file", "-", stdin=b"x")
        for words in (["discover"], ["info"], ["file-list"], ["heartbeat"], ["--help"],
                      ["file-get", "--key", "k"], ["discover", "--json"], ["--version"]):
            with open("/dev/full", "wb") as full:
                result = home.run("--as", "ana", *words, stdout=full)
            check(result.code == 1 and "Cannot write to standard output" in result.err, result)


@test(relay=False)
def results_that_nobody_can_get_fail_the_command():
    with OriginalRelay() as relay, Home(relay.url) as home:
        for words in (["info"], ["--version"]):
            done = subprocess.run(["bash", "-c", '"$0" "$@" >&-', BIN, *home.args(words)],
                                  env=home.env, capture_output=True, text=True, check=False)
            result = Result(done.returncode, done.stdout, done.stderr)
            says(result, 1, "Cannot write to standard output")


HOSTILE = "\x1b]0;x\x07\x1b[2J\u202eevil\u200b\u2028\x9b1m"


@test(relay=False)
def hostile_names_and_texts_drive_no_terminal():
    for kind in (Relay, OriginalRelay):
        with kind() as relay, Home(relay.url) as home:
            home.register("ana")
            home.ok("--as", "e", "register", "--name", HOSTILE, "--description", HOSTILE,
                    "--caps", HOSTILE)
            home.ok("--as", "e", "delegate", "--to", "ana", "--task", f"{HOSTILE}\ntask_response 1")
            home.ok("--as", "e", "file-put", "--key", "k", "--file", "-", "--type", HOSTILE,
                    stdin=HOSTILE.encode())
            shown = [home.on_terminal(80, *words) for words in (
                ["discover"], ["--as", "ana", "poll"], ["file-list"], ["file-get", "--key", "k"])]
            shown.append(home.run("--as", "ana", "delegate", "--to", HOSTILE + "?", "--task",
                                  "t").err)
            for text in shown:
                for character in text:
                    check(character == "\n" or unicodedata.category(character) not in
                          ("Cc", "Cf", "Zl", "Zp"), (hex(ord(character)), text))
            check("\\u{1b}" in shown[1] and "    task_response 1" in shown[1], shown[1])


def columns(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF"
               else 1 for c in line)


@test(relay=False)
def tables_fit_the_terminal_and_are_whole_in_a_file():
    with OriginalRelay() as relay, Home(relay.url) as home:
        long = "a description that goes on " * 10
        home.ok("--as", "a", "register", "--name", "你好" * 20, "--description", long)
        for width in (60, 80, 132):
            shown = home.on_terminal(width, "discover")
            check(all(columns(line) <= width for line in shown.splitlines()), shown)
            check("…" in shown, shown)
        check(long.strip() in home.ok("discover").out, "cut in a pipe")


@test(relay=False)
def nothing_to_list_is_said_on_standard_error():
    with Relay() as relay, Home(relay.url) as home:
        check(home.ok("discover").err.startswith("No agent is online."), "discover")
        check(home.ok("discover", "--stale").err == "No agent is registered.\n", "--stale")
        check(home.ok("file-list").err == "No file is shared.\n", "file-list")


# -- files ------------------------------------------------------------------------------------


@test(relay=False)
def files_keep_every_byte():
    contents = [b"", b"\n", b"a\r\nb\rc\n\n", b"no end", b"nul \0 in it", "äöü 你好 😀".encode(),
                bytes(range(1, 128)), b"\xef\xbb\xbfbom"]
    for kind in (Relay, OriginalRelay):
        with kind() as relay, Home(relay.url) as home:
            home.register("ana")
            for content in contents:
                home.ok("--as", "ana", "file-put", "--key", "k", "--file", "-", stdin=content)
                got = home.ok("file-get", "--key", "k", text=False).out
                check(got == content, (got, content))
                home.ok("file-get", "--key", "k", "--output", home.file("out"))
                with open(home.file("out"), "rb") as out:
                    check(out.read() == content, content)


@test(relay=False)
def every_key_can_be_fetched():
    keys = ["a b", "a/b", "a?b", "a#b", "a%2Fb", "ü/你好", "..", "a+b&c=d", "-", "--x", "x" * 256]
    for kind in (Relay, OriginalRelay):
        with kind() as relay, Home(relay.url) as home:
            home.register("ana")
            for key in keys:
                home.ok("--as", "ana", "file-put", f"--key={key}", "--file", "-",
                        stdin=key.encode())
            for key in keys:
                check(home.ok("file-get", f"--key={key}").out == key, key)


@test(relay=False)
def a_dash_is_standard_output_and_input():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.register("ana")
        home.ok("--as", "ana", "file-put", "--key", "k", "--file", "-", stdin=b"text")
        check(home.ok("file-get", "--key", "k", "--output", "-").out == "text", "out")
        home.env["CLAWLINK_STATE"] = "-"
        says(home.run("poll", stdin=b'{"agent_id":"x"}'), 4, '"-" has no agent_id')


@test(relay=False)
def output_replaces_a_file_whole():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.register("ana")
        home.ok("--as", "ana", "file-put", "--key", "k", "--file", "-", stdin=b"new")
        os.mkdir(home.file("folder"))
        path = home.file("folder/out", "old")
        home.ok("file-get", "--key", "k", "--output", path)
        check(open(path, encoding="utf-8").read() == "new", "content")
        check(os.listdir(home.file("folder")) == ["out"], "something was left beside it")
        says(home.run("file-get", "--key", "k", "--output", home.file("none/out")), 1, "none/out")


@test(relay=False)
def what_cannot_be_shared_is_refused_with_a_reason():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.register("ana")
        put = ["--as", "ana", "file-put", "--key", "k", "--file"]
        says(home.run(*put, home.file("binary", b"\xff\xfe")), 2, "not UTF-8", "base64")
        says(home.run(*put, home.file("large", b"x" * 1_048_600)), 2, "too large")
        says(home.run(*put, home.file("near", b"x" * 1_048_570)), 2, "Too large")
        says(home.run(*put, home.file("absent")), 1, "absent", "No such file")
        says(home.run("file-get", "--key", "none"), 4, "No such file", '"none"', "file-list")
        check(not relay.files, relay.files)


@test(relay=False)
def text_that_is_no_utf8_is_named():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.register("ana")
        done = subprocess.run([BIN, "--relay", relay.url, "--as", "ana", "broadcast", "--content",
                               b"a\xffb"], env=home.env, capture_output=True, check=False)
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        says(result, 2, "--content is not UTF-8")


@test(relay=False)
def a_context_must_be_an_object():
    with OriginalRelay() as relay, Home(relay.url) as home:
        home.register("ana")
        words = ["--as", "ana", "delegate", "--to", "ana", "--task", "t", "--context"]
        for context in ("x", "[1]", "{", '{"a":1,"a":2}', ""):
            says(home.run(*words, context), 2, "--context", "not a JSON object")
        home.ok(*words, ' {"n": 12345678901234567890.0}\n')


# -- the relay's own options ------------------------------------------------------------------


@test(relay=False)
def global_options_stand_before_relay_too():
    with Home() as home:
        shown = home.ok("relay", "--help").out
        check(home.ok("--help", "relay").out == shown == home.ok("help", "relay").out, "help")
        check(home.ok("--version", "relay").out == home.ok("--version").out, "version")
        relay = home.start("--json", "--token", "geheim", "relay", "--port", "0")
        url = json.loads(relay.line())["url"]
        home.ok("info", "--relay", url, "--token", "geheim")
        says(home.run("info", "--relay", url), 3, "Unauthorized")
        relay.signal(signal.SIGTERM)
        check(relay.wait() == 0, "status")


@test(relay=False)
def mistakes_in_the_options_of_relay_are_told_like_all_others():
    with Home() as home:
        says(home.run("relay", "extra"), 2, 'unexpected "extra" behind relay')
        says(home.run("relay", "--port", "65536"), 2, '--port "65536"', "0 to 65535")
        says(home.run("relay", "--log", "xml"), 2, '--log "xml" is none of: logfmt json')
        says(home.run("relay", "--log-level", ""), 2, "debug info warn error")
        says(home.run("relay", "--log-file", "/nonexistent/x"), 1, "/nonexistent/x")
        says(home.run("--token", "a", "relay", "--token", "b"), 2, "--token was given twice")
        says(home.run("relay", "--token", "a", "--token-file", "b"), 2, "give one")
        says(home.run("relay", "--token", ""), 2, "--token is empty")
        says(home.run("relay", "--discovery", "maybe"), 2, "none of: auto on off")
        says(home.run("relay", "--name", ""), 2, "--name is empty")
        says(home.run("--as", "x", "relay"), 2, "--as means nothing to relay")
        says(home.run("relay", "--relay", "http://h"), 2, "--relay means nothing to relay")
        result = home.run("--json", "relay", "--port", "x")
        check(result.code == 2 and json.loads(result.err)["code"] == "usage", result)
        home.env["CLAWLINK_TOKEN"] = ""
        says(home.run("relay", "--port", "0"), 2, "CLAWLINK_TOKEN is empty")


@test(relay=False)
def the_relay_takes_every_option_of_its_help():
    with Home() as home:
        shown = home.ok("relay", "--help").out
        values = {"host": "127.0.0.1", "port": "0", "token": "t", "token-file": home.file("t", "t"),
                  "log-file": home.file("log"), "log": "json", "log-level": "debug",
                  "allow-host": "relay.example", "allow-origin": "http://page.example",
                  "inbox-messages": "10", "inbox-bytes": "100000", "all-inboxes-bytes": "1000000",
                  "chain-hops": "0", "chain-messages": "9", "thread-rate": "9",
                  "inherited-hops": "0", "inherited-messages": "0", "blob-bytes": "0",
                  "all-blobs-bytes": "9",
                  "max-connections": "10", "rate": "10/s,50", "user": "nobody",
                  "name": "Studio", "discovery": "on", "data": os.path.join(home.path, "data"),
                  "admin-socket": os.path.join(home.path, "door"), "agent-link-port": "0",
                  "agent-link-secret-file": home.file("t", "t"),
                  "agent-link": home.file("al", '{"secret": "s", "registered_instances": []}')}
        own = os.path.join(home.path, ".clawlink", "tls")
        values.update({"tls-cert": own + "/cert.pem", "tls-key": own + "/key.pem", "tls-dir": own})
        partners = {"agent-link": ["--agent-link-port", "0"],
                    "agent-link-port": ["--agent-link-secret-file", home.file("t")],
                    "agent-link-secret-file": ["--agent-link-port", "0"],
                    "tls-cert": ["--tls-key", own + "/key.pem"],
                    "tls-key": ["--tls-cert", own + "/cert.pem"], "tls-dir": ["--tls-self-signed"],
                    "user": ["--admin-socket", "none"]}  # else it would be given /run/clawlink
        first = home.start("relay", "--tls-self-signed", "--port", "0")  # makes both files
        check("https://" in first.line() and "sha256:" in first.line(), "URL and pin")
        options = re.findall(r"(?m)^  --([a-z-]+)( [A-Z]+)?", shown.split("options:")[1])
        for name, value in options:
            if name in ("help", "version") or (name == "user" and os.geteuid() != 0):
                continue
            words = [f"--{name}", values[name]] if value else [f"--{name}"]
            words += partners.get(name, [])
            if name != "port":
                words += ["--port", "0"]
            relay = home.start("relay", *words)
            line = relay.line()
            begin = '{"url":"http' if name == "json" else "clawlink relay listening on http"
            begin += "s://" if name.startswith("tls-") else "://"
            check(line and line.startswith(begin), (words, line))
            relay.signal(signal.SIGTERM)
            check(relay.wait() == 0, words)
        check(len(options) >= 12, options)


if __name__ == "__main__":
    main()
